"""The executors that run circuits on backends, found by name or given as objects."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import evolve, fields, frozen
from qiskit.providers import BackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, TargetError
from qml_qdl.circuits.validation import check_choice
from qml_qdl.hardware.caches import default_cache_folder
from qml_qdl.hardware.options import ASKED, TargetOptions
from qml_qdl.hardware.qiskit.aer.executor import METHODS, AerExecutor
from qml_qdl.hardware.qiskit.aer.noise import (
    GivenNoise,
    MachineNoise,
    NoiseSource,
    NoNoise,
)
from qml_qdl.hardware.qiskit.generic_backend import GenericExecutor
from qml_qdl.hardware.qiskit.transpilation import (
    TranspilationCache,
)
from qml_qdl.hardware.seeds import Seeds
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
    elif place == "aer":
        hint = f"; did you mean 'aer:fake_{machine}'?"
    elif "simulator" in name:
        hint = "; for Aer say 'aer'"
    raise TargetError(f"backend: expected {FORMS}, got {name!r}{hint}")


AER = frozenset({"method", "noise_model"})
"""What only Aer takes."""

MACHINE = frozenset(
    {"account", "session", "resilience_level", "dynamical_decoupling", "twirling"}
)
"""What only IBM's machines take."""

SETTLED = frozenset({"optimization_level", "initial_layout", "pass_manager"})
"""What all take, but is settled when an executor is made."""


def accepted(backend: Any) -> frozenset[str]:
    """Which of the options that not every backend takes one takes.

    Args:
        backend: The backend's name, or the backend.

    Returns:
        Names of fields of `TargetOptions`.

    Raises:
        ArgumentTypeError: It is neither.
        TargetError: It is no name of a backend.
    """
    if not isinstance(backend, str):
        return _kind_of(backend).accepts
    name = parse_backend(backend)
    if name.place == "ibm":
        return MACHINE | SETTLED
    calibrated = name.machine is not None and not name.machine.startswith("fake_")
    return AER | SETTLED | ({"account"} if calibrated else set())


def fitted(options: TargetOptions, backend: Any) -> TargetOptions:
    """The options that a backend has a use for.

    Args:
        options: Options that also serve other targets.
        backend: The backend's name, or the backend.

    Returns:
        Those options, all others left open. A level of resilience has IBM's estimator
        give expectation values.

    Raises:
        ArgumentTypeError: It is neither.
        TargetError: It is no name of a backend.
    """
    accepts = accepted(backend)
    if "resilience_level" in accepts and options.resilience_level is not None:
        options = evolve(options, route="estimator")
    return evolve(options, **dict.fromkeys((AER | MACHINE | SETTLED) - accepts))


def refuse_others(
    options: TargetOptions, accepted: frozenset[str], name: str | None
) -> None:
    """Refuses options that a backend does not take.

    Args:
        options: What was asked for.
        accepted: What the backend takes of those that not every one takes.
        name: The backend's name, for the message; None for an executor.

    Raises:
        ArgumentError: It does not take one.
    """
    left = f"but the backend is {name}; leave it out, or use"
    reasons = {
        MACHINE: f"only IBM's machines take this, {left} 'ibm:...'",
        AER: f"only Aer takes this, {left} 'aer'",
    }
    if name is None:
        own = "the executor given has its own; say it where the executor is made"
        reasons = {AER | MACHINE | SETTLED: own}
    for owned, reason in reasons.items():
        wrong = sorted((options.given & owned) - accepted)
        if wrong:
            raise ArgumentError(f"{', '.join(wrong)}: {reason}")


def make_executor(
    backend: str | BackendV2 | Executor,
    options: TargetOptions | None = None,
    /,
    **named: Any,
) -> Executor:
    """What runs circuits on a backend.

    Simulations are neither written into a journal nor held to a budget. A machine of
    IBM's is looked up when something has to be sent: what was sent needs none.

    Args:
        backend: "aer", "aer:fake_torino" (or "fake_torino"), "aer:ibm_torino",
            "ibm:ibm_torino", "ibm:least_busy", or a backend, whose own options are
            honoured as they are now, or refused. An executor comes back as it is, but
            for a seed that is asked for.
        options: What it is told; of how it is asked it knows nothing.
        **named: The same by name.

    Returns:
        The executor.

    Raises:
        ArgumentError: An option does not fit the backend.
        ArgumentTypeError: The backend is neither a name nor a backend, or there is no
            such option.
        TargetError: There is no such backend.

    Example:
        >>> make_executor("aer", seed=1).name
        'aer'
    """
    known = [each.name for each in fields(TargetOptions) if each.name not in ASKED]
    options = (options or TargetOptions()).changed("an executor", known, **named)
    check_choice("method", options.method, (None, *METHODS))
    model = options.noise_model
    if not isinstance(model, NoiseModel | None):
        raise ArgumentTypeError(
            f"noise_model: expected a qiskit_aer NoiseModel, got {model!r}"
        )
    if isinstance(backend, Executor):
        refuse_others(options, frozenset(), None)
        return backend if options.seed is None else backend.seeded(Seeds(options.seed))
    if isinstance(backend, str):
        return _by_name(backend, options)
    return _by_object(backend, options)


def _isa(backend: BackendV2, options: TargetOptions) -> TranspilationCache:
    """What transpiles for a backend."""
    coupled = backend.coupling_map is not None
    folder = default_cache_folder() if options.cache == "default" else options.cache
    if isinstance(backend, AerSimulator) and not coupled:
        folder = None  # made faster than read
    level = options.optimization_level
    if level is None and (coupled or options.initial_layout is not None):
        level = 3
    return TranspilationCache(
        backend,
        optimization_level=level,
        seed_transpiler=options.seed_transpiler or 0,
        initial_layout=options.initial_layout,
        pass_manager=options.pass_manager,
        folder=folder,
    )


def _by_name(backend: str, options: TargetOptions) -> Executor:
    name = parse_backend(backend)
    refuse_others(options, accepted(backend), backend)
    if name.place == "ibm":
        return _remote(backend, options)
    if name.machine is None:
        return _on_simulator(_simulator(options.method, options.noise_model), options)
    if name.machine.startswith("fake_"):
        from qml_qdl.hardware.qiskit.ibm.fakes import make_fake

        return _simulated_machine(make_fake(name.machine), options)
    from qml_qdl.hardware.qiskit.ibm.machines import service_backend

    return _simulated_machine(service_backend(name.machine, options.account), options)


_LONGEST = 80


@frozen
class _Kind:
    """A kind of backends that come as objects.

    Args:
        accepts: What they take of the options that not every backend takes.
        make: Makes the executor.
        sets: Which of a backend's own options are honoured; None for all but "shots".
    """

    accepts: frozenset[str]
    make: Callable[[Any, TargetOptions], Executor]
    sets: frozenset[str] | None = None


def _by_object(backend: Any, options: TargetOptions) -> Executor:
    kind = _kind_of(backend)
    refuse_others(options, kind.accepts, backend.name)
    usual = type(backend)._default_options() or {}
    own = {k: v for k, v in dict(backend.options).items() if v != usual.get(k)}
    wrong = own.keys() & {"shots"} if kind.sets is None else own.keys() - kind.sets
    if wrong:
        said = ", ".join(f"{name}={own[name]!r}" for name in sorted(wrong))
        raise ArgumentError(
            f"backend: the {backend.name} given has the own options {said}, which are "
            f"not used here; {_INSTEAD.get(min(wrong), _INSTEAD[None])}"
        )
    if options.seed is None and own.get("seed_simulator") is not None:
        options = evolve(options, seed=int(own["seed_simulator"]))
    return kind.make(backend, options)


_INSTEAD: Mapping[str | None, str] = {
    "shots": "say them of the layer or QNode, shots=1000",
    "use_fractional_gates": "leave it out: angles are bound when jobs are sent",
    None: "leave them out; for Aer's options use "
    "AerSimulator.from_backend(backend, method=...)",
}


def _kind_of(backend: Any) -> _Kind:
    """How a backend is used, by its class or the nearest one that it is made from.

    Raises:
        ArgumentTypeError: It is none, as a class, a primitive or a provider.
    """
    if isinstance(backend, type):
        raise ArgumentTypeError(
            f"backend: expected {FORMS}, got the class {backend.__name__}; make one of "
            f"it: {backend.__name__}()"
        )
    names = (f"{base.__module__}.{base.__qualname__}" for base in type(backend).__mro__)
    found = next((_KINDS[name] for name in names if name in _KINDS), "")
    if isinstance(found, _Kind):
        return found
    repair = f"; {found}" if found else ""
    shown = " ".join(repr(backend).split())
    shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
    raise ArgumentTypeError(f"backend: expected {FORMS}, got {shown}{repair}")


def _simulator(method: str | None, noise_model: NoiseModel | None) -> AerSimulator:
    """Aer with as many threads as the environment allows."""
    options = {"method": method, "noise_model": noise_model}
    threads = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if threads.isdigit() and int(threads) > 0:
        options["max_parallel_threads"] = int(threads)
    given = {name: value for name, value in options.items() if value is not None}
    return AerSimulator(**given)


def _on_simulator(
    simulator: AerSimulator, options: TargetOptions, name: str = "aer"
) -> AerExecutor:
    method = options.method
    own = simulator.options.get("method", "automatic")
    if method is None and own != "automatic":
        check_choice("method", own, METHODS)
        method = own
    model = options.noise_model or simulator.options.get("noise_model")
    noise: NoiseSource = NoNoise() if model is None else GivenNoise(model)
    return AerExecutor(
        simulator,
        _isa(simulator, options),
        noise=noise,
        method=method,
        seed=options.seed,
        name=name,
    )


def _simulated_machine(machine: BackendV2, options: TargetOptions) -> AerExecutor:
    """A machine, simulated with its noise."""
    if options.method == "stabilizer":
        raise ArgumentError(
            f"method: 'stabilizer' cannot run the noise of {machine.name}; use None, "
            "'density_matrix' or 'statevector'"
        )
    from qml_qdl.hardware.qiskit.ibm.cost import IBMMachine

    model = options.noise_model
    isa = _isa(machine, options)
    return AerExecutor(
        _simulator(options.method, None),
        isa,
        machine=IBMMachine(isa),
        noise=MachineNoise(machine) if model is None else GivenNoise(model),
        method=options.method,
        seed=options.seed,
        name=f"aer:{machine.name}",
    )


def _given_simulator(simulator: AerSimulator, options: TargetOptions) -> Executor:
    return _on_simulator(simulator, options, simulator.name)


def _given_machine(machine: Any, options: TargetOptions) -> Executor:
    return _remote(f"ibm:{machine.name}", options, machine)


def _given_backend(backend: BackendV2, options: TargetOptions) -> Executor:
    if options.seed is not None and not hasattr(backend.options, "seed_simulator"):
        raise ArgumentError(
            f"seed: {backend.name} samples shots in its own way, got seed="
            f"{options.seed}; leave it out"
        )
    return GenericExecutor(backend, _isa(backend, options), seed=options.seed)


def _remote(name: str, options: TargetOptions, given: Any = None) -> Executor:
    """A machine of IBM's; `given` is the user's object of it."""
    from qml_qdl.hardware.jobs.executor import MAX_QPU_SECONDS, RemoteExecutor
    from qml_qdl.hardware.qiskit.ibm.client import IBMClient

    client = IBMClient(
        name,
        options.account,
        session=bool(options.session),
        isa=lambda backend: _isa(backend, options),
    )
    if given is not None:
        # Ours is a connection of its own; it must be to the same purse.
        ours, theirs = client.backend.service, given.service
        if ours.active_instance() != theirs.active_instance():
            raise TargetError(
                f"backend: the {given.name} given belongs to another instance than "
                f"that of account={options.account!r}; name the saved account that it "
                "is reached with, account=..."
            )
    service = {
        "dynamical_decoupling": options.dynamical_decoupling or None,
        "twirling": options.twirling,
    }
    return RemoteExecutor(
        client,
        journal=options.journal,
        run=options.run,
        max_qpu_seconds=options.max_qpu_seconds or MAX_QPU_SECONDS,
        resilience_level=options.resilience_level or 0,
        options={k: v for k, v in service.items() if v is not None},
    )


_IBM = "qiskit_ibm_runtime"
_PRIMITIVE = (
    "a primitive runs on a backend of its own and has no gradients: give that backend, "
    "or 'aer' for one without"
)
_PROVIDER = "give one of its backends, such as provider.get_backend(NAME)"
_SERVICE = "give the name of a machine, 'ibm:ibm_NAME'"

_KINDS: Mapping[str, _Kind | str] = MappingProxyType(
    {
        "qiskit.providers.backend.BackendV2": _Kind(SETTLED, _given_backend),
        "qiskit_aer.backends.aer_simulator.AerSimulator": _Kind(
            AER | SETTLED, _given_simulator
        ),
        f"{_IBM}.fake_provider.fake_backend.FakeBackendV2": _Kind(
            # When such a machine runs by itself it sets its noise, which is ours, too.
            *(AER | SETTLED, _simulated_machine),
            frozenset({"noise_model", "seed_simulator"}),
        ),
        f"{_IBM}.ibm_backend.IBMBackend": _Kind(
            MACHINE | SETTLED, _given_machine, frozenset()
        ),
        "qiskit.primitives.base.base_sampler.BaseSamplerV2": _PRIMITIVE,
        "qiskit.primitives.base.base_estimator.BaseEstimatorV2": _PRIMITIVE,
        "qiskit.transpiler.target.Target": "give the backend that it is the target of",
        "qiskit_aer.aerprovider.AerProvider": _PROVIDER,
        "qiskit_aer.backends.unitary_simulator.UnitarySimulator": (
            "it samples nothing: give AerSimulator()"
        ),
        "qiskit_aer.noise.noise_model.NoiseModel": (
            "give AerSimulator(noise_model=...) of it"
        ),
        f"{_IBM}.fake_provider.fake_provider.FakeProviderForBackendV2": _PROVIDER,
        f"{_IBM}.qiskit_runtime_service.QiskitRuntimeService": _SERVICE,
        f"{_IBM}.session.Session": (
            f"{_SERVICE}, and the device's session=True where there is to be one"
        ),
    }
)
"""Kinds of backends, or what to give instead, by the class that an object is made from.

By names, so that nothing need be imported to look one up.
"""
