"""Quantum functions that may be called once more, as far as their code shows."""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
import random
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

_KNOWN = frozenset(
    (
        *("attr", "attrs", "autoray", "builtins", "cmath", "collections", "copy"),
        *(
            "dataclasses",
            "enum",
            "functools",
            "itertools",
            "math",
            "numbers",
            "numpy",
            "operator",
        ),
        *("pennylane", "qml_qdl", "random", "scipy", "string", "torch", "types"),
        "typing",
    )
)
"""Packages whose functions change nothing but generators of random numbers."""

_OUTWARD = frozenset(
    (
        *("__import__", "breakpoint", "compile", "delattr", "eval", "exec", "globals"),
        *("input", "iter", "next", "open", "print", "setattr", "vars"),
    )
)
"""Builtin functions by which something else may change, or be seen."""

_CHANGING = frozenset(
    (
        *("add", "append", "appendleft", "clear", "discard", "extend", "insert"),
        *("load_state_dict", "pop", "popitem", "remove", "reverse", "setdefault"),
        *("setflags", "shuffle", "sort", "update", "write"),
    )
)
"""Methods that change their object; so do torch's that end with an underscore."""

_STORES = frozenset(
    ("DELETE_ATTR", "DELETE_GLOBAL", "IMPORT_STAR", "STORE_ATTR", "STORE_GLOBAL")
)
_SUBSCRIPTS = frozenset(("DELETE_SUBSCR", "STORE_SUBSCR"))
_GENERATORS = frozenset(("BitGenerator", "Generator", "Random", "RandomState"))
_GLOBAL: tuple[Any, ...] = (np.random.mtrand._rand, random._inst)
"""The global generators of NumPy and Python."""

_PLAIN = (int, float, complex, str, bytes, tuple, range, type(None))
_CODE = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type)


def is_repeatable(function: Any) -> bool:
    """Whether one call more of a quantum function would be noticed by nobody.

    Its code is read, and that of all functions of the user's that it names: nothing is
    stored outside, nothing printed, no iterator and no generator of random numbers of
    its own goes on, and what else is called belongs to PennyLane, torch, NumPy and the
    like. It may take numbers from the global generators, whose state can be kept. What
    cannot be read is taken for not repeatable.

    Args:
        function: A quantum function; or an object of a user's class, for all functions
            of that class but `__init__` and its like.

    Example:
        >>> is_repeatable(print), is_repeatable(abs)
        (False, True)
    """
    seen: set[tuple[int, int]] = set()
    if callable(function):
        return _repeatable(function, seen)
    return all(_repeatable(one, seen) for one in _methods(type(function), function))


def _methods(kind: type, owner: Any) -> Iterator[types.MethodType]:
    """The user's functions in a class, but `__init__` and its like."""
    for base in kind.__mro__:
        for name, member in [] if _is_known(base) else vars(base).items():
            function = getattr(member, "__func__", member)
            if isinstance(function, types.FunctionType) and not name.startswith("__"):
                yield types.MethodType(function, owner)


def _is_known(value: Any) -> bool:
    module = getattr(value, "__module__", None) or getattr(value, "__name__", "")
    return str(module).partition(".")[0] in _KNOWN


def _is_global(value: Any) -> bool:
    return any(value is one for one in _GLOBAL)


def _repeatable(value: Any, seen: set[tuple[int, int]]) -> bool:
    """Whether to load a value, and to call it if it can be called, changes nothing."""
    owner = None
    if isinstance(value, types.MethodType):
        value, owner = value.__func__, value.__self__
    key = id(value), id(owner)
    if key in seen or _is_global(value) or _is_global(owner):
        return True
    seen.add(key)
    inner: list[Any] = []
    if isinstance(value, functools.partial):
        inner = [value.func, *value.args, *value.keywords.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        inner = list(value)
    elif isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, types.BuiltinFunctionType):
        bound = value.__self__
        if not isinstance(bound, type | types.ModuleType | None):
            return _is_global(bound)
        known = _is_known(value) or _is_known(bound)
        return known and value.__name__ not in _OUTWARD
    elif isinstance(value, types.FunctionType):
        if value.__globals__.get("__name__", "").partition(".")[0] not in _KNOWN:
            return _Reader(value, owner, seen).reads_only()
        inner = [getattr(value, "__wrapped__", None)]  # the user's, maybe
    elif isinstance(value, type):
        inner = [] if _is_known(value) else list(_methods(value, value))
    elif type(value).__name__ in _GENERATORS or hasattr(type(value), "__next__"):
        return False
    elif not _is_known(type(value)):
        called = inspect.getattr_static(type(value), "__call__", None)
        if isinstance(called, types.FunctionType):
            inner = [types.MethodType(called, value)]
    return all(_repeatable(each, seen) for each in inner)


class _Local:
    """Stands for a value that a function has made, or was given."""


class _Reader:
    """Reads the code of a Python function.

    Args:
        function: The function.
        owner: The object whose method it is; None for none.
        seen: What was looked at, by identity.
    """

    def __init__(
        self, function: types.FunctionType, owner: Any, seen: set[tuple[int, int]]
    ) -> None:
        self._function = function
        self._owner = owner
        self._seen = seen
        cells = function.__closure__ or ()
        self._closure = dict(zip(function.__code__.co_freevars, cells, strict=True))
        keywords = function.__kwdefaults__ or {}
        self._given = [*(function.__defaults__ or ()), *keywords.values()]
        self._local: Any = _Local()
        # A default that can change is a local variable which outlives the call.
        self._lasting = not all(
            isinstance(one, (*_PLAIN, *_CODE)) for one in self._given
        )
        self._holds = self._lasting  # something outside that could change

    def reads_only(self) -> bool:
        """Whether it only reads what is outside of it."""
        return all(_repeatable(each, self._seen) for each in self._given) and all(
            self._code_reads_only(code) for code in _codes(self._function.__code__)
        )

    def _code_reads_only(self, code: types.CodeType) -> bool:
        value: Any = None  # what the step before has loaded
        stored = False
        for step in dis.get_instructions(code):
            name, before, value = str(step.argval), value, None
            stored = stored or step.opname in _SUBSCRIPTS
            stores_cell = step.opname == "STORE_DEREF" and name in self._closure
            foreign = step.opname == "IMPORT_NAME" and name.split(".")[0] not in _KNOWN
            if step.opname in _STORES or stores_cell or foreign:
                return False
            if step.opname.startswith("LOAD_FAST"):
                value = self._argument(code, name)
            elif step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
                value = self._found(name)
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                if self._is_change(before, name):
                    return False
                value = self._attribute(before, name)
            outside = value is not None and value is not self._local
            if outside and not isinstance(value, types.ModuleType):
                plain = isinstance(value, (*_PLAIN, *_CODE, types.MethodType))
                self._holds = self._holds or not plain
                if not _repeatable(value, self._seen):
                    return False
        return not (stored and self._holds)

    def _argument(self, code: types.CodeType, name: str) -> Any:
        own = self._function.__code__
        is_owner = self._owner is not None and name == own.co_varnames[0]
        return self._owner if is_owner and code is own else self._local

    def _found(self, name: str) -> Any:
        """What a name stands for outside; a local of the function, else."""
        if name in self._closure:
            try:
                return self._closure[name].cell_contents
            except ValueError:  # it has no value yet
                return self._local
        everywhere = {**vars(builtins), **self._function.__globals__}
        return everywhere.get(name, self._local)

    def _attribute(self, before: Any, name: str) -> Any:
        """An attribute of a module or of a user's object; None where it is not read."""
        if isinstance(before, types.ModuleType):
            return getattr(before, name, None)
        if before is None or before is self._local or _is_known(type(before)):
            return None
        found = inspect.getattr_static(before, name, None)
        found = getattr(found, "fget", getattr(found, "__func__", found))
        if isinstance(found, types.FunctionType):
            return types.MethodType(found, before)
        return found

    def _is_change(self, before: Any, name: str) -> bool:
        """Whether an attribute, of what was loaded before, changes what lasts."""
        in_place = name.endswith("_") and not name.startswith("_")
        if isinstance(before, types.ModuleType):
            return in_place or name.startswith(("save", "set_"))
        if before is self._local and not self._lasting:
            return False
        return in_place or name in _CHANGING


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A code, and those of functions inside of it, as comprehensions are."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)
