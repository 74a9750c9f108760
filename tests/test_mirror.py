"""Each module has one test file of its name, and each test file one module.

The tests of `circuits/a.py` stand in `tests/circuits/test_a.py`, those of
`qml_qdl/nn/b.py` in `tests/nn/test_b.py`; a file may also be named after a package.
What goes across modules is declared here, with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("circuits", "hardware", "qml_qdl")
CONTRACTS = Path("qml_qdl/testing")  # tests themselves, inherited

# Below tests/: files, or folders of them, that no single module is the subject of.
ACROSS = {
    "benchmarks": "speed, beside other libraries",
    "circuits/test_encoding_contract.py": "what every encoding fulfils",
    "circuits/test_processing_contract.py": "what every processing fulfils",
    "circuits/test_readout_contract.py": "what every readout fulfils",
    "cli/test_damage.py": "runs whose files are damaged, through all commands",
    "cli/test_image_models_end_to_end.py": "train, resume and evaluate in one go",
    "cli/test_killed_commands.py": "processes killed at random moments",
    "cli/test_paid_jobs.py": "evaluate and jobs on a service that fails",
    "docs": "the site",
    "hardware/jobs/test_client_contract.py": "what every job client fulfils",
    "hardware/jobs/test_processes.py": "processes with one journal, killed",
    "hardware/qiskit/conversion/test_library.py": "all of Qiskit's circuit library",
    "hardware/qiskit/ibm/test_client_contract.py": "what every job client fulfils",
    "hardware/qiskit/test_device_suite.py": "PennyLane's suite for devices",
    "hardware/qiskit/test_faults_end_to_end.py": "programs on a service that fails",
    "hardware/qiskit/test_jax.py": "another interface",
    "hardware/qiskit/test_mitigated_device.py": "mitigation through all rooms",
    "hardware/qiskit/test_mitigated_jobs.py": "mitigation over a service",
    "hardware/qiskit/test_noisy_training.py": "training on a noisy machine",
    "hardware/qiskit/test_random_circuits.py": "against independent simulations",
    "hardware/simulator/test_cuda.py": "a CUDA device",
    "hardware/simulator/test_device_suite.py": "PennyLane's suite for devices",
    "hardware/simulator/test_jax.py": "another interface",
    "hardware/simulator/test_meta.py": "nothing waits for the host",
    "hardware/simulator/test_operators.py": "every operator against default.qubit",
    "hardware/simulator/test_random_circuits.py": "against independent simulations",
    "hardware/test_demos.py": "PennyLane's demos, on both devices",
    "models/test_convolution_numbers.py": "what convolutions reach, in minutes",
    "models/test_equivariant_numbers.py": "what symmetry is worth, in minutes",
    "models/test_model_contract.py": "what every model fulfils",
    "models/test_numbers.py": "what generators reach, in minutes",
    "models/test_numbers_energy.py": "what energy models reach, in minutes",
    "nn/symmetry/test_every_symmetry.py": "every symmetry, as layers see it",
    "nn/test_circuits_on_targets.py": "all circuits on all targets",
    "nn/test_conv_by_hand.py": "numbers of a lecture",
    "nn/test_ddp.py": "distributed training",
    "nn/test_layer_contract.py": "what every layer fulfils",
    "nn/test_own_blocks.py": "blocks of a user's own, on every target",
    "nn/test_qiskit_targets.py": "layers on Qiskit's targets",
    "nn/test_seeds.py": "shots that repeat, on every target",
    "nn/test_target.py": "whole models that are moved",
    "sklearn/test_estimators.py": "what scikit-learn asks of every estimator",
    "test_bad_input.py": "wrong calls of all that is public",
    "test_doctests.py": "examples in docstrings",
    "test_example_pictures.py": "examples that plot",
    "test_example_tables.py": "tables of the examples",
    "test_examples.py": "examples and notebooks",
    "test_layers.py": "imports of all modules",
    "test_layout.py": "folders, packages and versions",
    "test_mirror.py": "this file",
    "testing": "contracts, which are tests, on what is broken",
    "training/test_adding.py": "a model added as CONTRIBUTING has it",
    "training/test_cuda.py": "runs on a CUDA device",
    "training/test_resume.py": "trainings killed in a process",
}

# Modules whose test file is still to be written. The list may only shrink.
NOT_YET: set[str] = set()


def sources(root: Path) -> Iterator[Path]:
    """Modules and packages of the library, by their place below the root."""
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            place = path.relative_to(root)
            if place.is_relative_to(CONTRACTS):
                continue
            yield place.parent if path.name == "__init__.py" else place


def test_file_of(source: Path) -> str:
    """Where below tests/ the tests of a module or a package stand."""
    inner = source.parts[source.parts[0] == "qml_qdl" :]
    return str(Path(*inner[:-1], f"test_{source.stem}.py"))


test_file_of.__test__ = False  # type: ignore[attr-defined]


def problems(
    root: Path, across: Collection[str], not_yet: Collection[str]
) -> Iterator[str]:
    """What has no counterpart, and what is declared for nothing, in words."""
    folder = root / "tests"
    tests = {str(path.relative_to(folder)) for path in folder.rglob("test_*.py")}
    mirrored = {test_file_of(source): str(source) for source in sources(root)}
    for test, source in mirrored.items():
        if not source.endswith(".py"):
            continue
        if test not in tests and source not in not_yet:
            yield f"{source}: expected its tests in tests/{test}; write them"
        if test in tests and source in not_yet:
            yield f"{source}: it has tests/{test}; take it off NOT_YET"
    for test in sorted(tests - set(mirrored)):
        if not any(Path(test).is_relative_to(place) for place in across):
            yield (
                f"tests/{test}: no module is named so; move its tests to the files of "
                "the modules they test, or declare in ACROSS why it goes across them"
            )
    for place in across:
        if place in mirrored or not (folder / place).exists():
            yield f"{place}: in ACROSS, but it is no file that goes across modules"
    for source in set(not_yet) - set(mirrored.values()):
        yield f"{source}: in NOT_YET, but there is no such module"


def test_each_module_has_its_test_file_and_each_test_file_its_module() -> None:
    found = list(problems(ROOT, ACROSS, NOT_YET))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("files", "across", "not_yet", "text"),
    [
        (["circuits/a.py"], [], [], "circuits/a.py: expected its tests in tests/circ"),
        (["qml_qdl/nn/b.py"], [], [], "expected its tests in tests/nn/test_b.py"),
        (["tests/nn/test_b.py"], [], [], "tests/nn/test_b.py: no module is named so"),
        (["tests/nn/test_b.py"], ["n"], [], "no module is named so"),
        (
            ["hardware/c.py", "tests/hardware/test_c.py"],
            [],
            ["hardware/c.py"],
            "take it off NOT_YET",
        ),
        (
            ["hardware/c.py", "tests/hardware/test_c.py"],
            ["hardware/test_c.py"],
            [],
            "it is no file that goes across modules",
        ),
        ([], ["test_d.py"], [], "it is no file that goes across modules"),
        ([], [], ["circuits/a.py"], "there is no such module"),
    ],
)
def test_what_has_no_counterpart_is_reported(
    files: list[str], across: list[str], not_yet: list[str], text: str, tmp_path: Path
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert any(text in problem for problem in problems(tmp_path, across, not_yet))


def test_what_corresponds_is_not_reported(tmp_path: Path) -> None:
    for file in (
        "qml_qdl/__init__.py",
        "qml_qdl/nn/__init__.py",
        "qml_qdl/nn/b.py",
        "circuits/a.py",
        "tests/nn/test_b.py",
        "tests/test_nn.py",
        "tests/benchmarks/test_speed.py",
        "tests/test_examples.py",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    across = ["benchmarks", "test_examples.py"]
    assert not list(problems(tmp_path, across, ["circuits/a.py"]))
