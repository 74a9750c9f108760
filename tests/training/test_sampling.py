"""Samples of a trained run, from where it was trained or from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, TargetError
from qml_qdl.training import Report, Run, sample


def test_samples_can_be_sampled_again(zeros: tuple[Run, Report]) -> None:
    run, _ = zeros
    first, again = sample(run, 6), sample(run, 6, seed=0)
    assert first.samples.shape == (6, 1, 8, 8)
    assert torch.equal(first.samples, again.samples)
    assert not torch.equal(first.samples, sample(run, 6, seed=1).samples)
    assert first.path == run.folder / "samples.npz"
    sample(run, 6)
    kept = np.load(run.folder / "samples.npz")["samples"]
    np.testing.assert_array_equal(kept, first.samples.numpy())
    assert (run.folder / "samples.png").stat().st_size > 1000
    assert first.training_seed == run.best_seed()
    assert set(first.measures) == set(first.floor) | {"Fréchet, train"}
    twin = sample(run, 4, kind="twin", training_seed=1)
    assert (twin.kind, twin.training_seed) == ("twin", 1)
    assert sample(run, 1).measures == {}


def test_samples_come_from_other_targets(
    zeros: tuple[Run, Report], tmp_path: Path
) -> None:
    run, _ = zeros
    exact = sample(run, 4).samples
    same = sample(run, 4, target="lightning.qubit", out=tmp_path / "a.npz")
    torch.testing.assert_close(same.samples, exact, atol=1e-5, rtol=0)
    assert (tmp_path / "a.png").stat().st_size > 1000
    shots = [
        sample(run, 4, target="default.qubit", shots=500, seed=seed).samples
        for seed in (0, 0, 1)
    ]
    assert torch.equal(shots[0], shots[1])
    assert 0 < float((shots[0] - exact).abs().mean()) < 0.1
    assert not torch.equal(shots[0], shots[2])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"count": 0}, ArgumentError, "count: expected at least 1, got 0"),
        ({"count": 2.5}, ArgumentTypeError, "count: expected a whole number"),
        ({"seed": -1}, ArgumentError, "seed: expected at least 0"),
        ({"shots": 0}, ArgumentError, "shots: expected at least 1"),
        ({"training_seed": 7}, ArgumentError, "training_seed: expected one of 0, 1"),
        ({"kind": "classical"}, ArgumentError, "kind: expected one of 'quantum'"),
        ({"target": "no.such"}, TargetError, "no.such"),
        ({"out": "here.png"}, ArgumentError, "out: expected a file that ends with"),
        ({"kind": "twin", "shots": 9}, ArgumentError, "twin model runs on torch only"),
    ],
)
def test_sampling_with_bad_arguments(
    zeros: tuple[Run, Report],
    arguments: dict[str, object],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        sample(zeros[0], **arguments)  # type: ignore[arg-type]
