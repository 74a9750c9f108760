"""Parities of bits, and the kernels of Hamming distances that they make diagonal."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.linalg import hadamard

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.data import all_bits
from qml_qdl.metrics.parities import check_widths, kernel_spectrum, parities

DOUBLE = torch.float64


@pytest.mark.parametrize("shape", [(1,), (8,), (8, 3)])
def test_parities_are_hadamards_matrix(shape: tuple[int, ...]) -> None:
    values = torch.randn(shape, dtype=DOUBLE)
    matrix = torch.tensor(hadamard(shape[0]), dtype=DOUBLE)
    torch.testing.assert_close(parities(values), matrix @ values)
    torch.testing.assert_close(parities(parities(values)), shape[0] * values)


@pytest.mark.parametrize("widths", [[0.7], [0.5, 3.0]])
def test_the_spectrum_is_that_of_the_written_out_kernel(widths: list[float]) -> None:
    bits = all_bits(3, dtype=DOUBLE)
    distances = torch.cdist(bits, bits, p=1)
    kernels = [torch.exp(-distances / (2 * width)) for width in widths]
    kernel = torch.stack(kernels).mean(0)
    spectrum = kernel_spectrum(3, widths, bits)
    words = torch.tensor(hadamard(8), dtype=DOUBLE)
    torch.testing.assert_close(kernel @ words, words * spectrum)
    assert spectrum.sum().item() == pytest.approx(8)
    assert spectrum.dtype == DOUBLE


def test_widths_are_positive_numbers() -> None:
    assert check_widths((1, 2.0)) == (1.0, 2.0)
    for widths in ([], [1.0, 0.0], [math.nan]):
        with pytest.raises(ArgumentError, match="widths: expected one or more positiv"):
            check_widths(widths)
    with pytest.raises(ArgumentTypeError, match=r"widths: .* got 1\.0; pass a list"):
        check_widths(1.0)  # type: ignore[arg-type]
