"""An executor whose expectation values have less of the machine's errors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast, final

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.jobs.client import JobRequest, Machine
from qml_qdl.hardware.jobs.cost import Cost, Limits, RowCost
from qml_qdl.hardware.qiskit.executors.aer import AerExecutor
from qml_qdl.hardware.qiskit.executors.isa import Isa, IsaCache
from qml_qdl.hardware.qiskit.executors.mitigation import (
    Calibration,
    calibrate,
    calibrated_values,
    extrapolate,
    fold,
)
from qml_qdl.hardware.qiskit.executors.words import (
    Basis,
    Words,
    collect_words,
    constant_part,
    estimate_from_bits,
    estimate_from_probabilities,
    make_bases,
)
from qml_qdl.hardware.tapes.executor import Bits, Counters, Estimates, Executor, Pub

_SIMULATED = 4
"""How many qubits are calibrated by one simulated circuit."""


class _OnMachine(Protocol):
    """An executor that transpiles by a cache, as all of ours do."""

    name: str
    isa: IsaCache
    counters: Counters


@frozen(eq=False)
class _Reading:
    """A basis of one of the pubs, at all strengths of the noise."""

    basis: Basis
    qubits: tuple[int, ...]
    circuits: tuple[tuple[Pub, Isa], ...]


@frozen(eq=False)
class Prepared:
    """What one call runs.

    Args:
        words: For each pub its Pauli words.
        groups: For each pub its bases.
        calibrations: What tells how the qubits are misread.
    """

    words: tuple[Words, ...]
    groups: tuple[tuple[_Reading, ...], ...]
    calibrations: tuple[Calibration, ...]

    @property
    def circuits(self) -> list[tuple[Pub, Isa]]:
        """All pubs, with their circuits in the backend's gates; calibrations last."""
        readings = [reading for group in self.groups for reading in group]
        pairs = [pair for reading in readings for pair in reading.circuits]
        return pairs + [(one.pub, one.isa) for one in self.calibrations]


class Mitigated(Executor):
    """Expectation values with errors of reading undone and noise extrapolated to zero.

    Each circuit is read in the bases its observables need, at each strength of the
    noise, and the qubits' reading is calibrated, all in one job of the executor: one
    pub for each basis and strength, with all rows, and one for the calibration. It
    costs as many executions as there are strengths, and makes errors of shots larger.

    Samples and states cannot be mitigated. On the device, expectation values come from
    here with `route="estimator"`.

    Args:
        executor: What runs circuits.
        readout: Whether errors of reading are undone.
        zne_scales: Strengths of the noise, odd numbers; (1,) for none but its own.
        extrapolation: "linear", "exponential" or "richardson".
        folding: "global" folds whole circuits, "gates" only gates on two qubits.
        calibration_rows: Rows that prepare |0⟩, and as many |1⟩.

    Raises:
        ArgumentError: The strengths cannot be used.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit.quantum_info import SparsePauliOp
        >>> from qml_qdl.hardware.qiskit.backends import make_executor
        >>> machine = make_executor("fake_manila", cache=None)
        >>> circuit = QuantumCircuit(1)
        >>> _ = circuit.x(0)
        >>> z = (SparsePauliOp("Z"),)
        >>> pub = Pub(circuit, np.zeros((1, 0)), "x", z)
        >>> raw, better = machine, Mitigated(machine)
        >>> [round(float(one.estimate([pub], None)[0].values[0, 0]), 2)
        ...  for one in (raw, better)]
        [-0.96, -1.0]
    """

    def __init__(
        self,
        executor: Executor,
        *,
        readout: bool = True,
        zne_scales: Sequence[int] = (1, 3, 5),
        extrapolation: str = "exponential",
        folding: str = "global",
        calibration_rows: int = 4,
    ) -> None:
        scales = tuple(zne_scales)
        if not scales or scales[0] != 1 or len(set(scales)) < len(scales):
            raise ArgumentError(
                f"zne_scales: expected different odd numbers that begin with 1, got "
                f"{scales}; say (1, 3, 5), or (1,) for no extrapolation"
            )
        if calibration_rows < 1:
            raise ArgumentError(
                f"calibration_rows: expected at least 1, got {calibration_rows}"
            )
        self.executor = executor
        self._machine = cast(_OnMachine, executor)
        self._readout = readout
        self._scales = scales
        self._extrapolation = extrapolation
        self._folding = folding
        self._rows = calibration_rows
        self._folded: dict[str, Isa] = {}

    @property
    def name(self) -> str:
        """The executor's name."""
        return self._machine.name

    @property
    def counters(self) -> Counters:
        """What the executor did so far."""
        return self._machine.counters

    @property
    def sender(self) -> Any:
        """What sends the executor's jobs; None where it keeps no journal."""
        return self.executor.sender

    @property
    def machine(self) -> Machine | None:
        """What tells the costs of mitigated calls; None without a machine."""
        machine = self.executor.machine
        return None if machine is None else _MitigatedMachine(self, machine)

    @property
    def _isa(self) -> IsaCache:
        machine = self.executor.machine
        isa: IsaCache = self._machine.isa if machine is None else machine.isa
        return isa

    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Bits]:
        """Refused: shots cannot be mitigated one by one.

        Raises:
            TargetError: Always.
        """
        raise TargetError(
            "mitigation: it gives expectation values, not shots; on the device say "
            "route='estimator', or sample without mitigation"
        )

    def states(self, pubs: Sequence[Pub]) -> list[NDArray[np.complex128]]:
        """Refused: states cannot be mitigated.

        Raises:
            TargetError: Always.
        """
        raise TargetError(
            "mitigation: it gives expectation values, not states; read out expectation "
            "values, or leave mitigation out"
        )

    def estimate(self, pubs: Sequence[Pub], shots: int | None) -> list[Estimates]:
        """Estimates the pubs' observables.

        Args:
            pubs: Circuits that do not measure, with observables.
            shots: Shots of every row, basis and strength of the noise; None for what
                infinitely many would give, on Aer only.

        Returns:
            For each pub its estimates. Their errors are those of the shots; that of the
            calibration, which is the same for all rows, is not in them.

        Raises:
            TargetError: Infinitely many shots were asked of a machine.
        """
        # A machine calibrates all its qubits at once; simulating that takes too much.
        few = _SIMULATED if isinstance(self.executor, AerExecutor) else None
        prepared = self.prepare(pubs, few)
        with self.holding(prepared):
            found = self._run([pub for pub, _ in prepared.circuits], shots)
        values: dict[int, NDArray[np.float64]] = {}
        for calibration in reversed(prepared.calibrations):
            values |= calibrated_values(calibration, found.pop())
        results = iter(found)
        return [
            self._combine(
                own,
                group,
                [[next(results) for _ in self._scales] for _ in group],
                values,
                pub.rows,
            )
            for pub, own, group in zip(
                pubs, prepared.words, prepared.groups, strict=True
            )
        ]

    def prepare(self, pubs: Sequence[Pub], most: int | None = None) -> Prepared:
        """Constructs what `estimate` runs.

        Args:
            pubs: Circuits that do not measure, with observables.
            most: How many qubits one circuit calibrates; None for all, as on a machine.

        Returns:
            Its circuits, those of the calibration among them.
        """
        words = tuple(collect_words(pub) for pub in pubs)
        groups = tuple(
            tuple(self._reading(basis) for basis in make_bases(pub, own))
            for pub, own in zip(pubs, words, strict=True)
        )
        readings = [reading for group in groups for reading in group]
        return Prepared(words, groups, tuple(self._calibrations(readings, most)))

    def holding(self, prepared: Prepared) -> AbstractContextManager[None]:
        """Has the circuits of a call run as they are, for a while.

        Args:
            prepared: What `prepare` returned.
        """
        held = {pub.digest: isa for pub, isa in prepared.circuits}
        return self._isa.holding(held)

    def _run(self, pubs: Sequence[Pub], shots: int | None) -> list[Any]:
        """Shots, or tables of probabilities."""
        if shots is None:
            return list(self.executor.probabilities(pubs))
        return list(self.executor.sample(pubs, shots))

    def _reading(self, basis: Basis) -> _Reading:
        cache = self._isa
        isa = cache.get(basis.pub.circuit, basis.pub.digest)
        places = {}
        for instruction in isa.circuit.data:
            if instruction.operation.name == "measure":
                bit = isa.circuit.find_bit(instruction.clbits[0]).index
                places[bit] = isa.circuit.find_bit(instruction.qubits[0]).index
        circuits = []
        for scale in self._scales:
            text = f"{basis.pub.digest} folded {self._folding} {scale}"
            digest = hashlib.sha256(text.encode()).hexdigest()
            if digest not in self._folded:
                longer = fold(isa.circuit, scale, cache.backend.target, self._folding)
                self._folded[digest] = evolve(isa, circuit=longer)
            pub = evolve(basis.pub, digest=digest)
            circuits.append((pub, self._folded[digest]))
        qubits = tuple(places[bit] for bit in range(len(basis.qubits)))
        return _Reading(basis, qubits, tuple(circuits))

    def _calibrations(
        self, readings: Sequence[_Reading], most: int | None
    ) -> list[Calibration]:
        if not self._readout:
            return []
        uses = [reading.qubits for reading in readings]
        qubits = list(dict.fromkeys(qubit for own in uses for qubit in own))
        step = most or max(1, len(qubits))
        target = self._isa.backend.target
        return [
            calibrate(qubits[start : start + step], target, self._rows, uses)
            for start in range(0, len(qubits), step)
        ]

    def _combine(
        self,
        words: Words,
        group: Sequence[_Reading],
        results: Sequence[Sequence[Any]],
        values: dict[int, NDArray[np.float64]],
        rows: int,
    ) -> Estimates:
        """One pub's results, (bases, scales), as one estimate."""
        bases = [reading.basis for reading in group]
        counted = [
            np.array([values.get(qubit, [1.0, -1.0]) for qubit in reading.qubits])
            for reading in group
        ]
        estimates: list[Estimates] = []
        for scale in range(len(self._scales)):
            own = [found[scale] for found in results]
            exact = bool(own) and own[0].ndim == 2
            combine = estimate_from_probabilities if exact else estimate_from_bits
            estimates.append(combine(words, bases, own, rows, counted))
        if len(estimates) == 1:
            return estimates[0]
        # Noise makes only what is not the identity decay.
        constant = constant_part(words)
        decaying = [evolve(one, values=one.values - constant) for one in estimates]
        found = extrapolate(decaying, self._scales, self._extrapolation)
        return evolve(found, values=found.values + constant)


@final
class _MitigatedMachine(Machine):
    """A machine as mitigated calls use it."""

    def __init__(self, mitigated: Mitigated, machine: Machine) -> None:
        self._mitigated = mitigated
        self._machine = machine
        self._calibrations = 0

    def prepare(self, request: JobRequest, max_qpu_seconds: float) -> JobRequest:
        """All circuits of a mitigated call; see `Machine.prepare`."""
        if request.kind == "sample":
            self._mitigated.sample(request.pubs, request.shots)  # refused
        prepared = self._mitigated.prepare(request.pubs)
        self._calibrations = len(prepared.calibrations)
        options = {k: v for k, v in request.options.items() if k != "resilience_level"}
        pubs = tuple(pub for pub, _ in prepared.circuits)
        sampled = evolve(request, kind="sample", pubs=pubs, options=options)
        with self._mitigated.holding(prepared):
            return self._machine.prepare(sampled, max_qpu_seconds)

    def limits(self, request: JobRequest) -> Limits:
        """As the machine's; see `Machine.limits`."""
        return self._machine.limits(request)

    def row_costs(self, request: JobRequest) -> list[RowCost]:
        """As the machine's; see `Machine.row_costs`."""
        return self._machine.row_costs(request)

    def cost(self, request: JobRequest, jobs: int = 1) -> Cost:
        """The machine's, calibrations told; see `Machine.cost`."""
        cost = self._machine.cost(request, jobs)
        return evolve(cost, calibrations=cost.calibrations + self._calibrations)
