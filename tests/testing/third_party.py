"""Runs test modules as a third party would write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


class Recorder:
    """Keeps what pytest reports."""

    def __init__(self) -> None:
        self.reports: list[Any] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.reports.append(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.reports.append(report)

    def those(self, outcome: str) -> dict[str, set[str]]:
        """The tests of that outcome, by class."""
        found: dict[str, set[str]] = {}
        for report in self.reports:
            if report.outcome == outcome:
                _, kind, test = report.nodeid.split("::")
                found.setdefault(kind, set()).add(test.partition("[")[0])
        return found


def run(folder: Path, name: str, module: str) -> Recorder:
    """Runs a test module in a pytest of its own, in this process."""
    path, recorder = folder / f"{name}.py", Recorder()
    path.write_text(module)
    # A second pytest leaves capturing, the cache and garbage to the first.
    left = ["--capture=no", "-p", "no:cacheprovider", "-p", "no:unraisableexception"]
    options = [*left, "-W", "error", "-q"]
    pytest.main([str(path), f"--rootdir={folder}", *options], [recorder])
    return recorder
