"""Results of rows that are run once: equal points, and the states of training sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor


@final
class RowCache:
    """What was found for rows, while weights and target stay as they are.

    Rows are equal if all their bits are; results are kept without gradients. Copies of
    a cache, pickled ones too, are empty.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._owner: Any = None
        self._weights: list[Tensor] = []
        self._places: dict[bytes, int] = {}
        self._results: Tensor | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __setstate__(self, _: dict[str, Any]) -> None:
        self.clear()

    def __call__(
        self,
        rows: Tensor,
        run: Callable[[Tensor], Tensor],
        owner: Any,
        weights: Sequence[Tensor],
        most_bytes: int,
    ) -> Tensor:
        """The results of rows; those that are new are run, each once.

        Args:
            rows: (rows, numbers), which need no gradients.
            run: Takes new rows, and returns a result for each.
            owner: What runs them, compared by `is`: another one begins anew.
            weights: What else results depend on; other values begin anew.
            most_bytes: Results that take more are not kept.

        Returns:
            (rows, ...).
        """
        owner = (owner, rows.dtype, rows.device)
        if not self._is_of(owner, weights):
            self.clear()
            self._owner = owner
            self._weights = [weight.detach().clone() for weight in weights]
        places: list[int] = []
        new: list[int] = []
        known = dict(self._places)
        for number, key in enumerate(_keys(rows)):
            place = known.setdefault(key, len(known))
            if place == len(self._places) + len(new):
                new.append(number)
            places.append(place)
        results = self._results
        if new or results is None:
            found = run(rows if len(new) == len(rows) else rows[new]).detach()
            results = found if results is None else torch.cat([results, found])
            if results.nbytes <= most_bytes:
                self._places, self._results = known, results
        if places == list(range(len(results))):
            return results
        return results[places]

    def _is_of(self, owner: Any, weights: Sequence[Tensor]) -> bool:
        if self._owner is None or len(weights) != len(self._weights):
            return False
        same = self._owner[0] is owner[0] and self._owner[1:] == owner[1:]
        return same and all(map(torch.equal, self._weights, weights))


def _keys(rows: Tensor) -> list[bytes]:
    numbers = np.ascontiguousarray((rows.detach() + 0.0).cpu().numpy())  # −0 is 0
    if not numbers.size:
        return []
    keys: list[bytes] = numbers.view(f"V{numbers[0].nbytes}").ravel().tolist()
    return keys
