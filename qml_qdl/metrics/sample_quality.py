"""Quality of samples: measures that no collapsed generator pleases together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.circuits.validation import check_count, validate_call

if TYPE_CHECKING:
    from sklearn.decomposition import PCA


def as_rows(name: str, samples: Tensor, least: int) -> NDArray[np.float64]:
    """Samples as a float64 matrix.

    Args:
        name: The argument's name, for the message.
        samples: What came, (rows, ...).
        least: How many rows there must be.

    Returns:
        (rows, numbers in a row).

    Raises:
        DataError: There are fewer rows, or numbers that are not finite.
        ShapeError: A row has no axis.
    """
    if samples.ndim < 2:
        raise ShapeError(
            f"{name}: expected the shape (rows, ...), got {tuple(samples.shape)}"
        )
    if len(samples) < least:
        raise DataError(f"{name}: expected at least {least} rows, got {len(samples)}")
    rows = samples.detach().double().flatten(1).numpy(force=True)
    if not np.isfinite(rows).all():
        raise DataError(f"{name}: expected finite numbers, got NaN or infinity")
    return rows


def _as_pair(real: Tensor, generated: Tensor, least: int) -> list[NDArray[np.float64]]:
    """Both as float64 matrices (rows, numbers in a row)."""
    if real.ndim < 2 or generated.shape[1:] != real.shape[1:]:
        raise ShapeError(
            "real, generated: expected rows of the same shape, got "
            f"{tuple(real.shape)} and {tuple(generated.shape)}"
        )
    return [as_rows("real", real, least), as_rows("generated", generated, least)]


def principal_components(rows: NDArray[np.float64], number: int) -> PCA:
    """The principal components of rows, also of rows that are all the same.

    Args:
        rows: (rows, numbers in a row).
        number: How many components.

    Returns:
        scikit-learn's, fitted.
    """
    from sklearn.decomposition import PCA

    # Shares of no variance are 0/0 and not used.
    with np.errstate(invalid="ignore"):
        return PCA(number, svd_solver="full").fit(rows)


@validate_call
def frechet_distance(
    real: Tensor, generated: Tensor, num_components: int | None = None
) -> float:
    """Fréchet distance of the Gaussians that fit both sets of samples.

    `|μ₁ − μ₂|² + Tr(C₁ + C₂ − 2 (C₁C₂)^½)` in the space of pixels or of the real data's
    principal components, *not* of a network's features, so values compare only with
    others of this kind (Heusel et al. 2017, arXiv:1706.08500, with other features).
    It rewards collapse on small data: look at `diversity` and `recall` beside it.

    Args:
        real: Real samples, (rows, ...), 2 or more rows.
        generated: Generated samples, (rows, ...), 2 or more rows.
        num_components: Principal components of the real data; None for all pixels.

    Returns:
        A number ≥ 0, in squared units of the samples.

    Raises:
        ArgumentError: The real data have fewer principal components.
        DataError: There are too few rows, or numbers that are not finite.
        ShapeError: The shapes differ.

    Example:
        >>> import torch
        >>> images = torch.rand(50, 8, 8)
        >>> round(frechet_distance(images, images), 6)
        0.0
    """
    first, second = _as_pair(real, generated, 2)
    if num_components is not None:
        check_count("num_components", num_components)
        if num_components > min(first.shape):
            raise ArgumentError(
                f"num_components: {first.shape[0]} rows of {first.shape[1]} numbers "
                f"have {min(first.shape)} principal components, got "
                f"{num_components}; ask for fewer"
            )
        components = principal_components(first, num_components)
        first, second = components.transform(first), components.transform(second)
    shift = first.mean(0) - second.mean(0)
    covariances = [
        np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (first, second)
    ]
    root = _square_root(covariances[0])
    between = np.linalg.eigvalsh(root @ covariances[1] @ root).clip(min=0)
    spread = sum(float(np.trace(c)) for c in covariances) - 2 * np.sqrt(between).sum()
    return max(float(shift @ shift + spread), 0.0)


def _square_root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    root: NDArray[np.float64] = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return root


@validate_call
def diversity(samples: Tensor) -> float:
    """Mean Euclidean distance of two different samples.

    Args:
        samples: (rows, ...), 2 or more rows.

    Returns:
        A number ≥ 0; close to zero where a generator has collapsed.

    Raises:
        DataError: There are too few rows, or numbers that are not finite.

    Example:
        >>> import torch
        >>> diversity(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
        5.0
    """
    from scipy.spatial.distance import pdist

    return float(pdist(as_rows("samples", samples, 2)).mean())


@frozen
class Manifold:
    """How well samples lie on, and fill, the manifold of the real data.

    Precision and recall of Kynkäänniemi et al. 2019 (arXiv:1904.06991), coverage of
    Naeem et al. 2020 (arXiv:2002.09797): balls around samples that reach to their k-th
    neighbour stand for a manifold.

    Args:
        precision: Share of generated samples in a ball of the real ones.
        recall: Share of real samples in a ball of the generated ones.
        coverage: Share of real samples whose own ball holds a generated one.
    """

    precision: float
    recall: float
    coverage: float


@validate_call
def manifold(real: Tensor, generated: Tensor, neighbours: int = 3) -> Manifold:
    """Precision, recall and coverage of generated samples.

    Args:
        real: Real samples, (rows, ...), more rows than neighbours.
        generated: Generated samples, (rows, ...), more rows than neighbours.
        neighbours: Which neighbour a ball reaches to, ≥ 1.

    Returns:
        Three shares from 0 to 1.

    Raises:
        DataError: There are too few rows, or numbers that are not finite.
        ShapeError: The shapes differ.

    Example:
        >>> import torch
        >>> images = torch.rand(50, 64)
        >>> manifold(images, images)
        Manifold(precision=1.0, recall=1.0, coverage=1.0)
    """
    from scipy.spatial.distance import cdist

    check_count("neighbours", neighbours)
    first, second = _as_pair(real, generated, neighbours + 1)
    # The nearest neighbour of each is itself.
    radius = [
        np.sort(cdist(rows, rows), axis=1)[:, neighbours] for rows in (first, second)
    ]
    across = cdist(first, second)
    return Manifold(
        precision=float((across <= radius[0][:, None]).any(0).mean()),
        recall=float((across <= radius[1][None]).any(1).mean()),
        coverage=float((across.min(1) <= radius[0]).mean()),
    )


@frozen
class Quality:
    """Measures of generated samples side by side.

    Args:
        name: Whose samples.
        frechet: Fréchet distance in pixel space.
        diversity: Mean distance of two samples.
        precision: Share of samples on the real data's manifold.
        recall: Share of the real data on the samples' manifold.
        coverage: Share of the real data with a sample close by.
    """

    name: str
    frechet: float
    diversity: float
    precision: float
    recall: float
    coverage: float


@validate_call
def quality(real: Tensor, generated: Tensor, name: str = "model") -> Quality:
    """All measures of generated samples.

    Balls that reach to a neighbour shrink with the number of samples, so precision,
    recall and coverage take no more of the generated samples than there are real ones.

    Args:
        real: Real samples, (rows, ...), 4 or more rows.
        generated: Generated samples, (rows, ...), 4 or more rows.
        name: Whose samples they are.

    Returns:
        The measures.

    Raises:
        DataError: There are too few rows, or numbers that are not finite.
        ShapeError: The shapes differ.
    """
    _as_pair(real, generated, 4)
    shares = manifold(real, generated[: max(4, len(real))])
    return Quality(
        name=name,
        frechet=frechet_distance(real, generated),
        diversity=diversity(generated),
        precision=shares.precision,
        recall=shares.recall,
        coverage=shares.coverage,
    )


@validate_call
def kolmogorov_smirnov(real: Tensor, generated: Tensor) -> float:
    """Largest difference of two cumulative distributions of numbers.

    Args:
        real: Real samples, (rows,).
        generated: Generated samples, (rows,).

    Returns:
        A number from 0 to 1.

    Example:
        >>> import torch
        >>> kolmogorov_smirnov(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0]))
        1.0
    """
    from scipy.stats import ks_2samp

    first, second = _as_pair(real.reshape(-1, 1), generated.reshape(-1, 1), 1)
    return float(ks_2samp(first[:, 0], second[:, 0]).statistic)


@validate_call
def valid_rate(samples: Tensor, valid: Tensor) -> float:
    """Share of samples that are among the valid patterns, such as bars and stripes.

    Args:
        samples: (rows, features).
        valid: All valid patterns, (patterns, features).

    Returns:
        A share from 0 to 1.

    Raises:
        DataError: There are no samples or no patterns.
        ShapeError: The features differ.

    Example:
        >>> import torch
        >>> valid_rate(torch.eye(2), torch.tensor([[1.0, 0.0]]))
        0.5
    """
    if samples.ndim != 2 or valid.ndim != 2 or samples.shape[1] != valid.shape[1]:
        raise ShapeError(
            "samples, valid: expected rows of the same features, got "
            f"{tuple(samples.shape)} and {tuple(valid.shape)}"
        )
    if not len(samples) or not len(valid):
        raise DataError(
            f"samples, valid: expected at least one row of each, got {len(samples)} "
            f"and {len(valid)}"
        )
    hits = (samples[:, None] == valid[None].to(samples)).all(-1).any(-1)
    return float(hits.double().mean())
