"""Inputs of any leading dimensions as rows, and results back in these dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.nn.results import at_least_single, like, neutral_rows


@frozen(eq=False)
class Rows:
    """A layer's inputs as rows.

    Args:
        inputs: For each input (rows, features), or (features,), in a precision that
            complex numbers have.
        count: Number of rows that run; None where there is no such dimension.
        leading: The dimensions that the rows are.
    """

    inputs: list[Tensor]
    count: int | None
    leading: torch.Size

    @classmethod
    def of(cls, inputs: Sequence[Tensor]) -> Rows:
        """Lays all leading dimensions into one.

        Args:
            inputs: (..., features), with the same leading dimensions.

        Returns:
            The rows; a single one instead of none, for the result's shape, and for
            gradients that are zero.
        """
        leading = inputs[0].shape[:-1] if inputs else torch.Size()
        wide = [at_least_single(x) for x in inputs]
        if not leading:
            return cls(wide, None, leading)
        count = leading.numel()
        flat = [x.reshape(count, x.shape[-1]) for x in wide]
        if count == 0:
            flat = [torch.cat([x, neutral_rows(x, 1)]) for x in flat]
        return cls(flat, max(count, 1), leading)

    @property
    def are_none(self) -> bool:
        """Whether there were no rows, so that the one that runs was made up."""
        return 0 in self.leading

    def restored(self, result: Tensor, example: Tensor) -> Tensor:
        """A result in the dimensions that the inputs had.

        Args:
            result: (rows, *shape), or (*shape,).
            example: A tensor whose type and place the result shall have.

        Returns:
            (..., *shape).
        """
        if not self.leading:
            return like(result, example)
        kept = like(result[:0] if self.are_none else result, example)
        return kept.reshape(*self.leading, *kept.shape[1:])
