"""Variational autoencoders whose parts are circuits or layers of torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy

from qml_qdl.circuits.errors import ArgumentError, DataError, RunError, ShapeError
from qml_qdl.data import load, split
from qml_qdl.models import QuantumVAE


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_kl_term_is_torchs() -> None:
    vae = QuantumVAE(6, 2, latent="classical")
    inputs = torch.rand(5, 6, generator=seeded())
    mean, log_variance = vae.encode(inputs)
    posterior = Normal(mean, (log_variance / 2).exp())
    expected = kl_divergence(posterior, Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(vae.terms(inputs)[1], expected)


def test_loss_weighs_the_kl_term_by_beta() -> None:
    torch.manual_seed(0)
    vae = QuantumVAE(6, 2, latent="classical", beta=3.0, likelihood="gaussian")
    inputs = torch.randn(5, 6, generator=seeded())
    error, divergence = vae.terms(inputs, generator=seeded(1))
    mean = vae(inputs, generator=seeded(1))
    torch.testing.assert_close(error, (mean - inputs).square().sum(-1))
    expected = error.mean() + 3 * divergence.mean()
    torch.testing.assert_close(vae.loss(inputs, generator=seeded(1)), expected)


def test_twin_has_no_circuit_and_about_as_many_weights() -> None:
    vae = QuantumVAE(64, 4, encoder="quantum", decoder="quantum", latent="quantum")
    twin = vae.classical_twin()
    sizes = [sum(p.numel() for p in m.parameters()) for m in (vae, twin)]
    assert abs(sizes[0] - sizes[1]) <= 0.01 * sizes[0]
    assert not any(type(m).__name__ == "QuantumLayer" for m in twin.modules())
    assert sum(isinstance(module, nn.Tanh) for module in twin.modules()) == 3


@pytest.mark.parametrize("size", [1, 4, 8])
def test_without_circuits_it_is_the_plain_autoencoder(size: int) -> None:
    """Nothing in it is narrower than the latent variables, and nothing is bounded."""
    vae = QuantumVAE(64, size, latent="classical")
    plain = [
        nn.Linear(64, 32),
        nn.Linear(32, 2 * size),
        nn.Linear(size, 32),
        nn.Linear(32, 64),
    ]
    shapes = [tuple(w.shape) for layer in plain for w in layer.parameters()]
    assert sorted(tuple(w.shape) for w in vae.parameters()) == sorted(shapes)
    assert not any(isinstance(module, nn.Tanh) for module in vae.modules())


@pytest.mark.parametrize("part", ["decoder", "latent"])
def test_what_is_decoded_rises_with_the_latent_variables(part: str) -> None:
    """A circuit begins so near x + sin(x/2) that the noise of z does not hide z."""
    torch.manual_seed(0)
    chosen: Any = {"latent": "classical"} | {part: "quantum"}
    vae = QuantumVAE(3, 3, likelihood="gaussian", **chosen)
    vae.decoder = nn.Identity()  # type: ignore[assignment]
    z = torch.linspace(-3, 3, 25)[:, None].repeat(1, 3)
    found = vae.decode(z)
    assert found.diff(dim=0).min().item() > 0
    torch.testing.assert_close(found, z + (z / 2).sin(), atol=0.5, rtol=0)


PARTS = [
    pytest.param(
        {"encoder": encoder, "decoder": decoder, "latent": latent},
        id=f"{encoder}-{decoder}-{latent}",
    )
    for encoder in ("classical", "quantum")
    for decoder in ("classical", "quantum")
    for latent in ("classical", "quantum")
]


QUICK = [
    ("quantum-quantum-quantum", False),
    ("quantum-quantum-quantum", True),
]
SHORT = 0.5
"""Nats that a short loop gains at least."""


def digits_in_grey() -> tuple[Tensor, Tensor, Tensor]:
    """Rows to train on, rows to look at, and the labels of the first."""
    parts = split(load("digits"), seed=0)
    train, test = (
        torch.tensor(part.inputs).reshape(-1, 64)
        for part in (parts.train, parts.validation)
    )
    return train, test, torch.tensor(parts.train.labels)


def in_an_ordinary_loop(
    vae: QuantumVAE, images: Tensor, rate: float, steps: int, labels: Tensor | None
) -> None:
    """Adam, and nothing else: no warm-up, no schedule, no clipping."""
    optimizer = torch.optim.Adam(vae.parameters(), lr=rate)
    generator = seeded()
    for _ in range(steps):
        rows = torch.randint(len(images), (64,), generator=generator)
        known = None if labels is None else labels[rows]
        optimizer.zero_grad()
        vae.loss(images[rows], known, generator=generator).backward()
        optimizer.step()


@torch.no_grad()
def bound(vae: QuantumVAE, images: Tensor) -> float:
    """Minus the ELBO, a mean over five samples of the latent variables."""
    error, divergence = vae.terms(images.repeat(5, 1), generator=seeded())
    return float((error + divergence).mean())


def of_the_mean_image(train: Tensor, test: Tensor) -> float:
    mean = train.mean(0).clamp(0.001, 0.999).expand_as(test)
    return float(binary_cross_entropy(mean, test, reduction="none").sum(1).mean())


@pytest.mark.parametrize(
    ("parts", "twin"),
    [
        pytest.param(
            *each.values,
            twin,
            id=f"{each.id}-twin" if twin else each.id,
            marks=[] if (each.id, twin) in QUICK else [pytest.mark.slow],
        )
        for each in PARTS
        for twin in ((False, True) if "quantum" in str(each.id) else (False,))
    ],
)
def test_a_short_loop_leaves_the_mean_image_behind(
    parts: dict[str, Any], twin: bool
) -> None:
    """It collapsed to the mean image, whose bound is 26.97."""
    torch.manual_seed(0)
    vae = QuantumVAE(64, 4, **parts)
    vae = vae.classical_twin() if twin else vae
    train, test, _ = digits_in_grey()
    in_an_ordinary_loop(vae, train, 0.01, 200, None)
    assert all(p.grad is not None for p in vae.parameters())
    assert bound(vae, test) < of_the_mean_image(train, test) - SHORT


def bounds_over_seeds(make: Callable[[], QuantumVAE]) -> list[float]:
    train, test, _ = digits_in_grey()
    bounds = []
    for seed in range(3):
        torch.manual_seed(seed)
        vae = make()
        in_an_ordinary_loop(vae, train, 0.003, 1500, None)
        bounds.append(bound(vae, test))
    return bounds


@pytest.mark.slow
def test_as_good_as_the_plain_autoencoder() -> None:
    """Model and twin, within twice the spread that the plain one has: 24.4 ± 0.06."""

    def mean(quantum: list[str], *, twin: bool = False) -> float:
        chosen: Any = {"latent": "classical"} | dict.fromkeys(quantum, "quantum")

        def make() -> QuantumVAE:
            vae = QuantumVAE(64, 4, **chosen)
            return vae.classical_twin() if twin else vae

        return sum(bounds_over_seeds(make)) / 3

    plain = mean([])
    assert plain < 24.6
    for quantum in (["encoder"], ["decoder"], ["latent"], ["encoder", "decoder"]):
        assert mean(quantum) < plain + 0.12, quantum
        assert mean(quantum, twin=True) < plain + 0.12, quantum


@pytest.mark.parametrize(
    ("likelihood", "size", "dtype"),
    [("bernoulli", 1, torch.float32), ("gaussian", 5, torch.float64)],
)
def test_conditional_models_of_all_sizes_beat_the_mean_of_each_class(
    likelihood: str, size: int, dtype: torch.dtype
) -> None:
    """The label does not have to squeeze through the circuit's wires."""
    torch.manual_seed(0)
    train, _, labels = digits_in_grey()
    train, labels = train[labels < 3].to(dtype), labels[labels < 3]
    quantum: Any = dict.fromkeys(("encoder", "decoder", "latent"), "quantum")
    vae = QuantumVAE(
        64,
        size,
        num_classes=3,
        likelihood=likelihood,  # type: ignore[arg-type]
        **quantum,
    ).to(dtype)
    in_an_ordinary_loop(vae, train, 0.01, 100, labels)
    with torch.no_grad():
        error, divergence = vae.terms(train, labels, generator=seeded())
    assert error.dtype == dtype
    mean = train.mean(0).clamp(0.001, 0.999).expand_as(train)
    if likelihood == "gaussian":
        blind = (mean - train).square().sum(1).mean()
    else:
        blind = binary_cross_entropy(mean, train, reduction="none").sum(1).mean()
    assert float((error + divergence).mean()) < 0.97 * float(blind)


def test_weights_of_earlier_builds_are_refused_with_the_reason() -> None:
    vae = QuantumVAE(6, 2)
    old = vae.state_dict() | {"encoder.4.weight": torch.zeros(4, 2)}
    with pytest.raises(RunError, match=r"of an earlier build.*; train it anew"):
        vae.load_state_dict(old)
    vae.load_state_dict(vae.state_dict())


def test_conditional_model_takes_labels() -> None:
    torch.manual_seed(0)
    vae = QuantumVAE(6, 2, num_classes=3)
    inputs, labels = torch.rand(4, 6), torch.tensor([0, 2, 1, 1])
    assert vae.loss(inputs, labels).isfinite()
    assert vae.sample(2, torch.tensor([0, 1])).shape == (2, 6)
    with pytest.raises(DataError, match="the model has 3 classes, got labels=None"):
        vae.loss(inputs)
    with pytest.raises(DataError, match="labels: expected 0 to 2, got 0 to 3"):
        vae.loss(inputs, torch.tensor([0, 1, 2, 3]))
    with pytest.raises(ShapeError, match=r"labels: expected \(4,\), got \(3,\)"):
        vae.loss(inputs, labels[:3])
    with pytest.raises(DataError, match=r"whole numbers, got torch\.float32; conv"):
        vae.loss(inputs, labels.float())
    with pytest.raises(ArgumentError, match="2 or more classes, or 0 for none, got 1,"):
        QuantumVAE(6, 2, num_classes=1)
    with pytest.raises(DataError, match="the model has no labels"):
        QuantumVAE(6, 2).loss(inputs, labels)


def test_bad_data_are_refused() -> None:
    vae = QuantumVAE(6, 2)
    with pytest.raises(DataError, match="numbers from 0 to 1, got -1 to 1"):
        vae.loss(torch.tensor([[-1.0, 1, 0, 0, 0, 0]]))
    with pytest.raises(DataError, match="inputs: expected at least one row, got none"):
        vae.loss(torch.empty(0, 6))
    with pytest.raises(DataError, match="NaN or infinity in row 0"):
        vae.loss(torch.full((1, 6), math.nan))
    with pytest.raises(ArgumentError, match="beta: expected a number of at least 0"):
        QuantumVAE(6, 2, beta=-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cross_entropy_where_a_sigmoid_is_one(dtype: torch.dtype) -> None:
    """−ln(1 − σ(40)) is 40, and its slope 1."""
    vae = QuantumVAE(1, 1, latent="classical").to(dtype)
    last = vae.decoder[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.fill_(40)
    error, _ = vae.terms(torch.zeros(1, 1, dtype=dtype))
    error.sum().backward()
    assert error.item() == pytest.approx(40)
    assert last.bias.grad is not None
    assert last.bias.grad.item() == pytest.approx(1)


def test_a_twin_has_the_type_of_its_model() -> None:
    vae = QuantumVAE(4, 2, encoder="quantum", decoder="quantum").double()
    kinds = {weight.dtype for weight in vae.classical_twin().parameters()}
    assert kinds == {torch.float64}


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float64])
def test_inputs_may_be_of_any_type(dtype: torch.dtype) -> None:
    vae = QuantumVAE(4, 2)
    inputs = torch.eye(4)
    found = vae.loss(inputs.to(dtype), generator=seeded())
    assert torch.equal(found, vae.loss(inputs, generator=seeded()))


@pytest.mark.parametrize("latent", ["classical", "quantum"])
def test_latent_variables_of_another_number_are_reported(latent: str) -> None:
    vae = QuantumVAE(4, 2, latent=latent)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"latent: .* \(rows, 2\), got \(3, 5\)"):
        vae.decode(torch.zeros(3, 5))
