"""Transpiled circuits, each made once: in memory, and on disk as QPY."""

from __future__ import annotations

import contextlib
import hashlib
import io
import operator
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import qiskit
from attrs import field, frozen
from qiskit import QuantumCircuit, qpy
from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
from qiskit.providers import BackendV2
from qiskit.transpiler import PassManager, TranspilerError, generate_preset_pass_manager
from qiskit.transpiler.passes import BasisTranslator, UnrollCustomDefinitions

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, TargetError
from qml_qdl.hardware.caches import LruCache
from qml_qdl.hardware.files import remove_remains, write_atomically
from qml_qdl.hardware.qiskit.conversion.variants import Variant
from qml_qdl.hardware.tapes.executor import Counters

_MAGIC = b"qml-qdl isa 1\n"

_ON_DISK = 2000
"""How many files are kept."""


@frozen(eq=False)
class TranspiledCircuit:
    """A transpiled circuit.

    Args:
        circuit: The circuit in the backend's own gates, on its qubits.
        width: Number of qubits before transpilation.
        names: Names of the parameters in the order of the angles.
    """

    circuit: QuantumCircuit = field(repr=False)
    width: int
    names: tuple[str, ...]


class TranspilationStore:
    """A folder of transpiled circuits, which many processes may use at once.

    Args:
        folder: The folder; it is made when it is needed.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder: Path | None = Path(folder).expanduser() / "isa"

    def read(self, key: str) -> TranspiledCircuit | None:
        """Looks for a circuit.

        Args:
            key: Its key, a hexadecimal number.

        Returns:
            The circuit; None where there is none that can be used. A damaged file is
            warned of and never used.
        """
        if self._folder is None:
            return None
        path = self._folder / f"{key}.qpy"
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._give_up("read", error)
            return None
        isa = _unpack(raw, key)
        if isa is None:
            warnings.warn(
                f"{path} is damaged or not ours; the circuit is transpiled again and "
                "the file replaced",
                stacklevel=2,
            )
        return isa

    def write(self, key: str, isa: TranspiledCircuit) -> None:
        """Keeps a circuit; if that fails there is a warning.

        Args:
            key: Its key, a hexadecimal number.
            isa: The circuit.
        """
        if self._folder is None:
            return
        try:
            content = _pack(isa, key)
            path = self._folder / f"{key}.qpy"
            write_atomically(path, lambda file: file.write(content))
            _prune(self._folder)
        except OSError as error:
            self._give_up("write", error)

    def _give_up(self, what: str, error: OSError) -> None:
        warnings.warn(
            f"cache: cannot {what} in {self._folder} ({error}); transpiled circuits "
            "are kept in memory only. Set QML_QDL_CACHE to a folder of yours",
            stacklevel=3,
        )
        self._folder = None


def _pack(isa: TranspiledCircuit, key: str) -> bytes:
    circuit = isa.circuit.copy()
    circuit.metadata = {"key": key, "width": isa.width, "names": list(isa.names)}
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer)
    payload = buffer.getvalue()
    return _MAGIC + hashlib.sha256(payload).digest() + payload


def _unpack(raw: bytes, key: str) -> TranspiledCircuit | None:
    """The circuit in a file, or None where the file is not what was written."""
    start = len(_MAGIC) + hashlib.sha256().digest_size
    payload = raw[start:]
    if raw[:start] != _MAGIC + hashlib.sha256(payload).digest():
        return None
    (circuit,) = qpy.load(io.BytesIO(payload))
    own, circuit.metadata = circuit.metadata, {}
    if own.get("key") != key:
        return None
    return TranspiledCircuit(circuit, own["width"], tuple(own["names"]))


def _prune(folder: Path) -> None:
    """Deletes the oldest files where there are very many, and remains."""
    remove_remains(folder)
    files = list(folder.glob("*.qpy"))
    if len(files) <= _ON_DISK:
        return
    ages = []
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            ages.append((file.stat().st_mtime, file))
    for _, file in sorted(ages)[: len(files) - _ON_DISK // 2]:
        file.unlink(missing_ok=True)


_IN_MEMORY = 256
"""How many circuits are kept in memory."""


class TranspilationCache:
    """Transpiles each circuit once for one backend.

    Args:
        backend: The backend.
        optimization_level: Qiskit's, 0 to 3; None only translates gates, for simulators
            whose qubits are all coupled.
        seed_transpiler: Seed of the transpiler, so that every process finds the same.
        initial_layout: For each wire the backend's qubit on which it starts.
        pass_manager: A pass manager to use instead of Qiskit's preset one; its circuits
            are kept in memory only, because nothing tells what it does.
        folder: Where circuits are kept across processes; None keeps them in memory.
        counters: Where transpilations are counted.

    Raises:
        ArgumentError: The level or the layout cannot be.
        ArgumentTypeError: The pass manager is none.

    Example:
        >>> from qiskit_aer import AerSimulator
        >>> cache = TranspilationCache(AerSimulator(), folder=None)
        >>> circuit = QuantumCircuit(1)
        >>> circuit.h(0)  # doctest: +ELLIPSIS
        <...>
        >>> cache.get(circuit, "digest") is cache.get(circuit, "digest")
        True
    """

    def __init__(
        self,
        backend: BackendV2,
        *,
        optimization_level: int | None = 3,
        seed_transpiler: int = 0,
        initial_layout: Sequence[int] | None = None,
        pass_manager: PassManager | None = None,
        folder: str | Path | None = None,
        counters: Counters | None = None,
    ) -> None:
        if optimization_level not in (None, 0, 1, 2, 3):
            raise ArgumentError(
                f"optimization_level: expected 0, 1, 2 or 3, got {optimization_level!r}"
            )
        if pass_manager is not None and not isinstance(pass_manager, PassManager):
            raise ArgumentTypeError(
                f"pass_manager: expected a qiskit PassManager, got {pass_manager!r}"
            )
        if pass_manager is not None and initial_layout is not None:
            raise ArgumentError(
                "initial_layout: a pass_manager was given too, which sets its own; "
                "make it with generate_preset_pass_manager(initial_layout=...)"
            )
        self.backend = backend
        self.counters = Counters() if counters is None else counters
        self._level = optimization_level
        self._seed = seed_transpiler
        self._layout = _checked_layout(initial_layout, backend)
        self._own = pass_manager
        self._preset: PassManager | None = None
        keeps = folder is not None and pass_manager is None
        self._store = TranspilationStore(str(folder)) if keeps else None
        self._kept = LruCache[str, TranspiledCircuit](_IN_MEMORY)
        self._machine: str | None = None

    def get(self, circuit: QuantumCircuit, digest: str) -> TranspiledCircuit:
        """The transpiled circuit.

        Args:
            circuit: The circuit, measured or not.
            digest: Its content as a hexadecimal number.

        Returns:
            The circuit as the backend runs it.

        Raises:
            ArgumentError: The layout has not as many qubits as the circuit.
            TargetError: The backend is too small, or the circuit cannot be transpiled.
        """
        isa = self._kept.find(digest)
        if isa is None:
            isa = self._kept.keep(digest, self._made(circuit, digest))
        return isa

    def check_width(self, num_wires: int) -> None:
        """Refuses what is wider than the backend.

        Args:
            num_wires: Wires of a circuit.

        Raises:
            TargetError: It is.
        """
        size = self.backend.num_qubits
        if size is not None and num_wires > size:
            raise TargetError(
                f"backend: {self.backend.name} has {size} qubits, but the circuit has "
                f"{num_wires} wires; use a larger backend or fewer wires"
            )

    def _made(self, circuit: QuantumCircuit, digest: str) -> TranspiledCircuit:
        names = tuple(one.name for one in circuit.parameters)
        variant = Variant.noted_in(circuit)
        if variant is not None:
            whole = self.get(variant.circuit, variant.digest)
            made = variant.of(whole.circuit, self.backend.target)
            return TranspiledCircuit(made, circuit.num_qubits, names)
        key = self._key(circuit.num_qubits, digest)
        isa = None if self._store is None else self._store.read(key)
        if isa is None:
            isa = TranspiledCircuit(self._transpile(circuit), circuit.num_qubits, names)
            self.counters.transpilations += 1
            if self._store is not None:
                self._store.write(key, isa)
        return isa

    def _transpile(self, circuit: QuantumCircuit) -> QuantumCircuit:
        width = circuit.num_qubits
        self.check_width(width)
        if self._layout is not None and len(self._layout) != width:
            raise ArgumentError(
                f"initial_layout: expected one qubit for each of the {width} wires, "
                f"got {len(self._layout)} qubits: {list(self._layout)}"
            )
        try:
            isa = self._pass_manager().run(circuit)
        except TranspilerError as error:
            raise TargetError(
                f"backend: the circuit cannot be transpiled for {self.backend.name}: "
                f"{error}"
            ) from error
        if self._own is not None:
            self._check(isa, circuit)
        return isa

    def _pass_manager(self) -> PassManager:
        if self._own is not None:
            return self._own
        if self._preset is None and self._level is None:
            # Qiskit's preset ones first load all plugins that are installed, among them
            # IBM's whole client, which takes seconds.
            target, library = self.backend.target, SessionEquivalenceLibrary
            self._preset = PassManager(
                [
                    UnrollCustomDefinitions(library, target=target),
                    BasisTranslator(library, None, target=target),
                ]
            )
        elif self._preset is None:
            self._preset = generate_preset_pass_manager(
                optimization_level=self._level,
                backend=self.backend,
                initial_layout=None if self._layout is None else list(self._layout),
                seed_transpiler=self._seed,
                approximation_degree=1.0,
            )
        return self._preset

    def _check(self, isa: QuantumCircuit, circuit: QuantumCircuit) -> None:
        """Whether a user's pass manager gave what the backend can run."""
        size, target = self.backend.num_qubits, self.backend.target
        if size is not None and isa.num_qubits > size:
            raise TargetError(
                f"pass_manager: its circuit has {isa.num_qubits} qubits, but "
                f"{self.backend.name} has {size}; make it for this backend"
            )
        if not set(isa.parameters) <= set(circuit.parameters):
            raise TargetError(
                "pass_manager: its circuit has parameters that the given one has not; "
                "it must keep the circuit's own"
            )
        for instruction in isa.data:
            name = instruction.operation.name
            on = tuple(isa.find_bit(qubit).index for qubit in instruction.qubits)
            if name != "barrier" and not target.instruction_supported(name, on):
                raise TargetError(
                    f"pass_manager: its circuit has {name!r} on the qubits {list(on)}, "
                    f"which {self.backend.name} cannot do; make the pass manager with "
                    "generate_preset_pass_manager(backend=...) for this backend"
                )

    def _key(self, width: int, digest: str) -> str:
        if self._machine is None:
            self._machine = machine_digest(self.backend)
        parts = (
            digest,
            self._machine,
            self._level,
            self._seed,
            self._layout,
            width,
            qiskit.__version__,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def machine_digest(backend: BackendV2) -> str:
    """What tells one machine, and one calibration of it, from others.

    Args:
        backend: The backend.

    Returns:
        SHA-256 over its name and all that its target says, errors and durations too,
        so that circuits are transpiled anew when the machine was calibrated anew.
    """
    target = backend.target
    content: list[Any] = [backend.name, target.num_qubits, target.dt]
    for name in sorted(target.operation_names):
        entries = target[name]
        content.append(name)
        content += (
            sorted(
                (on or (), getattr(one, "error", None), getattr(one, "duration", None))
                for on, one in entries.items()
            )
            if None not in entries
            else [None]
        )
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _checked_layout(
    layout: Sequence[int] | None, backend: BackendV2
) -> tuple[int, ...] | None:
    if layout is None:
        return None
    try:
        numbers = tuple(operator.index(one) for one in layout)
    except TypeError as error:
        raise ArgumentTypeError(
            f"initial_layout: expected the backend's qubits as whole numbers, one for "
            f"each wire, got {layout!r}"
        ) from error
    size = backend.num_qubits
    wrong = [one for one in numbers if one < 0 or (size is not None and one >= size)]
    if wrong or len(set(numbers)) < len(numbers):
        raise ArgumentError(
            f"initial_layout: expected different qubits among 0 to {(size or 0) - 1} "
            f"of {backend.name}, got {list(numbers)}"
        )
    return numbers
