"""Autoregressive networks: exact probabilities of bit strings, and exact samples."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, logsigmoid

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.bits import refuse_no_bits
from qml_qdl.data.splitting import Split
from qml_qdl.hardware.simulator.modes import is_transformed


@validate_call
class AutoregressiveNetwork(nn.Module):
    r"""A masked network: p(b) = Π p(bᵢ | b₁ … bᵢ₋₁), which is normalised.

    Each bit has `width` units in each layer, which see only the bits before it (Germain
    et al. 2015, arXiv:1502.03509). A sample costs as much as one pass: the units of a
    bit are computed once, when the bits before it are there.

    Args:
        num_bits: Length n of the strings.
        width: Units of each bit in each hidden layer.
        layers: Hidden layers.
        num_ones: How many ones every string has; None for any number. Bits that no
            longer have a choice are certain.
        generator: Random numbers for the initial weights; None for torch's own.
        device: Where the weights are, a torch device.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Input: (rows, num_bits), zeros and ones.
        - Output: (rows, num_bits), the logarithm of p(1)/p(0) of each bit, given those
          before it.

    Raises:
        ArgumentError: A number cannot be used.

    Example:
        >>> import torch
        >>> from qml_qdl.data import all_bits
        >>> network = AutoregressiveNetwork(4, num_ones=2)
        >>> total = network.log_prob(all_bits(4)).exp().sum()
        >>> round(float(total.detach()), 5)
        1.0
    """

    def __init__(
        self,
        num_bits: int,
        *,
        width: int = 8,
        layers: int = 1,
        num_ones: int | None = None,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_count("num_bits", num_bits)
        check_count("width", width)
        check_count("layers", layers)
        if num_ones is not None:
            check_count("num_ones", num_ones, 0, num_bits)
        self.num_bits = num_bits
        self.num_ones = num_ones
        like = torch.empty(0, device=device, dtype=dtype)
        sizes = [1, *[width] * layers, 1]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for place, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            # The first layer leaves out the bit itself.
            earlier = torch.ones(num_bits, num_bits, dtype=torch.bool).tril(
                -(not place)
            )
            mask = earlier.repeat_interleave(outputs, 0).repeat_interleave(inputs, 1)
            self.register_buffer(f"mask_{place}", mask.to(like), persistent=False)
            self.weights.append(nn.Parameter(like.new_empty(mask.shape)))
            self.biases.append(nn.Parameter(like.new_empty(len(mask))))
        self.reset_parameters(generator)

    @classmethod
    def from_data(
        cls, split: Split, *, layers: int = 1, width: int = 8
    ) -> AutoregressiveNetwork:
        """Builds one for bits, in the order of the columns or of an image's pixels.

        Args:
            split: The data: bits.
            layers: Hidden layers.
            width: Units of each bit in each hidden layer.

        Raises:
            ArgumentError: A number cannot be used.
        """
        return cls(math.prod(split.train.input_shape), width=width, layers=layers)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples weights whose units keep their size; biases become zero.

        Args:
            generator: Random numbers; None for torch's own.
        """
        with torch.no_grad():
            for place, weight in enumerate(self.weights):
                seen = (
                    self.get_buffer(f"mask_{place}").sum(1, keepdim=True).clamp(min=1)
                )
                weight.normal_(generator=generator).div_(seen.sqrt())
                self.biases[place].zero_()

    def forward(self, bits: Tensor) -> Tensor:
        """Logarithms of the odds of each bit, given those before it."""
        features = 2 * bits.to(self.weights[0]) - 1
        for place, weight in enumerate(self.weights):
            masked = weight * self.get_buffer(f"mask_{place}")
            features = linear(
                gelu(features) if place else features, masked, self.biases[place]
            )
        return features

    def log_prob(self, bits: Tensor) -> Tensor:
        """Logarithms of probabilities.

        Args:
            bits: (rows, num_bits), zeros and ones.

        Returns:
            (rows,); −∞ where a string has another number of ones.

        Raises:
            DataError: They are neither zeros nor ones.
            ShapeError: They have another length.
        """
        if bits.ndim != 2 or bits.shape[1] != self.num_bits:
            raise ShapeError(
                f"bits: expected shape (rows, {self.num_bits}), got {tuple(bits.shape)}"
            )
        if not is_transformed():  # where numbers cannot be looked at
            refuse_no_bits("bits", bits)
        bits = bits.to(self.weights[0])
        logits = self(bits)
        terms = logsigmoid(logits * (2 * bits - 1))
        if self.num_ones is None:
            return terms.sum(1)
        must_be_one, must_be_zero = self._certain(bits)
        terms = torch.where(must_be_one | must_be_zero, 0.0, terms)
        wrong = (must_be_one & (bits == 0)) | (must_be_zero & (bits == 1))
        return terms.sum(1).masked_fill(wrong.any(1), -torch.inf)

    def _certain(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """Where only a one, and where only a zero is left, (rows, num_bits) each."""
        assert self.num_ones is not None
        ones = bits.cumsum(1) - bits  # before each bit
        places = torch.arange(self.num_bits, device=bits.device)
        zeros = places - ones
        return zeros >= self.num_bits - self.num_ones, ones >= self.num_ones

    @torch.no_grad()
    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Independent strings.

        Args:
            rows: How many.
            generator: Random numbers; None for torch's own.

        Returns:
            Zeros and ones, (rows, num_bits).
        """
        check_count("rows", rows, 0)
        like = self.weights[0]
        bits: Tensor = like.new_zeros(rows, self.num_bits)
        sizes = [len(bias) // self.num_bits for bias in self.biases]
        # What each layer reads: the bits as ±1, then units of the bits so far.
        seen = [bits.clone(), *(bits.new_empty(rows, len(b)) for b in self.biases)]
        for place in range(self.num_bits):
            for layer, (weight, bias) in enumerate(
                zip(self.weights, self.biases, strict=True)
            ):
                mine = slice(place * sizes[layer], (place + 1) * sizes[layer])
                # No further than the mask would have it.
                known = place if layer == 0 else (place + 1) * sizes[layer - 1]
                units = linear(seen[layer][:, :known], weight[mine, :known], bias[mine])
                seen[layer + 1][:, mine] = gelu(units)
            chance = units[:, 0].sigmoid()
            if self.num_ones is not None:
                one, zero = self._certain(bits)
                chance = chance.masked_fill(one[:, place], 1.0)
                chance = chance.masked_fill(zero[:, place], 0.0)
            drawn = torch.rand(
                rows, generator=generator, device=like.device, dtype=like.dtype
            )
            bits[:, place] = (drawn < chance).to(bits)
            seen[0][:, place] = 2 * bits[:, place] - 1
        return bits

    def nll_loss(self, bits: Tensor) -> Tensor:
        """The mean negative log-likelihood.

        Args:
            bits: (rows, num_bits), zeros and ones.

        Raises:
            ArgumentError: There are no rows.
        """
        if not len(bits):
            raise ArgumentError("bits: expected at least one row, got none")
        return -self.log_prob(bits).mean()
