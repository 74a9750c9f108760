"""The algebra of circuits: U(x, θ) = W(θ)S(x) is written `W @ S`."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Self, TypeAlias

from attrs import Attribute, evolve, field, frozen

from qml_qdl.circuits.diagrams import compact_repr, draw_mpl, draw_text, tape_of_gates
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.readouts import Expectation, Readout
from qml_qdl.circuits.validation import (
    WiresLike,
    as_many_wires,
    shape_of,
)

Weights: TypeAlias = Mapping[str, Any]
"""The trained tensors of a circuit by name, of any interface PennyLane knows."""


class Block(ABC):
    """A piece of circuit on some wires: abstract base of encodings and processings.

    A block is an immutable value that compares, hashes and pickles. `A @ B` is the
    circuit that applies B first, as in the formula. One that is always the same
    expression in x and θ may promise it by `pure = True`, as `Encoding` describes.
    """

    __slots__ = ()

    wires: tuple[Hashable, ...]

    # ---- Must be defined: these three, and nothing else. ----

    @property
    @abstractmethod
    def num_features(self) -> int:
        """How many features of x the block reads; 0 for a processing."""

    @property
    @abstractmethod
    def weight_shape(self) -> tuple[int, ...] | None:
        """Shape of the block's one trained tensor; None where nothing is trained."""

    @abstractmethod
    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues the block's gates as PennyLane operations.

        Args:
            inputs: The whole x: (num_inputs,) or (rows, num_inputs), or None.
            weights: Tensor of shape `weight_shape`; None where nothing is trained.
        """

    # ---- Have a default. ----

    weight_kind: ClassVar[str] = "weights"
    """The stem of the trained tensor's name in a circuit."""

    @property
    def features(self) -> tuple[int, ...] | None:
        """The indices of x that are read; None for the whole x."""
        return None

    @property
    def tied_name(self) -> str | None:
        """The weights' name where they are shared; None where they are fresh."""
        return None

    @property
    def initial_weight(self) -> float | None:
        """The number the weights start from; None where an initialiser chooses."""
        return None

    def on(self, wires: WiresLike) -> Self:
        """The same block on other wires.

        Args:
            wires: As many wires as the block has: a number of wires, meaning 0 … n−1,
                or their labels.

        Returns:
            A new block.

        Raises:
            ArgumentError: There are more or fewer wires than the block has.

        Example:
            >>> from qml_qdl.circuits import AngleEncoding
            >>> AngleEncoding(2).on(["a", "b"])
            AngleEncoding(['a', 'b'])
        """
        return evolve(self, wires=as_many_wires(wires, self.wires))  # type: ignore[misc]

    def with_readout(self, readout: Readout) -> Circuit:
        """The circuit of this block alone, with a readout.

        Args:
            readout: What is measured.

        Returns:
            A circuit.
        """
        return Circuit((self,), readout=readout)

    def __matmul__(self, other: Block | Circuit) -> Circuit:
        return compose(self, other)

    def __repr__(self) -> str:
        return compact_repr(self)


def _is_readout(_: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, Readout):
        raise ArgumentTypeError(
            "readout: expected a readout such as Expectation('ZZ') or Probabilities(), "
            f"got {value!r}"
        )


def _as_blocks(blocks: Iterable[Block]) -> tuple[Block, ...]:
    given = tuple(blocks) if isinstance(blocks, Iterable) else (blocks,)
    for block in given:
        if not isinstance(blocks, Iterable) or not isinstance(block, Block):
            raise ArgumentTypeError(
                f"blocks: expected a sequence of encodings and processings, got "
                f"{block!r}"
            )
    if not given:
        raise ArgumentError("blocks: expected at least one block, got none")
    return given


@frozen(repr=False, slots=False)
class Circuit:
    """U(x, θ): blocks in the order of application, and what is read out.

    A circuit is an immutable value: it compares, hashes and pickles, `repr` gives the
    formula that makes it and `print` draws it. Calling it queues its gates and returns
    its measurements, so it is a PennyLane quantum function: `qml.QNode(circuit, dev)`
    and `qml.draw(circuit)` take it as it is.

    Args:
        blocks: Encodings and processings, the first applied first. Usually written
            with `@` instead: `W @ S`.
        readout: What is measured; the default is ⟨Z⟩ on every wire.

    Raises:
        ArgumentError: There is no block, two encodings disagree about the size of x,
            or the readout does not fit the wires.
        ShapeError: Weights of one shared name have different shapes.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding, StronglyEntangling
        >>> U = StronglyEntangling(2) @ AngleEncoding(2)
        >>> U
        StronglyEntangling(2) @ AngleEncoding(2)
        >>> U.num_inputs, U.weight_shapes, U.output_shape
        (2, {'weights_0': (1, 2, 3)}, (2,))
    """

    blocks: tuple[Block, ...] = field(converter=_as_blocks)
    readout: Readout = field(default=Expectation(), kw_only=True, validator=_is_readout)

    def __attrs_post_init__(self) -> None:
        _ = self.num_inputs, self.weight_shapes, self.output_shape

    @cached_property
    def wires(self) -> tuple[Hashable, ...]:
        """The wire labels, sorted if all are numbers, else in order of appearance."""
        labels = dict.fromkeys(wire for block in self.blocks for wire in block.wires)
        if all(isinstance(label, int) for label in labels):
            return tuple(sorted(labels))  # type: ignore[type-var]
        return tuple(labels)

    @cached_property
    def num_inputs(self) -> int:
        """How many numbers x has; 0 for a circuit without an encoding."""
        sizes = {
            block.num_features: block
            for block in self.blocks
            if block.num_features and block.features is None
        }
        if len(sizes) > 1:
            listed = " and ".join(f"{b!r} reads {n}" for n, b in sizes.items())
            raise ArgumentError(
                f"features: every encoding without features= reads the whole x, but "
                f"{listed} features; say with features= which part each one reads"
            )
        reach = max((max(b.features) + 1 for b in self.blocks if b.features), default=0)
        if not sizes:
            return reach
        (size,) = sizes
        if reach > size:
            raise ArgumentError(
                f"features: {sizes[size]!r} reads the whole x as {size} features, but "
                f"another encoding reads feature {reach - 1}; give both features="
            )
        return size

    @cached_property
    def weight_names(self) -> tuple[str | None, ...]:
        """For each block the name of its weights; None where nothing is trained."""
        names: list[str | None] = []
        fresh: dict[str, int] = {}
        for block in self.blocks:
            name = block.tied_name
            if block.weight_shape is not None and name is None:
                number = fresh.get(block.weight_kind, 0)
                fresh[block.weight_kind] = number + 1
                name = f"{block.weight_kind}_{number}"
            names.append(name)
        tied = {block.tied_name for block in self.blocks if block.tied_name}
        taken = tied & {
            name
            for name, block in zip(names, self.blocks, strict=True)
            if block.tied_name is None and name is not None
        }
        if taken:
            raise ArgumentError(
                f"share: the name {min(taken)!r} is what fresh weights are called "
                "here; choose another name"
            )
        return tuple(names)

    @cached_property
    def _weight_shapes(self) -> Mapping[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for name, block in zip(self.weight_names, self.blocks, strict=True):
            shape = block.weight_shape
            if name is None or shape is None:
                continue
            if shapes.setdefault(name, shape) != shape:
                raise ShapeError(
                    f"share: weights of one name have one shape, but {name!r} is "
                    f"{shapes[name]} and, in {block!r}, {shape}; give one of them "
                    "another name"
                )
        return shapes

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each trained tensor, by name, in order of application."""
        return dict(self._weight_shapes)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of one row's result; None stands for the number of shots."""
        return self.readout.output_shape(self.wires)

    @cached_property
    def unentangled_wires(self) -> tuple[Hashable, ...]:
        """Wires that only encodings act on and no gate entangles, while others are.

        Example:
            >>> from qml_qdl.circuits import AngleEncoding, StronglyEntangling
            >>> (StronglyEntangling(3) @ AngleEncoding(4)).unentangled_wires
            (3,)
        """
        others = (block for block in self.blocks if not block.num_features)
        processed = {wire for block in others for wire in block.wires}
        if not processed or processed >= set(self.wires):
            return ()
        gates = tape_of_gates(self).operations
        joined = {wire for gate in gates if len(gate.wires) > 1 for wire in gate.wires}
        alone = set(self.wires) - processed - joined
        return tuple(wire for wire in self.wires if joined and wire in alone)

    def with_readout(self, readout: Readout) -> Circuit:
        """The same gates with another readout.

        Args:
            readout: What is measured instead.

        Returns:
            A new circuit.

        Example:
            >>> from qml_qdl.circuits import AngleEncoding, Probabilities
            >>> U = AngleEncoding(1) @ AngleEncoding(1)
            >>> U.with_readout(Probabilities()).output_shape
            (2,)
        """
        return evolve(self, readout=readout)

    def __matmul__(self, other: Block | Circuit) -> Circuit:
        return compose(self, other)

    def __rmatmul__(self, other: Block) -> Circuit:
        return compose(other, self)

    def __call__(self, inputs: Any = None, weights: Any = None) -> Any:
        """Queues the gates of U(x, θ) and returns the measurements.

        Args:
            inputs: x, of shape (num_inputs,) or (rows, num_inputs); None if the circuit
                reads nothing. Angles in radians.
            weights: θ by name, shaped as `weight_shapes`; one tensor will do where the
                circuit has only one; None if nothing is trained.

        Returns:
            PennyLane measurements, as a quantum function returns them.

        Raises:
            ShapeError: Inputs or weights do not fit.
        """
        self._check_inputs(inputs)
        theta = self._named(weights)
        for block, name in zip(self.blocks, self.weight_names, strict=True):
            block.queue(inputs, None if name is None else theta[name])
        return self.readout.measure(self.wires)

    def _check_inputs(self, inputs: Any) -> None:
        if inputs is None:
            if self.num_inputs:
                raise ShapeError(
                    f"inputs: expected {self.num_inputs} features, got none; pass a "
                    f"tensor of shape (rows, {self.num_inputs})"
                )
            return
        shape = shape_of("inputs", inputs)
        if len(shape) not in (1, 2) or shape[-1] != self.num_inputs:
            raise ShapeError(
                f"inputs: expected shape ({self.num_inputs},) or (rows, "
                f"{self.num_inputs}), got {shape}; this circuit reads "
                f"{self.num_inputs} features"
            )

    def _named(self, weights: Any) -> Weights:
        shapes = self._weight_shapes
        named: Weights = {} if weights is None else weights
        if not isinstance(named, Mapping):
            if len(shapes) != 1:
                raise ShapeError(
                    f"weights: expected a mapping with the names {list(shapes)}, got "
                    f"{type(weights).__name__}"
                )
            named = {name: weights for name in shapes}
        if set(named) != set(shapes):
            raise ShapeError(
                f"weights: expected the names {list(shapes)}, got {list(named)}"
            )
        for name, shape in shapes.items():
            given = shape_of("weights", named[name])
            if given != shape:
                raise ShapeError(
                    f"weights: expected {name!r} of shape {shape}, got {given}"
                )
        return named

    def draw(self) -> str:
        """Draws the circuit as text.

        Returns:
            One line a wire; gates without their angles.
        """
        return draw_text(self)

    def draw_mpl(self, **options: Any) -> Any:
        """Draws the circuit with matplotlib.

        Args:
            **options: Passed to `pennylane.drawer.tape_mpl`, such as
                `style="pennylane"`.

        Returns:
            The figure and its axes.
        """
        return draw_mpl(self, **options)

    def __repr__(self) -> str:
        if "readout" not in vars(self):  # in a traceback, say
            return "<half-built Circuit>"
        formula = " @ ".join(repr(block) for block in reversed(self.blocks))
        if self.readout == Expectation():
            return formula if len(self.blocks) > 1 else f"Circuit(({formula},))"
        if len(self.blocks) > 1:
            formula = f"({formula})"
        return f"{formula}.with_readout({self.readout!r})"

    def __str__(self) -> str:
        return self.draw()


def compose(left: Block | Circuit, right: Block | Circuit) -> Circuit:
    """The circuit that applies `right` first, then `left`: what `@` does.

    Args:
        left: Applied last.
        right: Applied first.

    Returns:
        The circuit; it keeps the readout that either side was given.

    Raises:
        ArgumentError: Both sides were given readouts, and they differ.
    """
    if not isinstance(right, Block | Circuit):
        return NotImplemented
    second, first = as_circuit(left), as_circuit(right)
    given = [c.readout for c in (second, first) if c.readout != Expectation()]
    if len(given) > 1 and given[0] != given[1]:
        raise ArgumentError(
            f"readout: both sides of @ were given one, {second.readout!r} and "
            f"{first.readout!r}; give it once, to the whole circuit"
        )
    return Circuit(first.blocks + second.blocks, readout=[*given, Expectation()][0])


def as_circuit(block: Block | Circuit) -> Circuit:
    """Takes a block for the circuit that consists of it alone.

    Args:
        block: A block or a circuit.

    Returns:
        The circuit.

    Raises:
        ArgumentTypeError: It is neither.
    """
    if isinstance(block, Circuit):
        return block
    if isinstance(block, Block):
        return Circuit((block,))
    raise ArgumentTypeError(
        f"circuit: expected a circuit, an encoding or a processing, got {block!r}"
    )


def as_whole_circuit(block: Block | Circuit) -> Circuit:
    """Takes a block for a circuit, and warns once where its parts differ in width.

    Args:
        block: A block or a circuit, to which nothing is added any more.

    Returns:
        The circuit.

    Raises:
        ArgumentTypeError: It is neither.
    """
    circuit = as_circuit(block)
    alone = circuit.unentangled_wires
    if alone:
        warnings.warn(
            f"circuit: no gate entangles the wires {list(alone)} of {circuit!r} with "
            "the others; give encoding and processing as many wires",
            stacklevel=4,
        )
    return circuit
