"""The simulator as a PennyLane device, `qdl.simulator`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import numpy as np
from pennylane.devices.execution_config import ExecutionConfig

from qml_qdl.hardware.device import Abilities, TapeDevice, Traits
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.simulator.native import decomposition, is_native
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
        gradients_with_shots=False,
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
    ) -> None:
        super().__init__(wires=wires, shots=shots)
        self.memory = memory
        self._seeds = Seeds(seed)
        self._cache = ProgramCache()

    def run_tapes(
        self, circuits: Sequence[Any], config: ExecutionConfig, *, gradients: bool
    ) -> tuple[Any, ...]:
        """Runs tapes, one after the other; see `TapeDevice.run_tapes`."""
        mode = config.mcm_config.postselect_mode
        sampled = any(tape.shots for tape in circuits)
        rng = self.seeds.next() if sampled else None
        return tuple(
            run_tape(tape, self._cache, rng, mode, self.memory) for tape in circuits
        )
