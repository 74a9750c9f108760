from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qml_qdl.cli import main
from qml_qdl.tomography import DensityMatrix, Measurements, pauli_bases
from qml_qdl.training.json_files import read_json

Capture = pytest.CaptureFixture[str]

BELL = DensityMatrix([1, 0, 0, 1])
QASM = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\nh q[0];\ncx q[0], q[1];\n'


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    confusion = np.tile([[0.97, 0.03], [0.06, 0.94]], (2, 1, 1))
    noisy = BELL.depolarised(0.05)
    noisy.sample(pauli_bases(2), 400, 0, confusion).save("bell.npz")
    Path("bell.qasm").write_text(QASM)
    return tmp_path


def run(*words: str) -> int:
    return main(["tomography", *words, "--name", "it", "--quiet"])


def test_a_bell_pair(capsys: Capture) -> None:
    words = ["--state", "bell.qasm", "--hamiltonian", "XX + ZZ", "--repeats", "2"]
    assert run("bell.npz", "--model", "maximum_likelihood", *words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    cells = {
        line.strip("│ ").split("│")[0].strip(): line.strip("│ ").split("│")[1:]
        for line in lines
        if line.startswith("│")
    }
    assert list(cells) == [
        "fidelity",
        "trace distance",
        "energy",
        "purity",
        "entropy",
        "held out",
        "chosen",
    ]
    fidelity = float(cells["fidelity"][0].split("(")[0])
    assert fidelity == pytest.approx(0.9625, abs=0.03)
    assert "errors of reading: part of the likelihood, as calibrated" in out
    folder = Path("runs/it")
    assert {path.name for path in folder.iterdir()} == {
        "density_matrix.png",
        "fidelities.png",
        "outcomes.png",
        "report.md",
        "result.json",
        "state.npz",
    }
    result = read_json(folder / "result.json", "")
    figures = result["estimators"]["maximum_likelihood"]["figures"]
    assert f"{figures['fidelity']:.4f}" == cells["fidelity"][0].strip().split("(")[0]
    assert result["infidelities"]["shots"] == [25, 100, 400]
    kept = DensityMatrix.from_factor(np.load(folder / "state.npz")["factor"])
    assert kept.fidelity(BELL) == pytest.approx(figures["fidelity"])
    assert "histogram cannot be fitted" in (folder / "report.md").read_text()


def test_shots_in_z_alone_and_text(capsys: Capture) -> None:
    Path("z.txt").write_text("000 40\n111 55\n010 5\n")
    words = ["z.txt", "--bases", "ZZZ", "--order", "last", "--repeats", "0"]
    assert run(*words, "--model", "histogram", "--no-rivals") == 0
    out = capsys.readouterr().out
    assert "errors of reading: none are known" in out
    assert "fidelity" not in out
    assert "(" not in next(line for line in out.splitlines() if "purity" in line)
    assert run(*words, "--model", "histogram", "--no-rivals") == 2
    assert "runs/it exists already" in capsys.readouterr().err


def test_a_known_state_from_a_file(capsys: Capture) -> None:
    np.savez("bell_state.npz", state=np.array([1, 0, 0, 1]) / np.sqrt(2))
    words = ["--model", "inversion", "--no-rivals", "--repeats", "0"]
    assert run("bell.npz", *words, "--state", "bell_state.npz") == 0
    out = capsys.readouterr().out
    assert "fidelity" in out
    words += ["--state", "runs/it/state.npz"]
    again = ["tomography", "bell.npz", *words, "--name", "again", "--quiet"]
    assert main(again) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if "fidelity" in x)
    assert "1.0000" in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.npz"], "none.npz: expected a file, got none there"),
        (["bell.npz", "--model", "nix"], "name: expected one of 'inversion'"),
        (["bell.npz", "--option", "a=3"], "a: the estimator 'hedged' has no such"),
        (["bell.npz", "--option", "a"], "expected NAME=VALUE"),
        (["bell.npz", "--model", "mps"], "needs shots in ZZ alone"),
        (["bell.npz", "--state", "none.npz"], "none.npz: expected a file"),
        (["bell.npz", "--state", "wide.npz"], "state: expected 2 wires"),
        (["bell.npz", "--state", "bell.npz"], "expected an array 'state' or 'factor'"),
        (["bell.npz", "--hamiltonian", "ZQ"], "hamiltonian: expected Pauli words"),
        (["bell.npz", "--hamiltonian", "ZZ+X"], "words of as many letters"),
        (["bell.npz", "--hamiltonian", "ZZZ"], "observable: expected wires 0 … 1"),
        (["bell.npz", "--repeats", "1"], "repeats: expected 0 for no bars"),
        (["few.npz"], "needs bases that were not measured: XX, XY"),
        (["z.txt"], "does not say which wire is leftmost"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: list[str], message: str, capsys: Capture
) -> None:
    np.savez("wide.npz", state=np.eye(8)[0])
    BELL.sample(["ZZ", "YY"], 10, seed=0).save("few.npz")
    Path("z.txt").write_text("ZZ 00 4\n")
    before = Path("bell.npz").read_bytes()
    assert run(*words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert not Path("runs/it").exists()
    # Nothing that was measured is lost.
    assert Path("bell.npz").read_bytes() == before
    assert Measurements.read("bell.npz").total_shots == 3600
