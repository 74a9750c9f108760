"""A small program of two calls on the loopback service, killable at will."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from qml_qdl.circuits.errors import SubmissionUnclear
from qml_qdl.hardware.jobs.executor import RemoteExecutor
from qml_qdl.hardware.jobs.waiting import Pace
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from qml_qdl.hardware.qiskit.transpilation import TranspilationCache
from qml_qdl.hardware.tapes.executor import Pub
from qml_qdl.hardware.tapes.outcomes import Counts
from tests.hardware.qiskit.loopback.setting import QUICK
from tests.hardware.qiskit.requests_for_tests import flips, ry_circuit

PACE = Pace(first=0.02, longest=0.05, grace=0.4, deadline=30.0)
CALLS = (("100", "011", "110"), ("001", "111"))
"""Rows of each of the program's two calls, which are also their outcomes."""
UNCLEAR = 4
"""The exit status of a program of which a job is unclear."""
ROWS = sum(len(rows) for rows in CALLS)


def make_executor(journal: Path) -> RemoteExecutor:
    """What runs the program, as a user's run would have it."""
    isa = partial(TranspilationCache, optimization_level=0)
    client = IBMClient("ibm:ibm_manila", retry=QUICK, isa=isa)
    executor = RemoteExecutor(client, pace=PACE)
    executor.record(journal, run="run", layer="layer")
    return executor


def run_program(journal: Path) -> list[Counts]:
    """Both calls of the program, one after the other."""
    executor = make_executor(journal)
    results = []
    for rows in CALLS:
        pub = Pub(ry_circuit(), flips(*rows), digest="ry")
        results += executor.sample([pub], shots=20)
    return results


def are_right(results: list[Counts]) -> bool:
    """Whether the outcomes are those of the program."""
    expected = [[[int(x) for x in row] for row in rows] for rows in CALLS]
    return len(results) == len(CALLS) and all(
        got.bits.shape == (len(rows), 20, 3)
        and np.all(got.bits == np.array(rows)[:, None])
        for got, rows in zip(results, expected, strict=True)
    )


def main(journal: Path, environment: Mapping[str, str]) -> None:
    """The program as a process of its own; ends with 3 if its results are wrong."""
    os.environ.clear()
    os.environ.update(environment)
    try:
        results = run_program(journal)
    except SubmissionUnclear:
        raise SystemExit(UNCLEAR) from None
    raise SystemExit(0 if are_right(results) else 3)
