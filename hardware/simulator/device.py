"""The simulator as a PennyLane device, `qdl.simulator`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import numpy as np
import torch
from attrs import fields
from pennylane.devices.execution_config import ExecutionConfig
from pennylane.math import Interface
from pennylane.transforms.core import CompilePipeline

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import MOST_SEED, check_count
from qml_qdl.hardware.device import Abilities, TapeDevice, Traits
from qml_qdl.hardware.keywords import BACKENDS_ONLY, SIMULATOR, refuse_keyword
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.simulator.functions import PlannedTape, TapePlans
from qml_qdl.hardware.simulator.gates.native import decomposition, is_native
from qml_qdl.hardware.simulator.memory import rows_at_once
from qml_qdl.hardware.simulator.sampling import has_shifted_gradients
from qml_qdl.hardware.simulator.tapes import ProgramCache, run_tape


@final
class SimulatorDevice(TapeDevice):
    """A state vector simulator that runs a batch of rows at once, on torch.

    With the torch interface its gradients flow through the results like those of any
    torch operation, by an adjoint method of its own; with autograd and jax it computes
    vector-Jacobian products itself.

    Args:
        wires: Number of wires or their labels; None finds them in each circuit.
        shots: As PennyLane devices take them; better set on the QNode.
        seed: Seed of the samples; None has them follow torch's global generator.
        memory: Bytes that may be used; None for a quarter of what is free.
        c_dtype: Precision of states and results, complex64 or complex128 of NumPy or
            torch; None for that of the numbers: single where all tensors are.
        **others: None; other devices' keywords are answered with what is meant here.

    Raises:
        ArgumentError: `c_dtype` is no complex type.
        ArgumentTypeError: There is no such keyword, or its type cannot be used.

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

    abilities: ClassVar[Abilities] = Abilities(
        methods=("best", "backprop", "adjoint", "device"),
        is_native=is_native,
        decomposition=decomposition,
        prepares_states=True,
        postselects=True,
        fills_shots=True,
        gradients_with_shots=True,
        at_once=False,
    )

    traits: ClassVar[Traits] = Traits(state_vector=True)

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
        c_dtype: Any = None,
        **others: Any,
    ) -> None:
        for name in others:
            qiskit = dict.fromkeys(
                [f.name for f in fields(TargetOptions)], BACKENDS_ONLY
            )
            repairs = {**qiskit, **SIMULATOR}
            raise refuse_keyword(name, self.name, _KNOWN, repairs)
        if not isinstance(seed, np.random.Generator | None):
            check_count("seed", seed, 0, MOST_SEED)
        if memory is not None:
            check_count("memory", memory, 1)
        super().__init__(wires=wires, shots=shots)
        self.memory = memory
        self.dtype = None if c_dtype is None else _complex(c_dtype)
        self._seeds = Seeds(seed)
        self._cache = ProgramCache()
        self._plans = TapePlans(self)

    def native_transforms(self, config: ExecutionConfig) -> CompilePipeline:
        """The transforms that make native gates of any circuit.

        Args:
            config: PennyLane's configuration.
        """
        return super().preprocess_transforms(config)

    def preprocess_transforms(self, execution_config: Any = None) -> CompilePipeline:
        """As of every device; a tape that was met before stays as it is.

        Args:
            execution_config: PennyLane's configuration.

        Returns:
            The transforms.
        """
        config = execution_config or ExecutionConfig()
        # Where PennyLane changes no number between the transforms and `execute`.
        as_it_came = config.interface == Interface.NUMPY or (
            config.interface == Interface.TORCH
            and config.gradient_method in ("backprop", None)
        )
        return (self._plans.pipeline if as_it_came else self.native_transforms)(config)

    def supports_derivatives(
        self, execution_config: Any = None, circuit: Any = None
    ) -> bool:
        """Whether the device computes gradients itself; see `TapeDevice`.

        With shots by parameter shifts, where each number that is trained has them.
        """
        config = execution_config
        if config is None or circuit is None or not circuit.shots:
            return super().supports_derivatives(config, circuit)
        if config.use_device_gradient:  # it was asked before
            return super().supports_derivatives(config, circuit)
        plain = config.derivative_order == 1 and not config.gradient_keyword_arguments
        method = config.gradient_method in ("best", "device", "parameter-shift")
        return plain and method and has_shifted_gradients(circuit)

    def check_tape(self, tape: Any) -> None:
        """Refuses what does not fit into the memory; see `TapeDevice.check_tape`."""
        dtype = torch.float32 if self.dtype is None else self.dtype
        rows_at_once(len(tape.wires), dtype, torch.device("cpu"), self.memory)

    def run_tapes(
        self, circuits: Sequence[Any], config: ExecutionConfig, *, gradients: bool
    ) -> tuple[Any, ...]:
        """Runs tapes, one after the other; see `TapeDevice.run_tapes`."""
        mode = config.mcm_config.postselect_mode
        # PennyLane brings autograd's numbers out after the transforms.
        came_late = config.interface == Interface.AUTOGRAD

        def run(tape: Any) -> Any:
            known = tape
            if came_late and not isinstance(tape, PlannedTape):
                known = self._plans.find(tape, CompilePipeline())
            if isinstance(known, PlannedTape) and known.planned is not None:
                return known.results()
            own = self._cache, self.seeds, mode, self.memory, self.dtype
            return run_tape(tape, *own)

        return tuple(map(run, circuits))


_KNOWN = ("wires", "shots", "seed", "memory", "c_dtype")
_COMPLEX = {"complex64": torch.complex64, "complex128": torch.complex128}


def _complex(c_dtype: Any) -> torch.dtype:
    """A complex type of NumPy or torch as one of torch."""
    if isinstance(c_dtype, torch.dtype):
        name = str(c_dtype).removeprefix("torch.")
    else:
        try:
            name = np.dtype(c_dtype).name
        except TypeError:
            name = repr(c_dtype)
    if name not in _COMPLEX:
        raise ArgumentError(
            f"c_dtype: expected np.complex64 or np.complex128, got {name}; leave it "
            "out for the precision of the numbers"
        )
    return _COMPLEX[name]
