"""Tapes: programs are kept by structure, precision follows the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.simulator import tapes
from qml_qdl.hardware.simulator.tapes import ProgramCache, run_tape


def run(
    *operations: Any, measurement: Any = None, cache: Any = None, **options: Any
) -> Any:
    tape = qml.tape.QuantumScript(
        operations, [measurement or qml.expval(qml.Z(0))], **options
    )
    return run_tape(tape, cache or ProgramCache(), Seeds(0))


def test_programs_are_kept_by_structure() -> None:
    cache = ProgramCache()
    run(qml.RX(0.1, 0), cache=cache)
    size = len(cache._kept)
    run(qml.RX(0.2, 0), cache=cache)
    run(qml.RX(0.2, "a"), measurement=qml.expval(qml.Z("a")), cache=cache)
    assert len(cache._kept) == size
    run(qml.RY(0.2, 0), cache=cache)
    assert len(cache._kept) > size


def test_oldest_program_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapes, "MOST_PROGRAMS", 2)
    cache = ProgramCache()
    made: list[str] = []

    def make(name: str) -> str:
        made.append(name)
        return name

    for name in ("a", "b", "a", "c", "a", "b"):
        assert cache.get(name, lambda name=name: make(name)) == name  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]


PRECISIONS: dict[str, tuple[list[Any], torch.dtype]] = {
    "float32 tensor": ([torch.tensor(0.3)], torch.complex64),
    "float64 tensor": ([torch.tensor(0.3, dtype=torch.float64)], torch.complex128),
    "both tensors": (
        [torch.tensor(0.3), torch.tensor(0.3, dtype=torch.float64)],
        torch.complex128,
    ),
    "tensor and number": ([torch.tensor(0.3), 0.3], torch.complex64),
    "tensor and array": ([torch.tensor(0.3), np.array(0.3)], torch.complex64),
    "float32 array": ([np.array(0.3, dtype=np.float32)], torch.complex64),
    "float32 array and number": ([np.float32(0.3), 0.3], torch.complex64),
    "array": ([np.array(0.3)], torch.complex128),
    "number": ([0.3], torch.complex128),
    "nothing": ([], torch.complex128),
}


@pytest.mark.parametrize("name", PRECISIONS)
def test_precision(name: str) -> None:
    numbers, dtype = PRECISIONS[name]
    gates = [qml.RX(number, 0) for number in numbers]
    state = run(*gates, measurement=qml.state())
    assert state.dtype == dtype


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_state_decides(dtype: torch.dtype) -> None:
    vector = torch.tensor([0.6, 0.8j], dtype=dtype)
    state = run(qml.StatePrep(vector, 0), qml.RX(0.3, 0), measurement=qml.state())
    assert state.dtype == dtype


@pytest.mark.parametrize("rows", [None, 1, 3, 20])
@pytest.mark.parametrize("first", ["StatePrep", "AmplitudeEmbedding"])
def test_first_state_has_gradients(first: str, rows: int | None, agree: Any) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(4,) if rows is None else (rows, 4))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)

    def circuit(vector: Any, angle: Any) -> Any:
        getattr(qml, first)(vector, wires=[2, 0])
        qml.CRX(angle, [2, 1])
        return qml.state(), qml.expval(qml.X(1) @ qml.Z(2))

    agree(circuit, [vectors, np.array(0.7)], 3)


def test_a_complex_first_state_has_torchs_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    sampled = torch.randn(4, generator=generator, dtype=torch.complex128)
    gradients: list[torch.Tensor] = []
    for name in ("qdl.simulator", "default.qubit"):

        @qml.qnode(qml.device(name, wires=3), interface="torch")
        def circuit(vector: Any) -> Any:
            qml.StatePrep(vector, wires=[2, 0])
            qml.CRX(0.7, [2, 1])
            return qml.expval(qml.X(0) @ qml.Y(1) @ qml.Z(2))

        vector = (sampled / sampled.norm()).requires_grad_()
        gradients += torch.autograd.grad(circuit(vector), [vector])
    torch.testing.assert_close(*gradients)


def test_first_state_is_an_angle_not_a_structure() -> None:
    cache = ProgramCache()
    sizes = []
    for vector in ([1.0, 0.0], [0.6, 0.8]):
        found = run(qml.StatePrep(np.array(vector), 0), cache=cache)
        np.testing.assert_allclose(found, vector[0] ** 2 - vector[1] ** 2, atol=1e-14)
        sizes.append(len(cache._kept))
    assert 0 < sizes[0] == sizes[1]


@pytest.mark.parametrize(
    "operation", [qml.BasisState([1, 0], [0, 1]), qml.CosineWindow([0, 1])]
)
def test_other_first_states(operation: Any) -> None:
    state = run(operation, measurement=qml.state())
    np.testing.assert_allclose(state, operation.state_vector().reshape(-1), atol=1e-15)


@pytest.mark.parametrize(
    ("dtype", "most"), [(torch.float32, 1e-5), (torch.float64, 1e-13)]
)
def test_norms_stay_one(dtype: torch.dtype, most: float) -> None:
    rng = np.random.default_rng(0)
    gates: list[Any] = []
    for _ in range(40):
        angles = torch.as_tensor(rng.normal(size=(3, 20)), dtype=dtype)
        wires = rng.permutation(5)[:2].tolist()
        gates += [qml.IsingXX(angles[0], wires), qml.RZ(angles[1], wires[0])]
        gates += [qml.CRY(angles[2], wires), qml.Hadamard(wires[1])]
    norms = run(*gates, measurement=qml.state()).abs().square().sum(1)
    torch.testing.assert_close(norms, torch.ones(20, dtype=dtype), atol=most, rtol=0.0)


def test_sampled_postselection_of_rows_is_refused() -> None:
    angles = np.array([0.4, 0.7])
    gates = [qml.RX(angles, 0), qml.Projector([1], 0)]
    with pytest.raises(TargetError, match=r"shots: .* of the 2 rows; .*fill-shots"):
        run(*gates, measurement=qml.sample(wires=[0]), shots=10)


def test_impossible_postselection_gives_nan() -> None:
    assert run(qml.Projector([1], 0)).isnan()


def test_only_global_phases() -> None:
    state = run(qml.GlobalPhase(0.3), measurement=qml.probs(wires=[0]))
    np.testing.assert_allclose(state, [1, 0])
