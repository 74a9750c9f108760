"""Devices that keep the state they compute: one run at a time."""

from __future__ import annotations

import functools
from threading import RLock
from typing import Any

from pennylane.devices import Device

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


class _Turn:
    """The lock of one state: shared by shallow copies of a device, not by deep ones."""

    def __init__(self) -> None:
        self.lock = RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Turn, ()


def one_run_at_a_time(device: Any) -> Any:
    """Lets every run on a device wait until the one before has ended.

    The Lightning devices, among others, keep the state vector in themselves: two
    threads that run at once, forwards or backwards, read each other's numbers.

    Args:
        device: A PennyLane device; it is the device itself that is changed, so that all
            layers and QNodes it serves wait for each other.

    Returns:
        The device.
    """
    if traits_of(device).stateless:
        return device
    with _MAKING:
        if not hasattr(type(device), "runs_wait"):
            device.turn = _Turn()
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
        with device.turn.lock:
            return run(device, *args, **options)

    return waiting
