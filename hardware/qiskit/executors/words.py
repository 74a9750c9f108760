"""Pauli words: bases in which several are read at once, and values out of bits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray
from qiskit.circuit import ClassicalRegister
from qiskit.quantum_info import PauliList

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.qiskit.executors.draws import outcomes_to_bits
from qml_qdl.hardware.tapes.bases import group_settings
from qml_qdl.hardware.tapes.executor import Bits, Estimates, Pub

_AT_ONCE = 2**22
"""How many numbers are held at once while shots are averaged."""


@frozen(eq=False)
class Words:
    """The Pauli words of some observables.

    Args:
        paulis: Different words without signs.
        weights: How much of each word each observable has, (observables, words).
    """

    paulis: PauliList
    weights: NDArray[np.float64]

    def supports(self) -> list[NDArray[np.intp]]:
        """For each word the qubits on which it is not the identity."""
        acts = self.paulis.x | self.paulis.z
        return [np.flatnonzero(row) for row in acts]

    def qubits(self) -> tuple[int, ...]:
        """The qubits on which some word is not the identity, ascending."""
        return tuple(sorted({int(one) for own in self.supports() for one in own}))


def collect_words(pub: Pub) -> Words:
    """The different Pauli words of a pub's observables.

    Args:
        pub: A pub with observables.

    Returns:
        The words and the observables' weights.

    Raises:
        ArgumentError: There are no observables, or they are not Hermitian.
    """
    if not pub.observables:
        raise ArgumentError(
            "pubs: a pub to estimate needs observables, got none; give "
            "Pub(..., observables=(SparsePauliOp('ZZ'),))"
        )
    labels: dict[str, int] = {}
    entries: list[tuple[int, int, float]] = []
    for row, observable in enumerate(pub.observables):
        if observable.num_qubits != pub.circuit.num_qubits:
            raise ArgumentError(
                f"pubs: observable {row} is on {observable.num_qubits} qubits, but the "
                f"circuit has {pub.circuit.num_qubits}"
            )
        for label, weight in observable.to_list():
            if abs(np.imag(weight)) > 1e-12:
                raise ArgumentError(
                    f"pubs: observable {row} has the coefficient {weight} at {label}; "
                    "coefficients of observables are real"
                )
            column = labels.setdefault(label, len(labels))
            entries.append((row, column, float(np.real(weight))))
    weights = np.zeros((len(pub.observables), len(labels)))
    for row, column, weight in entries:
        weights[row, column] += weight
    return Words(PauliList(list(labels)), weights)


@frozen(eq=False)
class Basis:
    """Words that one measurement of single qubits reads together.

    Args:
        pub: The circuit with the measurement; its j-th classical bit is what qubit
            `qubits[j]` gave.
        qubits: The qubits that are read.
        words: Columns of the words it reads.
        parities: Which bits make each of the words, (words, bits).
    """

    pub: Pub
    qubits: tuple[int, ...]
    words: NDArray[np.intp]
    parities: NDArray[np.bool_]


def make_bases(pub: Pub, words: Words) -> tuple[Basis, ...]:
    """Groups words that agree qubit by qubit, and measures only the qubits they need.

    Args:
        pub: A pub that does not measure.
        words: Its words.

    Returns:
        The bases; the identity is in none.
    """
    supports = words.supports()
    columns = [column for column, support in enumerate(supports) if len(support)]
    groups, found = group_settings(
        [
            {
                int(qubit): _letter(words.paulis, column, int(qubit))
                for qubit in supports[column]
            }
            for column in columns
        ]
    )
    members: list[list[int]] = [[] for _ in groups]
    for column, group in zip(columns, found, strict=True):
        members[group].append(column)
    return tuple(
        _basis(pub, letters, own, supports)
        for letters, own in zip(groups, members, strict=True)
    )


def _letter(paulis: PauliList, column: int, qubit: int) -> str:
    x, z = paulis.x[column, qubit], paulis.z[column, qubit]
    return "Y" if x and z else "X" if x else "Z"


def _basis(
    pub: Pub,
    letters: dict[int, str],
    columns: Sequence[int],
    supports: Sequence[NDArray[np.intp]],
) -> Basis:
    qubits = tuple(sorted(letters))
    name = ",".join(f"{letters[qubit]}{qubit}" for qubit in qubits)
    parities = np.array([np.isin(qubits, supports[column]) for column in columns])
    measured = pub.circuit.copy()
    register = ClassicalRegister(len(qubits), "basis")
    measured.add_register(register)
    for bit, qubit in enumerate(qubits):
        if letters[qubit] == "X":
            measured.h(qubit)
        elif letters[qubit] == "Y":
            measured.sdg(qubit)
            measured.h(qubit)
        measured.measure(qubit, register[bit])
    digest = hashlib.sha256(f"{pub.digest} measures {name}".encode()).hexdigest()
    return Basis(
        evolve(pub, circuit=measured, digest=digest, observables=()),
        qubits,
        np.array(columns, dtype=np.intp),
        parities,
    )


def estimate_from_bits(
    words: Words,
    bases: Sequence[Basis],
    bits: Sequence[Bits],
    rows: int,
    readings: Sequence[NDArray[np.float64]] | None = None,
) -> Estimates:
    """Expectation values with standard errors, out of what the bases gave.

    Args:
        words: The words.
        bases: The bases.
        bits: For each basis its outcomes, (rows, shots, bits).
        rows: How many rows there are.
        readings: For each basis what its bits count as when they read 0 and 1,
            (bits, 2); None for 1 and -1.

    Returns:
        Means over the shots. The errors know that words read together are correlated;
        of a single shot they are what they can be at most.
    """
    values = np.tile(constant_part(words), (rows, 1))
    variances = np.zeros_like(values)
    for number, (basis, outcomes) in enumerate(zip(bases, bits, strict=True)):
        weights = words.weights[:, basis.words].T
        shots = outcomes.shape[1]
        step = max(1, _AT_ONCE // (shots * max(weights.shape)))
        for start in range(0, rows, step):
            part = slice(start, start + step)
            reading = None if readings is None else readings[number]
            signs = _signs(outcomes[part], basis.parities, reading)
            each = signs @ weights  # (rows, shots, observables)
            values[part] += each.mean(axis=1)
            if shots > 1:
                variances[part] += each.var(axis=1, ddof=1) / shots
            else:
                variances[part] += np.square(weights).sum(axis=0)
    return Estimates(values, np.sqrt(variances))


def estimate_from_probabilities(
    words: Words,
    bases: Sequence[Basis],
    probabilities: Sequence[NDArray[np.float64]],
    rows: int,
    readings: Sequence[NDArray[np.float64]] | None = None,
) -> Estimates:
    """Expectation values, out of the bases' exact probabilities.

    Args:
        words: The words.
        bases: The bases.
        probabilities: For each basis (rows, outcomes), bit j of an outcome being the
            basis's j-th bit.
        rows: How many rows there are.
        readings: As `estimate_from_bits` takes them.

    Returns:
        Exact values; their errors are zero.
    """
    values = np.tile(constant_part(words), (rows, 1))
    for number, (basis, table) in enumerate(zip(bases, probabilities, strict=True)):
        every = outcomes_to_bits(np.arange(table.shape[1]), len(basis.qubits))
        reading = None if readings is None else readings[number]
        signs = _signs(every, basis.parities, reading)
        values += table @ signs @ words.weights[:, basis.words].T
    return Estimates(values, np.zeros_like(values))


def _signs(
    bits: Bits, parities: NDArray[np.bool_], reading: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """What each word is at each outcome, (..., words)."""
    if reading is None:
        odd = bits @ parities.T.astype(np.uint8) & 1
        return np.asarray(1.0 - 2.0 * odd, dtype=np.float64)
    signs = np.ones((*bits.shape[:-1], len(parities)))
    for bit, values in enumerate(reading):
        signs[..., parities[:, bit]] *= values[bits[..., bit]][..., None]
    return signs


def constant_part(words: Words) -> NDArray[np.float64]:
    """How much of the identity each observable has.

    Args:
        words: The words.

    Returns:
        (observables,).
    """
    idle = np.array([len(support) == 0 for support in words.supports()])
    total: NDArray[np.float64] = words.weights[:, idle].sum(axis=1)
    return total
