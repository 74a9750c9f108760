"""Learners on data whose answer is known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.phases import (
    CRITICAL_TEMPERATURE,
    OnFeatures,
    Scan,
    ShadowKernel,
    Threshold,
    bond_order,
    ising_scan,
    magnetisation,
    measure_states,
    raw_spins,
)


def numbers(values: list[float]) -> Scan:
    """A scan whose rows are told apart by their coupling alone."""
    bits = np.zeros((len(values), 1, 1, 1))
    return Scan(("g",), values, ("Z",), bits, np.arange(len(values)))


def by_coupling(scan: Scan) -> np.ndarray:
    return scan.along()[:, None]


@pytest.mark.parametrize("turned", [False, True])
def test_a_threshold_errs_least(turned: bool) -> None:
    """Against every cut, by brute force, with ties and equal values."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        values = generator.integers(6, size=15).astype(float)
        labels = (values + generator.normal(size=15) > 3) != turned
        if len(set(labels.tolist())) < 2:
            continue
        scan = numbers(values.tolist())
        learner = Threshold(by_coupling).fit(scan, labels)
        sign = 1 if values[labels].mean() >= values[~labels].mean() else -1
        cuts = np.append(np.unique(sign * values), np.inf)
        best = max(((sign * values >= cut) == labels).mean() for cut in cuts)
        assert learner.accuracy(scan, labels) == pytest.approx(best)


def test_a_cut_is_in_the_middle_of_the_gap() -> None:
    scan = numbers([0.0, 1.0, 5.0, 6.0])
    learner = Threshold(by_coupling).fit(scan, [0, 0, 1, 1])
    assert learner.cut == 3
    assert learner.decide(np.array([2.9, 3.1])).tolist() == [0, 1]
    falling = Threshold(by_coupling).fit(scan, [1, 1, 0, 0])
    assert falling.probability(scan).tolist() == [1, 1, 0, 0]


@pytest.fixture(scope="module")
def ising() -> tuple[Scan, Scan]:
    scan = ising_scan(np.linspace(1, 3.5, 12).tolist(), 8, 20, 5, seed=2)
    train, test = scan.divide(0.5)
    return train.sets(1), test.sets(1)


def test_raw_spins_tell_next_to_nothing(ising: tuple[Scan, Scan]) -> None:
    """The spin flip makes either sign of the order as likely."""
    train, test = ising
    found = {}
    for learner in (
        Threshold(magnetisation),
        Threshold(bond_order),
        OnFeatures("linear"),
        OnFeatures("neighbour"),
        OnFeatures("linear", raw_spins, "raw"),
    ):
        learner.fit(train, train.along() < CRITICAL_TEMPERATURE)
        told = test.along() < CRITICAL_TEMPERATURE
        found[learner.name] = learner.accuracy(test, told)
    assert found.pop("raw") < 0.75 < 0.8 < min(found.values())
    assert list(found) == [
        "magnetisation",
        "bond order",
        "linear, correlators",
        "1-NN, correlators",
    ]


def test_the_kernel_by_hand() -> None:
    states = np.random.default_rng(1).normal(size=(3, 8))
    bases = ("XYZ", "ZZX")
    bits = measure_states(states / np.linalg.norm(states, axis=1)[:, None], bases, 2)
    scan = Scan(("h",), [0.0, 1, 2], bases, bits, [0, 1, 2])
    kets = {
        (letter, bit): vector
        for letter, pair in {
            "X": [[1, 1], [1, -1]],
            "Y": [[1, 1j], [1, -1j]],
            "Z": [[np.sqrt(2), 0], [0, np.sqrt(2)]],
        }.items()
        for bit, vector in enumerate(np.array(pair) / np.sqrt(2))
    }

    def shadow(row: int, basis: int, shot: int, site: int) -> np.ndarray:
        ket = kets[bases[basis][site], int(bits[row, basis, shot, site])]
        found: np.ndarray = 3 * np.outer(ket, ket.conj()) - np.eye(2)
        return found

    def exponent(row: int, other: int) -> float:
        total = 0.0
        for b, s, c, t in product(range(2), repeat=4):
            traces = (
                np.trace(shadow(row, b, s, k) @ shadow(other, c, t, k)).real
                for k in range(3)
            )
            total += np.exp(0.7 / 3 * sum(traces))
        return 1.3 * total / 16

    plain = np.array([[exponent(i, j) for j in range(3)] for i in range(3)])
    own = np.diag(plain)
    expected = np.exp(plain - own[:, None] / 2 - own / 2)
    found = ShadowKernel(tau=1.3, gamma=0.7).kernel(scan, scan)
    assert found == pytest.approx(expected)


def test_what_cannot_be_learnt() -> None:
    scan = numbers([0.0, 1.0])
    with pytest.raises(DataError, match="rows of both phases"):
        Threshold(by_coupling).fit(scan, [1, 1])
    with pytest.raises(ShapeError, match="labels: expected 2"):
        Threshold(by_coupling).fit(scan, [1])
    with pytest.raises(ArgumentError, match="tau: expected a number above 0"):
        ShadowKernel(tau=0.0)
    kernel = ShadowKernel().fit(scan, [0, 1])
    other = Scan(("g",), [0.0], ("ZZ",), np.zeros((1, 1, 1, 2)), [0])
    with pytest.raises(ShapeError, match="sites"):
        kernel.probability(other)
