"""Non-negative matrix products: sums, samples, gradients, and what they can be."""

from __future__ import annotations

import re
from functools import reduce
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qml_qdl.circuits.errors import (
    ArgumentError,
    DataError,
    MemoryBoundError,
    ShapeError,
)
from qml_qdl.tomography import (
    DensityMatrix,
    Histogram,
    MatrixProductDistribution,
    Measurements,
    NonNegativeMPS,
)
from qml_qdl.tomography.matrix_product import _Growth
from qml_qdl.tomography.measurements import misread

GHZ = DensityMatrix([1, 0, 0, 0, 0, 0, 0, 1])
MISREAD = np.array([[[0.95, 0.05], [0.1, 0.9]]] * 3)


def any_product(num_wires: int, bond: int) -> MatrixProductDistribution:
    """A random one."""
    generator = np.random.default_rng(num_wires)
    bonds = [1, *[bond] * (num_wires - 1), 1]
    tensors = [
        generator.dirichlet(np.full(2 * right, 0.4), size=left).reshape(left, 2, right)
        for left, right in pairwise(bonds)
    ]
    return MatrixProductDistribution(tuple(tensors))


def by_hand(distribution: MatrixProductDistribution) -> NDArray[np.float64]:
    """Outcome by outcome, as a product of matrices."""
    return np.array(
        [
            reduce(
                np.matmul,
                [
                    tensor[:, bit]
                    for tensor, bit in zip(distribution.tensors, bits, strict=True)
                ],
            ).item()
            for bits in product((0, 1), repeat=distribution.num_wires)
        ]
    )


@pytest.mark.parametrize("num_wires", [1, 2, 5])
def test_probabilities_are_products_of_matrices(num_wires: int) -> None:
    distribution = any_product(num_wires, 3)
    expected = by_hand(distribution)
    assert expected.sum() == pytest.approx(1)
    assert np.allclose(distribution.probabilities(), expected)
    bits = np.array(list(product((0, 1), repeat=num_wires)))
    assert np.allclose(np.exp(distribution.log_probabilities(bits)), expected)


def test_samples_have_the_probabilities() -> None:
    distribution = any_product(4, 2)
    expected = distribution.probabilities() * 20_000
    bits = distribution.sample(20_000, seed=0)
    found = np.bincount(bits @ [8, 4, 2, 1], minlength=16)
    often = expected > 5
    chi = ((found - expected) ** 2 / expected)[often].sum()
    assert chi < often.sum() + 4 * np.sqrt(2 * often.sum())
    assert np.array_equal(bits, distribution.sample(20_000, seed=0))


def test_a_bond_of_one_is_the_product_of_marginals() -> None:
    counts = {"ZZ": {"00": 3, "01": 2, "10": 1, "11": 4}}
    data = Measurements.from_counts(counts, order="first")
    found = NonNegativeMPS(bond=1).distribution(data).probabilities()
    assert np.allclose(found, np.kron([0.5, 0.5], [0.4, 0.6]), atol=1e-3)


def test_a_large_bond_is_the_histogram() -> None:
    data = any_product(3, 4)
    shots = Measurements.from_bits(["ZZZ"], [data.sample(400, seed=0)])
    found = NonNegativeMPS(bond=4).distribution(shots).probabilities()
    expected = np.square(Histogram().fit(shots).state.factor[:, 0].real)
    assert np.allclose(found, expected, atol=0.01)


def test_ghz_states_have_bond_two() -> None:
    found = NonNegativeMPS().fit(GHZ.sample(["ZZZ"], 300, seed=0))
    assert found.chosen == {"bond": 2}
    assert found.converged
    assert found.state.fidelity(GHZ) > 0.99


@pytest.mark.parametrize("confusion", [None, MISREAD], ids=["read", "misread"])
def test_expected_uses_are_the_gradient(confusion: Any) -> None:
    data = GHZ.sample(["ZZZ"], 50, seed=0, confusion=confusion)
    growth = _Growth(data, seed=0, steps=3)
    growth.grow(2)
    tensors = list(growth.distribution.tensors)
    value, expected = growth._expected(tensors)
    read = misread(growth.distribution.probabilities(), confusion)
    assert value == pytest.approx(data.histogram("ZZZ") @ np.log(read))
    for wire, place in [(0, (0, 1, 1)), (1, (1, 0, 1)), (2, (0, 1, 0))]:
        moved = [tensor.copy() for tensor in tensors]
        moved[wire][place] *= 1 + 1e-6
        change = (growth._expected(moved)[0] - value) / 1e-6
        assert change == pytest.approx(expected[wire][place], rel=1e-3, abs=1e-5)


def test_a_larger_bond_is_no_less_likely() -> None:
    data = Measurements.from_bits(["Z" * 6], [any_product(6, 4).sample(500, seed=1)])
    growth, scores = _Growth(data, seed=0, steps=200), []
    for bond in (2, 3, 6):
        scores.append(growth.log_likelihood(data))
        growth.grow(bond)
        assert growth.distribution.bond == bond
    scores.append(growth.log_likelihood(data))
    assert all(np.diff(scores) > -0.5)
    assert scores[-1] > scores[0] + 10


def test_errors_of_reading_are_undone() -> None:
    data = GHZ.sample(["ZZZ"], 3000, seed=0, confusion=MISREAD)
    blind = Measurements(data.bases, data.outcomes, data.of, data.counts, 3)
    assert NonNegativeMPS(bond=2).fit(data).state.fidelity(GHZ) > 0.97
    assert NonNegativeMPS(bond=2).fit(blind).state.fidelity(GHZ) < 0.9


def test_forty_wires_have_a_distribution() -> None:
    ends = np.random.default_rng(0).integers(2, size=(200, 1))
    data = Measurements.from_bits(["Z" * 40], [np.repeat(ends, 40, axis=1)])
    found = NonNegativeMPS(bond=2).distribution(data)
    bits = found.sample(50, seed=0)
    assert (bits == bits[:, :1]).mean() > 0.99
    assert np.exp(found.log_probabilities(np.zeros((1, 40)))) == pytest.approx(
        1 - ends.mean(), abs=0.01
    )
    with pytest.raises(MemoryBoundError, match="all outcomes of 40 wires need"):
        NonNegativeMPS(bond=2).fit(data)


def test_one_wire_is_its_frequency() -> None:
    data = Measurements.from_counts({"Z": {"0": 30, "1": 10}}, order="first")
    found = NonNegativeMPS().fit(data)
    assert found.chosen == {"bond": 1}
    assert np.allclose(
        np.square(found.state.factor[:, 0].real), [0.75, 0.25], atol=1e-3
    )


# ---- bad input ----


def test_bases_other_than_z_are_refused() -> None:
    with pytest.raises(DataError, match="matrix product takes all amplitudes for pos"):
        NonNegativeMPS().fit(GHZ.sample(["XXX"], 20, seed=0))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: NonNegativeMPS(bond=0), ArgumentError, "bond: expected at least 1"),
        (
            lambda: any_product(2, 2).log_probabilities([[0, 1, 1]]),
            ShapeError,
            "bits: expected (rows, 2), got (1, 3)",
        ),
        (
            lambda: any_product(2, 2).log_probabilities([[0, 2]]),
            DataError,
            "bits: expected zeros and ones",
        ),
        (
            lambda: MatrixProductDistribution((np.full((1, 2, 3), 1 / 6),)),
            ShapeError,
            "the last with one column, got 3",
        ),
        (
            lambda: MatrixProductDistribution((np.ones((2, 2, 1)),)),
            ShapeError,
            "tensors: expected (1, 2, bond) on wire 0, got (2, 2, 1)",
        ),
        (
            lambda: MatrixProductDistribution((np.ones((1, 2, 1)),)),
            DataError,
            "tensors: expected entries from 0 that add up to 1",
        ),
    ],
)
def test_what_is_none_is_told(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        make()
