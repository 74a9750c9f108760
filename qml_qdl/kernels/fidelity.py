"""The fidelity kernel: overlaps of states, or the test that measures them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Unpack, final

import pennylane as qml
import torch
from attrs import evolve, frozen
from pennylane.operation import Channel
from pennylane.ops import MidMeasure
from torch import Tensor
from torch.nn.functional import pad

from qml_qdl.circuits import Adjoint, Block, Circuit, Expectation, State
from qml_qdl.circuits.around import Around
from qml_qdl.circuits.diagrams import tape_of_gates
from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError, TargetError
from qml_qdl.circuits.readouts import Readout
from qml_qdl.circuits.validation import check_count, check_flag, validate_call
from qml_qdl.hardware.jobs.cost import Cost
from qml_qdl.hardware.traits import traits_of
from qml_qdl.kernels.kernel import CircuitKernel, KernelOptions, as_encoding_circuit
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.execution import Execution
from qml_qdl.nn.jobs import sender_of
from qml_qdl.nn.options import hands_on_to
from qml_qdl.nn.running import run_layer


@final
@validate_call
class FidelityKernel(CircuitKernel):
    r"""k(x, y) = :math:`\left|\langle 0|U(y)^\dagger U(x)|0\rangle\right|^2`.

    The overlap of the states that a circuit prepares (Havlíček et al. 2019,
    arXiv:1804.11326; Schuld and Killoran 2019, arXiv:1803.07128). Where a target shows
    state vectors and no shots are asked for, each distinct row is run once, and all
    overlaps are one matrix product, symmetric ones the half of it. On all other targets
    it is the probability to find 0 on every wire after U(y)†U(x): one row for each pair
    of rows, n(n−1)/2 for a symmetric matrix, all of them one batch or one job.

    What comes after the last encoding cancels, and is left out. What was found for a
    row or a pair is kept, shots too, until weights or target change: `clear` forgets
    it.

    With many wires, or wide angles, k(x, y) falls towards 0 for all pairs: `scaling` is
    then the parameter that matters most (Shaydulin and Wild 2021, arXiv:2111.05451;
    Canatar et al. 2022, arXiv:2206.06686).

    Args:
        circuit: U(x, θ); its weights are trained, its readout is not used.
        scaling: Factor on all features, above 0: the kernel's bandwidth.
        memory: Bytes that a call may use; None for a quarter of what is free. States
            beyond it are made anew, block by block.
        measure_diagonal: Whether pairs of equal rows are run, too. Their overlap is
            exactly 1 without noise; with noise it tells how strong that is
            (`mitigate_depolarizing_noise`).
        max_jobs: Jobs that a call may be divided into by a machine's limits.
        **options: What `QuantumLayer` takes: `target`, `shots`, `seed`, `mitigation`,
            `generator`, `dtype` and others.

    Shape:
        - Input: (n, num_inputs) and (m, num_inputs), floating.
        - Output: (n, m), from 0 to 1; on the diagonal of a symmetric matrix exactly 1.

    Raises:
        ArgumentError: The circuit reads no features or measures in the middle, or an
            argument does not fit.
        TargetError: The target is unknown or cannot run the circuit; when it is called,
            a Gram matrix would take more jobs than `max_jobs`.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import AngleEncoding
        >>> kernel = FidelityKernel(AngleEncoding(1))
        >>> kernel(torch.tensor([[0.0], [torch.pi / 2]])).round(decimals=4)
        tensor([[1.0000, 0.5000],
                [0.5000, 1.0000]])
        >>> FidelityKernel(AngleEncoding(1), shots=1000).cost(500).rows
        124750
    """

    @hands_on_to(QuantumLayer)
    def __init__(
        self,
        circuit: Circuit | Block,
        *,
        scaling: float = 1.0,
        memory: int | None = None,
        measure_diagonal: bool = False,
        max_jobs: int = 1,
        **options: Unpack[KernelOptions],
    ) -> None:
        check_flag("measure_diagonal", measure_diagonal)
        check_count("max_jobs", max_jobs)
        encoding = up_to_last_encoding(as_encoding_circuit(circuit))
        super().__init__(encoding, inversion_test(encoding), scaling, memory, **options)
        self.measure_diagonal = measure_diagonal
        self.max_jobs = max_jobs
        self._shown: tuple[Execution, Execution] | None = None

    def gram(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Overlaps of all pairs; see `Kernel.gram`."""
        x = x * self.scaling
        y = None if y is None else y * self.scaling
        if self._shows_states and not self.measure_diagonal:
            return self._of_states(x, y)
        return self._of_pairs(x, y)

    def cost(self, rows: int, columns: int | None = None) -> Cost:
        """What a Gram matrix takes; see `Kernel.cost`."""
        check_count("rows", rows, 0)
        if columns is not None:
            check_count("columns", columns, 0)
        if self._shows_states and not self.measure_diagonal:
            count = rows + (columns or 0)
            return Cost(circuits=min(count, 1), rows=count)
        return self.price(self._num_pairs(rows, columns))

    @property
    def _shows_states(self) -> bool:
        execution = self.layer.execution
        exact = execution.num_shots is None
        return exact and traits_of(execution.qnode.device).state_vector

    # ---- By states. ----

    def _of_states(self, x: Tensor, y: Tensor | None) -> Tensor:
        state = x.dtype.to_complex().itemsize * 2 ** len(self.circuit.wires)
        most = max(2, self.bound(x.device) // (_COPIES * state))
        if len(x) + (0 if y is None else len(y)) <= most:
            return squared_overlaps(
                self._states_of(x), None if y is None else self._states_of(y)
            )
        size = most // 2
        bands = []
        for start in range(0, len(x), size):
            states = self._run_states(x[start : start + size])
            others = x[: start + size] if y is None else y
            parts = map(self._run_states, others.split(size))
            overlaps = [squared_overlaps(states, part) for part in parts]
            bands.append(torch.cat(overlaps, dim=1))
        if y is not None:
            return torch.cat(bands)
        wide = [pad(band, (0, len(x) - band.shape[1])) for band in bands]
        own = torch.eye(len(x), dtype=torch.bool, device=x.device)
        return _symmetric(torch.cat(wide)).masked_fill(own, 1.0)

    def _states_of(self, rows: Tensor) -> Tensor:
        return self.run_rows(rows, self._run_states, self._state_execution)

    def _run_states(self, rows: Tensor) -> Tensor:
        weights = dict(self.layer.qnode_weights)
        return run_layer(self._state_execution, [rows], weights)

    @property
    def _state_execution(self) -> Execution:
        """The circuit itself, where the layer is."""
        own = self.layer.execution
        if self._shown is None or self._shown[0] is not own:
            circuit = self.circuit.with_readout(State())
            how = (own.target, None, own.diff_method, own.options)
            self._shown = own, Execution(circuit, own.input_names, *how)
        return self._shown[1]

    # ---- By pairs of rows. ----

    def _of_pairs(self, x: Tensor, y: Tensor | None) -> Tensor:
        others = x if y is None else y
        above = 0 if self.measure_diagonal else 1
        self._check_memory(x, self._num_pairs(len(x), None if y is None else len(y)))
        if y is None:
            first, second = torch.triu_indices(len(x), len(x), above, device=x.device)
        else:
            first = torch.arange(len(x), device=x.device).repeat_interleave(len(y))
            second = torch.arange(len(y), device=x.device).repeat(len(x))
        overlaps = self._run_pairs(x[first], others[second])
        gram = x.new_zeros(len(x), len(others)).index_put((first, second), overlaps)
        if y is not None:
            return gram
        own = gram.diagonal() if self.measure_diagonal else torch.ones_like(x[:, 0])
        gram = gram.triu(1)
        return gram + gram.T + torch.diag(own)

    def _num_pairs(self, rows: int, columns: int | None) -> int:
        if columns is not None:
            return rows * columns
        return rows * (rows + (1 if self.measure_diagonal else -1)) // 2

    def _check_memory(self, x: Tensor, pairs: int) -> None:
        # Two rows, both orders of them while they are compared, places and results.
        needed = pairs * (6 * x.shape[1] + 8) * x.element_size()
        allowed = self.bound(x.device)
        if needed > allowed:
            raise MemoryBoundError(
                f"x: {pairs:,} pairs of rows take {needed:,} bytes, but {allowed:,} "
                "may be used; use ProjectedKernel, which takes one row for each "
                "point, NystroemFeatures(kernel, landmarks), or raise memory="
            )

    def _run_pairs(self, left: Tensor, right: Tensor) -> Tensor:
        # Of two rows always the same one comes first, so that what is known is found.
        differ = left != right
        column = differ.int().argmax(1, keepdim=True)
        swapped = left.gather(1, column) < right.gather(1, column)
        ordered = [torch.where(swapped, right, left), torch.where(swapped, left, right)]
        pairs = torch.cat(ordered, dim=1)
        if self.measure_diagonal:
            return self.run_rows(pairs, self._run_test)[:, 0]
        others = differ.any(1)
        overlaps = torch.ones_like(pairs[:, 0])
        found = self.run_rows(pairs[others], self._run_test)[:, 0]
        return overlaps.index_put((others,), found)

    def _run_test(self, pairs: Tensor) -> Tensor:
        device = self.layer.execution.qnode.device
        if sender_of(device) is not None:
            cost = self.price(len(pairs))
            if cost.jobs > self.max_jobs:
                raise TargetError(
                    f"x: {cost.rows:,} pairs of rows are {cost.executions:,} "
                    f"executions in {cost.jobs} jobs, {cost.seconds:,.0f} QPU "
                    f"seconds, but max_jobs={self.max_jobs}; use ProjectedKernel, "
                    "which takes one row for each point, NystroemFeatures(kernel, "
                    f"landmarks), fewer shots, or max_jobs={cost.jobs}"
                )
        overlaps: Tensor = self.layer(pairs)
        return overlaps


_COPIES = 4
"""How often states are there while overlaps are computed."""

_BAND = 128
"""Rows that are multiplied at once; of a symmetric matrix with those before them."""


def squared_overlaps(a: Tensor, b: Tensor | None = None) -> Tensor:
    r""":math:`\left|\langle b_j|a_i\rangle\right|^2` of all pairs of vectors.

    Args:
        a: (n, size), complex.
        b: (m, size), complex; None for a itself, whose vectors are normalised: only
            pairs with i ≥ j are multiplied, and those with i = j are exactly 1.

    Returns:
        (n, m), real.
    """
    if a.requires_grad or (b is not None and b.requires_grad):
        if b is not None:
            return _squares(a @ b.mH)
        own = torch.eye(len(a), dtype=torch.bool, device=a.device)
        return _symmetric(_squares(a @ a.mH)).masked_fill(own, 1.0)
    result = a.real.new_empty(len(a), len(a if b is None else b))
    for start in range(0, len(a), _BAND):
        stop = start + _BAND
        if b is not None:
            result[start:stop] = _squares(a[start:stop] @ b.mH)
            continue
        band = _squares(a[start:stop] @ a[:stop].mH)
        result[start:stop, :stop] = band
        result[:start, start:stop] = band[:, :start].T
        result[start:stop, start:stop] = _symmetric(band[:, start:])
    return result if b is not None else result.fill_diagonal_(1.0)


def _symmetric(square: Tensor) -> Tensor:
    """The lower triangle twice: products of matrices are symmetric but for rounding."""
    return square.tril() + square.tril(-1).T


def _squares(numbers: Tensor) -> Tensor:
    return torch.view_as_real(numbers).square().sum(-1)


# ---- The circuits. ----


@frozen
class _AllZero(Readout):
    """The probability of 0 on every wire, which no machine needs 2ⁿ numbers for."""

    def measure(self, wires: Sequence[Hashable]) -> Any:
        zeros = [0] * len(wires)
        return qml.expval(qml.Projector(zeros, wires=list(wires)))

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        return (1,)


@frozen(repr=False)
class _OfPair(Around):
    """A block that reads one of two rows laid side by side.

    Its weights have the name they have in the kernel's circuit.
    """

    block: Block
    first: int
    size: int
    name: str | None

    @property
    def num_features(self) -> int:
        return 2 * self.size if self.block.num_features else 0

    @property
    def features(self) -> tuple[int, ...] | None:
        return None

    @property
    def tied_name(self) -> str | None:
        return self.name

    def queue(self, inputs: Any, weights: Any) -> None:
        own = None if inputs is None else inputs[..., self.first :][..., : self.size]
        self.block.queue(own, weights)


def inversion_test(circuit: Circuit) -> Circuit:
    """U(y)†U(x) of rows (x, y), and the probability of 0 on every wire.

    Args:
        circuit: U(x, θ).

    Returns:
        A circuit of twice as many features, and of the same weights by name.
    """
    size = circuit.num_inputs
    named = list(zip(circuit.blocks, circuit.weight_names, strict=True))
    there = [_OfPair(block, 0, size, name) for block, name in named]
    back = [_OfPair(Adjoint(block), size, size, name) for block, name in named[::-1]]
    return Circuit((*there, *back), readout=_AllZero())


def up_to_last_encoding(circuit: Circuit) -> Circuit:
    """A circuit without what comes after its last encoding, which cancels in U(y)†U(x).

    Args:
        circuit: U(x, θ), with an encoding.

    Returns:
        The circuit, of unitary gates only.

    Raises:
        ArgumentError: Something is measured in the middle of it, or is no gate.
    """
    for gate in tape_of_gates(circuit).operations:
        if isinstance(gate, MidMeasure | Channel):
            raise ArgumentError(
                f"circuit: expected gates that can be undone, got {gate!r} in "
                f"{circuit!r}; leave it out, or use ProjectedKernel"
            )
    last = max(i for i, block in enumerate(circuit.blocks) if block.num_features)
    return evolve(circuit, blocks=circuit.blocks[: last + 1], readout=Expectation())
