"""Measuring a circuit in many bases, on any target: one job, paid once."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.circuit import as_circuit
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_count,
    validate_call,
)
from qml_qdl.hardware import Target
from qml_qdl.hardware.jobs.journal_file import default_place
from qml_qdl.hardware.one_run import recorded_alone
from qml_qdl.hardware.tapes.device import ExecutorDevice
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.jobs import record_jobs, sender_of
from qml_qdl.nn.qnodes import qnode_inputs, without_measurements
from qml_qdl.tomography.density_matrix import DensityMatrix, check_state_memory
from qml_qdl.tomography.measurements import (
    Measurements,
    Origin,
    pauli_bases,
    random_bases,
)

BASES = ("pauli", "random", "z")
"""Bases by name: all 3ⁿ, some at random, that of Z alone."""

CALIBRATION_SHOTS = 2048
"""With few shots for each basis there are rows for so many of each calibration."""

TURNS: Mapping[str, tuple[float, float]] = {
    "X": (0.0, -np.pi / 2),
    "Y": (-np.pi / 2, -np.pi / 2),
    "Z": (0.0, 0.0),
}
"""Angles of RZ and then RY that turn a direction into that of Z."""


@validate_call
def measure(
    circuit: Any,
    bases: str | Sequence[str] = "pauli",
    shots: int = 1024,
    *,
    num_bases: int | None = None,
    inputs: Any = (),
    weights: Any = None,
    target: Target | None = None,
    calibration_rows: int | None = None,
    seed: int | None = None,
    account: str | None = None,
    max_qpu_seconds: float | None = None,
    journal: str | Path | None = None,
    run: str | None = None,
) -> Measurements:
    """Measures the state that a circuit prepares, in many bases at once.

    All bases are rows of one parametrised circuit, whose last gates turn each wire by
    two angles: it is transpiled once, so that all bases use the same qubits and have as
    many gates, and goes as one job. In the same job circuits that prepare `|0…0⟩` and
    `|1…1⟩` tell how the wires are misread, where the target is a machine or the model
    of one.

    Where jobs are paid, the same call again, in this program or another, finds its job
    in the journal and pays nothing.

    Args:
        circuit: A `Circuit` or a block, a `QuantumLayer`, which brings its weights and
            its target, or a PennyLane QNode. What it reads out is left out.
        bases: "pauli" for all 3ⁿ words of X, Y and Z; "random" for some at random, "z"
            for that of Z alone; or words with a letter for each wire.
        shots: Shots of each basis.
        num_bases: How many of bases="random"; 1 024 if left open.
        inputs: One row of inputs (num_inputs,), or one for each input of a QNode.
        weights: The weights of a `Circuit` by name, or the one tensor of a circuit that
            has one.
        target: Where it runs: a target's name, a PennyLane device or a Qiskit backend.
            None means the layer's or the QNode's own, and "auto" for a `Circuit`.
        calibration_rows: Rows that prepare `|0…0⟩`, and as many `|1…1⟩`, each with
            `shots` shots; on machines and their models 4 if left open, more where shots
            are few, and none elsewhere.
        seed: Seed of random bases and of simulated shots; None for others each time,
            but on machines, where random bases follow from all else.
        account: The name of a saved IBM account; None for the default one.
        max_qpu_seconds: A job that would take more is refused; None for 60.
        journal: The journal of jobs; None for the user's.
        run: The name of this measurement in the journal; another name measures anew.
            None for one made of all that is measured.

    Returns:
        The measurements, with confusion matrices where it was calibrated, and with
        where they came from. `calibrated` is when the machine was calibrated last, and
        empty for jobs that the journal had.

    Raises:
        ArgumentError: Bases, inputs or weights do not fit the circuit.
        BudgetError: The job would take too many QPU seconds.
        JobError: The job failed or was cancelled.
        TargetError: The target is unknown, cannot run the circuit or be calibrated.

    Example:
        >>> from qml_qdl.circuits import BasicEntangler
        >>> data = measure(BasicEntangler(2), shots=100, weights=torch.ones(1, 2))
        >>> data.bases[:4], data.total_shots
        (('XX', 'XY', 'XZ', 'YX'), 900)
    """
    found = run_rows(
        circuit,
        Frame(after=turn_by),
        lambda wires, generator: _chosen(bases, num_bases, wires, generator),
        turn_angles,
        [bases if isinstance(bases, str) else list(bases), num_bases],
        shots=shots,
        inputs=inputs,
        weights=weights,
        target=target,
        calibration_rows=calibration_rows,
        seed=seed,
        account=account,
        max_qpu_seconds=max_qpu_seconds,
        journal=journal,
        run=run,
    )
    return Measurements.from_bits(
        found.chosen, found.bits, found.wires, found.confusion, found.origin
    )


@frozen
class Frame:
    """Gates around a circuit whose angles are another row for each measurement.

    Args:
        after: Queues gates, given a row of angles and the wires, before these are read.
        before: The same before the circuit.
    """

    after: Callable[[Any, Sequence[Hashable]], None]
    before: Callable[[Any, Sequence[Hashable]], None] | None = None


@frozen(eq=False)
class RowsRead:
    """What was read, row by row.

    Args:
        chosen: What the rows are, as `choose` gave it.
        bits: (rows, shots, wires).
        wires: Labels of the wires.
        confusion: How they are misread, where it was measured.
        origin: Where it came from.
    """

    chosen: Any
    bits: NDArray[Any]
    wires: tuple[Hashable, ...]
    confusion: NDArray[np.float64] | None
    origin: Origin


@validate_call
def run_rows(
    circuit: Any,
    frame: Frame,
    choose: Callable[[int, np.random.Generator], Any],
    angles_of: Callable[[Any], Tensor],
    asked: Sequence[Any],
    *,
    shots: int,
    inputs: Any = (),
    weights: Any = None,
    target: Target | None = None,
    calibration_rows: int | None = None,
    seed: int | None = None,
    account: str | None = None,
    max_qpu_seconds: float | None = None,
    journal: str | Path | None = None,
    run: str | None = None,
) -> RowsRead:
    """Runs a circuit within a frame, with many rows of the frame's angles, in one job.

    Args:
        circuit: As `measure` takes it.
        frame: The gates around it.
        choose: What the rows are, given the number of wires and random numbers.
        angles_of: Their angles, (rows, angles).
        asked: What was asked for, by which the journal knows it.
        shots: Shots of each row.
        inputs: The rest: as `measure` takes them.
        weights: See `measure`.
        target: See `measure`.
        calibration_rows: See `measure`.
        seed: See `measure`.
        account: See `measure`.
        max_qpu_seconds: See `measure`.
        journal: See `measure`.
        run: See `measure`.

    Returns:
        What was read.

    Raises:
        ArgumentError: Inputs or weights do not fit the circuit.
        TargetError: The target is unknown, cannot run the circuit or be calibrated.
    """
    check_count("shots", shots)
    prepared, layer = _prepared(circuit, inputs, weights)
    wires = prepared.wires
    told: dict[str, Any] = {"account": account, "max_qpu_seconds": max_qpu_seconds}
    where: Any = target
    if layer is not None:
        own = layer.execution.options
        seed = own.seed if seed is None else seed
        told = {k: getattr(own, k) if v is None else v for k, v in told.items()}
        there = layer.qnode.device if layer.target is None else layer.target
        where = there if where is None else where
    elif where is None:
        where = circuit.device if isinstance(circuit, qml.QNode) else "auto"
    framed = QuantumLayer(
        qml.QNode(prepared.within(frame), qml.device("default.qubit", wires=wires)),
        {},
        target=where,
        shots=shots,
        seed=seed,
        **told,
    )
    device = framed.qnode.device
    words: list[Any] = [
        *map(_described, prepared.operations),
        [*map(str, wires)],
        _place(device),
        *asked,
        shots,
        seed,
    ]
    digest = hashlib.sha256(json.dumps(words).encode()).hexdigest()
    chosen = choose(len(wires), _generator(seed, digest, device))
    if calibration_rows is None:
        noisy = isinstance(device, ExecutorDevice) and device.executor.machine
        enough = max(4, math.ceil(CALIBRATION_SHOTS / shots))
        calibration_rows = enough if noisy else 0
    check_count("calibration_rows", calibration_rows, 0)
    digest = hashlib.sha256(f"{digest} {calibration_rows}".encode()).hexdigest()
    record_jobs(framed, journal or default_place(), run or f"measure-{digest[:16]}")
    sent = _jobs_sent(device)
    bits, confusion = _run(framed, angles_of(chosen), calibration_rows)
    origin = _origin(where, device, prepared.name, sent)
    return RowsRead(chosen, bits, wires, confusion, origin)


@validate_call
def exact_state(
    circuit: Any,
    *,
    inputs: Any = (),
    weights: Any = None,
    target: Target | None = None,
) -> DensityMatrix:
    """The state that a circuit prepares, without shots and errors of reading.

    Args:
        circuit: As `measure` takes it.
        inputs: As `measure` takes them.
        weights: Likewise.
        target: A simulator that tells density matrices; None for "auto". One of a
            machine's model, such as "aer:fake_torino", has its noise but for errors of
            reading, on the qubits that its transpiler chooses.

    Returns:
        The state.

    Raises:
        ArgumentError: Inputs or weights do not fit the circuit.
        MemoryBoundError: It does not fit into memory.
        TargetError: The target is unknown, or tells no states.

    Example:
        >>> from qml_qdl.circuits import BasicEntangler
        >>> exact_state(BasicEntangler(2), weights=torch.zeros(1, 2))
        DensityMatrix(wires=2, rank=1)
    """
    prepared, _ = _prepared(circuit, inputs, weights)
    check_state_memory(len(prepared.wires), 2 ** len(prepared.wires))
    layer = QuantumLayer(
        qml.QNode(prepared.state, qml.device("default.qubit", wires=prepared.wires)),
        {},
        target="auto" if target is None else target,
    )
    # Not as a layer: what has no tensor in it comes as an array.
    with torch.no_grad(), recorded_alone(layer.qnode.device):
        return DensityMatrix(np.asarray(layer.qnode()))


class _Prepared:
    """A circuit without what it reads out, and what prepares it again and again."""

    def __init__(
        self,
        name: str,
        function: Callable[[], Any],
        order: Sequence[Hashable] | None,
    ) -> None:
        self.name = name
        with qml.queuing.AnnotatedQueue():
            tape = qml.tape.make_qscript(function)()
        self.operations = list(tape.operations)
        if tape.batch_size is not None:
            raise ArgumentError(
                f"inputs: expected one row, got {tape.batch_size}; measure each row's "
                "state by itself"
            )
        used = tuple(tape.wires)
        if order is None and all(isinstance(wire, int) for wire in used):
            order = sorted(used)
        self.wires = used if order is None else tuple(w for w in order if w in used)
        if not self.wires:
            raise ArgumentError("circuit: expected gates on some wires, got none")

    def state(self) -> Any:
        """The circuit, and its density matrix."""
        for operation in self.operations:
            qml.apply(operation)
        return qml.density_matrix(self.wires)

    def within(self, frame: Frame) -> Callable[[Any], Any]:
        """The circuit within a frame, and read."""

        def framed(inputs: Any) -> Any:
            if frame.before is not None:
                frame.before(inputs, self.wires)
            for operation in self.operations:
                qml.apply(operation)
            frame.after(inputs, self.wires)
            return qml.sample(wires=self.wires)

        return framed


def turn_by(angles: Any, wires: Sequence[Hashable]) -> None:
    """Queues RZ and RY on each wire, after which reading in Z reads in a Pauli basis.

    Args:
        angles: A row of what `turn_angles` gives.
        wires: The wires.
    """
    for place, wire in enumerate(wires):
        qml.RZ(angles[..., place], wire)
        qml.RY(angles[..., len(wires) + place], wire)


def _prepared(
    circuit: Any, inputs: Any, weights: Any
) -> tuple[_Prepared, QuantumLayer | None]:
    layer: QuantumLayer | None = None
    if isinstance(circuit, QuantumLayer):
        layer, source = circuit, circuit.execution.source
        if weights is not None:
            raise ArgumentError(
                "weights: a layer brings its own, got others; leave them out, or give "
                "the layer's circuit"
            )
        with torch.no_grad():
            arguments = layer.arguments(*_tensors(inputs, layer.execution.input_names))
    elif isinstance(circuit, Circuit | Block):
        source = as_circuit(circuit)
        names: tuple[str, ...] = ("inputs",) if source.num_inputs else ()
        arguments = dict(zip(names, _tensors(inputs, names), strict=True))
        arguments["weights"] = _weights(source, weights)
    elif isinstance(circuit, qml.QNode):
        source = circuit
        if weights is not None:
            raise ArgumentError(
                "weights: a QNode has arguments only; make it a QuantumLayer with its "
                "weight_shapes, or bind them: functools.partial"
            )
        names = qnode_inputs(source, ())
        arguments = dict(zip(names, _tensors(inputs, names), strict=True))
    else:
        raise ArgumentTypeError(
            "circuit: expected a Circuit, a QuantumLayer or a PennyLane QNode, got "
            f"{type(circuit).__name__}"
        )
    arguments = _detached(arguments)
    if isinstance(source, Circuit):
        function: Any = without_measurements(source)
        return _Prepared(
            repr(source), lambda: function(**arguments), source.wires
        ), layer
    function = source.func
    name, order = getattr(function, "__name__", "QNode"), source.device.wires or None
    return _Prepared(name, lambda: function(**arguments), order), layer


def _tensors(inputs: Any, names: Sequence[str]) -> tuple[Tensor, ...]:
    """One row for each input."""
    if isinstance(inputs, Mapping):
        given: Sequence[Any] = [inputs.get(name) for name in names]
        if None in given or len(inputs) != len(names):
            raise ArgumentError(
                f"inputs: expected {', '.join(names) or 'none'}, got {list(inputs)}"
            )
    elif len(names) == 1:
        given = [inputs]
    else:
        given = as_items(inputs) or ()
    if not names and len(given):
        raise ArgumentError(
            f"inputs: the circuit takes none, got {inputs!r}; leave them out"
        )
    if len(given) != len(names) or (len(names) == 1 and not np.size(given[0])):
        raise ArgumentError(
            f"inputs: the circuit takes {', '.join(names)}, got {inputs!r}; expected a "
            "row of numbers for each"
        )
    rows = []
    for name, value in zip(names, given, strict=True):
        try:
            row = torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ArgumentTypeError(
                f"inputs: expected numbers for {name}, got {value!r}"
            ) from error
        if not row.is_floating_point():
            row = row.to(torch.get_default_dtype())
        if not row.isfinite().all():
            raise ArgumentError("inputs: expected finite numbers, got NaN or infinity")
        rows.append(row)
    return tuple(rows)


def _weights(circuit: Circuit, weights: Any) -> dict[str, Tensor]:
    shapes = circuit.weight_shapes
    if not isinstance(weights, Mapping):
        if weights is None and not shapes:
            return {}
        if weights is None or len(shapes) != 1:
            raise ArgumentError(
                f"weights: expected tensors by name for {list(shapes) or 'none'}, got "
                f"{'none' if weights is None else 'one'}; make a QuantumLayer for new "
                "ones"
            )
        weights = {next(iter(shapes)): weights}
    if set(weights) != set(shapes):
        raise ArgumentError(f"weights: expected {list(shapes)}, got {list(weights)}")
    found = {name: torch.as_tensor(weights[name]) for name in shapes}
    for name, tensor in found.items():
        if tuple(tensor.shape) != shapes[name]:
            raise ShapeError(
                f"weights: expected {shapes[name]} for {name}, got "
                f"{tuple(tensor.shape)}"
            )
        if not tensor.isfinite().all():
            raise ArgumentError("weights: expected finite numbers, got NaN or infinity")
    return found


def _detached(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _detached(each) for name, each in value.items()}
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        return value.double() if value.is_floating_point() else value
    return value


def _described(operation: Any) -> list[Any]:
    numbers = [np.asarray(qml.math.unwrap([x])[0]).tolist() for x in operation.data]
    wires = [*map(str, operation.wires)]
    return [operation.name, wires, repr(numbers), sorted(operation.hyperparameters)]


def _place(device: Any) -> list[str]:
    """Where a device runs, in words that are the same in every process."""
    if not isinstance(device, ExecutorDevice):
        return [device.name]
    told = device.options
    plain = {name: getattr(told, name) for name in sorted(told.given)}
    kinds = (bool, int, float, str, tuple)  # others have addresses in their words
    words = [f"{k}={v!r}" for k, v in plain.items() if isinstance(v, kinds)]
    return [device.executor.name, *(w for w in words if not w.startswith("run="))]


def _generator(seed: int | None, digest: str, device: Any) -> np.random.Generator:
    """Random numbers for bases; on machines the same for the same call."""
    if seed is not None:
        return np.random.default_rng((seed, 1))
    if sender_of(device) is not None:
        return np.random.default_rng(int(digest[:16], 16))
    return np.random.default_rng(int(torch.randint(2**62, ())))


def _chosen(
    bases: Any, num_bases: int | None, num_wires: int, generator: np.random.Generator
) -> tuple[str, ...]:
    if num_bases is not None and bases != "random":
        raise ArgumentError(
            f"num_bases: it is for bases='random', got {num_bases}; leave it out"
        )
    if isinstance(bases, str) and not set(bases) <= set("XYZ"):
        check_choice("bases", bases, BASES)
        if bases == "z":
            return ("Z" * num_wires,)
        if bases == "pauli":
            return pauli_bases(num_wires)
        count = 1024 if num_bases is None else num_bases
        check_count("num_bases", count)
        return random_bases(num_wires, count, generator)
    words = as_items([bases] if isinstance(bases, str) else bases)
    wrong = [
        word
        for word in words or ()
        if not isinstance(word, str) or len(word) != num_wires or set(word) - set("XYZ")
    ]
    if not words or wrong:
        raise ArgumentError(
            f"bases: expected 'pauli', 'random', 'z' or words of {num_wires} letters "
            f"X, Y and Z, one for each wire, got {wrong[0] if wrong else bases!r}"
        )
    return words


def turn_angles(bases: Sequence[str]) -> Tensor:
    """Angles of `turn_by`, (bases, 2 wires).

    Args:
        bases: Words of X, Y and Z.
    """
    turns = np.array([[TURNS[letter] for letter in basis] for basis in bases])
    return torch.from_numpy(np.concatenate([turns[:, :, 0], turns[:, :, 1]], axis=1))


def _run(
    layer: QuantumLayer, angles: Tensor, calibration_rows: int
) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    device = layer.qnode.device
    if not calibration_rows:
        with torch.no_grad():
            return layer(angles).numpy(), None
    if isinstance(device, ExecutorDevice):
        with recorded_alone(device):
            tapes, _ = qml.workflow.construct_batch(layer.qnode, level="device")(
                inputs=angles
            )
        (bits,), (confusion,) = device.execute_calibrated(tapes, calibration_rows)
        return np.asarray(bits), confusion
    raise ArgumentError(
        f"calibration_rows: {device.name} has no circuits that tell how it misreads, "
        f"got {calibration_rows}; pass 0"
    )


def _jobs_sent(device: Any) -> int:
    return device.executor.counters.jobs if isinstance(device, ExecutorDevice) else 0


def _origin(where: Any, device: Any, circuit: str, sent: int) -> Origin:
    named = isinstance(where, str) and where != "auto"
    target = where if named else device.name
    if not isinstance(device, ExecutorDevice):
        return Origin(target=target, circuit=circuit)
    sender, machine = sender_of(device), None
    jobs: tuple[str, ...] = ()
    if sender is not None:
        jobs = sender.job_ids
    if sender is None or _jobs_sent(device) > sent:
        machine = device.executor.machine
    moment = None if machine is None else machine.calibrated
    return Origin(
        target=target,
        machine=device.executor.name if sender is not None or machine else "",
        jobs=jobs,
        calibrated="" if moment is None else moment.isoformat(),
        circuit=circuit,
    )
