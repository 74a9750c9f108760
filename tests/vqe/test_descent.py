from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qml_qdl.circuits import FixedGates
from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.manybody import Problem
from qml_qdl.vqe import energy_of, make_ansatz, minimise
from qml_qdl.vqe.descent import natural_direction
from tests.vqe.problems import problem

# Inside torch.func.jacfwd.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


@pytest.mark.parametrize("method", ["bfgs", "natural"])
def test_both_methods_find_the_minimum(method: Any) -> None:
    hydrogen = problem("H2")
    circuit, start = make_ansatz(hydrogen, "uccsd")
    energy = energy_of(hydrogen, circuit)
    told: list[int] = []
    found = minimise(
        energy, start, method=method, tell=lambda number, _: told.append(number)
    )
    assert hydrogen.exact is not None
    assert found.energy == pytest.approx(hydrogen.exact.energy, abs=1e-9)
    assert found.converged
    assert found.gradient <= 1e-6
    assert told == list(range(1, len(told) + 1))
    assert found.history[0] == energy.value_and_gradient(start)[0]
    assert list(found.history) == sorted(found.history, reverse=True)


def test_the_natural_direction_solves_its_equation() -> None:
    """(S + λ) d = ∇E/2 by hand, of a circuit with complex amplitudes."""
    ring = Problem.named("heisenberg", size=4)
    circuit, start = make_ansatz(ring, "hamiltonian-variational", layers=2)
    energy = energy_of(ring, circuit)
    _, gradient = energy.value_and_gradient(start)
    metric = energy.metric(start)
    shift = 1e-3 * np.diag(metric).mean() * np.eye(len(start))
    wanted = np.linalg.solve(metric + shift, gradient / 2)
    assert np.allclose(natural_direction(energy, start), wanted, atol=1e-8)


def test_it_ends_after_so_many_steps() -> None:
    ring = Problem.named("heisenberg", size=4)
    circuit, start = make_ansatz(ring, "hamiltonian-variational", layers=2)
    energy = energy_of(ring, circuit)
    methods: tuple[Any, ...] = ("bfgs", "natural")
    for method in methods:
        found = minimise(energy, start, method=method, most=2)
        assert not found.converged
        assert len(found.history) == 3
        assert found.energy < energy.value_and_gradient(start)[0]
        none = minimise(energy, start, method=method, most=0)
        assert (none.evaluations, len(none.history)) == (1, 1)


def test_curvature_is_taken_over() -> None:
    """From the curvature at the minimum a step back is Newton's."""
    hydrogen = problem("H4")
    circuit, start = make_ansatz(hydrogen, "uccsd")
    energy = energy_of(hydrogen, circuit)
    found = minimise(energy, start)
    known, moved = found.inverse_hessian, found.angles + 0.01
    assert known is not None
    cold = minimise(energy, moved)
    warm = minimise(energy, moved, inverse_hessian=known)
    assert warm.energy == pytest.approx(cold.energy, abs=1e-9)
    assert warm.evaluations < cold.evaluations
    spoilt = minimise(energy, moved, inverse_hessian=-known)
    assert spoilt.evaluations == cold.evaluations
    with pytest.raises(ShapeError, match="inverse_hessian: expected"):
        minimise(energy, start, inverse_hessian=np.eye(2))


def test_nothing_to_vary_is_a_minimum() -> None:
    energy = energy_of(problem("H2"), FixedGates(4, "PauliX", (0, 1)))
    methods: tuple[Any, ...] = ("bfgs", "natural")
    for method in methods:
        assert minimise(energy, [], method=method).converged


def test_bad_arguments() -> None:
    hydrogen = problem("H2")
    circuit, start = make_ansatz(hydrogen, "uccsd")
    energy = energy_of(hydrogen, circuit)
    with pytest.raises(ShapeError, match="start: expected 3 angles"):
        minimise(energy, start[1:])
    with pytest.raises(ArgumentError, match="method: expected one of 'bfgs'"):
        minimise(energy, start, method="adam")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="tolerance: expected a number above 0"):
        minimise(energy, start, tolerance=0.0)
