"""Qiskit's observables as PennyLane's."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from qiskit.quantum_info import Pauli, SparseObservable, SparsePauliOp

from qml_qdl.circuits.errors import ArgumentError

Observable: TypeAlias = SparsePauliOp | SparseObservable | Pauli
"""What Qiskit's estimators take, but for text."""


def as_sum(observable: Observable) -> SparsePauliOp:
    """Any observable as a sum of Pauli words, each with its number."""
    if isinstance(observable, SparseObservable):
        return SparsePauliOp.from_sparse_observable(observable)
    return SparsePauliOp(observable)


def imported_observable(observable: SparsePauliOp, wires: Sequence[Hashable]) -> Any:
    """A Qiskit observable as PennyLane's.

    Args:
        observable: A sum of Pauli words.
        wires: For each qubit its wire label.

    Returns:
        A PennyLane operator.

    Raises:
        ArgumentError: A coefficient has a parameter, or is not real, once equal words
            are one.
    """
    sentence = qml.pauli.PauliSentence()
    for letters, number in observable.to_list():
        if getattr(number, "parameters", None):
            raise ArgumentError(
                f"quantum_circuit: the coefficient {number} of {letters!r} is no "
                "number; give it one with assign_parameters"
            )
        # Qiskit writes the last qubit first.
        pairs = zip(wires, reversed(letters), strict=True)
        word = qml.pauli.PauliWord(dict(pairs))  # without letters I
        sentence[word] = sentence.get(word, 0.0) + complex(number)
    for word, number in sentence.items():
        if not np.isclose(number.imag, 0.0, rtol=0.0, atol=1e-12):
            raise ArgumentError(
                f"quantum_circuit: the coefficient {number:g} of {word} is not real, "
                "so it is no observable; take its Hermitian part, "
                "((op + op.adjoint()) / 2).simplify()"
            )
        sentence[word] = float(number.real)
    return sentence.operation(wire_order=list(wires))
