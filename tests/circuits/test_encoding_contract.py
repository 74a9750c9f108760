"""What every encoding promises. A new encoding is one more line below."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    ArccosEncoding,
    ArgumentError,
    BasisEncoding,
    Block,
    Circuit,
    Encoding,
    HamiltonianEncoding,
    IQPEncoding,
    Probabilities,
    QdlError,
    ShapeError,
    State,
    StronglyEntangling,
    ZZFeatureMap,
)
from qml_qdl.circuits.symmetry.gauge import LinkEncoding
from qml_qdl.circuits.symmetry.inner_products import InnerProductEncoding
from qml_qdl.circuits.symmetry.spin import DirectionEncoding, RotationEncoding

PAIR = [qml.Z(0) @ qml.Z(1), qml.X(0) + 0.5 * qml.Y(1)]

ENCODINGS = [
    pytest.param(AngleEncoding(2, rotation="X"), id="angle-x"),
    pytest.param(AngleEncoding(3), id="angle-y"),
    pytest.param(AngleEncoding(2, rotation="Z"), id="angle-z"),
    pytest.param(AngleEncoding(1), id="angle-one-wire"),
    pytest.param(AngleEncoding(["b", "a"]), id="angle-labels"),
    pytest.param(AngleEncoding([4, 2]), id="angle-numbers"),
    pytest.param(AngleEncoding(2, features=[3, 0]), id="angle-indices"),
    pytest.param(AngleEncoding(2, features=slice(1, 3)), id="angle-slice"),
    pytest.param(AngleEncoding(2, features=slice(1, None, 2)), id="angle-open-slice"),
    pytest.param(AngleEncoding(2, scaling=np.pi), id="angle-scaled"),
    pytest.param(
        AngleEncoding(2, scaling=0.5, trainable_scaling=True), id="angle-trained"
    ),
    pytest.param(
        AngleEncoding(2, features=[0, 2], trainable_scaling=True),
        id="angle-indices-trained",
    ),
    pytest.param(BasisEncoding(2), id="basis"),
    pytest.param(BasisEncoding(["a", "b"], features=[1, 2]), id="basis-indices"),
    pytest.param(IQPEncoding(3), id="iqp"),
    pytest.param(IQPEncoding(["q", 1], repeats=2), id="iqp-labels"),
    pytest.param(ZZFeatureMap(2), id="zz"),
    pytest.param(ZZFeatureMap(1), id="zz-one-wire"),
    pytest.param(
        ZZFeatureMap(3, repeats=1, entanglement="linear", features=slice(1, None)),
        id="zz-linear",
    ),
    pytest.param(
        ZZFeatureMap(["a", "b", "c"], entanglement="circular"), id="zz-circular"
    ),
    pytest.param(HamiltonianEncoding(3), id="heisenberg"),
    pytest.param(HamiltonianEncoding(2, steps=3, scaling=0.5), id="heisenberg-steps"),
    pytest.param(HamiltonianEncoding(2, generators=PAIR), id="hamiltonian"),
    pytest.param(
        HamiltonianEncoding(["a", "b"], generators=[qml.X("b")], features=[1]),
        id="hamiltonian-labels",
    ),
    pytest.param(AmplitudeEncoding(2), id="amplitude"),
    pytest.param(AmplitudeEncoding(3, size=5), id="amplitude-short"),
    pytest.param(
        AmplitudeEncoding(["a", "b"], size=3, pad_with=0.5, features=slice(1, None)),
        id="amplitude-padded",
    ),
    pytest.param(AmplitudeEncoding(1, trainable_scaling=True), id="amplitude-trained"),
    pytest.param(ArccosEncoding(2, scaling=0.5), id="arccos"),
    pytest.param(
        ArccosEncoding(
            ["a", "b"], features=[1, 2], scaling=0.4, trainable_scaling=True
        ),
        id="arccos-trained",
    ),
    pytest.param(DirectionEncoding(2), id="direction"),
    pytest.param(
        DirectionEncoding(["b", "a"], features=range(1, 7)), id="direction-labels"
    ),
    pytest.param(RotationEncoding(1, scaling=0.5), id="rotation"),
    pytest.param(RotationEncoding(2, trainable_scaling=True), id="rotation-trained"),
    pytest.param(LinkEncoding(3), id="link"),
    pytest.param(InnerProductEncoding(2), id="inner-products"),
    pytest.param(
        InnerProductEncoding(["a", "b"], "Y", features=range(1, 7)),
        id="inner-products-labels",
    ),
]

pytestmark = pytest.mark.parametrize("encoding", ENCODINGS)


def data(encoding: Encoding, rows: int | None = None) -> torch.Tensor:
    size = Circuit([encoding]).num_inputs
    shape = (size,) if rows is None else (rows, size)
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)).double() + 0.1


def factors(encoding: Encoding) -> torch.Tensor | None:
    if encoding.weight_shape is None:
        return None
    return torch.linspace(0.7, 1.3, encoding.num_features, dtype=torch.float64)


def surrounded(encoding: Encoding) -> tuple[Circuit, dict[str, torch.Tensor]]:
    """The encoding before fixed gates that let its phases be seen, and its weights."""
    mixing = StronglyEntangling(encoding.wires)
    circuit = (mixing @ encoding).with_readout(Probabilities())
    angles = torch.rand(
        mixing.weight_shape, generator=torch.Generator().manual_seed(2)
    ).double()
    weights = {"weights_0": angles}
    if (scaling := factors(encoding)) is not None:
        weights["scaling_0"] = scaling
    return circuit, weights


def test_it_is_unitary(encoding: Encoding, unitary: Callable[..., Any]) -> None:
    matrix = unitary(encoding, data(encoding), factors(encoding))
    identity = np.eye(2 ** len(encoding.wires))
    np.testing.assert_allclose(matrix.conj().T @ matrix, identity, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_states_have_norm_one(
    encoding: Encoding, dtype: torch.dtype, execute: Callable[..., torch.Tensor]
) -> None:
    circuit = encoding.with_readout(State())
    scaling = factors(encoding)
    for rows in (None, 3):
        inputs = data(encoding, rows).to(dtype)
        states = execute(
            circuit, inputs, None if scaling is None else scaling.to(dtype)
        )
        assert states.shape == (*inputs.shape[:-1], 2 ** len(encoding.wires))
        norms = states.abs().square().sum(-1)
        torch.testing.assert_close(norms.float(), torch.ones(norms.shape))


def test_rows_do_not_mix(
    encoding: Encoding, execute: Callable[..., torch.Tensor]
) -> None:
    circuit, weights = surrounded(encoding)
    inputs = data(encoding, 3)
    rows = torch.stack([execute(circuit, row, weights) for row in inputs])
    torch.testing.assert_close(execute(circuit, inputs, weights), rows)


def test_precisions_agree(
    encoding: Encoding, execute: Callable[..., torch.Tensor]
) -> None:
    circuit, weights = surrounded(encoding)
    inputs = data(encoding)
    results = []
    for dtype in (torch.float32, torch.float64):
        x = inputs.to(dtype, copy=True).requires_grad_()
        result = execute(circuit, x, {k: w.to(dtype) for k, w in weights.items()})
        result[0].backward()
        assert x.grad is not None
        assert x.grad.dtype == dtype
        results.append((result.detach().double(), x.grad.double()))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)


def test_gradients_match_finite_differences(
    encoding: Encoding, execute: Callable[..., torch.Tensor]
) -> None:
    circuit, weights = surrounded(encoding)
    inputs = data(encoding, 2)
    probe = torch.rand(
        2 ** len(encoding.wires), generator=torch.Generator().manual_seed(3)
    ).double()

    def loss(x: torch.Tensor, scaling: torch.Tensor | None) -> torch.Tensor:
        theta = weights if scaling is None else {**weights, "scaling_0": scaling}
        return (execute(circuit, x, theta) * probe).sum()

    variables = [inputs.clone().requires_grad_()]
    if (scaling := factors(encoding)) is not None:
        variables.append(scaling.clone().requires_grad_())
    padded = [*variables, None][:2]
    gradients = torch.autograd.grad(loss(*padded), variables)  # type: ignore[arg-type]
    for index, gradient in enumerate(gradients):
        direction = torch.linspace(-1, 1.3, gradient.numel(), dtype=torch.float64)
        direction = direction.reshape(gradient.shape)
        values = []
        for step in (1e-5, -1e-5):
            moved = [v.detach() for v in variables]
            moved[index] = moved[index] + step * direction
            values.append(loss(*[*moved, None][:2]))  # type: ignore[arg-type]
        expected = (values[0] - values[1]) / 2e-5
        torch.testing.assert_close(
            (gradient * direction).sum(), expected, rtol=1e-5, atol=1e-7
        )


def test_only_its_features_are_read(
    encoding: Encoding, execute: Callable[..., torch.Tensor]
) -> None:
    circuit, weights = surrounded(encoding)
    inputs = data(encoding)
    changed = inputs.clone()
    unread = set(range(len(inputs))) - set(encoding.features or range(len(inputs)))
    changed[list(unread)] += 1.0
    torch.testing.assert_close(
        execute(circuit, changed, weights), execute(circuit, inputs, weights)
    )


def test_it_is_a_value(encoding: Encoding, rebuild: Callable[[object], Any]) -> None:
    for twin in (
        pickle.loads(pickle.dumps(encoding)),
        copy.deepcopy(encoding),
        rebuild(encoding),
    ):
        assert twin == encoding
        assert hash(twin) == hash(encoding)
        assert repr(twin) == repr(encoding)
    other: Block = StronglyEntangling(encoding.wires)
    assert encoding != other
    with pytest.raises(AttributeError):
        encoding.scaling = 2.0  # type: ignore[misc]


def test_it_moves_to_other_wires(
    encoding: Encoding, unitary: Callable[..., Any]
) -> None:
    labels: list[Hashable] = [f"w{i}" for i in range(len(encoding.wires))]
    moved = encoding.on(labels)
    assert moved.wires == tuple(labels)
    assert moved.on(encoding.wires) == encoding
    inputs, scaling = data(encoding), factors(encoding)
    order = [encoding.wires[labels.index(w)] for w in Circuit([moved]).wires]
    np.testing.assert_allclose(
        unitary(moved, inputs, scaling),
        unitary(encoding, inputs, scaling, wires=order),
        atol=1e-12,
    )
    with pytest.raises(ArgumentError, match=r"wires: expected .* in place of"):
        encoding.on([*labels, "more"])


def test_wrong_inputs_are_refused(encoding: Encoding) -> None:
    circuit = Circuit([encoding])
    size = circuit.num_inputs
    with pytest.raises(ShapeError, match=rf"inputs: .* got \({size + 1},\)"):
        circuit(np.zeros(size + 1), factors(encoding))
    with pytest.raises(ShapeError, match=rf"inputs: .* got \(1, 1, {size}\)"):
        circuit(np.zeros((1, 1, size)), factors(encoding))
    with pytest.raises(ShapeError, match=f"expected {size} features, got none"):
        circuit(None, factors(encoding))


def test_wrong_features_are_refused(encoding: Encoding) -> None:
    reads = f"reads {encoding.num_features} features"
    options = {
        name: getattr(encoding, name)
        for name in ("generators", "size")
        if hasattr(encoding, name)
    }

    def make(features: Any) -> Encoding:
        return type(encoding)(encoding.wires, features=features, **options)

    with pytest.raises(ArgumentError, match=reads):
        make(range(encoding.num_features + 1))
    with pytest.raises(ArgumentError, match=r"features: .* different indices"):
        make([0, 0])
    with pytest.raises(ArgumentError, match=r"features: .* from 0 up"):
        make([-1])
    with pytest.raises(QdlError, match="features: expected None, a slice or indices"):
        make("all")


def test_wrong_wires_are_refused(encoding: Encoding) -> None:
    kind = type(encoding)
    with pytest.raises(ArgumentError, match="wires overlap: name each wire once"):
        kind([0, 1, 0])
    with pytest.raises(ArgumentError, match="wires: expected at least one wire"):
        kind(0)
    with pytest.raises(QdlError, match="wires: expected a number of wires or"):
        kind("ab")
