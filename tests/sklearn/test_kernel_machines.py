"""Kernel machines: against scikit-learn on the same matrices, and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC

from qml_qdl.circuits import AngleEncoding
from qml_qdl.errors import ArgumentError, ArgumentTypeError, DataError, MemoryBoundError
from qml_qdl.kernels import FidelityKernel
from qml_qdl.sklearn import (
    QuantumGaussianProcess,
    QuantumGaussianProcessClassifier,
    QuantumGaussianProcessRegressor,
    QuantumKernelRidge,
    QuantumSVC,
    UnfittedError,
)
from qml_qdl.sklearn.kernel_machines import CircuitCovariance

X, Y = load_iris(return_X_y=True)
X, Y = X[::3], Y[::3]


def fidelity(x: Any, y: Any) -> Any:
    """Of angle encodings: the product of squared cosines of half the differences."""
    return np.prod(np.cos((x[:, None] - y[None]) / 2) ** 2, axis=2)


def scaled(x: Any) -> Any:
    return (x - X.mean(0)) / X.std(0) * 0.4


def test_it_is_scikit_learns_machine_on_the_matrix_of_the_formula() -> None:
    ours = QuantumSVC(circuit=AngleEncoding(4), scaling=0.4, tol=1e-8).fit(X, Y)
    assert np.abs(ours.gram(X) - fidelity(scaled(X), ours.rows_ * 0.4)).max() < 1e-12
    gram = fidelity(scaled(X), scaled(X))
    theirs = SVC(kernel="precomputed", tol=1e-8).fit(gram, Y)
    difference = ours.decision_function(X) - theirs.decision_function(gram)
    assert np.abs(difference).max() < 1e-5
    numbers = X[:, 0] * 3 + 100
    ridge = QuantumKernelRidge(circuit=AngleEncoding(4), scaling=0.4, alpha=0.1)
    theirs = KernelRidge(alpha=0.1, kernel="precomputed").fit(
        gram, (numbers - numbers.mean()) / numbers.std()
    )
    told = theirs.predict(gram) * numbers.std() + numbers.mean()
    assert np.allclose(ridge.fit(X, numbers).predict(X), told, rtol=1e-10)


def test_a_process_is_the_textbooks() -> None:
    """Mean and variance at fixed noise are those of the formulas."""
    numbers = X[:, 3]
    process = QuantumGaussianProcessRegressor(
        circuit=AngleEncoding(4), scaling=0.4, noise=0.3, optimizer=None
    ).fit(X[::2], numbers[::2])
    train = (X[::2] - X[::2].mean(0)) / X[::2].std(0) * 0.4
    test = (X - X[::2].mean(0)) / X[::2].std(0) * 0.4
    unit = numbers[::2].std()
    inverse = np.linalg.inv(fidelity(train, train) + 0.3 * np.eye(len(train)))
    across = fidelity(test, train)
    mean = across @ inverse @ (numbers[::2] - numbers[::2].mean())
    variance = 1.3 - np.einsum("ij,jk,ik->i", across, inverse, across)
    told, deviation = process.predict(X, return_std=True)
    assert np.allclose(told, mean + numbers[::2].mean(), rtol=1e-9)
    assert np.allclose(deviation, unit * np.sqrt(variance), rtol=1e-7)
    covariance = process.predict(X, return_cov=True)[1]
    assert np.allclose(covariance.diagonal(), deviation**2, rtol=1e-6)


@pytest.mark.parametrize("shape", [(), (1,), (2,)])
def test_spreads_have_the_shape_of_means(shape: tuple[int, ...]) -> None:
    numbers = X[::3, : 2 if shape == (2,) else 1].reshape(-1, *shape)
    process = QuantumGaussianProcessRegressor(optimizer=None).fit(X[::3], numbers)
    mean, deviation = process.predict(X[:5], return_std=True)
    assert mean.shape == deviation.shape == (5, *shape)
    assert process.predict(X[:5], return_cov=True)[1].shape == (5, 5, *shape)


def test_rows_that_are_the_same_run_once() -> None:
    machine = QuantumSVC().fit(np.r_[X, X], np.r_[Y, Y])
    assert len(machine.rows_) == len(np.unique(X, axis=0))
    assert set(machine.weights_) >= {2.0}


def test_a_kernel_of_ones_own_is_taken() -> None:
    kernel = FidelityKernel(AngleEncoding(4), scaling=0.4)
    ours = QuantumSVC(kernel).fit(X, Y)
    named = QuantumSVC(circuit=AngleEncoding(4), scaling=0.4).fit(X, Y)
    assert np.allclose(ours.gram(X), named.gram(X))
    with pytest.raises(ArgumentError, match="shots: the kernel is made already"):
        QuantumSVC(kernel, shots=3).fit(X, Y)
    with pytest.raises(ArgumentError, match="got one of 4"):
        QuantumSVC(kernel).fit(X[:, :3], Y)


def test_what_it_takes_is_told_before() -> None:
    cost = QuantumSVC(target="auto", shots=1000).cost(500, features=4)
    assert cost.rows == 500 * 499 // 2
    assert QuantumSVC("projected", shots=1000).cost(500, features=4).rows == 500


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (QuantumSVC(memory=100), MemoryBoundError, "Gram matrix .* bytes"),
        (QuantumSVC("rbf"), ArgumentError, "kernel: expected .*'fidelity'"),
        (QuantumSVC(scaling="wide"), ArgumentError, "scaling"),
        (QuantumSVC(scaling=-1.0), ArgumentError, "scaling"),
        (QuantumSVC(C=-1.0), ArgumentError, "C: expected"),
        (QuantumSVC(circuit="zz"), ArgumentTypeError, "circuit: expected a circuit"),
        (QuantumSVC(circuit=AngleEncoding(3)), ArgumentError, "one of 4 features"),
        (QuantumGaussianProcessRegressor(shots=9), ArgumentError, "use shots=None"),
        (QuantumGaussianProcessClassifier(shots=9), ArgumentError, "use shots=None"),
        (QuantumKernelRidge(alpha=0.0), ArgumentError, "alpha"),
        (
            QuantumKernelRidge().set_params(standardise=2),
            ArgumentTypeError,
            "standardise",
        ),
    ],
)
def test_bad_parameters_are_refused(
    estimator: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        estimator.fit(X, Y)


def test_bad_rows_are_refused() -> None:
    with pytest.raises(DataError, match="got one class"):
        QuantumSVC().fit(X, np.ones(len(X)))
    with pytest.raises(DataError, match="SimpleImputer"):
        QuantumKernelRidge().fit(np.full((3, 2), np.nan), [1, 2, 3])
    with pytest.raises(UnfittedError):
        QuantumGaussianProcess().predict(X)


def test_a_covariance_knows_its_diagonal() -> None:
    covariance = CircuitCovariance(FidelityKernel(AngleEncoding(4)))
    rows = np.tile(X, (3, 1))
    assert np.allclose(covariance.diag(rows), 1)
    assert not covariance.is_stationary()
    assert covariance(rows, eval_gradient=True)[1].shape == (len(rows), len(rows), 0)
