"""The deep Boltzmann machine: layers of binary units, joined to their neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.bits import (
    MOST_BITS,
    all_bits,
    as_units,
    check_bits,
    check_weights,
)


@validate_call
class DeepBoltzmannMachine(nn.Module):
    """A deep Boltzmann machine: p ∝ exp(−E) over visible and several hidden layers.

    E = Σ sₗᵀ Wₗ sₗ₊₁ + Σ bₗ·sₗ over the layers s₀ = v, s₁, …, all binary. Data are met
    by mean-field inference, the model by persistent Markov chains (Salakhutdinov and
    Hinton, AISTATS 2009).

    Args:
        sizes: Units of each layer from the visible one up, three or more.
        num_chains: Markov chains, ≥ 1; they are part of the `state_dict`.
        generator: Random numbers for the initial weights and chains; None for
            torch's own.
        device: Where the weights are, a torch device.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Input: (rows, sizes[0]).
        - Output: (rows, sizes[-1]), mean-field probabilities of the top layer.

    Raises:
        ArgumentError: There are fewer than three layers, or a number cannot be used.

    Example:
        >>> import torch
        >>> from qml_qdl.models import DeepBoltzmannMachine
        >>> machine = DeepBoltzmannMachine([16, 8, 4])
        >>> machine.contrastive_loss(torch.zeros(5, 16)).shape
        torch.Size([])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        num_chains: int = 100,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(sizes, Sequence) or len(sizes) < 3:
            raise ArgumentError(
                f"sizes: expected three or more layers, got {sizes!r}; with two "
                "layers use RBM"
            )
        for size in sizes:
            check_count("sizes", size)
        check_count("num_chains", num_chains)
        self.sizes = tuple(sizes)
        like = torch.empty(0, device=device, dtype=dtype)
        self.weights = nn.ParameterList(like.new_empty(p) for p in pairwise(sizes))
        self.biases = nn.ParameterList(like.new_empty(size) for size in sizes)
        for level, size in enumerate(sizes):
            chains = like.new_empty(num_chains, size)
            self.register_buffer(f"chains_{level}", chains)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples small weights and random chains; biases become zero.

        Args:
            generator: Random numbers; None for torch's own.
        """
        with torch.no_grad():
            for weight in self.weights:
                scale = 1 / math.sqrt(sum(weight.shape))
                weight.normal_(0, 0.1 * scale, generator=generator)
            for bias in self.biases:
                bias.zero_()
            for chains in self._chains():
                chains.bernoulli_(0.5, generator=generator)

    def _chains(self) -> list[Tensor]:
        return [self.get_buffer(f"chains_{level}") for level in range(len(self.sizes))]

    def extra_repr(self) -> str:
        """The arguments, as `repr` shows them."""
        return f"{list(self.sizes)}, num_chains={len(self._chains()[0])}"

    def energy(self, layers: Sequence[Tensor]) -> Tensor:
        """Energy of joint configurations, or of mean-field probabilities.

        Args:
            layers: For each layer (rows, size).

        Returns:
            (rows,).
        """
        layers = self._units(layers)
        total = sum(
            (low @ weight * high).sum(-1)
            for low, weight, high in zip(
                layers[:-1], self.weights, layers[1:], strict=True
            )
        )
        return sum(
            (layer @ bias for layer, bias in zip(layers, self.biases, strict=True)),
            start=torch.as_tensor(total),
        )

    def _units(self, layers: Sequence[Tensor]) -> list[Tensor]:
        return [
            as_units(f"layers[{level}]", layer, size, self.biases[0])
            for level, (layer, size) in enumerate(zip(layers, self.sizes, strict=True))
        ]

    def _field(self, layers: Sequence[Tensor], level: int) -> Tensor:
        """What acts on the units of a level, of which the probability is σ(−field)."""
        field: Tensor = self.biases[level]
        if level > 0:
            field = field + layers[level - 1] @ self.weights[level - 1]
        if level + 1 < len(self.sizes):
            field = field + layers[level + 1] @ self.weights[level].T
        return field

    def mean_field(self, visible: Tensor, iterations: int = 25) -> list[Tensor]:
        """Mean-field probabilities of all hidden units, given data.

        Args:
            visible: (rows, sizes[0]).
            iterations: Sweeps over the hidden layers, ≥ 1.

        Returns:
            The visible units, then (rows, size) for each hidden layer.
        """
        check_count("iterations", iterations)
        visible = as_units("visible", visible, self.sizes[0], self.biases[0])
        layers = [visible] + [
            visible.new_full((len(visible), size), 0.5) for size in self.sizes[1:]
        ]
        for _ in range(iterations):
            for level in range(1, len(self.sizes)):
                layers[level] = torch.sigmoid(-self._field(layers, level))
        return layers

    def forward(self, visible: Tensor) -> Tensor:
        """Mean-field probabilities of the top layer.

        Args:
            visible: (rows, sizes[0]).

        Returns:
            (rows, sizes[-1]).
        """
        return self.mean_field(visible)[-1]

    @torch.no_grad()
    def gibbs(
        self,
        layers: Sequence[Tensor],
        steps: int = 1,
        generator: torch.Generator | None = None,
        *,
        known: Tensor | None = None,
    ) -> list[Tensor]:
        """Gibbs steps: odd layers given even ones, then even ones given odd ones.

        Args:
            layers: Where the chains begin, for each layer (chains, size).
            steps: How many, ≥ 1.
            generator: Random numbers; None for torch's own.
            known: Visible units that stay as they are, of bool; None lets all move.

        Returns:
            For each layer samples, (chains, size).

        Raises:
            DataError: A weight is not finite.
            ShapeError: A layer has another width.
        """
        check_count("steps", steps)
        check_weights(self)
        layers = self._units(layers)
        visible = layers[0]
        levels = (*range(1, len(self.sizes), 2), *range(0, len(self.sizes), 2))
        for _ in range(steps):
            for level in levels:
                on = torch.sigmoid(-self._field(layers, level))
                layers[level] = torch.bernoulli(on, generator=generator)
            if known is not None:
                layers[0] = torch.where(known, visible, layers[0])
        return layers

    def contrastive_loss(
        self,
        visible: Tensor,
        steps: int = 1,
        generator: torch.Generator | None = None,
        *,
        iterations: int = 25,
    ) -> Tensor:
        """A loss whose gradient is that of mean field and persistent chains.

        Args:
            visible: Data, (rows, sizes[0]).
            steps: Gibbs steps of the chains, ≥ 1.
            generator: Random numbers; None for torch's own.
            iterations: Mean-field sweeps, ≥ 1.

        Returns:
            A scalar, which is no likelihood.

        Raises:
            DataError: The data are empty or not bits.
        """
        check_bits("visible", visible, self.sizes[0])
        with torch.no_grad():
            inferred = self.mean_field(visible, iterations)
            samples = self.gibbs(self._chains(), steps, generator)
            for chains, moved in zip(self._chains(), samples, strict=True):
                chains.copy_(moved)
        return self.energy(inferred).mean() - self.energy(samples).mean()

    def log_partition(self) -> Tensor:
        """The exact logarithm of the partition function, by enumeration.

        Returns:
            log Z, a differentiable scalar.

        Raises:
            ArgumentError: The odd layers have more than 20 units.
        """
        return self._log_sum(None).logsumexp(-1)

    def log_likelihood(self, visible: Tensor) -> Tensor:
        """Exact logarithms of the probabilities of rows.

        Args:
            visible: Zeros and ones, (rows, sizes[0]).

        Returns:
            (rows,), in nats.

        Raises:
            ArgumentError: The odd layers have more than 20 units.
            DataError: The rows are empty or not bits.
            ShapeError: The rows have another width.
        """
        check_bits("visible", visible, self.sizes[0])
        visible = visible.to(self.biases[0].dtype)
        return self._log_sum(visible).logsumexp(-1) - self.log_partition()

    def _log_sum(self, visible: Tensor | None) -> Tensor:
        """Odd layers enumerated, even ones summed over: (..., 2ᵒᵈᵈ)."""
        odd = self.sizes[1::2]
        if sum(odd) > MOST_BITS:
            raise ArgumentError(
                f"sizes: layers 1, 3, … are enumerated up to {MOST_BITS} units, got "
                f"{sum(odd)}"
            )
        parts = all_bits(sum(odd)).to(self.biases[0]).split(odd, -1)
        layers: list[Any] = [None] * len(self.sizes)
        layers[1::2] = parts
        total = -sum(
            part @ bias for part, bias in zip(parts, self.biases[1::2], strict=True)
        )
        for level in range(0, len(self.sizes), 2):
            field = self._field(layers, level)
            if level or visible is None:
                total = total + softplus(-field).sum(-1)
            else:
                total = total - visible @ field.T
        return torch.as_tensor(total)

    @torch.no_grad()
    def sample(
        self,
        num_samples: int,
        steps: int = 1000,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Samples from the model by Gibbs sampling from random starts.

        Args:
            num_samples: How many, each from a chain of its own.
            steps: Gibbs steps, ≥ 1.
            generator: Random numbers; None for torch's own.

        Returns:
            (num_samples, sizes[0]).
        """
        check_count("num_samples", num_samples)
        halves = [
            torch.full_like(bias, 0.5).expand(num_samples, -1) for bias in self.biases
        ]
        start = [torch.bernoulli(half, generator=generator) for half in halves]
        return self.gibbs(start, steps, generator)[0]
