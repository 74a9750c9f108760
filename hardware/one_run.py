"""Devices that keep the state they compute: one run at a time."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager, nullcontext
from threading import RLock
from typing import Any

from pennylane.devices import Device
from pennylane.queuing import AnnotatedQueue

from qml_qdl.hardware.traits import traits_of

_RUNS = (
    "execute",
    "compute_derivatives",
    "execute_and_compute_derivatives",
    "compute_jvp",
    "execute_and_compute_jvp",
    "compute_vjp",
    "execute_and_compute_vjp",
)
"""The methods of PennyLane devices that run circuits."""

_CLASSES: dict[Any, Any] = {}
"""For each class of devices the one whose runs wait."""

_MAKING = RLock()


# PennyLane records every circuit of a process in one queue under this lock, but takes
# the queue away without it where it decomposes gates (`stop_recording`): then circuits
# that other threads record lose gates, or leave the lock locked for ever.
_RECORDING: Any = AnnotatedQueue._lock


def recorded_alone(device: Any) -> AbstractContextManager[Any]:
    """Keeps other threads from PennyLane's queue while a QNode is built and run.

    Args:
        device: The QNode's device.

    Returns:
        What to run the QNode in; nothing where it waits for jobs of a service.
    """
    return nullcontext() if traits_of(device).costs_jobs else _RECORDING


def one_run_at_a_time(device: Any) -> Any:
    """Lets every run on a device wait until the one before has ended.

    The Lightning devices, among others, keep the state vector in themselves: two
    threads that run at once, forwards or backwards, read each other's numbers.

    Args:
        device: A PennyLane device; it is the device itself that is changed, so that all
            layers and QNodes it serves wait for each other. Those of other such devices
            wait, too: see `recorded_alone`.

    Returns:
        The device.
    """
    if traits_of(device).stateless:
        return device
    with _MAKING:
        if not hasattr(type(device), "runs_wait"):
            kind: Any = type(device)
            if kind not in _CLASSES:
                _CLASSES[kind] = _waiting(kind)
            device.__class__ = _CLASSES[kind]
    return device


def _waiting(kind: Any) -> Any:
    """The class whose runs wait; PennyLane looks at what a device defines itself."""
    own = [name for name in _RUNS if getattr(kind, name) is not getattr(Device, name)]
    body = {name: _alone(getattr(kind, name)) for name in own}
    names = ("__module__", "__qualname__", "__doc__")
    body |= {name: getattr(kind, name) for name in names}
    body["runs_wait"] = True
    return type(kind.__name__, (kind,), body)


def _alone(run: Any) -> Any:
    @functools.wraps(run)
    def waiting(device: Any, *args: Any, **options: Any) -> Any:
        with _RECORDING:
            return run(device, *args, **options)

    return waiting
