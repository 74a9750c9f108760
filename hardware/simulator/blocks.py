"""Matrices of blocks of wires from angles, all blocks of a circuit at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.hardware.simulator.gates import IDENTITY
from qml_qdl.hardware.simulator.schedule import Product, Turn
from qml_qdl.hardware.simulator.setting import Setting
from qml_qdl.hardware.simulator.states import phases_of

BLOCK_WIRES = 4
"""Wires of a block: 16×16 products make the best use of a processor (measured)."""


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

    Args:
        size: Wires of a block, b.
        slots: (turns,) which angle each turn takes.
        phases: (turns, 2) phases of the two projectors at angle 1.
        projectors: (turns, 2, 2, 2).
        length: Turns of each wire of each block; (blocks · b · length) = turns.
        fixed: Whether no turn has an angle.
    """

    size: int
    slots: Tensor
    phases: Tensor
    projectors: Tensor
    length: int
    fixed: bool

    def __call__(self, angles: Tensor) -> Tensor:
        """The blocks' matrices.

        Args:
            angles: (slots,) real.

        Returns:
            (blocks, 2ᵇ, 2ᵇ), complex.
        """
        turned = angles.index_select(0, self.slots)
        blocks: Tensor = _Blocks.apply(turned, self)  # type: ignore[no-untyped-call]
        return blocks

    def factors(self, angles: Tensor) -> tuple[Tensor, list[Tensor], list[Level]]:
        """What the blocks are made of.

        Args:
            angles: (turns,) the turns' own angles.

        Returns:
            The projectors' phases (turns, 2); for each place in a chain the matrices
            there, (blocks · b, 2, 2); and the levels of the Kronecker product, from
            factors on one wire to the whole blocks.
        """
        turns = phases_of(angles[:, None] * self.phases)
        matrices = (turns[:, :, None, None] * self.projectors).sum(1)
        chains = list(matrices.reshape(-1, self.length, 2, 2).unbind(1))
        wires = chains[0]
        for chain in chains[1:]:
            wires = chain @ wires
        levels = [Level(wires.reshape(-1, self.size, 2, 2), None)]
        while not levels[-1].done:
            levels.append(levels[-1].next())
        return turns, chains, levels


@frozen(eq=False)
class Level:
    """Factors of Kronecker products: equal ones, and perhaps a last one.

    Args:
        equal: (blocks, count, s, s), in order.
        last: (blocks, t, t) behind them; None for none.
    """

    equal: Tensor
    last: Tensor | None

    @property
    def done(self) -> bool:
        """Whether there is one factor only: the block."""
        return self.equal.shape[1] == 1 and self.last is None

    def next(self) -> Level:
        """Neighbours multiplied."""
        count = self.equal.shape[1]
        if count == 1:
            assert self.last is not None
            return Level(_kronecker(self.equal, self.last[:, None]), None)
        if count % 2:
            # An odd one waits behind the pairs; blocks of up to 4 wires have only one.
            return Level(_kronecker(*self._pairs()), self.equal[:, -1])
        return Level(_kronecker(*self._pairs()), self.last)

    def _pairs(self) -> tuple[Tensor, Tensor]:
        end = self.equal.shape[1] // 2 * 2
        return self.equal[:, 0:end:2], self.equal[:, 1:end:2]

    def gradient(self, above: Level) -> Level:
        """Gradients of these factors from those of the next level's.

        Args:
            above: The gradients of what `next` returned.

        Returns:
            Gradients in the shape of this level.
        """
        if self.equal.shape[1] == 1:
            assert self.last is not None
            first, last = _split(above.equal, self.equal, self.last[:, None])
            return Level(first, last[:, 0])
        pair = _split(above.equal, *self._pairs())
        equal = torch.stack(pair, dim=2).flatten(1, 2)
        if self.equal.shape[1] % 2:
            assert above.last is not None
            return Level(torch.cat((equal, above.last[:, None]), dim=1), None)
        return Level(equal, above.last)


def _kronecker(left: Tensor, right: Tensor) -> Tensor:
    """Kronecker products of square matrices (blocks, count, ·, ·)."""
    product = left[..., :, None, :, None] * right[..., None, :, None, :]
    size = left.shape[-1] * right.shape[-1]
    return product.reshape(*left.shape[:2], size, size)


def _split(gradient: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the factors of Kronecker products."""
    sizes = (left.shape[-1], right.shape[-1])
    view = gradient.reshape(*gradient.shape[:2], *sizes, *sizes)
    first = (view * right.conj()[..., None, :, None, :]).sum((3, 5))
    second = (view * left.conj()[..., :, None, :, None]).sum((2, 4))
    return first, second


class _Blocks(torch.autograd.Function):
    """Kronecker products of chains of turns, with a gradient in few operations."""

    @staticmethod
    def forward(ctx: Any, angles: Tensor, maker: BlockMaker) -> Tensor:
        turns, chains, levels = maker.factors(angles)
        ctx.maker, ctx.made = maker, (turns, chains, levels[:-1])
        ctx.save_for_backward(angles)
        return levels[-1].equal[:, 0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        maker: BlockMaker = ctx.maker
        if torch.is_grad_enabled():
            (angles,) = ctx.saved_tensors
            blocks = maker.factors(angles)[2][-1].equal[:, 0]
            found = torch.autograd.grad(blocks, angles, gradient, create_graph=True)
            return found[0], None
        turns, chains, levels = ctx.made
        below = Level(gradient[:, None], None)
        for level in reversed(levels):
            below = level.gradient(below)
        matrices = _unchained(chains, below.equal.flatten(0, 1))
        overlaps = (matrices.conj()[:, None] * maker.projectors).sum((2, 3)) * turns
        return -(overlaps.imag * maker.phases).sum(1), None


def _unchained(matrices: list[Tensor], gradient: Tensor) -> Tensor:
    """Gradients of the factors of chains, in the order of the makers' turns."""
    befores = [matrices[0]]
    for matrix in matrices[1:-1]:
        befores.append(matrix @ befores[-1])
    found = []
    for index in range(len(matrices) - 1, -1, -1):
        found.append(gradient if not index else gradient @ befores[index - 1].mH)
        gradient = matrices[index].mH @ gradient
    return torch.stack(found[::-1], 1).flatten(0, 1)


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
        self, positions: Mapping[int, int], setting: Setting
    ) -> list[BlockMaker]:
        """One maker for each number of wires that occurs.

        Args:
            positions: For each slot its place among the angles that will come.
            setting: Precision and device.

        Returns:
            The makers.
        """
        makers = []
        for size, blocks in sorted(self._blocks.items()):
            length = max(len(chain) for block in blocks for chain in block)
            turns = [
                turn
                for block in blocks
                for chain in block
                for turn in chain + [_NOTHING] * (length - len(chain))
            ]
            index = [0 if t.slot is None else positions[t.slot] for t in turns]
            makers.append(
                BlockMaker(
                    size,
                    setting.tensor(np.array(index)),
                    setting.tensor(np.array([t.phases for t in turns])),
                    setting.tensor(np.array([[t.first, t.second] for t in turns])),
                    length,
                    all(turn.slot is None for turn in turns),
                )
            )
        return makers


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
