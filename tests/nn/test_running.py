"""One run of a layer: transforms of torch that cannot follow are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.autograd import forward_ad

from qml_qdl.circuits.errors import ShapeError, TargetError
from tests.nn.small_layers import U, make, rows

EXACT = pytest.mark.parametrize("target", ["qdl.simulator", "default.qubit"])
ELSEWHERE = pytest.mark.parametrize(
    "options",
    [{"target": "lightning.qubit"}, {"shots": 5}, {"target": "aer", "shots": 5}],
)


# Tangents compile a script inside of torch, of which torch warns.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@EXACT
def test_derivatives_forward(target: str) -> None:
    layer, x = make(U, target=target).double(), rows(3, 2)
    with forward_ad.dual_level():
        values = layer(forward_ad.make_dual(x, torch.ones_like(x)))
        found = forward_ad.unpack_dual(values).tangent
    expected = torch.autograd.functional.jvp(layer, x, torch.ones_like(x))[1]
    torch.testing.assert_close(found, expected)


@ELSEWHERE
def test_tangents_are_refused_where_they_would_be_lost(options: dict[str, Any]) -> None:
    layer, x = make(U, **options), rows(3, 2)
    with forward_ad.dual_level():
        assert layer(x).shape == (3, 2)  # without a tangent there is none to lose
        with pytest.raises(TargetError, match="runs outside of torch"):
            layer(forward_ad.make_dual(x, torch.ones_like(x)))


@ELSEWHERE
def test_torch_func_is_refused_there_too(options: dict[str, Any]) -> None:
    layer = make(U, **options)
    for transform in (torch.func.vmap, torch.func.jacrev):
        with pytest.raises(TargetError, match=r"use backward\(\), or target="):
            transform(layer)(rows(3, 2))


@pytest.mark.parametrize("target", ["qdl.simulator", "lightning.qubit"])
@pytest.mark.parametrize("used", [False, True])
def test_weights_of_another_shape_are_refused(target: str, used: bool) -> None:
    layer, x = make(U, target=target), rows(3, 2).float()
    (name, right), *_ = layer.named_parameters()
    if used:
        layer(x), layer(x)
    for shape in ((1,), (*right.shape, 2), right.shape[::-1], (0,)):
        setattr(layer, name, torch.nn.Parameter(torch.zeros(shape)))
        with pytest.raises(ShapeError, match=f"{name}: expected shape"):
            layer(x)
    right.data = torch.zeros(2)
    setattr(layer, name, right)
    with pytest.raises(ShapeError, match=r"got \(2,\); assign"):
        layer(x)
