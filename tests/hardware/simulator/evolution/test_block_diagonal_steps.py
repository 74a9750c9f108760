"""Diagonals and controlled matrices on some of many wires, in any order."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.hardware.simulator.evolution.block_diagonal_steps import (
    ControlledStep,
    Cut,
    EntriesStep,
)
from qml_qdl.hardware.simulator.evolution.local_steps import MatrixStep
from tests.hardware.simulator.evolution.step_contract import (
    COMPLEX,
    FLOAT,
    check_step,
    sampled,
    unitary,
)
from tests.hardware.simulator.evolution.test_local_steps import CASES, layout


def alone(gate: qml.operation.Operator) -> torch.Tensor:
    return torch.as_tensor(gate.matrix(wire_order=range(4)))


@CASES
@pytest.mark.parametrize("wires", [(2, 0), (1,), (3, 1, 2), (0, 1, 2, 3)], ids=str)
def test_entries_on_any_wires(wires: tuple[int, ...], name: str) -> None:
    few, batched, expands, rows, (length, last) = layout(name)
    cut = Cut.at(wires, 4)
    step = EntriesStep(
        parameter=1,
        batched=batched,
        expands=expands,
        few_rows=few,
        shape=cut.shape,
        order=cut.order,
    )
    angles = sampled(*((rows,) if batched else ()), 2 ** len(wires), dtype=FLOAT)
    entries = torch.polar(
        1.5 + angles.sin(), angles
    )  # not unitary: undone all the same
    whole = [
        alone(qml.QubitUnitary(np.diag(one), wires, unitary_check=False))
        for one in entries.reshape(-1, 2 ** len(wires))
    ]
    parameters = [sampled(1, 1, dtype=FLOAT), entries]
    check_step(step, torch.stack(whole), parameters, sampled(length, 16, last))


@CASES
@pytest.mark.parametrize(
    ("controls", "values", "wires"),
    [
        ((1,), (1,), (0,)),
        ((0, 3), (0, 1), (2, 1)),
        ((0, 1, 3), (1, 0, 0), (2,)),
    ],
    ids=str,
)
def test_a_matrix_under_controls(
    controls: tuple[int, ...],
    values: tuple[int, ...],
    wires: tuple[int, ...],
    name: str,
) -> None:
    few, batched, expands, rows, (length, last) = layout(name)
    left = [wire for wire in range(4) if wire not in controls]
    places = tuple(left.index(wire) for wire in wires)
    inner = MatrixStep(1, places, len(left), batched, False, few)
    shape: list[int] = []
    for before, control in zip((-1, *controls), controls, strict=False):
        shape += [2 ** (control - before - 1), 2]
    step = ControlledStep(inner, (*shape, 2 ** (3 - controls[-1])), values, expands)
    assert step.batched == batched
    matrix = unitary(2 ** len(wires), *((rows,) if batched else ()))
    whole = [
        alone(qml.ctrl(qml.QubitUnitary(np.asarray(one), wires), controls, values))
        for one in matrix.reshape(-1, *matrix.shape[-2:])
    ]
    parameters = [sampled(1, 1, dtype=FLOAT), matrix]
    check_step(step, torch.stack(whole), parameters, sampled(length, 16, last))


@pytest.mark.parametrize("wires", [(0,), (3,), (0, 1), (2, 0), (3, 0, 2, 1)], ids=str)
def test_a_cut_spreads_and_gathers(wires: tuple[int, ...]) -> None:
    cut = Cut.at(wires, 4)
    assert torch.Size(cut.shape).numel() == 16
    states = torch.arange(16)
    local = torch.zeros(16, dtype=torch.long)
    for wire in wires:
        local = 2 * local + (states >> (3 - wire) & 1)
    values = sampled(2, 2 ** len(wires), dtype=COMPLEX)
    spread = cut.spread(values).expand(2, *cut.shape).reshape(2, 16)
    torch.testing.assert_close(spread, values[:, local])
    amplitudes = sampled(2, 16, dtype=COMPLEX)
    gathered = cut.gathered(amplitudes.reshape(2, *cut.shape))
    expected = torch.zeros_like(gathered).index_add(1, local, amplitudes)
    torch.testing.assert_close(gathered, expected)


def test_neighbours_are_cut_at_once() -> None:
    assert Cut.at((4, 1, 2, 3), 6).shape == (2, 16, 2)
    assert Cut.at((0, 2), 3).shape == (1, 2, 2, 2, 1)
