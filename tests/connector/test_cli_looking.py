"""Commands that only look: what they print for people and for programs after a day has been run."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from openpyxl import load_workbook

from connector.cli import COMMANDS
from connector_resources.reports.catalogue import REPORTS
from connector_resources.store.deliveries import Delivery
from tests.evenings import DAY

DAYS = (DAY, DAY)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(ran: Any, command: str) -> None:
    assert command in ran.ok("--help")
    assert "Usage: " in ran.ok(command, "--help")


def test_connections_lists_them(ran: Any) -> None:
    assert ran.json("connections") == [
        {
            "name": "nordic",
            "erp": "visma",
            "environment": "sandbox",
            "time_zone": "Europe/Oslo",
            "cut_over": "2026-06-01",
        }
    ]
    assert "nordic" in ran.ok("connections")


def test_credentials_lists_names_and_never_values(ran: Any) -> None:
    rows = {row["name"]: row for row in ran.json("credentials", "list", "nordic")}

    assert set(rows) == {
        "gocardless_access_token",
        "gocardless_webhook_secret",
        "client_id",
        "client_secret",
        "visma_webhook_secret",
        "visma_webhook_secret_next",
    }
    assert [name for name, row in rows.items() if not row["stored"]] == [
        "visma_webhook_secret",
        "visma_webhook_secret_next",
    ]
    for text in (ran.ok("credentials", "list"), ran.ok("credentials", "list", "nordic", "--json")):
        assert "sandbox-secret" not in text
        assert "sandbox_read_write" not in text


def test_status_names_a_webhook_that_cannot_be_taken_apart(ran: Any) -> None:
    store = ran.installation.runtime.store
    store.deliveries.keep([Delivery("nordic", b'{"events": []}', "WBbroken", 0, "Mars/Olympus")])

    assert "webhook WBbroken (delivery " in ran.ok("status", "nordic")
    assert len(ran.json("status", "nordic")[0]["unreadable_webhooks"]) == 1
    with store.begin() as transaction:
        transaction.exec_driver_sql("UPDATE inbox_deliveries SET time_zone = 'Europe/Oslo'")
    store.deliveries.take(again=True)
    assert ran.json("status", "nordic")[0]["unreadable_webhooks"] == []


def test_ping_checks_both_sides(ran: Any) -> None:
    lines = ran.json("ping", "nordic")["nordic"]
    assert [line for line in lines if not line["ok"]] == []
    assert any(line["what"] == "GoCardless answers" for line in lines)
    assert "✓" in ran.ok("ping")


def test_status_counts_what_is_posted_and_held(ran: Any) -> None:
    (row,) = ran.json("status", "nordic")

    assert row["held"] == 2
    assert row["waiting_events"] == row["events_before_cut_over"] == row["open_submissions"] == 0
    assert ["receipt", "posted", 4] in row["postings"]
    assert ["payout", "posted", 1] in row["postings"]
    assert "held postings: 2" in ran.ok("status")


def test_held_says_why_and_what_to_do(ran: Any) -> None:
    rows = ran.json("held", "nordic")

    assert len(rows) == 2
    assert {row["code"] for row in rows} == {"customer_unmapped"}
    assert all(row["reason"] and row["next_step"] and row["subject"].startswith("PM") for row in rows)
    assert rows[0]["amount"] in ran.ok("held")


def test_customers_shows_links_and_who_is_open(ran: Any) -> None:
    rows = ran.json("customers", "list", "nordic")
    assert sorted(str(row["erp_customer"]) for row in rows) == ["10001", "10002", "None"]
    (only,) = ran.json("customers", "list", "nordic", "--open")
    assert only["name"] == "Load Customer 3"


def _payment(ran: Any) -> Any:
    return next(
        row for row in ran.store.ledger.of_day("nordic", *DAYS) if row.posting.kind == "receipt" and row.documents
    )


def _one(ran: Any, identifier: str) -> Any:
    (found,) = ran.json("trace", identifier)
    return found


def test_trace_follows_a_payment_from_event_to_document(ran: Any) -> None:
    row = _payment(ran)
    found = _one(ran, row.posting.subject)

    assert found["events"][0]["event_id"] == row.posting.event_id
    assert found["events"][0]["came_by"] == "poll"
    assert found["events"][0]["decision"].startswith("posted")
    assert [p["key"] for p in found["postings"]] == [row.posting.key]
    assert row.documents[0].document.number in found["postings"][0]["documents"][0]
    assert all(re.fullmatch("[0-9a-f]{64}", s["sha256"]) for s in found["submissions"])
    assert {"planned", "posted"} <= {t["kind"] for t in found["trail"]}


def test_trace_finds_the_same_by_event_posting_key_document_and_reference(ran: Any) -> None:
    row = _payment(ran)
    posting = row.posting
    number = row.documents[0].document.number
    for identifier in (posting.event_id, posting.key, posting.reference):
        found = _one(ran, identifier)
        assert [p["key"] for p in found["postings"]] == [posting.key], identifier
        assert found["events"][0]["decision"].startswith("posted"), identifier
    by_number = _one(ran, number)
    assert posting.key in [p["key"] for p in by_number["postings"]]


def test_trace_follows_a_payout(ran: Any) -> None:
    payout = next(iter(ran.installation.world.payouts)).id
    found = _one(ran, payout)
    assert [p["state"] for p in found["postings"]] == ["posted"]
    assert payout in ran.ok("trace", payout, "--connection", "nordic")


def test_trace_of_something_unknown_says_so(ran: Any) -> None:
    assert "nothing is known of 'PM0NOBODY'" in ran.fails("trace", "PM0NOBODY")


def test_the_trail_verifies_and_its_head_is_an_anchor(ran: Any) -> None:
    head = ran.json("trail", "head", "nordic")
    report = ran.json("trail", "verify", "nordic", "--anchor", f"{head['row']}:{head['hash']}")

    assert report["nordic"]["ok"]
    assert report["nordic"]["rows"] == head["row"]
    assert ran.ok("trail", "head", "nordic").strip() == f"{head['row']}:{head['hash']}"
    assert "verified" in ran.ok("trail", "verify")


def test_an_anchor_that_is_not_in_the_chain_fails(ran: Any) -> None:
    assert ran.run("trail", "verify", "nordic", "--anchor", "9:" + "f" * 64).exit_code == 1
    assert "name the connection" in ran.fails("trail", "verify", "--anchor", "9:abc")


def test_the_report_is_written_as_html_and_workbook(ran: Any) -> None:
    written = ran.json("report", "nordic", "--month", "2026-06")

    assert (written["report"], written["period"]) == ("reconciliation", "June 2026")
    assert {"label": "payouts proven to the penny", "value": "1 / 1"} in written["headlines"]
    book = load_workbook(written["xlsx"])
    rows = list(book["Payouts"].iter_rows(min_row=2, values_only=True))
    payout = next(iter(ran.installation.world.payouts))
    assert Decimal(str(rows[0][6])) == Decimal(payout.body["amount"]).scaleb(-2)
    assert payout.id in open(written["html"], encoding="utf-8").read()  # noqa: SIM115
    shown = ran.ok("report", "nordic", "--month", "2026-06")
    assert "payouts proven to the penny" in shown
    assert written["html"] in shown


def test_all_reports_are_written_at_once(ran: Any) -> None:
    written = {each["report"]: each for each in ran.json("report", "nordic", "all", "--month", "2026-06")}
    assert set(written) == set(REPORTS)
    for name, each in written.items():
        assert Path(each["html"]).name.startswith(f"{name}-nordic")
        assert Path(each["xlsx"]).exists()


def test_one_payout_has_a_report_of_its_own(ran: Any) -> None:
    payout = next(iter(ran.installation.world.payouts))
    written = ran.json("report", "nordic", "payout", payout.id)
    assert Path(written["html"]).name == f"payout-nordic-{payout.id}.html"
    assert {"label": "state", "value": "proven and booked"} in written["headlines"]
    assert "is not known" in ran.fails("report", "nordic", "payout", "PO0UNKNOWN")
    assert ran.run("report", "nordic", "payout").exit_code == 2
    assert ran.run("report", "nordic", "fees", payout.id).exit_code == 2


def test_a_report_that_there_is_not_is_answered_with_those_there_are(ran: Any) -> None:
    answer = ran.run("report", "nordic", "profit")
    assert answer.exit_code == 2
    assert "work-list" in answer.output + answer.stderr


def test_a_month_that_is_none_is_a_usage_error(ran: Any) -> None:
    assert ran.run("report", "nordic", "--month", "June").exit_code == 2


def test_running_the_day_again_changes_nothing(ran: Any) -> None:
    before = ran.books()
    assert "Nothing changed" in ran.ok("run", "nordic", "--day", "2026-06-03")
    assert "Nothing changed" in ran.ok("run", "nordic", "--day", "2026-06-02", "--to", "2026-06-03", "--new-only")
    assert ran.books() == before


def test_no_command_ever_prints_a_secret(ran: Any) -> None:
    payment = _payment(ran).posting.subject
    for arguments in (
        ("plan", "nordic", "--day", "2026-06-03", "--requests"),
        ("trace", payment, "--json"),
        ("status", "--json"),
        ("ping", "--json"),
    ):
        text = ran.run(*arguments).output
        assert "sandbox_read_write" not in text
        assert "sandbox-secret" not in text


def test_the_receiver_serves_the_home_it_is_started_in(ran: Any, serving: Any) -> None:
    with serving(ran.home) as address:
        assert requests.get(f"{address}/health", timeout=5).json()["ok"] is True
        assert requests.post(f"{address}/webhooks/gocardless/nordic", data=b"{}", timeout=5).status_code == 401
