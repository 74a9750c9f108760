"""Programs: states of the circuit, angles cut and turned into phases at once."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.hardware.simulator.program import (
    MOST_NUMBERS,
    Angles,
    RowGroups,
    SharedPhases,
)
from tests.hardware.simulator.programs import SETTINGS, compiled, driven, gates


@pytest.mark.parametrize("wires", [2, 5])
@pytest.mark.parametrize("name", ["many rows", "whole runs"])
def test_phases_made_at_once_are_those_of_each_step(
    name: str, wires: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And kept states are those that undoing finds."""
    rows, options = SETTINGS[name]
    found = []
    for most in (MOST_NUMBERS, 0):
        monkeypatch.setattr("qml_qdl.hardware.simulator.program.MOST_NUMBERS", most)
        run, leaves = compiled(driven(wires), wires, rows, options)
        own = [leaf.requires_grad_() for leaf in leaves if leaf.numel()]
        state = run(True, *leaves)
        made = [state, *torch.autograd.grad(state[:, 1:].real.square().sum(), own)]
        found.append([tensor.detach() for tensor in made])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", ["many rows", "whole runs"])
def test_turns_by_data_are_the_circuits(name: str) -> None:
    rows, options = SETTINGS[name]
    run, leaves = compiled(driven(4), 4, rows, options)
    tape = qml.tape.QuantumScript(driven(4), [qml.state()])
    expected = np.asarray(qml.device("default.qubit", wires=4).execute(tape))
    np.testing.assert_allclose(run(True, *leaves)[0].T, expected, atol=1e-12)


@pytest.mark.parametrize("name", SETTINGS)
def test_states_are_the_circuits(name: str) -> None:
    rows, options = SETTINGS[name]
    operations = gates(rows, 3)
    run, leaves = compiled(operations, 3, rows, options)
    state = run(True, *leaves)
    flat = state[0].T if state.shape[0] == 1 else state[:, :, 0]
    tape = qml.tape.QuantumScript(operations, [qml.state()])
    expected = np.asarray(qml.device("default.qubit", wires=3).execute(tape))
    np.testing.assert_allclose(flat, expected.reshape(-1, 8), atol=1e-12)


def test_a_part_of_the_angles_has_its_rows() -> None:
    angles = Angles(
        torch.ones(2),
        torch.arange(10.0).reshape(2, 5),
        {0: torch.ones(4), 1: torch.arange(5.0)},
        5,
        frozenset({1}),
    )
    part = angles.part(1, 3)
    assert part.num_rows == 2
    assert part.rows.tolist() == [[1, 2], [6, 7]]
    assert part.arrays[1].tolist() == [1, 2]
    assert torch.equal(part.arrays[0], angles.arrays[0])
    assert torch.equal(part.common, angles.common)


def test_angles_are_cut_in_the_order_of_the_steps() -> None:
    rows = torch.arange(6.0).reshape(3, 2)
    first, second = RowGroups(torch.tensor([2, 0, 2]), (1, 2))(rows)
    assert first.tolist() == [[4, 5]]
    assert second.tolist() == [[0, 1], [4, 5]]
    (everything,) = RowGroups(None, (3,))(rows)
    assert torch.equal(everything, rows)
    assert RowGroups(None, ())(rows) == ()


def test_shared_phases_are_those_of_the_wires(monkeypatch: pytest.MonkeyPatch) -> None:
    singles = torch.rand(2, 3, 4, dtype=torch.float64)
    rows = torch.rand(4, 5, dtype=torch.float64)
    found = SharedPhases(singles)(rows)
    signs = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    for step in range(2):
        turns = singles[step] @ rows  # (wires, rows)
        a, b, c = (turn[None] * signs[:, None] for turn in turns)
        total = a[:, None, None] + b[None, :, None] + c[None, None]
        torch.testing.assert_close(found[step, 0], torch.exp(1j * total.flatten(0, 2)))
    monkeypatch.setattr("qml_qdl.hardware.simulator.program.MOST_NUMBERS", 2**3 * 2 * 4)
    assert SharedPhases(singles)(rows).numel() == 0
