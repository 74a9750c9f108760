"""Systems with two phases whose boundary is known, and how they are prepared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from pennylane.operation import Operator
from pennylane.pauli import PauliWord

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.manybody import Lattice, cluster_ising
from qml_qdl.phases.features import bond_order, magnetisation, raw_spins, string_order
from qml_qdl.phases.learners import Learner, OnFeatures, ShadowKernel, Threshold
from qml_qdl.phases.preparation import (
    CRITICAL_TEMPERATURE,
    ground_states,
    ising_scan,
    measure_states,
)
from qml_qdl.phases.scan import Scan

Tell = Callable[[float, str], None]


def _range(given: Any) -> tuple[float, float]:
    items = as_items(given)
    if items is None or len(items) != 2:
        raise ArgumentTypeError(f"range: expected two numbers, got {given!r}")
    return float(items[0]), float(items[1])


@frozen
class System(ABC):
    """A system whose coupling takes it from one phase into another.

    Args:
        size: How large it is.
        points: How many couplings are looked at.
        margin: Couplings as near to the known boundary have no label when a model
            learns, so that it has to find the boundary between.
        snapshots: Of each row.
    """

    name: ClassVar[str]
    coupling: ClassVar[str]
    """What the coupling is called."""

    size: int
    points: int
    margin: float
    snapshots: int
    limits: tuple[float, float]

    def __attrs_post_init__(self) -> None:
        check_count("size", self.size, 3)
        check_count("points", self.points, 4)
        check_number("margin", self.margin, -float("inf"), float("inf"))
        if self.margin < 0:
            raise ArgumentError(f"margin: expected 0 or more, got {self.margin:g}")
        check_count("snapshots", self.snapshots)
        low, high = self.limits
        if not low + self.margin < self.boundary < high - self.margin:
            raise ArgumentError(
                f"limits: expected numbers on both sides of {self.boundary:.4g}, "
                f"further off than the margin {self.margin:g}, got {low:g} and {high:g}"
            )

    @property
    @abstractmethod
    def boundary(self) -> float:
        """Where the phases of the infinite system meet."""

    def ordered(self, scan: Scan) -> NDArray[np.bool_]:
        """Which rows are on the ordered side of the known boundary, (rows,).

        Args:
            scan: The rows.
        """
        return scan.along(self.coupling) < self.boundary

    def labelled(self, scan: Scan) -> Scan:
        """The rows that are further from the boundary than the margin.

        Args:
            scan: The rows.
        """
        return scan.take(abs(scan.along(self.coupling) - self.boundary) >= self.margin)

    def check_circuits(self) -> None:
        """Refuses systems that circuits do not prepare; by default any.

        Raises:
            ArgumentError: It is one.
        """
        raise ArgumentError(
            f"target: spins of {self.name} are not prepared by circuits; leave it out"
        )

    @abstractmethod
    def prepare(self, seed: int, tell: Tell) -> tuple[Scan, Scan]:
        """Prepares what is learnt from, and what is judged.

        Args:
            seed: Seed of everything random.
            tell: Called with the share that is done, and with what is being done.

        Returns:
            A scan to train with, and one to test; no group is in both.
        """

    def plane(self, seed: int, tell: Tell) -> Scan | None:
        """A scan over two couplings, for a phase diagram; None where there is one.

        Args:
            seed: Seed of everything random.
            tell: Called with the share that is done, and with what is being done.
        """
        return None

    @abstractmethod
    def rivals(self) -> list[Learner]:
        """What every network stands beside, untrained; the order parameter first."""


@validate_call
@frozen
class Ising2D(System):
    """Ising spins of a square lattice, ordered below the critical temperature.

    Training and test have chains of their own at the same temperatures.

    Args:
        size: Sites of a side, 3 or more.
        points: Temperatures, evenly apart between the limits.
        margin: Temperatures as near to the critical one have no label in training.
        snapshots: Of each row; chains are cut into such sets.
        limits: The lowest and the highest temperature.
        chains: Independent chains of each temperature.
        length: Snapshots of each chain, at least those of a row.

    Raises:
        ArgumentError: A number is out of its range.

    Example:
        >>> system = Ising2D(4, points=4, chains=5, length=2)
        >>> train, test = system.prepare(0, lambda *_: None)
        >>> len(train), len(test)
        (24, 16)
    """

    name: ClassVar[str] = "ising2d"
    coupling: ClassVar[str] = "T"

    size: int = 16
    points: int = 26
    margin: float = 0.0
    snapshots: int = 1
    limits: tuple[float, float] = field(default=(1.0, 3.5), converter=_range)
    chains: int = 40
    length: int = 10

    def __attrs_post_init__(self) -> None:
        System.__attrs_post_init__(self)
        check_count("chains", self.chains, 2)
        check_count("length", self.length, self.snapshots)
        if self.limits[0] <= 0:
            raise ArgumentError(
                f"limits: expected temperatures above 0, got {self.limits[0]:g}"
            )

    @property
    def boundary(self) -> float:
        """Onsager's critical temperature."""
        return CRITICAL_TEMPERATURE

    def prepare(self, seed: int, tell: Tell) -> tuple[Scan, Scan]:
        """Chains of all temperatures: three of five to train, the others to test."""
        scan = ising_scan(
            np.linspace(*self.limits, self.points).tolist(),
            self.size,
            self.chains,
            self.length,
            seed=seed,
            tell=tell,
        )
        train, test = scan.divide(0.6, seed=seed)
        return train.sets(self.snapshots), test.sets(self.snapshots)

    def rivals(self) -> list[Learner]:
        """Thresholds on `|m|` and energy, models on correlators, and on raw spins."""
        return [
            Threshold(magnetisation, "|m|"),
            Threshold(bond_order, "energy"),
            OnFeatures("linear", name="linear"),
            OnFeatures("neighbour", name="1-NN"),
            OnFeatures("linear", raw_spins, "raw spins"),
        ]


@validate_call
@frozen
class ClusterIsing(System):
    """A chain with a cluster phase, which string order tells, in a field.

    H = −Σ ZXZ − h₁ Σ X − h₂ Σ XX on an open chain (Cong, Choi and Lukin 2019,
    arXiv:1810.03787). On the line h₂ = 0 fermions are free, and the phases meet at
    h₁ = 1. It commutes with the parities of even and of odd sites, and where its ground
    states are degenerate, as that of free edges for small h₁, the one of even parities
    is taken: the parities, which change no eigenstate, are added with a small weight.

    Args:
        size: Sites, 5 … 16.
        points: Test couplings h₁, between those of the training, evenly apart.
        margin: Couplings as near to h₁ = 1 have no label in training.
        snapshots: Of each row, in two bases together, where Z and X alternate.
        limits: The smallest and the largest h₁.
        sets: Rows of each test state, by which errors are known.
        states: States to train with, of which those in the margin are left out.

    Raises:
        ArgumentError: A number is out of its range.

    Example:
        >>> system = ClusterIsing(5, points=4, snapshots=20, states=6)
        >>> train, test = system.prepare(0, lambda *_: None)
        >>> train.bases, len(set(train.along()) & set(test.along()))
        (('ZXZXZ', 'XZXZX'), 0)
    """

    name: ClassVar[str] = "cluster_ising"
    coupling: ClassVar[str] = "h1"

    size: int = 9
    points: int = 24
    margin: float = 0.4
    snapshots: int = 100
    limits: tuple[float, float] = field(default=(0.05, 1.95), converter=_range)
    states: int = 40
    sets: int = 10

    def __attrs_post_init__(self) -> None:
        System.__attrs_post_init__(self)
        check_count("size", self.size, 5, 16)
        check_count("states", self.states, 4)
        check_count("sets", self.sets)
        if self.snapshots % 2:
            raise ArgumentError(
                f"snapshots: expected an even number, for two bases, got "
                f"{self.snapshots}"
            )

    @property
    def boundary(self) -> float:
        """h₁ = 1, where cluster terms and field are dual to each other."""
        return 1.0

    @property
    def bases(self) -> tuple[str, str]:
        """The two bases in which Z and X alternate."""
        long = "ZX" * self.size
        return long[: self.size], long[1 : self.size + 1]

    def check_circuits(self) -> None:
        """Refuses nothing: circuits prepare it."""

    def hamiltonian(self, h1: float, h2: float = 0.0) -> Operator:
        """The Hamiltonian, with parities that make the ground state one.

        Args:
            h1: The field.
            h2: The coupling XX.
        """
        chain = Lattice.chain(self.size, periodic=False)
        parities = [
            PauliWord({site: "X" for site in range(first, self.size, 2)}).operation()
            for first in (0, 1)
        ]
        pinned = cluster_ising(chain, 1.0, h1, h2)
        for parity in parities:
            pinned = pinned - _PINNING * parity
        return pinned

    def scan(
        self,
        couplings: Any,
        sets: int = 1,
        seed: int = 0,
        tell: Tell = lambda *_: None,
    ) -> Scan:
        """Ground states at some couplings, and snapshots of them.

        Args:
            couplings: h₁ of each, (points,); or h₁ and h₂, (points, 2).
            sets: Rows of each.
            seed: Seed of the shots.
            tell: Called with the share that is done, and with what is being done.

        Returns:
            A scan with some rows for each state.
        """
        states = ground_states(self.hamiltonian, couplings, tell=tell)
        shots = sets * self.snapshots // 2
        whole = Scan(
            ("h1", "h2")[: 1 if np.ndim(couplings) == 1 else 2],
            couplings,
            self.bases,
            measure_states(states, self.bases, shots, seed=seed),
            np.arange(len(states)),
            states=states,
            title=f"cluster-Ising, {self.size} sites",
        )
        return whole.sets(self.snapshots)

    def prepare(self, seed: int, tell: Tell) -> tuple[Scan, Scan]:
        """Ground states on the line h₂ = 0; tests lie between states of training."""
        low, high = self.limits
        train = np.linspace(low, high, self.states)
        step = (high - low) / (self.points + 1)
        test = low + step * np.arange(1, self.points + 1)
        near = np.isclose(test[:, None], train, atol=1e-9).any(1)
        test = test + near * step / 3  # none is one of training
        first, second = np.random.SeedSequence(seed).generate_state(2).tolist()
        return (
            self.scan(train, seed=first, tell=tell),
            self.scan(test, self.sets, second, tell),
        )

    def plane(self, seed: int, tell: Tell) -> Scan:
        """Ground states over h₁ and h₂, none of them one of the training's."""
        grid = np.meshgrid(
            np.linspace(*self.limits, _PLANE[0]),
            np.linspace(-_FURTHEST, _FURTHEST, _PLANE[1]),
            indexing="ij",
        )
        return self.scan(np.stack(grid, -1).reshape(-1, 2), seed=seed, tell=tell)

    def rivals(self) -> list[Learner]:
        """A threshold on string order, models on correlators, a kernel of shadows."""
        return [
            Threshold(string_order, "string order"),
            OnFeatures("linear", name="linear"),
            OnFeatures("neighbour", name="1-NN"),
            ShadowKernel(),
        ]


_PINNING = 1e-3
"""The weight of the parities."""

_PLANE = (10, 8)
"""Values of h₁ and of h₂ in a phase diagram: an even number, so that 0 is none."""

_FURTHEST = 0.8
"""The largest |h₂| there."""

SYSTEMS: dict[str, type[System]] = {each.name: each for each in (Ising2D, ClusterIsing)}
"""Systems by name."""


@validate_call
def make_system(name: str, **options: Any) -> System:
    """Makes a system of a name.

    Args:
        name: One of `SYSTEMS`.
        **options: Its arguments; those that are None have their defaults.

    Raises:
        ArgumentError: There is no such system, or it has no such argument.

    Example:
        >>> make_system("ising2d", size=8).boundary.__round__(4)
        2.2692
    """
    check_choice("system", name, tuple(SYSTEMS))
    kind = SYSTEMS[name]
    given = {key: value for key, value in options.items() if value is not None}
    known = {each.name for each in kind.__attrs_attrs__}
    for key in given:
        if key not in known:
            raise ArgumentError(
                f"{key}: {name} has no such option, but {', '.join(sorted(known))}; "
                "leave it out"
            )
    return kind(**given)
