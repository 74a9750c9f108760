"""Encodings S(x): gates whose angles come from the data."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations, islice
from typing import Any, ClassVar

import pennylane as qml
from attrs import evolve, field, frozen

from qml_qdl.circuits.circuit import Block
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import (
    WiresLike,
    as_features,
    as_many_wires,
    as_wires,
    check_choice,
    check_count,
    check_flag,
    check_number,
    checked,
)


def _as_scaling(scaling: float) -> float:
    check_number("scaling", scaling, -math.inf, math.inf)
    return float(scaling)


@frozen(repr=False)
class Encoding(Block):
    """Gates whose angles come from the data: abstract base of all encodings.

    An encoding of one's own may do anything in `encode`, which runs at every call:
    branch on values, sample random numbers, look at what changes. If all it does is to
    make angles of the features by tensor operations, always the same ones, it may say
    so by `pure = True` in its own body: then `qdl.simulator` runs it a single time, on
    symbols, and is about three times faster. Subclasses do not inherit the promise. A
    batch has its rows first: write `features[..., i]`.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        features: Which features of x are read: a slice, indices, or None for the
            whole x.
        scaling: Factor on the features before they become angles.
        trainable_scaling: Whether each feature's factor is trained, starting from
            `scaling` (Pérez-Salinas et al. 2020, arXiv:1907.02085).

    Raises:
        ArgumentError: The number of features is not what the encoding reads, or
            `scaling` is not finite.
        ArgumentTypeError: An argument is of another type.
    """

    weight_kind: ClassVar[str] = "scaling"

    wires: tuple[Hashable, ...] = field(converter=as_wires)
    features: tuple[int, ...] | None = field(
        default=None, converter=as_features, kw_only=True
    )
    scaling: float = field(default=1.0, converter=_as_scaling, kw_only=True)
    trainable_scaling: bool = field(
        default=False, validator=checked(check_flag), kw_only=True
    )

    # ---- Must be defined, beside `num_features`. ----

    @abstractmethod
    def encode(self, features: Any) -> None:
        """Queues the gates that encode the features.

        Args:
            features: Tensor (num_features,) or (rows, num_features), already scaled.
        """

    # ---- Defined here for all. ----

    def __attrs_post_init__(self) -> None:
        if self.features is None:
            return
        size = self.num_features
        indices = self.features
        if isinstance(indices, range):
            indices = tuple(islice(indices, size))
            object.__setattr__(self, "features", indices)
        if len(indices) != size:
            raise ArgumentError(
                f"features: {type(self).__name__} on {len(self.wires)} wires reads "
                f"{size} features, got {len(indices)}: {list(indices)}"
            )

    @property
    def weight_shape(self) -> tuple[int, ...] | None:
        """(num_features,) if the scaling is trained, else None."""
        return (self.num_features,) if self.trainable_scaling else None

    @property
    def initial_weight(self) -> float | None:
        """A trained scaling starts from `scaling`."""
        return self.scaling

    def selected(self, inputs: Any) -> Any:
        """The features that are read of the whole x.

        Args:
            inputs: (num_inputs,) or (rows, num_inputs).
        """
        if self.features is None:
            return inputs
        first, last = self.features[0], self.features[-1] + 1
        if self.features == tuple(range(first, last)):
            return inputs[..., first:last]
        return inputs[..., list(self.features)]

    def queue(self, inputs: Any, weights: Any) -> None:
        """Selects the features, scales them and encodes them."""
        features = self.selected(inputs)
        if self.trainable_scaling:
            features = features * weights
        elif self.scaling != 1.0:
            features = features * self.scaling
        self.encode(features)


@frozen(repr=False)
class AngleEncoding(Encoding):
    """One feature a wire, as the angle of one rotation.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        rotation: "X", "Y" or "Z"; Z is preceded by a Hadamard gate, since alone it
            would do nothing to `|0⟩`.
        features: Which features of x are read; None for the whole x.
        scaling: Factor on the features; `math.pi` maps pixels of 0 … 1 to half turns.
        trainable_scaling: Whether each feature's factor is trained.

    Raises:
        ArgumentError: The rotation is unknown, or the number of features is not the
            number of wires.

    Example:
        >>> print(AngleEncoding(2, rotation="X") @ AngleEncoding(2))
        0: ──RY──RX─┤  <Z>
        1: ──RY──RX─┤  <Z>
    """

    rotation: str = "Y"

    def __attrs_post_init__(self) -> None:
        check_choice("rotation", self.rotation, ("X", "Y", "Z"))
        Encoding.__attrs_post_init__(self)

    @property
    def num_features(self) -> int:
        """One for each wire."""
        return len(self.wires)

    def encode(self, features: Any) -> None:
        """Queues one rotation for each wire."""
        if self.rotation == "Z":
            for wire in self.wires:
                qml.Hadamard(wire)
        qml.AngleEmbedding(features, wires=self.wires, rotation=self.rotation)


@frozen(repr=False)
class BasisEncoding(Encoding):
    """Bits as basis states: `|b₁ … bₙ⟩` up to a phase, by RX(πb) on each wire.

    Values between 0 and 1 give the rotations in between, so the bits stay data like any
    other and one circuit serves all of them.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        features: Which features of x are read; None for the whole x.
        scaling: Factor on the bits before they are turned into angles.
        trainable_scaling: Whether each bit's factor is trained.

    Raises:
        ArgumentError: The number of features is not the number of wires.

    Example:
        >>> print(BasisEncoding(2) @ BasisEncoding(2))
        0: ──RX──RX─┤  <Z>
        1: ──RX──RX─┤  <Z>
    """

    @property
    def num_features(self) -> int:
        """One for each wire."""
        return len(self.wires)

    def encode(self, features: Any) -> None:
        """Queues one half turn for each bit."""
        qml.AngleEmbedding(features * math.pi, wires=self.wires, rotation="X")


@frozen(repr=False)
class IQPEncoding(Encoding):
    """Hadamards, RZ(xᵢ) and ZZ(xᵢxⱼ): PennyLane's `IQPEmbedding`.

    From Havlíček et al. 2019, arXiv:1804.11326.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        repeats: How often the whole is repeated.
        features: Which features of x are read; None for the whole x.
        scaling: Factor on the features.
        trainable_scaling: Whether each feature's factor is trained.

    Raises:
        ArgumentError: `repeats` is below 1, or the number of features is not the
            number of wires.

    Example:
        >>> print(IQPEncoding(2) @ AngleEncoding(2))
        0: ──RY──H──RZ─╭MultiRZ─┤  <Z>
        1: ──RY──H──RZ─╰MultiRZ─┤  <Z>
    """

    repeats: int = 1

    def __attrs_post_init__(self) -> None:
        check_count("repeats", self.repeats)
        Encoding.__attrs_post_init__(self)

    @property
    def num_features(self) -> int:
        """One for each wire."""
        return len(self.wires)

    def encode(self, features: Any) -> None:
        """Queues PennyLane's template."""
        qml.IQPEmbedding(features, wires=self.wires, n_repeats=self.repeats)


@frozen(repr=False)
class ZZFeatureMap(Encoding):
    """Qiskit's `zz_feature_map`: H, P(2xᵢ) and, for each pair, P(2(π−xᵢ)(π−xⱼ)).

    From Havlíček et al. 2019, arXiv:1804.11326; the same unitary as Qiskit's at the
    same arguments, wire i being Qiskit's qubit i.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        repeats: How often the whole is repeated (Qiskit's `reps`).
        entanglement: Which pairs are entangled: "full", "linear" or "circular".
        features: Which features of x are read; None for the whole x.
        scaling: Factor on the features.
        trainable_scaling: Whether each feature's factor is trained.

    Raises:
        ArgumentError: `repeats` is below 1, the entanglement is unknown, or the number
            of features is not the number of wires.

    Example:
        >>> ZZFeatureMap(3, entanglement="linear").pairs
        ((0, 1), (1, 2))
    """

    repeats: int = 2
    entanglement: str = "full"

    def __attrs_post_init__(self) -> None:
        check_count("repeats", self.repeats)
        check_choice("entanglement", self.entanglement, ("full", "linear", "circular"))
        Encoding.__attrs_post_init__(self)

    @property
    def num_features(self) -> int:
        """One for each wire."""
        return len(self.wires)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The entangled pairs, as positions of wires, in order."""
        size = len(self.wires)
        if self.entanglement == "full":
            return tuple(combinations(range(size), 2))
        chain = tuple((i, i + 1) for i in range(size - 1))
        if self.entanglement == "circular" and size > 2:
            return ((size - 1, 0), *chain)
        return chain

    def encode(self, features: Any) -> None:
        """Queues Hadamards and phases, `repeats` times."""
        for _ in range(self.repeats):
            for i, wire in enumerate(self.wires):
                qml.Hadamard(wire)
                qml.PhaseShift(2 * features[..., i], wires=wire)
            for i, j in self.pairs:
                ends = [self.wires[i], self.wires[j]]
                angle = 2 * (math.pi - features[..., i]) * (math.pi - features[..., j])
                qml.CNOT(ends)
                qml.PhaseShift(angle, wires=ends[1])
                qml.CNOT(ends)


def _as_generators(generators: Any) -> tuple[Any, ...] | None:
    if generators is None:
        return None
    # Sums and products of operators are iterable too, over their parts.
    lone = isinstance(generators, qml.operation.Operator)
    if lone or not isinstance(generators, Iterable):
        generators = (generators,)
    operators = tuple(generators)
    for operator in operators:
        if not isinstance(operator, qml.operation.Operator) or not operator.pauli_rep:
            raise ArgumentTypeError(
                "generators: expected PennyLane operators made of Pauli words, got "
                f"{operator!r}"
            )
        if any(abs(qml.math.imag(c)) > 1e-12 for c in operator.pauli_rep.values()):
            raise ArgumentError(
                f"generators: expected Hermitian operators, got {operator!r}; make "
                "the coefficients of its Pauli words real"
            )
    if not operators:
        raise ArgumentError(
            "generators: expected one operator for each feature, got none; pass None "
            "for the Heisenberg chain"
        )
    return operators


@frozen(repr=False)
class HamiltonianEncoding(Encoding):
    """Evolution under one Hamiltonian for each feature: ∏ₖ exp(−i xₖ Hₖ).

    Each factor is a first-order product formula over the Hamiltonian's Pauli words,
    exact where they all commute; more steps bring it nearer otherwise (Lloyd 1996).
    Without generators Hₖ is the Heisenberg exchange XX + YY + ZZ between neighbouring
    wires, so n wires read n − 1 features.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        generators: One PennyLane operator for each feature, real combinations of Pauli
            words on these wires; None for the Heisenberg chain.
        steps: Number of steps into which the evolution is cut.
        features: Which features of x are read; None for the whole x.
        scaling: Factor on the features, the evolution times.
        trainable_scaling: Whether each feature's factor is trained.

    Raises:
        ArgumentTypeError: A generator is no operator of Pauli words.
        ArgumentError: `steps` is below 1, there is no generator, one is not Hermitian
            or acts on other wires, or the Heisenberg chain has a single wire.

    Example:
        >>> import pennylane as qml
        >>> S = HamiltonianEncoding(2, generators=[qml.Z(0) @ qml.Z(1), qml.X(0)])
        >>> print(S @ AngleEncoding(2))
        0: ──RY─╭RZZ──RX─┤  <Z>
        1: ──RY─╰RZZ─────┤  <Z>
    """

    generators: tuple[Any, ...] | None = field(default=None, converter=_as_generators)
    steps: int = 1

    def __attrs_post_init__(self) -> None:
        check_count("steps", self.steps)
        if self.generators is None and len(self.wires) < 2:
            raise ArgumentError(
                "wires: the Heisenberg chain needs two wires or more, got 1; pass "
                "generators= for a single wire"
            )
        for operator in self.generators or ():
            if set(operator.wires) - set(self.wires):
                raise ArgumentError(
                    f"generators: {operator!r} acts on {list(operator.wires)}, but the "
                    f"encoding has the wires {list(self.wires)}"
                )
        Encoding.__attrs_post_init__(self)

    @property
    def num_features(self) -> int:
        """One for each generator."""
        if self.generators is None:
            return len(self.wires) - 1
        return len(self.generators)

    def on(self, wires: WiresLike) -> HamiltonianEncoding:
        """The same encoding on other wires, its generators moved along."""
        labels = as_many_wires(wires, self.wires)
        if self.generators is None:
            return evolve(self, wires=labels)
        wire_map = dict(zip(self.wires, labels, strict=True))
        generators = [qml.map_wires(h, wire_map) for h in self.generators]
        return evolve(self, wires=labels, generators=generators)

    def _words(self) -> list[list[tuple[str, Sequence[Hashable], float]]]:
        """For each feature its Pauli words, their wires and coefficients."""
        if self.generators is None:
            links = zip(self.wires[:-1], self.wires[1:], strict=True)
            return [[(w, link, 1.0) for w in ("XX", "YY", "ZZ")] for link in links]
        return [
            [
                ("".join(word.values()), list(word), float(qml.math.real(coefficient)))
                for word, coefficient in operator.pauli_rep.items()
                if word
            ]
            for operator in self.generators
        ]

    def encode(self, features: Any) -> None:
        """Queues one Pauli rotation for each word, feature and step."""
        for _ in range(self.steps):
            for index, words in enumerate(self._words()):
                for word, wires, coefficient in words:
                    factor = 2 * coefficient / self.steps
                    qml.PauliRot(features[..., index] * factor, word, wires=wires)
