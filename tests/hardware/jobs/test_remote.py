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
from qml_qdl.hardware.jobs.client import Limits
from qml_qdl.hardware.jobs.estimating import EstimatingExecutor
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.jobs.remote import RemoteExecutor
from qml_qdl.hardware.jobs.requests import make_request
from qml_qdl.hardware.qiskit.executors.isa import IsaCache
from qml_qdl.hardware.tapes.executor import Pub
from tests.hardware.qiskit.service import FakeClient, without_sync

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)


def measured(rows: int = 3, digest: str = "a") -> Pub:
    theta = ParameterVector("theta", 3)
    circuit = QuantumCircuit(2, 2)
    circuit.ry(theta[0], 0)
    circuit.ry(theta[1], 1)
    circuit.rz(theta[2], 1)  # measured at once: does not matter
    circuit.measure([0, 1], [0, 1])
    return Pub(circuit, np.arange(3.0 * rows).reshape(rows, 3), digest)


def observed(rows: int = 3) -> Pub:
    theta = ParameterVector("theta", 1)
    circuit = QuantumCircuit(2)
    circuit.ry(theta[0], 0)
    circuit.cx(0, 1)
    observables = (SparsePauliOp("ZI"), SparsePauliOp("XX"))
    return Pub(circuit, np.ones((rows, 1)), "o", observables)


def executor(client: FakeClient, folder: Path, **options: object) -> RemoteExecutor:
    isa = IsaCache(client.backend, folder=None)
    given = {"journal": folder / "jobs.sqlite", "run": "run", **options}
    return RemoteExecutor(client, isa, **given)  # type: ignore[arg-type]


@pytest.fixture
def client(tmp_path: Path) -> FakeClient:
    return FakeClient(tmp_path / "service")


def test_all_pubs_of_a_call_are_one_job(client: FakeClient, tmp_path: Path) -> None:
    remote = executor(client, tmp_path)
    first, second = remote.sample([measured(3), measured(2, "b")], 10)
    assert first.bits.shape == (3, 10, 2)
    assert second.bits.shape == (2, 10, 2)
    (job,) = client.jobs()
    assert (job["rows"], job["shots"], job["limit"]) == (5, 10, 60)
    assert (remote.counters.jobs, remote.counters.pubs) == (1, 2)
    assert (remote.counters.rows, remote.counters.qpu_seconds) == (5, 2.5)
    (estimates,) = remote.estimate([observed()], 10)
    assert estimates.values.shape == (3, 2)
    assert remote.counters.jobs == 2


def test_the_same_run_in_another_process_pays_nothing(
    client: FakeClient, tmp_path: Path
) -> None:
    first = executor(client, tmp_path)
    first.record(tmp_path / "jobs.sqlite", "run", "conv")
    results = [first.sample([measured()], 10)[0].bits for _ in range(2)]
    assert not np.array_equal(results[0], results[1])
    again = executor(client, tmp_path)
    again.record(tmp_path / "jobs.sqlite", "run", "conv")
    for result in results:
        assert np.array_equal(again.sample([measured()], 10)[0].bits, result)
    assert again.counters.jobs == 0
    assert len(client.jobs()) == 2


def test_without_a_run_nothing_replays(client: FakeClient, tmp_path: Path) -> None:
    for _ in range(2):
        executor(client, tmp_path, run=None).sample([measured()], 10)
    assert len(client.jobs()) == 2


def test_an_interrupted_call_asked_for_again_is_the_same_call(
    client: FakeClient, tmp_path: Path
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    remote = executor(client, tmp_path)
    client.on_status = interrupt
    with pytest.raises(KeyboardInterrupt):
        remote.sample([measured()], 10)
    client.on_status = None
    # Something else is another call; what was interrupted is left to the next run.
    remote.sample([measured()], 20)
    assert [job["shots"] for job in client.jobs()] == [10, 20]
    client.on_status = interrupt
    with pytest.raises(KeyboardInterrupt):
        remote.sample([measured()], 30)
    client.on_status = None
    assert remote.keys.upcoming.call == 2
    remote.sample([measured()], 30)
    assert len(client.jobs()) == 3
    assert remote.keys.upcoming.call == 3
    remote.sample([measured()], 30)  # with fresh shots
    assert len(client.jobs()) == 4


def test_a_job_that_failed_is_sent_anew_under_its_key(
    client: FakeClient, tmp_path: Path
) -> None:
    remote = executor(client, tmp_path)
    client.end = "failed"
    with pytest.raises(JobError, match="the same run sends it anew"):
        remote.sample([measured()], 10)
    client.end = "done"
    remote.sample([measured()], 10)
    assert len(client.jobs()) == 2
    again = executor(client, tmp_path)
    again.record(tmp_path / "jobs.sqlite", "run", remote.keys.layer)
    again.sample([measured()], 10)
    assert len(client.jobs()) == 2


def test_a_refused_call_takes_no_key(client: FakeClient, tmp_path: Path) -> None:
    remote = executor(client, tmp_path, max_qpu_seconds=2.01)
    with pytest.raises(BudgetError):
        remote.sample([measured(30)], 1000)
    assert remote.keys.upcoming.call == 0
    remote.max_qpu_seconds = 60.0
    remote.sample([measured(30)], 1000)
    assert remote.keys.upcoming.call == 1


def test_calls_that_are_not_waited_for_have_keys_of_their_own(
    client: FakeClient, tmp_path: Path
) -> None:
    remote = executor(client, tmp_path)
    remote.detach = True
    for _ in range(2):
        with pytest.raises(Detached):
            remote.sample([measured()], 10)
    assert len(client.jobs()) == 2


def test_options_are_part_of_the_content(client: FakeClient, tmp_path: Path) -> None:
    for level in (0, 1):
        remote = executor(client, tmp_path, resilience_level=level)
        remote.record(tmp_path / "jobs.sqlite", "run", "conv")
        if level:
            with pytest.raises(JournalError, match="options"):
                remote.estimate([observed()], 10)
        else:
            remote.estimate([observed()], 10)


def test_a_budget_refuses_before_anything_is_sent(
    client: FakeClient, tmp_path: Path
) -> None:
    remote = executor(client, tmp_path, max_qpu_seconds=5.0)
    with pytest.raises(BudgetError, match="max_qpu_seconds: 10,000 executions"):
        remote.sample([measured(10)], 1000)
    assert not client.jobs()
    assert not Journal(tmp_path / "jobs.sqlite").jobs()


def test_what_is_paid_is_not_refused_later(client: FakeClient, tmp_path: Path) -> None:
    rich = executor(client, tmp_path, run=None)
    rich.record(tmp_path / "jobs.sqlite", "run", "conv")
    rich.detach = True
    with pytest.raises(Detached):
        rich.sample([measured(10)], 1000)
    poor = executor(client, tmp_path, max_qpu_seconds=1.0)
    poor.record(tmp_path / "jobs.sqlite", "run", "conv")
    assert poor.sample([measured(10)], 1000)[0].bits.shape == (10, 1000, 2)
    assert len(client.jobs()) == 1


def test_a_large_call_is_divided_and_put_together(
    client: FakeClient, tmp_path: Path
) -> None:
    client.limits_ = Limits(executions=40)
    remote = executor(client, tmp_path)
    (counts,) = remote.sample([measured(10)], 10)
    bits = counts.bits
    assert bits.shape == (10, 10, 2)
    assert [job["rows"] for job in client.jobs()] == [4, 4, 2]
    assert {job["batch"] for job in client.jobs()} == {"batch-1"}
    parts = [
        np.random.default_rng(k).integers(0, 2, (n, 10, 2), dtype=np.uint8)
        for k, n in ((1, 4), (2, 4), (3, 2))
    ]
    assert np.array_equal(bits, np.concatenate(parts))


def test_nothing_exact_comes_from_a_machine(client: FakeClient, tmp_path: Path) -> None:
    remote = executor(client, tmp_path)
    with pytest.raises(TargetError, match="ibm:fake is a machine and shows no states"):
        remote.states([observed()])
    with pytest.raises(TargetError, match="has no exact values, got shots=None"):
        remote.estimate([observed()], None)


def test_angles_follow_the_parameters_that_are_left(client: FakeClient) -> None:
    isa = IsaCache(client.backend, folder=None)
    pub = measured()
    request = make_request("sample", [pub], 10, isa, {}, 60)
    (sent,) = request.pubs
    names = [parameter.name for parameter in sent.circuit.parameters]
    assert names == ["theta[0]", "theta[1]"]
    assert np.array_equal(sent.angles, pub.angles[:, :2])


def test_observables_follow_the_layout(client: FakeClient) -> None:
    isa = IsaCache(client.backend, folder=None, initial_layout=[3, 1])
    request = make_request("estimate", [observed()], 10, isa, {}, 60)
    labels = [one.paulis.to_labels() for one in request.pubs[0].observables]
    assert labels == [["IIIZI"], ["IXIXI"]]


def test_content_knows_circuits_and_observables_not_their_layout(
    client: FakeClient,
) -> None:
    contents = set()
    for layout in ([3, 1], [0, 2]):
        isa = IsaCache(client.backend, folder=None, initial_layout=layout)
        request = make_request("estimate", [observed()], 10, isa, {}, 60)
        contents.add(request.content("ibm:fake"))
    assert len(contents) == 1
    other = Pub(observed().circuit, observed().angles, "o", (SparsePauliOp("ZI"),))
    request = make_request("estimate", [other], 10, isa, {}, 60)
    assert request.content("ibm:fake") not in contents


def test_estimating_sends_nothing(client: FakeClient, tmp_path: Path) -> None:
    remote = executor(client, tmp_path)
    costs: list[object] = []
    estimating = EstimatingExecutor(remote, costs)  # type: ignore[arg-type]
    (counts,) = estimating.sample([measured(10)], 1000)
    assert counts.bits.shape == (10, 1000, 2)
    assert not counts.bits.any()
    (estimates,) = estimating.estimate([observed(4)], 50)
    assert estimates.values.shape == (4, 2)
    sampled, estimated = costs
    assert sampled.executions == 10_000  # type: ignore[attr-defined]
    assert estimated.executions == 4 * 2 * 50  # type: ignore[attr-defined]
    assert not client.jobs()
    assert not (tmp_path / "jobs.sqlite").exists()
    for refused in (
        lambda: estimating.estimate([observed()], None),
        lambda: estimating.states([observed()]),
    ):
        with pytest.raises(TargetError, match="--shots 1000"):
            refused()
