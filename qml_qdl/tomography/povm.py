"""Networks that learn outcomes of a POVM: transformers and recurrent ones.

A wire that is read in a random one of X, Y and Z gives one of six symbols, X+, X−, Y+,
Y−, Z+ and Z−: the outcomes of a POVM whose probabilities determine the state
(Carrasquilla et al. 2019, arXiv:1810.10584). What learns their distribution is a model
of the state without being one: nothing makes it positive.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import log_softmax, one_hot

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.circuits.validation import (
    check_choice,
    check_count,
    check_number,
    check_seed,
    checked,
    validate_call,
)
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.manybody.states.state import seeded
from qml_qdl.tomography.born_rule import pauli_sum
from qml_qdl.tomography.density_matrix import DensityMatrix
from qml_qdl.tomography.estimator import Estimator, Reconstruction
from qml_qdl.tomography.measurements import (
    LETTERS,
    Measurements,
    as_confusion,
    misread,
    pauli_bases,
)
from qml_qdl.tomography.shadows import PauliShadow, responses, symbols_of, word_sums

SYMBOLS = 6
"""X+, X−, Y+, Y−, Z+ and Z−: twice the letter's number, and the bit."""

HELD_OUT = 0.1
"""The share of the shots that training does not see."""

WAITS = 10
"""Epochs without progress on those after which training ends."""


class SymbolModel(nn.Module, ABC):
    """A distribution of rows of symbols: p(a) = Π p(aᵢ | a₁ … aᵢ₋₁).

    Args:
        num_wires: The length n of the rows.

    ---- to be implemented: `forward` ----
    """

    def __init__(self, num_wires: int) -> None:
        super().__init__()
        check_count("num_wires", num_wires)
        self.num_wires = num_wires

    @abstractmethod
    def forward(self, symbols: Tensor) -> Tensor:
        """Unnormalised logarithms of the probabilities of each symbol.

        Args:
            symbols: (rows, k), 0 … 5, the first k of each row.

        Returns:
            (rows, k + 1, 6), of each symbol given those before it; of the last wire
            where k = n it gives nothing.
        """

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def log_prob(self, symbols: Tensor) -> Tensor:
        """Logarithms of probabilities.

        Args:
            symbols: (rows, n), whole numbers 0 … 5.

        Returns:
            (rows,).

        Raises:
            DataError: Some are no symbols.
            ShapeError: Rows have another length.
        """
        if symbols.ndim != 2 or symbols.shape[1] != self.num_wires:
            raise ShapeError(
                f"symbols: expected shape (rows, {self.num_wires}), got "
                f"{tuple(symbols.shape)}"
            )
        whole = symbols.to(self.device, torch.int64)
        if not ((whole >= 0) & (whole < SYMBOLS) & (whole == symbols)).all():
            raise DataError("symbols: expected whole numbers 0 … 5, got others")
        terms = log_softmax(self(whole[:, :-1]), dim=2)
        return terms.gather(2, whole[..., None])[..., 0].sum(1)

    @torch.no_grad()
    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Independent rows of symbols.

        Args:
            rows: How many.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, n), 0 … 5.
        """
        check_count("rows", rows)
        symbols = torch.empty(rows, 0, dtype=torch.int64, device=self.device)
        for _ in range(self.num_wires):
            chances = self(symbols)[:, -1].softmax(1)
            drawn = torch.multinomial(chances, 1, generator=generator)
            symbols = torch.cat([symbols, drawn], dim=1)
        return symbols

    def measurements(
        self,
        shots: int,
        confusion: Any = None,
        generator: torch.Generator | None = None,
    ) -> Measurements:
        """Shots of the model, as if a machine had taken them.

        With a `PauliShadow` of these come expectation values: its inverse is the dual
        frame of the POVM.

        Args:
            shots: How many.
            confusion: How each wire is misread in the data that were learnt from.
            generator: Random numbers; None for torch's own.

        Returns:
            The measurements, each shot in a basis of its own.
        """
        drawn = self.sample(shots, generator).cpu().numpy()
        rows, counts = np.unique(drawn, axis=0, return_counts=True)
        letters, of = np.unique(rows // 2, axis=0, return_inverse=True)
        words = ["".join(LETTERS[letter] for letter in row) for row in letters]
        return Measurements(
            words, rows % 2, of.reshape(-1), counts, self.num_wires, confusion
        )

    @torch.no_grad()
    def probabilities(self) -> NDArray[np.float64]:
        """Probabilities of all rows of symbols, (6ⁿ,).

        Raises:
            MemoryBoundError: They do not fit into memory.
        """
        size = SYMBOLS**self.num_wires
        check_memory(
            f"model: probabilities of all symbols of {self.num_wires} wires",
            8 * size * self.num_wires,
            "take samples instead",
        )
        codes = np.indices((SYMBOLS,) * self.num_wires).reshape(self.num_wires, -1).T
        every = torch.from_numpy(np.ascontiguousarray(codes))
        parts = [self.log_prob(part).double().exp() for part in every.split(2**13)]
        return torch.cat(parts).cpu().numpy()


class SymbolTransformer(SymbolModel):
    """A transformer whose attention looks back only.

    Args:
        num_wires: The length n of the rows.
        layers: Blocks of attention and a network of one hidden layer.
        embed_dim: Numbers for each wire, a multiple of `heads`.
        heads: Heads of the attention.
        generator: Random numbers for the initial weights; None for torch's own.
        device: Where the weights are.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Input: (rows, k), symbols 0 … 5, k < n.
        - Output: (rows, k + 1, 6).

    Raises:
        ArgumentError: A number cannot be used.

    Example:
        >>> import torch
        >>> model = SymbolTransformer(3, generator=torch.Generator().manual_seed(0))
        >>> round(float(model.probabilities().sum()), 5)
        1.0
    """

    @validate_call
    def __init__(
        self,
        num_wires: int,
        *,
        layers: int = 2,
        embed_dim: int = 32,
        heads: int = 4,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(num_wires)
        check_count("layers", layers)
        check_count("embed_dim", embed_dim)
        check_count("heads", heads)
        if embed_dim % heads:
            raise ArgumentError(
                f"embed_dim: expected a multiple of the {heads} heads, got {embed_dim}"
            )
        with seeded(generator):
            self.begin = nn.Parameter(torch.randn(embed_dim) / embed_dim**0.5)
            self.symbols = nn.Embedding(SYMBOLS, embed_dim)
            self.places = nn.Parameter(torch.randn(num_wires, embed_dim) / 2)
            self.blocks = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(
                    embed_dim,
                    heads,
                    2 * embed_dim,
                    dropout=0.0,
                    activation="gelu",
                    batch_first=True,
                    norm_first=True,
                ),
                layers,
                norm=nn.LayerNorm(embed_dim),
                enable_nested_tensor=False,
            )
            self.last = nn.Linear(embed_dim, SYMBOLS)
        self.to(device, dtype)

    def forward(self, symbols: Tensor) -> Tensor:
        """Logarithms of each symbol's probabilities, given those before it."""
        first = self.begin.expand(len(symbols), 1, -1)
        rows = torch.cat([first, self.symbols(symbols)], dim=1)
        size = rows.shape[1]
        later = torch.ones(size, size, dtype=torch.bool, device=rows.device).triu(1)
        found: Tensor = self.last(self.blocks(rows + self.places[:size], mask=later))
        return found


class SymbolRNN(SymbolModel):
    """A recurrent network of gated units (GRU), as in the first work on the subject.

    Args:
        num_wires: The length n of the rows.
        layers: Layers of units.
        width: Units of each.
        generator: Random numbers for the initial weights; None for torch's own.
        device: Where the weights are.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Input: (rows, k), symbols 0 … 5, k < n.
        - Output: (rows, k + 1, 6).

    Raises:
        ArgumentError: A number cannot be used.

    Example:
        >>> import torch
        >>> SymbolRNN(3).sample(2, torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3])
    """

    @validate_call
    def __init__(
        self,
        num_wires: int,
        *,
        layers: int = 1,
        width: int = 64,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(num_wires)
        check_count("layers", layers)
        check_count("width", width)
        with seeded(generator):
            self.units = nn.GRU(SYMBOLS, width, layers, batch_first=True)
            self.last = nn.Linear(width, SYMBOLS)
        self.to(device, dtype)

    def forward(self, symbols: Tensor) -> Tensor:
        """Logarithms of each symbol's probabilities, given those before it."""
        known = one_hot(symbols, SYMBOLS).to(self.last.weight)
        begin = known.new_zeros(len(known), 1, SYMBOLS)
        found, _ = self.units(torch.cat([begin, known], dim=1))
        logits: Tensor = self.last(found)
        return logits


MODELS = {"transformer": SymbolTransformer, "rnn": SymbolRNN}


def _check_seed(_: Any, __: Any, seed: int | None) -> None:
    check_seed(seed)


@validate_call
@frozen
class POVMEstimator(Estimator):
    """Learns the distribution of the symbols by likelihood, and inverts it.

    Training ends where a tenth of the shots, which it does not see, is no longer better
    explained, and keeps the weights of the best epoch. `fit` inverts the whole
    distribution, of few wires, and takes the nearest state; how negative the inverse
    was is in `chosen`. Of more wires `train` gives the model, and its `measurements`
    expectation values. The data must be of bases that tell all Pauli words, best of
    random ones.

    Args:
        model: "transformer" or "rnn".
        epochs: At most so many passes over the shots.
        batch_size: Shots of a step.
        learning_rate: Adam's step size.
        seed: Where random numbers begin; None for others each time.
        tell: Called after each epoch with its number and the mean negative
            log-likelihood of the shots held out, in nats.

    Example:
        >>> bell = DensityMatrix([1, 0, 0, 1])
        >>> data = bell.sample(pauli_bases(2), 200, seed=0)
        >>> found = POVMEstimator("rnn", epochs=30, seed=0).fit(data)
        >>> found.state.fidelity(bell) > 0.8
        True
    """

    model: str = field(
        default="transformer", validator=checked(check_choice, tuple(MODELS))
    )
    epochs: int = field(default=100, validator=checked(check_count))
    batch_size: int = field(default=256, validator=checked(check_count))
    learning_rate: float = field(default=3e-3, validator=checked(check_number))
    seed: int | None = field(default=None, validator=_check_seed)
    tell: Callable[[int, float], None] | None = None

    def train(self, data: Measurements) -> SymbolModel:
        """Learns the distribution of what was read, errors of reading and all.

        Args:
            data: The measurements.

        Returns:
            The model of the epoch that explains the shots held out best.

        Raises:
            DataError: There are too few shots to hold some out.
        """
        found, _ = self._trained(data)
        return found

    def _trained(self, data: Measurements) -> tuple[SymbolModel, float]:
        generator = torch.Generator()
        generator.manual_seed(int(Seeds(self.seed).next().integers(2**62)))
        model = MODELS[self.model](data.num_wires, generator=generator)
        shots = np.repeat(symbols_of(data), data.counts, axis=0)
        order = torch.randperm(len(shots), generator=generator)
        rows = torch.from_numpy(shots.astype(np.int64))[order]
        held = int(len(rows) * HELD_OUT)
        if not held:
            raise DataError(
                f"data: expected at least {round(1 / HELD_OUT)} shots, a tenth of "
                f"which are held out, got {len(rows)}"
            )
        judged, seen = rows[:held], rows[held:]
        adam = torch.optim.Adam(model.parameters(), self.learning_rate)
        best, kept, last = np.inf, model.state_dict(), 0
        for epoch in range(1, self.epochs + 1):
            shuffled = seen[torch.randperm(len(seen), generator=generator)]
            for batch in shuffled.split(self.batch_size):
                adam.zero_grad()
                loss = -model.log_prob(batch).mean()
                loss.backward()
                adam.step()
            with torch.no_grad():
                parts = [model.log_prob(part).sum() for part in judged.split(2**13)]
            nats = -float(torch.stack(parts).sum()) / held
            if self.tell is not None:
                self.tell(epoch, nats)
            if nats < best:
                best, last = nats, epoch
                kept = {k: v.clone() for k, v in model.state_dict().items()}
            elif epoch - last >= WAITS:
                break
        model.load_state_dict(kept)
        return model, best

    def fit(self, data: Measurements) -> Reconstruction:
        """Learns the distribution, and takes the state nearest to its inverse.

        Args:
            data: The measurements.

        Returns:
            The state; `chosen` has "held_out", the mean negative log-likelihood of the
            shots held out in nats, and "lowest", the lowest eigenvalue of the inverse.

        Raises:
            DataError: Bases do not tell all Pauli words, or shots are too few.
            MemoryBoundError: There are too many wires.
        """
        PauliShadow(data).state()  # refuses what cannot be inverted before training
        model, nats = self._trained(data)
        shape = (SYMBOLS,) * data.num_wires
        chances = model.probabilities().reshape(shape)
        answers = responses(data.num_wires, data.confusion)
        # As for shots: words are means over the bases that tell them.
        means = word_sums(chances, answers)
        means /= word_sums(chances, (answers != 0).astype(np.float64))
        inverse = pauli_sum(means.ravel()) / 2**data.num_wires
        lowest = float(np.linalg.eigvalsh(inverse)[0])
        chosen = {"held_out": nats, "lowest": lowest}
        return Reconstruction(DensityMatrix.nearest(inverse), chosen)


@validate_call
def povm_probabilities(
    state: DensityMatrix, confusion: Any = None
) -> NDArray[np.float64]:
    """Exact probabilities of all rows of symbols, where bases are uniformly random.

    Args:
        state: The state.
        confusion: How each wire is misread, as in `Measurements`.

    Returns:
        (6ⁿ,), the first wire's symbol leading.

    Raises:
        ArgumentError: There are more than 10 wires.
        MemoryBoundError: They do not fit into memory.

    Example:
        >>> povm_probabilities(DensityMatrix([1, 0])).round(3)
        array([0.167, 0.167, 0.167, 0.167, 0.333, 0.   ])
    """
    size, given = state.num_wires, as_confusion(confusion)
    if given is not None and len(given) != size:
        raise ShapeError(f"confusion: expected {size} matrices, got {len(given)}")
    check_memory(
        f"state: probabilities of all symbols of {size} wires",
        3 * 8 * SYMBOLS**size,
        "take fewer wires",
    )
    table = misread(state.probabilities(pauli_bases(size)), given) / 3**size
    pairs = np.arange(2 * size).reshape(2, size).T.ravel()
    shaped = table.reshape((3,) * size + (2,) * size)
    found: NDArray[np.float64] = shaped.transpose(pairs).ravel()
    return found


@validate_call
def classical_fidelity(probabilities: Any, others: Any) -> float:
    """The fidelity (Σ √(pq))² of two distributions.

    Of the outcomes of a measurement it is at least that of the two states, which a
    model of outcomes alone therefore does not certify.

    Args:
        probabilities: p, of any shape.
        others: q, of the same.

    Returns:
        0 … 1.

    Raises:
        ArgumentError: They are no distributions.
        ShapeError: Shapes differ.

    Example:
        >>> round(classical_fidelity([0.5, 0.5], [1.0, 0.0]), 4)
        0.5
    """
    first, second = np.asarray(probabilities, float), np.asarray(others, float)
    if first.shape != second.shape:
        raise ShapeError(f"others: expected shape {first.shape}, got {second.shape}")
    for name, each in (("probabilities", first), ("others", second)):
        if not (each >= -1e-12).all() or abs(each.sum() - 1) > 1e-4:
            raise ArgumentError(
                f"{name}: expected numbers from 0 that add up to 1, got a sum of "
                f"{each.sum():.6g}"
            )
    overlap = np.sqrt(np.clip(first, 0, None) * np.clip(second, 0, None)).sum()
    return float(overlap**2)
