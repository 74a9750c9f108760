"""Readouts: what of a tape is measured how, and its results from what was measured.

All that is linear in the state, expectation values and probabilities, is first brought
into one array of numbers, the columns: so shift rules have one thing to combine,
whatever the measurements were. Variances are made of columns afterwards.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import define, field, frozen

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.tapes.bases import (
    Basis,
    PauliSum,
    Setting,
    sentence_of,
    setting_of,
    share_bases,
)
from qml_qdl.hardware.tapes.outcomes import Outcomes, Reals


@frozen(eq=False)
class Part(ABC):
    """What one basis adds to a column.

    Args:
        column: The column, or the first of several.
        basis: Position of the basis among the readout's.

    ---- to be implemented: `read`, `variances` ----
    """

    column: int
    basis: int

    @abstractmethod
    def read(self, outcomes: Outcomes) -> Reals:
        """(rows, columns) that are added."""

    @abstractmethod
    def variances(self, outcomes: Outcomes) -> Reals:
        """(rows, columns): the variances of what is read from a single shot."""


@frozen(eq=False)
class WordsPart(Part):
    """Pauli words that are measured together.

    Args:
        words: Wire positions of each word with its coefficient.
    """

    words: tuple[tuple[tuple[int, ...], float], ...]

    def read(self, outcomes: Outcomes) -> Reals:
        """Their sum."""
        values = [c * outcomes.parity(wires) for wires, c in self.words]
        return np.sum(values, axis=0)[:, None]  # type: ignore[no-any-return]

    def variances(self, outcomes: Outcomes) -> Reals:
        """The variance of their sum: the product of two words is a word, too."""
        squares = [
            a * b * outcomes.parity(tuple(set(one) ^ set(other)))
            for one, a in self.words
            for other, b in self.words
        ]
        total: Reals = np.sum(squares, axis=0)[:, None]
        return total - self.read(outcomes) ** 2


@frozen(eq=False)
class ValuesPart(Part):
    """An observable with one value for each outcome of some wires.

    Args:
        wires: Wire positions.
        values: (2**len(wires),) eigenvalues.
    """

    wires: tuple[int, ...]
    values: Reals

    def read(self, outcomes: Outcomes) -> Reals:
        """Its mean."""
        return (outcomes.marginal(self.wires) @ self.values)[:, None]

    def variances(self, outcomes: Outcomes) -> Reals:
        """Its variance."""
        squares = outcomes.marginal(self.wires) @ self.values**2
        return squares[:, None] - self.read(outcomes) ** 2


@frozen(eq=False)
class FrequenciesPart(Part):
    """The probabilities of all outcomes of some wires.

    Args:
        wires: Wire positions.
    """

    wires: tuple[int, ...]

    def read(self, outcomes: Outcomes) -> Reals:
        """The frequencies."""
        return outcomes.marginal(self.wires)

    def variances(self, outcomes: Outcomes) -> Reals:
        """Their variances."""
        frequencies = self.read(outcomes)
        return frequencies * (1 - frequencies)


Weights: TypeAlias = tuple[Any, ...]
"""Coefficients with gradients, one tensor for each column of a result."""


@frozen(eq=False)
class Result:
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
    weights: Weights | None = None
    basis: int = 0


@frozen(eq=False)
class Readout:
    """All that is read of a tape.

    Args:
        width: Number of columns.
        constants: (width,) what each column begins with.
        bases: The bases that are needed.
        linear_bases: Those of them that columns need.
        parts: What bases add to columns.
        sums: Columns that an estimator gives, and their observables.
        results: The results in the order of the measurements.
    """

    width: int
    constants: Reals
    bases: tuple[Basis, ...]
    linear_bases: frozenset[int]
    parts: tuple[Part, ...]
    sums: tuple[tuple[int, PauliSum], ...]
    results: tuple[Result, ...]

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
    """A readout while it grows."""

    num_wires: int
    estimated: bool
    settings: list[Setting] = field(factory=list)
    parts: list[tuple[int, Any]] = field(factory=list)
    sums: list[tuple[int, PauliSum]] = field(factory=list)
    constants: list[float] = field(factory=list)
    results: list[Result] = field(factory=list)

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
                self.parts.append((column, (word, coefficient)))
        return column

    def add_columns(self, setting: Setting, count: int, part: Any) -> int:
        """Columns read from outcomes of some wires."""
        column = len(self.constants)
        self.constants += [0.0] * count
        self.settings.append(setting)
        self.parts.append((column, part))
        return column


def plan_readout(
    measurements: Sequence[Any], num_wires: int, *, shots: bool, estimator: bool
) -> Readout:
    """Decides how measurements are made.

    Args:
        measurements: PennyLane measurements on wire positions.
        num_wires: Wires of the circuit.
        shots: Whether there are shots.
        estimator: Whether expectation values of Pauli words come from an estimator.

    Returns:
        The readout.

    Raises:
        TargetError: A measurement cannot be made so.
    """
    drafts = _Drafts(num_wires, estimator)
    for measurement in measurements:
        drafts.results.append(_draft(measurement, drafts, shots))
    bases, of = share_bases(drafts.settings)
    parts, linear = _parts(drafts, of)
    results = tuple(
        r if r.kind != "sampled" else _placed(r, of[r.basis]) for r in drafts.results
    )
    constants = np.array(drafts.constants, dtype=float)
    return Readout(
        len(constants), constants, bases, linear, parts, tuple(drafts.sums), results
    )


def _placed(result: Result, basis: int) -> Result:
    return Result(result.measurement, result.kind, basis=basis)


def _parts(
    drafts: _Drafts, of: Sequence[int]
) -> tuple[tuple[Part, ...], frozenset[int]]:
    """The parts, those of words collected by column and basis."""
    words: dict[tuple[int, int], list[tuple[tuple[int, ...], float]]] = {}
    parts: list[Part] = []
    # Settings and parts were added together, but for those of samples.
    for (column, what), basis in zip(drafts.parts, of, strict=True):
        if what is None:
            continue
        if isinstance(what[0], tuple) and isinstance(what[1], float):
            wires = tuple(wire for wire, _ in what[0])
            words.setdefault((column, basis), []).append((wires, what[1]))
        elif what[1] is None:
            parts.append(FrequenciesPart(column, basis, what[0]))
        else:
            parts.append(ValuesPart(column, basis, what[0], what[1]))
    parts += [WordsPart(*place, tuple(sums)) for place, sums in words.items()]
    return tuple(parts), frozenset(part.basis for part in parts)


def _draft(measurement: Any, drafts: _Drafts, shots: bool) -> Result:
    num_wires = drafts.num_wires
    wires = tuple(measurement.wires) or tuple(range(num_wires))
    if isinstance(measurement, qml.measurements.ProbabilityMP):
        _refuse_estimator(measurement, drafts, shots)
        setting = setting_of(measurement, num_wires)
        count = 2 ** len(wires)
        first = drafts.add_columns(setting, count, (wires, None))
        return Result(measurement, "linear", first, count)
    variance = isinstance(measurement, qml.measurements.VarianceMP)
    if variance or isinstance(measurement, qml.measurements.ExpectationMP):
        return _draft_observable(measurement, drafts, shots, wires, variance)
    if not shots:
        return Result(measurement, "state")
    _refuse_estimator(measurement, drafts, shots)
    drafts.settings.append(setting_of(measurement, num_wires))
    drafts.parts.append((0, None))
    return Result(measurement, "sampled", basis=len(drafts.settings) - 1)


def _refuse_estimator(measurement: Any, drafts: _Drafts, shots: bool) -> None:
    if drafts.estimated and shots:
        raise TargetError(
            f"route: with shots, 'estimator' gives expectation values and variances of "
            f"Pauli words, got {measurement}; use route='sampler'"
        )


def _draft_observable(
    measurement: Any,
    drafts: _Drafts,
    shots: bool,
    wires: tuple[int, ...],
    variance: bool,
) -> Result:
    observable = measurement.obs
    sentence = None
    trained = False
    if observable is not None:
        trained = any(map(_has_gradient, observable.data))
        sentence = sentence_of(observable, trained or (shots and drafts.estimated))
    if trained and (sentence is None or variance):
        raise TargetError(
            f"measurement: the numbers of {observable.name} in {measurement} are to be "
            "trained, which qdl.qiskit can for expectation values of Pauli words and "
            "of matrices of up to 6 wires; detach them, or use target='qdl.simulator'"
        )
    if sentence is not None:
        return _draft_sentence(measurement, drafts, sentence, trained, variance)
    _refuse_estimator(measurement, drafts, shots)
    if isinstance(observable, qml.SparseHamiltonian) and not shots:
        return Result(measurement, "state")
    setting = setting_of(measurement, drafts.num_wires)
    values = np.real(np.asarray(qml.math.unwrap(measurement.eigvals()), dtype=complex))
    first = drafts.add_columns(setting, 1, (wires, values))
    if not variance:
        return Result(measurement, "linear", first, 1, (1.0,))
    drafts.add_columns(setting, 1, (wires, values**2))
    return Result(measurement, "variance", first, 2)


def _draft_sentence(
    measurement: Any, drafts: _Drafts, sentence: Any, trained: bool, variance: bool
) -> Result:
    if trained:
        words = [PauliSum.of({word: 1.0}) for word in sentence]
        columns = [drafts.add_sum(word) for word in words]
        return Result(
            measurement, "linear", columns[0], len(columns), tuple(sentence.values())
        )
    observable = PauliSum.of(sentence)
    first = drafts.add_sum(observable)
    if not variance:
        return Result(measurement, "linear", first, 1, (1.0,))
    plain = qml.pauli.PauliSentence(
        {word: float(np.real(qml.math.toarray(c))) for word, c in sentence.items()}
    )
    square = plain @ plain
    square.simplify()
    drafts.add_sum(PauliSum.of(square))
    return Result(measurement, "variance", first, 2)


def _has_gradient(number: Any) -> bool:
    """Whether torch would carry a gradient to a number of an observable."""
    return bool(getattr(number, "requires_grad", False)) and (
        qml.math.get_interface(number) == "torch"
    )
