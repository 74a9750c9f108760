"""`qml-qdl train`: train, compare, report; or continue what was interrupted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qml_qdl.cli.options import NameOption, NewRunsDirOption
from qml_qdl.cli.train_options import parameters
from qml_qdl.training.options import (
    RunOptions,
    option_fields,
    read_config,
    read_yaml,
    write_config,
)
from qml_qdl.training.registry import (
    HAMILTONIANS,
    MODELS,
    RECIPES,
    heeded,
    option_names,
)
from qml_qdl.training.specs import Spec

if TYPE_CHECKING:
    from qml_qdl.training import Run

_GO_WITH_RESUME = {"resume", "runs_dir", "quiet"}


def _option(*names: str, text: str, **settings: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel="Run", **settings)


NoTwinOption = Annotated[
    bool,
    _option("--no-twin", text="Leave out the twin, and the plain VAE beside it."),
]
ResumeOption = Annotated[
    str | None,
    _option(
        text="Continue this run, by name or folder, exactly where it was interrupted.",
        metavar="RUN",
    ),
]
QuietOption = Annotated[
    bool, _option("--quiet", text="Print the report only, without progress.")
]
ConfigOption = Annotated[
    Path | None,
    _option(
        text="A YAML file of these options, which the others override; every run's "
        "folder has one that repeats it. Arguments of what has a name or import path "
        "are its init_args, or --model.width 3 and the like.",
        metavar="FILE",
        show_default="none",
    ),
]
PrintConfigOption = Annotated[
    bool,
    _option("--print-config", text="Print all options as a YAML file, and train not."),
]


def train_command(given: Sequence[str]) -> tuple[Callable[..., None], list[str]]:
    """Makes the command for what is asked of it.

    Args:
        given: The words of the command line after the program's name.

    Returns:
        The command, with the options of the model that is asked for, and the words
        that are left to it.
    """
    words, inner = _inner_options(given)
    known = {each.metadata.get("name", each.name) for each in option_fields()}
    asked = _asked_model(words)
    own = asked is not None and Spec(asked).is_path and asked not in MODELS
    helped = asked in MODELS and ("--help" in words or "-h" in words)

    def command(
        context: typer.Context,
        no_twin: NoTwinOption = False,
        name: NameOption = None,
        runs_dir: NewRunsDirOption = Path("runs"),
        resume: ResumeOption = None,
        config: ConfigOption = None,
        print_config: PrintConfigOption = False,
        quiet: QuietOption = False,
        **options: Any,
    ) -> None:
        if resume is not None:
            _refuse_others(context, inner)
            from qml_qdl.training import Run

            _finish(Run.open(resume, runs_dir=runs_dir), quiet)
            return
        values = {} if config is None else read_config(config)
        for option, value in options.items():
            if value is None or value == []:
                continue
            if option in known:
                values[option] = list(value) if isinstance(value, tuple) else value
            else:
                _set(values, f"model.{option}", value)
        if no_twin:
            values["twin"] = False
        for path, text in inner:
            _set(values, path, text)
        _refuse_unheeded(context, values)
        asked_options = RunOptions.from_config(values)
        if print_config:
            print(write_config(asked_options), end="")
            return
        from qml_qdl.data.named import check_file

        check_file(asked_options.data.source.class_path)  # and not seconds later
        import qml_qdl.training as training

        _finish(training.begin(asked_options, runs_dir=runs_dir, name=name), quiet)

    _describe(command, asked, own or helped)
    return command, words


def _describe(command: Any, asked: str | None, detailed: bool) -> None:
    """Gives the command its options, as typer reads them."""
    own = list(parameters(asked, detailed))
    fixed = inspect.signature(command, eval_str=True).parameters.values()
    first, *rest = (each for each in fixed if each.kind is not each.VAR_KEYWORD)
    rest = [each.replace(kind=each.KEYWORD_ONLY) for each in rest]
    command.__signature__ = inspect.Signature([first, *own, *rest])
    command.__annotations__ = {
        each.name: each.annotation for each in (first, *own, *rest)
    }
    command.__name__ = "train"
    command.__doc__ = """Train a model, its classical twin and baselines, and compare.

    For each seed the model and its classical twin (same topology, nearest number of
    parameters) are trained on the same split. Baselines stand beside them in the
    report: of a classifier logistic regression, the nearest neighbour and the majority
    class; of numbers ridge regression, the nearest neighbour and the mean; of a
    generative model such as Gaussians or independent bits, and the training rows
    themselves as the floor.

    Everything goes to a folder of its own: options, metrics, checkpoints, report
    and pictures.
    """


def _inner_options(given: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Takes options like `--model.width 3` out of the words; mends `--batch_size`."""
    words: list[str] = []
    inner: list[tuple[str, str]] = []
    left = list(given)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if not name.startswith("--"):
            words.append(word)
        elif "." in name:
            if not equals and not left:
                raise typer.BadParameter(f"Option '{name}' requires an argument.")
            inner.append((name[2:].replace("-", "_"), value if equals else left.pop(0)))
        else:
            words.append(name.replace("_", "-") + equals + value)
    return words, inner


def _asked_model(words: Sequence[str]) -> str | None:
    """The model that is asked for, on the command line or in a file."""
    given: dict[str, str] = {}
    for word, following in zip(words, [*words[1:], ""], strict=False):
        name, equals, value = word.partition("=")
        given[name] = value if equals else following
    if "--model" in given or "--config" not in given:
        return given.get("--model") or None
    found = read_config(given["--config"]).get("model", "auto")
    return Spec.from_config("model", found).class_path


def _yaml(option: str, text: str) -> Any:
    import yaml

    try:
        return read_yaml(text)
    except yaml.YAMLError as error:
        raise typer.BadParameter(
            f"expected a number, a word, or YAML, got {text!r}",
            param_hint=f"'--{option}'",
        ) from error


def _set(values: dict[str, Any], path: str, text: str) -> None:
    """Sets an argument of what an option names: `model.width`, `model.init_args.width`.

    What a file says of other arguments stays.
    """
    name, *steps = path.split(".")
    defaults = RunOptions().as_config()
    if name not in defaults or not all(steps):
        from qml_qdl.circuits.validation import did_you_mean

        raise typer.BadParameter(
            f"there is no such option{did_you_mean(name, defaults)}",
            param_hint=f"'--{path}'",
        )
    present = values.get(name) or defaults[name] or _usual(name, values)
    spec = Spec.from_config(name, present)
    place: dict[str, Any] = dict(spec.init_args)
    whole = {"class_path": spec.class_path, "init_args": place}
    if steps[0] == "class_path" and len(steps) == 1:
        values[name] = {"class_path": text, "init_args": place}
        return
    steps = steps[1:] if steps[0] == "init_args" and len(steps) > 1 else steps
    for step in steps[:-1]:
        inner = place.get(step) or {}
        place[step] = {"class_path": inner} if isinstance(inner, str) else dict(inner)
        place = place[step]
    place[steps[-1]] = _yaml(path, text)
    values[name] = whole


def _usual(name: str, values: Mapping[str, Any]) -> str:
    """What an option stands for that was not given: of a recipe that of the model."""
    model = Spec.from_config("model", values.get("model", "auto")).class_path
    data = Spec.from_config("data", values.get("data", "digits")).class_path
    known = MODELS.get("nqs" if data in HAMILTONIANS else model)
    if name != "recipe" or known is None or known.recipe is None:
        raise typer.BadParameter(
            f"what has these arguments has to be named, too; give --{name}",
            param_hint=f"'--{name}.…'",
        )
    return known.recipe


def _given(context: typer.Context) -> dict[str, str]:
    """The options that were given, by parameter."""
    return {
        name: f"--{name.replace('_', '-')}"
        for name in context.params
        if (source := context.get_parameter_source(name)) is not None
        and source.name == "COMMANDLINE"
    }


def _refuse_unheeded(context: typer.Context, values: dict[str, Any]) -> None:
    """Refuses options that the model would ignore, even with their default values."""
    from qml_qdl.circuits.errors import ArgumentError

    model = Spec.from_config("model", values.get("model", "auto")).class_path
    known = MODELS.get(model)
    refused: set[str] = set()
    if known is not None or model == "auto":
        refused = set(option_names()) - set(heeded(model))
    if known is not None and known.recipe is not None:
        given = Spec.from_config("recipe", values.get("recipe", known.recipe))
        if given.class_path in RECIPES:
            from qml_qdl.training.recipes.recipe import Recipe

            refused |= set(Recipe.named(given.class_path).unheeded)
    for name, flag in _given(context).items():
        if name in refused:
            raise ArgumentError(
                f"{flag}: {model!r} has no such option; leave it out, or use another "
                "model"
            )


def _refuse_others(context: typer.Context, inner: Sequence[tuple[str, str]]) -> None:
    """Refuses options that would make a resumed run another run."""
    flags = _given(context) | {path: f"--{path}" for path, _ in inner}
    for name, flag in flags.items():
        if name not in _GO_WITH_RESUME:
            raise typer.BadParameter(
                f"{flag} cannot change in a run that is resumed; leave it out, or "
                "begin a new run",
                param_hint="--resume",
            )


def _finish(run: Run, quiet: bool) -> None:
    """Does what the run lacks and prints the report."""
    from rich.console import Console

    from qml_qdl.training import carry_on

    tell = None if quiet else print
    try:
        report = carry_on(run, progress=not quiet, tell=tell)
    except (KeyboardInterrupt, OSError) as error:
        error.add_note(f"continue with: qml-qdl train --resume {run.folder}")
        raise
    Console().print(report.table())
    print(f"Everything is in {run.folder}")
