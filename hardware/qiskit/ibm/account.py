"""IBM accounts that Qiskit saved, and errors that show no credential."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from ibm_cloud_sdk_core import ApiException
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime.accounts import AccountNotFoundError, InvalidAccountError
from qiskit_ibm_runtime.exceptions import IBMNotAuthorizedError

from qml_qdl.circuits.errors import AccountError, QdlError, ServiceError
from qml_qdl.hardware.qiskit.ibm.secrets import blanked
from qml_qdl.hardware.qiskit.ibm.service import RetryingService
from qml_qdl.hardware.qiskit.ibm.transport import (
    RETRIED,
    Failure,
    RetryAdapter,
    RetryPolicy,
)

ReturnT = TypeVar("ReturnT")

REPAIR = (
    "save a working API key once, in Python: QiskitRuntimeService.save_account("
    "token=..., instance=..., name=..., overwrite=True); or set QISKIT_IBM_TOKEN and "
    "QISKIT_IBM_INSTANCE"
)


def open_service(account: str | None, retry: RetryPolicy) -> RetryingService:
    """Reaches IBM's service.

    Args:
        account: The name of an account that Qiskit saved; None for the one in the
            environment variables QISKIT_IBM_TOKEN, QISKIT_IBM_INSTANCE and
            QISKIT_IBM_URL, or else the default one.
        retry: How often, and how long.

    Returns:
        The service.

    Raises:
        AccountError: There is no such account, or IBM does not let it in.
        ServiceError: IBM cannot be reached.
    """
    options = {} if account is None else {"name": account}
    tries = retry.begin()
    while True:
        adapter = RetryAdapter(retry)
        adapter.begin_call()
        try:
            return RetryingService(adapter, **options)
        except QdlError:
            raise
        except Exception as error:  # IBM's, its cloud kit's, or the network's
            # Signing in goes over IBM's cloud kit, which does not try again itself.
            wire = adapter.call
            passing = wire.failure is None and wire.wrong is None and _passes(error)
            failure = wire.wrong or _opening_error(
                error, account, wire.failure, passing
            )
        if not (passing and tries.again()):
            # Raised here, and not above, so that IBM's error, which may repeat a
            # credential, is no part of it.
            raise failure


def call(
    service: RetryingService,
    account: str | None,
    what: str,
    function: Callable[[], ReturnT],
) -> ReturnT:
    """Calls a function of IBM's client, and turns its errors into ours.

    Ours say nothing of the credentials that IBM's may repeat.

    Args:
        service: The service.
        account: The name of the account.
        what: What is being done, as "ask for job ID".
        function: What is called.

    Returns:
        What the function returns.

    Raises:
        AccountError: IBM does not let us in.
        ServiceError: IBM does not answer, or not as it should.
    """
    service.adapter.begin_call()
    try:
        return function()
    except QdlError:
        raise
    except Exception as error:  # IBM's client lets errors of many kinds through
        failure = call_error(service, account, what, error)
    # Raised here so that IBM's error is not its context, which may be shown or pickled.
    raise failure


def call_error(
    service: RetryingService, account: str | None, what: str, error: Exception
) -> QdlError:
    """The error of ours that tells of one of IBM's.

    Args:
        service: The service.
        account: The name of the account.
        what: What was being done.
        error: What IBM's client raised.
    """
    wire = service.adapter.call
    if wire.wrong is not None:
        return wire.wrong
    failure = wire.failure
    if isinstance(error, IBMNotAuthorizedError) or (failure and failure.status == 401):
        return AccountError(_not_let_in(account, failure))
    said = str(failure) if failure else f"{type(error).__name__}: {error}"
    return ServiceError(scrubbed(f"IBM: cannot {what}: {said}", service))


def scrubbed(text: str, service: QiskitRuntimeService | None = None) -> str:
    """A text without the credentials that it may contain.

    Args:
        text: What IBM, or its client, says.
        service: The service; None before there is one.
    """
    text = blanked(text, _secrets(service))
    return re.sub(r"(?i)\b(bearer|apikey)\s+\S+", r"\1 ***", text)


def is_open_plan(service: QiskitRuntimeService) -> bool:
    """Whether the service is used on IBM's Open plan.

    Args:
        service: The service.
    """
    active = service.active_instance()
    plans = [
        each.get("plan") for each in service.instances() if each.get("crn") == active
    ]
    return "open" in plans


def _secrets(service: QiskitRuntimeService | None) -> list[str]:
    accounts: list[dict[str, Any]]
    if service is not None:
        accounts = [service.active_account() or {}]
    else:
        accounts = [{"token": os.environ.get("QISKIT_IBM_TOKEN")}]
        accounts += _saved_accounts().values()
    tokens = [account.get("token") for account in accounts]
    return [token for token in tokens if isinstance(token, str) and len(token) > 3]


def known_accounts() -> tuple[str, ...]:
    """The names of all accounts that can be used here, read without a network.

    Returns:
        "QISKIT_IBM_TOKEN" where the environment has one, and those that Qiskit saved.
    """
    given = [name for name in ("QISKIT_IBM_TOKEN",) if os.environ.get(name)]
    return (*given, *sorted(_saved_accounts()))


def _saved_accounts() -> dict[str, dict[str, Any]]:
    try:
        saved: dict[str, dict[str, Any]] = QiskitRuntimeService.saved_accounts()
    except (ValueError, KeyError, OSError, InvalidAccountError):
        # A damaged file of accounts is reported where it is read to sign in.
        return {}
    return saved


def _opening_error(
    error: Exception, account: str | None, failure: Failure | None, passing: bool
) -> QdlError:
    if isinstance(error, AccountNotFoundError):
        saved = ", ".join(sorted(_saved_accounts())) or "none"
        wanted = "of IBM's" if account is None else _shown(account)
        return AccountError(
            f"account: Qiskit has saved no account {wanted}; saved here: {saved}; "
            f"{REPAIR}"
        )
    if failure is not None and failure.status != 401:
        return ServiceError(scrubbed(f"IBM: cannot sign in: {failure}"))
    if passing:
        said = f"{type(error).__name__}: the service that signs in does not answer"
        return ServiceError(f"IBM: cannot sign in: {said}; try again later")
    reason = scrubbed(f"{type(error).__name__}: {error}")
    if isinstance(error, LookupError | TypeError | AttributeError | ValueError):
        return ServiceError(
            "IBM: cannot sign in: an answer of the service that signs in is not what "
            f"IBM's client knows ({reason}); try again later"
        )
    return AccountError(
        f"account: IBM does not let the account {_shown(account)} in ({reason}); "
        f"{REPAIR}"
    )


def _not_let_in(account: str | None, failure: Failure | None) -> str:
    # IBM's words are left out: they may repeat the credential that was refused.
    status = 401 if failure is None else failure.status
    return (
        f"account: IBM does not let the account {_shown(account)} in (status {status});"
        f" {REPAIR}"
    )


def _shown(account: str | None) -> str:
    return repr(account) if account is not None else "of the environment"


def _passes(error: BaseException | None) -> bool:
    """Whether an error of signing in may be gone the next time."""
    while error is not None:
        if isinstance(error, requests.ConnectionError | requests.Timeout):
            return True
        if isinstance(error, ApiException):
            return error.status_code in RETRIED
        error = error.__cause__ or error.__context__
    return False
