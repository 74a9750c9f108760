"""Gates are equal where they do the same, for all numbers of their symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from qiskit.circuit import library as lib

from qml_qdl.hardware.qiskit.conversion.equivalence import equal_gates, is_matrix_of
from qml_qdl.hardware.qiskit.conversion.imported import ImportedGate

X0, T0 = ("input", 0), ("weight", 0)


def gate(name: str, *wires: int, angles: Sequence[Any] = (), **options: Any) -> Any:
    return ImportedGate(name, wires, tuple(angles), **options)


def turn(name: str, angle: Any, wire: int = 5) -> Any:
    return gate(name, wire, angles=[angle])


EQUAL: dict[str, tuple[list[Any], list[Any]]] = {
    "a product": (
        [turn("rz", X0), turn("rz", T0)],
        [turn("rz", ("Add", X0, T0))],
    ),
    "an adjoint": (
        [gate("s", 2, adjoint=True)],
        [gate("sdg", 2)],
    ),
    "a phase is a turn and a global phase": (
        [turn("p", X0)],
        [turn("rz", X0), gate("global_phase", angles=[("Mul", 0.5, X0)])],
    ),
    "a control": (
        [gate("x", 7, 3, controls=(True,))],
        [gate("h", 3), gate("z", 7, 3, controls=(True,)), gate("h", 3)],
    ),
    "barriers": ([gate("h", 0), gate("barrier", 0, 1)], [gate("h", 0)]),
    "nothing": ([gate("h", 0), gate("h", 0)], []),
}
OTHER: dict[str, tuple[list[Any], list[Any]]] = {
    "a global phase": ([turn("p", X0)], [turn("rz", X0)]),
    "another symbol": ([turn("rx", X0)], [turn("rx", T0)]),
    "another place": ([turn("rx", X0)], [turn("rx", ("input", 1))]),
    "another wire": ([turn("rx", X0, 1)], [turn("rx", X0, 2)]),
    "another bit of a control": (
        [gate("x", 0, 1, controls=(True,))],
        [gate("x", 0, 1, controls=(False,))],
    ),
    "equal at zero only": ([turn("rx", X0)], [turn("ry", X0)]),
    "order": ([gate("h", 0), gate("t", 0)], [gate("t", 0), gate("h", 0)]),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal(name: str) -> None:
    one, other = EQUAL[name]
    assert equal_gates(one, other)
    assert equal_gates(other, one)


@pytest.mark.parametrize("name", OTHER)
def test_not_equal(name: str) -> None:
    one, other = OTHER[name]
    assert not equal_gates(one, other)


def test_matrices_begin_with_the_last_qubit_as_qiskits_do() -> None:
    def matrix(numbers: Sequence[float]) -> Any:
        return lib.CRZGate(*numbers).to_matrix()

    crz = [gate("rz", 4, 9, angles=[X0], controls=(True,))]
    assert is_matrix_of(matrix, [X0], crz, [4, 9])
    assert not is_matrix_of(matrix, [X0], crz, [9, 4])
    assert not is_matrix_of(matrix, [T0], crz, [4, 9])
    assert not is_matrix_of(lambda _: np.eye(2), [], crz, [4, 9])
