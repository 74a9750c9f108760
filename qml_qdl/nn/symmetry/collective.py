"""The permutation-equivariant circuit in n + 1 dimensions instead of 2ⁿ."""

from __future__ import annotations

import torch
from torch import Tensor

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.symmetry.collective import spin_matrices
from qml_qdl.circuits.validation import check_count
from qml_qdl.nn.options import check_floating


def collective_magnetization(weights: Tensor, num_wires: int) -> Tensor:
    """⟨ΣZ⟩/n after `permutation_equivariant` circuits on `|0…0⟩`, exactly.

    `|0…0⟩` is symmetric under permutations, and the circuit keeps it so: n + 1 states
    of total spin n/2 are enough, and a hundred wires are quick. Batches of weights run
    at once, and gradients of all orders flow.

    Args:
        weights: (..., layers, 3), real angles in radians, as those of the circuit.
        num_wires: n, 1 or more.

    Returns:
        (...), from −1 to 1, of the weights' dtype.

    Raises:
        ShapeError: The weights have another shape.
        ArgumentTypeError: The weights are not floating.
        ArgumentError: `num_wires` is below 1.

    Example:
        >>> half_turn = torch.tensor([[torch.pi / 2, 0, 0]])
        >>> round(float(collective_magnetization(half_turn, 100)), 4)
        -1.0
    """
    check_count("num_wires", num_wires)
    check_floating("weights", weights)
    if weights.ndim < 2 or weights.shape[-1] != 3:
        raise ShapeError(
            "weights: expected (..., layers, 3), angles of ΣX, ΣY and ΣZZ, got "
            f"{tuple(weights.shape)}"
        )
    x, y, z = torch.from_numpy(spin_matrices(num_wires + 1)).to(weights.device)
    # In the eigenbasis of each generator its gate is a phase; diagonalised in double.
    bases, phases = [], []
    for generator in (2 * x, 2 * y, (4 * z @ z - num_wires * torch.eye(len(z))) / 2):
        values, vectors = torch.linalg.eigh(generator)
        phases.append(values.to(weights.dtype))
        bases.append(vectors.to(weights.dtype.to_complex()))
    state = torch.zeros(
        *weights.shape[:-2], num_wires + 1, dtype=bases[0].dtype, device=weights.device
    )
    state[..., 0] = 1
    for layer in weights.unbind(-2):
        for angle, basis, values in zip(layer.unbind(-1), bases, phases, strict=True):
            turned = torch.exp(-1j * angle[..., None] * values)
            state = (turned * (state @ basis.conj())) @ basis.T
    levels = torch.diagonal(z).real.to(weights.dtype) * (2 / num_wires)
    return (state.abs().square() * levels).sum(-1)
