"""IBM's client against the loopback service: what is sent, and what comes back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from qiskit import QuantumCircuit, transpile
from qiskit_aer import AerSimulator

from qml_qdl.circuits.errors import (
    JobError,
    SubmissionRefused,
    TargetError,
)
from qml_qdl.hardware.jobs.client import JobRequest, JobState
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from qml_qdl.hardware.qiskit.ibm.machines import service_backend
from qml_qdl.hardware.tapes.executor import Estimates, Pub
from qml_qdl.hardware.tapes.outcomes import Bits
from tests.hardware.qiskit.loopback import Ending, LoopbackServer
from tests.hardware.qiskit.loopback.setting import QUICK, isolate, use
from tests.hardware.qiskit.processes import start
from tests.hardware.qiskit.requests_for_tests import (
    estimate_request,
    sample_request,
)

ANGLES = np.array([[0.3, 1.1, 2.0], [2.5, 0.7, 0.4], [1.6, 1.2, 3.0]])


def sampled(client: IBMClient, request: JobRequest) -> list[Bits]:
    """Outcomes of a job for the request."""
    results = client.results(client.submit(request, "tag"), request)
    return [each for each in results if not isinstance(each, Estimates)]


def estimated(client: IBMClient, request: JobRequest) -> Estimates:
    """Estimates of a job for the request."""
    (result,) = client.results(client.submit(request, "tag"), request)
    assert isinstance(result, Estimates)
    return result


@pytest.fixture
def client(loopback: LoopbackServer) -> IBMClient:
    return IBMClient("ibm:ibm_manila", retry=QUICK)


def test_outcomes_come_back_in_the_order_of_the_bits(client: IBMClient) -> None:
    rows = ("100", "010", "001", "110")
    request = sample_request(client.backend, *rows)
    (bits,) = sampled(client, request)
    assert bits.shape == (4, 50, 3)
    assert bits.dtype == np.uint8
    for row, outcomes in zip(rows, bits, strict=True):
        assert np.all(outcomes == [int(letter) for letter in row])


def test_several_circuits_with_and_without_angles(client: IBMClient) -> None:
    still = QuantumCircuit(2, 2)
    still.x(1)
    still.measure([0, 1], [1, 0])
    first = sample_request(client.backend, "100", "111").pubs[0]
    second = Pub(isa_of_two(still, client.backend), np.zeros((3, 0)), "still")
    request = JobRequest("sample", (first, second), 20, {}, 60)
    moving, resting = sampled(client, request)
    assert moving.shape == (2, 20, 3)
    assert np.all(moving == [[[1, 0, 0]], [[1, 1, 1]]])
    assert resting.shape == (3, 20, 2)
    assert np.all(resting == [1, 0])


def isa_of_two(circuit: QuantumCircuit, backend: Any) -> QuantumCircuit:
    return transpile(circuit, backend, initial_layout=[4, 0])


@pytest.mark.parametrize("level", [0, 1, 2])
def test_estimates_agree_with_the_exact_values(client: IBMClient, level: int) -> None:
    shots = 4000
    request = estimate_request(client.backend, ANGLES, shots, resilience_level=level)
    estimates = estimated(client, request)
    exact = np.stack(
        [np.cos(ANGLES[:, 0]), np.cos(ANGLES[:, 1]) * np.cos(ANGLES[:, 2])], axis=1
    )
    assert estimates.values.shape == estimates.errors.shape == (3, 2)
    if level == 2:
        # The errors of IBM's extrapolation are not standard errors: where the values
        # do not fall with the noise they come out as small as 3e-6.
        assert np.all(np.abs(estimates.values - exact) < 0.15)
        return
    assert np.all(np.abs(estimates.values - exact) < 5 * estimates.errors)
    if level == 0:
        expected = np.sqrt((1 - exact**2) / shots)
        assert estimates.errors == pytest.approx(expected, rel=0.15)


def test_rows_without_angles_are_estimated_each(client: IBMClient) -> None:
    request = estimate_request(client.backend, ANGLES)
    pub = request.pubs[0]
    bound = pub.circuit.assign_parameters(np.array([0.0, np.pi, 0.0]))
    still = evolve(request, pubs=(evolve(pub, circuit=bound, angles=np.zeros((2, 0))),))
    still = evolve(still, options={"resilience_level": 0})
    estimates = estimated(client, still)
    assert estimates.values == pytest.approx(np.array([[1.0, -1.0], [1.0, -1.0]]))


@pytest.mark.parametrize("shots", [10, 1000])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("estimate", {"resilience_level": 0}),
        ("estimate", {"resilience_level": 1}),
        ("estimate", {"resilience_level": 2}),
        ("estimate", {"resilience_level": 0, "twirling": True}),
        ("sample", {"twirling": True}),
        ("sample", {}),
    ],
    ids=str,
)
def test_executions_are_estimated_as_the_service_counts_them(
    client: IBMClient,
    loopback: LoopbackServer,
    kind: str,
    options: dict[str, Any],
    shots: int,
) -> None:
    if kind == "sample":
        request = sample_request(client.backend, "000", "111", shots=shots, **options)
    else:
        angles = np.zeros((2, 3))
        request = estimate_request(client.backend, angles, shots=shots, **options)
    job = loopback.jobs[client.submit(request, "tag")]
    assert client.machine.cost(request).executions == job.executions


def test_every_job_has_a_tag_and_a_limit_and_is_never_private(
    client: IBMClient, loopback: LoopbackServer
) -> None:
    client.submit(sample_request(client.backend, "000"), "one-tag")
    client.submit(estimate_request(client.backend, ANGLES), "other-tag")
    bodies = [job.body for job in loopback.jobs.values()]
    assert [body["tags"] for body in bodies] == [["one-tag"], ["other-tag"]]
    assert [body["cost"] for body in bodies] == [60, 60]
    assert not any(body.get("private") for body in bodies)


def test_jobs_run_alone_or_in_a_batch(
    client: IBMClient, loopback: LoopbackServer
) -> None:
    request = sample_request(client.backend, "000")
    client.submit(request, "alone")
    batch = client.open_batch()
    assert batch is not None
    client.submit(request, "first", batch)
    again = IBMClient("ibm:ibm_manila", retry=QUICK)
    again.submit(request, "second", batch)
    again.close_batch(batch)
    sessions = [job.body.get("session_id") for job in loopback.jobs.values()]
    assert sessions == [None, batch, batch]
    assert loopback.sessions[batch]["mode"] == "batch"
    assert not loopback.sessions[batch]["accepting_jobs"]
    third = IBMClient("ibm:ibm_manila", retry=QUICK)
    with pytest.raises(SubmissionRefused, match=r"session is closed.*no job was made"):
        third.submit(request, "third", batch)


def test_a_session_is_refused_on_the_open_plan(loopback: LoopbackServer) -> None:
    with pytest.raises(TargetError, match="session: IBM's Open plan runs no sessions"):
        IBMClient("ibm:ibm_manila", session=True, retry=QUICK)
    assert loopback.sessions == {}


def test_a_session_is_opened_once_and_closed(loopback: LoopbackServer) -> None:
    loopback.plan = "paid"
    with IBMClient("ibm:ibm_manila", session=True, retry=QUICK) as client:
        request = sample_request(client.backend, "000")
        client.submit(request, "first")
        client.submit(request, "second", client.open_batch())
    (session,) = loopback.sessions.values()
    assert session["mode"] == "dedicated"
    assert session["state"] == "closed"
    used = {job.body["session_id"] for job in loopback.jobs.values()}
    assert used == {session["id"]}


def test_a_session_left_open_is_ended_with_the_program(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.plan = "paid"
    at_end: list[Callable[[], None]] = []
    monkeypatch.setattr("atexit.register", at_end.append)
    client = IBMClient("ibm:ibm_manila", session=True, retry=QUICK)
    client.submit(sample_request(client.backend, "000"), "tag")
    (end,) = at_end
    end()
    assert [each["state"] for each in loopback.sessions.values()] == ["closed"]


def test_a_job_is_found_by_its_tag_the_oldest_first(client: IBMClient) -> None:
    request = sample_request(client.backend, "000")
    first = client.submit(request, "same")
    client.submit(request, "same")
    assert client.find("same") == first
    assert client.find("none") is None


def test_the_state_of_a_job(client: IBMClient, loopback: LoopbackServer) -> None:
    loopback.queue_delay = 60.0
    request = sample_request(client.backend, "000", "111")
    first, second = (client.submit(request, tag) for tag in ("a", "b"))
    queued = client.status(second)
    assert (queued.state, queued.position) == (JobState.QUEUED, 2)
    assert queued.seconds_left == pytest.approx(60.0, abs=5.0)
    with pytest.raises(JobError, match="it has no results, it is QUEUED"):
        client.results(first, request)
    loopback.jobs[first].run_delay = 60.0
    loopback.jobs[first].queue_delay = 0.0
    assert client.status(first).state is JobState.RUNNING
    loopback.jobs[first].release()
    done = client.status(first)
    assert done.state is JobState.DONE
    seconds = 2.0 + 0.00035 * 100
    assert done.seconds == pytest.approx(seconds)
    assert client.remaining_seconds() == pytest.approx(600.0 - seconds)
    client.cancel(second)
    client.cancel(second)
    assert client.status(second).state is JobState.CANCELLED
    client.cancel(first)
    assert client.status(first).state is JobState.DONE


def test_no_limit_means_no_remaining_seconds(
    client: IBMClient, loopback: LoopbackServer
) -> None:
    loopback.allowance = None
    assert client.remaining_seconds() is None


@pytest.mark.parametrize(
    ("ending", "state", "reason"),
    [
        (Ending("Failed", "Qubit 3 is on strike", 8001), "failed", "on strike"),
        (Ending("Cancelled", "By an operator"), "cancelled", "By an operator"),
        (Ending("Cancelled", "Ran too long", 1305), "failed", "Ran too long"),
    ],
)
def test_a_job_that_ends_badly_says_why(
    client: IBMClient,
    loopback: LoopbackServer,
    ending: Ending,
    state: str,
    reason: str,
) -> None:
    loopback.end_next(ending)
    request = sample_request(client.backend, "000")
    job_id = client.submit(request, "tag")
    status = client.status(job_id)
    assert status.state == state
    assert reason in (status.reason or "")
    with pytest.raises(JobError, match=f"job {job_id}: it has no results.*{reason}"):
        client.results(job_id, request)


def test_an_unknown_job(client: IBMClient) -> None:
    with pytest.raises(JobError, match="knows no such job of this account"):
        client.status("nonsense")


def take_up_again(job_id: str, environment: dict[str, str]) -> None:
    """What a fresh process does with jobs of another."""
    os.environ.update(environment)
    client = IBMClient("ibm:ibm_manila")
    request = sample_request(client.backend, "100", "011")
    (bits,) = client.results(str(client.find("before")), request)
    assert isinstance(bits, np.ndarray)
    assert np.all(bits == [[[1, 0, 0]], [[0, 1, 1]]])
    asked = estimate_request(client.backend, np.zeros((1, 3)))
    (estimates,) = client.results(job_id, asked)
    assert isinstance(estimates, Estimates)
    assert np.all(estimates.values == 1.0)


def test_a_fresh_process_takes_jobs_up_again(client: IBMClient) -> None:
    client.submit(sample_request(client.backend, "100", "011"), "before")
    job_id = client.submit(estimate_request(client.backend, np.zeros((1, 3))), "other")
    fresh = start(take_up_again, job_id, dict(os.environ))
    fresh.join(120.0)
    assert fresh.exitcode == 0


def test_the_least_busy_machine_is_chosen_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    isolate(monkeypatch, tmp_path)
    with LoopbackServer(["manila", "quito", "guadalupe"]) as server:
        use(monkeypatch, server)
        server.machines["ibm_manila"].queue_length = 5
        server.machines["ibm_guadalupe"].queue_length = 2
        client = IBMClient("ibm:least_busy", retry=QUICK)
        assert (client.name, client.backend.name) == ("ibm:least_busy", "ibm_quito")
        large = IBMClient("ibm:least_busy", min_num_qubits=6, retry=QUICK)
        assert large.backend.name == "ibm_guadalupe"
        server.machines["ibm_quito"].queue_length = 9
        job_id = client.submit(sample_request(client.backend, "000"), "tag")
        assert server.jobs[job_id].machine.name == "ibm_quito"
        with pytest.raises(TargetError, match="'least_busy' with 99 qubits"):
            _ = IBMClient("ibm:least_busy", min_num_qubits=99, retry=QUICK).backend


def test_an_unknown_machine_names_those_that_there_are(
    loopback: LoopbackServer,
) -> None:
    with pytest.raises(TargetError, match=r"no machine 'ibm_nowhere'.*: ibm_manila"):
        _ = IBMClient("ibm:ibm_nowhere", retry=QUICK).backend


def test_a_machine_as_it_is_today_for_the_simulator(loopback: LoopbackServer) -> None:
    backend = service_backend("ibm:ibm_manila", retry=QUICK)
    assert backend.name == "ibm_manila"
    assert backend.properties().last_update_date is not None
    noisy = AerSimulator.from_backend(backend)
    assert noisy.options.noise_model.noise_instructions
