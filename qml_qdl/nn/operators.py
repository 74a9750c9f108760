"""Layers as operators of torch, for all that traces a model before it runs it.

A tracer (`torch.compile`, `torch.jit.trace`, `torch.fx`, fake tensors) cannot follow
a circuit into PennyLane, a machine, or our adjoint method, and one that could would
freeze sampled results. What it sees is an operator that runs the layer when the traced
program runs, on any target and any number of rows. Calls that nobody traces never come
here: an operator knows no tangents, no `torch.func` and no second derivative.

- `qml_qdl::layer` is the layer itself. Where numbers run it is a call of it, with
  autograd as ever. A compiler that takes it apart to see its gradient finds
- `qml_qdl::run` and `qml_qdl::run_backward`, which are opaque. The way back must not
  run the circuit again, for that could be paid: what autograd recorded on the way there
  is kept as long as the ticket that `run` returns beside the result, a tensor that the
  compiler saves for the way back.

Operators take tensors, numbers and strings: they find what they run by the name that
every execution has in its process (`Execution.name`). On another target it is another
one with another name, so what was compiled for the first is compiled anew. The names
last as long as their process, so `layer.py` imports this module only when a program is
first made: torch looks through all modules for what registers an operator (85 ms).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from copy import deepcopy
from functools import cache
from itertools import count
from typing import Any
from weakref import finalize

import numpy as np
import torch
from torch import Tensor

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.simulator.modes import is_transformed, made_to_last
from qml_qdl.hardware.traits import traits_of
from qml_qdl.nn.execution import Execution
from qml_qdl.nn.running import check_inputs, example, run_layer


def as_operation(
    execution: Execution, inputs: Sequence[Tensor], weights: Mapping[str, Tensor]
) -> Tensor:
    """A layer's result as one operation of the program that is being made.

    `torch.export` has plain operations instead, which need nothing of this library.

    Args:
        execution: What the layer runs.
        inputs: (..., features), one tensor for each input.
        weights: The trained tensors by name.

    Returns:
        `(..., *output_shape)`.

    Raises:
        TargetError: What is to be exported cannot be.
    """
    if torch.compiler.is_exporting() and not torch.compiler.is_dynamo_compiling():
        execution.check_export()
        return run_layer(execution, inputs, weights)
    result: Tensor = torch.ops.qml_qdl.layer(
        list(inputs), list(weights.values()), ",".join(weights), execution.name
    )
    return result


_NUMBERS = count()

torch.library.define(
    "qml_qdl::layer",
    "(Tensor[] inputs, Tensor[] weights, str names, str execution) -> Tensor",
)


@torch.library.impl("qml_qdl::layer", "CompositeImplicitAutograd")
def _layer(
    inputs: Sequence[Tensor], weights: Sequence[Tensor], names: str, name: str
) -> Tensor:
    execution = Execution.named(name)
    named = _named(names, weights)
    if torch.compiler.is_exporting():
        execution.check_export()
        return run_layer(execution, inputs, named)
    if not torch._C._len_torch_dispatch_stack():
        return run_layer(execution, inputs, named)
    if is_transformed():
        raise TargetError(
            "torch.compile: a transform of torch.func around a quantum layer cannot be "
            "compiled; call it without torch.compile"
        )
    recording = torch.is_grad_enabled()
    wanted = [recording and each.requires_grad for each in (*inputs, *weights)]
    # A compiler takes equal calls for one, and shots differ.
    call = 0 if execution.num_shots is None else next(_NUMBERS)
    place = example(inputs, named)
    result: Tensor = _run(place, inputs, weights, names, name, wanted, call)[0]
    return result


@torch.library.custom_op(
    "qml_qdl::run",
    mutates_args=(),
    # `place` is one of the tensors: compilers look for the device among those alone.
    schema="(Tensor place, Tensor[] inputs, Tensor[] weights, str names,"
    " str execution, bool[] wanted, int call) -> (Tensor, Tensor)",
    tags=(torch.Tag.nondeterministic_seeded,),
)
def _run(
    place: Tensor,
    inputs: Sequence[Tensor],
    weights: Sequence[Tensor],
    names: str,
    name: str,
    wanted: list[bool],
    call: int,
) -> tuple[Tensor, Tensor]:
    with _as_outside(), torch.set_grad_enabled(any(wanted)):
        leaves = [
            each.detach().requires_grad_(own)
            for each, own in zip((*inputs, *weights), wanted, strict=True)
        ]
        first, others = leaves[: len(inputs)], leaves[len(inputs) :]
        named = _named(names, others)
        result = run_layer(Execution.named(name), first, named)
        chosen = [leaf for leaf in leaves if leaf.requires_grad]
        return result.detach().contiguous(), _ticket(result, chosen)


@_run.register_fake
def _(
    place: Tensor,
    inputs: Sequence[Tensor],
    weights: Sequence[Tensor],
    names: str,
    name: str,
    wanted: list[bool],
    call: int,
) -> tuple[Tensor, Tensor]:
    execution = Execution.named(name)
    check_inputs(execution, inputs)
    named = _named(names, weights)
    one = _of_no_rows(execution, inputs, named)
    shape = list(one.shape)
    if inputs:  # numbers of shots stand before the rows
        first = int(execution.shot_vector is not None)
        shape[first : first + 1] = inputs[0].shape[:-1]
    result = example(inputs, named).new_empty(shape, dtype=one.dtype)
    return result, torch.empty(1, dtype=torch.int64)


def _of_no_rows(
    execution: Execution, inputs: Sequence[Tensor], weights: Mapping[str, Tensor]
) -> Tensor:
    """What the layer makes of no rows: no job is paid for it, no stream goes on."""
    with made_to_last(), torch.no_grad(), torch.random.fork_rng():
        silent = deepcopy(execution)
        device = execution.qnode.device
        if traits_of(device).costs_jobs:
            silent = execution.moved(device.silent(), "keep")

        def zeros(*shape: int, like: Tensor) -> Tensor:
            return torch.zeros(tuple(map(int, shape)), dtype=like.dtype)

        none = [zeros(0, x.shape[-1], like=x) for x in inputs]
        named = {k: zeros(*w.shape, like=w) for k, w in weights.items()}
        return run_layer(silent, none, named)


@torch.library.custom_op(
    "qml_qdl::run_backward",
    mutates_args=(),
    schema="(Tensor gradient, Tensor ticket, Tensor[] wanted) -> Tensor[]",
)
def _run_backward(
    gradient: Tensor, ticket: Tensor, wanted: Sequence[Tensor]
) -> list[Tensor]:
    result, leaves = _KEPT[int(ticket)]
    with _as_outside():
        found = torch.autograd.grad(
            result, leaves, gradient, retain_graph=True, materialize_grads=True
        )
    return [each.contiguous() for each in found]


@_run_backward.register_fake
def _(gradient: Tensor, ticket: Tensor, wanted: Sequence[Tensor]) -> list[Tensor]:
    return [each.new_empty(each.shape) for each in wanted]


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    _, first, others, _, _, wanted, _ = inputs
    ctx.wanted, ctx.split = wanted, len(first)
    chosen = zip((*first, *others), wanted, strict=True)
    ctx.save_for_backward(output[1], *(each for each, own in chosen if own))


def _backward(ctx: Any, gradient: Tensor, _: Any) -> Any:
    ticket, *leaves = ctx.saved_tensors
    found = iter(_run_backward(gradient, ticket, leaves))
    all_of_them = [next(found) if own else None for own in ctx.wanted]
    inputs, weights = all_of_them[: ctx.split], all_of_them[ctx.split :]
    return None, inputs, weights, None, None, None, None


_run.register_autograd(_backward, setup_context=_save)


def _named(names: str, weights: Sequence[Tensor]) -> dict[str, Tensor]:
    return dict(zip(names.split(",") if names else (), weights, strict=True))


_KEPT: dict[int, tuple[Tensor, list[Tensor]]] = {}


def _ticket(result: Tensor, leaves: list[Tensor]) -> Tensor:
    """A number under which a result is kept until the tensor's memory is given up."""
    number = next(_NUMBERS)
    memory = np.array([number])
    if result.requires_grad:
        _KEPT[number] = result, leaves
        # torch holds the array as long as any tensor is on it, and only then.
        finalize(memory, _KEPT.pop, number).atexit = False
    return torch.from_numpy(memory)


def _as_outside() -> AbstractContextManager[object]:
    """While entered, torch does as it does outside of operators and modes.

    Inside of them it records no gradient, and reads conjugated views without their bar.
    """
    return torch._C._ForceDispatchKeyGuard(*_keys_of_new_threads())


@cache
def _keys_of_new_threads() -> tuple[Any, Any]:
    def read() -> tuple[Any, Any]:
        local = torch._C
        return (
            local._dispatch_tls_local_include_set(),
            local._dispatch_tls_local_exclude_set(),
        )

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(read).result()
