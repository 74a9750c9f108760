"""Quenches as runs: what is asked, what is kept, and how they go on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.training import quench as quench_module
from qml_qdl.training.checkpoints import AtomicCheckpointIO
from qml_qdl.training.folders import LAST, PREVIOUS
from qml_qdl.training.quench import (
    QuenchOptions,
    QuenchReport,
    QuenchRun,
    begin_quench,
    carry_on_quench,
)

pytestmark = pytest.mark.usefixtures("without_pictures")


def asked(**changes: Any) -> QuenchOptions:
    options: dict[str, Any] = {
        "hamiltonian": "transverse_ising",
        "problem": {"size": 6, "h": 1.0},
        "after": {"h": 0.5},
        "time": 0.2,
        "descent_steps": 150,
    }
    return QuenchOptions(**{**options, **changes})


def done(folder: Path, **changes: Any) -> QuenchReport:
    return carry_on_quench(begin_quench(asked(**changes), runs_dir=folder))


def test_a_ring_stands_beside_what_is_known(tmp_path: Path) -> None:
    run = begin_quench(asked(), runs_dir=tmp_path, name="ring")
    report = carry_on_quench(run)
    assert report.method == "exact diagonalisation"
    assert report.initial_error is not None
    assert 0 <= report.initial_error < 1e-5
    assert set(report.exact) == {"x", "z", "zz_1", "zz_2", "zz_3"}
    assert report.deviation("x") < 1e-3
    assert report.deviation("zz_3") < 5e-3
    path = report.trajectory
    assert path.drift / abs(path.energies[0]) < 1e-4
    assert path.times[-1] == 0.2
    # What is in the folder is what was found.
    arrays = np.load(run.folder / "trajectory.npz")
    np.testing.assert_array_equal(arrays["x"], path.means("x"))
    np.testing.assert_array_equal(arrays["x_exact"], report.exact["x"])
    with open(run.folder / "trajectory.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["energy"]) for row in rows] == path.energies.tolist()
    assert (
        "Exact values by exact diagonalisation"
        in (run.folder / "report.md").read_text()
    )
    # It is finished: the same again costs no step.
    again = carry_on_quench(QuenchRun.open("ring", runs_dir=tmp_path))
    np.testing.assert_array_equal(again.trajectory.energies, path.energies)


def test_free_fermions_know_longer_rings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quench_module, "MOST_EXACT", 5)
    report = done(tmp_path)
    assert report.method == "free fermions"
    assert set(report.exact) == {"x", "zz_1"}
    assert report.deviation("x") < 1e-3
    assert report.deviation("zz_1") < 1e-3
    others: list[dict[str, Any]] = [
        {"problem": {"size": 6, "periodic": False}},
        {"problem": {"size": 6}, "after": {"coupling": 0.5}},
        {"problem": {"size": 6}, "after": {"longitudinal": 0.5}},
        {"problem": {"size": 6, "h": -1.0}},
    ]
    for each in others:
        found = quench_module._Quench.of(asked(**each), tmp_path)
        assert found.exact(np.zeros(1)) == ("", {})


@pytest.mark.parametrize(
    ("name", "problem", "after", "names"),
    [
        ("xxz", {"size": 6, "anisotropy": 0.5}, {"anisotropy": 1.5}, {"xy", "zz_1"}),
        (
            "heisenberg",
            {"lattice": "square", "size": [2, 2]},
            {"coupling": 0.5},
            {"xy", "zz"},
        ),
    ],
)
def test_other_hamiltonians(
    tmp_path: Path, name: str, problem: Any, after: Any, names: set[str]
) -> None:
    """Marshall's signs and kept magnetisations are those of the state."""
    report = done(tmp_path, hamiltonian=name, problem=problem, after=after)
    assert names <= set(report.exact)
    for each in names:
        assert report.deviation(each) < 1e-2
    assert report.trajectory.moments[0].infidelity is not None
    assert report.trajectory.infidelities.max() < 1e-2


def test_a_coupling_that_keeps_what_the_other_does_not(tmp_path: Path) -> None:
    """Without a field the magnetisation is kept, with one it is not."""
    found = quench_module._Quench.of(
        asked(problem={"size": 4, "h": 1.0}, after={"h": 0.0}), tmp_path
    )
    assert found.before.configurations.magnetisation is None
    with pytest.raises(ArgumentError, match="does not commute with Σ Z"):
        quench_module._Quench.of(
            asked(problem={"size": 4, "h": 0.0, "magnetisation": 0}), tmp_path
        )


SAMPLED: dict[str, Any] = {
    "sampler": "metropolis",
    "samples": 200,
    "method": "heun",
    "step_size": 0.05,
    "measure": "samples",
}


@pytest.mark.parametrize("stage", ["ground state", "evolution"])
@pytest.mark.parametrize(
    "options", [{}, {**SAMPLED, "blur": 0.2}], ids=["sum", "samples"]
)
def test_it_goes_on_bit_for_bit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    options: dict[str, Any],
) -> None:
    monkeypatch.setattr(quench_module, "_PAUSE", -1.0)  # a checkpoint each time
    monkeypatch.setattr(quench_module, "_JUDGED", 1000)
    options = {**options, "descent_steps": 20, "cutoff": 1e-4}
    whole = done(tmp_path, **options).trajectory
    run = begin_quench(asked(**options), runs_dir=tmp_path, name="broken")
    save = AtomicCheckpointIO.save_checkpoint
    left = [3]

    def stopped(self: Any, content: Any, path: Any) -> None:
        save(self, content, path)
        left[0] -= content["stage"] == stage
        if left[0] <= 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(AtomicCheckpointIO, "save_checkpoint", stopped)
        with pytest.raises(KeyboardInterrupt):
            carry_on_quench(run)
    # The last checkpoint may be damaged as well.
    (run.folder / LAST).write_bytes(b"half")
    assert (run.folder / PREVIOUS).exists()
    found = carry_on_quench(QuenchRun.open(run.folder)).trajectory
    for name, values in whole.as_arrays().items():
        np.testing.assert_array_equal(found.as_arrays()[name], values, err_msg=name)


def test_samples_have_error_bars(tmp_path: Path) -> None:
    report = done(tmp_path, **SAMPLED, descent_steps=20)
    assert report.trajectory.errors("x").min() > 0
    assert "standard error up to" in report.summary()["⟨x⟩ off by at most"]
    assert "±" in report.rows()[1][1]
    summed = done(tmp_path, **{**SAMPLED, "measure": "full"}, descent_steps=20)
    assert not summed.trajectory.errors("x").any()


def test_a_step_that_fails_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    options = asked(method="rk4", step_size=1.0, time=1.0)
    run = begin_quench(options, runs_dir=tmp_path)
    with pytest.raises(
        RunError, match="step 1, at time 0: a step of 1 turns the state"
    ):
        carry_on_quench(run)
    assert (run.folder / LAST).exists()
    with pytest.raises(
        RunError, match="step 1, at time 0: a step of 1 turns the state"
    ):
        carry_on_quench(QuenchRun.open(run.folder))


def test_wrong_options(tmp_path: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"time": -1.0}, "time: expected a number above 0"),
        ({"time": float("nan")}, "time: expected a number above 0"),
        ({"tolerance": 0.0}, "tolerance: expected a number above 0"),
        ({"step_size": 0.0}, "step_size: expected a number above 0"),
        ({"method": "rk5"}, "did you mean 'rk4'"),
        ({"hamiltonian": None}, "hamiltonian: expected either a name or the run"),
        ({"run": "mine"}, "hamiltonian: expected either a name or the run"),
        ({"blur": 1.5}, "blur: expected a number above 0 and below 1"),
        ({"chains": 10_000}, "chains: expected"),
    ]
    for changes, words in wrong:
        with pytest.raises(ArgumentError, match=words):
            asked(**changes)
    later: list[tuple[dict[str, Any], str]] = [
        ({"hamiltonian": "ising"}, "name: expected one of 'heisenberg'"),
        ({"after": {}}, "after: expected couplings of transverse_ising that change"),
        ({"after": {"size": 4}}, "a quench changes couplings alone, got size"),
        ({"after": {"g": 4}}, "g: transverse_ising has no such argument"),
        ({"method": "rk4", "tolerance": 1e-3}, "'rk4' does not know its error"),
        (
            {"state": {"state": "autoregressive", "amplitudes": "positive"}},
            "same amplitudes",
        ),
        ({"sampler": "full", "problem": {"size": 40}}, "'full' sums at most"),
    ]
    for changes, words in later:
        with pytest.raises(ArgumentError, match=words):
            begin_quench(asked(**changes), runs_dir=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected the folder of a run, got 'none'"):
        QuenchRun.open("none", runs_dir=tmp_path)
    run = begin_quench(asked(), runs_dir=tmp_path, name="mine")
    with pytest.raises(RunError, match="mine exists already"):
        begin_quench(asked(), runs_dir=tmp_path, name="mine")
    assert QuenchRun.open("mine", runs_dir=tmp_path).options == asked()
    path = run.folder / "quench.json"
    content = json.loads(path.read_text())
    content["options"]["time"] = 3.0
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match="it is not what was written"):
        QuenchRun.open(run.folder)
