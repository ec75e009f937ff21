"""Reads back what was made while more is sent and while the answers are written down.

The next pass takes the result as if it had asked itself. Only what asks nothing but the ERP is read so
(`Traits.read_back_aside`): whether it comes before or after the commit beside it, or not at all, is nothing to the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from functools import partial
from types import TracebackType
from typing import Any

from connector_resources.erp.contract import ErpConnector, Verification, VerifyRequest

#: what runs the reading: a thread of its own, or the caller's where a test decides about the order of everything.
Aside = Callable[[], Executor]
IN_A_THREAD: Aside = partial(ThreadPoolExecutor, 1, "read-back")


class ReadingBack:
    """The read-back of one run. Its end waits for what is under way; a run that is broken off does not."""

    def __init__(self, connector: ErpConnector, aside: Aside) -> None:
        self._connector = connector
        self._aside = aside()
        self._begun: list[tuple[Sequence[VerifyRequest], Future[list[Verification]]]] = []

    def __enter__(self) -> ReadingBack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._aside.shutdown(wait=kind is None, cancel_futures=True)

    def begin(self, requests: Sequence[VerifyRequest]) -> None:
        """Read these back meanwhile."""
        if requests:
            self._begun.append((requests, self._aside.submit(self._connector.verify, requests)))

    def end(self) -> None:
        """Wait until nothing is under way: what follows asks the same connector."""
        wait([answers for _, answers in self._begun])

    def forget(self) -> None:
        """What was read is read again: the connector looks at everything anew, and would not know of it any more."""
        self.end()
        self._begun = []

    def answers(self, requests: Sequence[VerifyRequest]) -> list[Verification]:
        """One answer per request, in order: what was begun, and what is asked now because it has changed since or is more.

        Raises what `ErpConnector.verify` raises.
        """
        begun, self._begun = self._begun, []
        read: dict[str, tuple[Any, Verification]] = {}
        for some, answers in begun:
            read |= _by_posting(some, answers.result())
        left = [request for request in requests if read.get(request.work.posting.key, (None,))[0] != request]
        asked = _by_posting(left, self._connector.verify(left)) if left else {}
        return [(asked.get(key) or read[key])[1] for key in (request.work.posting.key for request in requests)]


def _by_posting(
    requests: Sequence[VerifyRequest], answers: Sequence[Verification]
) -> dict[str, tuple[Any, Verification]]:
    pairs = zip(requests, answers, strict=True)
    return {request.work.posting.key: (request, answer) for request, answer in pairs}
