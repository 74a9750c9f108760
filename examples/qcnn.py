"""A quantum convolutional neural network: on digits, and on states of a spin chain.

`python examples/qcnn.py FOLDER` also writes its pictures there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits import qcnn
from qml_qdl.models import QCNNClassifier

WIRES = 8
"""Wires of both networks."""


def zeros_and_ones() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Digits 0 and 1 as eight angles from 0 to π, scaled by the training part alone."""
    digits = load_digits()
    chosen = digits.target < 2
    train, test, labels, wanted = train_test_split(
        digits.data[chosen], digits.target[chosen], test_size=0.3, random_state=0
    )
    pca = PCA(WIRES, random_state=0).fit(train)
    train, test = pca.transform(train), pca.transform(test)
    low, high = train.min(0), train.max(0)
    parts = [np.pi * (part - low) / (high - low) for part in (train, test)]
    angles = [torch.tensor(part, dtype=torch.float32) for part in parts]
    return angles[0], torch.tensor(labels), angles[1], torch.tensor(wanted)


def ground_states(fields: Any) -> Tensor:
    """Ground states of the Ising chain −Σ ZZ − h Σ X on a ring, one row for each h."""
    bits = (np.arange(2**WIRES)[:, None] >> np.arange(WIRES)[::-1]) & 1
    spins = 1 - 2 * bits
    bonds = np.diag(-(spins * np.roll(spins, -1, axis=1)).sum(1)).astype(float)
    flips = np.zeros_like(bonds)
    for wire in range(WIRES):
        flips[np.arange(2**WIRES), np.arange(2**WIRES) ^ (1 << wire)] -= 1
    states = [np.linalg.eigh(bonds + h * flips)[1][:, 0] for h in fields]
    # Up to a sign, which an amplitude encoding does not see in its expectation values.
    return torch.tensor(np.array(states), dtype=torch.float32)


def train(model: nn.Module, x: Tensor, y: Tensor, steps: int) -> list[float]:
    """Returns the loss on all rows before each step, and at the end."""
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for step in range(steps + 1):
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        losses.append(float(loss.detach()))
        if step < steps:
            torch.autograd.backward([loss])
            optimiser.step()
    return losses


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())


def main(folder: Path | None = None, steps: int = 60) -> dict[str, list[float]]:
    """Runs all of it and returns the losses of the networks."""
    print(qcnn(4, convolution=1))
    losses: dict[str, list[float]] = {}

    x, y, test, wanted = zeros_and_ones()
    torch.manual_seed(0)
    quantum = QCNNClassifier(WIRES, 2, convolution=9)
    for name, model in (("QCNN", quantum), ("CNN", quantum.classical_twin())):
        weights = sum(weight.numel() for weight in model.parameters())
        losses[name] = train(model, x, y, steps)
        right = accuracy(model, test, wanted)
        print(f"0 or 1, {name} of {weights} weights: {right:.1%} of the test images")
    for baseline in (LogisticRegression(), KNeighborsClassifier(1)):
        right = float(baseline.fit(x, y).score(test, wanted))
        print(f"0 or 1, {type(baseline).__name__}: {right:.1%}")

    # Quantum data: the phase of a chain from its ground state, trained far from the
    # transition at h = 1 and asked everywhere.
    known = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 1.6, 1.7, 1.8, 1.9, 2.0])
    fields = torch.linspace(0.05, 2.05, 41)
    torch.manual_seed(0)
    phases = QCNNClassifier(2**WIRES, 2, encoding="amplitude", convolution=6)
    losses["phases"] = train(
        phases, ground_states(known.numpy()), (known > 1).long(), steps
    )
    with torch.no_grad():
        disordered = phases(ground_states(fields.numpy())).softmax(1)[:, 1]
    right = float(((disordered > 0.5) == (fields > 1)).float().mean())
    print(f"Ising chain: phase right at {right:.1%} of the fields, trained at ten")

    if folder is not None:
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        left, middle = figure.subplots(1, 2)
        for name, values in losses.items():
            left.plot(values, label=name)
        left.set_xlabel("step")
        left.set_ylabel("cross entropy")
        left.legend()
        middle.plot(fields.numpy(), disordered.numpy(), color="tab:purple")
        middle.plot(known.numpy(), (known > 1).float().numpy(), "k.", label="trained")
        middle.axvline(1, color="grey", linestyle=":", label="transition")
        middle.set_xlabel("field h")
        middle.set_ylabel("probability of disorder")
        middle.legend()
        figure.savefig(folder / "qcnn.png", dpi=120)
        drawing, _ = qcnn(4, convolution=9).draw_mpl()
        drawing.savefig(folder / "qcnn-circuit.png", dpi=80, bbox_inches="tight")
    return losses


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
