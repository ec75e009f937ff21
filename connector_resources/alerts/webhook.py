"""Alerts as JSON to a webhook: Slack, Teams' workflows, or a service of one's own.

The address itself is the secret, so it never stands in an error; the host does. A repeated alert does no harm, therefore what
was not answered is sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from connector_resources.alerts.alert import Alert
from connector_resources.errors import NotSent, Refused, RemoteError
from connector_resources.transport.addresses import Addresses
from connector_resources.transport.redaction import register_secret

TIMEOUT_S = 15.0
ATTEMPTS = 3
SYSTEM = "alert webhook"


def post_alert(url: str, alert: Alert, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """POST the alert. Raises `NotSent` when nobody took it, `Refused` when it is not wanted, `ConfigurationError`."""
    register_secret(url)
    parts = urlsplit(url)
    address = Addresses(f"{parts.scheme}://{parts.netloc}", system=SYSTEM, connection=alert.connection).resolve(url)
    retrying = Retrying(
        retry=retry_if_exception_type(NotSent),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(min=1, max=10),
        sleep=sleep,
        reraise=True,
    )
    retrying(_post, address, parts.hostname or "", alert)


def _post(address: str, host: str, alert: Alert) -> None:
    try:
        answer = requests.post(address, json=alert.payload(), timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        # The exception's own text holds the address.
        raise _failure(NotSent, alert, host, f"could not be reached ({type(error).__name__})", 0) from None
    if answer.status_code == 429 or answer.status_code >= 500:
        raise _failure(NotSent, alert, host, f"answered {answer.status_code}", answer.status_code)
    if not answer.ok or answer.is_redirect:
        raise _failure(Refused, alert, host, f"answered {answer.status_code}", answer.status_code)


def _failure(kind: type[RemoteError], alert: Alert, host: str, what: str, status: int) -> RemoteError:
    return kind(
        f"the alert webhook at {host} {what}.",
        system=SYSTEM,
        status=status,
        connection=alert.connection,
        next_step="check the address in the vault (alerts.webhook); it is tried again",
    )
