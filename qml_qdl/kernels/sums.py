"""Sums of kernels: several bandwidths, circuits or scales at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import (
    as_items,
    check_flag,
    check_number,
    validate_call,
)
from qml_qdl.hardware.jobs.cost import Cost
from qml_qdl.kernels.kernel import Kernel


@final
@validate_call
class SumKernel(Kernel):
    r"""k(x, y) = :math:`\sum_i w_i k_i(x, y)`, with weights above 0 that add up to 1.

    Of one circuit at several bandwidths it is a kernel of several scales; its weights,
    trained by `align`, say which of them the labels ask for.

    Args:
        kernels: One or more, of equally many inputs.
        weights: Numbers above 0, in proportion to the weights; None for equal ones.
        trainable_weights: Whether the weights are trained.

    Raises:
        ArgumentError: There are no kernels, their inputs differ, or weights are not one
            for each and above 0.
        ArgumentTypeError: One is no kernel.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import ZZFeatureMap
        >>> from qml_qdl.kernels import FidelityKernel
        >>> scales = [FidelityKernel(ZZFeatureMap(2), scaling=c) for c in (0.1, 1.0)]
        >>> SumKernel(scales)(torch.rand(3, 2)).diagonal()
        tensor([1., 1., 1.])
    """

    def __init__(
        self,
        kernels: Sequence[Kernel],
        *,
        weights: Sequence[float] | None = None,
        trainable_weights: bool = False,
    ) -> None:
        super().__init__()
        check_flag("trainable_weights", trainable_weights)
        given = as_items(kernels)
        if not given:
            raise ArgumentError(f"kernels: expected one or more, got {kernels!r}")
        for kernel in given:
            if not isinstance(kernel, Kernel):
                raise ArgumentTypeError(f"kernels: expected kernels, got {kernel!r}")
        sizes = {kernel.num_inputs for kernel in given}
        if len(sizes) > 1:
            raise ArgumentError(
                f"kernels: expected equally many inputs, got {sorted(sizes)}; give "
                "the encodings features="
            )
        shares = (1.0,) * len(given) if weights is None else as_items(weights) or ()
        for share in shares:
            check_number("weights", share, 0.0, math.inf)
        if len(shares) != len(given):
            raise ArgumentError(
                f"weights: expected one for each of {len(given)} kernels, got "
                f"{len(shares)}"
            )
        self.kernels = nn.ModuleList(given)
        self.logits = nn.Parameter(
            torch.tensor([math.log(s) for s in shares]), requires_grad=trainable_weights
        )

    @property
    def num_inputs(self) -> int:
        """As many as each kernel has."""
        return self._all[0].num_inputs

    @property
    def weights(self) -> Tensor:
        """The weights, (kernels,), which add up to 1."""
        return self.logits.softmax(0)

    @property
    def _all(self) -> list[Kernel]:
        return [kernel for kernel in self.kernels if isinstance(kernel, Kernel)]

    def gram(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The weighted sum; see `Kernel.gram`."""
        weights = self.logits.to(x).softmax(0)
        gram = weights[0] * self._all[0].gram(x, y)
        for weight, kernel in zip(weights[1:], self._all[1:], strict=True):
            gram = gram + weight * kernel.gram(x, y)
        return gram

    def cost(self, rows: int, columns: int | None = None) -> Cost:
        """What all of them take; see `Kernel.cost`."""
        costs = [kernel.cost(rows, columns) for kernel in self._all]
        return sum(costs[1:], costs[0])
