"""One right call of every public callable, to be made wrong one argument at a time."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pennylane as qml
import torch
from PIL import Image
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from qml_qdl import circuits as c
from qml_qdl import cli, data, geometry, hardware, metrics, models, tomography
from qml_qdl import kernels as k
from qml_qdl import manybody as m
from qml_qdl import nn as q
from qml_qdl import phases as ph
from qml_qdl import renormalisation as r
from qml_qdl import sklearn as s
from qml_qdl import training as t
from qml_qdl import vqe as v
from qml_qdl.circuits.symmetry import named_groups as g
from qml_qdl.hardware.files import write_atomically
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.qiskit.conversion.from_qiskit import from_qasm, from_qiskit

Call: TypeAlias = tuple[Callable[..., Any], dict[str, Any]]
"""A callable and its arguments by name."""

U = c.BasicEntangler(2) @ c.AngleEncoding(2)
PLAQUETTE = c.GaugeLattice(2, 2, periodic=False)
RING = g.translations(3)
ON_RING = c.InducedField(RING, c.WireGroup([c.WireAction.identity(3)]))
BITS = torch.tensor([[0.0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 1, 0]])
P = torch.tensor([0.1, 0.2, 0.3, 0.4])
Q = torch.tensor([0.4, 0.3, 0.2, 0.1])
RING_OF_6 = m.Lattice.chain(6)
SPIN_RING = m.SpinOperator.of(m.heisenberg(RING_OF_6))
SECTOR = m.Sector(6, 0)
SPINS = torch.tensor([[1.0, -1, 1, -1, 1, -1], [1, 1, 1, -1, -1, -1]])
CHAINS = torch.stack([SPINS, -SPINS, SPINS, -SPINS])
ISING_TERM = -qml.X(0) @ qml.X(1) - qml.Z(0)
SAMPLES = m.Samples(SPINS, chains=2)
MESH = data.icosphere(0)
LOGITS = torch.tensor([0.3, -0.2, 0.5, 0.1])
PICTURE = geometry.FieldType({0: 1})
FIELDS = geometry.FieldType({0: 1, 1: 1})
VECTOR = geometry.FieldType({1: 1})
TABLE = np.array([[0.1, 0.5], [0.9, 0.2], [0.3, 0.3], [0.7, 0.8]] * 3)
CODES = np.array([0, 1, 0, 1] * 3)


def rows(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def call(function: Callable[..., Any], /, **arguments: Any) -> Call:
    return function, arguments


def fitting(kind: Any, data: tuple[Any, ...], /, **parameters: Any) -> Call:
    """An estimator is made of whatever comes: what is wrong shows as it is fitted."""

    def fitted(**given: Any) -> Any:
        return kind(**given).fit(*data)

    fitted.__signature__ = inspect.signature(kind)  # type: ignore[attr-defined]
    return fitted, parameters


@cache
def saved_estimator() -> Path:
    place = Path(tempfile.mkdtemp())
    found: Path = s.QuantumKernelRidge().fit(TABLE, CODES).save(place / "kept")
    return found


@cache
def small_sphere() -> geometry.SphereClassifier:
    """Four wires, on the smallest grid."""
    return geometry.SphereClassifier((1, 2, 4), 2, lmax=1, circuits=1, layers=1)


@cache
def scan() -> ph.Scan:
    """Four temperatures, two chains of two snapshots each."""
    bits = (rows(8, 1, 2, 4) > 0.5).numpy()
    of = [0, 0, 1, 1, 2, 2, 3, 3]
    return ph.Scan(("T",), [1.0, 2, 3, 4], ("ZZZZ",), bits, of, range(8), (2, 2))


@cache
def chain_scan() -> ph.Scan:
    """Two ground states of a chain of five sites."""
    return ph.ClusterIsing(5, points=4, snapshots=4).scan([0.5, 1.5], 2)


@cache
def problem() -> m.Problem:
    return m.Problem(SPIN_RING, RING_OF_6)


@cache
def hydrogen() -> m.Problem:
    return v.Molecule.named("H2").problem()


def uccsd() -> c.Circuit:
    excitations = c.Excitations(4, [(0, 1, 2, 3), (0, 2), (1, 3)])
    return excitations @ c.FixedGates(4, "PauliX", (0, 1))


def mera() -> r.ScaleInvariantMERA:
    block = c.BasicEntangler(2)
    return r.ScaleInvariantMERA(ISING_TERM, block, block)


def tdvp() -> m.TDVP:
    state = m.RBMState(6, dtype=torch.complex128)
    return m.TDVP(SPIN_RING, state, m.FullSummation(SECTOR))


def descent() -> m.VariationalMonteCarlo:
    return m.VariationalMonteCarlo(
        SPIN_RING, m.RBMState(6), m.FullSummation(m.Sector(6))
    )


@cache
def table() -> data.Dataset:
    return data.Dataset(
        rows(40, 4).numpy(), [k % 2 for k in range(40)], ["no", "yes"], "tiny"
    )


@cache
def bits() -> data.Split:
    whole = data.Dataset(
        (rows(40, 3) > 0.5).float().numpy(), [k % 2 for k in range(40)], ["a", "b"]
    )
    return data.split(whole, standardise=False)


@cache
def images() -> data.Split:
    whole = data.Dataset(
        rows(40, 1, 4, 4).numpy(), [k % 2 for k in range(40)], ["a", "b"]
    )
    return data.split(whole)


@cache
def numbers() -> data.Split:
    whole = data.Dataset(rows(40, 1).numpy(), rows(40).numpy())
    return data.split(whole)


@cache
def parts() -> data.Split:
    return data.split(table())


@cache
def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="bad-input-"))


@cache
def csv() -> Path:
    path = folder() / "table.csv"
    lines = ["a,b,label", *(f"{k},{k * k},{'xy'[k % 2]}" for k in range(12))]
    write_atomically(path, lambda file: file.write("\n".join(lines).encode()))
    return path


@cache
def npz() -> Path:
    path = folder() / "arrays.npz"
    np.savez(path, x=rows(12, 3).numpy(), y=np.arange(12) % 2)
    return path


@cache
def photos() -> Path:
    path = folder() / "photos"
    for each in ("cat", "dog"):
        (path / each).mkdir(parents=True)
        Image.new("L", (4, 4), 51).save(path / each / "1.png")
    return path


@cache
def journal() -> Path:
    path = folder() / "journal.sqlite"
    Journal(path)
    return path


OPTIONS = t.TrainingOptions(epochs=1, accelerator="cpu", batch_size=32)


@cache
def options() -> t.RunOptions:
    return t.RunOptions(
        data=t.DataOptions(source=str(csv())),
        model=t.Spec("dressed", num_wires=2, layers=1),
        training=OPTIONS,
        seeds=1,
    )


@cache
def run() -> t.Run:
    return t.train(options(), runs_dir=folder() / "runs", name="tiny")[0]


@cache
def bars_run() -> t.Run:
    asked = t.RunOptions(
        data=t.DataOptions(source="bars_and_stripes"),
        model=t.Spec("rbm", hidden=4),
        training=OPTIONS,
        seeds=1,
        twin=False,
    )
    return t.train(asked, runs_dir=folder() / "runs", name="bars")[0]


def new_run() -> t.Run:
    return t.begin(options(), runs_dir=tempfile.mkdtemp(dir=folder()), name="new")


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, 2)


def layer(**options: Any) -> q.QuantumLayer:
    return q.QuantumLayer(U, **options)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def rbm() -> models.RBM:
    return models.RBM(3, 2, generator=seeded())


def ising_clusters() -> r.IsingClusters:
    return r.IsingClusters(r.IsingModel((8, 8)), 20, generator=seeded())


def surroundings() -> r.Surroundings:
    return r.Surroundings(CHAINS[..., :2], CHAINS[..., 3:])


def belief() -> models.DeepBeliefNetwork:
    return models.DeepBeliefNetwork([3, 2, 2], generator=seeded())


def deep() -> models.DeepBoltzmannMachine:
    return models.DeepBoltzmannMachine([3, 2, 2], num_chains=4, generator=seeded())


def born() -> models.BornMachine:
    return models.BornMachine(c.HardwareEfficient(3), generator=seeded())


def iqp() -> models.IQPBornMachine:
    return models.IQPBornMachine(3, generator=seeded())


def boltzmann() -> models.QuantumBoltzmannMachine:
    return models.QuantumBoltzmannMachine(2, generator=seeded())


def prices() -> models.DistributionGenerator:
    return models.DistributionGenerator(
        c.HardwareEfficient(2), torch.arange(4.0), generator=seeded()
    )


def vae(**options: Any) -> models.QuantumVAE:
    torch.manual_seed(0)
    return models.QuantumVAE(4, 2, hidden=4, **options)


def conv(kind: Any = q.QuantumConv2d, size: Any = 2) -> Any:
    return kind(1, 2, size, layers=1, generator=seeded())


def autoencoder() -> models.QuantumAutoencoder:
    return models.QuantumAutoencoder(
        c.AngleEncoding(3), c.BasicEntangler(3), 1, generator=seeded()
    )


def style() -> models.StyleGenerator:
    return models.StyleGenerator(2, 2, generator=seeded())


def group_conv() -> q.GroupConv2d:
    torch.manual_seed(0)
    return q.GroupConv2d(1, 2, 3, group="p4")


def bell() -> tomography.DensityMatrix:
    return tomography.DensityMatrix([1.0, 0.0, 0.0, 1.0])


def confusion(wires: int) -> Any:
    return np.tile([[0.9, 0.1], [0.2, 0.8]], (wires, 1, 1))


@cache
def shots() -> tomography.Measurements:
    return bell().sample(["XX", "ZZ"], 20, seed=0)


@cache
def shadow() -> tomography.PauliShadow:
    return tomography.PauliShadow(bell().sample(tomography.pauli_bases(2), 20, seed=0))


@cache
def clifford_shadow() -> tomography.CliffordShadow:
    return tomography.CliffordShadow.sample(bell(), 20, seed=0)


def process() -> tomography.Process:
    return tomography.Process.from_kraus(np.eye(2))


@cache
def shots_file() -> Path:
    path = folder() / "shots.txt"
    shots().save(path)
    return path


@cache
def state_file() -> Path:
    path = folder() / "state.npz"
    np.savez(path, state=bell().matrix)
    return path


@cache
def z_shots() -> tomography.Measurements:
    return bell().sample(["ZZ"], 20, seed=0)


class BellEstimator(tomography.Estimator):
    def fit(self, data: tomography.Measurements) -> tomography.Reconstruction:
        return tomography.Reconstruction(bell())


def qiskit_result() -> Any:
    from qiskit import QuantumCircuit
    from qiskit.primitives import StatevectorSampler

    circuit = QuantumCircuit(2)
    circuit.measure_all()
    return StatevectorSampler(seed=0).run([circuit], shots=8).result()


def chained() -> dict[str, Any]:
    return data.ResumableLoader(table()).state_dict()


def qiskit_circuit() -> Any:
    from qiskit.circuit import Parameter, QuantumCircuit

    quantum_circuit = QuantumCircuit(1)
    quantum_circuit.rx(Parameter("x"), 0)
    quantum_circuit.ry(Parameter("w"), 0)
    return quantum_circuit


WORD = qml.pauli.PauliWord({0: "Z", 1: "X"})

CALLS: Mapping[str, Callable[[], Call]] = MappingProxyType(
    {
        # ---- circuits ----
        "circuits.MERA": lambda: call(c.MERA, wires=4),
        "circuits.MPS": lambda: call(c.MPS, wires=4, offset=1),
        "circuits.TTN": lambda: call(c.TTN, wires=4),
        "circuits.Brickwork": lambda: call(c.Brickwork, wires=3, layers=2),
        "circuits.Adjoint": lambda: call(c.Adjoint, block=c.BasicEntangler(2)),
        "circuits.AmplitudeEncoding": lambda: call(
            c.AmplitudeEncoding, wires=2, size=3, features=[0, 1, 2]
        ),
        "circuits.AngleEncoding": lambda: call(c.AngleEncoding, wires=2),
        "circuits.ArccosEncoding": lambda: call(c.ArccosEncoding, wires=2),
        "circuits.BasicEntangler": lambda: call(c.BasicEntangler, wires=2),
        "circuits.BasisEncoding": lambda: call(c.BasisEncoding, wires=2),
        "circuits.Block.on": lambda: call(c.BasicEntangler(2).on, wires=[2, 3]),
        "circuits.Block.with_readout": lambda: call(
            c.BasicEntangler(2).with_readout, readout=c.State()
        ),
        "circuits.Circuit": lambda: call(c.Circuit, blocks=[c.BasicEntangler(2)]),
        "circuits.Circuit.__call__": lambda: call(
            U, inputs=rows(3, 2), weights={"weights_0": rows(1, 2)}
        ),
        "circuits.Circuit.draw": lambda: call(U.draw),
        "circuits.Circuit.draw_mpl": lambda: call(U.draw_mpl, style="pennylane"),
        "circuits.Circuit.with_readout": lambda: call(
            U.with_readout, readout=c.State()
        ),
        "circuits.ClebschGordan": lambda: call(c.ClebschGordan, wires=4, register=2),
        "circuits.ConvolutionLayer": lambda: call(c.ConvolutionLayer, wires=4),
        "circuits.DirectionEncoding": lambda: call(c.DirectionEncoding, wires=2),
        "circuits.Driven": lambda: call(c.Driven, processing=c.BasicEntangler(2)),
        "circuits.Driven.on": lambda: call(
            c.Driven(c.BasicEntangler(2)).on, wires=[2, 3]
        ),
        "circuits.CommutantProcessing": lambda: call(
            c.CommutantProcessing, wires=2, field=ON_RING
        ),
        "circuits.CommutantProcessing.on": lambda: call(
            c.CommutantProcessing(2, ON_RING).on, wires=[3, 4]
        ),
        "circuits.EquivariantProcessing": lambda: call(
            c.EquivariantProcessing, wires=3, group=RING, generators=["ZZI", "XII"]
        ),
        "circuits.EquivariantProcessing.on": lambda: call(
            c.EquivariantProcessing(3, RING, ["ZZI"]).on, wires=[3, 4, 5]
        ),
        "circuits.Excitations": lambda: call(
            c.Excitations, wires=4, excitations=[(0, 2), (0, 1, 2, 3)], fermionic=False
        ),
        "circuits.FixedGates": lambda: call(
            c.FixedGates, wires=3, gate="PauliX", places=(0, 1)
        ),
        "circuits.PauliRotations": lambda: call(
            c.PauliRotations, wires=2, words=["YI", "XY"]
        ),
        "circuits.Exchange": lambda: call(c.Exchange, wires=4),
        "circuits.Entropy": lambda: call(c.Entropy, wires=[0], order=2.0),
        "circuits.Expectation": lambda: call(c.Expectation, observables=["ZZ", "XI"]),
        "circuits.Expectation.measure": lambda: call(
            c.Expectation("ZZ").measure, wires=(0, 1)
        ),
        "circuits.Expectation.output_shape": lambda: call(
            c.Expectation("ZZ").output_shape, wires=(0, 1)
        ),
        "circuits.GaugeLattice": lambda: call(c.GaugeLattice, rows=2, columns=2),
        "circuits.GaugeLattice.transform": lambda: call(
            c.GaugeLattice(2, 2).transform, variables=rows(8), site=1
        ),
        "circuits.HamiltonianEncoding": lambda: call(
            c.HamiltonianEncoding, wires=2, generators=[qml.Z(0) @ qml.Z(1), qml.X(0)]
        ),
        "circuits.HamiltonianEncoding.on": lambda: call(
            c.HamiltonianEncoding(2).on, wires=[2, 3]
        ),
        "circuits.HamiltonianVariational": lambda: call(
            c.HamiltonianVariational,
            wires=2,
            hamiltonian=qml.X(0) + qml.Z(0) @ qml.Z(1),
        ),
        "circuits.HardwareEfficient": lambda: call(c.HardwareEfficient, wires=3),
        "circuits.HeisenbergExchange": lambda: call(c.HeisenbergExchange, wires=3),
        "circuits.HurCircuit": lambda: call(c.HurCircuit, number=5),
        "circuits.IQPCircuit": lambda: call(
            c.IQPCircuit, wires=3, words=[(0,), (0, 1)]
        ),
        "circuits.IQPEncoding": lambda: call(c.IQPEncoding, wires=3),
        "circuits.InnerProductEncoding": lambda: call(c.InnerProductEncoding, wires=2),
        "circuits.IsingLayers": lambda: call(c.IsingLayers, wires=3),
        "circuits.LinkEncoding": lambda: call(c.LinkEncoding, wires=2),
        "circuits.MutualInformation": lambda: call(
            c.MutualInformation, first=[0], second=[1]
        ),
        "circuits.Probabilities": lambda: call(c.Probabilities, wires=[0]),
        "circuits.Probabilities.measure": lambda: call(
            c.Probabilities().measure, wires=(0, 1)
        ),
        "circuits.Probabilities.output_shape": lambda: call(
            c.Probabilities().output_shape, wires=(0, 1)
        ),
        "circuits.QuantumPool": lambda: call(c.QuantumPool, wires=4),
        "circuits.RandomLayers": lambda: call(c.RandomLayers, wires=3),
        "circuits.RegisterExchange": lambda: call(
            c.RegisterExchange, wires=4, register=2, layers=2, pattern="linear"
        ),
        "circuits.RotationEncoding": lambda: call(c.RotationEncoding, wires=2),
        "circuits.Rotations": lambda: call(c.Rotations, wires=2),
        "circuits.Samples": lambda: call(c.Samples, wires=[0]),
        "circuits.Samples.measure": lambda: call(c.Samples().measure, wires=(0, 1)),
        "circuits.Samples.output_shape": lambda: call(
            c.Samples().output_shape, wires=(0, 1)
        ),
        "circuits.Shared": lambda: call(c.Shared, name="W", block=c.BasicEntangler(2)),
        "circuits.SimCircuit": lambda: call(c.SimCircuit, number=3),
        "circuits.SimplifiedTwoDesign": lambda: call(c.SimplifiedTwoDesign, wires=3),
        "circuits.Singlets": lambda: call(c.Singlets, wires=4),
        "circuits.SphericalEncoding": lambda: call(
            c.SphericalEncoding, wires=4, register=2, trainable_degrees=True
        ),
        "circuits.State": lambda: call(c.State),
        "circuits.State.measure": lambda: call(c.State().measure, wires=(0, 1)),
        "circuits.State.output_shape": lambda: call(
            c.State().output_shape, wires=(0, 1)
        ),
        "circuits.StronglyEntangling": lambda: call(c.StronglyEntangling, wires=3),
        "circuits.SwapTest": lambda: call(c.SwapTest, wires=3),
        "circuits.WireAction": lambda: call(
            c.WireAction, permutation=[1, 0], local="XI"
        ),
        "circuits.WireAction.character": lambda: call(c.WireAction([1, 0]).character),
        "circuits.WireAction.conjugate": lambda: call(
            c.WireAction([1, 0], "XI").conjugate, word=WORD
        ),
        "circuits.WireAction.identity": lambda: call(
            c.WireAction.identity, num_wires=3
        ),
        "circuits.WireAction.matrix": lambda: call(c.WireAction([1, 0]).matrix),
        "circuits.WireAction.permute": lambda: call(
            c.WireAction([1, 0]).permute, features=rows(2)
        ),
        "circuits.InducedField": lambda: call(
            c.InducedField, group=RING, subgroup=RING, irrep=[1, 1, 1]
        ),
        "circuits.InducedField.characters": lambda: call(ON_RING.characters),
        "circuits.InducedField.maps_to": lambda: call(ON_RING.maps_to, target=ON_RING),
        "circuits.InducedField.matrix": lambda: call(
            ON_RING.matrix, element=c.WireAction([1, 2, 0])
        ),
        "circuits.InducedField.on_group": lambda: call(
            ON_RING.on_group, values=np.ones(3)
        ),
        "circuits.PhaseEncoding": lambda: call(c.PhaseEncoding, wires=2, strength=0.5),
        "circuits.QuaternionEncoding": lambda: call(c.QuaternionEncoding, wires=2),
        "circuits.SpinWeightedField": lambda: call(c.SpinWeightedField, spin=1, lmax=2),
        "circuits.SpinWeightedField.maps_to": lambda: call(
            c.SpinWeightedField(1, 2).maps_to, target=c.SpinWeightedField(0, 1)
        ),
        "circuits.SpinWeightedField.matrix": lambda: call(
            c.SpinWeightedField(1, 2).matrix, turn=[0.1, 0.2, 0.3]
        ),
        "circuits.WireGroup": lambda: call(
            c.WireGroup, generators=[c.WireAction([1, 2, 0])]
        ),
        "circuits.WireGroup.from_elements": lambda: call(
            c.WireGroup.from_elements,
            elements=[c.WireAction.identity(2), c.WireAction([1, 0])],
        ),
        "circuits.WireGroup.joined": lambda: call(RING.joined, other=g.spin_flip(3)),
        "circuits.ZZFeatureMap": lambda: call(c.ZZFeatureMap, wires=3),
        "circuits.ChargeConserving": lambda: call(
            c.ChargeConserving, wires=3, charges=(1, 1, 2), words=["+-I", "++-"]
        ),
        "circuits.ChargeEncoding": lambda: call(
            c.ChargeEncoding, wires=2, charges=(1, -2)
        ),
        "circuits.ChargeEncoding.turned": lambda: call(
            c.ChargeEncoding(2, (1, -2)).turned, features=rows(4), angle=0.3
        ),
        "circuits.charge_readout": lambda: call(
            c.charge_readout, wires=2, charges=(1, 1), words=["+I"], charge=1
        ),
        "circuits.charge_rotations": lambda: call(
            c.charge_rotations, charges=(1, 2), order=8
        ),
        "circuits.charge_words": lambda: call(
            c.charge_words, charges=(1, 1, 2), charge=1
        ),
        "circuits.encoding_error": lambda: call(
            c.encoding_error, encoding=c.AngleEncoding(3), group=RING, samples=2
        ),
        "circuits.coupling_readout": lambda: call(
            c.coupling_readout, wires=4, register=2, pairs=[(0, 1)], powers=[1]
        ),
        "circuits.exchange_readout": lambda: call(
            c.exchange_readout, wires=3, pairs=[(0, 1)]
        ),
        "circuits.su2_gauge_circuit": lambda: call(
            c.su2_gauge_circuit, lattice=c.GaugeLattice(2, 2)
        ),
        "circuits.u1_gauge_circuit": lambda: call(
            c.u1_gauge_circuit, lattice=c.GaugeLattice(2, 2)
        ),
        "circuits.gauge_circuit": lambda: call(
            c.gauge_circuit, lattice=c.GaugeLattice(2, 2)
        ),
        "circuits.initial_weights": lambda: call(c.initial_weights, circuit=U, seed=0),
        "circuits.invariance_error": lambda: call(
            c.invariance_error,
            circuit=c.AngleEncoding(3).with_readout(c.invariant_readout(RING, "ZII")),
            group=RING,
            samples=2,
        ),
        "circuits.invariant_operators": lambda: call(c.invariant_operators, group=RING),
        "circuits.invariant_readout": lambda: call(
            c.invariant_readout, group=RING, observables=["ZII"]
        ),
        "circuits.permutation_equivariant": lambda: call(
            c.permutation_equivariant, wires=3
        ),
        "circuits.point_cloud_circuit": lambda: call(
            c.point_cloud_circuit, num_points=3, layers=1
        ),
        "circuits.qcnn": lambda: call(c.qcnn, wires=4),
        "circuits.reupload": lambda: call(
            c.reupload,
            processing=c.BasicEntangler(2),
            encoding=c.AngleEncoding(2),
            layers=2,
        ),
        "circuits.reverse_mera": lambda: call(c.reverse_mera, wires=4),
        "circuits.share": lambda: call(c.share, name="W", circuit=c.BasicEntangler(2)),
        "circuits.spin_readout": lambda: call(c.spin_readout, wires=4, register=2),
        "circuits.tensor_operators": lambda: call(c.tensor_operators, dimension=4),
        "circuits.twirl": lambda: call(c.twirl, operator="ZII", group=RING),
        "circuits.z_words": lambda: call(c.z_words, num_wires=3, count=4),
        "circuits.symmetry.translations": lambda: call(g.translations, shape=3),
        "circuits.symmetry.symmetric_group": lambda: call(
            g.symmetric_group, num_wires=3
        ),
        "circuits.symmetry.spin_flip": lambda: call(g.spin_flip, num_wires=3),
        # ---- hardware ----
        "hardware.Mitigation": lambda: call(hardware.Mitigation),
        "hardware.Mitigation.of": lambda: call(
            hardware.Mitigation.of, mitigation="readout"
        ),
        "hardware.TargetOptions": lambda: call(hardware.TargetOptions, seed=3),
        "hardware.TargetOptions.changed": lambda: call(
            hardware.TargetOptions().changed, seed=3
        ),
        "hardware.TargetOptions.completed": lambda: call(
            hardware.TargetOptions().completed
        ),
        "hardware.available_targets": lambda: call(hardware.available_targets),
        "hardware.forget_least_busy": lambda: call(hardware.forget_least_busy),
        "hardware.from_qasm": lambda: call(
            from_qasm, text='OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; h q[0];'
        ),
        "hardware.from_qiskit": lambda: call(
            from_qiskit, quantum_circuit=qiskit_circuit(), inputs="x", weights="w"
        ),
        "hardware.make_device": lambda: call(
            hardware.make_device, target="auto", wires=[0, 1]
        ),
        "hardware.to_qiskit": lambda: call(hardware.to_qiskit, circuit=U),
        # ---- nn ----
        "nn.EquivariantQuantumConv2d": lambda: call(
            q.EquivariantQuantumConv2d,
            in_channels=1,
            out_channels=1,
            kernel_size=2,
            layers=1,
        ),
        "nn.EquivariantQuantumConv2d.forward": lambda: call(
            q.EquivariantQuantumConv2d(1, 1, 2, layers=1), images=rows(1, 1, 4, 4)
        ),
        "nn.GroupConv2d": lambda: call(
            q.GroupConv2d, in_channels=1, out_channels=1, kernel_size=2
        ),
        "nn.GroupConv2d.forward": lambda: call(group_conv(), images=rows(1, 1, 4, 4)),
        "nn.GroupConv2d.check_equivariance": lambda: call(
            group_conv().check_equivariance, image_size=4
        ),
        "nn.GroupConv2d.output_size": lambda: call(
            group_conv().output_size, image_size=(4, 4)
        ),
        "nn.GroupLinear": lambda: call(
            q.GroupLinear, map_shape=(2, 3, 3), out_features=2
        ),
        "nn.GroupLinear.forward": lambda: call(
            q.GroupLinear((2, 3, 3), 2), maps=rows(1, 2, 4, 3, 3)
        ),
        "nn.GroupPool": lambda: call(q.GroupPool),
        "nn.GroupPool.forward": lambda: call(q.GroupPool(), maps=rows(1, 2, 4, 3, 3)),
        "nn.ImageGroup": lambda: call(q.ImageGroup, name="p4"),
        "nn.ImageGroup.act_on_images": lambda: call(
            q.ImageGroup("p4").act_on_images, element=1, images=rows(1, 1, 3, 3)
        ),
        "nn.ImageGroup.act_on_maps": lambda: call(
            q.ImageGroup("p4").act_on_maps, element=1, maps=rows(1, 2, 4, 3, 3)
        ),
        "nn.ImageGroup.inverse": lambda: call(q.ImageGroup("p4").inverse, element=1),
        "nn.ImageGroup.only_moves_pixels": lambda: call(
            q.ImageGroup("p4").only_moves_pixels, element=1
        ),
        "nn.ImageGroup.product": lambda: call(
            q.ImageGroup("p4").product, second=1, first=2
        ),
        "nn.QuantumConv1d": lambda: call(
            q.QuantumConv1d, in_channels=1, out_channels=1, kernel_size=2, layers=1
        ),
        "nn.QuantumConv1d.forward": lambda: call(
            conv(q.QuantumConv1d), images=rows(1, 1, 4)
        ),
        "nn.QuantumConv2d": lambda: call(
            q.QuantumConv2d, in_channels=1, out_channels=1, kernel_size=2, layers=1
        ),
        "nn.QuantumConv2d.forward": lambda: call(conv(), images=rows(1, 1, 4, 4)),
        "nn.QuantumConv2d.output_size": lambda: call(
            conv().output_size, image_size=(4, 4)
        ),
        "nn.QuantumConv2d.reset_parameters": lambda: call(
            conv().reset_parameters, generator=seeded()
        ),
        "nn.QuantumConv3d": lambda: call(
            q.QuantumConv3d,
            in_channels=1,
            out_channels=1,
            kernel_size=(1, 1, 2),
            layers=1,
        ),
        "nn.QuantumConv3d.forward": lambda: call(
            conv(q.QuantumConv3d, (1, 1, 2)), images=rows(1, 1, 2, 2, 2)
        ),
        "nn.QuantumConvTranspose2d": lambda: call(
            q.QuantumConvTranspose2d,
            in_channels=1,
            out_channels=1,
            kernel_size=2,
            layers=1,
        ),
        "nn.QuantumConvTranspose2d.forward": lambda: call(
            conv(q.QuantumConvTranspose2d),
            images=rows(1, 1, 2, 2),
            output_size=(3, 3),
        ),
        "nn.QuantumConvTranspose2d.output_size": lambda: call(
            conv(q.QuantumConvTranspose2d).output_size, image_size=(4, 4)
        ),
        "nn.QuantumLayer": lambda: call(q.QuantumLayer, circuit_or_qnode=U),
        "nn.QuantumLayer.arguments": lambda: call(layer().arguments, inputs=rows(3, 2)),
        "nn.QuantumLayer.forward": lambda: call(layer(), inputs=rows(3, 2)),
        "nn.QuantumLayer.reset_parameters": lambda: call(
            layer().reset_parameters, generator=seeded()
        ),
        "nn.QuantumLayer.set_input_argument": lambda: call(
            q.QuantumLayer.set_input_argument, input_name="inputs"
        ),
        "nn.QuantumLayer.set_target": lambda: call(
            layer().set_target, target="default.qubit", shots=10
        ),
        "nn.QuantumLayer.with_errors": lambda: call(
            layer(shots=10).with_errors, inputs=rows(3, 2)
        ),
        "nn.begin_step": lambda: call(q.begin_step, model=layer(), step=1),
        "nn.check_equivariance": lambda: call(
            q.check_equivariance,
            function=torch.tanh,
            group=q.ImageGroup("p4"),
            inputs=rows(2, 1, 4, 4),
        ),
        "nn.record_jobs": lambda: call(
            q.record_jobs, model=layer(), journal=folder() / "jobs.sqlite", run="one"
        ),
        "nn.resend_jobs": lambda: call(q.resend_jobs, journal=journal()),
        "nn.set_target": lambda: call(
            q.set_target, model=nn.Sequential(layer()), target="default.qubit", shots=10
        ),
        # ---- models ----
        "models.AutoregressiveNetwork": lambda: call(
            models.AutoregressiveNetwork, num_bits=4, width=2, layers=2, num_ones=2
        ),
        "models.AutoregressiveNetwork.from_data": lambda: call(
            models.AutoregressiveNetwork.from_data, split=bits(), layers=2, width=3
        ),
        "models.AutoregressiveNetwork.log_prob": lambda: call(
            models.AutoregressiveNetwork(3).log_prob, bits=BITS
        ),
        "models.AutoregressiveNetwork.nll_loss": lambda: call(
            models.AutoregressiveNetwork(3).nll_loss, bits=BITS
        ),
        "models.AutoregressiveNetwork.sample": lambda: call(
            models.AutoregressiveNetwork(3).sample, rows=5
        ),
        "models.DressedClassifier": lambda: call(
            models.DressedClassifier, num_features=4, num_classes=2, num_wires=2
        ),
        "models.DressedClassifier.forward": lambda: call(
            models.DressedClassifier(4, 2, num_wires=2), rows=rows(3, 4)
        ),
        "geometry.FieldLinear": lambda: call(
            geometry.FieldLinear, in_type=VECTOR, out_type=FIELDS
        ),
        "geometry.FieldLinear.forward": lambda: call(
            geometry.FieldLinear(PICTURE, PICTURE).forward, fields=rows(2, 1, 12)
        ),
        "geometry.MeshConv": lambda: call(
            geometry.MeshConv,
            mesh=MESH,
            in_type=VECTOR,
            out_type=FIELDS,
            rings=1,
            radial=2,
        ),
        "geometry.MeshConv.forward": lambda: call(
            geometry.MeshConv(MESH, PICTURE, FIELDS).forward, fields=rows(2, 1, 12)
        ),
        "geometry.MeshConv.put_on": lambda: call(
            geometry.MeshConv(MESH, PICTURE, FIELDS).put_on, mesh=MESH
        ),
        "geometry.MeshNetwork": lambda: call(
            geometry.MeshNetwork, mesh=MESH, num_classes=2, width=2, depth=2, samples=5
        ),
        "geometry.MeshNetwork.forward": lambda: call(
            geometry.MeshNetwork(MESH, 2, 2).forward, fields=rows(2, 24)
        ),
        "geometry.MeshSegmenter": lambda: call(
            geometry.MeshSegmenter,
            mesh=MESH,
            num_classes=2,
            charges=(0, 1),
            layers=1,
            hidden=2,
        ),
        "geometry.MeshSegmenter.forward": lambda: call(
            geometry.MeshSegmenter(MESH, 2, charges=(0, 1), layers=1).forward,
            fields=rows(2, 24),
        ),
        "geometry.plot_field": lambda: call(
            geometry.plot_field,
            mesh=MESH,
            vectors=MESH.frames[:, 0],
            classes=[0, 1] * 6,
            class_names=["a", "b"],
            elevation=10.0,
            azimuth=0.0,
        ),
        "geometry.QuantumMeshConv": lambda: call(
            geometry.QuantumMeshConv,
            mesh=MESH,
            in_type=VECTOR,
            out_type=FIELDS,
            charges=(0, 1),
            layers=1,
            rings=1,
            radial=1,
        ),
        "geometry.QuantumMeshConv.forward": lambda: call(
            geometry.QuantumMeshConv(MESH, PICTURE, FIELDS, charges=(0, 1)).forward,
            fields=rows(2, 1, 12),
        ),
        "models.EquivariantClassifier": lambda: call(
            models.EquivariantClassifier,
            image_shape=(1, 4, 4),
            num_classes=2,
            channels=1,
            layers=1,
        ),
        "models.EquivariantClassifier.forward": lambda: call(
            models.EquivariantClassifier((1, 4, 4), 2, channels=1, layers=1),
            images=rows(2, 1, 4, 4),
        ),
        "models.PointCloudClassifier": lambda: call(
            models.PointCloudClassifier, num_points=3, num_classes=2, layers=1
        ),
        "models.PointCloudClassifier.forward": lambda: call(
            models.PointCloudClassifier(3, 2, layers=1), points=rows(2, 3, 3)
        ),
        "models.QCNNClassifier": lambda: call(
            models.QCNNClassifier, input_shape=4, num_classes=2
        ),
        "models.QCNNClassifier.forward": lambda: call(
            models.QCNNClassifier(4, 2), rows=rows(2, 4)
        ),
        "models.QCNNClassifier.from_data": lambda: call(
            models.QCNNClassifier.from_data, split=parts()
        ),
        "models.QuanvolutionClassifier": lambda: call(
            models.QuanvolutionClassifier,
            image_shape=(1, 4, 4),
            num_classes=2,
            channels=1,
            layers=1,
        ),
        "models.QuanvolutionClassifier.forward": lambda: call(
            models.QuanvolutionClassifier((1, 4, 4), 2, channels=1, layers=1),
            images=rows(2, 1, 4, 4),
        ),
        "models.SpinClassifier": lambda: call(
            models.SpinClassifier, num_points=3, num_classes=2, layers=1
        ),
        "models.SpinClassifier.classical_twin": lambda: call(
            models.SpinClassifier(3, 2, layers=1).classical_twin
        ),
        "models.SpinClassifier.forward": lambda: call(
            models.SpinClassifier(3, 2, layers=1), points=rows(2, 3, 3)
        ),
        # ---- geometry ----
        "geometry.DiskPool": lambda: call(geometry.DiskPool, poolings=["mean", "max"]),
        "geometry.DiskPool.forward": lambda: call(
            geometry.DiskPool(), pictures=rows(2, 1, 4, 4)
        ),
        "geometry.FieldType": lambda: call(
            geometry.FieldType, multiplicities={0: 2, 1: 1}
        ),
        "geometry.FieldType.check": lambda: call(
            PICTURE.check, fields=rows(2, 1, 4, 4)
        ),
        "geometry.FieldType.quarter_turned": lambda: call(
            PICTURE.quarter_turned, fields=rows(2, 1, 4, 4), quarters=1
        ),
        "geometry.FieldType.turned": lambda: call(
            PICTURE.turned, fields=rows(2, 1, 4, 4), angle=0.5
        ),
        "geometry.FieldType.uniform": lambda: call(
            geometry.FieldType.uniform, channels=2, max_order=1
        ),
        "geometry.FourierNonlinearity": lambda: call(
            geometry.FourierNonlinearity, in_type=FIELDS, samples=8
        ),
        "geometry.FourierNonlinearity.forward": lambda: call(
            geometry.FourierNonlinearity(PICTURE, 8), fields=rows(2, 1, 4, 4)
        ),
        "geometry.GatedNonlinearity": lambda: call(
            geometry.GatedNonlinearity, out_type=FIELDS
        ),
        "geometry.GatedNonlinearity.forward": lambda: call(
            geometry.GatedNonlinearity(PICTURE), fields=rows(2, 2, 4, 4) + 0j
        ),
        "geometry.NormBatchNorm": lambda: call(
            geometry.NormBatchNorm, in_type=FIELDS, eps=1e-5, momentum=0.1
        ),
        "geometry.NormBatchNorm.forward": lambda: call(
            geometry.NormBatchNorm(PICTURE), fields=rows(2, 1, 4, 4)
        ),
        "geometry.NormNonlinearity": lambda: call(
            geometry.NormNonlinearity, in_type=FIELDS, bias=0.5
        ),
        "geometry.NormNonlinearity.forward": lambda: call(
            geometry.NormNonlinearity(PICTURE), fields=rows(2, 1, 4, 4)
        ),
        "geometry.NormPool": lambda: call(geometry.NormPool, in_type=FIELDS),
        "geometry.NormPool.forward": lambda: call(
            geometry.NormPool(PICTURE), fields=rows(2, 1, 4, 4)
        ),
        "geometry.SteerableClassifier": lambda: call(
            geometry.SteerableClassifier,
            image_shape=(1, 5, 5),
            num_classes=2,
            channels=1,
            max_order=1,
            kernel_size=5,
            layers=1,
            hidden=2,
            nonlinearity="norm",
            dropout=0.2,
        ),
        "geometry.SteerableClassifier.fields": lambda: call(
            geometry.SteerableClassifier((1, 5, 5), 2, channels=1, layers=1).fields,
            images=rows(2, 1, 5, 5),
        ),
        "geometry.SteerableClassifier.forward": lambda: call(
            geometry.SteerableClassifier((1, 5, 5), 2, channels=1, layers=1),
            images=rows(2, 1, 5, 5),
        ),
        "geometry.SteerableConv2d": lambda: call(
            geometry.SteerableConv2d,
            in_type=PICTURE,
            out_type=FIELDS,
            kernel_size=5,
            stride=1,
            padding=2,
            padding_mode="zeros",
            rings=[0.0, 1.0],
            sigma=0.6,
            scale=1.0,
        ),
        "geometry.SteerableConv2d.forward": lambda: call(
            geometry.SteerableConv2d(PICTURE, FIELDS, 5), fields=rows(2, 1, 5, 5)
        ),
        "geometry.SteerableConv2d.output_size": lambda: call(
            geometry.SteerableConv2d(PICTURE, FIELDS, 5).output_size, image_size=(7, 8)
        ),
        "geometry.SteerableConv2d.rescaled": lambda: call(
            geometry.SteerableConv2d(PICTURE, FIELDS, 5, padding="same").rescaled,
            factor=2.0,
        ),
        "geometry.turning_error": lambda: call(
            geometry.turning_error,
            function=torch.tanh,
            out_type=PICTURE,
            size=8,
            channels=1,
            angles=[0.5],
            rows=2,
            seed=1,
        ),
        "geometry.GaugeRegressor": lambda: call(
            geometry.GaugeRegressor, lattice=PLAQUETTE, group="u1", layers=1
        ),
        "geometry.GaugeRegressor.classical_twin": lambda: call(
            geometry.GaugeRegressor(PLAQUETTE, "u1").classical_twin
        ),
        "geometry.GaugeRegressor.forward": lambda: call(
            geometry.GaugeRegressor(PLAQUETTE, "u1", layers=1), links=rows(2, 4)
        ),
        "geometry.GaugeRegressor.quantum_layers": lambda: call(
            geometry.GaugeRegressor(PLAQUETTE, "u1").quantum_layers
        ),
        "geometry.LinkCovariantNetwork": lambda: call(
            geometry.LinkCovariantNetwork, lattice=PLAQUETTE, group="su2", channels=2
        ),
        "geometry.LinkCovariantNetwork.forward": lambda: call(
            geometry.LinkCovariantNetwork(PLAQUETTE, "u1"), links=rows(2, 4)
        ),
        "geometry.random_frames": lambda: call(
            geometry.random_frames, lattice=PLAQUETTE, group="u1", rows=2
        ),
        "geometry.random_links": lambda: call(
            geometry.random_links, lattice=PLAQUETTE, group="su2", rows=2
        ),
        "geometry.transform_links": lambda: call(
            geometry.transform_links,
            lattice=PLAQUETTE,
            links=rows(2, 4),
            frames=rows(2, 4),
        ),
        "geometry.wilson_loops": lambda: call(
            geometry.wilson_loops, lattice=PLAQUETTE, links=rows(2, 4)
        ),
        "geometry.InducedLinear": lambda: call(
            geometry.InducedLinear, source=ON_RING, target=ON_RING
        ),
        "geometry.InducedLinear.forward": lambda: call(
            geometry.InducedLinear(ON_RING, ON_RING), values=rows(2, 1, 3)
        ),
        "geometry.InducedLinear.reset_parameters": lambda: call(
            geometry.InducedLinear(ON_RING, ON_RING).reset_parameters
        ),
        "geometry.ClebschGordanProduct": lambda: call(
            geometry.ClebschGordanProduct, channels=2, lmax=1
        ),
        "geometry.ClebschGordanProduct.forward": lambda: call(
            geometry.ClebschGordanProduct(2, 1),
            first=rows(2, 2, 4),
            second=rows(2, 2, 4),
        ),
        "geometry.DegreeLinear": lambda: call(
            geometry.DegreeLinear, in_channels=1, out_channels=2, lmax=1
        ),
        "geometry.DegreeLinear.forward": lambda: call(
            geometry.DegreeLinear(1, 2, 1), fields=rows(2, 1, 4)
        ),
        "geometry.DegreeNorm": lambda: call(
            geometry.DegreeNorm, channels=1, lmax=1, momentum=0.2, eps=1e-3
        ),
        "geometry.DegreeNorm.forward": lambda: call(
            geometry.DegreeNorm(1, 1), fields=rows(2, 1, 4)
        ),
        "geometry.SphereClassifier": lambda: call(
            geometry.SphereClassifier,
            image_shape=(1, 2, 4),
            num_classes=2,
            lmax=1,
            circuits=1,
            layers=1,
            encoding="state",
            grid="gauss-legendre",
        ),
        "geometry.SphereClassifier.features": lambda: call(
            small_sphere().features, images=rows(2, 1, 2, 4)
        ),
        "geometry.SphereClassifier.forward": lambda: call(
            small_sphere(), images=rows(2, 1, 2, 4)
        ),
        "geometry.SphereNetwork": lambda: call(
            geometry.SphereNetwork,
            image_shape=(1, 3, 5),
            num_classes=2,
            lmax=2,
            width=1,
            dropout=0.1,
            grid="gauss-legendre",
        ),
        "geometry.SphereNetwork.forward": lambda: call(
            geometry.SphereNetwork((1, 3, 5), 2, lmax=1, width=1),
            images=rows(2, 1, 3, 5),
        ),
        "geometry.SphericalTransform": lambda: call(
            geometry.SphericalTransform, grid=data.SphereGrid(3), lmax=1
        ),
        "geometry.SphericalTransform.forward": lambda: call(
            geometry.SphericalTransform(data.SphereGrid(3)), fields=rows(2, 3, 6)
        ),
        "geometry.SphericalTransform.synthesis": lambda: call(
            geometry.SphericalTransform(data.SphereGrid(3), 1).synthesis,
            coefficients=rows(2, 4),
        ),
        "geometry.bispectrum": lambda: call(
            geometry.bispectrum, coefficients=rows(2, 9)
        ),
        "geometry.sphere_circuit": lambda: call(
            geometry.sphere_circuit, lmax=1, layers=2, encoding="state"
        ),
        # ---- kernels ----
        "kernels.FidelityKernel": lambda: call(
            k.FidelityKernel,
            circuit=U,
            scaling=0.5,
            memory=2**20,
            measure_diagonal=False,
            max_jobs=1,
            target="auto",
            shots=None,
            seed=None,
        ),
        "kernels.FidelityKernel.forward": lambda: call(
            k.FidelityKernel(U), x=rows(3, 2), y=rows(2, 2)
        ),
        "kernels.FidelityKernel.cost": lambda: call(
            k.FidelityKernel(U).cost, rows=3, columns=2
        ),
        "kernels.LocalKernel": lambda: call(
            k.LocalKernel,
            circuit=U,
            sizes=(1, 2),
            combine="mean",
            scaling=0.5,
            memory=2**20,
        ),
        "kernels.NystroemFeatures": lambda: call(
            k.NystroemFeatures,
            kernel=k.FidelityKernel(U),
            landmarks=rows(3, 2),
            cutoff=1e-6,
        ),
        "kernels.NystroemFeatures.forward": lambda: call(
            k.NystroemFeatures(k.FidelityKernel(U), rows(3, 2)).forward, x=rows(4, 2)
        ),
        "kernels.ProjectedKernel": lambda: call(
            k.ProjectedKernel,
            circuit=U,
            gamma=1.0,
            size=1,
            scaling=0.5,
            memory=2**20,
        ),
        "kernels.ProjectedKernel.features": lambda: call(
            k.ProjectedKernel(U).features, x=rows(3, 2)
        ),
        "kernels.RandomFourierFeatures": lambda: call(
            k.RandomFourierFeatures,
            kernel=k.ProjectedKernel(U),
            num_features=4,
            seed=0,
        ),
        "kernels.SumKernel": lambda: call(
            k.SumKernel,
            kernels=[k.FidelityKernel(U), k.ProjectedKernel(U)],
            weights=[1.0, 2.0],
            trainable_weights=True,
        ),
        "kernels.align": lambda: call(
            k.align,
            kernel=k.FidelityKernel(c.AngleEncoding(2) @ U),
            x=rows(4, 2),
            labels=torch.tensor([0, 1, 0, 1]),
            steps=2,
            batch_size=3,
            lr=0.1,
            seed=0,
            center=True,
        ),
        "kernels.describe": lambda: call(
            k.describe, gram=torch.eye(3), labels=torch.tensor([0, 1, 0])
        ),
        "kernels.ideal_gram": lambda: call(
            k.ideal_gram, labels=torch.tensor([0, 1, 0]), balance=True
        ),
        "kernels.mitigate_depolarizing_noise": lambda: call(
            k.mitigate_depolarizing_noise,
            gram=torch.eye(3) * 0.9,
            num_wires=2,
            method="average",
        ),
        "kernels.repaired": lambda: call(
            k.repaired, gram=torch.eye(3), method="threshold"
        ),
        "kernels.target_alignment": lambda: call(
            k.target_alignment,
            gram=torch.eye(3),
            labels=torch.tensor([0, 1, 0]),
            center=True,
            balance=True,
        ),
        # ---- phases ----
        "phases.ClusterIsing": lambda: call(
            ph.ClusterIsing,
            size=5,
            points=4,
            margin=0.3,
            snapshots=4,
            limits=(0.1, 1.9),
            states=6,
            sets=2,
        ),
        "phases.Ising2D": lambda: call(
            ph.Ising2D,
            size=4,
            points=4,
            margin=0.3,
            snapshots=1,
            limits=(1.0, 3.5),
            chains=5,
            length=2,
        ),
        "phases.OnFeatures": lambda: call(ph.OnFeatures, kind="linear", name="it"),
        "phases.Scan": lambda: call(
            ph.Scan,
            names=("h",),
            couplings=[0.0, 1.0],
            bases=("ZZ",),
            bits=np.zeros((2, 1, 3, 2)),
            of=[0, 1],
            group=[0, 1],
            shape=(2,),
            states=np.ones((2, 4)),
            title="it",
        ),
        "phases.Scan.along": lambda: call(scan().along, name="T"),
        "phases.Scan.measurements": lambda: call(scan().measurements, row=1),
        "phases.Scan.sets": lambda: call(scan().sets, snapshots=1),
        "phases.ShadowKernel": lambda: call(
            ph.ShadowKernel, tau=1.0, gamma=0.5, penalty=2.0
        ),
        "phases.SnapshotAutoencoder": lambda: call(
            ph.SnapshotAutoencoder, num_sites=4, latent=2
        ),
        "phases.SnapshotAutoencoder.forward": lambda: call(
            ph.SnapshotAutoencoder(4, 2).forward, rows=rows(2, 8).round() * 2 - 1
        ),
        "phases.SnapshotCNN": lambda: call(
            ph.SnapshotCNN,
            shape=(2, 2),
            bases=["ZZZZ"],
            width=3,
            num_classes=2,
            flip=True,
        ),
        "phases.SnapshotCNN.forward": lambda: call(
            ph.SnapshotCNN((4,), ["ZZZZ"], 3).forward, rows=rows(2, 8).round() * 2 - 1
        ),
        "phases.SnapshotTransformer": lambda: call(
            ph.SnapshotTransformer,
            shape=(2, 2),
            bases=["ZZZZ"],
            width=4,
            num_classes=2,
            patch=1,
            layers=1,
            heads=2,
            flip=True,
        ),
        "phases.Threshold": lambda: call(
            ph.Threshold, feature=ph.magnetisation, name="it"
        ),
        "phases.Threshold.fit": lambda: call(
            ph.Threshold(ph.magnetisation).fit,
            scan=scan(),
            labels=[1, 1, 1, 1, 0, 0, 0, 0],
        ),
        "phases.binder_crossing": lambda: call(
            ph.binder_crossing,
            small=ph.ising_scan([2.1, 2.3, 2.5, 2.7], 4, 20, 5),
            large=ph.ising_scan([2.1, 2.3, 2.5, 2.7], 6, 20, 5),
            samples=5,
            seed=0,
        ),
        "phases.binder_cumulant": lambda: call(
            ph.binder_cumulant, scan=ph.ising_scan([2.0], 4, 5, 5)
        ),
        "phases.bond_order": lambda: call(ph.bond_order, scan=scan()),
        "phases.correlators": lambda: call(ph.correlators, scan=scan()),
        "phases.extrapolate": lambda: call(
            ph.extrapolate, sizes=[8, 16], places=[2.5, 2.4], errors=[0.1, 0.1], nu=1.0
        ),
        "phases.fidelity_susceptibility": lambda: call(
            ph.fidelity_susceptibility, scan=chain_scan(), name="h1"
        ),
        "phases.find_boundary": lambda: call(
            ph.find_boundary,
            scan=scan(),
            probabilities=[1.0, 1, 0.7, 0.8, 0.2, 0, 0, 0],
            name="T",
            rows=1,
            samples=5,
            seed=0,
        ),
        "phases.ground_states": lambda: call(
            ph.ground_states,
            hamiltonian=lambda h: m.transverse_ising(m.Lattice.chain(3), h=h),
            couplings=[1.0, 2.0],
        ),
        "phases.ising_scan": lambda: call(
            ph.ising_scan,
            temperatures=[1.0, 3.0],
            size=3,
            chains=2,
            snapshots=1,
            warm_up=1,
            apart=1,
            seed=0,
        ),
        "phases.learn_by_confusion": lambda: call(
            ph.learn_by_confusion,
            train=ph.ising_scan([1.0, 1.5, 3, 4], 4, 5, 5),
            test=ph.ising_scan([1.0, 1.5, 3, 4], 4, 5, 5),
            name="T",
        ),
        "phases.magnetisation": lambda: call(
            ph.magnetisation, scan=scan(), staggered=True, letter="Z"
        ),
        "phases.make_system": lambda: call(ph.make_system, name="ising2d"),
        "phases.measure_states": lambda: call(
            ph.measure_states, states=[[1.0, 0, 0, 1]], bases=["XX"], shots=3, seed=0
        ),
        "phases.raw_spins": lambda: call(ph.raw_spins, scan=scan()),
        "phases.string_order": lambda: call(ph.string_order, scan=chain_scan(), span=2),
        # ---- renormalisation ----
        "renormalisation.IsingChain": lambda: call(
            r.IsingChain, coupling=0.5, field=0.1, constant=0.2
        ),
        "renormalisation.IsingChain.decimated": lambda: call(
            r.IsingChain(0.5).decimated, block=3
        ),
        "renormalisation.IsingChain.flow": lambda: call(
            r.IsingChain(0.5).flow, steps=2, block=3
        ),
        "renormalisation.IsingChain.log_partition": lambda: call(
            r.IsingChain(0.5).log_partition, num_sites=3
        ),
        "renormalisation.IsingClusters": lambda: call(
            r.IsingClusters,
            model=r.IsingModel((4, 4)),
            chains=3,
            single=True,
            steps=2,
            ordered=True,
        ),
        "renormalisation.IsingClusters.sample": lambda: call(
            ising_clusters().sample, sweeps=2
        ),
        "renormalisation.IsingMetropolis": lambda: call(
            r.IsingMetropolis,
            model=r.IsingModel((4, 4)),
            chains=3,
            steps=2,
            ordered=True,
        ),
        "renormalisation.IsingModel": lambda: call(
            r.IsingModel, shape=(2, 3), coupling=0.3, field=0.1
        ),
        "renormalisation.IsingModel.energy": lambda: call(
            r.IsingModel((2, 3)).energy, spins=SPINS
        ),
        "renormalisation.IsingModel.lattices": lambda: call(
            r.IsingModel((2, 3)).lattices, spins=SPINS
        ),
        "renormalisation.ScaleInvariantMERA": lambda: call(
            r.ScaleInvariantMERA,
            term=ISING_TERM,
            disentangler=c.BasicEntangler(2),
            isometry=c.BasicEntangler(2),
            transitional=1,
            seed=0,
        ),
        "renormalisation.ScaleInvariantMERA.brickwork": lambda: call(
            r.ScaleInvariantMERA.brickwork,
            term=ISING_TERM,
            bond=2,
            layers=1,
            gate=c.BasicEntangler(2),
            transitional=0,
            seed=0,
        ),
        "renormalisation.ScaleInvariantMERA.circuit": lambda: call(
            mera().circuit, levels=1, sites=3
        ),
        "renormalisation.ScaleInvariantMERA.density_matrix": lambda: call(
            mera().density_matrix, levels=2
        ),
        "renormalisation.ScaleInvariantMERA.energy": lambda: call(
            mera().energy, levels=2
        ),
        "renormalisation.ScaleInvariantMERA.fit": lambda: call(
            mera().fit, steps=1, tolerance=1e-6, tell=print
        ),
        "renormalisation.ScaleInvariantMERA.scaling_dimensions": lambda: call(
            mera().scaling_dimensions, count=2
        ),
        "renormalisation.Thermometer": lambda: call(
            r.Thermometer, num_sites=6, couplings=[0.1, 0.3], hidden=2
        ),
        "renormalisation.Thermometer.fit": lambda: call(
            r.Thermometer(6, [0.1, 0.3]).fit,
            samples=torch.stack([SPINS, -SPINS]),
            steps=2,
            learning_rate=0.01,
        ),
        "renormalisation.Thermometer.forward": lambda: call(
            r.Thermometer(6, [0.1, 0.3]), spins=SPINS
        ),
        "renormalisation.rbm_flow": lambda: call(
            r.rbm_flow,
            rbm=models.RBM(6, 2, generator=seeded()),
            spins=SPINS,
            thermometer=r.Thermometer(6, [0.1, 0.3]),
            steps=2,
        ),
        "renormalisation.block_spins": lambda: call(
            r.block_spins, spins=2 * rows(2, 4, 4).round() - 1, block=2
        ),
        "renormalisation.coupling_operator": lambda: call(
            r.coupling_operator,
            rbm=rbm(),
            energy=lambda spins: spins.sum(1),
            visible=BITS,
            hidden=BITS[:, :2],
        ),
        "renormalisation.onsager_energy": lambda: call(r.onsager_energy, coupling=0.3),
        "renormalisation.LinearRule": lambda: call(
            r.LinearRule, num_sites=3, hidden=2, generator=seeded()
        ),
        "renormalisation.LinearRule.forward": lambda: call(
            r.LinearRule(6), spins=SPINS
        ),
        "renormalisation.Surroundings": lambda: call(
            r.Surroundings, block=CHAINS[..., :2], environment=CHAINS[..., 3:]
        ),
        "renormalisation.Surroundings.of_lattice": lambda: call(
            r.Surroundings.of_lattice,
            model=r.IsingModel((8, 8)),
            samples=ising_clusters().sample(),
            block=2,
            buffer=1,
            width=1,
            places=2,
        ),
        "renormalisation.Surroundings.part": lambda: call(
            surroundings().part, chains=slice(2)
        ),
        "renormalisation.decimation_rule": lambda: call(r.decimation_rule, spins=SPINS),
        "renormalisation.majority_rule": lambda: call(r.majority_rule, spins=SPINS),
        "renormalisation.environment_information": lambda: call(
            r.environment_information,
            rule=r.majority_rule,
            data=surroundings(),
            steps=2,
            learning_rate=0.01,
        ),
        "renormalisation.learn_rule": lambda: call(
            r.learn_rule, data=surroundings(), hidden=2, steps=2, learning_rate=0.01
        ),
        "renormalisation.renormalise": lambda: call(
            r.renormalise,
            sampler=ising_clusters(),
            sweeps=4,
            burn_in=2,
            block=2,
            levels=1,
            operators=2,
        ),
        "renormalisation.variational_step": lambda: call(
            r.variational_step, rbm=rbm(), energy=lambda spins: spins.sum(1)
        ),
        # ---- generative models, metrics ----
        "models.RBM.hidden_free_energy": lambda: call(
            rbm().hidden_free_energy, hidden=BITS[:, :2]
        ),
        "models.RBM": lambda: call(models.RBM, num_visible=3, num_hidden=2),
        "models.RBM.complete": lambda: call(
            rbm().complete,
            visible=BITS,
            known=torch.tensor([True, False, True]),
            steps=2,
        ),
        "models.RBM.contrastive_loss": lambda: call(
            rbm().contrastive_loss, visible=BITS
        ),
        "models.RBM.energy": lambda: call(
            rbm().energy, visible=BITS, hidden=BITS[:, :2]
        ),
        "models.RBM.forward": lambda: call(rbm(), visible=BITS),
        "models.RBM.free_energy": lambda: call(rbm().free_energy, visible=BITS),
        "models.RBM.from_data": lambda: call(models.RBM.from_data, split=bits()),
        "models.RBM.gibbs": lambda: call(
            rbm().gibbs, visible=BITS, known=torch.tensor([True, False, True])
        ),
        "models.RBM.log_likelihood": lambda: call(rbm().log_likelihood, visible=BITS),
        "models.RBM.log_partition": lambda: call(rbm().log_partition),
        "models.RBM.nll_loss": lambda: call(rbm().nll_loss, visible=BITS),
        "models.RBM.reset_parameters": lambda: call(
            rbm().reset_parameters, generator=seeded()
        ),
        "models.RBM.sample": lambda: call(rbm().sample, num_samples=3, steps=2),
        "models.RBM.sample_visible": lambda: call(
            rbm().sample_visible, hidden=BITS[:, :2]
        ),
        "models.RBM.visible_mean": lambda: call(rbm().visible_mean, hidden=BITS[:, :2]),
        "models.BornMachine": lambda: call(
            models.BornMachine, circuit=c.HardwareEfficient(2)
        ),
        "models.BornMachine.forward": lambda: call(born()),
        "models.BornMachine.from_data": lambda: call(
            models.BornMachine.from_data, split=bits()
        ),
        "models.BornMachine.sample": lambda: call(born().sample, num_samples=3),
        "models.ClassicalGenerator": lambda: call(
            models.ClassicalGenerator, network=nn.Linear(2, 3), noise_size=2
        ),
        "models.ClassicalGenerator.sample": lambda: call(
            models.ClassicalGenerator(nn.Linear(2, 3), 2).sample, rows=3
        ),
        "models.ConvGenerator": lambda: call(
            models.ConvGenerator, image_shape=(4, 4), noise_size=2, channels=(2,)
        ),
        "models.ConvGenerator.from_data": lambda: call(
            models.ConvGenerator.from_data, split=images(), layers=1
        ),
        "models.DeepBeliefNetwork": lambda: call(
            models.DeepBeliefNetwork, sizes=[3, 2]
        ),
        "models.DeepBeliefNetwork.fit_greedily": lambda: call(
            belief().fit_greedily, visible=BITS, epochs=1
        ),
        "models.DeepBeliefNetwork.forward": lambda: call(belief(), visible=BITS),
        "models.DeepBeliefNetwork.sample": lambda: call(
            belief().sample, num_samples=3, steps=2
        ),
        "models.DeepBeliefNetwork.up": lambda: call(belief().up, visible=BITS, level=1),
        "models.DeepBoltzmannMachine": lambda: call(
            models.DeepBoltzmannMachine, sizes=[3, 2, 2]
        ),
        "models.DeepBoltzmannMachine.contrastive_loss": lambda: call(
            deep().contrastive_loss, visible=BITS
        ),
        "models.DeepBoltzmannMachine.energy": lambda: call(
            deep().energy, layers=[BITS, BITS[:, :2], BITS[:, :2]]
        ),
        "models.DeepBoltzmannMachine.forward": lambda: call(deep(), visible=BITS),
        "models.DeepBoltzmannMachine.gibbs": lambda: call(
            deep().gibbs, layers=[BITS, BITS[:, :2], BITS[:, :2]]
        ),
        "models.DeepBoltzmannMachine.log_likelihood": lambda: call(
            deep().log_likelihood, visible=BITS
        ),
        "models.DeepBoltzmannMachine.mean_field": lambda: call(
            deep().mean_field, visible=BITS
        ),
        "models.DeepBoltzmannMachine.reset_parameters": lambda: call(
            deep().reset_parameters, generator=seeded()
        ),
        "models.DeepBoltzmannMachine.sample": lambda: call(
            deep().sample, num_samples=3, steps=2
        ),
        "models.DistributionGenerator": lambda: call(
            models.DistributionGenerator,
            circuit=c.HardwareEfficient(2),
            values=torch.arange(4.0),
        ),
        "models.DistributionGenerator.from_data": lambda: call(
            models.DistributionGenerator.from_data, split=numbers(), layers=1
        ),
        "models.DistributionGenerator.loss": lambda: call(
            prices().loss, discriminator=nn.Linear(1, 1)
        ),
        "models.DistributionGenerator.mean": lambda: call(
            prices().mean, function_values=torch.arange(4.0)
        ),
        "models.DistributionGenerator.sample": lambda: call(prices().sample, rows=3),
        "models.IQPBornMachine": lambda: call(
            models.IQPBornMachine, num_bits=3, words=[(0,), (0, 1)]
        ),
        "models.IQPBornMachine.born_machine": lambda: call(iqp().born_machine),
        "models.IQPBornMachine.expectations": lambda: call(
            iqp().expectations, observables=BITS, num_samples=10
        ),
        "models.IQPBornMachine.mmd": lambda: call(
            iqp().mmd, data=BITS, num_samples=10, num_words=10
        ),
        "models.IQPBornMachine.reset_parameters": lambda: call(
            iqp().reset_parameters, generator=seeded()
        ),
        "models.IQPBornMachine.sample": lambda: call(iqp().sample, num_samples=3),
        "models.NoiseGenerator.sample_noise": lambda: call(
            style().sample_noise, rows=3
        ),
        "models.NoiseGenerator.forward": lambda: call(style(), noise=rows(3, 2)),
        "models.NoiseGenerator.sample": lambda: call(style().sample, rows=3),
        "models.NormalizingFlow": lambda: call(
            models.NormalizingFlow, num_features=2, layers=1, hidden=4
        ),
        "models.NormalizingFlow.forward": lambda: call(
            models.NormalizingFlow(2), rows=rows(3, 2)
        ),
        "models.NormalizingFlow.from_data": lambda: call(
            models.NormalizingFlow.from_data, split=parts(), layers=1, hidden=4
        ),
        "models.NormalizingFlow.log_prob": lambda: call(
            models.NormalizingFlow(2).log_prob, rows=rows(3, 2)
        ),
        "models.NormalizingFlow.sample": lambda: call(
            models.NormalizingFlow(2).sample, rows=5
        ),
        "models.PatchGenerator": lambda: call(
            models.PatchGenerator, image_shape=(2, 2), patch_shape=(1, 2), layers=1
        ),
        "models.PatchGenerator.forward": lambda: call(
            models.PatchGenerator((2, 2), (1, 2), layers=1), noise=rows(3, 2)
        ),
        "models.PatchGenerator.from_data": lambda: call(
            models.PatchGenerator.from_data, split=images(), layers=1
        ),
        "models.PatchGenerator.reset_parameters": lambda: call(
            models.PatchGenerator((2, 2), (1, 2), layers=1).reset_parameters,
            generator=seeded(),
        ),
        "models.QuantumAutoencoder": lambda: call(
            models.QuantumAutoencoder,
            encoding=c.AngleEncoding(3),
            processing=c.BasicEntangler(3),
            num_trash=1,
        ),
        "models.QuantumAutoencoder.fidelity": lambda: call(
            autoencoder().fidelity, inputs=rows(2, 3)
        ),
        "models.QuantumAutoencoder.forward": lambda: call(
            autoencoder(), inputs=rows(2, 3)
        ),
        "models.QuantumAutoencoder.loss": lambda: call(
            autoencoder().loss, inputs=rows(2, 3)
        ),
        "models.QuantumBoltzmannMachine": lambda: call(
            models.QuantumBoltzmannMachine, num_visible=2
        ),
        "models.QuantumBoltzmannMachine.nll_loss": lambda: call(
            boltzmann().nll_loss, visible=BITS[:, :2]
        ),
        "models.QuantumBoltzmannMachine.reset_parameters": lambda: call(
            boltzmann().reset_parameters, generator=seeded()
        ),
        "models.QuantumBoltzmannMachine.sample": lambda: call(
            boltzmann().sample, num_samples=3
        ),
        "models.QuantumDiscriminator": lambda: call(
            models.QuantumDiscriminator, circuit=U
        ),
        "models.QuantumDiscriminator.forward": lambda: call(
            models.QuantumDiscriminator(U), samples=rows(3, 2)
        ),
        "models.QuantumVAE": lambda: call(
            models.QuantumVAE, num_features=4, latent_size=2, hidden=4
        ),
        "models.QuantumVAE.decode": lambda: call(
            vae(num_classes=2).decode,
            latent=rows(3, 2),
            labels=torch.tensor([0, 1, 0]),
        ),
        "models.QuantumVAE.encode": lambda: call(
            vae(num_classes=2).encode,
            inputs=rows(3, 4),
            labels=torch.tensor([0, 1, 0]),
        ),
        "models.QuantumVAE.forward": lambda: call(vae(), inputs=rows(3, 4)),
        "models.QuantumVAE.from_data": lambda: call(
            models.QuantumVAE.from_data, split=images(), latent=2, layers=1
        ),
        "models.QuantumVAE.loss": lambda: call(vae().loss, inputs=rows(3, 4)),
        "models.QuantumVAE.sample": lambda: call(vae().sample, rows=3),
        "models.QuantumVAE.terms": lambda: call(vae().terms, inputs=rows(3, 4)),
        "models.StyleGenerator": lambda: call(
            models.StyleGenerator, num_features=2, noise_size=2
        ),
        "models.StyleGenerator.from_data": lambda: call(
            models.StyleGenerator.from_data, split=parts(), layers=1
        ),
        "data.all_bits": lambda: call(data.all_bits, num_bits=2),
        "models.annealed_log_partition": lambda: call(
            models.annealed_log_partition,
            rbm=rbm(),
            num_chains=3,
            num_temperatures=3,
        ),
        "data.bit_index": lambda: call(data.bit_index, bits=BITS),
        "models.chow_liu_circuit": lambda: call(
            models.chow_liu_circuit, bits=BITS, layers=1
        ),
        "metrics.chow_liu_tree": lambda: call(metrics.chow_liu_tree, bits=BITS),
        "models.discriminator_loss": lambda: call(
            models.discriminator_loss, real=LOGITS, generated=LOGITS
        ),
        "metrics.diversity": lambda: call(metrics.diversity, samples=rows(4, 2)),
        "models.fidelity": lambda: call(
            models.fidelity,
            first=torch.tensor([0.6, 0.8]),
            second=torch.tensor([0.8, 0.6]),
        ),
        "metrics.flip_scores": lambda: call(
            metrics.flip_scores, samples=BITS, log_target=lambda rows: rows.sum(1)
        ),
        "metrics.frechet_distance": lambda: call(
            metrics.frechet_distance, real=rows(6, 3), generated=rows(5, 3)
        ),
        "data.frequencies": lambda: call(data.frequencies, bits=BITS),
        "models.generator_loss": lambda: call(models.generator_loss, generated=LOGITS),
        "models.gradient_penalty": lambda: call(
            models.gradient_penalty,
            discriminator=nn.Linear(2, 1),
            real=rows(3, 2),
            generated=rows(3, 2),
        ),
        "metrics.jensen_shannon": lambda: call(
            metrics.jensen_shannon, first=P, second=Q
        ),
        "metrics.jensen_shannon_of_samples": lambda: call(
            metrics.jensen_shannon_of_samples,
            real=rows(5, 2),
            generated=rows(4, 2),
            bins=3,
        ),
        "metrics.kl_divergence": lambda: call(metrics.kl_divergence, target=P, model=Q),
        "metrics.kolmogorov_smirnov": lambda: call(
            metrics.kolmogorov_smirnov, real=rows(5), generated=rows(4)
        ),
        "metrics.manifold": lambda: call(
            metrics.manifold, real=rows(6, 3), generated=rows(5, 3)
        ),
        "metrics.mmd": lambda: call(metrics.mmd, model=P, target=Q),
        "metrics.mmd_of_samples": lambda: call(
            metrics.mmd_of_samples, model=rows(4, 3), target=rows(5, 3)
        ),
        "metrics.mutual_information": lambda: call(
            metrics.mutual_information, bits=BITS
        ),
        "metrics.quality": lambda: call(
            metrics.quality, real=rows(6, 3), generated=rows(5, 3)
        ),
        "models.quantum_wasserstein": lambda: call(
            models.quantum_wasserstein,
            generated=torch.tensor([0.6, 0.8]),
            real=torch.tensor([0.8, 0.6]),
        ),
        "models.slope_penalty": lambda: call(
            models.slope_penalty, discriminator=nn.Linear(2, 1), real=rows(3, 2)
        ),
        "metrics.stein_discrepancy": lambda: call(
            metrics.stein_discrepancy, model=P, target=Q
        ),
        "metrics.stein_discrepancy_of_samples": lambda: call(
            metrics.stein_discrepancy_of_samples,
            samples=BITS,
            scores=rows(5, 3),
        ),
        "metrics.total_variation": lambda: call(
            metrics.total_variation, first=P, second=Q
        ),
        "metrics.trivial_baselines": lambda: call(
            metrics.trivial_baselines,
            real=rows(12, 3),
            test=rows(6, 3),
            num_components=2,
        ),
        "metrics.valid_rate": lambda: call(
            metrics.valid_rate, samples=BITS, valid=BITS[:2]
        ),
        # ---- many bodies ----
        "manybody.AutoregressiveSampler": lambda: call(
            m.AutoregressiveSampler, rows=5, sweeps=2
        ),
        "manybody.AutoregressiveState": lambda: call(
            m.AutoregressiveState, network=models.AutoregressiveNetwork(4)
        ),
        "manybody.Blurred": lambda: call(
            m.Blurred, sampler=m.Metropolis.flips(6, chains=3), rate=0.2
        ),
        "manybody.CircuitState": lambda: call(
            m.CircuitState, circuit=c.StronglyEntangling(2)
        ),
        "manybody.Evolution": lambda: call(
            m.Evolution, tdvp=tdvp(), method="heun", step_size=0.1, tolerance=0.1
        ),
        "manybody.ExactDynamics": lambda: call(
            m.ExactDynamics,
            operator=SPIN_RING,
            start=[1.0] * 20,
            sector=SECTOR,
            imaginary=False,
            most_sites=6,
        ),
        "manybody.ExactDynamics.expectation": lambda: call(
            m.ExactDynamics(SPIN_RING, [1.0] * 20, SECTOR).expectation,
            operator=SPIN_RING,
        ),
        "manybody.ExactDynamics.infidelity": lambda: call(
            m.ExactDynamics(SPIN_RING, [1.0] * 20, SECTOR).infidelity,
            state=m.RBMState(6),
        ),
        "manybody.TDVP": lambda: call(
            m.TDVP,
            operator=SPIN_RING,
            state=m.RBMState(6, dtype=torch.complex128),
            sampler=m.FullSummation(SECTOR),
            cutoff=1e-6,
            snr=1.0,
        ),
        "manybody.FeedForwardState": lambda: call(
            m.FeedForwardState, num_sites=6, hidden_dims=(4,)
        ),
        "manybody.FullSummation": lambda: call(m.FullSummation, sector=SECTOR),
        "manybody.GradientDescent": lambda: call(
            m.GradientDescent,
            state=m.RBMState(6),
            learning_rate=0.1,
            final_rate=0.01,
            steps=10,
        ),
        "manybody.GroupConvolutionalState": lambda: call(
            m.GroupConvolutionalState,
            lattice=RING_OF_6,
            layers=1,
            features=2,
            permutations=RING_OF_6.translations,
            characters=RING_OF_6.characters(3),
        ),
        "manybody.JastrowState": lambda: call(
            m.JastrowState, num_sites=6, permutations=RING_OF_6.translations, scale=0.1
        ),
        "manybody.Metropolis": lambda: call(
            m.Metropolis, start=SPINS, moves=torch.eye(6).bool(), sweeps=2, steps=3
        ),
        "manybody.Metropolis.exchange": lambda: call(
            m.Metropolis.exchange,
            num_sites=6,
            pairs=RING_OF_6.edges,
            magnetisation=0,
            chains=3,
        ),
        "manybody.Metropolis.flips": lambda: call(
            m.Metropolis.flips, num_sites=6, chains=3
        ),
        "manybody.ModuleState": lambda: call(
            m.ModuleState, module=nn.Linear(6, 1), num_sites=6
        ),
        "manybody.Multiplied": lambda: call(
            m.Multiplied, states=[m.RBMState(6), m.JastrowState(6)]
        ),
        "manybody.Means.of": lambda: call(
            m.Means.of, samples=SAMPLES, function=torch.abs
        ),
        "manybody.Projector": lambda: call(
            m.Projector,
            target=m.RBMState(6),
            sampler=m.FullSummation(SECTOR),
            weight=2.0,
            offset=1.0,
            burn_in=1,
        ),
        "manybody.Projector.infidelity": lambda: call(
            m.Projector.infidelity,
            target=m.RBMState(6),
            sampler=m.FullSummation(SECTOR),
        ),
        "manybody.RBMState.random": lambda: call(
            m.RBMState.random, num_sites=6, reach=1, alpha=1, spread=1.0
        ),
        "manybody.RBMState": lambda: call(
            m.RBMState,
            num_sites=6,
            alpha=2,
            permutations=RING_OF_6.translations,
            scale=0.1,
        ),
        "manybody.StochasticReconfiguration": lambda: call(
            m.StochasticReconfiguration,
            state=m.RBMState(6),
            learning_rate=0.1,
            final_rate=0.01,
            steps=10,
            shift=0.1,
            final_shift=1e-4,
            solver="cg",
            momentum=0.5,
            max_norm=0.2,
            tolerance=1e-6,
        ),
        "manybody.Symmetrized": lambda: call(
            m.Symmetrized,
            state=m.RBMState(6),
            permutations=RING_OF_6.translations,
            spin_flip=1,
        ),
        "manybody.VariationalMonteCarlo": lambda: call(
            m.VariationalMonteCarlo,
            operator=SPIN_RING,
            state=m.RBMState(6),
            sampler=m.FullSummation(SECTOR),
            window=5,
        ),
        "manybody.VariationalMonteCarlo.estimate": lambda: call(
            descent().estimate, operator=SPIN_RING
        ),
        "manybody.VariationalMonteCarlo.run": lambda: call(descent().run, steps=2),
        "manybody.VectorState": lambda: call(
            m.VectorState, vector=[0.0, 0.6, 0.8, 0.0], sector=2
        ),
        "manybody.VisionTransformerState": lambda: call(
            m.VisionTransformerState,
            lattice=RING_OF_6,
            patch_size=3,
            layers=1,
            embed_dim=4,
            heads=2,
            mlp_dim=3,
        ),
        "manybody.Lattice": lambda: call(m.Lattice, shape="square", n_cells=(2, 3)),
        "manybody.Lattice.along": lambda: call(RING_OF_6.along, axis=0, steps=2),
        "manybody.Lattice.chain": lambda: call(m.Lattice.chain, num_sites=4),
        "manybody.Lattice.characters": lambda: call(RING_OF_6.characters, momentum=1),
        "manybody.Lattice.from_edges": lambda: call(
            m.Lattice.from_edges, edges=[(0, 1), (1, 2)], num_sites=3
        ),
        "manybody.Lattice.neighbours": lambda: call(RING_OF_6.neighbours, order=2),
        "manybody.Lattice.square": lambda: call(m.Lattice.square, rows=2, columns=3),
        "manybody.Lattice.triangular": lambda: call(
            m.Lattice.triangular, rows=2, columns=3
        ),
        "manybody.Problem": lambda: call(
            m.Problem,
            operator=SPIN_RING,
            lattice=RING_OF_6,
            marshall=True,
            magnetisation=0,
        ),
        "manybody.Problem.fidelity": lambda: call(
            problem().fidelity, state=m.RBMState(6)
        ),
        "manybody.Problem.of": lambda: call(m.Problem.of, hamiltonian=SPIN_RING),
        "manybody.Problem.named": lambda: call(
            m.Problem.named, name="heisenberg", size=6, periodic=False
        ),
        "manybody.Problem.sampler": lambda: call(
            problem().sampler, state=m.RBMState(6), samples=10, chains=5
        ),
        "manybody.Problem.signs": lambda: call(problem().signs, spins=SPINS),
        "manybody.Problem.symmetry": lambda: call(problem().symmetry, kind="all"),
        "manybody.neural_state": lambda: call(
            m.neural_state, problem=problem(), state="rbm", alpha=2
        ),
        "manybody.Sector": lambda: call(m.Sector, num_sites=4, magnetisation=0),
        "manybody.Sector of sums": lambda: call(
            m.Sector, num_sites=4, sums=[((0, 2), 0), ((1, 3), 0)]
        ),
        "manybody.Sector.index": lambda: call(SECTOR.index, spins=SPINS),
        "manybody.Sector.numbers": lambda: call(SECTOR.numbers, spins=SPINS),
        "manybody.Sector.spins": lambda: call(SECTOR.spins, dtype=torch.float32),
        "manybody.Sector.amplitudes": lambda: call(
            SECTOR.amplitudes, vector=np.ones(20), spins=SPINS
        ),
        "manybody.SpinOperator.check_sector": lambda: call(
            SPIN_RING.check_sector, sector=SECTOR
        ),
        "manybody.SpinOperator.check_symmetry": lambda: call(
            SPIN_RING.check_symmetry, permutations=RING_OF_6.symmetries
        ),
        "manybody.SpinOperator.commutes_with": lambda: call(
            SPIN_RING.commutes_with, permutation=[1, 2, 3, 4, 5, 0]
        ),
        "manybody.SpinOperator.connected": lambda: call(
            SPIN_RING.connected, spins=SPINS
        ),
        "manybody.SpinOperator.diagonal": lambda: call(SPIN_RING.diagonal, spins=SPINS),
        "manybody.SpinOperator.elements": lambda: call(SPIN_RING.elements, spins=SPINS),
        "manybody.SpinOperator.matrix": lambda: call(SPIN_RING.matrix, sector=SECTOR),
        "manybody.SpinOperator.of": lambda: call(
            m.SpinOperator.of, operator=qml.X(0) @ qml.X(1), wires=2
        ),
        "manybody.SpinOperator.rotated": lambda: call(
            SPIN_RING.rotated, sublattice=[1, 3, 5]
        ),
        "manybody.annni": lambda: call(m.annni, lattice=RING_OF_6),
        "manybody.bethe_energy": lambda: call(m.bethe_energy, num_sites=6),
        "manybody.cluster_ising": lambda: call(m.cluster_ising, lattice=RING_OF_6),
        "manybody.correlators": lambda: call(m.correlators, samples=SAMPLES),
        "manybody.entanglement_spectrum": lambda: call(
            m.entanglement_spectrum, state=Q, sites=[0]
        ),
        "manybody.entropy": lambda: call(m.entropy, state=Q, sites=[0], order=2.0),
        "manybody.entropy_profile": lambda: call(
            m.entropy_profile, state=Q, order=2.0, periodic=False
        ),
        "manybody.expectation": lambda: call(
            m.expectation,
            operator=SPIN_RING,
            state=m.RBMState(6),
            sampler=m.FullSummation(SECTOR),
        ),
        "manybody.fidelity": lambda: call(
            m.fidelity,
            state=m.RBMState(6),
            target=m.RBMState(6),
            sampler=m.FullSummation(SECTOR),
        ),
        "manybody.free_fermion_energy": lambda: call(
            m.free_fermion_energy, num_sites=6, h=0.5
        ),
        "manybody.free_fermion_quench": lambda: call(
            m.free_fermion_quench, num_sites=6, times=[0.1], before=1.0, after=0.5
        ),
        "manybody.ground_state": lambda: call(
            m.ground_state, operator=m.heisenberg(RING_OF_6), sector=SECTOR
        ),
        "manybody.Eigenstates.amplitudes": lambda: call(
            m.ground_state(m.heisenberg(RING_OF_6), SECTOR).amplitudes, spins=SPINS
        ),
        "manybody.heisenberg": lambda: call(m.heisenberg, lattice=RING_OF_6),
        "manybody.j1_j2": lambda: call(m.j1_j2, lattice=RING_OF_6),
        "manybody.magnetisation": lambda: call(
            m.magnetisation, samples=SAMPLES, sublattice=[1, 3, 5]
        ),
        "manybody.mean_field_energy": lambda: call(
            m.mean_field_energy, operator=m.heisenberg(RING_OF_6), starts=2
        ),
        "manybody.structure_factor": lambda: call(
            m.structure_factor, samples=SAMPLES, lattice=RING_OF_6, momenta=[[0.5]]
        ),
        "manybody.transverse_ising": lambda: call(
            m.transverse_ising, lattice=RING_OF_6
        ),
        "manybody.xxz": lambda: call(m.xxz, lattice=RING_OF_6),
        "manybody.page_entropy": lambda: call(m.page_entropy, size=1, num_sites=3),
        "manybody.quantum_mutual_information": lambda: call(
            m.quantum_mutual_information, state=Q, first=[0], second=[1], order=2.0
        ),
        "manybody.scaling_law": lambda: call(
            m.scaling_law, profiles=rows(2, 3), smallest=1, largest=3
        ),
        "manybody.state_vector": lambda: call(
            m.state_vector, state=m.RBMState(6), sector=SECTOR
        ),
        "manybody.swap_entropy": lambda: call(
            m.swap_entropy,
            state=m.RBMState(6),
            sites=[0],
            sampler=m.Metropolis.flips(6, chains=8),
            sweeps=2,
        ),
        "manybody.zero_variance": lambda: call(
            m.zero_variance,
            estimates=[m.Estimate(-e, 0.1, 1 / e, 4, 9) for e in (1, 2, 3)],
        ),
        # ---- data ----
        "data.Dataset": lambda: call(
            data.Dataset, inputs=rows(4, 2), labels=[0, 1, 0, 1], class_names=["a", "b"]
        ),
        "data.Dataset.of_classes": lambda: call(table().of_classes, names=["no"]),
        "data.Dataset.take": lambda: call(table().take, rows=[0, 1]),
        "data.Dequantiser": lambda: call(
            data.Dequantiser, widths=rows(2), levels=(None, None)
        ),
        "data.Dequantiser.fit": lambda: call(data.Dequantiser.fit, train=parts().train),
        "data.Dequantiser.noisy": lambda: call(
            data.Dequantiser.fit(parts().train).noisy, rows=rows(3, 4)
        ),
        "data.Dequantiser.rounded": lambda: call(
            data.Dequantiser.fit(parts().train).rounded, rows=rows(3, 4)
        ),
        "data.ResumableLoader": lambda: call(data.ResumableLoader, dataset=table()),
        "data.ResumableLoader.load_state_dict": lambda: call(
            data.ResumableLoader(table()).load_state_dict, state=chained()
        ),
        "data.bars_and_stripes": lambda: call(data.bars_and_stripes, height=2, width=2),
        "data.Mesh": lambda: call(
            data.Mesh, vertices=MESH.vertices, faces=MESH.faces, frames=MESH.frames
        ),
        "data.Mesh.components": lambda: call(
            MESH.components, vectors=MESH.frames[:, 0]
        ),
        "data.Mesh.neighbours": lambda: call(MESH.neighbours, rings=2),
        "data.Mesh.relabelled": lambda: call(MESH.relabelled, order=list(range(12))),
        "data.Mesh.rotated": lambda: call(MESH.rotated, rotation=np.eye(3)),
        "data.Mesh.vectors": lambda: call(
            MESH.vectors, components=rows(12).numpy() + 1j
        ),
        "data.Mesh.with_turned_frames": lambda: call(
            MESH.with_turned_frames, angles=rows(12).numpy()
        ),
        "data.convex_mesh": lambda: call(data.convex_mesh, points=MESH.vertices),
        "data.ellipsoid": lambda: call(
            data.ellipsoid, axes=(1.0, 2.0, 1.0), subdivisions=0
        ),
        "data.icosphere": lambda: call(data.icosphere, subdivisions=0),
        "data.motions": lambda: call(
            data.motions,
            mesh=MESH,
            velocities=MESH.frames[:, 0],
            accelerations=MESH.frames[:, 1],
        ),
        "data.random_flows": lambda: call(
            data.random_flows, points=MESH.vertices, rows=2, wave_number=1.0, seed=1
        ),
        "data.torus": lambda: call(
            data.torus, major=1.0, minor=0.5, around=4, across=3
        ),
        "data.encode_labels": lambda: call(data.encode_labels, labels=["a", "b"]),
        "data.from_pandas": lambda: call(
            data.from_pandas,
            frame=pd.DataFrame({"a": [1.0, 2.0], "label": ["x", "y"]}),
            drop=[],
            missing="mean",
        ),
        "data.from_torch": lambda: call(
            data.from_torch,
            dataset=torch.utils.data.TensorDataset(
                rows(4, 2), torch.tensor([0, 1, 0, 1])
            ),
        ),
        "data.load": lambda: call(data.load, source="iris"),
        "data.load.csv": lambda: call(
            data.load,
            source=str(csv()),
            label_column="label",
            header="auto",
            drop=["b"],
            categorical=["a"],
            missing="drop",
        ),
        "data.load.images": lambda: call(
            data.load, source=str(photos()), image_size=8, color_mode="rgb"
        ),
        "data.names": lambda: call(data.names),
        "data.read_csv": lambda: call(
            data.read_csv, path=str(csv()), label_column="label", drop="a"
        ),
        "data.read_image_folder": lambda: call(
            data.read_image_folder,
            path=photos(),
            image_size=(2, 2),
            color_mode="grayscale",
        ),
        "data.read_npz": lambda: call(data.read_npz, path=str(npz())),
        "data.rotate_images": lambda: call(
            data.rotate_images, images=rows(2, 1, 4, 4).numpy(), degrees=[30.0, 90.0]
        ),
        "data.rotate_coefficients": lambda: call(
            data.rotate_coefficients,
            coefficients=rows(2, 4).numpy(),
            rotation=Rotation.from_euler("z", 1.0),
        ),
        "data.SphereGrid": lambda: call(
            data.SphereGrid, nlat=4, nlon=8, kind="equiangular"
        ),
        "data.SphereGrid.analysis": lambda: call(
            data.SphereGrid(2).analysis, fields=rows(2, 2, 4).numpy(), lmax=1
        ),
        "data.SphereGrid.rotate": lambda: call(
            data.SphereGrid(2).rotate,
            fields=rows(2, 2, 4).numpy(),
            rotation=Rotation.from_euler("z", 1.0),
            lmax=1,
        ),
        "data.SphereGrid.synthesis": lambda: call(
            data.SphereGrid(2).synthesis, coefficients=rows(2, 4).numpy()
        ),
        "data.SphereGrid.tables": lambda: call(data.SphereGrid(2).tables, lmax=1),
        "data.spherical_harmonics": lambda: call(
            data.spherical_harmonics, lmax=1, directions=[0.0, 0.0, 1.0]
        ),
        "data.split": lambda: call(data.split, dataset=table(), limit=10),
        "data.stereographic": lambda: call(
            data.stereographic,
            images=rows(2, 3, 4).numpy(),
            grid=data.SphereGrid(3),
            half_angle=1.0,
        ),
        "data.stratified_rows": lambda: call(
            data.stratified_rows, dataset=table(), rows=4
        ),
        # ---- geometry ----
        "geometry.ImageRings": lambda: call(
            geometry.ImageRings, image_size=6, radii=[0.5, 2.0], max_mode=3
        ),
        "geometry.ImageRings.forward": lambda: call(
            geometry.ImageRings(6), images=rows(2, 1, 6, 6)
        ),
        "geometry.ImageRings.sampled": lambda: call(
            geometry.ImageRings(6).sampled, images=rows(2, 1, 6, 6)
        ),
        "geometry.ImageRings.turned": lambda: call(
            geometry.ImageRings(6).turned, modes=1j * rows(2, 1, 2, 6), angle=0.3
        ),
        "geometry.ImageRings.resampling_error": lambda: call(
            geometry.ImageRings(6).resampling_error,
            images=rows(2, 1, 6, 6),
            degrees=30.0,
        ),
        "geometry.RingClassifier": lambda: call(
            geometry.RingClassifier,
            image_shape=(1, 6, 6),
            num_classes=2,
            charges=(0, 1),
            layers=1,
            circuits=1,
        ),
        "geometry.RingClassifier.forward": lambda: call(
            geometry.RingClassifier(
                (1, 6, 6), 2, charges=(0, 1), layers=1, circuits=1
            ).eval(),
            images=rows(2, 1, 6, 6),
        ),
        "geometry.RingProducts": lambda: call(
            geometry.RingProducts, image_shape=(1, 6, 6), num_classes=2, charges=(0, 1)
        ),
        "geometry.ring_circuit": lambda: call(
            geometry.ring_circuit, charges=(0, 1), layers=1
        ),
        # ---- training ----
        "training.Segmentation": lambda: call(
            t.Segmentation, model=linear(), split=parts(), options=OPTIONS
        ),
        "training.Classification": lambda: call(
            t.Classification, model=linear(), split=parts(), options=OPTIONS
        ),
        "training.Regression": lambda: call(
            t.Regression, model=nn.Linear(1, 1), split=numbers(), options=OPTIONS
        ),
        "training.Adversarial": lambda: call(
            t.Adversarial,
            model=models.StyleGenerator(4, 2),
            split=parts(),
            options=OPTIONS,
        ),
        "training.AdversarialDistribution": lambda: call(
            t.AdversarialDistribution, model=prices(), split=numbers(), options=OPTIONS
        ),
        "training.ContrastiveDivergence": lambda: call(
            t.ContrastiveDivergence, model=rbm(), split=bits(), options=OPTIONS
        ),
        "training.DensityEstimation": lambda: call(
            t.DensityEstimation,
            model=models.NormalizingFlow(4),
            split=parts(),
            options=OPTIONS,
        ),
        "training.EvidenceLowerBound": lambda: call(
            t.EvidenceLowerBound, model=vae(), split=parts(), options=OPTIONS
        ),
        "training.StateReconstruction": lambda: call(
            t.StateReconstruction,
            model=tomography.neural_density(shots()),
            split=tomography.Experiment(shots()),
            options=t.TrainingOptions(),
            folds=2,
            strongest=10.0,
            ratio=0.5,
            iterations=1,
        ),
        "training.GroundState": lambda: call(
            t.GroundState,
            model=m.RBMState(6),
            split=problem(),
            options=OPTIONS,
            samples=20,
            chains=10,
            steps=2,
        ),
        "training.Likelihood": lambda: call(
            t.Likelihood, model=born(), split=bits(), options=OPTIONS
        ),
        "training.DataOptions": lambda: call(t.DataOptions, limit=10),
        "training.RunOptions": lambda: call(t.RunOptions, seeds=1),
        "training.RunOptions.from_config": lambda: call(
            t.RunOptions.from_config, values=t.RunOptions().as_config()
        ),
        "training.TrainingOptions": lambda: call(t.TrainingOptions, epochs=1),
        "training.Spec": lambda: call(t.Spec, class_path="adam"),
        "training.Spec.from_config": lambda: call(
            t.Spec.from_config, name="model", value="dressed"
        ),
        "training.Spec.with_defaults": lambda: call(
            t.Spec("adam").with_defaults, defaults={"lr": 0.1}
        ),
        "training.Run.create": lambda: call(
            t.Run.create,
            options=options(),
            dataset=table(),
            runs_dir=tempfile.mkdtemp(dir=folder()),
            name="new",
        ),
        "training.Run.open": lambda: call(t.Run.open, run=run().folder),
        "training.Run.best_seed": lambda: call(run().best_seed, kind="quantum"),
        "training.Run.read_fit": lambda: call(run().read_fit, kind="quantum", seed=0),
        "training.Run.checkpoint": lambda: call(
            run().checkpoint, kind="quantum", seed=0
        ),
        "training.Task.of": lambda: call(
            t.Task.of, options=options(), dataset=data.load(csv())
        ),
        "training.Task.build": lambda: call(run().task().build, kind="quantum", seed=0),
        "training.accuracy": lambda: call(
            t.accuracy, predictions=np.arange(40) % 2, dataset=table()
        ),
        "training.begin": lambda: call(
            t.begin,
            options=options(),
            runs_dir=tempfile.mkdtemp(dir=folder()),
            name="new",
        ),
        "training.carry_on": lambda: call(t.carry_on, run=run()),
        "training.count_parameters": lambda: call(t.count_parameters, model=linear()),
        "training.default_training": lambda: call(t.default_training, model="dressed"),
        "training.estimate": lambda: call(
            t.estimate, run=run(), target="ibm:fake_torino", shots=10, limit=2
        ),
        "training.evaluate": lambda: call(t.evaluate, run=run(), limit=2),
        "training.fit": lambda: call(
            t.fit, model=linear(), split=parts(), options=OPTIONS
        ),
        "training.predict": lambda: call(t.predict, model=linear(), dataset=table()),
        "training.predict_rows": lambda: call(
            t.predict_rows, run=run(), rows=rows(3, 2).numpy()
        ),
        "training.sample": lambda: call(t.sample, run=bars_run(), count=4),
        "training.train": lambda: call(
            t.train,
            options=options(),
            runs_dir=tempfile.mkdtemp(dir=folder()),
            name="new",
        ),
        # ---- tomography ----
        "tomography.CliffordBases": lambda: call(
            tomography.CliffordBases,
            targets=np.zeros((1, 2), bool),
            phases=np.zeros((1, 2, 2), np.uint8),
        ),
        "tomography.CliffordBases.random": lambda: call(
            tomography.CliffordBases.random,
            num_wires=2,
            count=3,
            generator=np.random.default_rng(0),
        ),
        "tomography.CliffordShadow": lambda: call(
            tomography.CliffordShadow,
            bases=clifford_shadow().bases,
            outcomes=np.zeros((20, 1, 2)),
            wires=2,
            confusion=confusion(2),
        ),
        "tomography.CliffordShadow.expectation": lambda: call(
            clifford_shadow().expectation,
            observables=["XX"],
            confidence=0.9,
            groups=1,
        ),
        "tomography.CliffordShadow.fidelity": lambda: call(
            clifford_shadow().fidelity, state=bell(), confidence=0.9, groups=1
        ),
        "tomography.CliffordShadow.matrices": lambda: call(
            clifford_shadow().matrices, groups=2
        ),
        "tomography.CliffordShadow.measure": lambda: call(
            tomography.CliffordShadow.measure,
            circuit=U,
            num_bases=3,
            shots=2,
            inputs=torch.zeros(2),
            weights=torch.ones(1, 2),
        ),
        "tomography.CliffordShadow.sample": lambda: call(
            tomography.CliffordShadow.sample,
            state=bell(),
            num_bases=3,
            shots=2,
            seed=0,
            confusion=confusion(2),
        ),
        "tomography.DensityMatrix": lambda: call(
            tomography.DensityMatrix, state=np.array([1.0, 0.0, 0.0, 1.0])
        ),
        "tomography.DensityMatrix.depolarised": lambda: call(
            bell().depolarised, probability=0.3
        ),
        "tomography.DensityMatrix.entropy": lambda: call(
            bell().entropy, wires=[0], order=2.0
        ),
        "tomography.DensityMatrix.expectation": lambda: call(
            bell().expectation, observable="XX"
        ),
        "tomography.DensityMatrix.fidelity": lambda: call(
            bell().fidelity, other=bell()
        ),
        "tomography.DensityMatrix.from_factor": lambda: call(
            tomography.DensityMatrix.from_factor, factor=np.array([[1.0], [0.0]])
        ),
        "tomography.DensityMatrix.maximally_mixed": lambda: call(
            tomography.DensityMatrix.maximally_mixed, num_wires=2
        ),
        "tomography.DensityMatrix.nearest": lambda: call(
            tomography.DensityMatrix.nearest, matrix=np.diag([1.2, -0.2])
        ),
        "tomography.DensityMatrix.probabilities": lambda: call(
            bell().probabilities, bases=["XX", "ZZ"]
        ),
        "tomography.DensityMatrix.reduced": lambda: call(bell().reduced, wires=[1]),
        "tomography.DensityMatrix.sample": lambda: call(
            bell().sample, bases=["XX"], shots=5, seed=0, confusion=confusion(2)
        ),
        "tomography.DensityMatrix.trace_distance": lambda: call(
            bell().trace_distance, other=bell()
        ),
        "tomography.HedgedMaximumLikelihood": lambda: call(
            tomography.HedgedMaximumLikelihood,
            strength=0.5,
            folds=2,
            repeats=1,
            incomplete=True,
            tolerance=0.1,
            steps=9,
            seed=0,
        ),
        "tomography.HedgedMaximumLikelihood.fit": lambda: call(
            tomography.HedgedMaximumLikelihood(strength=1.0, incomplete=True).fit,
            data=shots(),
        ),
        "tomography.Histogram": lambda: call(
            tomography.Histogram, permutations="reflection", spin_flip=True, steps=9
        ),
        "tomography.Histogram.fit": lambda: call(
            tomography.Histogram().fit, data=z_shots()
        ),
        "tomography.LinearInversion": lambda: call(tomography.LinearInversion),
        "tomography.LinearInversion.matrix": lambda: call(
            tomography.LinearInversion().matrix,
            data=bell().sample(tomography.pauli_bases(2), 5, seed=0),
        ),
        "tomography.LogLinear": lambda: call(
            tomography.LogLinear,
            orders=(1, 2),
            permutations=[[1, 0]],
            ridges=(1.0, 2.0),
            folds=2,
            steps=9,
            seed=0,
        ),
        "tomography.LogLinear.fit": lambda: call(
            tomography.LogLinear(ridges=(1.0, 1.0)).fit, data=z_shots()
        ),
        "tomography.MatrixProductDistribution": lambda: call(
            tomography.MatrixProductDistribution, tensors=[np.full((1, 2, 1), 0.5)]
        ),
        "tomography.MatrixProductDistribution.log_probabilities": lambda: call(
            tomography.MatrixProductDistribution(
                [np.full((1, 2, 1), 0.5)]
            ).log_probabilities,
            bits=[[0], [1]],
        ),
        "tomography.MatrixProductDistribution.sample": lambda: call(
            tomography.MatrixProductDistribution([np.full((1, 2, 1), 0.5)]).sample,
            shots=3,
            seed=0,
        ),
        "tomography.MaximumLikelihood": lambda: call(
            tomography.MaximumLikelihood,
            rank=2,
            incomplete=True,
            tolerance=0.1,
            steps=9,
        ),
        "tomography.NonNegativeMPS": lambda: call(
            tomography.NonNegativeMPS, bond=2, most_bond=4, folds=2, steps=9, seed=0
        ),
        "tomography.NonNegativeMPS.distribution": lambda: call(
            tomography.NonNegativeMPS(bond=2).distribution, data=z_shots()
        ),
        "tomography.Measurements": lambda: call(
            tomography.Measurements,
            bases=("XX",),
            outcomes=[[0, 1]],
            of=[0],
            counts=[3],
            wires=2,
            confusion=confusion(2),
            origin=tomography.Origin(),
        ),
        "tomography.Measurements.check_dense": lambda: call(
            shots().check_dense, rows=2
        ),
        "tomography.Measurements.from_bits": lambda: call(
            tomography.Measurements.from_bits,
            bases=["Z"],
            bits=[[[0], [1]]],
            wires=1,
            confusion=confusion(1),
            origin=tomography.Origin(),
        ),
        "tomography.Measurements.from_counts": lambda: call(
            tomography.Measurements.from_counts,
            counts={"Z": {"0": 3}},
            order="first",
            wires=1,
            confusion=confusion(1),
            origin=tomography.Origin(),
        ),
        "tomography.Measurements.from_qiskit": lambda: call(
            tomography.Measurements.from_qiskit,
            result=qiskit_result(),
            bases=["ZZ"],
            wires=2,
            confusion=confusion(2),
            origin=tomography.Origin(),
        ),
        "tomography.Measurements.histogram": lambda: call(
            shots().histogram, basis="XX"
        ),
        "tomography.Measurements.in_bases": lambda: call(
            shots().in_bases, bases=["XX"]
        ),
        "tomography.Measurements.missing": lambda: call(shots().missing, bases=["YY"]),
        "tomography.Measurements.read": lambda: call(
            tomography.Measurements.read, path=shots_file(), order="first"
        ),
        "tomography.Measurements.require": lambda: call(
            shots().require, bases=["XX"], purpose="this"
        ),
        "tomography.Measurements.resampled": lambda: call(
            shots().resampled, generator=np.random.default_rng(0)
        ),
        "tomography.Measurements.restricted": lambda: call(
            shots().restricted, wires=[1]
        ),
        "tomography.Measurements.save": lambda: call(
            shots().save, path=folder() / "saved.npz"
        ),
        "tomography.Measurements.split": lambda: call(
            shots().split, parts=2, generator=np.random.default_rng(0)
        ),
        "tomography.Measurements.thinned": lambda: call(
            shots().thinned, shots=3, generator=np.random.default_rng(0)
        ),
        "tomography.POVMEstimator": lambda: call(
            tomography.POVMEstimator,
            model="rnn",
            epochs=2,
            batch_size=8,
            learning_rate=0.01,
            seed=0,
            tell=print,
        ),
        "tomography.POVMEstimator.fit": lambda: call(
            tomography.POVMEstimator(epochs=1).fit, data=shadow().data
        ),
        "tomography.POVMEstimator.train": lambda: call(
            tomography.POVMEstimator(epochs=1).train, data=shots()
        ),
        "tomography.PauliShadow": lambda: call(
            tomography.PauliShadow, data=shots(), weighting="compatible"
        ),
        "tomography.PauliShadow.expectation": lambda: call(
            shadow().expectation, observables=["XX"], confidence=0.9, groups=1
        ),
        "tomography.PauliShadow.fidelity": lambda: call(
            shadow().fidelity, state=bell(), confidence=0.9, groups=1
        ),
        "tomography.PauliShadow.matrices": lambda: call(shadow().matrices, groups=1),
        "tomography.PauliShadow.purity": lambda: call(shadow().purity, wires=[0]),
        "tomography.PauliShadow.renyi_entropy": lambda: call(
            shadow().renyi_entropy, wires=[0]
        ),
        "tomography.PauliShadow.state": lambda: call(shadow().state, wires=[0]),
        "tomography.Process": lambda: call(
            tomography.Process, choi=np.eye(4, dtype=complex) / 2
        ),
        "tomography.Process.average_gate_fidelity": lambda: call(
            process().average_gate_fidelity, gate=np.eye(2)
        ),
        "tomography.Process.from_kraus": lambda: call(
            tomography.Process.from_kraus, operators=np.eye(2)[None]
        ),
        "tomography.Process.process_fidelity": lambda: call(
            process().process_fidelity, gate=np.eye(2)
        ),
        "tomography.Process.sample": lambda: call(
            process().sample,
            shots=5,
            inputs=["0", "+"],
            bases=["X"],
            seed=0,
            confusion=confusion(1),
        ),
        "tomography.ProcessMeasurements": lambda: call(
            tomography.ProcessMeasurements,
            inputs=("00",),
            outputs=(shots(),),
        ),
        "tomography.ShadowInfidelity": lambda: call(
            tomography.ShadowInfidelity, shadow=shadow(), groups=1
        ),
        "tomography.SymbolRNN": lambda: call(
            tomography.SymbolRNN,
            num_wires=2,
            layers=1,
            width=4,
            generator=torch.Generator(),
            device="cpu",
            dtype=torch.float64,
        ),
        "tomography.SymbolTransformer": lambda: call(
            tomography.SymbolTransformer,
            num_wires=2,
            layers=1,
            embed_dim=8,
            heads=2,
            generator=torch.Generator(),
            device="cpu",
            dtype=torch.float64,
        ),
        "tomography.bootstrap": lambda: call(
            tomography.bootstrap,
            estimator=BellEstimator(),
            data=shots(),
            figure=lambda state: state.purity,
            repeats=2,
            seed=0,
        ),
        "tomography.Experiment": lambda: call(
            tomography.Experiment, data=shots(), name="bell", truth=bell()
        ),
        "tomography.Folds": lambda: call(
            tomography.Folds,
            model=tomography.neural_density(shots()),
            data=shots(),
            folds=2,
            strongest=10.0,
            ratio=0.5,
            iterations=1,
            seed=0,
        ),
        "tomography.NeuralDensity": lambda: call(
            tomography.NeuralDensity, state=m.RBMState(3), num_wires=2, noise=True
        ),
        "tomography.NeuralTomography": lambda: call(
            tomography.NeuralTomography,
            state="rbm",
            amplitudes="complex",
            alpha=1,
            ancillas=1,
            noise=True,
            symmetry="none",
            periodic=False,
            folds=2,
            epochs=1,
            restarts=1,
            seed=0,
        ),
        "tomography.ShotLikelihood": lambda: call(
            tomography.ShotLikelihood, data=shots()
        ),
        "tomography.neural_density": lambda: call(
            tomography.neural_density,
            data=shots(),
            state="rbm",
            amplitudes="complex",
            alpha=1,
            ancillas=0,
            noise=True,
            symmetry="all",
            spin_flip=1,
            periodic=False,
        ),
        "tomography.read_state": lambda: call(tomography.read_state, path=state_file()),
        "tomography.compare": lambda: call(
            tomography.compare,
            data=shots(),
            estimators={"bell": BellEstimator()},
            state=bell(),
            hamiltonian="ZZ",
            repeats=2,
            seed=0,
            tell=lambda name: None,
        ),
        "tomography.exact_state": lambda: call(
            tomography.exact_state,
            circuit=c.BasicEntangler(2),
            inputs=(),
            weights=torch.ones(1, 2),
            target="auto",
        ),
        "tomography.classical_fidelity": lambda: call(
            tomography.classical_fidelity, probabilities=[0.5, 0.5], others=[1.0, 0.0]
        ),
        "tomography.measure_process": lambda: call(
            tomography.measure_process,
            circuit=c.BasicEntangler(1),
            shots=2,
            weights=torch.ones(1, 1),
        ),
        "tomography.povm_probabilities": lambda: call(
            tomography.povm_probabilities, state=bell(), confusion=confusion(2)
        ),
        "tomography.process_tomography": lambda: call(
            tomography.process_tomography,
            data=process().sample(5, seed=0),
            iterations=5,
        ),
        "tomography.log_likelihood": lambda: call(
            tomography.log_likelihood, state=bell(), data=shots()
        ),
        "tomography.make_estimator": lambda: call(
            tomography.make_estimator, name="mps", bond=2
        ),
        "tomography.named_rivals": lambda: call(
            tomography.named_rivals, permutations="ring", spin_flip=True
        ),
        "tomography.measure": lambda: call(
            tomography.measure,
            circuit=c.BasicEntangler(2),
            bases="pauli",
            shots=5,
            inputs=(),
            weights=torch.ones(1, 2),
            target="auto",
            calibration_rows=0,
            seed=0,
            journal=folder() / "jobs.sqlite",
            run="measured",
        ),
        "tomography.pauli_bases": lambda: call(tomography.pauli_bases, num_wires=2),
        "tomography.random_bases": lambda: call(
            tomography.random_bases,
            num_wires=2,
            count=3,
            generator=np.random.default_rng(0),
        ),
        # ---- vqe ----
        "vqe.Molecule": lambda: call(
            v.Molecule,
            symbols=["H", "H"],
            coordinates=[[0, 0, 0], [0, 0, 1.4]],
            charge=0,
            multiplicity=1,
            basis="sto-3g",
            name="H2",
        ),
        "vqe.Molecule.named": lambda: call(
            v.Molecule.named, name="LiH", active_electrons=2, active_orbitals=3
        ),
        "vqe.Molecule.from_xyz": lambda: call(
            v.Molecule.from_xyz, text="2\n\nH 0 0 0\nH 0 0 0.74"
        ),
        "vqe.Molecule.problem": lambda: call(
            v.Molecule.named("H2").problem, cache=str(folder())
        ),
        "vqe.Molecule.spin_squared": lambda: call(
            v.Molecule.named("H2").spin_squared, states=np.eye(4)
        ),
        "vqe.adapt": lambda: call(
            v.adapt,
            problem=hydrogen(),
            pool="qubit",
            reference=(0, 1),
            until=-1.0,
            tolerance=1e-3,
            most=3,
        ),
        "vqe.energy_of": lambda: call(v.energy_of, problem=hydrogen(), circuit=uccsd()),
        "vqe.expand_subspace": lambda: call(
            v.expand_subspace,
            problem=hydrogen(),
            state=np.eye(4)[0],
            pool=v.make_pool(hydrogen()),
            k=2,
            cutoff=1e-6,
        ),
        "vqe.make_ansatz": lambda: call(
            v.make_ansatz,
            problem=hydrogen(),
            ansatz="uccsd",
            reference=(0, 1),
            layers=1,
            seed=0,
        ),
        "vqe.make_pool": lambda: call(
            v.make_pool, problem=hydrogen(), name="qubit", reference=(0, 1)
        ),
        "vqe.minimise": lambda: call(
            v.minimise,
            energy=v.energy_of(hydrogen(), uccsd()),
            start=[0.0, 0.0, 0.0],
            method="bfgs",
            tolerance=1e-3,
            most=3,
        ),
        "vqe.plan_shots": lambda: call(
            v.plan_shots, problem=hydrogen(), state=np.eye(4)[0], error=1e-3
        ),
        "vqe.reference_energy": lambda: call(
            v.reference_energy, problem=hydrogen(), reference=(0, 1)
        ),
        "vqe.solve": lambda: call(
            v.solve,
            problem=hydrogen(),
            ansatz="uccsd",
            reference=(0, 1),
            layers=1,
            method="bfgs",
            tolerance=1e-3,
            most=3,
            seed=0,
        ),
        # ---- sklearn ----
        "sklearn.QuantumClassifier": lambda: fitting(
            s.QuantumClassifier,
            (TABLE, CODES),
            model="dressed",
            model_options={"layers": 1},
            target=None,
            shots="keep",
            epochs=1,
            batch_size="auto",
            learning_rate=0.1,
            optimizer="adam",
            precision="64-true",
            accelerator="cpu",
            standardise=True,
            early_stopping=True,
            validation_fraction=0.3,
            n_iter_no_change=2,
            warm_start=False,
            random_state=0,
            verbose=False,
            class_weight="balanced",
        ),
        "sklearn.QuantumRegressor": lambda: fitting(
            s.QuantumRegressor,
            (TABLE, CODES),
            model="dressed",
            epochs=1,
            loss="HuberLoss",
            image_shape=None,
            random_state=0,
        ),
        "sklearn.QuantumSVC": lambda: fitting(
            s.QuantumSVC,
            (TABLE, CODES),
            kernel="fidelity",
            circuit=U,
            scaling=0.5,
            target=None,
            shots=None,
            memory=2**20,
            standardise=True,
            random_state=0,
            C=1.0,
            class_weight="balanced",
            tol=1e-3,
            max_iter=100,
            decision_function_shape="ovr",
        ),
        "sklearn.QuantumKernelRidge": lambda: fitting(
            s.QuantumKernelRidge,
            (TABLE, CODES),
            kernel="projected",
            gamma=1.0,
            alpha=1.0,
        ),
        "sklearn.QuantumGaussianProcessRegressor": lambda: fitting(
            s.QuantumGaussianProcessRegressor,
            (TABLE, CODES),
            noise=0.1,
            optimizer=None,
            n_restarts_optimizer=0,
        ),
        "sklearn.QuantumGaussianProcess": lambda: fitting(
            s.QuantumGaussianProcess, (TABLE, CODES), noise=0.1, optimizer=None
        ),
        "sklearn.QuantumGaussianProcessClassifier": lambda: fitting(
            s.QuantumGaussianProcessClassifier,
            (TABLE, CODES),
            optimizer=None,
            n_restarts_optimizer=0,
        ),
        "sklearn.QuantumTransformer": lambda: fitting(
            s.QuantumTransformer,
            (TABLE,),
            circuit=None,
            layers=1,
            scaling=0.5,
            target=None,
            shots=None,
            standardise=True,
            random_state=0,
        ),
        "sklearn.QuantumDensity": lambda: fitting(
            s.QuantumDensity,
            (BITS.numpy(),),
            model="rbm",
            model_options={"hidden": 2},
            target=None,
            shots="keep",
            epochs=1,
            batch_size=2,
            learning_rate=0.1,
            precision="64-true",
            early_stopping=False,
            validation_fraction=0.3,
            n_iter_no_change=2,
            random_state=0,
            verbose=False,
        ),
        "sklearn.load_estimator": lambda: call(
            s.load_estimator, folder=saved_estimator()
        ),
        # ---- cli ----
        "cli.main": lambda: call(cli.main, arguments=["--version"]),
    }
)
"""By the name of each callable."""
