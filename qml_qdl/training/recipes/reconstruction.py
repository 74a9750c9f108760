"""States from measurements, by neural density matrices."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.manybody import AutoregressiveState
from qml_qdl.tomography import (
    DensityMatrix,
    Experiment,
    Folds,
    Histogram,
    LogLinear,
    Measurements,
    NeuralDensity,
    NonNegativeMPS,
    named_rivals,
)
from qml_qdl.tomography.measurements import MOST_DENSE_WIRES, misread
from qml_qdl.tomography.neural import has_phases, undetermined
from qml_qdl.training.baselines import Baseline
from qml_qdl.training.options import DataOptions, TrainingOptions
from qml_qdl.training.recipes.ground_state import DescentSteps, Steps
from qml_qdl.training.recipes.recipe import Sampling

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qml_qdl.training.building import Task
    from qml_qdl.training.fitting import Fit

logger = logging.getLogger(__name__)

MOST_MIXED_WIRES = 12
"""Whole density matrices are made for up to so many wires."""

_MOST_MATRIX_WIRES = 6
"""Estimators of whole density matrices stand beside it for up to so many wires."""

_ENOUGH = 30
"""Shots of a basis whose outcomes are drawn, at least."""

_COMPARED = 256
"""Bases whose probabilities are compared with those of a known state."""


@validate_call
class StateReconstruction(Sampling):
    """Finds a neural density matrix by maximum likelihood, held back by other shots.

    An epoch is one strength of a decay, which becomes weaker from epoch to epoch; the
    best one is that whose models give shots that they did not learn from the most
    likelihood (see `qml_qdl.tomography.Folds`). What is kept of it is the model that
    learnt from all shots. Nothing is chosen by a state that is known.

    Args:
        model: A `NeuralDensity`.
        split: The measurements.
        options: How it is trained. There are no batches: all shots count in each step.
        folds: How many parts the shots have, each of which is held out once.
        strongest: The decay of the first epoch.
        ratio: Of an epoch's decay to the one before, between 0 and 1.
        iterations: Of L-BFGS in one step, at most.

    Raises:
        ArgumentError: An option does not fit, or the model is no density matrix.
        DataError: The model cannot learn from these bases.
        MemoryBoundError: There are too many wires.
    """

    automatic_optimization: bool

    learns_from: ClassVar[type] = Experiment
    divided: ClassVar[type] = Experiment
    follows: ClassVar[tuple[str, ...]] = ("data", "num_wires", "num_sites")
    columns: tuple[str, ...] = ("train_nll", "val_nll", "decay")
    monitor: ClassVar[str] = "val_nll"
    unheeded: ClassVar[tuple[str, ...]] = (
        "batch_size",
        "learning_rate",
        "optimizer",
        "scheduler",
        "loss",
        "gradient_clip",
    )
    upright: ClassVar[bool] = True
    names: ClassVar[Mapping[str, str]] = {"positive": "positive amplitudes"}
    footnotes: ClassVar[tuple[str, ...]] = (
        "NLL: mean negative log-likelihood of a shot in nats; held out, given models",
        "that did not learn from it, by which decay and epoch were chosen. Fidelities",
        "are squared. KL: of the outcomes' probabilities, mean over the bases. Mean ±",
        "standard deviation over seeds. Seconds: of one training with all its folds.",
    )

    def __init__(
        self,
        model: nn.Module,
        split: Experiment,
        options: TrainingOptions,
        *,
        folds: int = 4,
        strongest: float = 1000.0,
        ratio: float = 10**-0.5,
        iterations: int = 60,
    ) -> None:
        super().__init__(model, split, options)
        self.check_model(model)
        self.automatic_optimization = False
        if options.precision == "bf16-mixed":
            raise ArgumentError(
                "precision: reconstructions need 32-true or 64-true, got 'bf16-mixed'"
            )
        if options.accelerator == "gpu":
            raise ArgumentError(
                "accelerator: L-BFGS runs on the CPU, got 'gpu'; use 'auto' or 'cpu'"
            )
        self.folds = Folds(
            *(self.model, split.data),  # type: ignore[arg-type]
            folds=folds,
            strongest=strongest,
            ratio=ratio,
            iterations=iterations,
        )
        self.register_buffer("lowest", torch.tensor(math.inf, dtype=torch.float64))
        self.lowest: Tensor

    # ---- What is learnt from, and by what. ----

    @classmethod
    def divide(
        cls, dataset: Experiment, data: DataOptions, preprocessing: Any = None
    ) -> Experiment:
        """The measurements as they are: folds are divided where they are trained."""
        return dataset

    @classmethod
    def amount(cls, split: Experiment) -> str:
        """Wires, bases and shots."""
        data = split.data
        bases = f"{len(data.bases):,} bases" if len(data.bases) > 1 else data.bases[0]
        return f"{data.num_wires} wires, {bases}, {data.total_shots:,} shots"

    @classmethod
    def following(cls, split: Experiment) -> dict[str, Any]:
        """The measurements and their wires."""
        count = split.data.num_wires
        return dict(zip(cls.follows, (split.data, count, count), strict=True))

    @classmethod
    def check_model(cls, model: nn.Module) -> None:
        """Only density matrices have likelihoods of shots.

        Raises:
            ArgumentError: The model is no `NeuralDensity`.
        """
        if not isinstance(model, NeuralDensity):
            raise ArgumentError(
                "model: expected a qml_qdl.tomography.NeuralDensity, got "
                f"{type(model).__name__}; make one of a neural state"
            )

    def check_options(self) -> None:
        """Warns of bases that leave open what is to be learnt, before a run begins."""
        model: Any = self.model
        if left_open := undetermined(model, self.split.data):
            logger.warning("%s: %s", self.split.name, left_open)

    @classmethod
    def kinds(cls, model: nn.Module) -> tuple[str, ...]:
        """Beside complex amplitudes positive ones."""
        own: Any = model
        return ("positive",) if has_phases(own) else ()

    @classmethod
    def variant(
        cls, kind: str, model: nn.Module, seed: int, build: Callable[..., nn.Module]
    ) -> nn.Module:
        """The same state with positive amplitudes."""
        return build(amplitudes="positive")

    # ---- How it is trained. ----

    def train_loader(self, seed: int) -> Iterable[Any]:
        """The steps of an epoch, one for each fold and one for all shots."""
        self.folds.deal(seed)
        return Steps(len(self.folds))

    def validation_loader(self) -> None:
        """Each fold is validated with what it left out."""

    def configure_optimizers(self) -> Any:
        """Returns what makes the steps."""
        return DescentSteps(self.model, self.folds)

    def training_step(self, batch: int, batch_index: int) -> None:
        """Takes one model to its minimum."""
        optimizer: Any = self.optimizers()
        self.log_step("train_nll_step", optimizer.step())

    def on_train_epoch_end(self) -> None:
        """Logs how likely all shots are, and those that were held out."""
        found = torch.tensor(self.folds.held_out(), dtype=torch.float64)
        self.lowest.copy_(torch.minimum(self.lowest, found))
        self.log("val_nll", found, prog_bar=True)
        self.log("train_nll", self.folds.loss().double(), prog_bar=True)
        self.log("decay", torch.tensor(self.folds.strength, dtype=torch.float64))

    # ---- How it is judged. ----

    @classmethod
    def measures(cls, split: Experiment) -> tuple[str, ...]:
        """How likely the shots are, and how near the state is to one that is known."""
        known = ("fidelity", "trace distance", "KL") if split.truth is not None else ()
        energies = ("energy",) if split.hamiltonian is not None else ()
        both = ("relative error",) if known and energies else ()
        return ("held-out NLL", "NLL", *known, *energies, *both, "purity")

    def assess(self, model: nn.Module) -> tuple[dict[str, float], Any]:
        """Measures the state, where it is small enough to be listed."""
        own: Any = model
        folds = self.folds
        found = {"held-out NLL": float(self.lowest), "NLL": float(folds.loss())}
        state = reconstructed(own)
        if state is not None:
            found |= judged(state, self.split)
        return found, None

    @classmethod
    def baselines(cls, split: Experiment) -> list[Baseline]:
        """Every estimator with a name that such measurements are enough for."""
        if split.data.num_wires > MOST_DENSE_WIRES:
            return []
        found = []
        for name, estimator in named_rivals().items():
            matrix = not isinstance(estimator, Histogram | LogLinear | NonNegativeMPS)
            if matrix and split.data.num_wires > _MOST_MATRIX_WIRES:
                continue
            start = time.perf_counter()
            try:
                made = estimator.fit(split.data)
            except (ArgumentError, DataError):  # for want of bases
                continue
            seconds = time.perf_counter() - start
            note = "" if made.converged else "not converged"
            measures = judged(made.state, split)
            label = name.replace("_", " ")
            found.append(Baseline(label, measures, None, seconds, note))
        return found

    # ---- What is sampled of it, and shown. ----

    @classmethod
    @torch.no_grad()
    def drawn(
        cls, model: nn.Module, count: int, generator: torch.Generator, split: Experiment
    ) -> Tensor:
        """Outcomes along Z, before reading, as bits."""
        own: Any = model
        wires = own.num_wires
        if isinstance(own.state, AutoregressiveState):
            bits = (1 - own.state.sample(count, generator)[:, :wires]) / 2
        else:
            chances = own.factor().abs().square().sum(1)
            codes = torch.multinomial(chances, count, True, generator=generator)
            bits = codes[:, None] >> torch.arange(wires).flip(0) & 1
        if own.noise is not None:
            white = torch.rand(count, 1, generator=generator) < own.noise
            other = torch.randint(2, (count, wires), generator=generator)
            bits = torch.where(white, other.to(bits), bits)
        return bits.to(torch.uint8)

    @classmethod
    def compared(
        cls, model: nn.Module, samples: Tensor, split: Experiment
    ) -> tuple[dict[str, float], dict[str, float]]:
        """How far pairs of bits are from the state's, beside those that were measured.

        Root mean squares over all pairs of wires, along Z.
        """
        own: Any = model
        state = reconstructed(own)
        if state is None or own.num_wires < 2:
            return {}, {}
        basis = "Z" * own.num_wires
        made = Measurements.from_bits([basis], [samples.numpy()])
        several = [made]
        if basis in split.data.bases:
            several.append(split.data.in_bases([basis]))
        found = []
        for each in several:
            mean, _, fitted = pairs(state, each)
            found.append({"pairs": float(np.sqrt(np.square(mean - fitted).mean()))})
        return found[0], found[1] if len(found) > 1 else {}

    @classmethod
    def picture(cls, samples: Tensor, split: Experiment) -> Figure:
        """Outcomes as lines of one picture."""
        from qml_qdl.training.plots import plot_samples

        return plot_samples(samples[:100].float()[None, None])

    @classmethod
    def pictures(
        cls,
        task: Task,
        fits: Mapping[str, list[Fit]],
        model: nn.Module,
        last: Mapping[str, Any],
    ) -> dict[str, Figure]:
        """What was measured beside what the state gives."""
        from qml_qdl.training.plots import plot_outcomes, plot_pairs

        own: Any = model
        state = reconstructed(own)
        if state is None:
            return {}
        data: Measurements = task.split.data
        figures = {"pairs": plot_pairs(*pairs(state, data))}
        if data.shots.max() >= _ENOUGH:
            figures["outcomes"] = plot_outcomes(data, {task.title or "fitted": state})
        return figures

    @classmethod
    def panels(cls) -> list[tuple[str, ...]]:
        """Likelihoods of all shots and of those held out."""
        return [("train_nll", "val_nll")]


def reconstructed(model: NeuralDensity) -> DensityMatrix | None:
    """The density matrix; None where it has too many wires.

    Args:
        model: The neural one.
    """
    most = MOST_DENSE_WIRES if model.noise is None else MOST_MIXED_WIRES
    return model.density_matrix() if model.num_wires <= most else None


def judged(state: DensityMatrix, split: Experiment) -> dict[str, float]:
    """How near a state is to what is known.

    Args:
        state: The state.
        split: The measurements, with what is known.

    Returns:
        Measures by name.
    """
    found = {"purity": state.purity}
    truth, hamiltonian = split.truth, split.hamiltonian
    if hamiltonian is not None:
        found["energy"] = state.expectation(hamiltonian)
    if truth is None:
        return found
    if hamiltonian is not None:
        exact = truth.expectation(hamiltonian)
        if exact:
            found["relative error"] = (found["energy"] - exact) / abs(exact)
    found["fidelity"] = state.fidelity(truth)
    found["trace distance"] = state.trace_distance(truth)
    bases = split.data.bases[:_COMPARED]
    true, own = truth.probabilities(bases), state.probabilities(bases)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(true > 1e-15, true * np.log(true / own), 0.0)
    found["KL"] = max(0.0, float(terms.sum(1).mean()))
    return found


def pairs(state: DensityMatrix, data: Measurements) -> NDArray[np.float64]:
    """Means of products of two readings ±1, for all wires and letters that were read.

    Args:
        state: The state before reading.
        data: The measurements.

    Returns:
        (3, pairs): as measured, their standard errors, and as the state has them.
    """
    letters = np.array([list(basis) for basis in data.bases])[data.of]
    signs = 1.0 - 2.0 * data.outcomes
    found = []
    for i, j in combinations(range(data.num_wires), 2):
        part = state.reduced([i, j])
        words = np.char.add(letters[:, i], letters[:, j])
        known = None if data.confusion is None else data.confusion[[i, j]]
        for word in np.unique(words):
            mine = words == word
            shots = data.counts[mine].sum()
            mean = data.counts[mine] @ (signs[mine, i] * signs[mine, j]) / shots
            read = misread(part.probabilities([word])[0], known)
            fitted = read @ np.array([1.0, -1.0, -1.0, 1.0])
            # Of the fitted mean, as one that was read alike every time tells no error.
            found.append((mean, np.sqrt(max(0.0, 1 - fitted**2) / shots), fitted))
    return np.array(found).reshape(-1, 3).T
