"""Models that give vertices classes: invariant of frames, and trained."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from qml_qdl.data import Dataset, icosphere, motions, random_flows, split, torus
from qml_qdl.errors import ArgumentError, DataError, ShapeError
from qml_qdl.geometry import FieldType, MeshNetwork, MeshSegmenter
from qml_qdl.nn import QuantumLayer, set_target
from qml_qdl.training import TrainingOptions, count_parameters, fit
from tests.geometry.test_mesh import angles, fields

MESH = icosphere(1)
VECTOR = FieldType({1: 1})
MODELS: dict[str, Callable[..., Any]] = {
    "quantum": lambda: MeshSegmenter(MESH, 3, hidden=4),
    "quantum-options": lambda: MeshSegmenter(
        MESH, 3, charges=(1, 1), layers=1, rings=2, radial=1
    ),
    "twin": lambda: MeshSegmenter(MESH, 3, hidden=4).classical_twin(),
}
every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


@every_model
def test_shapes_and_gradients(make: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    model = make()
    for dtype in (torch.float32, torch.float64):
        model = model.to(dtype)
        for rows in (0, 1, 3):
            x = torch.randn(rows, 84, dtype=dtype).requires_grad_()
            logits = model(x)
            assert (logits.shape, logits.dtype) == ((rows, 3, 42), dtype)
    torch.autograd.backward([logits.square().sum()])
    assert x.grad is not None
    assert x.grad.abs().min() > 0
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().max() > 1e-7, name


@every_model
def test_logits_do_not_hang_on_frames(make: Callable[..., Any]) -> None:
    """Exactly of the circuits; of the twin up to harmonics that samples cannot tell."""
    torch.manual_seed(0)
    model = make().double()
    z, turns = fields(VECTOR, MESH, torch.float64), angles(MESH)
    expected = model(z)
    pairs = torch.view_as_real(z[:, 0]).flatten(1)
    torch.testing.assert_close(model(pairs), expected)
    model.put_on(MESH.with_turned_frames(turns))
    turned = z * torch.exp(-1j * torch.tensor(turns))
    bound = 1e-12 if isinstance(model, MeshSegmenter) else 0.02
    assert float((model(turned) - expected).abs().max().detach()) < bound
    assert float((model(z) - expected).abs().max().detach()) > 0.03


@every_model
def test_copies(make: Callable[..., Any]) -> None:
    model, x = make(), torch.randn(2, 84)
    fresh = make()
    fresh.load_state_dict(model.state_dict(), strict=True)
    for same in (fresh, pickle.loads(pickle.dumps(copy.deepcopy(model)))):
        assert torch.equal(same(x), model(x))


def test_quantum_layers() -> None:
    model = MeshSegmenter(
        MESH, 2, target="lightning.qubit", shots=20, diff_method="parameter-shift"
    )
    (layer,) = model.quantum_layers()
    assert (layer.target, layer.shots) == ("lightning.qubit", 20)
    assert [layer] == [m for m in model.modules() if isinstance(m, QuantumLayer)]
    set_target(model, None, shots=50)
    assert layer.shots == 50


def test_the_twin_has_about_as_many_weights() -> None:
    model = MeshSegmenter(icosphere(2), 4)
    twin: Any = model.classical_twin()
    assert isinstance(twin, MeshNetwork)
    assert count_parameters(twin) == pytest.approx(count_parameters(model), rel=0.05)


def test_it_learns_on_a_mesh_of_its_own_and_moves_to_another() -> None:
    mesh = icosphere(1)
    velocities, accelerations = random_flows(mesh.vertices, 40, wave_number=0.7)
    labels = motions(mesh, velocities, accelerations)
    numbers = mesh.components(velocities)
    inputs = np.stack([numbers.real, numbers.imag], -1).reshape(40, -1)
    parts = split(Dataset(inputs, labels, ["a", "b", "c", "d"]), standardise=False)
    torch.manual_seed(0)
    model = MeshNetwork(mesh, 4, 8)
    options = TrainingOptions(epochs=20, batch_size=8, learning_rate=0.02)
    assert fit(model, parts, options).measures["accuracy"] > 0.5
    turns = angles(mesh)
    other = mesh.with_turned_frames(turns)
    model.put_on(other)
    found = model(
        torch.tensor(numbers * np.exp(-1j * turns)).to(torch.complex64)[:, None]
    )
    assert float((found.argmax(1).numpy() == labels).mean()) > 0.5


def test_from_data() -> None:
    rows = np.zeros((40, 24))
    data = Dataset(rows, np.tile([0, 1], (40, 6)), ["a", "b"])
    model = MeshSegmenter.from_data(split(data), layers=1, hidden=3)
    assert model.conv.gather.mesh.num_vertices == 12
    other = Dataset(rows[:, :22], np.zeros((40, 11), int), ["a", "b"])
    with pytest.raises(DataError, match=r"of 12, 42, .* got 11 places and rows of"):
        MeshSegmenter.from_data(split(other))


def test_what_cannot_be() -> None:
    model = MeshSegmenter(MESH, 2, charges=(0, 1), layers=1)
    with pytest.raises(ShapeError, match=r"\(rows, 2·vertices\), two components"):
        model(torch.zeros(3, 42, 2))
    with pytest.raises(ShapeError, match=r"\(rows, 1, 42\), a number at each place"):
        model(torch.zeros(3, 82))
    with pytest.raises(ArgumentError, match="depth: expected at least 1"):
        MeshNetwork(torus(), 2, depth=0)
    with pytest.raises(ArgumentError, match="num_classes: expected at least 1"):
        MeshSegmenter(MESH, 0)
