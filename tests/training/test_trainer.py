"""The trainer of Lightning, told what a recipe asks, and kept quiet."""

from __future__ import annotations

import errno
import itertools
import logging
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Trainer

from qml_qdl.circuits.errors import RunError
from qml_qdl.data import Split, load, split
from qml_qdl.training import TrainingOptions, fit


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


def test_early_stopping(iris: Split, tmp_path: Path) -> None:
    bold = TrainingOptions(
        epochs=200, learning_rate=5.0, patience=2, batch_size=16, accelerator="cpu"
    )
    result = fit(linear(), iris, bold, folder=tmp_path)
    assert result.epochs < 200
    losses = [row["val_loss"] for row in result.history]
    assert min(losses) == min(losses[:-2])
    again = fit(linear(), iris, bold, folder=tmp_path, resume=True)
    assert again.history == result.history


def test_a_folder_in_use_is_refused(iris: Split, tmp_path: Path) -> None:
    fit(linear(), iris, options(1), folder=tmp_path)
    with pytest.raises(RunError, match="holds a training already; pass resume=True"):
        fit(linear(), iris, options(1), folder=tmp_path)


@pytest.fixture
def _heeds_ctrl_c() -> Iterator[None]:
    """Python's own handler: shells start background jobs with the signal ignored."""
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, kept)


@pytest.mark.usefixtures("_heeds_ctrl_c")
def test_ctrl_c_stays_an_interrupt_and_can_be_continued(
    iris: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(linear(), iris, options(3), folder=tmp_path / "whole")
    before = signal.getsignal(signal.SIGINT)
    step = torch.optim.Adam.step
    count = 0

    def interrupting(self: torch.optim.Adam, closure: object = None) -> object:
        nonlocal count
        count += 1
        if count == 9:
            signal.raise_signal(signal.SIGINT)  # to this thread, at once
        return step(self, closure)

    monkeypatch.setattr(torch.optim.Adam, "step", interrupting)
    with pytest.raises(KeyboardInterrupt):
        fit(linear(), iris, options(3), folder=tmp_path / "cut")
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.setattr(torch.optim.Adam, "step", step)
    result = fit(linear(7), iris, options(3), folder=tmp_path / "cut", resume=True)
    assert result.history == whole.history


def test_the_trainer_keeps_quiet(
    iris: Split, capfd: pytest.CaptureFixture[str]
) -> None:
    level = logging.getLogger("lightning.pytorch").level
    fit(linear(), iris, options(1))
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("lightning.pytorch").level == level


def test_the_thread_of_the_log_says_nothing_of_a_full_disk(
    iris: Split,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def full(self: object, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = "tensorboard.summary.writer.record_writer.RecordWriter"
    monkeypatch.setattr(f"{writer}.write", full)
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    with pytest.raises(OSError, match="No space left"):
        fit(linear(), iris, options(2), folder=tmp_path)
    assert threading.excepthook is threading.__excepthook__
    assert "Traceback" not in capfd.readouterr().err


def test_a_progress_bar_is_shown_when_asked(
    iris: Split, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("qml_qdl.training.trainer.shows_bars", lambda: True)
    fit(linear(), iris, options(1), progress=True)
    assert "val_accuracy" in "".join(capfd.readouterr())


def test_the_trainer_does_the_training(
    iris: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    real = Trainer.fit

    def seen(self: Trainer, *args: object, **kwargs: object) -> None:
        calls.append(kwargs["weights_only"])
        real(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "fit", seen)
    fit(linear(), iris, options(1))
    assert calls == [True]


def test_without_a_terminal_progress_is_told_in_lines(
    iris: Split, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = itertools.count(0, 3)
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr("qml_qdl.training.trainer.time", clock)
    fit(linear(), iris, options(2), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.replace("\n", "").isprintable()  # nothing is drawn over
    lines = err.splitlines()
    assert any(re.match(r"epoch 1 of 2: step \d of 6, \d+ s$", line) for line in lines)
    numbers = r": train_loss \d[\d.]*, .*val_accuracy 0\.\d+, \d+ s"
    for epoch in (1, 2):
        assert any(re.match(f"epoch {epoch} of 2{numbers}$", line) for line in lines)
    fit(linear(), iris, options(1))
    assert capsys.readouterr() == ("", "")
