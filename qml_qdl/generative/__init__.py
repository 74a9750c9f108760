"""Generative models: what learns to draw samples like the data."""

from qml_qdl.generative.annealing import annealed_log_partition
from qml_qdl.generative.bits import all_bits, bit_index, frequencies
from qml_qdl.generative.born_machine import BornMachine, chow_liu_circuit
from qml_qdl.generative.chow_liu import chow_liu_tree, mutual_information
from qml_qdl.generative.deep_belief import DeepBeliefNetwork
from qml_qdl.generative.deep_boltzmann import DeepBoltzmannMachine
from qml_qdl.generative.divergences import (
    kl_divergence,
    mmd,
    mmd_of_samples,
    total_variation,
)
from qml_qdl.generative.metrics import (
    Manifold,
    Quality,
    diversity,
    frechet_distance,
    kolmogorov_smirnov,
    manifold,
    quality,
    trivial_rivals,
    valid_rate,
)
from qml_qdl.generative.quantum_boltzmann import QuantumBoltzmannMachine
from qml_qdl.generative.rbm import RBM

__all__ = [
    "RBM",
    "BornMachine",
    "DeepBeliefNetwork",
    "DeepBoltzmannMachine",
    "Manifold",
    "Quality",
    "QuantumBoltzmannMachine",
    "all_bits",
    "annealed_log_partition",
    "bit_index",
    "chow_liu_circuit",
    "chow_liu_tree",
    "diversity",
    "frechet_distance",
    "frequencies",
    "kl_divergence",
    "kolmogorov_smirnov",
    "manifold",
    "mmd",
    "mmd_of_samples",
    "mutual_information",
    "quality",
    "total_variation",
    "trivial_rivals",
    "valid_rate",
]
