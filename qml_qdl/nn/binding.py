"""Circuits and QNodes bound to a target: the QNodes that run."""

from __future__ import annotations

from typing import Any

import pennylane as qml
from pennylane.devices import ExecutionConfig

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.hardware.targets import Target, make_device
from qml_qdl.hardware.traits import traits_of
from qml_qdl.nn.options import Shots
from qml_qdl.nn.qnodes import without_measurements


def circuit_qnode(
    circuit: Circuit,
    target: Target,
    shots: Shots,
    diff_method: str,
    options: TargetOptions,
    connected: Any = None,
) -> Any:
    """A circuit as a QNode.

    Args:
        circuit: The circuit.
        target: A target's name or device.
        shots: A number, or None or "keep" for exact results.
        diff_method: PennyLane's name, or "best".
        options: What the target is told besides.
        connected: The target's device, if there is one already: its connection, and
            the run that its jobs belong to, are kept.

    Returns:
        A PennyLane QNode with the torch interface.

    Raises:
        TargetError: The target is unknown or cannot run what is asked of it.
        ArgumentError: The target has no such `diff_method`.
    """
    device = connected
    if device is None:
        device = make_device(target, circuit.wires, options)
    else:
        # What a new device would have.
        given: Any = target if isinstance(target, qml.devices.Device) else None
        own = given and given.options.mitigation
        device = device.changed(mitigation=options.mitigation or own)
        if given is None and diff_method == "best":
            diff_method = traits_of(device).gradients[0]
    device, diff_method = _fitted(device, diff_method, options)
    traits = traits_of(device)
    count = None if shots == "keep" else shots
    readout, wires = circuit.readout, circuit.wires
    if readout.needs_state_vector(wires):
        _check_state(circuit, device, count)
    readout.check(wires, count)
    arguments = _arguments(device, diff_method, options)
    fast = traits.fast_adjoint and diff_method in ("best", "adjoint")
    if fast and count is None and readout.is_mean(wires):
        diff_method, arguments = "adjoint", {"device_vjp": True}
    without = _has_no_gradient(device, diff_method, circuit, count)
    try:
        return qml.QNode(
            circuit if traits.gradients else without_measurements(circuit),
            device,
            interface="torch",
            diff_method=None if without else diff_method,
            shots=count,
            **arguments,
        )
    except (qml.exceptions.QuantumFunctionError, ValueError) as error:
        raise _wrong_method(diff_method, device, error) from error


def _has(device: Any, method: str, circuit: Circuit, count: int | None) -> bool:
    """Whether a device has a way of its own to the gradients of a readout."""
    measured = circuit.readout.measurements(circuit.wires)
    script = qml.tape.QuantumScript([], measured, shots=count)
    config = ExecutionConfig(gradient_method=method, interface="torch")
    with qml.queuing.AnnotatedQueue():  # what is tried here no other thread may record
        return bool(device.supports_derivatives(config, script))


def _has_no_gradient(
    device: Any, diff_method: str, circuit: Circuit, count: int | None
) -> bool:
    """Whether PennyLane would have none of a readout, or, by shift rules, a wrong one.

    Raises:
        ArgumentError: Just that was asked for.
    """
    if traits_of(device).gradients:
        return False
    readout, wires = circuit.readout, circuit.wires
    if readout.needs_shots(wires):
        return True
    if not readout.needs_state(wires) or diff_method in _OF_STATES:
        return False
    if diff_method == "best":
        return not _has(device, "backprop", circuit, count)
    if not _has(device, diff_method, circuit, count):
        raise ArgumentError(
            f"diff_method: {diff_method!r} has no gradients of {readout!r}, which is "
            "not linear in the state; use 'best' or 'backprop' with target='auto' or "
            "'default.qubit'"
        )
    return False


_OF_STATES = ("None", "finite-diff", "spsa")
"""Ways to gradients of which none takes what is measured for linear in the state."""


def _fitted(device: Any, diff_method: str, options: TargetOptions) -> tuple[Any, str]:
    """A device with gradients of its own, which computes them as was asked for."""
    own = traits_of(device).gradients
    if not own or diff_method == "None":
        return device, diff_method
    if diff_method not in ("best", *own):
        names = ", ".join(map(repr, own))
        raise ArgumentError(
            f"diff_method: {diff_method!r} does not go with {device.name}, whose "
            f"gradients come from shifted circuits; use 'best', {names}"
        )
    asked = {
        "gradient": None if diff_method == "best" else diff_method,
        "spsa_directions": options.spsa_directions,
        "fuse_gradient": options.fuse_gradient,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    return device.changed(**given), "best"


def _fitted_changes(
    qnode: Any, changes: dict[str, Any], options: TargetOptions
) -> dict[str, Any]:
    """What to change of a QNode, with what gradients of the device's and SPSA need."""
    device = changes.get("device", qnode.device)
    method = changes.get("diff_method", qnode.diff_method)
    own = traits_of(device).gradients
    if not own:
        return {**changes, **_arguments(device, method, options)}
    if "diff_method" not in changes and method not in ("best", *own):
        return changes  # a way of PennyLane's that the QNode chose for itself
    device, method = _fitted(device, method, options)
    if device is not qnode.device:
        changes = {**changes, "device": device}
    if "diff_method" not in changes and method == qnode.diff_method:
        return changes
    return {**changes, "diff_method": method}


def _arguments(device: Any, diff_method: Any, options: TargetOptions) -> dict[str, Any]:
    """How PennyLane's SPSA is told its directions."""
    own = traits_of(device).gradients
    if own or diff_method != "spsa" or options.spsa_directions is None:
        return {}
    return {"gradient_kwargs": {"num_directions": options.spsa_directions}}


def _check_state(circuit: Circuit, device: Any, count: int | None) -> None:
    if count is not None or not traits_of(device).state_vector:
        raise TargetError(
            f"target: the state is known only to a state vector simulator without "
            f"shots, got {device.name} with shots={count}; read out expectation values "
            "or probabilities instead"
        )
    if device.wires is not None and tuple(device.wires) != circuit.wires:
        # PennyLane gives the state of the device's wires in the device's order.
        raise TargetError(
            f"target: the state is that of the wires {list(circuit.wires)} in this "
            f"order, but {device.name} has {list(device.wires)}; make the device with "
            "the circuit's wires, or give the target by its name"
        )


def _wrong_method(diff_method: Any, device: Any, error: Exception) -> ArgumentError:
    return ArgumentError(
        f"diff_method: {diff_method!r} does not go with {device.name}: {error}"
    )


def moved_qnode(
    qnode: Any,
    target: Target | None,
    shots: Shots,
    diff_method: str,
    options: TargetOptions,
) -> Any:
    """A QNode on another target, or with other shots.

    Args:
        qnode: A PennyLane QNode.
        target: A target's name or device; None keeps the QNode's own.
        shots: A number, None for exact results, "keep" for the QNode's own.
        diff_method: PennyLane's name; "best" keeps the QNode's own on its own device.
        options: What the target is told besides.

    Returns:
        A QNode; the same one if nothing changes.

    Raises:
        TargetError: The target is unknown or cannot run what is asked of it.
        ArgumentError: The target has no such `diff_method`.
    """
    changes: dict[str, Any] = {}
    if diff_method != "best":
        changes["diff_method"] = diff_method
    wires = qnode.device.wires or None
    device = make_device(qnode.device if target is None else target, wires, options)
    if device is not qnode.device:
        changes["device"] = device
    if target is not None:
        # A method named for the old device, adjoint say, may not exist on the new one.
        changes.setdefault("diff_method", "best")
        changes["device_vjp"] = False
    changes = _fitted_changes(qnode, changes, options)
    kept = qnode.shots
    if changes:
        device = changes.get("device", qnode.device)
        try:
            # PennyLane warns where the new device does not carry the QNode's shots.
            qnode = qml.set_shots(qnode, kept).update(**changes)
        except (qml.exceptions.QuantumFunctionError, ValueError) as error:
            raise _wrong_method(changes["diff_method"], device, error) from error
    if shots != "keep":
        qnode = qml.set_shots(qnode, shots)
    return qnode
