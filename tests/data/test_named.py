from __future__ import annotations

import gzip
import hashlib
import json
import math
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from scipy.ndimage import zoom
from sklearn.datasets import _openml

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.data import load, names
from qml_qdl.data.named import canonical_name

SHAPES = {
    "digits": (1797, (1, 8, 8), 10),
    "rotated_digits": (1797, (1, 14, 14), 10),
    "iris": (150, (4,), 3),
    "wine": (178, (13,), 3),
    "breast_cancer": (569, (30,), 2),
    "diabetes": (442, (10,), 0),
    "two_moons": (500, (2,), 2),
    "bars_and_stripes": (2800, (1, 3, 3), 14),
    "log_normal": (50_000, (1,), 2),
    "oriented_mesh": (200, (324,), 4),
    "spherical_digits": (1797, (1, 16, 32), 10),
}


def openml_cache(data_home: Path, name: str, data_id: int, rows: int = 20) -> None:
    """Writes what scikit-learn keeps after a download: the same files, fewer rows."""
    pixels = np.arange(rows * 784).reshape(rows, 784) % 256
    classes = [str(label) for label in range(10)]
    columns = [f"pixel{number + 1}" for number in range(784)]
    header = [f"@RELATION {name}", *(f"@ATTRIBUTE {c} REAL" for c in columns)]
    header += [f"@ATTRIBUTE class {{{','.join(classes)}}}", "@DATA"]
    lines = [",".join([*map(str, p), classes[i % 10]]) for i, p in enumerate(pixels)]
    arff = "\n".join([*header, *lines, ""]).encode()
    features = [
        {
            "index": str(index),
            "name": column,
            "data_type": "numeric" if column != "class" else "nominal",
            "is_target": str(column == "class").lower(),
            "is_ignore": "false",
            "is_row_identifier": "false",
            "number_of_missing_values": "0",
            **({"nominal_value": classes} if column == "class" else {}),
        }
        for index, column in enumerate([*columns, "class"])
    ]
    api = "api/v1/json/data"
    file = f"data/v1/download/{data_id}/{name}.arff"
    answers = {
        f"{api}/list/data_name/{name}/limit/2/data_version/1": {
            "data": {"dataset": [{"did": data_id, "name": name, "version": 1}]}
        },
        f"{api}/{data_id}": {
            "data_set_description": {
                "id": str(data_id),
                "name": name,
                "version": "1",
                "status": "active",
                "format": "ARFF",
                "url": f"https://www.openml.org/{file}",
                "md5_checksum": hashlib.md5(arff).hexdigest(),
                "description": "",
            }
        },
        f"{api}/features/{data_id}": {"data_features": {"feature": features}},
        f"{api}/qualities/{data_id}": {
            "data_qualities": {
                "quality": [{"name": "NumberOfInstances", "value": str(rows)}]
            }
        },
    }
    contents = {path: json.dumps(a).encode() for path, a in answers.items()}
    contents[file] = arff
    for path, content in contents.items():
        place = data_home / "openml" / "openml.org" / f"{path}.gz"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(gzip.compress(content))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise URLError("no network here")

    monkeypatch.setattr(_openml, "urlopen", refused)
    monkeypatch.setattr(_openml.time, "sleep", lambda seconds: None)


@pytest.mark.parametrize("name", SHAPES)
def test_shipped_data_need_no_download(name: str) -> None:
    rows, shape, classes = SHAPES[name]
    data = load(name)
    assert (len(data), data.input_shape, data.num_classes) == (rows, shape, classes)
    assert data.name == name
    assert load(name).fingerprint() == data.fingerprint()


def test_rotated_digits_are_larger_digits_with_a_margin() -> None:
    """Against SciPy, image by image."""
    small, large = load("digits"), load("rotated_digits")
    assert (small.labels == large.labels).all()
    for row in (0, 5):
        image = zoom(
            small.inputs[row, 0], 10 / 8, order=1, grid_mode=True, mode="grid-constant"
        )
        np.testing.assert_allclose(large.inputs[row, 0, 2:-2, 2:-2], image, atol=1e-6)
    margin = large.inputs.copy()
    margin[..., 2:-2, 2:-2] = 0
    assert not margin.any()
    assert 0 <= large.inputs.min() < large.inputs.max() <= 1


def test_every_name_is_known() -> None:
    assert set(names()) == {*SHAPES, "mnist", "fashion_mnist"}


@pytest.mark.parametrize("spelling", ["two_moons", "two-moons", "Two-Moons"])
def test_spellings_mean_the_same(spelling: str) -> None:
    assert load(spelling).name == canonical_name(spelling) == "two_moons"


def test_the_name_of_a_file_is_its_absolute_path() -> None:
    assert canonical_name("My-File.csv") == str(Path.cwd() / "My-File.csv")


def test_a_link_is_what_its_own_name_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in caches: what it points to is called by a digest, without an ending."""
    (tmp_path / "blob").write_text("x,y\n1,a\n2,b\n")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "mine.csv").symlink_to(tmp_path / "blob")
    (tmp_path / "linked").symlink_to("cache")
    monkeypatch.chdir(tmp_path / "linked")
    name = canonical_name("mine.csv")
    assert name == canonical_name("../linked/mine.csv")
    assert name == str(tmp_path / "cache" / "mine.csv")
    assert load(name).name == "mine"


def test_a_name_comes_before_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("two_moons", "Mine.CSV", "my.photos"):
        (tmp_path / folder / "some").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert load("two-moons").name == canonical_name("two_moons") == "two_moons"
    for folder in ("./two_moons", "Mine.CSV", "my.photos"):
        assert canonical_name(folder) == str(tmp_path / folder)
        with pytest.raises(DataError, match="images of the class 'some', got none"):
            load(folder)
    assert canonical_name(".") == str(tmp_path)


@pytest.mark.parametrize("option", [{"image_size": 8}, {"color_mode": "rgb"}])
def test_options_of_images_need_a_folder(option: dict[str, object]) -> None:
    (name,) = option
    with pytest.raises(ArgumentError, match=f"^{name}: expected only with a folder"):
        load("iris", **option)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["cifar", "digits.dat"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=f"digits, iris, .* got '{name}'"):
        load(name)


def test_no_name_is_refused() -> None:
    with pytest.raises(ArgumentError, match="source: expected text that is not"):
        load("")


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("name", "openml_name", "first_class"),
    [("mnist", "mnist_784", "0"), ("fashion_mnist", "fashion-mnist", "T-shirt/top")],
)
def test_openml_images_are_read_from_the_cache(
    tmp_path: Path, name: str, openml_name: str, first_class: str
) -> None:
    openml_cache(tmp_path, openml_name, 554)
    data = load(name, data_home=tmp_path)
    assert (len(data), data.input_shape) == (20, (1, 28, 28))
    assert data.inputs[0, 0, 0, :3].tolist() == pytest.approx([0, 1 / 255, 2 / 255])
    assert data.inputs.max() == 1
    assert data.labels.tolist() == [*range(10), *range(10)]
    assert (data.num_classes, data.class_names[0]) == (10, first_class)
    assert data.name == name


@pytest.mark.usefixtures("no_network")
def test_without_network_the_repair_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no network here.*connect to the network"):
        load("mnist", data_home=tmp_path)


@pytest.mark.usefixtures("no_network")
@pytest.mark.filterwarnings("ignore:Invalid cache, redownloading:RuntimeWarning")
def test_a_damaged_download_is_not_trusted(tmp_path: Path) -> None:
    openml_cache(tmp_path, "mnist_784", 554)
    (file,) = (tmp_path / "openml").rglob("*.arff.gz")
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()) + b"0\n"))
    with pytest.raises(DataError, match="is downloaded from openml"):
        load("mnist", data_home=tmp_path)


def test_log_normal_numbers_are_distributed_as_they_say() -> None:
    data = load("log-normal")
    seen = np.bincount(data.inputs[:, 0].astype(int)) / len(data)
    borders = np.log(np.arange(8) + 0.5) - 1
    below = np.array([(1 + math.erf(x / math.sqrt(2))) / 2 for x in borders])
    wanted = np.diff(below, prepend=0) / below[-1]
    assert seen == pytest.approx(wanted, abs=0.01)


def test_diabetes_is_in_the_units_of_the_patients() -> None:
    data = load("diabetes")
    assert (data.labels.min(), data.labels.max()) == (25, 346)
    # Of the paper's table: the first patient, 59 years old.
    assert data.inputs[0, :4].tolist() == pytest.approx([59, 2, 32.1, 101])
    assert data.labels[0] == 151
    # Ordinary least squares explains 52% of the variance (Efron et al. 2004).
    inputs = np.column_stack([data.inputs, np.ones(442)]).astype(np.float64)
    rest = np.linalg.lstsq(inputs, data.labels.astype(np.float64))[1][0]
    assert 1 - rest / (442 * data.labels.var()) == pytest.approx(0.5177, abs=1e-3)


@pytest.mark.parametrize(
    "options",
    [{"header": "no"}, {"drop": ["id"]}, {"categorical": "a"}, {"missing": "mean"}],
    ids=str,
)
def test_options_of_tables_need_one(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(ArgumentError, match=f"{name}: expected only with a CSV file"):
        load("iris", **options)
    plain: dict[str, Any] = {
        "header": "auto",
        "drop": (),
        "categorical": [],
        "missing": "error",
    }
    assert len(load("iris", **{name: plain[name]})) == 150
