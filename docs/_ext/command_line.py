"""The page of the command line, made of what `--help` says."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from sphinx.util.rst import escape
from typer import Context
from typer.core import TyperArgument, TyperOption
from typer.main import get_command

from qml_qdl.cli.app import NAME, program_of


def titled(text: str, line: str) -> list[str]:
    """The lines of a title."""
    return [text, line * len(text), ""]


def _options(command: Any, context: Context) -> Iterator[str]:
    """Arguments, then options under the headings that `--help` has."""
    panel = None
    for each in [*command.params, command.get_help_option(context)]:
        assert isinstance(each, TyperArgument | TyperOption)
        # Typer hides a few from the rich help only, and so does each record.
        shown = each.get_help_record(context)
        if shown is None:
            continue
        if each.rich_help_panel != panel:
            panel = each.rich_help_panel
            yield from ("", f".. rubric:: {panel or 'Options'}", "")
        yield from (f".. option:: {shown[0]}", "")
        yield from (f"   {escape(shown[1])}", "")


def _command(command: Any, context: Context, level: int = 0) -> Iterator[str]:
    """A command, and the commands below it."""
    path = context.command_path
    yield from titled(path if context.parent else "Command line", "=-~"[level])
    yield from (f".. program:: {path}", "", ".. code-block:: text", "")
    yield from (f"   {path} {' '.join(command.collect_usage_pieces(context))}", "")
    yield from (*escape(textwrap.dedent(command.help or "")).splitlines(), "")
    if command.epilog:
        examples = command.epilog.removeprefix("Example: ").split(", or ")
        yield from (".. code-block:: console", "")
        yield from (*(f"   $ {example}" for example in examples), "")
    yield from _options(command, context)
    for name, child in getattr(command, "commands", {}).items():
        inner = Context(child, info_name=name, parent=context)
        yield from _command(child, inner, level + 1)


def command_line() -> str:
    """All commands with all options, as reStructuredText."""
    program = get_command(program_of(())[0])
    return "\n".join(_command(program, Context(program, info_name=NAME)))
