"""Reconstructions as runs: from a file of shots to report, pictures and samples."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, DataError, RunError, ShapeError
from qml_qdl.cli import main
from qml_qdl.manybody import Problem, RBMState
from qml_qdl.tomography import (
    DensityMatrix,
    Experiment,
    Folds,
    Measurements,
    NeuralDensity,
    neural_density,
    pauli_bases,
)
from qml_qdl.training import (
    DataOptions,
    Run,
    RunOptions,
    Spec,
    StateReconstruction,
    TrainingOptions,
    begin,
    carry_on,
    fit,
    sample,
    train,
)
from qml_qdl.training.recipes.reconstruction import judged, pairs

CPU: dict[str, Any] = {"accelerator": "cpu", "precision": "64-true"}
TRUE = DensityMatrix([1, 0, 0, 1j]).depolarised(0.1)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Shots of a Bell state in all bases with its state, and of an Ising chain in Z."""
    TRUE.sample(pauli_bases(2), 40, seed=0).save(tmp_path / "bell.npz")
    np.savez(tmp_path / "state.npz", state=TRUE.matrix)
    chain = Problem.named("transverse_ising", size=3, periodic=False)
    vector = chain.level.amplitudes(chain.configurations.spins())  # type: ignore[union-attr]
    found = DensityMatrix(vector).sample(["ZZZ"], 200, seed=0)
    found.save(tmp_path / "ising.npz")
    return tmp_path


def asked(data: Path, given: dict[str, Any], **changes: Any) -> RunOptions:
    options: dict[str, Any] = {
        "data": DataOptions(source=Spec(str(data), **given)),
        "model": Spec("nqst", alpha=1, noise=True),
        "recipe": Spec("reconstruction", folds=2, strongest=100, ratio=0.1),
        "training": TrainingOptions(epochs=3, **CPU),
        "seeds": 1,
    }
    return RunOptions(**{**options, **changes})


def test_a_run_from_end_to_end(files: Path) -> None:
    given = {"state": str(files / "state.npz")}
    run, report = train(asked(files / "bell.npz", given), runs_dir=files, name="r")
    assert report.title == "bell: 2 wires, 9 bases, 360 shots; 1 seed"
    names = [line.name for line in report.lines]
    rivals = ["inversion", "maximum likelihood", "hedged"]
    assert names == ["rbm", "positive amplitudes", *rivals]
    own, positive = report.lines[:2]
    assert set(report.measures) == set(own.measures)
    assert own.measures["fidelity"][0] > 0.95 > 0.7 > positive.measures["fidelity"][0]
    folder = run.folder / "classical-seed0"
    rows = np.genfromtxt(folder / "metrics.csv", delimiter=",", names=True)
    assert rows["step"].tolist() == [3, 6, 9]
    assert rows["decay"].tolist() == pytest.approx([100, 10, 1])
    best = json.loads((folder / "result.json").read_text())["best_epoch"]
    assert best == rows["val_nll"].argmin()
    assert own.measures["held-out NLL"][0] == pytest.approx(rows["val_nll"].min())
    assert {path.stem for path in run.folder.glob("*.png")} == {
        *("curves", "pairs", "outcomes"),
    }
    found = sample(run, 2000, out=files / "bits.npz")
    bits = np.load(files / "bits.npz")["samples"]
    assert bits.shape == (2000, 2)
    assert found.measures["pairs"] < 0.1
    assert 0.9 < (bits[:, 0] == bits[:, 1]).mean() < 1
    again = carry_on(run).lines
    assert again[:2] == report.lines[:2]
    assert [line.measures for line in again] == [x.measures for x in report.lines]


def test_shots_along_z_stand_beside_distributions(files: Path) -> None:
    given = {"state": "transverse_ising", "size": 3, "periodic": False}
    model = Spec("nqst", state="jastrow", symmetry="all", spin_flip=1)
    run, report = train(
        asked(files / "ising.npz", given, model=model), runs_dir=files, name="z"
    )
    assert report.title == "ising: 3 wires, ZZZ, 200 shots; 1 seed"
    names = [line.name for line in report.lines]
    assert names == ["jastrow", "histogram", "log linear", "mps"]
    own = report.lines[0].measures
    exact = Problem.named("transverse_ising", size=3, periodic=False).exact
    assert exact is not None
    error = (own["energy"][0] - exact.energy) / abs(exact.energy)
    assert own["relative error"][0] == pytest.approx(error)
    assert own["fidelity"][0] > 0.97
    assert run.task().split.truth.purity == pytest.approx(1)


def weights(run: Run, name: str) -> dict[str, Any]:
    path = run.fit_folder("classical", 0) / name
    found: dict[str, Any] = torch.load(path, weights_only=True)["state_dict"]
    return found


@pytest.mark.usefixtures("without_pictures")
def test_interrupted_within_an_epoch_a_run_ends_alike(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = TrainingOptions(epochs=3, checkpoint_every=1, **CPU)
    options = asked(files / "bell.npz", {}, training=training, twin=False)
    whole = begin(options, runs_dir=files, name="whole")
    carry_on(whole)
    cut = begin(options, runs_dir=files, name="cut")
    step, steps = Folds.step, 0

    def interrupted(self: Folds) -> float:
        nonlocal steps
        steps += 1
        if steps in (3, 6):
            raise KeyboardInterrupt
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Folds, "step", interrupted)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                carry_on(cut)
    carry_on(cut)
    for name in ("best.ckpt", "last.ckpt"):
        mine, theirs = weights(cut, name), weights(whole, name)
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    history = [
        (run.fit_folder("classical", 0) / "metrics.csv").read_text()
        for run in (cut, whole)
    ]
    assert history[0] == history[1]


def test_many_wires_are_learnt_by_autoregressive_states(tmp_path: Path) -> None:
    """Of 20 wires only likelihoods are told; samples are those of the state."""
    torch.manual_seed(0)
    bits = np.tile(np.random.default_rng(0).integers(2, size=(100, 1)), (1, 20))
    data = Measurements.from_bits(["Z" * 20], [bits])
    model = neural_density(data, state="autoregressive", width=2).double()
    training = TrainingOptions(epochs=3, **CPU)
    learner = StateReconstruction(model, Experiment(data), training, strongest=1)
    found = fit(model, Experiment(data), recipe=learner)
    assert set(found.measures) == {"held-out NLL", "NLL"}
    assert found.measures["NLL"] < 4
    drawn = StateReconstruction.drawn(
        model, 50, torch.Generator().manual_seed(0), Experiment(data)
    )
    assert drawn.shape == (50, 20)
    assert StateReconstruction.compared(model, drawn, Experiment(data)) == ({}, {})
    assert (drawn == drawn[:, :1]).double().mean() > 0.8


def test_pairs_are_read_as_the_state_says() -> None:
    confusion = np.tile([[0.95, 0.05], [0.1, 0.9]], (3, 1, 1))
    state = DensityMatrix(np.arange(1, 9) * 1j ** np.arange(8))
    data = state.sample(["XYZ", "ZZZ"], 20_000, 0, confusion)
    measured, errors, fitted = pairs(state, data)
    assert len(measured) == 6
    assert (np.abs(measured - fitted) < 4 * errors).all()
    plain = Measurements(data.bases, data.outcomes, data.of, data.counts, 3)
    measured, errors, fitted = pairs(state, plain)
    assert (np.abs(measured - fitted) > 4 * errors).any()


def test_judged_by_formulas() -> None:
    other = DensityMatrix([1, 0, 0, 1])
    known = Experiment(TRUE.sample(["ZZ"], 10, seed=0), truth=TRUE)
    found = judged(other, known)
    assert found["fidelity"] == pytest.approx(0.475)
    assert found["trace distance"] == pytest.approx(TRUE.trace_distance(other))
    assert found["KL"] == np.inf  # of 01, which the other never gives
    assert judged(TRUE, known)["KL"] == pytest.approx(0)


def test_refused_recipes() -> None:
    split = Experiment(TRUE.sample(pauli_bases(2), 5, seed=0))
    model = neural_density(split.data)
    with pytest.raises(ArgumentError, match=r"expected a qml_qdl\.tomography\.Neural"):
        StateReconstruction(RBMState(2), split, TrainingOptions())
    for name, value in (("precision", "bf16-mixed"), ("accelerator", "gpu")):
        options = TrainingOptions(**{name: value})  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match=f"{name}: "):
            StateReconstruction(model, split, options)
    with pytest.raises(ArgumentError, match=r"learning_rate: .* has no such option"):
        fit(model, split, TrainingOptions(learning_rate=0.5))
    wide = NeuralDensity(RBMState(3))
    with pytest.raises(ShapeError, match="measurements of 3 wires"):
        StateReconstruction(wide, split, TrainingOptions())


COMMAND = ["train", "--model", "nqst", "--epochs", "2", "--seeds", "1", "--quiet"]


def test_the_command_line(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", str(files / "bell.npz"), "--alpha", "1", "--noise", "true"]
    place = ["--runs-dir", str(files / "runs")]
    assert main([*COMMAND, *words, "--name", "c", *place, "--no-twin"]) == 0
    assert "held-out NLL" in capsys.readouterr().out
    assert main(["sample", "c", "-n", "9", *place]) == 0
    assert "9 samples of classical" in capsys.readouterr().out
    assert main(["evaluate", "c", *place]) == 2
    assert "expected the run of a classifier" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--data ising.npz --amplitudes complex", "phases cannot be learnt from"),
        ("--data ising.npz --limit 3", "limit: measurements have no such option"),
        ("--data ising.npz --data.size 3", "with the name of a Hamiltonian"),
        ("--data ising.npz --data.state state.npz", "a state of 3 wires"),
        ("--data ising.npz --data.state ising.npz", "an array 'state' or 'factor'"),
        ("--data ising.npz --data.state 3", "a file or a Hamiltonian's name"),
        ("--data bell.npz --batch-size 3", "'nqst' has no such option"),
        ("--data bell.npz --state circuit", "state: expected one of"),
        ("--data digits", "'nqst' reads measurements, got the rows of 'digits'"),
        ("--data bell.npz --recipe.folds 1", "folds: expected"),
        ("--data bell.npz --model nqs", "'nqs' reads Hamiltonians, got the measureme"),
        ("--data heisenberg --data.size 4", "'nqst' reads measurements, got the Ham"),
    ],
)
def test_refused_commands(
    files: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    message: str,
) -> None:
    monkeypatch.chdir(files)
    assert main([*COMMAND, *words.split()]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (files / "runs").exists() or not any((files / "runs").iterdir())


@pytest.mark.usefixtures("without_pictures")
def test_warned_once_of_bases(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    TRUE.sample(["XX", "ZZ"], 20, seed=0).save(files / "few.npz")
    training = TrainingOptions(epochs=1, **CPU)
    with caplog.at_level(logging.WARNING):
        train(asked(files / "few.npz", {}, training=training, seeds=2), runs_dir=files)
    assert caplog.text.count("complex conjugate") == 1


def test_files_that_change_are_told(files: Path) -> None:
    run = begin(asked(files / "bell.npz", {}), runs_dir=files, name="r")
    TRUE.sample(pauli_bases(2), 40, seed=1).save(files / "bell.npz")
    with pytest.raises(RunError, match="the data have changed"):
        carry_on(run)
    (files / "bell.npz").write_bytes(b"PK")
    with pytest.raises(DataError):
        run.load_data()
