"""What every step promises: it is its matrix, is undone, and knows its gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from qml_qdl.hardware.simulator.evolution.pool import Pool
from qml_qdl.hardware.simulator.evolution.steps import Step

FLOAT, COMPLEX = torch.float64, torch.complex128


def sampled(*shape: int, dtype: torch.dtype = COMPLEX, seed: int = 0) -> Tensor:
    """Normal numbers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=dtype, generator=generator)


def unitary(size: int, *rows: int, seed: int = 0) -> Tensor:
    """Unitary matrices, (*rows, size, size)."""
    matrices: Tensor = torch.linalg.qr(sampled(*rows, size, size, seed=seed))[0]
    return matrices


def by_rows(state: Tensor) -> Tensor:
    """(rows, 2ⁿ) of a state (L, 2ⁿ, T)."""
    return state[0].T if state.shape[0] == 1 else state[:, :, 0]


def check_step(
    step: Step, matrices: Tensor, parameters: Sequence[Tensor], state: Tensor
) -> None:
    """Compares a step with matrices, and its way back with autograd's.

    Args:
        step: The step.
        matrices: (2ⁿ, 2ⁿ) or (rows, 2ⁿ, 2ⁿ) what it does.
        parameters: All parameters, unitary where they are matrices.
        state: (L, 2ⁿ, T) before the step.
    """
    leaves = [p.clone().requires_grad_() for p in parameters]
    before = state.clone().requires_grad_()
    after = step.forward(before, leaves)
    expected = (matrices @ by_rows(state)[..., None]).squeeze(-1)
    torch.testing.assert_close(by_rows(after.detach()), expected)

    with torch.no_grad():
        pooled = step.forward(state, parameters, Pool())
        torch.testing.assert_close(pooled, after.detach())
        # Of Re Σ wψ torch has the gradient w̄ with respect to ψ; steps have w.
        weights = sampled(*after.shape, seed=1)
        found = [torch.zeros_like(p) for p in parameters]
        step.collect(after.clone(), weights.clone(), parameters, found)
        step.collect(after.clone(), weights.clone(), parameters, [None] * len(found))
        undone, gradient = step.undo(after.clone(), weights.clone(), parameters, Pool())
        nothing, again = step.undo(None, weights.clone(), parameters, Pool())
    assert nothing is None
    assert undone is not None
    torch.testing.assert_close(undone, state)
    torch.testing.assert_close(again, gradient)
    taken = [leaves[index] for index in sorted(set(step.taken))]
    wanted, *exact = torch.autograd.grad(
        (weights * after).real.sum(), [before, *taken], allow_unused=True
    )
    torch.testing.assert_close(gradient, wanted.conj().resolve_conj())
    for index, one in zip(sorted(set(step.taken)), exact, strict=True):
        if one is None:  # phases that were made with others have no gradient
            assert not found[index].any()
            continue
        torch.testing.assert_close(found[index], one.conj().resolve_conj())
