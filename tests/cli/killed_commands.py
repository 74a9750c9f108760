"""Commands in processes of their own, killed after a while: all is loaded once.

Each line of the input is `{"words": [...], "seconds": s}`; a process is forked that
runs the command, and killed after so many seconds. Printed is how it ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time

import qml_qdl.hardware.jobs.executor
import qml_qdl.hardware.qiskit.ibm.client
import qml_qdl.training  # noqa: F401 - loaded before the processes are forked
from qml_qdl.cli import main
from qml_qdl.hardware.jobs import waiting


def run(words: list[str], seconds: float) -> int:
    """How a command ended; -9 if it was killed."""
    child = os.fork()
    if not child:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            os._exit(main(words))
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    waiting.LISTING = float(sys.argv[1])
    for line in sys.stdin:
        asked = json.loads(line)
        print(run(asked["words"], asked["seconds"]), flush=True)
