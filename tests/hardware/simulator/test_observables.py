"""Every exact readout is default.qubit's, with its gradients, in both precisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import scipy.sparse as sparse
import torch

WIRES = 4
RNG = np.random.default_rng(5)
MATRIX = RNG.normal(size=(4, 4)) + 1j * RNG.normal(size=(4, 4))
MATRIX = MATRIX + MATRIX.conj().T
VECTOR = np.linalg.qr(MATRIX)[0][:, 0]

READOUTS: dict[str, Callable[[], Any]] = {
    "expval Z": lambda: qml.expval(qml.Z(2)),
    "expval XYZ": lambda: qml.expval(qml.X(3) @ qml.Y(0) @ qml.Z(1)),
    "expval I": lambda: qml.expval(qml.I(2)),
    "expval Hadamard": lambda: qml.expval(qml.Hadamard(1)),
    "expval Hamiltonian": lambda: qml.expval(
        qml.Hamiltonian([0.3, 0.4, 1.0], [qml.X(0) @ qml.Y(1), qml.Z(3), qml.I(0)])
    ),
    "expval Hermitian": lambda: qml.expval(qml.Hermitian(MATRIX, [2, 0])),
    "expval Hermitian @ Z": lambda: qml.expval(
        qml.Hermitian(MATRIX, [2, 0]) @ qml.Z(1)
    ),
    "expval Hermitian + Z": lambda: qml.expval(
        qml.Hermitian(MATRIX, [2, 0]) + 0.5 * qml.Z(1)
    ),
    "expval Projector of a basis state": lambda: qml.expval(
        qml.Projector([1, 0], [2, 0])
    ),
    "expval Projector of a state": lambda: qml.expval(qml.Projector(VECTOR, [2, 0])),
    "var Z": lambda: qml.var(qml.Z(2)),
    "var XY": lambda: qml.var(qml.X(3) @ qml.Y(0)),
    "var Hamiltonian": lambda: qml.var(
        qml.Hamiltonian([0.3, 0.4], [qml.X(0) @ qml.Y(1), qml.Z(3)])
    ),
    "var Hermitian": lambda: qml.var(qml.Hermitian(MATRIX, [2, 0])),
    "var Projector of a basis state": lambda: qml.var(qml.Projector([1, 0], [2, 0])),
    "var Projector of a state": lambda: qml.var(qml.Projector(VECTOR, [2, 0])),
    "var Hadamard @ Z": lambda: qml.var(qml.Hadamard(1) @ qml.Z(0)),
    "probs": lambda: qml.probs(),
    "probs of wires": lambda: qml.probs(wires=[3, 1]),
    "probs of a word": lambda: qml.probs(op=qml.X(1) @ qml.Y(3)),
    "probs of Hadamard": lambda: qml.probs(op=qml.Hadamard(2)),
    "state": lambda: qml.state(),
    "density matrix": lambda: qml.density_matrix([3, 1]),
    "density matrix of all": lambda: qml.density_matrix([3, 1, 0, 2]),
    "purity": lambda: qml.purity([3, 1]),
    "purity of most": lambda: qml.purity([3, 1, 0]),
    "entropy": lambda: qml.vn_entropy([3, 1]),
    "entropy in bits": lambda: qml.vn_entropy([3, 1, 2], log_base=2),
    "mutual information": lambda: qml.mutual_info([0], [3, 1]),
}


def circuit(readout: str) -> Callable[..., Any]:
    def function(inputs: Any, weights: Any) -> Any:
        qml.RY(0.3, 0)
        qml.RX(inputs, 1)
        qml.IsingXX(inputs, [1, 3])
        qml.StronglyEntanglingLayers(weights, range(WIRES))
        return READOUTS[readout]()

    return function


@pytest.mark.parametrize(
    ("rows", "single"),
    [
        *((rows, False) for rows in (None, 1, 3, 20)),
        (20, True),
        *(pytest.param(n, True, marks=pytest.mark.slow) for n in (None, 1, 3)),
    ],
)
@pytest.mark.parametrize("readout", READOUTS)
def test_readout_is_default_qubits(
    readout: str, rows: int | None, single: bool, agree: Callable[..., Any]
) -> None:
    rng = np.random.default_rng(1)
    numbers = [np.asarray(rng.normal(size=rows)), rng.normal(size=(2, WIRES, 3))]
    agree(circuit(readout), numbers, WIRES, single=single)


@pytest.mark.parametrize("readout", READOUTS)
def test_readout_needs_no_number_on_the_host(readout: str) -> None:
    """On the device "meta" there are no numbers to look at."""
    for rows in (None, 3, 20):
        shape = () if rows is None else (rows,)
        inputs = torch.empty(shape, device="meta", requires_grad=True)
        weights = torch.empty(2, WIRES, 3, device="meta", requires_grad=True)
        node = qml.QNode(
            circuit(readout), qml.device("qdl.simulator", wires=WIRES), "torch"
        )
        result = node(inputs, weights)
        assert result.device.type == "meta"
        assert result.dtype in (torch.float64, torch.complex128)
        result.abs().sum().backward()
        assert inputs.grad is not None
        assert inputs.grad.shape == shape
        assert weights.grad is not None


def test_sparse_hamiltonian() -> None:
    """default.qubit has no gradient of it on torch; a Hermitian matrix has."""
    found = []
    for observable in (
        qml.SparseHamiltonian(sparse.csr_matrix(MATRIX), [2, 0]),
        qml.Hermitian(MATRIX, [2, 0]),
    ):
        angle = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)

        @qml.qnode(qml.device("qdl.simulator", wires=WIRES))
        def node(angle: Any, observable: Any = observable) -> Any:
            qml.RX(angle, 0)
            qml.IsingXY(angle, [0, 2])
            return qml.expval(observable)

        value = node(angle)
        (gradient,) = torch.autograd.grad(value.sum(), angle)
        found.append((value.detach(), gradient))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-13, rtol=0.0)


@pytest.mark.parametrize("rows", [None, 3])
def test_trainable_coefficients(rows: int | None, agree: Callable[..., Any]) -> None:
    def node(inputs: Any, coefficients: Any) -> Any:
        qml.RX(inputs, 0)
        qml.IsingXX(inputs, [0, 1])
        qml.RY(inputs, 1)
        words = [qml.Y(0), qml.X(1) @ qml.Z(0)]
        hamiltonian = qml.Hamiltonian(coefficients, words)
        mixed = qml.Hamiltonian(
            coefficients, [qml.Hermitian(MATRIX, [1, 0]), qml.Hadamard(0)]
        )
        return qml.expval(hamiltonian), qml.expval(mixed)

    rng = np.random.default_rng(2)
    agree(node, [np.asarray(rng.normal(size=rows)), np.array([0.3, -0.7])], 2)


def test_variance_of_trainable_coefficients() -> None:
    """default.qubit has none on torch."""

    @qml.qnode(qml.device("qdl.simulator", wires=2))
    def node(angle: Any, coefficients: Any) -> Any:
        qml.RX(angle, 0)
        qml.IsingXX(angle, [0, 1])
        return qml.var(qml.Hamiltonian(coefficients, [qml.Y(0), qml.Z(0) @ qml.X(1)]))

    angle = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    factors = torch.tensor([0.3, -0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(node, (angle, factors))


def test_trainable_coefficients_share_one_program() -> None:
    device = qml.device("qdl.simulator", wires=1)

    @qml.qnode(device)
    def node(coefficients: Any) -> Any:
        qml.RX(0.3, 0)
        return qml.expval(qml.Hamiltonian(coefficients, [qml.Y(0), qml.Z(0)]))

    kept = []
    for value in (0.1, 0.2, 0.3):
        node(torch.full((2,), value, dtype=torch.float64, requires_grad=True))
        kept.append(len(device._cache._kept))
    assert kept[0] == kept[2]


@pytest.mark.parametrize("readout", READOUTS)
def test_nan_stays_in_its_row(readout: str) -> None:
    rows = 20
    clean = torch.linspace(0.1, 2.0, rows, dtype=torch.float64)
    spoilt = clean.clone()
    spoilt[7] = torch.nan
    weights = torch.rand(
        2, WIRES, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    node = qml.QNode(circuit(readout), qml.device("qdl.simulator", wires=WIRES))
    expected, found = node(clean, weights), node(spoilt, weights)
    rest = [row for row in range(rows) if row != 7]
    # A circuit that comes again may be read by the kernel, in another order of sums.
    torch.testing.assert_close(found[rest], expected[rest], atol=1e-14, rtol=0.0)
    if readout != "expval I":
        assert torch.view_as_real(found[7] + 0j).isnan().any()


@pytest.mark.parametrize("readout", READOUTS)
def test_no_rows_give_no_rows(readout: str) -> None:
    weights = torch.rand(2, WIRES, 3, dtype=torch.float64)
    node = qml.QNode(circuit(readout), qml.device("qdl.simulator", wires=WIRES))
    one = node(torch.zeros(1, dtype=torch.float64), weights)
    none = node(torch.zeros(0, dtype=torch.float64), weights)
    assert none.shape == (0, *one.shape[1:])
    assert none.dtype == one.dtype


def test_entropy_of_a_product_has_a_finite_gradient() -> None:
    angle = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    @qml.qnode(qml.device("qdl.simulator", wires=2))
    def node(angle: Any) -> Any:
        qml.RX(angle, 0)
        return qml.vn_entropy([0])

    node(angle).backward()
    assert angle.grad is not None
    assert abs(angle.grad.item()) < 1e-12
