"""Clients that break a promise of their contract, and which test tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.third_party import run

MODULE = """
from contextlib import contextmanager

import pytest
from attrs import define, evolve

from qml_qdl.circuits.errors import SubmissionRefused, SubmissionUnclear
from qml_qdl.testing import JobClientContract
from tests.hardware.jobs.service import FolderClient, FolderService, without_sync
from tests.hardware.jobs.tapes import TapeClient

fast_disk = pytest.fixture(autouse=True)(without_sync)


class SendsTwice(TapeClient):
    def submit(self, request, tag, batch=None, sending=lambda: None):
        try:
            return super().submit(request, tag, batch, sending)
        except SubmissionUnclear:
            return super().submit(request, tag + "-", batch, sending)


class TellsTooLate(TapeClient):
    def submit(self, request, tag, batch=None, sending=lambda: None):
        job_id = super().submit(request, tag, batch)
        sending()
        return job_id


class ClaimsToKnow(TapeClient):
    def submit(self, request, tag, batch=None, sending=lambda: None):
        try:
            return super().submit(request, tag, batch, sending)
        except SubmissionUnclear as error:
            raise SubmissionRefused(str(error)) from error


class FindsNothing(TapeClient):
    def find(self, tag):
        return None


class MixesRows(TapeClient):
    def results(self, job_id, request):
        return super().results(job_id, request)[::-1]


class CancelsWhatIsDone(TapeClient):
    queue_of_status = 0

    def cancel(self, job_id):
        queue, self.queue = self.queue, 10**6
        super().cancel(job_id)
        self.queue = queue


class ShowsItsToken(TapeClient):
    def __repr__(self):
        return "ShowsItsToken(token='planted')"


class DependsOnTheProcess(TapeClient):
    def content(self, request):
        return super().content(request) + str(id(self))


class Service(FolderService):
    secrets = ("planted",)


def maker(kind):
    @contextmanager
    def make(folder):
        yield Service(kind, folder)

    return make


for kind in TapeClient.__subclasses__():
    if kind.__module__ == __name__:
        name = "Test" + kind.__name__
        made = {"instances": [maker(kind)]}
        globals()[name] = type(name, (JobClientContract,), made)
"""

FAULT = "test_a_fault_says_whether_a_job_was_made"
LOST = "test_a_lost_reply_is_found_by_its_tag"
MADE = "test_a_job_is_made_found_waited_for_and_fetched"
AGAIN = "test_run_again_nothing_is_sent_again"
NEVER = "test_what_is_unclear_is_never_sent_again_by_itself"
# For each class what fails: first the promise that it breaks.
BROKEN = {
    "TestSendsTwice": [FAULT, LOST, NEVER],
    "TestTellsTooLate": [MADE, "test_what_sending_raises_goes_through"],
    "TestClaimsToKnow": [FAULT, LOST, NEVER],
    "TestFindsNothing": [MADE, LOST],
    "TestMixesRows": [MADE, AGAIN, LOST],
    "TestCancelsWhatIsDone": ["test_a_job_that_waits_is_cancelled"],
    "TestShowsItsToken": ["test_no_credential_is_kept"],
    "TestDependsOnTheProcess": ["test_content_tells_requests_apart", AGAIN],
}


@pytest.mark.slow
def test_each_broken_promise_is_told(tmp_path: Path) -> None:
    failed = run(tmp_path, "test_third_partys_clients", MODULE).those("failed")
    assert failed.keys() == BROKEN.keys()
    for kind, tests in BROKEN.items():
        assert set(tests) <= failed[kind], kind
