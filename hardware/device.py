"""The base of our PennyLane devices: all but how tapes are run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar, Self

import pennylane as qml
import torch
from attrs import frozen
from pennylane.devices import Device
from pennylane.devices.default_qubit import (
    accepted_analytic_measurement,
    accepted_sample_measurement,
)
from pennylane.devices.execution_config import ExecutionConfig
from pennylane.devices.modifiers import simulator_tracking, single_tape_support
from pennylane.devices.preprocess import (
    decompose,
    device_resolve_dynamic_wires,
    validate_device_wires,
    validate_measurements,
)
from pennylane.math import Interface
from pennylane.ops.qubit.observables import BasisStateProjector
from pennylane.transforms import defer_measurements
from pennylane.transforms.core import CompilePipeline, Transform
from torch import Tensor
from torch.autograd import forward_ad

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.preprocessing import (
    GradientOfRows,
    plain,
    refuse_nested_rows,
    runnable,
    with_traced_rows,
)
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.vjp import (
    as_numpy,
    in_double,
    results_and_products,
    without_views,
)

_JAX = (Interface.JAX, Interface.JAX_JIT)


@frozen(kw_only=True)
class Traits:
    """What a layer asks of its device, whichever it is.

    Args:
        state_vector: Whether it can return the state vector.
        takes_batches: Whether it runs a batch of rows as one circuit.
        fast_adjoint: Whether it multiplies gradients into the adjoint method itself.
            Such a device wants `device_vjp=True`: PennyLane otherwise computes the
            whole Jacobian, already in the forward pass.
        stateless: Whether its runs have nothing in common, so that threads need not
            wait.
        samples_anew: Whether its shots can be made to follow a seed.
        gradients: The ways to gradients, by the names of `diff_method`, that are its
            own, options and all, for every row at once; none where PennyLane's are.
        costs_jobs: Whether an execution is a job, which may be paid: it is not run for
            rows that are not finite, nor for none, and keeps its connection when it is
            asked otherwise.
        tells_errors: Whether it tells how sure results are, whatever is read out.
    """

    state_vector: bool = False
    takes_batches: bool = True
    fast_adjoint: bool = False
    stateless: bool = True
    samples_anew: bool = True
    gradients: tuple[str, ...] = ()
    costs_jobs: bool = False
    tells_errors: bool = False


@frozen(kw_only=True)
class Abilities:
    """What one device can do and another cannot.

    Args:
        methods: PennyLane's names of the ways to gradients that are its own.
        is_native: Whether it runs an operation as it is.
        decomposition: An operation in terms of others that are nearer to native ones.
        prepares_states: Whether it runs a preparation of a state at the beginning as it
            is.
        postselects: Whether it can keep only one outcome of a measurement in the middle
            of a circuit.
        fills_shots: Whether it samples as many shots as are asked for of what a
            postselection keeps.
        measures_with_shots: Whether it makes a measurement with shots.
        gradients_with_shots: Whether it computes gradients with shots, too.
        at_once: Whether tapes whose gradients are asked for run in one call; else each
            is gone back through before the next one runs, which takes less memory.
    """

    methods: tuple[str, ...]
    is_native: Callable[[Any], bool]
    decomposition: Callable[[Any], Sequence[Any]]
    prepares_states: bool
    postselects: bool
    fills_shots: bool = False
    measures_with_shots: Callable[[Any], bool] = accepted_sample_measurement
    gradients_with_shots: bool
    at_once: bool

    def runs(self, operation: Any) -> bool:
        """Whether it runs an operation as it is, or keeps an outcome."""
        kept = self.postselects and isinstance(operation, BasisStateProjector)
        return kept or self.is_native(operation)


def _counts(circuit: Any) -> bool:
    kind = qml.measurements.CountsMP
    return any(isinstance(each, kind) for each in circuit.measurements)


def refuse_transforms(name: str, numbers: Sequence[Any]) -> None:
    """Refuses what torch cannot follow into a target that runs outside of it.

    Tangents would be lost without a word, and results have no derivative.

    Args:
        name: What the target is called.
        numbers: Those that go there.

    Raises:
        TargetError: One has a tangent, or is inside a transform of `torch.func`.
    """
    transformed = torch._C._are_functorch_transforms_active()
    if not transformed and forward_ad._current_level < 0:
        return
    for number in numbers:
        if isinstance(number, Tensor) and (
            torch._C._functorch.is_functorch_wrapped_tensor(number)
            or forward_ad.unpack_dual(number).tangent is not None
        ):
            raise TargetError(
                f"target: {name} runs outside of torch, so that neither transforms of "
                "torch.func nor derivatives forward (torch.autograd.forward_ad) go "
                "through it; use backward(), or target='qdl.simulator' without shots"
            )


@simulator_tracking
@single_tape_support
class TapeDevice(Device):
    """A PennyLane device that runs tapes so that torch's gradients flow through.

    A device defines its `name`, its `abilities` and `run_tapes`; that it is configured
    as PennyLane wants it, takes single tapes, counts what it does, and gives arrays and
    vector-Jacobian products to interfaces other than torch's, it has from here.
    """

    abilities: ClassVar[Abilities]
    """What the device can do."""

    traits: ClassVar[Traits] = Traits()
    """What layers ask of it."""

    dtype: Any = None
    """The complex type of states and results, where it was asked for."""

    _seeds = Seeds()

    @property
    def seeds(self) -> Seeds:
        """Where random numbers come from that are sampled here."""
        return self._seeds

    def seeded(self, seeds: Seeds) -> Self:
        """The same device with other random numbers.

        Args:
            seeds: Where they come from.

        Returns:
            A device that shares all else.
        """
        twin = copy(self)
        twin._seeds = seeds
        return twin

    def check_tape(self, tape: Any) -> None:
        """Refuses a tape that cannot run, as far as it is known without running it.

        Args:
            tape: A tape of native gates.

        Raises:
            TargetError: It cannot run.
            MemoryBoundError: Not even one row of it fits into the memory.
        """
        return None

    @property
    @abstractmethod
    def name(self) -> str:
        """The name under which PennyLane knows the device."""

    @abstractmethod
    def run_tapes(
        self, circuits: Sequence[Any], config: ExecutionConfig, *, gradients: bool
    ) -> Sequence[Any]:
        """Runs tapes of native gates.

        Args:
            circuits: The tapes; their numbers are torch tensors, arrays or numbers.
            config: PennyLane's configuration.
            gradients: Whether gradients will surely be asked for.

        Returns:
            One result for each tape, or a tuple for several measurements: torch tensors
            through which gradients flow, and what is none, as counts.
        """

    def supports_derivatives(
        self, execution_config: Any = None, circuit: Any = None
    ) -> bool:
        """Whether the device computes gradients itself.

        Args:
            execution_config: PennyLane's configuration.
            circuit: The circuit that will run.

        Returns:
            True for the device's own methods, and if it has them with shots.
        """
        if execution_config is None:
            return True
        if execution_config.gradient_method not in self.abilities.methods:
            return False
        if (
            execution_config.gradient_method == "backprop"
            and execution_config.interface == Interface.NUMPY
            and execution_config.use_device_jacobian_product is None
        ):
            # Backpropagation is torch's. A new QNode, which does not know its interface
            # yet and says "numpy", has decided on the Jacobian product and gets a yes.
            return False
        exact = circuit is None or not circuit.shots
        return exact or self.abilities.gradients_with_shots

    def supports_vjp(self, execution_config: Any = None, circuit: Any = None) -> bool:
        """Whether the device multiplies gradients itself: wherever it has them."""
        return self.supports_derivatives(execution_config, circuit)

    def setup_execution_config(
        self, config: Any = None, circuit: Any = None
    ) -> ExecutionConfig:
        """Fills in what the user left open.

        Args:
            config: PennyLane's configuration.
            circuit: The circuit that will run.

        Returns:
            The complete configuration.

        Raises:
            TargetError: "backprop" was asked of an interface that cannot have it, or
                another way to measure in the middle of a circuit.
        """
        config = config or ExecutionConfig()
        changes: dict[str, Any] = {}
        own = config.gradient_method in self.abilities.methods
        if own or self._takes_over(config, circuit):
            torch_like = self._is_torch_like(config)
            changes = {
                "gradient_method": "backprop" if torch_like else "device",
                "use_device_gradient": True,
                "use_device_jacobian_product": not torch_like,
                "grad_on_execution": False,
            }
            if config.interface in _JAX and circuit is not None and _counts(circuit):
                changes["use_device_jacobian_product"] = False  # jax has no dicts
            if config.interface == Interface.JAX_JIT:
                # Else PennyLane asks for whole Jacobians inside a jitted function.
                changes["convert_to_numpy"] = False
        elif isinstance(config.gradient_method, Transform):
            own = GradientOfRows(config.gradient_method, self.name)
            changes = {"gradient_method": own}
        elif config.gradient_method is None and config.interface == Interface.TORCH:
            changes = {"convert_to_numpy": False}
        method = config.mcm_config.mcm_method
        if method not in (None, "deferred", "device"):
            raise TargetError(
                f"mcm_method: {self.name} defers measurements, got {str(method)!r}; "
                "use 'deferred', or the device default.qubit"
            )
        mcm_config = replace(config.mcm_config, mcm_method="deferred")
        return replace(config, mcm_config=mcm_config, **changes)

    def _takes_over(self, config: ExecutionConfig, circuit: Any) -> bool:
        """Whether the device itself does what PennyLane else would by this method."""
        named = isinstance(config.gradient_method, str)
        return named and self.supports_derivatives(config, circuit)

    def _is_torch_like(self, config: ExecutionConfig) -> bool:
        """Whether gradients, if there are any, are torch's to carry."""
        if config.interface == Interface.TORCH:
            return True
        if config.gradient_method != "backprop":
            return False
        if config.interface in (Interface.AUTOGRAD, *_JAX):
            raise TargetError(
                f"diff_method: {self.name} has 'backprop' for torch only, got "
                f"interface {config.interface.value!r}; use diff_method='best'"
            )
        return True  # no gradient will be asked for

    def preprocess_transforms(self, execution_config: Any = None) -> CompilePipeline:
        """The transforms that bring any circuit into a form that can run.

        Args:
            execution_config: PennyLane's configuration.

        Returns:
            The transforms; a batch stays one tape.
        """
        able = self.abilities
        config = execution_config or ExecutionConfig()
        fills = config.mcm_config.postselect_mode == "fill-shots"
        pipeline = CompilePipeline()
        pipeline.add_transform(
            runnable,
            name=self.name,
            postselects=able.postselects,
            discards=fills and not able.fills_shots,
            with_shots=able.measures_with_shots,
        )
        pipeline.add_transform(plain)
        pipeline.add_transform(defer_measurements, allow_postselect=able.postselects)
        pipeline.add_transform(
            decompose,
            stopping_condition=able.runs,
            skip_initial_state_prep=able.prepares_states,
            decomposer=able.decomposition,
            device_wires=self.wires,
            name=self.name,
        )
        pipeline.add_transform(
            device_resolve_dynamic_wires, wires=self.wires, allow_resets=False
        )
        pipeline.add_transform(validate_device_wires, self.wires, name=self.name)
        pipeline.add_transform(
            validate_measurements,
            analytic_measurements=accepted_analytic_measurement,
            sample_measurements=able.measures_with_shots,
            name=self.name,
        )
        if config.interface in _JAX:
            pipeline.add_transform(with_traced_rows)
        return pipeline

    def execute(self, circuits: Any, execution_config: Any = None) -> Any:
        """Runs circuits.

        Args:
            circuits: Tapes of native gates.
            execution_config: PennyLane's configuration.

        Returns:
            One result for each tape: torch tensors where torch's gradients flow
            through, else NumPy arrays, in double precision. Nothing else shares their
            memory.

        Raises:
            TargetError: `jax.vmap` is inside `jax.vmap`; or a transform of torch cannot
                go through the device.
        """
        config = execution_config or ExecutionConfig()
        if config.interface in _JAX:
            refuse_nested_rows(circuits)
        for tape in circuits:
            if tape.shots or not self.traits.state_vector:
                name = f"{self.name} with shots={tape.shots.total_shots}"
                refuse_transforms(name, tape.get_parameters(trainable_only=False))
        results = tuple(self.run_tapes(circuits, config, gradients=False))
        if self.dtype is None:
            results = in_double(results)
        if config.interface == Interface.TORCH:
            return without_views(results)
        return as_numpy(results)

    def compute_vjp(
        self, circuits: Any, cotangents: Any, execution_config: Any = None
    ) -> Any:
        """Gradients of results, contracted with what comes from behind.

        Args:
            circuits: Tapes of native gates.
            cotangents: For each tape the gradient with respect to its results.
            execution_config: PennyLane's configuration.

        Returns:
            For each tape the gradients of its trainable parameters.
        """
        return self.execute_and_compute_vjp(circuits, cotangents, execution_config)[1]

    def execute_and_compute_vjp(
        self, circuits: Any, cotangents: Any, execution_config: Any = None
    ) -> Any:
        """Results, and gradients as `compute_vjp` gives them.

        Args:
            circuits: Tapes of native gates.
            cotangents: For each tape the gradient with respect to its results.
            execution_config: PennyLane's configuration.

        Returns:
            Results and gradients.
        """
        config = execution_config or ExecutionConfig()

        def run(tapes: Sequence[Any]) -> Sequence[Any]:
            return self.run_tapes(tapes, config, gradients=True)

        if self.abilities.at_once:
            return results_and_products(run, circuits, cotangents)
        pairs = [
            results_and_products(run, [tape], [cotangent])
            for tape, cotangent in zip(circuits, cotangents, strict=True)
        ]
        return tuple(pair[0][0] for pair in pairs), tuple(pair[1][0] for pair in pairs)
