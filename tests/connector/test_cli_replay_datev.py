"""`connector replay` for DATEV: one posting, all that failed, and a whole day, without a row reaching the adviser twice.

Also what a person sees and does when the file of debtors was refused, and the bookings wait for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_resources.posting.planning import Scope
from connector_resources.proofs.proofs import nothing_unposted
from connector_resources.reports.work_list import work_list
from tests.evenings import DAY
from tests.sites import LAST, Site, datev_site

UPLOAD = r"/extf-files/import$"
REFUSED = {
    "type": "https://apps.datev.de/help-center/documents/1008834",
    "title": "Fehler",
    "detail": "Der Auftrag wurde mit 1008834 abgelehnt.",
}


def refuse(site: Site, name: str) -> None:
    """DATEV refuses the next file whose header says `name`."""
    site.break_next("error_before", UPLOAD, status=400, body=json.dumps(REFUSED), containing=name)


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Site]:
    """Two receipts in one file, which DATEV has refused; that of their debtors it took."""
    with datev_site(tmp_path / "home") as site:
        site.merchant.collected(10_000, customer=1)
        site.merchant.collected(20_000, customer=2)
        refuse(site, "Buchungsstapel")
        site.run()
        site.at.erp.faults.clear()
        yield site


def test_one_posting_all_that_failed_and_a_day_are_replayed_to_a_delivery_each(refused: Site, terminal: Any) -> None:
    keys = sorted(row.posting.key for row in refused.at.runtime.store.ledger.held("kanzlei"))
    assert len(keys) == 2
    assert set(refused.held().values()) == {"1008834"}

    one = terminal.ok("replay", "kanzlei", "--posting", keys[0])
    assert "1 of 1 replayed postings are settled" in one
    assert "is delivered, so there is nothing to replay" in terminal.fails("replay", "kanzlei", "--posting", keys[0])
    rest = terminal.ok("replay", "kanzlei", "--failed")
    assert "1 of 1 replayed postings are settled" in rest
    assert "nothing is held" in terminal.ok("replay", "kanzlei", "--failed")

    documents, uploads = refused.documents(), [path for _, path in refused.writes() if path.endswith("/import")]
    assert (refused.unfinished(), refused.clearing()) == ({}, 30_000)
    assert max(documents.values()) == 1
    assert "were read again" in terminal.ok("replay", "kanzlei", "--day", "2026-06-03")
    assert refused.documents() == documents
    assert [path for _, path in refused.writes() if path.endswith("/import")] == uploads
    assert refused.trail_is_whole()


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[Site]:
    """Receipts of two new customers, whose file of debtors DATEV has refused, and of one whom it knows."""
    with datev_site(tmp_path / "home") as site:
        site.merchant.collected(5_000, customer=3)
        site.run()
        site.merchant.collected(10_000, customer=1)
        site.merchant.collected(20_000, customer=2)
        site.merchant.collected(7_000, customer=3)
        refuse(site, "Debitoren")
        site.run()
        site.at.erp.faults.clear()
        yield site


def waiting_receipts(site: Site) -> dict[str, str]:
    """Payment -> key of the held posting of its customer."""
    waiting = site.at.runtime.store.ledger.waiting_on("kanzlei")
    assert {(each.kind, each.reversed_state) for each in waiting} == {("receipt", "held")}
    return {each.subject: each.reverses for each in waiting}


def categories(site: Site) -> list[int]:
    """What the files held that DATEV took, in the order of their arrival: 16 debtors, 21 bookings."""
    return [record.category for record in site.books().files]


def test_bookings_of_a_debtor_who_is_held_say_so_wherever_one_looks(strangers: Site, terminal: Any) -> None:
    waiting = waiting_receipts(strangers)
    held = {row["posting"]: row for row in terminal.json("held", "kanzlei")}
    assert sorted(held) == sorted(waiting.values())
    assert {row["code"] for row in held.values()} == {"1008834"}
    assert (categories(strangers), strangers.clearing()) == ([16, 21, 21], 12_000)

    (status,) = terminal.json("status", "kanzlei")
    assert status["waiting_for_held"] == dict.fromkeys(held, 1)
    printed = terminal.ok("status", "kanzlei")
    planned = terminal.json("plan", "kanzlei", "--day", "2026-06-03")
    scope = Scope(DAY, LAST, only_new=False)
    at = strangers.at
    unposted = {row.subject: row for row in nothing_unposted(at.runtime, at.connection, scope).rows}
    for payment, key in waiting.items():
        assert f"waiting for {key}, which is held: 1; `connector held` says what to do" in printed
        (traced,) = terminal.json("trace", payment)
        (posting,) = traced["postings"]
        assert (posting["state"], f"`connector held` says of {key}" in posting["held_reason"]) == ("pending", True)
        assert f"receipt {payment} waits for posting {key}, which is held." in planned["waiting"]
        found = unposted[posting["key"]]
        assert key in found.message
        assert key in found.next_step
    assert planned["requests"] == []
    listed = work_list(at.runtime.store, at.connection, at.runtime.clock())
    (table,) = listed.sections[-1].tables
    shown = [cell for row in table.rows for cell in row if isinstance(cell, str)]
    for key, row in held.items():
        assert f"posting {key}, which is held: {row['next_step']}" in shown


def test_once_the_debtors_are_replayed_their_bookings_follow_in_one_file(strangers: Site, terminal: Any) -> None:
    assert "2 of 2 replayed postings are settled" in terminal.ok("replay", "kanzlei", "--failed")

    assert (strangers.unfinished(), strangers.clearing()) == ({}, 42_000)
    assert categories(strangers) == [16, 21, 21, 16, 21]
    assert max(strangers.documents().values()) == 1
    (status,) = terminal.json("status", "kanzlei")
    assert status["waiting_for_held"] == {}
    assert strangers.trail_is_whole()


def test_the_bookings_go_when_a_person_has_made_the_debtors_and_withdraws_their_postings(
    strangers: Site, terminal: Any
) -> None:
    waiting = waiting_receipts(strangers)
    strangers.at.erp.datacentre.seed_personal_accounts("455148-1", {"10001": "One", "10002": "Two"})

    terminal.ok("withdraw", "kanzlei", *waiting.values(), "--note", "the adviser has made them")
    strangers.run()

    assert (strangers.unfinished(), strangers.clearing()) == ({}, 42_000)
    assert categories(strangers) == [16, 21, 21, 21]
