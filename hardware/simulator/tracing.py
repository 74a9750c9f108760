"""Tracing: a circuit's angles as affine functions of its inputs and weights.

A `Circuit` is run a single time on symbols. Nearly every angle turns out to be one
number of x or θ, times a factor, plus an offset: those are gathered in one go. What is
left, such as the products of an IQP encoding, is a small graph of tensor operations.
"""

from __future__ import annotations

import operator
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import frozen
from pennylane.ops import MidMeasure
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.precision import KeptNumbers
from qml_qdl.hardware.simulator.native import decomposition, is_native
from qml_qdl.hardware.simulator.program import Angles
from qml_qdl.hardware.structure import Plan, make_plan

_aten = torch.ops.aten

_SHAPE_ONLY = frozenset(
    {
        _aten.alias.default,
        _aten.clone.default,
        _aten.detach.default,
        _aten.expand.default,
        _aten.lift_fresh_copy.default,
        _aten.permute.default,
        _aten.select.int,
        _aten.slice.Tensor,
        _aten.squeeze.default,
        _aten.squeeze.dim,
        _aten.t.default,
        _aten.transpose.int,
        _aten.unbind.int,
        _aten.unsqueeze.default,
        _aten.view.default,
        operator.getitem,
    }
)
"""Operations that move numbers about, and leave each what it is."""


@frozen(eq=False)
class Affine:
    """Numbers of the form factor · source + offset.

    Args:
        source: Which number of x, then θ; −1 for none. Of any shape.
        factor: Of the same shape.
        offset: Of the same shape.
    """

    source: Tensor
    factor: Tensor
    offset: Tensor

    @classmethod
    def constant(cls, value: Tensor) -> Affine:
        """Numbers that depend on nothing."""
        value = value.double()
        return cls(torch.full(value.shape, -1), torch.zeros_like(value), value)

    def mapped(self, function: Any, *rest: Any) -> Any:
        """The numbers moved about by a tensor operation."""
        parts = [function(t, *rest) for t in (self.source, self.factor, self.offset)]
        if isinstance(parts[0], Tensor):
            return Affine(*parts)
        return [Affine(*each) for each in zip(*parts, strict=True)]

    def scaled(self, factor: Any) -> Affine:
        """The numbers times a constant."""
        source = self.source.expand((self.factor * factor).shape)
        return Affine(source, self.factor * factor, self.offset * factor)

    def shifted(self, offset: Any) -> Affine:
        """The numbers plus a constant."""
        moved = self.offset + offset
        return Affine(
            self.source.expand(moved.shape), self.factor.expand(moved.shape), moved
        )


def form_of(node: Node, known: Mapping[Node, Any]) -> Any:
    """The form of a node's result.

    Args:
        node: A node of a traced graph.
        known: The forms of the nodes before it; None where one has none.

    Returns:
        The form, a list of forms for an operation with several results, or None.
    """
    arguments: list[Any] = [
        known.get(a) if isinstance(a, Node) else a for a in node.args
    ]
    if any(
        a is None and isinstance(n, Node)
        for a, n in zip(arguments, node.args, strict=True)
    ):
        return None
    first = arguments[0] if arguments else None
    target: Any = node.target
    if isinstance(first, list) and target is operator.getitem:
        return first[arguments[1]]
    if not isinstance(first, Affine) or node.kwargs.keys() - {"dtype"}:
        return None
    if target in _SHAPE_ONLY:
        return first.mapped(target, *arguments[1:])
    second = arguments[1] if len(arguments) == 2 else None
    if isinstance(second, Affine):
        if target is _aten.mul.Tensor and (first.source < 0).all():
            first, second = second, first
        second = second.offset if (second.source < 0).all() else None
    if target is _aten.neg.default:
        return first.scaled(-1.0)
    if second is None:
        return None
    if target is _aten.mul.Tensor:
        return first.scaled(second)
    if target is _aten.div.Tensor:
        return first.scaled(1.0 / second)
    if target is _aten.add.Tensor:
        return first.shifted(second)
    if target is _aten.sub.Tensor:
        return first.shifted(-second)
    if target is _aten.rsub.Scalar:
        return first.scaled(-1.0).shifted(second)
    return None


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
    """

    index: Tensor | None
    factors: Tensor | None
    offsets: Tensor | None

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
        sources = torch.tensor([int(form.source) for form in forms])
        factors = torch.tensor([float(f.factor) for f in forms], dtype=torch.float64)
        offsets = torch.tensor([float(f.offset) for f in forms], dtype=torch.float64)
        fixed = sources < 0
        index = torch.where(fixed, count, sources - first)
        factors, offsets = factors + offsets * fixed, offsets * ~fixed
        in_order = torch.equal(index, torch.arange(count))
        return cls(
            None if in_order else index.to(like.device),
            None if (factors == 1).all() else factors[:, None].to(like),
            None if (offsets == 0).all() else offsets[:, None].to(like),
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
class AngleSource:
    """Where angles come from that depend, or do not depend, on x.

    Args:
        gather: Those that depend on one number; None where there are none.
        graph: Computes all others for one row, arrays first; None for none.
        arrays: Slots of the arrays among the graph's results.
        order: (slots,) puts gathered, then computed angles in order; None if they are.
    """

    gather: Gather | None
    graph: GraphModule | None
    arrays: tuple[int, ...]
    order: Tensor | None

    def __call__(
        self, numbers: Sequence[Tensor], found: Sequence[Tensor]
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """The angles and arrays.

        Args:
            numbers: What is gathered from, (…, rows).
            found: What the graph computed.

        Returns:
            Angles (slots, rows), and arrays by slot.
        """
        parts = [] if self.gather is None else [self.gather(numbers)]
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
        plan: The circuit's plan; its angles are symbols and mean nothing.
        rows: Where angles come from that depend on x.
        common: Where all others come from.
    """

    plan: Plan
    rows: AngleSource
    common: AngleSource

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
        if self.common.graph is not None:
            found = self.common.graph(*(x[0] for x in data), *weights)
        numbers = [weight.reshape(-1, 1) for weight in weights]
        like = torch.empty(0, 1) if inputs is None else inputs.new_empty(0, 1)
        common, arrays = self.common(numbers or [like], found)
        found = ()
        if self.rows.graph is not None:
            axes = (0,) * len(data) + (None,) * len(weights)
            found = torch.vmap(self.rows.graph, in_dims=axes)(*data, *weights)
        rows, row_arrays = self.rows([x.T for x in data] or [like], found)
        count = None if inputs is None else inputs.shape[0]
        return Angles(
            common[:, 0], rows, {**arrays, **row_arrays}, count, frozenset(row_arrays)
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
    # Half a second to import, and needed only here.
    from torch._subclasses.fake_tensor import (
        DataDependentOutputException,
        DynamicOutputShapeException,
    )
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    shapes = circuit.weight_shapes
    plans: list[Plan] = []

    def angles(*symbols: Tensor) -> list[Any]:
        inputs = symbols[0] if circuit.num_inputs else None
        weights = symbols[1:] if circuit.num_inputs else symbols
        tape = qml.tape.make_qscript(circuit)(
            inputs, dict(zip(shapes, weights, strict=True))
        )
        tape = native_tape(deferred(tape, circuit.wires))
        plans.append(make_plan(tape, circuit.wires))
        # A plain number would be taken in single precision.
        return [
            torch.as_tensor(np.float64(angle) if isinstance(angle, float) else angle)
            for angle in plans[-1].angles
        ]

    data = [like.new_zeros(circuit.num_inputs)] if circuit.num_inputs else []
    symbols = [*data, *(like.new_zeros(shape) for shape in shapes.values())]
    double = like.dtype == torch.float64
    try:
        with KeptNumbers(double):
            graph = make_fx(angles, tracing_mode="fake")(*symbols).graph
    except (
        DataDependentOutputException,
        DynamicOutputShapeException,
        GuardOnDataDependentSymNode,
    ) as error:
        raise ArgumentError(
            f"circuit: a part of {circuit!r} promises by pure = True to be an "
            "expression in x and θ, but asks for their values on the way; leave pure "
            "out, and it runs at every call"
        ) from error
    return _analysed(plans[-1], graph, circuit.num_inputs, like)


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


def _analysed(plan: Plan, graph: Graph, num_inputs: int, like: Tensor) -> TracedCircuit:
    known: dict[Node, Any] = {}
    on_inputs: set[Node] = set()
    sources = 0
    for node in graph.nodes:
        if node.op == "placeholder":
            size = node.meta["val"].numel()
            index = torch.arange(sources, sources + size)
            if num_inputs and not sources:
                on_inputs.add(node)
            ones = torch.ones(size, dtype=torch.float64)
            form = Affine(index, ones, torch.zeros_like(ones))
            known[node] = form.mapped(torch.reshape, node.meta["val"].shape)
            sources += size
        elif node.op == "get_attr":
            value = getattr(graph.owning_module, str(node.target))
            if not value.is_complex():  # matrices are no angles
                known[node] = Affine.constant(value)
        elif node.op == "call_function":
            known[node] = form_of(node, known)
            if on_inputs & set(node.all_input_nodes):
                on_inputs.add(node)
    (results,) = graph.output_node().args
    assert isinstance(results, list | tuple)
    batched = tuple(node in on_inputs for node in results)
    structure = evolve_batched(plan, batched)
    split: dict[bool, list[int]] = {True: [], False: []}
    for slot, depends in enumerate(batched):
        split[depends].append(slot)
    make = {
        depends: _source(
            slots,
            results,
            known,
            graph,
            (0, num_inputs) if depends else (num_inputs, sources - num_inputs),
            like,
        )
        for depends, slots in split.items()
    }
    return TracedCircuit(structure, make[True], make[False])


def evolve_batched(plan: Plan, batched: tuple[bool, ...]) -> Plan:
    """The plan with other flags."""
    return Plan(plan.structure, plan.angles, batched, plan.measurements)


def _source(
    slots: Sequence[int],
    results: Sequence[Any],
    known: Mapping[Node, Any],
    graph: Graph,
    numbers: tuple[int, int],
    like: Tensor,
) -> AngleSource:
    arrays = [s for s in slots if results[s].meta["val"].ndim]
    scalars = [s for s in slots if not results[s].meta["val"].ndim]
    gathered = [s for s in scalars if known.get(results[s]) is not None]
    computed = [s for s in scalars if known.get(results[s]) is None]
    gather = None
    if gathered:
        forms = [known[results[s]] for s in gathered]
        gather = Gather.of(forms, *numbers, like)
    module = None
    if arrays or computed:
        module = _pruned(graph, [results[s] for s in arrays + computed])
    came = gathered + computed
    order = None
    if came != scalars:
        order = torch.tensor([came.index(s) for s in scalars], device=like.device)
    return AngleSource(gather, module, tuple(arrays), order)


def _pruned(graph: Graph, results: Sequence[Node]) -> GraphModule:
    """The part of a graph that computes some of its results."""
    pruned = Graph()
    copies: dict[Node, Node] = {}
    pruned.graph_copy(graph, copies)
    pruned.output([copies[node] for node in results])
    pruned.eliminate_dead_code()
    return GraphModule(graph.owning_module or {}, pruned)
