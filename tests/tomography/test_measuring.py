"""Measuring in many bases: against exact probabilities, on every kind of target."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from scipy.stats import chi2

from qml_qdl.circuits import AngleEncoding, BasicEntangler, State, StronglyEntangling
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeError,
    TargetError,
)
from qml_qdl.nn import QuantumLayer
from qml_qdl.tomography import (
    DensityMatrix,
    Measurements,
    exact_state,
    measure,
    pauli_bases,
)
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import isolate, use

CIRCUIT = BasicEntangler(3, layers=2) @ AngleEncoding(3)
X = torch.tensor([0.3, 0.7, -0.4])


@pytest.fixture
def layer() -> QuantumLayer:
    generator = torch.Generator().manual_seed(0)
    return QuantumLayer(CIRCUIT, generator=generator)


def state(layer: QuantumLayer, x: torch.Tensor) -> DensityMatrix:
    twin = QuantumLayer(layer.circuit.with_readout(State()))
    twin.load_state_dict(layer.state_dict())
    return DensityMatrix(twin(x))


def p_value(data: Measurements, exact: DensityMatrix) -> float:
    expected = exact.probabilities(data.bases) * data.shots[:, None]
    seen = data.histograms()
    there = expected > 3
    total = (np.square(seen - expected)[there] / expected[there]).sum()
    return float(chi2.sf(total, there.sum() - len(data.bases)))


@pytest.mark.parametrize(
    "target", ["qdl.simulator", "default.qubit", "lightning.qubit", "aer"]
)
def test_outcomes_have_the_probabilities_of_the_state(
    target: str, layer: QuantumLayer
) -> None:
    data = measure(layer, shots=2000, inputs=X, target=target, seed=1)
    assert data.bases == pauli_bases(3)
    assert data.shots.tolist() == [2000] * 27
    assert data.confusion is None
    assert data.origin.target == target
    assert 1e-3 < p_value(data, state(layer, X)) < 1 - 1e-3


def test_wires_come_in_the_circuits_order() -> None:
    @qml.qnode(qml.device("default.qubit", wires=["a", "b", "c"]))
    def qnode() -> Any:
        qml.X("b")
        qml.CNOT(["b", "c"])
        qml.Hadamard("a")
        qml.RY(0.0, "a")
        return qml.expval(qml.Z("a"))

    data = measure(qnode, "z", 50)
    assert data.wires == ("a", "b", "c")
    assert set(map(tuple, data.outcomes[:, 1:].tolist())) == {(1, 1)}
    assert data.restricted("c").histogram("Z").tolist() == [0, 50]


@pytest.mark.parametrize(
    "gates", [[qml.Hadamard], [qml.Hadamard, qml.S], [qml.X]], ids=["X", "Y", "Z"]
)
def test_each_letter_reads_its_eigenstate(gates: list[Any]) -> None:
    @qml.qnode(qml.device("default.qubit"))
    def qnode() -> Any:
        for gate in gates:
            gate(0)
        return qml.state()

    data = measure(qnode, "pauli", 100, target="auto", seed=0)
    sure = [basis for basis in "XYZ" if len(np.flatnonzero(data.histogram(basis))) == 1]
    assert sure == [{1: "X", 2: "Y"}.get(len(gates), "Z") if gates[0] != qml.X else "Z"]
    bit = int(gates[0] == qml.X)
    assert data.histogram(sure[0])[bit] == 100


def test_random_bases_follow_their_seed(layer: QuantumLayer) -> None:
    def measured(seed: int | None) -> Measurements:
        return measure(layer, "random", 2, num_bases=400, inputs=X, seed=seed)

    first, again, other = measured(3), measured(3), measured(4)
    assert first.total_shots == 800
    assert first.bases == again.bases
    assert (first.counts == again.counts).all()
    assert first.bases != other.bases or first.shots.tolist() != other.shots.tolist()
    letters = np.array([list(basis) for basis in first.bases])
    shots = first.shots[:, None] * (letters == "X")
    # Each letter as likely: 400 draws of 1/3 on each wire.
    assert np.abs(shots.sum(axis=0) / 800 - 1 / 3).max() < 0.1
    torch.manual_seed(0)
    free = measured(None)
    torch.manual_seed(0)
    assert measured(None).bases == free.bases


def test_a_layers_weights_and_target_are_its_own(layer: QuantumLayer) -> None:
    layer.set_target("lightning.qubit")
    data = measure(layer, "z", 10, inputs=X, seed=0)
    assert data.origin.target == "lightning.qubit"
    assert data.origin.circuit == repr(CIRCUIT)


def test_a_circuit_takes_its_weights_by_name() -> None:
    weights = torch.full((1, 2, 3), 0.4)
    circuit = StronglyEntangling(2)
    one = measure(circuit, "z", 200, weights=weights, seed=0)
    named = measure(circuit, "z", 200, weights={"weights_0": weights}, seed=0)
    assert (one.counts == named.counts).all()


def test_a_machines_misreadings_come_in_the_same_job(layer: QuantumLayer) -> None:
    options: dict[str, Any] = {"inputs": X, "target": "aer:fake_manila", "seed": 0}
    data = measure(layer, "z", 4000, calibration_rows=2, **options)
    confusion = data.confusion
    assert confusion is not None
    assert confusion.shape == (3, 2, 2)
    assert np.allclose(confusion.sum(axis=2), 1)
    wrong = confusion[:, [0, 1], [1, 0]]
    assert (wrong > 0.001).all()
    assert (wrong < 0.2).all()
    assert data.origin.calibrated.startswith("20")


@pytest.mark.parametrize("target", ["auto", "default.qubit", "aer"])
def test_states_without_noise_are_the_circuits(
    target: str, layer: QuantumLayer
) -> None:
    found = exact_state(layer, inputs=X, target=target)
    assert found.fidelity(state(layer, X)) == pytest.approx(1, abs=1e-6)
    assert found.purity == pytest.approx(1, abs=1e-6)


def test_a_machines_model_has_noise_but_for_reading(layer: QuantumLayer) -> None:
    found = exact_state(layer, inputs=X, target="aer:fake_manila")
    assert 0.8 < found.fidelity(state(layer, X)) < 0.999
    assert found.purity < 0.99


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    isolate(monkeypatch, tmp_path)
    return tmp_path


def test_a_machine_is_paid_once(
    place: Path, layer: QuantumLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackServer(["manila"], seed=3) as server:
        use(monkeypatch, server)
        options: dict[str, Any] = {"target": "ibm:ibm_manila", "inputs": X}
        first = measure(layer, "random", 4, num_bases=20, **options)
        again = measure(layer, "random", 4, num_bases=20, **options)
        assert len(server.jobs) == 1
        other = measure(layer, "random", 4, num_bases=20, run="more", **options)
        assert len(server.jobs) == 2
        # A device in the target's place is the same machine, wherever it was made.
        for layout, count in ((None, 2), (None, 2), ([0, 1, 2], 3)):
            device = qml.device(
                "qdl.qiskit", wires=3, backend="ibm:ibm_manila", initial_layout=layout
            )
            own = {"target": device, "inputs": X, "run": None}
            measure(layer, "random", 4, num_bases=20, **own)
            assert len(server.jobs) == count
        with pytest.raises(TargetError, match="ibm_manila has no exact results"):
            exact_state(layer, inputs=X, target="ibm:ibm_manila")
    assert first.origin.jobs == again.origin.jobs != other.origin.jobs
    assert first.origin.machine == "ibm:ibm_manila"
    assert first.bases == again.bases == other.bases
    assert (first.counts == again.counts).all()
    assert first.confusion is not None
    assert again.confusion is not None
    assert (first.confusion == again.confusion).all()
    assert first.origin.calibrated
    assert not again.origin.calibrated  # today's is not what was measured with


def _measure_in_another_process(folder: str) -> None:
    layer = QuantumLayer(CIRCUIT, generator=torch.Generator().manual_seed(0))
    data = measure(layer, "z", 8, inputs=X, target="ibm:ibm_manila")
    data.save(f"{folder}/data.npz")


def test_killed_while_it_waits_it_is_paid_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackServer(["manila"], seed=3, queue_delay=300.0) as server:
        use(monkeypatch, server)
        context = multiprocessing.get_context("spawn")
        process = context.Process(
            target=_measure_in_another_process, args=(str(place),)
        )
        process.start()
        while not server.jobs:
            assert process.is_alive()
            time.sleep(0.05)
        process.kill()
        process.join()
        assert not (place / "data.npz").exists()
        for job in server.jobs.values():
            job.release()
        _measure_in_another_process(str(place))
        assert len(server.jobs) == 1
    data = Measurements.read(place / "data.npz")
    assert data.total_shots == 8
    assert len(data.origin.jobs) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bases": "paulis"}, r"bases: expected one of 'pauli'.*did you mean 'pauli'"),
        ({"bases": ["XX"]}, r"bases: .* words of 3 letters X, Y and Z.*got 'XX'"),
        ({"bases": []}, r"bases: .*got \[\]"),
        ({"bases": "z", "num_bases": 3}, r"num_bases: it is for bases='random'"),
        ({"shots": 0}, r"shots: expected at least 1"),
        ({"inputs": ()}, r"inputs: the circuit takes inputs, got \(\)"),
        ({"inputs": [1.0, 2.0, np.nan]}, r"inputs: expected finite numbers"),
        ({"inputs": torch.zeros(2, 3)}, r"inputs: expected one row, got 2"),
        ({"weights": {}}, r"weights: a layer brings its own"),
        ({"calibration_rows": 2}, r"calibration_rows: .*pass 0"),
    ],
)
def test_what_does_not_fit_is_refused(
    arguments: dict[str, Any], message: str, layer: QuantumLayer
) -> None:
    with pytest.raises(ArgumentError, match=message):
        measure(layer, **{"inputs": X, **arguments})


def test_what_is_no_circuit_is_refused(layer: QuantumLayer) -> None:
    with pytest.raises(ArgumentTypeError, match="circuit: expected a Circuit"):
        measure(3)
    with pytest.raises(ArgumentError, match="weights: expected tensors by name"):
        measure(StronglyEntangling(2))
    with pytest.raises(ShapeError, match=r"weights: expected \(1, 2, 3\)"):
        measure(StronglyEntangling(2), weights=torch.zeros(2, 3))
    with pytest.raises(ArgumentError, match="weights: expected finite numbers"):
        measure(StronglyEntangling(2), weights=torch.full((1, 2, 3), torch.nan))
    with pytest.raises(ArgumentError, match="num_wires: all bases of 11 wires"):
        measure(AngleEncoding(11), inputs=torch.zeros(11))
