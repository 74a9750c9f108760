"""Quenches: a ground state is found, then the Hamiltonian changes at once.

A run has a folder of its own, as a training has: `quench.json` with what was asked,
checkpoints from which it goes on bit for bit, and at the end `trajectory.npz`,
`trajectory.csv`, a report and a picture.
"""

from __future__ import annotations

import contextlib
import csv
import io
import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import pennylane as qml
import torch
from attrs import evolve, field, frozen
from numpy.typing import NDArray
from rich.table import Table

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.circuits.validation import (
    check_choice,
    check_count,
    check_number,
    checked,
    did_you_mean,
    validate_call,
)
from qml_qdl.hardware.files import made_in_memory, write_atomically
from qml_qdl.manybody import (
    TDVP,
    Blurred,
    Estimate,
    Evolution,
    ExactDynamics,
    FullSummation,
    Moment,
    NeuralState,
    Problem,
    Sampler,
    Sector,
    SpinOperator,
    StochasticReconfiguration,
    Trajectory,
    VariationalMonteCarlo,
    free_fermion_quench,
    neural_state,
)
from qml_qdl.manybody.dynamics.exact import MOST_EXACT
from qml_qdl.manybody.dynamics.runge_kutta import METHODS
from qml_qdl.manybody.problems import HAMILTONIANS, MOST_SUMMED, SamplerName
from qml_qdl.manybody.states.state import as_complex, seeded
from qml_qdl.training.building import doubled
from qml_qdl.training.checkpoints import (
    LAST,
    PREVIOUS,
    LostCheckpointError,
    load_best,
    read_checkpoint,
)
from qml_qdl.training.json_files import read_json, write_json
from qml_qdl.training.plots import plot_quench, save_figure
from qml_qdl.training.recipes.ground_state import WARM_UP
from qml_qdl.training.recipes.recipe import count_parameters
from qml_qdl.training.run import Run, new_folder

logger = logging.getLogger(__name__)

QUENCH = "quench.json"
_FORMAT = 1
_PAUSE = 5.0
"""Seconds between two checkpoints, at least."""

_FEW = 2**14
"""Configurations that are summed unless samples are asked for."""

_LISTED = 2**16
"""Configurations that are summed to find the ground state."""


@validate_call
@frozen
class QuenchOptions:
    """What a quench is made of.

    Args:
        time: How long the new Hamiltonian acts.
        after: Its couplings that are others than before, by name.
        hamiltonian: One of `qml_qdl.manybody`'s by name; None for that of the run.
        problem: Arguments of `Problem.named` for what was before: the lattice, its
            couplings, the sector.
        run: The folder of a run whose trained state is where it begins; None to find
            the ground state here.
        state: Arguments of `neural_state`.
        descent_steps: Steps of stochastic reconfiguration to the ground state.
        method: One of "euler", "heun", "rk4" and "dormand_prince".
        step_size: The step, or the first one where steps adapt.
        tolerance: By how many radians a step may differ from the one of lower order.
            None for equal steps, but of "dormand_prince" for 1e-5, or 1e-3 of samples.
        cutoff: Eigenvalues of the metric, relative to the largest, below which
            directions fade.
        snr: Signal-to-noise ratio below which directions fade.
        blur: The rate at which samples are moved off the chains, so that none is
            missed near nodes; 0 for none.
        sampler: "full" sums all configurations, or their orbits under the symmetries of
            the state; "metropolis" and "autoregressive" sample; "auto" sums up to
            16,384.
        samples: Configurations of each velocity.
        chains: Independent chains; None for an eighth of the samples.
        seed: Of the network's first parameters and of the chains.

    Raises:
        ArgumentError: A number or a choice cannot be used.
    """

    time: float = field(validator=checked(check_number, 0.0, math.inf))
    after: Mapping[str, Any] = field(converter=dict)
    hamiltonian: str | None = None
    problem: Mapping[str, Any] = field(factory=dict, converter=dict)
    run: str | None = None
    state: Mapping[str, Any] = field(factory=dict, converter=dict)
    descent_steps: int = field(default=400, validator=checked(check_count))
    method: str = field(
        default="dormand_prince", validator=checked(check_choice, tuple(METHODS))
    )
    step_size: float = field(default=0.01, validator=checked(check_number, 0, math.inf))
    tolerance: float | None = None
    cutoff: float = field(default=1e-8, validator=checked(check_number, 0.0, 1.0))
    snr: float = 2.0
    blur: float = 0.0
    sampler: SamplerName = "auto"
    samples: int = field(default=8000, validator=checked(check_count))
    chains: int | None = None
    seed: int = field(default=0, validator=checked(check_count, 0))

    def __attrs_post_init__(self) -> None:
        if (self.run is None) == (self.hamiltonian is None):
            raise ArgumentError(
                "hamiltonian: expected either a name or the run whose state begins, "
                f"got hamiltonian={self.hamiltonian!r} and run={self.run!r}"
            )
        if self.run is not None and (self.problem or self.state):
            given = next(iter({**self.problem, **self.state}))
            raise ArgumentError(
                f"{given}: a run has its own Hamiltonian and state; leave it out"
            )
        if self.tolerance is not None:
            check_number("tolerance", self.tolerance, high=math.inf)
        for name, most in (("snr", math.inf), ("blur", 1.0)):
            if getattr(self, name):
                check_number(name, getattr(self, name), high=most)
        if self.chains is not None:
            check_count("chains", self.chains, most=self.samples)

    def as_plain(self) -> dict[str, Any]:
        """All of it as numbers, words, lists and dictionaries."""
        return attrs.asdict(self)


@frozen(slots=False)
class _Quench:
    """The options made concrete: what was, what is, and the state between.

    Args:
        options: What was asked.
        before: The problem until time 0.
        after: H from then on, in the basis of the state.
        start: The state as it was built, or trained.
        trained: Whether it was.
    """

    options: QuenchOptions
    before: Problem
    after: SpinOperator
    start: NeuralState
    trained: bool

    @classmethod
    def of(cls, options: QuenchOptions, runs_dir: str | Path) -> _Quench:
        if options.run is None:
            assert options.hamiltonian is not None
            before, after = _problems(
                options.hamiltonian, options.problem, options.after
            )
            generator = torch.Generator().manual_seed(options.seed)
            with seeded(generator):
                start = doubled(neural_state(before, **options.state))
            trained = False
        else:
            run = Run.open(options.run, runs_dir=runs_dir)
            start, before, name, arguments = _of_run(run)
            _, after = _problems(name, arguments, options.after, before)
            trained = True
        assert isinstance(start, NeuralState)
        operator = after.operator
        if before.marshall:
            operator = operator.rotated(before.sublattice)
        operator.check_sector(before.sector)
        return cls(options, before, operator, start, trained)

    @cached_property
    def state(self) -> NeuralState:
        """The state with complex amplitudes, which evolves."""
        return as_complex(self.start)

    @cached_property
    def sums(self) -> Sector:
        """The configurations that are summed: orbits, where the state is symmetric."""
        configurations = self.before.configurations
        rows, characters = self.before.symmetry("all")
        if (characters != 1).any() or len(rows) == 1:
            return configurations
        for kind in ("all", "translations"):
            rows, _ = self.before.symmetry(kind)
            if _is_symmetric(self.start, rows):
                return Sector(
                    configurations.num_sites,
                    configurations.magnetisation,
                    permutations=rows,
                )
        return configurations

    def sampler(self, kind: SamplerName, most: int, seed: int) -> Sampler:
        """What configurations come from, those of "auto" being summed up to some."""
        few = self.sums.expected_states <= most
        if kind == "full" or (kind == "auto" and few):
            if self.sums.expected_states > MOST_SUMMED:
                raise ArgumentError(
                    f"sampler: 'full' sums at most {MOST_SUMMED:,} configurations or "
                    f"orbits, got about {self.sums.expected_states:,}; use "
                    "'metropolis', or fewer sites"
                )
            return FullSummation(self.sums)
        samples = self.options.samples
        chains = self.options.chains or max(1, samples // 8)
        generator = torch.Generator().manual_seed(seed)
        return self.before.sampler(
            *(self.start, kind), samples=samples, chains=chains, generator=generator
        )

    def descent(self) -> VariationalMonteCarlo:
        """How the ground state is found."""
        options = self.options
        sampler = self.sampler(options.sampler, _LISTED, options.seed)
        if options.sampler == "metropolis" and self.sums.expected_states <= _LISTED:
            sampler = self.sampler("full", _LISTED, options.seed)
        settings: dict[str, Any] = {"steps": options.descent_steps}
        if isinstance(sampler, FullSummation):  # there is no noise to be feared
            settings |= {"final_rate": 0.1, "final_shift": 1e-7}
        elif hasattr(sampler, "moves"):
            sampler.sample(self.start, WARM_UP)
        return VariationalMonteCarlo(
            self.before.turned,
            self.start,
            sampler,
            StochasticReconfiguration(self.start, **settings),
        )

    def evolution(self) -> Evolution:
        """How the state goes through time, from where it is now."""
        options = self.options
        sampler = self.sampler(options.sampler, _FEW, options.seed + 1)
        summed = isinstance(sampler, FullSummation)
        if not summed and hasattr(sampler, "moves"):
            sampler.sample(self.state, WARM_UP)
        if options.blur and not summed:
            generator = torch.Generator().manual_seed(options.seed + 2)
            sampler = Blurred(sampler, options.blur, generator=generator)
        tolerance = options.tolerance
        if tolerance is None and options.method == "dormand_prince":
            tolerance = 1e-5 if summed else 1e-3
        tdvp = TDVP(
            *(self.after, self.state, sampler), cutoff=options.cutoff, snr=options.snr
        )
        return Evolution(
            tdvp,
            method=options.method,
            step_size=min(options.step_size, options.time),
            tolerance=tolerance,
            observables=self.observables,
            reference=self.reference(),
        )

    @cached_property
    def observables(self) -> dict[str, SpinOperator]:
        """What is measured, in the basis of the state, each a mean over the lattice.

        The magnetisation along x and z, or where the latter is kept (XX + YY)/2 of
        neighbours; and ZZ of neighbours, on a chain at every distance.
        """
        problem, sites = self.before, self.before.num_sites
        lattice = problem.lattice
        pairs = {"zz": list(problem.pairs if lattice is None else lattice.edges)}
        if lattice is not None and lattice.shape == "chain":
            pairs = _by_distance(sites, lattice.periodic[0])
        found = {}
        nearest = next(iter(pairs.values()), [])
        if problem.configurations.magnetisation is None:
            found["x"] = _mean(qml.X(k) for k in range(sites))
            found["z"] = _mean(qml.Z(k) for k in range(sites))
        elif nearest:
            found["xy"] = _mean(
                0.5 * (p(i) @ p(j)) for i, j in nearest for p in (qml.X, qml.Y)
            )
            found["xy"] = 2 * found["xy"]
        for name, each in pairs.items():
            if each:
                found[name] = _mean(qml.Z(i) @ qml.Z(j) for i, j in each)
        operators = {k: SpinOperator.of(v, sites) for k, v in found.items()}
        if problem.marshall:
            rows = problem.sublattice
            operators = {k: v.rotated(rows) for k, v in operators.items()}
        return operators

    def reference(self) -> ExactDynamics | None:
        """The exact evolution of the exact ground state; None of too many sites."""
        problem = self.before
        if problem.num_sites > MOST_EXACT or problem.level is None:
            return None
        spins = problem.configurations.spins()
        start = problem.level.amplitudes(spins) * problem.signs(spins)
        return ExactDynamics(self.after, start, problem.configurations)

    def exact(self, times: NDArray[np.float64]) -> tuple[str, dict[str, Any]]:
        """By what exact expectations are known, and these by name, (T,) each."""
        reference = self.reference()
        if reference is not None:
            found: dict[str, list[float]] = {name: [] for name in self.observables}
            for moment in times:
                reference.advance(float(moment))
                for name, operator in self.observables.items():
                    found[name].append(reference.expectation(operator))
            return "exact diagonalisation", {k: np.array(v) for k, v in found.items()}
        ring = self._ring(times)
        return ("free fermions", ring) if ring else ("", {})

    def _ring(self, times: NDArray[np.float64]) -> dict[str, Any]:
        """What free fermions know, where they solve the problem."""
        before, lattice = self.before, self.before.lattice
        changed = {**(before.couplings or {}), **self.options.after}
        field_before = (before.couplings or {}).get("h", 1.0)
        coupling = (before.couplings or {}).get("coupling", 1.0)
        if (
            before.name != "transverse_ising"
            or lattice is None
            or lattice.shape != "chain"
            or not lattice.periodic[0]
            or before.num_sites < 3
            or not before.is_lowest
            or changed.get("longitudinal")
            or (before.couplings or {}).get("longitudinal")
            or changed.get("coupling", 1.0) != coupling
            or not (field_before > 0 and coupling > 0)
        ):
            return {}
        found = free_fermion_quench(
            *(before.num_sites, times.tolist()),
            before=float(field_before),
            after=float(changed.get("h", 1.0)),
            coupling=float(coupling),
        )
        return {"x": found.x, "zz_1": found.zz}


def _mean(terms: Any) -> Any:
    terms = list(terms)
    return 1 / len(terms) * qml.sum(*terms)


def _by_distance(sites: int, periodic: bool) -> dict[str, list[tuple[int, int]]]:
    """Pairs of sites of a chain by their distance, each pair once."""
    most = sites // 2 if periodic else sites - 1
    found = {}
    for distance in range(1, most + 1):
        ends = range(sites if periodic else sites - distance)
        pairs = {frozenset((k, (k + distance) % sites)) for k in ends}
        found[f"zz_{distance}"] = [(min(p), max(p)) for p in pairs if len(p) == 2]
    return found


def _problems(
    name: str,
    arguments: Mapping[str, Any],
    changes: Mapping[str, Any],
    given: Problem | None = None,
) -> tuple[Problem, Problem]:
    """The problems before and after, in a sector that both keep."""
    before = given or Problem.named(name, **arguments)
    known = before.couplings or {}
    for key in changes:
        if key in ("lattice", "size", "periodic", "edges", "magnetisation"):
            raise ArgumentError(
                f"after: a quench changes couplings alone, got {key}; leave it out"
            )
    if not changes:
        raise ArgumentError(
            f"after: expected couplings of {name} that change, got none; name one, "
            f"such as {next(iter(known), 'coupling')}=0.5"
        )
    after = Problem.named(name, **{**arguments, **changes})
    if given is None and before.sector.magnetisation != after.sector.magnetisation:
        if arguments.get("magnetisation") is None:  # of which one keeps it alone
            arguments = {**arguments, "magnetisation": "all"}
            before = Problem.named(name, **arguments)
            after = Problem.named(name, **{**arguments, **changes})
    return before, after


def _of_run(run: Run) -> tuple[NeuralState, Problem, str, Mapping[str, Any]]:
    """A run's best state, its problem, and how that is named."""
    task = run.task()
    source = run.options.data.source
    if not isinstance(task.split, Problem) or source.class_path not in HAMILTONIANS:
        raise ArgumentError(
            f"run: expected one that found the ground state of a Hamiltonian with a "
            f"name, got {run.folder.name} of {source.class_path}; name one of "
            f"{', '.join(HAMILTONIANS)}, or use Evolution"
        )
    kind, seed, _ = run.finished(None, None)
    model = task.build(kind, seed)
    load_best(model, run.fit_folder(kind, seed))
    state: Any = doubled(model)
    return state, task.split, source.class_path, source.init_args


@torch.no_grad()
def _is_symmetric(state: NeuralState, rows: NDArray[np.int64]) -> bool:
    """Whether amplitudes stay under permutations, of a few configurations."""
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(2, (8, state.num_sites), generator=generator)
    spins = 1 - 2 * bits.to(state.dtype)
    images = spins[:, torch.from_numpy(rows)]
    moved = state(images.flatten(0, 1)).reshape(len(spins), -1)
    change = (moved - state(spins)[:, None]).exp() - 1
    return bool(change.abs().max() < 1e-6)


# ---- Runs. ----


@frozen
class QuenchRun:
    """The folder of a quench with its options.

    Made by `begin_quench` and found again by `QuenchRun.open`.

    Args:
        folder: Where everything is.
        options: What was asked.
        runs_dir: The folder of all runs.
    """

    folder: Path
    options: QuenchOptions
    runs_dir: Path

    @classmethod
    @validate_call
    def open(cls, run: str | Path, *, runs_dir: str | Path = "runs") -> QuenchRun:
        """Finds a quench by its path, or by its name in the folder of all runs.

        Args:
            run: Path or name.
            runs_dir: The folder of all runs.

        Raises:
            RunError: There is none, or its `quench.json` is missing or damaged.
        """
        folder = find_folder(run, runs_dir)
        path = folder / QUENCH
        content = read_json(path, "restore it from a copy, or begin another quench")
        if content.get("format") != _FORMAT:
            raise RunError(
                f"{path}: expected format {_FORMAT}, got {content.get('format')!r}; "
                "use the version of qml-qdl that wrote it"
            )
        return cls(folder, QuenchOptions(**content["options"]), Path(runs_dir))


@validate_call
def begin_quench(
    options: QuenchOptions, *, runs_dir: str | Path = "runs", name: str | None = None
) -> QuenchRun:
    """Checks that everything fits together, and makes the folder of a new quench.

    Args:
        options: What is asked.
        runs_dir: The folder of all runs.
        name: The folder's name; None makes one of data and time.

    Returns:
        The run, for `carry_on_quench`.

    Raises:
        ArgumentError: Hamiltonian, state, sampler or numbers do not fit each other.
        MemoryBoundError: What is summed does not fit into memory.
        RunError: There is a run of this name.
    """
    quench = _Quench.of(options, runs_dir)
    quench.evolution()  # or what is wrong would show when the ground state is found
    folder, _ = new_folder(runs_dir, name, f"quench-{quench.before.name}")
    content = {
        "format": _FORMAT,
        "options": options.as_plain(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": {each: version(each) for each in ("qml-qdl", "pennylane", "torch")},
    }
    write_json(folder / QUENCH, content, sealed=True, replace=False)
    return QuenchRun(folder, options, Path(runs_dir))


@validate_call
def carry_on_quench(run: QuenchRun, *, progress: bool = False) -> QuenchReport:
    """Does what a quench still lacks: the exact continuation after an interruption.

    Args:
        run: The run.
        progress: Whether a progress bar is shown; lines on stderr in a pipe or a file.

    Returns:
        The report, which also stands in the run's folder.

    Raises:
        RunError: A step cannot be right, or a file of the run is damaged. The last good
            checkpoint stays in the folder.
    """
    quench = _Quench.of(run.options, run.runs_dir)
    found = newest_checkpoint(run.folder, ("stage", "seconds", "initial"))
    content = {} if found is None else found[1]
    keeper = _Keeper(run.folder, content.get("seconds", 0.0))
    initial = content.get("initial")
    if initial is None and not quench.trained:
        descent = quench.descent()
        if content:
            descent.load_state_dict(content["descent"])
        _descend(quench, descent, keeper, progress)
    if initial is None:
        sampler = quench.sampler(run.options.sampler, _LISTED, run.options.seed)
        initial = _initial(quench, sampler)
        content = {}
    evolution = quench.evolution()
    if content:
        evolution.load_state_dict(content["evolution"])

    def kept() -> dict[str, Any]:
        return {"stage": "evolution", "initial": initial, "evolution": evolution}

    with _telling(progress, "time", run.options.time) as tell:

        def seen(moment: Moment) -> None:
            keeper.keep(kept)
            energy = moment.estimate
            tell(moment.time, f"E {energy.energy:.8g} ± {energy.error:.1g}")

        try:
            trajectory = evolution.run(run.options.time, seen)
        finally:
            if evolution.is_whole:
                keeper.keep(kept, at_once=True)
    report = QuenchReport.of(quench, trajectory, Estimate(**initial), keeper.seconds)
    report.write(run.folder)
    return report
