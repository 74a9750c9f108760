"""Clifford shadows: uniform bases, exact means, any target, errors of reading."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from scipy.stats import chisquare

from qml_qdl.circuits import Circuit, State, StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.nn import QuantumLayer
from qml_qdl.tomography import CliffordBases, CliffordShadow, DensityMatrix
from qml_qdl.tomography.clifford_shadows import _turn
from qml_qdl.tomography.measurements import misread
from qml_qdl.tomography.shadows import Observable
from tests.tomography.test_shadows import ghz, random_confusion, random_state

WORDS = {size: list(map("".join, product("IXYZ", repeat=size))) for size in (1, 2, 3)}


def letters(word: str) -> Any:
    return np.array(["IXYZ".index(letter) for letter in word], np.uint8)


def matrix(word: str) -> Any:
    return qml.matrix(qml.pauli.string_to_pauli_word(word), range(len(word)))


def all_bases(size: int) -> CliffordBases:
    """Each once: all ∏ (1 + 2ᵏ), found at random."""
    bases = CliffordBases.random(size, 6000, np.random.default_rng(0))
    rows = np.concatenate([bases.targets, bases.phases.reshape(6000, -1)], axis=1)
    _, first = np.unique(rows, axis=0, return_index=True)
    assert len(first) == np.prod(1 + 2 ** np.arange(1, size + 1))
    return bases._rows(first)


def diagonalised(bases: CliffordBases) -> list[frozenset[str]]:
    """The words that each basis makes diagonal, which are what a basis is."""
    words = WORDS[bases.num_wires][1:]
    signs = np.stack([bases._signs(letters(word))[0] != 0 for word in words], axis=1)
    return [frozenset(np.array(words)[own].tolist()) for own in signs]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_circuits_states_and_signs_agree(size: int) -> None:
    bases = CliffordBases.random(size, 12, np.random.default_rng(size))
    codes = np.arange(2**size)
    bits = (codes[:, None] >> np.arange(size)[::-1]) & 1
    vector = random_state(size, 0, rank=1).factor[:, 0]
    for place in range(12):
        angles = bases.angles[place]

        def circuit(angles: Any = angles) -> None:
            _turn(angles, range(size))

        gates = qml.matrix(circuit, wire_order=range(size))()
        states = bases._rows([place] * 2**size)._states(codes)
        # ⟨b|U of outcome b is φ_b, but for a phase.
        overlaps = np.einsum("ba,ba->b", gates, states)
        assert np.abs(overlaps) == pytest.approx(np.ones(2**size))
        turned = bases._rows([place])._turned(vector)[0]
        assert np.abs(turned) == pytest.approx(np.abs(gates @ vector))
        for word in WORDS[size][1:]:
            wanted = np.einsum("ba,ac,bc->b", states.conj(), matrix(word), states).real
            sign, flips = bases._rows([place])._signs(letters(word))
            found = sign[0] * (-1.0) ** (bits @ flips[0].astype(int))
            assert found == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_all_stabiliser_bases_are_equally_likely(size: int) -> None:
    bases = CliffordBases.random(size, 20_000, np.random.default_rng(3))
    counts = Counter(diagonalised(bases))
    assert len(counts) == np.prod(1 + 2 ** np.arange(1, size + 1))
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_states_of_two_wires_are_those_of_qiskits_random_cliffords() -> None:
    """The same 60 states, each as often, as of uniformly random Clifford circuits."""
    from qiskit.quantum_info import random_clifford

    def name(state: Any) -> tuple[int, ...]:
        """Expectation values of all words, each −1, 0 or 1."""
        values = [
            np.vdot(
                state, qml.matrix(qml.pauli.string_to_pauli_word(word), [0, 1]) @ state
            )
            for word in WORDS[2][1:]
        ]
        return tuple(np.rint(np.real(values)).astype(int))

    generator = np.random.default_rng(0)
    bases = CliffordBases.random(2, 6000, generator)
    states = bases._states(generator.integers(4, size=6000))
    kinds, of = np.unique(np.round(states, 6), axis=0, return_inverse=True)
    names = [name(kind) for kind in kinds]
    ours = Counter(names[place] for place in of.ravel())
    theirs = Counter(
        name(random_clifford(2, seed).adjoint().to_matrix()[:, 0])
        for seed in range(600)
    )
    assert set(theirs) <= set(ours)
    assert len(ours) == 60
    assert chisquare(list(ours.values())).pvalue > 1e-3
    assert chisquare([theirs[each] for each in ours]).pvalue > 1e-3


@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "misread"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_mean_over_all_bases_and_outcomes_is_the_state(
    size: int, noisy: bool
) -> None:
    bases, state = all_bases(size), random_state(size, 2)
    confusion = random_confusion(size, 4) if noisy else None
    chances = sum(np.abs(bases._turned(column)) ** 2 for column in state.factor.T)
    weights = misread(chances, confusion).ravel() / len(bases)
    codes = np.tile(np.arange(2**size), len(bases))
    bits = (codes[:, None] >> np.arange(size)[::-1]) & 1
    shadow = CliffordShadow(
        bases._rows(np.arange(len(bases)).repeat(2**size)), bits, None, confusion
    )
    dense = random_state(size, 5).matrix * 2 - np.eye(2**size)
    for given in (dense, qml.Hermitian(dense, range(size)), *WORDS[size]):
        # Each row by itself is a shadow of one snapshot.
        observable = Observable.of(given, range(size))
        values = shadow._values(observable)
        wanted = state.expectation(given if isinstance(given, str) else dense)
        assert weights @ values == pytest.approx(wanted, abs=1e-12)
        norm = shadow._norm(observable)
        assert weights @ np.square(values - wanted) <= norm**2 + 1e-12


@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "misread"])
def test_matrices_are_what_fidelities_and_words_come_from(noisy: bool) -> None:
    confusion = random_confusion(3, 1) if noisy else None
    shadow = CliffordShadow.sample(ghz(3), 30, 2, 0, confusion)
    (mean,) = shadow.matrices()
    assert np.trace(mean) == pytest.approx(1)
    assert mean == pytest.approx(mean.conj().T)
    vector = random_state(3, 1, rank=1)
    wanted = np.vdot(vector.factor, mean @ vector.factor).real
    assert shadow.fidelity(vector, groups=1).value == pytest.approx(wanted)
    words = shadow.expectation(WORDS[3], groups=1)
    traces = [np.trace(mean @ matrix(word)).real for word in WORDS[3]]
    assert words.value == pytest.approx(traces)
    assert shadow.matrices(3).mean(axis=0) == pytest.approx(mean)


def test_bounds_hold_and_errors_are_what_is_seen() -> None:
    state, missed, off = ghz(4).depolarised(0.1), 0, []
    wanted = 0.9 + 0.1 / 16
    for seed in range(40):
        found = CliffordShadow.sample(state, 500, seed=seed).fidelity(ghz(4), 0.9)
        missed += abs(found.value - wanted) > found.bound
        off.append((found.value - wanted) / found.error)
    assert missed <= 4
    assert np.square(off).mean() == pytest.approx(1, abs=0.5)


@pytest.mark.parametrize("target", ["auto", "default.qubit", "aer", "aer:fake_torino"])
def test_it_measures_on_any_target(target: str) -> None:
    circuit = Circuit((StronglyEntangling(3, layers=1),)).with_readout(State())
    layer = QuantumLayer(circuit, generator=torch.Generator().manual_seed(0))
    state = DensityMatrix(layer())
    shadow = CliffordShadow.measure(layer, 400, 2, target=target, seed=1)
    assert shadow.outcomes.shape == (400, 2, 3)
    noisy = target == "aer:fake_torino"
    assert (shadow.confusion is not None) == noisy
    found = shadow.fidelity(state)
    assert abs(found.value - 1) < 4 * found.error + 0.2 * noisy


def test_shots_of_one_basis_are_no_snapshots_of_their_own() -> None:
    """The error comes from bases: a thousand shots of twenty tell of twenty."""
    shadow = CliffordShadow.sample(ghz(3), 20, 1000, seed=0)
    assert shadow.num_snapshots == 20
    assert shadow.fidelity(ghz(3)).error > 0.05


def test_bad_input_is_named() -> None:
    bases = CliffordBases.random(2, 3, np.random.default_rng(0))
    with pytest.raises(ShapeError, match=r"expected \(3, shots, 2\) for 3 bases of 2"):
        CliffordShadow(bases, np.zeros((2, 1, 2)))
    with pytest.raises(DataError, match="outcomes: expected bits"):
        CliffordShadow(bases, np.full((3, 1, 2), 2))
    with pytest.raises(ShapeError, match="confusion: expected 2, got 1"):
        CliffordShadow(bases, np.zeros((3, 2)), None, [[[1, 0], [0, 1]]])
    with pytest.raises(DataError, match="reads the same whatever it is"):
        CliffordShadow(bases, np.zeros((3, 2)), None, np.full((2, 2, 2), 0.5))
    with pytest.raises(ArgumentError, match="num_bases: expected at least 1, got 0"):
        CliffordShadow.sample(ghz(2), 0)
    shadow = CliffordShadow(bases, np.zeros((3, 2)))
    with pytest.raises(ArgumentError, match="groups: expected at most 3, got 5"):
        shadow.fidelity(ghz(2), groups=5)
