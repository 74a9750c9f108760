"""A module of a user's own, in the folder where commands are called."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

MODULE = '''
import torch
from torch import nn

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.data import Dataset
from qml_qdl.nn import QuantumLayer
from qml_qdl.training import Classification


class Net(nn.Module):
    """A circuit between two linear layers.

    Args:
        num_features: Columns.
        num_classes: Classes.
        width: Wires of the circuit.
    """

    def __init__(self, num_features: int, num_classes: int, width: int = 2) -> None:
        super().__init__()
        circuit = StronglyEntangling(width) @ AngleEncoding(width)
        self.enter = nn.Linear(num_features, width)
        self.circuit = QuantumLayer(circuit)
        self.leave = nn.Linear(width, num_classes)

    def forward(self, rows):
        return self.leave(self.circuit(self.enter(rows)))

    def classical_twin(self) -> nn.Module:
        return nn.Sequential(self.enter, nn.Tanh(), self.leave)


class Rows(torch.utils.data.Dataset):
    def __init__(self, rows: int = 40) -> None:
        generator = torch.Generator().manual_seed(0)
        self.inputs = torch.randn(rows, 3, generator=generator)

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, row):
        return self.inputs[row], int(self.inputs[row].sum() > 0)


def rows(count: int = 40) -> Dataset:
    inputs = torch.linspace(-1, 1, 2 * count).reshape(count, 2).numpy()
    return Dataset(inputs, inputs[:, 0] ** 2)


class Weighted(Classification):
    """Classification whose loss is scaled."""

    def __init__(self, model, split, options, weight: float = 1.0) -> None:
        super().__init__(model, split, options)
        self.weight = weight

    def training_step(self, batch, batch_index):
        return self.weight * super().training_step(batch, batch_index)


class Evil:
    def __init__(self, *args, **kwargs):
        raise SystemExit("built")


def evil():
    raise SystemExit("called")
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of one's own, in which commands are called."""
    (tmp_path / "own_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_module", raising=False)
    return tmp_path
