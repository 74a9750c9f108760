"""`qml-qdl train` on a table of one's own, and `qml-qdl predict`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from qml_qdl.cli import main
from tests.data.frames import table

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predict")
    frame = table()
    frame.insert(0, "id", range(100, 100 + len(frame)))
    twice = pd.concat([frame, frame.iloc[:20]])
    twice.to_csv(folder / "mine.csv", sep=";", decimal=",", index=False)
    return folder


def test_from_a_table_to_predictions(runs: Path, capsys: Capture) -> None:
    folder = ["--runs-dir", str(runs / "runs")]
    words = [
        *("train", "--data", str(runs / "mine.csv"), "--name", "mine", "--quiet"),
        *("--model", "torch.nn.Linear", "--epochs", "1", "--seeds", "1", *folder),
    ]
    assert main(words) == 2
    _, err = capsys.readouterr()
    assert "line 2, column" not in err.splitlines()[0]
    assert "expected a value, got ''" in err.splitlines()[-1]
    assert "one of --missing 'drop', 'mean'" in err.splitlines()[-1]
    words += ["--missing", "median", "--drop", "id"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    taken, shared = err.splitlines()
    assert taken.endswith("taken as a table separated by ';', with decimal commas")
    assert "test rows stand in the training part, too" in shared
    assert "missing: median" in (runs / "runs" / "mine" / "config.yaml").read_text()
    # What was said once is not said again.
    assert main(["train", "--resume", "mine", "--quiet", *folder]) == 0
    assert capsys.readouterr().err == ""
    assert main(["predict", "mine", str(runs / "mine.csv"), *folder]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith(f"100 rows of {runs / 'mine.csv'}: ")
    written = pd.read_csv(runs / "runs" / "mine" / "predictions.csv")
    assert len(written) == 100
    counts = written["prediction"].value_counts()
    assert ", ".join(f"{n} {name}" for name, n in counts.items()) in out
    words = ["predict", "mine", str(runs / "none.csv"), *folder]
    assert main(words) == 2
    assert capsys.readouterr().err == (
        f"qml-qdl predict: {runs / 'none.csv'}: expected a file, got none there; check "
        "the path\n"
    )


def test_numbers_are_told(runs: Path, capsys: Capture) -> None:
    folder = ["--runs-dir", str(runs / "runs")]
    (runs / "prices.csv").write_text(
        "x,price\n" + "".join(f"{k / 7},{1000 + k}\n" for k in range(40))
    )
    words = [
        *("train", "--data", str(runs / "prices.csv"), "--name", "prices", "--quiet"),
        *("--model", "torch.nn.Linear", "--epochs", "1", "--seeds", "1", *folder),
    ]
    assert main(words) == 2
    assert "or fit labels as numbers with --recipe 'reg" in capsys.readouterr().err
    assert main([*words, "--recipe", "regression"]) == 0
    out = runs / "out.csv"
    capsys.readouterr()
    words = ["predict", "prices", str(runs / "prices.csv"), "--out", str(out), *folder]
    assert main(words) == 0
    found = pd.read_csv(out)["prediction"]
    assert f"mean {found.mean():.6g}" in capsys.readouterr().out


def test_help_has_an_example(capsys: Capture) -> None:
    assert main(["predict", "--help"]) == 0
    assert "qml-qdl predict my-run new.csv" in capsys.readouterr().out
