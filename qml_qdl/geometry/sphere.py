"""A classifier of fields on the sphere that does not mind how they are turned."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from qml_qdl.circuits import AmplitudeEncoding, Circuit, reupload
from qml_qdl.circuits.symmetry.registers import (
    ClebschGordan,
    RegisterExchange,
    SphericalEncoding,
    coupling_readout,
)
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.geometry.clebsch_gordan import SphereNetwork, twin_width
from qml_qdl.geometry.nonlinearities import FeatureNorm
from qml_qdl.geometry.spherical_layers import DegreeLinear, FieldCoefficients
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots

ENCODINGS = ("gates", "state")
"""How a field enters a circuit."""

REGISTERS = 4
"""Two pairs: of one alone, one copy of the field, weights change no result."""


def sphere_circuit(lmax: int = 3, layers: int = 3, encoding: str = "gates") -> Circuit:
    """A field on the sphere in four registers, couplings, and what no rotation changes.

    Args:
        lmax: The highest degree: 1, 3 or 7, on 4, 8 or 12 wires.
        layers: Layers of couplings; of the field and couplings with "gates".
        encoding: "gates" begins with singlets and encodes the field in each layer, with
            a trained factor for each degree; "state" begins with two copies of the
            field as a state.

    Returns:
        A circuit that reads (lmax + 1)² coefficients, with ⟨xᵏ⟩ of all pairs of
        registers as outputs, as `coupling_readout` says.

    Raises:
        ArgumentError: An argument is out of its range.

    Example:
        >>> U = sphere_circuit()
        >>> len(U.wires), U.num_inputs, U.output_shape
        (8, 16, (18,))
    """
    check_choice("lmax", lmax, (1, 3, 7))
    check_choice("encoding", encoding, ENCODINGS)
    check_count("layers", layers)
    register = (lmax + 1).bit_length() - 1
    wires = REGISTERS * register
    start = ClebschGordan(wires, register)
    if encoding == "state":
        halves = (range(wires // 2), range(wires // 2, wires))
        copies = AmplitudeEncoding(halves[1]) @ AmplitudeEncoding(halves[0])
        circuit = RegisterExchange(wires, register, layers) @ start @ copies
    else:
        field = SphericalEncoding(
            wires,
            register,
            features=range(1, (lmax + 1) ** 2),  # the mean would be a phase
            trainable_degrees=True,
        )
        circuit = reupload(RegisterExchange(wires, register), field, layers) @ start
    return circuit.with_readout(coupling_readout(wires, register))


@validate_call
class SphereClassifier(nn.Module):
    """Circuits of spins that turn with a field on the sphere, then one linear layer.

    The field's coefficients, normalised degree by degree, are mixed to one field for
    each circuit (`sphere_circuit`), which reads numbers that no rotation changes:
    logits of a tilted field are those of the field, to rounding where its degrees are
    within the grid's. On 500 upright digits on a sphere it is beaten by logistic
    regression on the bispectrum of higher degrees; see the example.

    Args:
        image_shape: (channels, nlat, nlon), fields on a grid as `SphereGrid` makes it.
        num_classes: Number of classes.
        lmax: The highest degree that is read: 1, 3 or 7 (slow, 12 wires).
        circuits: How many circuits there are.
        layers: Layers of each circuit.
        encoding: "gates" or "state", see `sphere_circuit`; targets without gradients
            of matrices, as machines other than Qiskit's, need "state".
        grid: How colatitudes are spaced, as in `SphereGrid`.
        target: Where the circuits run; None means "auto".
        shots: Number of shots; None or "keep" for exact results. Sampled results are
            invariant on average only.
        diff_method: How gradients are computed, as in `QuantumLayer`.

    Shape:
        - Input: (rows, channels, nlat, nlon).
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: An argument does not fit, or `lmax` is above the grid's.
        TargetError: The target is unknown or cannot run the circuits.

    Example:
        >>> import torch
        >>> from qml_qdl.geometry import SphereClassifier
        >>> model = SphereClassifier((1, 4, 8), 2, lmax=1, circuits=1).eval()
        >>> fields = torch.rand(3, 1, 4, 8)
        >>> turned = fields.roll(3, dims=-1)  # about the axis
        >>> torch.allclose(model(fields), model(turned), atol=1e-5)
        True
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        *,
        lmax: int = 3,
        circuits: int = 4,
        layers: int = 3,
        encoding: str = "gates",
        grid: str = "gauss-legendre",
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
    ) -> None:
        super().__init__()
        check_count("num_classes", num_classes)
        check_count("circuits", circuits)
        circuit = sphere_circuit(lmax, layers, encoding)
        self.coefficients = FieldCoefficients(image_shape, lmax, grid)
        self.image_shape = image_shape
        self.grid = grid
        self.mixed = DegreeLinear(image_shape[0], circuits, lmax)
        # Factors of degrees of both signs: registers that read alike would stay alike.
        initial = {
            name: partial(
                nn.init.normal_, std=0.7 if name.startswith("scaling") else 1.0
            )
            for name in circuit.weight_shapes
        }
        self.circuits = nn.ModuleList(
            QuantumLayer(
                circuit,
                init_method=initial,
                target=target,
                shots=shots,
                diff_method=diff_method,
            )
            for _ in range(circuits)
        )
        size = image_shape[0] + circuits * (circuit.output_shape[0] or 1)
        self.norm = FeatureNorm(size)
        self.head = nn.Linear(size, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Classifies fields.

        Args:
            images: (rows, channels, nlat, nlon).

        Returns:
            (rows, num_classes), logits.

        Raises:
            ShapeError: The fields are not on the grid.
        """
        logits: Tensor = self.head(self.norm(self.features(images)))
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Means of the fields and what the circuits read, which no rotation changes.

        Args:
            images: (rows, channels, nlat, nlon).

        Returns:
            (rows, channels + circuits × outputs).

        Raises:
            ShapeError: The fields are not on the grid.
        """
        fields = self.coefficients(images)
        mixed = self.mixed(fields).unbind(1)
        found = [run(each) for run, each in zip(self.circuits, mixed, strict=True)]
        return torch.cat([fields[..., 0], *found], dim=1)

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layers that run circuits."""
        return [layer for layer in self.circuits if isinstance(layer, QuantumLayer)]

    def classical_twin(self) -> nn.Module:
        """A network of Clebsch-Gordan products of the same degrees and as many weights.

        Returns:
            A new, untrained `SphereNetwork`.

        Raises:
            MissingPackageError: e3nn is not installed.
        """
        weights = sum(weight.numel() for weight in self.parameters())
        classes, lmax = self.head.out_features, self.mixed.lmax
        return SphereNetwork(
            self.image_shape,
            classes,
            lmax=lmax,
            width=twin_width(self.image_shape[0], classes, lmax, weights),
            dropout=0.0,  # as here
            grid=self.grid,
        )
