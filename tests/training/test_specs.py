"""Classes by name: what a file may build, and what it may not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
import torch
from torch import nn

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, RunError
from qml_qdl.training import Spec
from qml_qdl.training.specs import (
    check_arguments,
    import_class,
    known_path,
    paths_in,
    refuse_within,
)

LINEAR = {
    "class_path": "torch.nn.Linear",
    "init_args": {"in_features": 2, "out_features": 3},
}


class Calls(Protocol):
    def __call__(self, x: int) -> int: ...


class Colour(Enum):
    RED = 1


class Net(nn.Module):
    def __init__(
        self,
        width: int = 1,
        rate: float | None = None,
        sizes: tuple[int, ...] = (),
        many: Sequence[float] = (),
        kind: Literal["a", "b"] = "a",
        colour: Colour = Colour.RED,
        flag: bool = False,
        inner: nn.Module | None = None,
        layers: list[nn.Module] | None = None,
        target: str | nn.Module = "auto",
        act: str | Callable[[int], int] = "relu",
        free: Any = None,
        whole: object = None,
        calls: Calls | None = None,
        cls: type | None = None,
        **rest: Any,
    ) -> None:
        super().__init__()


del Net.__init__.__annotations__["whole"]  # as if it had none


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"width": 3}, 3),
        ({"rate": 1}, 1.0),
        ({"rate": None}, None),
        ({"sizes": [1, 2]}, (1, 2)),
        ({"many": [1, 2.5]}, [1.0, 2.5]),
        ({"kind": "b"}, "b"),
        ({"colour": "RED"}, Colour.RED),
        ({"flag": True}, True),
        ({"target": "default.qubit"}, "default.qubit"),
        ({"act": "os.system"}, "os.system"),
        ({"free": {"a": [1]}}, {"a": [1]}),
        ({"whole": "x"}, "x"),
        ({"other": 3}, 3),
    ],
)
def test_plain_values_are_converted(given: dict[str, Any], wanted: object) -> None:
    (found,) = check_arguments("model", Net, given).values()
    assert found == wanted
    assert type(found) is type(wanted)


def test_objects_are_built_where_their_class_is_expected() -> None:
    def built(**given: Any) -> Any:
        (found,) = check_arguments("model", Net, given).values()
        return found

    assert isinstance(built(inner=LINEAR), nn.Linear)
    assert isinstance(built(inner="torch.nn.ReLU"), nn.ReLU)
    assert isinstance(built(target=LINEAR), nn.Linear)
    layers = built(layers=[LINEAR, {"class_path": "torch.nn.Tanh"}])
    assert [type(each) for each in layers] == [nn.Linear, nn.Tanh]


EVIL = {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", "FILE"]}}
CALL = {"class_path": "os.system", "init_args": {"command": "touch FILE"}}


@pytest.mark.parametrize("evil", [EVIL, CALL], ids=["class", "function"])
@pytest.mark.parametrize(
    "name", ["inner", "target", "act", "free", "whole", "calls", "cls", "more"]
)
def test_nothing_else_is_built_or_called(
    name: str, evil: dict[str, Any], tmp_path: Path
) -> None:
    """Whatever an annotation leaves open stays data, or is refused."""
    made = tmp_path / "made"
    text = repr(evil).replace("FILE", str(made))
    value = eval(text)
    nested = {
        "class_path": "torch.nn.TransformerEncoderLayer",
        "init_args": {"d_model": 8, "nhead": 2, "activation": value},
    }
    for given in ({name: value}, {"layers": [value]}, {"inner": nested}):
        try:
            found = check_arguments("model", Net, given)
        except ArgumentError:
            continue
        assert found == given
    assert not made.exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"width": "x"}, "model.width: expected int, got 'x'"),
        ({"width": None}, "model.width: expected a value, got None"),
        ({"sizes": ["x"]}, r"model.sizes: expected tuple\[int, ...\], got \['x'\]"),
        ({"kind": "c"}, "model.kind: expected Literal"),
        ({"flag": 1}, "model.flag: expected bool, got 1"),
        ({"inner": 3}, "model.inner: expected torch.* got 3"),
        ({"inner": {"class_path": "torch.Tensor"}}, "model.inner: expected a subclass"),
        ({"inner": {"class_path": "torch.nn.Nope"}}, "something that torch.nn has"),
        ({"act": EVIL}, "of which a file can name no object, got 'subprocess.Popen'"),
        (
            {"inner": {"class_path": "torch.nn.Linear"}},
            "model.inner.in_features: Linear needs this argument",
        ),
    ],
)
def test_what_does_not_fit_is_told(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        check_arguments("model", Net, given)


def test_arguments_that_are_unknown_missing_or_given_otherwise() -> None:
    with pytest.raises(ArgumentError, match=r"no such argument; did you mean 'bias'\?"):
        check_arguments("loss", nn.Linear, {"in_features": 1, "biass": True})
    with pytest.raises(ArgumentError, match="out_features: Linear needs this argument"):
        check_arguments("loss", nn.Linear, {"in_features": 1})
    skip = frozenset({"params"})
    with pytest.raises(ArgumentError, match="params: it follows from the run"):
        check_arguments("optimizer", torch.optim.Adam, {"params": 1}, skip=skip)
    given = frozenset({"in_features", "out_features"})
    assert check_arguments("model", nn.Linear, {}, given=given) == {}


def test_classes_by_import_path() -> None:
    assert import_class("loss", "torch.nn.MSELoss", nn.Module) is nn.MSELoss
    with pytest.raises(ArgumentError, match=r"'no\.Where' cannot be imported"):
        import_class("loss", "no.Where", nn.Module)
    with pytest.raises(ArgumentError, match=r"did you mean 'torch\.nn\.Linear'\?"):
        import_class("loss", "torch.nn.Linea", nn.Module)
    path = "qml_qdl.models.noise_generator.NoiseGenerator"
    with pytest.raises(ArgumentError, match="is abstract, without"):
        import_class("model", path, nn.Module)
    assert known_path("torch.optim", "adamw") == "torch.optim.AdamW"
    assert known_path("torch.nn", "cross_entropy_loss") == "torch.nn.CrossEntropyLoss"
    assert known_path("torch.optim", "no") is None


def test_a_spec_survives_a_file() -> None:
    spec = Spec("a.B", sizes=(1, 2), inner=LINEAR)
    assert Spec.from_config("model", spec.as_config()) == spec
    assert hash(spec) == hash(Spec("a.B", sizes=[1, 2], inner=LINEAR))
    assert Spec("a").as_config() == "a"
    assert not Spec("./a.csv").is_path
    for wrong in (3, "", {}, {"class_path": 1}, {"class_path": "a", "more": 1}):
        with pytest.raises(ArgumentTypeError, match="model: expected a name or import"):
            Spec.from_config("model", wrong)
    with pytest.raises(ArgumentTypeError, match="class_path: expected a name"):
        Spec("")


def test_every_text_that_may_be_a_path_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = {"a": "x.y", "b": [Spec("p.Q", c={"class_path": "r.S"})], "d": "plain"}
    assert sorted(paths_in(value)) == ["p.Q", "r.S", "x.y"]
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "inner.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RunError, match=r"'planted\.inner\.X' would be imported from"):
        refuse_within(tmp_path, {"model": "planted.inner.X"})
    refuse_within(tmp_path, {"model": "torch.nn.Linear", "target": "default.qubit"})
