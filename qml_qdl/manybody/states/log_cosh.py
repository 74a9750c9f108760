"""The logarithm of a hyperbolic cosine, of any size."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def log_cosh(x: Tensor) -> Tensor:
    """The logarithm of cosh x, for real and complex x, also where that is too large.

    Args:
        x: Any tensor.

    Returns:
        The same shape.

    Example:
        >>> import torch
        >>> log_cosh(torch.tensor([0.0, 1000.0])).round(decimals=2)
        tensor([  0.0000, 999.3100])
    """
    if x.is_complex():
        x = torch.where(x.real < 0, -x, x)
        return x + torch.log1p(torch.exp(-2 * x)) - math.log(2)
    x = x.abs()
    return x + nn.functional.softplus(-2 * x) - math.log(2)
