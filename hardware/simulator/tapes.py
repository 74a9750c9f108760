"""Tapes on the simulator: split into structure and angles, compiled once, run, read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np
import pennylane as qml
import torch
from attrs import evolve
from pennylane.devices.qubit import measure_with_samples
from pennylane.devices.qubit.simulate import _FlexShots
from torch import Tensor

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.caches import LruCache
from qml_qdl.hardware.preprocessing import selects
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.simulator.compiler import scalar_slots, shared_program
from qml_qdl.hardware.simulator.kernel.execution import is_plain
from qml_qdl.hardware.simulator.memory import in_chunks, joined, rows_at_once
from qml_qdl.hardware.simulator.modes import made_to_last, own_precision
from qml_qdl.hardware.simulator.observables import Reader
from qml_qdl.hardware.simulator.program import Angles, Program
from qml_qdl.hardware.simulator.readout import squares
from qml_qdl.hardware.simulator.runner import (
    Kept,
    native_program,
    run_angles,
    words_of,
)
from qml_qdl.hardware.simulator.sampling import ShotSampler, is_sampled_by_rows
from qml_qdl.hardware.simulator.tensor_options import (
    MANY_ROWS,
    TensorOptions,
    in_precision,
)
from qml_qdl.hardware.structure import Plan, make_plan
from qml_qdl.hardware.tapes.shifts import shift_terms

Compiled = TypeVar("Compiled")

MOST_PROGRAMS = 256
"""How many compiled programs are kept, the latest used."""


class ProgramCache:
    """The latest compiled programs, by structure and options."""

    def __init__(self) -> None:
        self._kept = LruCache[Hashable, Any](MOST_PROGRAMS)

    def get(self, key: Hashable, make: Callable[[], Compiled]) -> Compiled:
        """What is kept under a key, made if it is not there.

        Args:
            key: All that the value depends on.
            make: Makes it.

        Returns:
            The value.
        """
        value: Compiled | None = self._kept.find(key)
        if value is None:
            with made_to_last():
                value = self._kept.keep(key, make())
        return value


def run_tape(
    tape: Any,
    cache: ProgramCache,
    seeds: Seeds,
    postselect_mode: str | None = None,
    memory: int | None = None,
    precision: torch.dtype | None = None,
) -> Any:
    """Runs a tape of native gates.

    Args:
        tape: A PennyLane tape on any wire labels; its numbers are torch tensors or
            NumPy arrays.
        cache: Where programs are kept.
        seeds: Where samples come from.
        postselect_mode: With shots: None or "hw-like" discards the shots that a
            postselection rejects, "fill-shots" keeps their number.
        memory: Bytes that may be used; None for a quarter of what is free when a size
            is first met.
        precision: Complex type of the states; None for the precision of the numbers.

    Returns:
        One result, or a tuple for several measurements, as PennyLane devices return
        them: torch tensors, or, of what PennyLane samples, NumPy arrays.

    Raises:
        TargetError: A postselection with shots cannot be done.
        MemoryBoundError: Not even one row fits into the memory.
    """
    tape = with_vector(tape.map_to_standard_wires())
    plan = make_plan(tape, range(max(1, len(tape.wires))))
    tensors = [_tensor(angle) for angle in plan.angles]
    dtype, device = _precision(plan.angles, tensors)
    if precision is not None:
        dtype = precision.to_real()
        tensors = [in_precision(tensor, dtype) for tensor in tensors]
    rows = _num_rows(plan, tensors)
    wires = plan.structure.num_wires
    most: int = cache.get(
        (wires, dtype, device), lambda: rows_at_once(wires, dtype, device, memory)
    )

    discards = any(selects(gate.operation) for gate in plan.structure.gates)
    counted = all(map(is_sampled_by_rows, tape.measurements))
    if tape.shots and counted and not discards:
        like = torch.empty(0, dtype=dtype, device=device)
        options = TensorOptions.of(dtype, device, rows, wires)
        angles = _angles(plan, tensors, rows, options)
        of_shots: Kept = cache.get(("shots", plan.structure, dtype, device), dict)
        sampler = ShotSampler.of(plan, like, most, seeds, of_shots)
        trained = _trained(plan, tensors, angles)
        return sampler(angles, trained, tape.shots, batched=rows is not None)
    rng = seeds.next() if tape.shots else np.random.default_rng(0)

    def run(first: int, last: int) -> Any:
        with own_precision(device):
            return run_here(first, last)

    def run_here(first: int, last: int) -> Any:
        part = None if rows is None else last - first
        # An exported program runs any number of rows.
        open_rows = rows is not None and torch.compiler.is_exporting()
        count = MANY_ROWS if open_rows else part
        options = TensorOptions.of(dtype, device, count, wires)
        angles = _angles(plan, tensors, rows, options)
        if part != rows:
            angles = angles.part(first, last)
        shots = tape.shots
        words = None if shots else words_of(plan)
        state_alone = cache.get("state", lambda: (qml.state(),))
        read = plan if words else evolve(plan, measurements=state_alone)
        kept_here: dict[Hashable, Any] = cache.get(
            (plan.structure, plan.batched, words), dict
        )
        like = torch.empty(0, dtype=dtype, device=device)
        unitary = (
            is_plain(tensors) and native_program(read, like, kept_here) is not None
        )
        if unitary:
            values = run_angles(read, angles, like, most, kept_here)
            if words:
                return _each(values, part)
            state = values[..., None]
        else:
            by_torch: Program = cache.get(
                (plan.structure, plan.batched, options),
                lambda: shared_program(plan.structure, plan.batched, options),
            )
            state, unitary = by_torch(angles), by_torch.unitary
        if not unitary:
            # Only a projection shortens a state: what it kept is the chance of that.
            kept = squares(state).sum(1, keepdim=True)
            state = state / kept.sqrt()
            if shots and postselect_mode != "fill-shots":
                shots = _kept_shots(shots, kept, rows, rng)
        if shots:
            return _sampled(tape.measurements, shots, state, part, rng)
        results = Reader(state, part, options, cache.get).read_all(plan.measurements)
        return results[0] if len(results) == 1 else tuple(results)

    if rows is None or torch.compiler.is_exporting() or rows <= most:
        return run(0, rows or 0)
    return joined(in_chunks(run, rows, most))


def _trained(plan: Plan, tensors: Sequence[Tensor], angles: Angles) -> list[int]:
    """The slots that need a gradient; those without shifts are refused."""
    if not torch.is_grad_enabled():
        return []
    trained = [slot for slot, tensor in enumerate(tensors) if tensor.requires_grad]
    for gate in plan.structure.gates:
        for number, slot in enumerate(gate.slots):
            if slot in trained and slot in angles.arrays:
                shift_terms(gate.operation, number)
    return trained


def with_vector(tape: Any) -> Any:
    """A tape, beginning with a state that is data if it begins with one.

    Args:
        tape: A PennyLane tape.

    Returns:
        The tape.
    """
    if not tape.operations or tape.operations[0].data:
        return tape
    first, *others = tape.operations
    if not isinstance(first, qml.operation.StatePrepBase):
        return tape
    vector = first.state_vector(wire_order=first.wires).reshape(-1)
    return tape.copy(operations=[qml.StatePrep(vector, first.wires), *others])


def _tensor(angle: Any) -> Tensor:
    if isinstance(angle, Tensor):
        return angle
    return torch.as_tensor(np.asarray(qml.math.unwrap(angle)))


def _precision(
    angles: Sequence[Any], tensors: Sequence[Tensor]
) -> tuple[torch.dtype, torch.device]:
    """float32 if all numbers are that have a precision; and where they are.

    As in torch, Python's numbers have none; beside tensors, NumPy's have none.
    """
    dtypes: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    for angle, tensor in zip(angles, tensors, strict=True):
        if type(angle) not in (int, float, complex) and (
            tensor.is_floating_point() or tensor.is_complex()
        ):
            dtypes[isinstance(angle, Tensor)].add(tensor.dtype.to_real())
    single = (dtypes[True] or dtypes[False]) == {torch.float32}
    devices = [t.device for t in tensors if t.device.type != "cpu"]
    device = devices[0] if devices else torch.device("cpu")
    return torch.float32 if single else torch.float64, device


def _num_rows(plan: Plan, tensors: Sequence[Tensor]) -> int | None:
    for tensor, batched in zip(tensors, plan.batched, strict=True):
        if batched:
            return tensor.shape[0]
    return None


def _each(values: Tensor, rows: int | None) -> Any:
    """(R, outputs) as PennyLane wants results: each (rows,), or a number."""
    if rows is None:
        each: Sequence[Tensor] = values[0].unbind(0)
    else:
        each = values.expand(rows, values.shape[1]).unbind(1)
    return each[0] if len(each) == 1 else tuple(each)


def _angles(
    plan: Plan,
    tensors: Sequence[Tensor],
    rows: int | None,
    options: TensorOptions,
) -> Angles:
    real, device = options.dtype.to_real(), options.device
    common_slots, row_slots = scalar_slots(plan.structure, plan.batched)
    common = [tensors[s].to(device, real) for s in common_slots]
    each = [tensors[s].to(device, real) for s in row_slots]
    empty = torch.zeros(0, dtype=real, device=device)
    scalar = {*common_slots, *row_slots}
    return Angles(
        torch.stack(common) if common else empty,
        torch.stack(each) if each else empty,
        {s: t.to(device) for s, t in enumerate(tensors) if s not in scalar},
        rows,
        frozenset(s for s, own in enumerate(plan.batched) if own and s not in scalar),
    )


def _kept_shots(
    shots: Any, kept: Tensor, rows: int | None, rng: np.random.Generator
) -> Any:
    """How many shots a postselection keeps: as on a machine, by chance."""
    if rows is not None:
        raise TargetError(
            f"shots: a postselection keeps other numbers of shots of each of the {rows}"
            " rows; use postselect_mode='fill-shots', no shots, or one row at a time"
        )
    chance = min(1.0, float(kept.detach()))
    return _FlexShots([int(rng.binomial(count, chance)) for count in shots])


def _as_row(result: Any) -> Any:
    """The results of no row as those of one, which PennyLane would squeeze."""
    if isinstance(result, tuple | list):
        return tuple(map(_as_row, result))
    return [result] if isinstance(result, dict) else np.asarray(result)[None]


def _of_no_shots(measurements: Sequence[Any], wires: int) -> Any:
    """Results where a postselection left no shot, which PennyLane cannot make."""
    results: list[Any] = []
    for measurement in measurements:
        if isinstance(measurement, qml.measurements.CountsMP):
            results.append({})
        elif isinstance(measurement, qml.measurements.SampleMP):
            nothing = np.zeros((0, wires), dtype=np.int64)
            every = qml.wires.Wires(range(wires))
            results.append(measurement.process_samples(nothing, every))
        else:
            results.append(np.full(measurement.shape(None, wires), np.nan))
    return tuple(results) if len(results) > 1 else results[0]


def _sampled(
    measurements: Sequence[Any],
    shots: Any,
    state: Tensor,
    rows: int | None,
    rng: np.random.Generator,
) -> Any:
    kinds = qml.measurements
    shadows = (kinds.ClassicalShadowMP, kinds.ShadowExpvalMP)
    if rows is not None and any(isinstance(m, shadows) for m in measurements):
        raise TargetError(
            f"inputs: classical shadows are sampled of one row at a time, got {rows} "
            "rows; use qml.transforms.broadcast_expand(qnode)"
        )
    if not all(shots):  # a postselection left none: of some bins, or of all
        bins = [
            _sampled(measurements, _FlexShots([count]), state, rows, rng)
            if count
            else _of_no_shots(measurements, state.shape[1].bit_length() - 1)
            for count in shots
        ]
        return tuple(bins) if shots.has_partitioned_shots else bins[0]
    vectors = state[0].T if state.shape[0] == 1 else state[:, :, 0]
    amplitudes = vectors.detach().cpu().numpy().astype(complex)
    amplitudes /= np.linalg.norm(amplitudes, axis=1, keepdims=True)
    shape = (2,) * (amplitudes.shape[1].bit_length() - 1)
    several = rows is not None and rows > 1
    if rows is not None and several:
        amplitudes = np.broadcast_to(amplitudes, (rows, amplitudes.shape[1]))
        shape = (rows, *shape)
    results = measure_with_samples(
        measurements,
        amplitudes.reshape(shape),
        shots,
        is_state_batched=several,
        rng=rng,
    )
    if rows == 1:
        results = _as_row(results)
    if len(measurements) > 1:
        return results
    if shots.has_partitioned_shots:
        return tuple(result[0] for result in results)
    return results[0]
