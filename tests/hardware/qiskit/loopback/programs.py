"""Quantum programs as they travel: decoded, counted, run, encoded again."""

from __future__ import annotations

from typing import Any

from ibm_quantum_schemas.common import CompressedTensorModel
from ibm_quantum_schemas.executor.version_2_0 import (
    ItemMetadataModel,
    MetadataModel,
    ParamsModel,
    QuantumProgramResultItemModel,
    QuantumProgramResultModel,
)
from qiskit_ibm_runtime.fake_provider.executor.run_quantum_program import (
    run_quantum_program,
)
from qiskit_ibm_runtime.quantum_program.converters.converters_2_0 import (
    passthrough_data_to_2_0,
)
from qiskit_ibm_runtime.quantum_program.params_converters import (
    QUANTUM_PROGRAM_PARAMS_CONVERTERS,
)
from samplomatic.quantum_program import SamplexItem

from tests.hardware.qiskit.loopback.machines import Machine

VERSION = "v2.0"


def decode(params: dict[str, Any]) -> Any:
    """The program of a job's parameters."""
    model = ParamsModel.model_validate(params)
    for item in model.quantum_program.items:
        if item.item_type == "samplex":
            # The cached samplex is built once for a job, as its template circuit is.
            item.samplex.to_samplex(use_cached=True)
    program, _ = QUANTUM_PROGRAM_PARAMS_CONVERTERS[VERSION].decoder(model)
    for item in program.items:
        if isinstance(item, SamplexItem):
            item.samplex.finalize()
        elif item.circuit.num_parameters == 0:
            item.circuit_arguments = None
    return program


def count_rows(params: dict[str, Any]) -> tuple[int, int]:
    """Rows of a job's parameters, and its shots of each row.

    A row is one circuit with all its angles: of a plain circuit every row of angles, of
    a randomised one every element of its shape.
    """
    model = ParamsModel.model_validate(params).quantum_program
    rows = 0
    for item in model.items:
        shape = (
            item.shape
            if item.item_type == "samplex"
            else item.circuit_arguments.to_numpy().shape[:-1]
        )
        size = 1
        for length in shape:
            size *= length
        rows += size
    return rows, model.shots


def run(params: dict[str, Any], machine: Machine) -> str:
    """The results of a job's parameters, as the service sends them."""
    result = run_quantum_program(machine.simulator(), decode(params), machine.options())
    model = QuantumProgramResultModel(
        data=[
            QuantumProgramResultItemModel(
                results={
                    name: CompressedTensorModel.from_numpy(values)
                    for name, values in item.items()
                },
                metadata=ItemMetadataModel(),
            )
            for item in result
        ],
        metadata=MetadataModel(chunk_timing=[]),
        passthrough_data=passthrough_data_to_2_0(result.passthrough_data),
        semantic_role=result._semantic_role,
    )
    return str(model.model_dump_json())
