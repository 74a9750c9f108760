"""The algebra of circuits, by its laws; and circuits as PennyLane sees them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_qdl.circuits import (
    AngleEncoding,
    ArgumentError,
    ArgumentTypeError,
    BasicEntangler,
    Block,
    Circuit,
    Expectation,
    HardwareEfficient,
    IQPEncoding,
    Probabilities,
    Samples,
    ShapeError,
    State,
    StronglyEntangling,
    ZZFeatureMap,
    initial_weights,
    reupload,
    share,
)

# All encodings read the whole x of two features, or say which part.
BLOCKS: list[Block] = [
    AngleEncoding(2),
    AngleEncoding([1, 0], rotation="X", scaling=0.5, trainable_scaling=True),
    AngleEncoding([1], features=[0]),
    IQPEncoding(2),
    ZZFeatureMap(2, repeats=1),
    BasicEntangler(2),
    BasicEntangler([1], rotation="RZ"),
    StronglyEntangling(2, layers=2),
    HardwareEfficient([1, 0], entangler="IsingZZ"),
    share("tied", BasicEntangler(2)),
    share("tied", BasicEntangler([1, 0], rotation="RY")),
    share("other", AngleEncoding(2, trainable_scaling=True)),
]
READOUTS = [
    Expectation(),
    Expectation(["ZZ", qml.X(0)]),
    Probabilities(),
    Probabilities([1]),
    Samples([0]),
    State(),
]
INPUTS = np.array([0.4, -1.3])

blocks = st.sampled_from(BLOCKS)
circuits = st.builds(
    lambda parts: Circuit([AngleEncoding(2), *parts]), st.lists(blocks, max_size=3)
)
formulas = st.one_of(blocks, circuits)
laws = settings(max_examples=50, deadline=None)


@laws
@given(formulas, formulas, formulas)
def test_composition_is_associative(
    a: Block | Circuit, b: Block | Circuit, c: Block | Circuit
) -> None:
    assert (a @ b) @ c == a @ (b @ c)
    assert hash((a @ b) @ c) == hash(a @ (b @ c))


@laws
@given(parts=st.lists(blocks, min_size=1, max_size=4))
def test_a_circuit_is_the_product_of_its_blocks(
    parts: list[Block], unitary: Callable[..., Any]
) -> None:
    circuit = reduce(lambda done, block: block @ done, parts, Circuit([BLOCKS[0]]))
    weights: dict[str, Any] = dict(initial_weights(circuit, seed=0))
    # Each alone reads an x of its own size, so it is queued by hand.
    expected = np.eye(4)
    for block, name in zip(circuit.blocks, circuit.weight_names, strict=True):
        with qml.queuing.AnnotatedQueue() as queue:
            block.queue(INPUTS, None if name is None else weights[name])
        tape = qml.tape.QuantumScript.from_queue(queue)
        expected = qml.matrix(tape, wire_order=[0, 1]) @ expected
    np.testing.assert_allclose(
        unitary(circuit, INPUTS, weights, wires=[0, 1]), expected, atol=1e-12
    )


@laws
@given(circuit=circuits, readout=st.sampled_from(READOUTS))
def test_circuits_are_values(
    circuit: Circuit, readout: Any, rebuild: Callable[[object], Any]
) -> None:
    for value in (circuit, circuit.with_readout(readout)):
        for twin in (pickle.loads(pickle.dumps(value)), rebuild(value)):
            assert twin == value
            assert hash(twin) == hash(value)
            assert twin.weight_shapes == value.weight_shapes


@laws
@given(formulas, formulas, st.integers(1, 4))
def test_reuploading_repeats_with_fresh_weights(
    w: Block | Circuit, s: Block | Circuit, layers: int
) -> None:
    once, many = w @ s, reupload(w, s, layers)
    assert reupload(w, s, 1) == once
    assert many == reduce(lambda done, _: once @ done, range(layers - 1), once)
    tied = {block.tied_name for block in once.blocks} - {None}
    fresh = len(once.weight_shapes) - len(tied)
    assert len(many.weight_shapes) == layers * fresh + len(tied)
    assert many.num_inputs == once.num_inputs


def test_the_right_side_is_applied_first(unitary: Callable[..., Any]) -> None:
    w, s = BasicEntangler(2), AngleEncoding(2)
    theta = np.array([[0.3, 0.9]])
    np.testing.assert_allclose(
        unitary(w @ s, INPUTS, theta),
        unitary(w, None, theta) @ unitary(s, INPUTS),
        atol=1e-12,
    )


@pytest.mark.parametrize(
    ("wires", "expected"),
    [
        ([[2, 0], [1]], (0, 1, 2)),
        ([["b"], ["a", "b"]], ("b", "a")),
        ([[1], ["a"], [0]], (1, "a", 0)),
    ],
)
def test_wires(wires: list[Any], expected: tuple[Any, ...]) -> None:
    assert Circuit([BasicEntangler(w) for w in wires]).wires == expected


def test_sizes() -> None:
    s, w = AngleEncoding(3), StronglyEntangling(3)
    assert (w @ s).num_inputs == 3
    assert Circuit([w]).num_inputs == 0
    assert (s @ AngleEncoding(2, features=[0, 2])).num_inputs == 3
    assert AngleEncoding(1, features=[4]).with_readout(State()).num_inputs == 5
    assert (w @ s).output_shape == (3,)
    assert (w @ s).with_readout(Probabilities([0])).output_shape == (2,)


def test_weight_names_count_by_kind() -> None:
    trained = AngleEncoding(1, trainable_scaling=True)
    w = BasicEntangler(1)
    circuit = share("tied", w) @ w @ trained @ share("tied", w) @ w @ trained
    names = ("scaling_0", "weights_0", "tied", "scaling_1", "weights_1", "tied")
    assert circuit.weight_names == names
    assert list(circuit.weight_shapes) == list(dict.fromkeys(names))
    assert AngleEncoding(1).with_readout(State()).weight_names == (None,)


def test_features_are_read_by_index(unitary: Callable[..., Any]) -> None:
    inputs = np.array([0.1, 0.2, 0.3, 0.4])
    whole = unitary(AngleEncoding(2), inputs[[1, 3]])
    choices: list[Any] = [[1, 3], slice(1, 4, 2), slice(1, None, 2), range(1, 4, 2)]
    for features in choices:
        part = AngleEncoding(2, features=features)
        assert part.features == (1, 3)
        np.testing.assert_array_equal(unitary(part, inputs), whole)
    swapped = AngleEncoding([1, 0], features=(3, 1))
    np.testing.assert_array_equal(unitary(swapped, inputs), whole)


def test_it_is_a_quantum_function() -> None:
    circuit = StronglyEntangling(2) @ AngleEncoding(2)
    node = qml.QNode(circuit, qml.device("default.qubit", wires=2))
    weights = np.zeros((1, 2, 3))
    # Before the two CNOTs, ⟨ZI⟩ after them is ⟨IZ⟩, and ⟨IZ⟩ is ⟨ZZ⟩.
    expected = [np.cos(INPUTS[1]), np.cos(INPUTS).prod()]
    np.testing.assert_allclose(node(INPUTS, weights), expected)
    assert "StronglyEntangling" in qml.draw(circuit)(INPUTS, weights)
    resources = qml.specs(node, level="device")(INPUTS, weights).resources
    assert resources.gate_types == {"RY": 2, "Rot": 2, "CNOT": 2}


def test_autograd_differentiates_it(execute: Callable[..., torch.Tensor]) -> None:
    circuit = StronglyEntangling(2) @ AngleEncoding(2, trainable_scaling=True)
    numbers = initial_weights(circuit.with_readout(State()), seed=0)
    node = qml.QNode(circuit, qml.device("default.qubit", wires=2))

    def total(x: Any, theta: Any, scaling: Any) -> Any:
        return sum(node(x, {"weights_0": theta, "scaling_0": scaling}))

    arguments = [INPUTS, numbers["weights_0"], numbers["scaling_0"]]
    found = qml.grad(total)(
        *(qml.numpy.array(a, requires_grad=True) for a in arguments)
    )
    tensors = [torch.tensor(a, requires_grad=True) for a in arguments]
    result = execute(
        circuit, tensors[0], dict(zip(numbers, tensors[:0:-1], strict=True))
    )
    for left, right in zip(
        found, torch.autograd.grad(result.sum(), tensors), strict=True
    ):
        np.testing.assert_allclose(left, right, atol=1e-12)


def test_a_readout_belongs_to_the_whole() -> None:
    w, s = BasicEntangler(2), AngleEncoding(2)
    probabilities = Probabilities()
    assert (w @ s.with_readout(probabilities)).readout == probabilities
    assert (w.with_readout(probabilities) @ s).readout == probabilities
    assert (w.with_readout(State()) @ s.with_readout(State())).readout == State()
    with pytest.raises(ArgumentError, match="readout: both sides of @ were given one"):
        w.with_readout(probabilities) @ s.with_readout(State())


def test_weights_come_by_name_or_alone() -> None:
    one = BasicEntangler(2) @ AngleEncoding(2)
    weights = np.zeros((1, 2))
    one(INPUTS, weights)
    one(INPUTS, {"weights_0": weights})
    two = BasicEntangler(2) @ one
    with pytest.raises(
        ShapeError, match=r"expected a mapping .*'weights_1'\], got nda"
    ):
        two(INPUTS, weights)
    with pytest.raises(ShapeError, match=r"'weights_1'\], got \['weights_0'\]"):
        two(INPUTS, {"weights_0": weights})
    with pytest.raises(
        ShapeError, match=r"'weights_1' of shape \(1, 2\), got \(2, 2\)"
    ):
        two(INPUTS, {"weights_0": weights, "weights_1": np.zeros((2, 2))})
    with pytest.raises(ShapeError, match=r"weights: expected the names \[\], got"):
        AngleEncoding(2).with_readout(State())(INPUTS, {"weights_0": weights})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Circuit([]), "blocks: expected at least one block, got none"),
        (
            lambda: Circuit(AngleEncoding(1)),  # type: ignore[arg-type]
            r"blocks: expected a sequence .* got AngleEncoding\(1\)",
        ),
        (
            lambda: Circuit([qml.RX]),
            "blocks: expected a sequence of encodings and processings, got <class",
        ),
        (
            lambda: AngleEncoding(2) @ AngleEncoding(3),
            r"features: every .* AngleEncoding\(3\) reads 3 and AngleEncoding\(2\)",
        ),
        (
            lambda: AngleEncoding(2) @ AngleEncoding(1, features=[2]),
            r"features: AngleEncoding\(2\) reads the whole x .* reads feature 2",
        ),
        (
            lambda: share("w", BasicEntangler(2)) @ share("w", BasicEntangler(3)),
            r"share: .* 'w' is \(1, 3\) and, in share\('w', .*\), \(1, 2",
        ),
        (
            lambda: share("weights_0", BasicEntangler(2)) @ BasicEntangler(2),
            "share: the name 'weights_0' is what fresh weights are called here",
        ),
        (
            lambda: 5 @ Circuit([AngleEncoding(1)]),  # type: ignore[operator]
            "circuit: expected a circuit, an encoding or a processing, got 5",
        ),
        (
            lambda: AngleEncoding(2).with_readout("ZZ"),  # type: ignore[arg-type]
            "readout: expected a readout such as Expectation.*, got 'ZZ'",
        ),
    ],
)
def test_wrong_circuits_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError, ShapeError), match=message):
        make()


def test_only_circuits_compose() -> None:
    other: Any = 5
    with pytest.raises(TypeError, match="unsupported operand"):
        AngleEncoding(1) @ other
    with pytest.raises(TypeError, match="unsupported operand"):
        Circuit([AngleEncoding(1)]) @ other


def test_a_circuit_without_inputs_takes_none(
    execute: Callable[..., torch.Tensor],
) -> None:
    circuit = Circuit([BasicEntangler(2)])
    assert execute(circuit, None, np.zeros((1, 2))).tolist() == [1, 1]
    with pytest.raises(ShapeError, match="this circuit reads 0 features"):
        circuit(INPUTS, np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("circuit", "alone"),
    [
        (StronglyEntangling(3) @ AngleEncoding(4), (3,)),
        (StronglyEntangling(["b", "c"]) @ AngleEncoding(["a", "b", "c"]), ("a",)),
        (StronglyEntangling(4) @ AngleEncoding(3), ()),
        (StronglyEntangling(3) @ AngleEncoding(3), ()),
        (StronglyEntangling(3) @ IQPEncoding(4), ()),  # which entangles by itself
        (BasicEntangler(1) @ AngleEncoding(2), ()),  # nothing is entangled
        (Circuit([AngleEncoding(2)]), ()),
        (BasicEntangler([2, 3]) @ BasicEntangler(3) @ AngleEncoding(4), ()),
    ],
    ids=repr,
)
def test_wires_that_nothing_entangles(circuit: Circuit, alone: tuple[Any, ...]) -> None:
    assert circuit.unentangled_wires == alone
