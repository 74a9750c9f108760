"""Circuits on the simulator without a tape: traced and compiled once, then called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from qml_qdl.circuits import Circuit
from qml_qdl.hardware.simulator.compiler import compile_structure
from qml_qdl.hardware.simulator.memory import in_chunks, rows_at_once
from qml_qdl.hardware.simulator.program import Angles, Program
from qml_qdl.hardware.simulator.readout import Expectations, compile_expectations
from qml_qdl.hardware.simulator.setting import Setting
from qml_qdl.hardware.simulator.tracing import TracedCircuit, trace_circuit


class CircuitRunner:
    """Runs one circuit on batches, without PennyLane on the way.

    Args:
        circuit: A circuit that reads out expectation values of Pauli words.
        memory: Bytes that may be used; None for a quarter of what is free when a
            precision or a device is first met.
    """

    def __init__(self, circuit: Circuit, memory: int | None = None) -> None:
        self._circuit = circuit
        self._memory = memory
        self._traced: dict[
            tuple[torch.dtype, torch.device], tuple[TracedCircuit, int]
        ] = {}
        self._compiled: dict[Setting, tuple[Program, Expectations]] = {}

    def __call__(self, inputs: Tensor | None, weights: Sequence[Tensor]) -> Tensor:
        """Runs all rows.

        Args:
            inputs: (rows, num_inputs), or None for a circuit that reads nothing.
            weights: In the order of the circuit's names, of the inputs' precision.

        Returns:
            (rows, outputs), or (1, outputs) where nothing differs from row to row.

        Raises:
            MemoryBoundError: Not even one row fits into the memory.
        """
        like = inputs if inputs is not None else weights[0]
        traced, most = self._trace(like)
        angles = traced.angles(inputs, weights)
        rows = angles.num_rows
        if rows is None or rows <= most:
            return self._run(traced, angles, like).T
        parts = in_chunks(
            lambda first, last: self._run(traced, angles.part(first, last), like),
            rows,
            most,
        )
        return torch.cat(parts, dim=1).T

    def _trace(self, like: Tensor) -> tuple[TracedCircuit, int]:
        key = (like.dtype, like.device)
        if key not in self._traced:
            most = rows_at_once(len(self._circuit.wires), *key, self._memory)
            traced = trace_circuit(self._circuit, like.detach().new_empty(0))
            self._traced[key] = traced, most
        return self._traced[key]

    def _run(self, traced: TracedCircuit, angles: Angles, like: Tensor) -> Tensor:
        setting = Setting.of(
            like.dtype, like.device, angles.num_rows, len(self._circuit.wires)
        )
        if setting not in self._compiled:
            self._compiled[setting] = _compile(traced, setting)
        program, expectations = self._compiled[setting]
        return expectations(program(angles))


def _compile(traced: TracedCircuit, setting: Setting) -> tuple[Program, Expectations]:
    plan = traced.plan
    program = compile_structure(plan.structure, plan.batched, setting)
    sentences: list[Any] = [m.obs.pauli_rep for m in plan.measurements]
    return program, compile_expectations(sentences, program.num_wires, setting)
