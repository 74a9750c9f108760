"""Entropies against density matrices, and their gradients where values coincide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.circuits.entropies import (
    RenyiEntropyMP,
    check_order,
    entropy_of,
    schmidt_values,
)
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError

ORDERS = (0.0, 0.3, 0.5, 1 - 1e-9, 1.0, 1 + 1e-12, 1.4, 2.0, 7.0, 400.0, math.inf)
BELL = [1.0, 0, 0, 1]
PRODUCT = [0.6, 0.8, 0, 0]
EQUAL = [1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]  # four equal values
CAT = [1.0, 0, 0, 0, 0, 0, 0, 1]


def states(rows: int, wires: int, dtype: torch.dtype = torch.complex128) -> Tensor:
    generator = torch.Generator().manual_seed(wires)
    found = torch.randn(rows, 2**wires, generator=generator, dtype=dtype)
    return torch.nn.functional.normalize(found, dim=1)


def of_shares(shares: NDArray[Any], order: float) -> float:
    """By the definition, and its limits."""
    shares = shares[shares > 1e-12]
    if abs(order - 1) < 1e-6:
        return float(-(shares * np.log(shares)).sum())
    if order == math.inf:
        return float(-np.log(shares.max()))
    if order > 100:  # where powers underflow
        return float(order * np.log(shares.max()) / (1 - order))
    return float(np.log((shares**order).sum()) / (1 - order))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("wires", [[0], [2], [3, 0], [1, 2, 0], [0, 1, 2, 3]])
def test_they_are_those_of_partial_traces(wires: Sequence[int], order: float) -> None:
    vectors = states(3, 4)
    found = entropy_of(schmidt_values(vectors, wires), order)
    for vector, entropy in zip(vectors, found, strict=True):
        reduced = qml.math.reduce_statevector(vector.numpy(), sorted(wires))
        expected = of_shares(np.linalg.eigvalsh(reduced), order)
        # The limits above are good to the distance of the order from 1 only.
        assert float(entropy) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("vector", "wires", "expected"),
    [
        (BELL, [0], math.log(2)),
        (PRODUCT, [1], 0.0),
        (EQUAL, [0, 1], math.log(4)),
        (CAT, [2], math.log(2)),
        (CAT, [0, 2], math.log(2)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_known_states(
    vector: list[float],
    wires: list[int],
    expected: float,
    order: float,
    dtype: torch.dtype,
) -> None:
    """With finite gradients, which vanish at the smallest and largest entropies."""
    given = torch.tensor(vector, dtype=dtype, requires_grad=True)
    found = entropy_of(schmidt_values(given, wires), order)
    assert found.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    assert found.item() == pytest.approx(expected, abs=tolerance)
    (gradient,) = torch.autograd.grad(found, given)
    assert gradient.abs().max() <= tolerance * max(1.0, order if order < 500 else 1.0)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("wires", [[0], [2, 1]])
def test_gradients_are_finite_differences(wires: list[int], order: float) -> None:
    (vector,) = states(1, 3)
    assert torch.autograd.gradcheck(
        lambda given: entropy_of(schmidt_values(given, wires), order),
        vector.requires_grad_(),
    )


@pytest.mark.parametrize("order", [0.6, 1.0, 2.0, math.inf])
def test_gradients_where_all_but_two_values_coincide(order: float) -> None:
    """The derivatives of singular vectors, which would be infinite, are not needed."""
    vector = torch.tensor(EQUAL, dtype=torch.float64)
    vector[0] = 1.3
    step = 1e-6

    def along(position: int, by: float) -> Tensor:
        moved = vector.clone()
        moved[position] += by
        return torch.as_tensor(entropy_of(schmidt_values(moved, [0, 1]), order))

    (gradient,) = torch.autograd.grad(
        entropy_of(schmidt_values(vector.requires_grad_(), [0, 1]), order), vector
    )
    with torch.no_grad():
        for place in range(len(vector)):
            slope = (along(place, step) - along(place, -step)) / (2 * step)
            assert float(gradient[place]) == pytest.approx(float(slope), abs=1e-5)


@pytest.mark.parametrize("order", ORDERS)
def test_both_parts_of_a_pure_state_have_one_entropy(order: float) -> None:
    vectors = states(2, 5)
    one = entropy_of(schmidt_values(vectors, [4, 1]), order)
    other = entropy_of(schmidt_values(vectors, [0, 2, 3]), order)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_they_fall_with_the_order() -> None:
    values = schmidt_values(states(1, 6), [0, 1, 2])
    found = [float(entropy_of(values, order)) for order in ORDERS]
    assert found == sorted(found, reverse=True)


def test_a_row_of_nan_stays_by_itself() -> None:
    vectors = states(3, 3)
    vectors[1, 2] = torch.nan
    found = entropy_of(schmidt_values(vectors, [0]))
    assert found.isnan().tolist() == [False, True, False]
    alone = entropy_of(schmidt_values(vectors[2], [0]))
    torch.testing.assert_close(found[2], alone)


def test_no_rows() -> None:
    assert entropy_of(schmidt_values(states(0, 3), [0])).shape == (0,)


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, 3.0, math.inf])
@pytest.mark.parametrize("wires", [[0], [1], [1, 0]])
def test_of_mixed_states(wires: list[int], order: float) -> None:
    """On a device of density matrices, by hand: amplitude damping of a Bell state."""
    device = qml.device("default.mixed", wires=2)

    @qml.qnode(device)
    def circuit() -> Any:
        qml.Hadamard(0)
        qml.CNOT([0, 1])
        qml.AmplitudeDamping(0.3, 0)
        return RenyiEntropyMP(wires, order)

    shares = {
        (0,): [0.65, 0.35],
        (1,): [0.5, 0.5],
        (1, 0): [0.85, 0.15],
    }[tuple(wires)]
    expected = of_shares(np.array(shares), order)
    assert float(circuit()) == pytest.approx(expected, abs=1e-12)


def test_measurements_differ_by_their_order() -> None:
    assert RenyiEntropyMP([0], 2.0).hash != RenyiEntropyMP([0], 3.0).hash
    assert RenyiEntropyMP([0], 2.0).hash == RenyiEntropyMP([0], 2.0).hash


@pytest.mark.parametrize("order", [-0.1, -math.inf, math.nan])
def test_orders_below_zero_are_none(order: float) -> None:
    with pytest.raises(ArgumentError, match="order: expected a"):
        check_order(order)


def test_an_order_is_a_number() -> None:
    with pytest.raises(ArgumentTypeError, match="order: expected a number, got 'two'"):
        check_order("two")  # type: ignore[arg-type]
