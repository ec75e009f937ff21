"""How the stand-in says no: one exception per kind of refusal, each knowing its status and its body (fact sheet 6).

Business refusals carry an ORA number, the entity and a tag; which language and which status they are told in is decided
where answers are written.
"""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """The request had no effect. `code` is what `error.code` says; `headers` are sent along."""

    status = 400
    code = "ODP_ERROR"

    def __init__(self, text: str, *, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.code = code or self.code
        self.headers = dict(headers or {})


class BadRequest(Refusal):
    """400: the address, a query option or a filter cannot be read."""

    code = "ODP_BAD_REQUEST"


class Undeserializable(Refusal):
    """400: the body, or its content type."""

    code = "ODP_DESERIALIZATION_ERROR"

    def __init__(self, text: str = "Error while de-serializing contents.") -> None:
        super().__init__(text)


class Unauthorised(Refusal):
    """401: no token, or one that is unknown or expired."""

    status = 401
    code = "UNAUTHORIZED"


class Forbidden(Refusal):
    """403: the projection is not granted, or the double-submit guard says no (`CSRF_ERROR`)."""

    status = 403
    code = "ODP_FORBIDDEN"


class Unknown(Refusal):
    """404: no such service, set, or key."""

    status = 404
    code = "ODP_RESOURCE_NOTFOUND"


class WrongVerb(Refusal):
    """405: the resource is there, the verb is not."""

    status = 405
    code = "ODP_METHOD_NOT_ALLOWED"


class Stale(Refusal):
    """412: the `If-Match` value is not that of the row as it stands. The sheet names no code."""

    status = 412
    code = "ODP_PRECONDITION_FAILED"


class NoPrecondition(Refusal):
    """428: `If-Match` is missing."""

    status = 428
    code = "ODP_MISSING_PRECONDITION"


class TooMany(Refusal):
    """429: over the tenant's limit of the minute; not processed."""

    status = 429
    code = "TOO_MANY_REQUESTS"


class NotImplementedHere(Refusal):
    """501: an option of OData that the provider leaves out."""

    status = 501
    code = "ODP_NOT_IMPLEMENTED"


class MetadataOutdated(Refusal):
    """503, or 500 on older releases: the metadata cache is outdated after a deployment; not processed (section 5)."""

    status = 503
    code = "MI_MODIFIED_ERROR"

    def __init__(self, status: int) -> None:
        super().__init__("Cached Service metadata is outdated. Please try again.", headers={"Retry-After": "1"})
        self.status = status


class Business(Refusal):
    """A rule of the application says no: `ORA-<ora>: <Entity>.<TAG>: <text>` in `error.details`."""

    code = "DATABASE_ERROR"

    def __init__(self, ora: int, tag: str, text: str) -> None:
        super().__init__(text)
        self.ora = ora
        self.tag = tag


def record_rule(tag: str, text: str) -> Business:
    """ORA-20110, the common one."""
    return Business(20110, tag, text)


def no_such_record(entity: str, text: str) -> Business:
    """ORA-20111: a referenced record does not exist."""
    return Business(20111, f"{entity}.FND_RECORD_NOT_EXIST", text)


def already_there(entity: str, text: str) -> Business:
    """ORA-20112: a record with this key exists."""
    return Business(20112, f"{entity}.FND_RECORD_EXIST", text)


def not_updatable(entity: str, member: str) -> Business:
    """ORA-20122: the attribute may not be updated."""
    return Business(20122, f"{entity}.FND_ITEM_UPDATE", f"Field [{member}] may not be specified for updates.")


def bad_format(entity: str, text: str) -> Business:
    """ORA-20124: format or value of an attribute."""
    return Business(20124, f"{entity}.FND_ITEM_FORMAT", text)


def wrong_state(entity: str, event: str, state: str) -> Business:
    """ORA-20130: the state machine has no such event in this state."""
    return Business(
        20130, f"{entity}.FND_STATE_INVALID", f"The event [{event}] is not valid for an object in state [{state}]."
    )
