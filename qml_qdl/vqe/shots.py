"""How many shots an energy needs, group by group of words that are read together."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_number, validate_call
from qml_qdl.hardware.tapes.bases import group_settings
from qml_qdl.manybody import Problem, Sector
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.vqe.molecules import CHEMICAL_ACCURACY


@frozen(eq=False)
class ShotPlan:
    """Shots for an energy within a standard error.

    Args:
        error: The standard error, in units of the energy.
        deviations: The standard deviation of a shot in each group of words, (groups,).
    """

    error: float
    deviations: NDArray[np.float64] = field(repr=False)

    @property
    def equal(self) -> float:
        """G Σσ²/ε² shots in all, as many for each of G groups, as targets take them."""
        squares = float(np.square(self.deviations).sum())
        return len(self.deviations) * squares / self.error**2

    @property
    def optimal(self) -> float:
        """(Σσ/ε)² shots in all, the fewest, with shares in proportion to σ."""
        return (float(self.deviations.sum()) / self.error) ** 2


@validate_call
def plan_shots(
    problem: Problem, state: NDArray[Any], error: float = CHEMICAL_ACCURACY
) -> ShotPlan:
    """Shots that an energy needs, from the exact variance of each group of words.

    Words that have the same letter on each wire they share are read in one circuit, in
    the groups that targets with shots make. The variance of a group's sum is that of a
    shot, covariances of its words among each other included.

    Args:
        problem: H and its sector.
        state: The state, in the problem's sector or on all wires.
        error: The standard error to reach, in units of the energy.

    Returns:
        The plan.

    Raises:
        ArgumentError: The error is not above 0, or the state is not normalised.
        MemoryBoundError: The amplitudes on all wires do not fit into memory.
        ShapeError: The state has another number of amplitudes.

    Example:
        >>> from qml_qdl.vqe import Molecule, adapt
        >>> problem = Molecule.named("H2").problem()
        >>> plan = plan_shots(problem, adapt(problem).state)
        >>> print(len(plan.deviations), f"{plan.equal:.1e} {plan.optimal:.1e}")
        5 7.6e+04 4.9e+04
    """
    check_number("error", error)
    operator, count = problem.operator, problem.num_sites
    check_memory(
        f"problem: amplitudes of {count} sites", 64 * 2**count, "take fewer sites"
    )
    amplitudes = np.asarray(state)
    if amplitudes.shape != (2**count,):
        sector = problem.configurations
        if amplitudes.shape != (sector.num_states,):
            raise ShapeError(
                f"state: expected {sector.num_states} amplitudes, or {2**count} of all "
                f"wires, got an array of shape {amplitudes.shape}"
            )
        whole = np.zeros(2**count, amplitudes.dtype)
        whole[sector.states.astype(int)] = amplitudes
        amplitudes = whole
    if abs(np.linalg.norm(amplitudes) - 1) > 1e-6:
        raise ArgumentError(
            f"state: expected a norm of 1, got {np.linalg.norm(amplitudes):.6g}; "
            "divide by it"
        )
    letters = np.array([["I", "Z"], ["X", "Y"]])
    names = letters[operator.flipped.astype(int), operator.signs.astype(int)]
    wanted = [{k: str(c) for k, c in enumerate(row) if c != "I"} for row in names]
    moving = [row for row, setting in enumerate(wanted) if setting]
    groups, of = group_settings([wanted[row] for row in moving])
    states = Sector(count).states
    bits = (np.uint64(1) << np.arange(count, dtype=np.uint64))[::-1]
    images = np.zeros(len(states), complex)
    deviations = np.zeros(len(groups))
    for number in range(len(groups)):
        images[:] = 0
        for row, group in zip(moving, of, strict=True):
            if group == number:
                # ⟨s|P|s'⟩ as in `SpinOperator`.
                flips = (operator.flipped[row] * bits).sum(dtype=np.uint64)
                signs = (operator.signs[row] * bits).sum(dtype=np.uint64)
                odd = np.bitwise_count(states & signs) & 1
                values = operator.coefficients[row] * (1.0 - 2.0 * odd)
                images += values * amplitudes[(states ^ flips).astype(int)]
        mean = np.vdot(amplitudes, images).real
        # Rounding may take the variance of what is certain below zero.
        square = max(0.0, np.vdot(images, images).real - mean**2)
        deviations[number] = np.sqrt(square)
    return ShotPlan(error, deviations)
