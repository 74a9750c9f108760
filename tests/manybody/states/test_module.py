"""Modules as states."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.manybody import ModuleState
from tests.manybody.tables import all_spins, table_state


def test_a_table_is_a_state() -> None:
    values = torch.randn(8, 2, dtype=torch.float64)
    state = table_state(values.clone())
    expected = torch.complex(values[:, 0], values[:, 1])
    torch.testing.assert_close(state(all_spins(3)), expected)


def test_bad_input() -> None:
    state = ModuleState(nn.Linear(4, 3), 4)
    with pytest.raises(ShapeError, match=r"module: expected log ψ as \(2,\)"):
        state(torch.ones(2, 4))
