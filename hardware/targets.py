"""Targets: the names of where a circuit runs, and the PennyLane devices behind them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import pennylane as qml
import torch

from qml_qdl.circuits import Circuit, Samples
from qml_qdl.circuits.errors import ArgumentTypeError, MemoryBoundError, TargetError
from qml_qdl.hardware.simulator.memory import rows_at_once
from qml_qdl.hardware.simulator.runner import CircuitRunner

Target: TypeAlias = str | Any
"""A target's name, or a PennyLane device."""

SIMULATOR = "qdl.simulator"
"""The name of this library's own simulator."""


def available_targets() -> tuple[str, ...]:
    """The names of all targets that can be used here.

    Returns:
        "auto" and every installed PennyLane device, sorted.

    Example:
        >>> "lightning.qubit" in available_targets()
        True
    """
    return ("auto", *sorted(qml.plugin_devices))


def choose_target(num_wires: int) -> str:
    """The target that "auto" stands for.

    Args:
        num_wires: Wires of the circuit.

    Returns:
        "qdl.simulator", which was the faster one at all of 14 sizes measured (1 to 22
        wires, 1 to 64 rows, forward 2 to 300 times, with gradient 3 to 270 times); but
        "lightning.qubit", which needs less memory, where a single row does not fit.
    """
    try:
        rows_at_once(num_wires, torch.float32, torch.device("cpu"))
    except MemoryBoundError:
        return "lightning.qubit"
    return SIMULATOR


def make_device(target: Target, wires: Sequence[Hashable] | None) -> Any:
    """The PennyLane device of a target.

    Args:
        target: "auto", the name of an installed PennyLane device, or a device.
        wires: Labels of the wires; None lets the device find them in each circuit.

    Returns:
        The device; a device comes back as it is.

    Raises:
        ArgumentTypeError: The target is neither a name nor a device.
        TargetError: The name is unknown, the device cannot be made, or it lacks wires.

    Example:
        >>> make_device("auto", range(4)).name
        'qdl.simulator'
    """
    if isinstance(target, qml.devices.Device):
        missing = set(wires or ()) - set(target.wires or wires or ())
        if missing:
            raise TargetError(
                f"target: the circuit needs the wires {list(wires or ())}, but "
                f"{target.name} has {list(target.wires)}; make the device with the "
                "circuit's wires"
            )
        return target
    if not isinstance(target, str):
        raise ArgumentTypeError(
            f"target: expected a target's name or a PennyLane device, got {target!r}"
        )
    name = target
    if name == "auto":
        name = choose_target(len(wires) if wires is not None else 0)
    if name not in qml.plugin_devices:
        raise TargetError(
            f"target: unknown target {target!r}; available here: "
            f"{', '.join(available_targets())}"
        )
    options = {} if wires is None else {"wires": list(wires)}
    try:
        return qml.device(name, **options)
    except (qml.exceptions.DeviceError, ImportError, TypeError, ValueError) as error:
        raise TargetError(f"target: {target!r} cannot be made here: {error}") from error


STATE_VECTOR_DEVICES = (
    "default.qubit",
    "lightning.amdgpu",
    "lightning.gpu",
    "lightning.kokkos",
    "lightning.qubit",
    SIMULATOR,
    "reference.qubit",
)
"""Devices that can return the state vector."""


def has_state_vector(device: Any) -> bool:
    """Whether a device can return the state vector.

    Args:
        device: A PennyLane device.

    Returns:
        True for state vector simulators.
    """
    return device.name in STATE_VECTOR_DEVICES


def has_fast_adjoint(device: Any) -> bool:
    """Whether the device multiplies gradients into the adjoint method itself.

    Such a device wants `device_vjp=True`: PennyLane otherwise computes the whole
    Jacobian, already in the forward pass.

    Args:
        device: A PennyLane device.

    Returns:
        True for the Lightning family.
    """
    return str(device.name).startswith("lightning.")


def takes_batches(device: Any) -> bool:
    """Whether the device runs a batch of rows as one circuit.

    Args:
        device: A PennyLane device.

    Returns:
        False where the device takes batches apart into one circuit for each row, as
        the Lightning family does.
    """
    return not str(device.name).startswith("lightning.")


def direct_runner(device: Any, circuit: Circuit) -> CircuitRunner | None:
    """What runs a circuit without shots and without a tape.

    Args:
        device: A PennyLane device.
        circuit: The circuit.

    Returns:
        The runner; None where the device, or the readout, needs PennyLane's way.
    """
    if device.name != SIMULATOR or isinstance(circuit.readout, Samples):
        return None
    return CircuitRunner(circuit, device.memory)
