"""Files that are written whole or not at all, whenever the process that writes ends."""

from __future__ import annotations

import contextlib
import glob
import io
import os
import re
import stat
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

if sys.platform != "win32":
    import fcntl

_REMAINS = re.compile(r"\..+\.[0-9a-f]{32}")


def write_atomically(
    path: str | Path,
    write: Callable[[Any], object],
    *,
    replace: bool = True,
    keep: Path | None = None,
) -> None:
    """Writes a file so that readers see the old or the new content, never a part.

    A new file has the permissions that `open` would give it, and one that was there
    keeps its own. What a killed process left of an earlier try is removed.

    Args:
        path: Where to.
        write: Called with a binary file to write to.
        replace: Whether it may take the place of a file that is there.
        keep: Where such a file goes instead of being lost, in the same folder.

    Raises:
        FileExistsError: There is a file, and it may not be replaced.
        OSError: The disk is full or the folder cannot be written; what stood at the
            path before is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_remains(path.parent, path.name)
    try:
        kept = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        kept = None
    temporary, file = _begin(path, kept)
    with file:
        try:
            if kept is not None:
                os.fchmod(file.fileno(), kept)  # the umask took its share
            write(file)
            file.flush()
            os.fsync(file.fileno())
            if keep is not None and path.exists():
                os.replace(path, keep)
            if replace:
                os.replace(temporary, path)
            else:
                _move_unless_there(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def made_in_memory(write: Callable[[Any], object]) -> Callable[[Any], object]:
    """For `write_atomically`: what torch or NumPy write to memory first.

    They would tell a full disk in ways of their own, not as an OSError.

    Args:
        write: Called with a binary file to write to.

    Returns:
        Writes the same at once.
    """

    def written(file: Any) -> None:
        content = io.BytesIO()
        write(content)
        file.write(content.getbuffer())

    return written


def remove_remains(folder: Path, name: str | None = None) -> None:
    """Removes what killed processes left of files that they were writing.

    What a living process is writing stays, on whatever computer it runs: it holds a
    lock. So does everything where it cannot be known, or may not be removed.

    Args:
        folder: Where to look; nothing happens if it is not there.
        name: The name of the file that was written; None for any.
    """
    pattern = "*" if name is None else glob.escape(name)
    for path in folder.glob(f".{pattern}.*"):
        if not _REMAINS.fullmatch(path.name):
            continue
        # Held by its writer, gone meanwhile, or of another user.
        with contextlib.suppress(OSError), path.open("r+b") as file:
            if sys.platform != "win32":  # there, what is open cannot be removed
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _begin(path: Path, mode: int | None) -> tuple[Path, BinaryIO]:
    """A new file beside a path, held by this process as long as it is open."""

    def opener(name: str, flags: int) -> int:
        # Never for a moment may anyone read it who may not read what it replaces.
        return os.open(name, flags, 0o666 if mode is None else mode)

    while True:
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        file = open(temporary, "xb", opener=opener)  # noqa: SIM115 - the caller's
        if sys.platform == "win32":
            return temporary, file
        # Where there are no locks nobody else gets one either, and nothing is removed.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()  # removed as remains before it was held


def _move_unless_there(source: Path, path: Path) -> None:
    try:
        os.link(source, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links here
        if path.exists():
            raise FileExistsError(f"{path} exists already") from None
        os.replace(source, path)
    else:
        source.unlink()
