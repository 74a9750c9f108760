"""Measurements as data: orders of bits, files, and what is refused."""

from __future__ import annotations

import contextlib
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    MemoryBoundError,
    QdlError,
    ShapeError,
)
from qml_qdl.tomography import (
    DensityMatrix,
    Measurements,
    Origin,
    pauli_bases,
    random_bases,
)
from qml_qdl.tomography.measurements import misread

CONFUSION = np.array([[[0.95, 0.05], [0.1, 0.9]], [[0.99, 0.01], [0.02, 0.98]]])


@pytest.fixture
def data() -> Measurements:
    counts = {"XY": {"00": 3, "01": 1, "11": 6}, "ZZ": {"10": 4}, "ZX": {"01": 5}}
    origin = Origin("aer:fake_torino", "ibm_torino", ("a", "b"), "2026-11-30", "Bell")
    return Measurements.from_counts(
        counts, order="first", wires=["a", 7], confusion=CONFUSION, origin=origin
    )


def same(first: Measurements, second: Measurements) -> bool:
    return (
        first.wires == second.wires
        and first.origin == second.origin
        and set(first.bases) == set(second.bases)
        and bool(
            (first.in_bases(second.bases).histograms() == second.histograms()).all()
        )
        and np.array_equal(
            np.zeros(0) if first.confusion is None else first.confusion,
            np.zeros(0) if second.confusion is None else second.confusion,
        )
    )


def test_the_first_wire_leads(data: Measurements) -> None:
    assert data.num_wires == 2
    assert data.shots.tolist() == [10, 4, 5]
    assert data.total_shots == 19
    assert data.histogram("XY").tolist() == [3, 1, 0, 6]
    assert data.histogram("ZZ").tolist() == [0, 0, 4, 0]
    assert data.histograms().sum(axis=1).tolist() == [10, 4, 5]
    assert repr(data) == "Measurements(wires=2, bases=3, shots=19)"


def test_orders_of_bits_are_each_others_mirror_image() -> None:
    counts = {"XYZ": {"001": 2, "1 10": 3}}
    first = Measurements.from_counts(counts, order="first")
    last = Measurements.from_counts(counts, order="last")
    assert first.histogram("XYZ").nonzero()[0].tolist() == [1, 6]
    assert last.histogram("XYZ").nonzero()[0].tolist() == [3, 4]
    assert (first.outcomes.sum(axis=0) == [1, 1, 1]).all()


def test_bits_are_counted() -> None:
    bits = [[[0, 1], [0, 1], [1, 1]], [[0, 0]], [[0, 1]]]
    data = Measurements.from_bits(["XX", "ZZ", "XX"], bits)
    assert data.bases == ("XX", "ZZ")
    assert data.histogram("XX").tolist() == [0, 3, 0, 1]
    assert data.shots.tolist() == [4, 1]


@pytest.mark.parametrize("kind", ["sampler", "rows", "backend"])
def test_qiskits_results_are_read_from_the_last_qubit(kind: str) -> None:
    from qiskit import QuantumCircuit, transpile
    from qiskit.circuit import Parameter
    from qiskit.primitives import StatevectorSampler
    from qiskit_aer import AerSimulator

    circuit = QuantumCircuit(3)
    circuit.x(1)
    if kind == "rows":
        circuit.rx(Parameter("a"), 2)
    circuit.measure_all()
    if kind == "sampler":
        result: Any = StatevectorSampler(seed=0).run([circuit] * 2, shots=5).result()
    elif kind == "rows":
        rows = np.array([[0.0], [np.pi]])
        result = StatevectorSampler(seed=0).run([(circuit, rows)], shots=5).result()
    else:
        simulator = AerSimulator()
        result = simulator.run([transpile(circuit, simulator)] * 2, shots=5).result()
    data = Measurements.from_qiskit(result, ["ZZZ", "ZXZ"], wires=["a", "b", "c"])
    assert data.histogram("ZZZ").nonzero()[0].tolist() == [0b010]
    last = 0b011 if kind == "rows" else 0b010
    assert data.histogram("ZXZ").nonzero()[0].tolist() == [last]
    assert data.total_shots == 10
    with pytest.raises(DataError, match="bases: expected 2, one for each circuit"):
        Measurements.from_qiskit(result, ["ZZZ"])
    with pytest.raises(ArgumentTypeError, match="result: expected a result of a Qisk"):
        Measurements.from_qiskit({"0": 3}, ["Z"])


def test_files_keep_everything(data: Measurements, tmp_path: Path) -> None:
    path = tmp_path / "shots.npz"
    data.save(path)
    again = Measurements.read(path)
    assert same(data, again)
    assert again.wires == ("a", 7)
    path = tmp_path / "shots.txt"
    data.save(path)
    again = Measurements.read(path)
    assert same(evolve(data, confusion=None, origin=Origin()), again)
    with pytest.raises(ArgumentError, match=r"path: expected a file that ends with"):
        data.save(tmp_path / "shots.csv")


@pytest.mark.parametrize("order", ["first", "last"])
def test_text_is_read_in_the_order_it_says(order: str, tmp_path: Path) -> None:
    path = tmp_path / "shots.txt"
    text = f"# mine\n# order: {order}\n# wires: q0 q1\n\nXZ 01 5\nXZ 0 1\nZZ 11\n"
    path.write_text(text)
    data = Measurements.read(path)
    if order == "first":
        assert data.wires == ("q0", "q1")
        assert data.histogram("XZ").tolist() == [0, 6, 0, 0]
    else:  # the leftmost is the last wire
        assert data.wires == ("q1", "q0")
        assert data.histogram("ZX").tolist() == [0, 0, 6, 0]
    assert data.histogram("ZZ").tolist() == [0, 0, 0, 1]


def test_bases_may_come_apart(tmp_path: Path) -> None:
    # As tutorials of QuCumber have them: a line of bits, a line of letters.
    shots, bases = tmp_path / "shots.txt", tmp_path / "bases.txt"
    shots.write_text("0 1\n1 1\n0 1\n")
    bases.write_text("X X\nZ Z\nX X\n")
    data = Measurements.read(shots, bases=bases, order="first")
    assert data.histogram("XX").tolist() == [0, 2, 0, 0]
    alike = Measurements.read(shots, bases="ZZ", order="first")
    assert alike.histogram("ZZ").tolist() == [0, 2, 0, 1]
    listed = Measurements.read(shots, bases=["XX", "ZZ", "XX"], order="first")
    assert same(listed, data)
    shots.write_text("0 1 12\n11 3\n")
    counted = Measurements.read(shots, bases="ZZ", order="first")
    assert counted.histogram("ZZ").tolist() == [0, 12, 0, 3]
    with pytest.raises(DataError, match="bases: expected one for each of 2 outcomes"):
        Measurements.read(shots, bases=["XX"], order="first")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("XZ 01 5\n", "order: .* does not say which wire is leftmost; add a line"),
        ("# order: left\nXZ 01\n", "order: expected first or last, got 'left'"),
        ("# order: first\n", "has no line with an outcome"),
        (
            "# order: first\nXZ 02\n",
            "line 2: expected a basis, as many bits and perhaps",
        ),
        ("# order: first\nXQ 01\n", "line 2: expected a basis"),
        ("# order: first\nXZ 011\n", "line 2: expected a basis, as many bits"),
        ("# order: first\nXZ 01\nXZZ 011\n", "words of 2 letters.*got 'XZZ'"),
        ("# order: first\nXZ 01 0\n", "no shot was taken in XZ"),
        ("# order: first\nXZ 01 1.5\n", "line 2: expected"),
    ],
)
def test_wrong_text_is_told_by_its_line(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "shots.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        Measurements.read(path)


def test_files_that_are_none_are_refused(data: Measurements, tmp_path: Path) -> None:
    path = tmp_path / "shots.npz"
    with pytest.raises(DataError, match=r"shots.npz: expected a file, got none there"):
        Measurements.read(path)
    np.savez(path, x=np.zeros(3))
    with pytest.raises(DataError, match=r"expected measurements, with arrays bases"):
        Measurements.read(path)
    np.savez(path, bases=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="pickled objects are refused"):
        Measurements.read(path)
    data.save(path)
    arrays = dict(np.load(path))
    for name, wrong in [
        ("wires", np.array("nonsense")),
        ("origin", np.array("[]")),
        ("outcomes", np.zeros((2, 2))),
        ("of", arrays["of"] + 5),
        ("counts", -arrays["counts"]),
        ("confusion", np.zeros((2, 2))),
        ("bases", arrays["bases"][:2]),
    ]:
        np.savez(path, **{**arrays, name: wrong})
        with pytest.raises(DataError, match=re.escape(str(path))):
            Measurements.read(path)
    (tmp_path / "shots.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="expected text, got"):
        Measurements.read(tmp_path / "shots.txt", order="first")


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_damaged_file_gives_an_error_of_ours(draw: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shots.npz"
        Measurements.from_bits(["Z"], [[[0], [1], [1]]]).save(path)
        content = bytearray(path.read_bytes())
        place = draw.draw(st.integers(0, len(content) - 1))
        content[place] ^= draw.draw(st.integers(1, 255))
        path.write_bytes(content)
        with contextlib.suppress(QdlError):
            assert Measurements.read(path).total_shots > 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"bases": ("XQ",)}, DataError, "bases: expected words of the letters"),
        ({"bases": ()}, DataError, "bases: expected at least one"),
        ({"bases": ("X",)}, DataError, "bases: expected words of 2 letters"),
        ({"bases": ("XX", "XX")}, DataError, "bases: expected each once, got XX"),
        ({"bases": ("XX", "ZZ")}, DataError, "bases: no shot was taken in ZZ"),
        ({"outcomes": [[0, 2]]}, DataError, "outcomes: expected bits.*got 2"),
        ({"outcomes": [[1, -1]]}, DataError, "got -1; eigenvalues"),
        ({"outcomes": [[0, 0.5]]}, DataError, r"got 0\.5"),
        ({"outcomes": [["0", "1"]]}, DataError, "outcomes: expected bits"),
        ({"outcomes": [[0], [0, 1]]}, DataError, "rows of the same length"),
        ({"outcomes": [[0]]}, ShapeError, "outcomes: expected rows of 2 bits"),
        ({"of": [1]}, DataError, "of: expected positions of the 1 bases"),
        ({"of": [0, 0]}, ShapeError, "of: expected 1 numbers"),
        ({"counts": [-1]}, DataError, "counts: expected numbers from 0"),
        ({"counts": [1.5]}, DataError, r"counts: expected whole numbers"),
        ({"counts": [np.nan]}, DataError, "counts: expected whole numbers"),
        ({"wires": ["a", "a"]}, ArgumentError, "wires: expected labels that differ"),
        ({"confusion": np.eye(2)}, ShapeError, r"confusion: expected \(wires, 2, 2\)"),
        ({"confusion": CONFUSION[:1]}, ShapeError, "confusion: expected 2 matrices"),
        ({"confusion": CONFUSION * 2}, DataError, "confusion: .* add up to 1"),
        ({"confusion": np.full((2, 2, 2), 0.5)}, DataError, "wire 0 reads the same"),
        ({"confusion": "no"}, DataError, "confusion: expected numbers"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    right = {"bases": ("XX",), "outcomes": [[0, 1]], "of": [0], "counts": [3]}
    with pytest.raises(error, match=message):
        Measurements(**{**right, "wires": 2, **arguments})


@pytest.mark.parametrize(
    ("counts", "order", "error", "message"),
    [
        ({"Z": {"0": 1}}, "left", ArgumentError, "order: expected one of 'first'"),
        ({}, "first", DataError, "bases: expected at least one"),
        ({"Z": {}}, "first", DataError, "no shot was taken in Z"),
        ({"Z": {"01": 3}}, "first", DataError, "strings of 1 bits.*got '01'"),
        (
            {"Z": {1: 3}},
            "first",
            DataError,
            r"expected bit strings such as '01', got 1",
        ),
        ({"Z": {"1": 0.5}}, "first", DataError, "counts: expected whole numbers"),
        ({"Z": [1, 2]}, "first", ArgumentTypeError, "how often each outcome occurred"),
        ([1], "first", ArgumentTypeError, "counts: expected counts by basis"),
    ],
)
def test_wrong_counts_are_refused(
    counts: Any, order: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Measurements.from_counts(counts, order=order)


def test_parts_of_the_wires_are_marginals(data: Measurements) -> None:
    part = data.restricted([7])
    assert part.bases == ("Y", "Z", "X")
    assert part.histogram("Y").tolist() == [3, 7]
    assert part.confusion is not None
    assert np.allclose(part.confusion, CONFUSION[1:])
    turned = data.restricted([7, "a"])
    assert turned.histogram("ZZ").tolist() == [0, 4, 0, 0]
    assert data.restricted("a").bases == ("X", "Z")
    assert data.restricted("a").histogram("Z").tolist() == [5, 4]
    with pytest.raises(ArgumentError, match=r"wires: expected some of \['a', 7\]"):
        data.restricted(["b"])


def test_bases_can_be_chosen_and_asked_for(data: Measurements) -> None:
    assert same(data.in_bases(["ZX"]), data.in_bases(["ZX"]))
    assert data.in_bases(["ZX", "XY"]).shots.tolist() == [5, 10]
    assert data.missing(["XX", "XY"]) == ("XX",)
    with pytest.raises(DataError, match=r"the choice needs bases that were not .*: YY"):
        data.in_bases(["YY"])
    with pytest.raises(
        DataError, match=r"inversion needs bases .*: XX, XZ, YX, YY, YZ, ZY;"
    ):
        data.require(pauli_bases(2), "inversion")
    with pytest.raises(ArgumentError, match="basis: expected one that was measured"):
        data.histogram("YY")


def test_parts_for_cross_validation_add_up(data: Measurements) -> None:
    large = evolve(data, counts=data.counts * 10)
    parts = large.split(4, np.random.default_rng(0))
    assert len(parts) == 4
    held = np.sum([part.in_bases(data.bases).histograms() for _, part in parts], 0)
    assert (held == large.histograms()).all()
    for others, part in parts:
        both = (
            others.in_bases(data.bases).histograms()
            + part.in_bases(data.bases).histograms()
        )
        assert (both == large.histograms()).all()
        assert abs(part.total_shots - large.total_shots / 4) <= len(data.bases)
    with pytest.raises(DataError, match=r"parts: expected at most .*got 6 for 4 in ZZ"):
        data.split(6, np.random.default_rng(0))
    with pytest.raises(ArgumentError, match="parts: expected at least 2"):
        data.split(1, np.random.default_rng(0))


def test_the_bootstrap_keeps_the_shots_of_each_basis(data: Measurements) -> None:
    generator = np.random.default_rng(0)
    several = [data.resampled(generator) for _ in range(200)]
    assert all(each.shots.tolist() == data.shots.tolist() for each in several)
    means = np.mean([each.histogram("XY") for each in several], axis=0)
    assert np.abs(means - data.histogram("XY")).max() < 0.5


def test_fewer_shots_are_some_of_them(data: Measurements) -> None:
    generator = np.random.default_rng(0)
    several = [data.thinned(4, generator).in_bases(data.bases) for _ in range(300)]
    assert all(each.shots.tolist() == [4, 4, 4] for each in several)
    tables = np.array([each.histograms() for each in several])
    assert (tables <= data.histograms()).all()
    assert np.abs(tables.mean(axis=0)[0] - 4 * data.histogram("XY") / 10).max() < 0.2
    with pytest.raises(
        DataError, match=r"shots: expected at most the 4 .* in ZZ, got 5"
    ):
        data.thinned(5, generator)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_misreading_is_a_product_of_matrices(size: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    confusion = generator.dirichlet([5, 1], size=(size, 2))
    confusion[:, 1] = confusion[:, 1, ::-1]
    chances = generator.dirichlet(np.ones(2**size), size=3)
    whole = np.eye(1)
    for matrix in confusion:
        whole = np.kron(whole, matrix)
    assert np.allclose(misread(chances, confusion), chances @ whole)
    assert np.allclose(misread(chances, confusion, transposed=True), chances @ whole.T)
    assert misread(chances, None) is chances
    import torch

    tensor = torch.from_numpy(chances).requires_grad_()
    found = misread(tensor, confusion)
    assert np.allclose(found.detach().numpy(), chances @ whole)
    gradient = torch.from_numpy(generator.normal(size=chances.shape))
    found.backward(gradient)
    expected = misread(gradient.numpy(), confusion, transposed=True)
    assert tensor.grad is not None
    assert np.allclose(tensor.grad.numpy(), expected)


def test_bases_by_name() -> None:
    assert pauli_bases(2) == tuple(map("".join, itertools.product("XYZ", repeat=2)))
    drawn = random_bases(2, 9000, np.random.default_rng(0))
    counts = [drawn.count(basis) for basis in pauli_bases(2)]
    assert np.square(np.array(counts) - 1000).sum() / 1000 < 26  # χ² of 8, 0.1 %
    with pytest.raises(ArgumentError, match="num_wires: all bases of 11 wires"):
        pauli_bases(11)


def test_what_is_too_wide_for_tables_is_refused() -> None:
    state = np.zeros(2**15)
    state[0] = 1
    data = DensityMatrix(state).sample(["Z" * 15], 10, seed=0)
    assert data.total_shots == 10
    with pytest.raises(MemoryBoundError, match="a table of all outcomes of 15 wires"):
        data.histogram("Z" * 15)
    wide = Measurements.from_bits(["Z" * 70], [np.zeros((3, 70), int)])
    assert wide.total_shots == 3
    assert len(wide.outcomes) == 1
    with pytest.raises(MemoryBoundError, match="outcomes of 70 wires"):
        _ = wide.codes
