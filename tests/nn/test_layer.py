"""What is particular to QuantumLayer."""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import frozen
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from qml_qdl.circuits import (
    AngleEncoding,
    BasicEntangler,
    Circuit,
    Encoding,
    Expectation,
    Probabilities,
    Samples,
    State,
    StronglyEntangling,
    share,
)
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeError,
    TargetError,
)
from qml_qdl.data import Dataset
from qml_qdl.models import RBM
from qml_qdl.nn import GroupPool, QuantumConv2d, QuantumLayer, set_target

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


class TestConstruction:
    def test_a_block_is_a_circuit(self) -> None:
        layer = make(AngleEncoding(2))
        assert layer.circuit == Circuit([AngleEncoding(2)])
        torch.testing.assert_close(layer(rows(3, 2)), rows(3, 2).cos())

    def test_keys_are_the_circuits_names(self) -> None:
        tied = share("W", StronglyEntangling(2))
        layer = make(tied @ AngleEncoding(2) @ tied @ StronglyEntangling(2, layers=2))
        shapes = {k: tuple(w.shape) for k, w in layer.state_dict().items()}
        assert shapes == {"weights_0": (2, 2, 3), "W": (1, 2, 3)}
        assert layer.weight_shapes == shapes

    def test_a_circuit_knows_its_shapes(self) -> None:
        with pytest.raises(ArgumentError, match=r"weight_shapes: a Circuit .* leave"):
            make(U, {"weights_0": (1, 2, 3)})

    def test_a_qnode_does_not(self) -> None:
        with pytest.raises(ArgumentError, match=r"weight_shapes: a QNode needs .*\{\}"):
            make(at_the_top)
        with pytest.raises(ArgumentTypeError, match=r"weight_shapes: .* a mapping"):
            make(at_the_top, [(1, 2, 3)])
        with pytest.raises(ArgumentError, match=r"'weights', got -1"):
            make(at_the_top, {"weights": -1})
        with pytest.raises(ArgumentError, match=r"'weights', got \(1, 2.5\)"):
            make(at_the_top, {"weights": (1, 2.5)})
        with pytest.raises(ArgumentError, match=r"\['theta'\] are no arguments of ans"):
            make(at_the_top, {"theta": 3})

    def test_anything_else_is_refused(self) -> None:
        with pytest.raises(ArgumentTypeError, match=r"circuit_or_qnode: expected a C"):
            make(nn.Linear(2, 2))

    def test_another_interface_is_refused(self) -> None:
        node = qml.QNode(ansatz, TWO, interface="autograd")
        with pytest.raises(ArgumentError, match=r"interface 'auto' or 'torch', got"):
            make(node, SHAPES)

    @pytest.mark.parametrize("name", ["forward", "target", "circuit", "training"])
    def test_names_of_attributes_are_refused(self, name: str) -> None:
        with pytest.raises(ArgumentError, match=f"'{name}' is an attribute every"):
            make(share(name, StronglyEntangling(2)) @ AngleEncoding(2))
        scope: dict[str, Any] = {"qml": qml}
        exec(f"def f(inputs, {name}): return qml.expval(qml.Z(0))", scope)
        with pytest.raises(ArgumentError, match=f"'{name}' is an attribute every"):
            make(qml.QNode(scope["f"], TWO), {name: 1})

    def test_star_arguments_are_refused(self) -> None:
        def many(*inputs: Any) -> Any:
            return qml.expval(qml.Z(0))

        with pytest.raises(ArgumentTypeError, match=r"many takes \*args; name every"):
            make(qml.QNode(many, TWO), {})

    def test_a_circuit_has_no_place_for_a_qnode(self) -> None:
        with pytest.raises(ArgumentTypeError, match=r"circuit: .* use layer\.qnode"):
            _ = make(at_the_top, SHAPES).circuit

    def test_where_and_what_the_weights_are(self) -> None:
        layer = make(U, dtype=torch.float64)
        assert layer.weights_0.dtype == torch.float64
        assert layer(rows(3, 2)).dtype == torch.float32
        layer = make(U, device="meta")
        assert layer.weights_0.device.type == "meta"
        with torch.device("meta"):
            layer = make(U)
        assert layer.weights_0.device.type == "meta"
        layer = layer.to_empty(device="cpu")
        layer.reset_parameters()
        assert layer(rows(3, 2)).isfinite().all()
        with pytest.raises(ArgumentError, match=r"dtype: expected .* got torch.int64"):
            make(U, dtype=torch.int64)

    def test_half_precision_weights(self) -> None:
        layer = make(U)
        expected = layer(rows(3, 2))
        result = layer.bfloat16()(rows(3, 2).bfloat16())
        assert result.dtype == torch.bfloat16
        torch.testing.assert_close(result.float(), expected, rtol=0, atol=0.1)
        result.sum().backward()
        assert layer.weights_0.grad.dtype == torch.bfloat16
        alone = make(StronglyEntangling(2)).bfloat16()
        assert alone().dtype == torch.bfloat16


class TestInputs:
    def test_names_and_defaults(self) -> None:
        def free(x: Any, weights: Any, y: Any, depth: int = 2) -> Any:
            for _ in range(depth):
                qml.AngleEmbedding(x, wires=range(2))
                qml.RX(y[..., 0], wires=0)
            qml.RX(weights, wires=1)
            return qml.expval(qml.Z(0) @ qml.Z(1))

        layer = make(qml.QNode(free, TWO), {"weights": 1})
        x, y = rows(4, 2), rows(4, 1)
        expected = qml.QNode(free, TWO)(x, layer.weights.detach(), y)
        torch.testing.assert_close(layer(x, y), expected.float())
        nested = layer(x.reshape(2, 2, 2), y.reshape(2, 2, 1))
        torch.testing.assert_close(nested.flatten(), expected.float())

    def test_partial_functions_and_keyword_arguments(self) -> None:
        def free(inputs: Any, depth: int, **weights: Any) -> Any:
            for _ in range(depth):
                qml.AngleEmbedding(inputs, wires=range(2))
            qml.RX(weights["a"], wires=1)
            return qml.probs(wires=[0])

        node = qml.QNode(functools.partial(free, depth=2), TWO)
        layer = make(node, {"a": 1})
        assert layer(rows(3, 2)).shape == (3, 2)
        assert "TestInputs.test_partial" in repr(layer)

    def test_the_qnode_of_a_circuit(self) -> None:
        layer = make(qml.QNode(U, TWO), {"weights": (1, 2, 3)})
        twin = make(U, init_method=layer.weights.detach())
        torch.testing.assert_close(layer(rows(3, 2)), twin(rows(3, 2)))
        assert "qnode=StronglyEntangling(2) @ AngleEncoding(2)" in repr(layer)

    def test_wrong_shapes(self) -> None:
        layer = make(U)
        with pytest.raises(ShapeError, match=r"\(\.\.\., 2\), got \(3, 3\); the"):
            layer(rows(3, 3))
        with pytest.raises(ShapeError, match=r"inputs: expected shape \(\.\.\., feat"):
            layer(torch.tensor(1.0))
        with pytest.raises(ShapeError, match=r"takes 1 tensors \['inputs'\], got 2"):
            layer(rows(3, 2), rows(3, 2))
        with pytest.raises(ArgumentTypeError, match=r"inputs: .* tensor, got ndarray"):
            layer(np.zeros((3, 2)))

    def test_a_qnode_that_takes_no_batch_is_reported(self) -> None:
        def single(inputs: Any) -> Any:
            qml.RX(inputs[0].sum(), wires=0)
            return qml.expval(qml.Z(0))

        with pytest.raises(ShapeError, match=r"for 3 rows .* \(\); .*inputs\[\.\.\."):
            make(qml.QNode(single, TWO), {})(rows(3, 2))

    def test_results_that_are_no_tensors_are_reported(self) -> None:
        def counting(inputs: Any) -> Any:
            qml.AngleEmbedding(inputs, wires=range(2))
            return qml.counts()

        def both(inputs: Any) -> Any:
            qml.AngleEmbedding(inputs, wires=range(2))
            return qml.expval(qml.Z(0)), qml.counts()

        for function, name in ((counting, "dict"), (both, "dict")):
            node = qml.QNode(function, TWO, shots=10)
            with pytest.raises(ArgumentTypeError, match=f"{name}; a layer needs"):
                make(node, {})(rows(2))

    def test_normalised_amplitudes_survive_no_rows(self) -> None:
        def amplitudes(inputs: Any) -> Any:
            qml.AmplitudeEmbedding(inputs, wires=range(2))
            return qml.expval(qml.Z(0))

        layer = make(qml.QNode(amplitudes, TWO), {})
        assert layer(rows(0, 4)).shape == (0,)


class TestReadouts:
    def test_samples(self) -> None:
        circuit = U.with_readout(Samples())
        for target in ("default.qubit", "lightning.qubit"):
            for shots in (1, 6):
                layer = make(circuit, target=target, shots=shots)
                for leading in ((), (1,), (3,), (2, 2), (0,)):
                    result = layer(rows(*leading, 2))
                    assert result.shape == (*leading, shots, 2)
                    assert result.dtype == torch.int64
                    assert not ((result != 0) & (result != 1)).any()
        assert "output_shape=(6, 2)" in repr(layer)

    def test_samples_have_the_probabilities(self) -> None:
        np.random.seed(1)  # noqa: NPY002, PennyLane seeds its devices from it
        layer = make(U.with_readout(Samples()), shots=4000)
        bits = layer(rows(2)).float().mean(0)
        exact = make(U, init_method=layer.weights_0.detach())(rows(2))
        torch.testing.assert_close(1 - 2 * bits, exact.detach(), rtol=0, atol=0.1)

    def test_samples_need_shots(self) -> None:
        with pytest.raises(TargetError, match=r"samples need a number of shots"):
            make(U.with_readout(Samples()))
        layer = make(U.with_readout(Samples()), shots=5)
        with pytest.raises(TargetError, match=r"shots=1000, say"):
            layer.set_target("lightning.qubit", shots=None)
        assert layer.shots == 5

    def test_the_state_needs_a_simulator_without_shots(self) -> None:
        circuit = U.with_readout(State())
        with pytest.raises(TargetError, match=r"the state .* with shots=5"):
            make(circuit, shots=5)
        with pytest.raises(TargetError, match=r"the state .* default.mixed"):
            make(circuit, target="default.mixed")

    @pytest.mark.parametrize("wires", [[1, 0], [0, 1, 2]], ids=str)
    def test_the_state_is_in_the_circuits_order(self, wires: list[int]) -> None:
        circuit = U.with_readout(State())
        with pytest.raises(TargetError, match=r"wires \[0, 1\] in this order, but"):
            make(circuit, target=qml.device("default.qubit", wires=wires))
        layer = make(circuit)
        expected = layer(rows(3, 2))
        layer.set_target(qml.device("default.qubit"))
        torch.testing.assert_close(layer(rows(3, 2)), expected)

    def test_probabilities_are_the_states(self) -> None:
        layer = make(U.with_readout(State()))
        weights = layer.weights_0.detach()
        twin = make(U.with_readout(Probabilities()), init_method=weights)
        squares = layer(rows(3, 2)).abs().square()
        torch.testing.assert_close(squares, twin(rows(3, 2)))

    def test_words_are_in_the_circuits_order(self) -> None:
        encoding = AngleEncoding(["b", "a"])
        circuit = encoding.with_readout(Expectation(["ZI", "IZ", "ZZ"]))
        x = rows(3, 2)
        zs = x.cos()
        expected = torch.stack([zs[:, 0], zs[:, 1], zs.prod(-1)], dim=-1)
        torch.testing.assert_close(make(circuit)(x), expected)


@frozen(repr=False)
class ReadsInVain(Encoding):
    @property
    def num_features(self) -> int:
        return 1

    def encode(self, features: Any) -> None:
        """Queues nothing."""


@pytest.mark.parametrize("readout", [Expectation(), Probabilities()])
def test_a_circuit_that_does_not_use_its_features_has_all_rows(
    readout: Expectation | Probabilities,
) -> None:
    circuit = (BasicEntangler(2) @ ReadsInVain(2)).with_readout(readout)
    layer = QuantumLayer(circuit)
    values = layer(torch.rand(5, 1))
    assert values.shape == (5, *circuit.output_shape)
    torch.testing.assert_close(values, values[:1].expand_as(values))
    values.sum().backward()


class TestWhatTorchDoesToWeights:
    def test_weights_that_are_made_of_others(self) -> None:
        layer, x = make(U), rows(3, 2)
        expected = layer(x)
        parametrizations.weight_norm(layer, "weights_0")
        torch.testing.assert_close(layer(x), expected)
        layer(x).sum().backward()
        assert all(part.grad is not None for part in layer.parameters())

    def test_they_are_sampled_anew(self) -> None:
        layer = make(U)
        parametrizations.weight_norm(layer, "weights_0")
        layer.reset_parameters(torch.Generator().manual_seed(1))
        again = make(U, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(layer.weights_0, again.weights_0)

    def test_pruned_weights_are_zero(self) -> None:
        layer, x = make(U), rows(3, 2)
        prune.l1_unstructured(layer, "weights_0", amount=3)
        other = make(U, init_method={"weights_0": layer.weights_0.detach()})
        assert (other.weights_0 == 0).sum() == 3
        torch.testing.assert_close(layer(x), other(x))


@pytest.mark.slow  # importing torch's compiler takes seconds
def test_torch_compile_leaves_the_layer_as_it_is() -> None:
    # In a process of its own: torch's compiler warns of its own accord.
    execution = """
import torch
from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.nn import QuantumLayer
layer = QuantumLayer(StronglyEntangling(2) @ AngleEncoding(2))
model = torch.nn.Sequential(torch.nn.Linear(3, 2), layer, torch.nn.Linear(2, 1))
compiled = torch.compile(model, backend="eager")
for rows in (3, 40):
    x = torch.rand(rows, 3)
    torch.testing.assert_close(compiled(x), model(x))
compiled(x).sum().backward()
assert all(weight.grad is not None for weight in model.parameters())
"""
    subprocess.run([sys.executable, "-c", execution], check=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[0.1, 0.2]], "inputs: expected a floating tensor, got list; make one with"),
        (np.zeros((1, 2)), "got ndarray; make one with torch.tensor"),
        (torch.zeros(1, 2) + 0j, "got torch.complex64; take .real or .abs"),
        (torch.zeros(1, 2, dtype=torch.long), r"int64; convert it with .float\(\)"),
    ],
)
def test_inputs_that_are_none_are_said_with_their_repair(
    given: Any, message: str
) -> None:
    layer = QuantumLayer(BasicEntangler(2) @ AngleEncoding(2))
    for call in (layer, layer.arguments, layer.with_errors):
        with pytest.raises(ArgumentTypeError, match=message):
            call(given)


@pytest.mark.parametrize("shots", [10**12, 2**40])
def test_no_backend_counts_so_many_shots(shots: int) -> None:
    with pytest.raises(ArgumentError, match=r"shots: expected at most 2147483647, got"):
        QuantumLayer(BasicEntangler(2), shots=shots)
    with pytest.raises(ArgumentError, match=r"shots: expected at most 2147483647, got"):
        set_target(QuantumLayer(BasicEntangler(2)), "aer", shots=shots)


def test_a_model_that_moves_is_a_module() -> None:
    with pytest.raises(ArgumentTypeError, match="model: expected a Module, got None"):
        set_target(None, "aer")  # type: ignore[type-var]


def test_what_is_half_built_can_be_shown() -> None:
    for kind in (QuantumLayer, QuantumConv2d, RBM, GroupPool):
        layer: Any = kind.__new__(kind)
        nn.Module.__init__(layer)
        assert "half-built" in repr(layer)
    for value in (Circuit, AngleEncoding, Expectation, Dataset):
        assert repr(value.__new__(value))


def test_a_wire_that_nothing_entangles_is_warned_of() -> None:
    circuit = StronglyEntangling(3) @ AngleEncoding(4)
    with pytest.warns(UserWarning, match=r"wires \[3\] of StronglyE.*as many") as told:
        layer = QuantumLayer(circuit)
    (one,) = told
    assert one.filename == __file__
    layer.set_target("default.qubit")  # says it no more
    with pytest.warns(UserWarning, match=r"wires \[3\]"):
        QuantumConv2d(1, 4, 2, circuit=circuit)
