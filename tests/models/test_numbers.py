"""What the generators reach, over several seeds, beside what needs no learning."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from qml_qdl.metrics import diversity, kl_divergence
from qml_qdl.models import ConvGenerator

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
SAMPLES = 1000


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_patch_generator_beats_the_mean_image_and_stays() -> None:
    """Fréchet distance below 1.5 with the data's diversity (mean image: 1.56, 0)."""
    example = load("gan_digits")
    real, seeds, steps = example.zeros(), 5, (500, 1000, 1500)
    found = {}
    for seed in range(seeds):
        game = example.train(real, steps[-1], seed, keep=steps)
        for step, model in game.models.items():
            row = example.measured(real, model, SAMPLES)
            found[seed, step] = row.frechet, row.diversity
            print(f"seed {seed}, step {step}: {row}", flush=True)
    table = np.array([[found[seed, step] for step in steps] for seed in range(seeds)])
    print(f"Fréchet, diversity at {steps}: {table.mean(0)} ± {table.std(0, ddof=1)}")
    assert table[:, -1, 0].mean() < 1.5
    np.testing.assert_allclose(table[:, -1, 1], diversity(real), rtol=0.2)
    assert table[:, 2, 0].mean() < 1.2 * table[:, 1, 0].mean()


def test_conv_generator_comes_close_to_its_twin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fréchet distance below 0.9 (twin of as many weights: 0.46, mean image: 1.56)."""
    example = load("gan_digits")
    real, found = example.zeros(), []

    def make(*_: object, generator: torch.Generator, **__: object) -> ConvGenerator:
        return ConvGenerator((8, 8), 5, generator=generator)

    monkeypatch.setattr(example, "PatchGenerator", make)
    for seed in range(3):
        row = example.measured(real, example.train(real, 1500, seed).model, SAMPLES)
        print(f"seed {seed}: {row}", flush=True)
        found.append((row.frechet, row.diversity))
    table = np.array(found)
    print(f"Fréchet, diversity: {table.mean(0)} ± {table.std(0, ddof=1)}")
    assert table[:, 0].mean() < 0.9
    np.testing.assert_allclose(table[:, 1], diversity(real), rtol=0.3)


def test_distribution_generator_finds_the_payoff() -> None:
    """E[max(x − 2, 0)] within 2 %, relative entropy below 0.01, from every start."""
    example = load("gan_distribution")
    target, rows = example.log_normal(), []
    for seed in range(10):
        game = example.train(target, 2000, seed)
        model = game.model().detach()
        error = example.payoff(model) / example.payoff(target) - 1
        rows.append((float(kl_divergence(target, model)), error))
        print(f"seed {seed}: relative entropy {rows[-1][0]:.5f}, payoff {error:+.2%}")
    table = np.array(rows)
    print(f"relative entropy, payoff: {table.mean(0)} ± {table.std(0, ddof=1)}")
    assert table[:, 0].max() < 0.01
    assert np.abs(table[:, 1]).max() < 0.02
