"""Gates of the simulator: how each kind acts on amplitudes.

Three facts make a batch fast. A rotation by one angle is diagonal after a fixed change
of basis, whatever its axis, so a gate whose angle differs from row to row is a phase
for each amplitude: with P = VZV†, where V's columns are eigenvectors of P,

    exp(−iθP/2) = V exp(−iθZ/2) V† = V diag(exp iθp) V†,    p = (−1/2, 1/2),

and for a word P₁⊗P₂⊗… p is −1/2 times the product of the signs of the bits, in the
basis V₁⊗V₂⊗…. A control is an axis Z whose p is 0 where it does not have its value. V
does not depend on θ: it goes, once for all rows, into the matrices before and after.
Gates that only permute basis states, up to signs, are one gather.
All else on few wires is a small matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.hardware.structure import Gate, known_name

Matrix: TypeAlias = NDArray[np.complex128]

IDENTITY: Matrix = np.eye(2, dtype=complex)
TO_X: Matrix = np.array([[1, 1], [1, -1]], dtype=complex) / np.sqrt(2)
TO_Y: Matrix = np.array([[1, 1], [1j, -1j]], dtype=complex) / np.sqrt(2)
BASES = {"X": TO_X, "Y": TO_Y, "Z": IDENTITY, "I": IDENTITY}
"""Columns are eigenvectors, +1 first, of each Pauli matrix."""


@frozen(eq=False)
class Rotation:
    """exp(i·angle·phases) after a change of basis on each wire: V D V†.

    Args:
        wires: Positions of the wires.
        slot: Position of the angle.
        phases: (2ᵏ,) for k wires, the phase of each basis state at angle 1.
        bases: For each wire the 2×2 matrix V.
    """

    wires: tuple[int, ...]
    slot: int
    phases: NDArray[np.float64]
    bases: tuple[Matrix, ...]


@frozen(eq=False)
class Constant:
    """A fixed gate on one wire.

    Args:
        wire: Position of the wire.
        matrix: 2×2.
    """

    wire: int
    matrix: Matrix


@frozen(eq=False)
class Monomial:
    """A fixed gate that permutes basis states and multiplies them by phases.

    Args:
        wires: Positions of the wires.
        sources: (2ᵏ,): amplitude i of the result comes from sources[i].
        factors: (2ᵏ,): what it is multiplied by.
    """

    wires: tuple[int, ...]
    sources: NDArray[np.int64]
    factors: Matrix


@frozen(eq=False)
class Dense:
    """Any other gate, as a matrix that PennyLane computes from its numbers.

    Args:
        wires: Positions of the wires.
        slots: Positions of its numbers; none for a fixed gate.
        operation: The PennyLane operation to be given new numbers.
        matrix: (2ᵏ, 2ᵏ) of a fixed gate.
    """

    wires: tuple[int, ...]
    slots: tuple[int, ...]
    operation: Any
    matrix: Matrix | None = field(default=None)


Action: TypeAlias = Rotation | Constant | Monomial | Dense


def _signs(count: int) -> NDArray[np.float64]:
    """(2ᵏ,) eigenvalues of Z…Z on k wires."""
    signs = np.ones(1)
    for _ in range(count):
        signs = np.concatenate([signs, -signs])
    return signs


def _half(word: str) -> Callable[[Any], tuple[NDArray[np.float64], str]]:
    return lambda operation: (-_signs(len(word)) / 2, word)


def _controlled(word: str) -> Callable[[Any], tuple[NDArray[np.float64], str]]:
    return lambda operation: (np.array([0, 0, -0.5, 0.5]), "Z" + word)


def _pauli_rotation(operation: Any) -> tuple[NDArray[np.float64], str]:
    word = operation.hyperparameters["pauli_word"]
    signs = np.ones(1)
    for letter in word:
        pattern = np.ones(2) if letter == "I" else np.array([1.0, -1.0])
        signs = np.kron(signs, pattern)
    return -signs / 2, word


_ROTATIONS: dict[str, Callable[[Any], tuple[NDArray[np.float64], str]]] = {
    "RX": _half("X"),
    "RY": _half("Y"),
    "RZ": _half("Z"),
    "IsingXX": _half("XX"),
    "IsingYY": _half("YY"),
    "IsingZZ": _half("ZZ"),
    "CRX": _controlled("X"),
    "CRY": _controlled("Y"),
    "CRZ": _controlled("Z"),
    "PhaseShift": lambda operation: (np.array([0.0, 1.0]), "Z"),
    "U1": lambda operation: (np.array([0.0, 1.0]), "Z"),
    "ControlledPhaseShift": lambda operation: (np.array([0.0, 0, 0, 1]), "ZZ"),
    "CPhaseShift00": lambda operation: (np.array([1.0, 0, 0, 0]), "ZZ"),
    "CPhaseShift01": lambda operation: (np.array([0.0, 1, 0, 0]), "ZZ"),
    "CPhaseShift10": lambda operation: (np.array([0.0, 0, 1, 0]), "ZZ"),
    "MultiRZ": lambda operation: (
        -_signs(len(operation.wires)) / 2,
        "Z" * len(operation.wires),
    ),
    "PauliRot": _pauli_rotation,
}
"""For each gate of one angle: its phases at angle 1, and the axis on each wire."""


WRAPPERS = (qml.ops.Controlled, qml.ops.Pow, qml.ops.op_math.Adjoint)


def is_rotation(operation: Any) -> bool:
    """Whether `rotation` knows it."""
    while known_name(operation) not in _ROTATIONS and isinstance(operation, WRAPPERS):
        if isinstance(operation, qml.ops.Pow) and not isinstance(
            operation.z, int | float
        ):
            return False
        operation = operation.base
    return known_name(operation) in _ROTATIONS


def _rotation(operation: Any) -> tuple[NDArray[np.float64], str]:
    """Phases at angle 1, and the axis on each wire.

    A control is an axis Z, and lets the phases be only where it has its value; an
    adjoint turns them round, a power multiplies them.
    """
    if known_name(operation) in _ROTATIONS:
        return _ROTATIONS[operation.name](operation)
    phases, word = _rotation(operation.base)
    if isinstance(operation, qml.ops.Pow):
        return phases * np.float64(operation.z), word
    if isinstance(operation, qml.ops.op_math.Adjoint):
        return -phases, word
    active = np.ones(1)
    for value in operation.control_values:
        active = np.kron(active, np.array([not value, value], dtype=float))
    phases = np.kron(active, phases).astype(np.float64)
    return phases, "Z" * len(operation.control_values) + word


Acting: TypeAlias = Callable[[Gate], tuple[Action, ...]]


def acting(operation: Any) -> Acting:
    """How gates of one kind act on amplitudes, wherever they stand.

    Args:
        operation: An operation of a native kind; its own numbers mean nothing.

    Returns:
        For a gate of that kind one action, but three rotations for a `Rot`.
    """
    name = known_name(operation)
    if name == "Rot":
        half = -_signs(1) / 2
        return lambda gate: tuple(
            Rotation(gate.wires, slot, half, (BASES[axis],))
            for slot, axis in zip(gate.slots, "ZYZ", strict=True)
        )
    if name == "GlobalPhase":
        both = np.array([-1.0, -1.0])
        return lambda gate: (Rotation((0,), gate.slots[0], both, (IDENTITY,)),)
    if is_rotation(operation):
        phases, word = _rotation(operation)
        bases = tuple(BASES[letter] for letter in word)
        return lambda gate: (Rotation(gate.wires, gate.slots[0], phases, bases),)
    if name == "Identity":
        return lambda gate: (Constant(gate.wires[0], IDENTITY),)
    if operation.data:
        return lambda gate: (Dense(gate.wires, gate.slots, rebindable(gate.operation)),)
    matrix = np.asarray(operation.matrix(), dtype=complex)
    if len(operation.wires) == 1:
        return lambda gate: (Constant(gate.wires[0], matrix),)
    filled = np.abs(matrix) > 1e-12
    if (filled.sum(0) == 1).all() and (filled.sum(1) == 1).all():
        sources = filled.argmax(1)
        factors = matrix[np.arange(len(matrix)), sources]
        return lambda gate: (Monomial(gate.wires, sources, factors),)
    return lambda gate: (Dense(gate.wires, (), gate.operation, matrix),)


def rebindable(operation: Any) -> Any:
    """The same operation, of a kind that takes new numbers without loss.

    PennyLane forgets a `ControlledQubitUnitary`'s control values (0.45).
    """
    if isinstance(operation, qml.ControlledQubitUnitary):
        return qml.ops.Controlled(
            operation.base, operation.control_wires, operation.control_values
        )
    return operation
