"""Request and response as the connectors see them: plain values, no library types. `Transport` is the seam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from connector_resources.transport.answers import read_json


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP call. `url` is absolute, or a path that is joined to the transport's base address.

    write    True when the call may change something there: it is then sent once, and an unanswered one is `Uncertain`.
             False for reads: they are repeated with back-off until the retry budget is spent.
    timeout_s  overrides the transport's read limit for this call.
    """

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = field(default=None, repr=False)
    content_type: str = ""
    write: bool = False
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer. Header names are lower case. `elapsed_s` is the time of its last attempt, waiting left out;
    `waited_s` is how long that attempt was held back by the quota before.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str = ""
    elapsed_s: float = 0.0
    waited_s: float = 0.0

    def json(self) -> Any:
        """The body as JSON, fractional numbers as exact `Decimal`. Raises `ValueError`: see `answers.read_json`."""
        return read_json(self.body)


class Transport(Protocol):
    """Sends requests to one remote system for one connection."""

    @property
    def calls(self) -> int:
        """Every HTTP attempt made so far, token calls and retries included: API calls are the scarce resource."""
        ...

    def send(self, request: Request) -> Response:
        """A 2xx answer, or a typed error.

        `NotSent` nothing left or it was refused unprocessed; `RateLimited` quota; `TokenRefused` 401 twice; `Refused`,
        `NotFound`, `Conflict` (409, 412), `PermissionRefused` (403) the system said no; `Uncertain` a write without a
        clear answer (lost connection, time limit, 5xx, unreadable); `BadAnswer` a read that stayed unreadable.
        The errors carry the `Response` in `.response` when there was one.
        """
        ...

    def close(self) -> None: ...


class TokenSource(Protocol):
    """Gives the current access token and replaces one that was refused."""

    def token(self) -> str:
        """A token believed valid. Raises `ConsentExpired`, `MissingCredential`, `NotSent`."""
        ...

    def renew(self, refused: str) -> str:
        """A token other than `refused`: re-read, refreshed or freshly requested. At most one remote call."""
        ...
