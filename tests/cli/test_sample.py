"""`qml-qdl train --model …` of generative models, and `qml-qdl sample`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qml_qdl.cli import main
from qml_qdl.data import load
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from qml_qdl.training import DataOptions, Run, RunOptions, Spec
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import isolate, use

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("without_pictures")

QUICK = [
    "--model", "patch_gan", "--data", "digits", "--label", "0", "--layers", "1",
    "--epochs", "1", "--batch-size", "64", "--seeds", "1", "--accelerator", "cpu",
]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    words = [*QUICK, "--quiet", "--no-twin", "--runs-dir", str(folder)]
    assert main(["train", *words, "--name", "zeros"]) == 0
    table = RunOptions(data=DataOptions(source="iris"))
    Run.create(table, load("iris"), runs_dir=folder, name="iris")
    zeros = RunOptions(model=Spec("patch_gan"))
    Run.create(zeros, load("digits"), runs_dir=folder, name="new")
    return folder


def test_samples_of_a_trained_run(runs: Path, capsys: Capture) -> None:
    assert main(["train", "--resume", "zeros", "--runs-dir", str(runs), "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert "digits, class 0" in out
    assert err == ""
    words = ["sample", "zeros", "-n", "8", "--runs-dir", str(runs)]
    assert main(words) == 0
    out, err = capsys.readouterr()
    first, *measures = out.splitlines()
    assert first.startswith(
        "8 samples of quantum, training seed 0, where it was trained, seed 0: "
    )
    assert str(runs / "zeros" / "samples.npz") in first
    assert [line.split()[0] for line in measures] == [
        "Fréchet",
        "Fréchet,",
        "diversity",
        "precision",
        "recall",
        "coverage",
    ]
    assert all("   floor " in line for line in measures)
    assert err == ""
    assert np.load(runs / "zeros" / "samples.npz")["samples"].shape == (8, 1, 8, 8)


@pytest.mark.slow
def test_samples_on_a_noisy_machine(
    runs: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "noisy.npz"
    words = ["--target", "aer:fake_torino", "--shots", "64", "--out", str(out)]
    arguments = ["sample", "zeros", "-n", "2", "--runs-dir", str(runs), *words]
    assert main([*arguments, "--seed", "3", "--training-seed", "0"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("2 samples of quantum, training seed 0, on aer:fake_torino")
    assert ", 64 shots, seed 3: " in text
    assert text.count("\n") == 1
    assert np.load(out)["samples"].shape == (2, 1, 8, 8)
    assert out.with_suffix(".png").stat().st_size > 500


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackServer]:
    """IBM's service in small, as the environment's account."""
    isolate(monkeypatch, tmp_path)
    with LoopbackServer(["manila"], seed=7) as server:
        use(monkeypatch, server)
        yield server


def test_samples_of_a_machine_are_one_job_and_paid_once(
    runs: Path,
    place: LoopbackServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    words = ["sample", "zeros", "-n", "8", "--runs-dir", str(runs)]
    words += ["--target", "ibm:ibm_manila", "--shots", "64"]

    def interrupted(self: IBMClient, job_id: str, request: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(IBMClient, "results", interrupted)
        assert main(words) == 130
    (job,) = place.jobs
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"qml-qdl sample: interrupted; on ibm:ibm_manila {job} runs")
    assert err.count("\n") == 1
    sampled = []
    for _ in range(2):
        assert main(words) == 0
        assert " on ibm:ibm_manila, 64 shots, " in capsys.readouterr().out
        sampled.append(np.load(runs / "zeros" / "samples.npz")["samples"])
    np.testing.assert_array_equal(*sampled)
    assert list(place.jobs) == [job]
    assert place.rows_paid == 8 * 4  # four patches an image
    assert place.count("POST /jobs") == 1
    assert main(["jobs", "list", "zeros", "--runs-dir", str(runs)]) == 0
    assert "done" in capsys.readouterr().out
    # Too much is refused, with what would pass, and can be allowed.
    assert main([*words, "--seed", "1", "--max-qpu-seconds", "2.5"]) == 2
    err = capsys.readouterr().err
    assert "but 2.5 are allowed" in err
    few = re.findall(r"; (\d) samples \(-n \d\) would pass", err)
    assert few
    words[3] = few[0]
    assert main([*words, "--seed", "1", "--max-qpu-seconds", "2.5"]) == 0
    assert len(place.jobs) == 2


def test_a_machine_without_an_account(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    isolate(monkeypatch, tmp_path)
    words = ["sample", "zeros", "--runs-dir", str(runs), "--target", "ibm:ibm_manila"]
    assert main([*words, "--shots", "64"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("qml-qdl sample: account: Qiskit has saved no account")
    assert "QiskitRuntimeService.save_account" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Missing argument 'RUN'"),
        (["no"], "run: expected the folder of a run, got 'no'"),
        (["iris"], "of a classifier; see qml-qdl evaluate"),
        (["new"], "no quantum training of"),
        (["zeros", "-n", "0"], "Invalid value for '--count' / '-n'"),
        (["zeros", "--target", "no.such"], "no.such"),
        (["zeros", "--training-seed", "4"], "training_seed: expected one of 0, got 4"),
        (["zeros", "--model", "twin"], "kind: expected one of 'quantum', got 'twin'"),
        (["zeros", "--out", "x.png"], "out: expected a file that ends with .npz"),
    ],
)
def test_bad_arguments_end_with_2_and_one_line(
    words: list[str], message: str, runs: Path, capsys: Capture
) -> None:
    assert main(["sample", *words, "--runs-dir", str(runs)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("qml-qdl sample: ")
    assert message in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", *QUICK, "--channels", "4"], "--channels: 'patch_gan' has no such"),
        (["train", *QUICK, "--optimizer", "adam"], "--optimizer: 'patch_gan' has no"),
        (["train", *QUICK, "--latent", "3"], "--latent: 'patch_gan' has no such"),
        (["train", "--label", "0"], "needs two or more, got ['0']"),
        (["train", "--label", "x", "--label", "0"], "expected one of the classes 0"),
        (
            ["evaluate", "zeros"],
            "'patch_gan', which generates samples; see qml-qdl sample",
        ),
        (
            ["estimate", "zeros", "--target", "aer:fake_torino"],
            "'patch_gan', which generates samples; see qml-qdl sample",
        ),
    ],
)
def test_what_does_not_apply_is_refused(
    words: list[str], message: str, runs: Path, capsys: Capture
) -> None:
    before = {path.name for path in runs.iterdir()}
    assert main([*words, "--runs-dir", str(runs)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert {path.name for path in runs.iterdir()} == before


def test_defaults_of_a_model_reach_its_run(runs: Path) -> None:
    options = Run.open("zeros", runs_dir=runs).options
    assert options.data.labels == ("0",)
    assert (options.training.batch_size, options.training.learning_rate) == (64, 0.01)
    assert options.model == Spec("patch_gan", layers=1, target=None)
