"""Python's numbers in double precision, where all other numbers are."""

from __future__ import annotations

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


class DoubleNumbers(TorchFunctionMode):
    """While it is entered, torch makes float64 of Python's numbers in this thread.

    Else they become tensors of torch's default type: float32, whatever the type of the
    inputs. Constants in a quantum function do, and expectation values of devices that
    give them as Python numbers.

    Example:
        >>> import torch
        >>> with DoubleNumbers():
        ...     torch.tensor([0.1]).dtype
        torch.float64
    """

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Adds a dtype where a number becomes a tensor."""
        options = kwargs or {}
        if func in _ALWAYS_FLOATING or (
            func in _AS_THEIR_NUMBERS and _has_float([args, list(options.values())])
        ):
            options = {"dtype": torch.float64, **options}
        elif func is torch.where and len(args) == 3 and _is_choice(args[1:]):
            args = args[0], *(torch.tensor(n, dtype=torch.float64) for n in args[1:])
        return func(*args, **options)


def _has_float(numbers: Any) -> bool:
    """Whether there is a Python float among nested numbers."""
    if isinstance(numbers, list | tuple):
        return any(map(_has_float, numbers))
    return type(numbers) is float


def _is_choice(numbers: Any) -> bool:
    """Whether `where` chooses between two numbers, which are not both whole."""
    return _has_float(numbers) and all(isinstance(n, int | float) for n in numbers)
