"""A training killed at any moment ends as if it had never been interrupted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("killed_training.py")


def run_script(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    text = run_script(tmp_path, "brief")
    assert "2 interrupted trainings compared" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "count"),
    [("classifier", 20), ("patch_gan", 10), ("rbm", 10), ("vae", 10), ("nqs", 10)],
)
def test_all_models_end_alike(tmp_path: Path, kind: str, count: int) -> None:
    text = run_script(tmp_path, "few", kind)
    assert f"{count} interrupted trainings compared" in text


@pytest.mark.slow
def test_killed_at_every_step_and_every_write(tmp_path: Path) -> None:
    assert "interrupted trainings compared" in run_script(tmp_path, "thorough")
