r"""Blocking rules by what they keep of a block's surroundings.

A rule p(h|v) makes coarse spins h of a block's spins v. A good one keeps what the block
has to do with its environment e, which begins beyond a buffer of spins that are too
near: it has a large mutual information I(h : e) (Koch-Janusz and Ringel,
arXiv:1704.06279). From samples a bound of it is found (Barber and Agakov 2003; used for
lattices by Gökmen et al., arXiv:2101.11633): for any model q of h given e,

.. math:: I(h : e) = S(h) - S(h|e) \ge S(h) + \left\langle \log q(h|e) \right\rangle ,

and on chains that q was not trained on it stays a bound, up to its error bar.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from attrs import field, frozen
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import (
    check_count,
    check_number,
    check_type,
    validate_call,
)
from qml_qdl.data.bits import all_bits
from qml_qdl.manybody.samplers import Samples
from qml_qdl.manybody.sectors import check_spins
from qml_qdl.manybody.states.state import seeded
from qml_qdl.renormalisation.ising import IsingModel

Rule: TypeAlias = Callable[[Tensor], Tensor]
"""Spins of blocks, (rows, V), to probabilities of 2ᵏ coarse configurations."""

LEAST_CHAINS = 4
"""Chains of which some train and others judge, at least."""

MOST_HIDDEN = 4
"""Coarse spins of a block, at most."""

BATCH = 1000
"""Rows of a step of training."""

_WIDTH = 64
"""Units of the model of h given e."""

_FASTER = 10
"""How many times the rate of the model a rule's own is."""

_JUDGED = 50
"""Steps between two looks at the chains that the model is not trained on."""


def _as_rows(spins: Any) -> Tensor:
    check_type("spins", spins, Tensor)
    if spins.ndim != 3:
        raise ShapeError(
            f"spins: expected (chains, rows, sites), got {tuple(spins.shape)}"
        )
    check_spins(spins.flatten(0, 1), spins.shape[2])
    found: Tensor = spins.float()
    return found


@validate_call
@frozen(eq=False)
class Surroundings:
    """Blocks of sampled spins with what surrounds them.

    Args:
        block: Their spins, (chains, rows, V), ±1; chains are independent of each other.
        environment: Those of the environment, (chains, rows, E).

    Raises:
        ArgumentError: A spin is none.
        ShapeError: The shapes do not go together.

    Example:
        >>> spins = torch.ones(10, 20, 5)
        >>> Surroundings(spins[..., 2:3], spins[..., [0, 4]]).block.shape
        torch.Size([10, 20, 1])
    """

    block: Tensor = field(converter=_as_rows)
    environment: Tensor = field(converter=_as_rows)

    def __attrs_post_init__(self) -> None:
        if self.block.shape[:2] != self.environment.shape[:2]:
            raise ShapeError(
                "environment: expected chains and rows as the block has, "
                f"{tuple(self.block.shape[:2])}, got "
                f"{tuple(self.environment.shape[:2])}"
            )

    @classmethod
    @validate_call
    def of_lattice(
        cls,
        model: IsingModel,
        samples: Samples,
        block: int = 2,
        *,
        buffer: int = 1,
        width: int = 1,
        places: int = 4,
    ) -> Surroundings:
        """Square blocks of a square lattice, and square rings around them.

        Args:
            model: The lattice, with periodic edges.
            samples: Its spins.
            block: The block's side.
            buffer: Sites between block and environment, on each side.
            width: How thick the environment is.
            places: Blocks along each side of the lattice, evenly.

        Returns:
            All blocks of all configurations as rows of their chains.

        Raises:
            ArgumentError: The ring would meet itself around the lattice, or a number
                cannot be used.

        Example:
            >>> from qml_qdl.renormalisation import IsingClusters
            >>> model = IsingModel((8, 8))
            >>> samples = IsingClusters(model, chains=10).sample(5)
            >>> Surroundings.of_lattice(model, samples).environment.shape
            torch.Size([10, 80, 20])
        """
        check_count("block", block)
        check_count("buffer", buffer, 0)
        check_count("width", width)
        side = block + 2 * (buffer + width)
        if side > min(model.shape):
            raise ArgumentError(
                f"block, buffer, width: expected no more than the lattice's "
                f"{min(model.shape)} sites together, got {block} + 2 · ({buffer} + "
                f"{width}) = {side}; take a larger lattice"
            )
        check_count("places", places, most=min(model.shape))
        lattices = model.lattices(samples.spins)
        corners = [
            (row * model.shape[0] // places, column * model.shape[1] // places)
            for row in range(places)
            for column in range(places)
        ]
        windows = torch.stack(
            [
                lattices.roll((-down, -right), (1, 2))[:, :side, :side]
                for down, right in corners
            ],
            dim=1,
        )
        ring = torch.ones(side, side, dtype=torch.bool)
        ring[width:-width, width:-width] = False
        within = slice(width + buffer, side - width - buffer)
        inner = windows[..., within, within].flatten(2)

        def by_chain(values: Tensor) -> Tensor:
            count = values.shape[2]
            own = values.reshape(-1, samples.chains, len(corners), count)
            return own.transpose(0, 1).reshape(samples.chains, -1, count)

        return cls(by_chain(inner), by_chain(windows[..., ring]))

    @property
    def chains(self) -> int:
        """Independent chains."""
        return len(self.block)

    def part(self, chains: slice) -> Surroundings:
        """Some of the chains.

        Args:
            chains: Which.
        """
        return Surroundings(self.block[chains], self.environment[chains])


def _check_block(spins: Tensor) -> None:
    """Checks that these are rows of one spin or more."""
    if spins.ndim != 2 or not spins.shape[1]:
        raise ShapeError(
            f"spins: expected (rows, V), those of blocks, got {tuple(spins.shape)}"
        )
    check_spins(spins, spins.shape[1])


def _chances(signs: Tensor) -> Tensor:
    """Probabilities of h = 1 and h = −1, equal ones where the sign is 0."""
    up = (1 + signs) / 2
    return torch.stack([up, 1 - up], dim=1)


@validate_call
def decimation_rule(spins: Tensor) -> Tensor:
    """The rule that keeps a block's first spin.

    Args:
        spins: (rows, V), ±1.

    Returns:
        Probabilities of h = 1 and h = −1, (rows, 2).

    Raises:
        ArgumentError: A spin is none.
        ShapeError: The shape is another.

    Example:
        >>> decimation_rule(torch.tensor([[1.0, -1, -1]]))
        tensor([[1., 0.]])
    """
    _check_block(spins)
    return _chances(spins[:, 0])


@validate_call
def majority_rule(spins: Tensor) -> Tensor:
    """The rule that keeps the sign of a block's sum; a sum of zero is either.

    Args:
        spins: (rows, V), ±1.

    Returns:
        Probabilities of h = 1 and h = −1, (rows, 2).

    Raises:
        ArgumentError: A spin is none.
        ShapeError: The shape is another.

    Example:
        >>> majority_rule(torch.tensor([[1.0, 1], [1, -1]]))
        tensor([[1.0000, 0.0000],
                [0.5000, 0.5000]])
    """
    _check_block(spins)
    return _chances(spins.sum(1).sign())


@validate_call
class LinearRule(nn.Module):
    """Coarse spins that follow weighted sums of a block's, each by itself.

    Like the hidden units of a Boltzmann machine: p(h = 1) = 1/(1 + exp(−2 Σ Λ v)).

    Args:
        num_sites: Spins of a block, V.
        hidden: Coarse spins, k, 1 to 4.
        generator: Random numbers for the initial weights; None for torch's own.

    Shape:
        - Input: (rows, V), ±1.
        - Output: (rows, 2ᵏ), probabilities; of configurations that are read as bits,
          the first spin leading and 0 for h = 1.

    Raises:
        ArgumentError: A number cannot be used.

    Example:
        >>> LinearRule(4, hidden=2)(torch.ones(3, 4)).shape
        torch.Size([3, 4])
    """

    def __init__(
        self,
        num_sites: int,
        hidden: int = 1,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_count("num_sites", num_sites)
        check_count("hidden", hidden, most=MOST_HIDDEN)
        with seeded(generator):
            start = 0.3 * torch.randn(hidden, num_sites, dtype=torch.float32)
        self.weight = nn.Parameter(start)
        self.register_buffer("_signs", 1 - 2 * all_bits(hidden).float(), False)
        self._signs: Tensor

    def forward(self, spins: Tensor) -> Tensor:
        """Probabilities of the coarse configurations."""
        check_spins(spins, self.weight.shape[1])
        sums = spins.to(self.weight) @ self.weight.T
        logs = nn.functional.logsigmoid(2 * sums[:, None] * self._signs)
        return logs.sum(2).exp()


@frozen
class InformationEstimate:
    """A lower bound of a mutual information, from chains of their own.

    Args:
        value: The bound, in nats; below 0 where nothing was found.
        error: Its standard error, from the spread of the chains.
        entropy: S(h), in nats: no rule can keep more.
    """

    value: float
    error: float
    entropy: float

    def __str__(self) -> str:
        return f"I ≥ {self.value:.4f} ± {self.error:.1g} of S = {self.entropy:.4f} nats"


def _checked(rule: Rule, spins: Tensor) -> Tensor:
    """Probabilities of a rule, which are some."""
    found = rule(spins)
    check_type("rule", found, Tensor)
    if found.ndim != 2 or len(found) != len(spins) or found.shape[1] < 2:
        raise ShapeError(
            f"rule: expected probabilities ({len(spins)}, configurations), got "
            f"{tuple(found.shape)}"
        )
    sums = found.detach().sum(1)
    if not ((found >= 0).all() and ((sums - 1).abs() < 1e-4).all()):
        raise ArgumentError(
            "rule: expected probabilities, at least 0 and with the sum 1 in each row, "
            "got others"
        )
    return found


def _check_chains(data: Surroundings) -> None:
    if data.chains < LEAST_CHAINS or not data.block.shape[1]:
        raise ArgumentError(
            f"data: expected {LEAST_CHAINS} chains or more with rows, some to train on "
            f"and others to judge by, got {tuple(data.block.shape[:2])}"
        )


def _entropy(shares: Tensor) -> Tensor:
    return -torch.xlogy(shares, shares).sum()


def _bound(chances: Tensor, logs: Tensor) -> Tensor:
    """S(h) + ⟨log q(h|e)⟩, from p(h|v) and log q(h|e), (rows, 2ᵏ) each."""
    return _entropy(chances.mean(0)) + (chances * logs).sum(1).mean()


def _fit(
    rule: Rule,
    data: Surroundings,
    steps: int,
    learning_rate: float,
    generator: torch.Generator | None,
    learnt: list[nn.Parameter],
) -> nn.Module:
    """The model of h given e that is best on chains it was not trained on.

    Parameters of the rule that are learnt with it have the values then, too.
    """
    visible, around = (each.flatten(0, 1) for each in (data.block, data.environment))
    # The first chains say when to stop.
    rows = max(1, data.chains // 5) * data.block.shape[1]
    own, visible = visible[:rows], visible[rows:]
    beyond, around = around[:rows], around[rows:]
    count = _checked(rule, own[:1]).shape[1]
    with seeded(generator):
        model = nn.Sequential(
            nn.Linear(around.shape[1], _WIDTH, dtype=torch.float32),
            nn.Tanh(),
            nn.Linear(_WIDTH, count, dtype=torch.float32),
            nn.LogSoftmax(dim=1),
        )
    every = [*model.parameters(), *learnt]
    # A rule's few weights have far to go until it is sharp.
    groups: list[dict[str, Any]] = [{"params": [*model.parameters()]}]
    if learnt:
        groups.append({"params": learnt, "lr": _FASTER * learning_rate})
    adam = torch.optim.Adam(groups, lr=learning_rate)
    best, found = -math.inf, [each.detach().clone() for each in every]
    for step in range(steps + 1):
        if step % _JUDGED == 0 or step == steps:
            with torch.no_grad():
                value = float(_bound(_checked(rule, own), model(beyond)))
            if value > best:
                best, found = value, [each.detach().clone() for each in every]
        if step < steps:
            chosen = torch.randint(len(visible), (BATCH,), generator=generator)
            adam.zero_grad()
            (-_bound(rule(visible[chosen]), model(around[chosen]))).backward()
            adam.step()
    with torch.no_grad():
        for each, kept in zip(every, found, strict=True):
            each.copy_(kept)
    return model


@validate_call
def environment_information(
    rule: Rule,
    data: Surroundings,
    steps: int = 500,
    *,
    learning_rate: float = 3e-3,
    generator: torch.Generator | None = None,
) -> InformationEstimate:
    """Bounds what a rule keeps of a block's environment.

    A network learns h given e on half of the chains; the other half says how good the
    bound is. With more steps and data it only rises, up to I(h : e).

    Args:
        rule: p(h|v): takes spins (rows, V) to probabilities (rows, configurations).
        data: Blocks with their environments, of four chains or more.
        steps: Steps of Adam, of 1,000 rows each.
        learning_rate: Its rate.
        generator: Random numbers; None for torch's own.

    Returns:
        The bound with its error.

    Raises:
        ArgumentError: There are too few chains, the rule returns no probabilities, or a
            number cannot be used.
        ShapeError: The rule returns another shape.

    Example:
        >>> seed = torch.Generator().manual_seed(0)
        >>> spins = 1.0 - 2 * torch.randint(2, (40, 50, 3), generator=seed)
        >>> alike = Surroundings(spins[..., :2], spins[..., :1])
        >>> print(environment_information(decimation_rule, alike, generator=seed))
        I ≥ 0.69... of S = 0.69... nats
    """
    check_count("steps", steps)
    check_number("learning_rate", learning_rate)
    _check_chains(data)
    half = data.chains // 2
    trained, judged = data.part(slice(half)), data.part(slice(half, None))

    @torch.no_grad()
    def fixed(spins: Tensor) -> Tensor:
        return rule(spins)

    model = _fit(fixed, trained, steps, learning_rate, generator, [])
    with torch.no_grad():
        chances = _checked(rule, judged.block.flatten(0, 1)).double()
        logs = model(judged.environment.flatten(0, 1)).double()
        shares = chances.mean(0)
        # The entropy's own error is that of −log p(h), to first order.
        surprise = -shares.clamp(min=torch.finfo(shares.dtype).tiny).log()
        terms = (chances * (logs + surprise)).sum(1).reshape(judged.chains, -1).mean(1)
    return InformationEstimate(
        value=float(terms.mean()),
        error=float(terms.std() / math.sqrt(judged.chains)),
        entropy=float(_entropy(shares)),
    )


@validate_call
def learn_rule(
    data: Surroundings,
    hidden: int = 1,
    steps: int = 1000,
    *,
    learning_rate: float = 3e-3,
    generator: torch.Generator | None = None,
) -> LinearRule:
    """Learns the rule that keeps most of a block's environment.

    Weights of the rule and a model of h given e climb the same bound. What they reached
    is not reported: judge the rule by `environment_information`, on other data.

    Args:
        data: Blocks with their environments.
        hidden: Coarse spins, 1 to 4.
        steps: Steps of Adam, of 1,000 rows each.
        learning_rate: Its rate.
        generator: Random numbers; None for torch's own.

    Returns:
        The rule.

    Raises:
        ArgumentError: There are too few chains, or a number cannot be used.

    Example:
        >>> seed = torch.Generator().manual_seed(0)
        >>> spins = 1.0 - 2 * torch.randint(2, (40, 50, 3), generator=seed)
        >>> alike = Surroundings(spins[..., :2], spins[..., :1])
        >>> weight = learn_rule(alike, generator=seed).weight.abs()[0]
        >>> bool(weight[0] > 5 * weight[1])
        True
    """
    check_count("steps", steps)
    check_number("learning_rate", learning_rate)
    _check_chains(data)
    rule = LinearRule(data.block.shape[2], hidden, generator=generator)
    _fit(rule, data, steps, learning_rate, generator, [*rule.parameters()])
    return rule
