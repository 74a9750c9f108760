"""PennyLane's operators on `qdl.simulator` beside its two fastest devices, as QNodes.

`python -m tests.benchmarks.operators` prints, for each operator and each number of
wires, milliseconds of processor time of a run and of a step, and how many times the
faster of the two takes as long as ours: `--wires 4 8 12`, `--seconds 0.2` for each
figure, `--slower` to see only where we lose, and names to choose some.

The first line is a circuit of one gate on each wire: what a QNode costs.
"""

from __future__ import annotations

import argparse
import gc
import signal
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import pennylane as qml
import torch

from tests.hardware.simulator.operators import OPERATORS, Operator

OURS, RIVALS = "qdl.simulator", ("default.qubit", "lightning.qubit")

NOTHING = {"nothing": Operator(lambda numbers, wires: None)}

MOST_SECONDS = 10
"""First runs that take longer are not waited for.

By the clock on the wall: once a timer of the process's own time was set, the system
counts that time by its ticks of some milliseconds, and runs seem to take none.
"""

WARM_UPS = 4
"""Runs before time is taken."""


class Late(BaseException):
    """No error that anybody on the way could take for his own."""


def late(*arguments: Any) -> None:
    raise Late


def runner(
    name: str,
    operator: Operator,
    drawn: Sequence[Any],
    wires: int,
    with_gradient: bool,
) -> Callable[[], None]:
    """What is timed."""
    device = qml.device(name, wires=wires)
    options: dict[str, Any] = {"diff_method": "best" if with_gradient else None}
    if with_gradient and name == "lightning.qubit":
        options = {"diff_method": "adjoint", "device_vjp": True}
    circuit = operator.circuit(wires)
    node = qml.QNode(circuit, device, interface="torch", **options)
    numbers = [torch.as_tensor(number) for number in drawn]
    numbers = [number.detach().requires_grad_(with_gradient) for number in numbers]

    def run() -> None:
        first, second = node(*numbers)
        if with_gradient:
            torch.autograd.grad(first + second, numbers)

    return run


def milliseconds(
    operator: Operator,
    drawn: Sequence[Any],
    wires: int,
    with_gradient: bool,
    seconds: float,
) -> dict[str, float]:
    """Medians for each device that can run it, all in turn."""
    runs, times = {}, {}
    for name in (OURS, *RIVALS):
        run = runner(name, operator, drawn, wires, with_gradient)
        signal.signal(signal.SIGALRM, late)
        try:
            for _ in range(WARM_UPS):
                signal.alarm(MOST_SECONDS)
                run()
        except Late:
            continue
        except Exception as error:
            if name == OURS:
                raise
            print(f"# {name}: {type(error).__name__}: {str(error)[:60]}")
            continue
        finally:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            signal.alarm(0)
        runs[name], times[name] = run, list[float]()
    gc.collect()
    gc.freeze()  # nobody pays for going through the objects of all others before
    end = time.process_time() + seconds * len(runs)
    while time.process_time() < end:
        for name, run in runs.items():
            start = time.process_time()
            run()
            times[name].append(1000 * (time.process_time() - start))
    return {name: statistics.median(found) for name, found in times.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[*NOTHING, *OPERATORS])
    parser.add_argument("--wires", type=int, nargs="+", default=[3, 5, 8, 12])
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--slower", action="store_true")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    heads = (OURS, *RIVALS, "faster ÷ ours")
    print("| operator | wires | |", " | ".join(heads), "|\n" + "|---" * 7 + "|")
    lost = count = 0
    for name in options.names:
        operator = (NOTHING | OPERATORS)[name]
        for wires in options.wires:
            if not operator.fits(wires):
                continue
            drawn = operator.draw(wires)
            for kind in ("run", "step") if drawn else ("run",):
                found = milliseconds(
                    operator, drawn, wires, kind == "step", options.seconds
                )
                rivals = [found[rival] for rival in RIVALS if rival in found]
                ours = found.get(OURS, float("inf"))
                ratio = min(rivals) / ours if rivals else float("inf")
                count, lost = count + 1, lost + (ratio < 1)
                if options.slower and ratio >= 1:
                    continue
                cells = [f"{found[d]:.2f}" if d in found else "" for d in heads[:-1]]
                print(
                    f"| {name} | {wires} | {kind} |",
                    " | ".join([*cells, f"{ratio:.2f}"]),
                    "|",
                    flush=True,
                )
    print(f"\nslower than the faster of the two: {lost} of {count}")


if __name__ == "__main__":
    main()
