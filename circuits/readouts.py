"""Readouts: what is measured at the end of a circuit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from itertools import chain, combinations, islice
from math import prod
from typing import Any

import numpy as np
import pennylane as qml
from attrs import field, frozen
from numpy.typing import NDArray
from pennylane import measurements as kinds

from qml_qdl.circuits.entropies import RenyiEntropyMP, check_order
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeError,
    TargetError,
)
from qml_qdl.circuits.validation import (
    MOST_WIRES,
    WiresLike,
    as_wires,
    check_count,
    validate_call,
)


class Readout(ABC):
    """What is measured at the end of a circuit: abstract base of all readouts.

    A readout of one's own may measure several things, of different kinds: their results
    are laid side by side, in their order, and then take the shape that it declares. All
    else follows from what `measure` returns, for which it is also called where a
    circuit is bound to a target. It runs at every call, unless its own body says
    `pure = True`, as `Encoding` describes.

    Example:
        >>> class Bloch(Readout):
        ...     '''⟨X⟩, ⟨Y⟩ and ⟨Z⟩ of the first wire, and its purity.'''
        ...     pure = True
        ...     def measure(self, wires):
        ...         vector = [qml.expval(op(wires[0])) for op in (qml.X, qml.Y, qml.Z)]
        ...         return [*vector, qml.purity(wires[:1])]
        ...     def output_shape(self, wires):
        ...         return (4,)
        >>> Bloch().needs_state((0, 1)), Bloch().needs_shots((0, 1))
        (True, False)
    """

    __slots__ = ()

    # ---- Must be defined: these two, and nothing else. ----

    @abstractmethod
    def measure(self, wires: Sequence[Hashable]) -> Any:
        """Returns PennyLane's measurements.

        Args:
            wires: The circuit's wires, in order.
        """

    @abstractmethod
    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        """Shape of one row's result; None stands for the number of shots.

        Args:
            wires: The circuit's wires, in order.

        Raises:
            ArgumentError: The readout does not fit the wires.
        """

    # ---- Defined here for all, from what they measure. ----

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def measurements(self, wires: Sequence[Hashable]) -> tuple[Any, ...]:
        """What `measure` returned when it was first asked, one after the other.

        Args:
            wires: The circuit's wires, in order.

        Returns:
            PennyLane's measurements.
        """
        try:
            return _kept(self, tuple(wires))
        except TypeError:  # a readout of one's own that does not hash
            return _measured(self, wires)

    def needs_shots(self, wires: Sequence[Hashable]) -> bool:
        """Whether it is made of single shots, as samples are, which have no gradients.

        Args:
            wires: The circuit's wires, in order.
        """
        every = self.measurements(wires)
        return not all(isinstance(one, kinds.StateMeasurement) for one in every)

    def needs_state(self, wires: Sequence[Hashable]) -> bool:
        """Whether no shots tell it: a state, or what is not linear in one, as purity.

        Only simulators without shots have it, and its gradients only those through
        which derivatives are propagated back.

        Args:
            wires: The circuit's wires, in order.
        """
        by_shots = (kinds.SampleMeasurement, kinds.MeasurementTransform)
        return not all(isinstance(one, by_shots) for one in self.measurements(wires))

    def needs_state_vector(self, wires: Sequence[Hashable]) -> bool:
        """Whether it has amplitudes, which are those of pure states only.

        Args:
            wires: The circuit's wires, in order.
        """
        return any(type(one) is kinds.StateMP for one in self.measurements(wires))

    def is_mean(self, wires: Sequence[Hashable]) -> bool:
        """Whether all results are expectation values.

        Args:
            wires: The circuit's wires, in order.
        """
        return all(isinstance(m, kinds.ExpectationMP) for m in self.measurements(wires))

    def is_whole(self, wires: Sequence[Hashable]) -> bool:
        """Whether all results are whole numbers, which have no NaN.

        Args:
            wires: The circuit's wires, in order.
        """
        bits = (kinds.SampleMP, kinds.ClassicalShadowMP)
        every = self.measurements(wires)
        return all(isinstance(m, bits) and m.numeric_type is int for m in every)

    def locality(self, wires: Sequence[Hashable]) -> int:
        """On how many wires an observable acts, at most and at least 1.

        Args:
            wires: The circuit's wires, in order.

        Returns:
            Letters but I of the longest Pauli word; all wires of an observable that has
            no words, and all of the circuit's where other things are measured than
            expectation values.
        """
        sizes = [1]
        for one in _measured(self, wires):
            if not isinstance(one, kinds.ExpectationMP) or one.obs is None:
                return len(wires)
            words = one.obs.pauli_rep
            sizes += map(len, words) if words else [len(one.obs.wires)]
        return max(sizes)

    def outcomes(self, wires: Sequence[Hashable]) -> NDArray[np.float64] | None:
        """As which two numbers shots count in each output, where they are only two.

        The variance of a shot is then known from the mean m: (a − m)(m − b).

        Args:
            wires: The circuit's wires, in order.

        Returns:
            (outputs, 2); None if something else is measured than expectation values of
            single Pauli words, and probabilities.

        Example:
            >>> Expectation([2 * qml.Z(0)]).outcomes((0,))
            array([[ 2., -2.]])
        """
        found: list[tuple[float, float]] = []
        for one in _measured(self, wires):
            if isinstance(one, kinds.ProbabilityMP):
                found += [(0.0, 1.0)] * one.shape(None, len(wires))[0]
                continue
            words = one.obs and one.obs.pauli_rep
            if not isinstance(one, kinds.ExpectationMP) or not words or len(words) > 1:
                return None
            scale = float(qml.math.real(qml.math.detach(*words.values())))
            found.append((scale, -scale))
        return np.array(found)

    def check(self, wires: Sequence[Hashable], shots: int | None) -> None:
        """Checks that it can be had with some shots, and has the shape it declares.

        Args:
            wires: The circuit's wires, in order.
            shots: Number of shots; None for exact results.

        Raises:
            TargetError: It needs shots and there are none, or the other way round.
            ArgumentError: It measures a wire that is none of them.
            ShapeError: What is measured is more, or less, than is declared.
            ArgumentTypeError: Its results are no arrays.
        """
        if shots is None and self.needs_shots(wires):
            raise TargetError(
                f"shots: samples need a number of shots, got None for {self!r}; pass "
                "shots=1000, say"
            )
        if shots is not None and self.needs_state(wires):
            raise TargetError(
                f"shots: {self!r} is known of a state only, which shots do not tell, "
                f"got shots={shots}; use shots=None on a simulator, or read out "
                "expectation values or probabilities instead"
            )
        every = self.measurements(wires)
        for one in every:
            _subset(tuple(one.wires), wires)
        if any(isinstance(one, kinds.CountsMP) for one in every):
            raise ArgumentTypeError(
                f"readout: {self!r} counts outcomes in a dictionary, and results are "
                "tensors; measure qml.probs or qml.sample"
            )
        declared = tuple(shots if n is None else n for n in self.output_shape(wires))
        try:
            shapes = [one.shape(shots, len(wires)) for one in every]
        except qml.exceptions.QuantumFunctionError:
            return  # a measurement of one's own need not tell beforehand
        if prod(n or 0 for n in declared) != sum(map(prod, shapes)):
            found = shapes[0] if len(shapes) == 1 else (sum(map(prod, shapes)),)
            raise ShapeError(
                f"readout: output_shape declares {declared} for one row, but what is "
                f"measured has, laid side by side, the shape {found}; make them agree"
            )


def _measured(readout: Readout, wires: Sequence[Hashable]) -> tuple[Any, ...]:
    with qml.queuing.AnnotatedQueue():  # a queue of its own, and alone among threads
        found = readout.measure(wires)
    return (found,) if isinstance(found, kinds.MeasurementProcess) else tuple(found)


# PennyLane's queues are of no thread: a layer that moves must not use one, as another
# thread may just run, so kinds are asked for once.
_kept = lru_cache(maxsize=1024)(_measured)


def _as_observables(items: Any) -> tuple[Any, ...]:
    if items is None:
        return ()
    # Sums and products of operators are iterable too, over their parts.
    lone = isinstance(items, str | qml.operation.Operator)
    observables = (items,) if lone or not isinstance(items, Iterable) else tuple(items)
    for item in observables:
        if isinstance(item, qml.operation.Operator):
            continue
        if not isinstance(item, str) or not item or set(item) - set("IXYZ"):
            raise ArgumentTypeError(
                f"observables: expected Pauli words such as 'ZIZ' or PennyLane "
                f"operators, got {item!r}"
            )
    return observables


@validate_call
@frozen
class Expectation(Readout):
    """Expectation values, one output for each observable.

    Args:
        observables: Pauli words as text, one letter a wire in the circuit's order
            ("ZIZ"), or PennyLane operators, Hamiltonians among them. None means ⟨Z⟩ on
            every wire.

    Raises:
        ArgumentTypeError: An observable is neither.
        ArgumentError: A word's length is not the number of wires (raised where the
            circuit is made).

    Example:
        >>> Expectation(["ZZ", "XI"]).output_shape((0, 1))
        (2,)
    """

    observables: tuple[Any, ...] = field(default=(), converter=_as_observables)

    def __repr__(self) -> str:
        arguments = repr(list(self.observables)) if self.observables else ""
        return f"Expectation({arguments})"

    def measure(self, wires: Sequence[Hashable]) -> Any:
        """Returns one `expval` for each observable."""
        words = self.observables or z_words(len(wires), len(wires))
        return [qml.expval(_observable(word, wires)) for word in words]

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        """One number for each observable."""
        for item in self.observables:
            if isinstance(item, str):
                if len(item) != len(wires):
                    raise ArgumentError(
                        f"observables: expected a letter for each of {len(wires)} "
                        f"wires, got {item!r}; write I for wires that are not measured"
                    )
            elif set(item.wires) - set(wires):
                raise ArgumentError(
                    f"observables: {item!r} acts on {list(item.wires)}, but the "
                    f"circuit has the wires {list(wires)}"
                )
        return (len(self.observables or wires),)


def _observable(word: Any, wires: Sequence[Hashable]) -> Any:
    if not isinstance(word, str):
        return word
    letters = [pair for pair in zip(word, wires, strict=True) if pair[0] != "I"]
    if len(letters) == 1:  # nearly all of them, for which PennyLane takes long
        ((letter, wire),) = letters
        return getattr(qml, letter)(wire)
    wire_map = {wire: position for position, wire in enumerate(wires)}
    return qml.pauli.string_to_pauli_word(word, wire_map=wire_map)


def _as_wires_or_all(wires: WiresLike | None) -> tuple[Hashable, ...] | None:
    return None if wires is None else as_wires(wires)


def _subset(
    chosen: tuple[Hashable, ...] | None, wires: Sequence[Hashable]
) -> Sequence[Hashable]:
    unknown = set(chosen or ()) - set(wires)
    if unknown:
        raise ArgumentError(
            f"wires: the readout names {sorted(map(str, unknown))}, but the circuit "
            f"has the wires {list(wires)}"
        )
    return chosen or wires


@frozen
class Probabilities(Readout):
    """Probabilities of the bit strings on some wires, the first wire's bit leading.

    Args:
        wires: Which wires; None means all, in the circuit's order.

    Raises:
        ArgumentError: A wire is not in the circuit (raised where the circuit is made).

    Example:
        >>> Probabilities().output_shape((0, 1, 2))
        (8,)
    """

    wires: tuple[Hashable, ...] | None = field(default=None, converter=_as_wires_or_all)

    def measure(self, wires: Sequence[Hashable]) -> Any:
        """Returns PennyLane's `probs`."""
        return qml.probs(wires=_subset(self.wires, wires))

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        """2ᵏ for k wires."""
        return (2 ** len(_subset(self.wires, wires)),)


@frozen
class Samples(Readout):
    """Measured bits, one row of 0 and 1 for each shot; not differentiable.

    Args:
        wires: Which wires; None means all, in the circuit's order.

    Raises:
        ArgumentError: A wire is not in the circuit (raised where the circuit is made).

    Example:
        >>> Samples([0, 2]).output_shape((0, 1, 2))
        (None, 2)
    """

    wires: tuple[Hashable, ...] | None = field(default=None, converter=_as_wires_or_all)

    def measure(self, wires: Sequence[Hashable]) -> Any:
        """Returns PennyLane's `sample`."""
        return qml.sample(wires=_subset(self.wires, wires))

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        """(shots, k) for k wires; the number of shots is not known here."""
        return (None, len(_subset(self.wires, wires)))


@frozen
class State(Readout):
    """The state vector, complex, the first wire's bit leading; simulators only.

    Example:
        >>> State().output_shape((0, 1, 2))
        (8,)
    """

    def measure(self, wires: Sequence[Hashable]) -> Any:
        """Returns PennyLane's `state`."""
        return qml.state()

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        """2ⁿ for n wires."""
        return (2 ** len(wires),)


@frozen
class Entropy(Readout):
    """The entropy of some wires, which for pure states is their entanglement.

    In nats; of pure states it is that of all other wires as well. Its gradient is
    finite also where wires are not entangled, or equally in several ways.

    Args:
        wires: Which wires; None means the first half, in the circuit's order.
        order: Rényi's order α, from 0 to infinity: 1 is von Neumann's entropy
            −Tr ρ log ρ, 2 is −log of the purity, others (log Tr ρ^α)/(1 − α).

    Raises:
        ArgumentError: The order is negative, or a wire is not in the circuit (raised
            where the circuit is made).

    Example:
        >>> Entropy([0]).output_shape((0, 1, 2))
        (1,)
    """

    wires: tuple[Hashable, ...] | None = field(default=None, converter=_as_wires_or_all)
    order: float = 1.0

    def __attrs_post_init__(self) -> None:
        check_order(self.order)

    def measure(self, wires: Sequence[Hashable]) -> Any:
        """Returns a `RenyiEntropyMP`."""
        half = tuple(wires[: max(1, len(wires) // 2)])
        return RenyiEntropyMP(_subset(self.wires or half, wires), self.order)

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        """One number."""
        return (1,)


@frozen
class MutualInformation(Readout):
    """Von Neumann's mutual information of two sets of wires, S(A) + S(B) − S(AB).

    In nats; twice the entropy of one where both are all wires of a pure state.

    Args:
        first: Wires A.
        second: Wires B.

    Raises:
        ArgumentError: They have a wire in common, or one is not in the circuit (raised
            where the circuit is made).

    Example:
        >>> MutualInformation([0], [2]).output_shape((0, 1, 2))
        (1,)
    """

    first: tuple[Hashable, ...] = field(converter=as_wires)
    second: tuple[Hashable, ...] = field(converter=as_wires)

    def __attrs_post_init__(self) -> None:
        as_wires((*self.first, *self.second))  # which must differ

    def measure(self, wires: Sequence[Hashable]) -> Any:
        """Returns PennyLane's `mutual_info`."""
        return qml.mutual_info(_subset(self.first, wires), _subset(self.second, wires))

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        """One number."""
        return (1,)


def z_words(num_wires: int, count: int) -> tuple[str, ...]:
    """The first Pauli words of I and Z: all single Z, then all pairs, and so on.

    Args:
        num_wires: Letters in a word, n.
        count: How many words, 1 … 2ⁿ − 1.

    Returns:
        The words.

    Raises:
        ArgumentError: There are not so many words.

    Example:
        >>> z_words(3, 4)
        ('ZII', 'IZI', 'IIZ', 'ZZI')
    """
    check_count("num_wires", num_wires, most=MOST_WIRES)
    check_count("count", count)
    if count > 2**num_wires - 1:
        raise ArgumentError(
            f"count: {num_wires} wires have {2**num_wires - 1} words of I and Z, "
            f"got {count}; use more wires"
        )
    positions: Iterable[tuple[int, ...]] = chain.from_iterable(
        combinations(range(num_wires), weight) for weight in range(1, num_wires + 1)
    )
    return tuple(
        "".join("Z" if wire in chosen else "I" for wire in range(num_wires))
        for chosen in islice(positions, count)
    )
