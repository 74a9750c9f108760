"""Density matrices by factors, against PennyLane and formulas of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MemoryBoundError,
    ShapeError,
)
from qml_qdl.tomography import DensityMatrix, pauli_bases
from qml_qdl.tomography.density_matrix import check_state_memory

WORDS = st.tuples(st.integers(1, 4), st.integers(1, 20), st.integers(0, 2**32 - 1))


def random_state(num_wires: int, rank: int, seed: Any) -> DensityMatrix:
    generator = np.random.default_rng(seed)
    size = (2**num_wires, rank)
    return DensityMatrix.from_factor(
        generator.normal(size=size) + 1j * generator.normal(size=size)
    )


@settings(max_examples=30, deadline=None)
@given(WORDS, st.integers(1, 20))
def test_distances_are_those_of_the_matrices(
    word: tuple[int, int, int], rank: int
) -> None:
    size, _, seed = word
    first, second = random_state(*word), random_state(size, rank, (seed, 1))
    rho, sigma = first.matrix, second.matrix
    shares, vectors = np.linalg.eigh(rho)
    root = (vectors * np.sqrt(np.clip(shares, 0, None))) @ vectors.conj().T
    values = np.linalg.eigvalsh(root @ sigma @ root)
    # Roots of what is 0 but for rounding are 1e-8.
    expected = np.sqrt(np.clip(values, 0, None)).sum() ** 2
    assert first.fidelity(second) == pytest.approx(expected, abs=1e-6)
    assert first.fidelity(second) == pytest.approx(second.fidelity(first), abs=1e-12)
    assert first.fidelity(first) == pytest.approx(1, abs=1e-12)
    distance = qml.math.trace_distance(rho, sigma)
    assert first.trace_distance(second) == pytest.approx(distance, abs=1e-12)
    assert first.trace_distance(first) < 1e-7
    # Fuchs and van de Graaf.
    fidelity = first.fidelity(second)
    assert 1 - np.sqrt(fidelity) <= distance + 1e-9
    assert distance <= np.sqrt(1 - fidelity) + 1e-9


@settings(max_examples=30, deadline=None)
@given(WORDS)
def test_figures_are_those_of_pennylane(word: tuple[int, int, int]) -> None:
    size, _, seed = word
    state = random_state(*word)
    rho = state.matrix
    wires = list(range(size))
    assert np.trace(rho) == pytest.approx(1)
    assert state.purity == pytest.approx(qml.math.purity(rho, wires), abs=1e-12)
    entropy = qml.math.vn_entropy(rho, wires)
    assert state.entropy() == pytest.approx(entropy, abs=1e-9)
    assert state.entropy(order=2) == pytest.approx(-np.log(state.purity), abs=1e-9)
    assert state.eigenvalues.sum() == pytest.approx(1)
    kept = np.random.default_rng(seed).permutation(size)[: max(1, size - 1)].tolist()
    reduced = qml.math.reduce_dm(rho, kept)
    assert np.allclose(state.reduced(kept).matrix, reduced, atol=1e-12)
    part = qml.math.vn_entropy(rho, kept)
    assert state.entropy(kept) == pytest.approx(part, abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_probabilities_and_means_are_those_of_the_operators(
    size: int, rank: int, seed: int
) -> None:
    state = random_state(size, rank, seed)
    rho, wires = state.matrix, range(size)
    eigen = {
        letter: np.linalg.eigh(qml.matrix(getattr(qml, letter)(0)))[1][:, ::-1]
        for letter in "XYZ"
    }
    for basis in pauli_bases(size)[:9]:
        columns = np.eye(1)
        for letter in basis:
            columns = np.kron(columns, eigen[letter])
        expected = np.einsum("ki,kl,li->i", columns.conj(), rho, columns).real
        assert np.allclose(state.probabilities([basis])[0], expected, atol=1e-12)
        word = qml.pauli.string_to_pauli_word(basis)
        mean = np.trace(rho @ qml.matrix(word, wire_order=wires)).real
        assert state.expectation(basis) == pytest.approx(mean, abs=1e-12)
        assert state.expectation(word) == pytest.approx(mean, abs=1e-12)
        matrix = qml.matrix(word, wire_order=wires)
        assert state.expectation(matrix) == pytest.approx(mean, abs=1e-12)
    assert state.expectation("I" * size) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(0, 2**32 - 1), st.floats(0.01, 3))
def test_the_nearest_state_is_the_projection(
    size: int, seed: int, spread: float
) -> None:
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(2**size,) * 2) * spread
    matrix = matrix + matrix.T
    matrix += np.eye(2**size) * (1 - np.trace(matrix)) / 2**size
    nearest = DensityMatrix.nearest(matrix)
    # Of all states σ, Re tr (M − ρ)(σ − ρ) ≤ 0 for the projection ρ of M alone; it is
    # largest at the eigenvector of M − ρ with the largest eigenvalue.
    off = matrix - nearest.matrix
    most = np.linalg.eigvalsh(off)[-1]
    assert most - np.trace(off @ nearest.matrix).real <= 1e-9 * max(1, spread)
    assert np.allclose(DensityMatrix.nearest(nearest.matrix).matrix, nearest.matrix)


def test_states_are_taken_as_they_come() -> None:
    vector = [1, 0, 0, 1j]
    pure = DensityMatrix(vector)
    assert pure.factor.shape == (4, 1)
    for same in (
        DensityMatrix(torch.tensor(vector, dtype=torch.complex64, requires_grad=True)),
        DensityMatrix(np.outer(vector, np.conj(vector)) / 2),
    ):
        assert pure.fidelity(same) == pytest.approx(1, abs=1e-6)
    mixed = DensityMatrix.maximally_mixed(2)
    assert np.allclose(mixed.matrix, np.eye(4) / 4)
    assert pure.depolarised(1).trace_distance(mixed) < 1e-9
    assert pure.depolarised(0).fidelity(pure) == pytest.approx(1)
    assert repr(mixed) == "DensityMatrix(wires=2, rank=4)"
    assert DensityMatrix([0, 1]).num_wires == 1


def test_samples_have_the_probabilities_of_the_state() -> None:
    state = random_state(2, 2, 1)
    confusion = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.97, 0.03], [0.05, 0.95]]])
    data = state.sample(["XY", "ZZ", "XY"], 50_000, seed=2, confusion=confusion)
    assert data.bases == ("XY", "ZZ")
    assert data.shots.tolist() == [100_000, 50_000]
    expected = state.probabilities(data.bases) @ np.kron(*confusion)
    deviation = data.histograms() / data.shots[:, None] - expected
    assert np.abs(deviation).max() < 0.01
    assert data.confusion is not None
    again = state.sample(["XY", "ZZ", "XY"], 50_000, seed=2, confusion=confusion)
    assert (again.counts == data.counts).all()
    torch.manual_seed(3)
    first = state.sample(["XX"], 100)
    torch.manual_seed(3)
    assert (state.sample(["XX"], 100).counts == first.counts).all()


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ([0, 0], ArgumentError, "amplitudes that do not all vanish"),
        ([1, 0, 0], ShapeError, r"expected \(2ⁿ, 2ⁿ\), or amplitudes .*got \(3,\)"),
        (np.eye(3) / 3, ShapeError, r"got \(3, 3\)"),
        (np.ones((2, 4)), ShapeError, r"got \(2, 4\)"),
        (1.0, ShapeError, r"got \(\)"),
        ([np.nan, 1], ArgumentError, "expected finite numbers"),
        (np.array([[0.5, 0.3], [0, 0.5]]), ArgumentError, "expected a hermitian"),
        (np.eye(2), ArgumentError, "expected a matrix of trace 1, got 2"),
        (np.diag([1.5, -0.5]), ArgumentError, r"positive matrix, got .* -0\.5; take"),
        ("no", ArgumentTypeError, "state: expected a matrix or amplitudes, got str"),
    ],
)
def test_what_is_no_state_is_refused(
    state: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        DensityMatrix(state)


def test_what_does_not_fit_a_state_is_refused() -> None:
    state = DensityMatrix([1, 0, 0, 1])
    other = DensityMatrix([1, 0])
    with pytest.raises(
        ShapeError, match=r"other: expected a state of 2 wires, got .* 1"
    ):
        state.fidelity(other)
    with pytest.raises(ShapeError, match="other: expected a state of 2 wires"):
        state.trace_distance(other)
    with pytest.raises(ShapeError, match="bases: expected words of 2 letters"):
        state.probabilities(["X"])
    with pytest.raises(ArgumentError, match="wires: expected at most 1, got 2"):
        state.reduced([2])
    with pytest.raises(ArgumentError, match="wires: expected one or more positions"):
        state.reduced([0, 0])
    with pytest.raises(ArgumentTypeError, match="wires: expected positions"):
        state.reduced("a")
    with pytest.raises(ArgumentError, match="order: expected a number from 0"):
        state.entropy(order=-1)
    with pytest.raises(ArgumentError, match="probability: "):
        state.depolarised(1.5)
    with pytest.raises(ArgumentError, match="probability: "):
        state.depolarised(-0.1)
    with pytest.raises(ShapeError, match="observable: expected 2 letters"):
        state.expectation("XYZ")
    with pytest.raises(ShapeError, match="observable: expected wires 0 … 1"):
        state.expectation(qml.Z(5))
    with pytest.raises(ShapeError, match="observable: expected a Pauli word"):
        state.expectation(np.eye(2))
    with pytest.raises(ArgumentError, match="observable: expected a sum of Pauli"):
        state.expectation(qml.Projector([1], wires=0))
    with pytest.raises(ShapeError, match=r"matrix: expected \(2ⁿ, 2ⁿ\)"):
        DensityMatrix.nearest(np.array([1.0, 0]))
    with pytest.raises(MemoryBoundError, match=r"a matrix of 30 wires need .* bytes"):
        check_state_memory(30, 2**30)
    wide = np.zeros(2**17)
    wide[0] = 1
    with pytest.raises(MemoryBoundError, match="a matrix of 17 wires"):
        _ = DensityMatrix(wide).matrix
