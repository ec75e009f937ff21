"""A payment file that nobody approves becomes a person's after a while, and is booked once whatever that person does."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

FILES = {"settlement": "camt_file"}


def waiting(site: Any, given: SimpleNamespace, far: str = "transferred") -> tuple[Any, Any]:
    """Two receipts in a file whose payment is not approved."""
    site.tenant.switches.change({"external_payments": far})
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    site.tenant.add_invoice("10", "C1", 5_000, invoice_no="10002")
    first = given.receipt(invoice="10:CI-10001")
    second = given.receipt("PM000124", 5_000, invoice="10:CI-10002", event="EV00002")
    site.changes = FILES
    site.post(first, second)
    assert site.states() == {"claimed": 2}
    return first, second


def overdue(site: Any, hours: int = 73) -> None:
    site.tenant.clock.advance(timedelta(hours=hours))
    site.post()


def loads(site: Any) -> int:
    return len(site.tenant.table("ExtFileLoad"))


@pytest.mark.parametrize("far", ["transferred", "loaded"])
def test_a_file_that_stays_unapproved_is_held_with_what_to_do(site: Any, given: SimpleNamespace, far: str) -> None:
    waiting(site, given, far)
    overdue(site, 71)
    assert site.states() == {"claimed": 2}
    overdue(site, 2)
    assert site.held() == dict.fromkeys(("PM000123", "PM000124"), "cannot_tell")
    (row, *_) = site.store.ledger.held(given.CONNECTION)
    for words in (" of GC_10_2026-03-04_", "not approved in 72 hours", "Approve the payment", "release"):
        assert words in row.held_next_step
    assert loads(site) == 1


def test_the_time_is_a_setting(site: Any, given: SimpleNamespace) -> None:
    waiting(site, given)
    site.changes = {**FILES, "approval_hours": 8}
    overdue(site, 7)
    assert site.states() == {"claimed": 2}
    overdue(site, 2)
    assert site.states() == {"held": 2}


def test_released_after_the_approval_it_is_settled_and_not_sent_again(site: Any, given: SimpleNamespace) -> None:
    first, _ = waiting(site, given)
    overdue(site)
    site.tenant.clerk.approve_payments("10")
    site.store.ledger.release(given.CONNECTION, [first.key], by="Ada", note="approved it")
    site.post()
    assert site.states() == {"posted": 1, "held": 1}, "the other one waits for its own release"
    site.release()
    site.post()
    assert site.states() == {"posted": 2}, site.reasons()
    assert (site.owed("10", "10001").minor, site.owed("10", "10002").minor) == (0, 0)
    assert (loads(site), site.balance("10", "1940", "EUR")) == (1, 17_100)


def test_released_without_an_approval_it_is_held_again_and_not_sent_again(site: Any, given: SimpleNamespace) -> None:
    waiting(site, given)
    overdue(site)
    site.release()
    site.post()
    assert site.states() == {"held": 2}
    assert (loads(site), site.balance("10", "1940", "EUR")) == (1, 0)


@pytest.mark.parametrize("together", [True, False])
def test_released_after_the_load_was_removed_the_receipts_are_sent_again(
    site: Any, given: SimpleNamespace, together: bool
) -> None:
    first, _ = waiting(site, given, "loaded")
    overdue(site)
    table = site.tenant.table("ExtFileLoad")
    (load,) = table
    table.change(load, State="Removed")
    site.tenant.switches.change({"external_payments": "approved"})
    if not together:
        site.store.ledger.release(given.CONNECTION, [first.key], by="Ada", note="removed the load")
        site.post()
    site.release()
    site.post()
    assert site.states() == {"posted": 2}, site.reasons()
    assert site.balance("10", "1940", "EUR") == 17_100
