from __future__ import annotations

import json
from pathlib import Path

import pytest

from qml_qdl.cli import main
from qml_qdl.training.json_files import read_json

Capture = pytest.CaptureFixture[str]


def run(folder: Path, *words: str) -> int:
    return main(["vqe", *words, "--runs-dir", str(folder), "--name", "it", "--quiet"])


def cells(output: str) -> list[list[str]]:
    lines = (line for line in output.splitlines() if line.startswith("│"))
    return [[cell.strip() for cell in line.strip("│ ").split("│")] for line in lines]


def test_lithium_hydride(tmp_path: Path, capsys: Capture) -> None:
    assert run(tmp_path, "LiH", "--states", "3") == 0
    out, err = capsys.readouterr()
    assert err == ""
    rows = cells(out)
    assert [row[0] for row in rows[:8]] == [
        "Hartree-Fock",
        *["adapt"] * 5,
        "UCCSD",
        "exact",
    ]
    assert rows[0][2:] == ["-7.86202737", "20.3762"]
    assert float(rows[5][3]) < 1.6
    assert [row[-1] for row in rows[8:]] == ["0.000", "2.000", "0.000"]
    assert all(float(row[3]) < 1.6 for row in rows[8:])
    assert "a standard error of 1.6 mHa takes 1.6e+06 shots in 148 groups" in out
    folder = tmp_path / "it"
    assert {path.name for path in folder.iterdir()} == {
        "result.json",
        "report.md",
        "energies.png",
    }
    result = read_json(folder / "result.json", "")
    assert len(result["operators"]) == len(result["angles"]) == 5
    assert result["energy"] == result["history"][-1]
    assert "| UCCSD | 92 |" in (folder / "report.md").read_text()


def test_spins(tmp_path: Path, capsys: Capture) -> None:
    words = ["--ansatz", "hamiltonian-variational", "--layers", "3"]
    assert (
        run(tmp_path, "transverse_ising", "--size", "6", "--argument", "h=2", *words)
        == 0
    )
    rows = cells(capsys.readouterr().out)
    assert [row[0] for row in rows] == ["reference", "hamiltonian-variational", "exact"]
    assert float(rows[1][3]) < 1e-6
    result = json.loads((tmp_path / "it" / "result.json").read_text())
    assert result["exact"] == pytest.approx(float(rows[2][2]))


def test_a_file_and_a_target(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "pair.xyz"
    file.write_text("2\n\nH 0 0 0\nH 0 0 0.7414\n")
    words = ["--target", "aer", "--shots", "20000", "--seed", "1"]
    assert run(tmp_path, str(file), "--ansatz", "givens", *words) == 0
    out = capsys.readouterr().out
    assert "pair: 4 wires, 4 states in the sector" in out
    (measured,) = (line for line in out.splitlines() if "measured on aer" in line)
    value = float(measured.split(": ")[1].split(" ±")[0])
    assert value == pytest.approx(-1.13727, abs=0.01)
    assert read_json(tmp_path / "it" / "result.json", "")["measured"]["energy"] == (
        pytest.approx(value, abs=1e-5)
    )


def test_what_stalls_and_leaves_the_sector_is_said(
    tmp_path: Path, capsys: Capture
) -> None:
    words = ["--ansatz", "hardware-efficient", "--layers", "1", "--most", "2"]
    assert run(tmp_path, "H2", *words) == 0
    out = capsys.readouterr().out
    assert "not converged after 2 steps; raise --most" in out
    assert "of the state is outside of the sector" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["Lih"], "Lih: expected one of H2, HeH+"),
        (["H2O", "--charge", "1"], "charge: 1 leaves 9 electrons"),
        (["H2O", "--multiplicity", "2"], "multiplicity: of 10 electrons"),
        (["H2O", "--active-electrons", "0"], "active_electrons: expected an even"),
        (["heisenberg", "--charge", "1"], "--charge: heisenberg is of spins"),
        (["heisenberg"], "size: expected the number of cells"),
        (["H2", "--size", "3"], "--size: H2 is a molecule"),
        (["xxz", "--size", "4", "--argument", "anis"], "expected NAME=VALUE"),
        (["xxz", "--size", "4", "--argument", "a=[1"], "expected NAME=VALUE"),
        (["none.xyz"], "none.xyz: expected a file, got none"),
        (["H2", "--ansatz", "ucc"], "'--ansatz'"),
        (["H2", "--target", "nowhere"], "target: unknown target 'nowhere'"),
        (["H2", "--tolerance", "0"], "tolerance: expected a number above 0"),
        (
            ["H2", "--ansatz", "hamiltonian-variational"],
            "evolutions under parts of H2 do not keep",
        ),
        (
            ["H2", "--ansatz", "hardware-efficient", "--states", "2", "--most", "1"],
            "--states: hardware-efficient leaves the sector",
        ),
        (["H2", "--states", "9"], "k: expected at most 4"),
    ],
)
def test_bad_arguments_end_with_2_and_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: Capture
) -> None:
    assert run(tmp_path, *words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("qml-qdl vqe: ")
    assert message in err
    assert not (tmp_path / "it").exists()


def test_files_that_are_no_molecules(tmp_path: Path, capsys: Capture) -> None:
    for content, message in (
        (b"2\n\nH 0 0 0\n", "expected 2 atoms after line 2, got 1"),
        (b"\xff\xfe", "expected text"),
    ):
        (tmp_path / "bad.xyz").write_bytes(content)
        assert run(tmp_path, str(tmp_path / "bad.xyz")) == 2
        assert message in capsys.readouterr().err


def test_a_name_that_is_taken_is_refused_and_stays(
    tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "mine").write_text("mine")
    assert run(tmp_path, "H2") == 2
    assert "it exists already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "it").iterdir()] == ["mine"]
