"""Observables as sums of Pauli words, with coefficients that may have gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
from attrs import frozen
from qiskit.quantum_info import SparsePauliOp

from qml_qdl.hardware.qiskit.tapes.bases import Word

MOST_WIRES_DECOMPOSED = 6
"""Wider matrices are not written as Pauli words, of which there can be 4ⁿ."""


@frozen
class PauliSum:
    """A real linear combination of Pauli words.

    Args:
        words: Words with their coefficients.
    """

    words: tuple[tuple[Word, float], ...]

    @classmethod
    def of(cls, sentence: Any) -> PauliSum:
        """Takes over PennyLane's Pauli sentence, on wire positions.

        Args:
            sentence: A Pauli sentence of plain numbers.

        Returns:
            The sum; imaginary parts, which no observable has, are left out.
        """
        return cls(
            tuple(
                (word_of(word), float(np.real(qml.math.toarray(coefficient))))
                for word, coefficient in sentence.items()
            )
        )

    @property
    def constant(self) -> float:
        """The coefficient of the identity."""
        return sum(coefficient for word, coefficient in self.words if not word)

    def operator(self, num_wires: int) -> SparsePauliOp:
        """Qiskit's operator.

        Args:
            num_wires: Wires of the circuit.

        Returns:
            The operator, qubit i being wire position i.
        """
        terms = [
            ("".join(letter for _, letter in word), [w for w, _ in word], coefficient)
            for word, coefficient in self.words
        ]
        return SparsePauliOp.from_sparse_list(
            terms or [("", [], 0.0)], num_qubits=num_wires
        )


def word_of(word: Any) -> Word:
    """PennyLane's Pauli word, sorted by wire position."""
    return tuple(sorted(word.items()))


def sentence_of(observable: Any, decompose: bool) -> Any:
    """An observable as PennyLane's Pauli sentence.

    Args:
        observable: A PennyLane operator on wire positions.
        decompose: Whether a matrix may be written as Pauli words, too.

    Returns:
        The sentence, whose coefficients have gradients if the observable's numbers
        have; None where it is not made of Pauli words.
    """
    if observable.pauli_rep is not None:
        return observable.pauli_rep
    few = len(observable.wires) <= MOST_WIRES_DECOMPOSED
    if not decompose or not few or not observable.has_matrix:
        return None
    matrix = qml.matrix(observable, wire_order=observable.wires)
    return qml.pauli.pauli_decompose(
        matrix, wire_order=observable.wires, pauli=True, check_hermitian=False
    )
