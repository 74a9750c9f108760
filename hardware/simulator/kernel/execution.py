"""Executing: a traced circuit on the native kernel, as one operation of torch."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from attrs import field, frozen
from torch import Tensor
from torch.nn import Parameter

from qml_qdl.hardware.simulator.kernel.assembly import Assembly
from qml_qdl.hardware.simulator.modes import is_transformed

_LOGGER = logging.getLogger(__name__)

VARIABLE = "QML_QDL_KERNEL"
"""Environment variable: the level to use, or "none" to have torch run everything."""


_TEXTS = ("program.h", "level.inc", "kernel.cpp")


def _text() -> str | None:
    """The hash of the kernel's text; None where only the module was installed."""
    paths = [Path(__file__).parent / name for name in _TEXTS]
    if not all(path.exists() for path in paths):
        return None
    whole = b"".join(path.read_bytes() for path in paths)
    return hashlib.sha256(whole).hexdigest()[:16]


@cache
def native() -> ModuleType | None:
    """The kernel, on the best level of this processor; None where torch has to do.

    Returns:
        The module, a level chosen.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted == "none":
        return None
    slower = "the simulator runs by torch alone, which is several times slower"
    try:
        from qml_qdl.hardware.simulator.kernel import _kernel
    except ImportError as error:
        _LOGGER.warning(
            "%s: its native kernel cannot be loaded (%s); install a C++ compiler, then "
            "qml-qdl anew",
            slower,
            error,
        )
        return None
    if _text() not in (None, _kernel.TEXT):
        _LOGGER.warning(
            "%s: its native kernel was built from another text; run pip install again",
            slower,
        )
        return None
    levels = _kernel.levels()
    if wanted is not None and wanted not in levels:
        _LOGGER.warning(
            "%s=%s: this processor has the levels %s; %s is used",
            VARIABLE,
            wanted,
            ", ".join(levels),
            levels[0],
        )
        wanted = None
    if wanted is None:  # for little work the next narrower one, where vectors are wide
        _kernel.choose(levels[0], levels[1 if levels[0] == "avx512" else 0])
    else:
        _kernel.choose(wanted)
    return _kernel


@frozen(eq=False)
class NativeProgram:
    """A program as the kernel has it.

    Args:
        assembly: What it was made of.
        double: Whether numbers are float64, else float32.
        kernel: The native module.
        handle: The module's own program.
    """

    assembly: Assembly
    double: bool
    kernel: Any
    handle: Any = field(init=False)

    @handle.default
    def _read(self) -> Any:
        return self.kernel.program(self.assembly.whole, self.assembly.real)

    def rows(
        self, x: Tensor | None, prepared: Tensor | None, tensors: Sequence[Tensor]
    ) -> int:
        """How many rows run.

        Args:
            x: As `forward` takes it.
            prepared: As there.
            tensors: As there.
        """
        if x is not None:
            return x.shape[0]
        if prepared is not None and len(prepared) != 1:
            return len(prepared)
        matrices = tensors[len(self.assembly.weights) :]
        return max((m.shape[0] for m in matrices if m.ndim > 2), default=1)

    def kept(self, rows: int) -> int:
        """How many numbers the last states of some rows have."""
        found: int = self.kernel.kept(self.handle, self.double, rows)
        return found

    def forward(
        self,
        x: Tensor | None,
        prepared: Tensor | None,
        tensors: Sequence[Tensor],
        kept: Tensor | None = None,
    ) -> Tensor:
        """Runs all rows, without gradients.

        Args:
            x: (rows, features), or None where nothing differs from row to row.
            prepared: (rows, 2ⁿ) or (1, 2ⁿ) the first states, complex and contiguous;
                None for `|0…0⟩`.
            tensors: Weights, then matrices (rows, 2ᵏ, 2ᵏ) or (2ᵏ, 2ᵏ), of diagonals
                (…, 2ᵏ, 1), complex; all contiguous.
            kept: For the last states; None to keep none.

        Returns:
            (rows, outputs), or (rows, 2ⁿ) states.
        """
        rows = self.rows(x, prepared, tensors)
        out = (tensors[0] if x is None else x).new_empty(rows, self.assembly.outputs)
        self.kernel.forward(
            self.handle,
            self.double,
            torch.get_num_threads(),
            rows,
            *((0, 0, 0) if x is None else (x.data_ptr(), *x.stride())),
            *_states(prepared),
            0 if kept is None else kept.data_ptr(),
            out.data_ptr(),
            *[tensor.data_ptr() for tensor in tensors],
        )
        if self.assembly.reads_state:
            return torch.view_as_complex(out.unflatten(1, (-1, 2)))
        return out

    def backward(
        self,
        x: Tensor | None,
        prepared: Tensor | None,
        tensors: Sequence[Tensor],
        kept: Tensor | None,
        change: Tensor,
        wanted: Sequence[bool],
    ) -> list[Tensor | None]:
        """Gradients by what `forward` took.

        Args:
            x: As there.
            prepared: As there.
            tensors: As there.
            kept: As `forward` left it; None where it kept none.
            change: The gradient by what it returned.
            wanted: For x, prepared and each of the tensors whether one is wanted.

        Returns:
            As many gradients; None where none is wanted.
        """
        if change.is_complex():
            change = torch.view_as_real(change.resolve_conj()).flatten(1)
        change = change.resolve_neg()
        if change._is_zerotensor():  # which has no memory
            change = change.clone()
        by_x = by_states = None
        if wanted[0] and x is not None:
            by_x = torch.empty_like(x, memory_format=torch.contiguous_format)
        rows = change.shape[0]
        if wanted[1] and prepared is not None:
            by_states = prepared.new_empty(rows, prepared.shape[1])
        changes: list[Tensor | None] = [by_x, by_states]
        addresses = [0 if each is None else each.data_ptr() for each in changes]
        for tensor, want in zip(tensors, wanted[2:], strict=True):
            found = torch.empty_like(tensor) if want else None  # contiguous as that
            changes.append(found)
            addresses += (tensor.data_ptr(), 0 if found is None else found.data_ptr())
        self.kernel.backward(
            self.handle,
            self.double,
            torch.get_num_threads(),
            rows,
            *((0, 0, 0) if x is None else (x.data_ptr(), *x.stride())),
            *_states(prepared),
            0 if kept is None else kept.data_ptr(),
            change.data_ptr(),
            *change.stride(),
            *addresses,
        )
        if by_states is not None and prepared is not None and len(prepared) != rows:
            changes[1] = by_states.sum(0, keepdim=True)  # one first state for all
        return changes


def _states(tensor: Tensor | None) -> tuple[int, int]:
    """Address and stride of rows of complex numbers; 0 where all rows are one."""
    if tensor is None:
        return 0, 0
    rows, amplitudes = tensor.shape
    return tensor.data_ptr(), 0 if rows == 1 else 2 * amplitudes


def is_plain(tensors: Iterable[Tensor | None]) -> bool:
    """Whether the kernel may read tensors by their addresses.

    Args:
        tensors: Tensors, and None where there is none.

    Returns:
        False for subclasses, for what is not on the processor, and while torch
        transforms, traces or exports what runs.
    """
    for tensor in tensors:
        if tensor is not None and (
            type(tensor) not in _PLAIN
            or not tensor.is_cpu
            or tensor.layout is not torch.strided
        ):
            return False
    return not (torch._C._len_torch_dispatch_stack() or is_transformed())


_PLAIN = (Parameter, Tensor)

Plainly = Callable[[Tensor | None, Tensor | None, Sequence[Tensor]], Tensor]


@frozen(eq=False)
class NativeCircuit:
    """A program on the kernel, as an operation of torch.

    Args:
        program: The program.
        plainly: The same by torch, for gradients of gradients.
        most_kept: How many numbers of last states may be kept for the way back; beyond,
            they are found again.
        fixed: Matrices that are the same in every call, which come after all others.
    """

    program: NativeProgram
    plainly: Plainly
    most_kept: int
    fixed: Sequence[Tensor] = ()
    num_features: int = field(init=False)

    @num_features.default
    def _features(self) -> int:
        return self.program.assembly.features

    def __call__(
        self,
        x: Tensor | None,
        prepared: Tensor | None,
        tensors: Sequence[Tensor],
    ) -> Tensor:
        """Runs all rows.

        Args:
            x: As `NativeProgram.forward` takes it.
            prepared: As there.
            tensors: As there, weights contiguous or not.

        Returns:
            As it does.
        """
        x = None if x is None else x.resolve_neg()
        tensors = [tensor.contiguous().resolve_neg() for tensor in tensors]
        tensors += self.fixed
        if torch.is_grad_enabled():
            for each in (x, prepared, *tensors):
                if each is not None and each.requires_grad:
                    found: Tensor = _Run.apply(self, x, prepared, *tensors)  # type: ignore[no-untyped-call]
                    return found
        return self.program.forward(x, prepared, tensors)


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        circuit: NativeCircuit,
        x: Tensor | None,
        prepared: Tensor | None,
        *tensors: Tensor,
    ) -> Tensor:
        program = circuit.program
        size = program.kept(program.rows(x, prepared, tensors))
        kept = None
        if size <= circuit.most_kept:
            kept = (tensors[0] if x is None else x).new_empty(size)
        ctx.circuit = circuit
        # As torch's own operations do: what is kept goes once the way back is done.
        ctx.save_for_backward(x, prepared, kept, *tensors)
        return program.forward(x, prepared, tensors, kept)

    @staticmethod
    def backward(ctx: Any, change: Tensor) -> Any:
        x, *saved = ctx.saved_tensors
        # Hooks of torch.autograd.graph may bring them back with other strides.
        prepared, kept, *tensors = [
            None if each is None else each.contiguous() for each in saved
        ]
        wanted = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled() or is_transformed(change):
            return None, *_differentiable(ctx, (x, prepared, *tensors), change)
        program = ctx.circuit.program
        return None, *program.backward(x, prepared, tensors, kept, change, wanted)


def _differentiable(
    ctx: Any, numbers: Sequence[Tensor | None], change: Tensor
) -> list[Tensor | None]:
    """The same gradients by torch's route, so that they have gradients themselves."""
    again = torch.is_grad_enabled()  # if not, only many gradients at once are wanted
    x, prepared, *tensors = numbers
    own = tensors[: len(tensors) - len(ctx.circuit.fixed)]
    with torch.enable_grad():
        values = ctx.circuit.plainly(x, prepared, own).expand(change.shape)
    wanted = ctx.needs_input_grad[1:]
    pairs = zip(numbers, wanted, strict=True)
    chosen = [number for number, want in pairs if want and number is not None]
    found = iter(
        torch.autograd.grad(
            values, chosen, change, create_graph=again, materialize_grads=True
        )
    )
    return [next(found) if want else None for want in wanted]
