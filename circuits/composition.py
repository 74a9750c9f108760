"""Composition beyond `@`: shared weights and data re-uploading."""

from __future__ import annotations

from typing import Any, overload

from attrs import evolve, field, frozen

from qml_qdl.circuits.around import Around, as_block
from qml_qdl.circuits.circuit import Block, Circuit, as_circuit, compose
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import check_count, validate_call


def _unshared(block: Block) -> Block:
    return block.block if isinstance(block, Shared) else as_block(block)


@validate_call
@frozen(repr=False)
class Shared(Around):
    """A block whose weights have a name: all blocks of that name share one tensor.

    Made by `share`. Sharing what is shared already renames it.

    Args:
        name: The name of the weights, a Python identifier.
        block: The block, which must have weights.

    Raises:
        ArgumentError: The name is no identifier, or the block has no weights.
        ArgumentTypeError: The name is no text, or the block is none.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding, StronglyEntangling
        >>> W = Shared("W", StronglyEntangling(2))
        >>> (W @ AngleEncoding(2) @ W).weight_shapes
        {'W': (1, 2, 3)}
    """

    name: str
    block: Block = field(converter=_unshared)

    def __attrs_post_init__(self) -> None:
        _check_name(self.name)
        if self.block.weight_shape is None:
            raise ArgumentError(
                f"share: {self.block!r} has no weights to share; leave share out"
            )

    @property
    def tied_name(self) -> str:
        """The name that is shared."""
        return self.name

    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues the block's gates."""
        self.block.queue(inputs, weights)

    def __repr__(self) -> str:
        return f"share({self.name!r}, {self.block!r})"


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise ArgumentTypeError(f"name: expected text, got {name!r}")
    if not name.isidentifier():
        raise ArgumentError(
            f"name: expected letters, digits and underscores, not beginning with a "
            f"digit, got {name!r}; it becomes a parameter's name in torch"
        )


@overload
def share(name: str, circuit: Block) -> Shared: ...
@overload
def share(name: str, circuit: Circuit) -> Circuit: ...
def share(name: str, circuit: Block | Circuit) -> Shared | Circuit:
    """Names the weights, so that all occurrences of the name are one tensor.

    Args:
        name: The name, a Python identifier.
        circuit: A block or a circuit. If a circuit has several weight tensors, each is
            called name_inner, "inner" being its name there; what was shared inside
            stays shared.

    Returns:
        The block or circuit with named weights.

    Raises:
        ArgumentError: The name is no identifier, or there are no weights.
        ArgumentTypeError: An argument is of the wrong kind.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding, BasicEntangler
        >>> W, S = share("W", BasicEntangler(2)), AngleEncoding(2)
        >>> (W @ S @ W @ S).weight_shapes
        {'W': (1, 2)}
    """
    if isinstance(circuit, Block):
        return Shared(name, circuit)
    inner_names = as_circuit(circuit).weight_names
    _check_name(name)
    distinct = set(inner_names) - {None}
    if not distinct:
        raise ArgumentError(
            f"share: {circuit!r} has no weights to share; leave share out"
        )
    blocks = [
        block
        if inner is None
        else Shared(name if len(distinct) == 1 else f"{name}_{inner}", block)
        for inner, block in zip(inner_names, circuit.blocks, strict=True)
    ]
    return evolve(circuit, blocks=blocks)


def reupload(
    processing: Block | Circuit, encoding: Block | Circuit, layers: int
) -> Circuit:
    """Data re-uploading: W S … W S W S, the same x and fresh weights each time.

    From Pérez-Salinas et al. 2020, arXiv:1907.02085. With one layer it is W @ S.

    Args:
        processing: W, applied after S in each layer.
        encoding: S, which reads the same x in each layer.
        layers: Number of layers, 1 or more.

    Returns:
        The circuit; it keeps the readout that either part was given.

    Raises:
        ArgumentError: `layers` is below 1, or both parts were given readouts, and they
            differ.
        ArgumentTypeError: A part is neither a block nor a circuit.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding, BasicEntangler
        >>> U = reupload(BasicEntangler(2), AngleEncoding(2), layers=2)
        >>> U.num_inputs, U.weight_shapes
        (2, {'weights_0': (1, 2), 'weights_1': (1, 2)})
    """
    check_count("layers", layers)
    once = compose(as_circuit(processing), as_circuit(encoding))
    return evolve(once, blocks=once.blocks * layers)
