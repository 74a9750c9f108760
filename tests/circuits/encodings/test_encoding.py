"""The encodings against PennyLane, Qiskit and the matrix exponential."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from numpy.typing import NDArray
from qiskit.circuit.library import zz_feature_map
from qiskit.quantum_info import Operator

from qml_qdl.circuits import (
    AngleEncoding,
    ArgumentError,
    ArgumentTypeError,
    BasisEncoding,
    Encoding,
    HamiltonianEncoding,
    IQPEncoding,
    QdlError,
    State,
    ZZFeatureMap,
)

INPUTS = np.array([0.3, 1.1, -0.7])


@pytest.mark.parametrize(
    ("encoding", "template"),
    [
        (AngleEncoding(3, rotation=axis), qml.AngleEmbedding(INPUTS, range(3), axis))
        for axis in "XY"
    ]
    + [
        (
            IQPEncoding(3, repeats=repeats),
            qml.IQPEmbedding(INPUTS, range(3), n_repeats=repeats),
        )
        for repeats in (1, 2)
    ],
)
def test_it_is_pennylanes_template(
    encoding: Encoding, template: Any, unitary: Callable[..., Any]
) -> None:
    expected = qml.matrix(template, wire_order=range(3))
    np.testing.assert_allclose(unitary(encoding, INPUTS), expected, atol=1e-12)


def test_rotation_about_z_follows_a_hadamard(unitary: Callable[..., Any]) -> None:
    rotation = qml.RZ.compute_matrix(0.3) @ qml.Hadamard.compute_matrix()
    found = unitary(AngleEncoding(1, rotation="Z"), np.array([0.3]))
    np.testing.assert_allclose(found, rotation, atol=1e-12)


@pytest.mark.parametrize("bits", [(0, 0, 0), (1, 0, 1), (0, 1, 1)])
def test_bits_become_basis_states(
    bits: tuple[int, ...], execute: Callable[..., torch.Tensor]
) -> None:
    state = execute(BasisEncoding(3).with_readout(State()), np.array(bits, float))
    node = qml.QNode(
        lambda: [qml.BasisEmbedding(bits, range(3)), qml.state()][1],
        qml.device("default.qubit", wires=3),
    )
    assert abs(np.vdot(node(), state.numpy())) == pytest.approx(1)


@pytest.mark.parametrize("entanglement", ["full", "linear", "circular"])
@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_zz_feature_map_is_qiskits(
    size: int, repeats: int, entanglement: str, unitary: Callable[..., Any]
) -> None:
    circuit = zz_feature_map(size, reps=repeats, entanglement=entanglement)
    inputs = np.array([0.3, 1.1, -0.7, 2.2])[:size]
    bound = circuit.assign_parameters(inputs)
    encoding = ZZFeatureMap(size, repeats=repeats, entanglement=entanglement)
    # Qiskit counts qubit 0 as the last digit.
    expected = Operator(bound.reverse_bits()).data
    np.testing.assert_allclose(unitary(encoding, inputs), expected, atol=1e-12)


def evolution(
    times: NDArray[np.float64], generators: list[Any], wires: Any
) -> NDArray[np.complex128]:
    """∏ₖ exp(−i tₖ Hₖ), the first generator applied first."""
    total = np.eye(2 ** len(wires), dtype=complex)
    for time, generator in zip(times, generators, strict=True):
        matrix = torch.as_tensor(qml.matrix(generator, wire_order=wires) + 0j)
        total = torch.linalg.matrix_exp(-1j * time * matrix).numpy() @ total
    return total


def test_commuting_hamiltonians_are_exact(unitary: Callable[..., Any]) -> None:
    generators = [
        0.5 * qml.Z(0) @ qml.Z(1) - 2 * qml.Z(1),
        qml.X(2),
        qml.X(0) @ qml.X(1) + qml.Y(0) @ qml.Y(1),
    ]
    encoding = HamiltonianEncoding(3, generators=generators)
    expected = evolution(INPUTS, generators, encoding.wires)
    np.testing.assert_allclose(unitary(encoding, INPUTS), expected, atol=1e-12)


def test_the_default_is_the_heisenberg_chain(unitary: Callable[..., Any]) -> None:
    # XX, YY and ZZ of one pair commute, so the formula is exact.
    generators = [
        qml.X(i) @ qml.X(i + 1) + qml.Y(i) @ qml.Y(i + 1) + qml.Z(i) @ qml.Z(i + 1)
        for i in range(2)
    ]
    expected = evolution(INPUTS[:2], generators, range(3))
    np.testing.assert_allclose(
        unitary(HamiltonianEncoding(3), INPUTS[:2]), expected, atol=1e-12
    )


def test_more_steps_come_nearer(unitary: Callable[..., Any]) -> None:
    generator = qml.X(0) @ qml.Z(1) + 0.5 * qml.Z(0) + qml.Y(1)
    exact = evolution(INPUTS[:1], [generator], range(2))
    errors = []
    for steps in (8, 16, 32):
        encoding = HamiltonianEncoding(2, generators=[generator], steps=steps)
        found = unitary(encoding, INPUTS[:1])
        errors.append(float(np.linalg.norm(found - exact, 2)))
    # The error of the first-order formula falls as 1/steps.
    assert errors[0] > 1e-4
    np.testing.assert_allclose(np.divide(errors[:2], errors[1:]), 2, rtol=0.05)


def test_one_sum_is_one_generator() -> None:
    total = qml.X(0) + qml.Z(1)
    assert HamiltonianEncoding(2, generators=total).generators == (total,)


def test_generators_move_with_the_wires() -> None:
    encoding = HamiltonianEncoding(2, generators=[qml.X(0) @ qml.Z(1), qml.Y(1)])
    moved = encoding.on(["a", "b"])
    assert moved.generators == (qml.X("a") @ qml.Z("b"), qml.Y("b"))
    assert encoding.on([1, 0]).generators == (qml.X(1) @ qml.Z(0), qml.Y(0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: AngleEncoding(2, rotation="RX"),
            "rotation: expected one of 'X', 'Y', 'Z', got 'RX'",
        ),
        (lambda: IQPEncoding(2, repeats=0), "repeats: expected at least 1, got 0"),
        (lambda: ZZFeatureMap(2, repeats=0), "repeats: expected at least 1, got 0"),
        (
            lambda: ZZFeatureMap(2, entanglement="ring"),
            "entanglement: expected one of 'full', 'linear', 'circular', got 'ring'",
        ),
        (lambda: HamiltonianEncoding(2, steps=0), "steps: expected at least 1, got 0"),
        (lambda: HamiltonianEncoding(1), "wires: the Heisenberg chain needs two wires"),
        (
            lambda: HamiltonianEncoding(1, generators=[qml.Z(3)]),
            r"generators: Z\(3\) acts on \[3\], but the encoding has the wires \[0\]",
        ),
        (
            lambda: HamiltonianEncoding(1, generators=["Z"]),
            "generators: expected PennyLane operators made of Pauli words, got 'Z'",
        ),
        (
            lambda: HamiltonianEncoding(1, generators=3),
            "generators: expected PennyLane operators made of Pauli words, got 3",
        ),
        (
            lambda: HamiltonianEncoding(1, generators=[qml.RX(1.0, 0)]),
            "generators: expected PennyLane operators made of Pauli words",
        ),
        (
            lambda: HamiltonianEncoding(1, generators=[]),
            "generators: expected one operator for each feature, got none",
        ),
        (
            lambda: HamiltonianEncoding(1, generators=[1j * qml.Z(0)]),
            "generators: expected Hermitian operators, .* Pauli words real",
        ),
        (
            lambda: HamiltonianEncoding(1, generators=[qml.X(0) @ qml.Y(0)]),
            "generators: expected Hermitian operators",
        ),
    ],
)
def test_wrong_options_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        make()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "QQ", None, True, [1.0]])
def test_a_scaling_is_a_finite_number(value: Any) -> None:
    with pytest.raises(QdlError, match=r"scaling: expected a (finite )?number, got"):
        AngleEncoding(2, scaling=value)


@pytest.mark.parametrize("value", ["no", 0, 1, None, "True"])
def test_whether_a_scaling_is_trained_is_a_flag(value: Any) -> None:
    with pytest.raises(
        ArgumentTypeError, match="trainable_scaling: expected True or False, got"
    ):
        AngleEncoding(2, trainable_scaling=value)
