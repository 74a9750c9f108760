"""Quantum kernels: Gram matrices from circuits, and what is learnt with them."""

from qml_qdl.kernels.fidelity import FidelityKernel
from qml_qdl.kernels.kernel import Kernel
from qml_qdl.kernels.projected import LocalKernel, ProjectedKernel

__all__ = ["FidelityKernel", "Kernel", "LocalKernel", "ProjectedKernel"]
