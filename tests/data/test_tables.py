from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    MemoryBoundError,
)
from qml_qdl.data import Dataset, from_pandas, load, read_csv
from qml_qdl.data.tables import MOST_CATEGORIES, read_rows


def csv_file(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "chosen", "inputs"),
    [
        pytest.param("a,b,c", None, [1, 2], id="last"),
        pytest.param("a,label,c", None, [1, 3], id="label"),
        pytest.param("target,b,c", None, [2, 3], id="target"),
        pytest.param("a,b,label", "a", [2, 3], id="by-name"),
    ],
)
def test_csv_finds_the_labels(
    tmp_path: Path, header: str, chosen: str | None, inputs: list[float]
) -> None:
    path = csv_file(tmp_path, f"{header}\n1,2,3\n\n4,5,6\n")
    data = load(path, label_column=chosen)
    assert data.inputs[0].tolist() == inputs
    assert data.labels.tolist() == [0, 1]


def test_csv_of_a_spreadsheet(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path, '\ufeffsize,"kind, exactly"\r\n 1e-3 ,"a ""b"""\r\n-2,c\r\n'
    )
    data = read_csv(path)
    assert data.inputs.ravel().tolist() == [np.float32(1e-3), -2]
    assert data.class_names == ('a "b"', "c")


def test_csv_sorts_numbers_as_numbers(tmp_path: Path) -> None:
    data = read_csv(csv_file(tmp_path, "x,y\n1,10\n2,9\n3,10\n"))
    assert data.class_names == ("9", "10")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "x,y\n1,a\nnan,b\n",
            "line 3, column 'x': expected a value, got 'nan'; the cell is empty: fill "
            "it in, or choose one of missing='drop', 'mean', 'median' or",
            id="nan",
        ),
        pytest.param(
            "x,y\n1,a\n,b\n",
            "line 3, column 'x': expected a value, got ''",
            id="blank",
        ),
        pytest.param("x,z,y\n1,2,a\n1,inf,b\n", "line 3, column 'z'", id="infinite"),
        pytest.param("x,y\n1,a\n1e99,b\n", "got '1e99'", id="too-large"),
        pytest.param(
            "x,y\n1,a\nred,b\n",
            "line 3, column 'x': expected a number as elsewhere, got 'red'; repair it, "
            "or choose categorical='x'",
            id="word",
        ),
        pytest.param("x,y\n1,a\n1_0,b\n", "got '1_0'", id="underscore"),
        pytest.param(
            "x,y\n1,a\n\u0661,b\n", "got '\u0661'", id="digits-of-another-script"
        ),
        pytest.param(
            'x,y\n"1,234.5",a\n"5,678.0",b\n',
            "got '1,234.5'; write numbers like 1234.5, or choose categorical='x'",
            id="thousands",
        ),
        pytest.param('x,y\n"1,5",a\n"2,5",b\n', "got '1,5'; write", id="quoted-comma"),
        pytest.param(
            "x;z;y\n1,5;2.5;a\n1,5;3.5;b\n", "column 'x'.* got '1,5'", id="both-marks"
        ),
        pytest.param("1,2,a\nx,3,b\n4,5,b\n", "got 'x'", id="no-names-and-a-word"),
        pytest.param(
            "1,z,y\n1,2,a\n3,4,b\n", "say which with header='yes' or", id="half-names"
        ),
        pytest.param("x,y\n,a\n?,b\n", "column 'x': expected a value", id="no-value"),
        pytest.param(
            "x,y\n1,a\n2,\n", "line 3, column 'y': expected a label, got ''", id="label"
        ),
        pytest.param(
            "x,y\n1,a\n2,NaN\n", "expected a label, got 'NaN'", id="nan-label"
        ),
        pytest.param(
            "x,y\n1,a\n2,b,3\n", "line 3: expected 2 cells .* got 3", id="ragged"
        ),
        pytest.param(
            "x,y\n1,0.5\n\n2,-inf\n",
            "line 4, column 'y': expected a finite number, got '-inf'",
            id="infinite-label",
        ),
        pytest.param("x,y\n1,0.5\n2,-nan\n", "line 3, column 'y'", id="minus-nan"),
        pytest.param("x,y\n1,1e300\n2,1\n", "line 2, column 'y'", id="large-label"),
        pytest.param("x,y\n", "expected rows below", id="no-rows"),
        pytest.param("", "with 2 cells or more, .* got \\[\\]", id="empty"),
        pytest.param("x,x\n1,2\n", "different column names", id="twice"),
        pytest.param("x\n1\n2\n", "2 cells or more", id="one-column"),
        pytest.param("label,target\n1,2\n", "got both", id="both"),
        pytest.param('x,y\n1,"a\n', "cannot be read", id="quote"),
    ],
)
def test_bad_csv_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_csv(csv_file(tmp_path, text))


def test_csv_in_another_alphabet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("größe,y\n1,a\n".encode("latin-1"))
    with pytest.raises(DataError, match="expected a CSV file in UTF-8"):
        read_csv(tmp_path / "latin.csv")


def test_an_unknown_label_column_is_named(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "x,y\n1,a\n")
    with pytest.raises(DataError, match=r"got 'z'; the columns are \['x', 'y'\]"):
        load(path, label_column="z")


def test_a_label_column_needs_a_csv_file() -> None:
    with pytest.raises(ArgumentError, match="only with a CSV file, got 'y'"):
        load("iris", label_column="y")


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text(alphabet='x,y\n1.e"-n∞\0 \r', max_size=60))
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = csv_file(tmp_path, f"x,y\n{text}")
    try:
        data = read_csv(path)
    except DataError:
        return
    assert np.isfinite(data.inputs).all()


def test_one_class_is_enough(tmp_path: Path) -> None:
    data = read_csv(csv_file(tmp_path, "x,y\n1,a\n2,a\n"))
    assert data.class_names == ("a",)


def test_csv_of_numbers_that_are_not_all_whole(tmp_path: Path) -> None:
    data = read_csv(csv_file(tmp_path, "x,y\n1,0.5\n2, -3 \n3,1e2\n4,0.5\n"))
    assert not data.has_classes
    assert data.labels.tolist() == [0.5, -3, 100, 0.5]
    assert data.name == "mine"


@pytest.mark.parametrize("labels", [["1.0", "3.0", "1e0"], ["1", "3", "1"]])
def test_whole_numbers_are_classes_and_become_numbers(
    tmp_path: Path, labels: list[str]
) -> None:
    text = "".join(f"0,{label}\n" for label in labels)
    np.savez(tmp_path / "mine.npz", x=np.zeros((3, 1)), y=[float(x) for x in labels])
    files = [csv_file(tmp_path, f"x,y\n{text}"), tmp_path / "mine.npz"]
    for data in map(load, files):
        assert data.class_names == ("1", "3")
        assert data.as_numbers().labels.tolist() == [1, 3, 1]


def test_words_among_numbers_make_classes(tmp_path: Path) -> None:
    data = read_csv(csv_file(tmp_path, "x,y\n1,0.5\n2,inf\n3,many\n"))
    assert data.class_names == ("0.5", "inf", "many")


def test_csv_tells_long_whole_numbers_apart(tmp_path: Path) -> None:
    # As floats both would be 2 ** 53.
    text = f"x,y\n1,{2**53 + 1}\n2,{2**53}\n"
    data = read_csv(csv_file(tmp_path, text))
    assert data.class_names == (str(2**53), str(2**53 + 1))


def same(one: Dataset, other: Dataset) -> bool:
    """Whether two data sets hold the same, by their names of columns, too."""
    return one.fingerprint() == other.fingerprint() and one.columns == other.columns


FRAME = pd.DataFrame(
    {
        "id": [101, 102, 103, 104],
        "size": [1.5, -2.25, 1e-3, 4.0],
        "colour": ["red", "blue, light", None, 'a "b"'],
        "old": [True, False, True, True],
        "label": ["x", "y", "x", "y"],
    }
)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_a_file_is_the_frame_that_was_written(
    tmp_path: Path, separator: str, ending: str
) -> None:
    path = tmp_path / f"mine{ending}"
    decimal = "," if separator == ";" else "."
    FRAME.to_csv(path, sep=separator, decimal=decimal, index=False)
    options: dict[str, Any] = {"drop": "id", "missing": "median"}
    data = load(path, **options)
    assert data.name == "mine"
    assert same(data, from_pandas(FRAME, **options))
    assert [column.name for column in data.columns] == ["size", "colour", "old"]
    assert data.columns[1].categories == ('a "b"', "blue, light", "red")
    expected = [[1.5, 2, 1], [-2.25, 1, 0], [1e-3, np.nan, 1], [4, 0, 1]]
    np.testing.assert_array_equal(data.inputs, np.array(expected, np.float32))
    assert data.class_names == ("x", "y")


cells = st.one_of(
    st.lists(st.floats(-1e30, 1e30), min_size=4, max_size=4),
    st.lists(st.integers(-(2**70), 2**70), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.lists(
        # Letters alone: "1.5" and "NA" in a file are numbers and gaps on purpose.
        st.text(alphabet="abü,;\t\"'\n ", min_size=1, max_size=5).map(
            lambda word: f"w{word}w"
        ),
        min_size=4,
        max_size=4,
    ),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    columns=st.lists(cells, min_size=1, max_size=3),
    gaps=st.lists(st.integers(0, 2), min_size=3, max_size=3),
    separator=st.sampled_from(",;\t"),
    quoting=st.sampled_from([0, 1, 2]),
)
def test_any_frame_comes_back_from_its_file(
    tmp_path: Path,
    columns: list[list[Any]],
    gaps: list[int],
    separator: str,
    quoting: int,
) -> None:
    frame = pd.DataFrame(
        {f"c{k}": pd.Series(values, dtype=object) for k, values in enumerate(columns)}
    )
    for number, gap in zip(range(len(columns)), gaps, strict=False):
        if gap:
            frame.iloc[gap, number] = None
    frame["label"] = ["a", "b", "a", "b"]
    path = tmp_path / "mine.csv"
    frame.to_csv(path, sep=separator, quoting=quoting, index=False)
    data = read_csv(path, header="yes", missing="most_frequent")
    assert same(data, from_pandas(frame, missing="most_frequent"))


def test_frames_of_pandas_own_types() -> None:
    plain = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"], "label": [1, 0, 1]})
    types: list[Any] = ["Int64", "category", "float32"]
    other = plain.astype(dict(zip(plain, types, strict=True)))
    assert same(from_pandas(plain), from_pandas(other))
    gap = other.copy()
    gap.loc[1, "a"] = pd.NA
    filled = from_pandas(gap, missing="mean")
    assert np.isnan(filled.inputs[1, 0])
    with pytest.raises(DataError, match="frame: row 1, column 'a': expected a value"):
        from_pandas(gap)


@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        pytest.param(
            {"a": [1], "label": [1]}, ArgumentTypeError, "DataFrame", id="dict"
        ),
        pytest.param(pd.DataFrame(), DataError, "got shape \\(0, 0\\)", id="empty"),
        pytest.param(
            pd.DataFrame({"a": pd.to_datetime(["2020-01-01"]), "label": [1]}),
            DataError,
            "column 'a': expected numbers, truth values or words, got datetime64",
            id="dates",
        ),
        pytest.param(
            pd.DataFrame([[1, 2, 3]], columns=["a", "a", "label"]),
            DataError,
            "different column names",
            id="twice",
        ),
        pytest.param(
            pd.DataFrame({"a": [1, np.inf], "label": [1, 2]}),
            DataError,
            "row 1, column 'a': expected a finite number, got 'inf'",
            id="infinite",
        ),
    ],
)
def test_bad_frames_are_refused(frame: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        from_pandas(frame)


@pytest.mark.parametrize(
    ("text", "header", "rows", "names"),
    [
        pytest.param("1.5,2,a\n3,4,b\n", "auto", 2, ["1", "2"], id="numbers"),
        pytest.param("1.5;2;a\n3;4;b\n", "auto", 2, ["1", "2"], id="semicolons"),
        pytest.param("1,2\n3,4\n", "auto", 2, ["1"], id="numbers-alone"),
        pytest.param("?,2,a\n3,4,b\n", "auto", 2, ["1", "2"], id="empty-first"),
        pytest.param("p,q,a\nr,s,b\n", "auto", 1, ["p", "q"], id="words"),
        pytest.param("p,q,a\nr,s,b\n", "no", 2, ["1", "2"], id="words-no-names"),
        pytest.param("2019,2020,y\n3,4,b\n", "yes", 1, ["2019", "2020"], id="years"),
    ],
)
def test_the_first_line_is_names_or_a_row(
    tmp_path: Path, text: str, header: Any, rows: int, names: list[str]
) -> None:
    data = read_csv(csv_file(tmp_path, text), header=header, missing="most_frequent")
    assert len(data) == rows
    assert [column.name for column in data.columns] == names


def test_what_was_taken_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_csv(csv_file(tmp_path, "1,5;2;a\n3,0;4;b\n"))
    (said,) = caplog.messages
    assert "separated by ';', with decimal commas, without names of columns" in said
    caplog.clear()
    read_csv(csv_file(tmp_path, "x,y\n1,a\n2,b\n"))
    assert not caplog.messages


@pytest.mark.parametrize(
    ("column", "values", "warned"),
    [
        pytest.param("ID", [7, 12, 9], True, id="by-name"),
        pytest.param("user_id", [7, 12, 9], True, id="by-its-end"),
        pytest.param("row", [2, 3, 1], True, id="numbers-in-a-row"),
        pytest.param("name", ["x", "y", "z"], True, id="words"),
        pytest.param("", [0, 1, 2], True, id="an-index-without-a-name"),
        pytest.param("size", [7, 12, 9], False, id="whole-numbers"),
        pytest.param("id", [7, 12, 7], False, id="not-different"),
        pytest.param("id", [0.5, 1.5, 2.25], False, id="not-whole"),
    ],
)
def test_an_identity_is_warned_of(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    column: str,
    values: list[Any],
    warned: bool,
) -> None:
    frame = pd.DataFrame({column: values, "a": [1, 1, 2], "label": ["a", "b", "a"]})
    frame.to_csv(tmp_path / "mine.csv", index=False)
    read_csv(tmp_path / "mine.csv")
    name = column or "Unnamed: 0"
    assert bool(caplog.messages) == warned
    assert all(f"leave it out with drop={name!r}" in each for each in caplog.messages)
    caplog.clear()
    assert len(read_csv(tmp_path / "mine.csv", drop=[name]).columns) == 1
    assert not caplog.messages


def test_rows_with_gaps_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "x,c,y\n1,a,u\n,b,v\n3,?,u\n4,b,\n5,b,v\n"
    data = read_csv(csv_file(tmp_path, text), missing="drop")
    assert data.inputs.tolist() == [[1, 0], [5, 1]]
    assert not data.columns[0].is_raw
    assert "3 of 5 rows have an empty cell and are left out" in caplog.text
    with pytest.raises(DataError, match="expected a row without an empty cell"):
        read_csv(csv_file(tmp_path, "x,y\n,a\n1,\n"), missing="drop")


def test_a_missing_label_is_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="line 3, column 'y': expected a label, got 'NA'"
    ):
        read_csv(csv_file(tmp_path, "x,y\n1,a\n2,NA\n"), missing="mean")


def test_numbers_as_categories(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "x,y\n10,a\n9.0,b\n010,a\n")
    assert read_csv(path, categorical="x").columns[0].categories == ("9", "10")
    path = csv_file(tmp_path, "x,y\n10,a\n1_0,b\nred,a\n")
    assert read_csv(path, categorical=["x"]).columns[0].categories == (
        *("10", "1_0", "red"),
    )


def test_numbers_as_classes(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "x,grade\n1,1.5\n2,2.0\n3,1.50\n")
    assert not read_csv(path).has_classes
    data = read_csv(path, categorical="grade")
    assert data.class_names == ("1.5", "2")
    assert data.labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize("name", ["Mine.CSV", "a.csv.csv", ".csv", "b.tsv.gz"])
def test_a_data_set_is_called_like_its_file(tmp_path: Path, name: str) -> None:
    pd.DataFrame({"a": [1, 2], "label": ["x", "y"]}).to_csv(tmp_path / name)
    expected = {"Mine.CSV": "Mine", "a.csv.csv": "a.csv", "b.tsv.gz": "b"}
    assert load(tmp_path / name, drop="Unnamed: 0").name == expected.get(name, name)


def test_what_unpacks_to_more_than_the_memory_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"x,y\n" + b"1,a\n" * 10**5))
    assert len(read_csv(tmp_path / "bomb.csv.gz")) == 10**5
    free = psutil.virtual_memory()._replace(available=16 * 10**5)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(MemoryBoundError, match="expected 100,000 characters at most"):
        read_csv(tmp_path / "bomb.csv.gz")


def test_too_many_words_are_refused() -> None:
    words = [f"w{k}" for k in range(MOST_CATEGORIES + 1)]
    frame = pd.DataFrame({"name": words, "label": [k % 2 for k in range(len(words))]})
    with pytest.raises(DataError, match="got 1,001; leave it out with drop='name'"):
        from_pandas(frame)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"drop": "z"}, DataError, r"drop: expected a column of .* got 'z'; the col"),
        ({"categorical": ["z"]}, DataError, "categorical: expected a column"),
        ({"drop": "x"}, DataError, r"expected two columns or more, got \['y'\]"),
        ({"drop": "y", "label_column": "y"}, DataError, "label_column: expected a"),
        (
            {"missing": "zero"},
            ArgumentError,
            "missing: expected one of 'error', 'mean'",
        ),
        ({"header": "maybe"}, ArgumentError, "header: expected one of 'auto', 'yes'"),
        ({"drop": 3}, ArgumentTypeError, "drop: expected"),
    ],
)
def test_bad_options_are_refused(
    tmp_path: Path, options: dict[str, Any], error: type, message: str
) -> None:
    path = csv_file(tmp_path, "x,y\n1,a\n2,b\n")
    with pytest.raises(error, match=message):
        read_csv(path, **options)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"x,y\n" + b"1,a\n2,b\n" * 100)
    for damaged in (whole[:30], b"x,y\n1,a\n", whole[:12] + b"\xff" * 20 + whole[32:]):
        (tmp_path / "mine.csv.gz").write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read"):
            read_csv(tmp_path / "mine.csv.gz")


def test_line_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    path = csv_file(tmp_path, 'x,c,y\n\n1,"two\nlines",a\n\n\ninf,c,b\n')
    with pytest.raises(DataError, match="line 7, column 'x'"):
        read_csv(path)


def test_new_rows_are_found_by_name(tmp_path: Path) -> None:
    known = from_pandas(FRAME, drop="id", missing="mean").columns
    mixed = FRAME[["old", "label", "colour", "size"]]
    rows = read_rows(mixed, known)
    assert [column.name for column in rows.columns] == ["size", "colour", "old"]
    np.testing.assert_array_equal(
        rows.inputs, from_pandas(FRAME, drop="id", missing="mean").inputs
    )
    with pytest.raises(DataError, match="got none called 'size'; the columns are"):
        read_rows(FRAME[["old", "colour"]], known)
    words = csv_file(tmp_path, "size,colour,old\nbig,red,1\n")
    with pytest.raises(
        DataError, match="line 2, column 'size': expected a number as in training"
    ):
        read_rows(words, known)
