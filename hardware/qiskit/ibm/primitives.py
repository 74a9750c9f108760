"""IBM's primitives: what they are given, and what comes back."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import qiskit_ibm_runtime
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qml_qdl.circuits.errors import ArgumentError, JobError, TargetError
from qml_qdl.hardware.jobs.client import JobRequest, Results
from qml_qdl.hardware.tapes.executor import Estimates, Pub
from qml_qdl.hardware.tapes.outcomes import Bits

OPTIONS = ("dynamical_decoupling", "resilience_level", "twirling")
"""Options of a request, by name."""
SEQUENCES = ("XX", "XpXm", "XY4")
"""Sequences of dynamical decoupling."""
MARK = "qml_qdl"
"""Under this name our note travels in a circuit's metadata, there and back."""


def primitive_class(kind: str) -> Any:
    """IBM's Sampler or Estimator that prepares its programs on this side.

    IBM keeps them in modules of their own and will move them to the package's root,
    where classes of another make have the same names today; so they are known by what
    they can do.

    Args:
        kind: "sample" or "estimate".

    Returns:
        The class.

    Raises:
        TargetError: This version of IBM's client has no such class.
    """
    name = {"sample": "Sampler", "estimate": "Estimator"}[kind]
    for module_name in (f"executor_{name.lower()}", ""):
        path = ".".join(filter(None, ("qiskit_ibm_runtime", module_name)))
        try:
            found = getattr(importlib.import_module(path), name, None)
        except ImportError:
            continue
        if found is not None and hasattr(found, "finalize_options"):
            return found
    raise TargetError(
        f"target: qiskit-ibm-runtime {qiskit_ibm_runtime.__version__} has no {name} "
        "that this library knows; install 'qiskit-ibm-runtime>=0.51,<0.52'"
    )


def terms(observable: SparsePauliOp) -> list[tuple[str, float, float]]:
    """An observable's Pauli words with their coefficients.

    Args:
        observable: The observable.

    Returns:
        Labels, real and imaginary parts.
    """
    return [(word, number.real, number.imag) for word, number in observable.to_list()]


def run(request: JobRequest, tag: str, mode: Any) -> str:
    """Sends a request to IBM, once.

    Args:
        request: What the job shall do.
        tag: Its tag.
        mode: The backend, or a batch or session of it.

    Returns:
        The job's id.

    Raises:
        ArgumentError: An option is unknown, or has a value that cannot be used.
        TargetError: A circuit has bits outside registers.
    """
    primitive = primitive_class(request.kind)(mode=mode)
    options = primitive.options
    options.default_shots = request.shots
    options.max_execution_time = request.max_execution_time
    # Never private: the results of a private job can be read only once.
    options.environment.job_tags = [tag]
    _set_options(options, request.options, request.kind)
    pubs = [
        ibm_pub
        for index, pub in enumerate(request.pubs)
        for ibm_pub in _ibm_pubs(pub, index, request.kind)
    ]
    job_id: str = primitive.run(pubs).job_id()
    return job_id


def decode(result: Any, request: JobRequest, job_id: str) -> Results:
    """The outcomes or estimates in IBM's result.

    Args:
        result: IBM's result, however long after and in whatever process it was fetched.
        request: What the job was asked to do.
        job_id: The job, for messages.

    Returns:
        For each pub what its rows gave.

    Raises:
        JobError: The result is not one of this request.
    """
    try:
        parts = _parts(result, len(request.pubs))
        if request.kind == "sample":
            results: Results = [_bits(part, request.shots) for part in parts]
        else:
            results = [_estimates(part) for part in parts]
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise JobError(
            f"job {job_id}: its results are not those of this request "
            f"({type(error).__name__}: {error}); is it a job of this library?"
        ) from error
    for index, pub in enumerate(request.pubs):
        shape, expected = _shapes(results[index], pub, request)
        if shape != expected:
            raise JobError(
                f"job {job_id}: expected results {expected} of circuit {index}, got "
                f"{shape}"
            )
    return results


def _set_options(options: Any, given: Mapping[str, Any], kind: str) -> None:
    unknown = sorted(set(given) - set(OPTIONS))
    if unknown:
        raise ArgumentError(
            f"options: unknown option {unknown[0]!r}; known are {', '.join(OPTIONS)}"
        )
    if kind == "estimate":
        level = given.get("resilience_level", 0)
        if level not in (0, 1, 2):
            raise ArgumentError(
                f"resilience_level: expected 0, 1 or 2, got {level!r}; 0 mitigates "
                "nothing, 1 readout errors, 2 gate errors too"
            )
        options.resilience_level = level
    sequence = given.get("dynamical_decoupling") or False
    if sequence is not False:
        sequence = SEQUENCES[0] if sequence is True else sequence
        if sequence not in SEQUENCES:
            raise ArgumentError(
                f"dynamical_decoupling: expected True, False or one of "
                f"{', '.join(SEQUENCES)}, got {sequence!r}"
            )
        options.dynamical_decoupling.enable = True
        options.dynamical_decoupling.sequence_type = sequence
    twirling = given.get("twirling")
    if twirling is not None:
        if not isinstance(twirling, bool):
            raise ArgumentError(
                f"twirling: expected True, False or None, got {twirling!r}; None "
                "leaves it to the resilience level"
            )
        options.twirling.enable_gates = twirling
        options.twirling.enable_measure = twirling


def _ibm_pubs(pub: Pub, index: int, kind: str) -> list[tuple[Any, ...]]:
    """The pub as IBM's; rows without angles are as many pubs, for want of an axis."""
    circuit = _marked(pub.circuit, index, kind)
    observables = [[observable] for observable in pub.observables]
    middle = () if kind == "sample" else (observables,)
    if circuit.num_parameters:
        return [(circuit, *middle, pub.angles)]
    return [(circuit, *middle)] * pub.rows


def _marked(circuit: QuantumCircuit, index: int, kind: str) -> QuantumCircuit:
    """The circuit with our note: which pub it is, and the order of its bits."""
    registers = [(register.name, list(register)) for register in circuit.cregs]
    if kind == "sample":
        in_order = [bit for _, bits in registers for bit in bits]
        if in_order != list(circuit.clbits):
            raise TargetError(
                "circuit: its classical bits must lie in registers, one after the "
                f"other; got {len(circuit.clbits)} bits and the registers "
                f"{[name for name, _ in registers]}"
            )
    marked = circuit.copy()
    marked.metadata = {
        MARK: {"pub": index, "registers": [name for name, _ in registers]}
    }
    return marked


def _parts(result: Any, pubs: int) -> list[list[Any]]:
    """IBM's results of each pub."""
    parts: list[list[Any]] = [[] for _ in range(pubs)]
    for part in result:
        parts[part.metadata["circuit_metadata"][MARK]["pub"]].append(part)
    return parts


def _bits(parts: list[Any], shots: int) -> Bits:
    """Outcomes, (rows, shots, bits), in the order of the circuit's bits."""
    names = parts[0].metadata["circuit_metadata"][MARK]["registers"]
    rows = []
    for part in parts:
        arrays = [part.data[name].to_bool_array(order="little") for name in names]
        array = np.concatenate(arrays, axis=-1)
        rows.append(array if array.ndim == 3 else array[None])
    # Twirling rounds the shots up to whole randomisations.
    return np.concatenate(rows)[:, :shots].astype(np.uint8)


def _estimates(parts: list[Any]) -> Estimates:
    """Values and errors, (rows, observables); IBM's first axis is the observables."""
    values = [np.atleast_2d(part.data.evs).T for part in parts]
    errors = [np.atleast_2d(part.data.stds).T for part in parts]
    return Estimates(np.concatenate(values), np.concatenate(errors))


def _shapes(
    got: Bits | Estimates, pub: Pub, request: JobRequest
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(got, Estimates):
        return got.values.shape, (pub.rows, len(pub.observables))
    return got.shape, (pub.rows, request.shots, pub.circuit.num_clbits)
