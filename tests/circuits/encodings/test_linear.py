"""Gates whose expectation values are linear in the data."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from qml_qdl.circuits import ArccosEncoding, ArgumentError, Circuit, Rotations


def test_the_feature_is_the_expectation_value(
    execute: Callable[..., torch.Tensor],
) -> None:
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None].repeat(1, 2)
    x[:, 1] = x[:, 1].flip(0)
    found = execute(Circuit([ArccosEncoding(2)]), x)
    torch.testing.assert_close(found, x)


def test_beyond_one_it_stays(execute: Callable[..., torch.Tensor]) -> None:
    x = torch.tensor([[1.5], [-7.0], [1.0]], dtype=torch.float64)
    found = execute(Circuit([ArccosEncoding(1)]), x)
    torch.testing.assert_close(found[:, 0], torch.tensor([1.0, -1, 1]).double())
    for nonsense in (math.nan, math.inf, -math.inf):
        nothing = execute(Circuit([ArccosEncoding(1)]), torch.tensor([nonsense]))
        assert nothing.isnan().all()


def test_gradients_are_one_and_at_the_ends_zero(
    execute: Callable[..., torch.Tensor],
) -> None:
    x = torch.tensor([[-1.0], [-0.5], [0.0], [0.9], [1.0], [2.0]], dtype=torch.float64)
    x.requires_grad_()
    execute(Circuit([ArccosEncoding(1)]), x).sum().backward()
    expected = torch.tensor([0.0, 1, 1, 1, 0, 0]).double()[:, None]
    torch.testing.assert_close(x.grad, expected)


def test_rotations_are_weights(execute: Callable[..., torch.Tensor]) -> None:
    x = torch.tensor([0.3, -0.8, 0.5], dtype=torch.float64)
    theta = torch.tensor([0.4, 2.0, -1.0], dtype=torch.float64)
    found = execute(Rotations(3) @ ArccosEncoding(3), x, theta)
    torch.testing.assert_close(found, theta.cos() * x)


def test_scaling(execute: Callable[..., torch.Tensor]) -> None:
    x = torch.tensor([4.0, -2.0], dtype=torch.float64)
    found = execute(Circuit([ArccosEncoding(2, scaling=0.2)]), x)
    torch.testing.assert_close(found, 0.2 * x)


def test_wrong_rotation() -> None:
    with pytest.raises(ArgumentError, match=r"rotation: expected one of 'RX', .* 'H'"):
        Rotations(2, rotation="H")
