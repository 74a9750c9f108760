"""A Z₂ gauge circuit: no local gauge transformation changes what it says."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch

from qml_qdl.circuits import (
    AngleEncoding,
    Expectation,
    GaugeLattice,
    LinkEncoding,
    StronglyEntangling,
    encoding_error,
    gauge_circuit,
    invariance_error,
)
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.symmetry.gauge import gauge_processing, gauge_readout

LATTICES = [
    pytest.param(GaugeLattice(2, 2), 8, 4, 4, id="torus"),
    pytest.param(GaugeLattice(2, 2, periodic=False), 4, 1, 0, id="plaquette"),
    pytest.param(GaugeLattice(2, 3, periodic=False), 7, 2, 0, id="open"),
]
every_lattice = pytest.mark.parametrize(
    ("lattice", "links", "squares", "loops"), LATTICES
)


def transformed(lattice: GaugeLattice, x: Any, sites: tuple[int, ...]) -> Any:
    for site in sites:
        x = lattice.transform(x, site)
    return x


def subsets(lattice: GaugeLattice) -> list[tuple[int, ...]]:
    """Every local gauge transformation: any set of sites."""
    sites = range(len(lattice.stars))
    return [s for k in range(len(sites) + 1) for s in combinations(sites, k)]


@every_lattice
def test_geometry(lattice: GaugeLattice, links: int, squares: int, loops: int) -> None:
    assert (lattice.num_links, len(lattice.plaquettes), len(lattice.loops)) == (
        links,
        squares,
        loops,
    )
    # Each link ends at two sites; each star meets each loop an even number of times.
    ends = [wire for star in lattice.stars for wire in star]
    assert sorted(ends) == sorted([*range(links), *range(links)])
    for star in lattice.stars:
        for loop in (*lattice.plaquettes, *lattice.loops):
            assert len(set(star) & set(loop)) % 2 == 0
    assert lattice.group.order == 2 ** (len(lattice.stars) - 1)


@every_lattice
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_results_are_gauge_invariant(
    lattice: GaugeLattice,
    links: int,
    squares: int,
    loops: int,
    dtype: torch.dtype,
    execute: Callable[..., torch.Tensor],
) -> None:
    circuit = gauge_circuit(lattice, layers=2)
    generator = torch.Generator().manual_seed(1)
    x = (2 * torch.rand(1, links, generator=generator) - 1).to(dtype)
    (shape,) = circuit.weight_shapes.values()
    theta = (6 * torch.rand(shape, generator=generator)).to(dtype)
    every = torch.cat([transformed(lattice, x, sites) for sites in subsets(lattice)])
    result = execute(circuit, every, theta, device="qdl.simulator")
    assert result.shape == (2 ** len(lattice.stars), squares + loops)
    assert result[0].abs().max() > 1e-2
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    assert (result - result[:1]).abs().max() < tolerance
    broken = circuit.with_readout(Expectation(["Z" + "I" * (links - 1)]))
    assert execute(broken, every, theta, device="qdl.simulator").std() > 1e-2


def test_the_encoding_is_equivariant_and_others_are_not() -> None:
    lattice = GaugeLattice(2, 2, periodic=False)
    actions = [
        lambda x, site=site: lattice.transform(x, site)
        for site in range(len(lattice.stars))
    ]
    group, wires = lattice.group, lattice.num_links
    assert encoding_error(LinkEncoding(wires), group, actions) < 1e-12
    assert encoding_error(LinkEncoding(wires, scaling=0.3), group, actions) < 1e-12
    assert encoding_error(AngleEncoding(wires), group, actions) > 0.1
    plain = StronglyEntangling(wires) @ LinkEncoding(wires)
    plain = plain.with_readout(gauge_readout(lattice))
    weights = np.random.default_rng(0).normal(size=(1, wires, 3))
    assert invariance_error(plain, group, actions, weights=weights) > 1e-2


def test_a_configuration_and_its_fluxes(execute: Callable[..., torch.Tensor]) -> None:
    """Without processing the plaquettes are the products of the four variables."""
    lattice = GaugeLattice(2, 2)
    circuit = LinkEncoding(8).with_readout(gauge_readout(lattice))
    x = torch.tensor([1.0, -1, 1, 1, -1, -1, -1, 1], dtype=torch.float64)
    expected = [x[list(loop)].prod() for loop in (*lattice.plaquettes, *lattice.loops)]
    torch.testing.assert_close(execute(circuit, x), torch.stack(expected))


def test_shared_weights_are_equivariant_under_translations(
    execute: Callable[..., torch.Tensor],
) -> None:
    lattice = GaugeLattice(2, 2)
    circuit = gauge_circuit(lattice, layers=2, shared=True)
    x = torch.linspace(-1, 0.9, 8).double()
    theta = torch.linspace(0.2, 1.4, 6).double().reshape(2, 3)
    total = execute(circuit, x, theta)[:4].sum()
    for shift in lattice.translations.generators:
        moved = x[list(np.argsort(shift.permutation))]
        found = execute(circuit, moved, theta)[:4].sum()
        torch.testing.assert_close(found, total)


@pytest.mark.parametrize(
    "lattice", [GaugeLattice(2, 2), GaugeLattice(3, 2, periodic=False)]
)
def test_values(lattice: GaugeLattice, rebuild: Callable[[object], Any]) -> None:
    for twin in (pickle.loads(pickle.dumps(lattice)), rebuild(lattice)):
        assert twin == lattice
    circuit = gauge_circuit(lattice)
    assert rebuild(circuit) == circuit
    assert pickle.loads(pickle.dumps(circuit)) == circuit


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: GaugeLattice(1, 2), r"rows: expected at least 2, got 1"),
        (
            lambda: gauge_processing(GaugeLattice(2, 2, periodic=False), shared=True),
            r"periodic: a lattice with edges has no translations; join them with",
        ),
        (
            lambda: GaugeLattice(2, 2).transform(np.ones(8), 4),
            r"site: expected a number from 0 to 3, got 4",
        ),
        (lambda: gauge_circuit(GaugeLattice(2, 2), 0), r"layers: expected at least 1"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
