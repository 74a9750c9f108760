"""The kernel gives what torch gives: on every level, in both precisions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    Expectation,
    IQPEncoding,
    Probabilities,
    State,
    StronglyEntangling,
)
from qml_qdl.hardware.simulator import runner as runner_module
from qml_qdl.hardware.simulator.kernel import execution
from qml_qdl.hardware.simulator.program import Angles
from qml_qdl.hardware.simulator.runner import (
    CircuitRunner,
    native_program,
    run_angles,
)
from qml_qdl.hardware.simulator.tracing import native_tape
from qml_qdl.hardware.structure import Plan, make_plan

KERNEL = execution.native()
LEVELS = [] if KERNEL is None else KERNEL.levels()
pytestmark = pytest.mark.skipif(KERNEL is None, reason="the kernel was not built")


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    assert KERNEL is not None
    KERNEL.choose(request.param)
    yield request.param
    KERNEL.choose(LEVELS[0])


def random_plan(
    rng: np.random.Generator, kinds: dict[str, Any], wires: int, rows: int | None
) -> tuple[Plan, Angles]:
    """Gates on random wires, some with rows of angles, and a readout."""
    fitting = [name for name, kind in kinds.items() if kind.wires <= wires]
    gates, batched = [], []
    for name in rng.choice(fitting, rng.integers(1, 30)):
        kind = kinds[name]
        own = rows if rng.random() < 0.5 else None
        numbers = [torch.from_numpy(n) for n in kind.draw(rng, own)]
        chosen = [int(w) for w in rng.permutation(wires)[: kind.wires]]
        with qml.queuing.QueuingManager.stop_recording():
            gates.append(kind.build(numbers, chosen))
        batched += [own is not None] * len(numbers)
    words = [
        "".join(rng.choice(list("IXYZ"), wires)) for _ in range(rng.integers(1, 12))
    ]
    observables = [
        qml.prod(*(getattr(qml, p)(w) for w, p in enumerate(word) if p != "I"))
        if set(word) != {"I"}
        else qml.Identity(0)
        for word in words
    ]
    observables.append(qml.dot(rng.normal(size=len(words)), list(observables)))
    reads_state = rng.random() < 0.3
    measurements = [qml.expval(o) for o in observables]
    tape = qml.tape.QuantumScript(gates, [qml.state()] if reads_state else measurements)
    plan = make_plan(native_tape(tape), range(wires))
    each: dict[bool, list[Tensor]] = {True: [], False: []}
    arrays = {}
    numbers = [
        torch.as_tensor(np.float64(a)) if isinstance(a, float) else a
        for a in plan.angles
    ]
    for slot, (angle, own) in enumerate(zip(numbers, plan.batched, strict=True)):
        if angle.ndim > own:
            arrays[slot] = angle
        else:
            each[own].append(angle)
    empty = torch.zeros(0, 1, dtype=torch.float64)
    return plan, Angles(
        torch.stack(each[False]) if each[False] else empty[:, 0],
        torch.stack(each[True]) if each[True] else empty,
        arrays,
        rows if any(plan.batched) else None,
        frozenset(slot for slot in arrays if plan.batched[slot]),
    )


def run_both(plan: Plan, angles: Angles, dtype: torch.dtype) -> list[list[Tensor]]:
    """Values and gradients, natively and by torch."""
    found = []
    for natively in (True, False):
        parts = (angles.common, angles.rows, *angles.arrays.values())
        leaves = [
            part.to(dtype.to_complex() if part.is_complex() else dtype).requires_grad_()
            for part in parts
        ]
        common, rows, *own_arrays = leaves
        arrays = dict(zip(angles.arrays, own_arrays, strict=True))
        own = Angles(common, rows, arrays, angles.num_rows, angles.row_arrays)
        values = run_angles(plan, own, leaves[0], 10**6, {}, natively=natively)
        weigh = torch.Generator().manual_seed(1)
        factors = torch.randn(values.shape, generator=weigh, dtype=values.dtype)
        loss = (values * factors).real.sum() + sum(
            0 * leaf.real.sum() for leaf in leaves
        )
        gradients = torch.autograd.grad(loss, leaves, materialize_grads=True)
        found.append([values.detach(), *gradients])
    return found


def check_random(
    rng: np.random.Generator, kinds: dict[str, Any], most_wires: int
) -> None:
    wires = int(rng.integers(1, most_wires + 1))
    rows = [None, 1, 3, 17, 40][rng.integers(5)]
    plan, angles = random_plan(rng, kinds, wires, rows)
    for dtype, value, gradient in (
        (torch.float32, 4e-6, 1e-5),
        (torch.float64, 1e-12, 1e-11),
    ):
        like = torch.empty(0, dtype=dtype)
        assert native_program(plan, like, {}) is not None
        (own, *ours), (other, *theirs) = run_both(plan, angles, dtype)
        torch.testing.assert_close(own, other, atol=value, rtol=value)
        scale = max([1.0, *(g.abs().max().item() for g in theirs if g.numel())])
        for one, two in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, two, atol=gradient * scale, rtol=0.0)


@pytest.mark.parametrize("seed", range(6))
def test_random_circuits(level: str, kinds: dict[str, Any], seed: int) -> None:
    check_random(np.random.default_rng(seed), kinds, 7)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 1100))
def test_many_random_circuits(level: str, kinds: dict[str, Any], seed: int) -> None:
    check_random(np.random.default_rng(seed), kinds, 10)


CIRCUITS = {
    "one wire": AngleEncoding(1) @ AngleEncoding(1),
    "many wires": StronglyEntangling(12, layers=1) @ AngleEncoding(12),
    "phases together": StronglyEntangling(5, layers=1) @ IQPEncoding(5),
    "prepared": StronglyEntangling(3, layers=1) @ AmplitudeEncoding(3),
    "state": (StronglyEntangling(4, layers=1) @ AngleEncoding(4)).with_readout(State()),
    "probabilities": (StronglyEntangling(6, layers=2) @ AngleEncoding(6)).with_readout(
        Probabilities()
    ),
    "words": (StronglyEntangling(5, layers=1) @ AngleEncoding(5)).with_readout(
        Expectation(["XXIIZ", "YIZIX", "ZZZZZ", "IIIII", "YYYII"])
    ),
}


@pytest.mark.parametrize("rows", [1, 2, 16, 33])
@pytest.mark.parametrize("name", CIRCUITS)
def test_circuits(
    level: str, name: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    circuit = CIRCUITS[name]
    generator = torch.Generator().manual_seed(rows)
    inputs = torch.rand(rows, circuit.num_inputs, generator=generator)
    shapes = circuit.weight_shapes.values()
    leaves = [inputs, *(torch.rand(s, generator=generator) for s in shapes)]
    leaves = [leaf.double().requires_grad_() for leaf in leaves]
    found = []
    for native in (execution.native, lambda: None):
        monkeypatch.setattr(runner_module, "native", native)
        runner = CircuitRunner(circuit)
        values = runner(leaves[0], leaves[1:])
        loss = (values * values.conj()).real.cumsum(-1).sum() + values.real.sum()
        found.append([values, *torch.autograd.grad(loss, leaves)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-11)
