"""The study: what is compared, told and written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.phases import ClusterIsing, Ising2D, Scan
from qml_qdl.training.json_files import read_json
from qml_qdl.training.phases import PhaseStudy, compare_sizes


def ising(
    size: int, seeds: int = 1, networks: bool = False, points: int = 8
) -> PhaseStudy:
    system = Ising2D(size, points=points, chains=15, length=10, limits=(1.6, 3.2))
    study = PhaseStudy(system, networks=networks)
    study.run(range(seeds))
    return study


@pytest.fixture(scope="module")
def chain() -> PhaseStudy:
    system = ClusterIsing(5, points=6, snapshots=20, states=12, sets=3)
    study = PhaseStudy(system, epochs=2)
    study.run([0, 1])
    return study


def test_lines_are_of_the_same_data(chain: PhaseStudy) -> None:
    ((title, rows),) = chain.tables()
    assert title == (
        "cluster-Ising, 5 sites: 8 rows to train, 18 to test, each of 20 snapshots; "
        "2 seeds"
    )
    assert [row[0] for row in rows] == [
        "learner",
        "string order",
        "linear",
        "1-NN",
        "shadow kernel",
        "QCNN",
        "CNN",
        "transformer",
        "autoencoder",
        "confusion",
    ]
    one, other = (chain.findings[name] for name in ("linear", "string order"))
    gains = [a.accuracy - b.accuracy for a, b in zip(one, other, strict=True)]
    shown = f"{100 * np.mean(gains):.1f}% ± {100 * np.std(gains, ddof=1):.1f}"
    assert rows[2][2] == shown
    assert rows[1][2] == rows[9][1] == "–"
    assert rows[5][5] == "51"  # weights of the QCNN
    assert "states of this size turn fastest at" in chain.lines[-1]


def test_fewer_snapshots_have_larger_errors(chain: PhaseStudy) -> None:
    found = chain.findings["string order"][-1].fewer
    assert list(found) == [2, 4, 10, 20, 60]


def test_what_is_written(chain: PhaseStudy, tmp_path: Path) -> None:
    chain.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "train.npz",
        "test.npz",
        "plane.npz",
        "result.json",
        "report.md",
        "phases.png",
        "boundaries.png",
        "diagram.png",
    }
    result = read_json(tmp_path / "result.json", "")
    assert result["system"]["name"] == "cluster_ising"
    assert len(result["learners"]["QCNN"]) == 2
    again = Scan.read(tmp_path / "test.npz")
    assert np.array_equal(again.bits, chain.scans["test"].bits)
    assert "| QCNN |" in (tmp_path / "report.md").read_text()


def test_states_on_a_target(chain: PhaseStudy) -> None:
    chain.measure(layers=2, sets=2, target="aer", seed=0)
    _, (title, rows) = chain.tables()
    assert title.startswith("the same states by circuits: fidelity 0.")
    assert rows[0][1::2] == ["accuracy, no noise", "accuracy, aer"]
    assert [row[0] for row in rows[1:]] == [each.name for each in chain.learners]
    with pytest.raises(ArgumentError, match="not prepared by circuits"):
        PhaseStudy(Ising2D(4)).measure(target="aer")


def test_sizes_lead_to_the_infinite_lattice() -> None:
    title, rows = compare_sizes([ising(6, points=16), ising(12, points=16)])
    assert "2.2692" in title
    assert rows[0] == ["learner", "L = 6", "L = 12", "L → ∞"]
    table = {row[0]: row[1:] for row in rows}
    for name in ("|m|", "energy", "linear"):
        small, large, limit = table[name]
        assert abs(float(large) - 2.2692) < abs(float(small) - 2.2692) + 0.05
        place, error = map(float, limit.split(" ± "))
        assert abs(place - 2.2692) < 4 * error + 0.1
    assert float(table["Binder crossing"][1].split()[0]) == pytest.approx(
        2.27, abs=0.15
    )


def test_every_seed_has_data_of_its_own() -> None:
    study = ising(4, seeds=2)
    first, second = study.findings["|m|"]
    assert not np.array_equal(first.boundary.curve, second.boundary.curve)
    again = ising(4, seeds=2)
    assert [each.accuracy for each in again.findings["1-NN"]] == [
        each.accuracy for each in study.findings["1-NN"]
    ]
