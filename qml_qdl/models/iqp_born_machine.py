"""The IQP Born machine: trained by classical estimates, sampled by a circuit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from qml_qdl.circuits import IQPCircuit, Probabilities
from qml_qdl.circuits.circuit import as_circuit
from qml_qdl.circuits.driven import Driven
from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.bits import MOST_BITS, check_bits, sample_bits
from qml_qdl.hardware.targets import Target
from qml_qdl.metrics.parities import WIDTHS, check_widths
from qml_qdl.models.born_machine import BornMachine
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots


@validate_call
class IQPBornMachine(nn.Module):
    """A Born machine of commuting gates, trained without running its circuit.

    `p(x) = |⟨x| Πⱼ exp(−iθⱼXⱼ) |0⟩|²` with words Xⱼ of X gates. The expectation value
    of a word of Z, on the wires a, is the mean over uniform bit strings z of
    cos(2 Σⱼ θⱼ (−1)^(gⱼ·z)), where j runs over the words gⱼ that have an odd number of
    wires in common with a; so a few z estimate it, for hundreds of wires (Van den Nest
    2010, arXiv:0911.1624). The maximum mean discrepancy is a mean over such words, so
    it is trained by estimates alone, and only samples need a quantum computer
    (Recio-Armengol, Ahmed and Bowles 2025, arXiv:2503.02934).

    Args:
        num_bits: Bits of a sample, n.
        words: Places 0 … n − 1 of each word of X; None for all single bits, then all
            pairs.
        generator: Random numbers for the initial weights; None for torch's own.
        device: Where the weights are, a torch device.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Output: (2ⁿ,), probabilities of all bit strings, for n up to 20.

    Raises:
        ArgumentError: There is no bit, or the words do not fit.

    Example:
        >>> import torch
        >>> from qml_qdl.models import IQPBornMachine
        >>> machine = IQPBornMachine(100, [(k,) for k in range(100)])
        >>> machine.mmd(torch.randint(2, (50, 100)).float()).shape
        torch.Size([])
        >>> IQPBornMachine(3).sample(5).shape
        torch.Size([5, 3])
    """

    words: Tensor

    def __init__(
        self,
        num_bits: int,
        words: Iterable[Sequence[int]] | None = None,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_count("num_bits", num_bits)
        self.num_bits = num_bits
        self.circuit = IQPCircuit(num_bits, words)
        self.weight = nn.Parameter(
            torch.empty(self.circuit.weight_shape, device=device, dtype=dtype)
        )
        rows = torch.zeros(len(self.weight), num_bits, device=device, dtype=dtype)
        for row, places in zip(rows, self.circuit.words, strict=True):
            row[list(places)] = 1
        self.register_buffer("words", rows, persistent=False)
        self.layer: QuantumLayer | None = None
        if num_bits <= MOST_BITS:
            circuit = as_circuit(Driven(self.circuit))
            self.layer = QuantumLayer(circuit.with_readout(Probabilities()))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples angles anew, close to independent bits that are 0 or 1 as often.

        Args:
            generator: Random numbers; None for torch's own.
        """
        with torch.no_grad():
            self.weight.normal_(0, 0.1, generator=generator)
            self.weight[self.words.sum(1) == 1] += math.pi / 4

    def extra_repr(self) -> str:
        """The arguments, as `repr` shows them."""
        return f"{self.num_bits}, {len(self.weight)} words"

    def _terms(
        self, observables: Tensor, num_samples: int, generator: torch.Generator | None
    ) -> Tensor:
        """Unbiased estimates of ⟨Z_a⟩, (rows, num_samples)."""
        shape = (num_samples, self.num_bits)
        sampled = torch.randint(
            2, shape, generator=generator, device=self.weight.device
        ).to(self.words)
        signs = 1 - 2 * ((sampled @ self.words.T) % 2)
        odd = (observables.to(self.words) @ self.words.T) % 2
        return torch.cos(2 * (odd * self.weight) @ signs.T)

    def expectations(
        self,
        observables: Tensor,
        num_samples: int = 1000,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Estimates expectation values of words of Z without running a circuit.

        Args:
            observables: Zeros and ones, (rows, n); 1 where a word has a Z.
            num_samples: Bit strings z to average over, ≥ 1; the standard error is at
                most 1/√num_samples. All rows share them.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows,), differentiable and unbiased, as its gradient is.

        Raises:
            DataError: There is no row, or the observables are not zeros and ones.
            ShapeError: The observables have another width.
        """
        check_bits("observables", observables, self.num_bits)
        check_count("num_samples", num_samples)
        return self._terms(observables, num_samples, generator).mean(1)

    def mmd(
        self,
        data: Tensor,
        *,
        num_samples: int = 200,
        num_words: int = 200,
        widths: Sequence[float] = WIDTHS,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Unbiased estimate of the squared maximum mean discrepancy to data.

        The kernel is that of `mmd`, the mean over widths σ of exp(−d/(2σ)) of the
        Hamming distance d. It is the mean of (⟨Z_a⟩_model − ⟨Z_a⟩_data)² over words a
        whose letters are Z with probability (1 − e^(−1/(2σ)))/2, each by itself, so
        sampled words, sampled z, and pairs of different rows of the data estimate it.
        For n bits take widths of about n/4: narrow kernels look at long words, whose
        values are all small.

        Args:
            data: Samples of what is to be learnt, zeros and ones, (rows, n), at least
                2 rows.
            num_samples: Bit strings z of the model's estimates, ≥ 2.
            num_words: Words a to average over, ≥ 1.
            widths: The widths σ > 0, of which one is sampled for each word.
            generator: Random numbers; None for torch's own.

        Returns:
            A scalar, differentiable; around zero for equal distributions, so slightly
            negative at times. Its gradient is unbiased too.

        Raises:
            ArgumentError: A width is not positive, or a number is too small.
            DataError: The data have fewer than two rows, or are not bits.
            ShapeError: The data have another width.
        """
        check_bits("data", data, self.num_bits)
        if len(data) < 2:
            raise DataError("data: expected two or more rows, got 1")
        check_count("num_samples", num_samples, 2)
        check_count("num_words", num_words)
        observables = self._sample_words(num_words, check_widths(widths), generator)
        model = self._terms(observables, num_samples, generator)
        seen = 1 - 2 * ((observables @ data.to(observables).T) % 2)
        distances = (
            _mean_of_products(model)
            + _mean_of_products(seen)
            - 2 * model.mean(1) * seen.mean(1)
        )
        return distances.mean()

    def _sample_words(
        self, count: int, widths: Sequence[float], generator: torch.Generator | None
    ) -> Tensor:
        like = self.words.new_empty(0)
        shares = [(1 - math.exp(-1 / (2 * width))) / 2 for width in widths]
        chosen = torch.randint(
            len(shares), (count,), generator=generator, device=like.device
        )
        share = like.new_tensor(shares)[chosen]
        sampled = like.new_empty(count, self.num_bits).uniform_(generator=generator)
        return (sampled < share[:, None]).to(like)

    def forward(self) -> Tensor:
        """The probabilities of all bit strings, by the simulator.

        Returns:
            (2ⁿ,), the first bit leading, differentiable.

        Raises:
            ArgumentError: There are more than 20 bits.
        """
        if self.layer is None:
            raise ArgumentError(
                f"num_bits: {self.num_bits} bits have 2^{self.num_bits} probabilities, "
                f"and at most {MOST_BITS} bits are enumerated; train with mmd, and "
                "sample on a machine with born_machine(target, shots)"
            )
        probabilities: Tensor = self.layer(self.weight)
        return probabilities

    def born_machine(
        self, target: Target | None = None, shots: Shots = "keep"
    ) -> BornMachine:
        """The same distribution as a circuit that runs on any target.

        Args:
            target: Where it shall run; None means "auto".
            shots: Number of shots; None or "keep" for exact probabilities.

        Returns:
            A Born machine with a copy of the angles.

        Raises:
            TargetError: The target is unknown or cannot run the circuit.
        """
        machine = BornMachine(
            self.circuit, target=target, shots=shots, dtype=self.weight.dtype
        )
        with torch.no_grad():
            for angles in machine.parameters():
                angles.copy_(self.weight.reshape(angles.shape))
        return machine.to(self.weight.device)

    @torch.no_grad()
    def sample(
        self, num_samples: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Samples bit strings from the probabilities, for up to 20 bits.

        Args:
            num_samples: How many.
            generator: Random numbers; None for torch's own.

        Returns:
            Zeros and ones, (num_samples, n).

        Raises:
            ArgumentError: There are more than 20 bits.
        """
        check_count("num_samples", num_samples)
        return sample_bits(self(), num_samples, generator)


def _mean_of_products(values: Tensor) -> Tensor:
    """Mean over pairs of different columns, (rows,): unbiased for squared means."""
    count = values.shape[1]
    squares = values.sum(1).square() - values.square().sum(1)
    return squares / (count * (count - 1))
