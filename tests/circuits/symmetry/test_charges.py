"""U(1) on wires: rotations of the plane by any angle, exactly."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import expm

from qml_qdl.circuits import (
    ChargeConserving,
    ChargeEncoding,
    Circuit,
    FixedGates,
    PauliRotations,
    State,
    charge_readout,
    charge_rotations,
    charge_words,
    encoding_error,
    invariance_error,
    reupload,
)
from qml_qdl.circuits.errors import QdlError
from qml_qdl.nn import QuantumLayer

CHARGES = (0, 1, 1, 2, -1)
SAMPLES = 8
MODES = [0, 1, 1, 2, -1]  # of the same ring
MATRICES = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
    "+": np.array([[0, 1], [0, 0]]),
    "-": np.array([[0, 0], [1, 0]]),
}


def matrix(word: str) -> NDArray[np.complex128]:
    return reduce(np.kron, [MATRICES[letter] for letter in word]).astype(complex)


def charge_operator(charges: Any) -> NDArray[np.float64]:
    """The diagonal of Σ m Z/2."""
    places = range(len(charges))
    words = ["".join("Z" if k == p else "I" for k in places) for p in places]
    diagonals = [np.diag(matrix(word)).real / 2 for word in words]
    return np.asarray(np.array(charges) @ diagonals)


def ring(angle: float, waves: NDArray[np.complex128]) -> NDArray[np.float64]:
    """A signal of frequencies 0 to 3, turned, at eight places."""
    places = 2 * np.pi * np.arange(SAMPLES) / SAMPLES - angle
    frequencies = np.arange(len(waves))[:, None]
    return np.asarray((waves[:, None] * np.exp(1j * frequencies * places)).real.sum(0))


def features(signal: NDArray[np.float64]) -> torch.Tensor:
    """Modes that turn by exp(imα): those of the transform with the other sign."""
    modes = np.conj(np.fft.fft(signal))[MODES] / SAMPLES
    return torch.tensor(np.stack([modes.real, modes.imag], -1).ravel())


def waves(seed: int = 0) -> NDArray[np.complex128]:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=(4, 2)) @ np.array([1, 1j]))


def circuit(charges: Any = CHARGES, layers: int = 2) -> Circuit:
    wires = len(charges)
    return reupload(
        ChargeConserving(wires, charges), ChargeEncoding(wires, charges), layers
    )


def weights_of(circuit: Circuit, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        for name, shape in circuit.weight_shapes.items()
    }


@pytest.mark.parametrize("angle", [0.3, np.pi / 4, 2.5, -1.1])
def test_a_turned_ring_turns_the_state(
    angle: float, execute: Callable[..., torch.Tensor]
) -> None:
    model = circuit().with_readout(State())
    weights = weights_of(model, torch.float64)
    before = execute(model, features(ring(0, waves())), weights).numpy()
    after = execute(model, features(ring(angle, waves())), weights).numpy()
    expected = np.exp(-1j * angle * charge_operator(CHARGES)) * before
    phase = np.vdot(expected, after)
    assert abs(phase) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(after, phase * expected, atol=1e-12)
    assert np.linalg.norm(after - before) > 0.1


@pytest.mark.parametrize(
    ("device", "dtype", "tolerance"),
    [
        ("default.qubit", torch.float64, 1e-12),
        ("lightning.qubit", torch.float64, 1e-12),
        ("qdl.simulator", torch.float64, 1e-12),
        ("qdl.simulator", torch.float32, 2e-5),
    ],
)
def test_readouts_turn_by_their_charge(
    device: str, dtype: torch.dtype, tolerance: float
) -> None:
    angle = 0.7
    signals = [ring(turn, waves(seed)) for turn in (0, angle) for seed in (0, 1)]
    rows = torch.stack([features(signal) for signal in signals]).to(dtype)
    for charge in (0, 3):
        model = circuit().with_readout(charge_readout(5, CHARGES, charge=charge))
        layer = QuantumLayer(model, target=device, dtype=dtype)
        layer.load_state_dict(weights_of(model, dtype), strict=True)
        before, after = layer(rows).detach().reshape(2, 2, -1)
        assert before.std() > 0.02
        if charge == 0:
            assert (after - before).abs().max() < tolerance
            continue
        before, after = (
            torch.view_as_complex(each.reshape(2, -1, 2).contiguous())
            for each in (before, after)
        )
        phase = np.exp(1j * charge * angle)
        assert (after - phase * before).abs().max() < tolerance
        assert (after - before).abs().max() > 0.05


def test_angles_of_several_targets_are_the_same_matrix(
    unitary: Callable[..., Any],
) -> None:
    """Also for small, large and real c, and c = 0."""
    rng = np.random.default_rng(3)
    for c in (0, 1e-9, 0.3, -2.0, 0.4j, 3j - 2, 1.6j, complex(*rng.normal(size=2))):
        expected = expm(-1j * (c.real * MATRICES["X"] + c.imag * MATRICES["Y"]))
        found = unitary(ChargeEncoding(1, [1]), np.array([c.real, c.imag]))
        np.testing.assert_allclose(found, expected, atol=1e-14)


def test_the_gate_turns_as_charge_says(unitary: Callable[..., Any]) -> None:
    encoding = ChargeEncoding(2, (3, -1))
    x = np.array([0.3, -0.8, 1.2, 0.4])
    turn = np.diag(np.exp(-0.6j * charge_operator((3, -1))))
    np.testing.assert_allclose(
        unitary(encoding, encoding.turned(x, 0.6)),
        turn @ unitary(encoding, x) @ turn.conj().T,
        atol=1e-14,
    )
    rows = torch.tensor(np.stack([x, 2 * x]), dtype=torch.float32)
    turned = encoding.turned(rows, 0.6)
    assert turned.dtype == torch.float32
    np.testing.assert_allclose(turned[0], encoding.turned(x, 0.6), atol=1e-6)
    assert encoding.turned(rows[:0], 0.6).shape == (0, 4)


@pytest.mark.parametrize("word", ["Z", "ZZ", "+", "+-", "++-", "Z+-", "++--", "-+Z+-"])
def test_words_are_their_exponentials(word: str, unitary: Callable[..., Any]) -> None:
    """Against the exponentials of the matrices, one generator at a time."""
    charges = [0 if set(word) & {"+", "-"} else 1] * len(word)
    processing = ChargeConserving(len(word), charges, words=[word])
    ladder = matrix(word)
    generators = [ladder + ladder.conj().T, -1j * (ladder - ladder.conj().T)]
    if not set(word) & {"+", "-"}:
        generators = [ladder]
    assert processing.weight_shape == (1, len(generators))
    for index, generator in enumerate(generators):
        theta = np.zeros((1, len(generators)))
        theta[0, index] = 0.7
        found = unitary(processing, None, theta)
        np.testing.assert_allclose(found, expm(-0.7j * generator), atol=1e-13)
        readout = charge_readout(len(word), charges, words=[word]).observables[index]
        np.testing.assert_allclose(
            qml.matrix(readout, wire_order=range(len(word))), generator, atol=1e-15
        )


@pytest.mark.parametrize("charge", [0, 1, 2, -3])
def test_words_have_their_charge(charge: int) -> None:
    """Brute force: [Q, A] = qA, and no word is listed with its adjoint or twice."""
    charges = (1, 2, -1, 0, 2)
    operator = np.diag(charge_operator(charges))
    words = charge_words(charges, charge)
    assert len(set(words)) == len(words) > 0
    adjoints = {word.translate(str.maketrans("+-", "-+")) for word in words}
    ladders = {word for word in words if "Z" not in word}
    assert not ladders & adjoints
    for word in words:
        ladder = matrix(word)
        commutator = operator @ ladder - ladder @ operator
        np.testing.assert_allclose(commutator, charge * ladder, atol=1e-14)


def test_the_words_of_the_paper_are_there() -> None:
    words = set(charge_words((0, 1, 1, 2)))
    assert {"+III", "I+-I", "I++-", "ZIII", "IIZZ"} <= words
    assert set(charge_words((1, -1))) == {"ZI", "IZ", "ZZ", "++"}
    assert set(charge_words((0, 0))) == {"ZI", "IZ", "ZZ", "+I", "I+", "+-"}


def test_broken_symmetries_are_seen() -> None:
    """All charges 1, a word of net charge 2, a readout of one, a start of none."""
    angle, charges = 2 * np.pi / 7, (1, 1, 2)
    turns = charge_rotations(charges, order=7)
    encoding = ChargeEncoding(3, charges)

    def error(measured: Callable[..., float], circuit: Circuit) -> float:
        return measured(
            circuit,
            turns,
            [lambda x: encoding.turned(x, angle)],
            weights=weights_of(circuit, torch.float64),
            samples=2,
        )

    invariants = charge_readout(3, charges)
    right = circuit(charges).with_readout(invariants)
    assert error(encoding_error, right) < 1e-12
    assert error(invariance_error, right) < 1e-12
    ones = circuit((1, 1, 1)).with_readout(invariants)
    back_door = circuit(charges) @ PauliRotations(3, ["XXI"]) @ circuit(charges)
    superposed = circuit(charges) @ FixedGates(3, "Hadamard", range(3))
    for wrong in (ones, back_door, superposed):
        assert error(encoding_error, wrong) > 0.01
        assert error(invariance_error, wrong.with_readout(invariants)) > 0.01
    charged = right.with_readout(charge_readout(3, charges, charge=2))
    assert error(invariance_error, charged) > 0.01


def test_gradients(execute: Callable[..., torch.Tensor]) -> None:
    """Also at c = 0, where |c| and arg c have none."""
    model = circuit((1, 2)).with_readout(charge_readout(2, (1, 2), charge=1))
    weights = weights_of(model, torch.float64)
    for device in ("default.qubit", "qdl.simulator"):
        for row in ([0.0, 0, 0, 0], [0, 0, 0.4, -0.3], [0, 0.5, 1e-3, 0]):
            x = torch.tensor(row, dtype=torch.float64, requires_grad=True)

            def run(x: torch.Tensor, device: str = device) -> torch.Tensor:
                return execute(model, x, weights, device=device)

            torch.autograd.gradcheck(run, x, eps=1e-6, atol=1e-8)
            (slope,) = torch.autograd.grad(run(x).sum(), x)
            assert slope[:2].abs().min() > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("device", ["default.qubit", "qdl.simulator"])
def test_zeros_are_no_turn(
    dtype: torch.dtype, device: str, execute: Callable[..., torch.Tensor]
) -> None:
    model = ChargeEncoding(2, (1, 2)).with_readout(State())
    state = execute(model, torch.zeros(3, 4, dtype=dtype), device=device)
    np.testing.assert_allclose(state, np.eye(1, 4).repeat(3, 0), atol=1e-6)
    tiny = torch.finfo(dtype).tiny
    x = torch.full((1, 4), tiny, dtype=dtype, requires_grad=True)
    readout = charge_readout(2, (1, 2), charge=1, words=["+I"])
    out = execute(ChargeEncoding(2, (1, 2)).with_readout(readout), x, device=device)
    (slope,) = torch.autograd.grad(out.sum(), x)
    assert slope.isfinite().all()
    torch.testing.assert_close(slope[0, :2].abs(), torch.full((2,), 2.0, dtype=dtype))


def test_one_register_of_amplitudes_does_not_see_phases(
    execute: Callable[..., torch.Tensor],
) -> None:
    """Why charges: of amplitudes c_m, what commutes with rotations reads `|c_m|`.

    With one mode an amplitude, W and readouts are matrices inside each m, so that a
    phase of its own for each m changes nothing, though it is another signal. Two copies
    of the register see it.
    """
    rng = np.random.default_rng(5)
    modes = np.repeat(np.arange(-3, 4), 2)  # two rings

    def commuting(charges: NDArray[np.int64]) -> NDArray[np.complex128]:
        full = rng.normal(size=(2, len(charges), len(charges)))
        hermitian = full[0] + 1j * full[1]
        hermitian = hermitian + hermitian.conj().T
        return np.asarray(hermitian * (charges[:, None] == charges))

    state = rng.normal(size=(2, len(modes))).T @ np.array([1, 1j])
    state /= np.linalg.norm(state)
    scrambled = state * np.exp(1j * rng.uniform(0, 6, 7)).repeat(2)
    pairs = (modes[:, None] + modes).ravel()
    for copies, charges in ((1, modes), (2, pairs)):
        unitary, observable = expm(-1j * commuting(charges)), commuting(charges)
        means = []
        for each in (state, state * np.exp(-0.7j * modes), scrambled):
            final = unitary @ (each if copies == 1 else np.kron(each, each))
            means.append(np.vdot(final, observable @ final).real)
        assert means[1] == pytest.approx(means[0], abs=1e-12)
        assert (abs(means[2] - means[0]) > 0.1) == (copies == 2)
    # One copy of qubits that have charges sees it, too.
    model = circuit().with_readout(
        charge_readout(5, CHARGES, words=charge_words(CHARGES)[:5])
    )
    weights = weights_of(model, torch.float64)
    row = features(ring(0, waves()))
    phases = torch.tensor(np.exp(1j * np.array([0, 0.3, 0.3, 1.1, -0.3])))
    scrambled = torch.view_as_complex(row.reshape(5, 2)) * phases
    other = torch.view_as_real(scrambled).flatten()
    before, after = execute(model, torch.stack([row, other]), weights)
    assert (after - before).abs().max() > 0.05


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ChargeEncoding(2, (1,)), r"charges: expected 2 whole numbers, one fo"),
        (lambda: ChargeEncoding(2, (1, 0.5)), r"charges: expected one whole number fo"),
        (lambda: ChargeEncoding(2, "12"), r"charges: expected one whole number for"),
        (lambda: ChargeEncoding(1, (1,), features=[0]), r"reads 2 features, got 1"),
        (
            lambda: ChargeEncoding(1, (1,)).turned(np.zeros(3), 0.1),
            r"features: expected \(\.\.\., 2\), real and imaginary part",
        ),
        (
            lambda: ChargeEncoding(1, (1,)).turned(np.zeros(2), np.inf),
            r"angle: expected",
        ),
        (lambda: ChargeConserving(2, (1,)), r"charges: expected 2 whole numbers"),
        (lambda: ChargeConserving(2, (1, 1), 0), r"layers: expected at least 1"),
        (
            lambda: ChargeConserving(3, (1, 1, 0), words=["++I"]),
            r"words: expected words of net charge 0, but '\+\+I' on the charges "
            r"\[1, 1, 0\] has 2; change its letters, or take some of charge_words",
        ),
        (
            lambda: ChargeConserving(2, (1, 1), words=["XI"]),
            r"words: expected 2 letters I, Z, \+ and -, not all of them I, got 'XI'",
        ),
        (lambda: ChargeConserving(2, (1, 1), words=["II"]), r"not all of them I, got"),
        (lambda: ChargeConserving(2, (1, 1), words=["Z"]), r"expected 2 letters I, Z"),
        (
            lambda: ChargeConserving(2, (1, 1), words=[]),
            r"words: expected None, or one",
        ),
        (lambda: ChargeConserving(2, (1, 1), words=[1]), r"words: expected None, or"),
        (
            lambda: charge_readout(2, (1, 1), charge=5),
            r"charge: no word of up to three letters on the charges \[1, 1\] has net",
        ),
        (
            lambda: charge_readout(2, (1, 1), charge=1, words=["+-"]),
            r"words: expected words of net charge 1, but '\+-' .* has 0",
        ),
        (lambda: charge_rotations((1,), 0), r"order: expected at least 1, got 0"),
        (lambda: charge_words(()), r"charges: expected one whole number for each wire"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
