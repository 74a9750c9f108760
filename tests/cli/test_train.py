"""`qml-qdl train` with files of options, and with a user's own classes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from qml_qdl import training
from qml_qdl.cli import main
from qml_qdl.data import load
from qml_qdl.training import DataOptions, Run, RunOptions, Spec

Capture = pytest.CaptureFixture[str]

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
QUICK = ["--epochs", "2", "--seeds", "1", "--accelerator", "cpu", "--quiet"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of one's own, in which commands are called."""
    (tmp_path / "own_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_module", raising=False)
    return tmp_path


OWN = [
    "--model", "own_module.Net", "--data", "own_module.Rows", "--recipe",
    "own_module.Weighted", "--width", "3", "--data.rows", "48", "--recipe.weight", "2",
]  # fmt: skip


def test_own_classes_are_trained_interrupted_resumed_and_evaluated(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    words = ["train", *OWN, *QUICK, "--batch-size", "8", "--checkpoint-every", "1"]
    assert main([*words, "--name", "whole"]) == 0
    assert "| classical twin |" in (here / "runs" / "whole" / "report.md").read_text()
    step, steps = torch.optim.Adam.step, 0

    def interrupted(self: torch.optim.Adam, closure: object = None) -> object:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise KeyboardInterrupt
        return step(self, closure)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", interrupted)
        assert main([*words, "--name", "cut"]) == 130
    assert main(["train", "--resume", "cut", "--quiet"]) == 0
    metrics = [
        (here / "runs" / name / "quantum-seed0" / "metrics.csv").read_text()
        for name in ("whole", "cut")
    ]
    assert metrics[0] == metrics[1]
    capsys.readouterr()
    moved = ["--target", "aer:fake_torino", "--shots", "64", "--limit", "6"]
    assert main(["evaluate", "cut", *moved]) == 0
    out, err = capsys.readouterr()
    assert "quantum, seed 0, on aer:fake_torino, 64 shots" in out
    assert err == ""
    options = Run.open("cut").options
    assert options.model == Spec("own_module.Net", width=3)
    assert options.data.source == Spec("own_module.Rows", rows=48)


@pytest.mark.slow
def test_own_classes_killed_in_a_process_end_alike(here: Path) -> None:
    def called(*words: str, killed: bool = False) -> int:
        code = "import sys; from qml_qdl.cli import main; sys.exit(main(sys.argv[1:]))"
        if killed:
            code = (
                "import os, signal, torch; step = torch.optim.Adam.step; seen = []\n"
                "def die(self, closure=None):\n"
                "    seen.append(1)\n"
                "    if len(seen) == 6: os.kill(os.getpid(), signal.SIGKILL)\n"
                "    return step(self, closure)\n"
                "torch.optim.Adam.step = die\n" + code
            )
        return subprocess.run([sys.executable, "-c", code, *words]).returncode

    words = ["train", *OWN, *QUICK, "--batch-size", "8", "--checkpoint-every", "1"]
    assert called(*words, "--name", "whole") == 0
    assert called(*words, "--name", "cut", killed=True) == -9
    assert called("train", "--resume", "cut") == 0
    whole, cut = (
        (here / "runs" / name / "quantum-seed0" / "metrics.csv").read_text()
        for name in ("whole", "cut")
    )
    assert whole == cut


def test_a_function_of_numbers_is_fitted_by_regression(
    here: Path, capsys: Capture
) -> None:
    words = ["--data", "own_module.rows", "--model", "own_module.Net", "--name", "n"]
    assert main(["train", *words, *QUICK]) == 0
    report = (here / "runs" / "n" / "report.md").read_text()
    assert "| model | R² | MSE | MAE |" in report
    assert "| ridge regression |" in report
    capsys.readouterr()
    assert main(["evaluate", "n", "--target", "lightning.qubit"]) == 0
    assert "R² " in capsys.readouterr().out


def test_a_file_of_options_and_flags_that_override_it(
    here: Path, capsys: Capture
) -> None:
    (here / "run.yaml").write_text(
        "model:\n  class_path: own_module.Net\n  init_args: {width: 3}\n"
        "data: own_module.Rows\nepochs: 7\nlearning_rate: 1e-3\n"
        "optimizer: {class_path: AdamW, init_args: {weight_decay: 0.1}}\n"
        "scheduler: {class_path: StepLR, init_args: {step_size: 1}}\n"
        "callbacks: [LearningRateMonitor]\nlogger: CSVLogger\ngradient_clip: 1\n"
    )
    words = ["train", "--config", "run.yaml", "--epochs", "2", "--optimizer.eps=1e-7"]
    words += ["--model.width", "2", "--seeds", "1", "--batch_size", "16"]
    assert main([*words, "--print_config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["epochs"] == 2
    assert printed["batch_size"] == 16
    assert printed["model"]["init_args"] == {"width": 2}
    assert printed["optimizer"]["init_args"] == {"weight_decay": 0.1, "eps": 1e-7}
    assert main([*words, "--name", "first", "--quiet"]) == 0
    again = ["--config", "runs/first/config.yaml", "--name", "again", "--quiet"]
    assert main(["train", *again]) == 0
    first, second = (
        json.loads((here / "runs" / name / "quantum-seed0" / "result.json").read_text())
        for name in ("first", "again")
    )
    assert first["history"] == second["history"]
    assert list((here / "runs" / "first").rglob("metrics.csv"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "own_module.Evil"], "expected a subclass of torch.nn"),
        (["--model", "own_module.evil"], "expected a subclass of torch.nn"),
        (["--data", "own_module.evil"], "annotated to return"),
        (["--data", "own_module.Evil"], "expected a subclass of torch.utils.data"),
        (["--recipe", "own_module.Net"], "expected a subclass of qml_qdl.training"),
        (["--model", "own_module.Nett"], "did you mean own_module.Net?"),
        (["--model", "no_module.Net"], "'no_module.Net' cannot be imported"),
        (["--model", "vaee"], "did you mean 'vae'?"),
        (["--model", "own_module.Net", "--model.width", "x"], "expected int, got 'x'"),
        (["--model", "own_module.Net", "--widht", "2"], "--width"),
        (["--epoch", "3"], "No such option: --epoch"),
        (["--scheduler", "StepLRR"], "did you mean 'StepLR'?"),
        (["--optimizer", "adamw", "--optimizer.wd", "1"], "no such argument"),
        (["--loss", "Linear"], "loss.in_features: Linear needs this argument"),
        (["--loss", "MSELoss"], "loss: expected a scalar of outputs and labels of"),
        (["--config", "no.yaml"], "config: no.yaml cannot be read"),
        (["--data.rows", "3"], "'digits' takes none"),
        (["--channel.x", "3"], "there is no such option"),
        (["--model", "rbm", "--loss", "MSELoss"], "--loss: 'rbm' has no such option"),
    ],
)
def test_what_cannot_be_built_is_told_in_one_line(
    words: list[str], message: str, here: Path, capsys: Capture
) -> None:
    assert main(["train", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    "planted",
    [
        {"model": "planted.Net"},
        {"model": {"class_path": "planted.Net", "init_args": {"width": 3}}},
        {"model": {"class_path": "own_module.Net", "init_args": {"x": "planted.Net"}}},
        {"data": "planted.rows"},
        {"callbacks": ["planted.Callback"]},
        {"optimizer": {"class_path": "adam", "init_args": {"a": ["planted.b"]}}},
    ],
)
def test_nothing_is_imported_from_the_folder_of_a_run(
    planted: dict[str, object],
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    folder = here / "runs" / "r"
    asked = RunOptions(data=DataOptions(source="iris"))
    run = Run.create(asked, load("iris"), name="r")
    assert run.folder.resolve() == folder
    (folder / "planted.py").write_text("raise SystemExit('run')")
    config = json.loads((folder / "config.json").read_text())
    config["options"] |= planted
    del config["seal"]
    (folder / "config.json").write_text(json.dumps(config))
    # Neither where the command is called, nor where somebody put the folder.
    monkeypatch.chdir(folder)
    assert main(["evaluate", str(folder)]) == 2
    monkeypatch.syspath_prepend(str(folder))
    capsys.readouterr()
    assert main(["evaluate", str(folder)]) == 2
    assert "would be imported from this folder" in capsys.readouterr().err
    assert "planted" not in sys.modules


def test_the_folder_of_a_run_is_no_place_of_modules(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or an optional import of some library would find what somebody put there."""
    seen: list[bool] = []

    def looking(*args: object, **named: object) -> None:
        seen.append(os.getcwd() in sys.path)
        raise ZeroDivisionError

    asked = RunOptions(data=DataOptions(source="iris"))
    folder = Run.create(asked, load("iris"), name="r").folder.resolve()
    monkeypatch.setattr(training, "evaluate", looking)
    for place in (here, folder):
        monkeypatch.chdir(place)
        with pytest.raises(ZeroDivisionError):
            main(["evaluate", str(folder)])
    assert seen == [True, False]
    assert str(here) not in sys.path


def test_a_twin_is_trained_wherever_there_is_one(here: Path) -> None:
    """Circuits may run in a layer that is not of this library."""
    text = MODULE.replace("QuantumLayer(circuit)", "nn.Tanh()")
    (here / "own_module.py").write_text(text)
    words = ["train", "--model", "own_module.Net", "--data", "own_module.Rows", *QUICK]
    assert main([*words, "--name", "t"]) == 0
    assert "| classical twin |" in (here / "runs" / "t" / "report.md").read_text()


def test_a_models_help_tells_its_own_options(here: Path, capsys: Capture) -> None:
    assert main(["train", "--model", "own_module.Net", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "--width" in out
    assert "Wires of the circuit." in out
    assert main(["train", "--model", "vae", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--latent" in out
    assert "--channels" not in out


def test_shell_completion_knows_the_options() -> None:
    program = Path(sys.executable).with_name("qml-qdl")
    done = subprocess.run(
        [program],
        env={
            **os.environ,
            "_QML_QDL_COMPLETE": "complete_bash",
            "COMP_WORDS": "qml-qdl train --ep",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "--epochs" in done.stdout
