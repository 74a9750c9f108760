"""Autoregressive networks: normalised, causal, and fitted by their likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.data import all_bits, frequencies
from qml_qdl.models import AutoregressiveNetwork

N = 5


def network(**options: Any) -> AutoregressiveNetwork:
    torch.manual_seed(0)
    return AutoregressiveNetwork(N, dtype=torch.float64, **options)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("num_ones", [None, 0, 2, N])
def test_probabilities_sum_to_one(layers: int, num_ones: int | None) -> None:
    made = network(layers=layers, num_ones=num_ones)
    strings = all_bits(N).double()
    chances = made.log_prob(strings).exp().detach()
    assert math.isclose(float(chances.sum()), 1, rel_tol=1e-12)
    if num_ones is not None:
        assert not chances[strings.sum(1) != num_ones].any()
        assert len(chances[chances > 0]) == math.comb(N, num_ones)


@pytest.mark.parametrize("layers", [1, 3])
def test_a_bit_sees_those_before_it(layers: int) -> None:
    made = network(layers=layers)
    jacobian = torch.func.jacrev(lambda bits: made(bits[None])[0])(
        torch.rand(N).double()
    )
    assert torch.equal(jacobian != 0, torch.ones(N, N).tril(-1).bool())


@pytest.mark.parametrize("num_ones", [None, 2])
def test_samples_have_the_probabilities(num_ones: int | None) -> None:
    made = network(num_ones=num_ones)
    seen = frequencies(made.sample(20000, torch.Generator().manual_seed(1)))
    chances = made.log_prob(all_bits(N).double()).exp().detach()
    assert (seen - chances).abs().max() < 5 / math.sqrt(20000)
    assert made.sample(0).shape == (0, N)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("num_ones", [None, 2])
def test_a_sample_is_that_of_one_pass_for_each_bit(
    layers: int, num_ones: int | None
) -> None:
    made = network(layers=layers, num_ones=num_ones)
    sampled = made.sample(50, torch.Generator().manual_seed(2))
    generator = torch.Generator().manual_seed(2)
    bits = torch.zeros(50, N, dtype=torch.float64)
    for place in range(N):
        one, zero = bits.clone(), bits.clone()
        one[:, place], zero[:, place] = 1, 0
        if num_ones is None:
            chance = made(bits)[:, place].sigmoid()
        else:  # of all strings that go on like this
            rest = all_bits(N).double()
            both = []
            for begun in (one, zero):
                same = (rest[None, :, : place + 1] == begun[:, None, : place + 1]).all(
                    2
                )
                both.append((same * made.log_prob(rest).exp()).sum(1))
            chance = both[0] / (both[0] + both[1])
        drawn = torch.rand(50, generator=generator, dtype=torch.float64)
        bits[:, place] = (drawn < chance.detach()).double()
    assert torch.equal(sampled, bits)


def test_it_learns_what_it_sees() -> None:
    made = network()
    data = all_bits(N).double()[[3, 3, 17, 30]]
    optimizer = torch.optim.Adam(made.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        made.nll_loss(data).backward()
        optimizer.step()
    entropy = -(0.5 * math.log(0.5) + 0.5 * math.log(0.25))
    assert entropy <= float(made.nll_loss(data).detach()) < entropy + 0.02


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (lambda: AutoregressiveNetwork(0), "num_bits"),
        (lambda: AutoregressiveNetwork(3, width=0), "width"),
        (lambda: AutoregressiveNetwork(3, layers=0), "layers"),
        (lambda: AutoregressiveNetwork(3, num_ones=4), "num_ones"),
        (lambda: network().nll_loss(torch.ones(0, N)), "bits: expected at least one"),
    ],
)
def test_bad_input(run: Callable[[], Tensor], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        run()


def test_strings_of_another_length() -> None:
    with pytest.raises(ShapeError, match=r"bits: expected shape \(rows, 5\), got"):
        network().log_prob(torch.ones(2, 4))
