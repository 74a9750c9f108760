"""Deep belief networks: machines trained one upon the other."""

from __future__ import annotations

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.data import all_bits
from qml_qdl.models import DeepBeliefNetwork

DOUBLE = torch.float64
STRIPES = torch.tensor([[0.0, 0, 1, 1], [1, 1, 0, 0]], dtype=DOUBLE)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_belief_network_learns_stripes() -> None:
    generator = seeded()
    network = DeepBeliefNetwork(
        [4, 3, 2], num_chains=100, generator=generator, dtype=DOUBLE
    )
    network.fit_greedily(
        STRIPES.repeat(20, 1), epochs=100, learning_rate=0.05, generator=generator
    )
    samples = network.sample(2000, 50, generator)
    right = (samples[:, None] == STRIPES).all(-1).any(-1)
    assert right.double().mean().item() > 0.5  # 0.125 by chance


def test_belief_network_passes_data_up() -> None:
    network = DeepBeliefNetwork([5, 4, 3])
    visible = torch.ones(7, 5)
    assert torch.equal(network.up(visible, 0), visible)
    assert network.up(visible, 2).shape == (7, 3)
    assert network(visible).shape == (7, 3)
    with pytest.raises(ArgumentError, match="level: expected 0 to 2, got 3"):
        network.up(visible, 3)


def test_what_a_deep_network_cannot_read_is_reported() -> None:
    network = DeepBeliefNetwork([3, 2])
    with pytest.raises(DataError, match="visible: expected finite numbers"):
        network.up(torch.full((1, 3), torch.nan), 1)
    for rate in (-1.0, torch.nan):
        with pytest.raises(ArgumentError, match="learning_rate: expected a positive"):
            network.fit_greedily(torch.zeros(1, 3), learning_rate=rate)
    with pytest.raises(ArgumentError, match=r"sizes: expected .* layers, got 3"):
        DeepBeliefNetwork(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="sizes: expected two or more layers"):
        DeepBeliefNetwork([4])


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float64])
def test_bits_may_be_of_any_type(dtype: torch.dtype) -> None:
    bits = all_bits(3)
    same = bits.to(dtype)
    network = DeepBeliefNetwork([3, 2])
    network.fit_greedily(same, epochs=1)
    assert torch.equal(network(same), network(bits))
