"""Transpiled circuits on disk, as QPY."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import sys
import warnings
from pathlib import Path

from attrs import field, frozen
from qiskit import QuantumCircuit, qpy

from qml_qdl.hardware.files import remove_remains, write_atomically

_MAGIC = b"qml-qdl isa 1\n"

_ON_DISK = 2000
"""How many files are kept."""


@frozen(eq=False)
class Isa:
    """A transpiled circuit.

    Args:
        circuit: The circuit in the backend's own gates, on its qubits.
        width: Number of qubits before transpilation.
        names: Names of the parameters in the order of the angles.
    """

    circuit: QuantumCircuit = field(repr=False)
    width: int
    names: tuple[str, ...]


def default_cache_folder() -> Path:
    """Where transpiled circuits are kept if nothing else is said.

    Returns:
        The environment's QML_QDL_CACHE, else a folder in the platform's place for
        caches.
    """
    own = os.environ.get("QML_QDL_CACHE")
    if own:
        return Path(own).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "qml-qdl"


class IsaStore:
    """A folder of transpiled circuits, which many processes may use at once.

    Args:
        folder: The folder; it is made when it is needed.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder: Path | None = Path(folder).expanduser() / "isa"

    def read(self, key: str) -> Isa | None:
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

    def write(self, key: str, isa: Isa) -> None:
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


def _pack(isa: Isa, key: str) -> bytes:
    circuit = isa.circuit.copy()
    circuit.metadata = {"key": key, "width": isa.width, "names": list(isa.names)}
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer)
    payload = buffer.getvalue()
    return _MAGIC + hashlib.sha256(payload).digest() + payload


def _unpack(raw: bytes, key: str) -> Isa | None:
    """The circuit in a file, or None where the file is not what was written."""
    start = len(_MAGIC) + hashlib.sha256().digest_size
    payload = raw[start:]
    if raw[:start] != _MAGIC + hashlib.sha256(payload).digest():
        return None
    (circuit,) = qpy.load(io.BytesIO(payload))
    own, circuit.metadata = circuit.metadata, {}
    if own.get("key") != key:
        return None
    return Isa(circuit, own["width"], tuple(own["names"]))


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
