"""Programs of every kind of stage, in every kind of batch, for tests to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import evolve as changed
from torch import Tensor

from qml_qdl.hardware.simulator.compiler import compile_structure
from qml_qdl.hardware.simulator.program import Angles
from qml_qdl.hardware.simulator.tensor_options import TensorOptions
from qml_qdl.hardware.structure import make_plan

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
        made += [qml.DiagonalQubitUnitary(np.exp(1j * batch(4)), [1, 0])]
        if wires > 4:
            inner = qml.QubitUnitary(np.linalg.qr(batch(2, 2))[0], [wires - 1])
            made += [qml.ctrl(inner, [2, 0, 1, 3], control_values=[1, 0, 1, 1])]
            made += [qml.ctrl(qml.Hadamard(0), [2, 1, 4, 3])]
    return made


def compiled(
    operations: list[Any], wires: int, rows: int | None, options: TensorOptions
) -> tuple[Callable[..., Tensor], list[Tensor]]:
    """What runs a program, undoing its steps or not, and its numbers."""
    plan = make_plan(qml.tape.QuantumScript(operations), range(wires))
    program = compile_structure(plan.structure, plan.batched, options)
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
        torch.as_tensor(array if array.ndim == 1 else array.astype(complex))
        for array in (np.asarray(plan.angles[slot]) for slot in arrays)
    ]

    def run(unitary: bool, *numbers: Tensor) -> Tensor:
        angles = Angles(
            numbers[0], numbers[1], dict(zip(arrays, numbers[2:], strict=True)), rows
        )
        return changed(program, unitary=unitary)(angles)

    return run, leaves


SETTINGS = {
    "one row": (None, TensorOptions(torch.complex128, CPU, few_rows=True, whole=False)),
    "few rows": (3, TensorOptions(torch.complex128, CPU, few_rows=True, whole=False)),
    "many rows": (5, TensorOptions(torch.complex128, CPU, few_rows=False, whole=False)),
    "whole runs": (5, TensorOptions(torch.complex128, CPU, few_rows=False, whole=True)),
}


def driven(wires: int) -> list[Any]:
    """Turns by data between fixed gates, the last angles in another order."""
    rng = np.random.default_rng(wires)
    made: list[Any] = []
    for gate in (qml.RY, qml.RX, qml.RY):
        made += [gate(rng.normal(size=5), wire) for wire in range(wires)]
        made += [qml.CZ([w, w + 1]) for w in range(wires - 1)]
    made += [qml.RZ(rng.normal(size=5), wires - 1), qml.Hadamard(0)]
    return [*made, qml.RX(rng.normal(size=5), 0), qml.RZ(rng.normal(size=5), 1)]
