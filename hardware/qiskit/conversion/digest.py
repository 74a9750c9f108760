"""The content of a Qiskit circuit as one number, the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    Barrier,
    ControlledGate,
    Delay,
    Measure,
    Parameter,
    ParameterExpression,
    Reset,
)
from qiskit.circuit.library import UnitaryGate

from qml_qdl.circuits.errors import ArgumentTypeError

_Symbols: TypeAlias = Mapping[Parameter, Parameter]

_KNOWN = (Barrier, Delay, Measure, Reset, UnitaryGate)
"""Operations that are no standard gates, but are what name and parameters say."""


def circuit_digest(circuit: QuantumCircuit) -> str:
    """The content of a circuit as a SHA-256.

    Args:
        circuit: Any circuit without control flow, measured or not.

    Returns:
        64 hexadecimal digits: the same for equal circuits in every process, whatever
        the names of the circuit, its qubits and its parameters; another one where
        gates, qubits, angles, the order of the parameters, classical bits and
        registers, or the global phase differ.

    Raises:
        ArgumentTypeError: An instruction is neither a known one nor made of such.

    Example:
        >>> from qiskit.circuit import Parameter
        >>> one, other = QuantumCircuit(1), QuantumCircuit(1, name="other")
        >>> _ = one.rx(Parameter("a"), 0), other.rx(Parameter("b"), 0)
        >>> circuit_digest(one) == circuit_digest(other)
        True
    """
    # Parameters are called by their position, so that their names do not matter.
    symbols = {
        parameter: Parameter(f"p{position}")
        for position, parameter in enumerate(circuit.parameters)
    }
    digest = hashlib.sha256()
    for line in _lines(circuit, symbols):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _lines(circuit: QuantumCircuit, symbols: _Symbols) -> Iterator[str]:
    """The circuit, one line for each of its parts."""
    yield f"circuit {circuit.num_qubits} {circuit.num_clbits} {len(symbols)}"
    places: dict[Any, int] = {
        bit: place
        for bits in (circuit.qubits, circuit.clbits)
        for place, bit in enumerate(bits)
    }
    for register in circuit.cregs:
        yield f"register {register.name!r} {[places[bit] for bit in register]}"
    yield f"phase {_value(circuit.global_phase, symbols)}"
    for instruction in circuit.data:
        yield from _operation(instruction.operation, symbols)
        qubits = [places[bit] for bit in instruction.qubits]
        yield f"on {qubits} {[places[bit] for bit in instruction.clbits]}"
    yield "end"


def _operation(operation: Any, symbols: _Symbols) -> Iterator[str]:
    values = [_value(value, symbols) for value in getattr(operation, "params", ())]
    sizes = f"{operation.name!r} {operation.num_qubits} {operation.num_clbits}"
    yield " ".join([sizes, *values, str(getattr(operation, "unit", ""))])
    # A class of somebody else's may say anything, and so may ControlledGate itself.
    kind: Any = getattr(operation, "base_class", None) or type(operation)
    is_qiskits = kind.__module__.startswith("qiskit.") and kind is not ControlledGate
    if isinstance(operation, ControlledGate):
        yield f"controls {operation.num_ctrl_qubits} {operation.ctrl_state}"
        yield from _operation(operation.base_gate, symbols)
        if is_qiskits:
            return
    elif is_qiskits and (
        getattr(operation, "_standard_gate", None) or isinstance(operation, _KNOWN)
    ):
        return
    definition = getattr(operation, "definition", None)
    if definition is None:
        raise ArgumentTypeError(
            f"circuit: {operation.name!r} has no definition, so circuits that hold it "
            "cannot be told apart; use gates, measurements, barriers and resets"
        )
    yield from _lines(definition, symbols)


def _value(value: Any, symbols: _Symbols) -> str:
    if isinstance(value, ParameterExpression):
        used = {one: symbols[one] for one in value.parameters}
        return f"<{value.subs(used)}>"
    if isinstance(value, np.ndarray):
        return f"<{value.shape} {value.dtype.str} {value.tobytes().hex()}>"
    if isinstance(value, complex | float | int):
        return f"<{complex(value)!r}>"
    if isinstance(value, str):
        return f"<{value!r}>"
    raise ArgumentTypeError(
        f"circuit: an instruction holds {value!r}, whose content cannot be compared; "
        "use gates with numbers and parameters"
    )
