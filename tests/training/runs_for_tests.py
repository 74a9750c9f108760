"""Options of runs that several files read, and the service that runs are moved to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qml_qdl.training import DataOptions, Run, RunOptions, Spec, TrainingOptions
from qml_qdl.training.evaluation import EVALUATIONS
from tests.hardware.qiskit.service import FakeClient, replace_ibm

TABLE = RunOptions(
    data=DataOptions(source="iris"),
    training=TrainingOptions(epochs=3, learning_rate=0.05, accelerator="cpu"),
    seeds=2,
)
ZEROS = RunOptions(
    data=DataOptions(source="digits", labels=("0",)),
    model=Spec("patch_gan", layers=1),
    training=TrainingOptions(epochs=1, batch_size=64, accelerator="cpu"),
    seeds=2,
)


def service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """A service in a folder, which stands for IBM's."""
    folder.mkdir(exist_ok=True)
    client = FakeClient(folder / "service")
    replace_ibm(monkeypatch, client)
    return client


def entries(run: Run) -> list[dict[str, Any]]:
    """The evaluations that a run has kept."""
    content = json.loads((run.folder / EVALUATIONS).read_text())
    return list(content["evaluations"])
