"""What can be read from a batch of states besides expectation values of Pauli words.

Every function is made of differentiable tensor operations only, so that gradients flow
and nothing waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import frozen
from pennylane.devices.qubit import measure
from torch import Tensor

from qml_qdl.hardware.simulator.readout import (
    Expectations,
    compile_expectations,
    squares,
)
from qml_qdl.hardware.simulator.setting import Setting

Compiled = Callable[[Any, Callable[[], Expectations]], Expectations]
"""Gives what was compiled under a key, compiled by the function if it was not yet."""


def _by_rows(values: Tensor) -> Tensor:
    """(L, 2ⁿ, T) as (R, 2ⁿ)."""
    return values.squeeze(0).T if values.shape[0] == 1 else values.squeeze(2)


@frozen(eq=False)
class Reader:
    """Reads measurements from the final states of a tape.

    Args:
        state: (L, 2ⁿ, T), complex.
        rows: Number of rows; None where there is no such dimension.
        setting: Precision and device.
        compiled: Where compiled observables are kept.
    """

    state: Tensor
    rows: int | None
    setting: Setting
    compiled: Compiled

    @property
    def num_wires(self) -> int:
        """Wires of the states, n."""
        return self.state.shape[1].bit_length() - 1

    @property
    def vectors(self) -> Tensor:
        """(R, 2ⁿ), where R is 1 if nothing differs from row to row."""
        return _by_rows(self.state)

    def read_all(self, measurements: Sequence[Any]) -> list[Tensor]:
        """All measurements, the expectation values of Pauli words at once.

        Args:
            measurements: PennyLane measurements on wire positions.

        Returns:
            One tensor for each, with a leading rows dimension where there are rows.
        """
        fast = [m for m in measurements if is_fixed_pauli_expectation(m)]
        results: dict[int, Tensor] = {}
        if fast:
            sentences = [m.obs.pauli_rep for m in fast]
            for measurement, value in zip(fast, self._paulis(sentences), strict=True):
                results[id(measurement)] = self._shaped(value)
        return [
            results[id(m)] if id(m) in results else self.read(m) for m in measurements
        ]

    def read(self, measurement: Any) -> Tensor:
        """One measurement.

        Args:
            measurement: A PennyLane measurement on wire positions.

        Returns:
            A tensor, with a leading rows dimension where there are rows.
        """
        kinds = qml.measurements
        observable = measurement.obs
        wires = list(measurement.wires)
        value: Tensor
        if isinstance(measurement, kinds.DensityMatrixMP):
            value = self.density(wires)
        elif isinstance(measurement, kinds.StateMP):
            value = self.split(wires or range(self.num_wires)).flatten(1)
        elif isinstance(measurement, kinds.ProbabilityMP) and (
            observable is None or not observable.diagonalizing_gates()
        ):
            value = self.probabilities(wires or range(self.num_wires))
        elif isinstance(measurement, kinds.ProbabilityMP):
            value = self.rotated(observable).probabilities(wires)
        elif isinstance(measurement, kinds.PurityMP):
            value = self.density(self._smaller(wires)).abs().square().sum((1, 2))
        elif isinstance(measurement, kinds.VnEntropyMP):
            value = self.entropy(wires, measurement.log_base)
        elif isinstance(measurement, kinds.MutualInfoMP):
            first, second = (list(part) for part in measurement.raw_wires)
            base = measurement.log_base
            parts = [self.entropy(w, base) for w in (first, second, first + second)]
            value = parts[0] + parts[1] - parts[2]
        elif isinstance(measurement, kinds.ExpectationMP | kinds.VarianceMP):
            variance = isinstance(measurement, kinds.VarianceMP)
            if observable is None:
                value = self._of_eigenvalues(measurement.eigvals(), wires, variance)
            elif variance:
                value = self.variance(observable)
            else:
                value = self.expectation(observable)
        else:
            shape = (2,) * self.num_wires
            states = self._shaped(self.vectors).reshape(
                shape if self.rows is None else (-1, *shape)
            )
            return torch.as_tensor(measure(measurement, states, self.rows is not None))
        return self._shaped(value)

    def _shaped(self, value: Tensor) -> Tensor:
        """(R, …) as PennyLane wants it: (rows, …), or (…)."""
        if self.rows is None:
            return value[0]
        if len(value) == self.rows:
            return value
        return value.expand(self.rows, *value.shape[1:])

    def _constant(self, values: Any) -> Tensor:
        tensor = _exactly(values)
        return tensor.to(dtype=self.setting.dtype, device=self.setting.device)

    def _real(self, values: Any) -> Tensor:
        tensor = _exactly(values)
        tensor = tensor.real if tensor.is_complex() else tensor
        return tensor.to(dtype=self.setting.dtype.to_real(), device=self.setting.device)

    def split(self, wires: Sequence[int]) -> Tensor:
        """(R, 2ᵏ, 2ⁿ⁻ᵏ): some wires' bits in front, in the order given."""
        return self._split(self.vectors, wires)

    def _split(self, values: Tensor, wires: Sequence[int]) -> Tensor:
        rest = [w for w in range(self.num_wires) if w not in set(wires)]
        view = values.reshape(-1, *(2,) * self.num_wires)
        axes = [0, *(1 + w for w in (*wires, *rest))]
        return view.permute(axes).reshape(len(values), 2 ** len(wires), 2 ** len(rest))

    def density(self, wires: Sequence[int]) -> Tensor:
        """(R, 2ᵏ, 2ᵏ) the density matrix of some wires."""
        parts = self.split(wires)
        return parts @ parts.mH

    def probabilities(self, wires: Sequence[int]) -> Tensor:
        """(R, 2ᵏ) the probabilities of some wires' basis states."""
        probabilities = _by_rows(squares(self.state))
        if list(wires) == list(range(self.num_wires)):
            return probabilities
        return self._split(probabilities, wires).sum(2)

    def rotated(self, observable: Any) -> Reader:
        """The states in the basis of an observable's eigenvectors."""
        reader = self
        for gate in observable.diagonalizing_gates():
            reader = reader.applied(gate.matrix(), list(gate.wires))
        return reader

    def applied(self, matrix: Any, wires: Sequence[int]) -> Reader:
        """The states after a matrix on some wires."""
        moved = self._constant(matrix) @ self.split(wires)
        rest = [w for w in range(self.num_wires) if w not in set(wires)]
        order = np.argsort([*wires, *rest])
        view = moved.reshape(-1, *(2,) * self.num_wires)
        vectors = view.permute([0, *(1 + int(axis) for axis in order)])
        state = vectors.reshape(moved.shape[0], 2**self.num_wires).T[None]
        return Reader(state, self.rows, self.setting, self.compiled)

    def _smaller(self, wires: Sequence[int]) -> Sequence[int]:
        """These wires or all others, whichever are fewer: they have one spectrum."""
        rest = [w for w in range(self.num_wires) if w not in set(wires)]
        return wires if len(wires) <= len(rest) else rest

    def entropy(self, wires: Sequence[int], log_base: float | None) -> Tensor:
        """(R,) von Neumann entropy of some wires; NaN where the state has a NaN."""
        density = self.density(self._smaller(wires))
        bad = density.isnan().any(2).any(1)
        identity = torch.eye(
            density.shape[1], dtype=density.dtype, device=density.device
        )
        sound = torch.where(bad[:, None, None], identity, density)
        values = torch.linalg.eigvalsh(sound)
        values = torch.where(values > 0, values, 1.0)
        entropy = -(values * values.log()).sum(1)
        if log_base is not None:
            entropy = entropy / float(np.log(log_base))
        return torch.where(bad, torch.nan, entropy)

    def _of_eigenvalues(
        self, eigenvalues: Any, wires: Sequence[int], variance: bool
    ) -> Tensor:
        probabilities = self.probabilities(wires)
        values = self._real(np.asarray(eigenvalues))
        mean = probabilities @ values
        return probabilities @ values.square() - mean.square() if variance else mean

    def _paulis(self, sentences: Sequence[Any]) -> Tensor:
        """(sentences, R) expectation values where every coefficient is a number."""
        items = tuple(
            tuple((tuple(word.items()), complex(c)) for word, c in sentence.items())
            for sentence in sentences
        )
        expectations = self.compiled(
            (items, self.num_wires, self.setting),
            lambda: compile_expectations(sentences, self.num_wires, self.setting),
        )
        return expectations(self.state)

    def _sentence(self, sentence: Any) -> Tensor:
        """(R,) the expectation value of a Pauli sentence."""
        if _is_fixed(sentence):
            return self._paulis([sentence])[0]
        words = [qml.pauli.PauliSentence({word: 1.0}) for word in sentence]
        values = self._paulis(words)
        weighted = [
            self._real(coefficient) * value
            for coefficient, value in zip(sentence.values(), values, strict=True)
        ]
        return torch.stack(weighted).sum(0)

    def expectation(self, observable: Any) -> Tensor:
        """(R,) the expectation value of any observable.

        Args:
            observable: A PennyLane observable on wire positions.

        Returns:
            Its expectation values, real.
        """
        if observable.pauli_rep is not None:
            return self._sentence(observable.pauli_rep)
        if isinstance(observable, qml.ops.LinearCombination):
            terms = zip(*observable.terms(), strict=True)
            return sum(
                (self._real(c) * self.expectation(term) for c, term in terms),
                start=self._real(0.0),
            )
        if isinstance(observable, qml.ops.Sum):
            return sum(
                (self.expectation(term) for term in observable.operands),
                start=self._real(0.0),
            )
        if isinstance(observable, qml.ops.SProd):
            return self._real(observable.scalar) * self.expectation(observable.base)
        vectors = self.split(list(observable.wires))
        return (vectors.conj() * self._times(observable, vectors)).real.sum((1, 2))

    def variance(self, observable: Any) -> Tensor:
        """(R,) the variance of any observable.

        Args:
            observable: A PennyLane observable on wire positions.

        Returns:
            Its variances, real.
        """
        sentence = observable.pauli_rep
        if sentence is not None:
            return self._sentence(sentence @ sentence) - self._sentence(sentence) ** 2
        vectors = self.split(list(observable.wires))
        changed = self._times(observable, vectors)
        mean = (vectors.conj() * changed).real.sum((1, 2))
        return changed.abs().square().sum((1, 2)) - mean.square()

    def _times(self, observable: Any, vectors: Tensor) -> Tensor:
        """An observable's matrix times (R, 2ᵏ, 2ⁿ⁻ᵏ)."""
        if isinstance(observable, qml.SparseHamiltonian):
            sparse = observable.sparse_matrix().tocoo()
            indices = torch.as_tensor(np.stack(sparse.coords), dtype=torch.int64)
            matrix = torch.sparse_coo_tensor(
                indices.to(self.setting.device),
                self._constant(sparse.data),
                sparse.shape,
                check_invariants=False,
            )
            rows, size, rest = vectors.shape
            columns = vectors.transpose(0, 1).reshape(size, -1)
            return (matrix @ columns).reshape(size, rows, rest).transpose(0, 1)
        if isinstance(observable, qml.Projector):
            return self._projected(observable, vectors)
        matrix = self._constant(observable.matrix(wire_order=observable.wires))
        return matrix @ vectors

    def _projected(self, projector: Any, vectors: Tensor) -> Tensor:
        numbers = projector.parameters[0]
        if qml.math.shape(numbers)[-1] == len(projector.wires):
            bits = self._constant(numbers)
            onto = torch.ones(1, dtype=bits.dtype, device=bits.device)
            for bit in bits:
                onto = torch.outer(onto, torch.stack([1 - bit, bit])).reshape(-1)
        else:
            onto = self._constant(numbers)
        return onto[:, None] * (onto.conj() @ vectors)[:, None]


def _exactly(values: Any) -> Tensor:
    """As a tensor; of plain numbers torch would keep single precision only."""
    if isinstance(values, Tensor):
        return values
    return torch.as_tensor(np.asarray(values))


def _is_fixed(sentence: Any) -> bool:
    """Whether every coefficient is a number that needs no gradient and no waiting."""
    return all(
        isinstance(c, int | float | complex | np.number)
        or (isinstance(c, np.ndarray) and type(c) is np.ndarray and c.ndim == 0)
        for c in sentence.values()
    )


def is_fixed_pauli_expectation(measurement: Any) -> bool:
    """Whether it is the expectation value of Pauli words times numbers.

    Args:
        measurement: A PennyLane measurement.

    Returns:
        False also where a coefficient is a tensor, which may be trained.
    """
    return (
        isinstance(measurement, qml.measurements.ExpectationMP)
        and measurement.obs is not None
        and measurement.obs.pauli_rep is not None
        and _is_fixed(measurement.obs.pauli_rep)
    )
