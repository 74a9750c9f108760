"""Evaluation of trained weights on another target, on the same test rows."""

from __future__ import annotations

import time
from typing import Any, Literal

from attrs import asdict, fields, frozen
from lightning.pytorch import seed_everything

from qml_qdl.circuits.errors import ArgumentError, BudgetError, JournalError, RunError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.dataset import stratified_rows
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.nn.jobs import remote_executors
from qml_qdl.training.checkpoints import digest, load_best
from qml_qdl.training.json_files import read_json, write_json
from qml_qdl.training.recipes.supervised import supervised_task
from qml_qdl.training.remote import STEP, JobTask, move, with_limit
from qml_qdl.training.run import ModelKind, Run
from qml_qdl.training.versions import upgraded_evaluation

EVALUATIONS = "evaluations.json"


@frozen(kw_only=True)
class Evaluation:
    """What trained weights reached on a target.

    Args:
        kind: "quantum", "twin" or "classical".
        seed: Which of the run's trainings.
        target: Where the circuits ran; None for where they were trained.
        shots: Shots per circuit; None for exact results; "keep" for those of training.
        rows: How many test rows.
        measures: Measures of the predictions of these rows, by name.
        low: Lower end of the 95 % interval (Wilson 1927) of an accuracy; None of other
            measures.
        high: Its upper end.
        trained: The same measures of the predictions at the end of training.
        agreement: Share of the rows with the same class as at the end of training, or
            of numbers the correlation with those; None where there is none.
        seconds: Wall-clock seconds.
        qpu_seconds: What the service counts for the jobs; None where nothing was sent.
        made: When, such as "2026-01-31 12:00:00"; None where it was not written down.
        earlier: Whether it was made before and found again, so that nothing was sent.
        machines: The machines that gave the results, with the circuits' rows of each;
            None where nothing was sent.
        mitigation: What of the machine's errors was mitigated; None for nothing.
    """

    kind: str
    seed: int
    target: str | None
    shots: int | Literal["keep"] | None
    rows: int
    measures: dict[str, float]
    low: float | None
    high: float | None
    trained: dict[str, float]
    agreement: float | None
    seconds: float
    qpu_seconds: float | None = None
    made: str | None = None
    earlier: bool = False
    machines: dict[str, int] | None = None
    mitigation: str | None = None

    @property
    def accuracy(self) -> float:
        """Share of the rows that is right, 0 … 1, of a classifier."""
        return self.measures["accuracy"]

    @property
    def trained_accuracy(self) -> float:
        """Accuracy of a classifier on the same rows at the end of training."""
        return self.trained["accuracy"]


@validate_call
def evaluate(
    run: Run,
    *,
    target: str | None = None,
    shots: int | Literal["keep"] | None = "keep",
    limit: int | None = None,
    seed: int | None = None,
    kind: ModelKind | None = None,
    batch_size: int = 256,
    sample_seed: int = 0,
    resilience_level: int | None = None,
    mitigation: Mitigation | str | None = None,
    account: str | None = None,
    max_qpu_seconds: float | None = None,
    detach: bool = False,
    again: bool = False,
    task: int | None = None,
) -> Evaluation:
    """Runs the best weights of a run on a target, and measures what they predict.

    Args:
        run: A run with a finished training; see `Run.open`.
        target: Where circuits run; None for where they were trained.
        shots: Shots per circuit, None for exact results, "keep" as in training.
        limit: Takes this many test rows, sampled stratified; None takes all.
        seed: Which training; None takes the best on the validation part.
        kind: "quantum", or "twin" for the classical twin, which has no target; None for
            the model that was asked for.
        batch_size: Test rows per call of the model, so per job on a machine.
        sample_seed: Fixes which rows `limit` takes, and the shots of a simulator: the
            same seed repeats both, another one samples both anew.
        resilience_level: On "ibm:...": 0, 1 or 2 has IBM's estimator mitigate errors.
        mitigation: On Aer, simulated machines and IBM's: "readout", "zne",
            "readout+zne" or a `Mitigation` of errors in expectation values.
        account: The name of the IBM account; None for the default one.
        max_qpu_seconds: A job that would take more is refused; None for 60.
        detach: Sends the jobs and raises `Detached` instead of waiting for them.
        again: On a machine: makes a new evaluation, and pays for it, even if the same
            was made before. One that was interrupted is finished first.
        task: The number in the run's journal of the evaluation to finish; None for
            that of the same words, if there is one.

    Where circuits are jobs of a service, the run's journal knows them: an evaluation
    that was interrupted, or detached, goes on when it is asked for again, one that was
    finished is found, and nothing is paid twice. It is the same if weights, rows,
    target, account, shots and all other arguments are, but for `max_qpu_seconds` and
    `detach`. Elsewhere it simply runs again.

    Returns:
        What was reached, which is also added to `evaluations.json` in the run's folder.

    Raises:
        ArgumentError: An argument does not fit the run.
        BudgetError: A job would take too many QPU seconds.
        Detached: Jobs were sent, and `detach` was asked for.
        JobError: A job failed or was cancelled.
        RunError: The training has not finished, a file is damaged, or the run has a
            generative model.
        TargetError: The target is unknown or cannot run the circuit.
    """
    task_of_run, recipe = supervised_task(run)
    check_count("batch_size", batch_size)
    check_count("sample_seed", sample_seed, 0)
    if task is not None:
        check_count("task", task, 0)
    if isinstance(shots, int):
        check_count("shots", shots)
    kind, seed, trained = run.finished(kind, seed)
    split = task_of_run.split
    chosen = stratified_rows(split.test, limit or len(split.test), seed=sample_seed)
    test = split.test.take(chosen)
    moves = target is not None or shots != "keep"
    if kind != "quantum" and moves:
        raise ArgumentError(
            f"target: the {kind} model runs on torch only, got target={target!r} and "
            f"shots={shots!r}; leave them out"
        )
    model = task_of_run.build(kind, seed)
    load_best(model, run.fit_folder(kind, seed))
    asked: dict[str, Any] = {
        "target": target,
        "shots": shots,
        "limit": limit,
        "seed": seed,
        "kind": kind,
        "batch_size": batch_size,
        "sample_seed": sample_seed,
        "resilience_level": resilience_level,
        "account": account,
    }
    mitigated = Mitigation.of(mitigation)
    if mitigated is not None:
        # Not there in the words of evaluations without it, as in earlier journals.
        scales = list(mitigated.zne_scales)  # JSON has no tuples
        asked["mitigation"] = asdict(mitigated) | {"zne_scales": scales}
    weights = digest(model.state_dict())
    # Before anything is sent, since its damage shall not cost what was paid.
    entries = _entries(run)
    known = JobTask.known(run, asked, weights)
    if task is not None:
        known = [each for each in known if each.number == task] or [JobTask(run, task)]
    earlier = _earlier(known, entries, weights)
    if earlier is not None and not again:
        return earlier
    seed_everything(sample_seed, verbose=False)  # shots follow the global generator
    move(
        model,
        target,
        shots,
        resilience_level=resilience_level,
        mitigation=mitigated,
        account=account,
        max_qpu_seconds=max_qpu_seconds,
    )
    jobs, finished = None, False
    if remote_executors(model):
        finished = bool(known) and not known[0].is_open()
        fresh = not known or (finished and again)
        jobs = JobTask.begin(run, asked, weights) if fresh else known[0]
        jobs.record(model)
    elif detach:
        raise ArgumentError(
            f"detach: only jobs of a machine can run while nobody waits, got target="
            f"{target!r}; leave it out, or use 'ibm:...'"
        )
    start = time.perf_counter()
    try:
        if jobs is not None and detach:
            jobs.send(model, recipe, test, batch_size)
        predictions = recipe.predict(model, test, batch_size=batch_size, step=STEP)
    except BaseException as error:
        if jobs is not None:
            jobs.end_if_unsent()
        if isinstance(error, BudgetError):
            raise with_limit(error, test, batch_size) from error
        if isinstance(error, JournalError) and finished:
            error.add_note("for a new evaluation, which is paid, add again=True")
        raise
    seconds = time.perf_counter() - start
    before = trained.predictions[chosen]
    low, high = recipe.interval(predictions, test)
    result = Evaluation(
        kind=kind,
        seed=seed,
        target=target,
        shots=shots,
        rows=len(test),
        measures=recipe.measure(predictions, test, split),
        low=low,
        high=high,
        trained=recipe.measure(before, test, split),
        agreement=recipe.agreement(predictions, before),
        seconds=seconds,
        qpu_seconds=None if jobs is None else jobs.qpu_seconds(),
        made=time.strftime("%Y-%m-%d %H:%M:%S"),
        machines=None if jobs is None else jobs.rows_by_machine(),
        mitigation=None if mitigated is None else str(mitigated),
    )
    _keep(run, result, weights, jobs)
    return result


def _entries(run: Run) -> list[dict[str, Any]]:
    path = run.folder / EVALUATIONS
    if not path.exists():
        return []
    advice = (
        "restore it, or delete it: what machines returned is in the run's journal too"
    )
    entries = read_json(path, advice).get("evaluations")
    if not isinstance(entries, list) or not all(isinstance(x, dict) for x in entries):
        raise RunError(f"{path}: the file is damaged (no evaluations); {advice}")
    return [upgraded_evaluation(entry) for entry in entries]


def _earlier(
    known: list[JobTask], entries: list[dict[str, Any]], weights: str
) -> Evaluation | None:
    """The last evaluation of some that was finished."""
    made = {
        entry.get("jobs"): entry for entry in entries if entry.get("weights") == weights
    }
    for task in known:
        if task.name in made:
            task.end()  # a process that was killed wrote, but may not have ended it
            entry = made[task.name]
            names = {each.name for each in fields(Evaluation)} - {"earlier"}
            return Evaluation(**{name: entry[name] for name in names}, earlier=True)
    return None


def _keep(run: Run, result: Evaluation, weights: str, task: JobTask | None) -> None:
    entry = asdict(result) | {"weights": weights}
    del entry["earlier"]
    earlier = _entries(run)
    if task is not None:
        # A process killed after it wrote, and before it ended the task, comes again.
        entry["jobs"] = task.name
        earlier = [each for each in earlier if each.get("jobs") != task.name]
    write_json(
        run.folder / EVALUATIONS, {"evaluations": [*earlier, entry]}, sealed=True
    )
    if task is not None:
        task.end()
