"""Places: where a journal is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PLACE = "QML_QDL_JOURNAL"
"""The environment variable that names the journal where no run folder does."""


def default_place() -> Path:
    """Where the journal is when no run folder has one.

    Returns:
        What the environment variable QML_QDL_JOURNAL says, else a file in the user's
        folder of application data.
    """
    if os.environ.get(PLACE):
        return Path(os.environ[PLACE])
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "qml-qdl" / "jobs.sqlite"
