"""The quantum autoencoder: trash that is freed, and states that come back."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import AmplitudeEncoding, AngleEncoding, StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.models import QuantumAutoencoder


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def compressible() -> Tensor:
    """States of 3 wires whose last wire is always in |0⟩ after a known rotation."""
    states = torch.rand(20, 4, generator=seeded())
    turn = torch.tensor([0.6, 0.8])
    return (states[:, :, None] * turn).reshape(20, 8)


def trained_autoencoder() -> QuantumAutoencoder:
    model = QuantumAutoencoder(
        AmplitudeEncoding(3),
        StronglyEntangling(3, layers=3),
        num_trash=1,
        generator=seeded(),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(80):
        optimizer.zero_grad()
        model.loss(compressible()).backward()
        optimizer.step()
    return model


def test_autoencoder_frees_the_trash_and_brings_states_back() -> None:
    model = trained_autoencoder()
    inputs = compressible()
    trash = model(inputs).detach()
    assert trash.min().item() > 0.99
    # Resetting trash that is in |0⟩ with probability p costs at most 2 (1 − p).
    assert bool((model.fidelity(inputs) >= 2 * trash - 1 - 1e-5).all())
    noise = torch.rand(50, 8, generator=seeded(1)) - 0.5
    assert model.fidelity(noise).mean().item() < 0.9


def test_fidelity_is_that_of_density_matrices() -> None:
    import pennylane as qml

    processing = StronglyEntangling(2)
    model = QuantumAutoencoder(
        AngleEncoding(2), processing, num_trash=1, generator=seeded()
    )
    inputs = torch.tensor([[0.4, 1.1]])
    weights = model.layer.get_parameter("W").detach()

    @qml.qnode(qml.device("default.mixed", wires=3))
    def there_and_back() -> object:
        AngleEncoding(2).encode(inputs[0])
        processing.process(weights)
        qml.SWAP([1, 2])
        qml.adjoint(processing.process)(weights)
        return qml.density_matrix([0, 1])

    state = torch.tensor(
        [
            math.cos(a) * math.cos(b)
            for a in (0.2, 0.2 - math.pi / 2)
            for b in (0.55, 0.55 - math.pi / 2)
        ],
        dtype=torch.complex128,
    )
    density = torch.as_tensor(there_and_back(), dtype=torch.complex128)
    expected = (state.conj() @ density @ state).real.item()
    assert model.fidelity(inputs).item() == pytest.approx(expected, abs=1e-6)


def test_autoencoder_refuses_bad_wires() -> None:
    with pytest.raises(ArgumentError, match="a latent wire must be left"):
        QuantumAutoencoder(AngleEncoding(2), StronglyEntangling(2), 2)
    with pytest.raises(ArgumentError, match=r"the encoding's wires \[0, 1\], got"):
        QuantumAutoencoder(AngleEncoding(2), StronglyEntangling(3), 1)


def test_autoencoder_refuses_bad_data() -> None:
    model = QuantumAutoencoder(AngleEncoding(2), StronglyEntangling(2), 1)
    with pytest.raises(DataError, match="inputs: expected at least one row, got none"):
        model.loss(torch.empty(0, 2))
    with pytest.raises(DataError, match="NaN or infinity in row 1; remove or repair"):
        model.loss(torch.tensor([[0.0, 1.0], [math.nan, 0.0]]))
    with pytest.raises(ShapeError, match=r"expected the shape \(rows, 2\), got \(1, 3"):
        model.loss(torch.ones(1, 3))
