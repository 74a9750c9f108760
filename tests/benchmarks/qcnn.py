"""The QCNN of Hur, Kim and Park (arXiv:2108.00661) on two classes, beside rivals.

`python -m tests.benchmarks.qcnn` prints the table for the digits 0 and 1 that
scikit-learn ships; `--data mnist` is the paper's own, downloaded once;
`--few-data` prints accuracy against the number of training images instead.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits import (
    AmplitudeEncoding,
    Circuit,
    EquivariantProcessing,
    Expectation,
    qcnn,
)
from qml_qdl.circuits.symmetry.named_groups import local_flips
from qml_qdl.data import load
from qml_qdl.models import QCNNClassifier
from qml_qdl.nn import QuantumLayer
from qml_qdl.training.statistics import summarise

ENCODINGS = ("angle", "amplitude")
"""Eight principal components as angles, or all pixels as amplitudes."""


@dataclass(frozen=True)
class Budget:
    """How a network is trained; the default is the paper's.

    Args:
        steps: Optimiser steps.
        batch: Images in each, drawn with replacement; None takes all.
        optimizer: "nesterov" with momentum 0.9, or "adam".
        rate: Learning rate.
    """

    steps: int = 200
    batch: int | None = 25
    optimizer: str = "nesterov"
    rate: float = 0.01

    def optimiser(self, model: nn.Module) -> torch.optim.Optimizer:
        if self.optimizer == "adam":
            return torch.optim.Adam(model.parameters(), self.rate)
        return torch.optim.SGD(
            model.parameters(), self.rate, momentum=0.9, nesterov=True
        )


PAPER = Budget()
ADAM = Budget(optimizer="adam", rate=0.03)
FEW = Budget(steps=100, batch=None, optimizer="adam", rate=0.05)


@dataclass(frozen=True)
class Task:
    """Two classes: flat images from 0 to 1, and labels 0 and 1."""

    train: Tensor
    labels: Tensor
    test: Tensor
    wanted: Tensor

    @property
    def side(self) -> int:
        return math.isqrt(self.train.shape[1])

    def encoded(self, encoding: str) -> tuple[Tensor, Tensor]:
        """The features of both parts, scaled by what the training part says alone."""
        if encoding == "amplitude":
            return self.train, self.test
        pca = PCA(8, random_state=0).fit(self.train)
        train, test = pca.transform(self.train), pca.transform(self.test)
        low, high = train.min(0), train.max(0)
        scaled = [(part - low) / (high - low) * np.pi for part in (train, test)]
        return tuple(torch.tensor(part, dtype=torch.float32) for part in scaled)  # type: ignore[return-value]


def task(data: str, seed: int, train_size: int | None = None) -> Task:
    """0 against 1: MNIST as it is split by its makers, else 30 % for the test."""
    images = load(data)
    chosen = np.flatnonzero(images.labels < 2)
    pixels = torch.tensor(images.inputs[chosen], dtype=torch.float32)
    labels = torch.tensor(images.labels[chosen])
    rows = np.arange(len(chosen))
    if data == "mnist":  # as the paper: 256 amplitudes of 8 wires
        pixels = functional.interpolate(pixels, (16, 16), mode="bilinear")
        train, test = rows[chosen < 60_000], rows[chosen >= 60_000]
    else:
        train, test = train_test_split(
            rows,
            test_size=0.3 if train_size is None else 100,
            stratify=labels,
            random_state=seed,
        )
    if train_size is not None:
        train, _ = train_test_split(
            train, train_size=train_size, stratify=labels[train], random_state=seed
        )
    flat = pixels.flatten(1)
    return Task(flat[train], labels[train], flat[test], labels[test])


def trained(
    model: nn.Module, x: Tensor, y: Tensor, budget: Budget, seed: int
) -> nn.Module:
    """Trains a network; the optimiser keeps its state from step to step."""
    optimiser = budget.optimiser(model)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(budget.steps):
        rows = torch.arange(len(x))
        if budget.batch is not None:
            rows = torch.randint(len(x), (budget.batch,), generator=generator)
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(x[rows]), y[rows])
        torch.autograd.backward([loss])
        optimiser.step()
    return model


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())


def quantum(
    task: Task,
    encoding: str,
    convolution: int,
    seed: int,
    budget: Budget = PAPER,
    pooling: str = "zx",
) -> float:
    """Test accuracy of the quantum network."""
    train, test = task.encoded(encoding)
    torch.manual_seed(seed)
    model = QCNNClassifier(
        train.shape[1], 2, encoding=encoding, convolution=convolution, pooling=pooling
    )
    trained(model, train, task.labels, budget, seed)
    return accuracy(model, test, task.wanted)


def twin(task: Task, encoding: str, seed: int, budget: Budget = PAPER) -> float:
    """Test accuracy of the CNN with as many weights as ansatz 9, on the same data."""
    train, test = task.encoded(encoding)
    shape: Any = train.shape[1]
    if encoding == "amplitude":
        shape = (1, task.side, task.side)
        train, test = train.reshape(-1, *shape), test.reshape(-1, *shape)
    torch.manual_seed(seed)
    model = QCNNClassifier(shape, 2, encoding=encoding).classical_twin()
    trained(model, train, task.labels, budget, seed)
    return accuracy(model, test, task.wanted)


def rivals(task: Task, encoding: str) -> dict[str, float]:
    """Test accuracies of what has nothing to train, or next to nothing."""
    train, test = task.encoded(encoding)
    found = {}
    for name, model in (
        ("logistic regression", LogisticRegression(max_iter=1000)),
        ("1-NN", KNeighborsClassifier(1)),
        ("nearest class mean", NearestCentroid()),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = model.fit(train.numpy(), task.labels.numpy())
            found[name] = float(fitted.score(test.numpy(), task.wanted.numpy()))
    return found


def show(name: str, values: Iterable[float]) -> None:
    print(f"{name:32} {summarise(values).text(3)}", flush=True)


def table(data: str, seeds: int, budget: Budget, convolutions: list[int]) -> None:
    tasks = [task(data, seed) for seed in range(seeds)]
    sizes = len(tasks[0].train), len(tasks[0].test)
    print(f"{data}, 0 against 1: {sizes[0]} to train, {sizes[1]} to test; {budget}")
    for encoding in ENCODINGS:
        print(encoding)
        for number in convolutions:
            values = (
                quantum(one, encoding, number, seed, budget)
                for seed, one in enumerate(tasks)
            )
            show(f"  convolution {number}", values)
        values = (twin(one, encoding, seed, budget) for seed, one in enumerate(tasks))
        show("  CNN", values)
        found = [rivals(one, encoding) for one in tasks]
        for name in found[0]:
            show(f"  {name}", (each[name] for each in found))


class Scaled(nn.Module):
    """Logits from expectation values by a trained scale for each, and an offset.

    Args:
        circuit: Reads 64 pixels; its readout are expectation values.
    """

    def __init__(self, circuit: Circuit) -> None:
        super().__init__()
        self.quantum = QuantumLayer(circuit, init_method="near_identity")
        (size,) = circuit.output_shape
        self.scale = nn.Parameter(torch.full((size or 1,), 5.0))
        self.offset = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        value = self.quantum(x) @ self.scale + self.offset
        return torch.stack([torch.zeros_like(value), value], dim=1)


def reflected(layers: int = 2) -> Circuit:
    """A circuit that cannot tell an image from its reflections.

    Wires 0, 1, 2 hold the row of a pixel and 3, 4, 5 its column: a reflection flips all
    of one kind. Generators have one Y, so that amplitudes stay real: YZ within rows or
    columns, and XYZ with one wire of the other kind.
    """
    kinds = ((0, 1, 2), (3, 4, 5))
    words = []
    for own, other in (kinds, kinds[::-1]):
        words += [{i: "Y", j: "Z"} for i, j in permutations(own, 2)]
        ring = zip(own, (*own[1:], own[0]), other, strict=True)
        words += [{i: "Y", j: "Z", k: "X"} for i, j, k in ring]
    letters = ["".join(word.get(wire, "I") for wire in range(6)) for word in words]
    processing = EquivariantProcessing(6, local_flips(6, kinds), letters, layers)
    readout = Expectation(["ZZIIII", "IIIZZI"])
    return (processing @ AmplitudeEncoding(6)).with_readout(readout)


FEW_MODELS: dict[str, Callable[[], nn.Module]] = {
    "convolution 9": lambda: QCNNClassifier(64, 2, encoding="amplitude"),
    "convolution 9, scaled": lambda: Scaled(qcnn(6, 9) @ AmplitudeEncoding(6)),
    "reflection-equivariant": lambda: Scaled(reflected()),
}


def few(name: str, size: int, seed: int) -> float:
    """Test accuracy after 100 steps on all of a few training images."""
    one = task("digits", seed, size)
    torch.manual_seed(seed)
    model = trained(FEW_MODELS[name](), one.train, one.labels, FEW, seed)
    return accuracy(model, one.test, one.wanted)


def few_data(sizes: Iterable[int], seeds: int) -> None:
    """All pixels as amplitudes of six wires; 100 test images."""
    for size in sizes:
        print(f"{size} training images")
        for name in FEW_MODELS:
            show(f"  {name}", (few(name, size, seed) for seed in range(seeds)))
        found = [rivals(task("digits", s, size), "amplitude") for s in range(seeds)]
        for name in found[0]:
            show(f"  {name}", (each[name] for each in found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=("digits", "mnist"), default="digits")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--adam", action="store_true", help="Adam for Nesterov")
    parser.add_argument("--few-data", action="store_true")
    parser.add_argument(
        "--convolutions", type=int, nargs="*", default=list(range(1, 10))
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.few_data:
        few_data((2, 5, 10, 20, 40, 80), options.seeds)
        return
    budget = ADAM if options.adam else PAPER
    table(options.data, options.seeds, budget, options.convolutions)


if __name__ == "__main__":
    main()
