"""Targets: the names of where a circuit runs, and the PennyLane devices behind them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import pennylane as qml
import torch

from qml_qdl.circuits import Circuit, Samples
from qml_qdl.circuits.errors import ArgumentTypeError, MemoryBoundError, TargetError
from qml_qdl.circuits.purity import is_pure
from qml_qdl.hardware.one_run import one_run_at_a_time
from qml_qdl.hardware.simulator.memory import rows_at_once
from qml_qdl.hardware.simulator.runner import CircuitRunner

Target: TypeAlias = str | Any
"""A target's name, or a PennyLane device."""

SIMULATOR = "qdl.simulator"
"""The name of this library's own simulator."""

QISKIT = "qdl.qiskit"
"""The name of the device behind all Qiskit backends."""

QISKIT_TARGETS = (
    "aer",
    "aer:fake_NAME",
    "aer:ibm_NAME",
    "ibm:ibm_NAME",
    "ibm:least_busy",
)
"""The names of Qiskit backends; NAME stands for that of a machine."""

QISKIT_METHODS = ("parameter-shift", "spsa")
"""The ways to gradients on a Qiskit backend."""

_QISKIT_BEGINNINGS = ("aer:", "fake_", "ibm:", "ibm_")


def available_targets() -> tuple[str, ...]:
    """The names of all targets that can be used here.

    Returns:
        "auto", the forms of Qiskit's names, in which NAME stands for a machine's
        ("aer:fake_torino"), and every installed PennyLane device, sorted.

    Example:
        >>> "lightning.qubit" in available_targets()
        True
    """
    return ("auto", *QISKIT_TARGETS, *sorted(qml.plugin_devices))


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


def is_qiskit_name(name: str) -> bool:
    """Whether a target's name is that of a Qiskit backend.

    Args:
        name: A target's name.

    Returns:
        True for "aer", "fake_torino", "ibm:least_busy" and the like.
    """
    return name == "aer" or name.startswith(_QISKIT_BEGINNINGS)


def make_device(
    target: Target,
    wires: Sequence[Hashable] | None,
    resilience_level: int | None = None,
    account: str | None = None,
) -> Any:
    """The PennyLane device of a target.

    Args:
        target: "auto", the name of a Qiskit backend ("aer", "aer:fake_torino",
            "ibm:ibm_torino", "ibm:least_busy"), that of an installed PennyLane device,
            or a device.
        wires: Labels of the wires; None lets the device find them in each circuit.
        resilience_level: On "ibm:...": expectation values by IBM's estimator, with its
            error mitigation of this level. Other targets have no use for it.
        account: Where IBM is asked: the account's name; None for the default one.

    Returns:
        The device; a device comes back as it is. If it keeps a state, its runs wait for
        each other, as `one_run_at_a_time` has it.

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
        return one_run_at_a_time(target)
    if not isinstance(target, str):
        raise ArgumentTypeError(
            f"target: expected a target's name or a PennyLane device, got {target!r}"
        )
    name = target
    if name == "auto":
        name = choose_target(len(wires) if wires is not None else 0)
    options: dict[str, Any] = {} if wires is None else {"wires": list(wires)}
    if is_qiskit_name(name):
        if resilience_level is not None and name.startswith("ibm:"):
            options |= {"route": "estimator", "resilience_level": resilience_level}
        if account is not None:
            options["account"] = account
        # What is wrong with such a name, its own errors say best.
        return qml.device(QISKIT, backend=name, **options)
    if account is not None:
        raise TargetError(
            f"account: {target!r} asks nobody for an account, got {account!r}; leave "
            "it out, or use 'ibm:...'"
        )
    if name not in qml.plugin_devices:
        raise TargetError(
            f"target: unknown target {target!r}; available here: "
            f"{', '.join(available_targets())}"
        )
    try:
        return one_run_at_a_time(qml.device(name, **options))
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


def is_qiskit(device: Any) -> bool:
    """Whether a device runs a Qiskit backend.

    Args:
        device: A PennyLane device.

    Returns:
        True for `qdl.qiskit`.
    """
    return bool(device.name == QISKIT)


def with_gradient_options(device: Any, **options: Any) -> Any:
    """A Qiskit device that computes gradients in another way.

    Args:
        device: A device `qdl.qiskit`.
        **options: Options by name; None leaves one as it is.

    Returns:
        The device itself if nothing changes, else one that shares its backend.
    """
    given = {k: v for k, v in options.items() if v is not None}
    return device.changed(**given) if given else device


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
        The runner, which runs the circuit's blocks a single time; None where the
        device or the readout needs PennyLane's way, or the circuit is not pure.
    """
    if device.name != SIMULATOR or isinstance(circuit.readout, Samples):
        return None
    if not is_pure(circuit):
        return None
    return CircuitRunner(circuit, device.memory)
