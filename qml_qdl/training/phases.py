"""Phases as the command `phases` learns and reports them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from attrs import asdict, field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import DataError
from qml_qdl.hardware.files import write_atomically
from qml_qdl.phases import (
    Boundary,
    ClusterIsing,
    Ising2D,
    Learner,
    Scan,
    System,
    binder_crossing,
    extrapolate,
    fidelity_susceptibility,
    find_boundary,
    learn_by_confusion,
)
from qml_qdl.training.json_files import write_json
from qml_qdl.training.phase_learners import (
    PreparedStates,
    StateLearner,
    make_networks,
)
from qml_qdl.training.plots import (
    plot_boundaries,
    plot_phase_diagram,
    plot_phases,
    save_figure,
)
from qml_qdl.training.report import markdown
from qml_qdl.training.statistics import Summary, summarise

Floats = NDArray[np.float64]
Table = tuple[str, list[list[str]]]


@frozen(eq=False)
class Finding:
    """What a learner found with one seed.

    Args:
        accuracy: The share of test rows whose phase it tells; NaN without labels.
        boundary: Where it puts the boundary.
        seconds: Wall-clock seconds of learning and of classifying the test rows.
        parameters: How many numbers it trains by gradients; None of others.
        fewer: Boundaries by the snapshots of each state that they took.
    """

    accuracy: float
    boundary: Boundary
    seconds: float
    parameters: int | None = None
    fewer: dict[int, Boundary] = field(factory=dict, repr=False)


class PhaseStudy:
    """All learners on the same data, for several seeds.

    Args:
        system: The system.
        epochs: Passes over the training rows; None for the usual number.
        networks: Whether networks learn, besides the rivals.
        tell: Called with the share that is done, and with what is being done.
    """

    def __init__(
        self,
        system: System,
        *,
        epochs: int | None = None,
        networks: bool = True,
        tell: Callable[[float, str], None] = lambda *_: None,
    ) -> None:
        self.system = system
        self.findings: dict[str, list[Finding]] = {}
        self.scans: dict[str, Scan] = {}
        self.learners: list[Learner] = []
        self.measured: dict[str, dict[str, Finding]] = {}
        self.fidelities = np.empty(0)
        self.diagrams: dict[str, Floats] = {}
        self._epochs, self._networks, self._tell = epochs, networks, tell

    def run(self, seeds: Sequence[int]) -> None:
        """Prepares, learns and judges; everything anew with each seed.

        Args:
            seeds: The seeds.
        """
        for number, seed in enumerate(seeds):

            def tell(done: float, text: str, number: int = number) -> None:
                self._tell((number + done) / len(seeds), text)

            def prepared(
                done: float, text: str, own: Callable[[float, str], None] = tell
            ) -> None:
                own(0.2 * done, text)

            train, test = self.system.prepare(seed, prepared)
            self.scans = {"train": train, "test": test}
            known = self.system.labelled(train)
            labels = self.system.ordered(known)
            learners = self.system.rivals()
            if self._networks:
                learners += make_networks(self.system, seed, self._epochs)
            for place, learner in enumerate(learners):
                tell(0.2 + 0.8 * place / len(learners), f"seed {seed}: {learner.name}")
                found = self._judge(learner, known, labels, test, seed)
                self.findings.setdefault(learner.name, []).append(found)
            tell(0.95, f"seed {seed}: learning by confusion")
            self.findings.setdefault("confusion", []).append(self._confuse(train, test))
            self.learners = learners
        plane = self.system.plane(seeds[-1], self._tell)
        if plane is not None:
            self.scans["plane"] = plane
            self.diagrams = {
                each.name: each.probability(plane) for each in self.learners
            }
        self._tell(1.0, "")

    def _confuse(self, train: Scan, test: Scan) -> Finding:
        started = time.perf_counter()
        found = learn_by_confusion(train, test, self.system.coupling)
        nan = float("nan")
        flat = np.full(len(found.guesses), nan)
        place = Boundary(found.coupling, nan, found.guesses, found.accuracy, flat)
        return Finding(nan, place, time.perf_counter() - started)

    def _judge(
        self, learner: Learner, known: Scan, labels: Any, test: Scan, seed: int
    ) -> Finding:
        started = time.perf_counter()
        chances = learner.fit(known, labels).probability(test)
        seconds = time.perf_counter() - started
        name, own = self.system.coupling, test.snapshots
        most = int(np.bincount(test.of).min())
        fewer = {}
        for budget in _budgets(own, most):
            part = test if budget >= own else test.sets(budget)
            said = chances if budget >= own else learner.probability(part)
            rows = max(1, budget // own)
            fewer[budget] = find_boundary(part, said, name, rows=rows, seed=seed)
        right = (chances >= 0.5) == self.system.ordered(test)
        return Finding(
            float(right.mean()),
            find_boundary(test, chances, name, seed=seed),
            seconds,
            getattr(learner, "parameters", None),
            fewer,
        )

    def measure(self, layers: int = 4, sets: int = 3, **options: Any) -> None:
        """Prepares the test states by circuits, and measures them on a target.

        The learners of the last seed see snapshots of the target, beside those of the
        same circuits without noise; a circuit that reads states runs right behind them.

        Args:
            layers: Layers of the circuits.
            sets: Rows of each state.
            **options: What `QuantumLayer` takes, such as the target.

        Raises:
            ArgumentError: The system is classical.
        """
        self.system.check_circuits()
        assert isinstance(self.system, ClusterIsing)
        system = self.system
        couplings = self.scans["test"].couplings[:, 0]
        prepared = PreparedStates(system, couplings, layers=layers, tell=self._tell)
        target = str(options["target"])
        plain = {"target": None, "seed": options.get("seed")}
        for title, told in (("no noise", plain), (target, options)):
            self._tell(1.0, f"measuring: {title}")
            scan = prepared.scan(sets, **told)
            self.scans[title.replace(":", "-").replace(" ", "-")] = scan
            for learner in self.learners:
                if isinstance(learner, StateLearner):
                    said = learner.decide(prepared.shares(learner, sets, **told))
                else:
                    said = learner.probability(scan)
                right = (said >= 0.5) == system.ordered(scan)
                place = find_boundary(scan, said, system.coupling)
                found = Finding(float(right.mean()), place, 0.0)
                self.measured.setdefault(learner.name, {})[title] = found
        self.fidelities = prepared.fidelities
        self._tell(1.0, "")

    # ---- what is told ----

    def tables(self) -> list[Table]:
        """Titles and lines, the names of the columns first."""
        found = [self._table()]
        if self.measured:
            found.append(self._measured_table())
        return found

    def _table(self) -> Table:
        first = next(iter(self.findings.values()))
        system, test = self.system, self.scans["test"]
        known = len(system.labelled(self.scans["train"]))
        title = (
            f"{test.title}: {known} rows to train, {len(test)} to test, each of "
            f"{_many(test.snapshots, 'snapshot')}; {_many(len(first), 'seed')}"
        )
        header = ["learner", "accuracy", "− first", f"boundary {system.coupling}"]
        rows = [[*header, "error", "weights", "s"]]
        for name, found in self.findings.items():
            pairs = zip(found, first, strict=True)
            gain = summarise(one.accuracy - other.accuracy for one, other in pairs)
            shares = summarise(each.accuracy for each in found)
            told = not np.isnan(shares.mean)
            count = found[0].parameters
            rows.append(
                [
                    name,
                    shares.text(percent=True) if told else "–",
                    gain.text(percent=True) if told and found is not first else "–",
                    _text(summarise(each.boundary.coupling for each in found)),
                    _text(summarise(each.boundary.error for each in found), alone=True),
                    "–" if count is None else f"{count:,}",
                    f"{summarise(each.seconds for each in found).mean:.1f}",
                ]
            )
        return title, rows

    def _measured_table(self) -> Table:
        targets = list(next(iter(self.measured.values())))
        title = (
            f"the same states by circuits: fidelity {self.fidelities.min():.3f} … "
            f"{self.fidelities.max():.3f}"
        )
        header = ["learner"]
        for target in targets:
            header += [f"accuracy, {target}", f"boundary {self.system.coupling}"]
        rows = [header]
        for name, found in self.measured.items():
            cells = [name]
            for target in targets:
                cells += [f"{found[target].accuracy:.1%}", str(found[target].boundary)]
            rows.append(cells)
        return title, rows

    @property
    def lines(self) -> list[str]:
        """What is to be known to read the tables."""
        system = self.system
        margin = (
            f"rows nearer than {system.margin:g} had no label in training"
            if system.margin
            else "all training rows were labelled by it"
        )
        found = [
            f"the infinite system's boundary is {system.coupling} = "
            f"{system.boundary:.4f}; {margin}, and that of a finite one is elsewhere",
            "mean ± standard deviation over seeds, each with data of its own; − first: "
            "the difference to the first line on the same data; error: that of the "
            "boundary, by the bootstrap over one seed's test data",
            "linear and 1-NN read correlators; cuts are fitted to the training rows",
        ]
        if self.scans["test"].states is not None:
            place, low, high = self._turning()
            found.append(
                f"states of this size turn fastest at {place:.2f}, and at half that "
                f"rate or more from {low:.2f} to {high:.2f}"
            )
        return found

    def _turning(self) -> tuple[float, float, float]:
        """Where the fidelity susceptibility peaks, and its width at half height."""
        places, rates = fidelity_susceptibility(self.scans["test"])
        wide = places[rates >= rates.max() / 2]
        return float(places[rates.argmax()]), float(wide[0]), float(wide[-1])

    def write(self, folder: Path) -> None:
        """Writes data, tables and pictures.

        Args:
            folder: Where.
        """
        for name, scan in self.scans.items():
            scan.save(folder / f"{name}.npz")
        plain = {
            name: [
                {
                    "accuracy": _number(each.accuracy),
                    "seconds": each.seconds,
                    "parameters": each.parameters,
                    "boundary": _plain(each.boundary),
                    "fewer": {n: _plain(b) for n, b in each.fewer.items()},
                }
                for each in found
            ]
            for name, found in self.findings.items()
        }
        measured = {
            name: {
                target: {"accuracy": each.accuracy, "boundary": _plain(each.boundary)}
                for target, each in found.items()
            }
            for name, found in self.measured.items()
        }
        told = {"name": self.system.name, **asdict(self.system)}
        write_json(
            folder / "result.json",
            {"system": told, "learners": plain, "measured": measured},
        )
        write_tables(folder, self.tables(), self.lines)
        last = {
            name: each[-1] for name, each in self.findings.items() if each[-1].fewer
        }
        name, place = self.system.coupling, self.system.boundary
        curves = {each: found.boundary for each, found in last.items()}
        by_shots = {each: found.fewer for each, found in last.items()}
        for title, figure in (
            ("phases", plot_phases(curves, name, place)),
            ("boundaries", plot_boundaries(by_shots, name, place)),
        ):
            figure.axes[0].set_title(self.scans["test"].title)
            save_figure(figure, folder / f"{title}.png")
        if self.diagrams:
            save_figure(
                plot_phase_diagram(self.scans["plane"], self.diagrams),
                folder / "diagram.png",
            )


def compare_sizes(studies: Sequence[PhaseStudy], nu: float = 1.0) -> Table:
    """Boundaries of several sizes, and their limit of an infinite system.

    Args:
        studies: Of one system in two sizes or more, after they ran.
        nu: The exponent of the correlation length, as of `extrapolate`.

    Returns:
        Title and lines, the names of the columns first.
    """
    sizes = [study.system.size for study in studies]
    system = studies[0].system
    rows = [["learner", *(f"L = {size}" for size in sizes), "L → ∞"]]
    for name in studies[0].findings:
        each = [study.findings[name] for study in studies]
        means = [summarise(f.boundary.coupling for f in found) for found in each]
        errors = [
            summarise(f.boundary.error for f in found).mean / np.sqrt(len(found))
            for found in each
        ]
        limit = "–"
        if np.isfinite([*errors, *(mean.mean for mean in means)]).all() and all(errors):
            place, error = extrapolate(sizes, [m.mean for m in means], errors, nu)
            limit = f"{place:.3f} ± {error:.3f}"
        rows.append([name, *map(_text, means), limit])
    if isinstance(system, Ising2D):
        scans = [study.scans["train"] for study in studies]
        crossings = []
        for small, large in pairwise(scans):
            try:
                place, error = binder_crossing(small, large)
            except DataError:  # which would lose the boundaries that were found
                crossings.append("too few points")
            else:
                crossings.append(f"{place:.3f} ± {error:.3f}")
        rows.append(["Binder crossing", "–", *crossings, "–"])
    title = (
        f"boundary {system.coupling} by size, along L^(−1/ν) with ν = {nu:g}; the "
        f"infinite system's is {system.boundary:.4f}"
    )
    return title, rows


def write_tables(folder: Path, tables: Sequence[Table], lines: Sequence[str]) -> None:
    """Writes `report.md`.

    Args:
        folder: Where.
        tables: Titles and lines, the names of the columns first.
        lines: What stands below.
    """
    parts = [markdown(title, rows) for title, rows in tables]
    text = "\n".join([*parts, *(f"- {line}" for line in lines), ""])
    write_atomically(folder / "report.md", lambda file: file.write(text.encode()))


def _budgets(snapshots: int, most: int) -> list[int]:
    """Snapshots of each state: parts of a row, and then rows."""
    parts = {max(2, 2 * round(snapshots / k / 2)) for k in (10, 5, 2)}
    fewer = sorted(each for each in parts if each < snapshots)
    rows = [k for k in (1, 3, 10, 30, 100) if k <= most]
    return [*fewer, *(k * snapshots for k in rows)]


def _text(found: Summary, alone: bool = False) -> str:
    if np.isnan(found.mean):
        return "–"
    return f"{found.mean:.3f}" if alone else found.text(3)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s'[: count != 1]}"


def _number(value: Any) -> Any:
    """What JSON can hold: None for NaN."""
    if isinstance(value, list):
        return [_number(each) for each in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _plain(boundary: Boundary) -> dict[str, Any]:
    return {
        name: _number(np.asarray(value).tolist())
        for name, value in asdict(boundary).items()
    }
