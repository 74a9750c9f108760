"""Processes of their own, quickly: imported once, forked often, killed at will."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess

PRELOADED = "tests.hardware.qiskit.program_for_tests"
"""What every process needs; its imports cost seconds."""


def start(target: Callable[..., None], *args: object) -> BaseProcess:
    """Starts a function in a fresh process.

    The process is forked from a small server that has imported all and done nothing, so
    it shares no state with the caller; not even the environment, which is that of the
    first process ever started.

    Args:
        target: The function.
        *args: Its arguments.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    process = context.Process(target=target, args=args)
    process.start()
    return process


def kill(process: BaseProcess) -> None:
    """`kill -9`, and waits until the process is gone."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(10.0)
