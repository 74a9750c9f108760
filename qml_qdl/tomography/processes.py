"""Process tomography: what a circuit does to any state, from what it does to some.

A process on n wires is a linear map of density matrices that keeps them positive and
their trace, also beside other wires. It is told by its Choi matrix

    Λ = Σ `|i⟩⟨j|` ⊗ E(`|i⟩⟨j|`),   E(ρ) = tr₁ (ρᵀ ⊗ 1) Λ,

with the input as the first factor: positive, and 1 when the output is traced out.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import product
from typing import Any, Self

import numpy as np
import pennylane as qml
import torch
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    ShapeError,
)
from qml_qdl.circuits.validation import (
    as_items,
    check_count,
    check_seed,
    validate_call,
)
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.tomography.born_rule import pauli_coordinates, pauli_sum
from qml_qdl.tomography.density_matrix import TOLERANCE, DensityMatrix, as_square, turn
from qml_qdl.tomography.measurements import Measurements, misread, pauli_bases
from qml_qdl.tomography.measuring import (
    Frame,
    run_rows,
    turn_angles,
    turn_by,
)

Complex = NDArray[np.complex128]
Reals = NDArray[np.float64]

PREPARATIONS = {
    "0": (0.0, 0.0),
    "1": (np.pi, 0.0),
    "+": (np.pi / 2, 0.0),
    "r": (np.pi / 2, np.pi / 2),
}
"""Angles of RY and then RZ that prepare an input of a wire; "r" is +i, as in Qiskit."""

MOST_WIRES = 2
"""Wider processes are not fitted: they have 16ⁿ numbers."""

CLOSE_ENOUGH = 0.05
"""Nats of likelihood that a fit may lack to count as converged."""


def input_words(num_wires: int) -> tuple[str, ...]:
    """All 4ⁿ products of inputs."""
    return tuple(map("".join, product(PREPARATIONS, repeat=num_wires)))


def _prepared(word: str) -> Complex:
    found: Any = np.ones(1, np.complex128)
    for letter in word:
        angle, phase = PREPARATIONS[letter]
        wire = [np.cos(angle / 2), np.exp(1j * phase) * np.sin(angle / 2)]
        found = np.kron(found, wire)
    return np.asarray(found, np.complex128)


@validate_call
class Process:
    """A quantum channel on n wires.

    The first wire is the most significant, as in PennyLane.

    Args:
        choi: The Choi matrix of trace 2ⁿ, (4ⁿ, 4ⁿ), input first.

    Raises:
        ArgumentError: It is not hermitian, not positive, or does not keep traces.
        ShapeError: There are not 4ⁿ rows.

    Example:
        >>> import numpy as np
        >>> flip = Process.from_kraus([np.array([[0, 1], [1, 0]])])
        >>> round(flip.average_gate_fidelity(np.eye(2)), 4)
        0.3333
        >>> flip.pauli_transfer_matrix.diagonal()
        array([ 1.,  1., -1., -1.])
    """

    def __init__(self, choi: Any) -> None:
        array = as_square("choi", choi)
        size = len(array)
        if size < 4 or size & (size - 1) or size.bit_length() % 2 == 0:
            raise ShapeError(f"choi: expected (4ⁿ, 4ⁿ), got {array.shape}")
        side = 2 ** (size.bit_length() // 2)
        off = np.abs(array - array.conj().T).max()
        if off > TOLERANCE:
            raise ArgumentError(
                f"choi: expected a hermitian matrix, got one that is {off:.2g} from it"
            )
        values, vectors = np.linalg.eigh((array + array.conj().T) / 2)
        if values[0] < -TOLERANCE:
            raise ArgumentError(
                f"choi: expected a positive matrix, got the eigenvalue {values[0]:.3g}"
            )
        kept = np.flatnonzero(values > values[-1] * 1e-14)[::-1]
        scaled = (vectors[:, kept] * np.sqrt(values[kept])).T
        # Λ = Σ |K⟩⟩⟨⟨K| with ⟨ij|K⟩⟩ = ⟨j|K|i⟩.
        self._kraus: Complex = scaled.reshape(-1, side, side).transpose(0, 2, 1)
        _check_trace(self._kraus)

    @classmethod
    def from_kraus(cls, operators: Any) -> Self:
        """The process E(ρ) = Σ K ρ K†.

        Args:
            operators: The Kraus operators, (operators, 2ⁿ, 2ⁿ); a unitary one is one.

        Returns:
            The process.

        Raises:
            ArgumentError: Σ K†K is not 1.
            ShapeError: They are no square matrices of 2ⁿ rows.
        """
        try:
            array = np.asarray(operators, dtype=np.complex128)
        except (TypeError, ValueError) as error:
            raise ArgumentTypeError(
                f"operators: expected matrices, got {type(operators).__name__}"
            ) from error
        array = array[None] if array.ndim == 2 else array
        size = array.shape[-1] if array.ndim == 3 else 0
        if size < 2 or size & (size - 1) or array.shape[1:] != (size, size):
            raise ShapeError(f"operators: expected (r, 2ⁿ, 2ⁿ), got {array.shape}")
        _check_trace(array)
        made = cls.__new__(cls)
        made._kraus = array
        return made

    def __repr__(self) -> str:
        return f"Process(wires={self.num_wires}, operators={len(self.kraus)})"

    # ---- what it is ----

    @property
    def num_wires(self) -> int:
        """How many wires it acts on."""
        return int(self._kraus.shape[-1]).bit_length() - 1

    @property
    def kraus(self) -> Complex:
        """Kraus operators, (r, 2ⁿ, 2ⁿ), the largest first."""
        return self._kraus

    @property
    def choi(self) -> Complex:
        """Λ, of trace 2ⁿ; the input's indices lead, as in Qiskit's `Choi`."""
        return _choi_of(self._kraus)

    @property
    def chi(self) -> Complex:
        """χ of E(ρ) = Σ χ_PQ P ρ Q over Pauli words, II, IX, IY … ZZ, of trace 1."""
        words = np.array([_word(k, self.num_wires) for k in range(4**self.num_wires)])
        parts = np.einsum("pji,rji->pr", words.conj(), self._kraus)
        parts /= 2**self.num_wires
        found: Complex = parts @ parts.conj().T
        return found

    @property
    def pauli_transfer_matrix(self) -> Reals:
        """R_PQ = tr P E(Q)/2ⁿ over Pauli words, II, IX, IY … ZZ."""
        columns = [
            pauli_coordinates(self._on(_word(k, self.num_wires)))
            for k in range(4**self.num_wires)
        ]
        found: Reals = np.array(columns).T / 2**self.num_wires
        return found

    def _on(self, matrix: Complex) -> Complex:
        adjoint = self._kraus.conj().transpose(0, 2, 1)
        found: Complex = (self._kraus @ matrix @ adjoint).sum(axis=0)
        return found

    def __call__(self, state: DensityMatrix) -> DensityMatrix:
        """What a state becomes.

        Args:
            state: Of as many wires.

        Raises:
            ShapeError: It has other wires.
        """
        if state.num_wires != self.num_wires:
            raise ShapeError(
                f"state: expected one of {self.num_wires} wires, got {state.num_wires}"
            )
        columns = (self._kraus @ state.factor).transpose(1, 0, 2)
        factor = columns.reshape(len(columns), -1)
        return DensityMatrix(factor @ factor.conj().T)

    # ---- how near it is to a gate ----

    def process_fidelity(self, gate: Any) -> float:
        """Σ `|tr U†K|²`/4ⁿ, the fidelity of Choi states with that of a unitary gate.

        Args:
            gate: U, (2ⁿ, 2ⁿ).

        Raises:
            ArgumentError: U is not unitary.
            ShapeError: It is of other wires.
        """
        unitary = as_square("gate", gate)
        if unitary.shape != self._kraus.shape[1:]:
            raise ShapeError(
                f"gate: expected {self._kraus.shape[1:]}, got {unitary.shape}"
            )
        size = len(unitary)
        if np.abs(unitary.conj().T @ unitary - np.eye(size)).max() > TOLERANCE:
            raise ArgumentError("gate: expected a unitary matrix, got another")
        overlaps = np.einsum("ij,rij->r", unitary.conj(), self._kraus)
        return float(np.square(np.abs(overlaps)).sum() / size**2)

    def average_gate_fidelity(self, gate: Any) -> float:
        """The fidelity of outputs with those of a unitary gate, over all pure inputs.

        (2ⁿF + 1)/(2ⁿ + 1) with the process fidelity F (Horodecki et al. 1999,
        arXiv:quant-ph/9807091).

        Args:
            gate: U, (2ⁿ, 2ⁿ).

        Raises:
            ArgumentError: U is not unitary.
            ShapeError: It is of other wires.
        """
        size = 2**self.num_wires
        found: float = (size * self.process_fidelity(gate) + 1) / (size + 1)
        return found

    def sample(
        self,
        shots: int,
        inputs: Sequence[str] | None = None,
        bases: Sequence[str] | None = None,
        seed: int | None = None,
        confusion: Any = None,
    ) -> ProcessMeasurements:
        """Measures it, as a machine with perfect preparations would.

        Args:
            shots: Shots of each input in each basis.
            inputs: Words of 0, 1, + and r; None for all.
            bases: Words of X, Y and Z; None for all.
            seed: Where random numbers begin; None for others each time.
            confusion: How each wire is misread, as in `Measurements`.

        Returns:
            The measurements.
        """
        check_count("shots", shots)
        check_seed(seed)
        generator = Seeds(seed).next()
        words = input_words(self.num_wires) if inputs is None else inputs
        chosen = pauli_bases(self.num_wires) if bases is None else bases
        outputs = [
            self(DensityMatrix(_prepared(word))).sample(
                chosen, shots, int(generator.integers(2**62)), confusion
            )
            for word in _input_words(words, self.num_wires)
        ]
        return ProcessMeasurements(tuple(words), tuple(outputs))


def _input_words(inputs: Any, num_wires: int | None = None) -> tuple[str, ...]:
    words = as_items(inputs)
    if not words:
        raise ArgumentError("inputs: expected words such as ['0', '+'], got none")
    size = len(words[0]) if num_wires is None else num_wires
    for word in words:
        if not isinstance(word, str) or set(word) - set(PREPARATIONS) or not word:
            raise DataError(
                f"inputs: expected words of the letters 0, 1, + and r, got {word!r}"
            )
        if len(word) != size:
            raise ShapeError(f"inputs: expected words of {size} letters, got {word!r}")
    if len(set(words)) < len(words):
        raise DataError("inputs: expected each once, got one twice; join their shots")
    return words


def _as_outputs(outputs: Any) -> tuple[Any, ...]:
    found = as_items(outputs)
    if found is None:
        raise ArgumentTypeError(
            f"outputs: expected Measurements, one for each input, got {outputs!r}"
        )
    return found


@validate_call
@frozen(eq=False)
class ProcessMeasurements:
    """What was read at the output of a process, for each of some inputs.

    Args:
        inputs: Words of 0, 1, + and r (+i), a letter for each wire.
        outputs: The measurements of each input's output.

    Raises:
        DataError: A word has other letters, or stands there twice.
        ShapeError: There are not as many measurements, or not of as many wires.
    """

    inputs: tuple[str, ...] = field(converter=_input_words)
    outputs: tuple[Measurements, ...] = field(converter=_as_outputs)

    def __attrs_post_init__(self) -> None:
        if len(self.outputs) != len(self.inputs):
            raise ShapeError(
                f"outputs: expected {len(self.inputs)}, one for each input, got "
                f"{len(self.outputs)}"
            )
        for each in self.outputs:
            if not isinstance(each, Measurements):
                raise ArgumentTypeError(
                    f"outputs: expected Measurements, got {type(each).__name__}"
                )
            if each.num_wires != self.num_wires:
                raise ShapeError(
                    f"outputs: expected measurements of {self.num_wires} wires, got "
                    f"{each.num_wires}"
                )

    def __repr__(self) -> str:
        shots = sum(each.total_shots for each in self.outputs)
        return (
            f"ProcessMeasurements(wires={self.num_wires}, inputs={len(self.inputs)}, "
            f"shots={shots})"
        )

    @property
    def num_wires(self) -> int:
        """How many wires the process acts on."""
        return len(self.inputs[0])


@validate_call
def measure_process(
    circuit: Any, shots: int = 1024, **options: Any
) -> ProcessMeasurements:
    """Measures what a circuit does, on any target, in one job.

    Products of 0, 1, + and +i are prepared on its wires, and its outputs measured in
    all Pauli bases: 12ⁿ rows of one parametrised circuit. Errors of preparation and of
    the turns before reading count as those of the circuit; errors of reading are
    calibrated.

    Args:
        circuit: A `Circuit` or a block, a `QuantumLayer` or a PennyLane QNode.
        shots: Shots of each row.
        **options: The other arguments of `qml_qdl.tomography.measure`: `inputs`,
            `weights`, `target`, `seed`, `calibration_rows` and so on.

    Returns:
        The measurements.

    Raises:
        ArgumentError: The circuit has too many wires.
        ArgumentTypeError: An option is none of `measure`.
        TargetError: The target is unknown, or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import StronglyEntangling
        >>> gate = StronglyEntangling(1, layers=1)
        >>> measure_process(gate, 200, weights=torch.ones(1, 1, 3), seed=0)
        ProcessMeasurements(wires=1, inputs=4, shots=2400)
    """

    def choose(num_wires: int, _: np.random.Generator) -> list[tuple[str, str]]:
        _check_wires(num_wires)
        return list(product(input_words(num_wires), pauli_bases(num_wires)))

    frame = Frame(before=_prepare, after=_turn)
    found = run_rows(
        circuit, frame, choose, _angles, ["process"], shots=shots, **options
    )
    size = len(found.wires)
    words, bases = input_words(size), pauli_bases(size)
    bits = found.bits.reshape(len(words), len(bases), -1, size)
    outputs = [
        Measurements.from_bits(bases, own, found.wires, found.confusion, found.origin)
        for own in bits
    ]
    return ProcessMeasurements(words, tuple(outputs))


def _angles(rows: Sequence[tuple[str, str]]) -> Tensor:
    before = [[PREPARATIONS[letter] for letter in word] for word, _ in rows]
    first = torch.tensor(before, dtype=torch.float64).transpose(1, 2).flatten(1)
    return torch.cat([first, turn_angles([basis for _, basis in rows])], dim=1)


def _prepare(angles: Any, wires: Sequence[Hashable]) -> None:
    for place, wire in enumerate(wires):
        qml.RY(angles[..., place], wire)
        qml.RZ(angles[..., len(wires) + place], wire)


def _turn(angles: Any, wires: Sequence[Hashable]) -> None:
    turn_by(angles[..., 2 * len(wires) :], wires)


@frozen(eq=False)
class ProcessReconstruction:
    """The process of the highest likelihood.

    Args:
        process: The process.
        gap: By how many nats of log-likelihood any other process is better at most.
        converged: Whether that is little.
    """

    process: Process
    gap: float
    converged: bool


@validate_call
def process_tomography(
    data: ProcessMeasurements, iterations: int = 3000
) -> ProcessReconstruction:
    """Finds the process of the highest likelihood, errors of reading included.

    The likelihood is concave in the Choi matrix, and Kraus operators G L⁻†, with
    L L† = Σ G†G, keep the trace whatever the 4ⁿ matrices G are: L-BFGS over these finds
    the one maximum. How near its logarithm f is follows from duality: for any process
    Λ' it holds that f(Λ') − f(Λ) ≤ tr ∇f (Λ' − Λ) ≤ 2ⁿ λ, where λ is the largest
    eigenvalue of ∇f − Y ⊗ 1, and Y is ∇f Λ with the output traced out.

    Args:
        data: The measurements.
        iterations: At most so many steps.

    Returns:
        The process, and how much better another may be.

    Raises:
        ArgumentError: There are too many wires.
        DataError: Inputs or bases do not tell all of a process.

    Example:
        >>> import numpy as np
        >>> gate = np.array([[1, 1], [1, -1]]) / 2**0.5
        >>> data = Process.from_kraus(gate).sample(500, seed=0)
        >>> found = process_tomography(data)
        >>> found.converged, found.process.average_gate_fidelity(gate) > 0.98
        (True, True)
    """
    check_count("iterations", iterations)
    _check_wires(data.num_wires)
    model = _Likelihood(data)
    side = 2**data.num_wires
    # The process that forgets everything: all Kraus operators alike.
    start = np.array([_word(k, data.num_wires) for k in range(side**2)]) / side
    found = minimize(
        model.value_and_gradient,
        _real(start),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "maxfun": 2 * iterations, "maxcor": 20}
        | {"ftol": 1e-14, "gtol": 1e-9 * model.shots},
    )
    with torch.no_grad():
        kraus = _trace_preserving(_complex(found.x, side)).numpy()
    gap = model.gap(kraus)
    return ProcessReconstruction(Process(_choi_of(kraus)), gap, gap < CLOSE_ENOUGH)


class _Likelihood:
    """Minus the log-likelihood of Kraus operators."""

    def __init__(self, data: ProcessMeasurements) -> None:
        size = data.num_wires
        side = 2**size
        inputs, effects, counts = [], [], []
        # Rows ⟨m| of each basis, as a machine reads them.
        for word, output in zip(data.inputs, data.outputs, strict=True):
            inputs.append(_prepared(word))
            rows = [turn(np.eye(side, dtype=complex), basis) for basis in output.bases]
            effects.append(np.concatenate(rows))
            counts.append(output.histograms().ravel())
        _check_complete(inputs, effects)
        self.side = side
        self.shots = float(sum(each.sum() for each in counts))
        self._inputs = [torch.from_numpy(each) for each in inputs]
        self._effects = [torch.from_numpy(each) for each in effects]
        self._counts = [torch.from_numpy(each) for each in counts]
        self._confusions = [output.confusion for output in data.outputs]

    def _log_likelihood(self, kraus: Tensor) -> Tensor:
        total: Tensor = kraus.real.new_zeros(())
        for state, effects, counts, confusion in zip(
            self._inputs, self._effects, self._counts, self._confusions, strict=True
        ):
            amplitudes = effects @ (kraus @ state).T
            chances = amplitudes.abs().square().sum(1).reshape(-1, self.side)
            read = misread(chances, confusion).flatten()
            there = counts > 0
            total = total + (counts[there] * read[there].log()).sum()
        return total

    def value_and_gradient(self, flat: Reals) -> tuple[float, Reals]:
        """Minus the log-likelihood of matrices G, and its gradient."""
        given = torch.from_numpy(flat.copy()).requires_grad_()
        kraus = _trace_preserving(_complex(given, self.side))
        loss = -self._log_likelihood(kraus)
        (gradient,) = torch.autograd.grad(loss, given)
        return float(loss.detach()), gradient.numpy()

    def gap(self, kraus: Complex) -> float:
        """By how much another process may be better; see `process_tomography`."""
        side = self.side
        weights: Complex = np.zeros((side**2, side**2), np.complex128)
        for state, effects, counts, confusion in zip(
            self._inputs, self._effects, self._counts, self._confusions, strict=True
        ):
            vector, rows = state.numpy(), effects.numpy()
            chances = np.square(np.abs(rows @ (kraus @ vector).T)).sum(axis=1)
            read = misread(chances.reshape(-1, side), confusion)
            times = counts.numpy().reshape(-1, side)
            ratios = np.divide(times, read, out=np.zeros_like(read), where=times > 0)
            factors = misread(ratios, confusion, transposed=True).ravel()
            output = (rows.conj().T * factors) @ rows
            weights += np.kron(np.outer(vector, vector.conj()).conj(), output)
        both = (weights @ _choi_of(kraus)).reshape(side, side, side, side)
        dual = np.einsum("ikjk->ij", both)
        dual = (dual + dual.conj().T) / 2
        over = weights - np.kron(dual, np.eye(side))
        return float(side * max(np.linalg.eigvalsh(over)[-1], 0.0))


def _choi_of(kraus: Complex) -> Complex:
    columns = kraus.transpose(0, 2, 1).reshape(len(kraus), -1)
    return columns.T @ columns.conj()


def _trace_preserving(matrices: Tensor) -> Tensor:
    """G L⁻† with L L† = Σ G†G."""
    total = (matrices.mH @ matrices).sum(0)
    lower = torch.linalg.cholesky(total)
    found: Tensor = torch.linalg.solve_triangular(
        lower.mH, matrices, upper=True, left=False
    )
    return found


def _complex(flat: Any, side: int) -> Tensor:
    parts = torch.as_tensor(flat).reshape(2, -1, side, side)
    return torch.complex(parts[0], parts[1])


def _real(matrices: Complex) -> Reals:
    return np.stack([matrices.real, matrices.imag]).ravel()


def _word(number: int, size: int) -> Complex:
    """One of the Pauli words II, IX … ZZ as a matrix."""
    return pauli_sum(np.eye(4**size)[number])


def _check_complete(inputs: Sequence[Complex], effects: Sequence[Complex]) -> None:
    """Refuses what leaves directions of the Choi matrix open."""
    rows = [
        np.einsum("i,j,mk,ml->mijkl", v, v.conj(), e.conj(), e).reshape(len(e), -1)
        for v, e in zip(inputs, effects, strict=True)
    ]
    design = np.concatenate(rows)
    rank, wanted = np.linalg.matrix_rank(design), design.shape[1]
    if rank < wanted:
        raise DataError(
            f"data: inputs and bases tell {rank} of the {wanted} numbers of a process; "
            "prepare all products of 0, 1, + and r, and measure in all Pauli bases"
        )


def _check_wires(num_wires: int) -> None:
    if num_wires > MOST_WIRES:
        raise ArgumentError(
            f"circuit: expected at most {MOST_WIRES} wires, since a process of n has "
            f"16ⁿ numbers, got {num_wires}; look at parts of it"
        )


def _check_trace(kraus: Complex) -> None:
    total = (kraus.conj().transpose(0, 2, 1) @ kraus).sum(axis=0)
    off = np.abs(total - np.eye(len(total))).max()
    if not off < TOLERANCE:
        raise ArgumentError(
            f"choi: expected a process that keeps traces, ΣK†K = 1, got one that is "
            f"{off:.2g} from it"
        )
