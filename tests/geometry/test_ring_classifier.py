"""Classifiers of rings: what no rotation changes, and all else that they see."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits import charge_words
from qml_qdl.circuits.errors import QdlError
from qml_qdl.geometry import RingClassifier, RingProducts, ring_circuit
from qml_qdl.geometry.ring_classifier import ModeMixing, ModeNorm

SMALL: dict[str, Any] = {"charges": (0, 1, -1, 2), "circuits": 1, "layers": 2}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


def small(shape: tuple[int, int, int] = (2, 9, 9)) -> RingClassifier:
    torch.manual_seed(1)
    model = RingClassifier(shape, 3, **SMALL)
    model(torch.rand(20, *shape))  # statistics of modes
    return model.eval()


def twin(model: RingClassifier) -> Any:
    found = model.classical_twin()
    found(torch.rand(20, *model.image_shape))
    return found.eval()


def modes_of(model: Any, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    images = torch.rand(4, *model.image_shape, generator=generator, dtype=dtype)
    found: Tensor = model.rings(images)
    return found


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_logits_do_not_turn(dtype: torch.dtype) -> None:
    quantum = small()
    for model in (quantum, twin(quantum)):
        model = model.to(dtype)
        modes = modes_of(model, dtype)
        logits = model.classify(modes)
        assert logits.std() > 0.1
        for angle in (0.3, math.pi / 4, -2.0):
            change = model.classify(model.rings.turned(modes, angle)) - logits
            assert change.abs().max() < TOLERANCE[dtype]
        # What is no rotation is seen: all charges 1, phases of their own, a mirror.
        phases = torch.tensor([0.0, 0.9, 2.1], dtype=dtype)
        others = (modes * torch.exp(1j * torch.tensor(0.7)), modes.conj())
        for other in (*others, modes * torch.polar(torch.ones_like(phases), phases)):
            assert (model.classify(other) - logits).abs().max() > 1e-3


@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 9, 9)])
def test_quarter_turns_of_pixels(shape: tuple[int, int, int]) -> None:
    model = small(shape).double()
    images = torch.rand(3, *shape, dtype=torch.float64)
    logits = model(images)
    for quarters in range(1, 4):
        turned = model(images.rot90(quarters, (-2, -1)))
        torch.testing.assert_close(turned, logits, atol=1e-12, rtol=0)


def test_rotation_errors_are_both_told() -> None:
    model = small().double()
    images = torch.rand(3, 2, 9, 9, dtype=torch.float64)
    error = model.rotation_error(images, 30.0)
    assert error.of_modes < 1e-12
    assert 0.01 < error.of_pixels < 1
    assert model.rotation_error(images, 180.0).of_pixels < 1e-10
    assert model.rotation_error(images[:0], 30.0).of_pixels == 0


@pytest.mark.parametrize("kind", ["quantum", "products"])
def test_blank_images_are_no_trouble(kind: str) -> None:
    model: nn.Module = RingClassifier((1, 6, 6), 2, **SMALL)
    if kind == "products":
        model = model.classical_twin()  # type: ignore[operator]
    for rows in (3, 1):
        logits = model(torch.zeros(rows, 1, 6, 6))
        assert logits.isfinite().all()
        torch.autograd.backward([logits.sum()])
    for weight in model.parameters():
        assert weight.grad is not None
        assert weight.grad.isfinite().all()
    assert model.eval()(torch.zeros(1, 1, 6, 6)).isfinite().all()


def test_images_are_told_from_their_mirror_images() -> None:
    """Handedness, of which the powers of modes say nothing."""
    torch.manual_seed(0)
    image = torch.rand(1, 1, 7, 7)
    x = torch.cat([image, image.flip(-1)]).repeat(20, 1, 1, 1)
    x = x + 0.05 * torch.randn(x.shape)
    y = torch.arange(40) % 2
    quantum = RingClassifier((1, 7, 7), 2, dropout=0.0, **SMALL)
    for model in (quantum, quantum.classical_twin()):
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(25):
            optimiser.zero_grad()
            torch.autograd.backward([nn.functional.cross_entropy(model(x), y)])
            optimiser.step()
        turned = x.rot90(1, (-2, -1))
        assert (model.eval()(turned).argmax(1) == y).float().mean() > 0.9


def test_modes_are_normalised_and_keep_their_phases() -> None:
    norm = ModeNorm(3, 4).double()
    scales = torch.tensor([1.0, 0.1, 5.0, 1e-2], dtype=torch.float64)
    modes = torch.randn(200, 3, 4, dtype=torch.complex128) * scales
    modes[..., 0] += 7
    first = norm(modes)
    powers = first.abs().square().mean((0, 1))
    torch.testing.assert_close(powers, torch.ones_like(powers), atol=0.02, rtol=0)
    phases = first[..., 1:] / modes[..., 1:]
    assert phases.imag.abs().max() < 1e-12
    torch.testing.assert_close(norm.eval()(modes), first)  # one batch is the average
    norm.train()(modes[:1])  # one row
    norm(modes[:0])
    assert norm.mean.isfinite().all()
    assert norm.batches == 2


def test_mixing_is_inside_a_mode() -> None:
    """Against sums written out, and −m by conjugates."""
    charges = (0, 1, -2)
    mixing = ModeMixing(2, charges, copies=3).double()
    modes = torch.randn(4, 2, 3, dtype=torch.complex128)
    found = mixing(modes)
    weight = torch.view_as_complex(mixing.weight)
    for copy in range(3):
        for place, charge in enumerate(charges):
            own = modes[..., abs(charge)]
            own = own.conj() if charge < 0 else own
            expected = (own * weight[copy, place]).sum(1)
            if charge == 0:
                expected = expected + torch.view_as_complex(mixing.bias)[copy, 0]
            torch.testing.assert_close(found[:, copy, place], expected)
    assert ModeMixing(2, (1, 2), copies=1)(modes.to(torch.complex64)).shape == (4, 1, 2)


def test_products_are_those_of_the_words() -> None:
    model = RingProducts((1, 7, 7), 2, charges=(0, 1, 1, 2), copies=2)
    numbers = torch.randn(3, 2, 4, dtype=torch.complex64)
    z = numbers / (1 + numbers.abs() ** 2).sqrt()
    letters: dict[str, Callable[[Tensor], Tensor]] = {
        "I": torch.ones_like,
        "Z": lambda z: z * z.conj(),
        "+": lambda z: z,
        "-": torch.conj,
    }
    found = model.invariants(numbers).reshape(3, 2, -1)
    words, imaginary = charge_words((0, 1, 1, 2)), []
    for index, word in enumerate(words):
        product = torch.ones(3, 2, dtype=torch.complex64)
        for place, letter in enumerate(word):
            product = product * letters[letter](z[:, :, place])
        torch.testing.assert_close(found[..., index], product.real)
        if set(word) & {"+", "-"}:
            imaginary.append(product.imag)
    torch.testing.assert_close(found[..., len(words) :], torch.stack(imaginary, -1))


@pytest.mark.parametrize("options", [{}, SMALL, {"circuits": 3, "layers": 1}])
def test_the_twin_has_about_as_many_weights(options: dict[str, Any]) -> None:
    model = RingClassifier((1, 14, 14), 10, **options)
    ours, theirs = (
        sum(weight.numel() for weight in module.parameters())
        for module in (model, model.classical_twin())
    )
    assert theirs == pytest.approx(ours, rel=0.35)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ring_circuit((1, 2), 0), r"layers: expected at least 1, got 0"),
        (lambda: ring_circuit((1, 0.5)), r"charges: expected one whole number for"),  # type: ignore[arg-type]
        (lambda: ring_circuit(()), r"wires: expected at least"),
        (
            lambda: RingClassifier((1, 8, 8), 2, samples=8),
            r"max_mode: with 8 samples a ring the modes 0 to 3 turn by a phase, got 4",
        ),
        (lambda: RingClassifier((8, 8), 2), r"image_shape: expected \(channels, hei"),  # type: ignore[arg-type]
        (lambda: RingClassifier((1, 2, 8), 2), r"radii: expected one or more from"),
        (lambda: RingClassifier((1, 8, 8), 0), r"num_classes: expected at least 1"),
        (lambda: RingClassifier((1, 8, 8), 2, circuits=0), r"circuits: expected at"),
        (lambda: RingClassifier((1, 8, 8), 2, dropout=1.0), r"dropout: expected a sh"),
        (lambda: RingProducts((1, 8, 8), 2, copies=0), r"copies: expected at least 1"),
        (
            lambda: small()(torch.rand(1, 1, 9, 9)),
            r"images: expected \(rows, 2, 9, 9\), got \(1, 1, 9, 9\)",
        ),
        (lambda: small()(torch.rand(2, 9, 9)), r"images: expected \(rows, 2, 9, 9\)"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
