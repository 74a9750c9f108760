"""Shadows in Pauli bases: exact means, bounds that hold, and PennyLane's own shadow."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import Circuit, State, StronglyEntangling
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    ShapeError,
)
from qml_qdl.nn import QuantumLayer
from qml_qdl.tomography import (
    CliffordShadow,
    DensityMatrix,
    Measurements,
    PauliShadow,
    Shadow,
    ShadowInfidelity,
    pauli_bases,
    random_bases,
)
from qml_qdl.tomography.measurements import misread
from qml_qdl.tomography.shadows import Groups


def random_state(num_wires: int, seed: int, rank: int = 2) -> DensityMatrix:
    generator = np.random.default_rng(seed)
    shape = (2, 2**num_wires, rank)
    real, imaginary = generator.normal(size=shape)
    return DensityMatrix.from_factor(real + 1j * imaginary)


def random_confusion(num_wires: int, seed: int) -> Any:
    first, second = np.random.default_rng(seed).uniform(0.01, 0.3, (2, num_wires))
    return np.stack([[1 - first, first], [second, 1 - second]]).transpose(2, 0, 1)


def ghz(num_wires: int) -> DensityMatrix:
    amplitudes = np.zeros(2**num_wires)
    amplitudes[[0, -1]] = 1
    return DensityMatrix(amplitudes)


def random_data(state: DensityMatrix, shots: int, seed: int) -> Measurements:
    generator = np.random.default_rng((seed, 1))
    return state.sample(random_bases(state.num_wires, shots, generator), 1, seed=seed)


def in_proportion(state: DensityMatrix, confusion: Any = None) -> Measurements:
    """Counts in all bases that are the probabilities, but for one in 10¹¹."""
    bases, size = pauli_bases(state.num_wires), state.num_wires
    chances = misread(state.probabilities(bases), confusion)
    codes = np.tile(np.arange(2**size), len(bases))
    return Measurements(
        bases,
        (codes[:, None] >> np.arange(size)[::-1]) & 1,
        np.repeat(np.arange(len(bases)), 2**size),
        np.rint(chances.ravel() * 1e11).astype(np.int64),
        size,
        confusion,
    )


@pytest.mark.parametrize("weighting", ["compatible", "random"])
@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "misread"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_mean_over_all_bases_and_outcomes_is_the_state(
    size: int, noisy: bool, weighting: str
) -> None:
    state = random_state(size, size)
    confusion = random_confusion(size, 5) if noisy else None
    shadow = PauliShadow(in_proportion(state, confusion), weighting)
    matrix = random_state(size, 7).matrix * 3 - np.eye(2**size)
    observables = [
        matrix,
        qml.Hermitian(matrix, range(size)),
        *map("".join, product("IXYZ", repeat=size)),
    ]
    found = shadow.expectation(observables, groups=1)
    wanted = [state.expectation(each) for each in (matrix, matrix, *observables[2:])]
    assert found.value == pytest.approx(wanted, abs=1e-7)
    pure = random_state(size, 3, rank=1)
    fidelity = shadow.fidelity(pure, groups=1).value
    assert fidelity == pytest.approx(state.fidelity(pure), abs=1e-7)
    assert shadow.matrices()[0] == pytest.approx(state.matrix, abs=1e-7)
    assert shadow.state().fidelity(state) == pytest.approx(1, abs=1e-6)
    assert shadow.purity().value == pytest.approx(state.purity, abs=1e-6)
    entropy = shadow.renyi_entropy([0]).value
    assert entropy == pytest.approx(state.entropy([0], 2.0), abs=1e-6)


def test_it_is_pennylanes_shadow_on_the_same_shots() -> None:
    generator = np.random.default_rng(0)
    recipes = generator.integers(3, size=(500, 3))
    bits = generator.integers(2, size=(500, 3))
    theirs = qml.ClassicalShadow(bits, recipes)
    words = ["".join("XYZ"[letter] for letter in row) for row in recipes]
    ours = PauliShadow(Measurements.from_bits(words, bits[:, None]), "random")
    pair = qml.X(0) @ qml.Y(2)
    operator = 0.5 * pair - qml.Z(1) + 0.3 * qml.Z(0) @ qml.Z(1)
    found = ours.expectation([operator, pair, "IZI"], groups=1)
    wanted = [float(theirs.expval(each, k=1)) for each in (operator, pair)]
    assert found.value[:2] == pytest.approx(wanted)
    assert ours.matrices()[0] == pytest.approx(theirs.global_snapshots().mean(0))


def test_words_and_matrices_have_the_same_errors_and_bounds() -> None:
    state = random_state(2, 1)
    data = state.sample(pauli_bases(2), 40, seed=0, confusion=random_confusion(2, 1))
    matrix = random_state(2, 9).matrix
    for weighting in ("compatible", "random"):
        shadow = PauliShadow(data, weighting)
        whole = shadow.expectation(matrix, groups=1)
        words = shadow.expectation(qml.Hermitian(matrix, [0, 1]), groups=1)
        assert whole.value == pytest.approx(words.value)
        assert whole.error == pytest.approx(words.error)
        assert whole.bound == pytest.approx(words.bound)


@pytest.mark.parametrize("weighting", ["compatible", "random"])
def test_bounds_hold_and_errors_are_what_is_seen(weighting: str) -> None:
    state = random_state(3, 4)
    words = list(map("".join, product("IXYZ", repeat=3)))[1:]
    wanted = np.array([state.expectation(word) for word in words])
    off, missed = [], 0
    for seed in range(40):
        shadow = PauliShadow(random_data(state, 2000, seed), weighting)
        found = shadow.expectation(words, confidence=0.9)
        missed += bool((np.abs(found.value - wanted) > found.bound).any())
        off.append((found.value - wanted) / found.error)
    assert missed <= 4  # of 40, 10% each at most
    assert np.square(off).mean() == pytest.approx(1, abs=0.2)


def test_errors_of_sums_are_what_is_seen() -> None:
    state = ghz(3)
    operator = qml.Z(0) @ qml.Z(1) + qml.Z(1) @ qml.Z(2) + qml.X(0) + qml.Y(1)
    for bases in (["ZZZ", "XYZ"], None):
        off = []
        for seed in range(60):
            data = (
                random_data(state, 400, seed)
                if bases is None
                else state.sample(bases, 200, seed=seed)
            )
            found = PauliShadow(data).expectation(operator)
            off.append((found.value - 2) / found.error)
            assert abs(found.value - 2) < found.bound
        assert np.square(off).mean() == pytest.approx(1, abs=0.5)


def test_chosen_bases_err_less_than_three_to_the_k() -> None:
    """All shots that tell a word count, none threefold."""
    data = ghz(4).sample(["ZZZZ"], 1000, seed=0)
    found = PauliShadow(data).expectation("ZZII")
    assert found.value == 1
    assert found.error == 0
    assert found.groups == 1
    assert "compatible" in str(found)
    with pytest.raises(ArgumentError, match=r"'random' needs a basis drawn for each"):
        PauliShadow(data, "random")


def test_one_shot_of_a_word_is_no_certainty() -> None:
    data = Measurements.from_bits(["X", "Z"], [[[0]], [[1]]])
    found = PauliShadow(data).expectation(["X", "Z"])
    assert found.value.tolist() == [1, -1]
    assert found.error.tolist() == [1, 1]
    alone = CliffordShadow.sample(DensityMatrix([1, 0]), 1, seed=0).expectation("Z")
    assert alone.error == pytest.approx(3**0.5)


def test_groups_give_the_least_bound() -> None:
    """Of one observable the mean has it; of many the median of more groups."""
    assert Groups.of(0.05, 1000).count == 1
    many = Groups.of(1e-6, 1000)
    assert many.count > 5
    for count in range(1, 60, 2):
        each = Groups.of(1e-6, 1000, count)
        assert many.count / many.chance <= each.count / each.chance
    # The chance at which most of three fail: 3p² − 2p³.
    chance = Groups.of(0.01, 1000, 3).chance
    assert 3 * chance**2 - 2 * chance**3 == pytest.approx(0.01)
    counts = np.array([5, 0, 7])
    shares = Groups(3, 1.0).divide(counts).toarray()
    assert shares.sum(axis=0).tolist() == counts.tolist()
    assert shares.sum(axis=1).tolist() == [4, 4, 4]


def test_norms_are_those_of_the_paper() -> None:
    shadow = PauliShadow(random_data(ghz(4), 500, 0), "random")
    words = shadow.expectation(["XIII", "XZII", "XZYI"], confidence=0.95, groups=1)
    # ε² = 3ᵏ/(T δ), δ = 0.05 shared by three.
    assert words.bound**2 * 500 * 0.05 / 3 == pytest.approx([3, 9, 27])
    fidelity = shadow.fidelity(ghz(4), groups=1)
    assert fidelity.bound**2 * 500 * 0.05 <= 4**4 + 1e-9


def test_global_fidelities_need_clifford_bases() -> None:
    """The errors of Pauli shadows grow with wires, those of Clifford ones do not."""
    errors = {}
    for size in (4, 8):
        data = random_data(ghz(size), 2000, 0)
        errors["pauli", size] = PauliShadow(data, "random").fidelity(ghz(size)).error
        shadow = CliffordShadow.sample(ghz(size), 2000, seed=0)
        errors["clifford", size] = shadow.fidelity(ghz(size)).error
    assert errors["pauli", 8] > 2 * errors["pauli", 4]
    assert errors["clifford", 8] < 1.2 * errors["clifford", 4]


def test_purity_has_no_bias_and_its_jackknife_error() -> None:
    state = random_state(2, 2, rank=3)
    for weighting in ("compatible", "random"):
        found = [
            PauliShadow(random_data(state, 400, seed), weighting).purity()
            for seed in range(100)
        ]
        values = np.array([each.value for each in found])
        error = values.std(ddof=1)
        assert abs(values.mean() - state.purity) < 4 * error / 10
        assert np.mean([each.error for each in found]) == pytest.approx(error, rel=0.3)
        assert found[0].bound is None


def test_wires_are_labels_in_the_order_asked_for() -> None:
    amplitudes = np.kron([1, 0], [1, 1, 1, -1])
    state = DensityMatrix(amplitudes)
    data = state.sample(pauli_bases(3), 300, seed=0)
    named = Measurements(data.bases, data.outcomes, data.of, data.counts, list("abc"))
    shadow = PauliShadow(named)
    found = shadow.expectation([qml.Z("a"), qml.Z("b") @ qml.X("c"), "IXZ"])
    assert found.value == pytest.approx([1, 1, 1])
    turned = shadow.state(["c", "a"])
    assert turned.fidelity(state.reduced([2, 0])) > 0.99
    with pytest.raises(ArgumentError, match="wires: expected some of"):
        shadow.state(["d"])
    with pytest.raises(ShapeError, match=r"expected some of the wires .*got \[0\]"):
        shadow.expectation(qml.Z(0))


def make(kind: str, state: DensityMatrix, seed: int) -> Shadow:
    if kind == "clifford":
        return CliffordShadow.sample(state, 3000, seed=seed)
    data = random_data(state, 3000, seed)
    return PauliShadow(data, "random" if state.num_wires > 4 else "compatible")


@pytest.mark.parametrize(
    ("kind", "size", "least"), [("pauli", 4, 0.97), ("clifford", 6, 0.95)]
)
def test_a_circuit_learns_a_state_from_its_shadow(
    kind: str, size: int, least: float
) -> None:
    loss = ShadowInfidelity(make(kind, ghz(size), 0))
    circuit = Circuit((StronglyEntangling(size, layers=size),)).with_readout(State())
    generator = torch.Generator().manual_seed(0)
    layer = QuantumLayer(circuit, dtype=torch.float64, generator=generator)
    adam = torch.optim.Adam(layer.parameters(), 0.1)
    for _ in range(120):
        adam.zero_grad()
        value = loss(layer())
        value.backward()
        adam.step()
    assert DensityMatrix(layer()).fidelity(ghz(size)) > least


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128, torch.float64])
def test_the_loss_is_one_minus_the_fidelity(dtype: torch.dtype) -> None:
    state = random_state(2, 1)
    shadow = PauliShadow(in_proportion(state))
    amplitudes = torch.tensor([1.0, 2.0, -0.5, 0.3], dtype=dtype, requires_grad=True)
    loss = ShadowInfidelity(shadow)(amplitudes)
    wanted = 1 - state.fidelity(DensityMatrix(amplitudes))
    assert float(loss.detach()) == pytest.approx(wanted, abs=1e-5)
    assert not loss.is_complex()
    if dtype == torch.complex128:
        assert torch.autograd.gradcheck(ShadowInfidelity(shadow, 3), amplitudes)


def test_bad_observables_are_named() -> None:
    shadow = PauliShadow(random_data(ghz(2), 50, 0))
    wrong: list[tuple[Any, type[Exception], str]] = [
        ("XYZ", ShapeError, "expected 2 letters I, X, Y and Z, got 'XYZ'"),
        ("XA", ShapeError, "got 'XA'"),
        (np.eye(3), ShapeError, r"a matrix \(4, 4\), got one of shape \(3, 3\)"),
        (np.triu(np.ones((4, 4))), ArgumentError, "expected a hermitian matrix"),
        (1j * qml.X(0), ArgumentError, "expected a hermitian operator"),
        ([], ArgumentError, "expected at least one, got none"),
        (None, ArgumentTypeError, "observables: expected a matrix, got None"),
    ]
    for given, kind, text in wrong:
        with pytest.raises(kind, match=text):
            shadow.expectation(given)
    with pytest.raises(ArgumentError, match="confidence: expected a number above 0"):
        shadow.expectation("XX", confidence=1.0)
    with pytest.raises(ArgumentError, match="groups: expected 1 where weights"):
        shadow.expectation("XX", groups=3)
    random = PauliShadow(random_data(ghz(2), 50, 0), "random")
    with pytest.raises(ArgumentError, match="groups: expected an odd number, got 4"):
        random.expectation("XX", groups=4)
    with pytest.raises(ArgumentError, match="state: expected a pure state"):
        shadow.fidelity(random_state(2, 0))
    with pytest.raises(ShapeError, match="state: expected one of 2 wires, got 3"):
        shadow.fidelity(ghz(3))


def test_words_that_no_shot_tells_are_named() -> None:
    shadow = PauliShadow(ghz(2).sample(["ZZ"], 10, seed=0))
    with pytest.raises(DataError, match=r"basis that tells XI; .* one such as XZ"):
        shadow.expectation("XI")
    with pytest.raises(DataError, match="weighting='random' if each shot"):
        shadow.fidelity(ghz(2))
    with pytest.raises(DataError, match="no two shots were taken in bases that tell"):
        shadow.purity()
