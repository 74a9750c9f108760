"""The base of recipes whose models generate samples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.data import all_bits
from qml_qdl.data.splitting import Split
from qml_qdl.nn.jobs import begin_step
from qml_qdl.training.baselines import Baseline
from qml_qdl.training.folders import BEST, LAST
from qml_qdl.training.measures import SAMPLES, Yardstick, rows_of
from qml_qdl.training.options import DataOptions, TrainingOptions
from qml_qdl.training.recipes.recipe import Batch, Sampling

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qml_qdl.training.building import Task
    from qml_qdl.training.fitting import Fit


SHOWN = 8
"""Samples that are kept of an epoch, to be shown side by side."""

GRIDS = 6
"""About so many epochs are shown, besides the beginning."""

LEAST_MEASURED = 4
"""Fewer samples have no third neighbour."""

JUDGED = 500
"""Samples of a model that are measured after each epoch."""

PLACES = 9
"""Images of a walk from one place of the latent space to another."""


MOST_PLOTTED = 100
"""So many images of all samples are shown in a picture."""


def log_prob_of(model: nn.Module) -> Callable[[Tensor], Tensor] | None:
    """How a model tells the logarithms of probabilities of rows.

    Args:
        model: The model.

    Returns:
        Its `log_prob`, or `log_likelihood` as Boltzmann machines call it; None where it
        has neither.
    """
    found = (getattr(model, name, None) for name in ("log_prob", "log_likelihood"))
    return next(filter(None, found), None)


def listed(model: nn.Module, bits: int) -> Tensor:
    """The exact probabilities of all bit strings.

    Args:
        model: The model.
        bits: How many bits a string has.

    Returns:
        (2ⁿ,), the first bit leading.
    """
    log_prob = log_prob_of(model)
    chances: Tensor = (
        model()
        if log_prob is None
        else log_prob(all_bits(bits).to(next(model.parameters()))).exp()
    )
    return chances


class Generative(Sampling):
    """A model that generates samples, in training.

    Now and then it generates a few samples of the same noise; they travel in the
    checkpoints, so that a continued training shows what a whole one would.

    Args:
        model: The model whose weights are kept; it has `sample(rows, generator=…)`.
        split: The data.
        options: How it is trained.
    """

    unheeded: ClassVar[tuple[str, ...]] = (
        "optimizer",
        "scheduler",
        "loss",
        "gradient_clip",
    )
    keeps: ClassVar[tuple[str, ...]] = (BEST, LAST)
    upright: ClassVar[bool] = True

    rival: ClassVar[str | None] = None
    """The model with an exact likelihood that is trained once beside others, a name of
    `MODELS`; of tables alone where it reads tables."""

    footnotes: ClassVar[tuple[str, ...]] = (
        "Measured against the test part; mean ± standard deviation over seeds (initial",
        "weights, order of the rows and all that is sampled; the split is the same).",
        "Models keep the epoch that is best on the validation part. Baselines are",
        "fitted to the training part; the floor is the training part itself, as if it",
        "had been sampled. Seconds: wall-clock time of one training that led to its",
        "last epoch, without work lost to an interruption.",
    )

    def __init__(
        self, model: nn.Module, split: Split, options: TrainingOptions
    ) -> None:
        super().__init__(model, split, options)
        self.grids: dict[int, Tensor] = {}
        shares = [round(k * options.epochs / GRIDS) for k in range(GRIDS + 1)]
        self._shown_after = set(shares)
        self._seen: list[Tensor] = []

    @abstractmethod
    def judge(self, rows: Tensor) -> dict[str, float]:
        """Measures the kept model on the validation part.

        Args:
            rows: The whole part, (rows, …).

        Returns:
            Columns of the epoch.
        """

    @classmethod
    @abstractmethod
    def yardstick(cls, split: Split) -> Yardstick:
        """What measures samples of such data.

        Args:
            split: The data, as `prepare` returned them.
        """

    @classmethod
    def prepare(cls, split: Split, model: str) -> Split:
        """The data, of which samples can be measured.

        Raises:
            DataError: A part is too small for the report.
        """
        parts = {"train": len(split.train)}
        if split.has_validation:
            parts["validate"] = len(split.validation)
        if split.has_test:
            parts["test"] = len(split.test)
        if min(parts.values()) < LEAST_MEASURED:
            rows = ", ".join(f"{rows} to {part}" for part, rows in parts.items())
            raise DataError(
                f"dataset: samples are measured with {LEAST_MEASURED} rows or more in "
                f"each part, got {rows}; add rows, raise limit, or change the fractions"
            )
        return split

    @classmethod
    def check_model(cls, model: nn.Module) -> None:
        """Samples have to be sampled.

        Raises:
            ArgumentError: The model has no `sample`.
        """
        if not hasattr(model, "sample"):
            raise ArgumentError(
                f"model: {cls.__name__} trains models with sample(rows, generator=…), "
                f"got {type(model).__name__} without"
            )

    @classmethod
    def variant(
        cls, kind: str, model: nn.Module, seed: int, build: Callable[..., nn.Module]
    ) -> nn.Module:
        """The twin, whose weights are sampled after the model's."""
        maker: Any = model
        twin: nn.Module = maker.classical_twin()
        return twin

    @classmethod
    def sample(
        cls,
        model: nn.Module,
        count: int,
        generator: torch.Generator,
        shape: tuple[int, ...],
    ) -> Tensor:
        """Generates samples.

        Args:
            model: The model or its twin.
            count: How many, ≥ 1.
            generator: Random numbers.
            shape: That of a row of the data.

        Returns:
            (count, …), shaped like the data.
        """
        sampler: Any = model
        samples: Tensor = sampler.sample(count, generator=generator)
        return samples.reshape(count, *shape)

    @classmethod
    def drawn(
        cls, model: nn.Module, count: int, generator: torch.Generator, split: Split
    ) -> Tensor:
        """Samples shaped like the data."""
        return cls.sample(model, count, generator, split.train.input_shape)

    @classmethod
    def compared(
        cls, model: nn.Module, samples: Tensor, split: Split
    ) -> tuple[dict[str, float], dict[str, float]]:
        """How far samples are from the test part, and how far training rows are."""
        if len(samples) < LEAST_MEASURED:
            return {}, {}
        yardstick = cls.yardstick(split)
        floor = yardstick.of_floor(yardstick.train[: len(samples)])
        return yardstick.of_samples(samples), floor

    @classmethod
    def picture(cls, samples: Tensor, split: Split) -> Figure:
        """Images, of many the first hundred; of tables histograms."""
        from qml_qdl.training.plots import plot_samples

        shown = samples[:MOST_PLOTTED] if samples.ndim == 4 else samples
        return plot_samples(shown)

    @classmethod
    def measure(cls, model: nn.Module, split: Split) -> dict[str, float]:
        """Measures a trained model on the test part.

        Args:
            model: The model or its twin.
            split: The data.
        """
        device = next(model.parameters()).device
        generator = torch.Generator(device).manual_seed(0)
        samples = cls.sample(model, SAMPLES, generator, split.train.input_shape)
        return cls.yardstick(split).of_samples(samples)

    @classmethod
    def rival_split(cls, split: Split) -> Split:
        """The data as the `rival` reads them; by default as they are.

        Args:
            split: The data.
        """
        return split

    def assess(self, model: nn.Module) -> tuple[dict[str, float], Any]:
        """Measures samples."""
        begin_step(model, "test")
        return self.measure(model, self.split), None

    @classmethod
    def measures(cls, split: Split) -> tuple[str, ...]:
        """Those of the yardstick."""
        return cls.yardstick(split).names

    @classmethod
    def baselines(cls, split: Split) -> list[Baseline]:
        """Those of the yardstick, the floor first."""
        return cls.yardstick(split).baselines()

    @classmethod
    def data_title(cls, name: str, data: DataOptions) -> str:
        """The data set's name, and the classes that are learnt."""
        if not data.labels:
            return name
        several = "es" if len(data.labels) > 1 else ""
        return f"{name}, class{several} {', '.join(data.labels)}"

    def fixed(self) -> torch.Generator:
        """Random numbers that are the same in each epoch, beside the training's."""
        return torch.Generator(self.device).manual_seed(0)

    def on_train_start(self) -> None:
        """Keeps samples of the untrained model."""
        if not self.grids:
            self._keep_samples(0)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Collects the rows of a batch."""
        self._seen.append(batch[0])

    def on_validation_epoch_end(self) -> None:
        """Measures the model, and keeps samples in some epochs."""
        rows, self._seen = torch.cat(self._seen), []
        for name, value in self.judge(rows).items():
            self.log(name, value, prog_bar=True)
        if self.current_epoch + 1 in self._shown_after:
            self._keep_samples(self.current_epoch + 1)

    @torch.no_grad()
    def _keep_samples(self, epoch: int) -> None:
        shape = self.split.train.input_shape
        self.grids[epoch] = self.sample(self.model, SHOWN, self.fixed(), shape).cpu()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the samples to a checkpoint."""
        checkpoint["grids"] = self.grids

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes over the samples that an earlier process kept."""
        self.grids = checkpoint["grids"]

    @classmethod
    @torch.no_grad()
    def walks(cls, model: nn.Module) -> dict[str, Tensor]:
        """Samples on straight lines through what a model samples from.

        Args:
            model: The model.

        Returns:
            Rows of samples by name; here of models with `sample_noise`, from one sample
            of it to another.
        """
        if not hasattr(model, "sample_noise"):
            return {}
        sampler: Any = model
        generator = torch.Generator().manual_seed(0)
        ends = sampler.sample_noise(8, generator).reshape(4, 2, -1)
        places = torch.linspace(0, 1, PLACES)[:, None].to(ends)
        return {
            f"walk {number}": sampler(torch.lerp(begin, end, places))
            for number, (begin, end) in enumerate(ends, 1)
        }

    @classmethod
    def histograms(cls, model: nn.Module, split: Split) -> Figure:
        """Plots the test part against what a model samples."""
        from qml_qdl.training.plots import plot_histograms

        generator = torch.Generator().manual_seed(0)
        samples = cls.sample(model, SAMPLES, generator, split.train.input_shape)
        return plot_histograms({"real": rows_of(split.test), "generated": samples})

    @classmethod
    @torch.no_grad()
    def pictures(
        cls,
        task: Task,
        fits: Mapping[str, list[Fit]],
        model: nn.Module,
        last: Mapping[str, Any],
    ) -> dict[str, Figure]:
        """Samples over the epochs, on lines, and their histograms."""
        from qml_qdl.training.plots import plot_rows

        split = task.split
        figures = {"histograms": cls.histograms(model, split)}
        if split.train.is_image:
            shown = last["grids"].items()
            rows = {f"epoch {epoch}": images for epoch, images in shown}
            figures["samples-over-time"] = plot_rows(
                rows | {"real": rows_of(split.test)}
            )
            walks = cls.walks(model)
            if walks:
                shape = split.train.input_shape
                figures["latent-walk"] = plot_rows(
                    {name: each.reshape(-1, *shape) for name, each in walks.items()}
                )
        return figures
