"""Circuits on charges as kernels: transport as phases, targets, shots, fields read."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import ChargeEncoding
from qml_qdl.data.meshes import icosphere
from qml_qdl.errors import ArgumentError
from qml_qdl.geometry import FieldType, MeshSegmenter, QuantumMeshConv
from qml_qdl.nn import set_target
from tests.geometry.test_mesh import fields

MESH = icosphere(0)
VECTOR = FieldType({1: 1})


@pytest.mark.parametrize("charge", [-1, 0, 1, 3])
def test_transport_is_a_phase_on_the_wire(charge: int) -> None:
    """Carried by g and then encoded is encoded and conjugated by RZ(charge · g)."""
    c, g = 0.4 - 1.1j, 0.7
    encoding = ChargeEncoding(1, (charge,))
    carried = c * np.exp(1j * charge * g)
    one = qml.matrix(encoding.encode, wire_order=[0])(
        np.array([carried.real, carried.imag])
    )
    gate = qml.matrix(encoding.encode, wire_order=[0])(np.array([c.real, c.imag]))
    phase = qml.RZ.compute_matrix(charge * g)
    assert np.allclose(phase @ gate @ phase.conj().T, one, atol=1e-12)
    if charge:
        assert not np.allclose(gate, one, atol=0.1)


def test_wires_get_what_has_their_charge() -> None:
    """In the order given, layer by layer, though channels rise by charge."""
    conv = QuantumMeshConv(MESH, VECTOR, VECTOR, charges=(2, 0, 1), layers=2)
    rising = (0, 0, 1, 1, 2, 2)
    assert conv.gather.out_type.orders == rising
    assert [rising[channel] for channel in conv.order] == [2, 0, 1, 2, 0, 1]
    assert sorted(conv.order) == [*range(6)]


def test_targets_give_the_same() -> None:
    torch.manual_seed(0)
    conv = QuantumMeshConv(
        MESH, VECTOR, FieldType({0: 1, 1: 1}), charges=(0, 1), layers=1
    )
    z = fields(VECTOR, MESH, torch.float32, rows=1)
    expected = conv(z)
    for target in ("default.qubit", "lightning.qubit"):
        set_target(conv, target)
        torch.testing.assert_close(conv(z), expected, rtol=1e-4, atol=1e-5)
    assert conv.quantum_layers() == [conv.quantum]


def test_shots_are_right_on_average() -> None:
    torch.manual_seed(0)
    conv = QuantumMeshConv(MESH, VECTOR, VECTOR, charges=(0, 1), layers=1)
    z = fields(VECTOR, MESH, torch.float32, rows=2)
    exact = conv(z)
    set_target(conv, None, shots=4000)
    torch.manual_seed(1)
    assert 0 < float((conv(z) - exact).abs().max().detach()) < 0.3


def test_one_wire_and_many_readouts() -> None:
    """An odd number of real outputs of order 0 is made even by the last."""
    conv = QuantumMeshConv(MESH, VECTOR, FieldType({0: 2}), charges=(1,), layers=1)
    assert conv.mix.in_type == FieldType({0: 1})
    z = fields(VECTOR, MESH, torch.float32)
    assert conv(z).shape == (3, 2, 12)


def test_a_model_without_what_it_reads() -> None:
    with pytest.raises(ArgumentError, match="add a wire of charge 2"):
        QuantumMeshConv(MESH, VECTOR, FieldType({2: 1}), charges=(0,))
    with pytest.raises(ArgumentError, match="hidden: expected at least 1"):
        MeshSegmenter(MESH, 2, hidden=0)
