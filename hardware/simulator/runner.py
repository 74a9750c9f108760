"""Circuits on the simulator without a tape: traced and compiled once, then called."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.purity import exact_key
from qml_qdl.hardware.caches import LruCache
from qml_qdl.hardware.simulator.compiler import shared_program
from qml_qdl.hardware.simulator.memory import in_chunks, rows_at_once
from qml_qdl.hardware.simulator.modes import made_to_last, own_precision
from qml_qdl.hardware.simulator.observables import (
    Reader,
    is_fixed_pauli_expectation,
)
from qml_qdl.hardware.simulator.program import Angles, Program
from qml_qdl.hardware.simulator.readout import Expectations, compile_expectations
from qml_qdl.hardware.simulator.tensor_options import (
    MANY_ROWS,
    TensorOptions,
    in_precision,
)
from qml_qdl.hardware.simulator.tracing import TracedCircuit, trace_circuit
from qml_qdl.hardware.structure import Plan

_TRACED = LruCache[Hashable, TracedCircuit](16)

FEW_WIRES = 10
"""Up to so many, what is compiled takes a few MiB, and lasts as long as its trace."""


class CircuitRunner:
    """Runs one circuit on batches, without PennyLane on the way.

    Args:
        circuit: A pure circuit, which is run a single time, with a readout that needs
            no shots.
        memory: Bytes that may be used; None for a quarter of what is free when a
            precision or a device is first met.
        precision: Complex type of the states; None for the precision of the numbers.
    """

    def __init__(
        self,
        circuit: Circuit,
        memory: int | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        self._circuit = circuit
        self._memory = memory
        self._precision = precision
        self._traced: dict[
            tuple[torch.dtype, torch.device], tuple[TracedCircuit, int]
        ] = {}
        self._kept: dict[Hashable, Any] = {}

    def __call__(self, inputs: Tensor | None, weights: Sequence[Tensor]) -> Tensor:
        """Runs all rows.

        Args:
            inputs: (rows, num_inputs), or None for a circuit that reads nothing.
            weights: In the order of the circuit's names, of the inputs' precision.

        Returns:
            (rows, outputs), all measurements side by side; a single row where nothing
            differs from row to row.

        Raises:
            MemoryBoundError: Not even one row fits into the memory.
        """
        exported = torch.compiler.is_exporting()  # for any number of rows
        if inputs is not None and not exported and not inputs.shape[0]:
            one = torch.cat([inputs, inputs.new_zeros(1, inputs.shape[1])])
            return self(one, weights)[:0]
        if self._precision is not None:
            weights = [in_precision(weight, self._precision) for weight in weights]
            inputs = None if inputs is None else in_precision(inputs, self._precision)
        like = inputs if inputs is not None else weights[0]
        with own_precision(like.device):
            traced, most = self._trace(like)
            angles = traced.angles(inputs, weights)
            # What is small lasts as long as the trace, for models of other seeds.
            few = traced.plan.structure.num_wires <= FEW_WIRES
            kept = traced.kept if few else self._kept
            return run_angles(traced.plan, angles, like, most, kept)

    def _trace(self, like: Tensor) -> tuple[TracedCircuit, int]:
        key = (like.dtype, like.device)
        if key not in self._traced:
            with made_to_last():
                most = rows_at_once(len(self._circuit.wires), *key, self._memory)
                new = torch.empty(0, dtype=like.dtype, device=like.device)
                self._traced[key] = _traced(self._circuit, new), most
        return self._traced[key]


def run_angles(
    plan: Plan, angles: Angles, like: Tensor, most: int, kept: dict[Hashable, Any]
) -> Tensor:
    """Runs a plan on the angles of all rows, in chunks where they need much memory.

    Args:
        plan: Of native gates; its own angles are not looked at.
        angles: Those of the rows.
        like: A tensor of their precision and place.
        most: How many rows may run at once.
        kept: What was compiled of the plan, and will be.

    Returns:
        (rows, outputs), all measurements side by side; a single row where nothing
        differs from row to row.
    """
    exported = torch.compiler.is_exporting()  # for any number of rows
    rows = MANY_ROWS if exported else angles.num_rows
    wires = plan.structure.num_wires

    def run(part: Angles, rows: int | None) -> Tensor:
        options = TensorOptions.of(like.dtype, like.device, rows, wires)
        return _run(plan, part, options, kept)

    with own_precision(like.device):
        if rows is None or rows <= most:
            return run(angles, rows)
        return torch.cat(
            in_chunks(
                lambda first, last: run(angles.part(first, last), last - first),
                rows,
                most,
            )
        )


def _run(
    plan: Plan, angles: Angles, options: TensorOptions, kept: dict[Hashable, Any]
) -> Tensor:
    rows = angles.num_rows

    def compiled(key: Hashable, make: Callable[[], Any]) -> Any:
        if key not in kept:
            with made_to_last():
                kept[key] = make()
        return kept[key]

    program: Program = compiled(
        options, lambda: shared_program(plan.structure, plan.batched, options)
    )
    state = program(angles)
    expectations: Expectations | None = compiled(
        ("words", options), lambda: _compile_words(plan, options)
    )
    if expectations is not None:
        return expectations(state).T
    reader = Reader(state, 1 if rows is None else rows, options, compiled)
    results = reader.read_all(plan.measurements)
    flat = [r.flatten(1) if r.ndim > 1 else r[:, None] for r in results]
    return flat[0] if len(flat) == 1 else torch.cat(flat, dim=1)


def _traced(circuit: Circuit, like: Tensor) -> TracedCircuit:
    """The traced circuit; copies, and models of other seeds, have it from the first."""
    key = exact_key(circuit)
    # A dispatch mode, as that of fake tensors, may make tensors that end with it.
    if key is None or torch._C._len_torch_dispatch_stack():
        return trace_circuit(circuit, like)
    known = key, like.dtype, like.device
    return _TRACED.find(known) or _TRACED.keep(known, trace_circuit(circuit, like))


def _compile_words(plan: Plan, options: TensorOptions) -> Expectations | None:
    """Expectation values of Pauli words times numbers; None if anything else is read."""
    if not all(map(is_fixed_pauli_expectation, plan.measurements)):
        return None
    sentences = [measurement.obs.pauli_rep for measurement in plan.measurements]
    return compile_expectations(sentences, plan.structure.num_wires, options)
