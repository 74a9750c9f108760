"""The adjoint method gives the gradients of plain autograd, in memory of one state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import evolve as changed
from torch import Tensor

from qml_qdl.circuits.errors import DoubleBackwardError
from qml_qdl.hardware.plan import make_plan
from qml_qdl.hardware.simulator.compiler import compile_structure
from qml_qdl.hardware.simulator.evolution import MOST_KEPT, Keeping
from qml_qdl.hardware.simulator.pool import Pool
from qml_qdl.hardware.simulator.program import MOST_NUMBERS, Angles
from qml_qdl.hardware.simulator.setting import Setting
from qml_qdl.hardware.simulator.steps import PermutationStep, PhaseStep, Step

CPU = torch.device("cpu")


def gates(rows: int | None, wires: int, layers: int = 2) -> list[Any]:
    """Every kind of stage, with common and with batched numbers."""
    rng = np.random.default_rng(0)
    made: list[Any] = []

    def batch(*shape: int) -> Any:
        return rng.normal(size=(*(() if rows is None else (rows,)), *shape))

    for _ in range(layers):
        for wire in range(wires):
            made += [qml.RY(batch(), wire), qml.RX(float(rng.normal()), wire)]
        made += [qml.CNOT([w, w + 1]) for w in range(wires - 1)]
        made += [qml.ISWAP([wires - 1, 0]), qml.IsingZZ(0.3, [0, wires - 1])]
        made += [qml.IsingXX(batch(), [1, 0]), qml.CRY(0.4, [0, 1])]
        made += [qml.QubitUnitary(np.linalg.qr(rng.normal(size=(4, 4)))[0], [1, 0])]
        made += [qml.QubitUnitary(np.linalg.qr(batch(2, 2))[0], [wires - 1])]
        made += [qml.PSWAP(0.2, [0, 1]), qml.CH([0, 1])]
    return made


def compiled(
    operations: list[Any], wires: int, rows: int | None, setting: Setting
) -> tuple[Callable[..., Tensor], list[Tensor]]:
    """What runs a program, undoing its steps or not, and its numbers."""
    plan = make_plan(qml.tape.QuantumScript(operations), range(wires))
    program = compile_structure(plan.structure, plan.batched, setting)
    arrays = [
        slot
        for slot in range(plan.structure.num_slots)
        if slot not in {*program.common_slots, *program.row_slots}
    ]
    groups = [program.common_slots, program.row_slots]
    leaves = [
        torch.as_tensor(np.array([plan.angles[slot] for slot in slots]))
        for slots in groups
    ]
    leaves += [
        torch.as_tensor(np.asarray(plan.angles[slot], dtype=complex)) for slot in arrays
    ]

    def run(unitary: bool, *numbers: Tensor) -> Tensor:
        angles = Angles(
            numbers[0], numbers[1], dict(zip(arrays, numbers[2:], strict=True)), rows
        )
        return changed(program, unitary=unitary)(angles)

    return run, leaves


SETTINGS = {
    "one row": (None, Setting(torch.complex128, CPU, few_rows=True, whole=False)),
    "few rows": (3, Setting(torch.complex128, CPU, few_rows=True, whole=False)),
    "many rows": (5, Setting(torch.complex128, CPU, few_rows=False, whole=False)),
    "whole runs": (5, Setting(torch.complex128, CPU, few_rows=False, whole=True)),
}


@pytest.mark.parametrize("wires", [2, 3, 5, 13])
@pytest.mark.parametrize("name", SETTINGS)
def test_gradients_are_those_of_autograd(name: str, wires: int) -> None:
    rows, setting = SETTINGS[name]
    if wires > 7 and setting.whole:
        return  # whole runs are for few wires
    operations = gates(rows, wires, 1 if wires > 7 else 2)
    run, leaves = compiled(operations, wires, rows, setting)
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


def driven(wires: int) -> list[Any]:
    """Turns by data between fixed gates, the last angles in another order."""
    rng = np.random.default_rng(wires)
    made: list[Any] = []
    for gate in (qml.RY, qml.RX, qml.RY):
        made += [gate(rng.normal(size=5), wire) for wire in range(wires)]
        made += [qml.CZ([w, w + 1]) for w in range(wires - 1)]
    made += [qml.RZ(rng.normal(size=5), wires - 1), qml.Hadamard(0)]
    return [*made, qml.RX(rng.normal(size=5), 0), qml.RZ(rng.normal(size=5), 1)]


@pytest.mark.parametrize("wires", [2, 5])
@pytest.mark.parametrize("name", ["many rows", "whole runs"])
def test_phases_made_at_once_are_those_of_each_step(
    name: str, wires: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And kept states are those that undoing finds."""
    rows, setting = SETTINGS[name]
    found = []
    for most in (MOST_NUMBERS, 0):
        monkeypatch.setattr("qml_qdl.hardware.simulator.program.MOST_NUMBERS", most)
        run, leaves = compiled(driven(wires), wires, rows, setting)
        own = [leaf.requires_grad_() for leaf in leaves if leaf.numel()]
        state = run(True, *leaves)
        made = [state, *torch.autograd.grad(state[:, 1:].real.square().sum(), own)]
        found.append([tensor.detach() for tensor in made])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", ["many rows", "whole runs"])
def test_turns_by_data_are_the_circuits(name: str) -> None:
    rows, setting = SETTINGS[name]
    run, leaves = compiled(driven(4), 4, rows, setting)
    tape = qml.tape.QuantumScript(driven(4), [qml.state()])
    expected = np.asarray(qml.device("default.qubit", wires=4).execute(tape))
    np.testing.assert_allclose(run(True, *leaves)[0].T, expected, atol=1e-12)


@pytest.mark.parametrize("name", SETTINGS)
def test_states_are_the_circuits(name: str) -> None:
    rows, setting = SETTINGS[name]
    operations = gates(rows, 3)
    run, leaves = compiled(operations, 3, rows, setting)
    state = run(True, *leaves)
    flat = state[0].T if state.shape[0] == 1 else state[:, :, 0]
    tape = qml.tape.QuantumScript(operations, [qml.state()])
    expected = np.asarray(qml.device("default.qubit", wires=3).execute(tape))
    np.testing.assert_allclose(flat, expected.reshape(-1, 8), atol=1e-12)


def kept(operations: list[Any], wires: int, rows: int, setting: Setting) -> int:
    """States that backward will find."""
    run, leaves = compiled(operations, wires, rows, setting)
    count = 0

    def note(tensor: Tensor) -> Tensor:
        nonlocal count
        count += tensor.numel() >= rows * 2**wires
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        run(True, *(leaf.requires_grad_() for leaf in leaves))
    return count


@pytest.mark.parametrize("name", ["few rows", "many rows"])
def test_memory_does_not_grow_with_depth(name: str) -> None:
    _, setting = SETTINGS[name]
    rows = MOST_NUMBERS // 2**9 + 1  # where not all are kept because they are small
    shallow, deep = (kept(gates(rows, 9, n), 9, rows, setting) for n in (1, 8))
    assert shallow == deep
    assert deep == MOST_KEPT + 1  # and the last


@pytest.mark.parametrize("wires", [8, 9])
def test_gradient_of_a_gradient(wires: int) -> None:
    rows, setting = SETTINGS["few rows"]
    operations = [qml.RX(0.3, w) for w in range(wires)]
    operations += [qml.CNOT([w, w + 1]) for w in range(wires - 1)]
    operations += [qml.RY(0.2, w) for w in range(wires)]
    run, leaves = compiled(operations, wires, rows, setting)
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
    rows, setting = SETTINGS["few rows"]
    run, leaves = compiled(gates(rows, 3), 3, rows, setting)
    state = run(True, leaves[0].requires_grad_(), *leaves[1:])
    state.abs().square()[:, 0].sum().backward()
    assert leaves[0].grad is not None
    assert all(leaf.grad is None for leaf in leaves[1:])


@pytest.mark.parametrize("wires", [1, 3, 4])
@pytest.mark.parametrize("length", range(1, 9))
def test_chains_of_turns(length: int, wires: int) -> None:
    axes = [qml.RX, qml.RY, qml.RZ, qml.PhaseShift]
    found = []
    for device in ("qdl.simulator", "default.qubit"):
        generator = torch.Generator().manual_seed(length)
        angles = torch.rand(length, wires, generator=generator, dtype=torch.float64)
        angles = (6 * angles).requires_grad_()

        @qml.qnode(qml.device(device, wires=wires))
        def node(angles: Tensor) -> Any:
            for wire in range(wires):
                for index in range(length - wire % 2):
                    axes[(index + wire) % 4](angles[index, wire], wire)
                    qml.SX(wire)
            return qml.state()

        state = node(angles)
        loss = (state * torch.arange(2**wires)).abs().sum()
        found.append((state, *torch.autograd.grad(loss, angles)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


def test_memory_kept_between_runs_is_nobody_elses() -> None:
    _, setting = SETTINGS["many rows"]
    rows = Pool.LEAST // 2**5
    operations: list[Any] = [qml.RY(np.linspace(0, 3, rows), w) for w in range(5)]
    operations += [qml.RX(0.3 + w, w) for w in range(5)]
    operations += [qml.CNOT([w, w + 1]) for w in range(4)]
    run, leaves = compiled(operations, 5, rows, setting)
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
    assert 0 < sum(piece.nbytes for piece in Pool._kept) <= Pool.MOST_KEPT


SETTING = Setting(torch.complex128, torch.device("cpu"), few_rows=True, whole=False)


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


def names(layers: int) -> list[str]:
    return [type(step).__name__ for step in steps(layers)]


def test_a_layer_is_three_steps() -> None:
    assert names(2) == ["PhaseStep", "ProductStep", "PermutationStep"] * 2


def test_nothing_is_kept_where_nothing_is_wanted() -> None:
    wanted = [False] * 4
    assert Keeping.of(steps(3), wanted) == Keeping(frozenset(), (), frozenset())


def test_states_of_all_that_ask_spare_all_undoing() -> None:
    keeping = Keeping.of(steps(2), [True, False, False])  # of the matrices
    assert keeping == Keeping(frozenset({1, 4}), (1, 4), frozenset())
    assert keeping.first == 1


@pytest.mark.parametrize("layers", [1, 3, 30])
def test_a_constant_number_is_kept(layers: int) -> None:
    run = steps(layers)
    keeping = Keeping.of(run, [True] * (layers + 1))
    assert len(keeping.kept) == min(2 * layers, MOST_KEPT + 1)
    # All others are found by undoing what comes after them.
    found = set(keeping.kept)
    for index in sorted(keeping.undone, reverse=True):
        assert index in found
        found.add(index - 1)
    assert keeping.asking <= found


def test_the_dearest_are_spared() -> None:
    """Undoing a product costs most: what is kept is the state before it."""
    run = steps(10)
    keeping = Keeping.of(run, [True] * 11, most=3)
    *kept, last = keeping.kept
    assert last == len(run) - 1
    assert all(isinstance(run[index], PhaseStep) for index in kept)
    assert not keeping.undone & {index + 1 for index in kept}
    assert isinstance(run[-1], PermutationStep)
