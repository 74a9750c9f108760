"""Generative trainings: two players, averages, exact resumption, and NaN."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.data import Dataset, Dequantiser, all_bits, load, split
from qml_qdl.models import AutoregressiveNetwork
from qml_qdl.models.classical_generators import DistributionTable
from qml_qdl.training import (
    DataOptions,
    DensityEstimation,
    Fit,
    Likelihood,
    RunOptions,
    Spec,
    Task,
    TrainingOptions,
    fit,
)
from qml_qdl.training.checkpoints import read_checkpoint
from qml_qdl.training.recipes.adversarial import AdversarialRecipe

EPOCHS = 3
QUICK = TrainingOptions(
    epochs=EPOCHS, batch_size=16, learning_rate=0.05, accelerator="cpu"
)


def images() -> Dataset:
    generator = np.random.default_rng(0)
    pixels = generator.random((100, 1, 2, 4)) ** 2
    return Dataset(pixels, np.arange(100) % 2, "ab")


def task(kind: str, **changes: Any) -> Task:
    spec = Spec(kind, layers=1) if kind == "patch_gan" else Spec(kind)
    options = RunOptions(
        model=spec,
        data=DataOptions(validation_fraction=0.2),
        training=attrs.evolve(QUICK, **changes),
    )
    if kind == "distribution_gan":
        return Task.of(options, load("log_normal").take(slice(0, 400)))
    if kind == "flow":
        table = images().inputs.reshape(100, 8)[:, :2]
        return Task.of(options, Dataset(table, np.arange(100) % 2, "ab"))
    return Task.of(options, images())


def train(kind: str, folder: Path, seed: int = 5, **changes: Any) -> Fit:
    made = task(kind, **changes)
    model = made.build("quantum", seed)
    return fit(
        model,
        made.split,
        recipe=made.learner(model),
        seed=3,
        folder=folder,
        resume=True,
    )


def interrupting(count: int, error: BaseException | None = None) -> Any:
    """Adam, whose so-manieth step raises."""
    step = torch.optim.Adam.step
    seen = 0

    def call(self: torch.optim.Adam, closure: Any = None) -> Any:
        nonlocal seen
        seen += 1
        if seen == count:
            raise error or KeyboardInterrupt
        return step(self, closure)

    return call


@pytest.mark.parametrize("kind", ["patch_gan", "vae", "flow"])
def test_an_interrupted_training_ends_as_if_it_had_not_been(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(kind, tmp_path / "whole", checkpoint_every=1)
    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", interrupting(12))
        with pytest.raises(KeyboardInterrupt):
            train(kind, tmp_path / "cut", checkpoint_every=1)
    # Other initial weights: all comes from the checkpoint.
    again = train(kind, tmp_path / "cut", seed=9, checkpoint_every=1)
    assert again.history == whole.history
    assert again.measures == whole.measures
    for name in ("last.ckpt", "best.ckpt"):
        one, two = (
            read_checkpoint(tmp_path / run / name)["state_dict"]
            for run in ("whole", "cut")
        )
        assert one.keys() == two.keys()
        for key, value in one.items():
            assert torch.equal(value, two[key]), key
    grids = [
        read_checkpoint(tmp_path / run / "last.ckpt")["grids"]
        for run in ("whole", "cut")
    ]
    assert grids[0].keys() == grids[1].keys()
    assert all(torch.equal(grids[0][epoch], grids[1][epoch]) for epoch in grids[0])
    metrics = [(tmp_path / run / "metrics.csv").read_text() for run in ("whole", "cut")]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("patch_gan", ["loss_d", "loss_g", "d_real", "d_generated", "val_frechet"]),
        ("distribution_gan", ["loss_d", "loss_g", "d_real", "d_generated", "val_kl"]),
        ("rbm", ["train_loss", "val_nll"]),
        ("born_machine", ["train_nll", "val_mmd", "val_kl"]),
        ("autoregressive", ["train_nll", "val_mmd", "val_kl"]),
        ("flow", ["train_nll", "val_nll"]),
    ],
)
def test_each_kind_writes_its_own_numbers(
    kind: str, columns: list[str], tmp_path: Path
) -> None:
    result = train(kind, tmp_path, epochs=2)
    header, *rows = (tmp_path / "metrics.csv").read_text().splitlines()
    assert header.split(",") == ["epoch", "step", *columns]
    assert len(rows) == len(result.history) == 2
    steps = 14 if kind == "distribution_gan" else 4
    assert [row["step"] for row in result.history] == [steps, 2 * steps]
    judged = [row[columns[-1]] for row in result.history]
    assert result.best_epoch == int(np.argmin(judged))
    assert result.merit == -min(judged)
    grids = read_checkpoint(tmp_path / "last.ckpt")["grids"]
    assert list(grids) == [0, 1, 2]
    assert not torch.equal(grids[0], grids[2])


def test_the_kept_weights_are_the_average_of_those_that_play(tmp_path: Path) -> None:
    made = task("patch_gan")
    learner = made.learner(made.build("quantum", 0))
    assert isinstance(learner, AdversarialRecipe)
    first = copy.deepcopy(learner.generator.state_dict())
    with torch.no_grad():
        for weight in learner.generator.parameters():
            weight.add_(1)
    learner._average(0.25)
    for name, mean in learner.model.state_dict().items():
        torch.testing.assert_close(mean, first[name] + 0.25)
    assert not any(weight.requires_grad for weight in learner.model.parameters())


def test_both_players_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[int] = []
    step = torch.optim.Adam.step

    def seen(self: torch.optim.Adam, closure: Any = None) -> Any:
        order.append(sum(w.numel() for g in self.param_groups for w in g["params"]))
        return step(self, closure)

    monkeypatch.setattr(torch.optim.Adam, "step", seen)
    train("patch_gan", tmp_path, epochs=1)
    discriminator, generator = order[:2]
    assert discriminator == 8 * 64 + 64 + 64 * 16 + 16 + 17
    assert generator == 5
    assert order == [discriminator, generator] * 4


def poisoned(count: int, value: float) -> Any:
    """A loss, whose so-manieth value is replaced."""
    from qml_qdl.models import generator_loss

    seen = 0

    def call(logits: torch.Tensor, *rest: Any) -> torch.Tensor:
        nonlocal seen
        seen += 1
        return generator_loss(logits, *rest) * (value if seen == count else 1)

    return call


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_training(
    value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "qml_qdl.training.recipes.adversarial.generator_loss"
    with monkeypatch.context() as patch:
        patch.setattr(place, poisoned(3, value))
        with pytest.raises(
            RunError, match=r"in step 3 \(epoch 1\).* no checkpoint yet"
        ):
            train("patch_gan", tmp_path)
    train("patch_gan", tmp_path, epochs=2)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.ckpt")}
    assert len(before) == 3  # the best, the last, and the one before it
    monkeypatch.setattr(place, poisoned(2, value))
    message = (
        rf"learning_rate: the loss is {value} in step 10 \(epoch 3\), training has "
        rf"diverged; try a smaller one .* checkpoint is {tmp_path / 'last.ckpt'}"
    )
    with pytest.raises(RunError, match=message):
        train("patch_gan", tmp_path, epochs=3)
    assert {path: path.read_bytes() for path in tmp_path.glob("*.ckpt")} == before


@pytest.mark.parametrize("kind", ["vae", "classifier"])
def test_weights_that_are_no_numbers_are_not_saved(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = torch.optim.Adam.step
    seen = 0

    def spoiling(self: torch.optim.Adam, closure: Any = None) -> Any:
        nonlocal seen
        seen += 1
        result = step(self, closure)
        if seen == 6:
            with torch.no_grad():
                self.param_groups[0]["params"][0].view(-1)[0] = torch.nan
        return result

    def run() -> None:
        if kind == "vae":
            train(kind, tmp_path, checkpoint_every=1)
            return
        options = TrainingOptions(
            epochs=3, batch_size=16, checkpoint_every=1, accelerator="cpu"
        )
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8, 2))
        fit(model, split(images()), options, folder=tmp_path, resume=True)

    monkeypatch.setattr(torch.optim.Adam, "step", spoiling)
    with pytest.raises(RunError, match=r"the weight .* is not finite .*last\.ckpt"):
        run()
    kept = read_checkpoint(tmp_path / "last.ckpt")
    assert kept["global_step"] == 5
    assert all(v.isfinite().all() for v in kept["state_dict"].values())


def test_many_bits_need_no_table(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = Dataset(random.integers(0, 2, (80, 16)), np.arange(80) % 2, "ab")
    options = RunOptions(model=Spec("autoregressive", width=2), training=QUICK)
    made = Task.of(options, rows)
    model = made.build("classical", 0)
    result = fit(model, made.split, recipe=made.learner(model), folder=tmp_path)
    part = torch.tensor(made.split.validation.inputs)
    assert isinstance(model, AutoregressiveNetwork)
    # Every row is another one: their histogram has the entropy ln(rows).
    expected = float(model.nll_loss(part).detach()) - math.log(len(part))
    assert result.history[result.best_epoch]["val_kl"] == pytest.approx(expected)
    test = torch.tensor(made.split.test.inputs)
    assert result.measures["NLL"] == pytest.approx(float(model.nll_loss(test).detach()))
    with pytest.raises(ArgumentError, match="up to 12 bits, got 16; give it log_prob"):
        Likelihood(DistributionTable(torch.arange(4)), made.split, QUICK)


def test_few_bits_are_judged_as_those_of_a_born_machine() -> None:
    made = task("autoregressive")
    model = made.build("classical", 0)
    learner = made.learner(model)
    rows = torch.tensor(made.split.validation.inputs)
    assert isinstance(model, AutoregressiveNetwork)

    class Listed(torch.nn.Module):
        def forward(self) -> torch.Tensor:
            chances: torch.Tensor = log_prob(all_bits(8)).exp()
            return chances

    log_prob = model.log_prob
    table = Likelihood(Listed(), made.split, QUICK)
    assert isinstance(learner, Likelihood)
    assert learner.judge(rows) == pytest.approx(table.judge(rows), abs=1e-6)
    losses = [float(each.nll(rows.flatten(1)).detach()) for each in (learner, table)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


class Spikes(torch.nn.Module):
    """Normal densities around two values, as narrow as one likes."""

    def __init__(self, values: torch.Tensor, width: float) -> None:
        super().__init__()
        self.values = values
        self.width = width

    def log_prob(self, rows: torch.Tensor) -> torch.Tensor:
        away = (rows - self.values) / self.width
        each = -away.square() / 2 - math.log(self.width * math.sqrt(2 * math.pi))
        return each.logsumexp(1) - math.log(2)


def test_values_that_repeat_have_a_bounded_likelihood() -> None:
    """No density is above one over the width of the noise; without noise it is."""
    word = np.arange(200) % 2.0
    parts = split(Dataset(word[:, None], word.astype(int), "ab"))
    rows = torch.tensor(parts.validation.inputs)
    values = rows.unique()
    bound = math.log(float(Dequantiser.fit(parts.train).widths))
    for width in (1, 0.5, 0.1, 1e-2, 1e-4):
        model = Spikes(values, width)
        learner = DensityEstimation(model, parts, QUICK)
        assert learner.judge(rows)["val_nll"] > bound
    assert float(learner.nll(rows)) < bound - 5


def test_a_density_has_log_prob() -> None:
    with pytest.raises(ArgumentError, match=r"models with log_prob\(rows\), got Distr"):
        DensityEstimation.check_model(DistributionTable(torch.arange(4)))
