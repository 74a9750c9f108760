"""Steerable networks: fields that turn with the picture, by any angle.

`python examples/steerable.py FOLDER` also writes its pictures there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.data import load, rotate_images
from qml_qdl.geometry import (
    FieldType,
    FourierNonlinearity,
    GatedNonlinearity,
    NormNonlinearity,
    SteerableClassifier,
    SteerableConv2d,
    turning_error,
)
from qml_qdl.nn.symmetry.equivariance import smooth_images

SIZES = (16, 24, 32, 48, 64)
"""Pixels of a side."""

FIELDS = FieldType.uniform(2, 2)
"""What stands between two layers."""

DOUBLE = torch.float64


def network(name: str, factor: float = 1.0) -> tuple[nn.Module, FieldType]:
    """One or two layers with random weights, and the fields that come out.

    With a factor the kernels are as large in the picture as on 16 × 16 pixels.
    """
    change: nn.Module | None = None
    kind = FIELDS
    if name == "gated":
        gated = GatedNonlinearity(FIELDS)
        change, kind = gated, gated.in_type
    elif name == "norm":
        change = NormNonlinearity(FIELDS, torch.tanh, None)
    elif name.startswith("Fourier"):
        change = FourierNonlinearity(FIELDS, int(name.split()[1]))
    generator = torch.Generator().manual_seed(1)
    lift = SteerableConv2d(
        FieldType({0: 1}), kind, 7, padding="same", dtype=DOUBLE, generator=generator
    )
    if change is None:
        return lift.rescaled(factor), kind
    conv = SteerableConv2d(
        FIELDS, FIELDS, 7, padding="same", dtype=DOUBLE, generator=generator
    )
    return nn.Sequential(lift.rescaled(factor), change, conv.rescaled(factor)), FIELDS


def law(sizes: Sequence[int], rows: int) -> dict[str, list[float]]:
    """The error against resolution, and its table."""
    print(f"{'':24}  {'  '.join(f'{n:>6}' for n in sizes)}")
    found: dict[str, list[float]] = {}
    for name in ("one layer", "norm", "gated", "Fourier 8", "Fourier 64"):
        for where in ("pixels", "picture"):
            row = []
            for n in sizes:
                factor = 1.0 if where == "pixels" else (n - 1) / (sizes[0] - 1)
                layers, kind = network(name, factor)
                row.append(turning_error(layers, kind, n, rows=rows, dtype=DOUBLE))
            label = f"{name}, {where}"
            found[label] = row
            print(f"{label:24}  {'  '.join(f'{v:6.2%}' for v in row)}", flush=True)
    return found


def plot_law(found: Mapping[str, Sequence[float]], sizes: Sequence[int]) -> Figure:
    """Error over resolution: kernels fixed in pixels, dashed in the picture's units."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    colours: dict[str, str] = {}
    for label, values in found.items():
        name, where = label.rsplit(", ", 1)
        colour = colours.setdefault(name, f"C{len(colours)}")
        solid = where == "pixels"
        axes.plot(
            sizes,
            [max(value, 1e-6) for value in values],
            "o-" if solid else "x--",
            color=colour,
            label=name if solid else None,
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes, [str(n) for n in sizes], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("pixels of a side")
    axes.set_ylabel("error of turning, relative")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", title="— pixels, - - picture")
    return figure


def plot_turning(size: int = 65) -> Figure:
    """A picture in three positions, and a field of order 1 and one of order 2 of it."""
    generator = torch.Generator().manual_seed(1)
    kind = FieldType({0: 1, 1: 1, 2: 1})
    layer = SteerableConv2d(
        FieldType({0: 1}), kind, 7, padding="same", generator=generator
    ).rescaled(4)
    figure = Figure(figsize=(7, 7), layout="constrained")
    axes = figure.subplots(3, 3)
    step = size // 16
    for column, degrees in enumerate((0, 40, 80)):
        seeded = torch.Generator().manual_seed(6)
        picture = smooth_images(
            1, 1, size, angle=math.radians(degrees), generator=seeded
        )
        with torch.no_grad():
            fields = layer(picture)[0]
        axes[0, column].imshow(picture[0, 0].numpy(), cmap="gray")
        axes[0, column].set_title(f"{degrees}°")
        for order in (1, 2):
            field = fields[order].numpy()
            place = axes[order, column]
            place.imshow(np.abs(field), cmap="viridis", vmin=0)
            # A field of order 2 is as long as its half angle points, either way.
            angle = np.angle(field[::step, ::step]) / order
            length = np.abs(field[::step, ::step])
            y, x = np.mgrid[0:size:step, 0:size:step]
            place.quiver(
                x,
                y,
                length * np.cos(angle),
                length * np.sin(angle),
                color="white",
                pivot="mid",
                scale=length.max() * 14,
                headwidth=3 if order == 1 else 0,
                headlength=4 if order == 1 else 0,
                headaxislength=4 if order == 1 else 0,
            )
            if column == 0:
                place.set_ylabel(f"order {order}")
    for place in axes.flat:
        place.set_xticks([])
        place.set_yticks([])
    return figure


def digits(seed: int, train: int = 500) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Upright digits on 14 × 14 pixels and labels, to train on and to test with."""
    data = load("rotated_digits")
    images = torch.tensor(data.inputs)
    rows = np.random.default_rng(seed).permutation(len(images))
    labels = torch.tensor(data.labels)
    first, rest = rows[:train], rows[train:]
    return images[first], labels[first], images[rest], labels[rest]


def turned(images: Tensor, degrees: float) -> Tensor:
    """Images turned counter-clockwise by cubic splines."""
    return torch.tensor(rotate_images(images.numpy(), degrees))


def train(model: nn.Module, images: Tensor, labels: Tensor, steps: int) -> list[float]:
    """Returns the loss of each batch before its step, and at last of all images."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps)
    losses: list[float] = []
    model.train()
    for _ in range(steps):
        rows = torch.randint(len(images), (50,))
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(images[rows]), labels[rows])
        losses.append(float(loss.detach()))
        torch.autograd.backward([loss])
        optimiser.step()
        cycle.step()
    with torch.no_grad():
        losses.append(float(functional.cross_entropy(model(images), labels)))
    model.eval()
    return losses


def at_angles(
    model: nn.Module, images: Tensor, labels: Tensor, angles: Sequence[int]
) -> list[float]:
    """The share of images that are recognised at each angle."""
    with torch.no_grad():
        return [
            float((model(turned(images, a)).argmax(1) == labels).float().mean())
            for a in angles
        ]


def plot_angles(found: Mapping[str, Sequence[float]], angles: Sequence[int]) -> Figure:
    """Accuracy around the circle."""
    figure = Figure(figsize=(5.5, 3.5), layout="constrained")
    axes = figure.subplots()
    for name, values in found.items():
        axes.plot(angles, values, "o-", label=name)
    axes.set_xticks(range(0, 361, 90))
    axes.set_xlabel("test images turned by, in degrees")
    axes.set_ylabel("accuracy")
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def models() -> dict[str, nn.Module]:
    """A steerable network and a plain one, with the seed's weights."""
    torch.manual_seed(0)
    return {
        "steerable": SteerableClassifier((1, 14, 14), 10),
        "plain CNN": nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 49, 10),
        ),
    }


def main(folder: Path | None = None, steps: int = 300) -> dict[str, list[float]]:
    """Runs all of it and returns the losses of the networks."""
    short = steps < 20
    sizes = SIZES[:2] if short else SIZES
    errors = law(sizes, 2 if short else 8)
    images, labels, test, wanted = digits(0)
    angles = range(0, 361, 90 if short else 15)
    if short:
        images, labels, test, wanted = (x[:100] for x in (images, labels, test, wanted))
    losses, found = {}, {}
    for name, model in models().items():
        losses[name] = train(model, images, labels, steps)
        found[name] = at_angles(model, test, wanted, angles)
        worst = min(found[name])
        print(f"{name}: upright {found[name][0]:.1%}, at the worst angle {worst:.1%}")
    if folder is not None:
        plot_turning().savefig(folder / "steerable-turning.png", dpi=120)
        plot_law(errors, sizes).savefig(folder / "steerable-law.png", dpi=120)
        plot_angles(found, angles).savefig(folder / "steerable-angles.png", dpi=120)
    return losses


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
