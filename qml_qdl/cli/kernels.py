"""`qml-qdl kernels`: quantum and classical kernels in the same machine."""

from __future__ import annotations

from typing import Annotated

import typer

from qml_qdl.cli.options import Progress, TablesOnlyOption, table_of

KernelDataArgument = Annotated[
    str,
    typer.Argument(
        help="A data set of classes by name, such as wine, or a CSV file.",
        show_default=False,
    ),
]
KernelLimitOption = Annotated[
    int, typer.Option(help="Rows of training, at most.", min=2)
]
KernelSeedsOption = Annotated[
    int, typer.Option(help="How often the data are split anew.", min=1)
]
KernelSeedOption = Annotated[int, typer.Option(help="The first seed.", min=0)]


def kernels(
    data: KernelDataArgument,
    limit: KernelLimitOption = 200,
    seeds: KernelSeedsOption = 5,
    seed: KernelSeedOption = 0,
    quiet: TablesOnlyOption = False,
) -> None:
    """Compare quantum kernels with RBF and polynomial ones on DATA.

    All stand in the same support vector machine, see the same rows, and have as many
    settings, chosen by cross-validation. Beside accuracies stand what tells whether
    a kernel is concentrated, and the rows that a machine would run.
    """
    from rich.console import Console

    from qml_qdl.data import load

    dataset = load(data)  # what is no data set is said before anything else is loaded
    from qml_qdl.training.kernels import KernelStudy

    progress = Progress()

    def tell(text: str) -> None:
        progress(text, end=not text)

    study = KernelStudy(dataset, limit=limit, tell=None if quiet else tell)
    study.run(range(seed, seed + seeds))
    for title, rows in study.tables():
        Console().print(table_of(f"{data}: {title}", rows))
