"""Forms on the wire (checklist: 201 answers, wrappers, paths, ETags, read-backs, numbering)."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest


def test_a_create_answers_201_without_body_and_with_location_etag_and_request_id(api: Any) -> None:
    answer = api.post("/v1/customerPayment", api.payment())
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["Location"] == f"{api.base}/v1/customerPayment/000001"
    assert re.fullmatch(r'"[A-Za-z0-9+/]{11}="', answer.headers["ETag"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["Ipp-Request-Id"])


@pytest.mark.parametrize("base", ["https://api.finance.visma.net", "https://integration.visma.net/API/controller/api"])
def test_the_location_can_name_either_host_and_be_in_lower_case(api: Any, base: str) -> None:
    api.company.switches.location_base = base
    api.company.switches.location_lower_case = True
    assert api.post("/v1/customerPayment", api.payment()).headers["Location"] == f"{base}/v1/customerpayment/000001"


def test_a_put_answers_204_with_a_new_etag_and_by_switch_a_location(api: Any) -> None:
    first = api.put("/v1/customer/10042", api.wrap(note="a"))
    assert (first.status_code, first.content) == (204, b"")
    assert first.headers["Location"].endswith("/v1/customer/10042")
    api.company.switches.location_on_update = False
    second = api.put("/v1/customer/10042", api.wrap(note="b"))
    assert "Location" not in second.headers
    assert second.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("customer", "10042"),
        ("paymentAmount", 125.0),
        ("hold", False),
        ("paymentAmount", {"value": "125.00"}),
        ("paymentAmount", {"value": True}),
        ("paymentRef", {"value": 7}),
        ("applicationDate", {"value": "02.03.2026"}),
        ("type", {"value": "Customer refund"}),
        ("paymentLines", {"value": []}),
    ],
)
def test_a_bare_value_or_one_of_the_wrong_type_is_refused(api: Any, field: str, value: Any) -> None:
    message = api.message(api.post("/v1/customerPayment", {**api.payment(), field: value}))
    assert f"Path '{field}'" in message


def test_the_operation_of_a_line_must_be_bare_and_its_fields_wrapped(api: Any) -> None:
    line = api.line("000224", "125.00")
    wrapped_operation = {**line, "operation": {"value": "Insert"}}
    bare_number = {**line, "refNbr": "000224"}
    assert "operation" in api.message(api.post("/v1/customerPayment", api.payment("125.00", wrapped_operation)))
    assert "refNbr" in api.message(api.post("/v1/customerPayment", api.payment("125.00", bare_number)))


def test_override_with_class_values_must_be_bare(api: Any) -> None:
    body = api.wrap(name="Ny AS", customerClassId="1")
    assert "overrideWithClassValues" in api.message(
        api.post("/v1/customer", {**body, "overrideWithClassValues": {"value": True}})
    )
    assert api.post("/v1/customer", {**body, "overrideWithClassValues": True}).status_code == 201


def test_the_type_is_wrapped_on_release_and_bare_on_void(api: Any) -> None:
    number = api.create_payment("125.00", api.line("000224", "125.00"))
    path = f"/v1/customerPayment/{number}/action"
    assert "DtoValue" in api.message(api.post(f"{path}/release", {"type": "Payment"}))
    assert api.release(number).status_code == 200
    assert "Enum" in api.message(api.post(f"{path}/void", {"type": {"value": "Payment"}}))
    assert api.post(f"{path}/void", {"type": "Payment"}).status_code == 200


def test_broken_json_and_foreign_media_types_are_refused(api: Any) -> None:
    for body, kind in ((b"{", "application/json"), (b"<a/>", "application/xml")):
        answer = api.session.post(
            f"{api.base}/v1/customerPayment", data=body, headers={"Content-Type": kind}, timeout=10
        )
        assert answer.status_code == 400


def test_a_misspelt_field_is_ignored_but_can_be_found_out(api: Any) -> None:
    api.create_payment(paymentRefs="PM1")
    assert api.get("/_control/requests").json()["ignored_fields"] == ["paymentRefs"]


def test_errors_carry_a_visma_id_and_may_come_as_500(api: Any) -> None:
    message = api.message(api.post("/v1/customerPayment", api.payment(customer="77777")))
    assert re.match(r"VismaId: [0-9a-f-]{36}\. Error creating payment\. Error: ", message)
    api.company.switches.business_errors_as_500 = True
    assert api.post("/v1/customerPayment", api.payment(customer="77777")).status_code == 500


def test_paths_are_case_insensitive_and_an_unknown_one_is_404(api: Any) -> None:
    assert api.get("/V1/CUSTOMERPAYMENT").status_code == 200
    assert api.get("/v1/Customer/10042").json()["number"] == "10042"
    assert api.get("/v1/nothing").status_code == 404
    assert api.post("/v1/customerCreditNote", api.credit_note()).status_code == 404


@pytest.mark.parametrize("number", ["A/1", "C+2", "D:3;4"])
def test_a_number_with_reserved_characters_is_reached_by_base64url_only(api: Any, number: str) -> None:
    api.company.add_customer(number, "Reserved AS")
    encoded = base64.urlsafe_b64encode(number.encode()).rstrip(b"=").decode()
    assert api.get(f"/v1/customer/b64({encoded})").json()["number"] == number
    assert api.get(f"/v1/customer/{number.replace('/', '%2F').replace('+', '%2B')}").status_code == 404
    assert api.get("/v1/customer/b64(***)").status_code == 404


def test_the_location_of_a_number_with_reserved_characters_is_percent_encoded(api: Any) -> None:
    answer = api.post("/v1/customer", api.wrap(name="Slash", number="A/1", overrideNumberSeries=True))
    assert answer.headers["Location"].endswith("/v1/customer/A%2F1")


def test_if_match_needs_quotes_and_the_present_version(api: Any) -> None:
    etag = api.get("/v1/customer/10042").headers["ETag"]
    note = api.wrap(note="a")
    assert api.put("/v1/customer/10042", note, headers={"If-Match": etag.strip('"')}).status_code == 412
    fresh = api.put("/v1/customer/10042", note, headers={"If-Match": etag})
    assert fresh.status_code == 204
    stale = api.put("/v1/customer/10042", note, headers={"If-Match": etag})
    assert (stale.status_code, stale.content) == (412, b"")
    assert api.put("/v1/customer/10042", note).status_code == 204, "If-Match is optional"


def test_an_action_checks_the_version_and_the_release_changes_it(api: Any) -> None:
    number = api.create_payment("125.00", api.line("000224", "125.00"))
    path = f"/v1/customerPayment/{number}"
    etag = api.get(path).headers["ETag"]
    body = api.wrap(type="Payment")
    assert api.post(f"{path}/action/release", body, headers={"If-Match": '"AAAAAAAAAAA="'}).status_code == 412
    released = api.post(f"{path}/action/release", body, headers={"If-Match": etag})
    assert released.status_code == 200
    assert released.headers["ETag"] == api.get(path).headers["ETag"] != etag


def test_lists_carry_the_version_as_time_stamp_only(api: Any) -> None:
    answer = api.get("/v1/customer")
    assert "ETag" not in answer.headers
    single = api.get("/v1/customer/10042").headers["ETag"]
    assert single == f'"{answer.json()[0]["timeStamp"]}"'


def test_amounts_are_read_back_with_four_decimals_and_rates_with_eight(api: Any) -> None:
    number = api.create_payment("125.5")
    assert b'"paymentAmount":125.5000' in api.get(f"/v1/customerPayment/{number}").content
    assert b'"exchangeRate":1.17250000' in api.get("/v1/customerinvoice/000300").content


def test_an_amount_finer_than_its_currency_is_refused(api: Any) -> None:
    assert "decimals" in api.message(api.post("/v1/customerPayment", api.payment("125.005")))


def test_in_currency_values_are_in_the_base_currency(api: Any) -> None:
    row = api.rows("/v1/customerinvoice", paymentReference="", externalReference="")[-1]
    assert (row["currencyId"], row["amount"], row["amountInCurrency"]) == ("GBP", Decimal(80), Decimal("93.80"))


def test_dates_are_written_differently_by_each_kind_of_document(api: Any) -> None:
    payment = api.create_payment()
    batch = api.number_of(api.post("/v2/journaltransaction", api.payout()))
    note = api.number_of(api.post("/v2/customerCreditNote", api.credit_note()))
    assert api.get(f"/v1/customerPayment/{payment}").json()["applicationDate"] == "2026-03-02T00:00:00"
    assert api.get(f"/v2/journaltransaction/{batch}").json()["transactionDate"] == "2026-03-05T00:00:00Z"
    assert api.get(f"/v1/customerCreditNote/{note}").json()["documentDate"] == "2026-03-04T00:00:00+01:00"


def test_stamps_are_zoneless_local_time(api: Any) -> None:
    api.put("/v1/customer/10042", api.wrap(note="a"))
    assert api.get("/v1/customer/10042").json()["lastModifiedDateTime"] == "2026-03-10T13:00:00.000"
    api.company.switches.stamp_zone = "UTC"
    assert api.get("/v1/customer/10042").json()["lastModifiedDateTime"] == "2026-03-10T12:00:00.000"


def test_post_period_is_read_back_as_year_and_month(api: Any) -> None:
    number = api.number_of(api.post("/v2/journaltransaction", api.payout()))
    row = api.get(f"/v2/journaltransaction/{number}").json()
    assert (row["postPeriod"], row["financialPeriod"]) == ("202603", "202603")


def test_a_post_period_on_write_is_month_and_year_as_documented(api: Any) -> None:
    body = api.payout()
    del body["financialPeriod"]
    assert api.post("/v2/journaltransaction", {**body, **api.wrap(postPeriod="042026")}).status_code == 201
    assert "FinPeriodID" in api.message(api.post("/v2/journaltransaction", {**body, **api.wrap(postPeriod="202604")}))


def test_a_draft_deleted_at_the_screen_is_404(api: Any) -> None:
    number = api.create_payment()
    api.company.clerk.delete_payment(number)
    assert api.get(f"/v1/customerPayment/{number}").status_code == 404
    assert api.rows("/v1/customerPayment", customer="10042") == []


@pytest.mark.parametrize("kind", ["payment", "journal", "credit note", "cash transaction"])
def test_an_own_number_used_twice_is_refused(api: Any, kind: str) -> None:
    path, body = {
        "payment": ("/v1/customerPayment", api.payment(referenceNumber="GCPM00ABC")),
        "journal": ("/v2/journaltransaction", api.payout(batchNumber="GCPO00XYZ")),
        "credit note": ("/v2/customerCreditNote", api.credit_note(referenceNumber="GCRF00ABC")),
        "cash transaction": (
            "/v1/cashTransaction",
            api.wrap(
                referenceNumber="GCCA00ABC",
                cashAccount="1985",
                entryType="GCFEE",
                tranDate="2026-03-05T00:00:00",
                cashTransactionDetails=[api.wrap(amount=3.2)],
            ),
        ),
    }[kind]
    body = {**body, **api.wrap(overrideNumberSeries=True)}
    assert api.number_of(api.post(path, body)).startswith("GC")
    assert "already exists" in api.message(api.post(path, body))


def test_an_own_number_is_unique_per_type_and_ignored_without_the_override(api: Any) -> None:
    own = api.wrap(referenceNumber="GC1", overrideNumberSeries=True)
    assert api.post("/v1/customerPayment", {**api.payment(), **own}).status_code == 201
    assert api.post("/v1/customerPayment", {**api.payment(type="Prepayment"), **own}).status_code == 201
    assert api.create_payment(referenceNumber="GC1") == "000001"
    too_long = api.payment(referenceNumber="GC" + "0" * 14, overrideNumberSeries=True)
    assert "15 characters" in api.message(api.post("/v1/customerPayment", too_long))


def test_an_upgrade_touches_every_row(api: Any) -> None:
    before = {row["number"]: row["timeStamp"] for row in api.rows("/v1/customer")}
    api.company.clock.advance(timedelta(minutes=30))
    api.company.touch_everything()
    after = api.rows("/v1/customer", lastModifiedDateTime="2026-03-10T13:30:00", lastModifiedDateTimeCondition=">=")
    assert {row["number"] for row in after} == set(before)
    assert all(row["timeStamp"] != before[row["number"]] for row in after)
