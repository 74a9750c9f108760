"""Hardware-efficient and Ising layers, gate by gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    AngleEncoding,
    ArgumentError,
    ArgumentTypeError,
    Circuit,
    HardwareEfficient,
    IsingLayers,
    reupload,
)
from qml_qdl.circuits.processings.hardware_efficient import pattern_pairs


def gates(circuit: Circuit, *arguments: Any) -> list[str]:
    """Each gate as its name, wires and angles, such as "RX 0 1.0"."""
    tape = qml.tape.make_qscript(circuit)(*arguments)
    return [
        " ".join(map(str, (op.name, *op.wires, *map(float, op.parameters))))
        for op in tape.operations
    ]


@pytest.mark.parametrize(
    ("pattern", "size", "pairs"),
    [
        ("linear", 4, [(0, 1), (1, 2), (2, 3)]),
        ("ring", 4, [(0, 1), (1, 2), (2, 3), (3, 0)]),
        ("ring", 2, [(0, 1)]),
        ("full", 3, [(0, 1), (0, 2), (1, 2)]),
        ("brick", 4, [(0, 1), (2, 3), (1, 2)]),
        ("brick", 2, [(0, 1)]),
        *((pattern, 1, []) for pattern in ("linear", "ring", "full", "brick")),
    ],
)
def test_patterns(pattern: str, size: int, pairs: list[tuple[int, int]]) -> None:
    assert pattern_pairs(pattern, size) == tuple(pairs)


def test_weights_stand_in_the_documented_order() -> None:
    layers = HardwareEfficient(2, rotations=["RY", "Rot"], entangler="IsingZZ")
    assert gates(Circuit([layers]), None, np.arange(9.0).reshape(1, 9)) == [
        "RY 0 0.0",
        "RY 1 1.0",
        "Rot 0 2.0 3.0 4.0",
        "Rot 1 5.0 6.0 7.0",
        "IsingZZ 0 1 8.0",
    ]
    ising = IsingLayers(2, layers=2, field="Y", mixer="X")
    assert gates(Circuit([ising]), None, np.arange(10.0).reshape(2, 5)) == [
        "IsingZZ 0 1 0.0",
        "RY 0 1.0",
        "RY 1 2.0",
        "RX 0 3.0",
        "RX 1 4.0",
        "IsingZZ 0 1 5.0",
        "RY 0 6.0",
        "RY 1 7.0",
        "RX 0 8.0",
        "RX 1 9.0",
    ]


@pytest.mark.parametrize("entangler", ["CNOT", "CZ", "iSWAP"])
def test_entanglers_follow_the_pattern(entangler: str) -> None:
    layers = HardwareEfficient(
        ["a", "b", "c"], rotations="RX", entangler=entangler, pattern="ring"
    )
    name = {"iSWAP": "ISWAP"}.get(entangler, entangler)
    assert gates(Circuit([layers]), None, np.zeros((1, 3)))[3:] == [
        f"{name} a b",
        f"{name} b c",
        f"{name} c a",
    ]


@pytest.mark.parametrize("field", ["X", "Y", "Z"])
@pytest.mark.parametrize("wires", [1, 2, 3, 4])
def test_ising_layers_make_the_qaoa_embedding(
    field: str, wires: int, unitary: Callable[..., Any]
) -> None:
    rng = np.random.default_rng(wires)
    encoding = AngleEncoding(wires, rotation="X")
    layer = IsingLayers(wires, field=field, mixer=None)
    circuit = encoding @ reupload(layer, encoding, layers=2)
    inputs = rng.uniform(0, 6, wires)
    weights = rng.uniform(0, 6, qml.QAOAEmbedding.shape(2, wires))
    named = {f"weights_{i}": weights[i : i + 1] for i in range(2)}
    assert circuit.weight_shapes == {k: w.shape for k, w in named.items()}
    expected = qml.matrix(
        qml.QAOAEmbedding(inputs, weights, range(wires), local_field=field),
        wire_order=range(wires),
    )
    np.testing.assert_allclose(unitary(circuit, inputs, named), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: HardwareEfficient(2, rotations=("RY", "X")),
            "rotations: expected one of 'RX', 'RY', 'RZ', 'Rot', got 'X'",
        ),
        (
            lambda: HardwareEfficient(2, rotations=()),
            "rotations: expected at least one .* got none",
        ),
        (
            lambda: HardwareEfficient(2, rotations=3),
            "rotations: expected names such as .* got 3",
        ),
        (
            lambda: HardwareEfficient(2, entangler="SWAP"),
            "entangler: expected one of 'CNOT', 'CZ', 'iSWAP', 'IsingZZ', got 'SWAP'",
        ),
        (
            lambda: HardwareEfficient(2, pattern="star"),
            "pattern: expected one of 'linear', 'ring', 'full', 'brick', got 'star'",
        ),
        (lambda: IsingLayers(2, pattern="star"), "pattern: expected one of"),
        (lambda: IsingLayers(2, field="W"), "field: expected one of .* got 'W'"),
        (lambda: IsingLayers(2, mixer="W"), "mixer: expected one of .* got 'W'"),
        (
            lambda: IsingLayers(1, field=None, mixer=None),
            "field: a single wire without field and mixer has nothing to train",
        ),
    ],
)
def test_wrong_options_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        make()
