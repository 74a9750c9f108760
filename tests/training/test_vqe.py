from __future__ import annotations

from pathlib import Path

import pytest

from qml_qdl.training.json_files import read_json
from qml_qdl.training.vqe import LowestStates
from qml_qdl.vqe import Molecule
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import isolate, use
from tests.vqe.problems import problem


def found() -> LowestStates:
    states = LowestStates(problem("H2"), Molecule.named("H2"))
    states.solve("givens")
    return states


def test_a_measurement_is_paid_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    isolate(monkeypatch, tmp_path)
    options = {"target": "ibm:least_busy", "seed": 0}
    first, again, other = found(), found(), found()
    with LoopbackServer(["guadalupe"], noise=False, seed=1) as server:
        use(monkeypatch, server)
        first.measure(500, **options)
        again.measure(500, **options)
        assert len(server.jobs) == 1
        other.measure(400, **options)
        assert len(server.jobs) == 2
    assert first.numbers["measured"] == again.numbers["measured"]
    assert first.numbers["measured"]["energy"] == pytest.approx(-1.137, abs=0.1)


def test_what_is_written(tmp_path: Path) -> None:
    states = found()
    states.expand(2)
    states.count_shots()
    states.write(tmp_path)
    result = read_json(tmp_path / "result.json", "")
    assert result["energy"] == pytest.approx(result["exact"], abs=1e-9)
    assert result["states"]["energies"] == pytest.approx(result["states"]["exact"])
    assert result["shots"]["optimal"] <= result["shots"]["equal"]
    assert "Hartree-Fock" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "energies.png").stat().st_size > 1000
