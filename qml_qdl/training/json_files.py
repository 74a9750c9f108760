"""JSON files of a run: written whole, and sealed, so that damage is noticed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from qml_qdl.circuits.errors import RunError
from qml_qdl.hardware.files import write_atomically

_SEAL = "seal"


def write_json(
    path: Path, content: dict[str, Any], *, sealed: bool = False, replace: bool = True
) -> None:
    """Writes JSON atomically.

    Args:
        path: Where to.
        content: Lists, numbers and words by name.
        sealed: Whether a sum goes with it by which `read_json` knows it again.
        replace: Whether it may take the place of a file that is there.

    Raises:
        FileExistsError: There is a file, and it may not be replaced.
    """
    if sealed:
        content = {**content, _SEAL: _seal(content)}
    encoded = (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
    write_atomically(path, lambda file: file.write(encoded), replace=replace)


def read_json(path: Path, advice: str) -> dict[str, Any]:
    """Reads a JSON object, and checks its seal if it has one.

    Args:
        path: The file.
        advice: What to do if it is damaged.

    Returns:
        Its content, without the seal.

    Raises:
        RunError: The file is missing, damaged, or cannot be read.
    """
    content = read_object(path, advice)
    check_seal(path, content, advice)
    return content


def read_object(path: Path, advice: str) -> dict[str, Any]:
    """Reads a JSON object with its seal, if it has one.

    Args:
        path: The file.
        advice: What to do if it is damaged.

    Raises:
        RunError: The file is missing, damaged, or cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(
            f"{path}: expected a file of a run, got none; is this the folder of a run?"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: the file is damaged ({error}); {advice}") from error
    except OSError as error:
        raise RunError(f"{path}: the file cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise RunError(f"{path}: the file is damaged (no JSON object); {advice}")
    return content


def _seal(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def check_seal(path: Path, content: dict[str, Any], advice: str) -> None:
    """Takes the seal out of a content; earlier versions wrote none.

    Args:
        path: The file.
        content: What was read.
        advice: What to do if it is damaged.

    Raises:
        RunError: The content is not what was written.
    """
    seal = content.pop(_SEAL, None)
    if seal is not None and seal != _seal(content):
        raise RunError(
            f"{path}: the file is damaged (it is not what was written); {advice}, or "
            f"take out its entry {_SEAL!r} if you changed it yourself"
        )
