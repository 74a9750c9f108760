"""What is prepared, against exact sums and PennyLane."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.manybody import Lattice, transverse_ising
from qml_qdl.phases import bond_order, ground_states, ising_scan, measure_states
from qml_qdl.renormalisation import IsingModel


def test_chains_have_the_exact_energy() -> None:
    temperatures = [1.8, 2.3, 3.0]
    scan = ising_scan(temperatures, size=4, chains=100, snapshots=10, seed=1)
    bonds = bond_order(scan)[:, 0]
    for point, temperature in enumerate(temperatures):
        mine = bonds[scan.of == point]
        exact = IsingModel((4, 4), 1 / temperature).exact_energy()
        error = mine.std() / np.sqrt(len(mine))  # chains are independent
        # Two bonds a site; H is divided by T.
        assert mine.mean() == pytest.approx(-exact * temperature / 32, abs=4 * error)


def test_seeds_repeat_and_differ() -> None:
    one, same, other = (
        ising_scan([2.0], size=4, chains=3, snapshots=2, seed=seed)
        for seed in (5, 5, 6)
    )
    assert np.array_equal(one.bits, same.bits)
    assert not np.array_equal(one.bits, other.bits)
    assert one.group.tolist() == [0, 1, 2]


def test_cold_chains_are_ordered() -> None:
    scan = ising_scan([0.5], size=8, chains=5, snapshots=1, warm_up=1)
    assert np.ptp(scan.bits, axis=-1).max() == 0


@pytest.mark.parametrize("basis", ["ZZZ", "XYZ", "YYX"])
def test_snapshots_have_the_probabilities_of_pennylane(basis: str) -> None:
    generator = np.random.default_rng(2)
    state = generator.normal(size=8) + 1j * generator.normal(size=8)
    state /= np.linalg.norm(state)

    @qml.qnode(qml.device("default.qubit", wires=3))
    def chances() -> qml.measurements.ProbabilityMP:
        qml.StatePrep(state, wires=range(3))
        for wire, letter in enumerate(basis):
            if letter == "Y":
                qml.adjoint(qml.S(wire))
            if letter in "XY":
                qml.Hadamard(wire)
        return qml.probs(wires=range(3))

    shots = 20_000
    bits = measure_states([state], [basis], shots, seed=3)[0, 0]
    found = np.bincount(bits @ [4, 2, 1], minlength=8) / shots
    expected = np.asarray(chances())
    assert np.abs(found - expected).max() < 5 * np.sqrt(0.25 / shots)


def test_one_wire_and_one_shot() -> None:
    assert measure_states([[0.0, 1.0]], ["Z"], 1).tolist() == [[[[1]]]]
    with pytest.raises(DataError, match="states: expected"):
        measure_states([[1.0, 0.0, 0.0]], ["Z"], 1)
    with pytest.raises(DataError, match="words of 1 letters"):
        measure_states([[1.0, 0.0]], ["ZZ"], 1)


def test_ground_states_are_lowest() -> None:
    chain = Lattice.chain(5, periodic=False)
    states = ground_states(lambda h: transverse_ising(chain, h=h), [0.7, 1.5])
    for h, state in zip((0.7, 1.5), states, strict=True):
        matrix = qml.matrix(transverse_ising(chain, h=h), wire_order=range(5))
        lowest = np.linalg.eigvalsh(matrix)[0]
        assert state @ matrix @ state == pytest.approx(lowest, abs=1e-9)
        assert state[np.abs(state).argmax()] > 0


def test_degenerate_levels_are_refused() -> None:
    chain = Lattice.chain(4, periodic=False)
    with pytest.raises(DataError, match=r"at \[0.0\] the lowest level has several"):
        ground_states(lambda h: transverse_ising(chain, h=h), [1.0, 0.0])
    pinned = ground_states(
        lambda h: transverse_ising(chain, h=h, longitudinal=1e-3), [0.0]
    )
    assert pinned[0, 0] == pytest.approx(1)  # all along the field
    with pytest.raises(DataError, match="without a single Y"):
        ground_states(lambda h: h * qml.Y(0) + 0.5 * qml.X(0), [1.0])


def test_bad_temperatures() -> None:
    for wrong in ([], [0.0], [np.nan]):
        with pytest.raises(ArgumentError, match="temperatures: expected"):
            ising_scan(wrong)
