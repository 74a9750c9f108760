"""Entropies of some wires of a state, from its Schmidt decomposition.

Singular values s are used rather than the eigenvalues p = s² of a density matrix: small
ones have more digits, and the derivative of s² log s² stays finite where s vanishes.
What is a function of the values alone needs no derivative of singular vectors, so equal
values do no harm either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.measurements import StateMeasurement

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_number

NEAR_ONE = 0.5
"""Orders that are nearer to 1 than this are found from their distance to it."""


def check_order(order: float) -> None:
    """Checks the order of a Rényi entropy.

    Args:
        order: A number from 0 to infinity, both included.

    Raises:
        ArgumentError: It is negative, or no number.
        ArgumentTypeError: It is of another type.
    """
    check_number("order", order, -math.inf)
    if order < 0:
        raise ArgumentError(
            f"order: expected a number from 0 to infinity, got {order!r}; 1 is von "
            "Neumann's entropy, 2 that of the purity"
        )


def schmidt_values(amplitudes: Any, positions: Sequence[int]) -> Any:
    """Singular values of states between some wires and all others.

    Args:
        amplitudes: (..., 2ⁿ), arrays or tensors, the first wire's bit leading.
        positions: The wires, 0 … n−1, in any order.

    Returns:
        (..., m), falling, where m = 2ᵏ for the k wires on the smaller side; NaN for a
        state that has a NaN.

    Example:
        >>> bell = np.array([0.6, 0, 0, 0.8])
        >>> schmidt_values(bell, [1])
        array([0.8, 0.6])
    """
    *batch, size = qml.math.shape(amplitudes)
    num_wires = size.bit_length() - 1
    bad = qml.math.isnan(qml.math.abs(amplitudes))
    bad = qml.math.sum(qml.math.cast(bad, float), -1) > 0
    sound = qml.math.where(bad[..., None], qml.math.ones_like(amplitudes), amplitudes)
    rest = [wire for wire in range(num_wires) if wire not in set(positions)]
    axes = [len(batch) + wire for wire in (*positions, *rest)]
    view = qml.math.reshape(sound, (*batch, *(2,) * num_wires))
    view = qml.math.transpose(view, (*range(len(batch)), *axes))
    matrix = qml.math.reshape(view, (*batch, 2 ** len(positions), 2 ** len(rest)))
    values = qml.math.svd(matrix, compute_uv=False)
    return qml.math.where(bad[..., None], math.nan, values)


def entropy_of(values: Any, order: float = 1.0) -> Any:
    r"""Rényi's entropy :math:`\frac{1}{1-\alpha} \log \sum p^\alpha`, where p ∝ s².

    Near the order 1 the sum is 1 + Σ p (p^{α−1} − 1), whose last part has all its
    digits; elsewhere the largest p is taken out of it. Values that rounding cannot tell
    from 0 count as 0, with a derivative of 0.

    Args:
        values: Singular values s, (..., m); they need no norm.
        order: α; 1 is von Neumann's entropy −Σ p log p, 0 the logarithm of the rank,
            infinity −log of the largest p.

    Returns:
        (...), in nats; NaN where a value is.

    Example:
        >>> entropy_of(np.array([0.8, 0.6]), order=2).round(4)
        np.float64(0.6177)
    """
    eps = np.finfo(qml.math.get_dtype_name(values)).eps
    top = qml.math.max(values, axis=-1)[..., None]
    there = values > top * qml.math.shape(values)[-1] * eps
    # Of the others nothing reaches the result, nor comes back.
    logs = 2 * qml.math.log(qml.math.where(there, values / top, 1.0))  # of p/p_max

    def total(terms: Any) -> Any:
        return qml.math.sum(qml.math.where(there, terms, 0.0), -1)

    log_norm = qml.math.log(total(qml.math.exp(logs)))
    if order == math.inf:
        entropy = log_norm
    elif abs(order - 1) > NEAR_ONE:
        powers = qml.math.log(total(qml.math.exp(order * logs)))
        entropy = (powers - order * log_norm) / (1 - order)
    else:
        logs = logs - log_norm[..., None]  # of p
        shares = qml.math.exp(logs)
        if order == 1:
            entropy = -total(shares * logs)
        else:
            excess = total(shares * qml.math.expm1((order - 1) * logs))
            entropy = qml.math.log1p(excess) / (1 - order)
    # No entropy is −0.
    return qml.math.where(qml.math.isnan(top[..., 0]), math.nan, entropy + 0.0)


class RenyiEntropyMP(StateMeasurement):
    """PennyLane's measurement of a Rényi entropy, of pure and mixed states.

    Args:
        wires: Of which wires.
        order: The order, 0 to infinity.
        id: PennyLane's own.
    """

    def __init__(
        self, wires: Any = None, order: float = 1.0, id: str | None = None
    ) -> None:
        self.order = order
        super().__init__(wires=qml.wires.Wires(wires), id=id)

    @property
    def hash(self) -> int:
        """By what it measures."""
        return hash((type(self).__name__, tuple(self.wires.tolist()), self.order))

    @property
    def numeric_type(self) -> type:
        """That of the result."""
        return float

    def shape(self, shots: int | None = None, num_device_wires: int = 0) -> tuple[()]:
        """That of one row."""
        return ()

    def process_state(self, state: Any, wire_order: Any) -> Any:
        """Of state vectors, (2ⁿ,) or (rows, 2ⁿ)."""
        values = schmidt_values(state, wire_order.indices(self.wires))
        return entropy_of(values, self.order)

    def process_density_matrix(self, density_matrix: Any, wire_order: Any) -> Any:
        """Of density matrices, (2ⁿ, 2ⁿ) or (rows, 2ⁿ, 2ⁿ)."""
        positions = wire_order.indices(self.wires)
        reduced = qml.math.reduce_dm(
            density_matrix, positions, c_dtype=qml.math.get_dtype_name(density_matrix)
        )
        shares = qml.math.eigvalsh(reduced)
        # What rounding takes below 0, or leaves of it, is none.
        eps = np.finfo(qml.math.get_dtype_name(shares)).eps
        there = shares > eps * qml.math.shape(shares)[-1]
        roots = qml.math.sqrt(qml.math.where(there, shares, 1.0))
        return entropy_of(qml.math.where(there, roots, 0.0), self.order)
