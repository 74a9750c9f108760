"""Expectation values of Pauli words, against their matrices."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.hardware.simulator.readout import Flips, compile_expectations, squares
from qml_qdl.hardware.simulator.tensor_options import TensorOptions
from tests.hardware.simulator.programs import CPU

WORDS = [
    [(0.7, "Z0")],
    [(1.0, "X1"), (-0.4, "Y0 Z2")],
    [(0.3, "I"), (2.0, "Z0 Z2"), (0.5, "X0 X1 X2")],
    [],
]


def sentence(
    terms: list[tuple[float, str]], wires: list[int]
) -> qml.pauli.PauliSentence:
    return qml.pauli.PauliSentence(
        {
            qml.pauli.PauliWord(
                {wires[int(each[1])]: each[0] for each in word.split() if word != "I"}
            ): factor
            for factor, word in terms
        }
    )


@pytest.mark.parametrize("few", [False, True], ids=["rows last", "rows first"])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize("num_wires", [3, 13])  # a number for each amplitude, or not
def test_expectations_are_those_of_matrices(
    num_wires: int, dtype: torch.dtype, few: bool
) -> None:
    wires = [0, num_wires // 2, num_wires - 1]
    sentences = [sentence(terms, wires) for terms in WORDS]
    options = TensorOptions(dtype, CPU, few, False)
    random = torch.Generator().manual_seed(0)
    vectors = torch.randn(2, 2**num_wires, dtype=dtype, generator=random)
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    state = vectors[:, :, None] if few else vectors.T[None]
    found = compile_expectations(sentences, num_wires, options)(state)
    double = vectors.numpy().astype(np.complex128)
    for terms, each in zip(sentences, found, strict=True):
        changed = np.zeros_like(double)
        for word, factor in terms.items():
            view = double.reshape(2, *(2,) * num_wires)
            for wire, letter in word.items():
                matrix = getattr(qml, f"Pauli{letter}").compute_matrix()
                view = np.moveaxis(
                    np.tensordot(matrix, view, axes=(1, 1 + wire)), 0, 1 + wire
                )
            changed += factor * view.reshape(2, -1)
        expected = np.einsum("rs,rs->r", double.conj(), changed).real
        tolerance = 1e-5 if dtype == torch.complex64 else 1e-12
        np.testing.assert_allclose(each.numpy(), expected, atol=tolerance)


@pytest.mark.parametrize("few", [False, True], ids=["rows last", "rows first"])
def test_many_words_have_the_gradients_of_the_plain_formula(few: bool) -> None:
    """The first, applied as one operator, and the second."""
    random = np.random.default_rng(0)
    letters = ["".join(random.choice([*"IXYZ"], 3)) for _ in range(12)]
    words = [qml.pauli.string_to_pauli_word(word).pauli_rep for word in letters]
    sentences = [*words[:8], words[8] + 0.5 * words[9], -2 * (words[10] + words[11])]
    options = TensorOptions(torch.complex128, CPU, few, False)
    expectations = compile_expectations(sentences, 3, options)
    generator = torch.Generator().manual_seed(0)
    shape = (2, 8, 1) if few else (1, 8, 2)
    state = torch.randn(shape, dtype=torch.complex128, generator=generator)
    state.requires_grad_()
    assert torch.autograd.gradcheck(expectations, (state,))
    assert torch.autograd.gradgradcheck(expectations, (state,))
    (flips,) = expectations.parts
    assert isinstance(flips, Flips)
    torch.testing.assert_close(flips(state), flips.plainly(state))


def test_words_that_would_fill_the_memory_are_read_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sentences = [sentence(terms, [0, 1, 2]) for terms in WORDS[:3]]
    options = TensorOptions(torch.complex128, CPU, False, False)
    state = torch.randn(1, 8, 4, dtype=torch.complex128)
    whole = compile_expectations(sentences, 3, options)
    monkeypatch.setattr("qml_qdl.hardware.simulator.readout.MOST_NUMBERS", 8)
    alone = compile_expectations(sentences, 3, options)
    assert len(alone.parts) > len(whole.parts) == 1
    torch.testing.assert_close(alone(state), whole(state))


def test_squares_has_the_gradient_of_the_plain_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(1, 4, 3, dtype=torch.complex128, generator=generator)
    state.requires_grad_()
    assert torch.autograd.gradcheck(squares, (state,))
