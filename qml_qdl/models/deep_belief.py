"""The deep belief network: restricted Boltzmann machines on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.bits import check_rows
from qml_qdl.models.rbm import RBM, Units


@validate_call
class DeepBeliefNetwork(nn.Module):
    """A deep belief network, trained layer by layer.

    The top two layers form a restricted Boltzmann machine; below it each layer is
    sampled from the one above (Hinton, Osindero and Teh, Neural Computation 18, 1527
    (2006)). Train `machines[0]` on data, then `machines[1]` on `up(data, 1)`, and so
    on; `fit_greedily` does it.

    Args:
        sizes: Units of each layer from the visible one up, two or more.
        visible: "binary" or "gaussian" visible units.
        num_chains: Markov chains of persistent contrastive divergence in each machine;
            0 for CD-k.
        generator: Random numbers for the initial weights; None for torch's own.
        device: Where the weights are, a torch device.
        dtype: Floating type of the weights; None for torch's default.

    Shape:
        - Input: (rows, sizes[0]).
        - Output: (rows, sizes[-1]), probabilities of the top layer's units.

    Raises:
        ArgumentError: There are fewer than two layers, or a size cannot be used.

    Example:
        >>> import torch
        >>> from qml_qdl.models import DeepBeliefNetwork
        >>> network = DeepBeliefNetwork([16, 8, 4])
        >>> network(torch.zeros(5, 16)).shape
        torch.Size([5, 4])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        visible: Units = "binary",
        num_chains: int = 0,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(sizes, Sequence) or len(sizes) < 2:
            raise ArgumentError(
                f"sizes: expected two or more layers, got {sizes!r}; give the "
                "visible units first"
            )
        self.sizes = tuple(sizes)
        self.machines = nn.ModuleList(
            RBM(
                low,
                high,
                visible=visible if level == 0 else "binary",
                num_chains=num_chains,
                generator=generator,
                device=device,
                dtype=dtype,
            )
            for level, (low, high) in enumerate(pairwise(sizes))
        )

    def forward(self, visible: Tensor) -> Tensor:
        """Probabilities of the top layer's units, each layer passing on its own.

        Args:
            visible: (rows, sizes[0]).

        Returns:
            (rows, sizes[-1]).
        """
        for machine in self.machines:
            visible = machine(visible)
        return visible

    @torch.no_grad()
    def up(
        self, visible: Tensor, level: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Samples what a level sees of data: what its machine is trained on.

        Args:
            visible: (rows, sizes[0]).
            level: 0 for the data themselves, up to the number of machines.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, sizes[level]).

        Raises:
            ArgumentError: There is no such level.
            DataError: The rows are empty or not finite.
            ShapeError: The rows have another width.
        """
        check_rows("visible", visible, self.sizes[0])
        if not 0 <= level < len(self.sizes):
            raise ArgumentError(
                f"level: expected 0 to {len(self.sizes) - 1}, got {level}"
            )
        for machine in list(self.machines)[:level]:
            visible = torch.bernoulli(machine(visible), generator=generator)
        return visible

    @torch.no_grad()
    def sample(
        self,
        num_samples: int,
        steps: int = 1000,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Samples from the model: Gibbs steps in the top machine, then down once.

        Args:
            num_samples: How many, each from a chain of its own.
            steps: Gibbs steps in the top machine, ≥ 1.
            generator: Random numbers; None for torch's own.

        Returns:
            (num_samples, sizes[0]).
        """
        below: list[RBM] = list(self.machines)  # type: ignore[arg-type]
        state = below.pop().sample(num_samples, steps, generator)
        while below:
            state = below.pop().sample_visible(state, generator)
        return state

    def fit_greedily(
        self,
        visible: Tensor,
        *,
        epochs: int = 100,
        batch_size: int = 64,
        learning_rate: float = 0.01,
        steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        """Trains the machines one after the other, from the data up, with Adam.

        Args:
            visible: Data, (rows, sizes[0]).
            epochs: Passes over the data for each machine, ≥ 1.
            batch_size: Rows per step, ≥ 1.
            learning_rate: Step size, > 0.
            steps: Gibbs steps of contrastive divergence, ≥ 1.
            generator: Random numbers; None for torch's own.

        Raises:
            ArgumentError: A number is too small.
            DataError: The data are empty, not finite, or not bits for binary units.
            ShapeError: The data have another width.
        """
        check_count("epochs", epochs)
        check_count("batch_size", batch_size)
        if not 0 < learning_rate < float("inf"):
            raise ArgumentError(
                f"learning_rate: expected a positive number, got {learning_rate}; "
                "begin with 0.01"
            )
        for level, module in enumerate(self.machines):
            machine: RBM = module  # type: ignore[assignment]
            optimizer = torch.optim.Adam(machine.parameters(), lr=learning_rate)
            for _ in range(epochs):
                order = torch.randperm(len(visible), generator=generator)
                seen = self.up(visible[order.to(visible.device)], level, generator)
                for rows in seen.split(batch_size):
                    optimizer.zero_grad()
                    loss = machine.contrastive_loss(rows, steps, generator)
                    loss.backward()
                    optimizer.step()
