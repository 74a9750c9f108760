"""Processes: against Qiskit's forms, the maximum's proof, and circuits on targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.quantum_info import (
    PTM,
    Chi,
    Choi,
    Kraus,
    average_gate_fidelity,
    random_quantum_channel,
)
from qiskit.quantum_info import Operator as QiskitOperator

from qml_qdl.circuits import StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.tomography import (
    DensityMatrix,
    Process,
    ProcessMeasurements,
    measure_process,
    process_tomography,
)
from qml_qdl.tomography.processes import _Likelihood, input_words
from tests.tomography.test_shadows import random_confusion, random_state

SIZES = pytest.mark.parametrize("size", [1, 2])


def reversed_wires(matrix: Any, size: int) -> Any:
    """A matrix of Qiskit's, whose first qubit is the least significant."""
    order = [*range(size)[::-1], *range(size, 2 * size)[::-1]]
    tensor = np.asarray(matrix).reshape((2,) * (2 * size)).transpose(order)
    return tensor.reshape(2**size, 2**size)


def channel(size: int, rank: int = 3) -> tuple[Process, Any]:
    theirs = random_quantum_channel(2**size, 2**size, rank=rank, seed=1)
    kraus = [reversed_wires(each, size) for each in Kraus(theirs).data]
    return Process.from_kraus(np.array(kraus)), theirs


def unitary(size: int, seed: int = 0) -> Any:
    generator = np.random.default_rng(seed)
    real, imaginary = generator.normal(size=(2, 2**size, 2**size))
    return np.linalg.qr(real + 1j * imaginary)[0]


@SIZES
def test_all_forms_are_qiskits(size: int) -> None:
    ours, theirs = channel(size)
    words = np.arange(4**size).reshape((4,) * size).T.ravel()
    among = np.ix_(words, words)
    assert ours.pauli_transfer_matrix == pytest.approx(PTM(theirs).data[among].real)
    # Qiskit's χ has the trace 2ⁿ.
    assert ours.chi == pytest.approx(Chi(theirs).data[among] / 2**size)
    if size == 1:
        assert ours.choi == pytest.approx(Choi(theirs).data)
    gate = unitary(size)
    wanted = average_gate_fidelity(theirs, QiskitOperator(reversed_wires(gate, size)))
    assert ours.average_gate_fidelity(gate) == pytest.approx(wanted)
    again = Process(ours.choi)
    assert again.choi == pytest.approx(ours.choi)
    assert len(again.kraus) == 3


@SIZES
def test_the_choi_and_chi_matrices_say_what_states_become(size: int) -> None:
    process, _ = channel(size)
    state = random_state(size, 1)
    found = process(state).matrix
    side = 2**size
    choi = process.choi.reshape(side, side, side, side)
    assert np.einsum("ij,ikjl->kl", state.matrix, choi) == pytest.approx(found)
    letters = [qml.matrix(each(0)) for each in (qml.Identity, qml.X, qml.Y, qml.Z)]
    words = letters if size == 1 else [np.kron(a, b) for a in letters for b in letters]
    by_words = sum(
        process.chi[p, q] * words[p] @ state.matrix @ words[q]
        for p in range(4**size)
        for q in range(4**size)
    )
    assert by_words == pytest.approx(found)
    assert np.trace(process.chi) == pytest.approx(1)


@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "misread"])
@SIZES
def test_the_maximum_is_found_and_proven(size: int, noisy: bool) -> None:
    process, _ = channel(size)
    confusion = random_confusion(size, 0) if noisy else None
    data = process.sample(400, seed=0, confusion=confusion)
    found = process_tomography(data)
    assert found.converged
    total = np.einsum("rji,rjk->ik", found.process.kraus.conj(), found.process.kraus)
    assert total == pytest.approx(np.eye(2**size), abs=1e-9)
    model = _Likelihood(data)
    best = log_likelihood(model, found.process)
    assert best > log_likelihood(model, process)  # the truth explains shots less well
    # No process is better by more than the gap: not the truth, nor one near by.
    for seed in range(5):
        gate = Process.from_kraus(unitary(size, seed))
        for share in (1e-4, 1e-2):
            mixed = Process((1 - share) * found.process.choi + share * gate.choi)
            assert log_likelihood(model, mixed) < best + found.gap
    # And the bound is one: of the truth it covers all that the maximum is better.
    assert best - log_likelihood(model, process) < model.gap(process.kraus)
    off = np.abs(found.process.choi - process.choi).max()
    assert off < 0.2


def log_likelihood(model: _Likelihood, process: Process) -> float:
    return float(model._log_likelihood(torch.from_numpy(process.kraus)))


def test_the_gradient_is_right() -> None:
    model = _Likelihood(channel(1)[0].sample(20, seed=0))
    flat = np.random.default_rng(0).normal(size=32)
    _, gradient = model.value_and_gradient(flat)
    step = 1e-6
    for place in (0, 9, 31):
        ends = []
        for sign in (1, -1):
            moved = flat.copy()
            moved[place] += sign * step
            ends.append(model.value_and_gradient(moved)[0])
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(
            gradient[place], rel=1e-4, abs=1e-4
        )


@pytest.mark.parametrize("target", ["auto", "default.qubit", "aer:fake_torino"])
def test_circuits_are_measured_on_targets(target: str) -> None:
    circuit = StronglyEntangling(2, layers=1)
    weights = torch.rand(1, 2, 3, generator=torch.Generator().manual_seed(0))
    gate = qml.matrix(lambda: circuit.queue(None, weights.numpy()), [0, 1])()
    data = measure_process(circuit, 300, weights=weights, target=target, seed=0)
    assert data.inputs == input_words(2)
    assert (data.outputs[0].confusion is not None) == (target == "aer:fake_torino")
    found = process_tomography(data)
    assert found.process.average_gate_fidelity(gate) > 0.95


def test_qubit_orders_are_kept() -> None:
    """CNOT from the first wire to the second is not its mirror image."""
    gate = qml.matrix(qml.CNOT([0, 1]))
    data = Process.from_kraus(gate).sample(500, seed=0)
    found = process_tomography(data).process
    assert found.average_gate_fidelity(gate) > 0.97
    mirrored = reversed_wires(gate, 2)
    assert found.average_gate_fidelity(mirrored) < 0.6


def test_bad_input_is_named() -> None:
    with pytest.raises(ArgumentError, match="keeps traces"):
        Process(np.eye(4))
    with pytest.raises(ArgumentError, match="expected a positive matrix"):
        Process(np.diag([1.5, -0.5, 0.5, 0.5]))
    with pytest.raises(ShapeError, match=r"choi: expected \(4ⁿ, 4ⁿ\), got \(2, 2\)"):
        Process(np.eye(2))
    flip = Process.from_kraus(np.array([[0, 1], [1, 0]]))
    with pytest.raises(ArgumentError, match="gate: expected a unitary matrix"):
        flip.process_fidelity(np.ones((2, 2)))
    with pytest.raises(ShapeError, match="state: expected one of 1 wires, got 2"):
        flip(DensityMatrix([1, 0, 0, 0]))
    data = flip.sample(10, seed=0)
    with pytest.raises(DataError, match="tell 12 of the 16 numbers of a process"):
        process_tomography(ProcessMeasurements(data.inputs[:3], data.outputs[:3]))
    with pytest.raises(DataError, match="words of the letters 0, 1, "):
        ProcessMeasurements(("-",), data.outputs[:1])
    with pytest.raises(ShapeError, match="outputs: expected 2, one for each input"):
        ProcessMeasurements(("0", "1"), data.outputs[:1])
    with pytest.raises(ArgumentError, match="circuit: expected at most 2 wires"):
        measure_process(StronglyEntangling(3, layers=1), weights=torch.ones(1, 3, 3))
