"""A state that goes through time, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Literal

import torch
from attrs import asdict, evolve, frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.circuits.validation import (
    check_choice,
    check_number,
    check_type,
    validate_call,
)
from qml_qdl.manybody.dynamics.exact import ExactDynamics
from qml_qdl.manybody.dynamics.runge_kutta import METHODS, next_length
from qml_qdl.manybody.dynamics.tdvp import TDVP, Velocity
from qml_qdl.manybody.dynamics.trajectory import Moment, Trajectory
from qml_qdl.manybody.monte_carlo import Estimate
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.samplers import Sampler
from qml_qdl.manybody.states.state import as_vector, set_vector

Norm = Literal["metric", "plain"]

Tell = Callable[[Moment], object]

MOST_TURNED = 0.5
"""By how many radians a step may turn the state: π/2 is as far as any state is."""

_LOST = 0.5
"""By how many of its standard deviations the energy may be off."""

_SHORTEST = 1e-9
"""A step shorter than this, relative to the first, has come to a halt."""


@frozen(eq=False)
class _Place:
    """Where an evolution is: what it goes back to, and what checkpoints keep.

    Args:
        vector: The parameters, (P,).
        sampler: The sampler, before the velocity there was found.
        time: t.
        step_size: The next step.
    """

    vector: Tensor
    sampler: dict[str, Any]
    time: float
    step_size: float

    def restore(self, tdvp: TDVP) -> None:
        """Puts state and sampler back."""
        set_vector(tdvp.state, self.vector)
        tdvp.sampler.load_state_dict(deepcopy(self.sampler))


class Evolution:
    """Takes a state through time by a Runge-Kutta method, and watches over it.

    After each step the energy and all else are measured with the configurations that
    the next velocity is found from. Where a step cannot be right the state is put back
    to where it was before, and an error names the step: if a number is not finite, if
    the step turns the state by more than half a radian, or if the energy, which real
    time keeps and imaginary time lowers, is off by more than half its own standard
    deviation and five standard errors.

    Args:
        tdvp: The state with its velocity.
        method: One of `METHODS`: "euler", "heun", "rk4" or "dormand_prince".
        step_size: The step; with a tolerance the first one.
        tolerance: By how much a step may differ from the one of lower order that the
            method has beside it, so that steps become as long as that allows; None for
            equal steps.
        norm: How that is measured: "metric", in radians by which the two states are
            turned from each other, `√(cᵀSc)` with the metric S at the step's beginning;
            or "plain", the root of the mean square of the parameters' differences,
            each relative to 1 + its size.
        observables: What is measured on the way beside the energy, by name.
        reference: The exact evolution, for infidelities; None for none. It has to begin
            where the state does.
        observer: With which configurations energy and observables are measured, such as
            the sum over all of them beside a velocity from samples; None for those of
            the velocity.

    Raises:
        ArgumentError: A number cannot be used, there is no such method, or it does not
            know its error.

    Example:
        >>> from qml_qdl.manybody import FullSummation, Lattice, RBMState
        >>> from qml_qdl.manybody import transverse_ising
        >>> _ = torch.manual_seed(0)
        >>> state = RBMState(2, alpha=2, dtype=torch.complex128)
        >>> operator = SpinOperator.of(transverse_ising(Lattice.chain(2)))
        >>> tdvp = TDVP(operator, state, FullSummation(2))
        >>> evolution = Evolution(tdvp, reference=ExactDynamics(operator, state))
        >>> trajectory = evolution.run(0.5)
        >>> bool(trajectory.infidelities.max() < 1e-6)
        True
    """

    @validate_call
    def __init__(
        self,
        tdvp: TDVP,
        *,
        method: str = "rk4",
        step_size: float = 0.01,
        tolerance: float | None = None,
        norm: Norm = "metric",
        observables: Mapping[str, SpinOperator] | None = None,
        reference: ExactDynamics | None = None,
        observer: Sampler | None = None,
    ) -> None:
        check_choice("method", method, tuple(METHODS))
        check_choice("norm", norm, ("metric", "plain"))
        check_number("step_size", step_size, high=math.inf)
        self.tableau = METHODS[method]
        if tolerance is not None:
            check_number("tolerance", tolerance, high=math.inf)
            if self.tableau.embedded is None:
                raise ArgumentError(
                    f"tolerance: {method!r} does not know its error; use "
                    "method='dormand_prince' or 'heun', or leave tolerance away"
                )
        self.observables = dict(observables or {})
        for name, each in self.observables.items():
            check_type(f"observables[{name!r}]", each, SpinOperator)
            if each.num_sites != tdvp.operator.num_sites:
                raise ArgumentError(
                    f"observables: expected {tdvp.operator.num_sites} sites, got "
                    f"{each.num_sites} of {name!r}; SpinOperator.of takes their number"
                )
        self.tdvp = tdvp
        self.tolerance = tolerance
        self.norm = norm
        self.reference = reference
        self.observer = observer
        self._first_size = step_size
        self._moments: list[Moment] = []
        self._velocity: Velocity | None = None
        chains = deepcopy(tdvp.sampler.state_dict())
        self._here = _Place(as_vector(tdvp.state), chains, 0.0, step_size)

    @property
    def time(self) -> float:
        """How far the state has come."""
        return self._here.time

    @property
    def trajectory(self) -> Trajectory:
        """What was seen so far.

        Raises:
            RunError: Nothing was.
        """
        if not self._moments:
            raise RunError("trajectory: nothing was seen yet; run the evolution first")
        return Trajectory(tuple(self._moments))

    @validate_call
    def run(self, time: float, tell: Tell | None = None) -> Trajectory:
        """Goes on to a time.

        Args:
            time: t, where the last step ends.
            tell: Is called with the beginning and with the end of each step.

        Returns:
            What was seen from the very beginning.

        Raises:
            ArgumentError: The time is negative, past, or not finite.
            RunError: A step cannot be right; the message names it, and the state is
                where it was before.
        """
        check_number("time", time, -math.inf, math.inf)
        if time < self.time:
            raise ArgumentError(
                f"time: expected one from {self.time:g} on, got {time!r}; of −H time "
                "runs backwards"
            )
        with self._putting_back():
            if self._velocity is None:  # at the beginning, or of a checkpoint
                self._velocity = self.tdvp.velocity()
                if not self._moments:
                    self._see(self._measured(self._velocity), tell)
            # What is left over by rounding is no step.
            while time - self.time > 1e-12 * max(1.0, abs(time)):
                self._step(self._velocity, time, tell)
        return self.trajectory

    @contextmanager
    def _putting_back(self) -> Iterator[None]:
        """State and chains are those of the last moment, however a step fails."""
        try:
            yield
        except BaseException as error:
            self._here.restore(self.tdvp)
            self._velocity = None
            if isinstance(error, RunError):
                raise RunError(
                    f"step {len(self._moments)}, at time {self.time:g}: {error}"
                ) from error
            raise

    def _step(self, before: Velocity, until: float, tell: Tell | None) -> None:
        """Makes one step, of the length that the tolerance allows."""
        here, tdvp = self._here, self.tdvp
        size, left = here.step_size, until - here.time
        chains, last = here.sampler, before

        def derivative(_: float, place: Tensor) -> Tensor:
            nonlocal chains, last
            set_vector(tdvp.state, place)
            chains = deepcopy(tdvp.sampler.state_dict())
            last = tdvp.velocity()
            return last.value

        rejected = 0
        while True:
            # No step is left over that is much shorter than the others.
            wanted = left if left < 1.01 * size else size
            length = self._bounded(wanted, before)
            end, apart = self.tableau.step(
                derivative, here.time, here.vector, length, before.value
            )
            if not bool(end.isfinite().all()):
                raise RunError(
                    "the parameters are no finite numbers any more; take a smaller "
                    "step_size"
                )
            if self.tolerance is None or apart is None:
                break
            error = self._error(before, apart)
            following = next_length(length, error, self.tolerance, self.tableau.order)
            if error <= self.tolerance:
                # A last step that was cut short says little of the next one.
                size = max(following, size) if length == left else following
                break
            size = following
            rejected += 1
            if size < _SHORTEST * self._first_size:
                raise RunError(
                    f"steps of {size:.2g} still differ by more than the tolerance "
                    f"{self.tolerance:g}; take a larger tolerance, more samples, or a "
                    "larger cutoff"
                )
            # Chains go back, random numbers go on, not to be the same again.
            tdvp.sampler.load_state_dict({**deepcopy(here.sampler), **self._random()})
        if not self.tableau.ends_there:
            derivative(here.time + length, end)
        time = until if length == left else here.time + length
        seen = evolve(
            self._measured(last), time=time, step_size=length, rejected=rejected
        )
        self._check(seen.estimate)
        self._here, self._velocity = _Place(end, chains, time, size), last
        self._see(seen, tell)

    def _random(self) -> dict[str, Any]:
        now = self.tdvp.sampler.state_dict()
        return {key: now[key] for key in ("generator", "blur") if key in now}

    def _bounded(self, length: float, before: Velocity) -> float:
        turned = length * before.speed
        if not turned > MOST_TURNED:
            return length
        longest = MOST_TURNED / before.speed
        if self.tolerance is not None:
            return longest
        raise RunError(
            f"a step of {length:g} turns the state by {turned:.2g} radians, of which "
            f"{MOST_TURNED:g} are allowed, and its norm would be lost; take a "
            f"step_size below {longest:.2g}"
        )

    def _error(self, before: Velocity, apart: Tensor) -> float:
        if self.norm == "metric":
            return before.distance(apart)
        scale = 1 + self._here.vector.abs()
        return float((apart / scale).square().mean().sqrt())

    def _check(self, now: Estimate) -> None:
        """Refuses energies that no evolution has."""
        first, last = self._moments[0].estimate, self._moments[-1].estimate
        before = last if self.tdvp.imaginary else first
        change = now.energy - before.energy
        change = change if self.tdvp.imaginary else abs(change)
        allowed = _LOST * math.sqrt(before.variance)
        allowed += 5 * math.hypot(*(e for e in (now.error, before.error) if e == e))
        allowed += 1e-6 * self.tdvp.operator.bound
        if not change <= allowed:
            word = "rose" if self.tdvp.imaginary else "went"
            raise RunError(
                f"the energy {word} from {before.energy:.8g} to {now.energy:.8g}, by "
                f"more than {allowed:.2g}: the state is lost; take a smaller step_size "
                "or tolerance, more samples, or a larger cutoff"
            )

    @torch.no_grad()
    def _measured(self, velocity: Velocity) -> Moment:
        """What is to be seen of the state as it is, at the time where it was."""
        tdvp = self.tdvp
        sampler = self.observer or tdvp.sampler
        samples, estimate = velocity.samples, velocity.estimate
        if self.observer is not None:
            samples = sampler.sample(tdvp.state)
            local = sampler.local_energies(tdvp.operator, tdvp.state, samples)
            estimate = Estimate.of(local, samples)
        means = {}
        for name, operator in self.observables.items():
            local = sampler.local_energies(operator, tdvp.state, samples)
            error = samples.error(local)
            means[name] = float(samples.mean(local).real), float(error)
        return Moment(
            time=self.time,
            estimate=estimate,
            means=means,
            residual=velocity.residual,
            speed=velocity.speed,
            eigenvalues=velocity.eigenvalues.numpy(),
            snr=velocity.snr.numpy(),
            kept=float(velocity.shares.sum()),
        )

    def _see(self, moment: Moment, tell: Tell | None) -> None:
        if self.reference is not None:
            self.reference.advance(moment.time)
            infidelity = self.reference.infidelity(self.tdvp.state)
            moment = evolve(moment, infidelity=infidelity)
        self._moments.append(moment)
        if tell is not None:
            tell(moment)

    def state_dict(self) -> dict[str, Any]:
        """All that has to be kept to go on bit for bit, also from within a step."""
        observer = {} if self.observer is None else self.observer.state_dict()
        return {
            "place": asdict(self._here, recurse=False),
            "observer": deepcopy(observer),
            "moments": [each.as_plain() for each in self._moments],
        }

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there.

        Args:
            kept: What `state_dict` returned.
        """
        self._here = _Place(**kept["place"])
        if self.observer is not None:
            self.observer.load_state_dict(deepcopy(kept["observer"]))
        self._here.restore(self.tdvp)
        self._velocity = None
        self._moments = [Moment.from_plain(each) for each in kept["moments"]]
        if self.reference is not None:  # by the same steps, to the last digit
            for each in self._moments:
                self.reference.advance(each.time)
