"""What was used last is kept, also where threads share it."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qml_qdl.hardware.caches import LruCache, default_cache_folder


def test_what_was_used_longest_ago_goes_first() -> None:
    cache = LruCache[str, int](most=2)
    cache.keep("a", 1)
    cache.keep("b", 2)
    assert cache.find("a") == 1  # used again: now "b" is the oldest
    assert cache.keep("c", 3) == 3
    assert [cache.find(key) for key in "abc"] == [1, None, 3]
    assert len(cache) == 2


def test_a_value_is_replaced_under_its_key() -> None:
    cache = LruCache[str, int](most=2)
    cache.keep("a", 1)
    cache.keep("a", 2)
    assert cache.find("a") == 2
    assert len(cache) == 1


def test_threads_may_share_it() -> None:
    cache = LruCache[int, int](most=3)

    def use(number: int) -> bool:
        for step in range(2000):
            key = (number + step) % 7
            cache.keep(key, key)
            if cache.find(key) not in (key, None):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(8)))
    assert len(cache) <= 3


def test_the_cache_folder_is_the_environments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("QML_QDL_CACHE", str(tmp_path / "own"))
    assert default_cache_folder() == tmp_path / "own"
    monkeypatch.delenv("QML_QDL_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "qml-qdl"
