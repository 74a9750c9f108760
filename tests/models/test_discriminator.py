"""Quantum discriminators, and the distance of two states that they bound."""

from __future__ import annotations

import math

import pytest
import torch

from qml_qdl.circuits import AmplitudeEncoding, AngleEncoding, HardwareEfficient
from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.models import QuantumDiscriminator, fidelity, quantum_wasserstein


def test_discriminator_reads_images() -> None:
    model = QuantumDiscriminator(HardwareEfficient(4) @ AmplitudeEncoding(4))
    images = torch.rand(3, 1, 4, 4, requires_grad=True)
    logits = model(images)
    logits.sum().backward()
    assert logits.shape == (3,)
    assert images.grad is not None
    assert bool(images.grad.abs().sum() > 0)


def test_fidelity_and_quantum_wasserstein() -> None:
    plus = torch.tensor([1.0, 1j]) / math.sqrt(2)
    zero = torch.tensor([1.0, 0])
    assert fidelity(plus, zero).item() == pytest.approx(0.5)
    assert fidelity(plus, plus).item() == pytest.approx(1)
    assert quantum_wasserstein(plus, plus).item() == pytest.approx(0, abs=1e-6)
    with pytest.raises(ShapeError, match="states of one size"):
        fidelity(plus, torch.ones(4))


@pytest.mark.parametrize("shape", [(), (3,)])
def test_samples_without_rows_are_reported(shape: tuple[int, ...]) -> None:
    discriminator = QuantumDiscriminator(HardwareEfficient(1) @ AngleEncoding(1))
    with pytest.raises(ShapeError, match=r"samples: expected the shape \(rows, ...\)"):
        discriminator(torch.zeros(shape))


def test_one_number_is_no_state() -> None:
    with pytest.raises(ShapeError, match=r"first, second: .* got \(\) and \(\)"):
        fidelity(torch.tensor(1.0), torch.tensor(1.0))


def test_a_circuit_without_an_encoding_is_refused() -> None:
    with pytest.raises(ArgumentError, match="put an encoding before it"):
        QuantumDiscriminator(HardwareEfficient(2))
