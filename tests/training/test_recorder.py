"""What a training leaves behind: the best epoch, and no number that is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from qml_qdl.circuits.errors import RunError
from qml_qdl.data import Split, load, split
from qml_qdl.training import Classification, TrainingOptions, fit
from qml_qdl.training.recorder import Recorder


@pytest.fixture(scope="module")
def iris() -> Split:
    return split(load("iris"))


def linear(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Linear(4, 3)


def options(epochs: int = 15, **changes: object) -> TrainingOptions:
    return TrainingOptions(
        epochs=epochs,
        learning_rate=0.05,
        batch_size=16,
        accelerator="cpu",
        **changes,  # type: ignore[arg-type]
    )


def test_the_best_epoch_has_highest_accuracy_then_lowest_loss_then_is_first() -> None:
    recorder = Recorder(Path(), None, Classification)
    rows = [(0.8, 0.5), (0.9, 0.7), (0.9, 0.6), (0.9, 0.6), (0.7, 0.1)]
    recorder.history = [
        {"epoch": epoch, "val_accuracy": share, "val_loss": loss}
        for epoch, (share, loss) in enumerate(rows)
    ]
    assert recorder.best["epoch"] == 2


def test_a_training_that_diverges_is_told(iris: Split, tmp_path: Path) -> None:
    class Overflowing(torch.nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input) * torch.inf

    message = (
        r"the loss is \w+ in step 1 \(epoch 1\), training has diverged; try a smaller "
        "one in a new run; there is no checkpoint yet"
    )
    with pytest.raises(RunError, match=message):
        fit(Overflowing(4, 3), iris, options(2), folder=tmp_path)
    assert not list(tmp_path.glob("*.ckpt"))


def test_a_training_that_diverges_later_names_its_last_good_checkpoint(
    iris: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(linear(), iris, options(2), folder=tmp_path)
    kept = {path: path.read_bytes() for path in tmp_path.glob("*.ckpt")}
    entropy = torch.nn.functional.cross_entropy
    monkeypatch.setattr(
        torch.nn.functional,
        "cross_entropy",
        lambda *given, **named: entropy(*given, **named) * torch.nan,
    )
    place = tmp_path / "last.ckpt"
    with pytest.raises(
        RunError, match=rf"in step 13 \(epoch 3\).* last good checkpoint is {place}"
    ):
        fit(linear(), iris, options(3), folder=tmp_path, resume=True)
    assert {path: path.read_bytes() for path in tmp_path.glob("*.ckpt")} == kept
