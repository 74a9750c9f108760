"""Without a package all that has no use for it works, and the rest says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from qml_qdl.circuits.packages import missing_package

ROOT = Path(__file__).parents[2]
INSTALL = {
    "qiskit": "qiskit>=2.4",
    "qiskit_aer": "qiskit-aer>=0.17.2",
    "qiskit_ibm_runtime": "qiskit-ibm-runtime>=0.51",
    "pennylane_lightning": "pennylane-lightning<0.46,>=0.45",
    "lightning": "lightning>=2.6",
    "e3nn": "qml-qdl[symmetry]",
    "zuko": "qml-qdl[flow]",
    "sklearn": "scikit-learn>=1.7",
    "pandas": "pandas>=2.2.2",
    "matplotlib": "matplotlib>=3.9",
    "tensorboard": "tensorboard>=2.19",
    "PIL": "pillow>=11",
    "rich": "rich>=14",
    "typer": "typer>=0.29",
}
"""Packages that layers have no use for, and what installs them."""

WORKER = "tests.circuits.missing_packages"
NEEDS_QISKIT = ("aer", "aer:fake_manila", "ibm:least_busy", "qml.device")
COMMANDS = ("--version", "targets", "train")


@pytest.mark.parametrize(
    ("hidden", "calls", "needs"),
    [
        pytest.param(
            tuple(INSTALL),
            (),
            {
                **dict.fromkeys((*NEEDS_QISKIT, "from_qiskit"), "qiskit"),
                "lightning.qubit": "pennylane_lightning",
                "digits": "sklearn",
                "split": "sklearn",
                "table": "pandas",
                "images": "PIL",
                "fit": "lightning",
                "draw_mpl": "matplotlib",
                "twin": "e3nn",
                "flow": "zuko",
                **dict.fromkeys(COMMANDS, "typer"),
            },
            id="all",
        ),
        pytest.param(
            ("qiskit_ibm_runtime", "tensorboard"),
            ("aer", "aer:fake_manila", "ibm:least_busy", "targets", "train"),
            {
                "aer:fake_manila": "qiskit_ibm_runtime",
                "ibm:least_busy": "qiskit_ibm_runtime",
                "train": "tensorboard",
            },
            id="ibm",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ("qiskit_aer",),
            (*NEEDS_QISKIT, "from_qiskit"),
            dict.fromkeys(NEEDS_QISKIT, "qiskit_aer"),
            id="aer",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_needs_a_package_says_how_to_install_it(
    hidden: Sequence[str],
    calls: Sequence[str],
    needs: Mapping[str, str],
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.circuits.missing_packages",
            ",".join(hidden),
            *calls,
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    expected = dict.fromkeys(found, "works")
    for call, package in needs.items():
        told = f"{package}: this package is not installed; install it with pip install"
        start = "2" if call in COMMANDS else "MissingPackageError"
        expected[call] = f"{start}: {told} '{INSTALL[package]}'"
    assert found == expected


def test_what_is_of_no_package_of_ours_is_left_to_python() -> None:
    assert missing_package(ModuleNotFoundError(name="stim")) is None
    assert missing_package(ModuleNotFoundError("no name")) is None
    told = missing_package(ModuleNotFoundError(name="sklearn.svm"))
    assert told is not None
    assert told.name == "sklearn.svm"
    assert missing_package(told) is None  # it says so already
