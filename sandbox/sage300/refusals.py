"""How the stand-in says no: one exception per `error.code` of the Web API, each knowing its status (section 6)."""

from __future__ import annotations


class Refusal(Exception):
    """The request was refused; `code` is for machines, the text for people."""

    status = 409
    code = "General"


class Unauthorized(Refusal):
    status, code = 401, "Unauthorized"


class Forbidden(Refusal):
    status, code = 403, "Forbidden"


class TooManyRequests(Refusal):
    status, code = 429, "TooManyRequests"


class InvalidParameters(Refusal):
    status, code = 400, "InvalidParameters"


class ResourceNotFound(Refusal):
    status, code = 404, "ResourceNotFound"


class InvalidEntityKey(Refusal):
    status, code = 400, "InvalidEntityKey"


class RecordNotFound(Refusal):
    status, code = 404, "RecordNotFound"


class MethodNotAllowed(Refusal):
    status, code = 405, "MethodNotAllowed"


class InvalidPayload(Refusal):
    status, code = 400, "InvalidPayload"


class InvalidAction(Refusal):
    status, code = 400, "InvalidAction"


class SessionError(Refusal):
    status, code = 500, "SessionError"


class InternalServerError(Refusal):
    status, code = 500, "InternalServerError"


class RecordDuplicate(Refusal):
    code = "RecordDuplicate"


class RecordInvalid(Refusal):
    code = "RecordInvalid"


class FieldInvalid(Refusal):
    code = "FieldInvalid"


class General(Refusal):
    """409 of the business layer: locks, states, anything without a code of its own."""


class HalfWritten(InternalServerError):
    """A write that was cut off on purpose after some of its entries."""


class Page(Exception):
    """IIS answers with a page of its own instead of JSON."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title


def no_such(what: str, value: object) -> FieldInvalid:
    """A code that names no record."""
    return FieldInvalid(f"{what} is invalid. Record '{value}' does not exist.")
