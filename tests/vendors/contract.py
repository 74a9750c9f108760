"""What a vendor's machine must give: run by `python -m tests.vendors`, never by itself.

The environment variable `QDL_VENDOR` names a line of `VENDORS`.
"""

from __future__ import annotations

import os
from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.errors import QdlError
from qml_qdl.nn import QuantumLayer, set_target
from tests.vendors.vendors import VENDORS

# What a vendor's package warns of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

VENDOR = VENDORS[os.environ["QDL_VENDOR"]]
WIRES, SHOTS = ("b", "c", "a"), 2000
ROWS = torch.tensor([[0.3, 1.1, -0.4], [0.9, 0.2, 2.0]], dtype=torch.float64)
CLOSE = 5 / SHOTS**0.5 + VENDOR.noise
"""Five standard errors of a mean of ±1, and what noise may do."""

runs_here = pytest.mark.skipif(
    VENDOR.fails is not None, reason="fails, as the table says"
)


@pytest.fixture(scope="module")
def machine() -> Any:
    return VENDOR.make()


def device(machine: Any) -> Any:
    """The PennyLane device of a machine, for QNodes."""
    if isinstance(machine, str):
        return qml.device(machine, wires=WIRES)
    return qml.device("qdl.qiskit", wires=WIRES, backend=machine)


def layer(machine: Any = None) -> Any:
    """The layer on default.qubit, or on the machine."""
    made: Any = QuantumLayer(
        StronglyEntangling(WIRES, layers=1) @ AngleEncoding(WIRES),
        generator=torch.Generator().manual_seed(3),
        dtype=torch.float64,
    )
    if machine is not None:
        set_target(made, machine, shots=SHOTS)
    return made


def gradient(on: Any) -> Tensor:
    """By the weights, of the sum of all means of the first row."""
    on(ROWS[:1]).sum().backward()
    found: Tensor = next(on.parameters()).grad
    return found


@pytest.mark.skipif(VENDOR.fails is None, reason="it runs")
def test_what_fails_says_why(machine: Any) -> None:
    with pytest.raises(QdlError, match=VENDOR.fails):
        layer(machine)(ROWS)


@runs_here
def test_means(machine: Any) -> None:
    found, exact = layer(machine)(ROWS), layer()(ROWS)
    torch.testing.assert_close(found, exact, atol=CLOSE, rtol=0)


@runs_here
def test_gradient(machine: Any) -> None:
    found, exact = gradient(layer(machine)), gradient(layer())
    # Half a difference of two sums of three means.
    bound = CLOSE * 3
    assert exact.abs().max() > bound
    torch.testing.assert_close(found, exact, atol=bound, rtol=0)


@runs_here
@pytest.mark.parametrize("one", WIRES)
def test_wires_are_in_order(machine: Any, one: str) -> None:
    @qml.set_shots(SHOTS)
    @qml.qnode(device(machine))
    def circuit() -> Any:
        qml.X(one)
        return qml.probs(wires=WIRES)

    expected = [wire == one for wire in WIRES]
    outcome = int(torch.tensor(circuit()).argmax())
    assert [bool(outcome >> place & 1) for place in (2, 1, 0)] == expected


@runs_here
def test_each_way_is_one_submission(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(machine, str):
        pytest.skip("PennyLane's device submits by itself")
    sent = []
    run = machine.run

    def counted(*args: Any, **options: Any) -> Any:
        sent.append(args)
        return run(*args, **options)

    monkeypatch.setattr(machine, "run", counted)
    made = layer(machine)
    made(ROWS)
    assert len(sent) == 1
    made(ROWS).square().sum().backward()
    assert len(sent) <= 3
