"""Traits of devices: what layers ask of them, for every PennyLane device."""

from __future__ import annotations

from typing import Any

from qml_qdl.hardware.device import TapeDevice, Traits
from qml_qdl.hardware.seeds import FedDevice, Seeds

_LIGHTNING = Traits(
    state_vector=True, takes_batches=False, fast_adjoint=True, stateless=False
)
_FOREIGN = {
    "default.mixed": Traits(stateless=False),
    "default.qubit": Traits(state_vector=True),
    "lightning.amdgpu": _LIGHTNING,
    "lightning.gpu": _LIGHTNING,
    "lightning.kokkos": _LIGHTNING,
    "lightning.qubit": _LIGHTNING,
    "lightning.tensor": Traits(
        takes_batches=False, fast_adjoint=True, stateless=False, samples_anew=False
    ),
    "reference.qubit": Traits(state_vector=True, stateless=False),
}
_UNKNOWN = Traits(stateless=False, samples_anew=False)


def traits_of(device: Any) -> Traits:
    """What a layer needs to know of a device.

    Args:
        device: A PennyLane device.

    Returns:
        Its class's own traits if it is a `TapeDevice`; those known by its name, or
        careful ones, of all others.

    Example:
        >>> import pennylane as qml
        >>> traits_of(qml.device("lightning.qubit")).takes_batches
        False
    """
    if isinstance(device, TapeDevice):
        return device.traits
    return _FOREIGN.get(device.name, _UNKNOWN)


def seeds_of(device: Any) -> Seeds | None:
    """Where the random numbers of a device come from.

    Args:
        device: A PennyLane device.

    Returns:
        Its seeds; None where it samples in its own way.
    """
    return device.seeds if isinstance(device, TapeDevice | FedDevice) else None
