"""Mitigation over a service: jobs, the journal, resuming and the budget."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp

from qml_qdl.circuits.errors import (
    BudgetError,
    JournalError,
    ServiceError,
    SubmissionUnclear,
    TargetError,
)
from qml_qdl.hardware.jobs.cost import Cost, Limits
from qml_qdl.hardware.jobs.executor import CostingExecutor, RemoteExecutor
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.qiskit.executors.isa import IsaCache
from qml_qdl.hardware.qiskit.executors.mitigated import Mitigated
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from qml_qdl.hardware.qiskit.ibm.cost import IBMMachine
from qml_qdl.hardware.tapes.executor import Pub
from qml_qdl.nn import resend_jobs
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import QUICK, TRIES, isolate, use
from tests.hardware.qiskit.program_for_tests import PACE
from tests.hardware.qiskit.service import without_sync

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)

SHOTS, ROWS, CALIBRATION = 100, 3, 2
POST = "POST /jobs"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


def pub() -> Pub:
    """⟨Z₀⟩, ⟨Z₀Z₁⟩ and ⟨X₁⟩ of flipped qubits: two bases."""
    angles = ParameterVector("θ", 2)
    circuit = QuantumCircuit(2)
    circuit.rx(angles[0], 0)
    circuit.rx(angles[1], 1)
    observables = tuple(map(SparsePauliOp, ("IZ", "ZZ", "XI")))
    rows = np.pi * np.array([[0, 0], [1, 0], [1, 1]])
    return Pub(circuit, rows, "flips", observables)


VALUES = np.array([[1, 1], [-1, -1], [-1, 1]])
"""What the first two observables are."""


def make(
    journal: Path,
    layout: Any = (0, 1),
    scales: tuple[int, ...] = (1,),
    readout: bool = True,
    **options: Any,
) -> tuple[Mitigated, RemoteExecutor]:
    isa = partial(IsaCache, optimization_level=0, initial_layout=layout)
    client = IBMClient("ibm:ibm_manila", patience=QUICK, isa=isa)
    remote = RemoteExecutor(client, pace=PACE, **options)
    remote.record(journal, run="run", layer="layer")
    mitigated = Mitigated(
        remote, zne_scales=scales, readout=readout, calibration_rows=CALIBRATION
    )
    return mitigated, remote


@pytest.mark.parametrize("scales", [(1,), (1, 3)])
def test_a_call_is_one_job_and_the_calibration_is_in_it(
    loopback: LoopbackServer, journal: Path, scales: tuple[int, ...]
) -> None:
    mitigated, remote = make(journal, scales=scales)
    (found,) = mitigated.estimate([pub()], SHOTS)
    np.testing.assert_allclose(found.values[:, :2], VALUES)
    circuits = 2 * len(scales)
    rows = circuits * ROWS + 2 * CALIBRATION
    (job,) = loopback.jobs.values()
    assert (job.rows, job.executions) == (rows, rows * SHOTS)
    (kept,) = Journal(journal).jobs()
    assert (kept.state, kept.call.rows, kept.call.kind) == ("done", rows, "sample")
    results: Any = Journal(journal).results(kept)
    assert [len(bits) for bits in results] == [ROWS] * circuits + [2 * CALIBRATION]
    # |00⟩ in the first rows of the calibration, |11⟩ in the others; nothing is misread.
    assert results[-1].mean(axis=(1, 2)).tolist() == [0.0, 0.0, 1.0, 1.0]
    assert (remote.counters.jobs, remote.counters.pubs) == (1, circuits + 1)


def test_the_same_run_again_pays_nothing(
    loopback: LoopbackServer, journal: Path
) -> None:
    first, _ = make(journal)
    (before,) = first.estimate([pub()], SHOTS)
    requests = len(loopback.requests)
    again, remote = make(journal, max_qpu_seconds=0.1)  # what is paid is not refused
    (after,) = again.estimate([pub()], SHOTS)
    assert np.array_equal(after.values, before.values)
    later = loopback.requests[requests:]
    assert not [each for each in later if each.path.startswith("/jobs")]
    assert remote.counters.jobs == 0


@pytest.mark.parametrize("handled", [True, False])
def test_an_interrupted_call_is_paid_once(
    loopback: LoopbackServer, journal: Path, handled: bool
) -> None:
    loopback.fault(POST, handled=handled)
    loopback.fault("GET /jobs", times=TRIES)
    first, _ = make(journal)
    with pytest.raises(ServiceError):
        first.estimate([pub()], SHOTS)
    again, _ = make(journal)
    if not handled:
        with pytest.raises(SubmissionUnclear):
            again.estimate([pub()], SHOTS)
        assert resend_jobs(journal) == 1
    (found,) = again.estimate([pub()], SHOTS)
    np.testing.assert_allclose(found.values[:, :2], VALUES)
    assert len(loopback.jobs) == 1
    assert loopback.rows_paid == 2 * ROWS + 2 * CALIBRATION


def test_a_calibration_that_is_a_job_of_its_own_is_not_paid_twice(
    loopback: LoopbackServer, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(executions=2 * ROWS * SHOTS)
    monkeypatch.setattr(IBMMachine, "limits", lambda self, request: limits)
    # The last job, the calibration, is made, but nobody learns of it.
    loopback.fault(POST, handled=True, skip=1)
    loopback.fault("GET /jobs", times=TRIES)
    first, _ = make(journal)
    with pytest.raises(ServiceError):
        first.estimate([pub()], SHOTS)
    assert [job.rows for job in loopback.jobs.values()] == [6, 2 * CALIBRATION]
    again, _ = make(journal)
    (found,) = again.estimate([pub()], SHOTS)
    np.testing.assert_allclose(found.values[:, :2], VALUES)
    assert len(loopback.jobs) == 2
    parts = [(job.state, job.part) for job in Journal(journal).jobs()]
    assert parts == [("done", 0), ("done", 1)]


def test_the_calibration_counts_in_the_budget(
    loopback: LoopbackServer, journal: Path
) -> None:
    rows = 2 * ROWS
    budget = 2.0 + 350e-6 * SHOTS * (rows + CALIBRATION)
    plain, _ = make(journal, readout=False, max_qpu_seconds=budget)
    plain.estimate([pub()], SHOTS)
    assert len(loopback.jobs) == 1
    mitigated, remote = make(journal, max_qpu_seconds=budget)
    remote.record(journal, run="other", layer="layer")
    executions = SHOTS * (rows + 2 * CALIBRATION)
    with pytest.raises(BudgetError, match=f"{executions:,} executions"):
        mitigated.estimate([pub()], SHOTS)
    assert len(loopback.jobs) == 1
    assert len(Journal(journal).jobs()) == 1


def test_what_a_mitigated_call_would_cost_is_what_it_costs(
    loopback: LoopbackServer, journal: Path
) -> None:
    mitigated, _ = make(journal, scales=(1, 3))
    costs: list[Cost] = []
    estimating = CostingExecutor(mitigated, costs)
    (found,) = estimating.estimate([pub()], SHOTS)
    assert found.values.shape == (ROWS, 3)
    assert not loopback.jobs
    assert not journal.exists()
    (cost,) = costs
    assert (cost.jobs, cost.circuits, cost.calibrations) == (1, 5, 1)
    mitigated.estimate([pub()], SHOTS)
    (job,) = loopback.jobs.values()
    assert (cost.rows, cost.executions) == (job.rows, job.executions)
    (kept,) = Journal(journal).jobs()
    assert cost.seconds == pytest.approx(kept.call.seconds)
    with pytest.raises(TargetError, match="route='estimator'"):
        estimating.sample([pub()], SHOTS)


def test_a_calibration_is_not_taken_for_that_of_other_qubits(
    loopback: LoopbackServer, journal: Path
) -> None:
    """The wires lie elsewhere after the machine was calibrated anew."""
    before, _ = make(journal, layout=(0, 1))
    before.estimate([pub()], SHOTS)
    after, _ = make(journal, layout=(1, 0))
    with pytest.raises(JournalError, match="begin another run"):
        after.estimate([pub()], SHOTS)
    assert len(loopback.jobs) == 1


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackServer]:
    isolate(monkeypatch, tmp_path / "home")
    with LoopbackServer(["manila"], noise=True, seed=7) as server:
        use(monkeypatch, server)
        yield server


def test_errors_of_reading_are_undone(noisy: LoopbackServer, journal: Path) -> None:
    errors = []
    for number, readout in enumerate((False, True)):
        mitigated, remote = make(journal, readout=readout)
        remote.record(journal, run=f"run-{number}", layer="layer")
        (found,) = mitigated.estimate([pub()], 4000)
        errors.append(np.abs(found.values[:, :2] - VALUES).max())
    assert errors[0] > 0.05
    assert errors[1] < errors[0] / 2
