"""The MERA against brute force, its own finite circuits and conformal field theory."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.operation import Operator
from torch import Tensor

from qml_qdl.circuits import (
    BasicEntangler,
    EquivariantProcessing,
    Expectation,
    HardwareEfficient,
    HurCircuit,
    StronglyEntangling,
)
from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError, RunError
from qml_qdl.circuits.symmetry.named_groups import spin_flip
from qml_qdl.manybody import ground_state
from qml_qdl.nn import QuantumLayer
from qml_qdl.renormalisation import ScaleInvariantMERA
from qml_qdl.renormalisation.mera import fixed_point, lowered

ISING = -qml.X(0) @ qml.X(1) - qml.Z(0)
PARITY = EquivariantProcessing(2, spin_flip(2, "Z"), ["XY", "YX"])
EXACT = -4 / math.pi


def some(chi: int, dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A disentangler and an isometry at random."""
    generator = torch.Generator().manual_seed(seed)
    full = torch.randn(2, chi * chi, chi * chi, dtype=dtype, generator=generator)
    u, rows = (torch.linalg.qr(each).Q for each in full)
    return u, rows.T[:chi].reshape(chi, chi, chi)


def state_of(chi: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    root = torch.randn(chi**3, chi**3, dtype=dtype, generator=generator)
    found = root @ root.mH
    return found / found.trace()


def all_children(tensors: tuple[Tensor, Tensor]) -> Tensor:
    """The isometry from three parents to all six children, (χ⁶, χ³)."""
    u, w = (each.contiguous() for each in tensors)
    down = w.reshape(len(w), -1).T.contiguous()
    one = torch.eye(len(w), dtype=u.dtype)
    grown = torch.kron(torch.kron(down, down), down)
    return torch.kron(torch.kron(one, torch.kron(u, u)), one) @ grown


def brute(tensors: tuple[Tensor, Tensor], state: Tensor) -> Tensor:
    """All six children at once, and most of them traced."""
    whole, chi = all_children(tensors), len(tensors[1])
    children = (whole @ state @ whole.mH).reshape([chi] * 12)
    first = torch.einsum("abcdefaxyzef->bcdxyz", children)
    second = torch.einsum("abcdefabxyzf->cdexyz", children)
    return (first + second).reshape(chi**3, -1) / 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128, torch.complex64])
@pytest.mark.parametrize("chi", [1, 2, 3])
def test_the_descending_map_is_that_of_all_children(
    chi: int, dtype: torch.dtype
) -> None:
    tensors, state = some(chi, dtype), state_of(chi, dtype)
    found = lowered(tensors, state)
    assert found.dtype == dtype
    close = 1e-5 if dtype == torch.complex64 else 1e-12
    torch.testing.assert_close(found, brute(tensors, state), atol=close, rtol=0)
    assert abs(found.trace() - 1) < close
    assert torch.linalg.eigvalsh(found).min() > -close


def test_the_ascending_map_is_dual_and_unital() -> None:
    """Its transpose, by autograd, leaves the identity as it is."""
    tensors, start = some(2, torch.complex128), state_of(2, torch.complex128)
    state = start.requires_grad_()
    generator = torch.Generator().manual_seed(1)
    operator = torch.randn(8, 8, dtype=torch.complex128, generator=generator)
    operator = operator + operator.mH

    def ascended(each: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(lowered(tensors, state), state, each)
        return found

    one = torch.eye(8, dtype=torch.complex128)
    torch.testing.assert_close(ascended(one), one, atol=1e-12, rtol=0)
    # An operator on three of the six children, at both of its places.
    whole = all_children(tensors)
    ones = [torch.eye(2**count, dtype=operator.dtype) for count in range(3)]
    moved = [
        torch.kron(torch.kron(ones[before], operator), ones[3 - before])
        for before in (1, 2)
    ]
    wanted = sum(whole.mH @ each @ whole for each in moved) / 2
    torch.testing.assert_close(ascended(operator), wanted, atol=1e-12, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_the_fixed_point_is_one_and_has_its_gradient(dtype: torch.dtype) -> None:
    """Against a hundred layers, differentiated one by one."""
    u, w = some(2, dtype, seed=3)
    tensors = u.requires_grad_(), w.requires_grad_()
    operator = state_of(2, dtype)
    found = fixed_point(tensors)
    assert abs(found.trace() - 1) < 1e-12
    state = torch.eye(8, dtype=dtype) / 8
    for _ in range(100):
        state = lowered(tensors, state)
    torch.testing.assert_close(found, state, atol=1e-11, rtol=0)
    slopes = torch.autograd.grad((operator.conj() * found).sum().real, tensors)
    wanted = torch.autograd.grad((operator.conj() * state).sum().real, tensors)
    # Off the isometries the trace is not kept: what counts is along them.
    for tensor, slope, other in zip(tensors, slopes, wanted, strict=True):
        columns = tensor.detach().reshape(len(tensor), -1)
        if tensor.ndim == 3:
            columns, slope, other = columns.T, slope.flatten(1).T, other.flatten(1).T
        along = [
            each - columns @ (columns.mH @ each + each.mH @ columns) / 2
            for each in (slope, other)
        ]
        torch.testing.assert_close(*along, atol=1e-8, rtol=0)


def test_a_layer_that_keeps_two_states_has_no_gradient() -> None:
    """`|0⟩` → `|00⟩` and `|1⟩` → `|11⟩` keep all up and all down."""
    w = torch.zeros(2, 2, 2, dtype=torch.float64)
    w[0, 0, 0] = w[1, 1, 1] = 1
    tensors = torch.eye(4, dtype=torch.float64), w.requires_grad_()
    found = fixed_point(tensors)  # any of them is one
    torch.testing.assert_close(lowered(tensors, found), found, atol=1e-9, rtol=0)
    with pytest.raises(RunError, match="gradient of the fixed point was not found"):
        found[0, 0].backward()


def test_the_gradient_of_the_energy_is_that_of_differences() -> None:
    mera = ScaleInvariantMERA(
        ISING + 0.3 * qml.Y(0) @ qml.Z(1),
        StronglyEntangling(2, layers=2),
        StronglyEntangling(2, layers=1),
        seed=2,
    )
    energy = mera.energy()
    energy.backward()
    for angles in mera.parameters():
        assert angles.grad is not None
        flat = angles.data.reshape(-1)
        for place in (0, len(flat) - 1):
            values = []
            for step in (1e-5, -1e-5):
                flat[place] += step
                values.append(mera.energy().item())
                flat[place] -= step
            wanted = (values[0] - values[1]) / 2e-5
            assert angles.grad.reshape(-1)[place] == pytest.approx(wanted, abs=1e-8)


def local_energy(mera: ScaleInvariantMERA, term: Operator, levels: int) -> float:
    """The energy of the finite ring, by its circuit on the simulator."""
    circuit = mera.circuit(levels, sites=3)
    count = len(circuit.wires)
    terms = [
        qml.map_wires(term, {w: (w + k) % count for w in term.wires})
        for k in range(count)
    ]
    weights = {name: mera.weights[name].detach() for name in circuit.weight_shapes}
    layer = QuantumLayer(
        circuit.with_readout(Expectation(terms)),
        init_method=weights,
        dtype=torch.float64,
    )
    return float(layer().mean().item())


@pytest.mark.parametrize(
    ("qubits", "levels", "transitional"), [(1, 1, 0), (1, 2, 1), (1, 2, 2), (2, 1, 1)]
)
def test_its_circuit_has_the_energy_of_the_descending_map(
    qubits: int, levels: int, transitional: int
) -> None:
    term = ISING + 0.4 * qml.X(0) @ qml.Y(1) @ qml.Z(2)
    mera = ScaleInvariantMERA(
        term,
        StronglyEntangling(2 * qubits),
        HardwareEfficient(2 * qubits, layers=2),
        transitional=transitional,
        seed=4,
    )
    found = mera.energy(levels).item()
    assert found == pytest.approx(local_energy(mera, term, levels), abs=1e-12)


def test_a_fit_that_is_broken_off_keeps_the_last_step() -> None:
    mera = ScaleInvariantMERA(ISING, HurCircuit(6), HurCircuit(6), transitional=0)
    told: list[float] = []

    def tell(energy: float) -> None:
        told.append(energy)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mera.fit(10, tell=tell)
    assert mera.energy().item() == pytest.approx(told[-1], abs=1e-12)
    with pytest.raises(ArgumentError, match="tolerance: expected"):
        mera.fit(10, tolerance=-1)


def test_finite_chains_approach_the_infinite_one() -> None:
    mera = ScaleInvariantMERA(ISING, BasicEntangler(2), HurCircuit(6), seed=1)
    infinite = mera.density_matrix().detach()
    gaps = [
        (mera.density_matrix(levels).detach() - infinite).abs().max().item()
        for levels in (2, 8, 40)
    ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-6


def test_neighbours_are_alike() -> None:
    """The mean over all places of sites 0 and 1 is that of 1 and 2."""
    mera = ScaleInvariantMERA(ISING, HurCircuit(9), HurCircuit(9), seed=5)
    state = mera.density_matrix().detach().reshape([2] * 6)
    left = torch.einsum("abcxyc->abxy", state)
    right = torch.einsum("cabcxy->abxy", state)
    torch.testing.assert_close(left, right, atol=1e-11, rtol=0)


def test_a_strong_field_is_a_product() -> None:
    """No coupling: −1 a qubit, one site as entangled as two, and nothing else left."""
    mera = ScaleInvariantMERA.brickwork(-1.0 * qml.Z(0), 2, 1, gate=PARITY)
    energies = mera.fit(60)
    assert energies[-1] == pytest.approx(-1, abs=1e-9)
    assert energies == sorted(energies, reverse=True)
    assert mera.central_charge() == pytest.approx(0, abs=1e-3)
    field = ScaleInvariantMERA.brickwork(
        -qml.X(0) @ qml.X(1) - 1000 * qml.Z(0), 2, 1, gate=PARITY
    )
    # Second order in 1/h: −h − 1/(4h).
    assert field.fit(200)[-1] == pytest.approx(-1000 - 1 / 4000, abs=2e-4)


def test_the_critical_ising_chain() -> None:
    """Energy, dimensions and central charge of the smallest tensors."""
    mera = ScaleInvariantMERA.brickwork(ISING, 2, 1, gate=PARITY)
    told: list[float] = []
    energies = mera.fit(100, tell=told.append)
    assert energies[1:] == told
    assert 0 < energies[-1] / EXACT < 1
    assert energies[-1] == pytest.approx(EXACT, rel=1.2e-3)
    assert mera.energy().item() == pytest.approx(energies[-1], abs=1e-12)
    dimensions = mera.scaling_dimensions(3)
    assert dimensions.tolist() == pytest.approx([0, 0.125, 1.0], abs=0.012)
    assert mera.central_charge() == pytest.approx(0.5, rel=0.06)
    # The upper bound is one: no ring of the same size lies above its exact energy.
    ring = -sum(
        (qml.X(k) @ qml.X((k + 1) % 6) + qml.Z(k) for k in range(1, 6)),
        qml.X(0) @ qml.X(1) + qml.Z(0),
    )
    assert 6 * mera.energy(1).item() > ground_state(ring).energies[0]


@pytest.mark.parametrize(
    "term", [ISING, qml.X(7) @ qml.Z(8) @ qml.X(9) - qml.Z(7) @ qml.Y(11)]
)
def test_the_energy_is_the_mean_over_the_qubits_of_a_site(term: Operator) -> None:
    mera = ScaleInvariantMERA(
        term, BasicEntangler(4), BasicEntangler(4), transitional=0
    )
    state, first = mera.density_matrix().detach().numpy(), min(term.wires)
    moved = [
        qml.map_wires(term, {wire: wire - first + k for wire in term.wires})
        for k in range(2)
    ]
    wanted = np.mean(
        [np.trace(state @ qml.matrix(each, wire_order=range(6))) for each in moved]
    )
    assert mera.energy().item() == pytest.approx(wanted.real, abs=1e-12)


def test_free_tensors_of_the_same_size_do_no_better() -> None:
    """One gate of two angles at χ = 2 is all that real tensors of this parity are."""
    generator = torch.Generator().manual_seed(0)
    free = 0.3 * torch.randn(2, 4, 4, dtype=torch.float64, generator=generator)
    free.requires_grad_()
    odd = torch.tensor([0, 1, 1, 0])
    even = odd == odd[:, None]
    term = torch.from_numpy(qml.matrix(ISING, wire_order=range(3)).real.copy())
    descent = torch.optim.LBFGS([free], max_iter=60, line_search_fn="strong_wolfe")

    def energy() -> Tensor:
        descent.zero_grad()
        u, full = torch.linalg.matrix_exp((free - free.mT) * even)
        found = (term * fixed_point((u, full[:, ::2].T.reshape(2, 2, 2)))).sum()
        found.backward()
        return found

    descent.step(energy)
    mera = ScaleInvariantMERA.brickwork(ISING, 2, 1, gate=PARITY, transitional=0)
    assert mera.fit(60)[-1] == pytest.approx(energy().item(), abs=1e-7)


def test_real_tensors_are_real() -> None:
    real = ScaleInvariantMERA.brickwork(ISING, 4, 2, gate=PARITY)
    assert real.density_matrix().dtype == torch.float64
    turned = ScaleInvariantMERA.brickwork(
        ISING + 1e-9 * qml.X(0) @ qml.Y(1), 4, 2, gate=PARITY
    )
    turned.load_state_dict({**real.state_dict(), "term": turned.term})
    assert turned.density_matrix().dtype == torch.complex128
    assert turned.energy().item() == pytest.approx(real.energy().item(), abs=1e-8)
    torch.testing.assert_close(
        turned.scaling_dimensions(4), real.scaling_dimensions(4), atol=1e-8, rtol=0
    )


def test_dimensions_of_many_are_those_of_all() -> None:
    """Few of ARPACK beside more of them."""
    mera = ScaleInvariantMERA.brickwork(ISING, 4, 1, gate=PARITY, seed=3)
    found = mera.scaling_dimensions(5)
    assert found[0].item() == pytest.approx(0, abs=1e-9)
    assert (found.diff() >= 0).all()
    more = mera.scaling_dimensions(12)[:5]
    torch.testing.assert_close(more, found, atol=1e-8, rtol=0)


BLOCK = BasicEntangler(2)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: ScaleInvariantMERA.brickwork(ISING, 6),
            "bond: expected a power of two",
        ),
        (lambda: ScaleInvariantMERA.brickwork(ISING, 1), "bond: expected at least 2"),
        (
            lambda: ScaleInvariantMERA.brickwork(ISING, 4, 0),
            "layers: expected at least",
        ),
        (
            lambda: ScaleInvariantMERA.brickwork(ISING, 4, gate=BasicEntangler(3)),
            "block: expected a processing on two wires",
        ),
        (
            lambda: ScaleInvariantMERA(ISING, BLOCK, BasicEntangler(4)),
            "isometry: expected disentangler and isometry on 2k wires each, got 2",
        ),
        (
            lambda: ScaleInvariantMERA(ISING, BasicEntangler(3), BasicEntangler(3)),
            "on 2k wires each, got 3 and 3",
        ),
        (
            lambda: ScaleInvariantMERA(1j * qml.X(0), BLOCK, BLOCK),
            "operator: expected a Hermitian operator",
        ),
        (
            lambda: ScaleInvariantMERA(qml.X(0) @ qml.X(3), BLOCK, BLOCK),
            "term: expected up to 3 neighbouring wires for sites of 1 qubits, got 4",
        ),
        (
            lambda: ScaleInvariantMERA(qml.X("a") @ qml.X("b"), BLOCK, BLOCK),
            "term: expected wires that are numbers, got ['a', 'b']",
        ),
        (
            lambda: ScaleInvariantMERA(ISING, BLOCK, BLOCK).circuit(1, sites=2),
            "sites: expected at least 3",
        ),
        (
            lambda: ScaleInvariantMERA(ISING, BLOCK, BLOCK).circuit(12),
            "levels: expected at most 10,000 wires, got 16,384",
        ),
        (
            lambda: ScaleInvariantMERA(ISING, BLOCK, BLOCK).energy(0),
            "levels: expected at least 1, got 0",
        ),
        (
            lambda: ScaleInvariantMERA(ISING, BLOCK, BLOCK).scaling_dimensions(63),
            "count: expected at most 62",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(text)):
        make()


def test_what_does_not_fit_into_memory_is_refused_first() -> None:
    with pytest.raises(MemoryBoundError, match="layers of dimension 64 need"):
        ScaleInvariantMERA.brickwork(ISING, 64)
