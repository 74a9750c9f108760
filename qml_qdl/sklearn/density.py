"""Densities and samples: the library's generative models as estimators."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from attrs import evolve
from sklearn.base import DensityMixin
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_choice, check_count
from qml_qdl.data.dataset import Dataset
from qml_qdl.nn import QuantumLayer
from qml_qdl.sklearn.base import (
    AT_ONCE,
    check_fitted,
    dataset_of,
    rows_to_fit,
    rows_to_read,
    seed_of,
)
from qml_qdl.sklearn.learning import Learner, batch_rows
from qml_qdl.sklearn.runs import write_arrays
from qml_qdl.training import MODELS, Spec, TrainingOptions, default_training
from qml_qdl.training.options import Precision
from qml_qdl.training.recipes.generative import (
    LEAST_MEASURED,
    listed,
    log_prob_of,
)
from qml_qdl.training.recipes.likelihood import as_bits
from qml_qdl.training.recipes.recipe import Recipe

LEARN = ("born_machine", "rbm", "autoregressive", "flow")
"""The models that know the probability of a row."""

GENERATE = (*LEARN, "vae")
"""Those that sample rows of a table."""


class QuantumDensity(DensityMixin, Learner):
    """Learns the distribution of rows, tells how likely rows are, and samples new ones.

    A model of the registry that learns without labels, trained as `qml-qdl train` does.
    With a likelihood (`score_samples`): "born_machine", a circuit whose measured bits
    are the rows, "rbm" and "autoregressive" read bits, zeros and ones; "flow" reads any
    numbers, and needs the package zuko. Without: "vae", which samples only.

    After `fit` it has `module_`, the trained torch module; `preprocessing_`, what was
    fitted to scale rows; bits stay as they are; `history_`, one row per epoch: its
    numbers; `n_iter_`, epochs that were trained.

    Args:
        model: Its name.
        model_options: Its arguments, such as `{"layers": 4}`.
        target: Where circuits run, as of `QuantumLayer`; None as the model has it.
        shots: Number of shots, None for exact results, "keep" as the model has it.
        epochs: Passes over the rows at most; None as suits the model.
        batch_size: Rows of a step; "auto" for all of fewer than 1,024, else 256.
        learning_rate: Step size, > 0; None as suits the model.
        precision: "64-true" or "32-true".
        early_stopping: Whether part of the rows is kept to stop by.
        validation_fraction: The share of that part, in (0, 1).
        n_iter_no_change: Epochs without progress on that part before it stops.
        random_state: Fixes weights, noise and order of the rows.
        verbose: Whether a progress bar is shown.

    Example:
        >>> import numpy as np
        >>> from qml_qdl.sklearn import QuantumDensity
        >>> rows = np.repeat([[0, 0, 1], [1, 1, 0]], 20, axis=0)
        >>> born = QuantumDensity("born_machine", random_state=0).fit(rows)
        >>> bool(np.exp(born.score_samples([[0, 0, 1], [1, 1, 0]])).sum() > 0.95)
        True
        >>> born.sample(5, random_state=0).shape
        (5, 3)
    """

    def __init__(
        self,
        model: str = "flow",
        *,
        model_options: Mapping[str, Any] | None = None,
        target: Any = None,
        shots: Any = "keep",
        epochs: int | None = None,
        batch_size: Any = "auto",
        learning_rate: float | None = None,
        precision: Precision = "64-true",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.model_options = model_options
        self.target = target
        self.shots = shots
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.precision = precision
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fits the model to rows.

        Args:
            X: (rows, features), four rows or more; zeros and ones for models of bits.
            y: Not used.

        Returns:
            The estimator.

        Raises:
            ArgumentError: A parameter does not fit, or rows are no bits.
            DataError: Rows cannot be used; of a density, a column is constant.
            MissingPackageError: A flow needs zuko.
            RunError: The training diverged.
        """
        x = rows_to_fit(self, X, ensure_min_samples=LEAST_MEASURED)
        recipe = recipe_of(self.model)
        train = self._train(
            rows_of(self, x),
            Spec(self.model, **dict(self.model_options or {})),
            self._training,
            recipe=recipe,
            standardise=recipe.standardise,
        )
        self.rows_ = np.array(train.inputs)
        return self

    def save(self, folder: str | Path) -> Path:
        """Keeps the fitted estimator, as others do, and the rows of its fit beside.

        Models that sample are built by them: gates along their dependencies, values
        that columns have.

        Args:
            folder: A new folder.

        Returns:
            The folder.

        Raises:
            RunError: The folder is there, and not empty.
            UnfittedError: The estimator was not fitted.
        """
        path = super().save(folder)
        write_arrays(path, rows_=self.rows_)
        return path

    def _training(self, rows: int) -> TrainingOptions:
        given: dict[str, Any] = {
            "epochs": self.epochs,
            "learning_rate": self.learning_rate,
        }
        return evolve(
            default_training(self.model),
            batch_size=batch_rows(self.batch_size, rows),
            precision=self.precision,
            patience=self._patience(),
            accelerator="cpu",
            **{name: each for name, each in given.items() if each is not None},
        )

    def score_samples(self, X: Any) -> npt.NDArray[np.float64]:
        """The logarithm of each row's probability, or of its density.

        Args:
            X: (rows, features).

        Returns:
            (rows,), in nats; of densities in units of the columns.

        Raises:
            ArgumentError: The model has no likelihood, or its circuit runs with shots.
            DataError: The rows are not like those of `fit`.
            UnfittedError: The estimator was not fitted.
        """
        x = rows_to_read(self, X)
        if self.model not in LEARN:
            raise ArgumentError(
                f"model: {self.model!r} has no likelihood; use sample, or one of "
                f"{', '.join(map(repr, LEARN))}"
            )
        layers = (m for m in self.module_.modules() if isinstance(m, QuantumLayer))
        if any(layer.shots is not None for layer in layers):
            raise ArgumentError(
                "shots: probabilities of rows need exact results, got a target with "
                "shots; estimator.set_target(None, shots=None)"
            )
        rows = self.preprocessing_.apply(rows_of(self, x))
        if self.model not in ("flow",):
            rows = as_bits(rows, self.model)
        with torch.no_grad():
            found = _log_prob(self.module_, torch.tensor(rows.inputs)).numpy()
        deviation = self.preprocessing_.deviation
        shift = 0.0 if deviation is None else float(np.log(deviation).sum())
        return np.asarray(found - shift, dtype=np.float64)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of `score_samples`, so that more is better in a grid search.

        Args:
            X: (rows, features).
            y: Not used.

        Returns:
            Nats a row.
        """
        return float(self.score_samples(X).mean())

    def sample(
        self, n_samples: int = 1, random_state: Any = None
    ) -> npt.NDArray[np.float64]:
        """New rows, in units of the columns.

        Args:
            n_samples: How many.
            random_state: Fixes them, also simulated shots; None for NumPy's generator.

        Returns:
            (n_samples, features).

        Raises:
            ArgumentError: The number is no whole number ≥ 1.
            UnfittedError: The estimator was not fitted.
        """
        check_fitted(self)
        check_count("n_samples", n_samples)
        seed = seed_of(random_state)
        recipe, fitted = recipe_of(self.model), self.preprocessing_
        generator = torch.Generator().manual_seed(seed)
        shape = fitted.input_shape
        with torch.random.fork_rng(devices=()), torch.no_grad():
            torch.manual_seed(seed)
            rows = recipe.sample(self.module_, n_samples, generator, shape).numpy()
        if fitted.mean is not None:
            rows = rows * fitted.deviation + fitted.mean
        return np.asarray(rows, dtype=np.float64)


def rows_of(estimator: QuantumDensity, x: Any) -> Dataset:
    """Rows without labels, as recipes read them.

    Args:
        estimator: The estimator.
        x: (rows, features).
    """
    return dataset_of(estimator, x, np.zeros(len(x), dtype=int), ("rows",))


def recipe_of(model: str) -> Any:
    """How a model of the registry learns rows.

    Args:
        model: Its name.

    Raises:
        ArgumentError: It is none of `GENERATE`.
    """
    check_choice("model", model, GENERATE)
    return Recipe.named(str(MODELS[model].recipe))


def _log_prob(model: nn.Module, rows: Tensor) -> Tensor:
    """Logarithms of probabilities; of a Born machine out of the list of all strings."""
    told = log_prob_of(model)
    if told is not None:
        return torch.cat([told(part) for part in rows.split(AT_ONCE)])
    bits = rows.shape[1]
    places = 2 ** torch.arange(bits - 1, -1, -1)
    return listed(model, bits)[rows.long() @ places].log()
