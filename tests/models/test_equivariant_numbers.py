"""What symmetry is worth, measured: accuracy on turned digits, and gradients."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from qml_qdl.models import EquivariantClassifier
from qml_qdl.nn import check_equivariance

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "equivariance.py"
SEEDS = 5


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("equivariance_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["p4", "p4m"])
def test_accuracy_is_kept_in_all_four_cells(example: ModuleType, name: str) -> None:
    """Trained upright or turned × tested upright or turned: within 1 %, above 0.95."""
    count, group = 898, EquivariantClassifier((1, 8, 8), 10, group=name).conv.group
    rows = []
    for seed in range(SEEDS):
        cells, _, model = example.cells(name, seed, count, example.num_steps(count))
        rows.append(cells)
        _, _, test, _ = example.digits(seed)
        assert check_equivariance(model.eval(), group, test[:100]).largest <= 1e-5
    means, spreads = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
    print(f"{name}: {means.round(4)} ± {spreads.round(4)}")
    assert means.min() >= 0.95
    assert np.ptp(means) <= 0.01


def test_a_plain_network_falls_where_digits_are_turned(example: ModuleType) -> None:
    count = 898
    steps = example.num_steps(count)
    rows = [example.cells("plain", seed, count, steps)[0] for seed in range(SEEDS)]
    means, spreads = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
    print(f"plain: {means.round(4)} ± {spreads.round(4)}")
    assert means[0] > 0.95
    assert means[1] < 0.5
    assert means[3] < 0.93


def test_learning_curves(example: ModuleType) -> None:
    """Trained on turned digits, the symmetric network needs fewer of them."""
    for count in (50, 200):
        steps = example.num_steps(count)
        found = {
            name: np.mean(
                [example.cells(name, seed, count, steps)[0][3] for seed in range(SEEDS)]
            )
            for name in ("p4", "plain")
        }
        print(count, found)
        assert found["p4"] > found["plain"] + 0.1


def test_gradients_fall_as_a_power_and_not_exponentially(example: ModuleType) -> None:
    """For n = 4 … 12, and much further in n + 1 dimensions."""
    wires = range(4, 13)
    found = example.variances(wires, samples=100)
    n = np.array(list(wires))
    logs = {name: np.log2(list(values.values())) for name, values in found.items()}

    def misfit(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.std(y - np.polyval(np.polyfit(x, y, 1), x)))

    hardware, symmetric = logs["hardware"], logs["permutation-equivariant"]
    slope = float(np.polyfit(n, hardware, 1)[0])
    power = float(np.polyfit(np.log2(n), symmetric, 1)[0])
    print(f"hardware: 2^({slope:.2f} n), permutations: n^{power:.2f}")
    assert -1.5 < slope < -0.8
    assert misfit(n, hardware) < misfit(np.log2(n), hardware)
    assert -2 < power < -0.3
    # Exponential decay would have taken 2^(−0.3·88) from 12 to 100 wires.
    far = example.collective_variances([12, 25, 50, 100], samples=200)
    values = np.log2(list(far.values()))
    powers = np.diff(values) / np.diff(np.log2(list(far)))
    print(f"permutations, 12 to 100 wires: powers {powers.round(2)}")
    assert (powers > -2).all()
    assert values[-1] - values[0] > -6
