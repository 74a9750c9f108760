"""Equivariance errors of circuits, measured on random data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml

from qml_qdl.circuits.circuit import Block, Circuit, as_circuit
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.readouts import State
from qml_qdl.circuits.symmetry.groups import WireGroup
from qml_qdl.circuits.symmetry.twirling import labels_of
from qml_qdl.circuits.validation import MOST_SEED, check_count, validate_call

FeatureAction: TypeAlias = Callable[[Any], Any]
"""What one element of a group does to x, an array (..., features)."""


@validate_call
def encoding_error(
    encoding: Block | Circuit,
    group: WireGroup,
    feature_actions: Sequence[FeatureAction] | None = None,
    *,
    weights: Any = None,
    samples: int = 5,
    seed: int = 0,
) -> float:
    """How far an encoding is from equivariance: S(gx)|0…0⟩ against UₘS(x)|0…0⟩.

    Args:
        encoding: The encoding, or any circuit; its readout is not used.
        group: The group; its place k is the encoding's k-th wire.
        feature_actions: For each generator of the group what it does to x; None for
            one feature a wire, moved along with the wires.
        weights: The weights, where there are any.
        samples: How many x are sampled, evenly from −1 to 1.
        seed: Seed of the sampling.

    Returns:
        The largest distance of state vectors, up to a phase, over the samples and the
        generators: rounding error for an equivariant encoding, at most √2.

    Raises:
        ArgumentError: The group acts on more or fewer wires, or the actions on x are
            not one for each generator.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding
        >>> from qml_qdl.circuits.symmetry.named_groups import spin_flip, translations
        >>> encoding_error(AngleEncoding(3), translations(3)) < 1e-12
        True
        >>> encoding_error(AngleEncoding(3), spin_flip(3)) > 0.1
        True
    """
    circuit = as_circuit(encoding).with_readout(State())
    run = _runner(circuit, group, weights)
    worst = 0.0
    for x in _sampled(circuit, samples, seed):
        state = run(x)
        for k, action in enumerate(_actions(circuit, group, feature_actions)):
            expected = group.generators[k].matrix() @ state
            got = run(action(x))
            overlap = np.vdot(expected, got)
            got = got * (np.conj(overlap) / max(abs(overlap), 1e-300))
            worst = max(worst, float(np.linalg.norm(got - expected)))
    return worst


@validate_call
def invariance_error(
    circuit: Circuit,
    group: WireGroup,
    feature_actions: Sequence[FeatureAction] | None = None,
    *,
    weights: Any = None,
    samples: int = 5,
    seed: int = 0,
) -> float:
    """How much a circuit's results change when a group acts on x.

    Args:
        circuit: The circuit.
        group: The group; its place k is the circuit's k-th wire.
        feature_actions: For each generator of the group what it does to x; None for
            one feature a wire, moved along with the wires.
        weights: The weights, where there are any.
        samples: How many x are sampled, evenly from −1 to 1.
        seed: Seed of the sampling.

    Returns:
        The largest change of a result, over the samples and the generators.

    Raises:
        ArgumentError: The group acts on more or fewer wires, or the actions on x are
            not one for each generator.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding
        >>> from qml_qdl.circuits.symmetry.equivariant import (
        ...     EquivariantProcessing, invariant_readout)
        >>> from qml_qdl.circuits.symmetry.named_groups import translations
        >>> ring = translations(3)
        >>> W = EquivariantProcessing(3, ring, ["ZZI", "XII"])
        >>> U = (W @ AngleEncoding(3)).with_readout(invariant_readout(ring, "ZII"))
        >>> invariance_error(U, ring, weights=np.array([[0.3, 0.7]])) < 1e-12
        True
    """
    run = _runner(circuit, group, weights)
    worst = 0.0
    for x in _sampled(circuit, samples, seed):
        result = run(x)
        for action in _actions(circuit, group, feature_actions):
            worst = max(worst, float(np.abs(run(action(x)) - result).max()))
    return worst


def _runner(circuit: Circuit, group: WireGroup, weights: Any) -> Callable[[Any], Any]:
    wires = labels_of(group, circuit.wires)
    node = qml.QNode(circuit, qml.device("default.qubit", wires=wires))
    return lambda x: np.asarray(node(x, weights))


def _sampled(circuit: Circuit, samples: int, seed: int) -> Any:
    check_count("samples", samples)
    check_count("seed", seed, 0, MOST_SEED)
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (samples, circuit.num_inputs))


def _actions(
    circuit: Circuit, group: WireGroup, given: Sequence[FeatureAction] | None
) -> Sequence[FeatureAction]:
    count = len(group.generators)
    if given is None:
        if circuit.num_inputs != group.num_wires:
            raise ArgumentError(
                f"feature_actions: the circuit reads {circuit.num_inputs} features on "
                f"{group.num_wires} wires; say what each of the {count} generators "
                "does to them"
            )
        return [generator.permute for generator in group.generators]
    if len(given) != count:
        raise ArgumentError(
            f"feature_actions: expected {count}, one for each generator of the group, "
            f"got {len(given)}"
        )
    return given
