from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import DensityMatrix, SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error, pauli_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError, TargetError
from qml_qdl.hardware.qiskit.aer.executor import AerExecutor
from qml_qdl.hardware.qiskit.backends import make_executor
from qml_qdl.hardware.qiskit.transpilation import TranspilationCache
from tests.hardware.qiskit.pubs_for_tests import (
    OBSERVABLES,
    exact_states,
    exact_tables,
    exact_values,
    layered,
    measured_values,
    pub_of,
    tables_of,
    within_five_errors,
)

SHOTS = 20_000


def readout_noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.99, 0.01], [0.01, 0.99]]))
    return model


def executor(backend: Any = "aer", **options: Any) -> AerExecutor:
    made = make_executor(backend, cache=None, **{"seed": 1, **options})
    assert isinstance(made, AerExecutor)
    return made


@pytest.mark.parametrize("method", [None, "density_matrix", "matrix_product_state"])
def test_shots_agree_with_the_exact_probabilities(method: str | None) -> None:
    pub = pub_of(layered(measure=True))
    (bits,) = executor(method=method).sample([pub], SHOTS)
    assert bits.bits.shape == (3, SHOTS, 4)
    assert bits.bits.dtype == np.uint8
    assert within_five_errors(tables_of(bits), exact_tables(pub), SHOTS)


@pytest.mark.parametrize("method", [None, "density_matrix", "matrix_product_state"])
def test_exact_values_are_exact(method: str | None) -> None:
    pub = pub_of(layered(), 3, OBSERVABLES)
    (found,) = executor(method=method).estimate([pub], None)
    np.testing.assert_allclose(found.values, exact_values(pub), atol=1e-10)
    assert not found.errors.any()


def test_values_with_shots_are_within_five_of_their_errors() -> None:
    pub = pub_of(layered(), 30, OBSERVABLES[:2] + OBSERVABLES[3:])
    exact = exact_values(pub)
    found = measured_values(executor(), pub, 2000)
    pulls = (found - exact) / np.sqrt((1 - exact**2) / 2000)
    assert np.abs(pulls).max() < 5
    assert 0.8 < pulls.std() < 1.2


def test_words_are_estimated_where_there_is_neither_noise_nor_a_shot() -> None:
    pub = pub_of(layered(), 1, OBSERVABLES)
    for machine in (executor(), executor("fake_manila", noise_model=NoiseModel())):
        assert machine.estimates(exact=True)
        assert not machine.estimates(exact=False)
        with pytest.raises(TargetError, match="no estimator of its own"):
            machine.estimate([pub], 100)
    noisy = executor("fake_manila")
    assert not noisy.estimates(exact=True)
    with pytest.raises(TargetError, match="aer:fake_manila has no estimator"):
        noisy.estimate([pub], None)


@pytest.mark.parametrize(
    ("wires", "observables", "text"),
    [
        (2, [SparsePauliOp("ZI", 1j)], "coefficients of observables are real"),
        (2, [SparsePauliOp("Z")], "on 1 qubits, but the circuit has 2"),
        (2, [], "a pub to estimate needs observables"),
    ],
    ids=["complex", "size", "none"],
)
def test_observables_that_cannot_be_are_refused(
    wires: int, observables: Any, text: str
) -> None:
    with pytest.raises(ArgumentError, match=text):
        executor().estimate([pub_of(layered(wires, 1), 1, observables)], None)


@pytest.mark.parametrize("method", [None, "matrix_product_state"])
def test_states_have_wire_0_first(method: str | None) -> None:
    pub = pub_of(layered())
    (found,) = executor(method=method).states([pub])
    want = exact_states(pub)
    overlaps = np.abs(np.einsum("rs,rs->r", found.conj(), want))
    np.testing.assert_allclose(overlaps, 1, atol=1e-10)


@pytest.mark.parametrize("backend", ["aer", "fake_manila"])
def test_states_have_their_global_phase(backend: str) -> None:
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(3, global_phase=a**2 - b)
    circuit.h([0, 1, 2])
    circuit.p(a, 0)
    circuit.cp(b, 2, 0)
    circuit.u(a, b, a, 1)
    pub = pub_of(circuit)
    (found,) = executor(backend, noise_model=NoiseModel()).states([pub])
    np.testing.assert_allclose(found, exact_states(pub), atol=1e-10)


def test_of_wide_circuits_only_what_is_read_is_simulated() -> None:
    angle = Parameter("a")
    circuit = QuantumCircuit(26)
    for qubit in range(26):
        circuit.ry(angle, qubit)
    circuit.cz(20, 21)
    rows, exact = [[0.3], [1.1]], np.cos([0.3, 1.1])
    word = SparsePauliOp.from_sparse_list([("Z", [21], 1.0)], 26)
    (found,) = executor().estimate([pub_of(circuit, rows, [word])], None)
    np.testing.assert_allclose(found.values[:, 0], exact, atol=1e-10)
    read = QuantumCircuit(26, 1)
    read.compose(circuit, inplace=True)
    read.measure(21, 0)
    machine = executor(noise_model=readout_noise())
    (table,) = machine.probabilities([pub_of(read, rows)])
    np.testing.assert_allclose(table @ [1, -1], exact, atol=0.05)
    measured = QuantumCircuit(26, 2)
    measured.compose(circuit, inplace=True)
    measured.measure([21, 7], [0, 1])
    pub = pub_of(measured, [[np.pi], [0.0]])
    (counts,) = executor().sample([pub], 10)
    assert (counts.bits == np.array([1, 0])[:, None, None]).all()


def test_density_matrices_have_wire_0_first() -> None:
    pub = pub_of(layered())
    (found,) = executor(method="density_matrix").states([pub])
    want = exact_states(pub)
    pure = np.einsum("rs,rt->rst", want, want.conj())
    np.testing.assert_allclose(found, pure, atol=1e-10)


@pytest.mark.parametrize("layout", [None, [4, 1, 3, 0]])
def test_after_routing_everything_is_in_order(layout: list[int] | None) -> None:
    machine = executor(
        "fake_manila", noise_model=NoiseModel(), initial_layout=layout, seed=3
    )
    measured, bare = pub_of(layered(measure=True)), pub_of(layered(), 3, OBSERVABLES)
    (bits,) = machine.sample([measured], SHOTS)
    assert within_five_errors(tables_of(bits), exact_tables(measured), SHOTS)
    (values,) = machine.estimate([bare], None)
    np.testing.assert_allclose(values.values, exact_values(bare), atol=1e-10)
    (states,) = machine.states([bare])
    overlaps = np.abs(np.einsum("rs,rs->r", states.conj(), exact_states(bare)))
    np.testing.assert_allclose(overlaps, 1, atol=1e-10)


def test_all_qubits_in_use_but_only_those() -> None:
    # The two ends of the line are wires, those between only help.
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("a"), 0)
    circuit.cx(0, 1)
    machine = executor(
        "fake_guadalupe", noise_model=NoiseModel(), initial_layout=[0, 3]
    )
    pub = pub_of(circuit, [[0.7]], [SparsePauliOp("ZI"), SparsePauliOp("ZZ")])
    (values,) = machine.estimate([pub], None)
    np.testing.assert_allclose(values.values, [[np.cos(0.7), 1.0]], atol=1e-10)
    (states,) = machine.states([pub])
    assert states.shape == (1, 4)
    assert abs(np.vdot(states[0], exact_states(pub)[0])) == pytest.approx(1)


def test_wires_without_gates_are_there() -> None:
    circuit = QuantumCircuit(3)
    circuit.x(2)
    machine = executor("fake_manila", noise_model=NoiseModel())
    pub = pub_of(circuit, 1, [SparsePauliOp("ZII"), SparsePauliOp("IZI")])
    (values,) = machine.estimate([pub], None)
    np.testing.assert_allclose(values.values, [[-1.0, 1.0]])
    (states,) = machine.states([pub])
    np.testing.assert_allclose(np.abs(states), [[0, 1] + [0] * 6], atol=1e-12)


def noisy_truth(pub: Any, machine: Any, isa: Any) -> np.ndarray:
    """Aer's own estimator on the whole machine, with its whole noise."""
    simulator = AerSimulator.from_backend(machine, method="density_matrix")
    circuit = isa.circuit.copy()
    places = isa.circuit.layout.final_index_layout()
    circuit.save_density_matrix(places, label="out")
    states = []
    for row in pub.angles:
        names = dict(zip(isa.names, row, strict=True))
        values = {one: names[one.name] for one in circuit.parameters}
        result = simulator.run(circuit.assign_parameters(values)).result()
        states.append(DensityMatrix(result.data(0)["out"]))
    return np.array(
        [
            [state.expectation_value(one).real for one in pub.observables]
            for state in states
        ]
    )


@pytest.mark.parametrize("layout", [None, [4, 1, 3, 0]])
def test_noise_is_that_of_the_whole_machine(layout: list[int] | None) -> None:
    machine = executor("fake_manila", initial_layout=layout)
    pub = pub_of(layered(), 2, OBSERVABLES[:2])
    (states,) = machine.states([pub])
    isa = machine.isa.get(pub.circuit, pub.digest)
    truth = noisy_truth(pub, FakeManilaV2(), isa)
    found = []
    for state in states:
        ours = DensityMatrix(state).reverse_qargs()
        found.append([ours.expectation_value(one).real for one in pub.observables])
    np.testing.assert_allclose(found, truth, atol=1e-10)
    assert np.abs(truth - exact_values(pub)).max() > 0.01


def test_exact_values_are_the_limit_of_many_shots_with_errors_of_reading() -> None:
    machine = executor("fake_manila")
    pub = pub_of(layered(), 5, OBSERVABLES[:2])
    exact, found = (measured_values(machine, pub, shots) for shots in (None, SHOTS))
    assert (np.abs(found - exact) < 5 * np.sqrt((1 - exact**2) / SHOTS)).all()
    measured = pub_of(layered(measure=True), 2)
    (tables,) = machine.probabilities([measured])
    np.testing.assert_allclose(tables.sum(axis=1), 1)
    (bits,) = machine.sample([measured], SHOTS)
    assert within_five_errors(tables_of(bits), tables, SHOTS)


def test_sampled_shots_have_the_statistics_of_aers_own() -> None:
    # FakeManila's own run: trajectories and errors of reading by Aer alone.
    machine = executor("fake_manila")
    pub = pub_of(layered(measure=True), 1)
    isa = machine.isa.get(pub.circuit, pub.digest)
    names = dict(zip(isa.names, pub.angles[0], strict=True))
    circuit = isa.circuit
    bound = circuit.assign_parameters({p: names[p.name] for p in circuit.parameters})
    result = FakeManilaV2().run(bound, shots=SHOTS, seed_simulator=5).result()
    counts = {int(key, 2): n for key, n in result.get_counts().items()}
    theirs = np.array([[counts.get(k, 0) / SHOTS for k in range(16)]])
    (tables,) = machine.probabilities([pub])
    assert within_five_errors(theirs, tables, SHOTS)


def test_trajectories_agree_with_the_density_matrix() -> None:
    pub = pub_of(layered(3, 1, measure=True), 1)
    (bits,) = executor("fake_manila", method="statevector").sample([pub], 2000)
    (tables,) = executor("fake_manila").probabilities([pub])
    assert within_five_errors(tables_of(bits), tables, 2000)


def test_an_own_noise_model_takes_effect() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 2), "cx")
    pub = pub_of(layered(), 3, OBSERVABLES[:1])
    noisy = measured_values(executor(noise_model=model), pub, None)
    assert np.abs(noisy - exact_values(pub)).max() > 0.05
    assert np.abs(noisy).max() < np.abs(exact_values(pub)).max() / 2


@pytest.mark.parametrize("kind", ["single", "joint", "measuring"])
def test_errors_of_reading_take_effect(kind: str) -> None:
    model = NoiseModel()
    if kind == "single":
        model.add_readout_error(ReadoutError([[0.7, 0.3], [0.1, 0.9]]), [1])
    elif kind == "joint":
        # Aer reads each qubit by itself, so this one concerns no measurement here.
        model.add_readout_error(ReadoutError(np.eye(4)[::-1]), [0, 1])
    else:
        flip = pauli_error([("X", 0.3), ("I", 0.7)])
        model.add_quantum_error(flip, "measure", [1])
    circuit = QuantumCircuit(2, 2)
    circuit.measure([0, 1], [1, 0])
    (bits,) = executor(noise_model=model).sample([pub_of(circuit, 1)], SHOTS)
    want = [0.0 if kind == "joint" else 0.3, 0.0]
    np.testing.assert_allclose(bits.bits[0].mean(axis=0), want, atol=0.02)


def test_exact_values_of_unknown_reading_are_refused() -> None:
    model = NoiseModel()
    flip = pauli_error([("X", 0.3), ("I", 0.7)])
    model.add_all_qubit_quantum_error(flip, "measure")
    pub = pub_of(layered(measure=True), 1)
    with pytest.raises(TargetError, match="so only shots can be had"):
        executor(noise_model=model).probabilities([pub])


def test_exact_values_of_sampled_noise_are_refused() -> None:
    pub = pub_of(layered(measure=True), 1)
    machine = executor("fake_manila", method="statevector")
    with pytest.raises(TargetError, match="only samples noise"):
        machine.probabilities([pub])


def test_one_call_is_one_job_and_one_transpilation_for_each_structure() -> None:
    machine = executor("fake_manila")
    pubs = [pub_of(layered(measure=True), 7), pub_of(layered(3, measure=True), 2)]
    for _ in range(2):
        found = machine.sample(pubs, 10)
        assert [counts.bits.shape for counts in found] == [(7, 10, 4), (2, 10, 3)]
    counters = machine.counters
    assert (counters.jobs, counters.pubs, counters.rows) == (2, 4, 18)
    assert counters.transpilations == 2


def test_pubs_with_and_without_parameters_go_together() -> None:
    fixed = QuantumCircuit(1, 1)
    fixed.x(0)
    fixed.measure(0, 0)
    pubs = [
        pub_of(fixed, np.zeros((3, 0))),
        pub_of(layered(measure=True), 2),
        pub_of(fixed, np.zeros((1, 0))),
    ]
    for method in (None, "matrix_product_state"):
        found = executor(method=method).sample(pubs, 5)
        assert [counts.bits.shape for counts in found] == [
            (3, 5, 1),
            (2, 5, 4),
            (1, 5, 1),
        ]
        assert found[0].bits.all()


def test_the_same_seed_gives_the_same_shots_and_a_second_call_others() -> None:
    pub = pub_of(layered(measure=True))
    for options in ({}, {"method": "matrix_product_state"}, {"backend": "fake_manila"}):
        one, twin = executor(**options), executor(**options)
        first = one.sample([pub], 200)[0].bits
        np.testing.assert_array_equal(first, twin.sample([pub], 200)[0].bits)
        others = [one, executor(**{**options, "seed": 2})]
        for other in others:  # not only in another order
            counts = other.sample([pub], 200)[0].bits.sum(axis=1)
            assert (counts != first.sum(axis=1)).any()


def test_classical_bits_that_nothing_is_measured_into_are_zero() -> None:
    circuit = QuantumCircuit(2, 3)
    circuit.x([0, 1])
    circuit.measure(1, 2)
    (counts,) = executor().sample([pub_of(circuit, 1)], 4)
    assert counts.bits[0].tolist() == [[0, 0, 1]] * 4


def test_the_stabilizer_method_runs_clifford_circuits() -> None:
    circuit = layered(3)
    angles = np.random.default_rng(0).integers(-3, 4, (6, 12)) * np.pi / 2
    observables = [SparsePauliOp("ZZZ"), SparsePauliOp("XZY"), SparsePauliOp("ZII")]
    pub = pub_of(circuit, angles, observables)
    (found,) = executor(method="stabilizer").estimate([pub], None)
    np.testing.assert_allclose(found.values, exact_values(pub), atol=1e-10)
    assert np.abs(found.values).max() == 1


def test_the_stabilizer_method_refuses_other_angles() -> None:
    stabilizer = executor(method="stabilizer")
    with pytest.raises(TargetError, match=r"Clifford circuits only.*row 1 has"):
        stabilizer.sample(
            [pub_of(layered(measure=True), np.diag([0, 1.0] + [0] * 14))], 5
        )
    with pytest.raises(TargetError, match="'stabilizer' has no state vectors"):
        stabilizer.states([pub_of(layered())])
    fixed = QuantumCircuit(1, 1)
    fixed.rz(0.3, 0)
    fixed.measure(0, 0)
    with pytest.raises(TargetError, match="Clifford circuits only"):
        stabilizer.sample([pub_of(fixed, 1)], 5)


def test_more_qubits_than_memory_are_refused() -> None:
    circuit = QuantumCircuit(33, 33)
    circuit.h(range(33))
    circuit.measure(range(33), range(33))
    with pytest.raises((MemoryBoundError, TargetError), match=r"memory|qubits"):
        executor(AerSimulator(n_qubits=40)).sample([pub_of(circuit, 1)], 5)


def test_angles_of_another_number_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"expected angles \(rows, 16\)"):
        executor().sample([pub_of(layered(measure=True), np.zeros((2, 3)))], 5)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"expected one of None, .statevector"):
        AerExecutor(AerSimulator(), TranspilationCache(AerSimulator()), method="magic")


def test_it_runs_in_a_forked_process() -> None:
    run, pub = executor(), pub_of(layered(measure=True))
    run.sample([pub], 10)
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os._exit(0 if run.sample([pub], 10)[0].bits.shape == (3, 10, 4) else 1)
        os._exit(2)
    deadline = time.monotonic() + 60
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.05)
    assert os.waitstatus_to_exitcode(ended[1]) == 0


def test_a_machine_of_133_qubits_simulates_those_in_use() -> None:
    machine = executor("fake_torino")
    pub = pub_of(layered(), 3, OBSERVABLES[:1])
    (states,) = machine.states([pub])
    assert states.shape == (3, 16, 16)
    exact, found = (measured_values(machine, pub, shots) for shots in (None, 1000))
    assert (np.abs(found - exact) < 5 / np.sqrt(1000)).all()
