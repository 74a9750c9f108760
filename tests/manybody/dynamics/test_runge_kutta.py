"""Runge-Kutta methods against equations whose solution is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody.dynamics.runge_kutta import METHODS, Tableau, next_length


def curve(time: float, place: Tensor) -> Tensor:
    """θ' = 1 + 3t² for a point at the angle θ, whose radius obeys r' = −2tr²."""
    x, y = place
    radius = torch.hypot(x, y)
    turn, fall = 1 + 3 * time**2, -2 * time * radius
    return torch.stack([fall * x - turn * y, fall * y + turn * x])


def exact(end: float) -> Tensor:
    """θ = t + t³ and 1/r = 2 + t², from x = ½, y = 0."""
    angle, radius = end + end**3, 1 / (2 + end**2)
    place = [radius * math.cos(angle), radius * math.sin(angle)]
    return torch.tensor(place, dtype=torch.float64)


START = torch.tensor([0.5, 0.0], dtype=torch.float64)


def whole(tableau: Tableau, steps: int, end: float = 0.8) -> float:
    place, length = START, end / steps
    for step in range(steps):
        place, _ = tableau.step(curve, step * length, place, length)
    return float((place - exact(end)).norm())


@pytest.mark.parametrize("name", METHODS)
def test_order(name: str) -> None:
    tableau = METHODS[name]
    coarse, fine = whole(tableau, 16), whole(tableau, 32)
    assert math.log2(coarse / fine) == pytest.approx(tableau.order, abs=0.3)


@pytest.mark.parametrize("name", ["heun", "dormand_prince"])
def test_order_of_what_is_embedded(name: str) -> None:
    tableau, apart = METHODS[name], []
    for length in (0.1, 0.05):
        end, difference = tableau.step(curve, 0.3, START, length)
        assert difference is not None
        apart.append(float(difference.norm()))
        # The difference to the embedded step is what that is off by.
        lower = Tableau(tableau.order - 1, tableau.stages, tableau.embedded or ())
        embedded, _ = lower.step(curve, 0.3, START, length)
        torch.testing.assert_close(end - embedded, difference, atol=1e-14, rtol=1e-6)
    assert math.log2(apart[0] / apart[1]) == pytest.approx(tableau.order, abs=0.35)


@pytest.mark.parametrize("name", METHODS)
def test_conditions_on_the_numbers(name: str) -> None:
    tableau = METHODS[name]
    several = [tableau.weights, tableau.embedded or tableau.weights]
    nodes = np.array(tableau.nodes)
    for weights, order in zip(several, (tableau.order, tableau.order - 1), strict=True):
        for power in range(order):  # ∫ cᵖ is met by the weights
            assert np.dot(weights, nodes**power) == pytest.approx(1 / (power + 1))
    assert [len(row) for row in tableau.stages] == list(range(1, len(nodes)))


def test_only_the_last_stage_of_dormand_and_prince_is_the_next_ones_first() -> None:
    assert [name for name in METHODS if METHODS[name].ends_there] == ["dormand_prince"]


def test_stages_that_are_known_are_not_found_again() -> None:
    asked = []

    def counted(time: float, place: Tensor) -> Tensor:
        asked.append(time)
        return curve(time, place)

    tableau = METHODS["rk4"]
    first = curve(0.2, START)
    known, _ = tableau.step(counted, 0.2, START, 0.1, first)
    assert asked == [0.25, 0.25, pytest.approx(0.3)]
    assert torch.equal(known, tableau.step(curve, 0.2, START, 0.1)[0])


@pytest.mark.parametrize("name", ["heun", "dormand_prince"])
def test_steps_by_their_errors_meet_the_tolerance(name: str) -> None:
    tableau, place, time, length = METHODS[name], START, 0.0, 1e-4
    taken = 0
    while time < 0.8:
        length = min(length, 0.8 - time)
        end, apart = tableau.step(curve, time, place, length)
        assert apart is not None
        error = float(apart.norm())
        if error <= 1e-6:
            place, time, taken = end, time + length, taken + 1
        length = next_length(length, error, 1e-6, tableau.order)
    assert float((place - exact(0.8)).norm()) < 1e-4
    assert taken < (40 if name == "dormand_prince" else 2000)


def test_lengths() -> None:
    assert next_length(1.0, 0.0, 1e-3, 5) == 5
    assert next_length(1.0, math.nan, 1e-3, 5) == 0.2
    assert next_length(1.0, 1e9, 1e-3, 5) == 0.2
    with pytest.raises(ArgumentError, match="tolerance: expected a number above 0"):
        next_length(1.0, 1e-3, 0.0, 5)
