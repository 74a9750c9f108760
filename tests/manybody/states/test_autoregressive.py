"""States that sample themselves."""

from __future__ import annotations

import torch
from torch import nn

from qml_qdl.manybody import AutoregressiveState
from qml_qdl.models import AutoregressiveNetwork
from tests.manybody.tables import all_spins


def test_its_norm_is_one_with_any_phase() -> None:
    network = AutoregressiveNetwork(5, num_ones=2, dtype=torch.float64)
    state = AutoregressiveState(network, nn.Linear(5, 1).double())
    amplitudes = state(all_spins(5)).exp()
    assert amplitudes.imag.abs().max() > 0
    norm = amplitudes.abs().square().sum()
    torch.testing.assert_close(norm, torch.ones_like(norm))
