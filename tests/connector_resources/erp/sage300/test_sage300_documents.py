"""Request bodies as the fact sheet shows them, names that fit their columns, journals in the functional currency."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole
from connector_resources.erp.contract import Document, Hold, PlannedSubmission, PostingWork, StepDone
from connector_resources.erp.exact_json import dump_exact, load_exact
from connector_resources.erp.refusal import CannotBook
from connector_resources.erp.sage300 import documents, references, wire
from connector_resources.erp.sage300.carried import Carried
from connector_resources.erp.sage300.documents import Application
from connector_resources.erp.sage300.journals import journal_lines
from connector_resources.erp.sage300.periods import Calendar, Span, open_day
from connector_resources.erp.sage300.planning import Planner
from connector_resources.erp.sage300.refusals import is_duplicate, is_locked, rejected
from connector_resources.erp.sage300.snapshot import Snapshot, account_code, unformatted

ROOT = "/v1.0/-/SAMLTD/"


def account(settings: Any) -> Any:
    return lambda role, currency: account_code(role, currency, settings)


# --- bodies --------------------------------------------------------------------------------------------------------------


def test_a_receipt_batch_has_the_properties_of_the_sheet_in_their_order(given: SimpleNamespace) -> None:
    entry = documents.receipt(
        given.receipt("PM000123ABC"),
        Money(12_500, "EUR"),
        customer="1200",
        dated=date(2025, 1, 15),
        payment_code="GCDD",
        applications=[Application("IN0000123", 1, Money(12_500, "EUR"))],
    )

    body = documents.receipt_batch("GC RCPT 20250115 7F3A", date(2025, 1, 15), "GCEUR", [entry])

    assert list(body) == ["BatchRecordType", "BatchDate", "Description", "BankCode", "ReceiptsAdjustments"]
    assert list(entry) == [
        "BatchType", "ReceiptTransactionType", "CustomerNumber", "ReceiptDateAdjustmentDate", "PostingDate",
        "CheckReceiptNumber", "PaymentCode", "EntryDescription", "EntryReference", "BankReceiptAmount",
        "AppliedReceiptsAdjustments",
    ]  # fmt: skip
    assert entry["AppliedReceiptsAdjustments"] == [
        {
            "BatchType": "CA", "CustomerNumber": "1200", "DocumentNumber": "IN0000123", "PaymentNumber": 1,
            "ReceiptTransactionType": "Receipt", "CustomerReceiptAmount": Decimal("125.00"),
        }
    ]  # fmt: skip
    assert b'"BankReceiptAmount":125.00' in dump_exact(body)
    assert (body["BatchRecordType"], body["BatchDate"]) == ("CA", "2025-01-15")


def test_a_debit_note_has_its_revenue_account_and_one_instalment(given: SimpleNamespace) -> None:
    body = documents.invoice(
        given.reversal(given.receipt()),
        Money(12_500, "EUR"),
        kind="DebitNote",
        number="GCDPM000123",
        customer="1200",
        dated=date(2025, 1, 15),
        account="1099",
        tax_group="NOTAX",
        order_number="IN0000123",
    )

    assert body["InvoiceDetails"][0]["RevenueAccount"] == "1099"
    assert body["InvoiceDetails"][0]["ExtendedAmountWithTIP"] == Decimal("125.00")
    assert body["InvoicePaymentSchedules"] == [{"PaymentNumber": 1, "DueDate": "2025-01-15"}]
    order = list(body)
    assert order.index("CustomerNumber") < order.index("TaxGroup") < order.index("InvoiceDetails")


def test_a_journal_entry_spells_out_date_year_and_period(given: SimpleNamespace) -> None:
    settings = given.settings()
    lines = journal_lines(given.payout("PO000123ABC"), settings, "EUR", account(settings), None)
    span = Span(2025, 1, date(2025, 1, 1), date(2025, 1, 31))

    entry = documents.journal_entry(
        given.payout("PO000123ABC"), lines, span=span, dated=date(2025, 1, 17), ledger="GL", source_type="JE"
    )

    assert (entry["PostingDate"], entry["FiscalYear"], entry["FiscalPeriod"]) == ("2025-01-17", "2025", "01")
    shown = [(line["AccountNumber"], line["Amount"], line["SourceCurrencyAmount"]) for line in entry["JournalDetails"]]
    assert shown == [
        ("1020", Decimal("985.00"), Decimal("985.00")),
        ("6115", Decimal("12.50"), Decimal("12.50")),
        ("2150", Decimal("2.50"), Decimal("2.50")),
        ("1099", Decimal("-1000.00"), Decimal("-1000.00")),
    ]


def test_a_refund_pays_out_its_credit_note(given: SimpleNamespace) -> None:
    body = documents.refund(
        given.refund(), Money(4_000, "EUR"), customer="1200", dated=date(2025, 1, 15), bank="GCEUR", note="GCCRF000123"
    )

    assert (body["DocumentNumber"], body["CashBankAccount"]) == ("GCRRF000123", "GCEUR")
    assert body["RefundDetails"][0]["DocumentNumber"] == "GCCRF000123"


def test_a_batch_is_addressed_made_ready_and_posted_alone() -> None:
    assert documents.key_path(documents.RECEIPTS, "65") == (
        "AR/ARReceiptAndAdjustmentBatches(BatchRecordType='CA',BatchNumber=65)"
    )
    assert documents.key_path(documents.JOURNALS, "000490") == "GL/GLJournalBatches('000490')"
    assert documents.make_ready(documents.INVOICES, "ReadyToPost") == {"BatchStatus": "ReadyToPost"}
    assert documents.make_ready(documents.JOURNALS, "ReadyToPost") == {"ReadyToPost": "Yes"}
    assert documents.make_ready(documents.JOURNALS, "Status") == {"Status": "ReadyToPost"}
    assert documents.post_batch(documents.RECEIPTS, "65", {}) == {
        "BatchType": "CA", "PostAllBatches": "Donotpostallbatches", "PostBatchFrom": 65, "PostBatchTo": 65,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("template", "body"),
    [
        (
            {"PostAllBatches": "x", "FromBatchNumber": "", "ToBatchNumber": ""},
            {"PostAllBatches": "Donotpostallbatches", "FromBatchNumber": "000490", "ToBatchNumber": "000490"},
        ),
        ({"BatchNumberFrom": "", "BatchNumberTo": ""}, {"BatchNumberFrom": "000490", "BatchNumberTo": "000490"}),
    ],
)
def test_the_journal_process_is_called_as_its_template_says(template: dict[str, str], body: dict[str, str]) -> None:
    assert documents.post_batch(documents.JOURNALS, "000490", template) == body


def test_a_template_without_a_range_posts_nothing() -> None:
    with pytest.raises(ValueError, match="first and last batch"):
        documents.post_batch(documents.JOURNALS, "000490", {"ActionSelector": "string"})


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "AR/ARInvoiceBatches", {"Description": "GC DBN"}, ("InvoiceBatch", "create", "", "GC DBN")),
        ("POST", "AR/ARRefundBatches", {"BatchDescription": "GC RFD"}, ("RefundBatch", "create", "", "GC RFD")),
        ("PATCH", documents.key_path(documents.RECEIPTS, "65"), {}, ("ReceiptBatch", "ready", "65", "")),
        ("PATCH", "GL/GLJournalBatches('000490')", {}, ("JournalBatch", "ready", "000490", "")),
        ("POST", "AR/ARPostInvoices('$process')", {"PostBatchFrom": 7}, ("InvoiceBatch", "post", "7", "")),
        ("PATCH", "AR/ARCustomers('O''NEIL')", {}, ("Customer", "update", "O'NEIL", "")),
    ],
)  # fmt: skip
def test_stored_requests_are_read_again(method: str, path: str, body: dict[str, Any], expected: Any) -> None:
    planned = PlannedSubmission("r", "s", method, ROOT + path, dump_exact(body), "application/json", ("k",))

    sent = documents.read_request(planned)

    assert (sent.kind, sent.action, sent.key, sent.text) == expected


def test_a_strange_request_is_not_ours() -> None:
    planned = PlannedSubmission("r", "s", "POST", ROOT + "AR/ARTerms", b"{}", "application/json", ("k",))

    with pytest.raises(ValueError, match="no address"):
        documents.read_request(planned)


# --- names ---------------------------------------------------------------------------------------------------------------


def test_names_fit_their_columns_and_stay_apart(given: SimpleNamespace) -> None:
    ids = ["PM00A56MTOZ3PQ", "PM00A56MTOZ3PQ" * 2, "PM00A56MTOZ3PQ" * 2 + "X"]
    made = [given.receipt(subject) for subject in ids]

    checks = [references.check_number(each) for each in made]
    notes = [references.document_number(references.DEBIT_NOTE, given.reversal(each)) for each in made]

    assert checks[0] == "PM00A56MTOZ3PQ"
    assert len(set(checks)) == len(set(notes)) == 3
    assert max(map(len, checks)) <= 24
    assert max(map(len, notes)) <= 22
    assert len(references.journal_name(given.payout("PO" + "9" * 40))) <= 60


def test_what_is_booked_again_for_a_payment_has_another_number(given: SimpleNamespace) -> None:
    again = [given.receipt(event=event, facts={"receipt": "again"}) for event in ("EV8", "EV9")]
    notes = [given.reversal(given.receipt(), event=event) for event in ("EV8", "EV9")]

    numbers = {references.check_number(each) for each in (given.receipt(), *again)}

    assert len(numbers) == 3
    assert len({references.document_number(references.DEBIT_NOTE, each) for each in notes}) == 2


def test_a_batch_is_named_after_its_postings_and_its_connection() -> None:
    day = date(2026, 3, 2)
    name = references.batch_name("RCPT", day, "harbour", ["a", "b"])

    assert name == references.batch_name("RCPT", day, "harbour", ["a", "b"])
    assert name.startswith("GC RCPT 20260302 ")
    assert len({name, references.batch_name("RCPT", day, "other", ["a", "b"]),
                references.batch_name("RCPT", day, "harbour", ["a"])}) == 3  # fmt: skip


def test_texts_are_cut_to_their_column_in_the_code_page_of_the_server() -> None:
    assert references.cut("Zażółć  gęś\n42") == "ZA?Ó?? G?? 42"
    assert len(references.cut("x" * 200)) == 60


# --- journals ------------------------------------------------------------------------------------------------------------


def test_a_converted_payout_is_valued_at_gocardless_rate(given: SimpleNamespace) -> None:
    settings = given.settings()

    lines = journal_lines(given.converted_payout(), settings, "EUR", account(settings), None)

    shown = [(line.account, line.amount.minor, line.source, line.rate) for line in lines]
    assert shown == [
        ("1020", 11_583, None, None),
        ("6115", 117, Money(100, "GBP"), Decimal("1.17")),
        ("1098", -11_700, Money(-10_000, "GBP"), Decimal("1.17")),
    ]


def test_books_in_the_collected_currency_value_what_was_received(given: SimpleNamespace) -> None:
    settings = given.settings()

    lines = journal_lines(given.converted_payout(), settings, "GBP", account(settings), None)

    assert [line.amount.minor for line in lines] == [9_900, 100, -10_000]
    assert lines[0].source == Money(11_583, "EUR")


def test_without_any_rate_nothing_is_made_up(given: SimpleNamespace) -> None:
    settings = given.settings()

    with pytest.raises(CannotBook, match="exchange_rate_missing"):
        journal_lines(given.payout(), settings, "USD", account(settings), None)


def test_carried_items_replace_the_sum_line_by_line(given: SimpleNamespace) -> None:
    settings = given.settings(mode="payout_gl")
    carried = [
        Carried("PM1", "payment_paid_out", Money(130_000, "EUR"), "1200", "IN1"),
        Carried("RF1", "refund", Money(-30_000, "EUR"), "1200"),
    ]

    lines = journal_lines(given.payout(), settings, "EUR", account(settings), carried)

    assert [(x.account, x.amount.minor, x.description, x.reference) for x in lines[3:]] == [
        ("1100", -130_000, "AR 1200 IN1", "PM1"),
        ("1100", 30_000, "AR 1200 NO INVOICE REFUND", "RF1"),
    ]


# --- accounts, periods, refusals -----------------------------------------------------------------------------------------


def test_accounts_may_be_written_with_or_without_separators(given: SimpleNamespace) -> None:
    settings = given.settings()

    assert account_code(AccountRole.OTHER_INCOME, "EUR", settings) == "4010100"
    assert unformatted("6000-100") == "6000100"


@pytest.mark.parametrize(
    ("subledgers", "takes"), [((), False), (("AR",), False), (("AR", "GL"), True)]
)  # fmt: skip
def test_a_control_account_takes_journals_when_the_general_ledger_is_among_its_subledgers(
    subledgers: tuple[str, ...], takes: bool
) -> None:
    rows = [{"SubledgerApplication": name} for name in subledgers]

    row = wire.GlAccount.model_validate(
        {"UnformattedAccount": "1100", "ControlAccount": "Yes", "ControlAccountSubledgers": rows}
    )

    assert row.takes_journals is takes


def test_a_fiscal_year_need_not_be_a_calendar_year() -> None:
    year = {"FiscalPeriod1StartDate": "2025-07-01T00:00:00Z", "FiscalPeriod1EndDate": "2025-07-31T00:00:00Z"}
    calendar = Calendar({2026: wire.FiscalCalendar.model_validate(year)})

    assert str(calendar.span_of(date(2025, 7, 31))) == "2026/1"
    assert calendar.span_of(date(2025, 8, 1)) is None


def test_a_day_is_moved_behind_the_lock_only_by_policy() -> None:
    lock = date(2026, 2, 28)

    assert open_day(date(2026, 3, 1), lock, "hold") == date(2026, 3, 1)
    assert open_day(date(2026, 2, 28), lock, "hold") is None
    assert open_day(date(2026, 2, 1), lock, "next_open_day") == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Batch date 2026-03-02 falls in period 3, 2026, which is locked for Accounts Receivable.", "period_closed"),
        ("Cannot determine the fiscal period for 2031-01-01.", "period_closed"),
        ("The batch is locked by another user.", "locked_by_user"),
        ("Account 1100 is a control account.", "account_refused"),
        ("Customer 1200 is inactive.", "customer_inactive"),
        ("Something nobody has seen before.", "refused"),
    ],
)
def test_refusals_are_explained(text: str, code: str) -> None:
    refusal = rejected(text, "The receipt batch")

    assert refusal.code == code
    assert text in refusal.reason
    assert refusal.next_step


def test_only_duplicates_are_looked_up() -> None:
    assert is_duplicate("RecordDuplicate", "")
    assert is_duplicate("FieldInvalid", "The document number already exists.")
    assert not is_duplicate("General", "Some other rule.")
    assert is_locked("The batch is in use by another user.")


# --- planning ------------------------------------------------------------------------------------------------------------


def snapshot_for(*numbers: str) -> Snapshot:
    return Snapshot(functional="EUR", customers={x: wire.Customer(customer_number=x) for x in numbers})


def test_the_same_work_gives_the_same_bytes(given: SimpleNamespace) -> None:
    work = [PostingWork(each) for each in given.receipts(3)]
    planner = Planner(given.settings(), given.CONNECTION)

    first, second = (planner.plan(work, snapshot_for("1200")) for _ in range(2))

    assert first == second
    assert [len(each.posting_keys) for each in first] == [3]
    assert len(load_exact(first[0].body)["ReceiptsAdjustments"]) == 3


def test_an_open_batch_of_the_same_text_stops_it_being_made_again(given: SimpleNamespace) -> None:
    work = [PostingWork(each) for each in given.receipts(2)]
    planner, snapshot = Planner(given.settings(), given.CONNECTION), snapshot_for("1200")
    (planned,) = planner.plan(work, snapshot)
    snapshot.open_names = {documents.RECEIPTS: {load_exact(planned.body)["Description"]: "65"}}

    answers = planner.plan(work, snapshot)

    assert [each.code for each in answers if isinstance(each, Hold)] == ["batch_exists", "batch_exists"]
    assert "batch 65" in answers[0].reason


def test_what_was_not_read_back_is_not_taken_further(given: SimpleNamespace) -> None:
    done = StepDone("receipt", Document(documents.RECEIPTS, "65"))

    (answer,) = Planner(given.settings(post_mode="post"), given.CONNECTION).plan(
        [PostingWork(given.receipt(), (done,))], snapshot_for("1200")
    )

    assert isinstance(answer, Hold)
    assert answer.code == "not_read_back"


def test_the_postings_of_a_batch_go_on_together(given: SimpleNamespace) -> None:
    done = StepDone("receipt", Document(documents.RECEIPTS, "65", details={"status": "Open"}), verified=True)
    work = [PostingWork(each, (done,)) for each in given.receipts(3)]

    (ready,) = Planner(given.settings(post_mode="ready"), given.CONNECTION).plan(work, snapshot_for("1200"))

    assert (ready.method, ready.step, len(ready.posting_keys)) == ("PATCH", "ready_receipt", 3)


def test_two_batches_of_a_plan_never_settle_one_invoice_twice(given: SimpleNamespace, site: Any) -> None:
    site.company.add_invoice("1200", "IN1", 12_500)
    twice = [given.receipt(f"PM{n}", event=f"EV{n}", invoice="IN1") for n in (1, 2)]

    site.post(*twice, max_entries_per_batch=1)

    applied = [line for entry in site.receipts() for line in entry["AppliedReceiptsAdjustments"]]
    assert len(applied) == 1
