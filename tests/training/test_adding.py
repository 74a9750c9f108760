"""Adding a model, as CONTRIBUTING has it: a new class, and a line in the registry."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import MappingProxyType

import pytest

from qml_qdl.cli import main
from qml_qdl.training import registry

TOY = '''
from torch import nn

from qml_qdl.circuits import AngleEncoding, BasicEntangler
from qml_qdl.nn import QuantumLayer


class Toy(nn.Module):
    """A circuit alone.

    Args:
        num_features: Columns.
        num_classes: Classes.
        layers: Layers of the circuit.
    """

    def __init__(self, num_features: int, num_classes: int, *, layers: int = 1):
        super().__init__()
        circuit = BasicEntangler(num_features, layers) @ AngleEncoding(num_features)
        self.circuit = QuantumLayer(circuit)
        self.leave = nn.Linear(num_features, num_classes)

    def forward(self, rows):
        return self.leave(self.circuit(rows))

    def classical_twin(self):
        return nn.Linear(self.leave.in_features, self.leave.out_features)
'''


def test_a_toy_model_needs_a_class_and_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "toy_model.py").write_text(TOY)
    monkeypatch.syspath_prepend(str(tmp_path))
    line = registry.ModelEntry("toy_model.Toy", "tables", ("layers",))
    models = MappingProxyType({**registry.MODELS, "toy": line})
    # What the edited file would be to every reader of it.
    for name, module in list(sys.modules.items()):
        if name.startswith("qml_qdl.") and getattr(module, "MODELS", None) is not None:
            monkeypatch.setattr(importlib.import_module(name), "MODELS", models)
    words = ["--model", "toy", "--data", "iris", "--layers", "2", "--epochs", "1"]
    words += ["--seeds", "1", "--accelerator", "cpu", "--runs-dir", str(tmp_path)]
    assert main(["train", *words, "--name", "r", "--quiet"]) == 0
    report = (tmp_path / "r" / "report.md").read_text()
    assert "| quantum | " in report
    assert "| classical twin | " in report
    assert main(["evaluate", str(tmp_path / "r"), "--target", "lightning.qubit"]) == 0
    capsys.readouterr()
    assert main(["train", "--model", "toy", "--help"]) == 0
    assert "Layers of the circuit." in capsys.readouterr().out
    assert main(["train", "--model", "toy", "--channels", "3"]) == 2
    assert "'toy' has no such option" in capsys.readouterr().err
