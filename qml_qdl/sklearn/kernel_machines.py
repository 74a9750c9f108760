"""Kernel machines of scikit-learn on Gram matrices of circuits."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.gaussian_process import (
    GaussianProcessClassifier,
    GaussianProcessRegressor,
)
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel
from sklearn.gaussian_process.kernels import Kernel as Covariance
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import (
    MOST,
    check_choice,
    check_count,
    check_flag,
    check_number,
)
from qml_qdl.data.preprocessing import Preprocessing
from qml_qdl.kernels import FidelityKernel, Kernel, LocalKernel, ProjectedKernel
from qml_qdl.sklearn.base import (
    class_codes,
    dataset_of,
    repairs,
    rows_to_fit,
    rows_to_read,
    same_shots,
    seed_of,
    weights_of,
)
from qml_qdl.sklearn.circuits import circuit_for, encoding_for, scaling_for
from qml_qdl.sklearn.runs import Saved

Doubles = npt.NDArray[np.float64]

KERNELS = ("fidelity", "projected", "local")


class KernelMachine(Saved, BaseEstimator):
    """An estimator that sees rows by the Gram matrix of a circuit alone.

    Abstract base of those in this module.
    """

    # ---- Must be defined: these two, and nothing else. ----

    @abstractmethod
    def fit(self, *data: Any, **options: Any) -> Self:
        """Fits the machine."""

    @abstractmethod
    def learn(self) -> Any:
        """Fits a machine of scikit-learn to `rows_`, `labels_` and `gram_`.

        Returns:
            The machine, fitted.
        """

    # ---- Defined here for all. ----

    kernel_: Any
    machine_: Any
    rows_: Any
    labels_: Any
    weights_: Any
    gram_: Any

    def __init__(
        self,
        kernel: Any = "fidelity",
        *,
        circuit: Any = None,
        scaling: Any = "auto",
        gamma: float = 1.0,
        target: Any = None,
        shots: int | None = None,
        memory: int | None = None,
        standardise: bool = True,
        random_state: Any = None,
    ) -> None:
        self.kernel = kernel
        self.circuit = circuit
        self.scaling = scaling
        self.gamma = gamma
        self.target = target
        self.shots = shots
        self.memory = memory
        self.standardise = standardise
        self.random_state = random_state

    def cost(self, rows: int, columns: int | None = None, features: int = 1) -> Any:
        """What a Gram matrix would take on the target; nothing is run or sent.

        Args:
            rows: Rows that are fitted, or predicted.
            columns: Rows that were fitted, for a prediction; None for the fit.
            features: Columns of the data, where the circuit is none of one's own.

        Returns:
            A `Cost`: jobs, circuits, rows, executions and seconds.
        """
        return self._made(features).cost(rows, columns)

    def gram(self, X: Any) -> Doubles:
        """The kernel between rows and those of `fit`.

        Args:
            X: (rows, features).

        Returns:
            (rows, rows of fit).

        Raises:
            DataError: The rows are not like those of `fit`.
            MemoryBoundError: The matrix does not fit into memory.
            UnfittedError: The estimator was not fitted.
        """
        return self._against(self._scaled(X))

    def _against(self, rows: Doubles) -> Doubles:
        if self.shots is not None and self.random_state is not None:
            self.kernel_.clear()  # or what was measured before would not be sampled
        with same_shots(self), torch.no_grad():
            found: Doubles = self.kernel_(rows, self.rows_).numpy()
        return found

    def _scaled(self, X: Any) -> Doubles:
        x = rows_to_read(self, X)
        zeros = np.zeros((len(x), *self.preprocessing_.output_shape))
        rows = self.preprocessing_.apply(dataset_of(self, x, zeros))
        return np.array(rows.inputs)

    def _fit(
        self, x: Doubles, labels: Any, names: tuple[str, ...], weights: Any
    ) -> Self:
        check_flag("standardise", self.standardise)
        check_number("gamma", self.gamma, 0, MOST)
        rows = dataset_of(self, x, labels, names, weights)
        fitted = Preprocessing.fit(rows, standardise=self.standardise)
        scaled = fitted.apply(rows)
        self.seed_ = seed_of(self.random_state)
        self.kernel_ = self._made(x.shape[1], self.seed_)
        self.preprocessing_ = fitted
        self.rows_ = np.array(scaled.inputs)
        self.labels_ = scaled.labels
        self.weights_ = rows.weights
        self._merge()
        self.gram_ = self._gram_of_fit()
        with repairs():
            self.machine_ = self.learn()
        return self

    def _merge(self) -> None:
        """Makes one row of several; by default none."""

    def _gram_of_fit(self) -> Doubles | None:
        """The kernel between all pairs of rows; None where the machine asks for it."""
        with same_shots(self), torch.no_grad():
            found: Doubles = self.kernel_(self.rows_).numpy()
        return found

    def arrays(self) -> dict[str, Any]:
        """The rows of the fit, their labels, weights and Gram matrix."""
        names = ("rows_", "labels_", "weights_", "gram_")
        found = {name: getattr(self, name) for name in names}
        return {name: each for name, each in found.items() if each is not None}

    def restore(self, arrays: Mapping[str, Any]) -> None:
        """Fits the machine again to what was measured; no circuit runs twice.

        Args:
            arrays: What `arrays` returned.

        Raises:
            KeyError: One is missing.
        """
        self.rows_, self.labels_ = arrays["rows_"], arrays["labels_"]
        self.weights_, self.gram_ = arrays.get("weights_"), arrays.get("gram_")
        self.kernel_ = self._made(self.rows_.shape[1], self.seed_)
        self.machine_ = self.learn()

    def _made(self, features: int, seed: int = 0) -> Kernel:
        """The kernel of rows of so many features."""
        if isinstance(self.kernel, Kernel):
            for name in ("circuit", "target", "shots", "memory"):
                if getattr(self, name) is not None:
                    raise ArgumentError(
                        f"{name}: the kernel is made already, got "
                        f"{getattr(self, name)!r}; give it to the kernel"
                    )
            if self.kernel.num_inputs != features:
                raise ArgumentError(
                    f"kernel: expected one of {features} features, as the rows have, "
                    f"got one of {self.kernel.num_inputs}"
                )
            return copy.deepcopy(self.kernel)
        check_choice("kernel", self.kernel, KERNELS)
        circuit = self.circuit
        circuit = circuit_for(
            encoding_for(features) if circuit is None else circuit, features
        )
        options: dict[str, Any] = {
            "scaling": scaling_for(self.scaling, features),
            "memory": self.memory,
            "target": self.target,
            "shots": self.shots,
            "dtype": torch.float64,
            "generator": torch.Generator().manual_seed(seed),
        }
        if self.kernel == "projected":
            return ProjectedKernel(circuit, gamma=self.gamma, **options)
        made = FidelityKernel if self.kernel == "fidelity" else LocalKernel
        return made(circuit, **options)

    def _exact(self) -> None:
        """Refuses shots where the Gram matrix has to be positive."""
        if self.shots is not None:
            raise ArgumentError(
                f"shots: {type(self).__name__} needs a Gram matrix without negative "
                f"eigenvalues, which {self.shots!r} shots do not give; use shots=None, "
                "or QuantumSVC"
            )


class _Classes(ClassifierMixin, KernelMachine):
    """Those whose labels are classes."""

    classes_: Any

    def _fit_classes(
        self, X: Any, y: Any, weights: Any = None, class_weight: Any = None
    ) -> Self:
        x, classes, codes, each = class_codes(self, X, y, weights, class_weight)
        self.classes_ = classes
        return self._fit(x, codes, tuple(map(str, classes)), each)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The class of each row.

        Args:
            X: (rows, features).

        Returns:
            (rows,).

        Raises:
            DataError: The rows are not like those of `fit`.
            UnfittedError: The estimator was not fitted.
        """
        seen = self._seen(X)
        found: npt.NDArray[Any] = self.classes_[self.machine_.predict(seen)]
        return found

    def _seen(self, X: Any) -> Doubles:
        """Rows as the machine reads them: here the kernel with those of `fit`."""
        return self.gram(X)


class QuantumSVC(_Classes):
    """Support vector classification on a circuit's kernel (scikit-learn's `SVC`).

    Rows that are the same are measured once, with the weight of all.

    After `fit` it has `kernel_`, the kernel; `machine_`, the machine of scikit-learn;
    `classes_`, the classes, sorted; `rows_`, the scaled rows, each once;
    `preprocessing_`, what was fitted to scale rows.

    Args:
        kernel: "fidelity", "projected" or "local", as `qml_qdl.kernels` has them, or a
            `Kernel` of one's own, trained or not.
        circuit: The circuit whose encoding the kernel reads; None for IQP encodings.
        scaling: Factor on the scaled features, the kernel's bandwidth: what decides
            most, and to be searched over; "auto" for 1/√features.
        gamma: The width of a projected kernel's Gaussian.
        target: Where circuits run, as of `QuantumLayer`; None for "auto".
        shots: Number of shots; None for exact results.
        memory: Bytes that a Gram matrix may use; None for a quarter of what is free.
        standardise: Whether columns get mean 0 and deviation 1 before.
        random_state: Fixes simulated shots, and weights that the circuit has.
        C: What an error costs, > 0.
        class_weight: As of `QuantumClassifier`.
        tol: When the optimiser stops.
        max_iter: Its steps at most; None for no bound.
        decision_function_shape: "ovr" or "ovo".

    Raises:
        ArgumentError: A parameter does not fit, as `fit` finds.
        BudgetError: A job would take too much, as `fit` finds before it is sent.
        MemoryBoundError: The Gram matrix does not fit into memory, as `fit` finds.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from qml_qdl.sklearn import QuantumSVC
        >>> x, y = load_iris(return_X_y=True)
        >>> bool(QuantumSVC().fit(x, y).score(x, y) > 0.9)
        True
    """

    def __init__(
        self,
        kernel: Any = "fidelity",
        *,
        circuit: Any = None,
        scaling: Any = "auto",
        gamma: float = 1.0,
        target: Any = None,
        shots: int | None = None,
        memory: int | None = None,
        standardise: bool = True,
        random_state: Any = None,
        C: float = 1.0,
        class_weight: Any = None,
        tol: float = 1e-3,
        max_iter: int | None = None,
        decision_function_shape: str = "ovr",
    ) -> None:
        super().__init__(
            kernel,
            circuit=circuit,
            scaling=scaling,
            gamma=gamma,
            target=target,
            shots=shots,
            memory=memory,
            standardise=standardise,
            random_state=random_state,
        )
        self.C = C
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter
        self.decision_function_shape = decision_function_shape

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fits the machine to rows and their classes.

        Args:
            X: (rows, features), finite.
            y: A class of each row: numbers or words.
            sample_weight: How much each row counts, ≥ 0; None for all alike.

        Returns:
            The estimator.

        Raises:
            ArgumentError: A parameter does not fit.
            BudgetError: A job would take too much.
            DataError: Rows or labels cannot be used.
            MemoryBoundError: The Gram matrix does not fit into memory.
            TargetError: The target cannot run the circuit.
        """
        check_number("C", self.C, 0, MOST)
        check_number("tol", self.tol, 0, MOST)
        if self.max_iter is not None:
            check_count("max_iter", self.max_iter)
        self._fit_classes(X, y, sample_weight, self.class_weight)
        self.n_iter_ = self.machine_.n_iter_
        return self

    def _merge(self) -> None:
        """Makes one row of those that are the same, with the weight of all.

        So a weight is exactly as many rows, and no pair is measured twice.
        """
        rows, labels = self.rows_, self.labels_
        each = np.ones(len(rows)) if self.weights_ is None else self.weights_
        both, place = np.unique(np.c_[rows, labels], axis=0, return_inverse=True)
        total = np.bincount(place.ravel(), each)
        self.rows_ = both[total > 0, :-1]
        self.labels_ = both[total > 0, -1].astype(np.int64)
        self.weights_ = total[total > 0]

    def learn(self) -> Any:
        """Fits scikit-learn's SVC."""
        machine = SVC(
            kernel="precomputed",
            C=self.C,
            tol=self.tol,
            max_iter=-1 if self.max_iter is None else self.max_iter,
            decision_function_shape=self.decision_function_shape,
        )
        return machine.fit(self.gram_, self.labels_, self.weights_)

    def decision_function(self, X: Any) -> Doubles:
        """How far each row is on which side, as scikit-learn's `SVC` has it.

        Args:
            X: (rows, features).

        Returns:
            (rows,) of two classes, else (rows, classes) or, of "ovo", (rows, pairs).

        Raises:
            DataError: The rows are not like those of `fit`.
            UnfittedError: The estimator was not fitted.
        """
        seen = self._seen(X)
        found: Doubles = self.machine_.decision_function(seen)
        return found


class QuantumKernelRidge(RegressorMixin, KernelMachine):
    """Kernel ridge regression on a circuit's kernel (scikit-learn's `KernelRidge`).

    Numbers are standardised as columns are, so that there is an intercept.

    After `fit` it has `kernel_`, the kernel; `machine_`, the machine of scikit-learn;
    `preprocessing_`, what was fitted to scale rows.

    Args:
        kernel: "fidelity", "projected" or "local", as `qml_qdl.kernels` has them, or a
            `Kernel` of one's own, trained or not.
        circuit: The circuit whose encoding the kernel reads; None for IQP encodings.
        scaling: Factor on the scaled features, the kernel's bandwidth: what decides
            most, and to be searched over; "auto" for 1/√features.
        gamma: The width of a projected kernel's Gaussian.
        target: Where circuits run, as of `QuantumLayer`; None for "auto".
        shots: Number of shots; None for exact results.
        memory: Bytes that a Gram matrix may use; None for a quarter of what is free.
        standardise: Whether columns get mean 0 and deviation 1 before.
        random_state: Fixes simulated shots, and weights that the circuit has.
        alpha: Weight of the penalty, > 0.

    Raises:
        ArgumentError: A parameter does not fit, as `fit` finds.
        BudgetError: A job would take too much, as `fit` finds before it is sent.
        MemoryBoundError: The Gram matrix does not fit into memory, as `fit` finds.

    Example:
        >>> import numpy as np
        >>> from qml_qdl.sklearn import QuantumKernelRidge
        >>> x = np.linspace(-2, 2, 30)[:, None]
        >>> bool(QuantumKernelRidge(alpha=0.01).fit(x, x**2).score(x, x**2) > 0.99)
        True
    """

    def __init__(
        self,
        kernel: Any = "fidelity",
        *,
        circuit: Any = None,
        scaling: Any = "auto",
        gamma: float = 1.0,
        target: Any = None,
        shots: int | None = None,
        memory: int | None = None,
        standardise: bool = True,
        random_state: Any = None,
        alpha: float = 1.0,
    ) -> None:
        super().__init__(
            kernel,
            circuit=circuit,
            scaling=scaling,
            gamma=gamma,
            target=target,
            shots=shots,
            memory=memory,
            standardise=standardise,
            random_state=random_state,
        )
        self.alpha = alpha

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fits the machine to rows and their numbers.

        Args:
            X: (rows, features), finite.
            y: (rows,), or (rows, outputs).
            sample_weight: How much each row counts, ≥ 0; None for all alike.

        Returns:
            The estimator.

        Raises:
            ArgumentError: A parameter does not fit.
            BudgetError: A job would take too much.
            DataError: Rows or labels cannot be used.
            MemoryBoundError: The Gram matrix does not fit into memory.
            TargetError: The target cannot run the circuit.
        """
        check_number("alpha", self.alpha, 0, MOST)
        x, numbers = rows_to_fit(self, X, y, multi_output=True, y_numeric=True)
        self.output_shape_: tuple[int, ...] = numbers.shape[1:]
        single = numbers[:, 0] if numbers.shape[1:] == (1,) else numbers
        weights = weights_of(sample_weight, x)
        return self._fit(x, single.astype(np.float64), (), weights)

    def learn(self) -> Any:
        """Fits scikit-learn's KernelRidge."""
        machine = KernelRidge(alpha=self.alpha, kernel="precomputed")
        return machine.fit(self.gram_, self.labels_, self.weights_)

    def predict(self, X: Any) -> Doubles:
        """The numbers of each row.

        Args:
            X: (rows, features).

        Returns:
            (rows,), or (rows, outputs) as of `fit`.

        Raises:
            DataError: The rows are not like those of `fit`.
            UnfittedError: The estimator was not fitted.
        """
        gram = self.gram(X)
        found = self.preprocessing_.labels_of(self.machine_.predict(gram))
        return found.reshape(len(found), *self.output_shape_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class CircuitCovariance(Covariance):
    """A kernel of this library as a covariance of scikit-learn's Gaussian processes.

    It has no hyperparameters of its own. The latest symmetric matrix is kept: the
    likelihood is maximised over other factors, and asks for the same one each time.

    Args:
        kernel: The kernel.
    """

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """The Gram matrix, and a gradient by no hyperparameters at all."""
        rows = np.asarray(X, dtype=np.float64)
        with torch.no_grad():
            if Y is not None:
                return self.kernel(rows, np.asarray(Y, dtype=np.float64)).numpy()
            kept = getattr(self, "_kept", None)
            if kept is None or not np.array_equal(kept[0], rows):
                kept = self._kept = rows.copy(), self.kernel(rows).numpy()
        gram = kept[1].copy()
        return (gram, np.empty((*gram.shape, 0))) if eval_gradient else gram

    def diag(self, X: Any) -> Doubles:
        """The kernel of each row with itself."""
        rows = np.asarray(X, dtype=np.float64)
        with torch.no_grad():
            parts = [
                self.kernel(rows[first : first + 64]).diagonal().numpy()
                for first in range(0, len(rows), 64)
            ]
        return np.concatenate(parts)

    def is_stationary(self) -> bool:
        """No: a circuit may tell places apart that are as far from each other."""
        return False


class QuantumGaussianProcessRegressor(RegressorMixin, KernelMachine):
    """A Gaussian process of numbers whose covariance is a circuit's kernel.

    Factor and noise are those of the highest likelihood, by scikit-learn's
    `GaussianProcessRegressor`; the circuit runs once.

    After `fit` it has `kernel_`, the kernel; `machine_`, the machine of scikit-learn;
    `preprocessing_`, what was fitted to scale rows.

    Args:
        kernel: "fidelity", "projected" or "local", as `qml_qdl.kernels` has them, or a
            `Kernel` of one's own, trained or not.
        circuit: The circuit whose encoding the kernel reads; None for IQP encodings.
        scaling: Factor on the scaled features, the kernel's bandwidth: what decides
            most, and to be searched over; "auto" for 1/√features.
        gamma: The width of a projected kernel's Gaussian.
        target: Where circuits run, as of `QuantumLayer`; None for "auto".
        shots: None: exact results are needed, and a number is refused.
        memory: Bytes that a Gram matrix may use; None for a quarter of what is free.
        standardise: Whether columns get mean 0 and deviation 1 before.
        random_state: Fixes restarts, and weights that the circuit has.
        noise: The variance of the noise that the search begins with, in units of that
            of the numbers, > 0.
        optimizer: As of scikit-learn; None keeps factor and noise.
        n_restarts_optimizer: How often the search begins anew.

    Raises:
        ArgumentError: A parameter does not fit, as `fit` finds.
        BudgetError: A job would take too much, as `fit` finds before it is sent.
        MemoryBoundError: The Gram matrix does not fit into memory, as `fit` finds.

    Example:
        >>> import numpy as np
        >>> from qml_qdl.sklearn import QuantumGaussianProcessRegressor
        >>> x = np.linspace(-2, 2, 20)[:, None]
        >>> y = np.cos(x[:, 0]) + np.random.default_rng(0).normal(0, 0.1, 20)
        >>> process = QuantumGaussianProcessRegressor().fit(x, y)
        >>> mean, deviation = process.predict(x, return_std=True)
        >>> bool(abs(mean - y).max() < 0.3), deviation.shape
        (True, (20,))
    """

    def __init__(
        self,
        kernel: Any = "fidelity",
        *,
        circuit: Any = None,
        scaling: Any = "auto",
        gamma: float = 1.0,
        target: Any = None,
        shots: int | None = None,
        memory: int | None = None,
        standardise: bool = True,
        random_state: Any = None,
        noise: Any = 0.1,
        optimizer: Any = "fmin_l_bfgs_b",
        n_restarts_optimizer: int = 0,
    ) -> None:
        super().__init__(
            kernel,
            circuit=circuit,
            scaling=scaling,
            gamma=gamma,
            target=target,
            shots=shots,
            memory=memory,
            standardise=standardise,
            random_state=random_state,
        )
        self.noise = noise
        self.optimizer = optimizer
        self.n_restarts_optimizer = n_restarts_optimizer

    def fit(self, X: Any, y: Any) -> Self:
        """Fits the machine to rows and their numbers.

        Args:
            X: (rows, features), finite.
            y: (rows,), or (rows, outputs).

        Returns:
            The estimator.

        Raises:
            ArgumentError: A parameter does not fit.
            BudgetError: A job would take too much.
            DataError: Rows or labels cannot be used.
            MemoryBoundError: The Gram matrix does not fit into memory.
            TargetError: The target cannot run the circuit.
        """
        self._exact()
        check_number("noise", self.noise, 0, MOST)
        check_count("n_restarts_optimizer", self.n_restarts_optimizer, 0)
        x, numbers = rows_to_fit(self, X, y, multi_output=True, y_numeric=True)
        self.output_shape_: tuple[int, ...] = numbers.shape[1:]
        single = numbers[:, 0] if numbers.shape[1:] == (1,) else numbers
        return self._fit(x, single.astype(np.float64), (), None)

    def _gram_of_fit(self) -> None:
        """None: the covariance has it."""

    def learn(self) -> Any:
        """Fits scikit-learn's process: factor and noise by their likelihood."""
        covariance = ConstantKernel() * CircuitCovariance(self.kernel_)
        machine = GaussianProcessRegressor(
            covariance + WhiteKernel(self.noise, (1e-6, 1e3)),
            optimizer=self.optimizer,
            n_restarts_optimizer=self.n_restarts_optimizer,
            random_state=self.seed_,
        )
        return machine.fit(self.rows_, self.labels_)

    def predict(
        self, X: Any, return_std: bool = False, return_cov: bool = False
    ) -> Any:
        """The numbers of each row, and how sure they are.

        Args:
            X: (rows, features).
            return_std: Whether standard deviations come, too, noise included.
            return_cov: Whether covariances of the rows come instead.

        Returns:
            Means (rows,), or (rows, outputs) as of `fit`; and deviations of the same
            shape, or covariances (rows, rows), or (rows, rows, outputs) where means
            have outputs.

        Raises:
            DataError: The rows are not like those of `fit`.
            UnfittedError: The estimator was not fitted.
        """
        rows = self._scaled(X)
        found = self.machine_.predict(rows, return_std, return_cov)
        mean, spread = found if return_std or return_cov else (found, None)
        mean = self.preprocessing_.labels_of(mean)
        mean = mean.reshape(len(mean), *self.output_shape_)
        if spread is None:
            return mean
        unit = self.preprocessing_.label_deviation
        unit = np.asarray(1.0 if unit is None else unit)
        spread = spread * (unit**2 if return_cov else unit)
        shape = spread.shape[: 2 if return_cov else 1] + self.output_shape_
        return mean, spread.reshape(shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


QuantumGaussianProcess = QuantumGaussianProcessRegressor
"""A shorter name of `QuantumGaussianProcessRegressor`."""


class QuantumGaussianProcessClassifier(_Classes):
    """A Gaussian process of classes whose covariance is a circuit's kernel.

    By Laplace's approximation, one class against the rest, as scikit-learn's
    `GaussianProcessClassifier` has it.

    After `fit` it has `kernel_`, the kernel; `machine_`, the machine of scikit-learn;
    `classes_`, the classes, sorted; `preprocessing_`, what was fitted to scale rows.

    Args:
        kernel: "fidelity", "projected" or "local", as `qml_qdl.kernels` has them, or a
            `Kernel` of one's own, trained or not.
        circuit: The circuit whose encoding the kernel reads; None for IQP encodings.
        scaling: Factor on the scaled features, the kernel's bandwidth: what decides
            most, and to be searched over; "auto" for 1/√features.
        gamma: The width of a projected kernel's Gaussian.
        target: Where circuits run, as of `QuantumLayer`; None for "auto".
        shots: None: exact results are needed, and a number is refused.
        memory: Bytes that a Gram matrix may use; None for a quarter of what is free.
        standardise: Whether columns get mean 0 and deviation 1 before.
        random_state: Fixes restarts, and weights that the circuit has.
        optimizer: As of scikit-learn; None keeps the factor.
        n_restarts_optimizer: How often the search begins anew.

    Raises:
        ArgumentError: A parameter does not fit, as `fit` finds.
        BudgetError: A job would take too much, as `fit` finds before it is sent.
        MemoryBoundError: The Gram matrix does not fit into memory, as `fit` finds.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from qml_qdl.sklearn import QuantumGaussianProcessClassifier
        >>> x, y = load_iris(return_X_y=True)
        >>> process = QuantumGaussianProcessClassifier().fit(x[:100], y[:100])
        >>> bool(process.score(x[:100], y[:100]) > 0.9)
        True
    """

    def __init__(
        self,
        kernel: Any = "fidelity",
        *,
        circuit: Any = None,
        scaling: Any = "auto",
        gamma: float = 1.0,
        target: Any = None,
        shots: int | None = None,
        memory: int | None = None,
        standardise: bool = True,
        random_state: Any = None,
        optimizer: Any = "fmin_l_bfgs_b",
        n_restarts_optimizer: int = 0,
    ) -> None:
        super().__init__(
            kernel,
            circuit=circuit,
            scaling=scaling,
            gamma=gamma,
            target=target,
            shots=shots,
            memory=memory,
            standardise=standardise,
            random_state=random_state,
        )
        self.optimizer = optimizer
        self.n_restarts_optimizer = n_restarts_optimizer

    def fit(self, X: Any, y: Any) -> Self:
        """Fits the machine to rows and their classes.

        Args:
            X: (rows, features), finite.
            y: A class of each row: numbers or words.

        Returns:
            The estimator.

        Raises:
            ArgumentError: A parameter does not fit.
            BudgetError: A job would take too much.
            DataError: Rows or labels cannot be used.
            MemoryBoundError: The Gram matrix does not fit into memory.
            TargetError: The target cannot run the circuit.
        """
        self._exact()
        check_count("n_restarts_optimizer", self.n_restarts_optimizer, 0)
        return self._fit_classes(X, y)

    def _gram_of_fit(self) -> None:
        """None: the covariance has it."""

    def learn(self) -> Any:
        """Fits scikit-learn's process: the factor by its likelihood."""
        machine = GaussianProcessClassifier(
            ConstantKernel() * CircuitCovariance(self.kernel_),
            optimizer=self.optimizer,
            n_restarts_optimizer=self.n_restarts_optimizer,
            random_state=self.seed_,
        )
        return machine.fit(self.rows_, self.labels_)

    def _seen(self, X: Any) -> Doubles:
        return self._scaled(X)

    def predict_proba(self, X: Any) -> Doubles:
        """The probabilities of the classes, in the order of `classes_`.

        Args:
            X: (rows, features).

        Returns:
            (rows, classes).

        Raises:
            DataError: The rows are not like those of `fit`.
            UnfittedError: The estimator was not fitted.
        """
        seen = self._seen(X)
        found: Doubles = self.machine_.predict_proba(seen)
        return found
