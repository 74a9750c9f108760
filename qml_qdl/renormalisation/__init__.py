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
from qml_qdl.renormalisation.mutual_information import (
    InformationEstimate,
    LinearRule,
    Surroundings,
    decimation_rule,
    environment_information,
    learn_rule,
    majority_rule,
)
from qml_qdl.renormalisation.thermometer import Thermometer, rbm_flow

__all__ = [
    "CRITICAL_COUPLING",
    "BlockedLattice",
    "InformationEstimate",
    "IsingChain",
    "IsingClusters",
    "IsingMetropolis",
    "IsingModel",
    "IsingSampler",
    "LinearRule",
    "ScaleInvariantMERA",
    "Surroundings",
    "Thermometer",
    "VariationalStep",
    "block_spins",
    "coupling_operator",
    "decimation_rule",
    "environment_information",
    "learn_rule",
    "majority_rule",
    "onsager_energy",
    "rbm_flow",
    "renormalise",
    "variational_step",
]
