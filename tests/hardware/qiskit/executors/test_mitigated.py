from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, ReadoutError

from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.qiskit.backends import make_executor
from qml_qdl.hardware.qiskit.executors.mitigated import Mitigated
from tests.hardware.qiskit.pubs_for_tests import (
    OBSERVABLES,
    exact_values,
    layered,
    pub_of,
    rows_of,
)

Z = [SparsePauliOp.from_sparse_list([("Z", [wire], 1.0)], 4) for wire in range(4)]


def random_pubs() -> list[Any]:
    """Twenty circuits: four structures of one to four layers, five rows each."""
    circuits = [layered(layers=layers) for layers in (1, 2, 3, 4)]
    return [
        pub_of(circuit, rows_of(circuit, 5, seed), Z)
        for seed, circuit in enumerate(circuits)
    ]


def errors_of(executor: Any, pubs: Any, shots: int | None) -> np.ndarray:
    found = executor.estimate(pubs, shots)
    return np.concatenate(
        [
            np.abs(one.values - exact_values(pub)).ravel()
            for one, pub in zip(found, pubs, strict=True)
        ]
    )


@pytest.mark.parametrize(
    ("backend", "shots"), [("fake_manila", 20_000), ("fake_torino", None)]
)
def test_the_median_error_of_twenty_circuits_is_less_than_half(
    backend: str, shots: int | None
) -> None:
    machine, pubs = make_executor(backend, cache=None, seed=2), random_pubs()
    raw = np.median(errors_of(machine, pubs, shots))
    mitigated = np.median(errors_of(Mitigated(machine), pubs, shots))
    assert mitigated < raw / 2


def test_all_goes_in_one_job_with_one_pub_for_each_strength() -> None:
    machine: Any = make_executor("fake_manila", cache=None, seed=2)
    executor = Mitigated(machine, zne_scales=(1, 3, 5))
    for _ in range(2):
        executor.estimate([pub_of(layered(), 7, Z)], 50)
    counters = executor.counters
    assert counters.jobs == 2
    assert counters.pubs == 2 * (3 + 1)
    assert counters.rows == 2 * (3 * 7 + 8)
    assert counters.transpilations == 1


def test_errors_of_reading_alone_are_undone() -> None:
    model = NoiseModel()
    for wire in range(4):
        up = 0.02 * (wire + 1)
        model.add_readout_error(ReadoutError([[1 - up, up], [0.1, 0.9]]), [wire])
    machine = make_executor("aer", noise_model=model, seed=1)
    pub = pub_of(layered(), 10, OBSERVABLES)
    executor = Mitigated(machine, zne_scales=(1,), calibration_rows=50)
    assert errors_of(machine, [pub], None).max() > 0.05
    assert errors_of(executor, [pub], None).max() < 1e-9
    (found,) = executor.estimate([pub], 4000)
    pulls = (found.values - exact_values(pub)) / found.errors
    assert np.abs(pulls).max() < 5


def test_without_noise_nothing_is_changed() -> None:
    pub = pub_of(layered(), 3, OBSERVABLES)
    executor = Mitigated(make_executor("aer"))
    np.testing.assert_allclose(errors_of(executor, [pub], None), 0, atol=1e-9)


def test_an_identity_is_not_extrapolated() -> None:
    identity = SparsePauliOp.from_list([("IIII", 3.0)])
    executor = Mitigated(make_executor("fake_manila", cache=None))
    (found,) = executor.estimate([pub_of(layered(), 2, [identity])], 10)
    assert found.values.tolist() == [[3.0], [3.0]]


@pytest.mark.filterwarnings("ignore:Qiskit backend .* has no QubitProp")
def test_other_backends_can_be_mitigated() -> None:
    machine = make_executor(GenericBackendV2(4, seed=3), cache=None, seed=1)
    pub = pub_of(layered(), 2, Z[:2])
    (found,) = Mitigated(machine).estimate([pub], 2000)
    assert found.values.shape == (2, 2)
    with pytest.raises(TargetError, match="no exact results, got shots=None"):
        Mitigated(machine).estimate([pub], None)


def test_shots_and_states_are_refused() -> None:
    executor = Mitigated(make_executor("aer"))
    with pytest.raises(TargetError, match="route='estimator'"):
        executor.sample([], 5)
    with pytest.raises(TargetError, match="gives expectation values, not states"):
        executor.states([])


@pytest.mark.parametrize("scales", [(), (3, 5), (1, 1)])
def test_strengths_that_cannot_be_are_refused(scales: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match="odd numbers that begin with 1"):
        Mitigated(make_executor("aer"), zne_scales=scales)
    with pytest.raises(ArgumentError, match="calibration_rows: expected at least 1"):
        Mitigated(make_executor("aer"), calibration_rows=0)
