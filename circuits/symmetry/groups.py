"""Finite groups by their action on wires."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MissingAttributeError,
    ShapeError,
)
from qml_qdl.circuits.symmetry.wire_action import WireAction
from qml_qdl.circuits.validation import validate_call

MOST_ELEMENTS = 100_000
"""No larger group is written out element by element."""


def _as_actions(generators: Any) -> tuple[WireAction, ...]:
    lone = isinstance(generators, WireAction)
    given = (generators,) if lone else generators
    if not isinstance(given, Iterable):
        raise ArgumentTypeError(
            f"generators: expected wire actions, got {generators!r}"
        )
    actions = tuple(given)
    for action in actions:
        if not isinstance(action, WireAction):
            raise ArgumentTypeError(
                f"generators: expected wire actions, got {action!r}"
            )
    if not actions:
        raise ArgumentError(
            "generators: expected at least one wire action, got none; the trivial "
            "group has the generator WireAction.identity(n)"
        )
    sizes = sorted({action.num_wires for action in actions})
    if len(sizes) > 1:
        raise ArgumentError(
            f"generators: expected actions on the same wires, got some on {sizes[0]} "
            f"and some on {sizes[-1]} wires"
        )
    return actions


@validate_call
@frozen(repr=False, slots=False)
class WireGroup:
    """A finite group of wire actions, given by elements that generate it.

    Whatever is generated is a group: products and inverses belong to it. Where all
    elements are known, `from_elements` checks that they are one.

    Args:
        generators: Wire actions on the same number of wires.

    Raises:
        ArgumentError: There is no generator, or they act on different wires.
        ArgumentTypeError: They are no wire actions.

    Example:
        >>> shift = WireAction([1, 2, 3, 0])
        >>> WireGroup([shift]).order
        4
    """

    generators: tuple[WireAction, ...] = field(converter=_as_actions)

    @classmethod
    def from_elements(
        cls,
        elements: Iterable[WireAction],
        table: Sequence[Sequence[int]] | None = None,
    ) -> WireGroup:
        """A group all of whose elements are given, checked to be one.

        Actions that differ by a phase count as equal, so that representations up to a
        phase, as {I, X, Y, Z} on one wire, will do.

        Args:
            elements: All actions. Without a table each is given once.
            table: The multiplication table of the abstract group: `table[g][h]` is the
                index of gh. With it, several elements may act alike.

        Returns:
            The group.

        Raises:
            ArgumentError: The identity, an inverse or a product is missing, or the
                actions do not multiply as the table says.
            ArgumentTypeError: An element is no wire action.

        Example:
            >>> swap = WireAction([1, 0])
            >>> WireGroup.from_elements([WireAction.identity(2), swap]).order
            2
        """
        actions = _as_actions(elements)
        if table is not None:
            _check_table(actions, table)
            return cls(actions)
        known = set(actions)
        if len(known) < len(actions):
            raise ArgumentError(
                f"elements: {len(actions)} actions were given, but only {len(known)} "
                "differ; give each once, or say with table= how they multiply"
            )
        if WireAction.identity(actions[0].num_wires) not in known:
            raise ArgumentError(
                "elements: the identity is missing; a group has one: add "
                f"WireAction.identity({actions[0].num_wires})"
            )
        for action in actions:
            if action.inverse not in known:
                raise ArgumentError(
                    f"elements: the inverse of {action!r} is missing; add "
                    f"{action.inverse!r}, or pass generators to WireGroup"
                )
        for second, first in product(actions, repeat=2):
            if second @ first not in known:
                raise ArgumentError(
                    f"elements: not closed, {second!r} after {first!r} is missing; "
                    f"add {second @ first!r}, or pass generators to WireGroup"
                )
        return cls(actions)

    @property
    def num_wires(self) -> int:
        """How many wires it acts on."""
        return self.generators[0].num_wires

    @cached_property
    def elements(self) -> tuple[WireAction, ...]:
        """All elements, the identity first.

        Raises:
            MissingAttributeError: There are more than `MOST_ELEMENTS`.
        """
        start = WireAction.identity(self.num_wires)
        found = {start: None}
        waiting = deque([start])
        while waiting:
            element = waiting.popleft()
            for generator in self.generators:
                further = generator @ element
                if further in found:
                    continue
                if len(found) == MOST_ELEMENTS:
                    raise MissingAttributeError(
                        f"group: it has more than {MOST_ELEMENTS} elements; use what "
                        "needs its generators only"
                    )
                found[further] = None
                waiting.append(further)
        return tuple(found)

    @property
    def order(self) -> int:
        """How many elements it has."""
        return len(self.elements)

    @cached_property
    def table(self) -> NDArray[np.int64]:
        """The multiplication table, where `table[g, h]` is the index of gh, h first."""
        index = {element: i for i, element in enumerate(self.elements)}
        rows = [[index[g @ h] for h in self.elements] for g in self.elements]
        return np.array(rows)

    def joined(self, other: WireGroup) -> WireGroup:
        """The group that both groups generate together.

        Args:
            other: A group on the same number of wires.

        Returns:
            The group.

        Raises:
            ArgumentError: The other group acts on more or fewer wires.
        """
        return WireGroup(self.generators + other.generators)

    def __repr__(self) -> str:
        return f"WireGroup({list(self.generators)!r})"


def _check_table(
    actions: tuple[WireAction, ...], table: Sequence[Sequence[int]]
) -> None:
    rows = np.asarray(table)
    size = len(actions)
    if rows.shape != (size, size) or not np.isin(rows, np.arange(size)).all():
        raise ArgumentError(
            f"table: expected {size} × {size} indices of elements, got an array of "
            f"shape {rows.shape}"
        )
    for (g, second), (h, first) in product(enumerate(actions), repeat=2):
        expected = int(rows[g, h])
        if second @ first != actions[expected]:
            raise ArgumentError(
                f"elements: not a representation, element {g} after element {h} acts "
                f"as {second @ first!r}, but the table says element {expected}, "
                f"{actions[expected]!r}; correct the action or the table"
            )


def commutant_dimension(group: WireGroup) -> int:
    """How many independent operators commute with all elements of a group.

    It is the mean of `|tr U|²` over the group. For all permutations of n wires it is
    C(n + 3, 3) (Schatzki et al. 2022, arXiv:2210.09974), which grows only like n³.

    Args:
        group: The group.

    Returns:
        The dimension of the algebra of equivariant operators.

    Raises:
        ArgumentError: The group has more than `MOST_ELEMENTS` elements.

    Example:
        >>> from qml_qdl.circuits.symmetry.named_groups import symmetric_group
        >>> [commutant_dimension(symmetric_group(n)) for n in (2, 3, 4)]
        [10, 20, 35]
    """
    squares = [element.character() ** 2 for element in group.elements]
    return round(sum(squares) / len(squares))


def group_correlation(
    signal: NDArray[Any], kernel: NDArray[Any], group: WireGroup
) -> NDArray[Any]:
    """The equivariant correlation on a group: Σₕ f(h) ψ(g⁻¹h).

    A translation (Lᵤf)(g) = f(u⁻¹g) of the signal translates the result alike (Cohen
    and Welling 2016, arXiv:1602.07576). With ψ(gh) in place of ψ(g⁻¹h), as the formula
    is at times printed, it is translated on the other side and by the inverse.

    Args:
        signal: f, (..., order), in the order of `group.elements`.
        kernel: ψ, (order,).
        group: The group.

    Returns:
        Array (..., order).

    Raises:
        ShapeError: Signal or kernel do not have one number for each element.

    Example:
        >>> from qml_qdl.circuits.symmetry.named_groups import translations
        >>> f, psi = np.array([1, 2, 3, 4, 5]), np.array([1, 0, -1, 0, 0])
        >>> group_correlation(f, psi, translations(5)).tolist()
        [-2, -2, -2, 3, 3]
    """
    order = group.order
    if signal.shape[-1:] != (order,) or kernel.shape != (order,):
        raise ShapeError(
            f"signal, kernel: expected (..., {order}) and ({order},), one number for "
            f"each element of the group, got {signal.shape} and {kernel.shape}"
        )
    inverses = np.argmax(group.table == 0, axis=1)
    return np.asarray(signal @ kernel[group.table[inverses]].T)
