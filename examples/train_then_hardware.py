"""Train on the simulator, then run the same weights on Aer, a noisy machine, and IBM.

The IBM part runs where Qiskit finds an account; a job that would take more than a
minute of machine time is refused before it is sent.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console

from qml_qdl.circuits import QdlError
from qml_qdl.data import Split, load, split
from qml_qdl.models import QuanvolutionClassifier
from qml_qdl.nn import set_target
from qml_qdl.training import (
    DataOptions,
    Run,
    RunOptions,
    Spec,
    TrainingOptions,
    accuracy,
    estimate,
    evaluate,
    fit,
    predict,
    train,
)
from qml_qdl.training.checkpoints import load_weights

NOISY = "aer:fake_torino"
IBM = "ibm:least_busy"


def trained(folder: Path) -> Run:
    """Trains a quantum convolution of stride 2 on the digits, on the simulator."""
    options = RunOptions(
        data=DataOptions(source="digits"),
        model=Spec("quanvolution", stride=2),
        training=TrainingOptions(epochs=20, batch_size=32, learning_rate=0.03),
        seeds=1,
        twin=False,
    )
    run, report = train(options, runs_dir=folder, name="digits")
    Console().print(report.table())
    return run


def compare(run: Run) -> None:
    """The same weights elsewhere, 1,024 shots, one job for each batch of images."""
    print("target           images  there  trained  seconds")
    for target, limit in (("aer", None), (NOISY, 200), (IBM, 10)):
        try:
            result = evaluate(
                run, target=target, shots=1024, limit=limit, batch_size=540
            )
        except QdlError as error:
            if target != IBM:
                raise
            print(f"{target:16} left out: {error}")
            continue
        print(
            f"{target:16} {result.rows:6} {result.accuracy:6.1%} "
            f"{result.trained_accuracy:8.1%} {result.seconds:8.1f}"
            + (f", {result.qpu_seconds:.1f} QPU seconds" if result.qpu_seconds else "")
        )


def costs(run: Run) -> None:
    """What ten images would cost on a machine of this kind."""
    for each in estimate(run, target=NOISY, shots=1024, limit=10, batch_size=10):
        cost = each.cost
        print(
            f"{each.what}: {cost.jobs} job, {cost.executions:,} executions, about "
            f"{cost.seconds:,.0f} QPU seconds, {cost.share:.0%} of the Open "
            "plan's month"
        )


def last_steps_with_noise(run: Run) -> None:
    """Trains the last few steps where the noise is, by SPSA."""
    digits = split(load("digits"), seed=0)
    few = Split(
        digits.train.take(range(32)),
        digits.validation.take(range(32)),
        digits.test.take(range(32)),
    )
    model = QuanvolutionClassifier((1, 8, 8), 10, stride=2)
    load_weights(model, run.checkpoint("quantum", 0))
    set_target(model, NOISY, shots=256, diff_method="spsa", spsa_directions=2)
    before = accuracy(predict(model, few.test), few.test)
    options = TrainingOptions(epochs=2, batch_size=16, learning_rate=0.005)
    after = fit(model, few, options, seed=0).test_accuracy
    print(f"4 more steps on {NOISY}: {before:.1%} before, {after:.1%} after")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = trained(Path(folder))
        compare(run)
        costs(run)
        last_steps_with_noise(run)


if __name__ == "__main__":
    main()
