"""Mitigation over a service: jobs, the journal, resuming and the budget."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits.errors import (
    BudgetError,
    JournalError,
    ServiceError,
    SubmissionRefused,
    SubmissionUnclear,
)
from qml_qdl.hardware.jobs.cost import Cost, Limits
from qml_qdl.hardware.jobs.executor import RemoteExecutor, costing
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from qml_qdl.hardware.qiskit.ibm.cost import IBMMachine
from qml_qdl.hardware.qiskit.transpilation import TranspilationCache
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


VALUES = np.array([[1, 1], [-1, -1], [-1, 1]])
"""What the first two observables are."""


class Flips:
    """⟨Z₀⟩, ⟨Z₀Z₁⟩ and ⟨X₁⟩ of flipped qubits, in two bases, on a machine."""

    def __init__(
        self,
        journal: Path,
        layout: Any = (0, 1),
        scales: tuple[int, ...] = (1,),
        readout: bool = True,
        **options: Any,
    ) -> None:
        isa = partial(TranspilationCache, optimization_level=0, initial_layout=layout)
        client = IBMClient("ibm:ibm_manila", retry=QUICK, isa=isa)
        self.remote = RemoteExecutor(client, pace=PACE, **options)
        self.remote.record(journal, run="run", layer="layer")
        self.device = qml.device(
            "qdl.qiskit",
            wires=2,
            backend=self.remote,
            mitigation=Mitigation(
                zne_scales=scales, readout=readout, calibration_rows=CALIBRATION
            ),
        )

    def run(self, shots: int = SHOTS) -> Any:
        """The three values, (rows, 3)."""

        @qml.set_shots(shots)
        @qml.qnode(self.device)
        def circuit(angles: Any) -> Any:
            qml.RX(angles[:, 0], 0)
            qml.RX(angles[:, 1], 1)
            return [
                qml.expval(qml.Z(0)),
                qml.expval(qml.Z(0) @ qml.Z(1)),
                qml.expval(qml.X(1)),
            ]

        return np.stack(circuit(np.pi * np.array([[0, 0], [1, 0], [1, 1]])), axis=1)


@pytest.mark.parametrize("scales", [(1,), (1, 3)])
def test_a_call_is_one_job_and_the_calibrations_are_in_it(
    loopback: LoopbackServer, journal: Path, scales: tuple[int, ...]
) -> None:
    flips = Flips(journal, scales=scales)
    np.testing.assert_allclose(flips.run()[:, :2], VALUES)
    circuits = 2 * len(scales)
    rows = circuits * ROWS + 2 * CALIBRATION
    (job,) = loopback.jobs.values()
    assert (job.rows, job.executions) == (rows, rows * SHOTS)
    (kept,) = Journal(journal).jobs()
    assert (kept.state, kept.call.rows, kept.call.kind) == ("done", rows, "sample")
    results: Any = Journal(journal).results(kept)
    assert [len(bits) for bits in results] == [ROWS] * circuits + [CALIBRATION] * 2
    # All |0⟩ in the first rows of a calibration, |1⟩ in the others.
    for bits in results[-2:]:
        assert bits.mean(axis=(1, 2)).tolist() == [0.0, 1.0]
    counters = flips.remote.counters
    assert (counters.jobs, counters.pubs) == (1, circuits + 2)


def test_the_same_run_again_pays_nothing(
    loopback: LoopbackServer, journal: Path
) -> None:
    before = Flips(journal).run()
    requests = len(loopback.requests)
    again = Flips(journal, max_qpu_seconds=0.1)  # what is paid is not refused
    assert np.array_equal(again.run(), before)
    later = loopback.requests[requests:]
    assert not [each for each in later if each.path.startswith("/jobs")]
    assert again.remote.counters.jobs == 0


def test_results_are_collected_without_the_machine(
    loopback: LoopbackServer, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Flips(journal, scales=(1, 3)).run()
    gone = property(lambda self: pytest.fail("the machine was asked for"))
    monkeypatch.setattr(IBMClient, "backend", gone)
    assert np.array_equal(Flips(journal, scales=(1, 3)).run(), before)
    assert len(loopback.jobs) == 1


@pytest.mark.parametrize("handled", [True, False])
def test_an_interrupted_call_is_paid_once(
    loopback: LoopbackServer, journal: Path, handled: bool
) -> None:
    loopback.fault(POST, handled=handled)
    loopback.fault("GET /jobs", times=TRIES)
    with pytest.raises(ServiceError):
        Flips(journal).run()
    again = Flips(journal)
    if not handled:
        with pytest.raises(SubmissionUnclear):
            again.run()
        assert resend_jobs(journal) == 1
    np.testing.assert_allclose(again.run()[:, :2], VALUES)
    assert len(loopback.jobs) == 1
    assert loopback.rows_paid == 2 * ROWS + 2 * CALIBRATION


@pytest.fixture
def divided(monkeypatch: pytest.MonkeyPatch) -> None:
    """The calibrations go in a job of their own."""
    limits = Limits(executions=2 * ROWS * SHOTS)
    monkeypatch.setattr(IBMMachine, "limits", lambda self, request: limits)


@pytest.mark.usefixtures("divided")
def test_a_calibration_that_is_a_job_of_its_own_is_not_paid_twice(
    loopback: LoopbackServer, journal: Path
) -> None:
    # The last job, the calibration, is made, but nobody learns of it.
    loopback.fault(POST, handled=True, skip=1)
    loopback.fault("GET /jobs", times=TRIES)
    with pytest.raises(ServiceError):
        Flips(journal).run()
    assert [job.rows for job in loopback.jobs.values()] == [6, 2 * CALIBRATION]
    np.testing.assert_allclose(Flips(journal).run()[:, :2], VALUES)
    assert len(loopback.jobs) == 2
    parts = [(job.state, job.part) for job in Journal(journal).jobs()]
    assert parts == [("done", 0), ("done", 1)]


def test_the_calibration_counts_in_the_budget(
    loopback: LoopbackServer, journal: Path
) -> None:
    rows = 2 * ROWS
    budget = 2.0 + 350e-6 * SHOTS * (rows + CALIBRATION)
    Flips(journal, readout=False, max_qpu_seconds=budget).run()
    assert len(loopback.jobs) == 1
    mitigated = Flips(journal, max_qpu_seconds=budget)
    mitigated.remote.record(journal, run="other", layer="layer")
    executions = SHOTS * (rows + 2 * CALIBRATION)
    with pytest.raises(BudgetError, match=f"{executions:,} executions"):
        mitigated.run()
    assert len(loopback.jobs) == 1
    assert len(Journal(journal).jobs()) == 1


def test_what_a_mitigated_call_would_cost_is_what_it_costs(
    loopback: LoopbackServer, journal: Path
) -> None:
    flips = Flips(journal, scales=(1, 3))
    costs: list[Cost] = []
    with flips.device.standing_in(costing(flips.remote, costs)):
        assert flips.run().shape == (ROWS, 3)
    assert not loopback.jobs
    assert not journal.exists()
    (cost,) = costs
    assert (cost.jobs, cost.circuits, cost.calibrations) == (1, 6, 2)
    flips.device.executor = flips.remote
    flips.run()
    (job,) = loopback.jobs.values()
    assert (cost.rows, cost.executions) == (job.rows, job.executions)
    (kept,) = Journal(journal).jobs()
    assert cost.seconds == pytest.approx(kept.call.seconds)


@pytest.mark.usefixtures("divided")
def test_a_calibration_is_not_taken_for_that_of_other_qubits(
    loopback: LoopbackServer, journal: Path
) -> None:
    """The wires lie elsewhere after the machine was calibrated anew."""
    loopback.fault(POST, status=400, skip=1)
    before = Flips(journal, layout=(0, 1))
    with pytest.raises(SubmissionRefused):
        before.run()
    assert len(loopback.jobs) == 1
    with pytest.raises(JournalError, match="begin another run"):
        Flips(journal, layout=(1, 0)).run()
    assert len(loopback.jobs) == 1
    # Who transpiled all circuits knows where the wires lie.
    np.testing.assert_allclose(before.run()[:, :2], VALUES)
    assert len(loopback.jobs) == 2


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackServer]:
    isolate(monkeypatch, tmp_path / "home")
    with LoopbackServer(["manila"], noise=True, seed=7) as server:
        use(monkeypatch, server)
        yield server


def test_errors_of_reading_are_undone(noisy: LoopbackServer, journal: Path) -> None:
    errors = []
    for number, readout in enumerate((False, True)):
        flips = Flips(journal, readout=readout)
        flips.remote.record(journal, run=f"run-{number}", layer="layer")
        errors.append(np.abs(flips.run(4000)[:, :2] - VALUES).max())
    assert errors[0] > 0.05
    assert errors[1] < errors[0] / 2
