"""Remote targets of a trained model, and its jobs in the journal of its run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from attrs import frozen
from torch import nn

from qml_qdl.circuits.errors import (
    ArgumentError,
    BudgetError,
    Detached,
    TargetError,
)
from qml_qdl.data.dataset import Dataset
from qml_qdl.hardware.jobs.client import has_client
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.jobs.records import Job
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.hardware.tapes.device import ExecutorDevice
from qml_qdl.nn import QuantumLayer, set_target
from qml_qdl.nn.jobs import detached, record_jobs
from qml_qdl.nn.options import Shots
from qml_qdl.training.recipes.supervised import Supervised
from qml_qdl.training.run import Run
from qml_qdl.training.versions import upgraded_words

_WITH = {"account": "ibm:ibm_torino", "mitigation": "aer:fake_torino"}

STEP = "rows"
"""The name of an evaluation's steps in its run."""


def move(model: nn.Module, target: str | None, shots: Shots, **options: Any) -> None:
    """Moves a model, whose layers are made of circuits.

    Args:
        model: The model, changed in place.
        target: Where to; None for where it is.
        shots: A number, None for exact results, or "keep".
        **options: Those of `set_target` that were asked for; None is none of them.

    Raises:
        ArgumentError: An account or a mitigation was given that the target has no use
            for.
        TargetError: The target is unknown or cannot run a circuit.
    """
    told = {name: value for name, value in options.items() if value is not None}
    if target is None and shots == "keep" and not told:
        return
    set_target(model, target, shots, **told)
    # A layer keeps these for another target; here nobody would notice.
    asked = TargetOptions(**told)
    for name, other in _WITH.items():
        wanted = getattr(asked, name)
        heeded = [getattr(each, name) for each in _heeded(model)]
        if wanted is not None and heeded != [wanted] * len(heeded):
            raise ArgumentError(
                f"{name}: {target!r} has no use for one, got {told[name]!r}; leave it "
                f"out, or use a target such as {other!r}"
            )


def _heeded(model: nn.Module) -> Iterator[TargetOptions]:
    """What the devices of a model's layers were told and understood."""
    for layer in model.modules():
        if isinstance(layer, QuantumLayer):
            device = layer.qnode.device
            own = isinstance(device, ExecutorDevice)
            yield device.options if own else TargetOptions()


@frozen
class JobTask:
    """An evaluation whose circuits are jobs: the same words go on with the same jobs.

    Args:
        run: The run that is evaluated.
        number: The evaluation's number in the run's journal.
    """

    run: Run
    number: int

    @classmethod
    def known(cls, run: Run, asked: dict[str, Any], weights: str) -> list[JobTask]:
        """What was begun before in the same words, and goes on or was finished.

        Args:
            run: The run that is evaluated.
            asked: Which evaluation, in words and numbers.
            weights: What tells the weights from others.

        Returns:
            The evaluations, the newest first.

        Raises:
            JournalError: The run's journal is damaged or of a newer version.
        """
        if not has_client(str(asked["target"])) or not run.journal.exists():
            return []
        journal = Journal(run.journal)
        begun = journal.open_tasks()
        sent = {job.key.run for job in journal.jobs() if job.state != "recorded"}
        tasks = {number: json.loads(each) for number, each in journal.tasks().items()}
        same = [
            cls(run, number)
            for number, told in tasks.items()
            # Earlier versions did not write down which weights they were.
            if upgraded_words(told["evaluate"]) == asked
            if told.get("weights", weights) == weights
        ]
        return [
            task for task in same[::-1] if task.number in begun or task.name in sent
        ]

    @classmethod
    def begin(cls, run: Run, asked: dict[str, Any], weights: str) -> JobTask:
        """Begins an evaluation.

        Args:
            run: The run that is evaluated.
            asked: Which evaluation, in words and numbers.
            weights: What tells the weights from others.

        Raises:
            JournalError: The run's journal is damaged or of a newer version.
            TargetError: Nobody but this process could find its jobs again.
        """
        target = asked["target"]
        if target is not None and not has_client(target):
            raise TargetError(
                f"target: {target!r} sends jobs, but the client that finds them again "
                "is not installed under the name of its service; install the package "
                "anew (pip install)"
            )
        words = json.dumps({"evaluate": asked, "weights": weights}, sort_keys=True)
        return cls(run, Journal(run.journal).begin_task(words))

    @property
    def name(self) -> str:
        """Its name in the journal."""
        return f"evaluation-{self.number}"

    @property
    def _jobs(self) -> list[Job]:
        jobs = Journal(self.run.journal).jobs()
        return [job for job in jobs if job.key.run == self.name]

    def record(self, model: nn.Module) -> None:
        """Counts the model's calls from the first one on.

        Args:
            model: The model.
        """
        record_jobs(model, self.run.journal, self.name)

    def send(
        self,
        model: nn.Module,
        recipe: type[Supervised],
        test: Dataset,
        batch_size: int,
    ) -> None:
        """Sends all jobs without waiting.

        Args:
            model: The model.
            recipe: How it predicts.
            test: The rows.
            batch_size: Rows of each job.

        Raises:
            Detached: Jobs were sent and are not known to be done.
        """
        sent: list[str] = []
        with detached(model):
            for number, start in enumerate(range(0, len(test), batch_size)):
                rows = test.take(slice(start, start + batch_size))
                try:
                    recipe.predict(
                        model, rows, batch_size=batch_size, step=STEP, first=number
                    )
                except Detached as error:
                    sent += error.job_ids
        if sent:
            raise Detached(
                f"sent {len(sent)} job{'s' if len(sent) > 1 else ''}: "
                f"{', '.join(sent)}; to finish the evaluation when done: qml-qdl jobs "
                f"wait {self.run.folder}",
                tuple(sent),
            )
        self.record(model)

    def qpu_seconds(self) -> float:
        """QPU seconds that its jobs took, as far as the service has told."""
        return sum(job.used or 0.0 for job in self._jobs)

    def is_open(self) -> bool:
        """Whether it was begun and not finished."""
        return self.number in Journal(self.run.journal).open_tasks()

    def rows_by_machine(self) -> dict[str, int]:
        """The machines that gave its results, and how many rows each gave."""
        machines = Journal(self.run.journal).machines()
        rows: Counter[str] = Counter()
        for job in self._jobs:
            if job.number in machines:
                rows[machines[job.number]] += job.rows
        return dict(rows)

    def end_if_unsent(self) -> None:
        """Forgets an evaluation that ended before its first job was sent."""
        if all(job.is_unsent for job in self._jobs):
            self.end()

    def end(self) -> None:
        """Has the same words begin another evaluation from now on."""
        Journal(self.run.journal).end_task(self.number)


def with_limit(error: BudgetError, test: Dataset, batch_size: int) -> BudgetError:
    """The same refusal, in test rows.

    Args:
        error: What refused a job.
        test: The test rows.
        batch_size: How many go in one job.

    Returns:
        An error that says how many would pass, if a row of each class can be paid.
    """
    fitting = int(min(len(test), batch_size) * error.share)
    enough = fitting >= max(1, test.num_classes)
    hint = f"; limit={fitting} would pass" if enough else ""
    return BudgetError(f"{error}{hint}", error.share)
