"""Division: a request that is too large for one job becomes several."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import evolve, frozen
from qiskit import QuantumCircuit

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.jobs.client import JobRequest, Limits
from qml_qdl.hardware.jobs.records import Piece

_LEAST_SECONDS = 10  # a job takes some seconds even for a single row


@frozen
class RowCost:
    """What one row of a pub takes of a job.

    Args:
        executions: Shots, times the settings that each row is measured in.
        instructions: Instructions on the busiest qubit, all settings together.
    """

    executions: int
    instructions: int


def divide(
    rows: Sequence[int], costs: Sequence[RowCost], limits: Limits
) -> list[list[Piece]]:
    """Divides rows among as few jobs as the limits allow, in order.

    Args:
        rows: Rows of each pub.
        costs: What one row of each pub takes.
        limits: What the service takes in one job.

    Returns:
        For each job its rows: pub, first row, row after the last.

    Raises:
        TargetError: A single row is too large.

    Example:
        >>> divide([5], [RowCost(4, 1)], Limits(executions=10))
        [[(0, 0, 2)], [(0, 2, 4)], [(0, 4, 5)]]
    """
    jobs: list[list[Piece]] = [[]]
    executions, instructions = limits.executions, limits.instructions
    for pub, (count, cost) in enumerate(zip(rows, costs, strict=True)):
        if cost.executions > limits.executions:
            raise TargetError(
                f"shots: one row takes {cost.executions:,} executions, but a job may "
                f"have {limits.executions:,}; use fewer shots"
            )
        if cost.instructions > limits.instructions:
            raise TargetError(
                f"circuit: one row has {cost.instructions:,} instructions on a qubit, "
                f"but a job may have {limits.instructions:,}; use a shorter circuit"
            )
        start = 0
        while start < count:
            fitting = min(
                count - start,
                executions // cost.executions,
                instructions // max(cost.instructions, 1),
            )
            if not fitting:
                jobs.append([])
                executions, instructions = limits.executions, limits.instructions
                continue
            jobs[-1].append((pub, start, start + fitting))
            executions -= fitting * cost.executions
            instructions -= fitting * cost.instructions
            start += fitting
    return jobs


def part_of(request: JobRequest, pieces: Sequence[Piece]) -> JobRequest:
    """The part of a request that one job does.

    Args:
        request: The whole request.
        pieces: The job's rows.

    Returns:
        A request of these rows, with its share of the time.
    """
    pubs = tuple(request.pubs[pub].taken(start, stop) for pub, start, stop in pieces)
    part = evolve(request, pubs=pubs)
    share = math.ceil(part.rows / request.rows * request.max_execution_time)
    least = min(_LEAST_SECONDS, request.max_execution_time)
    return evolve(part, max_execution_time=max(share, least))


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
