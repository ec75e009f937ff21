"""A merchant whose recurring charges are followed: GoCardless over real HTTP, judged by GoCardless's own books.

Visma is said to have recurring charges; what it would show of them is put into the store as the reading asset does it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bookkeeping.money import Money
from bookkeeping.recurring_charges import IntervalUnit, RecurringCharge
from connector_resources.erp.registry import ERPS
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.subscriptions import SubscriptionRow
from connector_resources.subscriptions.run import SubscriptionReport, subscribe
from sandbox.faults import Fault
from sandbox.gocardless.records import Record
from tests.evenings import DAY, MORNING, evening_world
from tests.merchant import Merchant
from tests.sites import Site, visma_site

#: far enough ahead that every mandate can be charged then.
FIRST = date(2026, 7, 1)


def charge(number: str = "RC1", *, customer: int = 1, **fields: Any) -> RecurringCharge:
    values: dict[str, Any] = {
        "amount": Money(2_000, "EUR"), "interval_unit": IntervalUnit.MONTHLY, "interval": 1, "starts_on": FIRST,
        "day_of_month": 1, "description": "Hosting",
    }  # fmt: skip
    return RecurringCharge(number, str(10_000 + customer), **{**values, **fields})


@dataclass(slots=True)
class Desk:
    """A site whose ERP has these recurring charges."""

    site: Site
    charges: dict[str, RecurringCharge] = field(default_factory=dict)

    @property
    def world(self) -> Any:
        return self.site.merchant.world

    @property
    def store(self) -> Any:
        return self.site.at.runtime.store

    def bill(self, number: str = "RC1", **fields: Any) -> None:
        """The ERP has this charge now, in place of an earlier one of the number."""
        self.charges[number] = charge(number, **fields)

    def read(self) -> None:
        self.store.recurring_charges.put_snapshot(self.site.name, self.charges.values())

    def subscribe(self) -> SubscriptionReport:
        return subscribe(self.site.at.runtime, self.site.at.connection)

    def run(self) -> SubscriptionReport:
        """What the day job does, a minute later: events, receipts, charges, subscriptions."""
        self.site.merchant.tick()
        report = self.site.run_new()
        assert report.stopped == "", report.stopped
        self.read()
        return self.subscribe()

    def run_once_without_recovery(self) -> None:
        """A run that is cut off before it looks up what was not answered."""
        self.break_next("drop_before", method="GET", times=9)
        self.run()
        self.site.at.gocardless.faults.queued.clear()

    def moments(self, *actions: str) -> list[datetime]:
        """When GoCardless recorded the last event of each action on a subscription."""
        events = [event for event in self.site.events() if event["resource_type"] == "subscriptions"]
        stamps = {event["action"]: datetime.fromisoformat(event["created_at"]) for event in events}
        return [stamps[action] for action in actions]

    def left(self, report: SubscriptionReport) -> dict[str, str]:
        return {each.charge: each.code for each in report.left}

    def subscriptions(self) -> list[Record]:
        """GoCardless's subscriptions, in the order in which they were made."""
        with self.world.lock:
            return list(self.world.subscriptions.ordered)

    def statuses(self) -> dict[str, str]:
        """Our reference -> GoCardless's status."""
        found = {each.body["metadata"]["mlc_ref"]: each.status for each in self.subscriptions()}
        assert len(found) == len(self.subscriptions()), "two subscriptions carry the same reference"
        return found

    def writes(self) -> list[tuple[str, str]]:
        """GoCardless requests so far that were no reads."""
        return [(method, path) for method, path in self.site.at.gocardless.faults.requests if method != "GET"]

    def break_next(self, kind: str, path: str = "/subscriptions", method: str = "POST|PUT", **details: Any) -> None:
        self.site.at.gocardless.faults.add(Fault(kind, method=method, path=path, **details))

    def refuse_next(self, method: str) -> None:
        """GoCardless does not accept a value of the next request."""
        body = '{"error": {"type": "validation_failed", "code": 422, "message": "Validation failed", "errors": []}}'
        self.break_next("error_before", method=method, status=422, body=body)

    def rows(self) -> dict[str, SubscriptionRow]:
        return {row.reference: row for row in self.store.subscriptions.all(self.site.name)}

    def states(self) -> dict[str, str]:
        return {reference: row.state.value for reference, row in self.rows().items()}

    def charge_next(self, reference: str = "RC1#1") -> Record:
        """GoCardless makes the next payment of a subscription."""
        (found,) = [each for each in self.subscriptions() if each.body["metadata"]["mlc_ref"] == reference]
        with self.world.lock:
            payment = self.world.subscription_states.charge(found)
        assert payment is not None, reference
        self.site.merchant.tick()
        return payment

    def act(self, action: str, reference: str = "RC1#1", *details: Any) -> None:
        """Somebody does this to a subscription in GoCardless."""
        (found,) = [each for each in self.subscriptions() if each.body["metadata"]["mlc_ref"] == reference]
        with self.world.lock:
            getattr(self.world.subscription_states, action)(found, *details)
        self.site.merchant.tick()

    def ledger(self, kind: str) -> list[LedgerRow]:
        rows = self.store.ledger.of_day(self.site.name, date.min, date.max)
        return [row for row in rows if row.posting.kind.value == kind]

    def days_later(self, days: int) -> None:
        self.site.merchant.tick(timedelta(days=days))


OpenDesk = Callable[..., contextlib.AbstractContextManager[Desk]]


@pytest.fixture
def open_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenDesk:
    """Opens a desk with these settings of the section `subscriptions`, and of other sections."""
    visma = ERPS["visma"]
    subscribing = dataclasses.replace(visma, traits=dataclasses.replace(visma.traits, subscribes=True, collects=True))
    monkeypatch.setitem(ERPS, "visma", subscribing)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def opened(*, sections: dict[str, Any] | None = None, **subscriptions: Any) -> Iterator[Desk]:
        settings = {"enabled": True, **subscriptions}
        merchant = Merchant(evening_world(MORNING))
        with visma_site(tmp_path, merchant=merchant, subscriptions=settings, **(sections or {})) as site:
            yield Desk(site)

    return opened


@pytest.fixture
def desk(open_desk: OpenDesk) -> Iterator[Desk]:
    with open_desk() as opened:
        opened.site.merchant.mandate(1)
        yield opened


__all__ = ["DAY", "FIRST", "Desk", "OpenDesk", "charge"]
