"""qml-qdl: quantum circuits as PyTorch layers, from a laptop to a machine.

Write a circuit U(x, θ) = W(θ)S(x) once, put it in a torch model, train it, and run the
same weights anywhere. The rooms load when they are first used:

- `qml_qdl.circuits`: encodings, processings, their algebra, readouts
- `qml_qdl.hardware`: where circuits run
- `qml_qdl.nn`: torch modules
- `qml_qdl.manybody`: spins on lattices and their ground states
- `qml_qdl.renormalisation`: what a system looks like from far away
- `qml_qdl.vqe`: molecules and their electrons
- `qml_qdl.tomography`, `qml_qdl.phases`: states and phases behind measurements
- `qml_qdl.geometry`: fields on planes, spheres, meshes and lattices
- `qml_qdl.kernels`, `qml_qdl.sklearn`: kernels, and estimators for scikit-learn
- `qml_qdl.models`, `qml_qdl.metrics`, `qml_qdl.data`, `qml_qdl.training`: learning
  with them
- `qml_qdl.errors`: everything this library raises on purpose
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import qml_qdl.circuits as circuits
    import qml_qdl.data as data
    import qml_qdl.errors as errors
    import qml_qdl.geometry as geometry
    import qml_qdl.hardware as hardware
    import qml_qdl.kernels as kernels
    import qml_qdl.manybody as manybody
    import qml_qdl.metrics as metrics
    import qml_qdl.models as models
    import qml_qdl.nn as nn
    import qml_qdl.phases as phases
    import qml_qdl.renormalisation as renormalisation
    import qml_qdl.sklearn as sklearn
    import qml_qdl.tomography as tomography
    import qml_qdl.training as training
    import qml_qdl.vqe as vqe

__version__ = "0.2.0"

__all__ = [
    "__version__",
    "circuits",
    "data",
    "errors",
    "geometry",
    "hardware",
    "kernels",
    "manybody",
    "metrics",
    "models",
    "nn",
    "phases",
    "renormalisation",
    "sklearn",
    "tomography",
    "training",
    "vqe",
]

_ROOMS = {name: f"{__name__}.{name}" for name in __all__[1:]}


def __getattr__(name: str) -> Any:
    """Loads a room when it is first used (PEP 562)."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(_ROOMS[name])


def __dir__() -> list[str]:
    return __all__
