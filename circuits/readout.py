"""Readouts: what is measured at the end of a circuit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from itertools import chain, combinations, islice
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import (
    MOST_WIRES,
    WiresLike,
    as_wires,
    check_count,
    validate_call,
)


class Readout(ABC):
    """What is measured at the end of a circuit: abstract base of all readouts.

    A readout of one's own may measure several things, which are laid side by side and
    then take the shape that it declares. It runs at every call, unless its own body
    says `pure = True`, as `Encoding` describes.
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
