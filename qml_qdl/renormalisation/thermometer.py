"""Flows of reconstructions by a machine, and the network that reads couplings off them.

A machine that has learnt lattices of many temperatures makes others of them, v → h → v.
Iso, Shiba and Yokoo (arXiv:1801.07172) let a second network say of which temperature
these look, and follow that. Two things to know: reconstructions are Gibbs steps, so a
flow ends at what the machine samples, whose temperature is some mean over what it was
trained on; and neither network knows which sites are neighbours, so both do as well on
lattices whose sites were exchanged, as arXiv:2006.10176 argues. A flow that ends near
the critical temperature is no proof of scale invariance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import (
    as_items,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.manybody.sectors import check_spins
from qml_qdl.manybody.states.state import seeded
from qml_qdl.models.rbm import RBM

BATCH = 500
"""Configurations of a step of training."""


@validate_call
class Thermometer(nn.Module):
    """A classifier of configurations by the coupling that they were sampled at.

    Args:
        num_sites: The number N of spins.
        couplings: The couplings K, at least two.
        hidden: Units of its one hidden layer.
        generator: Random numbers for the initial weights; None for torch's own.

    Shape:
        - Input: (rows, num_sites), ±1.
        - Output: (rows, couplings), logarithms of probabilities but for a constant.

    Raises:
        ArgumentError: A number cannot be used, or there is one coupling only.

    Example:
        >>> Thermometer(16, [0.2, 0.4, 0.6])(torch.ones(5, 16)).shape
        torch.Size([5, 3])
    """

    couplings: Tensor

    def __init__(
        self,
        num_sites: int,
        couplings: Sequence[float],
        hidden: int = 64,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_count("num_sites", num_sites)
        check_count("hidden", hidden)
        values = as_items(couplings) or ()
        for value in values:
            check_number("couplings", value, -math.inf, math.inf)
        if len(values) < 2:
            raise ArgumentError(
                f"couplings: expected at least two to tell apart, got {list(values)}"
            )
        self.num_sites = num_sites
        self.register_buffer("couplings", torch.tensor(values, dtype=torch.float32))
        with seeded(generator):
            self.layers = nn.Sequential(
                nn.Linear(num_sites, hidden, dtype=torch.float32),
                nn.Tanh(),
                nn.Linear(hidden, len(values), dtype=torch.float32),
            )

    def forward(self, spins: Tensor) -> Tensor:
        """Scores of the couplings."""
        check_spins(spins, self.num_sites)
        scores: Tensor = self.layers(spins.float())
        return scores

    def fit(
        self,
        samples: Tensor,
        steps: int = 1000,
        *,
        learning_rate: float = 3e-3,
        generator: torch.Generator | None = None,
    ) -> list[float]:
        """Learns from configurations of each coupling, and from them turned.

        Args:
            samples: Spins of float32 or float64, (couplings, rows, N).
            steps: Steps of Adam, of 500 configurations each.
            learning_rate: Its rate.
            generator: Random numbers; None for torch's own.

        Returns:
            Cross entropies in nats, one a step.

        Raises:
            ArgumentError: A number cannot be used, or a spin is none.
            ShapeError: There are other couplings, or sites.
        """
        check_count("steps", steps)
        check_number("learning_rate", learning_rate)
        if samples.ndim != 3 or len(samples) != len(self.couplings):
            raise ShapeError(
                f"samples: expected ({len(self.couplings)}, rows, {self.num_sites}), "
                f"configurations of each coupling, got {tuple(samples.shape)}"
            )
        check_spins(samples.flatten(0, 1), self.num_sites)
        rows = samples.flatten(0, 1)
        kinds = torch.arange(len(samples)).repeat_interleave(samples.shape[1])
        adam = torch.optim.Adam(self.parameters(), lr=learning_rate)
        losses = []
        for _ in range(steps):
            chosen = torch.randint(len(rows), (BATCH,), generator=generator)
            signs = 1 - 2 * torch.randint(2, (BATCH, 1), generator=generator)
            adam.zero_grad()
            loss = cross_entropy(self(rows[chosen] * signs), kinds[chosen])
            loss.backward()
            adam.step()
            losses.append(loss.item())
        return losses

    @torch.no_grad()
    def read(self, spins: Tensor) -> Tensor:
        """The coupling that each configuration looks like: the mean over its scores.

        Args:
            spins: (rows, N), ±1.

        Returns:
            (rows,).
        """
        scores: Tensor = self(spins)
        return scores.softmax(1) @ self.couplings


@validate_call
def rbm_flow(
    rbm: RBM,
    spins: Tensor,
    thermometer: Thermometer,
    steps: int = 20,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Couplings that reconstructions by a machine look like, step by step.

    Args:
        rbm: The machine, of bits b for spins s = 1 − 2b.
        spins: Where the flow begins, (rows, N), ±1.
        thermometer: What reads couplings.
        steps: Reconstructions v → h → v.
        generator: Random numbers; None for torch's own.

    Returns:
        (steps + 1, rows), the first of them those of `spins`.

    Raises:
        ArgumentError: A spin is none, or the machine's units are no bits.
        DataError: A weight of the machine is not finite, as after a training that
            diverged.
        ShapeError: Machine, spins and thermometer have other numbers of sites.

    Example:
        >>> rbm = RBM(4, 2, generator=torch.Generator().manual_seed(0))
        >>> rbm_flow(rbm, torch.ones(3, 4), Thermometer(4, [0.1, 0.5]), 2).shape
        torch.Size([3, 3])
    """
    check_count("steps", steps)
    check_spins(spins, thermometer.num_sites)
    if rbm.visible != "binary":
        raise ArgumentError(f"rbm: expected one of bits, got {rbm.visible} units")
    found = [thermometer.read(spins)]
    bits = (1 - spins) / 2
    for _ in range(steps):
        bits = rbm.gibbs(bits, generator=generator)
        found.append(thermometer.read(1 - 2 * bits))
    return torch.stack(found)
