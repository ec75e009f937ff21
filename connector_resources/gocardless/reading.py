"""Reads from GoCardless into the store what an activity day needs, with as few calls as possible.

A full read lists the day's events by resource type together with the resources they name; a read of what is new fetches only
those resources, by id or by a narrow window of events, whichever costs fewer calls. What is known is never fetched again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import chain, takewhile
from typing import Any

from bookkeeping.payout_proof import prove
from bookkeeping.settings import activity_day
from connector_resources.connections.model import Connection
from connector_resources.gocardless.bounces import attribute_bounces
from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.gocardless.fetch_plan import plan_fetch
from connector_resources.gocardless.windows import read_events
from connector_resources.gocardless.wire import payout_item_of, payout_of
from connector_resources.posting.planning import SLICE, Scope, days_subjects, slices
from connector_resources.store.store import Store

#: resource types whose events matter to the books or to master data, with the name of the resource in `include`.
READ_TYPES = {
    "payments": "payment",
    "mandates": "mandate",
    "refunds": "refund",
    "payouts": "payout",
    "subscriptions": "subscription",
    "creditors": None,
    "billing_requests": None,
    "instalment_schedules": None,
}

#: resource type -> events that take back or settle what an earlier one brought, and those earlier ones.
PRESUPPOSED = {
    "payments": (("failed", "charged_back", "chargeback_cancelled"), ("confirmed", "paid_out")),
    "refunds": (("failed", "bounced", "funds_returned", "refund_settled"), ("paid",)),
}
#: up to so many missing resources are fetched one by one before listing is considered.
FEW = 8


@dataclass(slots=True)
class ReadReport:
    """What one reading brought: counts by meaning, totals per currency (minor units), some rows to look at."""

    resource_type: str
    counts: Counter[str] = field(default_factory=Counter)
    totals_minor: Counter[str] = field(default_factory=Counter)
    sample: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0

    def sentence(self) -> str:
        parts = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items())) or "nothing new"
        return f"{self.resource_type}: {parts}; {self.calls} GoCardless calls"


@dataclass(frozen=True, slots=True)
class Polled:
    """What a window of events brought: unknown ones, all that were listed, and the newest time among them."""

    new: int
    listed: int
    newest: datetime | None


class Reader:
    """One connection's reading. Every method can be repeated at any time and adds nothing twice."""

    def __init__(self, store: Store, client: GoCardlessClient, connection: Connection) -> None:
        self._store = store
        self._client = client
        self._connection = connection
        self._name = connection.name
        self._settings = connection.book_settings

    # --- one method per source asset -------------------------------------------------------------------------------

    def events(self, scope: Scope) -> ReadReport:
        """A full read lists the days' events again and stores the resources they name; else it counts what is new.

        Before that, webhooks that came until now are taken apart.
        """
        report = ReadReport("events")
        before = self._client.calls
        self._store.deliveries.take(self._name, again=True)
        if not scope.only_new:
            start, end = self._window(scope.first_day, scope.last_day)
            for resource_type, include in READ_TYPES.items():
                deque(self._read_events(resource_type, include, start, end, report), maxlen=0)
        counts = self._store.inbox.count(self._name, scope.first_day, scope.last_day)
        report.counts["events of these days"] = counts.total
        report.counts["not yet processed"] = counts.new
        for (resource_type, action), count in counts.by.items():
            report.sample.append({"resource": resource_type, "action": action, "events": count})
        report.calls = self._client.calls - before
        return report

    def payments(self, scope: Scope) -> ReadReport:
        """The days' payments, and the earlier story of those that were taken back."""
        report = self._refresh("payments", scope)
        return self._complete_stories("payments", scope, report)

    def mandates(self, scope: Scope) -> ReadReport:
        return self._refresh("mandates", scope)

    def refunds(self, scope: Scope) -> ReadReport:
        """The days' refunds, the earlier story of those that came back or were settled, and the payments behind them."""
        report = self._complete_stories("refunds", scope, self._refresh("refunds", scope))
        return self._fill(report, "payments", (r.get("payment") for r in self._links("refunds", scope)))

    def subscriptions(self, scope: Scope) -> ReadReport:
        return self._refresh("subscriptions", scope)

    def payouts(self, scope: Scope) -> ReadReport:
        """The payouts of the days, and those that bounced: a bounce is news of the payout that only its creditor tells."""
        creditors = self._subjects("creditors", scope)
        bounces = [
            event
            for event in self._store.inbox.about(self._name, creditors)
            if event.action == "bounced_payout" and event.subject.startswith("CR")
        ]
        bounced = attribute_bounces(self._store, self._client, self._name, bounces, day_of=self._day_of)
        report = self._refresh("payouts", scope)
        self._keep("payouts", bounced, report)
        seen = {body["id"] for body in bounced}
        self._fetch_each("payouts", [key for key in creditors if key.startswith("PO") and key not in seen], report)
        return report

    def customers(self, scope: Scope) -> ReadReport:
        """The mandates behind the days' payments and refunds, the customers behind all mandates, and new customers."""
        report = ReadReport("customers")
        before = self._client.calls
        refunds = self._links("refunds", scope)
        refunded = (links["payment"] for links in refunds if "payment" in links)
        for ids in slices(chain(self._subjects("payments", scope), refunded), SLICE):
            payments = self._store.entities.get(self._name, "payments", ids)
            self._fill_payers(report, [p["links"].get("mandate") for p in payments.values()])
        self._fill_payers(report, [links.get("mandate") for links in refunds])
        for ids in slices(self._subjects("mandates", scope), SLICE):
            self._fill_payers(report, ids)
        if not scope.only_new:
            for page in self._listed_customers(scope):
                self._keep("customers", page, report)
        report.calls = self._client.calls - before
        return report

    def _listed_customers(self, scope: Scope) -> Iterator[list[dict[str, Any]]]:
        """New customers; all of them where the ERP is told of edits, which GoCardless announces by no event."""
        if self._connection.customers.to_erp == "details":
            return self._client.list_pages("customers")
        start, end = self._window(scope.first_day, scope.last_day)
        return self._client.list_pages("customers", created_from=start, created_to=end)

    def payout_items(self, scope: Scope) -> ReadReport:
        """Items of every payout of the days that were never read, and what is missing of the payments they name.

        Items that do not prove their payout are read again, each time, until they do.
        """
        report = ReadReport("payout_items")
        before = self._client.calls
        for payout_id in self._subjects("payouts", scope):
            if not self._proven(payout_id):
                items = list(self._client.payout_items(payout_id))
                self._store.entities.put_payout_items(self._name, payout_id, items)
                report.counts["items read"] += len(items)
            items = self._store.entities.payout_items(self._name, payout_id) or []
            report.counts.update(str(item["type"]) for item in items)
            report.sample.append({"payout": payout_id, "items": len(items)})
            self._know_payments(payout_id, sorted({p for i in items if (p := i["links"].get("payment"))}), report)
        report.calls = self._client.calls - before
        return report

    def _proven(self, payout_id: str) -> bool:
        items = self._store.entities.payout_items(self._name, payout_id)
        body = self._store.entities.get(self._name, "payouts", [payout_id]).get(payout_id)
        if items is None or body is None:
            return False
        payout = payout_of(body)
        return not prove(payout, [payout_item_of(item, payout.amount.currency) for item in items])

    def poll_events(self, since: datetime, until: datetime) -> Polled:
        """Store the events of a window: the event poll's work."""
        new, listed = 0, 0
        newest: datetime | None = None
        for page in read_events(self._client, since, until):
            new += self._store.inbox.drop_polled(self._name, page.events, day_of=self._day_of)
            listed += len(page.events)
            times = [datetime.fromisoformat(event["created_at"]) for event in page.events]
            newest = max([*times, newest] if newest else times, default=newest)
        return Polled(new, listed, newest)

    # --- events ----------------------------------------------------------------------------------------------------

    def _read_events(
        self, resource_type: str, include: str | None, start: datetime, end: datetime, report: ReadReport
    ) -> Iterator[str]:
        """Store the events of a window with the resources they name; gives the ids of those."""
        for page in read_events(self._client, start, end, resource_type=resource_type, include=include):
            self._drop(page.events, report)
            if include is not None and page.linked:
                self._keep(resource_type, page.linked, report)
                yield from (body["id"] for body in page.linked)

    def _know_payments(self, payout_id: str, payment_ids: Sequence[str], report: ReadReport) -> None:
        """Of a payment in a payout we must know that it was collected, also when no event of that ever reached us."""
        for ids in slices(payment_ids, SLICE):
            known = self._store.inbox.story(self._name, ids)
            strangers = [key for key in ids if not any(_is_collected(body) for body in known.get(key, []))]
            unread = self._store.entities.missing(self._name, "payments", ids)
            if not strangers and not unread:
                continue
            self._fill(report, "payments", unread)
            bodies = self._store.entities.get(self._name, "payments", [*strangers, *unread])
            self._fill_payers(report, [b["links"].get("mandate") for b in bodies.values()])
            if strangers:
                self._read_stories(payout_id, strangers, bodies, report)

    def _read_stories(
        self, payout_id: str, ids: Sequence[str], bodies: dict[str, dict[str, Any]], report: ReadReport
    ) -> None:
        if len(ids) <= FEW:
            for key in ids:
                for events in self._client.list_pages("events", payment=key):
                    self._drop(events, report)
            return
        created = [datetime.fromisoformat(body["created_at"]) for body in bodies.values()]
        payout = self._store.entities.get(self._name, "payouts", [payout_id])[payout_id]
        # What a payout holds was collected before the payout was made.
        until = datetime.fromisoformat(payout["created_at"]) + timedelta(days=1)
        for page in read_events(
            self._client, min(created), until, resource_type="payments", action="confirmed", include="payment"
        ):
            self._drop(page.events, report)
            self._keep("payments", page.linked, report)

    def _complete_stories(self, resource_type: str, scope: Scope, report: ReadReport) -> ReadReport:
        """Read what came before our first event of a resource: what it takes back may stand in the books."""
        later, earlier = PRESUPPOSED[resource_type]
        before = self._client.calls
        named = self._store.inbox.subjects(
            self._name, scope.first_day, scope.last_day, only_new=scope.only_new, resource_type=resource_type,
            actions=later,
        )  # fmt: skip
        for ids in slices(list(named), SLICE):
            for key, story in self._store.inbox.story(self._name, ids).items():
                actions = [event["action"] for event in story]
                known_before = takewhile(lambda action: action not in later, actions)
                if {"created", *earlier}.isdisjoint(known_before):
                    self._drop(self._client.story(resource_type, key), report)
        report.calls += self._client.calls - before
        return report

    def _drop(self, events: Sequence[dict[str, Any]], report: ReadReport) -> None:
        new = self._store.inbox.drop_polled(self._name, events, day_of=self._day_of)
        report.counts["events that no webhook had brought"] += new

    # --- resources -------------------------------------------------------------------------------------------------

    def _refresh(self, resource_type: str, scope: Scope) -> ReadReport:
        """A full read has stored the resources with their events; else fetch those that new events name."""
        report = ReadReport(resource_type)
        before = self._client.calls
        if scope.only_new:
            self._fetch_new(resource_type, scope, report)
        for ids in slices(self._subjects(resource_type, scope), SLICE):
            self._fill(report, resource_type, ids)
            for body in self._store.entities.get(self._name, resource_type, ids).values():
                self._show(resource_type, body, report)
        report.calls = self._client.calls - before
        return report

    def _fetch_new(self, resource_type: str, scope: Scope, report: ReadReport) -> None:
        wanted = self._store.inbox.new_subjects(self._name, scope.first_day, scope.last_day, resource_type)
        plan = plan_fetch(
            wanted, lambda start, end: self._store.inbox.events_in_window(self._name, start, end, resource_type)
        )
        seen: set[str] = set()
        for start, end in plan.windows:
            seen.update(self._read_events(resource_type, READ_TYPES[resource_type], start, end, report))
        # A webhook may be quicker than the list of events.
        self._fetch_each(resource_type, [key for key in wanted if key not in seen], report)

    def _fill(self, report: ReadReport, resource_type: str, ids: Iterable[str | None]) -> ReadReport:
        """Fetch what the store does not hold yet: one by one when few, else by listing, newest first."""
        missing = self._store.entities.missing(self._name, resource_type, sorted({key for key in ids if key}))
        if len(missing) > FEW:
            missing = self._fill_by_listing(resource_type, missing, report)
        self._fetch_each(resource_type, missing, report)
        return report

    def _fill_by_listing(self, resource_type: str, missing: Sequence[str], report: ReadReport) -> list[str]:
        wanted = set(missing)
        pages_left = len(wanted)
        for page in self._client.list_pages(resource_type):
            self._keep(resource_type, page, report)
            wanted -= {body["id"] for body in page}
            pages_left -= 1
            if not wanted or pages_left <= len(wanted) // 2:
                break
        return sorted(wanted)

    def _fetch_each(self, resource_type: str, ids: Sequence[str], report: ReadReport) -> None:
        bodies = [self._client.get(resource_type, key) for key in ids]
        if bodies:
            self._keep(resource_type, bodies, report)

    def _fill_payers(self, report: ReadReport, mandate_ids: Collection[str | None]) -> None:
        """The mandates, and the customers who gave them."""
        wanted = sorted({key for key in mandate_ids if key})
        self._fill(report, "mandates", wanted)
        mandates = self._store.entities.get(self._name, "mandates", wanted)
        self._fill(report, "customers", (m["links"].get("customer") for m in mandates.values()))

    def _keep(self, resource_type: str, bodies: Sequence[dict[str, Any]], report: ReadReport) -> None:
        # Whether every event is known that a payout presupposes is told by GoCardless's clock: ours may be ahead of it.
        told_at = self._client.told_at if resource_type == "payouts" else None
        changes = self._store.entities.put(self._name, resource_type, bodies, day_of=self._day_of, told_at=told_at)
        report.counts[f"{resource_type} new"] += changes.new
        report.counts[f"{resource_type} changed"] += changes.changed

    def _show(self, resource_type: str, body: dict[str, Any], report: ReadReport) -> None:
        report.counts[f"{resource_type} of these days"] += 1
        if isinstance(amount := body.get("amount"), int) and "currency" in body:
            report.totals_minor[body["currency"]] += amount
        if len(report.sample) < 10:
            report.sample.append(
                {k: body[k] for k in ("id", "status", "amount", "currency", "created_at") if k in body}
            )

    # --- days and subjects -----------------------------------------------------------------------------------------

    def _subjects(self, resource_type: str, scope: Scope) -> list[str]:
        return list(days_subjects(self._store, self._name, resource_type, scope))

    def _links(self, resource_type: str, scope: Scope) -> list[dict[str, str]]:
        ids = self._subjects(resource_type, scope)
        return [body["links"] for body in self._store.entities.get(self._name, resource_type, ids).values()]

    def _window(self, first: date, last: date) -> tuple[datetime, datetime]:
        zone = self._settings.time_zone
        start = datetime.combine(first, datetime.min.time(), tzinfo=zone)
        end = datetime.combine(last + timedelta(days=1), datetime.min.time(), tzinfo=zone)
        return start.astimezone(UTC), end.astimezone(UTC)

    def _day_of(self, moment: datetime) -> date:
        return activity_day(moment, self._settings)


def _is_collected(body: dict[str, Any]) -> bool:
    return body["action"] in ("confirmed", "paid_out")
