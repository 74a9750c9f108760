"""Examples that plot, in short: the loss falls, and every picture is written."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

PICTURES = {
    "quantum_convolution": ("feature-maps.png", "losses.png"),
    "qcnn": ("qcnn.png", "qcnn-circuit.png"),
    "equivariance": ("turning.png", "learning-curves.png", "variances.png"),
    "born_machine": ("born-losses.png", "born-samples.png", "born-distribution.png"),
    "boltzmann": (
        "boltzmann-losses.png",
        "boltzmann-samples.png",
        "receptive-fields.png",
        "filled-in.png",
    ),
    "vae": (
        "vae-losses.png",
        "vae-reconstructions.png",
        "vae-samples.png",
        "vae-latent-walk.png",
    ),
    "gan_digits": ("zeros.png", "game.png", "machine.png"),
    "gan_distribution": ("distribution.png",),
    "entanglement": ("entanglement.png", "entanglement-samples.png"),
    "mera": ("mera.png",),
    "renormalisation": (
        "renormalisation.png",
        "renormalisation-information.png",
        "renormalisation-machines.png",
        "renormalisation-flow.png",
    ),
    "ground_state": ("ground-state.png", "ground-state-square.png"),
    "mesh": ("mesh-frames.png", "mesh-flow.png"),
    "molecule": ("molecule.png", "molecule-states.png"),
    "sphere": ("sphere.png", "sphere-tilts.png"),
    "shadows": ("shadows.png", "shadows-correlations.png"),
    "steerable": (
        "steerable-turning.png",
        "steerable-law.png",
        "steerable-angles.png",
    ),
    "gauge": ("gauge-outputs.png", "gauge-field.png"),
}
"""Examples with `main(folder, steps)`, which returns losses, and what they write."""

IN_NOTEBOOKS = {
    "qcnn",
    "equivariance",
    "boltzmann",
    "vae",
    "entanglement",
    "renormalisation",
    "mera",
    "ground_state",
    "mesh",
    "molecule",
    "shadows",
    "steerable",
    "gauge",
    "sphere",
}
"""Those whose notebooks train as well: these run in the quick suite."""

STEPS = 4


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # jacfwd
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in IN_NOTEBOOKS else [])
        for name in PICTURES
    ],
)
def test_short(name: str, tmp_path: Path) -> None:
    losses = load(name).main(tmp_path, steps=STEPS)
    assert losses
    for run, values in losses.items():
        assert len(values) == STEPS + 1, run
        assert values[-1] < values[0], run
    assert {path.name for path in tmp_path.iterdir()} == set(PICTURES[name])
    for path in tmp_path.iterdir():
        assert path.stat().st_size > 5000
        assert path.read_bytes().startswith(b"\x89PNG")
