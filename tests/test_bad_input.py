"""What bad input gets: our error, never a wrong number or a trace from inside."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.bad_input.calls import CALLS
from tests.bad_input.fuzzer import FAST, Outcome, fuzz

ROOMS = (
    "circuits",
    "hardware",
    "nn",
    "models",
    "manybody",
    "renormalisation",
    "vqe",
    "tomography",
    "phases",
    "geometry",
    "kernels",
    "sklearn",
    "metrics",
    "data",
    "training",
)

NO_CALLS = {
    # Errors, and what is abstract.
    "circuits": {
        "ArgumentError",
        "ArgumentTypeError",
        "Block",
        "Encoding",
        "FeatureField",
        "Processing",
        "QdlError",
        "Readout",
        "ShapeError",
        "TensorNetwork",
    },
    # An error.
    "sklearn": {"UnfittedError"},
    # A result; and what tries every target and asks services, which takes seconds.
    "hardware": {"TargetStatus", "survey_targets"},
    # Results, what is abstract, and what needs a package that may be missing.
    "manybody": {
        "Descent",
        "Eigenstates",
        "Estimate",
        "Extrapolation",
        "MatrixProductState",
        "Means",
        "NeuralState",
        "Sampler",
        "Samples",
        "ScalingLaw",
        "SpinOperator",
        "Step",
        "Moment",
        "RingQuench",
        "StructureFactor",
        "SwapEstimate",
        "Tableau",
        "Trajectory",
        "Velocity",
        "Walkers",
        "dmrg",
    },
    "renormalisation": {
        "BlockedLattice",
        "InformationEstimate",
        "IsingSampler",
        "VariationalStep",
        "CRITICAL_COUPLING",
    },
    # Results, and what is abstract.
    "tomography": {
        "Comparison",
        "Estimator",
        "Origin",
        "ProcessReconstruction",
        "Reconstruction",
        "Rival",
        "Shadow",
        "ShadowEstimate",
        "Spread",
        "SymbolModel",
    },
    # A result.
    "geometry": {"RotationError"},
    # What is abstract, and a result.
    "kernels": {"GramReport", "Kernel"},
    "phases": {"Boundary", "Confusion", "Learner", "SnapshotNetwork", "System"},
    "vqe": {
        "Adapted",
        "Energy",
        "Expansion",
        "Growth",
        "Minimum",
        "Pool",
        "ShotPlan",
        "Solution",
    },
    "metrics": {"Manifold", "Quality"},
    "models": {"NoiseGenerator"},
    # What the library makes itself and gives back.
    "data": {"Split"},
    "training": {
        "Baseline",
        "Sampled",
        "Estimate",
        "Evaluation",
        "Fit",
        "Generative",
        "Line",
        "Predictions",
        "Recipe",
        "Report",
        "Run",
        "Supervised",
        "Task",
    },
}

STALLS = 120
"""Seconds without a word after which a worker is taken for hanging."""


class Wrong(NamedTuple):
    """A wrong call, and what came of it."""

    call: str
    argument: str
    kind: str
    outcome: Outcome
    text: str


def fuzzed() -> Iterator[Wrong]:
    """All wrong calls, made by workers that may die of one."""
    first, arguments = 0, [sys.executable, "-m", "tests.bad_input.fuzzer"]
    while first < len(CALLS):
        worker = subprocess.Popen(
            [*arguments, str(first)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert worker.stdout is not None
        name = list(CALLS)[first]
        while True:
            if not select.select([worker.stdout], [], [], STALLS)[0]:
                worker.kill()
            line = worker.stdout.readline()
            if not line:
                break
            index, name, argument, kind, outcome, text = json.loads(line)
            if argument is not None:
                yield Wrong(name, argument, kind, Outcome(outcome), text)
            first = index + 1
        worker.stdout.close()
        if worker.wait() and first <= len(CALLS):
            yield Wrong(name, "", "", Outcome.ENDLESS, f"exit {worker.returncode}")
        elif not worker.returncode:
            return


def table(found: list[Wrong]) -> str:
    """How many wrong calls ended how."""
    counts = Counter(wrong.outcome for wrong in found)
    lines = [f"{counts[outcome]:7} {outcome}" for outcome in Outcome]
    calls = len({wrong.call for wrong in found})
    return "\n".join([f"{len(found):7} wrong calls of {calls} callables", *lines])


def violations(found: list[Wrong]) -> list[str]:
    return [
        f"{wrong.call}({wrong.argument}={wrong.kind}): {wrong.outcome}: {wrong.text}"
        for wrong in found
        if wrong.outcome.is_violation
    ]


def public_names() -> list[str]:
    return [
        f"{room}.{name}"
        for room in ROOMS
        for name in import_module(f"qml_qdl.{room}").__all__
        if name not in NO_CALLS.get(room, ())
    ]


def test_every_public_callable_has_a_right_call() -> None:
    missing = [
        name for name in public_names() if callable(_object(name)) and name not in CALLS
    ]
    assert not missing


def _object(name: str) -> Any:
    room, _, attribute = name.partition(".")
    return getattr(import_module(f"qml_qdl.{room}"), attribute)


@pytest.mark.parametrize("name", FAST)
def test_wrong_arguments(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where relative paths lead
    found = [Wrong(name, *made) for made in fuzz(name)]
    assert not violations(found)


@pytest.mark.slow
def test_bad_input_of_every_callable(capsys: pytest.CaptureFixture[str]) -> None:
    found = list(fuzzed())
    with capsys.disabled():
        print("\n" + table(found))
    assert len({wrong.call for wrong in found}) > 200
    assert not violations(found)


def test_the_fuzzer_sees_each_kind_of_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(
        count: int = 1, flag: bool = True, name: str = "a", number: float = 1.0
    ) -> Any:
        if not isinstance(count, int):
            return count.attribute
        if number != 1.0:
            return float("nan")
        return name.upper() if flag else None

    monkeypatch.setattr(
        "tests.bad_input.fuzzer.CALLS", {"faulty": lambda: (faulty, {})}
    )
    found = {(wrong[0], wrong[1]): wrong[2] for wrong in fuzz("faulty")}
    assert found["count", "text"] is Outcome.LEAKED
    assert found["flag", "text"] is Outcome.SILENT
    assert found["name", "0"] is Outcome.LEAKED
    assert found["number", "2.5"] is Outcome.LOST
    assert found["count", "-1"] is Outcome.SILENT
