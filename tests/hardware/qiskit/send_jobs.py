"""Processes that send a job: `send_jobs GROUP…`, a group being `FOLDER:POINT,POINT`.

For each point of a group a process is forked that is killed there ("" never is); those
of a group run at once. Printed are, for each group, how its processes ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from qml_qdl.hardware.jobs.client import JobRequest
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.jobs.keys import JobKey
from qml_qdl.hardware.jobs.records import Call
from qml_qdl.hardware.jobs.submission import Submission, Submitter
from qml_qdl.hardware.jobs.waiting import Pace
from tests.hardware.qiskit.service import FakeClient, Fate, measured_circuit

POINTS = ("before POST", "after POST", "before GET status", "before GET results")


class SlowFate(Fate):
    """Leaves others time to come between."""

    def point(self, name: str) -> None:
        if name == "before POST":
            time.sleep(0.5)
        super().point(name)


def send(folder: Path, fate: Fate) -> str:
    """Sends what every process of this test sends, and returns a digest of results."""
    client = FakeClient(folder / "service", fate=fate, queue=1)
    pace = Pace(first=0.05, longest=0.1, grace=0.3)
    pubs = (measured_circuit(),)
    request = JobRequest("sample", pubs, 10, {}, 60)
    call = Call(request.content("ibm:fake"), "sample", "ibm:fake", None, 3, 10, 2.0)
    submission = Submission(
        JobKey("run", "conv", "train-0", 0), call, request, [pubs[0].angles],
        [[(0, 0, 3)]],
    )  # fmt: skip
    results: list[Any] = Submitter(client, Journal(folder / "jobs.sqlite"), pace).run(
        submission
    )
    return hashlib.sha256(results[0].tobytes()).hexdigest()


def run_group(folder: Path, points: list[str]) -> list[int]:
    """Exit codes, negative for signals."""
    children = []
    for point in points:
        child = os.fork()
        if not child:
            digest = send(folder, SlowFate(name=point or None, real=True))
            (folder / f"{os.getpid()}.digest").write_text(digest)
            os._exit(0)
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    return [os.waitstatus_to_exitcode(status) for status in statuses]


if __name__ == "__main__":
    groups = [group.rsplit(":", 1) for group in sys.argv[1:]]
    ends = {place: run_group(Path(place), pts.split(",")) for place, pts in groups}
    print(json.dumps(ends))
