"""The contract of readouts."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import (
    AngleEncoding,
    Circuit,
    Readout,
    StronglyEntangling,
)
from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.targets import Target
from qml_qdl.nn import QuantumLayer
from qml_qdl.testing.contract import Contract


class ReadoutContract(Contract):
    """What every readout promises, on every kind of target.

    `instances` are readouts that fit `wires`. What they measure may be anything that
    PennyLane measures; what cannot be had on a target must be refused there.

    Example:
        >>> from qml_qdl.circuits import Expectation
        >>> class TestWords(ReadoutContract):
        ...     instances = [Expectation(["ZZ", "XI"])]
        >>> TestWords().test_rows_do_not_mix(Expectation(["ZZ", "XI"]))
    """

    argument = "readout"

    wires: ClassVar[Sequence[Hashable]] = (0, 1)
    """The wires of the circuits that are read out."""

    targets: ClassVar[Sequence[Target]] = (
        "qdl.simulator",
        "default.qubit",
        "lightning.qubit",
        "aer",
    )
    """Targets whose exact results are those of a state vector."""

    noisy: ClassVar[Sequence[Target]] = ("aer:fake_manila",)
    """Targets whose results are those of a machine with errors."""

    shots: ClassVar[int] = 400
    """Shots of each of the runs that are compared with exact results."""

    def parameters(self) -> Mapping[str, Sequence[Any]]:
        """The readouts and the targets."""
        return {**super().parameters(), "target": (*self.targets, *self.noisy)}

    def circuit(self, readout: Readout) -> Circuit:
        """A circuit that entangles its wires.

        Args:
            readout: What is read out.
        """
        wires = self.wires
        entangling = StronglyEntangling(wires, layers=2 if len(wires) > 1 else 1)
        return (entangling @ AngleEncoding(wires)).with_readout(readout)

    def layer(self, readout: Readout, **options: Any) -> QuantumLayer:
        """The same as a layer, always with the same weights.

        Args:
            readout: What is read out.
            **options: The layer's.
        """
        generator = torch.Generator().manual_seed(1)
        return QuantumLayer(
            self.circuit(readout), generator=generator, dtype=torch.float64, **options
        )

    def inputs(self, rows: int) -> Tensor:
        """Angles, always the same.

        Args:
            rows: How many rows.

        Returns:
            (rows, wires), of float64.
        """
        generator = torch.Generator().manual_seed(2)
        shape = (rows, len(self.wires))
        return 2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5

    def _least_shots(self, readout: Readout) -> int | None:
        return self.shots if readout.needs_shots(self.wires) else None

    def _expected(self, readout: Readout, x: Tensor) -> Tensor:
        """The measurements of default.qubit, one row and one after the other."""
        layer = self.layer(readout, target="default.qubit")
        shape = [n for n in layer.circuit.output_shape if n is not None]
        device = qml.device("default.qubit", wires=self.wires)
        weights = dict(layer.named_parameters())
        rows = []
        for row in x:
            parts = []
            for measurement in readout.measurements(self.wires):

                def measured(row: Tensor = row, measurement: Any = measurement) -> Any:
                    for block, name in zip(
                        layer.circuit.blocks, layer.circuit.weight_names, strict=True
                    ):
                        block.queue(row, None if name is None else weights[name])
                    return qml.apply(measurement)

                node = qml.QNode(measured, device)
                parts.append(torch.as_tensor(node()).reshape(-1))
            rows.append(torch.cat(parts).reshape(shape))
        return torch.stack(rows).detach()

    def _differs(self, target: Target) -> bool:
        return target in self.noisy

    # ---- The value itself ----

    def test_it_measures_the_same_again(self, readout: Readout) -> None:
        """Its kinds are asked for before it runs, so they must not change."""
        scripts = [qml.tape.make_qscript(readout.measure)(self.wires) for _ in range(2)]
        first, second = (script.measurements for script in scripts)
        assert [type(one) for one in first] == [type(one) for one in second], (
            f"{readout!r}: measure returned other kinds of measurements when it was "
            "called again; random numbers may be in angles, not in what is measured"
        )
        assert first, f"{readout!r}: measure returned nothing"

    def test_it_measures_nothing_but_the_circuits_wires(self, readout: Readout) -> None:
        """Wires are those that `measure` is given, and labels those of the circuit."""
        for one in readout.measurements(self.wires):
            assert set(one.wires) <= set(self.wires), (
                f"{readout!r}: {one} is of the wires {list(one.wires)}, but the "
                f"circuit has {list(self.wires)}; choose among those measure is given"
            )

    def test_it_declares_what_it_measures(self, readout: Readout) -> None:
        """`output_shape` is that of the results."""
        assert not (
            readout.needs_shots(self.wires) and readout.needs_state(self.wires)
        ), (
            f"{readout!r}: it measures shots and states, and no run has both; make two "
            "readouts of it"
        )
        readout.check(self.wires, self._least_shots(readout))
        x = self.inputs(3)
        layer = self.layer(readout, shots=self._least_shots(readout))
        shape = readout.output_shape(self.wires)
        declared = tuple(self.shots if size is None else size for size in shape)
        for leading in ((), (1,), (3,), (3, 1)):
            part = x[0] if not leading else x[: leading[0]].reshape(*leading, -1)
            assert layer(part).shape == (*leading, *declared)

    def test_it_is_a_value(self, readout: Readout) -> None:
        """It copies, pickles and hashes, and circuits with it compose."""
        for twin in (copy.deepcopy(readout), pickle.loads(pickle.dumps(readout))):
            assert repr(twin) == repr(readout)
            assert twin.output_shape(self.wires) == readout.output_shape(self.wires)
        assert hash(readout) == hash(readout)
        circuit = self.circuit(readout)
        both = circuit @ circuit
        assert both.readout == readout
        layer = self.layer(readout, shots=self._least_shots(readout), seed=0)
        moved = pickle.loads(pickle.dumps(layer))
        assert torch.equal(moved(self.inputs(2)), layer(self.inputs(2)))

    # ---- Exact results ----

    def test_results_are_laid_side_by_side(
        self, readout: Readout, target: Target
    ) -> None:
        """On every target they are what PennyLane gives for each measurement."""
        if self._differs(target) or readout.needs_shots(self.wires):
            return
        if self._is_refused(readout, target, None):
            return
        x = self.inputs(3)
        found = self.layer(readout, target=target)(x).detach()
        torch.testing.assert_close(
            found, self._expected(readout, x), rtol=0.0, atol=1e-9
        )

    def test_rows_do_not_mix(self, readout: Readout) -> None:
        """A row's results are its own, in a batch too, also where it is NaN."""
        if readout.needs_shots(self.wires):
            return
        layer, x = self.layer(readout), self.inputs(3)
        with torch.no_grad():
            found = layer(x)
            torch.testing.assert_close(found, torch.stack([layer(row) for row in x]))
            x[1] = torch.nan
            spoilt = layer(x)
        torch.testing.assert_close(spoilt[[0, 2]], found[[0, 2]], rtol=0.0, atol=0.0)
        assert torch.view_as_real(spoilt[1] + 0j).isnan().any(), (
            f"{readout!r}: a row of NaN gave numbers; make results of measurements only"
        )

    def test_precision_is_the_inputs(self, readout: Readout) -> None:
        """float32 gives float32 or complex64, and the same numbers."""
        if readout.needs_shots(self.wires):
            return
        layer, x = self.layer(readout), self.inputs(2)
        with torch.no_grad():
            single, double = layer(x.float()), layer(x)
        assert single.dtype in (torch.float32, torch.complex64)
        torch.testing.assert_close(
            single, double.to(single.dtype), rtol=1e-4, atol=1e-5
        )

    # ---- Gradients ----

    def test_gradients_are_right_or_refused(
        self, readout: Readout, target: Target
    ) -> None:
        """Where results are differentiable they are finite differences' gradients."""
        shots = self._least_shots(readout)
        if self._is_refused(readout, target, shots):
            return
        layer = self.layer(readout, target=target, shots=shots)
        x = self.inputs(2).requires_grad_()
        result = layer(x)
        if not (result.is_floating_point() or result.is_complex()):
            assert not result.requires_grad
            return
        weights = torch.linspace(-1, 1.3, result.numel(), dtype=torch.float64)

        def loss(result: Tensor) -> Tensor:
            return (torch.view_as_real(result + 0j).sum(-1).reshape(-1) * weights).sum()

        by_backward = target in ("qdl.simulator", "default.qubit")
        if shots or (readout.needs_state(self.wires) and not by_backward):
            with pytest.raises(TargetError, match="gradients"):
                loss(result).backward()
            return
        (gradient,) = torch.autograd.grad(loss(result), x)
        direction = torch.linspace(-1, 1.3, x.numel(), dtype=torch.float64)
        direction = direction.reshape(x.shape)
        with torch.no_grad():
            ends = [loss(layer(x + step * direction)) for step in (1e-5, -1e-5)]
        torch.testing.assert_close(
            (gradient * direction).sum(),
            (ends[0] - ends[1]) / 2e-5,
            rtol=1e-5,
            atol=1e-6,
            msg=lambda text: f"{readout!r}: gradients on {target!r} are wrong\n{text}",
        )

    # ---- Shots ----

    def test_shots_approach_exact_results(
        self, readout: Readout, target: Target
    ) -> None:
        """The mean over many runs is the exact result, but for its spread."""
        if readout.needs_state(self.wires):
            return
        runs, x = 24, self.inputs(1)
        layer = self.layer(readout, target=target, shots=self.shots, seed=7)
        with torch.no_grad():
            found = layer(x.expand(runs, -1)).double()
            if readout.needs_shots(self.wires):
                reference = self.layer(
                    readout, target="default.qubit", shots=self.shots, seed=8
                )(x.expand(runs, -1)).double()
                # The shots of a row are as good as any others.
                axes = [
                    1 + axis
                    for axis, size in enumerate(readout.output_shape(self.wires))
                    if size is None
                ]
                found, reference = found.mean(axes), reference.mean(axes)
            else:
                exact = "default.qubit" if target in self.targets else target
                reference = self.layer(readout, target=exact)(x)
        scale = 1e-9 + max(found.abs().max(), reference.abs().max())
        spread = found.std(0) * (2 / runs) ** 0.5
        error = (found.mean(0) - reference.mean(0)).abs()
        # What is not linear in frequencies, a variance, is off by a part in the shots.
        assert (error <= 6 * spread + 4 * scale / self.shots).all(), (
            f"{readout!r}: on {target!r} results with shots are off by {error}, "
            f"expected {spread}"
        )

    def test_errors_are_the_spread(self, readout: Readout) -> None:
        """What `with_errors` tells is how far runs lie apart."""
        if readout.needs_shots(self.wires) or readout.outcomes(self.wires) is None:
            return
        runs, x = 200, self.inputs(1)
        layer = self.layer(readout, shots=self.shots, seed=7)
        values, errors = layer.with_errors(x.expand(runs, -1))
        spread = values.std(0)
        assert (
            (errors.mean(0) - spread).abs() <= 0.3 * spread + 1e-3 * values.abs().max()
        ).all()

    # ---- What cannot be had ----

    def test_what_cannot_run_is_refused_at_once(
        self, readout: Readout, target: Target
    ) -> None:
        """Samples without shots and states with them, before anything runs."""
        if readout.needs_shots(self.wires):
            with pytest.raises(TargetError, match="samples need a number of shots"):
                self.layer(readout, target=target)
        if readout.needs_state(self.wires):
            with pytest.raises(TargetError, match=r"shots"):
                self.layer(readout, target=target, shots=10)
            layer = self.layer(readout, target="qdl.simulator")
            with pytest.raises(TargetError, match=r"shots"):
                layer.set_target("qdl.simulator", shots=10)
            assert layer.shots is None
            with pytest.raises(ArgumentError, match="not linear in the state"):
                self.layer(
                    readout, target="default.qubit", diff_method="parameter-shift"
                )

    def _is_refused(self, readout: Readout, target: Target, shots: int | None) -> bool:
        """Whether a state is asked of what has none, which is refused."""
        if not readout.needs_state_vector(self.wires) or not str(target).startswith(
            "aer"
        ):
            return False
        with pytest.raises(TargetError, match="the state is known only to a state"):
            self.layer(readout, target=target, shots=shots)
        return True
