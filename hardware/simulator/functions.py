"""Quantum functions on the simulator: called at every run, on symbols.

A QNode's function, or a circuit with blocks of a user's own, may do otherwise in every
call. What it queues is known by its structure and its symbols: where that was met
before, the compiled program runs, and its angles are gathered in one go.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from copy import copy
from functools import cached_property
from itertools import accumulate
from typing import Any, ClassVar, TypeAlias
from weakref import WeakValueDictionary

import numpy as np
import pennylane as qml
import torch
from attrs import evolve, field, frozen
from pennylane import measurements as kinds
from pennylane.devices import ExecutionConfig
from pennylane.math import Interface
from pennylane.ops.op_math import Adjoint
from pennylane.transforms.core import CompilePipeline, Transform
from torch import Tensor

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.purity import is_pure
from qml_qdl.hardware.caches import LruCache
from qml_qdl.hardware.device import Abilities
from qml_qdl.hardware.one_run import recorded_alone
from qml_qdl.hardware.precision import KeptNumbers
from qml_qdl.hardware.preprocessing import finite_states, with_lost, without_marks
from qml_qdl.hardware.simulator.gates.actions import rebindable
from qml_qdl.hardware.simulator.kernel.assembly import Number
from qml_qdl.hardware.simulator.kernel.execution import NativeCircuit, is_plain
from qml_qdl.hardware.simulator.memory import rows_at_once
from qml_qdl.hardware.simulator.modes import is_transformed
from qml_qdl.hardware.simulator.program import Angles
from qml_qdl.hardware.simulator.runner import (
    FEW_WIRES,
    most_kept,
    native_circuit,
    native_program,
    reads_natively,
    run_angles,
)
from qml_qdl.hardware.simulator.symbols import (
    Affine,
    Expressions,
    ImpureError,
    Symbol,
    Trace,
    form_of,
)
from qml_qdl.hardware.simulator.tapes import with_vector
from qml_qdl.hardware.simulator.tensor_options import in_precision
from qml_qdl.hardware.simulator.tracing import AngleSource, Gather, as_angle
from qml_qdl.hardware.structure import (
    TOLD_BY_CLASS,
    Plan,
    constant_key,
    is_pennylanes,
    kind_key,
    make_plan,
    measurement_key,
    tells_all,
)

Function: TypeAlias = Callable[[Sequence[Any], Mapping[str, Any]], Any]
"""Takes inputs in order and weights by name, and returns what it measures."""

_LOGGER = logging.getLogger(__name__)

MOST_MISSES = 8
"""After so many calls, one after the other, of which each queued what was not met
before, a function is not run on symbols any more, and a device's tapes are planned
only where they come again."""

MOST_STEPS = 10_000
"""A trace of more operations is given up: they seem to differ from call to call."""

MOST_TAPES = 256
"""How many tapes a device knows, the latest."""

MOST_SHAPES = 32
"""For so many shapes of inputs, the latest, what was queued is known."""

MOST_SHARED = 16
"""So many tapes, the latest, are known to functions that come later."""

_READ = frozenset(
    (
        *(kinds.DensityMatrixMP, kinds.ExpectationMP, kinds.MutualInfoMP),
        *(kinds.ProbabilityMP, kinds.PurityMP, kinds.StateMP, kinds.VarianceMP),
        kinds.VnEntropyMP,
    )
)
"""Measurements that are told by `measurement_key` and their observable's numbers."""

_COMPLEX = (kinds.DensityMatrixMP, kinds.StateMP)

_MEASURING = (qml.ops.MidMeasure, qml.ops.Conditional, qml.Projector)


@frozen(eq=False)
class _PureBlock:
    """Stands in a queue for a block whose gates are known to be always the same.

    Args:
        place: Which block of the circuit.
        block: The block.
        inputs: The whole x.
        weights: The block's; None where nothing is trained.
    """

    _queue_category: ClassVar[str] = "_ops"

    place: int
    block: Block
    inputs: Any
    weights: Any

    def operations(self) -> list[Any]:
        """What the block queues."""
        with qml.queuing.AnnotatedQueue() as queue:
            self.block.queue(self.inputs, self.weights)
        operations: list[Any] = qml.queuing.process_queue(queue)[0]
        return operations


def circuit_function(circuit: Circuit) -> Function:
    """A circuit that queues at every call only what may differ from call to call.

    Args:
        circuit: The circuit.

    Returns:
        The function, for a `FunctionRunner`.
    """
    pure = [is_pure(block) for block in circuit.blocks]
    measured: Sequence[Any] = ()
    if is_pure(circuit.readout):
        with qml.QueuingManager.stop_recording():
            measured = circuit.readout.measurements(circuit.wires)

    def function(inputs: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        x = inputs[0] if inputs else None
        for place, (block, name) in enumerate(
            zip(circuit.blocks, circuit.weight_names, strict=True)
        ):
            theta = None if name is None else weights[name]
            if pure[place]:
                qml.QueuingManager.append(_PureBlock(place, block, x, theta))
            else:
                block.queue(x, theta)
        for measurement in measured:
            measurement.queue()
        return measured or circuit.readout.measure(circuit.wires)

    return function


class _Queue:
    """What a function queued: its key, and its gates on nothing but symbols.

    What nothing tells from others, as a template with a function of the user's inside,
    is taken apart into what it queues this time.

    Args:
        trace: Of the call that goes on.
        operations: The gates, in whose numbers there may be symbols.
        measurements: What is measured at the end.
        abilities: Of the device that will run it.
        readers: Kinds of gates that look at their numbers when they are taken apart:
            constants are part of the key, of others they are taken apart every time.

    Raises:
        ImpureError: It cannot be told from what another call would queue.
    """

    def __init__(
        self,
        trace: Trace,
        operations: Sequence[Any],
        measurements: Sequence[Any],
        abilities: Abilities,
        readers: Collection[type],
    ) -> None:
        self._trace, self._abilities, self._readers = trace, abilities, readers
        self._operations: list[Any] = []
        self._data: list[list[Any]] = []
        self._measurements = measurements
        self._floats: list[float] = []
        keys: list[Hashable] = []
        for operation in operations:
            self._take(operation, keys)
        if self._floats:
            # A tensor of its own, so that other numbers are no other structure.
            floats = torch.tensor(self._floats, dtype=torch.float64)
            self._floats_symbol = trace.taken(floats)
        self.key: Hashable = (
            tuple(trace.numbers()),
            *keys,
            *map(self._measurement_key, measurements),
        )

    def _take(self, operation: Any, keys: list[Hashable]) -> None:
        """Adds a gate and its key, or those of its parts."""
        kind = type(operation)
        if kind is _PureBlock:
            self._operations.append(operation)
            self._data.append([])
            keys.append((kind, operation.place))
            return
        key: Any = kind
        data: list[Any] | None
        if kind in TOLD_BY_CLASS:
            data = list(map(self._number, operation.data))
        else:
            if isinstance(operation, _MEASURING):
                self._trace.refuse("measures on the way")
            key = _key_that_tells_all(operation)
            if key is None:
                data = None
            elif kind in self._readers or _is_block(operation):
                data = _constants(operation.data)
            else:
                data = list(map(self._number, operation.data))
        if data is None:
            for part in self._parts(operation):
                self._take(part, keys)
            return
        self._operations.append(operation)
        self._data.append(data)
        numbers = tuple(
            n.place.index if type(n) is Symbol else n[0] if type(n) is tuple else None
            for n in data
        )
        keys.append((key, operation.wires.labels, numbers))

    def _parts(self, operation: Any) -> Sequence[Any]:
        """What a gate consists of that is not known otherwise."""
        unmarked = without_marks(operation)
        if unmarked is not operation:
            return [unmarked]
        if self._abilities.is_native(operation):
            self._trace.refuse("has a gate that may change unnoticed,")
        return self._abilities.decomposition(operation)

    def _number(self, number: Any) -> Any:
        """A symbol, a constant's key, or the place of a float among them all."""
        if type(number) is Symbol:
            self._trace.check(number)
            return number
        if isinstance(number, int | float | np.floating):
            self._floats.append(float(number))
            return len(self._floats) - 1
        if isinstance(number, Tensor):
            return self._trace.taken(number)
        if isinstance(number, np.ndarray) and number.dtype.kind in "fc":
            return self._trace.taken(torch.as_tensor(np.asarray(number)))
        return constant_key(number), number

    def _measurement_key(self, measurement: Any) -> Hashable:
        kind, observable = type(measurement), measurement.obs
        if kind not in _READ or measurement.mv is not None:
            self._trace.refuse(f"measures {kind.__name__}")
        if type(observable) in TOLD_BY_CLASS:
            return kind, type(observable), observable.wires.labels
        if observable is None:
            if measurement._eigvals is not None:
                self._trace.refuse("measures eigenvalues")
            return measurement_key(measurement)
        if not is_pennylanes(observable):
            self._trace.refuse("measures what is not PennyLane's, which may change,")
        sentence = observable.pauli_rep
        numbers = observable.data if sentence is None else sentence.values()
        if any(isinstance(number, Tensor) for number in numbers):
            self._trace.refuse("is measured")
        return measurement_key(measurement), tuple(map(constant_key, numbers))

    def _on_symbols(self, operation: Any, data: Sequence[Any]) -> Any:
        """A gate whose numbers are symbols, or constants that last."""

        def symbol(number: Any) -> Any:
            if type(number) is tuple:
                return _lasting(number[1])
            return self._floats_symbol[number] if type(number) is int else number

        if _is_block(operation):  # of constants, else it is taken apart
            whole = operation.matrix(wire_order=operation.wires)
            return qml.QubitUnitary(_lasting(whole), operation.wires)
        changed = list(map(symbol, data))
        if any(a is not b for a, b in zip(changed, operation.data, strict=True)):
            return _bound(operation, changed)
        return operation

    def tape(self) -> Any:
        """A tape in whose gates every number is a symbol that may change."""
        operations: list[Any] = []
        for operation, data in zip(self._operations, self._data, strict=True):
            if type(operation) is _PureBlock:
                operations += operation.operations()
            else:
                operations.append(self._on_symbols(operation, data))
        return qml.tape.QuantumScript(operations, self._measurements)

    def readers(self) -> set[type]:
        """Kinds of gates in it that cannot be taken apart on symbols alone."""
        found = set()
        for operation, data in zip(self._operations, self._data, strict=True):
            if data and not self._abilities.is_native(operation):
                try:
                    self._take_apart(self._on_symbols(operation, data))
                except Exception:  # of any kind: it did more with them than to compute
                    found.add(type(operation))
        return found

    def _take_apart(self, operation: Any) -> None:
        if operation.data and not self._abilities.is_native(operation):
            for part in self._abilities.decomposition(operation):
                self._take_apart(part)


def _key_that_tells_all(operation: Any) -> Hashable:
    """The key of a kind of gates; None where gates of one key may do other things.

    Nor do products have one, whose factors may look at their numbers.
    """
    if _is_block(operation):
        return str(operation.name)  # all that it holds follows from its number
    if isinstance(operation, qml.ops.CompositeOp) or not is_pennylanes(operation):
        return None
    if operation.hyperparameters.get("seed", 0) is None:
        return None  # it draws its parts anew each time
    key = kind_key(operation)
    return key if tells_all(key) else None


def _is_block(operation: Any) -> bool:
    """Whether its matrix, of which roots are taken, follows from an array."""
    inner = operation.base if isinstance(operation, Adjoint) else operation
    return type(inner) is qml.BlockEncode


def _constants(numbers: Sequence[Any]) -> list[Any] | None:
    """Numbers with keys of their values; None if a gradient may be asked of one."""
    found = []
    for number in numbers:
        if type(number) is Symbol or getattr(number, "requires_grad", False):
            return None
        key = constant_key(number)
        if isinstance(number, Tensor):
            values = number.resolve_conj().resolve_neg().cpu().numpy()
            key = Tensor, number.device, constant_key(values)
        found.append((key, number))
    return found


def _lasting(constant: Any) -> Any:
    """A copy of what somebody may change in place."""
    return constant.clone() if isinstance(constant, Tensor) else copy(constant)


def _bound(operation: Any, numbers: Sequence[Any]) -> Any:
    """The operation with other numbers."""
    if isinstance(operation, qml.StatePrep):  # whose state is padded and normalised
        return qml.StatePrep(*numbers, operation.wires, validate_norm=False)
    if isinstance(operation, qml.MottonenStatePreparation):  # whose norm was looked at
        same = copy(operation)
        same.data = tuple(numbers)
        return same
    bind = qml.ops.functions.bind_new_parameters
    return bind(rebindable(operation), list(numbers))


@frozen(eq=False, slots=False)
class QueuedTape:
    """A structure that a function queued, and how its angles come from all numbers.

    Args:
        plan: The plan; its angles are symbols and mean nothing.
        rows: Where angles come from that differ from row to row.
        common: Where all others come from.
        rows_from: Which numbers the first are gathered from, (rows, …) each.
        common_from: Which numbers the others are gathered from.
        like: An empty tensor of the angles' precision and place.
        num_rows: Number of rows; None without the dimension.
        most: How many rows may run at once.
        shapes: Of what each measurement gives for one row.
        features: How many numbers each row of what is gathered for rows has.
        sizes: How many numbers each of the others has.
        kept: What was compiled of it.
    """

    plan: Plan
    rows: AngleSource
    common: AngleSource
    rows_from: tuple[int, ...]
    common_from: tuple[int, ...]
    like: Tensor
    num_rows: int | None
    most: int
    shapes: tuple[tuple[int, ...], ...]
    features: int
    sizes: tuple[int, ...]
    kept: dict[Hashable, Any] = field(factory=dict)

    @cached_property
    def prepared(self) -> frozenset[int]:
        """The slot of the state that the circuit begins with."""
        first = self.plan.structure.gates[:1]
        states = [g for g in first if isinstance(g.operation, qml.StatePrep)]
        return frozenset(slot for gate in states for slot in gate.slots)

    def keeps_rows(self, inputs: int) -> bool:
        """Whether each row's angles are seen to be numbers of that row, or of no row.

        Args:
            inputs: How many of the sources, the first, have rows.
        """
        return (
            self.num_rows is not None
            and self.rows.computed is None
            and self.common.computed is None
            and max(self.rows_from, default=inputs) < inputs
            and min(self.common_from, default=inputs) >= inputs
        )

    def angles(self, numbers: Sequence[Tensor]) -> Angles:
        """The angles of a call.

        Args:
            numbers: What all sources stand for.
        """
        common = [numbers[k].reshape(-1, 1).to(self.like) for k in self.common_from]
        count = self.num_rows or 1
        rows = [numbers[k].reshape(count, -1).T.to(self.like) for k in self.rows_from]
        found, row_found = (
            () if source.computed is None else source.computed(*numbers)
            for source in (self.common, self.rows)
        )
        angles, arrays = self.common(common or [self.like], found)
        row_angles, row_arrays = self.rows(rows or [self.like], row_found)
        every = {
            slot: in_precision(array.to(self.like.device), self.like.dtype)
            for slot, array in {**arrays, **row_arrays}.items()
        }
        each = frozenset(row_arrays)
        return Angles(angles[:, 0], row_angles, every, self.num_rows, each)

    def __call__(self, numbers: Sequence[Tensor]) -> Tensor:
        """Runs it.

        Args:
            numbers: What all sources stand for.

        Returns:
            (rows, outputs), or (outputs,), all measurements side by side.
        """
        values = self._directly(numbers)
        if values is None:
            values = self._by_angles(numbers)
        return values[0] if self.num_rows is None else values.expand(self.num_rows, -1)

    def _directly(self, numbers: Sequence[Tensor]) -> Tensor | None:
        """By the kernel from the numbers to the values, where it can do all."""
        if self.direct is None:
            return None
        dtype = self.like.dtype
        x = None
        if self.rows_from:
            x = numbers[self.rows_from[0]].reshape(self.num_rows or 1, -1).to(dtype)
        weights = [numbers[k].to(dtype) for k in self.common_from]
        if not is_plain((x, *weights)) or not (self.rows_from or weights):
            return None
        return self.direct(x, None, weights)

    def _by_angles(self, numbers: Sequence[Tensor], *, natively: bool = True) -> Tensor:
        angles, lost = self.angles(numbers), None
        for slot in self.prepared & angles.row_arrays:
            states, lost = finite_states(angles.arrays[slot])
            angles = evolve(angles, arrays={**angles.arrays, slot: states})
        values = run_angles(
            self.plan, angles, self.like, self.most, self.kept, natively=natively
        )
        whole: Tensor = with_lost(values, lost)
        return whole

    @cached_property
    def direct(self) -> NativeCircuit | None:
        """The kernel from numbers to values; None where it cannot do all."""
        if len(self.rows_from) > 1 or not reads_natively(self.plan):
            return None
        forms: dict[int, tuple[int, float, float]] = {}
        for own, angles in ((False, self.common), (True, self.rows)):
            if angles.computed is not None:
                return None
            slots = [s for s, batched in enumerate(self.plan.batched) if batched == own]
            if angles.gather is not None:
                forms |= dict(zip(slots, angles.gather.forms, strict=True))
        found = [
            Number(by_row, *forms[slot])
            for slot, by_row in enumerate(self.plan.batched)
        ]
        source = found, self.features, self.sizes
        program = native_program(self.plan, self.like, self.kept, lambda: source)
        if program is None:
            return None

        def plainly(
            x: Tensor | None, first: Tensor | None, weights: Sequence[Tensor]
        ) -> Tensor:
            assert first is None  # whatever is prepared is computed
            places = (*self.rows_from, *self.common_from)
            numbers: list[Any] = [None] * (1 + max(places))
            for place, number in zip(
                places, ([] if x is None else [x]) + list(weights), strict=True
            ):
                numbers[place] = number
            return self._by_angles(numbers, natively=False)

        most = most_kept(self.plan, self.most)
        return native_circuit(program, plainly, most, self.like)

    def results(self, numbers: Sequence[Tensor]) -> Any:
        """Runs it.

        Args:
            numbers: What all sources stand for.

        Returns:
            One tensor, or a tuple for several measurements, as PennyLane's devices give
            them.
        """
        values = self(numbers)
        rows = values.shape[:-1]
        if not any(self.shapes):  # numbers
            parts = values.unbind(-1)
        else:
            sizes = [math.prod(shape) for shape in self.shapes]
            parts = values.split(sizes, -1)
        results = tuple(
            (part if type(measurement) in _COMPLEX else part.real).reshape(rows + shape)
            for part, shape, measurement in zip(
                parts, self.shapes, self.plan.measurements, strict=True
            )
        )
        return results if len(results) > 1 else results[0]


@frozen(eq=False)
class _Met:
    """What was queued by functions that take tensors of the same kinds, or in tapes.

    What tells it from all else are its symbols, so they share a trace.

    Args:
        trace: What was done with the symbols.
        sources: Those that stand for what a function is given; none of tapes.
        shared: Whether others than who met it may find it.
        tapes: What was queued, by its key, for as long as somebody runs it.
    """

    trace: Trace
    sources: list[Symbol]
    shared: bool
    tapes: WeakValueDictionary[Hashable, QueuedTape] = field(
        factory=WeakValueDictionary
    )

    @classmethod
    def by(
        cls,
        key: Hashable | None,
        device: torch.device,
        numbers: Sequence[Tensor] = (),
        inputs: int = 0,
    ) -> _Met:
        """What was met with a key, or nothing yet.

        Args:
            key: All that it depends on but who queues; None where nothing is shared.
            device: Where numbers are.
            numbers: What functions are given.
            inputs: How many of them, the first, have rows.
        """
        met = None if key is None else _MET.get(key)
        if met is None or not met.is_open:
            trace = Trace(device)
            sources = [trace.source(n, k < inputs) for k, n in enumerate(numbers)]
            met = cls(trace, sources, key is not None)
            if key is not None:
                _MET[key] = met
        return met

    @property
    def is_open(self) -> bool:
        """Whether another call may be traced here now."""
        return len(self.trace) <= MOST_STEPS and not self.trace.in_call

    def keep(self, key: Hashable, tape: QueuedTape) -> QueuedTape:
        """Lets others find a tape, for a while longer if its program is small."""
        self.tapes[key] = tape
        if self.shared and tape.plan.structure.num_wires <= FEW_WIRES:
            _LATEST.keep((id(self), key), (self, tape))
        return tape


_MET: WeakValueDictionary[Hashable, _Met] = WeakValueDictionary()
"""By all that it depends on but the functions, while somebody runs one of them."""

_LATEST = LruCache[Hashable, tuple[_Met, QueuedTape]](MOST_SHARED)
"""The latest tapes of few wires, which outlast the functions that queued them."""


def _kind_of(device: Any) -> Hashable:
    """Equal for devices on which the same tape runs in the same way."""
    wires = device.wires and tuple((type(wire), wire) for wire in device.wires)
    return wires, device.dtype, device.memory


class FunctionRunner:
    """Runs a quantum function on batches, without PennyLane's execution on the way.

    Functions that queue the same on devices that are alike share what was compiled.

    Args:
        device: A simulator device, which says what it runs as it is.
        function: The function; it may do otherwise in every call, and read the numbers
            that it is given, but keeps none of them, nor would anybody notice if it was
            called once more.
        shares: Whether its gates mean the same to whoever queues them, and are none of
            `circuit_function`'s.
    """

    def __init__(self, device: Any, function: Function, *, shares: bool) -> None:
        self._device, self._function = device, function
        self._readers: set[type] = set()
        self._met = LruCache[Hashable, tuple[_Met, dict[Hashable, QueuedTape]]](
            MOST_SHAPES
        )
        self._kind = _kind_of(device) if shares else None
        self._misses = 0
        self.refused: str | None = None
        """Why it is not run on symbols any more."""

    def __call__(
        self,
        inputs: Sequence[Tensor],
        weights: Mapping[str, Tensor],
        rows: int | None,
        check_rows: Callable[[], None],
    ) -> Tensor | None:
        """Runs all rows.

        Args:
            inputs: Tensors (rows, features) or (features,).
            weights: The trained tensors by name.
            rows: How many rows must come; None for none.
            check_rows: Called before anything runs where what was queued does not show
                by itself that rows are taken for rows.

        Returns:
            What is measured: `(rows, *shape)` or `(*shape,)`, of several measurements
            side by side in one dimension. None where PennyLane has to run it; the
            function may have been called.

        Raises:
            MemoryBoundError: Not even one row fits into the memory.
        """
        numbers = [*inputs, *weights.values()]
        if self.refused or not all(n.is_floating_point() for n in numbers):
            return None
        double = any(number.dtype == torch.float64 for number in numbers)
        try:
            with (
                torch.inference_mode(False),
                torch.enable_grad(),
                KeptNumbers(double),
            ):
                tape, sources, single = self._queued(inputs, weights, numbers)
        except ImpureError as error:
            self.refused = str(error)
            return None
        except Exception:
            # Whatever it is, PennyLane's run of the function meets it again and
            # raises it, or does not, where it is about symbols.
            _LOGGER.debug("a function does not run on symbols", exc_info=True)
            self._missed()
            return None
        if tape.num_rows != rows:
            return None  # which is told to who made the QNode, where PennyLane runs it
        if not tape.keeps_rows(len(inputs)):
            check_rows()
        values = tape(sources)
        # A single measurement keeps its shape, several are laid side by side.
        return values.reshape(values.shape[:-1] + tape.shapes[0]) if single else values

    def _missed(self) -> None:
        self._misses += 1
        if self._misses > MOST_MISSES:
            self.refused = "queues something new in every call"

    def _queued(
        self,
        inputs: Sequence[Tensor],
        weights: Mapping[str, Tensor],
        numbers: Sequence[Tensor],
    ) -> tuple[QueuedTape, list[Tensor], bool]:
        signature = (
            torch.get_default_dtype(),
            len(inputs),
            *((n.shape, n.dtype, n.device) for n in numbers),
        )
        found = self._met.find(signature)
        # Other numbers of rows say nothing about the function.
        self._misses -= found is None
        if found is None or not found[0].is_open:
            key = self._kind and (self._kind, signature)
            met = _Met.by(key, numbers[0].device, numbers, len(inputs))
            found = self._met.keep(signature, (met, {}))
        met, tapes = found
        trace, sources = met.trace, met.sources
        with trace.of_call(sources, numbers):
            data = sources[: len(inputs)]
            with qml.queuing.AnnotatedQueue() as queue:
                output = self._function(
                    data, dict(zip(weights, sources[len(inputs) :], strict=True))
                )
            operations, measurements = qml.queuing.process_queue(queue)
            _check_output(output, measurements, trace)
            abilities = self._device.abilities
            queued = _Queue(trace, operations, measurements, abilities, self._readers)
            values = trace.numbers()
            if trace.refused:
                raise ImpureError(trace.refused)
        tape = tapes.get(queued.key)
        if tape is None:
            tape = met.tapes.get(queued.key)
            if tape is None:
                self._missed()
                try:
                    tape = _traced(trace, queued, values, self._device)
                except Exception:
                    # Whatever a gate that looks at its numbers made of symbols: it is
                    # met again with them as constants. Else it is raised.
                    readers = queued.readers() - self._readers
                    if not readers:
                        raise
                    self._readers |= readers
                    return self._queued(inputs, weights, numbers)
                met.keep(queued.key, tape)
            tapes[queued.key] = tape
        else:
            self._misses = 0
        return tape, [*values.values()], not isinstance(output, list | tuple)


class PlannedTape(qml.tape.QuantumScript):  # type: ignore[misc]
    """A tape that runs as it came; who looks at it sees what transforms made of it.

    Attributes:
        planned: How it runs; None in the copies that PennyLane makes by its class,
            which are tapes as any other.
    """

    planned: QueuedTape | None = None

    @classmethod
    def of(
        cls,
        tape: Any,
        planned: QueuedTape,
        numbers: Sequence[Tensor],
        native: CompilePipeline,
    ) -> PlannedTape:
        """A tape whose way is known.

        Args:
            tape: The tape.
            planned: How it runs.
            numbers: What its sources stand for.
            native: The transforms, of which one tape comes, to be done if one looks.
        """
        found = cls(shots=tape.shots)
        del found.__dict__["_ops"], found.__dict__["_measurements"]
        found._tape, found._native = tape, native
        found.planned, found._numbers = planned, numbers
        return found

    def __getattr__(self, name: str) -> Any:
        """Gates and measurements, made where somebody asks for them."""
        if name not in ("_ops", "_measurements"):
            raise AttributeError(name)
        (tape,), _ = self._native([self._tape])
        self.__dict__.update(_ops=tape.operations, _measurements=tape.measurements)
        return self.__dict__[name]

    def results(self) -> Any:
        """Runs it; see `QueuedTape.results`."""
        assert self.planned is not None
        return self.planned.results(self._numbers)


@frozen
class _UnlessKnown:
    """A device's transforms as one, which leaves alone tapes whose way is known.

    Args:
        native: The transforms.
        plans: Where tapes are looked up.
    """

    native: CompilePipeline
    plans: TapePlans = field(eq=False)
    __name__: ClassVar[str] = "native"

    def __call__(self, tape: Any) -> Any:
        found = self.plans.find(tape, self.native)
        if found is not None:
            return [found], _only
        tapes, combined = self.native([tape])
        return tapes, lambda results: _only(combined(results))


def _only(results: Sequence[Any]) -> Any:
    return results[0]


class TapePlans:
    """What a device knows of tapes that it met before: they run as they came.

    Args:
        device: A simulator device, which says what it runs as it is.
    """

    def __init__(self, device: Any) -> None:
        self._device = device
        self._met: _Met | None = None
        self._known = LruCache[Hashable, QueuedTape | str](MOST_TAPES)
        self._misses = 0
        self._pipelines: dict[Hashable, CompilePipeline] = {}
        self._readers: set[type] = set()

    def pipeline(self, config: ExecutionConfig) -> CompilePipeline:
        """The device's transforms, which leave alone what it is known how to run.

        Args:
            config: PennyLane's configuration, with numbers of torch or NumPy.
        """
        key = config.mcm_config
        if key not in self._pipelines:  # to make them takes longer than to run them
            step = _UnlessKnown(self._device.native_transforms(config), self)
            self._pipelines[key] = CompilePipeline(Transform(step))
        return self._pipelines[key][:]

    def find(self, tape: Any, native: CompilePipeline) -> PlannedTape | None:
        """The tape with how it runs, which is found out where it comes again.

        Args:
            tape: A tape whose numbers are torch's tensors, NumPy's or Python's.
            native: The transforms that would bring it into another form.

        Returns:
            The tape; None where it has to be brought into another form first.
        """
        if tape.shots or is_transformed() or torch._C._len_torch_dispatch_stack():
            return None
        # The lock that those have already who come from a layer.
        with recorded_alone(self._device):
            met = self._met
            if met is None or not met.is_open:
                met = _Met.by((_kind_of(self._device), "tapes"), torch.device("cpu"))
                self._met, self._known = met, LruCache(MOST_TAPES)
            try:
                queued, values = self._queued(met.trace, tape)
                known = self._known.find(queued.key) or met.tapes.get(queued.key)
                if isinstance(known, QueuedTape):
                    self._misses = 0
                elif known is None and not self._comes_again():
                    known = "once"
                elif known in (None, "once"):
                    readers = len(self._readers)
                    known = self._planned(met, queued, values)
                    if len(self._readers) > readers:
                        queued, values = self._queued(met.trace, tape)
                        known = self._planned(met, queued, values)
                self._known.keep(queued.key, known)
            except Exception:
                # Of a tape that another way, which meets it, may run.
                _LOGGER.debug("a tape is not known by symbols", exc_info=True)
                return None
        if isinstance(known, QueuedTape):
            return PlannedTape.of(tape, known, [*values.values()], native)
        return None

    def _comes_again(self) -> bool:
        """Whether it is worth while to plan a tape that is new.

        Not where each is, nor of a trial, which nobody wants gradients of.
        """
        self._misses += 1
        return self._misses <= MOST_MISSES and torch.is_grad_enabled()

    def _queued(self, trace: Trace, tape: Any) -> tuple[_Queue, Mapping[int, Tensor]]:
        """What is queued, and what its sources stand for."""
        with trace.of_call([], []):
            queued = _Queue(
                *(trace, tape.operations, tape.measurements),
                *(self._device.abilities, self._readers),
            )
            return queued, trace.numbers()

    def _planned(
        self, met: _Met, queued: _Queue, values: Mapping[int, Tensor]
    ) -> QueuedTape | str:
        double = any(number.dtype == torch.float64 for number in values.values())
        if any(number.device != met.trace.device for number in values.values()):
            return "elsewhere"
        try:
            with (
                torch.inference_mode(False),
                torch.enable_grad(),
                KeptNumbers(double),
            ):
                try:
                    tape = _traced(met.trace, queued, values, self._device)
                except Exception:
                    self._readers |= queued.readers()
                    raise
            return met.keep(queued.key, tape)
        except Exception as error:
            # The device runs the tape in another form, and meets whatever it is again.
            _LOGGER.debug("a tape is not planned", exc_info=True)
            return str(error)

    def __reduce__(self) -> Any:
        return TapePlans, (self._device,)


def _traced(
    trace: Trace, queued: _Queue, values: Mapping[int, Tensor], device: Any
) -> QueuedTape:
    """What was queued, brought into the form that runs.

    Raises:
        ImpureError: What is done depends on what the symbols are.
    """
    tape = queued.tape()
    numbers = [number for operation in tape.operations for number in operation.data]
    dtype = _precision(numbers) if device.dtype is None else device.dtype
    asked = ExecutionConfig(gradient_method="best", interface=Interface.TORCH)
    config = device.setup_execution_config(asked, tape)
    (native,), _ = device.native_transforms(config)([tape])
    if len(native.measurements) != len(tape.measurements):
        raise ImpureError("measures sums")
    tape = with_vector(native.map_to_standard_wires())
    wires = max(1, len(tape.wires))
    plan = make_plan(tape, range(wires))
    angles = [as_angle(angle) for angle in plan.angles]
    sizes = {a.shape[0] for a, own in zip(angles, plan.batched, strict=True) if own}
    if len(sizes) > 1:
        raise ImpureError("has several numbers of rows")
    num_rows = sizes.pop() if sizes else None
    like = torch.empty(0, 1, dtype=dtype.to_real(), device=trace.device)
    sources = [trace.at(place) for place in values]
    (common, common_from), (rows, rows_from) = (
        _source(
            [slot for slot, each in enumerate(plan.batched) if each == own],
            *(plan, angles, trace, sources, like, num_rows),
        )
        for own in (False, True)
    )
    return QueuedTape(
        *(plan, rows, common, rows_from, common_from, like, num_rows),
        rows_at_once(wires, like.dtype, like.device, device.memory),
        tuple(tuple(each.shape(None, wires)) for each in plan.measurements),
        sum(sources[place].numel() for place in rows_from) // (num_rows or 1),
        tuple(sources[place].numel() for place in common_from),
    )


def _check_output(output: Any, measurements: Sequence[Any], trace: Trace) -> None:
    """Leaves to PennyLane what is not all measurements in their order."""

    def flat(part: Any) -> list[Any]:
        if type(part) in (list, tuple):
            return [leaf for each in part for leaf in flat(each)]
        return [part]

    found = flat(output)
    if len(found) != len(measurements) or any(
        a is not b for a, b in zip(found, measurements, strict=True)
    ):
        trace.refuse("returns something else than its measurements in order")


def _precision(numbers: Sequence[Any]) -> torch.dtype:
    """float32 if all tensors are that; see `run_tape`."""
    dtypes = {
        number.dtype.to_real()
        for number in numbers
        if isinstance(number, Tensor)
        and (number.is_floating_point() or number.is_complex())
    }
    return torch.float32 if dtypes == {torch.float32} else torch.float64


def _source(
    slots: Sequence[int],
    plan: Plan,
    angles: Sequence[Tensor],
    trace: Trace,
    sources: Sequence[Symbol],
    like: Tensor,
    num_rows: int | None,
) -> tuple[AngleSource, tuple[int, ...]]:
    """Where the angles of some slots come from, and which sources are gathered."""
    dimensions = {
        slot: dimension
        for gate in plan.structure.gates
        if gate.slots
        for slot, dimension in zip(gate.slots, gate.operation.ndim_params, strict=True)
    }
    arrays = [slot for slot in slots if dimensions[slot]]
    scalars = [slot for slot in slots if not dimensions[slot]]
    own = bool(slots) and plan.batched[slots[0]]
    rows = num_rows if own else None
    found = {slot: _column(angles[slot], sources, rows) for slot in scalars}
    gathered = {slot: each for slot, each in found.items() if each is not None}
    rest = [slot for slot in scalars if slot not in gathered]
    taken = sorted({place for place, _ in gathered.values() if place >= 0})
    sizes = [sources[place].numel() // (rows or 1) for place in taken]
    firsts = dict(zip(taken, accumulate(sizes, initial=0), strict=False))
    forms = [
        Affine(form.source + firsts.get(place, 0), form.factor, form.offset)
        for place, form in gathered.values()
    ]
    came = [*gathered, *rest]
    order = None
    if came != scalars:
        places = {slot: place for place, slot in enumerate(came)}
        order = torch.tensor([places[slot] for slot in scalars], device=like.device)
    others = arrays + rest
    expressions: Expressions | None = None
    if others:
        expressions = trace.expressions([angles[slot] for slot in others], sources)
    gather = Gather.of(forms, 0, sum(sizes), like) if forms else None
    return AngleSource(gather, expressions, tuple(arrays), order), tuple(taken)


def _column(
    angle: Tensor, sources: Sequence[Symbol], rows: int | None
) -> tuple[int, Affine] | None:
    """Which source an angle is one number of each row of, and as a form of which.

    Args:
        angle: () or (rows,).
        sources: All of them.
        rows: Number of rows; None where there is one angle for all.

    Returns:
        The place of the source, −1 for none, and the form, of a single number within
        the row; None where the angle is something else.
    """
    form = form_of(angle)
    if form is None:
        return None
    wanted = form.source.reshape(-1)
    parts = [np.asarray(part).reshape(-1) for part in (form.factor, form.offset)]
    if any((part != part[0]).any() for part in parts):
        return None
    factor, offset = (float(part[0]) for part in parts)
    if rows is None and wanted[0] < 0:
        return -1, Affine(wanted[0], factor, offset)
    for place, source in enumerate(sources):
        if source.form is None or not source.form.source.size:
            continue
        count, first = source.form.source.size, source.form.source.flat[0]
        size = count // (rows or 1)
        if not first <= wanted[0] < first + count:
            continue
        column = wanted[0] - first
        if rows is not None:
            expected = first + column + size * np.arange(rows)
            if source.shape[:1] != (rows,) or not np.array_equal(wanted, expected):
                return None
            if column >= size:
                return None
        return place, Affine(column, factor, offset)
    return None
