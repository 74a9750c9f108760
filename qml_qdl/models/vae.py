"""The variational autoencoder, classical or quantum in any of its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError, DataError, RunError, ShapeError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.data.bits import check_rows
from qml_qdl.data.splitting import Split
from qml_qdl.hardware.targets import Target
from qml_qdl.models.labels import with_labels
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots

PartKind = Literal["classical", "quantum"]
KINDS = ("classical", "quantum")
DecoderLikelihood = Literal["gaussian", "bernoulli"]
LIKELIHOODS = ("gaussian", "bernoulli")


QuantumPart: TypeAlias = Literal["latent", "encoder", "decoder"]
"""Where the circuit is of one that is made for data."""


@validate_call
class QuantumVAE(nn.Module):
    """A variational autoencoder with circuits in its encoder, latent layer or decoder.

    The encoder gives means μ and standard deviations σ, z = μ + σε with standard normal
    ε, and the decoder makes x̂ from z; the loss is that of Kingma and Welling 2014
    (arXiv:1312.6114): reconstruction + β KL(N(μ, σ²) ‖ N(0, 1)), with β of Higgins et
    al. 2017 and, for labelled data, the label given to both sides (Sohn et al. 2015).

    With all parts classical it is the plain autoencoder: one hidden layer on each side,
    and nothing narrower than the latent variables. A quantum part adds a circuit of
    `latent_size` wires at the narrowest place, x ↦ x + circuit(x): angles, strongly
    entangling layers of CZ gates, ⟨Z⟩ on every wire. It begins near x + sin(x/2),
    which rises wherever z is, so that the noise of z, of size one, does not hide z. x
    goes past the circuit, too; so it does past the tanh units of `classical_twin`, and
    what a circuit is worth is the distance to them and to the plain autoencoder.

    Args:
        num_features: Numbers in a sample, such as pixels.
        latent_size: Latent variables, which are the wires of the circuits.
        encoder: "quantum" puts a circuit behind the means μ.
        decoder: "quantum" puts a circuit in front of the decoder's hidden layer; it
            reads the latent variables and the label through a linear layer.
        latent: "quantum" puts a circuit between z and the decoder, "classical" leaves z
            as it is.
        hidden: Units of the classical layers.
        layers: Strongly entangling layers of each circuit.
        beta: Weight of the KL term, ≥ 0.
        num_classes: Classes of a conditional model, 2 or more; 0 for none.
        likelihood: "gaussian" with `|x̂ − x|²` as reconstruction loss, or "bernoulli"
            for numbers from 0 to 1, with cross-entropy.
        target: Where the circuits run; None means "auto".
        shots: Number of shots; None or "keep" for exact values.

    Shape:
        - Input: (rows, num_features), and labels (rows,) of a conditional model.
        - Output: (rows, num_features), means of the reconstruction.

    Raises:
        ArgumentError: An argument does not fit.
        TargetError: The target is unknown or cannot run the circuits.

    Example:
        >>> import torch
        >>> from qml_qdl.models import QuantumVAE
        >>> vae = QuantumVAE(64, latent_size=4, latent="quantum")
        >>> vae.loss(torch.rand(8, 64)).shape, vae.sample(3).shape
        (torch.Size([]), torch.Size([3, 64]))
    """

    def __init__(
        self,
        num_features: int,
        latent_size: int,
        *,
        encoder: PartKind = "classical",
        decoder: PartKind = "classical",
        latent: PartKind = "quantum",
        hidden: int = 32,
        layers: int = 2,
        beta: float = 1.0,
        num_classes: int = 0,
        likelihood: DecoderLikelihood = "bernoulli",
        target: Target | None = None,
        shots: Shots = "keep",
    ) -> None:
        super().__init__()
        for name, value in (
            ("num_features", num_features),
            ("latent_size", latent_size),
            ("hidden", hidden),
            ("layers", layers),
        ):
            check_count(name, value)
        check_count("num_classes", num_classes, 0)
        if num_classes == 1:
            raise ArgumentError(
                "num_classes: expected 2 or more classes, or 0 for none, got 1, which "
                "says nothing about a sample; pass num_classes=0 and no labels"
            )
        for name, kind in (("encoder", encoder), ("decoder", decoder)):
            check_choice(name, kind, KINDS)
        check_choice("latent", latent, KINDS)
        check_choice("likelihood", likelihood, LIKELIHOODS)
        if not 0 <= beta < float("inf"):
            raise ArgumentError(f"beta: expected a number of at least 0, got {beta}")
        self.num_features, self.latent_size = num_features, latent_size
        self.num_classes, self.beta, self.likelihood = num_classes, beta, likelihood
        self._settings: dict[str, Any] = {
            "encoder": encoder,
            "decoder": decoder,
            "latent": latent,
            "hidden": hidden,
            "layers": layers,
            "beta": beta,
            "num_classes": num_classes,
            "likelihood": likelihood,
        }

        def circuit() -> nn.Module:
            return _SineUnits(latent_size, layers, target, shots)

        self.encoder = nn.Sequential(
            nn.Linear(num_features + num_classes, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2 * latent_size),
        )
        self.encoder_units = circuit() if encoder == "quantum" else None
        self.latent_units = circuit() if latent == "quantum" else None
        self.decoder_units = (
            nn.Sequential(
                _begun_as_identity(latent_size + num_classes, latent_size), circuit()
            )
            if decoder == "quantum"
            else None
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_size + num_classes, hidden),
            nn.ReLU(),
            nn.Linear(hidden, num_features),
        )
        nn.Module.register_load_state_dict_pre_hook(self, _refuse_old_weights)

    @classmethod
    def from_data(
        cls,
        split: Split,
        *,
        layers: int = 2,
        target: Target | None = None,
        hidden: int = 32,
        latent: int = 5,
        quantum_part: QuantumPart | None = "decoder",
    ) -> QuantumVAE:
        """Builds one for images, or rows of a table.

        Args:
            split: The data.
            layers: Layers of the circuit.
            target: Where circuits run during training: auto, or a PennyLane device such
                as default.qubit or lightning.qubit.
            hidden: Hidden units of encoder and decoder.
            latent: Latent variables, and wires of the circuit.
            quantum_part: Where the circuit is: latent, encoder or decoder; None for
                the plain autoencoder.

        Raises:
            ArgumentError: An argument does not fit.
            TargetError: The target is unknown or cannot run the circuit.
        """
        if quantum_part is not None:
            check_choice("quantum_part", quantum_part, get_args(QuantumPart))
        parts: dict[str, Any] = {
            part: "quantum" if part == quantum_part else "classical"
            for part in get_args(QuantumPart)
        }
        return cls(
            math.prod(split.train.input_shape),
            latent,
            hidden=hidden,
            layers=layers,
            likelihood="bernoulli" if split.train.is_image else "gaussian",
            target=target,
            **parts,
        )

    def classical_twin(self) -> QuantumVAE:
        """The same network with a layer of tanh units in place of each circuit.

        Returns:
            A fresh network; all around the circuits stays. The 3 n layers weights of a
            circuit have their counterpart in n (n + 1), but in the decoder, where the
            linear layer in front of the circuit is that of the tanh units.
        """
        twin = QuantumVAE(self.num_features, self.latent_size, **self._settings)

        def units() -> nn.Module:
            size = self.latent_size
            return nn.Sequential(_begun_as_identity(size, size), _HalfTanh())

        if twin.encoder_units is not None:
            twin.encoder_units = units()
        if twin.latent_units is not None:
            twin.latent_units = units()
        if twin.decoder_units is not None:  # a linear layer is there already
            twin.decoder_units[1] = _HalfTanh()
        return twin.to(self.encoder[0].weight)  # type: ignore[arg-type]

    def encode(
        self, inputs: Tensor, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Means and logarithms of the variances of the latent variables.

        Args:
            inputs: (rows, num_features).
            labels: (rows,), whole numbers; None for a model without classes.

        Returns:
            μ and log σ², each (rows, latent_size).

        Raises:
            DataError: There are no rows, numbers are not finite, or labels are wrong.
            ShapeError: A shape does not fit.
        """
        check_rows("inputs", inputs, self.num_features)
        given = with_labels(self._like_weights(inputs), labels, self.num_classes)
        mean, log_variance = self.encoder(given).chunk(2, -1)
        if self.encoder_units is not None:
            mean = mean + self.encoder_units(mean)
        return mean, log_variance

    def decode(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Means of the samples that latent variables stand for.

        Args:
            latent: (rows, latent_size).
            labels: (rows,), whole numbers; None for a model without classes.

        Returns:
            (rows, num_features).

        Raises:
            DataError: Labels are wrong.
            ShapeError: A shape does not fit.
        """
        decoded = self._decoded(latent, labels)
        return decoded.sigmoid() if self.likelihood == "bernoulli" else decoded

    def _decoded(self, latent: Tensor, labels: Tensor | None) -> Tensor:
        """Means, or logits of them for "bernoulli", (rows, num_features)."""
        if latent.ndim != 2 or latent.shape[1] != self.latent_size:
            raise ShapeError(
                f"latent: expected the shape (rows, {self.latent_size}), got "
                f"{tuple(latent.shape)}"
            )
        latent = self._like_weights(latent)
        if self.latent_units is not None:
            latent = latent + self.latent_units(latent)
        if self.decoder_units is not None:
            given = with_labels(latent, labels, self.num_classes)
            latent = latent + self.decoder_units(given)
        decoded: Tensor = self.decoder(with_labels(latent, labels, self.num_classes))
        return decoded

    def _like_weights(self, numbers: Tensor) -> Tensor:
        return numbers.to(next(self.parameters()).dtype)

    def forward(
        self,
        inputs: Tensor,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Reconstructs samples from latent variables sampled for them.

        Args:
            inputs: (rows, num_features).
            labels: (rows,); None for a model without classes.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, num_features).
        """
        return self.decode(_sampled(*self.encode(inputs, labels), generator), labels)

    def terms(
        self,
        inputs: Tensor,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Reconstruction loss and KL divergence of each row.

        Args:
            inputs: (rows, num_features); from 0 to 1 for "bernoulli".
            labels: (rows,); None for a model without classes.
            generator: Random numbers; None for torch's own.

        Returns:
            Two tensors (rows,); minus their sum is the evidence lower bound where
            β = 1 (for "gaussian" up to a constant and with variance 1/2).

        Raises:
            DataError: Numbers are not finite, or not from 0 to 1 for "bernoulli".
        """
        mean, log_variance = self.encode(inputs, labels)
        decoded = self._decoded(_sampled(mean, log_variance, generator), labels)
        inputs = inputs.to(decoded.dtype)
        if self.likelihood == "gaussian":
            error = (decoded - inputs).square().sum(-1)
        else:
            if bool(((inputs < 0) | (inputs > 1)).any()):
                raise DataError(
                    f"inputs: expected numbers from 0 to 1, got "
                    f"{float(inputs.min()):g} to {float(inputs.max()):g}; scale them, "
                    "or use likelihood='gaussian'"
                )
            # From logits: a sigmoid of 1 would hide how wrong it is, and its gradient.
            error = binary_cross_entropy_with_logits(
                decoded, inputs, reduction="none"
            ).sum(-1)
        divergence = mean.square() + log_variance.exp() - 1 - log_variance
        return error, divergence.sum(-1) / 2

    def loss(
        self,
        inputs: Tensor,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Mean of reconstruction loss + β KL.

        Args:
            inputs: (rows, num_features); from 0 to 1 for "bernoulli".
            labels: (rows,); None for a model without classes.
            generator: Random numbers; None for torch's own.

        Returns:
            A scalar, in nats for "bernoulli".

        Raises:
            DataError: Numbers are not finite, or not from 0 to 1 for "bernoulli".
        """
        error, divergence = self.terms(inputs, labels, generator)
        return error.mean() + self.beta * divergence.mean()

    @torch.no_grad()
    def sample(
        self,
        rows: int,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Decodes latent variables sampled from N(0, 1).

        Args:
            rows: How many, ≥ 1.
            labels: (rows,); None for a model without classes.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, num_features).
        """
        check_count("rows", rows)
        first = next(self.parameters())
        latent = first.new_empty(rows, self.latent_size).normal_(generator=generator)
        return self.decode(latent, labels)


class _SineUnits(nn.Module):
    """A circuit whose outputs begin close to the sines of half its inputs."""

    def __init__(
        self, wires: int, layers: int, target: Target | None, shots: Shots
    ) -> None:
        super().__init__()
        # CZ gates leave every ⟨Z⟩ alone as long as the rotations are small.
        processing = StronglyEntangling(wires, layers=layers, imprimitive="CZ")
        self.layer = QuantumLayer(
            processing @ AngleEncoding(wires),
            init_method="near_identity",
            target=target,
            shots=shots,
        )

    def forward(self, inputs: Tensor) -> Tensor:
        values: Tensor = self.layer((torch.pi - inputs) / 2)
        return values


class _HalfTanh(nn.Tanh):
    """tanh(x)/2, as steep as sin(x/2).

    A whole tanh unit can learn to be −x, which then leaves nothing of x + units(x):
    the network stays at the mean image.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs) / 2


def _begun_as_identity(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer that begins by giving its first inputs, as they are."""
    layer = nn.Linear(inputs, outputs)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _refuse_old_weights(
    vae: nn.Module, state: Mapping[str, Any], prefix: str, *_: Any
) -> None:
    if f"{prefix}encoder.4.weight" in state:
        raise RunError(
            "state_dict: expected weights of this autoencoder, got those of an earlier "
            "build, whose encoder and decoder had layers as narrow as its latent "
            "variables; train it anew"
        )


def _sampled(
    mean: Tensor, log_variance: Tensor, generator: torch.Generator | None
) -> Tensor:
    noise = torch.empty_like(mean).normal_(generator=generator)
    return mean + (log_variance / 2).exp() * noise
