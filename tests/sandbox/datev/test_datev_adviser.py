"""The adviser: what the company's books refuse, and what they hold after an import (datev.md 3.4, 10 and 11)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sandbox.datev.datacentre import Company, StoredDocument

Row = dict[int, str]


def reasons(datev: Any, content: bytes, client: str = "455148-1") -> list[str]:
    """Why the last file was rejected; empty when it was imported."""
    record = datev.books(content, client=client).files[-1]
    assert record.state == ("rejected" if record.reasons else "imported")
    return list(record.reasons)


def ledger(datev: Any, client: str = "455148-1") -> str:
    """All balances as text, debit positive, cents."""
    books = datev.centre.books(client)
    return "\n".join(f"{account} {books.balance(account)}" for account in sorted(books.turnovers))


def test_the_golden_file_gives_the_trial_balance_of_the_sheet(datev: Any, golden: bytes) -> None:
    books = datev.books(golden)
    assert [(record.state, record.rows, record.locked) for record in books.files] == [("imported", 6, False)]
    # Clearing falls by the payout of 357.00 whose other payment was booked in an earlier batch.
    assert ledger(datev) == "\n".join(["10042 0", "10043 5000", "10044 -8889", "1200 35343", "1360 -31811", "4970 357"])
    assert books.balanced
    assert books.foreign_balance("10044", "SEK") == -100_000
    assert books.foreign_balance("1360", "SEK") == 100_000
    assert books.double_rows == []


def test_rows_are_found_by_document_field_and_by_gocardless_id(datev: Any, golden: bytes) -> None:
    books = datev.books(golden)
    assert [row.line for row in books.rows_of(document="RE-2026-0042")] == [3, 6]
    assert [row.line for row in books.rows_of(gocardless_id="PO0009TR5X8WCB")] == [4, 5]
    assert [row.day for row in books.rows_of(gocardless_id="RF0001H3N6YP2D")] == [date(2026, 6, 18)]
    assert books.rows_of(document="RE-2026-0042", gocardless_id="PO0009TR5X8WCB") == []


def test_a_payment_its_payout_and_fee_leave_nothing_on_clearing(datev: Any, files: Any) -> None:
    payout = files.payment(c1="115,43", c7="1200", c8="1360", c10="0806", c11="PO1", c22="PO1", c121="PO1")
    fee = files.payment(c1="3,57", c7="4970", c8="1360", c10="0806", c11="PO1", c22="PO1", c121="PO1")
    books = datev.books(files.bookings(files.payment(), payout, fee))
    assert books.balance("1360") == 0
    assert ledger(datev) == "10042 -11900\n1200 11543\n1360 0\n4970 357"
    assert [row.settlement for row in books.rows_of(gocardless_id="PO1")] == ["PO1", "PO1"]


def test_h_turns_the_sides(datev: Any, files: Any) -> None:
    datev.books(files.bookings(files.payment(c2="H")))
    assert ledger(datev) == "10042 11900\n1360 -11900"


def test_a_debtor_must_exist_and_a_category_16_file_makes_it(datev: Any, files: Any) -> None:
    row = files.payment(c8="10050")
    assert reasons(datev, files.bookings(row)) == ["line 3, column 8: debtor 10050 does not exist"]
    assert reasons(datev, files.debtors({1: "10050", 2: "Neu GmbH", 7: "2", 244: "CU0001"})) == []
    assert reasons(datev, files.bookings(row)) == []
    books = datev.centre.books("455148-1")
    assert books.parties["10050"][244] == "CU0001"
    assert [record.state for record in books.files] == ["rejected", "imported", "imported"]


def test_a_debtor_number_used_for_another_customer_is_warned_of(datev: Any, files: Any) -> None:
    datev.books(files.debtors({1: "10050", 2: "Neu GmbH", 244: "CU0001"}))
    books = datev.books(files.debtors({1: "10050", 2: "Andere GmbH", 244: "CU0002"}))
    assert books.files[-1].warnings == ("line 3, column 1: account 10050 belonged to CU0001 and now to CU0002",)


def test_a_general_ledger_number_is_no_debtor(datev: Any, files: Any) -> None:
    assert reasons(datev, files.debtors({1: "1400", 2: "X"})) == [
        "line 3, column 1: account 1400 is no debtor or creditor"
    ]


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ("1460", "account 1460 is not in SKR03 of this company"),
        ("1400", "account 1400 is a collective account, fed by the personal accounts"),
        ("100420", "account 100420 has more than 5 digits"),
        ("01200", "account 01200 is no debtor or creditor"),
        ("70001", "creditor 70001 does not exist"),
    ],
)
def test_an_account_that_cannot_be_posted_to_is_named(datev: Any, files: Any, account: str, reason: str) -> None:
    assert reasons(datev, files.bookings(files.payment(c7=account))) == [f"line 3, column 7: {reason}"]


def test_skr04_has_its_own_accounts_and_collectives(datev: Any, files: Any) -> None:
    datev.centre.seed_personal_accounts("455148-2", {"10042": "X"})
    fields = {"h12": "2", "h27": '"04"'}
    assert reasons(datev, files.bookings(files.payment(c7="1460"), **fields), "455148-2") == []
    wrong = reasons(datev, files.bookings(files.payment(c7="1360"), **fields), "455148-2")
    assert wrong == ["line 3, column 7: account 1360 is not in SKR04 of this company"]
    collective = reasons(datev, files.bookings(files.payment(c7="1200"), **fields), "455148-2")
    assert collective[0].endswith("fed by the personal accounts")


def test_longer_accounts_grow_zeros_at_the_end(datev: Any, files: Any) -> None:
    datev.centre.add_company(Company(455148, 5, "Lang AG", account_length=6, personal_accounts={"1004200": "X"}))
    fields = {"h12": "5", "h14": "6"}
    good = files.payment(c7="136000", c8="1004200")
    assert reasons(datev, files.bookings(good, **fields), "455148-5") == []
    found = reasons(datev, files.bookings(good | {7: "1360"}, **fields), "455148-5")
    assert found == ["line 3, column 7: account 1360 is not in SKR03 of this company"]


def test_own_accounts_come_from_the_company_or_from_a_label_file(datev: Any, files: Any) -> None:
    row = files.payment(c7="1361")
    assert "not in SKR03" in reasons(datev, files.bookings(row))[0]
    assert reasons(datev, files.labels({1: "1361", 2: "GoCardless", 3: "de-DE"})) == []
    assert reasons(datev, files.bookings(row)) == []
    assert datev.centre.books("455148-1").labels == {"1361": "GoCardless"}


@pytest.mark.parametrize(
    ("fields", "column"),
    [({"h13": "20260201"}, 13), ({"h14": "5"}, 14), ({"h27": '"04"'}, 27), ({"h22": '"USD"'}, 22)],
)
def test_a_header_that_differs_from_the_companys_settings_is_refused(
    datev: Any, files: Any, fields: dict[str, str], column: int
) -> None:
    row = files.payment(c3="")
    assert [f"line 1, column {column}:" in reason for reason in reasons(datev, files.bookings(row, **fields))] == [True]


def test_a_closed_month_is_refused(datev: Any, files: Any) -> None:
    datev.centre.companies["455148-1"].closed_through = date(2026, 6, 3)
    content = files.bookings(files.payment(c10="0306"), files.payment(c10="0406"))
    assert reasons(datev, content) == ["line 3, column 10: the books are closed through 2026-06-03"]


def test_one_wrong_row_refuses_the_whole_file_with_every_reason(datev: Any, files: Any) -> None:
    content = files.bookings(files.payment(), files.payment(c7="9999"), files.payment(c8="10099"))
    assert len(reasons(datev, content)) == 2
    assert datev.centre.books("455148-1").rows == []
    assert len(datev.centre.books("455148-1").rejected) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({7: "8400", 9: "3"}, "account 8400 is automatic: no BU key but 40"),
        ({7: "3123", 9: "94"}, "account 3123 is automatic: no BU key but 40"),
        ({7: "4970", 9: "40"}, "BU key 40 switches off an automatic account, and there is none"),
        ({7: "1360", 9: "9"}, "BU key 9 needs exactly one income or expense account in the row"),
        ({7: "4970", 9: "777"}, "BU key 777 is not known to this company"),
    ],
)
def test_a_tax_key_in_the_wrong_place_is_refused(datev: Any, files: Any, row: Row, reason: str) -> None:
    assert reasons(datev, files.bookings(files.payment() | row)) == [f"line 3, column 9: {reason}"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({7: "4970", 9: "9"}, "1360 -11900\n1576 1900\n4970 10000"),
        ({7: "4970", 9: "94"}, "1360 -11900\n1577 2261\n1787 -2261\n4970 11900"),
        ({7: "3123"}, "1360 -11900\n1577 2261\n1787 -2261\n3123 11900"),
        ({2: "H", 7: "8400"}, "1360 11900\n1776 -1900\n8400 -10000"),
        ({2: "H", 7: "8400", 9: "40"}, "1360 11900\n8400 -11900"),
        ({7: "4970"}, "1360 -11900\n4970 11900"),
    ],
)
def test_tax_keys_and_automatic_accounts_make_their_tax_lines(datev: Any, files: Any, row: Row, expected: str) -> None:
    books = datev.books(files.bookings(files.payment(c8="1360") | row))
    assert ledger(datev) == expected
    assert books.balanced


def test_a_generalumkehr_takes_its_row_back_as_a_minus_on_the_same_side(datev: Any, files: Any) -> None:
    wrong = files.payment()
    reversal = files.payment(c2="H", c14="GC Storno PM1", c118="1")
    books = datev.books(files.bookings(wrong), files.bookings(reversal, wrong))
    assert ledger(datev) == "10042 -11900\n1360 11900"
    turnover = books.turnovers["1360"]
    assert (turnover.debit_minor, turnover.credit_minor) == (11900, 0)
    assert books.double_rows == []
    assert books.files[-1].warnings == ()


def test_a_generalumkehr_of_nothing_is_warned_of(datev: Any, files: Any) -> None:
    books = datev.books(files.bookings(files.payment(c2="H", c118="1")))
    assert books.files[-1].warnings == ("line 3, column 118: there is no such row to reverse",)


def test_double_rows_are_told_with_their_places_whatever_their_wording(datev: Any, files: Any) -> None:
    books = datev.books(
        files.bookings(files.payment(), files.payment(c22="PM2")), files.bookings(files.payment(c14="anders"))
    )
    ((times, rows),) = books.double_rows
    assert times == 2
    assert [(row.filename, row.line) for row in rows] == [("EXTF_0.csv", 3), ("EXTF_1.csv", 3)]


def test_a_link_to_a_document_that_was_never_uploaded_is_warned_of(datev: Any, files: Any) -> None:
    guid = "3f0c7c2e-52a1-5d0e-9a0b-6c1d2e3f4a5b"
    content = files.bookings(files.payment(c20=f'BEDI "{guid.upper()}"'))
    warned = datev.books(content).files[-1].warnings
    assert warned == (f"line 3, column 20: there is no document {guid.upper()}",)
    stored = StoredDocument("455148-1", guid, (), "Sonstige", "", None, datev.centre.now())
    datev.centre.documents["455148-1", guid] = stored
    assert datev.centre.books("455148-1").files[-1].warnings == ()


def test_the_lock_state_of_a_batch_is_told(datev: Any, files: Any) -> None:
    books = datev.books(files.bookings(files.payment(), h21="1"), files.bookings(files.payment(c22="PM2")))
    assert [record.locked for record in books.files] == [True, False]


def test_an_amount_that_its_currency_does_not_have_is_refused(datev: Any, files: Any) -> None:
    row = files.payment(c1="1000,50", c3="JPY", c4="160,500000", c5="6,23", c6="EUR")
    assert reasons(datev, files.bookings(row)) == ["line 3, column 1: 1000.50 JPY has more than 0 decimals"]
    whole = files.payment(c1="1000,00", c3="JPY", c4="160,500000", c5="6,23", c6="EUR")
    assert datev.books(files.bookings(whole)).foreign_balance("1360", "JPY") == 1000


def test_utf8_without_a_mark_is_refused_by_the_adviser_and_with_it_read(datev: Any, files: Any) -> None:
    text = files.bookings(files.payment(c14="Müller")).decode("cp1252")
    assert "byte order mark" in reasons(datev, text.encode())[0]
    assert reasons(datev, b"\xef\xbb\xbf" + text.encode()) == []
    assert datev.centre.books("455148-1").rows[0].text == "Müller"


def test_failed_jobs_and_other_vendors_files_never_reach_the_books(datev: Any, files: Any) -> None:
    datev.control("POST", "seed", json={"foreign_jobs": {"455148-1": 2}})
    datev.centre.behaviour.forced_failures = ["1008836"]
    assert datev.books(files.bookings(files.payment())).files == []
