"""Digits on a sphere, trained upright and tested at any tilt: circuits and rivals.

    .venv/bin/python -m tests.benchmarks.spherical_digits --seeds 5 "circuits"

runs the models whose names hold the text, all of them without one. Each seed divides
the digits anew, 500 to train and 1297 to test, each of those at a tilt of its own; a
line for every seed, and mean ± standard deviation over the seeds. Seconds are those of
the processor.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from attrs import frozen
from scipy.spatial.transform import Rotation
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.data import SphereGrid, load
from qml_qdl.geometry import SphereClassifier, SphereNetwork, bispectrum
from qml_qdl.training.statistics import summarise

GRID = SphereGrid(16)
SHAPE = (1, *GRID.shape)
TRAINED_ON = 500


@frozen(eq=False)
class Digits:
    """One division of the digits, and the tests' own tilts.

    Args:
        train: (500, 1, nlat, nlon), upright.
        labels: Their classes.
        upright: The test images.
        tilted: The same, each at a random tilt.
        wanted: Their classes.
    """

    train: Tensor
    labels: Tensor
    upright: Tensor
    tilted: Tensor
    wanted: Tensor

    @classmethod
    def divided(cls, seed: int) -> Digits:
        """The division of a seed."""
        data = load("spherical_digits")
        order = np.random.default_rng(seed).permutation(len(data))
        first, rest = order[:TRAINED_ON], order[TRAINED_ON:]
        tilts = Rotation.random(len(rest), rng=np.random.default_rng(seed))
        turned = GRID.rotate(data.inputs[rest, 0], tilts)[:, None]
        parts: list[Any] = [data.inputs[first], data.labels[first], data.inputs[rest]]
        parts += [turned.astype(np.float32), data.labels[rest]]
        return cls(*map(torch.tensor, parts))


def trained(
    make: Callable[[], nn.Module], learning_rate: float, epochs: int, digits: Digits
) -> tuple[Callable[[Tensor], Tensor], int]:
    """A network trained by AdamW with one cycle of its rate, in batches of 50."""
    model = make()
    options: Any = {"lr": learning_rate, "weight_decay": 0.02}
    optimiser = torch.optim.AdamW(model.parameters(), **options)
    steps = epochs * TRAINED_ON // 50
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning_rate, total_steps=steps
    )
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(TRAINED_ON).split(50):
            optimiser.zero_grad()
            logits = model(digits.train[rows])
            loss = functional.cross_entropy(logits, digits.labels[rows])
            torch.autograd.backward([loss])
            optimiser.step()
            schedule.step()
    model.eval()
    size = sum(weight.numel() for weight in model.parameters())
    return lambda images: model(images).argmax(1), size


def fitted(
    estimator: Any, features: Callable[[Tensor], Any], digits: Digits
) -> tuple[Callable[[Tensor], Tensor], int]:
    """An estimator of scikit-learn on features of images; 0 stands for no weights."""
    estimator.fit(features(digits.train), digits.labels.numpy())
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    coefficients = getattr(last, "coef_", np.zeros((0, 0)))
    size = coefficients.size + len(coefficients)
    return lambda x: torch.tensor(estimator.predict(features(x))), size


def invariants(lmax: int, images: Tensor, spectrum: bool = False) -> Any:
    """Bispectrum, or power spectrum alone, as cube roots."""
    coefficients = torch.tensor(GRID.analysis(images[:, 0].numpy(), lmax))
    found = bispectrum(coefficients)[:, : lmax + 1 if spectrum else None]
    return np.cbrt(found.numpy())


def coefficients(images: Tensor) -> Any:
    """All coefficients, which turn with the image."""
    return GRID.analysis(images[:, 0].numpy())


def regression() -> Any:
    """What reads invariants."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=3000))


Trainer = Callable[[Digits], tuple[Callable[[Tensor], Tensor], int]]

MODELS: Mapping[str, Trainer] = MappingProxyType(
    {
        "logistic regression, power spectrum, lmax 7": lambda digits: fitted(
            regression(), partial(invariants, 7, spectrum=True), digits
        ),
        "logistic regression, bispectrum, lmax 3": lambda digits: fitted(
            regression(), partial(invariants, 3), digits
        ),
        "logistic regression, bispectrum, lmax 7": lambda digits: fitted(
            regression(), partial(invariants, 7), digits
        ),
        "1-NN on coefficients, lmax 15": lambda digits: fitted(
            KNeighborsClassifier(1), coefficients, digits
        ),
        "Clebsch-Gordan network, lmax 7": partial(
            trained, lambda: SphereNetwork(SHAPE, 10), 0.01, 20
        ),
        "circuits, lmax 3": partial(
            trained, lambda: SphereClassifier(SHAPE, 10), 0.03, 25
        ),
        "their classical twin, lmax 3, as long": partial(
            trained, lambda: SphereClassifier(SHAPE, 10).classical_twin(), 0.03, 25
        ),
        "their classical twin, lmax 3, 60 epochs": partial(
            trained, lambda: SphereClassifier(SHAPE, 10).classical_twin(), 0.03, 60
        ),
        "circuits of the field as a state, lmax 3": partial(
            trained, lambda: SphereClassifier(SHAPE, 10, encoding="state"), 0.03, 25
        ),
    }
)
"""What is compared, by name."""


def run(name: str, seed: int) -> tuple[float, float]:
    """Trains one model, prints a line, and returns its shares of right answers."""
    torch.manual_seed(seed)
    digits = Digits.divided(seed)
    begin = time.process_time()
    classify, size = MODELS[name](digits)
    seconds = time.process_time() - begin
    with torch.no_grad():
        upright, tilted = (
            float((classify(images) == digits.wanted).float().mean())
            for images in (digits.upright, digits.tilted)
        )
    print(
        f"{name} | seed {seed} | {size} weights | {seconds:.0f} s | upright "
        f"{upright:.1%} | tilted {tilted:.1%}",
        flush=True,
    )
    return upright, tilted


def table(names: Sequence[str], seeds: Sequence[int]) -> None:
    """All models over all seeds, and what each has more than the first, by pairs."""
    first: list[float] | None = None
    for name in names:
        upright, tilted = map(
            list, zip(*(run(name, each) for each in seeds), strict=True)
        )
        first = first or tilted
        pairs = [100 * (a - b) for a, b in zip(tilted, first, strict=True)]
        print(
            f"{name} | upright {summarise(upright).text(percent=True)} | tilted "
            f"{summarise(tilted).text(percent=True)} | beside the first, in points "
            f"{np.mean(pairs):+.1f} ± {np.std(pairs, ddof=len(pairs) > 1):.1f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", nargs="?", default="")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = [name for name in MODELS if options.text in name]
    table(names, range(1, options.seeds + 1))


if __name__ == "__main__":
    main()
