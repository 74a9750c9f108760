"""Qiskit's instructions as gates of ours, with parameter expressions as values.

A name tells nothing, since anybody's gate may have it. What a gate is, its class says
if it is one of Qiskit's; all others are what they are defined to be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from attrs import evolve
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    Barrier,
    BoxOp,
    BreakLoopOp,
    ContinueLoopOp,
    ControlFlowOp,
    ControlledGate,
    ControlModifier,
    Delay,
    ForLoopOp,
    Gate,
    InverseModifier,
    Measure,
    Parameter,
    ParameterExpression,
    PowerModifier,
    Reset,
    Store,
)
from qiskit.circuit import library as lib
from qiskit.circuit.exceptions import CircuitError
from qiskit.quantum_info import Clifford, SparsePauliOp
from qiskit.quantum_info.operators.predicates import is_unitary_matrix
from qiskit.synthesis import synth_permutation_basic

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.qiskit.conversion.equivalence import (
    MOST_WIRES,
    equal_gates,
    is_matrix_of,
)
from qml_qdl.hardware.qiskit.conversion.imported import (
    FUNCTIONS,
    OPERATIONS,
    AngleExpression,
    ImportedGate,
)


def imported_gates(
    quantum_circuit: QuantumCircuit,
    wires: tuple[int, ...],
    sources: Mapping[Parameter, AngleExpression],
) -> list[ImportedGate]:
    """The gates of a circuit, or of a gate's definition, on some wires.

    Args:
        quantum_circuit: Gates only.
        wires: For each qubit the position of its wire.
        sources: What each parameter is.

    Returns:
        The gates, the global phase last. A reset is one named "reset", for
        `without_resets`.

    Raises:
        ArgumentError: It has something that is no gate, or is not what it says it is,
            or an angle that cannot be computed.
    """
    gates: list[ImportedGate] = []
    places = {qubit: place for place, qubit in enumerate(quantum_circuit.qubits)}
    for instruction in quantum_circuit.data:
        where = tuple(wires[places[qubit]] for qubit in instruction.qubits)
        gates += _gate(instruction.operation, where, sources)
    phase = _angle(quantum_circuit.global_phase, sources)
    return gates + [ImportedGate("global_phase", (), (phase,))] * (phase != 0)


def _gate(
    operation: Any, wires: tuple[int, ...], sources: Mapping[Parameter, AngleExpression]
) -> list[ImportedGate]:
    """One of Qiskit's operations: by its class, or what it is defined to be."""
    if isinstance(operation, AnnotatedOperation):
        return _annotated(operation, wires, sources)
    if type(operation) is Barrier:
        return [ImportedGate("barrier", wires)]
    if type(operation) is Delay:  # which is for machines
        return []
    if isinstance(operation, Reset):
        return [ImportedGate("reset", wires)]
    if type(operation) in (BoxOp, ForLoopOp, Clifford):
        return [
            gate
            for part in _parts(operation)
            for gate in imported_gates(part, wires, sources)
        ]
    known = _known(operation, wires, sources)
    if known is not None and _is_as_made(operation):
        return known
    defined = _defined(operation, wires, sources, known)
    if known is None:
        return defined
    if len(wires) > MOST_WIRES:
        return known if _is_qiskits(operation) else defined
    if equal_gates(known, defined):
        return known
    if _kind(operation) is ControlledGate:
        return defined
    raise ArgumentError(
        f"quantum_circuit: {operation.name!r} is a {type(operation).__name__}, but its "
        f"definition is not that of Qiskit's {_kind(operation).__name__}; derive it "
        "from Gate, or give it the definition of that gate"
    )


def _parts(operation: Any) -> Iterator[QuantumCircuit]:
    """The circuits that something is, one after the other, which has no definition."""
    if isinstance(operation, Clifford):
        yield operation.to_circuit()
    elif isinstance(operation, BoxOp):
        yield operation.body
    else:
        values, symbol, body = operation.params
        for value in values:
            # A variable that is no parameter can be in no angle.
            has_it = isinstance(symbol, Parameter) and symbol in body.parameters
            yield body.assign_parameters({symbol: value}) if has_it else body


def _permutation(operation: lib.PermutationGate) -> QuantumCircuit:
    return synth_permutation_basic(operation.pattern)


def _weighted_sum(operation: lib.WeightedSumGate) -> QuantumCircuit:
    """Adds weights by phases, which takes no more qubits, as Qiskit's way does."""
    terms, count = operation.num_state_qubits, operation.num_sum_qubits
    total = range(terms, terms + count)
    circuit = QuantumCircuit(terms + count)
    circuit.append(lib.QFTGate(count), total)
    for term, weight in enumerate(operation.params):
        for place, qubit in enumerate(total):
            circuit.cp(2 * math.pi * weight * 2.0 ** (place - count), term, qubit)
    circuit.append(lib.QFTGate(count).inverse(), total)
    return circuit


def _evolution(operation: lib.HamiltonianGate) -> QuantumCircuit:
    """exp(−itH) in the basis of H's eigenstates, where all words of it commute."""
    matrix, time = operation.params
    energies, states = np.linalg.eigh(matrix)
    diagonal = SparsePauliOp.from_operator(np.diag(energies), atol=1e-12)
    circuit = QuantumCircuit(operation.num_qubits)
    circuit.unitary(states.conj().T, circuit.qubits)
    circuit.append(lib.PauliEvolutionGate(diagonal, time), circuit.qubits)
    circuit.unitary(states, circuit.qubits)
    return circuit


_UNDEFINED: Mapping[type, Callable[[Any], QuantumCircuit]] = {
    lib.HamiltonianGate: _evolution,
    lib.PermutationGate: _permutation,
    lib.WeightedSumGate: _weighted_sum,
}
"""What makes a circuit of gates that Qiskit does not define, or only for numbers."""


def _known(
    operation: Any, wires: tuple[int, ...], sources: Mapping[Parameter, AngleExpression]
) -> list[ImportedGate] | None:
    """What the operation is by its class; None where that is no known one."""
    if isinstance(operation, lib.IGate):
        return []
    if isinstance(operation, tuple(_UNDEFINED)):
        made = next(m for kind, m in _UNDEFINED.items() if isinstance(operation, kind))
        return imported_gates(made(operation), wires, sources)
    if isinstance(operation, lib.UnitaryGate):
        return [_unitary(operation.params[0], wires)]
    kind = _kind(operation)
    if isinstance(operation, ControlledGate) and kind is not lib.CUGate:
        return _known_controlled(operation, wires, sources)
    if kind not in _standard():
        return None
    name = _standard()[kind].name
    if name in OPERATIONS:
        angles = _angles(operation.params, sources)
        if len({isinstance(angle, tuple) for angle in angles}) > 1:
            return _turns(angles, wires)
        return [ImportedGate(name, wires, angles)]
    state = {"ctrl_state": operation.ctrl_state} if kind is lib.CUGate else {}
    anew = kind(*operation.params, **state)  # whose definition nobody changed
    return imported_gates(anew.definition, wires, sources)


def _turns(
    angles: tuple[AngleExpression, ...], wires: tuple[int, ...]
) -> list[ImportedGate]:
    """A U of numbers and symbols: apart, so that the numbers stay such."""
    # U2 is the U whose first angle is π/2.
    middle, last, first = (math.pi / 2, *angles)[-3:]
    phase = ("Mul", 0.5, ("Add", last, first))
    return [
        ImportedGate("rz", wires, (first,)),
        ImportedGate("ry", wires, (middle,)),
        ImportedGate("rz", wires, (last,)),
        ImportedGate("global_phase", (), (phase,)),
    ]


def _known_controlled(
    operation: ControlledGate,
    wires: tuple[int, ...],
    sources: Mapping[Parameter, AngleExpression],
) -> list[ImportedGate] | None:
    """What is controlled, with controls; None where it is more than that."""
    base, count = operation.base_gate, operation.num_ctrl_qubits
    if base is None or base.num_qubits + count != len(wires):
        return None  # as with wires for work, or several targets
    if len(base.params) != len(_standard().get(_kind(base), base).params):
        return None  # as a CU with more controls, whose base is given its phase, too
    try:
        gates = _gate(base, wires[count:], sources)
    except ArgumentError:
        if _is_qiskits(operation):
            raise
        return None  # but perhaps it has a definition of its own
    return _controlled(gates, wires[:count], operation.ctrl_state)


def _defined(
    operation: Any,
    wires: tuple[int, ...],
    sources: Mapping[Parameter, AngleExpression],
    known: list[ImportedGate] | None,
) -> list[ImportedGate]:
    """What the operation is defined to be, by other operations or by its matrix.

    Where neither is, what is known of it, if anything.
    """
    try:
        definition = getattr(operation, "definition", None)
    except (CircuitError, TypeError) as error:  # as for RV of symbols
        raise ArgumentError(f"quantum_circuit: {error}; use other gates") from error
    has_matrix = len(wires) <= MOST_WIRES and hasattr(operation, "__array__")
    if definition is not None and not operation.num_clbits:
        try:
            gates = imported_gates(definition, wires, sources)
        except _NoGateError as error:
            raise _NoGateError(operation.name, error.inner, error.repair) from error
    elif known is not None:
        gates = known
    elif has_matrix and isinstance(operation, Gate) and not _symbols(operation):
        return [_checked_unitary(operation, wires)]
    else:
        raise _NoGateError(operation.name, operation.name, _repair(operation))
    if has_matrix and not _is_qiskits(operation):
        _check_matrix(operation, gates, wires, sources)
    return gates


class _NoGateError(ArgumentError):
    """Something in a circuit is no gate, or made of what is none."""

    def __init__(self, name: str, inner: str, repair: str) -> None:
        self.inner, self.repair = inner, repair
        made = "is no gate" if name == inner else f"has a {inner!r}, which is no gate"
        super().__init__(f"quantum_circuit: {name!r} {made}; {repair}")


def _repair(operation: Any) -> str:
    """What to do about an operation that is no gate."""
    if isinstance(operation, Measure | lib.PauliProductMeasurement):
        return (
            "remove it (quantum_circuit.remove_final_measurements() does so at the "
            "end) and choose a readout with with_readout"
        )
    if isinstance(operation, ControlFlowOp | BreakLoopOp | ContinueLoopOp | Store):
        return (
            "a circuit U(x, θ) decides nothing while it runs: leave only the gates of "
            "the branch that is meant"
        )
    return "give it a definition made of gates, or a matrix, or remove it"


def without_resets(gates: Sequence[ImportedGate]) -> Iterator[ImportedGate]:
    """Gates without the resets, which do nothing to qubits that are still in `|0⟩`.

    Args:
        gates: As `imported_gates` makes them.

    Yields:
        All others.

    Raises:
        ArgumentError: A qubit is reset after something has acted on it.
    """
    used: set[int] = set()
    for gate in gates:
        if gate.name != "reset":
            yield gate
            if gate.name != "barrier":
                used.update(gate.wires)
        elif gate.controls or gate.adjoint or used.intersection(gate.wires):
            raise ArgumentError(
                f"quantum_circuit: qubit {gate.wires[-1]} is reset, or initialised, "
                "after gates have acted on it, which no U(x, θ) does; begin with that, "
                "or leave it out (for initialize there is prepare_state)"
            )


def _check_matrix(
    operation: Any,
    gates: Sequence[ImportedGate],
    wires: tuple[int, ...],
    sources: Mapping[Parameter, AngleExpression],
) -> None:
    """Refuses a gate of a user's whose matrix and definition are not the same."""

    def matrix(numbers: Sequence[float]) -> Any:
        copy, given = operation.to_mutable(), iter(numbers)
        copy.params = [
            next(given) if isinstance(number, ParameterExpression) else number
            for number in operation.params
        ]
        return copy.to_matrix()

    angles = _angles(_symbols(operation), sources)
    if not is_matrix_of(matrix, angles, gates, wires):
        raise ArgumentError(
            f"quantum_circuit: the matrix of {operation.name!r}, a "
            f"{type(operation).__name__}, is not that of its definition; change one "
            "of them"
        )


def _symbols(operation: Any) -> list[ParameterExpression]:
    return [p for p in operation.params if isinstance(p, ParameterExpression)]


def _checked_unitary(operation: Any, wires: tuple[int, ...]) -> ImportedGate:
    """A gate that is defined by its matrix only."""
    matrix, size = np.asarray(operation.to_matrix(), dtype=complex), 2 ** len(wires)
    if matrix.shape != (size, size) or not is_unitary_matrix(matrix):
        raise ArgumentError(
            f"quantum_circuit: {operation.name!r} has no unitary matrix of shape "
            f"({size}, {size}), got {matrix.shape}; mend its __array__, or give it a "
            "definition"
        )
    return _unitary(matrix, wires)


def _unitary(matrix: Any, wires: tuple[int, ...]) -> ImportedGate:
    # Qiskit's matrices begin with the last qubit.
    rows = tuple(map(tuple, np.asarray(matrix, dtype=complex).tolist()))
    return ImportedGate("unitary", wires[::-1], rows)


@lru_cache(maxsize=1)
def _standard() -> dict[type, Gate]:
    """The classes of Qiskit's standard gates, with a gate of each."""
    standard = lib.get_standard_gate_name_mapping().values()
    return {gate.base_class: gate for gate in standard if isinstance(gate, Gate)}


@lru_cache(maxsize=1)
def _bases() -> dict[type, type]:
    """For each of Qiskit's controlled gates what it does when its controls are set."""
    standard = lib.get_standard_gate_name_mapping().values()
    return {
        **{
            gate.base_class: gate.base_gate.base_class
            for gate in standard
            if isinstance(gate, ControlledGate)
        },
        lib.C3XGate: lib.XGate,
        lib.MCXGate: lib.XGate,
        lib.MCPhaseGate: lib.PhaseGate,
        lib.MCU1Gate: lib.U1Gate,
    }


def _kind(operation: Any) -> type:
    """The first of its classes that is Qiskit's."""
    kinds: tuple[type, ...] = operation.base_class.__mro__
    return next(kind for kind in kinds if kind.__module__.startswith("qiskit."))


def _is_qiskits(operation: Any) -> bool:
    """Whether its class is one of Qiskit's own, and says what it is."""
    # Gates without angles are of classes made for their only instances.
    kind = getattr(operation, "base_class", type(operation))
    own = bool(kind.__module__.startswith("qiskit."))
    return own and kind is not ControlledGate  # which is whatever it is made of


def _is_as_made(operation: Any) -> bool:
    """Whether it is one of Qiskit's own gates, which nobody defined anew."""
    if not _is_qiskits(operation):
        return False
    if not operation.mutable:
        return True
    if operation._definition is not None:
        return False
    if not isinstance(operation, ControlledGate):
        return True
    kinds = (_bases().get(kind) for kind in operation.base_class.__mro__)
    base = next(filter(None, kinds), None)
    return base is operation.base_gate.base_class and _is_as_made(operation.base_gate)


def _annotated(
    operation: AnnotatedOperation,
    wires: tuple[int, ...],
    sources: Mapping[Parameter, AngleExpression],
) -> list[ImportedGate]:
    """An operation with modifiers, the last of which is applied last."""
    controls = sum(getattr(m, "num_ctrl_qubits", 0) for m in operation.modifiers)
    gates = _gate(operation.base_op, wires[controls:], sources)
    for modifier in operation.modifiers:
        if type(modifier) not in (InverseModifier, PowerModifier, ControlModifier):
            raise ArgumentError(
                f"quantum_circuit: {operation.base_op.name!r} has the modifier "
                f"{modifier!r}; expected inverses, powers and controls"
            )
        power = getattr(modifier, "power", 1)
        if power != int(power):
            raise ArgumentError(
                f"quantum_circuit: expected a whole power of {operation.base_op.name!r}"
                f", got {power}; write what it is with other gates"
            )
        if isinstance(modifier, InverseModifier) or power < 0:
            gates = [evolve(gate, adjoint=not gate.adjoint) for gate in gates[::-1]]
        gates = gates * abs(int(power))
        if isinstance(modifier, ControlModifier):
            count = modifier.num_ctrl_qubits
            chosen = wires[controls - count : controls]
            gates = _controlled(gates, chosen, modifier.ctrl_state)
            controls -= count
    return gates


def _controlled(
    gates: Sequence[ImportedGate], wires: tuple[int, ...], state: int
) -> list[ImportedGate]:
    """Gates with more controls; the last bit of the state is the first one's."""
    bits = tuple(bool(state >> place & 1) for place in range(len(wires)))
    return [
        evolve(gate, wires=wires + gate.wires, controls=bits + gate.controls)
        for gate in gates
        if gate.name != "barrier"
    ]


def _angles(
    numbers: Sequence[Any], sources: Mapping[Parameter, AngleExpression]
) -> tuple[AngleExpression, ...]:
    return tuple(_angle(number, sources) for number in numbers)


def _angle(
    number: Any, sources: Mapping[Parameter, AngleExpression]
) -> AngleExpression:
    """A number or parameter expression as a plain value."""
    if not isinstance(number, ParameterExpression):
        return float(number)
    strange = [p.name for p in number.parameters if p not in sources]
    if strange:
        raise ArgumentError(
            f"quantum_circuit: a gate's definition has the parameters {strange}, which "
            "are not those of the circuit; give the gate its parameters as params"
        )
    if isinstance(number, Parameter):
        return sources[number]
    expression = number.sympify()
    if expression is NotImplemented:  # what Qiskit 2.6 says to a number's power
        raise ArgumentError(
            f"quantum_circuit: the angle {number} has a number to the power of a "
            "parameter; write 2**p as (p * math.log(2)).exp()"
        )
    return _expression(expression, {p.name: sources[p] for p in number.parameters})


def _expression(node: Any, sources: Mapping[str, AngleExpression]) -> AngleExpression:
    """A sympy expression as a plain value."""
    if node.is_Symbol:
        return sources[node.name]
    if node.is_number and node.is_real:
        return float(node)
    name = type(node).__name__
    if name == "conjugate":  # of what is real
        return _expression(node.args[0], sources)
    if name not in FUNCTIONS:
        raise ArgumentError(
            f"quantum_circuit: the angle {node} is made with {name!r}; expected sums, "
            f"products, powers and {sorted(set(FUNCTIONS) - {'Add', 'Mul', 'Pow'})}"
        )
    return (name, *(_expression(argument, sources) for argument in node.args))
