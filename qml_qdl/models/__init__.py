"""Models: classifiers and generators, each with its classical twin."""

from qml_qdl.models.adversarial_losses import (
    EQUILIBRIUM,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    slope_penalty,
)
from qml_qdl.models.annealing import annealed_log_partition
from qml_qdl.models.autoencoder import QuantumAutoencoder
from qml_qdl.models.autoregressive import AutoregressiveNetwork
from qml_qdl.models.born_machine import BornMachine, chow_liu_circuit
from qml_qdl.models.classical_generators import ClassicalGenerator
from qml_qdl.models.conv_generator import ConvGenerator
from qml_qdl.models.deep_belief import DeepBeliefNetwork
from qml_qdl.models.deep_boltzmann import DeepBoltzmannMachine
from qml_qdl.models.discriminator import (
    QuantumDiscriminator,
    fidelity,
    quantum_wasserstein,
)
from qml_qdl.models.distribution_generator import DistributionGenerator
from qml_qdl.models.dressed import DressedClassifier
from qml_qdl.models.equivariant import EquivariantClassifier
from qml_qdl.models.flow import NormalizingFlow
from qml_qdl.models.iqp_born_machine import IQPBornMachine
from qml_qdl.models.noise_generator import NoiseGenerator
from qml_qdl.models.patch_generator import PatchGenerator
from qml_qdl.models.point_cloud import PointCloudClassifier
from qml_qdl.models.qcnn import QCNNClassifier
from qml_qdl.models.quantum_boltzmann import QuantumBoltzmannMachine
from qml_qdl.models.quanvolution import QuanvolutionClassifier
from qml_qdl.models.rbm import RBM
from qml_qdl.models.spin import SpinClassifier
from qml_qdl.models.style_generator import StyleGenerator
from qml_qdl.models.vae import QuantumVAE

__all__ = [
    "EQUILIBRIUM",
    "RBM",
    "AutoregressiveNetwork",
    "BornMachine",
    "ClassicalGenerator",
    "ConvGenerator",
    "DeepBeliefNetwork",
    "DeepBoltzmannMachine",
    "DistributionGenerator",
    "DressedClassifier",
    "EquivariantClassifier",
    "IQPBornMachine",
    "NoiseGenerator",
    "NormalizingFlow",
    "PatchGenerator",
    "PointCloudClassifier",
    "QCNNClassifier",
    "QuantumAutoencoder",
    "QuantumBoltzmannMachine",
    "QuantumDiscriminator",
    "QuantumVAE",
    "QuanvolutionClassifier",
    "SpinClassifier",
    "StyleGenerator",
    "annealed_log_partition",
    "chow_liu_circuit",
    "discriminator_loss",
    "fidelity",
    "generator_loss",
    "gradient_penalty",
    "quantum_wasserstein",
    "slope_penalty",
]
