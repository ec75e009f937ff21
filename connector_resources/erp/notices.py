"""Subscriptions to an ERP's own webhooks, where it lets an application manage them: what the command line needs of it.

A subscription books nothing and can be listed, so it needs no posting protocol: what was not answered is seen in the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Subscription:
    """A topic that is told to an address. `id` is "" for one that somebody else made and we cannot see."""

    id: str
    topic: str
    callback: str


class NoticeDesk(Protocol):
    """One connection's subscriptions. Raises `WrongCompany`, `NotSent`, `BadAnswer`, `Refused`."""

    @property
    def topics(self) -> Sequence[str]:
        """Every topic that can be subscribed to."""
        ...

    @property
    def usual_topics(self) -> Sequence[str]:
        """Those that lead to a reading worth having."""
        ...

    def subscriptions(self) -> list[Subscription]:
        """Those of our application."""
        ...

    def subscribe(self, topic: str, callback: str) -> Subscription:
        """Have `topic` told to `callback`, in place of another address. The same again changes nothing."""
        ...

    def unsubscribe(self, subscription: Subscription) -> None:
        """End it; one that is gone is no error."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
