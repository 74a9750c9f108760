"""Features whose products are nearly a kernel: for more rows than a matrix may have."""

from __future__ import annotations

import math
from typing import Any, final

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count, check_seed, validate_call
from qml_qdl.hardware.jobs.cost import Cost
from qml_qdl.kernels.kernel import Kernel, as_rows
from qml_qdl.kernels.projected import ProjectedKernel


@final
@validate_call
class NystroemFeatures(nn.Module):
    r"""Features φ(x) with :math:`\varphi(x) \cdot \varphi(y) \approx k(x, y)`.

    Exact between landmarks, and near them; n rows take n·m pairs instead of n²/2
    (Williams and Seeger 2001, NIPS 13). With the landmarks' Gram matrix K = V λ Vᵀ,
    :math:`\varphi(x) = k(x, \mathrm{landmarks})\, V \lambda^{-1/2}`, so that between
    landmarks the products are K K⁺ K = K.

    The landmarks' matrix is computed here, once: after training the kernel, make new
    features.

    Args:
        kernel: The kernel.
        landmarks: (m, num_inputs), rows of the data; m ≥ 1.
        cutoff: Eigenvalues below this share of the largest are left out, as are those
            that shots or noise made negative; from 0 to 1.

    Shape:
        - Input: (n, num_inputs), floating.
        - Output: (n, features), at most m.

    Raises:
        ArgumentError: There are no landmarks, or a number is not finite.
        ShapeError: They do not fit the kernel.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import ZZFeatureMap
        >>> from qml_qdl.kernels import FidelityKernel
        >>> kernel = FidelityKernel(ZZFeatureMap(2))
        >>> x = torch.rand(2000, 2)
        >>> features = NystroemFeatures(kernel, x[:16])(x)
        >>> bool((features @ features.T - kernel(x)).abs().mean() < 0.01)
        True
    """

    def __init__(self, kernel: Kernel, landmarks: Any, *, cutoff: float = 1e-6) -> None:
        super().__init__()
        if not 0 <= cutoff < 1:
            raise ArgumentError(
                f"cutoff: expected a share from 0 to 1, got {cutoff}; try 1e-6"
            )
        rows = as_rows("landmarks", landmarks, kernel.num_inputs).detach()
        if not len(rows):
            raise ArgumentError(
                "landmarks: expected one row or more, got none; pass some of x"
            )
        self.kernel = kernel
        with torch.no_grad():
            values, vectors = torch.linalg.eigh(kernel(rows).double())
        kept = values > cutoff * values[-1]
        if not bool(kept.any()):
            raise ArgumentError(
                "landmarks: their Gram matrix has no positive eigenvalue; use more "
                "shots"
            )
        whitening = vectors[:, kept] / values[kept].sqrt()
        self.register_buffer("landmarks", rows)
        self.register_buffer("whitening", whitening.to(rows))

    def forward(self, x: Any) -> Tensor:
        """The features of rows.

        Args:
            x: (n, num_inputs), a tensor or an array of floating numbers.

        Returns:
            (n, features).

        Raises:
            ShapeError: The rows do not fit.
            ArgumentError: A number is not finite.
        """
        rows = as_rows("x", x, self.kernel.num_inputs)
        landmarks: Any = self.landmarks
        whitening: Any = self.whitening
        gram: Tensor = self.kernel(rows, landmarks.to(rows))
        features: Tensor = gram @ whitening.to(rows)
        return features

    def cost(self, rows: int) -> Cost:
        """What the features of rows take, told beforehand.

        Args:
            rows: How many.

        Returns:
            As `Kernel.cost`.
        """
        return self.kernel.cost(rows, len(self.get_buffer("landmarks")))


@final
@validate_call
class RandomFourierFeatures(nn.Module):
    r"""Random features φ(x) with :math:`E[\varphi(x) \cdot \varphi(y)] = k(x, y)`.

    Of a projected kernel, a Gaussian :math:`e^{-\gamma|u - v|^2}` of expectation
    values u and v: cosines and sines of normal frequencies of variance 2γ (Rahimi and
    Recht 2007, NIPS 20). One row for each point, and no pairs at all; the error falls
    as the square root of their number.

    Args:
        kernel: The kernel.
        num_features: How many, an even number.
        seed: Seed of the frequencies; None follows torch's own.

    Shape:
        - Input: (n, num_inputs), floating.
        - Output: (n, num_features), of length 1.

    Raises:
        ArgumentError: The number is odd or below 2.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import AngleEncoding
        >>> kernel = ProjectedKernel(AngleEncoding(2))
        >>> features = RandomFourierFeatures(kernel, 4000, seed=0)
        >>> x = torch.rand(20, 2)
        >>> bool((features(x) @ features(x).T - kernel(x)).abs().max() < 0.05)
        True
    """

    def __init__(
        self, kernel: ProjectedKernel, num_features: int, *, seed: int | None = None
    ) -> None:
        super().__init__()
        check_count("num_features", num_features, 2)
        check_seed(seed)
        if num_features % 2:
            raise ArgumentError(
                f"num_features: expected an even number, got {num_features}: each "
                f"frequency has a cosine and a sine; pass {num_features + 1}"
            )
        self.kernel = kernel
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        size = (kernel.num_words, num_features // 2)
        normal = torch.randn(size, generator=generator, dtype=torch.float64)
        self.register_buffer("frequencies", normal * math.sqrt(2 * kernel.gamma))

    def forward(self, x: Any) -> Tensor:
        """The features of rows.

        Args:
            x: (n, num_inputs), a tensor or an array of floating numbers.

        Returns:
            (n, num_features).

        Raises:
            ShapeError: The rows do not fit.
            ArgumentError: A number is not finite.
        """
        points = self.kernel.projected(x)
        frequencies: Any = self.frequencies
        phases = points @ frequencies.to(points)
        scale = math.sqrt(1 / phases.shape[1])
        return torch.cat([phases.cos(), phases.sin()], dim=1) * scale

    def cost(self, rows: int) -> Cost:
        """What the features of rows take, told beforehand.

        Args:
            rows: How many.

        Returns:
            As `Kernel.cost`.
        """
        return self.kernel.cost(rows)
