"""Every gate with how to sample one, and the comparison with default.qubit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

Rng: TypeAlias = np.random.Generator


def unitary(rng: Rng, wires: int, rows: int | None = None) -> NDArray[np.complex128]:
    shape = (*(() if rows is None else (rows,)), 2**wires, 2**wires)
    matrix = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    return np.asarray(np.linalg.qr(matrix)[0])


def angles(count: int, *shape: int) -> Callable[[Rng, int | None], list[Any]]:
    def draw(rng: Rng, rows: int | None) -> list[Any]:
        size = (*(() if rows is None else (rows,)), *shape)
        return [rng.uniform(-np.pi, np.pi, size) for _ in range(count)]

    return draw


@frozen
class Kind:
    """A kind of gate.

    Args:
        wires: How many it takes.
        draw: Numbers for it, from a generator and a number of rows.
        build: Queues it, given its numbers and wires.
    """

    wires: int
    draw: Callable[[Rng, int | None], list[Any]]
    build: Callable[[Sequence[Any], Sequence[int]], Any]


def plain(cls: Any, wires: int, count: int = 0) -> Kind:
    return Kind(wires, angles(count), lambda p, w: cls(*p, wires=w))


def matrices(wires: int) -> Callable[[Rng, int | None], list[Any]]:
    return lambda rng, rows: [unitary(rng, wires, rows)]


def phases(wires: int) -> Callable[[Rng, int | None], list[Any]]:
    return lambda rng, rows: [np.exp(1j * angles(1, 2**wires)(rng, rows)[0])]


FIXED = {
    1: [
        "H",
        "Hadamard",
        "Identity",
        "PauliX",
        "PauliY",
        "PauliZ",
        "S",
        "SX",
        "T",
        "X",
        "Y",
        "Z",
        "Barrier",
    ],
    2: ["CH", "CNOT", "CY", "CZ", "ECR", "ISWAP", "SISWAP", "SQISW", "SWAP"],
    3: ["CCZ", "CSWAP", "QubitSum", "Toffoli", "MultiControlledX"],
    4: ["QubitCarry"],
}
TURNED = {
    (1, 1): ["PhaseShift", "RX", "RY", "RZ", "U1", "GlobalPhase"],
    (1, 2): ["U2"],
    (1, 3): ["Rot", "U3"],
    (2, 1): [
        "CPhase",
        "CPhaseShift00",
        "CPhaseShift01",
        "CPhaseShift10",
        "CRX",
        "CRY",
        "CRZ",
        "ControlledPhaseShift",
        "FermionicSWAP",
        "IsingXX",
        "IsingXY",
        "IsingYY",
        "IsingZZ",
        "MultiRZ",
        "PSWAP",
        "SingleExcitation",
        "SingleExcitationMinus",
        "SingleExcitationPlus",
    ],
    (2, 3): ["CRot"],
    (4, 1): [
        "DoubleExcitation",
        "DoubleExcitationMinus",
        "DoubleExcitationPlus",
        "OrbitalRotation",
    ],
}
GATES: dict[str, Kind] = {
    **{
        name: plain(getattr(qml, name), w)
        for w, names in FIXED.items()
        for name in names
    },
    **{
        name: plain(getattr(qml, name), w, count)
        for (w, count), names in TURNED.items()
        for name in names
    },
    "BasisState": Kind(2, angles(0), lambda p, w: qml.BasisState([1, 0], w)),
    "BlockEncode": Kind(
        2,
        angles(0),
        lambda p, w: qml.BlockEncode(np.array([[0.1, 0.2], [0.3, 0.4]]), w),
    ),
    "ControlledQubitUnitary": Kind(
        3,
        matrices(1),
        lambda p, w: qml.ControlledQubitUnitary(p[0], w, control_values=[0, 1]),
    ),
    "DiagonalQubitUnitary": Kind(
        2, phases(2), lambda p, w: qml.DiagonalQubitUnitary(p[0], w)
    ),
    "IntegerComparator": Kind(
        3, angles(0), lambda p, w: qml.IntegerComparator(2, geq=True, wires=w)
    ),
    "PCPhase": Kind(2, angles(1), lambda p, w: qml.PCPhase(p[0], dim=3, wires=w)),
    "PauliRot": Kind(3, angles(1), lambda p, w: qml.PauliRot(p[0], "XIY", w)),
    "QubitUnitary": Kind(2, matrices(2), lambda p, w: qml.QubitUnitary(p[0], w)),
    "SpecialUnitary": Kind(
        2, angles(1, 15), lambda p, w: qml.SpecialUnitary(p[0], wires=w)
    ),
    "StatePrep": Kind(
        2,
        # In the middle of a circuit small amplitudes make ill-conditioned rotations.
        lambda rng, rows: [phases(2)(rng, rows)[0] / 2],
        lambda p, w: qml.StatePrep(p[0], w),
    ),
}
"""Every gate of PennyLane's that acts on qubits, by name."""

CV = "acts on harmonic oscillators"
QUTRIT = "acts on qutrits"
EXCLUDED = {
    **dict.fromkeys(
        [
            "Beamsplitter",
            "CatState",
            "CoherentState",
            "ControlledAddition",
            "ControlledPhase",
            "CrossKerr",
            "CubicPhase",
            "DisplacedSqueezedState",
            "Displacement",
            "FockDensityMatrix",
            "FockState",
            "FockStateVector",
            "GaussianState",
            "InterferometerUnitary",
            "Kerr",
            "QuadraticPhase",
            "Rotation",
            "SqueezedState",
            "Squeezing",
            "ThermalState",
            "TwoModeSqueezing",
        ],
        CV,
    ),
    **dict.fromkeys(
        [
            "ControlledQutritUnitary",
            "QutritBasisState",
            "QutritUnitary",
            "TAdd",
            "TClock",
            "THadamard",
            "TRX",
            "TRY",
            "TRZ",
            "TSWAP",
            "TShift",
        ],
        QUTRIT,
    ),
    "QubitDensityMatrix": "makes a mixed state; the simulator holds pure ones",
    "Snapshot": "acts on nothing; test_device.py has snapshots",
    "WireCut": "marks where to cut a circuit; acts on nothing, as on default.qubit",
}
"""Every other operator, with the reason."""

WRAPPED: dict[str, Kind] = {
    "adjoint(RX)": Kind(1, angles(1), lambda p, w: qml.adjoint(qml.RX(p[0], w))),
    "adjoint(Rot)": Kind(1, angles(3), lambda p, w: qml.adjoint(qml.Rot(*p, wires=w))),
    "adjoint(QubitUnitary)": Kind(
        2, matrices(2), lambda p, w: qml.adjoint(qml.QubitUnitary(p[0], w))
    ),
    "adjoint(S)": Kind(1, angles(0), lambda p, w: qml.adjoint(qml.S(w))),
    "pow(RX)": Kind(1, angles(1), lambda p, w: qml.pow(qml.RX(p[0], w), 2.5)),
    "pow(IsingXY)": Kind(2, angles(1), lambda p, w: qml.pow(qml.IsingXY(p[0], w), 2)),
    "pow(QubitUnitary)": Kind(
        2, matrices(2), lambda p, w: qml.pow(qml.QubitUnitary(p[0], w), 3)
    ),
    "pow(SX)": Kind(1, angles(0), lambda p, w: qml.pow(qml.SX(w), 0.5)),
    "ctrl(RX)": Kind(
        3,
        angles(1),
        lambda p, w: qml.ctrl(qml.RX(p[0], w[0]), w[1:], control_values=[0, 1]),
    ),
    "ctrl(Rot)": Kind(
        2, angles(3), lambda p, w: qml.ctrl(qml.Rot(*p, wires=w[0]), w[1:])
    ),
    "ctrl(U3)": Kind(
        2, angles(3), lambda p, w: qml.ctrl(qml.U3(*p, wires=w[0]), w[1:])
    ),
    "ctrl(IsingXX)": Kind(
        3, angles(1), lambda p, w: qml.ctrl(qml.IsingXX(p[0], w[:2]), w[2:])
    ),
    "ctrl(PauliRot)": Kind(
        3, angles(1), lambda p, w: qml.ctrl(qml.PauliRot(p[0], "YX", w[:2]), w[2:])
    ),
    "ctrl(GlobalPhase)": Kind(
        2,
        angles(1),
        lambda p, w: qml.ctrl(qml.GlobalPhase(p[0]), w, control_values=[1, 0]),
    ),
    "ctrl(QubitUnitary)": Kind(
        3, matrices(2), lambda p, w: qml.ctrl(qml.QubitUnitary(p[0], w[:2]), w[2:])
    ),
    "ctrl(adjoint(pow(RZ)))": Kind(
        2,
        angles(1),
        lambda p, w: qml.ctrl(qml.adjoint(qml.pow(qml.RZ(p[0], w[0]), 3)), w[1:]),
    ),
    "ctrl(SingleExcitation)": Kind(
        3, angles(1), lambda p, w: qml.ctrl(qml.SingleExcitation(p[0], w[:2]), w[2:])
    ),
    "ctrl(SWAP)": Kind(3, angles(0), lambda p, w: qml.ctrl(qml.SWAP(w[:2]), w[2:])),
    "exp": Kind(
        2, angles(1), lambda p, w: qml.exp(qml.X(w[0]) @ qml.Y(w[1]), 1j * p[0])
    ),
    "evolve": Kind(
        2, angles(1), lambda p, w: qml.evolve(qml.X(w[0]) @ qml.Y(w[1]), p[0])
    ),
    "ctrl(evolve)": Kind(
        3,
        angles(1),
        lambda p, w: qml.ctrl(qml.evolve(qml.X(w[0]) @ qml.Y(w[1]), p[0]), w[2:]),
    ),
    "prod": Kind(2, angles(1), lambda p, w: qml.prod(qml.RX(p[0], w[0]), qml.CNOT(w))),
    "ApproxTimeEvolution": Kind(
        2,
        angles(1),
        lambda p, w: qml.ApproxTimeEvolution(
            qml.X(w[0]) @ qml.Y(w[1]) + 0.5 * qml.Z(w[0]), p[0], 2
        ),
    ),
    "TrotterProduct": Kind(
        2,
        angles(1),
        lambda p, w: qml.TrotterProduct(
            qml.X(w[0]) @ qml.Y(w[1]) + 0.5 * qml.Z(w[0]), p[0], n=2, order=2
        ),
    ),
    "PauliRot of identities": Kind(
        2, angles(1), lambda p, w: qml.PauliRot(p[0], "II", w)
    ),
    "PauliRot of one letter": Kind(
        3, angles(1), lambda p, w: qml.PauliRot(p[0], "IZI", w)
    ),
    "QubitUnitary of four wires": Kind(
        4, matrices(4), lambda p, w: qml.QubitUnitary(p[0], w)
    ),
    "MultiControlledX of values": Kind(
        4,
        angles(0),
        lambda p, w: qml.MultiControlledX(w, control_values=[0, 1, 1]),
    ),
    "AngleEmbedding": Kind(3, angles(1, 3), lambda p, w: qml.AngleEmbedding(p[0], w)),
    "IQPEmbedding": Kind(3, angles(1, 3), lambda p, w: qml.IQPEmbedding(p[0], w)),
    "AmplitudeEmbedding": Kind(
        2,
        lambda rng, rows: [np.cos(angles(1, 4)(rng, rows)[0] / 4)],
        lambda p, w: qml.AmplitudeEmbedding(p[0], w, normalize=True),
    ),
    "BasisEmbedding": Kind(2, angles(0), lambda p, w: qml.BasisEmbedding([1, 1], w)),
    "QFT": Kind(3, angles(0), lambda p, w: qml.QFT(w)),
    "GroverOperator": Kind(3, angles(0), lambda p, w: qml.GroverOperator(w)),
    "Permute": Kind(3, angles(0), lambda p, w: qml.Permute([w[2], w[0], w[1]], w)),
    "FlipSign": Kind(2, angles(0), lambda p, w: qml.FlipSign([1, 0], w)),
    "Select": Kind(
        3,
        angles(0),
        lambda p, w: qml.Select([qml.X(w[2]), qml.Y(w[2]), qml.Z(w[2])], w[:2]),
    ),
    "QuantumPhaseEstimation": Kind(
        3,
        angles(0),
        lambda p, w: qml.QuantumPhaseEstimation(
            qml.RZ(0.3, w[0]), estimation_wires=w[1:]
        ),
    ),
}
"""Gates around gates, and templates."""

WIDE = {
    "ctrl(H)": Kind(
        5, angles(0), lambda p, w: qml.ctrl(qml.Hadamard(w[2]), [*w[:2], *w[3:]])
    ),
    "ctrl(QubitUnitary)": Kind(
        5,
        matrices(2),
        lambda p, w: qml.ctrl(qml.QubitUnitary(p[0], w[:2]), w[2:], [0, 1, 0]),
    ),
    "DiagonalQubitUnitary": Kind(
        5, phases(5), lambda p, w: qml.DiagonalQubitUnitary(p[0], w)
    ),
    "SelectPauliRot": Kind(
        6,
        angles(1, 32),
        lambda p, w: qml.SelectPauliRot(p[0], w[:5], w[5], rot_axis="X"),
    ),
}
"""Gates that act in blocks, as they do on more than four wires."""

ALL = GATES | WRAPPED


def pytest_generate_tests(metafunc: Any) -> None:
    """Runs a test that takes `gate`, `turned` or `excluded` for each of them.

    `turned` are the gates that take numbers: only those have rows.
    """
    rng = np.random.default_rng(0)
    turned = [name for name, kind in ALL.items() if kind.draw(rng, None)]
    groups = (("gate", ALL), ("turned", turned), ("excluded", EXCLUDED))
    for argument, names in groups:
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, list(names))


@pytest.fixture(scope="session")
def kinds() -> dict[str, Kind]:
    return ALL


@pytest.fixture(scope="session")
def wide_kinds() -> dict[str, Kind]:
    return {f"wide {name}": kind for name, kind in WIDE.items()}


@pytest.fixture(scope="session")
def reasons() -> dict[str, str]:
    """The operators without a kind, and why."""
    return EXCLUDED


@pytest.fixture(scope="session")
def known() -> set[str]:
    return {*GATES, *EXCLUDED}


def number(value: Any, single: bool) -> Tensor:
    tensor = torch.as_tensor(value)
    if single:
        tensor = tensor.to(torch.complex64 if tensor.is_complex() else torch.float32)
    return tensor


def agree_with_default_qubit(
    function: Callable[..., Any],
    numbers: Sequence[Any] = (),
    wires: Any = None,
    single: bool = False,
    tolerance: float | None = None,
    gradient_tolerance: float | None = None,
    diff: bool = True,
) -> list[Tensor]:
    """Outputs and gradients are default.qubit's; gives back the outputs.

    Args:
        function: A quantum function of numbers.
        numbers: Arrays to start from; each gets a gradient.
        wires: Of both devices.
        single: Whether ours runs in single precision.
        tolerance: On outputs; by default 1e-12, and 1e-5 in single precision.
        gradient_tolerance: On gradients; by default the same.
        diff: Whether gradients are compared.
    """
    tolerance = tolerance or (1e-5 if single else 1e-12)
    results, gradients = [], []
    for name in ("default.qubit", "qdl.simulator"):
        ours = name == "qdl.simulator"
        low = [number(n, single) for n in numbers]
        # The reference gets the very same numbers, in double precision.
        leaves = [
            n if ours else n.to(torch.complex128 if n.is_complex() else torch.float64)
            for n in low
        ]
        leaves = [leaf.clone().requires_grad_(diff) for leaf in leaves]
        node = qml.QNode(function, qml.device(name, wires=wires), interface="torch")
        outputs = node(*leaves)
        outputs = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
        results.append([output.detach() for output in outputs])
        chosen = torch.Generator().manual_seed(0)
        total = torch.zeros((), dtype=torch.float64)
        for output in outputs:
            weights = torch.randn(
                output.shape, dtype=torch.complex128, generator=chosen
            )
            weights = weights / weights.abs().square().sum().sqrt().clamp_min(1.0)
            total = total + (weights * output).real.sum()
        if diff and leaves and total.requires_grad:
            found = torch.autograd.grad(total, leaves, allow_unused=True)
            gradients.append(
                [
                    torch.zeros_like(leaf) if gradient is None else gradient
                    for leaf, gradient in zip(leaves, found, strict=True)
                ]
            )
    reference, own = results
    for one, other in zip(reference, own, strict=True):
        assert one.shape == other.shape
        assert other.dtype in (torch.float64, torch.complex128)
        torch.testing.assert_close(
            other.to(one.dtype), one, atol=tolerance, rtol=tolerance
        )
    for one, other in zip(*gradients, strict=True) if len(gradients) == 2 else ():
        assert other.dtype == number(one, single).dtype
        most = gradient_tolerance or tolerance
        torch.testing.assert_close(other.to(one.dtype), one, atol=most, rtol=most)
    return own


@pytest.fixture(scope="session")
def agree() -> Callable[..., list[Tensor]]:
    return agree_with_default_qubit
