"""`connector correct`: a receipt on the wrong customer, put right from the command line and shown wherever it is looked for."""

from __future__ import annotations

from datetime import date
from typing import Any

DAY = ("--day", "2026-06-03")


def _customer(shop: Any, number: str) -> str:
    return next(str(r["gocardless"]) for r in shop.json("customers", "list", "nordic") if r["erp_customer"] == number)


def _receipt(shop: Any, customer: str) -> Any:
    store = shop.store
    rows = [
        row
        for row in store.ledger.of_day("nordic", date(2026, 6, 1), date(2026, 6, 30))
        if row.posting.kind == "receipt"
    ]
    return next(r for r in rows if r.posting.party.gocardless_customer == customer and r.state == "posted")


def _balance(shop: Any, number: str) -> int:
    company = shop.installation.erp.company
    with company.lock:
        return int(company.books.receivables().get("EUR", {}).get(number, 0))


def test_a_correction_is_a_reversal_and_a_new_receipt_that_the_next_run_sends(shop: Any) -> None:
    shop.ok("run", "nordic", *DAY)
    customer = _customer(shop, "10001")
    receipt = _receipt(shop, customer)
    amount = receipt.posting.activity_amount.minor
    before = (_balance(shop, "10001"), _balance(shop, "10002"), shop.books()["EUR"]["1985"])
    assert "nothing would change" in shop.fails("correct", "nordic", receipt.posting.key, "--note", "wrong payer")
    shop.ok("customers", "link", "nordic", customer, "10002", "--replace", "--note", "wrong payer")

    said = shop.ok("correct", "nordic", receipt.posting.key, "--note", "wrong payer")

    event = receipt.posting.event_id
    assert f"{event}-R1:receipt_reversal takes {event}:receipt back" in said
    assert "was taken back already" in shop.fails("correct", "nordic", receipt.posting.key, "--note", "once more")
    shop.ok("run", "nordic", *DAY)
    after = (_balance(shop, "10001"), _balance(shop, "10002"), shop.books()["EUR"]["1985"])
    assert after == (before[0] + amount, before[1] - amount, before[2])
    shop.ok("run", "nordic", *DAY)
    assert (_balance(shop, "10001"), _balance(shop, "10002"), shop.books()["EUR"]["1985"]) == after

    (traced,) = shop.json("trace", receipt.posting.subject)
    states = {posting["key"]: posting["state"] for posting in traced["postings"]}
    assert states == dict.fromkeys(
        (f"{event}:receipt", f"{event}-R1:receipt_reversal", f"{event}-C1:receipt"), "posted"
    )
    (corrected,) = [row for row in traced["trail"] if row["kind"] == "corrected"]
    assert corrected["subject"] == receipt.posting.subject
    assert shop.json("trail", "verify")["nordic"]["ok"]


def test_what_is_held_or_unknown_is_not_corrected_and_a_note_is_asked_for(shop: Any) -> None:
    shop.ok("run", "nordic", *DAY)
    held = shop.held()[0]

    assert "is held, so nothing is booked" in shop.fails("correct", "nordic", held, "--note", "wrong payer")
    assert "is not known" in shop.fails("correct", "nordic", "EV0:receipt", "--note", "wrong payer")
    assert shop.run("correct", "nordic", held).exit_code == 2
