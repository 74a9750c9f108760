"""Exact evolution of vectors of amplitudes, beside which networks are judged."""

from __future__ import annotations

import math
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import expm_multiply

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count, check_number, validate_call
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.samplers import FullSummation
from qml_qdl.manybody.sectors import Sector, check_memory
from qml_qdl.manybody.states.state import NeuralState
from qml_qdl.manybody.states.vector import VectorState

MOST_EXACT = 14
"""Sites that are evolved exactly unless more are asked for."""

_VECTORS = 12
"""Vectors that a step takes at once, about."""


class ExactDynamics:
    """ψ(t) = exp(−iHt) ψ(0) in a sector, or exp(−Ht) ψ(0) normalised.

    Each step is `expm_multiply` of SciPy on the sparse matrix of the sector (Al-Mohy
    and Higham, SIAM J. Sci. Comput. 33, 488 (2011)), right to rounding.

    Args:
        operator: H.
        start: ψ(0): amplitudes in the basis of the sector, (states,), as `ground_state`
            has them; or a state, of which those are taken.
        sector: The sector; None for all configurations.
        imaginary: Whether time is imaginary.
        most_sites: Sites that are allowed; more take twice the memory and time each.

    Raises:
        ArgumentError: There are more sites, H does not conserve the numbers of the
            sector, or the amplitudes vanish or are not finite.
        MemoryBoundError: Matrix and vectors do not fit into memory; it is raised before
            they are made, with the bytes they need.
        ShapeError: There are more or fewer amplitudes than states.

    Example:
        >>> import pennylane as qml
        >>> dynamics = ExactDynamics(SpinOperator.of(qml.X(0)), [1, 0])
        >>> dynamics.advance(math.pi / 4)
        >>> round(dynamics.expectation(SpinOperator.of(qml.Z(0))), 6) + 0.0
        0.0
    """

    @validate_call
    def __init__(
        self,
        operator: SpinOperator,
        start: Any,
        sector: Sector | None = None,
        *,
        imaginary: bool = False,
        most_sites: int = MOST_EXACT,
    ) -> None:
        check_count("most_sites", most_sites)
        operator.check_numbered()
        sector = Sector(operator.num_sites) if sector is None else sector
        operator.check_sector(sector)
        vectors = 16 * _VECTORS * sector.expected_states
        what = (
            f"operator: {operator.num_sites} sites, {sector.expected_states:,} states"
        )
        needed = operator.matrix_bytes(sector) + vectors
        if operator.num_sites > most_sites:
            raise ArgumentError(
                f"{what}, of which matrix and vectors take {needed:,} bytes; expected "
                f"at most {most_sites} sites, as each further one takes twice as much: "
                f"ask for them with most_sites={operator.num_sites}, or conserve more "
                "numbers"
            )
        check_memory(
            what,
            needed,
            "conserve more numbers (magnetisation, …), or take fewer sites",
        )
        self.sector = sector
        self._sum = FullSummation(sector)
        if isinstance(start, NeuralState):
            start = self._amplitudes(start)
        vector = VectorState(start, sector).vector.astype(complex)
        self.imaginary = imaginary
        self.time = 0.0
        self.vector: NDArray[np.complex128] = vector / np.linalg.norm(vector)
        factor = -1.0 if imaginary else -1j
        self._generator = factor * operator.matrix(sector)
        self._trace = self._generator.trace()
        self._matrices = WeakKeyDictionary[SpinOperator, Any]()

    @validate_call
    def advance(self, time: float) -> None:
        """Goes on to a later time.

        Args:
            time: t, not before that of the last call.

        Raises:
            ArgumentError: The time is past, or not finite.
        """
        check_number("time", time, -math.inf, math.inf)
        if time < self.time:
            raise ArgumentError(
                f"time: expected one from {self.time:g} on, got {time!r}; make another "
                "ExactDynamics to begin anew"
            )
        if time > self.time:
            length = time - self.time
            found = expm_multiply(
                length * self._generator, self.vector, traceA=length * self._trace
            )
            self.vector = found / np.linalg.norm(found)
            self.time = time

    @property
    def state(self) -> VectorState:
        """ψ(t)."""
        return VectorState(self.vector, self.sector)

    @validate_call
    def expectation(self, operator: SpinOperator) -> float:
        """`⟨ψ(t)|A|ψ(t)⟩` of an operator A that stays in the sector.

        Args:
            operator: A.

        Raises:
            ArgumentError: It does not conserve the numbers of the sector.
        """
        if operator not in self._matrices:
            self._matrices[operator] = operator.matrix(self.sector)
        applied = self._matrices[operator] @ self.vector
        return float(np.vdot(self.vector, applied).real)

    @validate_call
    def infidelity(self, state: NeuralState) -> float:
        """1 − `|⟨ψ(t)|φ⟩|²`/`⟨φ|φ⟩` of another state φ.

        Args:
            state: φ, of which amplitudes outside the sector do not count.

        Returns:
            0 … 1, by summation over the sector.

        Raises:
            ArgumentError: The state has not the symmetries of the sector.
        """
        inside = self._amplitudes(state)
        overlap = abs(np.vdot(self.vector, inside)) ** 2
        return float(1 - overlap / np.vdot(inside, inside).real)

    def _amplitudes(self, state: NeuralState) -> NDArray[np.complex128]:
        """Those of a state in the basis of the sector, up to a factor."""
        log = self._sum.sample(state).log_amplitudes
        assert log is not None
        found = (log - log.real.max()).to(torch.complex128).exp()
        return np.asarray(found.numpy() * np.sqrt(self.sector.multiplicities))
