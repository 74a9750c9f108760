r"""Gauge-equivariant convolution of fields on a mesh, whatever the frames.

What vertex p gathers from its neighbours q, seen at the angle :math:`\theta_q`, is

.. math:: \sum_q R(r_q)\, e^{i(o - i)\theta_q} \left(e^{i\,i\,g_q} f_q - f_p\right) ,

where :math:`g_q` is the angle of parallel transport and R any function of the distance.
Turned by α, the frame at p sees :math:`\theta_q - \alpha` and :math:`g_q - \alpha`, so
that the sum, whose phases add up to :math:`o`, becomes :math:`e^{-io\alpha}` times
itself: a field of order o. Turned by β, the frame at q makes
:math:`e^{-i\,i\beta} f_q` of :math:`f_q` and :math:`g_q + \beta` of :math:`g_q`, and
nothing changes. With :math:`f_p` taken away, directions that are uneven around p bring
nothing of a field that is parallel. The complex conjugate of a field of order i is one
of order −i. With these all real linear maps between the fields are at hand (de Haan et
al. 2020, arXiv:2003.05425, table 1).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import check_count, check_number, validate_call
from qml_qdl.data.meshes import Mesh
from qml_qdl.geometry.field_types import Fields, FieldType

MOST_RADIAL = 100
"""No kernel combines more functions of the distance."""


@validate_call
class FieldLinear(nn.Module):
    """A linear map of the fields at each place alone: between fields of equal orders.

    The conjugate of a field of order −m counts as one of order m, too, and a field of
    order 0 may have a bias, a trained complex number: with these it is every real
    linear map that no change of frames disturbs.

    Args:
        in_type: The fields that come in.
        out_type: The fields that go out.
        bias: Whether fields of order 0 have a bias.
        device: Where the weights are, a torch device.
        dtype: Real type of the weights, of which there are two for a complex number;
            None for torch's default.
        generator: Random numbers for the first weights; None for torch's own.

    Shape:
        - Input: (rows, in_type.size, …), complex.
        - Output: (rows, out_type.size, …), complex; zero where no field that comes in
          is of the order.

    Example:
        >>> import torch
        >>> mix = FieldLinear(FieldType({0: 2, 1: 1}), FieldType({0: 1, 1: 3}))
        >>> mix(torch.randn(5, 3, 42, dtype=torch.complex64)).shape
        torch.Size([5, 4, 42])
    """

    pairs: Tensor

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        *,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        pairs = [
            (o, i)
            for o, order in enumerate(out_type.orders)
            for i, other in enumerate(_with_conjugates(in_type))
            if order == other
        ]
        places = torch.tensor(pairs, device=device).reshape(-1, 2).T
        self.register_buffer("pairs", places, persistent=False)
        options = {"device": device, "dtype": dtype}
        scalars = out_type.multiplicities.get(0, 0) if bias else 0
        self.weight = _weight(len(pairs), **options)
        self.bias = _weight(scalars, **options)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples the weights anew, so that noise keeps its variance; no bias.

        Args:
            generator: Where random numbers come from; None for torch's own.
        """
        with torch.no_grad():
            if self.weight is not None:
                fans = torch.bincount(self.pairs[0])[self.pairs[0], None]
                noise = torch.randn(self.weight.shape, generator=generator)
                self.weight.copy_(noise.to(fans.device) * (2 * fans).rsqrt())
            if self.bias is not None:
                nn.init.zeros_(self.bias)

    def forward(self, fields: Fields) -> Tensor:
        """Maps fields.

        Args:
            fields: (rows, in_type.size, …), complex.

        Returns:
            (rows, out_type.size, …).

        Raises:
            ShapeError: There is not one channel for each field.
            ArgumentTypeError: They are real where an order is not 0.
        """
        fields = _checked(self.in_type, fields)
        both = torch.cat([fields, fields.conj()], 1)
        matrix = both.new_zeros(self.out_type.size, both.shape[1])
        if self.weight is not None:
            matrix[self.pairs[0], self.pairs[1]] = torch.view_as_complex(self.weight)
        found = torch.einsum("oc,rc...->ro...", matrix, both)
        if self.bias is None:
            return found
        scalars = [order == 0 for order in self.out_type.orders]
        bias = found.new_zeros(self.out_type.size)
        bias[scalars] = torch.view_as_complex(self.bias)
        return found + bias.reshape(-1, *(1,) * (found.ndim - 2))


def _weight(count: int, **options: Any) -> nn.Parameter | None:
    return nn.Parameter(torch.empty(count, 2, **options)) if count else None


def _checked(kind: FieldType, fields: Fields, vertices: int | None = None) -> Tensor:
    """Fields of a type as complex numbers, at so many places where that is known."""
    if not isinstance(fields, Tensor):
        raise ArgumentTypeError(
            f"fields: expected a Tensor, got {fields!r}; make one with torch.as_tensor"
        )
    fits = fields.ndim >= 2 if vertices is None else fields.shape[2:] == (vertices,)
    if not fits or fields.shape[1] != kind.size:
        places = "…" if vertices is None else vertices
        raise ShapeError(
            f"fields: expected (rows, {kind.size}, {places}), a number at each place "
            f"for each field of {kind}, got {tuple(fields.shape)}"
        )
    kind.check((fields.flatten(2) if fields.ndim > 2 else fields[..., None])[..., None])
    return fields if fields.is_complex() else torch.complex(fields, 0 * fields)


def _with_conjugates(kind: FieldType) -> tuple[int, ...]:
    """The orders of fields, then those of their conjugates."""
    return (*kind.orders, *(-order for order in kind.orders))


@validate_call
class MeshConv(nn.Module):
    """A convolution of tangent fields on a mesh that no change of frames disturbs.

    In frames turned by α a field of order m becomes e^{−imα} times itself, and so do
    those that come out, to rounding (de Haan et al. 2020, arXiv:2003.05425). Neighbours
    are carried along the surface, compared with the vertex, and weighed by their areas;
    kernels are angular harmonics times trained combinations of smooth functions of the
    distance, and the vertex itself has a `FieldLinear`. All vertices share the weights,
    which know of the mesh a unit of length alone.

    Args:
        mesh: The surface.
        in_type: The fields that come in.
        out_type: The fields that go out.
        rings: How many edges away neighbours may be, 1 or more.
        radial: How many functions of the distance are combined, 1 or more: Gaussians
            about equally spaced lengths up to `rings · scale`.
        bias: Whether a trained complex number is added to each field of order 0, which
            alone may have one.
        scale: The unit of length, above 0; None for the mean edge of the mesh.
        device: Where the weights are, a torch device.
        dtype: Real type of the weights, of which there are two for a complex number;
            None for torch's default.
        generator: Random numbers for the first weights; None for torch's own.

    Shape:
        - Input: (rows, in_type.size, vertices), complex, or real where all orders are
          0.
        - Output: (rows, out_type.size, vertices), complex.

    Raises:
        ArgumentError: An argument does not fit.
        ArgumentTypeError: An argument is of another type.
        DataError: Neighbours cannot be seen from one another; see `Mesh.neighbours`.

    Example:
        >>> import torch
        >>> from qml_qdl.data import icosphere
        >>> from qml_qdl.geometry import FieldType, MeshConv
        >>> conv = MeshConv(icosphere(1), FieldType({1: 1}), FieldType({0: 2, 2: 3}))
        >>> conv(torch.randn(5, 1, 42, dtype=torch.complex64)).shape
        torch.Size([5, 5, 42])
    """

    places: Tensor
    basis: Tensor

    def __init__(
        self,
        mesh: Mesh,
        in_type: FieldType,
        out_type: FieldType,
        *,
        rings: int = 1,
        radial: int = 2,
        bias: bool = True,
        scale: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_count("rings", rings)
        check_count("radial", radial, most=MOST_RADIAL)
        if scale is not None:
            check_number("scale", scale, 0, math.inf)
        self.in_type, self.out_type = in_type, out_type
        self.rings, self.radial = int(rings), int(radial)
        self.scale = mesh.mean_edge if scale is None else float(scale)
        options: dict[str, Any] = {"device": device, "dtype": dtype}
        self.here = FieldLinear(in_type, out_type, bias=bias, **options)
        shape = (out_type.size, self.radial, 2 * in_type.size, 2)
        self.weight = nn.Parameter(torch.empty(shape, **options))
        self.put_on(mesh)
        self.reset_parameters(generator)

    def put_on(self, mesh: Mesh) -> None:
        """Lays the same kernels on another mesh, in the same unit of length.

        Args:
            mesh: The surface; neighbours are still as many edges away.

        Raises:
            DataError: Its neighbours cannot be seen from one another.
        """
        self.mesh = mesh
        found = mesh.neighbours(self.rings)
        centres = self.rings * np.arange(1, self.radial + 1) / self.radial
        steps = found.lengths[..., None] / self.scale - centres
        areas = mesh.areas[found.places] * found.present
        shares = areas / areas.sum(1, keepdims=True)
        kernels = shares[..., None] * np.exp(-((steps * self.radial / self.rings) ** 2))
        into = np.array([*self.out_type.multiplicities])[:, None, None]
        tables = []
        for order in dict.fromkeys(_with_conjugates(self.in_type)):
            phases = (into - order) * found.angles + order * found.transports
            there = np.exp(1j * phases)
            here = -np.exp(1j * (into - order) * found.angles)
            parts = [
                np.einsum("ovd,vdk->vdok", there, kernels),
                np.einsum("ovd,vdk->vok", here, kernels)[:, None],
            ]
            table = np.concatenate(parts, axis=1)
            tables.append(table.reshape(*table.shape[:2], -1))
        device = self.weight.device
        # In double precision, and cast where they are used, whatever the weights are.
        basis = torch.view_as_real(torch.from_numpy(np.stack(tables)))
        self.register_buffer("basis", basis.to(device), persistent=False)
        own = np.arange(mesh.num_vertices)[:, None]
        places = torch.tensor(np.hstack([found.places, own]), device=device)
        self.register_buffer("places", places, persistent=False)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples the weights anew, so that noise keeps its variance; no bias.

        Args:
            generator: Where random numbers come from; None for torch's own.
        """
        self.here.reset_parameters(generator)
        # The noise that one field brings to one that goes out, over all distances.
        power = float(self.basis.square().sum((2, 4)).mean((0, 1)).sum())
        power *= 2 * self.in_type.size / len(self.out_type.multiplicities)
        with torch.no_grad():
            self.weight.normal_(0, (2 * power) ** -0.5, generator=generator)

    def forward(self, fields: Fields) -> Tensor:
        """Gathers the neighbours' fields.

        Args:
            fields: (rows, in_type.size, vertices), complex, or real where all orders
                are 0.

        Returns:
            (rows, out_type.size, vertices), complex.

        Raises:
            ShapeError: The fields have another shape.
            ArgumentTypeError: They are whole numbers, or real where an order is not 0.
        """
        fields = _checked(self.in_type, fields, len(self.places))
        found: Tensor = self.here(fields)
        return found + self._gathered(fields)

    def _gathered(self, fields: Tensor) -> Tensor:
        both = torch.cat([fields, fields.conj()], 1).permute(2, 1, 0)
        basis = torch.view_as_complex(self.basis).to(both.dtype).mT
        orders = _with_conjugates(self.in_type)
        moments = []
        for order, table in zip(dict.fromkeys(orders), basis, strict=True):
            channels = [c for c, other in enumerate(orders) if other == order]
            around = both[:, channels][self.places]  # (vertices, most, channels, rows)
            moment = table @ around.flatten(2)
            moments.append(moment.unflatten(2, around.shape[2:]))
        shape = (len(self.out_type.multiplicities), -1)
        together = torch.cat(moments, 2).unflatten(
            1, shape
        )  # …, radial, channels, rows
        weight = torch.view_as_complex(self.weight).flatten(1)
        parts = weight.split([*self.out_type.multiplicities.values()])
        found = [part @ together[:, o].flatten(1, 2) for o, part in enumerate(parts)]
        return torch.cat(found, 1).permute(2, 1, 0)
