"""States with positive amplitudes by the distribution of their outcomes in Z.

Where all amplitudes are known to be positive, as in ground states of Hamiltonians
without signs, ψ = √p, and shots in Z tell all. No shot in Z can tell whether that is
so: of a state with phases what comes is another state, with the same p.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, TypeAlias, final

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, DataError
from qml_qdl.circuits.validation import (
    MOST_SEED,
    as_items,
    check_choice,
    check_count,
    check_flag,
    check_number,
    checked,
    validate_call,
)
from qml_qdl.manybody.lattices import Lattice
from qml_qdl.manybody.sectors import as_permutations
from qml_qdl.tomography.born_rule import on_wires
from qml_qdl.tomography.density_matrix import DensityMatrix
from qml_qdl.tomography.estimator import Estimator, Reconstruction
from qml_qdl.tomography.measurements import Measurements, misread

Reals: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

_SIGNS = np.array([[1.0, 1.0], [1.0, -1.0]])
_LEAST = 1e-300
_FLAT = 1e-8
"""A step that would gain less, in nats, is the last."""

RIDGES = tuple(4.0**power for power in range(-1, 12))
"""Among these a ridge is chosen, in numbers of shots."""

MOST_WORDS = 6000
"""Products of spins of a log-linear model, at most."""


def z_counts(data: Measurements, purpose: str) -> Reals:
    """How often each outcome occurred in Z, where nothing else was measured.

    Args:
        data: The measurements.
        purpose: What for, for the message.

    Returns:
        (2ⁿ,).

    Raises:
        DataError: Other bases were measured, too, or instead.
        MemoryBoundError: There are too many wires.
    """
    check_only_z(data, purpose)
    return data.histogram(data.bases[0])


def check_only_z(data: Measurements, purpose: str) -> None:
    """Refuses measurements in other bases than that of Z on each wire.

    Args:
        data: The measurements.
        purpose: What for, for the message.

    Raises:
        DataError: There are others.
    """
    basis = "Z" * data.num_wires
    others = [each for each in data.bases if each != basis]
    if others:
        repair = (
            f"it would leave them out: pass data.in_bases([{basis!r}])"
            if basis in data.bases
            else f"measure in {basis}"
        )
        raise DataError(
            f"measurements: {purpose} takes all amplitudes for positive and needs "
            f"shots in {basis} alone, got {len(others)} other bases such as "
            f"{others[0]}; {repair}"
        )


@final
@validate_call
@frozen(eq=False)
class Histogram(Estimator):
    """The distribution of frequencies, symmetrised where symmetries are known.

    Without errors of reading these are the frequencies themselves, averaged over all
    outcomes that are alike by symmetry. With errors it is the distribution under which
    the measurements are most probable, over all that are so symmetric.

    Args:
        permutations: Permutations of wires that leave amplitudes alone, (g, n), and
            with them all of their products; or "reflection" of an open chain,
            "translations" of a ring, "ring" for both; None for none.
        spin_flip: Whether turning all bits leaves amplitudes alone, too.
        steps: Steps at most, where outcomes were misread.

    Example:
        >>> ghz = DensityMatrix([1, 0, 0, 0, 0, 0, 0, 1])
        >>> data = ghz.sample(["ZZZ"], 40, seed=0)
        >>> plain = Histogram().fit(data).state.fidelity(ghz)
        >>> found = Histogram(spin_flip=True).fit(data).state.fidelity(ghz)
        >>> plain < found, round(found, 6)
        (True, 1.0)
    """

    permutations: Any = field(default=None, kw_only=True)
    spin_flip: bool = field(default=False, kw_only=True, validator=checked(check_flag))
    steps: int = field(default=2000, kw_only=True, validator=checked(check_count))

    def fit(self, data: Measurements) -> Reconstruction:
        """Finds the state √p.

        Args:
            data: Shots in Z alone.

        Returns:
            The state, with its gap.

        Raises:
            ArgumentError: The permutations are of other wires.
            DataError: Other bases were measured.
            MemoryBoundError: There are too many wires.
        """
        counts = z_counts(data, "a histogram")
        rows = as_symmetries(self.permutations, data.num_wires)
        alike = orbits(rows, data.num_wires, spin_flip=self.spin_flip)
        sizes = np.bincount(alike)
        shots = counts.sum()
        start = np.bincount(alike, counts) / shots
        if data.confusion is None:
            return Reconstruction(DensityMatrix(np.sqrt((start / sizes)[alike])), gap=0)
        confusion = data.confusion
        frequencies = np.where(counts > 0, counts / shots, 1.0)

        def upwards(shares: Reals) -> tuple[float, Reals]:
            """Σ c log(f/q), and the gradient of Σ c log q by each orbit's share."""
            read = np.maximum(misread((shares / sizes)[alike], confusion), _LEAST)
            back = misread(counts / read, confusion, transposed=True)
            lack = np.vdot(counts, np.log(frequencies / read))
            return float(lack), np.bincount(alike, back) / sizes

        def descent(roots: Reals) -> tuple[float, Reals]:
            total = roots @ roots
            lack, gradient = upwards(roots**2 / total)
            return lack, 2 * roots * (shots - gradient) / total

        # As for density matrices: shares are squares, and the bound is the same.
        found = minimize(
            descent,
            np.sqrt(0.9 * start + 0.1 / len(start)),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": self.steps, "maxfun": 2 * self.steps, "ftol": 0.0},
        )
        shares = found.x**2 / (found.x @ found.x)
        gap = max(float(upwards(shares)[1].max() - shots), 0.0)
        state = DensityMatrix(np.sqrt((shares / sizes)[alike]))
        return Reconstruction(state, converged=gap < 0.05, gap=gap)


@final
@validate_call
@frozen(eq=False)
class LogLinear(Estimator):
    r"""A distribution whose logarithm is a sum of products of spins, with a ridge.

    .. math:: \log p(s) = \sum_k \sum_{w \in W_k} θ_w \prod_{i \in w} s_i - \log Z

    Orders k are one for fields, two for pairs, four for products of four; words that
    are alike by symmetry share one θ. All sums over configurations are Hadamard
    transforms, and also the information that Newton's steps need:
    `⟨vw⟩` of two words is the expectation value of a third.

    A word that spans l sites has the ridge λ_k l² θ²/2: what is far apart is tied less.
    With errors of reading the steps take the information there is without them, which
    climbs as the EM algorithm does, and as surely.

    Args:
        orders: Lengths of the words. Even ones alone are the same for turned spins.
        permutations: As for `Histogram`.
        ridges: λ of each order, in numbers of shots; None for ones chosen by held-out
            likelihood, one order after the other, twice round.
        folds: Parts of the shots, of which each is left out once.
        steps: Newton steps at most.
        seed: Of the division into parts.

    Example:
        >>> from qml_qdl.manybody import Lattice, ground_state, transverse_ising
        >>> chain = Lattice.chain(6, periodic=False)
        >>> exact = DensityMatrix(ground_state(transverse_ising(chain)).vectors[:, 0])
        >>> data = exact.sample(["ZZZZZZ"], 200, seed=0)
        >>> found = LogLinear(orders=(2,), permutations="reflection").fit(data)
        >>> found.state.fidelity(exact) > 0.98
        True
    """

    orders: tuple[int, ...] = field(default=(2, 4), kw_only=True)
    permutations: Any = field(default=None, kw_only=True)
    ridges: tuple[float, ...] | None = field(default=None, kw_only=True)
    folds: int = field(default=4, kw_only=True, validator=checked(check_count, 2))
    steps: int = field(default=200, kw_only=True, validator=checked(check_count))
    seed: int = field(
        default=0, kw_only=True, validator=checked(check_count, 0, MOST_SEED)
    )

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "orders", _as_orders(self.orders))
        if self.ridges is not None:
            given = as_items(self.ridges)
            if given is None or len(given) != len(self.orders):
                raise ArgumentError(
                    f"ridges: expected a number for each of {len(self.orders)} orders, "
                    f"got {self.ridges!r}"
                )
            for each in given:
                check_number("ridges", each, -_LEAST, np.inf)
            object.__setattr__(self, "ridges", tuple(map(float, given)))

    def fit(self, data: Measurements) -> Reconstruction:
        """Finds the state √p.

        Args:
            data: Shots in Z alone.

        Returns:
            The state, and the ridges as `ridge_2`, …

        Raises:
            ArgumentError: There are no words of these orders, or too many, or the
                permutations are of other wires.
            DataError: Other bases were measured, or there are fewer shots than parts.
            MemoryBoundError: There are too many wires.
        """
        counts = z_counts(data, "a log-linear model")
        rows = as_symmetries(self.permutations, data.num_wires)
        model = _LogLinearModel(
            _Words.of(self.orders, rows, data.num_wires), data.confusion, self.steps
        )
        ridges = self.ridges
        if ridges is None:
            ridges = self._by_held_out_shots(model, data)
        found, _, converged = model.fit(counts, ridges)
        chosen = {
            f"ridge_{order}": ridge
            for order, ridge in zip(self.orders, ridges, strict=True)
        }
        return Reconstruction(DensityMatrix(np.sqrt(found)), chosen, converged)

    def _by_held_out_shots(
        self, model: _LogLinearModel, data: Measurements
    ) -> tuple[float, ...]:
        """The ridges under which shots that were left out are most probable."""
        parts = [
            (z_counts(rest, "a fit"), z_counts(own, "a test"))
            for rest, own in data.split(self.folds, np.random.default_rng(self.seed))
        ]
        ridges = [RIDGES[-1]] * len(self.orders)
        for order in [*range(len(self.orders))] * min(2, len(self.orders)):
            scores = np.zeros(len(RIDGES))
            for rest, own in parts:
                start = None
                for place in range(len(RIDGES))[::-1]:
                    ridges[order] = RIDGES[place]
                    found, start, _ = model.fit(rest, ridges, start)
                    read = np.maximum(misread(found, data.confusion), _LEAST)
                    scores[place] += own @ np.log(read)
            ridges[order] = RIDGES[int(np.argmax(scores))]
        return tuple(ridges)


@final
@frozen(eq=False, slots=False)
class _Words:
    """Products of spins as masks of bits, those that are alike by symmetry together.

    Args:
        num_wires: n.
        masks: (words,).
        begins: Where each set of words that are alike begins, (sets,).
        orders: For each set which of the orders it has, (sets,).
        spans: Sites that the words of each set span, at least, (sets,).
    """

    num_wires: int
    masks: Integers
    begins: Integers
    orders: Integers
    spans: Integers

    @classmethod
    def of(cls, orders: Sequence[int], rows: Integers, num_wires: int) -> _Words:
        """All words of some orders."""
        bits = _bits(num_wires)
        lengths = bits.sum(axis=1)
        place = np.full(num_wires + 1, -1)
        for index, order in enumerate(orders):
            if order <= num_wires:
                place[order] = index
        masks = np.flatnonzero(place[lengths] >= 0)
        if not len(masks):
            raise ArgumentError(
                f"orders: expected some of 1 … {num_wires}, as there are wires, got "
                f"{list(orders)}"
            )
        if len(masks) > MOST_WORDS:
            raise ArgumentError(
                f"orders: expected at most {MOST_WORDS} products of spins, got "
                f"{len(masks):,} of the orders {list(orders)}; leave out the longest"
            )
        alike = orbits(rows, num_wires)[masks]
        masks = masks[np.argsort(alike, kind="stable")]
        begins = np.unique(np.sort(alike), return_index=True)[1]
        first, last = bits.argmax(axis=1), num_wires - bits[:, ::-1].argmax(axis=1)
        spans = np.minimum.reduceat((last - first)[masks], begins)
        return cls(num_wires, masks, begins, place[lengths[masks[begins]]], spans)

    @cached_property
    def products(self) -> Integers:
        """Which word is the product of each two, (words, words)."""
        return self.masks[:, None] ^ self.masks[None, :]

    def energies(self, couplings: Reals) -> Reals:
        """Σ θ s…s of all configurations, (2ⁿ,)."""
        given = np.zeros(2**self.num_wires)
        sizes = np.diff(self.begins, append=len(self.masks))
        given[self.masks] = np.repeat(couplings, sizes)
        return self.transformed(given)

    def transformed(self, table: Reals) -> Reals:
        """The Hadamard transform: sums of (−1)^{bits in common}, (2ⁿ,)."""
        found: Reals = on_wires(table[None], [_SIGNS] * self.num_wires)[0]
        return found

    def sums(self, moments: Reals) -> Reals:
        """Of each set of words that are alike, (sets,)."""
        found: Reals = np.add.reduceat(moments[self.masks], self.begins)
        return found

    def covariance(self, moments: Reals) -> Reals:
        """Of the sums, (sets, sets)."""
        both = np.add.reduceat(moments[self.products], self.begins, axis=0)
        means = self.sums(moments)
        found: Reals = np.add.reduceat(both, self.begins, axis=1)
        return found - np.outer(means, means)


@final
@frozen(eq=False)
class _LogLinearModel:
    """Newton's way up the likelihood of a log-linear distribution."""

    words: _Words
    confusion: Reals | None
    steps: int

    def fit(
        self, counts: Reals, ridges: Sequence[float], start: Reals | None = None
    ) -> tuple[Reals, Reals, bool]:
        """p, θ, and whether it converged."""
        words, shots = self.words, counts.sum()
        weights = np.asarray(ridges)[words.orders] * np.square(words.spans)
        couplings = np.zeros(len(weights)) if start is None else start
        value, chances = self._value(counts, weights, couplings)
        for _ in range(self.steps):
            # What was read, by what it may have been; without errors the counts.
            read = np.maximum(misread(chances, self.confusion), _LEAST)
            back = misread(counts / read, self.confusion, transposed=True)
            moments = words.transformed(chances)
            upwards = words.sums(words.transformed(chances * back) - shots * moments)
            upwards -= weights * couplings
            information = shots * words.covariance(moments) + np.diag(weights)
            information += 1e-9 * shots * np.eye(len(weights))
            step = np.linalg.solve(information, upwards)
            gain = float(upwards @ step)
            if gain < _FLAT:
                return chances, couplings, True
            while True:
                trial = self._value(counts, weights, couplings + step)
                if trial[0] >= value + 1e-4 * gain or gain < _FLAT / 100:
                    break
                step, gain = step / 2, gain / 2
            couplings = couplings + step
            value, chances = trial
        return chances, couplings, False

    def _value(
        self, counts: Reals, weights: Reals, couplings: Reals
    ) -> tuple[float, Reals]:
        """The logarithm of the likelihood with the ridge, and p."""
        energies = self.words.energies(couplings)
        chances = np.exp(energies - energies.max())
        chances /= chances.sum()
        read = np.maximum(misread(chances, self.confusion), _LEAST)
        ridge = np.vdot(weights, couplings**2) / 2
        return float(np.vdot(counts, np.log(read)) - ridge), chances


# ---- symmetries ----


def as_symmetries(permutations: Any, num_wires: int) -> Integers:
    """Permutations of wires by name, or as rows.

    Args:
        permutations: "reflection", "translations", "ring", rows, or None for none but
            the identity.
        num_wires: n.

    Returns:
        (g, n).

    Raises:
        ArgumentError: It is none of these, or of other wires.
    """
    if permutations is None:
        return np.arange(num_wires)[None]
    if not isinstance(permutations, str):
        return as_permutations(permutations, num_wires)
    check_choice("permutations", permutations, SYMMETRIES)
    chain = Lattice.chain(num_wires, periodic=permutations != "reflection")
    return chain.translations if permutations == "translations" else chain.symmetries


SYMMETRIES = ("reflection", "translations", "ring")
"""Permutations that have names: of an open chain, and of a ring."""


def orbits(rows: Integers, num_wires: int, *, spin_flip: bool = False) -> Integers:
    """For each configuration to which set of those that are alike it belongs.

    Args:
        rows: Permutations of wires, (g, n); what they generate is taken.
        num_wires: n.
        spin_flip: Whether turned bits are alike, too.

    Returns:
        Numbers from 0 on, (2ⁿ,).

    Example:
        >>> orbits(np.array([[1, 0]]), 2).tolist()
        [0, 1, 1, 2]
    """
    codes = np.arange(2**num_wires)
    images = _bits(num_wires)[:, rows] @ (1 << np.arange(num_wires)[::-1])
    if spin_flip:
        images = np.concatenate([images, codes[::-1, None]], axis=1)
    ends = (np.repeat(codes, images.shape[1]), images.ravel())
    graph = coo_array((np.ones(len(ends[0]), np.int8), ends))
    found = connected_components(graph, directed=False)[1]
    return np.asarray(found, dtype=np.int64)


def _bits(num_wires: int) -> Integers:
    """All configurations, (2ⁿ, n)."""
    return (np.arange(2**num_wires)[:, None] >> np.arange(num_wires)[::-1]) & 1


def _as_orders(orders: Any) -> tuple[int, ...]:
    items = as_items(orders)
    if not items:
        raise ArgumentTypeError(
            f"orders: expected lengths of words such as (2, 4), got {orders!r}"
        )
    for each in items:
        check_count("orders", each)
    if len(set(items)) < len(items):
        raise ArgumentError(f"orders: expected each once, got {list(items)}")
    return tuple(map(int, items))
