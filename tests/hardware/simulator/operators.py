"""Operators of PennyLane's on any number of wires, to be compared and timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import frozen
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Wires: TypeAlias = list[int]
RNG = np.random.default_rng(0)


def angles(*shape: int) -> Array:
    return np.asarray(RNG.uniform(-3, 3, shape))


def unitary(wires: int) -> Array:
    """Two small ones side by side, mirrored: of many wires no matrix is factorised."""
    if wires > 6:
        both = np.kron(unitary(wires // 2), unitary(wires - wires // 2))
        mirror = vector(wires)
        return np.asarray(both - 2 * np.outer(mirror, mirror.conj() @ both))
    parts = RNG.normal(size=(2, 2**wires, 2**wires))
    return np.asarray(np.linalg.qr(parts[0] + 1j * parts[1])[0])


def phases(count: int) -> Array:
    return np.exp(1j * angles(count))


def vector(wires: int) -> Array:
    parts = RNG.normal(size=(2, 2**wires))
    return np.asarray((parts[0] + 1j * parts[1]) / np.linalg.norm(parts))


@frozen
class Operator:
    """An operator on any number of wires, or its like on all of them in turn.

    Args:
        build: Queues it, given its numbers and wires.
        draw: Its numbers, given how many wires there are; none by default.
        fits: Whether there is one on so many wires.
    """

    build: Callable[[Sequence[Any], Wires], Any]
    draw: Callable[[int], Sequence[Array]] = lambda wires: []
    fits: Callable[[int], bool] = lambda wires: True

    def circuit(self, wires: int) -> Callable[..., Any]:
        """A quantum function of its numbers, with two expectation values."""

        def function(*numbers: Any) -> Any:
            for wire in range(wires):
                qml.RY(0.3 + wire, wire)
            self.build(numbers, list(range(wires)))
            return qml.expval(qml.Z(0)), qml.expval(qml.X(wires - 1))

        return function


def fixed(build: Callable[[Wires], Any]) -> Operator:
    return Operator(lambda numbers, wires: build(wires))


def turned(build: Callable[[Any, Wires], Any], count: int = 1) -> Operator:
    return Operator(
        lambda numbers, wires: build(numbers[0] if count == 1 else numbers, wires),
        lambda wires: [angles() for _ in range(count)],
    )


def made(
    draw: Callable[[int], Array], build: Callable[[Any, Wires], Any], **fits: Any
) -> Operator:
    return Operator(
        lambda numbers, wires: build(numbers[0], wires), lambda n: [draw(n)], **fits
    )


def everywhere(cls: Any, count: int = 0) -> Operator:
    """A narrow gate on each run of neighbours."""
    size = cls.num_wires

    def build(numbers: Sequence[Any], wires: Wires) -> None:
        for start in range(len(wires) - size + 1):
            own = [number[start] for number in numbers]
            cls(*own, wires=wires[start : start + size])

    return Operator(
        build,
        lambda wires: [angles(wires - size + 1) for _ in range(count)],
        lambda wires: wires >= size,
    )


def alternating(count: int) -> list[int]:
    return [place % 2 for place in range(count)]


def thirds(wires: Wires) -> tuple[Wires, Wires, Wires]:
    size = len(wires) // 3
    return wires[:size], wires[size : 2 * size], wires[2 * size :]


def chain(wires: Wires) -> Any:
    """Fields and couplings of an Ising chain."""
    words = [qml.Z(wire) for wire in wires]
    words += [qml.X(w) @ qml.X(v) for w, v in pairwise(wires)]
    return qml.Hamiltonian([0.3 * (k + 1) for k in range(len(words))], words)


def uniform(wires: Wires) -> Any:
    return qml.prod(*(qml.Hadamard(wire) for wire in wires))


def linear(wires: Wires) -> Any:
    """A linear combination of unitaries on the last wire."""
    last = wires[-1]
    return qml.Hamiltonian([0.3, 0.2, 0.4], [qml.Z(last), qml.X(last), qml.Y(last)])


def neuron(numbers: Any, wires: Wires) -> None:
    """The last wire is turned by each of some inputs, the others asked for its bits."""
    controls, target = wires[:-1], wires[-1]
    for place in range(len(controls)):
        values = [place >> bit & 1 for bit in range(len(controls))]
        qml.ctrl(qml.RY(numbers[place], target), controls, values)
        qml.MultiControlledX(wires, values)


def selected(gates: Sequence[Any], wires: Wires) -> Any:
    count = 2 ** (len(wires) - 1)
    chosen = [gates[place % len(gates)](wires[-1]) for place in range(count)]
    return qml.Select(chosen, wires[:-1])


def block(weights: Any, wires: Any) -> None:
    qml.RX(weights[0], wires[0])
    qml.CNOT(wires)
    qml.RY(weights[1], wires[1])


GATES = {
    **{
        name: everywhere(getattr(qml, name))
        for name in (
            *("CH", "CNOT", "CY", "CZ", "CCZ", "CSWAP", "ECR", "Hadamard", "ISWAP"),
            *("QubitCarry", "QubitSum", "S", "SISWAP", "SWAP", "SX", "T", "Toffoli"),
        )
    },
    **{
        name: everywhere(getattr(qml, name), 1)
        for name in (
            *("CPhaseShift00", "CPhaseShift10", "CRX", "CRY", "CRZ", "PhaseShift"),
            *("ControlledPhaseShift", "DoubleExcitation", "DoubleExcitationPlus"),
            *("FermionicSWAP", "IsingXX", "IsingXY", "IsingYY", "IsingZZ", "PSWAP"),
            *("OrbitalRotation", "RX", "RY", "RZ", "SingleExcitation", "U1"),
            *("SingleExcitationMinus", "SingleExcitationPlus"),
        )
    },
    "CRot": everywhere(qml.CRot, 3),
    "Rot": everywhere(qml.Rot, 3),
    "U2": everywhere(qml.U2, 2),
    "U3": everywhere(qml.U3, 3),
}
"""Narrow gates, on all wires."""

WIDE = {
    "BasisState": fixed(lambda w: qml.BasisState([1] * len(w), w)),
    "ControlledQubitUnitary": made(
        lambda n: unitary(1), lambda m, w: qml.ControlledQubitUnitary(m, w)
    ),
    "DiagonalQubitUnitary": made(
        lambda n: phases(2**n), lambda d, w: qml.DiagonalQubitUnitary(d, w)
    ),
    "FlipSign": fixed(lambda w: qml.FlipSign(1, w)),
    "GroverOperator": fixed(lambda w: qml.GroverOperator(w)),
    "Identity": fixed(lambda w: qml.Identity(w)),
    "IntegerComparator": fixed(
        lambda w: qml.IntegerComparator(2 ** (len(w) - 2) + 1, w)
    ),
    "MultiControlledX": fixed(
        lambda w: qml.MultiControlledX(w, alternating(len(w) - 1))
    ),
    "MultiRZ": turned(lambda x, w: qml.MultiRZ(x, w)),
    "PCPhase": turned(lambda x, w: qml.PCPhase(x, 2 ** len(w) // 3, w)),
    "PauliRot": turned(lambda x, w: qml.PauliRot(x, ("XYZI" * 4)[: len(w)], w)),
    "Permute": fixed(lambda w: qml.Permute([*w[1:], w[0]], w)),
    "QFT": fixed(lambda w: qml.QFT(w)),
    "QubitUnitary": made(unitary, lambda m, w: qml.QubitUnitary(m, w)),
    "SelectPauliRot X": made(
        lambda n: angles(2 ** (n - 1)),
        lambda x, w: qml.SelectPauliRot(x, w[:-1], w[-1], rot_axis="X"),
    ),
    "SelectPauliRot Y": made(
        lambda n: angles(2 ** (n - 1)),
        lambda x, w: qml.SelectPauliRot(x, w[:-1], w[-1], rot_axis="Y"),
    ),
    "SelectPauliRot Z": made(
        lambda n: angles(2 ** (n - 1)),
        lambda x, w: qml.SelectPauliRot(x, w[:-1], w[-1], rot_axis="Z"),
    ),
    "StatePrep": made(vector, lambda v, w: qml.StatePrep(v, w)),
    "adjoint(QFT)": fixed(lambda w: qml.adjoint(qml.QFT(w))),
    "ctrl(GlobalPhase)": turned(lambda x, w: qml.ctrl(qml.GlobalPhase(x), w)),
    "ctrl(H)": fixed(lambda w: qml.ctrl(qml.Hadamard(w[0]), w[1:])),
    "ctrl(ISWAP)": fixed(lambda w: qml.ctrl(qml.ISWAP(w[:2]), w[2:])),
    "ctrl(IsingXX)": turned(lambda x, w: qml.ctrl(qml.IsingXX(x, w[:2]), w[2:])),
    "ctrl(IsingXY)": turned(lambda x, w: qml.ctrl(qml.IsingXY(x, w[:2]), w[2:])),
    "ctrl(PhaseShift)": turned(lambda x, w: qml.ctrl(qml.PhaseShift(x, w[0]), w[1:])),
    "ctrl(QubitUnitary)": made(
        lambda n: unitary(2),
        lambda m, w: qml.ctrl(qml.QubitUnitary(m, w[:2]), w[2:]),
    ),
    "ctrl(RX)": turned(lambda x, w: qml.ctrl(qml.RX(x, w[0]), w[1:])),
    "ctrl(Rot)": turned(lambda x, w: qml.ctrl(qml.Rot(*x, w[0]), w[1:]), 3),
    "ctrl(S)": fixed(lambda w: qml.ctrl(qml.S(w[0]), w[1:])),
    "ctrl(SWAP)": fixed(lambda w: qml.ctrl(qml.SWAP(w[:2]), w[2:])),
    "ctrl(SingleExcitation)": turned(
        lambda x, w: qml.ctrl(qml.SingleExcitation(x, w[:2]), w[2:])
    ),
    "ctrl(U3)": turned(lambda x, w: qml.ctrl(qml.U3(*x, w[0]), w[1:]), 3),
    "ctrl(Z)": fixed(lambda w: qml.ctrl(qml.Z(w[0]), w[1:])),
    "evolve a word": turned(
        lambda x, w: qml.evolve(qml.prod(*(qml.Y(wire) for wire in w)), x)
    ),
    "neuron": made(lambda n: angles(n - 1), neuron),
}
"""Gates as wide as the circuit."""

TEMPLATES = {
    "AQFT": fixed(lambda w: qml.AQFT(1, w)),
    "Adder": fixed(lambda w: qml.Adder(3, w)),
    "AmplitudeAmplification": fixed(
        lambda w: qml.AmplitudeAmplification(uniform(w), qml.FlipSign(1, w), iters=2)
    ),
    "AngleEmbedding": made(angles, lambda x, w: qml.AngleEmbedding(x, w)),
    "ApproxTimeEvolution": turned(lambda x, w: qml.ApproxTimeEvolution(chain(w), x, 2)),
    "ArbitraryStatePreparation": made(
        lambda n: angles(2 ** (n + 1) - 2),
        lambda x, w: qml.ArbitraryStatePreparation(x, w),
        fits=lambda n: n < 6,
    ),
    "BasicEntanglerLayers": made(
        lambda n: angles(2, n), lambda x, w: qml.BasicEntanglerLayers(x, w)
    ),
    "BasisRotation": fixed(
        lambda w: qml.BasisRotation(
            w,
            np.linalg.qr(np.random.default_rng(1).normal(size=(len(w), len(w))))[0],
        )
    ),
    "ControlledSequence": turned(
        lambda x, w: qml.ControlledSequence(qml.RX(x, w[0]), control=w[1:])
    ),
    "CosineWindow": fixed(lambda w: qml.CosineWindow(w)),
    "FermionicDoubleExcitation": Operator(
        lambda x, w: qml.FermionicDoubleExcitation(x[0], w[:2], w[2:]),
        lambda n: [angles()],
        lambda n: n >= 4,
    ),
    "FermionicSingleExcitation": turned(
        lambda x, w: qml.FermionicSingleExcitation(x, w)
    ),
    "GateFabric": made(
        lambda n: angles(1, (n - 2) // 2, 2),
        lambda x, w: qml.GateFabric(x, w, init_state=[0] * len(w)),
        fits=lambda n: n >= 4 and n % 2 == 0,
    ),
    "IQPEmbedding": made(angles, lambda x, w: qml.IQPEmbedding(x, w, n_repeats=2)),
    "MPS": made(lambda n: angles(n - 1, 2), lambda x, w: qml.MPS(w, 2, block, 2, x)),
    "MottonenStatePreparation": made(
        vector, lambda v, w: qml.MottonenStatePreparation(v, w)
    ),
    "Multiplier": fixed(
        lambda w: (
            qml.Multiplier(
                3, w[: len(w) // 2], work_wires=w[len(w) // 2 : len(w) // 2 * 2]
            )
            if len(w) > 3
            else qml.Adder(1, w)
        )
    ),
    "OutAdder": fixed(lambda w: qml.OutAdder(*thirds(w))),
    "OutMultiplier": fixed(lambda w: qml.OutMultiplier(*thirds(w))),
    "ParticleConservingU1": made(
        lambda n: angles(1, n - 1, 2),
        lambda x, w: qml.ParticleConservingU1(
            x, w, init_state=[1] + [0] * (len(w) - 1)
        ),
    ),
    "ParticleConservingU2": made(
        lambda n: angles(1, 2 * n - 1),
        lambda x, w: qml.ParticleConservingU2(
            x, w, init_state=[1] + [0] * (len(w) - 1)
        ),
    ),
    "PhaseAdder": fixed(lambda w: qml.PhaseAdder(3, w)),
    "PrepSelPrep": fixed(lambda w: qml.PrepSelPrep(linear(w), control=w[:2])),
    "QROM": fixed(
        lambda w: qml.QROM(
            [[place % 2] for place in range(2 ** (len(w) - 2))],
            w[:-2],
            w[-2:-1],
            w[-1:],
        )
    ),
    "QuantumPhaseEstimation": turned(
        lambda x, w: qml.QuantumPhaseEstimation(qml.RX(x, w[0]), estimation_wires=w[1:])
    ),
    "Qubitization": fixed(lambda w: qml.Qubitization(linear(w), control=w[:2])),
    "RandomLayers": made(
        lambda n: angles(2, n), lambda x, w: qml.RandomLayers(x, w, seed=1)
    ),
    "Reflection": turned(lambda x, w: qml.Reflection(uniform(w), x)),
    "Select": fixed(lambda w: selected([qml.Hadamard, qml.X, qml.Z], w)),
    "SimplifiedTwoDesign": Operator(
        lambda x, w: qml.SimplifiedTwoDesign(*x, w),
        lambda n: [angles(n), angles(2, n - 1, 2)],
    ),
    "StronglyEntanglingLayers": made(
        lambda n: angles(2, n, 3), lambda x, w: qml.StronglyEntanglingLayers(x, w)
    ),
}
"""PennyLane's templates."""

OPERATORS: dict[str, Operator] = GATES | WIDE | TEMPLATES
