"""Equivalence of gates, seen by what they make of a random state.

Symbols get numbers sampled at random too: angles are analytic functions of them, so
that what is equal there is equal everywhere, but for chances of probability zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pennylane as qml
from attrs import evolve
from numpy.typing import NDArray
from pennylane.devices.qubit import apply_operation

from qml_qdl.hardware.qiskit.conversion.imported import (
    AngleExpression,
    ImportedGate,
    value_of,
)

MOST_WIRES = 8
"""More are not compared."""

_TOLERANCE = 1e-9


def equal_gates(one: Sequence[ImportedGate], other: Sequence[ImportedGate]) -> bool:
    """Whether gates do the same as others, global phases included.

    Args:
        one: Gates on at most `MOST_WIRES` wires.
        other: Gates on the same wires, or some of them.

    Returns:
        Whether they do, for all numbers that symbols in their angles may have.

    Example:
        >>> turn = ImportedGate("rz", (5,), (("input", 0),))
        >>> phase = ImportedGate("p", (5,), (("input", 0),))
        >>> equal_gates([turn, turn], [turn, phase])
        False
    """
    if any(gate.name == "reset" for gate in (*one, *other)):
        return False
    wires = sorted({wire for gate in (*one, *other) for wire in gate.wires})
    return _equal(_moved(one, wires), _moved(other, wires), max(1, len(wires)))


def is_matrix_of(
    matrix: Callable[[Sequence[float]], Any],
    angles: Sequence[AngleExpression],
    gates: Sequence[ImportedGate],
    wires: Sequence[int],
) -> bool:
    """Whether a matrix, as Qiskit has it, is that of some gates.

    Args:
        matrix: Makes it of numbers for some angles.
        angles: These angles.
        gates: The gates.
        wires: Positions of the matrix' wires, at most `MOST_WIRES`.

    Returns:
        Whether it is.
    """
    all_gates = [*gates, ImportedGate("", (), tuple(angles))]
    x, theta = _symbols("input", all_gates), _symbols("weight", all_gates)
    found = np.asarray(matrix([float(value_of(a, x, theta)) for a in angles]))
    if found.shape != (2 ** len(wires),) * 2:
        return False
    rows = tuple(map(tuple, found.astype(complex).tolist()))
    # Qiskit's matrices begin with the last qubit.
    return equal_gates([ImportedGate("unitary", (*wires[::-1],), rows)], gates)


@lru_cache(maxsize=4096)
def _equal(
    one: tuple[ImportedGate, ...], other: tuple[ImportedGate, ...], count: int
) -> bool:
    x, theta = (_symbols(kind, (*one, *other)) for kind in ("input", "weight"))
    found = [_applied(gates, count, x, theta) for gates in (one, other)]
    return np.allclose(found[0], found[1], rtol=0, atol=_TOLERANCE)


def _moved(
    gates: Sequence[ImportedGate], wires: Sequence[int]
) -> tuple[ImportedGate, ...]:
    """The gates on the positions 0 … n−1, without barriers."""
    places = {wire: place for place, wire in enumerate(wires)}
    return tuple(
        evolve(gate, wires=tuple(places[wire] for wire in gate.wires))
        for gate in gates
        if gate.name != "barrier"
    )


def _applied(
    gates: Sequence[ImportedGate], count: int, x: Any, theta: Any
) -> NDArray[np.complex128]:
    """What the gates make of a state sampled at random."""
    rng = np.random.default_rng(0)
    state = rng.normal(size=(2,) * count) + 1j * rng.normal(size=(2,) * count)
    state /= np.linalg.norm(state)
    with qml.QueuingManager.stop_recording():
        for gate in gates:
            state = apply_operation(gate.queue(range(count), x, theta), state)
    return state


def _symbols(kind: str, gates: Sequence[ImportedGate]) -> NDArray[np.float64]:
    """A number for each of the inputs or weights that some gates read."""
    angles = [a for gate in gates if gate.name != "unitary" for a in gate.angles]
    places = [place for angle in angles for place in _places(kind, angle)]
    seed = ["input", "weight"].index(kind)
    return np.random.default_rng(seed).uniform(0.1, 0.9, 1 + max(places, default=0))


def _places(kind: str, angle: AngleExpression) -> Iterator[int]:
    if not isinstance(angle, tuple):
        return
    name, *arguments = angle
    if name in ("input", "weight"):
        yield from arguments if name == kind else ()
        return
    for argument in arguments:
        yield from _places(kind, argument)
