"""A transport that repeats what IFS Cloud surely did not do: outdated metadata, locked rows, the double-submit guard.

Whether a write may be repeated is decided on the body of the refusal and not on its status: after a deployment everything is
answered with MI_MODIFIED_ERROR (503, on older releases 500) unprocessed, and business rules may come as 500 (ifs_cloud.md
sections 1, 5 and 6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from http.cookies import CookieError, SimpleCookie

from connector_resources.erp.ifs_cloud import odata
from connector_resources.erp.ifs_cloud.odata import Problem, problem_of
from connector_resources.errors import NotSent, Refused, RemoteError
from connector_resources.transport.back_off import Retries, full_jitter, retry_after_s
from connector_resources.transport.messages import Request, Response, Transport

SYSTEM = "ifs_cloud"
OUTDATED = "MI_MODIFIED_ERROR"
CSRF = "CSRF_ERROR"
CSRF_COOKIE, CSRF_HEADER = "XSRF-TOKEN", "x-xsrf-token"
#: rows or objects that somebody else holds at this moment: ORA-00054, -00060 and -20113 (section 6.2).
LOCKS = frozenset({54, 60, 20113})
LOCKED_STATUS = 423
RETRIES = Retries(attempts=6, base_s=1.0, cap_s=60.0, max_wait_s=90.0)


class GatedTransport:
    """`inner`, with those repetitions. Its errors are those of `Transport.send`; a refusal sent as 500 is `Refused`."""

    def __init__(
        self,
        inner: Transport,
        *,
        connection: str,
        now: Callable[[], datetime],
        random: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._inner = inner
        self._connection = connection
        self._now = now
        self._random = random
        self._sleep = sleep
        self._csrf: tuple[tuple[str, str], ...] = ()

    @property
    def calls(self) -> int:
        return self._inner.calls

    def send(self, request: Request) -> Response:
        for attempt in range(1, RETRIES.attempts + 1):
            try:
                return self._inner.send(replace(request, headers=(*request.headers, *self._csrf)))
            except RemoteError as error:
                problem = problem_of(error.response)
                if problem is None:
                    raise
                wait_s = self._repeat_after_s(request, error, problem, attempt)
                if wait_s is None:
                    raise self._meant(error, problem) from error
                if attempt == RETRIES.attempts or wait_s > RETRIES.max_wait_s:
                    raise self._not_done(error, problem) from error
            self._sleep(wait_s)
        raise AssertionError("unreachable")

    def close(self) -> None:
        self._inner.close()

    def _repeat_after_s(self, request: Request, error: RemoteError, problem: Problem, attempt: int) -> float | None:
        """How long to wait before the same request may be sent again; None when it must not be."""
        if problem.code == CSRF and not self._csrf:
            self._csrf = self._double_submit(request)
            return 0.0 if self._csrf else None
        if problem.code != OUTDATED and error.status != LOCKED_STATUS and problem.ora not in LOCKS:
            return None
        told = retry_after_s(error.response, self._now()) if error.response else None
        return told if told is not None else full_jitter(RETRIES, attempt, self._random)

    def _double_submit(self, request: Request) -> tuple[tuple[str, str], ...]:
        """The guard's cookie, which the service document sets, as the headers that echo it (section 1)."""
        answer = self._inner.send(Request("GET", odata.service_root(request.url)))
        try:
            cookie = SimpleCookie(answer.headers.get("set-cookie", "")).get(CSRF_COOKIE)
        except CookieError:
            return ()
        if cookie is None:
            return ()
        return ((CSRF_HEADER, cookie.value), ("cookie", f"{CSRF_COOKIE}={cookie.value}"))

    def _meant(self, error: RemoteError, problem: Problem) -> RemoteError:
        """A business rule that came as a 5xx was refused all the same: nothing was done."""
        if error.status < 500 or not (problem.ora or problem.code == "DATABASE_ERROR"):
            return error
        refused = Refused(
            f"{SYSTEM} refused with {error.status} {problem.name}: {problem.message}",
            system=SYSTEM,
            status=error.status,
            code=problem.name,
            connection=self._connection,
        )
        refused.response = error.response
        return refused

    def _not_done(self, error: RemoteError, problem: Problem) -> NotSent:
        what = "still answers that its metadata is outdated" if problem.code == OUTDATED else "still has the row locked"
        not_sent = NotSent(
            f"IFS Cloud {what} after {RETRIES.attempts} tries ({problem.name}).",
            system=SYSTEM,
            status=error.status,
            code=problem.name,
            connection=self._connection,
            next_step="nothing: the next run goes on. If it stays, ask the administrator of IFS Cloud.",
        )
        not_sent.response = error.response
        return not_sent
