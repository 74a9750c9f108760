"""Patch generators: images whose patches are circuits of their own."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.models import PatchGenerator

DOUBLE = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def patch_generator(**options: Any) -> PatchGenerator:
    return PatchGenerator(
        (4, 4), (2, 4), layers=2, generator=seeded(), dtype=DOUBLE, **options
    )


def written_out(model: PatchGenerator, noise: Tensor) -> Tensor:
    """The patches of one row, by one PennyLane circuit for each."""
    wires = model.noise_size

    @qml.qnode(qml.device("default.qubit"))
    def circuit(angles: Tensor) -> object:
        for wire in range(wires):
            qml.RY(noise[wire], wire)
        for layer in angles.reshape(2, wires):
            for wire in range(wires):
                qml.RY(layer[wire], wire)
            for wire in range(wires - 1):
                qml.CZ([wire, wire + 1])
        return qml.probs(range(wires))

    patches = []
    for angles in model.weight.detach():
        given = torch.as_tensor(circuit(angles))[: 2 ** (wires - 1)]
        patches.append((given / given.max()).reshape(2, 4))
    return torch.cat(patches)


def test_patches_are_those_of_separate_circuits() -> None:
    model = patch_generator()
    noise = model.sample_noise(3, seeded(1))
    images = model(noise)
    assert images.shape == (3, 1, 4, 4)
    for image, row in zip(images.detach(), noise, strict=True):
        torch.testing.assert_close(image[0], written_out(model, row))


def test_patches_tile_the_image() -> None:
    model = PatchGenerator((4, 6), (2, 3), layers=1)
    assert model.grid == (2, 2)
    patches = torch.arange(4.0)[None, :, None].expand(1, 4, 6)
    image = model._assembled(patches)[0, 0]
    expected = torch.tensor([[0.0, 1], [2, 3]])
    torch.testing.assert_close(image[::2, ::3], expected)
    torch.testing.assert_close(image[1::2, 2::3], expected)


def test_paper_map_always_has_a_bright_pixel_and_the_others_need_not() -> None:
    noise = patch_generator().sample_noise(50, seeded(1))
    brightest = {
        pixels: patch_generator(pixels=pixels)(noise).reshape(50, 2, 8).amax(-1)
        for pixels in ("max", "brightness", "exponential")
    }
    torch.testing.assert_close(brightest["max"], torch.ones(50, 2, dtype=DOUBLE))
    assert brightest["brightness"].min().item() < 0.7
    assert brightest["exponential"].max().item() < 1


def test_all_patches_of_all_rows_are_one_batch() -> None:
    device = qml.device("default.qubit")
    model = patch_generator(target=device)
    with qml.Tracker(device) as tracker:
        model(model.sample_noise(5))
    assert tracker.totals["batches"] == tracker.totals["executions"] / 10 or (
        tracker.totals["batches"] == 1
    )


@pytest.mark.parametrize("pixels", ["max", "brightness", "exponential"])
def test_gradients_against_finite_differences(pixels: str) -> None:
    model = patch_generator(pixels=pixels)
    noise = model.sample_noise(2, seeded(1))
    names = [name for name, _ in model.named_parameters()]

    def total(*values: Tensor) -> Tensor:
        weights = dict(zip(names, values, strict=True))
        images: Tensor = torch.func.functional_call(model, weights, (noise,))
        return (images * torch.arange(16, dtype=DOUBLE).reshape(4, 4)).sum()

    assert torch.autograd.gradcheck(total, tuple(model.parameters()))


def test_patches_of_odd_size_use_the_first_basis_states() -> None:
    model = PatchGenerator((3, 3), (1, 3), layers=1)
    assert model.noise_size == 3
    assert model.sample(2).shape == (2, 1, 3, 3)


def test_patch_generator_trains_on_shots() -> None:
    model = PatchGenerator(
        (2, 2),
        (2, 2),
        layers=1,
        target=qml.device("default.qubit", seed=0),
        shots=1000,
    )
    with torch.no_grad():
        model.weight.fill_(0.9)
    wanted = torch.tensor([[1.0, 0], [0, 0]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.2)
    noise = torch.zeros(2, model.noise_size)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = (model(noise) - wanted).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3


def test_a_patch_whose_ancillas_never_give_zero_is_dark() -> None:
    model = patch_generator()
    dark = torch.zeros(1, 2, 16, dtype=DOUBLE, requires_grad=True)
    patches = model._patches(dark)
    patches.sum().backward()
    assert not patches.any()
    assert dark.grad is not None
    assert bool(dark.grad.isfinite().all())


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        pytest.param(
            lambda: PatchGenerator((8, 8), (3, 8)),
            ArgumentError,
            r"images of \(8, 8\) do not split into patches of \(3, 8\)",
            id="patches",
        ),
        pytest.param(
            lambda: PatchGenerator((4, 4), (2, 2), num_ancillas=0, pixels="brightness"),
            ArgumentError,
            "pass num_ancillas=1 or more",
            id="no ancilla",
        ),
        pytest.param(
            lambda: PatchGenerator((4, 4), (2, 2), pixels="log"),  # type: ignore[arg-type]
            ArgumentError,
            "pixels: expected one of 'max', 'brightness', 'exponential'",
            id="map",
        ),
    ],
)
def test_bad_arguments_are_refused(
    make: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        make()  # type: ignore[operator]


def test_a_shape_that_is_one_number_is_reported() -> None:
    with pytest.raises(ArgumentError, match=r"image_shape: .* width\), got 4"):
        PatchGenerator(4, (2, 2))  # type: ignore[arg-type]
