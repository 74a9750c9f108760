"""Measurements of a batch of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.hardware.simulator.modes import is_transformed
from qml_qdl.hardware.simulator.states import marginals
from qml_qdl.hardware.simulator.tensor_options import MOST_WIRES_PATTERNS, TensorOptions


class _Squares(torch.autograd.Function):
    """|ψ|² without the detour autograd takes over real and imaginary part."""

    @staticmethod
    def forward(ctx: Any, state: Tensor) -> Tensor:
        ctx.save_for_backward(state)
        return _squares(state)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        state: Tensor
        (state,) = ctx.saved_tensors
        return state * (2 * gradient)


def _squares(state: Tensor) -> Tensor:
    # In one row of memory: half as long as real and imaginary part apart.
    pairs = torch.view_as_real(state).square()
    return pairs[..., 0] + pairs[..., 1]


def squares(state: Tensor) -> Tensor:
    """The probability of each basis state.

    Args:
        state: (L, 2ⁿ, T), complex.

    Returns:
        (L, 2ⁿ, T), real.
    """
    if is_transformed():
        return _squares(state)
    probabilities: Tensor = _Squares.apply(state)  # type: ignore[no-untyped-call]
    return probabilities


@frozen(eq=False)
class Flip:
    """All Pauli words that flip the same wires.

    Args:
        sources: (2ⁿ,) each basis state with those wires flipped; None where none is.
        weights: (outputs, 2ⁿ): each output's phase of each basis state; real where
            nothing is flipped.
    """

    sources: Tensor | None
    weights: Tensor

    def __call__(self, state: Tensor) -> Tensor:
        """(outputs, rows) these words' part of the expectation values."""
        if self.sources is None:
            overlaps = squares(state)
        else:
            overlaps = state.index_select(1, self.sources).conj() * state
        if overlaps.shape[0] == 1:
            return (self.weights @ overlaps.squeeze(0)).real
        return (self.weights @ overlaps.squeeze(2).T).real


@frozen(eq=False)
class SingleZ:
    """Words of a single Z among many wires.

    Args:
        weights: (outputs, 2n): each output's factor of each wire's two settings.
    """

    weights: Tensor

    def __call__(self, state: Tensor) -> Tensor:
        """(outputs, rows) these words' part of the expectation values."""
        overlaps = squares(state)
        single = overlaps.shape[0] == 1
        flat = overlaps.squeeze(0) if single else overlaps.squeeze(2).T
        return self.weights @ marginals(flat)


@frozen(eq=False)
class LocalWord:
    """One Pauli word among many wires, without a number for each amplitude.

    Args:
        shape: The state's amplitudes cut at the word's wires: (gap, 2, …, 2, gap).
        flipped: Dimensions of that shape in which X or Y flips.
        phases: The phase of each options of the wires, shaped (1, 2, …, 2, 1).
        weights: (outputs, 1) each output's coefficient of the word.
    """

    shape: tuple[int, ...]
    flipped: tuple[int, ...]
    phases: Tensor
    weights: Tensor

    def __call__(self, state: Tensor) -> Tensor:
        """(outputs, rows) this word's part of the expectation values."""
        view = state.unflatten(1, self.shape)
        if self.flipped:
            overlaps = view.flip([1 + axis for axis in self.flipped]).conj() * view
        else:
            overlaps = squares(state).unflatten(1, self.shape)
        weighted: Tensor = overlaps * self.phases[..., None]
        terms = weighted.flatten(1, -2).sum(1).real
        return self.weights * terms.reshape(1, -1)


@frozen(eq=False)
class Expectations:
    """Expectation values of observables made of Pauli words, all at once.

    Args:
        parts: What the values are the sum of.
    """

    parts: tuple[Flip | SingleZ | LocalWord, ...]

    def __call__(self, state: Tensor) -> Tensor:
        """The expectation values.

        Args:
            state: (L, 2ⁿ, T), complex.

        Returns:
            (outputs, rows), real.
        """
        first, *others = [part(state) for part in self.parts]
        return sum(others, start=first)


def compile_expectations(
    sentences: Sequence[Any], num_wires: int, options: TensorOptions
) -> Expectations:
    """Compiles observables.

    Args:
        sentences: PennyLane Pauli sentences on wire positions, one for each output.
        num_wires: Wires of the circuit, n.
        options: Precision and device.

    Returns:
        What computes their expectation values.
    """
    words: dict[Any, NDArray[np.complex128]] = {}
    for output, sentence in enumerate(sentences):
        for word, coefficient in sentence.items():
            column = words.setdefault(word, np.zeros(len(sentences), dtype=complex))
            column[output] += complex(qml.math.toarray(coefficient))
    if not words:
        words[qml.pauli.PauliWord({})] = np.zeros(len(sentences), dtype=complex)
    if num_wires <= MOST_WIRES_PATTERNS:
        return Expectations(_flips(words, num_wires, options))
    return Expectations(_local(words, num_wires, options))


def _flips(
    words: Mapping[Any, NDArray[np.complex128]], num_wires: int, options: TensorOptions
) -> tuple[Flip, ...]:
    weights: dict[int, NDArray[np.complex128]] = {}
    for word, column in words.items():
        mask, phases = _pattern(word, num_wires)
        shape = (len(column), 2**num_wires)
        rows = weights.setdefault(mask, np.zeros(shape, dtype=complex))
        rows += column[:, None] * phases
    sources = np.arange(2**num_wires)
    return tuple(
        Flip(
            options.tensor(sources ^ mask) if mask else None,
            options.tensor(rows if mask else np.ascontiguousarray(rows.real)),
        )
        for mask, rows in sorted(weights.items())
    )


def _pattern(word: Any, num_wires: int) -> tuple[int, NDArray[np.complex128]]:
    """Which wires a Pauli word flips, and the phase it gives each basis state."""
    basis = np.arange(2**num_wires)
    phases = np.ones(2**num_wires, dtype=complex)
    mask = 0
    for wire, letter in word.items():
        shift = num_wires - 1 - wire
        phases = phases * _PHASES[letter][basis >> shift & 1]
        if letter in "XY":
            mask |= 1 << shift
    return mask, phases


_PHASES = {
    "X": np.array([1, 1], dtype=complex),
    "Y": np.array([1j, -1j]),
    "Z": np.array([1, -1], dtype=complex),
}
"""What each Pauli matrix multiplies |0⟩ and |1⟩ by, before it may flip them."""


def _local(
    words: Mapping[Any, NDArray[np.complex128]], num_wires: int, options: TensorOptions
) -> tuple[SingleZ | LocalWord, ...]:
    singles = np.zeros((len(next(iter(words.values()))), 2 * num_wires))
    parts: list[SingleZ | LocalWord] = []
    for word, column in words.items():
        if list(word.values()) == ["Z"]:
            (wire,) = word
            singles[:, 2 * wire] += column.real
            singles[:, 2 * wire + 1] -= column.real
            continue
        shape, axes, flipped, last = [], [], [], -1
        phases = np.ones(1, dtype=complex)
        for wire, letter in sorted(word.items()):
            shape += [2 ** (wire - last - 1), 2]
            axes += [1, 2]
            phases = np.kron(phases, _PHASES[letter])
            if letter in "XY":
                flipped.append(len(shape) - 1)
            last = wire
        shape.append(2 ** (num_wires - 1 - last))
        kept = phases if flipped else np.ascontiguousarray(phases.real)
        parts.append(
            LocalWord(
                tuple(shape),
                tuple(flipped),
                options.tensor(kept).reshape(*axes, 1),
                options.tensor(np.ascontiguousarray(column.real))[:, None],
            )
        )
    if singles.any() or not parts:
        parts.append(SingleZ(options.tensor(singles)))
    return tuple(parts)
