"""The page of the command line has what `--help` has."""

from __future__ import annotations

import re

import pytest

from docs._ext.command_line import command_line
from qml_qdl.cli import main


def test_every_command_and_option_is_on_the_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    page = command_line()
    asked = [["--help"], ["train", "--help"], ["evaluate", "--help"]]
    for words in [*asked, ["jobs", "wait", "--help"]]:
        assert main(words) == 0
        shown = capsys.readouterr().out
        path = " ".join(["qml-qdl", *words[:-1]])
        _, _, section = page.partition(f".. program:: {path}\n")
        section = section.partition(".. program::")[0]
        options = set(re.findall(r"^│ (--[\w-]+)", shown, flags=re.MULTILINE))
        assert len(options) > 2 or "jobs" in words
        for option in options:
            assert re.search(rf"^\.\. option::.* ?{option}\b", section, re.MULTILINE)
