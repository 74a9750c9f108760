"""Symbols: tensors without values, which remember what was done with them.

A pure circuit is run on them once, any other quantum function at every call. Nearly
every angle turns out to be one number of x or θ, times a factor, plus an offset; of
what else there is the operations are known, to be done with numbers later. What was
done before gives the symbol that it gave before: so equal calls are known by their
symbols.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

import autoray
import numpy as np
import torch
from attrs import evolve, frozen
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_T = Tensor


class ImpureError(Exception):
    """A symbol was used as no expression can use it; says how."""


@frozen(eq=False)
class Affine:
    """Numbers of the form factor · source + offset.

    NumPy's arrays, which of few numbers take less time than torch's.

    Args:
        source: Which number of all, of any shape; −1 for none.
        factor: One for all, or of the same shape.
        offset: The same.
    """

    source: NDArray[np.int64]
    factor: float | NDArray[np.float64] = 1.0
    offset: float | NDArray[np.float64] = 0.0

    @classmethod
    def constant(cls, value: Any) -> Affine:
        """Numbers that depend on nothing."""
        number = np.array(_known(value), dtype=np.float64)
        return cls(np.full(number.shape, -1), 0.0, number)

    def moved(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """The numbers moved about by a tensor operation: one form, or several."""
        source = _moved(self.source, function, args, kwargs)
        several = isinstance(source, list)
        both: list[Any] = []
        for part in (self.factor, self.offset):
            if isinstance(part, np.ndarray):
                both.append(_moved(part, function, args, kwargs))
            else:
                both.append([part] * len(source) if several else part)
        if not several:
            return Affine(source, *both)
        return [Affine(*each) for each in zip(source, *both, strict=True)]

    def scaled(self, factor: Any, shape: Sequence[int]) -> Affine:
        """The numbers times a constant, as an array of some shape."""
        return self._with(self.factor * factor, self.offset * factor, shape)

    def shifted(self, offset: Any, shape: Sequence[int]) -> Affine:
        """The numbers plus a constant, as an array of some shape."""
        return self._with(self.factor, self.offset + offset, shape)

    def _with(self, factor: Any, offset: Any, shape: Sequence[int]) -> Affine:
        def whole(part: Any) -> Any:
            if not isinstance(part, np.ndarray) or part.shape == shape:
                return part
            return np.broadcast_to(part, shape).copy()  # torch warns of what is no copy

        return Affine(whole(self.source), whole(factor), whole(offset))


def _known(value: Any) -> Any:
    """A constant in double precision: a float, or an array for a tensor."""
    if not isinstance(value, Tensor):
        return float(value)
    return value.detach().double().resolve_neg().cpu().numpy()


def _moved(
    part: NDArray[Any], function: Callable[..., Any], args: Any, kwargs: Any
) -> Any:
    """What a tensor operation makes of numbers: an array, or a list of some."""
    if function is _T.__getitem__:
        index = args[0] if type(args[0]) is tuple else args
        if all(type(each) is int or each is ... for each in index):
            return np.asarray(part[tuple(index)])
    found = function(torch.from_numpy(part), *args, **kwargs)
    one = isinstance(found, Tensor)
    return found.numpy() if one else [each.numpy() for each in found]


@frozen(eq=False)
class Product:
    """Numbers of the form factor · first · second + offset, as those of ZZ maps.

    Args:
        first: Numbers, of one shape.
        second: As many.
        factor: One for all.
        offset: The same.
    """

    first: Affine
    second: Affine
    factor: float = 1.0
    offset: float = 0.0

    @classmethod
    def of(cls, first: Affine, second: Affine, shape: Sequence[int]) -> Product:
        """The numbers of one times those of the other, as an array of some shape."""
        return cls(first.shifted(0.0, shape), second.shifted(0.0, shape))

    def moved(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """The numbers moved about by a tensor operation: one form, or several."""
        first, second = (
            p.moved(function, args, kwargs) for p in (self.first, self.second)
        )
        if isinstance(first, Affine):
            return evolve(self, first=first, second=second)
        pairs = zip(first, second, strict=True)
        return [evolve(self, first=one, second=other) for one, other in pairs]

    def scaled(self, factor: float) -> Product:
        """The numbers times a constant."""
        return evolve(self, factor=self.factor * factor, offset=self.offset * factor)

    def shifted(self, offset: float) -> Product:
        """The numbers plus a constant."""
        return evolve(self, offset=self.offset + offset)


@frozen
class Place:
    """Stands for a value in a step: that of a source, or of a step before.

    Args:
        index: Which; the sources come first.
    """

    index: int


@frozen(eq=False)
class Step:
    """One operation.

    Args:
        function: What was called.
        args: Its arguments, in which symbols or places stand for values.
        kwargs: Its keywords.
        with_gradient: Whether its result had a gradient where it was called.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    with_gradient: bool = True

    def __call__(self, values: Sequence[Any]) -> Any:
        """Does it.

        Args:
            values: Of the sources, and of all steps before.
        """

        def value(part: Any) -> Any:
            return values[part.index] if isinstance(part, Place) else part

        args, kwargs = _replaced(self.args, value), _replaced(self.kwargs, value)
        if self.with_gradient:
            return self.function(*args, **kwargs)
        with torch.no_grad():
            return self.function(*args, **kwargs)


@frozen(eq=False)
class Expressions:
    """Steps that are done anew with the numbers of each call.

    Args:
        steps: In their order.
        results: The place of each result, or a constant.
    """

    steps: tuple[Step, ...]
    results: tuple[Any, ...]

    def __call__(self, *numbers: Tensor) -> list[Tensor]:
        """The results.

        Args:
            *numbers: The sources.
        """
        values: list[Any] = list(numbers)
        for step in self.steps:
            values.append(step(values))
        return [
            values[result.index] if isinstance(result, Place) else result
            for result in self.results
        ]


class Trace:
    """What is done with some symbols, in its order.

    Args:
        device: Where the numbers will be.
    """

    def __init__(self, device: torch.device) -> None:
        # What decides which functions of torch an array has, PennyLane asks autoray.
        autoray.register_backend(Symbol, "torch")
        self.device = device
        self.refused: str | None = None
        self._steps: list[Step | None] = []
        self._sources: dict[int, Symbol] = {}
        self._shapes: dict[Hashable, Tensor] = {}
        self._numbers = 0
        self._known: dict[Hashable, Any] = {}
        self._values: dict[int, Tensor] | None = None
        self._taken: dict[int, tuple[Symbol, int]] = {}

    def __len__(self) -> int:
        return len(self._steps)

    @contextmanager
    def of_call(self, sources: Sequence[Symbol], numbers: Sequence[Tensor]) -> Any:
        """While entered, the numbers of one call are known to whoever reads them.

        Tensors that are no symbols, as a closure's, then become further sources.

        Args:
            sources: The symbols that stand for what the function is called with.
            numbers: These tensors.
        """
        self.refused, self._taken = None, {}
        places = [source.place.index for source in sources]
        self._values = dict(zip(places, numbers, strict=True))
        try:
            yield
        finally:
            self._values, self._taken = None, {}

    @property
    def in_call(self) -> bool:
        """Whether a call goes on, in which another one may have begun."""
        return self._values is not None

    def taken(self, number: Tensor) -> Symbol:
        """The symbol of a tensor that came from elsewhere, in this call.

        Args:
            number: The tensor; that which comes next in another call has the same
                symbol, if it has the same shape and type and is on the same device.
        """
        assert self._values is not None
        if id(number) in self._taken:
            return self._taken[id(number)][0]
        if number.is_inference():
            self.refuse("is of inference mode, and may change unnoticed")
        key = ("taken", len(self._taken), number.shape, number.dtype, number.device)
        symbol: Symbol | None = self._known.get(key)
        if symbol is None:
            symbol = self._known[key] = self.source(number, on_inputs=False)
        self._taken[id(number)] = symbol, number._version
        self._values[symbol.place.index] = number  # which keeps its id its own
        return symbol

    def numbers(self) -> dict[int, Tensor]:
        """What all sources stand for in this call, by their places.

        Raises:
            ImpureError: A tensor that was used has been changed since.
        """
        assert self._values is not None
        for symbol, version in self._taken.values():
            if self._values[symbol.place.index]._version != version:
                self.refuse("changes one in place that was used before,")
        return self._values

    def at(self, place: int) -> Symbol:
        """The source of a place.

        Args:
            place: As `numbers` has it.
        """
        return self._sources[place]

    def values(self, symbols: Sequence[Symbol]) -> list[Tensor]:
        """The numbers that symbols stand for in this call, with their gradients.

        Args:
            symbols: Those of this trace.
        """
        assert self._values is not None
        return self._expressions(symbols, [*self._values])(*self._values.values())

    def read(self, function: Any, args: Any, kwargs: Any) -> Any:
        """What a function says of the numbers of this call.

        Args:
            function: Asks for values, and gives no tensor.
            args: Its arguments, a symbol among them.
            kwargs: Its keywords.

        Raises:
            ImpureError: There is no call, so that nobody knows them.
        """
        if self._values is None:
            self.refuse("asks for their values")

        def value(part: Any) -> Any:
            return self.values([part])[0] if isinstance(part, Symbol) else part

        return function(*_replaced(args, value), **_replaced(kwargs, value))

    def check(self, symbol: Symbol) -> None:
        """Refuses what a `torch.autograd.Function` gave, whose gradient is its own.

        Args:
            symbol: One of this trace.
        """
        with torch._C.DisableTorchFunction():
            if symbol.grad_fn is not None:
                self.refuse("has a torch.autograd.Function")

    def refuse(self, reason: str) -> NoReturn:
        """Says that a symbol was used as none can be.

        Args:
            reason: How. It is kept, for whoever takes the error for another one.
        """
        self.refused = reason
        raise ImpureError(reason)

    def source(self, like: Tensor, on_inputs: bool) -> Symbol:
        """A new symbol for a tensor of numbers; all of them come before any step.

        Args:
            like: A tensor of its shape and type.
            on_inputs: Whether it stands for what differs from row to row.
        """
        with torch._C.DisableTorchFunction():
            count = like.numel()
            index = np.arange(self._numbers, self._numbers + count).reshape(like.shape)
            self._numbers += count
            form = Affine(index) if like.is_floating_point() else None
            shape = self._empty(like.shape, like.dtype)
            symbol = self._symbol(shape, None, on_inputs, form)
        self._sources[symbol.place.index] = symbol
        return symbol

    def close(self) -> None:
        """Forgets how its symbols came, which are not used any more.

        Symbols and their trace know each other: this way most of it goes at once, and
        not when Python collects cycles, which takes long.
        """
        self._steps = [None] * len(self._steps)  # so that no place comes twice
        self._known, self._sources, self._shapes = {}, {}, {}

    def _empty(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """What has no values, but a shape and a type."""
        key = shape, dtype
        if key not in self._shapes:
            self._shapes[key] = torch.empty(shape, dtype=dtype, device="meta")
        return self._shapes[key]

    def _symbol(
        self,
        shape: Tensor,
        step: Step | None,
        on_inputs: bool,
        form: Affine | Product | None,
    ) -> Symbol:
        # It wants a gradient, so that functions with one of their own leave a mark.
        marked = shape.is_floating_point() or shape.is_complex()
        symbol: Symbol = _T._make_subclass(Symbol, shape, marked)
        symbol.shape, symbol.ndim, symbol.dtype = shape.shape, shape.ndim, shape.dtype
        symbol.history, symbol.place = self, Place(len(self._steps))
        symbol.on_inputs = on_inputs
        symbol.form = form if isinstance(form, Affine) else None
        symbol.product = form if isinstance(form, Product) else None
        self._steps.append(step)
        return symbol

    def recorded(self, function: Any, args: Any, kwargs: Any) -> Any:
        """As `record` gives it; refuses an operation whose shapes depend on values."""
        try:
            return self.record(function, args, kwargs)
        except NotImplementedError:
            self.refuse("asks for their values")

    def record(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Does an operation on shapes, and on forms where it keeps them.

        Args:
            function: The operation.
            args: Its arguments, a symbol among them or inside of them.
            kwargs: Its keywords.

        Returns:
            A symbol, several, or what is no tensor, such as a shape; those that the
            same operation gave before, if it was no random one.
        """
        try:
            key = (
                function,
                torch.is_grad_enabled(),
                self._key(kwargs) if kwargs else None,
                *map(self._key, args),
            )
            found = self._known.get(key)
        except _UnknownError:
            if self._values is not None:
                self.refuse("has an argument of another kind")
            return self._record(function, args, kwargs)
        if found is None:
            if self._values is not None:
                args, kwargs = _replaced((args, kwargs), self._of_trace)
            random = None if function in _CERTAIN else _Randomness()
            with random or nullcontext():
                found = self._record(function, args, kwargs)
            if random is None or not random.found:
                self._known[key] = found
            elif self._values is not None:
                self.refuse("draws random numbers of their shape")
        # A list could be changed by who gets it.
        return list(found) if type(found) is list else found

    def _of_trace(self, part: Any) -> Any:
        foreign = isinstance(part, Tensor) and not isinstance(part, Symbol)
        return self.taken(part) if foreign else part

    def _key(self, part: Any) -> Hashable:
        """Equal for arguments that mean the same.

        Raises:
            _UnknownError: Nobody knows which they are.
        """
        kind = type(part)
        if kind is Symbol:
            self.check(part)
            return Symbol, part.place.index
        if kind is int or part is ...:
            alone: Hashable = part
            return alone
        if kind in _KEYS:
            return kind, part
        if kind is float:
            return kind, part.hex()
        if kind is tuple or kind is list:
            return kind, *map(self._key, part)
        if kind is slice:
            return kind, *map(self._key, (part.start, part.stop, part.step))
        if kind is dict:
            return kind, *((name, self._key(each)) for name, each in part.items())
        if isinstance(part, Tensor) and self._values is not None:
            return Symbol, self.taken(part).place.index
        raise _UnknownError

    def _record(self, function: Any, args: Any, kwargs: Any) -> Any:
        function = _SAME.get(function, function)
        first = args[0] if args else None
        form = (first.form or first.product) if isinstance(first, Symbol) else None
        symbols: list[Symbol] = []
        if form is not None and function in _MOVING and not _holds(args[1:], symbols):
            assert isinstance(first, Symbol)
            moved = form.moved(function, args[1:], kwargs)
            shapes: Any = (
                [self._empty(_shape(each), first.dtype) for each in moved]
                if isinstance(moved, list)
                else self._empty(_shape(moved), first.dtype)
            )
            return self._results(function, args, kwargs, [first], shapes, moved)
        symbols = []
        _holds((args, kwargs), symbols)
        with torch.no_grad():
            shapes = _shapes(function, args, kwargs)
        if not isinstance(shapes, Tensor | tuple | list):
            return shapes
        if isinstance(shapes, Symbol):  # it was given back as it is
            return shapes
        if not isinstance(shapes, Tensor) and not any(
            isinstance(each, Tensor) for each in shapes
        ):
            return shapes  # a shape, or sizes
        found = None
        if isinstance(shapes, Tensor) and shapes.is_floating_point():
            found = _form(function, args, kwargs, shapes.shape)
        return self._results(function, args, kwargs, symbols, shapes, found)

    def _results(
        self,
        function: Any,
        args: Any,
        kwargs: Any,
        symbols: Sequence[Symbol],
        shapes: Any,
        forms: Any,
    ) -> Any:
        on_inputs = any(symbol.on_inputs for symbol in symbols)
        gradient = torch.is_grad_enabled()
        step = Step(function, args, kwargs, gradient)
        if isinstance(shapes, Tensor):
            return self._symbol(shapes, step, on_inputs, forms if gradient else None)
        whole = Place(len(self._steps))
        self._steps.append(step)
        items = []
        for place, shape in enumerate(shapes):
            one = Step(operator.getitem, (whole, place), {}, gradient)
            form = forms[place] if forms is not None and gradient else None
            items.append(self._symbol(shape, one, on_inputs, form))
        kind: Any = type(shapes)  # some have names for their parts
        return kind(items)

    def sources(self, result: Any) -> frozenset[int]:
        """Which sources, by number, a symbol or a constant depends on."""
        needed = self._needed([result])
        return frozenset(place for place in needed if self._steps[place] is None)

    def _needed(self, results: Sequence[Any]) -> set[int]:
        """The places of sources and steps that some results need."""
        needed = {r.place.index for r in results if isinstance(r, Symbol)}
        for index in range(max(needed, default=-1), -1, -1):
            step = self._steps[index]
            if step is not None and index in needed:
                needed.update(_places((step.args, step.kwargs)))
        return needed

    def expressions(
        self, results: Sequence[Any], sources: Sequence[Symbol] | None = None
    ) -> Expressions:
        """The steps that some results need.

        Args:
            results: Symbols, or constants.
            sources: Those whose numbers will come, in their order; None for all.
        """
        if sources is None:
            first = [k for k, step in enumerate(self._steps) if step is None]
        else:
            first = [source.place.index for source in sources]
        return self._expressions(results, first)

    def _expressions(self, results: Sequence[Any], first: list[int]) -> Expressions:
        needed = self._needed(results)
        later = sorted(needed - set(first))
        kept = [*first, *later]
        places = {old: Place(new) for new, old in enumerate(kept)}

        def placed(part: Any) -> Any:
            place = part.place if isinstance(part, Symbol) else part
            return places[place.index] if isinstance(place, Place) else part

        steps = [self._steps[k] for k in later]
        return Expressions(
            tuple(
                evolve(
                    step,
                    args=_replaced(step.args, placed),
                    kwargs=_replaced(step.kwargs, placed),
                )
                for step in steps
                if step is not None
            ),
            tuple(map(placed, results)),
        )


class Symbol(Tensor):
    """A tensor with a shape and a type, and no values: made by a `Trace`."""

    # Torch's own shape, ndim and dtype would come by `__torch_function__` at each use.
    __slots__ = (
        *("dtype", "form", "history", "ndim", "on_inputs", "place", "product"),
        "shape",
    )

    is_symbol = True

    history: Trace
    place: Place
    on_inputs: bool
    form: Affine | None
    product: Product | None
    shape: torch.Size
    ndim: int
    dtype: torch.dtype

    def __getitem__(self, indices: Any) -> Any:
        """As all operations, but at once: no other is done as often."""
        with torch._C.DisableTorchFunction():
            return self.history.recorded(_T.__getitem__, (self, indices), {})

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Every use of a symbol comes by here."""
        keywords = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            if func in _PLAIN:
                return func(*args, **keywords)
            symbols: list[Symbol] = []
            if not (args and isinstance(args[0], Symbol)):
                _holds((args, keywords), symbols)
            trace: Trace = (symbols or args)[0].history
            if func in _OF_GRADIENTS:
                if trace._values is not None:
                    return trace.read(func, args, keywords)
                return _OF_GRADIENTS[func]
            if func in _HOOKS:
                trace.refuse("wants to see their gradients")
            if func in _WHERE:
                return getattr(torch.empty(0, device=trace.device), _WHERE[func])
            if func is _T.__deepcopy__:
                return args[0]
            if func is _T.__iter__:
                return iter(trace.record(_T.unbind, args, keywords))
            name = getattr(func, "__name__", "")
            if func in _READ:
                return trace.read(func, args, keywords)
            if _is_change(name) or keywords.get("out") is not None:
                trace.refuse(f"changes a tensor in place, by {name},")
            return trace.recorded(func, args, keywords)


_PLAIN = frozenset(
    {
        *(_T.__len__, _T.dim, _T.is_complex, _T.is_floating_point, _T.numel, _T.size),
        *(getattr(_T, name).__get__ for name in ("dtype", "layout", "ndim", "shape")),
        _T.__hash__,
    }
)
"""Say what a tensor is, not what its values are."""

_OF_GRADIENTS = {
    **{
        getattr(_T, name).__get__: value
        for name, value in {
            "grad": None,
            "grad_fn": None,
            "is_leaf": True,
            "requires_grad": False,
        }.items()
    },
    _T.__repr__: "Symbol",
}
"""Say whether a tensor has a gradient, with what a symbol outside of a call says."""

_HOOKS = frozenset(
    (_T.register_hook, _T.register_post_accumulate_grad_hook, _T.backward)
)
"""Are about the gradients of a tensor."""


class _UnknownError(Exception):
    """An argument is of a kind of which equal ones need not mean the same."""


_KEYS = frozenset(
    (
        *(bool, complex, str, type(None), torch.Size, torch.device),
        *(torch.dtype, torch.layout, torch.memory_format, type),
        *(np.float32, np.float64, np.int32, np.int64, np.bool_),
    )
)
"""Kinds of arguments that are equal where they mean the same."""


class _Randomness(TorchDispatchMode):
    """While it is entered, looks out for operations that draw random numbers."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Does the operation."""
        self.found = self.found or torch.Tag.nondeterministic_seeded in func.tags
        return func(*args, **(kwargs or {}))


_WHERE = {
    getattr(_T, name).__get__: name
    for name in ("device", "is_cpu", "is_cuda", "is_meta")
}
"""Say where a tensor is."""

_READ = frozenset(
    {
        *(_T.__array__, _T.__bool__, _T.__complex__, _T.__contains__, _T.__float__),
        *(_T.__format__, _T.__index__, _T.__int__, _T.allclose, _T.data_ptr),
        *(_T.equal, _T.is_nonzero, _T.item, _T.numpy, _T.tolist),
        *(torch.allclose, torch.equal, torch.is_nonzero),
    }
)
"""Ask for values, and give no tensor."""

_SAME: dict[Any, Any] = {
    _T.data.__get__: _T.detach,  # type: ignore[attr-defined]
    _T.moveaxis: _T.movedim,
    torch.column_stack: lambda parts: torch.hstack(
        [part.reshape(part.shape[0] if part.ndim else 1, -1) for part in parts]
    ),
    torch.moveaxis: torch.movedim,
}
"""For what `torch.vmap` does not know, which it knows."""

_MOVING = frozenset(
    {
        *(_T.__getitem__, _T.broadcast_to, _T.chunk, _T.clone, _T.contiguous),
        *(_T.expand, _T.flatten, _T.flip, _T.index_select, _T.movedim),
        *(_T.narrow, _T.permute, _T.ravel, _T.repeat, _T.reshape, _T.roll, _T.select),
        *(_T.split, _T.squeeze, _T.swapaxes, _T.t, _T.tile, _T.transpose, _T.unbind),
        *(_T.unflatten, _T.unsqueeze, _T.view),
        *(torch.broadcast_to, torch.chunk, torch.clone, torch.flatten, torch.flip),
        *(torch.index_select, torch.movedim, torch.narrow),
        *(torch.permute, torch.ravel, torch.reshape, torch.roll, torch.select),
        *(torch.split, torch.squeeze, torch.swapaxes, torch.t, torch.tile),
        *(torch.transpose, torch.unbind, torch.unflatten, torch.unsqueeze),
        *(getattr(_T, name).__get__ for name in ("T", "mT")),
    }
)
"""Move numbers about, and leave each what it is."""

_COPIES = frozenset({_T.cpu, _T.cuda})
_CASTS = _COPIES | {_T.double, _T.float, _T.to, _T.type, _T.type_as}
_JOINS = frozenset({torch.cat, torch.concat, torch.concatenate, torch.stack})
_NEGATIVES = frozenset({_T.__neg__, _T.neg, _T.negative, torch.neg, torch.negative})
_PRODUCTS = frozenset(
    {_T.__mul__, _T.__rmul__, _T.mul, _T.multiply, torch.mul, torch.multiply}
)
_QUOTIENTS = frozenset(
    {_T.__truediv__, _T.div, _T.divide, _T.true_divide, torch.div, torch.divide}
)
_SUMS = frozenset({_T.__add__, _T.__radd__, _T.add, torch.add})
_DIFFERENCES = frozenset({_T.__sub__, _T.sub, _T.subtract, torch.sub, torch.subtract})
_REVERSED = frozenset({_T.__rsub__, torch.rsub})


def _named(*names: str) -> frozenset[Any]:
    """Functions and methods of torch."""
    places = (torch, torch.linalg, _T)
    return frozenset(getattr(p, n) for n in names for p in places if hasattr(p, n))


_ELEMENTWISE = (_NEGATIVES | _PRODUCTS | _QUOTIENTS | _SUMS | _DIFFERENCES) | (
    _REVERSED
    | _named(
        *("__abs__", "__and__", "__eq__", "__ge__", "__gt__", "__invert__", "__le__"),
        *("__lt__", "__ne__", "__or__", "__pow__", "__rpow__", "__rtruediv__", "abs"),
        *("absolute", "acos", "acosh", "angle", "arccos", "arccosh", "arcsin"),
        *("arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan"),
        *("atan2", "atanh", "ceil", "clamp", "clip", "complex", "cos", "cosh"),
        *("deg2rad", "eq", "erf", "exp", "exp2", "expm1", "float_power", "floor"),
        *("fmod", "ge", "gt", "heaviside", "hypot", "isfinite", "isinf", "isnan"),
        *("le", "log", "log10", "log1p", "log2", "logical_and", "logical_not"),
        *("logical_or", "lt", "maximum", "minimum", "nan_to_num", "ne", "polar"),
        *("pow", "rad2deg", "reciprocal", "relu", "remainder", "round", "rsqrt"),
        *("sgn", "sigmoid", "sign", "sin", "sinc", "sinh", "sqrt", "square", "tan"),
        *("tanh", "trunc"),
    )
)
"""Make each number of those that stand in its place, which are repeated for it."""

_OF_SHAPES = _JOINS | _named(
    *("__matmul__", "__rmatmul__", "amax", "amin", "cumprod", "cumsum", "diag"),
    *("diag_embed", "dot", "einsum", "full_like", "hstack", "kron", "matmul", "mean"),
    *("mv", "norm", "ones_like", "outer", "prod", "roll", "std", "sum", "tensordot"),
    *("tril", "triu", "var", "vector_norm", "vstack", "where", "zeros_like"),
)
"""Do the same whatever the numbers, and without much work."""

_CERTAIN = (_MOVING | _CASTS | _ELEMENTWISE | _OF_SHAPES) | (
    frozenset(getattr(_T, name).__get__ for name in ("H", "imag", "mH", "real"))
    | _named(
        *("broadcast_tensors", "conj", "conj_physical", "detach", "diagonal"),
        *("is_conj", "is_neg", "matrix_exp", "resolve_conj"),
        *("resolve_neg", "trace", "view_as_complex", "view_as_real"),
    )
)
"""Draw no random numbers."""

MOST_DONE = 2**14
"""Numbers of which it is faster to do an operation than to ask what shape it gives."""


def product_of(number: Any) -> Product | None:
    """The form of a number that is a product of two.

    Args:
        number: A symbol, or a tensor.

    Returns:
        The form; None where it has none, or a part of it depends on nothing.
    """
    product = number.product if isinstance(number, Symbol) else None
    if product is None or min(product.first.source, product.second.source) < 0:
        return None
    return product


def form_of(number: Any) -> Affine | None:
    """The form of a number: a symbol's, or that of a constant; None where none is.

    Args:
        number: A symbol, or a tensor.
    """
    if isinstance(number, Symbol):
        return number.form
    return Affine.constant(number) if _is_constant(number) else None


def _shape(form: Affine | Product) -> tuple[int, ...]:
    one = form.first if isinstance(form, Product) else form
    return one.source.shape


@np.errstate(all="ignore")
def _form(
    function: Any, args: Any, kwargs: Any, shape: Sequence[int]
) -> Affine | Product | None:
    """The form of a result that is a real tensor; None where it has none."""
    first = args[0] if args else None
    if function in _CASTS:
        return first.form or first.product if isinstance(first, Symbol) else None
    if function in _JOINS:
        rest = {key: value for key, value in kwargs.items() if key != "tensors"}
        parts = args[0] if args else kwargs["tensors"]
        return _joined(function, parts, args[1:], rest)
    if kwargs:
        return None
    if function in _NEGATIVES and isinstance(first, Symbol):
        if first.product is not None:
            return first.product.scaled(-1.0)
        return None if first.form is None else first.form.scaled(-1.0, shape)
    if len(args) != 2:
        return None
    second, swapped = args[1], not isinstance(first, Symbol)
    if swapped:
        first, second = second, first
    if isinstance(first, Symbol) and first.product is not None:
        return _with_number(function, first.product, second, swapped)
    if isinstance(first, Symbol) and isinstance(second, Symbol):
        if function in _PRODUCTS and first.form and second.form:
            return Product.of(first.form, second.form, shape)
        return None
    if not isinstance(first, Symbol) or first.form is None or not _is_constant(second):
        return None
    form = first.form
    if isinstance(second, Tensor):
        second = _known(second)
    if function in _PRODUCTS:
        return form.scaled(second, shape)
    if function in _QUOTIENTS:
        return None if swapped else form.scaled(1.0 / second, shape)
    if function in _SUMS:
        return form.shifted(second, shape)
    if function in _DIFFERENCES | _REVERSED:
        if (function in _REVERSED) == swapped:  # symbol − constant
            return form.shifted(-second, shape)
        return form.scaled(-1.0, form.source.shape).shifted(second, shape)
    return None


def _with_number(
    function: Any, product: Product, number: Any, swapped: bool
) -> Product | None:
    """The form of a product with a plain number."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    if function in _PRODUCTS:
        return product.scaled(number)
    if function in _QUOTIENTS:
        return None if swapped or not number else product.scaled(1.0 / number)
    if function in _SUMS:
        return product.shifted(number)
    if function in _DIFFERENCES | _REVERSED:
        if (function in _REVERSED) == swapped:  # product − number
            return product.shifted(-number)
        return product.scaled(-1.0).shifted(number)
    return None


def _joined(function: Any, parts: Any, args: Any, kwargs: Any) -> Affine | None:
    """The form of several tensors as one."""
    forms = []
    for part in parts:
        if isinstance(part, Symbol):
            if part.form is None:
                return None
            forms.append(part.form)
        elif _is_constant(part):
            forms.append(Affine.constant(part))
        else:
            return None

    def joined(parts: Sequence[Any]) -> Any:
        shapes = [form.source.shape for form in forms]
        tensors = [
            torch.from_numpy(part if isinstance(part, np.ndarray) else np.full(s, part))
            for part, s in zip(parts, shapes, strict=True)
        ]
        return function(tensors, *args, **kwargs).numpy()

    return Affine(
        joined([form.source for form in forms]),
        joined([form.factor for form in forms]),
        joined([form.offset for form in forms]),
    )


def _is_constant(value: Any) -> bool:
    """Whether a value is known, real, and without a gradient."""
    if isinstance(value, Symbol):
        return False
    if isinstance(value, Tensor):
        return not value.is_complex() and not value.requires_grad
    return isinstance(value, int | float) and not isinstance(value, bool)


_IN_PLACE = frozenset(
    (
        *("__set__", "__setitem__", "__setstate__", "__delitem__"),
        *(f"__i{name}__" for name in ("add", "and", "floordiv", "lshift", "mod")),
        *(f"__i{name}__" for name in ("mul", "or", "pow", "rshift", "sub", "xor")),
        *("__itruediv__", "__idiv__"),
    )
)


def _is_change(name: str) -> bool:
    return name in _IN_PLACE or (name.endswith("_") and not name.endswith("__"))


def _replaced(value: Any, function: Callable[[Any], Any]) -> Any:
    """Nested arguments, each replaced by what a function makes of it."""
    kind = type(value)
    if kind is tuple or kind is list:
        return kind([_replaced(each, function) for each in value])
    if kind is dict:
        return {key: _replaced(each, function) for key, each in value.items()}
    if kind is slice:
        parts = (value.start, value.stop, value.step)
        return slice(*(_replaced(each, function) for each in parts))
    return function(value)


def _holds(value: Any, found: list[Any]) -> bool:
    """Whether there are symbols or places in nested arguments; adds them to a list."""
    kind = type(value)
    if kind is Symbol or kind is Place:
        found.append(value)
    elif kind is tuple or kind is list:
        for each in value:
            _holds(each, found)
    elif kind is dict:
        _holds(list(value.values()), found)
    elif kind is slice:
        _holds((value.start, value.stop, value.step), found)
    return bool(found)


def _places(value: Any) -> list[int]:
    """The places that nested arguments stand for."""
    found: list[Any] = []
    _holds(value, found)
    return [(each.place if type(each) is Symbol else each).index for each in found]


def _shapes(function: Any, args: Any, kwargs: Any) -> Any:
    """What an operation gives for constants and devices without values.

    What torch itself would ask loads its compiler at the first operation with numbers,
    which takes two seconds: those that are common are done on as few as tell it.
    """
    parts: list[Tensor] = []

    def lowered(part: Any) -> Any:
        if isinstance(part, Tensor):
            parts.append(part)
        if isinstance(part, Tensor) and not isinstance(part, Symbol):
            return part.to("meta")
        named = function is _T.to and isinstance(part, str)
        return "meta" if named or isinstance(part, torch.device) else part

    def single(part: Any) -> Any:
        known = isinstance(part, Tensor)
        return torch.ones((1,) * part.ndim, dtype=part.dtype) if known else part

    def whole(part: Any) -> Any:
        known = isinstance(part, Tensor)
        return torch.ones(part.shape, dtype=part.dtype) if known else part

    if function in _COPIES:
        function, args, kwargs = torch.clone, args[:1], {}
    lowered_args = _replaced(args, lowered)
    keywords = _replaced(kwargs, lowered)
    if function in _ELEMENTWISE:
        one = function(*_replaced(args, single), **_replaced(kwargs, single))
        if isinstance(one, Tensor):
            shape = np.broadcast_shapes(*[part.shape for part in parts])
            return torch.empty(shape, dtype=one.dtype, device="meta")
    if function in _OF_SHAPES and sum(part.numel() for part in parts) <= MOST_DONE:
        found = function(*_replaced(args, whole), **_replaced(kwargs, whole))
        if isinstance(found, Tensor):
            return torch.empty(found.shape, dtype=found.dtype, device="meta")
    if "device" in keywords:
        keywords["device"] = "meta"
    return function(*lowered_args, **keywords)
