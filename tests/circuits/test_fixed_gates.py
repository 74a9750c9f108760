from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import Circuit, FixedGates, State
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError


@pytest.mark.parametrize(("places", "index"), [((), 0), ((0,), 4), ((2, 1), 3)])
def test_x_makes_a_basis_state(places: tuple[int, ...], index: int) -> None:
    circuit = Circuit([FixedGates(["a", "b", "c"], "PauliX", places)], readout=State())
    device = qml.device("default.qubit", wires=circuit.wires)
    state = qml.QNode(circuit, device)()
    assert np.flatnonzero(state).tolist() == [index]


@pytest.mark.parametrize("places", [(3,), (-1,), (0, 0)])
def test_places_are_different_and_among_the_wires(places: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match="places: expected different positions"):
        FixedGates(3, "PauliX", places)


def test_places_are_whole_numbers() -> None:
    for places in (0, "01", [0.5]):
        with pytest.raises(ArgumentTypeError, match="places: expected whole numbers"):
            FixedGates(3, "PauliX", places)


def test_gates_are_named() -> None:
    with pytest.raises(ArgumentError, match="gate: expected one of 'Hadamard'"):
        FixedGates(3, "CNOT", (0,))
