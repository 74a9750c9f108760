"""Converters and checks of arguments, with messages that say how to repair them."""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial, wraps
from itertools import chain
from numbers import Integral, Real
from operator import index
from os import PathLike, fspath
from reprlib import Repr
from types import MappingProxyType, NoneType, UnionType
from typing import Any, TypeAlias, TypeVar

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.packages import missing_package

WiresLike: TypeAlias = int | Iterable[Hashable]
"""A number of wires, meaning 0 … n−1, or the wire labels themselves."""

FeaturesLike: TypeAlias = slice | int | Iterable[int] | None
"""Which features of x are read: None for the whole x, a slice, or indices."""

OPEN_END = 2**62
"""Where a slice without an end stops until the number of features is known."""

MOST = 2**31 - 1
"""No number of anything is larger: indices of many backends have 32 bits."""

MOST_WIRES = 10_000
"""No circuit has more wires: machines have hundreds, and few simulators thousands."""

MOST_SEED = 2**63 - 1
"""The largest seed of torch and NumPy."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Check: TypeAlias = Callable[[str, Any], None]

_short = Repr()
_short.maxstring = _short.maxother = _short.maxlong = 60


def as_wires(wires: WiresLike) -> tuple[Hashable, ...]:
    """Turns a number of wires or their labels into a tuple of labels.

    Args:
        wires: A number n ≥ 1, meaning the labels 0 … n−1, or the labels.

    Returns:
        The labels, in the order given.

    Raises:
        ArgumentError: There is no wire, a label occurs twice, or there are more than
            `MOST_WIRES`.
        ArgumentTypeError: It is neither a number nor a sequence of labels, or a label
            cannot be hashed.
    """
    labels: tuple[Hashable, ...] | None
    if isinstance(wires, Integral) and not isinstance(wires, bool):
        count = int(wires)
        labels = tuple(range(min(count, MOST_WIRES)))
    else:
        labels = as_items(wires)
        if labels is None:
            raise ArgumentTypeError(
                "wires: expected a number of wires or a sequence of labels, got "
                f"{_short.repr(wires)}"
            )
        labels = tuple(map(_as_label, labels))
        count = len(labels)
    if not 1 <= count <= MOST_WIRES:
        raise ArgumentError(
            f"wires: expected at least one wire{_at_most(count, MOST_WIRES)}, got "
            f"{_short.repr(wires)}; pass a number of wires or their labels"
        )
    # A tensor's == is no truth value, and NaN is not even itself.
    if not all(
        isinstance(one, Hashable) and (one == one) is True and one is not None
        for one in labels
    ):
        raise ArgumentTypeError(
            f"wires: expected labels that can be hashed, got {list(labels)}; use "
            "numbers or text"
        )
    if len(set(labels)) != len(labels):
        raise ArgumentError(
            f"wires: expected labels that differ, got {list(labels)}; wires overlap: "
            "name each wire once"
        )
    return labels


def as_items(value: Any) -> tuple[Any, ...] | None:
    """What can be gone through, and is no text, as a tuple; None for all else.

    Args:
        value: What came.
    """
    if isinstance(value, str | bytes | Mapping):
        return None
    try:
        return tuple(value)
    except TypeError:  # also of arrays and tensors without a dimension
        return None


def _as_label(label: Any) -> Any:
    """A label as Python has it: whole numbers may be NumPy's or torch's."""
    import numpy as np

    label = label.item() if isinstance(label, np.generic) else label
    try:
        return index(label)
    except TypeError:
        return label


def _at_most(value: int, most: int) -> str:
    return f" and at most {most}" if value > most else ""


def as_many_wires(
    wires: WiresLike, current: Sequence[Hashable]
) -> tuple[Hashable, ...]:
    """Turns wires into labels that can stand in for others, one for one.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        current: The labels they stand in for.

    Returns:
        The new labels, in the order given.

    Raises:
        ArgumentError: There are more or fewer than before.
    """
    labels = as_wires(wires)
    if len(labels) != len(current):
        raise ArgumentError(
            f"wires: expected {len(current)} wires in place of {list(current)}, got "
            f"{list(labels)}"
        )
    return labels


def as_features(features: FeaturesLike) -> Sequence[int] | None:
    """Turns `features=` into what a value can hold: None or indices.

    Args:
        features: None for the whole x, a slice, one index or several.

    Returns:
        None, a tuple of indices, or, where a slice has no end, a range without one.

    Raises:
        ArgumentError: An index is negative, occurs twice, or there is none.
        ArgumentTypeError: It is none of the above.
    """
    if features is None:
        return None
    if isinstance(features, slice | range):
        start, stop, step = features.start or 0, features.stop, features.step or 1
        if start < 0 or step < 1 or (stop is not None and stop <= start):
            raise ArgumentError(
                f"features: expected a rising slice from 0 up that is not empty, got "
                f"{features}; count features from the start of x"
            )
        if stop is None or stop >= OPEN_END:
            return range(start, OPEN_END, step)
        return tuple(range(start, stop, step))
    indices = (features,) if isinstance(features, Integral) else features
    if isinstance(indices, str) or not isinstance(indices, Iterable):
        raise ArgumentTypeError(
            f"features: expected None, a slice or indices, got {features!r}"
        )
    given = tuple(indices)
    if not all(isinstance(item, Integral) for item in given):
        raise ArgumentTypeError(f"features: expected whole numbers, got {list(given)}")
    items = tuple(int(item) for item in given)
    if not items or min(items) < 0 or len(set(items)) != len(items):
        raise ArgumentError(
            f"features: expected one or more different indices from 0 up, got "
            f"{list(items)}; count features from the start of x, each once"
        )
    return items


def check_count(name: str, value: int, minimum: int = 1, most: int = MOST) -> None:
    """Checks that a number of layers, repeats or the like is a whole number.

    Args:
        name: The argument's name, for the message.
        value: What came.
        minimum: The least value allowed.
        most: The largest.

    Raises:
        ArgumentError: The number is below the minimum, or too large for anything.
        ArgumentTypeError: It is no whole number.
    """
    _check_whole(name, value)
    if value < minimum:
        raise ArgumentError(
            f"{name}: expected at least {minimum}, got {value}; pass {name}={minimum} "
            "or more"
        )
    if value > most:
        raise ArgumentError(
            f"{name}: expected at most {most}, got {value}; pass a smaller number"
        )


def check_number(
    name: str, value: float, low: float = 0.0, high: float | None = None
) -> None:
    """Checks that a number is above another, and below a third.

    Args:
        name: The argument's name, for the message.
        value: What came.
        low: What it must be above.
        high: What it must be below; None allows infinity, too.

    Raises:
        ArgumentError: The number is not.
        ArgumentTypeError: It is no number.
    """
    _check_real(name, value)
    if not low < value or (high is not None and not value < high):
        above = f"a number above {low:g}" if math.isfinite(low) else "a finite number"
        below = "" if high is None else f" and below {high:g}"
        if high == math.inf:
            below = " and finite" if math.isfinite(low) else ""
        raise ArgumentError(f"{name}: expected {above}{below}, got {value!r}")


def check_seed(seed: int | None) -> None:
    """Checks that a seed is none, or one that torch and NumPy take.

    Args:
        seed: What came.

    Raises:
        ArgumentError: It is negative or too large.
        ArgumentTypeError: It is no whole number.
    """
    if seed is not None:
        check_count("seed", seed, 0, MOST_SEED)


def _check_whole(name: str, value: Any) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ArgumentTypeError(
            f"{name}: expected a whole number, got {_short.repr(value)}"
        )


def _check_real(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentTypeError(f"{name}: expected a number, got {_short.repr(value)}")


def check_flag(name: str, value: bool) -> None:
    """Checks that a value is True or False.

    Args:
        name: The argument's name, for the message.
        value: What came.

    Raises:
        ArgumentTypeError: It is something else.
    """
    if not isinstance(value, bool):
        raise ArgumentTypeError(
            f"{name}: expected True or False, got {_short.repr(value)}"
        )


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Checks that a name is one of those known.

    Args:
        name: The argument's name, for the message.
        value: What came; True and False are not taken for 1 and 0.
        choices: What is known.

    Raises:
        ArgumentError: The value is not among the choices.
    """
    flag = isinstance(value, bool)
    known = [one for one in choices if isinstance(one, bool) == flag]
    # Not `in` for arrays and tensors, whose == is no truth value.
    if not isinstance(value, str | Integral | None) or value not in known:
        listed = ", ".join(repr(choice) for choice in choices)
        hint = did_you_mean(value, known) if isinstance(value, str) else ""
        raise ArgumentError(
            f"{name}: expected one of {listed}, got {_short.repr(value)}{hint}"
        )


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """A hint at the nearest known word, or nothing.

    Args:
        word: What was given.
        known: What is known.

    Example:
        >>> did_you_mean("epoch", ["epochs", "seeds"])
        "; did you mean 'epochs'?"
    """
    names = {str(each).lower(): each for each in known}
    near = get_close_matches(str(word).lower(), names, 1)
    return f"; did you mean {names[near[0]]!r}?" if near else ""


def check_text(name: str, value: str) -> None:
    """Checks that a name can be written into files and on screens.

    Args:
        name: The argument's name, for the message.
        value: What came.

    Raises:
        ArgumentError: It is empty, or has a character that is none: NUL, or one half
            of a pair (a lone surrogate), as a terminal of another encoding makes them.
        ArgumentTypeError: It is no text.
    """
    if not isinstance(value, str):
        raise ArgumentTypeError(f"{name}: expected text, got {_short.repr(value)}")
    if not value:
        raise ArgumentError(f"{name}: expected text that is not empty, got ''")
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
        raise ArgumentError(
            f"{name}: expected text without NUL and lone surrogates, got {value!r}; "
            "type it anew"
        )


def check_path(name: str, value: str | PathLike[str]) -> None:
    """Checks that something is the path of a file or a folder.

    Args:
        name: The argument's name, for the message.
        value: What came.

    Raises:
        ArgumentError: It is empty, or has a character that is none.
        ArgumentTypeError: It is neither text nor a `Path`.
    """
    if not isinstance(value, str | PathLike):
        raise ArgumentTypeError(f"{name}: expected a path, got {_short.repr(value)}")
    check_text(name, fspath(value))


def shape_of(name: str, value: Any) -> tuple[int, ...]:
    """The shape of numbers in any form that PennyLane knows.

    Args:
        name: The argument's name, for the message.
        value: What came.

    Raises:
        ArgumentTypeError: It has none.
    """
    import pennylane as qml

    try:
        shape: tuple[int, ...] = qml.math.shape(value)
    except AttributeError as error:
        raise ArgumentTypeError(
            f"{name}: expected a tensor or an array, got {_short.repr(value)}"
        ) from error
    return shape


def check_type(name: str, value: Any, kinds: type | tuple[type, ...]) -> None:
    """Checks that something is of a class, and real where it is a tensor.

    Args:
        name: The argument's name, for the message.
        value: What came.
        kinds: One class, or several of which one will do.

    Raises:
        ArgumentTypeError: It is of none, or a tensor of complex numbers.
    """
    if not isinstance(value, kinds):
        classes = kinds if isinstance(kinds, tuple) else (kinds,)
        words = " or ".join(kind.__name__ for kind in classes)
        repair = "".join(_REPAIRS.get(kind.__name__, "") for kind in classes)
        raise ArgumentTypeError(
            f"{name}: expected a {words}, got {_short.repr(value)}{repair}"
        )
    dtype = getattr(value, "dtype", None)
    if getattr(dtype, "is_complex", False):
        raise ArgumentTypeError(
            f"{name}: expected real numbers, got {dtype}; take .real or .abs() of them"
        )


_REPAIRS = MappingProxyType(
    {
        "Tensor": "; make one with torch.as_tensor",
        "Generator": "; torch.Generator().manual_seed(seed) makes one",
    }
)


def checked(check: Callable[..., None], *arguments: Any) -> Callable[..., None]:
    """A check of this module as a validator of an attrs field.

    Args:
        check: What takes a name and a value, `check_flag` say.
        *arguments: What else it takes.
    """

    def validator(_: Any, attribute: Any, value: Any) -> None:
        check(attribute.name, value, *arguments)

    return validator


def _check_str(name: str, value: Any) -> None:
    if not isinstance(value, str) or value:  # of empty text a function says itself
        check_text(name, value)


_CHECKS: Mapping[Any, _Check] = MappingProxyType(
    {int: _check_whole, float: _check_real, bool: check_flag, str: _check_str}
)


_SEVERAL = (tuple, list, Sequence, Iterable, Mapping)
"""Functions say themselves of what they want several, and how many."""


def validate_call(function: _Function) -> _Function:
    """Checks arguments against their annotations, before a function runs.

    Numbers, flags, text, paths, functions and objects are looked at by their type
    alone; tensors must be real. What is annotated otherwise, with `Annotated` say, is
    left to the function.
    Where the function needs a package that is not installed, the error says how to
    install it.

    Args:
        function: A function; or a class, for its initialiser and all public methods,
            whose `__repr__` then also shows what is half-built.

    Returns:
        The same, checked: it raises `ArgumentTypeError` for a wrong type, and
        `MissingPackageError` for a package that is missing.

    Example:
        >>> @validate_call
        ... def repeat(word: str, times: int = 2) -> str:
        ...     return word * times
        >>> repeat("ab")
        'abab'
        >>> repeat("ab", times=2.5)
        Traceback (most recent call last):
        qml_qdl.circuits.errors.ArgumentTypeError: times: expected a whole number, ...
    """
    if inspect.isclass(function):
        methods: list[Any] = []
        for name, member in list(vars(function).items()):
            if name in ("__repr__", "extra_repr"):
                setattr(function, name, _shows_half_built(member))
            elif name.startswith("_") and name != "__init__":
                continue
            elif isinstance(member, classmethod):
                setattr(function, name, classmethod(validate_call(member.__func__)))
            elif inspect.isfunction(member):
                checked_member: Any = validate_call(member)
                methods.append(checked_member)
                if name == "__init__":
                    checked_member = _preparing(checked_member, methods)
                setattr(function, name, checked_member)
        return function
    inner: Any = inspect.unwrap(function)
    names = inner.__code__.co_varnames[: inner.__code__.co_argcount]
    made: dict[str, _Check] | None = None

    def prepare() -> dict[str, _Check]:
        nonlocal made
        if made is None:  # not before all modules are there
            made = _checks_of(inner)
        return made

    @wraps(function)
    def validated(*args: Any, **kwargs: Any) -> Any:
        checks = prepare()
        for name, value in chain(zip(names, args, strict=False), kwargs.items()):
            if name in checks:
                checks[name](name, value)
        try:
            return function(*args, **kwargs)
        except ModuleNotFoundError as error:
            missing = missing_package(error)
            if missing is None:
                raise
            raise missing from error

    vars(validated)["prepare"] = prepare
    return validated  # type: ignore[return-value]


def _preparing(init: Any, methods: Sequence[Any]) -> Any:
    """A constructor that has the methods' checks made.

    Torch's compiler, which may see the first call of one, cannot look annotations up.
    """

    @wraps(init)
    def prepared(*args: Any, **kwargs: Any) -> Any:
        for method in methods:
            method.prepare()
        return init(*args, **kwargs)

    return prepared


def _checks_of(function: Any) -> dict[str, _Check]:
    found = {}
    for name, annotation in function.__annotations__.items():
        try:
            named = isinstance(annotation, str)
            kind = eval(annotation, function.__globals__) if named else annotation
        except NameError:  # imported for type checkers only
            continue
        check = _check_of(kind)
        if check is not None and name != "return":
            found[name] = check
    return found


def _check_of(annotation: Any) -> _Check | None:
    """The check of an annotation; None where there is nothing to check."""
    if typing.get_origin(annotation) is typing.Annotated:
        return None
    union = typing.get_origin(annotation) in (typing.Union, UnionType)
    parts = typing.get_args(annotation) if union else (annotation,)
    # A type variable stands for what it is bound to.
    kinds = [getattr(part, "__bound__", part) for part in parts if part is not NoneType]
    origins = tuple(typing.get_origin(kind) or kind for kind in kinds)
    check: _Check | None = None
    if len(kinds) == 1 and kinds[0] in _CHECKS:
        check = _CHECKS[kinds[0]]
    elif all(inspect.isclass(origin) and origin is not Any for origin in origins):
        if not set(origins) & {*_CHECKS, *_SEVERAL}:
            check = partial(check_type, kinds=origins)
        elif str in origins and any(issubclass(kind, PathLike) for kind in origins):
            check = check_path
    return check if check is None or len(kinds) == len(parts) else _or_none(check)


def _or_none(check: _Check) -> _Check:
    def checked_or_none(name: str, value: Any) -> None:
        if value is not None:
            check(name, value)

    return checked_or_none


def _shows_half_built(shown: Callable[[Any], str]) -> Callable[[Any], str]:
    """A `__repr__` or `extra_repr` that serves while an object is being made, too.

    An initialiser that raises leaves one, and tracebacks and debuggers show it.
    """

    @wraps(shown)
    def shown_at_any_time(value: Any) -> str:
        try:
            return shown(value)
        except (AttributeError, LookupError):
            whole = f"<half-built {type(value).__name__}>"
            return "half-built" if shown.__name__ == "extra_repr" else whole

    return shown_at_any_time
