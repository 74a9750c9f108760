"""Devices that keep the state they compute: one run at a time."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from threading import RLock, local
from typing import Any

from pennylane.devices import Device
from pennylane.queuing import AnnotatedQueue, QueuingManager

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


RECORDING: Any = AnnotatedQueue._lock
"""PennyLane records every circuit of a process in one queue, under this lock."""


class _OwnQueues(local):
    """The queues that a thread records in, in place of those of PennyLane's process.

    Gates that are made without the lock, as where PennyLane decomposes them or binds
    shifted parameters on the way back, would be recorded by whichever thread records
    then, and `stop_recording` would take its queue away: circuits gained and lost
    gates, or left the lock locked for ever.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []

    def __bool__(self) -> bool:
        return bool(self.stack)

    def __getitem__(self, place: int) -> Any:
        return self.stack[place]

    def append(self, queue: Any) -> None:
        """Records in a queue."""
        self.stack.append(queue)

    def pop(self) -> Any:
        """Records in the queue before."""
        return self.stack.pop()


def _stop_recording(cls: Any) -> Iterator[None]:
    """What `QueuingManager.stop_recording` does, for one thread."""
    own = cls._active_contexts
    before, own.stack = own.stack, []
    try:
        yield
    finally:
        own.stack = before


def _separate_threads() -> None:
    """Gives each thread queues of its own, once for the process."""
    manager: Any = QueuingManager
    if isinstance(manager._active_contexts, _OwnQueues):
        return  # without waiting for a thread that records
    with RECORDING:  # so that no other thread records
        if not isinstance(manager._active_contexts, _OwnQueues):
            own = _OwnQueues()
            own.stack = manager._active_contexts
            # Functions that it decorates hold the function, so its code is changed.
            manager.stop_recording.__wrapped__.__code__ = _stop_recording.__code__
            manager._active_contexts = own


def recorded_alone(device: Any) -> AbstractContextManager[Any]:
    """Keeps other threads from PennyLane's queue while a QNode is built and run.

    Args:
        device: The QNode's device.

    Returns:
        What to run the QNode in; nothing where it waits for jobs of a service.
    """
    _separate_threads()
    return nullcontext() if traits_of(device).costs_jobs else RECORDING


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
    _separate_threads()
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
        with RECORDING:
            return run(device, *args, **options)

    return waiting
