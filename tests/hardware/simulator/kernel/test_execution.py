"""The kernel gives what torch gives: on every level, in both precisions."""

from __future__ import annotations

import os
import subprocess
import sys
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from typing import Any

import attrs
import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    Block,
    Circuit,
    Expectation,
    IQPEncoding,
    Probabilities,
    Readout,
    State,
    StronglyEntangling,
)
from qml_qdl.hardware.simulator import runner as runner_module
from qml_qdl.hardware.simulator.kernel import execution
from qml_qdl.hardware.simulator.program import Angles
from qml_qdl.hardware.simulator.runner import (
    CircuitRunner,
    native_program,
    run_angles,
)
from qml_qdl.hardware.simulator.tracing import native_tape
from qml_qdl.hardware.structure import Plan, make_plan
from qml_qdl.nn import QuantumLayer

KERNEL = execution.native()
LEVELS = [] if KERNEL is None else KERNEL.levels()
pytestmark = pytest.mark.skipif(KERNEL is None, reason="the kernel was not built")


CHOICES = [(level, level) for level in LEVELS] + [tuple(LEVELS[:2])] * (len(LEVELS) > 1)
"""Levels, and the one of little work: the last is what an AVX-512 processor runs."""


@pytest.fixture(params=CHOICES, ids="-".join)
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    assert KERNEL is not None
    KERNEL.choose(*request.param)
    yield request.param[0]
    KERNEL.choose(*CHOICES[-1])


def random_plan(
    rng: np.random.Generator, kinds: dict[str, Any], wires: int, rows: int | None
) -> tuple[Plan, Angles]:
    """Gates on random wires, some with rows of angles, and a readout."""
    fitting = [name for name, kind in kinds.items() if kind.wires <= wires]
    gates = []
    for name in rng.choice(fitting, rng.integers(1, 30)):
        kind = kinds[name]
        own = rows if rng.random() < 0.5 else None
        drawn = [torch.from_numpy(n) for n in kind.draw(rng, own)]
        chosen = [int(w) for w in rng.permutation(wires)[: kind.wires]]
        with qml.queuing.QueuingManager.stop_recording():
            gates.append(kind.build(drawn, chosen))
    words = [
        "".join(rng.choice(list("IXYZ"), wires)) for _ in range(rng.integers(1, 12))
    ]
    observables = [
        qml.prod(*(getattr(qml, p)(w) for w, p in enumerate(word) if p != "I"))
        if set(word) != {"I"}
        else qml.Identity(0)
        for word in words
    ]
    observables.append(qml.dot(rng.normal(size=len(words)), list(observables)))
    measurements = (
        *([qml.state()], [qml.probs(wires=range(wires))]),
        *([qml.expval(o) for o in observables],) * 3,
    )[rng.integers(5)]
    tape = qml.tape.QuantumScript(gates, measurements)
    plan = make_plan(native_tape(tape), range(wires))
    each: dict[bool, list[Tensor]] = {True: [], False: []}
    arrays = {}
    numbers = [
        a if isinstance(a, Tensor) else torch.as_tensor(np.asarray(a))
        for a in plan.angles
    ]
    for slot, (angle, own) in enumerate(zip(numbers, plan.batched, strict=True)):
        if angle.ndim > own:
            arrays[slot] = angle
        else:
            each[own].append(angle)
    empty = torch.zeros(0, 1, dtype=torch.float64)
    return plan, Angles(
        torch.stack(each[False]) if each[False] else empty[:, 0],
        torch.stack(each[True]) if each[True] else empty,
        arrays,
        rows if any(plan.batched) else None,
        frozenset(slot for slot in arrays if plan.batched[slot]),
    )


@contextmanager
def in_threads(count: int) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(threads)


def run(plan: Plan, angles: Angles, dtype: torch.dtype, natively: bool) -> list[Tensor]:
    """Values and gradients."""
    leaves = [
        part.to(dtype.to_complex() if part.is_complex() else dtype).requires_grad_()
        for part in (angles.common, angles.rows, *angles.arrays.values())
    ]
    common, rows, *own_arrays = leaves
    arrays = dict(zip(angles.arrays, own_arrays, strict=True))
    own = Angles(common, rows, arrays, angles.num_rows, angles.row_arrays)
    values = run_angles(plan, own, common, 10**6, {}, natively=natively)
    weigh = torch.Generator().manual_seed(1)
    factors = torch.randn(values.shape, generator=weigh, dtype=values.dtype)
    loss = (values * factors).real.sum()
    for leaf in leaves:  # where no gate has any of them
        loss = loss + 0 * leaf.real.sum()
    return [values.detach(), *torch.autograd.grad(loss, leaves)]


def check_random(
    seed: int,
    kinds: dict[str, Any],
    wires: tuple[int, int],
    rows: Sequence[int | None] = (None, 1, 3, 17, 40),
    threads: Sequence[int] = (1,),
) -> None:
    """On every level, in both precisions, in so many threads."""
    rng = np.random.default_rng(seed)
    least, most = wires
    own_wires = int(rng.integers(least, most + 1))
    own_rows = rows[int(rng.integers(len(rows)))]
    plan, angles = random_plan(rng, kinds, own_wires, own_rows)
    assert KERNEL is not None
    for dtype, value, gradient in (
        (torch.float32, 4e-6, 1e-5),
        (torch.float64, 1e-12, 1e-11),
    ):
        assert native_program(plan, torch.empty(0, dtype=dtype), {}) is not None
        other, *theirs = run(plan, angles, dtype, natively=False)
        scale = max([1.0, *(g.abs().max().item() for g in theirs if g.numel())])
        for choice, count in product(CHOICES, threads):
            KERNEL.choose(*choice)
            with in_threads(count):
                own, *ours = run(plan, angles, dtype, natively=True)
            torch.testing.assert_close(own, other, atol=value, rtol=value)
            for one, two in zip(ours, theirs, strict=True):
                torch.testing.assert_close(one, two, atol=gradient * scale, rtol=0.0)


@pytest.fixture
def afterwards_the_best() -> Iterator[None]:
    yield
    assert KERNEL is not None
    KERNEL.choose(*CHOICES[-1])


@pytest.mark.usefixtures("afterwards_the_best")
@pytest.mark.parametrize("seed", range(8))
def test_random_circuits(
    kinds: dict[str, Any], wide_kinds: dict[str, Any], seed: int
) -> None:
    check_random(seed, kinds | wide_kinds, (1, 7))


@pytest.mark.usefixtures("afterwards_the_best")
@pytest.mark.parametrize("seed", range(4))
def test_gates_in_blocks(wide_kinds: dict[str, Any], seed: int) -> None:
    check_random(seed, wide_kinds, (6, 9))


@pytest.mark.parametrize(
    "last",
    [
        [qml.CNOT([0, 1]), qml.ctrl(qml.X(0), 2, control_values=[0])],
        [qml.CZ([0, 1]), qml.CNOT([1, 2]), qml.Y(0)],
        [qml.Toffoli([0, 1, 2]), qml.CNOT([0, 1])],
    ],
)
def test_words_after_a_permutation(last: list[Any]) -> None:
    words = [
        qml.prod(*(getattr(qml, letter)(w) for w, letter in enumerate(word)))
        for word in product(("X", "Y", "Z", "I"), repeat=3)
    ]
    angles = torch.rand(9, dtype=torch.float64, requires_grad=True)

    def circuit(angles: Tensor, words: list[Any]) -> Any:
        for turns in angles.reshape(3, 3):
            qml.RX(turns[0], 0)
            qml.RY(turns[1], 1)
            qml.IsingXY(turns[2], [1, 2])
        for gate in last:
            qml.apply(gate)
        return [qml.expval(word) for word in words]

    for chosen in (words, words[42:43] + words[47:48]):  # with ZZZ and ZZI, squares
        found = []
        for name in ("qdl.simulator", "default.qubit"):
            node = qml.QNode(circuit, qml.device(name, wires=3), interface="torch")
            values = torch.stack(tuple(node(angles, chosen)))
            weighed = values @ torch.arange(1.0, len(chosen) + 1, dtype=torch.float64)
            found.append([values, *torch.autograd.grad(weighed, angles)])
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.usefixtures("afterwards_the_best")
@pytest.mark.parametrize("seed", range(100, 1100))
def test_many_random_circuits(
    kinds: dict[str, Any], wide_kinds: dict[str, Any], seed: int
) -> None:
    check_random(seed, kinds | wide_kinds, (1, 10))


@pytest.fixture
def divided() -> Iterator[None]:
    """However little the work is, all threads share it."""
    assert KERNEL is not None
    before = KERNEL.divide_from(0)
    yield
    KERNEL.divide_from(before)


TEAMS: dict[str, Any] = {"wires": (11, 13), "rows": (None, 1, 2, 9), "threads": (2, 3)}
"""States large enough for several threads at one row, on one level or the other."""


@pytest.mark.usefixtures("afterwards_the_best", "divided")
@pytest.mark.parametrize("seed", range(3))
def test_random_circuits_in_teams(
    kinds: dict[str, Any], wide_kinds: dict[str, Any], seed: int
) -> None:
    check_random(seed, kinds | wide_kinds, **TEAMS)


@pytest.mark.slow
@pytest.mark.usefixtures("afterwards_the_best", "divided")
@pytest.mark.parametrize("seed", range(2000, 2100))
def test_many_random_circuits_in_teams(
    kinds: dict[str, Any], wide_kinds: dict[str, Any], seed: int
) -> None:
    check_random(seed, kinds | wide_kinds, **TEAMS)


CIRCUITS = {
    "one wire": AngleEncoding(1) @ AngleEncoding(1),
    "many wires": StronglyEntangling(12, layers=1) @ AngleEncoding(12),
    "phases together": StronglyEntangling(5, layers=1) @ IQPEncoding(5),
    "prepared": StronglyEntangling(3, layers=1) @ AmplitudeEncoding(3),
    "state": (StronglyEntangling(4, layers=1) @ AngleEncoding(4)).with_readout(State()),
    "probabilities": (StronglyEntangling(6, layers=2) @ AngleEncoding(6)).with_readout(
        Probabilities()
    ),
    "words": (StronglyEntangling(5, layers=1) @ AngleEncoding(5)).with_readout(
        Expectation(["XXIIZ", "YIZIX", "ZZZZZ", "IIIII", "YYYII"])
    ),
}


@pytest.mark.parametrize("rows", [1, 2, 16, 33])
@pytest.mark.parametrize("name", CIRCUITS)
def test_circuits(
    level: str, name: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    circuit = CIRCUITS[name]
    generator = torch.Generator().manual_seed(rows)
    inputs = torch.rand(rows, circuit.num_inputs, generator=generator)
    shapes = circuit.weight_shapes.values()
    leaves = [inputs, *(torch.rand(s, generator=generator) for s in shapes)]
    leaves = [leaf.double().requires_grad_() for leaf in leaves]
    found = []
    for native in (execution.native, lambda: None):
        monkeypatch.setattr(runner_module, "native", native)
        runner = CircuitRunner(circuit)
        values = runner(leaves[0], leaves[1:])
        loss = (values * values.conj()).real.cumsum(-1).sum() + values.real.sum()
        found.append([values, *torch.autograd.grad(loss, leaves)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-11)


def a_layer(rows: int) -> tuple[QuantumLayer, Tensor]:
    circuit = StronglyEntangling(4, layers=2) @ AngleEncoding(4)
    generator = torch.Generator().manual_seed(0)
    layer = QuantumLayer(circuit, target="qdl.simulator", generator=generator)
    return layer, torch.rand(rows, 4, generator=generator)


def test_a_row_gives_the_same_beside_any_others(level: str) -> None:
    layer, x = a_layer(40)
    spoilt = x.clone()
    spoilt[3], spoilt[20] = torch.nan, 1e9
    kept = [row for row in range(40) if row not in (3, 20)]
    assert torch.equal(layer(spoilt)[kept], layer(x)[kept])
    assert layer(spoilt)[3].isnan().all()


def test_large_angles_keep_their_digits(level: str) -> None:
    layer = QuantumLayer(AngleEncoding(1), target="qdl.simulator").double()
    x = torch.tensor([[1e5], [1e8], [-3e6], [1e-300], [0.0]], dtype=torch.float64)
    expected = torch.tensor(np.cos(x.numpy()))
    torch.testing.assert_close(layer(x), expected, atol=1e-8, rtol=0.0)
    torch.testing.assert_close(layer(x[3:]), expected[3:], atol=1e-15, rtol=0.0)


def test_denormals_stay_numbers() -> None:
    layer, x = a_layer(2)
    layer(x).sum().backward()
    assert float(np.float32(1e-40) * np.float32(1)) > 0
    assert float(torch.tensor(1e-40) * 1) > 0


def test_states_that_are_not_kept_are_found_again(level: str) -> None:
    layer, x = a_layer(33)
    x.requires_grad_()
    runner = CircuitRunner(layer.circuit)
    native = runner.direct(x)
    assert native is not None
    leaves = [x, *layer.parameters()]
    found = []
    for circuit in (native, attrs.evolve(native, most_kept=0)):
        values = circuit(x, None, list(layer.parameters()))
        found.append(torch.autograd.grad(values.square().sum(), leaves))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_what_is_kept_does_not_grow_with_depth() -> None:
    sizes = set()
    for layers in (1, 8):
        circuit = StronglyEntangling(4, layers=layers) @ AngleEncoding(4)
        native = CircuitRunner(circuit).direct(torch.zeros(0, 4))
        assert native is not None
        sizes.add(native.program.kept(100))
    assert len(sizes) == 1


def test_threads_share_nothing() -> None:
    layer, x = a_layer(64)
    expected = layer(x)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: layer(x), range(64)))
    assert all(torch.equal(each, expected) for each in found)


def test_blocks_in_threads() -> None:
    circuit = StronglyEntangling(10, layers=4) @ AngleEncoding(10)
    layer = QuantumLayer(circuit, target="qdl.simulator", dtype=torch.float64)
    x = torch.rand(100, 10, dtype=torch.float64, requires_grad=True)
    leaves = [x, *layer.parameters()]
    found = []
    for count in (1, 3):
        with in_threads(count):
            values = layer(x)
            found.append([values, *torch.autograd.grad(values.square().sum(), leaves)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


def wide_layer(rows: int) -> tuple[QuantumLayer, Tensor]:
    circuit = StronglyEntangling(14, layers=2) @ AngleEncoding(14)
    generator = torch.Generator().manual_seed(0)
    layer = QuantumLayer(circuit, target="qdl.simulator", generator=generator)
    return layer, torch.rand(rows, 14, generator=generator)


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_threads_at_one_row(level: str, rows: int) -> None:
    layer, x = wide_layer(rows)
    leaves = [x.requires_grad_(), *layer.parameters()]
    native = CircuitRunner(layer.circuit).direct(x)
    assert native is not None
    found = []
    for count, most_kept in product((1, 2, 3, 4, 40), (native.most_kept, 0)):
        circuit = attrs.evolve(native, most_kept=most_kept)
        with in_threads(count):
            for _ in range(2):
                values = circuit(x, None, list(layer.parameters()))
                grads = torch.autograd.grad(values.square().sum(), leaves)
                found.append([values, *grads])
        assert all(map(torch.equal, found[-1], found[-2]))  # the same threads
    for one in found[1:]:
        for each, other in zip(one, found[0], strict=True):
            torch.testing.assert_close(each, other, atol=2e-6, rtol=1e-5)


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize("readout", [State(), Probabilities()], ids=type)
def test_rows_of_a_large_team(level: str, readout: Readout) -> None:
    """A member that is done begins the next row while others still read the last."""
    wires = {"avx512": 14, "avx2": 13, "base": 12}[level]  # the smallest with teams
    circuit = StronglyEntangling(wires, layers=1) @ AngleEncoding(wires)
    layer = QuantumLayer(circuit.with_readout(readout), target="qdl.simulator")
    x = torch.rand(3, wires)
    with torch.no_grad():
        expected = layer(x)
        with in_threads(16):
            for _ in range(30):
                torch.testing.assert_close(layer(x), expected, atol=1e-6, rtol=0.0)


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize("readout", [Expectation(), State()], ids=type)
def test_a_first_permutation_in_teams(
    level: str, readout: Readout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The product state is made, and its gradient read, where others have shares."""
    circuit = StronglyEntangling(12, layers=2) @ AngleEncoding(12)
    circuit = circuit.with_readout(readout)
    generator = torch.Generator().manual_seed(0)
    layer = QuantumLayer(circuit, dtype=torch.float64, generator=generator)
    leaves = [torch.rand(8, 12, dtype=torch.float64), *layer.parameters()]
    leaves[0].requires_grad_()
    found = []
    for threads in (0, 1, 2, 3):  # none is torch
        native = execution.native if threads else lambda: None
        monkeypatch.setattr(runner_module, "native", native)
        with in_threads(max(1, threads)):
            values = CircuitRunner(circuit)(leaves[0], leaves[1:])
            loss = (values * values.conj()).real.cumsum(-1).sum()
            found.append([values, *torch.autograd.grad(loss, leaves)])
    for one in found[1:]:
        for each, other in zip(one, found[0], strict=True):
            torch.testing.assert_close(each, other, atol=1e-11, rtol=1e-11)


@pytest.mark.usefixtures("divided")
def test_teams_side_by_side() -> None:
    layer, x = wide_layer(2)
    with in_threads(3):
        expected = layer(x)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: layer(x), range(16)))
    assert all(torch.equal(each, expected) for each in found)


@pytest.mark.usefixtures("divided")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a fork")
def test_a_fork_has_teams_of_its_own() -> None:
    layer, x = wide_layer(1)
    with in_threads(3), torch.no_grad():
        expected = layer(x)
        child = os.fork()
        if not child:
            os._exit(0 if torch.equal(layer(x), expected) else 1)
        _, status = os.waitpid(child, 0)
    assert status == 0


WITHOUT_THREADS = """
import resource, torch
from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.nn import QuantumLayer
layer = QuantumLayer(StronglyEntangling(8, layers=4) @ AngleEncoding(8))
x, found = torch.rand(4000, 8), []
for threads in (1, 8):
    torch.set_num_threads(threads)
    with torch.no_grad():
        found += [layer(x) for _ in range(3)]
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**22, resource.RLIM_INFINITY))
assert all(torch.equal(each, found[0]) for each in found)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for its memory")
def test_without_threads_one_does_all() -> None:
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_THREADS]
    subprocess.run(command, check=True, capture_output=True)


def test_gradients_of_gradients() -> None:
    layer, x = a_layer(3)
    layer, x = layer.double(), x.double().requires_grad_()

    def first(x: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(layer(x).sum(), x, create_graph=True)
        return found

    torch.autograd.gradcheck(first, x)
    values = layer(x)
    each = torch.eye(values.numel(), dtype=torch.float64).reshape(-1, *values.shape)
    (at_once,) = torch.autograd.grad(values, x, each, is_grads_batched=True)
    expected = torch.autograd.functional.jacobian(layer, x).reshape(at_once.shape)
    torch.testing.assert_close(at_once, expected)


def test_gradients_of_gradients_where_numbers_are_not_used() -> None:
    @frozen
    class First(Block):
        """Reads one number of x, and none of θ, or the other way round."""

        of_x: bool
        wires: tuple[int, ...] = (0,)
        pure = True
        num_features = 2
        weight_shape = (2,)

        def queue(self, inputs: Any, weights: Any) -> None:
            qml.RX((inputs if self.of_x else weights)[..., 0], 0)

    for of_x in (True, False):
        layer = QuantumLayer(Circuit((First(of_x),)), target="qdl.simulator").double()
        x = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
        leaves = [x, *layer.parameters()]
        plain = torch.autograd.grad(layer(x).sum(), leaves)
        again = torch.autograd.grad(layer(x).sum(), leaves, create_graph=True)
        for one, other in zip(plain, again, strict=True):
            torch.testing.assert_close(one, other.detach())
        used = leaves[not of_x]
        (second,) = torch.autograd.grad(again[not of_x].sum(), used)
        torch.testing.assert_close(second[..., 0], -used[..., 0].cos() * (3 - 2 * of_x))


def test_what_is_kept_goes_with_the_way_back() -> None:
    layer, x = a_layer(64)
    native = CircuitRunner(layer.circuit).direct(x)
    assert native is not None
    values: Any = native(x, None, [*layer.parameters()])
    kept = weakref.ref(values.grad_fn.saved_tensors[2])
    assert kept() is not None
    values.sum().backward()
    assert kept() is None
    with pytest.raises(RuntimeError, match="second time"):
        values.sum().backward()


def test_what_hooks_bring_back_may_have_other_strides() -> None:
    layer, x = a_layer(5)
    leaves = [x.requires_grad_(), *layer.parameters()]
    expected = torch.autograd.grad(layer(x).sum(), leaves)
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: torch.stack([tensor.detach()] * 2, dim=-1),
        lambda packed: packed[..., 0],
    ):
        values = layer(x)
    for one, other in zip(
        torch.autograd.grad(values.sum(), leaves), expected, strict=True
    ):
        assert torch.equal(one, other)


def test_views_are_read_as_they_are() -> None:
    layer, x = a_layer(5)
    expected = layer(x)
    wide = torch.zeros(5, 8)
    wide[:, ::2] = x
    assert torch.equal(layer(wide[:, ::2]), expected)
    assert torch.equal(layer(x.T.contiguous().T), expected)
    negative = torch.complex(x, -x).conj().imag
    assert negative.is_neg()
    assert torch.equal(layer(negative), expected)
    total = layer(x)
    total.backward(torch.ones(1, 1).expand_as(total))  # without strides
    assert layer.weights_0.grad is not None
    zero = torch._efficientzerotensor(total.shape)  # without memory
    (found,) = torch.autograd.grad(layer(x), layer.weights_0, zero)
    assert not found.any()


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernel is looked for at the next call, and again after the test."""
    execution.native.cache_clear()
    yield
    monkeypatch.undo()
    execution.native.cache_clear()
    execution.native()


def test_none_runs_all_by_torch(anew: None, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = a_layer(3)
    expected = layer(x)
    monkeypatch.setenv(execution.VARIABLE, "none")
    execution.native.cache_clear()
    assert execution.native() is None
    again = QuantumLayer(layer.circuit, target="qdl.simulator")
    again.load_state_dict(layer.state_dict())
    torch.testing.assert_close(again(x), expected)


def test_a_level_the_processor_lacks(
    anew: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(execution.VARIABLE, "mmx")
    assert execution.native() is execution.native() is not None
    (record,) = caplog.records
    assert f"mmx: this processor has the levels {LEVELS[0]}" in record.message


def test_a_level_can_be_chosen(anew: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(execution.VARIABLE, "base")
    layer, x = a_layer(20)
    low = layer(x)
    assert KERNEL is not None
    KERNEL.choose(*CHOICES[-1])
    torch.testing.assert_close(layer(x), low)


def test_a_kernel_of_another_text(
    anew: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(execution, "_text", lambda: "0" * 16)
    assert execution.native() is execution.native() is None
    (record,) = caplog.records
    assert "built from another text; run pip install again" in record.message


def test_without_the_kernel(
    anew: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, execution.__package__ + "._kernel", None)
    monkeypatch.delattr(sys.modules[execution.__package__], "_kernel")
    assert execution.native() is execution.native() is None
    (record,) = caplog.records
    assert "install a C++ compiler, then qml-qdl anew" in record.message


def test_wrong_lists_make_no_program() -> None:
    assert KERNEL is not None
    with pytest.raises(ValueError, match="do not make a program"):
        KERNEL.program(b"\x01\x00\x00\x00", b"")
    with pytest.raises(ValueError, match="no level mmx"):
        KERNEL.choose("mmx")
    with pytest.raises((TypeError, ValueError)):
        KERNEL.forward()
