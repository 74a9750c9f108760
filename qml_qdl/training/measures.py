"""Measures of samples beside the trivial baselines, on the test part."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from attrs import evolve
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.nn.functional import binary_cross_entropy

from qml_qdl.data import all_bits, frequencies
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.dequantisation import Dequantiser
from qml_qdl.data.splitting import Split
from qml_qdl.metrics import (
    frechet_distance,
    jensen_shannon,
    jensen_shannon_of_samples,
    kl_divergence,
    kolmogorov_smirnov,
    mmd,
    quality,
    total_variation,
)
from qml_qdl.metrics.baselines import BitTree, sample_baselines
from qml_qdl.training.baselines import Baseline
from qml_qdl.training.statistics import Summary

SAMPLES = 1000
"""Samples of a model and of its baselines."""

SHARES = ("accuracy", "precision", "recall", "coverage", "valid", "acceptance")
POWERS = ("error bar", "relative error", "variance", "V-score")
EXACT = ("energy", "fidelity")
FINE = (
    *("KL", "total variation", "MMD", "relative entropy", "KS", "JS"),
    *("held-out NLL", "trace distance", "purity"),
)

NOISES = 10
"""Times that each test row is judged, with other noise."""

COMPONENTS = 8
"""Principal components of a baseline."""

LEAST_CHANCE = 0.001
"""The mean image takes no pixel for less likely to be white, or black, than this."""


class Yardstick(ABC):
    """Measures samples against the test part of a split.

    Args:
        split: The data, as the model sees them.
    """

    names: tuple[str, ...]
    """The measures, in the order of a table's columns."""

    def __init__(self, split: Split) -> None:
        self.train, self.test = rows_of(split.train), rows_of(split.test)

    @abstractmethod
    def of_samples(self, samples: Tensor) -> dict[str, float]:
        """Measures samples.

        Args:
            samples: (rows, …), shaped like the data.

        Returns:
            Measures by name.
        """

    def of_floor(self, rows: Tensor) -> dict[str, float]:
        """Measures training rows, as if they had been generated.

        Args:
            rows: Rows of the training part.

        Returns:
            Measures by name.
        """
        return self.of_samples(rows)

    @abstractmethod
    def baselines(self) -> list[Baseline]:
        """What a model has to be better than, and the floor, which comes first."""


def rows_of(part: Dataset) -> Tensor:
    """The inputs of a part as a tensor, (rows, …)."""
    return torch.tensor(part.inputs)


class RealYardstick(Yardstick):
    """Measures images, or rows of a table.

    Baselines are fitted to the training part, as the model is; the floor is the
    training part itself, as if it had been generated.
    """

    def __init__(self, split: Split) -> None:
        super().__init__(split)
        self.is_table = self.train.ndim == 2
        self.names = (
            "Fréchet",
            "Fréchet, train",
            "diversity",
            "precision",
            "recall",
            "coverage",
            *(("KS", "JS") if self.is_table else ()),
        )

    def of_samples(self, samples: Tensor) -> dict[str, float]:
        """Fréchet distances, diversity and manifold shares; KS and JS of a table.

        The last two are means over columns. JS is the Jensen-Shannon divergence on ten
        bins: on the cells of pairs of columns, tables of a hundred rows would differ
        from each other by chance more than by what they are.

        Fréchet distances shrink, and recall and coverage grow, with the number of
        samples: so they are means over groups as large as the training part, which is
        the floor.
        """
        samples = samples.reshape(len(samples), *self.test.shape[1:]).cpu()
        size = min(len(samples), len(self.train))
        whole = len(samples) // size * size
        found = [self._of_group(group) for group in samples[:whole].split(size)]
        return {
            name: math.fsum(each[name] for each in found) / len(found)
            for name in found[0]
        }

    def _of_group(self, samples: Tensor) -> dict[str, float]:
        found = quality(self.test, samples)
        measures = {
            "Fréchet": found.frechet,
            "Fréchet, train": frechet_distance(self.train, samples),
            "diversity": found.diversity,
            "precision": found.precision,
            "recall": found.recall,
            "coverage": found.coverage,
        }
        if self.is_table:
            pairs = list(zip(self.test.T, samples.T, strict=True))
            ks = [kolmogorov_smirnov(*pair) for pair in pairs]
            js = [
                jensen_shannon_of_samples(real[:, None], made[:, None])
                for real, made in pairs
            ]
            measures |= {"KS": float(np.mean(ks)), "JS": float(np.mean(js))}
        return measures

    def of_floor(self, rows: Tensor) -> dict[str, float]:
        """Measures training rows, whose distance from themselves tells nothing.

        Args:
            rows: Rows of the training part.

        Returns:
            Measures by name.
        """
        found = self.of_samples(rows)
        del found["Fréchet, train"]
        return found

    def baselines(self) -> list[Baseline]:
        """The floor, two Gaussians and the mean."""
        rows, size = self.train.flatten(1).shape
        count = min(COMPONENTS, rows, size)
        components, alone, mean = sample_baselines(
            self.train,
            torch.Generator().manual_seed(0),
            num_components=count,
            num_samples=SAMPLES,
        )
        word = "feature" if self.is_table else "pixel"
        sampled = {
            f"PCA-{count} Gaussian": (components, size + count * size + count),
            f"Gaussian {word}s": (alone, 2 * size),
            "mean of the rows": (mean, size),
        }
        return [
            Baseline("training rows (floor)", self.of_floor(self.train)),
            *(
                Baseline(name, self.of_samples(samples), parameters)
                for name, (samples, parameters) in sampled.items()
            ),
        ]


class ELBOYardstick(RealYardstick):
    """Measures images or rows of a table, and the bound of their likelihood.

    The mean of the training part has a bound, too: it needs no latent variables.
    """

    def __init__(self, split: Split) -> None:
        super().__init__(split)
        self.names = ("−ELBO", "reconstruction", "KL term", *self.names)

    def baselines(self) -> list[Baseline]:
        """The floor, two Gaussians and the mean, which has the same bound."""
        *baselines, mean = super().baselines()
        rows = self.train.mean(0).expand_as(self.test)
        if self.is_table:
            errors = (rows - self.test).square()
        else:
            # Or a pixel that was never white could not be white at any price.
            chances = rows.clamp(LEAST_CHANCE, 1 - LEAST_CHANCE)
            errors = binary_cross_entropy(chances, self.test, reduction="none")
        error = float(errors.flatten(1).sum(1).mean())
        bound = {"−ELBO": error, "reconstruction": error, "KL term": 0.0}
        return [*baselines, evolve(mean, measures=bound | mean.measures)]


class DensityYardstick(RealYardstick):
    """Measures rows of a table, and their likelihood.

    That is the one of rows with uniform noise as wide as the values of a column are
    told apart (`Dequantiser`), in nats, as a mean over ten noises. Of two such tables
    only numbers of the same columns, standardised alike, can be compared.
    """

    def __init__(self, split: Split) -> None:
        super().__init__(split)
        self.names = ("NLL", *self.names)
        self.dequantiser = Dequantiser.fit(split.train)
        generator = torch.Generator().manual_seed(0)
        rows = self.test.repeat(NOISES, 1)
        self.noisy_test = self.dequantiser.noisy(rows, generator)

    def nll(self, log_prob: Callable[[Tensor], Tensor]) -> float:
        """The mean negative log-likelihood of the test part.

        Args:
            log_prob: Maps rows to the logarithms of their densities, (rows,).
        """
        return -float(log_prob(self.noisy_test).double().mean())

    def baselines(self) -> list[Baseline]:
        """The floor, two Gaussians, which have a likelihood, and the mean."""
        floor, components, alone, mean = super().baselines()
        rows = self.train.double()
        noise = self.dequantiser.widths.square() / 12
        variances = rows.var(0) + noise
        each = Independent(Normal(rows.mean(0), variances.sqrt()), 1)
        alone = self._with_nll(alone, each)
        if rows.shape[1] <= COMPONENTS:  # or it has no density
            covariance = rows.T.cov().reshape(len(noise), -1) + noise.diag()
            whole = MultivariateNormal(rows.mean(0), covariance)
            components = self._with_nll(components, whole)
        return [floor, components, alone, mean]

    def _with_nll(self, baseline: Baseline, density: Distribution) -> Baseline:
        nll = self.nll(lambda rows: density.log_prob(rows.double()))
        return evolve(baseline, measures={"NLL": nll, **baseline.measures})


class BitYardstick(Yardstick):
    """Measures distributions of few bits, string by string.

    Valid is what occurs anywhere in the data, such as bars and stripes.
    """

    names = ("KL", "total variation", "JS", "MMD", "valid")

    def __init__(self, split: Split) -> None:
        super().__init__(split)
        self.bits = math.prod(self.test.shape[1:])
        parts = (split.train, split.validation, split.test)
        every = torch.cat([rows_of(part).flatten(1) for part in parts])
        self.valid = frequencies(every) > 0
        self.seen = frequencies(self.test.flatten(1))

    def of_probabilities(self, probabilities: Tensor) -> dict[str, float]:
        """Measures the probabilities of all strings, (2ⁿ,)."""
        model = probabilities.detach().to(self.seen).clamp_min(0)
        return {
            # Rounding takes a vanishing distance below zero.
            "KL": max(0.0, float(kl_divergence(self.seen, model))),
            "total variation": float(total_variation(self.seen, model)),
            "JS": float(jensen_shannon(self.seen, model)),
            "MMD": float(mmd(model, self.seen)),
            "valid": float(model[self.valid].sum()),
        }

    def of_samples(self, samples: Tensor) -> dict[str, float]:
        """All measures of the samples' histogram, but KL, which is mostly infinite."""
        found = self.of_probabilities(frequencies(samples.cpu().flatten(1)))
        del found["KL"]
        return found

    def baselines(self) -> list[Baseline]:
        """The training part's histogram (the floor), trees, and blind guessing."""
        bits = self.train.flatten(1)
        strings = all_bits(self.bits)
        sampled = torch.full((2**self.bits,), 0.5**self.bits)
        baselines = [
            Baseline(
                "training histogram (floor)", self.of_probabilities(frequencies(bits))
            )
        ]
        for name, edges in (("Chow-Liu tree", True), ("independent bits", False)):
            tree = BitTree.fit(bits, edges=edges)
            chances = tree.log_likelihood(strings).exp()
            baselines.append(
                Baseline(name, self.of_probabilities(chances), tree.parameters)
            )
        return [*baselines, Baseline("uniform", self.of_probabilities(sampled), 0)]


class ManyBitsYardstick(RealYardstick):
    """Measures samples of many bits, and their likelihood."""

    def __init__(self, split: Split) -> None:
        super().__init__(split)
        self.names = ("NLL", *self.names)

    def baselines(self) -> list[Baseline]:
        """The floor, trees of bits, and blind guessing."""
        bits, test = self.train.flatten(1), self.test.flatten(1)
        generator = torch.Generator().manual_seed(0)
        baselines = [Baseline("training rows (floor)", self.of_floor(self.train))]
        for name, edges in (("Chow-Liu tree", True), ("independent bits", False)):
            tree = BitTree.fit(bits, edges=edges)
            measures = self.of_samples(tree.sample(SAMPLES, generator))
            measures["NLL"] = -float(tree.log_likelihood(test).mean())
            baselines.append(Baseline(name, measures, tree.parameters))
        guessed = torch.bernoulli(
            torch.full((SAMPLES, bits.shape[1]), 0.5), generator=generator
        )
        measures = self.of_samples(guessed) | {"NLL": bits.shape[1] * math.log(2)}
        return [*baselines, Baseline("uniform", measures, 0)]


class ValueYardstick(Yardstick):
    """Measures distributions of whole numbers 0 … 2ⁿ − 1."""

    names = ("relative entropy", "total variation", "JS", "KS", "mean")

    def __init__(self, split: Split, values: int) -> None:
        super().__init__(split)
        self.values = values
        self.seen = self._histogram(self.test)

    def _histogram(self, rows: Tensor) -> Tensor:
        counts = torch.bincount(rows.reshape(-1).long(), minlength=self.values)
        return counts.double() / len(rows)

    def of_probabilities(self, probabilities: Tensor) -> dict[str, float]:
        """Measures the probabilities of all values, (2ⁿ,)."""
        model = probabilities.detach().to(self.seen).clamp_min(0)
        gaps = (self.seen.cumsum(0) - model.cumsum(0)).abs()
        numbers = torch.arange(self.values, dtype=model.dtype)
        return {
            "relative entropy": max(0.0, float(kl_divergence(self.seen, model))),
            "total variation": float(total_variation(self.seen, model)),
            "JS": float(jensen_shannon(self.seen, model)),
            "KS": float(gaps.max()),
            "mean": float(model @ numbers),
        }

    def of_samples(self, samples: Tensor) -> dict[str, float]:
        """All measures of the samples' histogram, but the entropy, often infinite."""
        found = self.of_probabilities(self._histogram(samples.cpu()))
        del found["relative entropy"]
        return found

    def baselines(self) -> list[Baseline]:
        """The training part's histogram (the floor), a normal one, blind guessing.

        The normal distribution has the mean and the width of all training rows.
        """
        rows = self.train.double()
        numbers = torch.arange(self.values, dtype=torch.float64)
        width = max(float(rows.std()), 1e-6)
        normal = (-((numbers - rows.mean()) / width).square() / 2).softmax(0)
        blind = torch.full((self.values,), 1 / self.values)
        histograms = {
            "training histogram (floor)": (self._histogram(self.train), None),
            "normal": (normal, 2),
            "uniform": (blind, 0),
        }
        return [
            Baseline(name, self.of_probabilities(chances), parameters)
            for name, (chances, parameters) in histograms.items()
        ]


def format_measure(name: str, value: float | Summary) -> str:
    """A measure as text: shares in percent, small distances with more places.

    Energies have five digits, and their errors powers of ten.

    Args:
        name: Which measure.
        value: Its value, or mean and deviation of several.

    Example:
        >>> format_measure("recall", 0.25), format_measure("KL", 0.0136)
        ('25.0%', '0.0136')
        >>> format_measure("Fréchet", Summary(1.13, 0.0871))
        '1.13 ± 0.09'
    """
    summary = value if isinstance(value, Summary) else Summary(value, None)
    if name in SHARES:
        return summary.text(percent=True)
    if name in POWERS:
        return summary.text(power=True)
    if name in EXACT:
        return summary.text(5)
    return summary.text(4 if name in FINE else 2 if abs(summary.mean) >= 1 else 3)
