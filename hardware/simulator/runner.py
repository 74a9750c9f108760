"""Circuits on the simulator without a tape: compiled once, then called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from qml_qdl.circuits import Circuit
from qml_qdl.hardware.simulator.program import Program, compile_structure
from qml_qdl.hardware.simulator.readout import Expectations, compile_expectations
from qml_qdl.hardware.simulator.setting import Setting
from qml_qdl.hardware.simulator.tracing import TracedCircuit, trace_circuit


class CircuitRunner:
    """Runs one circuit on batches: traces and compiles it when first needed.

    Args:
        circuit: The circuit; its readout is expectation values.
    """

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self._traced: dict[tuple[torch.dtype, torch.device], TracedCircuit] = {}
        self._compiled: dict[Setting, tuple[Program, Expectations]] = {}

    def __call__(self, inputs: Tensor | None, weights: Sequence[Tensor]) -> Tensor:
        """Runs all rows.

        Args:
            inputs: (rows, num_inputs), or None for a circuit that reads nothing.
            weights: In the order of the circuit's names, of the inputs' precision.

        Returns:
            (rows, outputs), or (1, outputs) where nothing differs from row to row.
        """
        like = inputs if inputs is not None else weights[0]
        key = (like.dtype, like.device)
        traced = self._traced.get(key)
        if traced is None:
            traced = trace_circuit(self.circuit, like.detach().new_empty(0))
            self._traced[key] = traced
        rows = None if inputs is None else inputs.shape[0]
        setting = Setting.of(*key, rows, len(self.circuit.wires))
        program, expectations = self._compiled.get(setting) or self._compile(
            traced, setting
        )
        return expectations(program(traced.angles(inputs, weights))).T

    def _compile(
        self, traced: TracedCircuit, setting: Setting
    ) -> tuple[Program, Expectations]:
        plan = traced.plan
        program = compile_structure(plan.structure, plan.batched, setting)
        sentences: list[Any] = [m.obs.pauli_rep for m in plan.measurements]
        expectations = compile_expectations(sentences, program.num_wires, setting)
        self._compiled[setting] = program, expectations
        return program, expectations
