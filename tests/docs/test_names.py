"""Public names as the sources have them are those that can be imported."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest
from sphinx.errors import ExtensionError

import qml_qdl
from docs._ext import names
from docs._ext.names import packages, source_of, tree_of, write_changed


def test_every_name_has_one_home_and_is_what_it_is_said_to_be() -> None:
    for package in packages():
        imported = (
            qml_qdl.errors
            if package.name == names.ERRORS
            else importlib.import_module(package.name)
        )
        both = [*package.names, *package.elsewhere]
        if package.name != names.ERRORS:
            assert sorted(each.name for each in both) == sorted(imported.__all__)
        for each in package.names:
            value = getattr(imported, each.name)
            shorter = getattr(value, "__name__", each.name) != each.name  # another name
            is_class = inspect.isclass(value) and not shorter
            assert is_class == (each.kind in ("class", "exception"))
            assert inspect.isfunction(value) == (each.kind == "function")
            assert each.kind == "data" or each.module == value.__module__
    paths = [each.path for package in packages() for each in package.names]
    assert len(set(paths)) == len(paths)


def test_errors_are_at_home_with_the_errors() -> None:
    (circuits,) = (each for each in packages() if each.name == "qml_qdl.circuits")
    assert {each.path for each in circuits.elsewhere} > {"qml_qdl.errors.ShapeError"}


@pytest.mark.parametrize(
    ("init", "module", "text"),
    [
        ('__all__ = ["a"]\nfrom q.m import a', "def a(): pass", "q.a: it has no docst"),
        ('__all__ = ["a"]\nfrom q.m import a', "from x import a", "defined in q.m; im"),
        ('__all__ = ["a"]', "", "expected it to be defined in q; import"),
    ],
)
def test_a_name_that_cannot_be_documented_is_refused(
    init: str, module: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "__init__.py").write_text(init)
    (tmp_path / "q" / "m.py").write_text(module)
    errors = source_of("qml_qdl.circuits.errors")
    folders = {"q": str(tmp_path / "q"), "qml_qdl.circuits": str(errors.parent)}
    monkeypatch.setattr(
        names, "SETUPTOOLS", {"package-dir": folders, "packages": ["q"]}
    )
    with pytest.raises(ExtensionError, match=text):
        packages.__wrapped__()
    tree_of.cache_clear()


def test_files_that_stay_as_they_are_keep_their_time(tmp_path: Path) -> None:
    write_changed(tmp_path, {"a.rst": b"1", "b/c.rst": b"2"}, ["*.rst"])
    before = (tmp_path / "b" / "c.rst").stat().st_mtime_ns
    write_changed(tmp_path, {"b/c.rst": b"2"}, ["*.rst"])
    assert (tmp_path / "b" / "c.rst").stat().st_mtime_ns == before
    assert not (tmp_path / "a.rst").exists()
