"""Keywords of other devices: each is answered with what is meant here."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.nn import QuantumLayer

OURS = ("qdl.simulator", "qdl.qiskit")
VENDORS = ("prng_key", "mpi", "mpi_buf_size", "kokkos_args", "use_async")
"""Of devices that are not installed here, as Lightning's on other machines."""
PLUGIN = ("compile_backend", "options", "provider", "verbose", "ibmqx_token", "hub")
"""Of PennyLane's plugin for Qiskit."""


def foreign_keywords() -> set[str]:
    """Those of every installed device that is not ours."""
    found = set(VENDORS)
    for name, plugin in qml.plugin_devices.items():
        if name not in OURS:
            parameters = inspect.signature(plugin.load()).parameters.values()
            found |= {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
    return found


def keywords() -> list[tuple[str, str]]:
    aer = set(dict(AerSimulator._default_options()))
    passes = set(inspect.signature(generate_preset_pass_manager).parameters)
    taken = {"qdl.simulator": {"wires", "shots", "seed", "memory", "c_dtype"}}
    taken["qdl.qiskit"] = {*taken["qdl.simulator"], "method", "noise_model", "backend"}
    taken["qdl.qiskit"] |= {"initial_layout", "optimization_level", "seed_transpiler"}
    taken["qdl.qiskit"] -= {"memory", "c_dtype"}
    own = {"qdl.simulator": {*PLUGIN, "noise_model", "session", "resilience_level"}}
    own["qdl.qiskit"] = {*PLUGIN, *aer, *passes}
    return [
        (device, name)
        for device in OURS
        for name in sorted((foreign_keywords() | own[device]) - taken[device])
    ]


def test_every_keyword_of_another_device_is_answered() -> None:
    pairs = keywords()
    assert {("qdl.simulator", "max_workers"), ("qdl.qiskit", "c_dtype")} <= set(pairs)
    for device, name in pairs:
        with pytest.raises(ArgumentTypeError, match=f"^{name}: {device} takes none; "):
            qml.device(device, wires=2, **{name: 1})


@pytest.mark.parametrize(
    ("device", "name", "repair"),
    [
        ("qdl.simulator", "max_workers", "on the threads of OMP_NUM_THREADS; leave it"),
        ("qdl.simulator", "batch_obs", "all observables are read from the same run"),
        ("qdl.simulator", "mcmc", "shots are independent samples"),
        ("qdl.simulator", "noise_model", "it is of the device qdl.qiskit"),
        ("qdl.simulator", "readout_prob", "or the device default.mixed"),
        ("qdl.qiskit", "c_dtype", r"backend=AerSimulator\(precision='single'\)"),
        ("qdl.qiskit", "fusion_enable", r"give backend=AerSimulator\(fusion_enable="),
        ("qdl.qiskit", "layout_method", "say optimization_level= or pass_manager="),
        ("qdl.qiskit", "seed_simulator", "say seed="),
        ("qdl.qiskit", "provider", "backend='ibm:ibm_NAME', and the account one that"),
    ],
)
def test_the_answer_is_the_repair(device: str, name: str, repair: str) -> None:
    with pytest.raises(ArgumentTypeError, match=repair):
        qml.device(device, wires=2, **{name: 1})


@pytest.mark.parametrize("device", OURS)
def test_what_nobody_knows_is_compared(device: str) -> None:
    text = rf"max_worker: {device} has no such option.*did you mean 'max_workers'"
    with pytest.raises(ArgumentTypeError, match=text):
        qml.device(device, wires=2, max_worker=2)
    with pytest.raises(ArgumentTypeError, match=rf"sed: {device} .*mean 'seed'"):
        qml.device(device, wires=2, sed=2)


class TestPrecision:
    @pytest.mark.parametrize(
        "given", [np.complex64, torch.complex64, "complex64", np.dtype("complex64")]
    )
    def test_single(self, given: Any) -> None:
        self.check(given, torch.float32)

    @pytest.mark.parametrize("given", [np.complex128, torch.complex128, complex])
    def test_double(self, given: Any) -> None:
        self.check(given, torch.float64)

    def check(self, given: Any, expected: torch.dtype) -> None:
        device: Any = qml.device("qdl.simulator", wires=2, c_dtype=given)

        @qml.qnode(device)
        def circuit(x: Any) -> Any:
            qml.RX(x, 0)
            return qml.expval(qml.Z(0)), qml.state()

        for own in (torch.float32, torch.float64):
            x = torch.tensor(0.5, dtype=own, requires_grad=True)
            mean, state = circuit(x)
            assert (mean.dtype, state.dtype.to_real()) == (expected, expected)
            (gradient,) = torch.autograd.grad(mean, x)
            assert gradient.dtype == own
            torch.testing.assert_close(gradient.double(), -x.detach().double().sin())
            self.check_layer(device, own, expected)
        result = circuit(np.array(0.5))[0]
        assert result.dtype == np.dtype(str(expected).removeprefix("torch."))

    def check_layer(self, device: Any, own: torch.dtype, used: torch.dtype) -> None:
        """Its results are of the input's type, their digits of the device's."""
        circuit = StronglyEntangling(2) @ AngleEncoding(2)
        weights: Any = torch.full((1, 2, 3), 0.3, dtype=own)
        layer: Any = QuantumLayer(circuit, init_method=weights, target=device)
        exact = QuantumLayer(circuit, init_method=weights.double())
        x = torch.full((3, 2), 0.7, dtype=own)
        found = layer(x)
        assert found.dtype == own
        far = (found - exact(x.double())).abs().max() > 1e-12
        assert bool(far) == (torch.float32 in (own, used))

    @pytest.mark.parametrize("wrong", [np.float32, "single", 3])
    def test_others_are_refused(self, wrong: Any) -> None:
        text = "c_dtype: expected np.complex64 or np.complex128, got"
        with pytest.raises(ArgumentError, match=text):
            qml.device("qdl.simulator", wires=2, c_dtype=wrong)


@pytest.mark.parametrize("wrong", ["global", 1.5, -1])
@pytest.mark.parametrize("device", OURS)
def test_a_seed_of_another_kind(device: str, wrong: Any) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match="seed: expected"):
        qml.device(device, wires=2, seed=wrong)
