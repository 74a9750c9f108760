"""Dense networks as states."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import FeedForwardState
from tests.manybody.tables import all_spins


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_it_is_its_layers() -> None:
    state = FeedForwardState(3, hidden_dims=(4,), activation=nn.Tanh())
    first, last = (layer for layer in state.layers if isinstance(layer, nn.Linear))
    spins = all_spins(3).float()
    expected = torch.tanh(spins @ first.weight.T + first.bias) @ last.weight.T
    torch.testing.assert_close(state(spins), expected[:, 0] + last.bias)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128]
)
def test_types(dtype: torch.dtype) -> None:
    state = FeedForwardState(3, dtype=dtype)
    spins = all_spins(3).to(state.dtype)
    assert state(spins).dtype == dtype
    assert state.jacobian(spins).dtype == dtype


def test_the_generator_alone_decides() -> None:
    before = torch.get_rng_state()
    first, second = (FeedForwardState(3, generator=seeded()) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    spins = all_spins(3).float()
    assert torch.equal(first(spins), second(spins))
    assert not torch.equal(FeedForwardState(3)(spins), first(spins))


def test_bad_input() -> None:
    with pytest.raises(ArgumentError, match="hidden_dims: expected at least 1, got 0"):
        FeedForwardState(3, hidden_dims=(4, 0))
