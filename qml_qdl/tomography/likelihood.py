r"""States by inversion and by maximum likelihood, hedged or not.

The logarithm of the likelihood, L = Σ c log p(ρ), is concave in ρ, as p is linear. Let
R = Σ (c/p) E be its gradient; then tr ρR = N, the number of shots, and for any state σ

.. math:: L(σ) ≤ L(ρ) + \operatorname{tr} (σ - ρ) R ≤ L(ρ) + λ_{\max}(R) - N.

So λ_max(R) − N, which vanishes at the maximum alone, says how much is missing at most:
`Reconstruction.gap`. With a hedge β log det ρ the bound is the maximum of
tr (σ − ρ) R + β log det σ − β log det ρ over all states σ.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize

from qml_qdl.circuits.validation import (
    MOST_SEED,
    check_count,
    check_flag,
    check_number,
    checked,
    validate_call,
)
from qml_qdl.tomography.born_rule import BornRule, pauli_sum
from qml_qdl.tomography.density_matrix import DensityMatrix, check_state_memory
from qml_qdl.tomography.estimator import Estimator, Reconstruction
from qml_qdl.tomography.measurements import Measurements, pauli_bases

Complex = NDArray[np.complex128]
Reals = NDArray[np.float64]

_LEAST = 1e-300
_MEMORY = 20
"""Steps that L-BFGS remembers."""

_EACH = 10
"""After so many steps it looks how much is missing."""

_FLAT = 1e-6
"""How small the gradient for each shot is where a state of low rank is the best."""

_ROUGH = 0.5
"""What may be missing, in nats, where strengths are compared."""


@final
@validate_call
@frozen
class LinearInversion(Estimator):
    """The state whose probabilities are nearest to the frequencies, by least squares.

    Each expectation value of a Pauli word is the mean over all bases that tell it,
    weighted by their shots, with errors of reading undone by the inverse matrices. What
    comes may have negative eigenvalues; `fit` takes the state nearest to it, see
    `DensityMatrix.nearest`.

    Example:
        >>> bell = DensityMatrix([1, 0, 0, 1])
        >>> data = bell.sample(pauli_bases(2), 1000, seed=0)
        >>> found = LinearInversion().fit(data).state
        >>> print(f"{found.fidelity(bell):.2f}")
        0.99
    """

    def fit(self, data: Measurements) -> Reconstruction:
        """Finds the state.

        Args:
            data: Measurements in all 3ⁿ bases.

        Returns:
            The nearest state.

        Raises:
            DataError: Bases are missing.
            MemoryBoundError: There are too many wires.
        """
        return Reconstruction(DensityMatrix.nearest(self.matrix(data)))

    def matrix(self, data: Measurements) -> Complex:
        """What the inversion gives, hermitian and of trace 1, perhaps not positive.

        Args:
            data: Measurements in all 3ⁿ bases.

        Returns:
            (2ⁿ, 2ⁿ).

        Raises:
            DataError: Bases are missing.
            MemoryBoundError: There are too many wires.
        """
        _check_size(data)
        data.require(pauli_bases(data.num_wires), "inversion")
        return _inverted(BornRule.of(data), data.histograms())


@final
@validate_call
@frozen
class MaximumLikelihood(Estimator):
    """The state under which the measurements are most probable.

    ρ = T T† / tr T T† is positive by itself, and L-BFGS climbs in T. There are no other
    maxima with full rank, and `Reconstruction.gap` says how far from it the end is.

    Args:
        rank: Columns of T, 2ⁿ at most; None for 2ⁿ. With fewer the maximum is one over
            states of that rank, and the gap says what they lack.
        incomplete: Whether bases may be missing. Then many states may be as likely, of
            which one is found.
        tolerance: The gap in nats at which it ends. Shots tell no difference below one
            half.
        steps: Steps of L-BFGS, at most.

    Example:
        >>> bell = DensityMatrix([1, 0, 0, 1])
        >>> data = bell.sample(pauli_bases(2), 1000, seed=0)
        >>> found = MaximumLikelihood().fit(data)
        >>> found.converged, found.state.fidelity(bell) > 0.99
        (True, True)
    """

    rank: int | None = field(default=None)
    incomplete: bool = field(default=False, validator=checked(check_flag))
    tolerance: float = field(default=0.05, validator=checked(check_number))
    steps: int = field(default=5000, validator=checked(check_count))

    @rank.validator
    def _check_rank(self, attribute: Any, value: int | None) -> None:
        if value is not None:
            check_count("rank", value)

    def fit(self, data: Measurements) -> Reconstruction:
        """Finds the state.

        Args:
            data: Measurements in all 3ⁿ bases, or fewer if they may be missing.

        Returns:
            The state, with its gap.

        Raises:
            DataError: Bases are missing.
            MemoryBoundError: There are too many wires.
        """
        _check_size(data)
        if not self.incomplete:
            _check_complete(data)
        climb = _Climb(data)
        factor = climb.start(self.rank)
        return climb.up(factor, 0.0, self.tolerance, self.steps)


@final
@validate_call
@frozen
class HedgedMaximumLikelihood(Estimator):
    """Maximum likelihood times det(ρ)^β: no eigenvalue of the state vanishes.

    The maximum is unique (Blume-Kohout 2010, arXiv:1001.2029).

    Args:
        strength: β, 0 or more; None for one chosen by held-out likelihood: each
            strength of a geometric row is fitted to all but one part of the shots, and
            judged by that part.
        folds: Parts of the shots of each basis, of which each is left out once.
        repeats: How often the shots are divided anew. What one division chooses hangs
            on chance.
        incomplete: Whether bases may be missing: what they would tell the determinant
            takes for as mixed as it can be.
        tolerance: The gap in nats at which it ends; see `MaximumLikelihood`.
        steps: Steps of L-BFGS, at most.
        seed: Of the division into parts.

    Example:
        >>> noisy = DensityMatrix([0, 1, 1, 0]).depolarised(0.5)
        >>> data = noisy.sample(pauli_bases(2), 100, seed=0)
        >>> found = HedgedMaximumLikelihood(strength=5.0).fit(data)
        >>> found.state.fidelity(noisy) > 0.97
        True
    """

    strength: float | None = field(default=None)
    folds: int = field(default=2, validator=checked(check_count, 2))
    repeats: int = field(default=4, validator=checked(check_count))
    incomplete: bool = field(default=False, validator=checked(check_flag))
    tolerance: float = field(default=1e-3, validator=checked(check_number))
    steps: int = field(default=5000, validator=checked(check_count))
    seed: int = field(default=0, validator=checked(check_count, 0, MOST_SEED))

    @strength.validator
    def _check_strength(self, attribute: Any, value: float | None) -> None:
        if value is not None:
            check_number("strength", value, -_LEAST, np.inf)

    def fit(self, data: Measurements) -> Reconstruction:
        """Finds the state.

        Args:
            data: The measurements.

        Returns:
            The state, the strength as `strength`, and the gap of the hedged likelihood.

        Raises:
            DataError: Bases are missing, or one has fewer shots than there are parts.
            MemoryBoundError: There are too many wires.
        """
        _check_size(data)
        if not self.incomplete:
            _check_complete(data)
        strength = self.strength
        if strength is None:
            strength = self._by_held_out_shots(data)
        climb = _Climb(data)
        found = climb.up(climb.start(), strength, self.tolerance, self.steps)
        return evolve(found, chosen={"strength": float(strength)})

    def _by_held_out_shots(self, data: Measurements) -> float:
        """The strength under which shots that were left out are most probable."""
        generator = np.random.default_rng(self.seed)
        climbs, tests, factors = [], [], []
        for _ in range(self.repeats):
            for rest, own in data.split(self.folds, generator):
                climbs.append(_Climb(rest))
                tests.append(own.histograms())
                factors.append(climbs[-1].start())
        strengths, scores = [0.0], list[float]()
        while True:
            score = 0.0
            for place, climb in enumerate(climbs):
                start = factors[place] if scores[1:] else _mixed(factors[place])
                found = climb.up(start, strengths[-1], _ROUGH, self.steps)
                factors[place] = found.state.factor
                score += climb.log_likelihood(found.state, tests[place])
            scores.append(score)
            falling = scores[-1] < scores[-2] < max(scores) if scores[2:] else False
            if falling or strengths[-1] > data.total_shots:
                return strengths[int(np.argmax(scores))]
            strengths.append(2 * strengths[-1] or 0.125)


@final
class _Climb:
    """The way up the likelihood of some measurements."""

    def __init__(self, data: Measurements) -> None:
        self.rule = BornRule.of(data)
        self.counts = data.histograms()
        self.shots = self.counts.sum()
        seen = self.counts > 0
        # Logarithms are of ratios to frequencies: the sum stays small, and exact.
        frequencies = self.counts / self.counts.sum(axis=1, keepdims=True)
        self.frequencies = np.where(seen, frequencies, 1.0)

    def start(self, rank: int | None = None) -> Complex:
        """The factor of a state near to the inversion."""
        guess = DensityMatrix.nearest(_inverted(self.rule, self.counts)).factor[
            :, :rank
        ]
        return guess if rank else _mixed(guess)

    def log_likelihood(self, state: DensityMatrix, counts: Reals) -> float:
        """That of other shots in the same bases."""
        return float(np.vdot(counts, np.log(self._chances(state.matrix))))

    def up(
        self, factor: Complex, strength: float, tolerance: float, steps: int
    ) -> Reconstruction:
        """The maximum of L + β log det ρ, from a factor on."""
        shape, left = factor.shape, steps
        # Of states of less than full rank there is no gap that would have to vanish.
        flat = 0.0 if shape[0] == shape[1] else _FLAT * self.shots

        def state_of(flat: Reals) -> DensityMatrix:
            return DensityMatrix.from_factor(flat.view(np.complex128).reshape(shape))

        def stop(intermediate_result: Any) -> None:
            nonlocal left
            left -= 1
            if left % _EACH == 0:
                found = state_of(intermediate_result.x)
                if self.gap(found.factor, strength) <= tolerance:
                    raise StopIteration

        while True:
            before = left
            start = np.ascontiguousarray(factor).view(np.float64).ravel()
            found = minimize(
                self._descent,
                start,
                args=(shape, strength),
                jac=True,
                method="L-BFGS-B",
                callback=stop,
                options={
                    "maxcor": _MEMORY,
                    "maxiter": left,
                    "maxfun": 2 * left + _MEMORY,
                    "ftol": 0.0,
                    "gtol": flat,
                },
            )
            state = state_of(found.x)
            gap = self.gap(state.factor, strength)
            ended = gap <= tolerance or np.abs(found.jac).max() <= flat
            # A line search that rounding ends begins anew, until it gains nothing.
            if ended or left <= 0 or before - left <= 1:
                return Reconstruction(state, converged=bool(ended), gap=gap)
            factor = state.factor

    def _descent(
        self, flat: Reals, shape: tuple[int, int], strength: float
    ) -> tuple[float, Reals]:
        """What is lacking of the maximum without any state, and its gradient by T."""
        factor = flat.view(np.complex128).reshape(shape)
        trace = float(np.vdot(factor, factor).real)
        value, ratios = self._lack(factor @ factor.conj().T / trace)
        upwards = self.rule.adjoint(ratios) @ factor
        total = self.shots
        if strength:
            size = len(factor)
            total = total + strength * size
            value -= strength * (
                2 * np.linalg.slogdet(factor)[1] - size * np.log(trace / size)
            )
            upwards += strength * trace * np.linalg.inv(factor).conj().T
        gradient = (total * factor - upwards) * (2 / trace)
        return value, gradient.view(np.float64).ravel()

    def _lack(self, matrix: Complex) -> tuple[float, Reals]:
        """Σ c log(f/p), and c/p."""
        chances = self._chances(matrix)
        value = np.vdot(self.counts, np.log(self.frequencies / chances))
        return float(value), self.counts / chances

    def _chances(self, matrix: Complex) -> Reals:
        found: Reals = np.maximum(self.rule.probabilities(matrix), _LEAST)
        return found

    def gap(self, factor: Complex, strength: float) -> float:
        """By how much the maximum can be higher, by a linear bound of L alone."""
        matrix = factor @ factor.conj().T
        upwards = np.linalg.eigvalsh(self.rule.adjoint(self._lack(matrix)[1]))
        top = float(upwards[-1])
        if not strength:
            return max(top - float(self.shots), 0.0)

        # tr σR + β log det σ is largest where σ = β (ν - R)⁻¹, and ν has tr σ = 1.
        def surplus(level: float) -> float:
            return float((strength / (level - upwards)).sum() - 1)

        level = brentq(surplus, top + strength, top + strength * (len(upwards) + 1))
        best = strength / (level - upwards)
        hedge = np.log(best).sum() - np.linalg.slogdet(matrix)[1]
        return max(float(best @ upwards - self.shots + strength * hedge), 0.0)


def _mixed(factor: Complex) -> Complex:
    """The factor of a state of full rank near by: L-BFGS never leaves a lower rank."""
    size = len(factor)
    values, vectors = np.linalg.eigh(factor @ factor.conj().T)
    mixed: Complex = vectors * np.sqrt(0.95 * np.clip(values, 0, None) + 0.05 / size)
    return mixed


def _inverted(rule: BornRule, counts: Reals) -> Complex:
    """The least squares' matrix; words that no basis tells are taken to vanish."""
    shots = counts.sum(axis=1, keepdims=True)
    told = rule.totals(rule.moments(counts))
    weights = rule.totals(np.broadcast_to(shots, counts.shape))
    words = np.divide(told, weights, out=np.zeros_like(told), where=weights > 0)
    return pauli_sum(words / 2**rule.num_wires)


def _check_complete(data: Measurements) -> None:
    data.require(
        pauli_bases(data.num_wires), "maximum likelihood, but with incomplete=True,"
    )


def _check_size(data: Measurements) -> None:
    check_state_memory(data.num_wires, 2**data.num_wires)
