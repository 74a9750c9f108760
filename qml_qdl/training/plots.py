"""Pictures of a run: curves, predictions, samples, histograms, circuit and maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qml_qdl.data.dataset import Dataset, Integers
from qml_qdl.data.splitting import Split
from qml_qdl.hardware.files import write_atomically
from qml_qdl.manybody import (
    Estimate,
    Extrapolation,
    Lattice,
    Means,
    StructureFactor,
    Trajectory,
)
from qml_qdl.models import EQUILIBRIUM, RBM
from qml_qdl.phases import Boundary, Scan
from qml_qdl.tomography import DensityMatrix, Measurements
from qml_qdl.tomography.measurements import misread

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
_MOST_MARKED = 100
_MOST_SHOWN = 4
_MOST_BARS = 4
_LEAST_OUTLINE = 0.02
_MOST_BASES = 9
_MOST_OUTCOMES = 16


def plot_curves(
    histories: Mapping[str, Sequence[Sequence[dict[str, float]]]],
    panels: Sequence[Sequence[str]],
) -> Figure:
    """Plots numbers over the epochs.

    Args:
        histories: For each kind of model one history per seed.
        panels: The columns that are plotted in one frame, for each frame.

    Returns:
        The figure; training dashed, validation solid, and adversarial losses beside
        2 ln 2, where nothing can be told apart.
    """
    from matplotlib.figure import Figure

    width = 4.5 if len(panels) == 2 else 3.7
    figure = Figure(figsize=(width * len(panels), 3.4), layout="constrained")
    frames = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, names in zip(frames, panels, strict=True):
        for kind, seeds in histories.items():
            for place, name in enumerate(names):
                dashed = name.startswith("train") or (place and name[:3] != "val")
                style = "--" if dashed and len(names) > 1 else "-"
                for number, history in enumerate(seeds):
                    _curve(axes, history, name, style, kind, number == 0)
        axes.set_ylabel(names[0].split("_", 1)[1] if len(names) > 1 else names[0])
        if "loss_d" in names:
            axes.axhline(EQUILIBRIUM, color="grey", linestyle=":", label="2 ln 2")
            axes.set_ylabel("loss")
        elif "d_real" in names:
            axes.set_ylim(0, 1)
            axes.set_ylabel("mean D(x)")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return figure


def plot_descent(
    histories: Mapping[str, Sequence[Sequence[dict[str, float]]]],
    exact: float | None,
    lines: Mapping[str, float],
) -> Figure:
    """Plots energies over the steps, with their error bars.

    Args:
        histories: For each kind of state one history per seed, with "step", "energy"
            and "error".
        exact: The exact energy; with it relative errors are shown, as powers of ten.
        lines: Other energies by name, which are drawn across.

    Returns:
        The figure; means of an epoch, and one standard error above and below.
    """
    from matplotlib.figure import Figure

    def shown(energies: Any) -> Any:
        # Noise may take an energy below the exact one.
        return energies if exact is None else abs(energies - exact) / abs(exact)

    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    for place, (kind, seeds) in enumerate(histories.items()):
        colour = _COLOURS.get(kind, f"C{place + 3}")
        for number, history in enumerate(seeds):
            steps, energies, errors = (
                np.array([row[name] for row in history])
                for name in ("step", "energy", "error")
            )
            label = kind if number == 0 else None
            marker = "o" if len(steps) == 1 else None
            axes.plot(steps, shown(energies), color=colour, label=label, marker=marker)
            values, bars = shown(energies), errors / abs(exact or 1.0)
            lowest = values - bars if exact is None else 0.1 * values
            ends = np.maximum(values - bars, lowest), values + bars
            axes.fill_between(steps, *ends, color=colour, alpha=0.2, linewidth=0)
    for place, (name, energy) in enumerate(lines.items()):
        style = ("--", ":", "-.")[place % 3]
        axes.axhline(shown(energy), color="grey", linestyle=style, label=name)
    if exact is not None and exact:
        axes.set_yscale("log", nonpositive="mask")
    axes.set_xlabel("step")
    axes.set_ylabel("energy" if exact is None else "relative error of the energy")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def plot_quench(
    trajectory: Trajectory, exact: Mapping[str, Any], method: str
) -> Figure:
    """Plots what was seen of a state on its way through time.

    Args:
        trajectory: The state on its way.
        exact: Exact expectations at its times by name, (T,) each; perhaps none.
        method: By what these are known.

    Returns:
        The figure: expectations with error bars, how far the energy is from the first
        one, and the signal-to-noise ratio of all directions with the residual.
    """
    from matplotlib.figure import Figure

    times, names = trajectory.times, trajectory.names
    figure = Figure(figsize=(6, 7.5), layout="constrained")
    upper, middle, lower = figure.subplots(3, sharex=True, height_ratios=(2, 1, 1))
    for place, name in enumerate(names[:_MOST_SHOWN]):
        colour, errors = f"C{place}", trajectory.errors(name)
        bars = errors if errors.any() else None
        upper.errorbar(
            *(times, trajectory.means(name), bars),
            fmt=".",
            color=colour,
            label=name,
            capsize=2,
        )
        if name in exact:
            label = method if name == next(iter(exact)) else None
            upper.plot(times, exact[name], color="black", linewidth=0.8, label=label)
    upper.set_ylabel("mean over the lattice")
    upper.legend(fontsize="small")
    energies, errors = trajectory.energies, trajectory.energy_errors
    scale = abs(energies[0]) or 1.0
    middle.errorbar(
        *(
            times,
            (energies - energies[0]) / scale,
            errors / scale if errors.any() else None,
        ),
        fmt=".-",
        color="tab:purple",
        linewidth=0.8,
        capsize=2,
    )
    middle.set_ylabel("(E − E₀)/|E₀|")
    middle.ticklabel_format(axis="y", scilimits=(-2, 2))
    lower.plot(times, trajectory.residuals, ".-", color="tab:red", label="residual r²")
    if trajectory.infidelities.size and np.isfinite(trajectory.infidelities).any():
        lower.plot(
            times, trajectory.infidelities, ".-", color="tab:green", label="1 − F"
        )
    ratios = trajectory.snr
    if np.isfinite(ratios).any():  # else nothing is sampled
        shown = np.where(np.isfinite(ratios), ratios, np.nan)
        for share, style in ((1.0, "-"), (0.5, "--")):
            lower.plot(
                *(times, np.nanquantile(shown, share, axis=1)),
                color="tab:blue",
                linestyle=style,
                label=f"signal-to-noise, {'largest' if share == 1 else 'median'}",
            )
    lower.set_yscale("log", nonpositive="mask")
    lower.set_xlabel("time")
    lower.legend(fontsize="small")
    for axes in (upper, middle, lower):
        axes.grid(alpha=0.3)
    return figure


def plot_confusion(test: Dataset, predictions: Integers, title: str) -> Figure:
    """Plots how often each class was taken for each other.

    Args:
        test: The test part.
        predictions: Class index of each of its rows, or of each place of them.
        title: What stands above.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    classes = range(test.num_classes)
    known, found = test.labels.ravel(), np.ravel(predictions)
    counts = confusion_matrix(known, found, labels=list(classes))
    figure = Figure(figsize=(6, 5.4), layout="constrained")
    axes = figure.subplots()
    display = ConfusionMatrixDisplay(counts, display_labels=test.class_names)
    display.plot(ax=axes, cmap="Purples", colorbar=False)
    if max(len(name) for name in test.class_names) > 3:
        axes.tick_params("x", rotation=45)
    axes.set_title(title)
    return figure


def plot_predictions(split: Split, predictions: Any, title: str) -> Figure:
    """Plots predicted numbers over the true ones, in their own unit.

    Args:
        split: The data.
        predictions: A number for each row of the test part.
        title: What stands above.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    fitted = split.preprocessing
    true, predicted = (
        np.asarray(each if fitted is None else fitted.labels_of(each))
        for each in (split.test.labels, predictions)
    )
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    axes = figure.subplots()
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    axes.plot(ends, ends, color="grey", linestyle=":", label="as they are")
    axes.scatter(true, predicted, s=12, color=_COLOURS["quantum"], alpha=0.7)
    axes.set_xlabel("true")
    axes.set_ylabel("predicted")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def plot_feature_maps(
    convolution: torch.nn.Module, images: Dataset, rows: int = 5
) -> Figure:
    """Plots a few images and beside each its feature maps, without their bias.

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
        found = convolution(torch.tensor(chosen.inputs, device=device))
        bias = getattr(convolution, "bias", None)
        if bias is not None:  # readouts are shown, which ⟨Z⟩ has from −1 to 1
            found = found - bias.reshape(-1, *(1 for _ in found.shape[2:]))
    maps = found.cpu().numpy()
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
    most = max(1.0, float(np.abs(maps).max()))
    for row, line in enumerate(grid):
        line[0].imshow(chosen.inputs[row].mean(axis=0), cmap="gray", vmin=0, vmax=1)
        line[0].set_ylabel(chosen.class_names[chosen.labels[row]])
        for column, axes in enumerate(line[1:]):
            shown = axes.imshow(maps[row, column], cmap="PiYG", vmin=-most, vmax=most)
            if row == 0:
                axes.set_title(f"map {names[column]}", fontsize="small")
        line[0].set_yticks([])  # beside its label
        # Without ticks an axis is measured for the layout all the same.
        for axes in line:
            axes.xaxis.set_visible(False)
            axes.yaxis.set_visible(axes is line[0])
    grid[0, 0].set_title("image", fontsize="small")
    figure.colorbar(shown, ax=grid[:, 1:], shrink=0.6, label="readout")
    return figure


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


def plot_rows(rows: Mapping[str, Tensor]) -> Figure:
    """Plots rows of images, each with its name.

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


def plot_samples(samples: Tensor) -> Figure:
    """Plots samples: images in a grid, tables as histograms of their columns.

    Args:
        samples: (rows, …).

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    shown = as_pictures(samples)
    if shown is None:
        return plot_histograms({"generated": samples})
    columns = math.ceil(math.sqrt(len(shown)))
    lines = math.ceil(len(shown) / columns)
    figure = Figure(figsize=(0.8 * columns, 0.8 * lines), layout="constrained")
    for index, axes in enumerate(figure.subplots(lines, columns, squeeze=False).flat):
        axes.axis("off")
        if index < len(shown):
            axes.imshow(shown[index].numpy(), cmap="gray", vmin=0, vmax=1)
    return figure


def plot_histograms(rows: Mapping[str, Tensor]) -> Figure:
    """Plots real against generated: pixels and brightness, or columns of a table.

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


def plot_distributions(chances: Mapping[str, Tensor]) -> Figure:
    """Plots probabilities of all bit strings, in the order of their numbers.

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


def plot_correlators(means: Means, lattice: Lattice, site: int = 0) -> Figure:
    """Plots how the spin of one site is correlated with all others.

    Args:
        means: Correlators of all pairs, (N, N).
        lattice: Where the sites are, with positions in one or two dimensions.
        site: The site.

    Returns:
        The figure; along a chain with error bars, else as colours.
    """
    from matplotlib.figure import Figure

    places, values = _positions(lattice), means.values[site].numpy()
    label = f"⟨s$_{{{site}}}$ s$_j$⟩"
    figure = Figure(figsize=(4.6, 3.6), layout="constrained")
    axes = figure.subplots()
    if places.shape[1] == 1:
        _with_bars(axes, places[:, 0], values, means.errors[site].numpy())
        axes.axhline(0, color="grey", linewidth=0.8)
        axes.set_xlabel("site j")
        axes.set_ylabel(label)
    else:
        for first, second in lattice.edges:
            ends = places[[first, second]]
            # A bond across the boundary would go through the whole picture.
            if np.linalg.norm(ends[0] - ends[1]) < 1.01 * _nearest(places):
                axes.plot(*ends.T, color="lightgrey", zorder=0)
        shown = axes.scatter(
            places[:, 0],
            places[:, 1],
            c=values,
            s=240,
            cmap="RdBu_r",
            vmin=-1,
            vmax=1,
            edgecolor="grey",
        )
        _as_map(figure, axes, shown, label)
    return figure


def plot_structure_factor(found: StructureFactor) -> Figure:
    """Plots the structure factor over the wave vectors.

    Args:
        found: The structure factor, in one or two dimensions.

    Returns:
        The figure; in one dimension with error bars, in two as colours.
    """
    from matplotlib.figure import Figure

    momenta, values = found.momenta.numpy() / np.pi, found.values.numpy()
    figure = Figure(figsize=(4.6, 3.6), layout="constrained")
    axes = figure.subplots()
    if momenta.shape[1] == 1:
        _with_bars(axes, momenta[:, 0], values, found.errors.numpy())
        axes.set_ylabel("S(q)")
        axes.grid(alpha=0.3)
    else:
        shown = axes.scatter(
            momenta[:, 0], momenta[:, 1], c=values, s=240, vmin=0, cmap="viridis"
        )
        axes.set_ylabel("q$_y$/π")
        _as_map(figure, axes, shown, "S(q)")
    axes.set_xlabel("q/π" if momenta.shape[1] == 1 else "q$_x$/π")
    return figure


def plot_pairs(measured: Any, errors: Any, fitted: Any) -> Figure:
    """Plots means of pairs of readings against what a state makes of them.

    Args:
        measured: Means of products of two readings ±1, (pairs,).
        errors: Their standard errors.
        fitted: What the state has.

    Returns:
        The figure: beside the means, how many errors they are off, under the normal
        distribution that these should have.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([-1, 1], [-1, 1], color="grey", linewidth=0.8)
    left.errorbar(
        fitted, measured, errors, fmt="o", markersize=3, alpha=0.5, linewidth=0.8
    )
    left.set_xlabel("fitted")
    left.set_ylabel("measured")
    left.set_title("means of pairs of readings")
    there = np.asarray(errors) > 0
    off = (np.asarray(measured) - fitted)[there] / np.asarray(errors)[there]
    most = max(4.0, float(np.abs(off).max(initial=0.0)))
    right.hist(off, bins=31, range=(-most, most), density=True, alpha=0.6)
    grid = np.linspace(-most, most, 201)
    right.plot(grid, np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi), color="grey")
    right.set_xlabel("(measured − fitted) / standard error")
    right.set_yticks([])
    return figure


def plot_zero_variance(
    estimates: Sequence[Estimate],
    extrapolation: Extrapolation,
    exact: float | None = None,
) -> Figure:
    """Plots energy against variance, and the line to zero variance.

    Args:
        estimates: What was extrapolated.
        extrapolation: The line.
        exact: The exact energy, where it is known.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    variances = np.array([each.variance for each in estimates])
    energies = np.array([each.energy for each in estimates])
    errors = np.array([each.error for each in estimates])
    figure = Figure(figsize=(4.6, 3.6), layout="constrained")
    axes = figure.subplots()
    ends = np.array([0.0, variances.max()])
    line = extrapolation.energy + extrapolation.slope * ends
    axes.plot(ends, line, color="grey", linestyle="--", linewidth=1)
    _with_bars(axes, variances, energies, errors, "states")
    axes.errorbar(
        [0.0],
        [extrapolation.energy],
        np.nan_to_num([extrapolation.error]),
        fmt="s",
        color=_COLOURS["twin"],
        capsize=3,
        label="extrapolated",
    )
    if exact is not None:
        axes.axhline(exact, color="black", linestyle=":", label="exact")
    axes.set_xlabel("variance of the local energies")
    axes.set_ylabel("energy")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def _with_bars(
    axes: Axes, x: Any, y: Any, errors: Any, label: str | None = None
) -> None:
    colour = _COLOURS["quantum"]
    bars = np.nan_to_num(errors)
    axes.errorbar(x, y, bars, fmt="o", color=colour, capsize=3, label=label)


def _as_map(figure: Figure, axes: Axes, shown: Any, label: str) -> None:
    axes.set_aspect("equal")
    axes.margins(0.15)
    figure.colorbar(shown, ax=axes, label=label)


def _positions(lattice: Lattice) -> Any:
    places = lattice.positions
    if places is None:  # made of edges: along a line
        return np.arange(lattice.num_sites, dtype=float)[:, None]
    return places[:, :2]


def _nearest(places: Any) -> float:
    return float(np.linalg.norm(places[1:] - places[0], axis=1).min(initial=1e9))


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
        color=_COLOURS.get(kind),
        alpha=0.8,
        linewidth=1,
        marker="o" if len(epochs) == 1 else None,
        label=f"{kind}, {name}" if named else None,
    )


def plot_fields(machine: RBM, shape: tuple[int, ...]) -> Figure:
    """Plots receptive fields: what switches each hidden unit on (red) and off (blue).

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


def plot_errors(
    curves: Mapping[str, Sequence[float]],
    lines: Mapping[str, float],
    across: str,
    along: str,
) -> Figure:
    """Plots errors as powers of ten, as they fall.

    Args:
        curves: For each name errors at 0, 1, 2, ….
        lines: Other errors by name, which are drawn across.
        across: What the steps are.
        along: What the errors are.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes: Any = figure.subplots()
    for name, errors in curves.items():
        marker = "o" if len(errors) < _MOST_MARKED else None
        axes.plot(range(len(errors)), errors, marker=marker, markersize=3, label=name)
    for place, (name, error) in enumerate(lines.items()):
        style = ("--", ":", "-.")[place % 3]
        axes.axhline(error, color="grey", linestyle=style, label=name)
    axes.set_yscale("log", nonpositive="mask")
    axes.set_xlabel(across)
    axes.set_ylabel(along)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def plot_density_matrix(state: DensityMatrix, other: DensityMatrix | None) -> Figure:
    """Plots a density matrix as bars, real and imaginary; wide ones as a map.

    Args:
        state: The state.
        other: Another one of as many wires, whose outlines are drawn around the bars;
            None for none.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    matrix, size = state.matrix, 2**state.num_wires
    names = [f"{number:0{state.num_wires}b}" for number in range(size)]
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    if state.num_wires > _MOST_BARS:
        for place, (part, title) in enumerate(
            ((matrix.real, "Re ρ"), (matrix.imag, "Im ρ"))
        ):
            axes = figure.add_subplot(1, 2, place + 1)
            most = np.abs(matrix).max()
            shown = axes.imshow(part, cmap="RdBu_r", vmin=-most, vmax=most)
            axes.set_title(title)
            figure.colorbar(shown, ax=axes, shrink=0.8)
        return figure
    rows, columns = (each.ravel() for each in np.indices((size, size)))
    low = min(0.0, matrix.real.min(), matrix.imag.min())
    high = max(matrix.real.max(), matrix.imag.max())
    for place, name in enumerate(("real", "imag")):
        axes = figure.add_subplot(1, 2, place + 1, projection="3d")
        heights = getattr(matrix, name).ravel()
        colours = np.where(heights < 0, "tab:red", "tab:blue")
        axes.bar3d(
            *(columns - 0.35, rows - 0.35, np.minimum(heights, 0)),
            *(0.7, 0.7, np.abs(heights)),
            color=colours,
            alpha=0.85,
            shade=True,
        )
        if other is not None:
            for x, y, height in zip(
                columns, rows, getattr(other.matrix, name).ravel(), strict=True
            ):
                xs = x + np.array([-0.4, 0.4, 0.4, -0.4, -0.4])
                ys = y + np.array([-0.4, -0.4, 0.4, 0.4, -0.4])
                if abs(height) > _LEAST_OUTLINE:
                    axes.plot(xs, ys, height, color="black", linewidth=0.8)
        axes.set_zlim(low, high)
        axes.set_title(f"{'Re' if name == 'real' else 'Im'} ρ")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(range(size), names, fontsize="xx-small")
        axes.tick_params(axis="x", rotation=60 if size > 4 else 0)
    return figure


def plot_outcomes(data: Measurements, states: Mapping[str, DensityMatrix]) -> Figure:
    """Plots how often outcomes occurred in some bases, and what states give.

    Args:
        data: The measurements.
        states: States by name; errors of reading act on them as the data say.

    Returns:
        The figure: frequencies with a standard error, and probabilities.
    """
    from matplotlib.figure import Figure

    bases = data.bases
    if len(bases) > _MOST_BASES:
        places = np.linspace(0, len(bases) - 1, _MOST_BASES).round().astype(int)
        bases = tuple(bases[place] for place in places)
    rows = -(-len(bases) // 3)
    figure = Figure(figsize=(9, 0.9 + 1.6 * rows), layout="constrained")
    panels = figure.subplots(
        rows, min(3, len(bases)), sharex=True, sharey=True, squeeze=False
    ).ravel()
    for axes in panels[len(bases) :]:
        axes.set_axis_off()
    for axes, basis in zip(panels, bases, strict=False):
        counts = data.histogram(basis)
        # Of many outcomes those that occurred most.
        shown = np.sort(np.argsort(-counts, kind="stable")[:_MOST_OUTCOMES])
        shares = counts / counts.sum()
        errors = np.sqrt(shares * (1 - shares) / counts.sum())
        axes.bar(range(len(shown)), shares[shown], color="lightgrey", label="measured")
        axes.errorbar(
            *(range(len(shown)), shares[shown], errors[shown]),
            fmt="none",
            ecolor="grey",
            capsize=2,
        )
        for place, (name, state) in enumerate(states.items()):
            chances = misread(state.probabilities([basis])[0], data.confusion)
            axes.plot(
                range(len(shown)),
                chances[shown],
                marker="ox^s"[place % 4],
                markersize=4,
                linestyle="",
                color=f"C{place}",
                label=name,
            )
        axes.set_title(basis, fontsize="small")
        labels = [f"{number:0{data.num_wires}b}" for number in shown]
        axes.set_xticks(range(len(shown)), labels, rotation=90, fontsize="xx-small")
    panels[0].legend(fontsize="x-small")
    return figure


def plot_fidelities(
    shots: Sequence[int], curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
) -> Figure:
    """Plots infidelities against shots, with error bars.

    Args:
        shots: Shots of each basis.
        curves: For each estimator the mean infidelity and its sample standard
            deviation, for each number of shots.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes: Any = figure.subplots()
    for place, (name, (means, deviations)) in enumerate(curves.items()):
        values, bars = np.asarray(means), np.asarray(deviations)
        lower = np.minimum(bars, 0.9 * values)
        axes.errorbar(
            *(np.asarray(shots) * (1 + 0.03 * place), values, (lower, bars)),
            marker="o",
            markersize=4,
            capsize=2,
            label=name,
        )
    axes.set_xscale("log")
    axes.set_yscale("log", nonpositive="mask")
    axes.set_xlabel("shots of each basis")
    axes.set_ylabel("infidelity 1 − F")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def plot_phases(
    boundaries: Mapping[str, Boundary], coupling: str, known: float
) -> Figure:
    """Plots how likely the ordered phase is along a coupling, by each learner.

    Args:
        boundaries: What learners found, by their names.
        coupling: What is across.
        known: Where the phases of the infinite system meet.

    Returns:
        The figure; bands are standard deviations, and dots where one half is crossed.
    """
    figure, axes = _along_coupling(known)
    for name, found in boundaries.items():
        (line,) = axes.plot(found.values, found.curve, linewidth=1.2, label=name)
        low, high = found.curve - found.spread, found.curve + found.spread
        colour = line.get_color()
        axes.fill_between(found.values, low, high, color=colour, alpha=0.15)
        axes.plot([found.coupling], [0.5], "o", color=colour, markersize=4)
    axes.set_xlabel(coupling)
    axes.set_ylabel("probability of the ordered phase")
    axes.legend(fontsize="small")
    return figure


def plot_boundaries(
    boundaries: Mapping[str, Mapping[int, Boundary]], coupling: str, known: float
) -> Figure:
    """Plots where learners put a boundary by how many snapshots of each state.

    Args:
        boundaries: By name and number of snapshots.
        coupling: What is upward.
        known: Where the phases of the infinite system meet.

    Returns:
        The figure; bars are standard deviations of the bootstrap.
    """
    figure, axes = _along_coupling(known, across=False)
    for place, (name, found) in enumerate(boundaries.items()):
        pairs = [(n, b) for n, b in found.items() if np.isfinite(b.coupling)]
        if not pairs:
            continue
        shift = 1.03 ** (place - len(boundaries) / 2)  # so that bars stand side by side
        counts = [n * shift for n, _ in pairs]
        places = [b.coupling for _, b in pairs]
        errors = [b.error for _, b in pairs]
        axes.errorbar(counts, places, errors, fmt=".-", linewidth=1, label=name)
    axes.set_xscale("log")
    axes.set_xlabel("snapshots of each state")
    axes.set_ylabel(f"boundary {coupling}")
    axes.legend(fontsize="small")
    return figure


def plot_phase_diagram(scan: Scan, probabilities: Mapping[str, Any]) -> Figure:
    """Plots how likely the ordered phase is over two couplings, by each learner.

    Args:
        scan: Rows on a grid of two couplings.
        probabilities: Of each row, (rows,), by the learners' names.

    Returns:
        The figure; lines are where it is one half.
    """
    from matplotlib.figure import Figure

    across, up = (np.unique(each) for each in scan.couplings.T)
    columns = min(4, len(probabilities))
    lines = math.ceil(len(probabilities) / columns)
    figure = Figure(
        figsize=(2.4 * columns + 1, 2.3 * lines + 0.4), layout="constrained"
    )
    figure.suptitle(f"{scan.title}: probability of the ordered phase")
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(probabilities) :]:
        axes.axis("off")
    order = np.lexsort(scan.couplings[scan.of].T[::-1])
    shown = None
    for axes, (name, found) in zip(grid.flat, probabilities.items(), strict=False):
        table = np.asarray(found)[order].reshape(len(across), len(up)).T
        shown = axes.pcolormesh(
            across, up, table, cmap="RdBu_r", vmin=0, vmax=1, shading="gouraud"
        )
        if table.min() < 0.5 < table.max():
            axes.contour(across, up, table, [0.5], colors="black", linewidths=1)
        axes.set_title(name, fontsize="small")
    figure.supxlabel(scan.names[0], fontsize="small")
    figure.supylabel(scan.names[1], fontsize="small")
    if shown is not None:
        figure.colorbar(shown, ax=grid, shrink=0.8)
    return figure


def _along_coupling(known: float, across: bool = True) -> tuple[Figure, Any]:
    """A frame with a line where phases meet."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes: Any = figure.subplots()
    line = axes.axvline if across else axes.axhline
    line(known, color="grey", linestyle="--", label="infinite system")
    axes.grid(alpha=0.3)
    return figure, axes


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
