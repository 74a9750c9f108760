"""Layers in programs that are made of a model, and run later, or elsewhere."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import pennylane as qml
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from packaging.version import Version
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.utils.tensorboard import SummaryWriter

from qml_qdl.circuits import Probabilities
from qml_qdl.circuits.errors import SerializationError, TargetError
from qml_qdl.nn import QuantumConv2d, operators, set_target
from tests.hardware.jobs.service import without_sync
from tests.hardware.jobs.tapes import TapeClient, TapeDevice
from tests.nn.small_layers import U, make

pytestmark = [
    # torch's own, of its older tracer and of what its compiler imports.
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
]
fast_disk = pytest.fixture(without_sync)


def model(layer: Callable[[], Any] = lambda: make(U)) -> nn.Sequential:
    """A model that has never run."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), layer(), nn.Linear(2, 1))


def qnode_layer() -> Any:
    @qml.qnode(qml.device("qdl.simulator", wires=2))
    def node(inputs: Any, weights: Any) -> Any:
        qml.AngleEmbedding(inputs, wires=range(2))
        qml.StronglyEntanglingLayers(weights, wires=range(2))
        return [qml.expval(qml.Z(wire)) for wire in range(2)]

    return make(node, {"weights": (1, 2, 3)})


LAYERS = pytest.mark.parametrize("layer", [lambda: make(U), qnode_layer])


def assert_same(program: Any, model: nn.Module, *rows: int) -> None:
    """Values of several batches, and gradients of the last, are the model's."""
    for count in rows:
        x = torch.rand(count, 3, requires_grad=True)
        leaves = [x, *model.parameters()]
        found, expected = program(x), model(x)
        torch.testing.assert_close(found, expected)
    gradients = [
        torch.autograd.grad(y.square().sum(), leaves) for y in (found, expected)
    ]
    torch.testing.assert_close(*gradients)


@LAYERS
def test_jit_trace_takes_any_number_of_rows(layer: Callable[[], Any]) -> None:
    fresh = model(layer)
    traced = torch.jit.trace(fresh, torch.rand(5, 3))
    assert_same(traced, fresh, 5, 1, 40, 0, 7)


def test_jit_trace_freezes_no_shots() -> None:
    sampled = model(lambda: make(U, shots=10, seed=1))
    x = torch.rand(5, 3)
    traced = torch.jit.trace(sampled, x, check_trace=False)
    assert not torch.equal(traced(x), traced(x))


def test_a_trace_knows_where_its_layer_was_moved_no_longer(tmp_path: Path) -> None:
    fresh = model()
    traced = torch.jit.trace(fresh, torch.rand(5, 3))
    set_target(fresh, "default.qubit")
    with pytest.raises(RuntimeError, match="exist in this process, or no longer"):
        traced(torch.rand(5, 3))


def test_a_name_of_another_process_is_nobodys() -> None:
    with pytest.raises(SerializationError, match=r"save what torch\.export"):
        torch.ops.qml_qdl.layer([torch.rand(5, 2)], [torch.rand(1, 2, 3)], "w", "a.1")


@LAYERS
def test_the_graph_is_drawn(layer: Callable[[], Any], tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_graph(model(layer), torch.rand(5, 3))
    (file,) = tmp_path.iterdir()
    assert b"qml_qdl::layer" in file.read_bytes()


class Learning(lightning.LightningModule):
    """What Lightning knows of a model with an example of its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.model = model()
        self.example_input_array = torch.rand(5, 3)

    def forward(self, x: Tensor) -> Any:
        return self.model(x)


def test_lightning_logs_the_graph(tmp_path: Path) -> None:
    logger = TensorBoardLogger(str(tmp_path), log_graph=True)
    logger.log_graph(Learning())
    logger.finalize("success")
    (file,) = Path(logger.log_dir).glob("events*")
    assert b"qml_qdl::layer" in file.read_bytes()


def test_symbolic_trace() -> None:
    fresh = model()
    assert_same(torch.fx.symbolic_trace(fresh), fresh, 5, 40)


def test_jit_script_is_refused() -> None:
    with pytest.raises(SerializationError, match=r"use torch.jit.trace\(model, x\)"):
        torch.jit.script(model())


@pytest.mark.parametrize("target", ["qdl.simulator", "lightning.qubit"])
def test_tensors_without_numbers(target: str) -> None:
    layer = make(U, target=target)
    mode = FakeTensorMode()
    weights = {"weights_0": mode.from_tensor(layer.weights_0.detach()).requires_grad_()}
    with mode:
        x = torch.rand(5, 2, dtype=torch.float64)
        values = torch.func.functional_call(layer, weights, (x,))
        assert (values.shape, values.dtype) == ((5, 2), torch.float64)
        (gradient,) = torch.autograd.grad(values.sum(), [*weights.values()])
    assert gradient.shape == (1, 2, 3)


def test_no_job_is_paid_for_a_shape(tmp_path: Path, fast_disk: None) -> None:
    client = TapeClient(tmp_path)
    layer = make(U, target=TapeDevice(2, client), shots=8)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert layer(torch.rand(5, 2)).shape == (5, 2)
    assert not client.jobs()


@pytest.mark.skipif(
    Version(torch.__version__) < Version("2.13"), reason="torch 2.11 fixes the number"
)
@LAYERS
def test_export_runs_any_number_of_rows(layer: Callable[[], Any]) -> None:
    fresh, n = model(layer), torch.export.Dim("n")
    exported = torch.export.export(
        fresh, (torch.rand(5, 3),), dynamic_shapes={"input": {0: n}}
    )
    assert "qml_qdl" not in str(exported.graph)
    program = exported.module()
    for rows in (5, 1, 40):
        x = torch.rand(rows, 3)
        torch.testing.assert_close(program(x), fresh(x))


def test_export_of_probabilities() -> None:
    layer = make(U.with_readout(Probabilities()))
    x = torch.rand(2, 5, 2)
    program = torch.export.export(layer, (x,)).module()
    torch.testing.assert_close(program(x), layer(x))


@pytest.mark.parametrize(
    ("options", "got"),
    [
        ({"shots": 10}, "qdl.simulator with shots=10"),
        ({"target": "lightning.qubit"}, "lightning.qubit with shots=None"),
    ],
)
def test_export_of_what_is_no_exact_simulation(
    options: dict[str, Any], got: str
) -> None:
    message = f"nothing of {got}; call set_target(model, 'qdl.simulator', shots=None)"
    with pytest.raises(TargetError, match=re.escape(message)):
        torch.export.export(make(U, **options), (torch.rand(5, 2),))


PROGRAM = """
import sys, torch
program = torch.export.load(sys.argv[1]).module()
print(float(program(torch.full((7, 3), 0.5)).sum().detach()), "qml_qdl" in sys.modules)
"""


@pytest.mark.slow  # another process imports torch
def test_an_exported_program_needs_nothing_of_ours(tmp_path: Path) -> None:
    fresh, n = model(), torch.export.Dim("n")
    shapes = {"input": {0: n}}
    exported = torch.export.export(fresh, (torch.rand(5, 3),), dynamic_shapes=shapes)
    torch.export.save(exported, tmp_path / "model.pt2")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "model.pt2")]
    found, ours = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.split()
    assert float(found) == pytest.approx(
        float(fresh(torch.full((7, 3), 0.5)).sum().detach())
    )
    assert ours == "False"


FIRST = """
import sys, torch
from qml_qdl.circuits import AngleEncoding, BasicEntangler
from qml_qdl.nn import QuantumLayer
layer, x = QuantumLayer(BasicEntangler(2) @ AngleEncoding(2)), torch.rand(3, 2)
before = "qml_qdl.nn.operators" in sys.modules
made = {}
torch.testing.assert_close(made(x), layer(x))
print(before, "qml_qdl.nn.operators" in sys.modules)
"""


@pytest.mark.slow  # other processes import torch
@pytest.mark.parametrize(
    "program",
    [
        "torch.compile(layer, backend='aot_eager', fullgraph=True)",
        "torch.jit.trace(layer, (x,))",
        "torch.export.export(layer, (x,)).module()",
    ],
)
def test_operators_come_with_the_first_program(program: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FIRST.format(program)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


def compiled(model: Any, backend: str = "aot_eager", **options: Any) -> Any:
    return torch.compile(model, backend=backend, fullgraph=True, **options)


def test_compile_of_a_fresh_model() -> None:
    fresh = model()
    assert_same(compiled(fresh), fresh, 5)
    assert not operators._KEPT  # what the way back needed is given up


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
@LAYERS
class TestCompile:
    @pytest.fixture(autouse=True)
    def anew(self) -> None:
        torch._dynamo.reset()

    def test_values_and_gradients(self, layer: Callable[[], Any], backend: str) -> None:
        fresh = model(layer)
        assert_same(compiled(fresh, backend), fresh, 5, 1, 40, 0, 7)
        assert not operators._KEPT

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_a_training(
        self, layer: Callable[[], Any], backend: str, dtype: torch.dtype
    ) -> None:
        first = model(layer).to(dtype)
        second = copy.deepcopy(first)
        x = torch.rand(8, 3, dtype=dtype)
        for trained, run in ((first, first), (second, compiled(second, backend))):
            optimizer = torch.optim.SGD(trained.parameters(), lr=0.1)
            for _ in range(4):
                optimizer.zero_grad()
                run(x).square().sum().backward()
                optimizer.step()
        torch.testing.assert_close([*first.parameters()], [*second.parameters()])


@pytest.mark.slow
class TestCompileElsewhere:
    @pytest.fixture(autouse=True)
    def anew(self) -> None:
        torch._dynamo.reset()

    @pytest.mark.parametrize("target", ["default.qubit", "lightning.qubit"])
    def test_exact_targets(self, target: str) -> None:
        moved = set_target(model(), target)
        assert_same(compiled(moved), moved, 5, 1)

    @pytest.mark.parametrize("target", ["qdl.simulator", "default.qubit", "aer"])
    def test_shots_are_those_of_the_seed(self, target: str) -> None:
        first, second = (
            model(lambda: make(U, target=target, shots=50, seed=3)) for _ in range(2)
        )
        run, x = compiled(first), torch.rand(5, 3)
        for _ in range(2):
            torch.testing.assert_close(run(x), second(x))

    def test_equal_calls_sample_anew(self) -> None:
        layer, x = make(U, shots=10), torch.rand(50, 2)
        run = compiled(lambda x: layer(x) - layer(x), "inductor")
        assert run(x).abs().sum() > 0

    def test_a_step_is_one_job(self, tmp_path: Path, fast_disk: None) -> None:
        client = TapeClient(tmp_path)
        run = compiled(make(U, target=TapeDevice(2, client), shots=8))
        for step in (1, 2):
            run(torch.rand(5, 2)).sum().backward()
            assert len(client.jobs()) == step

    def test_a_layer_that_moves_is_compiled_anew(self) -> None:
        moving, x = model(), torch.rand(5, 3)
        run = compiled(moving)
        exact = run(x)
        set_target(moving, "qdl.simulator", shots=10)
        assert not torch.equal(run(x), exact)
        set_target(moving, "default.qubit", shots=None)
        torch.testing.assert_close(run(x), exact)

    @pytest.mark.parametrize("shape", [(2,), (4, 5, 2), (0, 3, 2)])
    def test_rows_of_any_shape(self, shape: tuple[int, ...]) -> None:
        layer, x = make(U), torch.rand(*shape)
        torch.testing.assert_close(compiled(layer)(x), layer(x))

    def test_convolutions(self) -> None:
        fresh, x = QuantumConv2d(2, 2, 2, per_channel=True), torch.rand(3, 2, 4, 4)
        torch.testing.assert_close(compiled(fresh, "inductor")(x), fresh(x))

    def test_checkpointing(self) -> None:
        fresh = model()

        def again(x: Tensor) -> Any:
            return torch.utils.checkpoint.checkpoint(fresh, x, use_reentrant=False)

        assert_same(compiled(again), fresh, 5)

    def test_transforms_are_refused(self) -> None:
        run = compiled(torch.func.vmap(torch.func.jacrev(model())))
        with pytest.raises(RuntimeError, match=r"call it without torch\.compile"):
            run(torch.rand(5, 3))

    def test_strict_export_keeps_the_operator(self) -> None:
        fresh, x = model(), torch.rand(5, 3)
        exported = torch.export.export(fresh, (x,), strict=True)
        assert "qml_qdl.layer" in str(exported.graph)
        torch.testing.assert_close(exported.module()(x), fresh(x))
