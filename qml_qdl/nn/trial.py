"""Trials: what a target cannot run is found before the first call."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pennylane as qml
import torch
from pennylane.exceptions import WireError

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    QdlError,
    TargetError,
)
from qml_qdl.circuits.purity import exact_key, is_pure
from qml_qdl.circuits.repeatable import is_repeatable
from qml_qdl.hardware.device import TapeDevice
from qml_qdl.hardware.one_run import recorded_alone
from qml_qdl.hardware.preprocessing import plain
from qml_qdl.hardware.simulator.modes import is_transformed
from qml_qdl.hardware.traits import traits_of
from qml_qdl.nn.qnodes import function_name

_MOST_GUESSED = 16
"""Up to here every number of features is tried, after it the powers of two."""

_MOST_WIRES = 10
_LONGEST = 200

Shapes = Mapping[str, tuple[int, ...]]
"""The shape of each argument, by name."""


def refuse_what_fails(
    source: Any, qnode: Any, diff_method: str, weights: Shapes, inputs: Shapes
) -> None:
    """Refuses a circuit that its target cannot run, where that can be known.

    The quantum function is called on stand-ins, if nobody would notice, and what it
    queues is brought into the form that the device runs; nothing runs. Gradients are
    looked at where a way to them was named: else nobody may want any.

    Args:
        source: A `Circuit`, or the QNode as it was given.
        qnode: The QNode on its target.
        diff_method: How gradients were asked for; "best" or "None" where nobody did.
        weights: The shapes of trained arguments.
        inputs: The shapes of one row of each input; () where it is not known, and
            numbers of features are tried.

    Raises:
        TargetError: The target cannot run it.
        ArgumentError: There are no gradients of the kind that was named.
        ArgumentTypeError: Its results are no tensors.
        MemoryBoundError: It needs more memory than there is.
    """
    busy = torch._C._len_torch_dispatch_stack() or is_transformed()
    if busy or not may_be_called(source):
        return
    if diff_method == "best" and _is_plain(source):
        _check_plain(source, qnode)
        return
    function = source if isinstance(source, Circuit) else source.func
    with _undisturbed(qnode.device):
        for arguments in _stand_ins(source, weights, inputs):
            try:
                tape = qml.tape.make_qscript(function)(**arguments)
            except Exception:  # whatever a function made for other inputs may raise
                continue
            _check(qnode, arguments, tape, function_name(qnode))
            if diff_method not in ("best", "None"):
                trained = _trained(source, arguments, weights)
                _check_gradients(qnode, diff_method, trained, tape)
            return


def _trained(source: Any, arguments: Mapping[str, Any], weights: Shapes) -> Any:
    """The same arguments with weights that want gradients."""
    given = arguments["weights"] if isinstance(source, Circuit) else arguments
    wanted = {name: given[name].clone().requires_grad_() for name in weights}
    if isinstance(source, Circuit):
        return {**arguments, "weights": wanted}
    return {**arguments, **wanted}


def may_be_called(source: Any) -> bool:
    """Whether one call more of a quantum function would be noticed by nobody.

    Args:
        source: A `Circuit`, or a QNode.
    """
    if not isinstance(source, Circuit):
        return is_repeatable(source.func)
    parts = (*source.blocks, source.readout)
    return all(is_pure(part) or is_repeatable(part) for part in parts)


def _is_plain(source: Any) -> bool:
    """Whether it is made of this library's own gates and readouts, without choices."""
    if not isinstance(source, Circuit) or exact_key(source) is None:
        return False
    return not any(getattr(block, "measured", False) for block in source.blocks)


def _check_plain(circuit: Circuit, qnode: Any) -> None:
    """Checks what every target has: only sizes and readouts are left to look at."""
    if isinstance(qnode.device, TapeDevice):
        with qml.QueuingManager.stop_recording():
            gates = [qml.Identity(wire) for wire in circuit.wires]
            measured = circuit.readout.measurements(circuit.wires)
            tape = qml.tape.QuantumScript(gates, measured, shots=qnode.shots)
            qnode.device.check_tape(tape)


@contextmanager
def _undisturbed(device: Any) -> Iterator[None]:
    """Keeps the global generators of random numbers, PennyLane's queue and warnings."""
    # NumPy's old generator is the global one, which users' functions may take from.
    numpys: Any = np.random.mtrand._rand
    kept = random.getstate(), numpys.get_state(), torch.get_rng_state()
    try:
        with (
            recorded_alone(device),
            qml.QueuingManager.stop_recording(),
            warnings.catch_warnings(),
            torch.no_grad(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(kept[0])
        numpys.set_state(kept[1])
        torch.set_rng_state(kept[2])


def _stand_ins(
    source: Any, weights: Shapes, inputs: Shapes
) -> Iterator[dict[str, Any]]:
    """Arguments for a quantum function, the likeliest first."""
    trained: dict[str, Any] = {k: _numbers(shape) for k, shape in weights.items()}
    if isinstance(source, Circuit):
        data = {name: _numbers((source.num_inputs,)) for name in inputs}
        yield {**data, "weights": trained}
        return
    if all(inputs.values()):
        known = {name: _numbers(shape) for name, shape in inputs.items()}
        yield {**known, **trained}
        yield {**{name: x[None] for name, x in known.items()}, **trained}
        return
    large = [2**n for n in range(5, _MOST_WIRES + 1)]
    for size in [*range(1, _MOST_GUESSED + 1), *large]:
        for shape in ((size,), (1, size)):
            yield {**{name: _numbers(shape) for name in inputs}, **trained}


def _numbers(shape: Sequence[int]) -> Any:
    """Numbers that are an angle each, and together a state."""
    size = max(1, shape[-1] if shape else 1)
    return torch.full(tuple(shape), size**-0.5, dtype=torch.float64, device="cpu")


def _check(qnode: Any, arguments: Mapping[str, Any], tape: Any, name: str) -> None:
    device = qnode.device
    tape = tape.copy(shots=qnode.shots)
    own = isinstance(device, TapeDevice)
    node = qnode if own else plain(qnode, trained=traits_of(device).fast_adjoint)
    try:
        _refuse_everywhere(tape, device)
        tapes, _ = qml.workflow.construct_batch(node, level="device")(**arguments)
        if own:
            for each in tapes:
                device.check_tape(each)
    except QdlError:
        raise
    except Exception as error:  # PennyLane's, of many kinds
        said = " ".join(str(error).split()).rstrip(".")
        said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
        raise TargetError(
            f"target: {device.name} cannot run {name}: {said}; "
            f"{_repair(tape, device, error)}"
        ) from error


def _check_gradients(
    qnode: Any, diff_method: str, arguments: Mapping[str, Any], tape: Any
) -> None:
    """Makes the circuits for gradients by one gate of each kind, and runs none."""
    kinds = qml.measurements
    linear = (kinds.ExpectationMP, kinds.ProbabilityMP, kinds.VarianceMP)
    device, own = qnode.device, traits_of(qnode.device).gradients
    try:
        told = [isinstance(m, linear) and not _is_sparse(m) for m in tape.measurements]
        if own and not all(told):
            raise ValueError(
                "gradients flow through expectation values, variances and "
                "probabilities only"
            )
        if own:
            return
        config = qml.workflow.construct_execution_config(qnode)(**arguments)
        if not callable(config.gradient_method):
            return
        if any(type(one) is kinds.StateMP for one in tape.measurements):
            raise ValueError("a state is complex")
        options = config.gradient_keyword_arguments
        tapes, _ = qml.workflow.construct_batch(qnode, level="gradient")(**arguments)
        for each in tapes:
            config.gradient_method(_with_few_trained(each), **options)
    except Exception as error:  # PennyLane's, of many kinds
        said = " ".join(str(error).split()).rstrip(".")
        raise ArgumentError(
            f"diff_method: {diff_method!r} does not go with {device.name} and this "
            f"circuit: {said}; use 'best'"
        ) from error


def _with_few_trained(tape: Any) -> Any:
    """The tape with one trained parameter of each kind of gate."""
    first: dict[tuple[type, int], int] = {}
    # As PennyLane's execution does; some of its expansions have all for trained.
    numbers = tape.get_parameters(trainable_only=False)
    for number in sorted(qml.math.get_trainable_indices(numbers)):
        entry = tape.par_info[number]
        if entry["op_idx"] < len(tape.operations):
            first.setdefault((type(entry["op"]), entry["p_idx"]), number)
    return tape.copy(trainable_params=sorted(first.values()))


def _refuse_everywhere(tape: Any, device: Any) -> None:
    """Refuses what some devices notice only when they run."""
    kinds = qml.measurements
    if any(isinstance(one, kinds.CountsMP) for one in tape.measurements):
        raise ArgumentTypeError(
            "circuit_or_qnode: the QNode counts outcomes in a dictionary; a layer "
            "needs measurements that are tensors, such as qml.probs or qml.sample"
        )
    qutrits = [
        operation.name
        for operation in tape.operations
        if type(operation).__module__.startswith("pennylane.ops.qutrit")
    ]
    if qutrits and not device.name.startswith("default.qutrit"):
        raise TargetError(
            f"target: {device.name} has qubits, got {qutrits[0]}; use "
            "target='default.qutrit.mixed'"
        )
    if tape.shots and any(map(_is_sparse, tape.measurements)):
        raise TargetError(
            f"shots: {device.name} measures no sparse matrix with shots, got "
            f"{tape.shots.total_shots}; use shots=None, or qml.pauli_decompose"
        )


def _is_sparse(measurement: Any) -> bool:
    return isinstance(measurement.obs, qml.SparseHamiltonian)


def _repair(tape: Any, device: Any, error: Exception) -> str:
    """What to do about a tape that a device cannot run."""
    kinds = qml.measurements
    shadows = (kinds.ClassicalShadowMP, kinds.ShadowExpvalMP)
    if any(isinstance(op, qml.operation.Channel) for op in tape.operations):
        return "use target='default.mixed', or a noisy machine, target='aer:fake_NAME'"
    if any(getattr(op, "postselect", None) is not None for op in tape.operations):
        return "use target='qdl.simulator', or select among samples afterwards"
    if isinstance(error, WireError):
        return (
            "give the device more wires, one for each measurement on the way after "
            "which its wire is used again"
        )
    if any(isinstance(m, shadows) for m in tape.measurements):
        return "use target='qdl.simulator' with shots"
    if not tape.shots and not all(
        isinstance(m, kinds.StateMeasurement) for m in tape.measurements
    ):
        return "pass shots=1000, say"
    if tape.shots and not all(
        isinstance(m, kinds.SampleMeasurement) for m in tape.measurements
    ):
        return (
            "use shots=None on a simulator, or read out expectation values of Pauli "
            "words, or probabilities"
        )
    if "decomposition" in str(error):
        return "define compute_decomposition, or a matrix, of the operation"
    return "use another target, such as 'default.qubit'"
