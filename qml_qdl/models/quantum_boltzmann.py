"""The quantum Boltzmann machine with a transverse field."""

from __future__ import annotations

import math
from itertools import combinations

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.bits import (
    all_bits,
    bit_index,
    check_bits,
    check_weights,
    sample_bits,
)

MOST_UNITS = 12
"""Up to so many units the Hamiltonian is a matrix."""


@validate_call
class QuantumBoltzmannMachine(nn.Module):
    """A Boltzmann machine of qubits in the thermal state exp(−H)/Z.

    H = Σ bᵢ nᵢ + Σ wᵢⱼ nᵢ nⱼ − Σ Γᵢ Xᵢ, where nᵢ is 0 or 1; units are visible first,
    then hidden, and all are joined. p(v) is the probability to measure v. Without the
    transverse field Γ it is a classical Boltzmann machine with the sign convention of
    `RBM`. (Amin, Andriyash, Rolfe, Kulchytskyy and Melko 2018, arXiv:1601.02036.)

    Without hidden units `nll_loss` is exact; with hidden units it is the upper bound
    from the clamped Hamiltonian, in which the visible units' transverse field does not
    occur. Training would therefore remove that field, so with hidden units Γ stays as
    it was given.

    Args:
        num_visible: Visible units.
        num_hidden: Hidden units; at most 12 units altogether.
        transverse_field: Initial Γ of every unit.
        generator: Random numbers for the initial weights; None for torch's own.
        device: Where the weights are, a torch device.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Output: (2ᵛ,), probabilities of all visible configurations, the first unit's
          bit leading.

    Raises:
        ArgumentError: There are too many units.

    Example:
        >>> import torch
        >>> from qml_qdl.models import QuantumBoltzmannMachine
        >>> machine = QuantumBoltzmannMachine(3)
        >>> round(float(machine().sum().detach()), 5)
        1.0
    """

    def __init__(
        self,
        num_visible: int,
        num_hidden: int = 0,
        *,
        transverse_field: float = 1.0,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_count("num_visible", num_visible)
        check_count("num_hidden", num_hidden, 0)
        if not math.isfinite(transverse_field):
            raise ArgumentError(
                "transverse_field: expected a finite number, got "
                f"{transverse_field}; pass 0 for a classical machine"
            )
        units = num_visible + num_hidden
        if units > MOST_UNITS:
            raise ArgumentError(
                f"num_visible, num_hidden: expected at most {MOST_UNITS} units "
                f"altogether, got {units}; their Hamiltonian is a 2ⁿ × 2ⁿ matrix"
            )
        self.num_visible = num_visible
        self.num_hidden = num_hidden
        self._given_field = float(transverse_field)
        like = torch.empty(0, device=device, dtype=dtype)
        pairs = list(combinations(range(units), 2))
        self.bias = nn.Parameter(like.new_empty(units))
        self.weight = nn.Parameter(like.new_empty(len(pairs)))
        self.transverse_field = nn.Parameter(
            like.new_empty(units), requires_grad=num_hidden == 0
        )
        bits = all_bits(units).to(like)
        joint = [bits[:, i] * bits[:, j] for i, j in pairs]
        self.register_buffer("_bits", bits, persistent=False)
        self.register_buffer(
            "_products",
            torch.stack(joint, -1) if joint else bits[:, :0],
            persistent=False,
        )
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples small weights; biases become zero, the field what was given.

        Args:
            generator: Random numbers; None for torch's own.
        """
        with torch.no_grad():
            self.weight.normal_(0, 0.01, generator=generator)
            self.bias.zero_()
            self.transverse_field.fill_(self._given_field)

    def extra_repr(self) -> str:
        """The arguments, as `repr` shows them."""
        return f"{self.num_visible}, {self.num_hidden}"

    def hamiltonian(self) -> Tensor:
        """The matrix H, real and symmetric, (2ⁿ, 2ⁿ).

        Raises:
            DataError: A weight is not finite.
        """
        check_weights(self)
        units = self.num_visible + self.num_hidden
        diagonal = self._diagonal()
        numbers = torch.arange(2**units, device=diagonal.device)
        matrix = diagonal.diag()
        for unit in range(units):
            flipped = numbers ^ (1 << (units - 1 - unit))
            field = -self.transverse_field[unit].expand(len(numbers))
            matrix = matrix.index_put((numbers, flipped), field, accumulate=True)
        return matrix

    def _diagonal(self) -> Tensor:
        bits, products = self.get_buffer("_bits"), self.get_buffer("_products")
        return bits @ self.bias + products @ self.weight

    def log_partition(self) -> Tensor:
        """The logarithm of Tr exp(−H), a differentiable scalar."""
        return _log_trace(self.hamiltonian())

    def density_matrix(self) -> Tensor:
        """The thermal state exp(−H)/Z, (2ⁿ, 2ⁿ)."""
        hamiltonian = self.hamiltonian()
        lowest = torch.linalg.eigvalsh(hamiltonian.detach())[0]
        unit = torch.eye(len(hamiltonian)).to(hamiltonian)
        weights = _exponential(lowest * unit - hamiltonian)
        return weights / weights.trace()

    def forward(self) -> Tensor:
        """The probabilities of all visible configurations, (2ᵛ,)."""
        joint = self.density_matrix().diagonal()
        return joint.reshape(2**self.num_visible, -1).sum(-1)

    def nll_loss(self, visible: Tensor) -> Tensor:
        """Mean negative log-likelihood; with hidden units an upper bound of it.

        Args:
            visible: Data, zeros and ones, (rows, num_visible).

        Returns:
            A scalar in nats.

        Raises:
            DataError: The data are empty or not bits.
        """
        check_bits("visible", visible, self.num_visible)
        rows = bit_index(visible)
        if self.num_hidden == 0:
            probabilities: Tensor = self()
            return -probabilities[rows].log().mean()
        return self.log_partition() - self._clamped()[rows].mean()

    def _clamped(self) -> Tensor:
        """Logarithms of Tr exp(−⟨v|H|v⟩) of all visible configurations, (2ᵛ,)."""
        hidden = 2**self.num_hidden
        blocks = self.hamiltonian().reshape(-1, hidden, 2**self.num_visible, hidden)
        own = blocks.diagonal(dim1=0, dim2=2).movedim(-1, 0)
        return _log_trace(own)

    @torch.no_grad()
    def sample(
        self, num_samples: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Samples visible configurations, exactly.

        Args:
            num_samples: How many.
            generator: Random numbers; None for torch's own.

        Returns:
            Zeros and ones, (num_samples, num_visible).
        """
        check_count("num_samples", num_samples)
        return sample_bits(self(), num_samples, generator)


def _exponential(matrix: Tensor) -> Tensor:
    """The matrix exponential, also where its gradient is large.

    torch finds the gradient by the exponential of a block matrix that holds it, and
    scales this block matrix down: gradients 1/p of rare configurations would take all
    digits from the matrix beside them. So gradients go in with size one.
    """
    if not matrix.requires_grad:
        exponential: Tensor = torch.linalg.matrix_exp(matrix)
        return exponential
    size = matrix.new_ones(())

    def shrink(gradient: Tensor | None) -> Tensor | None:
        nonlocal size
        if gradient is None:
            return None
        largest = gradient.detach().abs().amax()
        size = torch.where(largest > 0, largest, 1.0)
        return gradient / size

    matrix = matrix * 1
    matrix.register_hook(lambda given: None if given is None else given * size)
    exponential = torch.linalg.matrix_exp(matrix)
    exponential.register_hook(shrink)
    return exponential


def _log_trace(hamiltonian: Tensor) -> Tensor:
    """Logarithms of Tr exp(−H) of symmetric matrices, (..., n, n)."""
    energies: Tensor = torch.linalg.eigvalsh(hamiltonian)
    return (-energies).logsumexp(-1)
