"""Qiskit backends as a PennyLane device, `qdl.qiskit`."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from copy import copy
from functools import partial
from typing import Any

import torch
from attrs import asdict
from pennylane.devices import Device
from pennylane.devices.execution_config import ExecutionConfig
from pennylane.devices.modifiers import simulator_tracking, single_tape_support
from pennylane.math import Interface
from pennylane.transforms.core import CompilePipeline

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.plan import Structure
from qml_qdl.hardware.qiskit.backends import make_executor
from qml_qdl.hardware.qiskit.config import (
    NAME,
    completed,
    computes_gradients,
    pipeline_for,
)
from qml_qdl.hardware.qiskit.options import QiskitOptions
from qml_qdl.hardware.qiskit.tapes.batches import Answer, Request, run_requests
from qml_qdl.hardware.qiskit.tapes.gradients import MakeStencil, run_tasks
from qml_qdl.hardware.qiskit.tapes.measured import Circuits
from qml_qdl.hardware.qiskit.tapes.outcomes import Reals
from qml_qdl.hardware.qiskit.tapes.products import as_numpy, results_and_products
from qml_qdl.hardware.qiskit.tapes.results import errors_of
from qml_qdl.hardware.qiskit.tapes.shifts import (
    ParameterShifts,
    RandomDirections,
    Stencil,
)
from qml_qdl.hardware.qiskit.tapes.tasks import Task, make_task


@simulator_tracking
@single_tape_support
class QiskitDevice(Device):
    """Any Qiskit backend, from Aer to an IBM machine: one job for each execution.

    All circuits of an execution that differ in angles only are one parametrised
    circuit, transpiled once. Gradients are parameter shifts, or SPSA, over all rows at
    once, for weights and inputs; with the torch interface they flow through the results
    like those of any torch operation.

    PennyLane's tracker counts `jobs`, `pubs` (circuits sent, each with all its rows),
    `rows`, `transpilations` and `qpu_seconds`.

    Args:
        wires: Number of wires or their labels; None finds them in each circuit.
        shots: As PennyLane devices take them; better set on the QNode.
        **options: Those of `QiskitOptions`, such as `backend="aer:fake_torino"`.

    Raises:
        ArgumentError: An option's value cannot be used.
        ArgumentTypeError: There is no such option, or its type cannot be used.
        TargetError: There is no such backend.

    Example:
        >>> import pennylane as qml
        >>> dev = qml.device("qdl.qiskit", wires=2, backend="aer")
        >>> @qml.qnode(dev)
        ... def circuit(x):
        ...     qml.RY(x, 0)
        ...     qml.CNOT([0, 1])
        ...     return qml.expval(qml.Z(1))
        >>> round(float(circuit(0.5)), 6)
        0.877583
    """

    @property
    def name(self) -> str:
        """The name under which PennyLane knows the device."""
        return NAME

    def __init__(self, wires: Any = None, shots: Any = None, **options: Any) -> None:
        super().__init__(wires=wires, shots=shots)
        self.options = QiskitOptions.of(options)
        backend, given = self.options.for_executor()
        self.executor = make_executor(backend, **given)
        self._circuits = Circuits()
        self._seed = secrets.randbits(63)
        self._runs = 0

    def changed(self, **options: Any) -> QiskitDevice:
        """The same backend, asked in another way.

        Args:
            **options: `gradient`, `spsa_directions`, `spsa_step`, `fuse_gradient`,
                `merge_rows` or `route`.

        Returns:
            A device that shares what runs circuits; this one, if nothing changes.
        """
        changed = self.options.changed(**options)
        if changed == self.options:
            return self
        twin = copy(self)
        twin.options = changed
        return twin

    def supports_derivatives(
        self, execution_config: Any = None, circuit: Any = None
    ) -> bool:
        """Whether the device computes gradients itself: with shots, too."""
        return execution_config is None or computes_gradients(execution_config)

    def supports_vjp(self, execution_config: Any = None, circuit: Any = None) -> bool:
        """Whether the device multiplies gradients itself: wherever it has them."""
        return self.supports_derivatives(execution_config, circuit)

    def setup_execution_config(
        self, config: Any = None, circuit: Any = None
    ) -> ExecutionConfig:
        """Fills in what the user left open.

        Args:
            config: PennyLane's configuration.
            circuit: The circuit that will run.

        Returns:
            The complete configuration.

        Raises:
            TargetError: "backprop" was asked of an interface that cannot have it, or
                another way to measure in the middle of a circuit.
        """
        return completed(config or ExecutionConfig())

    def preprocess_transforms(self, execution_config: Any = None) -> CompilePipeline:
        """The transforms that bring any circuit into a form that can run.

        Args:
            execution_config: PennyLane's configuration.

        Returns:
            The transforms; a batch stays one tape.
        """
        return pipeline_for(self.wires)

    def execute(self, circuits: Any, execution_config: Any = None) -> Any:
        """Runs circuits, all in one job.

        Args:
            circuits: Tapes of native gates. Those with other numbers of shots go in a
                job of their own.
            execution_config: PennyLane's configuration.

        Returns:
            One result for each tape: torch tensors where torch's gradients flow
            through, else NumPy arrays.
        """
        config = execution_config or ExecutionConfig()
        results = self._run(circuits, self.options.fuse_gradient)
        if config.interface == Interface.TORCH:
            return results
        return as_numpy(results)

    def _run(self, circuits: Sequence[Any], fuse: bool) -> tuple[Any, ...]:
        tasks = [self._task(tape) for tape in circuits]
        shots = [tape.shots.total_shots for tape in circuits]
        stencil = self._make_stencil()
        results: list[Any] = [None] * len(tasks)
        for count in dict.fromkeys(shots):
            chosen = [i for i, own in enumerate(shots) if own == count]
            send = partial(self._send, shots=count)
            mine = [tasks[i] for i in chosen]
            found = run_tasks(mine, send, stencil, fuse)
            for position, result in zip(chosen, found, strict=True):
                results[position] = result
        return tuple(results)

    def _task(self, tape: Any) -> Task:
        wires: Any = tape.wires
        if self.wires is not None:
            # Only wires that are used are simulated, unless places on a machine are
            # given for all.
            used = set(wires)
            wires = [w for w in self.wires if self.options.placed or w in used]
        exact = not tape.shots
        return make_task(
            tape,
            list(wires) or [0],
            estimator=exact or self.options.route == "estimator",
        )

    def _send(self, requests: Sequence[Request], shots: int | None) -> list[Answer]:
        """One call of the executor, with what the tracker counts."""
        before = self.executor.counters.copy()
        answers = run_requests(
            requests, self.executor, self._circuits, shots, self.options.merge_rows
        )
        if self.tracker.active:
            done = self.executor.counters.difference(before)
            self.tracker.update(**asdict(done))
            self.tracker.record()
        return answers

    def _make_stencil(self) -> MakeStencil:
        """What chooses the rows for the gradients of one execution."""
        run, self._runs = self._runs, self._runs + 1

        def make(
            structure: Structure, angles: Reals, slots: Sequence[int], number: int
        ) -> Stencil:
            if self.options.gradient == "parameter-shift":
                return ParameterShifts.of(structure, slots)
            count, step = self.options.spsa_directions, self.options.spsa_step
            seed = self._direction_seed(run, number)
            return RandomDirections.draw(angles, slots, count, step, seed)

        return make

    def _direction_seed(self, run: int, number: int) -> int:
        """Where SPSA's directions begin: again there when a run is run again."""
        keys = getattr(self.executor, "keys", None)  # executors that keep a journal
        seed, place = self.options.seed, str(run)
        if keys is not None:
            place = str(keys.upcoming)
        elif seed is None:
            seed = self._seed
        digest = hashlib.sha256(f"{seed}, {place}, {number}".encode()).digest()
        return int.from_bytes(digest[:16], "big")

    def execute_with_errors(
        self, circuits: Sequence[Any], execution_config: Any = None
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Runs circuits, and tells how sure their results are.

        Args:
            circuits: Tapes of native gates, with one number of shots for all.
            execution_config: PennyLane's configuration.

        Returns:
            Results as `execute` gives them, without gradients, and like them standard
            errors: zero where results are exact, None for what is neither an
            expectation value nor probabilities.

        Raises:
            ArgumentError: There are several numbers of shots.
        """
        kept: list[Answer] = []

        def send(requests: Sequence[Request]) -> list[Answer]:
            kept[:] = self._send(requests, shots)
            return kept

        kinds = {tape.shots for tape in circuits}
        if len(kinds) > 1 or any(kind.has_partitioned_shots for kind in kinds):
            raise ArgumentError(
                "shots: expected one number for all circuits, got "
                f"{sorted(map(str, kinds))}; run them apart"
            )
        shots = kinds.pop().total_shots if kinds else None
        with torch.no_grad():
            tasks = [self._task(tape) for tape in circuits]
            results = tuple(run_tasks(tasks, send, self._make_stencil(), False))
        errors = tuple(
            errors_of(task.readout, answer.column_errors(shots), task.batched)
            for task, answer in zip(tasks, kept, strict=True)
        )
        return as_numpy(results), errors

    def compute_vjp(
        self, circuits: Any, cotangents: Any, execution_config: Any = None
    ) -> Any:
        """Gradients of results, contracted with what comes from behind.

        Args:
            circuits: Tapes of native gates.
            cotangents: For each tape the gradient with respect to its results.
            execution_config: PennyLane's configuration.

        Returns:
            For each tape the gradients of its trainable parameters.
        """
        return self.execute_and_compute_vjp(circuits, cotangents, execution_config)[1]

    def execute_and_compute_vjp(
        self, circuits: Any, cotangents: Any, execution_config: Any = None
    ) -> Any:
        """Results, and gradients as `compute_vjp` gives them, in one job.

        Args:
            circuits: Tapes of native gates.
            cotangents: For each tape the gradient with respect to its results.
            execution_config: PennyLane's configuration.

        Returns:
            Results and gradients.
        """
        return results_and_products(
            lambda tapes: self._run(tapes, True), circuits, cotangents
        )
