"""Nothing waits for the host: everything runs where tensors hold no numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    Circuit,
    Expectation,
    HardwareEfficient,
    IQPEncoding,
    StronglyEntangling,
    reupload,
)
from qml_qdl.hardware.simulator.runner import CircuitRunner

ON_HOST = {"AmplitudeEmbedding": "PennyLane looks whether the norm is 1"}


@pytest.mark.parametrize("rows", [None, pytest.param(20, marks=pytest.mark.slow)])
def test_gate_runs_without_numbers(
    turned: str, rows: int | None, kinds: dict[str, Any]
) -> None:
    kind = kinds[turned]
    sampled = kind.draw(np.random.default_rng(0), rows)
    leaves = [
        torch.empty(
            number.shape,
            dtype=torch.as_tensor(number).dtype,
            device="meta",
            requires_grad=True,
        )
        for number in sampled
    ]

    @qml.qnode(qml.device("qdl.simulator", wires=4))
    def node(*numbers: Any) -> Any:
        for wire in range(4):
            qml.Rot(0.3, 0.4, 0.5, wire)
        kind.build(numbers, [3, 0, 2, 1][: kind.wires])
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(0)), qml.probs(wires=[1, 2])

    if turned in ON_HOST:
        with pytest.raises(NotImplementedError, match="no data"):
            node(*leaves)
        return
    results = node(*leaves)
    (results[0].sum() + results[1].sum()).backward()
    for leaf in leaves:
        assert leaf.grad is not None
        assert leaf.grad.shape == leaf.shape


@pytest.mark.parametrize("rows", [None, 3, 20])
def test_first_state_runs_without_numbers(rows: int | None) -> None:
    shape = (4,) if rows is None else (rows, 4)
    amplitudes = torch.empty(shape, device="meta", requires_grad=True)

    @qml.qnode(qml.device("qdl.simulator", wires=3))
    def node(amplitudes: Any) -> Any:
        qml.StatePrep(amplitudes, wires=[2, 0], validate_norm=False)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1)), qml.state()

    value, state = node(amplitudes)
    assert state.dtype == torch.complex128
    value.sum().backward()
    assert amplitudes.grad is not None


CIRCUITS: dict[str, Circuit] = {
    "angles": StronglyEntangling(4, layers=2) @ AngleEncoding(4),
    "re-uploading": reupload(StronglyEntangling(3), AngleEncoding(3), layers=3),
    "IQP": HardwareEfficient(3) @ IQPEncoding(3),
    "amplitudes": StronglyEntangling(3) @ AmplitudeEncoding(3),
    "words": (StronglyEntangling(3) @ AngleEncoding(3)).with_readout(
        Expectation(["XYZ", "IZI"])
    ),
}


@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize("name", CIRCUITS)
def test_circuit_runs_without_numbers(name: str, rows: int) -> None:
    circuit = CIRCUITS[name]
    inputs = torch.empty(rows, circuit.num_inputs, device="meta", requires_grad=True)
    weights = [
        torch.empty(shape, device="meta", requires_grad=True)
        for shape in circuit.weight_shapes.values()
    ]
    outputs = CircuitRunner(circuit)(inputs, weights)
    assert outputs.device.type == "meta"
    assert outputs.dtype == torch.float32
    outputs.sum().backward()
    for leaf in (inputs, *weights):
        assert leaf.grad is not None
        assert leaf.grad.shape == leaf.shape
