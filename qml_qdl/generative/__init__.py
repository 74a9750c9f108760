"""Generative models: what learns to draw samples like the data."""

from qml_qdl.generative.adversarial_losses import (
    EQUILIBRIUM,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    slope_penalty,
)
from qml_qdl.generative.annealing import annealed_log_partition
from qml_qdl.generative.autoencoder import QuantumAutoencoder
from qml_qdl.generative.baselines import trivial_baselines
from qml_qdl.generative.bits import all_bits, bit_index, frequencies
from qml_qdl.generative.born_machine import BornMachine, chow_liu_circuit
from qml_qdl.generative.chow_liu import chow_liu_tree, mutual_information
from qml_qdl.generative.conv_generator import ConvGenerator
from qml_qdl.generative.deep_belief import DeepBeliefNetwork
from qml_qdl.generative.deep_boltzmann import DeepBoltzmannMachine
from qml_qdl.generative.discriminator import (
    QuantumDiscriminator,
    fidelity,
    quantum_wasserstein,
)
from qml_qdl.generative.distribution_generator import DistributionGenerator
from qml_qdl.generative.divergences import (
    kl_divergence,
    mmd,
    mmd_of_samples,
    total_variation,
)
from qml_qdl.generative.iqp_born_machine import IQPBornMachine
from qml_qdl.generative.metrics import (
    Manifold,
    Quality,
    diversity,
    frechet_distance,
    kolmogorov_smirnov,
    manifold,
    quality,
    valid_rate,
)
from qml_qdl.generative.noise_generator import NoiseGenerator
from qml_qdl.generative.patch_generator import PatchGenerator
from qml_qdl.generative.quantum_boltzmann import QuantumBoltzmannMachine
from qml_qdl.generative.rbm import RBM
from qml_qdl.generative.stein import (
    flip_scores,
    stein_discrepancy,
    stein_discrepancy_of_samples,
)
from qml_qdl.generative.style_generator import StyleGenerator
from qml_qdl.generative.twins import ClassicalGenerator
from qml_qdl.generative.vae import QuantumVAE

__all__ = [
    "EQUILIBRIUM",
    "RBM",
    "BornMachine",
    "ClassicalGenerator",
    "ConvGenerator",
    "DeepBeliefNetwork",
    "DeepBoltzmannMachine",
    "DistributionGenerator",
    "IQPBornMachine",
    "Manifold",
    "NoiseGenerator",
    "PatchGenerator",
    "Quality",
    "QuantumAutoencoder",
    "QuantumBoltzmannMachine",
    "QuantumDiscriminator",
    "QuantumVAE",
    "StyleGenerator",
    "all_bits",
    "annealed_log_partition",
    "bit_index",
    "chow_liu_circuit",
    "chow_liu_tree",
    "discriminator_loss",
    "diversity",
    "fidelity",
    "flip_scores",
    "frechet_distance",
    "frequencies",
    "generator_loss",
    "gradient_penalty",
    "kl_divergence",
    "kolmogorov_smirnov",
    "manifold",
    "mmd",
    "mmd_of_samples",
    "mutual_information",
    "quality",
    "quantum_wasserstein",
    "slope_penalty",
    "stein_discrepancy",
    "stein_discrepancy_of_samples",
    "total_variation",
    "trivial_baselines",
    "valid_rate",
]
