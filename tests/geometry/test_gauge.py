"""Gauge fields as tensors, and networks that see no frames, also after training."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits import GaugeLattice
from qml_qdl.circuits.errors import QdlError
from qml_qdl.geometry import (
    GaugeRegressor,
    LinkCovariantNetwork,
    random_frames,
    random_links,
    transform_links,
    wilson_loops,
)

TORUS, OPEN = GaugeLattice(2, 2), GaugeLattice(2, 3, periodic=False)
every_group = pytest.mark.parametrize("group", ["u1", "su2"])
every_lattice = pytest.mark.parametrize(
    "lattice", [TORUS, OPEN, GaugeLattice(3, 2)], ids=["torus", "open", "3 x 2"]
)


def pair(
    group: str, lattice: GaugeLattice, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Three fields, and the same in other frames."""
    generator = torch.Generator().manual_seed(7)
    kind: Any = {"generator": generator, "dtype": dtype}
    links = random_links(lattice, group, 3, **kind)
    frames = random_frames(lattice, group, 3, **kind)
    return links, transform_links(lattice, links, frames)


def matrices(links: Tensor) -> Any:
    """Links as matrices of the group: (rows, links, n, n)."""
    if links.ndim == 2:
        return np.exp(1j * links.numpy())[..., None, None]
    a, b, c, d = links.numpy()[..., None, None].transpose(2, 0, 1, 3, 4)
    x, y = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])
    return a * np.eye(2) - 1j * (b * x + c * y + d * np.diag([1, -1]))


@every_group
@every_lattice
def test_loops_are_traces_of_products_of_matrices(
    group: str, lattice: GaugeLattice
) -> None:
    links, turned = pair(group, lattice, torch.float64)
    found = wilson_loops(lattice, links)
    assert found.shape == (3, len(lattice.walks))
    for row, own in zip(found, matrices(links), strict=True):
        for loop, walk in zip(row, lattice.walks, strict=True):
            steps = [own[w] if s > 0 else own[w].conj().T for w, s in walk]
            product = reduce(np.matmul, steps)
            expected = np.trace(product) / len(product)
            np.testing.assert_allclose(complex(loop), expected, atol=1e-12)
    torch.testing.assert_close(wilson_loops(lattice, turned), found)
    frames = torch.ones(3, lattice.num_sites, dtype=torch.float64)
    if group == "u1":  # one phase everywhere changes no link
        same = transform_links(lattice, links, frames)
        torch.testing.assert_close(same, links)


@every_lattice
def test_walks_close(lattice: GaugeLattice) -> None:
    for walk in lattice.walks:
        sites = [lattice.ends[w][:: 1 if s > 0 else -1] for w, s in walk]
        assert [b for _, b in sites] == [a for a, _ in sites[1:]] + [sites[0][0]]
    assert len({frozenset(w for w, _ in walk) for walk in lattice.walks}) > 1


def test_frames_are_turned_as_matrices_are() -> None:
    generator = torch.Generator().manual_seed(0)
    kind: Any = {"generator": generator, "dtype": torch.float64}
    links, frames = (
        random_links(OPEN, "su2", 2, **kind),
        random_frames(OPEN, "su2", 2, **kind),
    )
    found = matrices(transform_links(OPEN, links, frames))
    u, g = matrices(links), matrices(frames)
    for number, (start, end) in enumerate(OPEN.ends):
        expected = g[:, start] @ u[:, number] @ g[:, end].conj().transpose(0, 2, 1)
        np.testing.assert_allclose(found[:, number], expected, atol=1e-12)


@every_group
def test_random_links_are_even_over_the_group(group: str) -> None:
    """Means of all irreps but the trivial one vanish (Haar)."""
    generator = torch.Generator().manual_seed(0)
    links = random_links(TORUS, group, 4000, generator=generator)
    loops = wilson_loops(TORUS, links)
    assert loops.mean().abs() < 0.02
    if group == "su2":
        assert float(loops.square().mean()) == pytest.approx(0.25, abs=0.01)
        torch.testing.assert_close(links.norm(dim=-1), torch.ones(4000, 8))
    else:
        assert loops.square().mean().abs() < 0.02
        assert links.abs().max() <= torch.pi


def change(network: Callable[[Tensor], Tensor], links: Tensor, turned: Tensor) -> float:
    with torch.no_grad():
        return float((network(links) - network(turned)).abs().max())


CASES: list[Any] = [
    pytest.param(
        group, dtype, kind, lattice, id=f"{kind}-{group}-{lattice.num_links}-{dtype}"
    )
    for kind in ("circuit", "network")
    for group in ("u1", "su2")
    for dtype in (torch.float32, torch.float64)
    for lattice in (TORUS, OPEN)
    if (kind, lattice, dtype) != ("circuit", OPEN, torch.float32)
]


@pytest.mark.parametrize(("group", "dtype", "kind", "lattice"), CASES)
def test_no_frames_are_seen_before_and_after_training(
    group: str, dtype: torch.dtype, kind: str, lattice: GaugeLattice
) -> None:
    torch.manual_seed(0)
    model: nn.Module = GaugeRegressor(lattice, group, 2)
    if kind == "network":
        model = LinkCovariantNetwork(lattice, group, 2, channels=3, layers=2)
    model = model.to(dtype)
    links, turned = pair(group, lattice, dtype)
    tolerance = 2e-5 if dtype == torch.float32 else 1e-12
    assert change(model, links, turned) < tolerance
    optimiser = torch.optim.SGD(model.parameters(), 0.02)
    before = model(links)
    loss = (before - 1).square().mean()
    torch.autograd.backward([loss])
    optimiser.step()
    assert (model(links) - before).detach().abs().max() > 1e-4
    assert change(model, links, turned) < tolerance
    # Other fields are told apart, and one link that is not turned along breaks it.
    broken = turned.clone()
    broken[:, 0] = links[:, 0]
    assert change(model, links, broken) > 1e-3
    assert change(model, links[:1], links[1:2]) > 1e-3


@every_group
def test_a_plain_network_sees_frames(group: str) -> None:
    links, turned = pair(group, TORUS, torch.float32)
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Flatten(), nn.Linear(links[0].numel(), 1))
    assert change(plain, links, turned) > 0.1


def test_a_layer_transports_and_multiplies() -> None:
    """The network by matrices, site by site, on a field of two plaquettes."""
    network = LinkCovariantNetwork(OPEN, "su2", channels=1).double()
    links, _ = pair("su2", OPEN, torch.float64)
    u, eye = matrices(links)[0], np.eye(2)
    steps: dict[tuple[int, int], Any] = {}
    ways: dict[tuple[int, int], int] = {}
    for number, (start, end) in enumerate(OPEN.ends):
        steps[start, end], steps[end, start] = u[number], u[number].conj().T
        down = OPEN.links[number][2]
        ways[start, end], ways[end, start] = 2 * down, 2 * down + 1
    squares = [(0, 1, 4, 3), (1, 2, 5, 4)]  # sites, clockwise
    first = np.zeros((6, 4, 2, 2), complex)
    for square in squares:
        for corner in range(4):
            path = [square[(corner + k) % 4] for k in range(5)]
            parts = [steps[a, b] for a, b in pairwise(path)]
            first[path[0], corner] = reduce(np.matmul, parts)
    (mixing,) = network.mixing
    left, right = mixing.detach().numpy()[:, 0]
    traces = []
    for site in range(6):
        every = [eye, *first[site]]
        carried = [np.zeros((4, 2, 2))] * 4
        for (a, b), way in ways.items():
            if a == site:
                carried[way] = steps[a, b] @ first[b] @ steps[a, b].conj().T
        every += [matrix for each in carried for matrix in each]
        both = [
            sum(w * m for w, m in zip(side, every, strict=True))
            for side in (left, right)
        ]
        traces.append(np.trace(both[0] @ both[1]).real / 2)
    expected = network.head(torch.tensor(traces))
    torch.testing.assert_close(network(links)[0], expected)


@every_group
def test_the_twin_has_about_as_many_weights(group: str) -> None:
    for layers, outputs in ((1, 1), (3, 2)):
        model = GaugeRegressor(TORUS, group, outputs, layers=layers)
        twin = model.classical_twin()
        of_model, of_twin = (
            sum(w.numel() for w in each.parameters()) for each in (model, twin)
        )
        step = 2 * 31 + 4 * outputs * (2 if group == "u1" else 1)  # of one channel
        assert abs(of_model - of_twin) <= max(step / 2, step - of_model)
        assert twin.head.out_features == outputs
        assert twin(random_links(TORUS, group, 2)).shape == (2, outputs)
    assert [type(each).__name__ for each in model.quantum_layers()] == ["QuantumLayer"]


@every_group
def test_no_rows_and_one(group: str) -> None:
    model = GaugeRegressor(OPEN if group == "u1" else TORUS, group, layers=1)
    for network in (model, model.classical_twin()):
        links = random_links(model.lattice, group, 1)
        assert network(links).shape == (1, 1)
        assert wilson_loops(model.lattice, links[:0]).shape[0] == 0
        assert network(links[:0]).shape == (0, 1)


def test_shots() -> None:
    torch.manual_seed(0)
    exact = GaugeRegressor(TORUS, "su2", layers=1)
    sampled = GaugeRegressor(TORUS, "su2", layers=1, shots=4000)
    sampled.load_state_dict(exact.state_dict())
    links = random_links(TORUS, "su2", 2)
    assert change(lambda of: exact(of) - sampled(of), links, links) < 0.2


LINKS = random_links(TORUS, "su2", 2)
BAD: list[Any] = [
    (lambda: random_links(TORUS, "su3", 2), r"group: expected .* got 'su3'"),
    (lambda: random_frames(TORUS, "u1", 0), r"rows: expected at least 1, got 0"),
    (
        lambda: wilson_loops(TORUS, torch.zeros(2, 7)),
        r"links: expected \(rows, 8\), phases of U\(1\), or .* got \(2, 7\)",
    ),
    (
        lambda: wilson_loops(TORUS, 2 * LINKS),
        r"links: expected quaternions of length 1, got lengths from 2 to 2; torch.nn",
    ),
    (
        lambda: wilson_loops(TORUS, LINKS * float("nan")),
        r"links: expected quaternions of length 1, got lengths from nan",
    ),
    (
        lambda: wilson_loops(TORUS, torch.zeros(2, 8, dtype=torch.long)),
        r"links: expected floating numbers, got torch.int64",
    ),
    (
        lambda: transform_links(TORUS, LINKS, torch.zeros(2, 4)),
        r"frames: expected those of the links' group, got \(2, 4\) for links \(2, 8",
    ),
    (
        lambda: transform_links(TORUS, LINKS, random_frames(TORUS, "su2", 3)),
        r"frames: expected one for each of 2 fields, or for all, got 3",
    ),
    (
        lambda: GaugeRegressor(TORUS, "u1")(LINKS),
        r"links: expected a field of u1, got \(2, 8, 4\)",
    ),
    (
        lambda: LinkCovariantNetwork(TORUS, "su2")(LINKS[..., 0]),
        r"links: expected a field of su2, got \(2, 8\)",
    ),
    (lambda: GaugeRegressor(TORUS, "z2"), r"group: expected .* got 'z2'"),
    (lambda: GaugeRegressor(TORUS, "u1", layers=0), r"layers: expected at least 1"),
    (lambda: GaugeRegressor(TORUS, "u1", 0), r"num_outputs: expected at least 1"),
    (
        lambda: LinkCovariantNetwork(TORUS, "u1", channels=0),
        r"channels: expected at least 1",
    ),
]


@pytest.mark.parametrize(("make", "text"), BAD)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
