"""The options of `qml-qdl train`, made of what the library declares."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import attrs
import typer

from qml_qdl.training.options import (
    DataOptions,
    RunOptions,
    TrainingOptions,
    WholeNumber,
)
from qml_qdl.training.registry import (
    AUTO,
    MODELS,
    RECIPES,
    option_names,
)
from qml_qdl.training.specs import Spec

_KNOWN: Mapping[str, Sequence[str]] = {
    "model": ("auto", *MODELS),
    "recipe": tuple(RECIPES),
}


def parameters(model: str | None, detailed: bool) -> Iterator[inspect.Parameter]:
    """The options that stand for fields of a run's options, and for a model's own.

    Args:
        model: The model that was asked for, if one was.
        detailed: Whether the model's class is imported, to tell types, defaults and
            help of its options.
    """
    for panel, group in (
        ("Data", DataOptions),
        ("Model", RunOptions),
        ("Training", TrainingOptions),
        ("Run", RunOptions),
    ):
        hints, texts = get_type_hints(group), arguments_of(group)
        for field in attrs.fields(group):
            if field.name in ("data", "training", "twin"):
                continue
            if group is RunOptions:
                place = "Model" if field.name in ("model", "recipe") else "Run"
                if place != panel:
                    continue
            yield _of_field(panel, field, hints[field.name], texts[field.name])
            if field.name == "recipe":
                yield from own_parameters(model) if model and detailed else _named()


def _parameter(
    name: str, kind: Any, panel: str, text: str, **settings: Any
) -> inspect.Parameter:
    settings["help"] = text
    option = typer.Option(
        f"--{name.replace('_', '-')}", rich_help_panel=panel, **settings
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, option],
    )


def _of_field(panel: str, field: Any, hint: Any, text: str) -> inspect.Parameter:
    name = field.metadata.get("name", field.name)
    settings: dict[str, Any] = {"show_default": _shown(field)}
    if isinstance(field.validator, WholeNumber):
        settings["min"] = field.validator.minimum
    if name in _KNOWN:
        known = _KNOWN[name]
        settings["autocompletion"] = lambda incomplete: [
            each for each in known if each.startswith(incomplete)
        ]
    if name == "model":
        text = _models_in_words()
    if name == "recipe":
        text = f"How the model learns and is judged: {', '.join(RECIPES)}, or a class "
        text += "by import path."
    return _parameter(name, flag_type(hint), panel, text, **settings)


def flag_type(hint: Any) -> Any:
    """The type of a flag for a field or an argument, None where it is not given.

    Args:
        hint: The annotation.

    Returns:
        A type that typer knows; text for what is more than a number, a word or a list.
    """
    if get_origin(hint) is tuple:
        return list[str] | None
    union = () if get_origin(hint) is Literal else get_args(hint)
    kinds = [each for each in union or (hint,) if each is not type(None)]
    kind = kinds[0] if len(kinds) == 1 else str
    known = kind in (int, float, str, bool) or get_origin(kind) is Literal
    return (kind if known else str) | None


def _shown(field: Any) -> str:
    """A default in words, with what models have instead."""
    if "shown" in field.metadata:
        return str(field.metadata["shown"])
    default = field.default
    text = str(default.class_path if isinstance(default, Spec) else default)
    others: dict[Any, list[str]] = {}
    for name, model in MODELS.items():
        if field.name in model.training and model.training[field.name] != default:
            others.setdefault(model.training[field.name], []).append(name)
    several = ", ".join(
        f"{value} for {_listed(each)}" for value, each in others.items()
    )
    return f"{text}; {several}" if several else text


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _models_in_words() -> str:
    by_data: dict[str, list[str]] = {}
    for name, model in MODELS.items():
        by_data.setdefault(model.reads, []).append(name)
    auto = " and ".join(f"{name} of {reads}" for reads, name in AUTO.items())
    known = "; ".join(
        f"of {reads}: {', '.join(each)}" for reads, each in by_data.items()
    )
    return (
        f"auto, which is {auto}; {known} (any: images or tables; bits: images are cut "
        "at 0.5); or a torch module of one's own by import path. --model NAME --help "
        "tells a model's own options."
    )


def _named() -> Iterator[inspect.Parameter]:
    """The options of all models, without importing one."""
    for name in option_names():
        having = [each for each, known in MODELS.items() if name in known.options]
        yield _parameter(
            name,
            str | None,
            "Model",
            f"An option of {_listed(having)}.",
            show_default="the model's own",
        )


def own_parameters(model: str) -> Iterator[inspect.Parameter]:
    """The options of one model, from its signature and docstring.

    Args:
        model: A name of the registry, or the import path of a torch module.

    Raises:
        ArgumentError: It cannot be imported.
    """
    from torch import nn

    from qml_qdl.training.specs import import_maker

    taken = {*RunOptions().as_config(), "name", "resume", "quiet", "config"}
    known = MODELS.get(model)
    path = model if known is None else known.class_path
    found: Any = import_maker("model", path, nn.Module)
    maker = getattr(found, "from_data", found)
    texts, takes = arguments_of(maker), inspect.signature(maker).parameters
    if known is not None:
        offered = set(known.options)
    elif maker is not found:
        offered = set(takes) - {"split"}
    else:  # recipes import Lightning, for which help of our models does not wait
        from qml_qdl.training.recipes.recipe import Recipe

        offered = set(takes) - {*Recipe.follows, "problem"}
    for key, each in takes.items():
        keyword = each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)
        if not keyword or key not in offered or key in taken:
            continue
        given = each.default is not each.empty
        yield _parameter(
            key,
            str | None,
            "Model",
            texts.get(key, f"An argument of {found.__name__}."),
            show_default=str(each.default) if given else "has to be given",
        )


def arguments_of(documented: Callable[..., Any]) -> dict[str, str]:
    """The help of arguments, from a docstring.

    Args:
        documented: A class or function.

    Returns:
        Texts by name, on one line each.
    """
    import docstring_parser

    found = docstring_parser.parse(
        inspect.getdoc(documented) or "", docstring_parser.DocstringStyle.GOOGLE
    )
    return {
        each.arg_name: " ".join((each.description or "").split())
        for each in found.params
    }
