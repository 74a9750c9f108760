"""Tables of a user's own: CSV files and pandas frames, by one way into a data set."""

from __future__ import annotations

import csv
import gzip
import io
import logging
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import psutil
from attrs import field, frozen

from qml_qdl.circuits.errors import ArgumentTypeError, DataError, MemoryBoundError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_type,
    validate_call,
)
from qml_qdl.data.dataset import Column, Dataset, Missing, encode_labels
from qml_qdl.data.files import existing, labelled

if TYPE_CHECKING:
    from pandas import DataFrame, Series

_logger = logging.getLogger(__name__)

Header: TypeAlias = Literal["auto", "yes", "no"]
"""Whether the first line of a file names the columns."""

MissingCells: TypeAlias = Literal["error", "mean", "median", "most_frequent", "drop"]
"""What is done about rows with an empty cell."""

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
"""How the names of files end that hold tables."""

MOST_CATEGORIES = 1000
"""So many different words may be in a column."""

_LABEL_COLUMNS = ("label", "target")
_EMPTY = ("", "nan", "-nan", "na", "<na>", "n/a", "#n/a", "null", "none", "nat", "?")
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?[iI][nN][fF](?:inity)?"
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", re.ASCII)
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?", re.ASCII)
# 1,234.5 and the like, and 1,5 where decimals are not written so.
_GROUPED = r"[+-]?\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d+)?|[+-]?\d+,\d+"
_TRUTH = {"false": 0.0, "true": 1.0}
_IDENTITY = re.compile(r"(?:.*[ _.-])?(?:id|index|uuid|guid)|unnamed: 0", re.IGNORECASE)
_WAYS = "'drop', 'mean', 'median' or 'most_frequent'"
_SNIFFED = 20
_BYTES_PER_CHARACTER = 16
"""What a table takes while it is read, and more."""


@validate_call
def read_csv(
    path: str | Path,
    *,
    label_column: str | None = None,
    header: Header = "auto",
    drop: str | Sequence[str] = (),
    categorical: str | Sequence[str] = (),
    missing: MissingCells = "error",
) -> Dataset:
    """Reads a table with one column of labels.

    Cells are separated by commas, semicolons or tabs, whichever gives all lines as many
    cells. Columns of numbers stay numbers (True and False are 1 and 0), columns of
    words become categories, of which `split` makes zeros and ones. Words and whole
    numbers as labels are classes, numbers of which one is not whole are fitted. Whole
    numbers are fitted after `Dataset.as_numbers`.

    Args:
        path: A file in UTF-8, also compressed (.csv.gz).
        label_column: The column of labels; None takes "label" or "target" if there
            is one, else the last column.
        header: Whether the first line names the columns; "auto" takes it for a row if
            it holds numbers where the lines below do. Without names columns are called
            "1", "2", ….
        drop: Columns to leave out, such as an identity.
        categorical: Columns whose numbers are names of categories, such as post codes;
            of labels, of classes, such as 1.5 and 2.
        missing: What is done about empty cells (also NA, NaN, null, None, n/a and "?"):
            "error", "drop" leaves out their rows, "mean", "median" and "most_frequent"
            have `split` put that of the training part; in columns of words always the
            most frequent.

    Returns:
        The data set, named after the file.

    Raises:
        ArgumentError: An option is unknown.
        DataError: The file is missing, a line has too few or too many cells, a cell
            is empty or no finite number, a label is missing; the message gives line
            and column.
        MemoryBoundError: The file is too large for the memory.

    Example:
        >>> read_csv("mine.csv", drop="id", missing="median")  # doctest: +SKIP
    """
    path = existing(path)
    table = _read(path, header)
    name = path.name[: len(path.name) - len(_suffix(path))]
    return _dataset(table, label_column, drop, categorical, missing, name or path.name)


@validate_call
def from_pandas(
    frame: Any,
    *,
    label_column: str | None = None,
    drop: str | Sequence[str] = (),
    categorical: str | Sequence[str] = (),
    missing: MissingCells = "error",
    name: str = "data",
) -> Dataset:
    """Takes a pandas frame: the data set that `read_csv` makes of the same table.

    Args:
        frame: A `pandas.DataFrame` of numbers, truth values and words. Its index is no
            column.
        label_column: As of `read_csv`, and so are all others.
        drop: Columns to leave out.
        categorical: Columns whose numbers are names of categories.
        missing: What is done about empty cells.
        name: What the data are called in reports.

    Returns:
        The data set.

    Raises:
        ArgumentError: An option is unknown.
        ArgumentTypeError: It is no frame.
        DataError: A value cannot be learnt from; the message gives row and column.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame(
        ...     {"size": [1.0, 2.5], "colour": ["red", "blue"], "label": ["a", "b"]}
        ... )
        >>> from_pandas(frame, name="mine")
        Dataset('mine', 2 rows of shape (2,), 2 classes)
        >>> from_pandas(frame).columns[1].categories
        ('blue', 'red')
    """
    table = _Table("frame", "row", _of_frame(frame))
    return _dataset(table, label_column, drop, categorical, missing, name)


def is_table(path: str | Path) -> bool:
    """Whether a path is that of a table, by the end of its name.

    Args:
        path: The path.

    Example:
        >>> is_table("a/Mine.CSV"), is_table("mine.npz")
        (True, False)
    """
    return bool(_suffix(path))


def read_rows(
    source: Any, columns: Sequence[Column], header: Header = "auto"
) -> Dataset:
    """Reads new rows of a table that is known: columns are found by name.

    Args:
        source: The path of a file, or a pandas frame.
        columns: What the columns hold; none if all are numbers without names.
        header: Whether the first line of a file names the columns.

    Returns:
        The rows in the order of `columns`, with zeros for labels.

    Raises:
        DataError: A column is missing, or holds what it did not.
    """
    if isinstance(source, str | Path):
        table = _read(existing(source), header, least=1)
    else:
        table = _Table("frame", "row", _of_frame(source))
    # Data of plain numbers had no names.
    columns = columns or [Column(name) for name in table.frame]
    names = [column.name for column in columns]
    lacking = [name for name in names if name not in table.frame]
    if lacking:
        raise DataError(
            f"{table.source}: expected the columns of training, got none called "
            f"{', '.join(map(repr, lacking))}; the columns are {list(table.frame)}"
        )
    left = [name for name in table.frame if name not in names]
    if left:
        _logger.info("%s: not read: %s", table.source, ", ".join(map(repr, left)))
    inputs = [
        _encode(table, each.name, bool(each.categories), each.missing, known=True)
        for each in columns
    ]
    return _joined(inputs, np.zeros(len(table.frame)), (), table.source)


@frozen(eq=False)
class _Table:
    """Cells of text, NaN where a frame has none; the index says where they stand."""

    source: str
    unit: str
    frame: DataFrame = field(repr=False)

    def error(self, name: str, wrong: Any, expected: str, repair: str) -> DataError:
        """What is wrong with the first of some cells of a column."""
        cells = self.frame[name][wrong]
        return DataError(
            f"{self.source}: {self.unit} {cells.index[0]}, column {name!r}: expected "
            f"{expected}, got {cells.iloc[0]!r}; {repair}"
        )


# ---- Files and frames become cells of text. ----


def _suffix(path: str | Path) -> str:
    name = Path(path).name.lower()
    return next((each for each in SUFFIXES[::-1] if name.endswith(each)), "")


def _read(path: Path, header: Header, least: int = 2) -> _Table:
    from pandas import DataFrame

    check_choice("header", header, get_args(Header))
    most = psutil.virtual_memory().available // _BYTES_PER_CHARACTER
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", newline="", encoding="utf-8-sig") as file:
            text = file.read(most + 1)
        if len(text) > most:  # also of a small file that unpacks to a large one
            raise MemoryBoundError(
                f"{path}: expected {most:,} characters at most, which is what the free "
                "memory holds, got more; use fewer rows"
            )
        separator = _separator(text)
        lines = [*_records(text, separator)]
    except (csv.Error, UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: expected a CSV file in UTF-8, got one that cannot be read "
            f"({error})"
        ) from error
    width = len(lines[0][1]) if lines else 0
    if width < least:
        raise DataError(
            f"{path}: expected a first line with {least} cells or more, separated by "
            f"commas, semicolons or tabs, got {lines[0][1] if lines else []}"
        )
    for line, cells in lines:
        if len(cells) != width:
            raise DataError(
                f"{path}: line {line}: expected {width} cells as in the first line, "
                f"got {len(cells)}"
            )
    frame = DataFrame(
        [cells for _, cells in lines], index=[line for line, _ in lines], dtype=object
    )
    frame, comma = _with_points(path, frame, separator)
    named = _has_names(path, frame) if header == "auto" else header == "yes"
    taken = [f"separated by {separator!r}"] if separator == ";" else []
    taken += ["with decimal commas"] if comma else []
    if named:
        names, frame = frame.iloc[0], frame.iloc[1:]
        # As pandas calls the column of an index that was written without a name.
        frame.columns = [name or f"Unnamed: {k}" for k, name in enumerate(names)]
    else:
        frame.columns = [str(1 + number) for number in range(width)]
        if header == "auto":
            taken.append("without names of columns in the first line (header='no')")
    if taken:
        _logger.warning("%s: taken as a table %s", path, ", ".join(taken))
    if frame.empty:
        raise DataError(f"{path}: expected rows below the column names, got none")
    return _Table(str(path), "line", _checked(str(path), frame))


def _records(text: str, separator: str) -> Iterable[tuple[int, list[str]]]:
    """Lines that are not blank, with their numbers."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    for cells in reader:
        cells = [cell.strip() for cell in cells]
        if cells and cells != [""]:
            yield reader.line_num, cells


def _separator(text: str) -> str:
    """What gives the first lines equally many cells, two or more."""
    most, found = 1, ","
    for separator in ("\t", ";", ","):
        try:
            widths = [
                len(cells) for _, cells in islice(_records(text, separator), _SNIFFED)
            ]
        except csv.Error:
            continue
        if widths and widths[0] > 1 and len(set(widths)) == 1:
            return separator
        if widths and widths[0] > most:  # to tell which line differs
            most, found = widths[0], separator
    return found


def _with_points(
    path: Path, frame: DataFrame, separator: str
) -> tuple[DataFrame, bool]:
    """Decimal points instead of commas, if all numbers of a file have such."""
    if separator == ",":
        return frame, False
    commas = frame.map(lambda cell: bool(_DECIMAL_COMMA.fullmatch(cell)))
    points = frame.map(lambda cell: bool(_DECIMAL_POINT.fullmatch(cell)))
    if not commas.to_numpy().any() or points.to_numpy().any():
        return frame, False
    return frame.mask(commas, frame.map(lambda cell: cell.replace(",", "."))), True


def _has_names(path: Path, frame: DataFrame) -> bool:
    """Whether the first line names columns: it is unlike columns of numbers."""
    few = frame.head(1 + _SNIFFED)
    numbers, gaps = few.apply(_are_numbers), few.apply(_gaps)
    below = (numbers | gaps).iloc[1:].all()  # columns that hold numbers
    counted = below & numbers.iloc[0]
    worded = below & ~(numbers | gaps).iloc[0]
    if counted.any() and worded.any() and len(frame) > 1:
        raise DataError(
            f"{path}: expected a first line of names, or of values as below, got "
            f"{list(frame.iloc[0])}; say which with header='yes' or header='no'"
        )
    return not counted.any()


def _of_frame(frame: Any) -> DataFrame:
    """A frame of any types as cells of text."""
    from pandas import DataFrame, RangeIndex
    from pandas.api import types

    check_type("frame", frame, DataFrame)
    cells = DataFrame(index=RangeIndex(len(frame)))
    columns = []
    for number, name in enumerate(frame.columns):
        values = frame.iloc[:, number]
        words = types.is_string_dtype(values.dtype) or types.is_object_dtype(
            values.dtype
        )
        number_like = types.is_numeric_dtype(values.dtype) and not (
            types.is_complex_dtype(values.dtype)
        )
        if isinstance(values.dtype, types.CategoricalDtype):
            values, words = values.astype(object), True
        if not (words or number_like):
            raise DataError(
                f"frame: column {str(name)!r}: expected numbers, truth values or "
                f"words, got {values.dtype}; turn it into numbers, or leave it out "
                f"with drop={str(name)!r}"
            )
        text = values.astype(object).map(
            lambda value: str(value).strip(), na_action="ignore"
        )
        columns.append(text.to_numpy(dtype=object))
    cells = DataFrame(dict(enumerate(columns)), index=cells.index, dtype=object)
    cells.columns = [str(name) for name in frame.columns]
    if cells.empty:
        raise DataError(
            f"frame: expected rows and columns, got shape {tuple(frame.shape)}"
        )
    return _checked("frame", cells)


def _checked(source: str, frame: DataFrame) -> DataFrame:
    names = list(frame.columns)
    if len(set(names)) != len(names):
        raise DataError(
            f"{source}: expected different column names, got {names}; rename columns, "
            "or without names choose header='no'"
        )
    return frame


def _gaps(column: Series) -> Series:
    """Where a cell is empty, or says so."""
    return column.isna() | column.str.lower().isin(_EMPTY)


# ---- Cells become a data set. ----


def _dataset(
    table: _Table,
    label_column: str | None,
    drop: str | Sequence[str],
    categorical: str | Sequence[str],
    missing: MissingCells,
    name: str,
) -> Dataset:
    check_choice("missing", missing, get_args(MissingCells))
    drop, categorical = _names("drop", drop), _names("categorical", categorical)
    _check_known(table, "drop", drop)
    frame = table.frame.drop(columns=list(drop))
    table = _Table(table.source, table.unit, frame)
    if missing == "drop":
        whole = ~frame.apply(_gaps).any(axis=1)
        if not whole.any():
            raise DataError(
                f"{table.source}: expected a row without an empty cell, got none; "
                "choose another way than missing='drop'"
            )
        if not whole.all():
            _logger.warning(
                "%s: %s of %s rows have an empty cell and are left out",
                *(table.source, f"{(~whole).sum():,}", f"{len(frame):,}"),
            )
        table = _Table(table.source, table.unit, frame[whole])
    label = _label_column(table, label_column)
    features = [each for each in frame if each != label]
    if not features:
        raise DataError(
            f"{table.source}: expected two columns or more, got {list(frame)}"
        )
    _check_known(table, "categorical", categorical)
    kept: Missing = "error" if missing == "drop" else missing
    inputs = [
        _encode(table, each, each in categorical, kept, known=False)
        for each in features
    ]
    for values, column in inputs:
        _warn_of_identity(table.source, values, column)
    labels = labelled(
        np.zeros((len(table.frame), 1)),
        _labels(table, label, label in categorical),
        name,
    )
    return _joined(inputs, labels.labels, labels.class_names, name)


def _joined(
    inputs: Sequence[tuple[Any, Column]],
    labels: Any,
    classes: tuple[str, ...],
    name: str,
) -> Dataset:
    matrix = np.stack([values for values, _ in inputs], axis=1)
    return Dataset(matrix, labels, classes, name, [column for _, column in inputs])


def _names(argument: str, names: str | Sequence[str]) -> tuple[str, ...]:
    given = (names,) if isinstance(names, str) else as_items(names)
    if given is None or not all(isinstance(each, str) for each in given):
        raise ArgumentTypeError(
            f"{argument}: expected the name of a column or several, got {names!r}"
        )
    return given


def _check_known(table: _Table, argument: str, names: Sequence[str]) -> None:
    for name in names:
        if name not in table.frame:
            raise DataError(
                f"{argument}: expected a column of {table.source}, got {name!r}; the "
                f"columns are {list(table.frame)}"
            )


def _label_column(table: _Table, label_column: str | None) -> str:
    names = list(table.frame)
    if label_column is not None:
        _check_known(table, "label_column", [label_column])
        return label_column
    named = [name for name in names if name in _LABEL_COLUMNS]
    if len(named) > 1:
        raise DataError(
            f"{table.source}: expected one column named 'label' or 'target', got both; "
            "choose with label_column"
        )
    return str(named[0] if named else names[-1])


def _are_numbers(column: Series) -> Series:
    return column.str.fullmatch(_NUMBER, flags=re.ASCII).eq(True)


def _encode(
    table: _Table, name: str, words: bool, missing: Missing, *, known: bool
) -> tuple[Any, Column]:
    """A column as numbers, NaN where cells are empty, and what they stand for.

    Args:
        table: The cells.
        name: The column's name.
        words: Whether it holds categories, whatever they look like.
        missing: What is done about empty cells.
        known: Whether `words` is known; else a column without numbers has categories.
    """
    cells = table.frame[name]
    gaps = _gaps(cells)
    if gaps.any() and missing == "error":
        ways = "" if known else f", or choose one of missing={_WAYS}"
        raise table.error(name, gaps, "a value", f"the cell is empty: fill it in{ways}")
    given = cells[~gaps]
    numbers = _are_numbers(given)
    if not words and numbers.all():
        return _floats(table, name, cells.mask(gaps)), Column(name, missing=missing)
    if not words and given.str.lower().isin(list(_TRUTH)).all():
        values = cells.str.lower().map(_TRUTH).to_numpy(float)
        return values, Column(name, missing=missing)
    if not words:
        force = "" if known else f", or choose categorical={name!r}"
        if known or numbers.any():
            expected = "a number as in training" if known else "a number as elsewhere"
            wrong = ~(_are_numbers(cells) | gaps)
            raise table.error(name, wrong, expected, f"repair it{force}")
        grouped = cells.str.fullmatch(_GROUPED, flags=re.ASCII).eq(True) & ~gaps
        if grouped.any():
            repair = f"write numbers like 1234.5{force}"
            raise table.error(name, grouped, "a number or a word", repair)
    codes, uniques = given.factorize()
    if len(uniques) > MOST_CATEGORIES and not known:
        raise DataError(
            f"{table.source}: column {name!r}: expected {MOST_CATEGORIES:,} different "
            f"words at most, got {len(uniques):,}; leave it out with drop={name!r}"
        )
    order, categories = encode_labels(map(_category, uniques))
    values = np.full(len(cells), np.nan)
    values[~gaps.to_numpy()] = order[codes]
    return values, Column(name, categories, missing)


def _floats(table: _Table, name: str, cells: Series) -> Any:
    values = cells.astype(float).to_numpy()
    bad = np.abs(values) > np.finfo(np.float32).max
    if bad.any():
        repair = "repair it or leave out the row"
        raise table.error(name, bad, "a finite number", repair)
    return values


def _category(cell: str) -> str:
    """One spelling of a number, as of a label."""
    if _WHOLE.fullmatch(cell):
        return str(int(cell))
    if re.fullmatch(_NUMBER, cell, re.ASCII) and abs(float(cell)) < np.inf:
        number = float(cell)
        return str(int(number)) if number.is_integer() else repr(number)
    return cell


def _labels(table: _Table, name: str, words: bool) -> list[Any]:
    """Labels, as numbers where all are: 10 after 9, unless they are to be words."""
    cells = table.frame[name]
    gaps = _gaps(cells)
    if gaps.any():
        repair = "fill it in, or leave out such rows with missing='drop'"
        raise table.error(name, gaps, "a label", repair)
    if words:
        return [_category(cell) for cell in cells]
    if not _are_numbers(cells).all():
        return list(cells)
    floats = _floats(table, name, cells)
    # A whole number with all its digits, which may be an identity.
    return [
        int(cell) if _WHOLE.fullmatch(cell) else number
        for cell, number in zip(cells, floats.tolist(), strict=True)
    ]


def _warn_of_identity(source: str, values: Any, column: Column) -> None:
    """Says that a column looks as if it numbered the rows."""
    rows = len(values)
    if rows < 3 or len(np.unique(values)) < rows or np.isnan(values).any():
        return
    whole = bool((values % 1 == 0).all())
    running = whole and values.max() - values.min() == rows - 1
    if column.categories or running or (whole and _IDENTITY.fullmatch(column.name)):
        _logger.warning(
            "%s: column %r differs in every row and is learnt from; if it is an "
            "identity, leave it out with drop=%r",
            *(source, column.name, column.name),
        )
