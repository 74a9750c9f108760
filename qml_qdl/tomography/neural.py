"""Neural states as reconstructions: likelihoods of shots, and how they are fitted.

A density matrix is that of a neural state of n + a sites whose last a, the ancillas,
are traced out (Torlai and Melko, PRL 120, 240503 (2018), arXiv:1801.09684), perhaps
mixed with white noise. It is found from shots in Pauli bases by maximum likelihood
(Torlai et al., Nature Physics 14, 447 (2018), arXiv:1703.05334), with exact gradients,
and held back by a weight decay that other shots choose.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from typing import Any, final, get_args

import numpy as np
import pennylane as qml
import torch
from attrs import asdict, evolve, field, frozen
from attrs.validators import optional
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from qml_qdl.circuits.errors import (
    ArgumentError,
    DataError,
    MemoryBoundError,
    RunError,
    ShapeError,
)
from qml_qdl.circuits.validation import (
    MOST_SEED,
    check_choice,
    check_count,
    check_flag,
    check_number,
    checked,
    validate_call,
)
from qml_qdl.manybody.entanglement import state_vector
from qml_qdl.manybody.lattices import Lattice
from qml_qdl.manybody.named_states import STATES, Amplitudes, neural_state
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.problems import Problem, Symmetry
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.manybody.states.autoregressive import AutoregressiveState
from qml_qdl.manybody.states.combinations import Symmetrized
from qml_qdl.manybody.states.feed_forward import FeedForwardState
from qml_qdl.manybody.states.jastrow import JastrowState
from qml_qdl.manybody.states.state import (
    NeuralState,
    as_real,
    as_vector,
    doubled,
    seeded,
    set_vector,
)
from qml_qdl.models import AutoregressiveNetwork
from qml_qdl.tomography.density_matrix import TURNS, DensityMatrix
from qml_qdl.tomography.estimator import Estimator, Reconstruction
from qml_qdl.tomography.measurements import (
    LETTERS,
    MOST_DENSE_WIRES,
    Measurements,
    misread,
)

logger = logging.getLogger(__name__)

MOST_TURNED = 10
"""Letters X and Y of a basis in which an outcome's amplitude is summed term by term."""

_AT_ONCE = 2**22
"""Numbers that are made at once, about."""

_FIRST_NOISE = 0.01

_FLAT = 0.1
"""What is left of the last weights of a network that begins near equal amplitudes."""

_TOLERANCES = {"ftol": 1e-9, "gtol": 1e-7}


@validate_call
class NeuralDensity(nn.Module):
    """A density matrix by a neural state: ancillas traced out, mixed with white noise.

    ρ = (1 − ε) Σ_c `|ψ_c⟩⟨ψ_c|` + ε/2ⁿ, where `ψ_c(s) = ψ(s, c)`/norm for the 2ᵃ
    configurations c of the ancillas.

    Args:
        state: The state ψ of n + a sites.
        num_wires: n; the sites behind them are the ancillas. None for all sites.
        noise: Whether there is white noise, whose share ε is a parameter.

    Raises:
        ArgumentError: There are fewer sites than wires.

    Example:
        >>> from qml_qdl.manybody import RBMState
        >>> NeuralDensity(RBMState(5), 3).density_matrix()
        DensityMatrix(wires=3, rank=4)
    """

    def __init__(
        self, state: NeuralState, num_wires: int | None = None, *, noise: bool = False
    ) -> None:
        super().__init__()
        num_wires = state.num_sites if num_wires is None else num_wires
        check_count("num_wires", num_wires, 1, state.num_sites)
        self.state = state
        self.num_wires = num_wires
        self.logit: nn.Parameter | None = None
        if noise:
            first = math.log(_FIRST_NOISE / (1 - _FIRST_NOISE))
            self.logit = nn.Parameter(torch.tensor(first, dtype=state.dtype))

    @property
    def num_ancillas(self) -> int:
        """How many sites are traced out."""
        return self.state.num_sites - self.num_wires

    @property
    def noise(self) -> Tensor | None:
        """The share ε of white noise; None without."""
        return None if self.logit is None else self.logit.sigmoid()

    def factor(self) -> Tensor:
        """A of ρ = A A† without the noise, (2ⁿ, 2ᵃ), differentiable.

        Raises:
            MemoryBoundError: It does not fit into memory.
        """
        return state_vector(self.state).reshape(2**self.num_wires, -1)

    @torch.no_grad()
    def density_matrix(self) -> DensityMatrix:
        """The density matrix.

        Raises:
            MemoryBoundError: It does not fit into memory.
        """
        found = DensityMatrix.from_factor(self.factor().numpy())
        return found if self.noise is None else found.depolarised(float(self.noise))


@frozen(eq=False)
class _Halves:
    """Pairs of products of vectors, of the left and the right half of the wires.

    Args:
        left: Bundles of vectors of the left half, (l, p, 2ʰ).
        right: Those of the right half, (r, q, 2ⁿ⁻ʰ).
        left_of: Which left bundle each pair has, (pairs,).
        right_of: Which right one.
    """

    left: Tensor
    right: Tensor
    left_of: Tensor
    right_of: Tensor

    @classmethod
    def of(cls, symbols: NDArray[np.int64], vectors: Tensor) -> _Halves:
        """Halves of products that are given wire by wire.

        Args:
            symbols: Which bundle each wire of each pair has, (pairs, n).
            vectors: The bundles of one wire, (kinds, p, 2).
        """
        middle = (symbols.shape[1] + 1) // 2
        found = []
        for half in (symbols[:, :middle], symbols[:, middle:]):
            rows, of = np.unique(half, axis=0, return_inverse=True)
            wires = half.shape[1]
            check_memory(
                f"data: {len(rows):,} kinds of outcomes of {wires} wires",
                3 * 16 * len(rows) * 2**wires * vectors.shape[1] ** wires,
                "take fewer wires (Measurements.restricted), or fewer shots",
            )
            bundles = vectors.new_ones(len(rows), 1, 1)
            for kinds in torch.from_numpy(rows.T):
                bundles = torch.einsum("kpx,kqy->kpqxy", bundles, vectors[kinds])
                bundles = bundles.flatten(3, 4).flatten(1, 2)
            found.append((bundles, torch.from_numpy(of.reshape(-1))))
        (left, left_of), (right, right_of) = found
        return cls(left, right, left_of, right_of)

    def to(self, dtype: torch.dtype) -> _Halves:
        """The same in another precision."""
        return evolve(self, left=self.left.to(dtype), right=self.right.to(dtype))

    def lefts(self, factor: Tensor) -> Tensor:
        """`⟨l| A`, of all left bundles, (l, p, 2ⁿ⁻ʰ, c)."""
        matrix = factor.reshape(self.left.shape[2], self.right.shape[2], -1)
        return torch.einsum("lpx,xyc->lpyc", self.left, matrix.to(self.left))

    def amplitudes(self, table: Tensor, part: slice) -> Tensor:
        """`⟨l| ⊗ ⟨r| A` of some pairs, (pairs, p, q, c)."""
        rights = self.right[self.right_of[part]]
        return torch.einsum("bpyc,bqy->bpqc", table[self.left_of[part]], rights)

    def parts(self, columns: int) -> Iterator[slice]:
        """Parts of the pairs that are looked at together."""
        each = self.left.shape[1] * self.right[0].numel() * columns
        step = max(1, _AT_ONCE // each)
        for first in range(0, len(self.left_of), step):
            yield slice(first, first + step)


class _Overlaps(torch.autograd.Function):
    """Probabilities Σ_c `|⟨l| ⊗ ⟨r| A|²` of pairs, (pairs, p, q).

    A, (2ⁿ, c), is for each column a matrix of the configurations of the left half by
    those of the right, so that left vectors act on it but once. Of all pairs together
    only probabilities are kept; amplitudes are found again on the way back, where
    ∂p/∂A* = Σ `|l⟩ ⊗ |r⟩` times the amplitude.
    """

    @staticmethod
    def forward(ctx: Any, factor: Tensor, halves: _Halves) -> Tensor:
        """Probabilities."""
        ctx.save_for_backward(factor)
        ctx.halves = halves
        table = halves.lefts(factor)
        found = [
            halves.amplitudes(table, part).abs().square_().sum(-1)
            for part in halves.parts(factor.shape[1])
        ]
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The gradient by A."""
        (factor,) = ctx.saved_tensors
        halves: _Halves = ctx.halves
        table = halves.lefts(factor)
        found = torch.view_as_real(torch.zeros_like(table))
        for part in halves.parts(factor.shape[1]):
            own = halves.amplitudes(table, part).mul_(2 * gradient[part, ..., None])
            rights = halves.right[halves.right_of[part]].conj()
            back = torch.einsum("bpqc,bqy->bpyc", own, rights)
            found.index_add_(0, halves.left_of[part], torch.view_as_real(back))
        back = torch.view_as_complex(found)
        back = torch.einsum("lpyc,lpx->xyc", back, halves.left.conj())
        back = back.reshape(factor.shape)
        return (back if factor.is_complex() else back.real), None


class _Exact:
    """Logarithms of the probabilities of outcomes, from all amplitudes.

    Args:
        data: The measurements.
    """

    def __init__(self, data: Measurements) -> None:
        turns = torch.from_numpy(np.stack([TURNS[letter] for letter in LETTERS]))
        letters = _letters(data)
        self._confusion = data.confusion
        if data.confusion is None:
            symbols = 2 * letters[data.of] + data.outcomes
            self._halves = _Halves.of(symbols, turns.reshape(6, 1, 2))
            return
        # What is read may have been any outcome, so all of each basis are needed.
        data.check_dense(len(data.bases))
        self._halves = _Halves.of(letters, turns)
        self._read = torch.from_numpy(data.of), torch.from_numpy(data.codes)

    def __call__(self, model: NeuralDensity) -> Tensor:
        factor = model.factor()
        dtype = factor.dtype.to_complex()
        if self._halves.left.dtype != dtype:
            self._halves = self._halves.to(dtype)
        made: Any = _Overlaps  # whose apply has no types
        found: Tensor = made.apply(factor, self._halves).flatten(1)
        if model.noise is not None:
            found = (1 - model.noise) * found + model.noise / 2**model.num_wires
        if self._confusion is None:
            return found[:, 0].log()
        read: Tensor = misread(found, self._confusion)[self._read]
        return read.log()


class _TermByTerm:
    """Logarithms of the probabilities of outcomes, for states of norm 1.

    An outcome's amplitude is a sum over the configurations of the wires that its basis
    turns; the others are what was read. So there are 2ᵏ terms for k letters X and Y,
    however many wires there are.

    Args:
        data: The measurements, without errors of reading.
        ancillas: Sites behind the wires.
    """

    def __init__(self, data: Measurements, ancillas: int) -> None:
        turned = np.array([[letter != "Z" for letter in basis] for basis in data.bases])
        most = int(turned.sum(1).max())
        if most > MOST_TURNED:
            worst = data.bases[int(turned.sum(1).argmax())]
            raise MemoryBoundError(
                f"data: amplitudes of {data.num_wires} wires are summed over those "
                f"that a basis turns, at most {MOST_TURNED}, got {most} in {worst}; "
                f"take bases with more letters Z, or at most {MOST_DENSE_WIRES} wires "
                "(Measurements.restricted)"
            )
        rows, terms = len(data.outcomes), 2 ** (most + ancillas)
        check_memory(
            f"data: {rows:,} outcomes of {terms:,} terms",
            rows * terms * (4 * (data.num_wires + ancillas) + 32),
            "take bases with more letters Z, fewer ancillas or fewer shots",
        )
        letters = _letters(data)[data.of]
        # Wires that are turned come first; of what follows where there are fewer, only
        # one configuration has a weight.
        places = np.argsort(~turned, axis=1, kind="stable")[data.of, :most]
        patterns = (np.arange(2**most)[:, None] >> np.arange(most)[::-1]) & 1
        turns = np.stack([TURNS[letter] for letter in LETTERS])
        weights = np.ones((rows, 2**most), np.complex128)
        bits = np.repeat(data.outcomes[:, None], 2**most, axis=1)
        every = np.arange(rows)
        for turn, place in enumerate(places.T):
            kind, read = letters[every, place], data.outcomes[every, place]
            weights *= turns[kind, read][:, patterns[:, turn]]
            bits[every, :, place] = patterns[:, turn]
        hidden = (np.arange(2**ancillas)[:, None] >> np.arange(ancillas)[::-1]) & 1
        whole = np.concatenate(
            [
                np.repeat(bits[:, :, None], 2**ancillas, axis=2),
                np.broadcast_to(hidden, (rows, 2**most, *hidden.shape)),
            ],
            axis=3,
        ).astype(np.uint8)
        # Terms of no weight are asked of no state, those that occur twice but once.
        there = np.broadcast_to((weights != 0)[:, :, None], whole.shape[:3])
        found, of = np.unique(whole[there], axis=0, return_inverse=True)
        index = np.zeros(whole.shape[:3], np.int64)
        index[there] = of.reshape(-1)
        self._spins = torch.from_numpy(1.0 - 2.0 * found)
        self._index = torch.from_numpy(index)
        self._weights = torch.from_numpy(weights)

    def __call__(self, model: NeuralDensity) -> Tensor:
        """Logarithms of probabilities, (k,)."""
        log = model.state(self._spins.to(model.state.dtype))
        terms = log.to(log.dtype.to_complex())[self._index]  # (k, 2ᵏ, 2ᵃ)
        # Of the largest only logarithms can be held where there are many wires.
        most = terms.real.detach().amax((1, 2), keepdim=True)
        weights = self._weights.to(terms)[:, :, None]
        sums = ((terms - most).exp() * weights).sum(1)
        found: Tensor = sums.abs().square().sum(1).log() + 2 * most[:, 0, 0]
        if model.noise is None:
            return found
        white = model.noise.log() - model.num_wires * math.log(2)
        return torch.logaddexp((1 - model.noise).log() + found, white.expand_as(found))


def _letters(data: Measurements) -> NDArray[np.int64]:
    """Numbers of the letters of each basis, (bases, n)."""
    found = [[LETTERS.index(letter) for letter in basis] for basis in data.bases]
    return np.array(found)


@validate_call
class ShotLikelihood:
    """The likelihood of measurements, given what a neural state makes of them.

    Up to `MOST_DENSE_WIRES` wires it comes from all amplitudes; errors of reading that
    the measurements tell of are in it. Of more wires it is that of states with norm 1,
    autoregressive ones, whose amplitudes are summed over the wires that a basis turns.

    Args:
        data: The measurements.

    Example:
        >>> from qml_qdl.manybody import RBMState
        >>> data = Measurements.from_counts({"X": {"0": 3, "1": 1}}, order="first")
        >>> model = NeuralDensity(RBMState(1, scale=0.1))
        >>> chances = ShotLikelihood(data).log_probabilities(model).exp()
        >>> f"{float(chances.detach().sum()):.3f}"
        '1.000'
    """

    def __init__(self, data: Measurements) -> None:
        self.data = data
        self.counts = torch.from_numpy(data.counts).double()
        self._ways: dict[int, Callable[[NeuralDensity], Tensor]] = {}

    def log_probabilities(self, model: NeuralDensity) -> Tensor:
        """Logarithms of the probabilities of the outcomes that occurred, (k,).

        Args:
            model: The density matrix.

        Raises:
            MemoryBoundError: There are too many wires for this state, or these bases.
            ShapeError: The measurements are of other wires.
        """
        data = self.data
        if model.num_wires != data.num_wires:
            raise ShapeError(
                f"data: expected measurements of {model.num_wires} wires as the model "
                f"has, got {data.num_wires}"
            )
        key = -1 if data.num_wires <= MOST_DENSE_WIRES else model.num_ancillas
        if key not in self._ways:
            self._ways[key] = _Exact(data) if key < 0 else self._summed(model)
        return self._ways[key](model)

    def _summed(self, model: NeuralDensity) -> Callable[[NeuralDensity], Tensor]:
        if not isinstance(model.state, AutoregressiveState):
            raise MemoryBoundError(
                f"state: the norm of {type(model.state).__name__} takes all amplitudes "
                f"of {self.data.num_wires} wires, at most {MOST_DENSE_WIRES}; use an "
                "autoregressive state, or Measurements.restricted"
            )
        if self.data.confusion is not None:
            raise MemoryBoundError(
                f"data: errors of reading take all outcomes of {self.data.num_wires} "
                f"wires, at most {MOST_DENSE_WIRES}; use Measurements.restricted"
            )
        return _TermByTerm(self.data, model.num_ancillas)

    def __call__(self, model: NeuralDensity, counts: Tensor | None = None) -> Tensor:
        """The mean negative log-likelihood of a shot.

        Args:
            model: The density matrix.
            counts: How often each outcome counts, (k,); None for all shots.

        Returns:
            A number, differentiable by the model's parameters.
        """
        counts = self.counts if counts is None else counts
        used = counts.nonzero()[:, 0]  # or 0 · log 0 would be no number
        log = self.log_probabilities(model)[used]
        return -(counts[used].to(log) @ log) / counts.sum()


@validate_call
class Folds:
    """Models that learn from all shots but one fold each, and one that learns from all.

    A decay draws each of them back to where it began: the strength is the inverse
    variance of a normal prior, which does not depend on the number of shots. It begins
    strong and becomes weaker epoch by epoch, each of which goes on where the last one
    ended; the mean likelihood of the folds that were held out tells the best one. Every
    step takes one model to its minimum, by L-BFGS with exact gradients of all shots.

    Args:
        model: The density matrix, where all begin.
        data: The measurements.
        folds: How many parts the shots have.
        strongest: The decay of the first epoch.
        ratio: Of an epoch's decay to the one before, between 0 and 1.
        iterations: Of L-BFGS in one step, at most.
        seed: Which shot is in which fold.

    Raises:
        ArgumentError: A number cannot be used, or the model cannot learn from these
            measurements.
        DataError: The model gives what occurred no chance, or there are fewer shots
            than folds.
        MemoryBoundError: As `ShotLikelihood` says.
        ShapeError: The model has other wires.

    Example:
        >>> from qml_qdl.manybody import RBMState
        >>> data = DensityMatrix([3, 4]).sample(["X", "Z"], 1000, seed=0)
        >>> _ = torch.manual_seed(0)
        >>> model = NeuralDensity(RBMState(1, dtype=torch.float64))
        >>> strength, loss = Folds(model, data).run(epochs=10)
        >>> model.density_matrix().fidelity(DensityMatrix([3, 4])) > 0.999
        True
    """

    def __init__(
        self,
        model: NeuralDensity,
        data: Measurements,
        *,
        folds: int = 4,
        strongest: float = 1000.0,
        ratio: float = 10**-0.5,
        iterations: int = 60,
        seed: int = 0,
    ) -> None:
        check_count("folds", folds, 2)
        check_number("strongest", strongest)
        check_number("ratio", ratio, 0, 1)
        check_count("iterations", iterations)
        check_count("seed", seed, 0, MOST_SEED)
        if data.total_shots < folds:
            raise DataError(
                f"folds: expected at most as many as there are shots, got {folds} for "
                f"{data.total_shots}"
            )
        undetermined(model, data)
        self.model = model
        self.likelihood = ShotLikelihood(data)
        self.strongest, self.ratio, self.iterations = strongest, ratio, iterations
        self.start = as_vector(model)
        self.vectors = self.start.repeat(folds + 1, 1)
        self.done = 0
        self.converged = False
        self.deal(seed)
        # The share of white noise is not drawn anywhere.
        drawn = sum(as_real(each).numel() for each in model.state.parameters())
        self._drawn = (torch.arange(len(self.start)) < drawn).double()
        if not self.loss().isfinite():
            raise DataError(
                "data: an outcome occurred that the state makes impossible; take other "
                "symmetries, or allow for noise"
            )

    def deal(self, seed: int) -> None:
        """Deals the shots out to the folds.

        Args:
            seed: Which shot is in which.
        """
        folds = len(self) - 1
        self._held = torch.from_numpy(dealt(self.likelihood.data, folds, seed)).double()
        every = self._held.sum(0)
        self._counts = torch.cat([every - self._held, every[None]])

    @property
    def strength(self) -> float:
        """The decay of the epoch that is made or was made last."""
        return self.strongest * self.ratio ** (max(0, self.done - 1) // len(self))

    def __len__(self) -> int:
        """Steps of an epoch: the folds, and all shots together."""
        return len(self.vectors)

    def step(self) -> float:
        """Takes the next model to its minimum; the last of an epoch has all shots.

        Returns:
            The mean negative log-likelihood of the shots that it learnt from.
        """
        member = self.done % len(self)
        self.done += 1
        counts = self._counts[member]
        decay = self.strength * self._drawn / counts.sum()
        parameters = list(self.model.parameters())

        def objective(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            vector = torch.from_numpy(point)
            set_vector(self.model, vector)
            loss = self.likelihood(self.model, counts)
            slopes = torch.autograd.grad(loss, parameters)
            slope = torch.cat([as_real(each).flatten().double() for each in slopes])
            off = vector - self.start
            value = float(loss.detach()) + float(decay @ off.square()) / 2
            return value, (slope + decay * off).numpy()

        # So few numbers are not worth a thread, and threads that wait take the time.
        with threadpool_limits(1, "blas"):
            result = minimize(
                objective,
                self.vectors[member].numpy(),
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": self.iterations, "maxcor": 20, **_TOLERANCES},
            )
        self.converged = bool(result.success)
        self.vectors[member] = torch.from_numpy(result.x)
        set_vector(self.model, self.vectors[member])
        return float(self.loss(counts))

    @torch.no_grad()
    def loss(self, counts: Tensor | None = None) -> Tensor:
        """The mean negative log-likelihood of shots, given the model as it is.

        Args:
            counts: How often each outcome counts, (k,); None for all shots.
        """
        return self.likelihood(self.model, counts)

    def held_out(self) -> float:
        """The mean negative log-likelihood of shots, given who did not learn from them.

        The model is that of all shots afterwards.
        """
        total = 0.0
        for vector, counts in zip(self.vectors, self._held, strict=False):
            set_vector(self.model, vector)
            total += float(self.loss(counts) * counts.sum())
        set_vector(self.model, self.vectors[-1])
        return total / float(self._counts[-1].sum())

    def run(self, epochs: int = 12, patience: int = 3) -> tuple[float, float]:
        """Makes epochs; the model is then that of all shots in the best of them.

        Args:
            epochs: How many, at most.
            patience: Stops after so many that are not better than the best.

        Returns:
            The decay of the best epoch, and the mean negative log-likelihood of shots
            that were held out.
        """
        check_count("epochs", epochs)
        check_count("patience", patience)
        best, chosen, kept, since = math.inf, self.strength, self.vectors[-1], 0
        for _ in range(epochs):
            for _ in range(len(self)):
                self.step()
            found, since = self.held_out(), since + 1
            if found < best:
                best, chosen, since = found, self.strength, 0
                kept = self.vectors[-1].clone()
            if since == patience:
                break
        set_vector(self.model, kept)
        return chosen, best

    def state_dict(self) -> dict[str, Any]:
        """All that has to be kept to go on bit for bit."""
        return {"done": self.done, "start": self.start, "vectors": self.vectors}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Goes on from there.

        Args:
            kept: What `state_dict` returned.

        Raises:
            RunError: It is of another model, or another number of folds.
        """
        if kept["vectors"].shape != self.vectors.shape:
            raise RunError(
                f"folds: the checkpoint has {len(kept['vectors'])} models of "
                f"{kept['vectors'].shape[1]} numbers, expected {len(self)} of "
                f"{self.vectors.shape[1]}; resume with the same options"
            )
        self.done, self.start = kept["done"], kept["start"]
        self.vectors = kept["vectors"].clone()


def undetermined(model: NeuralDensity, data: Measurements) -> str:
    """What bases leave open that a model has to learn.

    Args:
        model: The density matrix.
        data: The measurements.

    Returns:
        A sentence; empty where nothing is left open for want of letters.

    Raises:
        DataError: All shots are along Z, which phases do not change.
    """
    if not has_phases(model):
        return ""
    there = [set(letters) for letters in zip(*data.bases, strict=True)]
    fixed = [wire for wire, found in enumerate(there) if found == {"Z"}]
    if len(fixed) == data.num_wires:
        raise DataError(
            f"data: phases cannot be learnt from the basis {data.bases[0]} alone; "
            "measure along X and Y too, or use positive amplitudes"
        )
    if fixed:
        wires = ", ".join(str(data.wires[wire]) for wire in fixed)
        return (
            f"no basis has X or Y on the wires {wires}, so that phases between their "
            "bits are not told"
        )
    if not any("Y" in found for found in there):
        return "no basis has a Y, so that a state and its complex conjugate are alike"
    return ""


@torch.no_grad()
def has_phases(model: NeuralDensity) -> bool:
    """Whether amplitudes are complex.

    Args:
        model: The density matrix.
    """
    spins = torch.ones(1, model.state.num_sites, dtype=model.state.dtype)
    log: Tensor = model.state(spins)
    return log.is_complex()


def dealt(data: Measurements, folds: int, seed: int) -> NDArray[np.int64]:
    """Deals shots out to folds.

    Shuffled bases, and in each its shots, are dealt out in turn, so that folds have as
    many of each as can be, also where a basis has a single shot.

    Args:
        data: The measurements.
        folds: How many folds.
        seed: Where random numbers begin.

    Returns:
        How often each outcome is in each fold, (folds, k).
    """
    generator = np.random.default_rng(seed)
    shots = np.repeat(np.arange(len(data.counts)), data.counts)
    place = generator.permutation(len(data.bases))[data.of[shots]]
    shots = shots[np.lexsort((generator.random(len(shots)), place))]
    found = np.zeros((folds, len(data.counts)), np.int64)
    np.add.at(found, (np.arange(len(shots)) % folds, shots), 1)
    return found


KINDS = tuple(name for name in STATES if "circuit" not in name)
"""Neural states by name that need no Hamiltonian."""


@validate_call
def neural_density(
    data: Measurements,
    *,
    state: str = "rbm",
    amplitudes: Amplitudes | None = None,
    alpha: int | None = None,
    layers: int | None = None,
    width: int | None = None,
    ancillas: int = 0,
    noise: bool = False,
    symmetry: Symmetry = "none",
    spin_flip: int | None = None,
    periodic: bool = False,
    lattice: Lattice | None = None,
    **options: Any,
) -> NeuralDensity:
    """A neural density matrix for measurements, by the name of its state.

    Args:
        data: What it is to learn from.
        state: Its kind: rbm, jastrow, jastrow_rbm (the product of both),
            autoregressive, feed_forward, gcnn (group-convolutional) or vit (a
            transformer).
        amplitudes: positive or complex; None for complex where a basis has X or Y.
        alpha: Hidden units of an RBM for each site; rows of weights where it is
            symmetrised. None for the state's own number.
        layers: Of a network. None for the state's own number.
        width: Units of each site in each layer of an autoregressive state. None for its
            own number.
        ancillas: Sites behind the wires that are traced out, so that the state is mixed
            of 2ᵃ at most.
        noise: Whether it is mixed with white noise, whose share is learnt.
        symmetry: Under which permutations of wires amplitudes are the same: all of the
            lattice, its translations, or none.
        spin_flip: 1 for amplitudes that stay if all bits are turned, −1 for those that
            change their sign; None for neither.
        periodic: Whether the wires are a ring, and not an open chain.
        lattice: The lattice of the wires, in place of the chain.
        **options: Further arguments of the state; see `qml_qdl.manybody.neural_state`.

    Returns:
        The density matrix, with torch's default type. Of circuits and other states
        make a `NeuralDensity`.

    Raises:
        ArgumentError: There is no such state or option, or it cannot be symmetrised as
            asked.

    Example:
        >>> data = DensityMatrix([1, 0, 0, 1]).sample(["XX", "YY", "ZZ"], 10, seed=0)
        >>> neural_density(data, ancillas=1, noise=True).num_ancillas
        1
    """
    check_choice("state", state, KINDS)
    check_choice("symmetry", symmetry, get_args(Symmetry))
    check_count("ancillas", ancillas, 0)
    sites = data.num_wires + ancillas
    if ancillas and (symmetry != "none" or lattice is not None):
        raise ArgumentError(
            "ancillas: permutations of wires leave no place for them, got "
            f"{ancillas} and symmetry={symmetry!r}; leave one of them out"
        )
    if lattice is None:
        lattice = Lattice.chain(sites, periodic=periodic)
    # A field along X has every symmetry that its lattice can have.
    field = SpinOperator.of(qml.sum(*(-qml.X(site) for site in range(sites))), sites)
    if amplitudes is None:
        turned = any(set(basis) != {"Z"} for basis in data.bases)
        amplitudes = "complex" if turned else "positive"
    # Where all bits may be turned weights can still be tied by the permutations, which
    # leaves fewer of them than a projection.
    tied = spin_flip == 1 and state != "autoregressive"
    found = neural_state(
        Problem(field, lattice, "measurements", spin_flip=None if tied else spin_flip),
        state=state,
        alpha=alpha,
        layers=layers,
        width=width,
        symmetry=symmetry,
        amplitudes=amplitudes,
        **options,
    )
    if tied and not isinstance(found, JastrowState):  # which is even
        found = Symmetrized(found, spin_flip=1)
    with torch.no_grad():
        # Networks begin near equal amplitudes, to which the decay draws them.
        for part in found.modules():
            if isinstance(part, AutoregressiveNetwork):
                part.weights[-1].mul_(_FLAT)
            if isinstance(part, FeedForwardState):
                last: Any = part.layers[-1]
                last.weight.mul_(_FLAT)
    return NeuralDensity(found, data.num_wires, noise=noise)


@final
@validate_call
@frozen(eq=False, kw_only=True)
class NeuralTomography(Estimator):
    """A neural density matrix, with a decay that held-out shots choose; see `Folds`.

    Args:
        state: Its kind, as `neural_density` has it, as all up to `periodic`.
        amplitudes: positive or complex; None for complex where a basis has X or Y.
        alpha: Hidden units of an RBM for each site; None for the state's own number.
        ancillas: Sites that are traced out.
        noise: Whether there is white noise, whose share is learnt.
        symmetry: Of the amplitudes: all of the chain, its translations, or none.
        spin_flip: What turning all bits does to them: 1, −1, or None for neither.
        periodic: Whether the wires are a ring.
        folds: How many parts the shots have.
        epochs: Strengths of the decay, at most.
        restarts: Trainings from other initial weights, of which that with the best
            held-out likelihood is taken.
        seed: Seeds initial weights and folds; torch's generator stays as it is.

    Example:
        >>> data = DensityMatrix([1, 0, 0, 1j]).sample(["XX", "XY", "ZZ"], 200, seed=0)
        >>> found = NeuralTomography(alpha=2).fit(data)
        >>> found.state.fidelity(DensityMatrix([1, 0, 0, 1j])) > 0.98
        True
        >>> sorted(found.chosen)
        ['decay', 'held-out NLL', 'seed']
    """

    state: str = field(default="rbm", validator=checked(check_choice, KINDS))
    amplitudes: Amplitudes | None = None
    alpha: int | None = field(default=None, validator=optional(checked(check_count)))
    ancillas: int = field(default=0, validator=checked(check_count, 0))
    noise: bool = field(default=False, validator=checked(check_flag))
    symmetry: Symmetry = "none"
    spin_flip: int | None = None
    periodic: bool = field(default=False, validator=checked(check_flag))
    folds: int = field(default=4, validator=checked(check_count, 2))
    epochs: int = field(default=12, validator=checked(check_count))
    restarts: int = field(default=1, validator=checked(check_count))
    seed: int = field(default=0, validator=checked(check_count, 0, MOST_SEED))

    def fit(self, data: Measurements) -> Reconstruction:
        """Finds a state.

        Args:
            data: The measurements.

        Returns:
            The state, with the decay, the negative log-likelihood of a held-out shot
            and the seed that were best.

        Raises:
            ArgumentError: An option does not fit.
            DataError: All shots are along Z, and amplitudes are to be complex.
            MemoryBoundError: There are too many wires.
        """
        names = ("folds", "epochs", "restarts", "seed")
        asked = asdict(self, filter=lambda each, _: each.name not in names)
        best, model, converged = {"held-out NLL": math.inf}, None, False
        for seed in range(self.seed, self.seed + self.restarts):
            with seeded(torch.Generator().manual_seed(seed)):
                own = doubled(neural_density(data, **asked))
            folds = Folds(own, data, folds=self.folds, seed=seed)
            if seed == self.seed and (left_open := undetermined(own, data)):
                logger.warning("%s", left_open)
            strength, loss = folds.run(self.epochs)
            if loss < best["held-out NLL"]:
                best = {"decay": strength, "held-out NLL": loss, "seed": seed}
                model, converged = own, folds.converged
        assert model is not None  # whose loss was finite where it began
        return Reconstruction(model.density_matrix(), best, converged)
