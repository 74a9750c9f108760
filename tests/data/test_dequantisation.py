"""Noise as wide as values are told apart, and the values again."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from qml_qdl.circuits.errors import DataError, ShapeError
from qml_qdl.data import Dataset, Dequantiser, load, split

ROWS = 60
RANDOM = np.random.default_rng(0)
COLUMNS = {
    "continuous": RANDOM.normal(size=ROWS),
    "word": np.arange(ROWS) % 2.0,
    "count": RANDOM.integers(0, 6, ROWS) * 0.5,
    "mostly zero": np.maximum(RANDOM.normal(size=ROWS), 0),
}
TABLE = Dataset(np.column_stack(list(COLUMNS.values())), np.arange(ROWS) % 2, "ab")
ROOM = [
    math.sqrt(12) * column.astype(np.float32).std() / ROWS
    for column in COLUMNS.values()
]


def test_noise_is_as_wide_as_gaps_and_never_narrower_than_spread_rows() -> None:
    made = Dequantiser.fit(TABLE)
    expected = [ROOM[0], 1, 0.5, ROOM[3]]
    assert made.widths.tolist() == pytest.approx(expected, rel=1e-5)
    levels = [None if each is None else each.tolist() for each in made.levels]
    assert levels == [None, [0, 1], [0, 0.5, 1, 1.5, 2, 2.5], None]


def test_noise_is_uniform_and_can_be_repeated() -> None:
    made = Dequantiser.fit(TABLE)
    rows = torch.tensor(TABLE.inputs).repeat(200, 1)
    noisy = made.noisy(rows, torch.Generator().manual_seed(0))
    noise = (noisy - rows) / made.widths.float()
    assert float(noise.abs().max()) <= 0.5 + 1e-3
    torch.testing.assert_close(noise.mean(0), torch.zeros(4), atol=0.01, rtol=0)
    torch.testing.assert_close(
        noise.var(0), torch.full((4,), 1 / 12), atol=3e-3, rtol=0
    )
    again = made.noisy(rows, torch.Generator().manual_seed(0))
    assert torch.equal(noisy, again)


def test_rounding_takes_the_noise_of_levels_away() -> None:
    made = Dequantiser.fit(TABLE)
    rows = torch.tensor(TABLE.inputs)
    back = made.rounded(made.noisy(rows.double()))
    assert torch.equal(back[:, 1:3], rows[:, 1:3].double())
    assert not torch.equal(back[:, 0], rows[:, 0].double())
    far = made.rounded(torch.full((1, 4), 99.0))
    assert far.tolist() == [[99, 1, 2.5, 99]]


def test_what_has_no_density_is_refused() -> None:
    constant = np.column_stack([COLUMNS["word"], np.full(ROWS, 7.0)])
    parts = split(Dataset(constant, np.arange(ROWS) % 2, "ab"))
    with pytest.raises(DataError, match=r"column 2: .* got 0 in every row .* leave it"):
        Dequantiser.fit(parts.train)
    with pytest.raises(DataError, match=r"learnt of tables, got 'digits'"):
        Dequantiser.fit(load("digits"))
    with pytest.raises(ShapeError, match=r"rows: expected the shape \(rows, 4\)"):
        Dequantiser.fit(TABLE).rounded(torch.zeros(2, 3))
