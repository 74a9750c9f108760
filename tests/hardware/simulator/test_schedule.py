"""Gates share stages, and the stages together are the circuit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_qdl.hardware.simulator.schedule import (
    Diagonal,
    Matrices,
    Permutation,
    Product,
    Stage,
    make_schedule,
    permutation,
)
from qml_qdl.hardware.structure import Plan, make_plan

ROWS = np.array([0.3, 0.7])


def plan(operations: list[Any], wires: int) -> Plan:
    return make_plan(qml.tape.QuantumScript(operations), range(wires))


def stages(operations: list[Any], wires: int) -> list[Stage]:
    made = plan(operations, wires)
    return make_schedule(made.structure.gates, wires, made.batched)


def on_each(gate: Any, *numbers: Any) -> list[Any]:
    return [gate(*numbers, wires=wire) for wire in range(4)]


CASES: dict[str, tuple[list[Any], list[type]]] = {
    "rotations": (on_each(qml.RX, 0.1) + on_each(qml.RZ, 0.2), [Product]),
    "fixed": (on_each(qml.Hadamard) + on_each(qml.T), [Product]),
    "chain": ([qml.CNOT([i, i + 1]) for i in range(3)], [Permutation]),
    "chain of other gates": (
        [qml.CNOT([0, 1]), qml.SWAP([1, 2]), qml.CZ([2, 3]), qml.Toffoli([0, 1, 3])],
        [Permutation],
    ),
    "layer": (
        [*on_each(qml.RX, 0.1), *(qml.CNOT([i, (i + 1) % 4]) for i in range(4))],
        [Product, Permutation],
    ),
    "encoding of phases": (on_each(qml.RZ, ROWS), [Diagonal]),
    "encoding": (on_each(qml.RY, ROWS), [Product, Diagonal, Product]),
    "rotations about one axis": (
        on_each(qml.RY, ROWS) + on_each(qml.RY, 2 * ROWS),
        [Product, Diagonal, Product],
    ),
    "rotations about one axis, apart": (
        [qml.RY(ROWS, 0), qml.RX(0.1, 0), qml.RX(-0.1, 0), qml.RY(ROWS, 0)],
        [Product, Diagonal, Product, Diagonal, Product],
    ),
    "fixed gates that undo each other": (
        on_each(qml.S) + on_each(qml.Hadamard) + on_each(qml.Hadamard),
        [Product],
    ),
    "Ising": ([qml.IsingZZ(0.1, [i, i + 1]) for i in range(3)], [Diagonal]),
    "matrices": (
        [qml.QubitUnitary(np.eye(4), [0, 1]), qml.QubitUnitary(np.eye(4), [2, 3])],
        [Matrices],
    ),
    "independent wires": (
        [qml.RX(0.1, 0), qml.CNOT([2, 3]), qml.RX(0.1, 1), qml.CNOT([2, 3])],
        [Product, Permutation],
    ),
    "identities": (on_each(qml.Identity), []),
    "nothing": ([], []),
}


@pytest.mark.parametrize("name", CASES)
def test_gates_share_stages(name: str) -> None:
    operations, kinds = CASES[name]
    assert [type(stage) for stage in stages(operations, 4)] == kinds


def test_rows_and_common_angles_do_not_mix() -> None:
    found = stages([qml.IsingZZ(0.1, [0, 1]), qml.IsingZZ(ROWS, [0, 1])], 2)
    assert [(type(s), s.batched) for s in found if isinstance(s, Diagonal)] == [
        (Diagonal, False),
        (Diagonal, True),
    ]


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 12))
def test_permutation_is_the_product_of_its_gates(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = [qml.CNOT, qml.CZ, qml.CY, qml.SWAP, qml.ISWAP, qml.Toffoli, qml.CSWAP]
    kinds = kinds if seed % 2 else [qml.CNOT, qml.SWAP]  # which have no factors
    operations = []
    for _ in range(count):
        kind = kinds[rng.integers(len(kinds))]
        operations.append(kind(wires=rng.permutation(4)[: kind.num_wires].tolist()))
    (stage,) = stages(operations, 4)
    assert isinstance(stage, Permutation)
    sources, factors = permutation(stage, 4)
    matrix = np.zeros((16, 16), dtype=complex)
    matrix[np.arange(16), sources] = 1 if factors is None else factors
    expected = qml.matrix(qml.tape.QuantumScript(operations), wire_order=range(4))
    np.testing.assert_allclose(matrix, expected, atol=1e-14)
