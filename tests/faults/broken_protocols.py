"""Protocols that break a promise of DESIGN section 5 on purpose: the campaign must find each of them out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from connector_resources.erp.contract import Absent, Finding, OpenSubmission, PlannedSubmission
from connector_resources.posting.protocol import Learned, PostingProtocol, PostingReport
from connector_resources.store.leases import Lease
from connector_resources.store.submissions import SettledNotSent, SettledUnknown, Settlement, SubmissionRow


class SkipsTheLookUp(PostingProtocol):
    """Whatever was not answered is taken to be absent and sent again."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._connector: Any = _Blind(self._connector)


class SendsBeforeItCommits(PostingProtocol):
    """The bytes leave before anybody has written down that they will."""

    def _commit(
        self,
        lease: Lease,
        answered: Sequence[tuple[int, Settlement]],
        learned: Learned,
        report: PostingReport,
        following: Sequence[PlannedSubmission] = (),
    ) -> list[SubmissionRow]:
        self._sent = [self._send(planned, report) for planned in following]
        return super()._commit(lease, answered, learned, report, following)

    def _send_group(
        self, _lease: Lease, _group: object, rows: Sequence[SubmissionRow], *_: object, **__: object
    ) -> Any:
        return [(row.id, settlement) for row, settlement in zip(rows, self._sent, strict=True)]


class BelievesEveryAnswer(PostingProtocol):
    """An error after the body was sent is taken for a refusal that surely took no effect."""

    def _send(self, planned: PlannedSubmission, report: PostingReport, attempts: int | None = None) -> Settlement:
        settlement = super()._send(planned, report, attempts)
        return SettledNotSent(settlement.reason) if isinstance(settlement, SettledUnknown) else settlement


class IgnoresTheLease(PostingProtocol):
    """Whoever wants to work does, whether or not somebody else is at it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._store: Any = _Unguarded(self._store)


class _Unguarded:
    """A store whose leases everybody has. `fence` is higher than any that was ever given."""

    fence = 2**62

    def __init__(self, store: Any) -> None:
        self._of = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)

    @property
    def leases(self) -> _Unguarded:
        return self

    @contextlib.contextmanager
    def hold(self, name: str, **_: object) -> Iterator[_Unguarded]:
        self.name = name
        yield self

    def renew(self) -> None:
        """Nothing is held."""

    require = renew


class _Blind:
    def __init__(self, connector: Any) -> None:
        self._connector = connector

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        return [Absent() for _ in submissions]
