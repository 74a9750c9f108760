"""Jobs of a model: which run and step they belong to, so that none is paid twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from qml_qdl.circuits.validation import check_text, check_type, validate_call
from qml_qdl.hardware.jobs.cost import Cost
from qml_qdl.hardware.jobs.executor import RemoteExecutor, costing, no_machine
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.traits import traits_of
from qml_qdl.nn.layer import QuantumLayer


@validate_call
def record_jobs(model: nn.Module, journal: str | Path, run: str) -> bool:
    """Makes all jobs of a model part of a run, from now on.

    A execution that runs again under the same run finds its jobs in the journal:
    results are read, jobs that still run are waited for, and only what was never sent
    is sent. Layers that run locally have no jobs, and nothing changes for them.

    Args:
        model: Any torch module.
        journal: The file of the journal; made when the first job is sent.
        run: The run, unique within the journal.

    Returns:
        Whether the model has layers that send jobs.
    """
    executors = remote_executors(model)
    for name, executor in executors.items():
        executor.record(journal, run, name)
    return bool(executors)


@validate_call
def begin_step(model: nn.Module, step: str | int) -> None:
    """Tells where a run is, so that a resumed one goes on there.

    Calls of a layer are counted within each step. A training of one's own calls this
    with the number of the step, which it keeps in its checkpoints.

    Args:
        model: What was given to `record_jobs`.
        step: The step; each name or number stands for one step of the run.
    """
    check_type("step", step, (str, int))
    check_text("step", str(step))
    for executor in remote_executors(model).values():
        executor.begin(str(step))


@validate_call
def resend_jobs(journal: str | Path) -> int:
    """Has jobs of which it is unclear whether they were made sent anew, and paid.

    A job whose reply was lost, and that the service does not list under its tag
    (`SubmissionUnclear`), is never sent again by itself: it may appear later. After
    this the next run of the execution sends it again. If the first one was made after
    all, both are paid.

    Args:
        journal: The file of the journal.

    Returns:
        How many jobs the next run will send anew.

    Raises:
        JournalError: There is no such journal, or it is damaged.
    """
    known = Journal(journal, create=False)
    unclear = [job for job in known.last_attempts() if known.is_unclear(job)]
    for job in unclear:
        known.resend(job)
    return len(unclear)


def sender_of(device: Any) -> RemoteExecutor | None:
    """What sends a device's jobs.

    Args:
        device: A PennyLane device.

    Returns:
        The executor; None for a device that runs here.
    """
    return device.executor.sender if traits_of(device).costs_jobs else None


def remote_executors(model: nn.Module) -> dict[str, RemoteExecutor]:
    """What sends the jobs of a model.

    Args:
        model: Any torch module.

    Returns:
        Executors by the name of the (first) quantum layer that each serves; none for
        layers that run locally.
    """
    found: dict[str, RemoteExecutor] = {}
    for name, device in _devices(model):
        sender = sender_of(device)
        if sender is not None and sender not in found.values():
            found[name] = sender
    return found


@contextmanager
def detached(model: nn.Module) -> Iterator[None]:
    """Within it a model's jobs are sent without waiting for them.

    Each call that sent some raises `Detached`, which names them.

    Args:
        model: Any torch module.
    """
    with ExitStack() as stack:
        for executor in remote_executors(model).values():
            stack.enter_context(executor.detached())
        yield


@contextmanager
def estimated(model: nn.Module) -> Iterator[list[Cost]]:
    """Within it nothing is sent; what each call would have cost is noted instead.

    Results are zeros.

    Args:
        model: Any torch module.

    Yields:
        The costs so far, one for each call of a quantum layer.

    Raises:
        TargetError: A layer runs on no machine, and not on the model of one.
    """
    costs: list[Cost] = []
    with ExitStack() as stack:
        for device in dict(_devices(model)).values():
            if not traits_of(device).costs_jobs:
                raise no_machine(device.name)
            noting = costing(device.executor, costs)
            stack.enter_context(device.standing_in(noting))
        yield costs


def _devices(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Each device of a model's quantum layers, by the name of the first one on it."""
    found: list[Any] = []
    for name, module in model.named_modules():
        if isinstance(module, QuantumLayer):
            device = module.qnode.device
            if not any(device is other for other in found):
                found.append(device)
                yield name or "layer", device
