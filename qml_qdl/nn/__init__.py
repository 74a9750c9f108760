"""Quantum circuits as torch modules."""

from qml_qdl.nn.conv import QuantumConv1d, QuantumConv2d, QuantumConv3d
from qml_qdl.nn.conv_transpose import QuantumConvTranspose2d
from qml_qdl.nn.jobs import begin_step, record_jobs, resend_jobs
from qml_qdl.nn.layer import QuantumLayer, set_target
from qml_qdl.nn.symmetry.equivariance import check_equivariance
from qml_qdl.nn.symmetry.equivariant_conv import EquivariantQuantumConv2d
from qml_qdl.nn.symmetry.group_conv import GroupConv2d
from qml_qdl.nn.symmetry.group_pool import GroupLinear, GroupPool
from qml_qdl.nn.symmetry.image_groups import ImageGroup

__all__ = [
    "EquivariantQuantumConv2d",
    "GroupConv2d",
    "GroupLinear",
    "GroupPool",
    "ImageGroup",
    "QuantumConv1d",
    "QuantumConv2d",
    "QuantumConv3d",
    "QuantumConvTranspose2d",
    "QuantumLayer",
    "begin_step",
    "check_equivariance",
    "record_jobs",
    "resend_jobs",
    "set_target",
]
