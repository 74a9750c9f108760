"""Quantum functions that may be called once more, as far as their code shows."""

from __future__ import annotations

import builtins
import dis
import functools
import types
from collections.abc import Iterator
from typing import Any

_KNOWN = frozenset(
    (
        *("attr", "attrs", "builtins", "cmath", "collections", "copy", "dataclasses"),
        *("enum", "functools", "itertools", "math", "numbers", "numpy", "operator"),
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
        >>> calls = []
        >>> def counted(x):
        ...     calls.append(x)
        >>> is_repeatable(counted), is_repeatable(lambda x: x + 1)
        (False, True)
    """
    return _repeatable(function, set())


def _is_known(value: Any) -> bool:
    module = getattr(value, "__module__", None) or getattr(value, "__name__", "")
    return str(module).partition(".")[0] in _KNOWN


def _repeatable(value: Any, seen: set[int]) -> bool:
    if id(value) in seen:
        return True
    seen.add(id(value))
    kind = type(value)
    inner: list[Any] = []
    if isinstance(value, functools.partial):
        inner = [value.func, *value.args, *value.keywords.values()]
    elif isinstance(value, types.MethodType):
        inner = [value.__func__, value.__self__]
    elif isinstance(value, list | tuple | set | frozenset):
        inner = list(value)
    elif isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, types.BuiltinFunctionType):
        return _is_known(value) and value.__name__ not in _OUTWARD
    elif isinstance(value, types.FunctionType):
        if value.__globals__.get("__name__", "").partition(".")[0] not in _KNOWN:
            return _Reader(value, seen).reads_only()
        inner = [getattr(value, "__wrapped__", None)]  # the user's, maybe
    elif kind.__name__ in _GENERATORS or hasattr(kind, "__next__"):
        return False
    else:
        one = value if isinstance(value, type) else kind
        return _is_known(one) or _class_repeats(one, seen)
    return all(_repeatable(each, seen) for each in inner)


def _class_repeats(kind: type, seen: set[int]) -> bool:
    """Whether the functions of a class do, but those that make its objects."""
    own = [base for base in kind.__mro__ if not _is_known(base)]
    for name, member in [pair for base in own for pair in vars(base).items()]:
        if name.startswith("__") and name != "__call__":
            continue
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if isinstance(function, types.FunctionType) and not _repeatable(function, seen):
            return False
    return True


class _Local:
    """Stands for a value that a function has made, or was given."""


class _Reader:
    """Reads the code of a Python function."""

    def __init__(self, function: types.FunctionType, seen: set[int]) -> None:
        self._function = function
        self._seen = seen
        cells = function.__closure__ or ()
        self._closure = dict(zip(function.__code__.co_freevars, cells, strict=True))
        given = [
            *(function.__defaults__ or ()),
            *(function.__kwdefaults__ or {}).values(),
        ]
        self._given = given
        # A default that can change is a local variable which outlives the call.
        self._local: Any = _Local()
        self._lasting = any(not isinstance(each, (*_PLAIN, *_CODE)) for each in given)
        self._holds = self._lasting

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
                value = self._local
            elif step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
                value = self._found(name)
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                if self._is_change(before, name):
                    return False
                if isinstance(before, types.ModuleType):
                    value = getattr(before, name, None)
            outside = value is not None and value is not self._local
            if outside and not isinstance(value, types.ModuleType):
                self._holds = self._holds or not isinstance(value, (*_PLAIN, *_CODE))
                if not _repeatable(value, self._seen):
                    return False
        return not (stored and self._holds)

    def _found(self, name: str) -> Any:
        """What a name stands for outside; a local of the function, else."""
        if name in self._closure:
            try:
                return self._closure[name].cell_contents
            except ValueError:  # it has no value yet
                return self._local
        everywhere = {**vars(builtins), **self._function.__globals__}
        return everywhere.get(name, self._local)

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
