from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MemoryBoundError,
    ShapeError,
)
from qml_qdl.manybody import (
    Lattice,
    Sector,
    SpinOperator,
    annni,
    cluster_ising,
    heisenberg,
    j1_j2,
    transverse_ising,
    xxz,
)
from qml_qdl.manybody.operators import TOLERANCE

WORDS = st.dictionaries(
    st.text("IXYZ", min_size=5, max_size=5), st.floats(-2, 2, width=32), max_size=12
)

LATTICES = {
    "ring": Lattice.chain(5),
    "open": Lattice.chain(6, periodic=False),
    "square": Lattice.square(2, 4),
    "triangular": Lattice.triangular(2, 3, (True, False)),
    "honeycomb": Lattice("honeycomb", (1, 3), False),
}
MAKERS: dict[str, Callable[[Lattice], Any]] = {
    "heisenberg": heisenberg,
    "xxz": lambda lattice: xxz(lattice, 0.7, -1.5),
    "ising": lambda lattice: transverse_ising(lattice, 0.7, 0.4, 0.2),
    "j1_j2": j1_j2,
    "cluster_ising": lambda lattice: cluster_ising(lattice, 1.0, 0.3, 0.2),
    "annni": lambda lattice: annni(lattice, kappa=0.3, axis=len(lattice.n_cells) - 1),
}


def summed(words: dict[str, float], total: int = 5) -> Any:
    sentence = qml.pauli.PauliSentence()
    for letters, value in words.items():
        pairs = {k: letter for k, letter in enumerate(letters) if letter != "I"}
        sentence[qml.pauli.PauliWord(pairs)] = value
    return sentence.operation(wire_order=range(total))


def by_elements(operator: SpinOperator, dtype: torch.dtype) -> NDArray[Any]:
    """The matrix, put together from diagonal and connected elements."""
    sector = Sector(operator.num_sites)
    spins = sector.spins(dtype)
    states, elements = operator.connected(spins)
    rows = torch.arange(sector.num_states)
    matrix = torch.zeros(len(rows), len(rows), dtype=torch.complex128)
    matrix[rows, rows] = operator.diagonal(spins).to(torch.complex128)
    for k in range(len(operator.flips)):
        matrix[rows, sector.index(states[:, k])] += elements[:, k]
    return matrix.numpy()


@given(WORDS)
@settings(max_examples=25, deadline=None)
def test_elements_and_matrix_are_pennylanes(words: dict[str, float]) -> None:
    hamiltonian = summed(words)
    operator = SpinOperator.of(hamiltonian, wires=5)
    wanted = qml.matrix(hamiltonian, wire_order=range(5))
    assert np.allclose(by_elements(operator, torch.float64), wanted, atol=1e-12)
    assert np.allclose(operator.matrix().toarray(), wanted, atol=1e-12)
    least = TOLERANCE * max(
        map(abs, words.values()), default=0.0
    )  # words below are left out
    assert operator.is_real == bool((abs(wanted.imag) <= least).all())
    assert operator.flips.any(1).all()
    assert len(operator.flips.unique(dim=0)) == len(operator.flips)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("place", "name"), list(product(LATTICES, MAKERS)))
def test_every_hamiltonian_on_every_lattice(
    place: str, name: str, dtype: torch.dtype
) -> None:
    lattice = LATTICES[place]
    hamiltonian = MAKERS[name](lattice)
    operator = SpinOperator.of(hamiltonian)
    wanted = qml.matrix(hamiltonian, wire_order=range(lattice.num_sites))
    tolerance = 1e-12 if dtype is torch.float64 else 2e-6
    assert np.allclose(by_elements(operator, dtype), wanted, atol=tolerance)
    assert operator.elements(torch.ones(1, lattice.num_sites, dtype=dtype)).dtype is (
        dtype
    )
    group = lattice.translations if name == "annni" else lattice.symmetries
    operator.check_symmetry(group)


def test_many_rows_are_as_one() -> None:
    """Rows are taken in pieces."""
    operator = SpinOperator.of(j1_j2(Lattice.square(4, 4)))
    spins = Sector(16, 0).spins()
    many = operator.elements(spins)
    some = [0, 5000, 12869]
    assert torch.equal(many[some], operator.elements(spins[some]))
    assert torch.equal(operator.diagonal(spins)[some], operator.diagonal(spins[some]))


def test_hundred_sites() -> None:
    """More than a machine word has bits; long words count their signs."""
    string = qml.prod(*[qml.Z(k) for k in range(1, 99)])
    ends = qml.X(0) @ string @ qml.X(99) + qml.Y(0) @ string @ qml.Y(99)
    operator = SpinOperator.of(ends)
    generator = torch.Generator().manual_seed(1)
    spins = torch.randint(2, (50, 100), generator=generator).double() * 2 - 1
    sign = spins[:, 1:99].prod(1) * (1 - spins[:, 0] * spins[:, 99])
    assert torch.equal(operator.elements(spins)[:, 0], sign)
    assert operator.flips.sum() == 2


def test_wires_are_sites_in_their_order() -> None:
    operator = qml.X("b") @ qml.Z("a")
    assert SpinOperator.of(operator).wires == ("b", "a")
    named = SpinOperator.of(operator, wires=["a", "b", "c"])
    assert named.flips.tolist() == [[False, True, False]]
    assert SpinOperator.of(qml.X(7) + qml.X(2)).wires == (2, 7)


def test_nothing_the_identity_and_what_cancels() -> None:
    spins = torch.tensor([[1.0, -1.0]])
    zero = SpinOperator.of(qml.X(0) - qml.X(0), wires=2)
    for operator, value in ((zero, 0.0), (SpinOperator.of(3 * qml.I(0), 2), 3.0)):
        assert operator.flips.shape == (0, 2)
        assert operator.elements(spins).shape == (1, 0)
        assert operator.diagonal(spins).tolist() == [value]
        assert operator.matrix().toarray().tolist() == (value * np.eye(4)).tolist()
        assert operator.conserves_magnetisation
        assert operator.is_stoquastic


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SpinOperator.of(1j * qml.X(0)), r"Hermitian operator, got .* times X"),
        (lambda: SpinOperator.of(qml.X(0) @ qml.Z(0)), "qml.adjoint"),
        (lambda: SpinOperator.of(qml.RX(0.3, 0)), "qml.pauli_decompose"),
        (lambda: SpinOperator.of(float("nan") * qml.X(0)), "finite coefficients"),
        (lambda: SpinOperator.of(qml.X(3), wires=3), r"acts on \[3\]"),
        (lambda: SpinOperator.of(qml.X(0)).rotated([1]), "different sites below 1"),
        (lambda: SpinOperator.of(qml.X(0)).rotated([0, 0]), "different sites below 1"),
    ],
)
def test_wrong_operators(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        make()


def test_wrong_spins() -> None:
    operator = SpinOperator.of(qml.X(0) @ qml.X(1))
    takers: tuple[Callable[[Tensor], Any], ...] = (
        operator.diagonal,
        operator.elements,
        operator.connected,
    )
    for taker in takers:
        with pytest.raises(ShapeError, match=r"expected \(rows, 2\)"):
            taker(torch.ones(3, 3))
        with pytest.raises(ArgumentTypeError, match=r"spins.to\(torch.float64\)"):
            taker(torch.ones(3, 2, dtype=torch.int64))
        with pytest.raises(ArgumentError, match="bits b become spins"):
            taker(torch.zeros(3, 2))


# ---- Marshall's rule. ----


@pytest.mark.parametrize("lattice", [Lattice.chain(6), Lattice.square(2, 4)])
def test_marshalls_rule(lattice: Lattice) -> None:
    operator = SpinOperator.of(heisenberg(lattice))
    turned = operator.rotated(lattice.sublattice)
    assert not operator.is_stoquastic
    assert turned.is_stoquastic
    before, after = (np.linalg.eigh(o.matrix().toarray()) for o in (operator, turned))
    assert np.allclose(before[0], after[0])
    ground = after[1][:, 0]
    assert (ground * np.sign(ground.sum()) > -1e-12).all()


def test_rotation_is_conjugation_by_z() -> None:
    hamiltonian = summed({"XYZIX": 0.3, "YYIII": 0.2, "IXIXI": 1.0, "IZIIY": 0.4})
    z = qml.matrix(qml.Z(0) @ qml.Z(3), wire_order=range(5))
    wanted = z @ qml.matrix(hamiltonian, wire_order=range(5)) @ z
    operator = SpinOperator.of(hamiltonian, 5).rotated([0, 3])
    assert np.allclose(operator.matrix().toarray(), wanted)


def test_next_nearest_neighbours_make_it_an_approximation() -> None:
    lattice = Lattice.square(4, 4)
    turned = SpinOperator.of(j1_j2(lattice)).rotated(lattice.sublattice)
    assert not turned.is_stoquastic


@pytest.mark.parametrize(
    "lattice", [Lattice.chain(5), Lattice.triangular(3, 3), Lattice.square(3, 3)]
)
def test_what_has_no_two_colours_has_no_marshall_sign(lattice: Lattice) -> None:
    with pytest.raises(ArgumentError, match="have no Marshall sign"):
        SpinOperator.of(heisenberg(lattice)).rotated(lattice.sublattice)


@given(WORDS)
@settings(max_examples=20, deadline=None)
def test_stoquastic_is_what_the_matrix_says(words: dict[str, float]) -> None:
    operator = SpinOperator.of(summed(words), wires=5)
    matrix = operator.matrix().toarray()
    scale = abs(matrix).max(initial=0.0)
    off = matrix - np.diag(np.diag(matrix))
    wanted = abs(off.imag).max() <= 0 and off.real.max() <= 1e-12 * scale
    assert operator.is_stoquastic == wanted


# ---- What commutes. ----


def commutes(first: NDArray[Any], second: NDArray[Any]) -> bool:
    return bool(np.allclose(first @ second, second @ first, atol=1e-9))


NAMED = {
    "heisenberg": heisenberg(Lattice.chain(5)),
    "xxz and a field": xxz(Lattice.chain(5)) + 0.3 * qml.Z(1),
    "ising": transverse_ising(Lattice.chain(5)),
    "longitudinal": transverse_ising(Lattice.chain(5), longitudinal=0.1),
    "cluster": cluster_ising(Lattice.chain(5)),
    "hidden": qml.X(0) @ qml.X(1)
    + qml.Y(0) @ qml.Y(1)
    + qml.X(2) @ qml.Y(3)
    - qml.Y(2) @ qml.X(3)
    + 0 * qml.Z(4),
    "one letter": qml.X(0) @ qml.X(1) + 0 * qml.Z(4),
    "three": qml.X(0) @ qml.X(1) @ qml.Z(4) + qml.Y(0) @ qml.Y(1) @ qml.Z(4),
}


@pytest.mark.parametrize("name", NAMED)
def test_conserved_numbers_are_those_of_the_matrix(name: str) -> None:
    hamiltonian = NAMED[name]
    wires = range(5)
    matrix = qml.matrix(hamiltonian, wire_order=wires)
    operator = SpinOperator.of(hamiltonian, wires=5)

    def of(other: Any) -> NDArray[Any]:
        return np.asarray(qml.matrix(other, wire_order=wires))

    total = of(qml.sum(*map(qml.Z, wires)))
    assert operator.conserves_magnetisation == commutes(matrix, total)
    flip, parity = of(qml.prod(*map(qml.X, wires))), of(qml.prod(*map(qml.Z, wires)))
    assert operator.conserves_spin_flip == commutes(matrix, flip)
    assert operator.conserves_parity == commutes(matrix, parity)
    for row in ([1, 2, 3, 4, 0], [4, 3, 2, 1, 0], [1, 0, 2, 3, 4], [0, 1, 3, 2, 4]):
        inverse = np.argsort(row)
        places = [
            sum((k >> 4 - i & 1) << 4 - inverse[i] for i in wires) for k in range(32)
        ]
        moved = np.eye(32)[places]
        assert operator.commutes_with(row) == commutes(matrix, moved)


def test_a_broken_symmetry_is_named() -> None:
    ring = Lattice.chain(6)
    operator = SpinOperator.of(heisenberg(ring) + 1e-6 * qml.Z(0))
    with pytest.raises(ArgumentError, match=r"\[1, 2, 3, 4, 5, 0\].*by 1e-06"):
        operator.check_symmetry(ring.translations)
    assert operator.commutes_with(range(6))


@pytest.mark.parametrize(
    ("sector", "text"),
    [
        (Sector(6, magnetisation=0), "magnetisation=0 .* does not commute with Σ Z"),
        (Sector(6, parity=1), "parity=1 was asked"),
        (Sector(6, spin_flip=-1), "spin_flip=-1 was asked"),
        (Sector(6, permutations=Lattice.chain(6).translations), "does not commute"),
        (Sector(5), "expected 6 sites"),
    ],
)
def test_a_sector_that_is_not_conserved(sector: Sector, text: str) -> None:
    field = transverse_ising(Lattice.chain(6), longitudinal=0.1) + qml.Z(0)
    with pytest.raises(ArgumentError, match=text):
        SpinOperator.of(field).matrix(sector)


# ---- Matrices in sectors. ----


@pytest.mark.parametrize("lattice", [Lattice.chain(6), Lattice.square(2, 4)])
@pytest.mark.parametrize("flips", [(None,), (1, -1)])
@pytest.mark.parametrize("make", [heisenberg, transverse_ising])
def test_sectors_together_have_the_whole_spectrum(
    lattice: Lattice, flips: tuple[int | None, ...], make: Callable[[Lattice], Any]
) -> None:
    operator = SpinOperator.of(make(lattice))
    found: list[float] = []
    for momentum in product(*map(range, lattice.n_cells)):
        characters = lattice.characters(momentum)
        for flip in flips:
            sector = Sector(
                lattice.num_sites,
                spin_flip=flip,
                permutations=lattice.translations,
                characters=characters,
            )
            matrix = operator.matrix(sector).toarray()
            assert np.allclose(matrix, matrix.conj().T)
            found.extend(np.linalg.eigvalsh(matrix))
    wanted = np.linalg.eigvalsh(operator.matrix().toarray())
    assert np.allclose(np.sort(found), wanted)


def test_a_matrix_that_does_not_fit() -> None:
    operator = SpinOperator.of(heisenberg(Lattice.chain(40)))
    with pytest.raises(MemoryBoundError, match=r"need [\d,]+ bytes, but [\d,]+ are"):
        operator.matrix(Sector(40, 0))
    with pytest.raises(ArgumentError, match="at most 62 sites, got 80"):
        SpinOperator.of(heisenberg(Lattice.chain(80))).matrix()


def test_the_operator_of_pennylane_comes_back() -> None:
    given = 2 * qml.X(0) @ qml.Y(2) - qml.Y(1) @ qml.Y(2) + 0.5 * qml.Z(1) + qml.I(0)
    found = SpinOperator.of(given, 3).as_pennylane()
    wanted = qml.matrix(given, wire_order=range(3))
    np.testing.assert_allclose(qml.matrix(found, wire_order=range(3)), wanted)


def test_sums_of_some_sites_are_conserved_or_not() -> None:
    """Two chains that do not exchange particles, and one that does."""
    hopping = qml.X(0) @ qml.X(2) + qml.Y(0) @ qml.Y(2)
    apart = SpinOperator.of(hopping + qml.Z(1) @ qml.Z(3), 4)
    assert apart.conserves_sum([0, 2])
    assert apart.conserves_sum([1])
    assert not apart.conserves_sum([0])
    sector = Sector(4, sums=[((0, 2), 0), ((1, 3), 0)])
    whole = apart.matrix().toarray()
    inside = sector.states.astype(int)
    assert np.allclose(apart.matrix(sector).toarray(), whole[np.ix_(inside, inside)])
    with pytest.raises(ArgumentError, match=r"does not commute with Σ Z over \(0,"):
        apart.check_sector(Sector(4, sums=[((0, 1), 0)]))
    with pytest.raises(ArgumentError, match="sites: expected one of 0, 1, 2, 3, got 4"):
        apart.conserves_sum([4])
