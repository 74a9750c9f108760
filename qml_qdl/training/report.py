"""The table at the end of a run: all rivals side by side, on one test part."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import asdict, frozen
from rich.table import Table

from qml_qdl.data.parts import Split
from qml_qdl.hardware.files import write_atomically
from qml_qdl.training.fitting import Fit
from qml_qdl.training.rivals import Rival
from qml_qdl.training.run import Kind, write_json

_NAMES: Mapping[Kind, str] = {"quantum": "quantum", "twin": "classical twin"}
_HEADER = ("model", "test accuracy", "parameters", "seconds", "note")


@frozen
class Line:
    """One line of the table.

    Args:
        name: Which model.
        accuracies: Accuracy on the test part, 0 … 1, one per seed.
        parameters: How many numbers are trained; None where rows are stored.
        seconds: Mean wall-clock seconds of one training.
        note: What should be known to read the numbers fairly.
    """

    name: str
    accuracies: tuple[float, ...]
    parameters: int | None
    seconds: float
    note: str = ""

    @property
    def mean(self) -> float:
        """Mean accuracy over the seeds."""
        return statistics.fmean(self.accuracies)

    @property
    def deviation(self) -> float | None:
        """Standard deviation over the seeds (n − 1), None for a single one."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else None

    def cells(self) -> tuple[str, ...]:
        """Returns the line as text, in the order of the table's columns."""
        share = f"{self.mean:.1%}"
        if self.deviation is not None:
            share = f"{share} ± {100 * self.deviation:.1f}"
        count = "–" if self.parameters is None else f"{self.parameters:,}"
        return self.name, share, count, f"{self.seconds:.2f}", self.note


@frozen
class Report:
    """The whole table.

    Args:
        title: Which data and how many rows.
        lines: The models, first those of this library.
    """

    title: str
    lines: tuple[Line, ...]

    def table(self) -> Table:
        """Returns the table for the terminal (rich)."""
        table = Table(title=self.title, title_justify="left")
        for name in _HEADER:
            right = name in ("parameters", "seconds")
            table.add_column(name, justify="right" if right else "left")
        for line in self.lines:
            table.add_row(*line.cells())
        return table

    def markdown(self) -> str:
        """Returns the table as Markdown."""
        rows = [_HEADER, tuple("---" for _ in _HEADER)]
        rows += [line.cells() for line in self.lines]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([f"# {self.title}", "", *lines, "", *_FOOTNOTES, ""])

    def write(self, folder: Path) -> None:
        """Writes `report.md` and `report.json`.

        Args:
            folder: The run folder.
        """
        encoded = self.markdown().encode()
        write_atomically(folder / "report.md", lambda file: file.write(encoded))
        lines = [
            asdict(line) | {"mean": line.mean, "deviation": line.deviation}
            for line in self.lines
        ]
        write_json(folder / "report.json", {"title": self.title, "lines": lines})


_FOOTNOTES = (
    "Accuracy: mean ± standard deviation over seeds (initial weights and order of the",
    "rows; the split is the same). Networks keep the epoch with the best validation",
    "accuracy; nothing was chosen by the test part. Seconds: wall-clock time of one",
    "training that led to its last epoch, without work lost to an interruption; for",
    "the last three, of fitting and testing.",
)


def make_report(
    name: str,
    split: Split,
    fits: Mapping[Kind, Sequence[Fit]],
    rivals: Sequence[Rival],
) -> Report:
    """Puts all results side by side.

    Args:
        name: The data set's name.
        split: Its parts.
        fits: The trainings of each kind, one per seed.
        rivals: What the plain rivals reached.

    Returns:
        The report.
    """
    seeds = len(next(iter(fits.values())))
    title = (
        f"{name}: {len(split.train)} rows to train, {len(split.validation)} to "
        f"validate, {len(split.test)} to test; {seeds} seed{'s' if seeds > 1 else ''}"
    )
    lines = [
        Line(
            _NAMES[kind],
            tuple(fit.test_accuracy for fit in trainings),
            trainings[0].parameters,
            statistics.fmean(fit.seconds for fit in trainings),
        )
        for kind, trainings in fits.items()
    ]
    lines += [
        Line(
            rival.name,
            (rival.test_accuracy,),
            rival.parameters,
            rival.seconds,
            rival.note,
        )
        for rival in rivals
    ]
    return Report(title, tuple(lines))
