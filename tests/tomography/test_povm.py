"""Networks over symbols: exact distributions, training, and what inverts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.tomography import (
    DensityMatrix,
    PauliShadow,
    POVMEstimator,
    SymbolModel,
    SymbolRNN,
    SymbolTransformer,
    classical_fidelity,
    pauli_bases,
    povm_probabilities,
)
from qml_qdl.tomography.shadows import symbols_of
from tests.tomography.test_shadows import (
    ghz,
    in_proportion,
    random_confusion,
    random_data,
    random_state,
)

KINDS = pytest.mark.parametrize("kind", [SymbolTransformer, SymbolRNN])


def made(kind: Any, size: int = 3, **options: Any) -> SymbolModel:
    model: SymbolModel = kind(
        size, generator=torch.Generator().manual_seed(0), **options
    )
    return model


@KINDS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1, 3])
def test_probabilities_add_up_and_samples_follow_them(
    kind: Any, dtype: torch.dtype, size: int
) -> None:
    model = made(kind, size, dtype=dtype)
    chances = model.probabilities()
    assert chances.sum() == pytest.approx(1, abs=1e-5)
    shots = 20_000
    drawn = model.sample(shots, torch.Generator().manual_seed(1))
    codes = drawn.numpy() @ 6 ** np.arange(size)[::-1]
    found = np.bincount(codes, minlength=6**size) / shots
    # E[χ²/k] = 1 with k cells, ± √(2/k).
    cells = len(chances)
    score = (shots * np.square(found - chances) / chances).sum() / (cells - 1)
    assert abs(score - 1) < 6 * np.sqrt(2 / (cells - 1))


@KINDS
def test_symbols_see_only_those_before_them(kind: Any) -> None:
    model = made(kind, 4)
    first = torch.tensor([[0, 1, 2]])
    other = torch.tensor([[0, 1, 5]])
    with torch.no_grad():
        assert torch.allclose(model(first)[:, :3], model(other)[:, :3], atol=1e-6)
        assert not torch.allclose(model(first)[:, 3], model(other)[:, 3])


def test_exact_probabilities_are_those_of_measuring() -> None:
    state, confusion = random_state(2, 0), random_confusion(2, 0)
    data = in_proportion(state, confusion)
    codes = symbols_of(data).astype(int) @ [6, 1]
    wanted = np.bincount(codes, data.counts, minlength=36) / data.total_shots
    found = povm_probabilities(state, confusion)
    assert found == pytest.approx(wanted, abs=1e-9)


def test_the_shots_of_a_model_are_measurements() -> None:
    model = made(SymbolRNN, 2)
    data = model.measurements(300, generator=torch.Generator().manual_seed(0))
    drawn = model.sample(300, torch.Generator().manual_seed(0)).numpy()
    rows = np.repeat(symbols_of(data), data.counts, axis=0)
    assert sorted(map(tuple, rows)) == sorted(map(tuple, drawn))


@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "misread"])
def test_training_finds_a_bell_state(noisy: bool) -> None:
    confusion = random_confusion(2, 2) if noisy else None
    bell = ghz(2)
    data = bell.sample(pauli_bases(2), 1000, seed=0, confusion=confusion)
    losses: list[float] = []
    estimator = POVMEstimator(
        "rnn", epochs=15, seed=0, tell=lambda _, nats: losses.append(nats)
    )
    found = estimator.fit(data)
    assert found.state.fidelity(bell) > 0.93
    assert found.chosen["held_out"] == min(losses) < losses[0]
    assert found.chosen["lowest"] < 0.01
    model = estimator.train(data)
    exact = povm_probabilities(bell, confusion)
    classical = classical_fidelity(model.probabilities(), exact)
    assert classical > found.state.fidelity(bell)
    shots = model.measurements(5000, confusion, torch.Generator().manual_seed(0))
    words = PauliShadow(shots).expectation(["XX", "YY", "ZZ"])
    assert words.value == pytest.approx([1, -1, 1], abs=0.2)


def test_the_classical_fidelity_bounds_the_quantum_one() -> None:
    for seed in range(20):
        first, second = random_state(2, seed), random_state(2, seed + 100)
        classical = classical_fidelity(
            povm_probabilities(first), povm_probabilities(second)
        )
        assert first.fidelity(second) <= classical + 1e-12
    assert classical_fidelity([0.2, 0.8], [0.2, 0.8]) == pytest.approx(1)


def test_bad_input_is_named() -> None:
    model = made(SymbolTransformer)
    with pytest.raises(ShapeError, match=r"expected shape \(rows, 3\), got \(2, 2\)"):
        model.log_prob(torch.zeros(2, 2))
    with pytest.raises(DataError, match="whole numbers 0 … 5"):
        model.log_prob(torch.full((1, 3), 6))
    with pytest.raises(DataError, match="whole numbers 0 … 5"):
        model.log_prob(torch.full((1, 3), 0.5))
    with pytest.raises(ArgumentError, match="embed_dim: expected a multiple of the 4"):
        SymbolTransformer(3, embed_dim=10)
    with pytest.raises(ArgumentError, match="model: expected one of"):
        POVMEstimator("gru")
    with pytest.raises(DataError, match="at least 10 shots"):
        POVMEstimator().train(random_data(ghz(1), 9, 0))
    with pytest.raises(DataError, match="no shot was taken in bases that tell"):
        POVMEstimator().fit(ghz(2).sample(["ZZ"], 20, seed=0))
    with pytest.raises(ArgumentError, match="others: expected numbers from 0"):
        classical_fidelity([0.5, 0.5], [0.5, 0.4])
    with pytest.raises(ShapeError, match=r"others: expected shape \(2,\), got \(1,\)"):
        classical_fidelity([0.5, 0.5], [1.0])
    with pytest.raises(ArgumentError, match="at most 10 wires"):
        povm_probabilities(DensityMatrix(np.eye(1, 2**11)[0]))
