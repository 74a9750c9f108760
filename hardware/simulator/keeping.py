"""Which states an evolution keeps, so that fewer are found again by undoing steps."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from qml_qdl.hardware.simulator.steps import Step

MOST_KEPT = 4
"""States kept beside the last: a constant, so memory does not grow with depth."""


@frozen
class Keeping:
    """What an evolution keeps, and where its state is undone on the way back.

    Args:
        asking: Steps that ask for the state after them, since a gradient is wanted of
            a parameter they take.
        kept: Steps after which the state is kept, in order.
        undone: Steps through which the state is undone; through the others only the
            gradient is, for those before them ask for no state or find it kept.
    """

    asking: frozenset[int]
    kept: tuple[int, ...]
    undone: frozenset[int]

    @property
    def first(self) -> int:
        """The first step that asks: none before is undone for a parameter's sake."""
        return min(self.asking)

    @classmethod
    def of(
        cls, steps: Sequence[Step], wanted: Sequence[bool], most: int = MOST_KEPT
    ) -> Keeping:
        """Keeps the states that would cost most to find again.

        Args:
            steps: The evolution's steps.
            wanted: For each parameter whether its gradient is wanted.
            most: States to keep beside the last.

        Returns:
            What to keep.
        """
        asking = [
            index
            for index, step in enumerate(steps)
            if any(wanted[parameter] for parameter in step.taken)
        ]
        last = len(steps) - 1
        spared: dict[int, int] = {}  # by keeping the state after a step
        for index, later in zip(asking, [*asking[1:], last], strict=False):
            if index < last:
                spared[index] = sum(s.work for s in steps[index + 1 : later + 1])
        kept = set(sorted(spared, key=spared.__getitem__)[-most:])
        if asking and asking[-1] not in kept:
            kept.add(last)
        undone = set()
        found = False
        for index in range(len(steps)):
            if found:
                undone.add(index)
            found = (found or index in asking) and index not in kept
        return cls(frozenset(asking), tuple(sorted(kept)), frozenset(undone))
