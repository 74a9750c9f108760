"""Options of a run: frozen values that check themselves.

They are declared here once: the command line has a flag for each field, with the type,
the default and the help that stand here, and a file has a key for it. Nothing heavy is
imported, so that the command line's help need not wait.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from attrs import Attribute, Factory, asdict, field, fields, frozen

from qml_qdl.training.registry import MODELS, candidates, heeded, option_names
from qml_qdl.training.specs import Spec, is_config

Accelerator: TypeAlias = Literal["auto", "cpu", "gpu"]
ColorMode: TypeAlias = Literal["grayscale", "rgb"]
Header: TypeAlias = Literal["auto", "yes", "no"]
Missing: TypeAlias = Literal["error", "mean", "median", "most_frequent", "drop"]
Precision: TypeAlias = Literal["32-true", "64-true", "bf16-mixed"]

_Check = Callable[[Any, "Attribute[Any]", Any], None]


def _name(attribute: Attribute[Any]) -> str:
    return str(attribute.metadata.get("name", attribute.name))


@frozen
class WholeNumber:
    """Checks a whole number.

    Args:
        minimum: The smallest that is allowed.
        optional: Whether None is allowed, too.
    """

    minimum: int = 1
    optional: bool = False

    def __call__(self, instance: Any, attribute: Attribute[Any], value: Any) -> None:
        """Refuses a value that is none."""
        from qml_qdl.circuits.validation import check_count

        if value is not None or not self.optional:
            check_count(_name(attribute), value, self.minimum)


def _choice(choices: tuple[str, ...]) -> _Check:
    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        from qml_qdl.circuits.validation import check_choice

        check_choice(_name(attribute), value, choices)

    return check


def _number(low: float, high: float = math.inf) -> _Check:
    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        from qml_qdl.circuits.validation import check_number

        check_number(_name(attribute), value, low, high)

    return check


def _is_a(kind: type, what: str) -> _Check:
    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        from qml_qdl.circuits.errors import ArgumentTypeError

        if not isinstance(value, kind) or value == "":
            raise ArgumentTypeError(
                f"{_name(attribute)}: expected {what}, got {value!r}"
            )

    return check


def _or_none(check: _Check) -> _Check:
    def checked(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if value is not None:
            check(instance, attribute, value)

    return checked


def _all(check: _Check) -> _Check:
    def checked(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        _is_a(tuple, "a list")(instance, attribute, value)
        for each in value:
            check(instance, attribute, each)

    return checked


def _as_names(value: Any) -> Any:
    # Files have lists only, and classes may be called 0 and 1.
    several = isinstance(value, list | tuple)
    names = value if several else (value,)
    whole = all(isinstance(x, str | int) and not isinstance(x, bool) for x in names)
    return tuple(str(name) for name in names) if whole else value


def _text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    from qml_qdl.circuits.validation import check_text

    check_text(_name(attribute), value)


_spec = _is_a(Spec, "a name or import path")
_OBJECT = "a name, an import path, or an object"


def _buildable(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """A spec, or in a script what it would become, or a function that makes that."""
    from qml_qdl.circuits.errors import ArgumentTypeError

    if isinstance(value, str | int | float | list | tuple | dict | None):
        raise ArgumentTypeError(
            f"{_name(attribute)}: expected {_OBJECT}, got {value!r}"
        )


def _as_spec(value: Any) -> Any:
    # What is none is told with the field's name, by its check.
    return Spec.from_config("", value) if is_config(value) else value


def _as_specs(value: Any) -> Any:
    several = isinstance(value, list | tuple)
    return tuple(map(_as_spec, value)) if several else value


@frozen(kw_only=True)
class TrainingOptions:
    """How weights are fitted.

    Args:
        epochs: Passes over the training rows at most, ≥ 1.
        batch_size: Rows per step, ≥ 1.
        learning_rate: Step size of the optimizer, > 0; of a GAN, the generator's.
        optimizer: The optimizer: adam, sgd (with momentum 0.9), any of torch.optim by
            name, such as adamw, or a class by import path.
        scheduler: What changes the learning rate: any of torch.optim.lr_scheduler by
            name, such as CosineAnnealingLR, or a class by import path; a step of it
            follows each epoch.
        loss: What is minimised: any loss of torch.nn by name, such as HuberLoss, or a
            module's class by import path.
        gradient_clip: Gradients are scaled down to this norm, > 0.
        precision: Numbers of torch: 32-true, 64-true or bf16-mixed.
        patience: Stops after this many epochs without a lower validation loss; of a
            generative model, whatever its best epoch is chosen by.
        accelerator: Where torch computes; auto takes a GPU if there is one.
        checkpoint_every: Keeps a checkpoint every so many steps too.
        callbacks: Callbacks of the Lightning trainer: any of its own by name, such as
            LearningRateMonitor, or a class by import path.
        logger: A logger of the Lightning trainer instead of TensorBoard's: any of its
            own by name, such as CSVLogger, or a class by import path.

    In a script optimizer, scheduler and loss may also be functions (of the parameters,
    of the optimizer, of outputs and labels), callbacks and logger objects; a run, whose
    options go to a file, has them by name or import path.

    Raises:
        ArgumentError: A value is out of its range.
        ArgumentTypeError: A value is no number or no name.

    Example:
        >>> TrainingOptions(epochs=3).optimizer
        Spec('adam')
    """

    epochs: int = field(default=20, validator=WholeNumber())
    batch_size: int = field(default=64, validator=WholeNumber())
    learning_rate: float = field(default=0.01, validator=_number(0))
    optimizer: Any = field(
        converter=_as_spec, validator=_buildable, default=Spec("adam")
    )
    scheduler: Any = field(
        converter=_as_spec,
        validator=_or_none(_buildable),
        default=None,
        metadata={"shown": "as the recipe has it"},
    )
    loss: Any = field(
        converter=_as_spec,
        validator=_or_none(_buildable),
        default=None,
        metadata={"shown": "as the recipe has it"},
    )
    gradient_clip: float | None = field(
        default=None, validator=_or_none(_number(0)), metadata={"shown": "never"}
    )
    precision: Precision = field(
        default="32-true", validator=_choice(get_args(Precision))
    )
    patience: int | None = field(
        default=None,
        validator=WholeNumber(optional=True),
        metadata={"shown": "never stop early"},
    )
    accelerator: Accelerator = field(
        default="auto", validator=_choice(get_args(Accelerator))
    )
    checkpoint_every: int | None = field(
        default=None,
        validator=WholeNumber(optional=True),
        metadata={"shown": "once per epoch"},
    )
    callbacks: tuple[Any, ...] = field(
        converter=_as_specs,
        validator=_all(_buildable),
        default=(),
        metadata={"shown": "none"},
    )
    logger: Any = field(
        converter=_as_spec,
        validator=_or_none(_buildable),
        default=None,
        metadata={"shown": "TensorBoard's"},
    )


@frozen(kw_only=True)
class DataOptions:
    """Which data, and how they are split.

    Args:
        source: digits, iris, wine, breast_cancer, two_moons, bars_and_stripes,
            log_normal or diabetes (nothing is downloaded); mnist or fashion_mnist
            (downloaded once from openml.org); the path of an .npz file with arrays x
            and y, of a CSV file, or of a folder with one folder of images for each
            class; or one's own by import path: a class of torch's
            data sets, or a function annotated to return a Dataset of qml_qdl.data. For
            nqs a Hamiltonian: heisenberg, xxz, transverse_ising, j1_j2, cluster_ising
            or annni, with arguments such as --data.size 22, or a function annotated to
            return an operator of PennyLane.
        labels: Keeps rows of this class only, by name; several for more classes. A
            generative model may learn a single one.
        label_column: Column of labels in a CSV file.
        image_size: Resizes the images of a folder to so many pixels in height and
            width.
        color_mode: Takes the images of a folder with one channel (grayscale) or three
            (rgb).
        header: Whether the first line of a CSV file names the columns; auto takes it
            for a row if it holds numbers where the lines below do, and calls the
            columns 1, 2, ….
        drop: Column of a CSV file to leave out, such as an identity; several for more.
        categorical: Column of a CSV file whose numbers are names of categories, or of
            classes; several for more. Columns of words always are.
        missing: What is done about empty cells of a CSV file: error; drop leaves out
            their rows; mean, median or most_frequent puts that of the training part.
        data_home: Folder of downloaded data.
        limit: Trains on this many rows only, each class keeping its share.
        test_fraction: Share of all rows kept for the test, between 0 and 1.
        validation_fraction: Share of the other rows for validation, between 0 and 1.
        split_seed: Fixes which row goes where; the same for all seeds.
    """

    source: Spec = field(
        converter=_as_spec,
        validator=_spec,
        default=Spec("digits"),
        metadata={"name": "data"},
    )
    labels: tuple[str, ...] = field(
        default=(),
        converter=_as_names,
        validator=_all(_is_a(str, "names of classes")),
        metadata={"name": "label", "shown": "all classes"},
    )
    label_column: str | None = field(
        default=None,
        validator=_or_none(_text),
        metadata={"shown": "label or target, else the last"},
    )
    image_size: int | None = field(
        default=None,
        validator=WholeNumber(optional=True),
        metadata={"shown": "as the images are, which have to be of one size"},
    )
    color_mode: ColorMode | None = field(
        default=None,
        validator=_or_none(_choice(get_args(ColorMode))),
        metadata={"shown": "as the images are, which have to be alike"},
    )
    header: Header = field(default="auto", validator=_choice(get_args(Header)))
    drop: tuple[str, ...] = field(
        default=(),
        converter=_as_names,
        validator=_all(_is_a(str, "names of columns")),
        metadata={"shown": "none"},
    )
    categorical: tuple[str, ...] = field(
        default=(),
        converter=_as_names,
        validator=_all(_is_a(str, "names of columns")),
        metadata={"shown": "columns of words"},
    )
    missing: Missing = field(default="error", validator=_choice(get_args(Missing)))
    data_home: str | None = field(
        default=None,
        validator=_or_none(_text),
        metadata={"shown": "scikit-learn's, ~/scikit_learn_data"},
    )
    limit: int | None = field(
        default=None,
        validator=WholeNumber(optional=True),
        metadata={"shown": "all rows"},
    )
    test_fraction: float = field(default=0.3, validator=_number(0, 1))
    validation_fraction: float = field(default=0.15, validator=_number(0, 1))
    split_seed: int = field(default=0, validator=WholeNumber(0))


def default_training(model: str) -> TrainingOptions:
    """How a model is trained where nothing else is said.

    Args:
        model: "auto", a name of the registry, or an import path.

    Returns:
        The options.

    Example:
        >>> default_training("auto") == TrainingOptions()
        True
        >>> default_training("patch_gan").batch_size
        32
    """
    from qml_qdl.circuits.validation import check_text

    check_text("model", model)
    known = MODELS.get(model)
    return TrainingOptions(**(known.training if known is not None else {}))


def _check_model(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    _spec(instance, attribute, value)
    if value.class_path != "auto" and value.class_path not in MODELS:
        if value.is_path:
            return
        from qml_qdl.circuits.errors import ArgumentError
        from qml_qdl.circuits.validation import did_you_mean

        names = ", ".join(repr(name) for name in ("auto", *MODELS))
        raise ArgumentError(
            f"model: expected one of {names}, or the import path of a torch module, "
            f"got {value.class_path!r}{did_you_mean(value.class_path, MODELS)}"
        )


def check_heeded(model: Spec, also: str | None = None) -> None:
    """Refuses options of other models.

    Args:
        model: The model that was asked for.
        also: What "auto" stands for, if that may be asked by now.

    Raises:
        ArgumentError: An option was given that the model has not.
    """
    from qml_qdl.circuits.errors import ArgumentError

    name = model.class_path if also is None else also
    for option, value in model.init_args.items():
        known = candidates(name) and option in option_names()
        if known and option not in heeded(name):
            raise ArgumentError(
                f"{option}: {name!r} has no such option, got {value!r}; leave it out, "
                "or use another model"
            )


@frozen(kw_only=True)
class RunOptions:
    """A whole comparison: data, model, training, seeds and whether there is a twin.

    Args:
        data: Which data.
        model: A name of the registry ("auto" is "quanvolution" for images and "dressed"
            for tables), or the import path of a torch module, and its arguments.
        recipe: How the model learns and is judged, by name or import path; None as the
            model and the data say.
        training: How it is fitted; by default as suits the model.
        seeds: How many trainings, each with a seed of its own.
        first_seed: The first seed; others follow it.
        twin: Whether the classical twin is trained too, with a vae the plain one, and
            beside a generator the flow or the autoregressive network.

    Example:
        >>> RunOptions(model=Spec("patch_gan", layers=2)).training.epochs
        375
    """

    data: DataOptions = field(factory=DataOptions)
    model: Spec = field(
        converter=_as_spec, validator=_check_model, default=Spec("auto")
    )
    recipe: Spec | None = field(
        converter=_as_spec,
        validator=_or_none(_spec),
        default=None,
        metadata={"shown": "as model and data say"},
    )
    training: TrainingOptions = field(
        default=Factory(
            lambda run: default_training(str(getattr(run.model, "class_path", "auto"))),
            takes_self=True,
        )
    )
    seeds: int = field(default=3, validator=WholeNumber())
    first_seed: int = field(
        default=0, validator=WholeNumber(0), metadata={"name": "seed"}
    )
    twin: bool = field(default=True, validator=_is_a(bool, "True or False"))

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds in order."""
        return tuple(range(self.first_seed, self.first_seed + self.seeds))

    def as_config(self) -> dict[str, Any]:
        """Everything in one dictionary of numbers, words and lists, as in a file."""
        groups = {"data": self.data, "training": self.training}
        values: dict[str, Any] = {}
        for each in fields(RunOptions):
            group: Any = groups.get(each.name, self)
            mine = fields(type(group)) if each.name in groups else (each,)
            for one in mine:
                values[_name(one)] = _written(getattr(group, one.name), _name(one))
        return values

    @classmethod
    def from_config(cls, values: Mapping[str, Any]) -> RunOptions:
        """Reads what `as_config` wrote, or a person; what is left out has its default.

        Args:
            values: Fields by name, all in one dictionary; options of the model may
                stand among them.

        Returns:
            The options, checked.

        Raises:
            ArgumentError: A name is unknown, or a value out of range.
            ArgumentTypeError: A value has the wrong type.

        Example:
            >>> RunOptions.from_config({"model": "vae", "latent": 3, "seed": 1}).model
            Spec('vae', latent=3)
        """
        from qml_qdl.circuits.errors import ArgumentError

        if not isinstance(values, Mapping):
            raise ArgumentError(f"values: expected a dictionary, got {values!r}")
        left = dict(values)
        model = Spec.from_config("model", left.pop("model", "auto"))
        found = {name: left.pop(name) for name in option_names() if name in left}
        model = Spec(model.class_path, **{**model.init_args, **found})
        check_heeded(model)

        def group(kind: Any, skip: tuple[str, ...] = ()) -> dict[str, Any]:
            names = {_name(each): each.name for each in fields(kind)}
            return {
                names[key]: left.pop(key)
                for key in tuple(left)
                if key in names and names[key] not in skip
            }

        data = DataOptions(**group(DataOptions))
        given = group(TrainingOptions)
        defaults = asdict(default_training(model.class_path), recurse=False)
        training = TrainingOptions(**{**defaults, **given})
        rest = group(cls, ("data", "model", "training"))
        if left:
            from qml_qdl.circuits.validation import did_you_mean

            name = next(iter(left))
            keys = (*cls().as_config(), *option_names())
            raise ArgumentError(
                f"{name}: there is no such option{did_you_mean(name, keys)}; leave it "
                "out, or give it to the model as one of its init_args"
            )
        return cls(data=data, model=model, training=training, **rest)


def option_fields() -> list[Attribute[Any]]:
    """The fields of all groups of a run's options, but for the groups."""
    whole = [each for each in fields(RunOptions) if each.name not in _GROUPS]
    return [
        *fields(DataOptions),
        *whole[:2],
        *fields(TrainingOptions),
        *whole[2:],
    ]


_GROUPS = {"data", "training"}


def _written(value: Any, name: str) -> Any:
    if isinstance(value, Spec):
        return value.as_config()
    if isinstance(value, tuple):
        return [_written(each, name) for each in value]
    if not isinstance(value, str | int | float | None):
        from qml_qdl.circuits.errors import ArgumentTypeError

        raise ArgumentTypeError(
            f"{name}: the options of a run go to a file, which cannot hold {value!r}; "
            "name its class by import path"
        )
    return value


def read_yaml(text: str) -> Any:
    """Reads YAML; 1e-3 is a number, which YAML 1.1 took for a word.

    Args:
        text: The text.

    Raises:
        yaml.YAMLError: It is no YAML.

    Example:
        >>> read_yaml("1e-3"), read_yaml("[1, adam]")
        (0.001, [1, 'adam'])
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML's safe loader, with the numbers that people write."""

    number = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+")
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", number, list("-+.0123456789")
    )
    return yaml.load(text, Loader)


def read_config(path: str | Path) -> dict[str, Any]:
    """Reads a YAML file of options.

    Args:
        path: The file.

    Returns:
        Its content: options by name.

    Raises:
        ArgumentError: It is not there, no YAML, or has no names at its top.
    """
    import yaml

    from qml_qdl.circuits.errors import ArgumentError

    try:
        content = read_yaml(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ArgumentError(
            f"config: {path} cannot be read ({error.strerror})"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ArgumentError(f"config: {path} is no YAML: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(k, str) for k in content):
        raise ArgumentError(
            f"config: expected options by name in {path}, such as 'epochs: 20', got "
            f"{type(content).__name__}"
        )
    return content


def write_config(options: RunOptions) -> str:
    """The YAML text that `read_config` reads.

    Args:
        options: The options.
    """
    import yaml

    text: str = yaml.safe_dump(
        options.as_config(), sort_keys=False, allow_unicode=True, width=88
    )
    return text
