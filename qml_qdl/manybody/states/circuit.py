"""The state of a circuit, as a neural state."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from qml_qdl.circuits import State
from qml_qdl.circuits.circuit import as_whole_circuit
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody.sectors import check_sites
from qml_qdl.manybody.states.state import NeuralState, safe_log
from qml_qdl.nn import QuantumLayer


class CircuitState(NeuralState):
    """The state of a circuit, so that circuits and networks are one kind of thing.

    Site j is the circuit's wire j, in its order; `|0⟩` is the spin +1.

    Args:
        circuit: A `Circuit` without inputs, or one of its processings.
        layer_options: What `QuantumLayer` takes beside it, as `init_method` or `dtype`.

    Raises:
        ArgumentError: The circuit has inputs.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import StronglyEntangling
        >>> state = CircuitState(StronglyEntangling(3))
        >>> spins = torch.tensor([[1.0, 1, 1], [1, 1, -1]])
        >>> state(spins).dtype
        torch.complex64
    """

    lists_amplitudes = True

    def __init__(self, circuit: Any, **layer_options: Any) -> None:
        whole = as_whole_circuit(circuit).with_readout(State())
        if whole.num_inputs:
            raise ArgumentError(
                f"circuit: expected one without inputs, got {whole.num_inputs}; a "
                "state has weights only"
            )
        super().__init__(len(whole.wires))
        self.layer = QuantumLayer(whole, **layer_options)

    def forward(self, spins: Tensor) -> Tensor:
        """Logarithms of amplitudes; −∞, with no derivative, where one vanishes."""
        check_sites(spins, self.num_sites)
        amplitudes: Tensor = self.layer()
        return safe_log(amplitudes[self._index(spins)])

    def _index(self, spins: Tensor) -> Tensor:
        places = torch.arange(self.num_sites - 1, -1, -1, device=spins.device)
        return ((spins < 0).long() << places).sum(-1)

    def jacobian(self, spins: Tensor) -> Tensor:
        """Derivatives of log ψ by all parameters, from one derivative of the state.

        Zero where the amplitude vanishes, as such configurations have no weight. A
        circuit that gives them weight only by their derivative, as one that is a basis
        state, does not leave its place: begin with other weights.
        """
        index = self._index(spins)
        parameters = {k: p.detach() for k, p in self.layer.named_parameters()}

        def state(values: dict[str, Tensor]) -> Tensor:
            found: Tensor = torch.func.functional_call(self.layer, values, ())
            return torch.view_as_real(found)

        found = torch.func.jacfwd(state)(parameters)  # (2ᴺ, 2, ...) each
        parts = [each.flatten(2)[index] for each in found.values()]
        changes = torch.complex(*torch.cat(parts, dim=2).unbind(1))
        amplitudes = torch.view_as_complex(state(parameters))[index, None]
        vanish = amplitudes == 0
        return (changes / amplitudes.masked_fill(vanish, 1.0)).masked_fill(vanish, 0.0)
