"""Ground states in the common run folder: trained, resumed, reported and sampled."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError, RunError
from qml_qdl.manybody import (
    GradientDescent,
    ModuleState,
    Multiplied,
    Problem,
    RBMState,
    StochasticReconfiguration,
    VariationalMonteCarlo,
    neural_state,
)
from qml_qdl.training import (
    DataOptions,
    GroundState,
    Run,
    RunOptions,
    Spec,
    Task,
    TrainingOptions,
    begin,
    carry_on,
    fit,
    sample,
    train,
)
from qml_qdl.training.recipes.ground_state import Steps, _real_parameters

CPU: dict[str, Any] = {"accelerator": "cpu", "precision": "64-true"}
TRAINING = TrainingOptions(epochs=3, learning_rate=0.1, **CPU)
FEW: dict[str, Any] = {"samples": 40, "chains": 20, "steps": 4, "final_samples": 400}


def asked(recipe: dict[str, Any] | None = None, **changes: Any) -> RunOptions:
    given: dict[str, Any] = {
        "data": DataOptions(source=Spec("heisenberg", size=4)),
        "model": Spec("nqs", alpha=1),
        "recipe": Spec("ground_state", **{**FEW, **(recipe or {})}),
        "training": TRAINING,
        "seeds": 1,
    }
    return RunOptions(**{**given, **changes})


def test_a_run_from_end_to_end(tmp_path: Path) -> None:
    run, report = train(asked(seeds=2), runs_dir=tmp_path, name="r")
    assert report.title == (
        "heisenberg (size=4): 4 sites, magnetisation 0, Marshall signs; 2 seeds"
    )
    state, jastrow, mean_field, exact = report.lines
    assert [state.name, jastrow.name, mean_field.name] == [
        "rbm",
        "Jastrow",
        "mean field",
    ]
    assert exact.name == "exact (Bethe ansatz)"
    assert exact.measures["energy"] == (-8.0,)
    assert mean_field.measures["energy"][0] == pytest.approx(-4.0)
    for line in (state, jastrow):
        energies, bars, errors = (
            line.measures[name] for name in ("energy", "error bar", "relative error")
        )
        assert len(energies) == 2
        for energy, bar, error in zip(energies, bars, errors, strict=True):
            assert -8 - 5 * bar - 1e-9 <= energy < -7
            assert error == pytest.approx((energy + 8) / 8)
        assert set(report.measures) == set(line.measures)
    # Numbers, files and pictures of a run; the last epoch is kept.
    folder = run.folder / "classical-seed0"
    rows = np.genfromtxt(folder / "metrics.csv", delimiter=",", names=True)
    assert rows.dtype.names == (
        *("epoch", "step", "energy", "error", "variance", "v_score", "acceptance"),
        *("r_hat", "learning_rate", "failed_steps"),
    )
    assert rows["step"].tolist() == [4, 8, 12]
    assert json.loads((folder / "result.json").read_text())["best_epoch"] == 2
    names = {path.stem for path in run.folder.glob("*.png")}
    assert names == {
        *("curves", "descent", "zero-variance", "correlators", "structure-factor"),
    }
    # Of the seeds the lower energy.
    best = min((0, 1), key=lambda seed: state.measures["energy"][seed])
    assert run.best_seed() == best
    found = sample(run, 50, out=tmp_path / "bits.npz")
    bits = np.load(tmp_path / "bits.npz")["samples"]
    assert bits.shape == (50, 4)
    assert (bits.sum(1) == 2).all()
    assert found.floor == {"energy": -8.0}
    assert found.measures["energy"] == pytest.approx(-8, abs=1)
    assert (tmp_path / "bits.png").exists()
    # Finished trainings are read, not trained again.
    assert carry_on(run).lines == report.lines


def content(run: Run, name: str = "last.ckpt") -> dict[str, Any]:
    folder = run.fit_folder("classical", 0)
    found: dict[str, Any] = torch.load(folder / name, weights_only=True)
    return found


def flat(value: Any) -> list[Any]:
    """All numbers of a checkpoint, so that they can be compared one by one."""
    if isinstance(value, Tensor):
        return [value.tolist()]
    if isinstance(value, dict):
        return [x for name in value for x in (name, *flat(value[name]))]
    if isinstance(value, list | tuple):
        return [x for each in value for x in flat(each)]
    return [value]


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("descent", ["sr", "adam"])
def test_interrupted_within_an_epoch_a_run_ends_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, descent: str
) -> None:
    recipe: dict[str, Any] = {"descent": descent}
    if descent == "sr":
        recipe["momentum"] = 0.5
    options = asked(
        recipe,
        twin=False,
        training=TrainingOptions(epochs=2, **CPU, checkpoint_every=1),
    )
    whole = begin(options, runs_dir=tmp_path, name="whole")
    carry_on(whole)
    cut = begin(options, runs_dir=tmp_path, name="cut")
    step, steps = VariationalMonteCarlo.step, 0

    def interrupted(self: VariationalMonteCarlo) -> Any:
        nonlocal steps
        steps += 1
        if steps in (3, 7):
            raise KeyboardInterrupt
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(VariationalMonteCarlo, "step", interrupted)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                carry_on(cut)
    carry_on(cut)
    one, other = content(whole), content(cut)
    for part in ("state_dict", "optimizer_states", "global_step", "epoch"):
        assert flat(one[part]) == flat(other[part])
    kept = one["optimizer_states"][0]
    assert {"state", "sampler", "descent", "steps_done", "before"} <= set(kept)
    assert {"spins", "generator"} <= set(kept["sampler"])
    for name in ("metrics.csv",):
        texts = [
            (run.fit_folder("classical", 0) / name).read_text() for run in (whole, cut)
        ]
        assert texts[0] == texts[1]
    fits = [run.read_fit("classical", 0) for run in (whole, cut)]
    assert fits[0] is not None
    assert fits[1] is not None
    assert fits[0].measures == fits[1].measures


def test_summed_states_have_no_noise() -> None:
    problem = Problem.named("transverse_ising", size=4, h=0.7)
    torch.manual_seed(0)
    state = neural_state(problem, alpha=1).double()
    recipe = GroundState(
        state, problem, TrainingOptions(epochs=6, learning_rate=0.1, **CPU),
        sampler="full", steps=10,
    )  # fmt: skip
    assert recipe.columns[:4] == ("energy", "error", "variance", "v_score")
    assert not {"acceptance", "r_hat"} & set(recipe.columns)
    found = fit(state, problem, recipe=recipe)
    assert found.measures["error bar"] == 0
    assert found.measures["relative error"] < 5e-3
    assert 0.9 < found.measures["fidelity"] < 1
    assert found.history[-1]["error"] == 0
    assert found.history[-1]["energy"] < found.history[0]["energy"]


class Faulty(nn.Module):
    """Gives numbers until it is told to give none."""

    broken = False

    def __init__(self, num_sites: int) -> None:
        super().__init__()
        self.linear = nn.Linear(num_sites, 1)

    def forward(self, spins: Tensor) -> Tensor:
        log: Tensor = self.linear(spins)
        return log * math.nan if Faulty.broken else log


def test_what_cannot_go_on_says_where_its_last_checkpoint_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = f"{__name__}.Faulty"
    options = asked({"steps": 10}, model=Spec(path), twin=False)
    run = begin(options, runs_dir=tmp_path)
    step = VariationalMonteCarlo.step

    def breaking(self: VariationalMonteCarlo) -> Any:
        monkeypatch.setattr(Faulty, "broken", self.steps_done >= 6)
        return step(self)

    monkeypatch.setattr(VariationalMonteCarlo, "step", breaking)
    with pytest.raises(RunError, match="times in a row") as caught:
        carry_on(run)
    last = run.fit_folder("classical", 0) / "last.ckpt"
    assert f"the last good checkpoint is {last}" in caught.value.__notes__
    assert "step 7: taken back: local energies are no numbers" in caplog.text
    rows = (run.fit_folder("classical", 0) / "metrics.csv").read_text().splitlines()
    # Epochs without a good step keep the energy of the last.
    energies = [row.split(",")[2] for row in rows[1:]]
    assert energies[0] == energies[1]
    assert last.exists()


def test_failed_steps_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem.named("heisenberg", size=4)
    torch.manual_seed(0)
    state = neural_state(problem, alpha=1).double()
    step = VariationalMonteCarlo.step

    def sometimes(self: VariationalMonteCarlo) -> Any:
        monkeypatch.setattr(Faulty, "broken", self.steps_done % 4 == 2)
        return step(self)

    wrapped = Faulty(4).double()
    monkeypatch.setattr(VariationalMonteCarlo, "step", sometimes)
    both = Multiplied([state, ModuleState(wrapped, 4)])
    recipe = GroundState(both, problem, TRAINING, **FEW)
    found = fit(both, problem, recipe=recipe)
    assert [row["failed_steps"] for row in found.history] == [1, 1, 1]
    assert all(math.isfinite(row["energy"]) for row in found.history)


def test_options_reach_the_descent() -> None:
    problem = Problem.named("heisenberg", size=4)

    def made(rate: float = 0.1, **options: Any) -> VariationalMonteCarlo:
        training = TrainingOptions(epochs=3, learning_rate=rate, **CPU)
        recipe = GroundState(RBMState(4), problem, training, **options)
        return recipe._monte_carlo(0)

    found = made(0.03, shift=0.5, momentum=0.4, solver="minsr", steps=7, samples=30)
    descent = found.descent
    assert isinstance(descent, StochasticReconfiguration)
    numbers = (descent.learning_rate, descent.shift, descent.momentum, descent.steps)
    assert numbers == (0.03, 0.5, 0.4, 21)
    assert descent.solver == "minsr"
    assert len(found.sampler.sample(found.state).spins) == 30
    adam = made(descent="adam").descent
    assert isinstance(adam, GradientDescent)
    assert adam.learning_rate == GradientDescent(RBMState(4)).learning_rate
    assert made(0.03, descent="adam").descent.learning_rate == 0.03


@pytest.mark.parametrize("layers", [1, 3])
def test_the_twin_of_a_circuit_is_an_rbm_of_as_many_parameters(layers: int) -> None:
    options = asked(model=Spec("nqs", state="circuit", layers=layers))
    task = Task.of(options, Problem.named("heisenberg", size=4))
    circuit, twin, jastrow = (
        task.build(kind, 0) for kind in ("quantum", "twin", "jastrow")
    )
    assert task.kinds(circuit) == ("quantum", "twin", "jastrow")
    assert isinstance(twin, RBMState)
    assert _real_parameters(twin) == pytest.approx(_real_parameters(circuit), abs=4)
    assert task.kinds(jastrow) == ("classical",)


def test_complex_states_are_in_double_precision() -> None:
    options = asked(model=Spec("nqs", alpha=1, amplitudes="complex"))
    task = Task.of(options, Problem.named("heisenberg", size=4))
    parameters = task.build("classical", 0).parameters()
    assert {each.dtype for each in parameters} == {torch.complex128}


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            asked(training=TrainingOptions(batch_size=7)),
            ArgumentError,
            "batch_size: 'nqs' has no such option",
        ),
        (
            asked(training=TrainingOptions(precision="bf16-mixed")),
            ArgumentError,
            "precision: ground states need 32-true or 64-true",
        ),
        (asked({"shift": 0.1, "descent": "adam"}), ArgumentError, "shift: 'adam' has"),
        (asked({"descent": "adm"}), ArgumentError, "descent: expected"),
        (asked({"sampler": "autoregressive"}), ArgumentError, "sample themselves"),
        (asked({"samples": 10**9}), MemoryBoundError, "1,000,000,000 configurations"),
        (
            asked({"samples": 10**6, "chains": 10}, model=Spec("nqs", alpha=10**5)),
            MemoryBoundError,
            "1,000,000 rows of derivatives by 500,001 parameters need",
        ),
        (asked(model=Spec("quanvolution")), ArgumentError, "reads images, got the Ham"),
        (asked(model=Spec("auto")), ArgumentError, "images and tables, got .* 'nqs'"),
        (asked(data=DataOptions()), ArgumentError, "'nqs' reads Hamiltonians, got"),
        (
            asked(data=DataOptions(source=Spec("heisenberg", size=4), limit=3)),
            ArgumentError,
            "limit: Hamiltonians have no such option, got 3",
        ),
        (
            asked(data=DataOptions(source=Spec("heisenbrg", size=4))),
            ArgumentError,
            r"did you mean 'heisenberg'\?",
        ),
        (
            RunOptions(
                data=DataOptions(source=Spec("heisenberg", size=4)),
                model=Spec("torch.nn.Identity"),
                recipe=Spec("regression"),
            ),
            ArgumentError,
            "data: the recipe Regression learns from a Dataset, got the Problem",
        ),
    ],
)
def test_what_does_not_fit_is_told_before_a_folder_is_made(
    tmp_path: Path, options: RunOptions, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        begin(options, runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_steps_can_be_resumed_within_an_epoch() -> None:
    steps = Steps(3)
    epoch = iter(steps)
    assert [next(epoch), next(epoch)] == [0, 1]
    other = Steps(3)
    other.load_state_dict(steps.state_dict())
    assert [[*other], [*other]] == [[2], [0, 1, 2]]
    done = Steps(3)
    done.load_state_dict(other.state_dict())
    assert [*done] == [0, 1, 2]
    with pytest.raises(RunError, match="made with 3 to an epoch, got 4"):
        Steps(4).load_state_dict(steps.state_dict())


def test_models_of_ones_own_are_states() -> None:
    with pytest.raises(ArgumentError, match="NeuralState, got Linear; wrap"):
        GroundState(nn.Linear(4, 1), Problem.named("heisenberg", size=4), TRAINING)
