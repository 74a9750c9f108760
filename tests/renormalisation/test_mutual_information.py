from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.data import all_bits
from qml_qdl.manybody.samplers import Samples
from qml_qdl.renormalisation import (
    IsingClusters,
    IsingModel,
    LinearRule,
    Surroundings,
    decimation_rule,
    environment_information,
    learn_rule,
    majority_rule,
)

RING = 12
CHAIN_BLOCK, CHAIN_ENVIRONMENT = [0, 1, 2], [4, 10]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def all_spins() -> Tensor:
    return 1 - 2 * all_bits(RING).float()


def weights(coupling: float) -> Tensor:
    spins = all_spins()
    return (coupling * (spins * spins.roll(1, 1)).sum(1)).softmax(0)


def of_ring(coupling: float, seed: int, chains: int = 100) -> Surroundings:
    """Independent configurations of a ring, a block of it and what is beyond."""
    rows = torch.multinomial(
        weights(coupling), chains * 200, replacement=True, generator=seeded(seed)
    )
    spins = all_spins()[rows].reshape(chains, 200, RING)
    return Surroundings(spins[..., CHAIN_BLOCK], spins[..., CHAIN_ENVIRONMENT])


@torch.no_grad()
def exact(rule: Any, coupling: float) -> float:
    """I(h : e) by the sum over all configurations of the ring."""
    spins = all_spins()
    joint = torch.zeros(4, 2, dtype=torch.float64)
    kinds = (spins[:, CHAIN_ENVIRONMENT] < 0).long() @ torch.tensor([2, 1])
    terms = rule(spins[:, CHAIN_BLOCK]) * weights(coupling)[:, None]
    joint.index_add_(0, kinds, terms.double())
    product = joint.sum(1, keepdim=True) * joint.sum(0)
    return float(torch.xlogy(joint, joint / product).sum())


@pytest.mark.parametrize("rule", [decimation_rule, majority_rule])
@pytest.mark.parametrize("coupling", [0.3, 0.8])
def test_the_bound_is_near_the_exact_information(rule: Any, coupling: float) -> None:
    found = environment_information(
        rule, of_ring(coupling, seed=0), 300, generator=seeded()
    )
    wanted = exact(rule, coupling)
    assert wanted - 0.004 - 3 * found.error < found.value < wanted + 3 * found.error
    assert found.entropy == pytest.approx(math.log(2), abs=1e-3)


def test_on_a_chain_decimation_is_learnt() -> None:
    rule = learn_rule(of_ring(0.8, seed=1), generator=seeded())
    assert exact(rule, 0.8) > 0.98 * exact(decimation_rule, 0.8)
    assert exact(rule, 0.8) > 1.1 * exact(majority_rule, 0.8)
    # One of the two spins at the edges has nearly all of the weight.
    middle = rule.weight.detach().abs()[0]
    assert max(middle[0], middle[2]) > 5 * middle[1]


def test_errors_cover() -> None:
    found = [
        environment_information(
            decimation_rule, of_ring(0.8, seed, 40), 100, generator=seeded()
        )
        for seed in range(10)
    ]
    wanted = exact(decimation_rule, 0.8)
    within = [abs(each.value - wanted) < 2 * each.error + 0.003 for each in found]
    assert sum(within) >= 8
    values = torch.tensor([each.value for each in found])
    mean = sum(each.error for each in found) / len(found)
    assert 0.5 < float(values.std()) / mean < 2


def of_square(coupling: float, seed: int) -> Surroundings:
    model = IsingModel((12, 12), coupling)
    sampler = IsingClusters(model, 100, generator=seeded(seed))
    sampler.sample(20)
    return Surroundings.of_lattice(model, sampler.sample(10))


def test_on_a_square_majority_is_learnt() -> None:
    judged, learnt = of_square(0.4407, 0), of_square(0.4407, 1)
    rule = learn_rule(learnt, steps=300, generator=seeded())
    weight = rule.weight.detach()[0]
    assert weight.abs().min() > 0.3 * weight.abs().max()  # all four count, alike
    assert weight.sign().unique().numel() == 1
    kept = [
        environment_information(each, judged, 200, generator=seeded())
        for each in (decimation_rule, majority_rule, rule)
    ]
    assert kept[1].value > kept[0].value + 3 * kept[0].error
    assert kept[2].value == pytest.approx(kept[1].value, abs=3 * kept[1].error)
    two = learn_rule(learnt, 2, 400, generator=seeded())
    more = environment_information(two, judged, 200, generator=seeded())
    assert more.value > kept[1].value + 3 * more.error


def test_nothing_is_gained_where_nothing_is_there() -> None:
    spins = 1 - 2 * torch.randint(2, (100, 100, 12), generator=seeded()).float()
    free = Surroundings(spins[..., :4], spins[..., 4:])
    rule = learn_rule(free, steps=300, generator=seeded())
    for each in (decimation_rule, majority_rule, rule):
        found = environment_information(each, free, 300, generator=seeded())
        assert -0.02 < found.value < 3 * found.error


def test_rings_around_blocks() -> None:
    """Each block and ring is where brute force finds it."""
    rows, columns, chains = 7, 9, 2
    model = IsingModel((rows, columns))
    spins = 1 - 2 * torch.randint(2, (6, rows * columns), generator=seeded()).float()
    found = Surroundings.of_lattice(
        model, Samples(spins, chains=chains), block=3, buffer=1, width=1, places=2
    )
    assert found.block.shape == (2, 12, 9)
    assert found.environment.shape == (2, 12, 24)
    for chain in range(chains):
        row = 0
        for sweep in range(3):
            grid = spins[sweep * chains + chain].reshape(rows, columns)
            for down in (0, rows // 2):
                for right in (0, columns // 2):
                    inner, outer = [], []
                    for i in range(7):
                        for j in range(7):
                            spin = grid[(down + i) % rows, (right + j) % columns]
                            off = max(abs(i - 3), abs(j - 3))
                            if off <= 1:
                                inner.append(spin)
                            elif off == 3:
                                outer.append(spin)
                    assert found.block[chain, row].tolist() == inner
                    assert found.environment[chain, row].tolist() == outer
                    row += 1


def test_linear_rule_is_its_formula() -> None:
    rule = LinearRule(3, 2, generator=seeded())
    spins = all_spins()[:8, -3:]
    ups = torch.sigmoid(2 * spins @ rule.weight.T)
    wanted = [
        (ups[:, 0] if first == 0 else 1 - ups[:, 0])
        * (ups[:, 1] if second == 0 else 1 - ups[:, 1])
        for first in (0, 1)
        for second in (0, 1)
    ]
    torch.testing.assert_close(rule(spins), torch.stack(wanted, dim=1))
    torch.testing.assert_close(rule(spins).sum(1), torch.ones(8))


def test_the_same_seeds_learn_the_same() -> None:
    data = of_ring(0.5, seed=0, chains=8)
    first, second = (learn_rule(data, steps=20, generator=seeded(3)) for _ in range(2))
    assert torch.equal(first.weight, second.weight)
    values = [
        environment_information(first, data, 20, generator=seeded(3)).value
        for _ in range(2)
    ]
    assert values[0] == values[1]


def test_what_judges_leaves_the_rule_as_it_is() -> None:
    rule = LinearRule(3, generator=seeded())
    before = rule.weight.detach().clone()
    environment_information(rule, of_ring(0.5, 0, 8), 20, generator=seeded())
    assert torch.equal(rule.weight, before)
    assert rule.weight.grad is None


def test_bad_input() -> None:
    spins = torch.ones(4, 5, 3)
    data = Surroundings(spins, spins)
    model = IsingModel((4, 4))
    samples = Samples(torch.ones(4, 16), chains=2)
    with pytest.raises(ShapeError, match=r"spins: expected \(chains, rows, sites\)"):
        Surroundings(spins[0], spins[0])
    with pytest.raises(ShapeError, match="environment: expected chains and rows"):
        Surroundings(spins, spins[:2])
    with pytest.raises(ArgumentError, match="take a larger lattice"):
        Surroundings.of_lattice(model, samples)
    with pytest.raises(ArgumentError, match="expected 4 chains or more with rows"):
        learn_rule(Surroundings(spins[:3], spins[:3]))
    with pytest.raises(ArgumentError, match="expected 4 chains or more with rows"):
        environment_information(decimation_rule, Surroundings(spins[:3], spins[:3]))
    with pytest.raises(ArgumentError, match="at least 0 and with the sum 1"):
        environment_information(lambda rows: 2 * decimation_rule(rows), data)
    with pytest.raises(ShapeError, match="rule: expected probabilities"):
        environment_information(lambda rows: rows[:, 0], data)
    with pytest.raises(ArgumentError, match="hidden"):
        LinearRule(3, 5)
