"""A circuit learns to load a log-normal distribution, and the payoff of an option.

`python examples/gan_distribution.py FOLDER` also writes its picture there; with
`--full` it trains for 2,000 steps, which takes half a minute. Only samples of the
distribution are seen; all starts are random.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from attrs import define, field
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import softplus

from qml_qdl.circuits import HardwareEfficient
from qml_qdl.data import all_bits
from qml_qdl.metrics import kl_divergence, kolmogorov_smirnov, total_variation
from qml_qdl.models import EQUILIBRIUM, DistributionGenerator, slope_penalty

WIRES = 3
VALUES = torch.arange(2.0**WIRES)
STRIKE = 2
BATCH = 1024
ROWS = 500_000
"""Samples to learn from: their own mean payoff is about 0.2 % off."""

SHOWN = 10_000
"""Samples of the model and its baselines for the Kolmogorov-Smirnov statistic."""


def log_normal() -> Tensor:
    """Probabilities of a log-normal(1, 1) number, rounded, given that it is 0 to 7."""
    below = torch.special.ndtr((VALUES.double() + 0.5).log() - 1)
    probabilities = below.diff(prepend=below.new_zeros(1))
    normalised: Tensor = probabilities / probabilities.sum()
    return normalised.float()


def payoff(probabilities: Tensor) -> float:
    """E[max(x − 2, 0)]."""
    return float(probabilities @ (VALUES - STRIKE).clamp(min=0))


def normal(seen: Tensor) -> Tensor:
    """A normal density at each value, with the mean and the width of the samples."""
    mean = seen @ VALUES
    width = (seen @ (VALUES - mean).square()).sqrt()
    heights = torch.exp(-((VALUES - mean) / width).square() / 2)
    return heights / heights.sum()


def sampled(probabilities: Tensor, rows: int, random: torch.Generator) -> Tensor:
    """Samples, as indices of values."""
    return torch.multinomial(probabilities, rows, replacement=True, generator=random)


@define
class Game:
    """What a training leaves behind: the model has the mean of the last half's weights.

    The lists have one value for each step and one more for the end.
    """

    model: DistributionGenerator
    seen: Tensor
    entropy: list[float] = field(factory=list)
    loss_d: list[float] = field(factory=list)
    loss_g: list[float] = field(factory=list)
    on_real: list[float] = field(factory=list)
    on_generated: list[float] = field(factory=list)


def train(target: Tensor, steps: int, seed: int, penalty: float = 0.1) -> Game:
    """Plays the game for some steps with samples of the target."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    circuit = HardwareEfficient(
        WIRES, 3, rotations="RY", entangler="CZ", pattern="ring"
    )
    # Numbers as their bits, ±1: a network of the number itself is slow to see that
    # neighbours differ, and the generator's errors then swing from one to the next.
    bits = 2.0 * all_bits(WIRES) - 1
    generator = DistributionGenerator(circuit, bits, generator=random)
    discriminator = nn.Sequential(
        nn.Linear(WIRES, 32),
        nn.LeakyReLU(0.2),
        nn.Linear(32, 32),
        nn.LeakyReLU(0.2),
        nn.Linear(32, 1),
    )
    betas = (0.5, 0.9)
    of_g = torch.optim.Adam(generator.parameters(), lr=0.01, betas=betas)
    of_d = torch.optim.Adam(discriminator.parameters(), lr=0.01, betas=betas)
    schedules = [
        torch.optim.lr_scheduler.LinearLR(each, 1.0, 0.02, max(1, steps))
        for each in (of_g, of_d)
    ]
    samples = sampled(target, ROWS, random)
    seen = samples.bincount(minlength=len(VALUES)) / ROWS
    game = Game(copy.deepcopy(generator), seen)
    for step in range(steps + 1):
        rows = samples[torch.randint(ROWS, (BATCH,), generator=random)]
        real = bits[rows]
        probabilities = generator()
        chances = probabilities.detach()

        of_d.zero_grad()
        on_real = discriminator(real)
        on_values = discriminator(generator.values)[:, 0]
        # All values at once, each as likely as the generator says.
        loss_d = softplus(-on_real).mean() + chances @ softplus(on_values)
        total = loss_d + penalty * slope_penalty(discriminator, real)

        game.entropy.append(float(kl_divergence(target, chances)))
        game.loss_d.append(float(loss_d.detach()))
        game.loss_g.append(float(chances @ softplus(-on_values.detach())))
        game.on_real.append(float(on_real.detach().sigmoid().mean()))
        game.on_generated.append(float(chances @ on_values.detach().sigmoid()))
        if step == steps:
            break

        torch.autograd.backward([total])
        of_d.step()
        of_g.zero_grad()
        # `generator.loss(discriminator)`, without running the circuit again.
        likes = discriminator(generator.values)[:, 0]
        torch.autograd.backward([probabilities @ softplus(-likes)])
        of_g.step()
        for schedule in schedules:
            schedule.step()
        average(game.model, generator, step, steps // 2)
    return game


def average(kept: nn.Module, model: nn.Module, step: int, begin: int) -> None:
    """Moves kept weights to the mean of a model's weights since a step."""
    with torch.no_grad():
        pairs = zip(kept.parameters(), model.parameters(), strict=True)
        for mean, weight in pairs:
            mean.lerp_(weight, 1 / (max(0, step - begin) + 1))


def table(target: Tensor, rows: Mapping[str, Tensor]) -> None:
    """Prints how far distributions are from the target."""
    wanted = payoff(target)
    random = torch.Generator().manual_seed(99)
    real = VALUES[sampled(target, SHOWN, random)]
    print("              relative entropy  total variation     KS  payoff")
    for name, probabilities in rows.items():
        samples = VALUES[sampled(probabilities, SHOWN, random)]
        error = payoff(probabilities) / wanted - 1
        print(
            f"{name:14}{float(kl_divergence(target, probabilities)):16.5f} "
            f"{float(total_variation(target, probabilities)):16.4f} "
            f"{kolmogorov_smirnov(real, samples):6.4f} "
            f"{payoff(probabilities):7.4f}, {error:+.1%}"
        )


def draw(target: Tensor, rows: Mapping[str, Tensor], game: Game) -> Figure:
    figure = Figure(figsize=(10, 6), layout="constrained")
    grid = figure.subplots(2, 2)
    histogram, entropy, losses, shares = grid.flat
    bars = {"target": target, **rows}
    width = 0.8 / len(bars)
    for place, (name, probabilities) in enumerate(bars.items()):
        left = VALUES + (place - (len(bars) - 1) / 2) * width
        histogram.bar(left.numpy(), probabilities.numpy(), width, label=name)
    histogram.set_xlabel("value")
    histogram.set_ylabel("probability")
    entropy.semilogy(game.entropy, label="generator")
    entropy.set_ylabel("relative entropy")
    losses.plot(game.loss_d, label="discriminator")
    losses.plot(game.loss_g, label="generator")
    losses.axhline(EQUILIBRIUM, color="grey", linestyle=":", label="2 ln 2")
    losses.set_ylabel("loss")
    shares.plot(game.on_real, label="real")
    shares.plot(game.on_generated, label="generated")
    shares.set_ylim(0, 1)
    shares.set_ylabel("mean D(x)")
    for axes in grid.flat:
        axes.legend(fontsize="small")
    for axes in (entropy, losses, shares):
        axes.set_xlabel("step")
    return figure


def main(folder: Path | None = None, steps: int = 300) -> dict[str, list[float]]:
    """Runs all of it and returns the relative entropy of each step."""
    target = log_normal()
    game = train(target, steps, seed=0)
    with torch.no_grad():
        model = game.model()
    weights = sum(weight.numel() for weight in game.model.parameters())
    print(f"a generator of {weights} weights on {WIRES} wires, {steps} steps")
    # Model, floor and baselines know the same samples.
    rows = {
        "model": model,
        "data: floor": game.seen,
        "normal": normal(game.seen),
        "uniform": torch.full_like(target, 1 / len(target)),
    }
    print(f"payoff of the target: {payoff(target):.4f}")
    table(target, rows)
    if folder is not None:
        shown = {name: rows[name] for name in ("model", "uniform")}
        draw(target, shown, game).savefig(folder / "distribution.png", dpi=120)
    return {"relative entropy": game.entropy}


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--full"]
    main(
        Path(arguments[0]) if arguments else None,
        2000 if "--full" in sys.argv else 300,
    )
