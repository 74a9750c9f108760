"""The command line `qml-qdl`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

__all__ = ["main"]

LEAST_COLLECTED = 20_000
"""Python looks for cycles when so many objects are new; by default at 700."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: What follows the program's name; None takes the process's own.

    Returns:
        What `qml_qdl.cli.app.main` returns, and 2 where a package is missing that all
        commands need.
    """
    if arguments is None:  # the process is ours
        # Half a million objects are imported to stay: looking for what could go among
        # them takes a tenth of the time until training begins (measured).
        gc.set_threshold(LEAST_COLLECTED)
    try:
        from qml_qdl.cli.app import main as run
    except ModuleNotFoundError as error:
        from qml_qdl.circuits.packages import missing_package

        missing = missing_package(error)
        if missing is None:
            raise
        print(f"qml-qdl: {missing}", file=sys.stderr)
        return 2
    return run(arguments)
