"""A state that goes through time, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Literal

import torch
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
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.states.state import as_vector, set_vector

Norm = Literal["metric", "plain"]

MOST_TURNED = 0.5
"""By how many radians a step may turn the state: π/2 is as far as any state is."""

_LOST = 0.5
"""By how many of its standard deviations the energy may be off."""

_SHORTEST = 1e-9
"""A step shorter than this, relative to the first, has come to a halt."""


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

    Raises:
        ArgumentError: A number cannot be used, there is no such method, or it does not
            know its error.

    Example:
        >>> import pennylane as qml
        >>> from qml_qdl.manybody import CircuitState, FullSummation
        >>> from qml_qdl.circuits import StronglyEntangling
        >>> _ = torch.manual_seed(0)
        >>> state = CircuitState(StronglyEntangling(1), dtype=torch.float64)
        >>> operator = SpinOperator.of(qml.Z(0))
        >>> tdvp = TDVP(operator, state, FullSummation(1))
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
        self.time = 0.0
        self._first_size = self.step_size = step_size
        self._moments: list[Moment] = []
        self._velocity: Velocity | None = None
        # Where the chains were before the last velocity, for checkpoints.
        self._chains = deepcopy(tdvp.sampler.state_dict())

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
    def run(
        self, time: float, tell: Callable[[Moment], object] | None = None
    ) -> Trajectory:
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
        if not self._moments:
            self._see(self._guarded(self._found), 0.0, 0)
            self._tell(tell)
        # What is left over by rounding is no step.
        while time - self.time > 1e-12 * max(1.0, abs(time)):
            self._step(time)
            self._tell(tell)
        return self.trajectory

    def _tell(self, tell: Callable[[Moment], object] | None) -> None:
        if tell is not None:
            tell(self._moments[-1])

    def _guarded(self, act: Callable[[], Any]) -> Any:
        """Does what may fail; then the state and its chains are put back."""
        start, chains = as_vector(self.tdvp.state), self._chains
        try:
            return act()
        except RunError as error:
            set_vector(self.tdvp.state, start)
            self._chains, self._velocity = chains, None
            self.tdvp.sampler.load_state_dict(deepcopy(chains))
            raise RunError(
                f"step {len(self._moments)}, at time {self.time:g}: {error}"
            ) from error

    def _found(self) -> Velocity:
        """The velocity of the state as it is."""
        self._chains = deepcopy(self.tdvp.sampler.state_dict())
        return self.tdvp.velocity()

    def _step(self, until: float) -> None:
        if self._velocity is None:  # of a checkpoint, whose chains are those before it
            self._velocity = self._guarded(self._found)
        self._guarded(lambda: self._advance(until))

    def _advance(self, until: float) -> None:
        """Makes one step, of the length that the tolerance allows."""
        before, chains = self._velocity, self._chains
        assert before is not None
        state, start = self.tdvp.state, as_vector(self.tdvp.state)
        last: list[Velocity] = []

        def derivative(_: float, place: Tensor) -> Tensor:
            set_vector(state, place)
            last[:] = [self._found()]
            return last[0].value

        rejected = 0
        while True:
            left = until - self.time
            # No step is left over that is much shorter than the others.
            length = left if left < 1.01 * self.step_size else self.step_size
            length = self._bounded(length, before.speed)
            end, apart = self.tableau.step(
                derivative, self.time, start, length, before.value
            )
            if not bool(end.isfinite().all()):
                raise RunError(
                    "the parameters are no finite numbers any more; take a smaller "
                    "step_size"
                )
            if self.tolerance is None or apart is None:
                break
            error = self._size(before, apart, start)
            following = next_length(length, error, self.tolerance, self.tableau.order)
            if error <= self.tolerance:
                # A last step that was cut short says little of the next one.
                self.step_size = max(following, self.step_size * (length == left))
                break
            rejected += 1
            self.step_size = following
            if following < _SHORTEST * self._first_size:
                raise RunError(
                    f"steps of {following:.2g} still differ by more than the tolerance "
                    f"{self.tolerance:g}; take a larger tolerance, more samples, or a "
                    "larger cutoff"
                )
            self.tdvp.sampler.load_state_dict({**deepcopy(chains), **self._random()})
        set_vector(state, end)
        found = last[0] if last and self.tableau.ends_there else self._found()
        self._check(found)
        self.time = until if length == left else self.time + length
        self._see(found, length, rejected)

    def _random(self) -> dict[str, Any]:
        """Random numbers go on where chains go back, not to be the same again."""
        now = self.tdvp.sampler.state_dict()
        return {key: now[key] for key in ("generator", "blur") if key in now}

    def _bounded(self, length: float, speed: float) -> float:
        turned = length * speed
        if not turned > MOST_TURNED:
            return length
        if self.tolerance is not None:
            return MOST_TURNED / speed
        raise RunError(
            f"a step of {length:g} turns the state by {turned:.2g} radians, of which "
            f"{MOST_TURNED:g} are allowed: its norm would be lost; take a step_size "
            f"below {MOST_TURNED / speed:.2g}"
        )

    def _size(self, before: Velocity, apart: Tensor, start: Tensor) -> float:
        if self.norm == "metric":
            return before.distance(apart)
        return float((apart / (1 + start.abs())).square().mean().sqrt())

    def _check(self, found: Velocity) -> None:
        """Refuses energies that no evolution has."""
        first, last = self._moments[0].estimate, self._moments[-1].estimate
        now = found.estimate
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
    def _see(self, velocity: Velocity, length: float, rejected: int) -> None:
        """Measures what is to be seen of the state as it is."""
        state, sampler = self.tdvp.state, self.tdvp.sampler
        samples, means = velocity.samples, {}
        for name, operator in self.observables.items():
            local = sampler.local_energies(operator, state, samples)
            mean, error = samples.mean(local).real, samples.error(local)
            means[name] = float(mean), float(error)
        infidelity = None
        if self.reference is not None:
            self.reference.advance(self.time)
            infidelity = self.reference.infidelity(state)
        self._velocity = velocity
        self._moments.append(
            Moment(
                time=self.time,
                estimate=velocity.estimate,
                means=means,
                residual=velocity.residual,
                speed=velocity.speed,
                eigenvalues=velocity.eigenvalues.numpy(),
                snr=velocity.snr.numpy(),
                kept=float(velocity.shares.sum()),
                step_size=length,
                rejected=rejected,
                infidelity=infidelity,
            )
        )

    def state_dict(self) -> dict[str, Any]:
        """All that has to be kept to go on bit for bit."""
        return {
            "state": self.tdvp.state.state_dict(),
            "sampler": self._chains,
            "time": self.time,
            "step_size": self.step_size,
            "moments": [each.as_plain() for each in self._moments],
        }

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there.

        Args:
            kept: What `state_dict` returned.
        """
        self.tdvp.state.load_state_dict(kept["state"])
        self.tdvp.sampler.load_state_dict(kept["sampler"])
        self._chains = deepcopy(kept["sampler"])
        self._velocity = None
        self.time, self.step_size = kept["time"], kept["step_size"]
        self._moments = [Moment.from_plain(each) for each in kept["moments"]]
        if self.reference is not None:  # by the same steps, to the last digit
            for each in self._moments:
                self.reference.advance(each.time)
