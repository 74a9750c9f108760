from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.providers import Options
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerProvider, AerSimulator, UnitarySimulator
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_ibm_runtime import QiskitRuntimeService, Session
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    QdlError,
    TargetError,
)
from qml_qdl.hardware import make_device
from qml_qdl.hardware.jobs.executor import RemoteExecutor
from qml_qdl.hardware.qiskit.aer.executor import AerExecutor
from qml_qdl.hardware.qiskit.backends import BackendName, make_executor, parse_backend
from qml_qdl.hardware.qiskit.generic_backend import GenericExecutor
from qml_qdl.hardware.qiskit.ibm.fakes import fake_names
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.pubs_for_tests import layered, pub_of


@pytest.mark.parametrize(
    ("name", "place", "machine"),
    [
        ("aer", "aer", None),
        ("fake_torino", "aer", "fake_torino"),
        ("aer:fake_torino", "aer", "fake_torino"),
        ("aer:ibm_torino", "aer", "ibm_torino"),
        ("ibm:ibm_torino", "ibm", "ibm_torino"),
        ("ibm:least_busy", "ibm", "least_busy"),
    ],
)
def test_names_are_read(name: str, place: str, machine: str | None) -> None:
    assert parse_backend(name) == BackendName(place, machine)


@pytest.mark.parametrize(
    ("name", "repair"),
    [
        ("ibm_torino", "say 'ibm:ibm_torino'"),
        ("ibm:fake_torino", "say 'aer:fake_torino'"),
        ("aer:", "expected 'aer', 'aer:fake_NAME'"),
        ("ibm:", "got 'ibm:'"),
        ("fake_torino:aer", "got 'fake_torino:aer'"),
        ("aer:torino", "got 'aer:torino'; did you mean 'aer:fake_torino'?"),
        ("qasm_simulator", "BackendV2, got 'qasm_simulator'; for Aer say 'aer'"),
    ],
)
def test_other_names_are_refused_with_the_repair(name: str, repair: str) -> None:
    with pytest.raises(TargetError, match=repair):
        make_executor(name)


def test_a_misspelt_machine_is_told_what_there_is() -> None:
    with pytest.raises(TargetError, match=r"did you mean 'fake_torino'.*fake_manila"):
        make_executor("aer:fake_tornio")


def test_every_stored_machine_has_its_name() -> None:
    names = fake_names()
    assert len(names) > 50
    assert {"fake_manila", "fake_torino", "fake_sherbrooke"} <= set(names)


def test_what_is_neither_name_nor_backend_is_refused() -> None:
    wrong: Any = 3
    with pytest.raises(ArgumentTypeError, match="or a qiskit BackendV2, got 3"):
        make_executor(wrong)


def test_executors_fit_their_backends() -> None:
    expected = {
        "aer": AerExecutor,
        "fake_manila": AerExecutor,
        AerSimulator(): AerExecutor,
        FakeManilaV2(): AerExecutor,
        GenericBackendV2(3): GenericExecutor,
    }
    names: list[str] = []
    for backend, kind in expected.items():
        executor: Any = make_executor(backend, cache=None)
        assert type(executor) is kind
        names.append(executor.name)
    assert names == [
        "aer",
        "aer:fake_manila",
        "aer_simulator",
        "aer:fake_manila",
        "generic_backend_3q",
    ]


def test_a_simulators_own_noise_and_method_are_used() -> None:
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0, 1], [1, 0]]))
    circuit = layered(2, 0, measure=True)
    (bits,) = make_executor(AerSimulator(noise_model=model)).sample(
        [pub_of(circuit, np.zeros((1, 0)))], 10
    )
    assert bits.bits.all()
    simulator = AerSimulator(method="stabilizer")
    with pytest.raises(TargetError, match="'stabilizer' has no state vectors"):
        make_executor(simulator).states([pub_of(layered(2))])


def test_a_simulator_of_a_machine_is_that_machine() -> None:
    simulator = AerSimulator.from_backend(FakeManilaV2())
    pub = pub_of(layered(3), 2)
    (one,) = make_executor(simulator, cache=None).states([pub])
    (other,) = make_executor("fake_manila", cache=None).states([pub])
    np.testing.assert_allclose(one, other, atol=1e-10)


def test_an_own_noise_model_replaces_the_machines() -> None:
    executor = make_executor("fake_manila", noise_model=NoiseModel(), cache=None)
    (states,) = executor.states([pub_of(layered(3))])
    assert states.shape == (3, 8)


def test_a_machines_noise_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = NoiseModel.from_backend

    def counted(*args: Any, **options: Any) -> Any:
        built.append(args)
        return build(*args, **options)

    monkeypatch.setattr(NoiseModel, "from_backend", counted)
    executor = make_executor("fake_manila", initial_layout=[0, 1, 2], cache=None)
    for layers in (1, 2):
        executor.sample([pub_of(layered(3, layers, measure=True))], 10)
        executor.states([pub_of(layered(3, layers))])
    assert len(built) == 1


@pytest.mark.parametrize(
    ("backend", "options", "message"),
    [
        ("aer", {"account": "mine"}, "account: only IBM's machines take this"),
        ("fake_manila", {"account": "mine"}, "account: only IBM's machines"),
        ("aer", {"resilience_level": 1}, "resilience_level: only IBM's machines"),
        ("aer", {"twirling": True}, "twirling: only IBM's machines"),
        ("aer", {"dynamical_decoupling": "XY4"}, "dynamical_decoupling: only IBM's"),
        ("aer", {"session": True}, "session: only IBM's machines"),
        ("ibm:ibm_torino", {"method": "statevector"}, "method: only Aer takes this"),
        ("aer", {"method": "automatic"}, "method: expected one of None, 'statevector"),
        ("fake_manila", {"method": "stabilizer"}, "'stabilizer' cannot run the noise"),
    ],
)
def test_options_of_other_backends_are_refused(
    backend: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        make_executor(backend, **options)


def test_a_noise_model_of_another_type_is_refused() -> None:
    wrong: Any = {"cx": 0.1}
    with pytest.raises(ArgumentTypeError, match="expected a qiskit_aer NoiseModel"):
        make_executor("aer", noise_model=wrong)


def test_threads_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, threads in {"1": 1, "3,2": 3, "": None}.items():
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        executor: Any = make_executor("aer")
        simulator = executor.isa.backend
        assert simulator.options.max_parallel_threads == threads


def test_circuits_of_machines_are_kept_in_the_cache_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("QML_QDL_CACHE", str(tmp_path))
    make_executor("aer").states([pub_of(layered(2))])
    assert not list(tmp_path.iterdir())
    make_executor("fake_manila").states([pub_of(layered(2))])
    again: Any = make_executor("fake_manila")
    again.states([pub_of(layered(2))])
    assert again.counters.transpilations == 0
    assert len(list(tmp_path.glob("isa/*.qpy"))) == 1


def test_a_machine_of_ibms_by_name(loopback: LoopbackServer, tmp_path: Path) -> None:
    executor = make_executor(
        "ibm:ibm_manila",
        journal=tmp_path / "jobs.sqlite",
        cache=None,
        max_qpu_seconds=30.0,
    )
    assert isinstance(executor, RemoteExecutor)
    assert executor.max_qpu_seconds == 30
    (bits,) = executor.sample([pub_of(layered(2, measure=True), 2)], 20)
    assert bits.bits.shape == (2, 20, 2)
    assert len(loopback.jobs) == 1


def test_a_machine_of_ibms_as_an_object(
    loopback: LoopbackServer, tmp_path: Path
) -> None:
    backend = QiskitRuntimeService().backend("ibm_manila")
    executor = make_executor(backend, journal=tmp_path / "jobs.sqlite", cache=None)
    assert isinstance(executor, RemoteExecutor)
    (bits,) = executor.sample([pub_of(layered(2, measure=True), 2)], 20)
    assert bits.bits.shape == (2, 20, 2)


def test_a_machine_of_ibms_simulated_with_its_calibration(
    loopback: LoopbackServer,
) -> None:
    pub = pub_of(layered(3), 2)
    executor = make_executor("aer:ibm_manila", cache=None)
    (found,) = executor.states([pub])
    (stored,) = make_executor("aer:fake_manila", cache=None).states([pub])
    assert executor.name == "aer:ibm_manila"
    np.testing.assert_allclose(found, stored, atol=1e-8)
    assert not loopback.jobs


def test_an_executor_is_taken_as_it_is() -> None:
    executor = make_executor("aer", seed=1)
    assert make_executor(executor) is executor
    with pytest.raises(ArgumentError, match="method: the executor given has its own"):
        make_executor(executor, method="statevector")


def test_own_options_are_honoured_or_refused() -> None:
    first, again = (make_executor(AerSimulator(seed_simulator=3)) for _ in range(2))
    assert first.seeds.seed == again.seeds.seed == 3
    assert make_executor(AerSimulator(seed_simulator=3), seed=4).seeds.seed == 4
    text = "aer_simulator given has the own options shots=5.*say them of the layer"
    with pytest.raises(ArgumentError, match=text):
        make_executor(AerSimulator(shots=5))
    with pytest.raises(ArgumentError, match=r"method: expected one .* got 'superop'"):
        make_executor(AerSimulator(method="superop"))
    machine = FakeManilaV2()
    machine.set_options(seed_simulator=3)
    assert make_executor(machine, cache=None).seeds.seed == 3
    machine.set_options(method="statevector")
    with pytest.raises(ArgumentError, match=r"use AerSimulator.from_backend\(backend"):
        make_executor(machine)


def test_a_machines_fractional_gates_are_refused(loopback: LoopbackServer) -> None:
    backend = QiskitRuntimeService().backend("ibm_manila")
    backend.options.update_options(use_fractional_gates=True)
    with pytest.raises(ArgumentError, match="own options use_fractional_gates=True"):
        make_executor(backend)


def test_a_seed_that_a_backend_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = GenericBackendV2(2)
    monkeypatch.setattr(backend, "_options", Options(shots=1024))
    make_executor(backend, cache=None)
    with pytest.raises(ArgumentError, match="seed: generic_backend_2q samples shots"):
        make_executor(backend, seed=1, cache=None)


def test_a_simulator_of_matrices_is_refused() -> None:
    with pytest.warns(PendingDeprecationWarning):
        simulator = UnitarySimulator()
    with pytest.raises(ArgumentTypeError, match="it samples nothing"):
        make_executor(simulator)


@pytest.mark.parametrize(
    ("wrong", "repair"),
    [
        (AerSimulator, r"got the class AerSimulator; make one of it: AerSimulator\(\)"),
        (StatevectorSampler(), "a primitive runs on a backend of its own"),
        (StatevectorEstimator(), "a primitive runs on a backend of its own"),
        (AerProvider(), r"provider.get_backend\(NAME\)"),
        (NoiseModel(), r"give AerSimulator\(noise_model=...\) of it"),
        (AerSimulator().target, "give the backend that it is the target of"),
        (Session(backend=FakeManilaV2()), "give the name of a machine, 'ibm:ibm_NAME'"),
    ],
    ids=lambda value: getattr(type(value), "__name__", None),
)
def test_what_is_nearly_a_backend_is_told_what_to_give(wrong: Any, repair: str) -> None:
    with pytest.raises(QdlError, match=repair) as caught:
        make_device(wrong, [0])
    assert "\n" not in str(caught.value)
