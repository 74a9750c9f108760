from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_qdl.circuits.errors import ArgumentError, QdlError, RunError
from qml_qdl.data import Dataset, ResumableLoader


def loader(
    rows: int = 10, batch_size: int = 4, **options: int | bool
) -> ResumableLoader:
    data = Dataset(np.arange(rows)[:, None], np.arange(rows) % 2, "ab")
    return ResumableLoader(data, batch_size=batch_size, **options)  # type: ignore[arg-type]


def rows_of(batches: list[tuple[torch.Tensor, ...]]) -> list[int]:
    return [int(value) for inputs, *_ in batches for value in inputs[:, 0]]


def test_an_epoch_gives_each_row_once() -> None:
    batches = list(loader())
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    assert sorted(rows_of(batches)) == list(range(10))
    assert rows_of(batches) != list(range(10))
    for inputs, labels in batches:
        assert inputs.dtype == torch.float32
        assert labels.dtype == torch.int64
        assert (inputs[:, 0] % 2 == labels).all()


def test_epochs_differ_and_seeds_differ() -> None:
    first = loader(50)
    orders = [tuple(rows_of(list(first))) for _ in range(3)]
    other = loader(50, seed=1)
    orders += [tuple(rows_of(list(other))) for _ in range(3)]
    assert len(set(orders)) == 6


def test_unshuffled_batches_keep_the_order() -> None:
    assert rows_of(list(loader(shuffle=False))) == list(range(10))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    list(loader())
    assert torch.equal(before, torch.get_rng_state())


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(2, 40),
    batch_size=st.integers(1, 45),
    seen=st.integers(0, 60),
    idle=st.integers(0, 2),
    seed=st.integers(0, 2**40),
)
def test_a_state_continues_exactly(
    rows: int, batch_size: int, seen: int, idle: int, seed: int
) -> None:
    def stream(source: ResumableLoader, count: int) -> list[list[int]]:
        batches: list[list[int]] = []
        while len(batches) < count:
            for batch in source:
                batches.append(rows_of([batch]))
                if len(batches) == count:
                    break
        return batches

    whole = stream(loader(rows, batch_size, seed=seed), seen + 30)
    first = loader(rows, batch_size, seed=seed)
    assert stream(first, seen) == whole[:seen]
    second = loader(rows, batch_size, seed=seed)
    second.load_state_dict(first.state_dict())
    for _ in range(idle):
        iter(second)  # The trainer makes iterators that it never uses.
    assert stream(second, 30) == whole[seen:]


def test_a_loop_left_early_is_an_epoch() -> None:
    source = loader()
    next(iter(source))
    list(source)
    assert source.state_dict()["epoch"] == 1


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seed", 9, "seed: the checkpoint was made with 9, this loader has 0"),
        ("rows", 9, "rows: the checkpoint was made with 9"),
        ("batch_size", 9, "batch_size: the checkpoint was made with 9"),
        ("position", 4, "position 4 in epoch 0"),
        ("epoch", -1, "in epoch -1"),
    ],
)
def test_a_foreign_or_damaged_state_is_refused(
    key: str, value: int, message: str
) -> None:
    source = loader()
    with pytest.raises(QdlError, match=message):
        source.load_state_dict(source.state_dict() | {key: value})
    assert source.state_dict()["position"] == 0


def test_errors_have_their_kind() -> None:
    with pytest.raises(RunError, match="resume with the same data"):
        loader().load_state_dict(loader(rows=12).state_dict())
    with pytest.raises(ArgumentError, match="expected the keys"):
        loader().load_state_dict({"epoch": 0})
    with pytest.raises(ArgumentError, match="batch_size: expected at least 1"):
        loader(batch_size=0)
    with pytest.raises(ArgumentError, match="seed: expected at least 0"):
        loader(seed=-1)


def test_numbers_come_out_as_floats_in_the_same_order() -> None:
    inputs = np.arange(10)[:, None]
    numbers = ResumableLoader(Dataset(inputs, inputs[:, 0] / 4), batch_size=4, seed=3)
    classes = loader(seed=3)
    for (rows, labels), (expected, _) in zip(numbers, classes, strict=True):
        assert labels.dtype == torch.float32
        assert torch.equal(rows, expected)
        assert torch.equal(labels, rows[:, 0] / 4)
    assert numbers.state_dict() == classes.state_dict()
