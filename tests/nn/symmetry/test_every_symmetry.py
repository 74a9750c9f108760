"""Every symmetry of circuits, as layers see it: exact in both types, or seen broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import (
    AngleEncoding,
    Circuit,
    EquivariantProcessing,
    StronglyEntangling,
    WireGroup,
    invariant_readout,
    permutation_equivariant,
)
from qml_qdl.circuits.symmetry.named_groups import (
    p4,
    p4m,
    quarter_turns,
    reflections,
    square_symmetries,
    symmetric_group,
    translations,
)
from qml_qdl.nn import ImageGroup, QuantumLayer, check_equivariance

EXACT = {torch.float32: 1e-5, torch.float64: 1e-12}
in_both_dtypes = pytest.mark.parametrize("dtype", list(EXACT), ids=str)

IMAGES: dict[str, tuple[Callable[[int], WireGroup], str]] = {
    "quarter turns": (quarter_turns, "p4"),
    "square": (square_symmetries, "p4m"),
    "p4": (p4, "p4"),
    "p4m": (p4m, "p4m"),
    "reflections": (lambda size: reflections((size, size)), ""),
    "translations": (lambda size: translations((size, size)), ""),
    "permutations": (lambda size: symmetric_group(size * size), "p4m"),
}
"""For each group of 3 × 3 pixels the group of images whose elements it contains."""


def processing_of(group: WireGroup) -> EquivariantProcessing:
    words = ["XIIIIIIII", "ZZIIIIIII", "YIIIIIIII", "ZIIIIZIII"]
    return EquivariantProcessing(9, group, words, layers=2)


def logits_of(circuit: Circuit, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """Images (rows, 1, 3, 3) to (rows, 2), with fixed weights."""
    generator = torch.Generator().manual_seed(0)
    layer = QuantumLayer(circuit, generator=generator, dtype=dtype)
    return lambda images: layer(images.flatten(1))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, torch.float64) for name in IMAGES), ("p4m", torch.float32)],
)
def test_images_on_wires(name: str, dtype: torch.dtype) -> None:
    make, images_group = IMAGES[name]
    group = make(3)
    readout = invariant_readout(group, ["ZIIIIIIII", "XXIIIIIII"])
    good = logits_of(
        (processing_of(group) @ AngleEncoding(9)).with_readout(readout), dtype
    )
    other = StronglyEntangling(9) @ AngleEncoding(9)
    broken = logits_of(other.with_readout(readout), dtype)
    generator = torch.Generator().manual_seed(1)
    images = 3 * torch.rand(2, 1, 3, 3, generator=generator, dtype=torch.float64)
    images = images.to(dtype)
    if images_group:
        ours = ImageGroup(images_group)
        found = check_equivariance(good, ours, images)
        assert found.largest < EXACT[dtype]
        assert found.scale > 1e-2
        wrong = check_equivariance(broken, ours, images)
        assert min(wrong.by_element[1:]) > 1e-3
    with torch.no_grad():
        logits, others = good(images), broken(images)
        for element in group.generators:
            moved = torch.as_tensor(element.permute(images.flatten(1).numpy()))
            if torch.equal(moved, images.flatten(1)):
                continue
            moved = moved.reshape(images.shape)
            assert (good(moved) - logits).abs().max() < EXACT[dtype]
            assert (broken(moved) - others).abs().max() > 1e-3


@in_both_dtypes
def test_a_smaller_group_is_not_enough(dtype: torch.dtype) -> None:
    """A circuit of quarter turns is not one of mirror images, nor of permutations."""
    readout = invariant_readout(symmetric_group(9), ["ZIIIIIIII"])
    images: Any = torch.linspace(0, 3, 9, dtype=dtype).reshape(1, 1, 3, 3) ** 1.3
    turns = (processing_of(quarter_turns(3)) @ AngleEncoding(9)).with_readout(readout)
    found = check_equivariance(logits_of(turns, dtype), ImageGroup("p4m"), images)
    assert max(found.by_element[:4]) < EXACT[dtype]
    assert max(found.by_element[4:]) > 1e-3
    every = (permutation_equivariant(9, 2) @ AngleEncoding(9)).with_readout(readout)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    mixed = images.flatten()[order].reshape(images.shape)
    with torch.no_grad():
        for circuit, exact in ((every, True), (turns, False)):
            layer = logits_of(circuit, dtype)
            change = float((layer(mixed) - layer(images)).abs().max())
            assert (change < EXACT[dtype]) == exact
            assert exact or change > 1e-3
