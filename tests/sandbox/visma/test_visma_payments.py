"""The life of a payment, its void, refunds and credit notes, and what each does to invoices and books."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest


def balance(api: Any, number: str = "000224") -> tuple[str, Decimal]:
    row = next(row for row in api.rows("/v1/customerinvoice") if row["referenceNumber"] == number)
    return row["status"], row["balance"]


def typed(api: Any, number: str, kind: str) -> dict[str, Any]:
    (row,) = api.rows("/v1/customerPayment", paymentNbr=number, paymentType=kind)
    return dict(row)


def test_an_invoice_moves_only_when_the_payment_is_released(api: Any) -> None:
    number = api.create_payment("125.00", api.line("000224", "125.00"))
    draft = api.get(f"/v1/customerPayment/{number}").json()
    assert (draft["status"], draft["hold"]) == ("Balanced", False)
    assert (draft["appliedToDocuments"], draft["availableBalance"]) == (125, 0)
    assert balance(api) == ("Open", Decimal(125))
    assert api.company.books.balance("1985", "EUR") == 0
    assert api.release(number).json()["actionResult"] == "Done"
    assert balance(api) == ("Closed", Decimal(0))
    assert api.get(f"/v1/customerPayment/{number}").json()["status"] == "Closed"
    assert api.company.books.text(["Payment"]) == (
        "2026-03-02 Payment 000001 PM00ABC123\n"
        "  1985           12500 EUR\n"
        "  1500          -12500 EUR"
    )  # fmt: skip


def test_a_part_payment_leaves_the_invoice_open_and_an_unapplied_one_stays_open_itself(api: Any) -> None:
    number = api.received("100.00", api.line("000224", "50.00"))
    assert balance(api) == ("Open", Decimal(75))
    payment = typed(api, number, "Payment")
    assert (payment["status"], payment["availableBalance"]) == ("Open", Decimal(50))


def test_a_payment_on_hold_cannot_be_released_until_the_hold_is_lifted(api: Any) -> None:
    number = api.create_payment(hold=True)
    assert typed(api, number, "Payment")["status"] == "Hold"
    assert "On Hold" in api.message(api.release(number))
    assert api.put(f"/v1/customerPayment/{number}", api.wrap(hold=False)).status_code == 204
    assert api.release(number).json()["actionResult"] == "Done"


@pytest.mark.parametrize(
    ("line_amounts", "text"),
    [(["130.00"], "exceeds the balance"), (["100.00", "100.00"], "exceeds the payment amount")],
)
def test_over_application_is_refused(api: Any, line_amounts: list[str], text: str) -> None:
    lines = [api.line(number, amount) for number, amount in zip(("000224", "000226"), line_amounts, strict=False)]
    assert text in api.message(api.post("/v1/customerPayment", api.payment("130.00", *lines)))


def test_a_draft_reserves_the_invoice_for_itself(api: Any) -> None:
    api.create_payment("125.00", api.line("000224", "125.00"))
    second = api.payment("125.00", api.line("000224", "125.00"), paymentRef="PM2")
    assert "exceeds the balance" in api.message(api.post("/v1/customerPayment", second))
    api.company.switches.drafts_reserve_invoices = False
    assert api.post("/v1/customerPayment", second).status_code == 201


def test_the_second_of_two_drafts_on_one_invoice_cannot_be_released(api: Any) -> None:
    api.company.switches.drafts_reserve_invoices = False
    numbers = [api.create_payment("125.00", api.line("000224", "125.00"), paymentRef=f"PM{i}") for i in range(2)]
    assert api.release(numbers[0]).status_code == 200
    assert "AdjdRefNbr '000224'" in api.message(api.release(numbers[1]))
    assert typed(api, numbers[1], "Payment")["status"] == "Balanced"


@pytest.mark.parametrize(
    ("kind", "number", "customer"),
    [
        ("Invoice", "000999", "10042"),
        ("Invoice", "000224", "10043"),
        ("Credit Memo", "000224", "10042"),
        ("CreditNote", "000224", "10042"),
    ],
)
def test_a_document_that_cannot_be_applied_has_one_text(api: Any, kind: str, number: str, customer: str) -> None:
    body = api.payment("10.00", api.line(number, "10.00", kind), customer=customer)
    assert f"AdjdRefNbr '{number}' cannot be found in the system." in api.message(api.post("/v1/customerPayment", body))


def test_closed_and_unreleased_invoices_cannot_be_found(api: Any) -> None:
    api.received("125.00", api.line("000224", "125.00"))
    api.company.add_invoice("000400", "10042", 1000, released=False)
    for number in ("000224", "000400"):
        body = api.payment("10.00", api.line(number, "10.00"))
        assert f"AdjdRefNbr '{number}'" in api.message(api.post("/v1/customerPayment", body))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"currency": "GBP"}, "Currency 'GBP'"),
        ({"cashAccount": "1920"}, "not set up for method 'GC'"),
        ({"cashAccount": "4711"}, "Cash account '4711' cannot be found"),
        ({"paymentMethod": "OLD"}, "Payment method 'OLD' cannot be found"),
        ({"customer": "99999"}, "Customer '99999' cannot be found"),
        ({"paymentRef": ""}, "cannot be empty"),
        ({"paymentRef": "P" * 41}, "maximum length of 40"),
        ({"invoiceText": "x" * 51}, "maximum length of 50"),
        ({"paymentAmount": 0}, "greater than 0"),
        ({"paymentAmount": -5}, "greater than 0"),
        ({"type": "VoidPayment"}, "cannot be created"),
        ({"applicationDate": "2027-03-02T00:00:00"}, "Financial period"),
    ],
)
def test_a_payment_that_the_company_cannot_book_is_refused(api: Any, changes: dict[str, Any], text: str) -> None:
    assert text in api.message(api.post("/v1/customerPayment", api.payment("125.00", **changes)))
    assert api.company.payments == {}


def test_a_payment_and_its_invoice_must_share_the_currency(api: Any) -> None:
    body = api.payment("80.00", api.line("000300", "80.00"))
    assert "is in GBP, the payment in EUR" in api.message(api.post("/v1/customerPayment", body))
    pounds = api.payment("80.00", api.line("000300", "80.00"), cashAccount="1986", currency="GBP")
    assert api.post("/v1/customerPayment", pounds).status_code == 201


def test_a_second_release_says_already_released(api: Any) -> None:
    number = api.received("125.00", api.line("000224", "125.00"))
    answer = api.release(number)
    assert (answer.status_code, answer.json()) == (
        400,
        {"message": "Payment can't be updated because it is already released."},
    )


def test_a_release_can_fail_inside_a_200(api: Any) -> None:
    number = api.create_payment()
    api.company.action_answers.append("failed")
    answer = api.release(number)
    assert (answer.status_code, answer.json()["actionResult"]) == (200, "Failed")
    assert answer.json()["errorInfo"]
    assert typed(api, number, "Payment")["status"] == "Balanced"


def test_a_release_can_be_in_process_and_happen_later(api: Any) -> None:
    api.company.switches.deferred_requests = 2
    number = api.create_payment()
    api.company.action_answers.append("in_process")
    assert api.release(number).json()["actionResult"] == "InProcess"
    statuses = [typed(api, number, "Payment")["status"] for _ in range(2)]
    assert statuses == ["Balanced", "Open"]


def test_a_release_in_process_can_come_to_nothing(api: Any) -> None:
    number = api.create_payment("125.00", api.line("000224", "125.00"))
    api.company.action_answers.append("in_process")
    api.release(number)
    api.company.close_period("202603")
    assert typed(api, number, "Payment")["status"] == "Balanced"
    assert "is closed" in api.company.failed_actions[0]


def test_a_release_can_be_accepted_as_a_job(api: Any) -> None:
    number = api.create_payment()
    api.company.action_answers.append("accepted")
    answer = api.release(number)
    assert answer.status_code == 202
    job = api.get(f"/v1/background/{answer.json()['id']}").json()
    assert (job["status"], job["statusCode"]) == ("Finished", 200)
    assert typed(api, number, "Payment")["status"] == "Open"


def test_the_list_knows_no_payment_ref_and_ignores_unknown_parameters(api: Any) -> None:
    for reference in ("PM1", "PM2"):
        api.create_payment("10.00", paymentRef=reference)
    assert len(api.rows("/v1/customerPayment", paymentRef="PM1", custommer="10043")) == 2
    assert api.get("/_control/requests").json()["ignored_parameters"] == ["custommer", "paymentref"]


def test_payments_are_found_by_customer_date_invoice_type_and_status(api: Any) -> None:
    first = api.received("125.00", api.line("000224", "125.00"), paymentRef="PM1")
    second = api.create_payment("10.00", paymentRef="PM2", applicationDate="2026-03-09T00:00:00")
    other = api.create_payment("10.00", paymentRef="PM3", customer="10043")

    def numbers(**query: str) -> list[str]:
        return [row["refNbr"] for row in api.rows("/v1/customerPayment", **query)]

    assert numbers(customer="10042") == [first, second]
    assert numbers(customer="10042", docDate="2026-03-09", docDateCondition=">=") == [second]
    assert numbers(customer="10042", docDate="2026-03-09") == [first, second], "a date without condition is not applied"
    assert numbers(invoiceRefNbr="000224") == [first]
    assert numbers(status="Balanced") == [second, other]
    assert numbers(paymentType="Refund") == []
    assert numbers(financialPeriod="202603", greaterThanValue=first) == [second, other]
    assert "not valid" in api.message(api.get("/v1/customerPayment?status=Open,Closed"))


def test_a_status_given_twice_counts_once(api: Any) -> None:
    api.create_payment()
    assert api.get("/v1/customerPayment?status=Hold&status=Balanced").json() == []


def test_a_void_makes_a_second_document_of_the_same_number_that_needs_a_release(api: Any) -> None:
    number = api.received("125.00", api.line("000224", "125.00"))
    answer = api.post(f"/v1/customerPayment/{number}/action/void", {"type": "Payment", "returnVoidPayment": True})
    body = answer.json()
    assert (body["type"], body["refNbr"], body["actionResult"]) == ("VoidPayment", number, "Done")
    assert (body["voidPayment"]["status"], body["voidPayment"]["paymentAmount"]) == ("Balanced", -125)
    assert balance(api) == ("Closed", Decimal(0)), "the void is not released yet"
    assert typed(api, number, "Payment")["status"] == "Closed"
    assert api.release(number, "VoidPayment").json()["actionResult"] == "Done"
    assert balance(api) == ("Open", Decimal(125))
    assert typed(api, number, "Payment")["status"] == "Voided"
    assert api.company.books.balance("1985", "EUR") == 0
    assert api.company.books.receivable("10042", "EUR") == 37500


def test_a_single_get_after_a_void_answers_with_either_document(api: Any) -> None:
    number = api.received("125.00", api.line("000224", "125.00"))
    api.post(f"/v1/customerPayment/{number}/action/void", {"type": "Payment"})
    assert api.get(f"/v1/customerPayment/{number}").json()["type"] == "VoidPayment"
    api.company.switches.single_get_prefers = "original"
    assert api.get(f"/v1/customerPayment/{number}").json()["type"] == "Payment"
    assert len(api.rows("/v1/customerPayment", paymentNbr=number)) == 2


def test_a_void_is_refused_for_drafts_and_a_second_time(api: Any) -> None:
    number = api.create_payment()
    path = f"/v1/customerPayment/{number}/action/void"
    assert "cannot be voided in status Balanced" in api.message(api.post(path, {"type": "Payment"}))
    api.release(number)
    answer = api.post(path, {"type": "Payment"}).json()
    assert answer["voidPayment"] is None
    assert "already exists" in api.message(api.post(path, {"type": "Payment"}))


def test_released_void_lines_repeat_with_changing_signs(api: Any) -> None:
    number = api.received("125.00", api.line("000224", "125.00"))
    api.post(f"/v1/customerPayment/{number}/action/void", {"type": "Payment"})
    api.release(number, "VoidPayment")
    lines = typed(api, number, "VoidPayment")["paymentLines"]
    assert [line["amountPaid"] for line in lines] == [Decimal(125), Decimal(-125), Decimal(125)]


def test_a_void_carries_the_payments_date_or_todays_by_switch(api: Any) -> None:
    first, second = api.received("10.00"), api.received("10.00")
    api.post(f"/v1/customerPayment/{first}/action/void", {"type": "Payment"})
    assert typed(api, first, "VoidPayment")["applicationDate"] == "2026-03-02T00:00:00"
    api.company.switches.void_date = "today"
    api.post(f"/v1/customerPayment/{second}/action/void", {"type": "Payment"})
    assert typed(api, second, "VoidPayment")["applicationDate"] == "2026-03-10T00:00:00"


def test_applications_can_be_added_to_an_open_payment_and_need_a_release(api: Any) -> None:
    number = api.received("200.00")
    path = f"/v1/customerPayment/{number}"
    assert "already released" in api.message(api.put(path, api.wrap(paymentAmount=10)))
    assert api.put(path, {"paymentLines": [api.line("000226", "200.00")]}).status_code == 204
    assert balance(api, "000226") == ("Open", Decimal(200))
    assert api.release(number).json()["actionResult"] == "Done"
    assert balance(api, "000226") == ("Closed", Decimal(0))
    assert typed(api, number, "Payment")["applicationDate"] == "2026-03-10T00:00:00", "the date of the last application"
    assert len(api.rows("/v1/customerPayment", docDate="2026-03-03", docDateCondition="<")) == 1


def test_a_draft_can_be_edited_and_keeps_its_rules(api: Any) -> None:
    number = api.create_payment("125.00", api.line("000224", "125.00"))
    path = f"/v1/customerPayment/{number}"
    assert "exceeds the payment amount" in api.message(api.put(path, api.wrap(paymentAmount=100)))
    assert api.put(path, api.wrap(paymentAmount=130.5, paymentRef="PM2", invoiceText="x")).status_code == 204
    row = typed(api, number, "Payment")
    assert (row["paymentAmount"], row["paymentRef"], row["availableBalance"]) == (
        Decimal("130.5"),
        "PM2",
        Decimal("5.5"),
    )


def test_a_write_off_settles_the_rest_of_an_invoice(api: Any) -> None:
    line = {**api.line("000224", "124.99"), **api.wrap(balanceWriteOff=0.01, writeOffReasonCode="WRITEOFF")}
    number = api.received("124.99", line)
    assert balance(api) == ("Closed", Decimal(0))
    assert api.company.books.balance("7799", "EUR") == 1
    api.company.clerk.void_payment(number)
    assert balance(api) == ("Open", Decimal(125))
    assert (api.company.books.balance("7799", "EUR"), api.company.books.balance("1985", "EUR")) == (0, 0)
    assert api.company.books.receivable("10042", "EUR") == 37500


def test_a_finance_charge_is_deducted_from_what_reaches_the_cash_account(api: Any) -> None:
    charge = {"operation": "Insert", **api.wrap(entryType="GCFEE", amount=3.2)}
    api.received("125.00", api.line("000224", "125.00"), financeCharges=[charge])
    books = api.company.books
    assert [books.balance(account, "EUR") for account in ("1985", "7770")] == [12180, 320]
    assert books.receivable("10042", "EUR") == 25000


def test_a_closed_period_refuses_creation_release_and_void(api: Any) -> None:
    draft, done = api.create_payment("10.00"), api.received("10.00")
    api.post(f"/v1/customerPayment/{done}/action/void", {"type": "Payment"})
    api.company.close_period("202603", ("AR",))
    assert "closed in module AR" in api.message(api.post("/v1/customerPayment", api.payment()))
    assert "closed in module AR" in api.message(api.release(draft))
    assert "closed in module AR" in api.message(api.release(done, "VoidPayment"))


def test_the_applications_of_an_invoice_name_the_payment_ref(api: Any) -> None:
    api.received("125.00", api.line("000224", "125.00"))
    assert "applications" not in api.get("/v1/customerinvoice/000224").json()
    (row,) = api.get("/v1/customerinvoice/000224?expandApplications=true").json()["applications"]
    assert (row["paymentRef"], row["docType"], row["amountPaid"], row["released"]) == (
        "PM00ABC123", "Payment", 125, True,
    )  # fmt: skip


def test_a_clerk_who_takes_the_invoice_first_makes_the_release_fail(api: Any) -> None:
    api.company.switches.drafts_reserve_invoices = False
    number = api.create_payment("125.00", api.line("000224", "125.00"))
    api.company.clerk.pay_invoice("000224", 5000)
    assert "exceeds the balance" in api.message(api.release(number))
    assert balance(api) == ("Open", Decimal(75))


def test_a_refund_must_be_fully_applied_before_release(api: Any) -> None:
    note = api.number_of(api.post("/v2/customerCreditNote", api.credit_note("40.00")))
    api.post(f"/v1/customerCreditNote/{note}/action/release")
    part = api.create_payment("50.00", api.line(note, "40.00", "CreditNote"), type="Refund", paymentRef="RF1")
    assert "fully applied" in api.message(api.release(part, "Refund"))
    api.company.clerk.delete_payment(part, "Refund")
    whole = api.create_payment("50.00", api.line(note, "50.00", "CreditNote"), type="Refund", paymentRef="RF1")
    assert api.release(whole, "Refund").json()["actionResult"] == "Done"
    assert api.get(f"/v1/customerCreditNote/{note}").json()["status"] == "Closed"
    assert api.company.books.text(["CreditNote", "Refund"]) == (
        "2026-03-04 CreditNote 000001 RF000001\n"
        "  3000            4000 EUR\n"
        "  2700            1000 EUR\n"
        "  1500           -5000 EUR\n"
        "2026-03-02 Refund 000002 RF1\n"
        "  1985           -5000 EUR\n"
        "  1500            5000 EUR"
    )  # fmt: skip


def test_a_bounced_refund_is_voided_by_a_void_refund(api: Any) -> None:
    note = api.number_of(api.post("/v2/customerCreditNote", api.credit_note("40.00")))
    api.post(f"/v1/customerCreditNote/{note}/action/release")
    number = api.received("50.00", api.line(note, "50.00", "CreditNote"), type="Refund")
    answer = api.post(f"/v1/customerPayment/{number}/action/void", {"type": "Refund"}).json()
    assert answer["type"] == "VoidRefund"
    assert api.release(number, "VoidRefund").json()["actionResult"] == "Done"
    assert api.get(f"/v1/customerCreditNote/{note}").json()["balance"] == 50
    assert api.company.books.balance("1985", "EUR") == 0


def test_a_refund_may_draw_on_an_open_payment_but_not_on_a_closed_one(api: Any) -> None:
    spare = api.received("30.00")
    closed = api.received("125.00", api.line("000224", "125.00"))
    refused = api.payment("125.00", api.line(closed, "125.00", "Payment"), type="Refund")
    assert "AdjdRefNbr" in api.message(api.post("/v1/customerPayment", refused))
    api.received("30.00", api.line(spare, "30.00", "Payment"), type="Refund")
    assert typed(api, spare, "Payment")["status"] == "Closed"


def test_credit_note_totals_and_applications_include_vat(api: Any) -> None:
    application = [api.line("000224", "125.00")]
    note = api.number_of(api.post("/v2/customerCreditNote", api.credit_note("100.00", applicationLines=application)))
    row = api.get(f"/v1/customerCreditNote/{note}").json()
    assert (row["amount"], row["vatTotal"], row["balance"], row["status"]) == (125, 25, 125, "Balanced")
    assert balance(api) == ("Open", Decimal(125))
    assert api.post(f"/v1/customerCreditNote/{note}/action/release").json()["actionResult"] == "Done"
    assert balance(api) == ("Closed", Decimal(0))
    assert api.get(f"/v1/customerCreditNote/{note}").json()["status"] == "Closed"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"lines": []}, "no amount"),
        ({"customerNumber": "99999"}, "cannot be found"),
        ({"lines": [{"accountNumber": {"value": "1500"}, "manualAmountInCurrency": {"value": 1}}]}, "Account '1500'"),
        ({"lines": [{"vatCodeId": {"value": "0"}, "manualAmountInCurrency": {"value": 1}}]}, "TaxCategoryID '0'"),
        ({"lines": [{"manualAmountInCurrency": {"value": -1}}]}, "positive"),
        ({"invoiceText": "x" * 51}, "maximum length"),
    ],
)
def test_a_credit_note_that_cannot_be_booked_is_refused(api: Any, changes: dict[str, Any], text: str) -> None:
    assert text in api.message(api.post("/v2/customerCreditNote", api.credit_note(**changes)))


def test_credit_notes_are_found_by_external_reference(api: Any) -> None:
    for reference in ("RF1", "RF2"):
        api.post("/v2/customerCreditNote", api.credit_note(externalReference=reference))
    (row,) = api.rows("/v1/customerCreditNote", externalReference="RF2")
    assert row["referenceNumber"] == "000002"
    assert api.rows("/v1/customerCreditNote", externalReference="RF3") == []


def test_a_credit_note_can_be_changed_and_deleted_while_unreleased_only(api: Any) -> None:
    numbers = [api.number_of(api.post("/v2/customerCreditNote", api.credit_note(hold=True))) for _ in range(2)]
    path = f"/v1/customerCreditNote/{numbers[0]}"
    assert "On Hold" in api.message(api.post(f"{path}/action/release"))
    assert api.put(path, api.wrap(hold=False, customerRefNumber="X")).status_code == 204
    assert api.post(f"{path}/action/release").status_code == 200
    assert "already released" in api.message(api.put(path, api.wrap(note="x")))
    assert "already released" in api.message(api.delete(path))
    assert api.delete(f"/v1/customerCreditNote/{numbers[1]}").status_code == 204
    assert api.get(f"/v1/customerCreditNote/{numbers[1]}").status_code == 404
