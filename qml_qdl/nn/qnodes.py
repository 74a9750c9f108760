"""QNodes of PennyLane: what a layer has to know of them."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Hashable, Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import pennylane as qml
from attrs import frozen

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    SerializationError,
)
from qml_qdl.hardware.simulator.tracing import deferred


def function_name(qnode: Any) -> str:
    """The name of a QNode's quantum function, for messages.

    Args:
        qnode: A PennyLane QNode.

    Returns:
        Its name; the `repr` of a callable that has none, such as a `Circuit`.
    """
    function = _function(qnode)
    return str(getattr(function, "__qualname__", None) or repr(function))


def _function(qnode: Any) -> Any:
    function = qnode.func
    while isinstance(function, functools.partial):
        function = function.func
    return function


def queues_and_runs(qnode: Any) -> bool:
    """Whether a QNode does nothing but run what its function queues, once.

    Args:
        qnode: A PennyLane QNode.

    Returns:
        False with transforms, choices about measurements on the way, or shots among
        its arguments.
    """
    chosen = ("mcm_method", "postselect_mode")
    return (
        len(qnode.compile_pipeline) == 0
        and all(qnode.execute_kwargs[name] is None for name in chosen)
        and "shots" not in inspect.signature(qnode.func).parameters
    )


@frozen
class QNodeReference:
    """Where a QNode can be imported from: how it is pickled.

    Args:
        module: The module's import name.
        name: The QNode's name in it.
    """

    module: str
    name: str

    @classmethod
    def find(cls, qnode: Any) -> QNodeReference:
        """Finds the name under which a QNode can be imported.

        Args:
            qnode: A PennyLane QNode.

        Returns:
            The reference.

        Raises:
            SerializationError: It is no module's attribute.
        """
        module = _function(qnode).__module__
        # What is being run or imported is there already; nothing is run again.
        for name, value in vars(sys.modules.get(module, object)).items():
            if value is qnode:
                return cls(module, name)
        raise SerializationError(
            f"circuit_or_qnode: the QNode of {function_name(qnode)!r} cannot be "
            f"imported from {module!r}, so the layer cannot be pickled whole; either "
            "define the QNode at the top level of a module, or save the layer's "
            "state_dict() and build the layer anew (layers made from a Circuit pickle "
            "as they are)"
        )

    def load(self) -> Any:
        """Imports the QNode.

        Returns:
            The QNode.

        Raises:
            SerializationError: The module is gone, or no longer has it.
        """
        try:
            found = getattr(importlib.import_module(self.module), self.name, None)
        except ImportError as error:
            found = error
        if not isinstance(found, qml.QNode):
            raise SerializationError(
                f"circuit_or_qnode: {self.module}.{self.name} was a QNode when the "
                f"layer was saved, and is now {found!r}; restore it, or load a "
                "state_dict into a new layer"
            )
        return found


def qnode_inputs(
    qnode: Any, weight_names: Sequence[str], input_name: str = "inputs"
) -> tuple[str, ...]:
    """The arguments of a QNode that carry data: all but the weights.

    An argument with a default keeps it, unless it is called "inputs", which is what
    `TorchLayer` calls its data.

    Args:
        qnode: A PennyLane QNode.
        weight_names: The arguments that are trained.
        input_name: What is an input with a default, too.

    Returns:
        Names in the order of the signature.

    Raises:
        ArgumentTypeError: The function takes `*args`.
        ArgumentError: A weight is no argument of the function, or it is `input_name`.
    """
    if input_name in weight_names:
        raise ArgumentError(
            f"weight_shapes: {input_name} argument should not have its dimension "
            "specified, got a shape for it; leave it out, or give the weight another "
            "name"
        )
    parameters = inspect.signature(qnode.func).parameters.values()
    kinds = {parameter.kind for parameter in parameters}
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        raise ArgumentTypeError(
            "circuit_or_qnode: Cannot have a variable number of positional arguments, "
            f"but {function_name(qnode)} takes *args; name every argument"
        )
    names = [p.name for p in parameters if p.kind != inspect.Parameter.VAR_KEYWORD]
    unknown = [name for name in weight_names if name not in names]
    if unknown and inspect.Parameter.VAR_KEYWORD not in kinds:
        raise ArgumentError(
            f"weight_shapes: {unknown} are no arguments of {function_name(qnode)}, "
            f"which has {names}"
        )
    return tuple(
        p.name
        for p in parameters
        if p.kind != inspect.Parameter.VAR_KEYWORD
        and p.name not in weight_names
        and (p.default is inspect.Parameter.empty or p.name == input_name)
    )


def weight_shapes_of(
    weight_shapes: Mapping[str, int | Iterable[int]] | None,
) -> dict[str, tuple[int, ...]]:
    """Reads the shapes of a QNode's trained arguments as `TorchLayer` does.

    Args:
        weight_shapes: For each name a tuple, or a length, where 1 means a number.

    Returns:
        The shapes by name.

    Raises:
        ArgumentError: There is none, or one is no shape.
        ArgumentTypeError: It is no mapping.
    """
    if weight_shapes is None:
        raise ArgumentError(
            "weight_shapes: a QNode needs the shape of each trained argument, got "
            "None; pass {'weights': (2, 4, 3)}, say, or {} for none"
        )
    if not isinstance(weight_shapes, Mapping):
        raise ArgumentTypeError(
            "weight_shapes: expected a mapping from names to shapes, got "
            f"{weight_shapes!r}"
        )
    return {name: _as_shape(name, shape) for name, shape in weight_shapes.items()}


def _as_shape(name: str, shape: int | Iterable[int]) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 0:
            raise ArgumentError(
                f"weight_shapes: expected a tuple or a length for {name!r}, got "
                f"{shape!r}"
            )
    if not isinstance(shape, Iterable) and sizes == (1,):
        return ()
    return tuple(int(size) for size in sizes)


@qml.transform  # type: ignore[untyped-decorator]
def _defer(tape: Any, wires: Sequence[Hashable]) -> tuple[list[Any], Any]:
    return [deferred(tape, wires)], lambda results: results[0]


def without_measurements(circuit: Circuit) -> Any:
    """A circuit as a quantum function without measurements but those at the end.

    PennyLane's gradients of gates that wait for a measured bit are finite differences,
    of 10⁻⁷, which shots drown, and its adjoint methods refuse them. Deferred they are
    controlled gates like any other.

    Args:
        circuit: The circuit.

    Returns:
        The quantum function. Called, it raises TargetError where a wire that was
        measured is used again.
    """
    return _defer(circuit, wires=circuit.wires)
