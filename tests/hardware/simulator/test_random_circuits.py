"""Random circuits agree with default.qubit in complex128: outputs and gradients.

Gates are sampled from all that the simulator takes, with their numbers, on 1 to 8
wires; with and without rows, some gates of a circuit having rows and others none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

SKIPPED = {
    "IsingXY": "default.qubit has no batches of it on torch (PennyLane 0.45)",
    "pow(IsingXY)": "the same",
    "SpecialUnitary": "default.qubit takes torch.matrix_exp, which errs by 1e-10",
    "TrotterProduct": "the same",
    "evolve": "the same",
    "ctrl(evolve)": "the same",
    "exp": "the same",
}
READOUTS: dict[str, Callable[[Any, list[int]], Any]] = {
    "expval of a word": lambda rng, w: qml.expval(
        qml.prod(*(getattr(qml, rng.choice(list("XYZ")))(wire) for wire in w[:3]))
    ),
    "expval of one wire": lambda rng, w: qml.expval(qml.Z(w[0])),
    "expval of a sum": lambda rng, w: qml.expval(
        qml.Hamiltonian(rng.normal(size=2), [qml.X(w[0]), qml.Y(w[-1])])
    ),
    "expval of Hermitian": lambda rng, w: qml.expval(
        qml.Hermitian(hermitian(rng, len(w[:2])), w[:2])
    ),
    "expval of Projector": lambda rng, w: qml.expval(
        qml.Projector(rng.integers(0, 2, len(w[:3])), w[:3])
    ),
    "var of a word": lambda rng, w: qml.var(qml.prod(*(qml.Y(i) for i in w[:2]))),
    "var of one wire": lambda rng, w: qml.var(qml.Z(w[0])),
    "var of a sum": lambda rng, w: qml.var(
        qml.Hamiltonian(rng.normal(size=2) / 2, [qml.X(w[0]), qml.Z(w[-1])])
    ),
    "var of Hermitian": lambda rng, w: qml.var(
        qml.Hermitian(hermitian(rng, len(w[:2])), w[:2])
    ),
    "probs": lambda rng, w: qml.probs(wires=w[:4]),
    "probs of one wire": lambda rng, w: qml.probs(wires=w[0]),
    "probs in a basis": lambda rng, w: qml.probs(op=qml.X(w[0])),
    "state": lambda rng, w: qml.state(),
    "density_matrix": lambda rng, w: qml.density_matrix(w[:3]),
    "purity": lambda rng, w: qml.purity(w[:3]),
    "vn_entropy": lambda rng, w: qml.vn_entropy(w[:2]),
}


def hermitian(rng: np.random.Generator, wires: int) -> Any:
    size = (2**wires, 2**wires)
    matrix = rng.normal(size=size) + 1j * rng.normal(size=size)
    matrix = matrix + matrix.conj().T
    # Of norm 1, so that a tolerance means the same for every sampled observable.
    return matrix / np.linalg.norm(matrix, 2)


def compare(data: Any, kinds: dict[str, Any], agree: Callable[..., Any]) -> None:
    wires = data.draw(st.integers(1, 8), label="wires")
    rows = data.draw(st.sampled_from([None, 2, 3, 20]), label="rows")
    single = data.draw(st.booleans(), label="single")
    fitting = sorted(
        name
        for name, kind in kinds.items()
        if kind.wires <= wires and name not in SKIPPED
    )
    least = data.draw(st.integers(1, 40), label="least gates")
    names = data.draw(
        st.lists(st.sampled_from(fitting), min_size=least, max_size=40), label="gates"
    )
    readout = data.draw(st.sampled_from(sorted(READOUTS)), label="readout")
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed")
    rng = np.random.default_rng(seed)
    numbers: list[Any] = []
    gates: list[tuple[Any, list[int], slice]] = []
    for name in names:
        kind = kinds[name]
        own = rows if rng.random() < 0.5 else None
        sampled = kind.draw(rng, own)
        slots = slice(len(numbers), len(numbers) + len(sampled))
        chosen = [int(w) for w in rng.permutation(wires)[: kind.wires]]
        gates.append((kind, chosen, slots))
        numbers += sampled
    measured = [int(w) for w in rng.permutation(wires)]

    def circuit(*values: Any) -> Any:
        for kind, chosen, slots in gates:
            kind.build(values[slots], chosen)
        return READOUTS[readout](np.random.default_rng(seed), measured)

    # Gradients of entropies hold logarithms of eigenvalues that vanish.
    loose = 1e-10 if readout == "vn_entropy" else 1e-12
    agree(
        circuit,
        numbers,
        wires,
        single=single and bool(numbers),
        gradient_tolerance=1e-5 if single else loose,
    )


common = settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@settings(common, max_examples=30)
@given(data=st.data())
def test_random_circuits(
    data: Any, kinds: dict[str, Any], agree: Callable[..., Any]
) -> None:
    compare(data, kinds, agree)


@pytest.mark.slow
@settings(common, max_examples=1000)
@given(data=st.data())
def test_many_random_circuits(
    data: Any, kinds: dict[str, Any], agree: Callable[..., Any]
) -> None:
    compare(data, kinds, agree)
