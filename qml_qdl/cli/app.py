"""The program `qml-qdl`: its commands, and how failures are told."""

from __future__ import annotations

import logging
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from qml_qdl.circuits.errors import QdlError, SubmissionUnclear
from qml_qdl.circuits.packages import missing_package
from qml_qdl.cli.signals import Interrupted, heeding_signals

NAME = "qml-qdl"
INTERRUPTED = 130


class _StoppedError(Exception):
    """Takes an interrupt past typer, which would say nothing of it."""

    def __init__(self, error: KeyboardInterrupt) -> None:
        super().__init__(error)
        self.error = error


class _Commands(TyperGroup):
    """Lets an interrupt be told in one line."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _StoppedError(error) from error


_EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "train": "qml-qdl train --data wine --epochs 30 --seeds 5, or "
        "qml-qdl train --model patch_gan --data digits --label 0",
        "evaluate": "qml-qdl evaluate my-run --shots 1000 --limit 50",
        "sample": "qml-qdl sample my-run -n 64 --target aer:fake_torino --shots 4096",
        "quench": "qml-qdl quench transverse_ising --size 10 --from h=1 --to h=0.5 "
        "--time 1",
        "phases": "qml-qdl phases ising2d, or qml-qdl phases cluster_ising --seeds 5",
        "kernels": "qml-qdl kernels wine --seeds 5",
        "predict": "qml-qdl predict my-run new.csv --out predicted.csv",
        "estimate": "qml-qdl estimate my-run --target ibm:ibm_torino --limit 10",
        "vqe": "qml-qdl vqe LiH --states 3, or qml-qdl vqe heisenberg --size 10 "
        "--ansatz hamiltonian-variational",
        "measure": "qml-qdl measure bell.qasm --target aer:fake_torino --out bell.npz",
        "tomography": "qml-qdl tomography bell.npz --state bell.qasm",
        "targets": "qml-qdl targets --online",
        "jobs": "",
    }
)
"""The commands, each in the module of its name, with what `--help` shows last."""


def program_of(given: Sequence[str]) -> tuple[typer.Typer, list[str]]:
    """The program that reads a command line.

    Where a command is called, the program has no other, and no options to install
    completion: neither they nor pydantic, which checks them, are waited for.

    Args:
        given: The words of the command line after the program's name.

    Returns:
        The program, and the words that are left to it; that of training has the
        options of the model that is asked for, and takes words out.
    """
    called = [name for name in given[:1] if name in _EXAMPLES]
    app = typer.Typer(
        cls=_Commands,
        add_completion=not called,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={
            "help_option_names": ["-h", "--help"],
            # Typer asks pydantic whether None is a flag; False it takes as it is.
            "default_map": {"help": False, "jobs": {"help": False}},
        },
    )
    app.callback()(_common)
    words = list(given)
    for name in called or _EXAMPLES:
        module = import_module(f"qml_qdl.cli.{name}")
        if name == "jobs":
            app.add_typer(module.jobs_app, name=name)
            continue
        if name == "train":
            command, words = module.train_command(given if called else ())
            words = words if called else list(given)
        else:
            command = getattr(module, name)
        app.command(name, epilog=f"Example: {_EXAMPLES[name]}")(command)
    return app, words


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: What follows the program's name; None takes the process's own.

    Returns:
        0 when all went well, 1 when the machine failed (such as a full disk), 2 for
        bad arguments; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP. Whatever
        fails says so in one line on stderr.
    """
    given = sys.argv[1:] if arguments is None else [*map(str, arguments)]
    called = next((word for word in given if word in _EXAMPLES), None)
    prefix = NAME if called is None else f"{NAME} {called}"
    for word in given:
        # Terminals of another encoding make halves of characters.
        if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in word):
            refused = f"{word!r}: expected text without NUL and lone surrogates"
            return _fail(prefix, f"{refused}; type it anew", 2)
    try:
        with heeding_signals() as came, _warnings_told(prefix), _own_modules():
            program, words = program_of(given)
            result = program(args=words, prog_name=NAME, standalone_mode=False)
            if came and result == INTERRUPTED:  # while typer read the arguments
                raise came[0]
    except _StoppedError as stopped:
        return _tell_end(prefix, given, stopped.error)
    except KeyboardInterrupt as error:
        return _tell_end(prefix, given, error)
    except typer.TyperException as error:
        return _fail(prefix, error.format_message(), error.exit_code)
    except OSError as error:
        return _fail(prefix, _with_notes(str(error), error), 1)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError):
            error = missing_package(error) or error
        if not isinstance(error, QdlError):
            raise
        if isinstance(error, SubmissionUnclear):
            error.add_note("or qml-qdl jobs wait RUN --resend")
        return _fail(prefix, _with_notes(str(error), error), 2)
    return result if isinstance(result, int) else 0


def _tell_end(prefix: str, given: Sequence[str], error: KeyboardInterrupt) -> int:
    """Says that a signal ended the command, and how to go on."""
    if not isinstance(error, Interrupted):
        return _fail(prefix, _with_notes("interrupted", error), INTERRUPTED)
    notes = getattr(error, "__notes__", ())
    if not any(note.startswith("continue with") for note in notes):
        error.add_note(f"continue with: {shlex.join([NAME, *given])}")
    return _fail(prefix, _with_notes(error.word, error), 128 + error.number)


class _Telling(logging.Handler):
    """Prints what the library warns of, a line each."""

    def __init__(self, prefix: str) -> None:
        super().__init__(logging.WARNING)
        self._prefix = prefix

    def emit(self, record: logging.LogRecord) -> None:
        print(f"{self._prefix}: {_told(record.getMessage())}", file=sys.stderr)


@contextmanager
def _warnings_told(prefix: str) -> Iterator[None]:
    logger, handler = logging.getLogger("qml_qdl"), _Telling(prefix)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def _own_modules() -> Iterator[None]:
    """Finds modules of one's own where the command is called, after all others."""
    here = os.getcwd()
    # From the folder of a run, which may come from others, nothing is imported.
    inside = any((place / "config.json").exists() for place in _upwards(Path(here)))
    added = here not in sys.path and not inside
    if added:
        sys.path.append(here)
    try:
        yield
    finally:
        if added and here in sys.path:
            sys.path.remove(here)


def _upwards(folder: Path) -> list[Path]:
    return [folder, *folder.parents]


def _with_notes(message: str, error: BaseException) -> str:
    """A message, and what was noted on its way, such as jobs that run on."""
    return "; ".join([message, *getattr(error, "__notes__", ())])


_ARGUMENT = re.compile(
    r"\b(again|batch_size|categorical|color_mode|drop|header|image_size|limit|"
    r"max_qpu_seconds|missing|recipe|shots)=(…|[\d.]*\d|True|'[^']*')(?!\w)"
)
"""Options by the names that the library's messages give them."""


def _as_flag(found: re.Match[str]) -> str:
    """`limit=7` as `--limit 7`."""
    name, value = found.groups()
    flag = f"--{name.replace('_', '-')}"
    return flag if value in ("…", "True") else f"{flag} {value}"


def _fail(prefix: str, message: str, code: int) -> int:
    print(f"{prefix}: {_told(message)}", file=sys.stderr)
    return code


def _told(message: str) -> str:
    """A message in one line, with flags for the library's arguments."""
    return _ARGUMENT.sub(_as_flag, " ".join(message.split()))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{NAME} {version(NAME)}")
        raise typer.Exit


def _common(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Train networks with quantum circuits in them, and run them elsewhere."""
