"""How states and spins of a grid of couplings are prepared and seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.circuits.validation import (
    MOST_SEED,
    as_items,
    check_count,
    validate_call,
)
from qml_qdl.manybody import ground_state
from qml_qdl.phases.scan import Scan, as_couplings
from qml_qdl.renormalisation import CRITICAL_COUPLING, IsingClusters, IsingModel

CRITICAL_TEMPERATURE = 1 / CRITICAL_COUPLING
"""Of the square lattice of Ising spins with J = 1: 2.2692 (Onsager 1944)."""

_GAP = 1e-9
"""States whose energies are nearer, in units of the largest, are one level."""

_TURNS = {
    "X": np.array([[1, 1], [1, -1]]) / np.sqrt(2),
    "Y": np.array([[1, -1j], [1, 1j]]) / np.sqrt(2),
}


def _quiet(done: float, text: str) -> None:
    """Says nothing."""


@validate_call
def ising_scan(
    temperatures: Sequence[float],
    size: int = 16,
    chains: int = 40,
    snapshots: int = 10,
    *,
    warm_up: int = 50,
    apart: int = 5,
    seed: int = 0,
    tell: Callable[[float, str], None] = _quiet,
) -> Scan:
    """Spins of a square lattice at some temperatures, by cluster Monte Carlo.

    Chains of Swendsen and Wang are independent of each other, and each is a group.
    Below the critical temperature they begin ordered: from random spins stripes might
    form, which take long to vanish.

    Args:
        temperatures: In units of the coupling, above 0.
        size: Sites of a side, 2 or more.
        chains: Independent chains of each temperature.
        snapshots: Of each chain.
        warm_up: Updates before the first snapshot.
        apart: Updates between two snapshots.
        seed: Seed of all chains.
        tell: Called with the share that is done, and with what is being done.

    Returns:
        A scan with a row for each chain.

    Raises:
        ArgumentError: A number is out of its range.

    Example:
        >>> scan = ising_scan([1.0, 4.0], size=4, chains=3, snapshots=2)
        >>> scan
        Scan('2D Ising, 4×4', T 1 … 4, 2 points, 6 rows of 2 snapshots on 16 sites)
    """
    values = as_items(temperatures) or ()
    for name, number, least in (
        ("size", size, 2),
        ("chains", chains, 1),
        ("snapshots", snapshots, 1),
        ("warm_up", warm_up, 1),
        ("apart", apart, 1),
    ):
        check_count(name, number, least)
    check_count("seed", seed, 0, MOST_SEED)
    if not values or not all(np.isfinite(each) and each > 0 for each in values):
        raise ArgumentError(
            f"temperatures: expected some numbers above 0, got {list(values)}"
        )
    seeds = np.random.SeedSequence(seed).generate_state(len(values))
    rows = []
    for number, (each, own) in enumerate(zip(values, seeds, strict=True)):
        tell(number / len(values), f"spins at T = {each:.3g}")
        sampler = IsingClusters(
            IsingModel((size, size), 1 / each),
            chains,
            steps=apart,
            ordered=bool(each < CRITICAL_TEMPERATURE),
            generator=torch.Generator().manual_seed(int(own)),
        )
        for _ in range(warm_up):
            sampler.update()
        spins = sampler.sample(snapshots).spins.reshape(snapshots, chains, 1, -1)
        rows.append((spins < 0).permute(1, 2, 0, 3).numpy())
    tell(1.0, "")
    return Scan(
        ("T",),
        np.array(values),
        ("Z" * size**2,),
        np.concatenate(rows),
        np.repeat(np.arange(len(values)), chains),
        np.arange(len(values) * chains),
        (size, size),
        title=f"2D Ising, {size}×{size}",
    )


@validate_call
def ground_states(
    hamiltonian: Callable[..., Any],
    couplings: Any,
    *,
    tell: Callable[[float, str], None] = _quiet,
) -> NDArray[np.float64]:
    """Ground states at each point of a grid, by diagonalisation.

    Where the lowest level has several states, which of them comes out is chance, and
    nothing can be learnt from it: such points are refused. A small field that pins one
    of them belongs into the Hamiltonian.

    Args:
        hamiltonian: Makes a Hamiltonian of PennyLane of the couplings of a point, one
            argument for each.
        couplings: (points, couplings).
        tell: Called with the share that is done, and with what is being done.

    Returns:
        Real amplitudes (points, 2ⁿ), the largest of each positive.

    Raises:
        DataError: A level is degenerate, or its state is not real.

    Example:
        >>> from qml_qdl.manybody import Lattice, transverse_ising
        >>> chain = Lattice.chain(4, periodic=False)
        >>> found = ground_states(lambda h: transverse_ising(chain, h=h), [0.5, 2.0])
        >>> found.shape
        (2, 16)
    """
    table = as_couplings(couplings)
    found = []
    for number, point in enumerate(table):
        tell(number / len(table), f"ground state {number + 1} of {len(table)}")
        level = ground_state(hamiltonian(*map(float, point)), k=2)
        low, high = level.energies
        if high - low < _GAP * max(1.0, abs(low)):
            raise DataError(
                f"couplings: at {point.tolist()} the lowest level has several states, "
                f"{high - low:.1e} apart, and any mixture of them may come out; add a "
                "small field that pins one, or leave the point out"
            )
        state = level.vectors[:, 0]
        if np.iscomplexobj(state):
            raise DataError(
                "hamiltonian: expected one of real elements, without a single Y, got "
                "one with complex states"
            )
        found.append(state * np.sign(state[np.abs(state).argmax()]))
    tell(1.0, "")
    return np.stack(found)


@validate_call
def measure_states(
    states: Any, bases: Sequence[str], shots: int, *, seed: int = 0
) -> NDArray[np.uint8]:
    """Snapshots of states in some bases.

    Args:
        states: Amplitudes (states, 2ⁿ); the first wire leads.
        bases: Words of X, Y and Z.
        shots: Of each state in each basis.
        seed: Seed of the shots.

    Returns:
        Bits (states, bases, shots, n).

    Raises:
        DataError: A basis is none.

    Example:
        >>> measure_states([[1, 0, 0, 1]], ["XX"], 4).sum(-1) % 2
        array([[[0, 0, 0, 0]]], dtype=uint64)
    """
    check_count("shots", shots)
    check_count("seed", seed, 0, MOST_SEED)
    table = np.asarray(states)
    sites = max(0, int(table.shape[-1]).bit_length() - 1) if table.ndim == 2 else 0
    if not sites or table.shape[1] != 2**sites:
        raise DataError(f"states: expected (states, 2ⁿ) amplitudes, got {table.shape}")
    generator = np.random.default_rng(seed)
    bits = np.empty((len(table), len(bases), shots, sites), np.uint8)
    for place, basis in enumerate(bases):
        if len(basis) != sites or set(basis) - set("XYZ"):
            raise DataError(
                f"bases: expected words of {sites} letters X, Y and Z, got {basis!r}"
            )
        turned = table.reshape(-1, *(2,) * sites)
        for site, letter in enumerate(basis):
            if letter in _TURNS:
                moved = np.tensordot(_TURNS[letter], turned, (1, site + 1))
                turned = np.moveaxis(moved, 0, site + 1)
        chances = np.abs(turned.reshape(len(table), -1)) ** 2
        for row, own in enumerate(chances / chances.sum(1, keepdims=True)):
            codes = generator.choice(len(own), shots, p=own)
            bits[row, place] = codes[:, None] >> np.arange(sites)[::-1] & 1
    return bits
