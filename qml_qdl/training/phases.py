"""Phases as the command `phases` learns and reports them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import asdict, field, frozen
from numpy.typing import NDArray
from torch import nn

from qml_qdl.circuits import (
    Circuit,
    Driven,
    FixedGates,
    HamiltonianVariational,
    Samples,
)
from qml_qdl.circuits.validation import MOST_SEED, check_count, validate_call
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.splitting import Split
from qml_qdl.hardware.files import write_atomically
from qml_qdl.hardware.jobs.journal_file import default_place
from qml_qdl.manybody import Lattice, Problem, cluster_ising
from qml_qdl.models import QCNNClassifier
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.jobs import record_jobs
from qml_qdl.phases import (
    Boundary,
    ClusterIsing,
    Learner,
    Scan,
    SnapshotCNN,
    SnapshotTransformer,
    System,
    Threshold,
    find_boundary,
    ground_states,
)
from qml_qdl.training.fitting import fit
from qml_qdl.training.json_files import write_json
from qml_qdl.training.options import TrainingOptions
from qml_qdl.training.plots import plot_boundaries, plot_phases, save_figure
from qml_qdl.training.recipes.recipe import count_parameters
from qml_qdl.training.recipes.supervised import Classification
from qml_qdl.training.statistics import Summary, summarise
from qml_qdl.vqe.descent import minimise
from qml_qdl.vqe.energies import energy_of

Floats = NDArray[np.float64]
Rows = list[list[str]]

CLASSES = ("disordered", "ordered")


class NetworkLearner(Learner):
    """A network of torch that classifies rows of a scan, trained by `Classification`.

    Args:
        name: What it is called.
        make: Makes the network of a scan.
        options: How it is trained; None for the defaults.
        validation: The share of groups of each phase by which the best epoch is chosen;
            0 takes the training rows.
        seed: Of initial weights, of what is held out and of the order of rows.
    """

    model: nn.Module

    @validate_call
    def __init__(
        self,
        name: str,
        make: Callable[[Scan], nn.Module],
        options: TrainingOptions | None = None,
        *,
        validation: float = 0.2,
        seed: int = 0,
    ) -> None:
        super().__init__(name)
        check_count("seed", seed, 0, MOST_SEED)
        self._make, self._options = make, options or TrainingOptions()
        self._validation, self._seed = validation, seed

    def _inputs(self, scan: Scan) -> Any:
        return scan.spins.reshape(len(scan), -1)

    def _fit(self, scan: Scan, labels: NDArray[np.int64]) -> None:
        torch.manual_seed(self._seed)
        self.model = self._make(scan)
        rows = (np.arange(len(scan)),) * 2
        if self._validation:
            rows = scan.parts(1 - self._validation, strata=labels, seed=self._seed)
        inputs = self._inputs(scan)
        train, check = (Dataset(inputs[k], labels[k], CLASSES) for k in rows)
        split = Split(train, check, check)
        fit(self.model, split, self._options, recipe=Classification, seed=self._seed)

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return count_parameters(self.model)

    def probability(self, scan: Scan) -> Floats:
        """What the network says."""
        rows = Dataset(self._inputs(scan), np.zeros(len(scan), int), CLASSES)
        outputs = Classification.outputs(self.model, rows, batch_size=256)
        found: Floats = outputs.double().softmax(1)[:, 1].numpy()
        return found


class StateLearner(NetworkLearner):
    """A circuit that reads states themselves, and is measured once for each snapshot.

    So it takes as many copies of a state as the rivals have snapshots. The share of
    copies that say "ordered" is compared with a cut, which is fitted on the training
    rows as that of an order parameter is.

    Args:
        name: What it is called.
        make: Makes the network of a scan, which reads amplitudes (rows, 2ⁿ).
        options: How it is trained; None for the defaults.
        seed: Of initial weights, of the order of rows and of measurements.
    """

    @validate_call
    def __init__(
        self,
        name: str,
        make: Callable[[Scan], nn.Module],
        options: TrainingOptions | None = None,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__(name, make, options, validation=0.0, seed=seed)
        self._cut = Threshold(self.measured, name)
        self._generator = np.random.default_rng(seed)

    def _inputs(self, scan: Scan) -> Any:
        return scan.amplitudes.astype(np.float32)

    def _fit(self, scan: Scan, labels: NDArray[np.int64]) -> None:
        super()._fit(scan, labels)
        self._cut.fit(scan, labels)

    @property
    def network(self) -> Circuit:
        """The trained circuit without the encoding, read as bits."""
        quantum: Any = self.model.quantum
        whole: Circuit = quantum.circuit
        bare = Circuit(tuple(each for each in whole.blocks if not each.num_features))
        return bare.with_readout(Samples(whole.readout.wires))

    def measured(self, scan: Scan) -> Floats:
        """The share of copies that say "ordered", (rows, 1)."""
        points, place = np.unique(scan.of, return_inverse=True)
        first = [int(np.flatnonzero(scan.of == point)[0]) for point in points]
        chances = np.clip(super().probability(scan.take(first)), 0, 1)[place]
        copies = scan.snapshots
        return (self._generator.binomial(copies, chances) / copies)[:, None]

    def probability(self, scan: Scan) -> Floats:
        """1 on the ordered side of the cut, else 0."""
        return self._cut.probability(scan)

    def decide(self, shares: Floats) -> Floats:
        """1 on the ordered side of the cut, else 0, of shares that were measured.

        Args:
            shares: Of copies that say "ordered", (rows,).
        """
        return (self._cut.sign * shares >= self._cut.cut).astype(np.float64)


class PreparedStates:
    """Ground states of a chain by circuits of one structure, for any target.

    Layers of evolutions under the parts of the Hamiltonian, from all spins along X,
    keep its parities; their angles are found one coupling after the other, from the
    largest field down, each from those of the last.

    Args:
        system: The chain.
        couplings: h₁ of each state, (points,).
        layers: Layers of the circuit.
        seed: Seed of the first angles.
        tell: Called with the share that is done, and with what is being done.
    """

    @validate_call
    def __init__(
        self,
        system: ClusterIsing,
        couplings: Any,
        *,
        layers: int = 4,
        seed: int = 0,
        tell: Callable[[float, str], None] = lambda *_: None,
    ) -> None:
        sites = system.size
        chain = Lattice.chain(sites, periodic=False)
        evolution = HamiltonianVariational(
            sites, cluster_ising(chain, 1.0, 1.0), layers=layers
        )
        along_x = FixedGates(sites, "Hadamard", tuple(range(sites)))
        self.system, self.couplings = system, np.asarray(couplings, np.float64)
        self.circuit = Driven(evolution) @ along_x
        count = int(np.prod(evolution.weight_shape))
        self.angles = np.empty((len(self.couplings), count))
        start = np.random.default_rng(seed).uniform(0.1, 0.25, count)
        states = np.empty((len(self.couplings), 2**sites), complex)
        for done, point in enumerate(np.argsort(-self.couplings)):
            tell(done / len(states), f"circuit {done + 1} of {len(states)}")
            problem = Problem.of(
                cluster_ising(chain, 1.0, float(self.couplings[point]))
            )
            energy = energy_of(problem, evolution @ along_x)
            start = minimise(energy, start, most=100).angles
            self.angles[point], states[point] = start, energy.state(start)
        exact = ground_states(system.hamiltonian, self.couplings)
        self.fidelities = np.abs((states * exact).sum(1)) ** 2

    def _read(
        self, after: Circuit, weights: Any, shots: int, options: dict[str, Any]
    ) -> NDArray[np.uint8]:
        """What is read where another circuit follows, (points, shots, wires read).

        A program that asks for the same once more, as after it was killed, finds its
        jobs in the user's journal and pays for none twice.
        """
        whole = after @ self.circuit
        layer = QuantumLayer(whole, shots=shots, init_method=weights, **options)
        plain = {name: np.asarray(each).tolist() for name, each in weights.items()}
        asked = [repr(whole), self.angles.tolist(), plain, shots, str(options)]
        words = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
        record_jobs(layer, default_place(), f"phases-{words}")
        with torch.no_grad():
            found = layer(torch.from_numpy(self.angles))
        return found.numpy().astype(np.uint8)

    def scan(self, sets: int, **options: Any) -> Scan:
        """Snapshots of all states in the system's bases.

        Args:
            sets: Rows of each state.
            **options: What `QuantumLayer` takes, such as the target.

        Returns:
            A scan like those of the system, without states.
        """
        sites, shots = self.system.size, sets * self.system.snapshots // 2
        parts = []
        for basis in self.system.bases:
            turned = tuple(k for k, letter in enumerate(basis) if letter == "X")
            turn = FixedGates(sites, "Hadamard", turned).with_readout(Samples())
            parts.append(self._read(turn, {}, shots, options))
        return Scan(
            ("h1",),
            self.couplings,
            self.system.bases,
            np.stack(parts, 1),
            np.arange(len(self.couplings)),
            title=f"cluster-Ising, {sites} sites, {options.get('target') or 'auto'}",
        ).sets(self.system.snapshots)

    def shares(self, learner: StateLearner, sets: int, **options: Any) -> Floats:
        """The share of copies of which a learner's circuit says "ordered".

        Args:
            learner: Trained on the same system.
            sets: Rows of each state, each of as many copies as the system's snapshots.
            **options: What `QuantumLayer` takes, such as the target.

        Returns:
            (points · sets,), those of one state side by side.
        """
        weights = {
            name: each.detach() for name, each in learner.model.named_parameters()
        }
        weights = {name.rpartition(".")[2]: each for name, each in weights.items()}
        shots = sets * self.system.snapshots
        found = self._read(learner.network, weights, shots, options)
        return found.reshape(len(found) * sets, -1).mean(1)


def make_networks(
    system: System, seed: int, epochs: int | None = None
) -> list[Learner]:
    """The networks that learn a system's phases.

    Args:
        system: The system.
        seed: Of weights and training.
        epochs: Passes over the training rows; None for the usual number.

    Returns:
        Untrained learners: of states first, where there are some.
    """

    def options(usual: int, rate: float, batch: int) -> TrainingOptions:
        count = epochs or usual
        return TrainingOptions(
            epochs=count,
            learning_rate=rate,
            batch_size=batch,
            scheduler=lambda each: torch.optim.lr_scheduler.CosineAnnealingLR(
                each, count
            ),
        )

    if system.name == "ising2d":
        patch = next(k for k in (4, 3, 2, 1) if system.size % k == 0)
        return [
            NetworkLearner(
                "CNN",
                lambda scan: SnapshotCNN(scan.shape, scan.bases),
                options(15, 0.01, 64),
                seed=seed,
            ),
            NetworkLearner(
                "transformer",
                lambda scan: SnapshotTransformer(scan.shape, scan.bases, patch=patch),
                options(15, 0.005, 64),
                seed=seed,
            ),
        ]
    return [
        StateLearner(
            "QCNN",
            lambda scan: QCNNClassifier(2**scan.num_sites, 2, encoding="amplitude"),
            options(40, 0.05, 40),
            seed=seed,
        ),
        NetworkLearner(
            "CNN",
            lambda scan: SnapshotCNN(scan.shape, scan.bases),
            options(100, 0.01, 8),
            seed=seed,
        ),
        NetworkLearner(
            "transformer",
            lambda scan: SnapshotTransformer(scan.shape, scan.bases),
            options(60, 0.005, 8),
            seed=seed,
        ),
    ]


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
        self._epochs, self._networks, self._tell = epochs, networks, tell

    def run(self, seeds: Sequence[int]) -> None:
        """Prepares, learns and judges; everything anew with each seed.

        Args:
            seeds: The seeds.
        """
        for number, seed in enumerate(seeds):

            def tell(done: float, text: str, number: int = number) -> None:
                self._tell((number + done) / len(seeds), text)

            train, test = self.system.prepare(
                seed, lambda done, text, own=tell: own(0.2 * done, text)
            )
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
        self._tell(1.0, "")

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

    # ---- what is told ----

    def table(self) -> tuple[str, Rows]:
        """Title and lines of the table, the names of the columns first."""
        first = next(iter(self.findings.values()))
        system, test = self.system, self.scans["test"]
        seeds = f"{len(first)} seed{'s'[: len(first) > 1]}"
        title = (
            f"{test.title}: {len(system.labelled(self.scans['train']))} rows to train, "
            f"{len(test)} to test, each of {test.snapshots} "
            f"snapshot{'s'[: test.snapshots > 1]}; {seeds}"
        )
        against = f"− {next(iter(self.findings))}"
        header = ["learner", "accuracy", against, f"boundary {system.coupling}"]
        rows = [[*header, "bootstrap ±", "weights", "s"]]
        for name, found in self.findings.items():
            pairs = zip(found, first, strict=True)
            gain = summarise(one.accuracy - other.accuracy for one, other in pairs)
            places = [each.boundary.coupling for each in found]
            errors = [each.boundary.error for each in found]
            count = found[0].parameters
            rows.append(
                [
                    name,
                    summarise(each.accuracy for each in found).text(percent=True),
                    "–" if found is first else gain.text(percent=True),
                    _text(summarise(places)),
                    _text(summarise(errors), alone=True),
                    "–" if count is None else f"{count:,}",
                    f"{summarise(each.seconds for each in found).mean:.1f}",
                ]
            )
        return title, rows

    @property
    def lines(self) -> list[str]:
        """What is to be known to read the table."""
        system = self.system
        margin = (
            f"rows nearer than {system.margin:g} had no label in training"
            if system.margin
            else "all training rows were labelled by it"
        )
        return [
            f"the infinite system's boundary is {system.coupling} = "
            f"{system.boundary:.4f}; {margin}, and that of a finite one is elsewhere",
            "mean ± standard deviation over seeds, each with data of its own; the "
            "third column is the difference on the same data; the bootstrap's error is "
            "that of one seed's test data",
        ]

    def write(self, folder: Path) -> None:
        """Writes data, table and pictures.

        Args:
            folder: Where.
        """
        for name, scan in self.scans.items():
            scan.save(folder / f"{name}.npz")
        title, rows = self.table()
        plain = {
            name: [
                {
                    "accuracy": each.accuracy,
                    "seconds": each.seconds,
                    "parameters": each.parameters,
                    "boundary": _plain(each.boundary),
                    "fewer": {n: _plain(b) for n, b in each.fewer.items()},
                }
                for each in found
            ]
            for name, found in self.findings.items()
        }
        told = {"system": self.system.name, **asdict(self.system)}
        write_json(folder / "result.json", {"system": told, "learners": plain})
        shown = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
        text = "\n".join(
            [
                f"# {title}\n",
                *("| " + " | ".join(row) + " |" for row in shown),
                "",
                *(f"- {line}" for line in self.lines),
                "",
            ]
        )
        write_atomically(folder / "report.md", lambda file: file.write(text.encode()))
        last = {name: found[-1] for name, found in self.findings.items()}
        name, place = self.system.coupling, self.system.boundary
        figure = plot_phases(
            {each: found.boundary for each, found in last.items()}, name, place
        )
        figure.axes[0].set_title(self.scans["test"].title)
        save_figure(figure, folder / "phases.png")
        figure = plot_boundaries(
            {each: found.fewer for each, found in last.items()}, name, place
        )
        figure.axes[0].set_title(self.scans["test"].title)
        save_figure(figure, folder / "boundaries.png")


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


def _plain(boundary: Boundary) -> dict[str, Any]:
    found = {
        name: np.asarray(value).tolist() for name, value in asdict(boundary).items()
    }
    return {
        name: None if isinstance(value, float) and np.isnan(value) else value
        for name, value in found.items()
    }
