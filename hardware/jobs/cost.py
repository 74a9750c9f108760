"""Costs and limits of jobs, before they are sent."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from attrs import frozen

from qml_qdl.circuits.errors import BudgetError, TargetError
from qml_qdl.hardware.jobs.records import Piece


@frozen
class Allowance:
    """What a user of a service may usually spend.

    Args:
        name: What it is called, such as "the Open plan".
        seconds: QPU seconds.
    """

    name: str
    seconds: float


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
        allowance: What the user may usually spend; None where that is not known.
    """

    jobs: int = 0
    circuits: int = 0
    rows: int = 0
    executions: int = 0
    two_qubit_depth: int = 0
    seconds: float = 0.0
    calibrations: int = 0
    fixed_seconds: float = 0.0
    allowance: Allowance | None = None

    @property
    def share(self) -> float | None:
        """Which part of the allowance that is; 1 is all of it, None without one."""
        return None if self.allowance is None else self.seconds / self.allowance.seconds

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
            self.allowance or other.allowance,
        )


@frozen
class Limits:
    """What a service takes in one job; all there is, unless it says less.

    Args:
        executions: Rows times shots, all pubs together.
        instructions: Instructions on any one qubit, all rows together.
    """

    executions: int = sys.maxsize
    instructions: int = sys.maxsize


@frozen
class RowCost:
    """What one row of a pub takes of a job.

    Args:
        executions: Shots, times the settings that each row is measured in.
        instructions: Instructions on the busiest qubit, all settings together.
    """

    executions: int
    instructions: int = 0


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
    share = ""
    if cost.allowance is not None:
        minutes = f"{cost.allowance.seconds / 60:g} minutes"
        share = f", {cost.share:.0%} of {cost.allowance.name}'s {minutes}"
    less = (
        f"send at most {rows:,} rows at once (limit=… or batch_size=…), "
        if rows
        else ""
    )
    enough = math.ceil(cost.seconds)
    raise BudgetError(
        f"max_qpu_seconds: {cost.executions:,} executions ({cost.rows:,} rows) would "
        f"take about {cost.seconds:,.0f} QPU seconds{share}, but {max_qpu_seconds:g} "
        f"are allowed; {less}or allow them: max_qpu_seconds={enough}",
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
