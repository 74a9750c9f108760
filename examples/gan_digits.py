"""A patch generator learns to generate zeros; baselines; its images from a noisy
machine.

`python examples/gan_digits.py FOLDER` also writes its pictures there; with `--full` it
trains for 1,500 steps, which takes a few minutes. What makes it stay close to the data
however long it trains is the penalty on the discriminator's slope.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from attrs import define, field
from matplotlib.figure import Figure
from torch import Tensor, nn

from qml_qdl.data import load
from qml_qdl.metrics import Quality, frechet_distance, quality, trivial_baselines
from qml_qdl.models import (
    EQUILIBRIUM,
    PatchGenerator,
    discriminator_loss,
    generator_loss,
    slope_penalty,
)
from qml_qdl.models.patch_generator import Pixels
from qml_qdl.nn import set_target

BATCH = 32
NOISY = "aer:fake_torino"


def zeros() -> Tensor:
    """All zeros of the digits, (rows, 1, 8, 8), from 0 to 1."""
    digits = load("digits")
    return torch.tensor(digits.inputs[digits.labels == 0], dtype=torch.float32)


def halves(images: Tensor) -> tuple[Tensor, Tensor]:
    """Images to learn from, and as many others to measure against."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    first, second = images[order].chunk(2)
    return first, second


def classical_discriminator() -> nn.Module:
    """A small network that maps images to logits."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, 16),
        nn.LeakyReLU(0.2),
        nn.Linear(16, 1),
    )


@define
class Game:
    """What a training leaves behind.

    `model` has the average of the generator's weights. The lists have one value for
    each step and one more for the end; `grids` has images over time, `models` copies
    of the model.
    """

    model: PatchGenerator
    frechet: list[float] = field(factory=list)
    loss_d: list[float] = field(factory=list)
    loss_g: list[float] = field(factory=list)
    on_real: list[float] = field(factory=list)
    on_generated: list[float] = field(factory=list)
    grids: dict[int, Tensor] = field(factory=dict)
    models: dict[int, PatchGenerator] = field(factory=dict)


def average(kept: nn.Module, model: nn.Module, step: int, decay: float = 0.99) -> None:
    """Moves kept weights to those of a model: a plain mean first, then exponential."""
    share = max(1 - decay, 1 / (step + 1))
    with torch.no_grad():
        pairs = zip(kept.parameters(), model.parameters(), strict=True)
        for mean, weight in pairs:
            mean.lerp_(weight, share)


def train(
    real: Tensor,
    steps: int,
    seed: int,
    *,
    pixels: Pixels = "exponential",
    penalty: float = 1.0,
    keep: Sequence[int] = (),
) -> Game:
    """Plays the game for some steps, and keeps copies of the model at some of them."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    generator = PatchGenerator((8, 8), (2, 8), pixels=pixels, generator=random)
    discriminator = classical_discriminator()
    betas = (0.5, 0.9)
    of_g = torch.optim.Adam(generator.parameters(), lr=0.01, betas=betas)
    of_d = torch.optim.Adam(discriminator.parameters(), lr=0.005, betas=betas)
    game = Game(copy.deepcopy(generator))
    same_noise = generator.sample_noise(8, torch.Generator().manual_seed(0))
    for step in range(steps + 1):
        images = real[torch.randint(len(real), (BATCH,), generator=random)]
        fake = generator(generator.sample_noise(BATCH, random))

        of_d.zero_grad()
        logits = discriminator(images), discriminator(fake.detach())
        loss_d = discriminator_loss(*logits)
        total = loss_d + penalty * slope_penalty(discriminator, images)
        loss_g = generator_loss(discriminator(fake))

        game.frechet.append(frechet_distance(real, fake))
        game.loss_d.append(float(loss_d.detach()))
        game.loss_g.append(float(loss_g.detach()))
        for shares, logit in zip(
            (game.on_real, game.on_generated), logits, strict=True
        ):
            shares.append(float(logit.detach().sigmoid().mean()))
        if step % max(1, steps // 5) == 0:
            with torch.no_grad():
                game.grids[step] = game.model(same_noise)
        if step in keep:
            game.models[step] = copy.deepcopy(game.model)
        if step == steps:
            break

        torch.autograd.backward([total])
        of_d.step()
        of_g.zero_grad()
        torch.autograd.backward([generator_loss(discriminator(fake))])
        of_g.step()
        average(game.model, generator, step)
    return game


def measured(
    test: Tensor, model: PatchGenerator, samples: int, name: str = "model"
) -> Quality:
    """All measures of some of the model's images, against real ones."""
    random = torch.Generator().manual_seed(99)
    return quality(test, model.sample(samples, random), name)


def table(real: Tensor, test: Tensor, model: PatchGenerator) -> list[Quality]:
    """The model beside the floor and the baselines.

    All know the same real images and are measured against the same others. The floor
    has no more samples than there are images, and Fréchet distances shrink with their
    number: so all the others have as many.
    """
    random = torch.Generator().manual_seed(99)
    baselines = trivial_baselines(real, random, test=test, num_samples=len(real))
    return [measured(test, model, len(real)), *baselines]


def print_table(rows: Sequence[Quality]) -> None:
    print("                       Fréchet  diversity  precision  recall  coverage")
    for row in rows:
        print(
            f"{row.name:22} {row.frechet:7.2f} {row.diversity:10.2f} "
            f"{row.precision:10.1%} {row.recall:7.1%} {row.coverage:9.1%}"
        )


def on_machine(model: PatchGenerator, count: int, shots: int) -> tuple[Tensor, Tensor]:
    """Images of the same noise, exact and from a simulated machine with its errors."""
    noise = model.sample_noise(count, torch.Generator().manual_seed(1))
    noisy = set_target(copy.deepcopy(model), NOISY, shots=shots)
    with torch.no_grad():
        return model(noise), noisy(noise)


def plot_images(rows: Mapping[str, Tensor]) -> Figure:
    """Each row some images."""
    columns = min(len(images) for images in rows.values())
    figure = Figure(figsize=(columns, 1.1 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes, (name, images) in zip(grid, rows.items(), strict=True):
        for one, image in zip(axes, images, strict=False):
            one.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=1)
            one.set_xticks([])
            one.set_yticks([])
        axes[0].set_ylabel(name, fontsize="small")
    return figure


def plot_curves(game: Game) -> Figure:
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot(game.loss_d, label="discriminator")
    left.plot(game.loss_g, label="generator")
    left.axhline(EQUILIBRIUM, color="grey", linestyle=":", label="2 ln 2")
    left.set_ylabel("loss")
    middle.plot(game.on_real, label="real")
    middle.plot(game.on_generated, label="generated")
    middle.set_ylim(0, 1)
    middle.set_ylabel("mean D(x)")
    right.semilogy(game.frechet, label="a batch of the generator")
    right.set_ylabel("Fréchet distance")
    for axes in (left, middle, right):
        axes.set_xlabel("step")
        axes.legend(fontsize="small")
    return figure


def main(folder: Path | None = None, steps: int = 300) -> dict[str, list[float]]:
    """Runs all of it and returns the Fréchet distance of the batch of each step."""
    real, test = halves(zeros())
    game = train(real, steps, seed=0)
    weights = sum(weight.numel() for weight in game.model.parameters())
    print(
        f"{len(real)} zeros to learn from, {len(test)} to measure against, a generator "
        f"of {weights} weights, {steps} steps"
    )
    print_table(table(real, test, game.model))

    shots = 4096
    exact, noisy = on_machine(game.model, 8, shots)
    change = float((noisy - exact).abs().mean())
    print(f"on {NOISY} with {shots} shots pixels change by {change:.1%} of white")

    if folder is not None:
        rows = {f"step {step}": images for step, images in game.grids.items()}
        plot_images({**rows, "real": real[:8]}).savefig(folder / "zeros.png", dpi=120)
        pair = {"exact": exact, "noisy": noisy}
        plot_images(pair).savefig(folder / "machine.png", dpi=120)
        plot_curves(game).savefig(folder / "game.png", dpi=120)
    return {"Fréchet distance": game.frechet}


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--full"]
    main(
        Path(arguments[0]) if arguments else None,
        1500 if "--full" in sys.argv else 300,
    )
