"""What Aer is asked for: states, probabilities, Pauli words, counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import Pauli
from qiskit_aer.noise import NoiseModel

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.qiskit.executors.aer_runs import Task
from qml_qdl.hardware.qiskit.executors.draws import (
    counts_to_bits,
    draw,
    outcomes_to_bits,
)
from qml_qdl.hardware.qiskit.executors.noise import QubitNoise
from qml_qdl.hardware.qiskit.executors.programs import Program
from qml_qdl.hardware.qiskit.executors.words import Words
from qml_qdl.hardware.qiskit.pubs import Bits

_OUT = "out"

_TABLE = 20
"""Up to so many measured bits, all their probabilities are held."""


def state_task(
    program: Program,
    angles: NDArray[np.float64],
    noise: NoiseModel | None,
    method: str,
    output: NDArray[np.complex128],
) -> Task:
    """The task of finding states.

    Args:
        program: The circuit.
        angles: Its angles, (rows, angles).
        noise: Its noise.
        method: Aer's method; "density_matrix" gives density matrices.
        output: Where the states go, wire 0 being the most significant bit.

    Returns:
        The task.
    """
    circuit = program.without_measurements()
    mixed = method == "density_matrix"
    if mixed:
        wires = list(reversed(program.positions.values()))
        circuit.save_density_matrix(wires, label=_OUT)
    else:
        circuit.save_statevector(label=_OUT)

    phases = np.exp(1j * program.phases(angles))

    def take(start: int, rows: list[dict[str, Any]]) -> None:
        found = np.stack([np.asarray(row[_OUT]) for row in rows])
        if not mixed:
            found = _wires_first(found, list(program.positions.values()))
            found = found * phases[start : start + len(found), None]
        output[start : start + len(found)] = found

    size = 16 * 2 ** (circuit.num_qubits * (2 if mixed else 1))
    values = program.values(angles)
    return Task(circuit, program.slots, values, noise, method, size, True, take)


def _wires_first(
    states: NDArray[np.complex128], positions: Sequence[int]
) -> NDArray[np.complex128]:
    """States of the wires alone; the other qubits, which only helped, are in |0⟩."""
    size = states.shape[1].bit_length() - 1
    tensor = states.reshape(-1, *(2,) * size)
    axes = {qubit: size - qubit for qubit in range(size)}
    helpers = [axes[qubit] for qubit in axes if qubit not in positions]
    order = [0, *(axes[qubit] for qubit in positions), *helpers]
    ordered = tensor.transpose(order).reshape(len(states), 2 ** len(positions), -1)
    return ordered[:, :, 0]


def table_task(
    program: Program,
    angles: NDArray[np.float64],
    noise: QubitNoise,
    method: str,
    output: NDArray[np.float64],
) -> Task:
    """The task of finding exact probabilities, errors of reading included.

    Args:
        program: A circuit that measures at its end.
        angles: Its angles, (rows, angles).
        noise: Its noise; its errors of reading are known.
        method: Aer's method.
        output: Where they go, (rows, outcomes).

    Returns:
        The task.
    """

    def take(start: int, tables: NDArray[np.float64]) -> None:
        output[start : start + len(tables)] = tables

    return _table_task(program, angles, noise, method, 0, take)


def drawing_task(
    program: Program,
    angles: NDArray[np.float64],
    noise: QubitNoise,
    method: str,
    output: Bits,
    rng: np.random.Generator,
) -> Task:
    """The task of drawing shots from exact probabilities.

    Args:
        program: A circuit that measures at its end.
        angles: Its angles, (rows, angles).
        noise: Its noise; its errors of reading are known.
        method: Aer's method.
        output: Where the outcomes go, (rows, shots, bits).
        rng: The random numbers.

    Returns:
        The task.
    """

    def take(start: int, tables: NDArray[np.float64]) -> None:
        outcomes = draw(tables, output.shape[1], rng)
        output[start : start + len(tables)] = outcomes_to_bits(
            outcomes, output.shape[2]
        )

    return _table_task(program, angles, noise, method, 24 * output.shape[1], take)


def _table_task(
    program: Program,
    angles: NDArray[np.float64],
    noise: QubitNoise,
    method: str,
    extra_bytes: int,
    take_tables: Any,
) -> Task:
    readout = program.readout or ()
    read = [qubit for qubit in readout if qubit is not None]
    bits = [bit for bit, qubit in enumerate(readout) if qubit is not None]
    circuit = program.without_measurements()
    circuit.save_probabilities(read, label=_OUT)
    confusion = None if noise.confusion is None else noise.confusion[read]

    def take(start: int, rows: list[dict[str, Any]]) -> None:
        tables = np.stack([row[_OUT] for row in rows])
        if confusion is not None:
            tables = _confused(tables, confusion)
        if len(read) < len(readout):  # bits that nothing is measured into stay zero
            whole = np.zeros((len(tables), 2 ** len(readout)))
            outcomes = np.arange(2 ** len(read))
            places = sum((outcomes >> one & 1) << bit for one, bit in enumerate(bits))
            whole[:, places] = tables
            tables = whole
        take_tables(start, tables)

    size = 8 * 2 ** len(readout) + extra_bytes
    values = program.values(angles)
    return Task(circuit, program.slots, values, noise.model, method, size, True, take)


def _confused(
    tables: NDArray[np.float64], confusion: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probabilities of what is read, bit j being confused by the j-th matrix."""
    bits = len(confusion)
    tensor = tables.reshape(-1, *(2,) * bits)
    for bit, matrix in enumerate(confusion):
        axis = bits - bit
        if not np.array_equal(matrix, np.eye(2)):
            tensor = np.moveaxis(np.tensordot(tensor, matrix, (axis, 0)), -1, axis)
    return tensor.reshape(tables.shape)


def counting_task(
    program: Program,
    angles: NDArray[np.float64],
    noise: QubitNoise,
    method: str,
    output: Bits,
    rng: np.random.Generator,
) -> Task:
    """The task of letting Aer draw shots.

    Args:
        program: A circuit that measures.
        angles: Its angles, (rows, angles).
        noise: Its noise.
        method: Aer's method.
        output: Where the outcomes go, (rows, shots, bits).
        rng: The random numbers of the shots' order.

    Returns:
        The task.
    """

    def take(start: int, rows: list[dict[str, Any]]) -> None:
        counts = [row["counts"] for row in rows]
        bits = counts_to_bits(counts, output.shape[2], rng)
        output[start : start + len(rows)] = bits

    values = program.values(angles)
    size = 100 * output.shape[1]
    model = noise.model
    return Task(
        program.circuit, program.slots, values, model, method, size, False, take
    )


def words_task(
    program: Program,
    angles: NDArray[np.float64],
    words: Words,
    method: str,
    output: NDArray[np.float64],
) -> Task:
    """The task of finding exact expectation values without noise.

    Args:
        program: The circuit.
        angles: Its angles, (rows, angles).
        words: The Pauli words.
        method: Aer's method.
        output: Where they go, (rows, words); those of the identity stay as they are.

    Returns:
        The task.
    """
    circuit = program.without_measurements()
    for number, support in enumerate(words.supports()):
        if len(support):
            pauli = words.paulis[number]
            part = Pauli((pauli.z[support], pauli.x[support]))
            places = [program.positions[qubit] for qubit in support]
            circuit.save_expectation_value(part, places, label=str(number))

    def take(start: int, rows: list[dict[str, Any]]) -> None:
        for number, row in enumerate(rows, start):
            for label, value in row.items():
                output[number, int(label)] = value

    values = program.values(angles)
    size = 100 * output.shape[1]
    return Task(circuit, program.slots, values, None, method, size, True, take)


def is_drawn(program: Program, noise: QubitNoise, method: str) -> bool:
    """Whether shots can be drawn from exact probabilities.

    Args:
        program: The circuit.
        noise: Its noise.
        method: Aer's method.

    Returns:
        False where only Aer can draw them.
    """
    exact = method == "density_matrix" or (
        method == "statevector" and noise.model is None
    )
    return (
        exact
        and noise.confusion is not None
        and program.readout is not None
        and len(program.readout) <= _TABLE
    )


def check_readable(program: Program, noise: QubitNoise) -> None:
    """Checks that a circuit has exact probabilities.

    Args:
        program: The circuit.
        noise: Its noise.

    Raises:
        TargetError: It has none that can be had.
    """
    if program.readout is None:
        raise TargetError(
            "circuit: it goes on after a measurement, so it has no table of exact "
            "probabilities; use shots"
        )
    if len(program.readout) > _TABLE:
        raise TargetError(
            f"circuit: it measures {len(program.readout)} bits, but exact "
            f"probabilities are for up to {_TABLE}; use shots"
        )
    if noise.confusion is None:
        raise TargetError(
            "noise_model: it disturbs qubits while they are measured, or reads several "
            "together, so only shots can be had; use shots"
        )
