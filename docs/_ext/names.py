"""Public names: what each package offers in `__all__`, each with one home.

All is read from the sources, as nothing of it needs an import.
"""

from __future__ import annotations

import ast
import inspect
import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import attrs
from sphinx.errors import ExtensionError

PROJECT = Path(__file__).parent.parent.parent
SETUPTOOLS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"][
    "setuptools"
]
ROOT = "qml_qdl"
ERRORS = f"{ROOT}.errors"
"""No package: an attribute of the root, and the home of all errors."""


@attrs.frozen
class PublicName:
    """A name of a package's `__all__`.

    Args:
        package: Its home: users import it from there.
        name: The name.
        module: Where it is defined.
        kind: What autodoc calls it: "class", "exception", "function" or "data".
        doc: Its docstring.
    """

    package: str
    name: str
    module: str
    kind: str
    doc: str

    @property
    def path(self) -> str:
        """The full name."""
        return f"{self.package}.{self.name}"

    @property
    def group(self) -> str:
        """The subpackage of its home where it is defined, or the home itself."""
        home = f"{self.package}."
        inner, dot, _ = self.module.removeprefix(home).partition(".")
        return home + inner if dot and self.module.startswith(home) else self.package


@attrs.frozen
class Package:
    """A package with `__all__`.

    Args:
        name: The import name.
        module: The module whose docstring is its own.
        names: What has its home here.
        elsewhere: What it offers as well, and has its home in another package.
    """

    name: str
    module: str
    names: tuple[PublicName, ...]
    elsewhere: tuple[PublicName, ...]


def source_of(module: str) -> Path:
    """The file of a module or package."""
    folders: dict[str, str] = SETUPTOOLS["package-dir"]
    room = max(
        (each for each in folders if f"{module}.".startswith(f"{each}.")), key=len
    )
    path = PROJECT.joinpath(folders[room], *module[len(room) :].split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def tree_of(module: str) -> ast.Module:
    """The syntax tree of a module or package."""
    return ast.parse(source_of(module).read_text())


def summary(doc: str | None) -> str:
    """The first paragraph of a docstring as one line."""
    return " ".join((doc or "").split("\n\n")[0].split())


def _definitions(module: str) -> Iterator[tuple[str, str, str]]:
    """Name, kind and docstring of what a module defines."""
    body = tree_of(module).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.ClassDef():
                kind = "exception" if module == f"{ROOT}.circuits.errors" else "class"
                yield node.name, kind, ast.get_docstring(node) or ""
            case ast.FunctionDef():
                yield node.name, "function", ast.get_docstring(node) or ""
            case (
                ast.AnnAssign(target=ast.Name(id=name))
                | ast.Assign(targets=[ast.Name(id=name)])
            ):
                match after:
                    case ast.Expr(value=ast.Constant(value=str(doc))):
                        yield name, "data", inspect.cleandoc(doc)
                    case _:
                        yield name, "data", ""


def _imports(package: str) -> dict[str, str]:
    """The module that a package takes each of its names from."""
    return {
        alias.asname or alias.name: node.module or ""
        for node in ast.walk(tree_of(package))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _exported(package: str) -> list[str] | None:
    """A package's `__all__`."""
    for node in tree_of(package).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                exported: Any = ast.literal_eval(node.value)
                return list(exported)
    return None


@cache
def packages() -> tuple[Package, ...]:
    """All packages but the root, the errors first.

    Raises:
        ExtensionError: A name has no docstring, or is not found.
    """
    module = f"{ROOT}.circuits.errors"
    errors = [
        PublicName(ERRORS, each[0], module, *each[1:]) for each in _definitions(module)
    ]
    homes = {(module, each.name): each for each in errors}
    made = [Package(ERRORS, module, tuple(errors), ())]
    for package in SETUPTOOLS["packages"]:
        exported = None if package == ROOT else _exported(package)
        if exported is None:
            continue
        imports, own, elsewhere = _imports(package), [], []
        for name in exported:
            module = imports.get(name, package)
            if (module, name) in homes:
                elsewhere.append(homes[module, name])
                continue
            found = {first: rest for first, *rest in _definitions(module)}
            if name not in found:
                raise ExtensionError(
                    f"{package}.{name}: expected it to be defined in {module}; import "
                    "it from where it is defined"
                )
            each = PublicName(package, name, module, *found[name])
            own.append(each)
            homes[module, name] = each
        made.append(Package(package, package, tuple(own), tuple(elsewhere)))
    for each in (name for package in made for name in package.names):
        if not each.doc:
            raise ExtensionError(f"{each.path}: it has no docstring")
    return tuple(made)


def write_changed(
    folder: Path, files: Mapping[str, bytes], kinds: Collection[str]
) -> None:
    """Writes files into a folder; one that stays as it is keeps its time.

    Args:
        folder: The folder.
        files: What is in each file, by its path below the folder.
        kinds: Files that match one of these and are not among the files are deleted.
    """
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
    for path in chain.from_iterable(map(folder.rglob, kinds)):
        if path.relative_to(folder).as_posix() not in files:
            path.unlink()
