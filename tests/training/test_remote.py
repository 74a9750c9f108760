"""Models moved to machines: what is heeded there, and jobs that are found again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qml_qdl.circuits.errors import ArgumentError, BudgetError, JobError
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.training import Run, evaluate
from tests.hardware.qiskit.service import FakeClient, Fate, Killed, mortal, without_sync
from tests.training.runs_for_tests import entries

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)


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


def test_an_interrupted_evaluation_goes_on(run: Run, client: FakeClient) -> None:
    client.fate = Fate(name="before GET results")
    with mortal(client.fate), pytest.raises(Killed):
        evaluate(run, target="ibm:fake", shots=8, batch_size=16)
    client.fate = Fate()
    evaluate(run, target="ibm:fake", shots=8, batch_size=16)
    rows = sum(job["rows"] for job in client.jobs())
    assert rows == entries(run)[0]["rows"]


def test_a_process_killed_before_the_task_ended_writes_no_second_entry(
    run: Run, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(task: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("qml_qdl.training.remote.JobTask.end", killed)
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
    with pytest.raises(BudgetError, match=r"limit=(\d) would pass") as caught:
        evaluate(run, target="ibm:fake", shots=1000, max_qpu_seconds=5.0)
    assert not client.jobs()
    limit = int(str(caught.value).split("limit=")[-1].split()[0])
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


def test_an_evaluation_of_version_0_1_is_found(
    run: Run, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Journal.begin_task

    def then(journal: Journal, words: str) -> int:
        assert '"sample_seed"' in words
        return begin(journal, words.replace('"sample_seed"', '"draw_seed"'))

    monkeypatch.setattr(Journal, "begin_task", then)
    first = evaluate(run, target="ibm:fake", shots=8, sample_seed=3)
    found = evaluate(run, target="ibm:fake", shots=8, sample_seed=3)
    assert (found.earlier, found.made) == (True, first.made)
    assert len(client.jobs()) == 1


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
