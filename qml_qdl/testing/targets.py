"""The contract of targets, and PennyLane's own tests of devices."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import (
    AngleEncoding,
    BasicEntangler,
    Block,
    Circuit,
    IsingLayers,
    StronglyEntangling,
    ZZFeatureMap,
)
from qml_qdl.nn import QuantumLayer
from qml_qdl.testing.contract import Contract
from qml_qdl.testing.running import random_tensor


class TargetContract(Contract):
    """What every target promises: it gives what default.qubit gives.

    `instances` are targets' names, or functions without arguments that make a PennyLane
    device; each is called once.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding
        >>> class TestMine(TargetContract):
        ...     instances = ["lightning.qubit"]
        >>> TestMine().test_values("lightning.qubit", AngleEncoding(2))
    """

    argument = "target"
    blocks: ClassVar[Sequence[Any]] = (
        AngleEncoding(2),
        ZZFeatureMap(2),
        IsingLayers(2),
        BasicEntangler(["b", "a"]),
    )
    """The encodings and processings that are run, each among other gates."""
    tolerance: ClassVar[float] = 1e-7
    """How far values may be from default.qubit's; more where there is noise."""
    shots: ClassVar[int | None] = 4000
    """Shots with which values have to come near; None where nothing is sampled."""

    def parameters(self) -> Mapping[str, Sequence[Any]]:
        """Targets, and blocks."""
        return {**super().parameters(), "block": self.blocks}

    @pytest.fixture(autouse=True)
    def _same_shots_every_time(self) -> None:
        torch.manual_seed(1)

    def test_values(self, target: Any, block: Block) -> None:
        """Expectation values of two rows."""
        found = self._layer(block, target)(self._rows(block))
        self._assert_close(found, block, self.tolerance)

    def test_rows_do_not_mix(self, target: Any, block: Block) -> None:
        """A batch gives what its rows give one by one."""
        layer, rows = self._layer(block, target), self._rows(block)
        torch.testing.assert_close(
            layer(rows),
            torch.cat([layer(row[None]) for row in rows]),
            atol=1e-9,
            rtol=0,
            msg=lambda text: f"two rows together are not what each is alone\n{text}",
        )

    def test_shots_approach(self, target: Any, block: Block) -> None:
        """Within five standard errors of the exact values."""
        if self.shots is None:
            pytest.skip("shots = None")
        found = self._layer(block, target, shots=self.shots)(self._rows(block))
        self._assert_close(found, block, 5 / self.shots**0.5 + self.tolerance)

    def test_gradients(self, target: Any) -> None:
        """By features that enter several gates, and by weights."""
        block = ZZFeatureMap(2)
        gradients = []
        for where in (target, "default.qubit"):
            layer, rows = self._layer(block, where), self._rows(block).requires_grad_()
            loss = layer(rows).square().sum()
            gradients.append(torch.autograd.grad(loss, [rows, *layer.parameters()]))
        for found, expected in zip(*gradients, strict=True):
            torch.testing.assert_close(
                found,
                expected,
                atol=self.tolerance,
                rtol=0,
                msg=lambda text: f"gradients are not default.qubit's\n{text}",
            )

    def _circuit(self, block: Block) -> Circuit:
        """The block among gates that let its phases be seen."""
        circuit = StronglyEntangling(block.wires) @ block
        return circuit if block.num_features else circuit @ AngleEncoding(block.wires)

    def _layer(self, block: Block, target: Any, **options: Any) -> Any:
        return QuantumLayer(
            self._circuit(block),
            target=_made(target) if callable(target) else target,
            generator=torch.Generator().manual_seed(3),
            dtype=torch.float64,
            **options,
        )

    def _rows(self, block: Block) -> Tensor:
        return random_tensor((2, self._circuit(block).num_inputs), 1) + 0.1

    def _assert_close(self, found: Tensor, block: Block, tolerance: float) -> None:
        torch.testing.assert_close(
            found,
            self._layer(block, "default.qubit")(self._rows(block)),
            atol=tolerance,
            rtol=0,
            msg=lambda text: f"{block!r}: values are not default.qubit's\n{text}",
        )


@cache
def _made(make: Callable[[], Any]) -> Any:
    return make()


class DeviceContract(Contract):
    """PennyLane's own tests of devices, as its command `pl-device-test` runs them.

    `instances` are names of installed devices.
    """

    argument = "name"
    options: ClassVar[Sequence[str]] = ()
    """Further arguments of the command, as ("--device-kwargs", "backend=aer")."""
    most_skips: ClassVar[Mapping[str, int]] = {"None": 52, "20000": 60}
    """How many tests may be skipped, by the shots; as many as default.qubit skips.

    Counted with PennyLane 0.45.
    """

    @pytest.mark.parametrize(
        "shots", ["None", pytest.param("20000", marks=pytest.mark.slow)]
    )
    def test_device_suite(self, name: str, shots: str, tmp_path: Path) -> None:
        """All pass but those that devices of its abilities skip."""
        # What the command starts, which loads PennyLane once more to do so.
        tests = Path(qml.__file__).parent / "devices" / "tests"
        command = [sys.executable, "-m", "pytest", str(tests), "-p", "no:cacheprovider"]
        told = [f"--device={name}", f"--shots={shots}", "--no-flaky-report"]
        done = subprocess.run(
            [*command, *told, *self.options],
            cwd=tmp_path,
            env={**os.environ, "PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
        summary = done.stdout.strip().splitlines()[-1]
        counts = {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", summary)}
        assert counts["passed"] >= 370
        assert "failed" not in counts
        assert "errors" not in counts
        assert counts["skipped"] <= self.most_skips[shots]
