"""Runs of Aer: as many rows at once as the memory for their results allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from qml_qdl.circuits.errors import MemoryBoundError, TargetError

_CHUNK = 2**28
"""Bytes of results that one run may return."""

_CLIFFORD = 1e-8
"""How far an angle may be from a Clifford gate's."""


@frozen(eq=False)
class Task:
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

    task: Task
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
        rng: Where seeds come from.
    """

    def __init__(self, simulator: AerSimulator, rng: np.random.Generator) -> None:
        self._simulator = simulator
        self._rng = rng

    def run(self, tasks: Sequence[Task], shots: int = 1) -> None:
        """Runs tasks; each takes its results.

        Args:
            tasks: The tasks. Those of the same noise, method and size run together.
            shots: Shots of each row.

        Raises:
            MemoryBoundError: Aer has not enough memory for a circuit.
            TargetError: Aer cannot run a circuit.
        """
        together: dict[tuple[int, str, int], list[Task]] = {}
        for task in tasks:
            # Aer makes all circuits of a run as wide as the widest.
            alike = (id(task.noise), task.method, task.circuit.num_qubits)
            together.setdefault(alike, []).append(task)
        for group in together.values():
            for pieces in _chunks(group):
                self._run(pieces, shots)

    def _run(self, pieces: Sequence[_Piece], shots: int) -> None:
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
        result = self._simulator.run(
            circuits,
            parameter_binds=binds,
            shots=shots,
            method=task.method,
            noise_model=task.noise,
            seed_simulator=int(self._rng.integers(2**62)),
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


def _chunks(tasks: Sequence[Task]) -> Iterator[list[_Piece]]:
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
