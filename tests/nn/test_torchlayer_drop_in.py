"""QuantumLayer for pennylane.qnn.TorchLayer: only the class name changes."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import pickle
import runpy
import shutil
import subprocess
import sys
import weakref
from collections.abc import Callable
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pennylane as qml
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from qml_qdl.circuits import AngleEncoding, GaugeLattice, StronglyEntangling
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MissingEntryError,
    ShapeError,
)
from qml_qdl.circuits.symmetry.named_groups import symmetric_group
from qml_qdl.nn import QuantumConv2d, QuantumLayer

KINDS = [qml.qnn.TorchLayer, QuantumLayer]
DEVICE = qml.device("default.qubit", wires=2)


def gates(inputs: Any, weights: Any) -> None:
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.BasicEntanglerLayers(weights, wires=range(2))


def listed(inputs: Any, weights: Any) -> Any:
    gates(inputs, weights)
    return [qml.expval(qml.PauliZ(wires=i)) for i in range(2)]


def one(inputs: Any, weights: Any) -> Any:
    gates(inputs, weights)
    return qml.expval(qml.Z(0))


def listed_once(inputs: Any, weights: Any) -> Any:
    gates(inputs, weights)
    return [qml.expval(qml.Z(0))]


def probabilities(inputs: Any, weights: Any) -> Any:
    gates(inputs, weights)
    return qml.probs(wires=range(2))


def two_weights(inputs: Any, weights_0: Any, weight_1: Any) -> Any:
    qml.RX(inputs[..., 0], wires=0)
    qml.RX(inputs[..., 1], wires=1)
    qml.Rot(*weights_0, wires=0)
    qml.RY(weight_1, wires=1)
    qml.CNOT(wires=[0, 1])
    return qml.expval(qml.Z(0)), qml.expval(qml.Z(1))


def default_input(weights: Any, inputs: Any = None) -> Any:
    return listed(inputs, weights)


def keyword_weights(inputs: Any, **weights: Any) -> Any:
    return listed(inputs, weights["w"])


def amplitudes(inputs: Any, weights: Any) -> Any:
    qml.AmplitudeEmbedding(inputs, wires=range(2), normalize=True)
    qml.BasicEntanglerLayers(weights, wires=range(2))
    return [qml.expval(qml.X(0)), qml.expval(qml.Z(1))]


ONE = {"weights": (3, 2)}
FUNCTIONS = [
    pytest.param(listed, ONE, 2, id="list"),
    pytest.param(one, ONE, 2, id="one"),
    pytest.param(listed_once, ONE, 2, id="list-of-one"),
    pytest.param(probabilities, ONE, 2, id="probabilities"),
    pytest.param(default_input, ONE, 2, id="default-input"),
    pytest.param(keyword_weights, {"w": (3, 2)}, 2, id="keyword-weights"),
    pytest.param(amplitudes, ONE, 4, id="amplitudes"),
]


def pair(
    function: Any, shapes: dict[str, Any], device: Any = DEVICE, **options: Any
) -> tuple[nn.Module, nn.Module]:
    """TorchLayer and ours with the same weights."""
    node = qml.QNode(function, device, **options)
    theirs, ours = (kind(node, shapes) for kind in KINDS)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return theirs, ours


def outcome(layer: nn.Module, x: Tensor) -> list[Tensor]:
    leaves = [x.clone().requires_grad_(), *layer.parameters()]
    result = layer(leaves[0])
    probe = torch.linspace(-1, 2, result.numel()).reshape(result.shape).to(result)
    return [result, *torch.autograd.grad(result, leaves, probe)]


@pytest.mark.parametrize(("function", "shapes", "size"), FUNCTIONS)
@pytest.mark.parametrize("leading", [(), (1,), (3,), (2, 3)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_results_and_gradients_are_equal(
    function: Any,
    shapes: Any,
    size: int,
    leading: tuple[int, ...],
    dtype: torch.dtype,
) -> None:
    theirs, ours = pair(function, shapes)
    x = torch.rand(*leading, size).to(dtype)
    expected = outcome(theirs, x)
    found = outcome(ours, x)
    assert found[0].dtype == expected[0].dtype == dtype
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("device", ["default.qubit", "lightning.qubit"])
@pytest.mark.parametrize("method", ["best", "adjoint"])
def test_on_other_devices_and_methods(device: str, method: str) -> None:
    theirs, ours = pair(listed, ONE, qml.device(device, wires=2), diff_method=method)
    x = torch.rand(3, 2)
    torch.testing.assert_close(outcome(ours, x), outcome(theirs, x))


def test_a_tuple_is_laid_side_by_side() -> None:
    """The one difference, for which TorchLayer puts a new dimension first."""
    theirs, ours = pair(two_weights, {"weights_0": 3, "weight_1": 1})
    for leading in ((3,), (2, 3)):
        x = torch.rand(*leading, 2)
        expected = theirs(x)
        result = ours(x)
        assert result.shape == (*leading, 2)
        side_by_side = expected.movedim(0, -1) if expected.shape[0] == 2 else expected
        torch.testing.assert_close(result, side_by_side.reshape(result.shape))


@pytest.mark.parametrize(
    "init_method",
    [
        nn.init.ones_,
        functools.partial(nn.init.constant_, val=0.3),
        {"weights_0": nn.init.zeros_, "weight_1": torch.tensor(0.25)},
        {
            "weights_0": torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64),
            "weight_1": nn.init.ones_,
        },
        {"weights_0": torch.ones_like, "weight_1": torch.ones_like},
    ],
    ids=["function", "partial", "mapping", "doubles", "returned"],
)
def test_initialisers(init_method: Any) -> None:
    node = qml.QNode(two_weights, DEVICE)
    shapes = {"weights_0": 3, "weight_1": 1}
    theirs, ours = (kind(node, shapes, init_method) for kind in KINDS)
    expected, found = theirs.state_dict(), ours.state_dict()
    assert list(found) == list(expected)
    for name, weight in expected.items():
        assert found[name].dtype == weight.dtype
        assert torch.equal(found[name], weight)


@pytest.mark.parametrize(
    "init_method",
    [
        None,
        nn.init.normal_,
        {"weight_1": nn.init.normal_, "weights_0": nn.init.uniform_},
    ],
    ids=["default", "function", "mapping"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_same_seed_gives_the_same_weights(
    init_method: Any, dtype: torch.dtype
) -> None:
    node = qml.QNode(two_weights, DEVICE)
    shapes = {"weights_0": 3, "weight_1": 1}
    found = []
    torch.set_default_dtype(dtype)
    try:
        for kind in KINDS:
            torch.manual_seed(3)
            found.append(kind(node, shapes, init_method).state_dict())
    finally:
        torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)
    assert found[1]["weights_0"].dtype == dtype


def test_a_generator_gives_the_same_numbers() -> None:
    node = qml.QNode(listed, DEVICE)
    torch.manual_seed(3)
    expected: Any = QuantumLayer(node, ONE)
    generator = torch.Generator().manual_seed(3)
    layer: Any = QuantumLayer(node, ONE, generator=generator)
    assert torch.equal(layer.weights, expected.weights)
    layer.reset_parameters(generator.manual_seed(3))
    assert torch.equal(layer.weights, expected.weights)


@pytest.mark.parametrize("kind", KINDS, ids=["TorchLayer", "QuantumLayer"])
def test_the_example_of_its_documentation(kind: Any) -> None:
    """The hybrid network of PennyLane's page on TorchLayer."""
    torch.manual_seed(0)
    n_qubits = 2
    dev = qml.device("default.qubit", wires=n_qubits)

    @qml.qnode(dev)
    def qnode(inputs: Any, weights_0: Any, weight_1: Any) -> Any:
        qml.RX(inputs[..., 0], wires=0)
        qml.RX(inputs[..., 1], wires=1)
        qml.Rot(*weights_0, wires=0)
        qml.RY(weight_1, wires=1)
        qml.CNOT(wires=[0, 1])
        return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]

    weight_shapes = {"weights_0": 3, "weight_1": 1}
    qlayer = kind(qnode, weight_shapes)
    clayer1 = torch.nn.Linear(2, 2)
    clayer2 = torch.nn.Linear(2, 2)
    softmax = torch.nn.Softmax(dim=1)
    model = torch.nn.Sequential(clayer1, qlayer, clayer2, softmax)
    samples = 40
    x = torch.rand(samples, 2)
    y = torch.nn.functional.one_hot((x.sum(-1) > 1).long(), 2).float()
    opt = torch.optim.SGD(model.parameters(), lr=0.5)
    loss = torch.nn.L1Loss()
    losses = []
    for _ in range(20):
        for xs, ys in zip(x.chunk(4), y.chunk(4), strict=True):
            opt.zero_grad()
            loss_evaluated = loss(model(xs), ys)
            loss_evaluated.backward()
            opt.step()
        losses.append(loss_evaluated.item())
    assert losses[-1] < losses[0]
    assert [n for n, _ in model.named_parameters()] == [
        "0.weight",
        "0.bias",
        "1.weights_0",
        "1.weight_1",
        "2.weight",
        "2.bias",
    ]


def test_our_example_learns() -> None:
    path = Path(__file__).parents[2] / "examples" / "torchlayer_drop_in.py"
    assert runpy.run_path(str(path))["main"]() > 0.85


at_the_top = qml.QNode(listed, DEVICE)
U = StronglyEntangling(2) @ AngleEncoding(2)


def of_qnode(**options: Any) -> Any:
    return QuantumLayer(at_the_top, ONE, **options)


def of_circuit() -> Any:
    return QuantumLayer(U)


FAILING = {
    "test_no_torch": "there is no layer of ours without torch",
    "test_no_input": "a QNode without inputs is a layer that takes none",
    "test_weight_shape_unspecified": "what is not trained is an input",
    "test_callable_init": "a mock gives values of another shape than the weight's",
    "test_fixed_and_callable_init": "the same",
    "test_str_repr": "ours shows shapes, target and shots",
}
"""Tests of TorchLayer that are none of ours, and why."""

NOT_RUN = {"test_invalid_interface_error": "left out by PennyLane without all of them"}


@pytest.mark.slow
def test_pennylanes_own_tests_of_torchlayer(tmp_path: Path) -> None:
    theirs = Path(qml.__file__).parents[1] / "tests"
    for name in ("conftest.py", "pytest.ini", "helpers", "qnn/conftest.py"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        copied = shutil.copytree if (theirs / name).is_dir() else shutil.copy
        copied(theirs / name, target)
    text = (theirs / "qnn" / "test_qnn_torch.py").read_text()
    imported = "from pennylane.qnn.torch import TorchLayer\n"
    assert imported in text
    text = text.replace(
        imported, "from qml_qdl.nn import QuantumLayer as TorchLayer\n"
    ).replace("qp.qnn.TorchLayer(", "TorchLayer(")
    (tmp_path / "qnn" / "test_qnn_torch.py").write_text(text)
    options = ["-q", "-p", "no:cacheprovider", "--junitxml=found.xml"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *options, "qnn/test_qnn_torch.py"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
    )
    cases = ElementTree.parse(tmp_path / "found.xml").findall(".//testcase")
    ended = {
        kind: [case for case in cases if case.find(kind) is not None]
        for kind in ("failure", "error", "skipped")
    }
    assert len(cases) == 106
    assert not ended["error"]
    assert names(ended["failure"]) == set(FAILING)
    assert names(ended["skipped"]) <= set(NOT_RUN)
    assert len(ended["failure"]) <= 9


def names(cases: list[Any]) -> set[str]:
    return {case.get("name").partition("[")[0] for case in cases}


class TestArguments:
    def test_the_first_under_its_name(self) -> None:
        layer = QuantumLayer(qnode=at_the_top, weight_shapes=ONE)
        assert layer.qnode is at_the_top
        assert QuantumLayer(qnode=U).circuit == U

    def test_it_comes_once(self) -> None:
        with pytest.raises(ArgumentError, match=r"qnode: .* expected one .* leave one"):
            QuantumLayer(U, qnode=at_the_top)
        with pytest.raises(ArgumentTypeError, match=r"circuit_or_qnode: .* got None"):
            QuantumLayer(weight_shapes=ONE)

    def test_the_kinds_and_words_of_its_errors(self) -> None:
        with pytest.raises(KeyError) as told:
            of_qnode(init_method={})
        assert str(told.value) == (
            "init_method: expected one entry for each of ['weights'], got []"
        )
        assert isinstance(told.value, MissingEntryError)
        with pytest.raises(ValueError, match=r"inputs argument should not have its di"):
            QuantumLayer(at_the_top, {**ONE, "inputs": 2})
        node = qml.QNode(listed, DEVICE, interface="jax")
        with pytest.raises(ValueError, match=r"Invalid interface: .*, got 'jax'; make"):
            QuantumLayer(node, ONE)


class TestInputs:
    @pytest.mark.parametrize("make", [of_qnode, of_circuit])
    def test_by_name(self, make: Callable[[], Any]) -> None:
        layer, x = make(), torch.rand(3, 2)
        assert torch.equal(layer(inputs=x), layer(x))
        assert list(layer.arguments(inputs=x)) == list(layer.arguments(x))

    def test_several_by_name(self) -> None:
        @qml.qnode(DEVICE)
        def node(left: Any, right: Any, angle: Any) -> Any:
            gates(left, right[..., None, :])
            qml.RX(angle, 0)
            return qml.expval(qml.Z(0))

        layer, (x, y) = QuantumLayer(node, {"angle": 1}), torch.rand(2, 3, 2)
        expected = layer(x, y)
        assert torch.equal(layer(x, right=y), expected)
        assert torch.equal(layer(right=y, left=x), expected)
        with pytest.raises(ArgumentTypeError, match=r"left: expected once, got it by"):
            layer(x, left=y)
        with pytest.raises(ArgumentTypeError, match=r"rigth: .*did you mean 'right'"):
            layer(x, rigth=y)
        with pytest.raises(ShapeError, match=r"takes 2 .*, got 1; give what"):
            layer(right=y)

    @pytest.mark.parametrize("dtype", [torch.int64, torch.bool], ids=str)
    @pytest.mark.parametrize("device", ["default.qubit", "qdl.simulator"])
    def test_whole_numbers(self, dtype: torch.dtype, device: str) -> None:
        """For which TorchLayer cuts off the digits of weights and results."""
        layer = QuantumLayer(qml.QNode(listed, qml.device(device, wires=2)), ONE)
        for x in (torch.tensor([1.0, 0]), torch.tensor([[1.0, 0], [1, 1]])):
            expected, found = layer(x), layer(x.to(dtype))
            torch.testing.assert_close(found, expected)
            found.sum().backward()
        with pytest.raises(ArgumentTypeError, match=r"complex64; take \.real"):
            layer(x + 0j)

    def test_rows_among_whole_numbers_are_rows(self) -> None:
        @qml.qnode(DEVICE)
        def node(inputs: Any, weights: Any) -> Any:
            qml.RX(inputs[0], 0)
            return qml.expval(qml.Z(0))

        with pytest.raises(ShapeError, match=r"takes rows for features"):
            QuantumLayer(node, {"weights": 1})(torch.tensor([[1, 0], [1, 1]]))

    def test_an_input_with_a_default_by_its_name(self) -> None:
        @qml.qnode(DEVICE)
        def node(weights: Any, x: Any = None) -> Any:
            gates(x, weights)
            return qml.expval(qml.Z(0))

        QuantumLayer.set_input_argument("x")
        try:
            layer = QuantumLayer(node, ONE)
            assert qml.qnn.TorchLayer._input_arg == "inputs"
        finally:
            QuantumLayer.set_input_argument()
        with pytest.raises(ArgumentError, match=r"input_name: .* got 'x y'; give"):
            QuantumLayer.set_input_argument("x y")
        assert layer.input_arg == "x"
        assert of_qnode().input_arg == "inputs"
        assert layer(torch.rand(3, 2)).shape == (3,)
        assert layer(x=torch.rand(3, 2)).shape == (3,)


@pytest.mark.parametrize("function", [listed, one, probabilities, two_weights])
@pytest.mark.parametrize(
    ("device", "leading"),
    [
        ("default.qubit", ()),
        ("default.qubit", (1,)),
        ("default.qubit", (2, 3)),
        ("qdl.simulator", (2, 3)),
    ],
)
def test_a_vector_of_shots(function: Any, device: str, leading: Any) -> None:
    shapes = {"weights_0": 3, "weight_1": 1} if function is two_weights else ONE
    node = qml.QNode(function, qml.device(device, wires=2, seed=5))
    theirs, ours = (kind(qml.set_shots(node, [900, 400]), shapes) for kind in KINDS)
    x = torch.rand(*leading, 2, requires_grad=True)
    found = ours(x)
    assert found.shape == theirs(x).shape
    exact = copy.deepcopy(ours).set_target("auto", shots=None)(x)
    expected = exact.reshape(found.shape[1:]).expand(found.shape)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.3)
    found.sum().backward()
    assert x.grad is not None
    assert ours(x.detach() * torch.nan).isnan().all()
    ours.set_target("qdl.simulator")
    assert ours.shots == (900, 400)
    assert "shots=(900, 400)" in repr(ours)


def test_unequal_samples_make_no_tensor() -> None:
    def sampled(inputs: Any, weights: Any) -> Any:
        gates(inputs, weights)
        return qml.sample(wires=0)

    node = qml.set_shots(qml.QNode(sampled, DEVICE), [10, 5])
    with pytest.raises(ShapeError, match=r"number of shots, got \[10, 5\]; ret"):
        QuantumLayer(node, ONE)(torch.rand(3, 2))


QUESTIONS: dict[str, tuple[Callable[..., Any], Callable[[Any], Any]]] = {
    "draw": (qml.draw, str),
    "draw, device": (functools.partial(qml.draw, level="device"), str),
    "draw_mpl": (qml.draw_mpl, lambda drawn: [t.get_text() for t in drawn[1].texts]),
    "specs": (qml.specs, itemgetter("resources")),
    "specs, device": (
        functools.partial(qml.specs, level="device"),
        itemgetter("resources"),
    ),
    "errors": (qml.resource.algo_error, str),
    "tape": (qml.workflow.construct_tape, lambda tape: [*map(str, tape.circuit)]),
    "trained": (qml.workflow.construct_tape, attrgetter("trainable_params")),
    "batch": (
        functools.partial(qml.workflow.construct_batch, level="device"),
        lambda batch: [tape.num_params for tape in batch[0]],
    ),
    "method": (qml.workflow.get_best_diff_method, str),
    "pipeline": (
        functools.partial(qml.workflow.get_compile_pipeline, level="device"),
        str,
    ),
    "config": (
        qml.workflow.construct_execution_config,
        attrgetter("gradient_method"),
    ),
}
"""What PennyLane can be asked about a TorchLayer, and what of the answer counts."""


def ask(question: str, layer: Any, *inputs: Tensor, **named: Any) -> Any:
    function, read = QUESTIONS[question]
    answer = read(function(layer)(*inputs, **named))
    plt.close("all")
    return answer


class TestPennyLaneAsks:
    @pytest.mark.parametrize("question", QUESTIONS)
    def test_as_of_torchlayer(self, question: str) -> None:
        theirs, ours = pair(listed, ONE)
        x = torch.rand(3, 2)
        answer = ask(question, ours, x)
        assert answer
        assert answer == ask(question, theirs, x)

    @pytest.mark.parametrize("question", QUESTIONS)
    def test_a_circuits_layer_answers_for_its_qnode(self, question: str) -> None:
        layer, x = of_circuit(), torch.rand(3, 2)
        answer = ask(question, layer, x)
        assert answer == ask(question, layer.qnode, **layer.arguments(x))
        assert answer == ask(question, layer, inputs=x)

    def test_it_is_one(self) -> None:
        assert isinstance(of_qnode(), qml.qnn.TorchLayer)
        assert isinstance(of_circuit(), qml.qnn.TorchLayer)

    def test_the_function_takes_all_that_the_qnodes_takes(self) -> None:
        layer, x = of_qnode(), torch.rand(2)
        zeros = torch.zeros(3, 2)
        tapes = [
            qml.tape.make_qscript(layer.func)(*given, **named)
            for given, named in (((x, zeros), {}), ((x,), {"weights": zeros}))
        ]
        for tape in tapes:
            assert torch.equal(tape.operations[1].data[0], zeros)
        keywords = QuantumLayer(qml.QNode(keyword_weights, DEVICE), {"w": (3, 2)})
        assert len(keywords.construct((x,), {})) == 4


class TestTheQNodesAttributes:
    def test_are_those_of_the_layer(self) -> None:
        layer, node = of_qnode(), at_the_top
        assert layer.device is node.device
        for name in ("diff_method", "interface", "gradient_kwargs", "execute_kwargs"):
            assert getattr(layer, name) == getattr(node, name)
        assert layer.update(diff_method="adjoint").diff_method == "adjoint"
        layer.set_target("lightning.qubit")
        assert layer.device.name == "lightning.qubit"

    def test_are_never_set_on_it(self) -> None:
        layer = of_qnode()
        layer.diff_method = "adjoint"
        layer.device = None
        assert at_the_top.diff_method == "best"
        assert at_the_top.device is DEVICE

    def test_a_circuits_layer_has_only_what_pennylane_asks_for(self) -> None:
        layer = of_circuit()
        assert layer.device is layer.qnode.device
        assert not hasattr(layer, "update")
        assert not hasattr(layer, "update_shots")

    def test_weights_come_first(self) -> None:
        def node(inputs: Any, device: Any) -> Any:
            qml.RX(inputs[..., 0] + device, 0)
            return qml.expval(qml.Z(0))

        layer: Any = QuantumLayer(qml.QNode(node, DEVICE), {"device": 1})
        assert isinstance(layer.device, nn.Parameter)
        parametrize.register_parametrization(layer, "device", nn.Tanh())
        assert layer.device.abs() < 1
        assert layer(torch.rand(3, 1)).shape == (3,)


STATES: dict[str, Callable[[Any], Any]] = {
    "fresh": lambda layer: layer,
    "used": lambda layer: (layer(torch.rand(3, 2)), layer)[1],
    "moved": lambda layer: layer.set_target("lightning.qubit", shots=5),
    "copied": copy.copy,
    "deep": copy.deepcopy,
    "pickled": lambda layer: pickle.loads(pickle.dumps(layer)),
}


class TestAttributes:
    @pytest.mark.parametrize("make", [of_qnode, of_circuit])
    @pytest.mark.parametrize("state", STATES)
    def test_all_can_be_listed(self, make: Callable[[], Any], state: str) -> None:
        layer = STATES[state](make())
        assert hasattr(layer, "circuit") == (make is of_circuit)
        members = dict(inspect.getmembers(layer))
        assert members["shots"] == layer.shots
        assert set(dir(layer)) - set(members) <= {"circuit"}

    def test_of_what_is_half_built(self) -> None:
        layer = QuantumLayer.__new__(QuantumLayer)
        nn.Module.__init__(layer)
        assert not {"qnode", "circuit", "func"} & dict(inspect.getmembers(layer)).keys()
        with pytest.raises(AttributeError, match=r"no attribute 'execution'"):
            _ = layer.qnode

    def test_of_other_objects(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("qml_qdl.circuits.symmetry.groups.MOST_ELEMENTS", 20)
        for thing, name in (
            (GaugeLattice(2, 2, periodic=False), "translations"),
            (symmetric_group(4), "elements"),
            (symmetric_group(4), "order"),
        ):
            assert not hasattr(thing, name)
            inspect.getmembers(thing)
        inspect.getmembers(QuantumConv2d(1, 4, 2))

    def test_what_is_missing_is_said(self) -> None:
        with pytest.raises(AttributeError, match=r"'QuantumLayer' .* attribute 'foo'"):
            _ = of_qnode().foo

    def test_looking_for_them_keeps_no_layer_alive(self) -> None:
        gc.disable()
        try:
            layer = of_qnode()
            held = weakref.ref(layer)
            assert not hasattr(layer, "circuit")
            weights = layer.qnode_weights
            del layer
            assert weights["weights"].shape == (3, 2)
            del weights
            assert held() is None
        finally:
            gc.enable()


class TestWeightsByName:
    def test_are_the_present_ones(self) -> None:
        layer = of_qnode()
        weights = layer.qnode_weights
        assert weights is layer.qnode_weights
        assert weights["weights"] is layer.weights
        assert list(weights) == ["weights"]
        assert repr(weights) == repr({"weights": layer.weights})
        layer.weights = nn.Parameter(torch.ones(3, 2))
        assert weights["weights"] is layer.weights

    def test_values_are_written_into_them(self) -> None:
        layer, x = of_qnode(), torch.rand(3, 2)
        parameter = layer.weights
        layer.qnode_weights["weights"] = torch.zeros(3, 2)
        assert layer.weights is parameter
        assert not parameter.any()
        torch.testing.assert_close(layer(x), at_zero(x))

    def test_a_parameter_takes_their_place(self) -> None:
        layer, new = of_qnode(), nn.Parameter(torch.zeros(3, 2))
        layer.qnode_weights["weights"] = new
        assert list(layer.parameters()) == [new]

    def test_gradients_flow_through_what_covers_them(self) -> None:
        layer, x = of_qnode(), torch.rand(3, 2)
        source = torch.zeros(3, 2, requires_grad=True)
        layer.qnode_weights["weights"] = source * 2
        found = layer(x)
        torch.testing.assert_close(found, at_zero(x))
        found.pow(2).sum().backward()
        assert source.grad is not None
        assert source.grad.any()
        assert list(layer.state_dict()) == ["weights"]
        assert layer.state_dict()["weights"].any()
        layer.load_state_dict(layer.state_dict())
        assert layer.weights is next(layer.parameters())

    def test_of_a_circuit_too(self) -> None:
        layer = of_circuit()
        layer.qnode_weights["weights_0"] = torch.zeros(1, 2, 3)
        assert not layer.weights_0.any()

    def test_what_they_are_not(self) -> None:
        weights = of_qnode().qnode_weights
        with pytest.raises(KeyError, match=r"expected one of \['weights'\], got 'w'"):
            weights["w"] = torch.zeros(3, 2)
        with pytest.raises(ShapeError, match=r"the shape \(3, 2\) .* \(2, 3\)"):
            weights["weights"] = torch.zeros(2, 3)
        with pytest.raises(ArgumentTypeError, match=r"expected a tensor .*, got list"):
            weights["weights"] = [[0.0, 0.0]] * 3
        with pytest.raises(ArgumentTypeError, match=r"be taken out; assign zeros"):
            del weights["weights"]


def at_zero(x: Tensor) -> Tensor:
    found: Tensor = QuantumLayer(at_the_top, ONE, "zeros")(x)
    return found
