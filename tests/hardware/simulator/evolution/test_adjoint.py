"""The adjoint method gives the gradients of plain autograd, in memory of one state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import DoubleBackwardError
from qml_qdl.hardware.simulator.compiler import compile_structure
from qml_qdl.hardware.simulator.evolution.adjoint import MOST_CHECKPOINTS, Checkpointing
from qml_qdl.hardware.simulator.evolution.pool import Pool
from qml_qdl.hardware.simulator.evolution.steps import PermutationStep, PhaseStep, Step
from qml_qdl.hardware.simulator.tensor_options import TensorOptions
from qml_qdl.hardware.structure import make_plan
from tests.hardware.simulator.programs import SETTINGS, compiled, gates


@pytest.mark.parametrize("wires", [2, 3, 5, 13])
@pytest.mark.parametrize("name", SETTINGS)
def test_gradients_are_those_of_autograd(name: str, wires: int) -> None:
    rows, options = SETTINGS[name]
    if wires > 7 and options.whole:
        return  # whole runs are for few wires
    operations = gates(rows, wires, 1 if wires > 7 else 2)
    run, leaves = compiled(operations, wires, rows, options)
    found = []
    for unitary in (True, False):
        own = [leaf.clone().requires_grad_() for leaf in leaves]
        state = run(unitary, *own)
        weights = torch.randn(
            state.shape,
            dtype=state.dtype,
            generator=torch.Generator().manual_seed(0),
        )
        own = [leaf for leaf in own if leaf.numel()]
        found.append([state, *torch.autograd.grad((weights * state).real.sum(), own)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-11, rtol=1e-11)


def kept(operations: list[Any], wires: int, rows: int, options: TensorOptions) -> int:
    """States that backward will find."""
    run, leaves = compiled(operations, wires, rows, options)
    count = 0

    def note(tensor: Tensor) -> Tensor:
        nonlocal count
        count += tensor.numel() >= rows * 2**wires
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        run(True, *(leaf.requires_grad_() for leaf in leaves))
    return count


@pytest.mark.parametrize("name", ["few rows", "many rows"])
def test_memory_does_not_grow_with_depth(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, options = SETTINGS[name]
    wires, rows = 9, 65
    # Not all are kept because they are small.
    most = 2**wires * (rows - 1)
    monkeypatch.setattr("qml_qdl.hardware.simulator.program.MOST_NUMBERS", most)
    shallow, deep = (kept(gates(rows, wires, n), wires, rows, options) for n in (2, 8))
    assert shallow == deep
    assert deep == MOST_CHECKPOINTS + 1  # and the last


@pytest.mark.parametrize("wires", [8, 9])
def test_gradient_of_a_gradient(wires: int) -> None:
    rows, options = SETTINGS["few rows"]
    operations = [qml.RX(0.3, w) for w in range(wires)]
    operations += [qml.CNOT([w, w + 1]) for w in range(wires - 1)]
    operations += [qml.RY(0.2, w) for w in range(wires)]
    run, leaves = compiled(operations, wires, rows, options)
    angles = leaves[0].requires_grad_()
    state = run(True, angles, *leaves[1:])
    value = state[:, 0].abs().square().sum()
    if wires > 8:
        with pytest.raises(DoubleBackwardError, match=r"up to 8 wires, got 9; use"):
            torch.autograd.grad(value, angles, create_graph=True)
        return
    (first,) = torch.autograd.grad(value, angles, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), angles)
    assert second.isfinite().all()
    assert second.abs().max() > 1e-6


def test_only_what_is_wanted_gets_a_gradient() -> None:
    rows, options = SETTINGS["few rows"]
    run, leaves = compiled(gates(rows, 3), 3, rows, options)
    state = run(True, leaves[0].requires_grad_(), *leaves[1:])
    state.abs().square()[:, 0].sum().backward()
    assert leaves[0].grad is not None
    assert all(leaf.grad is None for leaf in leaves[1:])


def test_memory_kept_between_runs_is_nobody_elses() -> None:
    _, options = SETTINGS["many rows"]
    rows = Pool.LEAST // 2**5
    operations: list[Any] = [qml.RY(np.linspace(0, 3, rows), w) for w in range(5)]
    operations += [qml.RX(0.3 + w, w) for w in range(5)]
    operations += [qml.CNOT([w, w + 1]) for w in range(4)]
    run, leaves = compiled(operations, 5, rows, options)
    own = [leaf.requires_grad_() for leaf in leaves]
    others = [(2 * leaf.detach()).requires_grad_() for leaf in leaves]
    with torch.inference_mode():
        run(True, *leaves)
    state = run(True, *own)
    loss = state.real[:, ::2].sum()
    found = []
    for _ in range(3):
        gradients = torch.autograd.grad(loss, own, retain_graph=True)
        found.append((state.detach().clone(), *gradients))
        run(True, *others).real[:, ::2].sum().backward()
    for later in found[1:]:
        for one, other in zip(found[0], later, strict=True):
            assert torch.equal(one, other)
    assert 0 < sum(piece.nbytes for piece in Pool._kept) <= Pool.MOST_CHECKPOINTS


SETTING = TensorOptions(
    torch.complex128, torch.device("cpu"), few_rows=True, whole=False
)


def steps(layers: int) -> Sequence[Step]:
    """An encoding, turns and a chain of CNOTs, some times."""
    operations: list[qml.operation.Operator] = []
    for _ in range(layers):
        operations += [qml.RZ(np.array([0.1, 0.2]), wire) for wire in range(8)]
        operations += [qml.RY(0.3, wire) for wire in range(8)]
        operations += [qml.CNOT([wire, wire + 1]) for wire in range(7)]
    plan = make_plan(qml.tape.QuantumScript(operations), range(8))
    program = compile_structure(plan.structure, plan.batched, SETTING)
    return program.evolution.steps


def test_nothing_is_kept_where_nothing_is_wanted() -> None:
    wanted = [False] * 4
    assert Checkpointing.of(steps(3), wanted) == Checkpointing(
        frozenset(), (), frozenset()
    )


def test_states_of_all_that_ask_spare_all_undoing() -> None:
    checkpointing = Checkpointing.of(steps(2), [True, False, False])  # of the matrices
    assert checkpointing == Checkpointing(frozenset({1, 4}), (1, 4), frozenset())
    assert checkpointing.first == 1


@pytest.mark.parametrize("layers", [1, 3, 30])
def test_a_constant_number_is_kept(layers: int) -> None:
    run = steps(layers)
    checkpointing = Checkpointing.of(run, [True] * (layers + 1))
    assert len(checkpointing.kept) == min(2 * layers, MOST_CHECKPOINTS + 1)
    # All others are found by undoing what comes after them.
    found = set(checkpointing.kept)
    for index in sorted(checkpointing.undone, reverse=True):
        assert index in found
        found.add(index - 1)
    assert checkpointing.asking <= found


def test_the_dearest_are_spared() -> None:
    """Undoing a product costs most: what is kept is the state before it."""
    run = steps(10)
    checkpointing = Checkpointing.of(run, [True] * 11, most=3)
    *kept, last = checkpointing.kept
    assert last == len(run) - 1
    assert all(isinstance(run[index], PhaseStep) for index in kept)
    assert not checkpointing.undone & {index + 1 for index in kept}
    assert isinstance(run[-1], PermutationStep)
