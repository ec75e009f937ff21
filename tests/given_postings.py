"""Postings as the tests of every ledger give them: the same words, each ledger with its own connection and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side


@dataclass(frozen=True, slots=True)
class GivenPostings:
    """Makes postings of one connection, all of them on one day."""

    connection: str
    now: datetime
    day: date

    def of(
        self,
        kind: PostingKind,
        subject: str,
        lines: Sequence[tuple[AccountRole, Side, int]],
        payer: Party,
        *,
        event: str = "EV00001",
        currency: str = "EUR",
        **changes: Any,
    ) -> Posting:
        """A posting of `event`; its lines are (role, side, minor units), the receivable is `payer`'s."""
        made = tuple(
            Line(role, side, Money(minor, currency), f"{subject} {role}", self._owner(role, payer))
            for role, side, minor in lines
        )
        fields: dict[str, Any] = {
            "key": f"{event}:{kind}",
            "connection": self.connection,
            "kind": kind,
            "event_id": event,
            "subject": subject,
            "occurred_at": self.now,
            "booking_date": self.day,
            "reference": f"GC{event}",
            "text": f"GoCardless {kind} {subject}",
            "lines": made,
            "party": payer,
            **changes,
        }
        return Posting(**fields)

    @staticmethod
    def _owner(role: AccountRole, payer: Party) -> Party | None:
        return payer if role is AccountRole.RECEIVABLE else None
