"""On a CUDA device everything is as on the processor; skipped where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    Circuit,
    Expectation,
    HardwareEfficient,
    IQPEncoding,
    Probabilities,
    StronglyEntangling,
    reupload,
)
from qml_qdl.circuits.errors import MemoryBoundError
from qml_qdl.hardware.simulator.memory import rows_at_once
from qml_qdl.hardware.simulator.runner import CircuitRunner
from qml_qdl.models import BornMachine, PatchGenerator
from qml_qdl.nn import QuantumConv2d, QuantumLayer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")

TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-4}
PLACES = ("cpu", "cuda")


def close(ours: Tensor, reference: Tensor, dtype: torch.dtype) -> None:
    assert ours.device.type == "cuda"
    most = TOLERANCES[dtype]
    torch.testing.assert_close(ours.cpu(), reference, atol=most, rtol=most)


@pytest.mark.parametrize("rows", [None, 20])
def test_gate(gate: str, rows: int | None, kinds: dict[str, Any]) -> None:
    kind = kinds[gate]
    sampled = kind.draw(np.random.default_rng(0), rows)

    @qml.qnode(qml.device("qdl.simulator", wires=4))
    def node(turn: Any, *numbers: Any) -> Any:
        for wire in range(4):
            qml.Rot(turn, 0.4, 0.5, wire)
        kind.build(numbers, [3, 0, 2, 1][: kind.wires])
        qml.CNOT([0, 1])
        return qml.expval(qml.X(0)), qml.probs(wires=[1, 2])

    found = []
    for place in PLACES:
        leaves = [torch.as_tensor(x, device=place) for x in (np.float64(0.3), *sampled)]
        for leaf in leaves:
            leaf.requires_grad_()
        values, probabilities = node(*leaves)
        total = values.sum() + probabilities[..., 0].sum()
        change = torch.autograd.grad(total, leaves)
        found.append([values.detach(), probabilities.detach(), *change])
    for reference, ours in zip(*found, strict=True):
        close(ours, reference, torch.float64)


CIRCUITS: dict[str, Circuit] = {
    "angles": StronglyEntangling(4, layers=2) @ AngleEncoding(4),
    "ten wires": StronglyEntangling(10, layers=2) @ AngleEncoding(10),
    "fourteen wires": StronglyEntangling(14) @ AngleEncoding(14),
    "re-uploading": reupload(StronglyEntangling(3), AngleEncoding(3), layers=3),
    "IQP": HardwareEfficient(3) @ IQPEncoding(3),
    "amplitudes": StronglyEntangling(3) @ AmplitudeEncoding(3),
    "words": (StronglyEntangling(3) @ AngleEncoding(3)).with_readout(
        Expectation(["XYZ", "IZI"])
    ),
    "probabilities": (HardwareEfficient(7) @ AngleEncoding(7)).with_readout(
        Probabilities()
    ),
}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("rows", [1, 3, 40, 300])
@pytest.mark.parametrize("name", CIRCUITS)
def test_circuit(name: str, rows: int, dtype: torch.dtype) -> None:
    circuit = CIRCUITS[name]
    random = torch.Generator().manual_seed(0)
    shapes = [(rows, circuit.num_inputs), *circuit.weight_shapes.values()]
    sampled = [
        torch.rand(shape, generator=random, dtype=dtype) + 0.1 for shape in shapes
    ]
    found = []
    for place in PLACES:
        inputs, *weights = (x.to(place).requires_grad_() for x in sampled)
        outputs = CircuitRunner(circuit)(inputs, weights)
        mask = torch.linspace(-1, 1, outputs[0].numel(), dtype=dtype, device=place)
        total = (outputs.flatten(1) @ mask).sum()
        # A mean over rows, so that a tolerance means the same for every number.
        change = torch.autograd.grad(total / rows, [inputs, *weights])
        found.append([outputs.detach(), *change])
    for reference, ours in zip(*found, strict=True):
        close(ours, reference, dtype)


def test_gradient_of_a_gradient() -> None:
    circuit = CIRCUITS["angles"]
    found = []
    for place in PLACES:
        inputs = torch.linspace(0.1, 2, 80, dtype=torch.float64).reshape(20, 4)
        inputs = inputs.to(place).requires_grad_()
        weights = [
            torch.full(shape, 0.4, dtype=torch.float64, device=place)
            for shape in circuit.weight_shapes.values()
        ]
        outputs = CircuitRunner(circuit)(inputs, weights)
        (change,) = torch.autograd.grad(outputs.sum(), inputs, create_graph=True)
        found.append(torch.autograd.grad(change.square().sum(), inputs)[0])
    close(found[1], found[0], torch.float64)


def test_chunks_under_a_bound_of_memory() -> None:
    circuit = CIRCUITS["ten wires"]
    inputs = torch.rand(50, 10, device="cuda", requires_grad=True)
    weights = [
        torch.rand(shape, device="cuda", requires_grad=True)
        for shape in circuit.weight_shapes.values()
    ]
    found = []
    for memory in (None, 18 * 8 * 2**10 * 7):
        outputs = CircuitRunner(circuit, memory)(inputs, weights)
        change = torch.autograd.grad(outputs.sum(), [inputs, *weights])
        found.append([outputs.detach(), *change])
    for whole, parts in zip(*found, strict=True):
        torch.testing.assert_close(parts, whole, atol=1e-4, rtol=1e-4)


def test_memory_is_the_devices_own() -> None:
    free = torch.cuda.mem_get_info()[0]
    rows = rows_at_once(10, torch.float32, torch.device("cuda"))
    assert rows == pytest.approx(free / 4 / (18 * 8 * 2**10), rel=0.05)
    with pytest.raises(MemoryBoundError, match="40 wires need"):
        rows_at_once(40, torch.float32, torch.device("cuda"))


@pytest.mark.parametrize("shots", [None, 400])
def test_layer_moves_between_devices(shots: int | None) -> None:
    layer = QuantumLayer(CIRCUITS["angles"], shots=shots)
    x = torch.rand(6, 4)
    reference = layer(x).detach()
    layer.to("cuda")
    outputs = layer(x.cuda())
    outputs.sum().backward()
    assert outputs.device.type == "cuda"
    for weight in layer.parameters():
        assert weight.grad is not None
        assert weight.grad.device.type == "cuda"
    most = 1e-5 if shots is None else 0.3
    torch.testing.assert_close(outputs.detach().cpu(), reference, atol=most, rtol=most)
    again = layer.to("cpu")(x).detach()
    torch.testing.assert_close(again, reference, atol=most, rtol=most)


def test_convolution_beside_classical_layers() -> None:
    model = torch.nn.Sequential(
        QuantumConv2d(1, 2, kernel_size=2, stride=2),
        torch.nn.Flatten(),
        torch.nn.Linear(32, 3),
    )
    images = torch.rand(5, 1, 8, 8)
    reference = model(images).detach()
    model.to("cuda")
    optimizer = torch.optim.Adam(model.parameters())
    outputs = model(images.cuda())
    close(outputs.detach(), reference, torch.float32)
    before = [weight.detach().clone() for weight in model.parameters()]
    torch.autograd.backward([outputs.square().sum()])
    optimizer.step()
    assert all(
        bool((weight != old).any())
        for weight, old in zip(model.parameters(), before, strict=True)
    )


def test_models_that_sample() -> None:
    random = torch.Generator().manual_seed(0)
    patches = PatchGenerator((8, 8), (2, 8), generator=random)
    noise = torch.rand(6, patches.noise_size, generator=random)
    reference = patches(noise).detach()
    close(patches.to("cuda")(noise.cuda()).detach(), reference, torch.float32)
    born = BornMachine(HardwareEfficient(4, 2), generator=random)
    chances = born().detach()
    born.to("cuda")
    close(born().detach(), chances, torch.float32)
    bits = born.sample(50, torch.Generator("cuda").manual_seed(0))
    assert bits.device.type == "cuda"
    assert bits.shape == (50, 4)
