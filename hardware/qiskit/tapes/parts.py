"""What one basis adds to the columns of a readout, and how sure that is."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from attrs import frozen

from qml_qdl.hardware.qiskit.tapes.outcomes import Outcomes, Reals


@frozen(eq=False)
class Part(ABC):
    """What one basis adds to a column.

    Args:
        column: The column, or the first of several.
        basis: Position of the basis among the readout's.

    ---- to be implemented: `read`, `variances` ----
    """

    column: int
    basis: int

    @abstractmethod
    def read(self, outcomes: Outcomes) -> Reals:
        """(rows, columns) that are added."""

    @abstractmethod
    def variances(self, outcomes: Outcomes) -> Reals:
        """(rows, columns): the variances of what is read from a single shot."""


@frozen(eq=False)
class WordsPart(Part):
    """Pauli words that are measured together.

    Args:
        words: Wire positions of each word with its coefficient.
    """

    words: tuple[tuple[tuple[int, ...], float], ...]

    def read(self, outcomes: Outcomes) -> Reals:
        """Their sum."""
        values = [c * outcomes.parity(wires) for wires, c in self.words]
        return np.sum(values, axis=0)[:, None]  # type: ignore[no-any-return]

    def variances(self, outcomes: Outcomes) -> Reals:
        """The variance of their sum: the product of two words is a word, too."""
        squares = [
            a * b * outcomes.parity(tuple(set(one) ^ set(other)))
            for one, a in self.words
            for other, b in self.words
        ]
        total: Reals = np.sum(squares, axis=0)[:, None]
        return total - self.read(outcomes) ** 2


@frozen(eq=False)
class ValuesPart(Part):
    """An observable with one value for each outcome of some wires.

    Args:
        wires: Wire positions.
        values: (2**len(wires),) eigenvalues.
    """

    wires: tuple[int, ...]
    values: Reals

    def read(self, outcomes: Outcomes) -> Reals:
        """Its mean."""
        return (outcomes.marginal(self.wires) @ self.values)[:, None]

    def variances(self, outcomes: Outcomes) -> Reals:
        """Its variance."""
        squares = outcomes.marginal(self.wires) @ self.values**2
        return squares[:, None] - self.read(outcomes) ** 2


@frozen(eq=False)
class FrequenciesPart(Part):
    """The probabilities of all outcomes of some wires.

    Args:
        wires: Wire positions.
    """

    wires: tuple[int, ...]

    def read(self, outcomes: Outcomes) -> Reals:
        """The frequencies."""
        return outcomes.marginal(self.wires)

    def variances(self, outcomes: Outcomes) -> Reals:
        """Their variances."""
        frequencies = self.read(outcomes)
        return frequencies * (1 - frequencies)
