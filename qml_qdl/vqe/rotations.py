"""Real rotations of pairs of basis states in a sector: circuits without qubits.

An excitation, or a Pauli word with an odd number of Y, has a real generator that takes
each basis state to at most one other. On the states of a sector it is a list of pairs,
and a gate costs as many multiplications as there are pairs, whatever the width of its
wires: the 441 determinants of water stand for 2¹⁴ amplitudes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from qml_qdl.circuits import Circuit, Excitations, FixedGates, PauliRotations
from qml_qdl.manybody.sectors import Sector


@frozen(eq=False)
class Pairs:
    """The pairs of basis states that a gate rotates by half its angle.

    Args:
        first: Positions in the sector, (pairs,); exp(θG) takes first to
            cos(θ/2) first + sin(θ/2) second.
        second: Likewise.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]

    def rotate(self, states: NDArray[np.float64], angle: float) -> None:
        """Rotates states in place.

        Args:
            states: Columns, (states, …).
            angle: θ in radians.
        """
        cosine, sine = np.cos(angle / 2), np.sin(angle / 2)
        first, second = states[self.first], states[self.second]
        states[self.first] = cosine * first - sine * second
        states[self.second] = cosine * second + sine * first

    def rotate_back(self, both: NDArray[np.float64], angle: float) -> float:
        """Undoes a gate on a state and on what H makes of it.

        Args:
            both: ψ and Hψ after the gate, (states, 2); before it, when this returns.
            angle: θ in radians.

        Returns:
            2`⟨Hψ|G|ψ⟩`, the derivative of the energy by θ.
        """
        cosine, sine = np.cos(angle / 2), np.sin(angle / 2)
        first, second = both[self.first], both[self.second]
        slope = first[:, 0] @ second[:, 1] - second[:, 0] @ first[:, 1]
        both[self.first] = cosine * first + sine * second
        both[self.second] = cosine * second - sine * first
        return float(slope)

    def derivative(self, state: NDArray[np.float64]) -> NDArray[np.float64]:
        """G ψ, the derivative of a state by the angle, (states,).

        Args:
            state: ψ after the gate, (states,).
        """
        found = np.zeros_like(state)
        found[self.second] = state[self.first] / 2
        found[self.first] = -state[self.second] / 2
        return found


class PairFinder:
    """Finds the pairs of gates in a sector.

    Args:
        sector: Configurations, not symmetrised.
    """

    def __init__(self, sector: Sector) -> None:
        self.sector = sector
        self._states = sector.states

    def _mask(self, places: Sequence[int]) -> np.uint64:
        bits = sum(1 << (self.sector.num_sites - 1 - place) for place in places)
        return np.uint64(bits)

    def _pairs(
        self, start: NDArray[np.bool_], flips: np.uint64, odd: NDArray[np.bool_]
    ) -> Pairs | None:
        """Pairs from states that start, turned round where the sign is odd."""
        first = np.flatnonzero(start)
        second, _ = self.sector.find(self._states[first] ^ flips)
        if (second < 0).any():
            return None
        turned = odd[first]
        return Pairs(np.where(turned, second, first), np.where(turned, first, second))

    def excitation(self, places: Sequence[int], fermionic: bool) -> Pairs | None:
        """The pairs of an excitation, as PennyLane's gates turn them.

        Args:
            places: Positions of wires, from and to.
            fermionic: Whether the wires between have signs.

        Returns:
            Pairs; None where it leaves the sector.
        """
        half = len(places) // 2
        full, empty = self._mask(places[:half]), self._mask(places[half:])
        start = ((self._states & full) == full) & ((self._states & empty) == 0)
        # PennyLane's gates without the signs of fermions turn the other way.
        odd = np.full(len(start), not fermionic)
        if fermionic:
            moved = self._states.copy()
            # a†ₐa†ᵦaᵢaⱼ from the right, each with the signs of the wires before it.
            for place in reversed((*places[half:], *places[:half])):
                below = np.bitwise_count(moved & self._mask(range(place))) & 1
                odd ^= below.astype(bool)
                moved ^= self._mask([place])
        return self._pairs(start, full | empty, odd)

    def word(self, word: str) -> Pairs | None:
        """The pairs of exp(−iθP/2) for a Pauli word P with an odd number of Y.

        P takes s to i^y (−1)^(bits under Y and Z) times s with X and Y flipped, so that
        −iP is real, and minus its transpose.

        Args:
            word: A letter for each wire.

        Returns:
            Pairs; None where it leaves the sector, or is not real.
        """
        letters = {k: [i for i, c in enumerate(word) if c in k] for k in ("XY", "YZ")}
        count = word.count("Y")
        if count % 2 == 0:
            return None
        flips, signs = self._mask(letters["XY"]), self._mask(letters["YZ"])
        lowest = self._mask(letters["XY"][-1:])
        states = self._states
        start = (states & lowest) == 0
        odd = (np.bitwise_count(states & signs) & 1).astype(bool)
        # −i · i^y is 1 for y = 1, 5, …, and −1 for y = 3, 7, ….
        return self._pairs(start, flips, odd ^ (count % 4 == 3))

    def gates(self, circuit: Circuit) -> tuple[int, list[Pairs]] | None:
        """A circuit as a basis state and rotations of pairs.

        Args:
            circuit: Any circuit.

        Returns:
            The position of the basis state that it begins with, and a gate for each of
            its weights, in order; None where it is made of other gates, does not keep
            the sector, or the sector is symmetrised.
        """
        where = {wire: place for place, wire in enumerate(circuit.wires)}
        start = np.zeros(1, np.uint64)
        found: list[Pairs | None] = []
        for block in circuit.blocks:
            own = [where[wire] for wire in block.wires]
            if isinstance(block, FixedGates) and block.gate == "PauliX" and not found:
                start ^= self._mask([own[place] for place in block.places])
            elif isinstance(block, Excitations) and own == sorted(own):
                found += (
                    self.excitation([own[k] for k in places], block.fermionic)
                    for places in block.excitations
                )
            elif isinstance(block, PauliRotations):
                for word in block.words:
                    letters = dict(zip(own, word, strict=True))
                    every = range(self.sector.num_sites)
                    found.append(self.word("".join(letters.get(k, "I") for k in every)))
            else:
                return None
        place = int(self.sector.find(start)[0][0])
        gates = [pairs for pairs in found if pairs is not None]
        whole = len(gates) == len(found) and place >= 0 and not self.sector.group
        return (place, gates) if whole else None
