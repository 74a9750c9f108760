"""Kernels side by side: quantum and classical ones in the same support vector machine.

What `qml-qdl kernels` does. Every kernel has a grid of as many settings, of which the
best by cross-validation is taken; all see the same rows.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from statistics import median
from types import MappingProxyType
from typing import Any, final

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from qml_qdl.circuits import AngleEncoding, ZZFeatureMap
from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data import Dataset, split
from qml_qdl.data.splitting import Split
from qml_qdl.kernels import (
    FidelityKernel,
    GramReport,
    Kernel,
    LocalKernel,
    ProjectedKernel,
    describe,
)
from qml_qdl.training.statistics import summarise

SCALINGS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Bandwidths of quantum kernels: factors on standardised features."""

PENALTIES = (0.1, 1.0, 10.0, 100.0)
"""C of the support vector machine, for every kernel."""

MOST_FEATURES = 8
"""More features than that become as many principal components."""

_FOLDS = 5

FIRST = "RBF"
"""What the others are compared with, row by row."""


class Candidate(ABC):
    """A kernel with a grid of settings: abstract base of those that are compared."""

    @property
    @abstractmethod
    def settings(self) -> Sequence[Any]:
        """The grid, of as many settings for each."""

    @abstractmethod
    def grams(self, setting: Any, parts: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Gram matrices of each part with the first one.

        Args:
            setting: One of the grid.
            parts: Rows of training, and others.

        Returns:
            For each part (rows, rows of training).
        """

    def machine_rows(self, rows: int) -> int | None:
        """Rows of angles that a machine would run for a Gram matrix; None for none.

        Args:
            rows: Rows of training.
        """
        return None


@final
@frozen
class QuantumCandidate(Candidate):
    """A quantum kernel at several bandwidths.

    Args:
        make: Makes it of a number of features and further arguments, `scaling` and
            those of `QuantumLayer`.
    """

    make: Callable[..., Kernel]

    @property
    def settings(self) -> Sequence[float]:
        """Values of `scaling`."""
        return SCALINGS

    def grams(self, setting: Any, parts: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Gram matrices; see `Candidate.grams`."""
        kernel = self.make(parts[0].shape[1], scaling=setting)
        with torch.no_grad():
            first = kernel(parts[0])
            others = [kernel(part, parts[0]) for part in parts[1:]]
        return [gram.numpy() for gram in (first, *others)]

    def machine_rows(self, rows: int) -> int | None:
        """One for each pair, or for each point; see `Candidate.machine_rows`."""
        return self.make(2, shots=1000).cost(rows).rows


@final
@frozen
class ClassicalCandidate(Candidate):
    """A kernel of scikit-learn's.

    Args:
        name: Its name there.
        settings: Its arguments; `gamma` is divided by the number of features.
    """

    name: str
    settings: Sequence[Mapping[str, float]]

    def grams(self, setting: Any, parts: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Gram matrices; see `Candidate.grams`."""
        from sklearn.metrics.pairwise import pairwise_kernels

        told = {**setting, "gamma": setting["gamma"] / parts[0].shape[1]}
        return [pairwise_kernels(p, parts[0], metric=self.name, **told) for p in parts]


def _grid(**values: Sequence[float]) -> list[dict[str, float]]:
    return [dict(zip(values, each, strict=True)) for each in product(*values.values())]


CANDIDATES: Mapping[str, Candidate] = MappingProxyType(
    {
        FIRST: ClassicalCandidate(
            "rbf", _grid(gamma=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0))
        ),
        "polynomial": ClassicalCandidate(
            "poly", _grid(degree=(2, 3), gamma=(0.03, 0.1, 0.3, 1.0), coef0=(1.0,))
        ),
        "fidelity, angles": QuantumCandidate(
            lambda n, **told: FidelityKernel(AngleEncoding(n), **told)
        ),
        "fidelity, ZZ": QuantumCandidate(
            lambda n, **told: FidelityKernel(ZZFeatureMap(n), **told)
        ),
        "projected, ZZ": QuantumCandidate(
            lambda n, **told: ProjectedKernel(ZZFeatureMap(n), **told)
        ),
        "local, ZZ": QuantumCandidate(
            lambda n, **told: LocalKernel(ZZFeatureMap(n), sizes=(1, 2), **told)
        ),
    }
)
"""The kernels that are compared, by name."""


@frozen
class Finding:
    """What a kernel reached with one seed.

    Args:
        accuracy: On the test part, from 0 to 1.
        setting: What was chosen by cross-validation of the training part.
        penalty: C, likewise.
        report: The Gram matrix of these rows.
        seconds: Processor seconds of all that, the whole grid.
    """

    accuracy: float
    setting: Any
    penalty: float
    report: GramReport
    seconds: float


@final
@validate_call
class KernelStudy:
    """Kernels in the same support vector machine, over several seeds.

    Tables are standardised; of more than `MOST_FEATURES` features as many principal
    components are taken. Bandwidths and C are chosen on the training part alone, of
    which each of five folds is left out once.

    Args:
        dataset: A data set of classes.
        limit: Rows of training; None for all.
        tell: Called with what is being done.

    Raises:
        DataError: The data set has no classes, or one feature only.

    Example:
        >>> from qml_qdl.data import load
        >>> study = KernelStudy(load("two_moons"), limit=40)
        >>> study.run([0])
        >>> (title, rows), _ = study.tables()
        >>> rows[0][:3], len(rows)
        (['kernel', 'accuracy', '− RBF'], 7)
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        limit: int | None = 200,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        if not dataset.has_classes or dataset.num_classes < 2:
            raise DataError(
                f"dataset: expected two classes or more, got {dataset!r}; kernels are "
                "compared by a support vector classifier"
            )
        if limit is not None:
            check_count("limit", limit, 2)
        self.dataset = dataset
        self.limit = limit
        self.findings: dict[str, list[Finding]] = {name: [] for name in CANDIDATES}
        self._tell = tell or (lambda _: None)
        self._rows = 0
        self._features = 0

    def run(self, seeds: Iterable[int]) -> None:
        """Tunes and tests every kernel, with other rows for each seed.

        Args:
            seeds: Seeds of the split, each 0 or more.

        Raises:
            ArgumentError: There is no seed, or one is negative.
            DataError: There are too few rows.
        """
        given = [*seeds]
        if not given:
            raise ArgumentError("seeds: expected one or more, got none")
        for seed in given:
            parts = split(self.dataset, seed=seed, limit=self.limit)
            rows = _prepared(parts)
            self._rows, self._features = rows[0].shape
            labels = (parts.train.labels, parts.test.labels)
            for name, candidate in CANDIDATES.items():
                self._tell(f"seed {seed}: {name}")
                self.findings[name].append(_tuned(candidate, rows, labels))
        self._tell("")

    def tables(self) -> list[tuple[str, list[list[str]]]]:
        """Titles and lines, the names of the columns first.

        Raises:
            ArgumentError: Nothing was run yet.
        """
        first = self.findings[FIRST]
        if not first:
            raise ArgumentError("seeds: nothing was compared yet; call run first")
        learnt = [["kernel", "accuracy", f"− {FIRST}", "bandwidth", "C", "s"]]
        grams = [["kernel", "variance", "effective rank", "alignment", "machine rows"]]
        for name, found in self.findings.items():
            pairs = zip(found, first, strict=True)
            gain = summarise(one.accuracy - other.accuracy for one, other in pairs)
            reports = [each.report for each in found]
            machine = CANDIDATES[name].machine_rows(self._rows)
            learnt.append(
                [
                    name,
                    summarise(each.accuracy for each in found).text(percent=True),
                    "–" if found is first else gain.text(percent=True),
                    _bandwidth([each.setting for each in found]),
                    f"{median(each.penalty for each in found):g}",
                    f"{summarise(each.seconds for each in found).mean:.1f}",
                ]
            )
            grams.append(
                [
                    name,
                    f"{summarise(each.variance for each in reports).mean:.2g}",
                    f"{summarise(each.effective_rank for each in reports).mean:.1f}",
                    summarise(each.alignment or 0.0 for each in reports).text(2),
                    "–" if machine is None else f"{machine:,}",
                ]
            )
        rows = f"{self._rows} rows to train, {self._features} features"
        tried = len(SCALINGS) * len(PENALTIES)
        seeds = f"{len(first)} seed{'s' * (len(first) > 1)}"
        return [
            (f"{rows}, {seeds}; {tried} settings each", learnt),
            ("Gram matrices of the training rows, off the diagonal", grams),
        ]


def _bandwidth(settings: Sequence[Any]) -> str:
    """The median of what was chosen: `scaling`, or γ times the number of features."""
    return f"{median(s['gamma'] if isinstance(s, Mapping) else s for s in settings):g}"


def _prepared(parts: Split) -> list[NDArray[Any]]:
    """Rows of training and test, of as few features as wires."""
    rows = [
        part.inputs.reshape(len(part), -1).astype(np.float64)
        for part in (parts.train, parts.test)
    ]
    if rows[0].shape[1] <= MOST_FEATURES:
        return rows
    from sklearn.decomposition import PCA

    components = PCA(MOST_FEATURES, whiten=True, random_state=0).fit(rows[0])
    return [components.transform(each) for each in rows]


def _tuned(
    candidate: Candidate, rows: Sequence[NDArray[Any]], labels: Sequence[Any]
) -> Finding:
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.svm import SVC

    start = time.process_time()
    least = int(np.unique(labels[0], return_counts=True)[1].min())
    if least < 2:
        raise DataError(
            "dataset: expected two rows of training or more of each class, got "
            f"{least}; raise limit=, or leave the rarest classes out"
        )
    folds = StratifiedKFold(min(_FOLDS, least))  # the same for every candidate
    best, chosen = -1.0, None
    for setting in candidate.settings:
        own, test = candidate.grams(setting, rows)
        search = GridSearchCV(SVC(kernel="precomputed"), {"C": PENALTIES}, cv=folds)
        search.fit(own, labels[0])
        if search.best_score_ > best:  # of equal ones the first
            best, chosen = search.best_score_, (setting, search, own, test)
    assert chosen is not None
    setting, search, own, test = chosen
    return Finding(
        accuracy=float(search.score(test, labels[1])),
        setting=setting,
        penalty=search.best_params_["C"],
        report=describe(torch.as_tensor(own), labels[0].astype(np.int64)),
        seconds=time.process_time() - start,
    )
