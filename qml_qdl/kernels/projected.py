"""Kernels of reduced states: one row for each point, which suits machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, Unpack, final

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits import Block, Circuit, Expectation
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.hardware.jobs.cost import Cost
from qml_qdl.kernels.kernel import (
    CircuitKernel,
    KernelOptions,
    as_encoding_circuit,
    as_rows,
)
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.options import hands_on_to

MOST_SIZE = 4
"""Wires of the largest reduced states: their Pauli words are 4ⁿ."""


class ReducedStateKernel(CircuitKernel):
    """Abstract base of kernels that compare reduced states of neighbouring wires.

    With the reduced state ρ = Σ ⟨P⟩ P / 2ˢ over the Pauli words of s wires,
    Tr ρρ' = Σ ⟨P⟩⟨P⟩' / 2ˢ: expectation values of each point are enough.

    Args:
        circuit: U(x, θ), of which weights are trained; its readout is not used.
        sizes: Numbers of neighbouring wires, each from 1 to 4.
        scaling: Factor on all features, the kernel's bandwidth.
        memory: Bytes that a call may use; None for a quarter of what is free.
        **options: What `QuantumLayer` takes.

    Raises:
        ArgumentError: The circuit reads no features, or an argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.
    """

    def __init__(
        self,
        circuit: Circuit | Block,
        sizes: Sequence[int],
        scaling: float,
        memory: int | None,
        **options: Unpack[KernelOptions],
    ) -> None:
        whole = as_encoding_circuit(circuit)
        words, self._windows = _words_in_windows(len(whole.wires), sizes)
        to_run = whole.with_readout(Expectation(words))
        super().__init__(whole, to_run, scaling, memory, **options)
        self.sizes = tuple(sizes)

    def cost(self, rows: int, columns: int | None = None) -> Cost:
        """What a Gram matrix takes: one row for each point; see `Kernel.cost`."""
        check_count("rows", rows, 0)
        if columns is not None:
            check_count("columns", columns, 0)
        return self.price(rows + (columns or 0))

    @property
    def num_words(self) -> int:
        """How many expectation values a point has."""
        (words,) = self.layer.circuit.output_shape
        assert words is not None
        return words

    def features(self, x: Any) -> Tensor:
        """The expectation values that are measured.

        Args:
            x: (n, num_inputs), a tensor or an array of floating numbers.

        Returns:
            (n, words): for each wire ⟨X⟩, ⟨Y⟩ and ⟨Z⟩, then what larger windows add.

        Raises:
            ShapeError: The rows do not fit.
            ArgumentTypeError: They are not floating.
            ArgumentError: A number is not finite.
        """
        rows = as_rows("x", x, self.num_inputs) * self.scaling
        return self.run_rows(rows).clone()  # what is kept stays as it is

    def weighted(self, features: Tensor, *, mean: bool) -> Tensor:
        """Features such that their products, summed, are Tr ρρ' − 1/2ˢ, summed.

        Args:
            features: (n, words), expectation values.
            mean: Whether windows of each size, and sizes, are averaged instead of
                added up.

        Returns:
            (n, words).
        """
        weights = features.new_zeros(features.shape[1])
        for window in self._windows:
            weight = 0.5**window.size / (self._count(window.size) if mean else 1)
            weights[list(window.words)] += weight
        return features * weights.sqrt()

    def _count(self, size: int) -> int:
        """As one of how many a window of a size counts in the mean."""
        return len(self.sizes) * (len(self.circuit.wires) - size + 1)


@final
@validate_call
class ProjectedKernel(ReducedStateKernel):
    r"""k(x, y) = :math:`\exp\left(-\gamma \sum_A \|\rho_A(x) - \rho_A(y)\|^2\right)`.

    A Gaussian of the distance (Frobenius norm) between reduced states, by default those
    of single wires: of ⟨X⟩, ⟨Y⟩ and ⟨Z⟩ (Huang et al. 2021, arXiv:2011.01938). Each
    point is one row, measured in 3ˢ settings for windows of s wires: the kernel for
    machines, where a fidelity takes a row for each pair of points. What was found for a
    point is kept, shots too, until weights or target change: `clear` forgets it.

    Args:
        circuit: U(x, θ); its weights are trained, its readout is not used.
        gamma: γ, above 0.
        size: Wires of each reduced state, s, neighbours in the circuit's order; 1 to 4.
        scaling: Factor on all features, above 0: the bandwidth of the circuit.
        memory: Bytes that a call may use; None for a quarter of what is free.
        **options: What `QuantumLayer` takes: `target`, `shots`, `seed`, `mitigation`
            and others.

    Shape:
        - Input: (n, num_inputs) and (m, num_inputs), floating.
        - Output: (n, m), from 0 to 1; on the diagonal of a symmetric matrix exactly 1.

    Raises:
        ArgumentError: The circuit reads no features, or an argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import AngleEncoding
        >>> kernel = ProjectedKernel(AngleEncoding(1), gamma=0.5)
        >>> kernel(torch.tensor([[0.0], [torch.pi]]))  # exp(−γ (1 − (−1))²/2)
        tensor([[1.0000, 0.3679],
                [0.3679, 1.0000]])
        >>> kernel.cost(500).rows
        500
    """

    @hands_on_to(QuantumLayer)
    def __init__(
        self,
        circuit: Circuit | Block,
        *,
        gamma: float = 1.0,
        size: int = 1,
        scaling: float = 1.0,
        memory: int | None = None,
        **options: Unpack[KernelOptions],
    ) -> None:
        check_number("gamma", gamma)
        super().__init__(circuit, (size,), scaling, memory, **options)
        self.gamma = gamma

    def gram(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The Gaussian of all pairs; see `Kernel.gram`."""
        return gaussian(
            self.projected(x), None if y is None else self.projected(y), self.gamma
        )

    def projected(self, x: Tensor) -> Tensor:
        """Points whose distances are those of the reduced states.

        Args:
            x: (n, num_inputs).

        Returns:
            (n, words).
        """
        return self.weighted(self.features(x), mean=False)


@final
@validate_call
class LocalKernel(ReducedStateKernel):
    """k(x, y): the mean or the product of Tr ρ(x)ρ(y) over windows of wires.

    Local fidelities do not vanish with the number of wires as the global one does. With
    several sizes the kernel looks at several scales at once.

    Args:
        circuit: U(x, θ); its weights are trained, its readout is not used.
        sizes: Wires of the windows, neighbours in the circuit's order, each size from 1
            to 4: (1,) for single wires, (1, 2, 3) for three scales.
        combine: "mean" or "product" of all windows; in the mean all sizes count alike.
        scaling: Factor on all features, above 0: the bandwidth of the circuit.
        memory: Bytes that a call may use; None for a quarter of what is free.
        **options: What `QuantumLayer` takes: `target`, `shots`, `seed`, `mitigation`
            and others.

    Shape:
        - Input: (n, num_inputs) and (m, num_inputs), floating.
        - Output: (n, m); k(x, x) is the mean purity, or the product of purities, and
          with shots, whose noise is squared there, more.

    Raises:
        ArgumentError: The circuit reads no features, or an argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import AngleEncoding
        >>> x = torch.tensor([[0.0, 0.0], [torch.pi, 0.0]])
        >>> LocalKernel(AngleEncoding(2))(x)[0]
        tensor([1.0000, 0.5000])
        >>> LocalKernel(AngleEncoding(2), combine="product")(x)[0].round(decimals=4)
        tensor([1., 0.])
    """

    @hands_on_to(QuantumLayer)
    def __init__(
        self,
        circuit: Circuit | Block,
        *,
        sizes: int | Iterable[int] = (1,),
        combine: str = "mean",
        scaling: float = 1.0,
        memory: int | None = None,
        **options: Unpack[KernelOptions],
    ) -> None:
        check_choice("combine", combine, ("mean", "product"))
        given = (sizes,) if isinstance(sizes, int) else as_items(sizes)
        if not given or len(set(given)) != len(given):
            raise ArgumentError(
                f"sizes: expected different numbers of wires, got {sizes!r}; pass "
                "sizes=(1, 2), say"
            )
        super().__init__(circuit, given, scaling, memory, **options)
        self.combine = combine

    def gram(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Overlaps of reduced states; see `Kernel.gram`."""
        left = self.features(x)
        right = left if y is None else self.features(y)
        if self.combine == "mean":
            least = sum(0.5**size for size in self.sizes) / len(self.sizes)
            left, right = (self.weighted(f, mean=True) for f in (left, right))
            gram = left @ right.T + least
        else:
            gram = left.new_ones(len(left), len(right))
            for window in self._windows:
                words = list(window.words)
                overlaps = left[:, words] @ right[:, words].T + 1
                gram = gram * overlaps * 0.5**window.size
        return gram if y is not None else (gram + gram.T) / 2


def gaussian(x: Tensor, y: Tensor | None, gamma: float) -> Tensor:
    """A Gaussian of the distance of all pairs of points.

    Args:
        x: (n, numbers).
        y: (m, numbers); None for x itself.
        gamma: γ.

    Returns:
        (n, m); without y symmetric, with a diagonal of exactly 1.
    """
    # Around their mean, numbers that nearly agree keep their digits.
    center = (x if y is None else y).detach().mean(0) if len(x) else 0.0
    left = x - center
    right = left if y is None else y - center
    lengths = left.square().sum(1)[:, None] + right.square().sum(1)
    distances = (lengths - 2 * left @ right.T).clamp(min=0)
    if y is not None:
        return (-gamma * distances).exp()
    own = torch.eye(len(x), dtype=torch.bool, device=x.device)
    distances = (distances + distances.T) / 2
    return (-gamma * distances.masked_fill(own, 0.0)).exp()


@frozen
class _Window:
    """Neighbouring wires, and which of all words are theirs."""

    size: int
    words: tuple[int, ...]


def _words_in_windows(
    num_wires: int, sizes: Sequence[int]
) -> tuple[tuple[str, ...], tuple[_Window, ...]]:
    """All Pauli words of all windows, each once, and where those of each window are."""
    places: dict[str, int] = {}
    windows = []
    for size in sizes:
        check_count("size", size, most=min(MOST_SIZE, num_wires))
        for start in range(num_wires - size + 1):
            before, after = "I" * start, "I" * (num_wires - size - start)
            inner = ("".join(letters) for letters in product("IXYZ", repeat=size))
            words = [before + word + after for word in inner if set(word) != {"I"}]
            found = tuple(places.setdefault(word, len(places)) for word in words)
            windows.append(_Window(size, found))
    return tuple(places), tuple(windows)
