"""Induced representations Ind_H^G ρ, and all linear maps that commute with a group.

A feature map on a homogeneous space G/H with numbers of type ρ at each point is a
function on G with f(gh) = ρ(h⁻¹)f(g): a field. A linear layer from one field to another
is equivariant just where it lies in Hom_G(E, F) (Cohen, Geiger and Weiler 2019,
arXiv:1811.02017), a space with a finite basis, which is found here once and for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.linalg import block_diag, expm

from qml_qdl.circuits.diagrams import compact_repr
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.symmetry.collective import spin_matrices
from qml_qdl.circuits.symmetry.exponential import MOST_WIRES, Diagonalised
from qml_qdl.circuits.symmetry.groups import WireGroup
from qml_qdl.circuits.symmetry.wire_action import WireAction
from qml_qdl.circuits.validation import (
    check_count,
    check_type,
    checked,
    validate_call,
)

Matrices: TypeAlias = tuple[tuple[tuple[complex, ...], ...], ...]
"""Square matrices, row by row."""

MOST_PLACES = 2**18
"""No larger table of where elements carry points is written out."""

MOST_NUMBERS = 2**24
"""No more numbers are averaged at once."""

_ROUNDING = 1e-9


class FeatureField(ABC):
    """A space of feature maps on which a group acts by unitary matrices: abstract."""

    # ---- Must be defined: these four, and nothing else. ----

    @property
    @abstractmethod
    def dimension(self) -> int:
        """How many numbers a feature map is made of."""

    @property
    @abstractmethod
    def is_real(self) -> bool:
        """Whether the group acts by real matrices."""

    @property
    @abstractmethod
    def trivial(self) -> FeatureField:
        """The field of one number that the group leaves alone."""

    @abstractmethod
    def maps_to(self, target: FeatureField) -> NDArray[Any]:
        """A basis of Hom_G: of the matrices that commute with the group.

        Args:
            target: Another field of the same group.

        Returns:
            (maps, target.dimension, dimension), orthonormal, so that the sum of the
            products of all entries of two is 1 or 0. Real where both fields are.

        Raises:
            ArgumentError: The other field is one of another group.
        """


def _as_square(matrix: Any) -> tuple[tuple[complex, ...], ...]:
    try:
        rows = np.atleast_2d(np.asarray(matrix, complex))
    except (TypeError, ValueError):
        rows = np.zeros(0)
    if rows.ndim != 2 or len(set(rows.shape)) > 1 or not rows.size:
        raise ArgumentTypeError(
            "irrep: expected a square matrix, or a number, for each element of the "
            f"subgroup, got {matrix!r}"
        )
    return tuple(tuple(map(complex, row)) for row in rows)


@validate_call
@frozen(slots=False, repr=False)
class InducedField(FeatureField):
    """Ind_H^G ρ of a finite group: fields of type ρ on G/H.

    With H = G it is ρ itself, with H trivial all functions on G, with the trivial ρ
    functions on G/H, such as images: G the translations and turns, H those turns that
    leave the middle pixel where it is.

    Numbers stand point by point, as the cosets gᵢH come among the elements of G: v at
    point i is f(gᵢ), for the first gᵢ of that coset. g carries it to the point gⱼH of
    ggᵢ = gⱼh, and turns it by ρ(h).

    Args:
        group: G.
        subgroup: H, made of elements of G, on the same wires.
        irrep: ρ, a unitary representation of H, irreducible or not: its matrix, or
            number, for each of `subgroup.elements` in order, or a function that gives
            it for an element; None for the trivial one.

    Raises:
        ArgumentError: H is no subgroup, ρ is no unitary representation of it, or there
            are too many points.
        ArgumentTypeError: An argument is of another type.

    Example:
        >>> from qml_qdl.circuits.symmetry.named_groups import symmetric_group
        >>> S3 = symmetric_group(3)
        >>> swap = WireGroup([S3.generators[0]])
        >>> sign = InducedField(S3, swap, [1, -1])
        >>> sign.dimension, len(sign.maps_to(sign))
        (3, 2)
    """

    group: WireGroup = field(validator=checked(check_type, WireGroup))
    subgroup: WireGroup = field(validator=checked(check_type, WireGroup))
    irrep: Sequence[Any] | Callable[[WireAction], Any] | None = None

    def __attrs_post_init__(self) -> None:
        strange = set(self.subgroup.elements) - set(self.group.elements)
        if strange:
            raise ArgumentError(
                f"subgroup: {len(strange)} of its {self.subgroup.order} elements are "
                f"none of the group, such as {min(strange, key=repr)!r}; make it of "
                "elements of the group, on the same wires"
            )
        object.__setattr__(self, "irrep", self._matrices())
        size = self.group.order * self.num_points
        if size > MOST_PLACES:
            raise ArgumentError(
                f"subgroup: a table of where {self.group.order} elements carry "
                f"{self.num_points} points has {size} places, and at most "
                f"{MOST_PLACES} are written out; use a larger subgroup"
            )

    def _matrices(self) -> Matrices:
        """The matrices of ρ, checked."""
        elements, given = self.subgroup.elements, self.irrep
        if given is None:
            return (((1 + 0j,),),) * len(elements)
        if callable(given):
            given = [given(element) for element in elements]
        if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str):
            raise ArgumentTypeError(
                "irrep: expected a matrix, or a number, for each element of the "
                f"subgroup, or a function that gives it, got {given!r}"
            )
        matrices = tuple(map(_as_square, given))
        sizes = {len(matrix) for matrix in matrices}
        if len(matrices) != len(elements) or len(sizes) > 1:
            raise ArgumentError(
                f"irrep: expected {len(elements)} matrices of one size, one for each "
                f"element of the subgroup, got {len(matrices)} of the sizes "
                f"{sorted(sizes)}; an irrep of another group has others"
            )
        rho = np.array(matrices)
        products = rho[:, None] @ rho[None] - rho[self.subgroup.table]
        unitary = rho @ rho.conj().swapaxes(1, 2) - np.eye(rho.shape[1])
        for error, wanted, two, repair in (
            (
                products,
                "a representation",
                "ρ(g)ρ(h) and ρ(gh)",
                "give the matrices in the order of subgroup.elements",
            ),
            (
                unitary,
                "unitary matrices",
                "ρ(g)ρ(g)† and 1",
                "choose a basis in which they are",
            ),
        ):
            worst = float(np.abs(error).max())
            if not worst < _ROUNDING:
                raise ArgumentError(
                    f"irrep: expected {wanted}, but {two} differ by {worst:.1e}; "
                    f"{repair}"
                )
        return matrices

    @property
    def fibre(self) -> int:
        """How many numbers there are at each point."""
        matrices: Any = self.irrep
        return len(matrices[0])

    @property
    def num_points(self) -> int:
        """How many cosets of the subgroup there are."""
        return self.group.order // self.subgroup.order

    @property
    def dimension(self) -> int:
        """Numbers at a point times points."""
        return self.num_points * self.fibre

    @cached_property
    def is_real(self) -> bool:
        """Whether ρ is real."""
        return not np.abs(np.array(self.irrep).imag).max() > _ROUNDING

    @cached_property
    def trivial(self) -> InducedField:
        """The trivial representation of the group."""
        return InducedField(self.group, self.group)

    @cached_property
    def points(self) -> tuple[WireAction, ...]:
        """For each coset its first element."""
        return tuple(self.group.elements[g] for g in np.unique(self._coset, True)[1])

    @cached_property
    def _places(self) -> dict[WireAction, tuple[int, int]]:
        """For each element gᵢh its coset i and the number of h."""
        found: dict[WireAction, tuple[int, int]] = {}
        count = 0
        for element in self.group.elements:
            if element not in found:
                for k, h in enumerate(self.subgroup.elements):
                    found[element @ h] = count, k
                count += 1
        return found

    @cached_property
    def _coset(self) -> NDArray[np.int64]:
        return np.array([self._places[g][0] for g in self.group.elements])

    @cached_property
    def _action(self) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """For each element and point: to which point, and by which matrix."""
        pairs = np.array(
            [[self._places[g @ p] for p in self.points] for g in self.group.elements]
        )
        rho = np.array(self.irrep)
        rho = rho.real if self.is_real else rho
        return pairs[..., 0], rho[pairs[..., 1]]

    def matrix(self, element: WireAction) -> NDArray[Any]:
        """What an element of the group does to the numbers of a feature map.

        Args:
            element: The element.

        Returns:
            (dimension, dimension), unitary.

        Raises:
            ArgumentError: It is no element of the group.
        """
        if element not in self._places:
            raise ArgumentError(
                f"element: {element!r} is none of the {self.group.order} of the group"
            )
        index = self.group.elements.index(element)
        moves, blocks = (table[index] for table in self._action)
        size, width = self.num_points, self.fibre
        found = np.zeros((size, width, size, width), blocks.dtype)
        found[moves, :, np.arange(size)] = blocks
        return found.reshape(self.dimension, -1)

    def characters(self) -> NDArray[Any]:
        """The traces of the matrices, for each element of the group in order.

        Returns:
            (order,).
        """
        moves, blocks = self._action
        stays = moves == np.arange(self.num_points)
        return np.asarray((stays * np.trace(blocks, axis1=2, axis2=3)).sum(1))

    def on_group(self, values: NDArray[Any]) -> NDArray[Any]:
        """A feature map as the function on the group that it is.

        Args:
            values: (..., dimension).

        Returns:
            (..., order, fibre), f(g) for each element of the group, as they come, where
            f(gh) is ρ(h⁻¹)f(g).

        Raises:
            ShapeError: The feature map has another size.
        """
        if np.shape(values)[-1:] != (self.dimension,):
            raise ShapeError(
                f"values: expected (..., {self.dimension}), got {np.shape(values)}"
            )
        fibres = np.reshape(values, (*np.shape(values)[:-1], -1, self.fibre))
        pairs = np.array([self._places[g] for g in self.group.elements])
        inverses = np.array(self.irrep).conj().swapaxes(1, 2)[pairs[:, 1]]
        inverses = inverses.real if self.is_real else inverses
        found = np.einsum("gab,...gb->...ga", inverses, fibres[..., pairs[:, 0], :])
        return np.asarray(found)

    def maps_to(self, target: FeatureField) -> NDArray[Any]:
        """Averages random matrices over the group; characters say how many there are.

        M ↦ mean of F(g)ME(g)† is the projection on Hom_G(E, F). Of as many random
        matrices as its dimension, and four more, the means span it.
        """
        if not isinstance(target, InducedField) or set(target.group.elements) != set(
            self.group.elements
        ):
            raise ArgumentError(
                f"target: expected a field of the same group of {self.group.order} "
                f"elements, got {target!r}"
            )
        # The order of the elements may differ where the generators do.
        order = [target.group.elements.index(g) for g in self.group.elements]
        characters = self.characters().conj() @ target.characters()[order]
        count = round(float(np.real(characters)) / self.group.order)
        shape = (target.num_points, target.fibre, self.num_points, self.fibre)
        draws = (count + 4, *shape)
        if np.prod(draws) > MOST_NUMBERS:
            raise ArgumentError(
                f"target: {count} maps of {target.dimension} × {self.dimension} are "
                f"{np.prod(draws)} numbers, and at most {MOST_NUMBERS} are found; use "
                "larger subgroups"
            )
        rng = np.random.default_rng(0)
        matrices: Any = rng.normal(size=draws)
        real = self.is_real and target.is_real
        if not real:
            matrices = matrices + 1j * rng.normal(size=draws)
        means = np.zeros_like(matrices)
        moves, blocks = self._action
        after, turns = (table[order] for table in target._action)
        for g in range(self.group.order):
            moved = matrices[:, np.argsort(after[g])][:, :, :, np.argsort(moves[g])]
            left = turns[g][np.argsort(after[g])]
            right = blocks[g][np.argsort(moves[g])].conj()
            means += np.einsum(
                "iab,kibjd,jcd->kiajc", left, moved, right, optimize=True
            )
        flat = means.reshape(len(means), -1)
        basis = np.linalg.svd(flat, full_matrices=False)[2][:count]
        return np.asarray(basis.reshape(count, target.dimension, self.dimension))

    def __repr__(self) -> str:
        return compact_repr(self)


@validate_call
@frozen(slots=False)
class SpinWeightedField(FeatureField):
    """Ind of SO(3) from SO(2): fields of spin weight s on the sphere, cut at degree L.

    s is the irrep e^{−isα} of the turns about a point: 0 for functions, 1 for tangent
    vectors as complex numbers, 2 for polarisation (Newman and Penrose 1966). By
    Frobenius' reciprocity each degree l from `|s|` on is there once, which is cut off
    after L; what commutes with all rotations, to a field of spin weight t, is one
    number for each degree that both have: L + 1 − max(`|s|`, `|t|`) of them.

    Numbers are the coefficients, degree by degree, each with its orders m = l … −l.

    Args:
        spin: s.
        lmax: L.

    Raises:
        ArgumentError: L is below `|s|`, or too large to be written out.
        ArgumentTypeError: A number is not whole.

    Example:
        >>> vectors, functions = SpinWeightedField(1, 3), SpinWeightedField(0, 3)
        >>> vectors.dimension, functions.dimension, len(functions.maps_to(vectors))
        (15, 16, 3)
    """

    spin: int = field(validator=checked(check_count, -MOST_NUMBERS))
    lmax: int

    def __attrs_post_init__(self) -> None:
        check_count("lmax", self.lmax, abs(self.spin), 63)

    @property
    def degrees(self) -> range:
        """The degrees l."""
        return range(abs(self.spin), self.lmax + 1)

    @property
    def dimension(self) -> int:
        """(L + 1)² − s²."""
        return (self.lmax + 1) ** 2 - self.spin**2

    @property
    def is_real(self) -> bool:
        """Whether there are constants only; all others turn by complex matrices."""
        return self.lmax == 0

    @property
    def trivial(self) -> SpinWeightedField:
        """The constants."""
        return SpinWeightedField(0, 0)

    @cached_property
    def generators(self) -> NDArray[np.complex128]:
        """(3, dimension, dimension), the matrices of Jx, Jy and Jz."""
        blocks = [spin_matrices(2 * degree + 1) for degree in self.degrees]
        return np.array([block_diag(*parts) for parts in zip(*blocks, strict=True)])

    def matrix(self, turn: Sequence[float]) -> NDArray[np.complex128]:
        """What a rotation does to the coefficients: exp(−i v·J).

        Args:
            turn: v, the axis times the angle in radians.

        Returns:
            (dimension, dimension), unitary.

        Raises:
            ShapeError: v is not three numbers.
        """
        vector = np.asarray(turn)
        if vector.shape != (3,) or vector.dtype.kind not in "iuf":
            raise ShapeError(f"turn: expected three real numbers, got {turn!r}")
        return np.asarray(expm(-1j * np.tensordot(vector, self.generators, 1)))

    def maps_to(self, target: FeatureField) -> NDArray[Any]:
        """One map for each degree of both: the identity there (Schur's lemma)."""
        if not isinstance(target, SpinWeightedField):
            raise ArgumentError(
                f"target: expected a field on the sphere, got {target!r}"
            )
        shared = [degree for degree in self.degrees if degree in target.degrees]
        found = np.zeros((len(shared), target.dimension, self.dimension))
        for number, degree in enumerate(shared):
            row, column = (degree**2 - of.spin**2 for of in (target, self))
            places = np.arange(2 * degree + 1)
            found[number, row + places, column + places] = (2 * degree + 1) ** -0.5
        return found


def _hermitian_maps(space: FeatureField) -> NDArray[np.complex128]:
    """A basis of the Hermitian matrices without trace that commute with the group.

    (maps, dimension, dimension), each with eigenvalues up to 1 in size. A multiple of
    the identity would be a phase.
    """
    maps = space.maps_to(space).astype(complex)
    adjoint = maps.conj().swapaxes(1, 2)
    both = np.concatenate([maps + adjoint, 1j * (maps - adjoint)])
    size = space.dimension
    both -= np.trace(both, axis1=1, axis2=2)[:, None, None] * np.eye(size) / size
    flat = both.reshape(len(both), -1)
    basis = np.linalg.svd(np.hstack([flat.real, flat.imag]), full_matrices=False)[2]
    real, imaginary = np.hsplit(basis[: len(maps) - 1], 2)
    found = (real + 1j * imaginary).reshape(-1, size, size)
    return np.asarray(found / np.linalg.norm(found, 2, (1, 2))[:, None, None])


@frozen(repr=False)
class CommutantProcessing(Processing):
    """W(θ) = ∏ exp(−iθₖHₖ) that commutes with a group on the amplitudes of a field.

    The Hₖ are a basis of the Hermitian part of End_G(F), but for the identity; linear
    maps that are not unitary no circuit makes. The first `dimension` basis states hold
    a feature map, as `AmplitudeEncoding` prepares it; the others stay apart, and no
    gate reaches them. Each exponential is exact, in angles of rotations (see
    `Diagonalised`), which take some 4ⁿ CNOT gates on a machine. Where the irrep is
    trivial, `Probabilities` of the first basis states move as the points do.
    Weights: (layers, maps).

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        field: The field F, of at most 2ⁿ numbers.
        layers: Number of layers, 1 or more; the Hₖ do not commute in general.

    Raises:
        ArgumentError: There are fewer than `dimension` basis states or more than six
            wires, the field is irreducible, so that only phases commute, or `layers`
            is below 1.
        ArgumentTypeError: The field is none.

    Example:
        >>> from qml_qdl.circuits.symmetry.named_groups import translations
        >>> ring = translations(5)
        >>> signals = InducedField(ring, WireGroup([WireAction.identity(5)]))
        >>> CommutantProcessing(3, signals, layers=2).weight_shape
        (2, 4)
    """

    field: FeatureField = field(validator=checked(check_type, FeatureField))
    layers: int = 1

    def __attrs_post_init__(self) -> None:
        check_count("layers", self.layers)
        count, size = len(self.wires), self.field.dimension
        if count > MOST_WIRES or 2**count < size:
            raise ArgumentError(
                f"wires: a field of {size} numbers needs {(size - 1).bit_length()} "
                f"wires or more, and at most {MOST_WIRES} are done exactly, got {count}"
            )
        if not len(self._gates):
            raise ArgumentError(
                "field: it is irreducible, and only phases commute with the group "
                "(Schur's lemma); induce from a smaller subgroup"
            )

    @cached_property
    def _gates(self) -> tuple[Diagonalised, ...]:
        spare = 2 ** len(self.wires) - self.field.dimension
        return tuple(
            Diagonalised(np.pad(matrix, (0, spare)), self.wires)
            for matrix in _hermitian_maps(self.field)
        )

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(layers, maps)."""
        return (self.layers, len(self._gates))

    def process(self, weights: Any) -> None:
        """Queues one exact exponential for each map."""
        for layer in range(self.layers):
            for index, gate in enumerate(self._gates):
                gate.queue(weights[..., layer, index])
