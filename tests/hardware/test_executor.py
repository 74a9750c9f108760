from __future__ import annotations

from qml_qdl.hardware.tapes.executor import Counters


def test_a_copy_does_not_change_with_its_original() -> None:
    counters = Counters(jobs=1)
    before = counters.copy()
    counters.jobs += 2
    counters.qpu_seconds += 1.5
    assert before == Counters(jobs=1)
    assert counters.difference(before) == Counters(jobs=2, qpu_seconds=1.5)
