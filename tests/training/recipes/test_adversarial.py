"""Games on a machine: every job, of training, validation and test, is in the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning.pytorch import seed_everything

from qml_qdl.data import Dataset, split
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.models import PatchGenerator
from qml_qdl.training import Adversarial, Fit, TrainingOptions, fit
from tests.hardware.qiskit.service import (
    FakeClient,
    Fate,
    Killed,
    mortal,
    replace_ibm,
    without_sync,
)

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)

PIXELS = np.random.default_rng(0).random((40, 1, 2, 2))
PARTS = split(Dataset(PIXELS, np.arange(40) % 2, "ab"), limit=8)
QUICK = TrainingOptions(
    epochs=2, batch_size=4, learning_rate=0.1, accelerator="cpu", checkpoint_every=1
)


def trained(folder: Path) -> tuple[Fit, list[Any]]:
    seed_everything(0, verbose=False)
    model = PatchGenerator(
        (2, 2), (2, 2), num_ancillas=0, layers=1,
        target="ibm:fake", shots=4, diff_method="spsa",
    )  # fmt: skip
    result = fit(
        model, PARTS, QUICK, recipe=Adversarial, seed=3, folder=folder / "fit",
        resume=True, journal=folder / "jobs.sqlite",
    )  # fmt: skip
    return result, [weight.detach().numpy() for weight in model.parameters()]


def service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    folder.mkdir(exist_ok=True)
    client = FakeClient(folder / "service")
    replace_ibm(monkeypatch, client)
    monkeypatch.setenv("QML_QDL_JOURNAL", str(folder / "user.sqlite"))
    return client


def keys(folder: Path) -> list[str]:
    return [str(job.key) for job in Journal(folder / "jobs.sqlite").jobs()]


def test_a_game_killed_anywhere_ends_alike_and_pays_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole"
    client = service(whole, monkeypatch)
    counted = client.fate = Fate()
    with mortal(counted):
        expected, weights = trained(whole)
    assert keys(whole) == [
        "fit, layer, start, call 0",
        "fit, layer, train-0, call 0",
        "fit, layer, train-2, call 0",
        "fit, layer, validation-0-1, call 0",
        "fit, layer, validation-0-1, call 1",
        "fit, layer, train-4, call 0",
        "fit, layer, train-6, call 0",
        "fit, layer, validation-1-1, call 0",
        "fit, layer, validation-1-1, call 1",
        "fit, layer, test, call 0",
    ]
    assert len(client.jobs()) == 10
    assert not (whole / "user.sqlite").exists()
    # Once the first validation and the test were sent.
    sent = [at for at, name in enumerate(counted.points) if name == "after POST"]
    for at in (sent[3], sent[9]):
        folder = tmp_path / f"{at}"
        client = service(folder, monkeypatch)
        fate = client.fate = Fate(at)
        with mortal(fate), pytest.raises(Killed):
            trained(folder)
        client.fate = Fate()
        client.time.now += 100.0
        with mortal(client.fate):
            result, again = trained(folder)
        assert len(client.jobs()) == 10
        assert keys(folder) == keys(whole)
        assert result.history == expected.history
        assert result.measures == expected.measures
        assert all(map(np.array_equal, weights, again))
