"""Groups of wire actions: generated, checked, multiplied; correlation on a group."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qml_qdl.circuits import WireAction, WireGroup
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.symmetry.groups import commutant_dimension, group_correlation
from qml_qdl.circuits.symmetry.named_groups import (
    local_flips,
    p4,
    p4m,
    quarter_turns,
    reflections,
    spin_flip,
    square_symmetries,
    symmetric_group,
    translations,
)

GROUPS = [
    pytest.param(translations(4), 4, id="Z4"),
    pytest.param(translations((2, 3)), 6, id="grid"),
    pytest.param(reflections(3), 2, id="chain-mirror"),
    pytest.param(reflections((2, 3)), 4, id="grid-mirrors"),
    pytest.param(quarter_turns(3), 4, id="C4"),
    pytest.param(square_symmetries(2), 8, id="D4"),
    pytest.param(p4(3), 36, id="p4"),
    pytest.param(p4m(3), 72, id="p4m"),
    pytest.param(symmetric_group(4), 24, id="S4"),
    pytest.param(symmetric_group(1), 1, id="S1"),
    pytest.param(spin_flip(3), 2, id="Z2"),
    pytest.param(local_flips(3), 8, id="flips"),
    pytest.param(local_flips(3, letter="Z", places=[[0, 1], [1, 2]]), 4, id="pairs"),
    pytest.param(WireGroup([WireAction([0], "H"), WireAction([0], "S")]), 24, id="C1"),
]


@pytest.mark.parametrize(("group", "order"), GROUPS)
def test_it_is_a_group(
    group: WireGroup, order: int, rebuild: Callable[[object], Any]
) -> None:
    assert group.order == order
    assert len(set(group.elements)) == order
    assert group.elements[0] == WireAction.identity(group.num_wires)
    again = WireGroup.from_elements(group.elements)
    assert set(again.elements) == set(group.elements)
    for twin in (pickle.loads(pickle.dumps(group)), rebuild(group)):
        assert twin == group
        assert hash(twin) == hash(group)
    table = group.table
    for line in (*table, *table.T):
        assert sorted(line) == list(range(order))
    for g, h in itertools.islice(itertools.product(range(order), repeat=2), 50):
        assert group.elements[table[g, h]] == group.elements[g] @ group.elements[h]


@pytest.mark.parametrize(
    "group",
    [
        translations(3),
        quarter_turns(2),
        spin_flip(2),
        symmetric_group(3),
        WireGroup([WireAction([1, 0], "HH")]),
    ],
    ids=["Z3", "C4", "Z2", "S3", "H"],
)
def test_the_commutant_is_what_linear_algebra_finds(group: WireGroup) -> None:
    """Independent of characters: the null space of all commutators."""
    size = 2**group.num_wires
    rows = [
        np.kron(m, np.eye(size)) - np.kron(np.eye(size), m.T)
        for m in (g.matrix() for g in group.generators)
    ]
    nullity = size**2 - np.linalg.matrix_rank(np.concatenate(rows), tol=1e-9)
    assert commutant_dimension(group) == nullity


SHIFT = WireAction([1, 2, 0])
IDENTITY = WireAction.identity(3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: WireGroup([]),
            r"generators: expected at least one wire action, got n",
        ),
        (lambda: WireGroup(3), r"generators: expected wire actions, got 3"),
        (lambda: WireGroup(["X"]), r"generators: expected wire actions, got 'X'"),
        (
            lambda: WireGroup([SHIFT, WireAction([0])]),
            r"generators: expected actions on the same wires, got some on 1 and .* 3",
        ),
        (
            lambda: WireGroup.from_elements([SHIFT, SHIFT.inverse]),
            r"elements: the identity is missing; .* add WireAction.identity\(3\)",
        ),
        (
            lambda: WireGroup.from_elements([IDENTITY, SHIFT]),
            r"elements: the inverse of WireAction\(\(1, 2, 0\)\) is missing; add Wire",
        ),
        (
            lambda: WireGroup.from_elements(
                [IDENTITY, WireAction([1, 0, 2]), WireAction([0, 2, 1])]
            ),
            r"elements: not closed, WireAction.* after .* is missing; add WireAction",
        ),
        (
            lambda: WireGroup.from_elements([IDENTITY, IDENTITY]),
            r"elements: 2 actions were given, but only 1 differ; give each once",
        ),
        (
            lambda: WireGroup.from_elements([IDENTITY, SHIFT], table=[[0, 1], [1, 0]]),
            r"elements: not a representation, element 1 after element 1 acts as .* but "
            r"the table says element 0",
        ),
        (
            lambda: WireGroup.from_elements([IDENTITY], table=[[0, 1]]),
            r"table: expected 1 × 1 indices of elements",
        ),
        (
            lambda: translations(2).joined(translations(3)),
            r"generators: expected actions on the same wires",
        ),
        (
            lambda: group_correlation(np.ones(3), np.ones(4), translations(4)),
            r"signal, kernel: expected \(..., 4\) and \(4,\), one number for each",
        ),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()


def test_large_groups_are_not_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qml_qdl.circuits.symmetry.groups.MOST_ELEMENTS", 50)
    assert symmetric_group(4).order == 24
    with pytest.raises(QdlError, match=r"group: it has more than 50 elements; use wh"):
        symmetric_group(5).elements  # noqa: B018


def test_a_table_lets_elements_act_alike() -> None:
    """The sign of a permutation is a representation in which all even ones agree."""
    flip = WireAction([0], "X")
    group = WireGroup.from_elements(
        [WireAction([0]), flip, WireAction([0]), flip],
        table=[[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]],
    )
    assert group.order == 2


def translated(group: WireGroup, u: int, signal: NDArray[Any]) -> NDArray[Any]:
    """(Lᵤf)(g) = f(u⁻¹g)."""
    inverse = int(np.argmax(group.table[u] == 0))
    return np.asarray(signal[group.table[inverse]])


def as_printed(
    signal: NDArray[Any], kernel: NDArray[Any], group: WireGroup
) -> NDArray[Any]:
    """Σ f(h) ψ(gh): the formula that is not equivariant."""
    return np.asarray(kernel[group.table] @ signal)


@pytest.mark.parametrize(
    "group", [translations(5), square_symmetries(2), symmetric_group(3)], ids=str
)
def test_only_the_right_formula_is_equivariant(group: WireGroup) -> None:
    rng = np.random.default_rng(0)
    f, psi = rng.normal(size=(2, group.order))
    elements = range(group.order)

    def error(correlate: Callable[..., NDArray[Any]]) -> float:
        return max(
            float(
                np.abs(
                    correlate(translated(group, u, f), psi, group)
                    - translated(group, u, correlate(f, psi, group))
                ).max()
            )
            for u in elements
        )

    assert error(group_correlation) < 1e-12
    assert error(as_printed) > 0.1
    # What it does instead: a translation on the other side, by the inverse.
    result = as_printed(f, psi, group)
    for u in elements:
        moved = as_printed(translated(group, u, f), psi, group)
        np.testing.assert_allclose(moved, result[group.table[:, u]], atol=1e-12)
