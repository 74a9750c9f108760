"""Pictures of a run: curves, confusion matrix, circuit and feature maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from qml_qdl.data.dataset import Dataset, Integers
from qml_qdl.hardware.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {"quantum": "tab:purple", "twin": "tab:orange"}


def draw_curves(
    histories: Mapping[Any, Sequence[Sequence[dict[str, float]]]],
) -> Figure:
    """Draws loss and accuracy over the epochs.

    Args:
        histories: For each kind of model one history per seed.

    Returns:
        The figure; training dashed, validation solid.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for kind, seeds in histories.items():
            colour = _COLOURS.get(kind)
            for number, history in enumerate(seeds):
                epochs = [row["epoch"] + 1 for row in history]
                for part, style in (("train", "--"), ("val", "-")):
                    label = f"{kind}, {'training' if part == 'train' else 'validation'}"
                    axes.plot(
                        epochs,
                        [row[f"{part}_{quantity}"] for row in history],
                        style,
                        color=colour,
                        alpha=0.8,
                        marker="o" if len(epochs) == 1 else None,
                        label=label if number == 0 else None,
                    )
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_ylabel("cross entropy" if quantity == "loss" else quantity)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return figure


def draw_confusion(test: Dataset, predictions: Integers, title: str) -> Figure:
    """Draws how often each class was taken for each other.

    Args:
        test: The test part.
        predictions: Class index of each of its rows.
        title: What stands above.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    classes = range(test.num_classes)
    counts = confusion_matrix(test.labels, predictions, labels=list(classes))
    figure = Figure(figsize=(6, 5.4), layout="constrained")
    axes = figure.subplots()
    display = ConfusionMatrixDisplay(counts, display_labels=test.class_names)
    display.plot(ax=axes, cmap="Purples", colorbar=False)
    if max(len(name) for name in test.class_names) > 3:
        axes.tick_params("x", rotation=45)
    axes.set_title(title)
    return figure


def draw_feature_maps(
    convolution: torch.nn.Module, images: Dataset, rows: int = 5
) -> Figure:
    """Draws a few images and beside each its feature maps.

    Args:
        convolution: Maps (rows, channels, H, W) to (rows, maps, h, w), or one that
            turns with the image to (rows, maps, order, h, w).
        images: Where the first image of each class is taken from.
        rows: How many images at most.

    Returns:
        The figure; all maps share one colour scale. Maps with a place for each element
        of a group stand side by side, "1.0" for element 0 of map 1.
    """
    from matplotlib.figure import Figure

    _, first = np.unique(images.labels, return_index=True)
    chosen = images.take(first[:rows].astype(np.int64))
    device = next(convolution.parameters()).device
    with torch.no_grad():
        maps = convolution(torch.tensor(chosen.inputs, device=device)).cpu().numpy()
    names = [str(number + 1) for number in range(maps.shape[1])]
    if maps.ndim == 5:
        names = [
            f"{name}.{element}" for name in names for element in range(maps.shape[2])
        ]
        maps = maps.reshape(len(maps), -1, *maps.shape[3:])
    columns = 1 + maps.shape[1]
    figure = Figure(figsize=(1.5 * columns, 1.5 * len(chosen)), layout="constrained")
    grid = figure.subplots(len(chosen), columns, squeeze=False)
    # Symmetric, so that white is zero in every map.
    most = float(np.abs(maps).max())
    for row, line in enumerate(grid):
        line[0].imshow(chosen.inputs[row].mean(axis=0), cmap="gray", vmin=0, vmax=1)
        line[0].set_ylabel(chosen.class_names[chosen.labels[row]])
        for column, axes in enumerate(line[1:]):
            shown = axes.imshow(maps[row, column], cmap="PiYG", vmin=-most, vmax=most)
            if row == 0:
                axes.set_title(f"map {names[column]}", fontsize="small")
        for axes in line:
            axes.set_xticks([])
            axes.set_yticks([])
    grid[0, 0].set_title("image", fontsize="small")
    figure.colorbar(shown, ax=grid[:, 1:], shrink=0.6, label="readout")
    return figure


def save_figure(figure: Figure, path: Path, **settings: Any) -> None:
    """Saves a picture, whole or not at all.

    Args:
        figure: The picture.
        path: Where to; the ending names the format.
        **settings: What else `Figure.savefig` takes.
    """
    form = path.suffix.removeprefix(".")

    def write(file: Any) -> None:
        figure.savefig(file, format=form, dpi=150, **settings)

    write_atomically(path, write)


def save_circuit(circuit: Any, path: Path) -> None:
    """Saves the circuit as PennyLane draws it.

    Args:
        circuit: Has `draw_mpl`.
        path: Where to; the ending names the format.
    """
    import matplotlib.pyplot as plt

    figure, _ = circuit.draw_mpl()
    save_figure(figure, path, bbox_inches="tight")
    # PennyLane draws with pyplot, which keeps every figure until it is closed.
    plt.close(figure)
