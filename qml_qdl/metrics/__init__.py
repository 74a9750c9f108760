"""Metrics: distances of distributions, quality of samples, simplest models."""

from qml_qdl.metrics.baselines import trivial_baselines
from qml_qdl.metrics.chow_liu import chow_liu_tree, mutual_information
from qml_qdl.metrics.divergences import (
    jensen_shannon,
    jensen_shannon_of_samples,
    kl_divergence,
    mmd,
    mmd_of_samples,
    total_variation,
)
from qml_qdl.metrics.sample_quality import (
    Manifold,
    Quality,
    diversity,
    frechet_distance,
    kolmogorov_smirnov,
    manifold,
    quality,
    valid_rate,
)
from qml_qdl.metrics.stein import (
    flip_scores,
    stein_discrepancy,
    stein_discrepancy_of_samples,
)

__all__ = [
    "Manifold",
    "Quality",
    "chow_liu_tree",
    "diversity",
    "flip_scores",
    "frechet_distance",
    "jensen_shannon",
    "jensen_shannon_of_samples",
    "kl_divergence",
    "kolmogorov_smirnov",
    "manifold",
    "mmd",
    "mmd_of_samples",
    "mutual_information",
    "quality",
    "stein_discrepancy",
    "stein_discrepancy_of_samples",
    "total_variation",
    "trivial_baselines",
    "valid_rate",
]
