"""What a device has from its base, on one that computes cosines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import evolve
from pennylane.devices.execution_config import ExecutionConfig, MCMConfig
from pennylane.math import Interface

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.device import Abilities, TapeDevice

DECOMPOSITIONS = {"PauliX": [qml.RX(0.25, 0)]}
ABILITIES = Abilities(
    methods=("best", "backprop", "device"),
    is_native=lambda operation: operation.name == "RX",
    decomposition=lambda operation: DECOMPOSITIONS[operation.name],
    prepares_states=False,
    postselects=False,
    gradients_with_shots=False,
    at_once=True,
)


class Cosines(TapeDevice):
    """⟨Z⟩ of one RX; `calls` has how many tapes each call had, and why it was made."""

    abilities: ClassVar[Abilities] = ABILITIES

    def __init__(self, **abilities: Any) -> None:
        super().__init__(wires=1)
        self.abilities = evolve(ABILITIES, **abilities)  # type: ignore[misc]
        self.calls: list[tuple[int, bool]] = []

    @property
    def name(self) -> str:
        return "cosines"

    def run_tapes(
        self, circuits: Sequence[Any], config: ExecutionConfig, *, gradients: bool
    ) -> list[Any]:
        self.calls.append((len(circuits), gradients))
        return [torch.cos(torch.as_tensor(t.get_parameters()[0])) for t in circuits]


def tape(angle: float = 0.3, shots: int | None = None) -> Any:
    gates, read = [qml.RX(np.array(angle), 0)], [qml.expval(qml.Z(0))]
    return qml.tape.QuantumScript(gates, read, shots=shots)


def config(method: str = "best", interface: Any = Interface.AUTOGRAD) -> Any:
    return ExecutionConfig(gradient_method=method, interface=interface)


@pytest.mark.parametrize("lacking", ["name", "run_tapes"])
def test_a_device_defines_its_name_and_how_tapes_run(lacking: str) -> None:
    body = {"name": property(lambda self: "x"), "run_tapes": lambda *_, **__: []}
    del body[lacking]
    incomplete = type("Incomplete", (TapeDevice,), body)
    with pytest.raises(TypeError, match=lacking):
        incomplete()


def test_results_are_tensors_for_torch_and_arrays_for_others() -> None:
    device = Cosines()
    (found,) = device.execute([tape()], config(interface=Interface.TORCH))
    assert isinstance(found, torch.Tensor)
    found = device.execute(tape(), config())  # a tape by itself
    assert isinstance(found, np.float64)
    np.testing.assert_allclose(found, np.cos(0.3))
    assert device.calls == [(1, False), (1, False)]


@pytest.mark.parametrize(
    ("at_once", "calls"), [(True, [(2, True)]), (False, [(1, True), (1, True)])]
)
def test_products_are_made_at_once_or_tape_by_tape(at_once: bool, calls: Any) -> None:
    device = Cosines(at_once=at_once)
    tapes, weights = [tape(), tape(0.8)], [2.0, -1.0]
    with qml.Tracker(device) as tracker:
        results, products = device.execute_and_compute_vjp(tapes, weights, config())
    assert device.calls == calls
    np.testing.assert_allclose(results, np.cos([0.3, 0.8]))
    np.testing.assert_allclose(np.ravel(products), [-2 * np.sin(0.3), np.sin(0.8)])
    assert tracker.totals["vjps"] == 2
    (product,) = device.compute_vjp(tape(), 2.0, config())  # a tape by itself
    np.testing.assert_allclose(product, -2 * np.sin(0.3))


@pytest.mark.parametrize("interface", [Interface.AUTOGRAD, Interface.NUMPY])
@pytest.mark.parametrize("shots", [None, 5])
def test_gradients_with_shots_are_an_ability(interface: Any, shots: int | None) -> None:
    without, able = Cosines(), Cosines(gradients_with_shots=True)
    asked = config(interface=interface), tape(shots=shots)
    assert without.supports_vjp(*asked) == (shots is None)
    assert able.supports_vjp(*asked)
    assert not able.supports_vjp(config("adjoint"), tape())
    assert able.supports_derivatives()


def test_backprop_is_for_torch() -> None:
    device = Cosines()
    made = device.setup_execution_config(config("backprop", Interface.TORCH))
    assert (made.gradient_method, made.use_device_jacobian_product) == (
        "backprop",
        False,
    )
    made = device.setup_execution_config(config("best", Interface.AUTOGRAD))
    assert (made.gradient_method, made.use_device_jacobian_product) == ("device", True)
    with pytest.raises(
        TargetError,
        match="diff_method: cosines has 'backprop' for torch only, got interface "
        "'autograd'; use diff_method='best'",
    ):
        device.setup_execution_config(config("backprop", Interface.AUTOGRAD))
    # A QNode that does not yet know its interface asks as if it were NumPy's.
    new = config("backprop", Interface.NUMPY)
    assert not device.supports_derivatives(new)
    decided = replace(new, use_device_jacobian_product=False)
    assert device.supports_derivatives(decided)


def test_measurements_in_the_middle_are_deferred() -> None:
    device = Cosines()
    assert device.setup_execution_config().mcm_config.mcm_method == "deferred"
    asked = ExecutionConfig(mcm_config=MCMConfig(mcm_method="tree-traversal"))
    with pytest.raises(
        TargetError,
        match=r"mcm_method: cosines defers measurements, got .*'tree-traversal'.*; use "
        "'deferred'",
    ):
        device.setup_execution_config(asked)


def test_jitted_functions_keep_their_own_arrays() -> None:
    device = Cosines()
    jitted = device.setup_execution_config(config("best", Interface.JAX_JIT))
    assert not jitted.convert_to_numpy
    assert device.setup_execution_config(config("best")).convert_to_numpy
    other = device.setup_execution_config(config("adjoint", Interface.JAX_JIT))
    assert other.convert_to_numpy  # PennyLane's way: nothing of ours


def test_circuits_are_brought_to_native_gates() -> None:
    pipeline, _ = Cosines().preprocess()
    (found,), _ = pipeline([qml.tape.QuantumScript([qml.PauliX(0)], [qml.probs()])])
    assert [one.data for one in found.operations] == [(0.25,)]
    outside = qml.tape.QuantumScript([qml.RX(0.3, 5)], [qml.probs()])
    with pytest.raises(qml.exceptions.WireError, match="cosines"):
        pipeline([outside])
    shadow = qml.tape.QuantumScript([qml.RX(0.3, 0)], [qml.classical_shadow(0)])
    with pytest.raises(
        TargetError, match=r"cosines samples .* shadow, got none; pass s"
    ):
        pipeline([shadow])


@pytest.mark.parametrize("device", ["qdl.simulator", "qdl.qiskit"])
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("best", {}),
        ("parameter-shift", {}),
        ("finite-diff", {}),
        ("hadamard", {"aux_wire": 2}),
        ("spsa", {}),
    ],
)
def test_results_can_be_written_into(
    device: str, method: str, options: dict[str, Any]
) -> None:
    @qml.qnode(qml.device(device, wires=3), diff_method=method, gradient_kwargs=options)
    def circuit(x: Any) -> Any:
        qml.RY(x[0], 0)
        qml.RX(x[1], 1)
        qml.CNOT([0, 1])
        return qml.probs(wires=[0, 1]), qml.expval(qml.Z(0))

    x = torch.tensor([0.3, 0.8], dtype=torch.float64, requires_grad=True)
    probabilities, mean = circuit(x)
    probabilities /= 2
    mean *= 3
    np.testing.assert_allclose(probabilities.sum().item(), 0.5, atol=1e-6)
    mean.backward()
    assert x.grad is not None
    if method != "spsa":
        np.testing.assert_allclose(x.grad, [-3 * np.sin(0.3), 0], atol=1e-5)
