"""Fields on a mesh: what a flow does at each vertex, whatever the frames.

`python examples/mesh.py FOLDER` also writes its pictures there, in about a minute.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.data import Mesh, icosphere, motions, random_flows, torus
from qml_qdl.data.flows import MOTIONS
from qml_qdl.geometry import MeshSegmenter, plot_field

MESH = icosphere(2)
SHAKEN = MESH.with_turned_frames(np.random.default_rng(0).uniform(-np.pi, np.pi, 162))


def flows(rows: int, seed: int) -> tuple[Any, Tensor]:
    """Velocities as vectors in space, and what the flow does at each vertex."""
    velocities, accelerations = random_flows(MESH.vertices, rows, seed=seed)
    return velocities, torch.tensor(motions(MESH, velocities, accelerations))


def components(mesh: Mesh, vectors: Any) -> Tensor:
    """Vectors as one complex number at each vertex, in the frames of the mesh."""
    return torch.tensor(mesh.components(vectors)).to(torch.complex64)[:, None]


def show_curvature() -> None:
    """What carrying a vector around every face adds up to is no matter of frames."""
    for name, mesh in (("sphere", MESH), ("torus", torus())):
        turns = mesh.face_holonomies.sum() / (2 * np.pi)
        deficit = mesh.angle_deficits.sum() / (2 * np.pi)
        print(
            f"{name}: V − E + F = {mesh.euler_characteristic}, holonomies "
            f"{abs(turns):.3f} and deficits of angles {abs(deficit):.3f} full turns"
        )


def train(
    model: nn.Module, inputs: Tensor, labels: Tensor, steps: int, seed: int = 0
) -> list[float]:
    """Returns the loss of all rows before each step, and at last."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.03)
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for step in range(steps + 1):
        with torch.no_grad():
            if step in (0, steps):
                losses.append(float(functional.cross_entropy(model(inputs), labels)))
        if step == steps:
            break
        rows = torch.randperm(len(inputs), generator=generator)[:16]
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(inputs[rows]), labels[rows])
        if step:
            losses.append(float(loss.detach()))
        torch.autograd.backward([loss])
        optimiser.step()
    return losses


def predicted(model: Any, mesh: Mesh, vectors: Any) -> Tensor:
    """The class of each vertex, with the model put on a mesh."""
    model.put_on(mesh)
    with torch.no_grad():
        found: Tensor = model(components(mesh, vectors)).argmax(1)
    model.put_on(MESH)
    return found


def plot_frames(vectors: Any) -> Figure:
    """One field: its arrows, and its components in two choices of frames."""
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    for column, (mesh, name) in enumerate(((MESH, "own"), (SHAKEN, "random"))):
        axes = figure.add_subplot(1, 2, column + 1, projection="3d")
        plot_field(mesh, mesh.frames[:, 0], axes=axes)
        number = mesh.components(vectors)[30]
        axes.set_title(
            f"{name} frames: first vectors\nthe flow at vertex 30 is "
            f"{number.real:.2f} {number.imag:+.2f}i"
        )
    return figure


def plot_flow(panels: Mapping[str, Tensor], vectors: Any, truth: Tensor) -> Figure:
    """One flow with the classes of each panel, and the share that is right."""
    figure = Figure(figsize=(4 * len(panels), 4.6), layout="constrained")
    for column, (name, classes) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), column + 1, projection="3d")
        names = MOTIONS if column == 0 else ()
        plot_field(MESH, vectors, classes.numpy(), names, axes=axes)
        share = float((classes == truth).float().mean())
        axes.set_title(name if column == 0 else f"{name}: {share:.0%}")
    return figure


def main(folder: Path | None = None, steps: int = 200) -> dict[str, list[float]]:
    """Runs all of it and returns the losses of the networks."""
    show_curvature()
    vectors, labels = flows(120, seed=0)
    test, wanted = flows(60, seed=1)
    torch.manual_seed(0)
    circuits = MeshSegmenter(MESH, len(MOTIONS))
    models: dict[str, Any] = {"circuits": circuits, "twin": circuits.classical_twin()}
    losses = {}
    for name, model in models.items():
        losses[name] = train(model, components(MESH, vectors), labels, steps)
        weights = sum(weight.numel() for weight in model.parameters())
        own, other = (predicted(model, mesh, test) for mesh in (MESH, SHAKEN))
        shares = [float((each == wanted).float().mean()) for each in (own, other)]
        differ = float((own != other).float().mean())
        print(
            f"{name} ({weights} weights): right at {shares[0]:.1%} of the vertices, in "
            f"random frames {shares[1]:.1%}; {differ:.1%} of the answers differ"
        )
    if folder is not None:
        row = slice(3, 4)
        panels = {"truth": wanted[3]}
        for name, mesh in (("own frames", MESH), ("random frames", SHAKEN)):
            panels[f"circuits, {name}"] = predicted(circuits, mesh, test[row])[0]
        plot_frames(test[3]).savefig(folder / "mesh-frames.png", dpi=90)
        plot_flow(panels, test[3], wanted[3]).savefig(folder / "mesh-flow.png", dpi=90)
    return losses


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
