"""Pubs of IBM's primitives, and what they cost.

IBM's published formula: two seconds a job, and for each execution of a circuit the time
between repetitions (250 µs) and the circuit's own time (50 to 100 µs).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, final

import numpy as np
from attrs import evolve
from qiskit import QuantumCircuit
from qiskit.quantum_info import PauliList, SparsePauliOp

from qml_qdl.hardware.jobs.client import JobRequest, Machine
from qml_qdl.hardware.jobs.cost import Allowance, Cost, Limits, RowCost
from qml_qdl.hardware.qiskit.transpilation import TranspilationCache
from qml_qdl.hardware.tapes.executor import Pub

OPEN_PLAN = Allowance("the Open plan", 600.0)
"""What IBM's Open plan has in 28 days."""

LIMITS = Limits(executions=10_000_000, instructions=26_800_000)
"""What IBM takes in one job."""

LONGEST_JOB = 10_800
"""Seconds after which IBM stops any job."""

_PER_JOB = 2.0
_REPETITION = 250e-6
_CIRCUIT = 100e-6
# Zero-noise extrapolation runs each circuit at three strengths of the noise.
_FOLDS = {0: 1, 1: 1, 2: 3}


@final
class IBMMachine(Machine):
    """A machine of IBM's, or the model of one: its gates, and IBM's prices.

    Args:
        isa: What transpiles circuits for it.
        limits: What one job may hold.
    """

    def __init__(self, isa: TranspilationCache, limits: Limits = LIMITS) -> None:
        self.isa = isa
        self._limits = limits

    @property
    def transpilations(self) -> int:
        """How many circuits were transpiled so far."""
        return self.isa.counters.transpilations

    @property
    def calibrated(self) -> datetime | None:
        """When IBM calibrated it last, as its properties tell."""
        told = getattr(self.isa.backend, "properties", lambda: None)()
        return getattr(told, "last_update_date", None)

    def prepare(self, request: JobRequest, max_qpu_seconds: float) -> JobRequest:
        """Transpiles circuits; see `Machine.prepare`."""
        return evolve(
            request,
            pubs=tuple(self._transpiled(pub) for pub in request.pubs),
            max_execution_time=time_limit(max_qpu_seconds),
        )

    def _transpiled(self, pub: Pub) -> Pub:
        known = self.isa.get(pub.circuit, pub.digest)
        # A parameter that turned out not to matter is gone from the transpiled circuit.
        columns = [known.names.index(one.name) for one in known.circuit.parameters]
        layout = known.circuit.layout
        width = None if layout else known.circuit.num_qubits
        return evolve(
            pub,
            circuit=known.circuit,
            angles=np.ascontiguousarray(pub.angles[:, columns]),
            observables=tuple(
                observable.apply_layout(layout, num_qubits=width)
                for observable in pub.observables
            ),
        )

    def limits(self, request: JobRequest) -> Limits:
        """What one job has room for, beside the calibration of IBM's estimator."""
        left = self._limits.executions - calibration_executions(request)
        return evolve(self._limits, executions=left)

    def row_costs(self, request: JobRequest) -> list[RowCost]:
        """What one row of each pub takes; see `Machine.row_costs`."""
        folds = _FOLDS.get(_resilience(request), 1)
        shots = twirled(request.shots) if _twirls(request) else request.shots
        costs = []
        for pub in request.pubs:
            settings = folds * num_settings(pub.observables) if pub.observables else 1
            instructions = settings * instructions_per_qubit(pub.circuit)
            costs.append(RowCost(settings * shots, instructions))
        return costs

    def cost(self, request: JobRequest, jobs: int = 1) -> Cost:
        """What a request costs; see `Machine.cost`.

        A circuit counts as long as the machine's gate times make it, and at least as
        the 100 µs of IBM's formula.
        """
        backend = self.isa.backend
        repetition = getattr(backend, "default_rep_delay", None) or _REPETITION
        calibrating = jobs * calibration_executions(request)
        fixed = quantum_seconds(calibrating, jobs, repetition)
        seconds, executions = fixed, calibrating
        for pub, cost in zip(request.pubs, self.row_costs(request), strict=True):
            length = max(_CIRCUIT, duration(pub.circuit, backend))
            own = pub.rows * cost.executions
            seconds += quantum_seconds(own, 0, repetition, length)
            executions += own
        depths = (two_qubit_depth(pub.circuit) for pub in request.pubs)
        added = jobs if calibrating else 0
        return Cost(
            jobs=jobs,
            circuits=len(request.pubs) + added,
            rows=request.rows,
            executions=executions,
            two_qubit_depth=max(depths, default=0),
            seconds=seconds,
            calibrations=added + sum(pub.calibrates for pub in request.pubs),
            fixed_seconds=fixed,
            allowance=OPEN_PLAN,
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


def calibration_executions(request: JobRequest) -> int:
    """How often IBM's estimator runs a circuit to learn how qubits are misread.

    From resilience level 1 on each job has one such circuit, as long as one row.

    Args:
        request: What shall be done.

    Returns:
        Executions in each job; 0 where there is no such circuit.
    """
    return twirled(request.shots) if _resilience(request) > 0 else 0


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
    """In how many bases IBM's estimator measures each row.

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


def two_qubit_depth(circuit: QuantumCircuit) -> int:
    """The longest chain of gates on two qubits.

    Args:
        circuit: A circuit.
    """
    return int(circuit.depth(lambda one: len(one.qubits) == 2))


def instructions_per_qubit(circuit: QuantumCircuit) -> int:
    """Instructions on the busiest qubit.

    Args:
        circuit: A circuit.
    """
    counts = dict.fromkeys(circuit.qubits, 0)
    for instruction in circuit.data:
        if instruction.operation.name != "barrier":
            for qubit in instruction.qubits:
                counts[qubit] += 1
    return max(counts.values(), default=0)


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


def time_limit(max_qpu_seconds: float) -> int:
    """QPU seconds after which IBM shall stop a job.

    Args:
        max_qpu_seconds: What may be spent.

    Returns:
        A whole number that IBM takes.
    """
    return max(1, math.ceil(min(max_qpu_seconds, LONGEST_JOB)))
