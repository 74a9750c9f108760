"""Drawing what generative models give: samples, curves, histograms and fields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qml_qdl.generative import EQUILIBRIUM, RBM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {
    "quantum": "tab:purple",
    "twin": "tab:orange",
    "plain": "tab:green",
    "classical": "tab:green",
}
_MOST_FEATURES = 6
_MOST_FIELDS = 32


def as_pictures(samples: Tensor) -> Tensor | None:
    """Samples as something to look at.

    Args:
        samples: (rows, …).

    Returns:
        Grey (rows, height, width) or colours (rows, height, width, 3), from 0 to 1;
        None for tables.
    """
    if samples.ndim != 4:
        return None
    if samples.shape[1] == 3:
        return samples.permute(0, 2, 3, 1).clamp(0, 1)
    return samples.mean(1).clamp(0, 1)


def draw_rows(rows: Mapping[str, Tensor]) -> Figure:
    """Draws rows of images, each with its name.

    Args:
        rows: Images (count, channels, height, width) by name.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    columns = min(len(images) for images in rows.values())
    figure = Figure(
        figsize=(1.2 + 0.8 * columns, 0.85 * len(rows)), layout="constrained"
    )
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        shown = as_pictures(images)
        assert shown is not None
        for axes, image in zip(line, shown, strict=False):
            axes.imshow(image.numpy(), cmap="gray", vmin=0, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
    return figure


def draw_samples(samples: Tensor) -> Figure:
    """Draws samples: images in a grid, tables as histograms of their columns.

    Args:
        samples: (rows, …).

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    shown = as_pictures(samples)
    if shown is None:
        return draw_histograms({"generated": samples})
    columns = math.ceil(math.sqrt(len(shown)))
    lines = math.ceil(len(shown) / columns)
    figure = Figure(figsize=(0.8 * columns, 0.8 * lines), layout="constrained")
    for index, axes in enumerate(figure.subplots(lines, columns, squeeze=False).flat):
        axes.axis("off")
        if index < len(shown):
            axes.imshow(shown[index].numpy(), cmap="gray", vmin=0, vmax=1)
    return figure


def draw_histograms(rows: Mapping[str, Tensor]) -> Figure:
    """Draws real against generated: pixels and brightness, or columns of a table.

    Args:
        rows: Samples (count, …) by name.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    first = next(iter(rows.values()))
    numbers: dict[str, dict[str, Tensor]]
    if first.ndim == 4:
        numbers = {
            "pixel": {name: each.flatten() for name, each in rows.items()},
            "brightness of an image": {
                name: each.flatten(1).mean(1) for name, each in rows.items()
            },
        }
    else:
        count = min(first.shape[1], _MOST_FEATURES)
        numbers = {
            f"column {k + 1}": {name: each[:, k] for name, each in rows.items()}
            for k in range(count)
        }
    figure = Figure(figsize=(3.6 * len(numbers) + 0.6, 3), layout="constrained")
    for axes, (label, pair) in zip(
        figure.subplots(1, len(numbers), squeeze=False)[0],
        numbers.items(),
        strict=True,
    ):
        together = torch.cat(list(pair.values())).numpy()
        whole = bool((together % 1 == 0).all())
        bins: Any = np.linspace(together.min(), together.max() + 1e-6, 25)
        if whole:
            bins = np.arange(together.min(), together.max() + 2) - 0.5
        for name, values in pair.items():
            axes.hist(values.numpy(), bins, density=True, alpha=0.5, label=name)
        axes.set_xlabel(label)
        axes.set_ylabel("density")
        axes.legend(fontsize="small")
    return figure


def draw_distributions(chances: Mapping[str, Tensor]) -> Figure:
    """Draws probabilities of all bit strings, in the order of their numbers.

    Args:
        chances: Probabilities (2ⁿ,) by name.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    for width, (name, values) in zip((3.0, 1.2), chances.items(), strict=False):
        axes.plot(values.numpy(), label=name, linewidth=width)
    axes.set_xlabel("bit string, as a number")
    axes.set_ylabel("probability")
    axes.legend(fontsize="small")
    return figure


def draw_training(
    histories: Mapping[str, Sequence[Sequence[dict[str, float]]]],
) -> Figure:
    """Draws all numbers of the epochs: losses, D(x) of a game, the validation part.

    Args:
        histories: For each kind of model one history per seed.

    Returns:
        The figure; a game's losses beside 2 ln 2, where nothing can be told apart.
    """
    from matplotlib.figure import Figure

    columns = [
        name
        for name in next(iter(histories.values()))[0][0]
        if name not in ("epoch", "step")
    ]
    panels = [[name] for name in columns]
    if "loss_d" in columns:
        panels = [["loss_d", "loss_g"], ["d_real", "d_generated"], [columns[-1]]]
    figure = Figure(figsize=(3.7 * len(panels), 3.2), layout="constrained")
    for axes, names in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        for kind, seeds in histories.items():
            for name, style in zip(names, ("-", "--"), strict=False):
                for number, history in enumerate(seeds):
                    _curve(axes, history, name, style, kind, number == 0)
        if "loss_d" in names:
            axes.axhline(EQUILIBRIUM, color="grey", linestyle=":", label="2 ln 2")
            axes.set_ylabel("loss")
        elif "d_real" in names:
            axes.set_ylim(0, 1)
            axes.set_ylabel("mean D(x)")
        else:
            axes.set_ylabel(names[0])
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return figure


def _curve(
    axes: Axes,
    history: Sequence[dict[str, float]],
    name: str,
    style: str,
    kind: str,
    named: bool,
) -> None:
    epochs = [row["epoch"] + 1 for row in history]
    axes.plot(
        epochs,
        [row[name] for row in history],
        style,
        color=_COLOURS[kind],
        alpha=0.8,
        linewidth=1,
        marker="o" if len(epochs) == 1 else None,
        label=f"{kind}, {name}" if named else None,
    )


def draw_fields(machine: RBM, shape: tuple[int, ...]) -> Figure:
    """Draws receptive fields: what switches each hidden unit on (red) and off (blue).

    Args:
        machine: The machine.
        shape: (channels, height, width) of an image, or (bits,).

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    fields = -machine.weight.detach().T[:_MOST_FIELDS]
    most = float(fields.abs().max())
    columns = min(8, len(fields))
    lines = math.ceil(len(fields) / columns)
    figure = Figure(figsize=(1.1 * columns, 1.2 * lines + 0.4), layout="constrained")
    figure.suptitle("What switches each hidden unit on (red) and off (blue)")
    height = shape[-2] if len(shape) == 3 else 1
    for index, axes in enumerate(figure.subplots(lines, columns, squeeze=False).flat):
        axes.axis("off")
        if index < len(fields):
            image = fields[index].reshape(-1, height, shape[-1]).mean(0)
            axes.imshow(image.numpy(), cmap="RdBu_r", vmin=-most, vmax=most)
    return figure
