"""Tapes on the simulator: split into structure and angles, compiled once, run, read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np
import pennylane as qml
import torch
from pennylane.devices.qubit import measure, measure_with_samples
from torch import Tensor

from qml_qdl.hardware.plan import Plan, make_plan
from qml_qdl.hardware.simulator.program import Angles, Program, compile_structure
from qml_qdl.hardware.simulator.readout import (
    Expectations,
    compile_expectations,
    squares,
)
from qml_qdl.hardware.simulator.setting import Setting

Value = TypeVar("Value")

MOST_PROGRAMS = 256
"""How many compiled programs are kept, the latest used."""


class ProgramCache:
    """The latest compiled programs, by structure and setting."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """What is kept under a key, made if it is not there.

        Args:
            key: All that the value depends on.
            make: Makes it.

        Returns:
            The value.
        """
        if key not in self._kept:
            self._kept[key] = make()
            if len(self._kept) > MOST_PROGRAMS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        value: Value = self._kept[key]
        return value


def run_tape(tape: Any, cache: ProgramCache, rng: np.random.Generator) -> Any:
    """Runs a tape of native gates.

    Args:
        tape: A PennyLane tape on any wire labels; its numbers are torch tensors or
            NumPy arrays.
        cache: Where programs are kept.
        rng: Where samples come from.

    Returns:
        One result, or a tuple for several measurements, as PennyLane devices return
        them: torch tensors without shots, NumPy arrays with.
    """
    tape = tape.map_to_standard_wires()
    plan = make_plan(tape, range(len(tape.wires)))
    tensors = [_tensor(angle) for angle in plan.angles]
    dtype, device = _precision(tensors)
    rows = _num_rows(plan, tensors)
    setting = Setting.of(dtype, device, rows, plan.structure.num_wires)
    key = (plan.structure, plan.batched, setting)
    program: Program = cache.get(
        key, lambda: compile_structure(plan.structure, plan.batched, setting)
    )
    state = program(_angles(program, plan, tensors, rows, setting))
    kept = None
    if not program.unitary:
        # Only a projection shortens a state: what it kept is the chance of that.
        kept = squares(state).sum(1, keepdim=True)
        state = state / kept.sqrt()
    if tape.shots:
        return _sampled(tape, state, rows, rng, kept)
    results = _analytic(plan, state, rows, setting, cache)
    return results[0] if len(results) == 1 else tuple(results)


def _tensor(angle: Any) -> Tensor:
    if isinstance(angle, Tensor):
        return angle
    return torch.as_tensor(np.asarray(qml.math.unwrap(angle)))


def _precision(tensors: Sequence[Tensor]) -> tuple[torch.dtype, torch.device]:
    """float32 if all numbers are; and where they are."""
    dtypes = {t.dtype.to_real() for t in tensors if t.is_floating_point() or t.is_complex()}
    single = dtypes == {torch.float32}
    devices = [t.device for t in tensors if t.device.type != "cpu"]
    device = devices[0] if devices else torch.device("cpu")
    return torch.float32 if single else torch.float64, device


def _num_rows(plan: Plan, tensors: Sequence[Tensor]) -> int | None:
    for tensor, batched in zip(tensors, plan.batched, strict=True):
        if batched:
            return tensor.shape[0]
    return None


def _angles(
    program: Program,
    plan: Plan,
    tensors: Sequence[Tensor],
    rows: int | None,
    setting: Setting,
) -> Angles:
    real, device = setting.dtype.to_real(), setting.device
    common = [tensors[s].to(device, real).reshape(()) for s in program.common_slots]
    each = [tensors[s].to(device, real) for s in program.row_slots]
    empty = torch.zeros(0, dtype=real, device=device)
    scalar = {*program.common_slots, *program.row_slots}
    return Angles(
        torch.stack(common) if common else empty,
        torch.stack(each) if each else empty,
        {s: t.to(device) for s, t in enumerate(tensors) if s not in scalar},
        rows,
    )


def as_pennylane_state(state: Tensor, rows: int | None) -> Tensor:
    """A state in PennyLane's shape.

    Args:
        state: (L, 2ⁿ, T).
        rows: Number of rows; None where there is no such dimension.

    Returns:
        (2, …, 2), or (rows, 2, …, 2).
    """
    wires = state.shape[1].bit_length() - 1
    flat = state[0].T if state.shape[0] == 1 else state[:, :, 0]
    if rows is None:
        return flat[0].reshape((2,) * wires)
    return flat.expand(rows, -1).reshape(rows, *(2,) * wires)


def _analytic(
    plan: Plan, state: Tensor, rows: int | None, setting: Setting, cache: ProgramCache
) -> list[Tensor]:
    results: dict[int, Tensor] = {}
    fast = [i for i, m in enumerate(plan.measurements) if _is_pauli_expectation(m)]
    if fast:
        words = [plan.measurements[i].obs.pauli_rep for i in fast]
        keys = tuple(plan.structure.measurements[i] for i in fast)
        wires = plan.structure.num_wires
        expectations: Expectations = cache.get(
            (keys, wires, setting), lambda: compile_expectations(words, wires, setting)
        )
        values = expectations(state)
        for index, value in zip(fast, values, strict=True):
            results[index] = value[0] if rows is None else value.expand(rows)
    others = [i for i in range(len(plan.measurements)) if i not in results]
    if others:
        shaped = as_pennylane_state(state, rows)
        for index in others:
            measurement = plan.measurements[index]
            results[index] = measure(measurement, shaped, rows is not None)
    return [results[index] for index in range(len(plan.measurements))]


def _is_pauli_expectation(measurement: Any) -> bool:
    return (
        isinstance(measurement, qml.measurements.ExpectationMP)
        and measurement.obs is not None
        and measurement.obs.pauli_rep is not None
        and not qml.operation.is_trainable(measurement.obs)
    )


def _sampled(
    tape: Any,
    state: Tensor,
    rows: int | None,
    rng: np.random.Generator,
    kept: Tensor | None,
) -> Any:
    shaped = as_pennylane_state(state.detach(), rows).cpu().numpy().astype(complex)
    shots = tape.shots
    if kept is not None:
        chance = float(kept.detach().cpu().mean())
        shots = qml.measurements.Shots(
            [int(rng.binomial(count, min(1.0, chance))) for count in shots]
        )
    results = measure_with_samples(
        tape.measurements, shaped, shots, is_state_batched=rows is not None, rng=rng
    )
    if len(tape.measurements) > 1:
        return results
    if shots.has_partitioned_shots:
        return tuple(result[0] for result in results)
    return results[0]
