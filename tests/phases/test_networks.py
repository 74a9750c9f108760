"""Networks on snapshots: what they cannot tell apart, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.phases import (
    SnapshotAutoencoder,
    SnapshotCNN,
    SnapshotNetwork,
    SnapshotTransformer,
)


def spins(*shape: int) -> Tensor:
    bits = torch.randint(2, shape, generator=torch.Generator().manual_seed(0))
    return 1 - 2.0 * bits


def networks() -> list[SnapshotNetwork]:
    torch.manual_seed(0)
    square = ((4, 4), ["Z" * 16])
    return [SnapshotCNN(*square), SnapshotTransformer(*square, patch=2)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("number", [0, 1])
def test_order_and_flips_do_not_matter(number: int, dtype: torch.dtype) -> None:
    network = networks()[number].to(dtype)
    rows = spins(3, 5, 16).to(dtype)
    found = network(rows.flatten(1))
    assert found.dtype == dtype
    shuffled = rows[:, [4, 2, 0, 1, 3]]
    torch.testing.assert_close(network(shuffled.flatten(1)), found)
    torch.testing.assert_close(network(-rows.flatten(1)), found)
    twice = torch.cat([rows, rows], 1)
    torch.testing.assert_close(network(twice.flatten(1)), found)


def test_a_cnn_does_not_see_translations() -> None:
    network = networks()[0]
    rows = spins(2, 1, 4, 4)
    moved = rows.roll((1, 2), (2, 3))
    torch.testing.assert_close(network(moved.flatten(1)), network(rows.flatten(1)))


def test_letters_are_channels() -> None:
    """A flip turns spins along Z, and not those along X, in both bases."""
    torch.manual_seed(0)
    network = SnapshotCNN((5,), ["ZXZXZ", "XZXZX"])
    assert network.letters == ["X", "Z"]
    rows = spins(2, 2, 3, 5)
    along_z = torch.tensor([[c == "Z" for c in word] for word in ("ZXZXZ", "XZXZX")])
    flipped = torch.where(along_z[:, None], -rows, rows)
    torch.testing.assert_close(network(flipped.flatten(1)), network(rows.flatten(1)))
    other = torch.where(along_z[:, None], rows, -rows)
    assert not torch.allclose(network(other.flatten(1)), network(rows.flatten(1)))
    plain = SnapshotCNN((5,), ["ZXZXZ", "XZXZX"], flip=False)
    assert not torch.allclose(plain(flipped.flatten(1)), plain(rows.flatten(1)))


def test_one_site() -> None:
    assert SnapshotCNN((1,), ["Z"], 2, 3)(spins(2, 1)).shape == (2, 3)
    assert SnapshotTransformer((1, 1), ["Z"])(spins(2, 1)).shape == (2, 2)


def test_an_autoencoder_learns_what_it_saw() -> None:
    torch.manual_seed(0)
    model = SnapshotAutoencoder(6, 2)
    known = torch.ones(8, 6)
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    for _ in range(60):
        optimizer.zero_grad()
        loss = 1 - model(known).mean()
        loss.backward()
        optimizer.step()
    assert model(known).min() > 0.99
    strange = torch.tensor([[1.0, -1, 1, -1, 1, -1]])
    assert 0 <= model(strange) < 0.8
    # Every second shot is known: the mean of both.
    both = torch.cat([known[:1], strange], 1)
    mean = (model(known[:1]) + model(strange)) / 2
    torch.testing.assert_close(model(both), mean)


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="words of 4 letters"):
        SnapshotCNN((4,), ["ZZZ"])
    with pytest.raises(ArgumentError, match="one or two sides"):
        SnapshotCNN((2, 2, 1), ["ZZZZ"])
    with pytest.raises(ArgumentError, match="patch: expected a number that divides"):
        SnapshotTransformer((3,), ["ZZZ"], patch=2)
    with pytest.raises(ArgumentError, match="width: expected a multiple of 2"):
        SnapshotTransformer((3,), ["ZZZ"], 3)
    network = SnapshotCNN((4,), ["ZZZZ"])
    with pytest.raises(ShapeError, match=r"expected \(rows, 4 · shots\), got \(2, 6\)"):
        network(spins(2, 6))
    with pytest.raises(ArgumentError, match=r"\+1 and −1 only"):
        network(torch.zeros(2, 4))
