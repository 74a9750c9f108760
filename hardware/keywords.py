"""Keywords of other PennyLane devices: what is meant by them here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from qml_qdl.circuits.errors import ArgumentTypeError
from qml_qdl.circuits.validation import did_you_mean

Repairs = Mapping[str, str]
"""What to do instead, by keyword."""

_THREADS = "all rows run at once on the threads of OMP_NUM_THREADS; leave it out"
_INDEPENDENT = "shots are independent samples of the exact probabilities; leave it out"
_ONE_PROCESS = "a run is one process; leave it out"
_CUTS = "states are not cut; leave it out, or use the device default.tensor"
_QUBITS = "it has qubits; use the device default.qutrit.mixed"
_RESOURCES = "use qml.specs, or the device null.qubit"
_THE_PASSES = "say optimization_level=, initial_layout= or pass_manager="
_NO_ERRORS = (
    "it has no errors of reading; use backend='aer:fake_NAME' of qdl.qiskit, or"
)

BACKENDS_ONLY = "it is of the device qdl.qiskit, which runs Qiskit's backends"
"""What to say of an option that only backends have."""

COMMON: Repairs = MappingProxyType(
    {
        "max_workers": _THREADS,
        "kokkos_args": _THREADS,
        "batch_obs": "all observables are read from the same run; leave it out",
        "mcmc": _INDEPENDENT,
        "kernel_name": _INDEPENDENT,
        "num_burnin": _INDEPENDENT,
        "mpi": _ONE_PROCESS,
        "mpi_buf_size": _ONE_PROCESS,
        "use_async": _ONE_PROCESS,
        "prng_key": "seed= takes a whole number",
        "analytic": "shots=None gives exact results; leave it out",
        "diff_method": "it is told the QNode or the layer, not the device",
        "interface": "it is told the QNode, not the device",
        "tableau": "use the device default.clifford",
        "check_clifford": "use the device default.clifford",
        "cutoff": _CUTS,
        "cutoff_mode": _CUTS,
        "contract": _CUTS,
        "contraction_optimizer": _CUTS,
        "local_simplify": _CUTS,
        "worksize_pref": _CUTS,
        "hbar": "it has qubits; use the device default.gaussian",
        "readout_relaxation_probs": _QUBITS,
        "readout_misclassification_probs": _QUBITS,
        "track_resources": _RESOURCES,
        "resources_filename": _RESOURCES,
        "compute_depth": _RESOURCES,
        "target_device": _RESOURCES,
    }
)
"""What means the same on all our devices."""

_AER_DOUBLE = (
    "numbers are of double precision; leave it out, or give "
    "backend=AerSimulator(precision='single')"
)
_ACCOUNT = (
    "a machine is a name, backend='ibm:ibm_NAME', and the account one that Qiskit "
    "saved, account='NAME'"
)
_NOISE = "noise is backend='aer:fake_NAME', or noise_model= of a qiskit_aer NoiseModel"
_ESTIMATOR = "say resilience_level=, mitigation=, twirling= or dynamical_decoupling="

BACKENDS: Repairs = MappingProxyType(
    {
        **COMMON,
        "c_dtype": _AER_DOUBLE,
        "r_dtype": _AER_DOUBLE,
        "dtype": _AER_DOUBLE,
        "readout_prob": _NOISE,
        "max_bond_dim": (
            "give backend=AerSimulator(method='matrix_product_state', "
            "matrix_product_state_max_bond_dimension=...)"
        ),
        "memory": "rows are divided by themselves; leave it out",
        "verbose": "leave it out; qml.Tracker counts what is done",
        "seed_simulator": "say seed=",
        "seed_estimator": "say seed=",
        "default_shots": "shots are those of the QNode or the layer",
        "default_precision": "shots are those of the QNode or the layer",
        "options": "give its entries by name, such as resilience_level=1",
        "backend_options": "give backend=AerSimulator(...) with them",
        "transpile_options": _THE_PASSES,
        "compile_backend": "say initial_layout= or pass_manager=",
        "resilience": _ESTIMATOR,
        "execution": _ESTIMATOR,
        "experimental": _ESTIMATOR,
        "environment": "it is left as IBM has it; leave it out",
        "max_execution_time": "say max_qpu_seconds=, checked before a job is sent",
        "simulator": _NOISE,
        "start_session": "say session=True",
        "use_primitives": "IBM's primitives are used in any case; leave it out",
        "timeout_secs": "jobs are waited for; leave it out",
        "provider": _ACCOUNT,
        "service": _ACCOUNT,
        "instance": _ACCOUNT,
        "channel": _ACCOUNT,
        "token": _ACCOUNT,
        "url": _ACCOUNT,
        "ibmqx_token": _ACCOUNT,
        "ibmqx_url": _ACCOUNT,
        "hub": _ACCOUNT,
        "group": _ACCOUNT,
        "project": _ACCOUNT,
    }
)
"""What is meant on devices that run circuits elsewhere."""


SIMULATOR: Repairs = MappingProxyType(
    {
        **dict.fromkeys(("backend", *BACKENDS), BACKENDS_ONLY),
        **COMMON,
        "precision": "precision is that of the numbers, or c_dtype=",
        "seed_simulator": "say seed=",
        "dtype": "precision is that of the numbers, or c_dtype=",
        "r_dtype": "precision is that of the numbers, or c_dtype=",
        "device": "it computes where the tensors are: layer.to('cuda')",
        "max_bond_dim": _CUTS,
        "method": "it has state vectors; other methods are the device qdl.qiskit's",
        "readout_prob": f"{_NO_ERRORS} the device default.mixed",
    }
)
"""What is meant on the simulator."""


def refuse_keyword(
    name: str, owner: str, known: Iterable[str], repairs: Repairs
) -> ArgumentTypeError:
    """What is said of a keyword that something does not take.

    Args:
        name: The keyword.
        owner: Who does not take it.
        known: The keywords it takes.
        repairs: What to do instead, by keyword.

    Returns:
        The error.
    """
    if name in repairs:
        return ArgumentTypeError(f"{name}: {owner} takes none; {repairs[name]}")
    listed = list(known)
    return ArgumentTypeError(
        f"{name}: {owner} has no such option, but {', '.join(listed)}"
        f"{did_you_mean(name, [*listed, *repairs])}"
    )
