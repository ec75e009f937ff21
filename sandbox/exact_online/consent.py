"""The browser's side of OAuth: the consent page and the way back to the application (fact sheet, section 1.2)."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, RedirectResponse, Response

from sandbox.exact_online.oauth import TokenRefusal

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division


def page(division: Division, query: Mapping[str, str], *, decision: str = "") -> Response:
    """Ask, or answer with the redirect when the person decided or agrees by switch. Mistakes are an HTML page."""
    redirect_uri = query.get("redirect_uri", "")
    try:
        app = division.tokens.check_consent(query.get("client_id", ""), redirect_uri, query.get("response_type", ""))
    except TokenRefusal as refusal:
        return HTMLResponse(f"<html><body><h1>{html.escape(refusal.description)}</h1></body></html>", 400)
    if not decision and not division.switches.auto_consent:
        return HTMLResponse(_question(division))
    state = {"state": query["state"]} if "state" in query else {}
    if decision == "deny":
        return _back(redirect_uri, {"error": "access_denied", **state})
    return _back(redirect_uri, {"code": division.tokens.agree(app, redirect_uri), **state})


def _back(redirect_uri: str, values: Mapping[str, str]) -> Response:
    joint = "&" if "?" in redirect_uri else "?"
    return RedirectResponse(f"{redirect_uri}{joint}{urlencode(values)}", 302)


def _question(division: Division) -> str:
    """The form posts back to its own address, which holds the request."""
    return (
        f"<html><body><h1>{html.escape(division.name)}</h1><form method='post'>"
        "<button name='decision' value='agree'>Agree</button>"
        "<button name='decision' value='deny'>Cancel</button></form></body></html>"
    )
