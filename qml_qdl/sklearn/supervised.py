"""Classifier and regressor: any circuit or model, trained as `qml-qdl train` does."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, RegressorMixin
from torch import Tensor, nn

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, DataError
from qml_qdl.circuits.validation import check_flag
from qml_qdl.sklearn.base import (
    AT_ONCE,
    class_codes,
    dataset_of,
    rows_to_fit,
    rows_to_read,
    same_shots,
    weights_of,
)
from qml_qdl.sklearn.circuit_model import CircuitModel
from qml_qdl.sklearn.learning import Learner, Maker, batch_rows
from qml_qdl.training import MODELS, Spec, TrainingOptions
from qml_qdl.training.options import Accelerator, Precision


class Trained(Learner):
    """An estimator around a torch module that learns labels by gradients.

    Abstract base of `QuantumClassifier` and `QuantumRegressor`.
    """

    # ---- Must be defined: these, and nothing else but `fit`. ----

    recipe: ClassVar[str]
    """How it learns, a name of `qml_qdl.training.RECIPES`."""

    @abstractmethod
    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Predicts labels."""

    # ---- Defined here for both. ----

    def __init__(
        self,
        model: Any = "auto",
        *,
        model_options: Mapping[str, Any] | None = None,
        image_shape: tuple[int, int, int] | None = None,
        target: Any = None,
        shots: Any = "keep",
        epochs: int = 100,
        batch_size: Any = "auto",
        learning_rate: float = 0.02,
        optimizer: Any = "adam",
        loss: Any = None,
        precision: Precision = "64-true",
        accelerator: Accelerator = "cpu",
        standardise: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.model_options = model_options
        self.image_shape = image_shape
        self.target = target
        self.shots = shots
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.loss = loss
        self.precision = precision
        self.accelerator = accelerator
        self.standardise = standardise
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, x: Any, labels: Any, names: tuple[str, ...], weights: Any) -> Self:
        """Trains on labels as a data set has them."""
        check_flag("standardise", self.standardise)
        spec, maker = model_maker(self.model, self.model_options)
        known = MODELS.get(spec.class_path) if maker is None else None
        if known is not None and known.recipe is not None:
            raise ArgumentError(
                f"model: {type(self).__name__} learns labels, which "
                f"{spec.class_path!r} does not; use QuantumDensity, or another model "
                "such as 'dressed'"
            )
        self._train(
            dataset_of(self, x, labels, names, weights),
            spec,
            self._training,
            recipe=self._recipe(),
            name=self.recipe,
            maker=maker,
            standardise=self.standardise,
            warm=self._goes_on(),
        )
        return self

    def _recipe(self) -> Any:
        from qml_qdl.training.recipes.recipe import Recipe

        return Recipe.named(self.recipe)

    def _goes_on(self) -> bool:
        """Whether weights of before are gone on with."""
        check_flag("warm_start", self.warm_start)
        return self.warm_start and hasattr(self, "module_")

    def _training(self, rows: int) -> TrainingOptions:
        return TrainingOptions(
            epochs=self.epochs,
            batch_size=batch_rows(self.batch_size, rows),
            learning_rate=self.learning_rate,
            optimizer=self.optimizer,
            loss=self.loss,
            precision=self.precision,
            patience=self._patience(),
            accelerator=self.accelerator,
        )

    def _outputs(self, X: Any) -> Tensor:
        """What the model puts out, in double precision."""
        x = rows_to_read(self, X)
        zeros = np.zeros((len(x), *self.preprocessing_.output_shape))
        rows = dataset_of(self, x, zeros)
        given = self.preprocessing_.apply(rows)
        with same_shots(self):
            outputs: Tensor = self._recipe().outputs(
                self.module_, given, batch_size=AT_ONCE
            )
        return outputs


class QuantumClassifier(ClassifierMixin, Trained):
    """Classifies rows by a circuit or a model, trained by gradients.

    Any model of the registry by name, a circuit, or a torch module. Rows are
    standardised, learnt by cross entropy with Adam in double precision, and predicted
    in double precision, whatever was trained. Fewer than 1,024 rows are one batch.
    `qml_qdl.training.fit` trains it, so that the same model and options reach what
    they reach in `qml-qdl train`.

    Where `random_state` is a number, initial weights, order of the rows and simulated
    shots repeat, also those of each prediction; the global generators stay as they are.

    After `fit` it has `classes_`, the classes, sorted; `module_`, the trained torch
    module; `preprocessing_`, what was fitted to scale rows; `history_`, one row per
    epoch: its numbers; `n_iter_`, epochs that were trained; `loss_`, the training loss
    of the last epoch.

    Args:
        model: A name as of `qml-qdl train` ("auto" is "dressed" for tables and
            "quanvolution" for images) or an import path; a circuit, which reads a
            feature in radians from each column and has a linear layer behind it; a
            torch module that returns logits (rows, classes); or a class or function
            that makes one, of `num_features`, `num_classes` and what else it has among
            the parameters of `qml_qdl.training.Recipe.follows`.
        model_options: Further arguments of what is named or called, such as
            `{"layers": 2}`.
        image_shape: (channels, height, width) if rows are images, with pixels in
            [0, 1]; None for tables.
        target: Where circuits run, as of `QuantumLayer`; None as the model has it. A
            name can be pickled and goes to other processes; a device need not.
        shots: Number of shots, None for exact results, "keep" as the model has it.
        epochs: Passes over the rows at most.
        batch_size: Rows of a step; "auto" for all of fewer than 1,024, else 256.
        learning_rate: Step size of the optimizer, > 0.
        optimizer: "adam", "sgd", any of `torch.optim` by name, or a function of the
            parameters that returns one.
        loss: A loss of `torch.nn` by name, or a function of logits and class indices;
            None for cross entropy. Weights of rows need one of `torch.nn`.
        precision: "64-true" or "32-true"; the numbers of training.
        accelerator: "cpu", "gpu" or "auto", where torch trains.
        standardise: Whether columns get mean 0 and deviation 1, by the weights of rows.
        early_stopping: Whether part of the rows is kept to stop by: then the epoch that
            is best on them is kept, else the last one.
        validation_fraction: The share of that part, in (0, 1).
        n_iter_no_change: Epochs without a lower loss on that part before it stops.
        warm_start: Whether `fit` goes on with the weights and the preprocessing that
            are there.
        random_state: A whole number, a `RandomState`, or None for NumPy's generator.
        verbose: Whether a progress bar is shown.
        class_weight: How much rows of each class count, by class; "balanced" for each
            class as much as another; None for each row as much as another.

    Raises:
        ArgumentError: A parameter does not fit, as `fit` finds.
        DataError: There are gaps, or fewer than two classes, as `fit` finds.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.model_selection import cross_val_score
        >>> from qml_qdl.sklearn import QuantumClassifier
        >>> x, y = load_iris(return_X_y=True)
        >>> classifier = QuantumClassifier(epochs=40, random_state=0)
        >>> bool(cross_val_score(classifier, x, y, cv=3).mean() > 0.9)
        True
    """

    recipe: ClassVar[str] = "classification"
    classes_: Any

    def __init__(
        self,
        model: Any = "auto",
        *,
        model_options: Mapping[str, Any] | None = None,
        image_shape: tuple[int, int, int] | None = None,
        target: Any = None,
        shots: Any = "keep",
        epochs: int = 100,
        batch_size: Any = "auto",
        learning_rate: float = 0.02,
        optimizer: Any = "adam",
        loss: Any = None,
        precision: Precision = "64-true",
        accelerator: Accelerator = "cpu",
        standardise: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: bool = False,
        class_weight: Any = None,
    ) -> None:
        super().__init__(
            model,
            model_options=model_options,
            image_shape=image_shape,
            target=target,
            shots=shots,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            optimizer=optimizer,
            loss=loss,
            precision=precision,
            accelerator=accelerator,
            standardise=standardise,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fits the model to rows and their classes.

        Args:
            X: (rows, features), finite.
            y: A class of each row: numbers or words.
            sample_weight: How much each row counts, ≥ 0; None for all alike.

        Returns:
            The estimator.

        Raises:
            ArgumentError: A parameter does not fit.
            DataError: Rows, classes or weights cannot be used.
            RunError: The training diverged.
            TargetError: The target cannot run the circuit.
        """
        x, classes, codes, weights = class_codes(
            self, X, y, sample_weight, self.class_weight
        )
        if self._goes_on() and not np.array_equal(classes, self.classes_):
            raise DataError(
                f"y: a warm start goes on with the classes {self.classes_.tolist()}, "
                f"got {classes.tolist()}; give rows of the same, or warm_start=False"
            )
        self.classes_ = classes
        return self._fit(x, codes, tuple(map(str, classes)), weights)

    def decision_function(self, X: Any) -> npt.NDArray[np.float64]:
        """The logits; of two classes that of the second minus that of the first.

        Args:
            X: (rows, features).

        Returns:
            (rows, classes), or (rows,) of two classes.

        Raises:
            DataError: The rows are not like those of `fit`.
            UnfittedError: The estimator was not fitted.
        """
        logits: npt.NDArray[np.float64] = self._outputs(X).numpy()
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """The probabilities of the classes, in the order of `classes_`.

        Args:
            X: (rows, features).

        Returns:
            (rows, classes).

        Raises:
            DataError: The rows are not like those of `fit`.
            UnfittedError: The estimator was not fitted.
        """
        chances: npt.NDArray[np.float64] = self._outputs(X).softmax(1).numpy()
        return chances

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable class of each row.

        Args:
            X: (rows, features).

        Returns:
            (rows,).

        Raises:
            DataError: The rows are not like those of `fit`.
            UnfittedError: The estimator was not fitted.
        """
        chosen = self._outputs(X).argmax(1).numpy()
        found: npt.NDArray[Any] = self.classes_[chosen]
        return found


class QuantumRegressor(RegressorMixin, Trained):
    """Fits numbers to rows by a circuit or a model, one number a row or several.

    As `QuantumClassifier` does it, by the mean squared error; numbers are standardised
    as columns are, and predicted in their own unit.

    After `fit` it has `module_`, the trained torch module; `preprocessing_`, what was
    fitted to scale rows and numbers; `history_`, one row per epoch: its numbers;
    `n_iter_`, epochs that were trained; `loss_`, the training loss of the last epoch,
    of standardised numbers.

    Args:
        model: As of `QuantumClassifier`; it returns (rows, outputs), and what makes it
            may take `num_outputs`.
        model_options: As of `QuantumClassifier`, and so are all others.
        image_shape: (channels, height, width) if rows are images; None for tables.
        target: Where circuits run; None as the model has it.
        shots: Number of shots, None for exact results, "keep" as the model has it.
        epochs: Passes over the rows at most.
        batch_size: Rows of a step; "auto" for all of fewer than 1,024, else 256.
        learning_rate: Step size of the optimizer, > 0.
        optimizer: An optimizer by name, or a function that makes one.
        loss: A loss of `torch.nn` by name, or a function of outputs and numbers; None
            for the mean squared error.
        precision: "64-true" or "32-true"; the numbers of training.
        accelerator: "cpu", "gpu" or "auto", where torch trains.
        standardise: Whether columns and numbers get mean 0 and deviation 1.
        early_stopping: Whether part of the rows is kept to stop by.
        validation_fraction: The share of that part, in (0, 1).
        n_iter_no_change: Epochs without a lower loss on that part before it stops.
        warm_start: Whether `fit` goes on with the weights that are there.
        random_state: A whole number, a `RandomState`, or None for NumPy's generator.
        verbose: Whether a progress bar is shown.

    Raises:
        ArgumentError: A parameter does not fit, as `fit` finds.
        DataError: There are gaps, as `fit` finds.

    Example:
        >>> import numpy as np
        >>> from qml_qdl.sklearn import QuantumRegressor
        >>> x = np.linspace(-2, 2, 40)[:, None]
        >>> y = np.hstack([np.sin(x), np.cos(x)])
        >>> regressor = QuantumRegressor(random_state=0).fit(x, y)
        >>> regressor.predict(x).shape, bool(regressor.score(x, y) > 0.95)
        ((40, 2), True)
    """

    recipe: ClassVar[str] = "regression"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fits the model to rows and their numbers.

        Args:
            X: (rows, features), finite.
            y: (rows,), or (rows, outputs).
            sample_weight: How much each row counts, ≥ 0; None for all alike.

        Returns:
            The estimator.

        Raises:
            ArgumentError: A parameter does not fit.
            DataError: Rows, numbers or weights cannot be used.
            RunError: The training diverged.
            TargetError: The target cannot run the circuit.
        """
        x, numbers = rows_to_fit(self, X, y, multi_output=True, y_numeric=True)
        weights = weights_of(sample_weight, x)
        shape = numbers.shape[1:]
        if self._goes_on() and shape != self.output_shape_:
            raise DataError(
                f"y: a warm start goes on with numbers of shape (rows, "
                f"*{self.output_shape_}), got {numbers.shape}; give the same, or "
                "warm_start=False"
            )
        self.output_shape_: tuple[int, ...] = shape
        single = numbers[:, 0] if shape == (1,) else numbers
        return self._fit(x, single.astype(np.float64), (), weights)

    def predict(self, X: Any) -> npt.NDArray[np.float64]:
        """The numbers of each row.

        Args:
            X: (rows, features).

        Returns:
            (rows,), or (rows, outputs) as of `fit`.

        Raises:
            DataError: The rows are not like those of `fit`.
            UnfittedError: The estimator was not fitted.
        """
        outputs = self._outputs(X)
        decided = outputs.reshape(len(outputs), -1).squeeze(1).numpy()
        numbers = self.preprocessing_.labels_of(decided)
        return numbers.reshape(len(numbers), *self.output_shape_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def model_maker(
    model: Any, model_options: Mapping[str, Any] | None
) -> tuple[Spec, Maker | None]:
    """What makes an estimator's model.

    Args:
        model: A name of the registry or an import path; a circuit or a block; a torch
            module; or a class or function that makes one.
        model_options: Arguments of what is named or called.

    Returns:
        What it is called in files, and what makes it; None for what is found by name.

    Raises:
        ArgumentError: A circuit or a module has options.
        ArgumentTypeError: It is none of these.
    """
    given = dict(model_options or {})
    if isinstance(model, str):
        return Spec(model, **given), None
    if isinstance(model, Spec):
        return Spec(model.class_path, **{**model.init_args, **given}), None
    if given and isinstance(model, nn.Module | Circuit | Block):
        raise ArgumentError(
            f"model_options: a {type(model).__name__} is made already, got "
            f"{sorted(given)}; leave them out, or pass its class"
        )
    if isinstance(model, Circuit | Block):

        def around(num_features: int, num_outputs: int) -> nn.Module:
            return CircuitModel(model, num_features, num_outputs)

        return Spec(_path(CircuitModel)), around
    if isinstance(model, nn.Module):
        return Spec(_path(type(model))), lambda: copy.deepcopy(model)
    if callable(model):
        return Spec(_path(model), **given), model
    raise ArgumentTypeError(
        "model: expected a name such as 'dressed', a circuit, a torch module, or what "
        f"makes one, got {model!r}"
    )


def _path(maker: Any) -> str:
    """An import path; of what has none, as a lambda, at least a name."""
    named = maker if hasattr(maker, "__name__") else type(maker)
    return f"{named.__module__}.{named.__name__.strip('<>')}"
