"""The executors that run circuits on backends, found by name or given as objects."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from qiskit.providers import BackendV2
from qiskit.transpiler import PassManager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, TargetError
from qml_qdl.hardware.qiskit.executors.aer import METHODS, AerExecutor
from qml_qdl.hardware.qiskit.executors.generic import GenericExecutor
from qml_qdl.hardware.qiskit.executors.isa import IsaCache, default_cache_folder
from qml_qdl.hardware.qiskit.executors.noise import (
    GivenNoise,
    MachineNoise,
    NoiseSource,
    NoNoise,
)
from qml_qdl.hardware.tapes.executor import Executor

FORMS = (
    "'aer', 'aer:fake_NAME' or 'fake_NAME' (Aer with a machine's stored noise), "
    "'aer:ibm_NAME' (Aer with today's calibration of a machine), 'ibm:ibm_NAME', "
    "'ibm:least_busy', or a qiskit BackendV2"
)
"""What a backend can be, in words."""


@frozen
class BackendName:
    """A backend's name, read.

    Args:
        place: "aer" for a simulation here, "ibm" for the machine itself.
        machine: Name of the machine, or None for the ideal simulator.
    """

    place: str
    machine: str | None


def parse_backend(name: str) -> BackendName:
    """Reads a backend's name.

    Args:
        name: The name.

    Returns:
        Its parts.

    Raises:
        TargetError: It is no name of a backend.

    Example:
        >>> parse_backend("fake_torino")
        BackendName(place='aer', machine='fake_torino')
    """
    place, colon, machine = name.partition(":")
    if name == "aer":
        return BackendName("aer", None)
    if name.startswith("fake_") and not colon:
        return BackendName("aer", name)
    if place == "aer" and machine.startswith(("fake_", "ibm_")):
        return BackendName("aer", machine)
    if place == "ibm" and machine and not machine.startswith("fake_"):
        return BackendName("ibm", machine)
    hint = ""
    if name.startswith("ibm_"):
        hint = f"; for the machine itself say 'ibm:{name}'"
    elif place == "ibm" and machine.startswith("fake_"):
        hint = f"; stored machines are simulated here: say 'aer:{machine}'"
    raise TargetError(f"backend: expected {FORMS}, got {name!r}{hint}")


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


def make_executor(
    backend: str | BackendV2 | Executor,
    *,
    method: str | None = None,
    noise_model: NoiseModel | None = None,
    optimization_level: int | None = None,
    seed_transpiler: int = 0,
    initial_layout: Sequence[int] | None = None,
    pass_manager: PassManager | None = None,
    cache: str | Path | None = CACHE,
    seed: int | np.random.Generator | None = None,
    account: str | None = None,
    session: bool = False,
    resilience_level: int = 0,
    dynamical_decoupling: bool | str = False,
    twirling: bool | None = None,
    journal: Any = None,
    run: str | None = None,
    max_qpu_seconds: float | None = None,
) -> Executor:
    """What runs circuits on a backend.

    Simulations are neither written into a journal nor held to a budget. A machine of
    IBM's is looked up when something has to be sent: what was sent needs none.

    Args:
        backend: "aer", "aer:fake_torino" (or "fake_torino"), "aer:ibm_torino",
            "ibm:ibm_torino", "ibm:least_busy", or a backend. An executor comes back as
            it is.
        method: Aer's method: "statevector", "density_matrix", "matrix_product_state" or
            "stabilizer"; None chooses. Aer only.
        noise_model: A noise model of Aer to use instead of the machine's. Aer only.
        optimization_level: Qiskit's, 0 to 3; None for 3 on machines where not all
            qubits are coupled; elsewhere gates are only translated.
        seed_transpiler: Seed of the transpiler.
        initial_layout: For each wire the machine's qubit on which it starts.
        pass_manager: A pass manager to use instead of Qiskit's preset one.
        cache: Folder where transpiled circuits are kept; "default" for the
            environment's QML_QDL_CACHE or the platform's cache folder, None for memory
            only. Those for Aer without a machine are kept in memory in any case.
        seed: Seed of the shots of simulators; None for new ones each time.
        account: Name of the saved IBM account; only where IBM is asked.
        session: Whether IBM's jobs run in a session.
        resilience_level: Error mitigation of IBM's estimator, 0, 1 or 2.
        dynamical_decoupling: Whether IBM fills idle times of qubits with pulses, or
            which: "XX", "XpXm" or "XY4".
        twirling: Whether IBM twirls gates; None leaves it to the resilience level.
        journal: The journal of IBM's jobs, or its file.
        run: The run in the journal.
        max_qpu_seconds: A job that would take more is refused; None for 60.

    Returns:
        The executor.

    Raises:
        ArgumentError: An option does not fit the backend.
        ArgumentTypeError: The backend is neither a name nor a backend.
        TargetError: There is no such backend.

    Example:
        >>> make_executor("aer", seed=1).name
        'aer'
    """
    if method is not None and method not in METHODS:
        raise ArgumentError(
            f"method: expected one of {', '.join(METHODS)}, got {method!r}"
        )
    if noise_model is not None and not isinstance(noise_model, NoiseModel):
        raise ArgumentTypeError(
            f"noise_model: expected a qiskit_aer NoiseModel, got {noise_model!r}"
        )
    wanted = Wanted(
        method=method,
        noise_model=noise_model,
        level=optimization_level,
        seed_transpiler=seed_transpiler,
        layout=initial_layout,
        pass_manager=pass_manager,
        folder=cache,
        seed=seed,
        account=account,
        session=session,
        resilience=resilience_level,
        service={
            name: value
            for name, value in {
                "dynamical_decoupling": dynamical_decoupling or None,
                "twirling": twirling,
            }.items()
            if value is not None
        },
        remote={
            name: value
            for name, value in {
                "journal": journal,
                "run": run,
                "max_qpu_seconds": max_qpu_seconds,
            }.items()
            if value is not None
        },
    )
    if isinstance(backend, Executor):
        wanted.refuse_all()
        return backend
    if isinstance(backend, str):
        return _by_name(backend, wanted)
    if isinstance(backend, BackendV2):
        return _by_object(backend, wanted)
    raise ArgumentTypeError(f"backend: expected {FORMS}, got {backend!r}")


def _by_name(backend: str, wanted: Wanted) -> Executor:
    name = parse_backend(backend)
    if name.place == "ibm":
        wanted.refuse_aer(backend)
        return _remote(backend, wanted)
    if name.machine is None:
        wanted.refuse_remote(backend)
        simulator = _simulator(wanted.method, wanted.noise_model)
        return _on_simulator(simulator, wanted, "aer")
    stored = name.machine.startswith("fake_")
    wanted.refuse_remote(backend, asks_ibm=not stored)
    if stored:
        from qml_qdl.hardware.qiskit.ibm.fakes import make_fake

        machine = make_fake(name.machine)
    else:
        from qml_qdl.hardware.qiskit.ibm.machines import service_backend

        machine = service_backend(name.machine, wanted.account)
    return _simulated_machine(machine, wanted)


def _by_object(backend: BackendV2, wanted: Wanted) -> Executor:
    home = type(backend).__module__
    if home == "qiskit_ibm_runtime.ibm_backend":
        wanted.refuse_aer(backend.name)
        return _remote(f"ibm:{backend.name}", wanted, backend)
    wanted.refuse_remote(backend.name)
    if isinstance(backend, AerSimulator):
        return _on_simulator(backend, wanted, backend.name)
    if home.startswith("qiskit_ibm_runtime.fake_provider"):
        return _simulated_machine(backend, wanted)
    wanted.refuse_aer(backend.name)
    return GenericExecutor(backend, wanted.isa(backend), seed=wanted.seed)


def _simulator(method: str | None, noise_model: NoiseModel | None) -> AerSimulator:
    """Aer with as many threads as the environment allows."""
    options = {"method": method, "noise_model": noise_model}
    threads = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if threads.isdigit() and int(threads) > 0:
        options["max_parallel_threads"] = int(threads)
    given = {name: value for name, value in options.items() if value is not None}
    return AerSimulator(**given)


def _on_simulator(simulator: AerSimulator, wanted: Wanted, name: str) -> AerExecutor:
    method = wanted.method
    own = simulator.options.get("method")
    if method is None and own in METHODS:
        method = own
    model = wanted.noise_model or simulator.options.get("noise_model")
    noise: NoiseSource = NoNoise() if model is None else GivenNoise(model)
    return AerExecutor(
        simulator,
        wanted.isa(simulator),
        noise=noise,
        method=method,
        seed=wanted.seed,
        name=name,
    )


def _simulated_machine(machine: BackendV2, wanted: Wanted) -> AerExecutor:
    """A machine, simulated with its noise."""
    if wanted.method == "stabilizer":
        raise ArgumentError(
            f"method: 'stabilizer' cannot run the noise of {machine.name}; use None, "
            "'density_matrix' or 'statevector'"
        )
    model = wanted.noise_model
    return AerExecutor(
        _simulator(wanted.method, None),
        wanted.isa(machine),
        noise=MachineNoise(machine) if model is None else GivenNoise(model),
        method=wanted.method,
        seed=wanted.seed,
        name=f"aer:{machine.name}",
    )


def _remote(name: str, wanted: Wanted, given: Any = None) -> Executor:
    """A machine of IBM's; `given` is the user's object of it."""
    from qml_qdl.hardware.jobs.remote import RemoteExecutor
    from qml_qdl.hardware.qiskit.ibm.client import IBMClient

    client = IBMClient(name, wanted.account, session=wanted.session)
    if given is not None:
        # Ours is a connection of its own; it must be to the same purse.
        ours, theirs = client.backend.service, given.service
        if ours.active_instance() != theirs.active_instance():
            raise TargetError(
                f"backend: the {given.name} given belongs to another instance than "
                f"that of account={wanted.account!r}; name the saved account that it "
                "is reached with, account=..."
            )
    return RemoteExecutor(
        client,
        lambda: wanted.isa(client.backend),
        resilience_level=wanted.resilience,
        options=wanted.service,
        **wanted.remote,
    )
