"""The contract of clients on those of services that live in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qml_qdl.testing import JobClientContract, JobService
from tests.hardware.jobs.service import FolderService, without_sync
from tests.hardware.jobs.tapes import TapeClient
from tests.hardware.qiskit.service import FakeClient

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)


@contextmanager
def qiskit(folder: Path) -> Iterator[JobService]:
    yield FolderService(FakeClient, folder)


@contextmanager
def tapes(folder: Path) -> Iterator[JobService]:
    yield FolderService(TapeClient, folder)


class TestClients(JobClientContract):
    instances = (qiskit, tapes)
