from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from qml_qdl.circuits import Probabilities
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import Problem
from qml_qdl.vqe import ANSATZE, make_ansatz, reference_energy, solve
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import isolate, use
from tests.vqe.problems import problem


@pytest.mark.parametrize("ansatz", ["adapt", "uccsd", "givens"])
def test_hydrogen_is_exact(ansatz: Any) -> None:
    hydrogen = problem("H2")
    assert hydrogen.exact is not None
    solution = solve(hydrogen, ansatz)
    assert solution.energy == pytest.approx(hydrogen.exact.energy, abs=1e-9)
    assert solution.converged
    assert solution.outside == 0.0
    assert solution.history[0] == pytest.approx(reference_energy(hydrogen, (0, 1)))
    assert solution.history[-1] == solution.energy


def test_coupled_cluster_of_lithium_hydride() -> None:
    found = problem("LiH")
    assert found.exact is not None
    solution = solve(found, "uccsd")
    assert len(solution.angles) == 92
    assert 0 < solution.energy - found.exact.energy < 2e-5


def test_hardware_efficient_circuits_stall() -> None:
    """Brillouin: from Hartree-Fock no rotation of one wire lowers the energy."""
    hydrogen = problem("H2")
    solution = solve(hydrogen, "hardware-efficient", layers=1, most=3, seed=0)
    assert not solution.converged
    assert len(solution.state) == 16
    assert 0 < solution.outside < 1


def test_a_ring_of_spins() -> None:
    ring = Problem.named("heisenberg", size=6)
    assert ring.exact is not None
    solution = solve(ring, "hamiltonian-variational", layers=3, tolerance=1e-4)
    assert solution.energy == pytest.approx(ring.exact.energy, rel=1e-3)
    assert solution.outside == 0.0


def test_the_layer_is_trained_on_with_shots(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step with value and gradient of all groups of words is one call of Aer."""
    from qml_qdl.hardware.qiskit.aer.executor import AerExecutor

    calls: list[int] = []
    sample = AerExecutor.sample

    def counted(self: AerExecutor, pubs: Any, shots: int) -> Any:
        calls.append(1)
        return sample(self, pubs, shots)

    monkeypatch.setattr(AerExecutor, "sample", counted)
    solution = solve(problem("H2"), "uccsd")
    layer = solution.layer(target="aer", shots=4000, seed=3)
    with torch.no_grad():
        layer.weights_0 += 0.2
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.4)
    for _ in range(6):
        calls.clear()
        optimiser.zero_grad()
        energy = layer()
        energy.backward()
        optimiser.step()
        assert len(calls) == 1
    assert layer().item() == pytest.approx(solution.energy, abs=0.02)


def test_a_step_is_one_job_on_a_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    isolate(monkeypatch, tmp_path)
    solution = solve(problem("H2"))
    with LoopbackServer(["guadalupe"], noise=False, seed=1) as server:
        use(monkeypatch, server)
        layer = solution.layer(target="ibm:least_busy", shots=500)
        energy = layer()
        energy.backward()
        assert len(server.jobs) == 1
    assert energy.item() == pytest.approx(solution.energy, abs=0.1)
    assert abs(layer.weights_0.grad).max() < 0.1


def test_the_layer_may_read_out_something_else() -> None:
    solution = solve(problem("H2"))
    chances = solution.layer(Probabilities())()
    assert chances[[3, 12]].sum().item() == pytest.approx(1)


def test_bad_arguments() -> None:
    hydrogen = problem("H2")
    with pytest.raises(ArgumentError, match="ansatz: expected one of 'adapt', 'uccsd'"):
        solve(hydrogen, "ucc")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="ansatz: expected one of 'uccsd'"):
        make_ansatz(hydrogen, ANSATZE[0])
    with pytest.raises(ArgumentError, match="method: expected one of 'bfgs'"):
        solve(hydrogen, "adapt", method="natural")
    with pytest.raises(ArgumentError, match="until: only 'adapt' ends at an energy"):
        solve(hydrogen, "uccsd", until=-1.0)
    with pytest.raises(ArgumentError, match="until: expected a finite number"):
        solve(hydrogen, until=float("nan"))
    with pytest.raises(ArgumentError, match="evolutions under parts of H2 do not keep"):
        solve(hydrogen, "hamiltonian-variational")
    with pytest.raises(ArgumentError, match="reference: expected one of 0, 1, 2, 3"):
        reference_energy(hydrogen, (7,))
