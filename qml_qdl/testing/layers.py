"""The contract of quantum layers."""

from __future__ import annotations

import copy
import io
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import pennylane as qml
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from qml_qdl.circuits.errors import ArgumentTypeError, QdlError, ShapeError
from qml_qdl.nn import QuantumLayer, set_target
from qml_qdl.testing.contract import Contract


@dataclass(frozen=True)
class LayerCase:
    """A layer, and what is known of it.

    Args:
        make: Makes the layer; takes `generator=`, `target=` and `shots=`.
        inputs: Shape of one row of each input.
        output: Shape of one row of the result.
        leading: The dimensions before, with rows in them, that the layer takes.
        targets: Where all of it works; elsewhere its tests are skipped.
        runs: Simulations of one forward pass on a device that takes batches.
    """

    make: Callable[..., nn.Module]
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    leading: tuple[tuple[int, ...], ...] = ((), (1,), (3,), (2, 2))
    targets: tuple[str, ...] = ("default.qubit", "lightning.qubit", "qdl.simulator")
    runs: int = 1

    @cached_property
    def is_complex(self) -> bool:
        """Whether results are amplitudes, which need a state and have no shots."""
        return bool(_make(self)(*_data(self, self.leading[0])).is_complex())


class LayerContract(Contract):
    """What every layer promises that has a `QuantumLayer` inside.

    `instances` are of `LayerCase`.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding, StronglyEntangling
        >>> def two_wires(**options):
        ...     circuit = StronglyEntangling(2) @ AngleEncoding(2)
        ...     return QuantumLayer(circuit, **options)
        >>> class TestMine(LayerContract):
        ...     instances = [LayerCase(two_wires, inputs=((2,),), output=(2,))]
        >>> TestMine().test_it_moves_and_keeps_its_weights(TestMine.instances[0])
    """

    argument = "case"
    targets: ClassVar[Sequence[str]] = (
        "default.qubit",
        "lightning.qubit",
        "qdl.simulator",
    )
    """Where cases are tested that say nothing else."""

    def parameters(self) -> Mapping[str, Sequence[Any]]:
        """Cases, and targets."""
        return {**super().parameters(), "target": self.targets}

    @pytest.fixture(autouse=True)
    def _same_shots_every_time(self) -> None:
        torch.manual_seed(1)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
    def test_shapes_and_dtypes(
        self, case: LayerCase, target: str, dtype: torch.dtype
    ) -> None:
        """`(*leading, *output)`, of the inputs' type; finite, and not all zero."""
        layer = _make(case, target)
        if not case.inputs:
            layer = layer.to(dtype)
        for leading in case.leading:
            result = layer(*_data(case, leading, dtype))
            assert result.shape == (*leading, *case.output)
            assert result.dtype == _result_dtype(case, dtype)
            assert result.isfinite().all()
            assert result.abs().max() > 1e-3

    def test_leading_dimensions_are_rows_that_do_not_mix(
        self, case: LayerCase, target: str
    ) -> None:
        """A batch gives what its rows give one by one."""
        layer = _make(case, target)
        for leading in case.leading[1:]:
            inputs = _data(case, leading)
            flat = [
                x.reshape(-1, *shape)
                for x, shape in zip(inputs, case.inputs, strict=True)
            ]
            rows = [layer(*row) for row in zip(*flat, strict=True)]
            expected = torch.stack(rows).reshape(*leading, *case.output)
            torch.testing.assert_close(layer(*inputs), expected)

    def test_gradients_match_finite_differences(
        self, case: LayerCase, target: str
    ) -> None:
        """By the inputs and by every parameter, in float64."""
        layer = _make(case, target).double()
        names = [name for name, _ in layer.named_parameters()]
        weights = [w.detach().clone().requires_grad_() for w in layer.parameters()]
        batch = case.leading[1] if len(case.leading) > 1 else ()
        batch = (2,) if batch else ()
        inputs = [x.requires_grad_() for x in _data(case, batch)]
        if not weights and not inputs:
            return

        def run(*tensors: Tensor) -> Tensor:
            x, theta = tensors[: len(inputs)], tensors[len(inputs) :]
            named = dict(zip(names, theta, strict=True))
            return _reals(functional_call(layer, named, tuple(x)))

        assert torch.autograd.gradcheck(run, (*inputs, *weights), fast_mode=True)

    def test_gradients_keep_the_dtypes(self, case: LayerCase, target: str) -> None:
        """float32 gives float64's gradients, each in its own type."""
        exact = _make(case, target).double()
        layer = copy.deepcopy(exact).float()
        gradients = []
        for module, dtype in ((exact, torch.float64), (layer, torch.float32)):
            leaves = [*_data(case, case.leading[-1], dtype), *module.parameters()]
            for leaf in leaves:
                leaf.requires_grad_()
            result = _reals(module(*leaves[: len(case.inputs)]))
            probe = torch.linspace(-1, 2, result.numel(), dtype=torch.float64)
            torch.autograd.backward([result], [probe.reshape(result.shape).to(dtype)])
            for leaf in leaves:
                assert leaf.grad is not None
                assert leaf.grad.dtype == dtype
            gradients.append([leaf.grad.double() for leaf in leaves])
        torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-4)

    def test_inputs_of_one_precision_and_weights_of_another(
        self, case: LayerCase
    ) -> None:
        """Inputs say which type results have, down to bfloat16."""
        layer = _make(case).double()
        expected = _reals(layer(*_data(case, case.leading[-1])))
        if not case.inputs:
            return
        single = layer(*_data(case, case.leading[-1], torch.float32))
        torch.testing.assert_close(
            _reals(single), expected.float(), rtol=1e-4, atol=1e-5
        )
        half = layer(*_data(case, case.leading[-1], torch.bfloat16))
        assert half.dtype in (torch.bfloat16, torch.complex64)
        assert (_reals(half).double() - expected).abs().max() < 0.1

    def test_autocast_leaves_the_angles_their_precision(
        self, case: LayerCase, target: str
    ) -> None:
        """Angles in bfloat16 would be wrong by a hundredth."""
        layer = _make(case, target)
        inputs = _data(case, case.leading[-1], torch.float32)
        expected = layer(*inputs)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(layer(*inputs), expected)

    @pytest.mark.parametrize("shots", [None, 5], ids=["exact", "shots"])
    def test_no_rows_in_no_rows_out(self, case: LayerCase, shots: int | None) -> None:
        """An empty batch has an empty result, and zero gradients."""
        if not case.inputs:
            return
        if shots is not None and case.is_complex:
            return
        layer = _make(case, shots=shots)
        for leading in [(0,), (2, 0)][: 2 if (2, 2) in case.leading else 1]:
            inputs = [x.requires_grad_() for x in _data(case, leading, torch.float32)]
            result = layer(*inputs)
            assert result.shape == (*leading, *case.output)
            assert result.dtype == _result_dtype(case, torch.float32)
            torch.autograd.backward([result.abs().sum()])
            for x in inputs:
                assert x.grad is not None
                assert x.grad.shape == x.shape
            for weight in layer.parameters():
                assert weight.grad is not None
                assert not weight.grad.any()

    @pytest.mark.parametrize("shots", [None, 7], ids=["exact", "shots"])
    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_nan_reaches_its_own_rows_only(
        self, case: LayerCase, target: str, shots: int | None, bad: float
    ) -> None:
        """A row that is not finite gives NaN, and no other row does."""
        if not case.inputs or (shots is not None and case.is_complex):
            return
        layer = _make(case, target, shots=shots)
        inputs = _data(case, (3,))
        for x in inputs:
            x[1, ..., 0] = bad
        result = layer(*inputs)
        assert result.shape == (3, *case.output)
        lost = result.isnan().reshape(3, -1)
        assert lost[1].any()
        assert not lost[[0, 2]].any()

    def test_state_dict_is_there_at_once_and_loads_strictly(
        self, case: LayerCase
    ) -> None:
        """Parameters exist before the first call, and alone make the result."""
        layer = _make(case)
        keys = list(layer.state_dict())
        assert keys == [name for name, _ in layer.named_parameters()]
        other = case.make(target="default.qubit")
        other.load_state_dict(layer.state_dict(), strict=True)
        inputs = _data(case, case.leading[-1])
        torch.testing.assert_close(other(*inputs), layer(*inputs), rtol=0, atol=0)

    def test_it_can_be_copied_and_saved_whole(
        self, case: LayerCase, target: str
    ) -> None:
        """By deepcopy, pickle and `torch.save`; a copy has weights of its own."""
        layer = _make(case, target)
        inputs = _data(case, case.leading[-1])
        expected = layer(*inputs)
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        for twin in (
            copy.deepcopy(layer),
            pickle.loads(pickle.dumps(layer)),
            torch.load(file, weights_only=False),
        ):
            assert repr(twin) == repr(layer)
            torch.testing.assert_close(twin(*inputs), expected, rtol=0, atol=0)
            with torch.no_grad():
                for weight in twin.parameters():
                    weight += 1.0
            torch.testing.assert_close(layer(*inputs), expected, rtol=0, atol=0)

    def test_on_a_device_object_it_says_why_it_cannot_be_saved(
        self, case: LayerCase
    ) -> None:
        """A PennyLane device does not pickle; a deepcopy shares it."""
        device = qml.device("default.qubit")
        layer = set_target(_make(case), device)
        with pytest.raises(QdlError, match=r"target: .*set_target.*state_dict\(\)"):
            pickle.dumps(layer)
        inputs = _data(case, case.leading[-1])
        torch.testing.assert_close(copy.deepcopy(layer)(*inputs), layer(*inputs))

    def test_weights_are_sampled_anew_by_seed(self, case: LayerCase) -> None:
        """`reset_parameters` gives other weights; the same seed, the same ones."""
        layer = _make(case)
        first = copy.deepcopy(layer.state_dict())
        layer.reset_parameters(torch.Generator().manual_seed(8))
        second = copy.deepcopy(layer.state_dict())
        layer.reset_parameters(torch.Generator().manual_seed(3))
        torch.testing.assert_close(dict(layer.state_dict()), dict(first))
        sampled = [k for k in first if not k.endswith("bias") and "scaling" not in k]
        assert all(not torch.equal(first[k], second[k]) for k in sampled)

    def test_it_moves_and_keeps_its_weights(self, case: LayerCase) -> None:
        """`set_target` changes where it runs, and nothing else."""
        layer = _make(case)
        before = list(layer.parameters())
        inputs = _data(case, case.leading[-1])
        expected = layer(*inputs)
        assert set_target(layer, "lightning.qubit") is layer
        assert all(a is b for a, b in zip(before, layer.parameters(), strict=True))
        assert {x.target for x in _quantum_layers(layer)} == {"lightning.qubit"}
        torch.testing.assert_close(layer(*inputs), expected)

    def test_shots_approach_the_exact_values(
        self, case: LayerCase, target: str
    ) -> None:
        """Within six standard errors or more of 4000 shots."""
        layer = _make(case, target)
        if case.is_complex:
            return
        batch = case.leading[min(2, len(case.leading) - 1)]
        inputs = _data(case, batch)
        expected = layer(*inputs)
        set_target(layer, target, shots=4000)
        assert {x.shots for x in _quantum_layers(layer)} == {4000}
        result = layer(*inputs)
        assert not torch.equal(result, expected)
        assert (result - expected).abs().max() < 6 * 1.5 / math.sqrt(4000)

    def test_gradients_from_shots(self, case: LayerCase, target: str) -> None:
        """They are near the exact ones."""
        layer = _make(case, target).double()
        if case.is_complex:
            return
        gradients = []
        for shots in (None, 3000):
            set_target(layer, target, shots=shots)
            leaves = [*_data(case, (1,) if case.inputs else ()), *layer.parameters()]
            if not leaves:
                return
            for leaf in leaves:
                leaf.requires_grad_()
            result = layer(*leaves[: len(case.inputs)])
            probe = torch.linspace(-1, 1.5, result.numel(), dtype=torch.float64)
            probe = probe.reshape(result.shape) / math.sqrt(result.numel())
            gradients.append(torch.autograd.grad(result, leaves, probe))
        for exact, estimated in zip(*gradients, strict=True):
            assert (exact - estimated).abs().max() < 0.2

    def test_a_batch_is_one_simulation(self, case: LayerCase) -> None:
        """As many as `runs` says, on a device that takes batches."""
        layer = _make(case)
        devices = [part.qnode.device for part in _quantum_layers(layer)]
        counts = 0
        for device in devices:
            with qml.Tracker(device) as tracker:
                layer(*_data(case, case.leading[-1]))
            counts += tracker.totals["simulations"]
        assert counts == case.runs

    def test_one_step_of_training_in_a_sequential(self, case: LayerCase) -> None:
        """Between two classical layers the loss falls."""
        if len(case.inputs) != 1 or case.is_complex:
            return
        torch.manual_seed(0)
        shape, output = case.inputs[0], math.prod(case.output)
        model = nn.Sequential(
            nn.Linear(shape[-1], shape[-1]),
            _make(case),
            nn.Flatten() if case.output else nn.Unflatten(0, (-1, 1)),
            nn.Linear(output, 1),
        )
        (inputs,) = _data(case, (3,), torch.float32)
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        losses = []
        for _ in range(3):
            loss = model(inputs).sub(2.0).square().mean()
            losses.append(loss.item())
            optimiser.zero_grad()
            torch.autograd.backward([loss])
            assert all(w.grad is not None for w in model.parameters())
            optimiser.step()
        assert losses[-1] < losses[0]

    def test_without_gradients(self, case: LayerCase, target: str) -> None:
        """`no_grad` and `inference_mode` give the same values."""
        layer = _make(case, target)
        inputs = _data(case, case.leading[-1])
        expected = layer(*inputs).detach()
        for context in (torch.no_grad(), torch.inference_mode()):
            with context:
                result = layer.eval()(*inputs)
            assert not result.requires_grad
            torch.testing.assert_close(result, expected)

    def test_wrong_inputs_are_refused(self, case: LayerCase) -> None:
        """Other leading dimensions, too few tensors, and whole numbers for angles.

        QNodes take whole numbers as they are.
        """
        layer = _make(case)
        inputs = _data(case, case.leading[-1])
        if not case.inputs:
            with pytest.raises(ShapeError, match=r"inputs: this layer takes 0 tensors"):
                layer(torch.zeros(2))
            return
        if not (isinstance(layer, QuantumLayer) and not hasattr(layer, "circuit")):
            with pytest.raises(
                ArgumentTypeError, match=r"floating tensor, got .*int64.*\.fl"
            ):
                layer(*[x.long() for x in inputs])
        if len(inputs) > 1:
            with pytest.raises(ShapeError, match=r"same leading dimensions"):
                layer(inputs[0], *[x[:1] for x in inputs[1:]])
            with pytest.raises(
                ShapeError, match=r"takes 2 tensors \['x', 'y'\], got 1"
            ):
                layer(inputs[0])

    def test_repr_says_what_and_where(self, case: LayerCase) -> None:
        """The target, the shots and the weights."""
        layer = _make(case)
        text = repr(layer)
        assert "target='default.qubit', shots=None" in text
        assert "weight_shapes=" in text
        if not case.is_complex:
            assert "shots=11" in repr(set_target(layer, None, 11))


def _make(case: LayerCase, target: str | None = "default.qubit", **options: Any) -> Any:
    if target is not None and target not in case.targets:
        pytest.skip(f"PennyLane cannot: {target}")
    generator = torch.Generator().manual_seed(3)
    return case.make(target=target, generator=generator, **options)


def _data(
    case: LayerCase, leading: tuple[int, ...], dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    generator = torch.Generator().manual_seed(4)
    return [
        torch.rand(*leading, *shape, generator=generator, dtype=torch.float64).to(dtype)
        + 0.1
        for shape in case.inputs
    ]


def _quantum_layers(module: nn.Module) -> list[QuantumLayer]:
    return [part for part in module.modules() if isinstance(part, QuantumLayer)]


def _result_dtype(case: LayerCase, dtype: torch.dtype) -> torch.dtype:
    if case.is_complex:
        return torch.complex128 if dtype == torch.float64 else torch.complex64
    return dtype


def _reals(result: Tensor) -> Tensor:
    return torch.view_as_real(result) if result.is_complex() else result
