"""Cost estimates of a run's model on a machine, without sending anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.dataset import stratified_rows
from qml_qdl.data.loader import ResumableLoader
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.nn import set_target
from qml_qdl.nn.jobs import estimated
from qml_qdl.training.recipes.supervised import Supervised, supervised_task
from qml_qdl.training.remote import move
from qml_qdl.training.run import Run

if TYPE_CHECKING:
    from qml_qdl.hardware.jobs.cost import Cost


@frozen
class Estimate:
    """What something would cost.

    Args:
        what: What it is.
        cost: Jobs, executions and seconds.
    """

    what: str
    cost: Cost


@validate_call
def estimate(
    run: Run,
    *,
    target: str,
    shots: int,
    limit: int | None = None,
    batch_size: int = 256,
    resilience_level: int | None = None,
    mitigation: Mitigation | str | None = None,
    account: str | None = None,
) -> list[Estimate]:
    """Tells what jobs would cost; circuits are transpiled, and nothing is sent.

    Args:
        run: A run, trained or not.
        target: A machine, as "ibm:ibm_torino"; without an account "aer:fake_torino"
            tells the same of a machine that Qiskit has a model of.
        shots: Shots per circuit.
        limit: Counts this many test rows; None counts all.
        batch_size: Test rows per job.
        resilience_level: Error mitigation of IBM's estimator; None for the sampler.
        mitigation: "readout", "zne", "readout+zne" or a `Mitigation`; None for none.
        account: The name of the IBM account; None for the default one.

    Returns:
        The costs of evaluating the test rows, and of one step of the run's training by
        parameter shift and by SPSA with one direction.

    Raises:
        ArgumentError: An argument does not fit the run.
        RunError: The run has a generative model.
        TargetError: The target is no machine, or cannot run the circuit.
    """
    task, recipe = supervised_task(run)
    check_count("shots", shots)
    check_count("batch_size", batch_size)
    split = task.split
    chosen = stratified_rows(split.test, limit or len(split.test), seed=0)
    test = split.test.take(chosen)
    batch = ResumableLoader(
        split.train, batch_size=run.options.training.batch_size, shuffle=False
    )
    inputs, labels = next(iter(batch))
    model = task.build(run.kinds[0], run.options.first_seed)
    learner = task.learner(model)
    assert isinstance(learner, Supervised)
    move(
        model,
        target,
        shots,
        resilience_level=resilience_level,
        mitigation=mitigation,
        account=account,
    )
    with estimated(model) as costs:
        recipe.predict(model, test, batch_size=batch_size)
    estimates = [Estimate(f"evaluating {len(test)} test rows", _sum(costs))]
    for method, name in (("parameter-shift", "parameter shift"), ("spsa", "SPSA")):
        set_target(model, None, diff_method=method)
        with estimated(model) as costs:
            _step(learner, inputs, labels)
        what = f"one training step of {len(labels)} rows, {name}"
        estimates.append(Estimate(what, _sum(costs)))
    return estimates


def _step(learner: Supervised, inputs: Tensor, labels: Tensor) -> None:
    loss = learner.loss(*learner.shaped(learner.model(inputs), labels))
    weights = [p for p in learner.model.parameters() if p.requires_grad]
    torch.autograd.grad(loss, weights)


def _sum(costs: list[Cost]) -> Cost:
    total = costs[0]
    for cost in costs[1:]:
        total = total + cost
    return total
