"""Gradients at random weights, all at once: whether a circuit can be trained."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import torch
from attrs import field, frozen
from torch import Tensor

from qml_qdl.circuits.encodings.encoding import Encoding
from qml_qdl.circuits.errors import ArgumentTypeError
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.readouts import Expectation
from qml_qdl.circuits.validation import check_count
from qml_qdl.nn.layer import QuantumLayer


@frozen(repr=False)
class _WeightsAsData(Encoding):
    """A processing that takes its weights from x, so that each row has its own."""

    processing: Processing = field(kw_only=True)

    @property
    def num_features(self) -> int:
        """One for each weight."""
        return int(torch.Size(self.processing.weight_shape).numel())

    def encode(self, features: Any) -> None:
        """Queues the processing; rows become the last dimension of its weights."""
        shape = self.processing.weight_shape
        rows = qml.math.shape(features)[:-1]
        last_first = qml.math.T(features) if rows else features
        self.processing.process(qml.math.reshape(last_first, (*shape, *rows)))


def gradient_samples(
    processing: Processing,
    readout: Expectation,
    samples: int = 100,
    *,
    dtype: torch.dtype = torch.float64,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Gradients of `W(θ)|0…0⟩` at random θ, every sample a row of one batch.

    Their variance over the samples tells a barren plateau, where it falls exponentially
    with the number of wires (McClean et al. 2018, arXiv:1803.11173).

    Args:
        processing: W(θ), with gates that take one angle for each row.
        readout: Expectation values; their sum is differentiated.
        samples: How many θ are sampled, evenly from [0, 2π).
        dtype: Type of the weights.
        generator: Random numbers; None for torch's own.

    Returns:
        `(samples, *weight_shape)`.

    Raises:
        ArgumentError: `samples` is below 1, or the readout does not fit the wires.
        ArgumentTypeError: It is no processing.

    Example:
        >>> from qml_qdl.circuits.symmetry.collective import permutation_equivariant
        >>> gradients = gradient_samples(
        ...     permutation_equivariant(3, layers=2), Expectation("ZII"), 50)
        >>> gradients.shape
        torch.Size([50, 2, 3])
    """
    if not isinstance(processing, Processing):
        raise ArgumentTypeError(
            f"processing: expected a processing, got {processing!r}; gradients are "
            "those of trained angles"
        )
    check_count("samples", samples)
    encoding = _WeightsAsData(processing.wires, processing=processing)
    layer = QuantumLayer(encoding.with_readout(readout))
    shape = (samples, encoding.num_features)
    angles = 2 * torch.pi * torch.rand(shape, generator=generator, dtype=dtype)
    angles.requires_grad_()
    (gradients,) = torch.autograd.grad(layer(angles).sum(), angles)
    return gradients.reshape(samples, *processing.weight_shape)
