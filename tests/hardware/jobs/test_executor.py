from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp

from qml_qdl.circuits.errors import (
    BudgetError,
    Detached,
    JobError,
    JournalError,
    TargetError,
)
from qml_qdl.hardware.jobs.client import JobClient, has_client, open_client
from qml_qdl.hardware.jobs.cost import Cost, Limits
from qml_qdl.hardware.jobs.executor import RemoteExecutor, costing
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.tapes.executor import Pub
from tests.hardware.jobs.service import FolderClient, without_sync
from tests.hardware.jobs.tapes import TapeClient
from tests.hardware.qiskit.service import FakeClient

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)


def observed(rows: int = 3) -> Pub:
    theta = ParameterVector("theta", 1)
    circuit = QuantumCircuit(2)
    circuit.ry(theta[0], 0)
    circuit.cx(0, 1)
    observables = (SparsePauliOp("ZI"), SparsePauliOp("XX"))
    return Pub(circuit, np.ones((rows, 1)), "o", observables)


def executor(client: JobClient, folder: Path, **options: object) -> RemoteExecutor:
    given = {"journal": folder / "jobs.sqlite", "run": "run", **options}
    return RemoteExecutor(client, **given)  # type: ignore[arg-type]


@pytest.fixture(params=[FakeClient, TapeClient])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> FolderClient:
    made: FolderClient = request.param(tmp_path / "service")
    return made


@pytest.fixture
def fake(tmp_path: Path) -> FakeClient:
    """Of a service that has an estimator."""
    return FakeClient(tmp_path / "service")


def test_all_pubs_of_a_call_are_one_job(client: FolderClient, tmp_path: Path) -> None:
    remote = executor(client, tmp_path)
    first, second = remote.sample([client.pub(rows=3), client.pub("b", 2)], 10)
    assert first.bits.shape == (3, 10, 2)
    assert second.bits.shape == (2, 10, 2)
    (job,) = client.jobs()
    assert (job["rows"], job["shots"], job["limit"]) == (5, 10, 60)
    assert (remote.counters.jobs, remote.counters.pubs) == (1, 2)
    assert (remote.counters.rows, remote.counters.qpu_seconds) == (5, 2.5)


def test_a_services_own_estimator(fake: FakeClient, tmp_path: Path) -> None:
    remote = executor(fake, tmp_path)
    (estimates,) = remote.estimate([observed()], 10)
    assert estimates.values.shape == (3, 2)
    assert remote.counters.jobs == 1
    with pytest.raises(TargetError, match=r"no estimator of its own.*route='sampler'"):
        executor(TapeClient(tmp_path / "other"), tmp_path).estimate([observed()], 10)


def test_the_same_run_in_another_process_pays_nothing(
    client: FolderClient, tmp_path: Path
) -> None:
    first = executor(client, tmp_path)
    first.record(tmp_path / "jobs.sqlite", "run", "conv")
    results = [first.sample([client.pub()], 10)[0] for _ in range(2)]
    assert not np.array_equal(results[0].bits, results[1].bits)
    again = executor(client, tmp_path)
    again.record(tmp_path / "jobs.sqlite", "run", "conv")
    for result in results:
        assert np.array_equal(again.sample([client.pub()], 10)[0].bits, result.bits)
    assert again.counters.jobs == 0
    assert len(client.jobs()) == 2


def test_without_a_run_nothing_replays(client: FolderClient, tmp_path: Path) -> None:
    for _ in range(2):
        executor(client, tmp_path, run=None).sample([client.pub()], 10)
    assert len(client.jobs()) == 2


def test_an_interrupted_call_asked_for_again_is_the_same_call(
    client: FolderClient, tmp_path: Path
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    remote = executor(client, tmp_path)
    client.on_status = interrupt
    with pytest.raises(KeyboardInterrupt):
        remote.sample([client.pub()], 10)
    client.on_status = None
    # Something else is another call; what was interrupted is left to the next run.
    remote.sample([client.pub()], 20)
    assert [job["shots"] for job in client.jobs()] == [10, 20]
    client.on_status = interrupt
    with pytest.raises(KeyboardInterrupt):
        remote.sample([client.pub()], 30)
    client.on_status = None
    assert remote.keys.upcoming.call == 2
    remote.sample([client.pub()], 30)
    assert len(client.jobs()) == 3
    assert remote.keys.upcoming.call == 3
    remote.sample([client.pub()], 30)  # with fresh shots
    assert len(client.jobs()) == 4


def test_a_job_that_failed_is_sent_anew_under_its_key(
    client: FolderClient, tmp_path: Path
) -> None:
    remote = executor(client, tmp_path)
    client.end = "failed"
    with pytest.raises(JobError, match="the same run sends it anew"):
        remote.sample([client.pub()], 10)
    client.end = "done"
    remote.sample([client.pub()], 10)
    assert len(client.jobs()) == 2
    again = executor(client, tmp_path)
    again.record(tmp_path / "jobs.sqlite", "run", remote.keys.layer)
    again.sample([client.pub()], 10)
    assert len(client.jobs()) == 2


def test_a_refused_call_takes_no_key(client: FolderClient, tmp_path: Path) -> None:
    remote = executor(client, tmp_path, max_qpu_seconds=2.01)
    with pytest.raises(BudgetError):
        remote.sample([client.pub(rows=30)], 1000)
    assert remote.keys.upcoming.call == 0
    remote.max_qpu_seconds = 60.0
    remote.sample([client.pub(rows=30)], 1000)
    assert remote.keys.upcoming.call == 1


def test_calls_that_are_not_waited_for_have_keys_of_their_own(
    client: FolderClient, tmp_path: Path
) -> None:
    remote = executor(client, tmp_path)
    for _ in range(2):
        with remote.detached(), pytest.raises(Detached):
            remote.sample([client.pub()], 10)
    assert len(client.jobs()) == 2


def test_options_are_part_of_the_content(fake: FakeClient, tmp_path: Path) -> None:
    for level in (0, 1):
        remote = executor(fake, tmp_path, resilience_level=level)
        remote.record(tmp_path / "jobs.sqlite", "run", "conv")
        if level:
            with pytest.raises(JournalError, match="options"):
                remote.estimate([observed()], 10)
        else:
            remote.estimate([observed()], 10)


def test_a_budget_refuses_before_anything_is_sent(
    client: FolderClient, tmp_path: Path
) -> None:
    remote = executor(client, tmp_path, max_qpu_seconds=5.0)
    with pytest.raises(BudgetError, match="max_qpu_seconds: 10,000 executions"):
        remote.sample([client.pub(rows=10)], 1000)
    assert not client.jobs()
    assert not Journal(tmp_path / "jobs.sqlite").jobs()


def test_what_is_paid_is_not_refused_later(
    client: FolderClient, tmp_path: Path
) -> None:
    rich = executor(client, tmp_path, run=None)
    rich.record(tmp_path / "jobs.sqlite", "run", "conv")
    with rich.detached(), pytest.raises(Detached):
        rich.sample([client.pub(rows=10)], 1000)
    poor = executor(client, tmp_path, max_qpu_seconds=1.0)
    poor.record(tmp_path / "jobs.sqlite", "run", "conv")
    assert poor.sample([client.pub(rows=10)], 1000)[0].bits.shape == (10, 1000, 2)
    assert len(client.jobs()) == 1


def test_a_large_call_is_divided_and_put_together(
    client: FolderClient, tmp_path: Path
) -> None:
    client.limits_ = Limits(executions=40)
    remote = executor(client, tmp_path)
    (counts,) = remote.sample([client.pub(rows=10)], 10)
    assert counts.bits.shape == (10, 10, 2)
    assert [job["rows"] for job in client.jobs()] == [4, 4, 2]
    assert {job["batch"] for job in client.jobs()} == {"batch-1"}
    again = executor(client, tmp_path)
    again.record(tmp_path / "jobs.sqlite", "run", remote.keys.layer)
    assert np.array_equal(again.sample([client.pub(rows=10)], 10)[0].bits, counts.bits)
    parts = [
        client.results(job["id"], remote.request("sample", [client.pub(rows=n)], 10))
        for job, n in zip(client.jobs(), (4, 4, 2), strict=True)
    ]
    assert np.array_equal(counts.bits, np.concatenate([part[0] for part in parts]))


def test_nothing_exact_comes_from_a_machine(
    client: FolderClient, tmp_path: Path
) -> None:
    remote = executor(client, tmp_path)
    with pytest.raises(TargetError, match="is a machine and shows no states"):
        remote.states([observed()])
    with pytest.raises(TargetError, match="has no exact values, got shots=None"):
        remote.estimate([observed()], None)


def test_noting_costs_sends_nothing(fake: FakeClient, tmp_path: Path) -> None:
    remote = executor(fake, tmp_path)
    costs: list[Cost] = []
    noting = costing(remote, costs)
    (counts,) = noting.sample([fake.pub(rows=10)], 1000)
    assert counts.bits.shape == (10, 1000, 2)
    assert not counts.bits.any()
    (estimates,) = noting.estimate([observed(4)], 50)
    assert estimates.values.shape == (4, 2)
    sampled, estimated = costs
    assert sampled.executions == 10_000
    assert estimated.executions == 4 * 2 * 50
    assert not fake.jobs()
    assert not (tmp_path / "jobs.sqlite").exists()
    for refused in (
        lambda: noting.estimate([observed()], None),
        lambda: noting.states([observed()]),
    ):
        with pytest.raises(TargetError, match="shots=1000"):
            refused()


def test_what_a_call_costs_is_the_machines_word(tmp_path: Path) -> None:
    client = TapeClient(tmp_path / "service", limits_=Limits(executions=4000))
    costs: list[Cost] = []
    costing(executor(client, tmp_path), costs).sample([client.pub(rows=10)], 1000)
    assert [(cost.jobs, cost.seconds) for cost in costs] == [(3, 9.5)]
    assert costs[0].share is None
    with pytest.raises(BudgetError, match="10 QPU seconds, but 9 are"):
        executor(client, tmp_path, max_qpu_seconds=9.0).sample(
            [client.pub(rows=10)], 1000
        )


def test_a_client_is_found_by_the_name_of_its_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[tuple[str, str | None]] = []
    monkeypatch.setattr(
        "qml_qdl.hardware.qiskit.ibm.client.IBMClient",
        lambda name, account: made.append((name, account)),
    )
    open_client("ibm:least_busy", "work")
    assert made == [("ibm:least_busy", "work")]
    assert not has_client("ibm")
    with pytest.raises(TargetError, match=r"'ibm:\.\.\.', got 'tapes:local'"):
        open_client("tapes:local")
