"""How a layer runs: a circuit or a QNode, bound to a target, on batches of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from numbers import Integral
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
    TargetError,
)
from qml_qdl.hardware.simulator.runner import CircuitRunner
from qml_qdl.hardware.targets import (
    Target,
    direct_runner,
    has_fast_adjoint,
    has_state_vector,
    make_device,
    takes_batches,
)
from qml_qdl.nn.qnodes import QNodeReference, one_row_each
from qml_qdl.nn.results import DoubleNumbers, as_tensor

Shots: TypeAlias = int | Literal["keep"] | None
"""A number of shots, None for exact results, or "keep" for what was set before."""

_TAKE_BATCHES = ("None", "adjoint", "backprop", "best", "device")
"""The ways to gradients that take batched trainable inputs."""


def _as_shots(shots: Any) -> Shots:
    if shots is None or (isinstance(shots, str) and shots == "keep"):
        return "keep" if shots else None
    if isinstance(shots, bool) or not isinstance(shots, Integral):
        raise ArgumentTypeError(
            f"shots: expected a whole number, None or 'keep', got {shots!r}"
        )
    if int(shots) < 1:
        raise ArgumentError(
            f"shots: expected at least 1, or None for exact results, got {shots!r}"
        )
    return int(shots)


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
        ArgumentError: `shots` is below 1, or the target has no such `diff_method`.
        ArgumentTypeError: `shots` is no whole number.
    """

    source: Any
    input_names: tuple[str, ...]
    target: Target | None
    shots: Shots = field(converter=_as_shots)
    diff_method: str = field(default="best")

    def __attrs_post_init__(self) -> None:
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
        if self._runner is not None and (inputs or weights):
            return self._run_directly(inputs, weights, rows)
        qnode = self.qnode
        arguments = self.arguments(inputs, weights)
        if rows is not None and self._needs_single_rows(inputs, arguments, rows):
            qnode = one_row_each(qnode)
        double = any(x.dtype == torch.float64 for x in (*inputs, *weights.values()))
        with DoubleNumbers() if double else nullcontext():
            result = qnode(**arguments)
        return as_tensor(result, rows)

    @cached_property
    def _runner(self) -> CircuitRunner | None:
        """What runs the circuit without PennyLane on the way; None where none can."""
        direct = self.num_shots is None and self.diff_method in _TAKE_BATCHES
        if not direct or not isinstance(self.source, Circuit):
            return None
        return direct_runner(self.qnode.device, self.source)

    def _run_directly(
        self, inputs: Sequence[Tensor], weights: Mapping[str, Tensor], rows: int | None
    ) -> Tensor:
        assert self._runner is not None
        x = None if not inputs else inputs[0] if rows is not None else inputs[0][None]
        values = self._runner(x, list(weights.values()))
        return values if rows is not None else values[0]

    def _needs_single_rows(
        self, inputs: Sequence[Tensor], arguments: Mapping[str, Any], rows: int
    ) -> bool:
        if not takes_batches(self.qnode.device):
            return True
        if rows == 1 and self.num_shots is not None:
            # default.qubit drops the dimension of a batch of one when it samples.
            return True
        # PennyLane's gradient transforms refuse batched trainable inputs.
        trained = any(x.requires_grad for x in inputs)
        return trained and self._gradient(arguments) not in _TAKE_BATCHES

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


def _restored(source: Any, *rest: Any) -> Program:
    if isinstance(source, QNodeReference):
        source = source.load()
    return Program(source, *rest)


def _circuit_qnode(
    circuit: Circuit, target: Target, shots: Shots, diff_method: str
) -> Any:
    device = make_device(target, circuit.wires)
    count = None if shots == "keep" else shots
    if isinstance(circuit.readout, State):
        _check_state(circuit, device, count)
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
        raise _wrong_method(diff_method, device, error) from error


def _check_state(circuit: Circuit, device: Any, count: int | None) -> None:
    if count is not None or not has_state_vector(device):
        raise TargetError(
            f"target: the state is known only to a state vector simulator without "
            f"shots, got {device.name} with shots={count}; read out expectation values "
            "or probabilities instead"
        )
    if device.wires is not None and tuple(device.wires) != circuit.wires:
        # PennyLane gives the state of the device's wires in the device's order.
        raise TargetError(
            f"target: the state is that of the wires {list(circuit.wires)} in this "
            f"order, but {device.name} has {list(device.wires)}; make the device with "
            "the circuit's wires, or give the target by its name"
        )


def _wrong_method(diff_method: Any, device: Any, error: Exception) -> ArgumentError:
    return ArgumentError(
        f"diff_method: {diff_method!r} does not go with {device.name}: {error}"
    )


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
        device = changes.get("device", qnode.device)
        try:
            # PennyLane warns where the new device does not carry the QNode's shots.
            qnode = qml.set_shots(qnode, kept).update(**changes)
        except (qml.exceptions.QuantumFunctionError, ValueError) as error:
            raise _wrong_method(changes["diff_method"], device, error) from error
    if shots != "keep":
        qnode = qml.set_shots(qnode, shots)
    return qnode
