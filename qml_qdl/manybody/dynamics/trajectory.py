"""What was seen of a state on its way through time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import asdict, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.validation import check_choice
from qml_qdl.manybody.monte_carlo import Estimate


@frozen(eq=False)
class Moment:
    """A state at one time.

    Args:
        time: t.
        estimate: The energy.
        means: Expectations by name, each with its standard error.
        residual: Which part of the evolution the network cannot follow, 0 … 1.
        speed: By how much the state turns in a unit of time.
        eigenvalues: Those of the metric S, falling, (K,).
        snr: The signal-to-noise ratio along each of their eigenvectors, (K,): infinite
            without noise, NaN where there is neither signal nor noise.
        kept: To how many directions those that were kept add up.
        step_size: The step that led here; 0 at the beginning.
        rejected: Steps before it that were too long.
        infidelity: 1 − F with the exact evolution; None where that is not known.
    """

    time: float
    estimate: Estimate
    means: Mapping[str, tuple[float, float]]
    residual: float
    speed: float
    eigenvalues: NDArray[np.float64]
    snr: NDArray[np.float64]
    kept: float
    step_size: float = 0.0
    rejected: int = 0
    infidelity: float | None = None

    def as_plain(self) -> dict[str, Any]:
        """All of it as numbers, words, lists and dictionaries."""
        return asdict(
            self,
            value_serializer=lambda _, __, value: (
                value.tolist() if isinstance(value, np.ndarray) else value
            ),
        )

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Moment:
        """Makes one of what `as_plain` returned.

        Args:
            plain: That.
        """
        means = {key: (mean, error) for key, (mean, error) in plain["means"].items()}
        arrays = {key: np.array(plain[key], float) for key in ("eigenvalues", "snr")}
        estimate = Estimate(**plain["estimate"])
        return cls(**{**plain, **arrays, "means": means, "estimate": estimate})


@frozen(eq=False)
class Trajectory:
    """A state on its way through time, moment by moment.

    Args:
        moments: At least one.

    Example:
        >>> import numpy as np
        >>> at = Estimate(-2.0, 0.0, 1.0, 4, 16)
        >>> seen = [
        ...     Moment(t, at, {"x": (x, 0.0)}, 0.0, 1.0, np.ones(1), np.ones(1), 1.0)
        ...     for t, x in ((0.0, 0.9), (0.1, 0.8))
        ... ]
        >>> trajectory = Trajectory(tuple(seen))
        >>> trajectory.times.tolist(), trajectory.means("x").tolist(), trajectory.drift
        ([0.0, 0.1], [0.9, 0.8], 0.0)
    """

    moments: tuple[Moment, ...]

    def _each(self, name: str) -> NDArray[np.float64]:
        values = [getattr(each, name) for each in self.moments]
        return np.array([math.nan if v is None else v for v in values], float)

    @property
    def names(self) -> tuple[str, ...]:
        """What was measured beside the energy."""
        return tuple(self.moments[0].means)

    @property
    def times(self) -> NDArray[np.float64]:
        """Times, (T,)."""
        return self._each("time")

    @property
    def energies(self) -> NDArray[np.float64]:
        """Energies, (T,)."""
        return np.array([each.estimate.energy for each in self.moments])

    @property
    def energy_errors(self) -> NDArray[np.float64]:
        """Their standard errors, (T,); 0 where every configuration was summed."""
        return np.array([each.estimate.error for each in self.moments])

    @property
    def drift(self) -> float:
        """By how much the energy was away from the first one, at most."""
        return float(abs(self.energies - self.energies[0]).max())

    @property
    def lost(self) -> float:
        """By how many radians the state is turned from the exact one, at most.

        The part of Hψ that the network cannot follow has the size √(r² Var H); its
        integral bounds the angle between both states at the end, if steps, samples and
        the beginning are exact.
        """
        variances = np.array([each.estimate.variance for each in self.moments])
        rates = np.sqrt(np.nan_to_num(self.residuals) * variances)
        return float(np.trapezoid(rates, self.times))

    def means(self, name: str) -> NDArray[np.float64]:
        """Expectations of what was measured, (T,).

        Args:
            name: One of `names`.

        Raises:
            ArgumentError: There is no such name.
        """
        return self._measured(name, 0)

    def errors(self, name: str) -> NDArray[np.float64]:
        """Their standard errors, (T,).

        Args:
            name: One of `names`.

        Raises:
            ArgumentError: There is no such name.
        """
        return self._measured(name, 1)

    def _measured(self, name: str, which: int) -> NDArray[np.float64]:
        check_choice("name", name, self.names)
        return np.array([each.means[name][which] for each in self.moments])

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Which part of the evolution the network could not follow, (T,)."""
        return self._each("residual")

    @property
    def infidelities(self) -> NDArray[np.float64]:
        """1 − F with the exact evolution, (T,); NaN where that was not known."""
        return self._each("infidelity")

    @property
    def snr(self) -> NDArray[np.float64]:
        """Signal-to-noise ratios of all directions, (T, K), NaN as they came."""
        return np.stack([each.snr for each in self.moments])

    def as_arrays(self) -> dict[str, NDArray[np.float64]]:
        """Everything by name, an array with a row for each time."""
        found = {"time": self.times, "energy": self.energies}
        found["energy_error"] = self.energy_errors
        found["energy_variance"] = np.array(
            [each.estimate.variance for each in self.moments]
        )
        for name in self.names:
            found[name], found[f"{name}_error"] = self.means(name), self.errors(name)
        for name in ("residual", "speed", "kept", "step_size", "rejected"):
            found[name] = self._each(name)
        found["infidelity"] = self.infidelities
        found["eigenvalues"] = np.stack([each.eigenvalues for each in self.moments])
        found["snr"] = self.snr
        return found
