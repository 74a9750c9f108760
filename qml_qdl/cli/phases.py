"""`qml-qdl phases`: phases learnt from snapshots and states."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from qml_qdl.cli.options import (
    AccountOption,
    MaxQpuSecondsOption,
    NameOption,
    NewRunsDirOption,
    Progress,
    TablesOnlyOption,
    table_of,
)


def _option(panel: str, text: str, **settings: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=panel, **settings)


SystemArgument = Annotated[
    Literal["ising2d", "cluster_ising"],
    typer.Argument(
        help="ising2d: spins of a square lattice at many temperatures; cluster_ising: "
        "ground states of a chain in a field.",
        show_default=False,
    ),
]
PhaseSizesOption = Annotated[
    list[int] | None,
    _option(
        "Data",
        "Sites of a side, or of the chain; given several times, boundaries are "
        "extrapolated to the infinite system.",
        min=3,
        show_default="16 of ising2d, 9 of cluster_ising",
    ),
]
PointsOption = Annotated[
    int | None,
    _option("Data", "Couplings that are looked at.", min=4, show_default="26, or 24"),
]
SnapshotsOption = Annotated[
    int | None,
    _option(
        "Data",
        "Snapshots that are classified together.",
        min=1,
        show_default="1 of ising2d, 100 of cluster_ising",
    ),
]
MarginOption = Annotated[
    float | None,
    _option(
        "Data",
        "Couplings as near to the known boundary have no label in training.",
        min=0,
        show_default="0 of ising2d, 0.4 of cluster_ising",
    ),
]
ChainsOption = Annotated[
    int | None,
    _option(
        "Data",
        "Of ising2d: Markov chains of each temperature, two of five to test.",
        min=2,
        show_default="40",
    ),
]
StatesOption = Annotated[
    int | None,
    _option(
        "Data",
        "Of cluster_ising: states to train with.",
        min=4,
        show_default="40",
    ),
]
PhaseSeedsOption = Annotated[
    int,
    _option(
        "Learning", "How often all is done anew, with seeds from --seed on.", min=1
    ),
]
PhaseSeedOption = Annotated[int, _option("Learning", "The first seed.", min=0)]
PhaseEpochsOption = Annotated[
    int | None,
    _option(
        "Learning",
        "Passes of the networks over the training rows.",
        min=1,
        show_default="15 to 100",
    ),
]
PreparedTargetOption = Annotated[
    str | None,
    _option(
        "Noise",
        "Of cluster_ising: prepare the test states by circuits, and measure them here, "
        "too: auto, aer:fake_torino, ibm:ibm_torino and the like.",
        show_default="nowhere",
    ),
]
PreparedLayersOption = Annotated[
    int, _option("Noise", "Layers of the circuits that prepare states.", min=1)
]
NetworksOption = Annotated[
    bool,
    _option("Learning", "Whether networks learn, or the rivals alone."),
]


def phases(
    system: SystemArgument,
    size: PhaseSizesOption = None,
    points: PointsOption = None,
    snapshots: SnapshotsOption = None,
    margin: MarginOption = None,
    chains: ChainsOption = None,
    states: StatesOption = None,
    seeds: PhaseSeedsOption = 1,
    seed: PhaseSeedOption = 0,
    epochs: PhaseEpochsOption = None,
    networks: NetworksOption = True,
    target: PreparedTargetOption = None,
    layers: PreparedLayersOption = 4,
    account: AccountOption = None,
    max_qpu_seconds: MaxQpuSecondsOption = None,
    name: NameOption = None,
    runs_dir: NewRunsDirOption = Path("runs"),
    quiet: TablesOnlyOption = False,
) -> None:
    """Learn where one phase ends from snapshots and states.

    Networks stand beside the order parameter, string order, linear models, nearest
    neighbours and kernels, all with the same data; test data are of other chains, or
    other couplings, than those of training. Table, pictures and data go to a folder of
    their own.
    """
    from rich.console import Console

    from qml_qdl.hardware.options import TargetOptions
    from qml_qdl.hardware.targets import make_device
    from qml_qdl.phases import make_system
    from qml_qdl.training.folders import new_folder
    from qml_qdl.training.phases import PhaseStudy, compare_sizes, write_tables

    sizes_asked: list[int | None] = [*(size or ())] or [None]
    chosen = [
        make_system(
            system,
            size=each,
            points=points,
            snapshots=snapshots,
            margin=margin,
            chains=chains,
            states=states,
        )
        for each in dict.fromkeys(sizes_asked)
    ]
    options: dict[str, Any] = {
        "seed": seed,
        "account": account,
        "max_qpu_seconds": max_qpu_seconds,
    }
    if target is not None:  # what cannot be used is refused before anything is learnt
        chosen[0].check_circuits()
        make_device(target, range(chosen[0].size), TargetOptions(**options))
    progress = Progress()

    def tell(done: float, text: str) -> None:
        progress(f"{done:4.0%} {text}", end=not text)

    sizes = "-".join(str(each.size) for each in chosen)
    folder, made = new_folder(runs_dir, name, f"{system}-{sizes}")
    studies = []
    try:
        for each in chosen:
            study = PhaseStudy(
                each,
                epochs=epochs,
                networks=networks,
                **({} if quiet else {"tell": tell}),
            )
            own = folder if len(chosen) == 1 else folder / f"size-{each.size}"
            study.run(range(seed, seed + seeds))
            own.mkdir(exist_ok=True)
            study.write(own)  # what a machine does not return is not lost with it
            if target is not None:
                study.measure(layers, target=target, **options)
                study.write(own)
            studies.append(study)
    except BaseException:
        if made and not any(folder.iterdir()):
            folder.rmdir()
        raise
    tables = [table for study in studies for table in study.tables()]
    if len(studies) > 1:
        tables.append(compare_sizes(studies))
        write_tables(folder, tables, studies[0].lines)
    for table in tables:
        Console().print(table_of(*table))
    for line in studies[0].lines:
        print(line)
    print(f"Everything is in {folder}")
