"""Linear layers between fields of a group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import WireAction, WireGroup
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.symmetry.induced import InducedField, SpinWeightedField
from qml_qdl.circuits.symmetry.named_groups import symmetric_group
from qml_qdl.geometry import InducedLinear

S4 = symmetric_group(4)
ONE = WireGroup([WireAction.identity(4)])
RING = WireGroup([WireAction([1, 2, 3, 0])])
POINTS = InducedField(
    S4, WireGroup([WireAction([1, 0, 2, 3]), WireAction([1, 2, 0, 3])])
)
SIGNS = InducedField(S4, RING, lambda g: (-1) ** g.permutation[0])
WAVES = InducedField(S4, RING, lambda g: 1j ** g.permutation[0])
REGULAR = InducedField(S4, ONE)
LAYERS: list[Any] = [
    pytest.param(POINTS, REGULAR, id="points to all"),
    pytest.param(REGULAR, SIGNS, id="all to signs"),
    pytest.param(POINTS, POINTS, id="points"),
    pytest.param(WAVES, REGULAR, id="waves to all"),
    pytest.param(SpinWeightedField(0, 3), SpinWeightedField(1, 2), id="gradients"),
    pytest.param(SpinWeightedField(2, 3), SpinWeightedField(0, 3), id="polarisation"),
]


def turns_of(space: Any) -> list[Any]:
    """What some elements of the group do to a field."""
    if isinstance(space, SpinWeightedField):
        return [space.matrix(v) for v in ([0.3, 1.0, -0.4], [0.0, 0.0, 2.0])]
    return [space.matrix(g) for g in S4.elements]


def rows(layer: InducedLinear, count: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    _, channels, _ = layer.weight.shape
    shape = (count, channels, layer.source.dimension)
    return torch.randn(shape, generator=generator, dtype=layer.weight.dtype)


def change(layer: Callable[[Tensor], Tensor], x: Tensor, of: InducedLinear) -> float:
    """The largest difference between turning before and after a layer."""
    worst, y = 0.0, layer(x)
    for before, after in zip(turns_of(of.source), turns_of(of.target), strict=True):
        turned = x @ torch.tensor(before).to(x.dtype).T
        expected = y @ torch.tensor(after).to(y.dtype).T
        worst = max(worst, float((layer(turned) - expected).detach().abs().max()))
    return worst


@pytest.mark.parametrize(("source", "target"), LAYERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_it_is_equivariant_before_and_after_training(
    source: Any, target: Any, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    layer = InducedLinear(source, target, 2, 3, dtype=dtype)
    x = rows(layer)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-12
    assert layer.bias is not None
    if layer.bias.numel():
        assert (target.is_real and source.is_real) == (not layer.bias.is_complex())
    optimiser = torch.optim.SGD(layer.parameters(), 0.1)
    for _ in range(2):
        assert change(layer, x, layer) < tolerance
        loss = (layer(x) - 1).abs().square().mean()
        optimiser.zero_grad()
        torch.autograd.backward([loss])
        optimiser.step()
    assert not layer.bias.numel() or layer.bias.abs().max() > 0
    # Broken: one number of the result is shifted, or the basis is another field's.
    assert change(lambda v: layer(v) + torch.arange(target.dimension), x, layer) > 0.1
    broken = InducedLinear(source, target, 2, 3, dtype=dtype)
    broken.basis = broken.basis.roll(1, -1)
    assert change(broken, x, layer) > 0.1


def test_relu_is_equivariant_on_functions_only() -> None:
    for target, works in ((REGULAR, True), (SIGNS, False)):
        torch.manual_seed(1)
        layer = InducedLinear(POINTS if works else REGULAR, target, dtype=torch.float64)
        x = rows(layer)
        error = change(lambda v, layer=layer: layer(v).relu(), x, layer)  # type: ignore[misc]
        assert (error < 1e-12) == works


def test_weights_are_as_many_as_there_are_maps() -> None:
    layer = InducedLinear(POINTS, POINTS, 2, 3)
    assert layer.weight.shape == (3, 2, 2)  # equal and different points
    assert layer.bias is not None
    assert layer.bias.shape == (3, 1)
    assert InducedLinear(POINTS, POINTS, bias=False).bias is None
    assert InducedLinear(REGULAR, SIGNS).bias.shape == (1, 0)  # type: ignore[union-attr]
    assert "24 -> 6, channels=1 -> 1, maps=6" in repr(InducedLinear(REGULAR, SIGNS))
    assert set(layer.state_dict()) == {"weight", "bias"}


def test_outputs_vary_as_much_as_inputs() -> None:
    torch.manual_seed(0)
    layer = InducedLinear(REGULAR, POINTS, 8, 40)
    spread = float(layer(torch.randn(400, 8, 24)).detach().std())
    assert spread == pytest.approx(1, abs=0.1)
    assert layer(torch.zeros(0, 8, 24)).shape == (0, 40, 4)


def test_deep_sets_by_hand() -> None:
    """a·x + b·Σx + c: all that is linear and knows no order (Zaheer et al. 2017)."""
    torch.manual_seed(0)
    layer = InducedLinear(POINTS, POINTS, dtype=torch.float64)
    torch.nn.init.ones_(layer.bias)  # type: ignore[arg-type]
    bias = layer(torch.zeros(1, 1, 4, dtype=torch.float64))[0, 0]
    kernel = layer(torch.eye(4, dtype=torch.float64)[:, None])[:, 0] - bias
    off = kernel[0, 1]
    expected = (kernel[0, 0] - off) * torch.eye(4, dtype=torch.float64) + off
    torch.testing.assert_close(kernel, expected)
    torch.testing.assert_close(bias, bias[:1].expand(4))
    assert np.ptp(bias.detach().numpy()) < 1e-12


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: InducedLinear(InducedField(S4, S4), SIGNS),
            r"target: nothing but 0 is equivariant from InducedField.*; choose another",
        ),
        (
            lambda: InducedLinear(POINTS, SpinWeightedField(0, 2)),
            r"target: expected a field of the same group of 24 elements",
        ),
        (
            lambda: InducedLinear(POINTS, 3),  # type: ignore[arg-type]
            r"target: expected ",
        ),
        (lambda: InducedLinear(POINTS, POINTS, 0), r"in_channels: expected at least 1"),
        (
            lambda: InducedLinear(POINTS, POINTS)(torch.zeros(2, 4)),
            r"values: expected \(rows, 1, 4\), got \(2, 4\)",
        ),
        (
            lambda: InducedLinear(POINTS, POINTS)(torch.zeros(2, 1, 4) * 1j),
            r"values: expected real numbers",
        ),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
