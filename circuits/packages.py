"""Packages: loaded when they are first used; what to say where one is missing."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module, metadata
from types import MappingProxyType
from typing import Any

from qml_qdl.circuits.errors import MissingPackageError

_DISTRIBUTIONS: Mapping[str, str] = MappingProxyType(
    {"PIL": "pillow", "attr": "attrs", "sklearn": "scikit-learn", "yaml": "pyyaml"}
)
"""Packages that are installed under another name than they are imported."""


def missing_package(error: ModuleNotFoundError) -> MissingPackageError | None:
    """What to say where an import fails: which package is missing, how to install it.

    Args:
        error: What Python raised.

    Returns:
        Our error; None where the module is of no package that this library asks for.

    Example:
        >>> print(missing_package(ModuleNotFoundError(name="qiskit_aer.noise")))
        qiskit_aer: this package is not installed; install it with pip install 'qis...
    """
    from packaging.requirements import Requirement

    module = (error.name or "").partition(".")[0]
    wanted = _DISTRIBUTIONS.get(module, module.replace("_", "-"))
    own = metadata.metadata("qml-qdl")
    for asked in map(Requirement, own.get_all("Requires-Dist", ())):
        if asked.name != wanted or isinstance(error, MissingPackageError):
            continue
        install = f"{asked.name}{asked.specifier}"
        if asked.marker is not None:
            extras = own.get_all("Provides-Extra", ())
            extra = next(e for e in extras if asked.marker.evaluate({"extra": e}))
            install = f"qml-qdl[{extra}]"
        return MissingPackageError(
            f"{module}: this package is not installed; install it with pip install "
            f"'{install}'",
            name=error.name,
        )
    return None


def lazy_names(
    package: str,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Lets a package load each of its names when it is first used (PEP 562).

    What would be imported stands in the package's `__init__.py` under
    `if TYPE_CHECKING:`, for type checkers and readers, and is read from there: no name
    is written twice. None may be the name of a module in the package, which hides it.

    Args:
        package: The package's `__name__`.

    Returns:
        The package's `__getattr__` and `__dir__`. The first raises
        `MissingPackageError` where a name needs a package that is not installed.
    """

    @cache
    def homes() -> dict[str, tuple[str, str]]:
        return dict(imported_for_types(package))

    def load(name: str) -> Any:
        if name.startswith("__") or name not in homes():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            home, own = homes()[name]
            value = getattr(import_module(home), own)
        except ModuleNotFoundError as error:
            missing = missing_package(error)
            if missing is None:
                raise
            raise missing from error
        setattr(sys.modules[package], name, value)  # found without us from now on
        return value

    return load, lambda: sorted(homes())


def imported_for_types(package: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """What stands under `if TYPE_CHECKING:` in a module.

    Args:
        package: Its import name; it is loaded.

    Yields:
        Each name, with the module it comes from, and its name there.
    """
    loader: Any = sys.modules[package].__loader__
    source = loader.get_source(package)
    if source is None:  # a program that was packed without
        raise ImportError(
            f"{package}: expected its source beside it, got none; pack the program "
            "with the .py files of qml_qdl",
            name=package,
        )
    for node in ast.parse(source).body:
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                for each in node.body:
                    if isinstance(each, ast.ImportFrom) and each.module:
                        for name in each.names:
                            yield name.asname or name.name, (each.module, name.name)
