"""Visma's JSON, byte for byte as the fact sheet shows it, and what must hold for every amount."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Allocation, PostingKind, Side
from connector_resources.erp.contract import PlannedSubmission, PostingWork
from connector_resources.erp.exact_json import dump_exact, load_exact
from connector_resources.erp.visma import documents, journals
from connector_resources.erp.visma.documents import money, net_of, read_request, segment, segment_value
from connector_resources.erp.visma.periods import JOURNALS, RECEIPTS, Calendar
from connector_resources.erp.visma.planning import Planner, Snapshot
from connector_resources.erp.visma.wire import CustomerRow, PeriodRow

DAY = date(2026, 3, 2)
PAYEE = documents.Payee("10042", "1985", "GC")
ROLE = AccountRole


def march() -> Snapshot:
    rows = [
        PeriodRow(year="2026", period="03", start_date="2026-03-01T00:00:00", end_date="2026-03-31", active=True),
    ]
    return Snapshot(Calendar(rows))


def planned(body: bytes, path: str) -> PlannedSubmission:
    return PlannedSubmission("r", "create", "POST", path, body, "application/json", ("k",))


# --- golden examples ---------------------------------------------------------------------------------------------------


def test_a_receipt_is_written_as_the_sheet_shows_it(given: SimpleNamespace) -> None:
    amount = Money(12500, "EUR")
    body = documents.receipt(given.receipt(), amount, DAY, PAYEE, [Allocation("000224", amount)], given.settings())

    assert dump_exact(body) == (
        b'{"type":{"value":"Payment"},"customer":{"value":"10042"},"paymentMethod":{"value":"GC"},'
        b'"cashAccount":{"value":"1985"},"currency":{"value":"EUR"},"paymentAmount":{"value":125.00},'
        b'"applicationDate":{"value":"2026-03-02T00:00:00"},"paymentRef":{"value":"PM00ABC123"},'
        b'"invoiceText":{"value":"GoCardless PM00ABC123 GCEV00001"},"hold":{"value":false},'
        b'"paymentLines":[{"operation":"Insert","documentType":{"value":"Invoice"},"refNbr":{"value":"000224"},'
        b'"amountPaid":{"value":125.00}}]}'
    )


def test_a_payout_is_written_as_the_sheet_shows_it(given: SimpleNamespace) -> None:
    item = given.payout()
    (batch,) = journals.batches(item)

    assert dump_exact(journals.journal(item, batch, date(2026, 3, 5), "202603", given.settings())) == (
        b'{"hold":{"value":false},"transactionDate":{"value":"2026-03-05T00:00:00"},'
        b'"financialPeriod":{"value":"202603"},"currencyId":{"value":"EUR"},'
        b'"description":{"value":"GoCardless payout of 2026-03-02 GCEV00005 PO00XYZ789"},'
        b'"controlTotalInCurrency":{"value":240.00},"journalTransactionLines":['
        b'{"operation":"Insert","accountNumber":{"value":"1920"},"referenceNumber":{"value":"PO00XYZ789"},'
        b'"transactionDescription":{"value":"PO00XYZ789 bank"},"debitAmountInCurrency":{"value":236.80}},'
        b'{"operation":"Insert","accountNumber":{"value":"7770"},"referenceNumber":{"value":"PO00XYZ789"},'
        b'"transactionDescription":{"value":"PO00XYZ789 fees"},"debitAmountInCurrency":{"value":3.20}},'
        b'{"operation":"Insert","accountNumber":{"value":"1985"},"referenceNumber":{"value":"PO00XYZ789"},'
        b'"transactionDescription":{"value":"PO00XYZ789 clearing"},"creditAmountInCurrency":{"value":240.00}}]}'
    )


def test_a_release_wraps_its_type_and_a_void_does_not() -> None:
    assert dump_exact(documents.release("VoidPayment")) == b'{"type":{"value":"VoidPayment"}}'
    assert dump_exact(documents.void("Payment")) == b'{"type":"Payment","returnVoidPayment":true}'


def test_a_new_customer_is_written_as_the_sheet_shows_it(given: SimpleNamespace) -> None:
    facts = {
        "name": "Nordlys Drift AS", "email": "regnskap@nordlys.example", "address_line1": "Havnegata 2",
        "postal_code": "0150", "city": "Oslo", "country_code": "NO",
    }  # fmt: skip
    item = given.posting(PostingKind.CUSTOMER, "CU1", facts=facts)

    assert dump_exact(documents.new_customer(item, "1", "GCCUST")) == (
        b'{"name":{"value":"Nordlys Drift AS"},"customerClassId":{"value":"1"},"overrideWithClassValues":true,'
        b'"mainContact":{"value":{"name":{"value":"Nordlys Drift AS"},"email":{"value":"regnskap@nordlys.example"}}},'
        b'"mainAddress":{"value":{"addressLine1":{"value":"Havnegata 2"},"postalCode":{"value":"0150"},'
        b'"city":{"value":"Oslo"},"countryId":{"value":"NO"}}},'
        b'"attributeLines":[{"attributeId":{"value":"GCCUST"},"attributeValue":{"value":"CU1"}}]}'
    )


def test_subaccount_items_are_not_wrapped(given: SimpleNamespace) -> None:
    item = given.payout()
    settings = given.settings(subaccount=[{"segment_id": 1, "segment_value": "0"}], branch="2", ledger="1")
    body = journals.journal(item, journals.batches(item)[0], DAY, "202603", settings)

    assert body["journalTransactionLines"][0]["subaccount"] == [{"segmentId": 1, "segmentValue": "0"}]
    assert body["branch"] == {"value": "2"}
    assert body["ledger"] == {"value": "1"}


# --- names and limits --------------------------------------------------------------------------------------------------


def test_texts_keep_ids_whole_within_vismas_limits(given: SimpleNamespace) -> None:
    long_event = "EV01J8Z5M4XQ5R0W9T2Y3K7N1B"
    item = given.with_facts(given.receipt("PM01HXABCDEFGHJ", event=long_event), receipt="again")

    assert len(documents.payment_ref(item)) <= 40
    assert documents.payment_ref(item).startswith("PM01HXABCDEFGHJ/")
    assert len(documents.invoice_text(item, DAY)) <= 50
    assert documents.invoice_text(item, DAY).startswith("PM01HXABCDEFGHJ")
    assert len(documents.own_number(item)) <= 15
    batch = journals.batches(given.payout())[0]
    assert journals.description(given.payout(), batch, DAY).endswith("GCEV00005 PO00XYZ789")


def test_each_receipt_of_a_payment_has_its_own_reference_and_number(given: SimpleNamespace) -> None:
    first = given.receipt()
    again = [given.with_facts(given.receipt(event=f"EV0000{n}"), receipt="again") for n in (2, 3)]
    for name in (documents.payment_ref, documents.own_number):
        assert len({name(each) for each in (first, *again)}) == 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [("000224", "000224"), ("A/1", "b64(QS8x)"), ("ø+;", "b64(w7grOw)"), ("K_1-b", "K_1-b")],
)
def test_reserved_characters_in_paths_are_base64(value: str, expected: str) -> None:
    assert segment(value) == expected
    assert segment_value(expected) == value


@examples(st.text(min_size=1))
def test_every_number_survives_the_path(value: str) -> None:
    assert segment_value(segment(value)) == value


# --- properties --------------------------------------------------------------------------------------------------------


@examples(minor=st.integers(1, 10**12), currency=st.sampled_from(["EUR", "JPY", "KWD"]))
def test_amounts_go_out_and_come_back_exactly(minor: int, currency: str) -> None:
    amount = Money(minor, currency)
    text = dump_exact({"value": amount.major})
    assert load_exact(text)["value"] == amount.major
    assert money(Decimal(f"{amount.major:.4f}"), currency) == amount


@examples(minor=st.integers(1, 10**9))
def test_euro_amounts_have_two_places(minor: int) -> None:
    written = dump_exact(Money(minor, "EUR").major)
    assert written == f"{minor // 100}.{minor % 100:02}".encode()


@pytest.mark.parametrize("value", [1.5, {"a": [1.0]}, Decimal("NaN"), date(2026, 1, 1), (0.1,)])
def test_nothing_inexact_becomes_json(value: Any) -> None:
    with pytest.raises(TypeError):
        dump_exact(value)


@examples(gross=st.integers(1, 10**7), percent=st.sampled_from(["0", "6", "12", "15", "25"]))
def test_net_and_vat_of_a_refund_make_the_gross_or_it_says_so(gross: int, percent: str) -> None:
    rate = Decimal(percent)
    try:
        net = net_of(Money(gross, "EUR"), rate)
    except ValueError:
        near = range(max(1, gross * 100 // (100 + int(rate)) - 3), gross * 100 // (100 + int(rate)) + 4)
        assert all(each + int((each * rate / 100 + Decimal("0.5")) // 1) != gross for each in near)
    else:
        vat = int((net.minor * rate / 100 + Decimal("0.5")) // 1)
        assert net.minor + vat == gross


@examples(minor=st.integers(1, 10**9), key=st.text("ABCDEFGHJKMNPQRSTVWXYZ0123456789", min_size=4, max_size=12))
def test_planning_twice_gives_the_same_bytes(given: SimpleNamespace, minor: int, key: str) -> None:
    planner = Planner(given.settings(), "nordlys")
    work = [PostingWork(given.receipt(f"PM{key}", minor)), PostingWork(given.payout())]
    first, second = (planner.plan(work, march()) for _ in range(2))
    assert [each.sha256 for each in first] == [each.sha256 for each in second]
    assert [each.body for each in first] == [each.body for each in second]


def test_a_stored_request_tells_what_it_asked_for(given: SimpleNamespace) -> None:
    amount = Money(12500, "EUR")
    body = documents.receipt(given.receipt(), amount, DAY, PAYEE, [Allocation("000224", amount)], given.settings())
    sent = read_request(planned(dump_exact(body), documents.PAYMENTS))

    assert (sent.action, sent.kind, sent.number, sent.dated) == ("create", "Payment", "", DAY)
    assert sent.fields["paymentAmount"] == Decimal("125.00")
    assert sent.lines[0]["refNbr"] == "000224"

    void = read_request(planned(dump_exact(documents.void("Refund")), "/v1/customerPayment/b64(QS8x)/action/void"))
    assert (void.action, void.kind, void.number) == ("void", "Refund", "A/1")
    release = read_request(planned(b"{}", "/v2/journaltransaction/000007/action/release"))
    assert (release.action, release.kind, release.number) == ("release", "Journal", "000007")
    change = read_request(planned(dump_exact(documents.attribute_lines({"GCCUST": "CU1"})), "/v1/customer/10042"))
    assert (change.action, change.kind, change.number) == ("update", "Customer", "10042")


# --- answers and periods -----------------------------------------------------------------------------------------------


def test_answers_may_wrap_their_values() -> None:
    row = CustomerRow.model_validate(
        {"number": {"value": "10042"}, "name": "Fjell", "currencyId": None, "attributes": [{"id": "A", "value": "x"}]}
    )
    assert (row.number, row.name, row.currency_id, row.attribute("A"), row.attribute("B")) == (
        "10042", "Fjell", "", "x", "",
    )  # fmt: skip


def test_periods_know_their_ledgers_and_leave_out_adjustment_periods() -> None:
    months = {"01": {}, "02": {"closedInCustomerLedger": True}, "03": {"closedInGeneralLedger": True}, "04": {}}
    rows = [
        {"year": "2026", "period": month, "startDate": f"2026-{month}-01T00:00:00Z",
         "endDate": f"2026-{month}-28T00:00:00", "active": month != "05", **flags}
        for month, flags in months.items()
    ]  # fmt: skip
    adjustment = {"year": "2026", "period": "13", "startDate": "2026-04-28", "endDate": "2026-04-28", "active": True}
    calendar = Calendar(PeriodRow.model_validate(row) for row in [*rows, adjustment])

    february = calendar.period_of(date(2026, 2, 10))
    assert february is not None
    assert february.id == "202602"
    assert february.is_open(JOURNALS)
    assert not february.is_open(RECEIPTS)
    assert calendar.next_open_day(date(2026, 2, 10), RECEIPTS) == date(2026, 4, 1)
    assert calendar.period_of(date(2026, 2, 28)) == february
    assert calendar.period_of(date(2026, 3, 30)) is None
    assert calendar.period_of(date(2026, 4, 28)) == calendar.period_of(date(2026, 4, 1))


def test_a_batch_per_currency_the_clearing_one_first(given: SimpleNamespace) -> None:
    euros = given.posting(PostingKind.PAYOUT, "PO1", ((ROLE.BANK, Side.DEBIT, 5), (ROLE.FX_TRANSIT, Side.CREDIT, 5)))
    krone = given.posting(
        PostingKind.PAYOUT, "PO1", ((ROLE.CLEARING, Side.CREDIT, 9), (ROLE.FX_TRANSIT, Side.DEBIT, 9)), currency="SEK"
    )
    both = replace(euros, lines=euros.lines + krone.lines)

    assert [(each.currency, each.suffix, each.step) for each in journals.batches(both)] == [
        ("SEK", "/A", "journal_a"), ("EUR", "/B", "journal_b"),
    ]  # fmt: skip
    assert [each.suffix for each in journals.batches(euros)] == [""]
