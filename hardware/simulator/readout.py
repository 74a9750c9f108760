"""Measurements of a batch of states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.hardware.simulator.setting import Setting


class _Squares(torch.autograd.Function):
    """|ψ|² without the detour autograd takes over real and imaginary part."""

    @staticmethod
    def forward(ctx: Any, state: Tensor) -> Tensor:
        ctx.save_for_backward(state)
        return state.real.square() + state.imag.square()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        (state,) = ctx.saved_tensors
        scaled = torch.view_as_real(state) * (2 * gradient).unsqueeze(-1)
        return torch.view_as_complex(scaled)


def squares(state: Tensor) -> Tensor:
    """The probability of each basis state.

    Args:
        state: (L, 2ⁿ, T), complex.

    Returns:
        (L, 2ⁿ, T), real.
    """
    probabilities: Tensor = _Squares.apply(state)
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
            return (self.weights @ overlaps[0]).real
        return (self.weights @ overlaps[:, :, 0].T).real


@frozen(eq=False)
class Expectations:
    """Expectation values of observables made of Pauli words, all at once.

    Args:
        flips: One entry for each set of wires that some word flips.
    """

    flips: tuple[Flip, ...]

    def __call__(self, state: Tensor) -> Tensor:
        """The expectation values.

        Args:
            state: (L, 2ⁿ, T), complex.

        Returns:
            (outputs, rows), real.
        """
        first, *others = [flip(state) for flip in self.flips]
        return sum(others, start=first)


def compile_expectations(
    sentences: Sequence[Any], num_wires: int, setting: Setting
) -> Expectations:
    """Compiles observables.

    Args:
        sentences: PennyLane Pauli sentences on wire positions, one for each output.
        num_wires: Wires of the circuit, n.
        setting: Precision and device.

    Returns:
        What computes their expectation values.
    """
    weights: dict[int, NDArray[np.complex128]] = {}
    for output, sentence in enumerate(sentences):
        for word, coefficient in sentence.items():
            mask, phases = _word(word, num_wires)
            shape = (len(sentences), 2**num_wires)
            rows = weights.setdefault(mask, np.zeros(shape, dtype=complex))
            rows[output] += complex(qml.math.toarray(coefficient)) * phases
    if not weights:
        weights[0] = np.zeros((len(sentences), 2**num_wires), dtype=complex)
    flips = []
    for mask, rows in sorted(weights.items()):
        sources = np.arange(2**num_wires) ^ mask
        flips.append(
            Flip(
                setting.tensor(sources) if mask else None,
                setting.tensor(rows if mask else np.ascontiguousarray(rows.real)),
            )
        )
    return Expectations(tuple(flips))


def _word(word: Any, num_wires: int) -> tuple[int, NDArray[np.complex128]]:
    """Which wires a Pauli word flips, and the phase it gives each basis state."""
    basis = np.arange(2**num_wires)
    phases = np.ones(2**num_wires, dtype=complex)
    mask = 0
    for wire, letter in word.items():
        shift = num_wires - 1 - wire
        signs = 1 - 2.0 * (basis >> shift & 1)
        if letter in "XY":
            mask |= 1 << shift
        if letter == "Y":
            phases = phases * 1j
        if letter in "YZ":
            phases = phases * signs
    return mask, phases
