"""Registers: against matrices, and under rotations whose coefficients data knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from qml_qdl.circuits import (
    AmplitudeEncoding,
    Circuit,
    ClebschGordan,
    HeisenbergExchange,
    IsingLayers,
    RegisterExchange,
    Singlets,
    SphericalEncoding,
    State,
    StronglyEntangling,
    coupling_readout,
    reupload,
    spin_readout,
    tensor_operators,
)
from qml_qdl.circuits.errors import QdlError, TargetError
from qml_qdl.circuits.symmetry.collective import spin_matrices
from qml_qdl.circuits.symmetry.registers import coupling
from qml_qdl.data import rotate_coefficients
from qml_qdl.nn import QuantumLayer

READ = range(1, 16)
GATES = (
    reupload(
        RegisterExchange(8, 2),
        SphericalEncoding(8, 2, features=READ, trainable_degrees=True),
        2,
    )
    @ ClebschGordan(8, 2)
).with_readout(coupling_readout(8, 2))
COPIES = AmplitudeEncoding(range(4, 8)) @ AmplitudeEncoding(range(4))
STATE = (
    RegisterExchange(8, 2, layers=2, pattern="ring") @ ClebschGordan(8, 2) @ COPIES
).with_readout(coupling_readout(8, 2))
CIRCUITS = [pytest.param(GATES, id="gates"), pytest.param(STATE, id="state")]


def rotations(count: int = 3) -> list[Any]:
    return list(Rotation.random(count, rng=np.random.default_rng(0)))


def fields(rows: int = 2, size: int = 16) -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(size=(rows, size))


def weights_of(circuit: Circuit, dtype: torch.dtype = torch.float64) -> Any:
    generator = torch.Generator().manual_seed(2)
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        for name, shape in circuit.weight_shapes.items()
    }


def turn(rotation: Any, dimension: int) -> NDArray[np.complex128]:
    """The unitary of a spin for a rotation of space."""
    generators = np.tensordot(rotation.as_rotvec(), spin_matrices(dimension), 1)
    return np.asarray(expm(-1j * generators))


@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 8])
def test_tensor_operators_turn_as_harmonics(dimension: int) -> None:
    operators = tensor_operators(dimension)
    flat = operators.reshape(dimension**2, -1)
    np.testing.assert_allclose(flat @ flat.conj().T, np.eye(len(flat)), atol=1e-14)
    np.testing.assert_allclose(operators, operators.conj().swapaxes(1, 2), atol=1e-14)
    (c,) = fields(1, dimension**2)
    for rotation in rotations():
        unitary = turn(rotation, dimension)
        before = np.tensordot(c, operators, 1)
        after = np.tensordot(rotate_coefficients(c, rotation), operators, 1)
        turned = unitary @ before @ unitary.conj().T
        np.testing.assert_allclose(turned, after, atol=1e-12)


@pytest.mark.parametrize("register", [1, 2, 3])
def test_states_turn_as_two_spins(
    register: int, execute: Callable[..., torch.Tensor]
) -> None:
    wires = 2 * register
    circuit = ClebschGordan(wires, register) @ AmplitudeEncoding(wires)
    circuit = circuit.with_readout(State())
    (c,) = fields(1, 4**register)
    state = execute(circuit, torch.tensor(c)).numpy()
    for rotation in rotations():
        one = turn(rotation, 2**register)
        found = execute(circuit, torch.tensor(rotate_coefficients(c, rotation)))
        np.testing.assert_allclose(np.kron(one, one) @ state, found, atol=1e-12)


def test_alone_it_makes_singlets(unitary: Callable[..., Any]) -> None:
    for register in (1, 2, 3):
        wires = 2 * register
        state = unitary(Circuit([ClebschGordan(wires, register)]))[:, 0]
        assert state @ coupling(2**register) @ state.conj() == pytest.approx(-1)
    first = unitary(Circuit([ClebschGordan(2)]))[:, 0]
    assert abs(np.vdot(first, unitary(Circuit([Singlets(2)]))[:, 0])) == pytest.approx(
        1
    )


def test_gates_are_exponentials(unitary: Callable[..., Any]) -> None:
    block = SphericalEncoding(4, 2, trainable_degrees=True)
    (c,) = fields(1)
    factors = np.random.default_rng(3).normal(size=(2, 3))
    found = unitary(Circuit([block]), torch.tensor(c[1:]), torch.tensor(factors))
    parts = []
    for row in factors:
        scaled = c * np.concatenate([[0], np.repeat(row, [3, 5, 7])])
        parts.append(expm(-1j * np.tensordot(scaled, tensor_operators(4), 1)))
    np.testing.assert_allclose(found, np.kron(*parts), atol=1e-13)
    zero = unitary(Circuit([block]), torch.zeros(15), torch.tensor(factors))
    np.testing.assert_allclose(zero, np.eye(16), atol=1e-15)


def test_couplings_are_exponentials(unitary: Callable[..., Any]) -> None:
    for register, labels in ((1, "ba"), (2, "dbca"), (3, range(6))):
        block = RegisterExchange(list(labels), register)
        theta = np.random.default_rng(3).normal(size=2**register - 1)
        x = coupling(2**register)
        powers = [np.linalg.matrix_power(x, k + 1) for k in range(len(theta))]
        expected = expm(-1j * np.tensordot(theta, powers, 1))
        circuit = Circuit([block])
        found = unitary(circuit, None, torch.tensor(theta[None, None]), block.wires)
        phase = np.vdot(expected, found) / len(x)
        np.testing.assert_allclose(found, phase * expected, atol=1e-12)
        assert abs(phase) == pytest.approx(1)


def test_single_wires_exchange_as_spins_do(unitary: Callable[..., Any]) -> None:
    theta = torch.randn(2, 3, dtype=torch.float64)
    found = unitary(Circuit([RegisterExchange(3, layers=2)]), None, theta[..., None])
    known = unitary(Circuit([HeisenbergExchange(3, layers=2)]), None, theta * 2 / 3)
    assert abs(np.vdot(known, found)) == pytest.approx(8)


@pytest.mark.parametrize("circuit", CIRCUITS)
@pytest.mark.parametrize(
    ("device", "dtype"),
    [
        ("default.qubit", torch.float64),
        ("qdl.simulator", torch.float64),
        ("qdl.simulator", torch.float32),
    ],
    ids=str,
)
def test_results_do_not_turn(
    circuit: Circuit,
    dtype: torch.dtype,
    device: str,
    execute: Callable[..., torch.Tensor],
) -> None:
    c, weights = fields(), weights_of(circuit, dtype)
    every = [c, *(rotate_coefficients(c, rotation) for rotation in rotations(2))]
    x = torch.tensor(np.concatenate(every), dtype=dtype)
    result, *others = execute(circuit, x, weights, device=device).split(2)
    assert result.shape == (2, 18)
    assert result.std() > 0.05
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    for found in others:
        assert (found - result).abs().max() < tolerance


@pytest.mark.parametrize("circuit", CIRCUITS)
def test_what_breaks_the_symmetry_is_seen(
    circuit: Circuit, execute: Callable[..., torch.Tensor]
) -> None:
    """One degree not turned; a gate that is no coupling; factors within a degree."""
    c = fields()
    (rotation,) = rotations(1)
    turned = rotate_coefficients(c, rotation)

    def change(circuit: Circuit, turned: Any = turned) -> float:
        x = torch.tensor(np.concatenate([c, turned]))
        found = execute(circuit, x, weights_of(circuit), device="qdl.simulator")
        return float((found[:2] - found[2:]).abs().max())

    left = turned.copy()
    left[:, 4:9] = c[:, 4:9]
    assert change(circuit, left) > 1e-2
    ising = IsingLayers(8, field=None, mixer=None) @ StronglyEntangling(8)
    wrong = Circuit([*circuit.blocks[:-1], *ising.blocks], readout=circuit.readout)
    assert change(wrong) > 1e-2
    uneven = SphericalEncoding(8, 2, features=READ, trainable_scaling=True)
    blocks = [*circuit.blocks, uneven, RegisterExchange(8, 2)]
    assert change(Circuit(blocks, readout=circuit.readout)) > 1e-2
    assert change(circuit) < 1e-12


@pytest.mark.parametrize("circuit", CIRCUITS)
def test_vectors_turn(circuit: Circuit, execute: Callable[..., torch.Tensor]) -> None:
    circuit = circuit.with_readout(spin_readout(8, 2))
    c, weights = fields(), weights_of(circuit)
    (rotation,) = rotations(1)
    x = torch.tensor(np.concatenate([c, rotate_coefficients(c, rotation)]))
    found = execute(circuit, x, weights, device="qdl.simulator").reshape(2, 2, 4, 3)
    assert found.norm(dim=-1).min() > 1e-3
    expected = found[0] @ torch.tensor(rotation.as_matrix()).T
    torch.testing.assert_close(found[1], expected, rtol=0, atol=1e-12)


def test_one_copy_trains_nothing_and_two_see_more(
    execute: Callable[..., torch.Tensor],
) -> None:
    """Couplings of one pair are phases; two pairs tell fields of one power spectrum."""
    (c,) = fields(1)
    pieces = [rotate_coefficients(c, rotation) for rotation in rotations(3)]
    scrambled = np.concatenate([c[:1], pieces[0][1:4], pieces[1][4:9], pieces[2][9:]])
    one = RegisterExchange(4, 2) @ ClebschGordan(4, 2) @ AmplitudeEncoding(4)
    one = one.with_readout(coupling_readout(4, 2))
    results = []
    for seed in (0, 1):
        weights = torch.randn(
            1, 1, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        ).requires_grad_()
        result = execute(one, torch.tensor(c), {"weights_0": weights})
        (gradient,) = torch.autograd.grad(result.sum(), weights)
        assert gradient.abs().max() < 1e-13
        results.append(result.detach())
    torch.testing.assert_close(*results)
    weights = weights_of(one)
    found = execute(one, torch.tensor(scrambled), weights)
    torch.testing.assert_close(found, results[0])
    for circuit in (GATES, STATE):
        theta = weights_of(circuit)
        x = torch.tensor(np.stack([c, scrambled]))
        pair = execute(circuit, x, theta, device="qdl.simulator")
        assert (pair[0] - pair[1]).abs().max() > 1e-2


def test_readouts_are_matrices(execute: Callable[..., torch.Tensor]) -> None:
    circuit = StronglyEntangling(6, layers=2) @ StronglyEntangling(6)
    weights = weights_of(circuit)
    state = execute(circuit.with_readout(State()), None, weights).numpy()
    state = state.reshape(4, 4, 4)
    x = coupling(4)
    readout = coupling_readout(6, 2, [(0, 2), (2, 1)], [3])
    found = execute(circuit.with_readout(readout), None, weights)
    for value, order in zip(found, ((1, 0, 2), (0, 2, 1)), strict=True):
        pair = state.transpose(order).reshape(4, 16)
        cubed = np.einsum("ri,ij,rj->", pair.conj(), x @ x @ x, pair).real
        assert float(value) == pytest.approx(cubed, abs=1e-12)
    vectors = execute(circuit.with_readout(spin_readout(6, 2)), None, weights)
    spins = np.einsum("abc,kbd,adc->k", state.conj(), spin_matrices(4) / 1.5, state)
    np.testing.assert_allclose(vectors[3:6], spins.real, atol=1e-12)


def test_degree_seven_is_exact(execute: Callable[..., torch.Tensor]) -> None:
    """Twelve wires, registers of spin 7/2."""
    field = SphericalEncoding(12, 3, features=range(1, 64))
    circuit = RegisterExchange(12, 3, pattern="ring") @ field @ ClebschGordan(12, 3)
    readout = coupling_readout(12, 3, [(0, 1), (0, 2)], [1, 2])
    circuit, (c,) = circuit.with_readout(readout), 0.5 * fields(1, 64)
    weights = weights_of(circuit)
    turned = rotate_coefficients(c, rotations(1)[0])
    x = torch.tensor(np.stack([c, turned, c[::-1]]))
    results = execute(circuit, x, weights, device="qdl.simulator")
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-12)
    assert (results[0] - results[2]).abs().max() > 1e-2


@pytest.mark.parametrize("target", ["default.mixed", "aer"])
def test_targets_that_take_matrices_have_gradients(target: str) -> None:
    block = SphericalEncoding(2, 2, trainable_degrees=True)
    circuit = StronglyEntangling(2) @ block @ StronglyEntangling(2)
    layers = [QuantumLayer(circuit, dtype=torch.float64)]
    layers.append(QuantumLayer(circuit, dtype=torch.float64, target=target))
    layers[1].load_state_dict(layers[0].state_dict())
    x = torch.tensor(fields(2, 15), requires_grad=True)
    found = [
        torch.autograd.grad(layer(x).square().sum(), [x, *layer.parameters()])
        for layer in layers
    ]
    for one, other in zip(*found, strict=True):
        assert one.abs().max() > 1e-3
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {"target": "lightning.qubit"},
        {"shots": 100},
        {"diff_method": "adjoint", "target": "lightning.qubit"},
    ],
    ids=str,
)
def test_targets_without_gradients_of_matrices_say_so(options: Any) -> None:
    block = SphericalEncoding(2, 2, trainable_degrees=True)
    layer = QuantumLayer(StronglyEntangling(2) @ block, **options)
    with pytest.raises(TargetError, match=r"target: a field as gates .* or the field"):
        layer(torch.randn(3, 15))
    layer = QuantumLayer(SphericalEncoding(2) @ StronglyEntangling(2), **options)
    torch.autograd.backward([layer(torch.randn(3, 3)).sum()])  # one wire: angles


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ClebschGordan(3, 1), "wires: .* multiple of 2 wires, got 3"),
        (lambda: ClebschGordan(6, 2), "multiple of 4 wires, got 6"),
        (lambda: SphericalEncoding(3, 2), r"dimension 4 = 2j \+ 1 each, .* got 3"),
        (lambda: SphericalEncoding(4, 4), "register: expected 1 to 3 wires"),
        (lambda: SphericalEncoding(4, 0), "register: expected at least 1"),
        (lambda: SphericalEncoding(2, features=range(4)), "reads 3 features, got 4"),
        (
            lambda: SphericalEncoding(
                2, trainable_degrees=True, trainable_scaling=True
            ),
            "trainable_scaling: trainable_degrees trains factors already",
        ),
        (lambda: RegisterExchange(2, 2), "wires: a coupling is between two registers"),
        (lambda: RegisterExchange(4, 2, pattern="star"), "pattern: expected one of"),
        (lambda: coupling_readout(4, 2, [(0, 2)]), "pairs: .* positions 0 to 1"),
        (lambda: coupling_readout(4, 2, powers=[4]), "powers: expected at most 3"),
        (lambda: coupling_readout(4, 2, powers=[]), "powers: .* got none"),
        (lambda: spin_readout(3, 2), "wires: registers of 2 wires"),
        (lambda: tensor_operators(0), "dimension: expected at least 1"),
        (lambda: coupling(1), "dimension: expected at least 2"),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()


def test_gates_are_single_operations() -> None:
    tape = qml.tape.make_qscript(GATES)(torch.randn(3, 16), weights_of(GATES))
    kinds = [type(gate).__name__ for gate in tape.operations]
    assert kinds.count("FieldGate") == 8
    assert tape.batch_size == 3
