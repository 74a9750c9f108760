"""Learners that are trained, and states that circuits prepare."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.phases import ClusterIsing, Ising2D, Scan, string_order
from qml_qdl.training.phase_learners import (
    PreparedStates,
    StateLearner,
    make_networks,
)
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import isolate, use

SYSTEM = ClusterIsing(5, points=6, snapshots=40, states=12, sets=2)


@pytest.fixture(scope="module")
def scans() -> tuple[Scan, Scan]:
    return SYSTEM.prepare(0, lambda *_: None)


@pytest.fixture(scope="module")
def learners(scans: tuple[Scan, Scan]) -> dict[str, StateLearner]:
    """The two that read states, trained."""
    known = SYSTEM.labelled(scans[0])
    found = {}
    for learner in make_networks(SYSTEM, 0, epochs=25):
        if isinstance(learner, StateLearner):
            found[learner.name] = learner.fit(known, SYSTEM.ordered(known))
    return found


@pytest.fixture(scope="module")
def prepared(scans: tuple[Scan, Scan]) -> PreparedStates:
    return PreparedStates(SYSTEM, scans[1].couplings[:, 0])


def test_states_are_learnt(
    learners: dict[str, StateLearner], scans: tuple[Scan, Scan]
) -> None:
    known = SYSTEM.labelled(scans[1])
    assert learners["QCNN"].accuracy(known, SYSTEM.ordered(known)) > 0.8
    scores = learners["autoencoder"].probability(known)
    ordered = SYSTEM.ordered(known)
    assert scores[ordered].mean() > scores[~ordered].mean() + 0.3


def test_copies_are_binomial(
    learners: dict[str, StateLearner], scans: tuple[Scan, Scan]
) -> None:
    """Shares are multiples of 1/40, and around what the whole circuit says."""
    test = scans[1]
    shares = np.stack([learners["QCNN"].shares(test) for _ in range(200)])
    assert np.abs(shares * 40 - np.rint(shares * 40)).max() < 1e-9
    mean, spread = shares.mean(0), shares.std(0)
    assert mean[0] == pytest.approx(mean[1], abs=0.04)  # two rows of one state
    assert spread == pytest.approx(np.sqrt(mean * (1 - mean) / 40), rel=0.35)


@pytest.mark.parametrize("name", ["QCNN", "autoencoder"])
def test_circuits_behind_prepared_states_say_the_same(
    name: str, learners: dict[str, StateLearner], prepared: PreparedStates
) -> None:
    """By all gates on PennyLane's simulator, beside the amplitudes."""
    learner = learners[name]
    shares = prepared.shares(learner, 50, seed=1).reshape(6, -1).mean(1)
    whole = (learner.circuit @ prepared.circuit).with_readout(
        learner.circuit.with_readout(learner.circuit.readout).readout
    )
    weights = {
        k.split(".")[-1]: v.detach().numpy()
        for k, v in learner.model.named_parameters()
    }
    wires = learner.circuit.readout.wires  # type: ignore[attr-defined]
    for point, angles in enumerate(prepared.angles):

        @qml.qnode(qml.device("default.qubit", wires=range(5)))
        def chances(angles: np.ndarray = angles) -> qml.measurements.ProbabilityMP:
            with qml.QueuingManager.stop_recording(), qml.queuing.AnnotatedQueue() as q:
                whole(angles, weights)
            for each in q.queue:
                if isinstance(each, qml.operation.Operation):
                    qml.apply(each)
            return qml.probs(wires=wires)

        found = np.asarray(chances())
        exact = found[1] if name == "QCNN" else found[0]
        assert shares[point] == pytest.approx(exact, abs=4 * np.sqrt(0.25 / 2000))


def test_prepared_snapshots(prepared: PreparedStates, scans: tuple[Scan, Scan]) -> None:
    assert prepared.fidelities.min() > 0.8
    assert prepared.fidelities.max() > 0.99
    found = prepared.scan(20, seed=3)
    assert (found.snapshots, len(found)) == (40, 120)
    order = string_order(found)[:, 0].reshape(6, -1).mean(1)
    exact = string_order(SYSTEM.scan(prepared.couplings, 20, seed=4))[:, 0]
    good = prepared.fidelities > 0.99
    assert order[good] == pytest.approx(exact.reshape(6, -1).mean(1)[good], abs=0.2)


def test_a_measurement_is_paid_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prepared: PreparedStates
) -> None:
    """A program that asks again, as after it was killed, finds its job."""
    isolate(monkeypatch, tmp_path)
    options = {"target": "ibm:least_busy", "seed": 0}
    with LoopbackServer(["guadalupe"], noise=False, seed=1) as server:
        use(monkeypatch, server)
        first = prepared.scan(1, **options)
        again = prepared.scan(1, **options)
        assert len(server.jobs) == 1  # all states in all bases
    assert np.array_equal(first.bits, again.bits)


def test_networks_learn_spins() -> None:
    system = Ising2D(6, points=6, chains=15, length=4)
    train, test = system.prepare(0, lambda *_: None)
    told = system.ordered(test)
    for learner in make_networks(system, 0, epochs=6):
        learner.fit(train, system.ordered(train))
        assert learner.accuracy(test, told) > 0.75, learner.name
        chances = learner.probability(test)
        assert 0 <= chances.min() < chances.max() <= 1
