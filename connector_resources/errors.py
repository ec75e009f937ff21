"""Every error this project raises on purpose. The name says what is wrong; the type says whether repeating is safe.

ConnectorError
├── ConfigurationError        a person must change a file, a setting or a credential
│   ├── BrokenConnectionFile
│   ├── UnknownConnection
│   ├── MissingCredential
│   ├── VaultKeyError
│   ├── ConsentExpired        a person must log in again (`connector authorize`)
│   └── WrongCompany          the ERP answered for another company or tenant
├── StoreError                our own database
│   ├── LeaseBusy             another process is at work: wait, or let it finish
│   ├── LeaseLost             another process took over: stop writing at once
│   ├── IllegalTransition     a posting or submission would have gone backwards
│   └── TrailBroken
├── WebhookRefused            unsigned, malformed, too large, or for somebody else
└── RemoteError               a call to a remote system
    ├── NotSent               nothing happened there: safe to repeat
    │   ├── RateLimited
    │   ├── StaleVersion      the ETag is out of date: read again, decide again
    │   ├── TokenRefused
    │   └── TokenReplyLost
    ├── Refused               the remote system said no: do not repeat unchanged
    │   ├── NotFound
    │   ├── Conflict          duplicate or ETag mismatch: look, then decide
    │   ├── PermissionRefused
    │   └── ExpiredAtSource   was there once, is no longer kept (410)
    ├── Uncertain             it may have happened: never repeat, look it up
    │   └── BrokenOff         its first writes happened, the rest was turned away: look it up, then go on with it
    └── BadAnswer             an answer to a read that cannot be understood
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector_resources.transport.messages import Response


class ConnectorError(Exception):
    """Root of the tree. `connection` and `subject` name what it is about; `next_step` says what the user should do."""

    def __init__(self, message: str, *, connection: str = "", subject: str = "", next_step: str = "") -> None:
        self.connection = connection
        self.subject = subject
        self.next_step = next_step
        where = f"[{connection}] " if connection else ""
        todo = f" Next step: {next_step}" if next_step else ""
        super().__init__(f"{where}{message}{todo}")


class ConfigurationError(ConnectorError):
    """A person must change a file, a setting or a credential."""


class BrokenConnectionFile(ConfigurationError):
    """A connection file does not fit the schema; the message lists every problem with file, line and field."""

    #: one line per problem, `file:line: field: what is wrong`.
    problems: list[str]


class UnknownConnection(ConfigurationError):
    """No connection of that name is configured."""


class MissingCredential(ConfigurationError):
    """The vault holds no value for a credential that the connection names."""


class VaultKeyError(ConfigurationError):
    """The vault key is missing, unreadable, or does not open the stored values."""


class ConsentExpired(ConfigurationError):
    """The remote system no longer accepts our consent; a person must authorise again."""


class WrongCompany(ConfigurationError):
    """The ERP answered for another company, division or tenant than the connection names."""


class StoreError(ConnectorError):
    """Our own database refused something."""


class LeaseBusy(StoreError):
    """Another process holds the lease and did not let go within the time we were ready to wait."""


class LeaseLost(StoreError):
    """Another process holds the lease now; this one must stop writing."""


class IllegalTransition(StoreError):
    """A posting or submission was asked to move against its state machine."""


class TrailBroken(StoreError):
    """The trail's hash chain does not verify; the message names the first bad row."""


class WebhookRefused(ConnectorError):
    """A webhook that must not be stored. `status` is the HTTP answer."""

    def __init__(self, message: str, *, status: int, connection: str = "", next_step: str = "") -> None:
        self.status = status
        super().__init__(message, connection=connection, next_step=next_step)


class RemoteError(ConnectorError):
    """A call to a remote system went wrong. `system` is its name, `status` the HTTP status or 0, `code` its error code."""

    def __init__(
        self,
        message: str,
        *,
        system: str = "",
        status: int = 0,
        code: str = "",
        connection: str = "",
        subject: str = "",
        next_step: str = "",
    ) -> None:
        self.system = system
        self.status = status
        self.code = code
        #: the whole answer, when there was one; never part of the message, because it may hold personal data.
        self.response: Response | None = None
        super().__init__(message, connection=connection, subject=subject, next_step=next_step)


class NotSent(RemoteError):
    """The request did not take effect (refused before processing, or never left): safe to repeat.

    `retry_after_s` is how long to wait at least, where the remote system or its rules say so.
    """

    retry_after_s: int = 0


class RateLimited(NotSent):
    """The remote quota is used up. `retry_after_s` is how long to wait, by the server's word."""

    def __init__(self, message: str, *, retry_after_s: int = 0, system: str = "", connection: str = "") -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, system=system, status=429, connection=connection)


class StaleVersion(NotSent):
    """The document changed since it was read (412): nothing was written; read again, decide again."""


class TokenRefused(NotSent):
    """The access token was refused twice, the second time freshly fetched."""


class TokenReplyLost(NotSent):
    """The token endpoint gave no clear answer: it may have issued tokens that never reached us."""


class Refused(RemoteError):
    """The remote system understood the request and said no."""


class NotFound(Refused):
    """The resource is unknown there, or belongs to another company."""


class Conflict(Refused):
    """Already exists, or contradicts what is there (409, 412). `conflicting_id` names the other one when known."""

    def __init__(self, message: str, *, conflicting_id: str = "", **details: object) -> None:
        self.conflicting_id = conflicting_id
        super().__init__(message, **details)  # type: ignore[arg-type]


class PermissionRefused(Refused):
    """A right, scope, module or licence is missing."""


class ExpiredAtSource(Refused):
    """The remote system kept it only for a time and has removed it for good (410): reading again is of no use."""


class Uncertain(RemoteError):
    """The answer was lost or ambiguous after the request had left: it may have happened."""


class BrokenOff(Uncertain):
    """Of several writes for one document the first took effect, or may have, and a later one was turned away.

    Nothing is booked, but what was begun is there, so that something else must not be begun for the same postings.
    `retry_after_s` is how long to wait at least before it is gone on with, where the remote system or its rules say so.
    """

    retry_after_s: int = 0

    @classmethod
    def by(cls, error: NotSent, what: str) -> BrokenOff:
        """`what` was begun when `error` turned the rest away."""
        broken = cls(
            f"{what} was begun, and broke off: {error}", system=error.system, status=error.status, code=error.code
        )
        broken.connection, broken.subject, broken.next_step = error.connection, error.subject, error.next_step
        broken.retry_after_s, broken.response = error.retry_after_s, error.response
        return broken


class BadAnswer(RemoteError):
    """A read was answered with something that cannot be understood (truncated, HTML, wrong type)."""
