"""Renormalisation: a system as it looks from ever further away."""

from qml_qdl.renormalisation.mera import ScaleInvariantMERA

__all__ = ["ScaleInvariantMERA"]
