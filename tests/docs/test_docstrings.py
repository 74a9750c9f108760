"""What is not valid in a docstring is said."""

from __future__ import annotations

import ast

import pytest

from docs._ext.docstrings import docstrings, problems


@pytest.mark.parametrize(
    ("doc", "problem"),
    [
        ("The state |0⟩.", "Inline substitution_reference start-string"),
        ("The norm |x|.", "'|x|' is read as a link"),
        ("Shape (*batch, n).", "Inline emphasis start-string"),
        ("Weights named weights_.", "'weights_' is read as a link"),
        ("Sum.\n\nArgs:\n    x: One of `a`s.", "Inline interpreted text"),
        ("A table:\n\n== ==\na\n", "Malformed table"),
    ],
)
def test_what_is_not_valid_is_said(doc: str, problem: str) -> None:
    assert any(problem in each for each in problems(doc))


def test_what_is_valid_is_not() -> None:
    doc = """The state `|0⟩`, of shape `(*batch, n)`.

    Args:
        x: Numbers, see https://example.com.
        **options: As `QuantumLayer` takes them.

    Returns:
        More *numbers*.

    Example:
        >>> 1 | 2
        3
    """
    assert list(problems(doc)) == []


def test_public_ones_are_looked_at() -> None:
    source = '"""m"""\nclass A:\n  """a"""\n  def b(self):\n    """b"""\n'
    source += '  def _c(self):\n    """c"""\ndef d(): pass\n'
    assert list(docstrings(ast.parse(source))) == [(1, "m"), (3, "a"), (5, "b")]
