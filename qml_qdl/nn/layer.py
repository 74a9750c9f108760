"""A quantum circuit as a torch module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
import torch
from torch import Tensor, nn

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.circuit import as_circuit
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.initializers import initial_angles, initial_weights
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.program import Program, Shots, qnode_inputs

Init: TypeAlias = str | Callable[[Tensor], Any] | Tensor
"""An initialiser: a name, a function as in torch.nn.init, or the values themselves."""


class QuantumLayer(nn.Module):
    r"""A parametrised circuit as a layer: (..., num_inputs) → (..., \*output_shape).

    Takes a `Circuit`, or any PennyLane QNode: a drop-in for `pennylane.qnn.TorchLayer`
    with the same arguments, weights and `state_dict` keys. Weights are trained, and
    gradients flow to the inputs too, on every target. All rows of a batch run at once
    where the target can.

    A QNode's results are laid side by side in the last dimension, also where the QNode
    returns a tuple, for which `TorchLayer` puts a new dimension first.

    Args:
        circuit_or_qnode: A `Circuit`, an encoding or a processing; or a QNode.
        weight_shapes: For a QNode, the shape of each trained argument, as a tuple or a
            length; all other arguments without a default are inputs, in the order of
            the signature. None for a `Circuit`, which knows them.
        init_method: An initialiser by name ("uniform" over [0, 2π), the default,
            "normal", "zeros", "near_identity", "gaussian"); a function of
            `torch.nn.init`; or a mapping from weight names to either or to tensors.
        target: Where it runs: a target's name or a PennyLane device. None means
            "auto" for a `Circuit`, and its own device for a QNode.
        shots: Number of shots; None for exact results; "keep" for a QNode's own, and
            exact results for a `Circuit`.
        diff_method: How gradients are computed, as PennyLane names it ("backprop",
            "adjoint", "parameter-shift", ...); "best" chooses, or keeps a QNode's own.
        generator: Random numbers for the initial weights; None for torch's own.
        device: Where the weights are, a torch device.
        dtype: Type of the weights, float32 or float64; None for torch's default.

    Shape:
        - Input: (..., num_inputs), floating; one tensor for each input of a QNode, with
          the same leading dimensions. Angles in radians.
        - Output: (..., \*output_shape), of the input's dtype and device.

    Raises:
        ArgumentError: An argument's value does not fit; the message says the repair.
        ArgumentTypeError: An argument has another type.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import AngleEncoding, StronglyEntangling
        >>> from qml_qdl.nn import QuantumLayer
        >>> layer = QuantumLayer(StronglyEntangling(4, layers=2) @ AngleEncoding(4))
        >>> layer(torch.rand(8, 4)).shape
        torch.Size([8, 4])
    """

    def __init__(
        self,
        circuit_or_qnode: Circuit | Block | Any,
        weight_shapes: Mapping[str, int | Iterable[int]] | None = None,
        init_method: Init | Mapping[str, Init] | None = None,
        *,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if isinstance(circuit_or_qnode, Circuit | Block):
            if weight_shapes is not None:
                raise ArgumentError(
                    "weight_shapes: a Circuit knows its own, "
                    f"{as_circuit(circuit_or_qnode).weight_shapes}; leave it out"
                )
            source: Any = as_circuit(circuit_or_qnode)
            shapes = source.weight_shapes
            inputs: tuple[str, ...] = ("inputs",) if source.num_inputs else ()
        elif isinstance(circuit_or_qnode, qml.QNode):
            source = circuit_or_qnode
            if source.interface not in ("auto", "torch"):
                raise ArgumentError(
                    "circuit_or_qnode: expected a QNode with interface 'auto' or "
                    f"'torch', got {source.interface!r}"
                )
            if weight_shapes is None:
                raise ArgumentError(
                    "weight_shapes: a QNode needs the shape of each trained argument, "
                    "got None; pass {'weights': (2, 4, 3)}, say, or {} for none"
                )
            shapes = {k: _as_shape(k, v) for k, v in weight_shapes.items()}
            inputs = qnode_inputs(source, tuple(shapes))
        else:
            raise ArgumentTypeError(
                "circuit_or_qnode: expected a Circuit or a PennyLane QNode, got "
                f"{circuit_or_qnode!r}"
            )
        self.program = Program(source, inputs, target, shots, diff_method)
        self._init_method = "uniform" if init_method is None else init_method
        self.weight_shapes: dict[str, tuple[int, ...]] = dict(shapes)
        for name, shape in self.weight_shapes.items():
            if hasattr(self, name):
                raise ArgumentError(
                    f"weight_shapes: {name!r} is an attribute every layer has; give "
                    "the weight another name"
                )
            values = torch.empty(shape, device=device, dtype=dtype)
            self.register_parameter(name, nn.Parameter(values))
        self.reset_parameters(generator)

    @property
    def circuit(self) -> Circuit:
        """The circuit the layer was made from.

        Raises:
            ArgumentTypeError: It was made from a QNode.
        """
        if isinstance(self.program.source, Circuit):
            return self.program.source
        raise ArgumentTypeError(
            "circuit: this layer was made from a QNode; use layer.qnode"
        )

    @property
    def qnode(self) -> Any:
        """The PennyLane QNode the layer stands for, on its present target.

        Call it with `layer.arguments(inputs)`; every PennyLane transform serves on it:
        `qml.draw(layer.qnode)(**layer.arguments(x))`.
        """
        return self.program.qnode

    @property
    def shots(self) -> int | None:
        """The number of shots; None where results are exact."""
        return self.program.num_shots

    @property
    def target(self) -> Target | None:
        """The target, as given; None for a QNode's own device."""
        return self.program.target

    def set_target(self, target: Target | None, shots: Shots = "keep") -> QuantumLayer:
        """Runs the layer elsewhere from now on; weights stay.

        Args:
            target: A target's name or a PennyLane device; None keeps the present one.
            shots: Number of shots, None for exact results, "keep" for the present.

        Returns:
            The layer itself.

        Raises:
            TargetError: The target is unknown or cannot run the circuit; the layer
                stays where it was.
        """
        self.program = self.program.moved(target, shots)
        return self

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draws the weights anew, as at construction.

        Args:
            generator: Where random numbers come from; None for torch's own.

        Raises:
            ArgumentError: The initialiser is unknown, lacks a weight, or has values of
                another shape.
        """
        methods = self._init_method
        if not isinstance(methods, Mapping):
            methods = dict.fromkeys(self.weight_shapes, methods)
        missing = set(self.weight_shapes) ^ set(methods)
        if missing:
            raise ArgumentError(
                f"init_method: expected one entry for each of "
                f"{list(self.weight_shapes)}, got {list(methods)}"
            )
        for name, weight in self.named_parameters(recurse=False):
            self._initialise(name, weight, methods[name], generator)

    def _initialise(
        self,
        name: str,
        weight: nn.Parameter,
        method: Init,
        generator: torch.Generator | None,
    ) -> None:
        if isinstance(method, Tensor):
            if method.shape != weight.shape:
                raise ArgumentError(
                    f"init_method: weight {name!r} has the shape "
                    f"{tuple(weight.shape)}, got values of {tuple(method.shape)}"
                )
            values = method
        elif isinstance(method, str):
            values = torch.as_tensor(self._drawn(name, method, generator))
        else:
            # torch.nn.init wants at least one dimension.
            values = torch.empty(weight.shape or (1,), dtype=weight.dtype)
            method(values)
        with torch.no_grad():
            weight.copy_(values.reshape(weight.shape))

    def _drawn(self, name: str, method: str, generator: torch.Generator | None) -> Any:
        seed = torch.randint(2**31, (1,), generator=generator)
        rng = np.random.default_rng(seed.numpy())
        source = self.program.source
        if isinstance(source, Circuit):
            return initial_weights(source, method, seed=rng)[name]
        return initial_angles(self.weight_shapes[name], method, rng)

    def arguments(self, *inputs: Tensor) -> dict[str, Any]:
        """The keyword arguments with which the layer calls its QNode.

        Args:
            *inputs: One tensor for each input, (features,) or (rows, features).

        Returns:
            Arguments for `layer.qnode(**arguments)`.
        """
        return self.program.arguments(inputs, self._weights_like(inputs))

    def _weights_like(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        weights = dict(self.named_parameters(recurse=False))
        return {k: w.to(inputs[0]) if inputs else w for k, w in weights.items()}

    def forward(self, *inputs: Tensor) -> Tensor:
        """Runs the circuit on every row of the inputs.

        Args:
            *inputs: (..., num_inputs), one tensor for each input of a QNode; a circuit
                without inputs takes none.

        Returns:
            (..., *output_shape), of the input's dtype and device.

        Raises:
            ShapeError: The inputs do not fit.
            ArgumentTypeError: An input is not floating.
        """
        self._check(inputs)
        leading = inputs[0].shape[:-1] if inputs else torch.Size()
        rows = leading.numel() if leading else None
        flat = [_flattened(x, rows) for x in inputs]
        weights = self._weights_like(flat)
        if rows == 0:
            # One row is run for its shape, and for gradients that are zero.
            flat = [x.new_zeros(1, x.shape[-1]) for x in flat]
            result = self.program(flat, weights, 1)[:0]
        else:
            result = self.program(flat, weights, rows)
        like = [*inputs, *weights.values(), torch.empty(0)][0]
        result = _like(result, like)
        return result.reshape(*leading, *result.shape[1:]) if leading else result

    def _check(self, inputs: Sequence[Any]) -> None:
        names = self.program.input_names
        if len(inputs) != len(names):
            raise ShapeError(
                f"inputs: this layer takes {len(names)} tensors {list(names)}, got "
                f"{len(inputs)}"
            )
        for name, x in zip(names, inputs, strict=True):
            if not isinstance(x, Tensor) or not x.is_floating_point():
                kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
                raise ArgumentTypeError(
                    f"{name}: expected a floating tensor, got {kind}; convert it with "
                    ".float()"
                )
            if x.shape[:-1] != inputs[0].shape[:-1] or not x.ndim:
                raise ShapeError(
                    f"{name}: expected shape (..., features) with the same leading "
                    f"dimensions for every input, got {[tuple(t.shape) for t in inputs]}"
                )
        source = self.program.source
        if isinstance(source, Circuit) and inputs:
            if inputs[0].shape[-1] != source.num_inputs:
                raise ShapeError(
                    f"inputs: expected shape (..., {source.num_inputs}), got "
                    f"{tuple(inputs[0].shape)}; the circuit reads {source.num_inputs} "
                    "features"
                )

    def extra_repr(self) -> str:
        """What `print(layer)` shows: shapes, target and shots."""
        source = self.program.source
        if isinstance(source, Circuit):
            shape = tuple(self.shots if n is None else n for n in source.output_shape)
            text = f"num_inputs={source.num_inputs}, output_shape={shape}"
        else:
            text = f"qnode={source.func.__name__}"
        return (
            f"{text}, weight_shapes={self.weight_shapes}, "
            f"target={self.target or self.qnode.device.name!r}, shots={self.shots}"
        )


def _flattened(x: Tensor, rows: int | None) -> Tensor:
    """All leading dimensions as one, in a precision that complex numbers have."""
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    return wide if rows is None else wide.reshape(rows, x.shape[-1])


def _like(result: Tensor, like: Tensor) -> Tensor:
    """The result in another tensor's precision and place; whole numbers stay whole."""
    if result.is_floating_point():
        return result.to(like)
    if result.is_complex():
        dtype = torch.complex128 if like.dtype == torch.float64 else torch.complex64
        return result.to(device=like.device, dtype=dtype)
    return result.to(device=like.device)


def _as_shape(name: str, shape: int | Iterable[int]) -> tuple[int, ...]:
    """As TorchLayer reads shapes: a length, where 1 means a number, or a tuple."""
    if isinstance(shape, Iterable):
        return tuple(shape)
    if isinstance(shape, bool) or not isinstance(shape, int) or shape < 1:
        raise ArgumentError(
            f"weight_shapes: expected a tuple or a length for {name!r}, got {shape!r}"
        )
    return () if shape == 1 else (shape,)
