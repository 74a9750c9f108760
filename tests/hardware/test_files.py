from __future__ import annotations

import errno
import io
import os
import signal
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch

from qml_qdl.hardware.files import made_in_memory, remove_remains, write_atomically

# Python ≥ 3.12 warns of threads that other tests have started.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def forked(function: Callable[[], object]) -> int:
    """Runs a function in a child; the child's number."""
    child = os.fork()
    if child == 0:
        try:
            function()
        finally:
            os._exit(0)
    return child


def killed_while_writing(path: Path) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)

    child = forked(lambda: write_atomically(path, write))
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_written_file_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_atomically(path, lambda file: file.write(b"old"))
    write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_files_get_the_permissions_that_open_gives(tmp_path: Path, umask: int) -> None:
    seen: list[int] = []

    def write(file: BinaryIO) -> None:
        seen.append(stat.S_IMODE(os.fstat(file.fileno()).st_mode))
        file.write(b"new")

    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "new", write)
        (tmp_path / "plain").write_bytes(b"")
        for name, mode in (("private", 0o600), ("shared", 0o666)):
            (tmp_path / name).write_bytes(b"old")
            (tmp_path / name).chmod(mode)
            write_atomically(tmp_path / name, write)
    finally:
        os.umask(before)
    plain = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert plain == 0o666 & ~umask
    for name, mode in (("new", plain), ("private", 0o600), ("shared", 0o666)):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode
        assert (tmp_path / name).read_bytes() == b"new"
    # Before the first byte is written already.
    assert seen == [plain, 0o600, 0o666]


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space"), KeyboardInterrupt()]
)
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, failure: BaseException
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(file: BinaryIO) -> None:
        file.write(b"half of the n")
        raise failure

    with pytest.raises(type(failure)):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_torch_writes_goes_out_at_once() -> None:
    """So that nothing of torch stands between a full disk and its error."""

    class Counted(io.BytesIO):
        writes = 0

        def write(self, data: Any, /) -> int:
            self.writes += 1
            return super().write(data)

    file = Counted()
    made_in_memory(lambda inner: torch.save({"w": torch.zeros(3)}, inner))(file)
    assert file.writes == 1
    assert torch.load(io.BytesIO(file.getvalue()))["w"].tolist() == [0, 0, 0]


def test_the_next_write_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    killed_while_writing(tmp_path / "file[1]")
    killed_while_writing(tmp_path / "other")
    assert len(names(tmp_path)) == 2
    write_atomically(tmp_path / "file[1]", lambda file: file.write(b"whole"))
    assert (tmp_path / "file[1]").read_bytes() == b"whole"
    (left,) = names(tmp_path) - {"file[1]"}
    assert left.startswith(".other.")
    remove_remains(tmp_path)
    assert names(tmp_path) == {"file[1]"}


def test_only_remains_are_removed(tmp_path: Path) -> None:
    digits = "0123456789abcdef" * 2
    kept = {".gitignore", ".file.notes", f"file.{digits}", f".{digits}", ".a.0123"}
    kept |= {f".file.{digits[:-1]}", f".file.{digits}.txt", f".file.{'g' * 32}"}
    for name in (*kept, f".file.{digits}"):
        (tmp_path / name).write_text("mine")
    remove_remains(tmp_path)
    assert names(tmp_path) == kept
    remove_remains(tmp_path / "not there")


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    begun, go_on = os.pipe(), os.pipe()

    def write(file: BinaryIO) -> None:
        file.write(b"whole")
        os.write(begun[1], b"x")
        os.read(go_on[0], 1)

    child = forked(lambda: write_atomically(tmp_path / "file", write))
    os.read(begun[0], 1)
    (temporary,) = names(tmp_path)
    remove_remains(tmp_path)
    write_atomically(tmp_path / "file", lambda file: file.write(b"meanwhile"))
    assert names(tmp_path) == {"file", temporary}
    os.write(go_on[1], b"x")
    os.waitpid(child, 0)
    assert names(tmp_path) == {"file"}
    assert (tmp_path / "file").read_bytes() == b"whole"
    for end in (*begun, *go_on):
        os.close(end)


def test_threads_that_write_and_remove_at_once(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(10):
                write_text(tmp_path / "file", f"{number} {turn}")
                remove_remains(tmp_path)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert names(tmp_path) == {"file"}
    assert (tmp_path / "file").read_text().endswith(" 9")


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_may_not_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refused(*paths: Path) -> None:
        raise PermissionError

    if not links:
        monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "file"
    write_atomically(path, lambda file: file.write(b"first"), replace=False)
    with pytest.raises(FileExistsError):
        write_atomically(path, lambda file: file.write(b"second"), replace=False)
    assert path.read_bytes() == b"first"
    assert names(tmp_path) == {"file"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
