"""Which fields a feature map holds: orders of rotation with their multiplicities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, TypeAlias

import torch
from attrs import field, frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import MOST, check_count, check_number, validate_call

Fields: TypeAlias = Annotated[Tensor, "complex, or real where all orders are 0"]
"""A feature map of a `FieldType`: (rows, size, H, W)."""

MOST_ORDER = 1000
"""No field has a higher order of rotation, nor a lower one than minus this."""


def _sorted(multiplicities: object) -> Mapping[int, int]:
    if not isinstance(multiplicities, Mapping) or not multiplicities:
        raise ArgumentTypeError(
            "multiplicities: expected how many fields there are of each order, such as "
            f"{{0: 8, 1: 4}}, got {multiplicities!r}"
        )
    for order, count in multiplicities.items():
        check_count("multiplicities: an order", order, -MOST_ORDER, MOST_ORDER)
        check_count(f"multiplicities: of order {order}", count)
    return dict(sorted((int(m), int(n)) for m, n in multiplicities.items()))


@validate_call
@frozen(slots=False)
class FieldType:
    """How the channels of a complex feature map turn with the picture.

    Where the picture is turned by α, counter-clockwise on the screen, a field of order
    m moves with it and is multiplied by `exp(i m α)`: it is a section of the bundle
    that the representation m of SO(2) induces over the plane. Fields of order 0 are
    pictures; gradients, as complex numbers, have order 1.

    Args:
        multiplicities: How many fields there are of each order; channels are in rising
            order.

    Raises:
        ArgumentError: There are no fields of an order, or an order is too high.
        ArgumentTypeError: It is no mapping of whole numbers.

    Example:
        >>> kind = FieldType({1: 2, 0: 3})
        >>> kind.size, kind.orders
        (5, (0, 0, 0, 1, 1))
        >>> kind
        FieldType({0: 3, 1: 2})
    """

    multiplicities: Mapping[int, int] = field(converter=_sorted)

    @classmethod
    def uniform(cls, channels: int, max_order: int) -> FieldType:
        """As many fields of each order from 0 up.

        Args:
            channels: Fields of each order, at least 1.
            max_order: The highest order, at least 0.

        Raises:
            ArgumentError: A number is too small.

        Example:
            >>> FieldType.uniform(4, 2)
            FieldType({0: 4, 1: 4, 2: 4})
        """
        check_count("max_order", max_order, 0, MOST_ORDER)
        check_count("channels", channels)
        return cls(dict.fromkeys(range(max_order + 1), channels))

    def __repr__(self) -> str:
        """As it was made."""
        return f"FieldType({dict(self.multiplicities)})"

    def __hash__(self) -> int:
        """Equal types have equal hashes."""
        return hash(self.orders)

    @cached_property
    def orders(self) -> tuple[int, ...]:
        """The order of each channel."""
        return tuple(m for m, n in self.multiplicities.items() for _ in range(n))

    @property
    def size(self) -> int:
        """How many channels there are, each of complex numbers."""
        return len(self.orders)

    def check(self, fields: Fields) -> None:
        """Refuses what is no feature map of this type.

        Args:
            fields: What came; real numbers are fine where all orders are 0.

        Raises:
            ShapeError: It is not (rows, size, H, W).
            ArgumentTypeError: The numbers are whole, or real where an order is not 0.
        """
        self._check_channels(fields, "H, W")
        scalar = fields.is_floating_point() and not any(self.orders)
        if not (fields.is_complex() or scalar):
            raise ArgumentTypeError(
                f"fields: expected complex numbers for {self}, got {fields.dtype}; "
                "only pictures, of order 0, may be real"
            )

    def _check_channels(self, fields: Fields, places: str = "...") -> None:
        if not isinstance(fields, Tensor):
            raise ArgumentTypeError(
                f"fields: expected a Tensor, got {fields!r}; make one with "
                "torch.as_tensor"
            )
        fits = fields.ndim == 4 if places == "H, W" else fields.ndim >= 2
        if not fits or fields.shape[1] != self.size:
            raise ShapeError(
                f"fields: expected (rows, {self.size}, {places}), a channel for each "
                f"field of {self}, got {tuple(fields.shape)}"
            )

    def turned(self, fields: Fields, angle: float) -> Tensor:
        """What a turn makes of the numbers, wherever it moves them.

        Args:
            fields: (rows, size, ...).
            angle: In radians, counter-clockwise.

        Returns:
            (rows, size, ...), complex: channel c times `exp(i orders[c] angle)`.

        Raises:
            ShapeError: There is not one channel for each field.

        Example:
            >>> import math
            >>> FieldType({0: 1, 2: 1}).turned(torch.ones(1, 2), math.pi / 2).real
            tensor([[ 1., -1.]])
        """
        check_number("angle", angle, -math.inf, math.inf)
        self._check_channels(fields)
        orders = torch.tensor(self.orders, dtype=torch.float64, device=fields.device)
        phases = torch.exp(1j * angle * orders)
        dtype = fields.dtype if fields.is_complex() else fields.dtype.to_complex()
        return fields * phases.to(dtype).reshape(-1, *(1,) * (fields.ndim - 2))

    def quarter_turned(self, fields: Fields, quarters: int = 1) -> Tensor:
        """Turns feature maps by multiples of 90°, which is exact.

        Args:
            fields: (rows, size, H, W).
            quarters: How often, counter-clockwise.

        Returns:
            (rows, size, H, W) or (rows, size, W, H), complex.

        Raises:
            ShapeError: The feature maps have another shape.
        """
        self.check(fields)
        check_count("quarters", quarters, -MOST, MOST)
        times = int(quarters) % 4
        return self.turned(fields.rot90(times, (-2, -1)), math.pi / 2 * times)
