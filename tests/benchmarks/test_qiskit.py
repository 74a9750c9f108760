"""A training step with shots on Aer: its time, its jobs, and what is spent around it.

And one of a circuit of Qiskit's. `qiskit_peer.py` sets them beside others.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pennylane as qml
import pytest

from qml_qdl.hardware.qiskit.aer import executor
from tests.benchmarks.qiskit_peer import (
    SHOTS,
    WIRES,
    ours,
    ours_from_qiskit,
    training,
)

ROWS = (8, 32)
CIRCUITS = 49
"""Circuits of one row: the plain one, and two for each of 24 weights."""
LIMIT = 3.0
"""Seconds that a step of 32 rows may take."""


def workload(rows: int) -> str:
    return f"Aer: {rows:2} rows, {WIRES} wires, {SHOTS:,} shots"


def aers_own_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aer draws every shot itself, instead of its probabilities being drawn from."""
    monkeypatch.setattr(executor, "is_sampled", lambda *arguments: False)


def around(step: Callable[[], None], times: int) -> tuple[list[float], list[float]]:
    """Processor seconds of whole steps, and of what lies around Aer's executor.

    Not of a clock on the wall: what other programs take would count as ours.
    """
    inside: list[float] = []
    sample = executor.AerExecutor.sample

    def measured(self: executor.AerExecutor, *arguments: Any) -> Any:
        start = time.process_time()
        found = sample(self, *arguments)
        inside.append(time.process_time() - start)
        return found

    whole: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor.AerExecutor, "sample", measured)
        for _ in range(times):
            start = time.process_time()
            step()
            whole.append(time.process_time() - start)
    assert len(inside) == times
    return whole, [w - i for w, i in zip(whole, inside, strict=True)]


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("sampler", ["probabilities", "Aer's own"])
def test_training_step(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, rows: int, sampler: str
) -> None:
    if sampler == "Aer's own":
        aers_own_sampler(monkeypatch)
    peer = "qml-qdl" if sampler == "probabilities" else "Aer's own sampler"
    benchmark.extra_info.update(workload=workload(rows), peer=peer, kind="step")
    step = training(ours(), rows)
    step()
    benchmark.pedantic(step, rounds=20 if peer == "qml-qdl" else 3, iterations=1)
    if peer == "qml-qdl" and rows == 32:
        assert benchmark.stats.stats.median < LIMIT


@pytest.mark.parametrize("rows", ROWS)
def test_training_step_of_a_qiskit_circuit(benchmark: Any, rows: int) -> None:
    benchmark.extra_info.update(
        workload=f"Qiskit's circuit: {rows:2} rows, {WIRES} wires",
        peer="qml-qdl",
        kind="step",
    )
    step = training(ours_from_qiskit(), rows)
    step()
    benchmark.pedantic(step, rounds=20, iterations=1)


@pytest.mark.parametrize("rows", ROWS)
def test_one_job_each_step_and_one_transpilation_in_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows: int
) -> None:
    monkeypatch.setenv("QML_QDL_CACHE", str(tmp_path))  # nothing is transpiled yet
    layer = ours()
    step = training(layer, rows)
    transpilations = 0
    for _ in range(3):
        with qml.Tracker(layer.execution.qnode.device) as tracker:
            step()
        totals = tracker.totals
        assert totals["jobs"] == totals["pubs"] == 1
        assert totals["rows"] == CIRCUITS * rows
        transpilations += totals["transpilations"]
    assert transpilations == 1


def test_what_lies_around_the_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan, packing, and reading the shots, beside a step with Aer's own sampler."""
    step = training(ours(), 32)
    step()
    whole, outside = map(statistics.median, around(step, 10))
    aers_own_sampler(monkeypatch)
    theirs, beside = map(statistics.median, around(step, 3))
    print(
        f"around the executor {outside * 1e3:.1f} ms of {whole * 1e3:.0f} ms; with "
        f"Aer's own sampler {beside * 1e3:.1f} ms of {theirs * 1e3:.0f} ms"
    )
    assert beside < 0.05 * theirs
