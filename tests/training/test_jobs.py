"""Trainings on a machine: every job has its step, and is paid once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning.pytorch import seed_everything
from torch import nn

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.data import load, split
from qml_qdl.nn import QuantumLayer
from qml_qdl.training import Fit, TrainingOptions, fit
from tests.hardware.qiskit.service import Fate, Killed, mortal, without_sync
from tests.training.runs_for_tests import service

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)

PARTS = split(load("iris"), limit=24, seed=0)
QUICK = TrainingOptions(
    epochs=1, batch_size=8, learning_rate=0.1, accelerator="cpu", checkpoint_every=1
)


def model() -> nn.Module:
    seed_everything(0, verbose=False)
    circuit = StronglyEntangling(2, layers=1) @ AngleEncoding(2)
    layer = QuantumLayer(circuit, target="ibm:fake", shots=4, diff_method="spsa")
    return nn.Sequential(nn.Linear(4, 2), layer, nn.Linear(2, 3))


def trained(folder: Path, **options: Any) -> tuple[Fit, list[Any]]:
    network = model()
    result = fit(network, PARTS, QUICK, folder=folder / "fit", **options)
    return result, [weight.detach().numpy() for weight in network.parameters()]


def test_a_training_killed_anywhere_ends_alike_and_pays_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = service(tmp_path / "whole", monkeypatch)
    counted = Fate()
    client.fate = counted
    with mortal(counted):
        expected, weights = trained(tmp_path / "whole")
    jobs = len(client.jobs())
    parts = (PARTS.train, PARTS.validation, PARTS.test)
    assert jobs == sum(-(-len(part) // 8) for part in parts)
    # In the second step, and further on.
    for at in (len(counted.points) // 3, len(counted.points) * 3 // 4):
        folder = tmp_path / f"{at}"
        client = service(folder, monkeypatch)
        fate = client.fate = Fate(at)
        with mortal(fate), pytest.raises(Killed):
            trained(folder)
        client.fate = Fate()
        client.time.now += 100.0
        with mortal(client.fate):
            result, again = trained(folder, resume=True)
        assert len(client.jobs()) == jobs
        assert result.history == expected.history
        assert np.array_equal(result.predictions, expected.predictions)
        assert all(map(np.array_equal, weights, again))
