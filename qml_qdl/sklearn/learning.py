"""What estimators have in common that train a torch module with our trainer.

The trainer is loaded when something is fitted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sklearn.base import BaseEstimator
from torch import nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count, check_flag, check_number
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.preprocessing import Preprocessing
from qml_qdl.data.splitting import Split, cut_off
from qml_qdl.hardware.targets import is_service
from qml_qdl.nn import set_target
from qml_qdl.sklearn.base import check_fitted, seed_of
from qml_qdl.sklearn.runs import IN_MEMORY, save_run
from qml_qdl.training.options import DataOptions, RunOptions, TrainingOptions
from qml_qdl.training.specs import Spec

if TYPE_CHECKING:
    from qml_qdl.training.recipes.recipe import Recipe

FULL_BATCH = 1024
"""With fewer rows than this all of them are a batch, where nothing else is said."""

BATCH = 256
"""Rows of a batch of more, where nothing else is said."""

Maker = Callable[..., nn.Module]


class Learner(BaseEstimator, ABC):
    """An estimator around a torch module: abstract base of those that train one."""

    # ---- Must be defined: this one, and nothing else. ----

    @abstractmethod
    def fit(self, *data: Any, **options: Any) -> Self:
        """Fits the model."""

    # ---- Defined here for all. ----

    module_: nn.Module
    preprocessing_: Preprocessing

    def set_target(self, target: Any, shots: Any = "keep") -> Self:
        """Runs the fitted circuits elsewhere from now on; weights stay.

        Args:
            target: Where: a target's name, a PennyLane device or a Qiskit backend.
            shots: Number of shots, None for exact results, "keep" as it is.

        Returns:
            The estimator.

        Raises:
            TargetError: The target is unknown or cannot run a circuit.
            UnfittedError: The estimator was not fitted.
        """
        check_fitted(self)
        set_target(self.module_, target, shots)
        return self

    def save(self, folder: str | Path) -> Path:
        """Keeps the fitted estimator as a run, with its preprocessing.

        `load_estimator` reads it, and so do `qml-qdl predict` and
        `qml_qdl.training.Run.open`. Nothing in the folder is pickled. A circuit or a
        module that was given as an object is to be given to `load_estimator` again.

        Args:
            folder: A new folder.

        Returns:
            The folder.

        Raises:
            ArgumentTypeError: A parameter is an object that no file can hold.
            RunError: The folder is there, and not empty.
            UnfittedError: The estimator was not fitted.
        """
        check_fitted(self)
        return save_run(self, folder)

    def _train(
        self,
        rows: Dataset,
        spec: Spec,
        training: Callable[[int], TrainingOptions],
        *,
        recipe: type[Recipe],
        name: str | None = None,
        maker: Maker | None = None,
        standardise: bool = True,
        warm: bool = False,
    ) -> Dataset:
        """Trains a model, and keeps it with all that `save` writes.

        Args:
            rows: The rows, as they came.
            spec: What the model is called, with its arguments.
            training: The options for so many rows.
            recipe: How it learns.
            name: What the recipe is called; None as model and rows say.
            maker: What makes the model; None for what is found by its name.
            standardise: Whether columns and numbers are scaled.
            warm: Whether weights and preprocessing of before are gone on with.

        Returns:
            The rows that were learnt from, without those to stop by.
        """
        from qml_qdl.training.building import Task
        from qml_qdl.training.fitting import fit
        from qml_qdl.training.trainer import generators_kept

        given: Any = self
        check_flag("early_stopping", given.early_stopping)
        check_flag("verbose", given.verbose)
        check_number("validation_fraction", given.validation_fraction, 0, 1)
        if is_service(given.target):
            raise ArgumentError(
                f"target: a training needs exact results or simulated shots, got the "
                f"machine {given.target!r}; fit on 'auto', then "
                f"estimator.set_target({given.target!r})"
            )
        seed = seed_of(given.random_state)
        train, validation = rows, None
        if given.early_stopping:
            train, validation = cut_off(rows, given.validation_fraction, seed)
        fitted = (
            self.preprocessing_
            if warm
            else Preprocessing.fit(train, standardise=standardise)
        )
        parts = Split(
            fitted.apply(train),
            None if validation is None else fitted.apply(validation),
            None,
            fitted,
        )
        options = RunOptions(
            data=DataOptions(source=Spec(IN_MEMORY)),
            model=spec,
            recipe=None if name is None else Spec(name),
            training=training(len(train)),
            seeds=1,
            first_seed=seed,
            twin=False,
        )
        with generators_kept():  # training seeds the global generators
            if maker is None:
                task = Task.of(options, rows, parts=parts)
            else:
                task = Task(options, recipe, maker, parts, rows.name)
            module = self.module_ if warm else task.build("quantum", seed)
            single = options.training.precision != "64-true"
            module = (module.float() if single else module.double()).train()
            if given.target is not None or given.shots != "keep":
                set_target(module, given.target, given.shots)
            task.recipe.check_model(module)
            learner = task.learner(module)
            learner.check_options()
            result = fit(
                module, task.split, recipe=learner, seed=seed, progress=given.verbose
            )
        self.module_ = module.cpu().double().eval()
        self.preprocessing_ = fitted
        self.seed_ = seed
        self.options_ = task.options
        self.kind_ = task.kinds(module)[0]
        self.fit_ = result
        self.fingerprint_ = rows.fingerprint()
        self.history_ = result.history
        self.n_iter_ = result.epochs
        self.loss_ = loss_of(result.history)
        return train

    def _patience(self) -> int | None:
        given: Any = self
        check_count("n_iter_no_change", given.n_iter_no_change)
        return given.n_iter_no_change if given.early_stopping else None


def loss_of(history: list[dict[str, float]]) -> float:
    """The training loss of the last epoch: the first number of a recipe's epochs.

    Args:
        history: One row per epoch.
    """
    return next(each for name, each in history[-1].items() if name.startswith("train"))


def batch_rows(batch_size: Any, rows: int) -> int:
    """Rows of a step.

    Args:
        batch_size: A number, or "auto".
        rows: How many there are.

    Raises:
        ArgumentError: It is another word.
    """
    if not isinstance(batch_size, str):
        check_count("batch_size", batch_size)
        return int(batch_size)
    if batch_size != "auto":
        raise ArgumentError(
            f"batch_size: expected 'auto' or a number of rows, got {batch_size!r}"
        )
    return rows if rows < FULL_BATCH else BATCH
