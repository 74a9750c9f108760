"""What every quantum layer promises. A new layer is one more line below."""

from __future__ import annotations

import copy
import io
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    BasicEntangler,
    Expectation,
    IQPEncoding,
    Probabilities,
    State,
    StronglyEntangling,
    reupload,
    share,
)
from qml_qdl.circuits.errors import ArgumentTypeError, QdlError, ShapeError
from qml_qdl.nn import (
    QuantumConv1d,
    QuantumConv2d,
    QuantumConv3d,
    QuantumConvTranspose2d,
    QuantumLayer,
    set_target,
)

TWO = qml.device("default.qubit", wires=2)


@qml.qnode(TWO)
def one_value(inputs: Any, angle: Any) -> Any:
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.CRX(angle, wires=[0, 1])
    return qml.expval(qml.Z(1))


@qml.qnode(TWO)
def values_and_probabilities(x: Any, y: Any, weights: Any) -> Any:
    qml.AngleEmbedding(x, wires=range(2))
    qml.BasicEntanglerLayers(weights, wires=range(2))
    qml.RY(y[..., 0], wires=1)
    return qml.expval(qml.Z(0)), qml.probs(wires=[0, 1])


@dataclass(frozen=True)
class Case:
    make: Callable[..., nn.Module]
    """Makes the layer; takes generator=, target= and shots=."""

    inputs: tuple[tuple[int, ...], ...]
    """Shape of one row of each input."""

    output: tuple[int, ...]
    """Shape of one row of the result."""

    leading: tuple[tuple[int, ...], ...] = ((), (1,), (3,), (2, 2))
    """The dimensions before, with rows in them, that the layer takes."""

    targets: tuple[str, ...] = ("default.qubit", "lightning.qubit", "qdl.simulator")
    """Where all of it works."""

    runs: int = 1
    """Simulations of one forward pass on a device that takes batches."""


def circuit_case(circuit: Any, features: int, *output: int, **options: Any) -> Case:
    def make(**rest: Any) -> nn.Module:
        return QuantumLayer(circuit, **rest)

    return Case(make, ((features,),) if features else (), output, **options)


def conv_case(
    arguments: tuple[Any, ...], size: tuple[int, ...], *output: int, **rest: Any
) -> Case:
    runs = rest.pop("runs", 1)
    kind: Any = rest.pop("kind", QuantumConv2d)

    def make(**more: Any) -> nn.Module:
        layer: nn.Module = kind(*arguments, **rest, **more)
        return layer

    image = (arguments[0], *size)
    return Case(make, (image,), output, leading=((), (1,), (2,)), runs=runs)


SE, SE1 = StronglyEntangling(2, layers=2), StronglyEntangling(2)
ANGLES = AngleEncoding(2)

CASES = [
    pytest.param(circuit_case(SE @ ANGLES, 2, 2), id="angle"),
    pytest.param(
        circuit_case((SE @ ANGLES).with_readout(Expectation(["ZZ", "XI", "YX"])), 2, 3),
        id="words",
    ),
    pytest.param(
        circuit_case((SE @ ANGLES).with_readout(Expectation(["IZ"])), 2, 1), id="word"
    ),
    pytest.param(
        circuit_case(
            (SE @ ANGLES).with_readout(
                Expectation([qml.Z(0) + 0.5 * qml.X(1), qml.Y(1)])
            ),
            2,
            2,
        ),
        id="hamiltonian",
    ),
    pytest.param(
        circuit_case((SE @ ANGLES).with_readout(Probabilities()), 2, 4),
        id="probabilities",
    ),
    pytest.param(
        circuit_case((SE @ ANGLES).with_readout(Probabilities([1])), 2, 2),
        id="probabilities-one-wire",
    ),
    pytest.param(
        circuit_case(
            (SE @ ANGLES).with_readout(State()),
            2,
            4,
            targets=("default.qubit", "qdl.simulator"),
        ),
        id="state",
    ),
    pytest.param(circuit_case(reupload(SE1, ANGLES, layers=3), 2, 2), id="reupload"),
    pytest.param(
        circuit_case(
            reupload(
                SE1, AngleEncoding(2, scaling=0.5, trainable_scaling=True), layers=2
            ),
            2,
            2,
        ),
        id="trained-scaling",
    ),
    pytest.param(
        circuit_case(BasicEntangler(2) @ AmplitudeEncoding(2), 4, 2), id="amplitude"
    ),
    pytest.param(
        circuit_case(SE1 @ AmplitudeEncoding(2, size=3) @ SE1, 3, 2),
        id="amplitude-inside",
    ),
    pytest.param(
        circuit_case(
            share("W", SE1) @ ANGLES @ share("W", SE1) @ AngleEncoding(2, rotation="Z"),
            2,
            2,
        ),
        id="shared",
    ),
    pytest.param(
        circuit_case(
            StronglyEntangling(["b", "a"])
            @ AngleEncoding(["a"], features=[2])
            @ AngleEncoding(["b"], features=[0]),
            3,
            2,
        ),
        id="labels-features",
    ),
    pytest.param(circuit_case(SE1 @ IQPEncoding(2), 2, 2), id="iqp"),
    pytest.param(circuit_case(AngleEncoding(2), 2, 2), id="no-weights"),
    pytest.param(circuit_case(SE, 0, 2, leading=((),)), id="no-inputs"),
    pytest.param(
        Case(lambda **rest: QuantumLayer(one_value, {"angle": 1}, **rest), ((2,),), ()),
        id="qnode-one-value",
    ),
    pytest.param(
        Case(
            lambda **rest: QuantumLayer(
                values_and_probabilities, {"weights": (1, 2)}, **rest
            ),
            ((2,), (1,)),
            (5,),
        ),
        id="qnode-two-inputs",
    ),
    pytest.param(conv_case((1, 4, 2), (3, 3), 4, 2, 2), id="conv"),
    pytest.param(conv_case((1, 2, 1), (2, 2), 2, 2, 2, runs=2), id="conv-one-pixel"),
    pytest.param(conv_case((1, 3, 3), (3, 3), 3, 1, 1, layers=1), id="conv-amplitudes"),
    pytest.param(
        conv_case((2, 1, (1, 2), 2, 1, 1, 1, False, "circular"), (2, 2), 1, 2, 2),
        id="conv-options",
    ),
    pytest.param(
        conv_case(
            (1, 2, (1, 2)),
            (2, 2),
            2,
            2,
            1,
            circuit=reupload(SE1, ANGLES, layers=2),
        ),
        id="conv-circuit",
    ),
    pytest.param(
        conv_case((1, 2, 2), (3,), 2, 2, kind=QuantumConv1d, flip=True), id="conv-1d"
    ),
    pytest.param(
        conv_case((1, 1, (1, 2, 1)), (1, 3, 1), 1, 1, 2, 1, kind=QuantumConv3d),
        id="conv-3d",
    ),
    pytest.param(
        conv_case((2, 2, (1, 2)), (1, 3), 2, 1, 2, runs=2, groups=2), id="conv-groups"
    ),
    pytest.param(
        conv_case((2, 1, (1, 2)), (1, 2), 1, 1, 1, runs=2, per_channel=True),
        id="conv-per-channel",
    ),
    pytest.param(
        conv_case(
            (1, 1, (1, 2)), (1, 2), 1, 1, 1, encoding="linear", padding_mode="zeros"
        ),
        id="conv-linear",
    ),
    pytest.param(
        conv_case((2, 1, (1, 2), (1, 2)), (1, 2), 1, 1, 4, kind=QuantumConvTranspose2d),
        id="conv-transpose",
    ),
]


@pytest.fixture(autouse=True)
def _same_shots_every_time() -> None:
    torch.manual_seed(1)


every_case = pytest.mark.parametrize("case", CASES)
every_target = pytest.mark.parametrize(
    "target", ["default.qubit", "lightning.qubit", "qdl.simulator"]
)
both_dtypes = pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64], ids=["float32", "float64"]
)


def make(case: Case, target: str | None = "default.qubit", **options: Any) -> Any:
    if target is not None and target not in case.targets:
        pytest.skip(f"PennyLane cannot: {target}")
    generator = torch.Generator().manual_seed(3)
    return case.make(target=target, generator=generator, **options)


def data(
    case: Case, leading: tuple[int, ...], dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    generator = torch.Generator().manual_seed(4)
    return [
        torch.rand(*leading, *shape, generator=generator, dtype=torch.float64).to(dtype)
        + 0.1
        for shape in case.inputs
    ]


def quantum_layers(module: nn.Module) -> list[QuantumLayer]:
    return [part for part in module.modules() if isinstance(part, QuantumLayer)]


def result_dtype(case: Case, dtype: torch.dtype) -> torch.dtype:
    layer = make(case).double()
    if layer(*data(case, case.leading[0])).is_complex():
        return torch.complex128 if dtype == torch.float64 else torch.complex64
    return dtype


def reals(result: Tensor) -> Tensor:
    return torch.view_as_real(result) if result.is_complex() else result


@every_case
@every_target
@both_dtypes
def test_shapes_and_dtypes(case: Case, target: str, dtype: torch.dtype) -> None:
    layer = make(case, target)
    if not case.inputs:
        layer = layer.to(dtype)
    for leading in case.leading:
        result = layer(*data(case, leading, dtype))
        assert result.shape == (*leading, *case.output)
        assert result.dtype == result_dtype(case, dtype)
        assert result.isfinite().all()
        assert result.abs().max() > 1e-3


@every_case
@every_target
def test_leading_dimensions_are_rows_that_do_not_mix(case: Case, target: str) -> None:
    layer = make(case, target)
    for leading in case.leading[1:]:
        inputs = data(case, leading)
        flat = [
            x.reshape(-1, *shape) for x, shape in zip(inputs, case.inputs, strict=True)
        ]
        rows = [layer(*row) for row in zip(*flat, strict=True)]
        expected = torch.stack(rows).reshape(*leading, *case.output)
        torch.testing.assert_close(layer(*inputs), expected)


@every_case
@every_target
def test_gradients_match_finite_differences(case: Case, target: str) -> None:
    layer = make(case, target).double()
    names = [name for name, _ in layer.named_parameters()]
    weights = [w.detach().clone().requires_grad_() for w in layer.parameters()]
    batch = case.leading[1] if len(case.leading) > 1 else ()
    batch = (2,) if batch else ()
    inputs = [x.requires_grad_() for x in data(case, batch)]
    if not weights and not inputs:
        return

    def run(*tensors: Tensor) -> Tensor:
        x, theta = tensors[: len(inputs)], tensors[len(inputs) :]
        named = dict(zip(names, theta, strict=True))
        return reals(functional_call(layer, named, tuple(x)))

    assert torch.autograd.gradcheck(run, (*inputs, *weights), fast_mode=True)


@every_case
@every_target
def test_gradients_keep_the_dtypes(case: Case, target: str) -> None:
    exact = make(case, target).double()
    layer = copy.deepcopy(exact).float()
    gradients = []
    for module, dtype in ((exact, torch.float64), (layer, torch.float32)):
        leaves = [*data(case, case.leading[-1], dtype), *module.parameters()]
        for leaf in leaves:
            leaf.requires_grad_()
        result = reals(module(*leaves[: len(case.inputs)]))
        probe = torch.linspace(-1, 2, result.numel(), dtype=torch.float64)
        torch.autograd.backward([result], [probe.reshape(result.shape).to(dtype)])
        for leaf in leaves:
            assert leaf.grad is not None
            assert leaf.grad.dtype == dtype
        gradients.append([leaf.grad.double() for leaf in leaves])
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-4)


@every_case
def test_inputs_of_one_precision_and_weights_of_another(case: Case) -> None:
    layer = make(case).double()
    expected = reals(layer(*data(case, case.leading[-1])))
    if not case.inputs:
        return
    single = layer(*data(case, case.leading[-1], torch.float32))
    torch.testing.assert_close(reals(single), expected.float(), rtol=1e-4, atol=1e-5)
    half = layer(*data(case, case.leading[-1], torch.bfloat16))
    assert half.dtype in (torch.bfloat16, torch.complex64)
    assert (reals(half).double() - expected).abs().max() < 0.1


@every_case
@pytest.mark.parametrize("target", ["default.qubit", "qdl.simulator"])
def test_autocast_leaves_the_angles_their_precision(case: Case, target: str) -> None:
    layer = make(case, target)
    inputs = data(case, case.leading[-1], torch.float32)
    expected = layer(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(layer(*inputs), expected)


@every_case
@pytest.mark.parametrize("shots", [None, 5], ids=["exact", "shots"])
def test_no_rows_in_no_rows_out(case: Case, shots: int | None) -> None:
    if not case.inputs:
        return
    if shots is not None and result_dtype(case, torch.float64).is_complex:
        return
    layer = make(case, shots=shots)
    for leading in [(0,), (2, 0)][: 2 if (2, 2) in case.leading else 1]:
        inputs = [x.requires_grad_() for x in data(case, leading, torch.float32)]
        result = layer(*inputs)
        assert result.shape == (*leading, *case.output)
        assert result.dtype == result_dtype(case, torch.float32)
        torch.autograd.backward([result.abs().sum()])
        for x in inputs:
            assert x.grad is not None
            assert x.grad.shape == x.shape
        for weight in layer.parameters():
            assert weight.grad is not None
            assert not weight.grad.any()


@every_case
@every_target
@pytest.mark.parametrize("shots", [None, 7], ids=["exact", "shots"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_reaches_its_own_rows_only(
    case: Case, target: str, shots: int | None, bad: float
) -> None:
    if not case.inputs or (
        shots is not None and result_dtype(case, torch.float64).is_complex
    ):
        return
    layer = make(case, target, shots=shots)
    inputs = data(case, (3,))
    for x in inputs:
        x[1, ..., 0] = bad
    result = layer(*inputs)
    assert result.shape == (3, *case.output)
    lost = result.isnan().reshape(3, -1)
    assert lost[1].any()
    assert not lost[[0, 2]].any()


@every_case
def test_state_dict_is_there_at_once_and_loads_strictly(case: Case) -> None:
    layer = make(case)
    keys = list(layer.state_dict())
    assert keys == [name for name, _ in layer.named_parameters()]
    other = case.make(target="default.qubit")
    other.load_state_dict(layer.state_dict(), strict=True)
    inputs = data(case, case.leading[-1])
    torch.testing.assert_close(other(*inputs), layer(*inputs), rtol=0, atol=0)


@every_case
@every_target
def test_it_can_be_copied_and_saved_whole(case: Case, target: str) -> None:
    layer = make(case, target)
    inputs = data(case, case.leading[-1])
    expected = layer(*inputs)
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    for twin in (
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
        torch.load(file, weights_only=False),
    ):
        assert repr(twin) == repr(layer)
        torch.testing.assert_close(twin(*inputs), expected, rtol=0, atol=0)
        with torch.no_grad():
            for weight in twin.parameters():
                weight += 1.0
        torch.testing.assert_close(layer(*inputs), expected, rtol=0, atol=0)


@every_case
def test_on_a_device_object_it_says_why_it_cannot_be_saved(case: Case) -> None:
    device = qml.device("default.qubit")
    layer = set_target(make(case), device)
    with pytest.raises(QdlError, match=r"target: .*set_target.*state_dict\(\)"):
        pickle.dumps(layer)
    inputs = data(case, case.leading[-1])
    torch.testing.assert_close(copy.deepcopy(layer)(*inputs), layer(*inputs))


@every_case
def test_weights_are_drawn_anew_by_seed(case: Case) -> None:
    layer = make(case)
    first = copy.deepcopy(layer.state_dict())
    layer.reset_parameters(torch.Generator().manual_seed(8))
    second = copy.deepcopy(layer.state_dict())
    layer.reset_parameters(torch.Generator().manual_seed(3))
    torch.testing.assert_close(dict(layer.state_dict()), dict(first))
    drawn = [k for k in first if not k.endswith("bias") and "scaling" not in k]
    assert all(not torch.equal(first[k], second[k]) for k in drawn)


@every_case
def test_it_moves_and_keeps_its_weights(case: Case) -> None:
    layer = make(case)
    before = list(layer.parameters())
    inputs = data(case, case.leading[-1])
    expected = layer(*inputs)
    assert set_target(layer, "lightning.qubit") is layer
    assert all(a is b for a, b in zip(before, layer.parameters(), strict=True))
    assert {x.target for x in quantum_layers(layer)} == {"lightning.qubit"}
    torch.testing.assert_close(layer(*inputs), expected)


@every_case
@every_target
def test_shots_approach_the_exact_values(case: Case, target: str) -> None:
    layer = make(case, target)
    if result_dtype(case, torch.float64).is_complex:
        return
    batch = case.leading[min(2, len(case.leading) - 1)]
    inputs = data(case, batch)
    expected = layer(*inputs)
    set_target(layer, target, shots=4000)
    assert {x.shots for x in quantum_layers(layer)} == {4000}
    result = layer(*inputs)
    assert not torch.equal(result, expected)
    assert (result - expected).abs().max() < 6 * 1.5 / math.sqrt(4000)


@every_case
@every_target
def test_gradients_from_shots(case: Case, target: str) -> None:
    layer = make(case, target).double()
    if result_dtype(case, torch.float64).is_complex:
        return
    gradients = []
    for shots in (None, 3000):
        set_target(layer, target, shots=shots)
        leaves = [*data(case, (2,) if case.inputs else ()), *layer.parameters()]
        if not leaves:
            return
        for leaf in leaves:
            leaf.requires_grad_()
        result = layer(*leaves[: len(case.inputs)])
        probe = torch.linspace(-1, 1.5, result.numel(), dtype=torch.float64)
        probe = probe.reshape(result.shape) / math.sqrt(result.numel())
        gradients.append(torch.autograd.grad(result, leaves, probe))
    for exact, estimated in zip(*gradients, strict=True):
        assert (exact - estimated).abs().max() < 0.2


@every_case
def test_a_batch_is_one_simulation(case: Case) -> None:
    layer = make(case)
    devices = [part.qnode.device for part in quantum_layers(layer)]
    counts = 0
    for device in devices:
        with qml.Tracker(device) as tracker:
            layer(*data(case, case.leading[-1]))
        counts += tracker.totals["simulations"]
    assert counts == case.runs


@every_case
def test_one_step_of_training_in_a_sequential(case: Case) -> None:
    if len(case.inputs) != 1 or result_dtype(case, torch.float64).is_complex:
        return
    torch.manual_seed(0)
    shape, output = case.inputs[0], math.prod(case.output)
    model = nn.Sequential(
        nn.Linear(shape[-1], shape[-1]),
        make(case),
        nn.Flatten() if case.output else nn.Unflatten(0, (-1, 1)),
        nn.Linear(output, 1),
    )
    (inputs,) = data(case, (3,), torch.float32)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(3):
        loss = model(inputs).sub(2.0).square().mean()
        losses.append(loss.item())
        optimiser.zero_grad()
        torch.autograd.backward([loss])
        assert all(w.grad is not None for w in model.parameters())
        optimiser.step()
    assert losses[-1] < losses[0]


@every_case
@every_target
def test_without_gradients(case: Case, target: str) -> None:
    layer = make(case, target)
    inputs = data(case, case.leading[-1])
    expected = layer(*inputs).detach()
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            result = layer.eval()(*inputs)
        assert not result.requires_grad
        torch.testing.assert_close(result, expected)


@every_case
def test_wrong_inputs_are_refused(case: Case) -> None:
    layer = make(case)
    inputs = data(case, case.leading[-1])
    if not case.inputs:
        with pytest.raises(ShapeError, match=r"inputs: this layer takes 0 tensors"):
            layer(torch.zeros(2))
        return
    with pytest.raises(ArgumentTypeError, match=r"floating tensor, got .*int64.*\.fl"):
        layer(*[x.long() for x in inputs])
    if len(inputs) > 1:
        with pytest.raises(ShapeError, match=r"same leading dimensions"):
            layer(inputs[0], *[x[:1] for x in inputs[1:]])
        with pytest.raises(ShapeError, match=r"takes 2 tensors \['x', 'y'\], got 1"):
            layer(inputs[0])


@every_case
def test_repr_says_what_and_where(case: Case) -> None:
    layer = make(case)
    text = repr(layer)
    assert "target='default.qubit', shots=None" in text
    assert "weight_shapes=" in text
    if not result_dtype(case, torch.float64).is_complex:
        assert "shots=11" in repr(set_target(layer, None, 11))
