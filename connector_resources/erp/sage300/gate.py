"""A transport that keeps away from Sage 300 when a call would do harm (sage300.md sections 1.2, 1.6 and 5).

Three things are watched: a sign-on that was refused is not tried again with the same credentials, because failed sign-ons lock
the user out; nothing is written in the quiet hours; and one process at a time writes to a company, whichever connection it
serves. The first and the last are kept in the store, for all processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from connector_resources.erp.sage300.client import SYSTEM
from connector_resources.erp.sage300.settings import QuietHours
from connector_resources.errors import LeaseBusy, NotSent, TokenRefused
from connector_resources.store.leases import Leases
from connector_resources.transport.messages import Request, Response, Transport

REFUSED = "sage300_sign_on_refused"
#: how often, and after how many seconds, a write asks again while another process writes to the same company.
TRIES, PAUSE_S = 18, 5.0
#: a lease outlives the longest write by this much.
MARGIN_S = 60.0
#: for how long it is believed that no other process was refused: a call every few milliseconds need not ask each time, and
#: whoever signs on meanwhile signs on once more at most.
LOOK_AGAIN_S = 2.0


class Marks(Protocol):
    """The part of the store's marks that is used here."""

    def get(self, connection: str, name: str) -> str | None: ...

    def set(self, connection: str, name: str, value: str) -> None: ...


class SignOnGuard:
    """Remembers which credentials were refused. `version` changes whenever they do; it holds nothing of them."""

    def __init__(
        self, connection: str, marks: Marks, version: Callable[[], str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection = connection
        self._marks = marks
        self._version = version
        self._monotonic = monotonic
        self._none_refused_until = 0.0

    def require(self) -> None:
        """Raises `NotSent` when the present credentials were refused before, by this process or another one."""
        now = self._monotonic()
        if now < self._none_refused_until:
            return
        refused = self._marks.get(self._connection, REFUSED)
        if not refused:
            self._none_refused_until = now + LOOK_AGAIN_S
        elif refused == self._version():
            raise NotSent(
                "Sage 300 refused this user and password before; they are not tried again, because a few failed "
                "sign-ons lock the user.",
                system=SYSTEM,
                status=401,
                code="sign_on_refused",
                connection=self._connection,
                next_step=f"correct them with `connector credentials set`, or credential_case; `connector ping "
                f"{self._connection}` tries once more.",
            )

    def refused(self) -> None:
        self._none_refused_until = 0.0
        self._marks.set(self._connection, REFUSED, self._version())

    def forget(self) -> None:
        """A person wants it tried again, or it worked."""
        if self._marks.get(self._connection, REFUSED):
            self._marks.set(self._connection, REFUSED, "")


class GatedTransport:
    """`inner`, watched. `writer` names the company among all connections of the store."""

    def __init__(
        self,
        inner: Transport,
        guard: SignOnGuard,
        leases: Leases,
        *,
        connection: str,
        writer: str,
        write_timeout_s: int,
        quiet_hours: QuietHours | None,
        zone: ZoneInfo,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._inner = inner
        self._guard = guard
        self._leases = leases
        self._connection = connection
        self._writer = writer
        self._write_timeout_s = write_timeout_s
        self._quiet_hours = quiet_hours
        self._zone = zone
        self._now = now
        self._sleep = sleep

    @property
    def calls(self) -> int:
        return self._inner.calls

    def send(self, request: Request) -> Response:
        """As `Transport.send`; besides, `NotSent` for refused credentials, in quiet hours, and when another one writes."""
        self._guard.require()
        try:
            if not request.write:
                return self._inner.send(request)
            self._require_no_quiet_hours()
            with self._only_writer():
                return self._inner.send(request)
        except TokenRefused as error:
            self._guard.refused()
            refused = TokenRefused(
                "Sage 300 refuses the user or the password (401).",
                system=SYSTEM,
                status=401,
                code=error.code,
                connection=self._connection,
                next_step="check both, and credential_case: upper sends them in upper case, but since 2022.2 Sage may "
                "compare passwords as they were typed, which password_as_is does. After three tries Sage locks the user.",
            )
            refused.response = error.response
            raise refused from error

    def close(self) -> None:
        self._inner.close()

    def _require_no_quiet_hours(self) -> None:
        if self._quiet_hours is None:
            return
        ends = quiet_until(self._now(), self._quiet_hours, self._zone)
        if ends is not None:
            raise NotSent(
                f"Sage 300 is left alone in its quiet hours, until {ends:%Y-%m-%d %H:%M} ({self._zone}).",
                system=SYSTEM,
                code="quiet_hours",
                connection=self._connection,
                next_step="nothing: the first run after that goes on.",
            )

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        with ExitStack() as held:
            for left in range(TRIES, 0, -1):
                try:
                    held.enter_context(self._leases.hold(self._writer, ttl_s=self._write_timeout_s + MARGIN_S))
                    break
                except LeaseBusy as error:
                    if left == 1:
                        raise self._overtaken() from error
                    self._sleep(PAUSE_S)
            yield

    def _overtaken(self) -> NotSent:
        return NotSent(
            f"Another process writes to the same company of Sage 300, for more than {TRIES * PAUSE_S:.0f} s.",
            system=SYSTEM,
            code="other_writer",
            connection=self._connection,
            next_step="nothing: the next run goes on; a crashed process frees the company when its lease runs out.",
        )


def quiet_until(now: datetime, hours: QuietHours, zone: ZoneInfo) -> datetime | None:
    """When the window under way ends; None outside of it. One that passes midnight began yesterday or begins today."""
    local = now.astimezone(zone)
    length = timedelta(days=1) if hours.ends <= hours.begins else timedelta()
    for day in (local.date() - timedelta(days=1), local.date()):
        begins = datetime.combine(day, hours.begins, zone)
        ends = datetime.combine(day + length, hours.ends, zone)
        if begins <= local < ends:
            return ends
    return None
