"""What tells phases apart without gradients: the rivals of every network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.circuits.validation import (
    check_choice,
    check_number,
    check_text,
    validate_call,
)
from qml_qdl.phases.features import correlators
from qml_qdl.phases.scan import Scan

Floats = NDArray[np.float64]

_ROWS = 2_000
"""Snapshots whose overlaps with others are found at once."""


@validate_call
class Learner(ABC):
    """Tells the ordered phase (1) from the other (0) by rows of a scan.

    Args:
        name: What it is called in tables.
    """

    def __init__(self, name: str) -> None:
        check_text("name", name)
        self.name = name

    def fit(self, scan: Scan, labels: Any) -> Self:
        """Learns from rows whose phase is known.

        Args:
            scan: The rows.
            labels: 1 where they are in the ordered phase, else 0, (rows,).

        Returns:
            Itself.

        Raises:
            DataError: There are not both phases.
            ShapeError: There are not as many labels as rows.
        """
        known = np.asarray(labels)
        if known.shape != (len(scan),):
            raise ShapeError(
                f"labels: expected {len(scan)}, one for each row, got {known.shape}"
            )
        if set(np.unique(known).tolist()) != {0, 1}:
            raise DataError(
                "labels: expected rows of both phases, 0 and 1, got "
                f"{np.unique(known).tolist()[:5]}; take couplings on both sides"
            )
        self._fit(scan, known.astype(np.int64))
        return self

    @abstractmethod
    def _fit(self, scan: Scan, labels: NDArray[np.int64]) -> None:
        """Learns from checked labels."""

    @abstractmethod
    def probability(self, scan: Scan) -> Floats:
        """The probability of the ordered phase of each row, (rows,).

        Args:
            scan: The rows.
        """

    def accuracy(self, scan: Scan, labels: Any) -> float:
        """The share of rows whose phase is told, 0 … 1.

        Args:
            scan: The rows.
            labels: As of `fit`.
        """
        return float(((self.probability(scan) >= 0.5) == np.asarray(labels)).mean())


@validate_call
class Threshold(Learner):
    """One number of each row, and the cut that errs least on the training rows.

    Of cuts that err as little the middle of the widest gap is taken; which side is
    ordered, the means say.

    Args:
        feature: Gives (rows, 1) of a scan, such as `magnetisation` or `string_order`.
        name: What it is called; None for the feature's name.

    Example:
        >>> from qml_qdl.phases import ising_scan, magnetisation
        >>> scan = ising_scan([1.0, 4.0], size=6, chains=20, snapshots=5)
        >>> learner = Threshold(magnetisation).fit(scan, scan.along("T") < 2.27)
        >>> learner.accuracy(scan, scan.along("T") < 2.27)
        1.0
    """

    def __init__(
        self, feature: Callable[[Scan], Floats], name: str | None = None
    ) -> None:
        usual = getattr(feature, "__name__", "threshold").replace("_", " ")
        super().__init__(usual if name is None else name)
        self._feature = feature
        self.cut, self.sign = 0.0, 1.0

    def _of(self, scan: Scan) -> Floats:
        return self._feature(scan)[:, 0]

    def _fit(self, scan: Scan, labels: NDArray[np.int64]) -> None:
        values = self._of(scan)
        means = [values[labels == each].mean() for each in (0, 1)]
        self.sign = 1.0 if means[1] >= means[0] else -1.0
        values = self.sign * values
        levels, place = np.unique(values, return_inverse=True)
        ones = np.bincount(place, labels, len(levels))
        zeros = np.bincount(place, 1 - labels, len(levels))
        # Errors of a cut below level k: ones below it, and zeros from it on.
        wrong = np.append(0, ones.cumsum()) + np.append(zeros[::-1].cumsum()[::-1], 0)
        edges = np.concatenate([levels[:1], levels, levels[-1:]])
        widths = np.where(wrong == wrong.min(), np.diff(edges), -1)
        best = int(widths.argmax())
        self.cut = float((edges[best] + edges[best + 1]) / 2)

    def decide(self, values: Floats) -> Floats:
        """1 on the ordered side of the cut, else 0.

        Args:
            values: What the feature is, (rows,).
        """
        return (self.sign * values >= self.cut).astype(np.float64)

    def probability(self, scan: Scan) -> Floats:
        """1 on the ordered side of the cut, else 0."""
        return self.decide(self._of(scan))


@validate_call
class OnFeatures(Learner):
    """A classifier of scikit-learn on features of each row, standardised.

    Args:
        kind: "linear", logistic regression; or "neighbour", the nearest neighbour.
        features: Gives (rows, features) of a scan.
        name: What it is called; None for kind and features.

    Raises:
        ArgumentError: The kind is unknown.
    """

    def __init__(
        self,
        kind: Literal["linear", "neighbour"] = "linear",
        features: Callable[[Scan], Floats] = correlators,
        name: str | None = None,
    ) -> None:
        check_choice("kind", kind, ("linear", "neighbour"))
        titles = {"linear": "linear", "neighbour": "1-NN"}
        shown = getattr(features, "__name__", "features").replace("_", " ")
        super().__init__(f"{titles[kind]}, {shown}" if name is None else name)
        self.kind = kind
        self._features = features
        self._model: Any = None

    def _fit(self, scan: Scan, labels: NDArray[np.int64]) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        last = (
            LogisticRegression(max_iter=5_000)
            if self.kind == "linear"
            else KNeighborsClassifier(1)
        )
        self._model = make_pipeline(StandardScaler(), last)
        self._model.fit(self._features(scan), labels)

    def probability(self, scan: Scan) -> Floats:
        """What the classifier says."""
        found: Floats = self._model.predict_proba(self._features(scan))[:, 1]
        return found


@validate_call
class ShadowKernel(Learner):
    r"""A support vector machine on classical shadows.

    .. math:: k(S, S') = \exp\left[\frac{\tau}{T T'} \sum_{t, t'} \exp\left(
       \frac{\gamma}{n} \sum_i \mathrm{tr}\,\sigma_i^t \sigma_i^{\prime t'}
       \right)\right]

    with the local shadows :math:`\sigma = 3 |s\rangle\langle s| - 1` of the snapshots:
    the overlap of two is 5 where letter and bit agree, −4 where the bits differ, and
    1/2 where the letters do. It is a polynomial of any degree in reduced density
    matrices
    (Huang and others 2022, arXiv:2106.12627). Kernels are normalised, k(S, S) = 1.

    Args:
        tau: τ.
        gamma: γ.
        penalty: C of the support vector machine.

    Raises:
        ArgumentError: A number is not above 0.
    """

    def __init__(
        self, tau: float = 1.0, gamma: float = 1.0, penalty: float = 1.0
    ) -> None:
        super().__init__("shadow kernel")
        for name, number in (("tau", tau), ("gamma", gamma), ("penalty", penalty)):
            check_number(name, number, 0.0, float("inf"))
            if not number:
                raise ArgumentError(f"{name}: expected a number above 0, got {number}")
        self.tau, self.gamma, self.penalty = tau, gamma, penalty
        self._scan: Scan | None = None
        self._model: Any = None

    def kernel(self, one: Scan, other: Scan) -> Floats:
        """Kernels between the rows of two scans, (rows of one, rows of other).

        Args:
            one: The one.
            other: The other.
        """
        own, its = (self._exponent(each) for each in (one, other))
        crossed = self._overlaps(one, other)
        return np.exp(self.tau * (crossed - own[:, None] / 2 - its / 2))

    def _exponent(self, scan: Scan) -> Floats:
        rows = range(len(scan))
        return np.array(
            [self._overlaps(scan.take([k]), scan.take([k]))[0, 0] for k in rows]
        )

    def _overlaps(self, one: Scan, other: Scan) -> Floats:
        """The mean over pairs of snapshots of exp(γ/n Σ tr σσ')."""
        if one.num_sites != other.num_sites:
            raise ShapeError(
                f"scan: expected {one.num_sites} sites, got {other.num_sites}"
            )
        left, right = _one_hot(one), _one_hot(other)
        right = (right.reshape(*right.shape[:2], -1, 6) @ _OVERLAPS).reshape(
            right.shape
        )
        flat = right.reshape(-1, right.shape[-1]).T
        found = np.empty((len(left), len(right)))
        for row, mine in enumerate(left):
            total = np.zeros(flat.shape[1])
            for start in range(0, len(mine), _ROWS):
                inner = mine[start : start + _ROWS] @ flat
                total += np.exp(self.gamma / one.num_sites * inner).sum(0)
            found[row] = total.reshape(len(right), -1).mean(1) / len(mine)
        return found

    def _fit(self, scan: Scan, labels: NDArray[np.int64]) -> None:
        from sklearn.svm import SVC

        self._scan = scan
        self._model = SVC(kernel="precomputed", C=self.penalty)
        self._model.fit(self.kernel(scan, scan), labels)

    def probability(self, scan: Scan) -> Floats:
        """1 on the ordered side of the separating plane, else 0."""
        assert self._scan is not None
        plane = self._model.decision_function(self.kernel(scan, self._scan))
        found: Floats = (plane >= 0).astype(np.float64)
        return found


_OVERLAPS = np.full((6, 6), 0.5)
"""tr σσ' of X0, X1, Y0, Y1, Z0, Z1."""
for _place in range(0, 6, 2):
    _OVERLAPS[_place : _place + 2, _place : _place + 2] = [[5, -4], [-4, 5]]


def _one_hot(scan: Scan) -> NDArray[np.float64]:
    """Letter and bit of each site of each snapshot, (rows, snapshots, 6n)."""
    letters = np.array([["XYZ".index(letter) for letter in b] for b in scan.bases])
    codes = 2 * letters[:, None] + scan.bits
    return np.eye(6)[codes].reshape(len(scan), scan.snapshots, -1)
