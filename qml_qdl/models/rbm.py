"""The restricted Boltzmann machine."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import (
    check_choice,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.data.bits import (
    MOST_BITS,
    all_bits,
    as_units,
    check_bits,
    check_rows,
    check_weights,
    refuse_no_bits,
)
from qml_qdl.data.splitting import Split

Units = Literal["binary", "gaussian"]

CHAINS = 500
"""Markov chains of a machine made for data."""

MOST_UNITS = 16
"""Of its visible and hidden units at least one kind is enumerated."""


@validate_call
class RBM(nn.Module):
    r"""A restricted Boltzmann machine: p(v, h) ∝ exp(−E(v, h)).

    The energy is E = vᵀWh + a·v + b·h with binary visible units, and
    `E = |v − a|²/2 + vᵀWh + b·h` with Gaussian ones; hidden units are binary. Note the
    sign: a *negative* weight makes two units like to be on together. (Smolensky 1986;
    Hinton, Neural Computation 14, 1771 (2002); Tieleman, ICML 2008.)

    Its losses are torch scalars, so that any torch optimiser trains it:

    - `nll_loss(v)`: exact, where one side has at most 20 units;
    - `contrastive_loss(v)`: contrastive divergence CD-k, or persistent contrastive
      divergence where the machine has `num_chains` Markov chains of its own, which
      are part of the `state_dict`.

    Args:
        num_visible: Visible units.
        num_hidden: Hidden units.
        visible: "binary" or "gaussian" (unit variance: standardise the data).
        num_chains: Markov chains of persistent contrastive divergence; 0 for CD-k.
        generator: Random numbers for the initial weights and chains; None for
            torch's own.
        device: Where the weights are, a torch device.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Input: (rows, num_visible).
        - Output: (rows, num_hidden), the probabilities of the hidden units.

    Raises:
        ArgumentError: A number or `visible` cannot be used.

    Example:
        >>> import torch
        >>> from qml_qdl.models import RBM
        >>> rbm = RBM(4, 2, generator=torch.Generator().manual_seed(0))
        >>> data = torch.tensor([[0.0, 0, 1, 1], [1, 1, 0, 0]])
        >>> optimizer = torch.optim.Adam(rbm.parameters(), lr=0.1)
        >>> for _ in range(200):
        ...     optimizer.zero_grad()
        ...     rbm.nll_loss(data).backward()
        ...     _ = optimizer.step()
        >>> bool(rbm.nll_loss(data) < 0.8)  # the floor is ln 2 = 0.69
        True
    """

    chains: Tensor

    def __init__(
        self,
        num_visible: int,
        num_hidden: int,
        *,
        visible: Units = "binary",
        num_chains: int = 0,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_count("num_visible", num_visible)
        check_count("num_hidden", num_hidden)
        check_count("num_chains", num_chains, 0)
        check_choice("visible", visible, ("binary", "gaussian"))
        self.num_visible = num_visible
        self.num_hidden = num_hidden
        self.visible = visible
        like = torch.empty(0, device=device, dtype=dtype)
        self.weight = nn.Parameter(like.new_empty(num_visible, num_hidden))
        self.visible_bias = nn.Parameter(like.new_empty(num_visible))
        self.hidden_bias = nn.Parameter(like.new_empty(num_hidden))
        self.register_buffer("chains", like.new_empty(num_chains, num_visible))
        self.reset_parameters(generator)

    @classmethod
    def from_data(cls, split: Split, *, hidden: int | None = None) -> RBM:
        """Builds one for bits, with 500 persistent chains.

        Args:
            split: The data: bits.
            hidden: Hidden units; None for twenty, and for sixteen of more than sixteen
                bits.

        Raises:
            ArgumentError: There are more than sixteen units on both sides.
        """
        bits = math.prod(split.train.input_shape)
        if hidden is None:
            hidden = 20 if bits <= MOST_UNITS else MOST_UNITS
        if min(bits, hidden) > MOST_UNITS:
            raise ArgumentError(
                f"hidden: the likelihood is exact up to {MOST_UNITS} units on one "
                f"side, got {bits} bits and hidden={hidden}; pass "
                f"hidden={MOST_UNITS} or less"
            )
        return cls(bits, hidden, num_chains=CHAINS)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples small weights and random chains; biases become zero.

        Args:
            generator: Random numbers; None for torch's own.
        """
        with torch.no_grad():
            scale = 1 / math.sqrt(self.num_visible + self.num_hidden)
            self.weight.normal_(0, 0.1 * scale, generator=generator)
            self.visible_bias.zero_()
            self.hidden_bias.zero_()
            if self.visible == "binary":
                self.chains.bernoulli_(0.5, generator=generator)
            else:
                self.chains.normal_(generator=generator)

    def extra_repr(self) -> str:
        """The arguments, as `repr` shows them."""
        chains = f", num_chains={len(self.chains)}" if len(self.chains) else ""
        return (
            f"{self.num_visible}, {self.num_hidden}, visible={self.visible!r}{chains}"
        )

    def forward(self, visible: Tensor) -> Tensor:
        """Probabilities that hidden units are on.

        Args:
            visible: (rows, num_visible).

        Returns:
            (rows, num_hidden).
        """
        visible = self._visible_units(visible)
        return torch.sigmoid(-(visible @ self.weight + self.hidden_bias))

    def visible_mean(self, hidden: Tensor) -> Tensor:
        """Means of the visible units; for binary ones the probability to be on.

        Args:
            hidden: (rows, num_hidden).

        Returns:
            (rows, num_visible).
        """
        field = self._hidden_units(hidden) @ self.weight.T
        if self.visible == "gaussian":
            return self.visible_bias - field
        return torch.sigmoid(-(field + self.visible_bias))

    def energy(self, visible: Tensor, hidden: Tensor) -> Tensor:
        """Energy of joint configurations.

        Args:
            visible: (rows, num_visible).
            hidden: (rows, num_hidden).

        Returns:
            (rows,).

        Raises:
            DataError: Binary units are neither 0 nor 1.
        """
        if self.visible == "binary":
            refuse_no_bits("visible", visible)
        refuse_no_bits("hidden", hidden)
        visible, hidden = self._visible_units(visible), self._hidden_units(hidden)
        joint = ((visible @ self.weight) * hidden).sum(-1) + hidden @ self.hidden_bias
        return joint + self._visible_energy(visible)

    def free_energy(self, visible: Tensor) -> Tensor:
        """Free energy F with p(v) ∝ exp(−F(v)): hidden units are summed over.

        Args:
            visible: (rows, num_visible).

        Returns:
            (rows,).

        Raises:
            DataError: Binary units are neither 0 nor 1.
        """
        if self.visible == "binary":
            refuse_no_bits("visible", visible)
        visible = self._visible_units(visible)
        fields = visible @ self.weight + self.hidden_bias
        return self._visible_energy(visible) - softplus(-fields).sum(-1)

    def hidden_free_energy(self, hidden: Tensor) -> Tensor:
        """Free energy of hidden units, p(h) ∝ exp(−F(h)): visible ones are summed over.

        Args:
            hidden: (rows, num_hidden).

        Returns:
            (rows,).

        Raises:
            DataError: The units are neither 0 nor 1.
        """
        refuse_no_bits("hidden", hidden)
        hidden = self._hidden_units(hidden)
        fields = hidden @ self.weight.T
        own = hidden @ self.hidden_bias
        if self.visible == "binary":
            return own - softplus(-(fields + self.visible_bias)).sum(-1)
        shifted = fields.square().sum(-1) / 2 - fields @ self.visible_bias
        return own - shifted - self.num_visible * math.log(2 * math.pi) / 2

    def _visible_units(self, visible: Tensor) -> Tensor:
        return as_units("visible", visible, self.num_visible, self.weight)

    def _hidden_units(self, hidden: Tensor) -> Tensor:
        return as_units("hidden", hidden, self.num_hidden, self.weight)

    def _visible_energy(self, visible: Tensor) -> Tensor:
        if self.visible == "gaussian":
            return (visible - self.visible_bias).square().sum(-1) / 2
        return visible @ self.visible_bias

    def log_partition(self) -> Tensor:
        """The exact logarithm of the partition function, by enumeration.

        Returns:
            log Z, a differentiable scalar.

        Raises:
            ArgumentError: Both sides have more than 20 units (with Gaussian visible
                units: the hidden side has); use `annealed_log_partition`.
        """
        if self.visible == "binary" and self.num_visible <= self.num_hidden:
            self._check_enumerable(self.num_visible)
            visible = all_bits(self.num_visible).to(self.weight)
            return (-self.free_energy(visible)).logsumexp(0)
        self._check_enumerable(self.num_hidden)
        hidden = all_bits(self.num_hidden).to(self.weight)
        return (-self.hidden_free_energy(hidden)).logsumexp(0)

    def _check_enumerable(self, units: int) -> None:
        if units > MOST_BITS:
            raise ArgumentError(
                f"num_hidden: log Z is enumerated up to {MOST_BITS} units on the "
                f"smaller side, got {self.num_visible} visible ({self.visible}) and "
                f"{self.num_hidden} hidden; use annealed_log_partition"
            )

    def log_likelihood(
        self, visible: Tensor, log_partition: Tensor | float | None = None
    ) -> Tensor:
        """Logarithms of the probabilities (or densities) of rows.

        Args:
            visible: (rows, num_visible).
            log_partition: log Z, such as an estimate; None computes it exactly.

        Returns:
            (rows,), in nats.

        Raises:
            ArgumentError: log Z cannot be enumerated.
            DataError: The rows are empty, not finite, or not bits for binary units.
            ShapeError: The rows have another width.
        """
        self._check(visible)
        if log_partition is None:
            log_partition = self.log_partition()
        if not isinstance(log_partition, Tensor):
            check_number("log_partition", log_partition, -math.inf, math.inf)
        return -self.free_energy(visible) - log_partition

    def nll_loss(self, visible: Tensor) -> Tensor:
        """Mean negative log-likelihood, exact.

        Args:
            visible: Data, (rows, num_visible).

        Returns:
            A scalar in nats.

        Raises:
            ArgumentError: log Z cannot be enumerated.
            DataError: The data are empty, not finite, or not bits for binary units.
        """
        return -self.log_likelihood(visible).mean()

    def contrastive_loss(
        self,
        visible: Tensor,
        steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """A loss whose gradient is that of (persistent) contrastive divergence.

        The mean free energy of data minus that of samples after some Gibbs steps: from
        the data (CD-k) or, if there are `chains`, from those, which move on. Its value
        is no likelihood and need not fall.

        Args:
            visible: Data, (rows, num_visible).
            steps: Gibbs steps k, ≥ 1.
            generator: Random numbers; None for torch's own.

        Returns:
            A scalar.

        Raises:
            DataError: The data are empty, not finite, or not bits for binary units.
        """
        self._check(visible)
        start = self.chains if len(self.chains) else visible
        samples = self.gibbs(start, steps, generator)
        if len(self.chains):
            self.chains.copy_(samples)
        return self.free_energy(visible).mean() - self.free_energy(samples).mean()

    def _check(self, visible: Tensor) -> None:
        check = check_bits if self.visible == "binary" else check_rows
        check("visible", visible, self.num_visible)

    @torch.no_grad()
    def gibbs(
        self,
        visible: Tensor,
        steps: int = 1,
        generator: torch.Generator | None = None,
        *,
        known: Tensor | None = None,
    ) -> Tensor:
        """Gibbs steps v → h → v.

        Args:
            visible: Where the chains begin, (chains, num_visible).
            steps: How many, ≥ 1.
            generator: Random numbers; None for torch's own.
            known: Units that stay as they are, of bool, (num_visible,) or
                (chains, num_visible); None lets all move.

        Returns:
            Samples of the visible units, (chains, num_visible).

        Raises:
            DataError: A weight is not finite.
            ShapeError: The chains have another width.
        """
        check_count("steps", steps)
        check_weights(self)
        visible = self._visible_units(visible)
        start = visible
        for _ in range(steps):
            hidden = torch.bernoulli(self(visible), generator=generator)
            visible = self.sample_visible(hidden, generator)
            if known is not None:
                visible = torch.where(known, start, visible)
        return visible

    @torch.no_grad()
    def sample_visible(
        self, hidden: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Samples visible units, given hidden ones.

        Args:
            hidden: (rows, num_hidden).
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, num_visible).
        """
        mean = self.visible_mean(hidden)
        if self.visible == "binary":
            return torch.bernoulli(mean, generator=generator)
        noise = torch.empty_like(mean).normal_(generator=generator)
        return mean + noise

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
            (num_samples, num_visible).

        Raises:
            DataError: A weight is not finite.
        """
        check_count("num_samples", num_samples)
        check_weights(self)
        half = self.weight.new_full((num_samples, self.num_hidden), 0.5)
        hidden = torch.bernoulli(half, generator=generator)
        start = self.sample_visible(hidden, generator)
        return self.gibbs(start, steps, generator)

    @torch.no_grad()
    def complete(
        self,
        visible: Tensor,
        known: Tensor,
        steps: int = 1000,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Fills in unknown units, such as the missing pixels of an image.

        Args:
            visible: Rows whose unknown units may hold anything finite,
                (rows, num_visible).
            known: Which units are known, of bool, (num_visible,) or
                (rows, num_visible).
            steps: Gibbs steps, ≥ 1.
            generator: Random numbers; None for torch's own.

        Returns:
            Rows that agree with the known units, (rows, num_visible).

        Raises:
            DataError: The rows are empty or not finite.
            ShapeError: A shape does not fit.
        """
        check_rows("visible", visible, self.num_visible)
        fits = known.shape in ((self.num_visible,), visible.shape)
        if not fits or known.dtype != torch.bool:
            raise ShapeError(
                f"known: expected bool values ({self.num_visible},) or "
                f"{tuple(visible.shape)}, got {known.dtype} of shape "
                f"{tuple(known.shape)}"
            )
        visible = self._visible_units(visible)
        noise = self.gibbs(torch.zeros_like(visible), 1, generator)
        start = torch.where(known, visible, noise)
        return self.gibbs(start, steps, generator, known=known)
