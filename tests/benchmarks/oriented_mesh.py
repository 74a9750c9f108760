"""Segmentation of flows on a sphere: circuits beside their rivals, on the same data.

    .venv/bin/python -m tests.benchmarks.oriented_mesh 5

prints the mean over seeds of the share of vertices recognised, ± the standard deviation
of the sample, and paired differences to the circuits. A seed divides the flows, and
seeds the weights. Everything is trained in the mesh's own frames, and tested there, in
random frames, and on another mesh: as many points on a spiral, rotated, in random
frames.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from attrs import frozen
from scipy.spatial.transform import Rotation
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from qml_qdl.data import Mesh, Split, convex_mesh, icosphere, load, split
from qml_qdl.data.flows import motions, random_flows
from qml_qdl.geometry import MeshNetwork, MeshSegmenter
from qml_qdl.training import TrainingOptions, count_parameters, fit
from qml_qdl.training.statistics import summarise

TRAINING = TrainingOptions(epochs=40, batch_size=16, learning_rate=0.02)
MESH = icosphere(2)
PLACES = ("own frames", "random frames", "another mesh")


class GraphNetwork(nn.Module):
    """Means over neighbours of a network of both components and of where they lie.

    It sees numbers as they are given, each in its own frame.
    """

    def __init__(self, mesh: Mesh, width: int = 48) -> None:
        super().__init__()
        self.message = nn.Sequential(
            nn.Linear(7, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.head = nn.Linear(width + 2, 4)
        self.put_on(mesh)

    def put_on(self, mesh: Mesh) -> None:
        found = mesh.neighbours()
        self.places = torch.tensor(found.places)
        self.present = torch.tensor(found.present).float()[..., None]
        where = [np.cos(found.angles), np.sin(found.angles), found.lengths]
        self.where = torch.tensor(np.stack(where, -1)).float()

    def forward(self, fields: Tensor) -> Tensor:
        here = fields.unflatten(1, (-1, 2))
        there = here[:, self.places]
        pairs = [here[:, :, None].expand_as(there), there]
        pairs.append(self.where.expand(len(here), *self.where.shape))
        sent = self.message(torch.cat(pairs, -1)) * self.present
        mean = sent.sum(2) / self.present.sum(1)
        logits: Tensor = self.head(torch.cat([mean, here], -1)).mT
        return logits


def invariants(mesh: Mesh, inputs: Any, strain: bool) -> Any:
    """Divergence and curl; with strain also strain along and across the flow."""
    found = mesh.neighbours()
    field = inputs.reshape(len(inputs), -1, 2).astype(np.float64)
    field = field[..., 0] + 1j * field[..., 1]
    carried = field[:, found.places] * np.exp(1j * found.transports)
    steps = np.where(found.present, found.lengths, np.inf)
    slope = (carried - field[..., None]) / steps
    even = (slope * np.exp(-1j * found.angles)).sum(-1)
    parts = [even.real, even.imag]
    if strain:
        along = (slope * np.exp(1j * found.angles)).sum(-1) * field.conj()
        along *= field.conj() / np.abs(field) ** 2
        parts += [along.real, along.imag]
    return np.stack(parts, -1).reshape(-1, len(parts)) / found.present.sum(1).mean()


@frozen
class Part:
    """Rows to test on: a mesh, components in its frames, and labels."""

    mesh: Mesh
    inputs: Any
    labels: Any


def spiral(points: int = MESH.num_vertices) -> Mesh:
    """Points at equal steps of height, each a golden angle on from the last."""
    height = 1 - (2 * np.arange(points) + 1) / points
    angle = np.pi * (3 - 5**0.5) * np.arange(points)
    radius = np.sqrt(1 - height**2)
    return convex_mesh(
        np.stack([radius * np.cos(angle), radius * np.sin(angle), height], 1)
    )


def shaken(mesh: Mesh, seed: int) -> Mesh:
    angles = np.random.default_rng(seed).uniform(-np.pi, np.pi, mesh.num_vertices)
    return mesh.with_turned_frames(angles)


def parts(data: Split, seed: int) -> list[Part]:
    """The test rows in own frames, in random ones, and new flows on another mesh."""
    test = data.test
    other = shaken(MESH, seed)
    numbers = test.inputs.reshape(len(test), -1, 2) @ [1, 1j]
    turned = other.components(MESH.vectors(numbers))
    mesh = shaken(
        spiral().rotated(Rotation.random(random_state=seed).as_matrix()), seed
    )
    velocities, pulls = random_flows(mesh.vertices, len(test), seed=1000 + seed)
    labels = motions(mesh, velocities, pulls)
    return [
        Part(MESH, test.inputs, test.labels),
        Part(other, flat(turned), test.labels),
        Part(mesh, flat(mesh.components(velocities)), labels),
    ]


def flat(numbers: Any) -> Any:
    found = np.stack([numbers.real, numbers.imag], -1).reshape(len(numbers), -1)
    return found.astype(np.float32)


def tested(predict: Callable[[Part], Any], data: Split, seed: int) -> list[float]:
    return [
        float((predict(part).reshape(part.labels.shape) == part.labels).mean())
        for part in parts(data, seed)
    ]


def fitted(strain: bool | None, estimator: Any, data: Split, seed: int) -> list[float]:
    """An estimator on invariants, or, where strain is None, on whole rows."""

    def features(mesh: Mesh, inputs: Any) -> Any:
        return inputs if strain is None else invariants(mesh, inputs, strain)

    labels = data.train.labels
    estimator.fit(
        features(MESH, data.train.inputs), labels if strain is None else labels.ravel()
    )
    return tested(lambda p: estimator.predict(features(p.mesh, p.inputs)), data, seed)


def trained(make: Callable[[], Any], data: Split, seed: int) -> tuple[list[float], int]:
    """A network, trained as the command trains it."""
    torch.manual_seed(seed)
    model = make()
    fit(model, data, TRAINING, seed=seed)

    def predict(part: Part) -> Any:
        model.put_on(part.mesh)
        with torch.no_grad():
            return model(torch.tensor(part.inputs)).argmax(1).numpy()

    return tested(predict, data, seed), count_parameters(model)


def run(seeds: int) -> None:
    """Trains everything and prints the table."""
    networks: dict[str, Callable[[], Any]] = {
        "circuits (MeshSegmenter)": lambda: MeshSegmenter(MESH, 4),
        "their twin (MeshNetwork)": lambda: MeshSegmenter(MESH, 4).classical_twin(),
        "MeshNetwork, two layers": lambda: MeshNetwork(MESH, 4, 8, 2),
        "graph network": lambda: GraphNetwork(MESH),
    }
    estimators: dict[str, tuple[bool | None, Callable[[], Any]]] = {
        "1-NN on rows": (None, lambda: KNeighborsClassifier(1)),
        "logistic on divergence, curl": (False, LogisticRegression),
        "logistic on all first derivatives": (True, LogisticRegression),
    }
    found: dict[str, list[list[float]]] = {}
    sizes: dict[str, int] = {}
    for seed in range(seeds):
        data = split(load("oriented_mesh"), seed=seed, standardise=False)
        for name, (strain, estimator) in estimators.items():
            scores = fitted(strain, estimator(), data, seed)
            found.setdefault(name, []).append(scores)
        for name, make in networks.items():
            scores, sizes[name] = trained(make, data, seed)
            found.setdefault(name, []).append(scores)
            print(seed, name, [f"{score:.4f}" for score in scores], flush=True)
    print(f"\n| model | weights | {' | '.join(PLACES)} | less than the circuits |")
    print("|---|---|---|---|---|---|")
    first = np.array(found["circuits (MeshSegmenter)"])
    for name, rows in found.items():
        cells = [
            summarise(column).text(percent=True) for column in zip(*rows, strict=True)
        ]
        gap = summarise((first - np.array(rows))[:, 0].tolist()).text(percent=True)
        print(f"| {name} | {sizes.get(name, '–')} | {' | '.join(cells)} | {gap} |")


if __name__ == "__main__":
    run(int(sys.argv[1]) if sys.argv[1:] else 5)
