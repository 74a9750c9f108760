"""Gates that are several actions: what they consist of is found once for each kind.

Of gates whose parts have angles a·θ + b the factors a are put into the phases, so that
a run hands over θ, and no gate is taken apart on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import evolve
from numpy.typing import NDArray

from qml_qdl.hardware.simulator.gates.actions import (
    IDENTITY,
    TO_X,
    WRAPPERS,
    Acting,
    Action,
    Constant,
    Controlled,
    Dense,
    Monomial,
    Rotation,
    acting,
    is_rotation,
)
from qml_qdl.hardware.simulator.gates.decompositions import TAKEN_APART
from qml_qdl.hardware.simulator.gates.monomials import (
    controlled,
    inverse,
    moves,
    number_of,
)
from qml_qdl.hardware.structure import Gate, known_name

Actions: TypeAlias = list[Action]
"""On the first wires and slots, in the order of application."""

_AFFINE = frozenset(
    {
        *("Rot", "CRot", "U2", "U3", "PSWAP", "IsingXY", "FermionicSWAP"),
        *("OrbitalRotation", "SingleExcitation", "SingleExcitationPlus"),
        *("SingleExcitationMinus", "DoubleExcitation", "DoubleExcitationPlus"),
        "DoubleExcitationMinus",
    }
)
"""Gates whose parts have angles that are affine in their own."""

_NO_GROUPS = frozenset({"Rot", "CRot", "U2", "U3", "PSWAP"})
"""Those among them whose power z is not the gate with angles zθ."""


def _fourier(wires: int) -> Actions:
    """The quantum Fourier transform: each wire turned by all after it, then reversed.

    The phases that a wire gets from those after it are one diagonal: exp(πi·b·j / 2ᵐ)
    for its bit b and the number j on the m others.
    """
    actions: Actions = []
    for wire in range(wires):
        actions.append(Constant(wire, TO_X))
        size = 2 ** (wires - wire - 1)
        if size > 1:
            turns = np.exp(1j * np.pi * np.arange(size) / size)
            factors = np.concatenate([np.ones(size, dtype=complex), turns])
            own = tuple(range(wire, wires))
            actions.append(Monomial(own, np.arange(2 * size), factors))
    if wires == 1:
        return actions
    return [*actions, _monomial(qml.Permute(range(wires)[::-1], range(wires)))]


def _diffusion(wires: int) -> Actions:
    """Grover's operator: 2`|s⟩⟨s|` − 1, where H on all wires makes `|s⟩` of `|0⟩`."""
    turns: Actions = [Constant(wire, TO_X) for wire in range(wires)]
    factors = -np.ones(2**wires, dtype=complex)
    factors[0] = 1
    states = np.arange(2**wires)
    return [*turns, Monomial(tuple(range(wires)), states, factors), *turns]


def _monomial(operation: Any) -> Monomial:
    found = moves(operation)
    assert found is not None
    return Monomial(tuple(range(len(operation.wires))), *found)


_TEMPLATES: dict[str, Callable[[int], Actions]] = {
    "QFT": _fourier,
    "GroverOperator": _diffusion,
}
"""For each template of any width and without numbers its actions."""


def is_compound(operation: Any) -> bool:
    """Whether `compound` knows it.

    Args:
        operation: A PennyLane operation.
    """
    powers = controls = False
    while isinstance(operation, WRAPPERS):
        if isinstance(operation, qml.ops.Pow):
            powers = powers or isinstance(operation.z, int | float)
            if not powers:
                return False
        elif isinstance(operation, qml.ops.Controlled):
            controls = True
        operation = operation.base
    name = known_name(operation)
    if name in _TEMPLATES:
        return not (powers or controls)
    return name in _AFFINE and not (powers and name in _NO_GROUPS)


def compound(operation: Any) -> Acting:
    """How gates of one kind act on amplitudes, wherever they stand.

    Args:
        operation: An operation of a kind for which `is_compound` is true.

    Returns:
        For a gate of that kind its actions, in order.
    """
    actions = _actions(operation)
    return lambda gate: tuple(_placed(action, gate) for action in actions)


def _placed(action: Action, gate: Gate) -> Action:
    """An action on the first wires and slots as one on those of a gate."""
    wires = gate.wires
    if isinstance(action, Rotation):
        own = tuple([wires[wire] for wire in action.wires])
        return Rotation(own, gate.slots[action.slot], action.phases, action.bases)
    return _moved(action, wires.__getitem__)


def _moved(action: Action, place: Callable[[int], int]) -> Action:
    """An action on other wires."""
    if isinstance(action, Constant):
        return Constant(place(action.wire), action.matrix)
    if isinstance(action, Controlled):
        own = evolve(action.target, wires=tuple(map(place, action.target.wires)))
        return Controlled(tuple(map(place, action.controls)), action.values, own)
    return evolve(action, wires=tuple(map(place, action.wires)))


def _actions(operation: Any) -> Actions:
    if isinstance(operation, qml.ops.op_math.Adjoint):
        return [_inverse(action) for action in reversed(_actions(operation.base))]
    if isinstance(operation, qml.ops.Pow):
        return [
            _multiplied(action, operation.z) if isinstance(action, Rotation) else action
            for action in _actions(operation.base)
        ]
    if isinstance(operation, qml.ops.Controlled):
        values = tuple(map(int, operation.control_values))
        return _under(values, _actions(operation.base))
    name = known_name(operation)
    if name in _TEMPLATES:
        return _TEMPLATES[name](len(operation.wires))
    if name == "Rot":  # the commonest, and defined as its three turns
        return [_turn(kind, slot) for slot, kind in enumerate((qml.RZ, qml.RY, qml.RZ))]
    # Affine functions are known from one point and a step along each axis; multiples of
    # 1/4 make no error of rounding.
    start = 0.25 * np.arange(1, operation.num_params + 1)
    points = [start, *(start + step for step in np.eye(len(start)))]
    bind = qml.ops.functions.bind_new_parameters
    variants = [bind(operation, [float(x) for x in point]) for point in points]
    return _affine(variants, start, list(operation.wires))


def _turn(kind: Any, slot: int) -> Action:
    """A rotation of one wire by one of several angles."""
    rotation = kind(0.0, 0)
    return acting(rotation)(Gate(rotation.name, (0,), (slot,), rotation))[0]


def _affine(
    variants: Sequence[Any], start: NDArray[np.float64], labels: list[Any]
) -> Actions:
    """A gate, given at a point and a step along each axis from there."""
    first = variants[0]
    wires = tuple(labels.index(wire) for wire in first.wires) or (0,)
    values = np.array([variant.data for variant in variants], dtype=float)
    if not (values != values[0]).any():
        return _constant(first, wires)
    name = known_name(first)
    if not (is_rotation(first) or name == "GlobalPhase"):
        take_apart = TAKEN_APART.get(name, lambda operation: operation.decomposition())
        parts = zip(*map(take_apart, variants), strict=True)
        return [action for each in parts for action in _affine(each, start, labels)]
    (rotation,) = acting(first)(Gate(name, wires, (0,), first))
    assert isinstance(rotation, Rotation)
    factors = (values[1:] - values[0])[:, 0]
    actions: Actions = [
        evolve(_multiplied(rotation, factor), wires=wires, slot=slot)
        for slot, factor in enumerate(factors)
        if factor
    ]
    offset = float(values[0, 0] - factors @ start)
    return [*actions, *(_turned(rotation, wires, offset) if offset else ())]


def _constant(operation: Any, wires: tuple[int, ...]) -> Actions:
    """A gate that no angle changes."""
    if len(wires) == 1:
        return [Constant(wires[0], np.asarray(operation.matrix(), dtype=complex))]
    found = moves(operation)
    if found is not None:
        return [Monomial(wires, *found)]
    matrix = np.asarray(operation.matrix(), dtype=complex)
    return [Dense(wires, (), operation, matrix)]


def _turned(rotation: Rotation, wires: tuple[int, ...], angle: float) -> Actions:
    """A rotation by a fixed angle."""
    factors = np.exp(1j * angle * rotation.phases)
    bases = [Constant(w, v) for w, v in zip(wires, rotation.bases, strict=True)]
    before = [_inverse(basis) for basis in bases]
    return [*before, Monomial(wires, np.arange(len(factors)), factors), *bases]


def _multiplied(rotation: Rotation, factor: float) -> Rotation:
    return evolve(rotation, phases=rotation.phases * np.float64(factor))


def _inverse(action: Action) -> Action:
    if isinstance(action, Rotation):
        return _multiplied(action, -1.0)
    if isinstance(action, Constant):
        return Constant(action.wire, action.matrix.conj().T)
    if isinstance(action, Monomial):
        return Monomial(action.wires, *inverse(action.sources, action.factors))
    if isinstance(action, Controlled):
        return evolve(action, target=_adjoint(action.target))
    assert isinstance(action, Dense)
    return _adjoint(action)


def _adjoint(gate: Dense) -> Dense:
    assert gate.matrix is not None
    return evolve(gate, matrix=gate.matrix.conj().T)


def _undo_each_other(first: Action, last: Action) -> bool:
    if isinstance(first, Constant) and isinstance(last, Constant):
        product = last.matrix @ first.matrix
        return first.wire == last.wire and np.allclose(product, IDENTITY, atol=1e-15)
    if not (isinstance(first, Monomial) and isinstance(last, Monomial)):
        return False
    sources, factors = inverse(first.sources, first.factors)
    return (
        first.wires == last.wires
        and np.array_equal(sources, last.sources)
        and np.allclose(factors, last.factors, atol=1e-15)
    )


def _under(values: tuple[int, ...], actions: Actions) -> Actions:
    """Actions where further wires, which lead, have their values.

    ABA† needs the control only on B.
    """
    if len(actions) > 2 and _undo_each_other(actions[0], actions[-1]):
        first, last = (_shifted(actions[end], len(values)) for end in (0, -1))
        return [first, *_under(values, actions[1:-1]), last]
    return [_controlled(values, _shifted(each, len(values))) for each in actions]


def _shifted(action: Action, count: int) -> Action:
    """An action some wires further."""
    return _moved(action, lambda wire: wire + count)


def _controlled(values: tuple[int, ...], action: Action) -> Action:
    controls = tuple(range(len(values)))
    if isinstance(action, Rotation):
        before = 2 ** len(action.wires) * number_of(values)
        phases = np.zeros(2 ** len(values) * len(action.phases))
        phases[before : before + len(action.phases)] = action.phases
        axes = (IDENTITY,) * len(values)
        return Rotation(
            controls + action.wires, action.slot, phases, axes + action.bases
        )
    if isinstance(action, Constant):
        diagonal = np.diag(action.matrix)
        if np.array_equal(action.matrix, np.diag(diagonal)):
            action = Monomial((action.wire,), np.arange(2), diagonal)
        else:
            action = Dense((action.wire,), (), None, action.matrix)
    if isinstance(action, Monomial):
        found = controlled(values, action.sources, action.factors)
        return Monomial(controls + action.wires, *found)
    if isinstance(action, Controlled):
        return evolve(
            action,
            controls=controls + action.controls,
            values=values + action.values,
        )
    assert isinstance(action, Dense)
    return Controlled(controls, values, action)
