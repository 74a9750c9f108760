from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import seed_everything
from torch import nn

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.circuits.errors import (
    ArgumentError,
    BudgetError,
    Detached,
    JobError,
    RunError,
)
from qml_qdl.data import load, split
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.nn import QuantumLayer
from qml_qdl.training import (
    DataOptions,
    Fit,
    Run,
    RunOptions,
    Spec,
    TrainingOptions,
    estimate,
    evaluate,
    fit,
    train,
)
from qml_qdl.training.evaluation import EVALUATIONS
from tests.hardware.qiskit.service import (
    FakeClient,
    Fate,
    Killed,
    mortal,
    replace_ibm,
    without_sync,
)

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)

PARTS = split(load("iris"), limit=24, seed=0)
QUICK = TrainingOptions(
    epochs=1, batch_size=8, learning_rate=0.1, accelerator="cpu", checkpoint_every=1
)


def model() -> nn.Module:
    seed_everything(0, verbose=False)
    circuit = StronglyEntangling(2, layers=1) @ AngleEncoding(2)
    layer = QuantumLayer(circuit, target="ibm:fake", shots=4, diff_method="spsa")
    return nn.Sequential(nn.Linear(4, 2), layer, nn.Linear(2, 3))


def trained(folder: Path, **options: Any) -> tuple[Fit, list[Any]]:
    network = model()
    result = fit(network, PARTS, QUICK, folder=folder / "fit", **options)
    return result, [weight.detach().numpy() for weight in network.parameters()]


def service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    folder.mkdir(exist_ok=True)
    client = FakeClient(folder / "service")
    replace_ibm(monkeypatch, client)
    return client


def test_a_training_killed_anywhere_ends_alike_and_pays_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = service(tmp_path / "whole", monkeypatch)
    counted = Fate()
    client.fate = counted
    with mortal(counted):
        expected, weights = trained(tmp_path / "whole")
    jobs = len(client.jobs())
    parts = (PARTS.train, PARTS.validation, PARTS.test)
    assert jobs == sum(-(-len(part) // 8) for part in parts)
    # In the second step, and further on.
    for at in (len(counted.points) // 3, len(counted.points) * 3 // 4):
        folder = tmp_path / f"{at}"
        client = service(folder, monkeypatch)
        fate = client.fate = Fate(at)
        with mortal(fate), pytest.raises(Killed):
            trained(folder)
        client.fate = Fate()
        client.time.now += 100.0
        with mortal(client.fate):
            result, again = trained(folder, resume=True)
        assert len(client.jobs()) == jobs
        assert result.history == expected.history
        assert np.array_equal(result.predictions, expected.predictions)
        assert all(map(np.array_equal, weights, again))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    options = RunOptions(
        data=DataOptions(source="iris", limit=30),
        model=Spec("auto", layers=1),
        training=TrainingOptions(epochs=1, accelerator="cpu"),
        seeds=1,
        twin=False,
    )
    folder = tmp_path_factory.mktemp("runs")
    return train(options, runs_dir=folder, name="iris")[0]


@pytest.fixture
def client(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    for name in (run.journal, run.folder / EVALUATIONS):
        name.unlink(missing_ok=True)
    return service(tmp_path, monkeypatch)


def entries(run: Run) -> list[dict[str, Any]]:
    content = json.loads((run.folder / EVALUATIONS).read_text())
    return list(content["evaluations"])


def test_an_evaluation_is_one_job(run: Run, client: FakeClient) -> None:
    first = evaluate(run, target="ibm:fake", shots=8)
    assert first.qpu_seconds == 2.5
    assert len(client.jobs()) == 1
    # In the same words it is the same, unless another one with fresh shots is wanted.
    found = evaluate(run, target="ibm:fake", shots=8)
    assert (found.earlier, found.made) == (True, first.made)
    assert (found.accuracy, found.agreement) == (first.accuracy, first.agreement)
    assert len(client.jobs()) == 1
    second = evaluate(run, target="ibm:fake", shots=8, again=True)
    assert not second.earlier
    assert len(client.jobs()) == 2
    assert [entry["jobs"] for entry in entries(run)] == ["evaluation-1", "evaluation-2"]
    last = evaluate(run, target="ibm:fake", shots=8)
    assert (last.earlier, last.seconds) == (True, second.seconds)


@pytest.mark.parametrize(
    "other",
    [
        {"shots": 9},
        {"limit": 8},
        {"batch_size": 16},
        {"account": "work"},
        {"mitigation": "zne"},
    ],
    ids=str,
)
def test_what_is_asked_otherwise_is_another_evaluation(
    run: Run, client: FakeClient, other: dict[str, Any]
) -> None:
    evaluate(run, target="ibm:fake", shots=8)
    asked: dict[str, Any] = {"target": "ibm:fake", "shots": 8, **other}
    result = evaluate(run, **asked)
    assert not result.earlier
    assert len(client.jobs()) > 1
    assert len(entries(run)) == 2


def test_other_weights_are_another_evaluation(run: Run, client: FakeClient) -> None:
    evaluate(run, target="ibm:fake", shots=8)
    best = run.checkpoint("quantum", 0)
    before = best.read_bytes()
    content = torch.load(best, weights_only=True)
    for name, value in content["state_dict"].items():
        content["state_dict"][name] = value + 0.25
    torch.save(content, best)
    try:
        assert not evaluate(run, target="ibm:fake", shots=8).earlier
    finally:
        best.write_bytes(before)
    assert len(client.jobs()) == 2
    assert evaluate(run, target="ibm:fake", shots=8).earlier
    assert len(client.jobs()) == 2


@pytest.mark.parametrize("lost", ["deleted", "of an earlier version"])
def test_without_the_stored_evaluation_the_journal_has_it(
    run: Run, client: FakeClient, lost: str
) -> None:
    first = evaluate(run, target="ibm:fake", shots=8)
    if lost == "deleted":
        (run.folder / EVALUATIONS).unlink()
    else:
        (entry,) = entries(run)
        for name in ("weights", "made"):
            del entry[name]
        content = json.dumps({"evaluations": [entry]})
        (run.folder / EVALUATIONS).write_text(content)
    second = evaluate(run, target="ibm:fake", shots=8)
    assert (second.accuracy, second.agreement) == (first.accuracy, first.agreement)
    assert len(client.jobs()) == 1
    assert len(entries(run)) == 1
    assert evaluate(run, target="ibm:fake", shots=8).earlier


def test_a_new_evaluation_that_was_interrupted_goes_on(
    run: Run, client: FakeClient
) -> None:
    evaluate(run, target="ibm:fake", shots=8)
    client.fate = Fate(name="before GET results")
    with mortal(client.fate), pytest.raises(Killed):
        evaluate(run, target="ibm:fake", shots=8, again=True)
    client.fate = Fate()
    assert evaluate(run, target="ibm:fake", shots=8).earlier
    assert not evaluate(run, target="ibm:fake", shots=8, again=True).earlier
    assert len(client.jobs()) == 2


def test_damaged_evaluations_are_told_before_anything_is_paid(
    run: Run, client: FakeClient
) -> None:
    evaluate(run, target="ibm:fake", shots=8)
    path = run.folder / EVALUATIONS
    whole = path.read_text()
    changed = whole.replace('"rows": ', '"rows": 1')
    for content in (whole[:-20], "[]", '{"evaluations": 3}', "{}", changed):
        path.write_text(content)
        with pytest.raises(RunError, match=r"evaluations\.json: .*damaged.* delete it"):
            evaluate(run, target="ibm:fake", shots=9)
    assert len(client.jobs()) == 1
    path.unlink()
    evaluate(run, target="ibm:fake", shots=9)
    assert len(client.jobs()) == 2


def test_an_interrupted_evaluation_goes_on(run: Run, client: FakeClient) -> None:
    client.fate = Fate(name="before GET results")
    with mortal(client.fate), pytest.raises(Killed):
        evaluate(run, target="ibm:fake", shots=8, batch_size=16)
    client.fate = Fate()
    evaluate(run, target="ibm:fake", shots=8, batch_size=16)
    rows = sum(job["rows"] for job in client.jobs())
    assert rows == entries(run)[0]["rows"]


def test_detached_and_finished_by_another_process(run: Run, client: FakeClient) -> None:
    for _ in range(2):
        with pytest.raises(Detached, match="sent 3 jobs: job-1, job-2, job-3") as sent:
            evaluate(run, target="ibm:fake", shots=8, batch_size=16, detach=True)
    assert f"qml-qdl jobs wait {run.folder}" in str(sent.value)
    assert not (run.folder / EVALUATIONS).exists()
    result = evaluate(run, target="ibm:fake", shots=8, batch_size=16)
    assert len(client.jobs()) == 3
    assert result.qpu_seconds == 7.5
    assert len(entries(run)) == 1


def test_a_process_killed_before_the_task_ended_writes_no_second_entry(
    run: Run, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(task: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("qml_qdl.training.moving.JobTask.end", killed)
        with pytest.raises(Killed):
            evaluate(run, target="ibm:fake", shots=8)
    evaluate(run, target="ibm:fake", shots=8)
    assert len(entries(run)) == 1
    assert len(client.jobs()) == 1


def test_a_failed_job_is_sent_anew_by_the_next(run: Run, client: FakeClient) -> None:
    client.end = "failed"
    with pytest.raises(JobError, match="a qubit fell off; the same run sends it anew"):
        evaluate(run, target="ibm:fake", shots=8)
    client.end = "done"
    evaluate(run, target="ibm:fake", shots=8)
    assert len(client.jobs()) == 2


def test_a_refusal_names_the_limit_that_would_pass(
    run: Run, client: FakeClient
) -> None:
    with pytest.raises(BudgetError, match=r"--limit (\d) would pass") as caught:
        evaluate(run, target="ibm:fake", shots=1000, max_qpu_seconds=5.0)
    assert not client.jobs()
    limit = int(str(caught.value).split("--limit ")[-1].split()[0])
    evaluate(run, target="ibm:fake", shots=1000, max_qpu_seconds=5.0, limit=limit)
    with pytest.raises(BudgetError):
        evaluate(
            run, target="ibm:fake", shots=1000, max_qpu_seconds=5.0, limit=limit + 1
        )
    assert len(client.jobs()) == 1


def test_a_mitigated_evaluation_is_found_in_the_same_words(
    run: Run, client: FakeClient
) -> None:
    first = evaluate(run, target="ibm:fake", shots=8, mitigation="zne")
    # The word stands for these numbers.
    words = Mitigation(readout=False, zne_scales=(1, 3, 5))
    found = evaluate(run, target="ibm:fake", shots=8, mitigation=words)
    assert first.mitigation == found.mitigation == "zne"
    assert (found.earlier, found.made) == (True, first.made)
    (words_of_task,) = Journal(run.journal).tasks().values()
    asked = json.loads(words_of_task)["evaluate"]
    assert evaluate(run, **asked).earlier  # as `qml-qdl jobs wait` asks
    assert len(client.jobs()) == 1
    assert not evaluate(run, target="ibm:fake", shots=8).earlier
    *_, plain = Journal(run.journal).tasks().values()
    # As version 0.1 wrote it.
    assert "mitigation" not in json.loads(plain)["evaluate"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"account": "work", "target": "aer"}, "account: 'aer' has no use for one"),
        ({"account": "work"}, "account: None has no use for one"),
        (
            {"mitigation": "zne", "target": "lightning.qubit", "shots": 9},
            "mitigation: 'lightning.qubit' has no use for one, .*'aer:fake_torino'",
        ),
    ],
    ids=str,
)
def test_what_a_target_has_no_use_for_is_told(
    run: Run, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ArgumentError, match=text):
        evaluate(run, **options)


def test_mitigation_where_machines_are_simulated(run: Run) -> None:
    def agreement(**options: Any) -> float | None:
        target = "aer:fake_manila"
        return evaluate(run, target=target, shots=2000, limit=6, **options).agreement

    assert agreement(mitigation="readout+zne") is not None


def test_the_account_is_the_one_named(run: Run, client: FakeClient) -> None:
    evaluate(run, target="ibm:fake", shots=8, account="work")
    assert client.account == "work"


def test_what_it_would_cost(run: Run, client: FakeClient) -> None:
    evaluation, shift, spsa = estimate(run, target="ibm:fake", shots=100)
    assert evaluation.what == f"evaluating {evaluation.cost.rows} test rows"
    assert evaluation.cost.executions == 100 * evaluation.cost.rows
    rows = int(shift.what.split(" of ")[1].split()[0])
    assert shift.what == f"one training step of {rows} rows, parameter shift"
    # SPSA takes two runs of each row beside the plain one, whatever the weights.
    assert spsa.cost.rows == 3 * rows
    assert shift.cost.rows > 5 * spsa.cost.rows
    assert [each.cost.jobs for each in (evaluation, shift, spsa)] == [1, 1, 1]
    assert shift.cost.two_qubit_depth > 0
    assert not client.jobs()
    (stored, *_) = estimate(run, target="aer:fake_manila", shots=100, limit=3)
    assert stored.cost.rows == 3
    asked: dict[str, Any] = {"target": "ibm:fake", "shots": 100}
    (mitigated, *_) = estimate(run, **asked, mitigation="readout+zne")
    assert mitigated.cost.calibrations == 1
    assert mitigated.cost.executions > 3 * evaluation.cost.executions
