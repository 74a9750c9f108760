"""Builders: the data, the recipe and the models that a run's options name."""

from __future__ import annotations

import inspect
import math
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias, get_type_hints

import numpy as np
import torch
from attrs import evolve, fields, frozen
from lightning.pytorch import seed_everything
from pennylane.operation import Operator
from torch import nn

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import (
    check_choice,
    check_count,
    did_you_mean,
    validate_call,
)
from qml_qdl.data import named
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.preprocessing import Preprocessing
from qml_qdl.data.splitting import Split
from qml_qdl.data.torch_dataset import from_torch
from qml_qdl.manybody import Problem, SpinOperator
from qml_qdl.manybody.problems import problem_maker
from qml_qdl.manybody.states.state import doubled
from qml_qdl.nn import QuantumLayer
from qml_qdl.tomography import Experiment, Measurements, read_state
from qml_qdl.training.options import (
    DataOptions,
    RunOptions,
    check_heeded,
)
from qml_qdl.training.recipes.recipe import Recipe
from qml_qdl.training.registry import (
    AUTO,
    HAMILTONIANS,
    MODELS,
    heeded,
)
from qml_qdl.training.specs import (
    Spec,
    check_arguments,
    import_maker,
)

_OF_TABLES = ("label_column", "header", "drop", "categorical", "missing")
_OF_FILES = (*_OF_TABLES, "image_size", "color_mode", "data_home")

Source: TypeAlias = Dataset | Problem | Experiment
"""What a run learns from: rows, a Hamiltonian, or measurements."""

_SPECIAL = {
    "Hamiltonians": ("nqs", "ground_state"),
    "measurements": ("nqst", "reconstruction"),
}
"""What has no rows, with the model and the recipe that "auto" stands for."""


def load_data(options: DataOptions) -> Any:
    """Loads the data set or the measurements, or makes the Hamiltonian, of options.

    Args:
        options: Which data.

    Returns:
        The `Dataset`, before the split and of the classes wanted; the `Experiment`, or
        the `Problem`.

    Raises:
        ArgumentError: An import path names nothing of the kind, or an argument of a
            Hamiltonian does not fit.
        DataError: The data cannot be read or learnt from.
    """
    source = options.source
    if source.class_path in HAMILTONIANS:
        maker = problem_maker(source.class_path)
        return _problem(maker, source, options)
    if _holds_measurements(source.class_path):
        return _experiment(source, options)
    if source.is_path and not _is_file_or_name(source.class_path):
        own = _own_data(source, options)
        if not isinstance(own, Dataset):
            return own
        dataset = own
    elif source.init_args and not _is_file_or_name(source.class_path):
        raise ArgumentError(
            f"data: expected one of {', '.join(map(repr, HAMILTONIANS))} with such "
            f"arguments, or an import path, got {source.class_path!r}"
            f"{did_you_mean(source.class_path, HAMILTONIANS)}"
        )
    elif source.init_args:
        raise ArgumentError(
            f"data.init_args: {source.class_path!r} takes none, got "
            f"{dict(source.init_args)}; leave them out"
        )
    else:
        dataset = named.load(
            source.class_path,
            image_size=options.image_size,
            color_mode=options.color_mode,
            data_home=options.data_home,
            **{name: getattr(options, name) for name in _OF_TABLES},
        )
    return dataset.of_classes(options.labels) if options.labels else dataset


def resolved_data(options: DataOptions) -> DataOptions:
    """The same data from any working directory.

    Args:
        options: Which data.

    Returns:
        Names in their one spelling, and paths from the root.
    """
    source, home = options.source, options.data_home
    known = not source.is_path or _is_file_or_name(source.class_path)
    if known and source.class_path not in HAMILTONIANS:
        given = dict(source.init_args)
        truth = given.get("state")
        if isinstance(truth, str) and truth not in HAMILTONIANS:
            given["state"] = str(Path(truth).resolve())
        source = Spec(named.canonical_name(source.class_path), **given)
    home = None if home is None else str(Path(home).resolve())
    return evolve(options, source=source, data_home=home)


def _is_file_or_name(source: str) -> bool:
    return named.is_path(source) or named.canonical_name(source) in named.names()


def _own_data(source: Spec, options: DataOptions) -> Source:
    """What a class or an annotated function of one's own makes."""
    _refuse(options, _OF_FILES, "data of one's own have")
    rows: tuple[type, ...] = (Dataset, torch.utils.data.Dataset)
    hamiltonians: tuple[type, ...] = (Problem, SpinOperator, Operator)
    maker = import_maker("data", source.class_path, *rows[1:], *rows[:1], *hamiltonians)
    returned = maker if inspect.isclass(maker) else get_type_hints(maker)["return"]
    if issubclass(returned, hamiltonians):
        return _problem(maker, source, options)
    made = maker(**check_arguments("data", maker, source.init_args))
    return made if isinstance(made, Dataset) else from_torch(made, name=maker.__name__)


def _holds_measurements(source: str) -> bool:
    """Whether a file is one of measurements, and not of arrays x and y."""
    if Path(source).suffix.lower() != ".npz" or not zipfile.is_zipfile(source):
        return False
    with zipfile.ZipFile(source) as arrays:
        return {"bases.npy", "outcomes.npy"} <= set(arrays.namelist())


def _experiment(source: Spec, options: DataOptions) -> Experiment:
    """Measurements, with the state that they are of if that is said."""
    others = (each.name for each in fields(DataOptions) if each.name != "source")
    _refuse(options, others, "measurements have")
    path = Path(source.class_path)
    data, given = Measurements.read(path), dict(source.init_args)
    truth = given.pop("state", None)
    if truth in HAMILTONIANS:
        maker = problem_maker(truth)
        problem = maker(**check_arguments("data", maker, given))
        return Experiment.of_problem(data, path.stem, problem)
    if given:
        raise ArgumentError(
            f"data: measurements take a state, and with the name of a Hamiltonian its "
            f"arguments, got {', '.join(given)}; leave them out, or add state="
        )
    if truth is not None and not isinstance(truth, str):
        raise ArgumentTypeError(
            f"state: expected a file or a Hamiltonian's name, got {truth!r}"
        )
    return Experiment(data, path.stem, None if truth is None else read_state(truth))


def _problem(maker: Callable[..., Any], source: Spec, options: DataOptions) -> Problem:
    """The problem of a Hamiltonian, which has no rows to choose or divide."""
    others = (each.name for each in fields(DataOptions) if each.name != "source")
    _refuse(options, others, "Hamiltonians have")
    made = maker(**check_arguments("data", maker, source.init_args))
    return Problem.of(made, maker.__name__)


def _refuse(options: DataOptions, names: Iterable[str], whose: str) -> None:
    """Refuses options that have no meaning for such data."""
    for name in names:
        value = getattr(options, name)
        if value != getattr(DataOptions(), name):
            raise ArgumentError(
                f"{name}: {whose} no such option, got {value!r}; leave it out"
            )


@validate_call
@frozen(eq=False)
class Task:
    """A run's options made concrete.

    Args:
        options: What was asked, with the model's name and all of its arguments.
        recipe: How the model learns.
        model_class: The model's class, or the function that makes it.
        split: What is learnt from, as the recipe divides it: the three parts of a data
            set, or a problem.
        source: What the data, or the Hamiltonian, are called.
    """

    options: RunOptions
    recipe: type[Recipe]
    model_class: Callable[..., nn.Module]
    split: Any
    source: str = "data"

    @classmethod
    def of(
        cls,
        options: RunOptions,
        dataset: Source,
        preprocessing: Preprocessing | None = None,
        *,
        parts: Split | None = None,
    ) -> Task:
        """Finds recipe and model, and divides what is learnt from.

        Args:
            options: What is asked.
            dataset: What `load_data` returned.
            preprocessing: What was fitted when the run began; None fits it.
            parts: The data set, where it has been divided and preprocessed already.

        Raises:
            ArgumentError: A name is unknown, an option is not heeded, or the model
                cannot read the data.
            DataError: The data cannot be learnt from in this way.
        """
        spec = options.model
        fitting = _fitting(_kind(dataset))
        name = fitting if spec.class_path == "auto" else spec.class_path
        known = MODELS.get(name)
        check_heeded(spec)
        _check_kind(spec.class_path, dataset, fitting)
        recipe = _recipe_of(options, dataset)
        dataset = recipe.read(dataset, name)
        if known is not None:
            _check_readable(spec.class_path, known.reads, dataset, fitting)
        recipe.check_training(options.training, name)
        model_class = _model_class(name)
        defaults = _defaults(name, model_class)
        arguments = {
            key: value
            for key, value in spec.init_args.items()
            # Runs of version 0.1 have "auto" with options of both models.
            if key in heeded(name) or key not in heeded(spec.class_path)
        }
        options = evolve(options, model=Spec(name, **arguments).with_defaults(defaults))
        if parts is None:
            parts = recipe.divide(dataset, options.data, preprocessing)
        prepared = recipe.prepare(parts, name)
        return cls(options, recipe, model_class, prepared, dataset.name)

    @classmethod
    def without_data(
        cls, options: RunOptions, preprocessing: Preprocessing
    ) -> Task | None:
        """Finds recipe and model of a run whose data need not be there.

        Args:
            options: The run's, with the model's name and all of its arguments.
            preprocessing: What was fitted when it began.

        Returns:
            A task whose parts are a single row of zeros; None if the model may take
            more from the data than their shape and classes.
        """
        zeros = np.zeros((1, *preprocessing.input_shape))
        names = preprocessing.class_names
        places = preprocessing.num_places
        each = (places,) if places else preprocessing.output_shape
        labels = np.zeros((1, *each), np.int64)
        row = Dataset(zeros, labels, names, "zeros", preprocessing.columns)
        recipe = _recipe_of(options, row)
        model_class = _model_class(options.model.class_path)
        own = options.model.class_path not in MODELS and hasattr(
            model_class, "from_data"
        )
        if own:
            return None
        row = preprocessing.apply(row)
        return cls(options, recipe, model_class, Split(row, row, row, preprocessing))

    @property
    def rows(self) -> Split | None:
        """The three parts of a data set; None where no rows are learnt from."""
        return self.split if isinstance(self.split, Split) else None

    @property
    def title(self) -> str | None:
        """What the model is called in a report; None for which of the models it is."""
        known = MODELS.get(self.options.model.class_path)
        title = None if known is None else known.title
        return None if title is None else title.format(**self.options.model.init_args)

    def build(self, kind: str, seed: int) -> nn.Module:
        """Builds an untrained model.

        Args:
            kind: Which of the run's models; see `kinds`.
            seed: Seeds the global generators, and so the initial weights.

        Raises:
            ArgumentError: The model cannot be built for such data.
            TargetError: The target is unknown or cannot run the circuit.
        """
        given = self.options.model.init_args
        check_count("seed", seed, 0)

        def make(
            other: Callable[..., nn.Module] | None = None, /, **changes: Any
        ) -> nn.Module:
            seed_everything(seed, verbose=False)
            if other is not None:
                return self.recipe.from_data(other, self.split, changes)
            arguments = {**given, **changes}
            return self.recipe.from_data(self.model_class, self.split, arguments)

        model = make()
        check_choice("kind", kind, ("quantum", "classical", *self.kinds(model)))
        if kind not in ("quantum", "classical"):
            model = self.recipe.variant(kind, model, seed, make)
        # So that data and weights agree wherever the model runs.
        return doubled(model) if self.options.training.precision == "64-true" else model

    def kinds(self, model: nn.Module) -> tuple[str, ...]:
        """Which models are trained, the one that was asked for first.

        Args:
            model: The model, as it was built.
        """
        others = self.recipe.kinds(model)
        layers = any(isinstance(each, QuantumLayer) for each in model.modules())
        # What has a classical twin is none, whatever runs its circuits.
        first = "quantum" if layers or "twin" in others else "classical"
        return first, *(others if self.options.twin else ())

    def learner(self, model: nn.Module) -> Recipe:
        """What trains a model.

        Args:
            model: What `build` returned.
        """
        given = self.options.recipe
        arguments = {} if given is None else given.init_args
        skip = frozenset({"model", "split", "options"})
        extra = check_arguments("recipe", self.recipe, arguments, skip=skip)
        return self.recipe(model, self.split, self.options.training, **extra)


def _kind(source: Source) -> str:
    """What data of such a kind are called in the registry."""
    if isinstance(source, Problem):
        return "Hamiltonians"
    if isinstance(source, Experiment):
        return "measurements"
    return "images" if source.is_image else "tables"


def _fitting(kind: str) -> str:
    """The model that "auto" stands for."""
    return AUTO[kind] if kind in AUTO else _SPECIAL[kind][0]


def _by_data(source: Source) -> str:
    """How a model learns from such data, where nothing else is said."""
    if not isinstance(source, Dataset):
        return _SPECIAL[_kind(source)][1]
    if source.num_places:
        return "segmentation"
    return "classification" if source.has_classes else "regression"


def _recipe_of(options: RunOptions, dataset: Source) -> type[Recipe]:
    spec = options.recipe
    known = MODELS.get(options.model.class_path)
    if spec is None:
        given = None if known is None else known.recipe
        spec = Spec(given or _by_data(dataset))
    recipe = Recipe.named(spec.class_path)
    if not isinstance(dataset, recipe.learns_from):
        raise ArgumentError(
            f"data: the recipe {recipe.__name__} learns from a "
            f"{recipe.learns_from.__name__}, got the {type(dataset).__name__} "
            f"{dataset.name!r}; use other data or another recipe"
        )
    return recipe


def _model_class(name: str) -> Callable[..., nn.Module]:
    known = MODELS.get(name)
    path = name if known is None else known.class_path
    return import_maker("model", path, nn.Module)


def _check_kind(model: str, source: Source, fitting: str) -> None:
    """Refuses rows for models that read Hamiltonians, and the other way round."""
    known, kind = MODELS.get(model), _kind(source)
    reads = " and ".join(AUTO) if known is None else known.reads
    own = known is None and model != "auto"
    if own or kind == reads or not {kind, reads} & set(_SPECIAL):
        return
    what = {"Hamiltonians": "the Hamiltonian", "measurements": "the measurements"}
    names = ", ".join(map(repr, HAMILTONIANS))
    instead = {
        "Hamiltonians": f"use data such as {names}",
        "measurements": "use a file that Measurements.save or `qml-qdl measure` wrote",
    }
    repair = f"use {fitting!r}" if kind in _SPECIAL else instead[reads]
    raise ArgumentError(
        f"model: {model!r} reads {reads}, got {what.get(kind, 'the rows of')} "
        f"{source.name!r}; {repair}, or another model"
    )


def _check_readable(model: str, reads: str, dataset: Source, fitting: str) -> None:
    """Refuses rows that a model of the registry cannot read."""
    if not isinstance(dataset, Dataset):
        return
    fits = True  # bits are made of images, and tables are looked at later
    if reads in ("images", "tables"):
        fits = dataset.is_image == (reads == "images")
    elif reads == "whole numbers":
        numbers = dataset.inputs
        whole = bool((numbers >= 0).all() and (numbers % 1 == 0).all())
        fits = dataset.input_shape == (1,) and whole
        reads = "a table of one column of whole numbers from 0 up"
    if not fits:
        instead = f"use {fitting!r} or 'auto'"
        if MODELS[model].recipe is not None:
            instead = "use other data or another model"
        raise ArgumentError(
            f"model: {model!r} reads {reads}, got {dataset.name!r} with rows of shape "
            f"{dataset.input_shape}; {instead}"
        )


def _defaults(name: str, model_class: Callable[..., nn.Module]) -> dict[str, Any]:
    """Defaults of plain arguments, which a later version may change."""
    function: Any = getattr(model_class, "from_data", model_class)
    known = MODELS.get(name)
    return {
        key: each.default
        for key, each in inspect.signature(function).parameters.items()
        if isinstance(each.default, str | int | float | bool | None)
        and not (isinstance(each.default, float) and not math.isfinite(each.default))
        and (known is None or key in known.options)
    }
