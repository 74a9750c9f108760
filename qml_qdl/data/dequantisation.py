"""Noise that makes densities of values that repeat, and the way back."""

from __future__ import annotations

import math

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.errors import DataError, ShapeError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.data.bits import as_floats
from qml_qdl.data.dataset import Dataset


@validate_call
@frozen(eq=False)
class Dequantiser:
    """Uniform noise on each column, as wide as its values are told apart.

    A density can be as high as it likes on values that repeat, such as counts, words as
    zeros and ones, or rounded numbers: then its likelihood has no bound. With uniform
    noise as wide as their gaps it is at most that of the values themselves (Theis, van
    den Oord and Bethge 2016, arXiv:1511.01844). The noise of a column is as wide as
    the smallest gap of its values in the training part, and never narrower than that of
    as many rows spread evenly, √12 σ / rows; so no column, and no relation among
    columns, makes the likelihood of a training row unbounded.

    Args:
        widths: How wide the noise of each column is, (features,).
        levels: Of a column whose gap is the wider one all its values, sorted; None of
            others.

    Example:
        >>> import torch
        >>> from qml_qdl.data import Dataset
        >>> counts = Dataset([[0.0], [2.0], [4.0]] * 9, [0, 1, 2] * 9, "abc")
        >>> made = Dequantiser.fit(counts)
        >>> made.widths.tolist(), made.rounded(torch.tensor([[1.8], [9.0]])).tolist()
        ([2.0], [[2.0], [4.0]])
    """

    widths: Tensor
    levels: tuple[Tensor | None, ...]

    @classmethod
    def fit(cls, train: Dataset) -> Dequantiser:
        """Measures the gaps of the training part.

        Args:
            train: The training part, as a model reads it: a table.

        Raises:
            DataError: A column has one value only, or a row is no row of numbers.
        """
        if train.is_image:
            raise DataError(
                f"dataset: a density is learnt of tables, got {train.name!r} with rows "
                f"of shape {train.input_shape}; use a table, or another model"
            )
        widths, levels = [], []
        for number, column in enumerate(torch.tensor(train.inputs).double().T):
            values = column.unique()
            if len(values) == 1:
                name = train.columns[number].name if train.columns else number + 1
                raise DataError(
                    f"column {name}: a density needs values that differ, got "
                    f"{float(values):g} in every row of the training part; leave it "
                    "out"
                )
            gap = float(values.diff().min())
            spread = math.sqrt(12) * float(column.std(correction=0)) / len(column)
            widths.append(max(gap, spread))
            levels.append(values if gap > spread else None)
        return cls(torch.tensor(widths, dtype=torch.float64), tuple(levels))

    def noisy(self, rows: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Rows with fresh noise.

        Args:
            rows: (rows, features).
            generator: Random numbers; None for torch's own.

        Raises:
            ShapeError: They have other columns.
        """
        self._check(rows)
        rows = as_floats(rows)
        noise = torch.rand(
            rows.shape, generator=generator, dtype=rows.dtype, device=rows.device
        )
        return rows + (noise - 0.5) * self.widths.to(rows)

    def rounded(self, rows: Tensor) -> Tensor:
        """Rows as the data are: columns of levels have the nearest one.

        Args:
            rows: (rows, features), with noise or sampled from a density of such.

        Raises:
            ShapeError: They have other columns.
        """
        self._check(rows)
        rows = as_floats(rows)
        columns = []
        for column, levels in zip(rows.T, self.levels, strict=True):
            if levels is not None:
                between = (levels[1:] + levels[:-1]) / 2
                nearest = torch.bucketize(column.contiguous(), between.to(column))
                column = levels.to(column)[nearest]
            columns.append(column)
        return torch.stack(columns, 1)

    def _check(self, rows: Tensor) -> None:
        if rows.shape[1:] != self.widths.shape:
            raise ShapeError(
                f"rows: expected the shape (rows, {len(self.widths)}), got "
                f"{tuple(rows.shape)}"
            )
