"""Building what the options of a run name: the split data and the models."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import seed_everything
from torch import nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.data import named
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.parts import Split, split
from qml_qdl.models import DressedClassifier, QuanvolutionClassifier
from qml_qdl.training.options import DataOptions, ModelOptions


def load_data(options: DataOptions) -> Dataset:
    """Loads the whole data set that the options name.

    Args:
        options: Which data.

    Returns:
        The data set, before the split.

    Raises:
        DataError: The data cannot be read or learnt from.
    """
    return named.load(
        options.source,
        label_column=options.label_column,
        data_home=options.data_home,
    )


def split_data(dataset: Dataset, options: DataOptions) -> Split:
    """Splits a data set as the options say.

    Args:
        dataset: What `load_data` returned.
        options: Fractions, seed and limit.

    Returns:
        Training, validation and test part.
    """
    return split(
        dataset,
        test_fraction=options.test_fraction,
        validation_fraction=options.validation_fraction,
        seed=options.split_seed,
        limit=options.limit,
    )


def model_kind(options: ModelOptions, dataset: Dataset) -> str:
    """Returns "quanvolution" or "dressed", whichever "auto" means for the data.

    Args:
        options: Which model.
        dataset: What it will read.

    Raises:
        ArgumentError: The model named cannot read such data.
    """
    fitting = "quanvolution" if dataset.is_image else "dressed"
    if options.kind not in ("auto", fitting):
        wants = "images" if options.kind == "quanvolution" else "tables"
        raise ArgumentError(
            f"model: {options.kind!r} reads {wants}, got {dataset.name!r} with rows of "
            f"shape {dataset.input_shape}; use {fitting!r} or 'auto'"
        )
    return fitting


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
    if kind == "dressed":
        return DressedClassifier(dataset.input_shape[0], dataset.num_classes, **extra)
    channels, height, width = dataset.input_shape
    return QuanvolutionClassifier(
        (channels, height, width),
        dataset.num_classes,
        channels=options.channels,
        kernel_size=options.kernel_size,
        stride=options.stride,
        **extra,
    )


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
