"""One run of a layer: what comes is checked, laid into rows, run, and laid back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import ShapeError
from qml_qdl.hardware.simulator.modes import is_transformed
from qml_qdl.hardware.traits import traits_of
from qml_qdl.nn.execution import Execution
from qml_qdl.nn.finite import run_finite
from qml_qdl.nn.options import check_floating
from qml_qdl.nn.results import (
    Rows,
    at_least_single,
    refuse_nan,
    with_nan,
    without_nan,
)


def check_inputs(execution: Execution, inputs: Sequence[Any]) -> None:
    """Checks what a layer is given.

    Args:
        execution: What will run it.
        inputs: One tensor for each of its inputs, (..., features).

    Raises:
        ShapeError: They do not fit.
        ArgumentTypeError: One is not floating.
    """
    names = execution.input_names
    source = execution.source
    size = source.num_inputs if isinstance(source, Circuit) else None
    if len(inputs) != len(names):
        repair = "" if size is not None else "; give what is trained a weight shape"
        raise ShapeError(
            f"inputs: this layer takes {len(names)} tensors {list(names)}, got "
            f"{len(inputs)}{repair}"
        )
    for name, x in zip(names, inputs, strict=True):
        check_floating(name, x, or_whole=size is None)
        if x.shape[:-1] != inputs[0].shape[:-1] or not x.ndim:
            shapes = [tuple(t.shape) for t in inputs]
            raise ShapeError(
                f"{name}: expected shape (..., features) with the same leading "
                f"dimensions for every input, got {shapes}"
            )
    if inputs and size is not None and inputs[0].shape[-1] != size:
        raise ShapeError(
            f"inputs: expected shape (..., {size}), got "
            f"{tuple(inputs[0].shape)}; the circuit reads {size} features"
        )


def check_weights(execution: Execution, weights: Mapping[str, Tensor]) -> None:
    """Checks what a circuit's layer has for weights, which anybody may assign.

    Args:
        execution: What will run it.
        weights: The trained tensors by name.

    Raises:
        ShapeError: One has another shape than the circuit's.
    """
    if not isinstance(execution.source, Circuit):
        return
    for name, shape in execution.source.weight_shapes.items():
        if weights[name].shape != shape:
            raise ShapeError(
                f"{name}: expected shape {shape}, which the circuit has, got "
                f"{tuple(weights[name].shape)}; assign a tensor of that shape"
            )


def weights_like(
    weights: Mapping[str, Tensor], inputs: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Weights in the precision and place of the inputs, if there are any.

    Args:
        weights: The trained tensors by name.
        inputs: The inputs.

    Returns:
        The weights, in a precision that complex numbers have.
    """
    for x in inputs:
        if x.is_floating_point():
            like = at_least_single(x)
            return {k: w.to(like) for k, w in weights.items()}
    place = inputs[0].device if inputs else None
    return {k: at_least_single(w).to(place) for k, w in weights.items()}


def run_layer(
    execution: Execution, inputs: Sequence[Tensor], weights: Mapping[str, Tensor]
) -> Tensor:
    """Runs a circuit on every row of the inputs.

    Args:
        execution: What runs.
        inputs: (..., features), one tensor for each input.
        weights: The trained tensors by name.

    Returns:
        `(..., *output_shape)`, of the first input's dtype and device.

    Raises:
        ShapeError: The inputs or the weights do not fit.
        ArgumentTypeError: An input is not floating.
        ArgumentError: A row is not finite, and samples are read out.
        TargetError: A transform of torch cannot go through the target.
    """
    check_inputs(execution, inputs)
    check_weights(execution, weights)
    if is_transformed():
        execution.check_transforms([*inputs, *weights.values()])
    rows = Rows.of(inputs)
    own = weights_like(weights, rows.inputs)
    result = None
    if rows.are_none:
        result = execution.of_no_rows(rows.inputs, own)
    if result is None and execution.takes_nan:
        result = execution(rows.inputs, own, rows.count)
    elif result is None:
        result = _run_clean(execution, rows, own)
    return execution.laid_out(rows.restored(result, example(inputs, weights)))


def example(inputs: Sequence[Tensor], weights: Mapping[str, Tensor]) -> Tensor:
    """A tensor whose type and place a layer's result shall have.

    Args:
        inputs: The inputs.
        weights: The trained tensors by name.

    Returns:
        The first floating input, or weight; an empty tensor where there is none.
    """
    floating = [x for x in inputs if x.is_floating_point()]
    return [*floating, *weights.values(), torch.empty(0)][0]


def _run_clean(
    execution: Execution, rows: Rows, weights: Mapping[str, Tensor]
) -> Tensor:
    """Runs what is finite, and puts NaN into the other rows."""
    inputs, weights, lost = without_nan(rows.inputs, weights)
    if execution.is_whole:
        refuse_nan(lost)  # before a machine is paid for it

    def run(
        inputs: Sequence[Tensor], weights: Mapping[str, Tensor], rows: int | None
    ) -> tuple[Tensor, ...]:
        return (execution(inputs, weights, rows),)

    if traits_of(execution.qnode.device).costs_jobs:
        result = run_finite(execution, run, inputs, weights, lost)[0]
    else:
        result = execution(inputs, weights, rows.count)
    return with_nan(result, lost)
