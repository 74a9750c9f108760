"""A cache of what was used last, and the folder of what is kept on disk."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar, final

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@final
class LruCache(Generic[Key, Value]):
    """Keeps the values that were used last; threads may share it.

    Args:
        most: How many are kept.

    Example:
        >>> cache = LruCache[str, int](most=1)
        >>> cache.keep("a", 1), cache.keep("b", 2)
        (1, 2)
        >>> cache.find("a"), cache.find("b"), len(cache)
        (None, 2, 1)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: Key) -> Value | None:
        """What is kept under a key.

        Args:
            key: All that the value depends on.

        Returns:
            The value; None where there is none (any more).
        """
        value = self._kept.get(key)
        with suppress(KeyError):  # another thread may have dropped it meanwhile
            self._kept.move_to_end(key)
        return value

    def keep(self, key: Key, value: Value) -> Value:
        """Keeps a value, and drops what was used longest ago if there are too many.

        Args:
            key: All that the value depends on.
            value: The value.

        Returns:
            The value.
        """
        self._kept[key] = value
        if len(self._kept) > self._most:
            with suppress(KeyError):  # another thread may have emptied it meanwhile
                self._kept.popitem(last=False)
        return value


def default_cache_folder() -> Path:
    """Where transpiled circuits and molecules are kept if nothing else is said.

    Returns:
        The environment's QML_QDL_CACHE, else a folder in the platform's place for
        caches.
    """
    own = os.environ.get("QML_QDL_CACHE")
    if own:
        return Path(own).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "qml-qdl"
