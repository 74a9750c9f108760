from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import nn

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.circuits.errors import JournalError, TargetError
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.jobs import begin_step, estimated, record_jobs, remote_executors
from tests.hardware.qiskit.service import FakeClient, replace_ibm, without_sync

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    client = FakeClient(tmp_path / "service")
    replace_ibm(monkeypatch, client)
    monkeypatch.setenv("QML_QDL_JOURNAL", str(tmp_path / "user.sqlite"))
    return client


def two_layers(
    target: str = "ibm:fake", seed: int = 0, **options: Any
) -> nn.Sequential:
    generator = torch.Generator().manual_seed(seed)
    circuit = StronglyEntangling(2, layers=1) @ AngleEncoding(2)
    return nn.Sequential(
        *(
            QuantumLayer(
                circuit, target=target, shots=8, generator=generator, **options
            )
            for _ in range(2)
        )
    )


def inputs(rows: int = 3) -> torch.Tensor:
    return torch.linspace(0, 1, 2 * rows).reshape(rows, 2)


def test_each_layer_is_one_job_with_its_name(
    client: FakeClient, tmp_path: Path
) -> None:
    model = two_layers()
    assert record_jobs(model, tmp_path / "jobs.sqlite", "training")
    begin_step(model, "train-0")
    model(inputs()).sum().backward()
    jobs = Journal(tmp_path / "jobs.sqlite").jobs()
    assert [str(job.key) for job in jobs] == [
        "training, 0, train-0, call 0",
        "training, 1, train-0, call 0",
    ]
    assert len(client.jobs()) == 2


def test_resumed_steps_find_their_jobs(client: FakeClient, tmp_path: Path) -> None:
    def step(model: nn.Module, number: int) -> Any:
        begin_step(model, number)
        return model(inputs()).detach().numpy()

    model = two_layers()
    record_jobs(model, tmp_path / "jobs.sqlite", "training")
    first = [step(model, number) for number in range(3)]
    resumed = two_layers()
    record_jobs(resumed, tmp_path / "jobs.sqlite", "training")
    for number in (1, 2):  # from a checkpoint after the first step
        assert np.array_equal(step(resumed, number), first[number])
    assert len(client.jobs()) == 6
    step(resumed, 3)
    assert len(client.jobs()) == 8
    assert not np.array_equal(first[0], first[1])


def test_other_weights_under_the_same_step_stop(
    client: FakeClient, tmp_path: Path
) -> None:
    for seed in range(2):
        model = two_layers(seed=seed)
        record_jobs(model, tmp_path / "jobs.sqlite", "training")
        begin_step(model, 0)
        if seed:
            with pytest.raises(JournalError, match="begin another run"):
                model(inputs())
        else:
            model(inputs())
    assert len(client.jobs()) == 2


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
    model = two_layers(target)
    assert not record_jobs(model, tmp_path / "jobs.sqlite", "training")
    begin_step(model, 0)
    model(inputs())
    assert remote_executors(model) == {}
    assert list(tmp_path.iterdir()) == []


def test_what_a_step_would_cost(client: FakeClient) -> None:
    model = two_layers()
    with estimated(model) as costs:
        model(inputs()).sum().backward()
    # Forward, and two shifts for each of six weights and, behind the first layer, of
    # two inputs.
    assert [cost.rows for cost in costs] == [3 * (1 + 12), 3 * (1 + 12 + 4)]
    assert [cost.jobs for cost in costs] == [1, 1]
    assert not client.jobs()
    model(inputs())  # sent again
    assert len(client.jobs()) == 2


def test_a_stored_machine_tells_the_cost_too() -> None:
    model = two_layers("aer:fake_manila")
    with estimated(model) as costs, torch.no_grad():
        model(inputs())
    assert [cost.executions for cost in costs] == [24, 24]
    ideal = two_layers("aer")
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
