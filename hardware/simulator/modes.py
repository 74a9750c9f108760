"""Torch's modes (autocast, inference, transforms), kept from results and caches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from threading import RLock
from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensor
from torch.autograd import forward_ad
from torch.compiler import is_exporting
from torch.utils._python_dispatch import _disable_current_modes

from qml_qdl.hardware.one_run import RECORDING

_MAKING = RLock()


@contextmanager
def made_to_last() -> Iterator[None]:
    """While entered, what is made may serve later runs, whatever is switched on then.

    Tensors made in inference mode cannot be trained with afterwards, and those made
    inside a transform of `torch.func` are dead after it. One thread at a time, so that
    nothing is made twice. Where a program is traced, what is made is no part of it but
    one of its constants.

    Example:
        >>> import torch
        >>> with torch.inference_mode(), made_to_last():
        ...     constant = torch.zeros(2)
        >>> constant.is_inference()
        False
    """
    with ExitStack() as stack:
        # Circuits are recorded while things are made, and things made where one is
        # being recorded: always in this order, or two threads would wait for ever.
        stack.enter_context(RECORDING)
        stack.enter_context(_MAKING)
        stack.enter_context(torch.inference_mode(False))
        if torch._C._len_torch_dispatch_stack():
            stack.enter_context(_disable_current_modes())
            stack.enter_context(torch._guards.tracing(None))
        if torch._C._are_functorch_transforms_active():
            from torch._functorch.pyfunctorch import (
                temporarily_clear_interpreter_stack,
            )

            stack.enter_context(temporarily_clear_interpreter_stack())
        yield


def own_precision(device: torch.device) -> AbstractContextManager[object]:
    """While entered, autocast leaves numbers alone: angles need all their digits.

    Args:
        device: Where the numbers are.

    Returns:
        The context; one that does nothing where autocast is off.

    Example:
        >>> import torch
        >>> x = torch.ones(2, 2)
        >>> with torch.autocast("cpu", torch.bfloat16), own_precision(x.device):
        ...     print((x @ x).dtype)
        torch.float32
    """
    kind = device.type
    if kind == "meta" or not torch.is_autocast_enabled(kind):
        return nullcontext()
    return torch.autocast(kind, enabled=False)


def is_recorded() -> bool:
    """Whether torch makes a program of what runs, as its compiler and its tracer do."""
    return torch.compiler.is_compiling() or torch._C._is_tracing()


def is_traced(tensors: Iterable[Any]) -> bool:
    """Whether a program is being made, and no numbers come.

    Args:
        tensors: What a layer is given.

    Returns:
        Whether the layer has to be an operator.
    """
    return is_recorded() or any(
        isinstance(each, FakeTensor | torch.fx.Proxy) for each in tensors
    )


def is_transformed(gradient: Tensor | None = None) -> bool:
    """Whether what runs has to be plain operations only, not our adjoint method.

    So do transforms of `torch.func`, tangents (`torch.autograd.forward_ad`), many
    gradients at once, and programs that are exported.

    Args:
        gradient: On the way back, the one that came: with `is_grads_batched=True` it
            stands for many.

    Returns:
        Whether any is under way.

    Example:
        >>> is_transformed()
        False
    """
    return (
        bool(_are_active())
        or forward_ad._current_level >= 0
        or is_exporting()
        or (gradient is not None and _is_batched(gradient))
    )


# Looked up once: every call of a layer asks.
_are_active = torch._C._are_functorch_transforms_active
_is_batched = torch._C._functorch.is_legacy_batchedtensor
