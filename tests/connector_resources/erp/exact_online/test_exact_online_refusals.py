"""What Exact's refusals mean, in both languages that are known (exact_online.md section 6.2), and what follows from each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.erp.exact_online.refusals import is_duplicate, is_stale_balance, rejected

MEANINGS = {
    "The period is closed: 2026 / 3": "period_closed",
    "De periode is gesloten: 2026 / 3": "period_closed",
    "Invalid: Financial year (Period-date table)": "period_closed",
    "Not allowed: G/L account 4500 (blocked)": "account_refused",
    "Mandatory: Cost center": "account_refused",
    "Verplicht: Kostenplaats": "account_refused",
    "Invalid reference: VAT code": "vat_unknown",
    "Niet toegestaan: Btw-code": "vat_unknown",
    "The journal must be a cash journal.": "journal_refused",
    "Not allowed: Currency GBP in journal 23": "journal_refused",
    "Invalid reference: Currency GBP": "currency_unmapped",
    "Ongeldige referentie: Valuta GBP": "currency_unmapped",
    "Invalid: Customer (Type)": "customer_inactive",
    "Ongeldig: Klant (Type)": "customer_inactive",
    "Not allowed: Account 42 (blocked)": "customer_inactive",
    "This entry is not balanced on: 2026 / 11 (Type: Other) - Difference: EUR 1.000,00": "journal_unbalanced",
    "Reeds verwerkt": "changed_meanwhile",
    "Mandatory: Name": "refused",
    "The licence is not activated": "refused",
    "": "refused",
}


@pytest.mark.parametrize(("said", "code"), list(MEANINGS.items()))
def test_a_refusal_has_a_code_and_keeps_exacts_own_words(said: str, code: str) -> None:
    refusal = rejected(said, "Entry GCEV1")
    assert refusal.code == code
    assert "Entry GCEV1" in refusal.reason
    assert said in refusal.reason
    assert refusal.next_step.endswith(".")


@pytest.mark.parametrize(
    "said",
    ["Data already exists. Entry", "Bestaat al: Boeking", "In use: Entry number 1", "In gebruik: Boekstuknummer"],
)
def test_a_duplicate_may_be_our_own_earlier_try(said: str) -> None:
    assert is_duplicate(said)
    assert not is_stale_balance(said)


def test_a_balance_that_moved_is_no_refusal_for_a_person() -> None:
    said = "Opening balance plus all bank entry lines should be equal to the closing balance."
    assert is_stale_balance(said)
    assert not is_duplicate(said)


def test_a_mandate_that_was_removed_meanwhile_is_held(site: Any, given: SimpleNamespace) -> None:
    division = site.division
    account = division.account("42")["ID"]
    mandate = division.tables["DirectDebitMandates"].add(
        {"ID": division.new_id(), "Account": account, "BankAccount": division.new_id(), "Reference": "MD000123"}
    )
    item = given.mandate("cancelled")
    connector = site.connector()
    connector.prepare([item])
    division.tables["DirectDebitMandates"].remove(mandate["ID"])
    site.reuse(Unprepared(connector))
    site.post(item)
    assert site.held() == {"MD000123": "changed_meanwhile"}
    assert "not in Exact Online any more" in site.row(item).held_reason


def test_a_receivable_that_was_settled_meanwhile_needs_no_reference_any_more(site: Any, given: SimpleNamespace) -> None:
    division = site.division
    division.add_invoice(26700042, "42", 12_100)
    item = given.posting(
        given.kinds.INVOICE_STATUS, "PM000777", event="invoice:1", invoices=("26700042",),
        facts={"payment": "PM000777", "state": "in_flight"},
    )  # fmt: skip
    connector = site.connector(write_payment_reference=True)
    connector.prepare([item])
    for row in division.tables["Terms"].where("InvoiceNumber", 26700042):
        division.tables["Terms"].remove(row["ID"])
    site.reuse(Unprepared(connector))
    report = site.post(item)
    assert (report.stopped, site.held(), site.state(item)) == ("", {}, "posted")


class Unprepared:
    """A connector that has read before what it is asked to read first: the division changed in between."""

    def __init__(self, connector: Any) -> None:
        self._connector = connector
        self._has_read = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def prepare(self, postings: Any) -> None:
        if self._has_read:
            self._connector.prepare(postings)
        self._has_read = True
