"""Processes that send a job: `send_jobs KIND GROUP…`, a group `FOLDER:POINT,POINT`.

KIND says whose circuits they are. For each point of a group a process is forked that is
killed there ("" never is); those of a group run at once. Printed are, for each group,
how its processes ended.
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
from qml_qdl.hardware.jobs.records import ExecutionRecord, JobKey
from qml_qdl.hardware.jobs.submission import Submission, Submitter
from qml_qdl.hardware.jobs.waiting import Pace
from tests.hardware.jobs.service import Fate, FolderClient


def _qiskit() -> type[FolderClient]:
    from tests.hardware.qiskit.service import FakeClient  # loads Qiskit

    return FakeClient


def _tapes() -> type[FolderClient]:
    from tests.hardware.jobs.tapes import TapeClient

    return TapeClient


KINDS = {"qiskit": _qiskit, "tapes": _tapes}
POINTS = ("before POST", "after POST", "before GET status", "before GET results")


class SlowFate(Fate):
    """Leaves others time to come between."""

    def point(self, name: str) -> None:
        if name == "before POST":
            time.sleep(0.5)
        super().point(name)


def send(kind: str, folder: Path, fate: Fate) -> str:
    """Sends what every process of this test sends, and returns a digest of results."""
    client = KINDS[kind]()(folder / "service", fate=fate, queue=1)
    pace = Pace(first=0.05, longest=0.1, grace=0.3)
    request = JobRequest("sample", (client.pub(),), 10, {}, 60)
    call = ExecutionRecord(
        client.content(request), "sample", client.name, client.account, 3, 10, 2.0
    )
    key = JobKey("run", "conv", "train-0", 0)
    submission = Submission(key, call, request, [[(0, 0, 3)]], lambda: request)
    results: list[Any] = Submitter(client, Journal(folder / "jobs.sqlite"), pace).run(
        submission
    )
    return hashlib.sha256(results[0].tobytes()).hexdigest()


def run_group(kind: str, folder: Path, points: list[str]) -> list[int]:
    """Exit codes, negative for signals."""
    children = []
    for point in points:
        child = os.fork()
        if not child:
            digest = send(kind, folder, SlowFate(name=point or None, real=True))
            (folder / f"{os.getpid()}.digest").write_text(digest)
            os._exit(0)
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    return [os.waitstatus_to_exitcode(status) for status in statuses]


if __name__ == "__main__":
    groups = [group.rsplit(":", 1) for group in sys.argv[2:]]
    ends = {
        place: run_group(sys.argv[1], Path(place), points.split(","))
        for place, points in groups
    }
    print(json.dumps(ends))
