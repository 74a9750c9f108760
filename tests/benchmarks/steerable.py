"""Steerable networks on turned digits, beside a CNN and nearest neighbours.

    .venv/bin/python -m tests.benchmarks.steerable 5 40

trains on 500 upright images with so many seeds and epochs, tests on the other 1,297
upright, turned by 45° and by random angles, and prints mean ± standard deviation of the
sample, with the paired difference to the steerable network of norms. Each seed divides
the images anew; nothing is chosen by the test images.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import numpy as np
import torch
from attrs import frozen
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.data import load, rotate_images
from qml_qdl.geometry import SteerableClassifier
from qml_qdl.training.statistics import summarise

TRAINED_ON = 500
COPIES = range(0, 360, 15)
FIRST = "steerable, norms"


@frozen
class Task:
    """Upright images to train on, and views of others, with their labels."""

    images: Tensor
    labels: Tensor
    views: Mapping[str, Tensor]
    wanted: Tensor


def task(seed: int) -> Task:
    digits = load("rotated_digits")
    rows = np.random.default_rng(seed).permutation(len(digits))
    train, test = rows[:TRAINED_ON], rows[TRAINED_ON:]
    upright = digits.inputs[test]
    angles = np.random.default_rng(99).uniform(0, 360, len(digits))[test]
    views = {
        "upright": upright,
        "45°": rotate_images(upright, 45),
        "any angle": rotate_images(upright, angles),
    }
    return Task(
        torch.tensor(digits.inputs[train]),
        torch.tensor(digits.labels[train]),
        {name: torch.tensor(view) for name, view in views.items()},
        torch.tensor(digits.labels[test]),
    )


def cnn() -> nn.Module:
    """Two plain convolutions of about as many weights as the steerable network."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(32 * 49, 10),
    )


def turned_at_random(images: Tensor) -> Tensor:
    """Each image by an angle of its own, linearly interpolated."""
    angles = 2 * torch.pi * torch.rand(len(images))
    cos, sin, none = angles.cos(), angles.sin(), 0 * angles
    rows = [torch.stack([cos, -sin, none], 1), torch.stack([sin, cos, none], 1)]
    grid = functional.affine_grid(
        torch.stack(rows, 1), list(images.shape), align_corners=False
    )
    return functional.grid_sample(images, grid, align_corners=False)


def trained(
    model: nn.Module,
    task: Task,
    epochs: int,
    rate: float,
    change: Callable[[Tensor], Tensor] = lambda images: images,
) -> nn.Module:
    """Trains by AdamW with one cycle of the learning rate, in batches of 50."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    steps = epochs * (TRAINED_ON // 50)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(TRAINED_ON).split(50):
            optimiser.zero_grad()
            logits = model(change(task.images[rows]))
            torch.autograd.backward(
                [functional.cross_entropy(logits, task.labels[rows])]
            )
            optimiser.step()
            cycle.step()
    return model.eval()


def neighbours(task: Task) -> list[float]:
    """One nearest neighbour among 24 turned copies of each image."""
    copies = [rotate_images(task.images.numpy(), angle) for angle in COPIES]
    flat = np.concatenate(copies).reshape(len(COPIES) * TRAINED_ON, -1)
    near = KNeighborsClassifier(1).fit(flat, np.tile(task.labels, len(COPIES)))
    return [
        float(near.score(view.flatten(1).numpy(), task.wanted.numpy()))
        for view in task.views.values()
    ]


@torch.no_grad()
def accuracies(model: nn.Module, task: Task) -> list[float]:
    return [
        float((model(view).argmax(1) == task.wanted).float().mean())
        for view in task.views.values()
    ]


def models(epochs: int) -> dict[str, Callable[[Task], list[float]]]:
    """What is compared, by name."""

    def steerable(**options: str) -> Callable[[Task], list[float]]:
        def fit(task: Task) -> list[float]:
            model = SteerableClassifier((1, 14, 14), 10, **options)
            return accuracies(trained(model, task, epochs, 0.01), task)

        return fit

    return {
        FIRST: steerable(),
        "steerable, gated": steerable(nonlinearity="gated"),
        "steerable, Fourier": steerable(nonlinearity="fourier"),
        "CNN": lambda task: accuracies(trained(cnn(), task, 60, 5e-3), task),
        "CNN, turned copies": lambda task: accuracies(
            trained(cnn(), task, 150, 5e-3, turned_at_random), task
        ),
        "1-nearest of 24 copies": neighbours,
    }


def run(seeds: int, epochs: int, wanted: str = "") -> None:
    """Prints the table.

    Args:
        seeds: How many.
        epochs: Of each training of a steerable network.
        wanted: A part of the names of what is compared.
    """
    found: dict[str, list[list[float]]] = {}
    for name, fit in models(epochs).items():
        if wanted not in name:
            continue
        for seed in range(seeds):
            torch.manual_seed(seed)
            found.setdefault(name, []).append(fit(task(seed)))
            print(f"# {name}, seed {seed}: {found[name][-1]}", flush=True)
    for name, rows in found.items():
        cells = [summarise(c).text(percent=True) for c in zip(*rows, strict=True)]
        if name != FIRST and FIRST in found:
            pairs = zip(rows, found[FIRST], strict=True)
            paired = summarise(row[-1] - other[-1] for row, other in pairs)
            cells.append(f"({paired.text(percent=True)} to {FIRST})")
        print(f"{name:24}  {'  '.join(cells)}", flush=True)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:3]]
    run(*(numbers or [5, 40]), *sys.argv[3:4])
