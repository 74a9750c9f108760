"""Born's rule for many bases at once: linear in ρ, with its adjoint.

The probability of an outcome i in a basis b needs only the 2ⁿ Pauli words that have b's
letters, or none, on each wire: p = 2⁻ⁿ Σₛ (−1)^{s·i} tr ρP(b, s). So ρ is turned into
its 4ⁿ Pauli coordinates once, and each basis gathers its own, which costs far less than
a turn of ρ for each basis. How outcomes are misread changes the 2×2 matrix of signs of
each wire, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from qml_qdl.manybody.sectors import check_memory
from qml_qdl.tomography.measurements import LETTERS, Measurements

Complex = NDArray[np.complex128]
Reals = NDArray[np.float64]

_SIGNS = np.array([[1.0, 1.0], [1.0, -1.0]])
_WORDS = np.array(  # I, X, Y, Z, each flattened
    [[1, 0, 0, 1], [0, 1, 1, 0], [0, -1j, 1j, 0], [1, 0, 0, -1]], dtype=np.complex128
)


@final
class BornRule:
    """Probabilities of all that can be read in some bases.

    Args:
        bases: Words of X, Y and Z, a letter for each wire.
        confusion: How each wire is misread, as in `Measurements`; None for no errors.
    """

    def __init__(self, bases: Sequence[str], confusion: Any = None) -> None:
        self.num_wires = len(bases[0])
        codes = np.array([[LETTERS.index(each) + 1 for each in word] for word in bases])
        words = np.zeros((len(bases), 1), np.int64)
        for letters in codes.T:  # base 4, the first wire's letter leading
            both = np.stack([np.zeros_like(letters), letters], axis=1)
            words = (4 * words[:, :, None] + both[:, None]).reshape(len(bases), -1)
        self.words = words
        """Numbers of the words of each basis, (bases, 2ⁿ)."""
        read = [np.eye(2)] * self.num_wires if confusion is None else confusion
        self._signs = [np.asarray(each).T @ _SIGNS / 2 for each in read]

    @classmethod
    def of(cls, data: Measurements) -> BornRule:
        """That of measurements, with their errors of reading.

        Args:
            data: The measurements.

        Raises:
            MemoryBoundError: There are too many wires and bases.
        """
        data.check_dense(len(data.bases))
        check_memory(
            f"measurements: probabilities in {len(data.bases)} bases",
            5 * 8 * len(data.bases) * 2**data.num_wires,
            "take fewer wires: restricted",
        )
        return cls(data.bases, data.confusion)

    def probabilities(self, matrix: Complex) -> Reals:
        """Probabilities of what is read where the state is ρ.

        Args:
            matrix: A hermitian matrix (2ⁿ, 2ⁿ).

        Returns:
            (bases, 2ⁿ).
        """
        words = pauli_coordinates(matrix)[self.words]
        found: Reals = on_wires(words, self._signs)
        return found

    def adjoint(self, weights: Reals) -> Complex:
        """The operator whose expectation values are weighted sums of probabilities.

        Args:
            weights: (bases, 2ⁿ).

        Returns:
            R = Σ wᵢ Eᵢ, (2ⁿ, 2ⁿ), where pᵢ = tr ρEᵢ.
        """
        gathered = on_wires(weights, [each.T for each in self._signs])
        return pauli_sum(self.totals(gathered))

    def totals(self, weights: Reals) -> Reals:
        """Sums over all bases that share a word, (4ⁿ,).

        Args:
            weights: A number for each word of each basis, (bases, 2ⁿ).
        """
        flat = np.bincount(
            self.words.ravel(), weights.ravel(), minlength=4**self.num_wires
        )
        return flat.astype(np.float64)

    def moments(self, frequencies: Reals) -> Reals:
        """What frequencies say of each basis' Pauli words, errors of reading undone.

        Args:
            frequencies: (bases, 2ⁿ).

        Returns:
            Estimates of tr ρP, (bases, 2ⁿ).
        """
        inverse = [np.linalg.inv(each) for each in self._signs]
        found: Reals = on_wires(frequencies, inverse)
        return found


def pauli_coordinates(matrix: Complex) -> Reals:
    """The expectation values tr ρP of all Pauli words.

    Args:
        matrix: A hermitian matrix (2ⁿ, 2ⁿ).

    Returns:
        (4ⁿ,); letters I, X, Y, Z count as 0 … 3, that of the first wire leads.
    """
    size = len(matrix).bit_length() - 1
    paired = [place for wire in range(size) for place in (wire, size + wire)]
    flat = matrix.reshape((2,) * (2 * size)).transpose(paired).reshape(1, -1)
    # tr ρP = Σ ρᵢⱼ Pⱼᵢ = Σ ρᵢⱼ conj(Pᵢⱼ)
    found: Reals = on_wires(flat, [_WORDS.conj()] * size)[0].real.copy()
    return found


def pauli_sum(coordinates: Reals) -> Complex:
    """The operator Σ c P of all Pauli words, (2ⁿ, 2ⁿ).

    Args:
        coordinates: c, (4ⁿ,), in the order of `pauli_coordinates`.
    """
    size = (len(coordinates).bit_length() - 1) // 2
    paired = [place for wire in range(size) for place in (wire, size + wire)]
    flat = on_wires(coordinates[None].astype(np.complex128), [_WORDS.T] * size)
    whole: Complex = flat.reshape((2,) * (2 * size)).transpose(np.argsort(paired))
    return whole.reshape(2**size, 2**size)


def on_wires(table: Any, matrices: Any) -> Any:
    """Applies a small square matrix on each wire of each row.

    Some wires at a time, since products of matrices of 64 rows are the fastest.

    Args:
        table: (rows, dⁿ).
        matrices: n matrices (d, d), of the first wire first.

    Returns:
        (rows, dⁿ).
    """
    rows, size = table.shape
    rest = size
    most = 6 // (len(matrices[0]).bit_length() - 1)
    for first in range(0, len(matrices), most):
        joint = reduce(np.kron, matrices[first : first + most])
        rest //= len(joint)
        if rest == 1:
            table = table.reshape(-1, len(joint)) @ joint.T
        else:
            table = joint @ table.reshape(-1, len(joint), rest)
    return table.reshape(rows, size)
