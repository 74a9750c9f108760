r"""Distributions as non-negative matrix products: sums and samples of them are exact.

.. math:: p(x) = \sum_{a} A_1[x_1]_{1 a_1} A_2[x_2]_{a_1 a_2} … A_n[x_n]_{a_{n-1} 1}

With non-negative entries every such product can be scaled so that the entries of each
row of each tensor, A[a, :, :], add up to 1: then p is normalised, and a hidden Markov
chain whose steps differ from wire to wire (Glasser et al. 2019, arXiv:1907.03741).
Errors of reading act on each wire alone, so that what is read is such a product, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, final

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from qml_qdl.circuits.errors import ArgumentTypeError, DataError, ShapeError
from qml_qdl.circuits.validation import (
    MOST_SEED,
    check_count,
    checked,
    validate_call,
)
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.tomography.density_matrix import DensityMatrix
from qml_qdl.tomography.distributions import check_only_z
from qml_qdl.tomography.estimator import Estimator, Reconstruction
from qml_qdl.tomography.measurements import Measurements

Reals: TypeAlias = NDArray[np.float64]
Bits: TypeAlias = NDArray[np.uint8]

_NOISE = 0.3
"""How much the logarithms of two copies of a bond's state differ at first."""

_REMEMBERS = np.array([[[0.95, 0.05], [0.05, 0.95]]])
"""How surely a bit is the state of the bond after it, at first."""

_ENOUGH = 1.0
"""What a larger bond must gain, in nats."""

_ROUGH = 150
"""Steps at most where bonds are compared."""

_FLAT = 1e-3
"""A step that gains less, in nats for each nat of a shot, is the last."""

_LEAST = 1e-300


def _as_tensors(given: Any) -> tuple[Reals, ...]:
    try:
        tensors = tuple(np.asarray(each, dtype=np.float64) for each in given)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            "tensors: expected arrays (left, 2, right), got "
            f"{type(given).__name__} of others"
        ) from error
    right = 1
    for wire, tensor in enumerate(tensors):
        if tensor.ndim != 3 or tensor.shape[:2] != (right, 2):
            raise ShapeError(
                f"tensors: expected ({right}, 2, bond) on wire {wire}, got "
                f"{tensor.shape}"
            )
        if not (tensor >= 0).all() or np.abs(tensor.sum(axis=(1, 2)) - 1).max() > 1e-9:
            raise DataError(
                "tensors: expected entries from 0 that add up to 1 in each row "
                f"[a, :, :], got others on wire {wire}"
            )
        right = tensor.shape[2]
    if right != 1 or not tensors:
        raise ShapeError(
            f"tensors: expected one or more, the last with one column, got {right}"
        )
    return tensors


@final
@validate_call
@frozen(eq=False)
class MatrixProductDistribution:
    """A distribution of bit strings as a product of non-negative matrices.

    Args:
        tensors: For each wire A (left, 2, right), non-negative, Σ A[a, :, :] = 1 for
            each a. The first has one row, the last one column.

    Raises:
        DataError: There are negative entries, or sums other than 1.
        ShapeError: They do not fit together.

    Example:
        >>> first = np.array([[[0.5, 0.0], [0.0, 0.5]]])  # remembers its bit
        >>> second = np.array([[[1.0], [0.0]], [[0.0], [1.0]]])  # repeats it
        >>> MatrixProductDistribution((first, second)).probabilities()
        array([0.5, 0. , 0. , 0.5])
    """

    tensors: tuple[Reals, ...] = field(converter=_as_tensors)

    @property
    def num_wires(self) -> int:
        """How many bits there are."""
        return len(self.tensors)

    @property
    def bond(self) -> int:
        """The largest bond dimension."""
        return max(int(tensor.shape[2]) for tensor in self.tensors)

    def log_probabilities(self, bits: Any) -> Reals:
        """The logarithm of p for some strings.

        Args:
            bits: (rows, n), zeros and ones.

        Returns:
            (rows,).

        Raises:
            DataError: They are no bits.
            ShapeError: They are of other wires.
        """
        rows = np.asarray(bits)
        if rows.ndim != 2 or rows.shape[1] != self.num_wires:
            raise ShapeError(
                f"bits: expected (rows, {self.num_wires}), got {rows.shape}"
            )
        if not np.isin(rows, (0, 1)).all():
            raise DataError("bits: expected zeros and ones, got others")
        return _forwards(self.tensors, rows)[1]

    def probabilities(self) -> Reals:
        """All probabilities, (2ⁿ,).

        Raises:
            MemoryBoundError: There are too many wires.
        """
        check_memory(
            f"state: all outcomes of {self.num_wires} wires",
            3 * 8 * 2**self.num_wires * self.bond,
            "take fewer wires, or samples of the distribution",
        )
        found = np.ones((1, 1))
        for tensor in self.tensors:
            found = np.tensordot(found, tensor, 1).reshape(-1, tensor.shape[2])
        return found[:, 0]

    def sample(self, shots: int, seed: int | None = None) -> Bits:
        """Samples exactly, wire after wire.

        Args:
            shots: How many.
            seed: Where random numbers begin; None for others each time.

        Returns:
            Bits, (shots, n).
        """
        check_count("shots", shots)
        if seed is not None:
            check_count("seed", seed, 0, MOST_SEED)
        generator = Seeds(seed).next()
        found = np.empty((shots, self.num_wires), np.uint8)
        place = np.zeros(shots, np.int64)
        for wire, tensor in enumerate(self.tensors):
            left, _, right = tensor.shape
            rising = tensor.reshape(left, -1).cumsum(axis=1)
            drawn = generator.random(shots)[:, None] * rising[place, -1:]
            chosen = (drawn >= rising[place]).sum(axis=1)
            found[:, wire], place = chosen // right, chosen % right
        return found


@final
@validate_call
@frozen
class NonNegativeMPS(Estimator):
    """The state √p of a matrix product with non-negative entries.

    L-BFGS climbs the likelihood in the logarithms of the entries; as for the EM
    algorithm one way forwards and one backwards give what it needs. A bond of two
    begins as the Markov chain of the bits, a larger one where half of it has ended,
    each of its states twice. There are other maxima, and which one is found hangs on
    the seed.

    Args:
        bond: The bond dimension; None for a power of two chosen by held-out likelihood.
        most_bond: The largest bond that is tried.
        folds: Parts of the shots, of which each is left out once.
        steps: Steps of L-BFGS for each bond, at most.
        seed: Of what breaks the symmetry between copies, and of the parts.

    Example:
        >>> ghz = DensityMatrix([1, 0, 0, 0, 0, 0, 0, 1])
        >>> data = ghz.sample(["ZZZ"], 400, seed=0)
        >>> found = NonNegativeMPS(bond=2).distribution(data)
        >>> found.probabilities().round(1).tolist()
        [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5]
    """

    bond: int | None = field(default=None)
    most_bond: int = field(default=16, validator=checked(check_count))
    folds: int = field(default=4, validator=checked(check_count, 2))
    steps: int = field(default=1000, validator=checked(check_count))
    seed: int = field(default=0, validator=checked(check_count, 0, MOST_SEED))

    @bond.validator
    def _check_bond(self, attribute: Any, value: int | None) -> None:
        if value is not None:
            check_count("bond", value)

    def fit(self, data: Measurements) -> Reconstruction:
        """Finds the state.

        Args:
            data: Shots in Z alone.

        Returns:
            The state, and the bond as `bond`.

        Raises:
            DataError: Other bases were measured, or there are fewer shots than parts.
            MemoryBoundError: There are too many wires for a vector; see `distribution`.
        """
        found, converged = self._found(data)
        state = DensityMatrix(np.sqrt(found.probabilities()))
        return Reconstruction(state, {"bond": found.bond}, converged)

    def distribution(self, data: Measurements) -> MatrixProductDistribution:
        """Finds the distribution alone, of any number of wires.

        Args:
            data: Shots in Z alone.

        Returns:
            That of outcomes before they are read.

        Raises:
            DataError: Other bases were measured, or there are fewer shots than parts.
        """
        return self._found(data)[0]

    def _found(self, data: Measurements) -> tuple[MatrixProductDistribution, bool]:
        check_only_z(data, "a non-negative matrix product")
        bond = self._by_held_out_shots(data) if self.bond is None else self.bond
        growth = _Growth(data, self.seed, self.steps)
        while growth.bond < bond:
            growth.grow(min(2 * growth.bond, bond))
        return growth.distribution, growth.converged

    def _by_held_out_shots(self, data: Measurements) -> int:
        """The bond under which shots that were left out are most probable."""
        parts = [
            (_Growth(rest, self.seed, min(self.steps, _ROUGH)), own)
            for rest, own in data.split(self.folds, np.random.default_rng(self.seed))
        ]
        scores: list[float] = []
        bond = 1
        while True:
            scores.append(sum(growth.log_likelihood(own) for growth, own in parts))
            if scores[-1] < max(scores) or 2 * bond > self.most_bond:
                enough = np.array(scores) >= max(scores) - _ENOUGH
                return int(2 ** enough.argmax())
            bond *= 2
            for growth, _ in parts:
                growth.grow(bond)


@final
class _Growth:
    """A matrix product that is fitted, and grows."""

    def __init__(self, data: Measurements, seed: int, steps: int) -> None:
        self.bits, self.counts = data.outcomes, data.counts.astype(np.float64)
        confusion = data.confusion
        size = data.num_wires
        self.confusion = [np.eye(2)] * size if confusion is None else list(confusion)
        self.steps, self.bond = steps, 1
        self._generator = np.random.default_rng(seed)
        self._logits = [np.zeros((1, 2, 1))] * size
        self._climb()

    @property
    def distribution(self) -> MatrixProductDistribution:
        """What was found."""
        return MatrixProductDistribution(tuple(map(_normalised, self._logits)))

    def log_likelihood(self, data: Measurements) -> float:
        """That of other shots."""
        read = self._read(self.distribution.tensors)
        return float(data.counts @ _forwards(read, data.outcomes)[1])

    def grow(self, bond: int) -> None:
        """Copies states of all bonds, breaks the symmetry of copies, and climbs."""
        last = len(self._logits) - 1
        if self.bond == 1 and last:
            self._logits, self.bond = self._chain(), 2
        rows = np.arange(bond) % self.bond
        for wire, logits in enumerate(self._logits):
            wide = logits if wire == 0 else logits[rows]
            if wire < last:  # what comes to several copies comes to each in parts
                wide = wide[:, :, rows] - np.log(np.bincount(rows)[rows])
            if bond > self.bond:
                wide = wide + self._generator.normal(scale=_NOISE, size=wide.shape)
            self._logits[wire] = wide
        self.bond = bond if last else 1
        self._climb()

    def _chain(self) -> list[Reals]:
        """The Markov chain of the bits: the state of a bond is the bit before it.

        From random states the meaning of a bond would turn round from wire to wire, as
        domain walls that climbing does not move.
        """
        one_hot = np.stack([1 - self.bits, self.bits], axis=2).astype(np.float64)
        weighted = one_hot * self.counts[:, None, None]
        tensors = [(weighted[:, 0].sum(axis=0) + 1)[None, :, None] * _REMEMBERS]
        for wire in range(1, len(self._logits)):
            pairs = weighted[:, wire - 1].T @ one_hot[:, wire] + 1
            tensors.append(pairs[:, :, None] * _REMEMBERS)
        tensors[-1] = tensors[-1].sum(axis=2, keepdims=True)
        return [np.log(tensor) for tensor in tensors]

    def _climb(self) -> None:
        shapes = [logits.shape for logits in self._logits]
        ends = np.cumsum([logits.size for logits in self._logits])[:-1]

        def descent(flat: Reals) -> tuple[float, Reals]:
            parts = np.split(flat, ends)
            tensors = [
                _normalised(part.reshape(shape))
                for part, shape in zip(parts, shapes, strict=True)
            ]
            value, expected = self._expected(tensors)
            gradient = [
                # Entries of a row add up to 1, which takes their mean away.
                tensor * each.sum(axis=(1, 2), keepdims=True) - each
                for tensor, each in zip(tensors, expected, strict=True)
            ]
            return -value, np.concatenate([each.ravel() for each in gradient])

        start = np.concatenate([logits.ravel() for logits in self._logits])
        found = minimize(
            descent,
            start,
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": self.steps,
                "maxfun": 2 * self.steps,
                "ftol": _FLAT / self.counts.sum(),
                "gtol": 0.0,
            },
        )
        self.converged = bool(found.success)
        self._logits = [
            np.log(np.maximum(_normalised(part.reshape(shape)), 1e-30))
            for part, shape in zip(np.split(found.x, ends), shapes, strict=True)
        ]

    def _read(self, tensors: Sequence[Reals]) -> list[Reals]:
        """The product of what is read."""
        return [
            np.einsum("axb,xr->arb", tensor, matrix)
            for tensor, matrix in zip(tensors, self.confusion, strict=True)
        ]

    def _expected(self, tensors: Sequence[Reals]) -> tuple[float, list[Reals]]:
        """The log likelihood, and how often each entry is thought to have been used."""
        read = self._read(tensors)
        lefts, logs = _forwards(read, self.bits)
        expected: list[Reals] = []
        right = np.ones((len(self.bits), 1))
        for wire in range(len(tensors))[::-1]:
            left, used = lefts[wire], read[wire]
            overlaps = np.empty_like(used)
            before = np.empty_like(left)
            for bit in (0, 1):
                mine = np.flatnonzero(self.bits[:, wire] == bit)
                before[mine] = right[mine] @ used[:, bit].T
                share = (before[mine] * left[mine]).sum(axis=1)
                weights = self.counts[mine] / np.maximum(share, _LEAST)
                overlaps[:, bit] = (left[mine] * weights[:, None]).T @ right[mine]
            back = np.einsum("arb,xr->axb", overlaps, self.confusion[wire])
            expected.append(tensors[wire] * back)
            scale = np.maximum(before.sum(axis=1, keepdims=True), _LEAST)
            right = before / scale
        return float(self.counts @ logs), expected[::-1]


def _forwards(tensors: Sequence[Reals], bits: Any) -> tuple[list[Reals], Reals]:
    """For each wire what comes to it from the left, up to a factor, and log p."""
    lefts, logs = [np.ones((len(bits), 1))], np.zeros(len(bits))
    for wire, tensor in enumerate(tensors):
        after = np.empty((len(bits), tensor.shape[2]))
        for bit in (0, 1):
            mine = np.flatnonzero(bits[:, wire] == bit)
            after[mine] = lefts[-1][mine] @ tensor[:, bit]
        scale = after.sum(axis=1)
        with np.errstate(divide="ignore"):
            logs += np.log(scale)
        lefts.append(after / np.maximum(scale, _LEAST)[:, None])
    return lefts, logs


def _normalised(logits: Reals) -> Reals:
    """Entries of a tensor by their logarithms."""
    flat = logits.reshape(len(logits), -1)
    found: Reals = np.exp(log_softmax(flat, axis=1)).reshape(logits.shape)
    return found
