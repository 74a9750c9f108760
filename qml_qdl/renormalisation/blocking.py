"""Monte Carlo renormalisation: blocks of spins become spins, and couplings flow."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.renormalisation.ising import IsingSampler

OPERATORS = ("nearest", "diagonal", "two apart", "plaquette")
"""What couplings belong to: products of spins of these, summed over the lattice."""

LEAST_SIDE = 4
"""Of smaller lattices the operators are not different from each other."""

VALUES = 5
"""A spin times its part in an operator is −4, −2, 0, 2 or 4."""

NEWTON_STEPS = 50


@validate_call
def block_spins(
    spins: Tensor, block: int = 2, generator: torch.Generator | None = None
) -> Tensor:
    """Blocks of b × b spins as spins, by their majority.

    Args:
        spins: Lattices (rows, L₁, L₂), ±1.
        block: b, which divides both sides.
        generator: Random numbers for blocks of as many spins up as down; None for
            torch's own.

    Returns:
        Lattices (rows, L₁/b, L₂/b), ±1.

    Raises:
        ArgumentError: The block does not divide a side.
        ShapeError: They are no lattices.

    Example:
        >>> spins = torch.tensor([[[1.0, 1, -1, -1], [1, -1, -1, -1]]])
        >>> block_spins(spins)
        tensor([[[ 1., -1.]]])
    """
    check_count("block", block)
    if spins.ndim != 3:
        raise ShapeError(
            f"spins: expected lattices (rows, L₁, L₂), got {tuple(spins.shape)}; "
            "model.lattices(samples.spins) makes them of rows"
        )
    rows, *sides = spins.shape
    if any(side % block for side in sides):
        raise ArgumentError(
            f"block: expected one that divides the sides {sides}, got {block}; take "
            f"another, or sides that are multiples of it"
        )
    first, second = (side // block for side in sides)
    sums = spins.reshape(rows, first, block, second, block).sum((2, 4))
    coins = torch.randint(2, sums.shape, generator=generator).to(spins)
    return torch.where(sums == 0, 2 * coins - 1, sums.sign())


def _parts(spins: Tensor, operators: int) -> Tensor:
    """What each spin is multiplied by in each operator, (rows, L₁, L₂, operators).

    That is the operator's derivative by the spin.
    """

    def at(down: int, right: int) -> Tensor:
        return spins.roll((-down, -right), (1, 2))

    ring = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    parts = [sum(at(*step) for step in ring)]
    if operators > 1:
        parts.append(sum(at(i, j) for i in (1, -1) for j in (1, -1)))
    if operators > 2:
        parts.append(sum(at(2 * i, 2 * j) for i, j in ring))
    if operators > 3:
        parts.append(
            sum(at(i, 0) * at(0, j) * at(i, j) for i in (1, -1) for j in (1, -1))
        )
    return torch.stack([torch.as_tensor(part) for part in parts], dim=-1)


def _measured(spins: Tensor, operators: int) -> tuple[Tensor, Tensor]:
    """What lattices tell of their couplings.

    Args:
        spins: (rows, L₁, L₂).
        operators: How many count.

    Returns:
        The operators, (rows, operators), and how often a spin times its parts has each
        of the values that it can have, (rows, 5ᵒ), the first operator's running first.
    """
    terms = (spins[..., None] * _parts(spins, operators)).flatten(1, 2)
    copies = torch.tensor([2, 2, 2, 4])[:operators]  # how often a product is counted
    places = VALUES ** torch.arange(operators)
    codes = ((terms.long() + 4) // 2 * places).sum(-1)
    codes += torch.arange(len(spins))[:, None] * VALUES**operators
    size = len(spins) * VALUES**operators
    counts = codes.flatten().bincount(minlength=size).reshape(len(spins), -1)
    return terms.sum(1).double() / copies, counts.double()


@frozen(eq=False)
class BlockedLattice:
    """What a lattice is after some blockings, with errors from its chains.

    Args:
        shape: Its sides.
        couplings: Those of `OPERATORS`, (operators,).
        coupling_errors: Their standard errors.
        eigenvalue: The largest one of the linearised step to this lattice, ∂K'/∂K; None
            for the lattice that was sampled.
        eigenvalue_error: Its standard error.
        block: The side of the blocks of that step.
    """

    shape: tuple[int, int]
    couplings: Tensor
    coupling_errors: Tensor
    eigenvalue: float | None
    eigenvalue_error: float | None
    block: int

    @property
    def nu(self) -> float:
        """The exponent of the correlation length, ν = log b/log λ.

        NaN where the eigenvalue λ is none, or not above 1, as far from criticality.
        """
        if self.eigenvalue is None or self.eigenvalue <= 1:
            return math.nan
        return math.log(self.block) / math.log(self.eigenvalue)

    @property
    def nu_error(self) -> float:
        """The standard error of ν, by that of λ."""
        if self.eigenvalue is None or self.eigenvalue_error is None:
            return math.nan
        spread = self.eigenvalue_error / self.eigenvalue
        return self.nu**2 / math.log(self.block) * spread

    def __str__(self) -> str:
        numbers = ", ".join(
            f"{name} {value:.4f} ± {error:.4f}"
            for name, value, error in zip(
                OPERATORS, self.couplings, self.coupling_errors, strict=False
            )
        )
        step = "" if self.eigenvalue is None else f"; ν = {self.nu:.3f}"
        step += f" ± {self.nu_error:.3f}" if step else ""
        return f"{self.shape[0]} × {self.shape[1]}: {numbers}{step}"


@validate_call
def renormalise(
    sampler: IsingSampler,
    sweeps: int = 200,
    *,
    burn_in: int = 50,
    block: int = 2,
    levels: int | None = None,
    operators: int = 4,
    tell: Callable[[int], object] | None = None,
) -> list[BlockedLattice]:
    r"""Blocks the lattices of a sampler again and again.

    The couplings of each lattice are those under which its spins are likeliest, each
    given all others (Besag's pseudo-likelihood): exact, but for operators that are not
    among these. From correlations of the operators before and after a step follows
    that step as a matrix (Swendsen, Phys. Rev. Lett. 42, 859 (1979)),

    .. math:: \frac{\partial \langle S'_a \rangle}{\partial K_b}
              = \sum_d \langle S'_a S'_d \rangle_c \frac{\partial K'_d}{\partial K_b}
              = \langle S'_a S_b \rangle_c ,

    where the index c is for correlations, less the product of the means. Its largest
    eigenvalue at the critical point is :math:`b^{1/\nu}`. Errors are those of a
    jackknife over chains.

    Args:
        sampler: Chains of an Ising model with a positive coupling, two or more.
        sweeps: Configurations of each chain.
        burn_in: Configurations that are left away before.
        block: The side of the blocks, b.
        levels: Steps; None for as many as leave sides of 4 or more.
        operators: How many of `OPERATORS` count, 1 to 4.
        tell: Is called after each sweep with its number.

    Returns:
        The lattice that was sampled and those made of it, (levels + 1).

    Raises:
        ArgumentError: The lattice cannot be blocked so often, the model has a field or
            a coupling that is not positive, there are too few chains or sweeps, or all
            spins are equal, so that no couplings follow.

    Example:
        >>> from qml_qdl.renormalisation import IsingClusters, IsingModel
        >>> seed = torch.Generator().manual_seed(0)
        >>> sampler = IsingClusters(IsingModel((8, 8)), generator=seed)
        >>> sampled, blocked = renormalise(sampler, 50)
        >>> abs(sampled.couplings[0] - 0.4407) < 4 * sampled.coupling_errors[0]
        tensor(True)
    """
    check_count("sweeps", sweeps, 2)
    check_count("burn_in", burn_in, 0)
    check_count("block", block, 2)
    check_count("operators", operators, 1, len(OPERATORS))
    if levels is not None:
        check_count("levels", levels, 0)
    shapes = _shapes(sampler.model.shape, block, levels)
    chains = len(sampler.spins)
    if chains < 2:
        raise ArgumentError(
            f"sampler: expected two chains or more, whose spread is the error, got "
            f"{chains}"
        )
    if sampler.model.field:
        raise ArgumentError(
            "sampler: the operators are those that stay if all spins turn, so there is "
            f"no room for a field, got {sampler.model.field}; sample a model without"
        )
    if sampler.model.coupling <= 0:
        raise ArgumentError(
            "sampler: majorities keep the order of positive couplings, got "
            f"{sampler.model.coupling}; turn every second spin, which changes the sign"
        )
    for _ in range(burn_in):
        sampler.update()
    sums = [torch.zeros(chains, sweeps, operators, dtype=torch.double) for _ in shapes]
    counts = [torch.zeros(chains, VALUES**operators).double() for _ in shapes]
    for sweep in range(sweeps):
        spins = sampler.model.lattices(sampler.sample().spins)
        for level in range(len(shapes)):
            if level:
                spins = block_spins(spins, block, sampler.generator)
            sums[level][:, sweep], seen = _measured(spins, operators)
            counts[level] += seen
        if tell is not None:
            tell(sweep)
    found = []
    for level, shape in enumerate(shapes):
        couplings, coupling_errors = _jackknifed(
            _couplings(_all_but_one(counts[level]))
        )
        value, error = None, None
        if level:
            steps = _eigenvalues(sums[level - 1], sums[level])
            value, error = (float(number) for number in _jackknifed(steps))
        found.append(
            BlockedLattice(shape, couplings, coupling_errors, value, error, block)
        )
    return found


def _shapes(
    shape: tuple[int, int], block: int, levels: int | None
) -> list[tuple[int, int]]:
    """The lattice and those made of it."""
    shapes = [shape]
    while levels is None or len(shapes) <= levels or min(shape) < LEAST_SIDE:
        rows, columns = shapes[-1]
        divided = not (rows % block or columns % block)
        if divided and min(rows, columns) >= LEAST_SIDE * block:
            shapes.append((rows // block, columns // block))
            continue
        if levels is None and len(shapes) > 1:
            return shapes
        raise ArgumentError(
            f"levels: lattices of {shape[0]} × {shape[1]} are blocked "
            f"{len(shapes) - 1} times by {block} before a side does not divide or is "
            f"below {LEAST_SIDE}, got {levels}; take fewer levels, or sides of "
            f"{LEAST_SIDE} times a power of {block}"
        )
    return shapes


def _all_but_one(values: Tensor) -> Tensor:
    """Means over all chains, then over all but each of them, (chains + 1, ...)."""
    total = values.sum(0)
    return torch.cat([total[None] / len(values), (total - values) / (len(values) - 1)])


def _jackknifed(values: Tensor) -> tuple[Tensor, Tensor]:
    """The value of all chains, and its standard error from those without one each."""
    chains = len(values) - 1
    return values[0], (chains - 1) / chains**0.5 * values[1:].std(0)


def _eigenvalues(before: Tensor, after: Tensor) -> Tensor:
    """The largest eigenvalue of a step, of all chains and without each.

    Args:
        before: Operators, (chains, sweeps, operators).
        after: Those of the blocked lattices.
    """
    # Of numbers near zero correlations have more digits.
    before, after = (each - each.mean((0, 1)) for each in (before, after))

    def correlations(other: Tensor) -> Tensor:
        products = torch.einsum("csa,csb->cab", after, other) / before.shape[1]
        means = _all_but_one(after.mean(1)), _all_but_one(other.mean(1))
        return _all_but_one(products) - means[0][:, :, None] * means[1][:, None]

    step = torch.linalg.solve(correlations(after), correlations(before))
    found: Tensor = torch.linalg.eigvals(step).real.amax(-1)
    return found


def _couplings(weights: Tensor) -> Tensor:
    """Couplings of the largest pseudo-likelihood, by Newton's method.

    A spin that is its parts x times K likely has the probability 1/(1 + exp(−2 K·x)).

    Args:
        weights: How often s·x has each value, (batch, 5ᵒ) for o operators.

    Returns:
        (batch, o).
    """
    operators = round(math.log(weights.shape[1], VALUES))
    grids = torch.meshgrid(*[torch.arange(-4.0, 5, 2)] * operators, indexing="ij")
    # The first operator's value is the lowest digit.
    terms = torch.stack([grid.flatten() for grid in reversed(grids)], -1).double()
    weights = weights / weights.sum(1, keepdim=True)
    couplings: Tensor = weights.new_zeros(len(weights), operators)
    for _ in range(NEWTON_STEPS):
        misses = torch.sigmoid(-2 * couplings @ terms.T)
        gradient = (weights * misses) @ terms
        spread = weights * misses * (1 - misses)
        curvature = torch.einsum("bv,vi,vj->bij", spread, terms, terms) * 2
        change, failed = torch.linalg.solve_ex(curvature, gradient)
        if failed.any() or not change.isfinite().all():
            break
        couplings = couplings + change
        if change.abs().max() < 1e-10:
            return couplings
    raise ArgumentError(
        "sampler: nearly all spins are equal, from which no couplings follow; take a "
        "smaller coupling, larger lattices, or fewer levels"
    )
