"""Batches: many tapes as few pubs, sent in one call, and what comes back, handed out.

Requests of equal structure, measured in the same basis, become one pub that has the
rows of all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.plan import Structure
from qml_qdl.hardware.tapes.bases import NO_BASIS, Basis, PauliSum
from qml_qdl.hardware.tapes.executor import (
    Bits,
    Estimates,
    Executor,
    Pub,
    no_bits,
    no_estimates,
    no_probabilities,
)
from qml_qdl.hardware.tapes.outcomes import (
    Histogram,
    Outcomes,
    Reals,
    outcomes_of,
)
from qml_qdl.hardware.tapes.readout import Readout


def read_columns(
    readout: Readout,
    rows: int,
    outcomes: Sequence[Outcomes | None],
    estimates: NDArray[np.float64] | None,
) -> Reals:
    """The columns of what was measured.

    Args:
        readout: What was to be read.
        rows: Number of rows.
        outcomes: For each basis what came; None where it was not measured.
        estimates: (rows, sums) what the estimator gave.

    Returns:
        (rows, width).
    """
    columns = np.tile(readout.constants, (rows, 1))
    if estimates is not None and readout.sums:
        columns[:, [column for column, _ in readout.sums]] = estimates
    for part in readout.parts:
        found = outcomes[part.basis]
        assert found is not None
        values = part.read(found)
        columns[:, part.column : part.column + values.shape[1]] += values
    return columns


def column_errors(
    readout: Readout,
    rows: int,
    shots: int | None,
    outcomes: Sequence[Outcomes | None],
    estimates: NDArray[np.float64] | None,
) -> Reals:
    """The standard errors of columns.

    Args:
        readout: What was read.
        rows: Number of rows.
        shots: Shots of each basis; None where results are exact.
        outcomes: For each basis what came.
        estimates: (rows, sums) the estimator's errors.

    Returns:
        (rows, width); zero where results are exact, NaN where a single shot tells
        nothing of its error.
    """
    squares = np.zeros((rows, readout.width))
    if estimates is not None and readout.sums:
        squares[:, [column for column, _ in readout.sums]] = estimates**2
    if shots is not None:
        for part in readout.parts:
            found = outcomes[part.basis]
            assert found is not None
            variances = np.maximum(part.variances(found), 0.0)
            scale = 1 / (shots - 1) if shots > 1 else np.nan
            last = part.column + variances.shape[1]
            squares[:, part.column : last] += variances * scale
    return np.sqrt(squares)


@frozen(eq=False)
class Converted:
    """A structure as a circuit that is read in a basis.

    Args:
        circuit: The circuit; it measures the basis' wires, or nothing.
        digest: Its digest.
        extra: Angles that the basis adds to those of the structure.
        used: Which of all angles are the circuit's parameters, in their order.
        phases: For each slot of a global phase, which the circuit has not, its factor.
    """

    circuit: Any
    digest: str
    extra: Reals
    used: tuple[int, ...]
    phases: dict[int, float]

    def parameters(self, angles: Reals) -> Reals:
        """The numbers of the circuit's parameters.

        Args:
            angles: (rows, slots) of the structure.

        Returns:
            (rows, parameters).
        """
        extra = np.broadcast_to(self.extra, (len(angles), len(self.extra)))
        return np.concatenate([angles, extra], axis=1)[:, self.used]

    def phase(self, angles: Reals) -> NDArray[np.complex128]:
        """The global phases that the circuit leaves out.

        Args:
            angles: (rows, slots) of the structure.

        Returns:
            (rows,) factors of the states.
        """
        total = np.zeros(len(angles))
        for slot, factor in self.phases.items():
            total += factor * angles[:, slot]
        phases: NDArray[np.complex128] = np.exp(1j * total)
        return phases


class Circuits(ABC):
    """Structures as the circuits of one kind of backend, converted once.

    ---- to be implemented: `get`, `operator` ----
    """

    @abstractmethod
    def get(self, structure: Structure, basis: Basis, measured: bool) -> Converted:
        """The circuit of a structure, read in a basis.

        Args:
            structure: The structure.
            basis: The basis.
            measured: Whether the circuit measures the basis' wires.

        Returns:
            The circuit and what its angles are.
        """

    @abstractmethod
    def operator(self, observable: PauliSum, num_wires: int) -> Any:
        """An observable as an estimator of such backends takes it.

        Args:
            observable: The observable, on wire positions.
            num_wires: Wires of the circuit.

        Returns:
            The backend's own kind of operator.
        """


@frozen(eq=False)
class Request:
    """What one tape asks for.

    Args:
        structure: Its circuit, on wire positions.
        angles: (rows, slots).
        readout: What is read of it.
        only_columns: Whether samples and states are left out.
    """

    structure: Structure
    angles: Reals
    readout: Readout
    only_columns: bool = False

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.angles)


@frozen(eq=False)
class Answer:
    """What came back for one request, NaN where the angles were not finite.

    Args:
        readout: What was asked for.
        estimates: (rows, sums), from an estimator.
        errors: Standard errors of these.
        bits: For each basis (rows, shots, bits), from a sampler.
        states: State vectors or density matrices, where they are asked for.
        distributions: For each basis the exact probabilities, where there are no shots.
        lost: (rows,) which rows had angles that were not finite.
    """

    readout: Readout
    lost: NDArray[np.bool_]
    estimates: Reals | None = None
    errors: Reals | None = None
    bits: dict[int, Bits] = field(factory=dict)
    states: NDArray[np.complex128] | None = None
    distributions: dict[int, Outcomes] = field(factory=dict)

    def columns(self, first: int = 0, last: int | None = None) -> Reals:
        """The readout's columns.

        Args:
            first: The first shot that counts.
            last: The one after the last; None for all.

        Returns:
            (rows, width).
        """
        return self._spoilt(
            read_columns(
                self.readout,
                len(self.lost),
                self._outcomes(first, last),
                self.estimates,
            )
        )

    def column_errors(self, shots: int | None) -> Reals:
        """Their standard errors.

        Args:
            shots: Shots of each basis; None where results are exact.

        Returns:
            (rows, width).
        """
        outcomes = self._outcomes(0, None)
        rows = len(self.lost)
        return self._spoilt(
            column_errors(self.readout, rows, shots, outcomes, self.errors)
        )

    def _outcomes(self, first: int, last: int | None) -> list[Outcomes | None]:
        found: list[Outcomes | None] = []
        for number, basis in enumerate(self.readout.bases):
            if number in self.bits and number in self.readout.linear_bases:
                part = self.bits[number][:, first:last]
                found.append(outcomes_of(part, basis.wires))
            else:
                found.append(self.distributions.get(number))
        return found

    def _spoilt(self, columns: Reals) -> Reals:
        if self.lost.any():
            columns[self.lost] = np.nan
        return columns


class _Draft:
    """A pub while it is put together, and then what came back for it.

    Args:
        converted: Its circuit.
        observables: What is estimated.
    """

    def __init__(self, converted: Converted, observables: Any) -> None:
        self._converted, self._observables = converted, observables
        self._rows: list[Reals] = []
        self._places: NDArray[np.intp] | None = None
        self.result: Any = None

    def add(self, angles: Reals) -> slice:
        """Adds a request's rows, and says where they are among all."""
        first = sum(map(len, self._rows))
        self._rows.append(angles)
        return slice(first, first + len(angles))

    def pub(self, merge: bool) -> Pub:
        """The pub; without any rows where none was finite."""
        angles = np.concatenate(self._rows)
        if merge:
            angles, self._places = _merged(angles)
        one = self._converted
        return Pub(one.circuit, angles, one.digest, self._observables)

    def rows(self, where: slice, lost: NDArray[np.bool_], numbers: Any) -> Any:
        """What came back for a request's rows; zeros for those that were not sent."""
        found = numbers[where if self._places is None else self._places[where]]
        if len(found) == len(lost):
            return found
        spread = np.zeros((len(lost), *found.shape[1:]), dtype=found.dtype)
        spread[~lost] = found
        return spread


def _merged(angles: Reals) -> tuple[Reals, NDArray[np.intp]]:
    """Each row once, in the order of its first appearance."""
    places = np.zeros(len(angles), dtype=np.intp)
    if not angles.shape[1]:
        return angles[:1], places
    found: dict[bytes, int] = {}
    kept: list[int] = []
    for number, row in enumerate(np.ascontiguousarray(angles + 0.0)):  # no −0
        place = found.setdefault(row.tobytes(), len(found))
        if place == len(kept):
            kept.append(number)
        places[number] = place
    return angles[kept], places


class _Sheet:
    """The pubs of one call."""

    def __init__(self, circuits: Circuits) -> None:
        self._circuits = circuits
        self._drafts: dict[Hashable, _Draft] = {}

    def add(
        self,
        request: Request,
        angles: Reals,
        basis: Basis = NO_BASIS,
        *,
        measured: bool = False,
        sums: tuple[PauliSum, ...] = (),
    ) -> tuple[_Draft, slice]:
        """Puts a request's rows down, and says where they are."""
        structure = request.structure
        converted = self._circuits.get(structure, basis, measured)
        draft = self._drafts.get((converted.digest, sums))
        if draft is None:
            operators = tuple(
                self._circuits.operator(one, structure.num_wires) for one in sums
            )
            draft = self._drafts[converted.digest, sums] = _Draft(converted, operators)
        return draft, draft.add(converted.parameters(angles))

    def send(
        self,
        call: Callable[[list[Pub]], Sequence[Any]],
        merge: bool,
        nothing: Callable[[Pub], Any],
    ) -> None:
        """Sends all pubs that have rows in one call, if there are any.

        Args:
            call: Sends them.
            merge: Whether equal rows are sent once.
            nothing: The result of a pub without rows.
        """
        pubs = [(draft, draft.pub(merge)) for draft in self._drafts.values()]
        full = [pub for _, pub in pubs if pub.rows]
        results = iter(call(full) if full else ())
        for draft, pub in pubs:
            draft.result = next(results) if pub.rows else nothing(pub)


def run_requests(
    requests: Sequence[Request],
    executor: Executor,
    circuits: Circuits,
    shots: int | None,
    merge_rows: bool = False,
) -> list[Answer]:
    """Runs requests together; rows whose angles are not finite are not sent.

    Args:
        requests: What tapes ask for.
        executor: What runs pubs.
        circuits: Where converted circuits are kept.
        shots: Shots of each row and basis; None for exact results.
        merge_rows: Whether equal rows are sent once although their shots are then the
            same; without shots they always are.

    Returns:
        An answer for each request.

    Raises:
        ArgumentError: Samples of such rows are asked for.
    """
    estimates, measured, states = (_Sheet(circuits) for _ in range(3))
    merge = merge_rows or shots is None
    pending = []
    for request in requests:
        readout = request.readout
        lost = np.logical_not(np.isfinite(request.angles).all(axis=1))
        _refuse_lost(request, lost)
        angles = request.angles[~lost]
        sums = readout.observables
        estimated = estimates.add(request, angles, sums=sums) if sums else None
        read = {
            number: measured.add(request, angles, basis, measured=True)
            for number, basis in enumerate(readout.bases)
            if number in readout.linear_bases or not request.only_columns
        }
        whole = phase = None
        if readout.needs_states and not request.only_columns:
            # No machine gives states: rows that are not finite cost nothing here.
            angles = np.where(lost[:, None], 0.0, request.angles)
            whole = states.add(request, angles)
            phase = circuits.get(request.structure, NO_BASIS, False).phase(angles)
        pending.append((request, lost, estimated, read, whole, phase))
    estimates.send(lambda pubs: executor.estimate(pubs, shots), merge, no_estimates)
    if shots is None:
        measured.send(executor.probabilities, merge, no_probabilities)
    else:
        measured.send(
            lambda pubs: executor.sample(pubs, shots),
            merge,
            lambda pub: no_bits(pub, shots),
        )
    states.send(executor.states, merge, _no_states)
    return [_answer(*parts, exact=shots is None) for parts in pending]


def _refuse_lost(request: Request, lost: NDArray[np.bool_]) -> None:
    """Refuses rows that are not finite where their results could not say so."""
    sampled = any(result.kind == "sampled" for result in request.readout.results)
    if sampled and not request.only_columns and lost.any():
        raise ArgumentError(
            f"circuit: expected finite angles, got NaN or infinity in rows "
            f"{lost.nonzero()[0].tolist()}, and samples and counts have no NaN; take "
            "these rows out first"
        )


def _no_states(pub: Pub) -> Any:
    raise AssertionError(pub)  # all rows are sent


def _answer(
    request: Request,
    lost: NDArray[np.bool_],
    estimated: tuple[_Draft, slice] | None,
    read: dict[int, tuple[_Draft, slice]],
    whole: tuple[_Draft, slice] | None,
    phase: NDArray[np.complex128] | None,
    *,
    exact: bool,
) -> Answer:
    readout = request.readout
    values = errors = None
    if estimated is not None:
        draft, where = estimated
        result: Estimates = draft.result
        values, errors = (
            draft.rows(where, lost, result.values),
            draft.rows(where, lost, result.errors),
        )
    found = {
        number: d.rows(where, lost, d.result) for number, (d, where) in read.items()
    }
    distributions: dict[int, Outcomes] = {
        number: Histogram(probabilities, readout.bases[number].wires[::-1])
        for number, probabilities in found.items()
        if exact
    }
    vectors = None
    if whole is not None:
        vectors = whole[0].rows(whole[1], lost, whole[0].result)
        if vectors.ndim == 2:
            assert phase is not None
            vectors = vectors * phase[:, None]
    bits = {} if exact else found
    return Answer(readout, lost, values, errors, bits, vectors, distributions)
