"""The convolutional generator, beside a network of torch with the same weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.models import ConvGenerator
from qml_qdl.nn import QuantumConvTranspose2d

DOUBLE = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_with_linear_circuits_it_is_torchs_network(dtype: torch.dtype) -> None:
    """A DCGAN whose filters are the cosines of the angles, where kernels overlap."""
    model = ConvGenerator(
        (4, 8),
        3,
        channels=(2, 1),
        kernel_size=(3, 2),
        encoding="linear",
        generator=seeded(),
        dtype=dtype,
    )
    twin = model.classical_twin().network
    assert isinstance(twin, nn.Sequential)
    twin[0].load_state_dict(model.project.state_dict())
    ours = [m for m in model.modules() if isinstance(m, QuantumConvTranspose2d)]
    torchs = [m for m in twin if isinstance(m, nn.ConvTranspose2d)]
    for conv, other, gain in zip(ours, torchs, model.gains, strict=True):
        with torch.no_grad():
            gain.uniform_(1, 2, generator=seeded(2))
            angles = torch.stack([p.reshape(-1) for p in conv.kernels.parameters()])
            weight = gain.reshape(-1, 1) * angles.cos()
            into = other.weight.permute(2, 3, 1, 0)
            into.copy_(weight.reshape(into.shape))
    for bias, other in zip(model.biases, torchs, strict=True):
        with torch.no_grad():
            bias.copy_(other.bias)
    noise = model.sample_noise(5, seeded(1))
    assert noise.dtype == dtype
    images = twin(noise)
    assert images.shape == (5, 1, 4, 8)
    torch.testing.assert_close(model(noise), images)


def test_gradients_against_finite_differences() -> None:
    model = ConvGenerator((4, 4), 2, channels=(2, 2), generator=seeded(), dtype=DOUBLE)
    noise = model.sample_noise(1, seeded(1))
    names = [name for name, _ in model.named_parameters()]

    def total(*values: Tensor) -> Tensor:
        weights = dict(zip(names, values, strict=True))
        images: Tensor = torch.func.functional_call(model, weights, (noise,))
        return (images * torch.arange(16, dtype=DOUBLE).reshape(4, 4)).sum()

    assert torch.autograd.gradcheck(total, tuple(model.parameters()))


def test_it_learns_two_images() -> None:
    """From noise of one number, its sign decides which."""
    model = ConvGenerator((4, 4), 1, channels=(3,), generator=seeded())
    noise = torch.tensor([[-1.0], [1.0]])
    wanted = torch.stack([torch.eye(4), 1 - torch.eye(4)])[:, None]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        loss = (model(noise) - wanted).square().mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02


@pytest.mark.parametrize(
    ("kernel", "stride", "image"),
    [
        (2, 2, (6, 2)),
        (4, 2, (2, 4)),
        (3, 1, (5, 7)),
        (5, 3, (3, 9)),
    ],
)
def test_images_have_the_size_asked_for(
    kernel: int, stride: int, image: tuple[int, int]
) -> None:
    model = ConvGenerator(
        image, 2, channels=(4,), kernel_size=kernel, stride=stride, image_channels=2
    )
    images = model.sample(2, seeded())
    assert images.shape == (2, 2, *image)
    assert 0 <= images.min().item() < images.max().item() <= 1
    assert model.classical_twin().sample(2).shape == (2, 2, *image)


def test_it_is_a_module_with_explicit_noise() -> None:
    models = [ConvGenerator((4, 4), 2, generator=seeded(s)) for s in (3, 3, 4)]
    first, second, third = (model.sample(4, seeded()) for model in models)
    assert torch.equal(first, second)
    assert not torch.equal(first, third)
    assert not torch.equal(first, models[0].sample(4, seeded(1)))
    models[2].load_state_dict(models[0].state_dict())
    assert torch.equal(first, models[2].sample(4, seeded()))
    with pytest.raises(ShapeError, match=r"expected the shape \(rows, 2\), got \(3,"):
        models[0](torch.zeros(3, 17))


def test_it_trains_on_shots() -> None:
    import pennylane as qml

    model = ConvGenerator(
        (2, 2),
        1,
        channels=(1,),
        layers=1,
        target=qml.device("default.qubit", seed=0),
        shots=200,
    )
    model(model.sample_noise(2)).sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert bool(weight.grad.isfinite().all()), name


@pytest.mark.parametrize(
    ("make", "text"),
    [
        pytest.param(
            lambda: ConvGenerator((8, 6)),
            r"strides \(2, 2\) enlarge a map 4 times, and \(8, 6\) is no multiple",
            id="size",
        ),
        pytest.param(
            lambda: ConvGenerator((1, 8, 8)),  # type: ignore[arg-type]
            r"image_shape: expected \(height, width\), got \(1, 8, 8\); give colours",
            id="channels first",
        ),
        pytest.param(
            lambda: ConvGenerator((8, 8), kernel_size=1),
            "kernel_size: expected at least the stride 2 where stride=2, got 1",
            id="gaps",
        ),
        pytest.param(
            lambda: ConvGenerator((8, 8), stride=1),
            "kernel_size: expected an odd number where stride=1, got 2; pass "
            "kernel_size=1 or 3",
            id="even kernel",
        ),
        pytest.param(
            lambda: ConvGenerator((8, 8), stride=(2, 2, 2)),
            r"stride: expected 2 numbers, one for each convolution, got \(2, 2, 2\)",
            id="strides",
        ),
        pytest.param(
            lambda: ConvGenerator((8, 8), channels=(17,), kernel_size=8, stride=8),
            "channels: expected at most 16, one a wire, got 17; use fewer",
            id="wires",
        ),
        pytest.param(
            lambda: ConvGenerator((8, 8), encoding="cosine"),
            "encoding: expected one of 'sine', 'auto', 'angle'",
            id="encoding",
        ),
        pytest.param(
            lambda: ConvGenerator((8, 8), channels=()),
            r"channels: expected one or more numbers, one for each convolution",
            id="no convolution",
        ),
        pytest.param(
            lambda: ConvGenerator((8, 8), 0),
            "noise_size: expected at least 1, got 0",
            id="no noise",
        ),
    ],
)
def test_bad_arguments_are_refused(make: object, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("encoding", ["sine", "auto"])
def test_with_random_numbers_of_its_own_it_takes_no_others(encoding: str) -> None:
    before = torch.get_rng_state()
    ConvGenerator((4, 4), 2, encoding=encoding, generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)
