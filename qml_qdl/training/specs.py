"""Specs: classes by name or import path, and arguments, from a file or a command."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import ModuleType, UnionType
from typing import (
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from attrs import define, field

T = TypeVar("T")

_KEYS = {"class_path", "init_args"}


@define(frozen=True, init=False)
class Spec:
    """A name or import path, and what is passed when it is built.

    In files it is written as Lightning's configurations have it: the name alone, or
    `class_path` and `init_args`, which may hold further ones.

    Args:
        class_path: A name known where it is used, such as "vae" for a model or "adamw"
            for an optimizer; or the import path of a class, such as
            "my_package.models.Net".
        **init_args: Arguments: numbers, words, lists, and dictionaries with
            `class_path` and `init_args` for objects.

    Raises:
        ArgumentTypeError: The name is no text.

    Example:
        >>> Spec("vae", hidden=16)
        Spec('vae', hidden=16)
        >>> Spec("vae", hidden=16).as_config()
        {'class_path': 'vae', 'init_args': {'hidden': 16}}
    """

    class_path: str
    init_args: Mapping[str, Any] = field(factory=dict)

    def __init__(self, class_path: str, /, **init_args: Any) -> None:
        text = isinstance(class_path, str) and class_path.isprintable()
        if not text or not class_path:
            from qml_qdl.circuits.errors import ArgumentTypeError

            raise ArgumentTypeError(
                f"class_path: expected a name or import path, got {class_path!r}"
            )
        self.__attrs_init__(class_path, _plain(init_args))

    def __repr__(self) -> str:
        arguments = [f"{name}={value!r}" for name, value in self.init_args.items()]
        return f"Spec({', '.join([repr(self.class_path), *arguments])})"

    def __hash__(self) -> int:
        return hash((self.class_path, repr(self.init_args)))

    @property
    def is_path(self) -> bool:
        """Whether it names a class by its import path."""
        parts = self.class_path.split(".")
        return len(parts) > 1 and all(part.isidentifier() for part in parts)

    def with_defaults(self, defaults: Mapping[str, Any]) -> Spec:
        """The same with arguments that it has not.

        Args:
            defaults: Arguments by name.
        """
        return Spec(self.class_path, **{**defaults, **self.init_args})

    def as_config(self) -> str | dict[str, Any]:
        """As it is written to files: lists, numbers and words."""
        if not self.init_args:
            return self.class_path
        return {"class_path": self.class_path, "init_args": dict(self.init_args)}

    @classmethod
    def from_config(cls, name: str, value: Any) -> Spec:
        """Reads what `as_config` wrote, or a person.

        Args:
            name: What the value is called in messages.
            value: A text, or a dictionary of `class_path` and `init_args`.

        Raises:
            ArgumentTypeError: It is neither.
        """
        if isinstance(value, Spec):
            return value
        if not is_config(value):
            from qml_qdl.circuits.errors import ArgumentTypeError

            raise ArgumentTypeError(
                f"{name}: expected a name or import path, or 'class_path' with "
                f"'init_args', got {value!r}"
            )
        if isinstance(value, str):
            return cls(value)
        return cls(value["class_path"], **(value.get("init_args") or {}))


def is_config(value: Any) -> bool:
    """Whether a value is what `Spec.from_config` reads: a text, or a dictionary.

    Args:
        value: What stands in a file.
    """
    if isinstance(value, str):
        return bool(value)
    if not isinstance(value, dict) or not set(value) <= _KEYS:
        return False
    path, arguments = value.get("class_path"), value.get("init_args")
    named = isinstance(path, str) and bool(path)
    return named and (
        arguments is None
        or (isinstance(arguments, dict) and all(isinstance(x, str) for x in arguments))
    )


def _plain(value: Any) -> Any:
    """Tuples as the lists that files make of them."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return (
        [_plain(each) for each in value] if isinstance(value, list | tuple) else value
    )


def known_path(module: str, name: str) -> str | None:
    """The class of a module that a name means, whatever its capitals.

    Args:
        module: Import path of a module with classes, such as "torch.optim".
        name: A name, such as "adamw".

    Returns:
        The import path; None if there is no such class, or several.
    """
    wanted = name.replace("_", "").lower()
    found = [each for each in class_names(module) if each.lower() == wanted]
    return f"{module}.{found[0]}" if len(found) == 1 else None


def class_names(module: str) -> list[str]:
    """The names of the classes that a module offers.

    Args:
        module: Its import path.
    """
    offered = vars(importlib.import_module(module)).items()
    return [name for name, each in offered if inspect.isclass(each)]


def import_object(name: str, path: str) -> Any:
    """Imports what an import path names.

    Args:
        name: What it is for, in messages.
        path: The import path.

    Returns:
        The class or function.

    Raises:
        ArgumentError: There is no such module, or nothing of this name in it.
    """
    from qml_qdl.circuits.errors import ArgumentError
    from qml_qdl.circuits.validation import did_you_mean

    module_name, _, attribute = path.rpartition(".")
    try:
        module: ModuleType = importlib.import_module(module_name)
    except ImportError as error:
        raise ArgumentError(
            f"{name}: {path!r} cannot be imported ({error}); install its package, or "
            "add its folder to PYTHONPATH"
        ) from error
    if not hasattr(module, attribute):
        hint = did_you_mean(path, [f"{module_name}.{each}" for each in dir(module)])
        raise ArgumentError(
            f"{name}: expected something that {module_name} has, got {path!r}{hint}"
        )
    return getattr(module, attribute)


def import_class(name: str, path: str, base: type[T]) -> type[T]:
    """Imports a class of a kind that is expected; nothing else is ever called.

    Args:
        name: What it is for, in messages.
        path: The import path.
        base: What it has to be a subclass of.

    Returns:
        The class.

    Raises:
        ArgumentError: It is not there, no such class, or abstract.
    """
    from qml_qdl.circuits.errors import ArgumentError

    found = import_object(name, path)
    if not inspect.isclass(found) or not issubclass(found, base):
        raise ArgumentError(
            f"{name}: expected a subclass of {base.__module__}.{base.__name__}, got "
            f"{path!r}, which is none"
        )
    if inspect.isabstract(found):
        missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise ArgumentError(
            f"{name}: {path!r} is abstract, without {missing}; name a class that has "
            "them"
        )
    return found


def import_maker(name: str, path: str, *kinds: type) -> Callable[..., Any]:
    """Imports a class of a kind, or a function that is annotated to return one.

    Args:
        name: What it is for, in messages.
        path: The import path.
        *kinds: What is expected: classes of these themselves are taken, too, but for
            abstract ones.

    Returns:
        The class or function; nothing is called.

    Raises:
        ArgumentError: It is not there, or neither of both.
    """
    from qml_qdl.circuits.errors import ArgumentError

    found = import_object(name, path)
    if inspect.isfunction(found):
        returned = get_type_hints(found).get("return")
        if inspect.isclass(returned) and issubclass(returned, kinds):
            return found
    elif inspect.isclass(found) and issubclass(found, kinds):
        return import_class(name, path, object)
    listed = " or ".join(f"{kind.__module__}.{kind.__name__}" for kind in kinds)
    raise ArgumentError(
        f"{name}: expected a subclass of {listed}, or a function that is annotated to "
        f"return one, got {path!r}, which is neither"
    )


def check_arguments(
    name: str,
    function: Callable[..., Any],
    init_args: Mapping[str, Any],
    *,
    skip: frozenset[str] = frozenset(),
    given: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Checks arguments against a signature, and builds the objects among them.

    Args:
        name: What the arguments are for, in messages.
        function: A class or function whose annotations say what is expected.
        init_args: Arguments as files hold them.
        skip: Parameters that are given in another way, and may not be given in this.
        given: Parameters that are given where they are not given in this way.

    Returns:
        The given arguments, converted: lists to tuples, dictionaries with `class_path`
        to objects, where the annotations say so. Objects are built only of subclasses
        of the class that an annotation names, at any depth.

    Raises:
        ArgumentError: An argument is unknown or missing, or not of its parameter's
            type.
    """
    from qml_qdl.circuits.errors import ArgumentError
    from qml_qdl.circuits.validation import did_you_mean

    parameters = inspect.signature(function).parameters
    open_ended = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    for key, value in init_args.items():
        if key in skip:
            raise ArgumentError(
                f"{name}.{key}: it follows from the run, got {value!r}; leave it out"
            )
        if key not in parameters and not open_ended:
            raise ArgumentError(
                f"{name}.{key}: {_title(function)} has no such argument"
                f"{did_you_mean(key, parameters)}; it takes "
                f"{', '.join(x for x in parameters if x not in skip) or 'none'}"
            )
        if (
            value is None
            and key in parameters
            and parameters[key].default is not None
            and "None" not in str(parameters[key].annotation)
            and parameters[key].annotation is not parameters[key].empty
        ):
            raise ArgumentError(f"{name}.{key}: expected a value, got None")
    for key, each in parameters.items():
        positional = each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        needed = positional and each.default is each.empty
        if needed and key not in {*init_args, *skip, *given}:
            raise ArgumentError(
                f"{name}.{key}: {_title(function)} needs this argument, got none; give "
                "it as one of its init_args"
            )
    hints = {key: _hint(function, each) for key, each in parameters.items()}
    return {
        key: _value(f"{name}.{key}", hints.get(key, Any), value)
        for key, value in init_args.items()
    }


def _hint(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """A parameter's annotation; Any where it has none, or one that cannot be read."""
    hint = parameter.annotation
    if isinstance(hint, str):
        home = function if inspect.isfunction(function) else _init_of(function)
        try:  # code of the class's own module, as the rest of its signature is
            hint = eval(hint, dict(getattr(home, "__globals__", {})))
        except (NameError, AttributeError, TypeError, SyntaxError):
            return Any  # such as what is imported for type checkers alone
    return Any if hint is parameter.empty else hint


def _init_of(function: Any) -> Any:
    return getattr(function, "__func__", None) or getattr(function, "__init__", None)


_PLAIN = (int, float, complex, str, bool, type(None), list, tuple, dict, set, Path)


def _members(hint: Any) -> tuple[Any, ...]:
    """The members of a union, or the hint alone."""
    united = get_origin(hint) in (Union, UnionType)
    return get_args(hint) if united else (hint,)


def _classes(hint: Any) -> tuple[type, ...]:
    """The classes in a hint whose objects a file may name; never all objects.

    Of what is annotated as Any, as a callable or as a protocol nothing is built:
    everything would be what is expected.
    """
    return tuple(
        each
        for each in _members(hint)
        if inspect.isclass(each)
        and get_origin(each) is None
        and each not in (object, type, Callable, *_PLAIN)
        and not issubclass(each, Enum)
        and not getattr(each, "_is_protocol", False)
    )


def _plain_hint(hint: Any) -> Any:
    """A hint without classes and callables at any depth; None if nothing is left."""
    left: list[Any] = []
    for each in _members(hint):
        origin, inner = get_origin(each), get_args(each)
        if origin is Literal or each is Ellipsis:
            left.append(each)
        elif origin is not None and inner:
            if origin in (Callable, type) or origin is type:
                continue
            kept = [_plain_hint(x) if x is not Ellipsis else x for x in inner]
            if None not in kept:
                left.append(origin[tuple(kept)])
        elif each in _PLAIN or (inspect.isclass(each) and issubclass(each, Enum)):
            left.append(each)
    return Union[tuple(left)] if left else None  # noqa: UP007 - of a list


def _value(name: str, hint: Any, value: Any) -> Any:
    """What a file holds, as its annotation has it; objects are built by name."""
    if hint in (Any, object) or isinstance(hint, TypeVar):
        return value  # whatever it is, it stays what it is
    classes = _classes(hint)
    if isinstance(value, dict) and "class_path" in value:
        return _object(name, hint, classes, Spec.from_config(name, value))
    if isinstance(value, list) and _has_objects(value):
        return _objects(name, hint, value)
    plain = _plain_hint(hint)
    if isinstance(value, str) and classes and str not in _members(plain):
        return _object(name, hint, classes, Spec(value))
    if plain is None:
        raise _unfit(name, hint, value)
    from jsonargparse import ArgumentError as ParsingError
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--it", type=plain)
    try:
        return parser.parse_object({"it": value})["it"]
    except (ParsingError, ValueError, TypeError) as error:
        raise _unfit(name, hint, value) from error


def _has_objects(values: list[Any]) -> bool:
    return any(isinstance(each, dict) and "class_path" in each for each in values)


def _objects(name: str, hint: Any, values: list[Any]) -> Any:
    """Builds the objects of a list."""
    for each in _members(hint):
        origin, inner = get_origin(each), get_args(each)
        if not inspect.isclass(origin) or not issubclass(origin, Sequence):
            continue
        if len(inner) == 1 or inner[-1] is Ellipsis:
            inner = inner[:1] * len(values)
        if len(inner) != len(values):
            continue
        built = [
            _value(f"{name}[{place}]", kind, value)
            for place, (kind, value) in enumerate(zip(inner, values, strict=True))
        ]
        return tuple(built) if origin is tuple else built
    raise _unfit(name, hint, values)


def _object(name: str, hint: Any, classes: tuple[type, ...], spec: Spec) -> Any:
    """Builds an object of one of the classes that are expected."""
    from qml_qdl.circuits.errors import ArgumentError

    if not classes:
        raise ArgumentError(
            f"{name}: expected {inspect.formatannotation(hint)}, of which a file can "
            f"name no object, got {spec.class_path!r}"
        )
    found = import_object(name, spec.class_path)
    fitting = [each for each in classes if inspect.isclass(found)]
    base = next((each for each in fitting if issubclass(found, each)), classes[0])
    built: Any = import_class(name, spec.class_path, base)
    return built(**check_arguments(name, built, spec.init_args))


def _title(function: Callable[..., Any]) -> str:
    owner = getattr(function, "__self__", None)
    return owner.__name__ if inspect.isclass(owner) else function.__name__


def _unfit(name: str, hint: Any, value: Any) -> Exception:
    from qml_qdl.circuits.errors import ArgumentError

    kind = inspect.formatannotation(hint)
    return ArgumentError(f"{name}: expected {kind}, got {value!r}")


def paths_in(value: Any) -> Iterator[str]:
    """Every text in a value that might be an import path.

    A class may be named by a text alone, at any depth, so that all texts count.

    Args:
        value: A spec, or what a file holds.
    """
    if isinstance(value, str):
        if value and Spec(value).is_path:
            yield value
    elif isinstance(value, Spec):
        yield from paths_in([value.class_path, value.init_args])
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from paths_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from paths_in(each)


def refuse_within(folder: Path, value: Any) -> None:
    """Refuses classes that would be imported from a folder; nothing is imported.

    Args:
        folder: A folder whose files may come from others, as that of a run.
        value: A spec, or what a file holds.

    Raises:
        RunError: One would be.
    """
    from qml_qdl.circuits.errors import RunError

    inside = folder.resolve()
    for path in paths_in(value):
        try:
            found = importlib.util.find_spec(path.split(".")[0])
        except (ImportError, ValueError):
            continue  # it is not there, which is told when it is imported
        places = [] if found is None else list(found.submodule_search_locations or ())
        if found is not None and found.origin is not None:
            places.append(found.origin)
        if any(Path(place).resolve().is_relative_to(inside) for place in places):
            raise RunError(
                f"{folder}: {path!r} would be imported from this folder, from which "
                "nothing is run; move the module elsewhere"
            )
