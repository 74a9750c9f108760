"""Renormalisation: what a system looks like from further and further away."""

from qml_qdl.renormalisation.blocking import BlockedLattice, block_spins, renormalise
from qml_qdl.renormalisation.boltzmann import (
    VariationalStep,
    coupling_operator,
    variational_step,
)
from qml_qdl.renormalisation.decimation import IsingChain
from qml_qdl.renormalisation.ising import (
    CRITICAL_COUPLING,
    IsingClusters,
    IsingMetropolis,
    IsingModel,
    IsingSampler,
    onsager_energy,
)
from qml_qdl.renormalisation.mera import ScaleInvariantMERA

__all__ = [
    "CRITICAL_COUPLING",
    "BlockedLattice",
    "IsingChain",
    "IsingClusters",
    "IsingMetropolis",
    "IsingModel",
    "IsingSampler",
    "ScaleInvariantMERA",
    "VariationalStep",
    "block_spins",
    "coupling_operator",
    "onsager_energy",
    "renormalise",
    "variational_step",
]
