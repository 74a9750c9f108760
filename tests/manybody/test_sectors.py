from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MemoryBoundError,
    ShapeError,
)
from qml_qdl.manybody import Lattice, Sector
from qml_qdl.manybody.sectors import as_permutations

RING = Lattice.chain(6)


def test_configurations_are_pennylanes_basis() -> None:
    spins = Sector(3).spins()
    bits = torch.tensor([[k >> 2 & 1, k >> 1 & 1, k & 1] for k in range(8)])
    assert torch.equal(spins, 1.0 - 2 * bits)
    assert Sector(3).spins(torch.float32).dtype is torch.float32


@pytest.mark.parametrize("total", [1, 4, 5, 13])
def test_sectors_of_conserved_numbers_divide_the_basis(total: int) -> None:
    spins = Sector(total).spins()
    for number in range(-total, total + 1, 2):
        sector = Sector(total, magnetisation=number)
        wanted = spins[spins.sum(1) == number]
        assert torch.equal(sector.spins(), wanted)
        assert sector.num_configurations == sector.num_states
        assert torch.equal(sector.index(wanted), torch.arange(len(wanted)))
    for parity in (1, -1):
        sector = Sector(total, parity=parity)
        assert torch.equal(sector.spins(), spins[spins.prod(1) == parity])
        assert sector.num_configurations == sector.num_states


def test_index_says_what_is_not_in_the_sector() -> None:
    outside = torch.tensor([[1.0, 1, 1, 1], [1, 1, -1, -1]])
    assert Sector(4, 0).index(outside).tolist() == [-1, 0]


@pytest.mark.parametrize("flip", [None, 1, -1])
def test_orbits_divide_the_basis(flip: int | None) -> None:
    """Over all momenta there are as many states as configurations."""
    total = 0
    for momentum in range(6):
        sector = Sector(6, 0, None, flip, RING.translations, RING.characters(momentum))
        images = sector.spins()[:, RING.translations].reshape(-1, 6)
        assert (sector.index(images) >= 0).all()
        total += sector.num_states
        if flip is None:
            orbits = [len(rows.unique(dim=0)) for rows in images.reshape(-1, 6, 6)]
            assert sector.multiplicities.tolist() == orbits
    assert total == 20 if flip is None else total == 10


def test_large_numbers_of_sites_are_counted_without_being_made() -> None:
    sector = Sector(40, 0, spin_flip=1)
    assert sector.num_configurations == 137846528820
    assert sector.expected_states == 137846528820 // 2


@pytest.mark.parametrize("sector", [Sector(50), Sector(60, 0), Sector(62, parity=1)])
def test_what_does_not_fit_is_refused_before_it_is_made(sector: Sector) -> None:
    with pytest.raises(MemoryBoundError, match=r"need [\d,]+ bytes, but [\d,]+ are"):
        _ = sector.states


def test_spins_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    sector = Sector(10)
    assert sector.num_states == 1024
    little = psutil.virtual_memory()._replace(available=1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: little)
    with pytest.raises(MemoryBoundError, match="need 163,840 bytes, but 1,000 are"):
        sector.spins()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Sector(63).states, "at most 62"),
        (lambda: Sector(4, 1), "4 spins ±1 have no sum 1, so the sector has no states"),
        (lambda: Sector(4, 6), "no sum 6"),
        (lambda: Sector(4, 0, parity=-1), "the product is 1, got -1"),
        (lambda: Sector(4, 2, spin_flip=1), "flipping all 4 spins changes the sum 2"),
        (lambda: Sector(3, parity=1, spin_flip=1), "the product 1; leave one"),
        (lambda: Sector(4, parity=0), "parity: expected one of 1, -1"),
        (lambda: Sector(3, permutations=[[1, 2, 0]]), "expected a group"),
        (lambda: Sector(2, permutations=[[0, 1], [0, 1]]), "got some twice"),
        (lambda: Sector(2, permutations=[[0, 2]]), "each of 0 … 1 once"),
        (lambda: Sector(4, permutations=[[0, 1]]), "each of 0 … 3 once"),
        (lambda: Sector(2, permutations=[[0, 1], [1, 0]], characters=[1, 1j]), "χ"),
        (lambda: Sector(2, permutations=[[0, 1]], characters=[1, 1]), "expected 1 num"),
        (lambda: Sector(2, characters=[1]), "expected 0 numbers"),
        (
            lambda: (
                Sector(2, 2, permutations=[[0, 1], [1, 0]], characters=[1, -1]).states
            ),
            "no state of 2 spins",
        ),
    ],
)
def test_wrong_sectors(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        make()


def test_wrong_spins() -> None:
    sector = Sector(2)
    with pytest.raises(ShapeError, match=r"expected \(rows, 2\)"):
        sector.index(torch.ones(2))
    with pytest.raises(ArgumentTypeError, match="expected float32 or float64"):
        sector.index(torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(ArgumentError, match="become spins as 1 − 2b"):
        sector.index(torch.zeros(2, 2))


def test_wrong_permutations() -> None:
    for wrong in ("ab", [[0, 1], [0]], [0.5, 1.0]):
        with pytest.raises(ArgumentTypeError, match="permutations: expected 2 whole"):
            as_permutations(wrong, 2)
    assert as_permutations(np.array([1, 0], np.uint8), 2).dtype == np.int64


@pytest.mark.parametrize(
    "sums",
    [
        [((0, 2), 0), ((1, 4), -2)],
        [((3,), 1)],
        [((4, 0, 2), -1), ((1, 3), 2)],
        [((0, 1, 2, 3, 4), 5)],
    ],
)
def test_sums_of_some_sites_are_brute_force(sums: list[tuple[Any, int]]) -> None:
    spins = Sector(5).spins()
    kept = torch.ones(32, dtype=torch.bool)
    for sites, number in sums:
        kept &= spins[:, list(sites)].sum(1) == number
    sector = Sector(5, sums=sums)
    assert torch.equal(sector.spins(), spins[kept])
    assert sector.num_configurations == sector.num_states == int(kept.sum())
    assert torch.equal(sector.index(spins) >= 0, kept)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"sums": [((0, 1), 1)]}, ArgumentError, "2 spins ±1 have no sum 1"),
        ({"sums": [((0, 1), 4)]}, ArgumentError, "2 spins ±1 have no sum 4"),
        ({"sums": [((0, 9), 0)]}, ArgumentError, "expected sites below 4, each once"),
        ({"sums": [((0, 1), 0), ((1, 2), 0)]}, ArgumentError, "each once"),
        ({"sums": [((0, 1), 0)], "magnetisation": 0}, ArgumentError, "magnetisation"),
        ({"sums": [((0, 1), 0)], "spin_flip": 1}, ArgumentError, "spin_flip beside"),
        ({"sums": 3}, ArgumentTypeError, "expected pairs of sites and the sum"),
        ({"sums": []}, ArgumentTypeError, "expected pairs of sites and the sum"),
        ({"sums": [((0, 1), 0.5)]}, ArgumentTypeError, "expected pairs of sites"),
        ({"sums": [((), 0)]}, ArgumentTypeError, "expected pairs of sites"),
    ],
)
def test_bad_sums(arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Sector(4, **arguments)
