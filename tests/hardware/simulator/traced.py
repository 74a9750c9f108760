"""Circuits of the library of every kind, and numbers for them."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits import (
    MERA,
    AmplitudeEncoding,
    AngleEncoding,
    BasicEntangler,
    BasisEncoding,
    Block,
    Circuit,
    Encoding,
    Expectation,
    HamiltonianEncoding,
    HardwareEfficient,
    IQPEncoding,
    IsingLayers,
    Processing,
    RandomLayers,
    SimCircuit,
    SimplifiedTwoDesign,
    StronglyEntangling,
    ZZFeatureMap,
    reupload,
    share,
)


@frozen(repr=False)
class Pairs(Encoding):
    """Products of features, written in many ways."""

    pure = True

    @property
    def num_features(self) -> int:
        return 3

    def encode(self, features: Any) -> None:
        x, y, z = (features[..., position] for position in range(3))
        first, second, third = self.wires
        qml.RX(x * y, first)
        qml.RY((0.3 - x) * (z + 1.2), second)
        qml.RZ(2 - (y * z) / 3, third)
        qml.PhaseShift(-(x * x) + 0.5, first)
        qml.IsingZZ(0.7 * (x * 0.5) * y, [first, second])
        each = features[..., [0, 1]] * features[..., [2, 0]]
        qml.RX(each[..., 1], second)
        qml.RY(3.0 - each[..., 0] + 1, third)
        qml.RX((x * y) * z, third)
        qml.RY((x * y) + y, first)


@frozen(repr=False)
class PairsOfWeights(Processing):
    pure = True

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (3,)

    def process(self, weights: Any) -> None:
        first, second, third = self.wires
        qml.RX(weights[0] * weights[1], first)
        qml.CNOT([first, second])
        qml.RY(1 - 2 * (weights[1] * weights[2]), second)
        qml.CRX(weights[0], [second, third])


@frozen(repr=False)
class Together(Block):
    """Features, weights and a constant in one tensor; some of either are not used."""

    wires: tuple[int, ...] = (0, 1, 2)
    pure = True

    @property
    def num_features(self) -> int:
        return 2

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (2,)

    def queue(self, inputs: Any, weights: Any) -> None:
        rows = inputs.shape[:-1]
        constant = torch.full((*rows, 1), 0.7, dtype=inputs.dtype)
        parts = [inputs, weights.expand(*rows, 2), constant]
        all_of_them = torch.cat(parts, dim=-1)
        for wire, place in enumerate((0, 2, 4)):
            qml.RX(all_of_them[..., place] - 0.1, wire)
            qml.CNOT([wire, (wire + 1) % 3])
        qml.RY(all_of_them[..., 2] * all_of_them[..., 2], 1)
        qml.RZ(all_of_them[..., 4] * all_of_them[..., 0], 0)
        qml.RX(2 * all_of_them[..., 2], 0)


TIED = share("tied", BasicEntangler(3))


CIRCUITS: dict[str, Circuit] = {
    "angles": StronglyEntangling(4, layers=2) @ AngleEncoding(4),
    "scaled angles": reupload(
        StronglyEntangling(3), AngleEncoding(3, rotation="X", scaling=2.0), layers=3
    ),
    "trained scaling": HardwareEfficient(3, rotations="Rot", pattern="brick")
    @ AngleEncoding(3, trainable_scaling=True),
    "phases": SimplifiedTwoDesign(3) @ AngleEncoding(3, rotation="Z"),
    "IQP": SimCircuit(6, 4, layers=2) @ IQPEncoding(4),
    "products": PairsOfWeights(3) @ Pairs(3),
    "ZZ": SimCircuit(13, 4) @ ZZFeatureMap(4),
    "together": Circuit((Together(),)),
    "Hamiltonian": HamiltonianEncoding(4) @ AngleEncoding(3, features=[0, 1, 2]),
    "amplitudes": IsingLayers(3) @ AmplitudeEncoding(3),
    "amplitudes again": AmplitudeEncoding(2) @ AmplitudeEncoding(2),
    "basis": RandomLayers(3) @ BasisEncoding(3, scaling=0.3),
    "tied": TIED @ AngleEncoding(3) @ TIED @ AngleEncoding(3, features=[2, 0, 1]),
    "tensor network": MERA(4) @ AngleEncoding(4),
    "labels": StronglyEntangling(["b", "a"]) @ AngleEncoding(["a", "b"]),
    "words": (IsingLayers(4) @ AngleEncoding(4)).with_readout(
        Expectation(["XYZI", "IIYX", 2 * qml.X(0) + qml.Y(1) @ qml.Z(2)])
    ),
}


def numbers(circuit: Circuit, rows: int, dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(rows, circuit.num_inputs), *circuit.weight_shapes.values()]
    return [
        (6 * torch.rand(shape, generator=generator, dtype=dtype)).requires_grad_()
        for shape in shapes
    ]
