"""Kernels: what each of them is, and what those of a circuit have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Unpack, cast

import numpy as np
import torch
from torch import Tensor, nn

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.circuit import as_circuit
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MemoryBoundError,
    ShapeError,
)
from qml_qdl.circuits.validation import check_count, check_number
from qml_qdl.hardware.jobs.cost import Cost
from qml_qdl.hardware.simulator.memory import SHARE_OF_FREE, free_bytes
from qml_qdl.hardware.traits import traits_of
from qml_qdl.kernels.row_cache import RowCache
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.execution import Execution
from qml_qdl.nn.jobs import estimated
from qml_qdl.nn.options import LayerOptions, check_floating
from qml_qdl.nn.results import at_least_single

_COPIES = 4
"""How often a Gram matrix is there while it is made, products and squares counted."""


class Kernel(nn.Module, ABC):
    """A kernel k(x, y) as a torch module: abstract base of all kernels.

    Called with rows it gives the Gram matrix. What it trains are its parameters, and
    gradients flow to the rows, too.

    A kernel of one's own defines `num_inputs`, `gram` and `cost`.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import ZZFeatureMap
        >>> from qml_qdl.kernels import FidelityKernel
        >>> kernel = FidelityKernel(ZZFeatureMap(2))
        >>> kernel(torch.rand(3, 2), torch.rand(5, 2)).shape
        torch.Size([3, 5])
    """

    memory: int | None = None
    """Bytes that a call may use; None for a quarter of what is free."""

    # ---- Must be defined: these three, and nothing else. ----

    @property
    @abstractmethod
    def num_inputs(self) -> int:
        """How many numbers a row has."""

    @abstractmethod
    def gram(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The Gram matrix of rows that were looked at already.

        Args:
            x: (n, num_inputs), finite, of single precision or double.
            y: (m, num_inputs), likewise; None for x itself.

        Returns:
            (n, m), of the rows' dtype; symmetric where y is None.
        """

    @abstractmethod
    def cost(self, rows: int, columns: int | None = None) -> Cost:
        """What a Gram matrix takes, told beforehand; nothing is run or sent.

        Args:
            rows: Rows of x, n ≥ 0.
            columns: Rows of y, m ≥ 0; None for the symmetric matrix of x.

        Returns:
            Circuits, rows and executions; on machines, and on models of them, also
            jobs and QPU seconds.
        """

    # ---- Defined here for all. ----

    def forward(self, x: Any, y: Any = None) -> Tensor:
        """The Gram matrix of rows.

        Args:
            x: (n, num_inputs), a tensor or an array of floating numbers.
            y: (m, num_inputs), likewise; None for x itself, of which only the pairs of
                different rows are computed.

        Returns:
            k(xᵢ, yⱼ) as (n, m), of the rows' dtype; without y symmetric.

        Raises:
            ShapeError: The rows do not fit.
            ArgumentTypeError: They are not floating.
            ArgumentError: A number is not finite.
            MemoryBoundError: The matrix does not fit into memory.
        """
        left = as_rows("x", x, self.num_inputs)
        right = None if y is None else as_rows("y", y, self.num_inputs).to(left)
        columns = len(left) if right is None else len(right)
        needed = _COPIES * len(left) * columns * left.element_size()
        allowed = self.bound(left.device)
        if needed > allowed:
            raise MemoryBoundError(
                f"x: a Gram matrix of {len(left):,} × {columns:,} rows takes "
                f"{needed:,} bytes while it is made, but {allowed:,} may be used; use "
                "NystroemFeatures(kernel, landmarks), which takes a few columns only, "
                "or raise memory="
            )
        return self.gram(left, right)

    def bound(self, device: torch.device) -> int:
        """Bytes that a call may use.

        Args:
            device: Where it computes.
        """
        if self.memory is not None:
            return self.memory
        return free_bytes(device) // SHARE_OF_FREE


def as_rows(name: str, rows: Any, num_inputs: int) -> Tensor:
    """Rows of data as a tensor.

    Args:
        name: The argument's name, for messages.
        rows: A floating tensor or array, (n, num_inputs).
        num_inputs: How many numbers a row has.

    Returns:
        The rows, of single precision or double.

    Raises:
        ShapeError: They have another shape.
        ArgumentTypeError: They are not floating.
        ArgumentError: A number is not finite.
    """
    if not isinstance(rows, Tensor) and hasattr(rows, "__array__"):
        try:  # copied, since arrays may be read-only
            rows = torch.tensor(np.asarray(rows))
        except TypeError as error:
            raise ArgumentTypeError(
                f"{name}: expected floating numbers, got an array of "
                f"{np.asarray(rows).dtype}; convert it with .astype(float)"
            ) from error
    check_floating(name, rows)
    if rows.ndim != 2 or rows.shape[1] != num_inputs:
        raise ShapeError(
            f"{name}: expected shape (rows, {num_inputs}), got {tuple(rows.shape)}; "
            f"the kernel reads {num_inputs} features"
        )
    lost = ~rows.detach().isfinite().all(1)
    if bool(lost.any()):
        raise ArgumentError(
            f"{name}: expected finite numbers, got NaN or infinity in rows "
            f"{lost.nonzero().flatten()[:8].tolist()}; take these rows out first"
        )
    return at_least_single(rows)


class KernelOptions(LayerOptions, total=False):
    """What a kernel hands on to its `QuantumLayer`."""

    device: torch.device | str | None
    dtype: torch.dtype | None


class CircuitKernel(Kernel):
    """Abstract base of kernels that run one circuit on rows.

    Args:
        circuit: U(x, θ), of which weights are trained; its readout is not used.
        to_run: What runs in its place: the rows it takes are those of `run_rows`.
        scaling: Factor on all features, the kernel's bandwidth.
        memory: Bytes that a call may use; None for a quarter of what is free.
        **options: What `QuantumLayer` takes.

    Raises:
        ArgumentError: The circuit reads no features, or an argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.
    """

    def __init__(
        self,
        circuit: Circuit,
        to_run: Circuit,
        scaling: float,
        memory: int | None,
        **options: Unpack[KernelOptions],
    ) -> None:
        super().__init__()
        check_number("scaling", scaling)
        if memory is not None:
            check_count("memory", memory, most=2**62)
        self.circuit = circuit
        self.scaling = scaling
        self.memory = memory
        self.layer = QuantumLayer(to_run, **options)
        self._cache = RowCache()

    @property
    def num_inputs(self) -> int:
        """How many features the circuit reads."""
        return self.circuit.num_inputs

    def clear(self) -> None:
        """Forgets the rows that were run: what is measured next is measured anew."""
        self._cache.clear()

    def run_rows(
        self,
        rows: Tensor,
        run: Callable[[Tensor], Tensor] | None = None,
        owner: Execution | None = None,
    ) -> Tensor:
        """Runs rows, each distinct one once; those that were run before not again.

        Where gradients are needed, all are run.

        Args:
            rows: (rows, features), scaled.
            run: What runs them; None for the layer.
            owner: What results hang on beside weights; None for the layer's execution.

        Returns:
            (rows, outputs).
        """
        run = run or cast(Callable[[Tensor], Tensor], self.layer)
        weights = [*self.layer.qnode_weights.values()]
        trained = any(tensor.requires_grad for tensor in (rows, *weights))
        if trained and torch.is_grad_enabled():
            return run(rows)
        most = self.bound(rows.device) // 4
        owner = owner or self.layer.execution
        with torch.no_grad():
            return self._cache(rows, run, owner, weights, most)

    def price(self, rows: int) -> Cost:
        """What rows of the layer take; see `Kernel.cost`.

        Args:
            rows: How many.
        """
        check_count("rows", rows, 0)
        execution = self.layer.execution
        device = execution.qnode.device
        if not rows:
            return Cost()
        if traits_of(device).costs_jobs and device.executor.machine is not None:
            width = execution.source.num_inputs
            with torch.no_grad(), estimated(self) as costs:
                self.layer(torch.zeros(rows, width, dtype=torch.float64))
            return sum(costs[1:], costs[0])
        return Cost(circuits=1, rows=rows, executions=rows * (execution.num_shots or 0))

    def extra_repr(self) -> str:
        """What `print(kernel)` shows: the circuit and the bandwidth."""
        if "scaling" not in vars(self):  # in a traceback, say
            return "half-built"
        return f"circuit={self.circuit!r}, scaling={self.scaling:g}"


def as_encoding_circuit(circuit: Circuit | Block) -> Circuit:
    """A circuit that a kernel can be made of.

    Args:
        circuit: A circuit or a block.

    Returns:
        The circuit.

    Raises:
        ArgumentError: It reads no features.
    """
    whole = as_circuit(circuit)
    if not whole.num_inputs:
        raise ArgumentError(
            f"circuit: expected an encoding S(x) in it, got {whole!r}, which reads no "
            "features; compose it: W @ S"
        )
    return whole
