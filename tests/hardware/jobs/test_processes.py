from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qml_qdl.hardware.jobs.journal import Journal
from tests.hardware.jobs.send_jobs import KINDS, POINTS, send
from tests.hardware.jobs.service import Fate

ROOT = Path(__file__).parents[3]
KILLED = -signal.SIGKILL

# Who is killed where, among processes that run at once; "" is not killed.
GROUPS = {
    **{f"killed {point}": [point] for point in POINTS},
    "two at once": ["", ""],
    "three at once": ["", "", ""],
    **{f"one of two killed {point}": [point, ""] for point in POINTS},
}


Ends = tuple[str, dict[str, tuple[Path, list[int]]]]


@pytest.fixture(
    scope="module", params=["tapes", pytest.param("qiskit", marks=pytest.mark.slow)]
)
def ends(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Ends:
    """Whose circuits were sent, each group's folder, and how its processes ended."""
    kind: str = request.param
    folder = tmp_path_factory.mktemp("processes")
    places = {name: folder / name for name in GROUPS}
    for place in places.values():
        place.mkdir()
    words = [f"{places[name]}:{','.join(points)}" for name, points in GROUPS.items()]
    done = subprocess.run(
        [sys.executable, "-m", "tests.hardware.jobs.send_jobs", kind, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    codes = json.loads(done.stdout)
    return kind, {name: (place, codes[str(place)]) for name, place in places.items()}


@pytest.mark.parametrize("name", GROUPS)
def test_whoever_is_killed_one_job_is_paid(name: str, ends: Ends) -> None:
    kind, places = ends
    folder, codes = places[name]
    # The second of two may have come first, so that the first had nothing to send.
    assert set(codes) <= {0, KILLED}
    if len(codes) == 1:
        assert codes == [KILLED]
    digest = send(kind, folder, Fate())  # the same program, run again
    assert {path.read_text() for path in folder.glob("*.digest")} <= {digest}
    assert len(KINDS[kind]()(folder / "service").jobs()) == 1
    (job,) = Journal(folder / "jobs.sqlite").jobs()
    assert job.state == "done"
