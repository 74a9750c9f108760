"""Measurements of a batch of states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.hardware.simulator.modes import is_transformed, own_precision
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

    With t_k = ψ̄_(k⊕x) ψ_k for the flipped wires x, their part of a value is
    Σ (real_k Re t_k + imag_k Im t_k) = Re Σ h_k t_k, where h = real − i imag is what
    the words, times their coefficients, multiply basis states by before they flip them.

    Args:
        sources: (2ⁿ,) each basis state with those wires flipped; None where none is.
        outputs: (outputs,) which values they are part of; None for all, in order.
        real: (outputs, 2ⁿ) by words with an even number of Y; None without.
        imag: (outputs, 2ⁿ) by words with an odd number; None without.
    """

    sources: Tensor | None
    outputs: Tensor | None
    real: Tensor | None
    imag: Tensor | None

    def __call__(self, state: Tensor) -> Tensor:
        """(outputs, rows) these words' part of their expectation values."""
        if self.sources is None:
            assert self.real is not None  # a Y flips
            return self.real @ _columns(squares(state))
        overlaps = state.index_select(1, self.sources).conj() * state
        found = [
            weights @ _columns(part)
            for weights, part in (
                (self.real, overlaps.real),
                (self.imag, overlaps.imag),
            )
            if weights is not None
        ]
        return found[0] if len(found) == 1 else found[0] + found[1]

    def applied(self, state: Tensor, factors: Tensor) -> Tensor:
        """These words times factors of their outputs, applied to states.

        Args:
            state: (L, 2ⁿ, T), complex.
            factors: (outputs, rows), real.

        Returns:
            Of the states' shape.
        """
        own = factors if self.outputs is None else factors.index_select(0, self.outputs)
        real, imag = (
            weights if weights is None else _as_states(weights.T @ own, state)
            for weights in (self.real, self.imag)
        )
        phases = real
        if imag is not None:
            phases = torch.complex(
                torch.zeros_like(imag) if real is None else real, -imag
            )
        assert phases is not None  # there are words
        changed = phases * state
        if self.sources is None:
            return changed
        return changed.index_select(1, self.sources)


def _columns(values: Tensor) -> Tensor:
    """(L, 2ⁿ, T) as (2ⁿ, rows)."""
    return values.squeeze(0) if values.shape[0] == 1 else values.squeeze(2).T


def _as_states(values: Tensor, like: Tensor) -> Tensor:
    """(2ⁿ, rows) as (L, 2ⁿ, T)."""
    return values[None] if like.shape[0] == 1 else values.T[..., None]


class _Flips(torch.autograd.Function):
    """The values of many words; on the way back all are applied as one operator."""

    @staticmethod
    def forward(ctx: Any, state: Tensor, flips: Flips) -> Tensor:
        ctx.flips = flips
        ctx.save_for_backward(state)
        return flips.plainly(state)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (state,) = ctx.saved_tensors
        if torch.is_grad_enabled() or is_transformed(gradient):
            again = torch.is_grad_enabled()
            with torch.enable_grad():
                values = ctx.flips.plainly(state)
            found = torch.autograd.grad(values, state, gradient, create_graph=again)
            return found[0], None
        with own_precision(gradient.device):
            first, *others = ctx.flips.parts
            total = first.applied(state, 2 * gradient)
            for flip in others:
                total += flip.applied(state, 2 * gradient)
            return total, None


@frozen(eq=False)
class Flips:
    """Pauli words, by the wires that they flip.

    Args:
        parts: For each set of wires its words.
        outputs: How many values there are.
    """

    parts: tuple[Flip, ...]
    outputs: int

    def __call__(self, state: Tensor) -> Tensor:
        """(outputs, rows) these words' part of the expectation values."""
        if is_transformed():
            return self.plainly(state)
        values: Tensor = _Flips.apply(state, self)  # type: ignore[no-untyped-call]
        return values

    def plainly(self, state: Tensor) -> Tensor:
        """The same, as torch differentiates it."""
        only = self.parts[0]
        if len(self.parts) == 1 and only.outputs is None:
            return only(state)
        rows = state.shape[0] * state.shape[2]
        found = state.real.new_zeros(self.outputs, rows)
        for part in self.parts:
            own = part(state)
            if part.outputs is None:
                found = found + own
            else:
                found = found.index_add(0, part.outputs, own)
        return found


@frozen(eq=False)
class SingleZ:
    """Words of a single Z among many wires.

    Args:
        weights: (outputs, 2n): each output's factor of each wire's two settings.
    """

    weights: Tensor

    def __call__(self, state: Tensor) -> Tensor:
        """(outputs, rows) these words' part of the expectation values."""
        return self.weights @ marginals(_columns(squares(state)))


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

    parts: tuple[Flips | SingleZ | LocalWord, ...]

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
    words = _coefficients(sentences)
    parts: list[Flips | SingleZ | LocalWord] = []
    if num_wires > MOST_WIRES_PATTERNS:
        singles = {w: own for w, own in words.items() if [*w.values()] == ["Z"]}
        words = {word: own for word, own in words.items() if word not in singles}
        if singles:
            parts.append(_singles(singles, len(sentences), num_wires, options))
    flips = _by_flipped(words)
    count = len(sentences)
    if sum(map(len, flips.values())) * 2**num_wires > MOST_NUMBERS:
        parts += [_local(*each, count, num_wires, options) for each in words.items()]
    elif flips or not parts:
        parts.append(_flips(flips or {frozenset(): {}}, count, num_wires, options))
    return Expectations(tuple(parts))


MOST_NUMBERS = 2**24
"""Up to so many numbers, each set of flipped wires has one for each amplitude."""

Terms: TypeAlias = dict[int, list[tuple[tuple[int, ...], int, float]]]
"""For each output its words: where Z or Y are, how many Y, and the coefficient."""


def _coefficients(sentences: Sequence[Any]) -> dict[Any, dict[int, float]]:
    """For each word its coefficient in each output that has it."""
    words: dict[Any, dict[int, float]] = {}
    for output, sentence in enumerate(sentences):
        for word, coefficient in sentence.items():
            own = words.setdefault(word, {})
            factor = float(np.real(qml.math.toarray(coefficient)))
            own[output] = own.get(output, 0.0) + factor
    return words


def by_flipped(sentences: Sequence[Any]) -> dict[frozenset[int], Terms]:
    """Words of observables by the wires that they flip.

    Args:
        sentences: PennyLane Pauli sentences on wire positions, one for each output.

    Returns:
        For each set of flipped wires the words' terms.
    """
    return _by_flipped(_coefficients(sentences))


def bits_of(wires: Iterable[int], num_wires: int) -> int:
    """The basis state in which some wires are 1.

    Args:
        wires: Positions of wires, of which the first is the leading bit.
        num_wires: Wires of the circuit.
    """
    return sum(1 << num_wires - 1 - wire for wire in wires)


def _by_flipped(
    words: Mapping[Any, Mapping[int, float]],
) -> dict[frozenset[int], Terms]:
    found: dict[frozenset[int], Terms] = {}
    for word, own in words.items():
        flipped = frozenset(w for w, letter in word.items() if letter in "XY")
        signed = tuple(w for w, letter in word.items() if letter in "YZ")
        count = sum(letter == "Y" for letter in word.values())
        terms = found.setdefault(flipped, {})
        for output, factor in own.items():
            terms.setdefault(output, []).append((signed, count, factor))
    return found


def _flips(
    flips: Mapping[frozenset[int], Terms],
    outputs: int,
    num_wires: int,
    options: TensorOptions,
) -> Flips:
    basis = np.arange(2**num_wires)

    def made(flipped: frozenset[int], terms: Terms) -> Flip:
        # With an even number of Y, or an odd one.
        weights: list[NDArray[np.float64] | None] = [None, None]
        for row, words in enumerate(terms.values()):
            for signed, count, factor in words:
                signs = 1.0 - 2.0 * (
                    np.bitwise_count(basis & bits_of(signed, num_wires)) & 1
                )
                which = weights[count % 2]
                if which is None:
                    which = weights[count % 2] = np.zeros((len(terms), len(basis)))
                # iʸ is 1, i, −1, −i; for odd y it is −Im that is kept.
                which[row] += (1, -1, -1, 1)[count % 4] * factor * signs
        if not terms:
            weights[0] = np.zeros((outputs, len(basis)))
        whole = not terms or list(terms) == list(range(outputs))
        real, imag = (None if w is None else options.tensor(w) for w in weights)
        return Flip(
            options.tensor(basis ^ bits_of(flipped, num_wires)) if flipped else None,
            None if whole else options.tensor(np.array([*terms])),
            real,
            imag,
        )

    return Flips(tuple(made(*each) for each in flips.items()), outputs)


_PHASES = {
    "X": np.array([1, 1], dtype=complex),
    "Y": np.array([1j, -1j]),
    "Z": np.array([1, -1], dtype=complex),
}
"""What each Pauli matrix multiplies |0⟩ and |1⟩ by, before it may flip them."""


def _singles(
    words: Mapping[Any, Mapping[int, float]],
    outputs: int,
    num_wires: int,
    options: TensorOptions,
) -> SingleZ:
    weights = np.zeros((outputs, 2 * num_wires))
    for word, own in words.items():
        (wire,) = word
        for output, factor in own.items():
            weights[output, 2 * wire] += factor
            weights[output, 2 * wire + 1] -= factor
    return SingleZ(options.tensor(weights))


def _local(
    word: Any,
    own: Mapping[int, float],
    outputs: int,
    num_wires: int,
    options: TensorOptions,
) -> LocalWord:
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
    column = np.zeros((outputs, 1))
    column[list(own), 0] = list(own.values())
    kept = phases if flipped else np.ascontiguousarray(phases.real)
    return LocalWord(
        tuple(shape),
        tuple(flipped),
        options.tensor(kept).reshape(*axes, 1),
        options.tensor(column),
    )
