"""What every processing promises. A new processing is one more line below."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    MERA,
    MPS,
    TTN,
    AngleEncoding,
    ArgumentError,
    BasicEntangler,
    Block,
    Circuit,
    HardwareEfficient,
    HurCircuit,
    IQPCircuit,
    IsingLayers,
    Probabilities,
    Processing,
    QdlError,
    RandomLayers,
    Rotations,
    ShapeError,
    SimCircuit,
    SimplifiedTwoDesign,
    State,
    StronglyEntangling,
)

LABELS = ["c", "a", "b"]

PROCESSINGS = [
    pytest.param(StronglyEntangling(3, layers=2), id="strongly"),
    pytest.param(StronglyEntangling(1), id="strongly-one-wire"),
    pytest.param(
        StronglyEntangling(LABELS, 2, ranges=[2, 1], imprimitive="CZ"),
        id="strongly-options",
    ),
    pytest.param(StronglyEntangling(2, imprimitive="iSWAP"), id="strongly-iswap"),
    pytest.param(BasicEntangler(3, layers=2), id="basic"),
    pytest.param(BasicEntangler([5, 3], rotation="RZ"), id="basic-rz"),
    pytest.param(BasicEntangler(1), id="basic-one-wire"),
    pytest.param(RandomLayers(3, layers=2), id="random"),
    pytest.param(RandomLayers(1), id="random-one-wire"),
    pytest.param(
        RandomLayers(LABELS, rotations=5, ratio_imprimitive=0.5, seed=7),
        id="random-options",
    ),
    pytest.param(SimplifiedTwoDesign(3, layers=2), id="two-design"),
    pytest.param(SimplifiedTwoDesign(1), id="two-design-one-wire"),
    pytest.param(SimplifiedTwoDesign(LABELS), id="two-design-labels"),
    pytest.param(HardwareEfficient(3, layers=2), id="hardware"),
    pytest.param(HardwareEfficient(1, rotations="RX"), id="hardware-one-wire"),
    pytest.param(
        HardwareEfficient(3, rotations=["Rot"], entangler="CZ", pattern="ring"),
        id="hardware-rot-ring",
    ),
    pytest.param(
        HardwareEfficient(LABELS, entangler="IsingZZ", pattern="full"),
        id="hardware-ising-full",
    ),
    pytest.param(
        HardwareEfficient(4, entangler="iSWAP", pattern="brick"),
        id="hardware-iswap-brick",
    ),
    pytest.param(IsingLayers(3, layers=2), id="ising"),
    pytest.param(IsingLayers(1), id="ising-one-wire"),
    pytest.param(IsingLayers(LABELS, field="Y", mixer=None), id="ising-field"),
    pytest.param(
        IsingLayers(2, field=None, mixer="Y", pattern="linear"), id="ising-mixer"
    ),
    pytest.param(IsingLayers(2, field=None, mixer=None), id="ising-couplings"),
    pytest.param(MPS(3), id="mps"),
    pytest.param(MPS(4, StronglyEntangling(3), offset=1), id="mps-offset"),
    pytest.param(MPS(LABELS, BasicEntangler(2)), id="mps-labels"),
    pytest.param(TTN(4), id="ttn"),
    pytest.param(TTN(["d", *LABELS], BasicEntangler(2, 2)), id="ttn-labels"),
    pytest.param(MERA(4, SimplifiedTwoDesign(2)), id="mera"),
    pytest.param(MERA(2), id="mera-two-wires"),
    *(pytest.param(SimCircuit(k), id=f"sim-{k}") for k in range(1, 20)),
    pytest.param(SimCircuit(5, LABELS, layers=2), id="sim-5-labels"),
    pytest.param(SimCircuit(13, 5), id="sim-13-five-wires"),
    pytest.param(SimCircuit(10, 2, layers=2), id="sim-10-two-wires"),
    *(pytest.param(HurCircuit(k), id=f"hur-{k}") for k in range(1, 10)),
    pytest.param(HurCircuit(3, ["b", "a"]), id="hur-3-labels"),
    pytest.param(Rotations(3), id="rotations"),
    pytest.param(Rotations(LABELS, rotation="RZ"), id="rotations-labels"),
    pytest.param(IQPCircuit(3), id="iqp"),
    pytest.param(IQPCircuit(LABELS, [(0, 2), (1,)]), id="iqp-words"),
]

pytestmark = pytest.mark.parametrize("processing", PROCESSINGS)


def angles(processing: Processing, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 6 * torch.rand(processing.weight_shape, generator=generator).double()


def surrounded(processing: Processing) -> tuple[Circuit, dict[str, torch.Tensor]]:
    """The processing between fixed gates that let its phases be seen, and weights."""
    mixing = StronglyEntangling(processing.wires)
    circuit = mixing @ processing @ AngleEncoding(processing.wires)
    weights = {"weights_0": angles(processing), "weights_1": angles(mixing, 2)}
    return circuit.with_readout(Probabilities()), weights


def data(processing: Processing, rows: int | None = None) -> torch.Tensor:
    size = len(processing.wires)
    shape = (size,) if rows is None else (rows, size)
    return torch.rand(shape, generator=torch.Generator().manual_seed(3)).double()


def test_it_is_unitary(processing: Processing, unitary: Callable[..., Any]) -> None:
    matrix = unitary(processing, None, angles(processing).numpy())
    identity = np.eye(2 ** len(processing.wires))
    np.testing.assert_allclose(matrix.conj().T @ matrix, identity, atol=1e-12)


def test_every_angle_is_used_once(processing: Processing) -> None:
    numbers = np.arange(1.0, math.prod(processing.weight_shape) + 1)
    weights = numbers.reshape(processing.weight_shape)
    tape = qml.tape.make_qscript(Circuit([processing]))(None, weights)
    (tape,), _ = qml.devices.preprocess.decompose(
        tape, stopping_condition=lambda op: op.has_matrix, name="test"
    )
    used = sorted(float(p) for op in tape.operations for p in op.parameters)
    factor = 2 if isinstance(processing, IQPCircuit) else 1  # as PennyLane's IQP
    assert used == list(factor * numbers)
    assert processing.num_features == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_states_have_norm_one(
    processing: Processing, dtype: torch.dtype, execute: Callable[..., torch.Tensor]
) -> None:
    circuit = (processing @ AngleEncoding(processing.wires)).with_readout(State())
    for rows in (None, 3):
        inputs = data(processing, rows).to(dtype)
        states = execute(circuit, inputs, angles(processing).to(dtype))
        assert states.shape == (*inputs.shape[:-1], 2 ** len(processing.wires))
        norms = states.abs().square().sum(-1)
        torch.testing.assert_close(norms.float(), torch.ones(norms.shape))


def test_rows_do_not_mix(
    processing: Processing, execute: Callable[..., torch.Tensor]
) -> None:
    circuit, weights = surrounded(processing)
    inputs = data(processing, 3)
    rows = torch.stack([execute(circuit, row, weights) for row in inputs])
    torch.testing.assert_close(execute(circuit, inputs, weights), rows)


def test_precisions_agree(
    processing: Processing, execute: Callable[..., torch.Tensor]
) -> None:
    circuit, weights = surrounded(processing)
    results = []
    for dtype in (torch.float32, torch.float64):
        theta = {k: w.to(dtype, copy=True) for k, w in weights.items()}
        theta["weights_0"].requires_grad_()
        result = execute(circuit, data(processing).to(dtype), theta)
        result[0].backward()
        gradient = theta["weights_0"].grad
        assert gradient is not None
        assert gradient.dtype == dtype
        results.append((result.detach().double(), gradient.double()))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)


def test_gradients_match_finite_differences(
    processing: Processing, execute: Callable[..., torch.Tensor]
) -> None:
    circuit, weights = surrounded(processing)
    probe = torch.rand(
        2 ** len(processing.wires), generator=torch.Generator().manual_seed(4)
    ).double()

    def loss(x: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        return (execute(circuit, x, {**weights, "weights_0": theta}) * probe).sum()

    variables = [data(processing, 2).requires_grad_()]
    variables.append(weights["weights_0"].clone().requires_grad_())
    gradients = torch.autograd.grad(loss(*variables), variables)
    for index, gradient in enumerate(gradients):
        direction = torch.linspace(-1, 1.3, gradient.numel(), dtype=torch.float64)
        direction = direction.reshape(gradient.shape)
        values = []
        for step in (1e-5, -1e-5):
            moved = [v.detach() for v in variables]
            moved[index] = moved[index] + step * direction
            values.append(loss(*moved))
        expected = (values[0] - values[1]) / 2e-5
        torch.testing.assert_close(
            (gradient * direction).sum(), expected, rtol=1e-5, atol=1e-7
        )


def test_it_is_a_value(
    processing: Processing, rebuild: Callable[[object], Any]
) -> None:
    for twin in (
        pickle.loads(pickle.dumps(processing)),
        copy.deepcopy(processing),
        rebuild(processing),
    ):
        assert twin == processing
        assert hash(twin) == hash(processing)
        assert repr(twin) == repr(processing)
    other: Block = AngleEncoding(processing.wires)
    assert processing != other
    with pytest.raises(AttributeError):
        processing.wires = (0,)  # type: ignore[misc]


def test_it_moves_to_other_wires(
    processing: Processing, unitary: Callable[..., Any]
) -> None:
    labels: list[Hashable] = [f"w{i}" for i in range(len(processing.wires))]
    moved = processing.on(labels)
    assert moved.wires == tuple(labels)
    assert moved.on(processing.wires) == processing
    weights = angles(processing).numpy()
    order = [processing.wires[labels.index(w)] for w in Circuit([moved]).wires]
    np.testing.assert_allclose(
        unitary(moved, None, weights),
        unitary(processing, None, weights, wires=order),
        atol=1e-12,
    )
    with pytest.raises(ArgumentError, match=r"wires: expected .* in place of"):
        processing.on([*labels, "more"])


def test_it_draws(processing: Processing) -> None:
    drawing = str(Circuit([processing]))
    assert len(drawing.splitlines()) >= len(processing.wires)
    assert not any(name in drawing for name in ("Layers", "Design", "MPS", "TTN"))


def test_wrong_weights_are_refused(processing: Processing) -> None:
    circuit = Circuit([processing])
    shape = tuple(size + 1 for size in processing.weight_shape)
    with pytest.raises(ShapeError, match=r"weights: expected 'weights_0' of shape \("):
        circuit(None, np.zeros(shape))
    with pytest.raises(ShapeError, match=r"weights: expected the names \['weights_0'"):
        circuit(None, {"theta": np.zeros(processing.weight_shape)})
    with pytest.raises(ShapeError, match=r"weights: expected the names \['weights_0'"):
        circuit()


def make(processing: Processing, **options: Any) -> Processing:
    if isinstance(processing, HurCircuit | SimCircuit):
        options["number"] = processing.number
    return type(processing)(**{"wires": processing.wires, **options})


def test_wrong_wires_are_refused(processing: Processing) -> None:
    with pytest.raises(ArgumentError, match="wires overlap: name each wire once"):
        make(processing, wires=[0, 1, 0, 1])
    with pytest.raises(ArgumentError, match="wires: expected at least one wire"):
        make(processing, wires=[])
    with pytest.raises(QdlError, match="wires: expected a number of wires or"):
        make(processing, wires="ab")
