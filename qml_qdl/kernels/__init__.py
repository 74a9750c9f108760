"""Quantum kernels: Gram matrices from circuits, and what is learnt with them."""

from qml_qdl.kernels.alignment import align, ideal_gram, target_alignment
from qml_qdl.kernels.features import NystroemFeatures, RandomFourierFeatures
from qml_qdl.kernels.fidelity import FidelityKernel
from qml_qdl.kernels.kernel import Kernel
from qml_qdl.kernels.projected import LocalKernel, ProjectedKernel
from qml_qdl.kernels.repair import mitigate_depolarizing_noise, repaired
from qml_qdl.kernels.spectrum import GramReport, describe
from qml_qdl.kernels.sums import SumKernel

__all__ = [
    "FidelityKernel",
    "GramReport",
    "Kernel",
    "LocalKernel",
    "NystroemFeatures",
    "ProjectedKernel",
    "RandomFourierFeatures",
    "SumKernel",
    "align",
    "describe",
    "ideal_gram",
    "mitigate_depolarizing_noise",
    "repaired",
    "target_alignment",
]
