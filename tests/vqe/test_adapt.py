from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import Expectation
from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError
from qml_qdl.manybody import Problem, SpinOperator
from qml_qdl.nn import QuantumLayer
from qml_qdl.vqe import Molecule, adapt, energy_of, make_pool
from qml_qdl.vqe.adapt import reference_of
from tests.vqe.problems import problem

LARGER = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "until", "most"),
    [
        ("H2", 1e-6, 1),
        ("H4", 1.6e-3, 11),
        ("LiH", 1.6e-3, 5),
        ("LiH", 1e-4, 16),
        pytest.param("BeH2", 1.6e-3, 10, marks=LARGER),
        pytest.param("BeH2", 1e-4, 70, marks=LARGER),
        pytest.param("H2O", 1.6e-3, 18, marks=LARGER),
        pytest.param("H2O", 1e-4, 60, marks=LARGER),
    ],
)
def test_energies_beside_full_configuration_interaction(
    name: str, until: float, most: int
) -> None:
    molecule, found = Molecule.named(name), problem(name)
    assert found.exact is not None
    exact = found.exact.energy
    grown = adapt(found, reference=molecule.reference, until=exact + until)
    assert -1e-9 < grown.energy - exact < until
    assert len(grown.steps) <= most
    energies = [step.energy for step in grown.steps]
    assert energies == sorted(energies, reverse=True)
    assert grown.energy == energies[-1]


def test_the_circuit_runs_as_any_other() -> None:
    found = problem("LiH")
    grown = adapt(found, most=3)
    layer = QuantumLayer(
        grown.circuit.with_readout(Expectation([found.operator.as_pennylane()])),
        init_method={"weights_0": torch.from_numpy(grown.angles)},
        target="lightning.qubit",
    )
    assert layer().item() == pytest.approx(grown.energy, abs=1e-9)
    assert "FixedGates" in repr(grown.circuit)


@pytest.mark.parametrize("name", ["qubit", "fermionic"])
def test_slopes_of_a_pool_are_derivatives_at_zero(name: Any) -> None:
    hydrogen = problem("H4")
    pool = make_pool(hydrogen, name)
    grown = adapt(hydrogen, pool=pool, most=2)
    image = hydrogen.operator.matrix(hydrogen.configurations) @ grown.state
    slopes = pool.slopes(image, grown.state)
    chosen = [step.operator for step in grown.steps]
    for operator, slope in list(zip(pool.operators, slopes, strict=True))[::5]:
        block = pool.block([*chosen, operator], 8)
        energy = energy_of(hydrogen, block @ grown.circuit.blocks[0])
        _, gradient = energy.value_and_gradient([*grown.angles, 0.0])
        assert slope == pytest.approx(gradient[-1], abs=1e-10)


def test_pools_are_pennylanes_excitations() -> None:
    singles, doubles = qml.qchem.excitations(4, 8)
    wanted = {*map(tuple, singles), *map(tuple, doubles)}
    assert set(make_pool(problem("H4"), reference=range(4)).operators) == wanted


def test_spins_by_words() -> None:
    """Without a conserved number, and with a reference that the energy chooses."""
    ising = Problem.named("transverse_ising", size=4, h=0.5)
    assert ising.exact is not None
    grown = adapt(ising, most=30, tolerance=1e-6)
    assert grown.energy == pytest.approx(ising.exact.energy, abs=1e-5)
    assert make_pool(ising).name == "pauli"
    assert all(word.count("Y") == 1 for word in make_pool(ising).operators)


def test_spins_by_excitations() -> None:
    ring = Problem.named("heisenberg", size=6)
    assert ring.exact is not None
    grown = adapt(ring, until=ring.exact.energy + 1e-3)
    assert grown.energy < ring.exact.energy + 1e-3
    assert make_pool(ring).name == "qubit"


def test_the_reference_is_the_lowest_configuration() -> None:
    assert reference_of(problem("LiH")) == Molecule.named("LiH").reference
    assert reference_of(Problem.named("transverse_ising", size=1 + 2)) == ()


def test_where_no_gate_is_steep_nothing_grows() -> None:
    """Both configurations of the sector have the same energy."""
    pair = Problem.of(qml.Z(0) @ qml.Z(1))
    grown = adapt(pair)
    assert grown.converged
    assert (len(grown.steps), grown.energy) == (0, -1.0)
    assert grown.circuit.weight_shapes == {}


def test_it_ends_after_so_many_gates() -> None:
    told: list[float] = []
    grown = adapt(problem("H4"), most=2, tell=lambda step: told.append(step.energy))
    assert len(told) == len(grown.steps) == 2
    assert not grown.converged
    assert np.linalg.norm(grown.state) == pytest.approx(1)


def test_bad_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    hydrogen = problem("H2")
    with pytest.raises(ArgumentError, match=r"reference: \(0, 2\) is not in"):
        adapt(hydrogen, reference=(0, 2))
    with pytest.raises(ArgumentError, match="name: expected one of 'qubit'"):
        make_pool(hydrogen, "qubits")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="this Hamiltonian is complex"):
        adapt(Problem(SpinOperator.of(qml.X(0) @ qml.Y(1) + qml.Z(0) @ qml.Z(1))))
    with pytest.raises(ArgumentError, match="no gate of the pool 'pauli' keeps"):
        make_pool(problem("H4"), "pauli")
    monkeypatch.setattr("qml_qdl.manybody.sectors.free_bytes", lambda _: 90)
    with pytest.raises(MemoryBoundError, match="the pairs of 5 gates of the pool"):
        make_pool(hydrogen, reference=(0, 1))
