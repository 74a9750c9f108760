"""IBM's service with our way of sending requests.

IBM's client repeats a POST of a job after some errors although the job may have been
made, and waits for an answer for ever. Its sessions take no settings, so the sessions
of one service are given our own adapter; the private names that this needs are used in
this module only, and every submission checks that the adapter is in place.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import qiskit_ibm_runtime
import requests
from ibm_cloud_sdk_core import ApiException
from qiskit_ibm_runtime import QiskitRuntimeService, RuntimeJobV2
from qiskit_ibm_runtime.api import client as ibm_client
from requests.auth import AuthBase

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.jobs.waiting import Tries
from qml_qdl.hardware.qiskit.ibm.transport import Failure, RetryAdapter


@final
class RetryingService(QiskitRuntimeService):
    """IBM's service whose sessions all use one adapter of ours.

    Args:
        adapter: The adapter.
        **options: Passed on: the name of an account.

    Attributes:
        machines: The names of the machines of the jobs that were asked for, by id.
    """

    def __init__(self, adapter: RetryAdapter, **options: Any) -> None:
        self.adapter = adapter
        self.machines: dict[str, str | None] = {}
        with _sessions_with(adapter):
            super().__init__(**options)
        self.check()

    def _create_new_cloud_api_client(self, instance: str) -> Any:
        with _sessions_with(self.adapter):
            return super()._create_new_cloud_api_client(instance)

    def find_job(self, tag: str) -> str | None:
        """The oldest job with a tag, in any of the account's instances.

        IBM's own goes on asking for ever where a list is shorter than its count.

        Args:
            tag: The tag.

        Returns:
            The job's id; None if none is listed.
        """
        for client in self._api_clients.values():
            listed = client.jobs_get(limit=1, skip=0, job_tags=[tag], descending=False)
            if listed["jobs"]:
                return str(listed["jobs"][0]["id"])
        return None

    def listed_machines(self) -> set[str]:
        """The names of the machines that IBM lists, as it last told."""
        listings = self._backends_info_per_instance.values()
        return {machine["name"] for listing in listings for machine in listing}

    def _decode_job(self, raw_data: dict[str, Any]) -> RuntimeJobV2:
        """A job as IBM tells of it.

        IBM's own asks for the job's machine first, which may be gone, and which neither
        its state nor its results need.
        """
        job = RuntimeJobV2(
            backend=None,
            api_client=self._active_api_client,
            service=self,
            job_id=raw_data["id"],
            program_id=raw_data["program"]["id"],
            session_id=raw_data.get("session_id"),
            tags=raw_data.get("tags"),
        )
        self.machines[job.job_id()] = raw_data.get("backend")
        return job

    def check(self) -> None:
        """Makes sure that every session uses the adapter.

        Raises:
            TargetError: This version of IBM's client is made differently.
        """
        try:
            clients = [self._active_api_client, *self._api_clients.values()]
            sessions = [client._session for client in clients]
            adapters = {session.get_adapter(session.base_url) for session in sessions}
        except (AttributeError, requests.RequestException):
            adapters = set()
        if adapters != {self.adapter}:
            raise TargetError(_unknown_version())


class _SignIn(AuthBase):
    """Shows IBM's access token, which is renewed every hour.

    Where the renewal fails, IBM's own prints a warning with what the service answered
    and sends the API key instead; here it is tried again, and then the request fails.
    """

    def __init__(self, own: Any, adapter: RetryAdapter) -> None:
        self._own = own
        self._adapter = adapter
        adapter.keep_secret(own.api_key)

    def __deepcopy__(self, memo: dict[int, Any]) -> _SignIn:
        return self

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        manager = self._own.tm
        tries = self._adapter.retry.begin()
        while True:
            try:
                manager.get_token()
                break
            except (ApiException, requests.RequestException) as error:
                failure = _not_signed_in(error, tries)
            # Or the next try would wait a minute for this one to end.
            manager.request_time = 0
            self._adapter.call.failure = failure
            if not (failure.transient and tries.again()):
                raise requests.RequestException("cannot sign in")
        request.headers.update(self._own.get_headers())
        return request


def _not_signed_in(error: Exception, tries: Tries) -> Failure:
    status = getattr(error, "status_code", None)
    # The service that signs in says 400 to an API key that it does not know.
    status = 401 if status in (400, 403) else status
    reason = "the service that signs in does not let us in"
    return Failure(status, reason, False, tries.count, tries.seconds)


_patching = threading.RLock()


@contextmanager
def _sessions_with(adapter: RetryAdapter) -> Iterator[None]:
    """Sessions made meanwhile use the adapter."""
    with _patching:
        original = getattr(ibm_client, "RetrySession", None)
        if original is None or not hasattr(original, "_initialize_retry"):
            raise TargetError(_unknown_version())

        class RetryingSession(original):  # type: ignore[misc, valid-type]
            auth: Any

            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **options)
                self.auth = _SignIn(self.auth, adapter)

            def _initialize_retry(self, *_: Any) -> None:
                self.mount("http://", adapter)
                self.mount("https://", adapter)

        ibm_client.RetrySession = RetryingSession
        try:
            yield
        finally:
            ibm_client.RetrySession = original


def _unknown_version() -> str:
    return (
        f"target: qiskit-ibm-runtime {qiskit_ibm_runtime.__version__} sends its "
        "requests in a way this library does not know, so a job could be sent twice; "
        "install 'qiskit-ibm-runtime<0.52'"
    )
