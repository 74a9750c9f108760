"""Tables of the examples: ± over seeds, and rows that are measured alike."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.test_example_pictures import load


def rows(text: str) -> dict[str, list[str]]:
    """The cells of each printed line, by what comes before them."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    return {name: cells for name, *cells in lines}


def test_boltzmann(capsys: pytest.CaptureFixture[str]) -> None:
    data = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    found = [
        torch.tensor([1 - 2 * each, each, each, 0], dtype=torch.float64)
        for each in (0.4, 0.2)
    ]
    load("boltzmann").print_table({"one": found[:1], "two": found}, data)
    _, one, two = capsys.readouterr().out.splitlines()
    # −ln 0.4 and −ln 0.2 differ by ln 2: the deviation of a sample is ln 2 / √2.
    assert " ".join(one.split()) == "one 0.9163 0.2231 80.0%"
    assert " ".join(two.split()) == ("two 1.2629 ± 0.4901 0.5697 ± 0.4901 60.0% ± 28.3")


def test_born_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = load("born_machine")

    def trained(data: Tensor, steps: int, seed: int) -> tuple[Any, list[float]]:
        """A machine that is uniform in so many percent, and else the data."""
        wanted, noise = example.frequencies(data, data.dtype), (seed + 1) / 100
        return (lambda: (1 - noise) * wanted + noise / 2**9), [1.0]

    monkeypatch.setattr(example, "train", trained)
    example.main(steps=0, seeds=2)
    table = rows(capsys.readouterr().out)
    valid = [1 - (seed + 1) / 100 * (1 - 14 / 512) for seed in range(2)]
    assert table["mean"][2] == f"{sum(valid) / 2:.2%}"
    spread = (valid[0] - valid[1]) / math.sqrt(2)
    assert table["standard deviation"][2] == f"{spread:.2%}"
    # What is compared with exact probabilities of the data is exact, too.
    assert table["the data: floor"] == ["0.0e+00", "0.0000", "100.00%"]
    assert not any("samples" in name for name in table)


def test_vae(capsys: pytest.CaptureFixture[str]) -> None:
    table = {
        "one": [(20.0, 4.0, 5.0)],
        "two": [(20.0, 4.0, 5.0), (22.0, 4.0, 5.5)],
        "PCA": [(10.0, math.nan, 5.0)],
    }
    load("vae").print_table(table)
    printed = rows(capsys.readouterr().out)
    assert printed["one"] == ["-24.00", "20.00", "4.00", "5.00"]
    assert printed["two"] == [
        "-25.00 ± 1.41",
        "21.00 ± 1.41",
        "4.00 ± 0.00",
        "5.25 ± 0.35",
    ]
    assert printed["PCA"] == ["–", "10.00", "–", "5.00"]


@pytest.mark.parametrize(
    ("seeds", "text"), [(1, "90.0%, 50.0%"), (2, "95.0% ± 7.1, 45.0% ± 7.1")]
)
def test_equivariance(
    seeds: int,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    example = load("equivariance")

    def cells(
        name: str, seed: int, *_: int
    ) -> tuple[list[float], list[float], torch.nn.Module]:
        return [0.9 + seed / 10, 0.5 - seed / 10], [1.0], torch.nn.Linear(1, 1)

    monkeypatch.setattr(example, "cells", cells)
    curves, _, _ = example.measure(["p4"], [50, 100], seeds, 1)
    for line in capsys.readouterr().out.splitlines():
        assert line.endswith(f": {text}")
    _, _, (bars,) = example.plot_learning(curves).axes[0].containers[0]
    segments = [segment for segment in bars.get_segments() if len(segment)]
    assert len(segments) == (2 if seeds > 1 else 0)
    for segment in segments:
        assert float(np.ptp(segment[:, 1])) == pytest.approx(0.2 / math.sqrt(2))


class Memory:
    """A model that samples the images it was trained on, one after the other."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def parameters(self) -> list[Tensor]:
        return []

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return self.images[torch.arange(count) % len(self.images)]


class Pixels(Memory):
    """A model that samples each pixel by itself, as wide as the images' are."""

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        noise = torch.randn(count, *self.images.shape[1:], generator=generator)
        return self.images.mean(0) + noise * self.images.std(0)


def gan_digits(
    model: type[Memory],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> dict[str, list[str]]:
    """The table of the example, with another model in the place of the generator."""
    example = load("gan_digits")
    monkeypatch.setattr(
        example, "train", lambda real, *_, **__: example.Game(model(real))
    )
    monkeypatch.setattr(example, "on_machine", lambda *_: (torch.zeros(1),) * 2)
    example.main(steps=0)
    return rows(capsys.readouterr().out)


def test_gan_digits_measures_a_memory_like_the_floor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = gan_digits(Memory, monkeypatch, capsys)
    (floor,) = (cells for name, cells in table.items() if "floor" in name)
    assert table["model"] == floor
    assert float(floor[0]) > 0.1


def test_gan_digits_measures_a_model_like_a_baseline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same Gaussian of other random numbers; by 1,000 samples 0.2 lower."""
    table = gan_digits(Pixels, monkeypatch, capsys)
    frechet = float(table["model"][0])
    assert frechet == pytest.approx(float(table["Gaussian pixels"][0]), abs=0.06)


class Histogram(torch.nn.Module):
    """A machine without weights."""

    def __init__(self, seen: Tensor) -> None:
        super().__init__()
        self.seen = seen

    def forward(self) -> Tensor:
        return self.seen


def test_gan_distribution(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model, the floor and what is fitted know the same samples."""
    example = load("gan_distribution")

    def trained(target: Tensor, *_: int, **__: int) -> Any:
        seen = torch.tensor([0, 0, 0.25, 0.5, 0.25, 0, 0, 0])
        return example.Game(Histogram(seen), seen)

    monkeypatch.setattr(example, "train", trained)
    example.main(steps=0)
    table = rows(capsys.readouterr().out)
    # The mean is 3, the variance ½: a normal density has e⁻¹ beside 1 in the middle.
    beside, far = math.exp(-1), math.exp(-4)
    payoff = (2 * beside * 1 + 1 + far * 3) / (1 + 2 * beside + 2 * far)
    assert float(table["normal"][-1].split(",")[0]) == pytest.approx(payoff, abs=1e-3)
    assert [name for name in table if "samples" in name] == []
