"""Estimators by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import fields

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_choice, did_you_mean, validate_call
from qml_qdl.tomography.distributions import Histogram, LogLinear
from qml_qdl.tomography.estimator import Estimator
from qml_qdl.tomography.likelihood import (
    HedgedMaximumLikelihood,
    LinearInversion,
    MaximumLikelihood,
)
from qml_qdl.tomography.matrix_product import NonNegativeMPS
from qml_qdl.tomography.neural import NeuralTomography

ESTIMATORS: Mapping[str, type[Estimator]] = MappingProxyType(
    {
        "inversion": LinearInversion,
        "maximum_likelihood": MaximumLikelihood,
        "hedged": HedgedMaximumLikelihood,
        "histogram": Histogram,
        "log_linear": LogLinear,
        "mps": NonNegativeMPS,
        "neural": NeuralTomography,
    }
)
"""The estimators that have names; their fields are their options."""


@validate_call
def make_estimator(name: str, **options: Any) -> Estimator:
    """An estimator by name.

    Args:
        name: inversion, maximum_likelihood, hedged (maximum likelihood with a hedge),
            neural, and of shots in Z alone histogram, log_linear and mps.
        **options: Fields of its class.

    Returns:
        The estimator.

    Raises:
        ArgumentError: There is no such estimator, or no such option of it.

    Example:
        >>> make_estimator("hedged", strength=0.5).strength
        0.5
    """
    check_choice("name", name, tuple(ESTIMATORS))
    made: Any = ESTIMATORS[name]
    known = [each.name for each in fields(made)]
    for option, value in options.items():
        if option not in known:
            raise ArgumentError(
                f"{option}: the estimator {name!r} has no such option, got {value!r}"
                f"{did_you_mean(option, known)}; it takes {', '.join(known) or 'none'}"
            )
    found: Estimator = made(**options)
    return found
