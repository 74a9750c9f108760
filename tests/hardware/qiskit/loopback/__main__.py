"""`python -m tests.hardware.qiskit.loopback`: the loopback service as its own process.

Prints the environment that reaches it, one `export` a line, and serves until it is
ended.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import threading

from tests.hardware.qiskit.loopback.server import LoopbackServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.hardware.qiskit.loopback")
    parser.add_argument("--machine", action="append", default=None, metavar="NAME")
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--plan", choices=["open", "paid"], default="open")
    parser.add_argument("--queue-delay", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--run-delay", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with LoopbackServer(
        options.machine or ["manila"],
        noise=options.noise,
        plan=options.plan,
        queue_delay=options.queue_delay,
        run_delay=options.run_delay,
        seed=options.seed,
        port=options.port,
    ) as server:
        for name, value in server.environment().items():
            print(f"export {name}={shlex.quote(value)}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
