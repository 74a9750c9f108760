"""Packages that may be missing: what to say, and how they are installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from types import MappingProxyType

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
