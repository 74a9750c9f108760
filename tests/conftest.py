"""Stops with one clear line without the package; keeps tests out of the user's home."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

if importlib.util.find_spec("qml_qdl.circuits") is None:
    pytest.exit(
        "qml_qdl.circuits cannot be imported: install the package first "
        "(make test does, or: pip install -c constraints.txt -e '.[dev]')",
        returncode=2,
    )


def pytest_collection_finish() -> None:
    """A million objects, the tests and what they import, are no garbage to look for."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Transpiled circuits and jobs go to a folder of the tests."""
    folder = tmp_path_factory.mktemp("places")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QML_QDL_CACHE", str(folder / "cache"))
        patch.setenv("QML_QDL_JOURNAL", str(folder / "jobs.sqlite"))
        yield


@pytest.fixture(scope="module")
def without_pictures() -> Iterator[None]:
    """A short run would spend most of its time on pictures.

    The weights that are shown in them are read all the same.
    """
    from qml_qdl.training import experiment
    from qml_qdl.training.checkpoints import load_best

    def plot(run: Any, task: Any, fits: object) -> None:
        kind = run.kinds[0]
        seed = run.best_seed(kind)
        load_best(task.build(kind, seed), run.fit_folder(kind, seed))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "plot", plot)
        yield
