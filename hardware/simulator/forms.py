"""Numbers of the form factor · source + offset, followed through a traced graph."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import torch
from attrs import frozen
from torch import Tensor
from torch.fx import Node

_aten = torch.ops.aten

_SHAPE_ONLY = frozenset(
    {
        _aten.alias.default,
        _aten.clone.default,
        _aten.detach.default,
        _aten.expand.default,
        _aten.lift_fresh_copy.default,
        _aten.permute.default,
        _aten.select.int,
        _aten.slice.Tensor,
        _aten.squeeze.default,
        _aten.squeeze.dim,
        _aten.t.default,
        _aten.transpose.int,
        _aten.unbind.int,
        _aten.unsqueeze.default,
        _aten.view.default,
        operator.getitem,
    }
)
"""Operations that move numbers about, and leave each what it is."""


@frozen(eq=False)
class Form:
    """Numbers of the form factor · source + offset.

    Args:
        source: Which number of x, then θ; −1 for none. Of any shape.
        factor: Of the same shape.
        offset: Of the same shape.
    """

    source: Tensor
    factor: Tensor
    offset: Tensor

    @classmethod
    def constant(cls, value: Tensor) -> Form:
        """Numbers that depend on nothing."""
        value = value.double()
        return cls(torch.full(value.shape, -1), torch.zeros_like(value), value)

    def mapped(self, function: Any, *rest: Any) -> Any:
        """The numbers moved about by a tensor operation."""
        parts = [function(t, *rest) for t in (self.source, self.factor, self.offset)]
        if isinstance(parts[0], Tensor):
            return Form(*parts)
        return [Form(*each) for each in zip(*parts, strict=True)]

    def scaled(self, factor: Any) -> Form:
        """The numbers times a constant."""
        source = self.source.expand((self.factor * factor).shape)
        return Form(source, self.factor * factor, self.offset * factor)

    def shifted(self, offset: Any) -> Form:
        """The numbers plus a constant."""
        moved = self.offset + offset
        return Form(
            self.source.expand(moved.shape), self.factor.expand(moved.shape), moved
        )


def form_of(node: Node, known: Mapping[Node, Any]) -> Any:
    """The form of a node's result.

    Args:
        node: A node of a traced graph.
        known: The forms of the nodes before it; None where one has none.

    Returns:
        The form, a list of forms for an operation with several results, or None.
    """
    arguments: list[Any] = [
        known.get(a) if isinstance(a, Node) else a for a in node.args
    ]
    if any(
        a is None and isinstance(n, Node)
        for a, n in zip(arguments, node.args, strict=True)
    ):
        return None
    first = arguments[0] if arguments else None
    target: Any = node.target
    if isinstance(first, list) and target is operator.getitem:
        return first[arguments[1]]
    if not isinstance(first, Form) or node.kwargs.keys() - {"dtype"}:
        return None
    if target in _SHAPE_ONLY:
        return first.mapped(target, *arguments[1:])
    second = arguments[1] if len(arguments) == 2 else None
    if isinstance(second, Form):
        if target is _aten.mul.Tensor and (first.source < 0).all():
            first, second = second, first
        second = second.offset if (second.source < 0).all() else None
    if target is _aten.neg.default:
        return first.scaled(-1.0)
    if second is None:
        return None
    if target is _aten.mul.Tensor:
        return first.scaled(second)
    if target is _aten.div.Tensor:
        return first.scaled(1.0 / second)
    if target is _aten.add.Tensor:
        return first.shifted(second)
    if target is _aten.sub.Tensor:
        return first.shifted(-second)
    if target is _aten.rsub.Scalar:
        return first.scaled(-1.0).shifted(second)
    return None
