"""Every example and notebook runs from beginning to end."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import nbformat
import pytest
from nbclient import NotebookClient

from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import isolate, use
from tests.test_example_pictures import PICTURES, load

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted(
    path
    for path in (ROOT / "examples").glob("*.py")
    if path.stem != "train_then_hardware"  # has a test of its own
)
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))

SHORT = {*PICTURES, "hybrid_classifier", "neural_tomography", "sklearn_pipeline"}


@pytest.fixture(autouse=True)
def _no_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No example finds the user's own account, or pays."""
    isolate(monkeypatch, tmp_path_factory.mktemp("home"))


in_short_and_whole = pytest.mark.parametrize(
    "whole",
    [False, pytest.param(True, marks=pytest.mark.slow)],
    ids=["in short", "whole"],
)


def shortened(source: str) -> str:
    """A cell with a twentieth of its steps, ten images, and two sizes of many."""
    fewer = re.sub(
        r"(range\(|steps=|STEPS = |epochs=)(\d{2,})(?=\D)",
        lambda found: found[1] + str(int(found[2]) // 20 or int(found[2])),
        source,
    )
    fewer = re.sub(r"(NOISY, |\"aer[\w:]*\", )\d{2,}", r"\g<1>10", fewer)
    return re.sub(r"(wires = \(\d+, \d+), [\d, ]+\)", r"\1)", fewer)


def run(script: Path, folder: Path, whole: bool = True) -> str:
    """Runs a script in an empty folder, which it leaves empty, and gives its output.

    In this process: another one would load torch and PennyLane anew.
    """
    source = script.read_text() if whole else shortened(script.read_text())
    output = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(output):
        exec(compile(source, script.name, "exec"), {"__name__": "__main__"})
    assert output.getvalue()
    assert list(folder.iterdir()) == []
    return output.getvalue()


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # jacfwd
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            script,
            id=script.stem,
            # In short they run below, and in test_example_pictures.py.
            marks=[pytest.mark.slow] if script.stem in SHORT else [],
        )
        for script in SCRIPTS
    ],
)
def test_script(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(script)])
    run(script, tmp_path)


@pytest.mark.slow
def test_hybrid_classifier_in_short(capsys: pytest.CaptureFixture[str]) -> None:
    """Its notebook, which is the same, runs in the quick suite."""
    quantum, classical = load("hybrid_classifier").main(epochs=1)
    assert min(quantum, classical) > 0.5
    assert "50 images, 200 shots: " in capsys.readouterr().out


@pytest.mark.usefixtures("without_pictures")
@in_short_and_whole
def test_train_then_hardware_reaches_a_machine(
    whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackServer(["guadalupe"], noise=True, seed=1) as server:
        use(monkeypatch, server)
        monkeypatch.setattr(sys, "argv", ["train_then_hardware.py"])
        output = run(ROOT / "examples" / "train_then_hardware.py", tmp_path, whole)
        assert len(server.jobs) == 1
        assert server.rows_paid == 160
    assert "ibm:least_busy       10" in output
    assert "QPU seconds" in output


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # tensors sampled
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # jacfwd
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@in_short_and_whole
def test_notebook(
    path: Path,
    whole: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a kernel, which would load torch and PennyLane anew for each."""
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    names: dict[str, object] = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            capsys.readouterr()
            source = cell.source if whole else shortened(cell.source)
            exec(compile(source, path.name, "exec"), names)
    plt.close("all")
    for value in names.values():
        if isinstance(value, TemporaryDirectory):
            value.cleanup()  # a kernel's end would do it
    assert "%" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside Jupyter's client
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # its sockets
@pytest.mark.slow
def test_notebook_in_jupyter(tmp_path: Path) -> None:
    """Whole; without Jupyter it runs above, in short too."""
    notebook = nbformat.read(ROOT / "examples" / "train_then_hardware.ipynb", 4)
    client = NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    (last,) = notebook.cells[-1].outputs
    assert "%" in last.text
