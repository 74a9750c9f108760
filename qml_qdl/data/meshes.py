"""Closed surfaces of triangles, with a frame in the tangent plane of each vertex."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import evolve, field, frozen

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.circuits.validation import (
    check_count,
    check_number,
    shape_of,
    validate_call,
)
from qml_qdl.data.dataset import as_array

Doubles = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]
Indices = npt.NDArray[np.int64]

MOST_SUBDIVISIONS = 7
"""An icosphere of so many subdivisions has 163,842 vertices."""

_TOLERANCE = 1e-6
"""How far given frames may be from orthonormal ones: float32 keeps seven digits."""

_GOLDEN = (1 + 5**0.5) / 2
_ICOSAHEDRON = tuple(
    point
    for one in (-1.0, 1.0)
    for other in (-_GOLDEN, _GOLDEN)
    for point in ((0.0, one, other), (one, other, 0.0), (other, 0.0, one))
)


def finite_array(name: str, values: Any, *shape: int | None) -> Doubles:
    """Checks that numbers are real, finite and of a shape.

    Args:
        name: What an error calls them.
        values: An array, a tensor or nested sequences.
        *shape: The sizes; None for any.

    Returns:
        A copy in double precision that cannot be written to.

    Raises:
        DataError: They are not.
    """
    array = as_array(name, values)
    fits = len(array.shape) == len(shape) and all(
        want in (None, size) for want, size in zip(shape, array.shape, strict=True)
    )
    if array.dtype.kind not in "iuf" or not fits or not np.isfinite(array).all():
        sizes = ", ".join("n" if size is None else str(size) for size in shape)
        raise DataError(
            f"{name}: expected finite numbers ({sizes}), got an array of "
            f"{array.dtype} with shape {array.shape}"
            + ("" if not fits or array.dtype.kind not in "iuf" else ", not all finite")
        )
    return _kept(array, np.float64)


def _kept(array: npt.NDArray[Any], dtype: Any) -> npt.NDArray[Any]:
    own = np.array(array, dtype=dtype, order="C")
    own.setflags(write=False)
    return own


def _as_vertices(vertices: Any) -> Doubles:
    return finite_array("vertices", vertices, None, 3)


def _as_faces(faces: Any) -> Indices:
    array = as_array("faces", faces)
    if array.dtype.kind not in "iu" or array.ndim != 2 or array.shape[1:] != (3,):
        raise DataError(
            "faces: expected whole numbers (faces, 3), the vertices of each triangle, "
            f"got an array of {array.dtype} with shape {array.shape}; cut larger "
            "polygons into triangles"
        )
    return _kept(array, np.int64)


def _as_frames(frames: Any) -> Doubles | None:
    return None if frames is None else finite_array("frames", frames, None, 2, 3)


@frozen(eq=False)
class Neighbours:
    """The neighbours of all vertices, as seen from each vertex.

    Args:
        places: The neighbours' numbers (vertices, most), padded with the vertex itself.
        present: Which of them there are (vertices, most); the others are padding.
        lengths: The distance to each (vertices, most), 0 of padding.
        angles: The direction to each (vertices, most), in radians from the first
            towards the second vector of the vertex's frame; 0 of padding.
        transports: By how much a vector turns, in radians, that is carried from the
            neighbour to the vertex, as each frame has it (vertices, most): components
            z there are exp(i·transport) z here; 0 of padding.
    """

    places: Indices
    present: npt.NDArray[np.bool_]
    lengths: Doubles
    angles: Doubles
    transports: Doubles


@validate_call
@frozen(eq=False, slots=False)
class Mesh:
    """A closed surface of triangles with a frame (two unit vectors) at each vertex.

    A tangent vector v is the complex number z = v·e₁ + i v·e₂ in its vertex's frame
    (e₁, e₂). A frame that is turned by α makes e^{−iα}z of it; a field of order m is
    what then becomes e^{−imα} times itself: order 0 are numbers, 1 vectors, 2 axes
    with two signs, as of strain. Directions and parallel transport of neighbours are
    those of de Haan et al. 2020 (arXiv:2003.05425).

    Args:
        vertices: Positions (vertices, 3).
        faces: The three vertices of each triangle (faces, 3), counter-clockwise as seen
            from outside; each edge belongs to two triangles, which pass it in opposite
            directions, and the triangles around a vertex are one fan.
        frames: e₁ and e₂ of each vertex (vertices, 2, 3), orthonormal and
            perpendicular to `normals`, with e₁ × e₂ along the normal; None makes some.

    Raises:
        DataError: The surface has a hole, a flipped, repeated or degenerate triangle,
            more than two triangles at an edge or fans at a vertex, a vertex without
            triangles; or frames are not as above. A surface with a rim is refused,
            too: at its rim neither neighbourhood nor normal is whole.

    Example:
        >>> sphere = icosphere(2)
        >>> sphere
        Mesh(162 vertices, 320 faces)
        >>> round(sphere.angle_deficits.sum() / np.pi, 9)  # 2χ, and χ = 2
        np.float64(4.0)
    """

    vertices: Doubles = field(converter=_as_vertices)
    faces: Indices = field(converter=_as_faces)
    frames: Doubles = field(default=None, converter=_as_frames)

    def __attrs_post_init__(self) -> None:
        _check_surface(self.vertices, self.faces)
        normals = self.normals  # which are checked
        frames: Doubles | None = self.frames
        if frames is None:
            object.__setattr__(self, "frames", _some_frames(normals))
        else:
            _check_frames(frames, normals)

    def __repr__(self) -> str:
        return f"Mesh({len(self.vertices)} vertices, {len(self.faces)} faces)"

    @property
    def num_vertices(self) -> int:
        """Number of vertices."""
        return len(self.vertices)

    @cached_property
    def edges(self) -> Indices:
        """Pairs of vertices (edges, 2), the smaller number first, sorted."""
        sorted_pairs = np.sort(_sides(self.faces), axis=1)
        return _kept(np.unique(sorted_pairs, axis=0), np.int64)

    @property
    def euler_characteristic(self) -> int:
        """Vertices − edges + faces, χ, which is 2 of a sphere and 0 of a torus."""
        return len(self.vertices) - len(self.edges) + len(self.faces)

    @cached_property
    def mean_edge(self) -> float:
        """Mean length of the edges."""
        ends = self.vertices[self.edges]
        return float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).mean())

    @cached_property
    def normals(self) -> Doubles:
        """Unit normals (vertices, 3), exact on any mesh of a sphere.

        Those of the triangles around, with the weights of Max 1999 (J. Graphics Tools
        4, 1): the cross product of two sides, divided by the squares of both.
        """
        corners = self.vertices[self.faces]
        ahead = np.roll(corners, -1, axis=1) - corners
        behind = np.roll(corners, 1, axis=1) - corners
        squares = (ahead**2).sum(-1) * (behind**2).sum(-1)
        summed = np.zeros_like(self.vertices)
        shares = np.cross(ahead, behind) / squares[..., None]
        np.add.at(summed, self.faces, shares * self.mean_edge**2)
        lengths = np.linalg.norm(summed, axis=1)
        flat = lengths <= 1e-12
        if flat.any():
            raise DataError(
                f"faces: expected triangles that agree where outside is, but those "
                f"around vertex {int(np.argmax(flat))} cancel; move it, or smooth the "
                "surface"
            )
        return _kept(summed / lengths[:, None], np.float64)

    @cached_property
    def areas(self) -> Doubles:
        """A third of the area of the triangles around each vertex (vertices,)."""
        doubled = np.linalg.norm(_face_normals(self.vertices, self.faces), axis=1)
        found = np.zeros(len(self.vertices))
        np.add.at(found, self.faces, doubled[:, None] / 6)
        return _kept(found, np.float64)

    @cached_property
    def angle_deficits(self) -> Doubles:
        """2π less the angles of the triangles around each vertex (vertices,).

        The integral of the surface's curvature there; all together are 2πχ (Descartes).
        """
        corners = self.vertices[self.faces]
        ahead = np.roll(corners, -1, axis=1) - corners
        behind = np.roll(corners, 1, axis=1) - corners
        sines = np.linalg.norm(np.cross(ahead, behind), axis=-1)
        angles = np.arctan2(sines, (ahead * behind).sum(-1))
        found = np.full(len(self.vertices), 2 * np.pi)
        np.subtract.at(found, self.faces, angles)
        return _kept(found, np.float64)

    @cached_property
    def face_holonomies(self) -> Doubles:
        """By how much a vector turns that is carried around each triangle (faces,).

        In radians, −π to π, counter-clockwise around the triangle and so seen. It does
        not depend on frames: it is the area on the unit sphere between the normals of
        the three vertices, and all together are 2πχ (Gauss and Bonnet) as long as no
        triangle turns a vector by more than π.
        """
        from_, to = _sides(self.faces).T
        turns = self._transports(from_, to).reshape(3, -1).sum(0)
        return _kept(np.angle(np.exp(1j * turns)), np.float64)

    def neighbours(self, rings: int = 1) -> Neighbours:
        """The vertices around each vertex, with directions and parallel transport.

        The direction of a neighbour is that of its position, projected onto the tangent
        plane; its length stays that of the straight line (de Haan et al. 2020). A
        vector is carried by the rotation that takes the neighbour's normal to the
        vertex's along the shortest way.

        Args:
            rings: How many edges away neighbours may be, 1 or more.

        Returns:
            All neighbours, padded to the largest number that a vertex has.

        Raises:
            ArgumentError: `rings` is below 1.
            DataError: A neighbour lies straight above or below a vertex, or has the
                opposite normal: no direction or no rotation is then the shortest.

        Example:
            >>> found = icosphere(1).neighbours()
            >>> found.places.shape, found.present.sum(1).min()
            ((42, 6), np.int64(5))
        """
        from scipy.sparse import coo_array, eye_array

        check_count("rings", rings)
        count = len(self.vertices)
        ends = self.edges.T
        once = coo_array((np.ones(len(ends[0]), bool), ends), (count, count))
        step = (once + once.T + eye_array(count, dtype=bool)).tocsr()
        near = step
        for _ in range(min(rings, count) - 1):
            near = (near @ step).astype(bool)
        near = near.tocoo()
        here, there = near.row.astype(np.int64), near.col.astype(np.int64)
        order = np.lexsort((there, here))
        order = order[here[order] != there[order]]
        here, there = here[order], there[order]
        counts = np.bincount(here, minlength=count)
        slots = np.arange(len(here)) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = (count, int(counts.max()))
        places = np.repeat(np.arange(count)[:, None], shape[1], axis=1)
        places[here, slots] = there
        present = np.arange(shape[1]) < counts[:, None]
        lengths, angles, transports = (np.zeros(shape) for _ in range(3))
        transports[here, slots] = self._transports(there, here)
        lengths[here, slots], angles[here, slots] = self._logarithms(here, there)
        return Neighbours(places, present, lengths, angles, transports)

    def _logarithms(self, here: Indices, there: Indices) -> tuple[Doubles, Doubles]:
        """Length and direction of places as seen from others."""
        away = self.vertices[there] - self.vertices[here]
        lengths = np.linalg.norm(away, axis=1)
        across = np.einsum("eax,ex->ea", self.frames[here], away)
        lost = np.linalg.norm(across, axis=1) <= 1e-9 * lengths
        if lost.any():
            one = int(np.argmax(lost))
            raise DataError(
                f"vertices: vertex {there[one]} lies straight above or below vertex "
                f"{here[one]}, so that it has no direction; move it, smooth the "
                "surface, or take fewer rings"
            )
        return lengths, np.arctan2(across[:, 1], across[:, 0])

    def _transports(self, from_: Indices, to: Indices) -> Doubles:
        """Angles by which components turn on the way from places to others.

        The shortest rotation of a onto b takes v ⊥ a to v − (b·v)(a + b)/(1 + a·b): it
        leaves a × b alone, and a vector of the plane of a and b turns with a.
        """
        a, b = self.normals[from_], self.normals[to]
        cosines = (a * b).sum(1)
        opposite = cosines < -1 + 1e-9
        if opposite.any():
            one = int(np.argmax(opposite))
            raise DataError(
                f"vertices: the normals of vertices {from_[one]} and {to[one]} are "
                "opposite, so that no way from one to the other is the shortest; "
                "refine the surface there, or take fewer rings"
            )
        first = self.frames[from_, 0]
        share = (b * first).sum(1) / (1 + cosines)
        carried = first - share[:, None] * (a + b)
        across = np.einsum("eax,ex->ea", self.frames[to], carried)
        turns: Doubles = np.arctan2(across[:, 1], across[:, 0])
        return turns

    def components(self, vectors: Any) -> Complexes:
        """Tangent vectors as complex numbers in the frames.

        Args:
            vectors: Vectors (..., vertices, 3); what they have along the normals is
                left out.

        Returns:
            Complex numbers (..., vertices).

        Raises:
            ShapeError: The vectors have another shape.

        Example:
            >>> mesh = icosphere(0)
            >>> mesh.components(mesh.frames[:, 1]).round(9)[:2]
            array([0.+1.j, 0.+1.j])
        """
        found = np.asarray(vectors)
        self._check_shape("vectors", found, (self.num_vertices, 3))
        parts = np.einsum("vax,...vx->...va", self.frames, found)
        return np.asarray(parts[..., 0] + 1j * parts[..., 1])

    def vectors(self, components: Any) -> Doubles:
        """Complex numbers in the frames as tangent vectors in space.

        Args:
            components: Complex numbers (..., vertices), of order 1.

        Returns:
            Vectors (..., vertices, 3).

        Raises:
            ShapeError: The components have another shape.
        """
        found = np.asarray(components)
        self._check_shape("components", found, (self.num_vertices,))
        parts = np.stack([found.real, found.imag], axis=-1)
        return np.asarray(np.einsum("vax,...va->...vx", self.frames, parts))

    def _check_shape(self, name: str, array: Any, wanted: tuple[int, ...]) -> None:
        shape = shape_of(name, array)
        if array.dtype.kind not in "iufc" or shape[-len(wanted) :] != wanted:
            sizes = ", ".join(map(str, wanted))
            raise ShapeError(
                f"{name}: expected numbers (..., {sizes}), got an array of "
                f"{array.dtype} with shape {shape}"
            )

    def with_turned_frames(self, angles: Any) -> Mesh:
        """The same surface in other frames.

        Args:
            angles: By how much each frame is turned (vertices,), in radians; what has
                order m becomes exp(−im·angle) times itself.

        Returns:
            A new mesh.

        Raises:
            DataError: There is not one finite angle for each vertex.
        """
        turns = finite_array("angles", angles, self.num_vertices)[:, None]
        first, second = self.frames[:, 0], self.frames[:, 1]
        cosines, sines = np.cos(turns), np.sin(turns)
        turned = [cosines * first + sines * second, cosines * second - sines * first]
        return evolve(self, frames=np.stack(turned, axis=1))

    def rotated(self, rotation: Any) -> Mesh:
        """The surface and its frames, rotated in space.

        Args:
            rotation: An orthogonal matrix (3, 3) of determinant 1.

        Returns:
            A new mesh, in whose frames the components of rotated fields are what they
            were.

        Raises:
            DataError: The matrix is no rotation.

        Example:
            >>> mesh = icosphere(0)
            >>> turned = mesh.rotated([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
            >>> np.allclose(turned.neighbours().angles, mesh.neighbours().angles)
            True
        """
        matrix = finite_array("rotation", rotation, 3, 3)
        off = np.abs(matrix @ matrix.T - np.eye(3)).max()
        if off > _TOLERANCE or np.linalg.det(matrix) < 0:
            raise DataError(
                "rotation: expected an orthogonal matrix of determinant 1, got one of "
                f"{np.linalg.det(matrix):.3g} whose product with its transpose is off "
                f"by {off:.1e}; scipy.spatial.transform.Rotation makes some"
            )
        return evolve(
            self, vertices=self.vertices @ matrix.T, frames=self.frames @ matrix.T
        )

    def relabelled(self, order: Any) -> Mesh:
        """The same surface with its vertices in another order.

        Args:
            order: The old number of each new vertex (vertices,), each once.

        Returns:
            A new mesh; a field f becomes f[..., order].

        Raises:
            DataError: The order has a vertex twice or not at all.
        """
        numbers = np.asarray(order)
        if not np.array_equal(np.sort(numbers, None), np.arange(self.num_vertices)):
            raise DataError(
                f"order: expected each of the numbers 0 … {self.num_vertices - 1} "
                f"once, got {order!r}; np.random.default_rng().permutation makes one"
            )
        return evolve(
            self,
            vertices=self.vertices[numbers],
            faces=np.argsort(numbers)[self.faces],
            frames=self.frames[numbers],
        )


def _sides(faces: Indices) -> Indices:
    """The directed sides of triangles (3·faces, 2), first all first ones."""
    pairs = [faces[:, [side, (side + 1) % 3]] for side in range(3)]
    return np.concatenate(pairs)


def _face_normals(vertices: Doubles, faces: Indices) -> Doubles:
    """Normals of triangles (faces, 3), twice their area long."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    return np.asarray(np.cross(b - a, c - a))


def _check_surface(vertices: Doubles, faces: Indices) -> None:
    count = len(vertices)
    if not len(faces):
        raise DataError(
            "faces: expected the triangles of a closed surface, four or more, got none"
        )
    outside = (faces < 0) | (faces >= count)
    if outside.any():
        raise DataError(
            f"faces: expected numbers of vertices 0 … {count - 1}, got "
            f"{faces[outside][0]} in face {int(np.argmax(outside.any(1)))}; count "
            "vertices from 0"
        )
    unused = np.bincount(faces.ravel(), minlength=count) == 0
    if unused.any():
        raise DataError(
            f"vertices: expected triangles at each, got none at vertex "
            f"{int(np.argmax(unused))}; leave it out"
        )
    corners = vertices[faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).max(1)
    doubled = np.linalg.norm(_face_normals(vertices, faces), axis=1)
    thin = doubled <= 1e-9 * longest**2
    if thin.any():
        face = int(np.argmax(thin))
        raise DataError(
            f"faces: expected triangles with an area, got face {face}, "
            f"{faces[face].tolist()}, degenerate; merge vertices that coincide, and "
            "leave such faces out"
        )
    sides = _sides(faces)
    codes, first, counts = np.unique(
        sides @ [count, 1], return_index=True, return_counts=True
    )
    both = np.sort(sides, axis=1) @ [count, 1]
    for side in first[counts > 1][:1]:
        a, b = sides[side].tolist()
        if (both == both[side]).sum() == 2:
            one, other = (np.flatnonzero(both == both[side]) % len(faces)).tolist()
            raise DataError(
                f"faces: faces {one} and {other} both pass from vertex {a} to {b}, so "
                "one is flipped; reverse the order of its vertices"
            )
        raise DataError(
            f"faces: expected two at each edge, got {(both == both[side]).sum()} at "
            f"that of the vertices {a} and {b}; cut the surface there, and leave "
            "repeated faces out"
        )
    alone = ~np.isin(sides[:, ::-1] @ [count, 1], codes)
    if alone.any():
        a, b = sides[int(np.argmax(alone))].tolist()
        raise DataError(
            f"faces: the surface has a hole: one face alone is at the edge of vertices "
            f"{a} and {b} ({int(alone.sum())} such edges); fill it with triangles"
        )
    _check_fans(faces, sides, count)


def _check_fans(faces: Indices, sides: Indices, count: int) -> None:
    """Whether one can go from each triangle of a vertex to all others of it, by edges.

    Corners are joined that two triangles have side by side at a vertex; then as many
    sets of corners hang together as there are vertices, or more.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(faces)
    corner = np.arange(3 * size)
    after = (corner + size) % (3 * size)  # that of a side's second vertex
    order = np.argsort(sides @ [count, 1])
    codes = (sides @ [count, 1])[order]
    twin = order[np.searchsorted(codes, sides[:, ::-1] @ [count, 1])]
    joined = coo_array((np.ones(3 * size), (corner, after[twin])), (3 * size,) * 2)
    fans, fan = connected_components(joined, directed=False)
    if fans > count:
        pairs = np.unique(np.stack([faces.T.ravel(), fan], 1), axis=0)
        often = int(np.argmax(np.bincount(pairs[:, 0], minlength=count) > 1))
        raise DataError(
            f"faces: expected the triangles around a vertex in one fan, but surfaces "
            f"touch in vertex {often}; give each a vertex of its own"
        )


def _some_frames(normals: Doubles) -> Doubles:
    """Frames whose first vector lies along the coordinate axis least along the normal.

    They are as good as any: no frames of a sphere are continuous everywhere.
    """
    axes = np.eye(3)[np.argmin(np.abs(normals), axis=1)]
    first = axes - (axes * normals).sum(1, keepdims=True) * normals
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return _kept(np.stack([first, np.cross(normals, first)], axis=1), np.float64)


def _check_frames(frames: Doubles, normals: Doubles) -> None:
    if len(frames) != len(normals):
        raise DataError(
            f"frames: expected two vectors for each of {len(normals)} vertices, got "
            f"{len(frames)}"
        )
    triads = np.concatenate([frames, normals[:, None]], axis=1)
    off = np.abs(triads @ np.swapaxes(triads, 1, 2) - np.eye(3)).max((1, 2))
    left = (off <= _TOLERANCE) & (np.linalg.det(triads) < 0)
    off = np.where(left, np.inf, off)
    if off.max() > _TOLERANCE:
        vertex = int(np.argmax(off))
        what = (
            "left-handed: exchange its vectors"
            if np.isinf(off[vertex])
            else f"off by {off[vertex]:.1e}: project its first vector onto the tangent "
            "plane, normalise it, and take the normal's cross product with it"
        )
        raise DataError(
            "frames: expected orthonormal vectors in the tangent planes, first × second"
            f" along `normals`, but that of vertex {vertex} is {what}; or leave frames "
            "out"
        )


@validate_call
def icosphere(subdivisions: int = 2) -> Mesh:
    """The unit sphere, from an icosahedron whose triangles are cut into four.

    Args:
        subdivisions: How often, 0 … 7.

    Returns:
        A mesh of 10·4ⁿ + 2 vertices.

    Raises:
        ArgumentError: The number is out of its range.

    Example:
        >>> [icosphere(n).num_vertices for n in range(4)]
        [12, 42, 162, 642]
    """
    check_count("subdivisions", subdivisions, 0, MOST_SUBDIVISIONS)
    mesh = convex_mesh(_ICOSAHEDRON)
    for _ in range(subdivisions):
        edges, count = mesh.edges, mesh.num_vertices
        middles = mesh.vertices[edges].sum(1)
        pairs = np.sort(_sides(mesh.faces), axis=1) @ [count, 1]
        middle = count + np.searchsorted(edges @ [count, 1], pairs)
        ab, bc, ca = middle.reshape(3, -1)
        a, b, c = mesh.faces.T
        faces = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
        vertices = np.concatenate([mesh.vertices, middles])
        mesh = Mesh(_unit(vertices), np.concatenate([np.stack(f, 1) for f in faces]))
    return Mesh(_unit(mesh.vertices), mesh.faces)


def _unit(vectors: Doubles) -> Doubles:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


@validate_call
def convex_mesh(points: Any) -> Mesh:
    """The convex hull of points, all of which lie on it: any points of a sphere, say.

    Args:
        points: Positions (vertices, 3), four or more that lie in no plane.

    Returns:
        A mesh whose vertices are the points, in their order.

    Raises:
        DataError: The points lie in one plane, or some inside the hull of others.

    Example:
        >>> convex_mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
        Mesh(4 vertices, 4 faces)
    """
    from scipy.spatial import ConvexHull, QhullError

    vertices = _as_vertices(points)
    try:
        hull = ConvexHull(vertices)
    except (QhullError, ValueError) as error:
        raise DataError(
            f"points: expected four or more that lie in no plane, got {len(vertices)} "
            "that Qhull makes no hull of; add some"
        ) from error
    inside = len(vertices) - len(hull.vertices)
    if inside:
        raise DataError(
            f"points: expected points on their convex hull, got {inside} inside it; "
            "leave them out, or give faces to Mesh"
        )
    faces = hull.simplices.astype(np.int64)
    outward = (_face_normals(vertices, faces) * hull.equations[:, :3]).sum(1) > 0
    return Mesh(vertices, np.where(outward[:, None], faces, faces[:, ::-1]))


@validate_call
def ellipsoid(axes: Any = (1.0, 1.0, 2.0), subdivisions: int = 2) -> Mesh:
    """An ellipsoid: an icosphere stretched along x, y and z.

    Args:
        axes: Half the length along each axis, above 0.
        subdivisions: Of the icosphere, 0 … 7.

    Returns:
        A mesh of 10·4ⁿ + 2 vertices.

    Raises:
        ArgumentError: A number is out of its range.
        DataError: The axes are not three numbers.
    """
    lengths = finite_array("axes", axes, 3)
    if lengths.min() <= 0:
        raise ArgumentError(
            f"axes: expected three lengths above 0, got {lengths.tolist()}"
        )
    sphere = icosphere(subdivisions)
    return Mesh(sphere.vertices * lengths, sphere.faces)


@validate_call
def torus(
    major: float = 1.0, minor: float = 0.4, around: int = 24, across: int = 12
) -> Mesh:
    """A torus about the z-axis, of triangles that halve a grid of its two angles.

    Args:
        major: Distance from the axis to the middle of the tube.
        minor: Radius of the tube, above 0 and below `major`.
        around: Vertices along the tube, 3 or more.
        across: Vertices around it, 3 or more.

    Returns:
        A mesh of around · across vertices.

    Raises:
        ArgumentError: A number is out of its range.

    Example:
        >>> torus().euler_characteristic
        0
    """
    check_number("major", major, 0.0, np.inf)
    check_number("minor", minor, 0.0, major)
    check_count("around", around, 3)
    check_count("across", across, 3)
    long, short = np.meshgrid(
        2 * np.pi * np.arange(around) / around,
        2 * np.pi * np.arange(across) / across,
        indexing="ij",
    )
    radius = major + minor * np.cos(short)
    places = [radius * np.cos(long), radius * np.sin(long), minor * np.sin(short)]
    numbers = np.arange(around * across).reshape(around, across)
    a, b = numbers, np.roll(numbers, -1, axis=0)
    c, d = np.roll(b, -1, axis=1), np.roll(numbers, -1, axis=1)
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)])
    return Mesh(np.stack(places, -1).reshape(-1, 3), faces.reshape(-1, 3))
