"""Density matrices by their factors: what a reconstruction is, and what it is worth.

Every density matrix is ρ = A A† for a factor A of as many columns as its rank. Pure
states have one column, and what compares two states needs no roots of matrices: the
fidelity (tr √(√ρ σ √ρ))² of ρ = A A† and σ = B B† is the square of the sum of the
singular values of A† B.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pennylane as qml
from numpy.typing import NDArray

from qml_qdl.circuits.entropies import check_order, entropy_of
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import (
    as_items,
    check_count,
    check_number,
    check_seed,
    validate_call,
)
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.tomography.born_rule import BornRule
from qml_qdl.tomography.measurements import Measurements, Origin, as_words, misread

Complex = NDArray[np.complex128]
Reals = NDArray[np.float64]

_ROOT = 1 / np.sqrt(2)
TURNS = {
    "X": np.array([[_ROOT, _ROOT], [_ROOT, -_ROOT]], dtype=np.complex128),
    "Y": np.array([[_ROOT, -1j * _ROOT], [_ROOT, 1j * _ROOT]], dtype=np.complex128),
    "Z": np.eye(2, dtype=np.complex128),
}
"""For each letter the matrix that turns its eigenstates into `|0⟩` and `|1⟩`."""

NUMBERS_AT_ONCE = 2**22
"""Probabilities that are found together."""

TOLERANCE = 1e-6
"""How far from hermitian, normalised and positive a matrix may be."""


@validate_call
class DensityMatrix:
    """A state of n wires, pure or mixed: a positive matrix of trace 1.

    The first wire is the most significant, as in PennyLane.

    Args:
        state: A density matrix (2ⁿ, 2ⁿ) or the amplitudes of a pure state (2ⁿ,), an
            array or a tensor. Amplitudes are normalised.

    Raises:
        ArgumentError: The matrix is not hermitian, positive or of trace 1.
        ShapeError: There are not 2ⁿ rows.

    Example:
        >>> bell = DensityMatrix([1, 0, 0, 1])
        >>> noisy = bell.depolarised(0.5)
        >>> print(f"{bell.fidelity(noisy):.3f} {noisy.purity:.4f}")
        0.625 0.4375
    """

    def __init__(self, state: Any) -> None:
        array = _as_array(state)
        if array.ndim == 1:
            norm = np.linalg.norm(array)
            if not norm:
                raise ArgumentError("state: expected amplitudes that do not all vanish")
            self._factor: Complex = (array / norm)[:, None]
            return
        off = np.abs(array - array.conj().T).max()
        if off > TOLERANCE:
            raise ArgumentError(
                f"state: expected a hermitian matrix, got one that is {off:.2g} from "
                "it; add its adjoint and divide by 2"
            )
        trace = np.trace(array).real
        if abs(trace - 1) > TOLERANCE:
            raise ArgumentError(
                f"state: expected a matrix of trace 1, got {trace:.6g}; divide by it"
            )
        values, vectors = np.linalg.eigh((array + array.conj().T) / 2)
        if values[0] < -TOLERANCE:
            raise ArgumentError(
                f"state: expected a positive matrix, got the eigenvalue "
                f"{values[0]:.3g}; take the nearest one: DensityMatrix.nearest"
            )
        self._factor = _scaled(values, vectors)

    @classmethod
    def from_factor(cls, factor: Any) -> Self:
        """The state A A† / tr A A†.

        Args:
            factor: A, (2ⁿ, r).

        Returns:
            The state.

        Raises:
            ArgumentError: It vanishes, or is not finite.
            ShapeError: There are not 2ⁿ rows.
        """
        array = _as_complex("factor", factor)
        size = len(array) if array.ndim == 2 else 0
        if size < 2 or size & (size - 1):
            raise ShapeError(f"factor: expected (2ⁿ, r), got {array.shape}")
        norm = np.linalg.norm(array)
        if not 0 < norm < np.inf:
            raise ArgumentError(
                "factor: expected finite numbers that do not all vanish, got others"
            )
        made = cls.__new__(cls)
        made._factor = array / norm
        return made

    @classmethod
    def nearest(cls, matrix: Any) -> Self:
        """The state nearest to a hermitian matrix of trace 1, by Frobenius' norm.

        Negative eigenvalues are taken away, and the others lowered alike until they add
        up to 1 (Smolin, Gambetta, Smith, 2012, arXiv:1106.5458).

        Args:
            matrix: (2ⁿ, 2ⁿ), which may have negative eigenvalues.

        Returns:
            The state.

        Raises:
            ShapeError: There are not 2ⁿ rows.

        Example:
            >>> DensityMatrix.nearest(np.diag([1.2, -0.2])).matrix.real
            array([[1., 0.],
                   [0., 0.]])
        """
        array = _as_array(matrix)
        if array.ndim != 2:
            raise ShapeError(f"matrix: expected (2ⁿ, 2ⁿ), got {array.shape}")
        values, vectors = np.linalg.eigh((array + array.conj().T) / 2)
        falling = values[::-1]
        # The k largest, lowered by c_k so that they add up to 1; k as large as it stays
        # positive.
        lowered = (np.cumsum(falling) - 1) / np.arange(1, len(values) + 1)
        last = int(np.flatnonzero(falling > lowered)[-1])
        made = cls.__new__(cls)
        made._factor = _scaled(values - lowered[last], vectors)
        return made

    @classmethod
    def maximally_mixed(cls, num_wires: int) -> Self:
        """The state of which nothing is known, 1/2ⁿ.

        Args:
            num_wires: n.
        """
        check_count("num_wires", num_wires)
        check_state_memory(num_wires, 2**num_wires)
        return cls.from_factor(np.eye(2**num_wires))

    def __repr__(self) -> str:
        return f"DensityMatrix(wires={self.num_wires}, rank={self.factor.shape[1]})"

    # ---- what it is ----

    @property
    def factor(self) -> Complex:
        """A of ρ = A A†, (2ⁿ, r)."""
        return self._factor

    @property
    def num_wires(self) -> int:
        """How many wires it has."""
        return len(self.factor).bit_length() - 1

    @property
    def matrix(self) -> Complex:
        """ρ, (2ⁿ, 2ⁿ).

        Raises:
            MemoryBoundError: It does not fit into memory.
        """
        check_state_memory(self.num_wires, 2**self.num_wires)
        return self.factor @ self.factor.conj().T

    @property
    def eigenvalues(self) -> Reals:
        """Those that are not 0, falling, (r,)."""
        found: Reals = np.square(np.linalg.svd(self.factor, compute_uv=False))
        return found

    @property
    def purity(self) -> float:
        """Tr ρ², 1 for pure states and 2⁻ⁿ for the maximally mixed."""
        return float(np.linalg.norm(self.factor.conj().T @ self.factor) ** 2)

    def entropy(self, wires: Any = None, order: float = 1.0) -> float:
        """Rényi's entropy of some wires, in nats.

        Args:
            wires: Positions of the wires; None for all.
            order: 1 for von Neumann's entropy, 2 for −log of the purity.

        Returns:
            The entropy.

        Raises:
            ArgumentError: There is no such wire, or the order is negative.
        """
        check_order(order)
        part = self if wires is None else self.reduced(wires)
        return float(entropy_of(np.sqrt(part.eigenvalues), order))

    def reduced(self, wires: Any) -> DensityMatrix:
        """The state of some wires, in the order given.

        Args:
            wires: Positions of the wires, 0 … n−1.

        Returns:
            The state, whatever the others are in.

        Raises:
            ArgumentError: There is no such wire, none, or one twice.
        """
        kept = self._positions(wires)
        rest = [wire for wire in range(self.num_wires) if wire not in kept]
        tensor = self.factor.reshape(*(2,) * self.num_wires, -1)
        moved = tensor.transpose(*kept, *rest, self.num_wires)
        columns = moved.reshape(2 ** len(kept), -1)
        if columns.shape[1] <= len(columns):
            return DensityMatrix.from_factor(columns)
        check_state_memory(len(kept), 2 ** len(kept))
        return DensityMatrix(columns @ columns.conj().T)

    def depolarised(self, probability: float) -> DensityMatrix:
        """The state mixed with the maximally mixed one, (1 − p) ρ + p/2ⁿ.

        Args:
            probability: p, 0 … 1.

        Returns:
            The mixed state.

        Raises:
            ArgumentError: p is outside of 0 … 1.
        """
        check_number("probability", probability, -1e-300, 1 + 1e-15)
        check_state_memory(self.num_wires, 2**self.num_wires)
        size = 2**self.num_wires
        return DensityMatrix(
            (1 - probability) * self.matrix + probability / size * np.eye(size)
        )

    # ---- what it gives ----

    def expectation(self, observable: Any) -> float:
        """The expectation value of an observable.

        Args:
            observable: A Pauli word such as "XIZ", a PennyLane operator of Pauli words
                on the wires 0 … n−1, or a hermitian matrix (2ⁿ, 2ⁿ).

        Returns:
            Tr ρO.

        Raises:
            ShapeError: It is of other wires.
        """
        size = len(self.factor)
        if isinstance(observable, str):
            if len(observable) != self.num_wires or set(observable) - set("IXYZ"):
                raise ShapeError(
                    f"observable: expected {self.num_wires} letters I, X, Y and Z, got "
                    f"{observable!r}"
                )
            observable = qml.pauli.string_to_pauli_word(observable)
        if isinstance(observable, qml.operation.Operator):
            sentence = observable.pauli_rep
            if sentence is None:
                raise ArgumentError(
                    f"observable: expected a sum of Pauli words, got {observable.name};"
                    " pass its matrix"
                )
            try:
                matrix = sentence.to_mat(range(self.num_wires), format="csr")
            except (ValueError, qml.wires.WireError) as error:
                raise ShapeError(
                    f"observable: expected wires 0 … {self.num_wires - 1}, got "
                    f"{observable.wires.tolist()}"
                ) from error
        else:
            matrix = np.asarray(observable)
            if matrix.shape != (size, size):
                raise ShapeError(
                    f"observable: expected a Pauli word, an operator or a matrix "
                    f"({size}, {size}), got {observable!r}"
                )
        return float(np.vdot(self.factor, matrix @ self.factor).real)

    def probabilities(self, bases: Sequence[str]) -> Reals:
        """Probabilities of all outcomes in some bases.

        Args:
            bases: Words of X, Y and Z, a letter for each wire.

        Returns:
            (bases, 2ⁿ), in the order of the outcomes' numbers.

        Raises:
            ShapeError: A basis has another number of letters.
        """
        words = as_words(bases)
        for basis in words:
            if len(basis) != self.num_wires:
                raise ShapeError(
                    f"bases: expected words of {self.num_wires} letters, got {basis!r}"
                )
        size, rank = self.factor.shape
        found = np.empty((len(words), size))
        if len(words) * rank < size:
            for place, basis in enumerate(words):
                turned = turn(self.factor, basis)
                found[place] = np.square(np.abs(turned)).sum(axis=1)
            return found
        matrix = self.matrix
        step = max(1, NUMBERS_AT_ONCE // size)
        for first in range(0, len(words), step):
            part = slice(first, first + step)
            found[part] = BornRule(words[part]).probabilities(matrix)
        return np.clip(found, 0, None)

    def sample(
        self,
        bases: Sequence[str],
        shots: int,
        seed: int | None = None,
        confusion: Any = None,
    ) -> Measurements:
        """Measures the state with shots, as a machine without any other errors would.

        Args:
            bases: Words of X, Y and Z; one that stands there twice has twice the shots.
            shots: Shots of each.
            seed: Where random numbers begin; None for others each time.
            confusion: How each wire is misread, as in `Measurements`.

        Returns:
            The measurements.

        Example:
            >>> bell = DensityMatrix([1, 0, 0, 1])
            >>> bell.sample(["XX", "ZZ"], 50, seed=0)
            Measurements(wires=2, bases=2, shots=100)
        """
        check_count("shots", shots)
        check_seed(seed)
        generator = Seeds(seed).next()
        chosen, times = np.unique(as_words(bases), return_counts=True)
        words = chosen.tolist()
        given = None if confusion is None else np.asarray(confusion, dtype=float)
        outcomes, of, counts = [], [], []
        step = max(1, NUMBERS_AT_ONCE // len(self.factor))
        for first in range(0, len(words), step):
            part = slice(first, first + step)
            chances = misread(self.probabilities(words[part]), given)
            chances = np.clip(chances, 0, None)
            chances /= chances.sum(axis=1, keepdims=True)
            drawn = generator.multinomial(shots * times[part], chances)
            there, codes = np.nonzero(drawn)
            outcomes.append(codes)
            of.append(first + there)
            counts.append(drawn[there, codes])
        codes = np.concatenate(outcomes)
        powers = np.arange(self.num_wires)[::-1]
        return Measurements(
            tuple(words),
            (codes[:, None] >> powers) & 1,
            np.concatenate(of),
            np.concatenate(counts),
            self.num_wires,
            given,
            Origin(target="exact state"),
        )

    # ---- how near it is to another ----

    def fidelity(self, other: DensityMatrix) -> float:
        """The fidelity (tr √(√ρ σ √ρ))², squared as Jozsa has it.

        Args:
            other: σ, of as many wires.

        Returns:
            0 … 1; of pure states `|⟨φ|ψ⟩|²`.

        Raises:
            ShapeError: It has other wires.
        """
        self._check_same(other)
        overlap = self.factor.conj().T @ other.factor
        total = np.linalg.svd(overlap, compute_uv=False).sum()
        return float(min(total**2, 1.0))

    def trace_distance(self, other: DensityMatrix) -> float:
        """Half of the sum of the absolute eigenvalues of ρ − σ.

        Args:
            other: σ, of as many wires.

        Returns:
            0 … 1.

        Raises:
            ShapeError: It has other wires.
        """
        self._check_same(other)
        # ρ − σ lives in what the columns of both factors span.
        columns = np.concatenate([self.factor, other.factor], axis=1)
        signs = np.repeat([1.0, -1.0], [self.factor.shape[1], other.factor.shape[1]])
        triangle = np.linalg.qr(columns).R
        values = np.linalg.eigvalsh((triangle * signs) @ triangle.conj().T)
        return float(min(np.abs(values).sum() / 2, 1.0))

    def _check_same(self, other: DensityMatrix) -> None:
        if other.num_wires != self.num_wires:
            raise ShapeError(
                f"other: expected a state of {self.num_wires} wires, got one of "
                f"{other.num_wires}"
            )

    def _positions(self, wires: Any) -> list[int]:
        items = as_items([wires] if isinstance(wires, int) else wires)
        if items is None:
            raise ArgumentTypeError(
                f"wires: expected positions such as [0, 1], got {wires!r}"
            )
        for wire in items:
            check_count("wires", wire, 0, self.num_wires - 1)
        found = [int(wire) for wire in items]
        if not found or len(set(found)) < len(found):
            raise ArgumentError(
                f"wires: expected one or more positions, each once, got {found}"
            )
        return found


def turn(columns: Any, basis: str) -> Any:
    """Turns vectors so that the basis becomes that of Z.

    Args:
        columns: (2ⁿ, r).
        basis: A letter for each wire.

    Returns:
        (2ⁿ, r).
    """
    shape = columns.shape
    for wire, letter in enumerate(basis):
        if letter != "Z":
            view = columns.reshape(2**wire, 2, -1)
            columns = TURNS[letter] @ view
    return columns.reshape(shape)


def check_state_memory(num_wires: int, columns: int) -> None:
    """Refuses states whose numbers do not fit into memory.

    Args:
        num_wires: Their wires.
        columns: Columns of a factor, 2ⁿ for a whole matrix.

    Raises:
        MemoryBoundError: They do not.
    """
    check_memory(
        f"state: a matrix of {num_wires} wires",
        3 * 16 * 2**num_wires * columns,
        "take fewer wires, or a pure state",
    )


def _as_complex(name: str, numbers: Any) -> Complex:
    try:
        given = numbers.detach().cpu() if hasattr(numbers, "detach") else numbers
        return np.asarray(given, dtype=np.complex128)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"{name}: expected a matrix or amplitudes, got {type(numbers).__name__}"
        ) from error


def as_square(name: str, given: Any) -> Complex:
    """A square matrix of finite numbers.

    Args:
        name: The argument's name, for messages.
        given: What came.

    Raises:
        ArgumentError: A number is not finite.
        ArgumentTypeError: It is no array of numbers.
        ShapeError: It is not square.
    """
    try:
        array = np.asarray(given, dtype=np.complex128)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"{name}: expected a matrix, got {type(given).__name__}"
        ) from error
    if not array.ndim:
        raise ArgumentTypeError(f"{name}: expected a matrix, got {given!r}")
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ShapeError(f"{name}: expected a square matrix, got {array.shape}")
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name}: expected finite numbers, got NaN or infinity")
    return array


def _as_array(state: Any) -> Complex:
    array = _as_complex("state", state)
    size = array.shape[0] if array.ndim else 0
    square = array.shape in ((size,), (size, size))
    if not square or size < 2 or size & (size - 1):
        raise ShapeError(
            f"state: expected (2ⁿ, 2ⁿ), or amplitudes (2ⁿ,), got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ArgumentError("state: expected finite numbers, got NaN or infinity")
    return array


def _scaled(values: Reals, vectors: Complex) -> Complex:
    """√λ `|v⟩` for the eigenvalues that are not 0, the largest first."""
    kept = np.flatnonzero(values > values[-1] * 1e-14)[::-1]
    factor: Complex = vectors[:, kept] * np.sqrt(values[kept])
    return factor / np.linalg.norm(factor)
