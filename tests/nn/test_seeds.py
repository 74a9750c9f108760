"""Shots of layers: they repeat with torch's seed, or with one of the layer's own."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pennylane as qml
import pytest
import torch
from qiskit.providers.fake_provider import GenericBackendV2
from torch import Tensor, nn

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.nn import QuantumLayer, set_target

CIRCUIT = StronglyEntangling(2, layers=1) @ AngleEncoding(2)
X = torch.linspace(0, 2, 6, dtype=torch.float64).reshape(3, 2)
TARGETS = [
    "qdl.simulator",
    "aer",
    "aer:fake_manila",
    "lightning.qubit",
    "default.qubit",
    "default.mixed",
]
every_target = pytest.mark.parametrize("target", TARGETS)


def make(target: Any, seed: int | None = None, **options: Any) -> QuantumLayer:
    generator = torch.Generator().manual_seed(0)
    shots = options.pop("shots", 40)
    return QuantumLayer(
        CIRCUIT, target=target, shots=shots, seed=seed, generator=generator, **options
    ).double()


def runs(layer: nn.Module, count: int = 3) -> Tensor:
    return torch.stack([layer(X) for _ in range(count)]).detach()


@every_target
def test_shots_repeat_with_torchs_seed(target: str) -> None:
    layer = make(target)
    torch.manual_seed(1)
    found = runs(layer)
    assert (found[0] != found[1]).any()
    torch.manual_seed(1)
    assert torch.equal(runs(make(target)), found)
    assert not torch.equal(runs(layer), found)


@pytest.mark.filterwarnings("ignore:Qiskit backend .* has no QubitProp")
def test_shots_of_any_backend_repeat() -> None:
    found = []
    for _ in range(2):
        backend = GenericBackendV2(2, seed=3)
        device = qml.device("qdl.qiskit", wires=2, backend=backend, cache=None)
        torch.manual_seed(1)
        found.append(runs(make(device), 2))
    assert torch.equal(*found)
    assert (found[0][0] != found[0][1]).any()


@every_target
def test_a_seed_is_a_stream_of_its_own(target: str) -> None:
    before = torch.get_rng_state()
    found = runs(make(target, seed=3))
    assert torch.equal(torch.get_rng_state(), before)
    assert (found[0] != found[1]).any()
    torch.manual_seed(5)
    assert torch.equal(runs(make(target, seed=3)), found)
    assert not torch.equal(runs(make(target, seed=4)), found)


@every_target
def test_exact_results_sample_nothing(target: str) -> None:
    layer = make(target, shots=None)
    before = torch.get_rng_state()
    layer(X).sum().backward()
    assert torch.equal(torch.get_rng_state(), before)


@every_target
def test_a_stream_goes_on_in_copies_and_saved_states(target: str) -> None:
    layer = make(target, seed=3)
    layer(X)
    loaded = make(target, seed=3)
    loaded.load_state_dict(layer.state_dict())
    twins = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), loaded]
    found = runs(layer)
    for twin in twins:
        assert torch.equal(runs(twin), found)


def test_states_without_a_seed_are_as_ever() -> None:
    seeded, plain = make("aer", seed=3), make("aer")
    assert set(plain.state_dict()) == {"weights_0"}
    plain.load_state_dict(seeded.state_dict())
    seeded(X)
    seeded.load_state_dict(plain.state_dict())
    assert seeded.state_dict()["seed_position"] == 1


@every_target
def test_moving_goes_on_and_a_seed_begins_anew(target: str) -> None:
    layer = make(target, seed=3)
    whole = runs(layer)
    again = make(target, seed=3)
    again(X)
    again.set_target(None, shots=41).set_target(target, shots=40)
    assert torch.equal(runs(again, 2), whole[1:])
    set_target(again, None, seed=3)
    assert torch.equal(runs(again), whole)
    assert getattr(again.qnode.device, "options", TargetOptions(seed=3)).seed == 3
    set_target(again, None, seed=None)
    torch.manual_seed(1)
    found = runs(again)
    torch.manual_seed(1)
    assert torch.equal(runs(again), found)


def test_layers_of_one_seed_and_circuit_sample_alike() -> None:
    model = nn.Sequential(make("aer"), make("aer"))
    set_target(model, None, seed=7)
    assert torch.equal(model[0](X), model[1](X))


@pytest.mark.parametrize("fuse_gradient", [True, False])
@pytest.mark.parametrize("shots", [None, 30])
def test_directions_of_spsa_repeat(shots: int | None, fuse_gradient: bool) -> None:
    def gradients(seed: int | None = None) -> list[Tensor]:
        layer = make("aer", seed, shots=shots, diff_method="spsa")
        layer.set_target(None, fuse_gradient=fuse_gradient)
        found = []
        for _ in range(2):
            layer.zero_grad()
            layer(X).sum().backward()
            found.append(next(layer.parameters()).grad)
        return [gradient.clone() for gradient in found if gradient is not None]

    for seed in (None, 3):
        torch.manual_seed(1)
        first, second = gradients(seed)
        assert (first != second).any()
        torch.manual_seed(1 if seed is None else 2)
        assert all(map(torch.equal, gradients(seed), (first, second)))
        torch.manual_seed(3)
        assert not torch.equal(gradients(seed or None)[0], first) or seed == 3


def test_devices_of_the_user() -> None:
    device = qml.device("qdl.simulator", wires=2, seed=1)
    layer = make(device)
    layer(X)
    assert layer.state_dict()["seed_position"] == 1
    other = make(device, seed=3)
    assert torch.equal(runs(other), runs(make("qdl.simulator", seed=3)))
    assert layer.state_dict()["seed_position"] == 1  # not disturbed
    foreign = qml.device("default.qubit", wires=2)
    make(foreign, seed=3, shots=None)
    with pytest.raises(ArgumentError, match=r"seed: default.qubit samples .* its own"):
        make(foreign, seed=3)
