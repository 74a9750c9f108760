"""How much parts of a state know of each other: entropies, exact and by samples.

A pure state of sites A and all others B is Σ √p_k `|a_k⟩|b_k⟩`; the entropies are those
of p. All of them are in nats.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from attrs import evolve, frozen
from scipy.special import digamma
from torch import Tensor

from qml_qdl.circuits.entropies import check_order, entropy_of, schmidt_values
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import as_items, check_count, validate_call
from qml_qdl.manybody.monte_carlo import Estimate
from qml_qdl.manybody.samplers import Metropolis, Sampler, Samples, vanishing
from qml_qdl.manybody.sectors import Sector, check_memory
from qml_qdl.manybody.states.state import NeuralState

ROWS_AT_ONCE = 2**16
"""Configurations whose amplitudes are found together."""


@validate_call
def state_vector(state: NeuralState, sector: Sector | None = None) -> Tensor:
    """All amplitudes of a state, normalised, in the order of `qml.matrix`.

    Args:
        state: The state.
        sector: Where it lives: amplitudes of all other configurations are 0. Symmetries
            of the sector are left to the state. None for all configurations.

    Returns:
        (2ᴺ,), real or complex, differentiable by the state's parameters.

    Raises:
        ArgumentError: Sector and state have other numbers of sites, or the amplitudes
            vanish everywhere.
        MemoryBoundError: They do not fit into memory.

    Example:
        >>> from qml_qdl.manybody import VectorState
        >>> state_vector(VectorState([3, 4], Sector(2, magnetisation=0)))
        tensor([0.0000, 0.6000, 0.8000, 0.0000], dtype=torch.float64)
    """
    if sector is None:
        sector = Sector(state.num_sites)
    if sector.num_sites != state.num_sites:
        raise ArgumentError(
            f"sector: expected {state.num_sites} sites as the state has, got "
            f"{sector.num_sites}"
        )
    sector = evolve(sector, spin_flip=None, permutations=None, characters=None)
    check_memory(
        f"state: amplitudes of {state.num_sites} sites",
        (sector.num_configurations * (state.num_sites + 3) + 2**state.num_sites) * 16,
        "take fewer sites, or samples: swap_entropy",
    )
    parts = sector.spins().to(state.dtype).split(ROWS_AT_ONCE)
    log = torch.cat([state(part) for part in parts])
    if torch.isneginf(log.real).all():
        raise vanishing()
    amplitudes: Tensor = (log - log.real.detach().max()).exp()
    amplitudes = amplitudes / torch.linalg.vector_norm(amplitudes)
    if len(amplitudes) == 2**state.num_sites:
        return amplitudes
    places = torch.from_numpy(sector.states.astype(np.int64)).to(log.device)
    return amplitudes.new_zeros(2**state.num_sites).index_put((places,), amplitudes)


def _vectors(state: Any) -> tuple[Tensor, int]:
    """Amplitudes (..., 2ᴺ) of what is a state, and N."""
    if isinstance(state, NeuralState):
        return state_vector(state), state.num_sites
    if not isinstance(state, Tensor | np.ndarray):
        raise ArgumentTypeError(
            f"state: expected amplitudes or a NeuralState, got {type(state).__name__}; "
            "a layer with the readout State gives amplitudes"
        )
    vectors = torch.as_tensor(state)
    if not (vectors.is_floating_point() or vectors.is_complex()):
        vectors = vectors.to(torch.get_default_dtype())
    size = vectors.shape[-1] if vectors.ndim else 0
    num_sites = size.bit_length() - 1
    if size < 2 or size != 2**num_sites:
        raise ShapeError(
            "state: expected amplitudes (..., 2ᴺ), one for each configuration, got "
            f"{tuple(vectors.shape)}"
        )
    if not (vectors.isfinite().all() and (vectors != 0).any(-1).all()):
        raise ArgumentError(
            "state: expected finite amplitudes that do not all vanish, got others"
        )
    return vectors, num_sites


def _as_sites(name: str, sites: Any, num_sites: int) -> list[int]:
    """Sites of a region, each once."""
    items = as_items(sites)
    if items is None:
        raise ArgumentTypeError(f"{name}: expected sites such as [0, 1], got {sites!r}")
    for site in items:
        check_count(name, site, 0, num_sites - 1)
    found = [int(site) for site in items]
    if not found or len(set(found)) != len(found):
        raise ArgumentError(
            f"{name}: expected one or more sites, each once, got {found}"
        )
    return found


@validate_call
def entanglement_spectrum(state: Any, sites: Any) -> Tensor:
    """The eigenvalues of the density matrix of some sites.

    Args:
        state: Amplitudes (..., 2ᴺ), with any norm, or a `NeuralState`.
        sites: The sites A, 0 … N−1.

    Returns:
        Probabilities p (..., m), falling, for m = 2ᵏ and k sites in A or outside of it,
        whichever are fewer; −log p is what others call the spectrum.

    Raises:
        ArgumentError: There is no such site, none, or one twice; or no state.
        ArgumentTypeError: What came is no state, or no sites.
        ShapeError: There are not 2ᴺ amplitudes.

    Example:
        >>> entanglement_spectrum(torch.tensor([0.6, 0, 0, 0.8]), [0])
        tensor([0.6400, 0.3600])
    """
    vectors, num_sites = _vectors(state)
    values: Tensor = schmidt_values(vectors, _as_sites("sites", sites, num_sites))
    shares = (values / values[..., :1]).square()  # of large ones that overflow
    return shares / shares.sum(-1, keepdim=True)


@validate_call
def entropy(state: Any, sites: Any, order: float = 1.0) -> Tensor:
    """The entropy of some sites, of any of Rényi's orders.

    Its gradient is finite also where sites are not entangled, or equally entangled in
    several ways, for orders from 1/2 on; the orders below rise infinitely steeply from
    0. What rounding cannot tell from 0 in the spectrum counts as 0, so the order 0 is
    the logarithm of a numerical rank.

    Args:
        state: Amplitudes (..., 2ᴺ), with any norm, or a `NeuralState`.
        sites: The sites A, 0 … N−1.
        order: α, 0 to infinity: 1 is von Neumann's −Tr ρ log ρ, 2 is −log of the
            purity, others (log Tr ρ^α)/(1 − α).

    Returns:
        (...), differentiable.

    Raises:
        ArgumentError: The order is negative; there is no such site, none, or one twice;
            or no state.
        ArgumentTypeError: What came is no state, or no sites.
        ShapeError: There are not 2ᴺ amplitudes.

    Example:
        >>> bell = torch.tensor([1.0, 0, 0, 1])
        >>> entropy(bell, [0]), entropy(bell, [1], order=2)
        (tensor(0.6931), tensor(0.6931))
    """
    check_order(order)
    vectors, num_sites = _vectors(state)
    return _entropy(vectors, _as_sites("sites", sites, num_sites), order)


def _entropy(vectors: Tensor, sites: list[int], order: float) -> Tensor:
    found: Tensor = entropy_of(schmidt_values(vectors, sites), order)
    return found


@validate_call
def quantum_mutual_information(
    state: Any, first: Any, second: Any, order: float = 1.0
) -> Tensor:
    """What two sets of sites know of each other, S(A) + S(B) − S(AB).

    Args:
        state: Amplitudes (..., 2ᴺ), with any norm, or a `NeuralState`.
        first: The sites A.
        second: The sites B, others than those of A.
        order: That of the entropies; with other orders than 1 it may be negative.

    Returns:
        (...), differentiable; 0 where AB is a product of A and B.

    Raises:
        ArgumentError: The order is negative; there is no such site, none, or one twice;
            or no state.
        ArgumentTypeError: What came is no state, or no sites.
        ShapeError: There are not 2ᴺ amplitudes.

    Example:
        >>> ghz = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 1])
        >>> quantum_mutual_information(ghz, [0], [1, 2])
        tensor(1.3863)
        >>> quantum_mutual_information(ghz, [0], [1])
        tensor(0.6931)
    """
    check_order(order)
    vectors, num_sites = _vectors(state)
    sites = [
        _as_sites(name, each, num_sites)
        for name, each in (("first", first), ("second", second))
    ]
    both = _as_sites("first, second", sites[0] + sites[1], num_sites)
    one, other, joint = (_entropy(vectors, each, order) for each in (*sites, both))
    return one + other - joint


@validate_call
def entropy_profile(state: Any, order: float = 1.0, *, periodic: bool = True) -> Tensor:
    """Entropies of neighbouring sites, by how many they are.

    Args:
        state: Amplitudes (..., 2ᴺ), with any norm, or a `NeuralState`.
        order: That of the entropy.
        periodic: Whether the sites are a ring: entropies are then means over all places
            where a region can begin. Else regions begin at site 0.

    Returns:
        (..., N//2), for regions of 1, 2, … sites.

    Raises:
        ArgumentError: The order is negative, or there is no state.
        ArgumentTypeError: What came is no state.
        ShapeError: There are not 2ᴺ amplitudes.

    Example:
        >>> ghz = torch.tensor([1.0] + 14 * [0.0] + [1.0])
        >>> entropy_profile(ghz)
        tensor([0.6931, 0.6931])
    """
    check_order(order)
    vectors, num_sites = _vectors(state)
    sizes = range(1, num_sites // 2 + 1)
    if not sizes:
        return vectors.real.new_zeros(*vectors.shape[:-1], 0)
    means = []
    for size in sizes:
        # Of halves of a ring each is the rest of another.
        starts = num_sites // (1 + (2 * size == num_sites)) if periodic else 1
        regions = [
            [(start + k) % num_sites for k in range(size)] for start in range(starts)
        ]
        found = [_entropy(vectors, region, order) for region in regions]
        means.append(torch.stack(found).mean(0))
    return torch.stack(means, dim=-1)


@validate_call
def page_entropy(size: int, num_sites: int) -> float:
    """The mean entropy of some sites over all pure states, Page's value.

    With m ≤ n states of the smaller and the larger part it is
    Σ_{k=n+1}^{mn} 1/k − (m − 1)/2n (arXiv:gr-qc/9305007), just below log m.

    Args:
        size: Sites of one part, 0 … N.
        num_sites: All sites, N.

    Returns:
        Von Neumann's entropy in nats.

    Raises:
        ArgumentError: There are fewer sites than those of the part.

    Example:
        >>> round(page_entropy(1, 2), 6), round(page_entropy(8, 16) / math.log(2), 3)
        (0.333333, 7.279)
    """
    check_count("num_sites", num_sites, most=1000)
    check_count("size", size, 0, num_sites)
    small, large = sorted((2.0**size, 2.0 ** (num_sites - size)))
    terms = digamma(small * large + 1) - digamma(large + 1)
    return float(terms - (small - 1) / (2 * large))


@frozen
class ScalingLaw:
    """How an entropy grows with a region, S = slope · size + offset.

    An area law has the slope 0 in one dimension, a volume law a positive one.

    Args:
        slope: The mean over states, in nats for each site.
        slope_error: Its sample standard deviation over states; NaN for one state.
        offset: The mean over states, in nats.
        offset_error: Its sample standard deviation.
    """

    slope: float
    slope_error: float
    offset: float
    offset_error: float

    def __str__(self) -> str:
        return (
            f"S = ({self.slope:z.3f} ± {self.slope_error:.3f}) size + "
            f"({self.offset:z.3f} ± {self.offset_error:.3f})"
        )


@validate_call
def scaling_law(
    profiles: Tensor, smallest: int = 1, largest: int | None = None
) -> ScalingLaw:
    """Fits a line to the entropies of each of several states.

    Args:
        profiles: Entropies for 1, 2, … sites, (states, sizes), such as those of
            `entropy_profile`.
        smallest: The smallest region that counts; of a state with a length of its own
            one beyond it.
        largest: The largest; None for all.

    Returns:
        Mean and spread of the lines.

    Raises:
        ArgumentError: There are fewer than two sizes to fit.
        ShapeError: The shape is another.

    Example:
        >>> print(scaling_law(torch.tensor([[1.0, 2, 3], [1.2, 2.2, 3.2]])))
        S = (1.000 ± 0.000) size + (0.100 ± 0.141)
    """
    if profiles.ndim != 2 or not len(profiles):
        raise ShapeError(
            "profiles: expected (states, sizes) with one state or more, got "
            f"{tuple(profiles.shape)}"
        )
    count = profiles.shape[1]
    largest = count if largest is None else largest
    check_count("largest", largest, 2, count)
    check_count("smallest", smallest, 1, largest - 1)
    sizes = np.arange(smallest, largest + 1)
    values = profiles.detach().double().cpu().numpy()[:, smallest - 1 : largest]
    lines = np.polyfit(sizes, values.T, 1)  # (2, states)
    free = 1 if len(profiles) > 1 else 0
    spread = lines.std(1, ddof=free) if free else np.full(2, math.nan)
    (slope, offset), (slope_error, offset_error) = lines.mean(1), spread
    return ScalingLaw(
        float(slope), float(slope_error), float(offset), float(offset_error)
    )


@frozen
class SwapEstimate:
    """An entropy of order 2 from samples.

    Args:
        entropy: −log of the purity, in nats. As the logarithm of a mean it is too large
            by about half its error squared.
        error: Its standard error, that of the purity divided by the purity.
        purity: The estimate of Tr ρ², as its `energy`.
    """

    entropy: float
    error: float
    purity: Estimate

    def __str__(self) -> str:
        return f"S₂ = {self.entropy:.6g} ± {self.error:.1g}"


@validate_call
@torch.no_grad()
def swap_entropy(
    state: NeuralState, sites: Any, sampler: Sampler, *, sweeps: int | None = None
) -> SwapEstimate:
    """The entropy of order 2 of some sites by samples, where amplitudes are too many.

    Of two copies of the state the sites A are exchanged (Hastings, González, Kallin and
    Melko 2010, arXiv:1001.2335): the purity is the mean of
    ψ(t_A s_B) ψ(s_A t_B)/(ψ(s) ψ(t)) over independent s and t. These are chains of the
    first half and chains of the second. The spread of that ratio grows like exp S, and
    with it the samples that are needed.

    Args:
        state: The state.
        sites: The sites A, 0 … N−1.
        sampler: Where its configurations come from, with four chains or more. Where its
            chains keep the magnetisation, the state is what it is in that sector.
        sweeps: Configurations of each chain; None for the sampler's own number.

    Returns:
        The entropy, its error, and the purity.

    Raises:
        ArgumentError: There is no such site, none, or one twice; the sampler sums all
            configurations, or has too few chains; or what was found for the purity is
            not positive.
        ArgumentTypeError: What came is no sites.

    Example:
        >>> from qml_qdl.manybody import Metropolis, RBMState
        >>> seed = torch.Generator().manual_seed(0)
        >>> state = RBMState(40, dtype=torch.float64, scale=0.1, generator=seed)
        >>> sampler = Metropolis.flips(40, generator=seed)
        >>> print(swap_entropy(state, range(20), sampler, sweeps=4))
        S₂ = ...
    """
    region = _as_sites("sites", sites, state.num_sites)
    if sweeps is not None:
        check_count("sweeps", sweeps)
    samples = sampler.sample(state, sweeps)
    pairs = samples.chains // 2
    if samples.weights is not None or pairs < 2:
        raise ArgumentError(
            f"sampler: expected four chains or more, got {type(sampler).__name__} with "
            f"{samples.chains}; of states whose amplitudes can be listed, entropy "
            "finds the exact value"
        )
    chains = samples.spins.unflatten(0, (-1, samples.chains))
    first, second = (
        part.flatten(0, 1) for part in chains[:, : 2 * pairs].split(pairs, dim=1)
    )
    inside = torch.zeros(state.num_sites, dtype=torch.bool, device=first.device)
    inside[region] = True
    found = []
    for s, t in zip(first.split(ROWS_AT_ONCE), second.split(ROWS_AT_ONCE), strict=True):
        swapped = t.where(inside, s), s.where(inside, t)
        logs = [state(spins) for spins in (*swapped, s, t)]
        ratio = (logs[0] + logs[1] - logs[2] - logs[3]).exp()
        if isinstance(sampler, Metropolis) and sampler.conserving:
            # The network may have amplitudes there; the state of the chains has none.
            ratio = ratio.where(swapped[0].sum(1) == s.sum(1), 0)
        found.append(ratio)
    pair_samples = Samples(first, chains=pairs, acceptance=samples.acceptance)
    purity = Estimate.of(torch.cat(found).real, pair_samples)
    if not purity.energy > 0:
        raise ArgumentError(
            f"sweeps: the purity was found to be {purity.energy:.2g} ± "
            f"{purity.error:.1g}, which has no logarithm; take more sweeps or chains, "
            "or fewer sites"
        )
    return SwapEstimate(
        math.log(1 / purity.energy), purity.error / purity.energy, purity
    )
