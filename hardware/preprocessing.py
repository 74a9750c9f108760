"""Tapes in a form that devices run: no marks, and the same observables for all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import pennylane as qml
import torch
from pennylane.fourier.mark import MarkedOp
from pennylane.transforms.core import CompilePipeline, Transform

from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.block_encode import block_encoded

Term = tuple[Any, Any]
"""A coefficient, and the observable that it multiplies."""


@qml.transform  # type: ignore[untyped-decorator]
def plain(tape: Any, trained: bool = False) -> tuple[list[Any], Callable[..., Any]]:
    """A tape whose numbers are those of gates, and finite.

    Marks of `qml.fourier.mark` are taken off, and `BlockEncode` of a tensor becomes a
    matrix. Expectation values are linear: where a
    coefficient differs from row to row, those of the terms are measured, and multiplied
    afterwards. A state that is NaN, as that of a zero vector which was normalised, is
    replaced, and its row's results become NaN, so that no other row's gradients do.

    Args:
        tape: A tape.
        trained: Whether coefficients that are trained are taken out, too.

    Returns:
        One tape, and the function that makes its results those of the first one.

    Raises:
        TargetError: A variance of a sum whose coefficients differ from row to row.
        ArgumentError: A row that is NaN is to be sampled.
    """
    operations = list(map(without_marks, tape.operations))
    operations, lost = _finite(operations)
    split = [_terms(measurement, trained) for measurement in tape.measurements]
    changed = any(a is not b for a, b in zip(operations, tape.operations, strict=True))
    if not changed and not any(split):
        return [tape], _only
    measured: list[Any] = []
    places: list[list[tuple[Any, int]]] = []
    for measurement, terms in zip(tape.measurements, split, strict=True):
        places.append([])
        for factor, part in terms or [(None, measurement)]:
            places[-1].append((factor, len(measured)))
            measured.append(part)
    new = tape.copy(operations=operations, measurements=measured)
    numbers = new.get_parameters(trainable_only=False)
    new.trainable_params = qml.math.get_trainable_indices(numbers)

    def combined(results: Any) -> Any:
        if tape.shots.has_partitioned_shots:
            return tuple(once(result) for result in results[0])
        return once(results[0])

    def once(result: Any) -> Any:
        parts = result if len(measured) > 1 else [result]
        sums = tuple(with_lost(_sum(place, parts), lost) for place in places)
        return sums if len(sums) > 1 else sums[0]

    return [new], combined


@qml.transform  # type: ignore[untyped-decorator]
def one_row_each(tape: Any) -> tuple[list[Any], Callable[..., Any]]:
    """PennyLane's `broadcast_expand`, right for every gate.

    Args:
        tape: A tape, possibly with batched parameters.

    Returns:
        One tape for each row, and the function that puts their results together.
    """
    tapes, combine = qml.transforms.broadcast_expand(tape)
    return [_rebuilt(each) if each.batch_size else each for each in tapes], combine


def _rebuilt(tape: Any) -> Any:
    # Some gates, MultiRZ among them, still believe to be batched, and their rows would
    # be multiplied.
    operations = [
        qml.pytrees.unflatten(*qml.pytrees.flatten(op)) if op.batch_size else op
        for op in tape.operations
    ]
    return tape.copy(operations=operations, trainable_params=tape.trainable_params)


@qml.transform  # type: ignore[untyped-decorator]
def _trained_rows_apart(tape: Any) -> tuple[list[Any], Callable[..., Any]]:
    """A tape for each row, if one of its trained numbers has rows."""
    kinds = qml.measurements.SampleMP | qml.measurements.CountsMP
    if any(isinstance(measurement, kinds) for measurement in tape.measurements):
        return [tape], _only  # no gradient is asked for
    trained = range(len(tape.trainable_params))
    if any(tape.get_operation(index)[0].batch_size for index in trained):
        tapes, combine = one_row_each(tape)
        return list(tapes), combine
    return [tape], _only


class GradientOfRows(Transform):
    """A gradient transform of PennyLane's for circuits that it gets wrong or refuses.

    Rows that are trained run apart. Where a postselection divides by the chance of its
    outcome, so that no shift rule holds, the gradient is refused; circuits themselves
    run. It is equal to the original, by which PennyLane tells the method's name.

    Args:
        original: PennyLane's transform.
        name: The device's name.
    """

    def __new__(cls, original: Transform, name: str) -> GradientOfRows:
        """A transform, no decorator that waits for one, as PennyLane's may become."""
        made: GradientOfRows = object.__new__(cls)
        return made

    def __init__(self, original: Transform, name: str) -> None:
        def expand(tape: Any, **options: Any) -> tuple[Any, Callable[..., Any]]:
            pipeline = CompilePipeline()
            pipeline.add_transform(_trained_rows_apart)
            if original.expand_transform is not None:
                own = qml.transform(original.expand_transform)
                pipeline.add_transform(own, **options)
            tapes, combine = pipeline((tape,))
            return tapes, lambda results: combine(results)[0]

        def gradient(tape: Any, **options: Any) -> Any:
            if any(map(selects, tape.operations)):
                raise TargetError(
                    f"diff_method: {name} has no {original.__name__!r} after a "
                    "postselection, whose results are quotients; use diff_method="
                    "'best' with the device qdl.qiskit, or without shots"
                )
            return original.tape_transform(tape, **options)

        super().__init__(
            gradient,
            expand_transform=expand,
            classical_cotransform=original.classical_cotransform,
            final_transform=original.is_final_transform,
        )
        self._original = original

    def __eq__(self, other: object) -> bool:
        """Whether it is the same method."""
        return other is self or other is self._original

    def __hash__(self) -> int:
        """That of the original."""
        return hash(self._original)


def selects(operation: Any) -> bool:
    """Whether an operation keeps one outcome only.

    Args:
        operation: A PennyLane operation.
    """
    postselect = getattr(operation, "postselect", None)
    return postselect is not None or isinstance(operation, qml.Projector)


@qml.transform  # type: ignore[untyped-decorator]
def with_traced_rows(tape: Any) -> tuple[list[Any], Callable[..., Any]]:
    """A tape that remembers how many rows it has now, before jax binds its numbers.

    Jax calls back with other numbers. Where `jax.vmap` made rows of them, it wants a
    gradient for each row, and where rows were there before, their sum: the numbers are
    the same, so what was traced must tell. Measurements are what PennyLane keeps. A
    single row is taken out, for `jax.vmap` to make rows of.

    Args:
        tape: A tape.

    Returns:
        The same tape, with measurements of its own.
    """
    if tape.batch_size == 1:
        [tape], combined = _single_row(tape)
    else:
        combined = _only
    measurements = [copy(measurement) for measurement in tape.measurements]
    for measurement in measurements:
        measurement.traced_rows = tape.batch_size
    new = tape.copy(measurements=measurements, trainable_params=tape.trainable_params)
    return [new], combined


def _single_row(tape: Any) -> tuple[list[Any], Callable[..., Any]]:
    """A tape of one row as one without rows, whose results get their dimension back."""
    numbers = []
    for entry in tape.par_info:
        gate, place = entry["op"], entry["p_idx"]
        number = gate.data[place]
        is_gate = entry["op_idx"] < len(tape.operations)
        has_rows = is_gate and qml.math.ndim(number) > gate.ndim_params[place]
        numbers.append(number[0] if has_rows else number)
    new = tape.bind_new_parameters(numbers, range(len(numbers)))
    return [new], lambda results: _with_row(results[0])


def _with_row(result: Any) -> Any:
    if isinstance(result, tuple | list):
        return type(result)(_with_row(each) for each in result)
    return [result] if isinstance(result, dict) else result[None]


def refuse_nested_rows(tapes: Sequence[Any]) -> None:
    """Refuses tapes whose gates differ in their rows, as one `vmap` in another makes.

    Args:
        tapes: Tapes as jax calls back with them.

    Raises:
        TargetError: A tape has rows of two kinds.
    """
    for tape in tapes:
        sizes = {each.batch_size for each in tape.operations} - {None}
        if len(sizes) > 1:
            raise TargetError(
                f"jax.vmap: expected one kind of rows, got some of {sorted(sizes)}, of "
                "one vmap in another; use one vmap over all pairs"
            )


@qml.transform  # type: ignore[untyped-decorator]
def runnable(
    tape: Any,
    name: str,
    postselects: bool,
    discards: bool,
    with_shots: Callable[[Any], bool],
) -> tuple[list[Any], Callable[..., Any]]:
    """Refuses what a device has not, and says which one has it.

    Args:
        tape: A tape.
        name: The device's name.
        postselects: Whether it can keep one outcome of a measurement on the way.
        discards: Whether it cannot keep as many shots as are asked for, but should.
        with_shots: Whether it makes a measurement with shots.

    Returns:
        The same tape.

    Raises:
        TargetError: It has a postselection, a channel or a classical shadow that the
            device cannot run.
    """
    kinds = qml.measurements
    for operation in tape.operations:
        if isinstance(operation, qml.operation.Channel):
            raise TargetError(
                f"circuit: {name} has no channels, got {operation.name}; use "
                "target='default.mixed', or a noisy machine, target='aer:fake_NAME'"
            )
        if isinstance(operation, qml.pulse.ParametrizedEvolution):
            raise TargetError(
                f"circuit: {name} has no pulses, got {operation.name}; use the device "
                "default.qubit, or gates such as qml.TrotterProduct"
            )
        if not selects(operation):
            continue
        if discards and tape.shots:
            raise TargetError(
                f"postselect_mode: {name} discards shots, as a machine does, got "
                "'fill-shots'; use 'hw-like' with more shots, or the device "
                "qdl.simulator"
            )
        if not postselects:
            raise TargetError(
                f"circuit: {name} keeps all outcomes of a measurement, got "
                f"{operation}; use target='qdl.simulator', or "
                "select among samples afterwards"
            )
    for measurement in tape.measurements:
        if isinstance(measurement, kinds.ClassicalShadowMP | kinds.ShadowExpvalMP):
            if not tape.shots:
                raise TargetError(
                    f"shots: {name} samples a classical shadow, got none; "
                    "pass shots=1000"
                )
            if not with_shots(measurement):
                raise TargetError(
                    f"circuit: {name} samples no classical shadows; use "
                    "target='qdl.simulator'"
                )
    return [tape], _only


def _only(results: Sequence[Any]) -> Any:
    return results[0]


def without_marks(operation: Any) -> Any:
    """An operation without marks around it; the matrix of a `BlockEncode` of a tensor.

    Args:
        operation: A PennyLane operation.

    Returns:
        The operation that runs in its place; most are it.
    """
    while isinstance(operation, MarkedOp):
        operation = operation.base
    if isinstance(operation, qml.BlockEncode) and isinstance(
        operation.data[0], torch.Tensor
    ):
        return block_encoded(operation)
    return operation


def _finite(operations: Sequence[Any]) -> tuple[list[Any], Any]:
    """The operations with |0…0⟩ for states that are NaN, and which rows these are."""
    lost, finite = None, []
    for operation in operations:
        state = operation.data[0] if operation.data else None
        if (
            isinstance(operation, qml.StatePrep)
            and isinstance(state, torch.Tensor)
            and state.ndim == 2
            # Shapes alone have no NaN, and of symbols the runner looks at it.
            and not (state.is_meta or getattr(state, "is_symbol", False))
        ):
            whole, bad = finite_states(state)
            if bad is not None:
                operation = qml.StatePrep(whole, operation.wires)
                lost = bad if lost is None else lost | bad
        finite.append(operation)
    return finite, lost


def finite_states(states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """States with `|0…0⟩` for those that are not finite.

    Args:
        states: (rows, 2ⁿ).

    Returns:
        The states, and which rows were replaced, (rows,) of bool; None for none.
    """
    bad = ~states.detach().isfinite().all(-1)
    if not bad.any():
        return states, None
    first = torch.zeros_like(states[0])
    first[0] = 1
    return torch.where(bad[:, None], first, states), bad


def _terms(measurement: Any, trained: bool) -> list[Term]:
    """Factors and measurements that a measurement is the sum of; empty for itself."""
    observable = measurement.obs
    variance = isinstance(measurement, qml.measurements.VarianceMP)
    expectation = isinstance(measurement, qml.measurements.ExpectationMP)
    if observable is None or not observable.data or not (variance or expectation):
        return []
    terms = linear_terms(observable)
    apart = any(
        qml.math.ndim(factor) or (trained and qml.math.requires_grad(factor))
        for factor, _ in terms
    )
    if not apart:
        return []
    if expectation:
        return [(factor, qml.expval(part)) for factor, part in terms]
    if len(terms) > 1:
        raise TargetError(
            f"measurement: the coefficients in var({observable}) differ from row to "
            "row, or are trained where the device cannot; measure expectation values, "
            "or the variance of a single term"
        )
    ((factor, part),) = terms
    return [(factor**2, qml.var(part))]


def linear_terms(observable: Any) -> list[Term]:
    """What an observable is the sum of.

    Args:
        observable: A PennyLane observable.

    Returns:
        Coefficients and observables without; itself, times 1, where it is no sum.
    """
    if isinstance(observable, qml.ops.SProd):
        inner = linear_terms(observable.base)
        return [(observable.scalar * factor, part) for factor, part in inner]
    if isinstance(observable, qml.ops.Sum):
        return [term for part in observable.operands for term in linear_terms(part)]
    if isinstance(observable, qml.ops.Prod) and observable.data:
        products: list[Term] = [(1.0, None)]
        for operand in observable.operands:
            products = [
                (factor * more, part if before is None else before @ part)
                for factor, before in products
                for more, part in linear_terms(operand)
            ]
        return products
    return [(1.0, observable)]


def _sum(place: Sequence[tuple[Any, int]], results: Sequence[Any]) -> Any:
    ((first, index), *others) = place
    if first is None:
        return results[index]
    total = first * results[index]
    for factor, position in others:
        total = total + factor * results[position]
    return total


def with_lost(result: Any, lost: torch.Tensor | None) -> Any:
    """A result with NaN in the rows whose states were not finite.

    Args:
        result: (rows, …).
        lost: As `finite_states` gives it.

    Raises:
        ArgumentError: It is of whole numbers, which have no NaN.
    """
    if lost is None:
        return result
    tensor = torch.as_tensor(result)
    if not tensor.is_floating_point() and not tensor.is_complex():
        raise ArgumentError(
            f"inputs: the states of rows {lost.nonzero().flatten().tolist()} are NaN, "
            "and samples, which are whole numbers, have no NaN; take these rows out"
        )
    mask = lost.reshape(-1, *(1,) * (tensor.ndim - 1))
    return tensor.masked_fill(mask, torch.nan)
