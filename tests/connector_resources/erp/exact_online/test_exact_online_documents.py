"""The exact bytes of requests, as an accountant and the sheet's examples have them; and properties of every entry."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given as generated
from hypothesis import settings as limits
from hypothesis import strategies as st

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Posting, PostingKind, Side
from connector_resources.erp.contract import Complete, Hold, PlannedSubmission, PostingWork
from connector_resources.erp.exact_online import documents, odata, wire
from connector_resources.erp.exact_online.invoices import claims
from connector_resources.erp.exact_online.periods import Calendar
from connector_resources.erp.exact_online.planning import Planner
from connector_resources.erp.exact_online.readback import entry_differences
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.snapshot import Balance, Snapshot

CODES = ("1230", "1231", "1300", "1510", "2000", "2990", "4500", "4510", "8000", "2010")
GL = {code: f"00000000-0000-0000-0000-00000000{code}" for code in CODES}
BAKKER = "00000000-0000-0000-0000-000000000042"
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def snapshot(**changes: Any) -> Snapshot:
    """The division as it would be read: months as periods, customer 42, the chart of the stand-in."""
    made = Snapshot(division=4001234, currency="EUR")
    periods = [
        wire.Period(fin_year=2026, fin_period=n, start_date=f"2026-{n:02}-01", end_date=f"2026-{n:02}-{days}")
        for n, days in enumerate(MONTHS, start=1)
    ]
    made.calendar = Calendar(periods)
    made.gl_accounts = {code: wire.GlAccount(id=GL[code], code=code) for code in CODES}
    made.gl_accounts["4510"] = wire.GlAccount(id=GL["4510"], code="4510", vat_code="4  ".strip())
    made.accounts = {"42": wire.Account(id=BAKKER, code="42", status="C")}
    made.balances = {"23": Balance(Decimal("540.00"), 2026, 2)}
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def invoice(number: int, minor: int, **changes: Any) -> wire.Receivable:
    fields: dict[str, Any] = {
        "id": f"00000000-0000-0000-0000-0000{number:08d}", "account": BAKKER, "account_code": "42",
        "amount_fc": -Money(minor, "EUR").major, "transaction_amount_fc": Money(minor, "EUR").major, "currency": "EUR",
        "invoice_number": number, "entry_number": number, "gl_account": GL["1300"], "journal": "70", "status": 20,
        "transaction_type": 20, "due_date": "2026-03-16",
    }  # fmt: skip
    return wire.Receivable(**{**fields, **changes})


def plan(settings: ExactOnlineSettings, known: Snapshot, *postings: Posting) -> list[Any]:
    return Planner(settings, "polder").plan([PostingWork(each) for each in postings], known)


def one(settings: ExactOnlineSettings, known: Snapshot, posting: Posting) -> PlannedSubmission:
    (answer,) = plan(settings, known, posting)
    assert isinstance(answer, PlannedSubmission), answer
    return answer


def body(planned: PlannedSubmission) -> dict[str, Any]:
    return dict(json.loads(planned.body, parse_float=str))


def test_a_receipt_is_this_request(given: SimpleNamespace) -> None:
    known = snapshot()
    known.take_claims(claims([invoice(26700042, 12_100)], given.settings()))
    planned = one(given.settings(), known, given.receipt(invoice="26700042"))
    entry_id = documents.entry_id_of("polder", "EV00001:receipt/entry")
    assert (planned.method, planned.path) == ("POST", "/api/v1/4001234/financialtransaction/BankEntries")
    assert planned.headers == (("prefer", "return=representation"),)
    assert planned.body.decode() == (
        f'{{"EntryID":"{entry_id}","JournalCode":"23","Currency":"EUR","FinancialYear":2026,"FinancialPeriod":3,'
        '"OpeningBalanceFC":540.00,"ClosingBalanceFC":661.00,"BankEntryLines":[{"Date":"2026-03-02T00:00:00",'
        f'"Description":"GCEV00001 PM000123 receipt","GLAccount":"{GL["1300"]}","AmountFC":121.00,'
        '"Notes":"GoCardless receipt PM000123; PM000123 receivable",'
        f'"Account":"{BAKKER}","OurRef":26700042}}]}}'
    )


def test_an_entry_is_the_same_one_whatever_balance_it_opens_with(given: SimpleNamespace) -> None:
    first, second = snapshot(), snapshot()
    second.balances = {"23": Balance(Decimal("77.00"), 2026, 3)}
    requests = [one(given.settings(), known, given.receipt()) for known in (first, second)]
    assert requests[0].reference != requests[1].reference
    assert len({body(each)["EntryID"] for each in requests}) == 1


def test_a_payout_is_one_entry_with_a_line_per_account(given: SimpleNamespace) -> None:
    sent = body(one(given.settings(), snapshot(), given.payout()))
    lines = [(x["Description"], x["GLAccount"], x["AmountFC"], x.get("VATCode")) for x in sent["BankEntryLines"]]
    assert lines == [
        ("GCEV00005 PO000123 payout bank", GL["2000"], "-236.80", None),
        ("GCEV00005 PO000123 payout fees", GL["4500"], "-2.64", None),
        ("GCEV00005 PO000123 payout input vat", GL["1510"], "-0.56", None),
    ]
    assert (sent["OpeningBalanceFC"], sent["ClosingBalanceFC"]) == ("540.00", "300.00")


def test_vat_goes_into_the_fee_where_a_vat_code_books_it(given: SimpleNamespace) -> None:
    settings = given.settings(fee_vat_mode="vat_code", vat_codes={"NL_VAT_1": "4"})
    lines = body(one(settings, snapshot(), given.payout()))["BankEntryLines"]
    assert [(x["AmountFC"], x.get("VATCode"), x.get("AmountVATFC")) for x in lines] == [
        ("-236.80", None, None),
        ("-3.20", "4", "-0.56"),
    ]


def test_vat_can_be_part_of_the_cost(given: SimpleNamespace) -> None:
    lines = body(one(given.settings(fee_vat_mode="none"), snapshot(), given.payout()))["BankEntryLines"]
    assert [(x["GLAccount"], x["AmountFC"]) for x in lines[1:]] == [(GL["4500"], "-2.64"), (GL["4500"], "-0.56")]


def test_an_account_that_brings_its_own_vat_code_needs_one_without_vat(given: SimpleNamespace) -> None:
    accounts = {**given.section()["accounts"], "fees": "4510"}
    (hold,) = plan(given.settings(accounts=accounts), snapshot(), given.payout(vat=0))
    assert isinstance(hold, Hold)
    assert (hold.code, "no_vat_code" in hold.next_step) == ("vat_code_unmapped", True)
    settings = given.settings(accounts=accounts, no_vat_code="0")
    lines = body(one(settings, snapshot(), given.payout(vat=0)))["BankEntryLines"]
    assert [x.get("VATCode") for x in lines] == [None, "0"]


def test_a_credit_note_takes_its_vat_out_of_the_refund_to_the_cent(given: SimpleNamespace) -> None:
    settings = given.settings(refund_vat_code="2", refund_vat_percent="21")
    planned = one(settings, snapshot(), given.refund(minor=4_000))
    sent = body(planned)
    assert planned.path.endswith("/salesentry/SalesEntries")
    assert (sent["YourRef"], sent["Customer"], sent["Journal"]) == ("RF000123", BAKKER, "70")
    (line,) = sent["SalesEntryLines"]
    assert (line["AmountFC"], line["VATAmountFC"], line["VATCode"]) == ("-33.06", "-6.94", "2")


def test_a_general_journal_holds_the_clearing_account_too_and_balances(given: SimpleNamespace) -> None:
    sent = body(one(given.settings(booking_document="general_journal"), snapshot(), given.receipt()))
    lines = sent["GeneralJournalEntryLines"]
    assert [(x["GLAccount"], x["AmountFC"]) for x in lines] == [(GL["1230"], "121.00"), (GL["1300"], "-121.00")]
    assert "OpeningBalanceFC" not in sent


def test_a_converted_payout_carries_gocardless_rate_in_either_direction(given: SimpleNamespace) -> None:
    sent = body(one(given.settings(), snapshot(), given.converted_payout()))
    assert (sent["JournalCode"], {x["ExchangeRate"] for x in sent["BankEntryLines"]}) == ("24", {"1.17"})
    pounds = snapshot(currency="GBP")
    assert "ExchangeRate" not in body(one(given.settings(), pounds, given.converted_payout()))["BankEntryLines"][0]


def test_a_receipt_over_several_invoices_has_a_line_for_each_and_one_for_the_rest(given: SimpleNamespace) -> None:
    known = snapshot()
    rows = [invoice(26700042, 5_000, due_date="2026-03-01"), invoice(26700043, 6_000)]
    known.take_claims(claims(rows, given.settings()))
    item = given.receipt(minor=12_100, invoice="invoices 26700042 and 26700043")
    lines = body(one(given.settings(), known, item))["BankEntryLines"]
    assert [(x["AmountFC"], x.get("OurRef")) for x in lines] == [
        ("50.00", 26700042),
        ("60.00", 26700043),
        ("11.00", None),
    ]


def test_no_invoice_is_promised_twice_in_one_plan(given: SimpleNamespace) -> None:
    known = snapshot()
    known.take_claims(claims([invoice(26700042, 12_100)], given.settings()))
    items = [given.receipt(f"PM{n}", invoice="26700042", event=f"EV{n}") for n in range(2)]
    (entry,) = plan(given.settings(), known, *items)
    assert [x.get("OurRef") for x in body(entry)["BankEntryLines"]] == [26700042, None]


@pytest.mark.parametrize(
    ("mode", "account", "customer"), [("on_account", "1300", BAKKER), ("suspense", "2990", BAKKER)]
)
def test_a_receipt_that_fits_nothing_goes_where_the_settings_say(
    mode: str, account: str, customer: str, given: SimpleNamespace
) -> None:
    (line,) = body(one(given.settings(unmatched_receipts=mode), snapshot(), given.receipt()))["BankEntryLines"]
    assert (line["GLAccount"], line["Account"]) == (GL[account], customer)
    assert "OurRef" not in line


def test_what_cannot_be_booked_is_held_with_the_reason(given: SimpleNamespace) -> None:
    settings = given.settings()
    blocked = {"42": wire.Account(id=BAKKER, code="42", status="C", blocked=True)}
    prospect = {"42": wire.Account(id=BAKKER, code="42", status="P")}
    late = given.receipt(booking_date=date(2027, 1, 4))
    accounts = {**given.section()["accounts"], "receivable": "1399"}
    cases: list[tuple[ExactOnlineSettings, Snapshot, Posting, str]] = [
        (settings, snapshot(), given.receipt(customer=None), "customer_unmapped"),
        (settings, snapshot(), given.receipt(customer="77"), "customer_missing"),
        (settings, snapshot(accounts=blocked), given.receipt(), "customer_inactive"),
        (settings, snapshot(accounts=prospect), given.receipt(), "customer_inactive"),
        (settings, snapshot(), late, "period_closed"),
        (settings, snapshot(), given.receipt(facts={"period_closed": "2026-02-28"}), "period_closed"),
        (given.settings(unmatched_receipts="hold"), snapshot(), given.receipt(), "invoice_unmatched"),
        (given.settings(refund_mode="hold"), snapshot(), given.refund(), "refund_by_hand"),
        (given.settings(accounts=accounts), snapshot(), given.receipt(), "account_refused"),
        (given.settings(accounts={"receivable": "1300"}), snapshot(), given.payout(), "account_unmapped"),
        (given.settings(general_journal=None), snapshot(), given.receipt(currency="SEK"), "currency_unmapped"),
        (settings, snapshot(), given.reversal(given.receipt()), "document_unknown"),
        (
            given.settings(fee_vat_mode="vat_code", vat_codes={"X": "4"}),
            snapshot(),
            given.payout(),
            "vat_code_unmapped",
        ),
    ]
    for chosen, known, item, code in cases:
        (hold,) = plan(chosen, known, item)
        assert isinstance(hold, Hold), (code, hold)
        assert hold.code == code
        assert hold.next_step.endswith(f"release {item.key}."), hold.next_step


def test_a_closed_period_moves_the_entry_where_wished_and_keeps_the_date(given: SimpleNamespace) -> None:
    known = snapshot()
    status = wire.JournalStatus(journal="23", year=2026, period=3, status=1)
    rows = [
        wire.Period(fin_year=2026, fin_period=n, start_date=f"2026-0{n}-01", end_date=f"2026-0{n}-28") for n in (3, 4)
    ]
    known.calendar = Calendar(rows, [status])
    (hold,) = plan(given.settings(), known, given.receipt())
    assert hold.code == "period_closed"
    sent = body(one(given.settings(closed_period="next_open_period"), known, given.receipt()))
    assert (sent["FinancialPeriod"], sent["BankEntryLines"][0]["Date"]) == (4, "2026-04-01T00:00:00")
    assert "of 2026-03-02" in sent["BankEntryLines"][0]["Notes"]


def test_a_posting_without_amount_is_complete_and_kinds_of_gocardless_are_a_mistake(given: SimpleNamespace) -> None:
    empty = given.posting(PostingKind.PAYOUT, "PO1")
    assert isinstance(plan(given.settings(), snapshot(), empty)[0], Complete)
    with pytest.raises(ValueError, match="GoCardless"):
        plan(given.settings(), snapshot(), given.posting(PostingKind.COLLECTION, "MD1"))


# --- what customers owe ------------------------------------------------------------------------------------------------


def test_the_signs_in_which_exact_shows_debts_are_all_understood(given: SimpleNamespace) -> None:
    ours = {"journal": "23", "transaction_type": 40}
    for sign in (-1, 1):
        rows = [
            invoice(1, 1_000, amount_fc=Decimal(10) * sign),
            invoice(2, 1_000, amount_fc=Decimal(10) * sign),
            invoice(2, 400, amount_fc=Decimal(-4) * sign, entry_number=77, **ours),
            invoice(3, 900, amount_fc=Decimal(9) * sign, entry_number=78, **ours),
            invoice(4, 500, amount_fc=Decimal(-5) * sign, transaction_amount_fc=Decimal(-5), transaction_type=21),
        ]
        found = {x.invoice.number: x.invoice.open_amount.minor for x in claims(rows, given.settings())}
        assert found == {"1": 1_000, "2": 600, "3": 900, "4": -500}


def test_what_exact_collects_itself_is_on_hold_unless_that_is_ignored(given: SimpleNamespace) -> None:
    rows = [invoice(1, 100, payment_method="I"), invoice(2, 100, status=30), invoice(3, 100)]
    held = [x.invoice.on_hold for x in claims(rows, given.settings())]
    assert held == [True, True, False]
    assert not any(x.invoice.on_hold for x in claims(rows, given.settings(collected_by_exact="ignore")))


def test_one_number_of_two_customers_is_two_invoices(given: SimpleNamespace) -> None:
    other = "00000000-0000-0000-0000-000000000043"
    rows = [invoice(1, 100), invoice(1, 200, account=other, account_code="43", journal="71")]
    assert sorted(x.invoice.number for x in claims(rows, given.settings())) == ["1/70/42", "1/71/43"]


# --- properties --------------------------------------------------------------------------------------------------------

amounts = st.integers(min_value=1, max_value=10**9)


@limits(max_examples=60, deadline=None)
@generated(st.lists(amounts, min_size=1, max_size=12), st.integers(1, 5), st.booleans(), st.sampled_from([1, -1]))
def test_entries_carry_every_cent_once_whatever_their_size(
    minors: list[int], lines: int, backwards: bool, sign: int
) -> None:
    settings = ExactOnlineSettings.model_validate(
        {
            "kind": "exact_online",
            "currencies": {"EUR": {"bank_journal": "23", "transit_account": "2000"}},
            "accounts": {"receivable": "1300"},
            "refund_mode": "payment_only",
            "lines_per_entry": lines,
            "bank_amount_sign": sign,
        }
    )
    items = [_receipt(n, minor) for n, minor in enumerate(minors)]
    planned = plan(settings, snapshot(), *items)
    again = plan(settings, snapshot(), *(reversed(items) if backwards else items))
    assert {x.sha256 for x in plan(settings, snapshot(), *items)} == {x.sha256 for x in planned}
    assert sorted(key for x in again for key in x.posting_keys) == sorted(item.key for item in items)
    opening = Decimal("540.00")
    for each in planned:
        sent = json.loads(each.body, parse_float=Decimal)
        total = sum((line["AmountFC"] for line in sent["BankEntryLines"]), Decimal(0))
        assert (sent["OpeningBalanceFC"], sent["ClosingBalanceFC"]) == (opening, opening + total)
        assert len(sent["BankEntryLines"]) <= lines
        opening = sent["ClosingBalanceFC"]
    assert opening - Decimal("540.00") == sign * Money(sum(minors), "EUR").major


@limits(max_examples=60, deadline=None)
@generated(amounts, st.decimals(0, 100, places=2))
def test_a_credit_note_always_sums_to_the_refund(minor: int, percent: Decimal) -> None:
    gross = Money(minor, "EUR")
    vat = documents.vat_inside(gross, percent)
    assert 0 <= vat.minor <= gross.minor
    assert (gross - vat) + vat == gross


@limits(max_examples=60, deadline=None)
@generated(st.lists(amounts, min_size=1, max_size=6), st.data())
def test_a_difference_in_any_line_is_seen(minors: list[int], data: st.DataObject) -> None:
    settings = ExactOnlineSettings.model_validate(
        {
            "kind": "exact_online",
            "currencies": {"EUR": {"bank_journal": "23", "transit_account": "2000"}},
            "accounts": {"receivable": "1300"},
            "refund_mode": "payment_only",
        }
    )
    (planned,) = plan(settings, snapshot(), *(_receipt(n, minor) for n, minor in enumerate(minors)))
    sent = documents.read_request(planned)
    rows = [
        wire.TransactionLine(
            entry_id=sent.key, line_number=n, account=line["Account"], amount_fc=-line["AmountFC"], currency="EUR",
            description=line["Description"],
        )
        for n, line in enumerate(sent.lines, start=1)
    ]  # fmt: skip
    assert entry_differences(sent, rows, 1) == []
    victim = data.draw(st.integers(0, len(rows) - 1))
    broken = {"amount_fc": rows[victim].amount_fc + Decimal("0.01")}
    change = data.draw(st.sampled_from([broken, {"account": ""}, {"description": "GCEV0"}, None]))
    rows[victim : victim + 1] = [] if change is None else [rows[victim].model_copy(update=change)]
    assert entry_differences(sent, rows, 1)


def _receipt(number: int, minor: int) -> Posting:
    from bookkeeping.postings import Party

    payer, amount = Party("CU1", "42"), Money(minor, "EUR")
    return Posting(
        key=f"EV{number:05d}:receipt", connection="polder", kind=PostingKind.RECEIPT, event_id=f"EV{number:05d}",
        subject=f"PM{number:05d}", occurred_at=odata.moment_of("2026-03-02T10:00:00"), booking_date=date(2026, 3, 2),
        reference=f"GCEV{number:05d}", text="receipt", party=payer,
        lines=(
            Line(AccountRole.CLEARING, Side.DEBIT, amount), Line(AccountRole.RECEIVABLE, Side.CREDIT, amount, party=payer),
        ),
    )  # type: ignore[arg-type]  # fmt: skip
