r"""Shadows in random Clifford bases: fidelities of many wires with small errors.

A basis of stabiliser states is, up to phases and the order of its states, fixed by the
n commuting Pauli words that it diagonalises. Such a choice of words has exactly one
form

.. math:: \left|φ_b\right\rangle = H_T D H^{\otimes n} \left|b\right\rangle, \quad
    D \left|y\right\rangle = \mathrm{i}^{y^\mathsf{T} Γ y} \left|y\right\rangle,

where T is a set of wires, the *targets*, and Γ a symmetric matrix of bits whose entry
ij, i ≤ j, is 0 unless wire i is no target: these are the reduced row echelon forms
of the words' X parts (pivots are the wires outside of T) with a quadratic form on their
row space. What a uniformly random Clifford circuit has beside it only permutes the
outcomes (compare Bravyi and Maslov 2021, arXiv:2003.09412). Wire i = 0 … n−1 outside
of T has n − i free bits, so that the number of bases is ∏ (1 + 2ⁿ⁻ⁱ) as it should be,
and a uniformly random one has each wire outside of T independently with the probability
2ⁿ⁻ⁱ/(1 + 2ⁿ⁻ⁱ), and all free bits fair.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import DataError, ShapeError
from qml_qdl.circuits.validation import (
    as_wires,
    check_count,
    check_seed,
    validate_call,
)
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.tomography.density_matrix import DensityMatrix
from qml_qdl.tomography.measurements import as_bits, as_confusion, misread
from qml_qdl.tomography.measuring import Frame, run_rows
from qml_qdl.tomography.shadows import Groups, Observable, Shadow, median_of_means

Complex = NDArray[np.complex128]
Reals = NDArray[np.float64]
Bits = NDArray[np.uint8]

NUMBERS_AT_ONCE = 2**22
"""Amplitudes of states that are looked at together."""


def _as_targets(given: Any) -> NDArray[np.bool_]:
    return as_bits(given).astype(bool)


@validate_call
@frozen(eq=False)
class CliffordBases:
    """Bases of stabiliser states, one in each row.

    Args:
        targets: The wires of T, (bases, n), bits.
        phases: The matrices Γ, (bases, n, n), symmetric, bits.

    Raises:
        DataError: They are no bits.
        ShapeError: Shapes do not belong together, or a matrix is not symmetric.
    """

    targets: NDArray[np.bool_] = field(converter=_as_targets)
    phases: Bits = field(converter=as_bits)

    def __attrs_post_init__(self) -> None:
        shape = self.targets.shape
        if len(shape) != 2 or not shape[1] or self.phases.shape != (*shape, shape[1]):
            raise ShapeError(
                f"phases: expected (bases, n, n) for targets (bases, n), got "
                f"{self.phases.shape} for {shape}"
            )
        if (self.phases != self.phases.transpose(0, 2, 1)).any():
            raise ShapeError("phases: expected symmetric matrices, got others")

    @classmethod
    def random(
        cls, num_wires: int, count: int, generator: np.random.Generator
    ) -> CliffordBases:
        """Uniformly random ones.

        Args:
            num_wires: n.
            count: How many.
            generator: Where random numbers come from.
        """
        check_count("num_wires", num_wires)
        check_count("count", count)
        check_memory(
            f"count: {count} bases of {num_wires} wires",
            4 * count * num_wires**2,
            "take fewer",
        )
        places = np.arange(num_wires)
        chances = 1 / (1 + 2.0 ** (num_wires - places))
        targets = generator.random((count, num_wires)) < chances
        bits = generator.integers(2, size=(count, num_wires, num_wires), dtype=np.uint8)
        upper = np.triu(bits * ~targets[:, :, None])
        return cls(targets, upper | upper.transpose(0, 2, 1))

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def num_wires(self) -> int:
        """How many wires they are on."""
        return int(self.targets.shape[1])

    @property
    def angles(self) -> Reals:
        """Angles with which one circuit reads in all bases, (bases, n(n−1)/2 + 2n)."""
        first, second = np.triu_indices(self.num_wires, 1)
        # The adjoint of D: CZ = RZ(π/2) RZ(π/2) IsingZZ(−π/2) and S† = RZ(−π/2), but
        # for a phase; and H = Z RY(−π/2), whose Z is half a turn more.
        diagonal = np.einsum("bii->bi", self.phases).astype(float)
        neighbours = self.phases.sum(axis=2) - diagonal
        quarters = neighbours - diagonal + 2 * self.targets
        bonds = self.phases[:, first, second]
        return -np.pi / 2 * np.concatenate([self.targets, bonds, -quarters], axis=1)

    # ---- words ----

    def _signs(self, letters: Bits) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
        """What a Pauli word is in each basis.

        Args:
            letters: (n,), 0 … 3 for I, X, Y and Z.

        Returns:
            Its sign where it is diagonal, and 0 else; and, there, which bits of the
            outcome it changes sign with, (bases, n).
        """
        x, z = (letters == 1) | (letters == 2), letters >= 2
        # H exchanges X and Z, and turns Y into −Y.
        left = np.where(self.targets, z, x)
        right = np.where(self.targets, x, z)
        turned = (self.targets & x & z).sum(axis=1)
        # D† iˣᶻ XˣZᶻ D = i^(x·z − q(x)) Xˣ Z^(z + Γx), which H⊗…⊗H takes to Zˣ where
        # z = Γx, and to what is not diagonal else.
        spread = np.matmul(self.phases, left[..., None].astype(np.uint8))[..., 0]
        diagonal = ((spread + right) % 2 == 0).all(axis=1)
        quadratic = (left * spread.astype(np.int64)).sum(axis=1)
        quarters = (left & right).sum(axis=1) - quadratic + 2 * turned
        return np.where(diagonal, 1 - quarters % 4, 0).astype(np.int8), left

    # ---- states ----

    def _roots(self) -> Complex:
        """The phases of D, (bases, 2ⁿ)."""
        size = self.num_wires
        first, second = np.triu_indices(size)
        y = (np.arange(2**size)[:, None] >> np.arange(size)[::-1]) & 1
        twice = np.where(first == second, 1.0, 2.0)
        weights = (self.phases[:, first, second] * twice).astype(np.float32)
        quarters = weights @ (y[:, first] & y[:, second]).T.astype(np.float32)
        return np.array([1, 1j, -1, -1j])[quarters.astype(np.int64) % 4]

    def _on_targets(self, states: Complex) -> Complex:
        """H on the targets of each basis, of states (bases, 2ⁿ); changes them."""
        for wire in range(self.num_wires):
            rows = np.flatnonzero(self.targets[:, wire])
            if len(rows):
                pairs = states[rows].reshape(len(rows), 2**wire, 2, -1)
                states[rows] = np.matmul(_HADAMARD, pairs).reshape(len(rows), -1)
        return states

    def _turned(self, vectors: Complex) -> Complex:
        """The amplitudes of a state in each basis.

        Args:
            vectors: The state, (2ⁿ,), or one for each basis.

        Returns:
            (bases, 2ⁿ).
        """
        shape = (len(self), 2**self.num_wires)
        states = np.broadcast_to(vectors, shape).astype(np.complex128)
        states = self._on_targets(states) * self._roots().conj()
        return _walsh(states, self.num_wires)

    def _states(self, codes: NDArray[np.int64]) -> Complex:
        """One state of each basis.

        Args:
            codes: Numbers of outcomes, (bases,).

        Returns:
            (bases, 2ⁿ).
        """
        size = 2**self.num_wires
        odd = np.bitwise_count(codes[:, None] & np.arange(size)) & 1
        roots = self._roots() * ((1.0 - 2.0 * odd) / np.sqrt(size))
        return self._on_targets(roots)

    def _rows(self, which: Any) -> CliffordBases:
        """Some of the bases.

        Args:
            which: A slice, or positions.
        """
        return CliffordBases(self.targets[which], self.phases[which])


def _turn(angles: Any, wires: Sequence[Hashable]) -> None:
    """H⊗…⊗H D† H_T: after which reading in Z reads in one of the bases."""
    size = len(wires)
    for place, wire in enumerate(wires):
        qml.RY(angles[..., place], wire)
    for place, bond in enumerate(combinations(wires, 2), size):
        qml.IsingZZ(angles[..., place], bond)
    for place, wire in enumerate(wires, -size):
        qml.RZ(angles[..., place], wire)
        qml.Hadamard(wire)


_HADAMARD = np.array([[1, 1], [1, -1]]) / np.sqrt(2)


def _walsh(states: Complex, size: int) -> Complex:
    """H on every wire, by two matrices for half of the wires each."""
    left, right = size // 2, size - size // 2
    shaped = states.reshape(-1, 2**left, 2**right)
    found: Complex = _all_hadamards(left) @ shaped @ _all_hadamards(right)
    return found.reshape(states.shape)


def _all_hadamards(size: int) -> Reals:
    codes = np.arange(2**size)
    odd = np.bitwise_count(codes[:, None] & codes) & 1
    found: Reals = (1.0 - 2.0 * odd) / np.sqrt(2**size)
    return found


@validate_call
class CliffordShadow(Shadow):
    """A shadow by measurements in random bases of stabiliser states.

    The snapshot of an outcome b is (2ⁿ + 1)`|φ⟩⟨φ|` − 1. The variance of an observable
    is at most 3 tr O², 3 for any fidelity, however many wires there are; that of a
    Pauli word is 2ⁿ + 1, for which `PauliShadow` is better. Errors of reading are taken
    out by the inverse of the confusion; what then bounds errors is a sum over words,
    far above what is seen of a fidelity.

    Args:
        bases: The bases.
        outcomes: What was read, (bases, shots, n): where a basis has many shots, their
            mean is one snapshot.
        wires: Labels of the wires; None for 0 … n−1.
        confusion: How each wire is misread, as in `Measurements`.

    Raises:
        DataError: The outcomes are no bits.
        ShapeError: They do not belong to the bases.

    Example:
        >>> ghz = DensityMatrix([1, 0, 0, 0, 0, 0, 0, 1])
        >>> shadow = CliffordShadow.sample(ghz, 2000, seed=0)
        >>> estimate = shadow.fidelity(ghz)
        >>> abs(estimate.value - 1) < estimate.bound < 0.2
        True
    """

    def __init__(
        self,
        bases: CliffordBases,
        outcomes: Any,
        wires: Any = None,
        confusion: Any = None,
    ) -> None:
        self.bases = bases
        self.outcomes = as_bits(outcomes)
        size = bases.num_wires
        if self.outcomes.ndim == 2:
            self.outcomes = self.outcomes[:, None]
        shape = self.outcomes.shape
        if len(shape) != 3 or shape[::2] != (len(bases), size) or not shape[1]:
            raise ShapeError(
                f"outcomes: expected ({len(bases)}, shots, {size}) for {len(bases)} "
                f"bases of {size} wires, got {shape}"
            )
        if not len(bases):
            raise DataError("outcomes: expected at least one basis, got none")
        self._wires = as_wires(size if wires is None else wires)
        self.confusion = as_confusion(confusion)
        for name, given in (("wires", self._wires), ("confusion", self.confusion)):
            if given is not None and len(given) != size:
                raise ShapeError(f"{name}: expected {size}, got {len(given)}")

    @classmethod
    def sample(
        cls,
        state: DensityMatrix,
        num_bases: int,
        shots: int = 1,
        seed: int | None = None,
        confusion: Any = None,
    ) -> CliffordShadow:
        """Measures a state that is known, as a machine without other errors would.

        Args:
            state: The state.
            num_bases: How many bases are drawn.
            shots: Shots of each.
            seed: Where random numbers begin; None for others each time.
            confusion: How each wire is misread, as in `Measurements`.

        Returns:
            The shadow.
        """
        check_count("num_bases", num_bases)
        check_count("shots", shots)
        check_seed(seed)
        generator, size = Seeds(seed).next(), state.num_wires
        bases = CliffordBases.random(size, num_bases, generator)
        given = as_confusion(confusion)
        # Each shot is one of a column of the state's factor, drawn by its norm.
        weights = np.square(np.abs(state.factor)).sum(axis=0)
        columns = (state.factor / np.sqrt(weights)).T
        drawn = generator.choice(len(weights), num_bases * shots, p=weights)
        rows = np.arange(num_bases).repeat(shots)
        codes = np.empty(len(rows), np.int64)
        for part in _parts(len(rows), 2**size):
            amplitudes = bases._rows(rows[part])._turned(columns[drawn[part]])
            chances = misread(np.square(np.abs(amplitudes)), given)
            read = np.cumsum(chances, axis=1)
            draws = generator.random((len(read), 1)) * read[:, -1:]
            codes[part] = (read < draws).sum(axis=1)
        bits = (codes[:, None] >> np.arange(size)[::-1]) & 1
        return cls(bases, bits.reshape(num_bases, shots, size), None, given)

    @classmethod
    def measure(
        cls, circuit: Any, num_bases: int = 1000, shots: int = 1, **options: Any
    ) -> CliffordShadow:
        """Measures the state that a circuit prepares, in random bases, in one job.

        All bases are rows of one parametrised circuit of n(n−1)/2 more two-qubit gates.

        Args:
            circuit: A `Circuit` or a block, a `QuantumLayer` or a PennyLane QNode.
            num_bases: How many bases are drawn.
            shots: Shots of each.
            **options: The other arguments of `qml_qdl.tomography.measure`: `inputs`,
                `weights`, `target`, `seed`, `calibration_rows` and so on.

        Returns:
            The shadow, corrected for errors of reading where they were calibrated.

        Raises:
            ArgumentError: Inputs or weights do not fit the circuit.
            ArgumentTypeError: An option is none of `measure`.
            TargetError: The target is unknown, or cannot run the circuit.

        Example:
            >>> import torch
            >>> from qml_qdl.circuits import BasicEntangler
            >>> weights = torch.ones(1, 3)
            >>> CliffordShadow.measure(BasicEntangler(3), 50, weights=weights, seed=0)
            CliffordShadow(wires=3, bases=50, shots=50)
        """
        check_count("num_bases", num_bases)
        found = run_rows(
            circuit,
            Frame(after=_turn),
            lambda size, generator: CliffordBases.random(size, num_bases, generator),
            lambda bases: torch.from_numpy(bases.angles),
            ["clifford", num_bases],
            shots=shots,
            **options,
        )
        return cls(found.chosen, found.bits, found.wires, found.confusion)

    def __repr__(self) -> str:
        return (
            f"CliffordShadow(wires={self.num_wires}, bases={len(self.bases)}, "
            f"shots={self.outcomes[..., 0].size})"
        )

    @property
    def num_wires(self) -> int:
        """How many wires were read."""
        return self.bases.num_wires

    @property
    def num_snapshots(self) -> int:
        """How many bases there are."""
        return len(self.bases)

    @property
    def wires(self) -> tuple[Hashable, ...]:
        """Labels of the wires."""
        return self._wires

    @property
    def weighting(self) -> str:
        """Bases are drawn for each snapshot."""
        return "random"

    @cached_property
    def _inverse(self) -> Reals:
        """What undoes misreading: (n, 2, 2), by the bit read and the true one."""
        size = self.num_wires
        if self.confusion is None:
            return np.broadcast_to(np.eye(2), (size, 2, 2))
        return np.linalg.inv(self.confusion).astype(np.float64)

    @property
    def _codes(self) -> NDArray[np.int64]:
        powers = np.int64(1) << np.arange(self.num_wires, dtype=np.int64)[::-1]
        return self.outcomes.astype(np.int64) @ powers

    # ---- expectation values ----

    def _estimates(
        self, observables: Sequence[Observable], failure: float, groups: Groups
    ) -> list[tuple[float, float, float]]:
        counts = np.ones(len(self.bases), np.int64)
        shares = groups.divide(counts)
        return [
            median_of_means(
                self._values(each), self._norm(each), counts, groups, shares
            )
            for each in observables
        ]

    def _values(self, observable: Observable) -> Reals:
        """The value of an observable in each basis' snapshot."""
        scale = 2.0**self.num_wires + 1
        found = np.zeros(len(self.bases))
        if observable.letters is not None:
            # ±1 becomes what has the mean ±1 under the confusion.
            signs = self._inverse @ [1.0, -1.0]
            told = np.take_along_axis(
                signs[None, None], self.outcomes[..., None].astype(np.int64), axis=3
            )[..., 0]
            for letters, number in zip(
                observable.letters, observable.coefficients, strict=True
            ):
                if not letters.any():
                    found += number
                    continue
                sign, flips = self.bases._signs(letters)
                rows = np.flatnonzero(sign)
                factors = np.where(flips[rows, None], told[rows], 1.0)
                means = factors.prod(axis=2).mean(axis=1)
                found[rows] += number * scale * sign[rows] * means
            return found
        assert observable.vectors is not None
        codes = self._codes
        for part in _parts(len(self.bases), 2**self.num_wires):
            bases, own = self.bases._rows(part), codes[part]
            for number, vector in zip(
                observable.coefficients, observable.vectors.T, strict=True
            ):
                chances = np.square(np.abs(bases._turned(vector)))
                if self.confusion is not None:
                    chances = misread(chances, self._inverse, transposed=True)
                overlaps = np.take_along_axis(chances, own, axis=1).mean(axis=1)
                found[part] += number * (scale * overlaps - 1)
        return found

    def _norm(self, observable: Observable) -> float:
        """A bound of the standard deviation of one snapshot.

        A word has the value 0 or ±(2ⁿ + 1), the latter with the probability
        1/(2ⁿ + 1); what is misread makes it larger. Norms of words add up to one of
        their sum.
        """
        size = 2.0**self.num_wires
        if observable.letters is not None:
            there = observable.letters.any(axis=1)
            sizes = np.abs(observable.coefficients[there])
            squares = size * np.square(sizes).sum()
        else:
            tensor = observable.tensor
            tensor.flat[0] = 0
            sizes = np.abs(tensor.ravel())
            squares = size * np.square(sizes).sum()
        moments = 1.0
        if self.confusion is not None:
            signs = self._inverse @ [1.0, -1.0]
            seconds = np.einsum("itr,ir->it", self.confusion, np.square(signs))
            moments = float(np.maximum(seconds.max(axis=1), 1).prod())
        by_words = float(sizes.sum() * np.sqrt((size + 1) * moments))
        if self.confusion is not None:
            return by_words
        return min(by_words, float(np.sqrt(3 * squares)))

    def matrices(self, groups: int = 1) -> Complex:
        """Means of the snapshots of groups of bases.

        Args:
            groups: How many.

        Returns:
            (groups, 2ⁿ, 2ⁿ), hermitian and of trace 1, with negative eigenvalues.

        Raises:
            MemoryBoundError: There are too many wires.
        """
        check_count("groups", groups, 1, self.num_snapshots)
        size = 2**self.num_wires
        check_memory(
            f"shadow: a matrix of {self.num_wires} wires",
            16 * (groups + 3) * size**2,
            "take fewer wires",
        )
        order = np.random.default_rng(0).permutation(len(self.bases))
        found = np.empty((groups, size, size), np.complex128)
        for group, rows in enumerate(np.array_split(order, groups)):
            total = np.zeros((size, size), np.complex128)
            for bases, codes, weights in self._weighted(rows):
                states = bases._states(codes)
                total += (states.T * weights) @ states.conj()
            found[group] = (size + 1) * total / len(rows) - np.eye(size)
        return found

    def _weighted(
        self, rows: NDArray[np.intp]
    ) -> Iterator[tuple[CliffordBases, NDArray[np.int64], Reals]]:
        """Outcomes with the weights that undo misreading, which may be negative."""
        size, shots = 2**self.num_wires, self.outcomes.shape[1]
        codes = self._codes
        if self.confusion is None:
            for part in _parts(len(rows), size * shots):
                own = rows[part].repeat(shots)
                weights = np.full(len(own), 1 / shots)
                yield self.bases._rows(own), codes[rows[part]].ravel(), weights
            return
        every = np.arange(size)
        for part in _parts(len(rows), size * size):
            mine = rows[part]
            read = np.zeros((len(mine), size))
            np.add.at(read, (np.arange(len(mine))[:, None], codes[mine]), 1 / shots)
            true = misread(read, self._inverse)
            own = mine.repeat(size)
            yield self.bases._rows(own), np.tile(every, len(mine)), true.ravel()


def _parts(rows: int, numbers: int) -> Iterator[slice]:
    """Few rows at once where each takes many numbers."""
    step = max(1, NUMBERS_AT_ONCE // numbers)
    for start in range(0, rows, step):
        yield slice(start, start + step)
