"""States of many rows as tensors, and the elementwise work on them.

States are tensors (L, 2ⁿ, T), L leading and T trailing; one of both is 1, and the other
the number of rows:

- (1, 2ⁿ, rows) from `options.MANY_ROWS` rows on, so that permuting amplitudes moves
  whole rows of memory and every product is one large one;
- (rows, 2ⁿ, 1) with fewer rows, so that the last wires' products stay large too;
- (1, 2ⁿ, 1) with a single row, and with any number as long as all rows are the same: a
  step that `expands` has an angle that differs from row to row, and makes one state
  many by broadcasting. On the way back its ψ is any one of them; λ is their sum, since
  dL = Σᵣ Re λᵣᵀdψ.
"""

from __future__ import annotations

import torch
from torch import Tensor


def phases_of(angles: Tensor) -> Tensor:
    """exp(i·angle), elementwise."""
    return torch.complex(angles.cos(), angles.sin())


def outer_product(factors: Tensor) -> Tensor:
    """The tensor product over wires of vectors with two entries.

    Args:
        factors: (n, 2, rows).

    Returns:
        (2ⁿ, rows), the first wire's bit leading.
    """
    tail: Tensor | None = None
    while len(factors) > 1:
        if len(factors) % 2:
            last = factors[-1]
            if tail is not None:
                last = (last[:, None] * tail).flatten(0, 1)
            tail, factors = last, factors[:-1]
        factors = (factors[0::2, :, None] * factors[1::2, None]).flatten(1, 2)
    if tail is None:
        return factors[0]
    return (factors[0][:, None] * tail).flatten(0, 1)


def as_layout(values: Tensor, few_rows: bool) -> Tensor:
    """(2ⁿ, rows) in the layout of states: (1, 2ⁿ, rows), or (rows, 2ⁿ, 1)."""
    return values.T[:, :, None] if few_rows else values[None]


def from_layout(values: Tensor, batched: bool) -> Tensor:
    """(L, 2ⁿ, T) as (2ⁿ, rows); summed over rows where angles are common to all."""
    flat = values[0] if values.shape[0] == 1 else values[:, :, 0].T
    return flat if batched else flat.sum(1, keepdim=True)


def marginals(values: Tensor) -> Tensor:
    """Sums over all amplitudes of each wire's two settings.

    Args:
        values: (2ⁿ, rows).

    Returns:
        (2n, rows): for each wire the sum where its bit is 0, then 1.
    """
    rows = values.shape[1]
    size = values.shape[0].bit_length() - 1
    if size == 1:
        return values
    half = size // 2
    view = values.reshape(2**half, 2 ** (size - half), rows)
    return torch.cat([marginals(view.sum(1)), marginals(view.sum(0))])


def before_expansion(
    state: Tensor | None, gradient: Tensor, few_rows: bool
) -> tuple[Tensor | None, Tensor]:
    """What a step undid, as it was when there was one row for all: ψ of one, λ of all.

    Args:
        state: (L, 2ⁿ, T), the same in every row; None if not known.
        gradient: (L, 2ⁿ, T), each row's part of the one row's gradient.
        few_rows: Whether rows are the leading dimension.

    Returns:
        State, None if it was, and gradient, (1, 2ⁿ, 1).
    """
    dimension = 0 if few_rows else 2
    if state is not None:
        state = state.narrow(dimension, 0, 1)
    return state, gradient.sum(dimension, keepdim=True)
