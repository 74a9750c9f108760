"""Blocks, couplings and the exponent, against what is known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.renormalisation import (
    CRITICAL_COUPLING,
    BlockedLattice,
    IsingClusters,
    IsingMetropolis,
    IsingModel,
    block_spins,
    blocking,
    renormalise,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clusters(
    side: int, coupling: float | None = None, chains: int = 60, seed: int = 0
) -> IsingClusters:
    model = IsingModel((side, side), coupling)
    return IsingClusters(model, chains, generator=seeded(seed))


def random_lattices(rows: int, *shape: int) -> Tensor:
    bits = torch.randint(2, (rows, *shape), generator=seeded(1))
    return 1.0 - 2.0 * bits


@pytest.mark.parametrize("block", [1, 2, 3])
def test_majorities(block: int) -> None:
    spins = random_lattices(5, 6, 12)
    found = block_spins(spins, block, seeded())
    assert found.shape == (5, 6 // block, 12 // block)
    for row in range(5):
        for i in range(6 // block):
            for j in range(12 // block):
                part = spins[row, i * block :, j * block :][:block, :block]
                total, spin = float(part.sum()), float(found[row, i, j])
                assert spin in (1, -1)
                assert spin * total >= 0


def test_ties_fall_to_both_sides() -> None:
    tied = torch.tensor([[1.0, 1.0], [-1.0, -1.0]]).expand(1000, 2, 2)
    assert abs(float(block_spins(tied, 2, seeded()).mean())) < 0.1


def test_no_rows() -> None:
    assert block_spins(torch.ones(0, 4, 4)).shape == (0, 2, 2)


def test_parts_are_derivatives() -> None:
    """Turning a spin changes an operator by twice the spin times its part."""
    spins = random_lattices(1, 5, 6)
    parts = blocking._parts(spins, 4)

    def operators(lattice: Tensor) -> Tensor:
        terms = (lattice[..., None] * blocking._parts(lattice, 4)).sum((0, 1, 2))
        return terms / torch.tensor([2, 2, 2, 4])

    for i, j in ((0, 0), (2, 5), (4, 3)):
        turned = spins.clone()
        turned[0, i, j] *= -1
        change = operators(spins) - operators(turned)
        torch.testing.assert_close(change, 2 * spins[0, i, j] * parts[0, i, j])


@pytest.mark.parametrize("coupling", [0.2, CRITICAL_COUPLING])
@pytest.mark.parametrize("operators", [1, 2, 4])
def test_couplings_of_what_was_sampled(coupling: float, operators: int) -> None:
    (sampled, _) = renormalise(clusters(8, coupling), 60, levels=1, operators=operators)
    wanted = torch.tensor([coupling, 0, 0, 0], dtype=torch.double)[:operators]
    off = (sampled.couplings - wanted).abs() / sampled.coupling_errors
    assert off.max() < 4
    assert sampled.coupling_errors.max() < 0.01
    assert sampled.eigenvalue is None
    assert math.isnan(sampled.nu)


def test_errors_cover_couplings() -> None:
    """Chains are independent, so that of several runs most are within their error."""
    off = []
    for seed in range(20):
        (sampled, _) = renormalise(
            clusters(8, 0.3, 20, seed), 20, levels=1, operators=1
        )
        off.append(float((sampled.couplings - 0.3).abs() / sampled.coupling_errors))
    assert 8 <= sum(each < 1 for each in off) <= 19
    assert max(off) < 4


def test_the_exponent_is_one() -> None:
    """Onsager's ν, within 5 % and within its error."""
    lattices = renormalise(clusters(32, chains=50), 60)
    assert [lattice.shape[0] for lattice in lattices] == [32, 16, 8, 4]
    for lattice in lattices[2:]:
        assert abs(lattice.nu - 1) < 0.05
        assert abs(lattice.nu - 1) < 4 * lattice.nu_error
        assert lattice.nu_error < 0.04
    assert "32 × 32: nearest 0.4" in str(lattices[0])
    assert "; ν = " in str(lattices[-1])


def test_couplings_flow_apart() -> None:
    """Weak ones to zero, strong ones away from it."""
    weak, strong = (renormalise(clusters(16, k), 40) for k in (0.3, 0.5))
    nearest = [
        [float(lattice.couplings[0] + lattice.couplings[1]) for lattice in flow]
        for flow in (weak, strong)
    ]
    assert nearest[0] == sorted(nearest[0], reverse=True)
    assert nearest[0][-1] < 0.3
    assert nearest[1][-1] > 0.5


def test_blocks_of_three() -> None:
    lattices = renormalise(clusters(36, chains=30), 40, block=3)
    assert [lattice.shape[0] for lattice in lattices] == [36, 12, 4]
    assert abs(lattices[-1].nu - 1) < 0.1


def test_far_from_criticality_there_is_no_exponent() -> None:
    zeros = torch.zeros(1)
    assert math.isnan(BlockedLattice((4, 4), zeros, zeros, 0.7, 0.1, 2).nu)


def test_each_sweep_is_told() -> None:
    seen: list[int] = []
    renormalise(clusters(8), 3, burn_in=0, operators=1, tell=seen.append)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: block_spins(torch.ones(1, 4, 6), 3),
            ArgumentError,
            r"block: expected one that divides the sides \[4, 6\], got 3",
        ),
        (lambda: block_spins(torch.ones(4, 4)), ShapeError, "expected lattices"),
        (
            lambda: renormalise(clusters(9)),
            ArgumentError,
            "levels: lattices of 9 × 9 are blocked 0 times by 2 before a side does not",
        ),
        (
            lambda: renormalise(clusters(16), levels=3),
            ArgumentError,
            "levels: lattices of 16 × 16 are blocked 2 times by 2 before .* got 3",
        ),
        (
            lambda: renormalise(clusters(8, -0.3)),
            ArgumentError,
            "sampler: majorities keep the order of positive couplings, got -0.3",
        ),
        (
            lambda: renormalise(clusters(8, chains=1)),
            ArgumentError,
            "sampler: expected two chains or more",
        ),
        (
            lambda: renormalise(
                IsingMetropolis(IsingModel((8, 8), 5.0), 4, ordered=True), 3
            ),
            ArgumentError,
            "sampler: nearly all spins are equal, from which no couplings follow",
        ),
        (
            lambda: renormalise(IsingMetropolis(IsingModel((8, 8), 0.3, 0.1))),
            ArgumentError,
            "sampler: the operators are those that stay .* for a field, got 0.1",
        ),
        (
            lambda: renormalise(clusters(3), levels=0),
            ArgumentError,
            "levels: lattices of 3 × 3 are blocked 0 times",
        ),
        (lambda: renormalise(clusters(8), 1), ArgumentError, "sweeps: expected at l"),
        (
            lambda: renormalise(clusters(8), operators=5),
            ArgumentError,
            "operators: expected at most 4, got 5",
        ),
    ],
)
def test_bad_input(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
