"""Fixed gates that only move basis states and multiply them by phases, of any width.

What such a gate does is 2ᵏ numbers on k wires. They follow from the kind of gate and
from what it is around, so that no matrix of 2ᵏ × 2ᵏ is made: a control leaves all but
one block of basis states where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from numpy.typing import NDArray

from qml_qdl.hardware.structure import known_name

Moves: TypeAlias = tuple[NDArray[np.int64], NDArray[np.complex128]]
"""Sources and factors, each (2ᵏ,): amplitude i comes from sources[i], times factors[i].
"""

MOST_MATRIX_WIRES = 4
"""Of gates up to so wide the moves are found in the matrix."""


def _flip_sign(operation: Any) -> Moves:
    factors = np.ones(2 ** len(operation.wires), dtype=complex)
    factors[number_of(operation.hyperparameters["arr_bin"])] = -1
    return np.arange(len(factors)), factors


def _comparator(operation: Any) -> Moves:
    """The last wire is flipped where the others' number is in a range."""
    states = np.arange(2 ** len(operation.wires))
    at_least = states >> 1 >= operation.hyperparameters["value"]
    flipped = at_least == operation.hyperparameters["geq"]
    return states ^ flipped, np.ones(len(states), dtype=complex)


def _permute(operation: Any) -> Moves:
    """Each wire gets what was on the wire that stands in its place."""
    wires = operation.wires
    places = [wires.index(w) for w in operation.hyperparameters["permutation"]]
    states = np.arange(2 ** len(wires))
    sources = np.zeros_like(states)
    for place, origin in enumerate(places):
        bit = states >> (len(wires) - 1 - place) & 1
        sources |= bit << (len(wires) - 1 - origin)
    return sources, np.ones(len(states), dtype=complex)


_KINDS: dict[str, Callable[[Any], Moves]] = {
    "FlipSign": _flip_sign,
    "IntegerComparator": _comparator,
    "Permute": _permute,
}

_SMALL = frozenset(
    {
        *("Identity", "PauliX", "PauliY", "PauliZ", "S", "T", "SWAP", "ISWAP"),
        *("CNOT", "CY", "CZ", "CCZ", "CSWAP", "Toffoli", "QubitCarry", "QubitSum"),
        *("MultiControlledX", "TemporaryAND"),
    }
)


def number_of(bits: Sequence[Any]) -> int:
    """The number that bits stand for.

    Args:
        bits: The first is the highest.
    """
    number = 0
    for bit in bits:
        number = 2 * number + int(bit)
    return number


def moves_states(operation: Any) -> bool:
    """Whether a fixed gate is known to move basis states, at a glance.

    Args:
        operation: A PennyLane operation.

    Returns:
        False also for gates of which only the matrix tells it.
    """
    ops = qml.ops
    while isinstance(operation, ops.Controlled | ops.Pow | ops.op_math.Adjoint):
        if isinstance(operation, ops.Pow) and not _is_whole(operation.z):
            return False
        operation = operation.base
    name = known_name(operation)
    return name in _KINDS or name in _SMALL


def moves(operation: Any) -> Moves | None:
    """What a fixed gate moves where.

    Args:
        operation: A PennyLane operation without numbers.

    Returns:
        The moves; None for a gate that does something else.
    """
    ops = qml.ops
    if isinstance(operation, ops.Controlled):
        inner = moves(operation.base)
        return None if inner is None else controlled(operation.control_values, *inner)
    if isinstance(operation, ops.op_math.Adjoint):
        inner = moves(operation.base)
        return None if inner is None else inverse(*inner)
    if isinstance(operation, ops.Pow) and _is_whole(operation.z):
        inner = moves(operation.base)
        return None if inner is None else _repeated(inner, int(operation.z))
    name = known_name(operation)
    if name in _KINDS:
        return _KINDS[name](operation)
    if len(operation.wires) > MOST_MATRIX_WIRES or not operation.has_matrix:
        return None
    return _of_matrix(np.asarray(operation.matrix(), dtype=complex))


def _of_matrix(matrix: NDArray[np.complex128]) -> Moves | None:
    filled = np.abs(matrix) > 1e-12
    if not ((filled.sum(0) == 1).all() and (filled.sum(1) == 1).all()):
        return None
    sources = filled.argmax(1)
    return sources, matrix[np.arange(len(matrix)), sources]


def controlled(
    values: Sequence[Any], sources: NDArray[np.int64], factors: NDArray[np.complex128]
) -> Moves:
    """Moves that are made where further wires have their values.

    Args:
        values: Of the further wires, which lead.
        sources: (2ᵏ,) of the moves.
        factors: (2ᵏ,) of the moves.

    Returns:
        The moves on all wires.
    """
    size = len(sources)
    first = number_of(values) * size
    all_sources = np.arange(2 ** len(values) * size)
    all_factors = np.ones(len(all_sources), dtype=complex)
    all_sources[first : first + size] = first + sources
    all_factors[first : first + size] = factors
    return all_sources, all_factors


def inverse(sources: NDArray[np.int64], factors: NDArray[np.complex128]) -> Moves:
    """The moves that undo some: with U = FP it is U† = PᵀF̄.

    Args:
        sources: (2ᵏ,) of the moves.
        factors: (2ᵏ,) of the moves.

    Returns:
        The moves back.
    """
    targets = np.argsort(sources)
    return targets, factors.conj()[targets]


def _repeated(once: Moves, times: int) -> Moves:
    """By squaring; a negative number of times undoes."""
    base = inverse(*once) if times < 0 else once
    sources, factors = np.arange(len(base[0])), np.ones(len(base[0]), dtype=complex)
    for bit in f"{abs(times):b}":
        sources, factors = sources[sources], factors * factors[sources]
        if bit == "1":
            sources, factors = sources[base[0]], base[1] * factors[base[0]]
    return sources, factors


def _is_whole(power: Any) -> bool:
    return isinstance(power, int | float) and float(power).is_integer()
