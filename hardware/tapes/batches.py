"""Batches: many tapes as few pubs, sent in one call, and what comes back, handed out.

Requests of equal structure, measured in the same basis, become one pub that has the
rows of all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.mitigation import Mitigation, extrapolate, readings_of
from qml_qdl.hardware.structure import Structure
from qml_qdl.hardware.tapes.bases import NO_BASIS, Basis, PauliSum
from qml_qdl.hardware.tapes.executor import (
    Estimates,
    Executor,
    Pub,
    no_counts,
    no_estimates,
    no_probabilities,
)
from qml_qdl.hardware.tapes.outcomes import (
    Bits,
    Counts,
    Distributions,
    Kept,
    Outcomes,
    Reals,
)
from qml_qdl.hardware.tapes.readouts import Selection, TapeReadout, plain_readings

Found: TypeAlias = Mapping[int, Outcomes]
"""What measuring gave in each basis that was measured."""

Readings: TypeAlias = Mapping[int, Reals]
"""For each basis what 0 and 1 of its bits count as."""


def read_columns(
    readout: TapeReadout,
    rows: int,
    found: Found,
    readings: Readings,
    estimates: Any = None,
) -> Reals:
    """The columns of what was measured.

    Args:
        readout: What was to be read.
        rows: Number of rows.
        found: What measuring gave.
        readings: What it counts as.
        estimates: (rows, sums) what the estimator gave.

    Returns:
        (rows, width).
    """
    columns = np.tile(readout.constants, (rows, 1))
    if readout.sums:
        columns[:, [column for column, _ in readout.sums]] = estimates
    weighted = set()
    for basis in readout.linear_bases:
        table, plain = found[basis].frequencies, plain_readings(len(readings[basis]))
        whole = readout.selection is None and np.array_equal(readings[basis], plain)
        if table is not None and whole and basis in readout.weights:
            columns += table @ readout.weights[basis]
            weighted.add(basis)
    for part in readout.parts:
        if part.basis not in weighted:
            outcomes = readout.selected(found[part.basis])
            values = part.read(outcomes, readings[part.basis])
            columns[:, part.column : part.column + values.shape[1]] += values
    return columns


def column_errors(
    readout: TapeReadout,
    rows: int,
    shots: int | None,
    found: Found,
    readings: Readings,
    estimates: Any = None,
) -> Reals:
    """The standard errors of columns.

    Args:
        readout: What was read.
        rows: Number of rows.
        shots: Shots of each basis; None where results are exact.
        found: What measuring gave.
        readings: What it counts as.
        estimates: (rows, sums) the estimator's errors.

    Returns:
        (rows, width); zero where results are exact, NaN where a single shot tells
        nothing of its error.
    """
    selection = readout.selection
    if selection is not None:
        return _selected_errors(readout, selection, rows, shots, found, readings)
    squares = np.zeros((rows, readout.width))
    if readout.sums:
        squares[:, [column for column, _ in readout.sums]] = estimates**2
    if shots is not None:
        scale = 1 / (shots - 1) if shots > 1 else np.nan
        for part in readout.parts:
            variances = part.variances(found[part.basis], readings[part.basis])
            last = part.column + variances.shape[1]
            squares[:, part.column : last] += np.maximum(variances, 0.0) * scale
    return np.sqrt(squares)


def _selected_errors(
    readout: TapeReadout,
    selection: Selection,
    rows: int,
    shots: int | None,
    found: Found,
    readings: Readings,
) -> Reals:
    """The standard errors of quotients: those of as many shots as are kept."""
    squares = np.zeros((rows, len(selection.constants)))
    for part in readout.parts:
        targets = selection.targets[part.column : part.column + part.width]
        if shots is None or not targets:  # a share, by which is only divided
            continue
        kept = Kept(found[part.basis], selection.values)
        variances = part.variances(kept.among_kept, readings[part.basis])
        counts = shots * kept.shares[:, None] - 1
        counts[counts < 0.5] = np.nan  # one shot tells nothing of its error
        squares[:, targets[0] : targets[-1] + 1] += np.maximum(variances, 0.0) / counts
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
        calibrates: Whether it only tells how bits are misread.
    """

    circuit: Any
    digest: str
    extra: Reals
    used: tuple[int, ...]
    phases: dict[int, float]
    calibrates: bool = False

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

    def folded(self, converted: Converted, scale: int, folding: str) -> Converted:
        """The same circuit with more of the machine's noise.

        Args:
            converted: A circuit that measures.
            scale: How many times as much, an odd number above 1.
            folding: One of `FOLDINGS`.

        Returns:
            A circuit that gives the same without noise.

        Raises:
            TargetError: Such backends have none.
        """
        raise TargetError(_UNMITIGATED)

    def calibration(self, converted: Converted) -> Converted:
        """What tells how the bits of a circuit are misread.

        Args:
            converted: A circuit that measures.

        Returns:
            A circuit of one angle that reads the same qubits into the same bits: 0
            without errors for the angle 0, 1 for π.

        Raises:
            TargetError: Such backends have none.
        """
        raise TargetError(_UNMITIGATED)


_UNMITIGATED = (
    "mitigation: the circuits of this backend can neither be made longer nor "
    "calibrated; leave mitigation out"
)


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
    readout: TapeReadout
    only_columns: bool = False

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.angles)


@frozen(eq=False)
class Answer:
    """What came back for one request.

    Rows whose angles were not finite are NaN in columns, and left out elsewhere.

    Args:
        readout: What was asked for.
        lost: (rows,) which rows had angles that were not finite.
        shots: Shots of each basis; None where results are exact.
        estimates: What an estimator gave, of all sums.
        outcomes: What measuring gave in each basis, for each strength of the noise.
        readings: What it counts as.
        states: State vectors or density matrices, where they are asked for, of all
            rows.
        mitigation: How errors of the machine are mitigated.
        misread: For each basis that was calibrated how often its bits read 1 where
            they were 0 and 1, (bits, 2).
    """

    readout: TapeReadout
    lost: NDArray[np.bool_]
    shots: int | None
    estimates: Estimates | None = None
    outcomes: tuple[Found, ...] = ({},)
    readings: Readings = field(factory=dict)
    states: NDArray[np.complex128] | None = None
    mitigation: Mitigation | None = None
    misread: Mapping[int, Reals] = field(factory=dict)

    def columns(self, first: int = 0, last: int | None = None) -> Reals:
        """The readout's columns.

        Args:
            first: The first shot that counts.
            last: The one after the last; None for all.

        Returns:
            (rows, width).
        """
        return self._spread(self._told(first, last)[0])

    def column_errors(self) -> Reals:
        """Their standard errors, (rows, width)."""
        return self._spread(self._told(0, None, errors=True)[1])

    def bits(self, basis: int) -> Bits:
        """The shots of a basis, in their order.

        Args:
            basis: Position of the basis among the readout's.

        Returns:
            (rows, shots, bits).
        """
        return _counts(self.outcomes[0][basis]).bits

    def _told(
        self, first: int, last: int | None, errors: bool = False
    ) -> tuple[Reals, Reals]:
        """Columns of the rows that were sent, and their errors if they are needed."""
        readout, shots, outcomes = self.readout, self.shots, self.outcomes
        if last is not None:
            shots = last - first
            outcomes = tuple(
                {basis: _counts(one).part(first, last) for basis, one in found.items()}
                for found in outcomes
            )
        rows = int(np.count_nonzero(~self.lost))
        sums = self.estimates or Estimates(np.empty(0), np.empty(0))
        zne = self.mitigation is not None and len(outcomes) > 1
        values = np.stack(
            [
                read_columns(readout, rows, found, self.readings, sums.values)
                for found in outcomes
            ]
        )
        spread = np.zeros_like(values)
        if errors or zne:
            spread = np.stack(
                [
                    column_errors(
                        readout, rows, shots, found, self.readings, sums.errors
                    )
                    for found in outcomes
                ]
            )
        if self.mitigation is None or not zne:
            return values[0], spread[0]
        # Noise makes only what is not the identity decay.
        scales, kind = self.mitigation.zne_scales, self.mitigation.extrapolation
        values, spread = extrapolate(values - readout.constants, spread, scales, kind)
        return values + readout.constants, spread

    def _spread(self, columns: Reals) -> Reals:
        """All rows: NaN for those that were not sent."""
        if not self.lost.any():
            return columns
        spread = np.full((len(self.lost), columns.shape[1]), np.nan)
        spread[~self.lost] = columns
        return spread


def _counts(outcomes: Outcomes) -> Counts:
    assert isinstance(outcomes, Counts)  # there are shots
    return outcomes


class _Draft:
    """A pub while it is put together, and then what came back for it.

    Args:
        converted: Its circuit.
        observables: What is estimated.
    """

    def __init__(self, converted: Converted, observables: Any) -> None:
        self.converted = converted
        self._observables = observables
        self._angles: list[Reals] = []
        self._places: NDArray[np.intp] | None = None
        self.rows = 0
        self.result: Any = None

    def add(self, angles: Reals) -> slice:
        """Adds a request's rows, and says where they are among all."""
        first, self.rows = self.rows, self.rows + len(angles)
        self._angles.append(self.converted.parameters(angles))
        return slice(first, self.rows)

    def pub(self, merge: bool) -> Pub:
        """The pub; without any rows where none was finite."""
        angles, one = np.concatenate(self._angles), self.converted
        if merge and not one.calibrates:  # its rows are equal on purpose
            angles, self._places = _merged(angles)
        return Pub(one.circuit, angles, one.digest, self._observables, one.calibrates)

    def found(self, where: slice) -> Any:
        """What came back for a request's rows."""
        return self.result[where if self._places is None else self._places[where]]


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
    """The pubs of one call.

    Args:
        operator: Makes an observable the backend's.
    """

    def __init__(self, operator: Callable[[PauliSum, int], Any]) -> None:
        self._operator = operator
        self._drafts: dict[Hashable, _Draft] = {}

    def add(
        self,
        converted: Converted,
        angles: Reals,
        sums: tuple[PauliSum, ...] = (),
        num_wires: int = 0,
    ) -> Callable[[], Any]:
        """Puts rows down, and says how to get what will have come back for them."""
        key = (converted.digest, sums)
        draft = self._drafts.get(key)
        if draft is None:
            operators = tuple(self._operator(one, num_wires) for one in sums)
            draft = self._drafts[key] = _Draft(converted, operators)
        return partial(draft.found, draft.add(angles))

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
    mitigation: Mitigation | None = None,
) -> list[Answer]:
    """Runs requests together; rows whose angles are not finite are not sent.

    Args:
        requests: What tapes ask for.
        executor: What runs pubs.
        circuits: Where converted circuits are kept.
        shots: Shots of each row and basis; None for exact results.
        merge_rows: Whether equal rows are sent once although their shots are then the
            same; without shots they always are.
        mitigation: How errors of the machine are mitigated; None for not at all.

    Returns:
        An answer for each request.

    Raises:
        ArgumentError: Samples of such rows are asked for, or a bit that is read cannot
            be calibrated.
        TargetError: The executor cannot do what is asked for.
    """
    estimates, measured, states = (_Sheet(circuits.operator) for _ in range(3))
    merge = merge_rows or shots is None
    scales = (1,) if mitigation is None else mitigation.zne_scales
    folding = "" if mitigation is None else mitigation.folding
    bases: dict[str, Converted] = {}
    pending = []
    for request in requests:
        readout, structure = request.readout, request.structure
        lost = np.logical_not(np.isfinite(request.angles).all(axis=1))
        refuse_lost(request, lost)
        one = _Pending(readout, lost)
        pending.append(one)
        angles = request.angles[~lost]
        plain = partial(circuits.get, structure, NO_BASIS, False)
        if readout.sums:
            sums, wires = readout.observables, structure.num_wires
            one.sums = estimates.add(plain(), angles, sums, wires)
        for number, basis in enumerate(readout.bases):
            if request.only_columns and number not in readout.linear_bases:
                continue
            read = circuits.get(structure, basis, True)
            one.digests[number] = read.digest
            if len(angles):
                bases[read.digest] = read
            one.outcomes[number] = [
                measured.add(
                    read if scale == 1 else circuits.folded(read, scale, folding),
                    angles,
                )
                for scale in scales
            ]
        if readout.needs_states and not request.only_columns:
            # No machine gives states: rows that are not finite cost nothing here.
            angles = np.where(lost[:, None], 0.0, request.angles)
            one.states = states.add(plain(), angles)
            one.phase = plain().phase(angles)
    calibrations: dict[str, Callable[[], Outcomes]] = {}
    if mitigation is not None and mitigation.readout and bases:
        rows = max(1, mitigation.calibration_rows // len(bases))
        angles = np.repeat([[0.0], [np.pi]], rows, axis=0)
        calibrations = {
            digest: measured.add(circuits.calibration(read), angles)
            for digest, read in bases.items()
        }
    estimates.send(lambda pubs: executor.estimate(pubs, shots), merge, no_estimates)
    if shots is None:
        measured.send(
            lambda pubs: list(map(Distributions, executor.probabilities(pubs))),
            merge,
            lambda pub: Distributions(no_probabilities(pub)),
        )
    else:
        measured.send(
            lambda pubs: executor.sample(pubs, shots),
            merge,
            lambda pub: no_counts(pub, shots),
        )
    states.send(executor.states, merge, _no_states)
    misread = {digest: _misread(found()) for digest, found in calibrations.items()}
    return [one.answer(shots, misread, mitigation) for one in pending]


def _misread(calibration: Outcomes) -> Reals:
    """How often each bit of a calibration reads 1 where it was 0 and 1, (bits, 2)."""
    every = range(calibration.num_bits)
    ones = np.stack([calibration.marginal([bit])[:, 1] for bit in every])
    return np.stack([part.mean(axis=1) for part in np.split(ones, 2, axis=1)], axis=1)


@define(eq=False)
class _Pending:
    """What gives the answer to a request when all has come back."""

    readout: TapeReadout
    lost: NDArray[np.bool_]
    sums: Callable[[], Estimates] | None = None
    outcomes: dict[int, list[Callable[[], Outcomes]]] = field(factory=dict)
    digests: dict[int, str] = field(factory=dict)
    states: Callable[[], NDArray[np.complex128]] | None = None
    phase: NDArray[np.complex128] | None = None

    def answer(
        self,
        shots: int | None,
        misread: Mapping[str, Reals],
        mitigation: Mitigation | None,
    ) -> Answer:
        calibrated = {
            number: misread[digest]
            for number, digest in self.digests.items()
            if digest in misread
        }
        scales = 1 if mitigation is None else len(mitigation.zne_scales)
        vectors = None if self.states is None else self.states()
        if vectors is not None and vectors.ndim == 2:
            assert self.phase is not None
            vectors = vectors * self.phase[:, None]
        return Answer(
            self.readout,
            self.lost,
            shots,
            None if self.sums is None else self.sums(),
            tuple(
                {number: found[scale]() for number, found in self.outcomes.items()}
                for scale in range(scales)
            ),
            {
                number: readings_of(*calibrated[number].T)
                if number in calibrated
                else plain_readings(len(self.readout.bases[number].wires))
                for number in self.digests
            },
            vectors,
            mitigation,
            calibrated,
        )


def refuse_lost(request: Request, lost: NDArray[np.bool_]) -> None:
    """Refuses rows that are not finite where their results could not say so.

    Args:
        request: What is asked for.
        lost: (rows,) which rows are not finite.

    Raises:
        ArgumentError: There are such rows, and samples are asked for.
    """
    sampled = any(result.kind == "sampled" for result in request.readout.results)
    if sampled and not request.only_columns and lost.any():
        raise ArgumentError(
            f"circuit: expected finite angles, got NaN or infinity in rows "
            f"{lost.nonzero()[0].tolist()}, and samples and counts have no NaN; take "
            "these rows out first"
        )


def _no_states(pub: Pub) -> Any:
    raise AssertionError(pub)  # all rows are sent
