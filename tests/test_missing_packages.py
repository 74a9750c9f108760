"""Without a package all that has no use for it works, and the rest says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qml_qdl.circuits.errors import MissingPackageError, missing_package

NONE: dict[str, str] = {}
OPTIONAL = {
    "qiskit": "qiskit>=2.6",
    "qiskit_aer": "qiskit-aer>=0.18",
    "qiskit_ibm_runtime": "qiskit-ibm-runtime>=0.51",
    "pennylane_lightning": "pennylane-lightning<0.46,>=0.45",
    "lightning": "lightning>=2.6",
    "e3nn": "qml-qdl[symmetry]",
    "sklearn": "scikit-learn>=1.7",
    "pandas": "pandas>=2.2",
    "matplotlib": "matplotlib>=3.9",
    "tensorboard": "tensorboard>=2.19",
    "PIL": "pillow>=11",
    "rich": "rich>=14",
    "typer": "typer>=0.29",
}
QISKIT = dict.fromkeys(("aer", "machine", "ibm", "qml.device"))

# What is hidden, and what then needs it; all else works.
CASES: list[tuple[tuple[str, ...], dict[str, str]]] = [
    (
        tuple(OPTIONAL),
        {
            **dict.fromkeys(QISKIT, "qiskit"),
            "from_qiskit": "qiskit",
            "lightning.qubit": "pennylane_lightning",
            "digits": "sklearn",
            "split": "sklearn",
            "fit": "lightning",
            "drawing": "matplotlib",
            "twin": "e3nn",
            "--version": "typer",
            "train": "typer",
        },
    ),
    (("qiskit_aer", "tensorboard"), {**dict.fromkeys(QISKIT, "qiskit_aer"), "train": "tensorboard"}),
    (("qiskit_ibm_runtime", "rich"), dict.fromkeys(("machine", "ibm"), "qiskit_ibm_runtime") | {"train": "rich"}),
]
