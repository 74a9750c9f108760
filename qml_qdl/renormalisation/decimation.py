"""Exact renormalisation of the Ising chain: spins are summed over, couplings change."""

from __future__ import annotations

import math

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from qml_qdl.circuits.validation import check_count, check_number, validate_call

MOST = 170.0
"""Couplings and fields are smaller than this."""


def _half_logs(coupling: float, strength: float) -> tuple[float, float, float]:
    """What the transfer matrix [[e^{K+h}, e^{−K}], [e^{−K}, e^{K−h}]] is made of.

    Divided by e^K its eigenvalues are cosh h ± s with s² = sinh² h + e^{−4K}.

    Returns:
        s, the logarithm of the larger eigenvalue λ, and `log |r|` for the ratio r of
        the smaller one to it; r has the sign of K.
    """
    s = math.hypot(math.sinh(strength), math.exp(-2 * coupling))
    total = math.cosh(strength) + s
    if not coupling:
        return s, math.log(total), -math.inf
    # The product of the eigenvalues is 1 − e^{−4K}: exact where they nearly cancel.
    ratio = abs(math.expm1(-4 * coupling)) / total**2
    if ratio < 0.5:
        return s, coupling + math.log(total), math.log(ratio)
    least = min(s, math.cosh(strength))
    return s, coupling + math.log(total), math.log1p(-2 * least / total)


def _log_power(coupling: float, strength: float, power: int) -> NDArray[np.float64]:
    """Logarithms of the elements ++, +− and −− of that matrix to some power."""
    factor = np.array([coupling + strength, -coupling, coupling - strength])
    found = np.array([0.0, -math.inf, 0.0])
    while power:
        if power % 2:
            found = _log_product(found, factor)
        factor, power = _log_product(factor, factor), power // 2
    return found


def _log_product(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of two symmetric matrices that commute; all elements are positive."""
    return np.array(
        [
            np.logaddexp(one[0] + other[0], one[1] + other[1]),
            np.logaddexp(one[0] + other[1], one[1] + other[2]),
            np.logaddexp(one[1] + other[1], one[2] + other[2]),
        ]
    )


@validate_call
@frozen
class IsingChain:
    """The weight exp(Σ_i (K s_i s_{i+1} + h s_i + c)) of spins ±1 on a ring.

    Args:
        coupling: K, divided by the temperature, between −170 and 170.
        field: h, likewise.
        constant: c, which counts what was summed over.

    Raises:
        ArgumentError: A number is too large, or none.

    Example:
        >>> chain = IsingChain(1.0)
        >>> half = chain.decimated()
        >>> math.isclose(math.tanh(half.coupling), math.tanh(1.0) ** 2)
        True
    """

    coupling: float
    field: float = 0.0
    constant: float = 0.0

    def __attrs_post_init__(self) -> None:
        check_number("coupling", self.coupling, -MOST, MOST)
        check_number("field", self.field, -MOST, MOST)
        check_number("constant", self.constant, -math.inf, math.inf)

    @property
    def correlation_length(self) -> float:
        """The length over which correlations fall by 1/e, in sites; 0 for none."""
        _, _, log_ratio = _half_logs(self.coupling, self.field)
        return -1 / log_ratio

    def log_partition(self, num_sites: int) -> float:
        """The logarithm of the sum over all configurations of a ring.

        Args:
            num_sites: Its sites, N; on one site a spin is its own neighbour.

        Returns:
            log Z = N (c + log λ) + log(1 + rᴺ).

        Raises:
            ArgumentError: There is no site.
        """
        check_count("num_sites", num_sites)
        _, log_largest, log_ratio = _half_logs(self.coupling, self.field)
        sign = -1 if self.coupling < 0 and num_sites % 2 else 1
        rest = math.log1p(sign * math.exp(num_sites * log_ratio))
        return num_sites * (self.constant + log_largest) + rest

    def decimated(self, block: int = 2) -> IsingChain:
        r"""The chain of every b-th spin, after the sum over all in between.

        Without a field :math:`\tanh K' = \tanh^b K`. The elements of the transfer
        matrix to the power of b are those of the new chain, e^{4K'} = ``T₊₊T₋₋/T₊₋²``.
        With the eigenvectors' direction n_x = e^{−2K}/s and ρ = rᵇ that is
        1 + 4ρ/((1 − ρ)² n_x²), which has all digits also where K' is small.

        Args:
            block: b, 1 or more.

        Returns:
            The coarser chain. Its constant keeps the partition function.

        Raises:
            ArgumentError: The block is below 1.

        Example:
            >>> chain = IsingChain(0.5, field=0.1)
            >>> coarse = chain.decimated(3)
            >>> math.isclose(chain.log_partition(12), coarse.log_partition(4))
            True
        """
        check_count("block", block)
        up, mixed, down = _log_power(self.coupling, self.field, block)
        coupling = (up + down - 2 * mixed) / 4
        s, _, log_ratio = _half_logs(self.coupling, self.field)
        sign = -1 if self.coupling < 0 and block % 2 else 1
        rho = sign * math.exp(block * log_ratio)
        apart = 1 - rho if sign < 0 else -math.expm1(block * log_ratio)
        excess = 4 * rho * (s * math.exp(2 * self.coupling) / apart) ** 2
        if abs(excess) < 0.5:  # where the elements nearly cancel
            coupling = math.log1p(excess) / 4
        constant = (up + down + 2 * mixed) / 4 + block * self.constant
        return IsingChain(float(coupling), float(up - down) / 2, float(constant))

    def flow(self, steps: int, block: int = 2) -> list[IsingChain]:
        """The chains that follow from this one, which is the first of them.

        Args:
            steps: How many decimations.
            block: b of each.

        Returns:
            (steps + 1) chains; their correlation lengths are b times shorter each.

        Raises:
            ArgumentError: A number is too small.

        Example:
            >>> [round(each.coupling, 4) for each in IsingChain(1.0).flow(3)]
            [1.0, 0.6625, 0.3501, 0.1137]
        """
        check_count("steps", steps, 0)
        found = [self]
        for _ in range(steps):
            found.append(found[-1].decimated(block))
        return found
