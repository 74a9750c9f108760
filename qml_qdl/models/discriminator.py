"""Quantum discriminators: real or generated?"""

from __future__ import annotations

import pennylane as qml
import torch
from torch import Tensor, nn

from qml_qdl.circuits import Block, Circuit, Expectation
from qml_qdl.circuits.circuit import as_circuit
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    ShapeError,
)
from qml_qdl.circuits.validation import validate_call
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots


@validate_call
class QuantumDiscriminator(nn.Module):
    """A discriminator that is a circuit: its logit is a ⟨Z⟩, scaled and shifted.

    Args:
        circuit: U(x, θ) that reads a sample; its readout is replaced by ⟨Z⟩ of the
            last wire, where a quantum convolutional network ends.
        target: Where the circuit runs; None means "auto".
        shots: Number of shots; None or "keep" for exact values.
        diff_method: How gradients are computed, as in `QuantumLayer`.
        generator: Random numbers for the initial weights; None for torch's own.

    Shape:
        - Input: (rows, ...), as many numbers a row as the circuit has inputs.
        - Output: (rows,), logits.

    Raises:
        ArgumentError: The circuit reads no inputs.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import AmplitudeEncoding, StronglyEntangling
        >>> from qml_qdl.models import QuantumDiscriminator
        >>> U = StronglyEntangling(6) @ AmplitudeEncoding(6)
        >>> QuantumDiscriminator(U)(torch.rand(3, 1, 8, 8)).shape
        torch.Size([3])
    """

    def __init__(
        self,
        circuit: Circuit | Block,
        *,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        circuit = as_circuit(circuit)
        if not circuit.num_inputs:
            raise ArgumentError(
                "circuit: expected one that reads samples, got one without inputs; "
                "put an encoding before it"
            )
        self.layer = QuantumLayer(
            circuit.with_readout(Expectation(qml.Z(circuit.wires[-1]))),
            target=target,
            shots=shots,
            diff_method=diff_method,
            generator=generator,
        )
        self.scale = nn.Parameter(torch.ones(()))
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, samples: Tensor) -> Tensor:
        """Logits: large for samples taken for real.

        Args:
            samples: (rows, ...).

        Returns:
            (rows,).

        Raises:
            ShapeError: The samples have no rows of features, or not as many features
                as the circuit reads.
        """
        if samples.ndim < 2:
            raise ShapeError(
                f"samples: expected the shape (rows, ...), got {tuple(samples.shape)}; "
                "give each sample a row, with .reshape(-1, 1) say"
            )
        values: Tensor = self.layer(samples.flatten(1))[..., 0]
        return values * self.scale.to(values) + self.shift.to(values)


def fidelity(first: Tensor, second: Tensor) -> Tensor:
    """`|⟨first|second⟩|²` of state vectors: what a swap test estimates.

    Args:
        first: (..., 2ⁿ).
        second: (..., 2ⁿ).

    Returns:
        (...), from 0 to 1.

    Raises:
        DataError: A state has another norm than 1.
        ShapeError: The states are of different size.

    Example:
        >>> import torch
        >>> first, second = torch.tensor([1.0, 0.0]), torch.tensor([0.6, 0.8])
        >>> round(float(fidelity(first, second)), 4)
        0.36
    """
    for name, state in (("first", first), ("second", second)):
        if not isinstance(state, Tensor):
            raise ArgumentTypeError(f"{name}: expected a tensor, got {type(state)}")
    if not first.ndim or first.shape[-1:] != second.shape[-1:]:
        raise ShapeError(
            f"first, second: expected states of one size, got {tuple(first.shape)} and "
            f"{tuple(second.shape)}"
        )
    kind = torch.promote_types(first.dtype, second.dtype)
    for name, state in (("first", first), ("second", second)):
        norms = state.detach().to(torch.complex128).abs().square().sum(-1)
        if not bool(((norms - 1).abs() < 1e-2).all()):
            raise DataError(
                f"{name}: expected states of norm 1, got {float(norms.max()):g} as the "
                "square of a norm; divide them by their norms"
            )
    overlap = (first.to(kind).conj() * second.to(kind)).sum(-1)
    return overlap.abs().square()


def quantum_wasserstein(generated: Tensor, real: Tensor) -> Tensor:
    """Quantum Wasserstein semimetric of pure states: `(1 − |⟨g|r⟩|²) / 2`.

    With the projector onto the antisymmetric space as cost, as Chakrabarti et al. 2019
    (arXiv:1911.00111) take it, the optimal coupling of pure states is their product,
    whose cost is this.

    Args:
        generated: State vectors (..., 2ⁿ).
        real: State vectors (..., 2ⁿ).

    Returns:
        (...), from 0 to 1/2; zero for equal states.

    Raises:
        ShapeError: The states are of different size.

    Example:
        >>> import torch
        >>> state = torch.tensor([1.0, 0.0])
        >>> float(quantum_wasserstein(state, state.flip(0)))
        0.5
    """
    return (1 - fidelity(generated, real)) / 2
