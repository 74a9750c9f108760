"""A restricted Boltzmann machine as a step of variational renormalisation.

Kadanoff's variational step sums over spins v with an operator T that ties them to
coarser ones, e^{−H'(h)} = Σ_v e^{T(v, h) − H(v)}. Mehta and Schwab (arXiv:1410.3831)
call T = H − E, where E is the energy of a machine: then H' is the free energy of its
hidden units. That is a choice of words, and makes no machine a good step. How good one
is, is a number.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_type, validate_call
from qml_qdl.data.bits import all_bits, check_bits, check_weights
from qml_qdl.models.rbm import RBM

MOST_SPINS = 20
"""Spins whose configurations are summed, at most."""


@validate_call
def coupling_operator(
    rbm: RBM, energy: Callable[[Tensor], Tensor], visible: Tensor, hidden: Tensor
) -> Tensor:
    """Mehta and Schwab's T(v, h) = H(v) − E(v, h).

    Args:
        rbm: The machine, of bits b for spins s = 1 − 2b.
        energy: H, divided by the temperature: takes spins (rows, N) to (rows,).
        visible: Bits v, (rows, N).
        hidden: Bits h, (rows, M).

    Returns:
        (rows,).

    Raises:
        DataError: There are other numbers than 0 and 1.
        ShapeError: The shapes are those of another machine.

    Example:
        >>> rbm = RBM(2, 1, generator=torch.Generator().manual_seed(0))
        >>> bits = torch.zeros(3, 2)
        >>> coupling_operator(rbm, lambda spins: spins.sum(1), bits, bits[:, :1])
        tensor([2., 2., 2.], grad_fn=<SubBackward0>)
    """
    check_bits("visible", visible, rbm.num_visible)
    return energy(1 - 2 * visible.to(rbm.weight)) - rbm.energy(visible, hidden)


@frozen
class VariationalStep:
    """How far a machine is from an exact step.

    With t(v) = log Σ_h e^{T(v, h)}, which is 0 for an exact step and constant for one
    that is exact but for a constant, the free energies F of the spins and F' of the
    coarse ones differ by F' − F = `−log⟨eᵗ⟩` over the spins' distribution p, so by
    Jensen's inequality by `−⟨t⟩` over p at most, and over the machine's q at least.

    Args:
        free_energy: F = −log Σ e^{−H}.
        coarse_free_energy: F' = −log Σ e^{−H'}.
        lower: The least that F' − F can be, `−⟨t⟩` over q.
        upper: The most, `−⟨t⟩` over p.
    """

    free_energy: float
    coarse_free_energy: float
    lower: float
    upper: float

    @property
    def difference(self) -> float:
        """F' − F, which lies within its bounds."""
        return self.coarse_free_energy - self.free_energy

    @property
    def divergence(self) -> float:
        """The gap of the upper bound, `KL(p ‖ q)`; likelihoods of training lower it."""
        return self.upper - self.difference

    @property
    def reverse_divergence(self) -> float:
        """The gap of the lower bound, `KL(q ‖ p)`."""
        return self.difference - self.lower

    def __str__(self) -> str:
        return (
            f"{self.lower:.4f} ≤ F' − F = {self.difference:.4f} ≤ {self.upper:.4f}, "
            f"KL {self.divergence:.2e}"
        )


@validate_call
@torch.no_grad()
def variational_step(rbm: RBM, energy: Callable[[Tensor], Tensor]) -> VariationalStep:
    """Evaluates a machine as a step, by the sum over all spins.

    Args:
        rbm: The machine, of bits b for spins s = 1 − 2b, 20 at most.
        energy: H, divided by the temperature: takes spins (rows, N) to (rows,).

    Returns:
        Free energies, and the bounds of their difference.

    Raises:
        ArgumentError: There are too many spins to be summed, or units are no bits.
        DataError: A weight of the machine is not finite.
        ArgumentTypeError: The energy is no tensor.
        ShapeError: It has another shape.

    Example:
        >>> rbm = RBM(4, 2, generator=torch.Generator().manual_seed(0))
        >>> def free(spins):
        ...     return 0 * spins.sum(1)
        >>> step = variational_step(rbm, free)
        >>> step.lower <= step.difference <= step.upper
        True
    """
    if rbm.visible != "binary" or rbm.num_visible > MOST_SPINS:
        raise ArgumentError(
            f"rbm: expected one of up to {MOST_SPINS} bits, whose configurations are "
            f"summed, got {rbm.num_visible} {rbm.visible} units; take a smaller lattice"
        )
    check_weights(rbm)
    bits = all_bits(rbm.num_visible)
    energies = energy(1 - 2 * bits.double())
    check_type("energy", energies, Tensor)
    if energies.shape != (len(bits),):
        raise ShapeError(
            f"energy: expected ({len(bits)},), one number for each row of spins, got "
            f"{tuple(energies.shape)}"
        )
    own = rbm.free_energy(bits).double()
    logs = energies - own  # t
    free, coarse = (-(-each).logsumexp(0) for each in (energies, own))
    return VariationalStep(
        free_energy=float(free),
        coarse_free_energy=float(coarse),
        lower=-float((coarse - own).exp() @ logs),
        upper=-float((free - energies).exp() @ logs),
    )
