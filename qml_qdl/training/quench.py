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
from attrs import field, frozen
from numpy.typing import NDArray
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.circuits.validation import (
    check_choice,
    check_count,
    check_number,
    checked,
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
    expectation,
    free_fermion_quench,
    neural_state,
)
from qml_qdl.manybody.dynamics.exact import MOST_EXACT
from qml_qdl.manybody.dynamics.runge_kutta import METHODS
from qml_qdl.manybody.dynamics.tdvp import Noise
from qml_qdl.manybody.problems import HAMILTONIANS, MOST_SUMMED, SamplerName
from qml_qdl.manybody.states.state import as_complex, as_vector, doubled, seeded
from qml_qdl.training.checkpoints import (
    AtomicCheckpointIO,
    load_best,
    newest_checkpoint,
)
from qml_qdl.training.folders import LAST, find_folder, new_folder
from qml_qdl.training.json_files import read_json, write_json
from qml_qdl.training.plots import plot_quench, save_figure
from qml_qdl.training.recipes.ground_state import WARM_UP
from qml_qdl.training.run import Run
from qml_qdl.training.trainer import shows_bars

logger = logging.getLogger(__name__)

Measure = Literal["auto", "samples", "full"]

QUENCH = "quench.json"
_FORMAT = 1
_PAUSE = 5.0
"""Seconds between two checkpoints, at least."""

_FEW = 2**14
"""Configurations that are summed unless samples are asked for."""

_LINES = 2.0
"""Seconds between two lines that tell how far it is."""

_JUDGED = 100_000
"""Samples by which the energy at the beginning is told, where it is not summed."""

_LISTED = 2**16
"""Configurations that are summed to find the ground state."""


def _as_dict(given: Mapping[str, Any]) -> dict[str, Any]:
    return dict(given)


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
        snr: Signal-to-noise ratio below which directions fade; 0 for none.
        noise: "fit" or "force", see `TDVP`.
        blur: The rate at which samples are moved off the chains, so that none is
            missed near nodes; 0 for none.
        sampler: "full" sums all configurations, or their orbits under the symmetries of
            the state; "metropolis" and "autoregressive" sample; "auto" sums up to
            16,384.
        samples: Configurations of each velocity.
        chains: Independent chains; None for an eighth of the samples.
        measure: With which configurations energy and observables are measured where a
            velocity is sampled: "samples", the same ones; "full", by summation; "auto"
            sums up to 65,536 configurations or orbits.
        seed: Of the network's first parameters and of the chains.

    Raises:
        ArgumentError: A number or a choice cannot be used.
    """

    time: float = field(validator=checked(check_number, 0.0, math.inf))
    after: Mapping[str, Any] = field(converter=_as_dict)
    hamiltonian: str | None = None
    problem: Mapping[str, Any] = field(factory=dict, converter=_as_dict)
    run: str | None = None
    state: Mapping[str, Any] = field(factory=dict, converter=_as_dict)
    descent_steps: int = field(default=400, validator=checked(check_count))
    method: str = field(
        default="dormand_prince", validator=checked(check_choice, tuple(METHODS))
    )
    step_size: float = field(default=0.01, validator=checked(check_number, 0, math.inf))
    tolerance: float | None = None
    cutoff: float = field(default=1e-8, validator=checked(check_number, 0.0, 1.0))
    snr: float = 2.0
    noise: Noise = field(
        default="fit", validator=checked(check_choice, ("fit", "force"))
    )
    blur: float = 0.0
    sampler: SamplerName = "auto"
    samples: int = field(default=8000, validator=checked(check_count))
    chains: int | None = None
    measure: Measure = field(
        default="auto", validator=checked(check_choice, ("auto", "samples", "full"))
    )
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

    def _sampler(self, kind: SamplerName, most: int, seed: int) -> Sampler:
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

    def ground_sampler(self) -> Sampler:
        """What the ground state is found with: the sum, where that is not too long."""
        kind = self.options.sampler
        if self.sums.expected_states <= _LISTED:
            kind = "full"
        return self._sampler(kind, _LISTED, self.options.seed)

    def descent(self) -> VariationalMonteCarlo:
        """How the ground state is found."""
        options = self.options
        sampler = self.ground_sampler()
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

    def evolution(self, warm: bool) -> Evolution:
        """How the state goes through time, from where it is now.

        Args:
            warm: Whether chains first come to where the state is.
        """
        options = self.options
        sampler = self._sampler(options.sampler, _FEW, options.seed + 1)
        summed = isinstance(sampler, FullSummation)
        if warm and hasattr(sampler, "moves"):
            sampler.sample(self.state, WARM_UP)
        if options.blur and not summed:
            generator = torch.Generator().manual_seed(options.seed + 2)
            sampler = Blurred(sampler, options.blur, generator=generator)
        tolerance = options.tolerance
        if tolerance is None and options.method == "dormand_prince":
            tolerance = 1e-5 if summed else 1e-3
        tdvp = TDVP(
            *(self.after, self.state, sampler),
            cutoff=options.cutoff,
            snr=options.snr,
            noise=options.noise,
        )
        return Evolution(
            tdvp,
            method=options.method,
            step_size=min(options.step_size, options.time),
            tolerance=tolerance,
            observables=self.observables,
            reference=self.reference(),
            observer=None if summed else self._observer(),
        )

    def _observer(self) -> Sampler | None:
        """The sum with which a sampled state is measured; None for its samples."""
        few = self.sums.expected_states <= _LISTED
        if self.options.measure == "full" or (self.options.measure == "auto" and few):
            return self._sampler("full", 0, 0)
        return None

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
    alike = before.sector.magnetisation == after.sector.magnetisation
    if given is None and not alike and arguments.get("magnetisation") is None:
        arguments = {
            **arguments,
            "magnetisation": "all",
        }  # one of them does not keep it
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
    quench.evolution(
        warm=False
    )  # or what is wrong would show when the ground state is found
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
    found = newest_checkpoint(run.folder, ("stage", "initial", "seconds"))
    content = {} if found is None else found[1]
    keeper = _Keeper(run.folder, content.get("seconds", 0.0))
    initial = content.get("initial")
    if initial is None:
        initial = attrs.asdict(_prepare(quench, content, keeper, progress))
        content = {}
    evolution = quench.evolution(warm=not content)
    if content:
        evolution.load_state_dict(content["evolution"])

    def kept() -> dict[str, Any]:
        own = {"stage": "evolution", "initial": initial}
        return {**own, "state_dict": {}, "evolution": evolution.state_dict()}

    def seen(moment: Moment) -> None:
        keeper.keep(kept)
        estimate = moment.estimate
        tell(moment.time, f"E = {estimate.energy:.8g} ± {estimate.error:.1g}")

    with _telling(progress, "time", run.options.time) as tell:
        try:
            trajectory = evolution.run(run.options.time, seen)
        finally:
            keeper.keep(kept, at_once=True)
    report = QuenchReport.of(quench, trajectory, Estimate(**initial), keeper.seconds)
    report.write(run.folder)
    return report


def _prepare(
    quench: _Quench, content: Mapping[str, Any], keeper: _Keeper, progress: bool
) -> Estimate:
    """Finds the ground state, unless a trained one was given, and its energy."""
    options = quench.options
    if not quench.trained:
        descent = quench.descent()
        if content:
            descent.load_state_dict(content["descent"])

        def kept() -> dict[str, Any]:
            own = {"stage": "ground state", "initial": None}
            return {**own, "state_dict": {}, "descent": descent.state_dict()}

        with _telling(progress, "ground state, step", options.descent_steps) as tell:
            while descent.steps_done < options.descent_steps:
                step = descent.step()
                if step.event:
                    logger.info("step %s: %s", step.number + 1, step.event)
                keeper.keep(kept)
                estimate = step.estimate
                tell(
                    descent.steps_done,
                    f"E = {estimate.energy:.8g} ± {estimate.error:.1g}",
                )
    sampler = quench.ground_sampler()
    if hasattr(sampler, "moves"):
        sampler.sample(quench.start, WARM_UP)
    sweeps = math.ceil(_JUDGED * getattr(sampler, "sweeps", 1) / options.samples)
    return expectation(quench.before.turned, quench.start, sampler, sweeps=sweeps)


class _Keeper:
    """Writes checkpoints now and then, with the seconds that were worked.

    Args:
        folder: Where to.
        seconds: Those that were worked before.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder = folder
        self._before = seconds
        self._begun = self._last = time.monotonic()

    @property
    def seconds(self) -> float:
        """Those that were worked."""
        return self._before + time.monotonic() - self._begun

    def keep(
        self, content: Callable[[], dict[str, Any]], at_once: bool = False
    ) -> None:
        """Writes a checkpoint, unless the last one is young."""
        if at_once or time.monotonic() - self._last > _PAUSE:
            whole = {**content(), "seconds": self.seconds}
            AtomicCheckpointIO().save_checkpoint(whole, self._folder / LAST)
            self._last = time.monotonic()


@contextlib.contextmanager
def _telling(
    wanted: bool, what: str, total: float
) -> Iterator[Callable[[float, str], None]]:
    """Shows how far something is: a bar on a terminal, else a line now and then.

    Yields:
        What is called with how far it is, and with what is to be told.
    """
    if not wanted:
        yield lambda done, text: None
    elif shows_bars():
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done, text: bar.update(
                task, completed=done, description=f"{what} {done:.4g}: {text}"
            )
    else:
        last = time.monotonic()

        def tell(done: float, text: str) -> None:
            nonlocal last
            if time.monotonic() - last > _LINES:
                last = time.monotonic()
                line = f"{what} {done:.4g} of {total:.4g}: {text}"
                print(line, file=sys.stderr, flush=True)

        yield tell


# ---- What came out. ----


@frozen(eq=False)
class QuenchReport:
    """What a quench came to, beside what is known of it.

    Args:
        title: The Hamiltonian, before and after.
        trajectory: The state on its way.
        initial: The energy of the state at the beginning, of the old Hamiltonian.
        ground: The exact one; None where it is not known.
        method: By what exact expectations are known; empty where none are.
        exact: These by name, (T,) each.
        num_sites: Spins.
        parameters: Real numbers of the state.
        seconds: Wall-clock time of all of it.
    """

    title: str
    trajectory: Trajectory
    initial: Estimate
    ground: float | None
    method: str
    exact: Mapping[str, NDArray[np.float64]]
    num_sites: int
    parameters: int
    seconds: float

    @classmethod
    def of(
        cls,
        quench: _Quench,
        trajectory: Trajectory,
        initial: Estimate,
        seconds: float,
    ) -> QuenchReport:
        """Puts it beside what is known.

        Args:
            quench: What was asked.
            trajectory: The state on its way.
            initial: Its energy at the beginning.
            seconds: How long all of it took.
        """
        before = quench.before
        method, exact = quench.exact(trajectory.times)
        changes = ", ".join(f"{k}={v}" for k, v in quench.options.after.items())
        known = before.couplings or {}
        was = ", ".join(f"{k}={known.get(k, '…')}" for k in quench.options.after)
        return cls(
            title=f"{before.name}, {before.num_sites} sites: {was} → {changes}",
            trajectory=trajectory,
            initial=initial,
            ground=None if before.exact is None else before.exact.energy,
            method=method,
            exact=exact,
            num_sites=before.num_sites,
            parameters=len(as_vector(quench.state)),
            seconds=seconds,
        )

    @property
    def initial_error(self) -> float | None:
        """The relative error of the energy at the beginning, None where not known."""
        if not self.ground:
            return None
        return (self.initial.energy - self.ground) / abs(self.ground)

    def deviation(self, name: str) -> float:
        """By how much an expectation was away from the exact one, at most.

        Args:
            name: One of `exact`.

        Raises:
            ArgumentError: It is not known exactly.
        """
        check_choice("name", name, tuple(self.exact))
        return float(abs(self.trajectory.means(name) - self.exact[name]).max())

    def summary(self) -> dict[str, str]:
        """What is said in a line each, by name."""
        path = self.trajectory
        first, last = path.moments[0], path.moments[-1]
        start = f"E = {self.initial.energy:.10g} ± {self.initial.error:.1g}"
        if self.initial_error is not None:
            start += f", relative error {self.initial_error:.1e}"
        if first.infidelity is not None:
            start += f", infidelity {first.infidelity:.1e}"
        energy, drift = first.estimate.energy, path.drift
        kept = f"{drift:.1e}, {drift / self.num_sites:.1e} a site"
        if energy:
            kept += f", {drift / abs(energy):.1e} of {energy:.8g}"
        noise = float(path.energy_errors.max())
        if noise:
            kept += f"; its standard error is up to {noise:.1e}"
        found = {"initial state": start, "energy off by at most": kept}
        for name in self.exact:
            error = float(path.errors(name).max())
            bar = f" (standard error up to {error:.1e})" if error else ""
            found[f"⟨{name}⟩ off by at most"] = f"{self.deviation(name):.1e}{bar}"
        if last.infidelity is not None:
            found["infidelity at the end"] = f"{last.infidelity:.1e}"
        found["lost by the network"] = (
            f"residual up to {np.nanmax(path.residuals, initial=0):.1e}, by which the "
            f"state is turned by at most {path.lost:.2g} rad"
        )
        found["directions kept"] = (
            f"{first.kept:.0f} to {last.kept:.0f} of {len(last.snr)}"
        )
        found["signal to noise"] = (
            f"median {_told(first.snr)} at the beginning, {_told(last.snr)} at the end"
        )
        rejected = sum(each.rejected for each in path.moments)
        found["steps"] = f"{len(path.moments) - 1}, {rejected} more were too long"
        found["parameters"] = f"{self.parameters:,} real numbers"
        found["seconds"] = f"{self.seconds:.1f}"
        return found

    def rows(self, most: int = 11) -> list[list[str]]:
        """The trajectory as text, a header and at most so many moments.

        Args:
            most: How many.
        """
        path = self.trajectory
        name = next(iter(path.names), "")
        places = np.linspace(0, len(path.moments) - 1, most).round().astype(int)
        header = ["time", "energy"]
        header += [f"⟨{name}⟩"] if name else []
        header += ["exact"] if name in self.exact else []
        header += ["residual", "1 − F"]
        rows = [header]
        for place in dict.fromkeys(places.tolist()):
            moment = path.moments[place]
            energy = moment.estimate
            row = [f"{moment.time:.3f}", _with_bar(energy.energy, energy.error)]
            if name:
                row.append(_with_bar(*moment.means[name]))
            if name in self.exact:
                row.append(f"{self.exact[name][place]:.5f}")
            lost = moment.infidelity
            row += [f"{moment.residual:.1e}", "–" if lost is None else f"{lost:.1e}"]
            rows.append(row)
        return rows

    def table(self) -> Table:
        """Returns the table for the terminal (rich)."""
        table = Table(title=self.title, title_justify="left")
        header, *rows = self.rows()
        for name in header:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """Returns table and summary as Markdown."""
        header, *rows = self.rows()
        lines = ["| " + " | ".join(r) + " |" for r in (header, ["---:"] * len(header))]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        told = [f"- {name}: {text}" for name, text in self.summary().items()]
        note = f"Exact values by {self.method}." if self.method else ""
        return "\n".join([f"# {self.title}", "", *lines, "", note, "", *told, ""])

    def write(self, folder: Path) -> None:
        """Writes report, trajectory and picture.

        Args:
            folder: The run folder.
        """
        path = self.trajectory
        arrays = path.as_arrays()
        arrays |= {f"{name}_exact": values for name, values in self.exact.items()}
        named: dict[str, Any] = dict(arrays)
        save = made_in_memory(lambda file: np.savez_compressed(file, **named))
        write_atomically(folder / "trajectory.npz", save)
        columns = {name: each for name, each in arrays.items() if each.ndim == 1}
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(zip(*(c.tolist() for c in columns.values()), strict=True))
        encoded, report = text.getvalue().encode(), self.markdown().encode()
        write_atomically(folder / "trajectory.csv", lambda file: file.write(encoded))
        write_atomically(folder / "report.md", lambda file: file.write(report))
        save_figure(plot_quench(path, self.exact, self.method), folder / "quench.png")


def _with_bar(value: float, error: float) -> str:
    return f"{value:.6f} ± {error:.1g}" if error else f"{value:.6f}"


def _told(ratios: NDArray[np.float64]) -> str:
    """The median of signal-to-noise ratios; how many are none is said as well."""
    none = int(np.isnan(ratios).sum())
    if none == len(ratios):
        return "NaN"
    said = f" ({none} NaN)" if none else ""
    return f"{np.nanmedian(ratios):.2g}{said}"
