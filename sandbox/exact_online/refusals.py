"""How the stand-in says no: one exception per kind of refusal, each knowing its status, texts and headers (section 6).

Whether the body is JSON or XML is decided where answers are written; business refusals speak the user's language.
"""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """The request had no effect. `headers` are sent along; `message(language)` is what the envelope carries."""

    status = 400

    def __init__(self, text: str, *, nl: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.nl = nl or text
        self.headers = dict(headers or {})

    def message(self, language: str) -> str:
        return self.nl if language == "nl" else str(self)


class BadRequest(Refusal):
    """400: the query or the payload is not well formed. Counts toward the error limit."""


class Unauthorised(Refusal):
    """401: no token, an expired one, or one of another region."""

    status = 401


class Forbidden(Refusal):
    """403: no right, no tick, a foreign division, or a blocked key."""

    status = 403


class Unknown(Refusal):
    """404: no such path or key."""

    status = 404


class TooBroad(Refusal):
    """408: the request would read too much."""

    status = 408


class TooMany(Refusal):
    """429: over the minute or the day limit; not processed. Its headers replace the usual rate-limit headers."""

    status = 429


class Gone(Refusal):
    """410: the feature was discontinued."""

    status = 410


class Business(Refusal):
    """500 with the OData envelope: a rule of bookkeeping says no. Never retryable."""

    status = 500


class Blocked(Refusal):
    """The key is blocked after too many errors."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def mandatory(name: str) -> Business:
    return Business(f"Mandatory: {name}", nl=f"Verplicht: {name}")


def exists(name: str) -> Business:
    return Business(f"Data already exists. {name}", nl=f"Bestaat al: {name}")


def bad_reference(name: str) -> Business:
    return Business(f"Invalid reference: {name}", nl=f"Ongeldige referentie: {name}")


def not_allowed(name: str) -> Business:
    return Business(f"Not allowed: {name}", nl=f"Niet toegestaan: {name}")
