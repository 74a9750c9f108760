"""Prints the benchmarks as a table of medians and ratios."""

from __future__ import annotations

from typing import Any

import torch


def pytest_configure(config: Any) -> None:
    torch.set_num_threads(1)


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    session = getattr(config, "_benchmarksession", None)
    if session is None or not session.benchmarks:
        return
    medians: dict[tuple[str, str], dict[str, float]] = {}
    for bench in session.benchmarks:
        info = bench.extra_info
        key = (info["workload"], info["kind"])
        medians.setdefault(key, {})[info["peer"]] = bench.stats.median * 1e3
    write = terminalreporter.write_line
    write("")
    write("median milliseconds a call, one thread; in brackets times slower than ours")
    for (workload, kind), peers in sorted(medians.items()):
        own = peers.get("qml-qdl")
        cells = [
            f"{peer} {median:.2f}"
            + (f" ({median / own:.1f}×)" if own and peer != "qml-qdl" else "")
            for peer, median in peers.items()
        ]
        write(f"{workload}, {kind}: " + ", ".join(cells))
