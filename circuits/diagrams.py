"""Circuit diagrams, and the formula as which a circuit prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from importlib import import_module
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import NOTHING, fields

from qml_qdl.circuits.validation import validate_call


def compact_repr(value: Any) -> str:
    """Writes an attrs value as the call that makes it, without what is default.

    Args:
        value: An instance of an attrs class.

    Returns:
        Python source; wires 0 … n−1 are written as n.
    """
    positional, named = [], []
    for attribute in fields(type(value)):
        # While it is being made, in a traceback say, an attribute may be missing.
        content, default = getattr(value, attribute.name, ()), attribute.default
        if not attribute.init:
            continue
        if default is not NOTHING and content == default:
            continue
        text = repr(content)
        if attribute.name == "wires":
            plain = content == tuple(range(len(content)))
            text = repr(len(content) if plain else list(content))
        if default is NOTHING and not attribute.kw_only:
            positional.append(text)
        else:
            named.append(f"{attribute.name}={text}")
    return f"{type(value).__name__}({', '.join(positional + named)})"


def draw_text(circuit: Any) -> str:
    """Draws a circuit as text.

    Args:
        circuit: A `Circuit`.

    Returns:
        One line a wire; gates without their angles.
    """
    tape = tape_of_gates(circuit)
    text = qml.drawer.tape_text(tape, wire_order=circuit.wires, show_matrices=False)
    return str(text)


@validate_call
def draw_mpl(circuit: Any, **options: Any) -> Any:
    """Draws a circuit with matplotlib; gates say which numbers they take.

    A gate on feature 2 of x is marked x₂, one on `weights_0[1, 2]` θ₀[1,2], and one on
    a whole row of weights, as a rotation by three angles, θ₀[1,2], too. Trained
    scalings are s₀, s₁, …; names that weights were given stand as they are.

    Args:
        circuit: A `Circuit`.
        **options: Passed to `pennylane.drawer.tape_mpl`.

    Returns:
        The figure and its axes.
    """
    import_module("matplotlib")  # PennyLane's own error names no package
    tape = _labelled(circuit)
    return qml.drawer.tape_mpl(tape, wire_order=circuit.wires, **options)


def tape_of_gates(circuit: Any, numbers: Mapping[str, Any] | None = None) -> Any:
    """The gates of a circuit, templates taken apart.

    Args:
        circuit: A `Circuit`.
        numbers: Inputs, by the name "x", and weights; None for zeros.

    Returns:
        A tape.
    """
    numbers = numbers or _numbers_of(circuit, np.zeros)
    weights = {name: numbers[name] for name in circuit.weight_shapes}
    tape = qml.tape.make_qscript(circuit)(numbers.get(_X), weights)
    templates = qml.templates.__dict__.values()
    (gates,), _ = qml.devices.preprocess.decompose(
        tape,
        stopping_condition=lambda op: (
            type(op) not in templates and not isinstance(op, qml.StatePrep)
        ),
        skip_initial_state_prep=False,
        name="drawing",
    )
    return gates


_Taken: TypeAlias = dict[str, list[tuple[int, ...]]]
"""Which numbers a gate takes, by the names of inputs and weights."""

_X = "x"
"""The inputs' name beside those of weights, which are longer."""

_MOST = 512
"""How many numbers are told apart; of larger tensors a gate has the name only."""

_LETTERS: Mapping[str, str] = MappingProxyType({"scaling": "s", "weights": "θ"})
"""How fresh weights are called in a picture, by the stem of their names."""

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _numbers_of(circuit: Any, make: Callable[[Any], Any]) -> dict[str, Any]:
    """Numbers for all that a circuit reads, by name."""
    inputs = {_X: (circuit.num_inputs,)} if circuit.num_inputs else {}
    shapes = {**inputs, **circuit.weight_shapes}
    return {name: make(shape) for name, shape in shapes.items()}


def _labelled(circuit: Any) -> Any:
    """The gates, each with what it takes of x and θ as its label."""
    generator = np.random.default_rng(0)
    numbers = _numbers_of(circuit, lambda shape: generator.uniform(0.2, 0.8, shape))
    tape = tape_of_gates(circuit, numbers)
    places = {
        float(value): (name, place)
        for name, values in numbers.items()
        for place, value in np.ndenumerate(values)
    }
    taken: list[_Taken] = [{} for _ in tape.operations]
    left = []
    for index, op in enumerate(tape.operations):
        given = [np.asarray(each).ravel() for each in op.data]
        slots = [float(each.real) for angles in given for each in angles]
        if all(slot in places for slot in slots):
            for name, place in map(places.__getitem__, slots):
                taken[index].setdefault(name, []).append(place)
        else:
            left.append(index)
    if left:
        _try_changes(circuit, numbers, tape, {index: taken[index] for index in left})
    operations = []
    for op, gate in zip(tape.operations, taken, strict=True):
        words = (_words(name, at, numbers[name].shape) for name, at in gate.items())
        operations.append(_with_label(op, "\n".join(words)))
    return qml.tape.QuantumScript(operations, tape.measurements)


def _try_changes(
    circuit: Any, numbers: Mapping[str, Any], tape: Any, taken: Mapping[int, _Taken]
) -> None:
    """Finds what gates take that do not take it as it is: what changes them."""

    def changed(name: str, place: Any) -> list[int]:
        values = numbers[name].copy()
        values[place] += 0.1
        other = tape_of_gates(circuit, {**numbers, name: values}).operations
        if len(other) != len(tape.operations):
            return []  # other gates for other numbers, of which nothing can be said
        return [
            at
            for at in taken
            if not all(map(np.array_equal, other[at].data, tape.operations[at].data))
        ]

    for name, values in numbers.items():
        if changed(name, ...):
            small = values.size <= _MOST
            for place in np.ndindex(values.shape) if small else [()]:
                for index in changed(name, place):
                    taken[index].setdefault(name, []).append(place)


def _with_label(op: Any, text: str) -> Any:
    if not text:
        return op
    # These are drawn by the label of the gate that is controlled.
    if isinstance(op, qml.ops.Controlled):
        base = _with_label(op.base, text)
        return qml.ops.Controlled(base, op.control_wires, op.control_values)
    if isinstance(op, qml.ops.Conditional):
        return qml.ops.Conditional(op.meas_val, _with_label(op.base, text))
    kind, name, labelled = type(op), op.label(), copy(op)
    # A class, and no attribute, which would be lost where PennyLane maps wires.
    members = {"label": lambda *_, **__: f"{name}\n{text}"}
    labelled.__class__ = type(kind.__name__, (kind,), members)
    return labelled


def _words(name: str, places: Sequence[tuple[int, ...]], shape: tuple[int, ...]) -> str:
    """Features or weights in short: x₂, θ₀[1,2], x₀…x₃."""
    kind, _, number = name.rpartition("_")
    letter = _LETTERS.get(kind) if number.isdecimal() else None
    plain = letter + number.translate(_SUBSCRIPTS) if letter else name
    rows = list(dict.fromkeys(place[:-1] for place in places))
    if 2 < len(places) == shape[-1] and len(rows) == 1:
        places = rows
    if len(places) < 3 or len(rows) > 1:
        words = [_word(plain, place) for place in places]
        return ",".join(words) if len(words) < 3 else f"{words[0]}…{words[-1]}"
    first, last = (str(place[-1]) for place in (places[0], places[-1]))
    if name == _X:
        return f"x{first.translate(_SUBSCRIPTS)}…x{last.translate(_SUBSCRIPTS)}"
    return f"{plain}[{','.join([*map(str, rows[0]), f'{first}…{last}'])}]"


def _word(name: str, place: tuple[int, ...]) -> str:
    if name == _X:
        return name + "".join(map(str, place)).translate(_SUBSCRIPTS)
    return f"{name}[{','.join(map(str, place))}]" if place else name
