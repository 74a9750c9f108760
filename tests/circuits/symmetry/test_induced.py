"""Induced representations against their definition, characters and nullspaces."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from scipy.linalg import null_space

from qml_qdl.circuits import (
    AmplitudeEncoding,
    Circuit,
    State,
    WireAction,
    WireGroup,
    permutation_equivariant,
)
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.symmetry.groups import commutant_dimension, group_correlation
from qml_qdl.circuits.symmetry.induced import (
    CommutantProcessing,
    FeatureField,
    InducedField,
    SpinWeightedField,
)
from qml_qdl.circuits.symmetry.named_groups import (
    p4,
    p4m,
    quarter_turns,
    square_symmetries,
    symmetric_group,
    translations,
)
from qml_qdl.nn.symmetry.group_conv import GroupConv2d

S4 = symmetric_group(4)
NOTHING = WireGroup([WireAction.identity(4)])
PAIRS = WireGroup([WireAction([1, 0, 3, 2]), WireAction([2, 3, 0, 1])])
THREE = WireGroup([WireAction([1, 0, 2, 3]), WireAction([1, 2, 0, 3])])
RING = WireGroup([WireAction([1, 2, 3, 0])])


def in_the_plane(element: WireAction) -> Any:
    """The irrep of S₃ of two dimensions: a triangle's turns and mirrors."""
    basis = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    moved = np.zeros((3, 3))
    moved[list(element.permutation[:3]), range(3)] = 1
    return basis @ moved @ basis.T


def character_of_ring(k: int) -> Callable[[WireAction], complex]:
    """e^{2πikr/4} for r steps around the ring."""
    return lambda element: np.exp(0.5j * np.pi * k * element.permutation[0])


FIELDS = {
    "functions on points": InducedField(S4, THREE),
    "planes on points": InducedField(S4, THREE, in_the_plane),
    "ring, k = 1": InducedField(S4, RING, character_of_ring(1)),
    "ring, k = 2": InducedField(S4, RING, character_of_ring(2)),
    "functions on pairings": InducedField(S4, PAIRS),
    "regular": InducedField(S4, NOTHING),
    "trivial": InducedField(S4, S4),
}
every_field = pytest.mark.parametrize("name", FIELDS)


@every_field
def test_it_is_a_representation_on_functions_of_the_group(name: str) -> None:
    """f(gh) = ρ(h⁻¹)f(g), (Lᵤf)(g) = f(u⁻¹g), and L_u L_v = L_uv."""
    space = FIELDS[name]
    rng = np.random.default_rng(0)
    values: Any = rng.normal(size=(2, space.dimension))
    on_group = space.on_group(values)
    elements, table = space.group.elements, space.group.table
    for k, h in enumerate(space.subgroup.elements):
        rho = np.array(space.irrep)[k]
        moved = on_group[:, table[:, elements.index(h)]]
        np.testing.assert_allclose(moved @ rho.T, on_group, atol=1e-12)
    matrices = [space.matrix(u) for u in elements]
    for u, v in rng.integers(space.group.order, size=(20, 2)):
        back = elements.index(elements[u].inverse)
        np.testing.assert_allclose(
            space.on_group(values @ matrices[u].T), on_group[:, table[back]], atol=1e-12
        )
        product_ = matrices[u] @ matrices[v]
        np.testing.assert_allclose(product_, matrices[table[u, v]], atol=1e-12)
    found = [np.trace(matrix) for matrix in matrices]
    np.testing.assert_allclose(space.characters(), found, atol=1e-12)
    assert np.isrealobj(matrices[0]) == space.is_real
    assert space.points[0] == WireAction.identity(4)


def nullity(source: FeatureField, target: FeatureField, turns: Any) -> int:
    """How many matrices commute with some pairs of matrices, by linear algebra."""
    a, b = source.dimension, target.dimension
    rows = [np.kron(y, np.eye(a)) - np.kron(np.eye(b), x.T) for x, y in turns]
    return int(null_space(np.concatenate(rows)).shape[1])


def test_maps_are_all_that_commute() -> None:
    """Ten pairs and more: equivariant, orthonormal, as many as linear algebra finds."""
    checked = 0
    for (_, f), (_, t) in combinations_with_replacement(FIELDS.items(), 2):
        basis = f.maps_to(t)
        turns = [(f.matrix(g), t.matrix(g)) for g in S4.elements]
        for x, y in turns:
            np.testing.assert_allclose(y @ basis, basis @ x, atol=1e-12)
        count = np.mean([np.trace(x).conj() * np.trace(y) for x, y in turns])
        assert len(basis) == pytest.approx(count, abs=1e-9)
        gram = np.einsum("kab,lab->kl", basis, basis.conj())
        np.testing.assert_allclose(gram, np.eye(len(basis)), atol=1e-10)
        if f.dimension * t.dimension <= 200:
            generators = [(f.matrix(g), t.matrix(g)) for g in S4.generators]
            assert len(basis) == nullity(f, t, generators)
            checked += 1
        assert np.isrealobj(basis) == (f.is_real and t.is_real)
    assert checked >= 10


def test_a_broken_map_is_seen() -> None:
    """One entry of a map that commutes is changed, or ρ is another one."""
    f, t = FIELDS["planes on points"], FIELDS["ring, k = 1"]
    broken = f.maps_to(t)[0].copy()
    broken[0, 0] += 0.1
    assert max(
        np.abs(t.matrix(g) @ broken - broken @ f.matrix(g)).max() for g in S4.elements
    ) == pytest.approx(0.1, rel=0.5)
    other = InducedField(S4, RING, character_of_ring(3))
    good = f.maps_to(t)[0]
    errors = [other.matrix(g) @ good - good @ f.matrix(g) for g in S4.elements]
    assert np.abs(errors).max() > 0.1


def test_two_fields_of_sixty_numbers() -> None:
    """Functions and signs on the cosets of a swap in S₅, as counted by hand: 27."""
    group = symmetric_group(5)
    swap = WireGroup([group.generators[0]])
    f, t = InducedField(group, swap), InducedField(group, swap, [1, -1])
    basis = f.maps_to(t)
    assert basis.shape == (27, 60, 60)
    for g in group.generators:
        assert np.abs(t.matrix(g) @ basis - basis @ f.matrix(g)).max() < 1e-12


def test_groups_whose_elements_come_in_another_order() -> None:
    """The same group by other generators is the same group."""
    other = WireGroup([WireAction([3, 0, 1, 2]), WireAction([0, 2, 1, 3])])
    assert other.elements != S4.elements
    f = FIELDS["planes on points"]
    t = InducedField(other, PAIRS)
    basis = f.maps_to(t)
    assert len(basis) == len(f.maps_to(FIELDS["functions on pairings"]))
    for g in S4.elements:
        np.testing.assert_allclose(t.matrix(g) @ basis, basis @ f.matrix(g), atol=1e-12)


def test_one_element_and_one_number() -> None:
    one = WireGroup([WireAction.identity(1)])
    field = InducedField(one, one)
    np.testing.assert_allclose(np.abs(field.maps_to(field)), [[[1]]])
    doubled = InducedField(one, one, [np.eye(2)])
    assert field.maps_to(doubled).shape == (2, 2, 1)


# ---- SO(3) from SO(2) ----


@pytest.mark.parametrize(("s", "t"), [(0, 0), (0, 1), (1, 2), (-1, 1), (3, -2), (3, 0)])
def test_spin_weighted_fields(s: int, t: int) -> None:
    f, g = SpinWeightedField(s, 3), SpinWeightedField(t, 3)
    basis = f.maps_to(g)
    assert len(basis) == 3 + 1 - max(abs(s), abs(t))
    generators = list(zip(f.generators, g.generators, strict=True))
    assert len(basis) == nullity(f, g, generators[::2])
    turn = [0.3, -1.2, 0.5]
    after, before = g.matrix(turn), f.matrix(turn)
    np.testing.assert_allclose(after @ basis, basis @ before, atol=1e-12)
    flat = basis.reshape(len(basis), -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-12)
    broken = basis[0].copy()
    broken[-1, -1] += 1
    assert np.abs(after @ broken - broken @ before).max() > 0.05


def test_the_restriction_to_turns_about_the_axis_has_the_weight() -> None:
    """Frobenius: a degree is in Ind s as often as s is in the degree, which is once."""
    angle = 0.7
    for s in (-2, 0, 1):
        field = SpinWeightedField(s, 4)
        turned = np.diag(field.matrix([0, 0, angle]))
        phases = np.isclose(turned, np.exp(-1j * s * angle))
        assert phases.sum() == len(field.degrees)
    degenerate = SpinWeightedField(0, 0)
    assert degenerate == degenerate.trivial
    assert degenerate.maps_to(degenerate).tolist() == [[[1.0]]]


# ---- What the house has are instances. ----


def is_in(matrix: Any, basis: Any) -> bool:
    """Whether a matrix is a combination of a basis."""
    flat = basis.reshape(len(basis), -1)
    rest = matrix.ravel() - (flat.conj() @ matrix.ravel()) @ flat
    return float(np.abs(rest).max()) < 1e-10


def linear_map(layer: Callable[[Any], Any], shape: tuple[int, ...]) -> Any:
    """A linear function of tensors as a matrix, (outputs, inputs)."""
    size = int(np.prod(shape))
    inputs = torch.eye(size, dtype=torch.float64).reshape(size, *shape)
    return layer(inputs).detach().reshape(size, -1).T.numpy()


@pytest.mark.parametrize(("name", "make"), [("p4", p4), ("p4m", p4m)])
@pytest.mark.parametrize("lifting", [True, False])
def test_group_convolutions_are_maps_of_fields(
    name: str, make: Callable[[int], WireGroup], lifting: bool
) -> None:
    """Kernels of 3 × 3 on a torus of 3 × 3: each layer is a map, each map a layer."""
    group, middle = make(3), 4
    centre = quarter_turns(3) if name == "p4" else square_symmetries(3)
    images = InducedField(group, centre)
    maps = InducedField(group, WireGroup([WireAction.identity(9)]))
    assert len(images.maps_to(maps)) == 9
    layer: Any = GroupConv2d(
        1, 1, 3, name, padding=1, padding_mode="circular", bias=False,
        lifting=lifting, dtype=torch.float64,
    )  # fmt: skip
    order = layer.group.order
    pixels = [point.permutation[middle] for point in images.points]

    # Element number and pixel of an element u = (translation)(turn), by its images.
    def place(u: WireAction) -> int:
        probe = torch.arange(9.0).reshape(3, 3)
        for number in range(order):
            turned = layer.group.act_on_images(number, probe).flatten()
            turn = WireAction(np.argsort(turned.numpy()).tolist())
            if (u @ turn.inverse) in translations((3, 3)).elements:
                return number * 9 + u.permutation[middle]
        raise AssertionError(u)

    places = [place(u) for u in group.elements]
    assert sorted(places) == list(range(9 * order))
    shape = (1, 3, 3) if lifting else (1, order, 3, 3)
    before, columns = (images, pixels) if lifting else (maps, places)
    basis = before.maps_to(maps)
    seen = []
    for _ in range(len(basis)):
        torch.nn.init.normal_(layer.kernel.weight)
        matrix = linear_map(layer, shape)[np.ix_(places, columns)]
        assert is_in(matrix, basis)
        seen.append(matrix.ravel())
    assert np.linalg.matrix_rank(seen) == len(basis) == 9 * (1 if lifting else order)
    assert not is_in(linear_map(layer, shape), basis)  # in another order of pixels


def test_permutation_equivariant_circuits_are_maps_of_fields() -> None:
    """Strings of n bits with k ones are S_n / (S_k × S_{n−k}): block by block."""
    n = 4
    weights = np.random.default_rng(0).normal(size=(2, 3))
    matrix = qml.matrix(
        Circuit([permutation_equivariant(n, 2)]).with_readout(State()),
        wire_order=range(n),
    )(None, weights)
    total = 0
    fields, states = [], []
    for ones in range(n + 1):
        # The wires of a string with its ones first, moved by an element of a coset.
        inside = [WireAction.identity(n)]
        for i, j in ((0, ones), (ones, n)):
            for k in range(i, j - 1):
                swap = list(range(n))
                swap[k], swap[k + 1] = k + 1, k
                inside.append(WireAction(swap))
        field = InducedField(S4, WireGroup(inside))
        fields.append(field)
        states.append(
            [sum(2 ** (n - 1 - p.permutation[k]) for k in range(ones))
             for p in field.points]
        )  # fmt: skip
    assert sorted(np.concatenate(states)) == list(range(2**n))
    for (f, columns), (t, rows) in product(zip(fields, states, strict=True), repeat=2):
        basis = f.maps_to(t)
        total += len(basis)
        assert is_in(matrix[np.ix_(rows, columns)], basis)
    assert total == commutant_dimension(S4) == 35


def test_the_formula_of_lectures_is_no_map() -> None:
    """Σ f(h)ψ(g⁻¹h) commutes with translations; Σ f(h)ψ(gh) for no group but Z₂ⁿ."""
    rng = np.random.default_rng(1)
    for group, commutes in [
        (symmetric_group(3), False),
        (translations(5), False),
        (PAIRS, True),
    ]:
        identity = WireAction.identity(group.num_wires)
        regular = InducedField(group, WireGroup([identity]))
        basis = regular.maps_to(regular)
        assert len(basis) == group.order
        psi = rng.normal(size=group.order)
        assert is_in(group_correlation(np.eye(group.order), psi, group).T, basis)
        assert is_in(psi[group.table], basis) == commutes


# ---- Circuits ----


PROCESSED = [
    pytest.param(FIELDS["functions on points"], 2, 1, id="points"),
    pytest.param(FIELDS["planes on points"], 3, 2, id="planes"),
    pytest.param(FIELDS["ring, k = 1"], 4, 1, id="ring"),
    pytest.param(SpinWeightedField(1, 2), 3, 1, id="sphere"),
]


@pytest.mark.parametrize(("space", "wires", "maps"), PROCESSED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_circuits_commute_with_the_group(
    space: Any,
    wires: int,
    maps: int,
    dtype: torch.dtype,
    execute: Callable[..., torch.Tensor],
) -> None:
    processing = CommutantProcessing(wires, space, layers=2)
    assert processing.weight_shape == (2, maps)
    if isinstance(space, SpinWeightedField):
        turns = [space.matrix([0.3, 0.2, -1.0]), space.matrix([2.0, 0.0, 0.1])]
    else:
        turns = [space.matrix(g) for g in space.group.generators]
    size, rng = 2**wires, np.random.default_rng(0)
    weights = rng.normal(size=processing.weight_shape)
    circuit = Circuit([processing]).with_readout(State())
    matrix = qml.matrix(circuit, wire_order=range(wires))(None, weights)
    for turn in turns:
        whole = np.eye(size, dtype=complex)
        whole[: len(turn), : len(turn)] = turn
        np.testing.assert_allclose(matrix @ whole, whole @ matrix, atol=1e-12)
        # The other states stay apart: one phase there.
        rest = matrix[len(turn) :, len(turn) :]
        assert np.abs(matrix[: len(turn), len(turn) :]).max(initial=0) < 1e-12
        np.testing.assert_allclose(
            rest, np.eye(len(rest)) * rest.diagonal(), atol=1e-12
        )
    if not np.isrealobj(turns[0]):
        return  # states that AmplitudeEncoding prepares are real
    encoding = AmplitudeEncoding(wires)
    network = (processing @ encoding).with_readout(State())
    signal: Any = np.pad(rng.normal(size=len(turns[0])), (0, size - len(turns[0])))
    theta = torch.tensor(weights, dtype=dtype)
    found = execute(network, torch.tensor(signal, dtype=dtype), theta)
    for turn in turns:
        turned = signal.copy()
        turned[: len(turn)] = turn @ signal[: len(turn)]
        after = execute(network, torch.tensor(turned, dtype=dtype), theta)
        expected = found.clone()
        matrix_of_turn = torch.tensor(turn, dtype=found.dtype)
        expected[: len(turn)] = matrix_of_turn @ found[: len(turn)]
        overlap = torch.vdot(expected, after)  # states are known up to a phase
        tolerance = 1e-5 if dtype == torch.float32 else 1e-12
        assert (after - expected * overlap / overlap.abs()).abs().max() < tolerance


def test_values(rebuild: Callable[[object], Any]) -> None:
    for space in (FIELDS["planes on points"], SpinWeightedField(-1, 2)):
        for copy in (rebuild(space), pickle.loads(pickle.dumps(space))):
            assert copy == space
            assert hash(copy) == hash(space)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: InducedField(RING, THREE),
            r"subgroup: 5 of its 6 elements are none of the group, such as WireAction",
        ),
        (
            lambda: WireGroup.from_elements([WireAction([1, 2, 0])]),
            r"elements: the identity is missing",
        ),
        (
            lambda: InducedField(S4, RING, [1, -1]),
            r"irrep: expected 4 matrices of one size, .* got 2 of the sizes \[1\]; an",
        ),
        (
            lambda: InducedField(S4, THREE, range(6)),
            r"irrep: expected a representation, but .* differ by 2.3e\+01; give the",
        ),
        (
            lambda: InducedField(S4, THREE, lambda g: np.diag([1, 0])),
            r"irrep: expected unitary matrices, but .* differ by 1.0e\+00; choose",
        ),
        (
            lambda: InducedField(S4, THREE, [[1, 2]] * 6),
            r"irrep: expected a square matrix, or a number, for each element",
        ),
        (
            lambda: InducedField(S4, THREE, "sign"),
            r"irrep: expected a matrix, or a number, for each element .* got 'sign'",
        ),
        (
            lambda: InducedField(S4, [0, 1]),  # type: ignore[arg-type]
            r"subgroup: expected",
        ),
        (
            lambda: FIELDS["regular"].maps_to(InducedField(RING, RING)),
            r"target: expected a field of the same group of 24 elements, got Induced",
        ),
        (
            lambda: FIELDS["regular"].maps_to(SpinWeightedField(0, 1)),
            r"target: expected a field of the same group of 24 elements, got SpinW",
        ),
        (
            lambda: SpinWeightedField(0, 1).maps_to(FIELDS["regular"]),
            r"target: expected a field on the sphere, got InducedField",
        ),
        (
            lambda: FIELDS["regular"].matrix(WireAction([1, 0])),
            r"element: .* is none of the 24 of the group",
        ),
        (
            lambda: FIELDS["regular"].on_group(np.zeros(3)),
            r"values: expected \(\.\.\., 24\), got \(3,\)",
        ),
        (
            lambda: InducedField(symmetric_group(6), WireGroup([WireAction(range(6))])),
            r"subgroup: a table of where 720 elements carry 720 points has 518",
        ),
        (
            lambda: SpinWeightedField(2, 1),
            r"lmax: expected at least 2, got 1",
        ),
        (
            lambda: SpinWeightedField(0, 1).matrix([1, 2]),
            r"turn: expected three real numbers",
        ),
        (
            lambda: CommutantProcessing(4, FIELDS["regular"]),
            r"wires: a field of 24 numbers needs 5 wires or more, .* got 4",
        ),
        (
            lambda: CommutantProcessing(7, FIELDS["regular"]),
            r"wires: a field of 24 numbers .* and at most 6 are done exactly, got 7",
        ),
        (
            lambda: CommutantProcessing(1, FIELDS["trivial"]),
            r"field: it is irreducible, and only phases commute with the group",
        ),
        (
            lambda: CommutantProcessing(2, 3),  # type: ignore[arg-type]
            r"field: expected",
        ),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
