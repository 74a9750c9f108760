from __future__ import annotations

import errno
import io
import os
import random
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from qml_qdl.circuits.errors import RunError
from qml_qdl.data import load, split
from qml_qdl.training import TrainingOptions, fit
from qml_qdl.training.checkpoints import (
    AtomicCheckpointIO,
    load_weights,
    read_checkpoint,
)
from qml_qdl.training.plots import save_figure


def trained(folder: Path, epochs: int = 1) -> torch.nn.Module:
    model = torch.nn.Linear(4, 3)
    options = TrainingOptions(epochs=epochs, accelerator="cpu")
    fit(model, split(load("iris")), options, folder=folder, resume=True)
    return model


class Harmful:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("harmed",)


def test_every_file_of_a_training_may_be_read_like_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        trained(tmp_path)
        picture = tmp_path / "picture.png"
        save_figure(Figure(), picture)
    finally:
        os.umask(before)
    for name in ("best.ckpt", "last.ckpt", "metrics.csv", "picture.png"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o644
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_full_disk_leaves_the_earlier_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tmp_path)
    before = {
        name: (tmp_path / name).read_bytes() for name in ("last.ckpt", "best.ckpt")
    }
    save = torch.save

    def full(content: object, file: BinaryIO) -> None:
        file.write(b"PK half a checkpoint")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left on device"):
        trained(tmp_path, epochs=3)
    for name, content in before.items():
        assert (tmp_path / name).read_bytes() == content
    assert not list(tmp_path.glob(".*"))
    monkeypatch.setattr(torch, "save", save)
    trained(tmp_path, epochs=3)
    assert read_checkpoint(tmp_path / "last.ckpt")["epoch"] == 2


def test_checkpoints_hold_nothing_but_data(tmp_path: Path) -> None:
    trained(tmp_path)
    for name in ("last.ckpt", "best.ckpt"):
        assert "state_dict" in torch.load(tmp_path / name, weights_only=True)


def test_code_in_a_checkpoint_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "extra": Harmful()}, "bad.ckpt")
    with pytest.raises(RunError, match="expected a checkpoint, got a file that"):
        read_checkpoint("bad.ckpt")
    with pytest.raises(RunError, match="damaged"):
        AtomicCheckpointIO().load_checkpoint("bad.ckpt", weights_only=False)
    assert not Path("harmed").exists()


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    trained(tmp_path)
    whole = (tmp_path / "last.ckpt").read_bytes()
    path = tmp_path / "cut.ckpt"
    for length in [0, 1, 10, *range(100, len(whole), len(whole) // 12)]:
        path.write_bytes(whole[:length])
        with pytest.raises(RunError, match="delete it to begin this training"):
            read_checkpoint(path)


def flipped(whole: bytes, place: int, bit: int) -> bytes:
    return whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]


def structure(whole: bytes) -> list[int]:
    """The places that are not within a stored record."""
    places = set(range(len(whole)))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        for entry in archive.infolist():
            name, extra = struct.unpack_from("<HH", whole, entry.header_offset + 26)
            start = entry.header_offset + 30 + name + extra
            places -= set(range(start, start + entry.compress_size))
    return sorted(places)


def check_every_flip_is_noticed(path: Path, flips: list[tuple[int, int]]) -> int:
    """Returns how many were noticed; the others must not have changed anything."""
    whole = path.read_bytes()
    before = repr(read_checkpoint(path))
    noticed = 0
    for place, bit in flips:
        path.write_bytes(flipped(whole, place, bit))
        try:
            content = read_checkpoint(path)
        except RunError:
            noticed += 1
        else:
            assert repr(content) == before, f"bit {bit} of byte {place}"
    path.write_bytes(whole)
    return noticed


def test_every_flipped_bit_of_the_weights_is_noticed(tmp_path: Path) -> None:
    trained(tmp_path)
    path = tmp_path / "last.ckpt"
    whole = path.read_bytes()
    generator = random.Random(0)
    data = sorted(set(range(len(whole))) - set(structure(whole)))
    flips = [(place, generator.randrange(8)) for place in generator.sample(data, 60)]
    assert check_every_flip_is_noticed(path, flips) == 60


def test_flips_between_the_weights_are_noticed_or_harmless(tmp_path: Path) -> None:
    trained(tmp_path)
    path = tmp_path / "last.ckpt"
    generator = random.Random(1)
    places = structure(path.read_bytes())
    flips = [(place, generator.randrange(8)) for place in generator.sample(places, 60)]
    flips += [(place, generator.randrange(8)) for place in places[-60:]]
    assert check_every_flip_is_noticed(path, flips) > 30


@pytest.mark.slow
def test_every_bit_of_a_checkpoints_structure(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "small.ckpt"
    torch.save({"state_dict": {"a": torch.randn(3), "b": torch.randn(2, 2)}}, path)
    whole = path.read_bytes()
    flips = [(place, bit) for place in range(len(whole)) for bit in range(8)]
    assert check_every_flip_is_noticed(path, flips) > len(flips) // 4


def test_other_files_are_no_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="got no such file"):
        read_checkpoint(tmp_path / "none.ckpt")
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(RunError, match="got a file of something else"):
        read_checkpoint(tmp_path / "list.ckpt")


def test_weights_return_to_the_same_model_only(tmp_path: Path) -> None:
    model = trained(tmp_path)
    other = torch.nn.Linear(4, 3)
    load_weights(other, tmp_path / "best.ckpt")
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
    with pytest.raises(
        RunError, match=r"expected the weights of Linear .* size mismatch"
    ):
        load_weights(torch.nn.Linear(5, 3), tmp_path / "best.ckpt")


def test_the_generators_are_in_the_checkpoint(tmp_path: Path) -> None:
    trained(tmp_path)
    (state,) = [
        value
        for key, value in read_checkpoint(tmp_path / "last.ckpt")["callbacks"].items()
        if key.startswith("ExactResume")
    ]
    assert set(state) == {"python", "numpy", "torch", "cuda", "loader"}
    assert state["python"] == random.getstate()
    assert torch.equal(state["torch"], torch.get_rng_state())
    name, keys, *_ = np.random.get_state()  # noqa: NPY002
    assert state["numpy"][0] == name
    assert (state["numpy"][1].numpy() == keys).all()
