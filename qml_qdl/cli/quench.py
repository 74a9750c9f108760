"""`qml-qdl quench`: a Hamiltonian changes at once, and a network follows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from qml_qdl.cli.options import NewRunsDirOption, named_values
from qml_qdl.training.registry import HAMILTONIANS


def _option(panel: str, *names: str, text: str, **settings: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, **settings)


HamiltonianArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[HAMILTONIAN]",
        help=f"One of {', '.join(HAMILTONIANS)}; none with --from RUN.",
        show_default=False,
    ),
]
FromOption = Annotated[
    list[str] | None,
    _option(
        "Quench",
        "--from",
        text="A coupling until time 0, as h=1, or another argument of the Hamiltonian, "
        "as magnetisation=0; may be given several times. Or a run of qml-qdl train, by "
        "name or folder, whose trained state is where the quench begins.",
        metavar="NAME=VALUE|RUN",
        show_default="the Hamiltonian's own",
    ),
]
ToOption = Annotated[
    list[str] | None,
    _option(
        "Quench",
        "--to",
        text="A coupling from time 0 on, as h=0.5; may be given several times.",
        metavar="NAME=VALUE",
        show_default=False,
    ),
]
TimeOption = Annotated[
    float, _option("Quench", text="How long the new Hamiltonian acts.")
]
SizeOption = Annotated[
    list[int] | None,
    _option(
        "Quench",
        text="Cells of the lattice, once for each of its directions.",
        show_default=False,
    ),
]
LatticeOption = Annotated[
    str | None,
    _option(
        "Quench",
        text="Shape: chain, square, triangular and the like.",
        show_default="chain",
    ),
]
OpenOption = Annotated[
    bool, _option("Quench", "--open", text="Do not join the lattice's ends.")
]
StateOption = Annotated[
    str | None, _option("Network", text="A neural state by name.", show_default="rbm")
]
AlphaOption = Annotated[
    int | None,
    _option(
        "Network",
        text="Hidden units of an RBM for each site; rows of weights where it is "
        "symmetrised.",
        show_default="the state's own",
    ),
]
LayersOption = Annotated[
    int | None,
    _option(
        "Network",
        text="Layers of a network or circuit.",
        show_default="the state's own",
    ),
]
AmplitudesOption = Annotated[
    Literal["positive", "complex"] | None,
    _option(
        "Network",
        text="Amplitudes until time 0; from then on they are complex.",
        show_default="as the Hamiltonian needs",
    ),
]
SymmetryOption = Annotated[
    Literal["all", "translations", "none"] | None,
    _option(
        "Network",
        text="Symmetries of the lattice that the state has.",
        show_default="all, where the ground state has them",
    ),
]
DescentStepsOption = Annotated[
    int, _option("Network", text="Steps to the ground state.", min=1)
]
MethodOption = Annotated[
    Literal["euler", "heun", "rk4", "dormand_prince"],
    _option("Evolution", text="How steps are made."),
]
StepSizeOption = Annotated[
    float, _option("Evolution", text="The step; where steps adapt, the first one.")
]
ToleranceOption = Annotated[
    float | None,
    _option(
        "Evolution",
        text="By how many radians a step may be off; of heun and dormand_prince.",
        show_default="1e-5 of dormand_prince, 1e-3 of samples; else equal steps",
    ),
]
CutoffOption = Annotated[
    float,
    _option(
        "Evolution",
        text="Directions fade whose eigenvalue of the metric is less than this, "
        "relative to the largest.",
    ),
]
SnrOption = Annotated[
    float,
    _option(
        "Evolution",
        text="Directions fade whose signal-to-noise ratio is less; 0 for none.",
        min=0,
    ),
]
NoiseOption = Annotated[
    Literal["fit", "force"],
    _option(
        "Evolution",
        text="The noise that counts: what the fit of the velocity leaves over, or all "
        "of the force (Schmitt and Heyl 2020).",
    ),
]
SamplerOption = Annotated[
    Literal["auto", "metropolis", "full", "autoregressive"],
    _option(
        "Evolution",
        text="Where configurations come from: chains, the sum over all of them (or "
        "their orbits), states that sample themselves; auto sums up to 16,384.",
    ),
]
SamplesOption = Annotated[
    int, _option("Evolution", text="Configurations of each velocity.", min=1)
]
ChainsOption = Annotated[
    int | None,
    _option(
        "Evolution",
        text="Independent chains.",
        min=1,
        show_default="an eighth of the samples",
    ),
]
MeasureOption = Annotated[
    Literal["auto", "samples", "full"],
    _option(
        "Evolution",
        text="With what a sampled state is measured: its samples, or the sum over all "
        "configurations (or their orbits); auto sums up to 65,536.",
    ),
]
BlurOption = Annotated[
    float,
    _option(
        "Evolution",
        text="The share of samples that are moved off the chains, so that none is "
        "missed near nodes.",
        min=0,
    ),
]
SeedOption = Annotated[
    int, _option("Run", text="Of the network and of the chains.", min=0)
]
NameOption = Annotated[
    str | None,
    _option("Run", text="Name of the folder.", show_default="data and time"),
]
ResumeOption = Annotated[
    str | None,
    _option(
        "Run",
        text="Continue this quench, by name or folder, exactly where it was "
        "interrupted; no other option goes with it but --runs-dir and --quiet.",
        metavar="RUN",
        show_default=False,
    ),
]
QuietOption = Annotated[
    bool, _option("Run", "--quiet", text="Print the report only, without progress.")
]

_GO_WITH_RESUME = {"resume", "runs_dir", "quiet"}


def quench(
    context: typer.Context,
    hamiltonian: HamiltonianArgument = None,
    before: FromOption = None,
    after: ToOption = None,
    time: TimeOption = 1.0,
    size: SizeOption = None,
    lattice: LatticeOption = None,
    open_ends: OpenOption = False,
    state: StateOption = None,
    alpha: AlphaOption = None,
    layers: LayersOption = None,
    amplitudes: AmplitudesOption = None,
    symmetry: SymmetryOption = None,
    descent_steps: DescentStepsOption = 400,
    method: MethodOption = "dormand_prince",
    step_size: StepSizeOption = 0.01,
    tolerance: ToleranceOption = None,
    cutoff: CutoffOption = 1e-8,
    snr: SnrOption = 2.0,
    noise: NoiseOption = "fit",
    sampler: SamplerOption = "auto",
    samples: SamplesOption = 8000,
    chains: ChainsOption = None,
    blur: BlurOption = 0.0,
    measure: MeasureOption = "auto",
    seed: SeedOption = 0,
    name: NameOption = None,
    runs_dir: NewRunsDirOption = Path("runs"),
    resume: ResumeOption = None,
    quiet: QuietOption = False,
) -> None:
    """Find a ground state, change couplings at once, and follow the state in time.

    A neural state learns the ground state of HAMILTONIAN, or comes trained from a run,
    and then evolves by the time-dependent variational principle. It stands beside exact
    diagonalisation up to 14 sites, and beside free fermions on Ising rings of any size.

    Everything goes to a folder of its own: options, checkpoints, the trajectory as
    .npz and .csv, report and picture.
    """
    from qml_qdl.circuits.validation import check_choice
    from qml_qdl.training.folders import find_folder

    if resume is not None:
        _refuse_others(context)
        find_folder(resume, runs_dir)  # before what evolves states is loaded
        from qml_qdl.training.quench import QuenchRun

        _finish(QuenchRun.open(resume, runs_dir=runs_dir), quiet)
        return
    couplings = [each for each in before or [] if "=" in each]
    runs = [each for each in before or [] if "=" not in each]
    if len(runs) > 1:
        raise typer.BadParameter(
            f"expected one run, got {', '.join(runs)}", param_hint="'--from'"
        )
    if runs and hamiltonian is None:
        find_folder(runs[0], runs_dir)
    if hamiltonian is not None:
        check_choice("hamiltonian", hamiltonian, HAMILTONIANS)
    problem = named_values("--from", couplings)
    changed = named_values("--to", after or [])
    given: dict[str, Any] = {
        "lattice": lattice,
        "periodic": False if open_ends else None,
    }
    given["size"] = size if size is None or len(size) > 1 else size[0]
    problem |= {key: value for key, value in given.items() if value is not None}
    network: dict[str, Any] = {
        "state": state,
        "alpha": alpha,
        "layers": layers,
        "amplitudes": amplitudes,
        "symmetry": symmetry,
    }
    from qml_qdl.training.quench import QuenchOptions, begin_quench

    options = QuenchOptions(
        time=time,
        after=changed,
        hamiltonian=hamiltonian,
        problem=problem,
        run=runs[0] if runs else None,
        state={key: value for key, value in network.items() if value is not None},
        descent_steps=descent_steps,
        method=method,
        step_size=step_size,
        tolerance=tolerance,
        cutoff=cutoff,
        snr=snr,
        noise=noise,
        blur=blur,
        sampler=sampler,
        samples=samples,
        chains=chains,
        measure=measure,
        seed=seed,
    )
    _finish(begin_quench(options, runs_dir=runs_dir, name=name), quiet)


def _refuse_others(context: typer.Context) -> None:
    for name in context.params:
        source = context.get_parameter_source(name)
        given = source is not None and source.name == "COMMANDLINE"
        if given and name not in _GO_WITH_RESUME:
            raise typer.BadParameter(
                f"{name} cannot change in a quench that is resumed; leave it out, or "
                "begin a new one",
                param_hint="--resume",
            )


def _finish(run: Any, quiet: bool) -> None:
    """Does what the quench lacks and prints the report."""
    from rich.console import Console

    from qml_qdl.training.quench import carry_on_quench

    try:
        report = carry_on_quench(run, progress=not quiet)
    except (KeyboardInterrupt, OSError) as error:
        error.add_note(f"continue with: qml-qdl quench --resume {run.folder}")
        raise
    Console().print(report.table())
    if report.method:
        print(f"Exact values by {report.method}.")
    for name, text in report.summary().items():
        print(f"{name}: {text}")
    print(f"Everything is in {run.folder}")
