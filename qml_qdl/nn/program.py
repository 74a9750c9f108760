"""How a layer runs: a circuit or a QNode, bound to a target, on batches of rows."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, TypeAlias

import pennylane as qml
import torch
from attrs import evolve, field, frozen
from torch import Tensor

from qml_qdl.circuits import Circuit, Expectation, Samples, State
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    SerializationError,
    ShapeError,
    TargetError,
)
from qml_qdl.hardware.targets import (
    Target,
    has_fast_adjoint,
    has_state_vector,
    make_device,
)

Shots: TypeAlias = int | None | Literal["keep"]
"""A number of shots, None for exact results, or "keep" for what was set before."""

_GRADIENT_TRANSFORMS = ("parameter-shift", "finite-diff", "spsa", "hadamard")


@frozen(slots=False)
class Program:
    """A circuit or a QNode bound to a target: an immutable value.

    Copies share it; it is rebuilt from its description where it is unpickled, so a
    PennyLane device, which often cannot be copied, never has to be.

    Args:
        source: A `Circuit`, or a PennyLane QNode.
        input_names: Arguments that carry data, in the order a layer takes them.
        target: A target's name or device; None for a QNode's own device.
        shots: A number, None for exact results, "keep" for a QNode's own shots.
        diff_method: PennyLane's name; "best" keeps a QNode's own.

    Raises:
        TargetError: The target is unknown or cannot run what is asked of it.
        ArgumentError: `shots` is below 1.
    """

    source: Any
    input_names: tuple[str, ...]
    target: Target | None
    shots: Shots
    diff_method: str = field(default="best")

    def __attrs_post_init__(self) -> None:
        shots = self.shots
        if isinstance(shots, str):
            if shots != "keep":
                raise ArgumentError(
                    f"shots: expected a number, None or 'keep', got {shots!r}"
                )
        elif shots is not None and (isinstance(shots, bool) or shots < 1):
            raise ArgumentError(
                f"shots: expected at least 1, or None for exact results, got {shots!r}"
            )
        _ = self.qnode  # so that a target that cannot serve is refused here

    @cached_property
    def qnode(self) -> Any:
        """The PennyLane QNode that runs."""
        if isinstance(self.source, Circuit):
            return _circuit_qnode(
                self.source, self.target or "auto", self.shots, self.diff_method
            )
        return _moved_qnode(self.source, self.target, self.shots, self.diff_method)

    @property
    def num_shots(self) -> int | None:
        """The number of shots; None where results are exact."""
        shots: int | None = self.qnode.shots.total_shots
        return shots

    def moved(self, target: Target | None, shots: Shots) -> Program:
        """The same program on another target.

        Args:
            target: A target's name or device; None keeps the present one.
            shots: A number, None for exact results, or "keep".

        Returns:
            A new program.

        Raises:
            TargetError: The target is unknown or cannot run what is asked of it.
        """
        return evolve(
            self,
            target=self.target if target is None else target,
            shots=self.shots if shots == "keep" else shots,
        )

    def arguments(
        self, inputs: Sequence[Tensor], weights: Mapping[str, Tensor]
    ) -> dict[str, Any]:
        """The QNode's keyword arguments.

        Args:
            inputs: One tensor for each input name.
            weights: The trained tensors by name.

        Returns:
            Arguments for `qnode(**arguments)`.
        """
        data: dict[str, Any] = dict(zip(self.input_names, inputs, strict=True))
        if isinstance(self.source, Circuit):
            return {**data, "weights": weights}
        return {**data, **weights}

    def __call__(
        self, inputs: Sequence[Tensor], weights: Mapping[str, Tensor], rows: int | None
    ) -> Tensor:
        """Runs all rows at once.

        Args:
            inputs: For each input name a tensor (rows, features), or (features,).
            weights: The trained tensors by name, of the inputs' dtype.
            rows: Number of rows; None where the inputs have no rows dimension.

        Returns:
            Tensor (rows, *output_shape), or (*output_shape,).

        Raises:
            ShapeError: A QNode did not treat its inputs as a batch.
        """
        qnode = self.qnode
        arguments = self.arguments(inputs, weights)
        if rows is not None and any(x.requires_grad for x in inputs):
            if self._gradient(arguments) in _GRADIENT_TRANSFORMS:
                # PennyLane's transforms refuse batched trainable inputs.
                qnode = qml.transforms.broadcast_expand(qnode)
        return _as_tensor(qnode(**arguments), rows)

    def _gradient(self, arguments: Mapping[str, Any]) -> str:
        if self.qnode.diff_method != "best":
            return str(self.qnode.diff_method)
        return str(qml.workflow.get_best_diff_method(self.qnode)(**arguments))

    def __deepcopy__(self, memo: dict[int, Any]) -> Program:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self.target is not None and not isinstance(self.target, str):
            raise SerializationError(
                f"target: the device {self.target.name} cannot be saved; either move "
                "the layer to a named target first (set_target), or save its "
                "state_dict() and build the layer anew"
            )
        source = self.source
        if not isinstance(source, Circuit):
            source = QNodeReference.find(source)
        rest = (self.input_names, self.target, self.shots, self.diff_method)
        return _restored, (source, *rest)


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
        module = qnode.func.__module__
        for name, value in vars(importlib.import_module(module)).items():
            if value is qnode:
                return cls(module, name)
        raise SerializationError(
            f"circuit_or_qnode: the QNode of {qnode.func.__qualname__!r} cannot be "
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
            SerializationError: The module no longer has it.
        """
        qnode = getattr(importlib.import_module(self.module), self.name, None)
        if not isinstance(qnode, qml.QNode):
            raise SerializationError(
                f"circuit_or_qnode: {self.module}.{self.name} was a QNode when the "
                f"layer was saved, and is now {qnode!r}; restore it, or load a "
                "state_dict into a new layer"
            )
        return qnode


def _restored(source: Any, *rest: Any) -> Program:
    if isinstance(source, QNodeReference):
        source = source.load()
    return Program(source, *rest)


def _circuit_qnode(
    circuit: Circuit, target: Target, shots: Shots, diff_method: str
) -> Any:
    device = make_device(target, circuit.wires)
    count = None if shots == "keep" else shots
    if isinstance(circuit.readout, State) and (
        count is not None or not has_state_vector(device)
    ):
        raise TargetError(
            f"target: the state is known only to a state vector simulator without "
            f"shots, got {device.name} with shots={count}; read out expectation values "
            "or probabilities instead"
        )
    if isinstance(circuit.readout, Samples) and count is None:
        raise TargetError(
            "shots: samples need a number of shots, got None; pass shots=1000, say"
        )
    options: dict[str, Any] = {}
    if (
        has_fast_adjoint(device)
        and count is None
        and diff_method in ("best", "adjoint")
        and isinstance(circuit.readout, Expectation)
    ):
        diff_method, options = "adjoint", {"device_vjp": True}
    try:
        return qml.QNode(
            circuit,
            device,
            interface="torch",
            diff_method=diff_method,
            shots=count,
            **options,
        )
    except (qml.exceptions.QuantumFunctionError, ValueError) as error:
        raise ArgumentError(
            f"diff_method: {diff_method!r} does not go with {device.name}: {error}"
        ) from error


def _moved_qnode(
    qnode: Any, target: Target | None, shots: Shots, diff_method: str
) -> Any:
    changes: dict[str, Any] = {}
    if diff_method != "best":
        changes["diff_method"] = diff_method
    if target is not None:
        changes["device"] = make_device(target, qnode.device.wires or None)
        # A method named for the old device, adjoint say, may not exist on the new one.
        changes.setdefault("diff_method", "best")
        changes["device_vjp"] = False
    kept = qnode.shots
    if changes:
        # PennyLane warns where the new device does not carry the QNode's shots.
        qnode = qml.set_shots(qnode, kept).update(**changes)
        qnode = qml.set_shots(qnode, kept)
    if shots != "keep":
        qnode = qml.set_shots(qnode, shots)
    return qnode


def qnode_inputs(qnode: Any, weight_names: Sequence[str]) -> tuple[str, ...]:
    """The arguments of a QNode that carry data: all but the weights.

    Args:
        qnode: A PennyLane QNode.
        weight_names: The arguments that are trained.

    Returns:
        Names in the order of the signature; arguments with a default keep it.

    Raises:
        ArgumentTypeError: The function takes `*args`.
        ArgumentError: A weight is no argument of the function.
    """
    parameters = inspect.signature(qnode.func).parameters.values()
    kinds = {parameter.kind for parameter in parameters}
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        raise ArgumentTypeError(
            f"circuit_or_qnode: {qnode.func.__name__} takes *args; name every argument"
        )
    names = [p.name for p in parameters if p.kind != inspect.Parameter.VAR_KEYWORD]
    unknown = [name for name in weight_names if name not in names]
    if unknown and inspect.Parameter.VAR_KEYWORD not in kinds:
        raise ArgumentError(
            f"weight_shapes: {unknown} are no arguments of {qnode.func.__name__}, "
            f"which has {names}"
        )
    return tuple(
        p.name
        for p in parameters
        if p.kind != inspect.Parameter.VAR_KEYWORD
        and p.name not in weight_names
        and p.default is inspect.Parameter.empty
    )


def _as_tensor(result: Any, rows: int | None) -> Tensor:
    """One tensor (rows, …) from whatever a QNode returned."""
    leading = () if rows is None else (rows,)
    if isinstance(result, Tensor):
        return _with_rows(result, leading)
    if isinstance(result, dict) or not isinstance(result, Sequence):
        raise ArgumentTypeError(
            f"circuit_or_qnode: the QNode returned {type(result).__name__}; a layer "
            "needs measurements that are tensors, such as expval, probs or sample"
        )
    parts = []
    for item in _flat(result):
        if not isinstance(item, Tensor):
            raise ArgumentTypeError(
                f"circuit_or_qnode: one of the QNode's results is a "
                f"{type(item).__name__}; a layer needs tensors"
            )
        part = _with_rows(item, leading)
        parts.append(part.reshape(*leading, math.prod(part.shape[len(leading) :])))
    return torch.cat(parts, dim=-1)


def _flat(items: Any) -> list[Any]:
    if isinstance(items, list | tuple):
        return [leaf for item in items for leaf in _flat(item)]
    return [items]


def _with_rows(result: Tensor, leading: tuple[int, ...]) -> Tensor:
    if not leading or result.shape[:1] == leading:
        return result
    raise ShapeError(
        f"circuit_or_qnode: for {leading[0]} rows the QNode returned the shape "
        f"{tuple(result.shape)}; it must treat its inputs as a batch: write "
        "inputs[..., i], not inputs[i], and use the inputs in every measured part"
    )
