"""What a training is made of: frozen options that check themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from attrs import Attribute, Factory, field, fields, frozen

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import check_choice, check_count
from qml_qdl.training.kinds import KINDS, MODELS, generates, unheeded

OPTIMIZERS = ("adam", "sgd")
ACCELERATORS = ("auto", "cpu", "gpu")
PARTS = ("latent", "encoder", "decoder")

_Check = Callable[[Any, "Attribute[Any]", Any], None]


def _count(minimum: int = 1, *, optional: bool = False) -> _Check:
    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if not (optional and value is None):
            check_count(attribute.name, value, minimum)

    return check


def _choice(choices: tuple[str, ...], *, optional: bool = False) -> _Check:
    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if not (optional and value is None):
            check_choice(attribute.name, value, choices)

    return check


def _number(low: float, high: float = math.inf) -> _Check:
    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ArgumentTypeError(
                f"{attribute.name}: expected a number, got {value!r}"
            )
        if not low < value < high:
            raise ArgumentError(
                f"{attribute.name}: expected a number above {low:g} and below {high:g},"
                f" got {value!r}"
            )

    return check


def _text(*, optional: bool = False) -> _Check:
    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if optional and value is None:
            return
        if not isinstance(value, str) or not value:
            raise ArgumentTypeError(
                f"{attribute.name}: expected a name or path, got {value!r}"
            )

    return check


def _flag(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise ArgumentTypeError(
            f"{attribute.name}: expected True or False, got {value!r}"
        )


def _names(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not all(
        isinstance(name, str) and name for name in value
    ):
        raise ArgumentTypeError(
            f"{attribute.name}: expected names of classes, got {value!r}"
        )


def _as_tuple(value: Any) -> Any:
    # JSON has lists only.
    return tuple(value) if isinstance(value, list) else value


@frozen(kw_only=True)
class TrainingOptions:
    """How weights are fitted.

    Args:
        epochs: Passes over the training part at most, ≥ 1.
        batch_size: Rows per step, ≥ 1.
        learning_rate: Step size of the optimiser, > 0.
        optimizer: "adam", or "sgd" with momentum 0.9.
        patience: Stops after this many epochs without a lower validation loss (of a
            generative model: whatever its epochs are judged by); None never stops
            early.
        accelerator: "auto" takes a GPU if there is one, else "cpu" or "gpu".
        checkpoint_every: Also keeps a checkpoint every so many steps; None keeps
            one per epoch.

    Raises:
        ArgumentError: A value is out of its range.
        ArgumentTypeError: A value is no number or no name.

    Example:
        >>> TrainingOptions(epochs=3).optimizer
        'adam'
    """

    epochs: int = field(default=20, validator=_count())
    batch_size: int = field(default=64, validator=_count())
    learning_rate: float = field(default=0.01, validator=_number(0))
    optimizer: str = field(default="adam", validator=_choice(OPTIMIZERS))
    patience: int | None = field(default=None, validator=_count(optional=True))
    accelerator: str = field(default="auto", validator=_choice(ACCELERATORS))
    checkpoint_every: int | None = field(default=None, validator=_count(optional=True))


@frozen(kw_only=True)
class DataOptions:
    """Which data, and how they are split.

    Args:
        source: A name of `qml_qdl.data.names()`, or the path of a file.
        label_column: The column of labels in a CSV file; None finds it.
        data_home: Where downloads are kept; None means scikit-learn's folder.
        test_fraction: Share of all rows kept for the test, in (0, 1).
        validation_fraction: Share of the rest for validation, in (0, 1).
        split_seed: Fixes which row goes where, ≥ 0.
        limit: Trains on this many rows only; None for all.
        labels: Keeps rows of these classes only, by name; empty for all. A generative
            model may learn a single one.
    """

    source: str = field(default="digits", validator=_text())
    label_column: str | None = field(default=None, validator=_text(optional=True))
    data_home: str | None = field(default=None, validator=_text(optional=True))
    test_fraction: float = field(default=0.3, validator=_number(0, 1))
    validation_fraction: float = field(default=0.15, validator=_number(0, 1))
    split_seed: int = field(default=0, validator=_count(0))
    limit: int | None = field(default=None, validator=_count(optional=True))
    labels: tuple[str, ...] = field(default=(), converter=_as_tuple, validator=_names)


@frozen(kw_only=True)
class ModelOptions:
    """Which model.

    Not every option belongs to every kind: `qml_qdl.training.kinds.KINDS` has the
    table, and what does not apply is refused when a run begins.

    Args:
        kind: One of `MODELS`; "auto" is "quanvolution" for images, "dressed" for
            tables.
        channels: Feature maps of the quantum convolution, ≥ 1.
        kernel_size: Side of its window in pixels, ≥ 1.
        stride: Step of its window in pixels, ≥ 1.
        layers: Layers of the circuit, ≥ 1; None for the model's default.
        target: Where circuits run during training; None for the model's default.
        hidden: Hidden units of a Boltzmann machine or a variational autoencoder, ≥ 1;
            None for the model's default.
        latent: Latent variables of a variational autoencoder, ≥ 1; None for five.
        quantum_part: Where its circuit is: "latent", "encoder" or "decoder"; None for
            the decoder.
    """

    kind: str = field(default="auto", validator=_choice(MODELS))
    channels: int = field(default=4, validator=_count())
    kernel_size: int = field(default=2, validator=_count())
    stride: int = field(default=1, validator=_count())
    layers: int | None = field(default=None, validator=_count(optional=True))
    target: str | None = field(default=None, validator=_text(optional=True))
    hidden: int | None = field(default=None, validator=_count(optional=True))
    latent: int | None = field(default=None, validator=_count(optional=True))
    quantum_part: str | None = field(
        default=None, validator=_choice(PARTS, optional=True)
    )


def default_training(kind: str) -> TrainingOptions:
    """How a kind of model is trained where nothing else is said.

    Args:
        kind: One of `MODELS`.

    Returns:
        The options.

    Example:
        >>> default_training("auto") == TrainingOptions()
        True
        >>> default_training("patch_gan").batch_size
        32
    """
    check_choice("kind", kind, MODELS)
    return TrainingOptions(**(KINDS[kind].training if kind != "auto" else {}))


@frozen(kw_only=True)
class RunOptions:
    """A whole comparison: data, model, training, seeds and whether there is a twin.

    Args:
        data: Which data.
        model: Which model.
        training: How it is fitted; by default as suits the model.
        seeds: How many times, with seeds `first_seed`, `first_seed` + 1, …
        first_seed: The first seed, ≥ 0.
        twin: Whether the classical twin is trained too, and with a vae the plain one.
    """

    data: DataOptions = field(factory=DataOptions)
    model: ModelOptions = field(factory=ModelOptions)
    training: TrainingOptions = field(
        default=Factory(lambda run: default_training(run.model.kind), takes_self=True)
    )
    seeds: int = field(default=3, validator=_count())
    first_seed: int = field(default=0, validator=_count(0))
    twin: bool = field(default=True, validator=_flag)

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds in order."""
        return tuple(range(self.first_seed, self.first_seed + self.seeds))

    def check_applicable(self) -> None:
        """Refuses options that the kind of model would ignore.

        Raises:
            ArgumentError: An option that does not belong to the model was given.
        """
        kind = self.model.kind
        if len(set(self.data.labels)) == 1 and not generates(kind):
            raise ArgumentError(
                f"label: {kind!r} tells classes apart and needs two or more, got "
                f"{list(self.data.labels)}; name another, or use a generative model"
            )
        refused = unheeded(kind)
        for group in (self.model, self.training):
            for each in fields(type(group)):
                value = getattr(group, each.name)
                if each.name in refused and value != each.default:
                    raise ArgumentError(
                        f"{each.name}: {kind!r} has no such option, got {value!r}; "
                        "leave it out, or use another model"
                    )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunOptions:
        """Builds options from nested dictionaries, as `attrs.asdict` makes them.

        Args:
            values: Every field of these options by name, and nothing else.

        Returns:
            The options, checked.

        Raises:
            ArgumentError: A field is missing or unknown, or a value out of range.
            ArgumentTypeError: A value has the wrong type.
        """
        groups = {
            "data": DataOptions,
            "model": ModelOptions,
            "training": TrainingOptions,
        }
        _check_fields("options", cls, values)
        built = dict(values)
        for name, group in groups.items():
            _check_fields(name, group, values[name])
            built[name] = group(**values[name])
        return cls(**built)


_LATER = {"labels", "hidden", "latent", "quantum_part"}
"""Options that runs of earlier versions have not got."""


def _check_fields(name: str, group: Any, values: Any) -> None:
    known = {attribute.name for attribute in fields(group)}
    if isinstance(values, dict):
        known -= _LATER - set(values)
    if not isinstance(values, dict) or set(values) != known:
        got = sorted(values) if isinstance(values, dict) else repr(values)
        raise ArgumentError(f"{name}: expected the fields {sorted(known)}, got {got}")
