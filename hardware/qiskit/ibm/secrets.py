"""Credentials taken out of texts, also where only a part of one is repeated."""

from __future__ import annotations

from collections.abc import Iterable

LEAST = 8
"""So many characters of a credential, one after the other, are not shown."""
HIDDEN = "***"


def blanked(text: str, secrets: Iterable[str]) -> str:
    """A text without credentials, and without longer parts of them.

    Args:
        text: Any text.
        secrets: The credentials.

    Returns:
        The text, with every part of a credential that has `LEAST` characters or more,
        and every short credential as a whole, replaced.

    Example:
        >>> blanked("your key abcdefghij... is wrong", ["abcdefghijklmnop"])
        'your key ***... is wrong'
    """
    for secret in sorted(set(secrets), key=len, reverse=True):
        text = _without(text, secret)
    return text


def _without(text: str, secret: str) -> str:
    least = min(LEAST, len(secret))
    if not least:
        return text
    starts = {secret[k : k + least] for k in range(len(secret) - least + 1)}
    kept: list[str] = []
    begin = place = 0
    while place <= len(text) - least:
        if text[place : place + least] not in starts:
            place += 1
            continue
        end = place + least
        while end < len(text) and text[place : end + 1] in secret:
            end += 1
        kept += [text[begin:place], HIDDEN]
        begin = place = end
    return "".join([*kept, text[begin:]])
