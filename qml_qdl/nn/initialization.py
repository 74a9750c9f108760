"""Initial values of a layer's weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MissingEntryError,
)
from qml_qdl.circuits.initializers import initial_angles, initial_weights

Init: TypeAlias = str | Callable[[Tensor], Any] | Tensor
"""An initialiser: a name, a function as in torch.nn.init, or the values themselves."""


def methods_by_name(
    init_method: Init | Mapping[str, Init] | None, names: Iterable[str]
) -> dict[str, Init]:
    """One initialiser for each weight.

    Args:
        init_method: As a layer takes it.
        names: The weights' names.

    Returns:
        The initialisers by name.

    Raises:
        MissingEntryError: A mapping lacks a weight.
        ArgumentError: It has one too many.
        ArgumentTypeError: It is no initialiser at all.
    """
    known = list(names)
    if not isinstance(init_method, Mapping):
        method = "uniform" if init_method is None else init_method
        methods = dict.fromkeys(known, method)
    else:
        methods = dict(init_method)
    if set(known) != set(methods):
        lacking = set(known) - set(methods)
        raise (MissingEntryError if lacking else ArgumentError)(
            f"init_method: expected one entry for each of {known}, got {list(methods)}"
        )
    for method in methods.values():
        if not isinstance(method, str | Tensor) and not callable(method):
            raise ArgumentTypeError(
                "init_method: expected a name, a function such as torch.nn.init.zeros_ "
                f"or a tensor, got {method!r}"
            )
    return methods


def initial_values(
    name: str,
    weight: Tensor,
    method: Init,
    circuit: Circuit | None,
    generator: torch.Generator | None,
) -> Tensor:
    """Samples the values of one weight.

    Args:
        name: The weight's name.
        weight: The weight, for its shape and dtype.
        method: The initialiser.
        circuit: The circuit the weight belongs to; None for a QNode.
        generator: Random numbers; None for torch's own.

    Returns:
        A tensor of the weight's shape.

    Raises:
        ArgumentError: The name is unknown, or the values have another shape.
        ArgumentTypeError: A function gives no tensor.
    """
    if isinstance(method, str):
        if method == "uniform" and circuit is None:
            return _torchlayers(weight, generator)
        return torch.as_tensor(
            _sampled(name, tuple(weight.shape), method, circuit, generator),
            device="cpu",
        )
    values = method if isinstance(method, Tensor) else _filled(name, weight, method)
    if values.shape != weight.shape:
        raise ArgumentError(
            f"init_method: weight {name!r} has the shape {tuple(weight.shape)}, got "
            f"values of {tuple(values.shape)}"
        )
    return values


def _torchlayers(weight: Tensor, generator: torch.Generator | None) -> Tensor:
    """The values that `TorchLayer` begins with after the same `torch.manual_seed`."""
    device = "cpu" if generator is None else generator.device
    # torch.nn.init, and so TorchLayer, has at least one dimension.
    values = torch.empty(weight.shape or (1,), dtype=weight.dtype, device=device)
    nn.init.uniform_(values, b=2 * math.pi, generator=generator)
    return values.reshape(weight.shape)


def _filled(name: str, weight: Tensor, method: Callable[[Tensor], Any]) -> Tensor:
    """What a function makes of an empty tensor, in place or as its result."""
    # torch.nn.init wants at least one dimension.
    shape = weight.shape or (1,)
    values = torch.zeros(shape, dtype=weight.dtype, device=weight.device)
    with torch.no_grad():
        result = method(values)
    if result is None:
        result = values
    if not isinstance(result, Tensor):
        raise ArgumentTypeError(
            f"init_method: the function for weight {name!r} returned "
            f"{type(result).__name__}; expected a tensor, or None for one filled in "
            "place"
        )
    return result if weight.ndim or result.numel() != 1 else result.reshape(())


def _sampled(
    name: str,
    shape: tuple[int, ...],
    method: str,
    circuit: Circuit | None,
    generator: torch.Generator | None,
) -> Any:
    device = "cpu" if generator is None else generator.device
    seed = torch.randint(2**31, (1,), generator=generator, device=device)
    rng = np.random.default_rng(seed.cpu().numpy())
    if circuit is None:
        return initial_angles(shape, method, rng)
    return initial_weights(circuit, method, seed=rng)[name]
