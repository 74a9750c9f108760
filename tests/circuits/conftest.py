"""What the tests of circuits need to run one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from qml_qdl.testing import running


@pytest.fixture(scope="session")
def unitary() -> Callable[..., NDArray[np.complex128]]:
    """The matrix of a circuit on its own wires or on those given."""
    return running.unitary


@pytest.fixture(scope="session")
def execute() -> Callable[..., torch.Tensor]:
    """Runs a circuit, by default on default.qubit, and stacks what it returns."""
    return running.execute


@pytest.fixture(scope="session")
def rebuild() -> Callable[[object], Any]:
    """Evaluates the repr of a value where the public names are known."""
    return running.rebuild
