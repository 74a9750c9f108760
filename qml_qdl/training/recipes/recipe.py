"""Recipes: how a kind of model learns and is judged; the base of all."""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import torch
from lightning.pytorch import LightningModule, seed_everything
from torch import Tensor, nn
from torchmetrics import MeanMetric, Metric

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, DataError
from qml_qdl.circuits.validation import check_type, did_you_mean, validate_call
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.loader import ResumableLoader
from qml_qdl.data.preprocessing import Preprocessing
from qml_qdl.data.splitting import Split, split
from qml_qdl.training.baselines import Baseline
from qml_qdl.training.folders import BEST
from qml_qdl.training.options import DataOptions, TrainingOptions
from qml_qdl.training.registry import RECIPES
from qml_qdl.training.specs import (
    Spec,
    check_arguments,
    class_names,
    import_class,
    known_path,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qml_qdl.training.building import Task
    from qml_qdl.training.fitting import Fit

Batch: TypeAlias = tuple[Tensor, ...]
"""Inputs and labels of some rows, and weights of rows that have some."""

MOMENTUM = 0.9
"""Of "sgd" without arguments."""


class WeightedMean(MeanMetric):
    """The mean of values by their weights, NaN where there is one.

    torchmetrics' own leaves the weights out of account where it does not look for NaN.
    """

    def __init__(self) -> None:
        super().__init__(nan_strategy="disable")

    def update(self, value: Any, weight: Any = 1.0) -> None:
        """Adds values.

        Args:
            value: A number, or a tensor of several.
            weight: How much they count, one for all or for each.
        """
        values = torch.as_tensor(value, device=self.device)
        weights = torch.as_tensor(weight, device=self.device).expand(values.shape)
        self.mean_value += (values * weights).sum()
        self.weight += weights.sum()


@validate_call
class Recipe(LightningModule, ABC):
    """How a kind of model learns, what it is measured by, and what stands beside it.

    One object trains one model. Experiment, fit, checkpoints, resumption, report and
    run folder are the same for all recipes; a recipe of one's own is a subclass, and
    given by its import path.

    Numbers of an epoch are kept in metrics that are part of the state, so that an epoch
    continued from a checkpoint reports what it would have reported.

    Args:
        model: The model whose weights are kept; in a checkpoint they are called
            "model.…".
        split: The data, as `prepare` returned them; here and below whatever `divide`
            makes of what is learnt from.
        options: How it is trained.
    """

    # ---- What a recipe has to define. ----

    columns: tuple[str, ...]
    """The numbers of an epoch, as they are logged and written to `metrics.csv`."""

    monitor: ClassVar[str]
    """The column that early stopping watches; lower is better."""

    @abstractmethod
    def assess(self, model: nn.Module) -> tuple[dict[str, float], Any]:
        """Measures a trained model on the test part.

        Args:
            model: The model, with the weights of its best epoch.

        Returns:
            Measures by name, and an array of predictions (rows,), None without.
        """

    @classmethod
    @abstractmethod
    def measures(cls, split: Any) -> tuple[str, ...]:
        """The measures that are columns of the report, in order."""

    # ---- What a recipe may define. ----

    learns_from: ClassVar[type] = Dataset
    """What kind of data it reads."""

    divided: ClassVar[type] = Split
    """What `divide` makes of them."""

    follows: ClassVar[tuple[str, ...]] = (
        "input_shape",
        "image_shape",
        "num_features",
        "in_features",
        "num_classes",
        "num_outputs",
        "out_features",
    )
    """The parameters of a model that follow from the data; see `from_data`."""

    unheeded: ClassVar[tuple[str, ...]] = ()
    """Fields of `TrainingOptions` that it has no use for."""

    standardise: ClassVar[bool] = True
    """Whether tables are standardised."""

    weighs: ClassVar[bool] = False
    """Whether rows may count by weights."""

    keeps: ClassVar[tuple[str, ...]] = (BEST,)
    """The checkpoints of a finished training that report and pictures need."""

    upright: ClassVar[bool] = False
    """Whether the report has a column, and not a line, for each model."""

    footnotes: ClassVar[tuple[str, ...]] = ()
    """Lines below the report."""

    names: ClassVar[Mapping[str, str]] = {"twin": "classical twin"}
    """What the report calls those of `kinds`."""

    def __init__(self, model: nn.Module, split: Any, options: TrainingOptions) -> None:
        super().__init__()
        check_type("split", split, self.divided)
        if isinstance(split, Split):
            if split.train.weights is not None and not self.weighs:
                raise DataError(
                    f"weights: {type(self).__name__} counts all rows alike, got "
                    "weights; leave them out"
                )
            if not split.has_validation:
                told = (name for name in self.columns if not name.startswith("val_"))
                self.columns = tuple(told)
            if split.train.dtype == np.float64 and options.precision != "64-true":
                split = split.in_single()
        self.model = model
        self.split: Any = split
        self.options = options
        self.plateau: Any = None

    @property
    def watched(self) -> str:
        """The column that early stopping watches; the first one without validation."""
        return self.monitor if self.monitor in self.columns else self.columns[0]

    @property
    def trained(self) -> nn.Module:
        """What runs in a training step; not the kept model where that is an average."""
        return self.model

    @classmethod
    def merit(cls, row: Mapping[str, float]) -> tuple[float, ...]:
        """How good an epoch was.

        Args:
            row: The numbers of the epoch.

        Returns:
            Numbers that compare; the highest is the best epoch. Without a validation
            part the last one is.
        """
        return (-row[cls.monitor],) if cls.monitor in row else (row["epoch"],)

    @classmethod
    def named(cls, name: str) -> type[Recipe]:
        """Finds a recipe.

        Args:
            name: One of `RECIPES`, or an import path.

        Raises:
            ArgumentError: There is no such recipe, or it is abstract.
        """
        path = name if Spec(name).is_path else RECIPES.get(name)
        if path is None:
            raise ArgumentError(
                f"recipe: expected one of {', '.join(map(repr, RECIPES))}, or the "
                f"import path of a Recipe, got {name!r}{did_you_mean(name, RECIPES)}"
            )
        return import_class("recipe", path, cls)

    @classmethod
    def standing(cls, row: Mapping[str, float], measures: Mapping[str, float]) -> float:
        """What trainings of different seeds are chosen by.

        Args:
            row: The numbers of the epoch whose weights were kept.
            measures: What `assess` found of them.

        Returns:
            The highest is the best; by default how good the epoch was.
        """
        return cls.merit(row)[0]

    @classmethod
    def divide(
        cls, dataset: Any, data: DataOptions, preprocessing: Preprocessing | None
    ) -> Any:
        """Divides what is learnt from; by default rows into three parts.

        Args:
            dataset: What `read` returned.
            data: Which data were asked for.
            preprocessing: What was fitted when a run began; None fits it.

        Returns:
            What the recipe is made with.
        """
        return split(
            dataset,
            test_fraction=data.test_fraction,
            validation_fraction=data.validation_fraction,
            seed=data.split_seed,
            limit=data.limit,
            standardise=cls.standardise,
            preprocessing=preprocessing,
        )

    @classmethod
    def amount(cls, split: Any) -> str:
        """What is learnt from, in the words of a report; here rows of each part."""
        return (
            f"{len(split.train)} rows to train, {len(split.validation)} to validate, "
            f"{len(split.test)} to test"
        )

    @classmethod
    def read(cls, dataset: Any, model: str) -> Any:
        """The whole data set as the recipe reads it; by default as it is.

        Args:
            dataset: The data set.
            model: What the model is called, for messages.

        Raises:
            DataError: It cannot be learnt from in this way.
        """
        return dataset

    @classmethod
    def prepare(cls, split: Any, model: str) -> Any:
        """The data as the model sees them; by default as they are.

        Args:
            split: The data.
            model: What the model is called, for messages.

        Raises:
            ArgumentError: The model cannot read them.
        """
        return split

    @classmethod
    def from_data(
        cls,
        model_class: Callable[..., nn.Module],
        split: Any,
        init_args: Mapping[str, Any],
    ) -> nn.Module:
        """Builds a model; what follows from the data is no argument.

        A class with a classmethod `from_data(split, **options)` says itself what
        follows. Of another one these parameters do, by their names: `input_shape`,
        `image_shape`, `num_features`, `in_features`, `num_classes`, `num_outputs` and
        `out_features`.

        Args:
            model_class: The model's class, or a function that makes it.
            split: The data.
            init_args: Further arguments, by name.

        Returns:
            The model, untrained.

        Raises:
            ArgumentError: An argument is unknown, or does not fit.
            TargetError: The target is unknown or cannot run the circuit.
        """
        own: Any = getattr(model_class, "from_data", None)
        if own is not None:
            skip = frozenset(list(inspect.signature(own).parameters)[:1])
            arguments = check_arguments("model", own, init_args, skip=skip)
            model: nn.Module = own(split, **arguments)
            return model
        follows = cls.following(split)
        known = inspect.signature(model_class).parameters
        given = {name: value for name, value in follows.items() if name in known}
        arguments = check_arguments(
            "model", model_class, init_args, given=frozenset(given)
        )
        return model_class(**{**given, **arguments})

    @classmethod
    def following(cls, split: Any) -> dict[str, Any]:
        """The parameters of `follows` with their values.

        Args:
            split: The data.
        """
        shape = split.train.input_shape
        train = split.train
        size, outputs = math.prod(shape), train.num_classes or train.num_outputs
        values = (shape, shape, size, size, outputs, outputs, outputs)
        return dict(zip(cls.follows, values, strict=True))

    @classmethod
    def kinds(cls, model: nn.Module) -> tuple[str, ...]:
        """What is trained beside a model, after the model itself.

        Args:
            model: The model, as it was built.

        Returns:
            Names of what `variant` makes.
        """
        return ("twin",) if hasattr(model, "classical_twin") else ()

    @classmethod
    def variant(
        cls, kind: str, model: nn.Module, seed: int, build: Callable[..., nn.Module]
    ) -> nn.Module:
        """Makes what is trained beside a model.

        Args:
            kind: One of `kinds`.
            model: The model, just built with this seed.
            seed: Seeds the weights.
            build: Builds the model anew, with other arguments by name; or what is given
                to it, with these arguments alone.
        """
        seed_everything(seed, verbose=False)
        maker: Any = model
        twin: nn.Module = maker.classical_twin()
        return twin

    @classmethod
    def check_training(cls, options: TrainingOptions, model: str) -> None:
        """Refuses options that the recipe would ignore.

        Args:
            options: How a model is to be trained.
            model: What the model is called, for the message.

        Raises:
            ArgumentError: One of `unheeded` was given.
        """
        defaults = TrainingOptions()
        for name in cls.unheeded:
            value = getattr(options, name)
            if value != getattr(defaults, name):
                shown = value.as_config() if isinstance(value, Spec) else value
                raise ArgumentError(
                    f"{name}: {model!r} has no such option, got {shown!r}; leave it "
                    "out, or use another model"
                )

    @classmethod
    def check_model(cls, model: nn.Module) -> None:
        """Refuses models that cannot learn in this way; by default none.

        Args:
            model: The model, as it was built.

        Raises:
            ArgumentError: It cannot.
        """

    def check_options(self) -> None:
        """Refuses optimizer, scheduler or loss that cannot be, before a run begins.

        Raises:
            ArgumentError: There is no such class, or it does not fit.
        """
        if "optimizer" not in self.unheeded:
            optimizer = self.make_optimizer(self.trained.parameters())
            self.make_scheduler(optimizer)

    @classmethod
    def baselines(cls, split: Any) -> list[Baseline]:
        """What needs no training by gradients, measured on the test part.

        Args:
            split: The data, as `prepare` returned them.
        """
        return []

    @classmethod
    def pictures(
        cls,
        task: Task,
        fits: Mapping[str, list[Fit]],
        model: nn.Module,
        last: Mapping[str, Any],
    ) -> dict[str, Figure]:
        """Pictures of a finished run, besides curves and circuit.

        Args:
            task: The run's data and models.
            fits: The trainings of each kind, one per seed.
            model: The best of the first kind, trained.
            last: The content of its last checkpoint, where `keeps` has it.

        Returns:
            Figures by the names of their files.
        """
        return {}

    @classmethod
    def tested(cls, measure: str) -> str:
        """What a measure of the test part is called in a line of text."""
        return measure if cls.upright else f"test {measure}"

    @classmethod
    def data_title(cls, name: str, data: DataOptions) -> str:
        """What the data are called in a report.

        Args:
            name: The data set's name.
            data: Which data were asked for.
        """
        return name

    @classmethod
    def panels(cls) -> Sequence[Sequence[str]]:
        """The columns that are plotted together; by default each alone."""
        return [(name,) for name in cls.columns]

    def train_loader(self, seed: int) -> Iterable[Any]:
        """Batches of training; with `state_dict` and `load_state_dict`, to be resumed.

        Args:
            seed: Fixes their order.
        """
        return ResumableLoader(
            self.split.train, batch_size=self.options.batch_size, seed=seed
        )

    def validation_loader(self) -> Iterable[Any] | None:
        """Batches of the validation after each epoch; None for none."""
        if not self.split.has_validation:
            return None
        return ResumableLoader(
            self.split.validation, batch_size=self.options.batch_size, shuffle=False
        )

    # ---- What recipes are made with. ----

    def add_metric(self, name: str, metric: Metric | None = None) -> None:
        """Adds a metric that checkpoints keep, as an attribute.

        Args:
            name: Its name.
            metric: The metric; None for a mean.
        """
        metric = WeightedMean() if metric is None else metric
        metric.persistent(True)
        setattr(self, name, metric)

    def log_metrics(self, *names: str) -> None:
        """Logs what metrics have come to in this epoch, and begins them anew.

        Args:
            *names: Names of metrics, which are columns.
        """
        for name in names:
            metric = getattr(self, name)
            self.log(name, metric.compute(), prog_bar=True)
            metric.reset()

    def log_step(self, name: str, value: Tensor | float) -> None:
        """Tells the trainer's loggers a number of this step.

        `log` would also keep it for callbacks, a fifth of the time of a small step.

        Args:
            name: Its name.
            value: The number, without a gradient.
        """
        loop = self.trainer.fit_loop
        for each in self.trainer.loggers:
            each.log_metrics(
                {name: float(value), "epoch": self.current_epoch}, loop.total_batch_idx
            )

    def make_optimizer(self, parameters: Iterable[nn.Parameter]) -> Any:
        """The optimizer that the options name.

        Args:
            parameters: What it trains.

        Raises:
            ArgumentError: There is no such optimizer, or no such argument of it.
        """
        given, rate = self.options.optimizer, self.options.learning_rate
        base = torch.optim.Optimizer
        if inspect.isclass(given) and issubclass(given, base):
            return given(parameters, lr=rate)  # type: ignore[call-arg]
        if not isinstance(given, Spec):
            return _made("optimizer", given(parameters), base)
        found = named_class("optimizer", given, "torch.optim", base)
        arguments: dict[str, Any] = {"lr": rate}
        if given.class_path.lower() == "sgd" and not given.init_args:
            arguments["momentum"] = MOMENTUM
        arguments |= check_arguments(
            "optimizer", found, given.init_args, skip=frozenset({"params"})
        )
        return found(parameters, **arguments)

    def make_scheduler(self, optimizer: Any) -> dict[str, Any]:
        """The optimizer with the scheduler that the options name, if they do.

        Args:
            optimizer: The optimizer.

        Returns:
            What `configure_optimizers` returns.

        Raises:
            ArgumentError: There is no such scheduler, or no such argument of it.
        """
        given = self.options.scheduler
        if given is None:
            return {"optimizer": optimizer}
        base = torch.optim.lr_scheduler.LRScheduler
        if isinstance(given, Spec):
            module = "torch.optim.lr_scheduler"
            found = named_class("scheduler", given, module, base)
            skip = frozenset({"optimizer"})
            arguments = check_arguments("scheduler", found, given.init_args, skip=skip)
            scheduler: Any = found(optimizer, **arguments)
        else:
            scheduler = _made("scheduler", given(optimizer), base)
        if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self.plateau = scheduler  # see PlateauSteps
            return {"optimizer": optimizer}
        entry = {"scheduler": scheduler, "interval": "epoch"}
        return {"optimizer": optimizer, "lr_scheduler": entry}


class Sampling(Recipe):
    """A recipe whose models sample, so that `qml-qdl sample` can have them do so."""

    @classmethod
    @abstractmethod
    def drawn(
        cls, model: nn.Module, count: int, generator: torch.Generator, split: Any
    ) -> Tensor:
        """Samples of a trained model.

        Args:
            model: The model, or one that was trained beside it.
            count: How many, ≥ 1.
            generator: Random numbers.
            split: What was learnt from.

        Returns:
            (count, …).
        """

    @classmethod
    @abstractmethod
    def compared(
        cls, model: nn.Module, samples: Tensor, split: Any
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Measures of samples, and what stands beside them.

        Args:
            model: What they are of.
            samples: What `drawn` returned.
            split: What was learnt from.

        Returns:
            Two dictionaries, by the names of measures; empty where there are too few.
        """

    @classmethod
    @abstractmethod
    def picture(cls, samples: Tensor, split: Any) -> Figure:
        """A picture of samples.

        Args:
            samples: What `drawn` returned.
            split: What was learnt from.
        """


def named_class(name: str, spec: Spec, module: str, base: type[Any]) -> type[Any]:
    """The class that a spec names, in a module or by import path.

    Args:
        name: What it is for, in messages.
        spec: The spec.
        module: Where classes are known by their names alone.
        base: What it has to be a subclass of.

    Raises:
        ArgumentError: There is no such class.
    """
    path = spec.class_path if spec.is_path else known_path(module, spec.class_path)
    if path is None:
        raise ArgumentError(
            f"{name}: expected a class of {module} by name, or of another module by "
            f"import path, got {spec.class_path!r}"
            f"{did_you_mean(spec.class_path, class_names(module))}"
        )
    return import_class(name, path, base)


def build_object(name: str, given: Any, module: str, base: type[Any]) -> Any:
    """Builds what a spec names; other objects are what they are.

    Args:
        name: What it is for, in messages.
        given: A spec or an object.
        module: Where classes are known by their names alone.
        base: What it has to be.

    Raises:
        ArgumentError: There is no such class, or no such argument of it.
        ArgumentTypeError: It is an object of something else.
    """
    if not isinstance(given, Spec):
        return _made(name, given, base)
    found = named_class(name, given, module, base)
    return found(**check_arguments(name, found, given.init_args))


def _made(name: str, given: Any, base: type[Any]) -> Any:
    if not isinstance(given, base):
        raise ArgumentTypeError(
            f"{name}: expected a {base.__module__}.{base.__name__}, got "
            f"{type(given).__name__}"
        )
    return given


@validate_call
def count_parameters(model: nn.Module) -> int:
    """Returns how many numbers of a model are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def as_array(values: Any) -> Any:
    """Predictions as they are kept: whole numbers as int64, others as float32.

    Args:
        values: An array, or the list of a file.

    Example:
        >>> as_array([1, 0]).dtype, as_array([0.5]).dtype
        (dtype('int64'), dtype('float32'))
    """
    array = np.asarray(values)
    return array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
