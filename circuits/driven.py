"""A processing whose angles are read from the data instead of being trained."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import pennylane as qml
from attrs import Factory, evolve, field, frozen

from qml_qdl.circuits.encodings.encoding import Encoding
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.validation import WiresLike


def _as_processing(processing: Any) -> Processing:
    if not isinstance(processing, Processing):
        raise ArgumentTypeError(
            f"processing: expected a processing such as HardwareEfficient, got "
            f"{processing!r}"
        )
    return processing


@frozen(repr=False)
class Driven(Encoding):
    """A processing whose angles are features: another layer may compute them.

    So each row of a batch may have weights of its own: several generators of one
    structure run as one batch, and style-based generators and hypernetworks set every
    angle.

    Args:
        processing: The gates; its angles are read in the order of its flattened
            weights.
        features: Which features of x are read; None for the whole x.
        scaling: Factor on the features before they become angles.
        trainable_scaling: Whether each feature's factor is trained.

    Raises:
        ArgumentError: The processing does not take rows of weights,
            `(rows, *weight_shape)`, as PennyLane's broadcasting has them.
        ArgumentTypeError: It is no processing.

    Example:
        >>> from qml_qdl.circuits import Circuit, Driven, HardwareEfficient
        >>> circuit = Circuit([Driven(HardwareEfficient(2, layers=3))])
        >>> circuit.num_inputs, circuit.weight_shapes
        (12, {})
    """

    processing: Processing = field(converter=_as_processing)
    wires: tuple[Hashable, ...] = field(
        init=False,
        default=Factory(lambda self: self.processing.wires, takes_self=True),
    )

    def __attrs_post_init__(self) -> None:
        Encoding.__attrs_post_init__(self)
        if not _takes_rows(self.processing):
            raise ArgumentError(
                f"processing: {self.processing!r} does not take rows of weights, "
                "(rows, *weight_shape); index its weights as weights[..., k]"
            )

    @property
    def num_features(self) -> int:
        """As many as the processing has weights."""
        return math.prod(self.processing.weight_shape)

    def on(self, wires: WiresLike) -> Driven:
        """Returns the same on other wires."""
        return evolve(self, processing=self.processing.on(wires))

    def encode(self, features: Any) -> None:
        """Queues the processing's gates, for one row or many."""
        rows = qml.math.shape(features)[:-1]
        shape = (*rows, *self.processing.weight_shape)
        self.processing.process(qml.math.reshape(features, shape))


def _takes_rows(processing: Processing) -> bool:
    """Whether two rows of weights queue what each of them does alone."""
    shape = (2, *processing.weight_shape)
    rows = np.arange(1.0, math.prod(shape) + 1).reshape(shape)
    first, second = (_numbers(processing, row) for row in rows)
    try:
        both = _numbers(processing, rows)
    except (IndexError, ValueError):  # how NumPy and PennyLane refuse a shape
        return False
    if not len(both) == len(first) == len(second):
        return False
    pairs = (np.stack(pair) for pair in zip(first, second, strict=True))
    return all(
        np.ndim(found) <= 1 and np.array_equal(np.broadcast_to(found, 2), pair)
        for found, pair in zip(both, pairs, strict=True)
    )


def _numbers(processing: Processing, weights: Any) -> list[Any]:
    """The numbers of all gates, templates taken apart."""
    with qml.queuing.AnnotatedQueue() as queue:
        processing.process(weights)
    todo = list(queue.queue)
    found: list[Any] = []
    while todo:
        operation = todo.pop(0)
        if any(dimension > 0 for dimension in operation.ndim_params):
            todo = operation.decomposition() + todo
        else:
            found += operation.data
    return found
