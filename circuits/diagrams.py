"""Circuit diagrams, and the formula as which a circuit prints."""

from __future__ import annotations

from typing import Any

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
    tape = _tape_of_gates(circuit)
    text = qml.drawer.tape_text(tape, wire_order=circuit.wires, show_matrices=False)
    return str(text)


@validate_call
def draw_mpl(circuit: Any, **options: Any) -> Any:
    """Draws a circuit with matplotlib.

    Args:
        circuit: A `Circuit`.
        **options: Passed to `pennylane.drawer.tape_mpl`.

    Returns:
        The figure and its axes.
    """
    import matplotlib  # noqa: F401 - PennyLane's own error names no package

    tape = _tape_of_gates(circuit)
    return qml.drawer.tape_mpl(tape, wire_order=circuit.wires, **options)


def _tape_of_gates(circuit: Any) -> Any:
    """The gates with all numbers zero, templates taken apart."""
    zeros = {name: np.zeros(shape) for name, shape in circuit.weight_shapes.items()}
    inputs = np.zeros(circuit.num_inputs) if circuit.num_inputs else None
    tape = qml.tape.make_qscript(circuit)(inputs, zeros)
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
