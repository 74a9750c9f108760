"""Entropies of states against known ones, and the swap estimator against exact."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import HardwareEfficient
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.manybody import (
    AutoregressiveSampler,
    AutoregressiveState,
    CircuitState,
    FullSummation,
    Lattice,
    Metropolis,
    NeuralState,
    RBMState,
    Sector,
    VectorState,
    entanglement_spectrum,
    entropy,
    entropy_profile,
    ground_state,
    heisenberg,
    page_entropy,
    quantum_mutual_information,
    scaling_law,
    state_vector,
    swap_entropy,
)
from qml_qdl.models import AutoregressiveNetwork

CAT = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 1], dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def machine(sites: int = 6, seed: int = 0, **options: Any) -> RBMState:
    options = {"scale": 0.4, "dtype": torch.complex128, **options}
    return RBMState(sites, generator=seeded(seed), **options)


def haar(rows: int, sites: int) -> Tensor:
    shape = (rows, 2**sites)
    return torch.randn(shape, dtype=torch.complex128, generator=seeded(sites))


def test_a_vector_of_a_network_is_its_amplitudes() -> None:
    state = machine()
    vector = state_vector(state).detach()
    spins = Sector(6).spins()
    assert float(vector.abs().square().sum()) == pytest.approx(1)
    expected = state(spins).detach().exp()
    torch.testing.assert_close(vector, expected / expected.norm())


def test_a_vector_of_a_circuit_is_its_state() -> None:
    circuit = HardwareEfficient(3, layers=2)
    state = CircuitState(circuit, dtype=torch.float64)
    (weights,) = state.parameters()

    @qml.qnode(qml.device("default.qubit", wires=3))
    def node() -> Any:
        circuit.process(weights)
        return qml.state()

    expected = torch.as_tensor(node()).detach()
    torch.testing.assert_close(state_vector(state).detach(), expected)


def test_a_vector_of_a_sector() -> None:
    """Zero outside of it, also where the network is not; symmetries do not matter."""
    state = machine()
    ring = Lattice.chain(6).translations
    vector = state_vector(state, Sector(6, 0, permutations=ring)).detach()
    inside = Sector(6).spins().sum(1) == 0
    assert not vector[~inside].any()
    whole = state_vector(state).detach()[inside]
    torch.testing.assert_close(vector[inside], whole / whole.norm())


def test_a_ground_state_has_its_entropy() -> None:
    """Of a Heisenberg ring each site is in no direction more than in another."""
    sector = Sector(8, magnetisation=0)
    found = ground_state(heisenberg(Lattice.chain(8)), sector)
    state = VectorState(found.vectors[:, 0], sector)
    assert float(entropy(state, [3])) == pytest.approx(math.log(2))


@pytest.mark.parametrize("order", [0.0, 0.5, 1.0, 2.0, math.inf])
def test_of_density_matrices(order: float) -> None:
    vectors = haar(2, 4)
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    spectrum = entanglement_spectrum(vectors, (1, 3))
    for vector, shares in zip(vectors, spectrum, strict=True):
        reduced = qml.math.reduce_statevector(vector.numpy(), [1, 3])
        expected = np.linalg.eigvalsh(reduced)[::-1]
        np.testing.assert_allclose(shares, expected, atol=1e-14)
    if order == 1:
        found = qml.math.vn_entropy(
            qml.math.dm_from_state_vector(vectors.numpy()), [1, 3]
        )
        np.testing.assert_allclose(entropy(vectors, [3, 1]), found)
    if order == 2:
        purity = spectrum.square().sum(1)
        torch.testing.assert_close((-entropy(vectors, [1, 3], 2)).exp(), purity)
    # A norm is none of the state's matters.
    torch.testing.assert_close(
        entropy(3 * vectors, [1, 3], order), entropy(vectors, [0, 2], order)
    )


def test_mutual_information_is_pennylanes() -> None:
    vectors = haar(1, 4)
    vectors = vectors / vectors.norm()
    density = qml.math.dm_from_state_vector(vectors.numpy())
    expected = qml.math.mutual_info(density, [0], [2, 3])
    found = quantum_mutual_information(vectors, [0], [2, 3])
    np.testing.assert_allclose(found, expected)
    assert float(quantum_mutual_information(CAT, [0], [1])) == pytest.approx(
        math.log(2)
    )
    product = torch.kron(haar(1, 1)[0], haar(1, 2)[0])
    assert abs(float(quantum_mutual_information(product, [0], [1, 2]))) < 1e-12


def test_gradients_reach_a_networks_weights() -> None:
    state = machine(4)
    (weight, *_) = state.parameters()

    def found() -> Tensor:
        return entropy(state, [0, 2])

    (gradient,) = torch.autograd.grad(found(), weight)
    with torch.no_grad():
        weight[1, 2] += 1e-6
        above = found()
        weight[1, 2] -= 2e-6
        slope = (above - found()) / 2e-6
    assert gradient[1, 2].real.item() == pytest.approx(slope.item(), rel=1e-6)


def test_profiles_are_means_over_regions() -> None:
    vectors = haar(2, 5)
    found = entropy_profile(vectors, 2)
    pairs = [[k, (k + 1) % 5] for k in range(5)]
    expected = torch.stack([entropy(vectors, pair, 2) for pair in pairs]).mean(0)
    torch.testing.assert_close(found[:, 1], expected)
    opened = entropy_profile(vectors, periodic=False)
    torch.testing.assert_close(opened[:, 1], entropy(vectors, [0, 1]))


def test_profiles_of_one_site_are_empty() -> None:
    assert entropy_profile(torch.tensor([0.6, 0.8])).shape == (0,)


@pytest.mark.parametrize(("size", "sites"), [(1, 2), (2, 6), (4, 6), (3, 7)])
def test_pages_value_is_the_mean(size: int, sites: int) -> None:
    found = entropy(haar(2000, sites), list(range(size)))
    error = float(found.std() / math.sqrt(2000))
    assert abs(float(found.mean()) - page_entropy(size, sites)) < 4 * error


def test_pages_value_of_nothing_and_everything() -> None:
    assert page_entropy(0, 5) == page_entropy(5, 5) == 0


def laws(reach: int | None) -> Tensor:
    profiles = [
        entropy_profile(RBMState.random(12, reach=reach, generator=seeded(seed)))
        for seed in range(4)
    ]
    return torch.stack(profiles).detach()


def test_reach_makes_the_law() -> None:
    """An area law for short reach, a volume law below Page's value for long."""
    short, far = (scaling_law(laws(reach), smallest=3) for reach in (1, None))
    assert abs(short.slope) < 0.06
    assert far.slope > 0.3
    assert far.slope - far.slope_error > short.slope + 5 * short.slope_error
    page = [page_entropy(size, 12) for size in range(1, 7)]
    assert (laws(None).mean(0) < torch.tensor(page)).all()


def test_a_line_is_fitted_to_each_state() -> None:
    sizes = torch.arange(1, 6).double()
    profiles = torch.stack([2 * sizes + 1, 4 * sizes - 1, 3 * sizes])
    profiles[:, 0] = 100.0  # left out
    found = scaling_law(profiles, smallest=2)
    assert found.slope == pytest.approx(3)
    assert found.slope_error == pytest.approx(1)
    assert found.offset_error == pytest.approx(1)
    assert math.isnan(scaling_law(profiles[:1]).slope_error)


# ---- Samples ----


def exact(state: NeuralState, sites: list[int], sector: Sector | None = None) -> float:
    return float(entropy(state_vector(state, sector), sites, 2).detach())


@pytest.mark.parametrize("sites", [[0], [1, 4], [5, 0, 2], [0, 1, 2, 3, 4, 5]])
def test_swapped_samples_find_the_purity(sites: list[int]) -> None:
    state = machine()
    sampler = Metropolis.flips(6, chains=2000, generator=seeded(1))
    sampler.sample(state, 20)
    found = swap_entropy(state, sites, sampler, sweeps=10)
    assert abs(found.entropy - exact(state, sites)) < 4 * found.error + 1e-12
    assert found.error < 0.05
    assert found.purity.r_hat is not None
    assert found.purity.r_hat < 1.2


def test_their_errors_cover() -> None:
    """Of 60 estimates about 68 % are within one error, 95 % within two."""
    state = machine()
    sampler = Metropolis.flips(6, chains=200, generator=seeded(2))
    sampler.sample(state, 20)
    wanted = exact(state, [0, 1, 2])
    off = []
    for _ in range(60):
        found = swap_entropy(state, [0, 1, 2], sampler, sweeps=5)
        off.append(abs(found.entropy - wanted) / found.error)
    assert 29 <= sum(each < 1 for each in off) <= 52
    assert sum(each < 2 for each in off) >= 50


def test_chains_that_keep_the_magnetisation() -> None:
    """What is swapped out of their sector has no amplitude, though the network has."""
    state = machine()
    pairs = [(i, j) for i in range(6) for j in range(i)]
    sampler = Metropolis.exchange(6, pairs, chains=2000, generator=seeded(3))
    sampler.sample(state, 20)
    found = swap_entropy(state, [0, 1, 2], sampler, sweeps=10)
    wanted = exact(state, [0, 1, 2], Sector(6, magnetisation=0))
    assert abs(found.entropy - wanted) < 4 * found.error
    assert abs(exact(state, [0, 1, 2]) - wanted) > 5 * found.error


def test_states_that_sample_themselves() -> None:
    torch.manual_seed(0)
    state = AutoregressiveState(AutoregressiveNetwork(6, num_ones=3))
    sampler = AutoregressiveSampler(4001, generator=seeded(4))
    found = swap_entropy(state, [0, 1], sampler)
    assert abs(found.entropy - exact(state, [0, 1])) < 4 * found.error


def test_products_have_none() -> None:
    state = machine()
    with torch.no_grad():
        state.weight.zero_()
    found = swap_entropy(state, [0, 3], Metropolis.flips(6, chains=8))
    assert found.entropy == pytest.approx(0, abs=1e-12)
    assert found.error == pytest.approx(0, abs=1e-12)
    assert str(found.purity).startswith("E = 1")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: entropy(CAT, [3]), ArgumentError, "sites: expected at most 2, got 3"),
        (lambda: entropy(CAT, []), ArgumentError, "sites: expected one or more sites"),
        (lambda: entropy(CAT, [1, 1]), ArgumentError, "each once, got"),
        (lambda: entropy(CAT, 1), ArgumentTypeError, "sites: expected sites such as"),
        (lambda: entropy(CAT, [0], -1), ArgumentError, "order: expected a number from"),
        (lambda: entropy("cat", [0]), ArgumentTypeError, "state: expected amplitudes"),
        (lambda: entropy(torch.ones(6), [0]), ShapeError, "one for each configuration"),
        (lambda: entropy(torch.ones(1), [0]), ShapeError, "one for each configuration"),
        (lambda: entropy(torch.zeros(3, 4), [0]), ArgumentError, "that do not all"),
        (lambda: entropy(CAT / 0, [0]), ArgumentError, "expected finite amplitudes"),
        (
            lambda: quantum_mutual_information(CAT, [0], [1, 0]),
            ArgumentError,
            "first, second: expected one or more sites, each once",
        ),
        (
            lambda: state_vector(machine(), Sector(4)),
            ArgumentError,
            "sector: expected 6 sites as the state has, got 4",
        ),
        (lambda: page_entropy(5, 4), ArgumentError, "size: expected at most 4"),
        (lambda: scaling_law(CAT), ShapeError, r"profiles: expected \(states, sizes"),
        (
            lambda: scaling_law(torch.ones(2, 3), 3),
            ArgumentError,
            "smallest: expected at most 2, got 3",
        ),
        (lambda: scaling_law(torch.ones(2, 1)), ArgumentError, "largest: expected"),
        (
            lambda: swap_entropy(machine(), [0], FullSummation(6)),
            ArgumentError,
            "sampler: expected four chains or more, got FullSummation with 1; of",
        ),
        (
            lambda: swap_entropy(machine(), [0], Metropolis.flips(6, chains=3)),
            ArgumentError,
            "got Metropolis with 3",
        ),
    ],
)
def test_what_is_none(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_a_purity_below_zero_is_no_entropy() -> None:
    signs = torch.randint(2, (16,), generator=seeded())
    state = VectorState(1 - 2 * signs, 4)  # of few samples its purity is anything
    sampler = Metropolis.flips(4, chains=4, generator=seeded())
    with pytest.raises(ArgumentError, match=r"which has no logarithm; take more sweep"):
        [swap_entropy(state, [0, 1], sampler) for _ in range(20)]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_sites(count: int) -> None:
    found = entropy(haar(1, count), [0])
    assert found.shape == (1,)
    assert 0 <= float(found) <= math.log(2) + 1e-12
    assert not (count == 1 and float(found))
