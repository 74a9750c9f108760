"""Matrices as gates whose number and order never depend on the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
from scipy.linalg import block_diag

from qml_qdl.hardware.qiskit.conversion.unitaries import multiplexed, unitary_gates
from tests.hardware.qiskit.planning import (
    WIRES,
    expected,
    planned,
    unitary,
)
from tests.hardware.simulator.conftest import unitary as sampled_unitary

SPECIAL = {
    "identity": np.eye(8),
    "minus identity": -np.eye(8),
    "diagonal": np.diag(np.exp(1j * np.arange(8))),
    "permutation": np.eye(8)[::-1],
    "product": np.kron(np.eye(4), [[0.6, -0.8], [0.8, 0.6]]),
    "Fourier": np.fft.fft(np.eye(8), norm="ortho"),
}


@pytest.mark.parametrize("wires", [1, 2, 3])
@pytest.mark.parametrize("name", SPECIAL)
def test_special_matrix_has_the_structure_of_any(name: str, wires: int) -> None:
    size = 2**wires
    matrix = np.asarray(SPECIAL[name][:size, :size], dtype=complex)
    if name == "Fourier":
        matrix = np.fft.fft(np.eye(size), norm="ortho")
    if name == "permutation":
        matrix = np.eye(size)[::-1].astype(complex)
    if name == "product" and wires == 1:
        matrix = np.array([[0.6, -0.8], [0.8, 0.6]])
    sampled = sampled_unitary(np.random.default_rng(0), wires)
    plan = planned([qml.QubitUnitary(matrix, WIRES[:wires])])
    np.testing.assert_allclose(
        unitary(plan), expected(qml.QubitUnitary(matrix, WIRES[:wires])), atol=1e-12
    )
    assert (
        plan.structure == planned([qml.QubitUnitary(sampled, WIRES[:wires])]).structure
    )


def test_matrix_in_single_precision() -> None:
    matrix = sampled_unitary(np.random.default_rng(0), 2).astype(np.complex64)
    plan = planned([qml.QubitUnitary(matrix, ["a", "b"])])
    reference = expected(qml.QubitUnitary(matrix, ["a", "b"]))
    np.testing.assert_allclose(unitary(plan), reference, atol=1e-6)


@pytest.mark.parametrize("wires", [1, 2, 3])
def test_matrices_are_the_gates(wires: int) -> None:
    """Rows of matrices are one structure, with angles for each row."""
    rng = np.random.default_rng(wires)
    size = 2**wires
    rows = np.linalg.qr(
        rng.normal(size=(3, size, size)) + 1j * rng.normal(size=(3, size, size))
    )[0]
    labels = list("cab")[:wires]
    together = unitary_gates(rows, labels)
    names = [gate.name for gate in together]
    for number, matrix in enumerate(rows):
        alone = unitary_gates(matrix, labels)
        assert [gate.name for gate in alone] == names
        found = qml.matrix(qml.tape.QuantumScript(alone), wire_order=labels)
        np.testing.assert_allclose(found, matrix, atol=1e-9)
        for one, all_rows in zip(alone, together, strict=True):
            for angle, each in zip(one.data, all_rows.data, strict=True):
                np.testing.assert_allclose(each[number], angle, atol=1e-9)
    assert sum(name == "CNOT" for name in unitary_names(np.eye(4))) == 3


def unitary_names(matrix: Any) -> list[str]:
    wires = range(int(np.log2(len(matrix))))
    return [gate.name for gate in unitary_gates(matrix, list(wires))]


@pytest.mark.parametrize("controls", [0, 1, 2, 3])
@pytest.mark.parametrize("rotation", [qml.RY, qml.RZ])
def test_multiplexed_turns(rotation: Any, controls: int) -> None:
    """A block of its own for each setting of the controls, the leading bit first."""
    angles = np.linspace(0.1, 2.0, 2**controls)
    wires = list(range(controls))
    gates = multiplexed(rotation, angles, wires, "t")
    assert len(gates) == (2 * 2**controls if controls else 1)
    found = qml.matrix(qml.tape.QuantumScript(gates), wire_order=[*wires, "t"])
    blocks = [rotation(angle, "t").matrix() for angle in angles]
    np.testing.assert_allclose(found, block_diag(*blocks), atol=1e-12)
