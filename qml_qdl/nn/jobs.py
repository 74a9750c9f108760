"""Jobs of a model: which run and step they belong to, so that none is paid twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.targets import is_qiskit
from qml_qdl.nn.layer import QuantumLayer

if TYPE_CHECKING:
    from qml_qdl.hardware.jobs.cost import Cost
    from qml_qdl.hardware.jobs.remote import RemoteExecutor


def record_jobs(model: nn.Module, journal: str | Path, run: str) -> bool:
    """Makes all jobs of a model part of a run, from now on.

    A program that runs again under the same run finds its jobs in the journal: results
    are read, jobs that still run are waited for, and only what was never sent is sent.
    Layers that run locally have no jobs, and nothing changes for them.

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


def begin_step(model: nn.Module, step: str | int) -> None:
    """Tells where a run is, so that a resumed one goes on there.

    Calls of a layer are counted within each step. A training of one's own calls this
    with the number of the step, which it keeps in its checkpoints.

    Args:
        model: What was given to `record_jobs`.
        step: The step; each name or number stands for one step of the run.
    """
    for executor in remote_executors(model).values():
        executor.begin(str(step))


def resend_jobs(journal: str | Path) -> int:
    """Has jobs of which it is unclear whether they were made sent anew, and paid.

    A job whose reply was lost, and that the service does not list under its tag
    (`SubmissionUnclear`), is never sent again by itself: it may appear later. After
    this the next run of the program sends it again. If the first one was made after
    all, both are paid.

    Args:
        journal: The file of the journal.

    Returns:
        How many jobs the next run will send anew.

    Raises:
        JournalError: There is no such journal, or it is damaged.
    """
    from qml_qdl.hardware.jobs.journal import Journal

    known = Journal(journal, create=False)
    unclear = [job for job in known.last_attempts() if known.is_unclear(job)]
    for job in unclear:
        known.resend(job)
    return len(unclear)


def remote_executors(model: nn.Module) -> dict[str, RemoteExecutor]:
    """What sends the jobs of a model.

    Args:
        model: Any torch module.

    Returns:
        Executors by the name of the (first) quantum layer that each serves; none for
        layers that run locally.
    """
    found: dict[str, RemoteExecutor] = {}
    for name, device in _qiskit_devices(model):
        from qml_qdl.hardware.jobs.remote import RemoteExecutor

        executor = device.executor
        while hasattr(executor, "executor"):  # mitigated
            executor = executor.executor
        if isinstance(executor, RemoteExecutor) and executor not in found.values():
            found[name] = executor
    return found


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
    elsewhere = [
        module.qnode.device.name
        for module in model.modules()
        if isinstance(module, QuantumLayer) and not is_qiskit(module.qnode.device)
    ]
    if elsewhere:
        raise TargetError(
            f"target: what jobs cost can be told for a machine, got {elsewhere[0]}; "
            "use 'ibm:ibm_NAME', 'ibm:least_busy', or without an account the model of "
            "a machine, 'aer:fake_NAME'"
        )
    from qml_qdl.hardware.jobs.estimating import EstimatingExecutor

    devices = [device for _, device in _qiskit_devices(model)]
    executors = [device.executor for device in devices]
    costs: list[Cost] = []
    standing_in = [EstimatingExecutor(executor, costs) for executor in executors]
    for device, executor in zip(devices, standing_in, strict=True):
        device.executor = executor
    try:
        yield costs
    finally:
        for device, executor in zip(devices, executors, strict=True):
            device.executor = executor


def _qiskit_devices(model: nn.Module) -> Iterator[tuple[str, Any]]:
    for name, module in model.named_modules():
        if isinstance(module, QuantumLayer) and is_qiskit(module.qnode.device):
            yield name or "layer", module.qnode.device
