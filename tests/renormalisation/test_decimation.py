"""Decimation against sums by hand, and its identities."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.renormalisation import IsingChain

COUPLINGS = [-8.0, -1.0, -0.2, -1e-9, 0.0, 1e-3, 0.3, 1.0, 3.0, 20.0]
FIELDS = [0.0, 1e-8, 0.3, -2.0, 5.0]


@pytest.mark.parametrize("coupling", [1e-3, 0.1, 0.7, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("block", [1, 2, 3, 7])
def test_hyperbolic_tangents_multiply(coupling: float, block: int) -> None:
    found = IsingChain(coupling).decimated(block)
    assert found.field == 0
    assert abs(math.tanh(found.coupling) - math.tanh(coupling) ** block) < 1e-12
    # Where tanh is 1 to all digits: K' = K − log(b)/2 for strong couplings.
    if coupling == 10.0:
        assert found.coupling == pytest.approx(10 - math.log(block) / 2, abs=1e-8)


@pytest.mark.parametrize("block", [2, 3, 4])
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("coupling", COUPLINGS)
def test_it_is_the_power_of_the_matrix(
    coupling: float, field: float, block: int
) -> None:
    """The matrix of the coarse chain, which np.longdouble has more digits of."""

    def matrix(chain: IsingChain) -> np.ndarray:
        k, h, c = map(np.longdouble, (chain.coupling, chain.field, chain.constant))
        return np.exp(np.array([[k + h, -k], [-k, k - h]]) + c)

    found = matrix(IsingChain(coupling, field).decimated(block))
    power = np.linalg.matrix_power(matrix(IsingChain(coupling, field)), block)
    np.testing.assert_allclose((found / power).astype(float), 1, rtol=2e-12)


@pytest.mark.parametrize(("coupling", "field"), [(0.5, 0.0), (-0.7, 0.2), (1.2, -0.4)])
def test_the_partition_function_stays(coupling: float, field: float) -> None:
    chain = IsingChain(coupling, field)
    spins = 1 - 2 * (np.arange(2**6)[:, None] >> np.arange(6) & 1)
    weights = coupling * (spins * np.roll(spins, 1, 1)).sum(1) + field * spins.sum(1)
    expected = math.log(np.exp(weights).sum())
    assert chain.log_partition(6) == pytest.approx(expected)
    for block in (2, 3, 6):
        coarse = chain.decimated(block)
        assert coarse.log_partition(6 // block) == pytest.approx(expected)


def test_correlation_lengths_shrink() -> None:
    flow = IsingChain(1.5, 0.1).flow(4, block=3)
    for before, after in pairwise(flow):
        ratio = before.correlation_length / after.correlation_length
        assert ratio == pytest.approx(3, rel=1e-9)
    assert len(flow) == 5
    assert flow[-1].coupling < 1e-3
    assert IsingChain(0.0).correlation_length == 0


def test_two_steps_are_one() -> None:
    chain = IsingChain(0.8, -0.3, 0.1)
    twice, once = chain.decimated(2).decimated(3), chain.decimated(6)
    assert twice.coupling == pytest.approx(once.coupling, abs=1e-14)
    assert twice.field == pytest.approx(once.field)
    assert twice.constant == pytest.approx(once.constant)


def test_bad_input() -> None:
    with pytest.raises(ArgumentError, match="coupling: expected a number above -170"):
        IsingChain(math.nan)
    with pytest.raises(ArgumentError, match="block: expected at least 1, got 0"):
        IsingChain(1.0).decimated(0)
    with pytest.raises(ArgumentError, match="num_sites: expected at least 1"):
        IsingChain(1.0).log_partition(0)
