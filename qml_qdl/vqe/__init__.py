"""Variational eigensolvers: molecules and spins by circuits."""

from qml_qdl.vqe.adapt import Adapted, Growth, Pool, adapt, make_pool
from qml_qdl.vqe.energies import Energy, energy_of
from qml_qdl.vqe.minimise import Minimum, minimise
from qml_qdl.vqe.molecules import Molecule

__all__ = [
    "Adapted",
    "Energy",
    "Growth",
    "Minimum",
    "Molecule",
    "Pool",
    "adapt",
    "energy_of",
    "make_pool",
    "minimise",
]
