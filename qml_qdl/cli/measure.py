"""`qml-qdl measure`: shots of a circuit in many bases, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qml_qdl.cli.options import (
    AccountOption,
    MaxQpuSecondsOption,
    RunsDirOption,
    TrainingSeedOption,
)

CircuitArgument = Annotated[
    str,
    typer.Argument(
        metavar="CIRCUIT|RUN",
        help="A file of OpenQASM (.qasm), the import path of a circuit, a layer or a "
        "QNode, such as my_module.circuit; or a run, by name or folder.",
        show_default=False,
    ),
]
BasesOption = Annotated[
    str,
    typer.Option(
        help="pauli for all 3ⁿ words of X, Y and Z, random, z; or words such as "
        "XX,ZZ, a letter for each wire.",
    ),
]
MeasuringTargetOption = Annotated[
    str | None,
    typer.Option(
        help="Where it runs: auto; aer, aer:fake_torino, ibm:ibm_torino and the like; "
        "or a PennyLane device such as lightning.qubit.",
        show_default="the layer's own, else auto",
    ),
]
BasisShotsOption = Annotated[int, typer.Option(help="Shots of each basis.", min=1)]
NumBasesOption = Annotated[
    int | None,
    typer.Option(help="How many random bases.", min=1, show_default="1024"),
]
InputsOption = Annotated[
    str | None,
    typer.Option(
        help="The inputs of the circuit, such as 0.1,0.2.", show_default=False
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        help="An .npz file with the weights of a circuit by name.", show_default=False
    ),
]
MeasuringSeedOption = Annotated[
    int, typer.Option(help="Fixes random bases and simulated shots.", min=0)
]
CalibrationRowsOption = Annotated[
    int | None,
    typer.Option(
        help="Circuits that prepare |0…0⟩, and as many |1…1⟩, in the same job, to "
        "tell how wires are misread.",
        min=0,
        show_default="4 on machines and their models",
    ),
]
AgainOption = Annotated[
    str | None,
    typer.Option(
        "--again",
        help="Measure anew, and pay anew, under this name; the same words without it "
        "find the jobs of before.",
        show_default=False,
    ),
]
MeasurementsOption = Annotated[
    Path | None,
    typer.Option(
        help="The file, .npz, or .txt for plain text.",
        show_default="measurements.npz, in the folder of a run",
    ),
]


def measure(
    circuit: CircuitArgument,
    bases: BasesOption = "pauli",
    shots: BasisShotsOption = 1024,
    target: MeasuringTargetOption = None,
    num_bases: NumBasesOption = None,
    inputs: InputsOption = None,
    weights: WeightsOption = None,
    calibration_rows: CalibrationRowsOption = None,
    seed: MeasuringSeedOption = 0,
    training_seed: TrainingSeedOption = None,
    account: AccountOption = None,
    max_qpu_seconds: MaxQpuSecondsOption = None,
    again: AgainOption = None,
    out: MeasurementsOption = None,
    runs_dir: RunsDirOption = Path("runs"),
) -> None:
    """Measure the state of CIRCUIT in many bases, for tomography, shadows and phases.

    All bases go as one job, with circuits that tell how wires are misread. The same
    words again find the job and pay nothing again.
    """
    import time

    from qml_qdl.circuits.errors import ArgumentError
    from qml_qdl.data.files import read_arrays
    from qml_qdl.nn import QuantumLayer
    from qml_qdl.tomography import measure as measured
    from qml_qdl.training.tomography import MeasuredCircuit

    found = MeasuredCircuit.find(circuit, runs_dir, training_seed)
    path = out or (found.folder or Path()) / "measurements.npz"
    if path.suffix.lower() not in (".npz", ".txt"):
        raise ArgumentError(
            f"--out: expected a file that ends with .npz or .txt, got {str(path)!r}"
        )
    if target is None and not isinstance(found.circuit, QuantumLayer):
        target = "auto"
    start = time.perf_counter()
    data = measured(
        found.circuit,
        bases.split(",") if "," in bases else bases,
        shots,
        num_bases=num_bases,
        inputs=() if inputs is None else _numbers(inputs),
        weights=None if weights is None else read_arrays(weights),
        target=target,
        calibration_rows=calibration_rows,
        seed=seed,
        account=account,
        max_qpu_seconds=max_qpu_seconds,
        journal=found.journal,
        run=None if again is None else f"measure-{again}",
    )
    data.save(path)
    wires, count = data.num_wires, len(data.bases)
    print(
        f"{data.total_shots:,} shots of {wires} wire{'s' if wires > 1 else ''} in "
        f"{count} {'bases' if count > 1 else 'basis'} on {data.origin.target}: {path}, "
        f"{time.perf_counter() - start:.1f} s"
    )
    if data.origin.jobs:
        print(f"jobs: {', '.join(data.origin.jobs)}")
    if data.confusion is not None:
        wrong = data.confusion[:, [0, 1], [1, 0]]
        print(
            f"misread: 0 as 1 {wrong[:, 0].min():.2%} to {wrong[:, 0].max():.2%}, "
            f"1 as 0 {wrong[:, 1].min():.2%} to {wrong[:, 1].max():.2%}"
        )


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"expected numbers such as 0.1,0.2, got {text!r}", param_hint="'--inputs'"
        ) from None
