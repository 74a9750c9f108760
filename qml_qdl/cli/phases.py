"""`qml-qdl phases`: phases learnt from snapshots and states."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from qml_qdl.cli.train import NameOption, NewRunsDirOption
from qml_qdl.cli.vqe import Progress, QuietOption, table_of


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
PhaseSizeOption = Annotated[
    int | None,
    _option(
        "Data",
        "Sites of a side, or of the chain.",
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
NetworksOption = Annotated[
    bool,
    _option("Learning", "Whether networks learn, or the rivals alone."),
]


def phases(
    system: SystemArgument,
    size: PhaseSizeOption = None,
    points: PointsOption = None,
    snapshots: SnapshotsOption = None,
    margin: MarginOption = None,
    chains: ChainsOption = None,
    states: StatesOption = None,
    seeds: PhaseSeedsOption = 1,
    seed: PhaseSeedOption = 0,
    epochs: PhaseEpochsOption = None,
    networks: NetworksOption = True,
    name: NameOption = None,
    runs_dir: NewRunsDirOption = Path("runs"),
    quiet: QuietOption = False,
) -> None:
    """Learn where one phase ends from snapshots and states.

    Networks stand beside the order parameter, string order, linear models, nearest
    neighbours and kernels, all with the same data; test data are of other chains, or
    other couplings, than those of training. Table, pictures and data go to a folder of
    their own.
    """
    from rich.console import Console

    from qml_qdl.phases import make_system
    from qml_qdl.training.phases import PhaseStudy
    from qml_qdl.training.run import new_folder

    chosen = make_system(
        system,
        size=size,
        points=points,
        snapshots=snapshots,
        margin=margin,
        chains=chains,
        states=states,
    )
    progress = Progress()

    def tell(done: float, text: str) -> None:
        progress(f"{done:4.0%} {text}", end=not text and done == 1)

    folder, made = new_folder(runs_dir, name, f"{system}-{chosen.size}")
    try:
        study = PhaseStudy(
            chosen,
            epochs=epochs,
            networks=networks,
            **({} if quiet else {"tell": tell}),
        )
        study.run(range(seed, seed + seeds))
        study.write(folder)
    except BaseException:
        if made and not any(folder.iterdir()):
            folder.rmdir()
        raise
    Console().print(table_of(*study.table()))
    for line in study.lines:
        print(line)
    print(f"Everything is in {folder}")
