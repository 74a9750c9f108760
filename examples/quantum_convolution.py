"""Convolution by hand, by torch and by a circuit; feature maps; hybrid and classical.

`python examples/quantum_convolution.py FOLDER` also writes its pictures there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.data import load, split
from qml_qdl.nn import QuantumConv1d, QuantumConv2d

SIGNALS = (
    ("no padding", [1, 2, 3, 4, 5], [1, 0, -1], 1, 0),
    ("padding 1, the same size", [1, 2, 3, 4, 5], [1, 0, -1], 1, 1),
    # A lecture prints six of these seven and calls them the same size.
    ("padding 2, the full convolution", [1, 2, 3, 4, 5], [1, 0, -1], 1, 2),
    ("stride 2", [3, 2, 1, 7, 1, 2, 5, 4], [0.5, 0.75, 1, 0.25], 2, 0),
)

EDGES = torch.tensor(
    [
        [[1.0, 0, -1], [1, 0, -1], [1, 0, -1]],
        [[1.0, 1, 1], [0, 0, 0], [-1, -1, -1]],
    ]
)
"""Kernels that see upright and lying edges."""


def set_weights(conv: Any, kernels: Tensor) -> None:
    """Makes a layer with linear circuits, whose weights are cos θ, a given filter."""
    with torch.no_grad():
        for layer, kernel in zip(conv.kernels, kernels, strict=True):
            layer.weights_0.copy_(kernel.flatten().arccos())


def convolve_by_hand() -> None:
    """The flipped kernel of mathematics; the circuit's pixels are scaled to ±1."""
    for name, numbers, weights, stride, padding in SIGNALS:
        x = torch.tensor(numbers, dtype=torch.float64)
        w = torch.tensor(weights, dtype=torch.float64)
        classical = functional.conv1d(
            x[None], w.flip(0)[None, None], stride=stride, padding=padding
        )[0]
        conv: Any = QuantumConv1d(
            1, 1, len(w), stride, padding, bias=False, encoding="linear", flip=True
        )
        set_weights(conv.double(), w[None])
        with torch.no_grad():
            quantum = conv(x[None] / x.max())[0] * x.max()
        print(f"{numbers} * {weights}, {name}:")
        print(f"  torch   {[round(v, 6) + 0.0 for v in classical.tolist()]}")
        print(f"  circuit {[round(v, 6) + 0.0 for v in quantum.tolist()]}")
    size = QuantumConv1d(1, 1, 3, stride=2, padding=2).output_size([10])
    print(f"n = 10, m = 3, p = 2, s = 2: {size[0]} outputs")


def plot_feature_maps(image: Tensor, trained: Any) -> Figure:
    """An image, its edges by torch and by a circuit, pooled, and trained maps."""
    conv: Any = QuantumConv2d(1, 2, 3, padding=1, bias=False, encoding="linear")
    set_weights(conv, EDGES)
    with torch.no_grad():
        edges = conv(image[None])[0]
        classical = functional.conv2d(image[None], EDGES[:, None], padding=1)[0]
        maps = trained(image[None])[0]
    assert torch.allclose(edges, classical, atol=1e-5)
    rows = [
        [
            ("image", image[0]),
            *((f"torch, edge {k + 1}", classical[k]) for k in (0, 1)),
        ],
        [
            ("max pooling", functional.max_pool2d(edges, 2)[0]),
            *((f"circuit, edge {k + 1}", edges[k]) for k in (0, 1)),
        ],
        [(f"trained map {k + 1}", maps[k]) for k in range(3)],
    ]
    figure = Figure(figsize=(6, 6.4), layout="constrained")
    for line, shown in zip(figure.subplots(3, 3), rows, strict=True):
        for axes, (name, values) in zip(line, shown, strict=True):
            axes.imshow(values.numpy(), cmap="gray" if name == "image" else "PiYG")
            axes.set_title(name, fontsize="small")
            axes.set_axis_off()
    return figure


def train(model: nn.Module, images: Tensor, labels: Tensor, steps: int) -> list[float]:
    """Returns the loss on all images before each step, and at the end."""
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for step in range(steps + 1):
        rows = torch.randint(len(images), (64,), generator=generator)
        if step in (0, steps):
            rows = torch.arange(len(images))
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(images[rows]), labels[rows])
        losses.append(float(loss.detach()))
        if step < steps:
            torch.autograd.backward([loss])
            optimiser.step()
    return losses


def main(folder: Path | None = None, steps: int = 150) -> dict[str, list[float]]:
    """Runs all of it and returns the losses of both networks."""
    torch.manual_seed(0)
    convolve_by_hand()

    parts = split(load("digits"), seed=0)
    images, labels = torch.tensor(parts.train.inputs), torch.tensor(parts.train.labels)
    test, wanted = torch.tensor(parts.test.inputs), torch.tensor(parts.test.labels)
    convolutions = {
        "quantum": QuantumConv2d(1, 4, kernel_size=2),
        "classical": nn.Sequential(nn.Conv2d(1, 4, kernel_size=2), nn.Tanh()),
    }
    losses = {}
    for name, conv in convolutions.items():
        torch.manual_seed(0)
        model = nn.Sequential(conv, nn.Flatten(), nn.Linear(4 * 7 * 7, 10))
        losses[name] = train(model, images, labels, steps)
        with torch.no_grad():
            right = float((model(test).argmax(1) == wanted).float().mean())
        print(
            f"{name}: loss {losses[name][0]:.2f} → {losses[name][-1]:.2f} in {steps} "
            f"steps, {right:.1%} of the test images"
        )
    if folder is not None:
        figure = plot_feature_maps(images[0], convolutions["quantum"])
        figure.savefig(folder / "feature-maps.png", dpi=120)
        figure = Figure(figsize=(5, 3.2), layout="constrained")
        axes = figure.subplots()
        for name, values in losses.items():
            axes.plot(values, label=name)
        axes.set_xlabel("step")
        axes.set_ylabel("cross entropy")
        axes.legend()
        figure.savefig(folder / "losses.png", dpi=120)
    return losses


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
