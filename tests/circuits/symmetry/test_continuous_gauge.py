"""U(1) and SU(2) gauge circuits: no choice of frames at the sites changes anything."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from qml_qdl.circuits import (
    ChargeConserving,
    ChargeEncoding,
    Circuit,
    Expectation,
    FixedGates,
    GaugeLattice,
    PhaseEncoding,
    QuaternionEncoding,
    encoding_error,
    su2_gauge_circuit,
    u1_gauge_circuit,
)
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.symmetry.charges import charge_rotations
from qml_qdl.circuits.symmetry.continuous_gauge import link_charges
from qml_qdl.geometry import random_frames, random_links, transform_links
from qml_qdl.nn import QuantumLayer

X, Y, Z = (np.array(m, complex) for m in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], 0))
Z = np.diag([1.0 + 0j, -1])
TORUS, OPEN = GaugeLattice(2, 2), GaugeLattice(2, 2, periodic=False)
LATTICES = [
    pytest.param(TORUS, id="torus"),
    pytest.param(OPEN, id="plaquette"),
    pytest.param(GaugeLattice(3, 2, periodic=False), id="open"),
]
every_lattice = pytest.mark.parametrize("lattice", LATTICES)


def matrix(encoding: Any, features: Any) -> Any:
    wires = encoding.wires
    return qml.matrix(encoding.encode, wire_order=wires)(np.asarray(features, float))


def random(group: str, lattice: GaugeLattice, dtype: torch.dtype) -> tuple[Any, Any]:
    """A field, and another of each gauge transformation of it."""
    generator = torch.Generator().manual_seed(1)
    kind: Any = {"generator": generator, "dtype": dtype}
    links = random_links(lattice, group, 1, **kind).expand(
        5, *([-1] if group == "u1" else [-1, -1])
    )
    frames = random_frames(lattice, group, 5, **kind)
    return links, transform_links(lattice, links, frames)


# ---- The encodings ----


@pytest.mark.parametrize("phase", [0.0, 0.3, -2.5, np.pi])
@pytest.mark.parametrize("strength", [np.pi / 4, 0.4, -1.0])
def test_a_phase_is_a_complex_number(phase: float, strength: float) -> None:
    found = matrix(PhaseEncoding(1, strength), [phase])
    turned = np.cos(phase) * X + np.sin(phase) * Y
    np.testing.assert_allclose(found, expm(-1j * strength * turned), atol=1e-12)
    number = [strength * np.cos(phase), strength * np.sin(phase)]
    other = matrix(ChargeEncoding(1, [1]), number)
    np.testing.assert_allclose(found, other, atol=1e-12)
    around = matrix(PhaseEncoding(1, strength), [phase + 2 * np.pi])
    np.testing.assert_allclose(found, around, atol=1e-12)


def test_phases_carry_the_charges_of_their_ends() -> None:
    """A turn at a site: links that begin there by a, those that end there by −a."""
    order = 12
    for site in range(4):
        charges = [(start == site) - (end == site) for start, end in TORUS.ends]
        shift = 2 * np.pi / order * np.array(charges)
        group = charge_rotations(charges, order)
        encoding = PhaseEncoding(TORUS.num_links)
        assert encoding_error(encoding, group, [partial(np.add, shift)]) < 1e-12
        broken = PhaseEncoding(TORUS.num_links, scaling=0.5)
        assert encoding_error(broken, group, [partial(np.add, shift)]) > 0.1


def test_link_charges_are_columns_of_the_incidence_matrix() -> None:
    for lattice in (TORUS, OPEN, GaugeLattice(2, 3)):
        columns = np.zeros((lattice.num_sites, lattice.num_links), int)
        for link, (start, end) in enumerate(lattice.ends):
            columns[start, link] += 1
            columns[end, link] -= 1
        charges = np.array(link_charges(lattice))
        assert charges.tolist() == (9 ** np.arange(len(columns)) @ columns).tolist()
        rng = np.random.default_rng(0)
        for _ in range(300):  # words of up to four letters: no charge, or none in sum
            word = np.zeros(lattice.num_links, int)
            places = rng.choice(lattice.num_links, 4, replace=False)
            word[places] = rng.integers(-1, 2, 4)
            assert (charges @ word == 0) == (not (columns @ word).any())
        for walk in lattice.walks:
            assert sum(sign * charges[wire] for wire, sign in walk) == 0


QUATERNIONS = [
    [1.0, 0, 0, 0],
    [-1.0, 0, 0, 0],
    [0.0, 1, 0, 0],
    [0.0, 0, 1, 0],
    [0.0, 0, 0, -1],
    [0.5, 0.5, 0.5, 0.5],
    [1.0, 0, 1, 0],
    [1.0, 0, -1, 0],
    [1.0, 1e-9, 1, 1e-9],
    [0.3, 0.7, -0.2, 0.9],
    [3.0, -7.0, 2.0, 1.0],
]


@pytest.mark.parametrize("q", QUATERNIONS, ids=str)
def test_a_quaternion_is_its_matrix(q: list[float]) -> None:
    a, b, c, d = np.array(q) / np.linalg.norm(q)
    expected = a * np.eye(2) - 1j * (b * X + c * Y + d * Z)
    found = matrix(QuaternionEncoding(1), q)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    pair = matrix(QuaternionEncoding(["u", "v"]), q)
    np.testing.assert_allclose(pair, np.kron(expected, expected), atol=1e-12)
    # Against SciPy, whose scalar comes last: σ turns as vectors do.
    turn = Rotation.from_quat([b, c, d, a]).as_matrix()
    for column, pauli in zip(turn.T, (X, Y, Z), strict=True):
        image = sum(w * p for w, p in zip(column, (X, Y, Z), strict=True))
        np.testing.assert_allclose(found @ pauli @ found.conj().T, image, atol=1e-12)
    nothing = matrix(QuaternionEncoding(1), np.zeros(4))
    np.testing.assert_allclose(nothing, np.eye(2), atol=1e-12)


def test_gradients_of_quaternions() -> None:
    """As differences where they exist, 1 among them; finite everywhere."""
    circuit = Circuit([QuaternionEncoding(1)]).with_readout(
        Expectation(["X", "Y", "Z"])
    )
    layer = QuantumLayer(circuit, dtype=torch.float64)
    x = torch.tensor(QUATERNIONS, dtype=torch.float64)
    a, b, c, d = x.T
    share = ((a + c) ** 2 + (b + d) ** 2) / (2 * x.square().sum(1))
    x = x[(share > 0.01) & (share < 0.99)]
    assert len(x) > 5
    assert torch.autograd.gradcheck(layer, x.requires_grad_())
    singular = torch.tensor([[1.0, 0, 1, 0], [0, 0, 0, 0]], dtype=torch.float64)
    torch.autograd.backward([layer(singular.requires_grad_()).sum()])
    assert bool(singular.grad.isfinite().all())  # type: ignore[union-attr]


# ---- The circuits ----


CASES: list[Any] = [
    pytest.param(group, *case.values, dtype, id=f"{group}-{case.id}-{dtype}")
    for group in ("u1", "su2")
    for case in (LATTICES if group == "u1" else LATTICES[:2])  # else twelve wires
    for dtype in (torch.float32, torch.float64)
]


@pytest.mark.parametrize(("group", "lattice", "dtype"), CASES)
def test_no_choice_of_frames_is_seen(
    group: str,
    lattice: GaugeLattice,
    dtype: torch.dtype,
    execute: Callable[..., torch.Tensor],
) -> None:
    make = u1_gauge_circuit if group == "u1" else su2_gauge_circuit
    circuit = make(lattice, 2)
    links, turned = random(group, lattice, dtype)
    generator = torch.Generator().manual_seed(3)
    weights = {
        name: (6 * torch.rand(shape, generator=generator)).to(dtype)
        for name, shape in circuit.weight_shapes.items()
    }

    def run(x: torch.Tensor, network: Circuit = circuit) -> torch.Tensor:
        return execute(network, x.flatten(1), weights, device="qdl.simulator")

    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    found = run(links)
    assert found.abs().max() > 0.02
    assert (found - run(turned)).abs().max() < tolerance
    # Another field is told apart: one link alone is turned.
    other = links.clone()
    other[:, 0] = turned[:, 0]
    assert (found - run(other)).abs().max() > 1e-3
    # Broken: one gate that has an axis, or frames that are turned at one end only.
    broken = FixedGates(len(circuit.wires), "Hadamard", (0,)) @ circuit
    broken = broken.with_readout(circuit.readout)
    assert (run(links, broken) - run(turned, broken)).abs().max() > 1e-3
    site = [start for start, _ in lattice.ends]
    frames = random_frames(lattice, group, 5, generator=generator, dtype=dtype)
    if group == "u1":
        half = links + frames[:, site]
    else:
        rotated = Rotation.from_quat(
            frames[:, site].reshape(-1, 4).numpy()[:, [1, 2, 3, 0]]
        )
        own = Rotation.from_quat(links.reshape(-1, 4).numpy()[:, [1, 2, 3, 0]])
        half = torch.tensor((rotated * own).as_quat()[:, [3, 0, 1, 2]]).to(dtype)
        half = half.reshape(links.shape)
    assert (found - run(half)).abs().max() > 1e-3


def test_without_a_processing_loops_are_products_of_links() -> None:
    """⟨σ⁺⟩ after S is sin(2s)e^{i(φ − π/2)}/2: a walk's U is their product."""
    circuit = u1_gauge_circuit(TORUS, 1)
    encoding = PhaseEncoding(8)
    network = Circuit([encoding]).with_readout(circuit.readout)
    x = torch.linspace(-2, 3, 8, dtype=torch.float64)
    found = QuantumLayer(network)(x[None])[0].reshape(-1, 2).double()
    for (real, imaginary), walk in zip(found, TORUS.walks, strict=True):
        expected = 2.0
        for wire, sign in walk:
            lowered = 0.5 * np.exp(1j * sign * (float(x[wire]) - np.pi / 2))
            expected = expected * lowered
        np.testing.assert_allclose(
            [real, imaginary], [expected.real, expected.imag], atol=1e-6
        )


def test_words_with_a_charge_are_refused() -> None:
    """A plaquette one of whose links goes the wrong way, and a single link."""
    charges = link_charges(OPEN)
    for word in ("++++", "+III"):
        with pytest.raises(
            QdlError, match="words: expected words of net charge 0, but"
        ):
            ChargeConserving(4, charges, words=[word])


def test_the_matrix_of_a_plaquette() -> None:
    """U + U† and −i(U − U†) of σ⁺σ⁺σ⁻σ⁻, exactly, by scipy's expm."""
    raising = (X + 1j * Y) / 2
    letters = {1: raising, -1: raising.conj().T}
    whole: Any = np.eye(1)
    for wire in range(4):
        whole = np.kron(whole, letters[dict(OPEN.walks[0])[wire]])
    processing: Any = u1_gauge_circuit(OPEN, 1).blocks[1]
    assert isinstance(processing, ChargeConserving)
    weights = np.zeros(processing.weight_shape)
    weights[0, -2:] = 0.7, -0.4
    found = qml.matrix(processing.process, wire_order=range(4))(weights)
    first = expm(-0.7j * (whole + whole.conj().T))
    second = expm(0.4j * (-1j) * (whole - whole.conj().T))
    np.testing.assert_allclose(found, second @ first, atol=1e-12)


def test_exchange_along_a_link() -> None:
    """exp(−iθ u SWAP u†) of one pair, and half a turn carries a spin around."""
    swap = np.eye(4)[[0, 2, 1, 3]]
    q = np.array([0.3, 0.7, -0.2, 0.9])
    a, b, c, d = q / np.linalg.norm(q)
    u = a * np.eye(2) - 1j * (b * X + c * Y + d * Z)
    carried = np.kron(np.eye(2), u.conj().T) @ swap @ np.kron(np.eye(2), u)
    circuit = su2_gauge_circuit(OPEN, 1)
    # Singlets, then all of the first link: carried there, exchanged, carried back.
    blocks: Any = circuit.blocks[1:4]
    weights = np.zeros((1, 4))
    weights[0, 0] = 0.6  # the first spins of sites 0 and 1

    def gates() -> None:
        for block in blocks:
            block.queue(q if block.num_features else None, weights)

    found = qml.matrix(gates, wire_order=[0, 2, 1, 3])()
    expected = np.kron(expm(-0.6j * carried), np.eye(4))
    phase = found[0, 0] / expected[0, 0]
    np.testing.assert_allclose(found, phase * expected, atol=1e-12)


def test_the_negative_of_a_link_is_not_seen() -> None:
    circuit = su2_gauge_circuit(OPEN, 2)
    layer = QuantumLayer(circuit, dtype=torch.float64)
    links, _ = random("su2", OPEN, torch.float64)
    flipped = links.clone()
    flipped[:, 1] *= -1
    difference = layer(links.flatten(1)) - layer(flipped.flatten(1))
    assert difference.detach().abs().max() < 1e-12


def test_links_of_one_loop_can_be_gathered_in_one() -> None:
    """Frames may be chosen so that three of four links are 1 (unitary gauge)."""
    links, _ = random("su2", OPEN, torch.float64)
    one = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)
    frames = one.expand(5, 4, 4).clone()
    rows = [[w for w, _ in OPEN.walks[0]]]
    assert rows == [[0, 2, 3, 1]]
    # g₁ = u₀, g₃ = u₀u₂, g₂ = u₁: links 0, 2 and 1 become 1.
    for site, (before, link) in {1: (0, 0), 2: (0, 1), 3: (1, 2)}.items():
        step = frames.clone()
        step[:, before], step[:, site] = frames[:, before], one
        # gₛ u = 1·gₜ: the frame at the end is the product on the way to it.
        moved = transform_links(OPEN, links, step)
        frames[:, site] = moved[:, link]
    gathered = transform_links(OPEN, links, frames)
    for link in (0, 1, 2):
        torch.testing.assert_close(gathered[:, link], one.expand(5, 4))
    layer = QuantumLayer(su2_gauge_circuit(OPEN, 2), dtype=torch.float64)
    torch.testing.assert_close(layer(gathered.flatten(1)), layer(links.flatten(1)))


@every_lattice
def test_values(lattice: GaugeLattice, rebuild: Callable[[object], Any]) -> None:
    for make in (u1_gauge_circuit, su2_gauge_circuit):
        circuit = make(lattice)
        assert pickle.loads(pickle.dumps(circuit)) == circuit
    for block in (
        PhaseEncoding(3, 0.2),
        QuaternionEncoding(["a", "b"], features=range(4)),
    ):
        assert rebuild(block) == block


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: PhaseEncoding(2, float("nan")), "strength: expected a finite number"),
        (lambda: PhaseEncoding(2, features=[0]), "features: PhaseEncoding on 2 wires"),
        (
            lambda: QuaternionEncoding(1, features=[0]),
            "features: QuaternionEncoding on",
        ),
        (lambda: u1_gauge_circuit(TORUS, 0), "layers: expected at least 1"),
        (lambda: su2_gauge_circuit(TORUS, 0), "layers: expected at least 1"),
        (lambda: su2_gauge_circuit(3), "lattice: expected a GaugeLattice"),  # type: ignore[arg-type]
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
