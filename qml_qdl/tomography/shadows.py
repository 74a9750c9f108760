"""Classical shadows: expectation values of many observables from the same shots.

Measuring in random bases is a channel M on states; what was read, sent through its
inverse, is a matrix that has the mean ρ (Huang, Kueng, Preskill 2020,
arXiv:2002.08953). For random Pauli bases M works wire by wire, and the matrix of a shot
is the product of 3`|s⟩⟨s|` − 1 over wires: a Pauli word has the value Π 3s over its
wires where all letters agree with the basis, and 0 else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import field, frozen
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import betaincinv
from scipy.stats import poisson
from torch import Tensor, nn

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    ShapeError,
)
from qml_qdl.circuits.validation import (
    as_wires,
    check_choice,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.hardware.tapes.bases import MOST_WIRES_DECOMPOSED, sentence_of
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.tomography.born_rule import pauli_coordinates, pauli_sum
from qml_qdl.tomography.density_matrix import DensityMatrix, as_square
from qml_qdl.tomography.measurements import LETTERS, Measurements

Reals = NDArray[np.float64]

PAULI_LETTERS = "IXYZ"

WEIGHTINGS = ("compatible", "random")

MOST_GROUPS = 199

MOST_SHUFFLED = 2**24
"""More shots are not divided into groups one by one."""

JACKKNIFE_GROUPS = 20


@frozen(eq=False)
class ShadowEstimate:
    """What a shadow tells of an observable, or of several.

    Args:
        value: A number, or (observables,).
        error: The standard error of each.
        bound: How far off it is at most: with the probability `confidence` none of the
            observables asked for together is further off. None where none is known.
        confidence: That probability; None likewise.
        groups: Of how many groups' means it is the median; 1 for the mean.
        weighting: How shots in different bases are weighted; see `PauliShadow`.
    """

    value: Any
    error: Any
    bound: Any
    confidence: float | None
    groups: int
    weighting: str

    def __str__(self) -> str:
        kind = f"median of {self.groups} means" if self.groups > 1 else "mean"
        head = f"{kind}, {self.weighting} bases"
        if self.confidence is not None:
            head += f", bounds with {self.confidence:.0%}"
        lines = [head]
        values, errors = np.atleast_1d(self.value), np.atleast_1d(self.error)
        bounds = [None] if self.bound is None else np.atleast_1d(self.bound)
        for value, error, bound in zip(values, errors, bounds, strict=True):
            within = "" if bound is None else f", within {bound:.2g}"
            lines.append(f"{value:.4f} ± {error:.4f}{within}")
        return "\n".join(lines)


@frozen(eq=False)
class Observable:
    """An observable on n wires, by Pauli words or by eigenvectors.

    Args:
        letters: (words, n), 0 … 3 for I, X, Y and Z; None where eigenvectors are given.
        coefficients: (words,), or the eigenvalues (r,).
        vectors: Eigenvectors, (2ⁿ, r).
    """

    letters: NDArray[np.uint8] | None
    coefficients: Reals
    vectors: NDArray[np.complex128] | None = field(default=None)

    @classmethod
    def of(cls, given: Any, wires: Sequence[Hashable]) -> Observable:
        """Reads an observable.

        Args:
            given: A Pauli word, an operator on some of the wires, or a matrix on all.
            wires: Labels of all wires.

        Returns:
            The observable.

        Raises:
            ArgumentError: It is an operator that is none of words, or not hermitian.
            ShapeError: It is of other wires.
        """
        size = len(wires)
        if isinstance(given, str):
            if len(given) != size or set(given) - set(PAULI_LETTERS):
                raise ShapeError(
                    f"observables: expected {size} letters I, X, Y and Z, got {given!r}"
                )
            letters = [[PAULI_LETTERS.index(letter) for letter in given]]
            return cls(np.array(letters, np.uint8), np.ones(1))
        if isinstance(given, qml.operation.Operator):
            return cls._of_operator(given, wires)
        matrix = as_square("observables", given)
        if matrix.shape != (2**size, 2**size):
            raise ShapeError(
                f"observables: expected a Pauli word, an operator or a matrix "
                f"({2**size}, {2**size}), got one of shape {matrix.shape}"
            )
        if np.abs(matrix - matrix.conj().T).max() > 1e-6 * np.abs(matrix).max():
            raise ArgumentError("observables: expected a hermitian matrix, got another")
        values, vectors = np.linalg.eigh(matrix)
        kept = np.abs(values) > 1e-14 * np.abs(values).max(initial=0.0)
        return cls(None, values[kept], vectors[:, kept])

    @classmethod
    def _of_operator(cls, given: Any, wires: Sequence[Hashable]) -> Observable:
        if not set(given.wires) <= set(wires):
            raise ShapeError(
                f"observables: expected some of the wires {list(wires)}, got "
                f"{given.wires.tolist()}"
            )
        sentence = sentence_of(given, decompose=True)
        if sentence is None:
            raise ArgumentError(
                f"observables: expected a sum of Pauli words, or an operator on at "
                f"most {MOST_WIRES_DECOMPOSED} wires that has a matrix, got "
                f"{given.name}; pass its matrix"
            )
        letters = np.zeros((len(sentence), len(wires)), np.uint8)
        coefficients = np.empty(len(sentence), np.complex128)
        for row, (word, number) in enumerate(sentence.items()):
            coefficients[row] = complex(qml.math.toarray(number))
            for label, letter in word.items():
                letters[row, wires.index(label)] = PAULI_LETTERS.index(letter)
        sizes = np.abs(coefficients)
        if np.abs(coefficients.imag).max(initial=0.0) > 1e-6 * sizes.max(initial=0.0):
            raise ArgumentError(
                f"observables: expected a hermitian operator, got {given}; take "
                "(O + O†)/2"
            )
        return cls(letters, coefficients.real)

    @classmethod
    def projector(cls, state: Any, num_wires: int) -> Observable:
        """`|ψ⟩⟨ψ|`, whose expectation value is a fidelity.

        Args:
            state: A pure `DensityMatrix`, or amplitudes (2ⁿ,).
            num_wires: n.

        Returns:
            The observable.

        Raises:
            ArgumentError: The state is mixed: its fidelity is not linear in ρ.
            ShapeError: It has other wires.
        """
        pure = state if isinstance(state, DensityMatrix) else DensityMatrix(state)
        if pure.num_wires != num_wires:
            raise ShapeError(
                f"state: expected one of {num_wires} wires, got {pure.num_wires}"
            )
        if 1 - pure.purity > 1e-9:
            raise ArgumentError(
                "state: expected a pure state, since the fidelity with a mixed one is "
                f"no expectation value, got purity {pure.purity:.4f}; reconstruct the "
                "state, or take its largest eigenvector"
            )
        # A factor of several columns is pure where they are parallel.
        vector = np.linalg.svd(pure.factor, full_matrices=False)[0][:, :1]
        return cls(None, np.ones(1), vector)

    @property
    def tensor(self) -> Reals:
        """The coefficients of all words, with an axis of four letters for each wire."""
        assert self.vectors is not None
        scaled = self.vectors * self.coefficients
        size = len(scaled).bit_length() - 1
        words = pauli_coordinates(scaled @ self.vectors.conj().T) / len(scaled)
        return words.reshape((4,) * size)


@frozen
class Groups:
    """Into how many groups shots are divided, and what that guarantees.

    A mean of T/K shots of variance σ² is further off than ε with a probability below
    p = Kσ²/(Tε²) (Chebyshev); the median of an odd number K of such means only where
    at least (K + 1)/2 of them are, which has the probability I_p((K+1)/2, (K+1)/2).
    Where that is the failure allowed, p follows, and with it ε² = (K/p) σ²/T; K is
    chosen so that K/p is least.

    Args:
        count: K, odd.
        chance: p.
    """

    count: int
    chance: float

    @classmethod
    def of(cls, failure: float, shots: int, count: int | None = None) -> Groups:
        """Chooses them.

        Args:
            failure: How likely a median may be further off than its bound.
            shots: T.
            count: K where it is given.

        Returns:
            The groups.

        Raises:
            ArgumentError: There are fewer shots than groups, or they are even.
        """
        if count is not None:
            check_count("groups", count, 1, shots)
            if count % 2 == 0:
                raise ArgumentError(
                    f"groups: expected an odd number, got {count}; take {count - 1}"
                )
        kinds = [count] if count else range(1, min(MOST_GROUPS, shots) + 1, 2)
        made = [
            cls(kind, float(betaincinv((kind + 1) / 2, (kind + 1) / 2, failure)))
            for kind in kinds
        ]
        return min(made, key=lambda each: each.count / each.chance)

    def bound(self, norm: float, shares: Any) -> float:
        """The error ε that is guaranteed.

        Args:
            norm: A bound of the standard deviation of one shot.
            shares: What `divide` gave.
        """
        return float(norm / np.sqrt(self.chance * shares.sum(axis=1).min()))

    def divide(self, counts: NDArray[np.int64]) -> Any:
        """How many shots of each row are in each group, an array (K, rows).

        Shots are shuffled by numbers that do not depend on what was read.

        Args:
            counts: How often each row occurred.
        """
        if self.count == 1:
            return counts[None]
        generator = np.random.default_rng(0)
        total = int(counts.sum())
        if total > MOST_SHUFFLED:
            # Groups differ by some √T shots.
            shares = generator.multinomial(counts, np.full(self.count, 1 / self.count))
            return shares.T
        shots = generator.permutation(np.repeat(np.arange(len(counts)), counts))
        group = np.arange(total) % self.count
        return sparse.csr_array(
            (np.ones(total), (group, shots)), shape=(self.count, len(counts))
        )


class Shadow(ABC):
    """Snapshots of a state, in bases that were drawn at random.

    ---- to be implemented: `num_wires`, `_labels`, `_estimate` and `matrices` ----
    """

    @property
    @abstractmethod
    def num_wires(self) -> int:
        """How many wires were read."""

    @property
    @abstractmethod
    def num_snapshots(self) -> int:
        """How many independent snapshots there are."""

    @property
    @abstractmethod
    def wires(self) -> tuple[Hashable, ...]:
        """Labels of the wires."""

    @property
    @abstractmethod
    def weighting(self) -> str:
        """How shots in different bases are weighted."""

    @abstractmethod
    def _estimates(
        self, observables: Sequence[Observable], failure: float, groups: Groups
    ) -> list[tuple[float, float, float]]:
        """Value, error and bound of each observable."""

    @abstractmethod
    def matrices(self, groups: int = 1) -> NDArray[np.complex128]:
        """Means of the snapshots of groups of shots.

        Args:
            groups: How many.

        Returns:
            (groups, 2ⁿ, 2ⁿ), hermitian and of trace 1, with negative eigenvalues.
        """

    @validate_call
    def expectation(
        self, observables: Any, confidence: float = 0.95, groups: int | None = None
    ) -> ShadowEstimate:
        """Expectation values.

        Args:
            observables: A Pauli word such as "XIZ", an operator of PennyLane's on some
                of the wires, a hermitian matrix (2ⁿ, 2ⁿ), or a list of these.
            confidence: How likely all bounds hold together, between 0 and 1.
            groups: Of how many groups the median is taken, an odd number; None for that
                with the least bound.

        Returns:
            The estimate, of one observable or of all.

        Raises:
            ArgumentError: An observable is not hermitian or no sum of Pauli words.
            DataError: No shot tells anything of a word.
            ShapeError: An observable is of other wires.
        """
        several = isinstance(observables, list | tuple)
        items = list(observables) if several else [observables]
        if not items:
            raise ArgumentError("observables: expected at least one, got none")
        found = self._asked(
            [Observable.of(each, self.wires) for each in items], confidence, groups
        )
        return found if several else _first(found)

    @validate_call
    def fidelity(
        self, state: Any, confidence: float = 0.95, groups: int | None = None
    ) -> ShadowEstimate:
        """The fidelity with a pure state, ⟨ψ|ρ|ψ⟩, which may come out above 1.

        Args:
            state: Amplitudes (2ⁿ,), or a pure `DensityMatrix`.
            confidence: How likely the bound holds.
            groups: Of how many groups the median is taken; None for the best.

        Returns:
            The estimate.

        Raises:
            ArgumentError: The state is mixed.
            DataError: No shot tells anything of a word of the state.
            ShapeError: It has other wires.
        """
        projector = Observable.projector(state, self.num_wires)
        return _first(self._asked([projector], confidence, groups))

    def _asked(
        self, observables: list[Observable], confidence: float, groups: int | None
    ) -> ShadowEstimate:
        check_number("confidence", confidence, 0, 1)
        failure = (1 - confidence) / len(observables)
        if self.weighting == "compatible":
            if groups not in (None, 1):
                raise ArgumentError(
                    f"groups: expected 1 where weights are 'compatible', got {groups}; "
                    "take weighting='random' for medians"
                )
            groups = 1
        chosen = Groups.of(failure, self.num_snapshots, groups)
        value, error, bound = np.array(self._estimates(observables, failure, chosen)).T
        return ShadowEstimate(
            value, error, bound, confidence, chosen.count, self.weighting
        )


@validate_call
class PauliShadow(Shadow):
    """A shadow by measurements in Pauli bases.

    "compatible" gives a word the mean of all shots that tell it, whatever their bases
    and however they were chosen. Bounds are Hoeffding's, given the bases. "random" is
    the textbook's: all shots count, those that tell a word of k letters 3ᵏ-fold. It
    needs bases that were drawn anew for each shot, has errors larger by what the draw
    adds, and a bound before anything is measured: the variance of a word is at most
    3ᵏ, and that of any observable O on k wires 4ᵏ‖O‖²; what is reported is the smaller
    of 2ᵏ‖O‖ and Σ abs(c) 3^(k/2) over O's words. **It is this norm that makes Pauli
    shadows useless for fidelities of many wires**; `CliffordShadow` is the way to them.

    Errors of reading that the measurements tell of are taken out: ±1 becomes what has
    the mean ±1 under the confusion, which makes norms larger.

    Args:
        data: The measurements.
        weighting: "compatible" or "random".

    Raises:
        ArgumentError: Bases are told to be random, but repeat too often for that.

    Example:
        >>> import numpy as np
        >>> from qml_qdl.tomography import DensityMatrix, random_bases
        >>> bell = DensityMatrix([1, 0, 0, 1])
        >>> bases = random_bases(2, 3000, np.random.default_rng(0))
        >>> shadow = PauliShadow(bell.sample(bases, 1, seed=0))
        >>> estimate = shadow.expectation(["XX", "YY", "ZI"])
        >>> estimate.value.round(1) + 0.0
        array([ 1., -1.,  0.])
    """

    def __init__(self, data: Measurements, weighting: str = "compatible") -> None:
        check_choice("weighting", weighting, WEIGHTINGS)
        self.data = data
        self._weighting = weighting
        if weighting == "random":
            _check_random(data)
        self._symbols = np.asfortranarray(symbols_of(data))
        self._response = responses(data.num_wires, data.confusion)
        signs = self._response[:, 1, :2]
        confusion = np.eye(2)[None] if data.confusion is None else data.confusion
        self._highest = np.abs(signs).max(axis=1)
        moments = np.einsum("itr,ir->it", confusion, np.square(signs)).max(axis=1)
        self._deviation = np.sqrt(3 * moments)

    def __repr__(self) -> str:
        return f"PauliShadow({self.data!r}, weighting={self.weighting!r})"

    @property
    def num_wires(self) -> int:
        """How many wires were read."""
        return self.data.num_wires

    @property
    def num_snapshots(self) -> int:
        """How many shots there are."""
        return self.data.total_shots

    @property
    def wires(self) -> tuple[Hashable, ...]:
        """Labels of the wires."""
        return self.data.wires

    @property
    def weighting(self) -> str:
        """How shots in different bases are weighted."""
        return self._weighting

    # ---- words that are given one by one ----

    def _told(self, letters: NDArray[np.uint8]) -> tuple[NDArray[np.intp], Reals]:
        """The rows that tell a word which is not the identity, and its sign in them."""
        wires = np.flatnonzero(letters)
        rows = self._rows_of[int(wires[0])][letters[wires[0]] - 1]
        signs = self._response[wires[0], letters[wires[0]]][
            self._symbols[rows, wires[0]]
        ]
        for wire in wires[1:]:
            answers = self._response[wire, letters[wire]][self._symbols[rows, wire]]
            kept = answers != 0  # the inverse of a confusion is nowhere zero
            rows, signs = rows[kept], signs[kept] * answers[kept]
        if not len(rows):
            word = "".join(PAULI_LETTERS[letter] for letter in letters)
            raise DataError(
                f"observables: no shot was taken in a basis that tells {word}; measure "
                f"in one such as {word.replace('I', 'Z')}, or leave the word out"
            )
        return rows, signs

    @cached_property
    def _rows_of(self) -> list[list[NDArray[np.intp]]]:
        """For each wire the rows in which it was read in X, in Y and in Z."""
        letters = self._symbols.T // 2
        return [[np.flatnonzero(own == each) for each in range(3)] for own in letters]

    def _estimates(
        self, observables: Sequence[Observable], failure: float, groups: Groups
    ) -> list[tuple[float, float, float]]:
        if self.weighting == "compatible":
            scale = np.sqrt(2 * np.log(2 / failure))
            return [self._compatible(each, scale) for each in observables]
        counts = self.data.counts
        shares = groups.divide(counts)
        return [
            median_of_means(
                self._values(each), self._norm(each), counts, groups, shares
            )
            for each in observables
        ]

    def _values(self, observable: Observable) -> Reals:
        """The value of an observable in each row's snapshot."""
        if observable.letters is None:
            weighted = self._by_letter(observable.tensor, np.full(self.num_wires, 3.0))
            return self._looked_up(weighted, self._response)
        total = np.zeros(len(self._symbols))
        for letters, number in zip(
            observable.letters, observable.coefficients, strict=True
        ):
            weight = np.count_nonzero(letters)
            if weight:
                rows, signs = self._told(letters)
                total[rows] += number * 3.0**weight * signs
            else:
                total += number
        return total

    def _norm(self, observable: Observable) -> float:
        """A bound of the standard deviation of one shot: the shadow norm or above."""
        deviation = self._deviation
        if observable.letters is not None:
            there = observable.letters > 0
            factors = np.where(there, deviation, 1.0).prod(axis=1) * there.any(axis=1)
            return float(np.abs(observable.coefficients) @ factors)
        tensor = observable.tensor
        tensor.flat[0] = 0
        found = float(np.abs(self._by_letter(tensor, deviation)).sum())
        if self.data.confusion is not None:
            return found
        # Without its trace; the eigenvalues that are not listed are zero.
        size = 2**self.num_wires
        values = observable.coefficients
        full = np.concatenate([values, [0.0]]) if len(values) < size else values
        largest = np.abs(full - values.sum() / size).max()
        return min(found, float(size * largest))

    def _compatible(
        self, observable: Observable, scale: float
    ) -> tuple[float, float, float]:
        """The estimate Σ_P c_P m_P, with m_P the mean of the T_P shots that tell P.

        Given the bases it is a sum of independent numbers, one for each shot: that of
        a shot lies between ± r = Σ abs(c_P)/T_P over the words that it tells, so that
        Hoeffding's bound is √(2 ln(2/δ) Σ r²). Its variance is found from what each
        shot's number differs from its own mean, Σ c_P m_P/T_P over the same words.
        """
        if observable.letters is None:
            return self._compatible_tensor(observable, scale)
        counts = self.data.counts
        value = 0.0
        off, reach = np.zeros(len(counts)), np.zeros(len(counts))
        for letters, number in zip(
            observable.letters, observable.coefficients, strict=True
        ):
            if not letters.any():
                value += number
                continue
            rows, signs = self._told(letters)
            times = counts[rows]
            shots = times.sum()
            mean = (times @ signs) / shots
            value += number * mean
            own = mean if shots > 1 else 0.0
            off[rows] += number / shots * _widening(shots) * (signs - own)
            highest = self._highest[letters > 0].prod()
            reach[rows] += abs(number) / shots * highest
        error = np.sqrt(counts @ np.square(off))
        bound = scale * np.sqrt(counts @ np.square(reach))
        return float(value), float(error), float(bound)

    # ---- all words at once ----

    def _by_letter(self, tensor: Reals, weights: Reals) -> Reals:
        """Multiplies each word of a tensor by the weights of its wires."""
        maps = [np.diag([1.0, each, each, each]) for each in weights]
        return on_each_wire(tensor, maps)

    def _looked_up(self, tensor: Reals, response: Reals) -> Reals:
        """The sum over words of what each row tells of them, times coefficients."""
        check_memory(
            f"state: all outcomes in all bases of {self.num_wires} wires",
            3 * 8 * 6**self.num_wires,
            "take fewer wires, or an operator of few Pauli words",
        )
        table = on_each_wire(tensor, response)
        return table.ravel()[_places(self._symbols, 6)]

    def _sums(
        self, counts: Any, response: Reals, wires: Sequence[int] | None = None
    ) -> Reals:
        """The sum over shots of what they tell of each word of some wires."""
        kept = np.arange(self.num_wires) if wires is None else np.array(wires)
        check_memory(
            f"wires: all outcomes in all bases of {len(kept)} wires",
            3 * 8 * 6 ** len(kept),
            "take fewer wires",
        )
        flat: Any = np.bincount(
            _places(self._symbols[:, kept], 6), counts, minlength=6 ** len(kept)
        )
        return word_sums(flat.reshape((6,) * len(kept)), response[kept])

    @cached_property
    def _seen(self) -> Reals:
        """Like the response, but 1 wherever a symbol tells a letter."""
        seen: Reals = (self._response != 0).astype(np.float64)
        return seen

    def _compatible_tensor(
        self, observable: Observable, scale: float
    ) -> tuple[float, float, float]:
        tensor, counts = observable.tensor, self.data.counts
        shots = self._sums(counts, self._seen)
        there = np.abs(tensor) > 1e-12 * np.abs(tensor).max(initial=0.0)
        self._check_told(there, shots)
        shots = np.maximum(shots, 1)
        means = self._sums(counts, self._response) / shots
        value = float((tensor * means)[there].sum())
        each = np.where(there, tensor / shots, 0.0)
        each.flat[0] = 0
        spread = each * _widening(shots)
        off = self._looked_up(spread, self._response)
        off -= self._looked_up(spread * means * (shots > 1), self._seen)
        most = self._by_letter(np.abs(each), self._highest)
        reach = self._looked_up(most, self._seen)
        error = np.sqrt(counts @ np.square(off))
        return value, float(error), float(scale * np.sqrt(counts @ np.square(reach)))

    def _check_told(
        self, wanted: NDArray[np.bool_], shots: Reals, least: int = 1
    ) -> None:
        untold = np.argwhere(wanted & (shots < least))
        if len(untold):
            word = "".join(PAULI_LETTERS[letter] for letter in untold[0])
            raise DataError(
                f"observables: {'no shot was' if least == 1 else 'no two shots were'} "
                f"taken in bases that tell {word}, and {len(untold) - 1} other words "
                f"of {wanted.sum()}; measure in more "
                "bases, or take weighting='random' if each shot had a basis of its own"
            )

    def _word_means(self, counts: Any, wires: Sequence[int] | None = None) -> Reals:
        sums = self._sums(counts, self._response, wires)
        if self.weighting == "random":
            weighted: Reals = self._by_letter(sums, np.full(sums.ndim, 3.0))
            return weighted / float(counts.sum())
        shots = self._sums(counts, self._seen, wires)
        self._check_told(np.ones(shots.shape, bool), shots)
        return sums / shots

    def matrices(self, groups: int = 1) -> NDArray[np.complex128]:
        """Means of the snapshots of groups of shots.

        Args:
            groups: How many.

        Returns:
            (groups, 2ⁿ, 2ⁿ), hermitian and of trace 1, with negative eigenvalues.

        Raises:
            DataError: With compatible weights, no shot of a group tells some word.
            MemoryBoundError: There are too many wires.
        """
        check_count("groups", groups, 1, self.num_snapshots)
        shares = _shares(self.data.counts, groups)
        return np.stack(
            [
                pauli_sum(self._word_means(own).ravel()) / 2**self.num_wires
                for own in shares
            ]
        )

    def state(self, wires: Any = None) -> DensityMatrix:
        """The state nearest to the mean of the snapshots of some wires.

        Args:
            wires: Labels of the wires; None for all.

        Returns:
            The state.

        Raises:
            ArgumentError: There is no such wire.
            DataError: With compatible weights, no shot tells some word.
            MemoryBoundError: There are too many wires.
        """
        kept = self._positions(wires)
        means = self._word_means(self.data.counts, kept)
        return DensityMatrix.nearest(pauli_sum(means.ravel()) / 2 ** len(kept))

    def purity(self, wires: Any = None) -> ShadowEstimate:
        """The purity tr ρ² of some wires, without the bias that ρ² would have.

        The mean over pairs of different shots: tr ρ² = 2⁻ᵏ Σ ⟨P⟩², and the square of
        a word's mean is found from pairs, too.

        Args:
            wires: Labels of the wires, few; None for all.

        Returns:
            The estimate, with an error by the jackknife and no bound.

        Raises:
            ArgumentError: There is no such wire.
            DataError: A word is not told by two shots.
            MemoryBoundError: There are too many wires.
        """
        return self._with_jackknife(self._purity, self._positions(wires))

    def renyi_entropy(self, wires: Any = None) -> ShadowEstimate:
        """Rényi's second entropy −log tr ρ² of some wires, in nats.

        Args:
            wires: Labels of the wires, few; None for all.

        Returns:
            The estimate, with an error by the jackknife and no bound.

        Raises:
            ArgumentError: There is no such wire.
            DataError: A word is not told by two shots, or the purity that was found is
                not positive.
            MemoryBoundError: There are too many wires.
        """

        def entropy(counts: Any, kept: Sequence[int]) -> float:
            purity = self._purity(counts, kept)
            if purity <= 0:
                raise DataError(
                    f"wires: the purity of {len(kept)} wires came out as {purity:.3g}, "
                    "which has no logarithm; take more shots, or fewer wires"
                )
            return -float(np.log(purity))

        return self._with_jackknife(entropy, self._positions(wires))

    def _purity(self, counts: Any, kept: Sequence[int]) -> float:
        sums = self._sums(counts, self._response, kept)
        squares = self._sums(counts, np.square(self._response), kept)
        if self.weighting == "random":
            nine = np.full(len(kept), 9.0)
            sums = self._by_letter(sums, np.full(len(kept), 3.0))
            squares = self._by_letter(squares, nine)
            shots: Any = float(counts.sum())
        else:
            shots = self._sums(counts, self._seen, kept)
            self._check_told(np.ones(shots.shape, bool), shots, 2)
        if np.min(shots) < 2:
            raise DataError("data: expected at least two shots, got one")
        pairs = (np.square(sums) - squares) / (shots * (shots - 1))
        return float(pairs.sum() / 2 ** len(kept))

    def _with_jackknife(self, figure: Any, kept: Sequence[int]) -> ShadowEstimate:
        counts = self.data.counts
        value = figure(counts, kept)
        parts = min(JACKKNIFE_GROUPS, self.num_snapshots)
        shares = _shares(counts, parts)
        without = np.array([figure(counts - own, kept) for own in shares])
        error = np.sqrt((parts - 1) * np.square(without - without.mean()).mean())
        return ShadowEstimate(value, float(error), None, None, 1, self.weighting)

    def _positions(self, wires: Any) -> list[int]:
        if wires is None:
            return list(range(self.num_wires))
        labels = as_wires([wires] if isinstance(wires, int | str) else wires)
        unknown = [label for label in labels if label not in self.wires]
        if unknown or not labels:
            raise ArgumentError(
                f"wires: expected some of {list(self.wires)}, got "
                f"{unknown[0] if unknown else 'none'!r}"
            )
        return [self.wires.index(label) for label in labels]


class ShadowInfidelity(nn.Module):
    """A loss: one minus the fidelity of amplitudes with a shadow.

    1 − median over groups of ⟨ψ|ρ̂|ψ⟩/⟨ψ|ψ⟩, with ρ̂ the mean of the snapshots of a
    group (arXiv:2305.01078). It has no lower end at 0, since ρ̂ has eigenvalues above
    1: what it falls below 0 is noise of the shots that is fitted.

    Args:
        shadow: The shadow of the state that is looked for.
        groups: Of how many groups the median is taken.

    Shape:
        - Input: (2ⁿ,), amplitudes of any norm, real or complex.
        - Output: ().

    Example:
        >>> import numpy as np
        >>> import torch
        >>> from qml_qdl.tomography import DensityMatrix, pauli_bases
        >>> bell = DensityMatrix([1, 0, 0, 1])
        >>> shadow = PauliShadow(bell.sample(pauli_bases(2), 1000, seed=0))
        >>> loss = ShadowInfidelity(shadow)
        >>> bool(loss(torch.tensor([1.0, 0, 0, 1])).abs() < 0.05)
        True
    """

    @validate_call
    def __init__(self, shadow: Shadow, groups: int = 1) -> None:
        super().__init__()
        self.num_wires = shadow.num_wires
        means = torch.from_numpy(shadow.matrices(groups))
        self.register_buffer("means", means, persistent=False)

    def forward(self, amplitudes: Tensor) -> Tensor:
        """The loss of amplitudes.

        Args:
            amplitudes: (2ⁿ,).

        Raises:
            ArgumentError: Some are not finite, or all vanish.
            ShapeError: There are not 2ⁿ.
        """
        if not isinstance(amplitudes, Tensor):
            raise ArgumentTypeError(
                f"amplitudes: expected a tensor, got {type(amplitudes).__name__}"
            )
        if amplitudes.shape != (2**self.num_wires,):
            raise ShapeError(
                f"amplitudes: expected shape ({2**self.num_wires},), got "
                f"{tuple(amplitudes.shape)}"
            )
        vector = amplitudes.to(amplitudes.dtype.to_complex())
        means = self.get_buffer("means").to(vector)
        overlaps = torch.einsum("a,gab,b->g", vector.conj(), means, vector).real
        norm = vector.abs().square().sum()
        if not 0 < norm < torch.inf:
            raise ArgumentError(
                f"amplitudes: expected finite ones that do not all vanish, got the "
                f"norm {float(norm.detach().sqrt()):.3g}"
            )
        return 1 - overlaps.quantile(0.5) / norm


# ---- symbols: in which direction a wire was read, and what ----


def symbols_of(data: Measurements) -> NDArray[np.uint8]:
    """For each outcome of measurements and each wire 2 · letter + bit, (k, n)."""
    letters = [[LETTERS.index(letter) for letter in basis] for basis in data.bases]
    return 2 * np.array(letters, np.uint8)[data.of] + data.outcomes


def responses(num_wires: int, confusion: Any = None) -> Reals:
    """What each symbol says of each letter, (n, 4, 6).

    That is 1 of the letter I, and 0 of a letter that was not measured; else ±1, or what
    has the mean ±1 under the confusion.

    Args:
        num_wires: n.
        confusion: How each wire is misread, as in `Measurements`.
    """
    given = np.broadcast_to(np.eye(2), (num_wires, 2, 2))
    given = given if confusion is None else np.asarray(confusion)
    signs = np.linalg.solve(given, np.array([[1.0], [-1.0]]))[..., 0]
    found = np.zeros((num_wires, 4, 6))
    found[:, 0] = 1
    for letter in range(3):
        found[:, letter + 1, 2 * letter : 2 * letter + 2] = signs
    return found


def on_each_wire(tensor: Reals, maps: Iterable[Reals]) -> Reals:
    """Applies a map to each axis of a tensor, which may change their lengths.

    Args:
        tensor: An axis for each wire.
        maps: For each wire a matrix (entries before, entries after).

    Returns:
        The tensor.
    """
    for each in maps:
        tensor = np.tensordot(tensor, each, axes=(0, 0))
    return tensor


def word_sums(table: Reals, response: Reals) -> Reals:
    """Sums over symbols of what they say of each Pauli word.

    Args:
        table: The weight of each row of symbols, an axis of six for each wire.
        response: What symbols say, (n, 4, 6).

    Returns:
        A tensor with n axes of four letters.
    """
    return on_each_wire(table, [each.T for each in response])


# ---- what both kinds of shadows share ----


def median_of_means(
    values: Reals, norm: float, counts: Any, groups: Groups, shares: Any
) -> tuple[float, float, float]:
    """The median of the means of groups, its standard error and its bound.

    Args:
        values: The value of each row, (rows,).
        norm: A bound of the standard deviation of one shot.
        counts: How often each row occurred, (rows,).
        groups: The groups.
        shares: How often in each of them, as `Groups.divide` gives it.
    """
    shots = counts.sum()
    mean = (counts @ values) / shots
    # One shot has no spread: all that is known is the bound of it.
    variance = norm**2
    if shots > 1:
        variance = (counts @ np.square(values - mean)) / (shots - 1)
    # The median of many means varies by π/2 more than the mean of all.
    more = np.pi / 2 if groups.count > 1 else 1.0
    found = np.median((shares @ values) / shares.sum(axis=1))
    error = np.sqrt(more * variance / shots)
    return float(found), float(error), groups.bound(norm, shares)


def _shares(counts: NDArray[np.int64], groups: int) -> NDArray[Any]:
    found = Groups(groups, 1.0).divide(counts)
    return np.asarray(found.toarray() if sparse.issparse(found) else found)


def _places(digits: NDArray[np.uint8], base: int) -> NDArray[np.int64]:
    powers = base ** np.arange(digits.shape[1], dtype=np.int64)[::-1]
    return digits.astype(np.int64) @ powers


def _widening(shots: Any) -> Any:
    """√(T/(T−1)), by which a spread about the mean is too narrow.

    Of one shot it is 1: all that is known is that its mean may be 0.
    """
    return np.sqrt(shots / np.maximum(shots - 1, 1))


def _check_random(data: Measurements) -> None:
    """Refuses bases that repeat too often to have been drawn for each shot."""
    shots = data.shots.astype(np.float64)
    pairs = float((shots * (shots - 1)).sum() / 2)
    total = float(shots.sum())
    expected = total * (total - 1) / 2 / 3.0**data.num_wires
    if poisson.sf(pairs - 1, expected) < 1e-9:
        raise ArgumentError(
            f"weighting: 'random' needs a basis drawn for each shot, but "
            f"{int(shots.max())} shots are in {data.bases[int(shots.argmax())]} alone; "
            "take weighting='compatible', which is right for any bases"
        )


def _first(found: ShadowEstimate) -> ShadowEstimate:
    return ShadowEstimate(
        float(found.value[0]),
        float(found.error[0]),
        float(found.bound[0]),
        found.confidence,
        found.groups,
        found.weighting,
    )
