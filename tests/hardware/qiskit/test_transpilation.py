from __future__ import annotations

import multiprocessing
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Statevector
from qiskit.transpiler import PassManager, generate_preset_pass_manager
from qiskit_aer import AerSimulator

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, TargetError
from qml_qdl.hardware.qiskit.compact_circuits import compact_circuit
from qml_qdl.hardware.qiskit.conversion.digest import circuit_digest
from qml_qdl.hardware.qiskit.transpilation import (
    TranspilationCache,
    machine_digest,
)
from tests.hardware.qiskit.pubs_for_tests import layered, rows_of

LINE = [[0, 1], [1, 0], [1, 2], [2, 1], [2, 3], [3, 2], [3, 4], [4, 3]]


def machine(seed: int = 1) -> GenericBackendV2:
    return GenericBackendV2(5, coupling_map=LINE, seed=seed)


def get(cache: TranspilationCache, circuit: QuantumCircuit) -> Any:
    return cache.get(circuit, circuit_digest(circuit))


def state(isa: Any, angles: np.ndarray) -> np.ndarray:
    """The state on the qubits in use, with angles bound as an executor binds them."""
    program = compact_circuit(isa.circuit, isa.width, isa.names)
    (values,) = program.values(angles[None])
    bound = program.circuit.assign_parameters(
        dict(zip(program.slots, values, strict=True))
    )
    return np.asarray(Statevector(bound).data)


def test_each_structure_is_transpiled_once() -> None:
    cache = TranspilationCache(machine())
    first = get(cache, layered())
    assert get(cache, layered()) is first
    get(cache, layered(layers=3))
    assert cache.counters.transpilations == 2
    assert first.circuit.num_qubits == 5


def test_another_process_finds_it_on_disk(tmp_path: Path) -> None:
    angles = rows_of(layered(), 1)[0]
    one = TranspilationCache(machine(), folder=tmp_path)
    first = get(one, layered())
    other = TranspilationCache(machine(), folder=tmp_path)
    again = get(other, layered())
    assert (one.counters.transpilations, other.counters.transpilations) == (1, 0)
    assert again.circuit.layout.final_index_layout() == (
        first.circuit.layout.final_index_layout()
    )
    np.testing.assert_allclose(state(again, angles), state(first, angles), atol=1e-12)


def test_parameters_are_bound_by_position_whatever_their_names(tmp_path: Path) -> None:
    from qiskit.circuit import Parameter

    def circuit(*names: str) -> QuantumCircuit:
        made = QuantumCircuit(2)
        for wire, name in enumerate(names):
            made.rx(Parameter(name), wire)
        return made

    # Sorted by name, both have qubit 1's angle first.
    get(TranspilationCache(machine(), folder=tmp_path), circuit("z", "a"))
    found = TranspilationCache(machine(), folder=tmp_path)
    twin = circuit("q", "p")
    assert circuit_digest(twin) == circuit_digest(circuit("z", "a"))
    angles = np.array([0.3, 2.0])
    fresh = get(TranspilationCache(machine()), twin)
    np.testing.assert_allclose(
        state(get(found, twin), angles), state(fresh, angles), atol=1e-12
    )
    assert found.counters.transpilations == 0


def test_the_key_knows_all_that_matters(tmp_path: Path) -> None:
    options: list[dict[str, Any]] = [
        {},
        {"optimization_level": 1},
        {"seed_transpiler": 5},
        {"initial_layout": [3, 2, 1, 0]},
    ]
    for option in options:
        cache = TranspilationCache(machine(), folder=tmp_path, **option)
        get(cache, layered())
        assert cache.counters.transpilations == 1, option
    calibrated_anew = TranspilationCache(machine(seed=2), folder=tmp_path)
    get(calibrated_anew, layered())
    assert calibrated_anew.counters.transpilations == 1
    assert len(list(tmp_path.glob("isa/*.qpy"))) == 5


def test_a_machine_calibrated_anew_is_another_one() -> None:
    assert machine_digest(machine(1)) == machine_digest(machine(1))
    assert machine_digest(machine(1)) != machine_digest(machine(2))


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign", "swapped"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: str) -> None:
    get(TranspilationCache(machine(), folder=tmp_path), layered(layers=1))
    (other,) = tmp_path.glob("isa/*.qpy")
    aside = other.read_bytes()
    other.unlink()
    get(TranspilationCache(machine(), folder=tmp_path), layered())
    (file,) = tmp_path.glob("isa/*.qpy")
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(
        {
            "cut": whole[:middle],
            "flipped": whole[:middle]
            + bytes([whole[middle] ^ 1])
            + whole[middle + 1 :],
            "empty": b"",
            "foreign": b"QISKIT" + whole[20:],
            "swapped": aside,  # sound, but of another circuit
        }[damage]
    )
    cache = TranspilationCache(machine(), folder=tmp_path)
    with pytest.warns(UserWarning, match="damaged or not ours"):
        isa = get(cache, layered())
    assert cache.counters.transpilations == 1
    assert isa.circuit.num_parameters == layered().num_parameters
    quiet = TranspilationCache(machine(), folder=tmp_path)
    get(quiet, layered())
    assert quiet.counters.transpilations == 0


def test_a_folder_that_cannot_be_written_is_warned_of_once(tmp_path: Path) -> None:
    (tmp_path / "isa").write_text("a file, not a folder")
    cache = TranspilationCache(machine(), folder=tmp_path)
    with pytest.warns(UserWarning, match="kept in memory only"):
        get(cache, layered())
    get(cache, layered(layers=1))
    assert cache.counters.transpilations == 2


def test_who_wrote_last_does_not_disturb_the_other(tmp_path: Path) -> None:
    one, other = (TranspilationCache(machine(), folder=tmp_path) for _ in "ab")
    digest = circuit_digest(layered())
    key = one._key(4, digest)
    isa = get(TranspilationCache(machine()), layered())
    assert one._store is not None
    assert other._store is not None
    assert one._store.read(key) is other._store.read(key) is None
    one._store.write(key, isa)
    other._store.write(key, isa)
    assert one._store.read(key) is not None
    assert len(list(tmp_path.glob("isa/*"))) == 1


def _transpile_into(folder: str) -> None:
    cache = TranspilationCache(machine(), folder=folder)
    for layers in (1, 2, 3):
        get(cache, layered(layers=layers))


@pytest.mark.slow
def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_transpile_into, args=(str(tmp_path),)) for _ in "ab"
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)  # each loads Qiskit anew, on a machine that may be busy
        assert process.exitcode == 0
    assert not [path for path in tmp_path.glob("isa/*") if path.suffix != ".qpy"]
    cache = TranspilationCache(machine(), folder=tmp_path)
    for layers in (1, 2, 3):
        get(cache, layered(layers=layers))
    assert cache.counters.transpilations == 0


def test_the_initial_layout_is_kept() -> None:
    isa = get(TranspilationCache(machine(), initial_layout=[4, 3, 2]), layered(3))
    start = isa.circuit.layout.initial_index_layout(filter_ancillas=True)
    assert start == [4, 3, 2]


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ([0, 0, 1, 2], "expected different qubits among 0 to 4"),
        ([0, 1, 2, 5], "expected different qubits among 0 to 4"),
        ([0, 1, 2], "one qubit for each of the 4 wires, got 3 qubits"),
    ],
)
def test_layouts_that_cannot_be_are_refused(layout: list[int], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        get(TranspilationCache(machine(), initial_layout=layout), layered())


def test_a_layout_of_other_things_is_refused() -> None:
    wrong: Any = ["a", "b"]
    with pytest.raises(ArgumentTypeError, match="qubits as whole numbers"):
        TranspilationCache(machine(), initial_layout=wrong)


def test_circuits_larger_than_the_machine_are_refused() -> None:
    message = "has 5 qubits, but the circuit has 6 wires"
    with pytest.raises(TargetError, match=message):
        get(TranspilationCache(machine()), layered(6))


def test_levels_that_are_none_are_refused() -> None:
    with pytest.raises(ArgumentError, match="expected 0, 1, 2 or 3, got 4"):
        TranspilationCache(machine(), optimization_level=4)


def test_an_own_pass_manager_is_used() -> None:
    manager = generate_preset_pass_manager(
        optimization_level=1, backend=machine(), initial_layout=[1, 2, 3, 4]
    )
    cache = TranspilationCache(machine(), pass_manager=manager)
    isa = get(cache, layered())
    start = isa.circuit.layout.initial_index_layout(filter_ancillas=True)
    assert start == [1, 2, 3, 4]
    assert get(cache, layered()) is isa


def test_a_pass_manager_for_another_machine_is_refused() -> None:
    with pytest.raises(TargetError, match=re.escape("which generic_backend_5q cannot")):
        get(TranspilationCache(machine(), pass_manager=PassManager([])), layered())


def test_what_is_no_pass_manager_is_refused() -> None:
    wrong: Any = "level 1"
    with pytest.raises(ArgumentTypeError, match="expected a qiskit PassManager"):
        TranspilationCache(machine(), pass_manager=wrong)


def test_a_layout_beside_a_pass_manager_is_refused() -> None:
    with pytest.raises(ArgumentError, match="which sets its own"):
        TranspilationCache(machine(), pass_manager=PassManager([]), initial_layout=[0])


def test_without_a_level_gates_are_only_translated() -> None:
    simulator = AerSimulator(method="stabilizer")
    isa = get(TranspilationCache(simulator, optimization_level=None), layered())
    assert set(isa.circuit.count_ops()) <= set(simulator.target.operation_names)
    assert isa.circuit.layout is None
