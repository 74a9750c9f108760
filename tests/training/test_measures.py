"""Measures and baselines, against what can be worked out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from qml_qdl.data import Dataset, Split, all_bits, load, split
from qml_qdl.metrics import quality
from qml_qdl.metrics.baselines import BitTree, sample_baselines
from qml_qdl.models.classical_generators import DistributionTable, ListedRBM
from qml_qdl.training.measures import (
    SAMPLES,
    BitYardstick,
    DensityYardstick,
    ManyBitsYardstick,
    RealYardstick,
    ValueYardstick,
    format_measure,
    rows_of,
)


@pytest.fixture(scope="module")
def patterns() -> Split:
    return split(load("bars_and_stripes"))


def chain(rows: int) -> torch.Tensor:
    """Three bits: the second mostly the first, the third mostly the second."""
    generator = torch.Generator().manual_seed(0)
    bits = torch.zeros(rows, 3)
    bits[:, 0] = torch.bernoulli(torch.full((rows,), 0.3), generator=generator)
    for k in (1, 2):
        flips = torch.bernoulli(torch.full((rows,), 0.1), generator=generator)
        bits[:, k] = (bits[:, k - 1] - flips).abs()
    return bits


def test_a_tree_is_a_distribution_and_finds_the_chain() -> None:
    tree = BitTree.fit(chain(20_000))
    chances = tree.log_likelihood(all_bits(3)).exp()
    assert float(chances.sum()) == pytest.approx(1, abs=1e-5)
    wanted = [0.7 * 0.9 * 0.9, 0.7 * 0.9 * 0.1, 0.7 * 0.1 * 0.1, 0.7 * 0.1 * 0.9]
    assert chances[:4].tolist() == pytest.approx(wanted, abs=0.01)
    assert tree.parameters == 5
    sampled = tree.sample(20_000, torch.Generator().manual_seed(1))
    seen = [float((sampled == row).all(1).double().mean()) for row in all_bits(3)]
    assert seen == pytest.approx(chances.tolist(), abs=0.015)


def test_independent_bits_keep_the_means_alone() -> None:
    bits = chain(2000)
    tree = BitTree.fit(bits, edges=False)
    sampled = tree.sample(20_000, torch.Generator().manual_seed(1))
    torch.testing.assert_close(sampled.mean(0), bits.mean(0), atol=0.02, rtol=0)
    assert abs(float(torch.corrcoef(sampled.T)[0, 1])) < 0.03
    assert tree.parameters == 3
    # What was never seen is unlikely, not impossible.
    never = BitTree.fit(torch.zeros(9, 2), edges=False)
    assert never.log_likelihood(torch.ones(1, 2)).exp().item() == pytest.approx(0.0025)


def test_bits_beside_their_baselines(patterns: Split) -> None:
    yardstick = BitYardstick(patterns)
    floor, tree, independent, uniform = yardstick.baselines()
    assert floor.measures["valid"] == pytest.approx(1)
    # Each pattern is equally often in all parts.
    assert floor.measures["KL"] == pytest.approx(0, abs=1e-6)
    assert tree.measures["KL"] < independent.measures["KL"] - 0.5
    # Each pixel alone is as often on as off.
    assert independent.measures["KL"] == pytest.approx(uniform.measures["KL"], abs=1e-3)
    assert uniform.measures["valid"] == pytest.approx(14 / 512)
    assert uniform.measures["KL"] == pytest.approx(math.log(512 / 14), abs=1e-4)
    exact = yardstick.of_probabilities(yardstick.seen)
    assert [exact[name] for name in yardstick.names[:4]] == pytest.approx(
        [0, 0, 0, 0], abs=1e-6
    )
    sampled = yardstick.of_samples(rows_of(patterns.test))
    assert sampled["total variation"] == 0
    assert "KL" not in sampled


def test_images_beside_their_baselines() -> None:
    yardstick = RealYardstick(split(load("digits").of_classes(["0"])))
    floor, gaussian, pixels, mean = yardstick.baselines()
    assert 0.1 < floor.measures["Fréchet"] < gaussian.measures["Fréchet"]
    assert gaussian.measures["Fréchet"] < pixels.measures["Fréchet"]
    assert mean.measures["diversity"] == 0
    assert mean.measures["recall"] == 0
    assert set(floor.measures) == set(yardstick.names) - {"Fréchet, train"}
    assert set(mean.measures) == set(yardstick.names)
    assert "KS" not in yardstick.names


@pytest.mark.parametrize("rows", ["zeros", "moons"])
def test_baselines_are_those_of_the_library(rows: str) -> None:
    """Fitted to the training part and measured against the test part.

    All in groups as large as the training part, so that no distance is flattered by
    more samples than the floor has.
    """
    data = load("digits").of_classes(["0"]) if rows == "zeros" else load("two_moons")
    yardstick = RealYardstick(split(data))
    components = 8 if rows == "zeros" else 2
    count = len(yardstick.train)
    assert 2 * count <= SAMPLES
    sampled = sample_baselines(
        yardstick.train,
        torch.Generator().manual_seed(0),
        num_components=components,
        num_samples=SAMPLES,
    )
    floor, *others = yardstick.baselines()
    assert floor.measures["Fréchet"] == quality(yardstick.test, yardstick.train).frechet
    assert "Fréchet, train" not in floor.measures
    for baseline, samples in zip(others, sampled, strict=True):
        groups = samples[: SAMPLES // count * count].split(count)
        found = [
            quality(yardstick.test, group.reshape(-1, *yardstick.test.shape[1:]))
            for group in groups
        ]
        for name, values in {
            "Fréchet": [each.frechet for each in found],
            "diversity": [each.diversity for each in found],
            "precision": [each.precision for each in found],
            "recall": [each.recall for each in found],
            "coverage": [each.coverage for each in found],
        }.items():
            assert baseline.measures[name] == pytest.approx(np.mean(values))


def test_tables_have_the_statistic_of_kolmogorov_and_smirnov() -> None:
    parts = split(load("two_moons"))
    yardstick = RealYardstick(parts)
    baselines = yardstick.baselines()
    assert [baseline.name for baseline in baselines][1:3] == [
        "PCA-2 Gaussian",
        "Gaussian features",
    ]
    assert baselines[0].measures["KS"] < baselines[1].measures["KS"] < 0.5
    away = yardstick.of_samples(yardstick.test + 100)
    assert away["KS"] == 1
    assert away["JS"] == pytest.approx(math.log(2))
    assert baselines[0].measures["JS"] < baselines[1].measures["JS"] < 0.5
    assert away["Fréchet"] == pytest.approx(20_000, rel=1e-3)


def test_many_bits_have_a_likelihood() -> None:
    rows = torch.bernoulli(
        torch.full((200, 1, 4, 4), 0.5), generator=torch.Generator().manual_seed(0)
    )
    data = Dataset(rows.numpy(), np.arange(200) % 2, "ab")
    yardstick = ManyBitsYardstick(split(data))
    _, tree, independent, uniform = yardstick.baselines()
    assert uniform.measures["NLL"] == pytest.approx(16 * math.log(2))
    assert uniform.measures["NLL"] < independent.measures["NLL"] < 12
    assert tree.measures["NLL"] > independent.measures["NLL"]


def test_densities_beside_gaussians() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(2000, 2)) @ np.array([[1, 0.9], [0, 0.4]])
    yardstick = DensityYardstick(split(Dataset(rows, np.arange(2000) % 2, "ab")))
    floor, whole, alone, mean = yardstick.baselines()
    assert "NLL" not in floor.measures
    assert "NLL" not in mean.measures
    # Standardised, two normal columns of this correlation.
    correlation = 0.9 / math.hypot(0.9, 0.4)
    entropy = 1 + math.log(2 * math.pi)
    assert alone.measures["NLL"] == pytest.approx(entropy, abs=0.1)
    gain = math.log(1 - correlation**2) / 2
    assert whole.measures["NLL"] == pytest.approx(entropy + gain, abs=0.1)
    assert yardstick.names[0] == "NLL"


def test_values_beside_their_baselines() -> None:
    parts = split(load("log_normal"), standardise=False)
    yardstick = ValueYardstick(parts, 8)
    floor, normal, uniform = yardstick.baselines()
    assert floor.measures["relative entropy"] < 0.002
    # As many numbers are fitted as a normal distribution has, to all training rows.
    assert (normal.name, normal.parameters) == ("normal", 2)
    wanted = float(parts.train.inputs.mean())
    assert normal.measures["mean"] == pytest.approx(wanted, abs=0.4)
    assert floor.measures["KS"] < normal.measures["KS"] < uniform.measures["KS"]
    assert uniform.measures["mean"] == 3.5
    again = yardstick.of_samples(yardstick.test)
    assert again["KS"] == again["total variation"] == again["JS"] == 0


def test_twins_have_as_many_weights() -> None:
    machine = ListedRBM(9, weights=297)
    assert sum(w.numel() for w in machine.parameters()) == 299
    chances = machine().detach()
    assert float(chances.sum()) == pytest.approx(1, abs=1e-5)
    with torch.no_grad():
        machine.machine.visible_bias[0] = -20
    assert bool((machine.sample(100)[:, 0] == 1).all())
    table = DistributionTable(torch.arange(8.0))
    assert float(table().detach().sum()) == pytest.approx(1, abs=1e-5)
    sampled = table.sample(5000, torch.Generator().manual_seed(0))
    seen = torch.bincount(sampled.long(), minlength=8) / 5000
    torch.testing.assert_close(seen, table().detach(), atol=0.03, rtol=0)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("Fréchet", 1.237, "1.24"), ("valid", 0.5, "50.0%"), ("KL", 0.0136, "0.0136")],
)
def test_measures_as_text(name: str, value: float, text: str) -> None:
    assert format_measure(name, value) == text
