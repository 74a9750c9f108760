"""`qml-qdl train`: flags, files of options, own classes, and what stops a training."""

from __future__ import annotations

import errno
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from qml_qdl import training
from qml_qdl.cli import main
from qml_qdl.cli.train import train_command
from qml_qdl.data import load
from qml_qdl.training import DataOptions, Run, RunOptions, Spec, TrainingOptions
from tests.hardware.qiskit.service import FakeClient, replace_ibm

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("without_pictures")


IRIS = ["--data", "iris", "--epochs", "2", "--seeds", "1", "--accelerator", "cpu"]
QUICK = ["--epochs", "2", "--seeds", "1", "--accelerator", "cpu", "--quiet"]


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


NQS = [
    "train", "--model", "nqs", "--seeds", "1", "--epochs", "2", "--quiet",
    "--recipe.samples", "20", "--recipe.steps", "3", "--recipe.final_samples", "100",
]  # fmt: skip
OWN_HAMILTONIAN = """
from pennylane.operation import Operator

from qml_qdl.manybody import Lattice, heisenberg


def ring(sites: int = 4) -> Operator:
    return heisenberg(Lattice.chain(sites))


def skew() -> Operator:
    return 1j * ring()
"""


def test_a_ground_state_from_words_and_from_a_file(here: Path, capsys: Capture) -> None:
    words = ["--data", "j1_j2", "--data.lattice", "square", "--data.size", "[2, 3]"]
    words += ["--data.periodic", "false", "--data.j2", "0.2", "--alpha", "2"]
    words += ["--symmetry", "none"]
    assert main([*NQS, *words, "--name", "first"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("j1_j2 (lattice=square, size=[2, 3], periodic=False, j2=0.2)")
    assert "exact" in out
    assert err == ""
    options = Run.open("first").options
    data = {"lattice": "square", "size": [2, 3], "periodic": False, "j2": 0.2}
    assert options.data.source == Spec("j1_j2", **data)
    assert options.recipe is not None
    assert options.recipe.init_args["samples"] == 20
    assert options.training.precision == "64-true"
    again = ["--config", "runs/first/config.yaml", "--name", "again", "--quiet"]
    assert main(["train", *again]) == 0
    first, second = (
        json.loads(
            (here / "runs" / name / "classical-seed0" / "result.json").read_text()
        )
        for name in ("first", "again")
    )
    assert first["measures"] == second["measures"]
    capsys.readouterr()
    assert main(["sample", "first", "--count", "10", "--model", "jastrow"]) == 0
    assert capsys.readouterr().out.startswith("10 samples of jastrow, training seed 0")
    assert np.load(here / "runs" / "first" / "samples.npz")["samples"].shape == (10, 6)
    assert main(["evaluate", "first"]) == 2
    assert "which generates samples; see qml-qdl sample" in capsys.readouterr().err


def test_a_hamiltonian_and_a_network_of_ones_own(here: Path, capsys: Capture) -> None:
    (here / "own_ring.py").write_text(OWN_HAMILTONIAN)
    words = ["--data", "own_ring.ring", "--model", "torch.nn.Linear", "--no-twin"]
    assert main([*NQS, *words]) == 2
    assert "has to be named, too; give --recipe" in capsys.readouterr().err
    words += ["--recipe", "ground_state"]
    assert main([*NQS, *words, "--data.sites", "4", "--name", "own"]) == 0
    assert "ring (sites=4): 4 sites, magnetisation 0" in capsys.readouterr().out
    assert main([*NQS, "--data", "own_ring.skew"]) == 2
    assert "expected a Hermitian operator, got 0+1j" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--data heisenberg", "size: expected the number of cells of the chain"),
        ("--data heisenberg --data.size 5 --data.marshall true", "odd rings"),
        ("--data heisenberg --data.size 6 --data.magnetisation 1", "no states; pass"),
        ("--data heisenberg --data.size 6 --data.sizes 3", "did you mean 'size'?"),
        ("--data heisenberg --data.size 40 --recipe.sampler full", "137,846,528,820"),
        ("--data transverse_ising --data.size 4 --data.magnetisation 0", "Σ Z; leave"),
        ("--data heisenberg --data.size 4 --recipe.sample 3", "mean 'samples'?"),
        ("--data heisenberg --data.size 4 --batch-size 64", "'nqs' has no such option"),
        ("--data heisenberg --data.size 4 --hidden 3", "'nqs' has no such option"),
        ("--data heisenberg --data.size 4 --state rbmm", "did you mean 'rbm'?"),
        ("--data heisenberg --data.size 4 --label 0", "labels: Hamiltonians have no"),
        ("", "'nqs' reads Hamiltonians, got the rows of 'digits'"),
    ],
)
def test_what_is_wrong_with_a_ground_state_is_one_line(
    here: Path, capsys: Capture, words: str, message: str
) -> None:
    assert main([*NQS, *words.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert not (here / "runs").exists()


def test_help_has_the_options_of_neural_states(capsys: Capture) -> None:
    assert main(["train", "--model", "nqs", "--help"]) == 0
    out = capsys.readouterr().out
    for word in ("--state", "--alpha", "--symmetry", "--amplitudes", "circuit_rbm"):
        assert word in out
    assert "heisenberg" in out


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
        (["--model", "own_module.Nett"], "did you mean 'own_module.Net'?"),
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
    path = here / "own_module.py"
    path.write_text(path.read_text().replace("QuantumLayer(circuit)", "nn.Tanh()"))
    words = ["train", "--model", "own_module.Net", "--data", "own_module.Rows", *QUICK]
    assert main([*words, "--name", "t"]) == 0
    assert "| classical twin |" in (here / "runs" / "t" / "report.md").read_text()


def test_quiet_prints_the_report_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", *IRIS, "--quiet", "--no-twin", "--runs-dir", str(tmp_path)]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("iris: 89 rows to train")
    assert "twin" not in out
    assert err == ""


def test_every_option_reaches_the_run(tmp_path: Path) -> None:
    given = {
        "data": "bars-and-stripes",
        "label": "blank",
        "limit": "40",
        "test-fraction": "0.4",
        "validation-fraction": "0.2",
        "split-seed": "3",
        "model": "quanvolution",
        "channels": "3",
        "kernel-size": "1",
        "stride": "2",
        "layers": "1",
        "target": "default.qubit",
        "epochs": "1",
        "batch-size": "20",
        "learning-rate": "0.1",
        "optimizer": "sgd",
        "patience": "5",
        "accelerator": "cpu",
        "checkpoint-every": "2",
        "seeds": "1",
        "seed": "4",
        "data-home": str(tmp_path),
        "runs-dir": str(tmp_path),
        "name": "all",
    }
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    words += ["--label", "full"]
    assert main(["train", *words, "--no-twin", "--quiet"]) == 0
    flags = set(inspect.signature(train_command(())[0]).parameters) - {"context"}
    left_out = {"label_column", "resume", "no_twin", "quiet", "config", "print_config"}
    # See the other tests of this file, and those of train_options and predict.
    left_out |= {"image_size", "color_mode"}
    left_out |= {"header", "drop", "categorical", "missing"}
    left_out |= {"recipe", "scheduler", "loss", "gradient_clip", "precision"}
    left_out |= {"callbacks", "logger"}
    left_out |= {"hidden", "latent", "quantum_part", "width", "transform"}
    left_out |= {"circuits", "lmax", "encoding", "grid"}
    left_out |= {"state", "alpha", "symmetry", "amplitudes"}
    left_out |= {"ancillas", "noise", "spin_flip", "periodic"}
    assert {n.replace("-", "_") for n in given} == flags - left_out
    expected = RunOptions(
        data=DataOptions(
            source=Spec("bars_and_stripes"),
            labels=("blank", "full"),
            data_home=str(tmp_path),
            limit=40,
            test_fraction=0.4,
            validation_fraction=0.2,
            split_seed=3,
        ),
        model=Spec(
            "quanvolution",
            channels=3,
            kernel_size=1,
            stride=2,
            layers=1,
            target="default.qubit",
        ),
        training=TrainingOptions(
            epochs=1,
            batch_size=20,
            learning_rate=0.1,
            optimizer="sgd",
            patience=5,
            accelerator="cpu",
            checkpoint_every=2,
        ),
        seeds=1,
        first_seed=4,
        twin=False,
    )
    assert Run.open("all", runs_dir=tmp_path).options == expected


def test_options_of_generative_models_reach_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[RunOptions] = []

    def begin(options: RunOptions, **others: object) -> None:
        seen.append(options)
        raise OSError("enough")

    monkeypatch.setattr(training, "begin", begin)
    words = "--model vae --hidden 9 --latent 3 --quantum-part encoder --label 4"
    assert main(["train", *words.split()]) == 1
    assert seen[0].model == Spec("vae", hidden=9, latent=3, quantum_part="encoder")
    assert seen[0].training == training.default_training("vae")
    assert seen[0].data.labels == ("4",)


@pytest.mark.parametrize(
    ("data", "model", "options"),
    [
        ("rotated_digits", "rings", {"layers": 1, "circuits": 1}),
        ("oriented_mesh", "mesh", {"layers": 1, "hidden": 4}),
        ("digits", "steerable", {"channels": 2, "layers": 1, "hidden": 4}),
        (
            "spherical_digits",
            "sphere",
            {
                **{"lmax": 1, "circuits": 1, "layers": 1},
                **{"encoding": "state", "grid": "gauss-legendre"},
            },
        ),
    ],
)
def test_fields_are_learnt_from_and_predicted(
    data: str, model: str, options: dict[str, Any], here: Path, capsys: Capture
) -> None:
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    words += ["--limit", 60, "--epochs", 1, "--seeds", 1, "--accelerator", "cpu"]
    given = ["train", "--data", data, "--model", model, *map(str, words)]
    assert main([*given, "--name", "fields", "--quiet"]) == 0
    assert "%" in capsys.readouterr().out
    run = Run.open("fields")
    assert run.options.model.init_args.items() >= options.items()
    rows = load(data).inputs[:3]
    np.savez(here / "new.npz", x=rows)
    assert main(["predict", "fields", "new.npz"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--model flow --data digits", "'flow' reads tables, got 'digits'"),
        ("--model flow --data iris --transform cubic", "cubic"),
        ("--model flow --data iris --hidden 0", "hidden: expected at least 1, got 0"),
        ("--model flow --data iris --width 3", "width: 'flow' has no such option"),
        ("--model flow --data iris --loss L1Loss", "loss: 'flow' has no such option"),
        (
            "--model flow --data same.csv",
            "column b: a density needs values that differ",
        ),
        ("--model autoregressive --data iris", "'autoregressive' reads bits, got "),
        ("--model autoregressive --width 0", "width: expected at least 1, got 0"),
    ],
)
def test_what_has_no_likelihood_is_told_in_one_line(
    words: str, message: str, here: Path, capsys: Capture
) -> None:
    rows = "".join(f"{k},7,{'xy'[k % 2]}\n" for k in range(40))
    (here / "same.csv").write_text(f"a,b,label\n{rows}")
    assert main(["train", *words.split()]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert not (here / "runs").exists()


def test_a_flow_of_words_and_counts_from_file_to_samples(
    here: Path, capsys: Capture
) -> None:
    rows = [f"{k * k % 7},{['red', 'blue'][k % 2]},{k},{k % 2}" for k in range(60)]
    (here / "mine.csv").write_text("\n".join(["count,colour,size,label", *rows, ""]))
    words = "--model flow --data mine.csv --epochs 1 --seeds 1 --accelerator cpu"
    assert main(["train", *words.split(), "--name", "flow", "--quiet"]) == 0
    first = capsys.readouterr().out
    assert "normalising" in first
    assert main(["train", "--resume", "flow", "--quiet"]) == 0
    assert capsys.readouterr().out == first
    assert main(["sample", "flow", "-n", "50"]) == 0
    with np.load(here / "runs" / "flow" / "samples.npz") as file:
        samples = file["samples"]
    counts, *colours, _ = samples.T
    assert len(set(counts.tolist())) <= 4  # squares modulo seven
    assert set(np.ravel(colours).tolist()) == {0, 1}


def test_a_csv_file_with_its_label_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{'ab'[k % 2]},{k % 2 + 0.01 * k},{k}" for k in range(40)]
    (tmp_path / "mine.csv").write_text("\n".join(["kind,x,y", *lines]))
    monkeypatch.chdir(tmp_path)
    words = ["--data", "mine.csv", "--label-column", "kind", "--name", "r"]
    assert main(["train", *IRIS, *words, "--no-twin", "--quiet"]) == 0
    assert Run.open("r").options.data.source == Spec(str(tmp_path / "mine.csv"))


def test_a_folder_of_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    digits = load("digits").take(slice(40))
    for row, (pixels, label) in enumerate(
        zip(digits.inputs, digits.labels % 2, strict=True)
    ):
        folder = tmp_path / "blobs" / ("even", "odd")[label]
        folder.mkdir(parents=True, exist_ok=True)
        grey = Image.fromarray((pixels[0] * 255).astype(np.uint8))
        colour = grey.convert("RGB") if row else grey.resize((9, 9))
        colour.save(folder / f"{row:02}.png")
    (tmp_path / "mine").symlink_to("blobs")
    monkeypatch.chdir(tmp_path)
    words = ["train", *QUICK, "--data", "mine", "--no-twin", "--name", "r"]
    for option in (["--color-mode", "grayscale"], ["--image-size", "4"]):
        assert main(words) == 2
        assert f"choose {option[0]} for all" in capsys.readouterr().err
        words += option
    assert main(words) == 0
    assert Run.open("r").options.data.source == Spec(str(tmp_path / "mine"))
    assert main(["evaluate", "r"]) == 0
    capsys.readouterr()
    broken = tmp_path / "mine" / "odd" / "99.png"
    broken.write_bytes(b"half an image")
    for again in (["evaluate", "r"], ["train", "--resume", "r"]):
        assert main(again) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert f"{broken}: expected an image" in err


def test_ctrl_c_tells_how_to_continue(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    carry_on = training.carry_on
    monkeypatch.setattr(training, "carry_on", interrupted)
    assert main(["train", *IRIS, "--name", "cut"]) == 130
    line = (
        "qml-qdl train: interrupted; continue with: qml-qdl train --resume runs/cut\n"
    )
    assert capsys.readouterr().err == line
    monkeypatch.setattr(training, "carry_on", carry_on)
    assert main(line.split(": qml-qdl ")[1].split()) == 0


def test_a_gpu_that_is_not_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("CUDAAccelerator", "MPSAccelerator"):
        monkeypatch.setattr(
            f"qml_qdl.training.trainer.{name}.is_available", lambda: False
        )
    words = ["train", "--accelerator", "gpu", "--runs-dir", str(tmp_path / "runs")]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err == (
        "qml-qdl train: accelerator: expected a GPU that torch finds, got 'gpu' and "
        "none; use 'auto' or 'cpu'\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["quantum-seed0", "tensorboard"])
def test_a_folder_that_cannot_be_written_ends_with_1_and_one_line(
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["train", *IRIS, "--no-twin", "--quiet", "--runs-dir", str(tmp_path)]
    assert main([*words, "--name", "r"]) == 0
    seed = tmp_path / "r" / "quantum-seed0"
    (seed / "result.json").unlink()
    before = {path.name: path.read_bytes() for path in seed.iterdir() if path.is_file()}
    access = os.access

    def refused(path: str | Path, mode: int) -> bool:
        return Path(path).name != place and access(path, mode)

    capsys.readouterr()
    monkeypatch.setattr(os, "access", refused)  # root may write anywhere
    assert main(["train", "--resume", str(tmp_path / "r"), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"Permission denied: '{seed}" in err
    assert f"; continue with: qml-qdl train --resume {tmp_path / 'r'}" in err
    assert before == {
        path.name: path.read_bytes() for path in seed.iterdir() if path.is_file()
    }


def test_a_machine_is_not_trained_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = FakeClient(tmp_path / "service")
    replace_ibm(monkeypatch, client)
    words = ["train", *IRIS, "--runs-dir", str(tmp_path / "runs")]
    assert main([*words, "--target", "ibm:fake"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "exact results, which the machine 'ibm:fake' has not; train on 'auto'" in err
    assert not (tmp_path / "runs").exists()
    assert not client.jobs()


def test_a_full_disk_ends_with_1_and_tells_how_to_continue(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qml_qdl.training.checkpoints.os.fsync", full)
    assert main(["train", *IRIS]) == 1
    assert "No space left on device" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qml_qdl.training.checkpoints.torch.save", full)
    assert main(["train", *IRIS, "--name", "full"]) == 1
    err = capsys.readouterr().err
    assert "No space left on device; continue with: qml-qdl train --resume" in err
    assert err.count("\n") == 1
    monkeypatch.undo()
    resumed = ["train", "--resume", str(tmp_path / "runs" / "full"), "--quiet"]
    assert main(resumed) == 0
