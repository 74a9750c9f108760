"""The contract that encodings and processings share."""

from __future__ import annotations

import copy
import pickle
from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import (
    ArgumentError,
    Block,
    Circuit,
    QdlError,
    State,
)
from qml_qdl.nn import QuantumLayer
from qml_qdl.testing.contract import Contract
from qml_qdl.testing.running import (
    check_gradients,
    derivatives,
    execute,
    random_tensor,
    rebuild,
    unitary,
)


class BlockContract(Contract):
    """What encodings and processings promise alike; inherit one of theirs instead."""

    argument = "block"
    targets: ClassVar[Sequence[str]] = ("qdl.simulator",)
    """Where a layer has to give what it gives on default.qubit."""

    def parameters(self) -> Mapping[str, Sequence[Any]]:
        """Instances, and targets."""
        return {**super().parameters(), "target": self.targets}

    # ---- Must be defined: these three; each contract of blocks does. ----

    @abstractmethod
    def surrounded(self, block: Block) -> Circuit:
        """The block among fixed gates that let its phases be seen.

        Args:
            block: An instance.
        """

    @abstractmethod
    def weights(self, block: Block) -> Tensor | None:
        """The weights the block is tested with; None if it has none.

        Args:
            block: An instance.
        """

    @abstractmethod
    def other(self, block: Block) -> Block:
        """A block of another class on the same wires.

        Args:
            block: An instance.
        """

    # ---- May be defined: this one, for data of another range. ----

    def inputs(
        self, circuit: Circuit, rows: int | None = None, seed: int = 1
    ) -> Tensor:
        """The x that circuits are tested with: by default numbers from 0.1 to 1.1.

        Args:
            circuit: The circuit that reads it.
            rows: How many; None for one without a dimension of rows.
            seed: Another one gives other numbers.

        Returns:
            (num_inputs,) or (rows, num_inputs), of float64.
        """
        leading = () if rows is None else (rows,)
        return random_tensor((*leading, circuit.num_inputs), seed) + 0.1

    # ---- What is promised. ----

    def test_it_is_unitary(self, block: Block) -> None:
        """U†U = 1."""
        matrix = self._matrix(block)
        np.testing.assert_allclose(
            matrix.conj().T @ matrix,
            np.eye(2 ** len(block.wires)),
            atol=1e-12,
            err_msg=f"{block!r}: its matrix times its adjoint is not the identity",
        )

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
    def test_states_have_norm_one(self, block: Block, dtype: torch.dtype) -> None:
        """For one row and for many, in both precisions."""
        circuit = self.surrounded(block).with_readout(State())
        weights = {k: w.to(dtype) for k, w in self._all_weights(block).items()}
        for rows in (None, 3):
            inputs = self.inputs(circuit, rows).to(dtype)
            states = execute(circuit, inputs, weights)
            assert states.shape == (*inputs.shape[:-1], 2 ** len(block.wires))
            norms = states.abs().square().sum(-1)
            torch.testing.assert_close(norms.float(), torch.ones(norms.shape))

    def test_rows_do_not_mix(self, block: Block) -> None:
        """A batch gives what its rows give one by one."""
        circuit, weights = self.surrounded(block), self._all_weights(block)
        inputs = self.inputs(circuit, 3)
        torch.testing.assert_close(
            execute(circuit, inputs, weights),
            torch.stack([execute(circuit, row, weights) for row in inputs]),
            msg=lambda text: (
                f"{block!r}: three rows together are not what each is alone; write "
                f"features[..., i], and no operation over rows\n{text}"
            ),
        )

    def test_precisions_agree(self, block: Block) -> None:
        """float32 gives float64's values and gradients, each in its own type."""
        circuit, weights = self.surrounded(block), self._all_weights(block)
        results = []
        for dtype in (torch.float32, torch.float64):
            leaves = [self.inputs(circuit), *weights.values()]
            leaves = [leaf.to(dtype, copy=True).requires_grad_() for leaf in leaves]
            result = execute(
                circuit, leaves[0], dict(zip(weights, leaves[1:], strict=True))
            )
            gradients = torch.autograd.grad(
                result[0], leaves, allow_unused=True, materialize_grads=True
            )
            assert all(gradient.dtype == dtype for gradient in gradients)
            results.append([each.double() for each in (result.detach(), *gradients)])
        torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)

    def test_gradients_match_finite_differences(self, block: Block) -> None:
        """By the inputs and by the block's own weights."""
        loss, leaves = self._loss(block)
        check_gradients(loss, [self.inputs(self.surrounded(block), 2), *leaves[1:]])

    def test_targets_agree(self, block: Block, target: str) -> None:
        """A layer gives on each target what default.qubit gives, call after call.

        So a promise `pure = True` that is not kept shows, too.
        """
        circuit = self.surrounded(block)
        layers: list[Any] = [
            QuantumLayer(
                circuit,
                target=where,
                dtype=torch.float64,
                generator=torch.Generator().manual_seed(3),
            )
            for where in (target, "default.qubit")
        ]
        for seed, rows in ((1, 2), (2, 3)):
            inputs = self.inputs(circuit, rows, seed)
            found, expected = (layer(inputs) for layer in layers)
            torch.testing.assert_close(
                found,
                expected,
                atol=1e-7,
                rtol=0,
                msg=lambda text: (
                    f"{block!r}: {target} gives other values than default.qubit; "
                    f"does it keep the promise of its `pure`?\n{text}"
                ),
            )

    def test_it_is_a_value(self, block: Block) -> None:
        """Copies, pickles and what its repr says are equal to it; it is fixed."""
        twins = {
            "pickle": pickle.loads(pickle.dumps(block)),
            "copy.deepcopy": copy.deepcopy(block),
            "evaluated repr": rebuild(block),
        }
        for how, twin in twins.items():
            assert twin == block, f"{block!r}: its {how} is not equal to it"
            assert hash(twin) == hash(block), f"{block!r}: its {how} hashes otherwise"
            assert repr(twin) == repr(block), f"{block!r}: its {how} has another repr"
        assert block != self.other(block)
        with pytest.raises(AttributeError):
            block.wires = (0,)  # type: ignore[misc]

    def test_it_moves_to_other_wires(self, block: Block) -> None:
        """`on` gives the same gates on the labels it is told, and refuses too many."""
        labels: list[Hashable] = [f"w{i}" for i in range(len(block.wires))]
        moved = block.on(labels)
        assert moved.wires == tuple(labels)
        assert moved.on(block.wires) == block
        order = [block.wires[labels.index(w)] for w in Circuit([moved]).wires]
        np.testing.assert_allclose(
            self._matrix(moved),
            self._matrix(block, order),
            atol=1e-12,
            err_msg=f"{block!r}: moved to {labels} it has another matrix",
        )
        with pytest.raises(ArgumentError, match=r"wires: expected .* in place of"):
            block.on([*labels, "more"])

    def test_it_draws(self, block: Block) -> None:
        """A line for each wire."""
        assert len(str(Circuit([block])).splitlines()) >= len(block.wires)

    def test_wrong_wires_are_refused(self, block: Block) -> None:
        """Wires named twice, none, and a word."""
        with pytest.raises(ArgumentError, match="wires overlap: name each wire once"):
            block.on([0, 1, 0])
        with pytest.raises(ArgumentError, match="wires: expected at least one wire"):
            block.on([])
        with pytest.raises(QdlError, match="wires: expected a number of wires or"):
            block.on("ab")

    # ---- What they need. ----

    def _matrix(self, block: Block, wires: Sequence[Hashable] | None = None) -> Any:
        circuit, weights = Circuit([block]), self.weights(block)
        inputs = self.inputs(circuit) if circuit.num_inputs else None
        return unitary(circuit, inputs, weights, wires)

    def _loss(self, block: Block) -> tuple[Callable[..., Tensor], list[Tensor]]:
        """A number that all amplitudes enter, of the inputs and the block's weights."""
        circuit, weights = self.surrounded(block), self._all_weights(block)
        name = circuit.weight_names[circuit.blocks.index(block)]
        own = [] if name is None else [name]
        probe = random_tensor((2 ** len(block.wires),), 3)

        def loss(inputs: Tensor, *moved: Tensor) -> Tensor:
            theta = {**weights, **dict(zip(own, moved, strict=True))}
            return (execute(circuit, inputs, theta) * probe).sum()

        return loss, [self.inputs(circuit), *(weights[each] for each in own)]

    def _slopes(self, block: Block) -> list[Tensor]:
        """Derivatives by the inputs of one row, and by the block's weights."""
        loss, leaves = self._loss(block)
        return list(derivatives(loss, leaves))

    def _all_weights(self, block: Block) -> dict[str, Tensor]:
        """Those of the circuit around the block, too."""
        circuit, found = self.surrounded(block), {}
        for name, part in zip(circuit.weight_names, circuit.blocks, strict=True):
            weights = self.weights(block) if part is block else None
            if name is not None:
                shape = part.weight_shape or ()
                found[name] = random_tensor(shape, 2) if weights is None else weights
        return found
