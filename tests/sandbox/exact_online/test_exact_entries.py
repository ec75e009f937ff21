"""Bank, journal and sales entries: the rules they are refused by, and what they leave in the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

BANK = "financialtransaction/BankEntries"
GENERAL = "generaljournalentry/GeneralJournalEntries"
SALES = "salesentry/SalesEntries"
LINES = "financialtransaction/TransactionLines"
POSTED = "ID,LineNumber,GLAccountCode,AmountFC,AmountDC,OffsetID,Type,Status,Description,InvoiceNumber"


def posted(api: Any, entry_id: str) -> list[dict[str, Any]]:
    rows = api.rows(LINES, POSTED, f"EntryID eq guid'{entry_id}'")
    return sorted(rows, key=lambda row: row["LineNumber"])


def test_a_receipt_is_booked_against_the_account_behind_its_journal(api: Any) -> None:
    entry = api.created(BANK, api.receipt())
    assert (entry["EntryNumber"], entry["Status"], entry["FinancialPeriod"]) == (26230001, 20, 11)
    assert (entry["OpeningBalanceFC"], entry["ClosingBalanceFC"]) == (0, 121)
    assert api.division.books.text(["BankEntry"]) == (
        "2026-11-20 BankEntry 26230001 GC PM000ABC123 confirmed\n  1230           12100 EUR\n  1300          -12100 EUR"
    )


def test_posted_lines_have_the_opposite_sign_own_ids_and_a_header_line(api: Any) -> None:
    entry = api.created(BANK, api.receipt())
    (sent,) = api.rows("financialtransaction/BankEntryLines", "ID,AmountFC", f"EntryID eq guid'{entry['EntryID']}'")
    header, line = posted(api, entry["EntryID"])
    assert (sent["AmountFC"], line["AmountFC"], header["AmountFC"]) == (121, -121, 121)
    assert (header["LineNumber"], header["GLAccountCode"], line["GLAccountCode"]) == (0, "1230", "1300")
    assert sent["ID"] not in (header["ID"], line["ID"])
    assert header["OffsetID"] == line["ID"], "the bank side points inside its own entry and proves nothing"
    assert line["Type"] == 40


def test_the_marker_is_found_in_the_lines(api: Any) -> None:
    api.created(BANK, api.receipt())
    row = api.one("financialtransaction/BankEntryLines", "EntryID,OurRef", "substringof('PM000ABC123',Description)")
    assert row["OurRef"] == 26700042
    assert api.one(LINES, "JournalCode", "Description eq 'GC PM000ABC123 confirmed' and JournalCode eq '23'")


def test_long_descriptions_are_cut_without_a_word(api: Any) -> None:
    entry = api.created(BANK, api.receipt(Description="GC PM1 " + "x" * 90, Notes="y" * 500))
    row = api.one("financialtransaction/BankEntryLines", "Description,Notes", f"EntryID eq guid'{entry['EntryID']}'")
    assert (len(row["Description"]), len(row["Notes"])) == (60, 500)


@pytest.mark.parametrize(
    ("opening", "closing", "fits"),
    [(0, 121, True), (0, 120.99, False), (100, 221, False), (0, None, True), (None, 121, True)],
)
def test_opening_plus_lines_must_be_the_closing_balance(api: Any, opening: Any, closing: Any, fits: bool) -> None:
    answer = api.post(BANK, {**api.receipt(), "OpeningBalanceFC": opening, "ClosingBalanceFC": closing})
    if fits:
        assert answer.status_code == 201
    else:
        assert "Opening balance plus all bank entry lines" in api.problem(answer, 500)
        assert len(api.division.tables["BankEntryLines"]) == 0


def test_a_stale_opening_balance_is_refused(api: Any) -> None:
    api.created(BANK, {**api.receipt(), "OpeningBalanceFC": 0, "ClosingBalanceFC": 121})
    stale = {**api.receipt("50.00", 26700043), "OpeningBalanceFC": 0, "ClosingBalanceFC": 50}
    api.problem(api.post(BANK, stale), 500)
    last = api.rows(
        BANK, "ClosingBalanceFC", "JournalCode eq '23'", orderby="FinancialYear desc,EntryNumber desc", top="1"
    )
    assert last[0]["ClosingBalanceFC"] == 121
    assert api.post(BANK, {**stale, "OpeningBalanceFC": 121, "ClosingBalanceFC": 171}).status_code == 201


def test_balances_can_be_made_mandatory(api: Any) -> None:
    api.division.switches.bank_balances_optional = False
    assert api.problem(api.post(BANK, api.receipt()), 500) == "Mandatory: Opening balance"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"JournalCode": "90"}, "The journal must be a bank journal."),
        ({"JournalCode": "99"}, "Invalid reference: Journal"),
        ({"JournalCode": None}, "Mandatory: JournalCode"),
        ({"BankEntryLines": []}, "Mandatory: BankEntryLines"),
        ({"Currency": "GBP"}, "Not allowed: Currency GBP in journal 23"),
        ({"FinancialYear": 2031, "FinancialPeriod": 1}, "Financial year (Period-date table)"),
    ],
)
def test_a_wrong_header_is_a_business_refusal(api: Any, changes: dict[str, Any], text: str) -> None:
    assert text in api.problem(api.post(BANK, {**api.receipt(), **changes}), 500)


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"GLAccount": None}, 500, "Mandatory: GLAccount"),
        ({"GLAccount": "not a guid"}, 400, "property 'GLAccount' to type 'Guid'"),
        ({"OurRef": "INV-1"}, 400, "property 'OurRef'"),
        ({"OurRef": 2**31}, 400, "property 'OurRef' to type 'Int32'"),
        ({"Account": "7c1de3b2-5a0f-4f3b-9c0e-2b6f8a1d9e55"}, 500, "Invalid reference: Account"),
        ({"VATCode": "77"}, 500, "Invalid reference: VAT code"),
    ],
)
def test_a_wrong_line_is_refused(api: Any, changes: dict[str, Any], status: int, text: str) -> None:
    assert text in api.problem(api.post(BANK, api.receipt(**changes)), status)
    assert len(api.division.tables["BankEntries"]) == 0


def test_amounts_may_come_as_strings(api: Any) -> None:
    assert api.created(BANK, api.receipt(AmountFC="121.00"))["ClosingBalanceFC"] == 121


def test_an_account_that_is_no_customer_or_is_blocked_cannot_be_booked_on(api: Any) -> None:
    api.division.clerk.edit_account("42", Status="P")
    assert api.problem(api.post(BANK, api.receipt()), 500) == "Invalid: Customer (Type)"
    api.division.clerk.edit_account("42", Status="C", Blocked=True)
    assert "blocked" in api.problem(api.post(BANK, api.receipt()), 500)


def test_receivables_without_account_are_accepted_and_never_matched(api: Any) -> None:
    api.created(BANK, api.receipt(Account=None))
    assert api.open_items() == [(26700042, "70", 12100), (26700043, "70", 5000)]
    assert api.division.books.balance("1300", "EUR") == 5000
    assert api.division.books.receivable("42", "EUR") == 17100


def test_foreign_guids_are_dropped_while_the_post_answers_201(api: Any) -> None:
    foreign = api.division.foreign_id()
    entry = api.created(BANK, api.receipt(Account=foreign))
    line = api.one(
        "financialtransaction/BankEntryLines", "Account,GLAccountCode", f"EntryID eq guid'{entry['EntryID']}'"
    )
    assert line["Account"] is None
    entry = api.created(BANK, api.receipt(GLAccount=foreign))
    line = api.one("financialtransaction/BankEntryLines", "GLAccountCode", f"EntryID eq guid'{entry['EntryID']}'")
    assert line["GLAccountCode"] == "2990", "the journal's suspense account took its place"


def test_the_default_vat_code_of_the_account_is_applied_when_none_is_sent(api: Any) -> None:
    fee = {"GLAccount": api.gl("4510"), "Account": None, "OurRef": None, "AmountFC": -12.10}
    entry = api.created(BANK, api.receipt(**fee))
    found = {row["GLAccountCode"]: str(row["AmountFC"]) for row in posted(api, entry["EntryID"])}
    assert found == {"1230": "-12.1", "4510": "10", "1510": "2.1"}
    assert api.division.books.balance("4510", "EUR") == 1000
    api.created(BANK, api.receipt(**fee, VATCode="0"))
    assert api.division.books.balance("4510", "EUR") == 2210


def test_a_given_vat_amount_is_kept(api: Any) -> None:
    fee = {"GLAccount": api.gl("4500"), "Account": None, "OurRef": None, "AmountFC": -12.10}
    api.created(BANK, api.receipt(**fee, VATCode="4", AmountVATFC=-2.00))
    assert (api.division.books.balance("4500", "EUR"), api.division.books.balance("1510", "EUR")) == (1010, 200)


def test_the_client_entry_id_is_kept_and_a_repeat_is_refused(api: Any) -> None:
    own = "2b0c1a34-7f1e-5d0b-9a54-0f8f3f0c9d11"
    answer = api.post(BANK, {**api.receipt(), "EntryID": own})
    assert answer.json()["d"]["EntryID"] == own
    assert answer.headers["Location"].endswith(f"{BANK}(guid'{own}')")
    assert "Data already exists" in api.problem(api.post(BANK, {**api.receipt(), "EntryID": own}), 500)


def test_the_client_entry_id_can_be_ignored_so_that_a_repeat_books_twice(api: Any) -> None:
    api.division.switches.client_entry_id = "ignored"
    body = {**api.receipt(), "EntryID": "2b0c1a34-7f1e-5d0b-9a54-0f8f3f0c9d11"}
    first, second = api.created(BANK, body), api.created(BANK, body)
    assert len({first["EntryID"], second["EntryID"], body["EntryID"]}) == 3


def test_an_entry_number_in_use_is_refused(api: Any) -> None:
    api.created(BANK, {**api.receipt(), "EntryNumber": 26230007})
    refused = api.post(BANK, {**api.receipt(), "EntryNumber": 26230007})
    assert "In use: Entry number" in api.problem(refused, 500)


def test_a_trailing_z_moves_a_booking_to_the_day_before(api: Any) -> None:
    plain = api.created(BANK, api.receipt(Date="2026-11-01T00:00:00"))
    shifted = api.created(BANK, api.receipt(Date="2026-11-01T00:00:00Z"))
    assert (plain["FinancialPeriod"], shifted["FinancialPeriod"]) == (11, 10)
    line = api.one("financialtransaction/BankEntryLines", "Date", f"EntryID eq guid'{shifted['EntryID']}'")
    assert line["Date"] == "/Date(1793404800000)/"  # 2026-10-31
    api.post("crm/Accounts", {"Name": "Zomer", "EndDate": "2026-07-01T00:00:00Z"})
    summer = api.one("crm/Accounts", "EndDate", "Name eq 'Zomer'")["EndDate"]
    assert summer == "/Date(1782856800000)/", "two hours in summer: 2026-06-30T22:00:00"


def test_a_closed_period_is_refused_until_somebody_opens_it(api: Any) -> None:
    api.division.close_period(2026, 11, ["23"])
    assert "closed" in api.problem(api.post(BANK, api.receipt()), 500)
    api.division.switches.language = "nl"
    assert "gesloten" in api.problem(api.post(BANK, api.receipt()), 500)
    api.division.reopen_period(2026, 11)
    assert api.post(BANK, api.receipt()).status_code == 201


def test_an_open_entry_can_be_deleted_and_a_processed_one_cannot(api: Any) -> None:
    first = api.created(BANK, api.receipt())
    assert api.delete(f"{BANK}(guid'{first['EntryID']}')").status_code == 204
    assert posted(api, first["EntryID"]) == []
    assert api.open_items() == [(26700042, "70", 12100), (26700043, "70", 5000)]
    assert api.division.books.balance("1230", "EUR") == 0
    second = api.created(BANK, api.receipt())
    api.division.clerk.process_entry(second["EntryID"])
    assert "Already processed" in api.problem(api.delete(f"{BANK}(guid'{second['EntryID']}')"), 500)
    assert {row["Status"] for row in posted(api, second["EntryID"])} == {50}


def test_a_foreign_currency_entry_is_booked_in_both_currencies(api: Any) -> None:
    body = api.receipt("100.00", None, Account=None, GLAccount=api.gl("2990"), VATCode="0")
    entry = api.created(BANK, {**body, "JournalCode": "24", "Currency": "GBP"})
    rows = posted(api, entry["EntryID"])
    assert [(str(row["AmountFC"]), str(row["AmountDC"])) for row in rows] == [("100", "117.25"), ("-100", "-117.25")]
    assert api.division.books.balance("1231", "GBP") == 10000
    assert api.division.books.base_balance("1231") == 11725


def test_an_unbalanced_journal_is_500_with_its_difference_in_the_locale(api: Any) -> None:
    refused = api.post(GENERAL, api.journal(("2000", "1500.00"), ("1230", "-500.00")))
    assert api.problem(refused, 500) == (
        "This entry is not balanced on: 2026 / 11 (Type: Other) - Difference: EUR 1.000,00"
    )


def test_a_journal_is_booked_in_the_debit_view(api: Any) -> None:
    entry = api.created(GENERAL, api.journal(("2000", "97.80"), ("4500", "2.20"), ("1230", "-100.00")))
    assert (entry["Type"], entry["EntryNumber"]) == (90, 26900001)
    assert api.division.books.balances()["EUR"] == {
        "1230": -10000, "1300": 17100, "2000": 9780, "4500": 220, "8000": -17100,
    }  # fmt: skip
    lines = api.rows("generaljournalentry/GeneralJournalEntryLines", "AmountFC", f"EntryID eq guid'{entry['EntryID']}'")
    assert {str(row["AmountFC"]) for row in lines} == {"97.8", "2.2", "-100"}


def test_a_journal_is_refused_for_its_kind_its_header_text_and_vat(api: Any) -> None:
    body = api.journal(("2000", "1"), ("1230", "-1"))
    assert "must be a general journal" in api.problem(api.post(GENERAL, {**body, "JournalCode": "23"}), 500)
    assert "No property 'Description'" in api.problem(api.post(GENERAL, {**body, "Description": "payout"}), 400)
    body["GeneralJournalEntryLines"][0]["VATCode"] = "4"
    assert "Not allowed: VAT code" in api.problem(api.post(GENERAL, body), 500)
    api.division.switches.language = "nl"
    assert "Niet toegestaan: Btw-code" in api.problem(api.post(GENERAL, body), 500)
    assert api.post(GENERAL, {**body, "JournalCode": "91"}).status_code == 201


def test_journals_cannot_be_changed_and_can_be_deleted_while_open(api: Any) -> None:
    entry = api.created(GENERAL, api.journal(("2000", "1"), ("1230", "-1")))
    path = f"{GENERAL}(guid'{entry['EntryID']}')"
    assert api.put(path, {"Reversal": True}).status_code == 405
    assert api.delete(path).status_code == 204
    assert api.division.books.balance("2000", "EUR") == 0


def sale(api: Any, amount: str = "100.00", **changes: Any) -> dict[str, Any]:
    line = {"GLAccount": api.gl("8000"), "AmountFC": amount, "VATCode": "2"}
    return {"Journal": "70", "Customer": api.customer(), "YourRef": "RF0001", "SalesEntryLines": [line], **changes}


def test_a_sales_entry_adds_vat_on_top_and_owes_the_whole(api: Any) -> None:
    entry = api.created(SALES, sale(api))
    assert (entry["AmountFC"], entry["VATAmountFC"], entry["Type"]) == (121, 21, 20)
    item = api.one("cashflow/Receivables", "InvoiceNumber,YourRef,AmountFC", f"EntryID eq guid'{entry['EntryID']}'")
    assert (item["InvoiceNumber"], item["YourRef"], item["AmountFC"]) == (entry["EntryNumber"], "RF0001", -121)


def test_negative_lines_make_a_credit_memo(api: Any) -> None:
    entry = api.created(SALES, sale(api, "-100.00"))
    assert (entry["AmountFC"], entry["Type"]) == (-121, 21)
    item = api.one(
        "cashflow/Receivables", "AmountFC,TransactionAmountFC,TransactionType", f"EntryID eq guid'{entry['EntryID']}'"
    )
    assert (item["AmountFC"], item["TransactionAmountFC"], item["TransactionType"]) == (121, -121, 21)
    assert api.one(SALES, "EntryNumber", "YourRef eq 'RF0001'")["EntryNumber"] == entry["EntryNumber"]


def test_a_sales_entry_changes_texts_only_while_open(api: Any) -> None:
    entry = api.created(SALES, sale(api))
    path = f"{SALES}(guid'{entry['EntryID']}')"
    assert api.put(path, {"DueDate": "2026-12-24T00:00:00"}).status_code == 204
    item = api.one("cashflow/Receivables", "DueDate", f"EntryID eq guid'{entry['EntryID']}'")
    assert item["DueDate"] == "/Date(1798070400000)/"
    api.division.clerk.process_entry(entry["EntryID"])
    api.problem(api.put(path, {"DueDate": "2026-12-31T00:00:00"}), 500)


def test_an_invoice_owes_nothing_until_it_is_printed(api: Any) -> None:
    (item,) = api.rows("logistics/Items", "ID")
    line = {"Item": item["ID"], "GLAccount": api.gl("8000"), "NetPrice": 50, "Quantity": 2, "VATCode": "2"}
    draft = api.created(
        "salesinvoice/SalesInvoices",
        {"Journal": "70", "OrderedBy": api.customer(), "YourRef": "WEB-9", "SalesInvoiceLines": [line]},
    )
    assert (draft["Status"], draft["InvoiceNumber"]) == (10, None)
    assert len(api.open_items()) == 2
    path = f"salesinvoice/SalesInvoices(guid'{draft['InvoiceID']}')"
    assert api.put(path, {"PaymentReference": "PM1"}).status_code == 204
    printed = api.post("salesinvoice/PrintedSalesInvoices", {"InvoiceID": draft["InvoiceID"]})
    assert printed.status_code == 201
    row = api.get(path).json()["d"]
    assert (row["Status"], row["AmountFC"]) == (50, 121)
    assert (row["InvoiceNumber"], "70", 12100) in api.open_items()
    assert "Already processed" in api.problem(api.put(path, {"YourRef": "x"}), 500)
    api.problem(api.delete(path), 500)


def test_the_stamp_of_a_new_entry_is_server_time(api: Any) -> None:
    api.created(BANK, api.receipt())
    (row,) = api.division.tables["BankEntries"]
    assert row["Created"] == datetime(2026, 11, 20, 11)  # noqa: DTZ001 - zone-less as on the wire
