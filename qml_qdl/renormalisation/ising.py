"""The two-dimensional Ising model: exact sums of small lattices, and Markov chains.

Spins ±1 of a square lattice with periodic edges have the weight exp(−H), where
H = −K Σ s s' − h Σ s over all bonds and sites: K and h are divided by the temperature.
On a side of two sites a spin has its neighbour on both sides, so that bond counts
twice.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.special import ellipkm1
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import (
    as_items,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.manybody.monte_carlo import Estimate
from qml_qdl.manybody.samplers import Samples, own_generator
from qml_qdl.manybody.sectors import check_spins

CRITICAL_COUPLING = math.log(1 + math.sqrt(2)) / 2
"""K at which the model without a field is critical, 0.4407 (Onsager 1944)."""

PROPOSED = 0.9
"""The share of spins that are proposed to turn: if all were, and turned at no cost, a
lattice would only ever turn as a whole."""

MOST_WIDTH = 11
"""Sites of the shorter side, at most, whose transfer matrix is made."""


def _as_shape(shape: Any) -> tuple[int, int]:
    sides = as_items(shape)
    if sides is None or len(sides) != 2:
        raise ArgumentTypeError(
            f"shape: expected two sides such as (8, 8), got {shape!r}"
        )
    for side in sides:
        check_count("shape", side, 2, 10_000)
    return int(sides[0]), int(sides[1])


def _as_coupling(coupling: float | None) -> float:
    return CRITICAL_COUPLING if coupling is None else coupling


@validate_call
@attrs.frozen
class IsingModel:
    """The Ising model on a square lattice with periodic edges.

    Args:
        shape: Rows and columns, 2 or more each.
        coupling: K; positive ones favour equal neighbours. None for the critical one.
        field: h.

    Raises:
        ArgumentError: A side is too short, or a number is not finite.
        ArgumentTypeError: The shape is none.

    Example:
        >>> import torch
        >>> model = IsingModel((4, 4))
        >>> round(model.coupling, 4), round(float(model.energy(torch.ones(1, 16))), 2)
        (0.4407, -14.1)
    """

    shape: tuple[int, int] = attrs.field(converter=_as_shape)
    coupling: float = attrs.field(default=None, converter=_as_coupling)
    field: float = 0.0

    def __attrs_post_init__(self) -> None:
        for name in ("coupling", "field"):
            check_number(name, getattr(self, name), -math.inf, math.inf)

    @property
    def num_sites(self) -> int:
        """Sites, rows times columns."""
        return self.shape[0] * self.shape[1]

    def lattices(self, spins: Tensor) -> Tensor:
        """Rows of spins as lattices.

        Args:
            spins: (rows, N).

        Returns:
            `(rows, *shape)`.

        Raises:
            ArgumentError: A number is not ±1.
            ArgumentTypeError: They are of another type than float32 and float64.
            ShapeError: There are more or fewer columns than sites.
        """
        check_spins(spins, self.num_sites)
        return spins.reshape(-1, *self.shape)

    def energy(self, spins: Tensor) -> Tensor:
        """H of configurations.

        Args:
            spins: (rows, N), ±1.

        Returns:
            (rows,).

        Raises:
            ArgumentError: A number is not ±1.
            ArgumentTypeError: They are of another type than float32 and float64.
            ShapeError: There are more or fewer columns than sites.
        """
        grid = self.lattices(spins)
        bonds = grid * (grid.roll(1, 1) + grid.roll(1, 2))
        return -self.coupling * bonds.sum((1, 2)) - self.field * grid.sum((1, 2))

    def estimate(self, samples: Samples) -> Estimate:
        """The mean of H, with error, R̂ and autocorrelation time.

        Args:
            samples: Configurations, from `IsingSampler.sample`.
        """
        return Estimate.of(self.energy(samples.spins).double(), samples)

    def log_partition(self) -> float:
        """The logarithm of the sum of exp(−H) over all configurations, exactly.

        Returns:
            log Z.

        Raises:
            ArgumentError: Both sides have more than eleven sites.
        """
        return float(self._log_partition(self.coupling, self.field))

    def exact_energy(self) -> float:
        """The mean of H, exactly.

        Returns:
            K ∂/∂K and h ∂/∂h of −log Z.

        Raises:
            ArgumentError: Both sides have more than eleven sites.
        """
        numbers = torch.tensor([self.coupling, self.field], dtype=torch.float64)
        numbers.requires_grad_()
        self._log_partition(numbers[0], numbers[1]).backward()
        assert numbers.grad is not None
        return -float(numbers.grad @ numbers.detach())

    def _log_partition(self, coupling: Any, strength: Any) -> Tensor:
        """By the transfer matrix of the shorter side.

        Half of what a row has by itself belongs to either of its two matrices, so that
        these are symmetric; the trace of a power is that of the eigenvalues.
        """
        width, length = sorted(self.shape)
        if width > MOST_WIDTH:
            raise ArgumentError(
                f"shape: transfer matrices are made of sides up to {MOST_WIDTH}, got "
                f"{self.shape}; sample it with IsingSampler, or see onsager_energy"
            )
        bits = torch.arange(2**width)[:, None] >> torch.arange(width) & 1
        rows = 1.0 - 2.0 * bits.double()
        own = coupling * (rows * rows.roll(1, 1)).sum(1) + strength * rows.sum(1)
        logs = coupling * (rows @ rows.T) + (own[:, None] + own) / 2
        top = logs.detach().max()
        values = torch.linalg.eigvalsh((logs - top).exp())
        largest = values.detach()[-1]
        powers = (values / largest).pow(length).sum()
        found: Tensor = powers.log() + length * (top + largest.log())
        return found


@validate_call
def onsager_energy(coupling: float) -> float:
    r"""The mean of H for each site of the infinite lattice without a field.

    .. math:: -K \coth 2K \left[1 + \frac{2}{\pi} (2 \tanh^2 2K - 1) K_1(\kappa)\right]

    with the complete elliptic integral :math:`K_1` and 1 − κ² = (2 tanh² 2K − 1)²
    (Onsager, Phys. Rev. 65, 117 (1944)).

    Args:
        coupling: K, of any sign: turning every second spin changes it.

    Returns:
        The energy, divided by the temperature.

    Example:
        >>> print(round(onsager_energy(CRITICAL_COUPLING) / CRITICAL_COUPLING, 6))
        -1.414214
    """
    check_number("coupling", coupling, -math.inf, math.inf)
    size = abs(coupling)
    if not size:
        return 0.0
    root = 2 * math.tanh(2 * size) ** 2 - 1
    # At the critical point the integral is infinite, and its product with 0 is 0.
    integral = root * float(ellipkm1(root**2)) if root**2 else 0.0
    return -size / math.tanh(2 * size) * (1 + 2 / math.pi * integral)


class IsingSampler(ABC):
    """Independent Markov chains of a model, which all move at once.

    Args:
        model: The model.
        chains: How many.
        steps: Updates between two configurations of a chain.
        ordered: Whether chains begin with equal spins, rather than at random.
        generator: Random numbers; None for a new generator seeded by torch's own.
    """

    @validate_call
    def __init__(
        self,
        model: IsingModel,
        chains: int = 100,
        *,
        steps: int = 1,
        ordered: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        check_count("chains", chains)
        check_count("steps", steps)
        self.model = model
        self.steps = steps
        self.generator = generator = own_generator(generator)
        bits = torch.randint(2, (chains, model.num_sites), generator=generator)
        self.spins = 1.0 - 2.0 * (bits * (not ordered)).float()

    @abstractmethod
    def update(self) -> None:
        """Moves all chains once."""

    @validate_call
    def sample(self, sweeps: int = 1) -> Samples:
        """The next configurations of all chains.

        Args:
            sweeps: How many of each chain.

        Returns:
            Spins (sweeps·chains, N) of float32; those of one chain are `chains` rows
            apart.
        """
        check_count("sweeps", sweeps)
        found = []
        for _ in range(sweeps):
            for _ in range(self.steps):
                self.update()
            found.append(self.spins.clone())
        return Samples(torch.cat(found), chains=len(self.spins))

    def state_dict(self) -> dict[str, Any]:
        """The chains, and where their random numbers are."""
        return {"spins": self.spins.clone(), "generator": self.generator.get_state()}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there.

        Args:
            kept: What `state_dict` returned.
        """
        self.spins = kept["spins"].clone()
        self.generator.set_state(kept["generator"])


def _colours(shape: tuple[int, int]) -> Tensor:
    """Numbers from 0 up that differ between neighbours, `(*shape)`.

    Of an even ring two do, of an odd one three; and sums of colours differ where one of
    them does.
    """
    sides = []
    for side in shape:
        ring = torch.arange(side) % 2
        ring[-1] = 2 if side % 2 else 1
        sides.append(ring)
    return (sides[0][:, None] + sides[1]) % (3 if any(n % 2 for n in shape) else 2)


class IsingMetropolis(IsingSampler):
    """Chains that turn single spins: half of the lattice at a time.

    An update proposes to turn nearly every spin (Metropolis et al. 1953). With a
    coupling near the critical one it takes about L² updates to forget a lattice of side
    L; use clusters there.

    Args:
        model: The model, with or without a field.
        chains: How many chains.
        steps: Updates between two configurations of a chain.
        ordered: Whether chains begin with equal spins, rather than at random.
        generator: Random numbers; None for a new generator seeded by torch's own.

    Example:
        >>> model = IsingModel((4, 4), 0.2, field=0.1)
        >>> sampler = IsingMetropolis(model, generator=torch.Generator().manual_seed(0))
        >>> _ = sampler.sample(20)
        >>> found = model.estimate(sampler.sample(100))
        >>> abs(found.energy - model.exact_energy()) < 3 * found.error
        True
    """

    def update(self) -> None:
        """Proposes to turn the spins of each chain."""
        grid = self.spins.reshape(-1, *self.model.shape)
        colours = _colours(self.model.shape)
        for colour in range(int(colours.max()) + 1):
            neighbours = sum(grid.roll(by, axis) for by in (1, -1) for axis in (1, 2))
            local = self.model.coupling * neighbours + self.model.field
            chance = torch.rand(grid.shape, generator=self.generator)
            wanted = PROPOSED * (-2 * grid * local).exp().clamp(max=1)
            turns = (chance < wanted) & (colours == colour)
            grid = torch.where(turns, -grid, grid)
        self.spins = grid.flatten(1)


class IsingClusters(IsingSampler):
    """Chains that turn clusters of spins, which do not slow down at the critical point.

    Bonds that are satisfied are kept with the probability 1 − exp(−2|K|), and what they
    join turns as a whole: in each chain the cluster of one spin (Wolff 1989), or each
    cluster with the probability 1/2 (Swendsen and Wang 1987). Both find all clusters
    here, so that the second forgets more for its time.

    Args:
        model: The model, without a field.
        chains: How many chains.
        single: Whether one cluster turns, Wolff's way.
        steps: Updates between two configurations of a chain.
        ordered: Whether chains begin with equal spins, rather than at random.
        generator: Random numbers; None for a new generator seeded by torch's own.

    Raises:
        ArgumentError: The model has a field.

    Example:
        >>> model = IsingModel((8, 8))
        >>> sampler = IsingClusters(model, generator=torch.Generator().manual_seed(0))
        >>> _ = sampler.sample(10)
        >>> found = model.estimate(sampler.sample(50))
        >>> abs(found.energy - model.exact_energy()) < 3 * found.error
        True
    """

    @validate_call
    def __init__(
        self,
        model: IsingModel,
        chains: int = 100,
        *,
        single: bool = False,
        steps: int = 1,
        ordered: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        if model.field:
            raise ArgumentError(
                f"model: clusters turn freely only without a field, got {model.field}; "
                "use IsingMetropolis"
            )
        super().__init__(
            model, chains, steps=steps, ordered=ordered, generator=generator
        )
        self.single = single
        sites = np.arange(self.spins.numel()).reshape(chains, *model.shape)
        # Of each site of each chain the next one to the right and the next one below.
        self._next = np.stack([np.roll(sites, -1, axis) for axis in (2, 1)], axis=-1)
        self._next = self._next.reshape(-1, 2).astype(np.int32)

    def update(self) -> None:
        """Turns clusters of all chains."""
        spins = self.spins.numpy().reshape(-1)
        labels = self._labels(spins)
        if self.single:
            chains, sites = self.spins.shape
            first = torch.randint(sites, (chains,), generator=self.generator).numpy()
            labels = labels.reshape(chains, sites)
            turns = labels == labels[np.arange(chains), first][:, None]
        else:
            count = int(labels.max()) + 1
            bits = torch.randint(2, (count,), generator=self.generator).numpy()
            turns = bits[labels].reshape(self.spins.shape) == 1
        self.spins = torch.where(torch.from_numpy(turns), -self.spins, self.spins)

    def _labels(self, spins: NDArray[np.float32]) -> NDArray[np.int32]:
        """The number of each spin's cluster; no cluster has spins of two chains."""
        coupling = self.model.coupling
        satisfied = coupling * spins[:, None] * spins[self._next] > 0
        chance = torch.rand(satisfied.shape, generator=self.generator).numpy()
        bonds = satisfied & (chance < -math.expm1(-2 * abs(coupling)))
        starts = np.zeros(len(spins) + 1, np.int32)
        np.cumsum(bonds.sum(1), out=starts[1:])
        ends = self._next[bonds]
        graph = csr_array(
            (np.ones(len(ends), np.int8), ends, starts), shape=(len(spins),) * 2
        )
        labels: NDArray[np.int32] = connected_components(graph, directed=False)[1]
        return labels
