from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import frozen
from torch import nn

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.circuits.errors import (
    Detached,
    JournalError,
    ServiceError,
    SubmissionRefused,
    SubmissionUnclear,
    TargetError,
)
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.jobs import (
    begin_step,
    detached,
    estimated,
    record_jobs,
    remote_executors,
    resend_jobs,
)
from tests.hardware.jobs.service import (
    Fate,
    FolderClient,
    Killed,
    mortal,
    without_sync,
)
from tests.hardware.jobs.tapes import TapeClient, TapeDevice
from tests.hardware.qiskit.service import FakeClient, replace_ibm

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    client = FakeClient(tmp_path / "service")
    replace_ibm(monkeypatch, client)
    monkeypatch.setenv("QML_QDL_JOURNAL", str(tmp_path / "user.sqlite"))
    # Looking for a job that may have been made takes no time here.
    monkeypatch.setattr("qml_qdl.hardware.jobs.submission.Pace", client.time.pace)
    return client


@frozen
class Vendor:
    """A service, and a target whose layers send their jobs there."""

    client: FolderClient
    target: Callable[[], Any]


@pytest.fixture(params=["qiskit", "tapes"])
def vendor(request: pytest.FixtureRequest, client: FakeClient) -> Vendor:
    if request.param == "qiskit":
        return Vendor(client, lambda: "ibm:fake")
    tapes = TapeClient(client.folder, time=client.time)
    return Vendor(tapes, lambda: TapeDevice(2, tapes))


def two_layers(
    target: Callable[[], Any] = lambda: "ibm:fake", seed: int = 0, **options: Any
) -> nn.Sequential:
    generator = torch.Generator().manual_seed(seed)
    circuit = StronglyEntangling(2, layers=1) @ AngleEncoding(2)
    return nn.Sequential(
        *(
            QuantumLayer(
                circuit, target=target(), shots=8, generator=generator, **options
            )
            for _ in range(2)
        )
    )


def inputs(rows: int = 3) -> torch.Tensor:
    return torch.linspace(0, 1, 2 * rows).reshape(rows, 2)


def test_each_layer_is_one_job_with_its_name(vendor: Vendor, tmp_path: Path) -> None:
    model = two_layers(vendor.target)
    assert record_jobs(model, tmp_path / "jobs.sqlite", "training")
    begin_step(model, "train-0")
    model(inputs()).sum().backward()
    jobs = Journal(tmp_path / "jobs.sqlite").jobs()
    assert [str(job.key) for job in jobs] == [
        "training, 0, train-0, call 0",
        "training, 1, train-0, call 0",
    ]
    assert len(vendor.client.jobs()) == 2


def test_resumed_steps_find_their_jobs(vendor: Vendor, tmp_path: Path) -> None:
    def step(model: nn.Module, number: int) -> Any:
        begin_step(model, number)
        return model(inputs()).detach().numpy()

    model = two_layers(vendor.target)
    record_jobs(model, tmp_path / "jobs.sqlite", "training")
    first = [step(model, number) for number in range(3)]
    resumed = two_layers(vendor.target)
    record_jobs(resumed, tmp_path / "jobs.sqlite", "training")
    for number in (1, 2):  # from a checkpoint after the first step
        assert np.array_equal(step(resumed, number), first[number])
    assert len(vendor.client.jobs()) == 6
    step(resumed, 3)
    assert len(vendor.client.jobs()) == 8
    assert not np.array_equal(first[0], first[1])


def test_other_weights_under_the_same_step_stop(vendor: Vendor, tmp_path: Path) -> None:
    for seed in range(2):
        model = two_layers(vendor.target, seed=seed)
        record_jobs(model, tmp_path / "jobs.sqlite", "training")
        begin_step(model, 0)
        if seed:
            with pytest.raises(JournalError, match="begin another run"):
                model(inputs())
        else:
            model(inputs())
    assert len(vendor.client.jobs()) == 2


def test_spsa_goes_the_same_ways_again(client: FakeClient, tmp_path: Path) -> None:
    for _ in range(2):
        model = two_layers(diff_method="spsa")
        record_jobs(model, tmp_path / "jobs.sqlite", "training")
        begin_step(model, 0)
        model(inputs()).sum().backward()
    assert len(client.jobs()) == 2


def test_a_mitigated_machine_has_jobs_too(client: FakeClient, tmp_path: Path) -> None:
    circuit = StronglyEntangling(2, layers=1) @ AngleEncoding(2)
    for _ in range(2):
        device = qml.device(
            "qdl.qiskit", wires=2, backend="ibm:fake", mitigation="readout+zne"
        )
        generator = torch.Generator().manual_seed(0)
        options: Any = {"diff_method": "spsa", "shots": 8, "generator": generator}
        layer = QuantumLayer(circuit, target=device, **options)
        assert record_jobs(layer, tmp_path / "jobs.sqlite", "training")
        begin_step(layer, 0)
        layer(inputs()).sum().backward()
    assert len(client.jobs()) == 1
    (job,) = Journal(tmp_path / "jobs.sqlite").jobs()
    assert str(job.key) == "training, layer, 0, call 0"


@pytest.mark.parametrize("target", ["auto", "default.qubit", "aer"])
def test_local_layers_have_no_jobs(tmp_path: Path, target: str) -> None:
    model = two_layers(lambda: target)
    assert not record_jobs(model, tmp_path / "jobs.sqlite", "training")
    begin_step(model, 0)
    model(inputs())
    assert remote_executors(model) == {}
    assert list(tmp_path.iterdir()) == []


def test_what_a_step_would_cost(vendor: Vendor) -> None:
    model = two_layers(vendor.target)
    with estimated(model) as costs:
        model(inputs()).sum().backward()
    # Forward, and two shifts for each of six weights and, behind the first layer, of
    # two inputs.
    assert [cost.rows for cost in costs] == [3 * (1 + 12), 3 * (1 + 12 + 4)]
    assert [cost.jobs for cost in costs] == [1, 1]
    assert not vendor.client.jobs()
    model(inputs())  # sent again
    assert len(vendor.client.jobs()) == 2


def test_a_stored_machine_tells_the_cost_too() -> None:
    model = two_layers(lambda: "aer:fake_manila")
    with estimated(model) as costs, torch.no_grad():
        model(inputs())
    assert [cost.executions for cost in costs] == [24, 24]
    ideal = two_layers(lambda: "aer")
    with (
        pytest.raises(TargetError, match="got aer; use 'ibm:ibm_NAME'"),
        estimated(ideal),
    ):
        pass


def test_no_rows_cost_nothing_and_other_gradients_keep_the_run(
    tmp_path: Path, client: FakeClient
) -> None:
    circuit = StronglyEntangling(2) @ AngleEncoding(2)
    layer = QuantumLayer(circuit, target="ibm:fake", shots=8)
    model = nn.Sequential(layer)
    assert record_jobs(model, tmp_path / "jobs.sqlite", "R")
    none = torch.zeros(0, 2, requires_grad=True)
    nothing = layer(none)
    assert nothing.shape == (0, 2)
    nothing.sum().backward()
    assert none.grad is not None
    assert client.jobs() == []
    executor = remote_executors(model)["0"]
    layer.set_target(None, diff_method="spsa")
    assert remote_executors(model)["0"] is executor
    layer.set_target(None, diff_method="best")
    assert layer.qnode.device.options.gradient == "parameter-shift"
    layer.set_target("ibm:fake")
    assert remote_executors(model)["0"] is not executor


def test_sent_without_waiting(vendor: Vendor, tmp_path: Path) -> None:
    for _ in range(2):
        model = two_layers(vendor.target)[:1]
        record_jobs(model, tmp_path / "jobs.sqlite", "training")
        begin_step(model, 0)
        with detached(model), pytest.raises(Detached, match="as job-1"):
            model(inputs())
        begin_step(model, 1)
    assert model(inputs()).shape == (3, 2)
    assert len(vendor.client.jobs()) == 2


def train(vendor: Vendor, journal: Path) -> list[Any]:
    """Two steps; the weights after each."""
    model = two_layers(vendor.target)[:1]
    record_jobs(model, journal, "training")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    weights = []
    for step in range(2):
        begin_step(model, step)
        optimizer.zero_grad()
        model(inputs()).sum().backward()
        optimizer.step()
        weights.append([w.detach().clone().numpy() for w in model.parameters()])
    return weights


def finish(vendor: Vendor, journal: Path) -> list[Any]:
    """Runs it again; only what surely was not made has to be sent anew by hand."""
    try:
        return train(vendor, journal)
    except SubmissionUnclear:
        assert resend_jobs(journal) == 1
    return train(vendor, journal)


def check(vendor: Vendor, tmp_path: Path, found: list[Any]) -> None:
    """Each step was one job, and nothing went wrong with its results."""
    jobs = vendor.client.jobs()
    assert [job["rows"] for job in jobs] == [3 * 13] * 2
    vendor.client.folder = tmp_path / "sound"
    vendor.client.lag, vendor.client.fate = 0.0, Fate()
    expected = train(vendor, tmp_path / "sound.sqlite")
    assert all(map(np.array_equal, np.ravel(found), np.ravel(expected)))


FAULTS: dict[str, tuple[list[str], dict[str, int], type[Exception] | None]] = {
    "reply lost": (["reply lost"], {}, None),
    "busy": (["busy"], {}, None),
    "busy but made": (["busy but made"], {}, None),
    "busy, then reply lost": (["busy", "reply lost"], {}, None),
    "refused": (["refused"], {}, SubmissionRefused),
    "refused but made": (["refused but made"], {}, SubmissionRefused),
    "cut before": (["unclear"], {}, SubmissionUnclear),
    "reply lost, look-up fails": (["reply lost"], {"jobs": 1}, ServiceError),
    "questions fail": ([], {"status": 1}, ServiceError),
    "results fail": ([], {"results": 1}, ServiceError),
}


@pytest.mark.parametrize("lag", [0.0, pytest.param(45.0, marks=pytest.mark.slow), 90.0])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_training_pays_each_step_once_whatever_fails(
    vendor: Vendor, tmp_path: Path, fault: str, lag: float
) -> None:
    vendor.client.lag = lag
    vendor.client.faults, vendor.client.silences, error = (
        FAULTS[fault][0].copy(), FAULTS[fault][1].copy(), FAULTS[fault][2]
    )  # fmt: skip
    journal = tmp_path / "jobs.sqlite"
    if error is not None:
        with pytest.raises(error):
            train(vendor, journal)
    check(vendor, tmp_path, finish(vendor, journal))


def test_a_training_killed_anywhere_goes_on_and_pays_once(
    vendor: Vendor, tmp_path: Path
) -> None:
    client = vendor.client
    client.fate = counted = Fate()
    with mortal(counted):
        whole = train(vendor, tmp_path / "whole.sqlite")
    assert counted.points.count("before POST") == 2
    for at in range(0, len(counted.points), 2):
        client.folder = tmp_path / f"service{at}"
        journal = tmp_path / f"{at}.sqlite"
        client.lag, client.fate = 90.0, Fate(at)
        with mortal(client.fate), pytest.raises(Killed):
            train(vendor, journal)
        client.fate = Fate()
        with mortal(client.fate):
            found = finish(vendor, journal)
        assert [job["rows"] for job in client.jobs()] == [3 * 13] * 2
        assert all(map(np.array_equal, np.ravel(found), np.ravel(whole)))
