"""How long to wait before a request is sent again: the server's word first, else exponential back-off with full jitter.

Pure functions. Whether a request may be sent again at all is decided in `http_transport`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from connector_resources.transport.messages import Response


@dataclass(frozen=True, slots=True)
class Retries:
    """`attempts` in all, the first included. A wait longer than `max_wait_s` is not slept: the caller is told."""

    attempts: int = 5
    base_s: float = 0.5
    cap_s: float = 20.0
    max_wait_s: float = 90.0


def full_jitter(retries: Retries, attempt: int, random: Callable[[], float]) -> float:
    """Seconds before the attempt after `attempt` (1, 2, …): a random share of base x 2^(attempt-1), at most `cap_s`."""
    ceiling_s: float = min(retries.cap_s, retries.base_s * 2 ** min(attempt - 1, 30))
    return random() * ceiling_s


def retry_after_s(response: Response, now: datetime) -> int | None:
    """The `Retry-After` header as seconds, not negative; None when it is absent or unreadable (RFC 9110, 10.2.3).

    A date is compared with the answer's own `Date` header, so that a clock that is wrong here does no harm; with `now`
    only when that header is missing.
    """
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    moment = http_date(text)
    return None if moment is None else seconds_until(moment, response, now)


def http_date(text: str) -> datetime | None:
    """An RFC 1123 date such as `Thu, 03 May 2018 16:00:00 GMT` as aware UTC; None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None


def seconds_until(moment: datetime, response: Response, now: datetime) -> int:
    """Whole seconds, rounded up, from when the answer was written until `moment`; 0 when that is past."""
    written = http_date(response.headers.get("date", "")) or now
    span = moment - written
    whole = span.days * 86_400 + span.seconds + (1 if span.microseconds else 0)
    return max(0, whole)
