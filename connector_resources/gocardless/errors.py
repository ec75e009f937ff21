"""Reads GoCardless's error bodies (gocardless.md section 6): the reason becomes the error's `code`.

Which error type it is follows from the status in the transport; this module knows only the words.
"""

from __future__ import annotations

from typing import Any

import orjson

from connector_resources.transport.http_transport import is_no_page
from connector_resources.transport.messages import Response

#: `errors[].links` keys that name the resource a create collided with.
CONFLICT_LINKS = ("conflicting_resource_id", "customer_bank_account", "creditor_bank_account")


def explain(response: Response) -> tuple[str, str]:
    """(reason, message): `("mandate_is_inactive", "…")`. Without a reason the type, such as `validation_failed`."""
    error = _error(response)
    if isinstance(error, str):
        return "", error
    entries = _entries(error)
    reason = next((str(entry["reason"]) for entry in entries if entry.get("reason")), str(error.get("type") or ""))
    details = "; ".join(
        " ".join(str(entry[key]) for key in ("field", "message") if entry.get(key)) for entry in entries
    )
    message = str(error.get("message") or "")
    return reason, f"{message} ({details})" if details and details != message else message


def links_of(response: Response | None) -> dict[str, str]:
    """All `errors[].links`: the conflicting resource, or `new_mandate` when a mandate was replaced."""
    error = _error(response) if response is not None else ""
    if isinstance(error, str):
        return {}
    found: dict[str, str] = {}
    for entry in _entries(error):
        links = entry.get("links")
        if isinstance(links, dict):
            found.update((str(name), value) for name, value in links.items() if isinstance(value, str))
    return found


def conflicting_id(response: Response | None) -> str:
    """The id of the resource that a 409 names; empty when it names none."""
    links = links_of(response)
    return next((links[name] for name in CONFLICT_LINKS if name in links), "")


def is_whole_json(response: Response) -> bool:
    """False when a 2xx body is no JSON object or broke off: GoCardless answers objects, or nothing at all (204)."""
    body = response.body.strip()
    return not body or (is_no_page(response) and body.startswith(b"{") and body.endswith(b"}"))


def _error(response: Response) -> dict[str, Any] | str:
    try:
        body = orjson.loads(response.body)
    except ValueError:
        return ""
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, (dict, str)) else ""


def _entries(error: dict[str, Any]) -> list[dict[str, Any]]:
    entries = error.get("errors")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
