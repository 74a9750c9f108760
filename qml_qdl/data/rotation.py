"""Images turned about their centres by any angle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.data.dataset import as_array


@validate_call
def rotate_images(images: Any, degrees: Any) -> NDArray[np.floating[Any]]:
    """Turns images counter-clockwise about their centres, by cubic splines.

    What is turned in from outside is 0. Splines overshoot a little at edges:
    `.clip(0, 1)` where pixels have to stay in their range.
    A rotation and the one back are not the identity but for multiples of 90°.

    Args:
        images: Numbers (rows, channels, height, width).
        degrees: One angle for all images, or (rows,).

    Returns:
        The turned images, of the same shape; of the same type where it is floating.

    Raises:
        ArgumentTypeError: Images or angles are no finite numbers.
        ShapeError: The images have another number of dimensions, or the angles are not
            one for each.

    Example:
        >>> import numpy as np
        >>> image = np.array([[1, 2], [3, 4]])[None, None]
        >>> rotate_images(image, 90)[0, 0].round(6)
        array([[2., 4.],
               [1., 3.]])
    """
    from scipy.ndimage import rotate

    pixels = _as_numbers("images", images)
    if pixels.dtype.kind != "f":
        pixels = pixels.astype(np.float64)
    angles = _as_numbers("degrees", degrees)
    if pixels.ndim != 4 or angles.shape not in ((), pixels.shape[:1]):
        raise ShapeError(
            "images, degrees: expected (rows, channels, height, width), and one angle "
            f"for all or (rows,), got {pixels.shape} and {angles.shape}"
        )
    turned = np.zeros_like(pixels)
    for row, angle in enumerate(np.broadcast_to(angles, len(pixels))):
        rotate(pixels[row], angle, (2, 1), reshape=False, output=turned[row])
    return turned


def _as_numbers(name: str, values: Any) -> NDArray[Any]:
    array = as_array(name, values)
    if array.dtype.kind not in "iufb" or not np.isfinite(array).all():
        raise ArgumentTypeError(
            f"{name}: expected finite real numbers, got {array.dtype} "
            f"{np.array2string(array, threshold=4, edgeitems=1)}"
        )
    return array
