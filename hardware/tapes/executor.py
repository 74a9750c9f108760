"""Executors: circuits with rows of angles go to a backend, and outcomes come back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Self, TypeAlias, final

import numpy as np
from attrs import define, evolve, field, fields, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.tapes.outcomes import Counts, Reals, RowIndex


@define
class Counters:
    """Counts of what went to a backend.

    Args:
        jobs: Jobs submitted; a local call is one job.
        pubs: Circuits sent, each with all its rows.
        rows: RowIndex of angles sent.
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


@frozen(eq=False)
class Pub:
    """One parametrised circuit with all its rows of angles.

    Args:
        circuit: A circuit as its `Circuits` made it, a value of the vendor's: on
            `num_qubits` qubits, as many as the structure has wires, qubit i being wire
            position i. Its parameters, in its own order, are the columns of `angles`.
            For `sample` it measures into `num_clbits` bits; for `estimate` and `states`
            it measures nothing.
        angles: Numbers of the parameters, (rows, parameters).
        digest: Content of the circuit as a hexadecimal SHA-256, the same in every
            process and for equal circuits only.
        observables: What `estimate` estimates, as its `Circuits` made it.
        calibrates: Whether it only tells how bits are misread: in rows of the angle π
            all of them are to read 1, in others 0.
    """

    circuit: Any
    angles: NDArray[np.float64]
    digest: str
    observables: tuple[Any, ...] = field(default=())
    calibrates: bool = False

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

    values: Reals
    errors: Reals

    def __getitem__(self, rows: RowIndex) -> Estimates:
        """Those of some rows."""
        return Estimates(self.values[rows], self.errors[rows])


def no_counts(pub: Pub, shots: int) -> Counts:
    """Counts of nothing but zeros; those of a calibration are as they should be.

    Args:
        pub: A circuit that measures.
        shots: Shots of every row.
    """
    bits = np.zeros((pub.rows, pub.circuit.num_clbits), dtype=np.uint8)
    if pub.calibrates:
        bits |= pub.angles > 0
    return Counts.constant(bits, shots)


def no_estimates(pub: Pub) -> Estimates:
    """Estimates that are all zero.

    Args:
        pub: A circuit with observables.
    """
    zeros = np.zeros((pub.rows, len(pub.observables)))
    return Estimates(zeros, zeros)


def no_probabilities(pub: Pub) -> Reals:
    """Probabilities that are all zero; those of a calibration are as they should be.

    Args:
        pub: A circuit that measures.

    Returns:
        (rows, 2ᵇ) for b classical bits.
    """
    table = np.zeros((pub.rows, 2**pub.circuit.num_clbits))
    if pub.calibrates:
        table[:, 0], table[:, -1] = 1 - (pub.angles > 0).T, (pub.angles > 0).T
    return table


class Executor(ABC):
    """Runs pubs on one backend; all pubs of a call go together.

    What a backend cannot do is refused.

    ---- to be implemented: `counters`, `sample` ----
    """

    _seeds = Seeds()

    @property
    def name(self) -> str:
        """What messages call the backend."""
        return "this backend"

    @property
    def seeds(self) -> Seeds:
        """Where random numbers come from that are sampled here."""
        return self._seeds

    def seeded(self, seeds: Seeds) -> Self:
        """The same executor with other random numbers; it shares all but those.

        Args:
            seeds: Where they come from.

        Returns:
            Another executor; this one where shots are sampled elsewhere, as on a
            machine.
        """
        twin = copy(self)
        twin._seeds = seeds
        return twin

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

    def check(self, num_wires: int, *, exact: bool) -> None:
        """Refuses what the backend cannot run, as far as it is known without asking.

        Args:
            num_wires: Wires of a circuit.
            exact: Whether exact results are asked for.

        Raises:
            TargetError: It cannot.
        """
        if exact and type(self).probabilities is Executor.probabilities:
            Executor.probabilities(self, ())

    @abstractmethod
    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Counts]:
        """Samples outcomes.

        Args:
            pubs: Circuits that measure.
            shots: Shots of every row.

        Returns:
            For each pub how often each outcome occurred.
        """

    def estimates(self, *, exact: bool) -> bool:
        """Whether the backend has an estimator of its own.

        Else expectation values are read from outcomes of a few bases.

        Args:
            exact: Whether exact values are asked for, or those of shots.
        """
        return False

    def estimate(self, pubs: Sequence[Pub], shots: int | None) -> list[Estimates]:
        """Estimates the pubs' observables.

        Args:
            pubs: Circuits that do not measure, with observables.
            shots: Shots of every row and basis; None for exact values.

        Returns:
            For each pub its estimates.

        Raises:
            TargetError: The backend has no such estimator.
        """
        raise TargetError(
            f"route: {self.name} has no estimator of its own; use route='sampler'"
        )

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
        raise TargetError(
            f"shots: {self.name} gives no states, got shots=None; set shots=1000, say, "
            "or use the backend 'aer'"
        )

    def probabilities(self, pubs: Sequence[Pub]) -> list[Reals]:
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
            f"shots: {self.name} has no exact results, got shots=None; set shots=1000, "
            "say, or use the backend 'aer'"
        )


Note: TypeAlias = Callable[[Any, Sequence[Pub], int | None], None]
"""What is told of a call: "sample", "estimate", "states" or "probabilities", its pubs,
and its shots; None for exact results."""


@final
class SilentExecutor(Executor):
    """Sends nothing to nobody: all results are zero.

    Args:
        like: The executor that it stands in for.
        note: Told of every call before it returns.
    """

    def __init__(self, like: Executor, note: Note = lambda *_: None) -> None:
        self._name = like.name
        self._counters = Counters()
        self._exact = like.estimates(exact=True)
        self._with_shots = like.estimates(exact=False)
        self._note = note

    @property
    def name(self) -> str:
        """The other one's name."""
        return self._name

    @property
    def counters(self) -> Counters:
        """Nothing was done."""
        return self._counters

    def estimates(self, *, exact: bool) -> bool:
        """Whether the other one does; see `Executor.estimates`."""
        return self._exact if exact else self._with_shots

    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Counts]:
        """Zeros; see `Executor.sample`."""
        self._note("sample", pubs, shots)
        return [no_counts(pub, shots) for pub in pubs]

    def estimate(self, pubs: Sequence[Pub], shots: int | None) -> list[Estimates]:
        """Zeros; see `Executor.estimate`."""
        self._note("estimate", pubs, shots)
        return [no_estimates(pub) for pub in pubs]

    def states(self, pubs: Sequence[Pub]) -> list[NDArray[np.complex128]]:
        """Zeros; see `Executor.states`."""
        self._note("states", pubs, None)
        shapes = [(pub.rows, 2**pub.circuit.num_qubits) for pub in pubs]
        return [np.zeros(shape, dtype=complex) for shape in shapes]

    def probabilities(self, pubs: Sequence[Pub]) -> list[Reals]:
        """Zeros; see `Executor.probabilities`."""
        self._note("probabilities", pubs, None)
        return [no_probabilities(pub) for pub in pubs]
