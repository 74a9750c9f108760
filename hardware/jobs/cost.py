"""What jobs cost on a machine, before they are sent.

IBM's published formula: two seconds a job, and for each execution of a circuit the time
between repetitions (250 µs) and the circuit's own time (50 to 100 µs).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen
from qiskit import QuantumCircuit
from qiskit.quantum_info import PauliList, SparsePauliOp

from qml_qdl.circuits.errors import BudgetError
from qml_qdl.hardware.jobs.client import JobRequest, Limits
from qml_qdl.hardware.jobs.division import RowCost, instructions_per_qubit

OPEN_PLAN_SECONDS = 600
"""QPU seconds of IBM's Open plan in 28 days."""

LONGEST_JOB = 10_800
"""Seconds after which IBM stops any job."""

_PER_JOB = 2.0
_REPETITION = 250e-6
_CIRCUIT = 100e-6
# Zero-noise extrapolation runs each circuit at three strengths of the noise.
_FOLDS = {0: 1, 1: 1, 2: 3}


@frozen
class Cost:
    """What something would take of a machine.

    Args:
        jobs: How many jobs.
        circuits: How many circuits, each with all its rows.
        rows: Rows of angles.
        executions: How often a circuit runs, all shots of all rows counted.
        two_qubit_depth: The longest chain of gates on two qubits after transpilation.
        seconds: Estimated QPU seconds.
        calibrations: How many of the circuits only tell how qubits are misread.
        fixed_seconds: Those of the seconds that would be the same for fewer rows.
    """

    jobs: int = 0
    circuits: int = 0
    rows: int = 0
    executions: int = 0
    two_qubit_depth: int = 0
    seconds: float = 0.0
    calibrations: int = 0
    fixed_seconds: float = 0.0

    @property
    def open_plan_share(self) -> float:
        """Which part of the Open plan's ten minutes that is; 1 is all of it."""
        return self.seconds / OPEN_PLAN_SECONDS

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.jobs + other.jobs,
            self.circuits + other.circuits,
            self.rows + other.rows,
            self.executions + other.executions,
            max(self.two_qubit_depth, other.two_qubit_depth),
            self.seconds + other.seconds,
            self.calibrations + other.calibrations,
            self.fixed_seconds + other.fixed_seconds,
        )


def quantum_seconds(
    executions: int,
    jobs: int = 1,
    repetition: float = _REPETITION,
    circuit: float = _CIRCUIT,
) -> float:
    """IBM's formula.

    Args:
        executions: How often a circuit runs.
        jobs: In how many jobs.
        repetition: Seconds between repetitions.
        circuit: Seconds of one circuit.

    Returns:
        QPU seconds.

    Example:
        >>> round(quantum_seconds(392 * 1024))
        142
    """
    return _PER_JOB * jobs + (repetition + circuit) * executions


def row_costs(request: JobRequest) -> list[RowCost]:
    """What one row of each pub takes of a job.

    Args:
        request: What shall be done.
    """
    folds = _FOLDS.get(_resilience(request), 1)
    shots = twirled(request.shots) if _twirls(request) else request.shots
    costs = []
    for pub in request.pubs:
        settings = folds * num_settings(pub.observables) if pub.observables else 1
        instructions = settings * instructions_per_qubit(pub.circuit)
        costs.append(RowCost(settings * shots, instructions))
    return costs


def calibration_executions(request: JobRequest) -> int:
    """How often the service's estimator runs a circuit to learn how qubits are misread.

    From resilience level 1 on each job has one such circuit, as long as one row.

    Args:
        request: What shall be done.

    Returns:
        Executions in each job; 0 where there is no such circuit.
    """
    return twirled(request.shots) if _resilience(request) > 0 else 0


def room(request: JobRequest, limits: Limits) -> Limits:
    """What a job has left for a request's rows beside the calibration.

    Args:
        request: What shall be done.
        limits: What the service takes in one job.
    """
    left = limits.executions - calibration_executions(request)
    return evolve(limits, executions=left)


def twirled(shots: int) -> int:
    """Shots as IBM rounds them up to whole randomisations of twirled gates.

    Args:
        shots: What was asked for.

    Example:
        >>> twirled(10), twirled(1000), twirled(5000)
        (64, 1024, 5024)
    """
    each = max(64, math.ceil(shots / 32))
    return each * math.ceil(shots / each)


def _resilience(request: JobRequest) -> int:
    """The level of error mitigation; samples have none."""
    level = request.options.get("resilience_level", 0)
    return int(level) if request.kind == "estimate" else 0


def _twirls(request: JobRequest) -> bool:
    return _resilience(request) > 0 or bool(request.options.get("twirling"))


def num_settings(observables: Sequence[SparsePauliOp]) -> int:
    """In how many bases the service's estimator measures each row.

    It groups words its own way, so they are counted by Qiskit's function and not by
    that which finds our bases (`group_settings`).

    Args:
        observables: What is estimated together.

    Returns:
        Groups of words that commute qubit by qubit.
    """
    words = {label for one in observables for label in one.paulis.to_labels()}
    measured = sorted(word for word in words if set(word) != {"I"})
    if not measured:
        return 1
    return len(PauliList(measured).group_commuting(qubit_wise=True))


def cost_of(request: JobRequest, backend: Any, jobs: int = 1) -> Cost:
    """What a request costs.

    Args:
        request: What shall be done.
        backend: The machine, a `BackendV2`.
        jobs: In how many jobs.

    Returns:
        The cost. A circuit counts as long as the machine's gate times make it, and at
        least as the 100 µs of IBM's formula.
    """
    repetition = getattr(backend, "default_rep_delay", None) or _REPETITION
    per_row = row_costs(request)
    calibrating = jobs * calibration_executions(request)
    fixed = quantum_seconds(calibrating, jobs, repetition)
    seconds = fixed
    for pub, cost in zip(request.pubs, per_row, strict=True):
        length = max(_CIRCUIT, duration(pub.circuit, backend))
        executions = pub.rows * cost.executions
        seconds += quantum_seconds(executions, 0, repetition, length)
    return Cost(
        jobs=jobs,
        circuits=len(request.pubs) + (jobs if calibrating else 0),
        rows=request.rows,
        executions=calibrating
        + sum(
            pub.rows * cost.executions
            for pub, cost in zip(request.pubs, per_row, strict=True)
        ),
        two_qubit_depth=max(
            (two_qubit_depth(pub.circuit) for pub in request.pubs), default=0
        ),
        seconds=seconds,
        calibrations=jobs if calibrating else 0,
        fixed_seconds=fixed,
    )


def two_qubit_depth(circuit: QuantumCircuit) -> int:
    """The longest chain of gates on two qubits.

    Args:
        circuit: A circuit.
    """
    return int(circuit.depth(lambda one: len(one.qubits) == 2))


def duration(circuit: QuantumCircuit, backend: Any) -> float:
    """Seconds from the first gate to the last measurement.

    Args:
        circuit: A circuit in the machine's own gates.
        backend: The machine; gates whose time it does not tell take none.
    """
    target = backend.target
    ready = dict.fromkeys(circuit.qubits, 0.0)
    for instruction in circuit.data:
        on = tuple(circuit.find_bit(qubit).index for qubit in instruction.qubits)
        name = instruction.operation.name
        known = target[name] if name in target.operation_names else {}
        seconds = getattr(known.get(on), "duration", None) or 0.0
        end = max((ready[qubit] for qubit in instruction.qubits), default=0.0) + seconds
        ready.update(dict.fromkeys(instruction.qubits, end))
    return max(ready.values(), default=0.0)


def check_budget(cost: Cost, max_qpu_seconds: float) -> None:
    """Refuses what would cost too much.

    Args:
        cost: What it would cost.
        max_qpu_seconds: What it may.

    Raises:
        BudgetError: It costs more; the message says what would pass.
    """
    if cost.seconds <= max_qpu_seconds:
        return
    rows = affordable(cost, max_qpu_seconds)
    less = (
        f"send at most {rows:,} rows at once (--limit or --batch-size), "
        if rows
        else ""
    )
    enough = math.ceil(cost.seconds)
    raise BudgetError(
        f"max_qpu_seconds: {cost.executions:,} executions ({cost.rows:,} rows) would "
        f"take about {cost.seconds:,.0f} QPU seconds, {cost.open_plan_share:.0%} of "
        f"the Open plan's ten minutes, but {max_qpu_seconds:g} are allowed; {less}"
        f"or allow them: max_qpu_seconds={enough} (--max-qpu-seconds {enough})",
        share=rows / max(cost.rows, 1),
    )


def affordable(cost: Cost, max_qpu_seconds: float) -> int:
    """How many of the rows could be paid.

    Args:
        cost: What all rows cost.
        max_qpu_seconds: What may be spent.
    """
    fixed = cost.fixed_seconds / max(cost.jobs, 1)
    per_row = (cost.seconds - cost.fixed_seconds) / max(cost.rows, 1)
    return max(0, int((max_qpu_seconds - fixed) / per_row)) if per_row else cost.rows


def time_limit(max_qpu_seconds: float) -> int:
    """QPU seconds after which the service shall stop a job.

    Args:
        max_qpu_seconds: What may be spent.

    Returns:
        A whole number that the service takes.
    """
    return max(1, math.ceil(min(max_qpu_seconds, LONGEST_JOB)))
