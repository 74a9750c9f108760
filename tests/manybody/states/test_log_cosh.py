"""log cosh, small, large and complex."""

from __future__ import annotations

import math

import torch

from qml_qdl.manybody.states.log_cosh import log_cosh


def test_log_cosh() -> None:
    x = torch.tensor([0.0, 1e-9, -3.0, 800.0], dtype=torch.float64)
    expected = torch.tensor([0.0, 5e-19, 2.309328504577785, 800 - math.log(2)]).double()
    torch.testing.assert_close(log_cosh(x), expected, rtol=1e-7, atol=1e-16)
    z = torch.tensor([0.3 + 2j, -4 + 1j, -0.2 - 3j], dtype=torch.complex128)
    torch.testing.assert_close(log_cosh(z).exp(), torch.cosh(z))
