"""QNodes of circuits and of users: measured midway, sampled, saved and found again."""

from __future__ import annotations

import copy
import functools
import pickle
from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import (
    AngleEncoding,
    Probabilities,
    QuantumPool,
    StronglyEntangling,
    qcnn,
)
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    SerializationError,
    TargetError,
)
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.qnodes import qnode_inputs, weight_shapes_of

MEASURED = QuantumPool(2, "zx", measured=True) @ AngleEncoding(2)
READ = MEASURED.with_readout(Probabilities([0]))


def results(circuit: Any, target: str, **options: Any) -> list[torch.Tensor]:
    """Values, and gradients of the weights and of the data."""
    layer = QuantumLayer(circuit, target=target, dtype=torch.float64, **options)
    for weight in layer.parameters():
        values = torch.linspace(0.1, 1.3, weight.numel(), dtype=torch.float64)
        weight.data.copy_(values.reshape(weight.shape))
    size = circuit.num_inputs
    x = torch.linspace(0.2, 1.1, 2 * size, dtype=torch.float64).reshape(2, size)
    x.requires_grad_()
    values = layer(x)
    torch.autograd.backward([values[:, 0].sum()])
    return [values.detach(), *(w.grad for w in layer.parameters()), x.grad]


@pytest.mark.parametrize("pooling", ["zx", "rot"])
def test_lightning_multiplies_gradients_itself(pooling: Any) -> None:
    """Its adjoint method refuses measurements, and by the name "best" it was chosen."""
    circuit = qcnn(4, 1, pooling, measured=True) @ AngleEncoding(4)
    layer = QuantumLayer(circuit, target="lightning.qubit")
    assert layer.qnode.diff_method == "adjoint"
    expected = results(circuit, "qdl.simulator")
    for method in ("best", "adjoint"):
        found = results(circuit, "lightning.qubit", diff_method=method)
        for ours, theirs in zip(expected, found, strict=True):
            torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-12)


@pytest.mark.parametrize("target", ["default.qubit", "lightning.qubit"])
def test_shifted_parameters_are_no_finite_differences(target: str) -> None:
    expected = results(READ, "qdl.simulator")
    found = results(READ, target, diff_method="parameter-shift")
    for ours, theirs in zip(expected, found, strict=True):
        # Finite differences of PennyLane's are wrong from the seventh digit on.
        torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "target", ["qdl.simulator", "default.qubit", "lightning.qubit", "aer"]
)
def test_shots_do_not_drown_gradients(target: str) -> None:
    expected = results(READ, "qdl.simulator")
    found = results(READ, target, shots=2000)
    for ours, theirs in zip(expected, found, strict=True):
        assert (theirs - ours).abs().max() < 0.15


def test_a_machine_measures() -> None:
    """What Qiskit runs has the measurement in its middle."""
    layer = QuantumLayer(READ, target="aer")
    x = torch.rand(1, 2)
    tape = qml.workflow.construct_tape(layer.qnode, level=0)(**layer.arguments(x))
    assert "MidMeasure" in {type(operation).__name__ for operation in tape.operations}
    layer.set_target("default.qubit")
    tape = qml.workflow.construct_tape(layer.qnode, level=0)(**layer.arguments(x))
    names = {type(operation).__name__ for operation in tape.operations}
    assert "MidMeasure" not in names
    assert {"CRZ", "AngleEmbedding"} <= names


@pytest.mark.parametrize("target", ["default.qubit", "lightning.qubit"])
def test_what_is_measured_is_not_read(target: str) -> None:
    text = "circuit: a wire that is measured on the way is used or read again"
    with pytest.raises(TargetError, match=text):
        QuantumLayer(MEASURED, target=target)


U = StronglyEntangling(2) @ AngleEncoding(2)


TWO = qml.device("default.qubit", wires=2)


def ansatz(inputs: Any, weights: Any) -> Any:
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.StronglyEntanglingLayers(weights, wires=range(2))
    return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]


at_the_top = qml.QNode(ansatz, TWO)


SHAPES = {"weights": (1, 2, 3)}


def make(*arguments: Any, **options: Any) -> Any:
    """A layer, of which mypy need not know that its parameters are tensors."""
    return QuantumLayer(*arguments, **options)


def rows(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


class TestQNode:
    def test_it_draws_counts_and_transforms(self) -> None:
        layer = make(U)
        arguments = layer.arguments(rows(3, 2))
        assert "AngleEmbedding" in qml.draw(layer.qnode, level="top")(**arguments)
        assert qml.specs(layer.qnode)(**arguments)["num_device_wires"] == 2
        expanded = qml.transforms.broadcast_expand(layer.qnode)(**arguments)
        result = torch.stack(expanded, dim=-1).float()
        torch.testing.assert_close(result, layer(rows(3, 2)))
        matrix = qml.matrix(layer.qnode)(**layer.arguments(rows(2)))
        assert matrix.shape == (4, 4)

    def test_it_follows_the_target(self) -> None:
        layer = make(U)
        assert layer.qnode.device.name == "qdl.simulator"
        assert layer.set_target("lightning.qubit", shots=7) is layer
        assert layer.qnode.device.name == "lightning.qubit"
        assert layer.shots == 7


class TestSaving:
    def test_a_qnode_at_the_top_of_a_module(self) -> None:
        layer = make(at_the_top, SHAPES, target="lightning.qubit", shots=None)
        twin = pickle.loads(pickle.dumps(layer))
        assert twin.target == "lightning.qubit"
        assert twin.execution.source is at_the_top
        torch.testing.assert_close(twin(rows(3, 2)), layer(rows(3, 2)))

    def test_a_qnode_elsewhere(self) -> None:
        def nested(inputs: Any, weights: Any) -> Any:
            return ansatz(inputs, weights)

        layers = [
            make(qml.QNode(nested, TWO), SHAPES),
            make(qml.QNode(functools.partial(nested), TWO), SHAPES),
            make(qml.QNode(ansatz, TWO), SHAPES),
            make(qml.QNode(U, TWO), SHAPES),
        ]
        for layer in layers:
            text = r"top level of a module, or save the layer's state_dict\(\)"
            with pytest.raises(SerializationError, match=text):
                pickle.dumps(layer)
            twin = copy.deepcopy(layer)
            torch.testing.assert_close(twin(rows(3, 2)), layer(rows(3, 2)))
            with torch.no_grad():
                twin.weights += 1
            assert not torch.equal(twin.weights, layer.weights)
            layer.load_state_dict(twin.state_dict())

    def test_a_qnode_that_is_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        saved = pickle.dumps(make(at_the_top, SHAPES))
        monkeypatch.setattr(f"{__name__}.at_the_top", None)
        with pytest.raises(SerializationError, match=r"was a QNode .* is now None"):
            pickle.loads(saved)
        missing = saved.replace(__name__.encode(), b"x" * len(__name__))
        with pytest.raises(SerializationError, match=r"is now ModuleNotFoundError"):
            pickle.loads(missing)

    def test_a_device_object(self) -> None:
        layer = make(U, target=TWO)
        with pytest.raises(SerializationError, match=r"default\.qubit cannot be saved"):
            pickle.dumps(layer)
        pickle.dumps(layer.set_target("default.qubit"))


def function(inputs: Any, w: Any, scale: Any, flag: bool = True) -> Any:
    qml.RX(scale * inputs[..., 0], 0)
    qml.RY(w if flag else 0, 0)
    return qml.expval(qml.Z(0))


class TestArguments:
    def test_data_are_all_but_the_weights_and_what_has_a_default(self) -> None:
        assert qnode_inputs(qml.QNode(function, TWO), ["w"]) == ("inputs", "scale")
        assert qnode_inputs(qml.QNode(function, TWO), ["w", "flag"]) == (
            "inputs",
            "scale",
        )

        def torch_layer(w: Any, inputs: Any = None, **rest: Any) -> Any:
            """`TorchLayer` calls its data inputs, with a default or not."""

        assert qnode_inputs(qml.QNode(torch_layer, TWO), ["w", "more"]) == ("inputs",)

    def test_weights_must_be_arguments(self) -> None:
        with pytest.raises(
            ArgumentError, match=r"\['v'\] are no arguments of function"
        ):
            qnode_inputs(qml.QNode(function, TWO), ["v"])
        with pytest.raises(
            ArgumentTypeError, match=r"takes \*args; name every argument"
        ):
            qnode_inputs(qml.QNode(lambda *args: None, TWO), [])

    @pytest.mark.parametrize(
        ("shape", "expected"),
        [(1, ()), (3, (3,)), ([2, 1], (2, 1)), ((), ()), ((1,), (1,)), (0, (0,))],
    )
    def test_shapes_are_read_as_torch_layers(
        self, shape: Any, expected: tuple[int, ...]
    ) -> None:
        assert weight_shapes_of({"w": shape}) == {"w": expected}

    @pytest.mark.parametrize("shape", [True, -1, 1.5, (2, -1), "ab"])
    def test_no_shapes(self, shape: Any) -> None:
        with pytest.raises(ArgumentError, match="a tuple or a length for 'w', got"):
            weight_shapes_of({"w": shape})

    def test_no_mapping(self) -> None:
        with pytest.raises(ArgumentError, match=r"or {} for none"):
            weight_shapes_of(None)
        with pytest.raises(ArgumentTypeError, match="a mapping from names to shapes"):
            weight_shapes_of([("w", 1)])  # type: ignore[arg-type]
