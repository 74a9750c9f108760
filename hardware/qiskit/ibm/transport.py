"""Requests to IBM: each with a time limit, and no job posted twice.

A job is sent again here only where the service was not even reached. Whatever it
answered, or did not answer, is for the caller: it has to look for the job first.
"""

from __future__ import annotations

import logging
import random
import ssl
import threading
from collections.abc import Callable
from email.utils import formatdate, parsedate_to_datetime
from typing import Any, final
from urllib.parse import urlsplit

import requests
from attrs import define, frozen
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from qml_qdl.circuits.errors import ServiceError
from qml_qdl.hardware.jobs.waiting import Pace, Tries
from qml_qdl.hardware.qiskit.ibm.replies import check_reply
from qml_qdl.hardware.qiskit.ibm.secrets import blanked

logger = logging.getLogger(__name__)

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""Statuses after which a request that changes nothing is sent again."""
NOT_TAKEN = frozenset({425, 429})
"""Statuses that say that the service did not begin with a request."""


PACE = Pace(first=0.5, growth=2.0, most=8, deadline=300.0, jitter=random.random)
"""How often IBM is asked again when it does not answer."""


@frozen
class RetryPolicy:
    """How long, and how often, IBM is asked again when it does not answer.

    Args:
        pace: How often a request is sent, and for how long.
        connect_timeout: Seconds to reach the service.
        read_timeout: Seconds without a byte from the service.
        submit_timeout: The same while a job is sent, which may take long.
    """

    pace: Pace = PACE
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    submit_timeout: float = 300.0

    def begin(self) -> Tries:
        """The tries of one request."""
        return Tries(self.pace, self.pace.deadline)


@frozen
class Failure:
    """Why a request did not go well.

    Args:
        status: The status of the answer; None if there was none.
        reason: What the service, or the network, says.
        taken: Whether the service may have begun with the request.
        tries: How often it was sent.
        seconds: How long that took.
        retry_after: Seconds that the service asked to wait; None if it did not.
    """

    status: int | None
    reason: str
    taken: bool
    tries: int
    seconds: float
    retry_after: float | None = None

    @property
    def transient(self) -> bool:
        """Whether the same may go well later."""
        return self.status is None or self.status in RETRIED

    def __str__(self) -> str:
        answer = "no answer" if self.status is None else f"status {self.status}"
        tries = f"{self.tries} tries in {self.seconds:.0f} s"
        return f"{answer} after {tries if self.tries > 1 else 'one try'}: {self.reason}"


@define
class ClientCall:
    """What happened on the wire during one call of IBM's client.

    Args:
        posted: Whether a job may have reached the service.
        accepted: Whether the service took one, whatever happened after.
        failure: What went wrong last, if something did.
        before_post: Called in the moment before a job is sent.
        refusal: What `before_post` raised, so that nothing was sent.
        wrong: What an answer that was read has that it should not; IBM's client goes on
            after some errors as if a machine were not there.
    """

    posted: bool = False
    accepted: bool = False
    failure: Failure | None = None
    before_post: Callable[[], None] = lambda: None
    refusal: Exception | None = None
    wrong: ServiceError | None = None

    def begin_post(self) -> None:
        """Says that a job is sent now; what is raised then is kept."""
        try:
            self.before_post()
        except Exception as error:
            self.refusal = error
            raise


@final
class RetryAdapter(HTTPAdapter):
    """Sends requests: again after errors, except that of a job, and never for ever.

    Args:
        retry: How often, and how long.
    """

    def __init__(self, retry: RetryPolicy) -> None:
        super().__init__(max_retries=0)
        self.retry = retry
        self._calls = threading.local()
        self._secrets: set[str] = set()

    def __deepcopy__(self, memo: dict[int, Any]) -> RetryAdapter:
        # IBM's backends copy their sessions; requests would drop our attributes.
        return self

    def keep_secret(self, credential: str | None) -> None:
        """Takes a credential out of every error that the service answers.

        IBM's client puts such answers into its errors and its log as they are.

        Args:
            credential: What is not to be shown.
        """
        if credential:
            self._secrets.add(credential)

    def begin_call(self) -> ClientCall:
        """Notes what happens from now on, in this thread."""
        self._calls.current = ClientCall()
        return self.call

    @property
    def call(self) -> ClientCall:
        """What happened since `begin_call`."""
        if not hasattr(self._calls, "current"):
            self._calls.current = ClientCall()
        current: ClientCall = self._calls.current
        return current

    def send(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> requests.Response:
        """Sends a request, as `requests` does, and reads the answer."""
        submits = _submits_job(request)
        retry = self.retry
        options["timeout"] = (
            retry.connect_timeout,
            retry.submit_timeout if submits else retry.read_timeout,
        )
        tries = retry.begin()
        while True:
            if submits:
                self.call.begin_post()
            response, error = self._send_once(request, *args, **options)
            if response is not None and response.status_code < 400:
                self.call.posted |= submits
                self.call.accepted |= submits
                self.call.failure = None
                self._check(request, response)
                return response
            failure = _failure(response, error, tries.count, tries.seconds)
            self.call.failure = failure
            logger.debug(
                "%s %s: %s", request.method, _path(request), _kind(failure, error)
            )
            self.call.posted |= submits and failure.taken
            reached = response is not None or failure.taken
            again = not reached if submits else failure.transient
            if not (again and tries.again(failure.retry_after)):
                if error is not None:
                    raise error
                assert response is not None
                return response

    def _send_once(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> tuple[requests.Response | None, requests.RequestException | None]:
        try:
            response = super().send(request, *args, **options)
            # Read here, so that an answer cut short is one more error of this try.
            response.content  # noqa: B018
        except requests.RequestException as error:
            return None, error
        if response.status_code >= 400:
            self._silence(request, response)
        return response, None

    def _check(
        self, request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Refuses an answer that is not what it should be."""
        try:
            check_reply(str(request.method), _path(request), response.json)
        except ServiceError as error:
            wrong = ServiceError(blanked(str(error), self._secrets))
        else:
            return
        self.call.wrong = wrong
        raise wrong

    def _silence(
        self, request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Takes the credentials out of an answer."""
        sent = str(request.headers.get("Authorization", "")).split()
        secrets = (*self._secrets, *sent[1:])
        content = response.content.decode("latin-1")  # every byte is a character
        response._content = blanked(content, secrets).encode("latin-1")
        response.reason = blanked(str(response.reason), secrets)


def _submits_job(request: requests.PreparedRequest) -> bool:
    return request.method == "POST" and _path(request).endswith("/jobs")


def _path(request: requests.PreparedRequest) -> str:
    return urlsplit(str(request.url)).path


def _kind(failure: Failure, error: Exception | None) -> str:
    """For the log, which must not repeat what a service may echo."""
    return type(error).__name__ if error else f"status {failure.status}"


def _failure(
    response: requests.Response | None,
    error: requests.RequestException | None,
    tries: int,
    seconds: float,
) -> Failure:
    if response is not None:
        status = response.status_code
        reason = _reason_given(response)
        taken = status not in NOT_TAKEN
        return Failure(status, reason, taken, tries, seconds, _retry_after(response))
    assert error is not None
    reason = _reason_of(error)
    return Failure(None, reason, not _never_sent(error), tries, seconds)


def _never_sent(error: requests.RequestException) -> bool:
    """Whether the service was not even reached."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    inner = error.args[0] if error.args else None
    cause = inner.reason if isinstance(inner, MaxRetryError) else inner
    unreached = isinstance(cause, NewConnectionError | ConnectTimeoutError)
    return unreached or _is_untrusted(cause)


def _is_untrusted(cause: BaseException | None) -> bool:
    """Whether a certificate was refused: other errors of TLS may come after all."""
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        first = cause.args[0] if cause.args else None
        cause = first if isinstance(first, BaseException) else cause.__cause__
    return False


def _reason_of(error: requests.RequestException) -> str:
    if _never_sent(error):
        untrusted = isinstance(error, requests.exceptions.SSLError)
        return (
            "the service's certificate is not trusted"
            if untrusted
            else "the service cannot be reached"
        )
    if isinstance(error, requests.Timeout):
        return "the service does not answer in time"
    return "the connection was cut"


def _reason_given(response: requests.Response) -> str:
    """IBM's words: `{"errors": [{"message": ..., "solution": ...}]}`."""
    try:
        content = response.json()
        first = content["errors"][0] if "errors" in content else content["error"]
        words = [first.get("message"), first.get("solution")]
        code = first.get("code")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return response.text[:300].strip() or str(response.reason)
    text = " ".join(str(word) for word in words if word)
    return f"{text} (code {code})" if code is not None else text


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the service asks to wait, given as a number or as a date."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(value)
        now = parsedate_to_datetime(response.headers.get("Date", formatdate()))
    except ValueError:
        return None
    return max(0.0, (then - now).total_seconds())
