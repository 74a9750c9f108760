"""Whole runs of classifiers that read images: interrupted, resumed, evaluated."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from qml_qdl.cli import main

Capture = pytest.CaptureFixture[str]

SHORT = [
    "--data", "digits", "--label", "0", "--label", "1", "--limit", "12", "--epochs",
    "1", "--batch-size", "4", "--seeds", "1", "--accelerator", "cpu", "--no-twin",
    "--checkpoint-every", "1", "--quiet",
]  # fmt: skip
PICTURES = {"circuit.png", "confusion.png", "curves.png"}


@pytest.mark.parametrize(
    ("model", "target", "pictures"),
    [
        ("qcnn", "lightning.qubit", PICTURES),
        pytest.param(
            "equivariant",
            "default.qubit",
            PICTURES | {"feature-maps.png"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_interrupted_resumed_and_evaluated(
    model: str, target: str, pictures: set[str], tmp_path: Path, capsys: Capture
) -> None:
    step, steps = torch.optim.Adam.step, 0

    def interrupted(self: torch.optim.Adam, closure: object = None) -> object:
        nonlocal steps
        steps += 1
        if steps == 2:
            raise KeyboardInterrupt
        return step(self, closure)

    words = ["--runs-dir", str(tmp_path), "--name", "cut"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", interrupted)
        assert main(["train", "--model", model, *SHORT, *words]) == 130
    out, err = capsys.readouterr()
    again = f"qml-qdl train --resume {tmp_path / 'cut'}"
    assert err == f"qml-qdl train: interrupted; continue with: {again}\n"
    assert (tmp_path / "cut" / "quantum-seed0" / "last.ckpt").is_file()
    assert main([*again.split()[1:], "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("digits: 12 rows to train, 38 to validate, 108 to test")
    assert err == ""
    assert {path.name for path in (tmp_path / "cut").glob("*.png")} == pictures
    assert "| quantum |" in (tmp_path / "cut" / "report.md").read_text()
    moved = ["--target", target, "--limit", "6", "--batch-size", "6"]
    assert main(["evaluate", str(tmp_path / "cut"), *moved]) == 0
    out, err = capsys.readouterr()
    assert f"quantum, seed 0, on {target}" in out
    # Exact there as here, so every row keeps its class.
    assert "of 6 test rows" in out
    assert "same class for 100.0%" in out
    assert err == ""
