"""Boundaries of curves that are known, and their errors."""

from __future__ import annotations

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.manybody import Lattice, transverse_ising
from qml_qdl.phases import (
    CRITICAL_TEMPERATURE,
    Scan,
    binder_crossing,
    binder_cumulant,
    extrapolate,
    fidelity_susceptibility,
    find_boundary,
    ground_states,
    ising_scan,
)


def scan(points: int, rows: int = 1, grouped: bool = False) -> Scan:
    of = np.repeat(np.arange(points), rows)
    group = of if grouped else np.arange(points * rows)
    bits = np.zeros((points * rows, 1, 1, 1))
    return Scan(("g",), np.arange(points, dtype=float), ("Z",), bits, of, group)


@pytest.mark.parametrize("turned", [False, True])
def test_a_line_crosses_where_it_is_one_half(turned: bool) -> None:
    chances = np.array([1.0, 0.9, 0.3, 0.0])
    found = find_boundary(scan(4), 1 - chances if turned else chances)
    assert found.coupling == pytest.approx(1 + 0.4 / 0.6)
    assert np.isnan(found.error)  # of one row for each point nothing is known
    assert str(found) == "1.667"


def test_a_step_is_no_better_known_than_its_points() -> None:
    """All rows agree, so that the bootstrap alone would say ± 0."""
    steep = np.repeat([1.0, 1.0, 0.0, 0.0], 3)
    found = find_boundary(scan(4, 3), steep)
    assert found.coupling == pytest.approx(1.5)
    assert found.error == pytest.approx(1 / np.sqrt(12))
    gentle = np.repeat([1.0, 0.75, 0.25, 0.0], 3)
    assert find_boundary(scan(4, 3), gentle).error == pytest.approx(0, abs=1e-12)


def test_without_a_crossing_there_is_no_boundary() -> None:
    found = find_boundary(scan(3), [0.9, 0.8, 0.7])
    assert np.isnan(found.coupling)
    assert np.isnan(found.error)
    assert str(found) == "–"
    with pytest.raises(DataError, match="two couplings or more"):
        find_boundary(scan(1), [0.9])
    with pytest.raises(ShapeError, match="probabilities: expected 3"):
        find_boundary(scan(3), [0.9])


def test_the_bootstrap_has_the_true_spread() -> None:
    """Coins at each coupling: the spread over data sets, beside that of one set."""
    chance = np.array([0.95, 0.75, 0.25, 0.05])
    generator = np.random.default_rng(0)
    rows, places, errors, single = 40, [], [], []
    whole = scan(4, rows)
    for _ in range(100):
        coins = (generator.random((4, rows)) < chance[:, None]).astype(float).ravel()
        found = find_boundary(whole, coins, samples=50)
        places.append(found.coupling)
        errors.append(found.error)
        single.append(find_boundary(whole, coins, rows=10, samples=50).error)
    assert np.mean(places) == pytest.approx(1.5, abs=0.03)
    assert np.mean(errors) == pytest.approx(np.std(places), rel=0.2)
    assert np.mean(single) == pytest.approx(2 * np.mean(errors), rel=0.25)


def test_the_bootstrap_takes_whole_groups() -> None:
    """Rows that are copies of each other say no more than one of them."""
    generator = np.random.default_rng(1)
    coins = (generator.random((4, 10)) < [[0.95], [0.75], [0.25], [0.05]]).astype(float)
    copied = np.repeat(coins, 8, axis=1).ravel()
    one = scan(4, 10)
    group = np.repeat(np.arange(40), 8)
    many = Scan(
        ("g",), np.arange(4.0), ("Z",), np.zeros((320, 1, 1, 1)), group // 10, group
    )
    plain, grouped = find_boundary(one, coins.ravel()), find_boundary(many, copied)
    assert grouped.error == pytest.approx(plain.error, rel=1e-9)
    apart = find_boundary(scan(4, 80), copied)
    assert apart.spread.max() < 0.5 * plain.spread.max()
    assert apart.error < plain.error  # what the points leave open stays


def test_cumulants_are_two_thirds_and_zero() -> None:
    cold = ising_scan([0.5, 50.0], 16, 40, 20, seed=3)
    values, errors = binder_cumulant(cold)
    assert values[0] == pytest.approx(2 / 3, abs=1e-3)
    assert abs(values[1]) < 4 * errors[1] < 0.3


def test_cumulants_cross_near_the_critical_point() -> None:
    temperatures = np.linspace(2.15, 2.4, 6).tolist()
    small, large = (ising_scan(temperatures, side, 60, 20, seed=4) for side in (6, 12))
    place, error = binder_crossing(small, large)
    assert error < 0.05
    assert place == pytest.approx(CRITICAL_TEMPERATURE, abs=3 * error + 0.02)
    with pytest.raises(DataError, match="expected the couplings of small"):
        binder_crossing(small, ising_scan([2.0], 12, 3, 2))


def test_a_straight_line_is_extrapolated() -> None:
    sizes, errors = [8, 16, 32], [0.1, 0.2, 0.05]
    places = [2.0 + 3.0 * size**-0.5 for size in sizes]
    place, error = extrapolate(sizes, places, errors, nu=2.0)
    assert place == pytest.approx(2.0)
    # Of normal errors the spread of the fit, by drawing them.
    generator = np.random.default_rng(5)
    drawn = [
        extrapolate(sizes, generator.normal(places, errors).tolist(), errors, 2.0)[0]
        for _ in range(400)
    ]
    assert np.std(drawn) == pytest.approx(error, rel=0.15)
    with pytest.raises(ArgumentError, match="two that differ"):
        extrapolate([8, 8], [1.0, 1.0], [0.1, 0.1])
    with pytest.raises(ArgumentError, match="errors above 0"):
        extrapolate([8, 16], [1.0, 1.0], [0.1, 0.0])
    with pytest.raises(ShapeError, match="as many of each"):
        extrapolate([8, 16], [1.0], [0.1, 0.1])


def test_states_turn_fastest_near_the_transition() -> None:
    ring = Lattice.chain(10)
    fields = np.linspace(0.6, 1.4, 17)
    states = ground_states(lambda h: transverse_ising(ring, h=h), fields)
    bits = np.zeros((17, 1, 1, 10))
    whole = Scan(("h",), fields, ("Z" * 10,), bits, np.arange(17), states=states)
    places, rates = fidelity_susceptibility(whole)
    # Of free fermions the rate is Σ (dθₖ/dh)²/4 with tan θₖ = sin k/(h − cos k).
    waves = np.pi * (np.arange(5) * 2 + 1) / 10
    angles = np.sin(waves) / (
        1 + places[:, None] ** 2 - 2 * places[:, None] * np.cos(waves)
    )
    assert rates == pytest.approx(np.square(angles).sum(1) / 4, rel=0.02)
    with pytest.raises(DataError, match="got snapshots only"):
        fidelity_susceptibility(scan(3))
