"""Shift rules on angles: which other rows give a gradient, and how.

All shifted rows are rows of the same structure: beside the given ones they make one
larger pub. A gradient is that of columns (`readout.py`), which are linear in the state.

A gate exp(iθG) makes a value f(θ) = Σ_ω (a_ω cos ωθ + b_ω sin ωθ) + c, with one
frequency ω for each difference of G's eigenvalues. So f'(θ) is a sum Σ cₚ f(θ + sₚ)
with fixed c and s, two for each frequency: for one frequency ω and a shift s,

    f(θ+s) − f(θ−s) = 2 sin(ωs) f'(θ)/ω,    f'(θ) = ω (f(θ+s) − f(θ−s)) / (2 sin ωs),

and ωs = π/2 makes the divisor largest, hence the noise of shots smallest (Wierichs et
al. 2022, arXiv:2107.12390). It holds for each gate by itself, whatever the others do.

SPSA moves all angles at once by ±h along random signs d. As E[dₛdₜ] is 1 for s = t and
else 0, E[dₛ (f(θ+hd) − f(θ−hd)) / 2h] = Σₜ E[dₛdₜ] ∂ₜf + O(h²) = ∂ₛf + O(h²).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pennylane as qml
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.structure import Structure
from qml_qdl.hardware.tapes.outcomes import Reals


@frozen(eq=False)
class Stencil(ABC):
    """Rows around given ones, and the gradients they tell.

    ---- to be implemented: `rows`, `gradients` ----
    """

    @abstractmethod
    def rows(self, angles: Reals) -> Reals:
        """The rows to run.

        Args:
            angles: (rows, slots).

        Returns:
            (points · rows, slots), point by point.
        """

    @abstractmethod
    def gradients(self, columns: Reals) -> Reals:
        """The gradients.

        Args:
            columns: (..., points · rows, width) of the stencil's rows.

        Returns:
            (..., rows, slots, width) for the slots that need one.
        """


@frozen(eq=False)
class ParameterShifts(Stencil):
    """The parameter-shift rule, each gate by its own frequencies: exact.

    Args:
        slots: The slots that need a gradient.
        terms: For each of them (terms, 2): factors and shifts; none where the slot
            changes nothing.
    """

    slots: tuple[int, ...]
    terms: tuple[Reals, ...]

    @classmethod
    def of(cls, structure: Structure, slots: Sequence[int]) -> ParameterShifts:
        """The shifts for some slots of a structure.

        Args:
            structure: The structure.
            slots: The slots that need a gradient.

        Returns:
            The stencil.

        Raises:
            TargetError: A gate has no shift rule.
        """
        place = {
            slot: (gate.operation, number)
            for gate in structure.gates
            for number, slot in enumerate(gate.slots)
        }
        return cls(tuple(slots), tuple(shift_terms(*place[slot]) for slot in slots))

    @cached_property
    def _points(self) -> tuple[NDArray[np.intp], Reals, NDArray[np.intp]]:
        """For each point which slot is shifted, and its factor and shift.

        Then those of the slots, by place, that have points, and where theirs begin.
        """
        sizes = np.array([len(terms) for terms in self.terms], dtype=np.intp)
        moved = np.repeat(np.array(self.slots, dtype=np.intp), sizes)
        terms = np.concatenate([np.zeros((0, 2)), *self.terms])
        starts = np.cumsum(sizes) - sizes
        return moved, terms, np.stack([sizes.nonzero()[0], starts[sizes > 0]])

    def rows(self, angles: Reals) -> Reals:
        """The rows to run."""
        moved, terms, _ = self._points
        shifted = np.tile(angles, (len(moved), 1, 1))
        shifted[np.arange(len(moved)), :, moved] += terms[:, 1:]
        return shifted.reshape(-1, angles.shape[1])

    def gradients(self, columns: Reals) -> Reals:
        """The gradients."""
        _, terms, (places, starts) = self._points
        *leading, rows, width = columns.shape
        rows //= max(1, len(terms))
        result = np.zeros((*leading, rows, len(self.slots), width))
        if len(places):
            values = columns.reshape(*leading, len(terms), rows, width)
            weighted = values * terms[:, 0, None, None]
            sums = np.add.reduceat(weighted, starts, axis=-3)
            result[..., places, :] = sums.swapaxes(-2, -3)
        return result


def has_shifts(operation: Any) -> bool:
    """Whether all numbers of a gate have a shift rule.

    Args:
        operation: A PennyLane operation.

    Example:
        >>> import pennylane as qml
        >>> has_shifts(qml.CRX(0.1, [0, 1])), has_shifts(qml.QubitUnitary(np.eye(2), 0))
        (True, False)
    """
    if any(operation.ndim_params):
        return False
    try:
        for number in range(operation.num_params):
            shift_terms(operation, number)
    except TargetError:
        return False
    return True


def shift_terms(operation: Any, number: int) -> Reals:
    """The shift rule of one of a gate's numbers.

    Args:
        operation: A PennyLane operation.
        number: Which of its numbers.

    Returns:
        (terms, 2): the derivative is the sum of factor times value at the shifted
        angle; no terms where it is zero.

    Raises:
        TargetError: The gate has no shift rule.

    Example:
        >>> import pennylane as qml
        >>> [[round(float(x), 3) for x in t] for t in shift_terms(qml.RX(0, 0), 0)]
        [[0.5, 1.571], [-0.5, -1.571]]
    """
    if operation.name == "GlobalPhase":
        return np.zeros((0, 2))
    try:
        if type(operation) is qml.ops.Exp:  # of a complex number, no angle
            raise qml.operation.ParameterFrequenciesUndefinedError
        frequencies = operation.parameter_frequencies[number]
    except qml.operation.ParameterFrequenciesUndefinedError as error:
        raise TargetError(
            f"circuit: {operation.name} has no parameter-shift rule; detach its "
            "numbers, use SPSA (gradient='spsa' of the device qdl.qiskit, diff_method "
            "elsewhere), or write it as rotations"
        ) from error
    return _rule(tuple(float(f) for f in frequencies))


@lru_cache(maxsize=256)
def _rule(frequencies: tuple[float, ...]) -> Reals:
    # Sorted, since PennyLane's rules for one set of frequencies depend on their order.
    terms: Any = qml.gradients.generate_shift_rule(tuple(sorted(frequencies)))
    return np.asarray(terms, dtype=float)


@frozen(eq=False)
class RandomDirections(Stencil):
    """Simultaneous perturbation (SPSA): two rows for each direction.

    An estimate of the gradient, right on average up to terms of order step². (Spall,
    IEEE Trans. Autom. Control 37, 332, 1992.)

    Args:
        slots: The slots that need a gradient.
        directions: (directions, rows, len(slots)) of 1 and −1.
        step: How far to go, in radians.
    """

    slots: tuple[int, ...]
    directions: Reals = field(repr=False)
    step: float

    @classmethod
    def sample(
        cls, angles: Reals, slots: Sequence[int], count: int, step: float, seed: int
    ) -> RandomDirections:
        """Samples directions: the same ones for the same seed.

        Args:
            angles: (rows, slots).
            slots: The slots that need a gradient.
            count: Number of directions.
            step: How far to go, in radians.
            seed: Where random numbers begin; another one for every estimate, or the
                estimates of equal angles would not average.

        Returns:
            The stencil.
        """
        rng = np.random.default_rng(seed)
        signs = rng.integers(0, 2, (count, len(angles), len(slots)))
        return cls(tuple(slots), (2 * signs - 1).astype(np.float64), step)

    def rows(self, angles: Reals) -> Reals:
        """The rows to run."""
        shifted = np.tile(angles, (2, len(self.directions), 1, 1))
        shifted[0][:, :, self.slots] += self.step * self.directions
        shifted[1][:, :, self.slots] -= self.step * self.directions
        return shifted.reshape(-1, angles.shape[1])

    def gradients(self, columns: Reals) -> Reals:
        """The gradients."""
        count, rows, _ = self.directions.shape
        *leading, _, width = columns.shape
        there, back = np.moveaxis(
            columns.reshape(*leading, 2, count, rows, width), -4, 0
        )
        slopes = (there - back) / (2 * self.step * count)
        result: Reals = np.einsum("...drw,drs->...rsw", slopes, self.directions)
        return result
