"""Recipes of models that predict labels: classes, or numbers."""

from __future__ import annotations

import copy
import math
import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import MeanSquaredError, Metric
from torchmetrics.classification import MulticlassAccuracy

from qml_qdl.circuits.errors import ArgumentError, DataError, RunError
from qml_qdl.circuits.validation import check_type
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.loader import ResumableLoader
from qml_qdl.data.splitting import Split
from qml_qdl.nn.jobs import begin_step
from qml_qdl.training.baselines import Baseline, fit_classifiers, fit_regressors
from qml_qdl.training.options import TrainingOptions
from qml_qdl.training.recipes.recipe import Batch, Recipe, as_array, build_object
from qml_qdl.training.specs import Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qml_qdl.training.building import Task
    from qml_qdl.training.fitting import Fit
    from qml_qdl.training.run import Run


class Supervised(Recipe):
    """Fits a model to labels, by a loss of its outputs.

    Args:
        model: Maps inputs (rows, …) to outputs.
        split: The data.
        options: How it is trained.

    Raises:
        ArgumentError: There is no such loss.
    """

    weighs: ClassVar[bool] = True

    score: ClassVar[str]
    """The column beside the loss, without the part that it is of."""

    default_loss: ClassVar[Spec]
    """What is minimised where nothing else is said."""

    picture: ClassVar[str]
    """The name of the picture that `plot` makes."""

    footnotes: ClassVar[tuple[str, ...]] = (
        "Mean ± standard deviation over seeds (initial weights and order of the rows;",
        "the split is the same). Networks keep the epoch that is best on the",
        "validation part; nothing was chosen by the test part. Seconds: wall-clock",
        "time of one training that led to its last epoch, without work lost to an",
        "interruption; for the last three, of fitting and testing.",
    )

    def __init__(
        self, model: nn.Module, split: Split, options: TrainingOptions
    ) -> None:
        super().__init__(model, split, options)
        given: Any = options.loss
        plain = given is None or isinstance(given, Spec)
        spec = self.default_loss if given is None else given
        self.loss = (
            build_object("loss", spec, "torch.nn", nn.Module) if plain else given
        )
        weights = split.train.weights
        for column in self.columns:
            counts = column.endswith(self.score) and weights is None
            self.add_metric(column, self.make_metric() if counts else None)
        if weights is not None:
            self._mean_weight = float(weights.mean())
            self.row_loss = _unreduced(self.loss)

    @abstractmethod
    def make_metric(self) -> Metric:
        """The metric of `score`."""

    @abstractmethod
    def scores(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """What each row adds to the mean that is `score` (rows, …).

        Args:
            outputs: As `shaped` returned them.
            labels: Likewise.
        """

    @classmethod
    @abstractmethod
    def measure(cls, predictions: Any, part: Dataset, split: Split) -> dict[str, float]:
        """Measures predictions.

        Args:
            predictions: An array (rows,), as `predict` returned them.
            part: The rows with their labels.
            split: The data that they are of.
        """

    @classmethod
    @abstractmethod
    def decide(cls, outputs: Tensor) -> Tensor:
        """Makes predictions (rows,) of a model's outputs."""

    @abstractmethod
    def shaped(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs and labels as the loss takes them."""

    @classmethod
    def panels(cls) -> list[tuple[str, str]]:
        """Loss and score, of training and validation."""
        return [(f"train_{name}", f"val_{name}") for name in ("loss", cls.score)]

    @property
    def example_input_array(self) -> Tensor:
        """Two rows, by which a logger with `log_graph=True` draws the model's graph."""
        return torch.tensor(self.split.train.inputs[:2], device=self.device)

    @example_input_array.setter
    def example_input_array(self, example: Tensor) -> None:
        """Refuses others: they follow from the data."""
        raise AttributeError(
            "example_input_array: these are rows of the training data, and cannot be "
            "set"
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Returns the model's outputs.

        Args:
            inputs: Tensor (rows, …).

        Returns:
            Tensor (rows, …).
        """
        outputs: Tensor = self.model(inputs)
        return outputs

    def _step(self, batch: Batch, part: str) -> Tensor:
        if len(batch) > 2:
            return self._weighted_step(batch, part)
        outputs, labels = self.shaped(self(batch[0]), batch[1])
        loss: Tensor = self.loss(outputs, labels)
        check_type("loss: its result", loss, Tensor)
        getattr(self, f"{part}_loss").update(loss.detach(), weight=len(labels))
        getattr(self, f"{part}_{self.score}").update(outputs.detach(), labels)
        return loss

    def _weighted_step(self, batch: Batch, part: str) -> Tensor:
        """The same where rows count by weights, in units of their mean.

        The mean of the whole training part, not that of the batch: so batches are
        unbiased, whatever weights meet in one, and all rows at once give the weighted
        mean.
        """
        outputs, labels = self.shaped(self(batch[0]), batch[1])
        weights = batch[2].to(outputs) / self._mean_weight
        losses = self.row_loss(outputs, labels).reshape(len(labels), -1).mean(1)
        scores = self.scores(outputs.detach(), labels).to(outputs)
        scores = scores.reshape(len(labels), -1).mean(1)
        for name, values in (("loss", losses.detach()), (self.score, scores)):
            getattr(self, f"{part}_{name}").update(values, weight=weights)
        loss: Tensor = (weights * losses).mean()
        return loss

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Returns the loss of a training batch."""
        loss = self._step(batch, "train")
        self.log_step("train_loss_step", loss.detach())
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Counts a validation batch."""
        self._step(batch, "val")

    def on_train_epoch_end(self) -> None:
        """Logs the means of the training epoch."""
        self.log_metrics("train_loss", f"train_{self.score}")

    def on_validation_epoch_end(self) -> None:
        """Logs the means over the validation part."""
        self.log_metrics("val_loss", f"val_{self.score}")

    def check_options(self) -> None:
        """Tries the loss on two rows, too.

        Raises:
            ArgumentError: It cannot take such outputs and labels, or gives no scalar.
        """
        super().check_options()
        if self.options.loss is None:
            return
        inputs, labels, *_ = next(
            iter(ResumableLoader(self.split.train, batch_size=2, shuffle=False))
        )
        with torch.no_grad():
            dtype = next(self.model.parameters()).dtype
            pair = self.shaped(self.model(inputs.to(dtype)), labels)
            try:
                with warnings.catch_warnings():
                    # Such as shapes that are broadcast, which gives wrong numbers.
                    warnings.simplefilter("error", UserWarning)
                    found = self.loss(*pair)
            except (RuntimeError, TypeError, ValueError, IndexError, Warning) as error:
                found = error
        if not isinstance(found, Tensor) or found.numel() != 1:
            shapes = " and ".join(str(tuple(each.shape)) for each in pair)
            what = found.shape if isinstance(found, Tensor) else found
            raise ArgumentError(
                f"loss: expected a scalar of outputs and labels of shapes {shapes}, "
                f"got {what}; use another loss"
            )

    def configure_optimizers(self) -> Any:
        """Returns the optimizer, and the scheduler if there is one."""
        return self.make_scheduler(self.make_optimizer(self.parameters()))

    def assess(self, model: nn.Module) -> tuple[dict[str, float], Any]:
        """Measures predictions of the test part; nothing where there is none."""
        if not self.split.has_test:
            return {}, None
        predictions = self.predict(
            model, self.split.test, batch_size=self.options.batch_size, step="test"
        )
        return self.measure(predictions, self.split.test, self.split), predictions

    @classmethod
    def predict(
        cls,
        model: nn.Module,
        dataset: Dataset,
        *,
        batch_size: int = 64,
        step: str | None = None,
        first: int = 0,
    ) -> Any:
        """Returns what a model predicts of each row.

        Args:
            model: Maps inputs (rows, …) to outputs.
            dataset: The rows.
            batch_size: Rows per call of the model.
            step: A name for this prediction in the run that the model's jobs belong to
                (see `qml_qdl.nn.record_jobs`); None if they belong to the present step.
            first: Number of the first batch in that name.

        Returns:
            Class indices or numbers, as an array (rows,).
        """
        found = cls.outputs(
            model, dataset, batch_size=batch_size, step=step, first=first
        )
        return as_array(cls.decide(found).numpy())

    @classmethod
    def outputs(
        cls,
        model: nn.Module,
        dataset: Dataset,
        *,
        batch_size: int = 64,
        step: str | None = None,
        first: int = 0,
    ) -> Tensor:
        """Returns what a model puts out for each row.

        Args:
            model: Maps inputs (rows, …) to outputs.
            dataset: The rows.
            batch_size: Rows per call of the model.
            step: As of `predict`.
            first: Number of the first batch in that name.

        Returns:
            Tensor (rows, …) on the CPU.
        """
        loader = ResumableLoader(dataset, batch_size=batch_size, shuffle=False)
        weight = next(model.parameters())
        was_training = model.training
        model.eval()
        parts = []
        with torch.no_grad():
            for number, (inputs, *_) in enumerate(loader, first):
                if step is not None:
                    begin_step(model, f"{step}-{number}")
                outputs = model(inputs.to(weight.device, weight.dtype))
                parts.append(outputs.cpu())
        model.train(was_training)
        return torch.cat(parts)

    @classmethod
    def probabilities(cls, outputs: Tensor) -> Tensor | None:
        """Probabilities of classes (rows, classes), None where numbers are predicted.

        Args:
            outputs: What a model put out.
        """
        return None

    @classmethod
    def interval(
        cls, predictions: Any, part: Dataset
    ) -> tuple[float, float] | tuple[None, None]:
        """The 95 % interval of the first measure, Nones where none is known.

        Args:
            predictions: An array (rows,).
            part: The rows with their labels.
        """
        return None, None

    @classmethod
    @abstractmethod
    def agreement(cls, predictions: Any, others: Any) -> float | None:
        """How much predictions of the same rows are alike, at most 1.

        Args:
            predictions: An array (rows,).
            others: An array (rows,).
        """

    @classmethod
    def pictures(
        cls,
        task: Task,
        fits: Mapping[str, list[Fit]],
        model: nn.Module,
        last: Mapping[str, Any],
    ) -> dict[str, Figure]:
        """Predictions beside labels, and the maps of a convolution."""
        from qml_qdl.training import plots

        kind, trainings = next(iter(fits.items()))
        best = max(trainings, key=lambda fit: fit.merit)
        seed = task.options.all_seeds[trainings.index(best)]
        figures = {cls.picture: cls.plot(task.split, best, f"{kind}, seed {seed}")}
        if hasattr(model, "conv") and task.split.test.is_image:
            convolution: Any = model
            maps = plots.plot_feature_maps(convolution.conv, task.split.test)
            figures["feature-maps"] = maps
        return figures

    @classmethod
    @abstractmethod
    def plot(cls, split: Split, fit: Fit, title: str) -> Figure:
        """Plots predictions beside labels."""


class Classification(Supervised):
    """Fits a model that returns logits (rows, classes), by cross entropy.

    The best epoch has the highest validation accuracy, and of equal ones the lowest
    loss. It stands beside logistic regression, the nearest neighbour and the majority
    class.

    Args:
        model: Maps inputs (rows, …) to logits (rows, classes).
        split: The data.
        options: How it is trained; `loss` takes logits and class indices.
    """

    columns: tuple[str, ...] = (
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
    )
    monitor: ClassVar[str] = "val_loss"
    score: ClassVar[str] = "accuracy"
    default_loss: ClassVar[Spec] = Spec("CrossEntropyLoss")
    picture: ClassVar[str] = "confusion"

    def make_metric(self) -> Metric:
        """Accuracy."""
        return MulticlassAccuracy(self.split.train.num_classes, average="micro")

    def scores(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Whether the class is predicted."""
        return self.decide(outputs) == labels

    @classmethod
    def merit(cls, row: Mapping[str, float]) -> tuple[float, ...]:
        """The highest validation accuracy, and of equal ones the lowest loss."""
        if cls.monitor not in row:
            return super().merit(row)
        return row["val_accuracy"], -row["val_loss"]

    @classmethod
    def measures(cls, split: Split) -> tuple[str, ...]:
        """Accuracy on the test part."""
        return ("accuracy",)

    @classmethod
    def measure(cls, predictions: Any, part: Dataset, split: Split) -> dict[str, float]:
        """The share of rows whose class is predicted."""
        return {"accuracy": float(np.mean(predictions == part.labels))}

    @classmethod
    def interval(
        cls, predictions: Any, part: Dataset
    ) -> tuple[float, float] | tuple[None, None]:
        """Wilson's interval of the accuracy."""
        return wilson_interval(int((predictions == part.labels).sum()), len(part))

    @classmethod
    def agreement(cls, predictions: Any, others: Any) -> float:
        """The share of rows of the same class."""
        return float((predictions == others).mean())

    @classmethod
    def decide(cls, outputs: Tensor) -> Tensor:
        """The class of the highest logit."""
        return outputs.argmax(dim=1)

    @classmethod
    def probabilities(cls, outputs: Tensor) -> Tensor:
        """The softmax of the logits."""
        return outputs.double().softmax(dim=1)

    def shaped(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (rows, classes) and class indices (rows,)."""
        return outputs, labels

    @classmethod
    def read(cls, dataset: Dataset, model: str) -> Dataset:
        """The data as they are; two classes are needed.

        Raises:
            DataError: There are fewer, or labels are numbers.
        """
        if not dataset.has_classes:
            raise DataError(
                f"labels: classification needs classes, got numbers in "
                f"{dataset.name!r}; use the recipe 'regression'"
            )
        cls.check_places(dataset)
        if dataset.num_classes < 2:
            raise DataError(
                f"labels: {model!r} tells classes apart and needs two or more, got "
                f"{list(dataset.class_names)} in {dataset.name!r}; add rows of another "
                "class, or use a generative model"
            )
        return dataset

    @classmethod
    def check_places(cls, dataset: Dataset) -> None:
        """Refuses classes of places rather than of rows.

        Args:
            dataset: The data set, which has classes.

        Raises:
            DataError: It has such.
        """
        if dataset.num_places:
            raise DataError(
                f"labels: classification needs one class per row, got one at each of "
                f"{dataset.num_places} places in {dataset.name!r}; use the recipe "
                "'segmentation', or argmax(axis=1) of labels that are one-hot"
            )

    @classmethod
    def baselines(cls, split: Split) -> list[Baseline]:
        """Logistic regression, the nearest neighbour and the majority class."""
        return fit_classifiers(split, cls.measure)

    @classmethod
    def plot(cls, split: Split, fit: Fit, title: str) -> Figure:
        """A confusion matrix."""
        from qml_qdl.training.plots import plot_confusion

        test = split.test
        share = f"{title}: {fit.measures['accuracy']:.1%} of {test.labels.size}"
        return plot_confusion(test, fit.predictions, share)


class Regression(Supervised):
    """Fits a model that returns numbers, one a row or more, by the mean squared error.

    Numbers are standardised with mean and deviation of the training part, as inputs
    are; R², mean squared and mean absolute error of the test part are in the numbers'
    own unit. It stands beside ridge regression, the nearest neighbour and the mean.

    Args:
        model: Maps inputs (rows, …) to numbers (rows,) or (rows, outputs).
        split: The data.
        options: How it is trained; `loss` takes two tensors (rows,).
    """

    columns: tuple[str, ...] = (
        "train_loss",
        "train_mse",
        "val_loss",
        "val_mse",
    )
    monitor: ClassVar[str] = "val_loss"
    score: ClassVar[str] = "mse"
    default_loss: ClassVar[Spec] = Spec("MSELoss")
    picture: ClassVar[str] = "predictions"

    def make_metric(self) -> Metric:
        """The mean squared error."""
        return MeanSquaredError()

    def scores(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Squared errors."""
        return torch.square(outputs - labels)

    @classmethod
    def merit(cls, row: Mapping[str, float]) -> tuple[float, ...]:
        """The lowest squared error of the validation part, then the lowest loss."""
        if cls.monitor not in row:
            return super().merit(row)
        return -row["val_mse"], -row["val_loss"]

    @classmethod
    def measures(cls, split: Split) -> tuple[str, ...]:
        """Coefficient of determination and mean errors on the test part."""
        return "R²", "MSE", "MAE"

    @classmethod
    def measure(cls, predictions: Any, part: Dataset, split: Split) -> dict[str, float]:
        """R², mean squared and mean absolute error, in the numbers' own unit."""
        deviation = split.label_deviation
        unit = 1.0 if deviation is None else deviation
        labels = unit * part.labels.astype(np.float64)
        errors = unit * np.asarray(predictions, dtype=np.float64) - labels
        around = np.square(labels - labels.mean(axis=0)).sum(axis=0)
        squares = np.square(errors).sum(axis=0)
        constant = np.where(around > 0, around, np.nan)
        return {
            "R²": float(np.mean(1 - squares / constant)),
            "MSE": float(np.mean(squares / len(labels))),
            "MAE": float(np.abs(errors).mean()),
        }

    @classmethod
    def agreement(cls, predictions: Any, others: Any) -> float | None:
        """The correlation; None where one of the two is constant."""
        both = np.stack([predictions, others]).astype(np.float64).reshape(2, -1)
        if len(predictions) < 2 or not both.std(axis=1).all():
            return None
        return float(np.asarray(np.corrcoef(both))[0, 1])

    @classmethod
    def decide(cls, outputs: Tensor) -> Tensor:
        """The numbers, (rows,), or (rows, outputs) of several."""
        return outputs.reshape(len(outputs), -1).squeeze(1)

    def shaped(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers (rows,) of both, or (rows, outputs).

        Raises:
            ArgumentError: The model returns another number of numbers a row.
        """
        if outputs.numel() != labels.numel() or len(outputs) != len(labels):
            wanted = math.prod(labels.shape[1:])
            needed = "one number" if wanted == 1 else f"{wanted} numbers"
            raise ArgumentError(
                f"model: regression needs {needed} a row, got outputs of shape "
                f"{tuple(outputs.shape)} for {len(labels)} rows"
            )
        return outputs.reshape(labels.shape), labels.to(outputs.dtype)

    @classmethod
    def read(cls, dataset: Dataset, model: str) -> Dataset:
        """The data with numbers for labels, also where the numbers were classes.

        Raises:
            DataError: They are words.
        """
        return dataset.as_numbers()

    @classmethod
    def baselines(cls, split: Split) -> list[Baseline]:
        """Ridge regression, the nearest neighbour and the mean."""
        return fit_regressors(split, cls.measure)

    @classmethod
    def plot(cls, split: Split, fit: Fit, title: str) -> Figure:
        """Predicted numbers over the true ones."""
        from qml_qdl.training.plots import plot_predictions

        share = f"{title}: R² {fit.measures['R²']:.3f}, {len(split.test)} rows"
        return plot_predictions(split, fit.predictions, share)


def _unreduced(loss: Any) -> Any:
    """The loss of each row alone, as weights need it.

    Raises:
        ArgumentError: It cannot be told.
    """
    if not isinstance(loss, nn.Module) or not hasattr(loss, "reduction"):
        raise ArgumentError(
            f"loss: weights of rows need a loss of torch.nn with a reduction, got "
            f"{loss!r}; use one by name, such as 'HuberLoss', or leave the weights out"
        )
    apart = copy.copy(loss)
    vars(apart)["reduction"] = "none"
    return apart


def supervised_task(run: Run) -> tuple[Task, type[Supervised]]:
    """The task of a run whose model predicts, and its recipe.

    Args:
        run: The run.

    Raises:
        RunError: Its model generates samples.
    """
    task = run.task()
    return task, supervised_recipe(run, task)


def supervised_recipe(run: Run, task: Task) -> type[Supervised]:
    """The recipe of a run whose model predicts.

    Args:
        run: The run.
        task: Its task.

    Raises:
        RunError: Its model generates samples.
    """
    if not issubclass(task.recipe, Supervised):
        raise RunError(
            f"run: expected the run of a classifier, got {run.folder} of "
            f"{run.options.model.class_path!r}, which generates samples; "
            "see qml-qdl sample"
        )
    return task.recipe


def wilson_interval(right: int, rows: int) -> tuple[float, float]:
    """Returns the 95 % interval of an accuracy (Wilson 1927, score interval).

    Args:
        right: How many rows were right, 0 … rows.
        rows: How many there were, ≥ 1.

    Returns:
        Lower and upper end, in [0, 1].

    Example:
        >>> low, high = wilson_interval(90, 100)
        >>> round(low, 3), round(high, 3)
        (0.826, 0.945)
    """
    z = 1.959964
    share = right / rows
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = math.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2)
    half *= z / (1 + z * z / rows)
    return max(0.0, centre - half), min(1.0, centre + half)
