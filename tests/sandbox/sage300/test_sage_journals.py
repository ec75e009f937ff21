"""Journal batches and bank entries: accounts, balance, control accounts, currencies, periods, and posting."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

JOURNALS = "GL/GLJournalBatches"
TRANSACTIONS = "GL/GLPostedTransactions"
PAYOUT = (("1020", "985.00"), ("6115", "12.50"), ("2150", "2.50"), ("1100", "-1000.00"))


def header(batch: dict[str, Any]) -> dict[str, Any]:
    return dict(batch["JournalHeaders"][0])


def bank_entry(**changes: Any) -> dict[str, Any]:
    return {
        "BankCode": "MAIN",
        "BankEntryDate": "2026-11-17",
        "BankEntryType": "Deposits",
        "EntryDescription": "GC PAYOUT PO1",
        "BankEntryDetail": [{"LineNumber": 1, "DistributionCode": "", "SourceAmount": 985, "GLAccount": "1099"}],
        **changes,
    }


def test_numbers_are_padded_strings_and_totals_are_computed(api: Any) -> None:
    made = api.created(JOURNALS, api.journal(*PAYOUT))
    entry = header(made)
    assert (made["BatchNumber"], entry["EntryNumber"]) == ("000002", "00001")
    assert [each["TransactionNumber"] for each in entry["JournalDetails"]][:2] == ["0000000020", "0000000040"]
    assert (entry["Debits"], entry["Credits"], entry["OutOfBalanceBy"]) == (Decimal(1000), Decimal(1000), 0)
    assert (made["Status"], made["JournalBatchType"], made["NumberOfEntries"]) == ("Open", "Entered", 1)
    api.problem(api.get(f"{JOURNALS}(2)"), 400, "InvalidEntityKey")


def test_a_posted_journal_moves_balances_and_is_found_by_its_reference(api: Any) -> None:
    number = api.created(JOURNALS, api.journal(*PAYOUT))["BatchNumber"]
    assert api.process(JOURNALS, number).status_code == 204
    assert api.company.books.balance("1020") == 0, "an open batch is not posted"
    batch = api.posted(JOURNALS, number)
    assert (batch["Status"], batch["NumberOfErrors"], batch["Description"]) == ("Posted", 0, "GC PAYOUT PO1")
    rows = api.rows(TRANSACTIONS, filter="JournalDetailReference eq 'PO1'")
    assert sorted((row["AccountNumber"], row["JournalTransactionAmount"]) for row in rows) == sorted(
        (account, Decimal(amount)) for account, amount in PAYOUT
    )
    assert api.company.books.balance("1100") == 12500 - 100000
    assert api.company.books.receivable("1200", "EUR") == 12500, "the sub-ledger knows nothing of it"
    (fiscal,) = api.rows("GL/GLAccountFiscalSets", filter="UnformattedAccount eq '6115'")
    assert (fiscal["FiscalYear"], fiscal["NetChangePeriod11"]) == ("2026", Decimal("12.5"))


def test_accounts_are_named_without_their_hyphens(api: Any) -> None:
    made = api.created(JOURNALS, api.journal(("4010100", "-5"), ("1020", "5")))
    assert header(made)["JournalDetails"][0]["AcctFormatted"] == "4010-100"
    api.problem(api.post(JOURNALS, api.journal(("4010-100", "-5"), ("1020", "5"))), 409, "FieldInvalid")


@pytest.mark.parametrize(("mode", "status"), [("error", 409), ("warning", 201), ("none", 201)])
def test_unknown_accounts_are_an_option_of_the_company_and_fail_at_posting(api: Any, mode: str, status: int) -> None:
    api.company.switches.change({"missing_account": mode})
    answer = api.post(JOURNALS, api.journal(("7777", "5"), ("1020", "-5")))
    assert answer.status_code == status
    if status == 201:
        assert ("Warnings" in answer.json()) == (mode == "warning")
        assert api.posted(JOURNALS, answer.json()["BatchNumber"])["NumberOfErrors"] == 1


def test_an_unbalanced_entry_enters_a_batch_and_goes_into_an_error_batch(api: Any) -> None:
    body = api.journal(("1020", "5"), ("6115", "-4"))
    body["JournalHeaders"].append(api.journal(("1020", "5"), ("6115", "-5"))["JournalHeaders"][0])
    made = api.created(JOURNALS, body)
    assert header(made)["OutOfBalanceBy"] == Decimal(1)
    batch = api.posted(JOURNALS, made["BatchNumber"])
    assert (batch["Status"], batch["NumberOfErrors"]) == ("Posted", 1)
    assert [each["ErrorBatch"] for each in batch["JournalHeaders"]] == [3, 0]
    moved = api.record(f"{JOURNALS}('000003')")
    assert (moved["Status"], moved["ReadyToPost"], header(moved)["EntryNumber"]) == ("Open", "No", "00001")
    assert api.company.books.balance("1020") == 500


def test_unbalanced_entries_can_be_refused_at_once(api: Any) -> None:
    api.company.switches.change({"unbalanced_accepted": False})
    api.problem(api.post(JOURNALS, api.journal(("1020", "5"), ("6115", "-4"))), 409, "General")


def test_control_accounts_refuse_journals_unless_the_ledger_is_listed(api: Any) -> None:
    api.company.clerk.restrict_account("1100", ("AR",))
    assert "control account" in api.problem(api.post(JOURNALS, api.journal(*PAYOUT)), 409, "FieldInvalid")
    account = api.record("GL/GLAccounts('1100')")
    assert account["ControlAccount"] == "Yes"
    assert [each["SubledgerApplication"] for each in account["ControlAccountSubledgers"]] == ["AR"]
    api.company.clerk.restrict_account("1100", ("AR", "GL"))
    assert api.post(JOURNALS, api.journal(*PAYOUT)).status_code == 201


def test_the_document_date_does_not_lead_the_posting_date_by_default(api: Any) -> None:
    body = api.journal(*PAYOUT, DocumentDate="2026-10-05")
    del body["JournalHeaders"][0]["PostingDate"]
    entry = header(api.created(JOURNALS, body))
    assert (entry["PostingDate"], entry["FiscalPeriod"]) == ("2026-11-20T00:00:00Z", "11")
    api.company.switches.change({"document_date_leads": True})
    entry = header(api.created(JOURNALS, body))
    assert (entry["PostingDate"], entry["FiscalPeriod"]) == ("2026-10-05T00:00:00Z", "10")


def test_year_and_period_sent_before_the_posting_date_are_overwritten(api: Any) -> None:
    body = api.journal(*PAYOUT)
    entry = body["JournalHeaders"][0]
    before = {"FiscalYear": "2026", "FiscalPeriod": "09", **entry}
    after = {name: value for name, value in entry.items() if name != "JournalDetails"} | {"FiscalPeriod": "09"}
    after["JournalDetails"] = entry["JournalDetails"]
    body["JournalHeaders"] = [before, after]
    made = api.created(JOURNALS, body)
    assert [each["FiscalPeriod"] for each in made["JournalHeaders"]] == ["11", "09"]


@pytest.mark.parametrize(
    "changes",
    [
        {"SourceType": "XX"},
        {"PostingDate": "2035-01-01"},
        {"FiscalPeriod": "14"},
        {"Description": "x" * 61},
    ],
)
def test_what_the_journal_screen_refuses_is_refused(api: Any, changes: dict[str, str]) -> None:
    api.problem(api.post(JOURNALS, api.journal(*PAYOUT, **changes)), 409, "FieldInvalid")


def test_a_locked_period_refuses_entry_and_later_posting(api: Any) -> None:
    number = api.created(JOURNALS, api.journal(*PAYOUT))["BatchNumber"]
    api.company.lock_period(2026, 11, "GL")
    api.problem(api.post(JOURNALS, api.journal(*PAYOUT)), 409, "FieldInvalid")
    assert api.posted(JOURNALS, number)["NumberOfErrors"] == 1
    assert api.company.books.balance("1020") == 0


def test_the_source_amount_sent_last_decides_the_functional_one(api: Any) -> None:
    body = api.journal()
    line = {"AccountNumber": "1025", "SourceCurrency": "GBP", "Amount": 999, "SourceCurrencyAmount": 100}
    own = {
        "AccountNumber": "1025",
        "SourceCurrency": "GBP",
        "CurrencyRate": 1.2,
        "SourceCurrencyAmount": -100,
        "Amount": -115,
    }
    body["JournalHeaders"][0]["JournalDetails"] = [line, own]
    details = header(api.created(JOURNALS, body))["JournalDetails"]
    assert [each["Amount"] for each in details] == [Decimal(115), Decimal(-115)]
    assert [each["CurrencyRate"] for each in details] == [Decimal("1.15"), Decimal("1.2")]


def test_the_property_that_makes_a_batch_ready_depends_on_the_release(api: Any) -> None:
    number = api.created(JOURNALS, api.journal(*PAYOUT))["BatchNumber"]
    key = api.key(JOURNALS, number)
    assert api.patch(key, {"Status": "ReadyToPost"}).status_code == 204
    assert api.record(key)["Status"] == "Open", "nothing happened"
    assert 'Name="ReadyToPost" Type=' in api.get("GL/$metadata").text
    api.company.switches.change({"gl_ready": "Status"})
    assert 'Name="ReadyToPost" Type=' not in api.get("GL/$metadata").text
    api.problem(api.patch(key, {"ReadyToPost": "Yes"}), 409, "FieldInvalid")
    assert api.patch(key, {"Status": "ReadyToPost"}).status_code == 204
    assert api.record(key)["Status"] == "ReadyToPost"


def test_parameters_the_process_does_not_have_are_invalid(api: Any) -> None:
    body = {"PostAllBatches": "Donotpostallbatches", "PostBatchFrom": "000001", "PostBatchTo": "000001"}
    api.problem(api.post("GL/GLPostJournal('$process')", body), 400, "InvalidPayload")


def test_a_payout_of_two_thousand_lines_takes_a_second_or_so(api: Any) -> None:
    lines = [("1100", "-10.01")] * 2000
    started = time.monotonic()
    number = api.created(JOURNALS, api.journal(*lines, ("1020", "20020.00")))["BatchNumber"]
    assert api.posted(JOURNALS, number)["Status"] == "Posted"
    assert time.monotonic() - started < 5
    assert api.company.books.balance("1020") == 2002000
    assert len(api.rows(TRANSACTIONS, filter="AccountNumber eq '1100' and JournalTransactionAmount lt 0")) == 100


def test_a_bank_entry_is_only_entered_and_a_person_posts_it(api: Any) -> None:
    made = api.created("BK/BKBankEntries", bank_entry())
    assert (made["SequenceNumber"], made["Posted"], made["TotalAmount"]) == (1, "No", Decimal(985))
    assert api.company.books.balance("1020") == 0
    api.company.clerk.post_bank_entry(1)
    assert (api.company.books.balance("1020"), api.company.books.balance("1099")) == (98500, -98500)
    assert len(api.rows("BK/BKBankEntries", filter="EntryDescription eq 'GC PAYOUT PO1'")) == 1


def test_bank_entries_can_be_posted_as_they_are_added(api: Any) -> None:
    api.company.switches.change({"bank_entries_posted": True})
    detail = [{"DistributionCode": "FEES", "SourceAmount": 5}]
    made = api.created("BK/BKBankEntries", bank_entry(BankEntryType="Withdrawals", BankEntryDetail=detail))
    assert (made["Posted"], api.company.books.balance("1020"), api.company.books.balance("6115")) == ("Yes", -500, 500)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"BankCode": "NONE"}, "FieldInvalid"),
        ({"BankEntryDetail": []}, "RecordInvalid"),
        ({"BankEntryDetail": [{"SourceAmount": -1, "GLAccount": "1099"}]}, "FieldInvalid"),
        ({"BankEntryDetail": [{"SourceAmount": 1, "GLAccount": "none"}]}, "FieldInvalid"),
        ({"BankEntryDetail": [{"SourceAmount": 1, "DistributionCode": "NONE"}]}, "FieldInvalid"),
    ],
)
def test_what_bank_services_refuses_is_refused(api: Any, changes: dict[str, Any], code: str) -> None:
    api.problem(api.post("BK/BKBankEntries", bank_entry(**changes)), 409, code)
    assert api.rows("BK/BKBankEntries") == []
