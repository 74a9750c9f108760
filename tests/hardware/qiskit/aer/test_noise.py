from __future__ import annotations

import numpy as np
import pytest
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    depolarizing_error,
    pauli_error,
)
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qml_qdl.hardware.qiskit.aer.noise import GivenNoise, MachineNoise, NoNoise


def test_the_machines_part_has_the_wholes_errors() -> None:
    machine = FakeManilaV2()
    whole = NoiseModel.from_backend(machine)
    part = MachineNoise(machine).on((3, 1, 2)).model
    assert part is not None
    for name, errors in whole._local_quantum_errors.items():
        for on, error in errors.items():
            if set(on) <= {1, 2, 3}:
                inside = tuple((3, 1, 2).index(qubit) for qubit in on)
                assert part._local_quantum_errors[name][inside] == error
    assert part.noise_qubits == [0, 1, 2]
    cut = GivenNoise(whole).on((3, 1, 2)).model
    assert cut is not None
    assert cut._local_quantum_errors == part._local_quantum_errors


def test_qubits_are_misread_as_the_calibration_tells() -> None:
    machine = FakeManilaV2()
    noise = MachineNoise(machine).on((3, 1))
    assert noise.confusion is not None
    assert noise.model is not None
    for number, qubit in enumerate((3, 1)):
        known = machine.properties().qubit_property(qubit)
        up, down = known["prob_meas1_prep0"][0], known["prob_meas0_prep1"][0]
        assert up != down
        want = [[1 - up, up], [down, 1 - down]]
        np.testing.assert_allclose(noise.confusion[number], want)
        ours = noise.model._local_readout_errors[(number,)]
        np.testing.assert_allclose(ours.probabilities, want)


def test_without_a_calibration_the_target_tells() -> None:
    machine = GenericBackendV2(2, seed=1)
    error = machine.target["measure"][(1,)].error
    noise = MachineNoise(machine).on((1,))
    assert noise.confusion is not None
    np.testing.assert_allclose(noise.confusion[0, [0, 1], [1, 0]], error)


def test_own_errors_go_with_their_qubits() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "sx")
    model.add_quantum_error(depolarizing_error(0.2, 2), "cx", [2, 0])
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    model.add_readout_error(ReadoutError([[0.7, 0.3], [0.4, 0.6]]), [2])
    noise = GivenNoise(model).on((0, 2))
    assert noise.model is not None
    assert list(noise.model._local_quantum_errors["cx"]) == [(1, 0)]
    assert list(noise.model._default_quantum_errors) == ["sx"]
    assert noise.confusion is not None
    assert noise.confusion[:, 0, 1].tolist() == [0.1, 0.3]


@pytest.mark.parametrize("kind", ["joint reading", "error of measuring"])
def test_noise_that_is_no_confusion_of_single_qubits_is_seen(kind: str) -> None:
    model = NoiseModel()
    if kind == "joint reading":
        model.add_readout_error(ReadoutError(np.eye(4)[::-1]), [0, 1])
    else:
        flip = pauli_error([("X", 0.1), ("I", 0.9)])
        model.add_all_qubit_quantum_error(flip, "measure")
    assert GivenNoise(model).on((0, 1)).confusion is None


def test_no_noise_is_none() -> None:
    assert NoNoise().on((0,)).model is None
    assert GivenNoise(NoiseModel()).on((0,)).model is None


def test_each_part_is_built_once() -> None:
    noise = MachineNoise(FakeManilaV2())
    assert noise.on((0, 1)) is noise.on((0, 1))
