"""Explicit Runge-Kutta methods: tableaus, their steps, and how long these may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.validation import check_number, validate_call

Derivative = Callable[[float, Tensor], Tensor]
"""Takes a time and y, (P,), to dy/dt, (P,)."""

_SAFETY, _LEAST, _MOST = 0.9, 0.2, 5.0


@frozen
class Tableau:
    """An explicit Runge-Kutta method, by the numbers of Butcher's tableau.

    Args:
        order: The error of one step falls like the length to the power order + 1.
        stages: Of each stage but the first, how much of the stages before it counts.
        weights: How much each stage counts in a step.
        embedded: The weights of a step of the next lower order, from the same stages,
            by which an error is known; None where there is none.

    Example:
        >>> import torch
        >>> half = METHODS["rk4"].step(lambda t, y: y, 0.0, torch.ones(1), 0.5)
        >>> round(float(half[0]), 3)
        1.648
    """

    order: int
    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    embedded: tuple[float, ...] | None = None

    @property
    def nodes(self) -> tuple[float, ...]:
        """When the derivative of each stage is taken, as parts of the step."""
        return 0.0, *map(math.fsum, self.stages)

    @property
    def ends_there(self) -> bool:
        """Whether the last stage is where the step ends ("first same as last")."""
        last = self.stages[-1] if self.stages else ()
        return (*last, 0.0) == self.weights

    def step(
        self,
        derivative: Derivative,
        time: float,
        start: Tensor,
        length: float,
        first: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """One step.

        Args:
            derivative: What is integrated.
            time: When it begins.
            start: y there, (P,).
            length: How long it is.
            first: The derivative at the start, where it is known.

        Returns:
            y after the step, and its difference from the embedded step of lower order.
        """
        first = derivative(time, start) if first is None else first
        found = [first]
        for node, row in zip(self.nodes[1:], self.stages, strict=True):
            place = start + length * _sum(row, found)
            found.append(derivative(time + node * length, place))
        end = start + length * _sum(self.weights, found)
        if self.embedded is None:
            return end, None
        apart = [a - b for a, b in zip(self.weights, self.embedded, strict=True)]
        return end, length * _sum(apart, found)


def _sum(weights: tuple[float, ...] | list[float], terms: list[Tensor]) -> Tensor:
    total = weights[0] * terms[0]
    for weight, term in zip(weights[1:], terms[1:], strict=True):
        if weight:
            total = total + weight * term
    return total


_DORMAND_PRINCE = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)

METHODS: Mapping[str, Tableau] = MappingProxyType(
    {
        "euler": Tableau(1, (), (1.0,)),
        "heun": Tableau(2, ((1.0,),), (0.5, 0.5), (1.0, 0.0)),
        "rk4": Tableau(
            4, ((0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)
        ),
        "dormand_prince": Tableau(
            5,
            _DORMAND_PRINCE,
            (*_DORMAND_PRINCE[-1], 0.0),
            (
                *(5179 / 57600, 0.0, 7571 / 16695, 393 / 640),
                *(-92097 / 339200, 187 / 2100, 1 / 40),
            ),
        ),
    }
)
"""Methods by name; those of Heun and of Dormand and Prince know their error."""


@validate_call
def next_length(length: float, error: float, tolerance: float, order: int) -> float:
    """How long the next step may be, so that its error is below a tolerance.

    The error of the embedded step grows like the length to the power `order`, that of
    the method; one tenth less is taken, and a factor between 1/5 and 5.

    Args:
        length: That of the last step.
        error: Its error.
        tolerance: What it may be.
        order: The method's.

    Example:
        >>> round(next_length(0.1, error=1e-6, tolerance=3.2e-5, order=5), 9)
        0.18
    """
    check_number("tolerance", tolerance, high=math.inf)
    if not error < math.inf:  # also where it is no number
        return _LEAST * length
    factor = _SAFETY * math.pow(tolerance / max(error, 1e-300), 1 / order)
    return length * min(_MOST, max(_LEAST, factor))
