"""States by name, each as a problem needs it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import (
    FullSummation,
    Problem,
    VariationalMonteCarlo,
    neural_state,
)
from qml_qdl.manybody.named_states import STATES

# Of forward derivatives, which torch's own code prepares with it.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

RING: dict[str, Any] = {"size": 6}


@pytest.mark.parametrize("name", STATES)
def test_each_state_fits_its_problem(name: str) -> None:
    torch.manual_seed(0)
    problem = Problem.named("heisenberg", **RING)
    state = neural_state(problem, state=name).double()
    sampler = problem.sampler(state, "full")
    descent = VariationalMonteCarlo(problem.turned, state, sampler)
    first = descent.step().estimate.energy
    descent.run(3)
    assert problem.exact is not None
    assert problem.exact.energy <= descent.estimate().energy < first
    spins = problem.configurations.spins()
    with torch.no_grad():
        log = state(spins)
        assert log.is_complex() == ("circuit" in name)
        if name in ("autoregressive", "circuit", "circuit_rbm"):
            return  # what gives them no symmetry
        for row in problem.symmetry()[0][:4]:
            by_patches = (row[1] - row[0]) % 6 == 1 and row[0] % 2 == 0
            if name != "vit" or by_patches:
                assert torch.allclose(state(spins[:, row]), log, atol=1e-5)


@pytest.mark.parametrize("name", sorted({*STATES} - {"autoregressive", "vit"}))
@pytest.mark.parametrize("asked", [{"momentum": 1}, {"spin_flip": 1}])
def test_each_state_is_projected_onto_the_sector(
    name: str, asked: dict[str, int]
) -> None:
    torch.manual_seed(0)
    problem = Problem.named("heisenberg", **RING, **asked)
    assert problem.turned_spin_flip in (None, -1)
    state = neural_state(problem, state=name)
    spins = problem.configurations.spins(torch.float32)
    with torch.no_grad():
        log = state(spins)
        size = log.real.max()
        rows, characters = problem.symmetry()
        for row, character in zip(rows[:3], characters, strict=False):
            moved = (state(spins[:, row]) - size).exp()
            expected = complex(character) * (log - size).exp()
            assert torch.allclose(moved.to(expected), expected, atol=1e-4)
        if problem.spin_flip:
            flipped = (state(-spins) - size).exp()
            assert torch.allclose(flipped, -(log - size).exp(), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("heisenberg", {}),
        ("heisenberg", {"size": 5}),
        ("xxz", {"magnetisation": 6}),
        ("xxz", {"magnetisation": -6}),
        ("transverse_ising", {}),
        ("cluster_ising", {}),
    ],
)
def test_circuits_come_near_the_ground_state(name: str, asked: dict[str, Any]) -> None:
    """They begin in the sector, and evolve under more than what begins as it ends."""
    torch.manual_seed(0)
    problem = Problem.named(name, **{**RING, **asked})
    state = neural_state(problem, state="circuit").double()
    sampler = problem.sampler(state)
    assert isinstance(sampler, FullSummation)  # as all amplitudes are there anyway
    descent = VariationalMonteCarlo(problem.turned, state, sampler)
    descent.run(30)
    assert problem.exact is not None
    wanted = pytest.approx(problem.exact.energy, rel=0.02)
    assert descent.estimate().energy == wanted


def test_amplitudes_are_positive_where_that_is_known() -> None:
    def types(**asked: Any) -> set[bool]:
        problem = Problem.named(asked.pop("name", "heisenberg"), **RING, **asked)
        return {p.is_complex() for p in neural_state(problem).parameters()}

    assert types() == types(magnetisation=2) == types(momentum=3) == {False}
    assert types(momentum=1) == types(spin_flip=1) == types(name="j1_j2") == {True}
    problem = Problem.named("heisenberg", **RING)
    complex_one = neural_state(problem, amplitudes="complex", symmetry="none", alpha=1)
    assert next(complex_one.parameters()).is_complex()
    assert next(complex_one.parameters()).shape == (6, 6)


@pytest.mark.parametrize(
    ("options", "asked", "text"),
    [
        ({"state": "rbmm"}, {}, r"did you mean 'rbm'\?"),
        ({"state": "jastrow", "alpha": 2}, {}, "the state 'jastrow' has no such"),
        ({"state": "gcnn", "feature": 2}, {}, r"did you mean 'features'\?"),
        ({"amplitudes": "real"}, {}, "amplitudes: expected one of 'positive'"),
        ({"symmetry": "some"}, {}, "kind: expected one of 'all'"),
        ({"state": "autoregressive"}, {"momentum": 1}, "cannot be symmetrised"),
        ({"state": "vit"}, {"momentum": 1}, "momentum: 'vit' is the same after any"),
        ({"state": "circuit", "layers": 0}, {}, "layers: expected at least 1"),
    ],
)
def test_what_does_not_fit_is_told(
    options: dict[str, Any], asked: dict[str, Any], text: str
) -> None:
    problem = Problem.named("heisenberg", **RING, **asked)
    with pytest.raises(ArgumentError, match=text):
        neural_state(problem, **options)


def test_networks_on_a_lattice_need_one() -> None:
    problem = Problem.of(Problem.named("heisenberg", **RING).operator)
    with pytest.raises(ArgumentError, match="'gcnn' needs the translations of a"):
        neural_state(problem, state="gcnn")
