"""Verifies and opens a GoCardless webhook (gocardless.md section 7). Stores nothing, trusts only the signature.

A webhook only announces events: amounts and states are always read from the API.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from connector_resources.errors import WebhookRefused
from connector_resources.transport.answers import is_bounded

#: 250 events (the most a delivery holds) with all their fields stay far below this.
MAX_WEBHOOK_BYTES = 4 * 1024 * 1024
#: events of other centuries are no events, and days near the ends of the calendar cannot be told in every time zone.
YEARS = range(2000, 2200)
#: GoCardless's ids have 14 characters; an index of PostgreSQL takes none of some thousands.
MAX_WORD = 500


@dataclass(frozen=True, slots=True)
class Webhook:
    """A delivery. `webhook_id` is for debugging only. `malformed` entries are no events and block no other."""

    webhook_id: str | None
    events: list[dict[str, Any]]
    malformed: tuple[Any, ...] = ()


def verify_signature(raw: bytes, header: str | None, secrets: Sequence[str]) -> bool:
    """Whether `header` is the lower-case hex HMAC-SHA256 of the raw body under any of the secrets, in constant time.

    All secrets are tried, so that the time does not tell which one fits. An empty secret never fits.
    """
    if header is None or not header.isascii():
        return False
    fits = False
    for secret in secrets:
        expected = hmac.digest(secret.encode(), raw, hashlib.sha256).hex()
        fits |= hmac.compare_digest(expected, header) and secret != ""
    return fits


def open_envelope(raw: bytes) -> tuple[str | None, list[Any]]:
    """The webhook id and the entries of a body whose signature was verified, none of them looked at.

    Raises `WebhookRefused`: 413 too large, 400 not a webhook.
    """
    if len(raw) > MAX_WEBHOOK_BYTES:
        raise WebhookRefused(f"The webhook is larger than {MAX_WEBHOOK_BYTES} bytes.", status=413)
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("events"), list):
        raise WebhookRefused("The webhook is not a JSON object with a list of events.", status=400)
    meta = body.get("meta")
    webhook_id = meta.get("webhook_id") if isinstance(meta, dict) else None
    return (webhook_id if _is_word(webhook_id) else None), body["events"]


def parse_webhook(raw: bytes) -> Webhook:
    """The events of a body whose signature was verified. Raises `WebhookRefused`: 413 too large, 400 not a webhook."""
    webhook_id, entries = open_envelope(raw)
    events: list[dict[str, Any]] = []
    malformed: list[Any] = []
    for entry in entries:
        (events if _is_event(entry) else malformed).append(entry)
    return Webhook(webhook_id, events, tuple(malformed))


def organisation_of(entry: Any) -> str:
    """The organisation that an entry names, which tells whose it is in a webhook of a partner app; empty without one."""
    links = entry.get("links") if isinstance(entry, dict) else None
    return str(links.get("organisation") or "") if isinstance(links, dict) else ""


def _is_event(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    for name in ("id", "resource_type", "action"):
        word = entry.get(name)
        if not word or not _is_word(word):
            return False
    links = entry.get("links") or {}
    if not isinstance(links, dict):
        return False
    for link in links.values():
        if link is not None and not _is_word(link):
            return False
    return _is_moment(entry.get("created_at")) and is_bounded(entry)


def _is_word(text: Any) -> bool:
    """Whether it is text that every database keeps and finds: PostgreSQL refuses the character NUL."""
    return isinstance(text, str) and len(text) <= MAX_WORD and "\0" not in text


def _is_moment(text: Any) -> bool:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return False
    return moment is not None and moment.tzinfo is not None and moment.year in YEARS
