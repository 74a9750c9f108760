"""What a target cannot run is refused when a layer moves, not at its first call."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from torch import nn

import qml_qdl.nn.execution as execution_module
from qml_qdl.circuits import AngleEncoding, Processing, Samples, StronglyEntangling
from qml_qdl.circuits.errors import (
    ArgumentError,
    MemoryBoundError,
    QdlError,
    TargetError,
)
from qml_qdl.nn import QuantumLayer, set_target
from tests.nn.small_layers import U, make

Function = Callable[..., Any]
FUNCTIONS: dict[str, Function] = {}


def circuit(function: Function) -> Function:
    """A quantum function behind two gates; its name tells what else it does."""

    def whole(inputs: Any, w: Any) -> Any:
        qml.RX(inputs[..., 0], 0)
        qml.RY(w, 1)
        qml.CNOT([0, 1])
        return function(w)

    whole.__qualname__ = function.__name__
    FUNCTIONS[function.__name__] = whole
    return whole


class Opaque(qml.operation.Operation):  # type: ignore[misc]
    """An operation that nobody can take apart."""

    num_wires = 1


@circuit
def plain(w: Any) -> Any:
    return qml.expval(qml.Z(0))


@circuit
def channel(w: Any) -> Any:
    qml.AmplitudeDamping(0.1, 0)
    return qml.expval(qml.Z(0))


@circuit
def measured(w: Any) -> Any:
    qml.cond(qml.measure(0), qml.RX)(w, 1)
    return qml.expval(qml.Z(1))


@circuit
def read_again(w: Any) -> Any:
    qml.measure(0)
    return qml.expval(qml.X(0))


@circuit
def postselected(w: Any) -> Any:
    qml.measure(0, postselect=1)
    return qml.expval(qml.Z(1))


@circuit
def opaque(w: Any) -> Any:
    Opaque(0)
    return qml.expval(qml.Z(0))


@circuit
def qutrit(w: Any) -> Any:
    qml.TRX(0.1, 0)
    return qml.expval(qml.Z(0))


@circuit
def state(w: Any) -> Any:
    return qml.state()


@circuit
def entropy(w: Any) -> Any:
    return qml.vn_entropy(0)


@circuit
def variance(w: Any) -> Any:
    return qml.var(qml.Z(0))


@circuit
def probabilities(w: Any) -> Any:
    return qml.probs([0, 1])


@circuit
def samples(w: Any) -> Any:
    return qml.sample(wires=[0, 1])


@circuit
def counts(w: Any) -> Any:
    return qml.counts()


@circuit
def shadow(w: Any) -> Any:
    return qml.classical_shadow([0, 1])


@circuit
def sparse(w: Any) -> Any:
    matrix = qml.Z(0).sparse_matrix([0, 1])
    return qml.expval(qml.SparseHamiltonian(matrix, wires=[0, 1]))


@circuit
def matrix(w: Any) -> Any:
    return qml.expval(qml.Hermitian(np.diag([1.0, 2.0]), 0) @ qml.Z(1))


@circuit
def another_wire(w: Any) -> Any:
    qml.CNOT([0, 7])
    return qml.expval(qml.Z(0))


@circuit
def nine_wires(w: Any) -> Any:
    for wire in range(1, 9):
        qml.CNOT([0, wire])
    return qml.expval(qml.Z(0))


def layer_of(name: str, wires: int | None = 2) -> Any:
    """A layer of a QNode that its own device may not be able to run."""
    device = qml.device("default.qubit", wires=wires)
    node = qml.QNode(FUNCTIONS[name], device)
    return make(node, {"w": ()}, init_method="zeros")


@pytest.mark.parametrize(
    ("name", "target", "shots", "text"),
    [
        ("channel", "qdl.simulator", None, r"has no channels.*use target='default.mix"),
        ("channel", "aer", 10, r"has no channels.*use target='default.mixed'"),
        ("channel", "lightning.qubit", None, r"AmplitudeDamping.*use target='default"),
        ("postselected", "default.mixed", None, r"use target='qdl.simulator'"),
        ("read_again", "qdl.simulator", None, r"give the device more wires"),
        ("another_wire", "aer", 10, r"give the device more wires"),
        ("nine_wires", "aer:fake_manila", 10, r"5 qubits, but the circuit has 9 wires"),
        ("opaque", "qdl.simulator", None, r"Opaque.*define compute_decomposition"),
        ("qutrit", "default.qubit", None, r"has qubits, got TRX"),
        ("state", "lightning.qubit", 10, r"use shots=None on a simulator"),
        ("entropy", "aer", 10, r"use shots=None on a simulator"),
        ("samples", "qdl.simulator", None, r"pass shots=1000, say"),
        ("shadow", "lightning.qubit", 10, r"use target='qdl.simulator' with shots"),
        ("shadow", "aer", 10, r"samples no classical shadows"),
        ("sparse", "lightning.qubit", 10, r"no sparse matrix with shots, got 10"),
        ("counts", "qdl.simulator", 10, r"counts outcomes in a dictionary"),
    ],
)
def test_refused_at_once_with_the_repair(
    name: str, target: str, shots: int | None, text: str
) -> None:
    wires = None if name == "nine_wires" else 2
    first, layer = QuantumLayer(U), layer_of(name, wires)
    model = nn.ModuleList([first, layer])
    before = [each.execution for each in (first, layer)]
    with pytest.raises(QdlError, match=text) as caught:
        set_target(model, target, shots)
    assert "\n" not in str(caught.value)
    assert [each.execution for each in (first, layer)] == before
    with pytest.raises(QdlError, match=text):
        make(layer.execution.source, {"w": ()}, target=target, shots=shots)


@pytest.mark.parametrize(
    ("name", "method", "text"),
    [
        ("state", "parameter-shift", "a state is complex"),
        ("state", "spsa", "a state is complex"),
        ("entropy", "parameter-shift", "circuits that return the state"),
        ("variance", "hadamard", "variances"),
        ("plain", "hadamard", "no free wire for the auxiliary wire"),
    ],
)
def test_a_named_way_to_gradients_is_tried(name: str, method: str, text: str) -> None:
    layer = layer_of(name)
    whole = rf"diff_method: '{method}' does not go with default.qubit and .*{text}"
    with pytest.raises(ArgumentError, match=whole):
        set_target(layer, "default.qubit", diff_method=method)
    set_target(layer, "default.qubit")  # nobody may want any gradients


def test_on_backends_a_qnode_has_their_gradients() -> None:
    layer = set_target(layer_of("plain"), "aer", diff_method="spsa")
    assert layer.qnode.diff_method == "best"
    assert layer.qnode.device.options.gradient == "spsa"
    text = "does not go with qdl.qiskit and this circuit: gradients flow through"
    with pytest.raises(ArgumentError, match=text):
        set_target(layer_of("entropy"), "aer", diff_method="parameter-shift")


def test_backends_that_only_sample() -> None:
    backend = GenericBackendV2(3)
    for layer in (QuantumLayer(U), layer_of("plain")):
        with pytest.raises(TargetError, match=r"no exact results, got shots=None; set"):
            set_target(layer, backend)
        set_target(layer, backend, 10)
    wide = QuantumLayer(StronglyEntangling(4) @ AngleEncoding(4))
    with pytest.raises(TargetError, match="has 3 qubits, but the circuit has 4 wires"):
        set_target(wide, backend, 10)


def test_what_does_not_fit_into_the_memory() -> None:
    device = qml.device("qdl.simulator", wires=2, memory=100)
    for layer in (QuantumLayer(U), layer_of("plain")):
        with pytest.raises(MemoryBoundError, match="2 wires need"):
            set_target(layer, device)


class Damped(Processing):
    """A block with a channel, of another package."""

    @property
    def weight_shape(self) -> Any:
        return None

    def process(self, weights: Any) -> None:
        qml.AmplitudeDamping(0.1, 0)


class Counted(Damped):
    calls = 0

    def process(self, weights: Any) -> None:
        type(self).calls += 1
        super().process(weights)


def test_blocks_of_others_are_tried_if_nobody_notices() -> None:
    layer: Any = QuantumLayer(Damped(2) @ AngleEncoding(2), target="default.mixed")
    with pytest.raises(TargetError, match="has no channels, got AmplitudeDamping"):
        set_target(layer, "qdl.simulator")
    layer = QuantumLayer(Counted(2) @ AngleEncoding(2), target="default.mixed")
    calls = Counted.calls
    set_target(layer, "qdl.simulator")
    assert Counted.calls == calls
    with pytest.raises(TargetError, match="has no channels"):
        layer(torch.zeros(1, 2))


class TestNobodyNotices:
    def test_functions_with_effects_are_not_called(self) -> None:
        calls: list[Any] = []

        def counted(inputs: Any, w: Any) -> Any:
            calls.append(inputs)
            return FUNCTIONS["channel"](inputs, w)

        layer = make(qml.QNode(counted, qml.device("default.mixed")), {"w": ()})
        set_target(layer, "qdl.simulator")
        assert not calls
        with pytest.raises(TargetError, match="has no channels"):
            layer(torch.zeros(1, 1))

    def test_global_generators_stay_where_they_are(self) -> None:
        def noisy(inputs: Any, w: Any) -> Any:
            qml.RX(inputs[..., 0] + torch.rand(()), 0)
            qml.RX(np.random.rand() + random.random(), 0)  # noqa: NPY002
            return FUNCTIONS["channel"](inputs, w)

        layer = make(qml.QNode(noisy, qml.device("default.mixed", wires=2)), {"w": ()})

        def numbers() -> tuple[float, ...]:
            return float(torch.rand(())), np.random.rand(), random.random()  # noqa: NPY002

        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)
        expected = numbers()
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)
        with pytest.raises(TargetError, match="has no channels"):
            set_target(layer, "aer")
        assert numbers() == expected

    def test_a_layers_own_stream_stays_where_it_is(self) -> None:
        layer = make(U, target="aer", shots=10, seed=3)
        layer(torch.zeros(1, 2))
        set_target(layer, "qdl.simulator")
        assert layer.execution.position == 1

    def test_inside_a_quantum_function(self) -> None:
        with qml.queuing.AnnotatedQueue() as queue:
            set_target(layer_of("plain"), "aer", 10)
        assert not queue.queue


class TestShapes:
    def embedded(self, inputs: Any, w: Any) -> Any:
        qml.AmplitudeEmbedding(inputs, range(3))
        return FUNCTIONS["channel"](inputs, w)

    def rows_only(self, inputs: Any, w: Any) -> Any:
        qml.RX(inputs[:, 6], 0)
        return FUNCTIONS["channel"](inputs, w)

    @pytest.mark.parametrize("name", ["embedded", "rows_only"])
    def test_numbers_of_features_are_tried(self, name: str) -> None:
        node = qml.QNode(getattr(self, name), qml.device("default.mixed", wires=3))
        with pytest.raises(TargetError, match="has no channels"):
            make(node, {"w": ()}, target="aer")

    def test_what_was_seen_is_known(self) -> None:
        def choosy(inputs: Any, w: Any) -> Any:
            if inputs.shape[-1] != 77:
                raise ValueError(inputs.shape)
            return FUNCTIONS["channel"](inputs, w)

        node = qml.QNode(choosy, qml.device("default.mixed", wires=2))
        layer = make(node, {"w": ()})
        set_target(layer, "qdl.simulator")  # nothing can be known
        set_target(layer, "default.mixed")
        layer(torch.zeros(2, 77))
        with pytest.raises(TargetError, match="has no channels"):
            set_target(layer, "qdl.simulator")


TARGETS = ("qdl.simulator", "default.qubit", "lightning.qubit", "default.mixed", "aer")
METHODS = ("best", "adjoint", "backprop", "parameter-shift", "spsa", "finite-diff")


def found_late(
    source: Any, target: str, shots: int | None, method: str
) -> Iterator[str]:
    """What fails although it was accepted, forwards or on a way back that was named."""
    named = isinstance(source, str)
    layer = layer_of(source, None) if named else QuantumLayer(source, shots=10)
    try:
        set_target(layer, target, shots, diff_method=method)
    except QdlError:
        return
    what = f"{source}, {target}, {shots}, {method}"
    torch.manual_seed(1)
    layer.double()
    # One row: a postselection keeps it.
    x = torch.full((2,), 2.0, dtype=torch.float64, requires_grad=True)
    try:
        with torch.no_grad():
            layer(x)
    except Exception as error:
        yield f"forward: {what}: {error}"
        return
    if method == "best":
        return
    try:
        result = layer(x)
        if result.requires_grad:
            (result.abs() if result.is_complex() else result).sum().backward()
    except Exception as error:
        yield f"backward: {what}: {error}"


CHEAP = [
    (name, target, shots, "best")
    for name in FUNCTIONS
    for target in ("qdl.simulator", "aer")
    for shots in (None, 10)
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what others warn of is no failure
def test_nothing_that_is_accepted_fails_later() -> None:
    sources = [*FUNCTIONS, U, U.with_readout(Samples())]
    late = [
        text
        for source in sources
        for target in (*TARGETS, "aer:fake_manila")
        for shots in (None, 10)
        for method in METHODS
        for text in found_late(source, target, shots, method)
    ]
    assert not late, "\n".join(late)


@pytest.mark.filterwarnings("ignore")
def test_nothing_that_is_accepted_fails_later_on_ours() -> None:
    late = [text for one in CHEAP for text in found_late(*one)]
    assert not late, "\n".join(late)


def test_without_the_trial_much_fails_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution_module, "refuse_what_fails", lambda *_: None)
    late = [text for one in CHEAP for text in found_late(*one)]
    assert len(late) > 15
    assert re.search("channel, qdl.simulator", "\n".join(late))


def test_a_simulator_as_an_object_is_tried_too() -> None:
    with pytest.raises(TargetError, match="has no channels"):
        set_target(layer_of("channel"), AerSimulator(), 10)
