"""A folder of images with one folder for each class, as torchvision's ImageFolder."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from qml_qdl.circuits.errors import DataError, MemoryBoundError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_count,
    validate_call,
)
from qml_qdl.data.dataset import Dataset, Floats
from qml_qdl.data.files import check_memory, existing

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

ColorMode: TypeAlias = Literal["grayscale", "rgb"]

_SUFFIXES = frozenset(
    {
        *(".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
        *(".tif", ".tiff", ".webp"),
    }
)
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What Pillow may read: other formats of its start programs, or are no images."""


@validate_call
def read_image_folder(
    path: str | Path,
    *,
    image_size: int | Sequence[int] | None = None,
    color_mode: ColorMode | None = None,
) -> Dataset:
    """Reads images from a folder that has one folder for each class.

    Folders and files are taken in the order of their names, as torchvision's
    `ImageFolder` does; hidden ones are ignored, links are followed. Images are turned
    upright as their EXIF data say.

    Args:
        path: The folder. Its folders are the classes and hold the images (BMP, GIF,
            JPEG, PNG, PPM, TIFF or WebP, 8 or 16 bits a channel); files that are no
            images by their ending are left out with a warning.
        image_size: What images are resized to, (height, width), or one number for both;
            None if all are of one size.
        color_mode: "grayscale" for one channel, "rgb" for three; None as the files are,
            if all are alike.

    Returns:
        The data set, named after the folder, with pixels in [0, 1] of shape
        (rows, channels, height, width).

    Raises:
        DataError: There is no such folder, a class has no images, an image cannot be
            read, is transparent or moves, or images differ in size or colour; the
            message names the file.
        MemoryBoundError: The images are too many for the memory.

    Example:
        >>> read_image_folder("photos", image_size=28)  # doctest: +SKIP
        Dataset('photos', 120 rows of shape (3, 28, 28), 2 classes)
    """
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder, got none there; check the path")
    loose, classes = _listed(folder)
    left_out = [file for file in loose if not is_image_file(file)]
    if len(left_out) < len(loose):
        found = next(file for file in loose if is_image_file(file))
        raise DataError(
            f"{folder}: expected a folder for each class, got the image {found.name!r} "
            "beside them; move it to the folder of its class"
        )
    if not classes:
        raise DataError(
            f"{folder}: expected a folder for each class, got none; make them and move "
            "each image to that of its class"
        )
    images: list[Path] = []
    labels: list[int] = []
    for label, each in enumerate(classes):
        files, further = _listed(each)
        if further:
            raise DataError(
                f"{folder}: expected a folder for each class with images in it, got "
                f"the folder {further[0].name!r} in {each.name!r}; name the folder "
                f"that holds the classes, {str(each)!r} perhaps: its rows are split "
                "into train and test later"
            )
        mine = [file for file in files if is_image_file(file)]
        left_out += [file for file in files if not is_image_file(file)]
        if not mine:
            raise DataError(
                f"{each}: expected images of the class {each.name!r}, got none; add "
                "some, or remove the folder"
            )
        images += mine
        labels += [label] * len(mine)
    if left_out:
        logger.warning(
            "%s: files that are no images by their ending were left out: %d, such as "
            "%s",
            folder,
            len(left_out),
            left_out[0],
        )
    pixels = read_images(images, image_size=image_size, color_mode=color_mode)
    name = os.path.basename(os.path.abspath(folder))
    return Dataset(pixels, labels, [each.name for each in classes], name)


def is_image_file(path: Path) -> bool:
    """Whether a file is an image by the ending of its name.

    Args:
        path: The name; a link's own, not that of what it points to.
    """
    return path.suffix.lower() in _SUFFIXES


def image_files(path: str | Path) -> list[Path]:
    """Finds images whose classes are not asked for.

    Args:
        path: An image, a folder of images, or one of such folders.

    Returns:
        Their files, by name: first those of the folder, then of each folder in it.

    Raises:
        DataError: There is none.
    """
    path = Path(path)
    if not path.is_dir():
        return [existing(path)]
    files, folders = _listed(path)
    files += [file for folder in folders for file in _listed(folder)[0]]
    found = [file for file in files if is_image_file(file)]
    if not found:
        raise DataError(f"{path}: expected images, got none; check the path")
    return found


def read_images(
    files: Sequence[Path],
    *,
    image_size: int | Sequence[int] | None = None,
    color_mode: ColorMode | None = None,
) -> Floats:
    """Reads images.

    Args:
        files: Where they are, one or more.
        image_size: As `read_image_folder` says.
        color_mode: As `read_image_folder` says.

    Returns:
        Pixels in [0, 1] of shape (images, channels, height, width).

    Raises:
        DataError: As `read_image_folder` says.
        MemoryBoundError: They are too many for the memory.
    """
    from PIL import Image

    if color_mode is not None:
        check_choice("color_mode", color_mode, get_args(ColorMode))
    shape = None if image_size is None else _height_and_width(image_size)
    pixels: Floats | None = None
    first, first_mode = files[0], ""
    for row, file in enumerate(files):
        image = _decoded(file, color_mode)
        mode = "RGB" if image.mode == "RGB" else "grey"
        wanted = shape or (image.height, image.width)
        if pixels is None:
            whole = (len(files), 3 if mode == "RGB" else 1, *wanted)
            check_memory(str(file.parent.parent), whole, np.dtype(np.float32))
            pixels, first_mode = np.empty(whole, np.float32), mode
        if mode != first_mode:
            raise DataError(
                f"{file}: expected an image that is {first_mode} as {first} is, got "
                f"one that is {mode}; choose color_mode=… for all: grayscale or rgb"
            )
        if wanted != pixels.shape[2:]:
            height, width = pixels.shape[2:]
            raise DataError(
                f"{file}: expected {height} × {width} pixels as {first} has, got "
                f"{image.height} × {image.width}; choose image_size=… for all"
            )
        if image.size != wanted[::-1]:
            image = image.resize(wanted[::-1], Image.Resampling.BILINEAR)
        values = np.asarray(image)
        if image.mode == "F":  # of 16 bits, in [0, 1] but for rounding
            pixels[row] = np.clip(values, 0, 1)
        else:
            pixels[row] = np.moveaxis(np.atleast_3d(values), -1, 0) / np.float32(255)
    if pixels is None:
        raise DataError("files: expected one image or more, got none; name some")
    return pixels


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files and folders in a folder, by name, but for hidden ones."""
    found = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    for each in found:
        if not each.name.isprintable():
            raise DataError(
                f"{folder}: expected names that can be shown, got {each.name!r}; "
                "rename it"
            )
    folders = [each for each in found if each.is_dir()]
    return [each for each in found if not each.is_dir()], folders


def _height_and_width(image_size: int | Sequence[int]) -> tuple[int, int]:
    single = isinstance(image_size, int)
    given = (image_size, image_size) if single else as_items(image_size)
    if given is None or len(given) != 2:
        raise DataError(
            "image_size: expected (height, width), or one number for both, got "
            f"{image_size!r}"
        )
    for each in given:
        check_count("image_size", each)
    return int(given[0]), int(given[1])


def _decoded(file: Path, color_mode: ColorMode | None) -> Image.Image:
    """An image in one of Pillow's modes L, RGB and, for 16 bits, F in [0, 1]."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=_FORMATS) as opened:
                frames = getattr(opened, "n_frames", 1)
                image = ImageOps.exif_transpose(opened)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(
            f"{file}: expected an image of {Image.MAX_IMAGE_PIXELS:,} pixels at most, "
            f"got a larger one ({error}); make it smaller"
        ) from error
    except MemoryError as error:
        raise MemoryBoundError(
            f"{file}: expected an image that fits into the free memory, got a larger "
            "one; make it smaller"
        ) from error
    except Exception as error:  # each of Pillow's decoders has errors of its own
        raise DataError(
            f"{file}: expected an image, got a file that cannot be read ({error}); "
            "repair it or remove it"
        ) from error
    if frames > 1:
        raise DataError(
            f"{file}: expected one picture, got {frames} in one file; save those that "
            "count in files of their own"
        )
    if image.has_transparency_data:
        if image.convert("RGBA").getchannel("A").getextrema()[0] != 255:
            raise DataError(
                f"{file}: expected an image that hides what is behind it, got one that "
                "is transparent; put it on a background"
            )
        image = image.convert("L" if image.mode in ("LA", "La") else "RGB")
    return _in_color(file, image, color_mode)


def _in_color(
    file: Path, image: Image.Image, color_mode: ColorMode | None
) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I;16"):
        if color_mode == "rgb":  # Pillow has no colours of 16 bits
            return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert(
                "RGB"
            )
        return Image.fromarray(np.asarray(image) / np.float32(65535))
    if image.mode in ("I", "F"):
        raise DataError(
            f"{file}: expected 8 or 16 bits a channel, got numbers of 32 bits, whose "
            "range is not known; save the image with 8 or 16, or arrays in an .npz file"
        )
    found = "L" if image.mode in ("1", "L") else "RGB"
    if color_mode is not None:
        found = "L" if color_mode == "grayscale" else "RGB"
    elif image.mode == "P":
        red, *others = image.convert("RGB").split()
        found = "L" if all(each == red for each in others) else "RGB"
    return image.convert(found)
