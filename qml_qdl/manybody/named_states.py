"""Neural states by name, made as a problem needs them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import pennylane as qml
import torch
from pennylane.operation import Operator
from torch import nn

from qml_qdl.circuits import (
    Block,
    Circuit,
    FixedGates,
    HamiltonianVariational,
    Singlets,
    StronglyEntangling,
)
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import (
    check_choice,
    check_count,
    did_you_mean,
    validate_call,
)
from qml_qdl.manybody.lattices import Lattice
from qml_qdl.manybody.problems import Problem, Symmetry
from qml_qdl.manybody.states.autoregressive import AutoregressiveState
from qml_qdl.manybody.states.circuit import CircuitState
from qml_qdl.manybody.states.combinations import Multiplied, Symmetrized
from qml_qdl.manybody.states.feed_forward import FeedForwardState
from qml_qdl.manybody.states.group_convolutional import GroupConvolutionalState
from qml_qdl.manybody.states.jastrow import JastrowState
from qml_qdl.manybody.states.rbm import RBMState
from qml_qdl.manybody.states.state import NeuralState
from qml_qdl.manybody.states.vision_transformer import VisionTransformerState
from qml_qdl.models import AutoregressiveNetwork

Amplitudes = Literal["positive", "complex"]


def _rbm(
    problem: Problem, permutations: Any, dtype: torch.dtype, *, alpha: int = 4
) -> NeuralState:
    return RBMState(
        problem.num_sites, alpha=alpha, permutations=permutations, dtype=dtype
    )


def _jastrow(problem: Problem, permutations: Any, dtype: torch.dtype) -> NeuralState:
    sites = problem.num_sites
    state = JastrowState(sites, permutations=permutations, dtype=dtype)
    if problem.turned_spin_flip != -1:
        return state
    # A Jastrow factor is even, so that nothing of it would be left.
    return Multiplied([state, RBMState(sites, permutations=[range(sites)])])


def _jastrow_rbm(
    problem: Problem, permutations: Any, dtype: torch.dtype, *, alpha: int = 2
) -> NeuralState:
    return Multiplied(
        [
            _jastrow(problem, permutations, dtype),
            _rbm(problem, permutations, dtype, alpha=alpha),
        ]
    )


def _autoregressive(
    problem: Problem,
    permutations: Any,
    dtype: torch.dtype,
    *,
    width: int = 8,
    layers: int = 1,
) -> NeuralState:
    if problem.momentum is not None or problem.spin_flip is not None:
        raise ArgumentError(
            "state: 'autoregressive' samples itself and cannot be symmetrised, but a "
            "momentum or spin_flip was asked for; use 'rbm'"
        )
    sites, total = problem.num_sites, problem.sector.magnetisation
    ones = None if total is None else (sites - total) // 2
    network = AutoregressiveNetwork(sites, width=width, layers=layers, num_ones=ones)
    phase = None
    if dtype.is_complex:
        units = width * layers
        phase = nn.Sequential(
            nn.Linear(sites, units), nn.GELU(), nn.Linear(units, 1, bias=False)
        )
    return AutoregressiveState(network, phase)


def _circuit(
    problem: Problem, permutations: Any, dtype: torch.dtype, *, layers: int = 4
) -> NeuralState:
    check_count("layers", layers)
    sites = problem.num_sites
    if problem.momentum is not None or problem.spin_flip is not None:
        # Evolutions keep the symmetry in which they begin, which may be another one.
        return CircuitState(StronglyEntangling(sites, layers))
    circuit, longest = variational_evolution(problem, layers)
    if problem.marshall:  # the circuit brings its own signs
        signs = FixedGates(sites, "PauliZ", problem.sublattice or ())
        circuit = Circuit((*circuit.blocks, signs))
    start = partial(nn.init.uniform_, a=0.6 * longest, b=longest)
    return CircuitState(circuit, init_method=start)


def variational_evolution(problem: Problem, layers: int = 4) -> tuple[Circuit, float]:
    """Evolutions under the parts of a Hamiltonian, from a state of its sector.

    Neighbours begin as singlets where the magnetisation is kept, else all spins along
    X (Wecker, Hastings and Troyer 2015, arXiv:1507.08969).

    Args:
        problem: The Hamiltonian.
        layers: Number of layers.

    Returns:
        The circuit, in the basis in which H is given, and the longest duration to begin
        with: with angles from all round most circuits are far from any ground state,
        and flat.

    Raises:
        ArgumentError: `layers` is below 1, or sums of some sites each are to be kept.

    Example:
        >>> from qml_qdl.manybody import Problem
        >>> circuit, longest = variational_evolution(Problem.named("xxz", size=4), 1)
        >>> circuit.weight_shapes, longest
        ({'weights_0': (1, 2)}, 0.25)
    """
    sites, total = problem.num_sites, problem.sector.magnetisation
    if problem.sums is not None:
        raise ArgumentError(
            f"problem: evolutions under parts of {problem} do not keep the sums of "
            "some sites each, such as electrons of each spin; use excitations"
        )
    hamiltonian = problem.operator.as_pennylane()
    evolution = HamiltonianVariational(sites, hamiltonian, layers=layers)
    if len(evolution.parts) == 1 < sites:  # which conserves the energy
        mixer = _mixer(sites, total)
        evolution = HamiltonianVariational(sites, hamiltonian + mixer, layers=layers)
    blocks: list[Block] = []
    if total is None:
        blocks.append(FixedGates(sites, "Hadamard", tuple(range(sites))))
    else:  # what is left over of pairs points up, or down
        paired = sites - abs(total)
        blocks += [Singlets(paired)] if paired else []
        rest = tuple(range(paired, sites)) if total < 0 else ()
        blocks.append(FixedGates(sites, "PauliX", rest))
    longest = 0.25 / max(abs(value) for value, _ in evolution.hamiltonian)
    return Circuit([*blocks, evolution]), longest


def _mixer(sites: int, total: int | None) -> Operator:
    """What moves spins: fields, or where the magnetisation is kept exchanges."""
    if total is None:
        return qml.sum(*map(qml.X, range(sites)))
    ends = [(site, site + 1) for site in range(sites - 1)]
    return qml.sum(*(each(i) @ each(j) for i, j in ends for each in (qml.X, qml.Y)))


def _circuit_rbm(
    problem: Problem,
    permutations: Any,
    dtype: torch.dtype,
    *,
    layers: int = 2,
    alpha: int = 2,
) -> NeuralState:
    circuit = _circuit(problem, permutations, dtype, layers=layers)
    return Multiplied([circuit, _rbm(problem, permutations, dtype, alpha=alpha)])


def _feed_forward(
    problem: Problem,
    permutations: Any,
    dtype: torch.dtype,
    *,
    hidden_dims: Sequence[int] | None = None,
) -> NeuralState:
    state = FeedForwardState(problem.num_sites, hidden_dims=hidden_dims, dtype=dtype)
    return state if permutations is None else Symmetrized(state, permutations)


def _gcnn(
    problem: Problem,
    permutations: Any,
    dtype: torch.dtype,
    *,
    layers: int = 2,
    features: int = 4,
) -> NeuralState:
    return GroupConvolutionalState(
        _lattice(problem, "gcnn"),
        layers=layers,
        features=features,
        # Without any it is a network whose features have no places.
        permutations=[range(problem.num_sites)]
        if permutations is None
        else permutations,
        dtype=dtype,
    )


def _vit(
    problem: Problem,
    permutations: Any,
    dtype: torch.dtype,
    *,
    patch_size: int | Sequence[int] = 2,
    layers: int = 2,
    embed_dim: int = 16,
    heads: int = 4,
) -> NeuralState:
    if (problem.symmetry("translations")[1] != 1).any():
        raise ArgumentError(
            f"momentum: 'vit' is the same after any translation by a patch, got "
            f"{problem.momentum!r}; use 'rbm', 'feed_forward' or 'gcnn'"
        )
    return VisionTransformerState(
        _lattice(problem, "vit"),
        patch_size=patch_size,
        layers=layers,
        embed_dim=embed_dim,
        heads=heads,
        dtype=dtype,
    )


def _lattice(problem: Problem, state: str) -> Lattice:
    if problem.lattice is None:
        raise ArgumentError(
            f"state: {state!r} needs the translations of a lattice, which "
            f"{problem.name!r} has not; use 'rbm' or 'feed_forward'"
        )
    return problem.lattice


Maker = Callable[..., NeuralState]
"""Takes a problem, the permutations that leave amplitudes alone (None for none), and
the type of the parameters; then options by name."""

STATES: Mapping[str, Maker] = {
    "rbm": _rbm,
    "jastrow": _jastrow,
    "jastrow_rbm": _jastrow_rbm,
    "autoregressive": _autoregressive,
    "circuit": _circuit,
    "circuit_rbm": _circuit_rbm,
    "feed_forward": _feed_forward,
    "gcnn": _gcnn,
    "vit": _vit,
}
"""The states that have names."""


@validate_call
def neural_state(
    problem: Problem,
    *,
    state: str = "rbm",
    alpha: int | None = None,
    layers: int | None = None,
    width: int | None = None,
    symmetry: Symmetry | None = None,
    amplitudes: Amplitudes | None = None,
    **options: Any,
) -> NeuralState:
    """A neural state for a problem, by name.

    Args:
        problem: What it is the state of.
        state: Its kind: rbm, jastrow, jastrow_rbm (the product of both),
            autoregressive, circuit, circuit_rbm (again the product), feed_forward, gcnn
            (group-convolutional) or vit (a transformer).
        alpha: Hidden units of an RBM for each site; rows of weights where it is
            symmetrised. None for the state's own number.
        layers: Of a network or a circuit. None for the state's own number.
        width: Units of each site in each layer of an autoregressive state. None for its
            own number.
        symmetry: Under which permutations of sites amplitudes are the same: all of the
            lattice that the Hamiltonian has, its translations, or none; None for all
            where the lowest state is known to have them (see `Problem.symmetry`). With
            a momentum the translations. Else autoregressive states and circuits have
            none, and transformers translations by their patches.
        amplitudes: positive or complex; None as the Hamiltonian needs.
        **options: Further arguments of the state: hidden_dims of a feed-forward one,
            features of a group-convolutional one, patch_size, embed_dim and heads of a
            transformer.

    Returns:
        The state, with torch's default type.

    Raises:
        ArgumentError: There is no such state or option, or it cannot be symmetrised as
            the problem asks.

    Example:
        >>> from qml_qdl.manybody import Problem
        >>> ring = Problem.named("heisenberg", size=22)
        >>> state = neural_state(ring, alpha=1, symmetry="translations")
        >>> sum(each.numel() for each in state.parameters())
        24
    """
    check_choice("state", state, tuple(STATES))
    check_choice("amplitudes", amplitudes, ("positive", "complex", None))
    maker = STATES[state]
    known = list(inspect.signature(maker).parameters)[3:]
    several = {"alpha": alpha, "layers": layers, "width": width}
    options |= {name: value for name, value in several.items() if value is not None}
    for name, value in options.items():
        if name not in known:
            raise ArgumentError(
                f"{name}: the state {state!r} has no such option, got {value!r}"
                f"{did_you_mean(name, known)}; it takes {', '.join(known) or 'none'}"
            )
    rows, characters = problem.symmetry(symmetry)
    flip = problem.turned_spin_flip
    projected = bool((characters != 1).any()) or flip is not None
    signs = bool((characters != 1).any()) or flip == -1
    if amplitudes is None:
        positive = problem.turned.is_stoquastic and not signs
        amplitudes = "positive" if positive else "complex"
    dtype = torch.get_default_dtype()
    if amplitudes == "complex":
        dtype = dtype.to_complex()
    trivial = projected or len(rows) == 1
    found = maker(problem, None if trivial else rows, dtype, **options)
    if not projected:
        return found
    return Symmetrized(found, rows, characters, spin_flip=flip)
