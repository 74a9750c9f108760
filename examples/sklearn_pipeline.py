"""Pipelines of scikit-learn: kernels, features and a trained circuit beside rivals.

Each is searched over four settings by cross-validation on the training rows alone.
`python examples/sklearn_pipeline.py FOLDER` also writes its picture there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from qml_qdl.sklearn import QuantumClassifier, QuantumSVC, QuantumTransformer
from qml_qdl.training.plots import save_figure

SEEDS = 5
TRAINED = 60

RIVALS = {
    "RBF SVC": (SVC(), {"svc__gamma": [0.1, 0.4], "svc__C": [1, 10]}),
    "quantum SVC": (
        QuantumSVC(),
        {"quantumsvc__scaling": [0.1, 0.4], "quantumsvc__C": [1, 10]},
    ),
    "projected SVC": (
        QuantumSVC("projected"),
        {"quantumsvc__scaling": [0.1, 0.4], "quantumsvc__C": [1, 10]},
    ),
    "logistic": (
        LogisticRegression(max_iter=1000),
        {"logisticregression__C": [0.1, 1, 10, 100]},
    ),
    "trained circuit": (
        QuantumClassifier(epochs=40),
        {
            "quantumclassifier__learning_rate": [0.02, 0.1],
            "quantumclassifier__model_options": [{"layers": 1}, {"layers": 2}],
        },
    ),
}


def pipelines(seed: int) -> dict[str, Any]:
    """Each rival behind the same scaling and the same four components."""
    found: dict[str, Any] = {}
    for name, (estimator, grid) in RIVALS.items():
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=seed)
        line = make_pipeline(StandardScaler(), PCA(4), estimator)
        found[name] = GridSearchCV(line, grid, cv=3)
    features = QuantumTransformer(random_state=seed)
    last = LogisticRegression(max_iter=1000)
    line = make_pipeline(StandardScaler(), PCA(4), features, last)
    grid = {
        "quantumtransformer__scaling": [0.1, 0.4],
        "logisticregression__C": [1, 10],
    }
    found["quantum features"] = GridSearchCV(line, grid, cv=3)
    return found


def accuracies() -> dict[str, Any]:
    """Of each pipeline on the test rows, one a seed."""
    x, y = load_wine(return_X_y=True)
    found: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        parts = train_test_split(
            x, y, train_size=TRAINED, stratify=y, random_state=seed
        )
        for name, search in pipelines(seed).items():
            score = search.fit(parts[0], parts[2]).score(parts[1], parts[3])
            found.setdefault(name, []).append(score)
    return {name: np.array(scores) for name, scores in found.items()}


def main() -> None:
    found = accuracies()
    print(f"wine, {TRAINED} training rows, 4 components, {SEEDS} splits")
    print(f"{'':18}{'accuracy':>14}{'minus RBF, paired':>22}")
    for name, scores in found.items():
        less = scores - found["RBF SVC"]
        print(
            f"{name:18}{scores.mean():8.1%} ± {scores.std(ddof=1):.1%}"
            f"{less.mean():15.1%} ± {less.std(ddof=1):.1%}"
        )
    if len(sys.argv) > 1:
        figure = Figure(figsize=(5.2, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.boxplot(list(found.values()), orientation="horizontal")
        axes.set_yticks(range(1, len(found) + 1), list(found))
        axes.set_xlabel("test accuracy")
        save_figure(figure, Path(sys.argv[1]) / "sklearn-pipeline.png")


if __name__ == "__main__":
    main()
