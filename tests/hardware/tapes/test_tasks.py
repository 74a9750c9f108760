"""Tapes split into what is sent and what carries gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.tapes.tasks import TapeTask, make_task


def task(
    operations: list[Any], *measured: Any, shots: Any = None, **options: Any
) -> TapeTask:
    tape = qml.tape.QuantumScript(
        operations, measured or [qml.expval(qml.Z("a"))], shots
    )
    return make_task(tape, ["a", "b"], **{"estimator": False, **options})


def test_common_angles_are_repeated_for_all_rows() -> None:
    rows = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    made = task([qml.RX(rows, "a"), qml.RY(0.5, "b"), qml.RZ(torch.tensor(0.7), "a")])
    np.testing.assert_allclose(
        made.angles, [[0.1, 0.5, 0.7], [0.2, 0.5, 0.7], [0.3, 0.5, 0.7]]
    )
    assert made.batched
    assert made.structure.measurements == ()
    assert (made.slots, made.tensors, made.bins) == ((), None, None)


def test_one_row_without_the_dimension() -> None:
    made = task([qml.RX(0.1, "a")])
    assert made.angles.shape == (1, 1)
    assert not made.batched


def test_angles_with_gradients_keep_them() -> None:
    rows = torch.tensor([0.1, 0.2], requires_grad=True)
    weight = torch.tensor(0.5, requires_grad=True)
    gates = [qml.RX(rows, "a"), qml.RY(0.3, "b"), qml.RY(weight, "b")]
    made = task(gates)
    assert made.slots == (0, 2)
    assert made.tensors is not None
    assert made.tensors.dtype == torch.float64
    assert made.tells_gradients
    made.tensors.sum().backward()
    assert rows.grad is not None
    assert rows.grad.tolist() == [1, 1]
    assert weight.grad == 2  # once for each row
    with torch.no_grad():
        assert task(gates).slots == ()


def test_what_has_no_columns_has_no_gradients() -> None:
    weight = torch.tensor(0.5, requires_grad=True)
    assert not task(
        [qml.RX(weight, "a")], qml.sample(wires="a"), shots=5
    ).tells_gradients


def test_partitioned_shots_are_bins() -> None:
    made = task([qml.RX(0.1, "a")], shots=(5, 7, 7))
    assert made.bins == ((0, 5), (5, 12), (12, 19))
    with pytest.raises(
        TargetError, match=r"'estimator' takes one number of shots, got"
    ):
        task([qml.RX(0.1, "a")], shots=(5, 7), estimator=True)
