"""Projectors onto states: orthogonality penalties, and fits by infidelity."""

from __future__ import annotations

import math
from typing import Any

import torch
from attrs import field, frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import (
    check_count,
    check_number,
    checked,
    validate_call,
)
from qml_qdl.manybody.samplers import Sampler, Samples
from qml_qdl.manybody.states.state import NeuralState

_FINITE = checked(check_number, -math.inf, math.inf)


@validate_call
@frozen(eq=False)
class Projector:
    """The operator `w |φ⟩⟨φ|/⟨φ|φ⟩ + c`, for any state φ.

    Its expectation is w F + c with the fidelity `F = |⟨ψ|φ⟩|²/(⟨ψ|ψ⟩⟨φ|φ⟩)`, of which
    F = ⟨φ/ψ⟩ ⟨ψ/φ⟩, the first mean over `|ψ|²`, the second over `|φ|²`. So its local
    energies are w (φ/ψ)(s) ⟨ψ/φ⟩ + c, from samples of both states.

    As one of the `penalties` of `VariationalMonteCarlo`, with a weight above the gap,
    it makes what lies lowest beside φ the ground state: an excited one (Choo et al.,
    PRL 121, 167204 (2018), arXiv:1807.03325). As its operator, by `infidelity`, it
    makes a state learn φ.

    Excited states have nodes. Chains do not stand where ψ vanishes though Hψ does not,
    so that a variance from chains comes out too small there, and steps from sums over
    all configurations go further than steps from chains.

    Args:
        target: φ, which stays as it is; `VectorState` makes one of a vector.
        sampler: What configurations of φ come from, not that of another state: chains
            have their place in one.
        weight: w.
        offset: c.
        burn_in: Sweeps that chains of φ make before they are used.

    Raises:
        ArgumentError: A number cannot be used, or φ vanishes everywhere.

    Example:
        >>> import torch
        >>> from qml_qdl.manybody import FullSummation, RBMState, VectorState
        >>> from qml_qdl.manybody import VariationalMonteCarlo
        >>> _ = torch.manual_seed(0)
        >>> target = VectorState([0, 0.6, 0.8, 0], 2)
        >>> sampler = FullSummation(2)
        >>> state = RBMState(2, alpha=2, dtype=torch.float64)
        >>> fit = VariationalMonteCarlo(
        ...     Projector.infidelity(target, sampler), state, sampler
        ... )
        >>> _ = fit.run(200)
        >>> fit.estimate().energy < 1e-3
        True
    """

    target: NeuralState
    sampler: Sampler
    weight: float = field(default=1.0, validator=_FINITE)
    offset: float = field(default=0.0, validator=_FINITE)
    burn_in: int = field(default=20, validator=checked(check_count, 0))

    def __attrs_post_init__(self) -> None:
        if self.burn_in:
            self.sampler.sample(self.target, self.burn_in)

    @classmethod
    @validate_call
    def infidelity(cls, target: NeuralState, sampler: Sampler) -> Projector:
        """1 − F, which is lowered where a state is to learn another.

        Args:
            target: φ.
            sampler: What configurations of φ come from.
        """
        return cls(target, sampler, -1.0, 1.0)

    @property
    def num_sites(self) -> int:
        """Number of sites, N."""
        return self.target.num_sites

    @property
    def bound(self) -> float:
        """What no estimate exceeds but where chains stand where they should not be."""
        return 10 * abs(self.weight) + abs(self.offset)

    @torch.no_grad()
    def local_energies(
        self, state: NeuralState, samples: Samples
    ) -> tuple[Tensor, float]:
        """Local energies of a state.

        Args:
            state: ψ.
            samples: Configurations of it.

        Returns:
            The local energies (rows,), and the error that their mean has from samples
            of φ, beside that from samples of ψ.

        Raises:
            ArgumentError: One of the samples stands for orbits of another sector.
        """
        others = self.sampler.sample(self.target)
        if samples.sector != others.sector:
            raise ArgumentError(
                "sampler: expected sums over orbits for both states or none, as "
                f"overlaps differ within orbits, got {samples.sector} and "
                f"{others.sector}; give both samplers the same sector"
            )
        here, there = (
            (each.spins.to(state.dtype), each.spins.to(self.target.dtype))
            for each in (samples, others)
        )
        first = self.target(here[1]), state(here[0])
        second = state(there[0]), self.target(there[1])
        # The scale of both states is arbitrary.
        shift = (first[0] - first[1]).real
        shift = shift[shift.isfinite()]
        scale = shift.mean() if len(shift) else 0.0
        towards, back = _ratio(*first, -scale), _ratio(*second, scale)
        mean = others.mean(back)
        noise = self.weight * others.error(samples.mean(towards) * back)
        return self.weight * mean * towards + self.offset, abs(float(noise))

    def state_dict(self) -> dict[str, Any]:
        """All that has to be kept to go on bit for bit."""
        return self.sampler.state_dict()

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there.

        Args:
            kept: What `state_dict` returned.
        """
        self.sampler.load_state_dict(kept)


def _ratio(log: Tensor, of: Tensor, shift: Tensor | float) -> Tensor:
    """exp(log − of + shift), double; 0 where the second vanishes, without weight."""
    dtype = torch.promote_types(log.dtype, of.dtype)
    double = torch.complex128 if dtype.is_complex else torch.float64
    log, of = log.to(double), of.to(double)
    vanish = torch.isneginf(of.real)
    return (log - of + shift).exp().masked_fill(vanish, 0.0)
