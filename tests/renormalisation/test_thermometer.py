"""Couplings that are read, flows, and what they do not show."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.models import RBM
from qml_qdl.renormalisation import IsingClusters, IsingModel, Thermometer, rbm_flow

SIDE, COUPLINGS = 6, (0.1, 0.25, 0.4, 0.55)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@cache
def samples(seed: int = 0) -> Tensor:
    found = []
    for coupling in COUPLINGS:
        model = IsingModel((SIDE, SIDE), coupling)
        sampler = IsingClusters(model, 400, generator=seeded(seed))
        found.append(sampler.sample(30).spins[-400:])
    return torch.stack(found)


def fitted(data: Tensor) -> Thermometer:
    thermometer = Thermometer(SIDE**2, COUPLINGS, generator=seeded())
    losses = thermometer.fit(data, 400, generator=seeded())
    assert losses[-1] < losses[0] < 1.1 * math.log(len(COUPLINGS))
    return thermometer


def means(thermometer: Thermometer, data: Tensor) -> list[float]:
    return [float(thermometer.read(rows).mean()) for rows in data]


def test_it_tells_couplings_apart() -> None:
    """On lattices it has not seen, and whichever way they point."""
    thermometer = fitted(samples())
    found = means(thermometer, samples(1))
    assert found == sorted(found)
    assert found[0] < 0.25
    assert found[-1] > 0.4
    turned = means(thermometer, -samples(1))
    for one, other in zip(found, turned, strict=True):
        assert one == pytest.approx(other, abs=0.03)


def test_it_knows_no_neighbours() -> None:
    """With its sites exchanged a lattice is read as well: no geometry is in it."""
    order = torch.randperm(SIDE**2, generator=seeded(5))
    there = means(fitted(samples()), samples(1))
    mixed = means(fitted(samples()[:, :, order]), samples(1)[:, :, order])
    for one, other in zip(there, mixed, strict=True):
        assert one == pytest.approx(other, abs=0.04)


def test_a_flow_ends_at_what_the_machine_samples() -> None:
    """Wherever it begins; here at free spins, as all weights are zero."""
    thermometer = fitted(samples())
    rbm = RBM(SIDE**2, 4, generator=seeded())
    with torch.no_grad():
        rbm.weight.zero_()
    ends = [
        rbm_flow(rbm, rows, thermometer, 3, generator=seeded())
        for rows in samples(1)[[0, -1]]
    ]
    for flow in ends:
        assert flow.shape == (4, 400)
        assert float(flow[-1].mean()) == pytest.approx(float(ends[0][-1].mean()), 0.1)
    assert float(ends[1][0].mean()) > 0.4
    assert float(ends[1][-1].mean()) < 0.25


def broken() -> RBM:
    rbm = RBM(4, 2)
    with torch.no_grad():
        rbm.weight.fill_(math.nan)
    return rbm


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: Thermometer(4, [0.3]), ArgumentError, "couplings: expected at least"),
        (lambda: Thermometer(4, [0.3, math.inf]), ArgumentError, "couplings: expected"),
        (
            lambda: Thermometer(4, [0.1, 0.3]).fit(torch.ones(3, 2, 4)),
            ShapeError,
            r"samples: expected \(2, rows, 4\), configurations of each coupling",
        ),
        (
            lambda: rbm_flow(broken(), torch.ones(2, 4), Thermometer(4, [0.1, 0.3])),
            DataError,
            "weight: expected finite numbers, got NaN or infinity; train with a lower",
        ),
        (
            lambda: rbm_flow(
                RBM(4, 2, visible="gaussian"),
                torch.ones(2, 4),
                Thermometer(4, [0.1, 0.3]),
            ),
            ArgumentError,
            "rbm: expected one of bits, got gaussian units",
        ),
        (
            lambda: rbm_flow(RBM(4, 2), torch.zeros(2, 4), Thermometer(4, [0.1, 0.3])),
            ArgumentError,
            r"spins: expected \+1 and −1 only",
        ),
    ],
)
def test_bad_input(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
