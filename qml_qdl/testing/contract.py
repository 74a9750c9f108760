"""The base of contracts: tests that run on each of a class's instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest


class Contract:
    """Tests that run on every one of `instances`: base of all contracts."""

    instances: ClassVar[Sequence[Any]] = ()
    """What is tested; `pytest.param(…, id="name")` names one, else its str does."""

    argument: ClassVar[str]
    """The argument of the tests that takes an instance."""

    def parameters(self) -> Mapping[str, Sequence[Any]]:
        """The values that arguments of tests take, by the arguments' names."""
        return {self.argument: self.instances}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Has every test run on every instance; pytest calls this.

        Args:
            metafunc: The test, and where its parameters go.
        """
        if not self.instances:
            pytest.fail(
                f"{type(self).__name__}.instances: expected a list of what is tested, "
                f"got {self.instances!r}; write instances = [...] in the class",
                pytrace=False,
            )
        for name, values in self.parameters().items():
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, values, ids=_readable)


def _readable(value: Any) -> str:
    return str(getattr(value, "__name__", value))
