"""Moves and phases of all amplitudes, and the way back through them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import Tensor

from qml_qdl.hardware.simulator.evolution.steps import PermutationStep, PhaseStep
from tests.hardware.simulator.evolution.step_contract import (
    FLOAT,
    by_rows,
    check_step,
    sampled,
)

WIRES = 3
BITS = torch.arange(2**WIRES)[:, None] >> torch.arange(WIRES - 1, -1, -1) & 1
SIGNS = 1.0 - 2 * BITS.to(FLOAT)
"""Z of each wire in each basis state."""

LAYOUTS = {
    "one row": (1, 1, True),
    "few rows": (3, 1, True),
    "many rows": (1, 5, False),
}


@pytest.mark.parametrize("kind", ["moves", "moves and phases", "phases"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_permutations(name: str, kind: str) -> None:
    length, rows, _ = LAYOUTS[name]
    sources = torch.tensor([3, 0, 1, 2, 7, 5, 4, 6])
    factors = torch.polar(torch.ones(8, dtype=FLOAT), torch.arange(8.0, dtype=FLOAT))
    step = PermutationStep(
        (sources, torch.argsort(sources)) if "moves" in kind else None,
        factors[:, None] if "phases" in kind else None,
    )
    assert step.taken == ()
    matrix = torch.eye(8, dtype=torch.complex128)
    matrix = matrix[sources] if "moves" in kind else matrix
    matrix = factors[:, None] * matrix if "phases" in kind else matrix
    check_step(step, matrix, [], sampled(length, 8, rows))


def phase_step(symmetric: bool, wide: bool, **options: Any) -> tuple[PhaseStep, Tensor]:
    """RZ of wire 2; on wire 1 RZ or a phase shift; perhaps ZZ of wires 0 and 2.

    Returns:
        The step, and (slots, 2ⁿ) each amplitude's phases at angle 1.
    """
    sums = [-SIGNS[:, 2] / 2, -SIGNS[:, 1] / 2 if symmetric else BITS[:, 1].to(FLOAT)]
    if wide:
        sums.append(-SIGNS[:, 0] * SIGNS[:, 2] / 2)
    patterns = torch.stack(sums)
    singles = torch.zeros(2 * WIRES, len(sums), dtype=FLOAT)
    singles[4:6, 0] = torch.tensor([-0.5, 0.5])
    singles[2:4, 1] = torch.tensor([-0.5, 0.5] if symmetric else [0.0, 1.0])
    alone = torch.zeros_like(patterns)
    alone[2:] = patterns[2:]
    step = PhaseStep(
        parameter=0,
        symmetric=symmetric,
        singles=singles[1::2].contiguous() if symmetric else singles,
        patterns=alone.T if wide else None,
        **{"sums": patterns, **options},
    )
    return step, patterns


@pytest.mark.parametrize(
    ("wide", "stored"),
    [(True, True), (False, True), (False, False)],
    ids=["and pairs", "single wires", "marginals"],
)
@pytest.mark.parametrize("symmetric", [True, False], ids=["RZ", "phase shift"])
@pytest.mark.parametrize("name", ["common", "few", "many", "few expand", "many expand"])
def test_phases(name: str, symmetric: bool, wide: bool, stored: bool) -> None:
    few_rows, batched = "few" in name, name != "common"
    rows = 3 if few_rows else 5
    step, patterns = phase_step(
        symmetric,
        wide,
        batched=batched,
        expands="expand" in name,
        few_rows=few_rows,
        **({} if stored else {"sums": None}),
    )
    angles = sampled(len(patterns), rows if batched else 1, dtype=FLOAT)
    length, last = (rows, 1) if few_rows else (1, rows)
    if step.expands:
        length = last = 1
    matrices = torch.diag_embed(torch.exp(1j * (angles.T @ patterns)))
    check_step(step, matrices, [angles], sampled(length, 8, last))
    assert step.is_plain == (batched and symmetric and not few_rows and not wide)


MANY = {"batched": True, "expands": False, "few_rows": False}


def test_phases_made_with_others_are_taken_where_they_are() -> None:
    step, patterns = phase_step(True, False, **MANY)
    angles = sampled(2, 5, dtype=FLOAT)
    phases = torch.exp(1j * (angles.T @ patterns)).T[None, None]
    shared = evolve(step, shared=1, place=0)
    assert shared.taken == (0, 1)
    state = sampled(1, 8, 5)
    for made in (phases, phases[:0]):  # empty where they would be large
        check_step(shared, torch.diag_embed(phases[0, 0].T), [angles, made], state)


def test_a_row_of_nan_stays_alone() -> None:
    step, _ = phase_step(True, True, **MANY)
    angles = sampled(3, 5, dtype=FLOAT)
    angles[:, 2] = torch.nan
    result = by_rows(step.forward(sampled(1, 8, 5), [angles]))
    assert np.flatnonzero(result.isnan().any(1).numpy()).tolist() == [2]
