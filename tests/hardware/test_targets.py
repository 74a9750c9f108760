"""Targets: names, the devices behind them, and what is said of unknown ones."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    AngleEncoding,
    Circuit,
    Expectation,
    Probabilities,
    Samples,
    State,
    StronglyEntangling,
)
from qml_qdl.circuits.errors import ArgumentTypeError, QdlError, TargetError
from qml_qdl.hardware import available_targets, make_device
from qml_qdl.hardware.targets import (
    QISKIT_TARGETS,
    choose_target,
    direct_runner,
    is_qiskit_name,
)
from qml_qdl.hardware.traits import traits_of

U = StronglyEntangling(2) @ AngleEncoding(2)


def test_all_installed_devices_are_available() -> None:
    targets = available_targets()
    assert targets[0] == "auto"
    others = targets[1 + len(QISKIT_TARGETS) :]
    assert targets[1 : 1 + len(QISKIT_TARGETS)] == QISKIT_TARGETS
    assert set(others) == set(qml.plugin_devices)
    assert list(others) == sorted(others)
    assert {"default.qubit", "default.mixed", "lightning.qubit"} <= set(targets)


@pytest.mark.parametrize("wires", [0, 1, 20])
def test_auto_is_our_simulator(wires: int) -> None:
    assert choose_target(wires) == "qdl.simulator"
    made = make_device("auto", range(wires) if wires else None)
    assert made.name == "qdl.simulator"


def test_auto_needs_less_memory_where_a_row_does_not_fit() -> None:
    assert choose_target(40) == "lightning.qubit"


@pytest.mark.parametrize(
    ("device", "circuit", "direct"),
    [
        ("qdl.simulator", U, True),
        ("qdl.simulator", U.with_readout(Expectation([qml.X(0) + qml.Z(1)])), True),
        ("qdl.simulator", U.with_readout(Probabilities()), True),
        ("qdl.simulator", U.with_readout(State()), True),
        (
            "qdl.simulator",
            U.with_readout(Expectation([qml.Projector([0], wires=0)])),
            True,
        ),
        ("qdl.simulator", U.with_readout(Samples()), False),
        ("default.qubit", U, False),
    ],
)
def test_what_runs_without_a_tape(device: str, circuit: Circuit, direct: bool) -> None:
    runner = direct_runner(make_device(device, range(2)), circuit)
    assert (runner is not None) == direct


@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit", "default.mixed"])
@pytest.mark.parametrize("wires", [range(3), ["b", "a"], [2, 0], None], ids=str)
def test_a_device_by_its_name(name: str, wires: Any) -> None:
    device = make_device(name, wires)
    assert device.name == name
    assert device.wires == (None if wires is None else qml.wires.Wires(list(wires)))
    # Each call makes a new one: nothing is shared behind the user's back.
    assert make_device(name, wires) is not device


@pytest.mark.parametrize(
    ("own", "wanted"),
    [(2, [0, 1]), (3, [2]), (["b", "a"], ["a"]), (None, [5]), (2, None), (2, [])],
    ids=str,
)
def test_a_device_comes_back_as_it_is(own: Any, wanted: Any) -> None:
    device = qml.device("default.qubit", wires=own)
    assert make_device(device, wanted) is device


@pytest.mark.parametrize(("own", "wanted"), [(1, [0, 1]), (["a"], ["b"])], ids=str)
def test_a_device_that_lacks_wires(own: Any, wanted: Any) -> None:
    device = qml.device("default.qubit", wires=own)
    with pytest.raises(TargetError, match=r"needs the wires .* default\.qubit has .*"):
        make_device(device, wanted)


@pytest.mark.parametrize("name", ["nowhere", "", "Default.Qubit", "lightning"])
def test_an_unknown_name_lists_the_known(name: str) -> None:
    with pytest.raises(TargetError, match=f"unknown target '{name}'; av") as caught:
        make_device(name, range(2))
    for target in available_targets():
        assert target in str(caught.value)


@pytest.mark.parametrize(
    "target",
    [None, 3, ["default.qubit"], qml.device],
    ids=["none", "number", "list", "function"],
)
def test_neither_name_nor_device(target: Any) -> None:
    with pytest.raises(
        ArgumentTypeError, match=r"target: expected a target's name, a P"
    ):
        make_device(target, range(2))


@pytest.mark.parametrize(
    "error",
    [
        ImportError("no stim"),
        ValueError("no GPU"),
        TypeError("no wires"),
        qml.exceptions.DeviceError("not here"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_device_that_cannot_be_made(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(qml, "device", fail)
    text = f"target: 'default.qubit' cannot be made here: {error}"
    with pytest.raises(TargetError, match=text) as caught:
        make_device("default.qubit", range(2))
    assert caught.value.__cause__ is error


def test_errors_are_the_librarys_and_pickle() -> None:
    with pytest.raises(QdlError) as caught:
        make_device("nowhere", None)
    assert isinstance(caught.value, ValueError)
    for twin in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert str(twin) == str(caught.value)


def test_what_devices_can() -> None:
    qubit, lightning, mixed = (
        traits_of(make_device(name, range(2)))
        for name in ("default.qubit", "lightning.qubit", "default.mixed")
    )
    assert qubit.state_vector
    assert lightning.state_vector
    assert not mixed.state_vector
    assert not qubit.fast_adjoint
    assert lightning.fast_adjoint
    assert qubit.takes_batches
    assert not lightning.takes_batches
    assert mixed.takes_batches
    assert not qubit.gradients
    assert not qubit.costs_jobs
    assert not qubit.tells_errors


@pytest.mark.parametrize(
    ("name", "qiskit"),
    [
        ("aer", True),
        ("aer:fake_torino", True),
        ("fake_torino", True),
        ("ibm:ibm_torino", True),
        ("ibm:least_busy", True),
        ("ibm_torino", True),  # its own error knows better
        ("qdl.qiskit", False),
        ("auto", False),
        ("aerial", False),
    ],
)
def test_names_of_qiskit_backends(name: str, qiskit: bool) -> None:
    assert is_qiskit_name(name) == qiskit


def test_qiskit_devices() -> None:
    device = make_device("aer", ["b", "a"])
    assert device.wires == qml.wires.Wires(["b", "a"])
    assert make_device("qdl.qiskit", range(2)).name == device.name
    assert traits_of(device).gradients == ("parameter-shift", "spsa")
    assert device.changed() is device
    other = device.changed(gradient="spsa", spsa_directions=3)
    assert (other.options.gradient, other.options.spsa_directions) == ("spsa", 3)


@pytest.mark.parametrize(
    "name",
    ["default.qubit", "lightning.qubit", "qdl.simulator", "reference.qubit"],
)
def test_state_vector_devices_return_the_state(name: str) -> None:
    @qml.qnode(make_device(name, range(2)))
    def state() -> Any:
        qml.X(1)
        return qml.state()

    assert [abs(round(number)) for number in state().real] == [0, 1, 0, 0]


@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit", "default.mixed"])
def test_who_takes_batches_apart(name: str) -> None:
    device = make_device(name, range(1))

    @qml.qnode(device)
    def turned(angles: Any) -> Any:
        qml.RX(angles, wires=0)
        return qml.expval(qml.Z(0))

    with qml.Tracker(device) as tracker:
        turned(qml.numpy.array([0.1, 0.2, 0.3]))
    runs = tracker.totals.get("simulations", tracker.totals["executions"])
    assert (runs == 1) == traits_of(device).takes_batches


def _noisy() -> Any:
    qml.AmplitudeDamping(0.1, wires=0)
    return qml.expval(qml.Z(0))


def _shadow() -> Any:
    return qml.classical_shadow([0])


@pytest.mark.parametrize(
    ("target", "function", "shots", "message"),
    [
        (
            "qdl.simulator",
            _noisy,
            None,
            "no channels, got AmplitudeDamping; use target=",
        ),
        (
            "aer",
            _noisy,
            10,
            "no channels, got AmplitudeDamping; .* target='aer:fake_NAM",
        ),
        (
            "aer",
            _shadow,
            10,
            "samples no classical shadows; use target='qdl.simulator'",
        ),
        (
            "qdl.simulator",
            _shadow,
            None,
            "samples a classical shadow, got none; pass shots",
        ),
    ],
)
def test_what_a_target_has_not_is_said_with_the_repair(
    target: str, function: Any, shots: int | None, message: str
) -> None:
    node = qml.set_shots(qml.QNode(function, make_device(target, [0])), shots)
    with pytest.raises(TargetError, match=message):
        node()


@pytest.mark.parametrize("target", ["qdl.simulator", "aer", "lightning.qubit"])
@pytest.mark.parametrize("shots", [None, 10])
@pytest.mark.parametrize("rows", [1, 2])
def test_rows_keep_their_dimension(target: str, shots: int | None, rows: int) -> None:
    def circuit(x: Any) -> Any:
        qml.RX(x, 0)
        return qml.expval(qml.Z(0)), qml.probs(0), qml.var(qml.Z(1))

    node = qml.set_shots(qml.QNode(circuit, make_device(target, [0, 1])), shots)
    shapes = [tuple(part.shape) for part in node(torch.zeros(rows))]
    assert shapes == [(rows,), (rows, 2), (rows,)]


def test_one_row_of_samples_and_counts() -> None:
    def circuit(x: Any) -> Any:
        qml.RX(x, 0)
        return qml.sample(wires=[0, 1]), qml.counts()

    device = make_device("qdl.simulator", [0, 1])
    samples, counts = qml.set_shots(qml.QNode(circuit, device), 10)(torch.zeros(1))
    assert samples.shape == (1, 10, 2)
    assert counts == [{"00": 10}]
