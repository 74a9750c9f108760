"""The nine convolutions of Hur, Kim and Park: counts, gates and what they can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import ArgumentError, Circuit, HurCircuit, SimCircuit

COUNTS = {1: 2, 2: 2, 3: 4, 4: 6, 5: 6, 6: 6, 7: 10, 8: 10, 9: 15}


def angles(circuit: HurCircuit, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(0, 6, circuit.weight_shape)


@pytest.mark.parametrize(("number", "count"), COUNTS.items())
def test_counts_of_the_paper(number: int, count: int) -> None:
    assert HurCircuit(number).weight_shape == (count,)


@pytest.mark.parametrize(("number", "sim", "wires"), [(2, 9, 2), (7, 5, 2), (8, 6, 2)])
def test_circuits_of_sim(
    number: int, sim: int, wires: int, unitary: Callable[..., Any]
) -> None:
    ours, theirs = HurCircuit(number), SimCircuit(sim, wires)
    assert ours.weight_shape == theirs.weight_shape
    weights = angles(ours)
    np.testing.assert_allclose(
        unitary(ours, None, weights), unitary(theirs, None, weights), atol=1e-12
    )


GATES = {
    1: "RY0 RY1 CNOT01",
    2: "Hadamard0 Hadamard1 CZ01 RX0 RX1",
    3: "RY0 RY1 CNOT10 RY0 RY1 CNOT01",
    4: "RY0 RY1 CRZ10 RY0 RY1 CRZ01",
    5: "RY0 RY1 CRX10 RY0 RY1 CRX01",
    6: "RY0 RY1 CNOT01 RY0 RY1 CNOT01 RY0 RY1",
    7: "RX0 RX1 RZ0 RZ1 CRZ10 CRZ01 RX0 RX1 RZ0 RZ1",
    8: "RX0 RX1 RZ0 RZ1 CRX10 CRX01 RX0 RX1 RZ0 RZ1",
    9: "Rot0 Rot1 CNOT01 RY0 RZ1 CNOT10 RY0 CNOT01 Rot0 Rot1",
}


@pytest.mark.parametrize(("number", "gates"), GATES.items())
def test_gates_of_the_paper(number: int, gates: str) -> None:
    """As in the authors' code: U_TTN, U_9, U_15, U_13, U_14, U_SO4, U_5, ..."""
    circuit = HurCircuit(number)
    tape = qml.tape.make_qscript(Circuit([circuit]))(None, angles(circuit))
    found = [f"{op.name}{''.join(map(str, op.wires))}" for op in tape.operations]
    assert " ".join(found) == gates


@pytest.mark.parametrize("number", [1, 3, 6])
def test_real_circuits_are_rotations(number: int, unitary: Callable[..., Any]) -> None:
    circuit = HurCircuit(number)
    matrix = unitary(circuit, None, angles(circuit))
    np.testing.assert_allclose(matrix.imag, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("number", "dimension"), [(1, 2), (2, 2), (3, 4), (6, 6), (9, 15)]
)
def test_as_many_directions_as_angles(
    number: int, dimension: int, unitary: Callable[..., Any]
) -> None:
    """The rank of dU/dθ: 15 for circuit 9, all of SU(4), and 6 for 6, all of SO(4)."""
    circuit = HurCircuit(number)
    weights = angles(circuit)
    base = unitary(circuit, None, weights)
    columns = []
    for index in range(len(weights)):
        step = np.zeros(len(weights))
        step[index] = 1e-6
        moved = unitary(circuit, None, weights + step)
        generator = (moved - base) / 1e-6 @ base.conj().T
        columns.append(np.concatenate([generator.real.ravel(), generator.imag.ravel()]))
    assert np.linalg.matrix_rank(np.array(columns), tol=1e-3) == dimension


@pytest.mark.parametrize("wires", [1, 3, ["a", "b", "c"]])
def test_two_wires(wires: Any) -> None:
    with pytest.raises(ArgumentError, match=r"wires: the circuits have two wires, got"):
        HurCircuit(1, wires)


@pytest.mark.parametrize("number", [0, 10, "9"])
def test_numbers(number: Any) -> None:
    with pytest.raises(ArgumentError, match=r"number: expected one of 1, 2, .* 9, got"):
        HurCircuit(number)
