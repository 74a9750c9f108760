"""Gauge fields: what circuits learn of links, whatever frames the sites are given.

`python examples/gauge.py FOLDER` also writes its pictures there, in a minute. Over five
seeds, and with more steps: `python -m tests.benchmarks.gauge_fields`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits import GaugeLattice
from qml_qdl.geometry import (
    GaugeRegressor,
    random_frames,
    transform_links,
    wilson_loops,
)
from qml_qdl.training.statistics import summarise

TORUS = GaugeLattice(2, 2)
"""Eight links: eight wires for U(1), and for SU(2) two at each of the four sites."""

SPREAD = {"u1": 0.8, "su2": 0.5}
"""How far links are from 1 in the frames in which all are trained."""

TASKS = {
    "u1": "cosine of the flux through two plaquettes",
    "su2": "mean of (½ tr)² over the plaquettes",
}


def fields(group: str, rows: int, seed: int, lattice: GaugeLattice = TORUS) -> Tensor:
    """Links about 1: phases, or quaternions."""
    generator = torch.Generator().manual_seed(seed)
    if group == "u1":
        noise = torch.randn(rows, lattice.num_links, generator=generator)
        return SPREAD[group] * noise
    noise = torch.randn(rows, lattice.num_links, 4, generator=generator)
    return functional.normalize(
        torch.tensor([1.0, 0, 0, 0]) + SPREAD[group] * noise, dim=-1
    )


def in_other_frames(group: str, links: Tensor, seed: int) -> Tensor:
    """The same fields after a random gauge transformation of each."""
    generator = torch.Generator().manual_seed(seed)
    frames = random_frames(TORUS, group, len(links), generator=generator)
    return transform_links(TORUS, links, frames)


def wanted(group: str, links: Tensor) -> Tensor:
    """What is learnt: see `TASKS`."""
    loops = wilson_loops(TORUS, links)[:, : len(TORUS.plaquettes)]
    if group == "u1":
        return (loops[:, :1] * loops[:, 1:2]).real
    return loops.square().mean(1, keepdim=True)


class Plain(nn.Module):
    """A network of one hidden layer on the numbers of all links."""

    def __init__(self, group: str, weights: int) -> None:
        super().__init__()
        self.group = group
        inputs = TORUS.num_links * (2 if group == "u1" else 4)
        hidden = max(1, round((weights - 1) / (inputs + 2)))
        self.network = nn.Sequential(
            nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, 1)
        )

    def forward(self, links: Tensor) -> Tensor:
        """(rows, 1)."""
        parts = [links.cos(), links.sin()] if self.group == "u1" else [links.flatten(1)]
        found: Tensor = self.network(torch.cat(parts, dim=1))
        return found


def count(model: nn.Module) -> int:
    """How many weights it has."""
    return sum(weight.numel() for weight in model.parameters())


def make(name: str, group: str) -> nn.Module:
    """A new network, all of about as many weights."""
    quantum = GaugeRegressor(TORUS, group)
    if name.startswith("circuit"):
        return quantum
    if name.startswith("link-covariant"):
        return quantum.classical_twin()
    return Plain(group, count(quantum))


NAMES = (
    "circuit",
    "link-covariant network",
    "plain network",
    "plain, random frames",
)


def train(
    model: nn.Module,
    group: str,
    links: Tensor,
    steps: int,
    seed: int,
    augmented: bool = False,
) -> list[float]:
    """Returns the loss of each batch before its step, and at last of all fields."""
    targets = wanted(group, links)
    rate = 0.1 if isinstance(model, GaugeRegressor) else 0.03
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for step in range(steps):
        rows = torch.randint(len(links), (32,), generator=generator)
        batch = links[rows]
        if augmented:
            batch = in_other_frames(group, batch, 1000 * seed + step)
        optimiser.zero_grad()
        loss = functional.mse_loss(model(batch), targets[rows])
        losses.append(float(loss.detach()))
        torch.autograd.backward([loss])
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return [*losses, float(functional.mse_loss(model(links), targets))]


def explained(model: Callable[[Tensor], Tensor], group: str, links: Tensor) -> float:
    """The share of the target's variance that is explained (R²)."""
    targets = wanted(group, links)
    with torch.no_grad():
        errors = functional.mse_loss(model(links), targets)
    return 1 - float(errors / targets.var(correction=0))


def least_squares(group: str, links: Tensor) -> Callable[[Tensor], Tensor]:
    """Linear regression on all Wilson loops and their products: nothing is trained."""

    def features(of: Tensor) -> Tensor:
        loops = wilson_loops(TORUS, of)
        numbers = torch.view_as_real(loops).flatten(1) if group == "u1" else loops
        numbers = torch.cat([torch.ones(len(of), 1), numbers], dim=1)
        first, second = torch.triu_indices(numbers.shape[1], numbers.shape[1])
        return numbers[:, first] * numbers[:, second]

    # Products such as cos² and sin² depend on one another: the least solution is taken.
    inverse = torch.linalg.pinv(features(links).double(), rcond=1e-10)
    solution = (inverse @ wanted(group, links).double()).float()
    return lambda of: features(of) @ solution


def measure(
    group: str, seeds: int, steps: int, rows: int = 400
) -> tuple[
    dict[str, list[tuple[float, float]]], dict[str, Any], dict[str, list[float]]
]:
    """Explained variances in the frames of training and in others, seed by seed.

    Returns them with the models and losses of the first seed.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    models: dict[str, Any] = {}
    losses: dict[str, list[float]] = {}
    for seed in range(seeds):
        links, test = fields(group, rows, 2 * seed), fields(group, 500, 2 * seed + 1)
        turned = in_other_frames(group, test, 2 * seed + 1)
        for name in ("regression on loops", *NAMES):
            torch.manual_seed(seed)
            if name in NAMES:
                model: Any = make(name, group)
                # Networks are quick, and need more steps.
                longer = steps * (4 if name != "circuit" else 1)
                augmented = name == "plain, random frames"
                history = train(model, group, links, longer, seed, augmented)
                losses.setdefault(name, history)
            else:
                model = least_squares(group, links)
            models.setdefault(name, model)
            cells = explained(model, group, test), explained(model, group, turned)
            found.setdefault(name, []).append(cells)
            if seeds > 1:
                text = f"{cells[0]:.2%}, in other frames {cells[1]:.2%}"
                print(f"{group}, seed {seed}, {name}: {text}", flush=True)
    return found, models, losses


def print_table(
    group: str, found: Mapping[str, Any], models: Mapping[str, Any]
) -> None:
    """The explained variance on 500 new fields, in both frames."""
    print(f"{group}: {TASKS[group]}")
    print(f"{'':24} {'weights':>7} {'own frames':>18} {'other frames':>18}")
    for name, pairs in found.items():
        weights = count(models[name]) if isinstance(models[name], nn.Module) else "–"
        texts = [
            summarise(list(column)).text(percent=True)
            for column in zip(*pairs, strict=True)
        ]
        print(f"{name:24} {weights:>7} {texts[0]:>18} {texts[1]:>18}", flush=True)


def plot_field(lattice: GaugeLattice, links: Tensor, axes: Any, title: str) -> None:
    """Phases as colours of links, fluxes as colours of plaquettes."""
    colours, scale = colormaps["twilight"], Normalize(-np.pi, np.pi)
    fluxes = wilson_loops(lattice, links[None])[0].angle()
    for square, flux in zip(lattice.plaquettes, fluxes.tolist(), strict=True):
        row, column, _ = lattice.links[square[0]]
        corner = (column + 0.15, -row - 0.85)
        box: Any = {"width": 0.7, "height": 0.7, "color": colours(scale(flux))}
        axes.add_patch(Rectangle(corner, **box))
        label: Any = {"ha": "center", "va": "center", "backgroundcolor": "white"}
        axes.text(column + 0.5, -row - 0.5, f"{flux:.2f}", **label)
    for (row, column, down), phase in zip(lattice.links, links.tolist(), strict=True):
        phase = (phase + np.pi) % (2 * np.pi) - np.pi
        ends = [column, column + 1 - down], [-row, -row - down]
        axes.plot(*ends, color=colours(scale(phase)), linewidth=5)
    rows, columns = np.divmod(np.arange(lattice.num_sites), lattice.columns)
    axes.plot(columns, -rows, "ko", markersize=5)
    axes.set_title(title)
    axes.set_aspect("equal")
    axes.axis("off")


def plot_transformation() -> Figure:
    """One field of U(1) before and after a gauge transformation."""
    lattice = GaugeLattice(3, 3, periodic=False)
    links = fields("u1", 1, 5, lattice)
    generator = torch.Generator().manual_seed(2)
    frames = random_frames(lattice, "u1", 1, generator=generator)
    turned = transform_links(lattice, links, frames)
    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_field(lattice, links[0], left, "a field: links, and fluxes within")
    plot_field(lattice, turned[0], right, "in other frames")
    return figure


def plot_outputs(models: Mapping[str, Any]) -> Figure:
    """What networks say of fields, over the flux, in both frames."""
    test = fields("u1", 300, 99)
    turned = in_other_frames("u1", test, 99)
    flux = wilson_loops(TORUS, test)[:, :2].prod(1).angle()
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    names = ("circuit", "plain network")
    for axes, name in zip(figure.subplots(1, 2, sharey=True), names, strict=True):
        line = torch.linspace(-torch.pi, torch.pi, 200)
        axes.plot(line, line.cos(), "k-", linewidth=1, label="cosine")
        for links, text, mark in (
            (test, "frames of training", "o"),
            (turned, "other frames", "x"),
        ):
            with torch.no_grad():
                said = models[name](links)[:, 0]
            axes.plot(flux, said, mark, markersize=4, alpha=0.7, label=text)
        axes.set_title(name)
        axes.set_xlabel("flux through two plaquettes")
        axes.set_ylim(-2, 2)
    figure.axes[0].set_ylabel("output")
    figure.axes[1].legend(fontsize="small")
    return figure


def main(folder: Path | None = None, steps: int = 100) -> dict[str, list[float]]:
    """Runs all of it and returns the losses of the circuits."""
    losses: dict[str, list[float]] = {}
    for group in TASKS:
        found, models, history = measure(group, 1, steps)
        print_table(group, found, models)
        losses[group] = history["circuit"]
        if group == "u1" and folder is not None:
            plot_outputs(models).savefig(folder / "gauge-outputs.png", dpi=120)
    if folder is not None:
        plot_transformation().savefig(folder / "gauge-field.png", dpi=120)
    return losses


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else None)
