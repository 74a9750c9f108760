"""Aer tasks: states, probabilities, Pauli words and counts of many rows."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Pauli, PauliList
from qiskit_aer import AerSimulator
from qiskit_aer.jobs import aerjob
from qiskit_aer.noise import NoiseModel

from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError, TargetError
from qml_qdl.hardware.qiskit.aer.noise import QubitNoise
from qml_qdl.hardware.qiskit.aer.sampling import from_dictionaries, sample_counts
from qml_qdl.hardware.qiskit.compact_circuits import CompactCircuit
from qml_qdl.hardware.tapes.executor import Pub
from qml_qdl.hardware.tapes.outcomes import Counts

_CHUNK = 2**28
"""Bytes of results that one run may return."""

_CLIFFORD = 1e-8
"""How far an angle may be from a Clifford gate's."""


@frozen(eq=False)
class AerTask:
    """A circuit with its rows, and where its results go.

    Args:
        circuit: The circuit, which saves or measures.
        slots: Its parameters.
        values: Their numbers, (rows, slots).
        noise: Its noise.
        method: Aer's method.
        row_bytes: Size of one row's results.
        exact: Whether rows with equal numbers have equal results.
        take: Gets the number of the first row and the results of it and those after.
    """

    circuit: QuantumCircuit = field(repr=False)
    slots: tuple[Parameter, ...]
    values: NDArray[np.float64] = field(repr=False)
    noise: NoiseModel | None
    method: str
    row_bytes: int
    exact: bool
    take: Callable[[int, list[dict[str, Any]]], None]


@frozen(eq=False)
class _Piece:
    """Some rows of a task."""

    task: AerTask
    rows: range

    @property
    def circuits(self) -> int:
        """How often the circuit is handed over."""
        alike = bool(self.task.slots) or self.task.exact
        return 1 if alike else len(self.rows)

    @property
    def results(self) -> int:
        """How many results come back."""
        return len(self.rows) if self.task.slots else self.circuits


class AerRunner:
    """Runs tasks.

    Args:
        simulator: The simulator with its options.
    """

    def __init__(self, simulator: AerSimulator) -> None:
        self._simulator = simulator

    def run(
        self,
        tasks: Sequence[AerTask],
        shots: int = 1,
        rng: np.random.Generator | None = None,
    ) -> None:
        """Runs tasks; each takes its results.

        Args:
            tasks: The tasks. Those of the same noise, method and size run together.
            shots: Shots of each row.
            rng: Where seeds come from; None where nothing is sampled.

        Raises:
            MemoryBoundError: Aer has not enough memory for a circuit.
            TargetError: Aer cannot run a circuit.
        """
        together: dict[tuple[int, str, int], list[AerTask]] = {}
        for task in tasks:
            # Aer makes all circuits of a run as wide as the widest.
            alike = (id(task.noise), task.method, task.circuit.num_qubits)
            together.setdefault(alike, []).append(task)
        for group in together.values():
            for pieces in _chunks(group):
                seed = 0 if rng is None else int(rng.integers(2**62))
                self._run(pieces, shots, seed)

    def _run(self, pieces: Sequence[_Piece], shots: int, seed: int) -> None:
        circuits: list[QuantumCircuit] = []
        binds: list[dict[Parameter, NDArray[np.float64]]] = []
        for piece in pieces:
            rows = slice(piece.rows.start, piece.rows.stop)
            values = piece.task.values[rows]
            if piece.task.method == "stabilizer":
                values = _clifford_angles(values)
            columns = values.T
            circuits += [piece.task.circuit] * piece.circuits
            own = dict(zip(piece.task.slots, columns, strict=True))
            binds += [own] * piece.circuits
        task = pieces[0].task
        _give_thread(os.getpid())
        result = self._simulator.run(
            circuits,
            parameter_binds=binds,
            shots=shots,
            method=task.method,
            noise_model=task.noise,
            seed_simulator=seed,
            # Aer gives wrong values of words on few qubits when it leaves qubits out
            # (qiskit-aer 0.18, its issue 2442); programs have only those that count.
            enable_truncation=False,
            # One circuit for all rows instead of one for each: four times as fast.
            runtime_parameter_bind_enable=any(binds),
        ).result()
        if not result.success:
            raise _failure(str(result.status), task.method)
        rows_data = [one.data.to_dict() for one in result.results]
        start = 0
        for piece in pieces:
            found = rows_data[start : start + piece.results]
            start += piece.results
            if len(found) < len(piece.rows):
                found = found * len(piece.rows)
            piece.task.take(piece.rows.start, found)


@functools.cache
def _give_thread(process: int) -> None:
    """Gives Aer a thread of this process.

    Before 0.18 Aer waits in a forked process for a thread that only its parent has.
    """
    if hasattr(aerjob, "DEFAULT_EXECUTOR"):
        aerjob.DEFAULT_EXECUTOR = ThreadPoolExecutor(1)


def _chunks(tasks: Sequence[AerTask]) -> Iterator[list[_Piece]]:
    pieces: list[_Piece] = []
    room = _CHUNK
    for task in tasks:
        start, rows = 0, len(task.values)
        while start < rows:
            fit = room // task.row_bytes
            if not fit and pieces:
                yield pieces
                pieces, room = [], _CHUNK
                continue
            stop = min(rows, start + max(1, fit))
            pieces.append(_Piece(task, range(start, stop)))
            room -= (stop - start) * task.row_bytes
            start = stop
    if pieces:
        yield pieces


def _clifford_angles(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles as exact multiples of π/2."""
    quarters = np.round(values / (np.pi / 2))
    wrong = np.abs(values - quarters * (np.pi / 2)) > _CLIFFORD
    if wrong.any():
        row = int(np.argwhere(wrong)[0, 0])
        raise TargetError(
            f"method: 'stabilizer' runs Clifford circuits only, whose angles are "
            f"multiples of π/2, but row {row} has a gate with {values[wrong][0]:.6g}; "
            "use 'statevector'"
        )
    return quarters * (np.pi / 2)


def _failure(status: str, method: str) -> Exception:
    first = status.removeprefix("ERROR:").strip()[:500]
    if 'for "stabilizer" method' in status:
        return TargetError(
            f"method: 'stabilizer' runs Clifford circuits only, and Aer says: {first}; "
            "use 'statevector'"
        )
    if "nsufficient memory" in status:
        return MemoryBoundError(
            f"backend: Aer has not enough memory with method {method!r}: {first}; use "
            "fewer wires, or method='matrix_product_state'"
        )
    return TargetError(f"backend: Aer could not run the circuits: {first}")


_OUT = "out"

_TABLE = 20
"""Up to so many measured bits, all their probabilities are held."""


def state_task(
    compact: CompactCircuit,
    angles: NDArray[np.float64],
    noise: NoiseModel | None,
    method: str,
    output: NDArray[np.complex128],
) -> AerTask:
    """The task of finding states.

    Args:
        compact: The circuit.
        angles: Its angles, (rows, angles).
        noise: Its noise.
        method: Aer's method; "density_matrix" gives density matrices.
        output: Where the states go, wire 0 being the most significant bit.

    Returns:
        The task.
    """
    circuit = compact.without_measurements()
    mixed = method == "density_matrix"
    if mixed:
        wires = list(reversed(compact.positions.values()))
        circuit.save_density_matrix(wires, label=_OUT)
    else:
        circuit.save_statevector(label=_OUT)

    phases = np.exp(1j * compact.phases(angles))

    def take(start: int, rows: list[dict[str, Any]]) -> None:
        found = np.stack([np.asarray(row[_OUT]) for row in rows])
        if not mixed:
            found = _wires_first(found, list(compact.positions.values()))
            found = found * phases[start : start + len(found), None]
        output[start : start + len(found)] = found

    size = 16 * 2 ** (circuit.num_qubits * (2 if mixed else 1))
    values = compact.values(angles)
    return AerTask(circuit, compact.slots, values, noise, method, size, True, take)


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
    compact: CompactCircuit,
    angles: NDArray[np.float64],
    noise: QubitNoise,
    method: str,
    output: NDArray[np.float64],
) -> AerTask:
    """The task of finding exact probabilities, errors of reading included.

    Args:
        compact: A circuit that measures at its end.
        angles: Its angles, (rows, angles).
        noise: Its noise; its errors of reading are known.
        method: Aer's method.
        output: Where they go, (rows, outcomes).

    Returns:
        The task.
    """

    def take(start: int, tables: NDArray[np.float64]) -> None:
        output[start : start + len(tables)] = tables

    return _table_task(compact, angles, noise, method, 0, take)


def sampling_task(
    compact: CompactCircuit,
    angles: NDArray[np.float64],
    noise: QubitNoise,
    method: str,
    output: list[Counts],
    shots: int,
    rng: np.random.Generator,
) -> AerTask:
    """The task of sampling shots from exact probabilities.

    Args:
        compact: A circuit that measures at its end.
        angles: Its angles, (rows, angles).
        noise: Its noise; its errors of reading are known.
        method: Aer's method.
        output: Where the outcomes go, some rows after the other.
        shots: Shots of every row.
        rng: The random numbers.

    Returns:
        The task.
    """

    def take(start: int, tables: NDArray[np.float64]) -> None:
        output.append(sample_counts(tables, shots, rng))

    return _table_task(compact, angles, noise, method, 24 * shots, take)


def _table_task(
    compact: CompactCircuit,
    angles: NDArray[np.float64],
    noise: QubitNoise,
    method: str,
    extra_bytes: int,
    take_tables: Any,
) -> AerTask:
    readout = compact.readout or ()
    read = [qubit for qubit in readout if qubit is not None]
    bits = [bit for bit, qubit in enumerate(readout) if qubit is not None]
    circuit = compact.without_measurements()
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
    values = compact.values(angles)
    return AerTask(
        circuit, compact.slots, values, noise.model, method, size, True, take
    )


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
    compact: CompactCircuit,
    angles: NDArray[np.float64],
    noise: QubitNoise,
    method: str,
    output: list[Counts],
    shots: int,
    rng: np.random.Generator,
) -> AerTask:
    """The task of letting Aer sample shots.

    Args:
        compact: A circuit that measures.
        angles: Its angles, (rows, angles).
        noise: Its noise.
        method: Aer's method.
        output: Where the outcomes go, some rows after the other.
        shots: Shots of every row.
        rng: The random numbers of the shots' order.

    Returns:
        The task.
    """

    def take(start: int, rows: list[dict[str, Any]]) -> None:
        counts = [row["counts"] for row in rows]
        bits = compact.circuit.num_clbits
        output.append(from_dictionaries(counts, bits, shots, rng))

    values = compact.values(angles)
    size = 100 * shots
    model = noise.model
    return AerTask(
        compact.circuit, compact.slots, values, model, method, size, False, take
    )


@frozen(eq=False)
class Words:
    """The Pauli words of some observables.

    Args:
        paulis: Different words without signs.
        weights: How much of each word each observable has, (observables, words).
    """

    paulis: PauliList
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, pub: Pub) -> Words:
        """Those of a pub's observables.

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
                    f"pubs: observable {row} is on {observable.num_qubits} qubits, but "
                    f"the circuit has {pub.circuit.num_qubits}"
                )
            for label, weight in observable.to_list():
                if abs(np.imag(weight)) > 1e-12:
                    raise ArgumentError(
                        f"pubs: observable {row} has the coefficient {weight} at "
                        f"{label}; coefficients of observables are real"
                    )
                column = labels.setdefault(label, len(labels))
                entries.append((row, column, float(np.real(weight))))
        weights = np.zeros((len(pub.observables), len(labels)))
        for row, column, number in entries:
            weights[row, column] += number
        return cls(PauliList(list(labels)), weights)

    def supports(self) -> list[NDArray[np.intp]]:
        """For each word the qubits on which it is not the identity."""
        return [np.flatnonzero(row) for row in self.paulis.x | self.paulis.z]

    def qubits(self) -> tuple[int, ...]:
        """The qubits on which some word is not the identity, ascending."""
        return tuple(sorted({int(one) for own in self.supports() for one in own}))


def words_task(
    compact: CompactCircuit,
    angles: NDArray[np.float64],
    words: Words,
    method: str,
    output: NDArray[np.float64],
) -> AerTask:
    """The task of finding exact expectation values without noise.

    Args:
        compact: The circuit.
        angles: Its angles, (rows, angles).
        words: The Pauli words.
        method: Aer's method.
        output: Where they go, (rows, words); those of the identity stay as they are.

    Returns:
        The task.
    """
    circuit = compact.without_measurements()
    for number, support in enumerate(words.supports()):
        if len(support):
            pauli = words.paulis[number]
            part = Pauli((pauli.z[support], pauli.x[support]))
            places = [compact.positions[qubit] for qubit in support]
            circuit.save_expectation_value(part, places, label=str(number))

    def take(start: int, rows: list[dict[str, Any]]) -> None:
        for number, row in enumerate(rows, start):
            for label, value in row.items():
                output[number, int(label)] = value

    values = compact.values(angles)
    size = 100 * output.shape[1]
    return AerTask(circuit, compact.slots, values, None, method, size, True, take)


def is_sampled(compact: CompactCircuit, noise: QubitNoise, method: str) -> bool:
    """Whether shots can be sampled from exact probabilities.

    Args:
        compact: The circuit.
        noise: Its noise.
        method: Aer's method.

    Returns:
        False where only Aer can sample them.
    """
    exact = method == "density_matrix" or (
        method == "statevector" and noise.model is None
    )
    return (
        exact
        and noise.confusion is not None
        and compact.readout is not None
        and len(compact.readout) <= _TABLE
    )


def check_readable(compact: CompactCircuit, noise: QubitNoise) -> None:
    """Checks that a circuit has exact probabilities.

    Args:
        compact: The circuit.
        noise: Its noise.

    Raises:
        TargetError: It has none that can be had.
    """
    if compact.readout is None:
        raise TargetError(
            "circuit: it goes on after a measurement, so it has no table of exact "
            "probabilities; use shots"
        )
    if len(compact.readout) > _TABLE:
        raise TargetError(
            f"circuit: it measures {len(compact.readout)} bits, but exact "
            f"probabilities are for up to {_TABLE}; use shots"
        )
    if noise.confusion is None:
        raise TargetError(
            "noise_model: it disturbs qubits while they are measured, or reads several "
            "together, so only shots can be had; use shots"
        )
