"""Features out of circuits, for pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)

from qml_qdl.circuits.validation import check_count, check_flag
from qml_qdl.data.preprocessing import Preprocessing
from qml_qdl.nn import QuantumLayer
from qml_qdl.sklearn.base import (
    AT_ONCE,
    dataset_of,
    rows_to_fit,
    rows_to_read,
    same_shots,
    seed_of,
)
from qml_qdl.sklearn.circuits import (
    circuit_for,
    features_for,
    outputs_of,
    scaling_for,
)
from qml_qdl.sklearn.runs import Saved


class QuantumTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, Saved, BaseEstimator
):
    """What a circuit reads out of rows, as features for what comes next in a pipeline.

    Weights are random and stay as they are, as in reservoirs and random features;
    only what scales rows is fitted. `QuantumClassifier` trains weights.

    After `fit` it has `layer_`, the `QuantumLayer`; `preprocessing_`, what was fitted
    to scale rows.

    Args:
        circuit: U(x, θ) with a readout of real numbers; it reads all features. None for
            IQP encodings with layers of weights behind them, and ⟨Z⟩ of each wire.
        layers: Layers of weights, where there is no circuit.
        scaling: Factor on the scaled features; "auto" for 1/√features.
        target: Where it runs, as of `QuantumLayer`.
        shots: Number of shots; None for exact results.
        standardise: Whether columns get mean 0 and deviation 1 before.
        random_state: Fixes weights and simulated shots.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> from qml_qdl.sklearn import QuantumTransformer
        >>> x, y = load_iris(return_X_y=True)
        >>> QuantumTransformer(random_state=0).fit_transform(x).shape
        (150, 4)
        >>> features = QuantumTransformer(random_state=0)
        >>> line = make_pipeline(features, LogisticRegression())
        >>> bool(line.fit(x, y).score(x, y) > 0.5)
        True
    """

    def __init__(
        self,
        circuit: Any = None,
        *,
        layers: int = 1,
        scaling: Any = "auto",
        target: Any = None,
        shots: int | None = None,
        standardise: bool = True,
        random_state: Any = None,
    ) -> None:
        self.circuit = circuit
        self.layers = layers
        self.scaling = scaling
        self.target = target
        self.shots = shots
        self.standardise = standardise
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Samples the weights, and learns how to scale rows.

        Args:
            X: (rows, features), finite.
            y: Not used.

        Returns:
            The estimator.

        Raises:
            ArgumentError: A parameter does not fit.
            DataError: The rows cannot be used.
            TargetError: The target cannot run the circuit.
        """
        x = rows_to_fit(self, X)
        check_flag("standardise", self.standardise)
        check_count("layers", self.layers)
        features = x.shape[1]
        scaling_for(self.scaling, features)
        rows = dataset_of(self, x, np.zeros(len(x)))
        seed = seed_of(self.random_state)
        self.seed_ = seed
        self._make(features)
        self.preprocessing_ = Preprocessing.fit(rows, standardise=self.standardise)
        return self

    def _make(self, features: int) -> None:
        circuit = self.circuit
        if circuit is None:
            circuit = features_for(features, self.layers)
        circuit = circuit_for(circuit, features)
        self.layer_ = QuantumLayer(
            circuit,
            target=self.target,
            shots=self.shots,
            generator=torch.Generator().manual_seed(self.seed_),
            dtype=torch.float64,
        )
        self._n_features_out = outputs_of(circuit)

    def arrays(self) -> dict[str, Any]:
        """The weights of the circuit by name."""
        return {name: each.numpy() for name, each in self.layer_.state_dict().items()}

    def restore(self, arrays: Mapping[str, Any]) -> None:
        """Makes the layer again.

        Args:
            arrays: What `arrays` returned.

        Raises:
            KeyError: One is missing.
        """
        self._make(self.n_features_in_)
        names = self.layer_.state_dict()
        self.layer_.load_state_dict(
            {name: torch.tensor(arrays[name]) for name in names}
        )

    def transform(self, X: Any) -> npt.NDArray[np.float64]:
        """What the circuit reads out.

        Args:
            X: (rows, features).

        Returns:
            (rows, outputs).

        Raises:
            DataError: The rows are not like those of `fit`.
            UnfittedError: The estimator was not fitted.
        """
        x = rows_to_read(self, X)
        rows = self.preprocessing_.apply(dataset_of(self, x, np.zeros(len(x)))).inputs
        inputs = scaling_for(self.scaling, x.shape[1]) * torch.tensor(rows)
        with same_shots(self), torch.no_grad():
            parts = [self.layer_(part).flatten(1) for part in inputs.split(AT_ONCE)]
        found: npt.NDArray[np.float64] = torch.cat(parts).numpy()
        return found
