"""The options of executors, and which of them fit which backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from qiskit.providers import BackendV2
from qiskit.transpiler import PassManager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.qiskit.executors.isa import IsaCache
from qml_qdl.hardware.qiskit.executors.isa_store import default_cache_folder

CACHE = "default"
"""Says that transpiled circuits are kept in the user's cache folder."""


@frozen(eq=False, kw_only=True)
class Wanted:
    """What was asked for beside the backend, as `make_executor` takes it.

    Args:
        method: Aer's method.
        noise_model: A noise model of Aer.
        level: Qiskit's optimization level.
        seed_transpiler: Seed of the transpiler.
        layout: The machine's qubit of each wire.
        pass_manager: The user's own pass manager.
        folder: Where transpiled circuits are kept.
        seed: Seed of the shots.
        account: Name of the saved IBM account.
        session: Whether IBM's jobs run in a session.
        resilience: Error mitigation of IBM's estimator.
        service: What else IBM is told, by name.
        remote: What else `RemoteExecutor` takes.
    """

    method: str | None
    noise_model: NoiseModel | None
    level: int | None
    seed_transpiler: int
    layout: Sequence[int] | None
    pass_manager: PassManager | None
    folder: str | Path | None
    seed: int | np.random.Generator | None
    account: str | None
    session: bool
    resilience: int
    service: dict[str, Any]
    remote: dict[str, Any]

    def isa(self, backend: BackendV2) -> IsaCache:
        """What transpiles for a backend.

        Args:
            backend: The backend.

        Returns:
            The cache of its circuits.
        """
        coupled = backend.coupling_map is not None
        folder = self.folder
        if folder == CACHE:
            folder = default_cache_folder()
        if isinstance(backend, AerSimulator) and not coupled:
            folder = None  # made faster than read
        level = self.level
        if level is None and (coupled or self.layout is not None):
            level = 3
        return IsaCache(
            backend,
            optimization_level=level,
            seed_transpiler=self.seed_transpiler,
            initial_layout=self.layout,
            pass_manager=self.pass_manager,
            folder=folder,
        )

    def refuse_all(self) -> None:
        """Refuses what is settled when an executor is made.

        Raises:
            ArgumentError: Something of it was given.
        """
        given = {
            "method": self.method is not None,
            "noise_model": self.noise_model is not None,
            "optimization_level": self.level is not None,
            "initial_layout": self.layout is not None,
            "pass_manager": self.pass_manager is not None,
            "account": self.account is not None,
            "session": self.session,
            "resilience_level": self.resilience != 0,
            **dict.fromkeys(self.service, True),
        }
        names = [name for name, is_given in given.items() if is_given]
        if names:
            raise ArgumentError(
                f"{', '.join(names)}: the executor given has its own; say it where the "
                "executor is made"
            )

    def refuse_remote(self, backend: str, *, asks_ibm: bool = False) -> None:
        """Refuses what only IBM's machines can do.

        Args:
            backend: Name of the backend, for the message.
            asks_ibm: Whether IBM is asked for the calibration, by some account.

        Raises:
            ArgumentError: Something of it was given.
        """
        given = {
            "account": self.account is not None and not asks_ibm,
            "session": self.session,
            "resilience_level": self.resilience != 0,
            **dict.fromkeys(self.service, True),
        }
        names = [name for name, is_given in given.items() if is_given]
        if names:
            raise ArgumentError(
                f"{', '.join(names)}: only IBM's machines take this, but the backend "
                f"is {backend}; leave it out, or use 'ibm:...'"
            )

    def refuse_aer(self, backend: str) -> None:
        """Refuses what only Aer can do.

        Args:
            backend: Name of the backend, for the message.

        Raises:
            ArgumentError: Something of it was given.
        """
        given = {"method": self.method, "noise_model": self.noise_model}
        names = [name for name, value in given.items() if value is not None]
        if names:
            raise ArgumentError(
                f"{', '.join(names)}: only Aer takes this, but the backend is "
                f"{backend}; leave it out, or use 'aer'"
            )
