"""Likelihoods of neural density matrices, against dense ones and differences."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits.errors import (
    ArgumentError,
    DataError,
    MemoryBoundError,
    RunError,
    ShapeError,
)
from qml_qdl.manybody import AutoregressiveState, RBMState, state_vector
from qml_qdl.manybody.states.state import as_real, as_vector, set_vector
from qml_qdl.models import AutoregressiveNetwork
from qml_qdl.tomography import (
    DensityMatrix,
    Folds,
    Measurements,
    NeuralDensity,
    NeuralTomography,
    ShotLikelihood,
    log_likelihood,
    neural_density,
    pauli_bases,
    random_bases,
)
from qml_qdl.tomography import neural as neural_module
from qml_qdl.tomography.neural import (
    KINDS,
    _Exact,
    _TermByTerm,
    dealt,
    undetermined,
)

GHZ = DensityMatrix([1, 0, 0, 0, 0, 0, 0, 1])


def shots(wires: int, *, confused: bool = False, seed: int = 0) -> Measurements:
    """Some shots of a random mixed state in a few random bases."""
    generator = np.random.default_rng(seed)
    size = (2**wires, 2)
    factor = generator.normal(size=size) + 1j * generator.normal(size=size)
    confusion = None
    if confused:
        wrong = generator.uniform(0, 0.2, (wires, 2))
        confusion = [[[1 - x, x], [y, 1 - y]] for x, y in wrong]
    bases = ["X" * wires, "Y" * wires, *random_bases(wires, 7, generator)]
    return DensityMatrix.from_factor(factor).sample(bases, 7, 1, confusion)


def machine(
    sites: int, wires: int, dtype: torch.dtype, **options: Any
) -> NeuralDensity:
    generator = torch.Generator().manual_seed(sites)
    state = RBMState(sites, alpha=2, scale=0.5, dtype=dtype, generator=generator)
    return NeuralDensity(state, wires, **options)


CASES = pytest.mark.parametrize(
    ("wires", "ancillas", "noise", "confused"),
    [
        (1, 0, False, False),
        (1, 0, True, True),
        (2, 1, True, False),
        (3, 2, True, True),
        (3, 0, False, True),
        (5, 1, False, False),
    ],
)


@CASES
@pytest.mark.parametrize(
    ("dtype", "digits"), [(torch.complex128, 1e-12), (torch.float32, 1e-5)]
)
def test_the_likelihood_is_that_of_the_dense_matrix(
    wires: int,
    ancillas: int,
    noise: bool,
    confused: bool,
    dtype: torch.dtype,
    digits: float,
) -> None:
    data = shots(wires, confused=confused)
    model = machine(wires + ancillas, wires, dtype, noise=noise)
    found = float(ShotLikelihood(data)(model).detach())
    dense = log_likelihood(model.density_matrix(), data)
    assert found == pytest.approx(-dense / data.total_shots, rel=digits)


@CASES
def test_gradients_are_differences(
    wires: int,
    ancillas: int,
    noise: bool,
    confused: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # In parts, too: what is looked at together changes nothing.
    monkeypatch.setattr(neural_module, "_AT_ONCE", 64)
    data = shots(wires, confused=confused)
    model = machine(wires + ancillas, wires, torch.complex128, noise=noise)
    likelihood = ShotLikelihood(data)
    parameters = list(model.parameters())
    slopes = torch.autograd.grad(likelihood(model), parameters)
    exact = torch.cat([as_real(each).flatten() for each in slopes])
    point = as_vector(model)
    for place in range(0, len(point), 3):
        values = []
        for step in (1e-5, -1e-5):
            moved = point.clone()
            moved[place] += step
            set_vector(model, moved)
            values.append(float(likelihood(model).detach()))
        slope = (values[0] - values[1]) / 2e-5
        assert slope == pytest.approx(float(exact[place]), abs=1e-7)


def test_ancillas_are_traced_out_as_pennylane_does() -> None:
    model = machine(5, 3, torch.complex128)
    vector = state_vector(model.state).detach().numpy()
    wanted = qml.math.reduce_statevector(vector, [0, 1, 2])
    assert np.allclose(model.density_matrix().matrix, wanted)
    noisy = machine(5, 3, torch.complex128, noise=True)
    share = float(noisy.noise.detach())  # type: ignore[union-attr]
    mixed = (1 - share) * wanted + share * np.eye(8) / 8
    assert np.allclose(noisy.density_matrix().matrix, mixed)


def autoregressive(
    sites: int, wires: int | None = None, **options: Any
) -> NeuralDensity:
    generator = torch.Generator().manual_seed(0)
    network = AutoregressiveNetwork(
        sites, width=3, generator=generator, dtype=torch.float64
    )
    torch.manual_seed(0)
    phase = torch.nn.Linear(sites, 1, dtype=torch.float64)
    return NeuralDensity(AutoregressiveState(network, phase), wires, **options)


@pytest.mark.parametrize(
    ("ancillas", "noise"), [(0, False), (0, True), (2, False), (1, True)]
)
def test_term_by_term_is_as_all_at_once(ancillas: int, noise: bool) -> None:
    data = shots(4)
    model = autoregressive(4 + ancillas, 4, noise=noise)
    values = []
    for way in (_Exact(data), _TermByTerm(data, ancillas)):
        log = way(model)
        slopes = torch.autograd.grad(log.sum(), list(model.parameters()))
        values.append(torch.cat([log, *(each.flatten() for each in slopes)]).detach())
    assert torch.allclose(values[0], values[1], atol=1e-12)


def test_many_wires_have_the_likelihood_of_the_few_that_are_entangled() -> None:
    """Of 24 wires, 20 of which are 0 in any case."""
    few = ["XYZZ", "ZZYX", "ZZZZ"]
    small = DensityMatrix(np.arange(1, 17)).sample(few, 20, seed=1)
    zeros = np.zeros((len(small.outcomes), 20), np.uint8)
    data = Measurements(
        [basis + "Z" * 20 for basis in small.bases],
        np.concatenate([small.outcomes, zeros], axis=1),
        small.of,
        small.counts,
        24,
    )
    model = autoregressive(24)
    whole: Any = model.state
    with torch.no_grad():
        whole.phase.weight[0, 4:] = 0
        for each in whole.network.weights:
            each[len(each) // 24 * 4 :] = 0
        whole.network.biases[-1][4:] = -800
    found = float(ShotLikelihood(data)(model).detach())
    # The first bits do not see the others, so their network is that of four bits.
    inner = autoregressive(4)
    own: Any = inner.state
    with torch.no_grad():
        for mine, theirs in zip(
            own.network.parameters(), whole.network.parameters(), strict=True
        ):
            mine.copy_(theirs[tuple(slice(0, size) for size in mine.shape)])
        own.phase.weight.copy_(whole.phase.weight[:, :4])
    wanted = float(ShotLikelihood(small)(inner).detach())
    assert found == pytest.approx(wanted)


def test_what_many_wires_cannot_have() -> None:
    wide = Measurements.from_counts({"Z" * 20: {"0" * 20: 5}}, order="first")
    with pytest.raises(MemoryBoundError, match="use an autoregressive state"):
        ShotLikelihood(wide)(NeuralDensity(RBMState(20)))
    turned = Measurements.from_counts({"X" * 20: {"0" * 20: 5}}, order="first")
    with pytest.raises(MemoryBoundError, match="at most 10, got 20 in XXXX"):
        ShotLikelihood(turned)(autoregressive(20))
    confusion = np.tile([[0.9, 0.1], [0.1, 0.9]], (20, 1, 1))
    misread = Measurements.from_counts(
        {"Z" * 20: {"0" * 20: 5}}, order="first", confusion=confusion
    )
    with pytest.raises(MemoryBoundError, match="errors of reading take all outcomes"):
        ShotLikelihood(misread)(autoregressive(20))
    with pytest.raises(ShapeError, match="measurements of 3 wires as the model has"):
        ShotLikelihood(wide)(NeuralDensity(RBMState(3)))


# ---- folds ----


@pytest.mark.parametrize(("wires", "times"), [(3, 20), (4, 1)])
def test_shots_are_dealt_evenly(wires: int, times: int) -> None:
    generator = np.random.default_rng(0)
    bases = sorted(set(random_bases(wires, 50, generator)))
    state = DensityMatrix(np.arange(1, 2**wires + 1))
    data = state.sample(bases, times, seed=0)
    shares = dealt(data, 4, 0)
    assert (shares.sum(0) == data.counts).all()
    assert np.ptp(shares.sum(1)) <= 1
    each = np.array([np.bincount(data.of, row, len(bases)) for row in shares])
    assert np.ptp(each, axis=0).max() <= 1
    assert (dealt(data, 4, 1) != shares).any()


def test_one_qubit_has_the_exact_maximum() -> None:
    """A pure qubit of amplitudes cos and sin, from Z: the histogram is the maximum."""
    data = Measurements.from_counts({"Z": {"0": 30, "1": 70}}, order="first")
    torch.manual_seed(0)
    model = NeuralDensity(RBMState(1, dtype=torch.float64))
    folds = Folds(model, data, strongest=1e-9)
    losses = [folds.step() for _ in range(len(folds))]
    assert losses[-1] == pytest.approx(-0.3 * math.log(0.3) - 0.7 * math.log(0.7))
    assert model.factor().detach().square()[:, 0].tolist() == pytest.approx([0.3, 0.7])
    # The others learnt from three quarters each, and are judged by what they left out.
    assert folds.held_out() > losses[-1]
    assert folds.converged


def test_a_strong_decay_keeps_the_beginning() -> None:
    data = GHZ.sample(pauli_bases(3), 5, seed=0)
    torch.manual_seed(0)
    model = neural_density(data)
    folds = Folds(model, data, strongest=1e12)
    before = as_vector(model)
    folds.step()
    assert torch.allclose(as_vector(model), before, atol=1e-6)
    assert folds.strength == 1e12
    folds.done = 2 * len(folds)
    assert folds.strength == pytest.approx(1e12 * 10**-0.5)


def test_folds_go_on_bit_for_bit() -> None:
    data = GHZ.sample(pauli_bases(3), 10, seed=0)

    def made() -> Folds:
        torch.manual_seed(0)
        return Folds(neural_density(data, alpha=1, noise=True), data, iterations=5)

    whole = made()
    for _ in range(7):
        whole.step()
    first, second = made(), made()
    for _ in range(4):
        first.step()
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        second.step()
    assert torch.equal(second.vectors, whole.vectors)
    assert second.held_out() == whole.held_out()
    other = Folds(neural_density(data, alpha=2), data)
    with pytest.raises(RunError, match="resume with the same options"):
        other.load_state_dict(first.state_dict())


def test_the_phase_of_ghz_needs_complex_amplitudes() -> None:
    true = DensityMatrix([1, 0, 0, 0, 0, 0, 0, 1j])
    data = true.sample(["XXX", "XXY", "YYY", "ZZZ"], 250, seed=0)
    found = NeuralTomography(alpha=1, epochs=5, folds=2).fit(data)
    assert found.state.fidelity(true) > 0.97
    assert set(found.chosen) == {"decay", "held-out NLL", "seed"}
    positive = NeuralTomography(alpha=1, amplitudes="positive", epochs=3, folds=2).fit(
        data
    )
    assert positive.state.fidelity(true) < 0.6
    assert positive.chosen["held-out NLL"] > found.chosen["held-out NLL"] + 0.1


def test_noise_and_errors_of_reading_are_told_apart() -> None:
    true = DensityMatrix([3, 1, 2j, -2]).depolarised(0.1)
    confusion = np.tile([[0.97, 0.03], [0.08, 0.92]], (2, 1, 1))
    data = true.sample(pauli_bases(2), 400, 0, confusion)
    blind = Measurements(data.bases, data.outcomes, data.of, data.counts, 2)
    options: dict[str, Any] = {"alpha": 1, "epochs": 9, "folds": 2, "noise": True}
    found = NeuralTomography(**options).fit(data).state
    assert found.fidelity(true) > 0.99
    assert found.purity == pytest.approx(true.purity, abs=0.03)
    off = NeuralTomography(**options).fit(blind).state
    assert off.purity < found.purity - 0.1


def test_ancillas_mix_where_a_pure_state_cannot_be_the_data() -> None:
    mixed = DensityMatrix(np.diag([0.7, 0, 0, 0.3]))
    data = mixed.sample(pauli_bases(2), 200, seed=0)
    options: dict[str, Any] = {"alpha": 2, "epochs": 8, "folds": 2}
    found = NeuralTomography(ancillas=1, **options).fit(data)
    pure = NeuralTomography(**options).fit(data)
    assert found.state.fidelity(mixed) > 0.97
    assert found.state.fidelity(mixed) > pure.state.fidelity(mixed) + 0.1
    assert found.chosen["held-out NLL"] < pure.chosen["held-out NLL"]


def test_restarts_take_the_best_held_out_one_and_leave_torchs_generator() -> None:
    data = GHZ.sample(["XXX", "YYX", "ZZZ"], 40, seed=0)
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    options: dict[str, Any] = {"alpha": 1, "epochs": 2, "folds": 2}
    each = [NeuralTomography(seed=k, **options).fit(data).chosen for k in (3, 4)]
    both = NeuralTomography(seed=3, restarts=2, **options).fit(data).chosen
    assert both == min(each, key=lambda chosen: chosen["held-out NLL"])
    assert torch.equal(torch.rand(1), wanted)


# ---- by name ----


@pytest.mark.parametrize("kind", KINDS)
def test_every_named_state_has_a_likelihood(kind: str) -> None:
    data = DensityMatrix(np.arange(1, 17)).sample(["XXYY", "ZZZZ"], 5, seed=0)
    model = neural_density(data, state=kind)
    assert float(ShotLikelihood(data)(model).detach()) > 0
    assert model.factor().is_complex()


def test_symmetries_are_those_of_the_chain() -> None:
    data = DensityMatrix(np.arange(1, 17)).sample(["ZZZZ"], 5, seed=0)
    torch.manual_seed(0)
    model = neural_density(data, state="jastrow_rbm", symmetry="all", spin_flip=1)
    vector = model.factor().detach().reshape(2, 2, 2, 2)
    assert not vector.is_complex()
    assert torch.allclose(vector, vector.permute(3, 2, 1, 0))
    assert torch.allclose(vector, vector.flip(0, 1, 2, 3))
    ring = neural_density(data, symmetry="translations", periodic=True)
    vector = ring.factor().detach().reshape(2, 2, 2, 2)
    assert torch.allclose(vector, vector.permute(3, 0, 1, 2), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"state": "circuit"}, "state: expected one of"),
        ({"state": "jastrow", "alpha": 2}, "has no such option"),
        ({"symmetry": "some"}, "symmetry: expected"),
        ({"ancillas": -1}, "ancillas: expected"),
        ({"ancillas": 1, "symmetry": "all"}, "leave no place for them"),
        ({"state": "autoregressive", "spin_flip": 1}, "cannot be symmetrised"),
    ],
)
def test_refused_options(options: dict[str, Any], message: str) -> None:
    data = GHZ.sample(["XXX", "ZZZ"], 5, seed=0)
    with pytest.raises(ArgumentError, match=message):
        neural_density(data, **options)


def test_too_few_bases_are_told(caplog: pytest.LogCaptureFixture) -> None:
    along_z = GHZ.sample(["ZZZ"], 20, seed=0)
    with pytest.raises(DataError, match="phases cannot be learnt from the basis ZZZ"):
        Folds(neural_density(along_z, amplitudes="complex"), along_z)
    fixed = GHZ.sample(["XYZ", "ZZZ"], 20, seed=0)
    told = undetermined(neural_density(fixed), fixed)
    assert "no basis has X or Y on the wires 2" in told
    real = GHZ.sample(["XXX", "ZZZ"], 20, seed=0)
    with caplog.at_level(logging.WARNING):
        NeuralTomography(alpha=1, epochs=1, restarts=2, folds=2).fit(real)
    assert caplog.text.count("a state and its complex conjugate are alike") == 1
    for data in (real, along_z):
        assert not undetermined(neural_density(data, amplitudes="positive"), data)


def test_refused_folds() -> None:
    data = GHZ.sample(["ZZZ"], 3, seed=0)
    model = neural_density(data)
    with pytest.raises(DataError, match="as many as there are shots, got 4 for 3"):
        Folds(model, data)
    odd = Measurements.from_counts({"XX": {"01": 4}}, order="first")
    flipped = neural_density(odd, spin_flip=1)
    with pytest.raises(DataError, match="an outcome occurred that the state makes"):
        Folds(flipped, odd)
    noisy = neural_density(odd, spin_flip=1, noise=True)
    assert math.isfinite(Folds(noisy, odd).step())
