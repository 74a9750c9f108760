"""A variational autoencoder of digits: with a circuit, with a tanh layer, and plain.

Each is trained alike, in an ordinary loop, with three seeds: about a minute in all.
`python examples/vae.py FOLDER` also writes its pictures there; with `--full` it trains
five seeds to the end, which takes a few minutes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from qml_qdl.data import load, split
from qml_qdl.models import QuantumVAE
from qml_qdl.training.statistics import summarise

LATENT = 5
"""Latent variables and wires; two layers then have as many weights as tanh units."""

PIXELS = 64

MODELS: Mapping[str, Callable[[], QuantumVAE]] = {
    "quantum latent": lambda: QuantumVAE(PIXELS, LATENT),
    "its classical twin": lambda: QuantumVAE(PIXELS, LATENT).classical_twin(),
    "quantum decoder": lambda: QuantumVAE(
        PIXELS, LATENT, latent="classical", decoder="quantum"
    ),
    "its twin": lambda: QuantumVAE(
        PIXELS, LATENT, latent="classical", decoder="quantum"
    ).classical_twin(),
    "plain VAE": lambda: QuantumVAE(PIXELS, LATENT, latent="classical"),
}
"""Networks with a circuit, each followed by its twin of as many weights; and the same
network with nothing in the circuit's place."""


def digits() -> tuple[Tensor, Tensor]:
    """Training and test images, each one row of pixels, black or white.

    Of bits the ELBO bounds a true log-likelihood; for shades of grey the least possible
    cross-entropy is already half of what the mean image has.
    """
    parts = split(load("digits"), seed=0)
    train, test = (
        (torch.tensor(part.inputs).reshape(-1, PIXELS) > 0.5).float()
        for part in (parts.train, parts.test)
    )
    return train, test


def train(model: QuantumVAE, images: Tensor, steps: int, seed: int) -> list[float]:
    """Minimises −ELBO.

    Returns it on a batch of 64 images before the first step and after each.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(seed)

    def loss() -> Tensor:
        rows = torch.randint(len(images), (64,), generator=generator)
        return model.loss(images[rows], generator=generator)

    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        value = loss()
        losses.append(float(value.detach()))
        torch.autograd.backward([value])
        optimiser.step()
    with torch.no_grad():
        return [*losses, float(loss())]


Row = tuple[float, float, float]
"""Reconstruction loss and KL in nats, and the squared error of an image."""


@torch.no_grad()
def scores(model: QuantumVAE, images: Tensor, samples: int = 10) -> Row:
    """Means over images and over samples of the latent variables."""
    generator = torch.Generator().manual_seed(0)
    many = images.repeat(samples, 1)
    error, divergence = model.terms(many, generator=generator)
    rebuilt = model.decode(model.encode(images)[0])
    squares = (rebuilt - images).square().sum(1).mean()
    return float(error.mean()), float(divergence.mean()), float(squares)


def baselines(images: Tensor, test: Tensor) -> dict[str, Row]:
    """The mean image, and PCA, whose five numbers are free of charge."""
    pca = PCA(LATENT).fit(images.numpy())
    projected = pca.inverse_transform(pca.transform(test.numpy()))
    rebuilt = {
        "mean image": images.mean(0).clamp(0.001, 0.999).expand_as(test),
        "PCA": torch.as_tensor(projected, dtype=test.dtype).clamp(0.01, 0.99),
    }
    rows: dict[str, Row] = {}
    for name, made in rebuilt.items():
        error = binary_cross_entropy(made, test, reduction="none").sum(1).mean()
        squares = (made - test).square().sum(1).mean()
        # PCA has no distribution of its numbers, so no cost of sending them.
        cost = 0.0 if name == "mean image" else float("nan")
        rows[name] = (float(error), cost, float(squares))
    return rows


def print_table(rows: Mapping[str, Sequence[Row]]) -> None:
    """Means, and standard deviations where there are several seeds."""
    titles = ("ELBO", "reconstruction", "KL", "squared error")
    print(f"{'':20}" + "".join(f"{title:>16}" for title in titles))
    for name, found in rows.items():
        columns = zip(*((-row[0] - row[1], *row) for row in found), strict=True)
        cells = [
            "–" if any(map(math.isnan, column)) else summarise(column).text(2)
            for column in columns
        ]
        print(f"{name:20}" + "".join(f"{cell:>16}" for cell in cells))


@torch.no_grad()
def walk(model: QuantumVAE, reach: float = 2.5, places: int = 9) -> Tensor:
    """Images along each latent variable, the others at zero: (latent, places, 64)."""
    latent = torch.zeros(LATENT, places, LATENT)
    for variable in range(LATENT):
        latent[variable, :, variable] = torch.linspace(-reach, reach, places)
    return model.decode(latent.reshape(-1, LATENT)).reshape(LATENT, places, -1)


def plot_losses(losses: Mapping[str, Sequence[float]], mean_image: float) -> Figure:
    """Loss over steps."""
    figure = Figure(figsize=(5.5, 3.5), layout="constrained")
    axes = figure.subplots()
    for name, values in losses.items():
        axes.plot(values, label=name, linewidth=1)
    axes.axhline(mean_image, color="grey", linestyle=":", label="mean image")
    axes.set_xlabel("step")
    axes.set_ylabel("−ELBO of a batch, nats")
    axes.legend(fontsize="small")
    return figure


def plot_grid(rows: Sequence[Tensor], names: Sequence[str]) -> Figure:
    """Rows of images with their names."""
    figure = Figure(figsize=(9, 0.85 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(rows[0]))
    for line, images, name in zip(grid, rows, names, strict=True):
        for axes, image in zip(line, images, strict=True):
            axes.imshow(image.reshape(8, 8).numpy(), cmap="gray", vmin=0, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def draw(
    folder: Path,
    models: Mapping[str, QuantumVAE],
    losses: Mapping[str, Sequence[float]],
    test: Tensor,
    mean_image: float,
) -> None:
    """Writes all pictures."""
    plot_losses(losses, mean_image).savefig(folder / "vae-losses.png", dpi=120)
    shown = test[:12]
    rebuilt, samples = [shown], []
    with torch.no_grad():
        for model in models.values():
            rebuilt.append(model.decode(model.encode(shown)[0]))
            generator = torch.Generator().manual_seed(0)
            samples.append(model.sample(12, generator=generator))
    plot_grid(rebuilt, ["test images", *models]).savefig(
        folder / "vae-reconstructions.png", dpi=120
    )
    plot_grid(samples, list(models)).savefig(folder / "vae-samples.png", dpi=120)
    names = [f"z{k + 1}" for k in range(LATENT)]
    plot_grid(list(walk(models["quantum latent"])), names).savefig(
        folder / "vae-latent-walk.png", dpi=120
    )


def main(
    folder: Path | None = None, steps: int = 600, seeds: int = 3
) -> dict[str, list[float]]:
    """Runs all of it and returns the losses of the first seed."""
    images, test = digits()
    table = {name: [row] for name, row in baselines(images, test).items()}
    losses: dict[str, list[float]] = {}
    models: dict[str, QuantumVAE] = {}
    for name, make in MODELS.items():
        runs = []
        for seed in range(seeds):
            torch.manual_seed(seed)
            model = make()
            runs.append((model, train(model, images, steps, seed)))
        table[name] = [scores(model, test) for model, _ in runs]
        models[name], losses[name] = runs[0]
    weights = {sum(w.numel() for w in model.parameters()) for model in models.values()}
    print(
        f"Weights of the networks: {sorted(weights)}; {steps} steps, {seeds} seeds; in "
        f"nats, of {len(test)} test images:"
    )
    print_table(table)

    if folder is not None:
        draw(folder, models, losses, test, table["mean image"][0][0])
    return losses


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--full"]
    folder = Path(arguments[0]) if arguments else None
    if "--full" in sys.argv:
        main(folder, steps=3000, seeds=5)
    else:
        main(folder)
