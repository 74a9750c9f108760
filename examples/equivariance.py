"""Symmetry: turn the input and watch the output; learning curves; gradients.

`python examples/equivariance.py FOLDER` also writes its pictures there, in about a
minute; with `--full` it trains on 50 to 898 images with five seeds, which takes a
quarter of an hour.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits import (
    EquivariantProcessing,
    HardwareEfficient,
    invariant_readout,
    permutation_equivariant,
    twirl,
)
from qml_qdl.circuits.symmetry.named_groups import square_symmetries, symmetric_group
from qml_qdl.data import load, split
from qml_qdl.models import EquivariantClassifier
from qml_qdl.nn import QuantumConv2d, check_equivariance
from qml_qdl.nn.symmetry.collective import collective_magnetization
from qml_qdl.nn.symmetry.gradient_samples import gradient_samples
from qml_qdl.training.statistics import summarise

SHAPE = (1, 8, 8)
"""Channels, height and width of the digits."""


def plain(convolution: nn.Module, hidden: int = 123) -> nn.Module:
    """A network without symmetry, of as many weights as the p4 classifier."""
    return nn.Sequential(
        convolution,
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(4 * 7 * 7, hidden),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(hidden, 10),
    )


MODELS: Mapping[str, Callable[[], nn.Module]] = {
    "p4": lambda: EquivariantClassifier(SHAPE, 10, group="p4"),
    "plain": lambda: plain(QuantumConv2d(1, 4, 2)),
    "p4m": lambda: EquivariantClassifier(SHAPE, 10, group="p4m"),
    "p4, classical": lambda: EquivariantClassifier(SHAPE, 10).classical_twin(),
    "plain, classical": lambda: plain(nn.Sequential(nn.Conv2d(1, 4, 2), nn.Tanh())),
}
"""Quantum networks and their classical twins, by name."""


def digits(
    seed: int, count: int | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training images and labels, test images and labels: half of all digits each."""
    parts = split(
        load("digits"), test_fraction=0.5, validation_fraction=0.05, seed=seed
    )
    # The few images for validation are trained on too: nothing is chosen by them.
    halves = [
        np.concatenate(
            [getattr(part, kind) for part in (parts.train, parts.validation)]
        )
        for kind in ("inputs", "labels")
    ]
    images, labels = (torch.tensor(half) for half in halves)
    test = torch.tensor(parts.test.inputs), torch.tensor(parts.test.labels)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    chosen = order[: len(images) if count is None else count]
    return images[chosen], labels[chosen], *test


def turned(images: Tensor, seed: int) -> Tensor:
    """Each image turned by a random multiple of 90°."""
    generator = torch.Generator().manual_seed(seed)
    turns = torch.randint(4, (len(images),), generator=generator).tolist()
    pairs = zip(images, turns, strict=True)
    return torch.stack([image.rot90(k, (-2, -1)) for image, k in pairs])


def train(
    model: nn.Module, images: Tensor, labels: Tensor, steps: int, seed: int
) -> list[float]:
    """Returns the loss of each batch before its step, and at last of all images."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.02, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    losses, rows = [], torch.empty(0, dtype=torch.long)
    model.train()
    for _ in range(steps):
        if not len(rows):
            rows = torch.randperm(len(images), generator=generator)
        batch, rows = rows[:32], rows[32:]
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(images[batch]), labels[batch])
        losses.append(float(loss.detach()))
        torch.autograd.backward([loss])
        optimiser.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        return [*losses, float(functional.cross_entropy(model(images), labels))]


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images whose largest logit is the right one."""
    model.eval()
    with torch.no_grad():
        return float((model(images).argmax(1) == labels).float().mean())


def cells(
    name: str, seed: int, count: int, steps: int, trainings: int = 2
) -> tuple[list[float], list[float], nn.Module]:
    """Trains on upright, then on turned images; tests each on upright and on turned.

    Returns the accuracies, and losses and network of the training on upright images.
    """
    images, labels, test, wanted = digits(seed, count)
    found: list[float] = []
    kept: list[tuple[list[float], nn.Module]] = []
    for inputs in (images, turned(images, seed))[:trainings]:
        torch.manual_seed(seed)
        model = MODELS[name]()
        kept.append((train(model, inputs, labels, steps, seed), model))
        found += [accuracy(model, x, wanted) for x in (test, turned(test, seed + 1))]
    return found, *kept[0]


def show_twirling() -> None:
    """From a group to a circuit: the corners of a 2 × 2 image."""
    group = square_symmetries(2)
    print(f"XIII twirled over the {group.order} symmetries of a square:")
    print(f"  {' + '.join(str(twirl('XIII', group)).split(chr(10) + '+ '))}")
    print(
        EquivariantProcessing(4, group, ["XIII", "ZZII"]).with_readout(
            invariant_readout(group, ["ZIII"])
        )
    )


def hardest(model: nn.Module, images: Tensor, labels: Tensor) -> int:
    """The image recognised upright that suffers most from a quarter turn."""
    with torch.no_grad():
        upright, quarter = (
            model(view).softmax(1)[torch.arange(len(labels)), labels]
            for view in (images, images.rot90(1, (-2, -1)))
        )
    return int((upright - quarter).argmax())


def plot_turning(models: Mapping[str, nn.Module], image: Tensor, label: int) -> Figure:
    """One digit in four positions, and how sure each network is of it."""
    figure = Figure(figsize=(8, 2 + 1.6 * len(models)), layout="constrained")
    axes = figure.subplots(1 + len(models), 4)
    for k in range(4):
        view = image.rot90(k, (-2, -1))
        axes[0, k].imshow(view[0].numpy(), cmap="gray")
        axes[0, k].set_title(f"{90 * k}°")
        axes[0, k].axis("off")
        for row, (name, model) in enumerate(models.items(), start=1):
            with torch.no_grad():
                sure = model(view[None])[0].softmax(0)
            colours = ["tab:green" if c == label else "tab:gray" for c in range(10)]
            axes[row, k].bar(range(10), sure.numpy(), color=colours)
            axes[row, k].set_ylim(0, 1)
            axes[row, k].set_xticks(range(10))
            if k == 0:
                axes[row, k].set_ylabel(name)
    return figure


def plot_learning(curves: Mapping[str, Mapping[int, Sequence[float]]]) -> Figure:
    """Accuracy on turned digits over the number of training images."""
    figure = Figure(figsize=(5.5, 3.5), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        found = [summarise(values) for values in curve.values()]
        means = [each.mean for each in found]
        # Where there is no deviation, no bar is plotted.
        spreads = [
            math.nan if each.deviation is None else each.deviation for each in found
        ]
        axes.errorbar(list(curve), means, spreads, marker="o", capsize=3, label=name)
    axes.set_xscale("log")
    axes.set_xlabel("training images, upright")
    axes.set_ylabel("accuracy on turned test images")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def variances(wires: Sequence[int], samples: int = 100) -> dict[str, dict[int, float]]:
    """Variance of a gradient in the middle of two circuits, per unit of generator.

    ⟨ΣZ⟩/n is read out of both. A generator's norm is divided out: ΣX over n wires
    turns n times as far as X.
    """
    found: dict[str, dict[int, float]] = {"permutation-equivariant": {}, "hardware": {}}
    for n in wires:
        readout = invariant_readout(symmetric_group(n), ["Z" + "I" * (n - 1)])
        generator = torch.Generator().manual_seed(n)
        symmetric = gradient_samples(
            permutation_equivariant(n, layers=n), readout, samples, generator=generator
        )
        found["permutation-equivariant"][n] = (
            float(symmetric[:, n // 2, 0].var()) / n**2
        )
        deep = HardwareEfficient(n, 8 * n, rotations=["RX", "RY"], entangler="CZ")
        general = gradient_samples(deep, readout, samples, generator=generator)
        # RX(θ) = exp(−iθX/2): the generator's norm is ½.
        found["hardware"][n] = 4 * float(general[:, 4 * n].var(0).mean())
    return found


def collective_variances(wires: Sequence[int], samples: int = 100) -> dict[int, float]:
    """The same of the permutation-equivariant circuit, in n + 1 dimensions."""
    found = {}
    for n in wires:
        generator = torch.Generator().manual_seed(n)
        shape = (samples, n, 3)
        angles = torch.rand(shape, generator=generator, dtype=torch.float64)
        angles = (2 * torch.pi * angles).requires_grad_()
        total = collective_magnetization(angles, n).sum()
        (gradients,) = torch.autograd.grad(total, angles)
        found[n] = float(gradients[:, n // 2, 0].var()) / n**2
    return found


def plot_variances(
    found: Mapping[str, Mapping[int, float]], far: Mapping[int, float]
) -> Figure:
    """The same numbers twice: straight where they fall as a power, or exponentially."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, scale in zip(figure.subplots(1, 2), ("linear", "log"), strict=True):
        for name, values in found.items():
            axes.plot(list(values), list(values.values()), "o-", label=name)
        if scale == "log":
            axes.plot(list(far), list(far.values()), "x--", label="in n + 1 dimensions")
        axes.set_xscale(scale)
        axes.set_yscale("log")
        axes.set_xlabel("wires")
        axes.set_ylabel("variance of a gradient")
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize="small")
    return figure


def num_steps(count: int) -> int:
    """Twenty epochs, and more where there are few images."""
    return max(300, 20 * math.ceil(count / 32))


def measure(
    names: Sequence[str], sizes: Sequence[int], seeds: int, steps: int | None
) -> tuple[dict[str, Any], dict[str, list[float]], dict[str, nn.Module]]:
    """Learning curves, and the losses and networks of the first seed.

    `steps` None stands for `num_steps`.
    """
    curves: dict[str, Any] = {name: {} for name in names}
    losses: dict[str, list[float]] = {}
    trained: dict[str, nn.Module] = {}
    for name in names:
        for size in sizes:
            trainings = 2 if size == sizes[-1] else 1
            count = num_steps(size) if steps is None else steps
            rows = [cells(name, k, size, count, trainings) for k in range(seeds)]
            _, losses[name], trained[name] = rows[0]
            columns = list(zip(*(row[0] for row in rows), strict=True))
            curves[name][size] = columns[1]
            text = ", ".join(summarise(column).text(percent=True) for column in columns)
            weights = sum(weight.numel() for weight in trained[name].parameters())
            kinds = "upright and turned" if trainings == 2 else "upright"
            print(
                f"{name} ({weights} weights), trained on {size} {kinds} images, tested "
                f"on upright and turned: {text}",
                flush=True,
            )
    return curves, losses, trained


def main(
    folder: Path | None = None, steps: int = 60, full: bool = False
) -> dict[str, list[float]]:
    """Runs all of it and returns the losses of the networks.

    In full each training takes as many steps as `num_steps` says.
    """
    show_twirling()
    if full:
        curves, losses, trained = measure(
            ["p4", "plain", "p4, classical"], [50, 100, 200, 450, 898], 5, None
        )
        others = [name for name in MODELS if name not in curves]
        losses |= measure(others, [898], 5, None)[1]
    else:
        curves, losses, trained = measure(["p4", "plain"], [50, 200], 1, steps)

    _, _, test, wanted = digits(0)
    for name in ("p4", "plain"):
        group: Any = EquivariantClassifier(SHAPE, 10).conv.group
        change = check_equivariance(trained[name].eval(), group, test[:50])
        print(f"{name}: turned, the logits change by {change.largest:.1e}")

    wires = range(4, 13, 2) if full else range(4, 8, 2)
    gradients = variances(wires)
    far = collective_variances([*wires, 24, 48] if full else [*wires, 12])
    for name, values in gradients.items():
        print(f"{name}: " + ", ".join(f"{n}: {v:.1e}" for n, v in values.items()))

    if folder is not None:
        pair = {name: trained[name] for name in ("p4", "plain")}
        k = hardest(trained["plain"], test, wanted)
        plot_turning(pair, test[k], int(wanted[k])).savefig(folder / "turning.png")
        plot_learning(curves).savefig(folder / "learning-curves.png", dpi=120)
        plot_variances(gradients, far).savefig(folder / "variances.png", dpi=120)
    return losses


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--full"]
    main(Path(arguments[0]) if arguments else None, full="--full" in sys.argv)
