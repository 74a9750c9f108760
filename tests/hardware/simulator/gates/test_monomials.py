"""Moves of basis states, found without matrices, are those of the matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_qdl.hardware.simulator.gates.monomials import (
    controlled,
    inverse,
    moves,
    moves_states,
)

GATES = {
    "Toffoli": lambda w: qml.Toffoli(w[:3]),
    "MultiControlledX": lambda w: qml.MultiControlledX(w, [i % 2 for i in w[1:]]),
    "ctrl(ISWAP)": lambda w: qml.ctrl(qml.ISWAP(w[:2]), w[2:], [0] * len(w[2:])),
    "ctrl(ctrl(S))": lambda w: qml.ctrl(qml.ctrl(qml.S(w[0]), w[1]), w[2:]),
    "adjoint(ctrl(Y))": lambda w: qml.adjoint(qml.ctrl(qml.Y(w[0]), w[1:]), lazy=True),
    "pow": lambda w: qml.pow(qml.ctrl(qml.ISWAP(w[:2]), w[2:]), 3, lazy=True),
    "negative pow": lambda w: qml.pow(qml.ISWAP(w[:2]), -3, lazy=True),
    "zeroth pow": lambda w: qml.pow(qml.ISWAP(w[:2]), 0, lazy=True),
    "root": lambda w: qml.pow(qml.S(w[0]), 0.5, lazy=True),
    "FlipSign": lambda w: qml.FlipSign(2, w),
    "at least": lambda w: qml.IntegerComparator(3, w),
    "less": lambda w: qml.IntegerComparator(3, w, geq=False),
    "never": lambda w: qml.IntegerComparator(0, w, geq=False),
    "more than any": lambda w: qml.IntegerComparator(2 ** len(w), w),
    "Permute": lambda w: qml.Permute([*w[2:], w[1], w[0]], w),
    "QubitCarry": lambda w: qml.QubitCarry(w[:4]),
}


@pytest.mark.parametrize("wires", [4, 5])
@pytest.mark.parametrize("name", GATES)
def test_moves_are_the_matrix(name: str, wires: int) -> None:
    operation = GATES[name](list(range(wires)))
    found = moves(operation)
    assert found is not None
    sources, factors = found
    matrix = np.zeros((len(sources), len(sources)), dtype=complex)
    matrix[np.arange(len(sources)), sources] = factors
    expected = qml.matrix(operation, wire_order=operation.wires)
    np.testing.assert_allclose(matrix, expected, atol=1e-14)


@pytest.mark.parametrize(
    "operation",
    [qml.Hadamard(0), qml.ctrl(qml.SX(0), [1, 2]), qml.QFT(range(8)), qml.ECR([0, 1])],
    ids=str,
)
def test_others_move_nothing(operation: Any) -> None:
    assert moves(operation) is None
    assert not moves_states(operation)


def test_a_wide_gate_needs_no_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    def matrix(self: Any, wire_order: Any = None) -> Any:
        assert len(self.wires) < 3
        return np.eye(2)[::-1]

    monkeypatch.setattr(qml.operation.Operator, "matrix", matrix)
    found = moves(qml.MultiControlledX(range(17)))
    assert found is not None
    np.testing.assert_array_equal(found[0][-2:], [2**17 - 1, 2**17 - 2])
    np.testing.assert_array_equal(found[0][:-2], np.arange(2**17 - 2))


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32 - 1), values=st.lists(st.booleans(), max_size=3))
def test_inverse_undoes_under_controls(seed: int, values: list[bool]) -> None:
    rng = np.random.default_rng(seed)
    size = 2 ** rng.integers(0, 4)
    once = rng.permutation(size), np.exp(1j * rng.normal(size=size))
    sources, factors = controlled(values, *once)
    back, undone = inverse(sources, factors)
    np.testing.assert_array_equal(sources[back], np.arange(len(sources)))
    np.testing.assert_allclose(undone * factors[back], 1, atol=1e-15)
    still = np.delete(np.arange(len(sources)), np.s_[: 0 if values else size])
    if values:
        first = int("".join(str(int(v)) for v in values), 2) * size
        still = np.setdiff1d(still, np.arange(first, first + size))
    np.testing.assert_array_equal(sources[still], still)
