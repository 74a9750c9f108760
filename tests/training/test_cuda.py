"""Runs on a CUDA device, and what they leave serves anywhere; skipped without one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from qml_qdl.cli import main

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")

SHORT = ["--epochs", "2", "--limit", "60", "--seeds", "1", "--quiet"]
KINDS = {
    "quanvolution": ["--data", "digits"],
    "dressed": ["--data", "wine"],
    "qcnn": ["--data", "digits", "--label", "0", "--label", "1"],
    "mesh": ["--data", "oriented_mesh"],
    "patch_gan": ["--data", "digits", "--label", "0"],
    "conv_gan": ["--data", "digits", "--label", "0"],
    "style_gan": ["--data", "two_moons"],
    "distribution_gan": ["--data", "log_normal"],
    "born_machine": ["--data", "bars_and_stripes"],
    "rbm": ["--data", "bars_and_stripes"],
    "vae": ["--data", "digits"],
    "autoregressive": ["--data", "digits"],
    "flow": ["--data", "iris"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_train_there_and_use_here(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--runs-dir", str(tmp_path), "--name", "run", "--accelerator", "gpu"]
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.max_memory_allocated()
    assert main(["train", "--model", kind, *KINDS[kind], *SHORT, *places]) == 0
    assert torch.cuda.max_memory_allocated() > before
    run = tmp_path / "run"
    assert (run / "report.md").is_file()
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        command = ["evaluate", str(run)]
        if kind in list(KINDS)[4:]:
            command = ["sample", str(run), "-n", "4"]
        assert main(command) == 0
    assert capsys.readouterr().out
