"""Targets: the names of where a circuit runs, and the PennyLane devices behind them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import pennylane as qml
import torch
from attrs import asdict

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import ArgumentTypeError, MemoryBoundError, TargetError
from qml_qdl.circuits.purity import is_pure
from qml_qdl.circuits.validation import as_items, as_wires, did_you_mean, validate_call
from qml_qdl.hardware.device import TapeDevice
from qml_qdl.hardware.one_run import one_run_at_a_time
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.hardware.seeds import Seeds, feed
from qml_qdl.hardware.simulator.functions import Function, FunctionRunner
from qml_qdl.hardware.simulator.memory import rows_at_once
from qml_qdl.hardware.simulator.runner import CircuitRunner
from qml_qdl.hardware.simulator.sampling import ShotRunner, is_sampled_by_rows
from qml_qdl.hardware.tapes.device import ExecutorDevice
from qml_qdl.hardware.traits import traits_of

Target: TypeAlias = str | Any
"""A target's name, a PennyLane device or a Qiskit backend."""

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

OF_JOBS = ("account", "max_qpu_seconds")
"""Options that the device of any service takes to which jobs are sent."""

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


def is_service(target: Any) -> bool:
    """Whether a target is a name of the form "service:machine".

    Args:
        target: Anything.

    Example:
        >>> is_service("ibm:least_busy"), is_service("lightning.qubit")
        (True, False)
    """
    return isinstance(target, str) and ":" in target


@validate_call
def make_device(
    target: Target,
    wires: Sequence[Hashable] | None,
    options: TargetOptions | None = None,
) -> Any:
    """The PennyLane device of a target.

    Args:
        target: "auto", the name of a Qiskit backend ("aer", "aer:fake_torino",
            "ibm:ibm_torino", "ibm:least_busy"), that of an installed PennyLane device,
            after a colon also of one of its machines ("service:machine" is the device
            "service" with `backend="service:machine"`, and `account` and
            `max_qpu_seconds` where they are told), a device, or a Qiskit backend:
            Aer's simulator, a machine of IBM's or any other `BackendV2`.
        wires: Labels of the wires; None lets the device find them in each circuit.
        options: What the target is told. It takes what it has a use for: only Qiskit
            backends mitigate errors, only where IBM is asked there is an account. A
            level of resilience has an IBM machine's estimator give expectation values.

    Returns:
        The device; a device comes back as it is, but for a seed and a mitigation that
        are asked for. A backend's own options are honoured as they are now. If the
        device keeps a state, its runs wait for each other, as `one_run_at_a_time` has
        it.

    Raises:
        ArgumentTypeError: The target is neither a name, a device nor a backend.
        ArgumentError: A device was given whose other options do not go with them.
        TargetError: The name is unknown, the device cannot be made, or it lacks wires.

    Example:
        >>> make_device("auto", range(4)).name
        'qdl.simulator'
    """
    told = options or TargetOptions()
    wires = as_wires(wires) if wires is not None and as_items(wires) != () else wires
    if isinstance(target, qml.devices.Device):
        missing = set(wires or ()) - set(target.wires or wires or ())
        if missing:
            raise TargetError(
                f"target: the circuit needs the wires {list(wires or ())}, but "
                f"{target.name} has {list(target.wires)}; make the device with the "
                "circuit's wires"
            )
        return _as_told(target, told)
    name: Any = target
    if not isinstance(name, str) and not _is_of_qiskit(name):
        raise ArgumentTypeError(
            "target: expected a target's name, a PennyLane device or a Qiskit backend, "
            f"got {target!r}"
        )
    if name == "auto":
        name = choose_target(len(wires) if wires is not None else 0)
    labels: dict[str, Any] = {} if wires is None else {"wires": list(wires)}
    if not isinstance(name, str) or is_qiskit_name(name):
        from qml_qdl.hardware.qiskit.backends import fitted

        # What is wrong with such a name or object, its own errors say best.
        backend = asdict(fitted(told, name), recurse=False)
        return qml.device(QISKIT, backend=name, **labels, **backend)
    name, _, machine = name.partition(":")
    if machine:  # of a service that has a PennyLane device of its own
        labels["backend"] = target
        given = {each: getattr(told, each) for each in OF_JOBS}
        labels |= {each: value for each, value in given.items() if value is not None}
    if name not in qml.plugin_devices:
        known = available_targets()
        raise TargetError(
            f"target: unknown target {target!r}; available here: {', '.join(known)}"
            f"{did_you_mean(target, known)}"
        )
    try:
        device = qml.device(name, **labels)
    except ModuleNotFoundError:
        raise  # which says what to install
    except (qml.exceptions.DeviceError, ImportError, TypeError, ValueError) as error:
        raise TargetError(f"target: {target!r} cannot be made here: {error}") from error
    if traits_of(device).samples_anew and not isinstance(device, TapeDevice):
        feed(device, Seeds(told.seed))
    return _as_told(device, told)


def _is_of_qiskit(target: Any) -> bool:
    """Whether an object, or a class, is made from one of Qiskit's."""
    kind = target if isinstance(target, type) else type(target)
    return any(base.__module__.startswith("qiskit") for base in kind.__mro__)


def _as_told(device: Any, options: TargetOptions) -> Any:
    """A device that was not made for a backend's name, with what it understands."""
    if options.mitigation is not None and isinstance(device, ExecutorDevice):
        device = device.changed(mitigation=options.mitigation)
    if options.seed is not None and isinstance(device, TapeDevice):
        device = device.seeded(Seeds(options.seed))
    return one_run_at_a_time(device)


def direct_runner(device: Any, circuit: Circuit) -> CircuitRunner | None:
    """What runs a circuit without shots and without a tape.

    Args:
        device: A PennyLane device.
        circuit: The circuit.

    Returns:
        The runner, which runs the circuit's blocks a single time; None where the
        device or the readout needs PennyLane's way, or the circuit is not pure.
    """
    if device.name != SIMULATOR or not is_pure(circuit):
        return None
    if circuit.readout.needs_shots(circuit.wires):
        return None
    return CircuitRunner(circuit, device.memory, device.dtype)


def shot_runner(device: Any, circuit: Circuit) -> ShotRunner | None:
    """What samples shots of a circuit without a tape.

    Args:
        device: A PennyLane device.
        circuit: The circuit.

    Returns:
        The runner, as `direct_runner` gives one.
    """
    if device.name != SIMULATOR or not is_pure(circuit):
        return None
    measured = circuit.readout.measurements(circuit.wires)
    if not all(map(is_sampled_by_rows, measured)):
        return None
    return ShotRunner(circuit, device.seeds, device.memory, device.dtype)


def function_runner(
    device: Any, function: Function, *, shares: bool
) -> FunctionRunner | None:
    """What runs a quantum function without shots and without PennyLane's execution.

    Args:
        device: A PennyLane device.
        function: Takes inputs and weights, and returns what it measures.
        shares: See `FunctionRunner`.

    Returns:
        The runner, which calls the function at every run; None where the device is
        another one than our simulator.
    """
    if device.name != SIMULATOR:
        return None
    return FunctionRunner(device, function, shares=shares)
