"""Readouts of tapes: what is measured how, and results from what was measured.

All that is linear in the state, expectation values and probabilities, is first brought
into one array of numbers, the columns: so shift rules have one thing to combine,
whatever the measurements were. Variances are made of columns afterwards.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
import torch
from attrs import define, evolve, field, frozen
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.tapes.bases import (
    Basis,
    PauliSum,
    Setting,
    sentence_of,
    setting_of,
    share_bases,
)
from qml_qdl.hardware.tapes.outcomes import (
    MOST_BITS_TABLE,
    Bits,
    Distributions,
    Kept,
    Outcomes,
    Reals,
    outcome_number,
)


@frozen(eq=False)
class Contribution(ABC):
    """What one basis adds to a column.

    Args:
        column: The column, or the first of several.
        basis: Position of the basis among the readout's.

    ---- to be implemented: `read`, `variances` ----
    """

    column: int
    basis: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1

    @abstractmethod
    def read(self, outcomes: Outcomes, readings: Reals) -> Reals:
        """What is added.

        Args:
            outcomes: What measuring in the basis gave.
            readings: (bits, 2) what 0 and 1 of each bit count as.

        Returns:
            (rows, columns).
        """

    @abstractmethod
    def variances(self, outcomes: Outcomes, readings: Reals) -> Reals:
        """The variances of what is read from a single shot, (rows, columns)."""


@frozen(eq=False)
class PauliContribution(Contribution):
    """Pauli words that are measured together.

    Args:
        words: Bits of each word, and its coefficient.
    """

    words: tuple[tuple[tuple[int, ...], float], ...]

    def read(self, outcomes: Outcomes, readings: Reals) -> Reals:
        """Their sum."""
        return outcomes.mean(partial(self._values, readings))[:, None]

    def variances(self, outcomes: Outcomes, readings: Reals) -> Reals:
        """The variance of their sum: words read together are correlated."""
        squares = outcomes.mean(lambda bits: self._values(readings, bits) ** 2)
        return squares[:, None] - self.read(outcomes, readings) ** 2

    def _values(self, readings: Reals, bits: Bits) -> Reals:
        """What the sum is at each outcome."""
        plain = np.array_equal(readings, plain_readings(len(readings)))
        total = np.zeros(len(bits))
        for chosen, coefficient in self.words:
            if plain:
                odd = np.bitwise_xor.reduce(bits[:, chosen], axis=1)
                total += np.array([coefficient, -coefficient]).take(odd)
            else:
                each = [readings[bit].take(bits[:, bit]) for bit in chosen]
                total += coefficient * np.prod(each, axis=0)
        return total


def plain_readings(bits: int) -> Reals:
    """What bits count as that are never misread: 0 as 1, and 1 as -1.

    Args:
        bits: How many there are.

    Returns:
        (bits, 2).
    """
    return np.tile([1.0, -1.0], (bits, 1))


@frozen(eq=False)
class EigenvalueContribution(Contribution):
    """An observable with one value for each outcome of some bits.

    Args:
        bits: The bits, the first being the outcome's most significant one.
        values: (2**len(bits),) eigenvalues.
    """

    bits: tuple[int, ...]
    values: Reals

    def read(self, outcomes: Outcomes, readings: Reals) -> Reals:
        """Its mean."""
        return (outcomes.marginal(self.bits) @ self.values)[:, None]

    def variances(self, outcomes: Outcomes, readings: Reals) -> Reals:
        """Its variance."""
        squares = outcomes.marginal(self.bits) @ self.values**2
        return squares[:, None] - self.read(outcomes, readings) ** 2


@frozen(eq=False)
class ProbabilityContribution(Contribution):
    """The probabilities of all outcomes of some bits.

    Args:
        bits: The bits, the first being the outcome's most significant one.
    """

    bits: tuple[int, ...]

    @property
    def width(self) -> int:
        """Number of outcomes."""
        return int(2 ** len(self.bits))

    def read(self, outcomes: Outcomes, readings: Reals) -> Reals:
        """The frequencies."""
        return outcomes.marginal(self.bits)

    def variances(self, outcomes: Outcomes, readings: Reals) -> Reals:
        """Their variances."""
        frequencies = self.read(outcomes, readings)
        return frequencies * (1 - frequencies)


Coefficients: TypeAlias = tuple[Any, ...]
"""Coefficients with gradients, one tensor for each column of a result."""


@frozen(eq=False)
class MeasurementResult:
    """How one measurement's result is made of columns.

    Args:
        measurement: The PennyLane measurement, on wire positions.
        kind: "linear": its columns as they are; "variance": the second minus the first
            squared; "sampled": from bits; "state": from states.
        first: The first of its columns.
        columns: How many it has.
        weights: What its columns are multiplied with before they are added; None where
            they are not added.
        basis: Where bits come from.
    """

    measurement: Any
    kind: str
    first: int = 0
    columns: int = 0
    weights: Coefficients | None = None
    basis: int = 0


@frozen(eq=False)
class Selection:
    """What a postselection keeps, and how results follow.

    Frequencies among kept shots are quotients, and so is what is made of them: columns
    that are linear in the state are read first, and divided afterwards.

    Args:
        values: What the last wires, which only help, must be.
        targets: For each column that is divided, which of the quotients' columns it
            is added to.
        divisors: The column it is divided by.
        constants: What the quotients' columns begin with.
    """

    values: tuple[int, ...]
    targets: tuple[int, ...]
    divisors: tuple[int, ...]
    constants: Reals

    def quotients(self, columns: Tensor) -> Tensor:
        """Columns of what is kept.

        Args:
            columns: (..., columns) as they are read.

        Returns:
            (..., columns): NaN where nothing is kept.
        """
        divided = columns[..., : len(self.targets)] / columns[..., list(self.divisors)]
        begin = torch.from_numpy(self.constants).expand(*columns.shape[:-1], -1)
        places = torch.tensor(self.targets, dtype=torch.long)
        return begin.index_add(-1, places, divided)

    def states(self, states: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """States of the other wires, or density matrices, where this is kept."""
        kept = outcome_number(self.values)
        for axis in range(1, states.ndim):
            shape = (*states.shape[:axis], -1, 2 ** len(self.values))
            whole = states.reshape(*shape, *states.shape[axis + 1 :])
            states = whole.take(kept, axis + 1)
        mixed = states.ndim == 3
        size = np.einsum("rii->r", states) if mixed else np.linalg.norm(states, axis=1)
        with np.errstate(invalid="ignore"):
            scaled: NDArray[np.complex128] = (states.T / size).T
        return scaled


@frozen(eq=False)
class TapeReadout:
    """All that is read of a tape.

    Args:
        width: Number of columns.
        constants: (width,) what each column begins with.
        bases: The bases that are needed.
        linear_bases: Those of them that columns need.
        parts: What bases add to columns.
        sums: Columns that an estimator gives, and their observables.
        results: The results in the order of the measurements.
        selection: What is kept; None for all.
    """

    width: int
    constants: Reals
    bases: tuple[Basis, ...]
    linear_bases: frozenset[int]
    parts: tuple[Contribution, ...]
    sums: tuple[tuple[int, PauliSum], ...]
    results: tuple[MeasurementResult, ...]
    selection: Selection | None = None

    def selected(self, outcomes: Outcomes) -> Outcomes:
        """Those of some outcomes that are kept."""
        return Kept(outcomes, self.selection.values) if self.selection else outcomes

    @cached_property
    def weights(self) -> Mapping[int, Reals]:
        """For each basis of few bits what outcomes are worth in columns, (2ᵇ, width).

        Where bits are not misread, and all outcomes kept.
        """
        found = {}
        for basis in self.linear_bases:
            bits = len(self.bases[basis].wires)
            if bits <= MOST_BITS_TABLE:
                found[basis] = np.zeros((2**bits, self.width))
        for part in self.parts:
            if part.basis in found:
                own = found[part.basis]
                every, bits = Distributions(np.eye(len(own))), len(own).bit_length() - 1
                values = part.read(every, plain_readings(bits))
                own[:, part.column : part.column + part.width] += values
        return found

    @property
    def observables(self) -> tuple[PauliSum, ...]:
        """What an estimator estimates."""
        return tuple(observable for _, observable in self.sums)

    @property
    def needs_states(self) -> bool:
        """Whether something is read from states as they are."""
        return any(result.kind == "state" for result in self.results)


@define(eq=False)
class _Drafts:
    """A readout while it grows.

    `only_words` says why nothing but Pauli words is measured, `repair` what helps.
    """

    num_wires: int
    estimated: bool
    only_words: str | None
    repair: str
    settings: list[Setting] = field(factory=list)
    parts: list[tuple[int, Any]] = field(factory=list)
    sums: list[tuple[int, PauliSum]] = field(factory=list)
    constants: list[float] = field(factory=list)
    results: list[MeasurementResult] = field(factory=list)

    def add_sum(self, observable: PauliSum) -> int:
        """A column for a sum of Pauli words."""
        column = len(self.constants)
        if self.estimated and any(word for word, _ in observable.words):
            self.constants.append(0.0)
            self.sums.append((column, observable))
            return column
        self.constants.append(observable.constant)
        for word, coefficient in observable.words:
            if word:
                self.settings.append(dict(word))
                wires = tuple(wire for wire, _ in word)
                self.parts.append((column, (wires, coefficient)))
        return column

    def add_columns(self, setting: Setting, count: int, part: Any) -> int:
        """Columns read from outcomes of some wires."""
        column = len(self.constants)
        self.constants += [0.0] * count
        self.settings.append(setting)
        self.parts.append((column, part))
        return column


def plan_readout(
    measurements: Sequence[Any],
    num_wires: int,
    *,
    shots: bool,
    estimator: bool,
    mitigated: bool = False,
    selected: tuple[int, ...] = (),
) -> TapeReadout:
    """Decides how measurements are made.

    Args:
        measurements: PennyLane measurements on wire positions.
        num_wires: Wires of the circuit.
        shots: Whether there are shots.
        estimator: Whether expectation values of Pauli words come from an estimator.
        mitigated: Whether errors of the machine are mitigated in what is measured.
        selected: What wires after those of the circuit must be: other outcomes do not
            count.

    Returns:
        The readout.

    Raises:
        TargetError: A measurement cannot be made so.
    """
    only_words, repair = None, ""
    if mitigated:
        only_words, repair = "mitigation: it", "leave mitigation out"
    elif estimator and shots:
        only_words = "route: with shots, 'estimator'"
        repair = "use route='sampler'"
    drafts = _Drafts(num_wires, estimator, only_words, repair)
    for measurement in measurements:
        drafts.results.append(_draft(measurement, drafts, shots))
    helping = dict.fromkeys(range(num_wires, num_wires + len(selected)), "Z")
    bases, of = share_bases({**setting, **helping} for setting in drafts.settings)
    parts, linear = _parts(drafts, bases, of)
    results = tuple(
        r if r.kind != "sampled" else _placed(r, of[r.basis]) for r in drafts.results
    )
    constants = np.array(drafts.constants, dtype=float)
    readout = TapeReadout(
        len(constants), constants, bases, linear, parts, tuple(drafts.sums), results
    )
    return _selecting(readout, selected) if selected else readout


def _selecting(readout: TapeReadout, values: tuple[int, ...]) -> TapeReadout:
    """A readout that keeps some outcomes: a column for each part, then the shares."""
    targets: list[int] = []
    divisors: list[int] = []
    parts: list[Contribution] = []
    ends = np.cumsum([0, *(part.width for part in readout.parts)])
    place = {b: int(ends[-1]) + n for n, b in enumerate(sorted(readout.linear_bases))}
    for part, first in zip(readout.parts, ends, strict=False):
        parts.append(evolve(part, column=int(first)))
        targets += range(part.column, part.column + part.width)
        divisors += [place[part.basis]] * part.width
    parts += [PauliContribution(at, basis, (((), 1.0),)) for basis, at in place.items()]
    selection = Selection(values, tuple(targets), tuple(divisors), readout.constants)
    width = int(ends[-1]) + len(place)
    return evolve(
        readout,
        width=width,
        constants=np.zeros(width),
        parts=tuple(parts),
        selection=selection,
    )


def _placed(result: MeasurementResult, basis: int) -> MeasurementResult:
    return MeasurementResult(result.measurement, result.kind, basis=basis)


def _parts(
    drafts: _Drafts, bases: Sequence[Basis], of: Sequence[int]
) -> tuple[tuple[Contribution, ...], frozenset[int]]:
    """The parts, those of words collected by column and basis."""
    words: dict[tuple[int, int], list[tuple[tuple[int, ...], float]]] = {}
    parts: list[Contribution] = []
    # Settings and parts were added together, but for those of samples.
    for (column, what), basis in zip(drafts.parts, of, strict=True):
        if what is None:
            continue
        wires, value = what
        bits = tuple(bases[basis].wires.index(wire) for wire in wires)
        if isinstance(value, float):
            words.setdefault((column, basis), []).append((bits, value))
        elif value is None:
            parts.append(ProbabilityContribution(column, basis, bits))
        else:
            parts.append(EigenvalueContribution(column, basis, bits, value))
    parts += [PauliContribution(*place, tuple(sums)) for place, sums in words.items()]
    return tuple(parts), frozenset(part.basis for part in parts)


def _draft(measurement: Any, drafts: _Drafts, shots: bool) -> MeasurementResult:
    num_wires = drafts.num_wires
    wires = tuple(measurement.wires) or tuple(range(num_wires))
    if isinstance(measurement, qml.measurements.ProbabilityMP):
        _refuse_others(measurement, drafts)
        setting = setting_of(measurement, num_wires)
        count = 2 ** len(wires)
        first = drafts.add_columns(setting, count, (wires, None))
        return MeasurementResult(measurement, "linear", first, count)
    variance = isinstance(measurement, qml.measurements.VarianceMP)
    if variance or isinstance(measurement, qml.measurements.ExpectationMP):
        return _draft_observable(measurement, drafts, shots, wires, variance)
    _refuse_others(measurement, drafts)
    if not shots:
        return MeasurementResult(measurement, "state")
    drafts.settings.append(setting_of(measurement, num_wires))
    drafts.parts.append((0, None))
    return MeasurementResult(measurement, "sampled", basis=len(drafts.settings) - 1)


def _refuse_others(measurement: Any, drafts: _Drafts) -> None:
    if drafts.only_words:
        raise TargetError(
            f"{drafts.only_words} gives expectation values and variances of Pauli "
            f"words, got {measurement}; {drafts.repair}"
        )


def _draft_observable(
    measurement: Any,
    drafts: _Drafts,
    shots: bool,
    wires: tuple[int, ...],
    variance: bool,
) -> MeasurementResult:
    observable = measurement.obs
    sentence = None
    trained = False
    if observable is not None:
        trained = any(map(has_gradient, observable.data))
        sentence = sentence_of(observable, trained or bool(drafts.only_words))
    if trained and (sentence is None or variance):
        raise TargetError(
            f"measurement: the numbers of {observable.name} in {measurement} are to be "
            "trained, which qdl.qiskit can for expectation values of Pauli words and "
            "of matrices of up to 6 wires; detach them, or use target='qdl.simulator'"
        )
    if sentence is not None:
        return _draft_sentence(measurement, drafts, sentence, trained, variance)
    _refuse_others(measurement, drafts)
    if isinstance(observable, qml.SparseHamiltonian) and not shots:
        return MeasurementResult(measurement, "state")
    setting = setting_of(measurement, drafts.num_wires)
    values = np.real(np.asarray(qml.math.unwrap(measurement.eigvals()), dtype=complex))
    first = drafts.add_columns(setting, 1, (wires, values))
    if not variance:
        return MeasurementResult(measurement, "linear", first, 1, (1.0,))
    drafts.add_columns(setting, 1, (wires, values**2))
    return MeasurementResult(measurement, "variance", first, 2)


def _draft_sentence(
    measurement: Any, drafts: _Drafts, sentence: Any, trained: bool, variance: bool
) -> MeasurementResult:
    if trained:
        words = [PauliSum.of({word: 1.0}) for word in sentence]
        columns = [drafts.add_sum(word) for word in words]
        return MeasurementResult(
            measurement, "linear", columns[0], len(columns), tuple(sentence.values())
        )
    observable = PauliSum.of(sentence)
    first = drafts.add_sum(observable)
    if not variance:
        return MeasurementResult(measurement, "linear", first, 1, (1.0,))
    plain = qml.pauli.PauliSentence(
        {word: float(np.real(qml.math.toarray(c))) for word, c in sentence.items()}
    )
    square = plain @ plain
    square.simplify()
    drafts.add_sum(PauliSum.of(square))
    return MeasurementResult(measurement, "variance", first, 2)


def has_gradient(number: Any) -> bool:
    """Whether torch would carry a gradient to a number of an observable.

    Args:
        number: The number, of any interface.
    """
    return bool(getattr(number, "requires_grad", False)) and (
        qml.math.get_interface(number) == "torch"
    )
