"""The Born machine: a circuit whose measured bits are the samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from qml_qdl.circuits import (
    Block,
    Circuit,
    HardwareEfficient,
    Probabilities,
)
from qml_qdl.circuits.circuit import as_circuit
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.bits import sample_bits
from qml_qdl.data.splitting import Split
from qml_qdl.hardware.targets import Target
from qml_qdl.metrics.chow_liu import chow_liu_tree
from qml_qdl.models.classical_generators import ListedRBM
from qml_qdl.nn.initialization import Init
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots

MOST_BITS = 12
"""Up to so many bits of data have a wire each, and are listed string by string."""


@validate_call
def chow_liu_circuit(bits: Tensor, layers: int) -> Circuit:
    """A Born machine's circuit whose CNOT gates lie along the data's Chow-Liu tree.

    Rotations RZ RX RZ on every wire before, between and after the layers of CNOT gates
    (Liu and Wang 2018, arXiv:1804.04168).

    Args:
        bits: Data, zeros and ones, (rows, n).
        layers: Layers of CNOT gates, ≥ 1.

    Returns:
        A circuit of n wires with 3 n (layers + 1) weights.

    Raises:
        ArgumentError: `layers` is below 1.
        DataError: The data are empty or not bits.

    Example:
        >>> import torch
        >>> bits = torch.tensor([[0.0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 1, 0]])
        >>> chow_liu_circuit(bits, layers=2).weight_shapes
        {'weights_0': (2, 9), 'weights_1': (1, 9)}
    """
    pairs = chow_liu_tree(bits)
    wires = bits.shape[-1]
    rotations = ("RZ", "RX", "RZ")
    entangled = HardwareEfficient(wires, layers, rotations=rotations, pattern=pairs)
    return as_circuit(
        HardwareEfficient(wires, rotations=rotations, pattern=[]) @ entangled
    )


@validate_call
class BornMachine(nn.Module):
    """A circuit that reads no data, and whose measured bits are the samples.

    `p(x) = |⟨x|W(θ)|0⟩|²` (Cheng, Chen and Wang 2018, arXiv:1712.04144; Liu and Wang
    2018, arXiv:1804.04168; Benedetti et al. 2019, arXiv:1801.07686). Train it with
    `mmd` or `kl_divergence` on its probabilities; on targets with shots these are
    frequencies, and gradients come by parameter shift.

    Args:
        circuit: A processing, or a circuit without inputs; its readout is replaced.
        init_method: How weights begin, as in `QuantumLayer`.
        target: Where it runs; None means "auto".
        shots: Number of shots; None or "keep" for exact probabilities.
        generator: Random numbers for the initial weights; None for torch's own.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Output: (2ⁿ,), probabilities of all bit strings, the first wire's bit leading.

    Raises:
        ArgumentError: The circuit reads inputs.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import HardwareEfficient
        >>> from qml_qdl.models import BornMachine
        >>> machine = BornMachine(HardwareEfficient(3, layers=2))
        >>> machine().shape, machine.sample(5).shape
        (torch.Size([8]), torch.Size([5, 3]))
    """

    def __init__(
        self,
        circuit: Circuit | Block,
        *,
        init_method: Init | None = None,
        target: Target | None = None,
        shots: Shots = "keep",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        circuit = as_circuit(circuit)
        if circuit.num_inputs:
            raise ArgumentError(
                f"circuit: expected one without inputs, got {circuit.num_inputs}; a "
                "Born machine reads no data"
            )
        self.layer = QuantumLayer(
            circuit.with_readout(Probabilities()),
            init_method=init_method,
            target=target,
            shots=shots,
            generator=generator,
            dtype=dtype,
        )
        self.num_bits = len(circuit.wires)

    @classmethod
    def from_data(
        cls, split: Split, *, layers: int = 10, target: Target | None = None
    ) -> BornMachine:
        """Builds one for bits, with gates along the Chow-Liu tree of the training part.

        Args:
            split: The data: bits.
            layers: Layers of the circuit.
            target: Where circuits run during training: auto, or a PennyLane device such
                as default.qubit or lightning.qubit.

        Raises:
            ArgumentError: There are more than twelve bits.
            TargetError: The target is unknown or cannot run the circuit.
        """
        size = math.prod(split.train.input_shape)
        if size > MOST_BITS:
            raise ArgumentError(
                f"model: born_machine has a wire for each bit, up to {MOST_BITS}, got "
                f"{size}; use smaller images, rbm or autoregressive"
            )
        bits = torch.tensor(split.train.inputs).flatten(1)
        circuit = chow_liu_circuit(bits, layers)
        return cls(circuit, init_method="uniform", target=target)

    def classical_twin(self) -> ListedRBM:
        """A restricted Boltzmann machine with as many weights, trained alike."""
        weights = sum(weight.numel() for weight in self.parameters())
        return ListedRBM(self.num_bits, weights)

    def forward(self) -> Tensor:
        """The probabilities of all bit strings, (2ⁿ,)."""
        probabilities: Tensor = self.layer()
        return probabilities

    @torch.no_grad()
    def sample(
        self, num_samples: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Samples bit strings.

        Args:
            num_samples: How many.
            generator: Random numbers; None for torch's own.

        Returns:
            Zeros and ones, (num_samples, n); on a target with shots sampled from the
            frequencies of one execution.
        """
        check_count("num_samples", num_samples)
        return sample_bits(self(), num_samples, generator)
