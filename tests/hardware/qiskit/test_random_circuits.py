"""Random circuits of which little is read agree with independent simulations.

On every route by which values come: exact, sampled, noisy, mitigated, on backends by
name and by object. What is read is sampled from one wire up, so that results depend on
a part of the circuit only: words, sums, variances and probabilities of few wires.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error, pauli_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qml_qdl.hardware.mitigation import Mitigation

# GenericBackendV2 without noise lets Aer's noise model wonder where it is.
pytestmark = pytest.mark.filterwarnings("ignore:Qiskit backend .* has no QubitProp")

ANGLE = {qml.RX: 1, qml.RY: 1, qml.RZ: 1, qml.PhaseShift: 1, qml.CRY: 2}
ANGLE |= {qml.ControlledPhaseShift: 2, qml.IsingXX: 2, qml.CRZ: 2}
FIXED = {qml.X: 1, qml.Hadamard: 1, qml.S: 1, qml.CNOT: 2, qml.CZ: 2, qml.SWAP: 2}
SHOTS = 4000


class Sampled:
    """A random circuit on 3 to 5 wires, sparse enough that wires stay apart."""

    def __init__(self, seed: int, gates: dict[Any, int], rows: int | None) -> None:
        rng = np.random.default_rng(seed)
        self.seed = seed
        self.wires = int(rng.integers(3, 6))
        self.angles: list[Any] = []
        self.gates: list[tuple[Any, list[int], int | None]] = []
        kinds = list(gates)
        for _ in range(int(rng.integers(self.wires, 2 * self.wires))):
            kind = kinds[rng.integers(len(kinds))]
            on = [int(w) for w in rng.permutation(self.wires)[: gates[kind]]]
            slot = len(self.angles) if kind in ANGLE else None
            if slot is not None:
                shape = rows if rows and rng.random() < 0.6 else ()
                self.angles.append(rng.uniform(-3, 3, shape))
            self.gates.append((kind, on, slot))
        if rows and self.angles:  # PennyLane must see that there are rows
            self.angles[0] = rng.uniform(-3, 3, rows)

    def queue(self, angles: Any, after: Callable[..., Any] | None = None) -> None:
        for kind, on, slot in self.gates:
            kind(*(() if slot is None else (angles[slot],)), wires=on)
            if after is not None:
                after(kind, on)

    def read(self, kinds: tuple[str, ...]) -> Any:
        rng = np.random.default_rng(self.seed)
        count = int(rng.choice([1, 1, 2]))
        return [self._one(rng, kinds[rng.integers(len(kinds))]) for _ in range(count)]

    def _one(self, rng: Any, kind: str) -> Any:
        def word() -> Any:
            chosen = rng.permutation(self.wires)[: rng.choice([1, 1, 2, 3])]
            return qml.prod(
                *(getattr(qml, rng.choice(list("ZZZZXY")))(int(w)) for w in chosen)
            )

        wires = [int(w) for w in rng.permutation(self.wires)[: rng.integers(1, 3)]]
        if kind == "expval":
            return qml.expval(word())
        if kind == "sum":
            return qml.expval(0.5 * word() - 0.5 * word() + 0.25 * qml.I(wires[0]))
        if kind == "var":
            return qml.var(word())
        if kind == "var of a sum":
            return qml.var(0.5 * word() + 0.5 * qml.Z(wires[0]))
        return qml.probs(wires=wires)


EXACT = ("expval", "sum", "var", "var of a sum", "probs")


def values(
    sampled: Sampled,
    made: Any,
    kinds: tuple[str, ...] = EXACT,
    shots: int | None = None,
    after: Callable[..., Any] | None = None,
) -> list[Any]:
    @qml.set_shots(shots)
    @qml.qnode(made)
    def circuit(*angles: Any) -> Any:
        sampled.queue(angles, after)
        return sampled.read(kinds)

    return [np.asarray(one) for one in circuit(*sampled.angles)]


def expected(sampled: Sampled, kinds: tuple[str, ...] = EXACT) -> list[Any]:
    return values(sampled, qml.device("default.qubit"), kinds)


def assert_close(sampled: Sampled, found: Any, wanted: Any, tolerance: float) -> None:
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(
            one, other, atol=tolerance, err_msg=str((sampled.seed, sampled.gates))
        )


def own_simulator() -> Any:
    return AerSimulator(
        method="density_matrix", enable_truncation=True, fusion_enable=False
    )


def machine_simulator() -> Any:
    none = NoiseModel(["id", "rz", "sx", "x", "cx"])
    return AerSimulator.from_backend(FakeManilaV2(), noise_model=none)


def generic() -> Any:
    line = [[0, 1], [1, 0], [1, 2], [2, 1], [2, 3], [3, 2], [3, 4], [4, 3]]
    return GenericBackendV2(5, coupling_map=line, noise_info=False, seed=1)


ROUTES: dict[str, dict[str, Any]] = {
    "aer": {},
    "density matrices": {"method": "density_matrix"},
    "matrix products": {"method": "matrix_product_state"},
    "an object": {"backend": AerSimulator},
    "an object with options": {"backend": own_simulator},
}
MITIGATED: dict[str, Any] = {
    "backend": "fake_manila",
    "noise_model": NoiseModel(),
    "mitigation": Mitigation(zne_scales=(1, 3)),
}
MACHINES: dict[str, dict[str, Any]] = {
    "a machine without noise": {
        "backend": "fake_manila",
        "noise_model": NoiseModel(),
    },
    "an object of a machine": {"backend": machine_simulator},
}


some_or_many = pytest.mark.parametrize(
    "seeds", [range(10), pytest.param(range(10, 30), marks=pytest.mark.slow)], ids=str
)


def device(options: dict[str, Any]) -> Any:
    backend = options.get("backend", "aer")
    made = backend() if callable(backend) else backend
    given = {"seed": 1, "cache": None, **options, "backend": made}
    return qml.device("qdl.qiskit", **given)


@pytest.mark.parametrize("route", ROUTES)
def test_a_word_on_the_last_wire(route: str) -> None:
    made = device(ROUTES[route])
    word: Any
    for word, wanted in ((qml.Z(3), 1.0), (qml.Z(2), -1.0), (qml.Z(3) @ qml.Z(0), -1)):

        @qml.qnode(made)
        def circuit(word: Any = word) -> Any:
            qml.X(0)
            qml.CNOT([1, 0])
            qml.CNOT([0, 2])
            qml.CNOT([1, 3])
            return qml.expval(word), qml.var(word)

        np.testing.assert_allclose(circuit(), [wanted, 0.0], atol=1e-12)


@some_or_many
@pytest.mark.parametrize("rows", [None, 2])
@pytest.mark.parametrize("route", ROUTES)
def test_exact_values(route: str, rows: int | None, seeds: range) -> None:
    made = device(ROUTES[route])
    for seed in seeds:
        sampled = Sampled(seed, ANGLE | FIXED, rows)
        found = values(sampled, made)
        assert_close(sampled, found, expected(sampled), 1e-8)


@pytest.mark.parametrize("route", MACHINES)
def test_exact_values_after_routing(route: str) -> None:
    made = device(MACHINES[route])
    for seed in range(8):
        sampled = Sampled(seed, ANGLE | FIXED, 2)
        found = values(sampled, made)
        assert_close(sampled, found, expected(sampled), 1e-8)


def test_exact_mitigated_values() -> None:
    made = device(MITIGATED)
    for seed in range(6):
        sampled = Sampled(seed, ANGLE | FIXED, 2)
        found = values(sampled, made, ("expval",))
        assert_close(sampled, found, expected(sampled, ("expval",)), 1e-6)


@some_or_many
def test_clifford_circuits_on_stabilizers(seeds: range) -> None:
    made = device({"method": "stabilizer"})
    for seed in seeds:
        sampled = Sampled(seed, FIXED, None)
        found = values(sampled, made, ("expval",))
        assert_close(sampled, found, expected(sampled, ("expval",)), 1e-8)


@some_or_many
@pytest.mark.parametrize("route", ["aer", "an object with options"])
def test_gradients(route: str, seeds: range) -> None:
    devices = (device(ROUTES[route]), qml.device("default.qubit"))
    for seed in seeds:
        sampled = Sampled(seed, ANGLE | FIXED, 2)
        if not sampled.angles:
            continue
        gradients = []
        for made in devices:

            @qml.qnode(made, interface="torch", diff_method="backprop")
            def circuit(*angles: Any, sampled: Sampled = sampled) -> Any:
                sampled.queue(angles)
                return sampled.read(EXACT)

            leaves = [torch.tensor(one, requires_grad=True) for one in sampled.angles]
            total = sum(
                (k + 1) * one.square().sum() for k, one in enumerate(circuit(*leaves))
            )
            found = torch.autograd.grad(total, leaves, allow_unused=True)
            gradients.append(
                [
                    np.zeros(leaf.shape) if one is None else one.numpy()
                    for leaf, one in zip(leaves, found, strict=True)
                ]
            )
        assert_close(sampled, gradients[0], gradients[1], 1e-8)


SAMPLED = ("expval", "sum", "probs")


@pytest.mark.parametrize("route", [*ROUTES, *MACHINES, "any backend"])
def test_shots(route: str) -> None:
    options = {"any backend": {"backend": generic}, **ROUTES, **MACHINES}[route]
    made = device(options)
    for seed in range(6 if route in ROUTES else 4):
        sampled = Sampled(seed, ANGLE | FIXED, 2)
        found = values(sampled, made, SAMPLED, SHOTS)
        # No value sampled here varies more than a coin does.
        assert_close(sampled, found, expected(sampled, SAMPLED), 5 / np.sqrt(SHOTS))


def test_mitigated_shots() -> None:
    made = device(MITIGATED)
    for seed in range(4):
        sampled = Sampled(seed, ANGLE | FIXED, 2)
        found = values(sampled, made, ("expval",), SHOTS)
        # A line through scales of 1 and 3 makes errors 1.6 times as large.
        wanted = expected(sampled, ("expval",))
        assert_close(sampled, found, wanted, 8 / np.sqrt(SHOTS))


NOISY = {qml.RX: 1, qml.RY: 1, qml.CNOT: 2, qml.X: 1}


def noise() -> NoiseModel:
    # Of all gates that come, so that none is made of others, with their noise.
    model = NoiseModel(basis_gates=["rx", "ry", "x", "cx", "h", "sdg"])
    flip = pauli_error([("X", 0.1), ("I", 0.9)])
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), ["rx", "ry"])
    model.add_all_qubit_quantum_error(flip.tensor(flip), "cx")
    return model


def noisy_channel(kind: Any, on: list[int]) -> None:
    """What `noise` does after a gate, in PennyLane's terms."""
    if kind is qml.CNOT:
        for wire in on:
            qml.BitFlip(0.1, wire)
    elif kind is not qml.X:
        # Qiskit's parameter is the weight of the wholly mixed state.
        qml.DepolarizingChannel(0.2 * 3 / 4, on)


@pytest.mark.parametrize("shots", [None, SHOTS])
@pytest.mark.parametrize("given", ["an option", "of an object", "misreading"])
def test_noise(given: str, shots: int | None) -> None:
    model = noise()
    kinds: tuple[str, ...] = ("expval", "probs")
    if given == "misreading":
        # A flip before Z is read; before X and Y are it would be no misreading.
        model.add_all_qubit_readout_error(ReadoutError([[0.95, 0.05], [0.05, 0.95]]))
        kinds = ("probs",)
    options = (
        {"backend": lambda: AerSimulator(noise_model=model)}
        if given == "of an object"
        else {"noise_model": model}
    )
    made = device(options)
    for seed in range(12):
        sampled = Sampled(seed, NOISY, 2)
        found = values(sampled, made, kinds, shots)

        @qml.qnode(qml.device("default.mixed", wires=5))
        def circuit(*angles: Any, sampled: Sampled = sampled) -> Any:
            sampled.queue(angles, noisy_channel)
            for wire in range(sampled.wires) if given == "misreading" else ():
                qml.BitFlip(0.05, wire)
            return sampled.read(kinds)

        wanted = [np.asarray(one) for one in circuit(*sampled.angles)]
        assert_close(sampled, found, wanted, 5 / np.sqrt(shots) if shots else 1e-8)
