"""Estimators out of folders: those that were saved, and runs of `qml-qdl train`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.circuits.validation import check_choice, validate_call
from qml_qdl.data.splitting import Split
from qml_qdl.nn import set_target
from qml_qdl.sklearn.density import QuantumDensity, rows_of
from qml_qdl.sklearn.kernel_machines import (
    QuantumGaussianProcessClassifier,
    QuantumGaussianProcessRegressor,
    QuantumKernelRidge,
    QuantumSVC,
)
from qml_qdl.sklearn.learning import loss_of
from qml_qdl.sklearn.runs import Lost, Saved, read_arrays, read_parameters
from qml_qdl.sklearn.supervised import (
    QuantumClassifier,
    QuantumRegressor,
    model_maker,
)
from qml_qdl.sklearn.transformer import QuantumTransformer
from qml_qdl.training import Run, Task
from qml_qdl.training.checkpoints import load_best
from qml_qdl.training.recipes.segmentation import Segmentation
from qml_qdl.training.recipes.supervised import Classification, Regression
from qml_qdl.training.run import read_preprocessing
from qml_qdl.training.trainer import generators_kept

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        QuantumClassifier,
        QuantumDensity,
        QuantumGaussianProcessClassifier,
        QuantumGaussianProcessRegressor,
        QuantumKernelRidge,
        QuantumRegressor,
        QuantumSVC,
        QuantumTransformer,
    )
}


@validate_call
def load_estimator(folder: str | Path, **parameters: Any) -> Any:
    """Reads a fitted estimator, or makes one of a run of `qml-qdl train`.

    Nothing that a folder holds is executed or unpickled. Classes are imported by the
    paths that it names, from anywhere but itself.

    Args:
        folder: What `save` of an estimator wrote, or the folder of a run.
        **parameters: Parameters of the estimator in place of those that were saved.
            Objects, such as a circuit as `model`, are in no file and have to be given.

    Returns:
        The estimator, fitted.

    Raises:
        ArgumentError: A parameter is unknown, or has to be given.
        RunError: There is no such folder, a file is damaged, or the run's model does
            not predict one label of a row of numbers.

    Example:
        >>> import tempfile
        >>> from sklearn.datasets import load_iris
        >>> from qml_qdl.sklearn import QuantumClassifier, load_estimator
        >>> x, y = load_iris(return_X_y=True)
        >>> classifier = QuantumClassifier(epochs=5, random_state=0).fit(x, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = load_estimator(classifier.save(folder))
        >>> bool((again.predict_proba(x) == classifier.predict_proba(x)).all())
        True
    """
    path = Path(folder)
    content = read_parameters(path) if path.is_dir() else None
    if content is None:
        content = _of_run(Run.open(path))
    check_choice("class", content["class"], tuple(_KINDS))
    kind = _KINDS[content["class"]]
    found = _complete(kind, {**content["parameters"], **parameters})
    estimator = kind(**found)
    for name, value in content["fitted"].items():
        setattr(estimator, name, value)
    if content["output_shape"] is not None:
        estimator.output_shape_ = tuple(content["output_shape"])
    if isinstance(estimator, Saved):
        estimator.preprocessing_ = read_preprocessing(path)
        try:
            estimator.restore(read_arrays(path))
        except KeyError as error:
            raise RunError(f"{path}: an array is missing, {error}") from error
    else:
        _load_model(estimator, Run.open(path))
    return estimator


def _complete(kind: type[Any], parameters: dict[str, Any]) -> dict[str, Any]:
    known = kind().get_params(deep=False)
    for name in parameters:
        if name not in known:
            raise ArgumentError(
                f"{name}: {kind.__name__} has no such parameter; it has "
                f"{', '.join(known)}"
            )
    for name, value in parameters.items():
        if isinstance(value, Lost):
            raise ArgumentError(
                f"{name}: the estimator was saved with a {value.kind}, which no file "
                f"holds; give it again, load_estimator(folder, {name}=…)"
            )
    return parameters


def _load_model(estimator: Any, run: Run) -> None:
    """Builds the model of a run and loads its weights."""
    kind, seed, reached = run.finished(None, None)
    if isinstance(estimator, QuantumDensity):
        estimator.rows_ = read_arrays(run.folder)["rows_"]
        rows, fitted = rows_of(estimator, estimator.rows_), run.preprocessing()
        assert fitted is not None  # as `save` wrote it
        parts = Split(fitted.apply(rows), None, None, fitted)
        task = Task.of(run.options, rows, parts=parts)
    else:
        task = _task(run)
        maker = model_maker(estimator.model, None)[1]
        if maker is not None:
            task = evolve(task, model_class=maker)
    with generators_kept():
        module = task.build(kind, seed)
    load_best(module, run.fit_folder(kind, seed))
    if estimator.target is not None or estimator.shots != "keep":
        set_target(module, estimator.target, estimator.shots)
    estimator.module_ = module.double().eval()
    estimator.preprocessing_ = task.split.preprocessing
    estimator.options_ = run.options
    estimator.kind_ = kind
    estimator.fit_ = reached
    estimator.fingerprint_ = run.fingerprint
    estimator.history_ = reached.history
    estimator.n_iter_ = reached.epochs
    estimator.loss_ = loss_of(reached.history)


def _task(run: Run) -> Task:
    """The task of a run, without its data where they need not be there."""
    fitted = run.preprocessing()
    task = None if fitted is None else Task.without_data(run.options, fitted)
    return run.task() if task is None else task


def _of_run(run: Run) -> dict[str, Any]:
    """What `read_parameters` would find, of a run of `qml-qdl train`."""
    options, task = run.options, _task(run)
    fitted = task.split.preprocessing
    recipes = {Classification: QuantumClassifier, Regression: QuantumRegressor}
    kind: Any = next(
        (made for each, made in recipes.items() if issubclass(task.recipe, each)), None
    )
    if kind is None or issubclass(task.recipe, Segmentation):
        raise RunError(
            f"run: expected one that predicts a label of each row, got {run.folder} of "
            f"the recipe {task.recipe.__name__}; see qml_qdl.training.sample"
        )
    if any(column.categories for column in fitted.columns):
        raise RunError(
            f"run: expected columns of numbers, got words in {run.folder}; "
            "qml_qdl.training.predict_rows reads such tables"
        )
    seed = run.finished(None, None)[1]
    shape, training = fitted.input_shape, options.training
    image = len(shape) == 3
    found: dict[str, Any] = {"n_features_in_": int(np.prod(shape)), "seed_": seed}
    if fitted.class_names:
        names = fitted.class_names
        # Words such as 007 stay words: as numbers they would be others.
        whole = all(re.fullmatch(r"0|-?[1-9][0-9]*", name) for name in names)
        found["classes_"] = np.array([int(name) for name in names] if whole else names)
    if fitted.columns and not image:
        names = [column.name for column in fitted.columns]
        found["feature_names_in_"] = np.array(names, dtype=object)
    parameters = {
        "model": options.model.class_path,
        "model_options": dict(options.model.init_args),
        "image_shape": list(shape) if image else None,
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
        "precision": training.precision,
        "early_stopping": training.patience is not None,
        "random_state": seed,
    }
    return {
        "class": kind.__name__,
        "parameters": parameters,
        "fitted": found,
        "output_shape": None if fitted.class_names else list(fitted.output_shape),
    }
