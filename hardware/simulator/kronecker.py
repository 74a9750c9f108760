"""Kronecker products of many small factors, and their gradients."""

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor


@frozen(eq=False)
class Level:
    """Factors of Kronecker products, as vectors: equal ones, and perhaps a last one.

    Args:
        equal: (blocks, count, s), in order.
        last: (blocks, t) behind them; None for none.
    """

    equal: Tensor
    last: Tensor | None

    @property
    def done(self) -> bool:
        """Whether there is one factor only: the block."""
        return self.equal.shape[1] == 1 and self.last is None

    def next(self) -> Level:
        """Neighbours multiplied."""
        count = self.equal.shape[1]
        if count == 1:
            assert self.last is not None
            return Level(_products(self.equal, self.last[:, None]), None)
        if count % 2:
            # An odd one waits behind the pairs; blocks of up to 4 wires have only one.
            return Level(_products(*self._pairs()), self.equal[:, -1])
        return Level(_products(*self._pairs()), self.last)

    def _pairs(self) -> tuple[Tensor, Tensor]:
        end = self.equal.shape[1] // 2 * 2
        return self.equal[:, 0:end:2], self.equal[:, 1:end:2]

    def gradient(self, above: Level) -> Level:
        """Gradients of these factors from those of the next level's.

        Args:
            above: The gradients of what `next` returned, complex conjugated.

        Returns:
            Gradients in the shape of this level, conjugated.
        """
        if self.equal.shape[1] == 1:
            assert self.last is not None
            first, last = _split(above.equal, self.equal, self.last[:, None])
            return Level(first, last[:, 0])
        pair = _split(above.equal, *self._pairs())
        equal = torch.stack(pair, dim=2).flatten(1, 2)
        if self.equal.shape[1] % 2:
            assert above.last is not None
            return Level(torch.cat((equal, above.last[:, None]), dim=1), None)
        return Level(equal, above.last)


def _products(left: Tensor, right: Tensor) -> Tensor:
    """Products of the entries of vectors (blocks, count, ·)."""
    return (left[..., :, None] * right[..., None, :]).flatten(2)


def _split(gradient: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Conjugated gradients of vectors from those of their products' entries."""
    rows, columns = left.shape[-1], right.shape[-1]
    view = gradient.reshape(-1, rows, columns)
    first = torch.bmm(view, right.reshape(-1, columns, 1))
    second = torch.bmm(left.reshape(-1, 1, rows), view)
    return first.reshape(left.shape), second.reshape(right.shape)
