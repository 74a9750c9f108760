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


def fixed(
    build: Callable[[Wires], Any], fits: Callable[[int], bool] = lambda wires: True
) -> Operator:
    return Operator(lambda numbers, wires: build(wires), fits=fits)


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


def few(wires: int) -> bool:
    """A matrix on all wires is small."""
    return wires <= 8


def paired(wires: int) -> bool:
    """As many spin orbitals as two electrons and their excitations need."""
    return wires >= 4 and wires % 2 == 0


def excitations(wires: Wires) -> tuple[list[Any], list[Any]]:
    """All single and double ones of two electrons."""
    singles, doubles = qml.qchem.excitations(2, len(wires))
    return list(singles), list(doubles)


def occupied(wires: Wires) -> Array:
    return np.array([1, 1] + [0] * (len(wires) - 2))


def num_excitations(count: int) -> int:
    return sum(map(len, excitations(list(range(count)))))


def halves(wires: Wires) -> tuple[Any, Any]:
    """Two unitaries, the first on the second half of an even number of wires."""
    size = len(wires) // 2
    return qml.MultiRZ(0.7, wires[size : 2 * size]), uniform(wires[:size])


def clusters(weights: Any, wires: Wires) -> Any:
    """The two-electron cluster operator."""
    parts = qml.qchem.excitations_to_wires(*excitations(wires), wires)
    return qml.UCCSD(weights, wires, *parts, init_state=occupied(wires))


def bits(rows: int, columns: int) -> Array:
    return np.random.default_rng(2).integers(0, 2, (rows, columns))


def power_of_two(count: int) -> int:
    """The largest that is not above a number."""
    return 1 << count.bit_length() - 1


def parts(wires: Wires, *shares: int) -> list[Wires]:
    """Registers side by side, of so many wires each."""
    places = np.cumsum([0, *shares]).tolist()
    return [wires[first:last] for first, last in pairwise(places)]


def evolution(time: Any, angle: Any, wires: Wires) -> None:
    qml.RX(time * angle, wires[0])
    qml.MultiRZ(time, wires)


def matrix_product(wires: Wires) -> Any:
    """A state of bond dimension 2, prepared by the help of the last wire."""
    draw = np.random.default_rng(3).normal
    inner = [draw(size=(2, 2, 2)) for _ in wires[2:-1]]
    sites = [draw(size=(2, 2)), *inner, draw(size=(2, 2))]
    return qml.MPSPrep(sites, wires[:-1], wires[-1:], right_canonicalize=True)


def squared_sine(number: Any) -> Any:
    return np.sin(number) ** 2


def monte_carlo(wires: Wires) -> Any:
    own = len(wires) // 3 + 1
    chances = np.arange(1, 2 ** (own - 1) + 1) / (
        2 ** (own - 1) * (2 ** (own - 1) + 1) / 2
    )
    return qml.QuantumMonteCarlo(chances, squared_sine, wires[:own], wires[own:])


def routed(wires: Wires, chosen: int) -> Any:
    """Memory that is read by a tree of one node, and by so many more wires."""
    work = wires[-5:] if chosen else wires[-4:]
    controls, targets = wires[: chosen + 1], wires[chosen + 1 : -len(work)]
    data = bits(2 ** len(controls), len(targets))
    if not chosen:
        return qml.BBQRAM(data, controls, targets, work)
    return qml.HybridQRAM(data, controls, targets, work, k=chosen)


GATES = {
    **{
        name: everywhere(getattr(qml, name))
        for name in (
            *("CH", "CNOT", "CY", "CZ", "CCZ", "CSWAP", "ECR", "Hadamard", "ISWAP"),
            *("QubitCarry", "QubitSum", "S", "SISWAP", "SWAP", "SX", "T", "Toffoli"),
            "TemporaryAND",
        )
    },
    **{
        name: everywhere(getattr(qml, name), 1)
        for name in (
            *("CPhaseShift00", "CPhaseShift01", "CPhaseShift10", "CRX", "CRY", "CRZ"),
            *("ControlledPhaseShift", "DoubleExcitation", "DoubleExcitationMinus"),
            *("DoubleExcitationPlus", "PhaseShift"),
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
    "Barrier": fixed(lambda w: qml.Barrier(w)),
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
    "Snapshot": fixed(lambda w: qml.Snapshot()),
    "SpecialUnitary": made(
        lambda n: angles(4**n - 1),
        lambda x, w: qml.SpecialUnitary(x, w),
        fits=lambda n: n < 5,
    ),
    "StatePrep": made(vector, lambda v, w: qml.StatePrep(v, w)),
    "WireCut": fixed(lambda w: qml.WireCut(w)),
    "adjoint(QFT)": fixed(lambda w: qml.adjoint(qml.QFT(w))),
    "change_op_basis": turned(
        lambda x, w: qml.change_op_basis(qml.QFT(w), qml.MultiRZ(x, w))
    ),
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
    "exp of a sum": Operator(
        lambda x, w: qml.exp(chain(w[:4]), 1j * x[0]), lambda n: [angles()]
    ),
    "neuron": made(lambda n: angles(n - 1), neuron),
    "pow(QubitUnitary)": made(
        unitary, lambda m, w: qml.pow(qml.QubitUnitary(m, w), 2), fits=few
    ),
    "pow(SX)": fixed(lambda w: [qml.pow(qml.SX(wire), -3) for wire in w]),
}
"""Gates as wide as the circuit."""

TEMPLATES = {
    "AQFT": fixed(lambda w: qml.AQFT(1, w)),
    "Adder": fixed(lambda w: qml.Adder(3, w)),
    "AllSinglesDoubles": made(
        lambda n: angles(num_excitations(n)),
        lambda x, w: qml.AllSinglesDoubles(x, w, occupied(w), *excitations(w)),
        fits=paired,
    ),
    "AmplitudeAmplification": fixed(
        lambda w: qml.AmplitudeAmplification(uniform(w), qml.FlipSign(1, w), iters=2)
    ),
    "AmplitudeEmbedding": made(
        lambda n: angles(2**n),
        lambda x, w: qml.AmplitudeEmbedding(x, w, normalize=True),
    ),
    "AngleEmbedding": made(angles, lambda x, w: qml.AngleEmbedding(x, w)),
    "ApproxTimeEvolution": turned(lambda x, w: qml.ApproxTimeEvolution(chain(w), x, 2)),
    "ArbitraryStatePreparation": made(
        lambda n: angles(2 ** (n + 1) - 2),
        lambda x, w: qml.ArbitraryStatePreparation(x, w),
        fits=lambda n: n < 6,
    ),
    "ArbitraryUnitary": made(
        lambda n: angles(4**n - 1),
        lambda x, w: qml.ArbitraryUnitary(x, w),
        fits=lambda n: n < 5,
    ),
    "BBQRAM": fixed(lambda w: routed(w, 0), lambda n: n >= 6),
    "BasicEntanglerLayers": made(
        lambda n: angles(2, n), lambda x, w: qml.BasicEntanglerLayers(x, w)
    ),
    "BasisEmbedding": fixed(lambda w: qml.BasisEmbedding(alternating(len(w)), w)),
    "BasisRotation": fixed(
        lambda w: qml.BasisRotation(
            w,
            np.linalg.qr(np.random.default_rng(1).normal(size=(len(w), len(w))))[0],
        )
    ),
    "BlockEncode": fixed(
        lambda w: qml.BlockEncode(
            np.diag(np.arange(2.0 ** (len(w) - 1))) / 2 ** len(w), w
        ),
        few,
    ),
    "CommutingEvolution": turned(
        lambda x, w: qml.CommutingEvolution(
            qml.Hamiltonian(
                [0.3] * (len(w) - 1), [qml.X(a) @ qml.X(b) for a, b in pairwise(w)]
            ),
            x,
        )
    ),
    "ControlledSequence": turned(
        lambda x, w: qml.ControlledSequence(qml.RX(x, w[0]), control=w[1:])
    ),
    "CosineWindow": fixed(lambda w: qml.CosineWindow(w)),
    "FABLE": made(
        lambda n: angles(2 ** ((n - 1) // 2), 2 ** ((n - 1) // 2)) / 3,
        lambda m, w: qml.FABLE(m, w[: (len(w) - 1) // 2 * 2 + 1]),
    ),
    "FermionicDoubleExcitation": Operator(
        lambda x, w: qml.FermionicDoubleExcitation(x[0], w[:2], w[2:]),
        lambda n: [angles()],
        lambda n: n >= 4,
    ),
    "FermionicSingleExcitation": turned(
        lambda x, w: qml.FermionicSingleExcitation(x, w)
    ),
    "GQSP": made(
        lambda n: angles(3, 4),
        lambda x, w: qml.GQSP(qml.MultiRZ(0.3, w[1:]), x, w[0]),
    ),
    "GateFabric": made(
        lambda n: angles(1, (n - 2) // 2, 2),
        lambda x, w: qml.GateFabric(x, w, init_state=[0] * len(w)),
        fits=lambda n: n >= 4 and n % 2 == 0,
    ),
    "HilbertSchmidt": fixed(lambda w: qml.HilbertSchmidt(*halves(w))),
    "HybridQRAM": fixed(lambda w: routed(w, len(w) - 7), lambda n: n >= 8),
    "IQP": made(
        lambda n: angles(2 * n - 1),
        lambda x, w: qml.IQP(
            x, len(w), [[[k]] for k in w] + [[[*two]] for two in pairwise(w)]
        ),
    ),
    "IQPEmbedding": made(angles, lambda x, w: qml.IQPEmbedding(x, w, n_repeats=2)),
    "LocalHilbertSchmidt": fixed(lambda w: qml.LocalHilbertSchmidt(*halves(w))),
    "MERA": made(
        lambda n: angles(qml.MERA.get_n_blocks(range(power_of_two(n)), 2), 2),
        lambda x, w: qml.MERA(w[: power_of_two(len(w))], 2, block, 2, x),
    ),
    "MPS": made(lambda n: angles(n - 1, 2), lambda x, w: qml.MPS(w, 2, block, 2, x)),
    "MPSPrep": fixed(matrix_product),
    "ModExp": fixed(
        lambda w: qml.ModExp(
            *parts(w, len(w) - len(w) // 3 * 2, len(w) // 3),
            3,
            None,
            w[-(len(w) // 3) :],
        )
    ),
    "MottonenStatePreparation": made(
        vector, lambda v, w: qml.MottonenStatePreparation(v, w)
    ),
    "MultiplexerStatePreparation": made(
        vector, lambda v, w: qml.MultiplexerStatePreparation(v, w)
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
    "OutPoly": fixed(
        lambda w: qml.OutPoly(lambda x, y: x**2 + y, thirds(w)[:2], thirds(w)[2])
    ),
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
    "QAOAEmbedding": Operator(
        lambda x, w: qml.QAOAEmbedding(*x, w), lambda n: [angles(n), angles(2, 2 * n)]
    ),
    "QDrift": turned(lambda x, w: qml.QDrift(chain(w), x, n=4, seed=1)),
    "QROM": fixed(
        lambda w: qml.QROM(
            [[place % 2] for place in range(2 ** (len(w) - 2))],
            w[:-2],
            w[-2:-1],
            w[-1:],
        )
    ),
    "QROMStatePreparation": fixed(
        lambda w: qml.QROMStatePreparation(
            np.sqrt(
                np.arange(1, 2 ** (len(w) // 3) + 1)
                / (2 ** (len(w) // 3) * (2 ** (len(w) // 3) + 1) / 2)
            ),
            w[: len(w) // 3],
            w[len(w) // 3 :],
        )
    ),
    "QSVT": made(
        lambda n: angles(4),
        lambda x, w: qml.QSVT(
            qml.BlockEncode([[0.1, 0.2], [0.3, 0.4]], w[:2]),
            [qml.PCPhase(angle, 2, w[:2]) for angle in x],
        ),
    ),
    "QuantumMonteCarlo": fixed(monte_carlo),
    "QuantumPhaseEstimation": turned(
        lambda x, w: qml.QuantumPhaseEstimation(qml.RX(x, w[0]), estimation_wires=w[1:])
    ),
    "Qubitization": fixed(lambda w: qml.Qubitization(linear(w), control=w[:2])),
    "RandomLayers": made(
        lambda n: angles(2, n), lambda x, w: qml.RandomLayers(x, w, seed=1)
    ),
    "Reflection": turned(lambda x, w: qml.Reflection(uniform(w), x)),
    "Select": fixed(lambda w: selected([qml.Hadamard, qml.X, qml.Z], w)),
    "SelectOnlyQRAM": fixed(
        lambda w: qml.SelectOnlyQRAM(
            bits(2 ** (len(w) // 2), len(w) - len(w) // 2),
            w[: len(w) // 2],
            w[len(w) // 2 :],
        )
    ),
    "SemiAdder": fixed(lambda w: qml.SemiAdder(*thirds(w))),
    "SimplifiedTwoDesign": Operator(
        lambda x, w: qml.SimplifiedTwoDesign(*x, w),
        lambda n: [angles(n), angles(2, n - 1, 2)],
    ),
    "StronglyEntanglingLayers": made(
        lambda n: angles(2, n, 3), lambda x, w: qml.StronglyEntanglingLayers(x, w)
    ),
    "Superposition": made(
        lambda n: vector(2),
        lambda v, w: qml.Superposition(
            v, [[*map(int, f"{k:0{len(w) - 1}b}")] for k in range(4)], w[:-1], w[-1]
        ),
    ),
    "TTN": made(
        lambda n: angles(power_of_two(n) - 1, 2),
        lambda x, w: qml.TTN(w[: power_of_two(len(w))], 2, block, 2, x),
    ),
    "TrotterProduct": turned(
        lambda x, w: qml.TrotterProduct(chain(w), x, n=2, order=2)
    ),
    "TrotterizedQfunc": turned(
        lambda x, w: qml.TrotterizedQfunc(*x, qfunc=evolution, n=2, wires=w), 2
    ),
    "TwoLocalSwapNetwork": made(
        lambda n: angles(n * (n - 1) // 2),
        lambda x, w: qml.TwoLocalSwapNetwork(
            w, lambda index, wires, param: qml.CRX(param, index), x
        ),
    ),
    "UCCSD": made(lambda n: angles(num_excitations(n)), clusters, fits=paired),
    "kUpCCGSD": made(
        lambda n: angles(*qml.kUpCCGSD.shape(k=1, n_wires=n, delta_sz=0)),
        lambda x, w: qml.kUpCCGSD(x, w, init_state=occupied(w)),
        fits=paired,
    ),
}
"""PennyLane's templates."""

OPERATORS: dict[str, Operator] = GATES | WIDE | TEMPLATES
