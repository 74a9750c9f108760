"""Symbols know what was done with them, and nothing is done with their values."""

from __future__ import annotations

import copy
import operator
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from qml_qdl.hardware.precision import KeptNumbers
from qml_qdl.hardware.simulator.symbols import ImpureError, Symbol, Trace, form_of

Make = Callable[[Any, Any], Any]


def numbers() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(  # type: ignore[return-value]
        torch.rand(shape, generator=generator, dtype=torch.float64) + 0.1
        for shape in ((3,), (2, 3))
    )


def traced(make: Make) -> tuple[Trace, Any]:
    x, w = numbers()
    trace = Trace(torch.device("cpu"))
    with KeptNumbers(double=True):
        return trace, make(trace.source(x, True), trace.source(w, False))


def replayed(make: Make) -> tuple[Tensor, Tensor]:
    """What the steps give, and what the function itself does."""
    trace, result = traced(make)
    (found,) = trace.expressions([result])(*numbers())
    return found, make(*numbers())


def by_form(result: Any) -> Tensor:
    """What the form of a symbol says."""
    form = form_of(result)
    assert form is not None
    every = np.concatenate([*(n.reshape(-1) for n in numbers()), np.zeros(1)])
    return torch.as_tensor(form.factor * every[form.source] + form.offset)


AFFINE: dict[str, Make] = {
    "index": lambda x, w: w[..., 1, 2],
    "slice": lambda x, w: w[:, 1:],
    "list": lambda x, w: w[:, [2, 0]],
    "constant index": lambda x, w: w[:, torch.tensor([2, 0])],
    "sum on the left": lambda x, w: 0.5 + x,
    "sum": lambda x, w: x + torch.arange(3),
    "difference": lambda x, w: x - 2,
    "difference on the left": lambda x, w: 2 - x,
    "reversed": lambda x, w: torch.rsub(x, torch.tensor([1.0, 2.0, 3.0])),
    "reversed twice": lambda x, w: torch.rsub(torch.tensor(1.0).double(), x),
    "from a tensor": lambda x, w: torch.tensor([1.0, 2.0, 3.0]) - x,
    "product": lambda x, w: 3 * x * torch.tensor([[1.0], [2.0]]),
    "quotient": lambda x, w: x / 4 / torch.tensor([1.0, 2.0, 4.0]),
    "negative": lambda x, w: -(x + 1),
    "turned": lambda x, w: w.T.reshape(-1)[1:].unsqueeze(0),
    "unbound": lambda x, w: w.unbind(0)[1],
    "split": lambda x, w: torch.split(w, 2, dim=1)[1],
    "stacked": lambda x, w: torch.stack([2 * x, w[0], torch.ones(3)]),
    "joined": lambda x, w: torch.cat(tensors=[x, w[1] + 1], dim=0),
    "single": lambda x, w: (x * 2).float().double(),
    "copied": lambda x, w: torch.as_tensor(x, device="cpu").clone(),
    "iterated": lambda x, w: torch.stack(list(x)),
    "scaled, then moved": lambda x, w: (w * torch.tensor([1.0, 2.0, 3.0]))[1].flip(0),
}
COMPUTED: dict[str, Make] = {
    "product of two": lambda x, w: x * w,
    "sum of two": lambda x, w: x + w[0],
    "on the right of a quotient": lambda x, w: 1 / x,
    "sine": lambda x, w: x.sin(),
    "complex": lambda x, w: (1j * x).real + (2.0 * x * 1j).imag,
    "largest": lambda x, w: torch.max(w, dim=1).values,
    "choice": lambda x, w: torch.where(x > 0.5, x, 0.0),
    "by keywords": lambda x, w: torch.amax(input=w, dim=-1),
    "contraction": lambda x, w: torch.einsum("i,ji->j", x, w),
    "two of each": lambda x, w: torch.meshgrid(x, w[0], indexing="ij")[1],
    "zeros": lambda x, w: torch.zeros_like(x) + x.new_ones(3),
    "columns": lambda x, w: torch.column_stack([x.sin(), x]),
    "trace": lambda x, w: w[:, :2].trace() * x,
    "axes": lambda x, w: torch.moveaxis(w.sin(), 0, 1),
    "by PennyLane": lambda x, w: qml.math.tensordot(
        np.array([1.0, 2.0, 3.0]), qml.math.sqrt(x), axes=[[0], [0]]
    ),
}


@pytest.mark.parametrize("name", AFFINE)
def test_a_form_is_what_the_operations_give(name: str) -> None:
    _, result = traced(AFFINE[name])
    expected = AFFINE[name](*numbers())
    torch.testing.assert_close(by_form(result), expected)
    torch.testing.assert_close(*replayed(AFFINE[name]))
    assert result.shape == expected.shape
    assert result.ndim == expected.ndim
    assert result.dtype == expected.dtype


def test_beside_whole_numbers_no_digits_are_lost() -> None:
    def make(x: Any, w: Any) -> Any:
        return (0.1 + x) / torch.arange(3, 6) + torch.arange(3)

    found = by_form(traced(make)[1])
    torch.testing.assert_close(found, make(*numbers()), atol=1e-15, rtol=0)


@pytest.mark.parametrize("name", COMPUTED)
def test_what_has_no_form_is_done_anew(name: str) -> None:
    _, result = traced(COMPUTED[name])
    assert form_of(result) is None
    torch.testing.assert_close(*replayed(COMPUTED[name]))
    trace, result = traced(COMPUTED[name])
    x, w = numbers()
    run = torch.vmap(trace.expressions([result]), in_dims=(0, None))
    (found,) = run(torch.stack([x, 2 * x]), w)
    torch.testing.assert_close(found[1], COMPUTED[name](2 * x, w))


@given(st.lists(st.sampled_from(["+", "-", "r-", "*", "/", "neg", "flip"]), max_size=8))
def test_any_chain_has_the_form_of_its_numbers(chain: list[str]) -> None:
    steps: dict[str, Callable[[Any], Any]] = {
        "+": lambda x: x + 1.5,
        "-": lambda x: x - torch.tensor([1.0, 2.0, 3.0]),
        "r-": lambda x: 0.25 - x,
        "*": lambda x: x * torch.tensor([2.0, -1.0, 0.5]),
        "/": lambda x: x / 3,
        "neg": operator.neg,
        "flip": lambda x: x.flip(0),
    }

    def make(x: Any, w: Any) -> Any:
        for each in chain:
            x = steps[each](x)
        return x

    _, result = traced(make)
    torch.testing.assert_close(by_form(result), make(*numbers()))


@pytest.mark.parametrize(
    "take",
    [lambda x: x[::-1], lambda x: x[3], lambda x: x[0, 0], lambda x: x[..., -4]],
    ids=["backwards", "beyond", "too many", "before"],
)
def test_what_no_tensor_has_is_not_taken_of_a_symbol(
    take: Callable[[Any], Any],
) -> None:
    with pytest.raises((ValueError, IndexError)):
        take(numbers()[0])
    with pytest.raises((ValueError, IndexError)):
        traced(lambda x, w: take(x))


def test_what_is_infinite_warns_of_nothing() -> None:
    found = by_form(traced(lambda x, w: x / torch.tensor([0.0, 1.0, 2.0]))[1])
    torch.testing.assert_close(found[1:], numbers()[0][1:] / torch.tensor([1.0, 2.0]))


def test_of_a_closed_trace_only_the_symbols_last() -> None:
    trace, result = traced(lambda x, w: x[0] * w[1, 2].sin())
    run = trace.expressions([result])
    trace.close()
    torch.testing.assert_close(
        run(*numbers())[0], replayed(lambda x, w: x[0] * w[1, 2].sin())[1]
    )
    assert (result.shape, result.dtype) == ((), torch.float64)
    assert result[None].place.index > result.place.index


def test_dependence_on_inputs_is_handed_on() -> None:
    for make, depends in (
        (lambda x, w: w.sin() + 1, False),
        (lambda x, w: w[0] * x, True),
        (lambda x, w: torch.stack([w[0], x])[0], True),
    ):
        assert traced(make)[1].on_inputs is depends


def test_gradients_are_those_of_the_operations() -> None:
    """Also where there are none."""

    def make(x: Any, w: Any) -> Any:
        with torch.no_grad():
            factor = w[0] * 2
        return x * factor + w[1].detach() * x + w[1].data

    trace, result = traced(make)
    leaves = [n.requires_grad_() for n in numbers()]
    (found,) = trace.expressions([result])(*leaves)
    again = [n.requires_grad_() for n in numbers()]
    for total, own in ((found, leaves), (make(*again), again)):
        total.sum().backward()
        assert own[1].grad is None
    torch.testing.assert_close(leaves[0].grad, again[0].grad)


def test_what_cuts_a_gradient_has_no_form() -> None:
    def unseen(x: Any, w: Any) -> Any:
        with torch.no_grad():
            return x * 2

    for make in (lambda x, w: x.detach(), lambda x, w: x.data, unseen):
        assert form_of(traced(make)[1]) is None


def test_a_trained_constant_is_no_number() -> None:
    factor = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    trace, result = traced(lambda x, w: x * factor)
    assert form_of(result) is None
    (found,) = trace.expressions([result])(*numbers())
    found.sum().backward()
    torch.testing.assert_close(factor.grad, numbers()[0].sum())


def test_only_what_is_needed_is_done() -> None:
    def make(x: Any, w: Any) -> Any:
        w.sin().exp()
        return x.cos().unbind(0)[1]

    trace, result = traced(make)
    assert len(trace.expressions([result]).steps) == 3


def test_a_symbol_is_said_to_be_where_its_numbers_are() -> None:
    x = traced(lambda x, w: x)[1]
    assert isinstance(x, Symbol)
    assert (x.device, x.is_cpu, x.is_cuda, x.is_meta) == (
        torch.device("cpu"),
        True,
        False,
        False,
    )
    assert (len(x), x.ndim, x.requires_grad) == (3, 1, False)
    assert qml.math.get_interface(x) == "torch"
    assert copy.deepcopy(x) is x


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: float(x[0]),
        lambda x: bool((x > 0).all()),
        lambda x: x.tolist(),
        lambda x: np.asarray(x),
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
        lambda x: torch.allclose(x, x),
        lambda x: 0.5 in x,
        lambda x: [1, 2, 3][x[0].long()],
        lambda x: f"{x[0]:.3f}",
    ],
)
def test_values_are_not_to_be_had(ask: Callable[[Any], Any]) -> None:
    with pytest.raises(ImpureError, match="asks for their values"):
        traced(lambda x, w: ask(x))


def _iadd(x: Any) -> None:
    x += 1


def _constant(x: Any) -> None:
    torch.zeros(3)[0] = x[0]


@pytest.mark.parametrize(
    "change",
    [
        _iadd,
        _constant,
        lambda x: x.mul_(2),
        lambda x: x.__setitem__(0, 1.0),
        lambda x: torch.add(x, 1, out=torch.zeros(3)),
    ],
)
def test_nothing_is_changed_in_place(change: Callable[[Any], Any]) -> None:
    with pytest.raises(ImpureError, match="changes a tensor in place"):
        traced(lambda x, w: change(x))


def test_traces_do_not_meet() -> None:
    """Two at once, as in two threads."""
    first, second = (Trace(torch.device("cpu")) for _ in range(2))
    x, w = numbers()
    one, other = first.source(x, True), second.source(w, False)
    sine, cosine = one.sin(), other.cos()
    torch.testing.assert_close(first.expressions([sine])(x), [x.sin()])
    torch.testing.assert_close(second.expressions([cosine])(w), [w.cos()])


SHAPES: dict[str, Make] = {
    "rows and columns": lambda x, w: w[:, :1] * torch.ones(4) + x[:1],
    "precision of a number": lambda x, w: x.float() * 0.5,
    "precision of no dimensions": lambda x, w: (
        x.float() * torch.ones((), dtype=x.dtype)
    ),
    "more precision": lambda x, w: x.float() * torch.ones(1, dtype=x.dtype),
    "complex": lambda x, w: torch.complex(x.float(), w.float()) + 1,
    "modulus": lambda x, w: torch.polar(x, w).abs() ** 2,
    "comparison": lambda x, w: x.ge(w) & (w == 0.5),
    "choice": lambda x, w: torch.where(x > 0.5, 1j, x),
    "nothing": lambda x, w: w[:0] / x,
    "sums": lambda x, w: w.sum(0, keepdim=True) - x.mean(),
    "products": lambda x, w: torch.kron(x, w) @ torch.outer(x, w[0]).repeat(3, 1),
    "norms": lambda x, w: torch.linalg.norm(w, dim=1).cumsum(0),
    "large": lambda x, w: torch.stack([w.repeat(300, 20), w.repeat(300, 20).cos()]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_and_types_are_those_of_the_operations(name: str) -> None:
    _, result = traced(SHAPES[name])
    with KeptNumbers(double=True):
        expected = SHAPES[name](*numbers())
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)


def test_formulas_have_torchs_own_shapes_and_types() -> None:
    """And their shapes are told without what compiles programs, which loads slowly."""
    code = """
import sys, torch
from qml_qdl.hardware.simulator.symbols import ImpureError, Trace
like = [torch.rand(3, 1), torch.rand(2, dtype=torch.float64), torch.rand(3, 2)]
trace = Trace(torch.device("cpu"))
symbols = [trace.source(each, True) for each in like]
def formulas(a, b, c):
    yield a + b; yield 1 - a; yield a * c; yield b / 3; yield -a; yield a * 2j
    yield torch.tanh(a); yield b**2; yield torch.where(c > 0.5, c, b); yield a == b
    yield c.mean(0); yield c.sum(-1, keepdim=True); yield c.prod(1); yield a.T @ c
    yield torch.stack([a, a], -1); yield torch.cat([c, c.double()])
    yield torch.einsum("ij,ik->jk", a, c); yield c.clamp(0, 1); yield c.amax(1)
    yield torch.zeros_like(b); yield torch.logical_and(a > 0, c < 1); yield a + True
    yield torch.full_like(b, 3.0, dtype=torch.float32); yield torch.tensor(2.0) * b
found, wanted = list(formulas(*symbols)), list(formulas(*like))
for one, other in zip(found, wanted, strict=True):
    assert (one.shape, one.dtype) == (other.shape, other.dtype), other
    assert one.is_symbol
assert not {"torch._dynamo", "sympy"} & set(sys.modules)
try:
    torch.where(symbols[0] > 0.5)
except ImpureError as error:
    assert "asks for their values" in str(error)
else:
    raise AssertionError("a shape that depends on values")
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
