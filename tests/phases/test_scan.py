"""Scans: what goes in comes out, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.phases import Scan
from qml_qdl.tomography import Measurements


def scan(**changes: Any) -> Scan:
    """Two points, three chains each, four shots in two bases on three sites."""
    generator = np.random.default_rng(0)
    given: dict[str, Any] = {
        "names": ("h", "g"),
        "couplings": [[0.0, 1.0], [2.0, 3.0]],
        "bases": ("ZZZ", "XXX"),
        "bits": generator.integers(2, size=(6, 2, 4, 3)),
        "of": [0, 0, 0, 1, 1, 1],
        "group": [0, 1, 2, 3, 4, 5],
        "title": "it",
    }
    return Scan(**{**given, **changes})


def test_files(tmp_path: Path) -> None:
    states = np.random.default_rng(1).normal(size=(2, 8))
    whole = scan(states=states)
    whole.save(tmp_path / "scan.npz")
    again = Scan.read(tmp_path / "scan.npz")
    for name in ("couplings", "bits", "of", "group", "states"):
        assert np.array_equal(getattr(again, name), getattr(whole, name))
    assert repr(again) == repr(whole)
    assert (again.names, again.bases) == (whole.names, whole.bases)
    with pytest.raises(ArgumentError, match=r"ends with \.npz, got"):
        whole.save(tmp_path / "scan.txt")
    with pytest.raises(DataError, match="there is no file"):
        Scan.read(tmp_path / "none.npz")
    (tmp_path / "scan.npz").write_bytes(b"PK no archive")
    with pytest.raises(DataError, match="holds no scan that can be read"):
        Scan.read(tmp_path / "scan.npz")


def test_measurements_come_back() -> None:
    data = [scan().measurements(row) for row in (0, 3)]
    assert data[0].shots.tolist() == [4, 4]
    back = Scan.from_measurements(["h"], [0.0, 1.0], data)
    for row, each in enumerate(data):
        for basis in each.bases:
            found = back.measurements(row).histogram(basis)
            assert np.array_equal(found, each.histogram(basis))
    other = Measurements.from_counts({"ZZZ": {"000": 3}}, order="first")
    with pytest.raises(DataError, match="the same bases of all states"):
        Scan.from_measurements(["h"], [0.0, 1.0], [data[0], other])
    with pytest.raises(DataError, match="at least one state"):
        Scan.from_measurements(["h"], [], [])


def test_sets_keep_every_snapshot() -> None:
    whole = scan()
    cut = whole.sets(4)  # of two bases, so two shots of each
    assert len(cut) == 12
    assert cut.snapshots == 4
    assert np.array_equal(cut.bits[0], whole.bits[0, :, :2])
    assert np.array_equal(cut.bits[1], whole.bits[0, :, 2:])
    assert cut.of.tolist() == np.repeat(whole.of, 2).tolist()
    assert cut.group.tolist() == np.repeat(whole.group, 2).tolist()
    for wrong in (3, 10):
        with pytest.raises(ArgumentError, match="a multiple of 2"):
            whole.sets(wrong)


def test_groups_never_come_apart() -> None:
    whole = scan(group=[0, 0, 1, 2, 2, 3]).sets(2)
    for seed in range(5):
        first, second = whole.divide(0.5, seed=seed)
        assert not set(first.group) & set(second.group)
        assert set(first.of) == set(second.of) == {0, 1}
        assert len(first) + len(second) == len(whole)
    labels = whole.of == 0
    parts = whole.parts(0.5, strata=labels)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(whole)))
    with pytest.raises(ArgumentError, match="2 groups of a stratum are too few for 3"):
        whole.divide(0.4, 0.3)
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        whole.divide(0.5, 0.6)
    with pytest.raises(ShapeError, match="strata: expected 24"):
        whole.divide(0.5, strata=[0, 1])


def test_along_and_take() -> None:
    assert scan().along("g").tolist() == [1, 1, 1, 3, 3, 3]
    assert scan().take(scan().along() > 1).of.tolist() == [1, 1, 1]
    with pytest.raises(ArgumentError, match="name: expected one of"):
        scan().along("J")
    with pytest.raises(DataError, match="at least one row"):
        scan().take([])
    with pytest.raises(DataError, match="got snapshots only"):
        _ = scan().amplitudes


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"bits": np.full((6, 2, 4, 3), 2)}, "bits: expected zeros and ones"),
        ({"bits": np.zeros((6, 2, 0, 3))}, "nothing empty"),
        ({"bases": ("ZZ", "XXX")}, "words of 3 letters"),
        ({"bases": ("ZZZ",)}, "bases: expected 2 words"),
        ({"bases": ("ZZZ", "XAX")}, "'XAX'"),
        ({"of": [0, 0, 0, 1, 1, 2]}, "points 0 … 1, got 0 to 2"),
        ({"of": [0, 1]}, "of: expected 6 numbers"),
        ({"of": [0.5] * 6}, "whole numbers"),
        ({"names": ("h", "h")}, "each once"),
        ({"couplings": [[0, np.nan], [1, 1]]}, "finite numbers"),
        ({"couplings": [["a", "b"], ["c", "d"]]}, "real numbers"),
        ({"states": np.ones((2, 4))}, r"states: expected \(2, 8\)"),
        ({"states": np.ones((2, 8)) * 1j}, "real amplitudes"),
        ({"shape": (2, 2)}, "shape: expected one of 3 sites"),
    ],
)
def test_what_does_not_fit(changes: dict[str, Any], text: str) -> None:
    with pytest.raises((DataError, ShapeError), match=text):
        scan(**changes)
