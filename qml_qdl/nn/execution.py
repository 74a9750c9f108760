"""Executions of a layer: a circuit or a QNode, bound to a target, on rows."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from itertools import count
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import pennylane as qml
import torch
from attrs import evolve, field, frozen
from torch import Tensor

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    SerializationError,
    TargetError,
)
from qml_qdl.hardware.device import TapeDevice, refuse_transforms
from qml_qdl.hardware.one_run import recorded_alone
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.hardware.precision import KeptNumbers
from qml_qdl.hardware.preprocessing import one_row_each, plain
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.simulator.functions import FunctionRunner, circuit_function
from qml_qdl.hardware.simulator.kernel.execution import NativeCircuit, is_plain
from qml_qdl.hardware.simulator.modes import is_transformed
from qml_qdl.hardware.simulator.runner import CircuitRunner
from qml_qdl.hardware.simulator.sampling import ShotRunner
from qml_qdl.hardware.tapes.gradients import refusing
from qml_qdl.hardware.targets import (
    SIMULATOR,
    Target,
    direct_runner,
    function_runner,
    shot_runner,
)
from qml_qdl.hardware.traits import seeds_of, traits_of
from qml_qdl.nn.batching import check_batching
from qml_qdl.nn.binding import circuit_qnode, moved_qnode
from qml_qdl.nn.options import LAYER_OPTIONS, Shots, as_shots
from qml_qdl.nn.qnodes import QNodeReference, function_name, queues_and_runs
from qml_qdl.nn.results import as_declared, as_stack, as_tensor
from qml_qdl.nn.trial import Shapes, may_be_called, refuse_what_fails


def device_errors(qnode: Any, arguments: Mapping[str, Any]) -> tuple[Any, Any]:
    """Results of a QNode, and their standard errors as its device tells them.

    Args:
        qnode: A PennyLane QNode on such a device, as `qdl.qiskit`.
        arguments: Its keyword arguments.

    Returns:
        Both as the QNode returns results.

    Raises:
        ArgumentTypeError: It returns more than expectation values and probabilities.
    """
    tapes, combine = qml.workflow.construct_batch(qnode, level="device")(**arguments)
    values, errors = qnode.device.execute_with_errors(tapes)
    for error in errors:
        if any(e is None for e in (error if isinstance(error, tuple) else (error,))):
            raise _wrong_readout("the QNode returns other measurements")
    # One entry for each tape that the QNode makes: it makes one.
    return _tensors(combine(values)[0]), _tensors(combine(errors)[0])


def _tensors(results: Any) -> Any:
    if isinstance(results, tuple | list):
        return [_tensors(result) for result in results]
    return torch.as_tensor(results)


def mean_errors(values: Tensor, source: Any, shots: int | None) -> Tensor:
    """Standard errors of means over shots, by the means themselves.

    Args:
        values: `(..., *output_shape)`.
        source: The `Circuit` they are of, or a QNode.
        shots: Number of shots; None where values are exact.

    Returns:
        Like the values.

    Raises:
        ArgumentTypeError: They are no means of two outcomes.
    """
    if not isinstance(source, Circuit):
        raise _wrong_readout("the layer is made from a QNode")
    outcomes = source.readout.outcomes(source.wires)
    if outcomes is None:
        raise _wrong_readout(f"the readout is {source.readout!r}")
    if shots is None:
        return torch.zeros_like(values)
    shape = [shots if n is None else n for n in source.output_shape]
    low, high = torch.as_tensor(outcomes).to(values).T.reshape(2, *shape)
    variances: Tensor = ((low - values) * (values - high)).clamp(min=0.0)
    # The errors of a single shot are not known, and come as NaN.
    return (variances / (shots - 1 if shots > 1 else torch.nan)).sqrt()


def _wrong_readout(found: str) -> ArgumentTypeError:
    return ArgumentTypeError(
        "with_errors: expected probabilities or expectation values, of single Pauli "
        f"words if not on a Qiskit target, but {found}; use Expectation(['ZZ', ...]), "
        "or target='aer'"
    )


__all__ = ["Execution", "Shots"]

_TAKE_BATCHES = ("None", "adjoint", "backprop", "best", "device")
"""The ways to gradients that take batched trainable inputs."""

_FUNCTION_METHODS = ("adjoint", "backprop", "best", "device")
"""The ways to gradients that are torch's on the simulator."""

_LOGGER = logging.getLogger(__name__)

_NAMED = WeakValueDictionary[str, "Execution"]()
_NUMBERS = count()
_PROCESS = uuid4().hex
"""In names, so that a program that was saved elsewhere never finds another layer."""


@cache
def _hint_at_adjoint(name: str, device: str) -> None:
    """Says once of each function what would give the same gradients sooner."""
    _LOGGER.warning(
        "diff_method: %s has 'parameter-shift' on %s without shots, which runs it two "
        "times for every angle; 'best' or 'adjoint' give the same gradients many times "
        "faster",
        name,
        device,
    )


@frozen(slots=False)
class Execution:
    """A circuit or a QNode bound to a target: an immutable value.

    Copies share it, but for the stream of a seed; it is rebuilt from its description
    where it is unpickled, so a PennyLane device, which often cannot be copied, never
    has to be.

    Args:
        source: A `Circuit`, or a PennyLane QNode.
        input_names: Arguments that carry data, in the order a layer takes them.
        target: A target's name or device; None for a QNode's own device.
        shots: A number, None for exact results, "keep" for a QNode's own shots.
        diff_method: PennyLane's name; "best" keeps a QNode's own.
        options: What targets that understand it are told.
        connected: The target's device, where one is connected already.
        weight_shapes: The shapes of a QNode's trained arguments.
        seen: The features of inputs that were run, by name, which copies and moved
            executions share.

    Raises:
        TargetError: The target is unknown or cannot run what is asked of it.
        ArgumentError: `shots` is below 1, or the target has no such `diff_method`, or
            cannot take the seed.
        ArgumentTypeError: `shots` is no whole number.
    """

    source: Any
    input_names: tuple[str, ...]
    target: Target | None
    shots: Shots = field(converter=as_shots)
    diff_method: str = field(default="best")
    options: TargetOptions = field(factory=TargetOptions)
    connected: Any = field(default=None, eq=False, repr=False)
    weight_shapes: Shapes = field(factory=dict, eq=False, repr=False, kw_only=True)
    seen: dict[str, tuple[int, ...]] = field(
        factory=dict, eq=False, repr=False, kw_only=True
    )
    name: str = field(init=False, eq=False, repr=False)

    @name.default
    def _new_name(self) -> str:
        return f"{_PROCESS}.{next(_NUMBERS)}"

    @staticmethod
    def named(name: str) -> Execution:
        """The execution of a name.

        Args:
            name: A name, as operators of torch have it.

        Returns:
            The execution.

        Raises:
            SerializationError: It is no more, or was of another process.
        """
        execution = _NAMED.get(name)
        if execution is None:
            raise SerializationError(
                "qml_qdl::layer: a program runs a quantum layer that does not exist in "
                "this process, or no longer; trace the model here, or save what "
                "torch.export.export(model, (x,)) makes, with strict=False"
            )
        return execution

    def __attrs_post_init__(self) -> None:
        _NAMED[self.name] = self
        device = self.qnode.device  # a target that cannot serve is refused here
        if self.qnode is not self.source:
            inputs = {name: self.seen.get(name, ()) for name in self.input_names}
            how = (self.diff_method, self.weight_shapes, inputs)
            refuse_what_fails(self.source, self.qnode, *how)
        exact = self.num_shots is None and traits_of(device).state_vector
        if exact and self.qnode.diff_method == "parameter-shift":
            _hint_at_adjoint(function_name(self.qnode), device.name)
        seed = self.options.seed
        if seed is not None and self.num_shots and seeds_of(device) is None:
            raise ArgumentError(
                f"seed: {device.name} samples shots in its own way, got seed={seed}; "
                "leave it out, or give the name of a target, such as 'qdl.simulator', "
                "'lightning.qubit' or 'aer'"
            )

    @cached_property
    def qnode(self) -> Any:
        """The PennyLane QNode that runs."""
        how = (self.shots, self.diff_method, self.options)
        if isinstance(self.source, Circuit):
            target = "auto" if self.target is None else self.target
            return circuit_qnode(self.source, target, *how, self.connected)
        return moved_qnode(self.source, self.target, *how)

    @cached_property
    def takes_nan(self) -> bool:
        """Whether rows that are NaN give NaN, and fail neither here nor elsewhere.

        Devices sample shots from NaN in their own ways, and what others than ours make
        of states, entropies say, may not know it.
        """
        if self.num_shots is not None:
            return False
        circuit, device = self.source, self.qnode.device
        if not isinstance(circuit, Circuit) or isinstance(device, TapeDevice):
            return True
        return not circuit.readout.needs_state(circuit.wires)

    @cached_property
    def is_whole(self) -> bool:
        """Whether all results are known to be whole numbers."""
        circuit = self.source
        return isinstance(circuit, Circuit) and circuit.readout.is_whole(circuit.wires)

    @property
    def num_shots(self) -> int | None:
        """The number of shots; None where results are exact."""
        shots: int | None = self.qnode.shots.total_shots
        return shots

    @cached_property
    def shot_vector(self) -> tuple[int, ...] | None:
        """The numbers of shots of a QNode that has several; else None."""
        shots = self.qnode.shots
        return tuple(shots) if shots.has_partitioned_shots else None

    def laid_out(self, result: Tensor) -> Tensor:
        """What a layer returns: the numbers of shots come first, where there are some.

        Args:
            result: `(..., *output_shape)`; with a vector of shots (..., its length,
                outputs).
        """
        return result if self.shot_vector is None else result.movedim(-2, 0)

    def moved(
        self,
        target: Target | None,
        shots: Shots,
        diff_method: str = "keep",
        **options: Any,
    ) -> Execution:
        """The same execution on another target.

        Args:
            target: A target's name or device; None keeps the present one.
            shots: A number, None for exact results, or "keep".
            diff_method: PennyLane's name, "best" or "keep".
            **options: Those of a layer; "keep" for the present one. A seed that is
                given begins its stream anew; else that goes on where it was.

        Returns:
            A new execution.

        Raises:
            TargetError: The target is unknown or cannot run what is asked of it.
            ArgumentError: A value cannot be used there.
            ArgumentTypeError: A value has a type that cannot be used.
        """
        changed = self.options.changed(
            "a layer", LAYER_OPTIONS, ("diff_method",), **options
        )
        device = self.qnode.device
        stays = target is None and traits_of(device).costs_jobs
        stays = stays and changed.settled == self.options.settled
        anew = options.get("seed", "keep") != "keep"
        if stays and anew:
            device = device.seeded(Seeds(changed.seed))
        moved = evolve(
            self,
            target=self.target if target is None else target,
            shots=self.shots if isinstance(shots, str) and shots == "keep" else shots,
            diff_method=self.diff_method if diff_method == "keep" else diff_method,
            options=changed,
            connected=device if stays else None,
        )
        goes_on = changed.seed is not None and not anew
        return moved.at(self.position) if goes_on else moved

    @property
    def position(self) -> int | None:
        """How many executions have sampled from the own stream; None without a seed."""
        seeds = seeds_of(self.qnode.device)
        return None if seeds is None else seeds.position

    def at(self, position: int | None) -> Execution:
        """The same execution, its stream of random numbers at a position.

        Args:
            position: How many executions have sampled from it; None changes nothing.
        """
        seeds = seeds_of(self.qnode.device)
        if seeds is not None and position is not None:
            seeds.position = position
        return self

    def arguments(
        self, inputs: Sequence[Tensor], weights: Mapping[str, Tensor]
    ) -> dict[str, Any]:
        """The QNode's keyword arguments.

        Args:
            inputs: One tensor for each input name.
            weights: The trained tensors by name.

        Returns:
            Arguments for `qnode(**arguments)`.
        """
        data: dict[str, Any] = dict(zip(self.input_names, inputs, strict=True))
        if isinstance(self.source, Circuit):
            return {**data, "weights": weights}
        return {**data, **weights}

    def straight(self, x: Tensor, weights: Sequence[Tensor]) -> Tensor | None:
        """Runs rows as others like them were run, where that is all there is to do.

        What costs more than a small circuit itself is looked at once: what is checked
        here is that nothing of it is other than it was.

        Args:
            x: What a layer is given, (..., features).
            weights: Its weights.

        Returns:
            (..., outputs); None where they have to go the whole way.
        """
        native = self._straight.get(getattr(x, "dtype", None))
        if native is None or not is_plain((x, *weights)):
            return None
        shape = x.shape
        if not shape or shape[-1] != native.num_features or not x.numel():
            return None
        for weight, own in zip(weights, self._weight_shapes, strict=True):
            if weight.dtype is not x.dtype or weight.shape != own:
                return None
        if len(shape) == 2:
            return native(x, None, weights)
        found = native(x.reshape(-1, shape[-1]), None, weights)
        return found.reshape(*shape[:-1], found.shape[1])

    @cached_property
    def _weight_shapes(self) -> tuple[torch.Size, ...]:
        """The shapes of a circuit's weights."""
        return tuple(map(torch.Size, self.source.weight_shapes.values()))

    @cached_property
    def _straight(self) -> dict[torch.dtype | None, NativeCircuit]:
        """By precision the kernel, once it has run all of a circuit."""
        return {}

    def _note_straight(self, x: Tensor) -> None:
        """Notes the kernel where it takes a layer's tensors and gives its result."""
        assert self._runner is not None
        one = isinstance(self.source, Circuit) and len(self._output_shape) == 1
        native = self._runner.direct(x) if one and self.takes_nan else None
        if native is not None and native.num_features:
            self._straight[x.dtype] = native

    def __call__(
        self, inputs: Sequence[Tensor], weights: Mapping[str, Tensor], rows: int | None
    ) -> Tensor:
        """Runs all rows at once.

        Args:
            inputs: For each input name a tensor (rows, features), or (features,).
            weights: The trained tensors by name, of the inputs' dtype.
            rows: Number of rows; None where the inputs have no rows dimension.

        Returns:
            Tensor (rows, *output_shape), or (*output_shape,).

        Raises:
            ShapeError: A QNode did not treat its inputs as a batch.
        """
        if self._runner is not None and (inputs or weights):
            # Without PennyLane on the way.
            x = None if not inputs else inputs[0] if rows else inputs[0][None]
            values = self._runner(x, [*weights.values()])
            if x is not None and x.dtype not in self._straight and is_plain([x]):
                self._note_straight(x)
            if values.shape[1] != self._output_size:  # it is refused
                return as_declared(values[0], None, self._output_shape)
            values = values.reshape(-1, *self._output_shape)
            if rows is None:
                return values[0]
            # One row stands for all where no gate differs.
            whole = values.shape[0] == rows
            return values if whole else values.expand(rows, *values.shape[1:])
        if self._sampler is not None and (inputs or weights):
            x = None if not inputs else inputs[0] if rows else inputs[0][None]
            sampled = self._sampler(x, [*weights.values()], self.qnode.shots)
            if sampled is not None:
                one_row = bool(inputs) and rows is None
                result = self._shaped(sampled, 1 if one_row else rows)
                return self._with_refusal(
                    result[0] if one_row else result, inputs, weights
                )
        queued = self._queued(inputs, weights, rows)
        if queued is None:
            self._check_batching(inputs, weights, rows)
        sizes = [tuple(x.shape[-1:]) for x in inputs]
        self.seen.update(zip(self.input_names, sizes, strict=True))
        if queued is not None:
            return queued
        device = self.qnode.device
        own = isinstance(device, TapeDevice)  # takes every tape as it is
        qnode = (
            self.qnode
            if own
            else plain(self.qnode, trained=traits_of(device).fast_adjoint)
        )
        arguments = self.arguments(inputs, weights)
        double = any(x.dtype == torch.float64 for x in (*inputs, *weights.values()))
        with KeptNumbers(double), recorded_alone(device):
            if rows is not None and self._needs_single_rows(inputs, arguments, rows):
                qnode = one_row_each(qnode)
            result = self._shaped(qnode(**arguments), rows)
        return self._with_refusal(result, inputs, weights)

    def _with_refusal(
        self, result: Tensor, inputs: Sequence[Tensor], weights: Mapping[str, Tensor]
    ) -> Tensor:
        """A result that says so, where there are no gradients and one is asked for."""
        if self.qnode.diff_method is None and result.dtype.to_real().is_floating_point:
            (result,) = refusing(
                self._no_gradient, [result.detach()], [*inputs, *weights.values()]
            )
        return result

    def check_transforms(self, tensors: Sequence[Tensor]) -> None:
        """Refuses transforms of torch where they cannot follow.

        Args:
            tensors: Inputs and weights.

        Raises:
            TargetError: One has a tangent or is inside of `torch.func`, and the target
                runs outside of torch.
        """
        if not self._is_plain:
            refuse_transforms(self._described, tensors)

    @property
    def _is_plain(self) -> bool:
        """Whether all that runs is operations of torch."""
        qnode = self.qnode
        exact = self.num_shots is None and qnode.diff_method in _TAKE_BATCHES
        return exact and qnode.device.name in (SIMULATOR, "default.qubit")

    @property
    def _described(self) -> str:
        return f"{self.qnode.device.name} with shots={self.num_shots}"

    def check_export(self) -> None:
        """Refuses to be exported where the program would be another.

        Raises:
            TargetError: Results are sampled, or do not come from our simulator.
        """
        if self.qnode.device.name != SIMULATOR or not self._is_plain:
            raise TargetError(
                "torch.export: a program holds the circuit's exact simulation on "
                f"{SIMULATOR}, and nothing of {self._described}; call "
                f"set_target(model, {SIMULATOR!r}, shots=None) first"
            )

    def _no_gradient(self) -> Exception:
        return TargetError(
            f"target: {self.qnode.device.name} has no gradients of "
            f"{self.source.readout!r}; detach the result, read out expectation values, "
            "variances or probabilities, or, for what needs no shots, use "
            "target='auto'"
        )

    def _shaped(self, result: Any, rows: int | None) -> Tensor:
        """One tensor from what a QNode returned, of the shape that is declared."""
        if not isinstance(self.source, Circuit):
            if self.shot_vector is None:
                return as_tensor(result, rows)
            return as_stack(result, rows)
        return as_declared(result, rows, self._output_shape)

    @cached_property
    def _output_shape(self) -> tuple[int, ...]:
        """The shape of one row's result that the circuit's readout declares."""
        shots = self.num_shots or 0
        return tuple(shots if n is None else n for n in self.source.output_shape)

    @cached_property
    def _output_size(self) -> int:
        return math.prod(self._output_shape)

    def of_no_rows(
        self, inputs: Sequence[Tensor], weights: Mapping[str, Tensor]
    ) -> Tensor | None:
        """One row of zeros, where finding out the shape would cost a job.

        Args:
            inputs: For each input name a tensor (rows, features).
            weights: The trained tensors by name.

        Returns:
            Zeros `(1, *output_shape)` whose gradients are zero; None where a circuit
            can as well be run.
        """
        paid = traits_of(self.qnode.device).costs_jobs
        if not isinstance(self.source, Circuit) or not paid:
            return None
        zero = sum(0 * tensor.sum() for tensor in (*inputs, *weights.values()))
        return inputs[0].new_zeros(1, *self._output_shape) + zero

    def with_errors(
        self, inputs: Sequence[Tensor], weights: Mapping[str, Tensor], rows: int | None
    ) -> tuple[Tensor, Tensor]:
        """Runs all rows at once, and tells how sure the results are.

        Args:
            inputs: For each input name a tensor (rows, features), or (features,).
            weights: The trained tensors by name, of the inputs' dtype.
            rows: Number of rows; None where the inputs have no rows dimension.

        Returns:
            Values and standard errors, as `__call__` gives values, without gradients.

        Raises:
            ArgumentTypeError: The target cannot tell the errors of this readout.
        """
        with torch.no_grad():
            if traits_of(self.qnode.device).tells_errors:
                self._check_batching(inputs, weights, rows)
                arguments = self.arguments(inputs, weights)
                values, errors = device_errors(self.qnode, arguments)
                return self._shaped(values, rows), self._shaped(errors, rows)
            result = self(inputs, weights, rows)
            return result, mean_errors(result, self.source, self.num_shots)

    @cached_property
    def _runner(self) -> CircuitRunner | None:
        """What runs the circuit without PennyLane on the way; None where none can."""
        direct = self.num_shots is None and self.diff_method in _TAKE_BATCHES
        if not direct or not isinstance(self.source, Circuit):
            return None
        return direct_runner(self.qnode.device, self.source)

    @cached_property
    def _sampler(self) -> ShotRunner | None:
        """What samples the circuit's shots without PennyLane on the way, or None."""
        direct = self.diff_method in ("best", "parameter-shift", "None")
        if self.num_shots is None or not direct or not isinstance(self.source, Circuit):
            return None
        return shot_runner(self.qnode.device, self.source)

    @cached_property
    def _functions(self) -> FunctionRunner | None:
        """What runs the function on symbols at every call; None where none can."""
        qnode = self.qnode
        direct = self.num_shots is None and qnode.diff_method in _FUNCTION_METHODS
        if not direct or self._runner is not None:
            return None
        if not may_be_called(self.source):
            return None  # nor may it keep a symbol that is none any more
        if isinstance(self.source, Circuit):
            function = circuit_function(self.source)
            return function_runner(qnode.device, function, shares=False)
        if not queues_and_runs(qnode):
            return None
        return function_runner(
            qnode.device,
            lambda data, trained: qnode.func(**self.arguments(data, trained)),
            shares=True,
        )

    def _queued(
        self, inputs: Sequence[Tensor], weights: Mapping[str, Tensor], rows: int | None
    ) -> Tensor | None:
        """Runs all rows by what the function queues on symbols, where that can be."""
        runner = self._functions
        if runner is None or is_transformed() or torch._C._len_torch_dispatch_stack():
            return None
        device = self.qnode.device
        if not (inputs or weights) or device.tracker.active:
            return None
        with recorded_alone(device):
            result = runner(
                inputs,
                weights,
                rows,
                lambda: self._check_batching(inputs, weights, rows),
            )
        if result is None or not isinstance(self.source, Circuit):
            return result
        return as_declared(result, rows, self._output_shape)

    def _check_batching(
        self, inputs: Sequence[Tensor], weights: Mapping[str, Tensor], rows: int | None
    ) -> None:
        """Checks once, at the first batch whose rows could be taken for features."""
        direct = self._runner is not None
        if rows is None or rows < 2 or self._checked or direct or is_transformed():
            return
        source = self.source
        sizes = {x.shape[-1] for x in inputs}
        if isinstance(source, Circuit):
            sizes |= {block.num_features for block in source.blocks}
            function, name = source, repr(source)
        else:
            # A QNode's results may have as many outcomes, or shots.
            sizes |= {2 ** (rows.bit_length() - 1), self.num_shots or 0}
            function, name = source.func, function_name(source)
        if rows not in sizes:
            return
        constants = {key: weight.detach() for key, weight in weights.items()}
        script = qml.tape.make_qscript(function)
        check_batching(
            lambda data: script(**self.arguments(data, constants)),
            inputs,
            name,
            reads_inputs=function is not source,
        )
        self._checked.append(True)

    @cached_property
    def _checked(self) -> list[bool]:
        """Not empty once `_check_batching` found nothing."""
        return []

    def _needs_single_rows(
        self, inputs: Sequence[Tensor], arguments: Mapping[str, Any], rows: int
    ) -> bool:
        traits = traits_of(self.qnode.device)
        if traits.gradients and self.qnode.diff_method == "best":
            return False
        if not traits.takes_batches:
            return True
        if rows == 1 and self.num_shots is not None:
            # default.qubit drops the dimension of a batch of one when it samples.
            return True
        # PennyLane's gradient transforms refuse batched trainable inputs.
        trained = any(x.requires_grad for x in inputs)
        return trained and self._gradient(arguments) not in _TAKE_BATCHES

    def _gradient(self, arguments: Mapping[str, Any]) -> str:
        method = self.qnode.diff_method
        if method == "parameter-shift" and isinstance(self.qnode.device, TapeDevice):
            # By shifted rows of its own, if nothing more is wanted than they tell.
            config = qml.workflow.construct_execution_config(self.qnode)(**arguments)
            return str(config.gradient_method)
        if method != "best":
            return str(method)
        return str(qml.workflow.get_best_diff_method(self.qnode)(**arguments))

    def __deepcopy__(self, memo: dict[int, Any]) -> Execution:
        if self.options.seed is None or self.position is None:
            return self
        # A stream of its own, which goes on as that of the original does.
        return evolve(self, connected=None).at(self.position)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.target is not None and not isinstance(self.target, str):
            is_device = isinstance(self.target, qml.devices.Device)
            kind = "device" if is_device else "backend"
            raise SerializationError(
                f"target: the {kind} {self.target.name} cannot be saved; either move "
                "the layer to a named target first (set_target), or save its "
                "state_dict() and build the layer anew"
            )
        source = self.source
        if not isinstance(source, Circuit):
            source = QNodeReference.find(source)
        rest = (self.input_names, self.target, self.shots, self.diff_method)
        shapes = self.weight_shapes
        return _restored, (source, *rest, self.options, self.position, shapes)


def _restored(source: Any, *rest: Any) -> Execution:
    if isinstance(source, QNodeReference):
        source = source.load()
    *arguments, position, shapes = rest
    return Execution(source, *arguments, weight_shapes=shapes).at(position)
