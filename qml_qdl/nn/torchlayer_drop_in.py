"""What users of `pennylane.qnn.TorchLayer` find in a layer of ours."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import torch
from pennylane.qnn.torch import TorchLayer
from torch import Tensor, nn
from torch.nn.utils import parametrize

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MissingEntryError,
    ShapeError,
)
from qml_qdl.circuits.validation import did_you_mean, validate_call
from qml_qdl.nn.execution import Execution

_READ_BY_PENNYLANE = frozenset(
    {
        "_get_shots",
        "compile_pipeline",
        "device",
        "diff_method",
        "execute_kwargs",
        "gradient_kwargs",
        "interface",
    }
)
"""What `qml.draw`, `qml.specs` and `qml.workflow` ask a QNode."""


class TorchLayerDropIn(TorchLayer, nn.Module):
    """A `TorchLayer` for `isinstance`, which PennyLane asks: abstract base.

    Nothing of it runs. Above all, what is set on a layer is never set on its QNode,
    which may serve others.
    """

    execution: Execution
    weight_shapes: dict[str, tuple[int, ...]]
    arguments: Callable[..., dict[str, Any]]
    """A layer's method: the keyword arguments with which it calls its QNode."""

    __setattr__ = nn.Module.__setattr__
    __repr__ = nn.Module.__repr__
    __str__ = object.__str__

    def __getattr__(self, name: str) -> Any:
        """What is neither in the layer nor in its class, from the QNode."""
        try:
            return nn.Module.__getattr__(self, name)
        except AttributeError:
            if not self._is_elsewhere(name):
                raise
        own = inspect.getattr_static(type(self), name, None)
        if isinstance(own, property):
            return own.__get__(self)  # it has failed, and says once more why
        return getattr(self.execution.qnode, name)

    def _is_elsewhere(self, name: str) -> bool:
        """Whether a property has failed, or the QNode has what the layer has not."""
        if isinstance(inspect.getattr_static(type(self), name, None), property):
            return True
        execution = self.__dict__.get("execution")
        weights = self.__dict__.get("weight_shapes", ())
        if execution is None or name in weights or name.startswith("__"):
            return False
        if isinstance(execution.source, Circuit) or name.startswith("_"):
            return name in _READ_BY_PENNYLANE
        return hasattr(execution.qnode, name)

    @property
    def func(self) -> Callable[..., Any]:
        """The quantum function of the QNode, which finds the weights by itself."""
        function = self.execution.qnode.func
        signature = inspect.signature(function)

        @functools.wraps(function)
        def with_weights(*arguments: Any, **named: Any) -> Any:
            given = signature.bind_partial(*arguments, **named).arguments
            for parameter in signature.parameters.values():
                if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                    given |= given.pop(parameter.name, {})
            inputs = [given.pop(k) for k in self.execution.input_names if k in given]
            return function(**{**self.arguments(*inputs), **given})

        return with_weights

    @property
    def input_arg(self) -> str:
        """The QNode's argument that takes the layer's (first) input."""
        return str([*self.execution.input_names, self._input_arg][0])

    @staticmethod
    @validate_call
    def set_input_argument(input_name: str = "inputs") -> None:
        """Says what is an input of layers made from now on, also with a default.

        Arguments without a default that are not trained are inputs anyway.

        Args:
            input_name: The argument's name.

        Raises:
            ArgumentTypeError: It is no text.
            ArgumentError: No argument can be called so.
        """
        if not input_name.isidentifier():
            raise ArgumentError(
                f"input_name: expected the name of an argument, got {input_name!r}; "
                "give a name of the QNode's signature"
            )
        TorchLayerDropIn._input_arg = input_name

    def construct(self, args: Sequence[Tensor], kwargs: dict[str, Any]) -> Any:
        """The tape of the QNode with the layer's weights.

        Args:
            args: The layer's inputs.
            kwargs: Those given by name.

        Returns:
            A PennyLane tape.
        """
        return self.execution.qnode.construct((), self.arguments(*args, **kwargs))

    def write_weight(self, name: str, values: Tensor) -> None:
        """Writes into a weight, and uncovers it.

        Args:
            name: The weight's name.
            values: Of its shape.
        """
        self.uncover(name)
        with torch.no_grad():
            weight = getattr(self, name)
            if parametrize.is_parametrized(self, name):
                setattr(self, name, values.to(weight))
            else:
                weight.copy_(values)

    def uncover(self, name: str) -> None:
        """Takes away the tensor that was assigned over a parameter."""
        if name in self._parameters:
            self.__dict__.pop(name, None)

    def _in_order(
        self, inputs: Sequence[Tensor], named: dict[str, Tensor]
    ) -> tuple[Tensor, ...]:
        """The inputs in the order of the names, some of which were given by name."""
        names = self.execution.input_names
        first, rest = names[: len(inputs)], names[len(inputs) :]
        for name in named:
            if name in first:
                raise ArgumentTypeError(
                    f"{name}: expected once, got it by place and by name; leave one out"
                )
            if name not in rest:
                raise ArgumentTypeError(
                    f"{name}: this layer has the inputs {list(names)}, got one named "
                    f"{name!r}{did_you_mean(name, rest)}"
                )
        return (*inputs, *(named[name] for name in rest if name in named))


class WeightsByName(MutableMapping[str, Tensor]):
    """The weights of a layer by name, as `TorchLayer.qnode_weights` has them.

    Args:
        layer: The layer.
    """

    def __init__(self, layer: TorchLayerDropIn) -> None:
        self._layer = layer

    @classmethod
    def of(cls, layer: TorchLayerDropIn) -> WeightsByName:
        """The view of a layer's weights, the same one as long as anybody holds it.

        Args:
            layer: The layer.
        """
        return _VIEWS.setdefault(id(layer), cls(layer))

    def __getitem__(self, name: str) -> Tensor:
        """The present weight."""
        self._check(name)
        weight: Tensor = getattr(self._layer, name)
        return weight

    def __setitem__(self, name: str, value: Tensor) -> None:
        """Changes the weight, as `qnode_weights` says."""
        self._check(name)
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(
                f"qnode_weights: expected a tensor for {name!r}, got "
                f"{type(value).__name__}; make one with torch.tensor"
            )
        layer, shape = self._layer, self._layer.weight_shapes[name]
        if tuple(value.shape) != shape:
            raise ShapeError(
                f"qnode_weights: expected the shape {shape} for {name!r}, got "
                f"{tuple(value.shape)}; reshape it"
            )
        if isinstance(value, nn.Parameter):
            layer.uncover(name)
            setattr(layer, name, value)
        elif value.requires_grad and name in layer._parameters:
            layer.__dict__[name] = value
        else:
            layer.write_weight(name, value.detach())

    def __delitem__(self, name: str) -> None:
        """No weight can be taken out."""
        raise ArgumentTypeError(
            f"qnode_weights: {name!r} belongs to the circuit and cannot be taken out; "
            "assign zeros, or freeze it with requires_grad_(False)"
        )

    def __iter__(self) -> Iterator[str]:
        """The names, in the order of `weight_shapes`."""
        return iter(self._layer.weight_shapes)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._layer.weight_shapes)

    def __repr__(self) -> str:
        """As a dictionary shows them."""
        return repr(dict(self))

    def _check(self, name: str) -> None:
        if name not in self._layer.weight_shapes:
            raise MissingEntryError(
                f"qnode_weights: expected one of {list(self)}, got {name!r}"
            )


_VIEWS: WeakValueDictionary[int, WeightsByName] = WeakValueDictionary()
"""By the id of a layer, which a view keeps alive: so one stays the same while held."""
