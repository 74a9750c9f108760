"""Runs that several files read, each trained once."""

from __future__ import annotations

from pathlib import Path

import pytest

from qml_qdl.training import (
    DataOptions,
    Report,
    Run,
    RunOptions,
    Spec,
    TrainingOptions,
    train,
)
from qml_qdl.training.evaluation import EVALUATIONS
from tests.hardware.qiskit.service import FakeClient
from tests.training.runs_for_tests import TABLE, ZEROS, service


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    options = RunOptions(
        data=DataOptions(source="iris", limit=30),
        model=Spec("auto", layers=1),
        training=TrainingOptions(epochs=1, accelerator="cpu"),
        seeds=1,
        twin=False,
    )
    folder = tmp_path_factory.mktemp("runs")
    return train(options, runs_dir=folder, name="iris")[0]


@pytest.fixture
def client(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    for name in (run.journal, run.folder / EVALUATIONS):
        name.unlink(missing_ok=True)
    return service(tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Report, list[str]]:
    told: list[str] = []
    folder = tmp_path_factory.mktemp("runs")
    run, report = train(TABLE, runs_dir=folder, name="iris", tell=told.append)
    assert isinstance(report, Report)
    return run, report, told


@pytest.fixture(scope="session")
def zeros(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Report]:
    run, report = train(ZEROS, runs_dir=tmp_path_factory.mktemp("runs"), name="zeros")
    assert isinstance(report, Report)
    return run, report
