"""Variational Monte Carlo: local energies, estimates of the energy, and the descent."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from attrs import asdict, evolve, frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.circuits.validation import check_count, check_type, validate_call
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.projectors import Projector
from qml_qdl.manybody.reconfiguration import Descent, StochasticReconfiguration
from qml_qdl.manybody.samplers import Sampler, Samples
from qml_qdl.manybody.states.state import NeuralState


@frozen
class Estimate:
    """An energy, and how far it can be trusted.

    Args:
        energy: The mean of local energies.
        error: Its standard error, from the spread of the chains; 0 where every
            configuration was summed.
        variance: That of local energies; zero for an eigenstate.
        num_sites: Spins.
        num_samples: Configurations.
        r_hat: How much more chains differ than each of them varies, near 1 where they
            agree (Gelman and Rubin 1992); None without several configurations of
            several chains.
        autocorrelation_time: Configurations of a chain that are worth one independent
            one, less one half; None likewise.
        acceptance: The share of moves that were made, None where nothing moves.
    """

    energy: float
    error: float
    variance: float
    num_sites: int
    num_samples: int
    r_hat: float | None = None
    autocorrelation_time: float | None = None
    acceptance: float | None = None

    @property
    def v_score(self) -> float:
        """N·Var/E², which compares problems.

        Wu et al., arXiv:2302.04919.
        """
        return self.num_sites * self.variance / self.energy**2 if self.energy else 0.0

    def __str__(self) -> str:
        return (
            f"E = {self.energy:.8g} ± {self.error:.1g}, variance {self.variance:.2g}, "
            f"V-score {self.v_score:.1g}"
        )

    @classmethod
    def of(cls, local: Tensor, samples: Samples) -> Estimate:
        """Estimates an energy from local energies.

        Args:
            local: (rows,).
            samples: What they are of.
        """
        mean = samples.mean(local)
        error, r_hat, time = 0.0, None, None
        if samples.drawn:
            error = float(samples.error(local))
        elif not samples.is_exact:
            error, r_hat, time = _of_chains(local.real.reshape(-1, samples.chains))
        return cls(
            energy=float(mean.real),
            error=error,
            variance=float(samples.mean((local - mean).abs().square())),
            num_sites=samples.spins.shape[1],
            num_samples=len(local),
            r_hat=r_hat,
            autocorrelation_time=time,
            acceptance=samples.acceptance,
        )


def _of_chains(values: Tensor) -> tuple[float, float | None, float | None]:
    """The error of a mean, R̂ and the autocorrelation time, by (sweeps, chains)."""
    sweeps, chains = values.shape
    if chains < 2:
        return math.nan, None, None
    between = float(values.mean(0).var())
    error = math.sqrt(between / chains)
    if sweeps < 2:
        return error, None, None
    within = float(values.var(0).mean())
    if not within:
        return error, 1.0, 0.0
    r_hat = math.sqrt((sweeps - 1) / sweeps + between / within)
    return error, r_hat, max(0.0, (sweeps * between / within - 1) / 2)


@frozen
class Step:
    """One step of a descent.

    Args:
        number: Its number, from 0.
        estimate: The energy before it.
        length: How far it went, as the descent tells; NaN where it was not made.
        learning_rate: With which rate.
        event: What happened, in words; empty where all went well.
    """

    number: int
    estimate: Estimate
    length: float
    learning_rate: float
    event: str = ""


def _check_sites(operator: SpinOperator | Projector, state: NeuralState) -> None:
    if operator.num_sites != state.num_sites:
        raise ArgumentError(
            f"state: expected {operator.num_sites} sites as the operator has, got "
            f"{state.num_sites}"
        )


def _measured(
    terms: Iterable[SpinOperator | Projector],
    state: NeuralState,
    sampler: Sampler,
    samples: Samples,
) -> tuple[Tensor, Estimate]:
    """Local energies of a sum of operators, and what they estimate."""
    found, errors = [], [0.0]
    for term in terms:
        if isinstance(term, Projector):
            local, error = term.local_energies(state, samples)
            errors.append(error)
        else:
            local = sampler.local_energies(term, state, samples)
        found.append(local)
    total = found[0]
    for local in found[1:]:
        total = total + local
    estimate = Estimate.of(total, samples)
    return total, evolve(estimate, error=math.hypot(estimate.error, *errors))


@validate_call
def expectation(
    operator: SpinOperator | Projector,
    state: NeuralState,
    sampler: Sampler,
    *,
    sweeps: int | None = None,
) -> Estimate:
    """The expectation of an operator in a state, with its error.

    Args:
        operator: The operator; it has to stay where the sampler is, as those do that
            conserve the magnetisation where chains exchange spins.
        state: The state.
        sampler: Where its configurations come from.
        sweeps: Configurations of each chain; None for the sampler's own number.

    Returns:
        The estimate, whose `energy` is the expectation.

    Raises:
        ArgumentError: State and operator have other numbers of sites.

    Example:
        >>> import pennylane as qml
        >>> from qml_qdl.manybody import FullSummation, SpinOperator, VectorState
        >>> bell = VectorState([1, 0, 0, 1], 2)
        >>> operator = SpinOperator.of(qml.X(0) @ qml.X(1) - qml.Y(0) @ qml.Y(1))
        >>> print(expectation(operator, bell, FullSummation(2)))
        E = 2 ± 0, variance 0, V-score 0
    """
    _check_sites(operator, state)
    if sweeps is not None:
        check_count("sweeps", sweeps)
    samples = sampler.sample(state, sweeps)
    return _measured([operator], state, sampler, samples)[1]


MOST_REJECTED = 20
"""After so many failed steps in a row a run has failed."""


@frozen(eq=False)
class _Point:
    """Where a descent was: what it goes back to.

    Args:
        energy: The energy there.
        spread: How far it can be trusted.
        state: The state's parameters.
        sampler: The sampler's chains.
    """

    energy: float
    spread: float
    state: dict[str, Any]
    sampler: dict[str, Any]

    @classmethod
    def of(
        cls, state: NeuralState, sampler: Sampler, energy: float, spread: float
    ) -> _Point:
        """Remembers where a state is.

        Args:
            state: The state.
            sampler: Its sampler.
            energy: Its energy.
            spread: How far that can be trusted.
        """
        return cls(
            energy,
            spread,
            _copied(state.state_dict()),
            _copied(sampler.state_dict()),
        )

    def restore(self, state: NeuralState, sampler: Sampler) -> None:
        """Goes back there; random numbers go on, not to be the same again.

        Args:
            state: The state.
            sampler: Its sampler.
        """
        state.load_state_dict(self.state)
        now = sampler.state_dict()
        sampler.load_state_dict(
            {**self.sampler, **{k: v for k, v in now.items() if k == "generator"}}
        )


def _copied(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept, with memory of its own: tensors are cloned, which is quicker."""
    return {
        name: each.clone() if isinstance(each, Tensor) else deepcopy(each)
        for name, each in kept.items()
    }


class VariationalMonteCarlo:
    """Lowers the energy of a state, and watches over it.

    A step that ends in no numbers, or from which the energy rises by more than four
    standard errors, is taken back: parameters and chains are those before it, and the
    descent is more careful for a while. Every `window` steps the median of the energies
    is compared with the one before: where it is worse by more than its spread allows,
    state and chains go back to where they were then.

    Args:
        operator: H; or a `Projector`, such as one by which a state learns another.
        state: ψ.
        sampler: Where its configurations come from.
        descent: How parameters change; None for `StochasticReconfiguration(state)`,
            with a learning rate of 0.3 where the operator is a projector.
        window: Steps of a median.
        penalties: What is added to H, such as projectors onto lower states; of each
            step's estimate they are a part, of `estimate` they are none.

    Raises:
        ArgumentError: State and operator have other numbers of sites.

    Example:
        >>> import torch
        >>> from qml_qdl.manybody import (
        ...     FullSummation,
        ...     Lattice,
        ...     RBMState,
        ...     SpinOperator,
        ...     VariationalMonteCarlo,
        ...     transverse_ising,
        ... )
        >>> operator = SpinOperator.of(transverse_ising(Lattice.chain(4)))
        >>> _ = torch.manual_seed(0)
        >>> state = RBMState(4, alpha=2, dtype=torch.float64)
        >>> descent = VariationalMonteCarlo(operator, state, FullSummation(4))
        >>> _ = descent.run(100)
        >>> round(descent.estimate().energy, 3)
        -5.226
    """

    @validate_call
    def __init__(
        self,
        operator: SpinOperator | Projector,
        state: NeuralState,
        sampler: Sampler,
        descent: Descent | None = None,
        *,
        window: int = 20,
        penalties: Sequence[Projector] = (),
    ) -> None:
        check_count("window", window, 2)
        for penalty in penalties:
            check_type("penalties", penalty, Projector)
        for term in (operator, *penalties):
            _check_sites(term, state)
        self.operator = operator
        self.state = state
        self.sampler = sampler
        # The eigenvalues of a projector are 0 and 1, whatever the number of sites.
        rate: dict[str, Any] = {}
        if isinstance(operator, Projector):
            rate = {"learning_rate": 0.3}
        self.descent = descent or StochasticReconfiguration(state, **rate)
        self.window = window
        self.steps_done = 0
        self._terms: tuple[SpinOperator | Projector, ...] = (operator, *penalties)
        self._bound = (1 + 1e-6) * sum(term.bound for term in self._terms)
        self._rejected = 0
        self._energies: list[float] = []
        self._before: _Point | None = None
        self._kept: _Point | None = None

    def step(self) -> Step:
        """One step: samples, local energies, and a change of the parameters.

        Raises:
            RunError: The numbers are none from the beginning, or after twenty attempts
                in a row.
        """
        samples = self.sampler.sample(self.state)
        local, estimate = _measured(self._terms, self.state, self.sampler, samples)
        rate = self.descent.learning_rate
        here = _Point.of(self.state, self.sampler, estimate.energy, estimate.error)
        length, fault = math.nan, "local energies are no numbers"
        if bool(local.isfinite().all()):
            fault = self._impossible(estimate)
            # What was taken back is where it was: its energy is measured anew, lest a
            # value that was too low by chance holds the run for ever.
            if not fault and not self._rejected:
                fault = self._rise(here)
            if not fault:
                length = self.descent.update(samples, local)
                fault = "" if math.isfinite(length) else "the step is no number"
        if fault:
            event = self._taken_back(fault)
        else:
            self._before, self._rejected = here, 0
            self.descent.cool()
            event = self._watched(here)
        done = Step(self.steps_done, estimate, length, rate, event)
        self.steps_done += 1
        return done

    def _impossible(self, estimate: Estimate) -> str:
        """Says whether chains stand where they should not be.

        Where `|ψ|²` is nearly nothing local energies are huge. Neither ⟨H⟩ nor the root
        of its variance can exceed the sum of all coefficients.
        """
        if abs(estimate.energy) <= self._bound >= math.sqrt(estimate.variance):
            return ""
        return (
            f"the energy {estimate.energy:.3g}, with variance {estimate.variance:.3g}, "
            f"is beyond what the operator allows, {self._bound:.3g}"
        )

    def _rounding(self, energy: float) -> float:
        """Below this, energies of the state's type do not differ."""
        return max(1e-9, 10 * torch.finfo(self.state.dtype).eps) * abs(energy)

    def _rise(self, here: _Point) -> str:
        """Says whether the energy rose by the last step."""
        before = self._before
        if before is None:
            return ""
        noise = math.hypot(here.spread, before.spread) + self._rounding(before.energy)
        if not here.energy > before.energy + 4 * noise:
            return ""
        return f"the energy rose from {before.energy:.6g} to {here.energy:.6g}"

    def _taken_back(self, fault: str) -> str:
        self._rejected += 1
        if self._before is None or self._rejected > MOST_REJECTED:
            raise RunError(
                f"state: {fault}, {self._rejected} times in a row; begin with smaller "
                "parameters, or a smaller learning_rate"
            )
        self._before.restore(self.state, self.sampler)
        self.descent.weaken()
        return f"taken back: {fault}"

    def _watched(self, here: _Point) -> str:
        """Compares medians, and goes back where the energy rose."""
        self._energies.append(here.energy)
        if len(self._energies) < self.window:
            return ""
        median = statistics.median(self._energies)
        spread = 1.25 * statistics.stdev(self._energies) / math.sqrt(self.window)
        self._energies = []
        kept = self._kept
        if kept is not None:
            noise = max(kept.spread, self._rounding(median))
            if median > kept.energy + 5 * noise:
                kept.restore(self.state, self.sampler)
                self._before = self._kept = None
                self.descent.weaken()
                return (
                    "rolled back: the median of the energy rose from "
                    f"{kept.energy:.6g} to {median:.6g}"
                )
        self._kept = evolve(here, energy=median, spread=spread)
        return ""

    def run(
        self, steps: int, tell: Callable[[Step], object] | None = None
    ) -> list[Step]:
        """Many steps.

        Args:
            steps: How many.
            tell: Is called with each.

        Returns:
            The steps.
        """
        check_count("steps", steps)
        done = []
        for _ in range(steps):
            done.append(self.step())
            if tell is not None:
                tell(done[-1])
        return done

    @validate_call
    def estimate(
        self,
        sweeps: int | None = None,
        operator: SpinOperator | Projector | None = None,
    ) -> Estimate:
        """The energy as it is now, from new configurations.

        Args:
            sweeps: Configurations of each chain; None for the sampler's own number.
            operator: Another operator, whose expectation is found in place of H's.

        Raises:
            ArgumentError: State and operator have other numbers of sites.
        """
        operator = self.operator if operator is None else operator
        return expectation(operator, self.state, self.sampler, sweeps=sweeps)

    @property
    def _projectors(self) -> list[Projector]:
        return [term for term in self._terms if isinstance(term, Projector)]

    def state_dict(self) -> dict[str, Any]:
        """All that has to be kept to go on bit for bit."""
        return {
            "state": self.state.state_dict(),
            "sampler": self.sampler.state_dict(),
            "descent": self.descent.state_dict(),
            "steps_done": self.steps_done,
            "rejected": self._rejected,
            "energies": [*self._energies],
            "before": self._before and asdict(self._before),
            "kept": self._kept and asdict(self._kept),
            "projectors": [each.state_dict() for each in self._projectors],
        }

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there.

        Args:
            kept: What `state_dict` returned.
        """
        self.state.load_state_dict(kept["state"])
        self.sampler.load_state_dict(kept["sampler"])
        self.descent.load_state_dict(kept["descent"])
        self.steps_done = kept["steps_done"]
        self._rejected = kept["rejected"]
        self._energies = [*kept["energies"]]
        for each, own in zip(self._projectors, kept["projectors"], strict=True):
            each.load_state_dict(own)
        points = [kept[name] and _Point(**kept[name]) for name in ("before", "kept")]
        self._before, self._kept = points
