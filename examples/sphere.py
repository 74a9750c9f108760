"""Fields on the sphere: tilt a digit, and watch what is read of it stay where it was.

`python examples/sphere.py FOLDER` also writes its pictures there, in about a minute;
`tests/benchmarks/spherical_digits.py` trains in full, over several seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.data import SphereGrid, load, split
from qml_qdl.geometry import SphereClassifier, SphereNetwork

GRID = SphereGrid(16)
"""Where the digits are sampled: degrees up to 15."""

SHAPE = (1, *GRID.shape)

MODELS: Mapping[str, Callable[[], nn.Module]] = {
    "one circuit, degrees to 3": lambda: SphereClassifier(SHAPE, 10, circuits=1),
    "Clebsch-Gordan, degrees to 7": lambda: SphereNetwork(SHAPE, 10, width=4),
    "all pixels, linear": lambda: nn.Sequential(
        nn.Flatten(), nn.BatchNorm1d(GRID.nlat * GRID.nlon), nn.LazyLinear(10)
    ),
}
"""Two networks that do not mind tilts, and one that does."""


def tilted(images: Tensor, rotation: Any) -> Tensor:
    """Turns fields exactly, by their coefficients."""
    return torch.tensor(GRID.rotate(images[:, 0], rotation)[:, None]).float()


def train(
    model: nn.Module, images: Tensor, labels: Tensor, steps: int, seed: int = 0
) -> list[float]:
    """Returns the loss of each batch before its step, and at last of all images."""
    generator = torch.Generator().manual_seed(seed)
    model.train()
    model(images[:2])  # makes what is lazy
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.03, weight_decay=0.02)
    losses = []
    for _ in range(steps):
        rows = torch.randint(len(images), (50,), generator=generator)
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(images[rows]), labels[rows])
        losses.append(float(loss.detach()))
        torch.autograd.backward([loss])
        optimiser.step()
    with torch.no_grad():
        losses.append(float(functional.cross_entropy(model(images), labels)))
    model.eval()
    return losses


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of fields whose largest logit is the right one."""
    with torch.no_grad():
        return float((model(images).argmax(1) == labels).float().mean())


def plot_sphere(axes: Any, field: Any) -> None:
    """A field as colours of a sphere, the north pole towards the eye."""
    coefficients = GRID.analysis(field)
    fine = SphereGrid(31, 61, "equiangular-poles")
    values = np.concatenate([fine.synthesis(coefficients)] * 2, axis=1)[:, :62]
    angles = np.append(fine.longitudes, 2 * np.pi)
    theta = fine.colatitudes[:, None]
    x, y = np.sin(theta) * np.cos(angles), np.sin(theta) * np.sin(angles)
    colours = mpl.colormaps["magma"](np.clip(values, 0.1, 0.9))
    surface: dict[str, Any] = {"facecolors": colours, "rstride": 1, "cstride": 1}
    z = np.broadcast_to(np.cos(theta), x.shape)
    axes.plot_surface(x, y, z, shade=False, linewidth=0, **surface)
    axes.view_init(elev=60, azim=-90)
    axes.set_box_aspect((1, 1, 1), zoom=1.5)
    axes.set_axis_off()


def plot_tilts(
    model: SphereClassifier, image: Tensor, rotations: Sequence[Any]
) -> Figure:
    """One digit at several tilts, and below each what the circuit reads."""
    figure = Figure(figsize=(3 * len(rotations), 5), layout="constrained")
    views = [tilted(image[None], rotation) for rotation in rotations]
    with torch.no_grad():
        found = [model.features(view)[0].numpy() for view in views]
    for column, (view, numbers) in enumerate(zip(views, found, strict=True)):
        above = figure.add_subplot(2, len(rotations), column + 1, projection="3d")
        plot_sphere(above, view[0, 0].numpy())
        degrees = np.degrees(rotations[column].magnitude())
        above.set_title(f"turned by {degrees:.0f}°")
        below = figure.add_subplot(2, len(rotations), len(rotations) + column + 1)
        below.bar(range(len(numbers)), numbers)
        change = abs(numbers - found[0]).max()
        below.set_title(f"moved by {change:.0e}" if column else "what is read")
        below.set_xticks([])
    return figure


def plot_accuracies(curves: Mapping[str, Sequence[float]], angles: Any) -> Figure:
    """Accuracy over the angle by which all test digits are tilted."""
    figure = Figure(figsize=(5.5, 3.5), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(angles, curve, "o-", label=name)
    axes.set_xlabel("tilt about the x axis, in degrees")
    axes.set_ylabel("accuracy on test digits")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend(loc="center right", bbox_to_anchor=(1, 0.4))
    return figure


def main(folder: Path | None = None, steps: int = 120) -> dict[str, list[float]]:
    """Runs all of it and returns the losses of the networks."""
    parts = split(load("spherical_digits"), limit=500, seed=0)
    images, labels = torch.tensor(parts.train.inputs), torch.tensor(parts.train.labels)
    test, wanted = torch.tensor(parts.test.inputs), torch.tensor(parts.test.labels)

    angles = (0, 30, 60, 90, 180)
    losses: dict[str, list[float]] = {}
    curves: dict[str, list[float]] = {}
    models: dict[str, Any] = {}
    for name, make in MODELS.items():
        torch.manual_seed(0)
        models[name] = make()
        losses[name] = train(models[name], images, labels, steps)
        views = (
            tilted(test, Rotation.from_euler("x", angle, degrees=True))
            for angle in angles
        )
        curves[name] = [accuracy(models[name], view, wanted) for view in views]

    print(f"{'accuracy, tilted by':<30}" + "".join(f"{a:>7}°" for a in angles))
    for name, curve in curves.items():
        print(f"{name:<30}" + "".join(f"{share:>8.1%}" for share in curve))

    if folder is not None:
        first = models["one circuit, degrees to 3"]
        rotations = [
            Rotation.identity(),
            Rotation.from_euler("x", 40, degrees=True),
            Rotation.from_euler("zx", [100, 25], degrees=True),
        ]
        (number, *_) = np.flatnonzero(parts.test.labels == 3)
        plot_tilts(first, test[number], rotations).savefig(folder / "sphere.png")
        plot_accuracies(curves, angles).savefig(folder / "sphere-tilts.png", dpi=120)
    return losses


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
