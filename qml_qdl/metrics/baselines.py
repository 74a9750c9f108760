"""Baselines that need no learning by gradients, measured beside a model."""

from __future__ import annotations

import numpy as np
import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.metrics.chow_liu import chow_liu_tree
from qml_qdl.metrics.sample_quality import (
    Quality,
    as_rows,
    principal_components,
    quality,
)


def sample_baselines(
    real: Tensor,
    generator: torch.Generator | None = None,
    *,
    num_components: int = 8,
    num_samples: int = 1000,
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples from the simplest distributions that fit rows.

    Both Gaussians are sampled from the same normal numbers.

    Args:
        real: Rows to fit, (rows, ...).
        generator: Random numbers; None for torch's own.
        num_components: Principal components of the first, ≥ 1, at most the rows and
            the numbers in a row.
        num_samples: How many, ≥ 1.

    Returns:
        Samples of a Gaussian of the principal components and of a Gaussian of each
        number alone, and the mean row again and again: each
        (num_samples, numbers in a row), of float64.

    Raises:
        ArgumentError: A number is too small, or there are more components than
            numbers in a row.
        DataError: There are fewer rows than components, or fewer than 2, or numbers
            that are not finite.

    Example:
        >>> import torch
        >>> first, _, mean = sample_baselines(
        ...     torch.rand(50, 4, 4), num_components=2, num_samples=10)
        >>> first.shape, mean.shape
        (torch.Size([10, 16]), torch.Size([10, 16]))
    """
    check_count("num_components", num_components)
    check_count("num_samples", num_samples)
    rows = as_rows("real", real, max(2, num_components))
    if num_components > rows.shape[1]:
        raise ArgumentError(
            f"num_components: rows of {rows.shape[1]} numbers have as many principal "
            f"components, got {num_components}; ask for fewer"
        )
    flat = torch.as_tensor(rows)
    shape = (num_samples, flat.shape[1])
    noise = torch.randn(shape, generator=generator, dtype=flat.dtype)
    pca = principal_components(rows, num_components)
    scores = noise[:, :num_components].numpy() * np.sqrt(pca.explained_variance_)
    mean = flat.mean(0)
    return (
        torch.as_tensor(pca.inverse_transform(scores)),
        mean + noise * flat.std(0),
        mean.expand(shape),
    )


@validate_call
def trivial_baselines(
    real: Tensor,
    generator: torch.Generator | None = None,
    *,
    test: Tensor | None = None,
    num_components: int = 8,
    num_samples: int | None = None,
) -> list[Quality]:
    """What needs no learning, measured in the same way: to be printed beside a model.

    Args:
        real: Real samples, (rows, ...), to which baselines are fitted; 4 or more
            rows, and as many as components. Without `test` twice as many.
        generator: Random numbers; None for torch's own.
        test: Other real samples, (rows, ...), 4 or more rows, to measure against, as
            for a model that was trained on `real`; None takes one half of `real`,
            sampled at random, for it, and fits to the other.
        num_components: Principal components of the Gaussian baseline, ≥ 1.
        num_samples: Samples of the Gaussian baselines, ≥ 4; None for as many as the
            floor has. Give the model as many: Fréchet distances shrink, and recall and
            coverage grow, with their number.

    Returns:
        The floor, a Gaussian of the principal components, Gaussian noise on each pixel
        alone, and the mean image. The floor is what they are fitted to, as if it had
        been generated.

    Raises:
        ArgumentError: A number is too small, or there are more components than numbers
            in a row.
        DataError: There are too few rows, or numbers that are not finite.
        ShapeError: The rows of `test` have another shape.

    Example:
        >>> import torch
        >>> images = torch.rand(60, 4, 4)
        >>> found = trivial_baselines(images[:40], test=images[40:], num_components=2)
        >>> [baseline.name for baseline in found]
        ['training rows (floor)', 'PCA-2 Gaussian', 'Gaussian pixels', 'mean image']
    """
    if test is None:
        whole = torch.as_tensor(as_rows("real", real, max(8, 2 * num_components)))
        order = torch.randperm(len(whole), generator=generator)
        half = len(whole) // 2
        target, flat = whole[order[:half]], whole[order[half:]]
        floor = quality(target, flat, "half of the data (floor)")
    else:
        flat = torch.as_tensor(as_rows("real", real, max(4, num_components)))
        if test.shape[1:] != real.shape[1:]:
            raise ShapeError(
                f"test: expected rows like those of real, {tuple(real.shape[1:])}, got "
                f"{tuple(test.shape[1:])}; prepare both in the same way"
            )
        target = torch.as_tensor(as_rows("test", test, 4))
        floor = quality(target, flat, "training rows (floor)")
    count = len(flat) if num_samples is None else num_samples
    check_count("num_samples", count, 4)
    sampled = sample_baselines(
        flat, generator, num_components=num_components, num_samples=count
    )
    names = (f"PCA-{num_components} Gaussian", "Gaussian pixels", "mean image")
    pairs = zip(sampled, names, strict=True)
    return [floor, *(quality(target, samples, name) for samples, name in pairs)]


@frozen(eq=False)
class BitTree:
    """Bits that are sampled one after the other, each given one other at most.

    Args:
        order: Pairs (parent, bit); the parent of a bit without one is −1.
        on: Probabilities (n, 2) that a bit is 1, given that its parent is 0 or 1.
    """

    order: tuple[tuple[int, int], ...]
    on: Tensor

    @classmethod
    def fit(cls, bits: Tensor, *, edges: bool = True) -> BitTree:
        """Fits the tree of Chow and Liu, or independent bits.

        Counts begin at one half, so that what was never seen is unlikely only.

        Args:
            bits: Zeros and ones, (rows, n).
            edges: Whether bits depend on each other at all.

        Returns:
            The tree.
        """
        count = bits.shape[1]
        pairs = chow_liu_tree(bits) if edges and count > 1 else ()
        order = ((-1, 0), *pairs) if pairs else tuple((-1, k) for k in range(count))
        on = torch.empty(count, 2, dtype=torch.float64)
        for parent, child in order:
            for value in (0, 1):
                rows = bits if parent < 0 else bits[bits[:, parent] == value]
                ones = float(rows[:, child].sum())
                on[child, value] = (ones + 0.5) / (len(rows) + 1)
        return cls(order, on)

    @property
    def parameters(self) -> int:
        """How many probabilities it has."""
        return sum(1 if parent < 0 else 2 for parent, _ in self.order)

    def log_likelihood(self, bits: Tensor) -> Tensor:
        """Logarithms of the probabilities of rows.

        Args:
            bits: Zeros and ones, (rows, n).

        Returns:
            (rows,), in nats, float64.
        """
        total = torch.zeros(len(bits), dtype=torch.float64)
        for parent, child in self.order:
            given = self._given(bits, parent, child)
            here = bits[:, child] == 1
            total += torch.where(here, given, 1 - given).log()
        return total

    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Samples bits.

        Args:
            rows: How many.
            generator: Random numbers; None for torch's own.

        Returns:
            Zeros and ones, (rows, n).
        """
        bits = torch.zeros(rows, len(self.on))
        for parent, child in self.order:
            given = self._given(bits, parent, child)
            bits[:, child] = torch.bernoulli(given, generator=generator).float()
        return bits

    def _given(self, bits: Tensor, parent: int, child: int) -> Tensor:
        if parent < 0:
            return self.on[child, 0].expand(len(bits))
        return self.on[child][bits[:, parent].long()]
