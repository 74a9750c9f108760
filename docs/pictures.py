"""The pictures of the pages, drawn when the site is built: an extension of Sphinx."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from qml_qdl.circuits import AngleEncoding, StronglyEntangling, reupload
from qml_qdl.nn import QuantumConv1d
from qml_qdl.training.statistics import summarise

BLUE, ORANGE, GREEN, GREY = "#3b6fb6", "#d9822b", "#3d8f5f", "#6b7280"
PALE = {BLUE: "#dbe6f6", ORANGE: "#fbe6cd", GREEN: "#d8eee0", GREY: "#eceef1"}

# The same bytes at every build, and a background of its own: pages may be dark.
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "qml-qdl",
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 11,
}


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure whose axes count in its inches, from the lower left corner."""
    figure = plt.figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def _box(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    colour: str = GREY,
    width: float = 1.3,
    height: float = 0.6,
) -> None:
    """A box around its middle."""
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=PALE[colour],
            edgecolor=colour,
            linewidth=1.2,
        )
    )
    axes.text(x, y, text, ha="center", va="center")


def _arrow(axes: Axes, start: Any, end: Any, colour: str = "#333333") -> None:
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.2}
    axes.annotate("", end, start, arrowprops=arrow)


def _cells(axes: Axes, x: float, y: float, values: Any, *colours: str) -> None:
    """A row of numbers in squares of half an inch; one colour for all, or one each."""
    every = colours if len(colours) > 1 else colours * len(values)
    for place, (value, colour) in enumerate(zip(values, every, strict=True)):
        text = f"{value:g}".replace("-", "−")
        _box(axes, x + place / 2 + 0.25, y, text, colour, 0.46, 0.46)


def circuit() -> Figure:
    """U(x, θ) = W₁ S W₀ S with its parts marked, and where the numbers come from."""
    drawn = reupload(StronglyEntangling(3), AngleEncoding(3), layers=2)
    figure: Figure
    figure, axes = drawn.draw_mpl(style="black_white")
    axes.set_title("")
    parts = [(0, 0, "S(x)", BLUE), (1, 4, "W(θ₀)", ORANGE)]
    parts += [(5, 5, "S(x)", BLUE), (6, 9, "W(θ₁)", ORANGE), (10, 10, "⟨Z⟩", GREEN)]
    for first, last, name, colour in parts:
        left, width = first - 0.47, last - first + 0.94
        axes.add_patch(
            Rectangle((left, -0.6), width, 3.2, color=PALE[colour], zorder=-1)
        )
        middle = (first + last) / 2
        axes.text(middle, -0.85, name, ha="center", color=colour, fontsize=15)
    top, bottom = axes.get_ylim()
    axes.set_ylim(max(top, bottom), min(top, bottom) - 0.35)
    return figure


def convolution() -> Figure:
    """One step of a convolution: by a kernel of numbers, and by a circuit."""
    x, w = [1.0, 2, 3, 4, 5], [1.0, 0, -1]
    figure, axes = _canvas(9.2, 3.9)
    y = np.convolve(x, w, "valid")
    for left, title in ((0.3, "classical"), (5.1, "quantum")):
        axes.text(left, 3.6, title, fontsize=13, weight="bold")
        _cells(axes, left + 0.6, 3.05, x, GREY, BLUE, BLUE, BLUE, GREY)
        axes.text(left + 0.4, 3.05, "x", ha="right", va="center")
        for place in range(3):
            middle = left + 1.35 + place / 2
            _arrow(axes, (middle, 2.78), (middle, 2.28))
        axes.text(left + 0.4, 0.45, "y", ha="right", va="center")
        _arrow(axes, (left + 1.85, 1.3), (left + 1.85, 0.75))
    _cells(axes, 0.9 + 0.5, 2.0, w[::-1], ORANGE)
    axes.text(0.7, 2.0, "w, flipped", ha="center", va="center", fontsize=9)
    axes.text(2.15, 1.5, "4·1 + 3·0 + 2·(−1) = 2", ha="center", va="center")
    for place in range(3):
        level = 2.05 - place * 0.27
        axes.plot([5.95, 7.95], [level, level], color="#333333", linewidth=1, zorder=0)
    _box(axes, 6.5, 1.78, "S(x)", BLUE, 0.7, 0.92)
    _box(axes, 7.4, 1.78, "W(θ)", ORANGE, 0.7, 0.92)
    axes.text(8.05, 1.78, "⟨Z⟩", va="center", color=GREEN)
    _cells(axes, 1.4, 0.45, y, GREEN)
    conv = QuantumConv1d(1, 1, 3, bias=False, encoding="linear", flip=True).double()
    with torch.no_grad():
        (weights,) = conv.parameters()
        weights.copy_(torch.tensor(w).double().arccos())
        there = 5 * conv(torch.tensor(x).double()[None] / 5)[0]
    _cells(axes, 6.2, 0.45, there.round(decimals=3).tolist(), GREEN)
    return figure


def generators() -> Figure:
    """Four ways to learn to generate samples."""
    figure, axes = _canvas(9.2, 5.4)

    def chain(y: float, title: str, items: list[tuple[str, str]]) -> list[float]:
        axes.text(0.25, y + 0.52, title, fontsize=12, weight="bold")
        places = [0.95 + 1.82 * place for place in range(len(items))]
        for (text, colour), x in zip(items, places, strict=True):
            _box(axes, x, y, text, colour, 1.35, 0.56)
        for start, end in itertools.pairwise(places):
            _arrow(axes, (start + 0.68, y), (end - 0.68, y))
        return places

    chain(
        4.45,
        "VAE: rebuilt from a code",
        [
            ("x", GREY),
            ("encoder", BLUE),
            ("μ, σ → z", GREY),
            ("decoder", ORANGE),
            ("x̂ ≈ x", GREEN),
        ],
    )
    chain(
        3.15,
        "GAN: a game of two",
        [
            ("noise z", GREY),
            ("generator", ORANGE),
            ("x fake", GREEN),
            ("discriminator", BLUE),
            ("real or fake?", GREY),
        ],
    )
    axes.text(4.6, 2.55, "x real", ha="center", color=GREY)
    _arrow(axes, (4.9, 2.6), (5.95, 2.85))
    chain(
        1.75,
        "Energy model: p(x) ∝ exp(−E(x))",
        [
            ("x", GREY),
            ("E(x; θ)", ORANGE),
            ("low: likely", GREY),
            ("Gibbs steps", BLUE),
            ("samples", GREEN),
        ],
    )
    chain(
        0.5,
        "Born machine: p(x) = |⟨x|U(θ)|0⟩|²",
        [("|0…0⟩", GREY), ("U(θ)", ORANGE), ("measure", BLUE), ("bits x", GREEN)],
    )
    return figure


def targets() -> Figure:
    """From tensors to where circuits run, and back."""
    figure, axes = _canvas(9.2, 3.9)
    _box(axes, 1.15, 2.75, "x: (rows, features)", BLUE, 1.9)
    _box(axes, 1.15, 1.35, "θ: weights", ORANGE, 1.9)
    _box(
        axes, 3.9, 2.05, "one structure,\na row of angles\nfor each row", GREY, 1.9, 1.0
    )
    places = [
        (3.35, "qdl.simulator", "one batch; adjoint"),
        (2.5, "lightning.qubit", "row by row; adjoint"),
        (1.65, "aer, aer:fake_torino", "rows in one call; parameter shift"),
        (0.8, "ibm:least_busy", "one job; parameter shift, SPSA"),
    ]
    for y in (2.75, 1.35):
        _arrow(axes, (2.12, y), (2.93, 2.05 + (y - 2.05) * 0.35))
    for y, name, how in places:
        colour = BLUE if y > 2 else GREEN
        _box(axes, 6.85, y, f"{name}\n", colour, 2.75, 0.72)
        axes.text(6.85, y - 0.16, how, ha="center", va="center", fontsize=9)
        _arrow(axes, (4.88, 2.05 + (y - 2.05) * 0.3), (5.45, y))
    axes.text(8.38, 2.05, "results\nand\ngradients", va="center", fontsize=10)
    axes.text(
        3.9, 0.3, "set_target(model, …): the same weights", ha="center", color=GREY
    )
    return figure


# Test accuracies of `make demo`: digits, five seeds, 540 test rows.
DEMO: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "quantum": (526 / 540, 528 / 540, 526 / 540, 524 / 540, 518 / 540),
        "classical twin": (523 / 540, 520 / 540, 514 / 540, 520 / 540, 515 / 540),
    }
)
BASELINES = MappingProxyType(
    {"logistic regression": 523 / 540, "1-nearest neighbour": 528 / 540}
)


def comparison() -> Figure:
    """Seeds, mean and sample standard deviation, and the baselines as lines."""
    figure, axes = plt.subplots(figsize=(7.6, 3.2), layout="constrained")
    for place, values in enumerate(DEMO.values()):
        found = summarise(values)
        colour = (ORANGE, BLUE)[place]
        axes.plot(values, np.full(len(values), place), "o", color=colour, alpha=0.5)
        axes.errorbar(
            found.mean,
            place - 0.22,
            xerr=found.deviation,
            fmt="s",
            color=colour,
            capsize=4,
        )
    for name, value in BASELINES.items():
        axes.axvline(value, color=GREY, linestyle="--", linewidth=1)
        axes.text(value, -0.62, name, ha="center", color=GREY, fontsize=9)
    axes.set_yticks(range(len(DEMO)), list(DEMO))
    axes.set(ylim=(1.4, -0.5), xlabel="test accuracy, 540 digits")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def neural_state() -> Figure:
    """A restricted Boltzmann machine, and the loop of variational Monte Carlo."""
    figure, axes = _canvas(9.2, 3.4)
    spins, units = [0.6 + 0.8 * k for k in range(5)], [1.0 + 0.8 * k for k in range(4)]
    for spin, unit in itertools.product(spins, units):
        axes.plot([spin, unit], [0.75, 2.35], color=GREY, linewidth=0.6, zorder=0)
    values = (1, -1, 1, 1, -1)
    for name, places, height, colour in (
        ("s", spins, 0.75, BLUE),
        ("h", units, 2.35, ORANGE),
    ):
        for number, place in enumerate(places):
            disc = Circle(
                (place, height), 0.24, facecolor=PALE[colour], edgecolor=colour
            )
            axes.add_patch(disc)
            text = f"${name}_{number}$"
            axes.text(place, height, text, ha="center", va="center")
    for place, value in zip(spins, values, strict=True):
        axes.text(place, 0.28, f"{value:+d}".replace("-", "−"), ha="center")
    axes.text(3.9, 1.55, "W", ha="center", color=GREY, fontsize=13)
    axes.text(2.2, 2.95, "Ψ(s) = Σ exp(sᵀWh + aᵀs + bᵀh) over all h", ha="center")
    corners = [(6.0, 2.35), (8.2, 2.35), (8.2, 0.75), (6.0, 0.75)]
    texts = ["samples of |Ψ|²", "local energies\nE(s)", "(S + λ) d = F", "θ − η d"]
    colours = (BLUE, GREEN, ORANGE, GREY)
    for (x, y), text, colour in zip(corners, texts, colours, strict=True):
        _box(axes, x, y, text, colour, 1.5, 0.7)
    _arrow(axes, (6.75, 2.35), (7.45, 2.35))
    _arrow(axes, (8.2, 2.0), (8.2, 1.1))
    _arrow(axes, (7.45, 0.75), (6.75, 0.75))
    _arrow(axes, (6.0, 1.1), (6.0, 2.0))
    return figure


def renormalisation() -> Figure:
    """Blocks of spins that become spins, and a machine that ties spins to fewer."""
    figure, axes = _canvas(9.2, 3.3)

    def disc(x: float, y: float, up: bool, radius: float = 0.17) -> None:
        colour = BLUE if up else ORANGE
        shape = Circle((x, y), radius, facecolor=PALE[colour], edgecolor=colour)
        axes.add_patch(shape)
        axes.text(x, y, "+" if up else "−", ha="center", va="center")

    rows = ((1, 1, 0, 0), (1, 0, 0, 1), (1, 1, 1, 0), (0, 1, 1, 1))
    for (i, row), j in itertools.product(enumerate(rows), range(4)):
        disc(0.5 + 0.55 * j, 2.35 - 0.55 * i, bool(row[j]))
    for i, j in itertools.product(range(2), range(2)):
        corner = 0.24 + 1.1 * j, 1.54 - 1.1 * i
        outline = Rectangle(corner, 1.07, 1.07, fill=False, edgecolor=GREY)
        axes.add_patch(outline)
        ups = sum(rows[2 * i + k][2 * j + m] for k in range(2) for m in range(2))
        disc(4.0 + 0.7 * j, 1.9 - 0.7 * i, ups > 2, 0.22)
    _arrow(axes, (2.65, 1.55), (3.6, 1.55))
    axes.text(3.12, 1.68, "majority", ha="center", fontsize=9)
    axes.text(1.33, 2.85, "couplings K", ha="center")
    axes.text(4.35, 2.45, "couplings K'", ha="center")
    spins, units = [6.0 + 0.5 * k for k in range(6)], [6.5, 7.25, 8.0]
    for spin, unit in itertools.product(spins, units):
        axes.plot([spin, unit], [0.8, 2.1], color=GREY, linewidth=0.6, zorder=0)
    for spin, up in zip(spins, (1, 1, 0, 1, 0, 0), strict=True):
        disc(spin, 0.8, bool(up))
    for unit, up in zip(units, (1, 0, 0), strict=True):
        disc(unit, 2.1, bool(up), 0.22)
    axes.text(7.25, 0.25, "spins v, energy H(v)", ha="center")
    axes.text(7.25, 2.55, "units h, energy H'(h)", ha="center")
    axes.text(8.75, 1.45, "T = H − E", ha="center", color=GREY)
    return figure


def shadows() -> Figure:
    """Shots in random bases, and which of them tell a word."""
    figure, axes = _canvas(7.6, 3.9)
    shots = [("XYZ", "010"), ("ZZX", "110"), ("XXZ", "001"), ("YXZ", "100")]
    shots.append(("XZZ", "101"))
    axes.text(1.55, 3.6, "basis", ha="center")
    axes.text(3.35, 3.6, "read", ha="center")
    axes.text(5.35, 3.6, "X ⊗ 1 ⊗ Z", ha="center", color=BLUE)
    for row, (basis, bits) in enumerate(shots):
        y = 3.15 - 0.58 * row
        told = basis[0] == "X" and basis[2] == "Z"
        for place in range(3):
            colour = BLUE if told and place != 1 else GREY
            _box(axes, 1.05 + place / 2, y, basis[place], colour, 0.46, 0.46)
            _box(axes, 2.85 + place / 2, y, bits[place], colour, 0.46, 0.46)
        sign = "+9" if bits[0] == bits[2] else "−9"
        axes.text(5.35, y, sign if told else "0", ha="center", va="center")
        if told:
            axes.text(6.6, y, sign[0] + "1", ha="center", va="center", color=BLUE)
    axes.text(5.35, 0.05, "random:\nmean of all", ha="center", va="bottom", fontsize=9)
    axes.text(
        6.6, 0.05, "compatible:\nmean of these", ha="center", va="bottom", fontsize=9
    )
    return figure


def kernels() -> Figure:
    """Two ways to a Gram matrix: a row for each pair, or for each point."""
    figure, axes = _canvas(8.4, 3.0)
    for row in range(4):
        y = 2.4 - 0.52 * row
        _box(axes, 0.6, y, f"x{'₁₂₃₄'[row]}", GREY, 0.8, 0.42)
        _arrow(axes, (1.05, y), (1.55, y))
        _box(axes, 2.1, y, f"|φ(x{'₁₂₃₄'[row]})⟩", BLUE, 1.0, 0.42)
        for column in range(4):
            colour = GREEN if column == row else BLUE if column < row else GREY
            text = "1" if column == row else "k" if column < row else ""
            _box(axes, 3.6 + 0.52 * column, y, text, colour, 0.46, 0.42)
            value = f"⟨{'XYZ'[column]}⟩" if column < 3 else ""
            if value:
                _box(axes, 6.75 + 0.6 * column, y, value, ORANGE, 0.52, 0.42)
    _arrow(axes, (2.7, 1.6), (3.25, 1.6))
    axes.text(4.38, 0.25, "fidelity: a row a pair", ha="center")
    axes.text(7.35, 0.25, "projected: a row a point", ha="center")
    return figure


def geometry() -> Figure:
    """A plaquette before and after its sites' frames are turned: one loop."""
    figure, axes = _canvas(7.6, 3.2)
    around = np.array([[0, 1], [1, 1], [1, 0], [0, 0]]) * 1.7
    for left, turns in ((0.7, (0, 0, 0, 0)), (4.9, (40, 160, 250, -60))):
        sites = around + np.array([left, 0.75])
        for k, (x, y) in enumerate(sites):
            start, end = (k, (k + 1) % 4) if k < 2 else ((k + 1) % 4, k)
            step = sites[end] - sites[start]
            _arrow(axes, sites[start] + 0.13 * step, sites[end] - 0.13 * step, GREY)
            angle = np.radians(turns[k])
            for colour, axis in ((BLUE, angle), (ORANGE, angle + np.pi / 2)):
                tip = (x + 0.32 * np.cos(axis), y + 0.32 * np.sin(axis))
                _arrow(axes, (x, y), tip, colour)
            axes.plot(x, y, "o", color="#333333", markersize=4)
        axes.text(left + 0.85, 1.6, "tr w", ha="center", va="center", fontsize=14)
    axes.text(1.55, 0.15, "links u, frames as they are", ha="center")
    axes.text(5.75, 0.15, "links g u g⁻¹, frames turned", ha="center")
    _arrow(axes, (3.3, 1.6), (4.1, 1.6))
    return figure


PICTURES: Mapping[str, Callable[[], Figure]] = MappingProxyType(
    {
        "circuit": circuit,
        "convolution": convolution,
        "generators": generators,
        "targets": targets,
        "neural-state": neural_state,
        "renormalisation": renormalisation,
        "shadows": shadows,
        "kernels": kernels,
        "geometry": geometry,
        "comparison": comparison,
    }
)
"""What is drawn, by the name of its file."""


def draw_all(folder: Path) -> None:
    """Draws every picture that is missing or older than this file."""
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(__file__).stat().st_mtime
    for name, draw in PICTURES.items():
        path = folder / f"{name}.svg"
        if path.exists() and path.stat().st_mtime > source:
            continue
        with matplotlib.rc_context(STYLE):
            figure = draw()
            figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
            plt.close(figure)
