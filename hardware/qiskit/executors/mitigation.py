"""Error mitigation: errors of reading undone, and noise extrapolated to zero.

Each has three parts: construct what is to run, execute it as any pubs, combine what
came. `Mitigated` puts them around an executor: one pub for each circuit and strength of
the noise, with all rows, and one for the calibration, all in one job.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.passes import BasisTranslator

from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.qiskit.executors.isa import Isa
from qml_qdl.hardware.tapes.executor import Bits, Estimates, Pub

FOLDINGS = ("global", "gates")
"""Ways to make a circuit longer."""


def fold(
    circuit: QuantumCircuit, scale: int, target: Target, folding: str = "global"
) -> QuantumCircuit:
    """Makes a transpiled circuit `scale` times as long, but do the same.

    "global" runs the whole circuit forth, back and forth again, which strengthens the
    noise of every gate; "gates" does so with each gate on two qubits, the noisiest
    ones. (Giurgica-Tiron et al., 2020, arXiv:2005.10921.) Measurements stay single.

    Args:
        circuit: A circuit in the backend's gates; it may have parameters.
        scale: How many times as long, an odd number.
        target: The backend's gates.
        folding: "global" or "gates".

    Returns:
        The longer circuit in the backend's gates.

    Raises:
        ArgumentError: The scale is not odd, or there is no such folding.
        TargetError: The circuit measures before its end.
    """
    if scale < 1 or scale % 2 == 0:
        raise ArgumentError(f"scale: expected an odd number from 1 on, got {scale!r}")
    if folding not in FOLDINGS:
        raise ArgumentError(
            f"folding: expected one of {', '.join(FOLDINGS)}, got {folding!r}"
        )
    if scale == 1:
        return circuit
    body, end = _split(circuit)
    folded = circuit.copy_empty_like()
    if folding == "gates":
        for instruction in body.data:
            folded.append(instruction)
            if len(instruction.qubits) == 2 and instruction.operation.name != "barrier":
                single = body.copy_empty_like()
                single.global_phase = 0
                single.append(instruction)
                _repeat(folded, single, scale, target)
    else:
        folded.compose(body, inplace=True)
        _repeat(folded, body, scale, target)
    folded.global_phase = circuit.global_phase
    folded.compose(end, inplace=True)
    return folded


def _repeat(
    folded: QuantumCircuit, body: QuantumCircuit, scale: int, target: Target
) -> None:
    """Appends the body's inverse and the body, as often as is wanted."""
    used = {qubit for instruction in body.data for qubit in instruction.qubits}
    qubits = [qubit for qubit in body.qubits if qubit in used]
    translate = PassManager([BasisTranslator(SessionEquivalenceLibrary, None, target)])
    inverse = translate.run(body.inverse())
    for _ in range(scale // 2):
        # Without barriers a compiler further on would cancel what was folded.
        folded.barrier(qubits)
        folded.compose(inverse, inplace=True)
        folded.barrier(qubits)
        folded.compose(body, inplace=True)


def _split(circuit: QuantumCircuit) -> tuple[QuantumCircuit, QuantumCircuit]:
    """The circuit up to its measurements, and its measurements."""
    body, end = circuit.copy_empty_like(), circuit.copy_empty_like()
    end.global_phase = 0
    measured = set()
    for instruction in circuit.data:
        name = instruction.operation.name
        if name == "measure":
            measured.update(instruction.qubits)
            end.append(instruction)
        elif name == "barrier":
            (end if measured else body).append(instruction)
        elif name == "reset" or measured.intersection(instruction.qubits):
            raise TargetError(
                f"circuit: it goes on after a measurement, or resets, by {name!r}; "
                "only circuits that measure at their end can be folded"
            )
        else:
            body.append(instruction)
    return body, end


EXTRAPOLATIONS = ("linear", "exponential", "richardson")
"""Ways to extrapolate to zero noise."""


@frozen(eq=False)
class Calibration:
    """A circuit that tells how qubits are misread.

    Args:
        qubits: The backend's qubits.
        isa: The circuit in the backend's gates.
        pub: What is to run: rows that prepare all |0⟩, then as many that prepare all
            |1⟩.
    """

    qubits: tuple[int, ...]
    isa: Isa
    pub: Pub


def calibrate(
    qubits: Sequence[int],
    target: Target,
    rows: int = 4,
    uses: Sequence[Sequence[int]] = (),
) -> Calibration:
    """Constructs the calibration of some qubits.

    Args:
        qubits: The backend's qubits.
        target: The backend's gates.
        rows: Rows of each kind; all their shots are put together.
        uses: For each basis the qubits it reads. They are part of the digest: where a
            job is taken up again after its wires came to lie elsewhere, the outcomes
            must not be taken for those of other qubits.

    Returns:
        The calibration. Its pub runs under its own digest, to be given to
        `IsaCache.holding` with its circuit.
    """
    angle = Parameter("angle")
    circuit = QuantumCircuit(target.num_qubits, len(qubits))
    for bit, qubit in enumerate(qubits):
        # |0⟩ and |1⟩ come from the same gates, so that all is one circuit.
        circuit.rx(angle, qubit)
        circuit.measure(qubit, bit)
    translate = PassManager([BasisTranslator(SessionEquivalenceLibrary, None, target)])
    angles = np.repeat([[0.0], [np.pi]], rows, axis=0)
    text = f"calibration of {tuple(qubits)} for {[tuple(own) for own in uses]}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    isa = Isa(translate.run(circuit), 0, ("angle",))
    return Calibration(tuple(qubits), isa, Pub(circuit, angles, digest))


def confusion_of(bits: Bits) -> NDArray[np.float64]:
    """How qubits are misread, out of a calibration's shots.

    Args:
        bits: Outcomes of the calibration's pub, (rows, shots, qubits).

    Returns:
        For each qubit the probabilities of reading (true, read).
    """
    half = len(bits) // 2
    ones = np.stack([bits[:half].mean(axis=(0, 1)), bits[half:].mean(axis=(0, 1))])
    return np.stack([1 - ones, ones], axis=-1).transpose(1, 0, 2)


def readings_of(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    """What reading 0 and 1 counts as, so that the mean of Z is right.

    Args:
        confusion: For each qubit the probabilities of reading (true, read).

    Returns:
        For each qubit the values of 0 and 1, (qubits, 2); 1 and -1 where nothing is
        misread. Values of several qubits are multiplied.

    Raises:
        ArgumentError: A qubit reads the same whatever it is.

    Example:
        >>> readings_of(np.array([[[0.9, 0.1], [0.1, 0.9]]])).round(2)
        array([[ 1.25, -1.25]])
    """
    if np.abs(np.linalg.det(confusion)).min(initial=1.0) < 1e-3:
        raise ArgumentError(
            "confusion: a qubit reads the same whatever it is, so nothing can be "
            "undone; choose other qubits by initial_layout"
        )
    signs = np.broadcast_to([[1.0], [-1.0]], (len(confusion), 2, 1))
    readings: NDArray[np.float64] = np.linalg.solve(confusion, signs)[..., 0]
    return readings


def calibrated_values(
    calibration: Calibration, found: NDArray[Any]
) -> dict[int, NDArray[np.float64]]:
    """What reading 0 and 1 counts as, for each of the calibrated qubits.

    Args:
        calibration: The calibration.
        found: What its pub gave: outcomes, (rows, shots, qubits), or the probabilities
            of all outcomes, (rows, 2^qubits).

    Returns:
        Two values for each of the backend's qubits; see `readings_of`.

    Raises:
        ArgumentError: A qubit reads the same whatever it is.
    """
    if found.ndim == 3:
        confusion = confusion_of(found)
    else:
        half = len(found) // 2
        outcomes = np.arange(found.shape[1])[:, None] >> np.arange(
            len(calibration.qubits)
        )
        ones = np.stack([found[0], found[half]]) @ (outcomes & 1)
        confusion = np.stack([1 - ones, ones], axis=-1).transpose(1, 0, 2)
    return dict(zip(calibration.qubits, readings_of(confusion), strict=True))


def correct_probabilities(
    tables: NDArray[np.float64], confusion: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Undoes errors of reading in frequencies.

    The inverse gives numbers that may be below zero; what comes back is the nearest
    table of probabilities in least squares (Smolin et al., 2012, arXiv:1106.5458).

    Args:
        tables: (rows, outcomes); bit j of an outcome is the j-th qubit.
        confusion: For each qubit the probabilities of reading (true, read).

    Returns:
        Probabilities, (rows, outcomes).
    """
    bits = len(confusion)
    tensor = np.asarray(tables, dtype=np.float64).reshape(-1, *(2,) * bits)
    for bit, matrix in enumerate(confusion):
        axis = bits - bit
        inverse = np.linalg.inv(matrix)
        tensor = np.moveaxis(np.tensordot(tensor, inverse, (axis, 0)), -1, axis)
    flat = tensor.reshape(-1, 2**bits)
    falling = np.sort(flat, axis=1)[:, ::-1]
    excess = (np.cumsum(falling, axis=1) - 1) / np.arange(1, flat.shape[1] + 1)
    last = (falling > excess).sum(axis=1) - 1
    shift = excess[np.arange(len(flat)), last]
    nearest: NDArray[np.float64] = np.clip(flat - shift[:, None], 0.0, None)
    return nearest


def extrapolate(
    estimates: Sequence[Estimates],
    scales: Sequence[int],
    extrapolation: str = "exponential",
) -> Estimates:
    """Extrapolates expectation values to zero noise.

    "linear" fits a line, "richardson" the polynomial through all scales (Temme et al.,
    2017, arXiv:1612.02058), "exponential" a·exp(-bλ), as noise makes values of
    traceless observables decay; where values change their sign, or are within two
    standard errors of zero, it fits a line.

    Args:
        estimates: For each scale the estimates.
        scales: Strengths of the noise, such as (1, 3, 5).
        extrapolation: "linear", "exponential" or "richardson".

    Returns:
        Estimates without noise; their errors are larger, as extrapolating is.

    Raises:
        ArgumentError: There is no such extrapolation, or fewer than two scales.

    Example:
        >>> noisy = [Estimates(np.array([[v]]), np.zeros((1, 1))) for v in (0.8, 0.512)]
        >>> extrapolate(noisy, (1, 3)).values.round(3)
        array([[1.]])
    """
    if extrapolation not in EXTRAPOLATIONS:
        raise ArgumentError(
            f"extrapolation: expected one of {', '.join(EXTRAPOLATIONS)}, got "
            f"{extrapolation!r}"
        )
    points = np.asarray(scales, dtype=np.float64)
    if len(set(scales)) < 2 or len(set(scales)) < len(scales):
        raise ArgumentError(
            f"scales: expected at least two different ones, got {tuple(scales)}"
        )
    values = np.stack([one.values for one in estimates])
    errors = np.stack([one.errors for one in estimates])
    degree = len(points) - 1 if extrapolation == "richardson" else 1
    # The first row of the pseudo-inverse gives the fit at zero from the values.
    weights = np.linalg.pinv(np.vander(points, degree + 1, increasing=True))[0]
    found = np.tensordot(weights, values, 1)
    spread = np.sqrt(np.tensordot(weights**2, errors**2, 1))
    if extrapolation != "exponential":
        return Estimates(found, spread)
    sign = np.sign(values[0])
    clear = ((values * sign > 2 * errors) & (values != 0)).all(axis=0)
    sizes = np.where(clear, np.abs(values), 1.0)
    decay = np.exp(np.tensordot(weights, np.log(sizes), 1))
    relative = np.tensordot(weights**2, (errors / sizes) ** 2, 1)
    return Estimates(
        np.where(clear, sign * decay, found),
        np.where(clear, decay * np.sqrt(relative), spread),
    )
