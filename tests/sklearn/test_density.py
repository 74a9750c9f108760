"""Densities: normalised, of the right units, and what they cannot do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qml_qdl.data import all_bits
from qml_qdl.errors import ArgumentError, DataError
from qml_qdl.sklearn import QuantumDensity, UnfittedError

BITS = np.array([[0, 0, 1], [1, 1, 0], [0, 0, 1], [1, 0, 0]] * 5)
NUMBERS = np.random.default_rng(0).normal(100, 20, (60, 1))


def quick(model: str, **changes: Any) -> QuantumDensity:
    return QuantumDensity(model, **{"epochs": 3, "random_state": 0, **changes})


@pytest.mark.parametrize("model", ["born_machine", "rbm", "autoregressive"])
def test_probabilities_sum_to_one(model: str) -> None:
    density = quick(model).fit(BITS)
    every = np.exp(density.score_samples(all_bits(3).numpy()))
    assert every.sum() == pytest.approx(1, abs=1e-9)
    assert set(np.unique(density.sample(50, random_state=0))) <= {0, 1}
    with pytest.raises(ArgumentError, match="reads bits"):
        density.score_samples([[0.5, 0, 0]])
    with pytest.raises(ArgumentError, match="reads bits"):
        quick(model).fit(BITS + 0.5)


def test_a_density_is_of_the_units_of_the_columns() -> None:
    pytest.importorskip("zuko")
    density = quick("flow").fit(NUMBERS)
    places = np.linspace(-500, 700, 4001)[:, None]
    weights = np.exp(density.score_samples(places))
    assert np.trapezoid(weights, places[:, 0]) == pytest.approx(1, abs=0.01)
    mean = np.trapezoid(weights * places[:, 0], places[:, 0])
    samples = density.sample(400, random_state=0)
    assert abs(samples.mean() - mean) < 5 * samples.std() / 20
    assert density.score(NUMBERS) == pytest.approx(
        density.score_samples(NUMBERS).mean()
    )


def test_samples_repeat_with_their_seed() -> None:
    few = {"layers": 1}
    density = quick("born_machine", shots=50, model_options=few).fit(BITS)
    first, second = (density.sample(9, random_state=4) for _ in range(2))
    assert np.array_equal(first, second)
    with pytest.raises(ArgumentError, match="need exact results, got a target with"):
        density.score_samples(BITS)
    exact = density.set_target(None, shots=None).score_samples(BITS)
    assert np.isfinite(exact).all()


def test_early_stopping_watches_rows_that_are_kept_back() -> None:
    density = quick("rbm", early_stopping=True, validation_fraction=0.3)
    assert "val_nll" in density.fit(BITS).history_[-1]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"'vae' has no likelihood; use sample"):
        quick("vae").fit(NUMBERS).score_samples(NUMBERS)
    with pytest.raises(ArgumentError, match="model: expected"):
        quick("dressed").fit(BITS)
    with pytest.raises(DataError, match=r"minimum of 4 .*; give more rows"):
        quick("rbm").fit(BITS[:3])
    with pytest.raises(UnfittedError):
        quick("rbm").sample()
    with pytest.raises(ArgumentError, match="n_samples"):
        quick("rbm").fit(BITS).sample(0)
