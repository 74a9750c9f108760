"""The simulator as a PennyLane device, `qdl.simulator`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pennylane as qml
import torch
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
from pennylane.transforms import defer_measurements
from pennylane.transforms.core import CompilePipeline

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.simulator.native import decomposition, is_native
from qml_qdl.hardware.simulator.tapes import ProgramCache, run_tape

_OWN_METHODS = ("best", "backprop", "adjoint", "device")


@simulator_tracking
@single_tape_support
class SimulatorDevice(Device):
    """A state vector simulator that runs a batch of rows at once, on torch.

    With the torch interface its gradients flow through the results like those of any
    torch operation, by an adjoint method of its own; with autograd and jax it computes
    vector-Jacobian products itself.

    Args:
        wires: Number of wires or their labels; None finds them in each circuit.
        shots: As PennyLane devices take them; better set on the QNode.
        seed: Seed of the samples; None for a new one each time.
        memory: Bytes that may be used; None for a quarter of what is free.

    Example:
        >>> import pennylane as qml
        >>> dev = qml.device("qdl.simulator", wires=2)
        >>> @qml.qnode(dev)
        ... def circuit(x):
        ...     qml.RY(x, 0)
        ...     qml.CNOT([0, 1])
        ...     return qml.expval(qml.Z(1))
        >>> round(float(circuit(0.5)), 6)
        0.877583
    """

    @property
    def name(self) -> str:
        """The name under which PennyLane knows the device."""
        return "qdl.simulator"

    def __init__(
        self,
        wires: Any = None,
        shots: Any = None,
        seed: int | np.random.Generator | None = None,
        memory: int | None = None,
    ) -> None:
        super().__init__(wires=wires, shots=shots)
        self.memory = memory
        self._rng = np.random.default_rng(seed)
        self._cache = ProgramCache()

    def supports_derivatives(
        self, execution_config: Any = None, circuit: Any = None
    ) -> bool:
        """Whether the device computes gradients itself: without shots it does."""
        if execution_config is None:
            return True
        if execution_config.gradient_method not in _OWN_METHODS:
            return False
        if (
            execution_config.gradient_method == "backprop"
            and execution_config.interface == qml.math.Interface.NUMPY
            and execution_config.use_device_jacobian_product is None
        ):
            # Backpropagation is torch's. A new QNode, which does not know its interface
            # yet and says "numpy", has decided on the Jacobian product and gets a yes.
            return False
        return circuit is None or not circuit.shots

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
            TargetError: "backprop" was asked of an interface that cannot have it.
        """
        config = config or ExecutionConfig()
        changes: dict[str, Any] = {}
        if config.gradient_method in _OWN_METHODS:
            torch_like = config.interface == qml.math.Interface.TORCH
            if config.gradient_method == "backprop" and not torch_like:
                if config.interface in (
                    qml.math.Interface.AUTOGRAD,
                    qml.math.Interface.JAX,
                    qml.math.Interface.JAX_JIT,
                ):
                    raise TargetError(
                        f"diff_method: qdl.simulator has 'backprop' for torch only, got"
                        f" interface {config.interface.value!r}; use diff_method='best'"
                    )
                torch_like = True  # no gradient will be asked for
            changes = {
                "gradient_method": "backprop" if torch_like else "device",
                "use_device_gradient": True,
                "use_device_jacobian_product": not torch_like,
                "grad_on_execution": False,
            }
            if config.interface == qml.math.Interface.JAX_JIT:
                # Else PennyLane asks for whole Jacobians inside a jitted function.
                changes["convert_to_numpy"] = False
        method = config.mcm_config.mcm_method
        if method not in (None, "deferred", "device"):
            raise TargetError(
                f"mcm_method: qdl.simulator defers measurements, got {method!r}; use "
                "'deferred', or the device default.qubit"
            )
        mcm_config = replace(config.mcm_config, mcm_method="deferred")
        return replace(config, mcm_config=mcm_config, **changes)

    def preprocess_transforms(self, execution_config: Any = None) -> CompilePipeline:
        """The transforms that bring any circuit into a form that can run.

        Args:
            execution_config: PennyLane's configuration.

        Returns:
            The transforms; a batch stays one tape.
        """
        pipeline = CompilePipeline()
        pipeline.add_transform(defer_measurements, allow_postselect=True)
        pipeline.add_transform(
            decompose,
            stopping_condition=is_native,
            skip_initial_state_prep=True,
            decomposer=decomposition,
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
            sample_measurements=accepted_sample_measurement,
            name=self.name,
        )
        return pipeline

    def execute(self, circuits: Any, execution_config: Any = None) -> Any:
        """Runs circuits.

        Args:
            circuits: Tapes of native gates.
            execution_config: PennyLane's configuration.

        Returns:
            One result for each tape: torch tensors where torch's gradients flow
            through, else NumPy arrays.
        """
        config = execution_config or ExecutionConfig()
        mode = config.mcm_config.postselect_mode
        results = tuple(
            run_tape(tape, self._cache, self._rng, mode, self.memory)
            for tape in circuits
        )
        if config.interface == qml.math.Interface.TORCH:
            return results
        return _as_numpy(results)

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
        pairs = [
            self._vjp(tape, cotangent)
            for tape, cotangent in zip(circuits, cotangents, strict=True)
        ]
        return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)

    def _vjp(self, tape: Any, cotangent: Any) -> tuple[Any, tuple[Any, ...]]:
        numbers = [
            torch.as_tensor(np.asarray(qml.math.unwrap(number)), dtype=torch.float64)
            for number in tape.get_parameters()
        ]
        leaves = [number.requires_grad_() for number in numbers]
        tape = tape.bind_new_parameters(leaves, tape.trainable_params)
        result = run_tape(tape, self._cache, self._rng, memory=self.memory)
        outputs = result if isinstance(result, tuple) else (result,)
        weights = cotangent if isinstance(result, tuple) else (cotangent,)
        parts = [
            _weighted(torch.as_tensor(np.asarray(weight)), output)
            for weight, output in zip(weights, outputs, strict=True)
        ]
        totals = sum(parts, start=torch.zeros((), dtype=torch.float64))
        found = [
            torch.autograd.grad(total, leaves, retain_graph=True, allow_unused=True)
            for total in totals.reshape(-1)
        ]
        return _as_numpy(result), tuple(
            _stacked(gradients, leaf).reshape(totals.shape + leaf.shape).numpy()
            for leaf, gradients in zip(leaves, zip(*found, strict=True), strict=True)
        )


def _weighted(weight: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    """The sum of an output's numbers, weighted; one for each set of weights.

    Such sets come from jax, whose jacobian and vmap put a dimension in front.
    """
    product = (weight * output).real
    leading = product.shape[: product.ndim - output.ndim]
    return product.reshape(*leading, -1).sum(-1)


def _stacked(
    gradients: Sequence[torch.Tensor | None], leaf: torch.Tensor
) -> torch.Tensor:
    """Gradients with respect to a leaf; None where nothing depends on it."""
    zero = torch.zeros_like(leaf, requires_grad=False)
    return torch.stack([zero if g is None else g for g in gradients])


def _as_numpy(results: Any) -> Any:
    if isinstance(results, torch.Tensor):
        return results.detach().cpu().numpy()
    if isinstance(results, tuple | list):
        return type(results)(_as_numpy(result) for result in results)
    return results
