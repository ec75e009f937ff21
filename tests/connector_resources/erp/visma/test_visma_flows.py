"""The life of every kind of posting against the Visma stand-in: what ends up in its books, seen from its own side."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, PostingKind, Side
from connector_resources.erp.contract import Hold, Mismatch, Rejected
from sandbox.visma.company import Company

ROLE = AccountRole


def test_a_receipt_settles_the_invoice_it_names(desk: Any, given: SimpleNamespace, company: Company) -> None:
    company.add_invoice("000224", given.CUSTOMER, 12500)

    desk.run(given.receipt(invoices=("000224",)))

    assert desk.completed == {"EV00001:receipt": ""}
    assert company.documents["Invoice", "000224"].status == "Closed"
    assert company.books.balance("1985", "EUR") == 12500
    assert company.books.receivable(given.CUSTOMER, "EUR") == 0
    assert [payment.reference for payment in company.payments.values()] == ["PM00ABC123"]


def test_nothing_the_connector_sends_is_ignored_by_visma(desk: Any, given: SimpleNamespace, company: Company) -> None:
    company.add_invoice("000224", given.CUSTOMER, 12500)
    item = given.receipt(invoices=("000224",))
    desk.run(item, given.refund(), given.payout(), given.mandate("active"), given.reversal(item))

    assert not desk.held
    assert company.ignored_fields == set()
    assert company.ignored_parameters == set()


def test_a_receipt_without_an_invoice_stays_on_account(desk: Any, given: SimpleNamespace, company: Company) -> None:
    desk.run(given.receipt(invoices=("nobody knows",)))

    payment = company.payments["Payment", "000001"]
    assert (payment.status, payment.available_minor) == ("Open", 12500)
    assert company.books.receivable(given.CUSTOMER, "EUR") == -12500


def test_a_receipt_without_an_invoice_is_held_when_asked_for(build: Any, given: SimpleNamespace) -> None:
    desk = given.Desk(build(unmatched_receipts="hold")).run(given.receipt(invoices=("4711",)))

    held = desk.held["EV00001:receipt"]
    assert held.code == "invoice_unmatched"
    assert "4711" in held.reason


def test_two_receipts_of_one_run_never_settle_the_same_balance(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    company.add_invoice("000224", given.CUSTOMER, 10000)
    first = given.receipt("PM01", 8000, event="EV1", invoices=("000224",))
    second = given.receipt("PM02", 8000, event="EV2", invoices=("000224",))

    desk.run(first, second)

    assert not desk.held
    assert company.documents["Invoice", "000224"].balance_minor == 0
    assert [payment.available_minor for payment in company.payments.values()] == [0, 6000]


def test_a_draft_of_an_earlier_run_keeps_what_it_was_promised(
    build: Any, desk: Any, given: SimpleNamespace, company: Company
) -> None:
    """The first process dies between create and release; the second plans both postings from a fresh start."""
    company.switches.change({"drafts_reserve_invoices": False})
    company.add_invoice("000224", given.CUSTOMER, 10000)
    first = given.receipt("PM01", 8000, event="EV1", invoices=("000224",))
    desk.note(planned := desk.next(first), desk.send(planned))

    later = given.Desk(build(), done=dict(desk.done))
    later.run(first, given.receipt("PM02", 8000, event="EV2", invoices=("000224",)))

    assert not later.held
    assert company.documents["Invoice", "000224"].balance_minor == 0


def test_a_late_failure_voids_the_receipt_and_reopens_the_invoice(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    company.add_invoice("000224", given.CUSTOMER, 12500)
    item = given.receipt(invoices=("000224",))

    desk.run(item).run(given.reversal(item))

    assert not desk.held
    assert company.payments["Payment", "000001"].status == "Voided"
    assert company.documents["Invoice", "000224"].balance_minor == 12500
    assert company.books.balance("1985", "EUR") == 0


def test_a_payment_that_succeeds_again_has_a_reference_of_its_own(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    item = given.receipt()
    again = given.with_facts(given.receipt(event="EV00009"), receipt="again")

    desk.run(item).run(given.reversal(item)).run(again)

    assert not desk.held
    references = {payment.reference for payment in company.payments.values() if payment.status == "Open"}
    assert references == {"PM00ABC123/EV00009"}


def test_a_receipt_of_the_time_before_us_cannot_be_voided(desk: Any, given: SimpleNamespace) -> None:
    desk.run(given.reversal(given.receipt(), reverses=None))

    assert desk.held["EV00002:receipt_reversal"].code == "document_unknown"


def test_a_void_in_a_closed_period_waits_before_its_release(
    build: Any, desk: Any, given: SimpleNamespace, company: Company
) -> None:
    item = given.receipt()
    desk.run(item)
    company.close_period("202603", ("AR",))

    later = given.Desk(build(), done=desk.done, completed=desk.completed)
    later.run(item, given.reversal(item))

    held = later.held["EV00002:receipt_reversal"]
    assert isinstance(held, Hold)
    assert held.code == "period_closed"
    assert "dated 2026-03-02, in closed period 202603" in held.reason
    assert company.payments["Payment", "000001"].status == "Open"


def test_a_chargeback_can_leave_the_receipt_standing(build: Any, given: SimpleNamespace, company: Company) -> None:
    desk = given.Desk(build(chargeback_mode="debit_note", chargeback_receivable="2990"))
    item = given.receipt()
    back = given.with_facts(given.reversal(item), event="payments.charged_back")
    again = given.with_facts(given.receipt(event="EV00009"), receipt="again", event="payments.chargeback_cancelled")

    desk.run(item).run(back)
    assert company.payments["Payment", "000001"].status == "Open"
    assert company.books.balance("2990", "EUR") == 12500
    assert company.books.balance("1985", "EUR") == 0
    desk.run(again)

    assert not desk.held
    assert company.books.balance("2990", "EUR") == 0
    assert company.books.balance("1985", "EUR") == 12500


def test_a_refund_is_a_credit_note_with_an_outgoing_payment(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    desk.run(given.refund(minor=4000))

    assert not desk.held
    assert [done.step for done in desk.done["EV00003:refund"]] == [
        "credit_note", "release_credit_note", "refund", "release_refund",
    ]  # fmt: skip
    assert company.documents["CreditNote", "000001"].status == "Closed"
    assert company.books.balance("3000", "EUR") == 4000
    assert company.books.balance("1985", "EUR") == -4000
    assert company.books.receivable(given.CUSTOMER, "EUR") == 0


def test_a_refund_with_vat_gives_the_customer_the_gross_amount(
    build: Any, given: SimpleNamespace, company: Company
) -> None:
    desk = given.Desk(build(refund_vat_category="STANDARD", refund_vat_percent="25"))
    desk.run(given.refund(minor=12500))

    assert not desk.held
    assert company.books.balance("3000", "EUR") == 10000
    assert company.books.balance("2700", "EUR") == 2500
    assert company.books.balance("1985", "EUR") == -12500


def test_a_refund_that_no_net_amount_explains_is_held(build: Any, given: SimpleNamespace) -> None:
    desk = given.Desk(build(refund_vat_category="STANDARD", refund_vat_percent="25"))
    desk.run(given.refund(minor=2))

    assert desk.held["EV00003:refund"].code == "refund_vat_unreachable"


def test_a_refund_that_comes_back_leaves_the_credit_note_open(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    item = given.refund()
    desk.run(item).run(given.refund_reversal(item))

    assert not desk.held
    assert company.payments["Refund", "000001"].status == "Voided"
    assert company.documents["CreditNote", "000001"].balance_minor == 4000
    assert company.books.balance("1985", "EUR") == 0


def test_refunds_can_be_left_to_a_person(build: Any, given: SimpleNamespace) -> None:
    desk = given.Desk(build(refund_mode="hold")).run(given.refund())
    assert desk.held["EV00003:refund"].code == "refund_by_hand"


def test_a_payout_becomes_a_journal_that_clears(desk: Any, given: SimpleNamespace, company: Company) -> None:
    desk.run(given.receipt(minor=24000)).run(given.payout())

    assert not desk.held
    assert company.books.text(["Journal"]) == (
        "2026-03-02 Journal 000001 PO00XYZ789\n"
        "  1920           23680 EUR\n"
        "  7770             320 EUR\n"
        "  1985          -24000 EUR"
    )
    assert company.books.balance("1985", "EUR") == 0


def test_a_converted_payout_is_two_journals_through_transit(
    build: Any, given: SimpleNamespace, company: Company
) -> None:
    desk = given.Desk(build(fx_difference="leave_open"))
    base = given.payout(currency="GBP")
    pounds = (
        (ROLE.CLEARING, Side.CREDIT, 10000), (ROLE.FEES, Side.DEBIT, 200), (ROLE.FX_TRANSIT, Side.DEBIT, 9800),
    )  # fmt: skip
    euros = ((ROLE.BANK, Side.DEBIT, 11490), (ROLE.FX_TRANSIT, Side.CREDIT, 11490))
    made = [given.posting(PostingKind.PAYOUT, base.subject, part, currency=unit) for part, unit in
            ((euros, "EUR"), (pounds, "GBP"))]  # fmt: skip
    item = given.with_lines(base, made[0].lines + made[1].lines)

    desk.run(item)

    assert not desk.held
    steps = [done.step for done in desk.done[item.key]]
    assert steps == ["journal_b", "release_journal_b", "journal_a", "release_journal_a"]
    batches = [batch for (module, _), batch in company.batches.items() if module == "GL"]
    assert [(batch.currency, batch.description[-12:]) for batch in batches] == [
        ("EUR", "PO00XYZ789/B"), ("GBP", "PO00XYZ789/A"),
    ]  # fmt: skip
    assert company.books.balance("1986", "GBP") == -10000
    assert company.books.balance("1920", "EUR") == 11490


@pytest.mark.parametrize(("mode", "expected"), [("none", ("7770", 320)), ("plain_line", ("2710", 20))])
def test_vat_on_fees_goes_where_the_settings_say(
    build: Any, given: SimpleNamespace, company: Company, mode: str, expected: tuple[str, int]
) -> None:
    lines = (
        (ROLE.BANK, Side.DEBIT, 23680), (ROLE.FEES, Side.DEBIT, 300), (ROLE.INPUT_VAT, Side.DEBIT, 20),
        (ROLE.CLEARING, Side.CREDIT, 24000),
    )  # fmt: skip
    desk = given.Desk(build(fee_vat_mode=mode)).run(given.posting(PostingKind.PAYOUT, "PO1", lines))

    assert not desk.held
    assert company.books.balance(expected[0], "EUR") == expected[1]


def test_vat_entry_from_the_general_ledger_names_vat_id_and_category(
    build: Any, given: SimpleNamespace, company: Company
) -> None:
    company.switches.change({"vat_entry_in_general_ledger": True})
    lines = (
        (ROLE.BANK, Side.DEBIT, 23680), (ROLE.FEES, Side.DEBIT, 256), (ROLE.INPUT_VAT, Side.DEBIT, 64),
        (ROLE.CLEARING, Side.CREDIT, 24000),
    )  # fmt: skip
    item = given.posting(PostingKind.PAYOUT, "PO1", lines)
    taxed = tuple(
        given.taxed(line, "GB_VAT_1") if line.role in (ROLE.FEES, ROLE.INPUT_VAT) else line for line in item.lines
    )
    codes = {"GB_VAT_1": {"vat_id": "1", "vat_category": "INPUT"}}
    desk = given.Desk(build(fee_vat_mode="gl_vat", vat_codes=codes)).run(given.with_lines(item, taxed))

    assert not desk.held
    batch = company.batches["GL", "000001"]
    assert batch.vat_transaction
    assert [line.vat_id for line in batch.lines] == ["", "1", "1", ""]


def test_a_payout_that_is_negative_credits_the_bank(desk: Any, given: SimpleNamespace, company: Company) -> None:
    lines = ((ROLE.BANK, Side.CREDIT, 500), (ROLE.CLEARING, Side.DEBIT, 500))
    desk.run(given.posting(PostingKind.PAYOUT, "PO1", lines))

    assert not desk.held
    assert company.books.balance("1920", "EUR") == -500


def test_a_posting_without_an_amount_needs_no_document(desk: Any, given: SimpleNamespace) -> None:
    desk.run(given.posting(PostingKind.PAYOUT, "PO1"))
    assert desk.completed["EV00001:payout"] == "The posting has no amount."


def test_a_mandate_is_written_to_the_customers_attributes(desk: Any, given: SimpleNamespace, company: Company) -> None:
    desk.run(given.mandate("pending_submission", event="EV1"))
    desk.run(given.mandate("active", event="EV2"))

    assert not desk.held
    assert company.customers[given.CUSTOMER].attributes == {"GCMANDATE": "MD00A", "GCMSTATUS": "active"}


def test_the_end_of_an_old_mandate_leaves_the_new_one_alone(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    company.customers[given.CUSTOMER].attributes.update({"GCMANDATE": "MD00B", "GCMSTATUS": "active"})
    desk.run(given.mandate("cancelled"))

    assert "newer mandate MD00B" in desk.completed["EV00006:mandate_status"]
    assert company.customers[given.CUSTOMER].attributes["GCMSTATUS"] == "active"


def test_two_mandates_of_one_customer_in_one_run_are_both_written(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    """The second request carries a version that the first one has made stale."""
    old = given.mandate("cancelled", "MD00A", event="EV1")
    new = given.mandate("active", "MD00B", event="EV2")
    desk.run(old, new)

    assert not desk.held
    assert company.customers[given.CUSTOMER].attributes == {"GCMANDATE": "MD00B", "GCMSTATUS": "active"}


def test_a_customer_is_linked_by_its_attribute(desk: Any, given: SimpleNamespace, company: Company) -> None:
    desk.run(given.posting(PostingKind.CUSTOMER, "CU000123"))
    assert company.customers[given.CUSTOMER].attributes == {"GCCUST": "CU000123"}


def test_a_shared_customer_keeps_its_first_link(desk: Any, given: SimpleNamespace, company: Company) -> None:
    company.customers[given.CUSTOMER].attributes["GCCUST"] = "CU000001"
    desk.run(given.posting(PostingKind.CUSTOMER, "CU000123"))

    assert "shared" in desk.completed["EV00001:customer"]
    assert company.customers[given.CUSTOMER].attributes["GCCUST"] == "CU000001"


def test_a_new_customer_is_created_only_when_allowed(build: Any, given: SimpleNamespace, company: Company) -> None:
    item = given.posting(
        PostingKind.CUSTOMER, "CU000999", payer=given.party(None, "CU000999"),
        facts={"name": "Dal Bakeri", "email": "hei@dal.example", "city": "Oslo", "country_code": "NO"},
    )  # fmt: skip
    refused = given.Desk(build()).run(item)
    created = given.Desk(build(create_customers=True, customer_class="1")).run(item)

    assert refused.held[item.key].code == "customer_unmapped"
    number = created.done[item.key][0].document.number
    customer = company.customers[number]
    assert (customer.name, customer.email, customer.attributes) == (
        "Dal Bakeri", "hei@dal.example", {"GCCUST": "CU000999"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"payer": None}, ""),
        ({"payer": "unmapped"}, "customer_unmapped"),
        ({"currency": "NOK"}, "currency_unmapped"),
    ],
)
def test_what_is_not_mapped_is_held_with_a_next_step(
    desk: Any, given: SimpleNamespace, changes: dict[str, Any], code: str
) -> None:
    if changes.get("payer") == "unmapped":
        changes = {"payer": given.party(None)}
    desk.run(given.receipt(**changes))

    held = desk.held.get("EV00001:receipt")
    assert (held.code if isinstance(held, Hold) else "") == code
    assert held is None or held.next_step


def test_a_closed_period_holds_the_receipt_or_moves_it(build: Any, given: SimpleNamespace, company: Company) -> None:
    company.close_period("202603", ("AR",))
    held = given.Desk(build()).run(given.receipt("PM01", event="EV1"))
    moved = given.Desk(build(closed_period="next_open_period")).run(given.receipt("PM02", event="EV2"))

    assert held.held["EV1:receipt"].code == "period_closed"
    payment = company.payments["Payment", "000001"]
    assert payment.dated.isoformat() == "2026-04-01"
    assert "of 2026-03-02" in payment.text
    assert moved.completed == {"EV2:receipt": ""}


def test_a_payment_that_settles_directly_goes_to_the_bank(build: Any, given: SimpleNamespace, company: Company) -> None:
    lines = ((ROLE.BANK, Side.DEBIT, 700), (ROLE.RECEIVABLE, Side.CREDIT, 700))
    desk = given.Desk(build(direct_payment_method="BANK")).run(given.posting(PostingKind.RECEIPT, "PM1", lines))

    assert not desk.held
    assert company.books.balance("1920", "EUR") == 700


def test_a_receipt_without_a_customer_line_is_a_journal_and_is_taken_back_by_one(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    lines = ((ROLE.CLEARING, Side.DEBIT, 700), (ROLE.SUSPENSE, Side.CREDIT, 700))
    item = given.posting(PostingKind.RECEIPT, "PM1", lines)
    back = ((ROLE.SUSPENSE, Side.DEBIT, 700), (ROLE.CLEARING, Side.CREDIT, 700))
    desk.run(item)
    assert company.books.balance("2990", "EUR") == -700
    desk.run(given.posting(PostingKind.CORRECTION, "PM1", back, event="EV2", reverses=item.key))

    assert not desk.held
    assert company.books.balance("2990", "EUR") == 0


def test_drafts_are_left_to_the_accountant_when_asked_for(build: Any, given: SimpleNamespace, company: Company) -> None:
    desk = given.Desk(build(create_on_hold=True)).run(given.receipt())

    assert desk.completed == {"EV00001:receipt": ""}
    assert company.payments["Payment", "000001"].status == "Hold"


def test_a_draft_that_somebody_changed_is_not_released(desk: Any, given: SimpleNamespace, company: Company) -> None:
    item = given.receipt()
    desk.note(planned := desk.next(item), desk.send(planned))
    company.clerk.edit_payment("000001", amount_minor=12501)
    desk.run()

    held = desk.held[item.key]
    assert isinstance(held, Mismatch)
    assert "125.01" in held.reason
    assert company.payments["Payment", "000001"].status == "Balanced"


def test_a_draft_that_is_moved_to_another_invoice_is_not_released(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    company.add_invoice("000224", given.CUSTOMER, 12500)
    company.add_invoice("000225", given.CUSTOMER, 12500)
    item = given.receipt(invoices=("000224",))
    desk.note(planned := desk.next(item), desk.send(planned))
    company.payments["Payment", "000001"].lines[0].number = "000225"
    desk.run()

    assert "000225" in desk.held[item.key].reason


def test_a_refusal_becomes_a_plain_sentence(desk: Any, given: SimpleNamespace, company: Company) -> None:
    company.customers[given.CUSTOMER].status = "Inactive"
    desk.run(given.receipt())

    held = desk.held["EV00001:receipt"]
    assert isinstance(held, Rejected)
    assert held.code == "customer_inactive"
    assert "the customer is inactive" in held.reason


def test_a_number_of_our_own_is_refused_the_second_time(build: Any, given: SimpleNamespace, company: Company) -> None:
    desk = given.Desk(build(numbering="deterministic"))
    planned = desk.next(given.receipt())
    assert desk.send(planned).document.number == "GCPM00ABC123"
    assert desk.send(planned).code == "number_taken"


def test_amounts_are_compared_in_the_documents_own_currency(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    desk.run(given.receipt(minor=9999, currency="GBP"))

    assert not desk.held
    document = desk.done["EV00001:receipt"][-1].document
    assert document.details["amount"] == str(Money(9999, "GBP"))
