r"""Spins larger than ½: registers of wires that turn as one, for fields on a sphere.

n wires are one spin j where 2ⁿ = 2j + 1. Operators on it are sums of tensor operators
:math:`T_{lm}`, each l from 0 to 2j once, and a rotation U of the spin does to them what
it does to harmonics: :math:`U T_{lm} U^{-1} = \sum_{m'} D^l_{m'm} T_{lm'}`. A real
field :math:`\sum c_{lm} Y_{lm}` is thus the Hermitian :math:`\sum c_{lm} T_{lm}`, which
can be a gate, or, written out as a vector, a state of two spins. Where all registers
turn alike, what is made of their couplings Jₐ·J_b turns too.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pennylane as qml
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.encodings.encoding import Encoding
from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.circuits.fixed_gates import FixedBlock
from qml_qdl.circuits.processings.hardware_efficient import PATTERNS, pattern_pairs
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.readouts import Expectation
from qml_qdl.circuits.symmetry.collective import spin_matrices
from qml_qdl.circuits.symmetry.exponential import queue_in_basis, z_products
from qml_qdl.circuits.symmetry.spin import check_pairs
from qml_qdl.circuits.validation import (
    WiresLike,
    as_wires,
    check_choice,
    check_count,
    check_flag,
    checked,
    validate_call,
)

MOST_REGISTER = 3
"""Registers have so many wires at most: spins to 7/2, gates on pairs of six wires."""

MOST_DIMENSION = 64
"""Tensor operators of a spin of so many dimensions fill 256 MiB."""


@validate_call
def tensor_operators(dimension: int) -> NDArray[np.complex128]:
    r"""Hermitian tensor operators of a spin, which turn as real harmonics do.

    Of the highest, :math:`J_+^l` over its norm, commutators with :math:`J_-` make those
    of smaller m, as they make harmonics; Hermitian parts of these are real harmonics in
    the convention of `qml_qdl.data.SphereGrid`. They are orthonormal, Tr AB = 0 or 1.

    Args:
        dimension: d = 2j + 1.

    Returns:
        (d², d, d), l = 0 … 2j one after the other, m = −l … l within each; read only.

    Raises:
        ArgumentError: `dimension` is below 1 or above 64.

    Example:
        >>> import numpy as np
        >>> T = tensor_operators(2)  # 1, Y, Z and X over √2
        >>> np.allclose(T[1], np.array([[0, -1j], [1j, 0]]) / np.sqrt(2))
        True
    """
    check_count("dimension", dimension, most=MOST_DIMENSION)
    return _tensor_operators(int(dimension))


@lru_cache(maxsize=16)
def _tensor_operators(dimension: int) -> NDArray[np.complex128]:
    x, y, _ = spin_matrices(dimension)
    lowering = x - 1j * y
    found = []
    for degree in range(dimension):
        top = np.linalg.matrix_power(lowering.T, degree)
        # Signs alternate, as real harmonics have none of Condon and Shortley.
        ladder = [top / np.linalg.norm(top)]
        for _ in range(degree):
            lower = ladder[-1] @ lowering - lowering @ ladder[-1]
            ladder.append(lower / np.linalg.norm(lower))
        cosines = [(t + t.conj().T) / np.sqrt(2) for t in ladder[:degree]]
        sines = [(t - t.conj().T) / (np.sqrt(2) * 1j) for t in ladder[:degree]]
        found += [*sines, ladder[degree], *cosines[::-1]]
    operators = np.array(found)
    operators.setflags(write=False)
    return operators


def coupling(dimension: int) -> NDArray[np.float64]:
    r"""The coupling of two spins, Jₐ·J_b / j(j + 1), from −1 to j/(j + 1).

    Args:
        dimension: d = 2j + 1, 2 or more.

    Returns:
        (d², d²), real and symmetric.

    Raises:
        ArgumentError: `dimension` is below 2.

    Example:
        >>> np.linalg.eigvalsh(coupling(2)).round(3)  # singlet, triplet
        array([-1.   ,  0.333,  0.333,  0.333])
    """
    check_count("dimension", dimension, 2)
    spin = (dimension - 1) / 2
    products = sum(np.kron(one, one) for one in spin_matrices(dimension))
    return np.asarray(products).real / (spin * (spin + 1))


def registers_of(
    wires: Sequence[Hashable], register: int, multiple: int = 1
) -> tuple[tuple[Hashable, ...], ...]:
    """Divides wires into registers of neighbours.

    Args:
        wires: Labels.
        register: Wires of each, 1 to 3.
        multiple: What the number of registers is a multiple of.

    Returns:
        The labels of each register.

    Raises:
        ArgumentError: They cannot be divided so.
    """
    check_count("register", register)
    if register > MOST_REGISTER:
        raise ArgumentError(
            f"register: expected 1 to {MOST_REGISTER} wires, for fields up to degree "
            f"1, 3 and 7, got {register}"
        )
    if len(wires) % (register * multiple):
        raise ArgumentError(
            f"wires: registers of {register} wires, a spin of dimension "
            f"{2**register} = 2j + 1 each, need a multiple of {register * multiple} "
            f"wires, got {len(wires)}"
        )
    return tuple(
        tuple(wires[first : first + register])
        for first in range(0, len(wires), register)
    )


@frozen(repr=False)
class ClebschGordan(FixedBlock):
    r"""From degrees l, m of a field to pairs of spins that turn with it.

    `|l² + l + m⟩` becomes :math:`T_{lm}` as a state of two registers, the second one in
    the dual basis so that both turn alike: after `AmplitudeEncoding` of the real
    coefficients c of a field, which fill 2n wires to the last amplitude, a rotation D
    of c is U ⊗ U on the state. Norms are lost, and a field that is zero is taken for a
    constant one. Alone, it makes of `|0…0⟩` singlets, which nothing turns, to begin
    `SphericalEncoding` with.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; a multiple of
            twice `register`, two neighbouring registers for each copy of the field.
        register: Wires of a register, 1 to 3: fields up to degree 1, 3 or 7.

    Raises:
        ArgumentError: The wires are no pairs of registers.

    Example:
        >>> from qml_qdl.circuits import AmplitudeEncoding
        >>> U = ClebschGordan(4, 2) @ AmplitudeEncoding(4)
        >>> U.num_inputs  # (3 + 1)² coefficients
        16
    """

    register: int = 1

    def __attrs_post_init__(self) -> None:
        registers_of(self.wires, self.register, 2)

    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues one fixed gate for each pair; neither inputs nor weights are read."""
        gate = clebsch_gordan(2**self.register)
        registers = registers_of(self.wires, self.register)
        for first, second in zip(registers[::2], registers[1::2], strict=True):
            qml.QubitUnitary(gate.copy(), wires=[*first, *second], unitary_check=False)


@lru_cache(maxsize=16)
def clebsch_gordan(dimension: int) -> NDArray[np.complex128]:
    """The unitary of `ClebschGordan` on one pair.

    A state `Σ Mₐᵦ|a⟩|b⟩` turns as M to UMUᵀ. T turns as UTU†, so that M = Tε does where
    εUᵀ = U†ε: ε = exp(iπJ_y) is real, with anti-diagonal signs.

    Args:
        dimension: d = 2j + 1 of each spin.

    Returns:
        (d², d²), whose columns are the states of `tensor_operators`; read only.
    """
    dual = np.fliplr(np.diag((-1.0) ** np.arange(dimension)))
    columns = (tensor_operators(dimension) @ dual).reshape(dimension**2, -1).T
    columns.setflags(write=False)
    return columns


@frozen(repr=False)
class SphericalEncoding(Encoding):
    r"""A field on the sphere as gates: exp(−iΣ c_lm T_lm) on each register.

    The field's real coefficients c of the degrees 1 to 2j, as `SphereGrid` makes them:
    of all coefficients features 1 to (2j + 1)² − 1, since the field's mean would be a
    phase that no result tells. Where the field turns by R, the gate S becomes
    U(R)SU(R)†, so that it may stand anywhere after an equivariant state,
    `ClebschGordan` alone say, and be repeated. A field that is zero is the identity.

    Its eigenvectors depend on the data, so that no fixed gates around rotations make
    it: the matrix itself comes from the data. Where PennyLane differentiates by
    parameter shifts or adjoints, such as "lightning.qubit" or shots on simulators, a
    register of more than one wire has no gradients, which is said when they are wanted.
    "auto" and "default.qubit" without shots have them, and so have Qiskit's targets;
    elsewhere use the state, `ClebschGordan` after `AmplitudeEncoding`.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; a multiple of
            `register`.
        register: Wires of a register, 1 to 3: a spin j with 2j + 1 = 2, 4 or 8.
        trainable_degrees: Whether each register has a trained factor for each degree,
            starting from `scaling`, which keeps the symmetry.
        features: Which features of x are read; None for the whole x.
        scaling: Factor on the coefficients.
        trainable_scaling: Whether each feature's factor is trained, which breaks the
            symmetry.

    Raises:
        ArgumentError: The wires are no registers, the number of features is not
            (2j + 1)² − 1, or both kinds of factors are to be trained.

    Example:
        >>> S = SphericalEncoding(8, 2, features=range(1, 16), trainable_degrees=True)
        >>> S.num_features, S.weight_shape
        (15, (4, 3))
    """

    register: int = 1
    trainable_degrees: bool = field(
        default=False, validator=checked(check_flag), kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        registers_of(self.wires, self.register)
        if self.trainable_degrees and self.trainable_scaling:
            raise ArgumentError(
                "trainable_scaling: trainable_degrees trains factors already, one for "
                "each degree; leave out one of the two"
            )
        Encoding.__attrs_post_init__(self)

    @property
    def num_features(self) -> int:
        """(2j + 1)² − 1, for the degrees 1 to 2j."""
        return int(4**self.register) - 1

    @property
    def weight_shape(self) -> tuple[int, ...] | None:
        """(registers, 2j) or (num_features,), if factors are trained; else None."""
        if self.trainable_degrees:
            return (len(self.wires) // self.register, 2**self.register - 1)
        return (self.num_features,) if self.trainable_scaling else None

    def queue(self, inputs: Any, weights: Any) -> None:
        """Selects the features, scales them and encodes them."""
        if not self.trainable_degrees:
            Encoding.queue(self, inputs, weights)
            return
        degrees = [int(k**0.5) - 1 for k in range(1, 4**self.register)]
        scaled = self.selected(inputs)[..., None, :] * weights[:, degrees]
        gates = self._exponentials(scaled)
        for number, wires in enumerate(registers_of(self.wires, self.register)):
            FieldGate(gates[..., number, :, :], wires=wires, unitary_check=False)

    def encode(self, features: Any) -> None:
        """Queues the same gate on each register."""
        gate = self._exponentials(features)
        for wires in registers_of(self.wires, self.register):
            FieldGate(gate, wires=wires, unitary_check=False)

    def _exponentials(self, features: Any) -> Any:
        """(..., 2j + 1, 2j + 1), of (..., num_features)."""
        dimension = 2**self.register
        basis = tensor_operators(dimension)[1:].reshape(dimension**2 - 1, -1)
        # −iM of M = A + iB; two real products, as features are real.
        a, b = (
            qml.math.tensordot(
                features, qml.math.cast_like(part, features), axes=[[-1], [0]]
            )
            for part in (basis.real.copy(), basis.imag.copy())
        )
        shape = (*qml.math.shape(features)[:-1], dimension, dimension)
        return qml.math.expm(qml.math.reshape(b - 1j * a, shape))


class FieldGate(qml.QubitUnitary):  # type: ignore[misc]
    """A gate whose matrix comes from the data.

    A PennyLane operation. Devices that do not take matrices with gradients ask for its
    decomposition, which PennyLane has for one wire only.

    Args:
        U: Unitary, (2ⁿ, 2ⁿ) or (rows, 2ⁿ, 2ⁿ).
        wires: The n wires.
    """

    name = "QubitUnitary"  # by which devices know what they take

    @staticmethod
    def compute_decomposition(matrix: Any, wires: Any) -> list[Any]:
        """Rotations on one wire, and the matrix itself where it has no gradient.

        Raises:
            TargetError: It has one, on more than one wire.
        """
        if len(wires) == 1:
            return list(qml.QubitUnitary.compute_decomposition(matrix, wires))
        if qml.math.requires_grad(matrix):
            raise TargetError(
                "target: a field as gates on registers of two wires or more has "
                "gradients on simulators that take matrices, and on Qiskit's; use "
                "target='auto' or 'default.qubit' without shots, or 'aer', or the "
                "field as a state, ClebschGordan after AmplitudeEncoding"
            )
        return [qml.QubitUnitary(matrix, wires=wires, unitary_check=False)]


@frozen(repr=False)
class RegisterExchange(Processing):
    r"""Couplings exp(−iΣₖ θₖ xᵏ) of pairs of registers, x = Jₐ·J_b / j(j + 1).

    k = 1 … 2j: all that two spins j can do to one another without a direction in space
    (2j + 1 total spins, one of them a phase for all). For single wires,
    `HeisenbergExchange`. Of two registers alone, one copy of a field, they change
    phases of total spins and so no result. Weights: (layers, pairs, 2j).

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; two registers or
            more.
        register: Wires of a register, 1 to 3.
        layers: Number of layers, 1 or more.
        pattern: Which pairs are coupled: "linear", "ring", "full" or "brick".

    Raises:
        ArgumentError: The wires are no registers, or a single one, `layers` is below
            1, or the pattern is unknown.

    Example:
        >>> W = RegisterExchange(8, 2, layers=3)
        >>> W.pairs, W.weight_shape
        (((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)), (3, 6, 3))
    """

    register: int = 1
    layers: int = 1
    pattern: str = field(default="full", kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_count("layers", self.layers)
        check_choice("pattern", self.pattern, PATTERNS)
        if len(registers_of(self.wires, self.register)) < 2:
            raise ArgumentError(
                f"wires: a coupling is between two registers, got {len(self.wires)} "
                f"wires, one register; use {2 * self.register} or more"
            )

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The coupled pairs, as positions of registers, in order."""
        return pattern_pairs(self.pattern, len(self.wires) // self.register)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(layers, pairs, 2j)."""
        return (self.layers, len(self.pairs), 2**self.register - 1)

    def process(self, weights: Any) -> None:
        """Queues rotations in the fixed basis of total spins for each pair."""
        registers = registers_of(self.wires, self.register)
        vectors, products, factors = _total_spins(2**self.register)
        for layer in range(self.layers):
            for index, (a, b) in enumerate(self.pairs):
                angles = qml.math.tensordot(
                    weights[..., layer, index, :],
                    qml.math.cast_like(factors.copy(), weights),
                    axes=[[-1], [0]],
                )
                wires = [*registers[a], *registers[b]]
                each = {p: angles[..., k] for k, p in enumerate(products)}
                queue_in_basis(vectors, wires, each)


@lru_cache(maxsize=16)
def _total_spins(
    dimension: int,
) -> tuple[NDArray[np.complex128], tuple[tuple[int, ...], ...], NDArray[np.float64]]:
    """Eigenvectors of x, products of Z, and what xᵏ, k = 1 … 2j, adds to their angles.

    The phases of xᵏ in the basis of total spins are sums of products of Z.
    """
    values, vectors = np.linalg.eigh(coupling(dimension))
    count = 2 * (dimension.bit_length() - 1)
    powers = [z_products(values**k, count) for k in range(1, dimension)]
    products = tuple(sorted({place for power in powers for place in power}))
    factors = [[2 * power.get(place, 0.0) for place in products] for power in powers]
    return vectors.astype(complex), products, np.array(factors)


@validate_call
def coupling_readout(
    wires: WiresLike,
    register: int,
    pairs: Iterable[tuple[int, int]] | None = None,
    powers: Iterable[int] | None = None,
) -> Expectation:
    r"""⟨xᵏ⟩ of pairs of registers, x = Jₐ·J_b / j(j + 1), which no rotation changes.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        register: Wires of a register, 1 to 3.
        pairs: Pairs of positions of registers; None for all.
        powers: Which k, 1 to 2j; None for all.

    Returns:
        The readout, one output for each power of each pair, pair by pair.

    Raises:
        ArgumentError: The wires are no registers, a pair is not of two different
            positions, a power is out of range, or there is none.

    Example:
        >>> coupling_readout(8, 2).output_shape(tuple(range(8)))
        (18,)
    """
    registers = registers_of(as_wires(wires), register)
    chosen = check_pairs(len(registers), pairs)
    highest = 2**register - 1
    each = tuple(range(1, highest + 1)) if powers is None else tuple(powers)
    for power in each:
        check_count("powers", power, most=highest)
    if not each:
        raise ArgumentError(f"powers: expected some of 1 to {highest}, got none")
    x = coupling(2**register)
    words = [_sentence(np.linalg.matrix_power(x, power)) for power in each]
    return Expectation(
        [
            _on(sentence, [*registers[a], *registers[b]])
            for a, b in chosen
            for sentence in words
        ]
    )


@validate_call
def spin_readout(wires: WiresLike, register: int) -> Expectation:
    """⟨J⟩/j of each register: a vector that turns with the field.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        register: Wires of a register, 1 to 3.

    Returns:
        The readout, x, y and z of one register after the other.

    Raises:
        ArgumentError: The wires are no registers.

    Example:
        >>> spin_readout(8, 2).output_shape(tuple(range(8)))
        (12,)
    """
    registers = registers_of(as_wires(wires), register)
    spin = (2**register - 1) / 2
    words = [_sentence(one / spin) for one in spin_matrices(2**register)]
    return Expectation([_on(one, labels) for labels in registers for one in words])


def _sentence(matrix: NDArray[Any]) -> qml.pauli.PauliSentence:
    """A Hermitian matrix as Pauli words on the wires 0, 1, …, without rounding's."""
    sentence = qml.pauli_decompose(matrix, pauli=True)
    sentence.simplify(1e-12)
    return sentence


def _on(sentence: qml.pauli.PauliSentence, wires: Sequence[Hashable]) -> Any:
    return sentence.map_wires(dict(enumerate(wires))).operation(wire_order=wires)
