"""Gram matrices that noise has spoilt: its strength undone, eigenvalues repaired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pennylane as qml
import torch
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.nn.options import check_floating

_SWEEPS = 1000
_TOLERANCE = 1e-9


@validate_call
def repaired(gram: Tensor, method: str = "threshold") -> Tensor:
    """A Gram matrix without negative eigenvalues, which shots and noise make.

    Args:
        gram: (n, n), symmetric.
        method: "threshold" sets negative eigenvalues to 0, which gives the nearest such
            matrix; "flip" takes their absolute values; "displace" adds the least
            eigenvalue's to the diagonal; "unit" gives the nearest such matrix with 1 on
            the diagonal (Higham 2002, IMA J. Numer. Anal. 22, 329). See Hubregtsen et
            al. 2021, arXiv:2105.02276, and PennyLane's `kernels`.

    Returns:
        (n, n), without gradients.

    Raises:
        ShapeError: It is no square matrix.
        ArgumentError: It is not symmetric, a number is not finite, or the method is
            unknown.
        ArgumentTypeError: Its numbers are not floating.

    Example:
        >>> import torch
        >>> repaired(torch.tensor([[0.9, 1.0], [1.0, 0.9]])).round(decimals=4)
        tensor([[0.9500, 0.9500],
                [0.9500, 0.9500]])
    """
    check_choice("method", method, tuple(_METHODS))
    check_gram(gram)
    if not len(gram):
        return gram.detach().clone()
    found = _METHODS[method](gram.detach().cpu().double().numpy())
    return torch.as_tensor(found).to(gram)


@validate_call
def mitigate_depolarizing_noise(
    gram: Tensor, num_wires: int, method: str = "average"
) -> Tensor:
    """Undoes global depolarising noise, whose strength the diagonal tells.

    Of a fidelity kernel whose diagonal was measured (`measure_diagonal=True`), where it
    would be 1 without noise (Hubregtsen et al. 2021, arXiv:2105.02276, section V).

    Args:
        gram: (n, n), symmetric.
        num_wires: Wires of the circuit.
        method: "single" looks at the first number of the diagonal, "average" at its
            mean, "split_channel" has a strength for each point.

    Returns:
        (n, n), without gradients.

    Raises:
        ShapeError: It is no square matrix.
        ArgumentError: It is not symmetric, a number is not finite, the method is
            unknown, or the diagonal shows nothing but noise.
        ArgumentTypeError: Its numbers are not floating.

    Example:
        >>> import torch
        >>> noisy = 0.6 * torch.tensor([[1.0, 0.5], [0.5, 1.0]]) + 0.4 / 4
        >>> mitigate_depolarizing_noise(noisy, 2).round(decimals=4)
        tensor([[1.0000, 0.5000],
                [0.5000, 1.0000]])
    """
    check_choice("method", method, ("single", "average", "split_channel"))
    check_count("num_wires", num_wires, most=1000)
    check_gram(gram)
    if not len(gram):
        return gram.detach().clone()
    numbers = gram.detach().cpu().double().numpy()
    own = np.diag(numbers)
    seen = {"single": own[:1], "average": own.mean(keepdims=True)}.get(method, own)
    if seen.min() <= 0.5**num_wires:
        raise ArgumentError(
            f"gram: expected a diagonal above 1/2ⁿ = {0.5**num_wires:.3g}, which is "
            f"what noise alone gives, got {seen.min():.3g}; use fewer gates or more "
            "shots"
        )
    found = qml.kernels.mitigate_depolarizing_noise(numbers, num_wires, method)
    return torch.as_tensor(found).to(gram)


def check_gram(gram: Tensor) -> None:
    """Checks that something is the Gram matrix of points with themselves.

    Args:
        gram: What came.

    Raises:
        ShapeError: It is no square matrix.
        ArgumentError: It is not symmetric, or a number is not finite.
        ArgumentTypeError: Its numbers are not floating.
    """
    check_floating("gram", gram)
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1]:
        raise ShapeError(
            f"gram: expected a square matrix, got shape {tuple(gram.shape)}; pass "
            "kernel(x)"
        )
    values = gram.detach()
    if not bool(values.isfinite().all()):
        raise ArgumentError("gram: expected finite numbers, got NaN or infinity")
    if len(values) and not torch.allclose(values, values.T, rtol=1e-3, atol=1e-4):
        raise ArgumentError(
            "gram: expected a symmetric matrix, got one that differs from its "
            f"transpose by {float((values - values.T).abs().max()):.3g}; pass "
            "kernel(x), or the mean of both"
        )


def _nearest_unit(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest matrix without negative eigenvalues and with ones on the diagonal.

    Projections onto both sets, in turn, come near it if each time what the first one
    took away before is given back (Dykstra).
    """
    current, taken = gram.copy(), np.zeros_like(gram)
    for _ in range(_SWEEPS):
        before = current
        positive = qml.kernels.threshold_matrix(current - taken)
        taken = positive - (current - taken)
        current = positive.copy()
        np.fill_diagonal(current, 1.0)
        if np.abs(current - before).max() < _TOLERANCE:
            break
    return current


_METHODS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "threshold": qml.kernels.threshold_matrix,
        "flip": qml.kernels.flip_matrix,
        "displace": qml.kernels.displace_matrix,
        "unit": _nearest_unit,
    }
)
