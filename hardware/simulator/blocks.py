"""Matrices of blocks of wires from angles, all blocks of a circuit at once.

A block's matrix is B = M₁⊗…⊗M_b, a wire's M = L_m…L₁ and a link L = Σₜ exp(iΦₜ)Tₜ with
Φₜ = Σₖ pₜₖθₖ. The way back, for the gradient G by B, dL = Re Σᵢⱼ Ḡᵢⱼ dBᵢⱼ:

1. From block to wire. Changing M alone, dB = (dM M† ⊗ 1)B, since B is unitary. So
   dL = Re Σ R ∘ (dM M†) where R = tr_others(ḠBᵀ), the other wires traced out, which is
   Re Σ (RM̄) ∘ dM: the conjugated gradient by M is H = RM̄.
2. From wire to link. dM = (L_m…L_{l+1}) dL_l (L_{l−1}…L₁), so L_l's is
   (L_m…L_{l+1})ᵀ H (L_{l−1}…L₁)ᵀ.
3. From link to angle. dL_l = i exp(iΦₜ)Tₜ dΦₜ; with oₜ = exp(iΦₜ) Σ Hₗ ∘ Tₜ it is
   dL = −Im oₜ dΦₜ, hence ∂L/∂θₖ = −Σₜ pₜₖ Im oₜ.

(∘ is the product entry by entry, Σ the sum of all entries.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.hardware.simulator.gates.actions import IDENTITY, Matrix
from qml_qdl.hardware.simulator.modes import is_transformed, own_precision
from qml_qdl.hardware.simulator.schedule import Product, Turn
from qml_qdl.hardware.simulator.states import phases_of
from qml_qdl.hardware.simulator.tensor_options import TensorOptions


def kronecker_products(factors: Tensor) -> Tensor:
    """Kronecker products of 2×2 matrices.

    Args:
        factors: (blocks, b, 2, 2).

    Returns:
        (blocks, 2ᵇ, 2ᵇ).
    """
    last: Tensor | None = None
    while factors.shape[1] > 1:
        if factors.shape[1] % 2:
            last = _joined(factors[:, -1:], last)
            factors = factors[:, :-1]
        factors = _joined(factors[:, 0::2], factors[:, 1::2])
    return _joined(factors, last)[:, 0]


def _joined(left: Tensor, right: Tensor | None) -> Tensor:
    """Kronecker products of matrices (blocks, count, ·, ·)."""
    if right is None:
        return left
    product = left[:, :, :, None, :, None] * right[:, :, None, :, None, :]
    size = left.shape[2] * right.shape[2]
    return product.reshape(*left.shape[:2], size, size)


def partial_traces(size: int) -> NDArray[np.float64]:
    """What traces all wires but one out of a matrix, for each wire.

    Args:
        size: Wires of the matrix, b.

    Returns:
        (4ᵇ, b · 4): a matrix's entries times this are those of 2×2 matrices.
    """
    wires = np.arange(size)
    bits = np.arange(2**size)[:, None] >> (size - 1 - wires) & 1
    rows, columns = bits[:, None], bits[None, :]
    unequal = (rows != columns).sum(2, keepdims=True) - (rows != columns)
    places = np.eye(4)[2 * rows + columns] * (unequal == 0)[..., None]
    traces: NDArray[np.float64] = places.reshape(4**size, 4 * size)
    return traces


BLOCK_WIRES = 4
"""Wires of a block: 16×16 products make the best use of a processor (measured)."""

LINK_TURNS = 3
"""Turns of a link: 2³ terms."""


def block_layout(num_wires: int) -> list[tuple[int, int]]:
    """Cuts the wires into blocks of at most four, as even as can be.

    Args:
        num_wires: Wires of the circuit.

    Returns:
        First wire and number of wires of each block.

    Example:
        >>> block_layout(10)
        [(0, 4), (4, 3), (7, 3)]
    """
    count = -(-num_wires // BLOCK_WIRES)
    small, larger = divmod(num_wires, count)
    sizes = [small + 1] * larger + [small] * (count - larger)
    starts = np.cumsum([0, *sizes[:-1]])
    return [(int(start), size) for start, size in zip(starts, sizes, strict=True)]


@frozen(eq=False)
class BlockMaker:
    """Makes all blocks of one number of wires from the angles.

    What is done to one wire is a chain of links, each up to three turns multiplied out:
    the sum of eight fixed matrices, each times a phase that is linear in three angles.

    Args:
        size: Wires of a block, b.
        slots: (links · turns,) which angle each turn takes.
        phases: (links, terms, turns) each term's phase at angle 1 of each turn.
        terms: (links, terms, 4) the fixed 2×2 matrices.
        traces: (4ᵇ, 4b) traces all of a block's wires but one out, for each wire.
        length: Links of each wire of each block; (blocks · b · length) = links.
        fixed: Whether no turn has an angle.
    """

    size: int
    slots: Tensor
    phases: Tensor
    terms: Tensor
    traces: Tensor
    length: int
    fixed: bool

    def __call__(self, angles: Tensor) -> Tensor:
        """The blocks' matrices.

        Args:
            angles: (slots,) real.

        Returns:
            (blocks, 2ᵇ, 2ᵇ), complex.
        """
        if is_transformed():
            return self.matrices(self.factors(angles)[2])
        blocks: Tensor = _Blocks.apply(angles, self)  # type: ignore[no-untyped-call]
        return blocks

    def factors(self, angles: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """What the blocks are made of.

        Args:
            angles: (slots,) real.

        Returns:
            The terms' phases (links, terms); for each place in a chain the matrices
            there, (blocks · b, 2, 2); and each wire's product of them, the same.
        """
        turned = angles.index_select(0, self.slots)
        links, terms, count = self.phases.shape
        turns = phases_of(torch.bmm(self.phases, turned.reshape(links, count, 1)))
        matrices = torch.bmm(turns.reshape(links, 1, terms), self.terms)
        chain = list(matrices.reshape(-1, self.length, 2, 2).unbind(1))
        wires = chain[0]
        for link in chain[1:]:
            wires = torch.bmm(link, wires)
        return turns, chain, wires

    def matrices(self, wires: Tensor) -> Tensor:
        """The blocks' matrices from those of their wires."""
        return kronecker_products(wires.reshape(-1, self.size, 2, 2))


class _Blocks(torch.autograd.Function):
    """Kronecker products of chains of turns, with a gradient in few operations."""

    @staticmethod
    def forward(ctx: Any, angles: Tensor, maker: BlockMaker) -> Tensor:
        turns, chain, wires = maker.factors(angles)
        blocks = maker.matrices(wires)
        ctx.maker, ctx.made = maker, (turns, chain, wires)
        ctx.save_for_backward(angles, blocks)
        return blocks

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        with own_precision(gradient.device):
            return _Blocks._found(ctx, gradient)

    @staticmethod
    def _found(ctx: Any, gradient: Tensor) -> Any:
        maker: BlockMaker = ctx.maker
        angles, blocks = ctx.saved_tensors
        if torch.is_grad_enabled() or is_transformed(gradient):
            again = torch.is_grad_enabled()
            with torch.enable_grad():
                blocks = maker.matrices(maker.factors(angles)[2])
            found = torch.autograd.grad(blocks, angles, gradient, create_graph=again)
            return found[0], None
        turns, chain, wires = ctx.made
        # 1, 2, 3 as above.
        behind = torch.bmm(gradient.conj(), blocks.mT)
        traced = torch.mm(behind.reshape(len(behind), -1), maker.traces)
        links = _unchained(chain, torch.bmm(traced.reshape(-1, 2, 2), wires.conj()))
        overlaps = torch.bmm(maker.terms, links.reshape(-1, 4, 1)) * turns
        changes = torch.bmm(maker.phases.mT, -overlaps.imag).reshape(-1)
        return torch.zeros_like(angles).index_add_(0, maker.slots, changes), None


def _unchained(matrices: list[Tensor], gradient: Tensor) -> Tensor:
    """Conjugated gradients of the links of chains, in the makers' order."""
    if len(matrices) == 1:
        return gradient
    befores = [matrices[0]]
    for matrix in matrices[1:-1]:
        befores.append(torch.bmm(matrix, befores[-1]))
    found = []
    for matrix, before in zip(matrices[:0:-1], befores[::-1], strict=True):
        found.append(torch.bmm(gradient, before.mT))
        gradient = torch.bmm(matrix.mT, gradient)
    return torch.stack([gradient, *found[::-1]], 1).flatten(0, 1)


class BlockList:
    """Collects the blocks of a schedule, then makes their makers.

    Args:
        num_wires: Wires of the circuit.
    """

    def __init__(self, num_wires: int) -> None:
        self._layout = block_layout(num_wires)
        self._blocks: dict[int, list[list[list[Turn]]]] = {}

    def add(self, stage: Product) -> list[tuple[int, int, int]]:
        """Adds a tensor product.

        Args:
            stage: The stage.

        Returns:
            For each block that turns anything: its first wire, its number of wires, and
            its index among the blocks of that number.
        """
        added = []
        for start, size in self._layout:
            chains = [stage.turns.get(w, []) for w in range(start, start + size)]
            if any(chains):
                blocks = self._blocks.setdefault(size, [])
                added.append((start, size, len(blocks)))
                blocks.append([_folded(chain) for chain in chains])
        return added

    def makers(
        self, positions: Mapping[int, int], options: TensorOptions
    ) -> list[BlockMaker]:
        """One maker for each number of wires that occurs.

        Args:
            positions: For each slot its place among the angles that will come.
            options: Precision and device.

        Returns:
            The makers.
        """
        return [
            self._maker(size, blocks, positions, options)
            for size, blocks in sorted(self._blocks.items())
        ]

    def _maker(
        self,
        size: int,
        blocks: Sequence[Sequence[list[Turn]]],
        positions: Mapping[int, int],
        options: TensorOptions,
    ) -> BlockMaker:
        longest = max(len(chain) for block in blocks for chain in block)
        length = -(-longest // LINK_TURNS)
        count = -(-longest // length)
        turns = [
            turn
            for block in blocks
            for chain in block
            for turn in chain + [_NOTHING] * (length * count - len(chain))
        ]
        index = [0 if t.slot is None else positions[t.slot] for t in turns]
        return BlockMaker(
            size,
            options.tensor(np.array(index)),
            options.tensor(_phases(turns, count)),
            options.tensor(_terms(turns, count)),
            options.tensor(partial_traces(size).astype(complex)),
            length,
            all(turn.slot is None for turn in turns),
        )


def _phases(turns: Sequence[Turn], count: int) -> NDArray[np.float64]:
    """(links, terms, turns): each turn's phase in each term of its link."""
    phases = np.array([turn.phases for turn in turns]).reshape(-1, count, 2)
    choices = np.array([*product((0, 1), repeat=count)])
    # In one row of memory, as programs that are exported want constants to be.
    return np.ascontiguousarray(phases[:, np.arange(count), choices])


def _terms(turns: Sequence[Turn], count: int) -> Matrix:
    """(links, terms, 4): products of one of each turn's two matrices."""
    pairs = np.array([(turn.first, turn.second) for turn in turns])
    pairs = pairs.reshape(-1, count, 1, 2, 2, 2)
    terms = np.eye(2, dtype=complex)[None, None].repeat(len(pairs), 0)
    for place in range(count):
        terms = (pairs[:, place] @ terms[:, :, None]).reshape(len(pairs), -1, 2, 2)
    return terms.reshape(len(pairs), -1, 4)


_NOTHING = Turn(None, (0.0, 0.0), IDENTITY, np.zeros((2, 2), dtype=complex))


def _folded(chain: Sequence[Turn]) -> list[Turn]:
    """The same product, with fixed matrices multiplied into their neighbours."""
    folded: list[Turn] = []
    for turn in chain:
        if turn.slot is None and folded:
            last = folded.pop()
            first, second = turn.first @ last.first, turn.first @ last.second
        elif folded and folded[-1].slot is None:
            fixed = folded.pop().first
            last = turn
            first, second = turn.first @ fixed, turn.second @ fixed
        else:
            last, first, second = turn, turn.first, turn.second
        folded.append(Turn(last.slot, last.phases, first, second))
    return folded or [_NOTHING]
