"""What goes to a backend and comes back; executors that send nothing."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.tapes.executor import Counters, Executor, Pub, SilentExecutor
from qml_qdl.hardware.tapes.outcomes import Counts


def test_a_copy_does_not_change_with_its_original() -> None:
    counters = Counters(jobs=1)
    before = counters.copy()
    counters.jobs += 2
    counters.qpu_seconds += 1.5
    assert before == Counters(jobs=1)
    assert counters.difference(before) == Counters(jobs=2, qpu_seconds=1.5)


class Exact(Executor):
    """Estimates exactly only; samples nothing."""

    @property
    def counters(self) -> Counters:
        return Counters()

    def estimates(self, *, exact: bool) -> bool:
        return exact

    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Counts]:
        raise NotImplementedError


def pub(rows: int, bits: int = 0, observables: int = 0, **options: Any) -> Pub:
    circuit = SimpleNamespace(num_clbits=bits, num_qubits=2)
    angles = np.linspace(-1, np.pi, rows).reshape(rows, 1)
    return Pub(circuit, angles, "digest", (None,) * observables, **options)


def test_what_a_backend_lacks_is_refused_with_the_repair() -> None:
    executor = Exact()
    for ask, repair in (
        (lambda: executor.estimate([pub(1)], None), "use route='sampler'"),
        (lambda: executor.states([pub(1)]), "set shots=1000, say, or use the backend"),
        (lambda: executor.probabilities([pub(1)]), "has no exact results, got shots=N"),
    ):
        with pytest.raises(TargetError, match=repair):
            ask()


def test_another_seed_is_another_executor() -> None:
    executor = Exact()
    twin = executor.seeded(Seeds(3))
    assert twin is not executor
    assert (twin.seeds.seed, executor.seeds.seed) == (3, None)


def test_a_silent_executor_notes_calls_and_gives_zeros_of_their_shapes() -> None:
    notes: list[tuple[str, int | None]] = []
    silent = SilentExecutor(
        Exact(), lambda kind, pubs, shots: notes.append((kind, shots))
    )
    assert (silent.estimates(exact=True), silent.estimates(exact=False)) == (
        True,
        False,
    )
    (counts,) = silent.sample([pub(3, bits=2)], 5)
    assert counts.bits.shape == (3, 5, 2)
    assert not counts.bits.any()
    (estimates,) = silent.estimate([pub(3, observables=4)], None)
    assert estimates.values.shape == estimates.errors.shape == (3, 4)
    (states,) = silent.states([pub(3)])
    assert states.shape == (3, 4)
    (table,) = silent.probabilities([pub(3, bits=2)])
    assert table.shape == (3, 4)
    assert not table.any()
    assert notes == [
        ("sample", 5),
        ("estimate", None),
        ("states", None),
        ("probabilities", None),
    ]
    assert silent.counters == Counters()


def test_a_silent_calibration_misreads_nothing() -> None:
    """Rows of the angle π read 1, others 0: the confusion to be undone is none."""
    calibration = pub(2, bits=2, calibrates=True)
    silent = SilentExecutor(Exact())
    (counts,) = silent.sample([calibration], 5)
    assert counts.bits[:, 0].tolist() == [[0, 0], [1, 1]]
    (table,) = silent.probabilities([calibration])
    assert table.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
