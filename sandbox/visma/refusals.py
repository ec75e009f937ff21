"""How the stand-in says no: one exception per kind of refusal, each knowing its HTTP answer.

Shapes are those of section 6.1 of the fact sheet: `{"message": "VismaId: ..."}` for validation, the gateway's
`{"statusCode": ..., "message": ...}` for what never reached the company, an empty body for a version conflict.
"""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """The request had no effect. `status` and `body()` are what the caller sees."""

    status = 400

    def body(self, visma_id: str) -> dict[str, Any] | None:
        return {"message": f"VismaId: {visma_id}. {self}"}


class Invalid(Refusal):
    """Business validation failed (400, or 500 when the company answers its validation errors so)."""


class Malformed(Refusal):
    """The body or a query value does not fit the schema: always 400."""


class PlainRefusal(Refusal):
    """A validation error whose text stands alone, as the release of a released payment gives it."""

    def body(self, visma_id: str) -> dict[str, Any]:
        return {"message": str(self)}


class AlreadyReleased(PlainRefusal):
    """The document is released and can neither be released again nor edited."""


class Unknown(Refusal):
    """404: no such resource, or one of another company."""

    status = 404


class Forbidden(Refusal):
    """403: the token lacks the scope, or the resource belongs to another caller."""

    status = 403

    def body(self, visma_id: str) -> dict[str, Any]:
        return {"statusCode": 403, "message": str(self)}


class Unauthorised(Refusal):
    """401: no token, an expired one, or one for a tenant that is no company."""

    status = 401

    def body(self, visma_id: str) -> dict[str, Any]:
        return {"statusCode": 401, "message": str(self)}


class Gone(Refusal):
    """410: the endpoint was removed, or the content has expired."""

    status = 410


class Stale(Refusal):
    """412: If-Match does not name the present version. The body is empty."""

    status = 412

    def body(self, visma_id: str) -> None:
        return None


class TooMany(Refusal):
    """429: refused before processing. `retry_after_s` goes into `Retry-After`."""

    status = 429

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

    def body(self, visma_id: str) -> dict[str, Any]:
        return {"statusCode": 429, "message": str(self)}
