"""Circuits as text, as a picture, and as the Python that makes them."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import pytest
from attrs import field, frozen
from matplotlib import pyplot as plt

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    BasicEntangler,
    Circuit,
    QuantumPool,
    StronglyEntangling,
    ZZFeatureMap,
    share,
)
from qml_qdl.circuits.diagrams import compact_repr, draw_mpl, draw_text


def test_drawing() -> None:
    circuit = BasicEntangler(["a", "b"]) @ AngleEncoding(["a", "b"])
    assert (
        str(circuit)
        == circuit.draw()
        == ("a: ──RY──RX─╭●─┤  <Z>\nb: ──RY──RX─╰X─┤  <Z>")
    )
    figure, axes = circuit.draw_mpl()
    assert {text.get_text() for text in axes.texts} >= {"a", "b"}
    plt.close(figure)


class Branching(AngleEncoding):
    """Other gates for other numbers, which nothing can be said of."""

    def encode(self, features: Any) -> None:
        qml.RX(2 * features[0], self.wires[0])
        for _ in range(int(100 * features[0])):
            qml.X(self.wires[0])


@pytest.mark.parametrize(
    ("circuit", "labels"),
    [
        (
            StronglyEntangling(2) @ AngleEncoding(2),
            ["RY x₀", "RY x₁", "Rot θ₀[0,0]", "Rot θ₀[0,1]"],
        ),
        (
            share("w", BasicEntangler(2))
            @ AngleEncoding(2, features=[11, 2], trainable_scaling=True),
            ["RY x₁₁ s₀[0]", "RY x₂ s₀[1]", "RX w[0,0]", "RX w[0,1]"],
        ),
        (
            BasicEntangler(1) @ ZZFeatureMap(2, repeats=1),
            ["Rϕ x₀", "Rϕ x₁", "Rϕ x₀,x₁", "RX θ₀[0,0]"],
        ),
        (
            Circuit((AmplitudeEncoding(2), QuantumPool(2))),
            ["RY x", "RY x", "RY x", "RZ θ₀[0]", "RX θ₀[1]"],
        ),
        (
            Circuit((AngleEncoding(2), QuantumPool(2, "rot", measured=True))),
            ["RY x₀", "RY x₁", "Rot θ₀"],
        ),
        (Circuit((Branching(2),)), []),
    ],
    ids=repr,
)
def test_gates_say_what_they_take(circuit: Circuit, labels: list[str]) -> None:
    figure, axes = circuit.draw_mpl()
    found = [text.get_text().replace("\n", " ") for text in axes.texts]
    assert [each for each in found if " " in each] == labels
    plt.close(figure)


@frozen
class Value:
    wires: tuple[object, ...]
    kind: str
    layers: int = 1
    offset: float = field(default=0.5, kw_only=True)
    size: int = field(init=False, default=7)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value((0, 1, 2), "X"), "Value(3, 'X')"),
        (Value(("a", 0), "X"), "Value(['a', 0], 'X')"),
        (Value((1, 0), "X", layers=2), "Value([1, 0], 'X', layers=2)"),
        (Value((0,), "X", offset=0.0), "Value(1, 'X', offset=0.0)"),
    ],
)
def test_a_value_is_written_as_the_call_that_makes_it(value: Value, text: str) -> None:
    assert compact_repr(value) == text


def test_templates_and_prepared_states_are_taken_apart() -> None:
    text = draw_text(StronglyEntangling(2) @ AmplitudeEncoding(2))
    assert text.splitlines() == [
        "0: ──RY─╭●─────╭●──Rot─╭●─╭X─┤  <Z>",
        "1: ──RY─╰X──RY─╰X──Rot─╰X─╰●─┤  <Z>",
    ]


def test_options_go_to_pennylanes_drawer() -> None:
    circuit = Circuit([AngleEncoding(1)])
    figure, axes = draw_mpl(circuit, label_options={"fontsize": 31})
    (label,) = (text for text in axes.texts if text.get_text() == "0")
    assert label.get_fontsize() == 31
    plt.close(figure)
