"""Ground states by variational Monte Carlo."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.manybody import (
    Descent,
    Estimate,
    FullSummation,
    GradientDescent,
    JastrowState,
    ModuleState,
    NeuralState,
    Problem,
    Samples,
    StochasticReconfiguration,
    VariationalMonteCarlo,
    correlators,
    mean_field_energy,
    neural_state,
    structure_factor,
    zero_variance,
)
from qml_qdl.manybody.observables import lies_on_a_line
from qml_qdl.manybody.problems import MOST_COMPARED, SamplerName
from qml_qdl.manybody.reconfiguration import Solver
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.nn import QuantumLayer
from qml_qdl.tomography import Folds
from qml_qdl.training.baselines import Baseline
from qml_qdl.training.options import (
    DataOptions,
    TrainingOptions,
    default_training,
)
from qml_qdl.training.recipes.recipe import Sampling, count_parameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qml_qdl.training.building import Task
    from qml_qdl.training.fitting import Fit

logger = logging.getLogger(__name__)

WARM_UP = 100
"""Sweeps of new chains before the first configuration counts."""

_AT_ONCE = 16
"""Sweeps whose local energies are found together at the end."""

_SHOWN = 16 * 1008
"""Configurations whose spins are shown correlated, where they cannot be listed."""

DescentName = Literal["sr", "adam"]


class Steps:
    """The steps of an epoch, which take no data: an epoch can be resumed within.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._position = 0
        self._resuming = False

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        # As in ResumableLoader, nothing moves before the first is asked for.
        if self._position == self.count or not self._resuming:
            self._position = 0
        self._resuming = False
        for number in range(self._position, self.count):
            self._position += 1
            yield number

    def state_dict(self) -> dict[str, int]:
        """How many steps of the epoch are done."""
        return {"count": self.count, "position": self._position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Goes on from there.

        Args:
            state: What `state_dict` returned.

        Raises:
            RunError: It is of epochs of another length.
        """
        if state["count"] != self.count:
            raise RunError(
                f"steps: the checkpoint was made with {state['count']} to an epoch, "
                f"got {self.count}; resume with the same options"
            )
        self._position, self._resuming = state["position"], True


class DescentSteps(torch.optim.Optimizer):
    """A descent as the trainer's optimiser: it counts the steps and keeps the state.

    Args:
        model: What it changes.
        descent: What makes the steps.
    """

    def __init__(
        self, model: nn.Module, descent: VariationalMonteCarlo | Folds
    ) -> None:
        super().__init__(model.parameters(), {})
        self.descent = descent

    def step(self, closure: Any = None) -> Any:
        """One step of the descent; it returns what that tells."""
        return self.descent.step()

    def state_dict(self) -> dict[str, Any]:
        """All that has to be kept: chains, generators, shift, momentum and the rest."""
        return self.descent.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from there."""
        self.descent.load_state_dict(state_dict)


@validate_call
class GroundState(Sampling):
    """Lowers the energy of a neural quantum state by variational Monte Carlo.

    An epoch is some steps; its numbers are means over them. The last epoch is kept:
    of earlier ones a lower energy is mostly luck, and a descent that rises goes back by
    itself. What is reported comes from new chains.

    Args:
        model: A `NeuralState`.
        split: The problem.
        options: How it is trained. `learning_rate` is the descent's first, which falls
            over the epochs; Adam takes its own, unless another than the usual is given.
        sampler: Where configurations come from: metropolis, autoregressive, full for
            the sum over all of them, or auto, which is the second for states that
            sample themselves, the sum for circuits, and else the first.
        samples: Configurations of each step.
        chains: Independent chains; None for as many as samples.
        descent: sr, stochastic reconfiguration, or adam.
        solver: Of stochastic reconfiguration: auto, cholesky, minsr or cg.
        shift: What it first adds to the diagonal; None as it has it.
        momentum: Its momentum; None as it has it.
        steps: Steps of an epoch.
        final_samples: Configurations of the last estimate.

    Raises:
        ArgumentError: An option does not fit, or the model is no state.
        MemoryBoundError: What a step makes does not fit into memory.
    """

    automatic_optimization: bool

    learns_from: ClassVar[type] = Problem
    divided: ClassVar[type] = Problem
    follows: ClassVar[tuple[str, ...]] = (
        "problem",
        "lattice",
        "num_sites",
        "num_features",
        "in_features",
        "num_outputs",
        "out_features",
    )
    monitor: ClassVar[str] = "energy"
    unheeded: ClassVar[tuple[str, ...]] = (
        "batch_size",
        "optimizer",
        "scheduler",
        "loss",
        "gradient_clip",
    )
    upright: ClassVar[bool] = True
    names: ClassVar[Mapping[str, str]] = {"twin": "RBM twin", "jastrow": "Jastrow"}
    footnotes: ClassVar[tuple[str, ...]] = (
        "Energies in Pauli units, of the last epoch; each from new chains (200,000",
        "configurations unless final_samples says otherwise), its error bar from their",
        "spread (0 where all configurations were summed). Mean ± standard deviation",
        "over seeds. Relative errors are against the exact energy of the sector.",
        "V-score: sites · variance / energy². The Jastrow state, and the RBM of as",
        "many parameters beside a circuit, are trained in the same way; mean field is",
        "the best product state. Seconds: wall-clock time of one training that led to",
        "its last epoch, without work lost to an interruption.",
    )

    def __init__(
        self,
        model: nn.Module,
        split: Problem,
        options: TrainingOptions,
        *,
        sampler: SamplerName = "auto",
        samples: int = 1008,
        chains: int | None = None,
        descent: DescentName = "sr",
        solver: Solver | None = None,
        shift: float | None = None,
        momentum: float | None = None,
        steps: int = 10,
        final_samples: int = 200_000,
    ) -> None:
        super().__init__(model, split, options)
        self.check_model(model)
        self.automatic_optimization = False
        check_choice("descent", descent, ("sr", "adam"))
        check_count("steps", steps)
        check_count("final_samples", final_samples)
        if options.precision == "bf16-mixed":
            raise ArgumentError(
                "precision: ground states need 32-true or 64-true, got 'bf16-mixed'"
            )
        if options.accelerator == "gpu":
            raise ArgumentError(
                "accelerator: chains run on the CPU, got 'gpu'; use 'auto' or 'cpu'"
            )
        given = {"solver": solver, "shift": shift, "momentum": momentum}
        self._descent = {k: v for k, v in given.items() if v is not None}
        if descent == "adam" and self._descent:
            name, value = next(iter(self._descent.items()))
            raise ArgumentError(
                f"{name}: 'adam' has no such option, got {value!r}; leave it out, or "
                "use descent='sr'"
            )
        self._kind = descent
        self._sampling: dict[str, Any] = {"kind": sampler, "samples": samples}
        self._sampling["chains"] = chains
        self._steps = steps
        self._final_samples = final_samples
        self._seed = 0
        self._monte_carlo(0)  # or what is wrong would show when training begins
        self.columns = self._told()
        # Of the epoch so far, which checkpoints keep: how many steps went well, and the
        # sums of their numbers; and how many did not.
        numbers = torch.zeros(len(self.columns), dtype=torch.float64)
        self.register_buffer("numbers", numbers)
        self.register_buffer("failed", torch.zeros((), dtype=torch.float64))
        self.numbers: Tensor
        self.failed: Tensor

    def _told(self) -> tuple[str, ...]:
        """The numbers of an epoch, as the sampler has them."""
        sampler = self._sampler(torch.Generator())
        moves = not isinstance(sampler, FullSummation)
        several = getattr(sampler, "sweeps", 1) > 1
        return (
            *("energy", "error", "variance", "v_score"),
            *(("acceptance",) if hasattr(sampler, "moves") else ()),
            *(("r_hat",) if moves and several else ()),
            *("learning_rate", "failed_steps"),
        )

    def _sampler(self, generator: torch.Generator) -> Any:
        return self.split.sampler(self.model, generator=generator, **self._sampling)

    def _monte_carlo(self, seed: int) -> VariationalMonteCarlo:
        state: Any = self.model
        options: dict[str, Any] = dict(self._descent)
        options["steps"] = self._steps * self.options.epochs
        rate = self.options.learning_rate
        usual = default_training("nqs").learning_rate  # of the other descent
        if self._kind == "sr" or rate != usual:
            options["learning_rate"] = rate
        descent: Descent
        if self._kind == "adam":
            descent = GradientDescent(state, **options)
        else:
            descent = StochasticReconfiguration(state, **options)
        sampler = self._sampler(torch.Generator().manual_seed(seed))
        return VariationalMonteCarlo(self.split.turned, state, sampler, descent)

    # ---- What is learnt from, and by what. ----

    @classmethod
    def divide(
        cls, dataset: Problem, data: DataOptions, preprocessing: Any = None
    ) -> Problem:
        """The problem as it is."""
        return dataset

    @classmethod
    def amount(cls, split: Problem) -> str:
        """Its sites and its sector."""
        sector = split.sector
        told = {
            "magnetisation": sector.magnetisation,
            "momentum": split.momentum,
            "spin flip": split.spin_flip,
        }
        found = [f"{name} {each}" for name, each in told.items() if each is not None]
        signs = ["Marshall signs"] if split.marshall else []
        return ", ".join([f"{split.num_sites} sites", *found, *signs])

    @classmethod
    def following(cls, split: Problem) -> dict[str, Any]:
        """The problem, its lattice and sites; a module gives log ψ, or phases too."""
        count = split.num_sites
        outputs = 1 if split.turned.is_stoquastic else 2
        values = (split, split.lattice, count, count, count, outputs, outputs)
        return dict(zip(cls.follows, values, strict=True))

    @classmethod
    def from_data(
        cls,
        model_class: Callable[..., nn.Module],
        split: Problem,
        init_args: Mapping[str, Any],
    ) -> nn.Module:
        """Builds a state; a module that is none becomes one."""
        found = super().from_data(model_class, split, init_args)
        if isinstance(found, NeuralState):
            return found
        return ModuleState(found, split.num_sites)

    @classmethod
    def check_model(cls, model: nn.Module) -> None:
        """Only states have local energies.

        Raises:
            ArgumentError: The model is no `NeuralState`.
        """
        if not isinstance(model, NeuralState):
            raise ArgumentError(
                "model: expected a qml_qdl.manybody.NeuralState, got "
                f"{type(model).__name__}; wrap it with ModuleState"
            )

    def check_options(self) -> None:
        """Refuses what does not fit into memory, before a run begins."""
        if self._kind == "adam" or self._descent.get("solver") == "cg":
            return
        rows = self._sampling["samples"]
        if self._sampling["kind"] == "full":
            rows = self.split.configurations.num_configurations
        count = sum(2 ** p.is_complex() * p.numel() for p in self.model.parameters())
        parts = 1 if self.split.turned.is_stoquastic else 2
        check_memory(
            f"samples: {rows:,} rows of derivatives by {count:,} parameters",
            8 * (3 * parts * rows * count + min(parts * rows, count) ** 2),
            "take fewer of them, or solver='cg'",
        )

    @classmethod
    def kinds(cls, model: nn.Module) -> tuple[str, ...]:
        """A Jastrow state, and beside a circuit an RBM."""
        quantum = any(isinstance(each, QuantumLayer) for each in model.modules())
        twin = ("twin",) if quantum else ()
        return *twin, *(() if isinstance(model, JastrowState) else ("jastrow",))

    @classmethod
    def variant(
        cls, kind: str, model: nn.Module, seed: int, build: Callable[..., nn.Module]
    ) -> nn.Module:
        """A Jastrow state, or an RBM of about as many real parameters."""
        if kind == "jastrow":
            return build(neural_state, state="jastrow")
        wanted = _real_parameters(model)
        one, two = (
            _real_parameters(build(neural_state, state="rbm", alpha=alpha))
            for alpha in (1, 2)
        )
        alpha = max(1, 1 + round((wanted - one) / (two - one)))
        return build(neural_state, state="rbm", alpha=alpha)

    # ---- How it is trained. ----

    def train_loader(self, seed: int) -> Iterable[Any]:
        """The steps of an epoch; the seed is that of the chains."""
        self._seed = seed
        return Steps(self._steps)

    def validation_loader(self) -> None:
        """There is nothing to validate with but the energy itself."""

    def configure_optimizers(self) -> Any:
        """Returns the descent."""
        return DescentSteps(self.model, self._monte_carlo(self._seed))

    def training_step(self, batch: int, batch_index: int) -> None:
        """One step of the descent."""
        optimizer: Any = self.optimizers()
        done = optimizer.step()
        if done.event:
            logger.warning("step %s: %s", done.number + 1, done.event)
            self.failed += 1
        estimate = done.estimate
        if not math.isfinite(done.length):
            return
        if self.numbers[0] < 0:  # what the last epoch came to stays until now
            self.numbers.zero_()
        found = {
            "energy": estimate.energy,
            "error": estimate.error**2,
            "variance": estimate.variance,
            "v_score": estimate.v_score,
            "acceptance": estimate.acceptance,
            "r_hat": estimate.r_hat,
            "learning_rate": done.learning_rate,
        }
        self.numbers[0] += 1
        for place, name in enumerate(self.columns[:-1], 1):
            self.numbers[place] += float(found[name] or 0.0)
        self.log_step("energy_step", estimate.energy)

    def on_train_epoch_end(self) -> None:
        """Logs the means of the epoch, over the steps that went well."""
        count = self.numbers[0].abs()
        for place, name in enumerate(self.columns[:-1], 1):
            value = self.numbers[place] / count
            if name == "error":  # steps are independent of each other, about
                value = (value / count).sqrt()
            self.log(name, value, prog_bar=name in ("energy", "error", "v_score"))
        self.log(self.columns[-1], self.failed.clone())
        self.numbers[0] = -count
        self.failed.zero_()

    @classmethod
    def merit(cls, row: Mapping[str, float]) -> tuple[float, ...]:
        """The last epoch is the best."""
        return (row["epoch"],)

    @classmethod
    def standing(cls, row: Mapping[str, float], measures: Mapping[str, float]) -> float:
        """Seeds are chosen by what energy they reached, or more by one error bar."""
        return -measures["energy"] - measures["error bar"]

    # ---- How it is judged. ----

    @classmethod
    def measures(cls, split: Problem) -> tuple[str, ...]:
        """The energy, how sure it is, and how far it is from the exact one."""
        return (
            "energy",
            "error bar",
            "relative error",
            "variance",
            "V-score",
            "fidelity",
            "R̂",
            "autocorrelation time",
            "acceptance",
        )

    def assess(self, model: nn.Module) -> tuple[dict[str, float], Any]:
        """Estimates the energy from new chains."""
        problem: Problem = self.split
        state: Any = model
        estimate, _ = _fresh(
            *(problem, state, self._sampling["kind"], self._final_samples),
            chains=self._sampling["chains"] or self._sampling["samples"],
        )
        found = {
            "energy": estimate.energy,
            "error bar": estimate.error,
            "relative error": _relative(problem, estimate.energy),
            "variance": estimate.variance,
            "V-score": estimate.v_score,
            "fidelity": problem.fidelity(state),
            "R̂": estimate.r_hat,
            "autocorrelation time": estimate.autocorrelation_time,
            "acceptance": estimate.acceptance,
        }
        return {k: float(v) for k, v in found.items() if v is not None}, None

    @classmethod
    def baselines(cls, split: Problem) -> list[Baseline]:
        """The best product state, where no sector was asked for, and the exact one."""
        found = []
        if split.is_lowest:
            energy = mean_field_energy(split.operator)
            measures = {"energy": energy, "relative error": _relative(split, energy)}
            kept = {k: v for k, v in measures.items() if v is not None}
            found.append(Baseline("mean field", kept, 2 * split.num_sites))
        if split.exact is not None:
            known = {"energy": split.exact.energy}
            found.append(Baseline(f"exact ({split.exact.method})", known))
        return found

    @classmethod
    def data_title(cls, name: str, data: DataOptions) -> str:
        """The Hamiltonian with its arguments."""
        given = [f"{key}={value}" for key, value in data.source.init_args.items()]
        return f"{name} ({', '.join(given)})" if given else name

    # ---- What is sampled of it, and shown. ----

    @classmethod
    @torch.no_grad()
    def drawn(
        cls, model: nn.Module, count: int, generator: torch.Generator, split: Problem
    ) -> Tensor:
        """Configurations as bits (1 − s)/2: exactly where they can be listed."""
        state: Any = model
        if split.configurations.num_configurations <= MOST_COMPARED:
            listed = split.sampler(state, "full").sample(state)
            weights = listed.weights
            assert weights is not None
            rows = torch.multinomial(
                weights, count, replacement=True, generator=generator
            )
            spins = listed.spins[rows]
        else:
            chains = min(count, 1008)
            sampler = split.sampler(state, samples=chains, generator=generator)
            if hasattr(sampler, "moves"):
                sampler.sample(state, WARM_UP)
            spins = sampler.sample(state, math.ceil(count / chains)).spins[:count]
        return ((1 - spins) / 2).to(torch.uint8)

    @classmethod
    @torch.no_grad()
    def compared(
        cls, model: nn.Module, samples: Tensor, split: Problem
    ) -> tuple[dict[str, float], dict[str, float]]:
        """The energy of samples, beside the exact one."""
        state: Any = model
        spins = 1 - 2 * samples.to(state.dtype)
        operator = split.turned
        elements = operator.elements(spins)
        ratios = state.ratios(spins, operator.flips, elements != 0)
        local = operator.diagonal(spins) + (elements * ratios).sum(1)
        found = Estimate.of(local, Samples(spins, chains=len(spins)))
        measures = {"energy": found.energy, "error bar": found.error}
        exact = {} if split.exact is None else {"energy": split.exact.energy}
        return {k: v for k, v in measures.items() if math.isfinite(v)}, exact

    @classmethod
    def picture(cls, samples: Tensor, split: Problem) -> Figure:
        """Configurations: of a plane as pictures, else as lines of one."""
        from qml_qdl.training.plots import plot_samples

        lattice = split.lattice
        shape = (1, len(samples), split.num_sites)
        cells = () if lattice is None else lattice.n_cells
        if len(cells) == 2 and math.prod(cells) == split.num_sites:
            shape = (len(samples), *cells)
        images = samples.float().reshape(shape)[:100, None]
        return plot_samples(images)

    @classmethod
    def pictures(
        cls,
        task: Task,
        fits: Mapping[str, list[Fit]],
        model: nn.Module,
        last: Mapping[str, Any],
    ) -> dict[str, Figure]:
        """The descent beside what is known, its limit, and how spins are correlated."""
        from qml_qdl.training.plots import (
            plot_correlators,
            plot_descent,
            plot_structure_factor,
            plot_zero_variance,
        )

        problem: Problem = task.split
        # Without one, or where it is zero, energies themselves are shown.
        exact = (problem.exact.energy or None) if problem.exact is not None else None
        histories = {
            cls.names.get(kind) or task.title or kind: [each.history for each in seeds]
            for kind, seeds in fits.items()
        }
        known = {
            each.name: each.measures["energy"]
            for each in cls.baselines(problem)
            if each.measures["energy"] != exact
        }
        figures = {"descent": plot_descent(histories, exact, known)}
        best = max(next(iter(fits.values())), key=lambda each: each.merit)
        seen = _estimates(problem, best.history)
        if seen:
            figures["zero-variance"] = plot_zero_variance(
                seen, zero_variance(seen), exact
            )
        lattice = problem.lattice
        positions = None if lattice is None else lattice.positions
        if lattice is not None and positions is not None and positions.shape[1] < 3:
            listed = problem.configurations.num_configurations <= MOST_COMPARED
            state: Any = model
            kind: SamplerName = "full" if listed else "auto"
            _, samples = _fresh(problem, state, kind, _SHOWN)
            figures["correlators"] = plot_correlators(correlators(samples), lattice)
            figures["structure-factor"] = plot_structure_factor(
                structure_factor(samples, lattice)
            )
        return figures

    @classmethod
    def panels(cls) -> list[tuple[str, ...]]:
        """The energy, how far it is from an eigenstate's, and what failed."""
        return [("energy",), ("v_score",), ("failed_steps",)]


@torch.no_grad()
def _fresh(
    problem: Problem,
    state: NeuralState,
    kind: SamplerName,
    count: int,
    chains: int = 1008,
) -> tuple[Estimate, Samples]:
    """The energy from new chains, and the last of their configurations."""
    chains = min(chains, count)
    sampler = problem.sampler(
        *(state, kind),
        samples=chains,
        chains=chains,
        generator=torch.Generator().manual_seed(0),
    )
    if hasattr(sampler, "moves"):
        sampler.sample(state, WARM_UP)
    left = 1 if isinstance(sampler, FullSummation) else math.ceil(count / chains)
    local, moved, total = [], 0.0, left
    while left:
        sweeps = min(left, _AT_ONCE)
        samples = sampler.sample(state, sweeps)
        local.append(sampler.local_energies(problem.turned, state, samples))
        moved += sweeps * (samples.acceptance or 0.0)
        left -= sweeps
    moves = None if samples.acceptance is None else moved / total
    whole = Samples(samples.spins, samples.weights, samples.chains, moves)
    return Estimate.of(torch.cat(local), whole), samples


def _estimates(
    problem: Problem, history: Sequence[Mapping[str, float]]
) -> list[Estimate]:
    """Those of the second half of a descent; none where no line can be laid."""
    found = [
        Estimate(row["energy"], row["error"], row["variance"], problem.num_sites, 0)
        for row in history[len(history) // 2 :]
    ]
    errors = [each.error > 0 for each in found]
    alike = all(errors) or not any(errors)
    return found if alike and lies_on_a_line(found) else []


def _real_parameters(model: nn.Module) -> int:
    complex_ones = sum(p.numel() for p in model.parameters() if p.is_complex())
    return count_parameters(model) + complex_ones


def _relative(problem: Problem, energy: float) -> float | None:
    exact = problem.exact
    if exact is None or not exact.energy:
        return None
    return (energy - exact.energy) / abs(exact.energy)
