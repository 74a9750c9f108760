"""A journal with a line of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from qml_qdl.hardware.jobs.journal import (
    Journal,
    Owner,
)
from qml_qdl.hardware.jobs.records import ExecutionRecord, JobKey

KEY = JobKey("run", "layer", "step", 0)


CALL = ExecutionRecord("c" * 64, "sample", "ibm:fake", None, 3, 10, 2.5)


ANGLES = [np.arange(6.0).reshape(3, 2)]


BITS = np.random.default_rng(0).integers(0, 2, (3, 10, 2), dtype=np.uint8)


def filled(path: Path) -> Journal:
    journal = Journal(path)
    (job,) = journal.record(KEY, CALL, ANGLES, [[(0, 0, 3)]])
    _, job = journal.claim(job, Owner.of_this_process())
    journal.store(journal.sent(job, "id-1"), [BITS], 1.5, "ibm_manila")
    journal.record(JobKey("run", "layer", "step", 1), CALL, ANGLES, [[(0, 0, 3)]])
    journal.begin_task("evaluate")
    return journal


def everything(journal: Journal) -> Any:
    jobs = journal.jobs()
    found = [journal.find(JobKey("run", "layer", "step", call)) for call in range(3)]
    results: Any = journal.results(jobs[0])
    return jobs, found, results[0].tolist(), journal.open_tasks()
