"""How PennyLane is to run circuits on `qdl.qiskit`, and what it does to them before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pennylane as qml
from pennylane.devices.default_qubit import (
    accepted_analytic_measurement,
    accepted_sample_measurement,
)
from pennylane.devices.execution_config import ExecutionConfig
from pennylane.devices.preprocess import (
    decompose,
    device_resolve_dynamic_wires,
    validate_device_wires,
    validate_measurements,
)
from pennylane.transforms import defer_measurements
from pennylane.transforms.core import CompilePipeline

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.qiskit.conversion.structures import decomposition, is_native

NAME = "qdl.qiskit"
"""The device's name in PennyLane."""

_OWN_METHODS = ("best", "backprop", "device")


def computes_gradients(config: ExecutionConfig) -> bool:
    """Whether the device computes gradients itself.

    Args:
        config: PennyLane's configuration.

    Returns:
        True for the device's own methods, with shots, too.
    """
    if config.gradient_method not in _OWN_METHODS:
        return False
    # Backpropagation is torch's. A new QNode, which does not know its interface
    # yet and says "numpy", has decided on the Jacobian product and gets a yes.
    return not (
        config.gradient_method == "backprop"
        and config.interface == qml.math.Interface.NUMPY
        and config.use_device_jacobian_product is None
    )


def completed(config: ExecutionConfig) -> ExecutionConfig:
    """Fills in what the user left open.

    Args:
        config: PennyLane's configuration.

    Returns:
        The complete configuration.

    Raises:
        TargetError: "backprop" was asked of an interface that cannot have it, or
            another way to measure in the middle of a circuit.
    """
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
                    f"diff_method: qdl.qiskit has 'backprop' for torch only, got "
                    f"interface {config.interface.value!r}; use diff_method='best'"
                )
            torch_like = True  # no gradient will be asked for
        changes = {
            "gradient_method": "backprop" if torch_like else "device",
            "use_device_gradient": True,
            "use_device_jacobian_product": not torch_like,
            "grad_on_execution": False,
        }
    method = config.mcm_config.mcm_method
    if method not in (None, "deferred", "device"):
        raise TargetError(
            f"mcm_method: qdl.qiskit defers measurements, got {method!r}; use "
            "'deferred', or the device default.qubit"
        )
    mcm_config = replace(config.mcm_config, mcm_method="deferred")
    return replace(config, mcm_config=mcm_config, **changes)


def pipeline_for(wires: Any) -> CompilePipeline:
    """The transforms that bring any circuit into a form that can run.

    Args:
        wires: The device's wires, or None.

    Returns:
        The transforms; a batch stays one tape.
    """
    pipeline = CompilePipeline()
    pipeline.add_transform(defer_measurements, allow_postselect=False)
    pipeline.add_transform(
        decompose,
        stopping_condition=is_native,
        skip_initial_state_prep=False,
        decomposer=decomposition,
        device_wires=wires,
        name=NAME,
    )
    pipeline.add_transform(
        device_resolve_dynamic_wires, wires=wires, allow_resets=False
    )
    pipeline.add_transform(validate_device_wires, wires, name=NAME)
    pipeline.add_transform(
        validate_measurements,
        analytic_measurements=accepted_analytic_measurement,
        sample_measurements=_accepted_with_shots,
        name=NAME,
    )
    return pipeline


def _accepted_with_shots(measurement: Any) -> bool:
    shadows = (qml.measurements.ClassicalShadowMP, qml.measurements.ShadowExpvalMP)
    return not isinstance(measurement, shadows) and accepted_sample_measurement(
        measurement
    )
