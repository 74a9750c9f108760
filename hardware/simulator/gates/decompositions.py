"""Gates taken apart in ways that suit the simulator better than PennyLane's own.

An excitation turns one pair of basis states into each other: after a few CNOTs it is a
single controlled RY. None of these look at numbers, so that nothing waits for a device.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pennylane as qml
import torch
from autograd.tracer import isbox

from qml_qdl.hardware.structure import TOLD_BY_CLASS


def _single_excitation(operation: Any, sign: int) -> list[Any]:
    """A controlled RY between two CNOTs; the other states turned by e^{±iφ/2}."""
    (angle,), (first, second) = operation.data, operation.wires
    gates = [
        qml.CNOT([first, second]),
        qml.CRY(angle, wires=[second, first]),
        qml.CNOT([first, second]),
    ]
    if sign:
        # The parity of the two wires tells the pair from all other states.
        gates[1:1] = [
            qml.GlobalPhase(-sign * angle / 2),
            qml.PhaseShift(-sign * angle / 2, wires=second),
        ]
    return gates


def _double_excitation(operation: Any, sign: int) -> list[Any]:
    """An RY with three controls among CNOTs; the other states turned by e^{±iφ/2}."""
    (angle,), (a, b, c, d) = operation.data, operation.wires
    spread = [qml.CNOT([a, b]), qml.CNOT([a, c]), qml.CNOT([a, d])]
    controls, values = [b, c, d], [0, 1, 1]
    turn = [qml.ctrl(qml.RY(angle, a), controls, control_values=values)]
    if sign:
        # With all controls set but the last, a phase on it is one on the pair only.
        turn += [
            qml.GlobalPhase(-sign * angle / 2),
            qml.ctrl(
                qml.PhaseShift(-sign * angle / 2, d), [b, c], control_values=[0, 1]
            ),
        ]
    return [*spread, *turn, *reversed(spread)]


def _in_phase(operation: Any, shared: bool) -> list[Any]:
    """A controlled RX between two CNOTs; for a swap both bits have phases of their own.

    With CNOTs it turns `|01⟩` and `|10⟩` into each other as exp(iθX/2) does.
    """
    (angle,), (first, second) = operation.data, operation.wires
    sign = 1 if shared else -1
    gates = [
        qml.CNOT([first, second]),
        qml.CRX(sign * angle, wires=[second, first]),
        qml.CNOT([first, second]),
    ]
    if shared:
        gates += [qml.PhaseShift(angle / 2, wires=wire) for wire in (first, second)]
    return gates


def _controlled_turn(operation: Any) -> list[Any]:
    kinds = zip(operation.data, (qml.CRZ, qml.CRY, qml.CRZ), strict=True)
    return [kind(angle, wires=operation.wires) for angle, kind in kinds]


def _prepared(operation: Any) -> list[Any]:
    """Möttönen's preparation: on each wire a turn for each setting of those before.

    With the weight p of each half of what is left, RY by 2 arctan √(p₁/p₀) makes the
    moduli; RZ by the difference of the halves' mean phases makes the phases, up to
    their mean.
    """
    (state,), wires = operation.data, operation.wires
    math = qml.math
    weights, phases = math.abs(state) ** 2, math.angle(state)
    lead = math.shape(state)[:-1]
    turns: dict[str, list[Any]] = {"Y": [], "Z": []}
    for place, target in enumerate(wires):
        shape = (*lead, 2**place, 2, -1)
        halves = math.sum(math.reshape(weights, shape), axis=-1)
        means = math.mean(math.reshape(phases, shape), axis=-1)
        angles = {"Y": _half_angles(halves), "Z": means[..., 1] - means[..., 0]}
        for axis, values in angles.items():
            gate = qml.SelectPauliRot(values, wires[:place], target, rot_axis=axis)
            turns[axis].append(gate)
    return [*turns["Y"], *turns["Z"], qml.GlobalPhase(-math.mean(phases, axis=-1))]


def _half_angles(halves: Any) -> Any:
    """2 arcsin √(p₁/(p₀ + p₁)), and 0 where there is nothing to turn."""
    math = qml.math
    total = halves[..., 0] + halves[..., 1]
    empty = total == 0
    share = math.where(
        empty, 0.0 * total, halves[..., 1] / math.where(empty, 1.0, total)
    )
    return 2 * math.arcsin(math.sqrt(share))


def _special_unitary(operation: Any) -> list[Any]:
    """The matrix exponential, for tensors without a detour over NumPy."""
    (angles,), wires = operation.data, operation.wires
    if not isinstance(angles, torch.Tensor):
        matrix = operation.matrix(wire_order=wires)
    else:
        words = qml.ops.qubit.special_unitary.pauli_basis_matrices(len(wires))
        dtype = angles.dtype.to_complex()
        basis = torch.as_tensor(1j * words).to(device=angles.device, dtype=dtype)
        matrix = torch.linalg.matrix_exp(torch.tensordot(angles.to(dtype), basis, 1))
    return [qml.QubitUnitary(_polished(matrix), wires, unitary_check=False)]


def _polished(matrix: Any) -> Any:
    """The matrix made unitary to rounding: one step of Newton and Schulz.

    Exponentials come with errors of up to 1e-11, which the way back would amplify:
    there each gate is undone by its adjoint.
    """
    adjoint = qml.math.conj(qml.math.swapaxes(matrix, -1, -2))
    return 1.5 * matrix - 0.5 * matrix @ (adjoint @ matrix)


def _exponential_matrix(operation: Any) -> Any:
    base = operation.base
    if not isbox(operation.data[0]) or any(map(isbox, base.data)):
        return _polished(operation.matrix(wire_order=operation.wires))
    # Autograd's gradient of the matrix exponential is wrong for complex matrices.
    values, vectors = np.linalg.eigh(qml.matrix(base, wire_order=operation.wires))
    factors = qml.math.exp(qml.math.expand_dims(operation.coeff, -1) * values)
    return (vectors * factors[..., None, :]) @ vectors.conj().T


def exponential(operation: Any) -> Any:
    """The gate that PennyLane's `exp` and `evolve` are, whatever the numbers.

    Args:
        operation: exp(cG) or exp(−iφG) of a Hermitian G; c is imaginary.

    Returns:
        A Pauli rotation if G is one Pauli word, else the matrix.
    """
    sentence = operation.base.pauli_rep
    if sentence is None or len(sentence) != 1:
        matrix = _exponential_matrix(operation)
        return qml.QubitUnitary(matrix, operation.wires, unitary_check=False)
    ((word, factor),) = sentence.items()
    if isinstance(operation, qml.ops.Evolution):
        angle = 2 * operation.param * factor
    else:
        angle = -2 * qml.math.imag(operation.coeff * factor)
    if not word:
        return qml.GlobalPhase(angle / 2)
    return qml.PauliRot(angle, "".join(word.values()), wires=list(word))


def _entangling_layers(operation: Any) -> list[Any]:
    """PennyLane's, with one gate in all places where its equal stands.

    To make a CNOT takes it longer than to make three rotations.
    """
    options = dict(operation.hyperparameters)
    if options["imprimitive"] in TOLD_BY_CLASS:
        options["imprimitive"] = cache(options["imprimitive"])
    parts = operation.compute_decomposition(
        *operation.data, wires=operation.wires, **options
    )
    return list(parts)


TAKEN_APART: dict[str, Callable[[Any], list[Any]]] = {
    "SingleExcitation": lambda operation: _single_excitation(operation, 0),
    "SingleExcitationPlus": lambda operation: _single_excitation(operation, 1),
    "SingleExcitationMinus": lambda operation: _single_excitation(operation, -1),
    "DoubleExcitation": lambda operation: _double_excitation(operation, 0),
    "DoubleExcitationPlus": lambda operation: _double_excitation(operation, 1),
    "DoubleExcitationMinus": lambda operation: _double_excitation(operation, -1),
    "IsingXY": lambda operation: _in_phase(operation, shared=False),
    "FermionicSWAP": lambda operation: _in_phase(operation, shared=True),
    "CRot": _controlled_turn,
    "MottonenStatePreparation": _prepared,
    "AmplitudeEmbedding": _prepared,
    "StatePrep": _prepared,
    "SpecialUnitary": _special_unitary,
    "StronglyEntanglingLayers": _entangling_layers,
}
"""For each gate that is taken apart in another way than PennyLane's, how."""
