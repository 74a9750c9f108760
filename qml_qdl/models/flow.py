"""Normalising flows: exact densities of rows of numbers, and samples of them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import DataError, ShapeError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.data.dequantisation import Dequantiser
from qml_qdl.data.splitting import Split
from qml_qdl.hardware.simulator.modes import is_transformed

TRANSFORMS = ("spline", "affine")


@validate_call
class NormalizingFlow(nn.Module):
    r"""An invertible network f that maps rows to standard normal noise.

    `p(x) = N(f(x); 0, 1) |det ∂f/∂x|`, which is normalised. Each layer moves a column
    as the columns before it say, in an order that turns around from layer to layer:
    by shift and scale, which is the masked autoregressive flow (Papamakarios et al.
    2017, arXiv:1705.07057), or by a monotonic spline of eight pieces from −5 to 5
    (Durkan et al. 2019, arXiv:1906.04032). The networks are those of the package zuko:
    `pip install 'qml-qdl[flow]'`. Their weights begin with torch's own random numbers.

    Args:
        num_features: Numbers in a row, ≥ 1; standardise them.
        layers: How many transforms follow each other.
        hidden: Units of each of the two hidden layers of a transform's network.
        transform: "spline" or "affine".
        dequantiser: Rounds what is sampled to the values that columns have; None for
            none.
        device: Where the weights are, a torch device.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Input: (rows, num_features).
        - Output: (rows, num_features), the noise that rows come from.

    Raises:
        ArgumentError: An argument cannot be used.
        MissingPackageError: zuko is not installed.

    Example:
        >>> import torch
        >>> flow = NormalizingFlow(2)
        >>> rows = torch.randn(5, 2)
        >>> flow.log_prob(rows).shape, flow.sample(3).shape
        (torch.Size([5]), torch.Size([3, 2]))
    """

    def __init__(
        self,
        num_features: int,
        *,
        layers: int = 2,
        hidden: int = 32,
        transform: Literal["spline", "affine"] = "spline",
        dequantiser: Dequantiser | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_count("num_features", num_features)
        check_count("layers", layers)
        check_count("hidden", hidden)
        check_choice("transform", transform, TRANSFORMS)
        from zuko.flows import MAF, NSF

        self.num_features = num_features
        self.dequantiser = dequantiser
        maker = NSF if transform == "spline" else MAF
        flow = maker(num_features, transforms=layers, hidden_features=(hidden, hidden))
        self.flow = flow.to(device=device, dtype=dtype)

    @classmethod
    def from_data(
        cls,
        split: Split,
        *,
        layers: int = 2,
        hidden: int = 32,
        transform: Literal["spline", "affine"] = "spline",
    ) -> NormalizingFlow:
        """Builds one for a table, whose samples have the values that columns have.

        Args:
            split: The data: a table.
            layers: How many transforms follow each other.
            hidden: Units of each of the two hidden layers of a transform's network.
            transform: What a layer does to a column: spline, or affine, which is shift
                and scale.

        Raises:
            ArgumentError: An argument cannot be used.
            DataError: A column has one value only, or the rows are images.
            MissingPackageError: zuko is not installed.
        """
        dequantiser = Dequantiser.fit(split.train)
        (features,) = split.train.input_shape
        return cls(
            features,
            layers=layers,
            hidden=hidden,
            transform=transform,
            dequantiser=dequantiser,
        )

    def extra_repr(self) -> str:
        """The arguments, as `repr` shows them."""
        return f"{self.num_features}"

    def forward(self, rows: Tensor) -> Tensor:
        """The noise that rows come from.

        Args:
            rows: (rows, num_features).

        Returns:
            (rows, num_features).

        Raises:
            DataError: A number is not finite, or too large to be squared.
            ShapeError: They have another width.
        """
        noise: Tensor = self.flow().transform(self._checked(rows))
        return noise

    def log_prob(self, rows: Tensor) -> Tensor:
        """Logarithms of the density.

        Args:
            rows: (rows, num_features).

        Returns:
            (rows,), in nats.

        Raises:
            DataError: A number is not finite, or too large to be squared.
            ShapeError: They have another width.
        """
        density: Tensor = self.flow().log_prob(self._checked(rows))
        return density

    def _checked(self, rows: Tensor) -> Tensor:
        if rows.ndim != 2 or rows.shape[1] != self.num_features:
            raise ShapeError(
                f"rows: expected the shape (rows, {self.num_features}), got "
                f"{tuple(rows.shape)}"
            )
        rows = rows.to(next(self.parameters()))
        if not is_transformed():  # where numbers cannot be looked at
            # Beyond it squares, which the density has, cannot be counted.
            most = torch.finfo(rows.dtype).max ** 0.5 / 1e3
            if not bool((rows.abs() <= most).all()):
                raise DataError(
                    f"rows: expected finite numbers up to {most:.0e}, got "
                    f"{float(rows.detach().abs().max()):.3g}; standardise them"
                )
        return rows

    @torch.no_grad()
    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Independent rows.

        Args:
            rows: How many.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, num_features).
        """
        check_count("rows", rows, 0)
        like = next(self.parameters())
        noise = torch.randn(
            (rows, self.num_features),
            generator=generator,
            device=like.device,
            dtype=like.dtype,
        )
        found: Tensor = self.flow().transform.inv(noise)
        return found if self.dequantiser is None else self.dequantiser.rounded(found)
