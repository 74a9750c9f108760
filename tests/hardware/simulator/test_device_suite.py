"""PennyLane's own tests of devices, as its command runs them.

The command starts a bare pytest, hence the environment's programs come first on PATH.
Beside what default.qubit skips, 10 tests are skipped without shots: those of gradients
by backpropagation with autograd and torch. The suite asks whether a device has that
method before it chooses an interface, and qdl.simulator has it on torch only;
test_device.py has the same on torch. 17 others, which compare with default.qubit, run
here and not there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
# Counted with PennyLane 0.45 on default.qubit.
MOST_SKIPS = {"None": 52, "20000": 60}


@pytest.mark.parametrize(
    "shots", ["None", pytest.param("20000", marks=pytest.mark.slow)]
)
def test_device_suite(shots: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
    }
    command = ["pl-device-test", "--device", "qdl.simulator", "--shots", shots]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    summary = done.stdout.strip().splitlines()[-1]
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", summary)}
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert counts["passed"] >= 370
    assert "failed" not in counts
    assert "errors" not in counts
    assert counts["skipped"] <= MOST_SKIPS[shots]
