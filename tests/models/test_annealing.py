"""Annealed importance sampling against the partition function itself."""

from __future__ import annotations

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.models import RBM, annealed_log_partition

DOUBLE = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_rbm(visible: int = 4, hidden: int = 3, units: str = "binary") -> RBM:
    rbm = RBM(visible, hidden, visible=units, dtype=DOUBLE)  # type: ignore[arg-type]
    generator = seeded()
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.normal_(generator=generator)
    return rbm


def test_annealing_estimates_the_partition_function() -> None:
    rbm = random_rbm(8, 6)
    estimate, error = annealed_log_partition(rbm, generator=seeded())
    assert 0 < error < 0.1
    assert abs(estimate - rbm.log_partition().item()) < 5 * error


def test_annealing_refuses_gaussian_units() -> None:
    with pytest.raises(ArgumentError, match="expected binary visible units, got 'gau"):
        annealed_log_partition(RBM(2, 2, visible="gaussian"))
