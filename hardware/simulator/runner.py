"""Circuits on the simulator without a tape: traced and compiled once, then called."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, final

import torch
from torch import Tensor

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.purity import exact_key
from qml_qdl.hardware.caches import LruCache
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.simulator.compiler import shared_program
from qml_qdl.hardware.simulator.memory import in_chunks, rows_at_once
from qml_qdl.hardware.simulator.modes import made_to_last, own_precision
from qml_qdl.hardware.simulator.observables import (
    Reader,
    is_fixed_pauli_expectation,
)
from qml_qdl.hardware.simulator.program import Angles, Program
from qml_qdl.hardware.simulator.readout import Expectations, compile_expectations
from qml_qdl.hardware.simulator.sampling import Compiled, ShotSampler
from qml_qdl.hardware.simulator.tensor_options import (
    MANY_ROWS,
    TensorOptions,
    in_precision,
)
from qml_qdl.hardware.simulator.tracing import TracedCircuit, trace_circuit
from qml_qdl.hardware.structure import Plan
from qml_qdl.hardware.tapes.readouts import plan_readout
from qml_qdl.hardware.tapes.shifts import has_shifts

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
            tuple[torch.dtype, torch.device], tuple[TracedCircuit, int, bool]
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
        inputs, weights = _in_precision(inputs, weights, self._precision)
        like = inputs if inputs is not None else weights[0]
        with own_precision(like.device):
            traced, most, reads_words = self._trace(like)
            angles = traced.angles(inputs, weights)
            rows = MANY_ROWS if exported else angles.num_rows
            if rows is None or rows <= most:
                return self._run(traced, angles, self._options(like, rows), reads_words)

            def run(first: int, last: int) -> Tensor:
                options = self._options(like, last - first)
                part = angles.part(first, last)
                return self._run(traced, part, options, reads_words)

            return torch.cat(in_chunks(run, rows, most))

    def _options(self, like: Tensor, rows: int | None) -> TensorOptions:
        wires = len(self._circuit.wires)
        return TensorOptions.of(like.dtype, like.device, rows, wires)

    def _trace(self, like: Tensor) -> tuple[TracedCircuit, int, bool]:
        key = (like.dtype, like.device)
        if key not in self._traced:
            with made_to_last():
                traced, most = _traced_with_bound(self._circuit, like, self._memory)
                # Expectation values of Pauli words times numbers, and nothing else.
                words = map(is_fixed_pauli_expectation, traced.plan.measurements)
                self._traced[key] = traced, most, all(words)
        return self._traced[key]

    def _run(
        self,
        traced: TracedCircuit,
        angles: Angles,
        options: TensorOptions,
        reads_words: bool,
    ) -> Tensor:
        plan, rows = traced.plan, angles.num_rows
        compiled = _compiling(traced, self._kept)
        program: Program = compiled(
            options, lambda: shared_program(plan.structure, plan.batched, options)
        )
        state = program(angles)
        if reads_words:
            expectations: Expectations = compiled(
                ("words", options), lambda: _compile_words(plan, options)
            )
            return expectations(state).T
        reader = Reader(state, 1 if rows is None else rows, options, compiled)
        results = reader.read_all(plan.measurements)
        flat = [r.flatten(1) if r.ndim > 1 else r[:, None] for r in results]
        return flat[0] if len(flat) == 1 else torch.cat(flat, dim=1)


@final
class ShotRunner:
    """Samples shots of one circuit on batches, without PennyLane on the way.

    Args:
        circuit: A pure circuit, which is run a single time, whose readout is sampled by
            rows.
        seeds: Where random numbers come from.
        memory: Bytes that may be used; None for a quarter of what is free when a
            precision or a device is first met.
        precision: Complex type of the states; None for the precision of the numbers.
    """

    def __init__(
        self,
        circuit: Circuit,
        seeds: Seeds,
        memory: int | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        self._circuit = circuit
        self._seeds = seeds
        self._memory = memory
        self._precision = precision
        self._made: dict[
            tuple[torch.dtype, torch.device], tuple[TracedCircuit, ShotSampler]
        ] = {}
        self._trained: dict[tuple[bool, ...], tuple[int, ...] | None] = {}
        self._kept: dict[Hashable, Any] = {}

    def __call__(
        self, inputs: Tensor | None, weights: Sequence[Tensor], shots: Any
    ) -> Any:
        """Samples all rows.

        Args:
            inputs: (rows, num_inputs), or None for a circuit that reads nothing.
            weights: In the order of the circuit's names, of the inputs' precision.
            shots: PennyLane's `Shots`.

        Returns:
            One result, or a tuple for several measurements, with the rows dimension if
            there are inputs: tensors through which gradients flow. None where one is
            wanted for which no shifts are known.

        Raises:
            MemoryBoundError: Not even one row fits into the memory.
        """
        inputs, weights = _in_precision(inputs, weights, self._precision)
        like = inputs if inputs is not None else weights[0]
        with own_precision(like.device):
            traced, sampler = self._sampler(like)
            trained = self._slots(traced, inputs, weights)
            if trained is None:
                return None
            angles = traced.angles(inputs, weights)
            return sampler(angles, trained, shots, batched=inputs is not None)

    def _sampler(self, like: Tensor) -> tuple[TracedCircuit, ShotSampler]:
        key = (like.dtype, like.device)
        if key not in self._made:
            with made_to_last():
                traced, most = _traced_with_bound(self._circuit, like, self._memory)
                measured, wires = traced.plan.measurements, len(self._circuit.wires)
                self._made[key] = (
                    traced,
                    ShotSampler(
                        traced.plan,
                        plan_readout(measured, wires, shots=True, estimator=False),
                        like.dtype.to_complex(),
                        like.device,
                        most,
                        self._seeds,
                        _compiling(traced, self._kept),
                    ),
                )
        return self._made[key]

    def _slots(
        self, traced: TracedCircuit, inputs: Tensor | None, weights: Sequence[Tensor]
    ) -> tuple[int, ...] | None:
        """The slots that depend on what is trained; None where one has no shifts."""
        if not torch.is_grad_enabled():
            return ()
        given = weights if inputs is None else (inputs, *weights)
        trained = tuple(each.requires_grad for each in given)
        if trained not in self._trained:
            slots = traced.slots_of(trained)
            gates = traced.plan.structure.gates
            known = all(
                has_shifts(gate.operation) or not set(slots).intersection(gate.slots)
                for gate in gates
            )
            self._trained[trained] = slots if known else None
        return self._trained[trained]


def _in_precision(
    inputs: Tensor | None, weights: Sequence[Tensor], precision: torch.dtype | None
) -> tuple[Tensor | None, Sequence[Tensor]]:
    if precision is None:
        return inputs, weights
    weights = [in_precision(weight, precision) for weight in weights]
    return None if inputs is None else in_precision(inputs, precision), weights


def _compiling(traced: TracedCircuit, others: dict[Hashable, Any]) -> Compiled:
    """Where compiled programs are kept.

    What is small lasts as long as the trace, for models of other seeds.
    """
    few = traced.plan.structure.num_wires <= FEW_WIRES
    kept = traced.kept if few else others

    def compiled(key: Hashable, make: Callable[[], Any]) -> Any:
        if key not in kept:
            with made_to_last():
                kept[key] = make()
        return kept[key]

    return compiled


def _traced_with_bound(
    circuit: Circuit, like: Tensor, memory: int | None
) -> tuple[TracedCircuit, int]:
    """The traced circuit, and how many of its rows may run at once."""
    most = rows_at_once(len(circuit.wires), like.dtype, like.device, memory)
    return _traced(circuit, torch.empty(0, dtype=like.dtype, device=like.device)), most


def _traced(circuit: Circuit, like: Tensor) -> TracedCircuit:
    """The traced circuit; copies, and models of other seeds, have it from the first."""
    key = exact_key(circuit)
    # A dispatch mode, as that of fake tensors, may make tensors that end with it.
    if key is None or torch._C._len_torch_dispatch_stack():
        return trace_circuit(circuit, like)
    known = key, like.dtype, like.device
    return _TRACED.find(known) or _TRACED.keep(known, trace_circuit(circuit, like))


def _compile_words(plan: Plan, options: TensorOptions) -> Expectations:
    sentences = [measurement.obs.pauli_rep for measurement in plan.measurements]
    return compile_expectations(sentences, plan.structure.num_wires, options)
