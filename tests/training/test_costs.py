"""What an evaluation and a training step would cost, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from qml_qdl.training import Run, estimate
from tests.hardware.qiskit.service import FakeClient, without_sync

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)


def test_what_it_would_cost(run: Run, client: FakeClient) -> None:
    evaluation, shift, spsa = estimate(run, target="ibm:fake", shots=100)
    assert evaluation.what == f"evaluating {evaluation.cost.rows} test rows"
    assert evaluation.cost.executions == 100 * evaluation.cost.rows
    rows = int(shift.what.split(" of ")[1].split()[0])
    assert shift.what == f"one training step of {rows} rows, parameter shift"
    # SPSA takes two runs of each row beside the plain one, whatever the weights.
    assert spsa.cost.rows == 3 * rows
    assert shift.cost.rows > 5 * spsa.cost.rows
    assert [each.cost.jobs for each in (evaluation, shift, spsa)] == [1, 1, 1]
    assert shift.cost.two_qubit_depth > 0
    assert not client.jobs()
    (stored, *_) = estimate(run, target="aer:fake_manila", shots=100, limit=3)
    assert stored.cost.rows == 3
    asked: dict[str, Any] = {"target": "ibm:fake", "shots": 100}
    (mitigated, *_) = estimate(run, **asked, mitigation="readout+zne")
    assert mitigated.cost.calibrations == 1
    assert mitigated.cost.executions > 3 * evaluation.cost.executions
