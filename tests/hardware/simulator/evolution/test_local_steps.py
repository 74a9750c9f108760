"""Phases and matrices on some of many wires, in any order."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.hardware.simulator.evolution.local_steps import LocalPhaseStep, MatrixStep
from tests.hardware.simulator.evolution.step_contract import (
    FLOAT,
    check_step,
    sampled,
    unitary,
)

CASES = pytest.mark.parametrize(
    "name",
    [
        "common one",
        "common few",
        "common many",
        "few",
        "many",
        "few expand",
        "many expand",
    ],
)


def layout(name: str) -> tuple[bool, bool, bool, int, tuple[int, int]]:
    """Whether few rows, batched and expanding; rows; L and T before the step."""
    few, batched = "many" not in name, "common" not in name
    rows = 1 if "one" in name else 3 if few else 5
    shape = (rows, 1) if few else (1, rows)
    expands = "expand" in name
    return few, batched, expands, rows, (1, 1) if expands else shape


@CASES
def test_a_phase_on_two_of_four_wires(name: str) -> None:
    """A controlled RZ from wire 1 to wire 3."""
    few, batched, expands, rows, (length, last) = layout(name)
    phases = torch.tensor([0.0, 0, -0.5, 0.5], dtype=FLOAT)
    step = LocalPhaseStep(
        parameter=0,
        batched=batched,
        expands=expands,
        few_rows=few,
        shape=(2, 2, 2, 2, 1),
        phases=phases.reshape(1, 2, 1, 2, 1),
    )
    angles = sampled(1, rows if batched else 1, dtype=FLOAT)
    matrices = [
        torch.as_tensor(qml.CRZ(float(x), wires=[1, 3]).matrix(wire_order=range(4)))
        for x in angles[0]
    ]
    check_step(step, torch.stack(matrices), [angles], sampled(length, 16, last))


@CASES
@pytest.mark.parametrize("wires", [(2, 0), (1,), (3, 1, 2)], ids=str)
def test_a_matrix_on_any_wires(wires: tuple[int, ...], name: str) -> None:
    few, batched, expands, rows, (length, last) = layout(name)
    step = MatrixStep(
        parameter=1,
        wires=wires,
        num_wires=4,
        batched=batched,
        expands=expands,
        few_rows=few,
    )
    matrix = unitary(2 ** len(wires), *((rows,) if batched else ()))
    whole = [
        torch.as_tensor(
            qml.QubitUnitary(np.asarray(m), wires).matrix(wire_order=range(4))
        )
        for m in matrix.reshape(-1, *matrix.shape[-2:])
    ]
    parameters = [sampled(1, 1, dtype=FLOAT), matrix]
    check_step(step, torch.stack(whole), parameters, sampled(length, 16, last))
