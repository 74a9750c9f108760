"""The table at the end of a run: models and baselines on one test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, frozen
from rich.table import Table

from qml_qdl.hardware.files import write_atomically
from qml_qdl.training.baselines import Baseline
from qml_qdl.training.fitting import Fit
from qml_qdl.training.json_files import write_json
from qml_qdl.training.measures import format_measure
from qml_qdl.training.recipes.recipe import Recipe
from qml_qdl.training.statistics import Summary, summarise


@frozen
class Line:
    """What one model, or baseline, reached.

    Args:
        name: Which one.
        measures: For each measure that it has one value per seed.
        parameters: How many numbers are trained; None where rows are stored.
        seconds: Mean wall-clock seconds of one training; None if nobody counted.
        note: What should be known to read the numbers fairly.
    """

    name: str
    measures: dict[str, tuple[float, ...]]
    parameters: int | None = None
    seconds: float | None = None
    note: str = ""

    def summary(self, name: str) -> Summary:
        """Mean and deviation of a measure over the seeds."""
        return summarise(self.measures[name])

    def cell(self, name: str) -> str:
        """A measure as text, – where there is none."""
        if name not in self.measures:
            return "–"
        return format_measure(name, self.summary(name))


@frozen
class Report:
    """The whole table.

    Args:
        title: Which data and how many rows.
        measures: The measures that are shown, in order.
        lines: The models, then the baselines.
        upright: Whether models are columns, and not lines.
        footnotes: Lines below the table.
    """

    title: str
    measures: tuple[str, ...]
    lines: tuple[Line, ...]
    upright: bool = False
    footnotes: tuple[str, ...] = ()

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        if self.upright:
            return "model", *self.measures, "parameters", "seconds"
        alone = len(self.measures) == 1
        tested = (f"test {name}" if alone else name for name in self.measures)
        return "model", *tested, "parameters", "seconds", "note"

    def cells(self, line: Line) -> tuple[str, ...]:
        """A line as text, in the order of the header."""
        count = "–" if line.parameters is None else f"{line.parameters:,}"
        places = 1 if self.upright else 2
        seconds = "–" if line.seconds is None else f"{line.seconds:.{places}f}"
        found = (line.cell(name) for name in self.measures)
        notes = () if self.upright else (line.note,)
        return line.name, *found, count, seconds, *notes

    def table(self) -> Table:
        """Returns the table for the terminal (rich)."""
        if self.upright:
            return self._upright_table()
        table = Table(title=self.title, title_justify="left")
        for name in self.header:
            right = name in ("parameters", "seconds")
            justify: Any = "right" if right else "left"
            table.add_column(name, justify=justify, overflow="fold")
        for line in self.lines:
            table.add_row(*self.cells(line))
        return table

    def _upright_table(self) -> Table:
        table = Table(title=self.title, title_justify="left", padding=(0, 0, 0, 1))
        columns = [self.header, *map(self.cells, self.lines)]
        for number, (name, *_) in enumerate(columns):
            table.add_column(
                name if number else "",
                justify="right" if number else "left",
                overflow="fold",
                no_wrap=not number,
            )
        for row in list(zip(*columns, strict=True))[1:]:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """Returns the table as Markdown."""
        rows = [self.header, *map(self.cells, self.lines)]
        return "\n".join([markdown(self.title, rows), *self.footnotes, ""])

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
                "note": line.note,
                "measures": {
                    name: {
                        "values": list(values),
                        **asdict(line.summary(name)),
                    }
                    for name, values in line.measures.items()
                },
            }
            for line in self.lines
        ]
        write_json(folder / "report.json", {"title": self.title, "lines": lines})


def markdown(title: str, rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown.

    Args:
        title: Its title.
        rows: Its lines, the names of the columns first.
    """
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    table = "\n".join("| " + " | ".join(row) + " |" for row in lines)
    return f"# {title}\n\n{table}\n"


def make_report(
    name: str,
    recipe: type[Recipe],
    split: Any,
    fits: Mapping[str, Sequence[Fit]],
    baselines: Sequence[Baseline],
) -> Report:
    """Puts all results side by side.

    Args:
        name: What the data are called.
        recipe: How the models learnt.
        split: What they learnt from.
        fits: The trainings of each model, one per seed, by its name.
        baselines: What the baselines reached; those without measures are told below the
            table alone.

    Returns:
        The report.
    """
    seeds = len(next(iter(fits.values())))
    title = f"{name}: {recipe.amount(split)}; {seeds} seed{'s'[: seeds > 1]}"
    lines = [
        Line(
            name,
            {
                each: tuple(fit.measures[each] for fit in trainings)
                for each in trainings[0].measures
            },
            trainings[0].parameters,
            summarise(fit.seconds for fit in trainings).mean,
        )
        for name, trainings in fits.items()
    ]
    lines += [
        Line(
            each.name,
            {name: (value,) for name, value in each.measures.items()},
            each.parameters,
            each.seconds,
            each.note,
        )
        for each in baselines
        if each.measures
    ]
    notes = (f"{each.name}: {each.note}" for each in baselines if each.note)
    footnotes = recipe.footnotes + (tuple(notes) if recipe.upright else ())
    return Report(
        title, recipe.measures(split), tuple(lines), recipe.upright, footnotes
    )
