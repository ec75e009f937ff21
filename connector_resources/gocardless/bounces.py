"""Finds the payout behind a `creditors.bounced_payout` event, which may name only the creditor (gocardless.md 0, fact 12).

An event is attributed when exactly one payout fits; what stays open is shown by the check that nothing was missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.gocardless.wire import event_of
from connector_resources.store.inbox import DayOf, EventOrigin
from connector_resources.store.store import Store

Json = dict[str, Any]


def attribute_bounces(
    store: Store, client: GoCardlessClient, connection: str, bounces: Iterable[EventOrigin], *, day_of: DayOf
) -> list[Json]:
    """Attribute each bounce that names only its creditor; returns the bounced payouts as GoCardless shows them now."""
    seen: list[Json] = []
    by_creditor: dict[str, list[EventOrigin]] = {}
    for bounce in bounces:
        by_creditor.setdefault(bounce.subject, []).append(bounce)
    for creditor, events in by_creditor.items():
        bounced = [body for page in client.list_pages("payouts", creditor=creditor, status="bounced") for body in page]
        seen.extend(bounced)
        own = [p for p in store.entities.all(connection, "payouts") if p["links"].get("creditor") == creditor]
        stories = store.inbox.story(connection, sorted({p["id"] for p in (*bounced, *own)}))
        for payout in (p["id"] for p in bounced if not stories.get(p["id"])):
            # The list of a payout's events holds those of its payments, too.
            stories[payout] = [e for e in client.story("payouts", payout) if e["resource_type"] == "payouts"]
            store.inbox.drop_polled(connection, stories[payout], day_of=day_of)
        for event in sorted(events, key=lambda e: (e.created_at, e.event_id)):
            fitting = {
                *(p["id"] for p in bounced if _paid_then_bounced(stories.get(p["id"], []), event.created_at)),
                *(p["id"] for p in own if _paid_again(stories.get(p["id"], []), event.created_at)),
            }
            if len(fitting) == 1:
                payout = fitting.pop()
                store.inbox.attribute(connection, event.event_id, payout)
                stories[payout] = [*stories.get(payout, []), *_bodies(store, connection, payout, event.event_id)]
    return seen


def _paid_then_bounced(story: Sequence[Json], at: datetime) -> bool:
    """Paid before `at`, and no bounce known since that payment."""
    return _paid(story, before=at) > _bounced(story, before=at) and not _paid(story, after=at)


def _paid_again(story: Sequence[Json], at: datetime) -> bool:
    """Paid before and again after `at`, with no bounce known in between."""
    return bool(_paid(story, before=at) and _paid(story, after=at)) and _bounced(story) < _paid(story) - 1


def _paid(story: Sequence[Json], *, before: datetime | None = None, after: datetime | None = None) -> int:
    return _count(story, "paid", before, after)


def _bounced(story: Sequence[Json], *, before: datetime | None = None, after: datetime | None = None) -> int:
    return _count(story, "bounced_payout", before, after)


def _count(story: Sequence[Json], action: str, before: datetime | None, after: datetime | None) -> int:
    events = [event_of(body) for body in story]
    return sum(
        event.action == action
        and (before is None or event.created_at <= before)
        and (after is None or event.created_at > after)
        for event in events
    )


def _bodies(store: Store, connection: str, payout: str, event_id: str) -> list[Json]:
    return [body for body in store.inbox.story(connection, [payout]).get(payout, []) if body["id"] == event_id]
