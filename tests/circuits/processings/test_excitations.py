from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
from scipy.linalg import expm

from qml_qdl.circuits import Circuit, Excitations, PauliRotations, Processing
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError


def unitary(block: Processing, angles: Any) -> Any:
    tape = qml.tape.make_qscript(Circuit([block]))(None, np.asarray(angles))
    return qml.matrix(tape, wire_order=block.wires)


@pytest.mark.parametrize(("electrons", "orbitals"), [(2, 4), (2, 6), (4, 6)])
def test_uccsd_is_pennylanes(electrons: int, orbitals: int) -> None:
    singles, doubles = qml.qchem.excitations(electrons, orbitals)
    count = len(singles) + len(doubles)
    angles = np.random.default_rng(0).normal(size=count)
    s_wires, d_wires = qml.qchem.excitations_to_wires(singles, doubles)
    template = qml.UCCSD(
        angles, range(orbitals), s_wires, d_wires, np.zeros(orbitals, int)
    )
    _, *gates = template.decomposition()  # the first is a basis state
    tape = qml.tape.QuantumScript(gates)
    wanted = qml.matrix(tape, wire_order=range(orbitals))
    block = Excitations(orbitals, [*doubles, *singles])
    turned = np.roll(angles, len(doubles))  # PennyLane's has singles first
    assert np.allclose(unitary(block, turned), wanted, atol=1e-12)


@pytest.mark.parametrize(
    "places",
    [
        *[(0, 2), (2, 0), (4, 1)],
        *[(0, 1, 2, 3), (1, 0, 2, 3), (3, 2, 0, 1), (0, 2, 3, 4)],
        *[(0, 2, 1, 3), (0, 3, 1, 2), (4, 1, 2, 3), (2, 0, 4, 1)],  # crossed
    ],
)
def test_fermions_are_exponentials_of_their_operators(places: tuple[int, ...]) -> None:
    """By matrices of Jordan and Wigner, made by PennyLane."""
    half, count, angle = len(places) // 2, 5, 0.7
    word = {(k, site): "+" for k, site in enumerate(places[half:])}
    word |= {(half + k, site): "-" for k, site in enumerate(places[:half])}
    fermi = qml.FermiWord(word)
    sentence = qml.jordan_wigner(fermi, ps=True)
    raising = qml.matrix(sentence, wire_order=range(count))
    found = unitary(Excitations(count, [places]), [angle])
    wanted = expm(angle / 2 * (raising - raising.conj().T))
    assert np.allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("excitations", "error", "text"),
    [
        ([], ArgumentTypeError, "expected one or more such as"),
        ([("a", "b")], ArgumentTypeError, "expected one or more such as"),
        ("01", ArgumentTypeError, "expected one or more such as"),
        ([(0, 1, 2)], ArgumentError, "two or four different positions below 4"),
        ([(0, 4)], ArgumentError, "two or four different positions below 4"),
        ([(1, 1)], ArgumentError, "two or four different positions below 4"),
    ],
)
def test_bad_excitations(excitations: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Excitations(4, excitations)


@pytest.mark.parametrize("word", ["YI", "XY", "ZZ", "IX"])
def test_rotations_about_words(word: str) -> None:
    pauli = qml.matrix(qml.pauli.string_to_pauli_word(word), wire_order=(0, 1))
    wanted = expm(-0.5j * 0.7 * pauli)
    assert np.allclose(unitary(PauliRotations(2, [word]), [0.7]), wanted)


@pytest.mark.parametrize(
    ("words", "error", "text"),
    [
        ([], ArgumentTypeError, "expected one or more Pauli words"),
        ([1], ArgumentTypeError, "expected one or more Pauli words"),
        (["II"], ArgumentError, "expected 2 letters I, X, Y and Z, not all"),
        (["X"], ArgumentError, "expected 2 letters"),
        (["XA"], ArgumentError, "expected 2 letters"),
    ],
)
def test_bad_words(words: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        PauliRotations(2, words)
