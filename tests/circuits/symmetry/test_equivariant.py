"""Equivariant processings and readouts: they commute, and broken ones do not."""

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
    AngleEncoding,
    Circuit,
    EquivariantProcessing,
    State,
    StronglyEntangling,
    WireGroup,
    invariance_error,
    invariant_operators,
    invariant_readout,
)
from qml_qdl.circuits.errors import QdlError
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

WORDS = ["XIII", "ZZII", "XXII", "YIII"]
GRID = [word + "I" * 5 for word in ("XIII", "ZZII")] + ["ZIIIIIIIZ"]

PROCESSINGS = [
    pytest.param(EquivariantProcessing(4, translations(4), WORDS, 2), id="Z4"),
    pytest.param(EquivariantProcessing(4, reflections(4), WORDS), id="mirror"),
    pytest.param(EquivariantProcessing(4, quarter_turns(2), WORDS), id="C4"),
    pytest.param(EquivariantProcessing(4, square_symmetries(2), WORDS), id="D4"),
    pytest.param(EquivariantProcessing(4, symmetric_group(4), WORDS), id="S4"),
    pytest.param(
        EquivariantProcessing(4, spin_flip(4), ["XIII", "ZZII", "YIZI"]), id="Z2"
    ),
    pytest.param(
        EquivariantProcessing(3, local_flips(3, [[0, 1]]), ["ZZI", "IIZ"]), id="flips"
    ),
    pytest.param(
        EquivariantProcessing(
            ["b", "a"],
            symmetric_group(2),
            [qml.Z("a"), 0.5 * (qml.X("a") @ qml.X("b")), qml.Y("a") + qml.Y("b")],
        ),
        id="labels",
    ),
    # Twirled words that do not commute, all together or in parts that do.
    pytest.param(
        EquivariantProcessing(3, symmetric_group(3), ["XYI", "ZII"]), id="S3-XY"
    ),
    pytest.param(
        EquivariantProcessing(4, translations(4), ["XYII", "ZXYI"], 2), id="Z4-XY"
    ),
    pytest.param(
        EquivariantProcessing(4, reflections(4), ["YXII", qml.X(0) + qml.Z(0)]),
        id="mirror-XY",
    ),
]
every_processing = pytest.mark.parametrize("processing", PROCESSINGS)


def angles(processing: EquivariantProcessing, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 6 * torch.rand(processing.weight_shape, generator=generator).double()


def commutator(matrix: Any, group: WireGroup) -> float:
    return max(
        float(np.abs(matrix @ u - u @ matrix).max())
        for u in (element.matrix() for element in group.elements)
    )


@every_processing
def test_it_commutes_with_every_element(
    processing: EquivariantProcessing, unitary: Callable[..., Any]
) -> None:
    matrix = unitary(
        processing, None, angles(processing).numpy(), wires=processing.wires
    )
    size = len(matrix)
    np.testing.assert_allclose(matrix.conj().T @ matrix, np.eye(size), atol=1e-12)
    assert commutator(matrix, processing.group) < 1e-10


@every_processing
def test_it_is_the_exponential_of_its_generators(
    processing: EquivariantProcessing, unitary: Callable[..., Any]
) -> None:
    weights = angles(processing).numpy()
    expected = np.eye(2 ** len(processing.wires))
    for row in weights:
        for theta, words in zip(row, processing.terms, strict=True):
            hamiltonian = sum(
                factor
                * qml.pauli.PauliWord(dict(zip(wires, letters, strict=True))).to_mat(
                    processing.wires
                )
                for letters, wires, factor in words
            )
            values, vectors = np.linalg.eigh(hamiltonian)
            gate = (vectors * np.exp(-1j * theta * values)) @ vectors.conj().T
            expected = gate @ expected
    found = unitary(processing, None, weights, wires=processing.wires)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_broken_processing_is_seen(unitary: Callable[..., Any]) -> None:
    group = translations(4)
    for broken in (
        StronglyEntangling(4),
        EquivariantProcessing(4, reflections(4), WORDS),  # of another group
    ):
        matrix = unitary(broken, None, np.full(broken.weight_shape, 0.7))
        assert commutator(matrix, group) > 0.1


@every_processing
@pytest.mark.parametrize(
    ("device", "dtype"),
    [("default.qubit", torch.float64), ("qdl.simulator", torch.float32)],
    ids=str,
)
def test_results_are_invariant(
    processing: EquivariantProcessing,
    dtype: torch.dtype,
    device: str,
    execute: Callable[..., torch.Tensor],
) -> None:
    group, wires = processing.group, processing.wires
    (operator,) = [o for o in invariant_operators(group, 2) if len(o)][:1]
    names = dict(enumerate(wires))
    readout = invariant_readout(group, operator.map_wires(names), wires)
    circuit = (processing @ AngleEncoding(wires)).with_readout(readout)
    x = torch.rand(3, len(wires), dtype=dtype)
    weights = angles(processing).to(dtype)
    flips = {"X": lambda y: torch.pi - y, "I": lambda y: y}
    result = execute(circuit, x, weights, device=device)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    for element in group.elements:
        turned = x[:, list(np.argsort(element.permutation))]
        if element.local is not None:  # X on a wire: RY(y) becomes RY(π − y)
            letters = ["X" if abs(m[0][0]) < 0.5 else "I" for m in element.local]
            columns = [flips[k](turned[:, i]) for i, k in enumerate(letters)]
            turned = torch.stack(columns, dim=1)
        found = execute(circuit, turned, weights, device=device)
        assert (found - result).abs().max() < tolerance


def test_p4m_on_an_image() -> None:
    """The encoding of nine pixels turns with the image, and so does the whole."""
    for group in (p4(3), p4m(3), square_symmetries(3)):
        processing = EquivariantProcessing(9, group, GRID)
        circuit = processing @ AngleEncoding(9)
        readout = invariant_readout(group, ["Z" + "I" * 8])
        error = invariance_error(
            circuit.with_readout(readout),
            group,
            weights=np.full(processing.weight_shape, 0.4),
            samples=2,
        )
        assert error < 1e-12


def test_one_angle_for_each_orbit() -> None:
    processing = EquivariantProcessing(9, p4m(3), GRID)
    assert processing.weight_shape == (1, 3)
    assert [len(words) for words in processing.terms] == [9, 18, 18]
    assert {f for words in processing.terms for _, _, f in words} == {1.0}


@every_processing
def test_it_is_a_value(
    processing: EquivariantProcessing, rebuild: Callable[[object], Any]
) -> None:
    for twin in (
        pickle.loads(pickle.dumps(processing)),
        copy.deepcopy(processing),
        rebuild(processing),
    ):
        assert twin == processing
        assert hash(twin) == hash(processing)
        assert twin.terms == processing.terms


@every_processing
def test_it_moves_to_other_wires(
    processing: EquivariantProcessing, unitary: Callable[..., Any]
) -> None:
    labels: list[Hashable] = [f"w{i}" for i in range(len(processing.wires))]
    moved = processing.on(labels)
    assert moved.on(processing.wires).terms == processing.terms
    weights = angles(processing).numpy()
    np.testing.assert_allclose(
        unitary(moved, None, weights, wires=labels),
        unitary(processing, None, weights, wires=processing.wires),
        atol=1e-12,
    )


@pytest.mark.parametrize(
    "processing", [PROCESSINGS[5], PROCESSINGS[7], PROCESSINGS[-1]]
)
def test_gradients_match_finite_differences(
    processing: EquivariantProcessing, execute: Callable[..., torch.Tensor]
) -> None:
    mixing = StronglyEntangling(processing.wires)
    circuit = mixing @ processing @ AngleEncoding(processing.wires)
    fixed = torch.linspace(0, 3, 3 * len(processing.wires)).double()
    x = torch.linspace(0.2, 0.9, len(processing.wires)).double()
    theta = angles(processing).requires_grad_()

    def loss(weights: torch.Tensor) -> torch.Tensor:
        named = {"weights_0": weights, "weights_1": fixed.reshape(mixing.weight_shape)}
        return execute(circuit, x, named, device="qdl.simulator").sum()

    torch.autograd.gradcheck(loss, theta, eps=1e-6, atol=1e-6)


def test_it_draws_and_reads_out() -> None:
    processing = EquivariantProcessing(3, translations(3), ["ZZI", "XII"])
    assert str(Circuit([processing])).count("RZZ") == 6
    states = processing.with_readout(State())
    assert states.output_shape == (8,)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: EquivariantProcessing(3, translations(4), ["ZZII"]),
            r"group: expected an action on 3 wires, got one on 4; make the group for",
        ),
        (
            lambda: EquivariantProcessing(2, "S2", ["ZZ"]),  # type: ignore[arg-type]
            r"group: expected a WireGroup, got 'S2'",
        ),
        (
            lambda: EquivariantProcessing(2, spin_flip(2), ["ZI"]),
            r"generators: nothing is left of 'ZI' when it is twirled: no part of it",
        ),
        (
            lambda: EquivariantProcessing(7, symmetric_group(7), ["XY" + 5 * "I"]),
            r"generators: words that do not commute act on 7 wires together",
        ),
        (
            lambda: EquivariantProcessing(2, spin_flip(2), []),
            r"generators: expected at least one operator, got none",
        ),
        (
            lambda: EquivariantProcessing(2, spin_flip(2), ["ZZ"], layers=0),
            r"layers: expected at least 1, got 0",
        ),
        (
            lambda: EquivariantProcessing(2, spin_flip(2), ["AB"]),
            r"operator: expected a Pauli word such as 'ZZI' or a PennyLane operator",
        ),
        (
            lambda: invariant_readout(spin_flip(2), ["ZI"]),
            r"observables: nothing is left of 'ZI' when it is twirled; choose another",
        ),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
