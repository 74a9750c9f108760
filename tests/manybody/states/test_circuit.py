"""Circuits as states."""

from __future__ import annotations

import pytest
import torch

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import CircuitState
from tests.manybody.tables import all_spins


def test_a_circuit_has_the_amplitudes_of_its_layer() -> None:
    state = CircuitState(StronglyEntangling(3), dtype=torch.float64)
    torch.testing.assert_close(state(all_spins(3)).exp(), state.layer())


def test_bad_input() -> None:
    with pytest.raises(
        ArgumentError, match="circuit: expected one without inputs, got 2"
    ):
        CircuitState(StronglyEntangling(2) @ AngleEncoding(2))
