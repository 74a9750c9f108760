from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    BasicEntangler,
    Block,
    Circuit,
    Excitations,
    FixedGates,
    PauliRotations,
    State,
)
from qml_qdl.manybody import Sector
from qml_qdl.vqe.rotations import PairFinder

SPINS = [((0, 2, 4, 6), 0), ((1, 3, 5, 7), 0)]
CROSSED = [(1, 4, 3, 5), (2, 0, 1, 7), (4, 5, 2, 6), (3, 6, 5, 0)]
PLACES = [
    (0, 4),
    (1, 5),
    (0, 1, 4, 5),
    (6, 2),
    (4, 5, 0, 1),
    (7, 6, 3, 2),
    (3, 2, 6, 7),
]


@pytest.mark.parametrize(
    ("block", "down", "sector"),
    [
        (Excitations(8, PLACES), (0, 1, 2, 3), Sector(8, sums=SPINS)),
        (
            Excitations(8, [*PLACES, (0, 4, 2, 6)], fermionic=False),
            (0, 1, 2, 3),
            Sector(8, sums=SPINS),
        ),
        (Excitations(8, PLACES), (0, 3, 5), Sector(8, magnetisation=2)),
        (Excitations(8, [(1, 4), *CROSSED]), (0, 1, 2, 4), Sector(8, magnetisation=0)),
        (Excitations(5, [(0, 3), (0, 1, 3, 4)]), (0, 1, 2), Sector(5)),
        (
            PauliRotations(5, ["YIIII", "XYIII", "ZYXII", "YYYIX", "IZIZY", "YYYYY"]),
            (1,),
            Sector(5),
        ),
        (PauliRotations(4, ["XYII", "ZXYI", "IYZX"]), (), Sector(4, parity=1)),
        (PauliRotations(1, ["Y"]), (0,), Sector(1)),
    ],
)
def test_states_are_pennylanes(
    block: Block, down: tuple[int, ...], sector: Sector
) -> None:
    count = sector.num_sites
    circuit = block @ FixedGates(count, "PauliX", down)
    (shape,) = circuit.weight_shapes.values()
    angles = np.random.default_rng(0).normal(size=shape)
    device = qml.device("default.qubit", wires=count)
    wanted = qml.QNode(circuit.with_readout(State()), device)(None, angles)
    found = PairFinder(sector).gates(circuit)
    assert found is not None
    place, gates = found
    state = np.zeros(sector.num_states)
    state[place] = 1
    for gate, angle in zip(gates, angles, strict=True):
        gate.rotate(state, angle)
    whole = np.zeros(2**count)
    whole[sector.states.astype(int)] = state
    assert np.allclose(whole, wanted, atol=1e-12)


def test_blocks_may_have_fewer_wires_and_come_one_after_the_other() -> None:
    sector = Sector(4, magnetisation=0)
    circuit = Circuit(
        [
            FixedGates(4, "PauliX", (0, 1)),
            Excitations([1, 3], [(0, 1)]),
            FixedGates(4, "PauliX", ()),
        ]
    )
    finder = PairFinder(sector)
    assert finder.gates(circuit) is None  # X after a gate is no first state
    found = finder.gates(Circuit(circuit.blocks[:2]))
    assert found is not None
    assert len(found[1]) == 1


@pytest.mark.parametrize(
    ("circuit", "sector"),
    [
        (BasicEntangler(4), Sector(4)),
        (PauliRotations(4, ["XXII"]), Sector(4)),  # complex
        (PauliRotations(4, ["YIII"]), Sector(4, parity=1)),
        (Excitations(4, [(0, 1)]), Sector(4, sums=[((0, 2), 0), ((1, 3), 0)])),
        (Excitations(4, [(0, 1)]), Sector(4, magnetisation=0)),  # none is down
        (Excitations([1, 0, 2, 3], [(0, 1)]), Sector(4)),  # another order of wires
        (Excitations(4, [(0, 1)]), Sector(4, spin_flip=1)),
    ],
)
def test_what_is_no_rotation_of_the_sector(circuit: Any, sector: Sector) -> None:
    assert PairFinder(sector).gates(Circuit([circuit])) is None
