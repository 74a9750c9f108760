"""Versions of a run's files: what 0.1 wrote, as it is written now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.training.registry import heeded

FORMAT = 2
"""The format of the files that are written."""

_WINDOW = {"channels": 4, "kernel_size": 2, "stride": 1}
"""What was written for every model, whether it had use for it or not."""

_GROUPS: Mapping[str, frozenset[str]] = {
    "data": frozenset(
        {
            *("source", "label_column", "data_home", "limit", "labels"),
            *("test_fraction", "validation_fraction", "split_seed"),
        }
    ),
    "model": frozenset(
        {
            *("kind", "channels", "kernel_size", "stride", "layers", "target"),
            *("hidden", "latent", "quantum_part"),
        }
    ),
    "training": frozenset(
        {
            *("epochs", "batch_size", "learning_rate", "optimizer", "patience"),
            *("accelerator", "checkpoint_every"),
        }
    ),
}
_LATER = frozenset({"labels", "hidden", "latent", "quantum_part"})
"""What the first runs had not got."""

_PLAIN = {"rbm"}
"""Models without circuits."""


_MOVED = ("qml_qdl.generative.", "qml_qdl.models.")


def upgraded_paths(value: Any) -> Any:
    """Import paths of version 0.1 in a run's options, as they are now.

    Args:
        value: Options, or any part of them.

    Returns:
        The same, with the paths of what has moved.

    Example:
        >>> upgraded_paths({"model": "qml_qdl.generative.RBM"})
        {'model': 'qml_qdl.models.RBM'}
    """
    if isinstance(value, dict):
        return {key: upgraded_paths(each) for key, each in value.items()}
    if isinstance(value, list):
        return [upgraded_paths(each) for each in value]
    old, new = _MOVED
    if isinstance(value, str) and value.startswith(old):
        return new + value.removeprefix(old)
    return value


def upgraded_words(asked: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an evaluation in a journal, by their names of now.

    Args:
        asked: As `evaluate` wrote them, now or in version 0.1.

    Returns:
        As it writes them now.
    """
    renamed = {"draw_seed": "sample_seed"}
    return {renamed.get(name, name): value for name, value in asked.items()}


def upgraded_options(values: Any) -> dict[str, Any]:
    """The options of a run of format 1.

    Args:
        values: Groups of options, as they stand in `config.json`.

    Returns:
        What `RunOptions.from_config` reads.

    Raises:
        ArgumentError: A group or a field is missing or unknown.
    """
    _check("options", values, frozenset({*_GROUPS, "seeds", "first_seed", "twin"}))
    for name, known in _GROUPS.items():
        _check(name, values[name], known)
    data, model = dict(values["data"]), dict(values["model"])
    data["data"] = data.pop("source")
    data["label"] = data.pop("labels", [])
    kind = model.pop("kind")
    if not isinstance(kind, str):
        raise ArgumentError(f"model: expected a name, got {kind!r}")
    arguments = {
        name: value
        for name, value in model.items()
        if name in heeded(kind)
        and value is not None
        and not (kind == "auto" and _WINDOW.get(name) == value)
    }
    return {
        **data,
        "model": {"class_path": kind, "init_args": arguments},
        **values["training"],
        "seeds": values["seeds"],
        "seed": values["first_seed"],
        "twin": values["twin"],
    }


def upgraded_tables(values: Any) -> Any:
    """Options of a run as tables are read now.

    Up to version 0.2 the first line of a CSV file was names, whatever it held.

    Args:
        values: The options of a run of format 2.

    Returns:
        The same; of an earlier version, with the header that it took for granted.

    Example:
        >>> upgraded_tables({"data": "mine.csv"})
        {'data': 'mine.csv', 'header': 'yes'}
    """
    if not isinstance(values, dict) or "header" in values:
        return values
    is_csv = str(values.get("data")).lower().endswith(".csv")
    return {**values, "header": "yes"} if is_csv else values


def _check(name: str, values: Any, known: frozenset[str]) -> None:
    if isinstance(values, dict):
        known -= _LATER - set(values)
    if not isinstance(values, dict) or set(values) != known:
        got = sorted(values) if isinstance(values, dict) else repr(values)
        raise ArgumentError(f"{name}: expected the fields {sorted(known)}, got {got}")


def upgraded_kinds(model: str, twin: bool) -> tuple[str, ...]:
    """Which models a run of format 1 trained.

    Args:
        model: The name of its model.
        twin: Whether a twin was asked for.
    """
    if model in _PLAIN:
        return ("classical",)
    if not twin:
        return ("quantum",)
    return ("quantum", "twin", "plain") if model == "vae" else ("quantum", "twin")


def upgraded_fit(content: dict[str, Any]) -> dict[str, Any]:
    """What a training of version 0.1 reached.

    Args:
        content: `result.json`, as it is now or was then.

    Returns:
        As it is now.
    """
    content = dict(content)
    if "validation_accuracy" in content:
        content["merit"] = content.pop("validation_accuracy")
        content["measures"] = {"accuracy": content.pop("test_accuracy", None)}
    elif "validation" in content:
        value = content.pop("validation")
        content["merit"] = -value if isinstance(value, float) else value
        content["predictions"] = None
    return content


def upgraded_evaluation(entry: dict[str, Any]) -> dict[str, Any]:
    """An evaluation as it is written now.

    Args:
        entry: One of `evaluations.json`, as it is now or was earlier.

    Returns:
        As it is now.
    """
    entry = {"mitigation": None, **entry}
    if "accuracy" in entry:
        entry["measures"] = {"accuracy": entry.pop("accuracy")}
        entry["trained"] = {"accuracy": entry.pop("trained_accuracy")}
    return entry
