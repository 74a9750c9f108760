"""Initial weights of circuits, by named distributions."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from qml_qdl.circuits.circuit import Block, Circuit, as_circuit
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import MOST_SEED, check_choice, check_count


def gaussian_std(circuit: Circuit) -> float:
    """The standard deviation γ that keeps gradients from vanishing with the depth.

    Zhang et al. 2022, arXiv:2203.09376, bound the gradient from below for angles
    sampled with γ² = 1 / (4S(L + 2)), in L layers read out by an observable on S wires.
    Their bound holds for their layers; the same rule is taken over to any circuit by
    counting rotations for depth: L + 2 stands for the number of trained angles divided
    by the number of wires, rounded up, shared ones counted at each occurrence. S is the
    most wires that one Pauli word of the readout acts on, or all of them for readouts
    other than expectation values.

    Args:
        circuit: The circuit.

    Returns:
        γ in radians.

    Example:
        >>> from qml_qdl.circuits import BasicEntangler
        >>> gaussian_std(BasicEntangler(4, layers=4) @ BasicEntangler(4, layers=5))
        0.16666666666666666
    """
    angles = sum(
        math.prod(block.weight_shape)
        for block in circuit.blocks
        if block.weight_shape is not None and block.initial_weight is None
    )
    locality = circuit.readout.locality(circuit.wires)
    turns = max(1, math.ceil(angles / len(circuit.wires)))
    return 1 / math.sqrt(4 * locality * turns)


_STDS = MappingProxyType({"normal": 1.0, "near_identity": 0.1, "zeros": 0.0})
"""Standard deviations of the methods that depend on nothing, in radians."""

INITIALIZERS = ("uniform", *_STDS, "gaussian")
"""The names of the methods."""


def initial_angles(
    shape: tuple[int, ...],
    method: str,
    rng: np.random.Generator,
    circuit: Circuit | None = None,
) -> NDArray[np.float64]:
    """Samples one tensor of angles.

    Args:
        shape: The tensor's shape.
        method: One of `INITIALIZERS`, as `initial_weights` describes them.
        rng: Where random numbers come from.
        circuit: The circuit the angles belong to, which "gaussian" needs.

    Returns:
        Angles in radians.

    Raises:
        ArgumentError: The method is unknown, or needs a circuit and has none.
    """
    check_choice("method", method, INITIALIZERS)
    if method == "uniform":
        return rng.uniform(0.0, 2 * np.pi, shape)
    if method != "gaussian":
        return rng.normal(0.0, _STDS[method], shape)
    if circuit is None:
        raise ArgumentError(
            "method: 'gaussian' depends on the depth of a Circuit, which a QNode does "
            "not tell; choose another initialiser"
        )
    return rng.normal(0.0, gaussian_std(circuit), shape)


def initial_weights(
    circuit: Circuit | Block,
    method: str = "uniform",
    *,
    seed: int | np.random.Generator | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Samples the weights that training starts from.

    The methods, all angles in radians and independent of one another:

    - "uniform": evenly from [0, 2π).
    - "normal": normal, of mean 0 and standard deviation 1.
    - "zeros": all 0. Gradients of some angles may vanish there by symmetry.
    - "near_identity": normal, of mean 0 and standard deviation 0.1, so that every
      trained gate is near the identity. Entangling gates without an angle stay what
      they are: the circuit is near its own skeleton, which is the identity only if they
      cancel, as Grant et al. 2019, arXiv:1903.05076, arrange it. It does not promise
      large gradients: the angles do not shrink with the depth.
    - "gaussian": normal, of mean 0 and the standard deviation `gaussian_std`, which
      shrinks with the depth and with the wires of an observable (Zhang et al. 2022,
      arXiv:2203.09376).

    Weights that are no angles but factors on the features start from the encoding's
    `scaling`, whatever the method.

    Args:
        circuit: The circuit, or a block.
        method: One of `INITIALIZERS`.
        seed: A seed of 0 or more, a generator (which moves on), or None for a new
            sample each time.

    Returns:
        For each name in `circuit.weight_shapes` an array of that shape; weights shared
        under one name are one array.

    Raises:
        ArgumentError: The method is unknown, or the seed is negative.
        ArgumentTypeError: The circuit is none, or the seed none of the above.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding, BasicEntangler
        >>> U = BasicEntangler(2) @ AngleEncoding(2, scaling=2, trainable_scaling=True)
        >>> initial_weights(U, "zeros")
        {'scaling_0': array([2., 2.]), 'weights_0': array([[0., 0.]])}
    """
    check_choice("method", method, INITIALIZERS)
    if seed is not None and not isinstance(seed, np.random.Generator):
        check_count("seed", seed, 0, MOST_SEED)
    circuit = as_circuit(circuit)
    rng = np.random.default_rng(seed)
    weights: dict[str, NDArray[np.float64]] = {}
    for name, block in zip(circuit.weight_names, circuit.blocks, strict=True):
        if name is None or block.weight_shape is None or name in weights:
            continue
        if block.initial_weight is None:
            weights[name] = initial_angles(block.weight_shape, method, rng, circuit)
        else:
            weights[name] = np.full(block.weight_shape, block.initial_weight)
    return weights
