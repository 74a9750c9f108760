"""A trained run on its test rows: what is repeated, what is kept, and what is paid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qml_qdl.circuits.errors import (
    ArgumentError,
    DataError,
    Detached,
    RunError,
    TargetError,
)
from qml_qdl.training import Classification, Report, Run, begin, evaluate
from qml_qdl.training.evaluation import EVALUATIONS
from tests.hardware.qiskit.service import FakeClient, without_sync
from tests.training.runs_for_tests import TABLE, entries

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)


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


def test_evaluating_repeats_what_training_reported(
    trained: tuple[Run, Report, list[str]],
) -> None:
    run, report, _ = trained
    (run.folder / EVALUATIONS).unlink(missing_ok=True)
    for seed in (0, 1):
        result = evaluate(run, seed=seed)
        assert result.accuracy == report.lines[0].measures["accuracy"][seed]
        assert result.trained_accuracy == result.accuracy
        assert result.agreement == 1.0
        assert (result.rows, result.target) == (45, None)
        assert result.low is not None
        assert result.high is not None
        assert result.low < result.accuracy < result.high or result.accuracy == 1
    assert (
        evaluate(run, kind="twin", seed=1).accuracy
        == report.lines[1].measures["accuracy"][1]
    )
    assert evaluate(run).seed == run.best_seed()
    kept = entries(run)
    assert [entry["kind"] for entry in kept[:3]] == ["quantum", "quantum", "twin"]


def test_evaluating_with_shots_on_a_few_rows(
    trained: tuple[Run, Report, list[str]],
) -> None:
    result = evaluate(trained[0], target="lightning.qubit", shots=200, limit=9)
    assert (result.rows, result.shots, result.target) == (9, 200, "lightning.qubit")


def test_the_sample_seed_fixes_simulated_shots(
    trained: tuple[Run, Report, list[str]],
) -> None:
    def shares(sample_seed: int) -> list[float | None]:
        results = [
            evaluate(
                trained[0], target="default.qubit", shots=2, sample_seed=sample_seed
            )
            for _ in range(2)
        ]
        return [result.agreement for result in results]

    first = shares(0)
    assert first[0] == first[1]
    assert len({shares(seed)[0] for seed in range(4)}) > 1


def test_the_rows_sampled_depend_on_the_seed_alone(
    trained: tuple[Run, Report, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def predict(model: object, dataset: object, **options: object) -> object:
        seen.append(dataset.fingerprint())  # type: ignore[attr-defined]
        return np.zeros(len(dataset), dtype=np.int64)  # type: ignore[arg-type]

    monkeypatch.setattr(Classification, "predict", predict)
    for sample_seed in (0, 0, 1):
        evaluate(trained[0], limit=12, sample_seed=sample_seed)
    assert seen[0] == seen[1] != seen[2]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": "no.such"}, TargetError, "no.such"),
        ({"shots": 0}, ArgumentError, "shots: expected at least 1"),
        ({"limit": 2}, DataError, "at least one for each of 3 classes"),
        ({"limit": -1}, ArgumentError, "rows: expected at least 1"),
        ({"seed": 9}, ArgumentError, "seed: expected one of 0, 1, got 9"),
        ({"kind": "both"}, ArgumentError, "kind: expected one of"),
        ({"batch_size": 0}, ArgumentError, "batch_size: expected at least 1"),
        ({"kind": "twin", "shots": 10}, ArgumentError, "twin model runs on torch only"),
    ],
)
def test_evaluating_with_bad_arguments(
    trained: tuple[Run, Report, list[str]],
    arguments: dict[str, object],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        evaluate(trained[0], **arguments)  # type: ignore[arg-type]


def test_an_unfinished_run_cannot_be_evaluated(tmp_path: Path) -> None:
    run = begin(TABLE, runs_dir=tmp_path)
    with pytest.raises(RunError, match=r"no quantum training of .* resume it first"):
        evaluate(run)
    with pytest.raises(RunError, match=r"seed 1 of .* has not finished"):
        evaluate(run, seed=1)
