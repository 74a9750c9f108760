"""Models with a likelihood: of bits, and variational autoencoders."""

from __future__ import annotations

import math
from typing import Any

import torch
from attrs import evolve
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.data.parts import Split
from qml_qdl.generative import (
    RBM,
    BornMachine,
    QuantumVAE,
    all_bits,
    chow_liu_circuit,
)
from qml_qdl.training.fitting import count_parameters
from qml_qdl.training.generation.family import Family
from qml_qdl.training.generation.learner import GenerativeLearner
from qml_qdl.training.generation.likelihood import (
    BornLearner,
    RBMLearner,
    VAELearner,
)
from qml_qdl.training.generation.measures import (
    MOST_LISTED,
    BitYardstick,
    ELBOYardstick,
    ManyBitsYardstick,
    rows_of,
)
from qml_qdl.training.generation.twins import ListedRBM
from qml_qdl.training.options import ModelOptions, TrainingOptions

TWIN_RATE = 1 / 6
"""The twin of a Born machine learns at this share of its rate: at the whole one it
swings, and the comparison would be unfair."""

CHAINS = 500
"""Markov chains of a Boltzmann machine."""

MOST_UNITS = 16
"""Of the visible and the hidden units at least one kind is enumerated."""


class _BitFamily(Family):
    """Models of bit strings."""

    def __init__(self, options: ModelOptions, split: Split) -> None:
        super().__init__(options, split)
        self.bits = math.prod(self.shape)
        listed = self.bits <= MOST_LISTED
        self.yardstick = BitYardstick(split) if listed else ManyBitsYardstick(split)

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, float]:
        """Measures the exact probabilities; of many bits samples and the likelihood."""
        if isinstance(self.yardstick, BitYardstick):
            return self.yardstick.of_probabilities(self.probabilities(model).cpu())
        found = super().measure(model)
        assert isinstance(model, RBM)
        test = self.yardstick.test.flatten(1).to(model.weight)
        return found | {"NLL": float(model.nll_loss(test))}

    def probabilities(self, model: nn.Module) -> Tensor:
        """The exact probabilities of all strings, (2ⁿ,)."""
        if isinstance(model, RBM):
            return model.log_likelihood(all_bits(self.bits).to(model.weight)).exp()
        chances: Tensor = model()
        return chances


class Born(_BitFamily):
    """`BornMachine`, with gates along the data's Chow-Liu tree."""

    title = "Born machine"

    def __init__(self, options: ModelOptions, split: Split) -> None:
        super().__init__(options, split)
        if self.bits > MOST_LISTED:
            raise ArgumentError(
                f"model: born_machine has a wire for each bit, up to {MOST_LISTED}, "
                f"got {self.bits}; use smaller images, or rbm"
            )

    def make(self) -> nn.Module:
        """Rotations and CNOT gates along the tree of the training part."""
        bits = rows_of(self.split.train).flatten(1)
        return BornMachine(
            chow_liu_circuit(bits, self.layers_or(10)),
            init_method="uniform",
            target=self.options.target,
        )

    def make_twin(self) -> nn.Module:
        """A restricted Boltzmann machine of as many weights, trained alike."""
        return ListedRBM(self.bits, count_parameters(self.make()))

    def learner(self, model: nn.Module, options: TrainingOptions) -> GenerativeLearner:
        """The likelihood of batches, exactly."""
        if isinstance(model, ListedRBM):
            rate = TWIN_RATE * options.learning_rate
            options = evolve(options, learning_rate=rate)
        return BornLearner(model, options, self.draw)


class Boltzmann(_BitFamily):
    """`RBM` with persistent chains; it has no circuit, and so no twin."""

    title = "RBM"

    def make(self) -> nn.Module:
        """Twenty hidden units, of many bits sixteen."""
        few = self.bits <= MOST_UNITS
        hidden = self.options.hidden or (20 if few else MOST_UNITS)
        if min(self.bits, hidden) > MOST_UNITS:
            raise ArgumentError(
                f"hidden: the likelihood is exact up to {MOST_UNITS} units on one "
                f"side, got {self.bits} bits and hidden={hidden}; pass "
                f"hidden={MOST_UNITS} or less"
            )
        return RBM(self.bits, hidden, num_chains=CHAINS)

    def learner(self, model: nn.Module, options: TrainingOptions) -> GenerativeLearner:
        """Persistent contrastive divergence."""
        return RBMLearner(model, options, self.draw)


class Vae(Family):
    """`QuantumVAE` of images or of rows of a table."""

    def __init__(self, options: ModelOptions, split: Split) -> None:
        super().__init__(options, split)
        self.part = options.quantum_part or "decoder"
        self.title = f"VAE, quantum {self.part}"
        self.yardstick = ELBOYardstick(split)

    def make(self) -> nn.Module:
        """A circuit in one part; five latent variables."""
        return self._with_circuit_in(self.part)

    def make_plain(self) -> nn.Module:
        """The same autoencoder without a circuit or anything in its place."""
        return self._with_circuit_in(None)

    def _with_circuit_in(self, chosen: str | None) -> QuantumVAE:
        parts: dict[str, Any] = {
            part: "quantum" if part == chosen else "classical"
            for part in ("encoder", "decoder", "latent")
        }
        return QuantumVAE(
            math.prod(self.shape),
            self.options.latent or 5,
            hidden=self.options.hidden or 32,
            layers=self.layers_or(2),
            likelihood="bernoulli" if self.split.train.is_image else "gaussian",
            target=self.options.target,
            **parts,
        )

    def learner(self, model: nn.Module, options: TrainingOptions) -> GenerativeLearner:
        """The evidence lower bound."""
        assert isinstance(model, QuantumVAE)
        return VAELearner(model, options, self.draw)

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, float]:
        """Measures samples, and the bound as a mean over ten draws."""
        assert isinstance(model, QuantumVAE)
        device = next(model.parameters()).device
        rows = self.yardstick.test.flatten(1).repeat(10, 1).to(device)
        generator = torch.Generator(device).manual_seed(0)
        error, divergence = (
            float(t.mean()) for t in model.terms(rows, None, generator)
        )
        return {
            "−ELBO": error + divergence,
            "reconstruction": error,
            "KL term": divergence,
            **super().measure(model),
        }
