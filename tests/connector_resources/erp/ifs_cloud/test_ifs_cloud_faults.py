"""Every write broken at every point, changes by other people in the middle, and refusals: nothing is booked twice or lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.ifs_cloud import mixed_payments

BROKEN = ("drop_before", "drop_after", "error_before", "error_after", "html", "html_after", "truncate")
#: what a draft can suffer: nothing is booked by it, so that it matters only whether it is there.
LOST = ("drop_before", "drop_after", "truncate")


def broken(effect: str, *drafts: str) -> list[tuple[str, str]]:
    """Every fault at the call that books, and those that leave a draft in doubt at the calls before it."""
    return [(effect, kind) for kind in BROKEN] + [(draft, kind) for draft in drafts for kind in LOST]


VOUCHER_CALLS = broken("CreateVoucher", "VoucherEntryAssistantHandling.svc/VoucherSet$", "VoucherPostingArray")
PAYMENT_CALLS = broken("MixedPayment_Approve", "MixedPaymentSet$", "MixedPaymentLumpSumArray")
FILE_CALLS = broken("ImportFile", "TaskVirtualSet$", "FileData")


def booked_once(site: Any, company: str = "10") -> bool:
    """No two vouchers of the connector in the books say the same, and no draft was left behind."""
    mine = [each for each in site.vouchers(company) if each["function_group"] in ("M", "N")]
    return all(count == 1 for count in Counter(each["text"] for each in mine).values())


@pytest.mark.parametrize(("call", "kind"), VOUCHER_CALLS)
def test_a_voucher_is_made_once_whatever_breaks(site: Any, given: SimpleNamespace, kind: str, call: str) -> None:
    site.break_next(kind, call)
    paid_out = given.payout()
    site.post(paid_out)
    assert site.state(paid_out) == "posted", site.reasons()
    assert site.balance("10", "1940", "EUR") == -24_000
    assert booked_once(site)


@pytest.mark.parametrize(("call", "kind"), PAYMENT_CALLS)
def test_a_receipt_is_paid_once_whatever_breaks(site: Any, given: SimpleNamespace, kind: str, call: str) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    site.tenant.add_invoice("10", "C2", 5_000, invoice_no="10002")
    site.break_next(kind, call)
    paid = given.receipt(invoice="10:CI-10001")
    other = given.receipt("PM2", 5_000, invoice="10:CI-10002", event="EV2", customer="10:C2")
    site.post(paid, other)
    assert site.states() == {"posted": 2}, site.reasons()
    assert site.balance("10", "1940", "EUR") == 17_100
    assert (site.owed("10", "10001").minor, site.owed("10", "10002").minor) == (0, 0)
    assert len(site.tenant.table("MixedPaymentLumpSum")) == 2


@pytest.mark.parametrize(("call", "kind"), FILE_CALLS)
def test_a_payment_file_is_imported_once_whatever_breaks(
    site: Any, given: SimpleNamespace, kind: str, call: str
) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    site.break_next(kind, call)
    paid = given.receipt(invoice="10:CI-10001")
    site.post(paid, settlement="camt_file")
    assert site.state(paid) == "posted", site.reasons()
    assert site.balance("10", "1940", "EUR") == 12_100
    assert len(site.tenant.table("ExtFileLoad")) == 1


@pytest.mark.parametrize("times", [3, 30])
def test_a_tenant_that_is_down_stops_the_run_and_the_next_one_goes_on(
    site: Any, given: SimpleNamespace, times: int
) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    site.break_next("html", "MixedPayment", method=".*", status=503, times=times)
    paid = given.receipt(invoice="10:CI-10001")
    site.post(paid)
    site.sandbox.faults.clear()
    site.post()
    assert site.state(paid) == "posted", site.reasons()
    assert site.balance("10", "1940", "EUR") == 12_100


def test_a_run_that_broke_off_in_a_draft_is_gone_on_with_by_the_next(site: Any, given: SimpleNamespace) -> None:
    """Two of four transactions are entered when the tenant goes down; another process enters the other two."""
    site.break_next("drop_after", "MixedPaymentLumpSumArray", skip=1)
    site.break_next("html", "MixedPayment", method="GET", status=503, skip=1, times=60)
    payments = [given.receipt(f"PM{n}", 100 + n, event=f"EV{n}") for n in range(4)]
    report = site.post(*payments)
    assert report.stopped
    assert len(site.tenant.table("MixedPaymentLumpSum")) == 2
    site.sandbox.faults.clear()
    site.post()
    assert site.states() == {"posted": 4}, site.reasons()
    assert (len(site.tenant.table("MixedPayment")), len(site.tenant.table("MixedPaymentLumpSum"))) == (1, 4)
    assert site.balance("10", "1940", "EUR") == 406


@pytest.mark.parametrize("status", [500, 503])
def test_outdated_metadata_is_waited_out(site: Any, given: SimpleNamespace, status: int) -> None:
    site.tenant.switches.change({"mi_modified_status": status})
    site.tenant.outdated_for = 3
    paid_out = given.payout()
    site.post(paid_out)
    assert site.state(paid_out) == "posted", site.reasons()
    assert booked_once(site)


def test_too_many_calls_are_waited_out(site: Any, given: SimpleNamespace) -> None:
    site.break_next("rate_limit", "VoucherPostingArray", headers={"Retry-After": "7"}, times=2)
    paid_out = given.payout()
    site.post(paid_out)
    assert site.state(paid_out) == "posted"
    assert site.naps.count(7.0) == 2


@pytest.mark.parametrize("settlement", ["mixed_payment", "camt_file"])
def test_the_guard_against_forged_requests_is_answered(site: Any, given: SimpleNamespace, settlement: str) -> None:
    site.tenant.switches.change({"csrf": True})
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    paid, paid_out = given.receipt(invoice="10:CI-10001"), given.payout()
    site.post(paid, paid_out, settlement=settlement)
    assert site.states() == {"posted": 2}, site.reasons()


@pytest.mark.parametrize("switches", [{"etag_style": "strong"}, {"child_moves_parent": False}, {"patch_answer": 204}])
def test_versions_of_any_style_are_sent_back_as_they_came(
    tmp_path: Path, given: SimpleNamespace, switches: Any
) -> None:
    with given.open_site(tmp_path, **switches) as site:
        site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
        site.post(given.receipt(invoice="10:CI-10001"), given.payout())
        assert site.states() == {"posted": 2}, site.reasons()


# --- others at work ------------------------------------------------------------------------------------------------------


def test_an_approval_on_an_old_version_is_read_again_and_sent_once_more(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    paid = given.receipt(invoice="10:CI-10001")

    def touch() -> None:
        for head in site.tenant.table("MixedPayment"):
            site.tenant.table("MixedPayment").change(head, StatementNo="seen by Ada")

    site.reuse(given.with_meddling(site, "MixedPayment_Approve", touch))
    site.post(paid)
    assert site.state(paid) == "posted", site.reasons()
    (head,) = site.tenant.table("MixedPayment")
    assert (head["StatementNo"], head["Objstate"]) == ("seen by Ada", "Approved")
    assert site.balance("10", "1940", "EUR") == 12_100


def test_a_payment_in_which_somebody_else_entered_a_transaction_is_held(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")

    def enter() -> None:
        (head,) = site.tenant.table("MixedPayment")
        body = {"Identity": "C2", "PartyType": "Customer", "CurrAmount": given.decimal("5"), "Text": "by Ada"}
        mixed_payments.add_lump_sum(site.tenant, body, head)
        site.tenant.table("MixedPayment").touch(head)

    site.reuse(given.with_meddling(site, "MixedPayment_Approve", enter))
    site.post(given.receipt(invoice="10:CI-10001"))
    assert site.held() == {"PM000123": "cannot_tell"}
    (row,) = site.store.ledger.held(given.CONNECTION)
    assert "1 rows that are not ours" in row.held_next_step
    assert site.balance("10", "1940", "EUR") == 0


@pytest.mark.parametrize("mended", ["taken out", "cancelled"])
def test_a_payment_that_was_changed_is_finished_once_it_is_mended_and_made_anew_once_it_is_cancelled(
    site: Any, given: SimpleNamespace, mended: str
) -> None:
    """Released without either it is held again, and a receipt that comes meanwhile is paid by itself."""
    table = site.tenant.table("MixedPayment")

    def enter() -> None:
        (head,) = table
        body = {"Identity": "C2", "PartyType": "Customer", "CurrAmount": given.decimal("5"), "Text": "by Ada"}
        mixed_payments.add_lump_sum(site.tenant, body, head)

    site.reuse(given.with_meddling(site, "MixedPayment_Approve", enter))
    site.post(given.receipt())
    site.release()
    site.post(given.receipt("PM2", 700, event="EV2"))
    assert site.held() == {"PM000123": "cannot_tell"}

    first = min(table, key=lambda head: head["MixedPaymentId"])
    rows = site.tenant.table("MixedPaymentLumpSum")
    if mended == "taken out":
        rows.remove(next(row for row in rows if row["Text"] == "by Ada"))
    else:
        mixed_payments.cancel(site.tenant, first)
    site.release()
    site.post()

    assert site.states() == {"posted": 2}, site.reasons()
    assert first["Objstate"] == ("Approved" if mended == "taken out" else "Cancelled")
    assert site.balance("10", "1940", "EUR") == 12_800


def test_a_payment_that_somebody_approved_meanwhile_is_not_approved_again(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")

    def approve() -> None:
        (head,) = site.tenant.table("MixedPayment")
        with site.tenant.transaction():
            mixed_payments.approve(site.tenant, head)

    paid = given.receipt(invoice="10:CI-10001")
    site.reuse(given.with_meddling(site, "MixedPayment_Approve", approve))
    site.post(paid)
    assert site.state(paid) == "posted", site.reasons()
    assert site.balance("10", "1940", "EUR") == 12_100


def test_a_version_that_moves_every_time_is_given_up(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")

    def touch() -> None:
        (head,) = site.tenant.table("MixedPayment")
        site.tenant.table("MixedPayment").touch(head)

    site.reuse(given.with_meddling(site, "MixedPayment_Approve", touch, times=9))
    site.post(given.receipt(invoice="10:CI-10001"))
    assert site.held() == {"PM000123": "cannot_tell"}


def test_an_invoice_that_was_paid_before_our_payment_leaves_the_money_on_account(
    site: Any, given: SimpleNamespace
) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    paid = given.receipt(invoice="10:CI-10001")
    site.reuse(given.with_meddling(site, "MixedPaymentLumpSumArray", lambda: site.tenant.clerk.pay("10", "10001")))
    site.post(paid)
    assert site.state(paid) == "posted", site.reasons()
    assert site.owed("10", "10001").minor == 0
    assert site.tenant.books["10"].receivable("C1", "EUR") == -12_100


@pytest.mark.parametrize(
    ("ora", "tag"),
    [
        (20113, "MixedPayment.FND_RECORD_LOCKED"),
        (54, "MixedPayment.BUSY"),
        (20114, "MixedPayment.FND_RECORD_MODIFIED"),
        (20132, "MixedPayment.FND_STATE"),
    ],
)
def test_a_row_that_somebody_holds_or_changed_is_tried_again(
    site: Any, given: SimpleNamespace, ora: int, tag: str
) -> None:
    site.tenant.refusals.add(ora, tag, "somebody is at it", path="MixedPayment_Approve", times=2)
    paid = given.receipt()
    site.post(paid)
    assert site.state(paid) == "posted", site.reasons()
    assert site.balance("10", "1940", "EUR") == 12_100
    assert len(site.tenant.table("MixedPayment")) == 1


def test_a_voucher_that_exists_already_is_looked_up_before_it_is_made_again(site: Any, given: SimpleNamespace) -> None:
    site.tenant.refusals.add(20112, "Voucher.FND_RECORD_EXIST", "it exists", path="CreateVoucher", times=1)
    paid_out = given.payout()
    site.post(paid_out)
    assert site.state(paid_out) == "posted", site.reasons()
    assert site.balance("10", "1940", "EUR") == -24_000
    assert booked_once(site)


# --- refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("language", ["en", "de", "sv"])
def test_refusals_are_understood_in_any_status_and_language(
    tmp_path: Path, given: SimpleNamespace, status: int, language: str
) -> None:
    with given.open_site(tmp_path, business_status=status, language=language) as site:
        site.tenant.clerk.disconnect_voucher_type("10", 2026, "M")
        site.post(given.payout())
        assert site.held() == {"PO000123": "voucher_type_refused"}, site.reasons()
        assert not len(site.tenant.table("VoucherEntry")), "a temporary voucher was left behind"


def test_a_ledger_account_in_a_voucher_is_named(site: Any, given: SimpleNamespace) -> None:
    companies = given.section()["companies"]
    companies["10"]["accounts"] = {**companies["10"]["accounts"], "fees": "1510"}
    site.post(given.payout(), companies=companies)
    assert site.held() == {"PO000123": "account_refused"}
    assert "ledger (AR/AP control) account" in site.reasons()


def test_one_customer_that_is_refused_does_not_hold_the_others(site: Any, given: SimpleNamespace) -> None:
    payments = [given.receipt(f"PM{n}", 100 + n, event=f"EV{n}") for n in range(6)]
    strange = [given.receipt(f"PX{n}", 50, event=f"EX{n}", customer=f"10:NOBODY{n}") for n in range(3)]
    site.post(*payments, *strange)
    assert site.held() == dict.fromkeys(("PX0", "PX1", "PX2"), "customer_missing")
    assert site.balance("10", "1940", "EUR") == sum(100 + n for n in range(6))
    approved = [head for head in site.tenant.table("MixedPayment") if head["Objstate"] == "Approved"]
    assert len(approved) == 1


def test_a_file_that_the_template_cannot_read_is_held_and_nothing_is_booked(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    site.tenant.switches.change({"camt_version": "camt.054.001.08"})
    paid = given.receipt(invoice="10:CI-10001")
    site.post(paid, settlement="camt_file")
    assert site.held() == {"PM000123": "file_refused"}
    site.release()
    site.post(settlement="camt_file", camt_version="camt.054.001.08")
    assert site.state(paid) == "posted", site.reasons()
    assert site.owed("10", "10001").minor == 0


def test_a_file_of_which_one_line_is_unknown_holds_only_that_one(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    paid = given.receipt(invoice="10:CI-10001")
    site.post(paid, given.receipt("PX", 700, event="EX", customer="10:NOBODY"), settlement="camt_file")
    assert site.state(paid) == "posted"
    assert site.held() == {"PX": "read_back_differs"}


@pytest.mark.parametrize("far", ["transferred", "loaded"])
def test_a_file_that_waits_for_a_person_is_settled_when_the_payment_is_approved(
    site: Any, given: SimpleNamespace, far: str
) -> None:
    site.tenant.switches.change({"external_payments": far})
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    paid = given.receipt(invoice="10:CI-10001")
    site.post(paid, settlement="camt_file")
    assert site.states() == {"claimed": 1}
    site.tenant.clerk.approve_payments("10")
    site.post(settlement="camt_file")
    assert site.state(paid) == "posted", site.reasons()
    assert site.owed("10", "10001").minor == 0


def test_a_projection_that_is_not_granted_stops_the_run(site: Any, given: SimpleNamespace) -> None:
    site.tenant.catalogue.grant("MixedPaymentHandling", False)
    report = site.post(given.receipt())
    assert "grant the projection" in report.stopped
    assert site.states() == {"claimed": 1}
