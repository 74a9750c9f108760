"""Molecules that tests share: each is made once in a process."""

from __future__ import annotations

from functools import cache
from typing import Any

from qml_qdl.manybody import Problem
from qml_qdl.vqe import Molecule


@cache
def problem(name: str, **options: Any) -> Problem:
    return Molecule.named(name, **options).problem()
