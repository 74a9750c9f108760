"""What comes from Qiskit: circuits U(x, θ), and observables to read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr
from io import StringIO
from typing import Any, TypeAlias, overload

from qiskit import QuantumCircuit, qasm2, qasm3
from qiskit.circuit import Parameter, ParameterVector, ParameterVectorElement

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MissingPackageError,
)
from qml_qdl.circuits.validation import WiresLike, as_many_wires, validate_call
from qml_qdl.hardware.qiskit.conversion.imported import AngleExpression, ImportedGates
from qml_qdl.hardware.qiskit.conversion.instructions import (
    imported_gates,
    without_resets,
)
from qml_qdl.hardware.qiskit.conversion.observables import (
    Observable,
    as_sum,
    imported_observable,
)

Parameters: TypeAlias = (
    Parameter | ParameterVector | str | Iterable[Parameter | ParameterVector | str]
)
"""Qiskit parameters or vectors of them, themselves or by name, in order."""


@overload
def from_qiskit(
    quantum_circuit: Observable,
    inputs: None = None,
    weights: None = None,
    wires: WiresLike | None = None,
) -> Any: ...


@overload
def from_qiskit(
    quantum_circuit: QuantumCircuit,
    inputs: Parameters | None = None,
    weights: Parameters | None = None,
    wires: WiresLike | None = None,
) -> Circuit: ...


def from_qiskit(
    quantum_circuit: QuantumCircuit | Observable,
    inputs: Parameters | None = None,
    weights: Parameters | None = None,
    wires: WiresLike | None = None,
) -> Any:
    """A Qiskit circuit as a circuit U(x, θ), or an observable of Qiskit as PennyLane's.

    Every parameter is a number of x or of θ. Angles may be sums, products, powers and
    elementary functions of parameters: they are computed, with gradients, from what the
    circuit is given. Gates that PennyLane does not have come as what Qiskit defines
    them to be (a `PauliEvolutionGate`, for one, as its product formula). Loops are
    unrolled, boxes opened, and delays left out. Qubits begin in `|0⟩`: a reset, or
    `initialize`, is taken where nothing has acted on its qubits before.

    An observable becomes the operator that `Expectation` reads. Qubit i is wire i:
    Qiskit's "IZ" is Z on wire 0.

    Args:
        quantum_circuit: Gates only: no measurement, and nothing that depends on one. Or
            a `SparsePauliOp`, `SparseObservable` or `Pauli`.
        inputs: The parameters that are x, in order: Qiskit parameters, vectors of them,
            or the names of either. None for all that are not in `weights`, in the order
            of `quantum_circuit.parameters`.
        weights: The parameters that are θ, in order; None for all that are not in
            `inputs`. One of the two must be given if there are parameters.
        wires: For each qubit its wire label; None for 0 … n−1.

    Returns:
        A circuit of one block, which reads ⟨Z⟩ on every wire (`with_readout` changes
        that). Its weights are one tensor, "weights_0". Of an observable a PennyLane
        operator.

    Raises:
        ArgumentError: A parameter is named twice, not named, or not in the circuit; the
            circuit has something that is no gate; or a coefficient is no real number.
        ArgumentTypeError: An argument is of the wrong type.

    Example:
        >>> from qiskit.circuit.library import zz_feature_map, real_amplitudes
        >>> from qiskit.quantum_info import SparsePauliOp
        >>> from qml_qdl.circuits import Expectation
        >>> quantum_circuit = zz_feature_map(2, reps=1).compose(
        ...     real_amplitudes(2, reps=1)
        ... )
        >>> U = from_qiskit(quantum_circuit, inputs="x")
        >>> U.num_inputs, U.weight_shapes
        (2, {'weights_0': (4,)})
        >>> observable = from_qiskit(SparsePauliOp(["IZ", "XX"], [1.0, 0.5]))
        >>> observable
        Z(0) + 0.5 * (X(0) @ X(1))
        >>> U.with_readout(Expectation([observable])).output_shape
        (1,)
    """
    if isinstance(quantum_circuit, Observable):
        return _observable(quantum_circuit, inputs, weights, wires)
    if not isinstance(quantum_circuit, QuantumCircuit):
        raise ArgumentTypeError(
            "quantum_circuit: expected a Qiskit QuantumCircuit, SparsePauliOp, "
            f"SparseObservable or Pauli, got {type(quantum_circuit).__name__}"
        )
    labels = _labels(quantum_circuit, wires)
    features, trained = _divided(quantum_circuit, inputs, weights)
    sources: dict[Parameter, AngleExpression] = {
        parameter: (kind, place)
        for kind, chosen in (("input", features), ("weight", trained))
        for place, parameter in enumerate(chosen)
    }
    gates = imported_gates(quantum_circuit, tuple(range(len(labels))), sources)
    block = ImportedGates(
        labels, tuple(without_resets(gates)), len(features), len(trained)
    )
    return Circuit((block,))


@validate_call
def from_qasm(
    text: str,
    inputs: Parameters | None = None,
    weights: Parameters | None = None,
    wires: WiresLike | None = None,
) -> Circuit:
    """A circuit in OpenQASM 2 or 3 as a circuit U(x, θ).

    Measurements at its end are left out.

    Args:
        text: The program.
        inputs: The parameters of OpenQASM 3 that are x; see `from_qiskit`.
        weights: The parameters that are θ.
        wires: For each qubit its wire label; None for 0 … n−1.

    Returns:
        A circuit of one block; see `from_qiskit`.

    Raises:
        ArgumentError: It is no program, or has what is no gate.
        MissingPackageError: For OpenQASM 3 Qiskit needs another package.

    Example:
        >>> bell = from_qasm(
        ...     'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0]; cx q[0], q[1];'
        ... )
        >>> bell.wires, bell.num_inputs
        ((0, 1), 0)
    """
    version = re.search(r"^\s*OPENQASM\s+([23])", text, re.MULTILINE)
    if version is None:
        raise ArgumentError(
            f"text: expected a program that begins with OPENQASM 2 or 3, got "
            f"{text[:40]!r}"
        )
    loaded = _from_qasm2(text) if version[1] == "2" else _from_qasm3(text)
    plain = loaded.remove_final_measurements(inplace=False)
    return from_qiskit(plain, inputs, weights, wires)


def _from_qasm2(text: str) -> QuantumCircuit:
    try:
        legacy = qasm2.LEGACY_CUSTOM_INSTRUCTIONS
        return qasm2.loads(text, custom_instructions=legacy)
    except qasm2.QASM2ParseError as error:
        raise _no_program(error.message) from error


def _from_qasm3(text: str) -> QuantumCircuit:
    try:
        from openqasm3.parser import QASM3ParsingError
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "text: OpenQASM 3 is read by a package that is not installed; install it "
            "with pip install qiskit-qasm3-import"
        ) from error
    told = StringIO()
    try:
        with redirect_stderr(told):  # where the parser says what is wrong
            return qasm3.loads(text)
    except QASM3ParsingError as error:
        raise _no_program(told.getvalue().strip() or "it cannot be read") from error
    except qasm3.QASM3ImporterError as error:
        raise _no_program(error.message) from error


def _no_program(why: str) -> ArgumentError:
    return ArgumentError(f"text: expected a program in OpenQASM 2 or 3: {why}")


def _observable(
    observable: Observable, inputs: Any, weights: Any, wires: WiresLike | None
) -> Any:
    if inputs is not None or weights is not None:
        raise ArgumentError(
            f"inputs and weights: expected none with a {type(observable).__name__}, "
            f"which is no circuit, got {inputs!r} and {weights!r}; leave them out"
        )
    return imported_observable(as_sum(observable), _labels(observable, wires))


def _labels(given: Any, wires: WiresLike | None) -> Any:
    """The wire label of each qubit."""
    count = given.num_qubits
    if not count:
        raise ArgumentError("quantum_circuit: expected at least one qubit, got none")
    return as_many_wires(count if wires is None else wires, range(count))


def _divided(
    quantum_circuit: QuantumCircuit,
    inputs: Parameters | None,
    weights: Parameters | None,
) -> tuple[Sequence[Parameter], Sequence[Parameter]]:
    """The parameters that are inputs, and those that are weights, in order."""
    known = {p.name: p for p in quantum_circuit.parameters}
    features = _chosen("inputs", inputs, known)
    trained = _chosen("weights", weights, known)
    named: set[Parameter] = set()
    for parameter in (*features, *trained):
        if parameter in named:
            raise ArgumentError(
                f"inputs and weights: the parameter {parameter.name!r} is named "
                "twice; name every parameter once"
            )
        named.add(parameter)
    left = [p for p in known.values() if p not in named]
    if (inputs is None) is not (weights is None):
        return (left, trained) if inputs is None else (features, left)
    if left:
        raise ArgumentError(
            f"inputs and weights: the circuit's parameters {[p.name for p in left]} "
            "are in neither; name those of one of the two, and all others are the "
            "other, or give them numbers with quantum_circuit.assign_parameters"
        )
    return features, trained


def _chosen(
    argument: str, given: Parameters | None, known: Mapping[str, Parameter]
) -> list[Parameter]:
    """The parameters that an argument means, in order."""
    one = isinstance(given, Parameter | ParameterVector | str)
    items: Any = () if given is None else [given] if one else given
    if not isinstance(items, Iterable):
        raise ArgumentTypeError(
            f"{argument}: expected Qiskit parameters or their names, got {given!r}"
        )
    vectors = {
        parameter.vector.name: parameter.vector
        for parameter in known.values()
        if isinstance(parameter, ParameterVectorElement)
    }
    return [p for item in items for p in _meant(argument, item, known, vectors)]


def _meant(
    argument: str,
    item: Any,
    known: Mapping[str, Parameter],
    vectors: Mapping[str, ParameterVector],
) -> Sequence[Parameter]:
    """The parameters that one item of an argument means."""
    if not isinstance(item, Parameter | ParameterVector | str):
        raise ArgumentTypeError(
            f"{argument}: expected Qiskit parameters or their names, got {item!r}"
        )
    name = item if isinstance(item, str) else item.name
    if name in known and item in (name, known[name]):
        return [known[name]]
    if name in vectors and item in (name, vectors[name]):
        return list(vectors[name])
    raise ArgumentError(
        f"{argument}: {name!r} is no parameter of the circuit; it has "
        f"{sorted({*known} | {*vectors})}"
    )
