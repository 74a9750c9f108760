"""JSON files of a run: damage is noticed, and nothing is half written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qml_qdl.circuits.errors import RunError
from qml_qdl.training.json_files import read_json, read_object, write_json

CONTENT: dict[str, Any] = {"name": "Schrödinger", "rows": [1, 2.5, None]}


@pytest.mark.parametrize("sealed", [True, False])
def test_what_was_written_is_read(sealed: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, CONTENT, sealed=sealed)
    assert read_json(path, "delete it") == CONTENT
    assert ("seal" in read_object(path, "delete it")) == sealed
    assert "Schrödinger" in path.read_text()  # for people, too


def test_each_change_of_a_value_is_noticed_by_the_seal(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, CONTENT, sealed=True)
    whole = path.read_text()
    for old, new in (
        ("2.5", "2.6"),
        ("null", "0"),
        ("rows", "row"),
        ('": [', '": [9,'),
    ):
        assert old in whole
        path.write_text(whole.replace(old, new, 1))
        with pytest.raises(RunError, match=r"a\.json.*damaged.*delete it"):
            read_json(path, "delete it")
    # Blanks are no values.
    path.write_text(json.dumps(json.loads(whole)))
    assert read_json(path, "delete it") == CONTENT


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"[1, 2]", b"3", b"\xff\x00"])
def test_what_is_no_object_is_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"a\.json.*delete it"):
        read_object(path, "delete it")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"a\.json: expected a file of a run, got non"):
        read_json(tmp_path / "a.json", "delete it")


def test_a_file_is_replaced_only_where_it_may(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"first": 1})
    with pytest.raises(FileExistsError):
        write_json(path, {"second": 2}, replace=False)
    assert read_json(path, "") == {"first": 1}
    write_json(path, {"second": 2})
    assert read_json(path, "") == {"second": 2}
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]
