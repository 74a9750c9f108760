"""Circuits on the simulator without a tape: traced and compiled once, then called."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

import pennylane as qml
import torch
from attrs import define
from torch import Tensor

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.purity import exact_key
from qml_qdl.hardware.caches import LruCache
from qml_qdl.hardware.simulator.compiler import matrix_of_gate, shared_program
from qml_qdl.hardware.simulator.gates.actions import Entries
from qml_qdl.hardware.simulator.kernel.assembly import (
    Number,
    UnsupportedError,
    assemble,
    given_angles,
)
from qml_qdl.hardware.simulator.kernel.execution import (
    NativeCircuit,
    NativeProgram,
    Plainly,
    is_plain,
    native,
)
from qml_qdl.hardware.simulator.memory import STATES_AT_ONCE, in_chunks, rows_at_once
from qml_qdl.hardware.simulator.modes import made_to_last, own_precision
from qml_qdl.hardware.simulator.observables import (
    Reader,
    by_rows,
    is_fixed_pauli_expectation,
)
from qml_qdl.hardware.simulator.program import Angles, Program, prepared_states
from qml_qdl.hardware.simulator.readout import (
    Expectations,
    compile_expectations,
    squares,
)
from qml_qdl.hardware.simulator.tensor_options import (
    MANY_ROWS,
    TensorOptions,
    in_precision,
)
from qml_qdl.hardware.simulator.tracing import TracedCircuit, trace_circuit
from qml_qdl.hardware.structure import Plan

_TRACED = LruCache[Hashable, TracedCircuit](16)

Kept: TypeAlias = dict[Hashable, Any]
"""What was compiled of a circuit, by all that it depends on."""


class _Large(Kept):
    """The same of many wires, known weakly, which a plain dictionary cannot be."""


_LARGE: WeakValueDictionary[TracedCircuit, _Large] = WeakValueDictionary()
"""For as long as anybody runs the circuit."""

FEW_WIRES = 10
"""Up to so many, what is compiled takes a few MiB, and lasts as long as its trace; else
as long as somebody runs it."""


@define(eq=False)
class Bound:
    """A circuit in one precision and place.

    Args:
        traced: Its structure, and where its angles come from.
        most: How many rows may run at once by torch.
        kept: What was compiled of it, shared by all who run it.
        direct: The kernel, where it can run all of it.
    """

    traced: TracedCircuit
    most: int
    kept: Kept
    direct: NativeCircuit | None = None

    @classmethod
    def of(cls, circuit: Circuit, like: Tensor, memory: int | None) -> Bound:
        """Traces a circuit.

        Args:
            circuit: A pure circuit.
            like: A tensor of the precision and place.
            memory: Bytes that may be used; None for a quarter of what is free.

        Returns:
            The circuit there.

        Raises:
            MemoryBoundError: Not even one row fits into the memory.
        """
        most = rows_at_once(len(circuit.wires), like.dtype, like.device, memory)
        traced = _traced(circuit, like)
        few = traced.plan.structure.num_wires <= FEW_WIRES
        kept = traced.kept if few else _LARGE.setdefault(traced, _Large())
        return cls(traced, most, kept)


class CircuitRunner:
    """Runs one circuit on batches, without PennyLane on the way.

    Args:
        circuit: A pure circuit, which is run a single time, with a readout that needs
            no shots.
        memory: Bytes that may be used; None for a quarter of what is free when a
            precision or a device is first met.
        precision: Complex type of the states; None for the precision of the numbers.
    """

    def __init__(
        self,
        circuit: Circuit,
        memory: int | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        self._circuit = circuit
        self._memory = memory
        self._precision = precision
        self._bound: dict[tuple[torch.dtype, torch.device], Bound] = {}

    def __call__(self, inputs: Tensor | None, weights: Sequence[Tensor]) -> Tensor:
        """Runs all rows.

        Args:
            inputs: (rows, num_inputs), or None for a circuit that reads nothing.
            weights: In the order of the circuit's names, of the inputs' precision.

        Returns:
            (rows, outputs), all measurements side by side; a single row where nothing
            differs from row to row.

        Raises:
            MemoryBoundError: Not even one row fits into the memory.
        """
        exported = torch.compiler.is_exporting()  # for any number of rows
        if inputs is not None and not exported and not inputs.shape[0]:
            one = torch.cat([inputs, inputs.new_zeros(1, inputs.shape[1])])
            return self(one, weights)[:0]
        inputs, weights = numbers_in_precision(inputs, weights, self._precision)
        like = inputs if inputs is not None else weights[0]
        with own_precision(like.device):
            bound = self._bind(like)
            if bound.direct is not None and is_plain((inputs, *weights)):
                return bound.direct(inputs, None, weights)
            return self._run(bound, inputs, weights)

    def direct(self, like: Tensor) -> NativeCircuit | None:
        """The kernel from inputs and weights to all values, where it can do all.

        Args:
            like: A tensor of the inputs' precision and place.

        Returns:
            What takes inputs, None and weights of that precision; None where more has
            to be done to them or to what it gives.
        """
        return None if self._precision is not None else self._bind(like).direct

    def _run(
        self,
        bound: Bound,
        inputs: Tensor | None,
        weights: Sequence[Tensor],
        **how: Any,
    ) -> Tensor:
        angles = bound.traced.angles(inputs, weights)
        like = inputs if inputs is not None else weights[0]
        return run_angles(
            bound.traced.plan, angles, like, bound.most, bound.kept, **how
        )

    def _bind(self, like: Tensor) -> Bound:
        key = (like.dtype, like.device)
        if key not in self._bound:
            with made_to_last():
                new = torch.empty(0, dtype=like.dtype, device=like.device)
                bound = Bound.of(self._circuit, new, self._memory)
                bound.direct = self._direct(bound, new)
                self._bound[key] = bound
        return self._bound[key]

    def _direct(self, bound: Bound, like: Tensor) -> NativeCircuit | None:
        """The kernel from inputs and weights to values; None where it cannot do all."""
        plan, forms = bound.traced.plan, bound.traced.forms
        if forms is None or not reads_natively(plan):
            return None
        circuit = self._circuit

        def source() -> Source:
            sizes = [math.prod(shape) for shape in circuit.weight_shapes.values()]
            pairs = zip(plan.batched, forms, strict=True)
            numbers = [Number(by_row, *form) for by_row, form in pairs]
            return numbers, circuit.num_inputs, sizes

        program = native_program(plan, like, bound.kept, source)
        if program is None:
            return None

        def plainly(
            x: Tensor | None, first: Tensor | None, own: Sequence[Tensor]
        ) -> Tensor:
            assert first is None  # whatever is prepared has no such form
            return self._run(bound, x, own, natively=False)

        return native_circuit(program, plainly, most_kept(plan, bound.most), like)


def native_circuit(
    program: NativeProgram, plainly: Plainly, most_kept: int, like: Tensor
) -> NativeCircuit:
    """A program as an operation, with the matrices of its gates, none of which turns.

    Args:
        program: The program.
        plainly: See `NativeCircuit`.
        most_kept: The same.
        like: A tensor of the angles' precision and place.
    """
    with made_to_last():
        options = TensorOptions.of(like.dtype, like.device, None, 1)
        nothing = Angles(like, like)
        fixed = [
            matrix_of_gate(gate, nothing, {}, {}, options).contiguous()
            for gate in program.assembly.matrices
        ]
    return NativeCircuit(program, plainly, most_kept, fixed)


def most_kept(plan: Plan, most: int) -> int:
    """How many numbers of last states may be kept for the way back.

    Args:
        plan: A plan.
        most: How many of its rows may run at once by torch.
    """
    numbers = 2 << plan.structure.num_wires
    return most * STATES_AT_ONCE * numbers


def reads_words(plan: Plan) -> bool:
    """Whether expectation values of Pauli words times numbers are read, and no more."""
    return all(map(is_fixed_pauli_expectation, plan.measurements))


def reads_natively(plan: Plan) -> bool:
    """Whether the kernel gives all values itself: of words, or all probabilities."""
    return reads_words(plan) or _reads_probabilities(plan)


def _reads_probabilities(plan: Plan) -> bool:
    """Whether the probabilities of all wires are read, in their order, and no more."""
    first, *others = plan.measurements
    wires = [*range(plan.structure.num_wires)]
    return (
        not others
        and type(first) is qml.measurements.ProbabilityMP
        and first.obs is None
        and [*first.wires] in ([], wires)
    )


def words_of(plan: Plan) -> Hashable:
    """What tells the expectation values of a plan from others, numbers included.

    Args:
        plan: A plan.

    Returns:
        The words and their coefficients; None if it reads anything else.
    """
    if not reads_words(plan):
        return None
    return tuple(
        tuple((tuple(word.items()), complex(c)) for word, c in sentence.items())
        for sentence in _sentences(plan)
    )


def compiled(kept: Kept, key: Hashable, make: Callable[[], Any]) -> Any:
    """What is kept under a key, made if it is not there.

    Args:
        kept: Where it is kept.
        key: All that it depends on.
        make: Makes it.
    """
    if key not in kept:
        with made_to_last():
            if key not in kept:  # another thread may have made it meanwhile
                kept[key] = make()
    return kept[key]


Source: TypeAlias = tuple[Sequence[Number], int, Sequence[int]]
"""What each slot's angle is made of, how many features there are, and how many numbers
each tensor of weights has."""


def native_program(
    plan: Plan,
    like: Tensor,
    kept: Kept,
    source: Callable[[], Source] | None = None,
) -> NativeProgram | None:
    """A plan's program on the kernel.

    Args:
        plan: Of native gates.
        like: A tensor of the angles' precision and place.
        kept: What was compiled of the plan, and will be.
        source: Finds what angles are made of; None where they are given.

    Returns:
        The program; None where torch has to run it.
    """
    if like.device.type != "cpu" or native() is None:
        return None

    def make() -> NativeProgram | None:
        own = given_angles(plan) if source is None else source()
        readout: Any = "probabilities" if _reads_probabilities(plan) else "state"
        if reads_words(plan):
            readout = _sentences(plan)
        try:
            found = assemble(plan.structure, *own, readout, plan.batched)
        except UnsupportedError:
            return None
        if source is not None and any(gate.slots for gate in found.matrices):
            return None  # torch has to make their matrices first
        return NativeProgram(found, like.dtype == torch.float64, native())

    direct = source is not None
    found: NativeProgram | None = compiled(kept, ("native", like.dtype, direct), make)
    return found


def run_angles(
    plan: Plan,
    angles: Angles,
    like: Tensor,
    most: int,
    kept: Kept,
    *,
    natively: bool = True,
) -> Tensor:
    """Runs a plan on the angles of all rows, in chunks where they need much memory.

    Args:
        plan: Of native gates; its own angles are not looked at.
        angles: Those of the rows.
        like: A tensor of their precision and place.
        most: How many rows may run at once.
        kept: What was compiled of the plan, and will be.
        natively: Whether the kernel may run it; else torch does.

    Returns:
        (rows, outputs), all measurements side by side; a single row where nothing
        differs from row to row.
    """
    exported = torch.compiler.is_exporting()  # for any number of rows
    rows = MANY_ROWS if exported else angles.num_rows
    wires = plan.structure.num_wires
    program = None
    if natively and is_plain((angles.common, angles.rows)):
        program = native_program(plan, like, kept)
    with own_precision(like.device):
        if program is not None and compiled(
            kept, "reads", lambda: reads_natively(plan)
        ):
            return _states_natively(program, plan, angles, like, most, kept)

        def run(part: Angles, rows: int | None) -> Tensor:
            options = TensorOptions.of(like.dtype, like.device, rows, wires)
            if program is None:
                state = _states(plan, part, options, kept)
            else:
                found = _states_natively(program, plan, part, like, most, kept)
                state = found[..., None]
            return _read(plan, state, part.num_rows, options, kept)

        if rows is None or rows <= most:
            return run(angles, rows)
        return torch.cat(
            in_chunks(
                lambda first, last: run(angles.part(first, last), last - first),
                rows,
                most,
            )
        )


def _states_natively(
    program: NativeProgram,
    plan: Plan,
    angles: Angles,
    like: Tensor,
    most: int,
    kept: Kept,
) -> Tensor:
    """(rows, 2ⁿ) states, or (rows, outputs) what the kernel reads of them."""
    first = None
    if plan.structure.preparation is not None:
        dtype = like.dtype.to_complex()
        first = prepared_states(
            plan.structure.preparation, angles, plan.structure.num_wires, dtype
        )
        first = first.resolve_conj().contiguous()

    gates = program.assembly.matrices
    wires = plan.structure.num_wires
    options = TensorOptions.of(like.dtype, like.device, angles.num_rows, wires)
    matrices = []
    if gates:
        common, by_row = compiled(kept, "places", lambda: _places(plan))
        for gate in gates:
            found = matrix_of_gate(gate, angles, common, by_row, options)
            if isinstance(gate, Entries):
                found = found[..., None]  # the dimensions tell whether there are rows
            matrices.append(found.resolve_conj().contiguous())

    def plainly(
        x: Tensor | None, first: Tensor | None, tensors: Sequence[Tensor]
    ) -> Tensor:
        common, *made = tensors
        rows = common.new_empty(0, 1) if x is None else x.T
        by_slot = {
            g.slots[0]: m[..., 0] if isinstance(g, Entries) else m
            for g, m in zip(gates, made, strict=True)
            if g.slots
        }
        own = Angles(common, rows, {}, angles.num_rows, matrices=by_slot)
        state = _states(plan, own, options, kept, first)
        if reads_natively(plan):
            return _read(plan, state, angles.num_rows, options, kept)
        return by_rows(state)

    circuit = NativeCircuit(program, plainly, most_kept(plan, most))
    x = angles.rows.T if len(angles.rows) else None
    return circuit(x, first, (angles.common, *matrices))


def _places(plan: Plan) -> tuple[dict[int, int], dict[int, int]]:
    """Where each angle stands among those that are common, and among those of rows."""
    places: tuple[dict[int, int], dict[int, int]] = {}, {}
    for slot, number in enumerate(given_angles(plan)[0]):
        if number.index >= 0:
            places[number.by_row][slot] = number.index
    return places


def _states(
    plan: Plan,
    angles: Angles,
    options: TensorOptions,
    kept: Kept,
    first: Tensor | None = None,
) -> Tensor:
    """(L, 2ⁿ, T) states, by torch."""
    program: Program = compiled(
        kept, options, lambda: shared_program(plan.structure, plan.batched, options)
    )
    state = program(angles, first)
    if program.unitary:
        return state
    return state / squares(state).sum(1, keepdim=True).sqrt()  # what is kept


def _read(
    plan: Plan, state: Tensor, rows: int | None, options: TensorOptions, kept: Kept
) -> Tensor:
    """(rows, outputs) what is read of states."""
    if reads_words(plan):
        expectations: Expectations = compiled(
            kept, ("words", options), lambda: _compile_words(plan, options)
        )
        return expectations(state).T

    reader = Reader(
        state, 1 if rows is None else rows, options, partial(compiled, kept)
    )
    results = reader.read_all(plan.measurements)
    flat = [r.flatten(1) if r.ndim > 1 else r[:, None] for r in results]
    return flat[0] if len(flat) == 1 else torch.cat(flat, dim=1)


def _sentences(plan: Plan) -> list[Any]:
    return [measurement.obs.pauli_rep for measurement in plan.measurements]


def _compile_words(plan: Plan, options: TensorOptions) -> Expectations:
    return compile_expectations(_sentences(plan), plan.structure.num_wires, options)


def numbers_in_precision(
    inputs: Tensor | None, weights: Sequence[Tensor], precision: torch.dtype | None
) -> tuple[Tensor | None, Sequence[Tensor]]:
    """Inputs and weights in another precision.

    Args:
        inputs: The inputs, if there are any.
        weights: The weights.
        precision: A complex type; None for their own.
    """
    if precision is None:
        return inputs, weights
    weights = [in_precision(weight, precision) for weight in weights]
    return None if inputs is None else in_precision(inputs, precision), weights


def _traced(circuit: Circuit, like: Tensor) -> TracedCircuit:
    """The traced circuit; copies, and models of other seeds, have it from the first."""
    key = exact_key(circuit)
    # A dispatch mode, as that of fake tensors, may make tensors that end with it.
    if key is None or torch._C._len_torch_dispatch_stack():
        return trace_circuit(circuit, like)
    known = key, like.dtype, like.device
    return _TRACED.find(known) or _TRACED.keep(known, trace_circuit(circuit, like))
