"""Options that several commands share."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

_PAUSE = 5.0
"""Seconds between two lines of progress where there is no terminal."""

RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run, by name or folder.", show_default=False),
]
RunsDirOption = Annotated[Path, typer.Option(help="Folder of all runs.")]
NameOption = Annotated[
    str | None,
    typer.Option(
        help="Name of the run's folder.",
        rich_help_panel="Run",
        show_default="data and time",
    ),
]
NewRunsDirOption = Annotated[
    Path, typer.Option(help="Folder of all runs.", rich_help_panel="Run")
]
TablesOnlyOption = Annotated[
    bool, typer.Option("--quiet", help="Print the tables only, without progress.")
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        help="Where circuits run: auto; aer, aer:fake_torino, ibm:ibm_torino and the "
        "like; or a PennyLane device such as lightning.qubit.",
        show_default="where they were trained",
    ),
]
ShotsOption = Annotated[
    int | None,
    typer.Option(
        help="Shots per circuit; 0 for exact results.",
        min=0,
        show_default="as in training",
    ),
]
TrainingSeedOption = Annotated[
    int | None,
    typer.Option(
        help="Which of the run's trainings.",
        min=0,
        show_default="the best on the validation part",
    ),
]
ClassifierOption = Annotated[
    Literal["auto", "quantum", "twin", "classical"],
    typer.Option(
        help="The quantum model, or its classical twin; auto is the run's own model."
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        help="Take this many test rows only, each class keeping its share.",
        min=1,
        show_default="all test rows",
    ),
]
BatchSizeOption = Annotated[
    int,
    typer.Option(help="Rows per call of the model, so per job on a machine.", min=1),
]
ResilienceLevelOption = Annotated[
    int | None,
    typer.Option(
        help="On ibm:...: error mitigation of IBM's estimator, 0, 1 or 2.",
        min=0,
        max=2,
        show_default="IBM's sampler",
    ),
]
MitigationOption = Annotated[
    Literal["readout", "zne", "readout+zne"] | None,
    typer.Option(
        help="On aer..., fakes and ibm:...: undo errors of reading, extrapolate noise "
        "to zero, or both, in expectation values.",
        show_default="none",
    ),
]
AccountOption = Annotated[
    str | None,
    typer.Option(
        help="Name of an IBM account that Qiskit saved.",
        show_default="that of the environment, or the default one",
    ),
]
MaxQpuSecondsOption = Annotated[
    float | None,
    typer.Option(
        help="On ibm:...: refuse a job that would take more.",
        min=0,
        show_default="60",
    ),
]


def named_values(flag: str, words: Sequence[str]) -> dict[str, Any]:
    """Reads words such as h=0.5.

    Args:
        flag: The option that has them.
        words: The words.

    Returns:
        Names with their values, which are read as YAML.

    Raises:
        BadParameter: A word is none.
    """
    from yaml import YAMLError

    from qml_qdl.training.options import read_yaml

    found = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip().replace("-", "_")
        wrong = not (name and equals and text.strip())
        if not wrong:
            try:
                found[name] = read_yaml(text)
            except YAMLError:
                wrong = True
        if wrong:
            raise typer.BadParameter(
                f"expected NAME=VALUE, such as h=0.5, got {word!r}",
                param_hint=f"'{flag}'",
            )
    return found


def table_of(title: str, rows: Sequence[Sequence[str]]) -> Any:
    """A table for the terminal (rich).

    Args:
        title: Its title.
        rows: Its lines, the names of the columns first.
    """
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, name in enumerate(rows[0]):
        justify: Any = "right" if number else "left"
        table.add_column(name, justify=justify, overflow="fold")
    for row in rows[1:]:
        table.add_row(*row)
    return table


class Progress:
    """What is being done: a line that changes, or lines on stderr in a pipe."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._bar = sys.stderr.isatty()

    def __call__(self, text: str, *, end: bool = False) -> None:
        """Shows what is being done; with `end` nothing any more."""
        now = time.monotonic()
        if self._bar:
            print(f"\r\033[K{'' if end else text}", end="", file=sys.stderr, flush=True)
        elif now - self._last >= _PAUSE and not end:
            print(text, file=sys.stderr, flush=True)
            self._last = now
