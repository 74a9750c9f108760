"""The command line `qml-qdl`."""

from qml_qdl.cli.app import main

__all__ = ["main"]
