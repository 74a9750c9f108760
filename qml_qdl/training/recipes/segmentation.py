"""The recipe of models that give each place of a row a class."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from attrs import evolve
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.splitting import Split
from qml_qdl.training.baselines import Baseline, fit_classifiers
from qml_qdl.training.recipes.supervised import Classification


class Segmentation(Classification):
    """Fits a model that returns logits (rows, classes, places), by cross entropy.

    A place has as many inputs as any other: a pixel's of an image, or numbers that
    stand side by side in the line of a table, place by place. Inputs stay as they are:
    the components of a field would not turn together if each had a scale of its own.
    Accuracy is the share of places. It has no interval, since the places of a row are
    not independent. It stands beside logistic regression, the nearest neighbour and
    the majority class, all of a place alone.

    Args:
        model: Maps inputs (rows, …) to logits (rows, classes, places).
        split: The data, whose labels are (rows, places).
        options: How it is trained; `loss` takes logits and class indices.
    """

    standardise: ClassVar[bool] = False

    @classmethod
    def check_places(cls, dataset: Dataset) -> None:
        """Refuses classes of rows rather than of places.

        Raises:
            DataError: It has such.
        """
        if not dataset.num_places:
            raise DataError(
                f"labels: segmentation needs a class at each place of a row, (rows, "
                f"places), got one per row in {dataset.name!r}; use the recipe "
                "'classification'"
            )
        shape = dataset.input_shape
        size, places = math.prod(shape[-2:]), dataset.num_places
        if size != places if dataset.is_image else size % places:
            raise DataError(
                f"labels: segmentation needs as many inputs for each place, got "
                f"{places} places in {dataset.name!r} for rows of shape "
                f"{shape}; give each pixel, or each group of numbers, one label"
            )

    def shaped(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (rows, classes, places) and class indices (rows, places).

        Raises:
            ArgumentError: The model returns another shape.
        """
        wanted = (len(labels), self.split.train.num_classes, labels.shape[1])
        if tuple(outputs.shape) != wanted:
            raise ArgumentError(
                f"model: segmentation needs logits (rows, classes, places), {wanted}, "
                f"got outputs of shape {tuple(outputs.shape)}; use a model such as "
                "'mesh'"
            )
        return outputs, labels

    @classmethod
    def interval(cls, predictions: Any, part: Dataset) -> tuple[None, None]:
        """Nones."""
        return None, None

    @classmethod
    def baselines(cls, split: Split) -> list[Baseline]:
        """Logistic regression, the nearest neighbour and the majority class.

        They see of a place its own inputs alone.
        """
        train, validation, test = (
            _by_place(part) for part in (split.train, split.validation, split.test)
        )
        return fit_classifiers(
            evolve(split, train=train, validation=validation, test=test), cls.measure
        )


def _by_place(part: Dataset) -> Dataset:
    """Each place as a row of its own."""
    inputs = np.moveaxis(part.inputs, 1, -1) if part.is_image else part.inputs
    rows = inputs.reshape(part.labels.size, -1)
    return evolve(part, inputs=rows, labels=part.labels.ravel(), columns=())
