"""Learners of phases that are trained by gradients, and states for them anywhere."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from attrs import evolve
from numpy.typing import NDArray
from torch import nn

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    Circuit,
    Driven,
    FixedGates,
    HamiltonianVariational,
    Samples,
    StronglyEntangling,
)
from qml_qdl.circuits.validation import MOST_SEED, check_count, validate_call
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.splitting import Split
from qml_qdl.hardware.jobs.journal_file import default_place
from qml_qdl.manybody import Lattice, Problem, cluster_ising
from qml_qdl.models import QCNNClassifier, QuantumAutoencoder
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.jobs import record_jobs
from qml_qdl.phases import (
    ClusterIsing,
    Ising2D,
    Learner,
    Scan,
    SnapshotAutoencoder,
    SnapshotCNN,
    SnapshotTransformer,
    System,
    Threshold,
    ground_states,
)
from qml_qdl.training.fitting import fit
from qml_qdl.training.options import TrainingOptions
from qml_qdl.training.recipes.recipe import count_parameters
from qml_qdl.training.recipes.supervised import Classification, Regression, Supervised
from qml_qdl.vqe.descent import minimise
from qml_qdl.vqe.energies import energy_of

Floats = NDArray[np.float64]
Make = Callable[[Scan], nn.Module]

CLASSES = ("disordered", "ordered")


class TrainedLearner(Learner):
    """A module of torch, made of a scan and trained by a recipe.

    Args:
        name: What it is called.
        make: Makes the module of a scan.
        options: How it is trained; None for the defaults.
        seed: Of initial weights, of the order of rows and of what else is random.
    """

    model: nn.Module
    recipe: type[Supervised]

    @validate_call
    def __init__(
        self,
        name: str,
        make: Callable[[Scan], nn.Module],
        options: TrainingOptions | None = None,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__(name)
        check_count("seed", seed, 0, MOST_SEED)
        self._make, self._options = make, options or TrainingOptions()
        self._seed = seed
        self._generator = np.random.default_rng(seed)

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return count_parameters(self.model)

    def _train(self, scan: Scan, train: Dataset, check: Dataset) -> None:
        torch.manual_seed(self._seed)
        self.model = self._make(scan)
        split = Split(train, check, check)
        fit(self.model, split, self._options, recipe=self.recipe, seed=self._seed)

    def _outputs(self, inputs: Any) -> torch.Tensor:
        rows = Dataset(inputs, np.zeros(len(inputs)))
        return self.recipe.outputs(self.model, rows, batch_size=256).double()


def _spins(scan: Scan) -> Any:
    return scan.spins.reshape(len(scan), -1)


class NetworkLearner(TrainedLearner):
    """A network that classifies snapshots, trained by `Classification`.

    The epoch is kept that is best on a fifth of the groups of each phase.

    Args:
        name: What it is called.
        make: Makes the network of a scan: of spins (rows, bases · shots · sites) to
            two logits.
        options: How it is trained; None for the defaults.
        seed: Of initial weights, of what is held out and of the order of rows.
    """

    recipe = Classification

    def _fit(self, scan: Scan, labels: NDArray[np.int64]) -> None:
        rows = scan.parts(0.8, strata=labels, seed=self._seed)
        spins = _spins(scan)
        self._train(scan, *(Dataset(spins[k], labels[k], CLASSES) for k in rows))

    def probability(self, scan: Scan) -> Floats:
        """What the network says."""
        found: Floats = self._outputs(_spins(scan)).softmax(1)[:, 1].numpy()
        return found


class StateLearner(TrainedLearner):
    """A circuit that reads states themselves, and is measured once for each snapshot.

    So it takes as many copies of a state as its rivals have snapshots. What it finds is
    the share of copies with an outcome, such as "ordered".
    """

    @abstractmethod
    def _chance(self, scan: Scan) -> Floats:
        """The exact probability of the outcome, (rows,)."""

    @property
    @abstractmethod
    def circuit(self) -> Circuit:
        """The trained circuit that follows a state, with its bits as readout."""

    @abstractmethod
    def outcome(self, bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whether bits that `circuit` gave are the outcome.

        Args:
            bits: (..., wires).

        Returns:
            (...).
        """

    @abstractmethod
    def decide(self, shares: Floats) -> Floats:
        """The probability of the ordered phase by shares of copies with the outcome.

        Args:
            shares: (rows,).
        """

    def shares(self, scan: Scan) -> Floats:
        """The share of copies with the outcome, as chance has it, (rows,).

        Args:
            scan: The rows, with states.
        """
        kept = np.unique(scan.of, return_index=True, return_inverse=True)
        chance = np.clip(self._chance(scan.take(kept[1])), 0, 1)[kept[2]]
        copies = scan.snapshots
        found: Floats = self._generator.binomial(copies, chance) / copies
        return found

    def probability(self, scan: Scan) -> Floats:
        """What shares of as many copies as a row has snapshots say."""
        return self.decide(self.shares(scan))


class CircuitLearner(StateLearner):
    """A circuit that classifies states, as `QCNNClassifier`.

    It keeps the epoch of the lowest training loss. The share of copies that it finds
    ordered is compared with a cut, which is fitted on the training rows as that of an
    order parameter is.

    Args:
        name: What it is called.
        make: Makes the classifier of a scan, which reads amplitudes (rows, 2ⁿ).
        options: How it is trained; None for the defaults.
        seed: Of initial weights, of the order of rows and of measurements.
    """

    recipe = Classification

    def _fit(self, scan: Scan, labels: NDArray[np.int64]) -> None:
        known = Dataset(scan.amplitudes, labels, CLASSES)
        self._train(scan, known, known)
        self._cut = Threshold(lambda rows: self.shares(rows)[:, None]).fit(scan, labels)

    def _chance(self, scan: Scan) -> Floats:
        found: Floats = self._outputs(scan.amplitudes).softmax(1)[:, 1].numpy()
        return found

    @property
    def circuit(self) -> Circuit:
        """The circuit without the encoding."""
        layer: Any = self.model
        readout: Any = layer.quantum.circuit.readout
        return _processing(layer.quantum.circuit, readout.wires)

    def outcome(self, bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whether the last wire says "ordered"."""
        found: NDArray[np.bool_] = bits[..., 0] == 1
        return found

    def decide(self, shares: Floats) -> Floats:
        """1 on the ordered side of the cut, else 0."""
        return self._cut.decide(shares)


def _scaled(scores: Floats, low: float, high: float) -> Floats:
    return np.clip((scores - low) / max(high - low, 1e-12), 0, 1)


def _limits(
    scan: Scan, scores: Floats, labels: NDArray[np.int64]
) -> tuple[float, float]:
    """The lowest mean of a point, and the mean of what was learnt."""
    means = [scores[scan.of == point].mean() for point in np.unique(scan.of)]
    return float(min(means)), float(scores[labels == 1].mean())


class AnomalyLearner(TrainedLearner):
    """An autoencoder of snapshots that learns one phase, so that the other stands out.

    Its score, how well a row comes back, becomes a probability between the lowest mean
    of any training point and the mean of the ordered ones, which alone it learns.

    Args:
        name: What it is called.
        make: Makes the autoencoder of a scan: of spins (rows, shots · sites) to scores
            (rows,), 0 … 1.
        options: How it is trained, but for the loss, 1 − score; None for the defaults.
        seed: Of initial weights and of the order of rows.
    """

    recipe = Regression

    def _fit(self, scan: Scan, labels: NDArray[np.int64]) -> None:
        self._options = evolve(self._options, loss="L1Loss")
        rows = _spins(scan)[labels == 1]
        known = Dataset(rows, np.ones(len(rows)))
        self._train(scan, known, known)
        self._ends = _limits(scan, self._scores(scan), labels)

    def _scores(self, scan: Scan) -> Floats:
        found: Floats = self._outputs(_spins(scan)).numpy()
        return found

    def probability(self, scan: Scan) -> Floats:
        """The score, scaled."""
        return _scaled(self._scores(scan), *self._ends)


class StateAnomalyLearner(StateLearner):
    """A quantum autoencoder that learns the states of one phase.

    The outcome is trash in `|0⟩` (Kottmann and others 2021, arXiv:2106.07912). Shares
    become probabilities as the scores of `AnomalyLearner` do.

    Args:
        name: What it is called.
        make: Makes the `QuantumAutoencoder` of a scan, which reads amplitudes
            (rows, 2ⁿ).
        options: How it is trained, but for the loss, 1 − score; None for the defaults.
        seed: Of initial weights, of the order of rows and of measurements.
    """

    recipe = Regression

    def _fit(self, scan: Scan, labels: NDArray[np.int64]) -> None:
        self._options = evolve(self._options, loss="L1Loss")
        rows = scan.amplitudes[labels == 1]
        known = Dataset(rows, np.ones(len(rows)))
        self._train(scan, known, known)
        self._ends = _limits(scan, self._chance(scan), labels)

    def _chance(self, scan: Scan) -> Floats:
        found: Floats = self._outputs(scan.amplitudes).numpy()
        return found

    @property
    def circuit(self) -> Circuit:
        """The processing, with the trash as readout."""
        encoder: Any = self.model
        return _processing(encoder.layer.circuit, encoder.trash)

    def outcome(self, bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whether all trash is in `|0⟩`."""
        found: NDArray[np.bool_] = np.logical_not(np.any(bits, axis=-1))
        return found

    def decide(self, shares: Floats) -> Floats:
        """The share, scaled."""
        return _scaled(shares, *self._ends)


def _processing(whole: Circuit, wires: Any) -> Circuit:
    """A circuit without what encodes, which some of its wires are read of."""
    blocks = tuple(each for each in whole.blocks if not each.num_features)
    return Circuit(blocks).with_readout(Samples(wires))


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
        count = int(np.prod(evolution.weight_shape))
        self.circuit = Driven(evolution, features=slice(0, count)) @ along_x
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
        self,
        after: Circuit,
        weights: Any,
        angles: Floats,
        shots: int,
        options: dict[str, Any],
    ) -> NDArray[np.uint8]:
        """What is read where another circuit follows, (rows, shots, wires read).

        A program that asks for the same once more, as after it was killed, finds its
        jobs in the user's journal and pays for none twice.
        """
        whole = after @ self.circuit
        layer = QuantumLayer(whole, shots=shots, init_method=weights, **options)
        plain = {name: np.asarray(each).tolist() for name, each in weights.items()}
        asked = [repr(whole), angles.tolist(), plain, shots, str(options)]
        words = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
        record_jobs(layer, default_place(), f"phases-{words}")
        with torch.no_grad():
            found = layer(torch.from_numpy(angles))
        bits: NDArray[np.uint8] = found.numpy().astype(np.uint8)
        return bits

    def scan(self, sets: int, **options: Any) -> Scan:
        """Snapshots of all states in the system's bases.

        Args:
            sets: Rows of each state.
            **options: What `QuantumLayer` takes, such as the target.

        Returns:
            A scan like those of the system, without states.
        """
        sites, shots = self.system.size, sets * self.system.snapshots // 2
        # The bases are turns by angles, rows of the same circuit: one job for all.
        first = self.angles.shape[1]
        turn = AngleEncoding(sites, "Y", features=slice(first, first + sites))
        letters = np.array([list(basis) for basis in self.system.bases])
        turns = np.where(letters == "X", -np.pi / 2, 0.0)
        rows = [
            np.concatenate([angles, turned])
            for turned in turns
            for angles in self.angles
        ]
        after = Circuit((turn,)).with_readout(Samples())
        found = self._read(after, {}, np.array(rows), shots, options)
        parts = found.reshape(len(turns), len(self.angles), shots, sites)
        return Scan(
            ("h1",),
            self.couplings,
            self.system.bases,
            parts.swapaxes(0, 1),
            np.arange(len(self.couplings)),
            title=f"cluster-Ising, {sites} sites, {options.get('target') or 'auto'}",
        ).sets(self.system.snapshots)

    def shares(self, learner: StateLearner, sets: int, **options: Any) -> Floats:
        """The share of copies of which a learner's circuit has its outcome.

        Args:
            learner: Trained on the same system.
            sets: Rows of each state, each of as many copies as the system's snapshots.
            **options: What `QuantumLayer` takes, such as the target.

        Returns:
            (points · sets,), those of one state side by side.
        """
        weights = {
            name.rpartition(".")[2]: each.detach()
            for name, each in learner.model.named_parameters()
        }
        shots = sets * self.system.snapshots
        bits = self._read(learner.circuit, weights, self.angles, shots, options)
        found = learner.outcome(bits)
        shares: NDArray[np.float64] = found.reshape(len(found) * sets, -1).mean(1)
        return shares


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

    if isinstance(system, Ising2D):
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
            AnomalyLearner(
                "autoencoder",
                lambda scan: SnapshotAutoencoder(scan.num_sites),
                options(10, 0.005, 64),
                seed=seed,
            ),
        ]
    return [
        CircuitLearner(
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
        StateAnomalyLearner(
            "autoencoder",
            lambda scan: QuantumAutoencoder(
                AmplitudeEncoding(scan.num_sites),
                StronglyEntangling(scan.num_sites, layers=2),
                scan.num_sites // 3,
            ),
            options(40, 0.05, 40),
            seed=seed,
        ),
    ]
