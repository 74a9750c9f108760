"""A Born machine learns bars and stripes: a circuit whose measured bits are images.

`python examples/born_machine.py FOLDER` also writes its pictures there; with `--full`
it trains five seeds to the end, which takes two minutes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from qml_qdl.data import all_bits, frequencies
from qml_qdl.data.synthetic import bars_and_stripes
from qml_qdl.metrics import chow_liu_tree, kl_divergence, mmd
from qml_qdl.models import BornMachine, chow_liu_circuit
from qml_qdl.training.statistics import summarise

SIDE = 3
"""Rows and columns of an image; each pixel is a wire."""

LAYERS = 10
"""Layers of CNOT gates along the tree of pixels that depend on each other most."""

TREE = "tree of pixels"
"""The best of the baselines."""


def train(
    data: Tensor, steps: int, seed: int, layers: int = LAYERS
) -> tuple[BornMachine, list[float]]:
    """Minimises the MMD of exact probabilities by L-BFGS, ten iterations a step.

    Returns the machine, and the loss before the first step and after each.
    """
    machine = BornMachine(
        chow_liu_circuit(data, layers),
        generator=torch.Generator().manual_seed(seed),
        dtype=data.dtype,
        init_method="uniform",
    )
    wanted = frequencies(data, data.dtype)
    optimiser = torch.optim.LBFGS(
        machine.parameters(),
        max_iter=10,
        tolerance_grad=1e-10,
        tolerance_change=1e-14,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        optimiser.zero_grad()
        loss = mmd(machine(), wanted)
        torch.autograd.backward([loss])
        return float(loss.detach())

    losses = [float(optimiser.step(closure)) for _ in range(steps)]
    return machine, [*losses, closure()]


def independent_bits(data: Tensor) -> Tensor:
    """Each pixel sampled by itself, as often on as in the data."""
    bits, on = all_bits(data.shape[1], dtype=data.dtype), data.mean(0)
    return (bits * on + (1 - bits) * (1 - on)).prod(1)


def tree_of_pixels(data: Tensor) -> Tensor:
    """Each pixel sampled given its parent in the Chow-Liu tree."""
    bits = all_bits(data.shape[1], dtype=data.dtype)
    on = data[:, 0].mean()
    total = bits[:, 0] * on + (1 - bits[:, 0]) * (1 - on)
    for parent, child in chow_liu_tree(data):
        for value in (0, 1):
            on = data[data[:, parent] == value, child].mean()
            given = bits[:, child] * on + (1 - bits[:, child]) * (1 - on)
            here = bits[:, parent] == value
            total = torch.where(here, total * given, total)
    return total


def baselines(data: Tensor) -> dict[str, Tensor]:
    """Distributions that nobody had to train a circuit for, and the data's own.

    All are exact and of the same images, as the machine is: a histogram of sampled rows
    would be no floor beside them.
    """
    bits = data.shape[1]
    return {
        "uniform": torch.full((2**bits,), 0.5**bits, dtype=data.dtype),
        "independent bits": independent_bits(data),
        TREE: tree_of_pixels(data),
        "the data: floor": frequencies(data, data.dtype),
    }


Row = tuple[float, float, float]
"""MMD, KL(data ‖ model) in nats, and the probability of a valid image."""


def scores(probabilities: Tensor, data: Tensor) -> Row:
    """Measures the probabilities of all images."""
    wanted = frequencies(data, data.dtype)
    return (
        float(mmd(probabilities, wanted)),
        float(kl_divergence(wanted, probabilities)),
        float(probabilities[wanted > 0].sum()),
    )


def print_row(name: str, row: Sequence[float]) -> None:
    distance, entropy, valid = row
    print(f"{name:26}{distance:10.1e}{entropy:10.4f}{valid:10.2%}")


def print_table(table: Mapping[str, Row], machines: Sequence[str]) -> None:
    """All rows; for several machines also their mean, deviation and median."""
    print(f"{'':26}{'MMD':>10}{'KL':>10}{'valid':>10}")
    for name, row in table.items():
        print_row(name, row)
    if len(machines) > 1:
        columns = list(zip(*(table[name] for name in machines), strict=True))
        found = [summarise(column) for column in columns]
        deviations = [
            math.nan if each.deviation is None else each.deviation for each in found
        ]
        print_row("mean", [each.mean for each in found])
        print_row("standard deviation", deviations)
        print_row("median", [float(np.median(column)) for column in columns])


def plot_training(losses: Mapping[str, Sequence[float]], tree: float) -> Figure:
    """Loss over steps, and the best baseline's."""
    figure = Figure(figsize=(5.5, 3.5), layout="constrained")
    axes = figure.subplots()
    for name, values in losses.items():
        axes.semilogy(values, label=name)
    axes.axhline(tree, color="grey", linestyle=":", label=TREE)
    axes.set_xlabel("step of ten iterations")
    axes.set_ylabel("MMD")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def plot_samples(samples: Tensor, data: Tensor) -> Figure:
    """Samples as images; a red frame where one is neither bars nor stripes."""
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    figure.suptitle("Samples of the Born machine")
    for axes, sample in zip(figure.subplots(8, 16).flat, samples, strict=True):
        valid = bool((sample == data).all(1).any())
        axes.imshow(sample.reshape(SIDE, SIDE).numpy(), cmap="Blues", vmin=0, vmax=1.3)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color("lightgrey" if valid else "tab:red")
            spine.set_linewidth(1 if valid else 3)
    return figure


def plot_distribution(probabilities: Tensor, data: Tensor) -> Figure:
    """Probabilities of all images, in the order of the bits."""
    figure = Figure(figsize=(7, 2.8), layout="constrained")
    axes = figure.subplots()
    wanted = frequencies(data, data.dtype)
    axes.plot(wanted.numpy(), color="tab:orange", linewidth=3, label="data")
    axes.plot(probabilities.numpy(), color="tab:blue", label="Born machine")
    axes.set_xlabel("image, as a number")
    axes.set_ylabel("probability")
    axes.legend()
    return figure


def main(
    folder: Path | None = None, steps: int = 25, seeds: int = 1
) -> dict[str, list[float]]:
    """Runs all of it and returns the losses."""
    data = torch.as_tensor(bars_and_stripes(SIDE))
    print("CNOT gates lie along", chow_liu_tree(data))

    table = {name: scores(found, data) for name, found in baselines(data).items()}
    losses: dict[str, list[float]] = {}
    machines: list[BornMachine] = []
    for seed in range(seeds):
        name = f"Born machine, seed {seed}"
        machine, losses[name] = train(data, steps, seed)
        machines.append(machine)
        table[name] = scores(machine().detach(), data)
    print_table(table, list(losses))

    if folder is not None:
        figure = plot_training(losses, table[TREE][0])
        figure.savefig(folder / "born-losses.png", dpi=120)
        sampled = machines[0].sample(128, torch.Generator().manual_seed(0))
        plot_samples(sampled, data).savefig(folder / "born-samples.png", dpi=150)
        plot_distribution(machines[0]().detach(), data).savefig(
            folder / "born-distribution.png", dpi=120
        )
    return losses


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--full"]
    folder = Path(arguments[0]) if arguments else None
    if "--full" in sys.argv:
        main(folder, steps=200, seeds=5)
    else:
        main(folder)
