"""Options of layers: shots, and those that are declared once for every layer."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from torch import nn

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.nn import (
    EquivariantQuantumConv2d,
    QuantumConv1d,
    QuantumConv2d,
    QuantumConv3d,
    QuantumConvTranspose2d,
    QuantumLayer,
)
from qml_qdl.nn.filters import QuantumFilters
from qml_qdl.nn.options import (
    FilterOptions,
    LayerOptions,
    TargetArguments,
    as_shots,
)

LAYERS: dict[Any, Any] = {
    QuantumConv1d: nn.Conv1d,
    QuantumConv2d: nn.Conv2d,
    QuantumConv3d: nn.Conv3d,
    QuantumConvTranspose2d: nn.ConvTranspose2d,
    EquivariantQuantumConv2d: None,
}
every_layer = pytest.mark.parametrize("kind", LAYERS)


def named(function: Any) -> dict[str, inspect.Parameter]:
    return {
        name: each
        for name, each in inspect.signature(function).parameters.items()
        if each.kind is inspect.Parameter.KEYWORD_ONLY
    }


@pytest.mark.parametrize(
    ("options", "owner"),
    [(LayerOptions, QuantumLayer), (FilterOptions, QuantumFilters)],
)
def test_types_are_those_of_who_takes_them(options: Any, owner: Any) -> None:
    hints = get_type_hints(options)
    taken = get_type_hints(owner.__init__)
    if owner is QuantumFilters:
        taken = {**get_type_hints(QuantumLayer.__init__), **taken}
    rest = set(named(owner)) - set(hints)
    assert rest <= {"device", "dtype"}
    assert {name: taken[name] for name in hints} == hints


def test_a_target_knows_all_of_them() -> None:
    options = {field.name for field in TargetOptions.__attrs_attrs__}
    assert set(TargetArguments.__annotations__) <= options


@every_layer
def test_the_signature_shows_all_of_them(kind: Any) -> None:
    found, layer = named(kind), named(QuantumLayer)
    for name in LayerOptions.__annotations__:
        assert found[name].default == layer[name].default
    kinds = {each.kind for each in inspect.signature(kind).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    if LAYERS[kind] is not None:
        assert set(FilterOptions.__annotations__) <= set(found)
        ordered = [n for n in inspect.signature(kind).parameters if n not in found]
        assert ordered == list(inspect.signature(LAYERS[kind]).parameters)


@every_layer
def test_they_reach_every_circuit(kind: Any) -> None:
    layer = kind(
        1,
        4,
        2,
        encoding="linear",
        target="aer",
        shots=20,
        diff_method="spsa",
        spsa_directions=3,
        fuse_gradient=False,
        mitigation="readout",
        seed=5,
    )
    every = layer.quantum_layers()
    options = [each.execution.options for each in every]
    assert len(every) >= 4
    for each in options:
        assert each.spsa_directions == 3
        assert each.fuse_gradient is False
        assert each.mitigation is not None
    assert options[0].seed == 5
    assert len({each.seed for each in options}) == len(every)


@every_layer
def test_another_name_is_refused(kind: Any) -> None:
    text = f"shot: {kind.__name__} got an unexpected keyword argument 'shot'; did you"
    with pytest.raises(ArgumentTypeError, match=text):
        kind(1, 2, 2, shot=3)
    with pytest.raises(TypeError, match="init_method"):
        kind(1, 2, 2, init_method="zeros")  # one of QuantumLayer's, but of no patch's


def test_channels_sample_shots_of_their_own() -> None:
    """Equal circuits with one seed would sample the same."""
    conv = QuantumConv1d(2, 1, 1, per_channel=True, layers=1, shots=100, seed=1)
    first, second = conv.quantum_layers()
    ours: Any = first.weights_0
    theirs: Any = second.weights_0
    with torch.no_grad():
        theirs.copy_(ours)
        x = torch.full((50, 1), 0.4)
        assert not torch.equal(first(x), second(x))
    for twin in (copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
        images = torch.rand(3, 2, 4)
        assert torch.equal(twin(images), copy.deepcopy(conv)(images))


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, None), ("keep", "keep"), (1, 1), (np.int64(7), 7)],
)
def test_shots(given: Any, expected: Any) -> None:
    found = as_shots(given)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("given", [0, -3])
def test_too_few(given: int) -> None:
    with pytest.raises(ArgumentError, match=f"at least 1, or None .*, got {given}"):
        as_shots(given)


@pytest.mark.parametrize("given", [True, 1.0, "many", "", [5]])
def test_no_number(given: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"a whole number, None or 'keep', got"):
        as_shots(given)
