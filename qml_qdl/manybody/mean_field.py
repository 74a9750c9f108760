"""Mean field: the best state in which no spin is entangled with another."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pennylane.operation import Operator
from scipy.optimize import minimize
from torch import Tensor

from qml_qdl.circuits.validation import MOST_SEED, check_count, validate_call
from qml_qdl.manybody.operators import SpinOperator


@validate_call
def mean_field_energy(
    operator: Operator | SpinOperator, starts: int = 8, seed: int = 0
) -> float:
    """The lowest energy of product states, minimised over the directions of all spins.

    The energy of a product state is Σ c Π n over the words, with n the component of a
    site's Bloch vector that its letter names. It is never below the ground state's.

    Args:
        operator: A Hermitian operator.
        starts: From how many random states it is minimised, by L-BFGS; the lowest
            counts.
        seed: Of these states.

    Returns:
        The energy, an upper bound of the best.

    Raises:
        ArgumentError: The operator is no Hermitian sum of Pauli words, or a number is
            too small.

    Example:
        >>> from qml_qdl.manybody import Lattice, heisenberg
        >>> round(mean_field_energy(heisenberg(Lattice.chain(22))), 6)
        -22.0
    """
    check_count("starts", starts, most=10_000)
    check_count("seed", seed, 0, MOST_SEED)
    if isinstance(operator, Operator):
        operator = SpinOperator.of(operator)
    values, places = (torch.from_numpy(each) for each in _words(operator))
    count = operator.num_sites
    if not places.shape[1]:  # no word, or the identity alone
        return float(values.sum())

    def energies(directions: Tensor) -> Tensor:
        bloch = torch.nn.functional.normalize(directions.reshape(-1, 3), dim=1)
        rows = bloch.reshape(starts, -1).T
        factors = torch.cat([rows, rows.new_ones(1, starts)])
        products = values[:, None]
        for letters in places.T:
            products = products * factors.index_select(0, letters)
        return products.sum(0).expand(starts)

    def with_gradient(directions: NDArray[np.float64]) -> tuple[float, NDArray[Any]]:
        point = torch.from_numpy(directions).requires_grad_()
        with torch.enable_grad():
            total = energies(point).sum()
            (gradient,) = torch.autograd.grad(total, point)
        return total.item(), gradient.numpy()

    first = np.random.default_rng(seed).standard_normal(3 * count * starts)
    options = {"maxiter": 2000, "maxfun": 4000, "ftol": 1e-13, "gtol": 1e-7}
    found = minimize(  # all starts at once: their energies are independent
        with_gradient, first, jac=True, method="L-BFGS-B", options=options
    )
    return float(energies(torch.from_numpy(found.x)).min())


def _words(operator: SpinOperator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Coefficients, and the components 3·site + 0, 1, 2 that each word multiplies.

    Rows are filled up with 3N, where 1 stands.
    """
    flipped, signs = operator.flipped, operator.signs
    # X flips, Y does both, Z multiplies.
    component = np.where(flipped, np.where(signs, 1, 0), 2)
    component = component + 3 * np.arange(operator.num_sites)
    letters = flipped | signs
    most = int(letters.sum(axis=1).max(initial=0))
    order = np.argsort(~letters, axis=1, kind="stable")[:, :most]
    kept = np.take_along_axis(letters, order, axis=1)
    chosen = np.take_along_axis(component, order, axis=1)
    turned = operator.coefficients * 1j ** (flipped & signs).sum(axis=1)
    return turned.real.copy(), np.where(kept, chosen, 3 * operator.num_sites)
