"""Building what the options of a run name: the split data and the classifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from lightning.pytorch import seed_everything
from torch import nn

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.data import named
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.parts import Split, split
from qml_qdl.models import (
    DressedClassifier,
    EquivariantClassifier,
    QCNNClassifier,
    QuanvolutionClassifier,
)
from qml_qdl.training.kinds import KINDS
from qml_qdl.training.options import DataOptions, ModelOptions


def _convolutional(model: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    def build(options: ModelOptions, dataset: Dataset, **extra: Any) -> nn.Module:
        return model(
            dataset.input_shape,
            dataset.num_classes,
            channels=options.channels,
            kernel_size=options.kernel_size,
            stride=options.stride,
            **extra,
        )

    return build


def _dressed(options: ModelOptions, dataset: Dataset, **extra: Any) -> nn.Module:
    return DressedClassifier(dataset.input_shape[0], dataset.num_classes, **extra)


def _qcnn(options: ModelOptions, dataset: Dataset, **extra: Any) -> nn.Module:
    # A wire for each pixel would be too many.
    encoding = "amplitude" if dataset.is_image else "angle"
    shape, classes = dataset.input_shape, dataset.num_classes
    return QCNNClassifier(shape, classes, encoding=encoding, **extra)


CLASSIFIERS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {
        "quanvolution": _convolutional(QuanvolutionClassifier),
        "dressed": _dressed,
        "qcnn": _qcnn,
        "equivariant": _convolutional(EquivariantClassifier),
    }
)
"""The kinds of `qml_qdl.training.kinds.KINDS` that classify."""


def load_data(options: DataOptions) -> Dataset:
    """Loads the whole data set that the options name.

    Args:
        options: Which data.

    Returns:
        The data set, before the split; of the classes wanted.

    Raises:
        DataError: The data cannot be read or learnt from.
    """
    dataset = named.load(
        options.source,
        label_column=options.label_column,
        data_home=options.data_home,
    )
    return dataset.of_classes(options.labels) if options.labels else dataset


def split_data(dataset: Dataset, options: DataOptions, kind: str = "auto") -> Split:
    """Splits a data set as the options say.

    Args:
        dataset: What `load_data` returned.
        options: Fractions, seed and limit.
        kind: The kind of model: what reads bits or counts gets them as they are.

    Returns:
        Training, validation and test part.
    """
    return split(
        dataset,
        test_fraction=options.test_fraction,
        validation_fraction=options.validation_fraction,
        seed=options.split_seed,
        limit=options.limit,
        standardise=kind == "auto" or KINDS[kind].reads in ("images", "tables", "any"),
    )


def model_kind(options: ModelOptions, dataset: Dataset) -> str:
    """Returns the kind of model; "auto" means what fits the data.

    Args:
        options: Which model.
        dataset: What it will read.

    Raises:
        ArgumentError: The model named cannot read such data.
        DataError: The model tells classes apart, and there is one.
    """
    fitting = "quanvolution" if dataset.is_image else "dressed"
    kind = fitting if options.kind == "auto" else options.kind
    if dataset.num_classes < 2 and not KINDS[kind].generates:
        raise DataError(
            f"labels: {kind!r} tells classes apart and needs two or more, got "
            f"{list(dataset.class_names)} in {dataset.name!r}; add rows of another "
            "class, or use a generative model"
        )
    reads = KINDS[kind].reads
    if reads == "images":
        fits = dataset.is_image
    elif reads == "tables":
        fits = not dataset.is_image
    elif reads == "whole numbers":
        numbers = dataset.inputs
        whole = bool((numbers >= 0).all() and (numbers % 1 == 0).all())
        fits = dataset.input_shape == (1,) and whole
        reads = "a table of one column of whole numbers from 0 up"
    else:
        fits = True  # bits are made of images, and tables are looked at later
    if not fits:
        instead = f"use {fitting!r} or 'auto'"
        if KINDS[kind].generates:
            instead = "use other data or another model"
        raise ArgumentError(
            f"model: {options.kind!r} reads {reads}, got {dataset.name!r} with rows of "
            f"shape {dataset.input_shape}; {instead}"
        )
    return kind


def build_quantum(options: ModelOptions, dataset: Dataset, seed: int) -> Any:
    """Builds the untrained quantum model.

    Args:
        options: Which model.
        dataset: What it will read; only shape and classes matter.
        seed: Seeds the global generators, and so the initial weights.

    Returns:
        A module from inputs to logits with `classical_twin` and `quantum_layers`.

    Raises:
        ArgumentError: The model cannot read such data.
        TargetError: The target is unknown or cannot run the circuit.
    """
    kind = model_kind(options, dataset)
    seed_everything(seed, verbose=False)
    extra: dict[str, Any] = {"target": options.target}
    if options.layers is not None:
        extra["layers"] = options.layers
    return CLASSIFIERS[kind](options, dataset, **extra)


def build_twin(options: ModelOptions, dataset: Dataset, seed: int) -> nn.Module:
    """Builds the untrained classical twin: same topology, nearest parameter count.

    Args:
        options: Which model to mirror.
        dataset: What it will read.
        seed: Seeds the initial weights.

    Returns:
        A module from inputs to logits.
    """
    quantum = build_quantum(options, dataset, seed)
    seed_everything(seed, verbose=False)
    twin: nn.Module = quantum.classical_twin()
    return twin
