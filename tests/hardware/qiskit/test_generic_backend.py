from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.qiskit.backends import make_executor
from qml_qdl.hardware.qiskit.generic_backend import GenericExecutor
from qml_qdl.hardware.qiskit.transpilation import TranspilationCache
from tests.hardware.qiskit.pubs_for_tests import (
    OBSERVABLES,
    exact_tables,
    exact_values,
    layered,
    measured_values,
    pub_of,
    tables_of,
    within_five_errors,
)

# GenericBackendV2 without noise lets Aer's noise model wonder where it is.
pytestmark = pytest.mark.filterwarnings("ignore:Qiskit backend .* has no QubitProp")

LINE = [[0, 1], [1, 0], [1, 2], [2, 1], [2, 3], [3, 2], [3, 4], [4, 3]]
SHOTS = 4000


def machine(**options: Any) -> Any:
    backend = GenericBackendV2(5, coupling_map=LINE, noise_info=False, seed=1)
    return make_executor(backend, cache=None, **{"seed": 1, **options})


@pytest.mark.parametrize("layout", [None, [4, 1, 3, 0]])
def test_bits_are_in_order_after_routing(layout: list[int] | None) -> None:
    pub = pub_of(layered(measure=True), 2)
    (bits,) = machine(initial_layout=layout).sample([pub], SHOTS)
    assert bits.bits.shape == (2, SHOTS, 4)
    assert within_five_errors(tables_of(bits), exact_tables(pub), SHOTS)


def test_registers_are_put_together_in_the_circuits_order() -> None:
    wide, flag = ClassicalRegister(9, "wide"), ClassicalRegister(1, "flag")
    circuit = QuantumCircuit(QuantumRegister(2), wide, flag)
    circuit.x(1)
    circuit.measure(1, wide[8])
    circuit.measure(1, flag[0])
    circuit.measure(0, wide[0])
    (counts,) = machine().sample([pub_of(circuit, np.zeros((1, 0)))], 3)
    assert counts.bits[0].tolist() == [[0] * 8 + [1, 1]] * 3


def test_values_are_within_five_of_their_errors() -> None:
    pub = pub_of(layered(), 3, OBSERVABLES)
    found = measured_values(machine(initial_layout=[4, 1, 3, 0]), pub, SHOTS)
    # The observables' words have at most 1.5 and 0.5 as weights.
    assert np.abs(found - exact_values(pub)).max() < 5 * 1.6 / np.sqrt(SHOTS)


def test_seeds() -> None:
    pub = pub_of(layered(measure=True))
    one, twin = machine(), machine()
    first = one.sample([pub], 50)[0].bits
    np.testing.assert_array_equal(first, twin.sample([pub], 50)[0].bits)
    assert (one.sample([pub], 50)[0].bits != first).any()


def test_a_call_is_one_job_and_each_structure_one_transpilation() -> None:
    executor = machine()
    for _ in range(2):
        executor.sample(
            [pub_of(layered(2, measure=True)), pub_of(layered(3, measure=True))], 5
        )
    counters = executor.counters
    assert (counters.jobs, counters.pubs, counters.rows) == (2, 4, 12)
    assert counters.transpilations == 2


def test_a_stored_machine_runs_by_itself_too() -> None:
    backend = FakeManilaV2()
    pub = pub_of(layered(3, measure=True), 1)
    (bits,) = GenericExecutor(backend, TranspilationCache(backend), seed=1).sample(
        [pub], SHOTS
    )
    simulated: Any = make_executor(backend, cache=None)
    (tables,) = simulated.probabilities([pub])
    assert within_five_errors(tables_of(bits), tables, SHOTS)


def test_nothing_exact_comes_from_it() -> None:
    backend = machine()
    assert not backend.estimates(exact=True)
    assert not backend.estimates(exact=False)
    with pytest.raises(TargetError, match=r"route: generic.* has no estimator"):
        backend.estimate([pub_of(layered(), 1, OBSERVABLES)], 10)
    with pytest.raises(TargetError, match=r"generic.* has no exact results.*set shots"):
        backend.probabilities([pub_of(layered(measure=True))])
    with pytest.raises(TargetError, match=r"generic.* gives no states.*; set shots"):
        backend.states([pub_of(layered())])


def test_what_is_aers_is_refused() -> None:
    with pytest.raises(ValueError, match="method: only Aer takes this"):
        make_executor(GenericBackendV2(2), method="statevector")


@pytest.mark.parametrize(("form", "lost"), [("#x", 0), ("03b", 0), ("#x", 1)])
def test_shots_are_counted_not_read_one_by_one(
    form: str, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = GenericBackendV2(3, noise_info=False, seed=1)
    run = backend.run

    def without_memory(*args: Any, memory: bool = False, **options: Any) -> Any:
        job = run(*args, **options)
        for one in job.result().results:
            one.data.counts = {
                format(int(key, 16), form): n - lost
                for key, n in one.data.counts.items()
            }
        return job

    monkeypatch.setattr(backend, "run", without_memory)
    circuit = QuantumCircuit(3, 3)
    circuit.x([1, 2])
    circuit.measure([0, 1, 2], [0, 1, 2])
    executor, pub = (
        make_executor(backend, cache=None),
        pub_of(circuit, np.zeros((1, 0))),
    )
    if lost:
        with pytest.raises(TargetError, match="returned 2 of 3 shots for circuit 0"):
            executor.sample([pub], 3)
    else:
        assert executor.sample([pub], 3)[0].bits[0].tolist() == [[0, 1, 1]] * 3
