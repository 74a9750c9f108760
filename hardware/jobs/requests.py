"""Requests: pubs in the gates of a machine, ready to be sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qml_qdl.hardware.jobs.client import JobPub, JobRequest, Kind
from qml_qdl.hardware.qiskit.executors.isa import IsaCache
from qml_qdl.hardware.tapes.executor import Pub


def make_request(
    kind: Kind,
    pubs: Sequence[Pub],
    shots: int,
    isa: IsaCache,
    options: Mapping[str, Any],
    max_execution_time: int,
) -> JobRequest:
    """Brings pubs into the gates of a machine.

    Args:
        kind: "sample" or "estimate".
        pubs: Circuits and rows.
        shots: Shots of every row.
        isa: What transpiles for the machine.
        options: What else the service is told, by name.
        max_execution_time: QPU seconds after which the service shall stop.

    Returns:
        The request.
    """
    return JobRequest(
        kind,
        tuple(_job_pub(pub, isa) for pub in pubs),
        shots,
        dict(options),
        max_execution_time,
    )


def plain_request(
    kind: Kind, pubs: Sequence[Pub], shots: int, options: Mapping[str, Any]
) -> JobRequest:
    """The same for no machine: what a job's results are read by.

    Args:
        kind: "sample" or "estimate".
        pubs: Circuits and rows.
        shots: Shots of every row.
        options: What else the service is told, by name.

    Returns:
        A request of equal content, whose circuits no machine can run.
    """
    return JobRequest(
        kind,
        tuple(
            JobPub(pub.circuit, pub.angles, _digest(pub), pub.observables)
            for pub in pubs
        ),
        shots,
        dict(options),
        max_execution_time=0,
    )


def _job_pub(pub: Pub, isa: IsaCache) -> JobPub:
    known = isa.get(pub.circuit, pub.digest)
    # A parameter that turned out not to matter is gone from the transpiled circuit.
    columns = [known.names.index(one.name) for one in known.circuit.parameters]
    layout = known.circuit.layout
    width = known.circuit.num_qubits
    return JobPub(
        known.circuit,
        np.ascontiguousarray(pub.angles[:, columns]),
        _digest(pub),
        tuple(
            observable.apply_layout(layout, num_qubits=None if layout else width)
            for observable in pub.observables
        ),
    )


def _digest(pub: Pub) -> str:
    terms = [
        [(label, number.real, number.imag) for label, number in one.to_list()]
        for one in pub.observables
    ]
    text = json.dumps([pub.digest, terms])
    return hashlib.sha256(text.encode()).hexdigest()
