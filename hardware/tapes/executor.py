"""What goes to a backend, and what comes back: circuits with rows of angles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias, final

import numpy as np
from attrs import define, evolve, field, fields, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import TargetError


@define
class Counters:
    """Counts of what went to a backend.

    Args:
        jobs: Jobs submitted; a local call is one job.
        pubs: Circuits sent, each with all its rows.
        rows: Rows of angles sent.
        transpilations: Circuits transpiled anew; one found in a cache is not counted.
        qpu_seconds: Seconds of a quantum processor, as its owner counts them.

    Example:
        >>> counters = Counters()
        >>> before = counters.copy()
        >>> counters.jobs += 1
        >>> counters.difference(before).jobs
        1
    """

    jobs: int = 0
    pubs: int = 0
    rows: int = 0
    transpilations: int = 0
    qpu_seconds: float = 0.0

    def copy(self) -> Counters:
        """These counts, no longer changing.

        Returns:
            A copy.
        """
        return evolve(self)

    def difference(self, before: Counters) -> Counters:
        """What was done since an earlier copy.

        Args:
            before: The earlier counts.

        Returns:
            These counts minus the earlier ones.
        """
        return Counters(
            **{
                one.name: getattr(self, one.name) - getattr(before, one.name)
                for one in fields(Counters)
            }
        )


Bits: TypeAlias = NDArray[np.uint8]
"""Outcomes 0 and 1, (rows, shots, bits): bit j is the circuit's j-th classical bit."""


@frozen(eq=False)
class Pub:
    """One parametrised circuit with all its rows of angles.

    Args:
        circuit: A circuit on as many qubits as the structure has wires, qubit i being
            wire position i. Its parameters, sorted as `circuit.parameters` sorts them,
            are the columns of `angles`. It measures into its classical bits for
            `sample`; for `estimate` and `states` it measures nothing.
        angles: Numbers of the parameters, (rows, parameters).
        digest: Content of the circuit as a hexadecimal SHA-256, the same in every
            process and for equal circuits only.
        observables: What `estimate` estimates, on the circuit's qubits in Qiskit's
            order (the last letter of a label is qubit 0).
    """

    circuit: Any
    angles: NDArray[np.float64]
    digest: str
    observables: tuple[Any, ...] = field(default=())

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.angles)


@frozen(eq=False)
class Estimates:
    """Expectation values with their standard errors.

    Args:
        values: (rows, observables).
        errors: Standard errors, (rows, observables); zero where values are exact.
    """

    values: NDArray[np.float64]
    errors: NDArray[np.float64]


def no_bits(pub: Pub, shots: int) -> Bits:
    """Outcomes that are all zero, without the memory that so many would take.

    Args:
        pub: A circuit that measures.
        shots: Shots of every row.

    Returns:
        (rows, shots, bits), not to be written to.
    """
    return np.broadcast_to(np.uint8(0), (pub.rows, shots, pub.circuit.num_clbits))


def no_estimates(pub: Pub) -> Estimates:
    """Estimates that are all zero.

    Args:
        pub: A circuit with observables.
    """
    zeros = np.zeros((pub.rows, len(pub.observables)))
    return Estimates(zeros, zeros)


def no_probabilities(pub: Pub) -> NDArray[np.float64]:
    """Probabilities that are all zero.

    Args:
        pub: A circuit that measures.

    Returns:
        (rows, 2ᵇ) for b classical bits.
    """
    return np.zeros((pub.rows, 2**pub.circuit.num_clbits))


class Executor(ABC):
    """Runs pubs on one backend; all pubs of a call go together.

    ---- to be implemented: `counters`, `sample`, `estimate`, `states` ----
    """

    @property
    @abstractmethod
    def counters(self) -> Counters:
        """What was done so far."""

    @property
    def machine(self) -> Any:
        """What tells the costs of jobs, a `hardware.jobs` `Machine`; None without one.

        It is the machine that runs the pubs, or that is simulated.
        """
        return None

    @property
    def sender(self) -> Any:
        """What sends its jobs through a journal; None where nothing does."""
        return None

    @abstractmethod
    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Bits]:
        """Draws outcomes.

        Args:
            pubs: Circuits that measure.
            shots: Shots of every row.

        Returns:
            For each pub its outcomes, (rows, shots, bits).
        """

    @abstractmethod
    def estimate(self, pubs: Sequence[Pub], shots: int | None) -> list[Estimates]:
        """Estimates the pubs' observables.

        Args:
            pubs: Circuits that do not measure, with observables.
            shots: Shots of every row and basis; None for exact values.

        Returns:
            For each pub its estimates.

        Raises:
            TargetError: Exact values were asked of a machine.
        """

    @abstractmethod
    def states(self, pubs: Sequence[Pub]) -> list[NDArray[np.complex128]]:
        """The exact states, wire 0 being the most significant bit.

        Args:
            pubs: Circuits that do not measure.

        Returns:
            For each pub state vectors (rows, 2ⁿ), or density matrices (rows, 2ⁿ, 2ⁿ)
            where the backend has noise.

        Raises:
            TargetError: The backend is no simulator of such states.
        """

    def probabilities(self, pubs: Sequence[Pub]) -> list[NDArray[np.float64]]:
        """The exact probabilities of all outcomes.

        Args:
            pubs: Circuits that measure.

        Returns:
            For each pub (rows, 2ᵇ) for b classical bits, errors of reading included;
            bit j of an outcome's number is the circuit's j-th classical bit.

        Raises:
            TargetError: The backend has no exact results.
        """
        raise TargetError(
            "shots: this backend has no exact results, got shots=None; pass "
            "shots=1000, say, or use the backend 'aer'"
        )


@final
class SilentExecutor(Executor):
    """Sends nothing to nobody: all results are zero."""

    def __init__(self) -> None:
        self._counters = Counters()

    @property
    def counters(self) -> Counters:
        """Nothing was done."""
        return self._counters

    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Bits]:
        """Zeros; see `Executor.sample`."""
        return [no_bits(pub, shots) for pub in pubs]

    def estimate(self, pubs: Sequence[Pub], shots: int | None) -> list[Estimates]:
        """Zeros; see `Executor.estimate`."""
        return [no_estimates(pub) for pub in pubs]

    def states(self, pubs: Sequence[Pub]) -> list[NDArray[np.complex128]]:
        """Zeros; see `Executor.states`."""
        shapes = [(pub.rows, 2**pub.circuit.num_qubits) for pub in pubs]
        return [np.zeros(shape, dtype=complex) for shape in shapes]

    def probabilities(self, pubs: Sequence[Pub]) -> list[NDArray[np.float64]]:
        """Zeros; see `Executor.probabilities`."""
        return [no_probabilities(pub) for pub in pubs]
