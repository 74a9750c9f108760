"""The 19 circuits against the paper: gates, numbers of angles, entanglement."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import ArgumentError, Circuit, SimCircuit, State

# One layer on four wires; digits are wires, control before target.
GATES = {
    1: "RX* RZ*",
    2: "RX* RZ* CNOT32 CNOT21 CNOT10",
    3: "RX* RZ* CRZ32 CRZ21 CRZ10",
    4: "RX* RZ* CRX32 CRX21 CRX10",
    5: "RX* RZ* CRZ32 CRZ31 CRZ30 CRZ23 CRZ21 CRZ20 CRZ13 CRZ12 CRZ10 CRZ03 CRZ02 "
    "CRZ01 RX* RZ*",
    6: "RX* RZ* CRX32 CRX31 CRX30 CRX23 CRX21 CRX20 CRX13 CRX12 CRX10 CRX03 CRX02 "
    "CRX01 RX* RZ*",
    7: "RX* RZ* CRZ10 CRZ32 RX* RZ* CRZ21",
    8: "RX* RZ* CRX10 CRX32 RX* RZ* CRX21",
    9: "H* CZ32 CZ21 CZ10 RX*",
    10: "RY* CZ32 CZ21 CZ10 CZ30 RY*",
    11: "RY* RZ* CNOT10 CNOT32 RY1 RY2 RZ1 RZ2 CNOT21",
    12: "RY* RZ* CZ10 CZ32 RY1 RY2 RZ1 RZ2 CZ21",
    13: "RY* CRZ30 CRZ23 CRZ12 CRZ01 RY* CRZ32 CRZ03 CRZ10 CRZ21",
    14: "RY* CRX30 CRX23 CRX12 CRX01 RY* CRX32 CRX03 CRX10 CRX21",
    15: "RY* CNOT30 CNOT23 CNOT12 CNOT01 RY* CNOT32 CNOT03 CNOT10 CNOT21",
    16: "RX* RZ* CRZ10 CRZ32 CRZ21",
    17: "RX* RZ* CRX10 CRX32 CRX21",
    18: "RX* RZ* CRZ30 CRZ23 CRZ12 CRZ01",
    19: "RX* RZ* CRX30 CRX23 CRX12 CRX01",
}


def angles(number: int, wires: int, layers: int) -> int:
    """Table 1 of the paper."""
    n = wires
    match number:
        case 1 | 2 | 15:
            return 2 * n * layers
        case 3 | 4 | 16 | 17:
            return (3 * n - 1) * layers
        case 5 | 6:
            return (n**2 + 3 * n) * layers
        case 7 | 8:
            return (5 * n - 1) * layers
        case 9:
            return n * layers
        case 10:
            return n * layers + n
        case 11 | 12:
            return (4 * n - 4) * layers
        case 13 | 14:
            return (3 * n + n // math.gcd(n, 3)) * layers
        case _:
            return 3 * n * layers


def expected_gates(text: str) -> list[str]:
    listed = []
    for word in text.split():
        name = word.rstrip("*0123")
        places = word.removeprefix(name)
        listed += [name + wire for wire in "0123"] if places == "*" else [word]
    return listed


@pytest.mark.parametrize("number", range(1, 20))
def test_the_gates_are_the_papers(number: int) -> None:
    circuit = SimCircuit(number)
    weights = np.arange(1.0, circuit.weight_shape[0] + 1)
    tape = qml.tape.make_qscript(Circuit([circuit]))(None, weights)
    names = {"Hadamard": "H"}
    found = [
        names.get(op.name, op.name) + "".join(map(str, op.wires))
        for op in tape.operations
    ]
    assert found == expected_gates(GATES[number])
    assert [float(p) for op in tape.operations for p in op.parameters] == list(weights)


@pytest.mark.parametrize("number", range(1, 20))
@pytest.mark.parametrize("wires", [3, 4, 5, 6])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_numbers_of_angles_are_the_papers(
    number: int, wires: int, layers: int
) -> None:
    if wires == 3 and number in (13, 14, 15):
        with pytest.raises(ArgumentError, match="which on 3 wires is itself"):
            SimCircuit(number, wires, layers)
        return
    circuit = SimCircuit(number, wires, layers)
    assert circuit.weight_shape == (angles(number, wires, layers),)


def meyer_wallach(state: torch.Tensor) -> float:
    """2 (1 − mean purity of a wire), by the partial traces."""
    wires = int(math.log2(state.numel()))
    purities = []
    for wire in range(wires):
        halves = state.reshape((2,) * wires).movedim(wire, 0).reshape(2, -1)
        reduced = halves @ halves.conj().T
        purities.append(float((reduced @ reduced).trace().real))
    return 2 * (1 - sum(purities) / wires)


@pytest.mark.parametrize("number", range(1, 20))
def test_entangling_capability(
    number: int, execute: Callable[..., torch.Tensor]
) -> None:
    circuit = SimCircuit(number)
    rng = np.random.default_rng(number)
    values = []
    for _ in range(8):
        weights = rng.uniform(0, 2 * np.pi, circuit.weight_shape)
        values.append(
            meyer_wallach(execute(circuit.with_readout(State()), None, weights))
        )
    if number == 1:  # No gate joins two wires.
        np.testing.assert_allclose(values, 0, atol=1e-12)
    elif number == 9:  # A cluster state, turned locally.
        np.testing.assert_allclose(values, 1, atol=1e-12)
    else:
        assert 0.05 < np.mean(values) < 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SimCircuit(0), "number: expected one of 1, 2, .* got 0"),
        (lambda: SimCircuit(20), "number: expected one of 1, 2, .* got 20"),
        (lambda: SimCircuit(1, 1), "wires: the circuits join pairs .* got 1 wire"),
    ],
)
def test_wrong_options_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()
