"""Tracing: a circuit's angles as functions of its inputs and weights.

A `Circuit` is run a single time on symbols. Angles that are one number of x or θ, times
a factor, plus an offset, which are nearly all, are gathered in one go. What is left,
such as the products of an IQP encoding, is done anew with the numbers of each call.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import field, frozen
from pennylane.ops import MidMeasure
from torch import Tensor

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.precision import KeptNumbers
from qml_qdl.hardware.simulator.gates.native import decomposition, is_native
from qml_qdl.hardware.simulator.program import Angles
from qml_qdl.hardware.simulator.symbols import (
    Affine,
    Expressions,
    ImpureError,
    Product,
    Symbol,
    Trace,
    form_of,
    product_of,
)
from qml_qdl.hardware.structure import Plan, make_plan


def deferred(tape: Any, wires: Sequence[Hashable]) -> Any:
    """The tape with controlled gates for what depended on measured bits.

    Args:
        tape: A PennyLane tape.
        wires: The circuit's wires.

    Returns:
        The tape, without measurements but those at the end.

    Raises:
        TargetError: A wire is used again after it was measured, for which another
            wire would be needed.
    """
    if not any(isinstance(operation, MidMeasure) for operation in tape.operations):
        return tape
    (tape,), _ = qml.defer_measurements(tape)
    if set(tape.wires) - set(wires):
        raise TargetError(
            "circuit: a wire that is measured on the way is used or read again, for "
            "which one wire more would be needed; read only wires that are kept: "
            "circuit.with_readout(Expectation([...]))"
        )
    return tape


@frozen(eq=False)
class Gather:
    """Angles that are each one number, times a factor, plus an offset.

    Args:
        index: (slots,) which number; None where it is all of them in order.
        factors: (slots, 1); None for 1.
        offsets: (slots, 1); None for 0.
        forms: The same for each slot, in double precision: which number (−1 for none),
            factor and offset.
    """

    index: Tensor | None
    factors: Tensor | None
    offsets: Tensor | None
    forms: tuple[tuple[int, float, float], ...]

    @classmethod
    def of(
        cls, forms: Sequence[Affine], first: int, count: int, like: Tensor
    ) -> Gather:
        """Puts forms together.

        Args:
            forms: One for each slot, each of a single number.
            first: The source that is the first of the numbers to come.
            count: How many numbers come, before a 1 for what has no source.
            like: A tensor of the precision and place of the angles.

        Returns:
            The gather.
        """
        sources = np.array([int(form.source) for form in forms])
        factors = np.array([float(form.factor) for form in forms])
        offsets = np.array([float(form.offset) for form in forms])
        fixed = sources < 0
        places = np.where(fixed, -1, sources - first)
        parts = [places.tolist(), factors.tolist(), offsets.tolist()]
        index = np.where(fixed, count, sources - first)
        triples = tuple(zip(*parts, strict=True))
        factors, offsets = (
            np.where(fixed, offsets, factors),
            np.where(fixed, 0, offsets),
        )
        in_order = np.array_equal(index, np.arange(count))
        return cls(
            None if in_order else torch.from_numpy(index).to(like.device),
            None
            if (factors == 1).all()
            else torch.from_numpy(factors[:, None]).to(like),
            None
            if (offsets == 0).all()
            else torch.from_numpy(offsets[:, None]).to(like),
            triples,
        )

    def __call__(self, numbers: Sequence[Tensor]) -> Tensor:
        """The angles.

        Args:
            numbers: Tensors (…, rows), real, that hold the numbers in order.

        Returns:
            (slots, rows).
        """
        parts = list(numbers)
        if self.index is not None and parts[0].shape[1] == 1:
            parts.append(parts[0].new_ones(1, 1))
        angles = parts[0] if len(parts) == 1 else torch.cat(parts)
        if self.index is not None:
            angles = angles.index_select(0, self.index)
        if self.factors is not None:
            angles = angles * self.factors
        return angles if self.offsets is None else angles + self.offsets


@frozen(eq=False)
class Products:
    """Angles that are each a product of two numbers, times a factor, plus an offset.

    Args:
        first: Gathers the first numbers from those of inputs, then weights.
        second: The second ones.
        factors: (slots, 1).
        offsets: (slots, 1).
    """

    first: Gather
    second: Gather
    factors: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, products: Sequence[Product], count: int, like: Tensor) -> Products:
        """Puts products together.

        Args:
            products: One for each slot.
            count: How many numbers there are.
            like: A tensor of the precision and place of the angles.
        """
        return cls(
            Gather.of([product.first for product in products], 0, count, like),
            Gather.of([product.second for product in products], 0, count, like),
            like.new_tensor([[product.factor] for product in products]),
            like.new_tensor([[product.offset] for product in products]),
        )

    def __call__(self, numbers: Sequence[Tensor]) -> Tensor:
        """The angles, (slots, rows), of all numbers, (…, rows)."""
        pairs = self.first(numbers) * self.second(numbers)
        return pairs * self.factors + self.offsets


@frozen(eq=False)
class AngleSource:
    """Where angles come from that depend, or do not depend, on x.

    Args:
        gather: Those that depend on one number; None where there are none.
        computed: All others, of one row, arrays first; None for none.
        arrays: Slots of the arrays among them.
        order: (slots,) puts gathered angles, products, then computed ones in order;
            None if they are.
        products: Those that are products of two numbers; None for none.
    """

    gather: Gather | None
    computed: Expressions | None
    arrays: tuple[int, ...]
    order: Tensor | None
    products: Products | None = None

    def __call__(
        self,
        numbers: Sequence[Tensor],
        found: Sequence[Tensor],
        every: Sequence[Tensor] = (),
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """The angles and arrays.

        Args:
            numbers: What is gathered from, (…, rows).
            found: What was computed.
            every: All numbers, of which products are made.

        Returns:
            Angles (slots, rows), and arrays by slot.
        """
        parts = [] if self.gather is None else [self.gather(numbers)]
        if self.products is not None:
            parts.append(self.products(every))
        size = len(self.arrays)
        arrays = dict(zip(self.arrays, found[:size], strict=True))
        if len(found) > size:
            # A constant of a block's own may have another precision.
            like = numbers[0]
            parts.append(torch.stack([a.reshape(-1).to(like) for a in found[size:]]))
        if not parts:
            return numbers[0].new_zeros(0, 1), arrays
        angles = parts[0] if len(parts) == 1 else torch.cat(parts)
        if self.order is not None:
            angles = angles.index_select(0, self.order)
        return angles, arrays


@frozen(eq=False)
class TracedCircuit:
    """A circuit's structure, and how its angles come from inputs and weights.

    Args:
        plan: The circuit's plan, without its angles, which were symbols.
        rows: Where angles come from that depend on x.
        common: Where all others come from.
        sources: For each slot which tensors it depends on: 0 is x, if the circuit reads
            it, and the weights follow.
        kept: What was compiled of it, for all who run it, where that is small.
    """

    plan: Plan
    rows: AngleSource
    common: AngleSource
    sources: tuple[frozenset[int], ...]
    kept: dict[Hashable, Any] = field(factory=dict)

    @cached_property
    def forms(self) -> list[tuple[int, float, float]] | None:
        """For each slot which number of inputs or weights its angle is made of.

        The number is −1 for none; a factor and an offset follow. None where angles
        have to be computed.
        """
        found: list[tuple[int, float, float]] = [(-1, 0.0, 0.0)] * len(
            self.plan.batched
        )
        for depends, source in ((True, self.rows), (False, self.common)):
            if source.computed is not None or source.products is not None:
                return None
            slots = [s for s, b in enumerate(self.plan.batched) if b == depends]
            if source.gather is not None:
                for slot, form in zip(slots, source.gather.forms, strict=True):
                    found[slot] = form
        return found

    def angles(self, inputs: Tensor | None, weights: Sequence[Tensor]) -> Angles:
        """The angles of a batch.

        Args:
            inputs: (rows, features), or None for a circuit that reads nothing.
            weights: In the order of the circuit's names.

        Returns:
            The angles.
        """
        data = [] if inputs is None else [inputs]
        found: Sequence[Tensor] = ()
        if self.common.computed is not None:
            found = self.common.computed(*(x[0] for x in data), *weights)
        numbers = [weight.reshape(-1, 1) for weight in weights]
        like = torch.empty(0, 1) if inputs is None else inputs.new_empty(0, 1)
        every = numbers
        if self.common.products is not None and inputs is not None:
            every = [inputs.new_zeros(inputs.shape[1], 1), *numbers]
        common, arrays = self.common(numbers or [like], found, every)
        found = ()
        if self.rows.computed is not None:
            # A method has a name; else each call would print all the steps for one.
            axes = (0,) * len(data) + (None,) * len(weights)
            found = torch.vmap(self.rows.computed.__call__, in_dims=axes)(
                *data, *weights
            )
        count = None if inputs is None else inputs.shape[0]
        if self.rows.products is not None and inputs is not None:
            every = [inputs.T, *(n.expand(-1, len(inputs)) for n in numbers)]
        rows, row_arrays = self.rows([x.T for x in data] or [like], found, every)
        return Angles(
            common[:, 0], rows, {**arrays, **row_arrays}, count, frozenset(row_arrays)
        )

    def slots_of(self, trained: Sequence[bool]) -> tuple[int, ...]:
        """The slots that depend on some of the tensors.

        Args:
            trained: For x, if the circuit reads it, and each weight, whether it is
                among them.
        """
        return tuple(
            slot
            for slot, sources in enumerate(self.sources)
            if any(trained[source] for source in sources)
        )


def trace_circuit(circuit: Circuit, like: Tensor) -> TracedCircuit:
    """Traces a circuit.

    Args:
        circuit: The circuit.
        like: A tensor of the precision and place of the angles.

    Returns:
        The traced circuit.

    Raises:
        ArgumentError: The circuit is not pure: it asks for the value of a symbol.
    """
    shapes = circuit.weight_shapes
    trace = Trace(like.device)
    data = [like.new_empty(circuit.num_inputs)] if circuit.num_inputs else []
    inputs = [trace.source(each, True) for each in data]
    weights = {
        name: trace.source(like.new_empty(shape), False)
        for name, shape in shapes.items()
    }
    try:
        with KeptNumbers(like.dtype == torch.float64), torch.enable_grad():
            tape = qml.tape.make_qscript(circuit)(
                inputs[0] if inputs else None, weights
            )
            tape = native_tape(deferred(tape, circuit.wires))
            plan = make_plan(tape, circuit.wires)
            angles = [as_angle(angle) for angle in plan.angles]
            for angle in angles:
                if isinstance(angle, Symbol):
                    trace.check(angle)
            if trace.refused:  # and somebody caught the error
                raise ImpureError(trace.refused)
    except ImpureError as error:
        raise ArgumentError(
            f"circuit: a part of {circuit!r} promises by pure = True to be an "
            f"expression in x and θ, but {error} on the way; leave pure out, and it "
            "runs at every call"
        ) from error
    batched = tuple(_differs(angle, circuit.num_inputs) for angle in angles)
    plan = Plan(plan.structure, (), batched, plan.measurements)
    slots: dict[bool, list[int]] = {True: [], False: []}
    for slot, depends in enumerate(batched):
        slots[depends].append(slot)
    ends = [*accumulate(math.prod(s.shape) for s in (*inputs, *weights.values()))]
    features, count = circuit.num_inputs, ends[-1] if ends else 0
    common = (features, count - features)
    traced = TracedCircuit(
        plan,
        _source(slots[True], angles, trace, (0, features), count, like),
        _source(slots[False], angles, trace, common, count, like),
        _dependences(angles, trace, ends),
    )
    trace.close()
    return traced


def _differs(angle: Tensor, features: int) -> bool:
    """Whether an angle differs from row to row.

    What is made of x and of others, as by `torch.cat`, may hold numbers that do not.

    Args:
        angle: A symbol, or a constant.
        features: How many numbers x has, which come before all others.
    """
    if not isinstance(angle, Symbol) or not angle.on_inputs:
        return False
    if angle.ndim:
        return True
    form, product = form_of(angle), product_of(angle)
    if form is not None:
        return 0 <= int(form.source) < features
    if product is not None:
        return int(min(product.first.source, product.second.source)) < features
    return True


def _dependences(
    angles: Sequence[Tensor], trace: Trace, ends: Sequence[int]
) -> tuple[frozenset[int], ...]:
    """For each angle which tensors it depends on.

    Args:
        angles: Symbols and constants.
        trace: Where the symbols come from.
        ends: How many numbers there are up to the end of each tensor.
    """
    none = frozenset[int]()
    alone = [frozenset([place]) for place in range(len(ends))]
    found = []
    for angle in angles:
        form = None if angle.ndim else form_of(angle)
        if form is None:
            found.append(trace.sources(angle) & none.union(*alone))
        else:
            number = int(form.source)
            found.append(alone[bisect_right(ends, number)] if number >= 0 else none)
    return tuple(found)


def as_angle(angle: Any) -> Tensor:
    """An angle as a tensor; a plain number would be taken in single precision.

    Args:
        angle: A number, an array or a symbol.
    """
    if isinstance(angle, Tensor):
        return angle
    return torch.as_tensor(np.float64(angle) if isinstance(angle, float) else angle)


def native_tape(tape: Any) -> Any:
    """The tape with every gate taken apart that the simulator does not know.

    Args:
        tape: A PennyLane tape.

    Returns:
        The tape.
    """
    (native,), _ = qml.devices.preprocess.decompose(
        tape,
        stopping_condition=is_native,
        skip_initial_state_prep=True,
        decomposer=decomposition,
        name="qdl.simulator",
    )
    return native


def _source(
    slots: Sequence[int],
    angles: Sequence[Tensor],
    trace: Trace,
    numbers: tuple[int, int],
    total: int,
    like: Tensor,
) -> AngleSource:
    arrays = [s for s in slots if angles[s].ndim]
    scalars = [s for s in slots if not angles[s].ndim]
    found = {slot: form_of(angles[slot]) for slot in scalars}
    gathered = {slot: form for slot, form in found.items() if form is not None}
    paired = {slot: product_of(angles[slot]) for slot in scalars}
    products = {slot: form for slot, form in paired.items() if form is not None}
    rest = [slot for slot in scalars if slot not in gathered and slot not in products]
    came = [*gathered, *products, *rest]
    order = None
    if came != scalars:
        places = {slot: place for place, slot in enumerate(came)}
        order = torch.tensor([places[s] for s in scalars], device=like.device)
    others = arrays + rest
    return AngleSource(
        Gather.of([*gathered.values()], *numbers, like) if gathered else None,
        trace.expressions([angles[s] for s in others]) if others else None,
        tuple(arrays),
        order,
        Products.of([*products.values()], total, like) if products else None,
    )
