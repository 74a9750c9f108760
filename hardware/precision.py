"""Numbers in a quantum function: their digits and gradients are kept."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_ALWAYS_FLOATING = frozenset(
    {
        torch.empty,
        torch.eye,
        torch.linspace,
        torch.logspace,
        torch.ones,
        torch.rand,
        torch.randn,
        torch.zeros,
    }
)
"""Make tensors of torch's default type, whatever the numbers are."""

_AS_THEIR_NUMBERS = frozenset(
    {torch.arange, torch.as_tensor, torch.asarray, torch.full, torch.tensor}
)
"""Make tensors of torch's default type if there is a number with a fraction."""


_COPIES = frozenset({torch.as_tensor, torch.asarray, torch.tensor})
"""Copy tensors, or lists of them, but not always their gradients."""


class KeptNumbers(TorchFunctionMode):
    """While it is entered, torch loses neither digits nor gradients, in this thread.

    In double precision Python's numbers become float64; else they become tensors of
    torch's default type: float32, whatever the type of the inputs. Constants in a
    quantum function do, and expectation values of devices that give them as Python
    numbers. And a copy by `torch.tensor`, which PennyLane makes, keeps its gradient.

    Args:
        double: Whether numbers are in double precision.

    Example:
        >>> import torch
        >>> with KeptNumbers(double=True):
        ...     torch.tensor([0.1]).dtype
        torch.float64
    """

    def __init__(self, double: bool) -> None:
        super().__init__()
        self.double = double

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Adds a dtype where a number becomes a tensor, and copies tensors."""
        options = kwargs or {}
        if func in _COPIES and args and _holds_tensors(args[0]):
            same = func is not torch.tensor and isinstance(args[0], torch.Tensor)
            given = {key: value for key, value in options.items() if value is not None}
            given.pop("requires_grad", None)
            return (args[0] if same else _joined(args[0])).to(**given)
        if not self.double:
            return func(*args, **options)
        if func in _ALWAYS_FLOATING or (
            func in _AS_THEIR_NUMBERS and _has_float([args, list(options.values())])
        ):
            options = {"dtype": torch.float64, **options}
        elif func is torch.where and len(args) == 3 and _is_choice(args[1:]):
            args = args[0], *(torch.tensor(n, dtype=torch.float64) for n in args[1:])
        return func(*args, **options)


def _holds_tensors(numbers: Any) -> bool:
    if isinstance(numbers, list | tuple):
        return any(map(_holds_tensors, numbers))
    return isinstance(numbers, torch.Tensor)


def _joined(numbers: Any) -> Any:
    """A copy of nested tensors as one, with the gradients."""
    if isinstance(numbers, torch.Tensor):
        return numbers.clone()
    if not isinstance(numbers, list | tuple):
        return torch.tensor(numbers, dtype=torch.float64)
    parts = [_joined(number) for number in numbers]
    dtype = functools.reduce(torch.promote_types, (part.dtype for part in parts))
    return torch.stack(torch.broadcast_tensors(*(part.to(dtype) for part in parts)))


def _has_float(numbers: Any) -> bool:
    """Whether there is a Python float among nested numbers."""
    if isinstance(numbers, list | tuple):
        return any(map(_has_float, numbers))
    return type(numbers) is float


def _is_choice(numbers: Any) -> bool:
    """Whether `where` chooses between two numbers, which are not both whole."""
    return _has_float(numbers) and all(isinstance(n, int | float) for n in numbers)
