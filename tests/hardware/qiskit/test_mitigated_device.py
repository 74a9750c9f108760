"""Mitigation on simulated machines: what it gains, costs, and refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer.noise import NoiseModel, ReadoutError

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.mitigation import Mitigation

WIRES = 4
HERMITIAN = np.array([[1.0, 2.0 - 1j], [2.0 + 1j, -1.0]])


def layered(angles: Any) -> None:
    """Entangles every wire with its next, last with first too; (layers, wires, 2)."""
    for layer in range(angles.shape[-3]):
        for wire in range(WIRES):
            qml.RY(angles[..., layer, wire, 0], wire)
            qml.RZ(angles[..., layer, wire, 1], wire)
        for wire in range(WIRES):
            qml.CNOT([wire, (wire + 1) % WIRES])


def node(
    observables: Any, shots: Any = None, backend: Any = None, **options: Any
) -> Any:
    """A circuit on a backend, or on PennyLane's own simulator."""
    made = qml.device("default.qubit")
    if backend is not None:
        made = qml.device(
            "qdl.qiskit", wires=WIRES, backend=backend, cache=None, **options
        )

    @qml.set_shots(shots)
    @qml.qnode(made)
    def circuit(angles: Any) -> Any:
        layered(angles)
        return [qml.expval(one) for one in observables]

    return circuit


Z = [qml.Z(wire) for wire in range(WIRES)]
SUMS = [
    0.5 * qml.Z(0) @ qml.Z(1) - 2 * qml.X(2) + 3 * qml.I(0),
    qml.Hermitian(HERMITIAN, 1),
    qml.Y(3) @ qml.Z(0),
]


def errors_of(shots: Any, backend: Any, observables: Any = Z, **options: Any) -> Any:
    """Errors in ten circuits, of one and of three layers, five rows each."""
    found = []
    for layers in (1, 3):
        rng = np.random.default_rng(layers - 1)
        angles = rng.uniform(-3, 3, (5, layers, WIRES, 2))
        exact = np.array(node(observables)(angles))
        values = np.array(node(observables, shots, backend, **options)(angles))
        found.append((values - exact).ravel())
    return np.abs(np.concatenate(found))


def test_exact_errors_are_a_fifth() -> None:
    raw = np.median(errors_of(None, "fake_torino"))
    mitigated = np.median(errors_of(None, "fake_torino", mitigation="readout+zne"))
    assert raw > 0.015
    assert mitigated < raw / 5


def test_with_shots_errors_are_less_than_half() -> None:
    raw = np.median(errors_of(20_000, "fake_manila", seed=2))
    for folding in ("global", "gates"):
        given = Mitigation(folding=folding)
        own = errors_of(20_000, "fake_manila", seed=2, mitigation=given)
        assert np.median(own) < raw / 2


def readout_noise() -> NoiseModel:
    model = NoiseModel()
    for wire in range(WIRES):
        up = 0.02 * (wire + 1)
        model.add_readout_error(ReadoutError([[1 - up, up], [0.1, 0.9]]), [wire])
    return model


def test_samples_come_with_how_they_are_misread() -> None:
    options: dict[str, Any] = {"noise_model": readout_noise(), "seed": 1}
    device = qml.device("qdl.qiskit", wires=WIRES, backend="aer", **options)
    order = list(range(WIRES))[::-1]
    tape = qml.tape.QuantumScript([qml.X(0)], [qml.sample(wires=order)], shots=4000)
    (samples,), (confusion,) = device.execute_calibrated([tape], 8)
    assert samples.shape == (4000, WIRES)
    up = 0.02 * (np.array(order) + 1)
    assert confusion[:, 0, 1] == pytest.approx(up, abs=0.01)
    assert confusion[:, 1, 0] == pytest.approx(0.1, abs=0.01)
    assert np.allclose(confusion.sum(axis=2), 1)
    # Wire 0, the last, was 1; the others were 0.
    assert samples.mean(axis=0)[-1] == pytest.approx(0.9, abs=0.03)
    mitigating = device.changed(mitigation="readout")
    with pytest.raises(TargetError, match="mitigation: samples cannot be mitigated"):
        mitigating.execute_calibrated([tape], 8)


def test_errors_of_reading_alone_are_undone() -> None:
    options: dict[str, Any] = {"noise_model": readout_noise(), "seed": 1}
    given = Mitigation(zne_scales=(1,), calibration_rows=50)
    assert errors_of(None, "aer", SUMS, **options).max() > 0.05
    exact = errors_of(None, "aer", SUMS, **options, mitigation=given)
    assert exact.max() < 1e-9


@pytest.mark.parametrize("scales", [(1,), (1, 3)])
def test_error_bars_are_those_of_repeated_runs(scales: tuple[int, ...]) -> None:
    made = qml.device(
        "qdl.qiskit",
        wires=WIRES,
        backend="aer",
        noise_model=readout_noise(),
        seed=3,
        mitigation=Mitigation(zne_scales=scales, calibration_rows=64),
    )
    angles = np.tile(
        np.random.default_rng(0).uniform(-3, 3, (1, 2, WIRES, 2)), (300, 1, 1, 1)
    )

    @qml.set_shots(400)
    @qml.qnode(made)
    def circuit(angles: Any) -> Any:
        layered(angles)
        return [qml.expval(one) for one in SUMS]

    tapes, _ = qml.workflow.construct_batch(circuit, level="device")(angles)
    ((values,), (errors,)) = made.execute_with_errors(tapes)
    exact = node(SUMS)(angles[:1])
    for value, error, wanted in zip(values, errors, exact, strict=True):
        assert error.mean() == pytest.approx(value.std(), rel=0.15)
        assert abs(value.mean() - wanted) < 5 * error.mean() / np.sqrt(300) + 0.02


def test_without_noise_nothing_is_changed() -> None:
    assert errors_of(None, "aer", SUMS, mitigation="readout+zne").max() < 1e-9


def test_an_identity_is_not_extrapolated() -> None:
    made = node([3 * qml.I(0)], 10, "fake_manila", mitigation="zne")
    assert np.array(made(np.ones((2, 1, WIRES, 2)))).tolist() == [[3.0, 3.0]]


def test_all_goes_in_one_job_with_the_rows_of_gradients() -> None:
    made = qml.device(
        "qdl.qiskit", wires=WIRES, backend="fake_manila", mitigation="readout+zne"
    )

    @qml.set_shots(50)
    @qml.qnode(made, interface="torch")
    def circuit(angle: Any) -> Any:
        qml.RX(angle, 0)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1) @ qml.Z(0)), qml.expval(qml.X(1))

    angle = torch.tensor([0.5, 1.0, 1.5]).double().requires_grad_()
    with qml.Tracker(made) as tracker:
        sum(circuit(angle)).sum().backward()
    # Two bases, three strengths of the noise, three rows with two shifts each; two
    # calibrations of two rows of both kinds.
    assert tracker.totals["jobs"] == 1
    assert tracker.totals["pubs"] == 2 * (3 + 1)
    assert tracker.totals["rows"] == 2 * (3 * 9 + 4)
    assert tracker.totals["transpilations"] == 2


def test_merged_rows_leave_the_calibration_whole() -> None:
    made = qml.device(
        "qdl.qiskit",
        wires=1,
        backend="fake_manila",
        merge_rows=True,
        mitigation=Mitigation(zne_scales=(1,), calibration_rows=3),
    )

    @qml.set_shots(50)
    @qml.qnode(made)
    def circuit(angle: Any) -> Any:
        qml.RX(angle, 0)
        return qml.expval(qml.Z(0))

    with qml.Tracker(made) as tracker:
        values = circuit(np.full(5, 0.3))
    assert len(set(values.tolist())) == 1
    assert tracker.totals["rows"] == 1 + 2 * 3


def test_gradients_are_those_without_noise() -> None:
    found: list[Any] = []
    for options in ({"backend": "fake_manila", "mitigation": "readout+zne"}, {}):
        made = qml.device("qdl.qiskit", wires=WIRES, **{"backend": "aer", **options})

        @qml.qnode(made, interface="torch")
        def circuit(angle: Any) -> Any:
            qml.RX(angle, 0)
            qml.CNOT([0, 1])
            return qml.expval(qml.Z(1))

        angle = torch.tensor([0.5, 1.0]).double().requires_grad_()
        found += torch.autograd.grad(circuit(angle).sum(), angle)
    np.testing.assert_allclose(found[0], found[1], atol=0.01)


@pytest.mark.filterwarnings("ignore:Qiskit backend .* has no QubitProp")
def test_other_backends_can_be_mitigated() -> None:
    backend = GenericBackendV2(WIRES, seed=3)
    angles = np.random.default_rng(0).uniform(-3, 3, (2, 2, WIRES, 2))
    made = node(Z[:2], 2000, backend, seed=1, mitigation="readout+zne")
    assert np.shape(made(angles)) == (2, 2)
    exact = node(Z[:2], None, backend, mitigation="readout+zne")
    with pytest.raises(TargetError, match="no exact results, got shots=None"):
        exact(angles)


def test_each_part_of_the_shots_is_mitigated() -> None:
    angles = np.random.default_rng(0).uniform(-3, 3, (2, 2, WIRES, 2))
    made = node(Z, (8000, 8000), "fake_manila", seed=1, mitigation="readout")
    for part in made(angles):
        np.testing.assert_allclose(part, node(Z)(angles), atol=0.15)


def probabilities() -> Any:
    return qml.probs(wires=[0])


def wide_matrix() -> Any:
    return qml.expval(qml.Hermitian(np.eye(2**7), range(7)))


@pytest.mark.parametrize(
    ("measure", "shots"),
    [
        (probabilities, None),
        (probabilities, 20),
        (wide_matrix, None),
        (wide_matrix, 20),
        (qml.state, None),
        (lambda: qml.sample(wires=[0]), 20),
        (lambda: qml.counts(wires=[0]), 20),
    ],
)
def test_all_but_words_is_refused(measure: Any, shots: Any) -> None:
    made = qml.device("qdl.qiskit", wires=7, mitigation="readout")

    @qml.set_shots(shots)
    @qml.qnode(made)
    def circuit() -> Any:
        return measure()

    with pytest.raises(TargetError, match=r"(?s)mitigation: it gives .* leave mitig"):
        circuit()


def test_rows_that_are_not_finite_become_nan() -> None:
    made = node(Z[:1], 50, "fake_manila", mitigation="readout+zne")
    angles = np.ones((3, 1, WIRES, 2))
    angles[1, 0, 0, 0] = np.nan
    assert np.isnan(np.array(made(angles))[0]).tolist() == [False, True, False]
    assert np.isnan(np.array(made(angles[1:2]))).all()
