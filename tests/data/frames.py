"""A table of numbers, words and empty cells, and which rows are in which part."""

from __future__ import annotations

import numpy as np
import pandas as pd

from qml_qdl.data import from_pandas, split


def table(rows: int = 80) -> pd.DataFrame:
    """Two columns of numbers, one of words, each with empty cells, and two classes."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": generator.normal(3, 2, rows),
            "count": generator.integers(0, 5, rows).astype(float),
            "colour": generator.choice(["red", "green", "blue"], rows).astype(object),
            "label": generator.choice(["a", "b"], rows),
        }
    )
    for name in ("size", "count", "colour"):
        frame.loc[generator.choice(rows, 8, replace=False), name] = None
    return frame


def frames_of(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each part, found by their numbers."""
    numbered = frame[["label"]].assign(number=np.arange(len(frame)) / 1024)
    parts = split(from_pandas(numbered[["number", "label"]]), standardise=False)
    return {
        name: frame.iloc[(getattr(parts, name).inputs[:, 0] * 1024).astype(int)]
        for name in ("train", "validation", "test")
    }
