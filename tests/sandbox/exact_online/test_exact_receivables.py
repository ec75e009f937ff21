"""Open items, the signs they are shown with, and what settles them."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

BANK = "financialtransaction/BankEntries"
ITEMS = "cashflow/Receivables"
FIELDS = "ID,InvoiceNumber,AmountFC,AmountDC,TransactionAmountDC,Status,IsFullyPaid,EntryID,TransactionType,Journal,TransactionID"


def items(api: Any, number: int = 26700042) -> list[dict[str, Any]]:
    return list(api.rows(ITEMS, FIELDS, f"InvoiceNumber eq {number}"))


def match_set(*lines: str, account: str = "42", rest: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><eExact><MatchSets><MatchSet><GLAccount code="1300"/>'
        f'<Account code="{account:>18}"/><MatchLines>{"".join(lines)}</MatchLines>{rest}'
        "</MatchSet></MatchSets></eExact>"
    )


def line(journal: str, entry: int, amount: str, period: int = 11) -> str:
    return f'<MatchLine finyear="2026" finperiod="{period}" journal="{journal}" entry="{entry}" amountdc="{amount}"/>'


INVOICE = line("70", 26700042, "121.00")


def upload(api: Any, xml: str, topic: str = "MatchSets", division: int = 4001234) -> Any:
    address = f"{api.host}/docs/XMLUpload.aspx?Topic={topic}&_Division_={division}"
    headers = {"Content-Type": "application/xml; charset=utf-8"}
    return api.session.post(address, data=xml.encode(), headers=headers, timeout=10)


def messages(answer: Any) -> list[tuple[int, str]]:
    assert answer.status_code == 200, answer.text
    root = etree.fromstring(answer.content)
    return [(int(each.get("type", "-1")), each.findtext("Description") or "") for each in root.iter("Message")]


def unmatched_receipt(api: Any, amount: str, **changes: Any) -> int:
    """A receipt without OurRef; its entry number."""
    return int(api.created(BANK, api.receipt(amount, None, **changes))["EntryNumber"])


def test_an_open_invoice_is_negative_in_receivables_and_positive_in_the_list(api: Any) -> None:
    (item,) = items(api)
    assert (item["AmountFC"], item["AmountDC"], item["TransactionAmountDC"]) == (-121, -121, 121)
    assert (item["Status"], item["TransactionType"], item["IsFullyPaid"]) == (20, 20, False)
    listed = api.rows("read/financial/ReceivablesList", "HID,Amount,YourRef,AccountCode", "YourRef eq 'WEB-42'")
    assert [(row["Amount"], row["AccountCode"].strip()) for row in listed] == [(121, "42")]


def test_the_raw_signs_can_be_turned(api: Any) -> None:
    api.division.switches.receivables_sign = 1
    api.division.switches.receivables_list_sign = -1
    assert items(api)[0]["AmountFC"] == 121
    assert {row["Amount"] for row in api.rows("read/financial/ReceivablesList", "Amount")} == {-121, -50}


def test_a_receipt_with_account_number_and_equal_amount_settles_the_invoice(api: Any) -> None:
    entry = api.created(BANK, api.receipt())
    invoice, receipt = sorted(items(api), key=lambda row: row["AmountFC"])
    assert (invoice["Status"], invoice["IsFullyPaid"]) == (50, True)
    assert (receipt["Status"], receipt["EntryID"], receipt["TransactionType"]) == (50, entry["EntryID"], 40)
    assert [row["InvoiceNumber"] for row in api.rows("read/financial/ReceivablesList", "InvoiceNumber")] == [26700043]
    posted = api.one("financialtransaction/TransactionLines", "OffsetID", f"ID eq guid'{invoice['TransactionID']}'")
    assert posted["OffsetID"] == receipt["TransactionID"]


def test_automatic_matching_can_be_off(api: Any) -> None:
    api.division.switches.auto_match = "off"
    api.created(BANK, api.receipt())
    assert api.open_items() == [(26700042, "23", -12100), (26700042, "70", 12100), (26700043, "70", 5000)]
    assert api.division.books.receivable("42", "EUR") == 5000


@pytest.mark.parametrize("changes", [{"OurRef": None}, {"OurRef": 26700043}])
def test_a_receipt_that_names_no_or_another_invoice_is_not_matched(api: Any, changes: dict[str, Any]) -> None:
    api.created(BANK, api.receipt(**changes))
    assert sum(minor for _, _, minor in api.open_items()) == 5000
    assert len(api.open_items()) == 3


def test_an_unequal_amount_is_matched_only_in_the_lenient_reading(api: Any) -> None:
    api.created(BANK, api.receipt("100.00"))
    assert len(api.open_items()) == 3
    api.division.switches.auto_match = "our_ref"
    api.created(BANK, api.receipt("20.00"))
    assert api.open_items() == [(26700042, "23", -10000), (26700042, "70", 10100), (26700043, "70", 5000)]


def test_two_open_items_of_one_number_are_ambiguous(api: Any) -> None:
    api.created(BANK, api.receipt())
    api.created(BANK, api.receipt("-121.00", Description="GC PM000ABC123 late failure"))
    api.division.clerk.unmatch(26700042)
    api.created(BANK, api.receipt("121.00", Description="GC PM000ABC123 again"))
    assert len([each for each in api.open_items() if each[0] == 26700042]) == 4


def test_a_late_failure_opens_a_new_item_from_the_gocardless_journal(api: Any) -> None:
    api.created(BANK, api.receipt())
    api.created(BANK, api.receipt("-121.00", Description="GC PM000ABC123 late failure"))
    assert api.open_items() == [(26700042, "23", 12100), (26700043, "70", 5000)]
    assert api.division.books.receivable("42", "EUR") == 17100
    api.created(BANK, api.receipt("121.00", Description="GC PM000ABC123 chargeback cancelled"))
    assert api.open_items() == [(26700043, "70", 5000)]


def test_only_three_fields_of_a_receivable_can_be_put(api: Any) -> None:
    (item,) = items(api)
    path = f"{ITEMS}(guid'{item['ID']}')"
    assert api.put(path, {"PaymentReference": "PM000ABC123", "IsFullyPaid": True}).status_code == 204
    changed = api.get(path).json()["d"]
    assert (changed["PaymentReference"], changed["IsFullyPaid"]) == ("PM000ABC123", False)
    assert "Payment method" in api.problem(api.put(path, {"PaymentMethod": "Z"}), 500)


def test_an_item_selected_for_collection_has_status_30(api: Any) -> None:
    api.division.clerk.select_for_collection(26700042)
    assert items(api)[0]["Status"] == 30
    row = api.one("read/financial/ReceivablesList", "AmountInTransit", "InvoiceNumber eq 26700042")
    assert row["AmountInTransit"] == 121


def test_an_invoice_reappears_when_somebody_unmatches_it(api: Any) -> None:
    api.created(BANK, api.receipt())
    api.division.clerk.unmatch(26700042)
    assert api.open_items() == [(26700042, "23", -12100), (26700042, "70", 12100), (26700043, "70", 5000)]


def test_a_match_set_settles_two_lines(api: Any) -> None:
    receipt = unmatched_receipt(api, "121.00")
    told = messages(upload(api, match_set(INVOICE, line("23", receipt, "-121.00"))))
    assert [kind for kind, _ in told] == [2]
    assert api.open_items() == [(26700043, "70", 5000)]


def test_success_can_be_an_empty_list_of_messages(api: Any) -> None:
    api.division.switches.match_sets_silent = True
    receipt = unmatched_receipt(api, "121.00")
    answer = upload(api, match_set(INVOICE, line("23", receipt, "-121.00")))
    assert messages(answer) == []
    assert b"<Messages />" in answer.content
    assert api.open_items() == [(26700043, "70", 5000)]


def test_a_partial_match_leaves_the_remainder_in_a_row_of_its_own(api: Any) -> None:
    receipt = unmatched_receipt(api, "100.00")
    messages(upload(api, match_set(INVOICE, line("23", receipt, "-100.00"))))
    assert api.open_items() == [(26700042, "70", 2100), (26700043, "70", 5000)]
    rows = [row for row in items(api) if row["TransactionType"] == 20]
    assert sorted((int(row["AmountFC"]), row["Status"]) for row in rows) == [(-100, 50), (-21, 20)]
    assert len({row["EntryID"] for row in rows}) == 2


def test_an_overpayment_leaves_a_credit(api: Any) -> None:
    receipt = unmatched_receipt(api, "150.00")
    messages(upload(api, match_set(INVOICE, line("23", receipt, "-150.00"))))
    assert api.open_items() == [(0, "23", -2900), (26700043, "70", 5000)]


def test_a_write_off_books_the_difference(api: Any) -> None:
    receipt = unmatched_receipt(api, "120.00")
    rest = '<WriteOff type="3"><GLAccount code="9510"/><Description>rounding</Description></WriteOff>'
    told = messages(upload(api, match_set(INVOICE, line("23", receipt, "-120.00"), rest=rest)))
    assert told[0][0] == 2
    assert api.open_items() == [(26700043, "70", 5000)]
    assert api.division.books.balance("9510", "EUR") == 100


def test_two_equal_lines_in_one_entry_are_ambiguous(api: Any) -> None:
    body = api.receipt("121.00", None)
    body["BankEntryLines"] *= 2
    entry = api.created(BANK, body)
    told = messages(upload(api, match_set(INVOICE, line("23", entry["EntryNumber"], "-121.00"))))
    assert told[0][0] == 0
    assert "not unique" in told[0][1]


@pytest.mark.parametrize("wrong", ["sign", "period", "customer"])
def test_a_line_that_does_not_exist_is_not_found(api: Any, wrong: str) -> None:
    receipt = unmatched_receipt(api, "121.00")
    amount = "121.00" if wrong == "sign" else "-121.00"
    xml = match_set(
        INVOICE,
        line("23", receipt, amount, 10 if wrong == "period" else 11),
        account="43" if wrong == "customer" else "42",
    )
    kind, text = messages(upload(api, xml))[0]
    assert (kind, "Niet gevonden!" in text) == (0, True)
    assert len(api.open_items()) == 3


def test_an_invoice_in_a_closed_period_is_not_found(api: Any) -> None:
    receipt = unmatched_receipt(api, "121.00")
    api.division.close_period(2026, 11, ["70"])
    told = messages(upload(api, match_set(INVOICE, line("23", receipt, "-121.00"))))
    assert told[0][1].startswith("Betalingstermijn: GLAccount=1300 finyear=2026 finperiod=11")


def test_a_file_without_sets_is_fatal_and_one_that_is_not_xml_is_400(api: Any) -> None:
    assert messages(upload(api, "<eExact/>"))[0][0] == 3
    api.problem(upload(api, "nothing"), 400)


def test_the_topic_can_be_discontinued(api: Any) -> None:
    api.division.switches.match_sets_discontinued = True
    assert "discontinued" in api.problem(upload(api, match_set(INVOICE)), 410)


def test_another_topic_is_404_and_another_division_403(api: Any) -> None:
    assert upload(api, "<eExact/>", topic="GLTransactions").status_code == 404
    assert upload(api, "<eExact/>", division=1).status_code == 403


def test_a_journal_line_with_an_offset_settles_only_when_told_to(api: Any) -> None:
    (item,) = items(api)
    body = api.journal(("1300", "-121.00"), ("1230", "121.00"))
    body["GeneralJournalEntryLines"][0] |= {"Account": api.customer(), "OffsetID": item["TransactionID"]}
    api.created("generaljournalentry/GeneralJournalEntries", body)
    assert len(api.open_items()) == 3
    api.division.switches.journal_offset_matches = True
    api.created("generaljournalentry/GeneralJournalEntries", body)
    assert api.open_items() == [(0, "90", -12100), (26700043, "70", 5000)]
