"""Exact evolution against the exponential of the whole matrix."""

from __future__ import annotations

import math

import numpy as np
import pennylane as qml
import pytest
import torch
from scipy.linalg import expm

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.manybody import (
    ExactDynamics,
    Lattice,
    RBMState,
    Sector,
    SpinOperator,
    VectorState,
    ground_state,
    heisenberg,
    transverse_ising,
)

N = 4
RING = Lattice.chain(N)
FIELD = SpinOperator.of(transverse_ising(RING, h=0.7) + 0.3 * qml.Y(0))


def start(states: int = 2**N) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.standard_normal(states) + 1j * random.standard_normal(states)


@pytest.mark.parametrize("imaginary", [False, True])
def test_it_is_the_exponential(imaginary: bool) -> None:
    dynamics = ExactDynamics(FIELD, start(), imaginary=imaginary)
    for time in (0.0, 0.1, 0.1, 2.0):
        dynamics.advance(time)
        matrix = FIELD.matrix().toarray()
        wanted = expm((-1 if imaginary else -1j) * time * matrix) @ start()
        wanted /= np.linalg.norm(wanted)
        np.testing.assert_allclose(dynamics.vector, wanted, atol=1e-12)
        energy = dynamics.expectation(FIELD)
        assert energy == pytest.approx(np.vdot(wanted, matrix @ wanted).real)
        assert dynamics.infidelity(VectorState(wanted, N)) == pytest.approx(
            0, abs=1e-12
        )


def test_sectors_and_orbits() -> None:
    """In a sector, and of its orbits, it is the same as without."""
    operator = SpinOperator.of(heisenberg(RING, (1.0, 1.0, 0.5)))
    first = SpinOperator.of(heisenberg(RING))
    spins = Sector(N, 0).spins()
    found = []
    for sector in (Sector(N, 0), Sector(N, 0, permutations=RING.translations)):
        dynamics = ExactDynamics(
            operator, ground_state(first, sector).vectors[:, 0], sector
        )
        dynamics.advance(0.7)
        found.append(dynamics.state(spins).exp())
    whole = ExactDynamics(operator, ground_state(first).vectors[:, 0])
    whole.advance(0.7)
    found.append(whole.state(spins).exp())
    for each in found:
        overlap = (each.conj() @ found[0]).abs()
        assert float(overlap) == pytest.approx(1)


def test_states_begin_as_well() -> None:
    torch.manual_seed(0)
    state = RBMState(N, dtype=torch.complex64, scale=0.3)
    dynamics = ExactDynamics(FIELD, state)
    assert dynamics.infidelity(state) == pytest.approx(0, abs=1e-6)
    dynamics.advance(1.0)
    assert dynamics.infidelity(state) > 0.1
    rows = RING.translations
    with pytest.raises(ArgumentError, match="for the group of the sector"):
        ExactDynamics(
            SpinOperator.of(transverse_ising(RING)), state, Sector(N, permutations=rows)
        )


def test_one_site() -> None:
    dynamics = ExactDynamics(SpinOperator.of(qml.X(0)), [1, 0])
    dynamics.advance(0.3)
    z = dynamics.expectation(SpinOperator.of(qml.Z(0)))
    assert z == pytest.approx(math.cos(0.6))


def test_too_many_sites_are_told_with_their_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operator = SpinOperator.of(transverse_ising(Lattice.chain(15)))
    with pytest.raises(
        ArgumentError, match=r"15 sites, 32,768 states, .* \d+,\d+,\d+ byt"
    ):
        ExactDynamics(operator, np.ones(2**15))
    with pytest.raises(ArgumentError, match="most_sites=15"):
        ExactDynamics(operator, np.ones(2**15))
    monkeypatch.setattr("qml_qdl.manybody.sectors.free_bytes", lambda device: 1000)
    with pytest.raises(MemoryError, match=r"need [\d,]+ bytes, but 1,000 are free"):
        ExactDynamics(operator, np.ones(2**15), most_sites=15)


def test_wrong_numbers() -> None:
    with pytest.raises(ShapeError, match=r"vector: expected \(16,\)"):
        ExactDynamics(FIELD, [1, 0])
    with pytest.raises(ArgumentError, match="does not commute with Σ Z"):
        ExactDynamics(FIELD, np.ones(6), Sector(N, 0))
    dynamics = ExactDynamics(FIELD, start())
    dynamics.advance(1.0)
    with pytest.raises(ArgumentError, match=r"expected one from 1 on, got 0\.5"):
        dynamics.advance(0.5)
    with pytest.raises(ArgumentError, match="time: expected a finite number, got inf"):
        dynamics.advance(math.inf)
