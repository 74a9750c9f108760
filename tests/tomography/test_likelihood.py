"""Inversion and maximum likelihood: beside cvxpy, brute force and formulas."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import check_grad

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    MemoryBoundError,
)
from qml_qdl.tomography import (
    DensityMatrix,
    Estimator,
    HedgedMaximumLikelihood,
    LinearInversion,
    MaximumLikelihood,
    Measurements,
    log_likelihood,
    pauli_bases,
)
from qml_qdl.tomography.born_rule import BornRule
from qml_qdl.tomography.likelihood import _Climb

W_STATE = DensityMatrix([0, 1, 1, 0])
NOISY_W = W_STATE.depolarised(0.5)
MISREAD = np.array([[[0.95, 0.05], [0.1, 0.9]], [[0.98, 0.02], [0.03, 0.97]]])


def shots(
    state: DensityMatrix, count: int = 100, seed: int = 0, confusion: Any = None
) -> Measurements:
    """Shots in all bases."""
    return state.sample(pauli_bases(state.num_wires), count, seed, confusion)


def effects(data: Measurements) -> NDArray[np.complex128]:
    """The operators of all outcomes of all bases, by turning each unit weight."""
    rule = BornRule(data.bases, data.confusion)
    size = 2**data.num_wires
    unit = np.eye(len(data.bases) * size).reshape(-1, len(data.bases), size)
    return np.stack([rule.adjoint(each) for each in unit])


def by_cvxpy(data: Measurements, strength: float) -> DensityMatrix:
    """The same maximum by a conic solver."""
    with warnings.catch_warnings():  # whatever another package has to say
        warnings.simplefilter("ignore")
        import cvxpy

        size = 2**data.num_wires
        state = cvxpy.Variable((size, size), hermitian=True)
        counts = data.histograms().ravel()
        terms = [
            count * cvxpy.log(cvxpy.real(cvxpy.trace(effect @ state)))
            for effect, count in zip(effects(data), counts, strict=True)
            if count
        ]
        hedge = strength * cvxpy.log_det(state) if strength else 0
        problem = cvxpy.Problem(
            cvxpy.Maximize(sum(terms) + hedge),
            [state >> 0, cvxpy.real(cvxpy.trace(state)) == 1],
        )
        problem.solve(solver="CLARABEL")
        return DensityMatrix.nearest(state.value)


def goal(state: DensityMatrix, data: Measurements, strength: float) -> float:
    """What is to be as large as can be."""
    value = log_likelihood(state, data)
    if strength:
        value += strength * np.linalg.slogdet(state.matrix)[1]
    return value


# ---- inversion ----


@pytest.mark.parametrize("confusion", [None, MISREAD])
def test_inversion_is_weighted_least_squares(confusion: Any) -> None:
    generator = np.random.default_rng(0)
    some = [
        NOISY_W.sample([basis], int(generator.integers(20, 200)), seed, confusion)
        for seed, basis in enumerate(pauli_bases(2))
    ]
    data = Measurements(
        pauli_bases(2),
        np.concatenate([each.outcomes for each in some]),
        np.concatenate([each.of + place for place, each in enumerate(some)]),
        np.concatenate([each.counts for each in some]),
        2,
        confusion,
    )
    # Errors of reading are undone before, then all outcomes of a basis weigh alike.
    read = np.eye(4)
    if confusion is not None:
        read = np.linalg.inv(np.kron(confusion[0], confusion[1]).T)
    histograms = data.histograms()
    frequencies = histograms / histograms.sum(axis=1, keepdims=True) @ read.T
    plain = effects(Measurements(data.bases, data.outcomes, data.of, data.counts, 2))
    roots = np.sqrt(np.repeat(data.shots, 4))
    design = roots[:, None] * plain.conj().reshape(36, 16)
    expected = np.linalg.lstsq(design, roots * frequencies.ravel(), rcond=None)[0]
    found = LinearInversion().matrix(data)
    assert np.allclose(found, expected.reshape(4, 4), atol=1e-12)
    assert np.trace(found).real == pytest.approx(1)


def test_inversion_of_pure_states_is_brought_back() -> None:
    data = shots(W_STATE, 50)
    values = np.linalg.eigvalsh(LinearInversion().matrix(data))
    assert values[0] < -0.01
    found = LinearInversion().fit(data)
    assert found.gap is None
    assert found.state.eigenvalues.min() > 0


def test_inversion_names_bases_that_are_missing() -> None:
    data = shots(NOISY_W).in_bases(["XX", "ZZ", "XZ"])
    text = "inversion needs bases that were not measured: XY, YX, YY, YZ, ZX, ZY"
    with pytest.raises(DataError, match=text):
        LinearInversion().fit(data)


# ---- the maximum ----


@pytest.mark.parametrize("strength", [0.0, 0.5, 5.0])
@pytest.mark.parametrize("confusion", [None, MISREAD])
@pytest.mark.parametrize("state", [W_STATE, NOISY_W], ids=["pure", "mixed"])
def test_it_is_cvxpys_maximum(
    state: DensityMatrix, confusion: Any, strength: float
) -> None:
    data = shots(state, confusion=confusion)
    found = HedgedMaximumLikelihood(strength=strength, tolerance=1e-5).fit(data)
    other = by_cvxpy(data, strength)
    gained = goal(found.state, data, strength) - goal(other, data, strength)
    assert found.converged
    assert -1e-5 < gained < 1e-2
    assert found.state.trace_distance(other) < 3e-3


def test_three_wires_of_low_rank_are_cvxpys() -> None:
    ghz = DensityMatrix([1, 0, 0, 0, 0, 0, 0, 1])
    data = shots(ghz, 40)
    found = MaximumLikelihood(tolerance=1e-3).fit(data)
    other = by_cvxpy(data, 0.0)
    assert found.converged
    assert -1e-3 < goal(found.state, data, 0.0) - goal(other, data, 0.0) < 1e-2


@pytest.mark.parametrize("strength", [0.0, 0.1, 5.0])
@pytest.mark.parametrize("steps", [1, 4, 6])
def test_the_gap_bounds_what_is_missing(strength: float, steps: int) -> None:
    data = shots(NOISY_W, confusion=MISREAD)
    options: Any = {"strength": strength, "tolerance": 1e-9}
    best = HedgedMaximumLikelihood(**options).fit(data)
    early = HedgedMaximumLikelihood(**options, steps=steps).fit(data)
    missing = goal(best.state, data, strength) - goal(early.state, data, strength)
    assert not early.converged
    assert early.gap is not None
    assert 0 < missing <= early.gap


@pytest.mark.parametrize("strength", [0.0, 2.0])
def test_the_gradient_is_the_functions(strength: float) -> None:
    climb = _Climb(shots(NOISY_W, 10, confusion=MISREAD))
    start = np.random.default_rng(0).normal(size=32)

    def value(flat: Any) -> float:
        return climb._descent(flat, (4, 4), strength)[0]

    def gradient(flat: Any) -> Any:
        return climb._descent(flat, (4, 4), strength)[1]

    scale = np.abs(gradient(start)).max()
    assert check_grad(value, gradient, start) < 1e-5 * scale


def test_one_wire_has_a_formula() -> None:
    # Inside the ball the inversion is the maximum.
    counts = {"X": {"0": 60, "1": 40}, "Y": {"0": 50, "1": 50}, "Z": {"0": 30, "1": 70}}
    data = Measurements.from_counts(counts, order="first")
    found = MaximumLikelihood(tolerance=1e-6).fit(data).state
    assert [found.expectation(word) for word in "XYZ"] == pytest.approx(
        [0.2, 0.0, -0.4], abs=1e-4
    )
    # All shots alike: the maximum is on the surface, along the frequencies.
    counts = {basis: {"0": 8} for basis in "XYZ"}
    data = Measurements.from_counts(counts, order="first")
    found = MaximumLikelihood().fit(data).state
    assert found.purity == pytest.approx(1, abs=1e-3)
    assert found.expectation("X") == pytest.approx(3**-0.5, abs=1e-2)


def test_one_shot_a_basis_is_enough_for_a_hedge() -> None:
    data = shots(W_STATE, 1)
    found = HedgedMaximumLikelihood(strength=1.0).fit(data)
    assert found.converged
    assert found.state.eigenvalues.min() > 1e-3
    text = "as there are shots in each basis, got 2 for 1 in XX"
    with pytest.raises(DataError, match=text):
        HedgedMaximumLikelihood().fit(data)


def test_a_strong_hedge_is_the_maximally_mixed_state() -> None:
    found = HedgedMaximumLikelihood(strength=1e7).fit(shots(W_STATE))
    assert found.state.purity == pytest.approx(0.25, abs=1e-3)


def test_a_rank_is_kept_and_its_gap_told() -> None:
    found = MaximumLikelihood(rank=1).fit(shots(NOISY_W))
    assert found.state.factor.shape == (4, 1)
    assert found.converged
    assert found.gap is not None
    assert found.gap > 1
    full = MaximumLikelihood(rank=1).fit(shots(W_STATE, 1000))
    assert full.state.fidelity(W_STATE) > 0.999


def test_bases_may_be_missing_if_that_is_wanted() -> None:
    data = shots(W_STATE, 1000).in_bases(["XX", "YY", "ZZ"])
    estimators: list[Estimator] = [
        MaximumLikelihood(incomplete=True),
        HedgedMaximumLikelihood(strength=0.01, incomplete=True),
    ]
    for estimator in estimators:  # XX and YY and ZZ are +1, +1, −1 for this state alone
        assert estimator.fit(data).state.fidelity(W_STATE) > 0.98
    for estimator in (MaximumLikelihood(), HedgedMaximumLikelihood(strength=1.0)):
        with pytest.raises(DataError, match=r"incomplete=True, needs .* XY, XZ"):
            estimator.fit(data)


def test_errors_of_reading_are_undone() -> None:
    data = shots(W_STATE, 4000, confusion=MISREAD)
    blind = Measurements(data.bases, data.outcomes, data.of, data.counts, 2)
    for estimator in (LinearInversion(), MaximumLikelihood()):
        assert estimator.fit(data).state.fidelity(W_STATE) > 0.97
        assert estimator.fit(blind).state.fidelity(W_STATE) < 0.92


# ---- the strength ----


def test_the_strength_chosen_beats_plain_likelihood() -> None:
    plain, hedged = [], []
    for seed in range(6):
        data = shots(NOISY_W, seed=seed)
        plain.append(MaximumLikelihood().fit(data).state.fidelity(NOISY_W))
        found = HedgedMaximumLikelihood().fit(data)
        assert found.chosen["strength"] > 0
        hedged.append(found.state.fidelity(NOISY_W))
    assert np.mean(hedged) > 0.97
    assert np.mean(np.subtract(hedged, plain)) > 0.01


def test_no_hedge_is_chosen_for_pure_states() -> None:
    for seed in range(3):
        found = HedgedMaximumLikelihood().fit(shots(W_STATE, seed=seed))
        assert found.chosen["strength"] == 0
        assert found.state.fidelity(W_STATE) > 0.99


def test_the_same_seed_chooses_the_same() -> None:
    data = shots(NOISY_W)
    first, second = (HedgedMaximumLikelihood(seed=7).fit(data) for _ in range(2))
    assert first.chosen == second.chosen
    assert np.array_equal(first.state.factor, second.state.factor)


# ---- bad input ----


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: MaximumLikelihood(rank=0), ArgumentError, "rank: expected at least 1"),
        (
            lambda: MaximumLikelihood(tolerance=0.0),
            ArgumentError,
            "tolerance: expected a number above 0, got 0.0",
        ),
        (
            lambda: HedgedMaximumLikelihood(strength=-1.0),
            ArgumentError,
            "strength: expected a number",
        ),
        (
            lambda: HedgedMaximumLikelihood(strength="auto"),  # type: ignore[arg-type]
            ArgumentTypeError,
            "strength: expected a number, got 'auto'",
        ),
        (
            lambda: HedgedMaximumLikelihood(folds=1),
            ArgumentError,
            "folds: expected at least 2, got 1",
        ),
    ],
)
def test_options_are_checked(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        make()


def test_too_many_wires_are_told_in_bytes() -> None:
    wide = Measurements.from_bits(["Z" * 40], [np.zeros((1, 40), int)])
    for estimator in (
        LinearInversion(),
        MaximumLikelihood(),
        HedgedMaximumLikelihood(),
    ):
        with pytest.raises(MemoryBoundError, match=r"40 wires need \d[\d,]+ bytes"):
            estimator.fit(wide)
