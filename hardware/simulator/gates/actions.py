"""Gates of the simulator: how each kind acts on amplitudes.

Three facts make a batch fast. A rotation by one angle is diagonal after a fixed change
of basis, whatever its axis, so a gate whose angle differs from row to row is a phase
for each amplitude: with P = VZV†, where V's columns are eigenvectors of P,

    exp(−iθP/2) = V exp(−iθZ/2) V† = V diag(exp iθp) V†,    p = (−1/2, 1/2),

and for a word P₁⊗P₂⊗… p is −1/2 times the product of the signs of the bits, in the
basis V₁⊗V₂⊗…. A control is an axis Z whose p is 0 where it does not have its value. V
does not depend on θ: it goes, once for all rows, into the matrices before and after.
Gates that only permute basis states, up to signs, are one gather.
A diagonal of many numbers is a factor for each amplitude; a matrix under controls acts
on the amplitudes that have the controls' values. All else on few wires is a small
matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
import torch
from attrs import field, frozen
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.hardware.simulator.gates.monomials import moves, number_of
from qml_qdl.hardware.simulator.states import phases_of
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


@frozen(eq=False)
class Controlled:
    """A matrix on some wires where others have their values; else nothing.

    Args:
        controls: Positions of the wires that are asked.
        values: For each the value that it must have, 0 or 1.
        target: The matrix, and the wires that it acts on.
    """

    controls: tuple[int, ...]
    values: tuple[int, ...]
    target: Dense

    @property
    def wires(self) -> tuple[int, ...]:
        """All wires."""
        return self.controls + self.target.wires

    @property
    def slots(self) -> tuple[int, ...]:
        """Positions of its numbers."""
        return self.target.slots


@frozen(eq=False)
class Entries:
    """A diagonal gate of an array of numbers.

    Args:
        wires: Positions of the wires.
        slots: Position of the array.
        entries: Makes the entries, (…, 2ᵏ), of the array, (…, m).
    """

    wires: tuple[int, ...]
    slots: tuple[int, ...]
    entries: Callable[[Tensor], Tensor]


Given: TypeAlias = Dense | Controlled | Entries
"""Gates whose matrices, or diagonals, are made before a run."""

Action: TypeAlias = Rotation | Constant | Monomial | Given


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


def _projection(operation: Any) -> tuple[NDArray[np.float64], str]:
    """1 for the first basis states, −1 for all others."""
    dimension, size = operation.hyperparameters["dimension"]
    phases = np.where(np.arange(size) < dimension, 1.0, -1.0)
    return phases, "Z" * len(operation.wires)


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
    "GlobalPhase": lambda operation: (
        -np.ones(2 ** len(operation.wires)),
        "Z" * len(operation.wires),
    ),
    "MultiRZ": lambda operation: (
        -_signs(len(operation.wires)) / 2,
        "Z" * len(operation.wires),
    ),
    "PCPhase": _projection,
    "PauliRot": _pauli_rotation,
}
"""For each gate of one angle: its phases at angle 1, and the axis on each wire."""


WRAPPERS = (qml.ops.Controlled, qml.ops.Pow, qml.ops.op_math.Adjoint)


def is_rotation(operation: Any) -> bool:
    """Whether `rotation` knows it."""
    if not operation.wires:
        return False
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


def is_diagonal(operation: Any) -> bool:
    """Whether an array of numbers makes a diagonal of it, in some basis.

    Args:
        operation: A PennyLane operation.
    """
    return known_name(_innermost(operation)) in _DIAGONALS and _is_plain(operation)


def _innermost(operation: Any) -> Any:
    while isinstance(operation, WRAPPERS):
        operation = operation.base
    return operation


def _is_plain(operation: Any) -> bool:
    """Whether no power is of a kind that depends on numbers."""
    while isinstance(operation, WRAPPERS):
        if isinstance(operation, qml.ops.Pow) and not isinstance(
            operation.z, int | float
        ):
            return False
        operation = operation.base
    return True


def _turned_by(angles: Tensor) -> Tensor:
    """exp(∓iθ/2) where the target, the last wire, is 0 or 1."""
    turns = phases_of(angles / 2)
    return torch.stack((turns.conj(), turns), dim=-1).flatten(-2).resolve_conj()


_DIAGONALS: dict[str, Callable[[Tensor], Tensor]] = {
    "DiagonalQubitUnitary": lambda entries: entries,
    "SelectPauliRot": _turned_by,
}


def entries_of(operation: Any) -> Callable[[Tensor], Tensor]:
    """How a diagonal's entries follow from its array, through what is around it.

    Args:
        operation: An operation for which `is_diagonal` is true.

    Returns:
        What makes (…, 2ᵏ) entries, in the gate's basis, of the array, (…, m).
    """
    if known_name(operation) in _DIAGONALS:
        return _DIAGONALS[operation.name]
    inner = entries_of(operation.base)
    if isinstance(operation, qml.ops.Pow):
        return lambda array: inner(array) ** operation.z
    if isinstance(operation, qml.ops.op_math.Adjoint):
        return lambda array: inner(array).conj()
    before = number_of(operation.control_values)
    after = 2 ** len(operation.control_values) - 1 - before

    def padded(array: Tensor) -> Tensor:
        entries = inner(array)
        one = torch.ones_like(entries)
        return torch.cat([*(before * [one]), entries, *(after * [one])], dim=-1)

    return padded


def _parted(operation: Any) -> tuple[tuple[int, ...], Any]:
    """The values of all controls, outermost first, and what they control.

    Adjoints and powers are drawn inside: (1 ⊗ U)† = 1 ⊗ U†, and so for each block.
    """
    if isinstance(operation, qml.ops.Controlled):
        values, core = _parted(operation.base)
        return (*map(int, operation.control_values), *values), core
    if not isinstance(operation, WRAPPERS):
        return (), operation
    values, core = _parted(operation.base)
    if not values:
        return (), operation
    if isinstance(operation, qml.ops.Pow):
        return values, qml.ops.Pow(core, operation.z)
    return values, qml.ops.op_math.Adjoint(core)


def core_wires(operation: Any) -> int:
    """How many wires a gate acts on, without those that only control it."""
    controls = 0
    while isinstance(operation, WRAPPERS):
        if isinstance(operation, qml.ops.Controlled):
            controls += len(operation.control_wires)
        operation = operation.base
    return len(operation.wires)


Acting: TypeAlias = Callable[[Gate], tuple[Action, ...]]

MOST_WHOLE_WIRES = 4
"""Up to so many, one fixed matrix is faster than its blocks (measured)."""


def acting(operation: Any) -> Acting:
    """How gates of one kind act on amplitudes, wherever they stand.

    Args:
        operation: An operation of a native kind that is not made of several others;
            its own numbers mean nothing.

    Returns:
        For a gate of that kind its actions, in order; for nearly all gates one.
    """
    name = known_name(operation)
    if name == "GlobalPhase":
        both = np.array([-1.0, -1.0])
        return lambda gate: (Rotation((0,), gate.slots[0], both, (IDENTITY,)),)
    if is_rotation(operation):
        phases, word = _rotation(operation)
        bases = tuple(BASES[letter] for letter in word)
        return lambda gate: (Rotation(gate.wires, gate.slots[0], phases, bases),)
    if is_diagonal(operation):
        return _diagonal(operation)
    if name == "Identity":
        return lambda gate: (Constant(gate.wires[0], IDENTITY),)
    if not operation.data:
        return _fixed(operation)
    values, core = _parted(operation)
    if values:
        return lambda gate: (_under(gate, values, core),)
    return lambda gate: (Dense(gate.wires, gate.slots, rebindable(gate.operation)),)


def _diagonal(operation: Any) -> Acting:
    entries = entries_of(operation)
    axis = _innermost(operation).hyperparameters.get("rot_axis", "Z")
    basis = BASES[axis]

    def act(gate: Gate) -> tuple[Action, ...]:
        diagonal = Entries(gate.wires, gate.slots, entries)
        if axis == "Z":
            return (diagonal,)
        target = gate.wires[-1]
        return (
            Constant(target, basis.conj().T),
            diagonal,
            Constant(target, basis),
        )

    return act


def _fixed(operation: Any) -> Acting:
    if known_name(operation) == "Permute":  # alike only if all labels are
        return lambda gate: (Monomial(gate.wires, *_moves(gate.operation)),)
    found = moves(operation)
    if len(operation.wires) > 1 and found is not None:
        sources, factors = found
        return lambda gate: (Monomial(gate.wires, sources, factors),)
    values, core = _parted(operation)
    if values and len(operation.wires) > MOST_WHOLE_WIRES:
        part = np.asarray(core.matrix(), dtype=complex)
        return lambda gate: (_under(gate, values, core, part),)
    matrix = np.asarray(operation.matrix(), dtype=complex)
    if len(operation.wires) == 1:
        return lambda gate: (Constant(gate.wires[0], matrix),)
    return lambda gate: (Dense(gate.wires, (), gate.operation, matrix),)


def _moves(operation: Any) -> tuple[NDArray[np.int64], Matrix]:
    found = moves(operation)
    assert found is not None
    return found


def _under(
    gate: Gate, values: tuple[int, ...], core: Any, matrix: Matrix | None = None
) -> Controlled:
    controls, wires = gate.wires[: len(values)], gate.wires[len(values) :]
    return Controlled(controls, values, Dense(wires, gate.slots, core, matrix))


def rebindable(operation: Any) -> Any:
    """The same operation, of a kind that takes new numbers without loss.

    PennyLane forgets a `ControlledQubitUnitary`'s control values (0.45).
    """
    if not isinstance(operation, WRAPPERS):
        return operation
    base = rebindable(operation.base)
    forgets = isinstance(operation, qml.ControlledQubitUnitary)
    if base is operation.base and not forgets:
        return operation
    if isinstance(operation, qml.ops.Controlled):
        control = operation.control_wires, operation.control_values
        return qml.ops.Controlled(base, *control)
    if isinstance(operation, qml.ops.Pow):
        return qml.ops.Pow(base, operation.z)
    return qml.ops.op_math.Adjoint(base)
