"""Ten digits: trained quanvolution, random filters, raw pixels, and a convolution.

`python -m tests.benchmarks.quanvolution` prints means over ten splits in halves.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from qml_qdl.circuits import AngleEncoding, RandomLayers
from qml_qdl.nn import QuantumConv2d
from qml_qdl.training.statistics import summarise

CHANNELS = 12
"""Feature maps of the trained networks, all read from one circuit of four wires."""

Splits = tuple[Tensor, Tensor, Tensor, Tensor]


def halves(seed: int) -> Splits:
    """Images (rows, 1, 8, 8) from 0 to 1 and labels: training half, test half."""
    digits = load_digits()
    images = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32)
    parts = train_test_split(
        np.arange(len(images)),
        test_size=0.5,
        stratify=digits.target,
        random_state=seed,
    )
    labels = torch.tensor(digits.target)
    train, test = parts
    return images[train], labels[train], images[test], labels[test]


def logistic(train: Tensor, labels: Tensor, test: Tensor, wanted: Tensor) -> float:
    """Logistic regression on what the images have become."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(max_iter=2000).fit(train.flatten(1), labels)
    return float(model.score(test.flatten(1), wanted))


def raw_pixels(split: Splits, seed: int) -> float:
    """Logistic regression on the pixels."""
    return logistic(*split)


def random_filters(split: Splits, seed: int) -> float:
    """One random circuit of four outputs, 2 × 2 patches side by side, as in 1c."""
    circuit = RandomLayers(4, seed=seed) @ AngleEncoding(4, scaling=torch.pi)
    conv: Any = QuantumConv2d(
        1, 4, 2, 2, circuit=circuit, trainable=False,
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    train, labels, test, wanted = split
    with torch.no_grad():
        return logistic(conv(train), labels, conv(test), wanted)


def quantum(seed: int) -> nn.Module:
    """A trained circuit on every 2 × 2 patch, read by twelve words, then one layer."""
    torch.manual_seed(seed)
    kind: Any = QuantumConv2d
    conv = kind(1, CHANNELS, 2, padding=1)
    return nn.Sequential(conv, nn.Flatten(), nn.Linear(CHANNELS * 81, 10))


def convolution(seed: int) -> nn.Module:
    """torch's convolution in its place, with as many weights to within 1 %."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, CHANNELS, 2, padding=1), nn.Tanh(), nn.Flatten(),
        nn.Linear(CHANNELS * 81, 10),
    )  # fmt: skip


def trained(
    make: Callable[[int], nn.Module], epochs: int = 40
) -> Callable[[Splits, int], float]:
    """Trains a network on the first half, all epochs, and tests it once at the end."""

    def run(split: Splits, seed: int) -> float:
        train, labels, test, wanted = split
        model = make(seed)
        optimiser = torch.optim.AdamW(model.parameters(), 0.02, weight_decay=0.3)
        steps = epochs * -(-len(train) // 64)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(epochs):
            for rows in torch.randperm(len(train), generator=generator).split(64):
                optimiser.zero_grad()
                loss = nn.functional.cross_entropy(model(train[rows]), labels[rows])
                torch.autograd.backward([loss])
                optimiser.step()
                schedule.step()
        with torch.no_grad():
            return float((model(test).argmax(1) == wanted).float().mean())

    return run


MODELS: dict[str, Callable[[Splits, int], float]] = {
    "raw pixels + logistic regression": raw_pixels,
    "random quanvolution + logistic regression": random_filters,
    "trained quanvolution": trained(quantum),
    "trained convolution": trained(convolution),
}


def table(seeds: int, names: tuple[str, ...] = tuple(MODELS)) -> dict[str, list[float]]:
    """Test accuracies of each model on the same splits."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(seeds):
        split = halves(seed)
        for name in names:
            found[name].append(MODELS[name](split, seed))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    for make in (quantum, convolution):
        weights = sum(weight.numel() for weight in make(0).parameters())
        print(f"{make.__name__}: {weights} weights")
    for name, values in table(seeds).items():
        print(f"{name:42} {summarise(values).text(3)}", values)


if __name__ == "__main__":
    main()
