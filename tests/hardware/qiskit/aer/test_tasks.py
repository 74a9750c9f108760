"""What Aer is asked for at once, and what is left to its own shots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.qiskit.aer import tasks
from qml_qdl.hardware.qiskit.aer.executor import AerExecutor
from qml_qdl.hardware.qiskit.backends import make_executor
from tests.hardware.qiskit.pubs_for_tests import (
    OBSERVABLES,
    exact_tables,
    layered,
    pub_of,
    tables_of,
    within_five_errors,
)

SHOTS = 20_000


def executor(backend: Any = "aer", **options: Any) -> AerExecutor:
    made = make_executor(backend, cache=None, **{"seed": 1, **options})
    assert isinstance(made, AerExecutor)
    return made


@pytest.mark.parametrize("method", [None, "matrix_product_state"])
@pytest.mark.parametrize("layers", [0, 2])
def test_equal_rows_have_shots_of_their_own(method: str | None, layers: int) -> None:
    circuit = QuantumCircuit(4, 4)
    circuit.h(range(4))
    circuit.compose(layered(layers=layers, measure=True), inplace=True)
    pub = pub_of(circuit, np.ones((2, circuit.num_parameters)))
    (counts,) = executor(method=method).sample([pub], 500)
    bits = counts.bits
    assert (bits[0].sum(axis=0) != bits[1].sum(axis=0)).any()


def test_rows_that_do_not_fit_at_once_run_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pubs = [pub_of(layered(), 9), pub_of(layered(3), 4)]
    whole = executor().states(pubs)
    monkeypatch.setattr(tasks, "_CHUNK", 3 * 16 * 16)
    runs = []
    run = AerSimulator.run

    def counted(self: AerSimulator, *args: Any, **options: Any) -> Any:
        runs.append(args)
        return run(self, *args, **options)

    monkeypatch.setattr(AerSimulator, "run", counted)
    for found, want in zip(executor().states(pubs), whole, strict=True):
        np.testing.assert_allclose(found, want, atol=1e-12)
    assert len(runs) == 4


def test_all_rows_go_in_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    run = AerSimulator.run

    def counted(self: AerSimulator, *args: Any, **options: Any) -> Any:
        runs.append(args)
        return run(self, *args, **options)

    monkeypatch.setattr(AerSimulator, "run", counted)
    executor().sample([pub_of(layered(measure=True), 50)], 100)
    executor().estimate([pub_of(layered(), 20, OBSERVABLES)], None)
    assert len(runs) == 2


def test_many_measured_bits_are_left_to_aer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_TABLE", 3)
    pub = pub_of(layered(measure=True))
    (bits,) = executor().sample([pub], SHOTS)
    assert within_five_errors(tables_of(bits), exact_tables(pub), SHOTS)
    with pytest.raises(TargetError, match="measures 4 bits, but exact"):
        executor().probabilities([pub])


def test_measuring_in_the_middle_is_left_to_aer() -> None:
    circuit = QuantumCircuit(1, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.x(0)
    circuit.measure(0, 1)
    (counts,) = executor().sample([pub_of(circuit, 1)], 100)
    assert (counts.bits[..., 0] != counts.bits[..., 1]).all()
