from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from qml_qdl.circuits.errors import DataError, MemoryBoundError, QdlError
from qml_qdl.data import load, read_image_folder, read_npz
from qml_qdl.data.images import ColorMode

Pixels = np.ndarray[Any, np.dtype[Any]]
GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOURS = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


def image(path: Path, pixels: Pixels = GREY, mode: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    (picture if mode is None else picture.convert(mode)).save(path)
    return path


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Two classes with two and one image."""
    folder = tmp_path / "animals"
    image(folder / "dog" / "2.png", 240 - GREY)
    image(folder / "dog" / "1.png")
    image(folder / "cat" / "1.png", GREY // 2)
    return folder


def test_each_folder_is_a_class(animals: Path) -> None:
    (animals / ".cache" / "further").mkdir(parents=True)
    (animals / "cat" / ".hidden.png").write_bytes(b"")
    data = read_image_folder(animals)
    assert repr(data) == "Dataset('animals', 3 rows of shape (1, 3, 4), 2 classes)"
    assert data.class_names == ("cat", "dog")
    assert data.labels.tolist() == [0, 1, 1]
    np.savez(
        animals.parent / "same.npz", x=[GREY // 2, GREY, 240 - GREY], y=list("cdd")
    )
    same = read_npz(animals.parent / "same.npz")
    assert np.array_equal(data.inputs, same.inputs)
    assert load(animals).fingerprint() == data.fingerprint()


def test_folders_and_files_may_be_links_to_what_has_no_ending(animals: Path) -> None:
    """As in the caches of Hugging Face and DVC."""
    linked = animals.parent / "linked"
    for index, file in enumerate(sorted(animals.rglob("*.png"))):
        blob = file.rename(animals.parent / f"blob{index}")
        (linked / file.parent.name).mkdir(parents=True, exist_ok=True)
        (linked / file.parent.name / file.name).symlink_to(blob)
    link = animals.parent / "link"
    link.symlink_to(linked)
    data = load(link)
    assert (data.name, data.labels.tolist()) == ("link", [0, 1, 1])
    assert np.array_equal(data.inputs[1, 0], GREY / np.float32(255))


def test_what_is_no_image_is_left_out_and_said(
    animals: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (animals / "README.md").write_text("of animals")
    (animals / "cat" / "Thumbs.db").write_text("")
    with caplog.at_level(logging.WARNING, "qml_qdl"):
        assert len(read_image_folder(animals)) == 3
    assert caplog.messages == [
        f"{animals}: files that are no images by their ending were left out: 2, such "
        f"as {animals / 'README.md'}"
    ]


@pytest.mark.parametrize(
    ("name", "pixels", "mode", "expected"),
    [
        pytest.param("a.jpg", np.full((3, 4), 51, np.uint8), "L", 0.2, id="jpeg"),
        pytest.param("a.BMP", np.full((3, 4), 51, np.uint8), None, 0.2, id="bmp"),
        pytest.param("a.webp", np.full((3, 4, 3), 51, np.uint8), None, 0.2, id="webp"),
        pytest.param("a.pgm", np.full((3, 4), 51, np.uint8), None, 0.2, id="pgm"),
        pytest.param("a.gif", np.full((3, 4), 51, np.uint8), None, 0.2, id="gif"),
        pytest.param("a.png", np.full((3, 4), True), None, 1, id="one-bit"),
        pytest.param("a.png", np.full((3, 4), 13107, np.uint16), None, 0.2, id="16"),
        pytest.param("a.tif", np.full((3, 4), 13107, np.uint16), None, 0.2, id="tiff"),
        pytest.param("a.png", COLOURS, None, COLOURS / 255, id="colours"),
        pytest.param("a.png", COLOURS, "RGBA", COLOURS / 255, id="opaque"),
        pytest.param("a.png", GREY, "LA", GREY / 255, id="opaque-grey"),
        pytest.param("a.png", GREY, "P", GREY / 255, id="grey-palette"),
    ],
)
def test_kinds_of_images(
    tmp_path: Path, name: str, pixels: Pixels, mode: str | None, expected: Any
) -> None:
    image(tmp_path / "photos" / "some" / name, pixels, mode)
    (found,) = read_image_folder(tmp_path / "photos").inputs
    wanted = np.broadcast_to(expected, (3, 4, *np.shape(expected)[2:]))
    wanted = np.moveaxis(np.atleast_3d(wanted), -1, 0)
    assert found.shape[0] == (pixels.ndim == 3) * 2 + 1
    assert found == pytest.approx(np.broadcast_to(wanted, found.shape), abs=1e-6)


def test_a_palette_of_colours(tmp_path: Path) -> None:
    red = np.broadcast_to(np.array([255, 0, 0], np.uint8), (3, 4, 3))
    image(tmp_path / "photos" / "some" / "a.png", red, "P")
    (found,) = read_image_folder(tmp_path / "photos").inputs
    assert found[:, 0, 0].tolist() == [1, 0, 0]


def test_one_size_and_colour_for_all(animals: Path) -> None:
    image(animals / "dog" / "3.png", np.full((6, 8, 3), 51, np.uint8))
    image(animals / "dog" / "4.png", np.full((5, 2), 13107, np.uint16))
    modes: dict[ColorMode, int] = {"grayscale": 1, "rgb": 3}
    for mode, channels in modes.items():
        data = read_image_folder(animals, image_size=(2, 5), color_mode=mode)
        assert data.input_shape == (channels, 2, 5)
        assert data.inputs[3:] == pytest.approx(0.2)
        assert load(animals, image_size=2, color_mode=mode).input_shape[1:] == (2, 2)
    by_hand = Image.fromarray(GREY).resize((5, 2), Image.Resampling.BILINEAR)
    grey = read_image_folder(animals, image_size=(2, 5), color_mode="grayscale")
    assert np.array_equal(grey.inputs[1, 0], np.asarray(by_hand) / np.float32(255))


def test_photos_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    (tmp_path / "photos" / "some").mkdir(parents=True)
    picture = Image.fromarray(GREY)
    picture.save(tmp_path / "photos" / "some" / "a.png", exif=exif)
    (found,) = read_image_folder(tmp_path / "photos").inputs
    assert np.array_equal(found[0], np.rot90(GREY, -1) / np.float32(255))


def moving(folder: Path) -> None:
    frames = [Image.fromarray(each) for each in (GREY, 255 - GREY)]
    frames[0].save(folder / "dog" / "3.gif", save_all=True, append_images=frames[1:])


def truncated(folder: Path) -> None:
    whole = image(folder / "dog" / "3.png", np.eye(99, dtype=np.uint8)).read_bytes()
    (folder / "dog" / "3.png").write_bytes(whole[: len(whole) // 2])


def transparent(folder: Path) -> None:
    pixels = np.dstack([COLOURS, np.full((3, 4), 255, np.uint8)])
    pixels[2, 3, 3] = 254
    image(folder / "dog" / "3.png", pixels)


def transparent_by_colour(folder: Path) -> None:
    Image.fromarray(GREY).save(folder / "dog" / "3.png", transparency=20)


def bare(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(
            lambda folder: (folder / "dog" / "3.png").write_bytes(b"no image"),
            r"dog/3\.png: expected an image, got a file that cannot be read",
            id="broken",
        ),
        pytest.param(truncated, r"dog/3\.png: .* cannot be read", id="truncated"),
        pytest.param(
            lambda folder: (folder / "dog" / "3.png").symlink_to("nowhere"),
            r"dog/3\.png: .* cannot be read",
            id="dangling",
        ),
        pytest.param(
            lambda folder: (folder / "dog" / "3.png").write_bytes(b"%!PS-Adobe-3.0\n"),
            r"dog/3\.png: .* cannot be read",
            id="postscript",
        ),
        pytest.param(moving, "expected one picture, got 2 in one file", id="moving"),
        pytest.param(transparent, "put it on a background", id="transparent"),
        pytest.param(transparent_by_colour, "put it on a back", id="transparent-grey"),
        pytest.param(
            lambda folder: image(folder / "dog" / "3.tif", GREY.astype(np.float32)),
            "numbers of 32 bits, whose range is not known",
            id="floats",
        ),
        pytest.param(
            lambda folder: image(folder / "dog" / "3.png", GREY.T.copy()),
            r"3\.png: expected 3 × 4 pixels as .* has, got 4 × 3; choose image_size",
            id="sizes",
        ),
        pytest.param(
            lambda folder: image(folder / "dog" / "3.png", COLOURS),
            r"that is grey as .*1\.png is, got one that is RGB; choose color_mode=…",
            id="colours",
        ),
        pytest.param(
            lambda folder: image(folder / "1.png"),
            "got the image '1.png' beside them; move it",
            id="loose",
        ),
        pytest.param(
            lambda folder: (folder / "owl").mkdir(),
            "owl: expected images of the class 'owl', got none",
            id="empty-class",
        ),
        pytest.param(
            lambda folder: image(folder / "train" / "dog" / "1.png"),
            "got the folder 'dog' in 'train'; name the folder that holds the classes",
            id="nested",
        ),
        pytest.param(
            lambda folder: (folder / "dog\n").mkdir(),
            r"names that can be shown, got 'dog\\n'; rename it",
            id="line-break",
        ),
        pytest.param(bare, "a folder for each class, got none; make", id="bare"),
        pytest.param(shutil.rmtree, "expected a folder, got none there", id="missing"),
    ],
)
def test_bad_folders_are_refused(
    animals: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(animals)
    with pytest.raises(DataError, match=message) as caught:
        read_image_folder(animals)
    assert "\n" not in str(caught.value)


def test_a_decompression_bomb_is_refused(
    animals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow warns from its limit on, and refuses from twice that."""
    for limit in (11, 5):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(DataError, match=f"cat/1.png: .* {limit} pixels at most"):
            read_image_folder(animals)


def test_more_than_the_memory_is_refused(
    animals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory:
        available = 4 * (3 * 3 * 4 * 4)

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    assert len(read_image_folder(animals)) == 3
    with pytest.raises(MemoryBoundError, match=r"\(3, 3, 3, 4\) need 432 bytes, but"):
        read_image_folder(animals, color_mode="rgb")
    with pytest.raises(MemoryBoundError, match="need 12,000,000,000,000 bytes"):
        read_image_folder(animals, image_size=10**6)


@pytest.mark.parametrize("size", [0, -1, (2,), (2, 3, 4), (2, 0), (2, 1.5), []])
def test_bad_sizes_are_refused(animals: Path, size: Any) -> None:
    with pytest.raises(QdlError, match=r"^image_size: expected"):
        read_image_folder(animals, image_size=size)


def test_memory_that_ends_on_the_way_is_no_damage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def decode(*args: Any, **options: Any) -> Any:
        raise MemoryError

    (tmp_path / "a").mkdir()
    Image.new("L", (2, 2)).save(tmp_path / "a" / "1.png")
    monkeypatch.setattr(Image, "open", decode)
    with pytest.raises(MemoryBoundError, match=r"1\.png: expected an image that fits"):
        read_image_folder(tmp_path)
