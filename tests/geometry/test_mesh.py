"""Mesh convolutions: no frame, rotation or name matters; broken ones fail."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from qml_qdl.data.meshes import Mesh, Neighbours, ellipsoid, icosphere, torus
from qml_qdl.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.geometry import FieldLinear, FieldType, MeshConv, QuantumMeshConv

BEFORE = FieldType({-3: 1, 0: 1, 1: 2, 2: 1})
AFTER = FieldType({-1: 2, 0: 2, 1: 1, 2: 1})
MESHES = {"sphere": icosphere(1), "torus": torus(around=8, across=5)}
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5}

LAYERS: dict[str, Callable[..., Any]] = {
    "conv": lambda mesh, **k: MeshConv(mesh, BEFORE, AFTER, **k),
    "rings": lambda mesh, **k: MeshConv(mesh, BEFORE, AFTER, rings=2, radial=3, **k),
    "quantum": lambda mesh, **k: QuantumMeshConv(mesh, BEFORE, AFTER, **k),
    "quantum-negative": lambda mesh, **k: QuantumMeshConv(
        mesh, BEFORE, AFTER, charges=(2, 1, -1), layers=1, **k
    ),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
every_mesh = pytest.mark.parametrize("mesh", MESHES.values(), ids=MESHES)
both_types = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)


def fields(kind: FieldType, mesh: Mesh, dtype: torch.dtype, rows: int = 3) -> Tensor:
    shape = (rows, kind.size, mesh.num_vertices)
    generator = torch.Generator().manual_seed(1)
    found = torch.randn(shape, dtype=torch.complex128, generator=generator)
    return found.to(dtype.to_complex())


def angles(mesh: Mesh) -> Any:
    return np.random.default_rng(2).uniform(-9, 9, mesh.num_vertices)


def turned(kind: FieldType, values: Tensor, turns: Any) -> Tensor:
    """Components in frames that are turned: order m times exp(−imα)."""
    phases = torch.exp(-1j * torch.tensor(kind.orders)[:, None] * torch.tensor(turns))
    return values * phases.to(values.dtype)


def change(layer: Any, mesh: Mesh, dtype: torch.dtype = torch.float64) -> float:
    """By how much random frames, and a rotation, change what comes out."""
    z, turns = fields(layer.in_type, mesh, dtype), angles(mesh)
    rotation = Rotation.random(random_state=0).as_matrix()
    layer.put_on(mesh)
    expected = turned(layer.out_type, layer(z), turns)
    layer.put_on(mesh.with_turned_frames(turns).rotated(rotation))
    found = layer(turned(layer.in_type, z, turns))
    assert found.dtype == dtype.to_complex()
    return float((found - expected).abs().max().detach())


@both_types
@every_mesh
@every_layer
def test_frames_and_rotations(
    make: Callable[..., Any], mesh: Mesh, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    layer = make(mesh, dtype=dtype)
    with torch.no_grad():  # a bias is zero at first
        for weight in layer.parameters():
            weight += 0.1 * torch.randn_like(weight)
    assert change(layer, mesh, dtype) < TOLERANCE[dtype]


@every_layer
def test_double_after_single_has_all_digits(make: Callable[..., Any]) -> None:
    mesh = MESHES["torus"]
    assert change(make(mesh).double(), mesh) < 1e-12


@every_layer
def test_names_of_vertices(make: Callable[..., Any]) -> None:
    mesh = MESHES["torus"]
    layer = make(mesh, dtype=torch.float64)
    z = fields(BEFORE, mesh, torch.float64)
    order = np.random.default_rng(0).permutation(mesh.num_vertices)
    expected = layer(z)[..., order]
    layer.put_on(mesh.relabelled(order))
    torch.testing.assert_close(layer(z[..., order]), expected)


def test_symmetries_of_a_mesh() -> None:
    """A turn by 45° takes a torus of eight segments to itself, and fields along."""
    mesh = MESHES["torus"]
    size, across = mesh.num_vertices, 5
    turn = Rotation.from_rotvec([0, 0, np.pi / 4]).as_matrix()
    onto = (np.arange(size) + across) % size  # where a vertex goes
    vectors = np.random.default_rng(0).normal(size=(size, 3))
    moved = np.empty_like(vectors)
    moved[onto] = vectors @ turn.T
    layer = MeshConv(mesh, FieldType({1: 1}), FieldType({1: 1}), dtype=torch.float64)

    def convolved(field: Any) -> Any:
        z = torch.tensor(mesh.components(field))[None, None]
        return mesh.vectors(layer(z)[0, 0].detach().numpy())

    assert np.allclose(convolved(moved)[onto], convolved(vectors) @ turn.T, atol=1e-12)


def broken(mesh: Mesh, **parts: Any) -> Any:
    """A mesh whose neighbours are other ones than they are."""

    class Broken(Mesh):
        def neighbours(self, rings: int = 1) -> Neighbours:
            found = Mesh.neighbours(self, rings)
            return evolve(found, **{name: made(found) for name, made in parts.items()})

        def with_turned_frames(self, angles: Any) -> Mesh:
            made: Mesh = broken(Mesh.with_turned_frames(self, angles), **parts)
            return made

        def rotated(self, rotation: Any) -> Mesh:
            made: Mesh = broken(Mesh.rotated(self, rotation), **parts)
            return made

    return Broken(mesh.vertices, mesh.faces, mesh.frames)


@pytest.mark.parametrize("make", [LAYERS["conv"], LAYERS["quantum"]])
def test_broken_versions_fail(make: Callable[..., Any]) -> None:
    """No transport, transport backwards, directions that are not the frame's."""
    mesh = MESHES["torus"]
    layer = make(mesh, dtype=torch.float64)
    assert change(layer, broken(mesh)) < 1e-12
    for parts in (
        {"transports": lambda found: 0 * found.transports},
        {"transports": lambda found: -found.transports},
        {"angles": lambda found: 0 * found.angles},
    ):
        assert change(layer, broken(mesh, **parts)) > 0.01


@pytest.mark.parametrize("make", [LAYERS["conv"], LAYERS["quantum"]])
def test_wrong_orders_fail(make: Callable[..., Any]) -> None:
    mesh = MESHES["sphere"]
    layer = make(mesh, dtype=torch.float64)
    assert change(layer, mesh) < 1e-12
    right = layer.in_type, layer.out_type
    layer.in_type = FieldType({-3: 1, 0: 1, 1: 3})  # one of 2 taken for one of 1
    assert change(layer, mesh) > 0.01
    layer.in_type, layer.out_type = right[0], FieldType({-1: 2, 0: 3, 1: 1})
    assert change(layer, mesh) > 0.01


def reference(layer: MeshConv, z: Tensor) -> Tensor:
    """Neighbour by neighbour, with vectors carried in space by rotations."""
    mesh, kind = layer.mesh, layer.in_type
    orders = [*kind.orders, *(-m for m in kind.orders)]
    ranked = [
        c for m in dict.fromkeys(orders) for c in range(len(orders)) if orders[c] == m
    ]
    both = torch.cat([z, z.conj()], 1).numpy()
    weight = torch.view_as_complex(layer.weight).detach().numpy()
    found = layer.here(z).detach().numpy().copy()
    for p in range(mesh.num_vertices):
        near = [
            q
            for q in range(mesh.num_vertices)
            if [min(p, q), max(p, q)] in mesh.edges.tolist()
        ]
        total = sum(mesh.areas[q] for q in near)
        for q in near:
            away = mesh.vertices[q] - mesh.vertices[p]
            length = np.linalg.norm(away)
            theta = np.angle(mesh.frames[p] @ away @ [1, 1j])
            axis = np.cross(mesh.normals[q], mesh.normals[p])
            angle = np.arctan2(np.linalg.norm(axis), mesh.normals[q] @ mesh.normals[p])
            turn = Rotation.from_rotvec(axis / (np.linalg.norm(axis) or 1) * angle)
            g = np.angle(
                mesh.frames[p] @ turn.apply(mesh.frames[q, 0].copy()) @ [1, 1j]
            )
            for o, out in enumerate(layer.out_type.orders):
                for k in range(layer.radial):
                    gap = length / layer.scale - (k + 1) / layer.radial
                    bump = np.exp(-((gap * layer.radial) ** 2)) * mesh.areas[q] / total
                    for c, channel in enumerate(ranked):
                        m = orders[channel]
                        phase = np.exp(1j * (out - m) * theta)
                        step = both[:, channel, q] * np.exp(1j * m * g)
                        step = step - both[:, channel, p]
                        found[:, o, p] += weight[o, k, c] * bump * phase * step
    return torch.tensor(found)


def test_it_is_its_formula() -> None:
    mesh = ellipsoid((1.0, 1.3, 0.8), 0)
    layer = MeshConv(mesh, BEFORE, AFTER, dtype=torch.float64)
    z = fields(BEFORE, mesh, torch.float64, rows=2)
    torch.testing.assert_close(layer(z), reference(layer, z), rtol=1e-10, atol=1e-10)


def test_harmonics_are_derivatives() -> None:
    """On a fine sphere the gathered orders 0 and 2 of a vector field are ∂u and ∂̄u.

    Of the gradient of z these are −z and 0, of the field n × it divergence is 0 and
    curl −2z: i times the first.
    """
    mesh = icosphere(4)
    layer = MeshConv(
        mesh, FieldType({1: 1}), FieldType({0: 1, 2: 1}), radial=1, dtype=torch.float64
    )
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        layer.weight[..., 0, 0] = 1  # of the field, and none of its conjugate
    up = mesh.vertices[:, 2]
    slope = np.array([0, 0, 1.0]) - up[:, None] * mesh.vertices
    for field, factor in ((slope, 1), (np.cross(mesh.vertices, slope), 1j)):
        z = torch.tensor(mesh.components(field))[None, None]
        even, strain = layer(z).detach().numpy()[0]
        # Averages of r exp(−iθ) ∂ᵣu over the neighbours: r(∂u), bumps near 1.
        off = np.abs(up) > 0.2
        scale = (even[off] / (factor * up[off])).mean()
        assert scale.real < 0
        assert np.abs(even - scale * factor * up).max() < 0.1 * abs(scale)
        assert np.abs(strain).max() < 0.15 * abs(scale)


def test_linear_maps_are_all_there_are() -> None:
    """As many as the real matrices that commute with all turns."""
    before, after = FieldType({-1: 1, 0: 1, 1: 1, 2: 1}), FieldType({0: 1, 1: 1, -2: 1})

    def real(kind: FieldType, angle: float) -> Any:
        blocks = [
            np.array(
                [
                    [np.cos(m * angle), -np.sin(m * angle)],
                    [np.sin(m * angle), np.cos(m * angle)],
                ]
            )
            for m in kind.orders
        ]
        size = 2 * len(blocks)
        matrix = np.zeros((size, size))
        for k, block in enumerate(blocks):
            matrix[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = block
        return matrix

    one, two = real(before, 1.0), real(after, 1.0)
    equations = np.kron(np.eye(len(two)), one.T) - np.kron(two, np.eye(len(one)))
    free = equations.shape[1] - np.linalg.matrix_rank(equations)
    layer = FieldLinear(before, after, bias=False)
    assert sum(weight.numel() for weight in layer.parameters()) == free


@every_layer
def test_rows_gradients_and_copies(make: Callable[..., Any]) -> None:
    mesh = MESHES["sphere"]
    layer = make(mesh, dtype=torch.float64)
    for rows in (0, 1, 4):
        z = fields(BEFORE, mesh, torch.float64, rows).requires_grad_()
        assert layer(z).shape == (rows, AFTER.size, mesh.num_vertices)
    torch.autograd.backward([layer(z).abs().square().sum()])
    assert z.grad is not None
    assert z.grad.abs().min() > 0
    for name, weight in layer.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().max() > 1e-9, name
    fresh = make(mesh, dtype=torch.float64)
    fresh.load_state_dict(layer.state_dict())
    for same in (fresh, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(same(z), layer(z))
    blank = layer(0 * z.detach())  # no field at all is none that is not a number
    assert bool(torch.isfinite(blank).all())


def test_numbers_of_order_0_may_be_real() -> None:
    mesh = MESHES["sphere"]
    layer = MeshConv(mesh, FieldType({0: 2}), FieldType({0: 1, 1: 1}))
    x = torch.rand(3, 2, mesh.num_vertices)
    torch.testing.assert_close(layer(x), layer(x + 0j))
    torch.testing.assert_close(layer.here(x), layer.here(x + 0j))


def test_seeds_fix_the_weights() -> None:
    mesh = MESHES["sphere"]
    one, other = (
        MeshConv(mesh, BEFORE, AFTER, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    )
    quantum: list[nn.Module] = [
        QuantumMeshConv(mesh, BEFORE, AFTER, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    ]
    for pair in ([one, other], quantum):
        for first, second in zip(*(each.parameters() for each in pair), strict=True):
            assert torch.equal(first, second)


def test_what_cannot_be() -> None:
    mesh = MESHES["sphere"]
    layer = MeshConv(mesh, BEFORE, AFTER)
    with pytest.raises(ShapeError, match=r"\(rows, 5, 42\), a number at each place"):
        layer(torch.randn(3, 5, 41, dtype=torch.complex64))
    with pytest.raises(ArgumentTypeError, match="complex numbers"):
        layer(torch.randn(3, 5, 42))
    with pytest.raises(ShapeError, match="a number at each place"):
        layer.here(torch.randn(3, 4, 42, dtype=torch.complex64))
    for options, message in (
        ({"rings": 0}, "rings: expected at least 1"),
        ({"radial": 0}, "radial: expected at least 1"),
        ({"scale": 0.0}, "scale: expected a number above 0"),
    ):
        with pytest.raises(ArgumentError, match=message):
            MeshConv(mesh, BEFORE, AFTER, **options)
    with pytest.raises(ArgumentError, match=r"no word on the charges \[1, 2\] has the"):
        QuantumMeshConv(mesh, BEFORE, FieldType({5: 1}), charges=(1, 2))
    with pytest.raises(ArgumentError, match="layers: expected at least 1"):
        QuantumMeshConv(mesh, BEFORE, AFTER, layers=0)
