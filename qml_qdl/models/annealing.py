"""The partition function of large machines, by annealed importance sampling."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import softplus

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.bits import check_weights
from qml_qdl.models.rbm import RBM


@validate_call
@torch.no_grad()
def annealed_log_partition(
    rbm: RBM,
    *,
    num_chains: int = 100,
    num_temperatures: int = 1000,
    generator: torch.Generator | None = None,
) -> tuple[float, float]:
    """Estimates log Z of a restricted Boltzmann machine with binary units.

    Chains go from independent units to the machine while its weights and hidden biases
    grow from zero; the mean of their importance weights estimates Z without bias (Neal
    2001, arXiv:physics/9803008; Salakhutdinov and Murray, ICML 2008).

    Args:
        rbm: A machine with binary visible units.
        num_chains: Independent chains, ≥ 2.
        num_temperatures: Steps from independent units to the machine, ≥ 1.
        generator: Random numbers; None for torch's own.

    Returns:
        log Z and its standard error, in nats.

    Raises:
        ArgumentError: The visible units are Gaussian, or a number is too small.
        DataError: A weight is not finite.

    Example:
        >>> import torch
        >>> from qml_qdl.models import RBM, annealed_log_partition
        >>> rbm = RBM(6, 4, generator=torch.Generator().manual_seed(0))
        >>> estimate, error = annealed_log_partition(
        ...     rbm, generator=torch.Generator().manual_seed(0))
        >>> abs(estimate - rbm.log_partition().item()) < 0.01
        True
    """
    check_count("num_chains", num_chains, 2)
    check_count("num_temperatures", num_temperatures)
    if rbm.visible != "binary":
        raise ArgumentError(
            f"rbm: expected binary visible units, got {rbm.visible!r}; up to 20 hidden "
            "units log_partition is exact"
        )
    check_weights(rbm)
    prior = torch.sigmoid(-rbm.visible_bias).expand(num_chains, -1)
    visible = torch.bernoulli(prior, generator=generator)
    log_weights = rbm.weight.new_zeros(num_chains)
    ladder = torch.linspace(0, 1, num_temperatures + 1).tolist()
    for colder, hotter in zip(ladder[1:], ladder[:-1], strict=True):
        fields = visible @ rbm.weight + rbm.hidden_bias
        gain = softplus(-colder * fields) - softplus(-hotter * fields)
        log_weights += gain.sum(-1)
        on = torch.sigmoid(-colder * fields)
        hidden = torch.bernoulli(on, generator=generator)
        logits = -(colder * (hidden @ rbm.weight.T) + rbm.visible_bias)
        visible = torch.bernoulli(torch.sigmoid(logits), generator=generator)
    start = softplus(-rbm.visible_bias).sum() + rbm.num_hidden * math.log(2)
    mean = log_weights.logsumexp(0) - math.log(num_chains)
    relative = (log_weights - mean).exp()
    error = float(relative.std()) / math.sqrt(num_chains)
    return float(start + mean), error
