"""Customers whose number we handed out: what is booked on them waits until their own posting is settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bookkeeping.postings import PostingKind
from connector_resources.erp.contract import Complete, Hold
from connector_resources.posting import next_work as module
from connector_resources.posting.next_work import next_work
from connector_resources.store.ledger_reading import WaitingOn
from connector_resources.store.new_customers import NewCustomer

ALL = list(PostingKind)


class Office:
    """Receipts of customers, and the postings that tell the ERP of these."""

    def __init__(self, store: Any, books: Any, make: Any) -> None:
        self.store, self.books, self.make = store, books, make

    def link(self, number: int, method: str = "allocated") -> None:
        self.store.customers.put("acme", f"CU{number}", str(10_000 + number), method)

    def tell(self, number: int, key: str = "") -> str:
        """Key of a pending posting that makes customer `number` known; dated after every receipt."""
        key = key or f"customer:CU{number}"
        posting = self.make.posting(
            number, key=key, kind=PostingKind.CUSTOMER, event_id=key, subject=f"CU{number}", reference=f"GC{key}",
            lines=(), invoices=(), booking_date=self.make.day + timedelta(days=1),
        )  # fmt: skip
        self.store.ledger.plan("acme", [posting])
        return key

    def receive(self, *numbers: int) -> None:
        self.store.ledger.plan("acme", [self.make.posting(number) for number in numbers])

    def bring(self, key: str, state: str) -> None:
        """Move a pending posting to `state`."""
        ledger = self.store.ledger
        posting = ledger.get("acme", key).posting
        if state in ("held", "withdrawn"):
            ledger.hold("acme", [Hold(key, "refused", "no", "look")])
        if state == "withdrawn":
            ledger.withdraw("acme", [key], by="ada", note="made by hand")
        if state in ("claimed", "delivered"):
            (submission_id,) = self.books.claim(self.make.planned(posting, step=key))
            if state == "delivered":
                self.books.settle(submission_id, "posted")
                ledger.complete("acme", [Complete(key)], settled_state="delivered")

    def work(self, limit: int = 10, **more: Any) -> list[str]:
        return [item.posting.key for item in next_work(self.store, "acme", ALL, limit=limit, **more)]


@pytest.fixture
def office(store: Any, books: Any, make: Any) -> Office:
    return Office(store, books, make)


def test_bookings_wait_while_their_customer_can_be_sent_and_so_does_every_other_booking(office: Office) -> None:
    office.link(1)
    key = office.tell(1)
    office.receive(1, 2)

    assert office.work() == [key]

    office.bring(key, "delivered")
    assert office.work() == ["EV1:receipt", "EV2:receipt"]
    (first, _) = next_work(office.store, "acme", ALL, limit=10)
    assert first.posting.party is not None
    assert first.posting.party.erp_customer == "10001"


@pytest.mark.parametrize("state", ["claimed", "held"])
def test_nobody_else_waits_for_a_customer_that_cannot_be_sent_now(office: Office, state: str) -> None:
    office.link(1)
    key = office.tell(1)
    office.receive(1, 2)
    office.bring(key, state)

    assert office.work() == ["EV2:receipt"]
    assert office.store.ledger.new_customers("acme", ["CU1", "CU2"]) == {"CU1": NewCustomer(key, state)}
    (waiting,) = office.store.ledger.waiting_on("acme")
    assert waiting == WaitingOn("EV1:receipt", "receipt", "PM1", key, state)
    assert key in waiting.reason
    assert waiting.waits_for_a_person == (state == "held")
    assert (f"`connector held` says of {key}" in waiting.next_step) == (state == "held")


@pytest.mark.parametrize("state", ["delivered", "withdrawn"])
def test_bookings_go_once_the_customer_is_there_or_a_person_says_so(office: Office, state: str) -> None:
    office.link(1)
    office.bring(office.tell(1), state)
    office.receive(1)

    assert office.work() == ["EV1:receipt"]
    assert office.store.ledger.waiting_on("acme") == []


@pytest.mark.parametrize("method", ["email", "by hand", "by_hand"])
def test_a_customer_that_was_matched_or_linked_by_a_person_is_in_the_erp_already(office: Office, method: str) -> None:
    office.link(1, method)
    office.bring(office.tell(1), "held")
    office.receive(1)

    assert office.work() == ["EV1:receipt"]


def test_bookings_of_customers_from_before_the_cut_over_and_of_nobody_go(office: Office) -> None:
    office.link(1)
    office.receive(1, 2)
    office.store.ledger.plan("acme", [office.make.posting(3, party=None, lines=())])

    assert office.work() == ["EV1:receipt", "EV2:receipt", "EV3:receipt"]


def test_once_there_a_customer_whose_change_is_held_holds_up_nothing(office: Office) -> None:
    office.link(1)
    office.bring(office.tell(1), "delivered")
    office.bring(office.tell(1, "customer:CU1:changed"), "held")
    office.receive(1)

    assert office.work() == ["EV1:receipt"]


def test_a_customer_whose_newer_posting_is_on_its_way_waits_for_nobody(office: Office) -> None:
    office.link(1)
    office.bring(office.tell(1), "held")
    newer = office.tell(1, "customer:CU1:newer")
    office.receive(1)

    assert office.store.ledger.new_customers("acme", ["CU1"]) == {"CU1": NewCustomer(newer, "pending")}
    assert office.work() == [newer]


def test_a_posting_waits_for_every_customer_it_books_on(office: Office) -> None:
    for number in (1, 2):
        office.link(number)
    office.bring(office.tell(1), "delivered")
    office.bring(office.tell(2), "held")
    one, two = office.make.posting(1), office.make.posting(2)
    shared = replace(one, lines=(*one.lines, *two.lines))
    office.store.ledger.plan("acme", [shared])

    assert office.work() == []
    assert [each.reverses for each in office.store.ledger.waiting_on("acme")] == ["customer:CU2"]


def test_looking_ahead_counts_who_is_on_the_way_and_never_who_is_held(office: Office) -> None:
    for number in (1, 2):
        office.link(number)
    first = office.tell(1)
    office.bring(office.tell(2), "held")
    office.receive(1, 2)

    assert office.work(looking_ahead=True) == ["EV1:receipt", first]


def test_what_waits_does_not_keep_the_rest_from_being_seen(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    numbers = range(1, 8)
    for number in numbers[:-1]:
        office.link(number)
        office.bring(office.tell(number), "held")
    office.receive(*numbers)

    assert office.work(limit=1) == ["EV7:receipt"]
    assert office.work(limit=3) == ["EV7:receipt"]
    assert len(office.store.ledger.waiting_on("acme")) == 6


def test_a_customer_far_behind_the_bookings_that_wait_for_it_is_sent(office: Office) -> None:
    office.link(1)
    key = office.tell(1)
    office.store.ledger.plan("acme", [office.make.posting(n, party=office.make.posting(1).party) for n in range(1, 6)])

    assert office.work(limit=2) == [key]


def test_one_who_is_linked_between_two_looks_is_not_overlooked(office: Office) -> None:
    """A number and the posting that makes it known are one commit; it may come after the bookings were read."""
    office.receive(1)

    def links() -> None:
        office.link(1)
        office.tell(1)

    meanwhile = MeanwhileStore(office.store, links)
    assert [item.posting.key for item in next_work(meanwhile, "acme", ALL, limit=10)] == []  # type: ignore[arg-type]


class MeanwhileStore:
    """A store in which another process does something right after the ledger was read for the first time."""

    def __init__(self, store: Any, act: Callable[[], None]) -> None:
        self._of = store
        self.ledger = MeanwhileLedger(store.ledger, act)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)


class MeanwhileLedger:
    def __init__(self, ledger: Any, act: Callable[[], None]) -> None:
        self._of, self._act = ledger, act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)

    def next_work(self, *arguments: Any, **named: Any) -> Any:
        found = self._of.next_work(*arguments, **named)
        self._act()
        return found
