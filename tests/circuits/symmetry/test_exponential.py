"""Exponentials of sums of Pauli words that do not commute, against scipy's expm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from scipy.linalg import expm

from qml_qdl.circuits import (
    AngleEncoding,
    Driven,
    EquivariantProcessing,
    Expectation,
    Processing,
    invariant_readout,
)
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.symmetry.exponential import (
    MOST_WIRES,
    Diagonalised,
    PauliTerm,
    exponential_parts,
)
from qml_qdl.circuits.symmetry.named_groups import symmetric_group, translations
from qml_qdl.nn import QuantumLayer

SUMS: list[Any] = [
    pytest.param([("X", (0,), 1.0), ("Z", (0,), 1.0)], id="one-wire"),
    pytest.param([("XY", (0, 1), 0.3), ("YX", (0, 1), -1), ("Z", (1,), 2)], id="two"),
    pytest.param(
        [("XY", ("b", "a"), 1), ("ZZ", ("a", "c"), 0.5), ("YX", ("c", "b"), 1)],
        id="labels",
    ),
    pytest.param(
        [("XY", (k, k + 1), 0.5 + k) for k in range(MOST_WIRES - 1)], id="most-wires"
    ),
]
every_sum = pytest.mark.parametrize("terms", SUMS)


def matrix(terms: list[PauliTerm], wires: Any) -> Any:
    """The sum, by PennyLane's own matrices."""
    total: Any = 0
    for letters, places, factor in terms:
        word = qml.pauli.PauliWord(dict(zip(places, letters, strict=True)))
        total = total + factor * word.to_mat(wire_order=wires)
    return total


def gate(terms: list[PauliTerm], theta: float) -> tuple[Any, Any]:
    """The matrix of a gate, and its wires."""
    part = Diagonalised.of(terms)
    with qml.queuing.AnnotatedQueue() as queue:
        part.queue(theta)
    tape = qml.tape.QuantumScript.from_queue(queue)
    return qml.matrix(tape, wire_order=part.wires), part.wires


@every_sum
@pytest.mark.parametrize("theta", [0.0, 0.7, -21.0])
def test_it_is_the_exponential(terms: list[PauliTerm], theta: float) -> None:
    found, wires = gate(terms, theta)
    assert len(wires) <= MOST_WIRES
    np.testing.assert_allclose(
        found.conj().T @ found, np.eye(2 ** len(wires)), atol=1e-12
    )
    expected = expm(-1j * theta * matrix(terms, wires))
    np.testing.assert_allclose(found, expected, atol=1e-11)
    if theta:  # the product of the words' own exponentials is something else
        product_of_words = np.eye(len(found))
        for word in terms:
            one = expm(-1j * theta * matrix([word], wires))
            product_of_words = one @ product_of_words
        assert np.abs(product_of_words - found).max() > 0.05


def test_eigenvalues_in_pairs_need_half_of_the_rotations() -> None:
    """An odd number of Z in each: the others would not change sign with λ."""
    words = [("XY", (k, k + 1), 1.0) for k in range(2)]
    factors = Diagonalised.of(words).factors
    assert factors
    assert {len(places) % 2 for places in factors} == {1}


@pytest.mark.parametrize("seed", range(3))
def test_parts_commute_and_are_all_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms: list[PauliTerm] = []
    for _ in range(4):
        first, second = (int(wire) for wire in rng.choice(6, 2, replace=False))
        letters = "".join(str(letter) for letter in rng.choice(list("XYZ"), 2))
        terms.append((letters, (first, second), 1.0))
    parts = exponential_parts(terms)
    assert sorted(term for part in parts for term in part) == sorted(terms)
    assert len(parts) < 4
    for part in parts:  # nothing is in one gate without need
        each = [matrix([term], range(6)) for term in part]
        for one in each:
            clashes = [np.abs(one @ other - other @ one).max() > 1 for other in each]
            assert any(clashes) == (len(part) > 1)
    matrices = [matrix(list(part), range(6)) for part in parts]
    for one in matrices:
        for other in matrices:
            np.testing.assert_allclose(one @ other, other @ one, atol=1e-12)


def test_words_that_commute_stay_rotations() -> None:
    """Only what must be together is: far ends of a chain are gates of their own."""
    words = [("XY", (0, 1), 1.0), ("Z", (1,), 1.0), ("XY", (8, 9), 1.0)]
    assert [len(part) for part in exponential_parts(words)] == [2, 1]
    same = [("ZZ", (i, i + 1), 1.0) for i in range(30)]
    assert [len(part) for part in exponential_parts(same)] == [1] * 30


TARGETS = [
    ("qdl.simulator", "best"),
    ("default.qubit", "backprop"),
    ("default.qubit", "parameter-shift"),
    ("lightning.qubit", "adjoint"),
    ("aer", "parameter-shift"),
]


def test_every_target_gives_values_and_gradients() -> None:
    """As our simulator in float64, whose gradients are those of differences."""
    group = symmetric_group(3)
    processing = EquivariantProcessing(3, group, ["XYI", "ZII", "XZI"])
    readout = invariant_readout(group, ["ZII", "XZI"])
    circuit = (processing @ AngleEncoding(3)).with_readout(readout)
    start = torch.tensor([[0.4, -0.9, 1.3]], dtype=torch.float64)
    data = torch.tensor([[0.1, 0.5, 0.9], [1.0, 0.2, -0.3]], dtype=torch.float64)

    def of(target: str, method: str, kind: torch.dtype) -> list[torch.Tensor]:
        layer: Any = QuantumLayer(circuit, target=target, diff_method=method)
        layer.to(kind).weights_0.data.copy_(start)
        x = data.to(kind, copy=True).requires_grad_()
        result = layer(x)
        torch.autograd.backward([result[:, 0].sum() - 2 * result[1, 1]])
        assert result.dtype == kind
        return [result.detach(), layer.weights_0.grad, x.grad]

    exact = of("qdl.simulator", "best", torch.float64)
    layer: Any = QuantumLayer(circuit, dtype=torch.float64)
    layer.weights_0.data.copy_(start)
    names = dict(layer.named_parameters())

    def loss(weights: torch.Tensor, x: torch.Tensor) -> Any:
        return torch.func.functional_call(layer, {**names, "weights_0": weights}, x)

    torch.autograd.gradcheck(
        loss, (start.clone().requires_grad_(), data.clone().requires_grad_())
    )
    runs = [(*each, torch.float64, 1e-10) for each in TARGETS]
    for target, method, dtype, tolerance in (*runs, (*TARGETS[0], torch.float32, 1e-5)):
        for found, expected in zip(of(target, method, dtype), exact, strict=True):
            difference = (found.double() - expected).abs().max()
            assert difference < tolerance, (target, method, dtype)


def test_it_can_be_driven() -> None:
    """Angles that differ from row to row."""
    processing: Processing = EquivariantProcessing(2, symmetric_group(2), ["XY", "ZI"])
    layer = QuantumLayer(
        Driven(processing, features=[0, 1]) @ AngleEncoding(2, features=[2, 3])
    )
    x = torch.rand(3, 4, dtype=torch.float64)
    found = layer(x)
    for row, expected in zip(x, found, strict=True):
        fixed: Any = QuantumLayer(processing @ AngleEncoding(2), dtype=torch.float64)
        fixed.weights_0.data.copy_(row[:2].reshape(1, 2))
        torch.testing.assert_close(fixed(row[2:]), expected)


@pytest.mark.parametrize(
    "make",
    [
        lambda: EquivariantProcessing(7, translations(7), ["XY" + 5 * "I"]),
        lambda: Diagonalised.of([("XY", (k, k + 1), 1.0) for k in range(6)]),
    ],
)
def test_too_many_wires(make: Callable[[], object]) -> None:
    text = (
        r"generators: words that do not commute act on 7 wires together, \[.*\], and "
        "at most 6 are done exactly; use a smaller group, fewer wires, or generators"
    )
    with pytest.raises(QdlError, match=text):
        make()


def test_it_is_drawn_without_its_matrices() -> None:
    group = symmetric_group(3)
    processing = EquivariantProcessing(3, group, ["XYI", "ZII", "XZI"])
    circuit = processing.with_readout(Expectation("ZZZ"))
    assert len(circuit.draw().splitlines()) == 3
