"""Seeds of executions: torch's generator, or a stream of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from threading import Lock
from typing import Any, final

import numpy as np
import torch


@final
class Seeds:
    """Random numbers for one execution after the other.

    Without a seed they follow torch's global generator, so that `torch.manual_seed`
    (and Lightning's `seed_everything`) makes shots repeat, and a training goes on bit
    for bit where torch's state is restored. With a seed they do not depend on torch:
    the same executions in the same order sample the same.

    Args:
        seed: A whole number for a stream of its own; a generator, which is sampled
            from; None for torch's global generator.
        position: How many executions of the stream have sampled before.

    Example:
        >>> first, again = Seeds(7), Seeds(7)
        >>> int(first.next().integers(100)) == int(again.next().integers(100))
        True
        >>> _ = first.next()
        >>> int(first.next().integers(100)) == int(Seeds(7, 2).next().integers(100))
        True
    """

    def __init__(
        self, seed: int | np.random.Generator | None = None, position: int = 0
    ) -> None:
        self.seed = seed
        self._position = position
        self._lock = Lock()

    @property
    def position(self) -> int | None:
        """Executions of the own stream that have sampled; None where it has none."""
        whole = self.seed is not None and not isinstance(self.seed, np.random.Generator)
        return self._position if whole else None

    @position.setter
    def position(self, position: int) -> None:
        self._position = position

    def next(self) -> np.random.Generator:
        """The random numbers of the next execution."""
        if isinstance(self.seed, np.random.Generator):
            return self.seed
        if self.seed is None:
            # From the processor's generator, wherever new tensors go by default.
            sampled = torch.randint(2**63 - 1, (), dtype=torch.int64, device="cpu")
            return np.random.default_rng(int(sampled))
        with self._lock:
            self._position += 1
            return np.random.default_rng((self.seed, self._position))

    def __reduce__(self) -> tuple[Any, ...]:
        return Seeds, (self.seed, self._position)


class FedDevice:
    """A PennyLane device whose executions sample from `Seeds`, as `feed` makes them."""

    __slots__ = ()
    seeds: Seeds


@cache
def _fed(kind: Any) -> Any:
    def execute(device: Any, circuits: Any, execution_config: Any = None) -> Any:
        tapes = circuits if isinstance(circuits, Sequence) else (circuits,)
        if any(tape.shots for tape in tapes):
            # In place: a state vector may hold the same generator.
            device._rng.bit_generator.state = device.seeds.next().bit_generator.state
        return kind.execute(device, circuits, execution_config)

    names = ("__module__", "__qualname__", "__doc__")
    body = {name: getattr(kind, name) for name in names}
    return type(kind.__name__, (kind, FedDevice), {**body, "execute": execute})


def feed(device: Any, seeds: Seeds) -> None:
    """Has each execution of a PennyLane device sample its shots anew.

    By itself such a device samples one long stream, begun when it was made.

    Args:
        device: The device, with a NumPy generator; it is changed itself.
        seeds: Where its random numbers come from.
    """
    kind: Any = type(device)
    device.seeds = seeds
    device.__class__ = _fed(kind)
