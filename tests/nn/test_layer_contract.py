"""The contract of layers on those of the library. A new layer is a line below."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import pytest
from torch import nn

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    BasicEntangler,
    Expectation,
    IQPEncoding,
    Probabilities,
    State,
    StronglyEntangling,
    reupload,
    share,
)
from qml_qdl.nn import (
    QuantumConv1d,
    QuantumConv2d,
    QuantumConv3d,
    QuantumConvTranspose2d,
    QuantumLayer,
)
from qml_qdl.testing import LayerCase, LayerContract

TWO = qml.device("default.qubit", wires=2)


@qml.qnode(TWO)
def one_value(inputs: Any, angle: Any) -> Any:
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.CRX(angle, wires=[0, 1])
    return qml.expval(qml.Z(1))


@qml.qnode(TWO)
def values_and_probabilities(x: Any, y: Any, weights: Any) -> Any:
    qml.AngleEmbedding(x, wires=range(2))
    qml.BasicEntanglerLayers(weights, wires=range(2))
    qml.RY(y[..., 0], wires=1)
    return qml.expval(qml.Z(0)), qml.probs(wires=[0, 1])


def circuit_case(
    circuit: Any, features: int, *output: int, **options: Any
) -> LayerCase:
    def make(**rest: Any) -> nn.Module:
        return QuantumLayer(circuit, **rest)

    return LayerCase(make, ((features,),) if features else (), output, **options)


def conv_case(
    arguments: tuple[Any, ...], size: tuple[int, ...], *output: int, **rest: Any
) -> LayerCase:
    runs = rest.pop("runs", 1)
    kind: Any = rest.pop("kind", QuantumConv2d)

    def make(**more: Any) -> nn.Module:
        layer: nn.Module = kind(*arguments, **rest, **more)
        return layer

    image = (arguments[0], *size)
    return LayerCase(make, (image,), output, leading=((), (1,), (2,)), runs=runs)


SE, SE1 = StronglyEntangling(2, layers=2), StronglyEntangling(2)
ANGLES = AngleEncoding(2)

CASES = [
    pytest.param(circuit_case(SE @ ANGLES, 2, 2), id="angle"),
    pytest.param(
        circuit_case((SE @ ANGLES).with_readout(Expectation(["ZZ", "XI", "YX"])), 2, 3),
        id="words",
    ),
    pytest.param(
        circuit_case((SE @ ANGLES).with_readout(Expectation(["IZ"])), 2, 1), id="word"
    ),
    pytest.param(
        circuit_case(
            (SE @ ANGLES).with_readout(
                Expectation([qml.Z(0) + 0.5 * qml.X(1), qml.Y(1)])
            ),
            2,
            2,
        ),
        id="hamiltonian",
    ),
    pytest.param(
        circuit_case((SE @ ANGLES).with_readout(Probabilities()), 2, 4),
        id="probabilities",
    ),
    pytest.param(
        circuit_case((SE @ ANGLES).with_readout(Probabilities([1])), 2, 2),
        id="probabilities-one-wire",
    ),
    pytest.param(
        circuit_case(
            (SE @ ANGLES).with_readout(State()),
            2,
            4,
            targets=("default.qubit", "qdl.simulator"),
        ),
        id="state",
    ),
    pytest.param(circuit_case(reupload(SE1, ANGLES, layers=3), 2, 2), id="reupload"),
    pytest.param(
        circuit_case(
            reupload(
                SE1, AngleEncoding(2, scaling=0.5, trainable_scaling=True), layers=2
            ),
            2,
            2,
        ),
        id="trained-scaling",
    ),
    pytest.param(
        circuit_case(BasicEntangler(2) @ AmplitudeEncoding(2), 4, 2), id="amplitude"
    ),
    pytest.param(
        circuit_case(SE1 @ AmplitudeEncoding(2, size=3) @ SE1, 3, 2),
        id="amplitude-inside",
    ),
    pytest.param(
        circuit_case(
            share("W", SE1) @ ANGLES @ share("W", SE1) @ AngleEncoding(2, rotation="Z"),
            2,
            2,
        ),
        id="shared",
    ),
    pytest.param(
        circuit_case(
            StronglyEntangling(["b", "a"])
            @ AngleEncoding(["a"], features=[2])
            @ AngleEncoding(["b"], features=[0]),
            3,
            2,
        ),
        id="labels-features",
    ),
    pytest.param(circuit_case(SE1 @ IQPEncoding(2), 2, 2), id="iqp"),
    pytest.param(circuit_case(AngleEncoding(2), 2, 2), id="no-weights"),
    pytest.param(circuit_case(SE, 0, 2, leading=((),)), id="no-inputs"),
    pytest.param(
        LayerCase(
            lambda **rest: QuantumLayer(one_value, {"angle": 1}, **rest), ((2,),), ()
        ),
        id="qnode-one-value",
    ),
    pytest.param(
        LayerCase(
            lambda **rest: QuantumLayer(
                values_and_probabilities, {"weights": (1, 2)}, **rest
            ),
            ((2,), (1,)),
            (5,),
        ),
        id="qnode-two-inputs",
    ),
    pytest.param(conv_case((1, 4, 2), (3, 3), 4, 2, 2), id="conv"),
    pytest.param(conv_case((1, 2, 1), (2, 2), 2, 2, 2, runs=2), id="conv-one-pixel"),
    pytest.param(conv_case((1, 3, 3), (3, 3), 3, 1, 1, layers=1), id="conv-amplitudes"),
    pytest.param(
        conv_case((2, 1, (1, 2), 2, 1, 1, 1, False, "circular"), (2, 2), 1, 2, 2),
        id="conv-options",
    ),
    pytest.param(
        conv_case(
            (1, 2, (1, 2)),
            (2, 2),
            2,
            2,
            1,
            circuit=reupload(SE1, ANGLES, layers=2),
        ),
        id="conv-circuit",
    ),
    pytest.param(
        conv_case((1, 2, 2), (3,), 2, 2, kind=QuantumConv1d, flip=True), id="conv-1d"
    ),
    pytest.param(
        conv_case((1, 1, (1, 2, 1)), (1, 3, 1), 1, 1, 2, 1, kind=QuantumConv3d),
        id="conv-3d",
    ),
    pytest.param(
        conv_case((2, 2, (1, 2)), (1, 3), 2, 1, 2, runs=2, groups=2), id="conv-groups"
    ),
    pytest.param(
        conv_case((2, 1, (1, 2)), (1, 2), 1, 1, 1, runs=2, per_channel=True),
        id="conv-per-channel",
    ),
    pytest.param(
        conv_case(
            (1, 1, (1, 2)), (1, 2), 1, 1, 1, encoding="linear", padding_mode="zeros"
        ),
        id="conv-linear",
    ),
    pytest.param(
        conv_case((2, 1, (1, 2), (1, 2)), (1, 2), 1, 1, 4, kind=QuantumConvTranspose2d),
        id="conv-transpose",
    ),
]


OTHERS = ("default.qubit", "lightning.qubit")
FEW = {"hamiltonian", "state", "no-inputs", "qnode-two-inputs", "conv-per-channel"}


class TestLayers(LayerContract):
    instances = CASES
    targets = ("qdl.simulator",)


class TestSomeOnOtherTargets(LayerContract):
    instances = tuple(case for case in CASES if case.id in FEW)
    targets = OTHERS


@pytest.mark.slow
class TestAllOnOtherTargets(LayerContract):
    instances = CASES
    targets = OTHERS
