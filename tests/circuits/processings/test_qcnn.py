"""Quantum convolutional neural networks: structure, shared filters, quantum data."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    ArgumentError,
    ArgumentTypeError,
    BasicEntangler,
    Circuit,
    ConvolutionLayer,
    HurCircuit,
    Probabilities,
    QuantumPool,
    StronglyEntangling,
    qcnn,
    reverse_mera,
)
from qml_qdl.circuits.processings.qcnn import PATTERNS


def count(circuit: Circuit) -> int:
    return sum(math.prod(shape) for shape in circuit.weight_shapes.values())


def weights(circuit: Circuit, scale: float = 6.0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        name: scale * torch.rand(shape, generator=generator, dtype=torch.float64)
        for name, shape in circuit.weight_shapes.items()
    }


class TestConvolutionLayer:
    @pytest.mark.parametrize(
        ("pattern", "wires", "pairs"),
        [
            ("ring", 8, "07 01 23 45 67 12 34 56"),
            ("ring", 4, "03 01 23 12"),
            ("ring", 3, "02 01 12"),
            ("ring", 2, "01"),
            ("chain", 5, "01 23 12 34"),
            ("even", 5, "01 23"),
            ("odd", 6, "12 34 50"),
            ("odd", 5, "12 34"),
        ],
    )
    def test_pairs(self, pattern: str, wires: int, pairs: str) -> None:
        layer = ConvolutionLayer(wires, 1, pattern=pattern)
        assert " ".join(f"{a}{b}" for a, b in layer.pairs) == pairs

    def test_one_filter_for_all(self, unitary: Callable[..., Any]) -> None:
        layer = ConvolutionLayer(["a", "b", "c"], 6)
        theta = np.linspace(0.1, 2, 6)
        one = unitary(HurCircuit(6), None, theta)
        expected = np.eye(8)
        for pair in (["a", "c"], ["a", "b"], ["b", "c"]):
            step = qml.QubitUnitary(one, wires=pair).matrix(wire_order=["a", "b", "c"])
            expected = step @ expected
        np.testing.assert_allclose(unitary(layer, None, theta), expected, atol=1e-12)

    @pytest.mark.parametrize("pattern", PATTERNS)
    def test_it_is_a_value(self, pattern: str, rebuild: Callable[..., Any]) -> None:
        layer = ConvolutionLayer(4, StronglyEntangling(2), pattern=pattern)
        assert layer.weight_shape == (1, 2, 3)
        for twin in (
            pickle.loads(pickle.dumps(layer)),
            copy.deepcopy(layer),
            rebuild(layer),
        ):
            assert twin == layer
            assert hash(twin) == hash(layer)

    def test_wrong_arguments(self) -> None:
        with pytest.raises(
            ArgumentError, match=r"the pattern 'odd' has no pair on \[0"
        ):
            ConvolutionLayer(2, pattern="odd")
        with pytest.raises(ArgumentError, match=r"pattern: expected one of 'ring', "):
            ConvolutionLayer(4, pattern="full")


class TestQcnn:
    @pytest.mark.parametrize(
        ("convolution", "pooling", "angles"),
        [
            (9, "zx", 51),
            (9, "trace", 45),
            (9, "rot", 54),
            (1, "zx", 12),
            (6, "trace", 18),
            (BasicEntangler(2), "zx", 12),
        ],
    )
    def test_counts(self, convolution: Any, pooling: str, angles: int) -> None:
        """51 and 45 angles on 8 wires are those of the paper."""
        assert count(qcnn(8, convolution, pooling)) == angles

    @pytest.mark.parametrize(
        ("wires", "outputs", "sizes", "left"),
        [
            (8, 1, [8, 4, 2], [0]),
            (8, 2, [8, 4], [0, 4]),
            (8, 3, [8], [0, 2, 4, 6]),
            (6, 1, [6, 3, 2], [0]),
            (2, 1, [2], [0]),
            (["a", "b", "c"], 2, [3], ["a", "c"]),
        ],
    )
    def test_structure(
        self, wires: Any, outputs: int, sizes: list[int], left: list[Any]
    ) -> None:
        circuit = qcnn(wires, 1, outputs=outputs)
        layers = circuit.blocks[0::2]
        assert [len(layer.wires) for layer in layers] == sizes
        assert all(isinstance(layer, ConvolutionLayer) for layer in layers)
        assert all(isinstance(pool, QuantumPool) for pool in circuit.blocks[1::2])
        assert repr(circuit.readout) == repr(qcnn(wires, 1, outputs=outputs).readout)
        assert circuit.output_shape == (len(left),)
        assert [o.wires[0] for o in circuit.readout.observables] == left  # type: ignore[attr-defined]

    def test_weights_grow_with_the_logarithm(self) -> None:
        sizes = [count(qcnn(2**k)) for k in range(1, 8)]
        assert sizes == [17 * k for k in range(1, 8)]

    @pytest.mark.parametrize("number", range(1, 10))
    @pytest.mark.parametrize("pooling", ["zx", "rot"])
    def test_measured_is_the_controlled_form(
        self, number: int, pooling: str, execute: Callable[..., torch.Tensor]
    ) -> None:
        encoding = AngleEncoding(4)
        controlled = qcnn(4, number, pooling) @ encoding
        measured = qcnn(4, number, pooling, measured=True) @ encoding
        x = torch.linspace(-1, 2, 8, dtype=torch.float64).reshape(2, 4)
        theta = weights(controlled)
        expected = execute(controlled, x, theta)
        torch.testing.assert_close(execute(measured, x, theta), expected)

    def test_traced_out_wires_are_not_looked_at(
        self, execute: Callable[..., torch.Tensor]
    ) -> None:
        """Whatever happens to a wire after its pooling changes nothing."""
        network = qcnn(4, 9)
        later = StronglyEntangling([1, 3]) @ network @ AngleEncoding(4)
        theta = weights(later)
        x = torch.tensor([0.1, 0.5, 1.1, 2.0], dtype=torch.float64)
        value = execute(later.with_readout(network.readout), x, theta)
        theta = {name: theta[name] for name in network.weight_shapes}
        torch.testing.assert_close(execute(network @ AngleEncoding(4), x, theta), value)

    def test_gradients(self, execute: Callable[..., torch.Tensor]) -> None:
        circuit = qcnn(3, 5) @ AngleEncoding(3)
        theta = weights(circuit)
        names = list(theta)
        x = torch.linspace(-1, 2, 6, dtype=torch.float64).reshape(2, 3).requires_grad_()

        def run(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
            return execute(circuit, x, dict(zip(names, values, strict=True)))

        values = [theta[name].requires_grad_() for name in names]
        assert torch.autograd.gradcheck(run, (x, *values), fast_mode=True)

    def test_ghz_states_flow_to_smaller_ones(
        self, execute: Callable[..., torch.Tensor]
    ) -> None:
        """A fixed point: CNOTs within the pairs map 8 wires of GHZ to 4, and to 2."""
        state = torch.zeros(256, dtype=torch.float64)
        state[[0, 255]] = 1
        circuit = (
            QuantumPool([0, 2, 4, 6], "trace")
            @ ConvolutionLayer([0, 2, 4, 6], 1, pattern="even")
            @ QuantumPool(8, "trace")
            @ ConvolutionLayer(8, 1, pattern="even")
            @ AmplitudeEncoding(8)
        )
        theta = {name: torch.zeros(2).double() for name in circuit.weight_shapes}
        left = execute(circuit.with_readout(Probabilities([0, 4])), state, theta)
        torch.testing.assert_close(left, torch.tensor([0.5, 0, 0, 0.5]).double())
        gone = Probabilities([1, 2, 3, 5, 6, 7])
        assert execute(circuit.with_readout(gone), state, theta)[0] > 1 - 1e-12

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            ((1,), ArgumentError, r"outputs: 1 wires cannot be pooled to 1 or more"),
            ((4, 10), ArgumentError, r"convolution: expected one of 1, .* got 10"),
            ((4, "SU4"), ArgumentTypeError, r"convolution: expected a number from 1 t"),
            ((4, True), ArgumentTypeError, r"convolution: expected a number .* True"),
            ((4, BasicEntangler(3)), ArgumentError, r"a processing on two wires, got"),
            ((4, 1, "max"), ArgumentError, r"kind: expected one of 'zx', 'rot', 'tra"),
        ],
    )
    def test_wrong_arguments(
        self, arguments: Any, error: type[Exception], text: str
    ) -> None:
        with pytest.raises(error, match=text):
            qcnn(*arguments)

    @pytest.mark.parametrize(("outputs", "text"), [(5, "5 or more"), (0, "at least 1")])
    def test_wrong_outputs(self, outputs: int, text: str) -> None:
        with pytest.raises(ArgumentError, match=text):
            qcnn(8, outputs=outputs)


class TestReverseMera:
    def test_structure(self) -> None:
        circuit = reverse_mera(8, 6, 9)
        kinds = [getattr(block, "pattern", "pool") for block in circuit.blocks]
        assert kinds == ["odd", "even", "pool", "odd", "even", "pool", "even", "pool"]
        assert count(circuit) == 6 + 15 + 6 + 15 + 15

    @pytest.mark.parametrize("wires", [4, 8])
    def test_it_takes_apart_what_a_mera_made(
        self, wires: int, execute: Callable[..., torch.Tensor]
    ) -> None:
        """The state grown from one wire: all others are |0⟩ again, the one is back."""
        circuit = reverse_mera(wires, 9, 6)
        theta = {name: w.numpy() for name, w in weights(circuit).items()}

        gates = qml.tape.make_qscript(circuit)(None, theta).operations

        def grown() -> Any:
            qml.RY(0.7, wires=0)
            for gate in reversed(gates):
                qml.adjoint(gate)
            return qml.state()

        state = qml.QNode(grown, qml.device("default.qubit", wires=wires))()

        def apart() -> Any:
            qml.StatePrep(state, wires=range(wires))
            for gate in gates:
                qml.apply(gate)
            return qml.probs(wires=range(wires))

        found = qml.QNode(apart, qml.device("default.qubit", wires=wires))()
        expected = np.zeros(2**wires)
        expected[[0, 2 ** (wires - 1)]] = np.cos(0.35) ** 2, np.sin(0.35) ** 2
        np.testing.assert_allclose(found, expected, atol=1e-10)
        # Entangled in between, so that this is no accident.
        density = np.outer(state, state.conj()).reshape(2, 2 ** (wires - 1), 2, -1)
        reduced = np.einsum("aibi->ab", density)
        assert np.trace(reduced @ reduced).real < 0.95

    def test_measured_is_the_controlled_form(
        self, execute: Callable[..., torch.Tensor]
    ) -> None:
        encoding = AmplitudeEncoding(4)
        x = torch.linspace(-1, 2, 16, dtype=torch.float64)
        controlled = reverse_mera(4, 4, 5, "zx") @ encoding
        theta = weights(controlled)
        measured = reverse_mera(4, 4, 5, "zx", measured=True) @ encoding
        torch.testing.assert_close(
            execute(measured, x, theta), execute(controlled, x, theta)
        )
