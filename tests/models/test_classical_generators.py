"""Classical twins: as many weights, the same noise, the same ways to be measured."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.data import all_bits, frequencies
from qml_qdl.models import (
    ClassicalGenerator,
    ConvGenerator,
    PatchGenerator,
    StyleGenerator,
)
from qml_qdl.models.classical_generators import (
    DistributionTable,
    ListedRBM,
    image_network,
)

DOUBLE = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda: PatchGenerator((8, 8), (2, 8)), 1),
        (lambda: PatchGenerator((6, 4), (3, 2), pixels="exponential"), 9),
        (lambda: StyleGenerator(3, 2, dtype=DOUBLE), 3),
        (lambda: StyleGenerator(1, 5), 4),
        (lambda: ConvGenerator((8, 8), dtype=DOUBLE), 0),
    ],
)
def test_twins_sample_the_same_from_the_same_noise(make: object, most: int) -> None:
    model = make()  # type: ignore[operator]
    twin = model.classical_twin()
    assert abs(count(model) - count(twin)) <= most
    noise = twin.sample_noise(50, seeded())
    assert torch.equal(noise, model.sample_noise(50, seeded()))
    samples = twin(noise)
    assert samples.shape == model(noise).shape
    assert samples.dtype == model(noise).dtype
    samples.sum().backward()
    assert all(weight.grad is not None for weight in twin.parameters())
    assert torch.equal(twin.sample(3, seeded(1)), twin.sample(3, seeded(1)))
    with pytest.raises(ShapeError, match="noise: expected the shape"):
        twin(torch.zeros(3, 17))


def test_uniform_noise_of_the_patch_twin_is_a_quarter_turn() -> None:
    noise = PatchGenerator((2, 2), (2, 2)).classical_twin().sample_noise(1000, seeded())
    assert 0 <= noise.min().item() < 0.01
    assert math.pi / 2 - 0.01 < noise.max().item() < math.pi / 2


def test_unknown_noise_is_refused() -> None:
    with pytest.raises(ArgumentError, match="noise: expected one of 'normal', 'unifor"):
        ClassicalGenerator(nn.Linear(1, 1), 1, noise="pink")  # type: ignore[arg-type]


@pytest.mark.parametrize("wanted", [1, 60, 500])
def test_no_network_of_images_is_nearer_to_the_weights_wanted(wanted: int) -> None:
    network = image_network(3, (4, 6), wanted)
    assert network(torch.zeros(2, 3)).shape == (2, 1, 4, 6)
    possible = {
        (3 + 1) * channels * places + channels * (24 // places) + 1
        for places in (1, 2, 3, 4, 6, 8, 12, 24)
        for channels in range(1, 100)
    }
    nearest = min(abs(weights - wanted) for weights in possible)
    assert abs(count(network) - wanted) == nearest


def test_a_table_is_a_softmax_that_is_sampled_from() -> None:
    table = DistributionTable(torch.tensor([3.0, 5.0]))
    with torch.no_grad():
        table.logits.copy_(torch.tensor([0.0, math.log(3)]))
    torch.testing.assert_close(table(), torch.tensor([0.25, 0.75]))
    sampled = table.sample(10_000, seeded())
    assert (sampled == 5).double().mean().item() == pytest.approx(0.75, abs=0.02)
    assert set(sampled.tolist()) == {3.0, 5.0}


def test_a_listed_machine_has_the_probabilities_of_its_energies() -> None:
    listed = ListedRBM(3, weights=19)
    assert count(listed) == 19
    visible, hidden = all_bits(3), all_bits(4)
    energies = listed.machine.energy(visible[:, None], hidden[None])
    expected = (-energies).flatten().softmax(0).reshape(8, 16).sum(1)
    torch.testing.assert_close(listed(), expected)
    sampled = frequencies(listed.sample(20_000, seeded()))
    torch.testing.assert_close(sampled, expected.detach(), atol=0.015, rtol=0)
