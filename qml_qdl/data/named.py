"""Data sets by name: of scikit-learn and OpenML, made ones, files and folders."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from attrs import evolve

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.circuits.validation import as_items, did_you_mean, validate_call
from qml_qdl.data.dataset import Dataset, encode_labels
from qml_qdl.data.files import existing, read_npz
from qml_qdl.data.flows import MOTIONS, motions, random_flows
from qml_qdl.data.images import ColorMode, read_image_folder
from qml_qdl.data.meshes import icosphere
from qml_qdl.data.sphere import SphereGrid, stereographic
from qml_qdl.data.synthetic import bars_and_stripes
from qml_qdl.data.tables import Header, MissingCells, is_table, read_csv

_DEFAULTS = {"header": "auto", "missing": "error"}
_COPIES = 200
_DRAWS = 50_000
_FLOWS = 200
_FASHION_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def _digits(data_home: Path | None) -> Dataset:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = bunch.images[:, np.newaxis] / 16.0
    return Dataset(pixels, bunch.target, bunch.target_names, name="digits")


def _rotated_digits(data_home: Path | None) -> Dataset:
    """The digits on 14×14 pixels, upright: room to turn them, see `rotate_images`.

    Enlarged to 10×10 by linear interpolation, with a margin of 2.
    """
    from scipy.ndimage import zoom

    digits = _digits(data_home)
    larger = zoom(
        digits.inputs,
        (1, 1, 1.25, 1.25),
        order=1,
        mode="grid-constant",
        grid_mode=True,
    )
    pixels = np.pad(larger.clip(0, 1), ((0, 0), (0, 0), (2, 2), (2, 2)))
    return evolve(digits, inputs=pixels, name="rotated_digits")


def _table(loader_name: str, name: str) -> Dataset:
    from sklearn import datasets

    bunch = getattr(datasets, loader_name)()
    return Dataset(bunch.data, bunch.target, bunch.target_names, name=name)


def _diabetes(data_home: Path | None) -> Dataset:
    """How far diabetes went on in a year (25 … 346), in the units of the patients."""
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    return Dataset(bunch.data, bunch.target, name="diabetes")


def _two_moons(data_home: Path | None) -> Dataset:
    from sklearn.datasets import make_moons

    inputs, labels = make_moons(n_samples=500, noise=0.15, random_state=0)
    return Dataset(inputs, labels, ("upper", "lower"), name="two_moons")


def _bars_and_stripes(data_home: Path | None) -> Dataset:
    """Each of the 14 patterns of 3 × 3 pixels two hundred times, a class of its own.

    A stratified split with the usual fractions has each equally often in all parts.
    """
    patterns = bars_and_stripes(3)
    names = []
    for pattern in patterns.reshape(-1, 3, 3).astype(int):
        rows, columns = pattern[:, 0], pattern[0]
        bars = bool((pattern == rows[:, np.newaxis]).all())
        if bars and (rows == rows[0]).all():
            names.append("full" if rows[0] else "blank")
        else:
            word, lines = ("bars", rows) if bars else ("stripes", columns)
            names.append(f"{word} {''.join(map(str, lines))}")
    return Dataset(
        np.repeat(patterns.reshape(-1, 1, 3, 3), _COPIES, axis=0),
        np.repeat(np.arange(len(patterns)), _COPIES),
        names,
        name="bars_and_stripes",
    )


def _log_normal(data_home: Path | None) -> Dataset:
    """A log-normal(1, 1) number, rounded, given that it is 0 to 7: 50,000 samples.

    The prices that Zoufal, Lucchi and Woerner 2019 (arXiv:1904.00043) load.
    """
    generator = np.random.default_rng(0)
    numbers = np.rint(generator.lognormal(1.0, 1.0, size=2 * _DRAWS))
    numbers = numbers[numbers <= 7][:_DRAWS, np.newaxis]
    labels = (numbers[:, 0] >= 2).astype(np.int64)
    return Dataset(numbers, labels, ("below 2", "2 to 7"), name="log_normal")


def _oriented_mesh(data_home: Path | None) -> Dataset:
    """200 flows on an icosphere of 162 vertices, and what the flow does at each.

    A row has the components x, y of one vertex after the other, in `Mesh.frames`.
    """
    mesh = icosphere(2)
    velocities, accelerations = random_flows(mesh.vertices, _FLOWS)
    components = mesh.components(velocities)
    inputs = np.stack([components.real, components.imag], axis=-1)
    return Dataset(
        inputs.reshape(_FLOWS, -1),
        motions(mesh, velocities, accelerations),
        MOTIONS,
        name="oriented_mesh",
    )


def _spherical_digits(data_home: Path | None) -> Dataset:
    """The digits on the northern part of a sphere, 60° from pole to edge.

    Of degrees up to 15, as 16 × 32 points tell them, so that `SphereGrid(16).rotate`
    turns them without an error; 0.6% of the squares belong to higher ones. Waves of a
    band leave 0 … 1: pixels are (f + ¼)/1.5, of turned fields, too.
    """
    flat = _digits(None)
    fine, grid = SphereGrid(48), SphereGrid(16)
    coefficients = fine.analysis(stereographic(flat.inputs, fine), grid.lmax)
    pixels = (grid.synthesis(coefficients) + 0.25) / 1.5
    return Dataset(pixels, flat.labels, flat.class_names, name="spherical_digits")


def _openml(
    name: str, openml_name: str, classes: tuple[str, ...] | None, data_home: Path | None
) -> Dataset:
    """Fetches 28×28 images from OpenML, or from the cache of an earlier fetch."""
    from sklearn.datasets import fetch_openml

    try:
        with warnings.catch_warnings():
            # The last of its attempts is reported below, in one line.
            warnings.filterwarnings("ignore", "A network error occurred", UserWarning)
            bunch = fetch_openml(
                openml_name,
                version=1,
                as_frame=False,
                # The faster parser of scikit-learn 1.9 fails with pandas 3.1.
                parser="liac-arff",
                data_home=data_home,
            )
    except OSError as error:
        raise DataError(
            f"source: {name!r} is downloaded from openml.org once, which failed "
            f"({error}); connect to the network, or point data_home to a folder that "
            "holds it"
        ) from error
    labels, names = encode_labels(bunch.target)
    pixels = np.asarray(bunch.data, dtype=np.float32).reshape(-1, 1, 28, 28) / 255
    return Dataset(pixels, labels, classes or names, name=name)


_LOADERS: Mapping[str, Callable[[Path | None], Dataset]] = MappingProxyType(
    {
        "digits": _digits,
        "rotated_digits": _rotated_digits,
        "spherical_digits": _spherical_digits,
        "iris": lambda data_home: _table("load_iris", "iris"),
        "wine": lambda data_home: _table("load_wine", "wine"),
        "breast_cancer": lambda data_home: _table(
            "load_breast_cancer", "breast_cancer"
        ),
        "diabetes": _diabetes,
        "two_moons": _two_moons,
        "bars_and_stripes": _bars_and_stripes,
        "log_normal": _log_normal,
        "oriented_mesh": _oriented_mesh,
        "mnist": lambda data_home: _openml("mnist", "mnist_784", None, data_home),
        "fashion_mnist": lambda data_home: _openml(
            "fashion_mnist", "Fashion-MNIST", _FASHION_CLASSES, data_home
        ),
    }
)


def names() -> tuple[str, ...]:
    """Returns the names that `load` knows.

    "mnist" and "fashion_mnist" are downloaded from openml.org on first use; the others
    come with scikit-learn or are made here. "diabetes" has numbers to fit, all others
    have classes. "rotated_digits" are upright, on larger images than "digits", with
    room for `rotate_images` to turn them in.
    """
    return tuple(_LOADERS)


@validate_call
def load(
    source: str | Path,
    *,
    label_column: str | None = None,
    header: Header = "auto",
    drop: str | Sequence[str] = (),
    categorical: str | Sequence[str] = (),
    missing: MissingCells = "error",
    image_size: int | Sequence[int] | None = None,
    color_mode: ColorMode | None = None,
    data_home: str | Path | None = None,
) -> Dataset:
    """Loads a data set by name, from a .npz file, a table, or a folder of images.

    Args:
        source: One of `names()` ("-" and "_" mean the same), or the path of a file,
            whose own name says what it is, even where it is a link; or that of a folder
            with one folder of images for each class. A name comes first: write
            "./digits" for a folder that is called like one.
        label_column: The column of labels in a table (.csv, .tsv, .txt, each also
            with .gz); see `read_csv`, also for the next four.
        header: Whether the first line of a table names its columns.
        drop: Columns of a table to leave out.
        categorical: Columns of a table whose numbers are names of categories.
        missing: What is done about empty cells of a table.
        image_size: What the images of a folder are resized to; see
            `read_image_folder`.
        color_mode: "grayscale" or "rgb" for the images of a folder.
        data_home: Where downloads are kept, `~/scikit_learn_data` if None.

    Returns:
        The data set.

    Raises:
        ArgumentError: An option of tables is given without one, or one of folders of
            images without one.
        DataError: The name is unknown, or the data cannot be read or learnt from.
        MemoryBoundError: The data are too many for the memory.

    Example:
        >>> load("digits")
        Dataset('digits', 1797 rows of shape (1, 8, 8), 10 classes)
        >>> load("diabetes")
        Dataset('diabetes', 442 rows of shape (10,), numbers)
    """
    path = Path(source)
    suffix = path.suffix.lower()
    folder = is_path(source) and path.is_dir()
    table = is_table(path) and not folder
    options: dict[str, Any] = {
        "label_column": label_column,
        "header": header,
        "drop": drop,
        "categorical": categorical,
        "missing": missing,
    }
    for name, value, what, fits in (
        *((name, value, "CSV file", table) for name, value in options.items()),
        ("image_size", image_size, "folder of images", folder),
        ("color_mode", color_mode, "folder of images", folder),
    ):
        # By its type first, since == of an array is no truth value.
        default = isinstance(value, str) and value == _DEFAULTS.get(name)
        left_out = value is None or default
        if name in ("drop", "categorical"):
            left_out = as_items(value) == ()
        if not left_out and not fits:
            raise ArgumentError(
                f"{name}: expected only with a {what}, got {value!r} with "
                f"{str(source)!r}; leave it out"
            )
    if folder:
        return read_image_folder(path, image_size=image_size, color_mode=color_mode)
    if suffix == ".npz":
        return read_npz(path)
    if table:
        return read_csv(path, **options)
    loader = _LOADERS.get(canonical_name(source))
    if loader is None:
        raise DataError(
            f"source: expected one of the data sets {', '.join(names())}, or the path "
            f"of a .npz or .csv file or of a folder of images that is there, got "
            f"{str(source)!r}{did_you_mean(source, names())}"
        )
    return loader(None if data_home is None else Path(data_home))


def is_path(source: str | Path) -> bool:
    """Whether `load` takes a source for a file or a folder rather than a name.

    Args:
        source: What `load` takes.
    """
    path = Path(source)
    if path.suffix.lower() == ".npz" or is_table(path):
        return True
    return path.is_dir() and _spelling(source) not in _LOADERS


def check_file(source: str | Path) -> None:
    """Checks that a file is there, where `load` takes a source for one.

    Args:
        source: What `load` takes.

    Raises:
        DataError: There is none.
    """
    if is_path(source) and not Path(source).is_dir():
        existing(source)


def canonical_name(source: str | Path) -> str:
    """Returns the one spelling of a name, or the absolute path of a file or folder.

    A link stays one: what it points to may have another name, as in caches of data.

    Args:
        source: What `load` takes.

    Returns:
        A name that means the same from any working directory.
    """
    if is_path(source):
        path = Path(source)
        return str(path.parent.resolve() / path.name)
    return _spelling(source)


def _spelling(source: str | Path) -> str:
    return str(source).lower().replace("-", "_")
