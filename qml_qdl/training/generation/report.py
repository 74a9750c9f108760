"""The table at the end of a generative run: model, twin and trivial rivals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from rich.table import Table

from qml_qdl.data.parts import Split
from qml_qdl.hardware.files import write_atomically
from qml_qdl.training.generation.family import Family
from qml_qdl.training.generation.fitting import GenerativeFit
from qml_qdl.training.generation.measures import format_measure
from qml_qdl.training.options import DataOptions
from qml_qdl.training.run import write_json

_FOOTNOTES = (
    "Measured against the test part; mean ± standard deviation over seeds (initial",
    "weights, order of the rows and all that is drawn; the split is the same). Models",
    "keep the epoch that is best on the validation part. Rivals are fitted to the",
    "training part; the floor is the training part itself, as if it had been drawn.",
    "Seconds: wall-clock time of one training that led to its last epoch, without work",
    "lost to an interruption.",
)


@frozen
class MeasureLine:
    """One line of the table.

    Args:
        name: Which model.
        measures: For each measure that it has one value per seed.
        parameters: How many numbers are trained; None where rows are stored.
        seconds: Mean wall-clock seconds of one training; None for a rival.
    """

    name: str
    measures: dict[str, tuple[float, ...]]
    parameters: int | None
    seconds: float | None

    def mean(self, name: str) -> float:
        """Mean of a measure over the seeds."""
        return statistics.fmean(self.measures[name])

    def deviation(self, name: str) -> float | None:
        """Standard deviation over the seeds (n − 1), None where there is none."""
        values = self.measures[name]
        # Distances of distributions may be infinite, and then have no spread.
        spread = len(values) > 1 and all(map(math.isfinite, values))
        return statistics.stdev(values) if spread else None

    def cell(self, name: str) -> str:
        """A measure as text, – where there is none."""
        if name not in self.measures:
            return "–"
        return format_measure(name, self.mean(name), self.deviation(name))

    def cells(self, names: Sequence[str]) -> tuple[str, ...]:
        """The line as text.

        Args:
            names: The measures, in order.
        """
        count = "–" if self.parameters is None else f"{self.parameters:,}"
        seconds = "–" if self.seconds is None else f"{self.seconds:.1f}"
        return self.name, *(self.cell(name) for name in names), count, seconds


@frozen
class GenerativeReport:
    """The whole table.

    Args:
        title: Which data and how many rows.
        names: The measures, in the order of the columns.
        lines: The models, then the rivals, of which the floor is the first.
    """

    title: str
    names: tuple[str, ...]
    lines: tuple[MeasureLine, ...]

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        return "model", *self.names, "parameters", "seconds"

    def table(self) -> Table:
        """Returns the table for the terminal (rich), a column for each model."""
        table = Table(title=self.title, title_justify="left", padding=(0, 0, 0, 1))
        columns = [self.header, *(line.cells(self.names) for line in self.lines)]
        for number, (name, *_) in enumerate(columns):
            table.add_column(
                name if number else "",
                justify="right" if number else "left",
                overflow="fold",
                no_wrap=not number,
            )
        for row in zip(*columns, strict=True):
            if row[0] != "model":
                table.add_row(*row)
        return table

    def markdown(self) -> str:
        """Returns the table as Markdown."""
        rows = [self.header, tuple("---" for _ in self.header)]
        rows += [line.cells(self.names) for line in self.lines]
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
            {
                "name": line.name,
                "parameters": line.parameters,
                "seconds": line.seconds,
                "measures": {
                    name: {
                        "values": list(values),
                        "mean": line.mean(name),
                        "deviation": line.deviation(name),
                    }
                    for name, values in line.measures.items()
                },
            }
            for line in self.lines
        ]
        write_json(folder / "report.json", {"title": self.title, "lines": lines})


def make_generative_report(
    data: DataOptions,
    family: Family,
    fits: Mapping[Any, Sequence[GenerativeFit]],
) -> GenerativeReport:
    """Puts all results side by side.

    Args:
        data: Which data were asked for.
        family: The kind of model, with its data.
        fits: The trainings of each kind, one per seed.

    Returns:
        The report.
    """
    names = {"twin": "classical twin", "plain": "plain VAE"}
    lines = [
        MeasureLine(
            names.get(kind, family.title),
            {
                each: tuple(fit.measures[each] for fit in trainings)
                for each in trainings[0].measures
            },
            trainings[0].parameters,
            statistics.fmean(fit.seconds for fit in trainings),
        )
        for kind, trainings in fits.items()
    ]
    lines += [
        MeasureLine(
            rival.name,
            {each: (value,) for each, value in rival.measures.items()},
            rival.parameters,
            None,
        )
        for rival in family.yardstick.rivals()
    ]
    seeds = len(next(iter(fits.values())))
    name = family.split.train.name
    if data.labels:
        several = "es" if len(data.labels) > 1 else ""
        name = f"{name}, class{several} {', '.join(data.labels)}"
    title = f"{name}: {rows_in_words(family.split)}; {seeds} seed{'s'[: seeds > 1]}"
    return GenerativeReport(title, family.yardstick.names, tuple(lines))


def rows_in_words(split: Split) -> str:
    """How many rows each part has, in words."""
    return (
        f"{len(split.train)} rows to train, {len(split.validation)} to validate, "
        f"{len(split.test)} to test"
    )
